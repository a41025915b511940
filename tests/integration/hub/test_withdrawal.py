"""What is withdrawn is out of every answer at once and for good, whatever is cut short or put back from yesterday."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from peewee import Database

from fidac_node.dicom.statuses import WITHDRAWN
from fidac_node.errors import NotFound, Permanent
from fidac_node.hub.filing import Filer
from fidac_node.hub.index import Registry, StudyFilter, add_site, find, prepare
from fidac_node.hub.index.held import list_held
from fidac_node.hub.index.rebuild import reindex
from fidac_node.hub.index.withdrawn import Refusals, Target, studies_of
from fidac_node.hub.keeping.fixity import Fixity
from fidac_node.hub.keeping.tombstones import Tombstones, Withdrawal
from fidac_node.hub.keeping.watermarks import Watermarks
from fidac_node.hub.keeping.withdrawal import Withdrawals
from fidac_node.system.database import connect
from tests.hub_objects import CT, data_set, put, uid
from tests.integration.hub.test_filing import HubRooms

STUDY = Target("LILLE", studies=(uid(1, 1),))
PATIENT = Target("LILLE", patients=("PSEUDO0001",))
WHOLE = Target("LILLE", whole=True)


class Rooms(HubRooms):
    url = "sqlite:///index.db"

    @cached_property
    def db(self) -> Database:
        return connect(self.url, self.directory)

    def withdrawals(self, days: float = 14.0) -> Withdrawals:
        return Withdrawals(self.archive, self.db, self.spool, self.directory / "spool", days=days)

    def withdraw(self, target: Target, *, days: float = 14.0) -> Withdrawal:
        return self.withdrawals(days).withdraw(target, who="somebody", reason="consent withdrawn")

    def rows(self) -> dict[str, list[Any]]:
        return {level: list(find(self.db, level, StudyFilter())) for level in ("patients", "studies", "instances")}

    def files(self) -> dict[str, bytes]:
        return {place.sop: path.read_bytes() for place, path in self.archive.walk()}

    def asked(self, *numbers: int) -> object:
        """What commitment says of an instance: ``True``, or the Failure Reason."""
        committed, failed = type(self)(self.directory).check((CT, uid(*numbers)))
        return bool(committed) or failed[0][2]

    def refuses(self, *study: int) -> bool:
        """Whether a receiver that starts now refuses an object of a study."""
        try:
            Refusals(self.db).demand("LILLE", uid(*study))
        except Permanent:
            return True
        return False


def fill(rooms: Rooms) -> None:
    """Two patients of Lille, the first with two studies, and one of Paris under the same UIDs."""
    prepare(rooms.db)
    add_site(rooms.db, "LILLE", "LILLE_NODE")
    add_site(rooms.db, "PARIS", "PARIS_NODE")
    for numbers in ((1, 1), (1, 2), (2, 1)):
        for instance in (1, 2):
            put(rooms.spool, data_set(*numbers, 1, instance))
    put(rooms.spool, data_set(1, 1, 1, 3, site="PARIS"), source_ae="PARIS_NODE")
    rooms.file_all()


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    rooms = Rooms(tmp_path)
    fill(rooms)
    yield rooms
    rooms.filer.close()


LEFT = {"a study": (STUDY, {(1, 2), (2, 1)}), "a patient": (PATIENT, {(2, 1)}), "a site": (WHOLE, set())}


def of_lille(rooms: Rooms) -> set[tuple[int, int]]:
    studies = {(one, two) for one in (1, 2) for two in (1, 2, 3)}
    found = {row.StudyInstanceUID for row in rooms.rows()["studies"] if row.site == "LILLE"}
    return {numbers for numbers in studies if uid(*numbers) in found}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_withdrawn_is_in_no_answer_and_refused_when_it_comes_again_while_all_else_stays(
    database_url: str, tmp_path: Path, what: str
) -> None:
    rooms = type("There", (Rooms,), {"url": database_url})(tmp_path)
    fill(rooms)
    target, left = LEFT[what]
    whole = rooms.files()
    done = rooms.withdraw(target)
    assert done.instances == 2 * (3 - len(left))
    assert of_lille(rooms) == left
    assert len(rooms.rows()["instances"]) == len(rooms.files()) == 2 * len(left) + 1  # and Paris
    assert (rooms.asked(1, 1, 1, 1), rooms.refuses(1, 1)) == (WITHDRAWN, True)
    for numbers in left:
        assert (rooms.asked(*numbers, 1, 1), rooms.refuses(*numbers)) == (True, False)
    again = [data_set(1, 1, 1, 1), data_set(1, 1, 1, 9)]  # as before, and one that never was here
    for ds in again:
        put(rooms.spool, ds)
    rooms.file_all()
    assert of_lille(rooms) == left and rooms.held() == {} and not rooms.spool.entries("new")
    assert rooms.asked(1, 1, 1, 9) == WITHDRAWN
    put(rooms.spool, data_set(1, 3, 1, 1))  # another study of that patient
    rooms.file_all()
    assert ((1, 3) in of_lille(rooms)) is (what == "a study")
    assert [checked for checked in Fixity(rooms.archive, rooms.db, rooms.spool).check() if checked.fault] == []
    name, number = done.id, rooms.withdrawals().undo(done.id)[1]
    assert number == done.instances and whole.items() <= rooms.files().items()
    assert of_lille(rooms) >= {(1, 1), (1, 2), (2, 1)} and rooms.asked(1, 1, 1, 1) is True
    with pytest.raises(NotFound):
        rooms.withdrawals().undo(name)
    rooms.db.close()


def test_undone_is_as_if_nothing_had_been(rooms: Rooms) -> None:
    before = rooms.rows(), rooms.files()
    done = rooms.withdraw(PATIENT)
    rooms.withdrawals().undo(done.id)
    assert (rooms.rows(), rooms.files()) == before
    put(rooms.spool, data_set(1, 1, 1, 5))
    rooms.file_all()
    assert rooms.asked(1, 1, 1, 5) is True
    rooms.withdrawals().settle()
    assert rooms.asked(1, 1, 1, 5) is True


def test_files_are_deleted_after_the_days_and_what_is_undone_then_may_only_come_again(rooms: Rooms) -> None:
    done = rooms.withdraw(STUDY, days=0)
    aside = rooms.archive.directory / ".withdrawn" / done.id
    assert len(list(aside.rglob("*.dcm"))) == 2
    rooms.withdrawals().settle()
    assert not aside.exists() and rooms.withdrawals().all()[0].deleted
    assert (rooms.asked(1, 1, 1, 1), rooms.refuses(1, 1)) == (WITHDRAWN, True)
    assert rooms.withdrawals().undo(done.id)[1] == 0
    put(rooms.spool, data_set(1, 1, 1, 1))
    rooms.file_all()
    assert rooms.asked(1, 1, 1, 1) is True


def test_two_withdrawals_of_one_study_hold_until_both_are_undone(rooms: Rooms) -> None:
    one, other = rooms.withdraw(STUDY), rooms.withdraw(PATIENT)
    rooms.withdrawals().undo(one.id)
    rooms.withdrawals().settle()
    assert of_lille(rooms) == {(2, 1)} and rooms.refuses(1, 1) and rooms.asked(1, 1, 1, 1) == WITHDRAWN
    rooms.withdrawals().undo(other.id)
    assert of_lille(rooms) == {(1, 1), (1, 2), (2, 1)}


# --- cut short, and put back from yesterday


@pytest.mark.parametrize("step", ["take_out", "enter", "set_aside", "second write", "_drop_held"])
def test_what_was_cut_short_is_brought_to_its_end_at_the_next_start(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    conflict = put(rooms.spool, data_set(1, 1, 1, 1, ConvolutionKernel="B30f"))
    rooms.file_all()
    assert list(rooms.held()) == [str(conflict)]
    real = Tombstones.write
    calls: list[object] = []

    def write(self: Tombstones, withdrawal: Withdrawal, instances: Any = None) -> None:
        calls.append(withdrawal)
        if len(calls) == 2:
            raise OSError(5, "cut")
        real(self, withdrawal, instances)

    def cut(*_: object, **__: object) -> None:
        raise OSError(5, "cut")

    with monkeypatch.context() as patch:
        if step == "second write":
            patch.setattr(Tombstones, "write", write)
        elif step == "set_aside":
            patch.setattr(Tombstones, step, cut)
        elif step == "_drop_held":
            patch.setattr(Withdrawals, step, cut)
        else:
            patch.setattr(f"fidac_node.hub.keeping.withdrawal.{step}", cut)
        with pytest.raises(OSError, match="cut"):
            rooms.withdraw(STUDY)
    rooms.db.close()
    later = Rooms(rooms.directory)
    later.withdrawals().settle()
    assert of_lille(later) == {(1, 2), (2, 1)} and len(later.files()) == 5
    assert (later.asked(1, 1, 1, 1), later.refuses(1, 1)) == (WITHDRAWN, True)
    if step != "_drop_held":
        assert later.held() == {} and list_held(later.db) == []
    assert later.withdrawals().undo(later.withdrawals().all()[0].id)[1] == 2


LOST = {
    "the index is made anew": (),
    "the index of yesterday": ("index.db",),
    "the archive of yesterday": ("archive",),
    "index and archive of yesterday": ("index.db", "archive"),
    "archive and spool of yesterday": ("archive", "spool"),
}


@pytest.mark.parametrize("lost", LOST)
def test_what_was_withdrawn_stays_so_when_parts_of_the_hub_are_those_of_yesterday(
    rooms: Rooms, tmp_path_factory: pytest.TempPathFactory, lost: str
) -> None:
    yesterday = tmp_path_factory.mktemp("yesterday") / "copy"
    rooms.filer.close()
    shutil.copytree(rooms.directory, yesterday, ignore=shutil.ignore_patterns("wake", "filed"))
    rooms.withdraw(PATIENT)
    rooms.db.close()
    for part in LOST[lost]:
        if (rooms.directory / part).is_dir():
            shutil.rmtree(rooms.directory / part)
            shutil.copytree(yesterday / part, rooms.directory / part)
        else:
            for file in rooms.directory.glob(f"{part}*"):
                file.unlink()
            shutil.copy(yesterday / part, rooms.directory)
    later = Rooms(rooms.directory)
    if not LOST[lost]:
        reindex(later.archive, later.db)
    later.withdrawals().settle()
    assert of_lille(later) == {(2, 1)} and len(later.files()) == 3
    assert (later.asked(1, 1, 1, 1), later.refuses(1, 1)) == (WITHDRAWN, True)
    reindex(later.archive, later.db)
    assert of_lille(later) == {(2, 1)} and later.refuses(1, 1)
    later.db.close()


def test_a_damaged_record_is_mended_from_its_copy(rooms: Rooms) -> None:
    done = rooms.withdraw(STUDY)
    for place in (rooms.archive.directory / ".withdrawn", rooms.directory / "spool/withdrawn"):
        (place / f"{done.id}.json").write_bytes(b'{"id": ')
        rooms.withdrawals().settle()
        assert [one.id for one in rooms.withdrawals().all()] == [done.id]


def test_what_is_withdrawn_while_it_is_being_filed_leaves_neither_row_nor_file(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Filer._index

    def withdrawn_before(filer: Filer, cases: Any) -> None:
        monkeypatch.setattr(Filer, "_index", real)
        Rooms(rooms.directory).withdraw(PATIENT)
        real(filer, cases)

    monkeypatch.setattr(Filer, "_index", withdrawn_before)
    put(rooms.spool, data_set(1, 3, 1, 1))
    rooms.file_all()
    assert of_lille(rooms) == {(2, 1)}
    assert uid(1, 3, 1, 1) not in rooms.files()
    assert not rooms.spool.entries("new") and rooms.held() == {}


def test_a_withdrawal_is_not_taken_for_an_index_of_yesterday(rooms: Rooms) -> None:
    marks = Watermarks(rooms.db, rooms.archive.directory, rooms.spool.directory)
    marks.look()
    rooms.withdraw(Target("PARIS", whole=True))  # the latest
    assert studies_of(rooms.db, WHOLE) and marks.look() == ""
    put(rooms.spool, data_set(2, 1, 1, 7))
    rooms.file_all()
    assert marks.look() == ""


def test_a_site_learns_of_a_withdrawal_by_whatever_registry_there_is(rooms: Rooms) -> None:
    refusals = Refusals(rooms.db)
    refusals.demand("LILLE", uid(1, 1))
    assert Registry(rooms.db).site_of("LILLE_NODE") == "LILLE"
    rooms.withdraw(STUDY)
    refusals._asked = 0.0  # a second later
    with pytest.raises(Permanent, match="withdrawn at the hub"):
        refusals.demand("LILLE", uid(1, 1))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_withdraws_the_hubs_own_user_looks_after(rooms: Rooms) -> None:
    for path in (rooms.directory, *rooms.directory.rglob("*")):
        os.chown(path, 65534, 65534)
    rooms.withdraw(PATIENT)
    made = [*(rooms.archive.directory / ".withdrawn").rglob("*"), *(rooms.directory / "spool/withdrawn").rglob("*")]
    assert len(made) > 5 and {path.stat().st_uid for path in made} == {65534}
