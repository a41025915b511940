"""C-GET and C-MOVE over real sockets, from a real archive: what goes out, how it is said, who may."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import config, dcmread
from pydicom.dataset import Dataset

from fidac_node.dicom.uids import (
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
    JPEG_LS_LOSSLESS,
    PATIENT_ROOT_GET,
    STUDY_ROOT_GET,
)
from fidac_node.hub.archive import Place
from fidac_node.hub.index.clients import add_client
from fidac_node.send.associate import Destination
from tests.hub_objects import data_set, encoded, put, uid
from tests.integration.hub.query.retrieving import CALLED, Client, Destinee, GivingHub, identifier, in_thread
from tests.integration.hub.test_filing import HubRooms, filled_rooms
from tests.support import wait_until

STUDY = uid(1, 1)
SLICES = [uid(1, 1, 1, number) for number in range(1, 5)]


@pytest.fixture(autouse=True)
def _anything_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings, "_writing_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[HubRooms]:
    """A study of two series, four and one slices; another patient's; one of another programme and site."""
    for rooms in filled_rooms(tmp_path):
        for ds in (
            *(data_set(1, 1, 1, number) for number in range(1, 5)),
            data_set(1, 1, 2, 1),
            data_set(2),
            data_set(3, ClinicalTrialProtocolID="LUNG"),
        ):
            put(rooms.spool, ds)
        rooms.file_all()
        for title, rights, programme in (
            ("VIEWER", ["find", "retrieve"], ""),
            ("FINDER", ["find"], ""),
            ("LUNGS", ["retrieve"], "LUNG"),
        ):
            add_client(rooms.db, title, [], rights, programme)
        yield rooms


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Destinee]:
    node = Destinee(tmp_path / "workstation")
    yield node
    node.scp.stop(0)


@pytest.fixture
def hub(rooms: HubRooms, workstation: Destinee) -> Iterator[GivingHub]:
    hub = GivingHub(rooms, workstation.destination, timeout=5)
    yield hub
    hub.scp.stop(0)


@pytest.fixture
def client(hub: GivingHub) -> Client:
    return Client(hub.scp.port)


def uids(objects: list[tuple[Dataset, str]]) -> list[str]:
    return [str(ds.SOPInstanceUID) for ds, _ in objects]


@pytest.mark.parametrize(
    ("level", "model", "keys", "expected"),
    [
        ("PATIENT", PATIENT_ROOT_GET, {"PatientID": "PSEUDO0001"}, [*SLICES, uid(1, 1, 2, 1)]),
        ("STUDY", PATIENT_ROOT_GET, {"PatientID": "PSEUDO0002", "StudyInstanceUID": uid(2, 1)}, [uid(2, 1, 1, 1)]),
        ("STUDY", STUDY_ROOT_GET, {"StudyInstanceUID": [uid(2, 1), uid(3, 1)]}, [uid(2, 1, 1, 1), uid(3, 1, 1, 1)]),
        ("SERIES", STUDY_ROOT_GET, {"StudyInstanceUID": STUDY, "SeriesInstanceUID": uid(1, 1, 1)}, SLICES),
        (
            "IMAGE",
            STUDY_ROOT_GET,
            {"StudyInstanceUID": STUDY, "SeriesInstanceUID": uid(1, 1, 1), "SOPInstanceUID": SLICES[1:3]},
            SLICES[1:3],
        ),
        ("STUDY", STUDY_ROOT_GET, {"StudyInstanceUID": uid(9, 9)}, []),
        # Of another patient: nothing.
        ("STUDY", PATIENT_ROOT_GET, {"PatientID": "PSEUDO0002", "StudyInstanceUID": STUDY}, []),
        # What is no Unique Key does not count.
        ("STUDY", STUDY_ROOT_GET, {"StudyInstanceUID": STUDY, "Modality": "MR"}, [*SLICES, uid(1, 1, 2, 1)]),
    ],
)
def test_what_the_unique_keys_name_comes_whole_and_counted(
    client: Client, level: str, model: str, keys: dict[str, Any], expected: list[str]
) -> None:
    answer = client.get(level, model, **keys)
    assert answer.final.Status == 0x0000 and answer.counts == (len(expected), 0, 0)
    assert uids(answer.got) == expected
    assert bool(answer.pending) == (len(expected) > 1)
    for ds in answer.pending:
        assert ds.NumberOfRemainingSuboperations + ds.NumberOfCompletedSuboperations == len(expected)


