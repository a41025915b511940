"""Filing at the hub: what is let in, what is held, and that every crash leads to exactly one copy."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, DataError, OperationalError
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import ConfigError, Permanent, Temporary
from fidac_node.hub import filing, metadata
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.filing import CommitmentCheck, Filer, verify
from fidac_node.hub.index import Registry, StudyFilter, add_site, find, prepare, totals
from fidac_node.hub.index.header import opened
from fidac_node.hub.index.held import list_held
from fidac_node.receive.check import PlainHandles
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from fidac_node.system import locks
from fidac_node.system.database import connect
from tests.hub_objects import CT, data_set, encoded, enhanced, put, put_bytes, uid
from tests.support import wait_until


@dataclass(frozen=True)
class HubRooms:
    """A hub's rooms as one process sees them; make a new one to restart it."""

    directory: Path

    @cached_property
    def spool(self) -> Spool:
        return Spool(self.directory / "spool")

    @cached_property
    def archive(self) -> Archive:
        return Archive(self.directory / "archive")

    @cached_property
    def db(self) -> Database:
        return connect("sqlite:///index.db", self.directory)

    @cached_property
    def filer(self) -> Filer:
        return Filer(self.spool, self.archive, self.db, Registry(self.db), safe_creators=["SAFE CREATOR"])

    def file_all(self) -> None:
        """Start, file what is there, stop."""
        self.filer.recover()
        while batch := self.spool.claim("file", 100):
            self.filer.file(batch)
        self.filer.close()

    def check(
        self, *references: tuple[str, str], calling_ae: str = "LILLE_NODE", patience: float = 0.0
    ) -> tuple[list[Any], list[Any]]:
        return self.commitment(patience)(calling_ae, references)

    def commitment(self, patience: float = 0.0) -> CommitmentCheck:
        return CommitmentCheck(
            self.spool, self.archive, self.db, Registry(self.db), PlainHandles().instance_handle, patience=patience
        )

    def held(self) -> dict[str, str]:
        """Entry to reason code, as the spool's files say."""
        return {str(entry): str((self.spool.reason(entry) or {})["code"]) for entry in self.spool.entries("held")}

    def archived(self) -> list[str]:
        return [place.sop for place, _ in self.archive.walk()]

    def indexed(self) -> list[str]:
        return sorted(row.SOPInstanceUID for row in find(self.db, "instances", StudyFilter()))


def filled_rooms(tmp_path: Path) -> Iterator[HubRooms]:
    """A hub that two sites may store at."""
    rooms = HubRooms(tmp_path)
    prepare(rooms.db)
    add_site(rooms.db, "LILLE", "LILLE_NODE")
    add_site(rooms.db, "PARIS", "PARIS_NODE")
    yield rooms
    rooms.filer.close()


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[HubRooms]:
    yield from filled_rooms(tmp_path)


# --- verifying ---------------------------------------------------------------------------------------------


def private(group: int, creator: str | None, ds: Dataset | None = None, number: int = 0x1001) -> Dataset:
    ds = data_set() if ds is None else ds
    if creator is not None:
        ds.add_new(group << 16 | 0x10, "LO", creator)
    ds.add_new(group << 16 | number, "LO", "DUPONT^JEAN")
    return ds


def within(ds: Dataset, depth: int) -> Dataset:
    """Put a data set's content ``depth`` sequences deep into an object of ours."""
    for _ in range(depth - 1):
        outer = Dataset()
        outer.RequestAttributesSequence = Sequence([ds])
        ds = outer
    return data_set(ReferencedImageSequence=Sequence([ds]))


