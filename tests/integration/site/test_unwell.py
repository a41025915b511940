"""A site whose machine is unwell: what was received waits, and nothing becomes work for a person."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fidac_node.errors import Temporary
from fidac_node.site import worker
from fidac_node.site.ledger import Ledger
from tests.faults import damage, locked, mounts, read_only
from tests.integration.site.test_worker import Bench
from tests.support import wait_until


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(worker, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("fidac_node.site.ledger._BUSY_SECONDS", 0.1)
    return Bench(tmp_path)


def _run_until(bench: Bench, event: Callable[[], Any]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=bench.worker.run, args=(stop,))
    thread.start()
    try:
        wait_until(event)
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def _said(caplog: pytest.LogCaptureFixture, word: str) -> Callable[[], bool]:
    return lambda: sum(word in record.getMessage() for record in list(caplog.records)) >= 3


@pytest.mark.parametrize("name", ["first", "whose", "object", "object_state"])
def test_a_damaged_page_of_the_ledger_holds_no_object(
    bench: Bench, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.WARNING)
    first = bench.take()
    bench.work()
    assert bench.state(first) == "outbox"
    bench.ledger.close()
    path = bench.directory / "spool" / "ledger.db"
    shutil.copy(path, whole := bench.directory / "whole.db")
    damage(path, name)
    bench.reopen()
    entry = bench.take(InstanceNumber="2", SOPInstanceUID="2.25.99")
    _run_until(bench, lambda: _said(caplog, "malformed")() or entry in bench.outbox.entries("new"))
    bench.ledger.close()
    assert bench.inbox.entries("held") == []
    shutil.copy(whole, path)
    bench.reopen()
    _run_until(bench, lambda: entry in bench.outbox.entries("new"))
    bench.ledger.close()


def test_a_locked_ledger_holds_no_object(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    entry = bench.take()
    with locked(bench.directory / "spool" / "ledger.db"):
        _run_until(bench, _said(caplog, "locked"))
    assert bench.inbox.entries("held") == []
    _run_until(bench, lambda: bench.state(entry) == "outbox")
    bench.ledger.close()


@mounts
@pytest.mark.parametrize("where", ["inbox", "outbox"])
def test_a_spool_that_turned_read_only_holds_no_object(
    bench: Bench, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    caplog.set_level(logging.WARNING)
    entry = bench.take()
    with read_only(bench.directory / "spool" / where):
        _run_until(bench, _said(caplog, "Read-only file system"))
    bench.inbox.recover()
    assert bench.inbox.entries("held") == []
    _run_until(bench, lambda: bench.state(entry) == "outbox")
    bench.ledger.close()


def test_a_row_that_cannot_be_read_to_its_end_is_trouble_of_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    for number in range(300):
        ledger.remember(f"fact {number:04d}", "x" * 500)
    ledger.close()
    damage(path)
    with path.open("r+b") as fp:  # the last leaf: the first rows come before the trouble
        fp.seek(path.stat().st_size - 4096)
        fp.write(b"\xff" * 4096)
    ledger = Ledger(path)
    with pytest.raises(Temporary, match="malformed"):
        ledger._all("SELECT name, value FROM fact")
    ledger.close()


def test_too_little_memory_holds_no_object(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)

    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    entry = bench.take()
    with monkeypatch.context() as patch:
        patch.setattr(bench.engine, "deidentify", exhausted)
        _run_until(bench, _said(caplog, "too little memory"))
    assert bench.inbox.entries("held") == []
    _run_until(bench, lambda: bench.state(entry) == "outbox")
    bench.ledger.close()
