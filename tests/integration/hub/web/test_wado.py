"""WADO-RS: what is fetched is what the archive has, byte for byte, in an encoding that the client takes or none."""

from __future__ import annotations

import io
import os
import re
from email.parser import BytesParser

import numpy as np
import psutil
import pytest
from dicomweb_client import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import RLELosslessEncoder
from requests import HTTPError, Session

from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.hub.archive import Place
from fidac_node.hub.index.models import Instance
from tests.hub_objects import data_set, encoded, uid
from tests.integration.hub.web.conftest import WebHub

STUDY, SERIES, SOP = uid(1, 1), uid(1, 1, 1), uid(1, 1, 1, 1)
RLE = "1.2.840.10008.1.2.5"
ONE = f"/studies/{STUDY}/series/{SERIES}/instances/{SOP}"
JPEG_LS = "1.2.840.10008.1.2.4.80"
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def parts(answer: object) -> list[tuple[dict[str, str], bytes]]:
    """The parts of a multipart answer, taken apart by Python's own parser."""
    headers, body = answer.headers, answer.content  # type: ignore[attr-defined]
    message = BytesParser().parsebytes(b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body)
    assert message.is_multipart()
    boundary = re.search(r"boundary=(\w+)", headers["content-type"])
    assert boundary is not None
    pieces = body.split(f"\r\n--{boundary[1]}".encode())
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    found = []
    for piece in pieces[1:-1]:
        head, _, content = piece[2:].partition(b"\r\n\r\n")
        found.append((dict(line.split(": ", 1) for line in head.decode().split("\r\n")), content))
    return found


def compressed(instance: int = 1, frames: int = 1) -> Dataset:
    """Of patient 6, as RLE: noise, other in each instance and frame."""
    pixels = np.random.default_rng(instance).integers(0, 4096, (frames, 32, 48)).astype("<u2")
    ds = data_set(
        6,
        instance=instance,
        Rows=32,
        Columns=48,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsStored=12,
        HighBit=11,
        PixelRepresentation=0,
        NumberOfFrames=frames,
    )
    described = {
        "rows": 32,
        "columns": 48,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": 12,
        "pixel_representation": 0,
        "number_of_frames": 1,
    }
    coded = [RLELosslessEncoder.encode(frame, encoding_plugin="pydicom", **described) for frame in pixels]
    ds.PixelData = encapsulate(coded)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def file_of(web: WebHub, *numbers: int, site: str = "LILLE") -> bytes:
    patient, study, _, _ = numbers
    place = Place(site, uid(patient, study), uid(*numbers[:3]), uid(*numbers))
    return web.archive.path(place).read_bytes()


