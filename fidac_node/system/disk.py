"""How much room a file system has: bytes, and inodes, without which no file can be made however many bytes are free."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

# Every object is a file, with a few more while it is on its way: a large study arrives and nothing else is disturbed.
RESERVED_INODES: Final = 5_000


class Room(NamedTuple):
    """What is free for an ordinary user; ``inodes`` is ``None`` where a file system does not count them (btrfs)."""

    bytes: int
    inodes: int | None

    def is_enough(self, reserve: int, share: float = 1.0) -> bool:
        """Say whether more than ``share`` of ``reserve`` (bytes), and of the reserve of inodes, is free."""
        inodes = self.inodes is None or self.inodes > RESERVED_INODES * share
        return self.bytes > reserve * share and inodes

    def __str__(self) -> str:
        inodes = "" if self.inodes is None or self.inodes > RESERVED_INODES else f" and {self.inodes} inodes"
        return f"{self.bytes >> 20} MiB{inodes} free"


def room(directory: Path | str) -> Room:
    """Look at the file system of ``directory``. Raises ``OSError``."""
    found = os.statvfs(directory)
    return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)
