"""Whether the loops of a stage move: each says so in a page of memory that it shares with its supervisor.

A heartbeat is one number written to memory: no system call, no disk, so that a full or frozen disk stops no heart. The
supervisor counts for how long it saw no new one; a machine that was asleep is not a stage that hangs.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from dataclasses import dataclass
from typing import Final

# Of a loop: when it last moved (monotonic seconds), how much longer than others it may be silent, its name.
_SLOT: Final = struct.Struct("=dd48s")
_BEAT: Final = struct.Struct("=dd")
_MOST: Final = mmap.PAGESIZE // _SLOT.size
# Seconds of silence that one look may add: between two looks the supervisor itself may have been stopped.
_LONGEST_LOOK: Final = 2.0


class Beat:
    """One loop's heart: to be called whenever the loop comes round, or has done a part of something long."""

    def __init__(self, page: mmap.mmap, number: int) -> None:
        self._page, self._offset = page, number * _SLOT.size

    def __call__(self, longer: float = 0.0) -> None:
        """Say that the loop moves, and may be silent for ``longer`` (seconds) than others until the next time."""
        _BEAT.pack_into(self._page, self._offset, time.monotonic(), longer)

    def end(self) -> None:
        """Say that the loop has ended, and is not waited for."""
        _SLOT.pack_into(self._page, self._offset, 0.0, 0.0, b"")


class Pulse:
    """The hearts of one process. Made by its supervisor and inherited by ``fd``; alone, a process talks to itself."""

    def __init__(self, fd: int | None = None) -> None:
        self.fd = os.memfd_create("pulse", os.MFD_CLOEXEC) if fd is None else fd
        os.ftruncate(self.fd, mmap.PAGESIZE)
        self._page = mmap.mmap(self.fd, mmap.PAGESIZE)
        self._lock = threading.Lock()
        self._number = 0

    def loop(self, name: str, longer: float = 0.0) -> Beat:
        """A heart for the loop ``name``, which beats once, as :meth:`Beat.__call__` does."""
        with self._lock:
            number, self._number = self._number, self._number + 1
        if number >= _MOST:
            raise ValueError(f"a process has no room for more than {_MOST} loops")
        _SLOT.pack_into(self._page, number * _SLOT.size, time.monotonic(), longer, name.encode())
        return Beat(self._page, number)

    def read(self) -> dict[str, tuple[float, float]]:
        """When each loop last moved, and how much longer than others it may be silent."""
        slots = (_SLOT.unpack_from(self._page, number * _SLOT.size) for number in range(_MOST))
        return {name.rstrip(b"\0").decode(): (at, longer) for at, longer, name in slots if at}

    def close(self) -> None:
        """Let go of the page."""
        self._page.close()
        os.close(self.fd)


@dataclass
class _Heard:
    at: float
    silent: float = 0.0


@dataclass(frozen=True)
class Silence:
    """The loop of a process that was silent for the most of its time: for how long, and of how much (seconds)."""

    loop: str
    seconds: float
    allowed: float

    @property
    def is_too_long(self) -> bool:
        """Whether it does not move any more, as far as anybody can tell."""
        return self.seconds > self.allowed


class Listener:
    """Counts, look by look, for how long the loops of a process were silent."""

    def __init__(self, pulse: Pulse, patience: float) -> None:
        self._pulse, self._patience = pulse, patience
        self._heard: dict[str, _Heard] = {}
        self._looked = time.monotonic()
        self.worst = Silence("", 0.0, patience)

    def look(self) -> Silence:
        """Listen, and return the worst silence."""
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, _LONGEST_LOOK), now
        self.worst = Silence("", 0.0, self._patience)
        for name, (at, longer) in self._pulse.read().items():
            heard = self._heard.setdefault(name, _Heard(at))
            heard.silent = heard.silent + passed if heard.at == at else 0.0
            heard.at = at
            silence = Silence(name, heard.silent, self._patience + longer)
            if silence.seconds / silence.allowed > self.worst.seconds / self.worst.allowed:
                self.worst = silence
        return self.worst