REFUSED = {
    "not said to be de-identified": (data_set(PatientIdentityRemoved=None), "PatientIdentityRemoved"),
    "said to be not de-identified": (data_set(PatientIdentityRemoved="NO"), "PatientIdentityRemoved"),
    "no method": (data_set(DeidentificationMethod=None), "DeidentificationMethod"),
    "another's method": (data_set(DeidentificationMethod="CTP, like FIDAC but not"), "DeidentificationMethod"),
    "no site": (data_set(ClinicalTrialSiteID=None), "ClinicalTrialSiteID"),
    "another's site": (data_set(site="PARIS"), "ClinicalTrialSiteID"),
    "private creator": (private(0x0029, "SIEMENS CSA HEADER"), "(0029,0010) of creator SIEMENS CSA HEADER"),
    "private creator that nobody knows": (private(0x0029, "DUPONT JEAN"), "(0029,0010) of a creator"),
    "private element without creator": (private(0x0029, None), "(0029,1001) of no creator"),
    "our creator in another group": (private(0x0029, "FIDAC NODE 1"), "(0029,0010)"),
    "another creator in our group": (private(0x0F1D, "DUPONT", number=0x1101), "(0F1D,"),
    "private in a sequence": (within(private(0x0029, "GEMS_IDEN_01", Dataset()), 1), "(0029,0010)"),
    "private five sequences deep": (within(private(0x0029, None, Dataset()), 5), "(0029,1001)"),
    "private where no block can be": (private(0x0029, None, number=0x0101), "(0029,0101)"),
}


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_surely_deidentified_is_refused_without_quoting_it(
    tmp_path: Path, case: str, transfer_syntax: str
) -> None:
    ds, where = REFUSED[case]
    path = tmp_path / "object.dcm"
    path.write_bytes(encoded(ds, transfer_syntax))
    with opened(path, limit=1 << 20) as (_, header), pytest.raises(Permanent) as caught:
        verify(header, "LILLE", ["SAFE CREATOR"])
    assert caught.value.code == "not-deidentified"
    assert where in str(caught.value)
    assert "DUPONT" not in str(caught.value)


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
@pytest.mark.parametrize(
    "ds",
    [
        data_set(),
        enhanced(),
        data_set(DeidentificationMethod=["CTP 3", "FIDAC fidac-chest-ct 01234567"]),
        private(0x0029, "SAFE CREATOR"),
        within(private(0x0029, "SAFE CREATOR", Dataset()), 3),
    ],
    ids=["plain", "enhanced", "after another's method", "safe creator", "safe creator in sequences"],
)
def test_what_is_marked_as_ours_passes(tmp_path: Path, ds: Dataset, transfer_syntax: str) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(encoded(ds, transfer_syntax))
    with opened(path, limit=1 << 20) as (_, header):
        verify(header, "LILLE", ["SAFE CREATOR"])


def test_private_data_in_a_sequence_that_a_hop_turned_into_un_is_found(tmp_path: Path) -> None:
    ds = data_set()
    item = b"\x29\x00\x01\x10\x0c\x00\x00\x00DUPONT^JEAN "
    content = b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item
    sequence = b"\x08\x00\x40\x11UN\x00\x00" + len(content).to_bytes(4, "little") + content
    data = encoded(ds)
    start = data.index(b"\x08\x00\x60\x00CS")
    path = tmp_path / "object.dcm"
    path.write_bytes(data[:start] + sequence + data[start:])
    with opened(path, limit=1 << 20) as (_, header), pytest.raises(Permanent, match=r"\(0029,1001\)"):
        verify(header, "LILLE")


def test_sequences_nested_without_end_are_malformed_not_a_crash(tmp_path: Path) -> None:
    content = b""
    for _ in range(200):
        item = b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content
        content = b"\x08\x00\x40\x11SQ\x00\x00" + len(item).to_bytes(4, "little") + item
    data = encoded(data_set())
    start = data.index(b"\x08\x00\x60\x00CS")
    path = tmp_path / "deep.dcm"
    path.write_bytes(data[:start] + content + data[start:])
    with opened(path, limit=1 << 20) as (_, header), pytest.raises(Permanent) as caught:
        verify(header, "LILLE")
    assert caught.value.code == "malformed"


# --- filing ------------------------------------------------------------------------------------------------


