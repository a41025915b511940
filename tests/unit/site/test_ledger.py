"""The ledger's rows: what wins, what survives, and what happens when the database cannot be written."""

from __future__ import annotations

import logging
import math
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from fidac_node.errors import ConfigError, Temporary
from fidac_node.send.journal import Talk
from fidac_node.site.ledger import STATES, Ledger
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from tests.support import wait_until

ROOT = Path(__file__).parents[3]


def entry(number: int, study: int = 0, version: int = 0) -> Entry:
    letters = str.maketrans("0123456789", "abcdefghij")
    return Entry(
        f"{study:012d}".translate(letters), f"{number:016d}".translate(letters), f"{version:016d}".translate(letters)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(path)
    yield ledger
    ledger.close()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the ledger's clock (seconds)."""
    return lambda now: monkeypatch.setattr("fidac_node.site.ledger.time.time", lambda: now)


def row(ledger: Ledger, what: Entry) -> dict[str, object]:
    (found,) = [row for row in ledger.rows() if row["entry"] == str(what)]
    return found


# --- what wins


def test_the_latest_state_wins_even_if_it_was_written_first(path: Path, at: Callable[[float], None]) -> None:
    receiver, worker = Ledger(path), Ledger(path)
    at(100.0)
    receiver.note(entry(1), "ready", bytes=7)
    at(101.0)
    worker.note(entry(1), "held", reason="leak", message="why", status=1)
    worker.flush()
    receiver.flush()
    found = row(worker, entry(1))
    assert (found["state"], found["reason"], found["message"], found["status"]) == ("held", "leak", "why", 1)
    assert (found["changed_at"], found["bytes"]) == (101.0, 7)
    assert [state for _, _, state, _ in worker.events(entry(1).study)] == ["ready", "held"]
    receiver.close()
    worker.close()


def test_of_two_states_in_the_same_instant_the_one_noted_later_wins(
    ledger: Ledger, at: Callable[[float], None]
) -> None:
    at(100.0)
    ledger.note(entry(1), "ready")
    ledger.note(entry(1), "outgoing")
    ledger.flush()
    assert row(ledger, entry(1))["state"] == "outgoing"


def test_a_clock_that_is_set_back_loses_no_state_and_no_order(path: Path, at: Callable[[float], None]) -> None:
    receiver, worker = Ledger(path), Ledger(path)
    at(10_000.0)
    receiver.note(entry(1), "ready", received_at=10_000.0)
    receiver.flush()
    at(100.0)  # by NTP, or by hand
    worker.note(entry(1), "outgoing")
    worker.note(entry(1), "refused", reason="refused", message="A900")
    worker.flush()
    found = row(worker, entry(1))
    assert (found["state"], found["reason"], found["changed_at"]) == ("refused", "refused", 100.0)
    assert [state for _, _, state, _ in worker.events(entry(1).study)] == ["ready", "outgoing", "refused"]
    receiver.close()
    worker.close()


def test_what_was_written_before_the_machine_was_started_again_is_earlier(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = Ledger(path)
    before.note(entry(1), "ready")
    before.close()
    boot = tmp_path / "boot_id"
    boot.write_text("another\n")
    monkeypatch.setattr("fidac_node.site.ledger._BOOT_ID", boot)
    monkeypatch.setattr("fidac_node.site.ledger.time.monotonic_ns", lambda: 1_000)
    after, beside = Ledger(path), Ledger(path)
    after.note(entry(1), "outgoing")
    after.flush()
    assert row(after, entry(1))["state"] == "outgoing"
    assert after.now().turn == beside.now().turn
    after.close()
    beside.close()


def test_a_ledger_without_turns_gets_them_and_its_states_give_way(path: Path) -> None:
    ledger = Ledger(path)
    ledger.note(entry(1), "ready")
    ledger.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE object DROP COLUMN turn")
        db.execute("ALTER TABLE event DROP COLUMN turn")
        db.execute("UPDATE object SET changed_at = 1e12")
        db.commit()
    old = Ledger(path, read_only=True)
    assert [state for _, _, state, _ in old.events(entry(1).study)] == ["ready"]
    old.close()
    ledger = Ledger(path)
    ledger.note(entry(1), "outgoing")
    ledger.flush()
    assert row(ledger, entry(1))["state"] == "outgoing"
    assert [state for _, _, state, _ in ledger.events(entry(1).study)] == ["ready", "outgoing"]
    ledger.close()


def test_the_facts_of_the_first_writer_stay_and_later_ones_only_fill_gaps(ledger: Ledger) -> None:
    ledger.note(entry(1), "ready", received_at=10.0, bytes=100, calling_ae="PACS")
    ledger.note(
        entry(1), "outgoing", received_at=20.0, bytes=200, calling_ae="OTHER", label="certain", label_source="rule:x"
    )
    ledger.note(entry(1), "sent", label="negative")
    ledger.flush()
    found = row(ledger, entry(1))
    assert {
        name: found[name] for name in ("received_at", "bytes", "calling_ae", "label", "label_source", "called_ae")
    } == {
        "received_at": 10.0,
        "bytes": 100,
        "calling_ae": "PACS",
        "label": "certain",
        "label_source": "rule:x",
        "called_ae": None,
    }


def test_a_new_state_forgets_the_reason_of_the_old_one(ledger: Ledger) -> None:
    ledger.note(entry(1), "held", reason="leak", message="m", status=0xA700, next_attempt=9.0)
    ledger.note(entry(1), "ready")
    ledger.flush()
    found = row(ledger, entry(1))
    assert [found[name] for name in ("reason", "message", "status", "next_attempt")] == [None] * 4
    assert ledger.reasons() == {}


def test_what_no_row_could_hold_is_refused_at_once_and_holds_up_nobody(ledger: Ledger) -> None:
    for state, fields in (
        ("flying", {}),
        ("ready", {"surname": "x"}),
        ("ready", {"message": ValueError("x")}),
        ("ready", {"bytes": 1 << 63}),
    ):
        with pytest.raises(ValueError, match="ledger"):
            ledger.note(entry(1), state, **fields)
    ledger.note(entry(2), "held", message="no such file: caf\udce9")
    ledger.flush()
    assert ledger.counts()["received"] == 1
    assert row(ledger, entry(2))["message"] == "no such file: caf?"


# --- counting


def test_received_is_the_sum_of_all_states_whatever_happened(ledger: Ledger) -> None:
    for number in range(40):
        ledger.note(entry(number), "ready", received_at=float(number))
        ledger.note(entry(number), STATES[number % len(STATES)], reason="r" if number % 2 else None)
    ledger.flush()
    counts = ledger.counts()
    assert set(counts) == {"received", *STATES}
    assert counts["received"] == 40 == sum(counts[state] for state in STATES)
    assert all(counts[state] == 5 for state in STATES)


def test_an_empty_ledger_counts_zero_everywhere(ledger: Ledger) -> None:
    assert set(ledger.counts().values()) == {0}
    assert (
        ledger.oldest(STATES) is None and ledger.last_error() is None and ledger.studies() == [] and ledger.rows() == []
    )
    assert ledger.fact("x") is None and ledger.attempts(entry(1)) == 0 and ledger.sent_since(0) == 0


def test_studies_are_summed_up_and_rows_are_filtered(ledger: Ledger, at: Callable[[float], None]) -> None:
    at(1000.0)
    ledger.note(entry(1, study=1), "sent", received_at=5.0, bytes=10, label="certain")
    ledger.note(entry(2, study=1), "held", received_at=3.0, bytes=20, label="certain", reason="leak", message="hit")
    at(2000.0)
    ledger.note(entry(3, study=2), "outgoing", received_at=4.0)
    ledger.flush()
    second, first = ledger.studies()
    assert (second["study"], second["received"], second["outgoing"]) == (entry(3, study=2).study, 1, 1)
    assert (first["received"], first["sent"], first["held"], first["bytes"]) == (2, 1, 1, 30)
    assert (first["began"], first["changed"], first["labels"], first["reasons"]) == (3.0, 1000.0, "certain", "leak")
    assert len(ledger.studies(limit=1)) == 1
    assert [row["entry"] for row in ledger.rows(states=("sent", "held"))] == [
        str(entry(2, study=1)),
        str(entry(1, study=1)),
    ]
    assert [row["entry"] for row in ledger.rows(study=entry(1, study=1).study, reason="leak")] == [
        str(entry(2, study=1))
    ]
    assert len(ledger.rows(limit=2)) == 2
    assert ledger.oldest(("outgoing",)) == 4.0 and ledger.oldest(("sent", "held")) == 3.0
    assert ledger.sent_since(999.0) == 1 and ledger.sent_since(1001.0) == 0
    assert ledger.last_error() == (1000.0, "hit") and ledger.reasons() == {"leak": 1}


def test_rows_are_flushed_by_themselves_within_a_second(ledger: Ledger) -> None:
    ledger.note(entry(1), "ready")
    began = time.monotonic()
    wait_until(lambda: ledger.counts()["received"] == 1, 5)
    assert time.monotonic() - began < 2


# --- attempts and facts


def test_attempts_survive_a_process_that_dies_right_after_counting(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from fidac_node.site.ledger import Ledger; "
        "from fidac_node.spool.entry import Entry\n"
        "ledger = Ledger(Path(sys.argv[1])); ledger.attempting([Entry.parse(sys.argv[2])]); os._exit(9)"
    )
    for number in (1, 2):
        assert (
            subprocess.run([sys.executable, "-c", code, str(path), str(entry(1))], cwd=ROOT, check=False).returncode
            == 9
        )
        ledger = Ledger(path)
        assert ledger.attempts(entry(1)) == number
        assert (
            row(ledger, entry(1))["state"] == "outgoing"
            and time.time() - float(str(row(ledger, entry(1))["last_attempt"])) < 60
        )
        ledger.close()


def test_an_attempt_keeps_what_is_known_about_the_object(ledger: Ledger) -> None:
    ledger.note(entry(1), "refused", reason="refused", bytes=5)
    ledger.attempting([entry(1), entry(2)])
    ledger.attempting([entry(1)])
    assert (ledger.attempts(entry(1)), ledger.attempts(entry(2))) == (2, 1)
    assert (row(ledger, entry(1))["state"], row(ledger, entry(1))["bytes"]) == ("refused", 5)


def test_facts_are_remembered_across_a_restart(path: Path) -> None:
    first = Ledger(path)
    first.remember("key_check", "abc")
    first.remember("key_check", "def")
    first.close()
    again = Ledger(path)
    assert again.fact("key_check") == "def" and again.fact("other") is None
    again.close()


def test_contact_is_written_at_most_once_a_second_but_trouble_at_once(
    ledger: Ledger, at: Callable[[float], None]
) -> None:
    at(100.0)
    ledger.contact(ok=True)
    at(100.5)
    ledger.contact(ok=True)
    assert (ledger.fact("hub_reachable"), ledger.fact("hub_contact")) == ("1", "100.0")
    ledger.contact(ok=False, message="refused")
    assert (ledger.fact("hub_reachable"), ledger.fact("hub_contact"), ledger.fact("hub_error")) == (
        "0",
        "100.0",
        "refused",
    )
    at(100.6)
    ledger.contact(ok=True)
    assert (ledger.fact("hub_reachable"), ledger.fact("hub_contact")) == ("1", "100.6")


def test_the_last_talk_is_known_to_who_asks_whether_written_or_not(ledger: Ledger, at: Callable[[float], None]) -> None:
    assert ledger.last_talk() == Talk(ok=None, at=-math.inf)
    at(100.0)
    ledger.contact(ok=True)
    first = ledger.last_talk()
    at(100.5)
    ledger.contact(ok=True)
    assert ledger.fact("hub_asked") == "100.0", "one write a second is enough"
    assert ledger.last_talk().ok is True and ledger.last_talk().at > first.at
    ledger.contact(ok=False, message="refused")
    assert ledger.last_talk().ok is False and ledger.fact("hub_asked") == "100.5"


# --- the first version of an instance


def test_the_first_version_of_an_instance_is_the_first_for_everybody_at_once(path: Path) -> None:
    ledgers = [Ledger(path) for _ in range(4)]
    start = threading.Barrier(16)
    answers: list[tuple[int, Entry]] = []

    def ask(number: int) -> None:
        start.wait()
        asked = ledgers[number % 4]
        answers.extend((instance, asked.first_of_instance(entry(instance, version=number))) for instance in range(5))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80
    for instance in range(5):
        (first,) = {answer for number, answer in answers if number == instance}
        assert first.instance == entry(instance).instance
    for ledger in ledgers:
        ledger.close()


def test_several_are_asked_for_at_once_and_the_first_of_them_wins(ledger: Ledger) -> None:
    assert ledger.first_of_instance(entry(1, version=9)) == entry(1, version=9)
    batch = [entry(1, version=1), entry(2, version=2), entry(2, version=1), entry(3), entry(2, version=2)]
    firsts = ledger.firsts(batch)
    assert firsts == {batch[0]: entry(1, version=9), batch[1]: batch[1], batch[2]: batch[1], batch[3]: batch[3]}
    assert ledger.firsts([]) == {} and ledger.firsts(batch) == firsts


def test_processes_that_ask_for_the_same_batch_backwards_and_forwards_get_the_same_answers(path: Path) -> None:
    ledgers = [Ledger(path) for _ in range(4)]
    start = threading.Barrier(8)
    answers: list[dict[str, Entry]] = []

    def ask(number: int) -> None:
        start.wait()
        batch = [entry(instance, version=number) for instance in range(50)]
        found = ledgers[number % 4].firsts(batch[:: 1 if number % 2 else -1])
        answers.append({what.instance: first for what, first in found.items()})

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 and all(answer == answers[0] for answer in answers)
    for ledger in ledgers:
        ledger.close()


def test_a_dropped_object_makes_way_for_another_version_and_nobody_else_does(ledger: Ledger) -> None:
    assert ledger.first_of_instance(entry(1, version=1)) == entry(1, version=1)
    ledger.forget_first(entry(1, version=2))
    assert ledger.first_of_instance(entry(1, version=2)) == entry(1, version=1)
    ledger.forget_first(entry(1, version=1))
    assert ledger.first_of_instance(entry(1, version=2)) == entry(1, version=2)


# --- the files decide


def test_a_lost_ledger_is_rebuilt_from_the_files(tmp_path: Path) -> None:
    inbox, outbox = Spool(tmp_path / "inbox"), Spool(tmp_path / "outbox")
    for number, queue in enumerate((inbox, inbox, outbox, outbox, outbox, outbox)):
        queue.put(queue.create(), entry(number))
    inbox.hold(entry(1), "leak", "x")
    outbox.hold(entry(3), "refused", "x")
    outbox.mark_sent(entry(4))
    outbox.mark_committed(entry(5))
    found = {}
    for queue, names in (
        (inbox, {"new": "ready", "held": "held"}),
        (outbox, {"new": "outgoing", "held": "refused", "sent": "sent", "committed": "committed"}),
    ):
        for directory, state in names.items():
            found.update(dict.fromkeys(queue.entries(directory), state))
    ledger = Ledger(tmp_path / "ledger.db")
    assert ledger.rebuild(found) == []
    assert {row["entry"]: row["state"] for row in ledger.rows()} == {
        str(entry(number)): state
        for number, state in enumerate(("ready", "held", "outgoing", "refused", "sent", "committed"))
    }
    assert ledger.first_of_instance(entry(4, version=9)) == entry(4), "what is on its way out stays the first version"
    ledger.close()


def test_rebuilding_corrects_states_drops_rows_without_a_file_and_leaves_the_rest_alone(
    ledger: Ledger, at: Callable[[float], None]
) -> None:
    at(100.0)
    for number, state in enumerate(("ready", "held", "sent", "committed", "discarded", "committed", "outgoing")):
        ledger.note(entry(number), state, reason="leak" if state == "held" else None, bytes=5)
    at(200.0)
    found = {entry(0): "ready", entry(1): "ready", entry(2): "committed", entry(3): "committed"}
    assert ledger.rebuild(found) == [entry(6)]
    assert ledger.rebuild(found) == []
    rows = {row["entry"]: row for row in ledger.rows()}
    assert [rows[str(entry(number))]["state"] for number in range(7)] == [
        "ready",
        "ready",
        "committed",
        "committed",
        "discarded",
        "committed",
        "dropped",
    ]
    assert [rows[str(entry(number))]["changed_at"] for number in range(7)] == [
        100.0,
        200.0,
        200.0,
        100.0,
        100.0,
        100.0,
        200.0,
    ]
    assert rows[str(entry(1))]["reason"] is None and rows[str(entry(1))]["bytes"] == 5
    assert "missing" in str(rows[str(entry(6))]["message"])
    assert ledger.counts()["received"] == 7


# --- several processes

WRITING = """
import sys
from pathlib import Path
from fidac_node.site.ledger import Ledger
from fidac_node.spool.entry import Entry
sys.stdin.readline()
ledger = Ledger(Path(sys.argv[1]))
for line in sys.argv[3].split():
    ledger.note(Entry.parse(line), "ready" if sys.argv[2] == "one" else "outgoing", bytes=1)
    ledger.attempting([Entry.parse(line)])
ledger.close()
"""


def test_processes_that_open_and_write_a_new_ledger_at_once_lose_nothing(path: Path) -> None:
    names = " ".join(str(entry(number)) for number in range(60))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITING, str(path), owner, names], cwd=ROOT, stdin=subprocess.PIPE, text=True
        )
        for owner in ("one", "two", "three")
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    ledger = Ledger(path)
    assert ledger.counts()["received"] == 60
    assert {ledger.attempts(entry(number)) for number in range(60)} == {3}
    assert len(ledger.events(entry(0).study)) == 180
    ledger.close()


