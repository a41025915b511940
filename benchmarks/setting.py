"""What all measurements share: where they work, how often, and what is sent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.series import Series

_RAM_DISK: Final = Path("/dev/shm")


@dataclass(frozen=True)
class Setting:
    """``work`` is a folder on the disk that is measured; ``quick`` measures less."""

    work: Path
    runs: int
    series: Series
    quick: bool = False

    def feed(self, name: str, folders: int = 1) -> Feed:
        """New objects for each run: so many folders of them."""
        return Feed(self.series, self.source() / name, folders)

    def source(self) -> Path:
        """Where what is sent is read from: memory when five runs fit twice, else the disk."""
        room = _RAM_DISK.is_dir() and shutil.disk_usage(_RAM_DISK).free > 10 * self.series.size
        return _RAM_DISK / f"fidac-bench-{os.getpid()}" if room else self.work / "source"


class Feed:
    """New objects for each run, the same for everybody who takes part in it."""

    def __init__(self, series: Series, directory: Path, folders: int) -> None:
        self.objects = folders * len(series)
        self._series, self._directory, self._folders = series, directory, folders
        self._run = -1
        self._made: list[Path] = []

    def __call__(self, run: int) -> Sequence[Path]:
        """The folders of ``run``; those of the run before are deleted."""
        if run != self._run:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._made = [self._series.write(self._directory) for _ in range(self._folders)]
            self._run = run
        return self._made


def count(directory: Path) -> int:
    """How many files are in a folder."""
    return sum(1 for _ in os.scandir(directory))


def hollow(directory: Path) -> None:
    """Give the space of what was sent below a folder back, on disk and in memory; it is deleted when all is measured.

    What programs write down for themselves, in files whose name begins with a dot, stays as it is.

    Both matter in small virtual machines, and to all programs alike. ext4 without a journal looks at every inode that
    was freed within the last minutes before it takes one for a new file: 0.7 ms after a few thousand deletions. And
    memory that the machine has not used yet must be had from its host first: 2.8 ms for a megabyte, not 0.6.
    """
    for path in directory.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            os.truncate(path, 0)


def empty(directory: Path) -> None:
    """Take the files out of a folder, and :func:`hollow` them."""
    hollow(directory)
    emptied = directory.with_name(f"{directory.name}.emptied")
    emptied.mkdir(exist_ok=True)
    for path in directory.iterdir():
        path.rename(emptied / path.name)


def settled(work: Callable[[], float]) -> float:
    """Do ``work`` when nothing that was done before is still being written to the disk."""
    os.sync()
    return work()