def test_what_arrives_is_archived_indexed_and_gone_from_the_spool(rooms: HubRooms) -> None:
    sent = [data_set(patient, instance=instance) for patient in (1, 2) for instance in (1, 2, 3)]
    files = {ds.SOPInstanceUID: encoded(ds) for ds in sent}
    for ds in sent:
        put(rooms.spool, ds)
    rooms.file_all()
    assert rooms.archived() == rooms.indexed() == sorted(files)
    assert {place.sop: path.read_bytes() for place, path in rooms.archive.walk()} == files
    assert all(rooms.spool.entries(state) == [] for state in ("new", "work", "held"))


def test_each_site_has_its_own_folder_and_the_same_uids_do_not_meet(rooms: HubRooms) -> None:
    put(rooms.spool, data_set())
    put(rooms.spool, data_set(site="PARIS"), source_ae="PARIS_NODE")
    rooms.file_all()
    assert [place.site for place, _ in rooms.archive.walk()] == ["LILLE", "PARIS"]
    assert totals(rooms.db)["instances"] == 2


@pytest.mark.parametrize(
    ("ds", "caller", "code"),
    [
        (data_set(), "STRANGER", "unknown-site"),
        (data_set(), "", "unknown-site"),
        (data_set(site="PARIS"), "LILLE_NODE", "not-deidentified"),
        (data_set(PatientIdentityRemoved="NO"), "LILLE_NODE", "not-deidentified"),
        (data_set(PatientID=""), "LILLE_NODE", "not-deidentified"),
    ],
    ids=["stranger", "nobody", "wrong site", "identity not removed", "no pseudonym"],
)
def test_a_bad_object_is_held_with_its_reason_and_the_others_go_on(
    rooms: HubRooms, ds: Dataset, caller: str, code: str
) -> None:
    good = [put(rooms.spool, data_set(2, instance=number)) for number in (1, 2)]
    bad = put(rooms.spool, ds, source_ae=caller)
    rooms.file_all()
    assert rooms.held() == {str(bad): code}
    assert len(rooms.archived()) == len(good) == totals(rooms.db)["instances"]
    row = list_held(rooms.db)[0]
    assert (row.entry, row.code, row.sop_instance_uid) == (str(bad), code, uid(1, 1, 1, 1))
    assert row.site == ("" if code == "unknown-site" else "LILLE")


def test_an_object_that_breaks_the_code_is_held_and_not_quoted(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("DUPONT^JEAN")

    bad = put(rooms.spool, data_set())
    monkeypatch.setattr(filing, "describe_header", broken)
    rooms.file_all()
    assert rooms.held() == {str(bad): "error"}
    message = str((rooms.spool.reason(bad) or {})["message"])
    assert "ZeroDivisionError" in message
    assert "DUPONT" not in message + caplog.text


def test_the_same_object_again_is_filed_once(rooms: HubRooms) -> None:
    put(rooms.spool, data_set())
    rooms.file_all()
    before = list(find(rooms.db, "studies", StudyFilter()))
    put(rooms.spool, data_set())
    rooms.file_all()
    assert list(find(rooms.db, "studies", StudyFilter())) == before
    assert rooms.held() == {}
    assert totals(rooms.db)["conflicts"] == 0


@pytest.mark.parametrize("together", [True, False])
def test_another_version_of_an_instance_is_held_as_a_conflict_and_the_first_kept(
    rooms: HubRooms, together: bool
) -> None:
    first = put(rooms.spool, data_set())
    os.utime(rooms.spool.path(first), (1_700_000_000, 1_700_000_000))
    if not together:
        rooms.file_all()
    second = put(rooms.spool, data_set(ConvolutionKernel="B30f"))
    rooms.file_all()
    assert rooms.held() == {str(second): "conflict"}
    assert [row.ConvolutionKernel for row in find(rooms.db, "series", StudyFilter())] == ["B70f"]
    counted = totals(rooms.db)
    assert (counted["instances"], counted["conflicts"], counted["held"]) == (1, 1, 1)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "other",
    [
        data_set(SeriesInstanceUID=uid(9)),
        data_set(StudyInstanceUID=uid(9)),
        data_set(1, 1, 1, 2, PatientID="SOMEBODY ELSE"),
    ],
    ids=["other series", "other study", "other patient in the study"],
)
def test_an_instance_or_study_in_two_places_is_a_conflict(rooms: HubRooms, other: Dataset, together: bool) -> None:
    first = put(rooms.spool, data_set())
    os.utime(rooms.spool.path(first), (1_700_000_000, 1_700_000_000))
    if not together:
        rooms.file_all()
    second = put(rooms.spool, other)
    rooms.file_all()
    assert sorted(rooms.held().values()) == ["conflict"]
    assert len(rooms.archived()) == totals(rooms.db)["instances"] == 1
    assert together or list(rooms.held()) == [str(second)]