@pytest.mark.parametrize(
    ("path", "number"), [(f"/studies/{STUDY}", 7), (f"/studies/{STUDY}/series/{SERIES}", 5), (ONE, 1)]
)
@pytest.mark.parametrize("accept", [AS_STORED, "*/*", 'multipart/related; type="application/dicom"'])
def test_every_object_comes_as_the_archive_has_it(web: WebHub, path: str, number: int, accept: str) -> None:
    answer = web.get(path, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
    found = parts(answer)
    assert len(found) == number
    for headers, content in found:
        assert headers["Content-Type"] == f"application/dicom; transfer-syntax={EXPLICIT_VR_LE}"
        ds = dcmread(io.BytesIO(content))
        numbers = map(int, ds.SOPInstanceUID.removeprefix("2.25.1.").split("."))
        assert content == file_of(web, *numbers)
        assert headers["Content-Location"].endswith(f"/instances/{ds.SOPInstanceUID}")
        assert headers["Content-Location"].startswith(f"{web.url}/studies/{STUDY}/series/")


def test_one_object_comes_alone_with_ranges_and_a_validator(web: WebHub) -> None:
    accept, whole = {"Accept": "application/dicom"}, file_of(web, 1, 1, 1, 1)
    answer = web.get(ONE, headers=accept)
    assert answer.content == whole
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={EXPLICIT_VR_LE}"
    tag = answer.headers["etag"]
    part = web.get(ONE, headers={**accept, "Range": "bytes=128-131", "If-Range": tag})
    assert (part.status_code, part.content) == (206, b"DICM")
    assert part.headers["content-range"] == f"bytes 128-131/{len(whole)}"
    assert web.get(ONE, headers={**accept, "Range": "bytes=-4"}).content == whole[-4:]
    assert web.get(ONE, headers={**accept, "Range": f"bytes={10**9}-"}).status_code == 416
    assert web.get(ONE, headers={**accept, "Range": "bytes=5-1,x"}).status_code in (200, 400, 416)
    assert web.get(ONE, headers={**accept, "Range": "bytes=0-1", "If-Range": '"other"'}).content == whole
    again = web.get(ONE, headers={**accept, "If-None-Match": f'"x", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    with web.client(Accept="application/dicom") as client:
        assert int(client.head(ONE).headers["content-length"]) == len(whole)


def test_implicit_vr_becomes_explicit_vr_for_who_does_not_ask_for_it_and_nothing_else_changes(
    own: WebHub,
) -> None:
    (path,) = own.file(data_set(5), syntax=IMPLICIT_VR_LE)
    address = f"/studies/{uid(5, 1)}/series/{uid(5, 1, 1)}/instances/{uid(5, 1, 1, 1)}"
    before = dcmread(path)
    for accept in ("*/*", "application/dicom"):
        answer = own.get(address, headers={"Accept": accept})
        content = answer.content if accept == "application/dicom" else parts(answer)[0][1]
        after = dcmread(io.BytesIO(content))
        assert after.file_meta.TransferSyntaxUID == EXPLICIT_VR_LE
        assert [one for one in after if one.tag.group != 0x0F1D] == [one for one in before if one.tag.group != 0x0F1D]
        assert after.PixelData == before.PixelData
    ((headers, content),) = parts(own.get(address, headers={"Accept": AS_STORED}))
    assert headers["Content-Type"].endswith(f"transfer-syntax={IMPLICIT_VR_LE}")
    assert content == path.read_bytes()
    named = own.get(address, headers={"Accept": f"application/dicom; transfer-syntax={IMPLICIT_VR_LE}"})
    assert named.content == path.read_bytes()


def test_what_is_compressed_is_given_as_it_is_stored_or_decoded_to_the_last_bit(own: WebHub) -> None:
    paths = own.file(*(compressed(n) for n in (1, 2)), data_set(6, instance=3), syntax=RLE)
    Instance.update(transfer_syntax_uid=EXPLICIT_VR_LE).where(Instance.sop_instance_uid == uid(6, 1, 1, 3)).execute(
        own.db
    )
    paths[2].write_bytes(encoded(data_set(6, instance=3)))
    pixels = bytes(range(32))
    address = f"/studies/{uid(6, 1)}"
    assert [content for _, content in parts(own.get(address, headers={"Accept": AS_STORED}))] == [
        path.read_bytes() for path in paths
    ]
    for syntax in (EXPLICIT_VR_LE, IMPLICIT_VR_LE):
        accept = f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'
        found = parts(own.get(address, headers={"Accept": accept}))
        assert {headers["Content-Type"] for headers, _ in found} == {f"application/dicom; transfer-syntax={syntax}"}
        for path, (_, content) in zip(paths, found, strict=True):
            decoded = dcmread(io.BytesIO(content)).PixelData
            assert decoded == (pixels if path == paths[2] else dcmread(path).pixel_array.astype("<u2").tobytes())
    one = f"{address}/series/{uid(6, 1, 1)}/instances/{uid(6, 1, 1, 1)}"
    accept = f"application/dicom; transfer-syntax={JPEG_LS};q=0.9, application/dicom; transfer-syntax={RLE};q=0.1"
    assert own.get(one, headers={"Accept": accept}).content == paths[0].read_bytes()
    answer = own.get(one, headers={"Accept": f"application/dicom; transfer-syntax={JPEG_LS}"})
    assert answer.status_code == 406 and "transfer-syntax=*" in answer.json()["message"]


def test_what_cannot_be_decoded_is_406_and_as_it_is_stored_it_is_given(own: WebHub) -> None:
    ds = compressed(1)
    ds.PixelData = encapsulate([b"no codestream"])
    (path,) = own.file(ds, syntax=JPEG_LS)
    answer = own.get(f"/studies/{uid(6, 1)}")
    assert answer.status_code == 406 and "transfer-syntax=*" in answer.json()["message"]
    ((_, content),) = parts(own.get(f"/studies/{uid(6, 1)}", headers={"Accept": AS_STORED}))
    assert content == path.read_bytes()


def test_what_somebody_has_already_is_not_sent_again(web: WebHub) -> None:
    for path in (f"/studies/{STUDY}", f"/studies/{STUDY}/metadata", f"{ONE}/frames/1", f"{ONE}/bulkdata/7FE00010"):
        tag = web.get(path).headers["etag"]
        again = web.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"].removeprefix("W/")) == (
            304,
            b"",
            tag.removeprefix("W/"),
        )
    assert web.get(ONE, headers={"If-None-Match": web.get(f"/studies/{STUDY}").headers["etag"]}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html", 406),
        ('multipart/related; type="image/jpeg"', 406),
        ("application/dicom+json", 406),
        ("application/dicom; transfer-syntax=1.2.3", 406),
    ],
)
def test_what_cannot_be_given_is_406(web: WebHub, accept: str, status: int) -> None:
    assert web.get(ONE, headers={"Accept": accept}).status_code == status


def test_a_whole_study_is_not_one_object(web: WebHub) -> None:
    assert web.get(f"/studies/{STUDY}", headers={"Accept": "application/dicom"}).status_code == 406


@pytest.mark.parametrize(
    "path",
    [
        "/studies/1.2.3",
        f"/studies/{STUDY}/series/{uid(2, 1, 1)}",
        f"/studies/{STUDY}/series/{SERIES}/instances/1.2",
        "/studies/*",
        f"/studies/{STUDY},{uid(1, 2)}",
        f"/studies/{STUDY}/series/..%2f..%2f..%2fhub.toml",
    ],
)
def test_what_is_not_there_and_what_is_no_name_are_404(web: WebHub, path: str) -> None:
    assert web.get(path).status_code == 404


def test_a_token_fetches_nothing_without_its_scope_and_nothing_of_another_programme(web: WebHub) -> None:
    assert {web.get(path, web.token("read:index")).status_code for path in (ONE, "/studies/1.2.3")} == {403}
    other = web.token("read:images", programme="OTHER")
    assert {web.get(path, other).status_code for path in (ONE, "/studies/1.2.3")} == {404}
    assert len(parts(web.get(f"/studies/{uid(3, 1)}", other))) == 1


def test_a_study_that_the_archive_lacks_an_object_of_is_not_given_in_part(own: WebHub) -> None:
    own.archive.path(Place("LILLE", STUDY, SERIES, SOP)).unlink()
    answer = own.get(f"/studies/{STUDY}")
    assert answer.status_code == 500
    assert "archive" in answer.json()["message"]
    assert str(own.archive.directory) not in answer.text


def test_memory_stays_flat_while_a_large_object_is_fetched(own: WebHub) -> None:
    """The server is in this process; the client counts and forgets."""
    path = own.archive.path(Place("LILLE", STUDY, SERIES, SOP))
    os.truncate(path, 1 << 28)  # sparse: only its size matters here
    Instance.update(bytes=1 << 28).where(Instance.sop_instance_uid == SOP).execute(own.db)
    process = psutil.Process()
    before, most, size = process.memory_info().rss, 0, 0
    with own.client(Accept=AS_STORED) as client, client.stream("GET", ONE) as answer:
        for number, piece in enumerate(answer.iter_raw(1 << 20)):
            size += len(piece)
            if number % 8 == 0:
                most = max(most, process.memory_info().rss)
    assert size > 1 << 28
    assert int(answer.headers["content-length"]) == size
    assert most - before < 48 << 20


def test_dicomweb_client_fetches_the_same(web: WebHub) -> None:
    session = Session()
    session.headers["Authorization"] = f"Bearer {web.token()}"
    client = DICOMwebClient(web.url, session=session)
    assert client.retrieve_instance(STUDY, SERIES, SOP) == dcmread(io.BytesIO(file_of(web, 1, 1, 1, 1)))
    assert len(client.retrieve_series(STUDY, SERIES)) == 5
    assert len(client.retrieve_study(STUDY)) == len(list(client.iter_study(STUDY))) == 7
    assert len(list(client.iter_series(STUDY, SERIES))) == 5
    for delete, names in ((client.delete_study, 1), (client.delete_series, 2), (client.delete_instance, 3)):
        with pytest.raises(HTTPError, match="405"):  # nothing is deleted by HTTP
            delete(*(STUDY, SERIES, SOP)[:names])
    session.close()
