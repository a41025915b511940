"""STOW-RS: what is brought goes through the same checks as what is sent, and the answer says what became of each."""

from __future__ import annotations

import io
import socket
from typing import Any

import httpx
import pytest
from dicomweb_client import DICOMwebClient
from pydicom import dcmread
from requests import Session

from fidac_node.dicom.uids import EXPLICIT_VR_BE, IMPLICIT_VR_LE
from tests.hub_objects import data_set, encoded, uid
from tests.integration.hub.web.conftest import WebHub
from tests.integration.hub.web.test_metadata import address
from tests.support import wait_until

BOUNDARY = "xYz'()+_,-./:=? 1"
TYPE = {"Content-Type": f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'}


def body(*objects: bytes, kind: str = "application/dicom", boundary: str = BOUNDARY) -> bytes:
    head = f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode()
    return b"".join(head + content + b"\r\n" for content in objects) + f"--{boundary}--".encode()


def result(answer: httpx.Response) -> dict[str, list[Any]]:
    """What the answer says: UIDs that are stored, and those that are not with their Failure Reason."""
    ds = answer.json()
    stored = [one["00081155"]["Value"][0] for one in ds.get("00081199", {}).get("Value", [])]
    failed = [
        (one["00081155"]["Value"][0], one["00081197"]["Value"][0]) for one in ds.get("00081198", {}).get("Value", [])
    ]
    others = [one["00081197"]["Value"][0] for one in ds.get("0008119A", {}).get("Value", [])]
    return {name: values for name, values in (("stored", stored), ("failed", failed), ("others", others)) if values}


def post(hub: WebHub, content: Any, path: str = "/studies", token: str = "", **headers: str) -> httpx.Response:
    with hub.client(token or hub.token("store:LILLE")) as client:
        return client.post(path, content=content, headers={**TYPE, **headers})


def test_what_is_brought_is_filed_for_the_site_of_the_token_and_can_be_fetched_at_once(filing: WebHub) -> None:
    objects = [data_set(20, instance=number) for number in (1, 2, 3)]
    answer = post(filing, body(*map(encoded, objects)))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    assert result(answer) == {"stored": [ds.SOPInstanceUID for ds in objects]}
    assert answer.json()["00081190"]["Value"] == [f"{filing.url}/studies/{uid(20, 1)}"]
    urls = [one["00081190"]["Value"][0] for one in answer.json()["00081199"]["Value"]]
    whole = filing.get(urls[0].removeprefix(filing.url), headers={"Accept": "application/dicom"})
    fetched = dcmread(io.BytesIO(whole.content))
    assert fetched.file_meta.SourceApplicationEntityTitle == "LILLE_NODE"
    assert fetched == dcmread(io.BytesIO(encoded(objects[0])))
    assert filing.get(f"{urls[0].removeprefix(filing.url)}/metadata").json()[0]["00100020"]["Value"] == ["PSEUDO0020"]
    again = post(filing, body(encoded(objects[0])))
    assert (again.status_code, result(again)) == (200, {"stored": [objects[0].SOPInstanceUID]})


def test_what_is_not_deidentified_is_409_with_the_reason_and_held(filing: WebHub) -> None:
    ds = data_set(21, PatientIdentityRemoved="NO")
    answer = post(filing, body(encoded(ds)))
    assert answer.status_code == 409
    assert result(answer) == {"failed": [(ds.SOPInstanceUID, 0xC110)]}
    assert "not-deidentified: PatientIdentityRemoved (0012,0062) is not YES" in answer.headers["warning"]
    assert len(filing.rooms.intake.spool.entries("held")) == 1
    assert filing.get(address(21, 1, 1, 1)).status_code == 404


def test_the_others_are_stored_when_some_are_not(filing: WebHub) -> None:
    good, foreign = data_set(22), data_set(23, site="PARIS")
    strange = data_set(24, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    big_endian = encoded(data_set(25), EXPLICIT_VR_BE)
    broken = encoded(data_set(26))[:600]
    answer = post(filing, body(*map(encoded, (good, foreign, strange)), big_endian, broken, b"no object", b""))
    assert answer.status_code == 202
    assert result(answer) == {
        "stored": [good.SOPInstanceUID],
        "failed": [
            (strange.SOPInstanceUID, 0x0122),
            (uid(25, 1, 1, 1), 0xC122),
            (foreign.SOPInstanceUID, 0xC110),
            (uid(26, 1, 1, 1), 0xC110),  # cut short: kept for a person, as what came by C-STORE is
        ],
        "others": [0xC001, 0xC001],
    }
    assert filing.get(address(22, 1, 1, 1)).status_code == 200


def test_an_address_of_a_study_takes_that_study_alone(filing: WebHub) -> None:
    this, other = data_set(27), data_set(28)
    answer = post(filing, body(encoded(this), encoded(other)), f"/studies/{uid(27, 1)}")
    assert answer.status_code == 202
    assert result(answer) == {"stored": [this.SOPInstanceUID], "failed": [(other.SOPInstanceUID, 0xA900)]}
    assert post(filing, body(encoded(this)), "/studies/x").status_code == 404


def test_one_object_may_come_alone_and_in_any_pieces(filing: WebHub) -> None:
    content = encoded(data_set(29), IMPLICIT_VR_LE)
    alone = post(filing, content, **{"Content-Type": "application/dicom"})
    assert (alone.status_code, result(alone)) == (200, {"stored": [uid(29, 1, 1, 1)]})
    whole = body(encoded(data_set(30)), encoded(data_set(31)))
    pieces = (whole[at : at + 7] for at in range(0, len(whole), 7))
    assert result(post(filing, pieces))["stored"] == [uid(30, 1, 1, 1), uid(31, 1, 1, 1)]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {}, 400),
        (b"nothing of that", {}, 400),
        (body(), {}, 400),
        (body(b"x", boundary="another"), {}, 400),
        (body(b"x")[:-4], {}, 400),
        (b"--" + BOUNDARY.encode() + b" x\r\n\r\n", {}, 400),
        (b"y" * 100_000, {}, 400),
        (b"", {"Content-Type": "multipart/related; type=application/dicom"}, 400),
        (b"", {"Content-Type": 'multipart/related; type=application/dicom; boundary="\x01"'}, 400),
        (b"", {"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=x'}, 415),
        (b"x", {"Content-Type": "text/plain"}, 415),
        (b"x", {"Content-Type": ""}, 415),
        (body(b"x", kind="image/jpeg"), {}, 409),
        (body(b"x"), {"Accept": "application/dicom+xml"}, 406),
    ],
)
def test_a_body_that_is_none_leaves_nothing_and_the_answer_says_how_to_write_one(
    own: WebHub, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = post(own, content, **headers)
    assert answer.status_code == status, answer.text
    assert list((own.rooms.intake.spool.directory / "tmp").iterdir()) == []
    assert own.rooms.intake.spool.entries("new") == []


def test_what_is_too_large_is_refused_as_it_comes(own: WebHub) -> None:
    own.rooms.intake.limit = 1 << 20
    content = encoded(data_set(32, PixelData=bytes(2 << 20)))
    answer = post(own, body(content))
    assert (answer.status_code, result(answer)) == (409, {"failed": [(uid(32, 1, 1, 1), 0xC003)]})
    assert list((own.rooms.intake.spool.directory / "tmp").iterdir()) == []


def test_a_body_that_breaks_off_leaves_what_came_whole_and_the_server_goes_on(own: WebHub) -> None:
    first, second = encoded(data_set(33)), encoded(data_set(34, PixelData=bytes(4 << 20)))
    whole = body(first, second)
    host, port = own.url.removeprefix("http://").split("/")[0].split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            (
                f"POST /dicom-web/studies HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(whole)}\r\n"
                f"Authorization: Bearer {own.token('store:LILLE')}\r\nContent-Type: {TYPE['Content-Type']}\r\n\r\n"
            ).encode()
            + whole[: len(whole) // 2]
        )
        waiting = own.rooms.intake.spool
        wait_until(lambda: any((waiting.directory / "tmp").iterdir()))
    wait_until(lambda: not any((waiting.directory / "tmp").iterdir()))
    (entry,) = waiting.entries("new")
    assert dcmread(waiting.path(entry)).SOPInstanceUID == uid(33, 1, 1, 1)
    assert own.get("/studies").status_code == 200
    assert own.rooms.trail.verify().broken == []


def test_who_may_not_store_stores_nothing(own: WebHub) -> None:
    content = body(encoded(data_set(35)))
    refused = post(own, content, token=own.token("read:index", "read:images"))
    assert refused.status_code == 403 and 'scope="store:SITE"' in refused.headers["www-authenticate"]
    assert post(own, content, token="nonsense").status_code == 401
    own.db.execute_sql("UPDATE site SET ae_title = NULL WHERE id = 'LILLE'")
    assert result(post(own, content)) == {"failed": [(uid(35, 1, 1, 1), 0x0124)]}
    assert own.rooms.intake.spool.entries("new") == []


def test_a_full_disk_says_come_again(own: WebHub) -> None:
    own.rooms.intake.ready = lambda share: "disk reserve reached" if share < 1 else ""
    answer = post(own, body(encoded(data_set(36))))
    assert (answer.status_code, result(answer)) == (503, {"failed": [(uid(36, 1, 1, 1), 0xA700)]})
    own.rooms.intake.ready = lambda _share: "disk reserve reached"
    answer = post(own, body(encoded(data_set(36))))
    assert answer.status_code == 503 and answer.headers["retry-after"]


def test_dicomweb_client_stores(filing: WebHub) -> None:
    session = Session()
    session.headers["Authorization"] = f"Bearer {filing.token('store:LILLE')}"
    client = DICOMwebClient(filing.url, session=session)
    objects = [dcmread(io.BytesIO(encoded(data_set(37, instance=number)))) for number in (1, 2)]
    response = client.store_instances(objects, uid(37, 1))
    assert len(response.ReferencedSOPSequence) == 2
    session.close()