@pytest.mark.parametrize(
    ("level", "model", "keys", "status"),
    [
        ("", STUDY_ROOT_GET, {}, 0xA900),
        ("PATIENT", STUDY_ROOT_GET, {"PatientID": "PSEUDO0001"}, 0xA900),
        ("PATIENT", PATIENT_ROOT_GET, {"PatientID": "PSEUDO*"}, 0xA900),
        ("STUDY", STUDY_ROOT_GET, {}, 0xA900),
        ("STUDY", STUDY_ROOT_GET, {"StudyInstanceUID": "*"}, 0xA900),
        ("STUDY", STUDY_ROOT_GET, {"StudyInstanceUID": "../../etc"}, 0xA900),
        ("STUDY", PATIENT_ROOT_GET, {"StudyInstanceUID": STUDY}, 0xA900),
        ("SERIES", STUDY_ROOT_GET, {"SeriesInstanceUID": uid(1, 1, 1)}, 0xA900),
        ("SERIES", STUDY_ROOT_GET, {"StudyInstanceUID": [STUDY, uid(2, 1)], "SeriesInstanceUID": uid(1, 1, 1)}, 0xA900),
    ],
)
def test_what_names_nothing_certain_is_refused_and_the_next_request_is_served(
    client: Client, level: str, model: str, keys: dict[str, Any], status: int
) -> None:
    with client.associated() as assoc:
        answer = client.answered(assoc.send_c_get(identifier(level, **keys), model))
        assert answer.final.Status == status and answer.final.ErrorComment
        assert client.answered(
            assoc.send_c_get(identifier("STUDY", StudyInstanceUID=STUDY), STUDY_ROOT_GET)
        ).counts == (
            5,
            0,
            0,
        )


@pytest.mark.parametrize("calling", ["FINDER", "LILLE_NODE"])
def test_who_may_not_retrieve_gets_nothing_whatever_it_asks(hub: GivingHub, calling: str) -> None:
    client = Client(hub.scp.port, calling)
    for answer in (client.get(StudyInstanceUID=STUDY), client.move("WORKSTATION", StudyInstanceUID=STUDY)):
        assert answer.final.Status == 0x0124 and answer.got == []


def test_a_client_of_one_programme_retrieves_as_if_there_were_no_other(hub: GivingHub) -> None:
    client = Client(hub.scp.port, "LUNGS")
    assert client.get(StudyInstanceUID=STUDY).counts == (0, 0, 0)
    assert client.get(StudyInstanceUID=[STUDY, uid(3, 1)]).counts == (1, 0, 0)


def test_a_destination_gets_the_files_of_the_archive_and_hears_for_whom(
    client: Client, workstation: Destinee, rooms: HubRooms
) -> None:
    answer = client.move("WORKSTATION", StudyInstanceUID=STUDY)
    assert answer.final.Status == 0x0000 and answer.counts == (5, 0, 0)
    assert answer.pending[0].NumberOfCompletedSuboperations == 1
    arrived = {entry.digest for entry in workstation.spool.entries("new")}
    filed = {rooms.archive.filed(place) for place, _ in rooms.archive.walk() if place.study == STUDY}
    assert arrived == {one.digest for one in filed if one is not None}


@pytest.mark.interop("getscu", "movescu")
def test_dcmtk_gets_and_moves_a_study(hub: GivingHub, workstation: Destinee, tmp_path: Path) -> None:
    to = tmp_path / "got"
    to.mkdir()
    common = [
        "-S",
        "-aet",
        "VIEWER",
        "-aec",
        CALLED,
        "-k",
        "QueryRetrieveLevel=STUDY",
        "-k",
        f"StudyInstanceUID={STUDY}",
    ]
    address = ["127.0.0.1", str(hub.scp.port)]
    subprocess.run(["getscu", *common, *address, "-od", to], check=True, timeout=60)
    assert sorted(str(dcmread(path).SOPInstanceUID) for path in to.iterdir()) == [*SLICES, uid(1, 1, 2, 1)]
    subprocess.run(["movescu", *common, "-aem", "WORKSTATION", *address], check=True, timeout=60)
    assert len(list(workstation.spool.entries("new"))) == 5