def test_a_released_object_is_filed_once_its_site_is_known(rooms: HubRooms) -> None:
    entry = put(rooms.spool, data_set(site="LYON"), source_ae="LYON_NODE")
    rooms.file_all()
    assert rooms.held() == {str(entry): "unknown-site"}
    add_site(rooms.db, "LYON", "LYON_NODE")
    rooms.spool.release(entry)
    restarted = HubRooms(rooms.directory)
    restarted.file_all()
    assert restarted.indexed() == [uid(1, 1, 1, 1)]
    assert totals(restarted.db)["held"] == 0


def test_rows_about_held_objects_follow_the_files_at_start(rooms: HubRooms) -> None:
    kept = put(rooms.spool, data_set(1), source_ae="STRANGER")
    gone = put(rooms.spool, data_set(2), source_ae="STRANGER")
    rooms.file_all()
    rooms.spool.remove(gone)
    late = put(rooms.spool, data_set(3), source_ae="STRANGER")
    rooms.spool.hold(late, "unknown-site", "held by a process that died before it wrote the row")
    rooms.file_all()
    assert {row.entry for row in list_held(rooms.db)} == {str(kept), str(late)}


# --- trouble of the machine --------------------------------------------------------------------------------


@contextmanager
def running(rooms: HubRooms) -> Iterator[None]:
    stop = threading.Event()
    rooms.filer.recover()
    thread = threading.Thread(target=rooms.filer.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def _wait_for_instances(rooms: HubRooms, number: int, timeout: float = 20) -> None:
    wait_until(lambda: totals(rooms.db)["instances"] >= number, timeout)


def failing(times: int, error: Exception, real: Callable[..., Any]) -> Callable[..., Any]:
    """Fail so many times, then do the real thing."""
    left = itertools.count(times, -1)

    def call(*args: Any, **options: Any) -> Any:
        if next(left) > 0:
            raise error
        return real(*args, **options)

    return call


TROUBLES: dict[str, tuple[object, str, Exception]] = {
    "archive disk full": (Archive, "_link", OSError(errno.ENOSPC, "No space left on device")),
    "archive cannot sync": (Archive, "sync", OSError(errno.EIO, "Input/output error")),
    "index locked while asked": (filing, "whereabouts", OperationalError("database is locked")),
    "index locked while written": (filing, "record", OperationalError("database is locked")),
    "index disk full": (filing, "record", OperationalError("database or disk is full")),
    "spool cannot be read": (filing, "opened", OSError(errno.EIO, "Input/output error")),
    "sites not known": (Registry, "site_of", Temporary("the index cannot be read")),
    "spool cannot let go": (Spool, "remove", OSError(errno.EROFS, "Read-only file system")),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_of_disk_or_database_is_said_and_retried_until_it_ends(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    where, name, error = TROUBLES[trouble]
    monkeypatch.setattr(filing, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(where, name, failing(6, error, getattr(where, name)))
    for number in range(4):
        put(rooms.spool, data_set(instance=number))
    with running(rooms):
        wait_until(lambda: not rooms.spool.entries("new") and not rooms.spool.entries("work"), 20)
    assert len(rooms.archived()) == len(rooms.indexed()) == 4
    assert rooms.held() == {}
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert any(getattr(error, "strerror", None) or str(error) in message for message in messages)


def test_one_object_that_cannot_be_read_does_not_keep_the_others(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = put(rooms.spool, data_set(9))
    real = filing.opened

    def unreadable(path: Path, **options: Any) -> Any:
        if path.stem == str(bad):
            raise OSError(errno.EIO, "Input/output error")
        return real(path, **options)

    monkeypatch.setattr(filing, "opened", unreadable)
    with running(rooms):
        for number in range(30):
            put(rooms.spool, data_set(instance=number))
        _wait_for_instances(rooms, 30, timeout=10)
        rooms.db.close()
    assert rooms.spool.entries("new") == [bad]


def test_an_object_that_the_index_refuses_is_held_and_its_batch_indexed(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = put(rooms.spool, data_set(9))
    for number in range(3):
        put(rooms.spool, data_set(instance=number))
    real = filing.record

    def refuse(db: Database, descriptions: list[Any]) -> int:
        if any(description.pseudonym == "PSEUDO0009" for description in descriptions):
            raise DataError("value out of range")
        return real(db, descriptions)

    monkeypatch.setattr(filing, "record", refuse)
    rooms.file_all()
    assert rooms.held() == {str(bad): "error"}
    assert totals(rooms.db)["instances"] == 3


def test_what_arrives_while_it_runs_is_in_the_index_within_two_seconds(rooms: HubRooms) -> None:
    with running(rooms):
        for number in range(20):
            put(rooms.spool, data_set(instance=number))
            _wait_for_instances(rooms, number + 1, timeout=2)
        rooms.db.close()


def test_a_stop_leaves_what_is_not_filed_in_the_spool(rooms: HubRooms, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = put(rooms.spool, data_set())
    asked = threading.Event()

    def away(*_: object) -> None:
        asked.set()
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(filing, "whereabouts", away)
    with running(rooms):
        assert asked.wait(5)
    assert rooms.spool.entries("new") == [entry]


def test_a_second_filer_on_the_same_spool_is_refused(rooms: HubRooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.2)
    lock = rooms.spool.directory / locks.FILING
    assert not locks.is_taken(lock)
    rooms.filer.recover()
    assert locks.is_taken(lock)
    with pytest.raises(ConfigError, match="another hub files from"):
        HubRooms(rooms.directory).filer.recover()
    rooms.filer.close()
    HubRooms(rooms.directory).file_all()


# --- crashes -----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


STEPS: list[tuple[object, str]] = [
    (Spool, "claim"),
    (filing, "opened"),
    (filing, "describe_header"),
    (filing, "whereabouts"),
    (Archive, "_link"),
    (Archive, "put_if_absent"),
    (Archive, "note"),
    (Archive, "sync"),
    (filing, "record"),
    (Spool, "remove"),
    (Spool, "hold"),
    (filing, "note_held"),
    (filing, "rebuild_held"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("where", "name"), STEPS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("copies", [False, True], ids=["links", "copies"])
def test_a_crash_at_any_step_ends_with_every_object_exactly_once(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch, where: object, name: str, when: str, copies: bool
) -> None:
    if copies:
        monkeypatch.setattr(os, "link", _cannot_link)
    files = {
        ds.SOPInstanceUID: encoded(ds)
        for ds in (data_set(patient, instance=n) for patient in (1, 2) for n in (1, 2, 3))
    }
    for data in files.values():
        put_bytes(rooms.spool, data)
    conflict = put(rooms.spool, data_set(1, instance=1, ConvolutionKernel="B30f"))
    stranger = put(rooms.spool, data_set(3), source_ae="STRANGER")
    for late, entry in enumerate((conflict, stranger)):
        os.utime(rooms.spool.path(entry), (2_000_000_000 + late, 2_000_000_000 + late))
    real = getattr(where, name)
    for call in (1, 3):
        calls = itertools.count(1)
        with monkeypatch.context() as patch:
            patch.setattr(where, name, _killer(real, calls, call, when))
            restarted = HubRooms(rooms.directory)
            try:
                restarted.file_all()
            except Killed:
                restarted.filer.close()
    last = HubRooms(rooms.directory)
    last.file_all()
    assert {place.sop: path.read_bytes() for place, path in last.archive.walk()} == files
    assert last.indexed() == sorted(files)
    assert last.held() == {str(conflict): "conflict", str(stranger): "unknown-site"}
    assert {row.entry for row in list_held(last.db)} == {str(conflict), str(stranger)}
    assert all(last.spool.entries(state) == [] for state in ("new", "work"))
    others = {path.name for path in last.archive.directory.rglob("*") if path.is_file() and path.suffix != ".dcm"}
    assert others - {"METADATA"} == {"DIGESTS"}
    for place, path in last.archive.walk():  # kept or made anew, it is of this file
        assert list(last.archive.said([place], limit=1 << 20)) == [metadata.Writer().made(path, 1 << 20)]
    assert all(last.archive.filed(place) == last.archive.measured(place) for place, _ in last.archive.walk())
    undisputed = [(CT, sop) for sop in files][1:]
    assert last.check(*undisputed) == (undisputed, [])
    last.db.close()


def _killer(real: Callable[..., Any], calls: Iterator[int], fatal: int, when: str) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        number = next(calls)
        if number == fatal and when == "before":
            raise Killed
        result = real(*args, **options)
        if number == fatal:
            raise Killed
        return result

    return call


def _cannot_link(source: Path, target: Path) -> None:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))


_CHILD = """
import sys, threading
from pathlib import Path
from fidac_node.hub.archive import Archive
from fidac_node.system.database import connect
from fidac_node.hub.filing import Filer
from fidac_node.hub.index import Registry
from fidac_node.spool.queue import Spool
directory = Path(sys.argv[1])
db = connect("sqlite:///index.db", directory)
filer = Filer(Spool(directory / "spool"), Archive(directory / "archive"), db, Registry(db))
filer.recover()
print("filing", flush=True)
filer.run(threading.Event())
"""


def test_kill_9_at_random_moments_loses_nothing_and_doubles_nothing(rooms: HubRooms) -> None:
    files = {
        ds.SOPInstanceUID: encoded(ds)
        for ds in (data_set(patient, instance=n) for patient in range(1, 6) for n in range(60))
    }
    waiting = list(files.values())
    chance = random.Random(11)
    while waiting or len(rooms.indexed()) < len(files):
        with subprocess.Popen([sys.executable, "-c", _CHILD, str(rooms.directory)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"filing\n"
            goal = totals(rooms.db)["instances"] + chance.randrange(1, 60)
            for data in waiting[:60]:
                put_bytes(rooms.spool, data)
            del waiting[:60]
            _wait_for_instances(rooms, min(goal, len(files) - len(waiting)))
            child.kill()
    HubRooms(rooms.directory).file_all()
    assert {place.sop: path.read_bytes() for place, path in rooms.archive.walk()} == files
    assert rooms.indexed() == sorted(files)
    assert rooms.held() == {}


# --- committing --------------------------------------------------------------------------------------------


def test_the_hub_answers_for_what_is_archived_and_indexed_and_for_nothing_else(rooms: HubRooms) -> None:
    for number in (1, 2):
        put(rooms.spool, data_set(instance=number))
    rooms.file_all()
    first, second, never = (uid(1, 1, 1, number) for number in (1, 2, 3))
    ok, failed = rooms.check((CT, first), (CT, never), ("1.2.840.10008.5.1.4.1.1.4", second))
    assert ok == [(CT, first)]
    assert failed == [(CT, never, 0x0112), ("1.2.840.10008.5.1.4.1.1.4", second, 0x0119)]


def test_another_site_or_a_stranger_gets_no_commitment(rooms: HubRooms) -> None:
    put(rooms.spool, data_set())
    rooms.file_all()
    reference = (CT, uid(1, 1, 1, 1))
    assert rooms.check(reference, calling_ae="PARIS_NODE") == ([], [(*reference, 0x0112)])
    assert rooms.check(reference, calling_ae="STRANGER") == ([], [(*reference, 0x0112)])


@pytest.mark.parametrize("first_is_filed", [True, False])
def test_while_a_version_is_held_the_site_is_told_to_ask_again(rooms: HubRooms, first_is_filed: bool) -> None:
    if first_is_filed:
        put(rooms.spool, data_set())
        rooms.file_all()
        put(rooms.spool, data_set(ConvolutionKernel="B30f"))
    else:
        put(rooms.spool, data_set(PatientIdentityRemoved="NO"))
    rooms.file_all()
    reference = (CT, uid(1, 1, 1, 1))
    assert rooms.check(reference) == ([], [(*reference, 0xC110)])
    (held,) = rooms.spool.entries("held")
    rooms.spool.remove(held)
    assert rooms.check(reference) == (([reference], []) if first_is_filed else ([], [(*reference, 0x0112)]))


def test_an_object_that_is_held_for_another_site_does_not_matter(rooms: HubRooms) -> None:
    put(rooms.spool, data_set())
    put(rooms.spool, data_set(site="PARIS", PatientIdentityRemoved="NO"), source_ae="PARIS_NODE")
    rooms.file_all()
    reference = (CT, uid(1, 1, 1, 1))
    assert rooms.check(reference) == ([reference], [])


def test_an_object_not_filed_yet_is_waited_for_and_then_to_be_asked_again(rooms: HubRooms) -> None:
    put(rooms.spool, data_set())
    reference = (CT, uid(1, 1, 1, 1))
    assert rooms.check(reference) == ([], [(*reference, 0x0110)])
    with running(rooms):
        assert rooms.check(reference, patience=10) == ([reference], [])


def test_who_waits_for_the_filing_sleeps_until_it_happens(rooms: HubRooms, monkeypatch: pytest.MonkeyPatch) -> None:
    put(rooms.spool, data_set())
    listed: list[str] = []
    entries = Spool.entries
    monkeypatch.setattr(Spool, "entries", lambda spool, state: listed.append(state) or entries(spool, state))
    reference = (CT, uid(1, 1, 1, 1))
    assert rooms.check(reference, patience=0.5) == ([], [(*reference, 0x0110)])
    assert len(listed) <= 5


def test_a_file_that_vanished_from_the_archive_is_not_committed(rooms: HubRooms) -> None:
    put(rooms.spool, data_set())
    rooms.file_all()
    rooms.archive.path(Place("LILLE", uid(1, 1), uid(1, 1, 1), uid(1, 1, 1, 1))).unlink()
    reference = (CT, uid(1, 1, 1, 1))
    assert rooms.check(reference) == ([], [(*reference, 0x0112)])


def test_without_an_index_nothing_is_said(rooms: HubRooms, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(filing, "kept", away)
    with pytest.raises(Temporary, match="index cannot be read"):
        rooms.check((CT, uid(1)))


def test_thousands_of_references_are_answered_at_once(rooms: HubRooms) -> None:
    put(rooms.spool, data_set())
    rooms.file_all()
    references = [(CT, uid(1, 1, 1, number)) for number in range(1, 12_000)]
    ok, failed = rooms.check(*references)
    assert (ok, len(failed)) == ([(CT, uid(1, 1, 1, 1))], 11_998)


def test_an_entry_is_named_alike_by_reception_and_commitment(rooms: HubRooms) -> None:
    entry: Entry = put(rooms.spool, data_set())
    assert PlainHandles().instance_handle(uid(1, 1, 1, 1)) == entry.instance
