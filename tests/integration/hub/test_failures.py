"""Connections that came to nothing, counted by many at once, whatever the database does meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peewee import Database, OperationalError

from fidac_node.hub import failures, later
from fidac_node.hub.archive import Archive
from fidac_node.hub.failures import FailedConnections
from fidac_node.hub.index import failed_connections, prepare
from fidac_node.hub.index.rebuild import reindex
from fidac_node.system.database import connect
from tests.support import wait_until


@pytest.fixture
def db(empty: Database) -> Database:
    prepare(empty)
    return empty


@pytest.fixture
def counter(db: Database) -> Iterator[Callable[[Database], FailedConnections]]:
    made: list[FailedConnections] = []

    def make(of: Database = db) -> FailedConnections:
        made.append(FailedConnections(of))
        return made[-1]

    yield make
    for one in made:
        one.close(20)


def test_one_is_there_at_once_and_many_receivers_add_up(
    db: Database, database_url: str, tmp_path: Path, counter: Callable[..., FailedConnections]
) -> None:
    assert failed_connections(db) == 0
    receivers = [counter(connect(database_url, tmp_path)) for _ in range(3)]
    receivers[0].add()
    wait_until(lambda: failed_connections(db) == 1)
    start = threading.Barrier(6)

    def come_and_leave(number: int) -> None:
        start.wait()
        for _ in range(50):
            receivers[number % 3].add()

    threads = [threading.Thread(target=come_and_leave, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for receiver in receivers:
        receiver.close(20)
    assert failed_connections(db) == 301


def test_a_thousand_of_them_are_a_few_writes(
    db: Database, counter: Callable[..., FailedConnections], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(failures, "add_failed_connections", lambda db, number: written.append(number))
    one = counter()
    began = time.monotonic()
    for _ in range(1000):
        one.add()
    one.close(20)
    assert sum(written) == 1000 and len(written) <= 3 + (time.monotonic() - began)


def test_who_counts_does_not_wait_for_a_database_that_is_away_and_nothing_is_forgotten(
    db: Database,
    counter: Callable[..., FailedConnections],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(later, "_AGAIN", 0.05)
    real, back, tried = failures.add_failed_connections, threading.Event(), threading.Semaphore(0)

    def away(db: Database, number: int) -> None:
        tried.release()
        if not back.is_set():
            raise OperationalError("the server is gone")
        real(db, number)

    monkeypatch.setattr(failures, "add_failed_connections", away)
    caplog.set_level(logging.WARNING)
    one = counter()
    for _ in range(3):
        one.add()
        assert tried.acquire(timeout=20)
    back.set()
    wait_until(lambda: failed_connections(db) == 3)
    assert len([record for record in caplog.records if record.name == later.__name__]) == 1, "said once"


def test_an_index_that_is_made_anew_goes_on_counting(
    db: Database, counter: Callable[..., FailedConnections], tmp_path: Path
) -> None:
    one = counter()
    one.add()
    one.close(20)
    reindex(Archive(tmp_path / "archive"), db)
    assert failed_connections(db) == 1
