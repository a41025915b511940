"""The pixels of what was not native when it was filed, or was filed by an older version: looked at later, and slowly.

Decoding a slice takes ten times what filing it takes, and no study waits for being compared with others.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from peewee import Database, PeeweeException

from fidac_node.dicom import part10
from fidac_node.errors import Temporary
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.index.duplicates import not_looked_at, note_pixels
from fidac_node.hub.pixels import UNREADABLE, decoded, read_through
from fidac_node.system.database import borrowed

log = logging.getLogger(__name__)

INTERVAL: Final = 60.0  # seconds between two turns
_TURN: Final = 50.0  # seconds of one at most
_AT_ONCE: Final = 100
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
        except (PeeweeException, Temporary, OSError) as error:
            log.warning("pixels cannot be looked at now, they are later: %s", error)

    def _look(self, until: float) -> int:
        with borrowed(self._db):
            waiting = not_looked_at(self._db, _AT_ONCE)
        known = {}
        for number, place in waiting:
            began = time.monotonic()
            known[number] = self._pixels(place)
            if self._stop.wait(_RESTS * (time.monotonic() - began)) or time.monotonic() > until:
                break
        if known:
            with borrowed(self._db):
                note_pixels(self._db, known)
        return len(known)

    def _pixels(self, place: Place) -> str:
        path = self._archive.path(place)
        try:
            return read_through(path).pixels or decoded(path) or UNREADABLE
        except (FileNotFoundError, part10.Malformed):
            return UNREADABLE  # whoever reads the archive through names it
