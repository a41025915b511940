"""The archive is read through: what is not as it was filed is named, doubted, and healed when it comes again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest
from peewee import Database

from fidac_node.commitment.reasons import NO_SUCH_INSTANCE
from fidac_node.hub.index.filed import archived_bytes, wrong
from fidac_node.hub.index.generation import begin, begin_for, generation, told_to
from fidac_node.hub.index.tallies import count_wrong
from fidac_node.hub.keeping.fixity import Fixity
from fidac_node.hub.keeping.scrub import FILE, Scrub, read
from fidac_node.system.database import connect
from tests.hub_objects import CT, data_set, put
from tests.integration.hub import test_filing
from tests.integration.hub.test_digests import LARGE, ROT, file_of, flip
from tests.integration.hub.test_filing import HubRooms


class Rooms(HubRooms):
    """A hub with its index where the test wants it."""

    url = "sqlite:///index.db"

    @cached_property
    def db(self) -> Database:
        return connect(self.url, self.directory)

    @property
    def fixity(self) -> Fixity:
        return Fixity(self.archive, self.db, self.spool)

    def faults(self) -> dict[str, str]:
        """What is wrong, by the name of the file."""
        return {checked.place.sop: checked.fault for checked in self.fixity.check() if checked.fault}


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rooms]:
    monkeypatch.setattr(test_filing, "HubRooms", Rooms)
    for rooms in test_filing.filled_rooms(tmp_path):
        assert isinstance(rooms, Rooms)
        yield rooms


def sop(instance: int) -> str:
    return str(data_set(instance=instance).SOPInstanceUID)


def flip_and_put_its_time_back(path: Path) -> None:
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


FAULTS = {
    "cut": "size",
    "emptied": "size",
    "emptied, its time put back": "size",
    "longer": "size",
    "a flipped bit": "digest",
    "gone": "missing",
    "a link": "missing",
    "another's": "digest",
    "a flipped bit, its time put back": "digest",
}


@pytest.mark.parametrize("rot", FAULTS)
def test_what_rotted_is_named_and_answered_for_no_more_not_even_by_whom_remembers_it_as_right(
    rooms: Rooms, rot: str
) -> None:
    for instance in (1, 2):
        put(rooms.spool, data_set(instance=instance, **LARGE))
    rooms.file_all()
    assert rooms.faults() == {}
    check = rooms.commitment()
    assert check("LILLE_NODE", [(CT, sop(1))]) == ([(CT, sop(1))], [])
    ({**ROT, "a flipped bit, its time put back": flip_and_put_its_time_back})[rot](file_of(rooms))
    assert rooms.faults() == {sop(1): FAULTS[rot]}
    assert [place.sop for place in wrong(rooms.db)] == [sop(1)]
    assert check("LILLE_NODE", [(CT, sop(1))]) == ([], [(CT, sop(1), NO_SUCH_INSTANCE)])
    put(rooms.spool, data_set(instance=1, **LARGE))  # the site sends it again
    rooms.file_all()
    assert (rooms.faults(), count_wrong(rooms.db)) == ({}, 0)
    assert check("LILLE_NODE", [(CT, sop(1))]) == ([(CT, sop(1))], [])


def test_a_file_that_an_administrator_put_back_is_trusted_again(rooms: Rooms) -> None:
    put(rooms.spool, data_set(instance=1, **LARGE))
    rooms.file_all()
    path = file_of(rooms)
    whole = path.read_bytes()
    flip(path)
    assert rooms.faults() and count_wrong(rooms.db) == 1
    path.write_bytes(whole)
    assert (rooms.faults(), count_wrong(rooms.db)) == ({}, 0)


def test_a_file_without_a_row_is_named_but_not_while_it_is_being_filed(rooms: Rooms) -> None:
    put(rooms.spool, data_set(instance=1))
    rooms.file_all()
    entry = put(rooms.spool, data_set(instance=2))
    (claimed,) = rooms.spool.claim("file", 1)
    beside = file_of(rooms).with_name(f"{sop(2)}.dcm")
    os.link(rooms.spool.path(claimed), beside)  # archived, not yet indexed
    assert claimed == entry and rooms.faults() == {}
    rooms.spool.remove(claimed)
    assert rooms.faults() == {sop(2): "no-row"}


def test_a_reading_goes_on_after_any_object_and_in_both_databases_alike(database_url: str, tmp_path: Path) -> None:
    class Other(Rooms):
        url = database_url

    rooms = Other(tmp_path)
    test_filing.prepare(rooms.db)
    test_filing.add_site(rooms.db, "LILLE", "LILLE_NODE")
    for numbers in ((1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1)):
        for instance in (1, 2):
            put(rooms.spool, data_set(*numbers, instance))
    rooms.file_all()
    file_of(rooms).unlink()
    found = list(rooms.fixity.check())
    assert len(found) == 8 and [checked.fault for checked in found if checked.fault] == ["missing"]
    assert sum(checked.size for checked in found) == archived_bytes(rooms.db)
    for number, checked in enumerate(found):
        assert [one.place for one in rooms.fixity.check(checked.place)] == [one.place for one in found[number + 1 :]]
    assert wrong(rooms.db) == [found[0].place]
    rooms.db.close()


def scrub(rooms: Rooms, *, days: float = 1e-9, rate: int = 1 << 30) -> Scrub:
    return Scrub(rooms.fixity, rooms.db, rooms.archive.directory, days=days, rate=rate)


def test_a_restart_reads_on_where_the_archive_was_read_to_and_the_end_is_written_down(rooms: Rooms) -> None:
    for instance in (1, 2, 3):
        put(rooms.spool, data_set(instance=instance, **LARGE))
    rooms.file_all()
    flip(file_of(rooms, 2))
    for number in (1, 2):
        stopped = scrub(rooms)
        stopped.stop()
        stopped.turn()
        now = read(rooms.archive.directory).now
        assert now is not None and (now.files, now.after[3]) == (number, sop(number))
    scrub(rooms).turn()
    progress = read(rooms.archive.directory)
    assert progress.now is None and progress.last is not None
    assert (progress.last.files, progress.last.wrong, progress.last.strays) == (3, 1, 0)
    scrub(rooms, days=30).turn()  # the next begins, and hardly anything of it is due
    progress = read(rooms.archive.directory)
    assert progress.now is not None and progress.now.files <= 1
    assert progress.last is not None and progress.last.wrong == 1


def test_the_archive_is_read_no_faster_than_told(rooms: Rooms) -> None:
    put(rooms.spool, data_set(instance=1, PixelData=bytes(300_000)))
    rooms.file_all()
    began = time.monotonic()
    scrub(rooms, rate=1_000_000).turn()
    assert time.monotonic() - began >= 0.29


@pytest.mark.parametrize("content", [b"", b"{", b'{"now": 3}', b'{"now": {"began": "x"}, "last": null}'])
def test_a_note_that_cannot_be_read_begins_the_reading_anew(rooms: Rooms, content: bytes) -> None:
    put(rooms.spool, data_set(instance=1))
    rooms.file_all()
    (rooms.archive.directory / FILE).write_bytes(content)
    scrub(rooms).turn()
    assert json.loads((rooms.archive.directory / FILE).read_bytes())["last"]["files"] == 1


def test_one_site_is_told_to_ask_again_and_no_other(rooms: Rooms) -> None:
    before = generation(rooms.db)
    assert told_to(rooms.db, "LILLE") == told_to(rooms.db, "PARIS") == before
    asked = begin_for(rooms.db, "LILLE")
    assert (told_to(rooms.db, "LILLE"), told_to(rooms.db, "PARIS")) == (asked, before) and asked != before
    after = begin(rooms.db)
    assert told_to(rooms.db, "LILLE") == told_to(rooms.db, "PARIS") == generation(rooms.db) == after
