"""The pixels of what was not native when it was filed, or was filed by an older version: looked at later, and slowly.

Decoding a slice takes ten times what filing it takes, and no study waits for being compared with others.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from peewee import Database, PeeweeException

from fidac_node.dicom import part10
from fidac_node.errors import Temporary
from fidac_node.hub.archive import Archive
from fidac_node.hub.index.duplicates import not_looked_at, note_pixels
from fidac_node.hub.pixels import UNKNOWN, UNREADABLE, read_through
from fidac_node.system.database import borrowed

log = logging.getLogger(__name__)

INTERVAL: Final = 60.0  # seconds between two turns
_TURN: Final = 50.0  # seconds of one at most
_AT_ONCE: Final = 50
_DECODE_SECONDS: Final = 600.0
_COMMAND: Final = (sys.executable, "-m", "fidac_node", "hub", "sum-pixels")
_RESTS: Final = 3.0  # times what looking at one took: a quarter of one core


class Likeness:
    """Looks at the pixels of what is in ``archive`` and has none in the index ``db``."""

    def __init__(self, archive: Archive, db: Database) -> None:
        self._archive, self._db = archive, db
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let a turn end after the object in hand."""
        self._stop.set()

    def turn(self) -> None:
        """Look at some, for most of a minute."""
        until = time.monotonic() + _TURN
        try:
            while not self._stop.is_set() and time.monotonic() < until and self._look(until):
                continue
        except (PeeweeException, Temporary, OSError, subprocess.TimeoutExpired) as error:
            log.warning("pixels cannot be looked at now, they are later: %s", error)

    def _look(self, until: float) -> int:
        with borrowed(self._db):
            waiting = not_looked_at(self._db, _AT_ONCE)
        known: dict[int, str] = {}
        coded: dict[int, Path] = {}
        for number, place in waiting:
            began, path = time.monotonic(), self._archive.path(place)
            try:
                known[number] = read_through(path).pixels
            except (FileNotFoundError, part10.Malformed):
                known[number] = UNREADABLE  # whoever reads the archive through names it
            if known[number] == UNKNOWN:
                coded[number] = path
            if self._stop.wait(_RESTS * (time.monotonic() - began)) or time.monotonic() > until:
                break
        known.update(zip(coded, self._decoded(list(coded.values())), strict=False))
        if known := {number: pixels for number, pixels in known.items() if pixels != UNKNOWN}:
            with borrowed(self._db):
                note_pixels(self._db, known)
        return len(known)

    def _decoded(self, paths: list[Path]) -> list[str]:
        """The sums of what is not native, by a process of its own: a codec that crashes takes nobody along.

        The one that it crashed on is unreadable; those after it are looked at the next time.
        """
        if not paths or self._stop.is_set():
            return []
        began = time.monotonic()
        names = "".join(f"{path}\n" for path in paths)
        done = subprocess.run(
            _COMMAND, input=names, capture_output=True, text=True, timeout=_DECODE_SECONDS, check=False
        )
        sums = done.stdout.split()
        if len(sums) < len(paths):
            name, code = paths[len(sums)].stem, done.returncode
            log.error("archive: %s cannot be decoded: the process that tried ended (exit code %s)", name, code)
            sums.append(UNREADABLE)
        self._stop.wait(_RESTS * (time.monotonic() - began))
        return sums
