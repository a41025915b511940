"""Files and names that survive a failing disk, and a process that dies between any two system calls."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fidac_node.system import safeio
from tests.support import SystemCalls

NEW = b"new content " * 100
ROOT = Path(__file__).parents[3]


def fail_at_each_call(
    prepare: Callable[[], object], work: Callable[[], object], check: Callable[[SystemCalls], object]
) -> list[str]:
    """Run ``work`` failing its 1st, 2nd, ... system call, with ``check`` after each; return all its calls."""
    for at in itertools.count(1):
        prepare()
        raised = False
        with SystemCalls(at, error=errno.ENOSPC) as calls:
            try:
                work()
            except OSError as error:
                raised = error.errno == errno.ENOSPC
        assert raised == calls.failed
        check(calls)
        if not calls.failed:
            return calls.calls
    raise AssertionError("not reached")


@pytest.mark.parametrize("old", [None, b"old content"])
def test_whichever_system_call_fails_the_name_holds_all_or_nothing_and_no_litter_stays(
    tmp_path: Path, old: bytes | None
) -> None:
    path = tmp_path / "reason.json"

    def prepare() -> None:
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_bytes(old)

    def check(calls: SystemCalls) -> None:
        there = path.read_bytes() if path.exists() else None
        assert there in (old, NEW)
        assert there == old or "rename" in calls.calls[:-1]
        assert [left for left in tmp_path.iterdir() if left != path] == []

    assert {"open", "write", "fsync", "rename"} <= set(
        fail_at_each_call(prepare, lambda: safeio.write_synced(path, NEW), check)
    )
    assert path.read_bytes() == NEW


def test_bytes_are_synced_before_the_name_is_given_and_the_name_before_the_return(tmp_path: Path) -> None:
    with SystemCalls() as calls:
        safeio.write_synced(tmp_path / "a", NEW)
    assert calls.calls == ["open", "write", "fsync", "rename", "open", "fsync"]
    (tmp_path / "sub").mkdir()
    with SystemCalls() as calls:
        safeio.sync_file(tmp_path / "a")
        safeio.move_synced(tmp_path / "a", tmp_path / "sub" / "b")
    assert calls.calls == ["open", "fdatasync", "rename", "open", "fsync"]
    assert (tmp_path / "sub" / "b").read_bytes() == NEW


def test_a_sync_that_is_begun_early_promises_nothing_and_changes_nothing(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w+b", buffering=0) as fp:
        fp.write(NEW)
        safeio.start_sync(fp.fileno())
        os.fdatasync(fp.fileno())
        assert os.pread(fp.fileno(), 9999, 0) == NEW
    reader, writer = os.pipe()
    safeio.start_sync(writer)  # which has no disk
    os.close(reader)
    os.close(writer)


def test_a_process_killed_before_any_system_call_leaves_the_old_content_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "fact"
    code = (
        "import sys; from pathlib import Path; from fidac_node.system import safeio; "
        "from tests.support import SystemCalls\n"
    )
    code += "with SystemCalls(int(sys.argv[2]), kill=True): safeio.write_synced(Path(sys.argv[1]), b'new' * 5000)"
    seen = set()
    for at in range(1, 8):
        path.write_bytes(b"old")
        result = subprocess.run([sys.executable, "-c", code, str(path), str(at)], cwd=ROOT, check=False)
        assert result.returncode == (9 if at < 7 else 0)
        seen.add(path.read_bytes())
    assert seen == {b"old", b"new" * 5000}


def test_what_is_written_is_only_for_the_owner(tmp_path: Path) -> None:
    safeio.write_synced(tmp_path / "secret", b"x")
    safeio.make_directories(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_moving_to_another_directory_fails_whole_or_happens_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "there" / "target"
    target.parent.mkdir()

    def prepare() -> None:
        target.unlink(missing_ok=True)
        source.write_bytes(NEW)

    def check(_: SystemCalls) -> None:
        assert [path.read_bytes() for path in (source, target) if path.exists()] == [NEW]

    fail_at_each_call(prepare, lambda: safeio.move_synced(source, target), check)


def test_directories_that_cannot_be_made_durable_are_an_error(tmp_path: Path) -> None:
    with SystemCalls() as calls:
        safeio.make_directories(tmp_path / "a" / "b" / "c")
        safeio.make_directories(tmp_path / "a" / "b" / "c")
    assert calls.calls == ["mkdir", "open", "fsync"] * 3
    with SystemCalls(3), pytest.raises(OSError, match="Input/output error"):
        safeio.make_directories(tmp_path / "d")


def test_a_directory_under_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="directory"):
        safeio.make_directories(tmp_path / "file" / "a")


def test_threads_may_write_the_same_name_at_once(tmp_path: Path) -> None:
    path, failures = tmp_path / "fact", []
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        for _ in range(20):
            try:
                safeio.write_synced(path, bytes([number]) * 3000)
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(path.read_bytes()) == 3000 and len(set(path.read_bytes())) == 1
    assert list(tmp_path.iterdir()) == [path]
