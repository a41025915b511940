"""What the ledger's rows said, told again to one that was lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from fidac_node.errors import Temporary
from fidac_node.site.history import FILE
from fidac_node.site.ledger import Ledger
from fidac_node.spool.entry import Entry


def entry(number: int, study: str = "a" * 12) -> Entry:
    return Entry(study, f"{'b' * 15}{'abcdefgh'[number]}", "c" * 16)


def lost(path: Path) -> Ledger:
    for file in path.parent.glob("ledger.db*"):
        file.unlink()
    return Ledger(path)


def told(ledger: Ledger) -> list[dict[str, Any]]:
    return [{name: row[name] for name in row if name not in ("turn", "changed_at")} for row in ledger.rows()]


def test_rows_journal_and_who_came_first_are_told_again_whoever_wrote_last(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first, second = Ledger(path), Ledger(path)  # two processes
    at = first.now()
    first.firsts([entry(0), entry(1)])
    second.note(entry(0), "outgoing", label="certain", label_source="import", patient="p" * 12, sent_bytes=7)
    second.note(entry(1), "discarded", reason="repeat", message="the same object as another")
    second.close()
    for number in (0, 1):
        first.note(entry(number), "ready", at=at, received_at=at.at, bytes=9, calling_ae="PACS")
    first.supersede(entry(2), entry(0), 2)
    first.remember("key_check", "as it was", told=True)
    first.flush()
    before, events, versions = told(first), [one[1:] for one in first.events("a" * 12)], first.versions([entry(0)])
    first.close()

    again = lost(path)
    assert again.recall() == 2
    after = told(again)
    assert [row.pop("received_at") for row in after] == pytest.approx([row.pop("received_at") for row in before])
    assert after == before
    assert [one[1:] for one in again.events("a" * 12)] == events
    assert again.versions([entry(0)]) == versions and again.fact("key_check") == "as it was"
    assert again.firsts([entry(0)]) == {entry(0): entry(0)} and again.patients(["a" * 12]) == {"a" * 12: {"p" * 12}}
    again.note(entry(0), "sent")  # what comes now comes after
    again.flush()
    assert again.state(entry(0)) == ("sent", None)
    assert again.recall() == 0
    again.close()


def test_a_line_that_a_crash_has_cut_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    ledger.note(entry(0), "ready", bytes=1)
    ledger.close()
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"at": 1, "study": "aaaa')
    ledger = Ledger(path)
    ledger.note(entry(1), "ready", bytes=1)
    ledger.close()
    again = lost(path)
    assert again.recall() == 2
    again.close()


def test_processes_append_whole_lines_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledgers = [Ledger(path) for _ in range(4)]

    def write(ledger: Ledger, number: int) -> None:
        for _ in range(20):
            ledger.note(entry(number), "ready", bytes=1)
            ledger.flush()

    threads = [threading.Thread(target=write, args=pair) for pair in zip(ledgers, range(4), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ledger in ledgers:
        ledger.close()
    again = lost(path)
    assert again.recall() == 4 and len(again.events("a" * 12)) == 80
    again.close()


def test_without_a_place_to_write_it_rows_are_kept_and_what_must_be_told_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    (tmp_path / FILE).mkdir()
    ledger.note(entry(0), "ready", bytes=1)
    ledger.flush()
    assert ledger.counts()["ready"] == 1
    with pytest.raises(Temporary, match=r"ledger\.history cannot be written"):
        ledger.remember("key_check", "x", told=True)
    ledger.close()