def test_a_destination_that_is_not_in_the_settings_is_unknown(client: Client) -> None:
    answer = client.move("SOMEBODY", StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xA801 and "SOMEBODY" in answer.final.ErrorComment


def test_a_destination_that_cannot_be_reached_or_takes_nothing_fails_all_and_names_each(
    client: Client, workstation: Destinee
) -> None:
    answer = client.move("NOBODY", StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xA702 and answer.counts == (0, 5, 0) and len(answer.failed) == 5
    assert "127.0.0.1:9: is the destination running" in answer.final.ErrorComment
    workstation.callers = lambda _title: False
    answer = client.move("WORKSTATION", StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xA702 and answer.failed == [*SLICES, uid(1, 1, 2, 1)]


def test_half_of_a_study_is_a_warning_that_names_the_other_half(client: Client) -> None:
    client.take = lambda _event: 0 if len(client.got) < 2 else 0xA700
    answer = client.get(StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xB000 and answer.counts == (2, 3, 0)
    assert answer.failed == [*SLICES[2:], uid(1, 1, 2, 1)]


def test_objects_taken_with_a_warning_are_counted_apart_and_not_named(client: Client) -> None:
    client.take = lambda _event: 0xB000 if len(client.got) < 2 else 0
    answer = client.get(StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xB000 and answer.counts == (3, 0, 2) and answer.failed == []


def test_a_client_that_leaves_in_the_middle_keeps_nobody_from_the_next_one(client: Client, hub: GivingHub) -> None:
    def leave(_event: Any) -> int:
        if len(client.got) == 2:
            assoc.abort()
        return 0

    client.take = leave
    with client.associated() as assoc:
        assoc.dimse_timeout = 1
        list(assoc.send_c_get(identifier("STUDY", StudyInstanceUID=STUDY), STUDY_ROOT_GET))
    wait_until(lambda: not hub.associations(), 10)
    other = Client(client.port)
    assert other.get(StudyInstanceUID=STUDY).counts == (5, 0, 0)


def test_a_destination_that_disappears_in_the_middle_fails_the_rest(client: Client, workstation: Destinee) -> None:
    put = workstation.put
    taken: list[int] = []

    def disappear(*args: Any) -> bool:
        taken.append(1)
        if len(taken) == 3:
            for assoc in workstation.scp.associations:
                assoc.lane.wire.cut()
        return put(*args)

    workstation.accept = disappear
    answer = client.move("WORKSTATION", StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xB000 and answer.counts == (2, 3, 0)
    assert answer.failed == [*SLICES[2:], uid(1, 1, 2, 1)]


@pytest.mark.parametrize("how", ["get", "move"])
def test_a_retrieval_that_is_called_off_ends_within_one_object(client: Client, workstation: Destinee, how: str) -> None:
    with client.associated() as assoc:

        def cancel(*args: Any) -> int:
            if len(args) == 1:
                assoc.send_c_cancel(1, query_model=STUDY_ROOT_GET)
                return 0
            assoc.send_c_cancel(1, query_model="1.2.840.10008.5.1.4.1.2.2.2")
            threading.Event().wait(0.2)  # it is on its way
            return int(workstation.put(*args))

        asked = identifier("STUDY", StudyInstanceUID=STUDY)
        if how == "get":
            client.take = cancel
            answer = client.answered(assoc.send_c_get(asked, STUDY_ROOT_GET, msg_id=1))
        else:
            workstation.accept = cancel
            answer = client.answered(assoc.send_c_move(asked, "WORKSTATION", "1.2.840.10008.5.1.4.1.2.2.2", msg_id=1))
    assert answer.final.Status == 0xFE00
    completed, failed, warning = answer.counts
    assert 1 <= completed <= 2 and (failed, warning) == (0, 0)
    assert answer.final.NumberOfRemainingSuboperations == 5 - completed


def test_what_rotted_or_is_gone_is_not_given_out_and_the_others_are(client: Client, rooms: HubRooms) -> None:
    rotten, gone = (rooms.archive.path(Place("LILLE", STUDY, uid(1, 1, 1), SLICES[number])) for number in (1, 2))
    content = bytearray(rotten.read_bytes())
    content[-1] ^= 1
    rotten.unlink()
    rotten.write_bytes(content)
    gone.unlink()
    answer = client.get(StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xB000 and answer.failed == SLICES[1:3]
    assert uids(answer.got) == [SLICES[0], SLICES[3], uid(1, 1, 2, 1)]


def test_a_client_that_does_not_propose_to_be_scp_is_sent_nothing(client: Client) -> None:
    with client.associated(roles=False) as assoc:
        answer = client.answered(assoc.send_c_get(identifier("STUDY", StudyInstanceUID=STUDY), STUDY_ROOT_GET))
    assert answer.final.Status == 0xA702 and answer.counts == (0, 5, 0)


@pytest.mark.interop("getscu")
def test_a_client_that_stops_reading_is_given_up_and_keeps_nobody(rooms: HubRooms, tmp_path: Path) -> None:
    hub = GivingHub(rooms, timeout=1)
    put(rooms.spool, big := data_set(7, PixelData=bytes(24 << 20), Rows=4096, Columns=3072))
    rooms.file_all()
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={big.StudyInstanceUID}"]
    argv = ["getscu", "-S", "-aet", "VIEWER", "-aec", CALLED, *keys, "127.0.0.1", str(hub.scp.port), "-od", tmp_path]
    with subprocess.Popen(argv) as getscu:
        try:
            wait_until(lambda: any(assoc.lane.lends for assoc in hub.scp.associations), 10)
            getscu.send_signal(signal.SIGSTOP)
            assert Client(hub.scp.port).get(StudyInstanceUID=STUDY).counts == (5, 0, 0)
            wait_until(lambda: not hub.associations(), 20, "a client that does not read is still waited for")
        finally:
            getscu.kill()
            hub.scp.stop(0)


def test_a_stop_of_the_hub_does_not_wait_for_who_retrieves(rooms: HubRooms) -> None:
    hub = GivingHub(rooms, timeout=60)
    client = Client(hub.scp.port)
    waits = threading.Event()
    asked = threading.Event()
    client.take = lambda _event: asked.set() or (waits.wait(30) and 0) or 0  # type: ignore[func-returns-value]
    thread = in_thread(lambda: client.get(StudyInstanceUID=STUDY))
    assert asked.wait(10)
    hub.scp.stop(1)
    assert hub.associations() == []
    waits.set()
    thread.join(20)


@pytest.mark.interop("storescu")
def test_two_retrieve_while_a_site_stores(hub: GivingHub, tmp_path: Path) -> None:
    clients = [Client(hub.scp.port) for _ in range(2)]
    answers: list[Any] = []
    threads = [in_thread(lambda one=one: answers.append(one.get(StudyInstanceUID=STUDY))) for one in clients]
    file = tmp_path / "new.dcm"
    file.write_bytes(encoded(data_set(8)))
    subprocess.run(
        ["storescu", "-aet", "LILLE_NODE", "-aec", CALLED, "127.0.0.1", str(hub.scp.port), file], check=True, timeout=60
    )
    for thread in threads:
        thread.join(30)
    assert [answer.counts for answer in answers] == [(5, 0, 0)] * 2


def test_a_destination_that_says_nothing_is_given_up_in_time(rooms: HubRooms) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        destination = Destination("SILENT", *silent.getsockname(), CALLED, acse_timeout=1)
        other = GivingHub(rooms, destination)
        answer = Client(other.scp.port).move("SILENT", StudyInstanceUID=STUDY)
        other.scp.stop(0)
    assert answer.final.Status == 0xA702 and answer.counts == (0, 5, 0)


@pytest.mark.parametrize("syntax", [IMPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE])
def test_a_client_that_takes_another_encoding_gets_the_same_values_in_it(
    client: Client, rooms: HubRooms, syntax: str
) -> None:
    put(rooms.spool, ds := data_set(6, PixelData=bytes(32)), syntax)
    rooms.file_all()
    wanted = IMPLICIT_VR_LE if syntax == EXPLICIT_VR_LE else EXPLICIT_VR_LE
    answer = client.get("STUDY", STUDY_ROOT_GET, wanted, StudyInstanceUID=ds.StudyInstanceUID)
    assert answer.counts == (1, 0, 0)
    ((got, received),) = answer.got
    assert received == wanted and got.PixelData == ds.PixelData and got.Rows == ds.Rows
    assert got.ConvolutionKernel == ds.ConvolutionKernel


def test_who_got_what_and_who_was_refused_stands_in_the_record_of_acts(hub: GivingHub, client: Client) -> None:
    client.get(StudyInstanceUID=STUDY)
    client.move("NOBODY", StudyInstanceUID=STUDY)
    Client(hub.scp.port, "FINDER").get(StudyInstanceUID=STUDY)
    got, moved, refused = hub.trail.acts()
    assert (got.who, got.origin, got.act, got.number, got.outcome) == ("VIEWER", "127.0.0.1", "retrieve", 5, "")
    assert STUDY in got.what and got.studies == {STUDY: "PSEUDO0001"}
    assert (moved.number, moved.studies) == (0, {}) and "NOBODY" in moved.what and "5 failed" in moved.outcome
    assert (refused.who, refused.what) == ("FINDER", "refused") and "not retrieve" in refused.reason


def test_what_cannot_be_written_down_is_not_given(client: Client, hub: GivingHub) -> None:
    hub.trail.path.mkdir()
    answer = client.get(StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xA702 and answer.got == []


def test_a_client_that_takes_none_of_the_encodings_there_are_is_told_so(client: Client) -> None:
    answer = client.get("STUDY", STUDY_ROOT_GET, JPEG_LS_LOSSLESS, StudyInstanceUID=STUDY)
    assert answer.final.Status == 0xA702 and answer.counts == (0, 5, 0)