def test_threads_may_note_and_read_at_once(ledger: Ledger) -> None:
    def work(study: int) -> None:
        for number in range(300):
            ledger.note(entry(number, study), "ready")
            if number % 50 == 0:
                ledger.counts()

    threads = [threading.Thread(target=work, args=(study,)) for study in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.flush()
    assert ledger.counts() == {**dict.fromkeys(STATES, 0), "received": 1800, "ready": 1800}


# --- trouble

FULL = """
import resource, sys
from pathlib import Path
from fidac_node.errors import Temporary
from fidac_node.site.ledger import Ledger
from fidac_node.spool.entry import Entry
letters = str.maketrans("0123456789", "abcdefghij")
entries = [Entry("a" * 12, f"{number:016d}".translate(letters), "a" * 16) for number in range(400)]
others = [Entry("b" * 12, f"{number:016d}".translate(letters), "b" * 16) for number in range(400)]
ledger = Ledger(Path(sys.argv[1]))
ledger.note(entries[0], "ready")
ledger.flush()
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # no file may grow over 100 kB: \
what SQLite sees as a full disk
for entry in entries:
    ledger.note(entry, "held", message="x" * 2000)
ledger.flush()
assert ledger.counts()["held"] < 400
refused = 0
for action in (lambda: [ledger.attempting([other]) for other in others], \
lambda: [ledger.first_of_instance(other) for other in others]):
    try:
        action()
    except Temporary as error:
        assert error.status is None
        refused += 1
ledger.contact(ok=False, message="y" * 200_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
ledger.flush()
assert ledger.counts()["held"] == 400, ledger.counts()
ledger.attempting(others)
assert ledger.counts()["received"] == 800
ledger.close()
print(refused)
"""


def test_on_a_full_disk_rows_wait_in_memory_and_are_written_when_space_returns(path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    result = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "2\n", "attempting and first_of_instance said Temporary"
    assert (
        "the ledger waits, objects are safe in the spool: the ledger cannot be written: disk I/O error" in result.stderr
    )
    ledger = Ledger(path)
    assert ledger.counts()["held"] == 400
    ledger.close()


def test_while_another_program_locks_the_database_writing_is_temporary_and_rows_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(path)
    monkeypatch.setattr(ledger._db, "_timeout", 0.05)
    cast(Any, ledger._db).execute_sql("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    ledger.note(entry(1), "ready")
    with caplog.at_level(logging.WARNING):
        ledger.flush()
        for action in (
            lambda: ledger.attempting([entry(1)]),
            lambda: ledger.first_of_instance(entry(1)),
            lambda: ledger.remember("a", "b"),
        ):
            with pytest.raises(Temporary, match="cannot be written"):
                action()
        ledger.contact(ok=True)
    assert "the ledger waits" in caplog.text and str(entry(1)) not in caplog.text
    other.execute("ROLLBACK")
    other.close()
    ledger.flush()
    assert ledger.counts()["ready"] == 1
    ledger.close()


def test_rows_that_could_not_be_written_are_tried_again_by_themselves(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(path)
    monkeypatch.setattr(
        ledger._db, "_timeout", 0.05
    )  # of the flusher's own connection, which it opens with the first row
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.note(entry(1), "ready")
    wait_until(lambda: "the ledger waits" in caplog.text, 10)
    other.execute("ROLLBACK")
    other.close()
    wait_until(lambda: ledger.counts()["ready"] == 1, 10)
    ledger.close()


def test_a_database_that_is_gone_bad_is_temporary_for_who_asks(path: Path) -> None:
    ledger = Ledger(path)
    ledger.note(entry(1), "ready")
    ledger.flush()
    cast(Any, ledger._db).execute_sql("DROP TABLE event")
    with pytest.raises(Temporary, match="cannot be read"):
        ledger.events(entry(1).study)
    ledger.note(entry(1), "held")
    ledger.flush()
    assert ledger.counts()["ready"] == 1
    cast(Any, ledger._db).execute_sql(
        "CREATE TABLE event (id INTEGER PRIMARY KEY, at, turn, study, entry, state, message)"
    )
    ledger.close()
    again = Ledger(path)
    assert again.counts()["held"] == 1, "the row that waited was written at last"
    again.close()


def test_a_ledger_that_is_none_is_not_the_settings_fault(path: Path) -> None:
    path.write_bytes(b"this is not SQLite, whatever its name says" * 100)
    with pytest.raises(Temporary, match=r"cannot be opened: file is not a database; the node sets it aside"):
        Ledger(path)


@pytest.mark.parametrize("trouble", ["a directory", "no directory"])
def test_a_ledger_that_cannot_be_opened_stops_the_start_with_its_name(path: Path, trouble: str) -> None:
    if trouble == "a directory":
        path.mkdir()
    else:
        path = path.parent / "nowhere" / "ledger.db"
    for read_only in (False, True):
        with pytest.raises(ConfigError, match=r"cannot open the ledger .*ledger\.db"):
            Ledger(path, read_only=read_only).counts()


def test_a_read_only_ledger_reads_while_another_writes_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "odd name #1%20?" / "ledger.db"
    path.parent.mkdir()
    with pytest.raises(ConfigError):
        Ledger(path, read_only=True)
    assert not path.exists()
    writer = Ledger(path)
    reader = Ledger(path, read_only=True)
    writer.note(entry(1), "ready")
    writer.flush()
    assert reader.counts()["ready"] == 1
    with pytest.raises(Temporary, match="cannot be written"):
        reader.remember("a", "b")
    reader.close()
    writer.close()


# --- whose a study is


def test_a_study_is_claimed_by_whoever_its_objects_name_in_every_process(ledger: Ledger, tmp_path: Path) -> None:
    study = entry(1).study
    assert ledger.patients([study]) == {}
    assert ledger.claim(study, "anna") == ({"anna"}, True)
    assert ledger.claim(study, "anna") == ({"anna"}, False)
    assert ledger.claim(study, "bert") == ({"anna", "bert"}, True)
    assert ledger.patients([study, "unknown"]) == {study: {"anna", "bert"}}


def test_what_was_known_elsewhere_counts_when_the_ledger_never_knew(ledger: Ledger) -> None:
    assert ledger.claim(entry(1).study, "anna", lambda: ["bert"])[0] == {"anna", "bert"}
    assert ledger.claim(entry(2, study=2).study, "anna")[0] == {"anna"}
    assert ledger.claim(entry(2, study=2).study, "anna", lambda: ["bert"])[0] == {"anna"}


def test_who_has_no_object_left_is_forgotten_by_a_persons_order_and_who_has_left_only_if_withdrawn(
    ledger: Ledger,
) -> None:
    study = entry(1).study
    for number, (state, patient) in enumerate([("sent", "anna"), ("dropped", "carla"), ("held", "bert")]):
        ledger.note(entry(number), state, patient=patient)
        ledger.claim(study, patient)
    assert ledger.forget_patients(study, withdrawn=False) == {"anna", "bert"}
    assert ledger.forget_patients(study, withdrawn=True) == {"bert"}


def test_as_long_as_it_is_not_known_whose_an_object_in_the_outbox_is_nobody_is_forgotten(ledger: Ledger) -> None:
    study = entry(1).study
    ledger.note(entry(1), "refused")
    for patient in ("anna", "bert"):
        ledger.claim(study, patient)
    assert ledger.forget_patients(study, withdrawn=True) == {"anna", "bert"}
