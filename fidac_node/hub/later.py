"""What receivers note down in the index without waiting for it: gathered from any thread, written by one of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from peewee import Database, PeeweeException

from fidac_node.system.database import borrowed

log = logging.getLogger(__name__)

T = TypeVar("T")

# Seconds between two writes: whoever tries the port a thousand times costs one.
_PAUSE: Final = 1.0
# Seconds until the next try when the database is away.
_AGAIN: Final = 10.0
# More wait for no database.
_MOST: Final = 100_000


class Later(Generic[T]):
    """Hands what it is given to ``write``, with the others of ``pause`` seconds; a kill costs those of the last.

    While the database is away, or held by who makes it anew, they wait; ``what`` names them in the log.
    """

    def __init__(
        self, db: Database, write: Callable[[Database, Sequence[T]], None], what: str, pause: float = _PAUSE
    ) -> None:
        self._pause = pause
        self._db = db
        self._write_all = write
        self._what = what
        self._lock = threading.Lock()
        self._gathered: list[T] = []
        self._away = False
        self._something, self._closing = threading.Event(), threading.Event()
        self._writer = threading.Thread(target=self._keep_writing, name=what, daemon=True)
        self._writer.start()

    def note(self, one: T) -> None:
        """Take one."""
        with self._lock:
            self._gathered.append(one)
        self._something.set()

    def close(self, timeout: float) -> None:
        """Write what was gathered, within ``timeout`` seconds."""
        self._closing.set()
        self._something.set()
        self._writer.join(timeout)

    def _keep_writing(self) -> None:
        while not self._closing.is_set():
            self._something.wait()
            self._something.clear()
            self._write()
            self._closing.wait(_AGAIN if self._away else self._pause)
        self._write()

    def _write(self) -> None:
        with self._lock:
            some, self._gathered = self._gathered, []
        if not some:
            return
        try:
            with borrowed(self._db):
                self._write_all(self._db, some)
        except PeeweeException as error:
            if not self._away:
                log.warning("the index cannot be written, %s are noted later: %s", self._what, error)
            with self._lock:
                self._gathered = [*some, *self._gathered][-_MOST:]
            self._away = True
            self._something.set()
        else:
            self._away = False
