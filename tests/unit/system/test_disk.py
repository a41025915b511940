"""Room on a disk: bytes, and inodes, which end first where files are small."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fidac_node.errors import Temporary
from fidac_node.spool.queue import Spool
from fidac_node.system.asking import Asked
from fidac_node.system.disk import RESERVED_INODES, Room, room
from tests.faults import mounts


@pytest.fixture
def few_inodes(tmp_path: Path) -> Iterator[Path]:
    """A file system with gigabytes free and hardly an inode."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g,nr_inodes=200", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@mounts
def test_a_disk_without_inodes_has_no_room_however_many_bytes_are_free(few_inodes: Path) -> None:
    spool = Spool(few_inodes / "spool")
    assert room(few_inodes).bytes > 900 << 20
    assert not spool.has_room()
    assert spool.has_room(share=0.01)
    assert "inodes free" in str(room(few_inodes))


def test_inodes_are_what_an_ordinary_user_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    values = [*real[:5], 1_000_000, 900_000, RESERVED_INODES, *real[8:]]
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
    assert not Spool(tmp_path / "spool").has_room()
    values[7] += 1
    assert Spool(tmp_path / "spool").has_room()


def test_a_file_system_that_does_not_count_inodes_has_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result([*real[:5], 0, 0, 0, *real[8:]]))
    assert room(tmp_path).inodes is None
    assert Spool(tmp_path / "spool").has_room()


def test_room_is_said_with_inodes_only_when_they_are_scarce() -> None:
    assert str(Room(5 << 20, 1_000_000)) == "5 MiB free"
    assert str(Room(5 << 20, 3)) == "5 MiB and 3 inodes free"


def test_a_question_is_answered_or_raises_what_was_raised_or_is_given_up_in_time() -> None:
    def broken() -> int:
        raise OSError(5, "Input/output error")

    never = threading.Event()
    assert Asked(lambda: 7).within(5) == 7
    with pytest.raises(OSError, match="Input/output"):
        Asked(broken).within(5)
    began = time.monotonic()
    with pytest.raises(Temporary, match=r"no answer within 0\.1 s"):
        Asked(never.wait).within(0.1)
    assert time.monotonic() - began < 3
    never.set()
