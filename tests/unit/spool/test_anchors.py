"""What is received takes one flush of the disk: the power is cut at any moment, and nothing acknowledged is lost."""

from __future__ import annotations

import functools
import os
import random
import signal
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.config.config import load_site
from fidac_node.dicom import part10
from fidac_node.dicom.uids import CT_CLASSES, EXPLICIT_VR_LE
from fidac_node.errors import ConfigError
from fidac_node.receive.check import is_whole
from fidac_node.receive.digest import Digest
from fidac_node.site.housekeeping import check_finished
from fidac_node.spool import anchor as anchors
from fidac_node.spool.anchor import Stamp
from fidac_node.spool.draft import SMALL
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from fidac_node.system.base32 import base32
from tests.scenario.network import fidac
from tests.support import SystemCalls
from tests.unit.spool.test_queue import entry, litter, states

PAGE: Final = 4096


def received(number: int, size: int = 3 * PAGE) -> tuple[Entry, bytes]:
    """An object of ``size`` bytes and its name."""
    data = random.Random(number).randbytes(size)
    meta = part10.FileMeta(next(iter(CT_CLASSES)), f"1.2.{number + 1}", EXPLICIT_VR_LE, "PACS", "SITE")
    return entry(number)._replace(digest=base32(Digest(data).digest(), 16)), part10.encode_meta(meta) + data


def receive(queue: Spool, number: int, size: int = 3 * PAGE) -> Entry:
    what, content = received(number, size)
    with queue.create(anchored=True) as draft:
        draft.file.write(content)
        queue.put(draft, what)
    return what


def without_preamble(path: Path) -> bytes:
    return path.read_bytes()[128:]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Spool]:
    queue = Spool(tmp_path / "spool", spares=4)
    yield queue
    queue.close()


# --- one flush


def test_an_object_that_has_an_anchor_is_put_with_one_flush_and_sixteen_take_one_more(queue: Spool) -> None:
    for number in range(31):  # 1, 2, 4, 8 and 16 drafts are made at a time
        receive(queue, number)
    counted = []
    for number in range(31, 31 + 32):
        with SystemCalls() as calls:
            receive(queue, number)
        assert calls.calls.index("pwritev") < calls.calls.index("fdatasync")
        counted.append(calls.calls.count("fdatasync") + calls.calls.count("fsync"))
    assert sum(counted) == 32 + 2 + 2 and sorted(counted)[:28] == [1] * 28


def test_its_own_preamble_says_what_it_is_and_the_rest_of_its_bytes_are_as_they_came(queue: Spool) -> None:
    what = receive(queue, 7)
    stamp = Stamp.read(str(queue.path(what)))
    assert stamp is not None and stamp.entry == str(what)
    assert queue.path(what).samefile(queue.directory / "tmp" / stamp.anchor)
    assert without_preamble(queue.path(what)) == received(7)[1][128:]
    with queue.path(what).open("rb") as fp:
        assert part10.read_meta(fp)[0].sop_instance_uid == "1.2.8"


def test_the_end_of_a_study_syncs_the_names_and_removes_the_anchors_and_closing_the_unused_drafts(queue: Spool) -> None:
    for number in range(3):
        receive(queue, number)
    with SystemCalls() as calls:
        queue.end_of_study()
    assert calls.calls == ["open", "fsync", "unlink", "unlink", "unlink", "write"]
    with SystemCalls() as calls:
        queue.end_of_study()
    assert calls.calls == ["write"] and len(queue.entries("new")) == 3  # who gathers is told each time
    receive(queue, 3)
    queue.close()
    assert litter(queue) == [] and len(queue.entries("new")) == 4


def test_anchors_stay_while_the_names_cannot_be_synced(queue: Spool, caplog: pytest.LogCaptureFixture) -> None:
    receive(queue, 1)
    with SystemCalls(1) as calls:
        queue.end_of_study()
    assert calls.failed and "cannot be synced" in caplog.text
    assert any(Stamp.read(str(path)) for path in (queue.directory / "tmp").iterdir())
    queue.end_of_study()
    assert not any(Stamp.read(str(path)) for path in (queue.directory / "tmp").iterdir())


