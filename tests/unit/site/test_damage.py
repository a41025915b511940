"""A broken ledger: set aside under a name with the date, and begun anew with all that can still be read of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fidac_node.errors import Temporary
from fidac_node.site.damage import is_out_of_date, set_aside_if_damaged
from fidac_node.site.ledger import DAMAGED, FILE, Ledger
from fidac_node.spool.entry import Entry
from fidac_node.system.broken import set_aside
from tests.faults import damage, locked, mounts, read_only


def entry(number: int) -> Entry:
    digits = str(number).translate(str.maketrans("0123456789", "abcdefghij"))
    return Entry.parse(f"{'s' * 12}-{digits:a>16}-{digits:a>16}")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A ledger of 400 objects and two facts."""
    ledger = Ledger(tmp_path / FILE)
    for number in range(400):
        ledger.note(entry(number), "outgoing", label="certain", received_at=1.0)
    ledger.flush()
    ledger.firsts([entry(number) for number in range(400)])
    ledger.claim("s" * 12, "patient")
    ledger.remember("key_check", "mode vault key")
    ledger.remember("recipe", "r" * 200)
    ledger.close()
    return tmp_path


def test_a_ledger_that_is_well_stays(spool: Path) -> None:
    inode = (spool / FILE).stat().st_ino
    (spool / DAMAGED).write_text("12345")  # of a file that is gone
    assert set_aside_if_damaged(spool) is None
    assert (spool / FILE).stat().st_ino == inode
    assert set_aside(spool / FILE) == [] and not (spool / DAMAGED).exists()


def test_no_ledger_is_not_a_broken_one(tmp_path: Path) -> None:
    assert set_aside_if_damaged(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_locked_ledger_is_not_a_broken_one(spool: Path) -> None:
    with locked(spool / FILE):
        assert set_aside_if_damaged(spool) is None


@pytest.mark.parametrize("name", ["object", "object_state", "event", "first", "whose"])
def test_a_damaged_page_costs_only_what_it_held(spool: Path, name: str) -> None:
    before = (spool / FILE).read_bytes()
    damage(spool / FILE, name)
    aside = set_aside_if_damaged(spool)
    assert aside is not None and set_aside(spool / FILE) == [aside.name]
    assert aside.name.startswith("ledger.db.broken-20")
    assert len(aside.read_bytes()) == len(before)
    with closing(sqlite3.connect(spool / FILE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    ledger = Ledger(spool / FILE)
    assert ledger.fact("key_check") == "mode vault key"
    assert (ledger.counts()["outgoing"] == 400) == (name != "object")
    assert (ledger.patients(["s" * 12]) == {}) == (name == "whose")
    ledger.close()
    assert set_aside_if_damaged(spool) is None


@pytest.mark.parametrize("content", [b"no database at all" * 500, bytes(8192)], ids=["text", "zeros"])
def test_what_is_no_database_any_more_is_set_aside_whole(spool: Path, content: bytes) -> None:
    (spool / FILE).write_bytes(content)
    aside = set_aside_if_damaged(spool)
    assert aside is not None and aside.read_bytes() == content
    ledger = Ledger(spool / FILE)
    assert ledger.counts()["received"] == 0
    ledger.close()


@mounts
def test_a_ledger_on_a_read_only_disk_is_not_a_broken_one(spool: Path) -> None:
    with read_only(spool):
        assert set_aside_if_damaged(spool) is None


def test_a_broken_ledger_that_cannot_be_set_aside_is_the_machines_trouble(spool: Path) -> None:
    damage(spool / FILE, "first")
    (spool / f"{FILE}.new").mkdir()
    with pytest.raises(Temporary, match=r"the ledger is broken .* cannot be set aside"):
        set_aside_if_damaged(spool)
    assert set_aside(spool / FILE) == []


def test_two_on_one_day_have_two_names(spool: Path) -> None:
    for _ in range(3):
        damage(spool / FILE, "first")
        assert set_aside_if_damaged(spool) is not None
    assert len(set_aside(spool / FILE)) == 3


def test_who_meets_damage_says_so_to_the_supervisor_and_the_next_start_believes_it(spool: Path) -> None:
    ledger = Ledger(spool / FILE)
    assert not is_out_of_date(ledger)
    damage(spool / FILE, "whose")
    other = Ledger(spool / FILE)
    with pytest.raises(Temporary, match="malformed"):
        other.patients(["s" * 12])
    assert is_out_of_date(ledger)
    other.close()
    assert set_aside_if_damaged(spool) is not None
    assert is_out_of_date(ledger), "another file has the name now"
    ledger.close()
    new = Ledger(spool / FILE)
    assert not is_out_of_date(new)
    new.close()


@pytest.mark.parametrize("step", ["wal", "link", "rename"])
def test_a_kill_on_the_way_leaves_a_ledger_that_opens_or_is_set_aside_again(
    spool: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    damage(spool / FILE, "first")
    shutil.copy(spool / FILE, Path(f"{spool / FILE}-wal"))

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "link":
            patch.setattr(os, "link", kill)
        else:
            real, wanted = Path.rename, "-wal" if step == "wal" else ".new"
            patch.setattr(Path, "rename", lambda old, new: kill() if str(old).endswith(wanted) else real(old, new))
        with pytest.raises(Killed):
            set_aside_if_damaged(spool)
    set_aside_if_damaged(spool)
    ledger = Ledger(spool / FILE)
    assert ledger.fact("key_check") == "mode vault key"
    assert ledger.counts()["outgoing"] == 400
    ledger.close()
    assert not list(spool.glob("*.new*"))
