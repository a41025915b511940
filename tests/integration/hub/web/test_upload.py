"""Uploads over real sockets: what is brought is safe once, what names somebody is not kept, and nobody is believed."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from peewee import OperationalError

from fidac_node.cli import cli
from fidac_node.config.config import load_hub
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.hub.index import StudyFilter, find
from fidac_node.hub.index.rebuild import reindex
from fidac_node.operations.journal import journals
from fidac_node.operations.setup import init_hub
from fidac_node.system import signed
from fidac_node.system.database import ask
from tests.hub_objects import data_set, encoded
from tests.integration.hub.web.conftest import WebHub
from tests.integration.hub.web.uploading import CHECK, PLAN, Browser, made, sha256, stored, uploading
from tests.support import wait_until
from tests.unit.deidentify import build


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHub]:
    with uploading(tmp_path_factory.mktemp("uploads")) as found:
        yield found


@pytest.fixture
def own(tmp_path: Path) -> Iterator[WebHub]:
    with uploading(tmp_path) as found:
        yield found


def study(number: int) -> dict[str, str]:
    """A study and a patient of its own."""
    return {"StudyInstanceUID": f"{build.ROOT}.1.{number}", "PatientID": f"IPP80034{number:05d}"}


def waiting(hub: WebHub) -> list[str]:
    """Names of whatever is on its way in the spool, or lies there."""
    directory = hub.rooms.intake.spool.directory
    return [path.name for state in ("tmp", "new", "work", "held") for path in (directory / state).rglob("*.dcm")]


def test_a_study_is_brought_object_by_object_and_ends_with_a_receipt_that_the_hub_signed(
    own: WebHub, tmp_path: Path
) -> None:
    contents = [made(tmp_path, number) for number in range(1, 6)]
    with Browser(own) as browser:
        begun = browser.begin().json()
        assert (begun["site"], begun["programme"], begun["profile_digest"]) == ("LILLE", "FIDAC", PLAN.digest)
        names = [sha256(one) for one in contents]
        assert browser.missing(*names) == names
        assert [browser.put(one).status_code for one in contents] == [201] * 5
        assert browser.missing(*names, "0" * 64) == ["0" * 64]
        (row, *_) = wait_until(lambda: list(find(own.db, "studies", StudyFilter())))
        uid = row.StudyInstanceUID
        pcr = [{"study": uid, "result": "positive", "days": -2}]
        held = [{"reason": "screen", "count": 1}]
        done = browser.complete(*contents, held=held, pcr=pcr)
        assert done.status_code == 200, done.text
        assert (done.json()["committed"], done.json()["waiting"], done.json()["others"]) == (5, 0, [])
        receipt = browser.client.get(f"/receipts/{done.json()['receipt']}")
        said = signed.stated(receipt.content, signed.RECEIPT)
        signed.check(receipt.content, signed.RECEIPT, said["hub_key"])
        assert json.loads(receipt.content)["signature"] == done.json()["signature"]
        assert said["studies"] == [
            {
                "pseudonym": said["studies"][0]["pseudonym"],
                "study": uid,
                "series": 1,
                "objects": 5,
                "labels": ["certain"],
            }
        ]
        assert (said["committed"], said["not_sent"]) == (5, {"screen": 1})
        assert browser.complete(*contents, held=held, pcr=pcr).json() == done.json(), "asked again, the same receipt"
        assert [browser.put(one).status_code for one in contents] == [200] * 5
    assert ask(own.db, "SELECT study, result, days FROM upload_result") == [(uid, "positive", -2)]
    acts = [(act.act, act.what, act.number) for act in own.rooms.trail.acts()]
    assert acts[-1] == ("upload", f"site LILLE, programme FIDAC, receipt {done.json()['receipt']}", 5)
    assert sum(row.instances for row in find(own.db, "studies", StudyFilter())) == 5  # type: ignore[union-attr]


@pytest.mark.parametrize("node_first", [True, False])
def test_a_study_that_a_node_sent_and_a_person_brought_is_one_and_both_labels_are_known(
    own: WebHub, tmp_path: Path, node_first: bool
) -> None:
    sent = [made(tmp_path, number, label="possible", source="called-ae") for number in (1, 2)]
    # From a CD the same images come in another transfer syntax.
    brought = [made(tmp_path, number, syntax=syntax) for number, syntax in ((1, EXPLICIT_VR_LE), (2, IMPLICIT_VR_LE))]

    def node() -> None:
        for one in sent:
            stored(own, one)
        wait_until(lambda: not waiting(own))

    with Browser(own) as browser:
        if node_first:
            node()
        assert [browser.put(one).status_code for one in brought] == [200 if node_first else 201] * 2
        assert browser.complete(*brought).json()["committed"] == 2
        if not node_first:
            node()
    held = own.rooms.intake.spool.entries("held")
    assert held == [], [own.rooms.intake.spool.reason(entry) for entry in held]
    (row,) = find(own.db, "studies", StudyFilter())
    assert (row.instances, row.label, row.label_source) == (2, "certain", "portal"), "whichever came first"
    init_hub(tmp_path / "settings", {})
    ((name,),) = ask(own.db, "SELECT who FROM upload_session")
    (told,) = journals(load_hub(tmp_path / "settings" / "hub.toml"), own.db, row.StudyInstanceUID)
    first, other = ("certain", "portal", name, "possible"), ("possible", "called-ae", "", "")
    assert [said[1:5] for said in told.labels] == [first if node_first else other]
    assert {one.upload for one in told.objects} == {"" if node_first else name}
    # The files say what came first; what is made anew from them knows the rest.
    reindex(own.archive, own.db)
    (again,) = find(own.db, "studies", StudyFilter())
    assert (again.label, again.label_source) == ("certain", "portal")
    assert [series.label for series in find(own.db, "series", StudyFilter(label="certain"))] == ["certain"]


def test_another_image_under_the_same_uid_is_a_conflict_and_the_answer_says_so(own: WebHub, tmp_path: Path) -> None:
    first = made(tmp_path)
    with Browser(own) as browser:
        browser.put(first)
        assert browser.complete(first).status_code == 200
        for other in (made(tmp_path, PixelData=bytes(32)), made(tmp_path, SliceThickness="7.5")):
            answer = browser.put(other)
            assert (answer.status_code, answer.json()["reason"]) == (409, "conflict"), answer.text
            assert browser.missing(sha256(other)) == [sha256(other)]
        assert "SliceThickness" in answer.json()["message"]
        stranger = made(tmp_path, 2, PatientID="IPP5")  # of the same study: that shows when it is filed
        browser.put(stranger)
        assert [one["reason"] for one in browser.complete(stranger).json()["others"]] == ["conflict"]
        answer = browser.put(stranger)
        assert (answer.status_code, answer.json()["reason"]) == (409, "conflict")
    assert len(own.rooms.intake.spool.entries("held")) == 3
    assert ask(own.db, "SELECT COUNT(*) FROM label_history") == [(0,)]


def test_nothing_is_called_committed_before_it_is_in_the_archive_and_in_the_index(tmp_path: Path) -> None:
    with uploading(tmp_path, files=False) as stalled, Browser(stalled) as browser:
        stalled.rooms.commit._patience = 0.0  # nobody files here
        content = made(tmp_path)
        assert [browser.put(content).status_code for _ in range(2)] == [201, 200]
        answer = browser.complete(content)
        assert (answer.status_code, answer.json()) == (202, {"committed": 0, "waiting": 1, "others": []})
        answer = browser.complete(content, made(tmp_path, 2))
        assert [one["reason"] for one in answer.json()["others"]] == ["missing"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"PatientIdentityRemoved": "NO"}, "PatientIdentityRemoved (0012,0062) is not YES"),
        ({"PatientName": "QUENOUILLE^ZOE"}, "is not known here"),
        ({"ClinicalTrialSiteID": "PARIS"}, "ClinicalTrialSiteID (0012,0030) is not LILLE"),
    ],
)
def test_what_is_not_deidentified_is_refused_and_nothing_of_it_is_kept(
    hub: WebHub, change: dict[str, str], said: str
) -> None:
    content = encoded(data_set(60, **change))
    with Browser(hub) as browser:
        answer = browser.put(content)
        assert answer.status_code == 422 and said in answer.json()["message"]
        assert answer.json()["reason"] in ("not-deidentified", "unknown-recipe")
        assert "QUENOUILLE" not in answer.text
        assert browser.missing(sha256(content)) == [sha256(content)]
    assert waiting(hub) == []


def test_a_name_hidden_under_the_marks_of_a_known_profile_is_refused(hub: WebHub, tmp_path: Path) -> None:
    content = made(tmp_path, 61, **study(61))
    head, modality, rest = content.partition(b"\x08\x00\x60\x00CS\x02\x00CT")
    lie = head + modality + b"\x08\x00\x64\x00CS\x0a\x00RX24088731" + rest
    with Browser(hub) as browser:
        answer = browser.put(lie)
    assert (answer.status_code, answer.json()["reason"]) == (422, "not-deidentified")
    assert "RX24088731" not in answer.text and waiting(hub) == []


def test_a_digest_that_is_not_that_of_the_body_is_refused(hub: WebHub, tmp_path: Path) -> None:
    content = made(tmp_path, 62, **study(62))
    with Browser(hub) as browser:
        for answer in (
            browser.put(content, "0" * 64),  # Content-Digest is that of the body
            browser.put(content, "0" * 64, **{"Content-Digest": ""}),
            browser.put(content, **{"Content-Digest": "sha-256=:AAAA:"}),
            browser.put(content, sha256(content).upper()),
            browser.put(content, sha256(content)[:-1]),
        ):
            assert (answer.status_code, answer.json()["reason"]) == (422, "digest"), answer.text
        for name in ("..%2f..%2fetc%2fpasswd", "../../../index.db", "x/y"):
            assert browser.put(content, name).status_code in (404, 405, 422)
        assert browser.put(content, **{"Content-Type": "application/json"}).status_code == 415
        assert browser.put(content, **{"Content-Type": ""}).status_code == 415
    assert waiting(hub) == []


def test_half_a_body_leaves_nothing_and_the_server_goes_on(hub: WebHub, tmp_path: Path) -> None:
    content = made(tmp_path, 63, **study(63))
    host, port = hub.url.removeprefix("http://").split("/")[0].split(":")
    with Browser(hub) as browser:
        with socket.create_connection((host, int(port))) as client:
            head = (
                f"PUT /upload/sessions/{browser.session}/objects/{sha256(content)} HTTP/1.1\r\nHost: {host}\r\n"
                f"Cookie: {browser.client.headers['Cookie']}\r\nContent-Type: application/dicom\r\n"
                f"X-CSRF-Token: {browser.client.headers['X-CSRF-Token']}\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            client.sendall(head.encode() + content[: len(content) // 2])
        wait_until(lambda: not waiting(hub))
        assert browser.put(content[: len(content) // 2]).status_code == 422  # whole, and half an object
        assert browser.put(content).status_code == 201
        assert browser.complete(content).status_code == 200


def test_a_session_is_its_owners_and_its_sites_alone(hub: WebHub, tmp_path: Path) -> None:
    content = made(tmp_path, 64, **study(64))
    with Browser(hub) as mine, Browser(hub) as colleague, Browser(hub, "PARIS") as paris:
        session = mine.session
        for other in (colleague, paris):
            other.session = session
            assert other.put(content).status_code == 404
            assert other.complete(content).status_code == 404
            assert other.missing("0" * 64)["reason"] == "no-session"
        assert paris.begin(site="LILLE").status_code == 403
        mine.put(content)
        receipt = mine.complete(content).json()["receipt"]
        assert paris.client.get(f"/receipts/{receipt}").status_code == 404
        assert colleague.client.get(f"/receipts/{receipt}").status_code == 200, "of the same site"
        mine.session = "nobody"
        assert mine.put(content).status_code == 404


def test_who_may_not_store_and_who_shows_no_token_of_the_page_begins_nothing(hub: WebHub) -> None:
    said = {"site": "LILLE", "programme": "FIDAC", "check_value": CHECK, "user_agent": "", "assets": ""}

    def begin(client: httpx.Client, **headers: str) -> int:
        with client:
            return client.post(f"{hub.origin}/upload/sessions", json=said, headers=headers).status_code

    assert begin(hub.person("contributor", "LILLE")) == 201
    assert begin(hub.person("administrator", "LILLE")) == 201
    assert begin(hub.client(hub.token("store:LILLE"))) == 201, "a program with a token"
    assert begin(hub.person("contributor", "LILLE"), **{"X-CSRF-Token": "forged"}) == 403
    assert begin(hub.person("contributor", "PARIS")) == 403
    assert begin(hub.person("administrator")) == 403, "of no site"
    assert begin(hub.person("researcher", programme="FIDAC")) == 403
    assert begin(hub.person("auditor")) == 403
    assert begin(hub.client(hub.token("read:index", "read:images"))) == 403
    assert begin(hub.client("nonsense")) == 401
    assert begin(httpx.Client()) == 401


def test_a_session_ends_when_it_rested_for_a_day(own: WebHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Browser(own) as browser:
        content = made(tmp_path)
        assert browser.put(content).status_code == 201
        with monkeypatch.context() as later:
            later.setattr("fidac_node.operations.uploads._IDLE", timedelta(0))
            answer = browser.put(content)
        assert (answer.status_code, answer.json()["reason"]) == (410, "expired")
        browser.session = browser.begin().json()["session"]
        assert browser.missing(sha256(content)) == []
        assert browser.complete(content).status_code == 200


def test_another_key_is_refused_until_an_administrator_lets_it_in(
    own: WebHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "0123456789abcdef"
    with Browser(own, check=other) as wrong, Browser(own) as right:
        content = made(tmp_path)
        assert right.put(content).status_code == 201, "nothing had come with the first key"
        refused = wrong.put(content)
        assert (refused.status_code, refused.json()["reason"]) == (409, "other-key")
        answer = wrong.begin()
        assert (answer.status_code, answer.json()["reason"]) == (409, "other-key")
        assert "hub site key-forget LILLE" in answer.json()["message"] and CHECK in answer.json()["message"]
        assert wrong.begin(programme="OTHER").status_code == 201
        init_hub(tmp_path / "settings", {})
        monkeypatch.setenv("FIDAC_NODE_INDEX_DATABASE", f"sqlite:///{tmp_path}/index.db")
        command = ["hub", "site", "key-forget", "LILLE", "-c", f"{tmp_path}/settings/hub.toml", "--reason"]
        assert CliRunner().invoke(cli, [*command, "the key file is lost"]).exit_code == 0
        assert wrong.begin().status_code == 201
        assert "the key file is lost" in (tmp_path / "settings" / "spool" / "uses.jsonl").read_text()


def test_an_object_of_another_programme_is_refused(hub: WebHub, tmp_path: Path) -> None:
    with Browser(hub, programme="OTHER") as browser:
        answer = browser.put(made(tmp_path, 65, **study(65)))
        assert (answer.status_code, answer.json()["reason"]) == (422, "programme")


def test_the_hub_says_which_candidates_it_knows_of_that_site_alone(own: WebHub, tmp_path: Path) -> None:
    with Browser(own) as browser, Browser(own, "PARIS") as paris:
        browser.put(content := made(tmp_path))
        browser.complete(content)
        (row,) = find(own.db, "patients", StudyFilter())
        asked = {"pseudonym": [row.PatientID, "LILLE-AAAAAAAAAAAAAAAA"]}
        assert browser.client.get("/candidates", params=asked).json() == [row.PatientID]
        assert paris.client.get("/candidates", params=asked).json() == []
        assert browser.client.get("/candidates", params={"pseudonym": "a'b"}).status_code == 400


def test_a_full_disk_is_507_and_the_upload_goes_on_when_there_is_room(own: WebHub, tmp_path: Path) -> None:
    contents = [made(tmp_path, number) for number in (1, 2)]
    with Browser(own) as browser:
        assert browser.put(contents[0]).status_code == 201
        own.rooms.intake.ready = lambda _share: "disk reserve reached"
        answer = browser.put(contents[1])
        assert answer.status_code == 507 and int(answer.headers["retry-after"]) > 0
        own.rooms.intake.ready = lambda share: "disk reserve reached" if share < 1 else ""
        assert browser.put(contents[1]).status_code == 507
        own.rooms.intake.ready = lambda _share: ""
        assert browser.missing(*map(sha256, contents)) == [sha256(contents[1])]
        assert browser.put(contents[1]).status_code == 201
        assert browser.complete(*contents).json()["committed"] == 2
    assert waiting(own) == []


def test_while_the_index_is_away_it_is_503_and_nothing_that_was_taken_is_forgotten(
    own: WebHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the server closed the connection")

    content = made(tmp_path)
    with Browser(own) as browser:
        with monkeypatch.context() as broken:
            broken.setattr("fidac_node.operations.uploads.rows.note_objects", away)
            broken.setattr("fidac_node.operations.uploads._GATHERED", 1)
            answer = browser.put(content)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert browser.missing(sha256(content)) == []
        assert browser.put(content).status_code == 200
        assert browser.complete(content).json()["committed"] == 1


def test_what_is_too_large_is_413_whether_it_says_so_or_not(own: WebHub, tmp_path: Path) -> None:
    own.rooms.intake.limit = 1000
    content = made(tmp_path)
    with Browser(own) as browser:
        assert browser.put(content).status_code == 413
        assert browser.put(bytes(3 << 20)).status_code == 413
    assert waiting(own) == []
