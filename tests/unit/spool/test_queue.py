"""The durable queue: every step, every step failing, every step killed, and several processes at once."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
import resource
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fidac_node.spool import queue as queues
from fidac_node.spool.draft import SMALL, Draft
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import STATES, Spool
from tests.support import SystemCalls, wait_until

ROOT = Path(__file__).parents[3]
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
handles = st.builds(Entry, *(st.text(ALPHABET, min_size=size, max_size=size) for size in (12, 16, 16)))


def entry(number: int, study: int = 0) -> Entry:
    """An entry whose handles are made from two numbers."""
    letters = f"{number:016d}".translate(str.maketrans("0123456789", ALPHABET[:10]))
    return Entry(f"{study:012d}".translate(str.maketrans("0123456789", ALPHABET[:10])), letters, letters)


def put(queue: Spool, what: Entry, content: bytes = b"object", *, at: float | None = None) -> bool:
    with queue.create() as draft:
        draft.file.write(content)
        if at is not None:
            os.utime(draft.fileno(), (at, at))
        return queue.put(draft, what)


def states(queue: Spool) -> dict[str, list[Entry]]:
    """Where the objects are, without the empty states."""
    return {state: sorted(found) for state in STATES if (found := queue.entries(state))}


def litter(queue: Spool) -> list[str]:
    return sorted(
        path.name
        for path in queue.directory.rglob("*")
        if "tmp" in path.relative_to(queue.directory).parts[0] or path.suffix == ".tmp"
    )[1:]


@pytest.fixture
def queue(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


# --- names


@given(handles)
def test_an_entry_is_read_back_from_its_text_and_its_file_name(what: Entry) -> None:
    assert Entry.parse(str(what)) == Entry.parse(f"{what}.dcm") == what


@given(
    st.one_of(
        st.text(max_size=60),
        handles.map(str).flatmap(lambda name: st.integers(0, len(name) - 1).map(lambda at: name[:at] + name[at + 1 :])),
    )
)
def test_what_is_no_entry_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="does not name an object"):
        Entry.parse(name)


@given(handles, st.sampled_from(["../", "/", "A", "0", "1", "é", "\n", " ", ".", "\0", "-"]), st.integers(0, 45))
def test_a_name_with_any_other_character_is_refused(what: Entry, character: str, at: int) -> None:
    name = str(what)
    for wrong in (name[:at] + character + name[at + 1 :], name[:at] + character + name[at:], name + character):
        if wrong != name:
            with pytest.raises(ValueError, match="does not name an object"):
                Entry.parse(wrong)


@pytest.mark.parametrize("name", ["x.json", "wake", "{}.json", "{}.dcm.dcm", ".{}.json.1.tmp", "{}.dcm~"])
def test_files_beside_the_objects_are_no_entries(name: str) -> None:
    with pytest.raises(ValueError, match="does not name an object"):
        Entry.parse(name.format(entry(1)))


# --- one object's way


def test_an_object_goes_from_new_to_committed_with_its_bytes_unchanged(queue: Spool) -> None:
    assert put(queue, entry(1), b"pixels")
    assert queue.path(entry(1)) == queue.directory / "new" / f"{entry(1)}.dcm"
    assert queue.claim("sender", 10) == [entry(1)] and queue.claim("sender", 10) == []
    assert states(queue) == {"work": [entry(1)]}
    queue.mark_sent(entry(1))
    assert states(queue) == {"sent": [entry(1)]}
    queue.mark_committed(entry(1))
    assert states(queue) == {"committed": [entry(1)]}
    assert queue.path(entry(1)).read_bytes() == b"pixels"
    queue.remove(entry(1))
    assert states(queue) == {} and litter(queue) == []


def test_committing_makes_the_file_young_for_the_retention_and_nothing_else_does(queue: Spool) -> None:
    put(queue, entry(1), at=1000)
    queue.claim("sender", 1)
    queue.mark_sent(entry(1))
    assert queue.path(entry(1)).stat().st_mtime == 1000
    queue.mark_committed(entry(1))
    assert time.time() - queue.path(entry(1)).stat().st_mtime < 60


def test_what_went_elsewhere_since_it_was_listed_is_not_deleted_with_the_state_that_it_was_in(queue: Spool) -> None:
    asked_again, stays = entry(1), entry(2)
    for one in (asked_again, stays):
        put(queue, one)
        queue.claim("send", 1)
        queue.mark_sent(one)
        queue.mark_committed(one)
    listed = queue.entries("committed")
    queue.unclaim(asked_again)
    assert {one: queue.remove_from("committed", one) for one in listed} == {asked_again: False, stays: True}
    assert (queue.entries("new"), queue.knows(stays)) == ([asked_again], False)


def test_a_held_object_keeps_its_reason_and_what_was_said_when_it_was_released(queue: Spool) -> None:
    put(queue, entry(1))
    assert queue.reason(entry(1)) is None
    queue.hold(entry(1), "leak", "first", attempts=2)
    assert states(queue) == {"held": [entry(1)]}
    assert queue.reason(entry(1)) == {"code": "leak", "message": "first", "attempts": 2}
    queue.release(entry(1), released=True)
    assert states(queue) == {"new": [entry(1)]}
    assert queue.reason(entry(1)) == {"code": "leak", "message": "first", "attempts": 2, "released": True}
    queue.claim("w", 1)
    queue.hold(entry(1), "error", "second")
    assert queue.reason(entry(1)) == {"code": "error", "message": "second", "attempts": 2, "released": True}
    queue.remove(entry(1))
    assert queue.reason(entry(1)) is None and list((queue.directory / "held").iterdir()) == []


def test_an_unclaimed_object_is_claimed_again(queue: Spool) -> None:
    put(queue, entry(1))
    queue.claim("one", 1)
    queue.unclaim(entry(1))
    assert queue.claim("two", 1) == [entry(1)]
    queue.mark_sent(entry(1))
    queue.unclaim(entry(1))
    assert states(queue) == {"new": [entry(1)]}


def test_what_is_not_in_the_spool_cannot_be_moved_and_leaves_nothing(queue: Spool) -> None:
    for move in (queue.path, queue.unclaim, queue.release, queue.mark_sent, queue.mark_committed):
        with pytest.raises(FileNotFoundError):
            move(entry(1))
    with pytest.raises(FileNotFoundError):
        queue.hold(entry(1), "leak", "gone meanwhile")
    queue.remove(entry(1))
    assert queue.reason(entry(1)) is None and states(queue) == {}


def test_an_object_that_is_not_held_cannot_be_released(queue: Spool) -> None:
    put(queue, entry(1))
    with pytest.raises(FileNotFoundError, match="is not held"):
        queue.release(entry(1))
    assert states(queue) == {"new": [entry(1)]} and queue.reason(entry(1)) is None


@pytest.mark.parametrize("state", STATES)
def test_the_same_object_put_twice_is_one_wherever_it_is_by_then(queue: Spool, state: str) -> None:
    put(queue, entry(1))
    if state == "work":
        queue.claim("w", 1)
    elif state == "held":
        queue.hold(entry(1), "leak", "x")
    elif state in ("sent", "committed"):
        queue.mark_sent(entry(1)) if state == "sent" else queue.mark_committed(entry(1))
    with SystemCalls() as calls:
        assert put(queue, entry(1)) is False
    assert calls.calls.count("fsync") == 1  # Success may be said: the directory that names the first copy is synced
    assert states(queue) == {state: [entry(1)]} and litter(queue) == []


def test_eight_threads_that_put_the_same_object_at_once_make_one(queue: Spool) -> None:
    start = threading.Barrier(8)
    results = []

    def work() -> None:
        start.wait()
        results.append(put(queue, entry(1)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and True in results
    assert states(queue) == {"new": [entry(1)]} and litter(queue) == []


def test_room_is_what_is_free_above_the_reserve(tmp_path: Path) -> None:
    assert Spool(tmp_path / "a").has_room()
    assert not Spool(tmp_path / "b", reserve=1 << 60).has_room()
    assert Spool(tmp_path / "c", reserve=1 << 60).has_room(share=1e-18)


# --- drafts


def test_a_draft_is_gone_when_it_is_discarded_and_discarding_is_harmless_twice_and_after_it_was_put(
    queue: Spool,
) -> None:
    with queue.create() as unwanted:
        unwanted.file.write(b"half")
        assert unwanted.path.read_bytes() == b"half"
    unwanted.discard()
    with queue.create() as wanted:
        wanted.file.write(b"whole")
        assert queue.put(wanted, entry(1))
    wanted.discard()
    assert wanted.file.closed and litter(queue) == []
    assert queue.path(entry(1)).read_bytes() == b"whole"


def test_a_draft_can_be_read_back_on_its_own_descriptor(queue: Spool) -> None:
    with queue.create() as draft:
        assert draft.file.write(memoryview(b"abcdef")[2:]) == 4
        assert (os.pread(draft.fileno(), 9, 0), draft.file.tell()) == (b"cdef", 4)


def test_a_write_that_the_disk_takes_only_a_part_of_is_an_error(queue: Spool) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with queue.create() as draft:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, hard))  # the kernel takes what fits, and says how much
        try:
            with pytest.raises(OSError, match="File too large"):
                draft.file.write(memoryview(bytes(8 << 20)).cast("H"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert draft.path.stat().st_size == 3 << 20


def test_drafts_of_processes_and_of_spools_never_share_a_name(queue: Spool) -> None:
    drafts = [queue.create(), Spool(queue.directory).create()]
    child = os.fork()
    if not child:
        queue.create()  # raises when the name is taken
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    drafts.append(queue.create())
    assert len(litter(queue)) == 4
    for draft in drafts:
        draft.close()


def test_a_draft_that_is_synced_already_is_not_synced_again(queue: Spool) -> None:
    queue.notify()  # the FIFO is open
    draft = queue.create()
    os.fdatasync(draft.fileno())
    draft.synced = True
    with SystemCalls() as calls:
        assert queue.put(draft, entry(1))
    assert calls.calls == ["rename", "open", "fsync", "write"]


def test_of_several_put_at_once_all_bytes_are_synced_before_the_first_name_and_the_names_once(queue: Spool) -> None:
    put(queue, entry(2))
    drafts = [(queue.create(), entry(number)) for number in (1, 2, 3)]
    with SystemCalls() as calls:
        assert queue.put_all(drafts) == [True, False, True]
    there_already = ["open", "fsync", "unlink"]
    assert calls.calls == ["fdatasync", *there_already, "fdatasync", "rename", "rename", "fsync", "write"]
    assert states(queue) == {"new": [entry(1), entry(2), entry(3)]} and litter(queue) == []
    assert queue.put_all([]) == []


# --- spares


@pytest.fixture
def saving(tmp_path: Path) -> Spool:
    """A spool that keeps two files of removed objects."""
    return Spool(tmp_path / "spool", spares=2)


def spares(queue: Spool) -> list[Path]:
    return sorted((queue.directory / "spare").iterdir())


def test_the_file_of_a_removed_object_is_wiped_and_becomes_that_of_another(saving: Spool) -> None:
    put(saving, entry(1), b"Durand^Marie" * 1000)
    inode = saving.path(entry(1)).stat().st_ino
    saving.remove(entry(1))
    (spare,) = spares(saving)
    assert spare.read_bytes() == bytes(12_000) and spare.stat().st_ino == inode and litter(saving) == []
    put(saving, entry(2), b"a shorter one")
    assert saving.path(entry(2)).read_bytes() == b"a shorter one" and saving.path(entry(2)).stat().st_ino == inode
    assert spares(saving) == []


@given(sizes=st.lists(st.integers(0, 300_000), min_size=1, max_size=12), harmless=st.integers(0, 300_000))
@settings(max_examples=30, deadline=None)
def test_whatever_was_in_a_file_before_an_object_is_what_was_put(sizes: list[int], harmless: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        queue = Spool(Path(directory), spares=2)
        for number, size in enumerate(sizes):
            content = random.Random(number).randbytes(size)
            assert put(queue, entry(number), content)
            assert queue.path(entry(number)).read_bytes() == content
            queue.remove(entry(number), range(min(harmless, size), size))
            assert all(spare.read_bytes()[:harmless].strip(b"\0") == b"" for spare in spares(queue))


def test_threads_that_want_the_same_spares_at_once_get_each_once(tmp_path: Path) -> None:
    queue = Spool(tmp_path / "spool", spares=64)
    for turn in range(30):
        for number in range(3):
            put(queue, entry(number))
        for number in range(3):
            queue.remove(entry(number))
        drafts: list[Draft] = []
        start = threading.Barrier(6)

        def take(start: threading.Barrier = start, drafts: list[Draft] = drafts) -> None:
            start.wait()
            drafts.append(queue.create())

        threads = [threading.Thread(target=take) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({os.fstat(draft.fileno()).st_ino for draft in drafts}) == 6, turn
        for draft in drafts:
            draft.discard()


def test_a_thread_that_finds_the_last_spare_taken_makes_a_file(saving: Spool) -> None:
    class Taken(list[str]):
        def pop(self, *_: object) -> str:
            self.clear()
            raise IndexError  # as if another thread had taken it since we looked

    saving._stock._spares = Taken(["one.dcm"])
    with saving.create() as draft:
        assert os.fstat(draft.fileno()).st_size == 0


def test_what_was_synced_before_it_had_an_end_is_synced_again(saving: Spool) -> None:
    put(saving, entry(1), b"long" * 100)
    saving.remove(entry(1))
    draft = saving.create()
    draft.file.write(b"short")
    os.fdatasync(draft.fileno())
    with SystemCalls() as calls:
        draft.synced = True
        assert saving.put(draft, entry(2))
    assert saving.path(entry(2)).read_bytes() == b"short"
    assert calls.calls.index("ftruncate") < calls.calls.index("fdatasync") < calls.calls.index("rename")


def test_all_but_the_harmless_bytes_are_wiped(saving: Spool) -> None:
    put(saving, entry(1), b"name" + b"pixels" + b"name again")
    saving.remove(entry(1), range(4, 10))
    assert [spare.read_bytes() for spare in spares(saving)] == [bytes(4) + b"pixels" + bytes(10)]


def test_no_more_spares_are_kept_than_wanted_and_none_by_a_spool_that_wants_none(saving: Spool, queue: Spool) -> None:
    for number in range(4):
        put(saving, entry(number))
    for number in range(4):
        saving.remove(entry(number))
        saving._stock._spares_until = 0  # look again
    assert len(spares(saving)) == 2
    put(queue, entry(9))
    queue.remove(entry(9))
    assert len(spares(saving)) == 2
    saving.drop_spares()
    assert spares(saving) == []
    put(saving, entry(5))  # whose name it remembers is gone
    assert saving.entries("new") == [entry(5)]


def test_a_file_that_is_large_or_has_another_name_is_deleted_and_never_written_to(
    saving: Spool, tmp_path: Path
) -> None:
    put(saving, entry(1), bytes(SMALL + 1))
    put(saving, entry(2), b"in the archive too")
    os.link(saving.path(entry(2)), tmp_path / "archived")
    for number in (1, 2):
        saving.remove(entry(number))
    assert spares(saving) == [] and states(saving) == {}
    assert (tmp_path / "archived").read_bytes() == b"in the archive too"


@pytest.mark.parametrize("kill", [False, True])
def test_whatever_happens_while_a_spare_is_made_the_object_is_there_whole_or_gone(tmp_path: Path, kill: bool) -> None:
    content = b"Durand^Marie" * 1000
    for at in itertools.count(1):
        queue = Spool(tmp_path / str(at), spares=2)
        put(queue, entry(1), content)
        child = os.fork() if kill else 0
        if not child:
            with SystemCalls(at, kill=kill) as calls, suppress(OSError):
                queue.remove(entry(1))
            if kill:
                os._exit(0)
        killed = kill and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        queue.sweep()
        assert litter(queue) == []
        assert not queue.knows(entry(1)) or queue.path(entry(1)).read_bytes() == content
        assert all(spare.read_bytes().strip(b"\0") == b"" for spare in spares(queue))
        if not (killed or (not kill and calls.failed)):
            break
    assert at > 3


# --- order


def test_the_oldest_study_comes_first_and_a_study_stays_together(queue: Spool) -> None:
    arrivals = [(1, 10, 100.0), (2, 11, 101.0), (3, 10, 102.0), (4, 12, 50.0), (5, 11, 103.0), (6, 10, 99.0)]
    random.Random(1).shuffle(arrivals)
    for number, study, at in arrivals:
        put(queue, entry(number, study), at=at)
    wanted = [entry(4, 12), entry(6, 10), entry(1, 10), entry(3, 10), entry(2, 11), entry(5, 11)]
    assert queue.claim("w", 2) + queue.claim("w", 1) + queue.claim("w", 10) == wanted


def test_what_arrives_meanwhile_is_claimed_too(queue: Spool) -> None:
    put(queue, entry(1))
    put(queue, entry(2))
    first = queue.claim("w", 1)
    put(queue, entry(3))
    rest = queue.claim("w", 10)
    assert sorted(first + rest + queue.claim("w", 10)) == [entry(1), entry(2), entry(3)]


def test_who_finds_everything_taken_that_it_saw_before_looks_again(queue: Spool) -> None:
    other = Spool(queue.directory)
    for number in range(4):
        put(queue, entry(number), at=100.0 + number)
    assert queue.claim("one", 1) + other.claim("two", 3) == [entry(number) for number in range(4)]
    put(queue, entry(9))
    assert queue.claim("one", 5) == [entry(9)]


# --- strangers


def test_files_of_strangers_are_never_touched(queue: Spool) -> None:
    strangers = [
        queue.directory / "new" / "notes.txt",
        queue.directory / "new" / "IMG001.dcm",
        queue.directory / "held" / "photo.dcm",
        queue.directory / "held" / ".keep",
        queue.directory / "work" / ".deidentify-0.current",
        queue.directory / "work" / "w" / "thumbs.db",
        queue.directory / "tmp" / ".nfs0001",
        queue.directory / "tmp" / "dir" / "file",
    ]
    for path in strangers:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"mine")
    put(queue, entry(1))
    assert queue.claim("w", 10) == [entry(1)]
    assert put(queue, entry(1)) is False
    assert states(queue) == {"work": [entry(1)]}
    queue.recover()
    queue.recover("w")
    queue.sweep()
    assert queue.claim("x", 10) == [entry(1)]
    queue.remove(entry(1))
    assert all(path.read_bytes() == b"mine" for path in strangers)


# --- after a crash


def test_recovering_puts_the_claimed_back_and_sweeping_drops_what_was_never_acknowledged(queue: Spool) -> None:
    for number in range(4):
        put(queue, entry(number))
    queue.claim("one", 1)
    queue.claim("two", 1)
    held = next(iter(queue.entries("new")))
    queue.hold(held, "leak", "x")
    half = queue.create()
    half.close()
    (queue.directory / "held" / f".{entry(3)}.json.77-78.tmp").write_bytes(b"{")
    again = Spool(queue.directory)
    again.recover("one")
    assert len(again.entries("work")) == 1 and half.path.exists()
    again.recover("nobody")
    again.recover()
    writing = queue.create()
    again.sweep()
    assert writing.path.exists() and not half.path.exists()
    writing.close()
    again.sweep()
    assert len(again.entries("new")) == 3 and again.entries("held") == [held]
    assert litter(again) == []


def _prepared(directory: Path, state: str) -> Spool:
    queue = Spool(directory)
    put(queue, entry(1), b"whole object" * 1000)
    if state != "new":
        queue.claim("w", 1)
    if state == "held":
        queue.hold(entry(1), "leak", "x")
    if state == "sent":
        queue.mark_sent(entry(1))
    return queue


STEPS: dict[str, tuple[str, Callable[[Spool], object], set[str]]] = {
    "put": ("", lambda queue: put(queue, entry(1), b"whole object" * 1000), {"", "new"}),
    "claim": ("new", lambda queue: queue.claim("w", 1), {"new"}),
    "unclaim": ("work", lambda queue: queue.unclaim(entry(1)), {"new"}),
    "hold": ("work", lambda queue: queue.hold(entry(1), "leak", "x"), {"new", "held"}),
    "release": ("held", lambda queue: queue.release(entry(1), released=True), {"held", "new"}),
    "mark_sent": ("work", lambda queue: queue.mark_sent(entry(1)), {"new", "sent"}),
    "mark_committed": ("sent", lambda queue: queue.mark_committed(entry(1)), {"sent", "committed"}),
    "remove": ("held", lambda queue: queue.remove(entry(1)), {"held", ""}),
}


def kill_at_each_call(directory: str, step: str) -> None:
    """In a process of its own: die before the 1st, 2nd, ... system call of a step, and look at what is left."""
    state, run, allowed = STEPS[step]
    seen = set()
    for at in itertools.count(1):
        place = Path(directory) / f"{step}{at}"
        queue = _prepared(place, state) if state else Spool(place)
        child = os.fork()
        if not child:
            with SystemCalls(at, kill=True):
                run(queue)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        again = Spool(place)
        again.recover()
        again.sweep()
        found = states(again)
        assert list(found.values()) in ([], [[entry(1)]]), (step, at, found)
        where = "".join(found)
        assert where in allowed, (step, at, where)
        assert not where or again.path(entry(1)).read_bytes() == b"whole object" * 1000
        assert where != "held" or step == "remove" or again.reason(entry(1)) is not None
        assert litter(again) == [], (step, at, litter(again))
        seen.add(where)
        if code == 0:
            break
        assert code == 9
    print(json.dumps(sorted(seen)))


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_within_any_step_loses_nothing_and_leaves_nothing_behind(tmp_path: Path, step: str) -> None:
    code = f"from tests.unit.spool.test_queue import kill_at_each_call; kill_at_each_call({str(tmp_path)!r}, {step!r})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)) == STEPS[step][2]


@pytest.mark.parametrize("step", STEPS)
def test_whichever_system_call_fails_the_object_stays_whole_and_the_step_can_be_repeated(
    tmp_path: Path, step: str
) -> None:
    state, run, allowed = STEPS[step]
    for at in itertools.count(1):
        place = tmp_path / str(at)
        queue = _prepared(place, state) if state else Spool(place)
        raised = False
        with SystemCalls(at, error=errno.ENOSPC) as calls:
            try:
                run(queue)
            except OSError as error:
                raised = error.errno == errno.ENOSPC
        assert raised == calls.failed
        found = states(queue)
        assert list(found.values()) in ([], [[entry(1)]])
        assert "".join(found) in {state, *allowed, "work"}
        assert not found or queue.path(entry(1)).read_bytes() == b"whole object" * 1000
        if not calls.failed:
            break
        if "".join(found) == state:
            run(queue)
        queue.recover()
        assert "".join(states(queue)) in allowed


def put_three(queue: Spool) -> None:
    drafts = [queue.create() for _ in range(3)]
    try:
        for number, draft in enumerate(drafts):
            draft.file.write(b"whole object" * (1000 + number))
        queue.put_all([(draft, entry(number)) for number, draft in enumerate(drafts)])
    finally:
        for draft in drafts:
            draft.discard()


@pytest.mark.parametrize("kill", [False, True])
def test_whatever_happens_while_several_are_put_each_is_there_whole_or_not_at_all_and_can_be_put_again(
    tmp_path: Path, kill: bool
) -> None:
    for at in itertools.count(1):
        place = tmp_path / str(at)
        queue = Spool(place)
        child = os.fork()
        if not child:
            with SystemCalls(at, error=errno.ENOSPC, kill=kill) as calls:
                try:
                    put_three(queue)
                except OSError:
                    os._exit(8)
            os._exit(7 if calls.failed else 0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        queue.sweep()
        found = queue.entries("new")
        assert all(
            queue.path(what).read_bytes() == b"whole object" * (1000 + number)
            for number, what in enumerate(sorted(found))
        )
        assert litter(queue) == [] and (code != 0 or len(found) == 3)
        put_three(queue)
        assert states(queue) == {"new": [entry(0), entry(1), entry(2)]}
        if code == 0:
            break
        assert code == (9 if kill else 8)


def test_a_claim_that_fails_half_way_gives_what_it_took_and_the_rest_later(queue: Spool) -> None:
    wanted = [entry(number) for number in range(5)]
    for number, what in enumerate(wanted):
        put(queue, what, at=100.0 + number)
    queue.claim("w", 0)  # the owner's directory is there
    with SystemCalls(4, error=errno.ENOSPC) as calls:
        first = queue.claim("w", 5)
    assert calls.failed and calls.calls == ["mkdir", "rename", "rename", "rename"]
    assert first == wanted[:2] and sorted(queue.entries("work")) == wanted[:2]
    assert queue.claim("w", 5) == wanted[2:]


# --- several processes

CLAIMING = """
import sys
from pathlib import Path
from fidac_node.spool.queue import Spool
queue = Spool(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
while batch := queue.claim(sys.argv[2], 3):
    print(*batch, sep="\\n", flush=True)
"""


def test_two_processes_that_claim_two_hundred_objects_at_once_get_each_once(queue: Spool) -> None:
    wanted = [entry(number, number // 20) for number in range(200)]
    for what in wanted:
        (queue.directory / "new" / f"{what}.dcm").write_bytes(b"x")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMING, str(queue.directory), owner],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for owner in ("one", "two")
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    claimed = [process.communicate(timeout=30)[0].split() for process in processes]
    assert sorted(claimed[0] + claimed[1]) == sorted(map(str, wanted))
    assert len(list((queue.directory / "work" / "one").iterdir())) == len(claimed[0])


def test_threads_of_one_process_claim_each_object_once(queue: Spool) -> None:
    wanted = {entry(number, number // 20) for number in range(200)}
    for what in wanted:
        (queue.directory / "new" / f"{what}.dcm").write_bytes(b"x")
    claimed: list[Entry] = []

    def work(owner: str) -> None:
        while batch := queue.claim(owner, 3):
            claimed.extend(batch)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 200 and set(claimed) == wanted


PUTTING = """
import sys
from pathlib import Path
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
queue = Spool(Path(sys.argv[1]))
sys.stdin.readline()
queue.put(queue.create(), Entry.parse(sys.argv[2]))
"""


BOTH_PUTTING = """
import sys
from pathlib import Path
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
queue = Spool(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for name in sys.argv[2:]:
    with queue.create() as draft:
        draft.file.write(name.encode() * 1000)
        queue.put(draft, Entry.parse(name))
"""


def test_three_processes_that_put_the_same_objects_at_once_leave_each_once_and_whole(queue: Spool) -> None:
    wanted = [entry(number) for number in range(40)]
    arguments = [sys.executable, "-c", BOTH_PUTTING, str(queue.directory), *map(str, wanted)]
    processes = [
        subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.communicate("go\n", timeout=30)[0] == "" and process.returncode == 0
    assert states(queue) == {"new": wanted} and litter(queue) == []
    assert all(queue.path(what).read_bytes() == str(what).encode() * 1000 for what in wanted)


def test_a_waiting_process_wakes_when_another_one_puts(queue: Spool) -> None:
    arguments = [sys.executable, "-c", PUTTING, str(queue.directory), str(entry(1))]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, text=True) as process:
        woken = threading.Event()

        def wait() -> None:
            queue.wait(30)
            woken.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not woken.wait(0.2), "nothing was put yet"
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.close()
        assert woken.wait(10)
        waiter.join()
    assert queue.claim("w", 1) == [entry(1)]


def test_a_put_before_the_wait_is_not_missed_and_a_wait_without_puts_ends(queue: Spool) -> None:
    put(queue, entry(1))
    began = time.monotonic()
    queue.wait(30)
    assert time.monotonic() - began < 5
    queue.wait(0.05)
    assert 0.05 <= time.monotonic() - began < 5


def test_the_bytes_of_many_puts_wake_once_and_who_leaves_something_wakes_the_next(queue: Spool) -> None:
    for number in range(5):
        put(queue, entry(number))
    queue.wait(30)
    assert not select.select([queue._fifo()], [], [], 0)[0], "one read takes the bytes of all puts"
    assert len(queue.claim("one", 3)) == 3
    queue.wait(30)
    assert len(queue.claim("two", 3)) == 2
    assert not select.select([queue._fifo()], [], [], 0)[0], "nothing is left to wake anybody for"


def test_who_gathers_waits_for_as_many_as_it_wants_or_for_its_time_or_for_a_stop(queue: Spool) -> None:
    stop = threading.Event()
    for number in range(3):
        put(queue, entry(number))
    began = time.monotonic()
    queue.wait_for_more(3, 30, stop, through_pauses=True)
    assert time.monotonic() - began < 5 and len(queue.claim("w", 3)) == 3
    queue.wait_for_more(1, 0.05, stop, through_pauses=True)
    assert 0.05 <= time.monotonic() - began < 5
    threading.Timer(0.05, stop.set).start()
    queue.wait_for_more(1, 30, stop, through_pauses=True)
    assert time.monotonic() - began < 10


def test_who_does_not_gather_through_pauses_goes_on_when_none_came(queue: Spool) -> None:
    began = time.monotonic()
    put(queue, entry(1))
    queue.wait_for_more(3, 30, threading.Event())
    assert time.monotonic() - began < 5
    assert not select.select([queue._fifo()], [], [], 0)[0], "it has seen the one that came"


def test_a_hundred_thousand_wake_ups_with_nobody_waiting_do_not_block(queue: Spool) -> None:
    for _ in range(100_000):
        queue.notify()
    queue.wait(30)


def test_a_spool_can_be_opened_by_many_at_once() -> None:
    with tempfile.TemporaryDirectory() as directory:
        start = threading.Barrier(8)
        opened: list[Spool] = []

        def work() -> None:
            start.wait()
            queue = Spool(Path(directory) / "deep" / "spool")
            queue.notify()
            opened.append(queue)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(opened) == 8
        wait_until(lambda: states(opened[0]) == {}, 1)


def content(number: int) -> bytes:
    return b"object %d" % number * (number + 1)


class Life(RuleBasedStateMachine):
    """Objects moved at random through two openings of one spool, against a table of where they should be."""

    numbers = st.integers(0, 3)
    hands = st.sampled_from((0, 1))

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.queues = [Spool(Path(self.directory.name), spares=spares) for spares in (2, 0)]
        self.table: dict[Entry, str] = {}

    def at(self, number: int, *where: str) -> bool:
        return self.table.get(entry(number)) in where

    @rule(number=numbers, hand=hands)
    def put(self, number: int, hand: int) -> None:
        assert put(self.queues[hand], entry(number), content(number)) == (entry(number) not in self.table)
        self.table.setdefault(entry(number), "new")

    @rule(limit=st.integers(0, 3), hand=hands)
    def claim(self, limit: int, hand: int) -> None:
        claimed = self.queues[hand].claim(f"worker-{hand}", limit)
        assert len(claimed) <= limit and all(self.table[what] == "new" for what in claimed)
        self.table.update(dict.fromkeys(claimed, "work"))

    @rule(
        number=numbers,
        hand=hands,
        step=st.sampled_from(("unclaim", "hold", "release", "mark_sent", "mark_committed", "remove")),
    )
    def move(self, number: int, hand: int, step: str) -> None:
        what, queue = entry(number), self.queues[hand]
        steps: dict[str, tuple[Callable[[Entry], object], tuple[str, ...], str]] = {
            "unclaim": (queue.unclaim, ("work", "sent"), "new"),
            "hold": (lambda one: queue.hold(one, "code", "message"), STATES[:4], "held"),
            "release": (queue.release, ("held",), "new"),
            "mark_sent": (queue.mark_sent, ("work",), "sent"),
            "mark_committed": (queue.mark_committed, ("sent",), "committed"),
            "remove": (queue.remove, STATES, ""),
        }
        run, sources, target = steps[step]
        if self.at(number, *sources):
            run(what)
            self.table[what] = target
            if not target:
                del self.table[what]

    @rule(hand=hands)
    def recover(self, hand: int) -> None:
        self.queues[hand].recover()
        self.table.update({what: "new" for what, state in self.table.items() if state == "work"})

    @invariant()
    def every_object_is_where_it_should_be_and_found_there_by_both(self) -> None:
        for queue in self.queues:
            assert {what: state for state, found in states(queue).items() for what in found} == self.table
            assert {what: queue.state(what) for what in self.table} == self.table
        for number in range(4):
            if entry(number) in self.table:
                assert self.queues[0].path(entry(number)).read_bytes() == content(number)

    def teardown(self) -> None:
        self.directory.cleanup()


class TestLife(Life.TestCase):  # type: ignore[misc,name-defined]
    settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_the_module_says_which_directories_there_are() -> None:
    assert queues.__doc__ is not None
    assert all(f"{state}/" in queues.__doc__ for state in STATES)


# --- what is corrupt


def test_what_is_held_as_corrupt_is_replaced_by_the_same_object_when_it_comes_again(queue: Spool) -> None:
    put(queue, entry(1), b"rotten")
    put(queue, entry(2), b"a rule's")
    queue.hold(entry(1), "corrupt", "not as it was put")
    queue.hold(entry(2), "out-of-scope", "by a rule")
    assert (put(queue, entry(1), b"whole"), put(queue, entry(2), b"again")) == (True, False)
    assert states(queue) == {"new": [entry(1)], "held": [entry(2)]}
    assert queue.path(entry(1)).read_bytes() == b"whole" and queue.path(entry(2)).read_bytes() == b"a rule's"
    assert not put(queue, entry(1), b"whole"), "it waits, and is kept once"


@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize("kill", [False, True])
def test_whatever_happens_while_a_corrupt_one_is_replaced_it_is_in_one_state_and_can_come_again(
    tmp_path: Path, kill: bool, anchored: bool
) -> None:
    for at in itertools.count(1):
        queue = Spool(tmp_path / str(at))
        put(queue, entry(1), b"rotten")
        queue.hold(entry(1), "corrupt", "not as it was put")
        child = os.fork() if kill else 0
        if not child:
            with SystemCalls(at, kill=kill) as calls, suppress(OSError), queue.create(anchored=anchored) as draft:
                draft.file.write(bytes(128) + b"whole")
                queue.put(draft, entry(1))
            if kill:
                os._exit(0)
        killed = kill and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        queue = Spool(tmp_path / str(at))
        queue.restore_names(lambda path, _: path.read_bytes().endswith(b"whole"))
        queue.sweep()
        ((state, found),) = states(queue).items()
        content = queue.path(entry(1)).read_bytes()
        assert found == [entry(1)]
        assert content.endswith(b"whole") if state == "new" else state == "held"
        if state == "held":
            with queue.create() as draft:
                draft.file.write(b"whole")
                assert queue.put(draft, entry(1))
        assert litter(queue) == []
        if not (killed or (not kill and calls.failed)):
            assert state == "new"
            break
