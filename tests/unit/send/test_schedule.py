from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fidac_node.send.schedule import Schedule
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def outbox(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def put(outbox: Spool, study: str, count: int) -> list[Entry]:
    entries = [
        Entry(study * 12, "".join(chr(97 + int(digit)) for digit in f"{number:016d}"), "b" * 16)
        for number in range(count)
    ]
    for entry in entries:
        outbox.put(outbox.create(), entry)
    return entries


def test_a_study_goes_to_one_worker_only(outbox: Spool) -> None:
    put(outbox, "a", 5)
    put(outbox, "b", 5)
    schedule = Schedule(outbox, "send-0", 100)
    first, second = schedule.take("one", 2), schedule.take("two", 2)
    assert {entry.study for entry in first} == {"a" * 12} and {entry.study for entry in second} == {"b" * 12}
    assert {entry.study for entry in schedule.take("one", 2)} == {"a" * 12}
    assert schedule.take("three", 2) == []


def test_a_study_is_free_for_others_when_its_worker_has_found_nothing_more(outbox: Spool) -> None:
    put(outbox, "a", 1)
    schedule = Schedule(outbox, "send-0", 100)
    (entry,) = schedule.take("one", 5)
    schedule.done("one", entry)
    assert schedule.take("one", 5) == []
    put(outbox, "a", 2)
    assert len(schedule.take("two", 5)) == 1


def test_a_large_study_is_shared_when_no_other_waits(outbox: Spool) -> None:
    entries = put(outbox, "a", 200)
    schedule = Schedule(outbox, "send-0", 1000)
    first, second = schedule.take("one", 64), schedule.take("two", 64)
    assert len(first) == len(second) == 64 and not set(first) & set(second)
    third = schedule.take("one", 64)
    assert schedule.take("two", 64) == sorted(entries)[192:] and schedule.take("three", 64) == []
    assert sorted([*first, *second, *third]) == sorted(entries)[:192]


def test_another_study_comes_before_a_share_of_a_large_one(outbox: Spool) -> None:
    put(outbox, "a", 200)
    put(outbox, "b", 1)
    schedule = Schedule(outbox, "send-0", 1000)
    assert {entry.study for entry in schedule.take("one", 64)} == {"a" * 12}
    assert {entry.study for entry in schedule.take("two", 64)} == {"b" * 12}


def test_a_study_that_a_worker_puts_back_is_free_for_the_others(outbox: Spool) -> None:
    put(outbox, "a", 3)
    schedule = Schedule(outbox, "send-0", 100)
    batch = schedule.take("one", 5)
    schedule.put_back("one", batch)
    assert schedule.take("two", 5) == batch


def test_who_waits_is_woken_when_there_is_something_for_another_worker(outbox: Spool) -> None:
    put(outbox, "a", 1)
    put(outbox, "b", 1)
    schedule = Schedule(outbox, "send-0", 100)
    outbox.wait(0)  # what the puts said is heard
    woken = threading.Event()

    def wait() -> None:
        outbox.wait(30)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    schedule.take("one", 5)
    assert woken.wait(10)
    thread.join()


def test_an_object_that_is_put_off_comes_again_when_it_is_due_and_not_before(outbox: Spool) -> None:
    clock = Clock()
    (entry,) = put(outbox, "a", 1)
    schedule = Schedule(outbox, "send-0", 100, clock=clock)
    assert schedule.take("one", 5) == [entry]
    schedule.later("one", entry, 30)
    assert schedule.take("one", 5) == [] and schedule.next_due() == 30
    clock.now = 30
    assert schedule.take("one", 5) == [entry] and schedule.next_due() is None


def test_what_was_not_tried_comes_first_and_in_order(outbox: Spool) -> None:
    put(outbox, "a", 6)
    schedule = Schedule(outbox, "send-0", 100)
    batch = schedule.take("one", 4)
    schedule.done("one", batch[0])
    schedule.put_back("one", batch[1:])
    assert schedule.take("one", 4)[:3] == batch[1:]


def test_no_more_is_claimed_than_there_is_room_for(outbox: Spool) -> None:
    put(outbox, "a", 10)
    schedule = Schedule(outbox, "send-0", 4)
    for entry in schedule.take("one", 10):
        schedule.later("one", entry, 1000)
    assert schedule.take("one", 10) == []
    assert len(outbox.entries("work")) == 4 and len(outbox.entries("new")) == 6


def test_everything_that_is_not_done_is_given_back(outbox: Spool) -> None:
    entries = put(outbox, "a", 9)
    schedule = Schedule(outbox, "send-0", 100)
    batch = schedule.take("one", 4)
    outbox.mark_sent(batch[0])
    schedule.done("one", batch[0])
    schedule.later("one", batch[1], 60)
    outbox.remove(entries[8])
    schedule.give_back()
    assert sorted(outbox.entries("new")) == sorted(set(entries) - {batch[0], entries[8]})
    assert outbox.entries("work") == []
