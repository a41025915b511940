"""A hub whose machine is unwell: what arrived waits, the log says why, and nothing becomes work for a person."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from peewee import DatabaseError, DataError, IntegrityError, InternalError, OperationalError, PeeweeException

from fidac_node.hub import filing
from fidac_node.hub.index import StudyFilter, find
from fidac_node.system import database
from fidac_node.system.database import connect, refuses_values
from tests.faults import damage, locked, mounts, read_only
from tests.hub_objects import data_set, put
from tests.integration.hub.test_filing import HubRooms, rooms, running
from tests.support import wait_until

__all__ = ["rooms"]  # the fixture


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(filing, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What the log says aloud, as it comes."""
    said: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("fidac_node").addHandler(handler)
    yield said
    logging.getLogger("fidac_node").removeHandler(handler)


def _file_behind(rooms: HubRooms) -> None:
    """Something is in the archive and the index already."""
    for number in range(3):
        put(rooms.spool, data_set(instance=number + 1))
    rooms.file_all()


def _waits(rooms: HubRooms, errors: list[str], fault: AbstractContextManager[None], word: str, number: int) -> None:
    """Put objects, let the hub run into the fault for several tries, and end the fault."""
    with fault:
        with running(rooms):
            for instance in range(number):
                put(rooms.spool, data_set(2, instance=instance + 1))
            wait_until(lambda: sum(word in message for message in errors) >= 5)
        rooms.db.close()
    assert rooms.held() == {}
    assert len(rooms.spool.entries("new")) + len(rooms.spool.entries("work")) == number


@pytest.mark.parametrize("name", ["instance_uid", "instance", "study_uid", "series_kernel", "patient"])
def test_a_damaged_page_of_the_index_makes_objects_wait_and_holds_none(
    rooms: HubRooms, errors: list[str], name: str
) -> None:
    _file_behind(rooms)
    rooms.db.close()
    path = rooms.directory / "index.db"
    shutil.copy(path, whole := rooms.directory / "whole.db")
    damage(path, name)
    _waits(rooms, errors, nullcontext(), "malformed", 4)
    for file in rooms.directory.glob("index.db-*"):
        file.unlink()
    shutil.copy(whole, path)
    rooms.file_all()
    assert len(rooms.archived()) == len(list(find(rooms.db, "instances", StudyFilter()))) == 7


def test_a_page_that_is_met_only_while_rows_are_read_is_the_databases_fault_too(tmp_path: Path) -> None:
    db = connect("sqlite:///many.db", tmp_path)
    with db.connection_context():
        db.execute_sql("CREATE TABLE many (id INTEGER PRIMARY KEY, text TEXT)")
        database.insert(db, _named("many"), ["text"], [["x" * 3000] for _ in range(50)])
        db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "many.db"
    with path.open("r+b") as fp:  # the last leaf: the first rows come before the trouble
        fp.seek(path.stat().st_size - 4096)
        fp.write(b"\xff" * 4096)
    with pytest.raises(PeeweeException, match="malformed"):
        database.ask(db, "SELECT text FROM many")
    with pytest.raises(PeeweeException, match="malformed"):
        list(db.execute_sql("SELECT text FROM many"))


def _named(table: str) -> type:
    return type("Any", (), {"_meta": type("Meta", (), {"table_name": table})})


@mounts
@pytest.mark.parametrize("where", ["archive", "spool"])
def test_a_disk_that_turned_read_only_makes_objects_wait_and_holds_none(
    rooms: HubRooms, errors: list[str], where: str
) -> None:
    _file_behind(rooms)
    for instance in range(4):
        put(rooms.spool, data_set(2, instance=instance + 1))
    rooms.filer.recover()
    with read_only(rooms.directory / where), running(rooms):
        wait_until(lambda: sum("Read-only file system" in message for message in errors) >= 3)
    assert rooms.held() == {}
    HubRooms(rooms.directory).file_all()
    assert len(rooms.archived()) == 7


@mounts
def test_an_index_on_a_read_only_disk_makes_objects_wait_and_holds_none(rooms: HubRooms, errors: list[str]) -> None:
    _file_behind(rooms)
    rooms.filer.recover()
    rooms.db.close()
    path = rooms.directory / "index.db"
    with running(rooms):
        with read_only(path):
            for instance in range(4):
                put(rooms.spool, data_set(2, instance=instance + 1))
            wait_until(lambda: sum("readonly" in message for message in errors) >= 3)
            assert rooms.held() == {}
        rooms.db.close()
        wait_until(lambda: len(rooms.archived()) == 7)


def test_a_locked_index_makes_objects_wait_and_holds_none(rooms: HubRooms, errors: list[str]) -> None:
    _file_behind(rooms)
    rooms.filer.recover()
    with running(rooms):
        with locked(rooms.directory / "index.db"):
            for instance in range(4):
                put(rooms.spool, data_set(2, instance=instance + 1))
            wait_until(lambda: sum("locked" in message for message in errors) >= 3)
            assert rooms.held() == {}
        wait_until(lambda: len(rooms.spool.entries("new")) + len(rooms.spool.entries("work")) == 0)
    assert len(rooms.archived()) == 7


def _of(kind: type[PeeweeException], number: int) -> PeeweeException:
    original = sqlite3.IntegrityError("constraint failed")
    original.sqlite_errorcode = number
    return kind(original, "constraint failed")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("value out of range"), True),
        (_of(IntegrityError, sqlite3.SQLITE_CONSTRAINT_NOTNULL), True),
        (_of(IntegrityError, sqlite3.SQLITE_CONSTRAINT_CHECK), True),
        (_of(IntegrityError, sqlite3.SQLITE_CONSTRAINT_UNIQUE), False),  # it was looked up: the index of it is damaged
        (_of(IntegrityError, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY), False),
        (DatabaseError("database disk image is malformed"), False),
        (OperationalError("database or disk is full"), False),
        (OperationalError("attempt to write a readonly database"), False),
        (InternalError("cannot execute INSERT in a read-only transaction"), False),
        (ValueError("A string literal cannot contain NUL"), True),
        (OverflowError("Python int too large to convert to SQLite INTEGER"), True),
        (MemoryError(), False),
        (OSError(5, "Input/output error"), False),
    ],
    ids=repr,
)
def test_only_what_is_about_the_values_is_the_objects_fault(error: Exception, expected: bool) -> None:
    assert refuses_values(error) is expected