@pytest.mark.parametrize("why", ["large", "no hard links"])
def test_what_can_have_no_anchor_is_synced_with_its_name(
    queue: Spool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "no hard links":
        monkeypatch.setattr(os, "link", functools.partial(_forbidden))
    with SystemCalls() as calls:
        what = receive(queue, 1, size=SMALL if why == "large" else PAGE)
    assert calls.calls[-3:] == ["fsync", "open", "write"] or calls.calls[-2:] == ["fsync", "write"]
    assert calls.calls.index("rename") > calls.calls.index("fdatasync")
    queue.close()
    assert states(queue) == {"new": [what]} and litter(queue) == []


def _forbidden(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_of_threads_that_receive_the_same_object_at_once_one_puts_it(queue: Spool) -> None:
    start, fresh = threading.Barrier(6), []
    what, content = received(1)

    def work() -> None:
        with queue.create(anchored=True) as draft:
            draft.file.write(content)
            start.wait()
            fresh.append(queue.put(draft, what))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.close()
    assert sorted(fresh) == [False] * 5 + [True] and states(queue) == {"new": [what]} and litter(queue) == []


def test_an_object_that_is_removed_before_its_name_was_synced_is_wiped_and_its_anchor_gone(queue: Spool) -> None:
    what = receive(queue, 1)
    queue.remove(what)
    (spare,) = (queue.directory / "spare").iterdir()
    assert spare.stat().st_nlink == 1 and spare.read_bytes().strip(b"\0") == b""
    queue.close()
    assert litter(queue) == [] and states(queue) == {}


def test_a_file_with_another_name_than_its_anchor_is_never_written_to(queue: Spool, tmp_path: Path) -> None:
    what = receive(queue, 1)
    queue.end_of_study()
    os.link(queue.path(what), tmp_path / "kept")
    queue.remove(what)
    assert (
        without_preamble(tmp_path / "kept") == received(1)[1][128:]
        and list((queue.directory / "spare").iterdir()) == []
    )


def test_drafts_are_not_made_ahead_when_the_disk_is_full_and_nothing_is_left_of_the_trial(queue: Spool) -> None:
    for number in range(3):
        receive(queue, number)  # four would be made next
    for at in range(1, 6):
        with SystemCalls(at) as calls, pytest.raises(OSError, match="error"):
            queue.create(anchored=True)
        assert calls.failed
        queue._ahead._next = 4
    queue.end_of_study()
    assert litter(queue) == []
    receive(queue, 3)


def test_a_worker_that_died_sweeps_no_anchor_and_no_draft_of_a_receiver(queue: Spool) -> None:
    what = receive(queue, 1)
    receive(queue, 2)  # one draft is ready for a third
    before = litter(queue)
    Spool(queue.directory).sweep()
    assert litter(queue) == before and len(before) == 3
    assert Spool(queue.directory).restore_names(is_whole) == 0
    assert len(litter(queue)) == 1 and queue.state(what) == "new"


def test_what_has_only_its_anchor_gets_its_name_back_if_it_is_whole(queue: Spool) -> None:
    whole, torn = receive(queue, 1), receive(queue, 2)
    with queue.path(torn).open("r+b") as fp:
        fp.seek(2 * PAGE)
        fp.write(bytes(PAGE))
    for what in (whole, torn):
        queue.path(what).unlink()
    again = Spool(queue.directory)
    queue._ahead.close()
    assert again.restore_names(is_whole) == 1
    assert states(again) == {"new": [whole]} and litter(again) == []


def test_a_name_that_a_power_cut_brought_back_goes_when_its_file_holds_another_object_by_now(queue: Spool) -> None:
    what = receive(queue, 2)
    for directory in ("new", "work/worker"):
        (queue.directory / directory).mkdir(exist_ok=True)
        os.link(queue.path(what), queue.directory / directory / f"{entry(1)}.dcm")
    again = Spool(queue.directory, spares=4)
    assert again.restore_names(is_whole) == 0
    again.remove(entry(1))  # as a site does that has its copy
    assert states(again) == {"new": [what]} and without_preamble(again.path(what)) == received(2)[1][128:]


def test_what_another_moves_while_names_are_restored_is_no_trouble(
    queue: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = receive(queue, 1)
    queue.end_of_study()
    read = Stamp.read

    def claimed_meanwhile(path: str) -> Stamp | None:
        Spool(queue.directory).claim("worker", 1)
        return read(path)

    monkeypatch.setattr(Stamp, "read", claimed_meanwhile)
    assert Spool(queue.directory).restore_names(is_whole) == 0
    assert states(queue) == {"work": [what]}


def test_a_programme_is_not_finished_while_an_object_has_its_anchor_alone(tmp_path: Path) -> None:
    fidac("site", "init", tmp_path / "site", "--site-id", "CHU-TEST", "--hub", "HUB@127.0.0.1:1")
    config = load_site(tmp_path / "site" / "site.toml")
    inbox = Spool(config.spool.directory / "inbox")
    what = receive(inbox, 1)
    inbox.path(what).unlink()
    inbox._ahead.close()
    with pytest.raises(ConfigError, match="1 objects are still at this site"):
        check_finished(config)
    assert states(inbox) == {"new": [what]} and litter(inbox) == []


def test_a_file_whose_only_name_is_that_of_another_object_gets_its_own(queue: Spool) -> None:
    what = receive(queue, 2)
    queue.end_of_study()
    queue.path(what).rename(queue.directory / "new" / f"{entry(1)}.dcm")
    assert Spool(queue.directory).restore_names(is_whole) == 0
    assert states(queue) == {"new": [what]} and without_preamble(queue.path(what)) == received(2)[1][128:]


@given(st.binary(max_size=200) | st.binary(max_size=90).map(lambda rest: b"FIDAC node, safe: " + rest))
@settings(max_examples=50, deadline=None)
def test_what_is_no_stamp_is_none(preamble: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "file"
        path.write_bytes(preamble)
        stamp = Stamp.read(str(path))
        assert stamp is None or Entry.parse(stamp.entry)


def test_the_stamp_fits_into_the_preamble_whatever_the_process_and_the_number() -> None:
    longest = anchors._STAMP.format(entry(1), f"{1 << 22}-{'f' * 8}-{10**12}.dcm")
    assert len(longest) <= 128 and anchors._STAMPED.fullmatch(longest.encode().ljust(128, b"\0"))
    assert anchors._MOST_AHEAD > 1


# --- power cuts


class Cut(BaseException):
    """The power is gone."""


class Disk:
    """Watches what would be on the disk of a spool: names as of the last sync or later, bytes page by page.

    Names reach the disk in the order in which they were changed (a journal), or each directory as it likes;
    to sync a directory brings all changes before there, or those of the directory. The power fails at the ``at``-th
    call.
    """

    NAMES = ("open", "link", "rename", "unlink", "fsync", "fdatasync", "ftruncate", "pwritev", "write")

    def __init__(self, root: Path, at: int) -> None:
        self.root, self.at, self.count = root, at, 0
        self._real = {name: getattr(os, name) for name in self.NAMES}
        self.bytes: dict[int, bytes] = {}  # by inode, as last synced
        self.last: dict[int, bytes] = {}  # of inodes without a name
        self.history = [self._names()]
        self.synced = 0  # in the history
        self.directories = dict(self.history[0])  # each as last synced

    def __enter__(self) -> Disk:
        for name, real in self._real.items():
            setattr(os, name, functools.partial(self._call, name, real))
        return self

    def __exit__(self, *_: object) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)

    def _call(self, name: str, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        if self.count == self.at:
            raise Cut
        if name == "unlink":
            self.last[Path(args[0]).stat().st_ino] = self._read(args[0])
        result = real(*args, **kwargs)
        if name in ("open", "link", "rename", "unlink"):
            self.history.append(self._names())
        elif name in ("fsync", "fdatasync"):
            found = os.fstat(args[0])
            path = Path(f"/proc/self/fd/{args[0]}").readlink()
            if stat.S_ISDIR(found.st_mode):
                self.synced = len(self.history) - 1
                self.directories[os.path.relpath(path, self.root)] = self.history[-1].get(
                    os.path.relpath(path, self.root), {}
                )
            else:
                self.bytes[found.st_ino] = os.pread(args[0], 1 << 20, 0)
        return result

    def _read(self, path: str | Path) -> bytes:
        fd = self._real["open"](path, os.O_RDONLY)
        try:
            return os.pread(fd, 1 << 20, 0)
        finally:
            os.close(fd)

    def _names(self) -> dict[str, dict[str, int]]:
        found = {}
        for directory, _, _ in os.walk(self.root):
            names = {item.name: item.inode() for item in os.scandir(directory) if item.is_file()}
            found[os.path.relpath(directory, self.root)] = names
        return found

    def left(self, target: Path, chance: random.Random, *, journal: bool) -> None:
        """Write what a power cut may leave to ``target``."""
        now = {
            ino: self._read(self.root / directory / name)
            for directory, names in self._names().items()
            for name, ino in names.items()
        }
        if journal:
            names = self.history[chance.randint(self.synced, len(self.history) - 1)]
        else:
            names = {
                directory: chance.choice((self.directories.get(directory, {}), new))
                for directory, new in self.history[-1].items()
            }
        made: dict[int, Path] = {}
        for directory, inodes in names.items():
            (target / directory).mkdir(parents=True, exist_ok=True)
            for name, ino in inodes.items():
                path = target / directory / name
                if ino in made:
                    os.link(made[ino], path)
                else:
                    path.write_bytes(_mixed(self.bytes.get(ino, b""), now.get(ino, self.last.get(ino, b"")), chance))
                    made[ino] = path


def _mixed(old: bytes, new: bytes, chance: random.Random) -> bytes:
    """Some pages as they were synced, others as they were written since."""
    size = chance.choice((len(old), len(new)))
    pages = (chance.choice((old, new))[start : start + PAGE].ljust(PAGE, b"\0") for start in range(0, size, PAGE))
    return b"".join(pages)[:size]


STEPS = st.lists(
    st.sampled_from(("receive", "receive", "receive", "claim", "remove", "settle")), min_size=1, max_size=24
)


@pytest.mark.parametrize("journal", [True, False])
@given(steps=STEPS, at=st.integers(1, 400), seed=st.integers(0, 1 << 30), sizes=st.sampled_from((PAGE, 3 * PAGE)))
@settings(max_examples=250, deadline=None)
def test_whenever_the_power_is_cut_every_object_that_was_acknowledged_is_there_whole(
    journal: bool, steps: list[str], at: int, seed: int, sizes: int
) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        queue = Spool(Path(directory) / "before", spares=2)
        queue.notify()
        begun: dict[Entry, int] = {}
        safe: set[Entry] = set()
        removed: set[Entry] = set()
        try:
            with Disk(queue.directory, at) as disk:
                for number, step in enumerate(steps):
                    waiting = sorted(safe)
                    if step == "receive":
                        begun[received(number, sizes + number)[0]] = number
                        safe.add(receive(queue, number, sizes + number))
                    elif step == "settle":
                        queue.end_of_study()
                    elif step == "remove" and waiting:
                        removed.add(what := chance.choice(waiting))  # its copy is safe by now
                        safe.remove(what)
                        queue.remove(what)
                    elif (
                        step == "claim" and journal
                    ):  # without a journal a rename may lose the file: nothing helps there but fsck
                        queue.claim("worker", 2)
        except Cut:
            pass
        disk.left(Path(directory) / "after", chance, journal=journal)
        again = Spool(Path(directory) / "after", spares=2)
        again.restore_names(is_whole)
        again.recover()
        again.sweep()
        for what in removed:
            again.remove(what)  # as a site does that has their copies
        assert safe <= set(again.entries("new")) <= set(begun)
        for what in again.entries("new"):
            assert without_preamble(again.path(what)) == received(begun[what], sizes + begun[what])[1][128:], what
        assert litter(again) == []
        queue._ahead.close()


# --- a receiver that was killed


def killed(queue: Spool, how_far: str, number: int = 1) -> tuple[int, Entry]:
    """Let a process receive an object and be killed; return its number and the entry."""
    what, content = received(number)
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            own = Spool(queue.directory, spares=4)
            draft = own.create(anchored=True)
            draft.file.write(content if how_far != "half" else content[: len(content) // 2])
            if how_far == "synced":
                draft.finish(str(what))
            elif how_far == "acknowledged":
                own.put(draft, what)
            os.write(writes, b"!")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    assert os.read(reads, 1) == b"!"
    os.close(reads)
    os.close(writes)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return child, what


def in_tmp(queue: Spool) -> list[Path]:
    return list((queue.directory / "tmp").iterdir())


@pytest.mark.parametrize("how_far", ["half", "whole"])
def test_what_a_killed_receiver_never_acknowledged_is_gone_at_once(queue: Spool, how_far: str) -> None:
    process, what = killed(queue, how_far)
    assert in_tmp(queue)
    assert queue.bury(process, is_whole) == 0
    assert in_tmp(queue) == [] and not queue.knows(what)


def test_what_a_killed_receiver_had_synced_whole_gets_its_name_at_once(queue: Spool) -> None:
    process, what = killed(queue, "synced")
    assert queue.bury(process, is_whole) == 1
    assert in_tmp(queue) == [] and queue.claim("worker", 9) == [what]


def test_what_a_killed_receiver_had_acknowledged_stays_and_loses_only_its_anchor(queue: Spool) -> None:
    process, what = killed(queue, "acknowledged")
    assert queue.bury(process, is_whole) == 0
    assert in_tmp(queue) == [] and queue.holds(what, "new")
    assert without_preamble(queue.path(what)) == received(1)[1][128:]


def test_what_the_others_are_receiving_and_their_anchors_stay_when_one_is_buried(queue: Spool) -> None:
    mine = receive(queue, 7)
    with queue.create(anchored=True) as draft:
        draft.file.write(b"half of one that is arriving here")
        before = sorted(in_tmp(queue))
        process, _ = killed(queue, "half")
        queue.bury(process, is_whole)
        assert sorted(in_tmp(queue)) == before and queue.holds(mine, "new")


def test_names_are_looked_through_once_after_each_boot_and_not_at_every_start(
    queue: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = receive(queue, 1), entry(2)
    queue.close()
    monkeypatch.setattr(anchors, "_boot", lambda: "first boot")
    queue.restore_names(is_whole)
    queue.path(right).rename(queue.directory / "new" / f"{wrong}.dcm")  # as a power cut may bring one back
    queue.restore_names(is_whole)
    assert queue.holds(wrong, "new")  # without a cut nobody looks
    monkeypatch.setattr(anchors, "_boot", lambda: "second boot")
    queue.restore_names(is_whole)
    assert queue.holds(right, "new") and not queue.holds(wrong, "new")
