"""Connections that came to nothing, counted into the index by each receiver without waiting for it."""

from __future__ import annotations

import logging
import threading
from typing import Final

from peewee import Database, PeeweeException

from fidac_node.hub.index import add_failed_connections
from fidac_node.system.database import borrowed

log = logging.getLogger(__name__)

# Seconds between two writes: whoever tries the port a thousand times costs one.
_PAUSE: Final = 1.0
# Seconds until the next try when the database is away.
_AGAIN: Final = 10.0


class FailedConnections:
    """Counts from any thread, and writes the sums from one of its own; a kill costs those of the last second.

    While the database is away, or held by who makes it anew, they wait.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._number = 0
        self._away = False
        self._counted, self._closing = threading.Event(), threading.Event()
        self._writer = threading.Thread(target=self._keep_writing, name="failures", daemon=True)
        self._writer.start()

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self._number += 1
        self._counted.set()

    def close(self, timeout: float) -> None:
        """Write what was counted, within ``timeout`` seconds."""
        self._closing.set()
        self._counted.set()
        self._writer.join(timeout)

    def _keep_writing(self) -> None:
        while not self._closing.is_set():
            self._counted.wait()
            self._counted.clear()
            self._write()
            self._closing.wait(_AGAIN if self._away else _PAUSE)
        self._write()

    def _write(self) -> None:
        with self._lock:
            number, self._number = self._number, 0
        if not number:
            return
        try:
            with borrowed(self._db):
                add_failed_connections(self._db, number)
        except PeeweeException as error:
            if not self._away:
                log.warning("the index cannot be written, failed connections are counted later: %s", error)
            with self._lock:
                self._number += number
            self._away = True
            self._counted.set()
        else:
            self._away = False
