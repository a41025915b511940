"""Room on a site's disk: copies that the hub answers for are kept as long as there is room, and go when there is none.

Retention is a wish, reception a promise: as soon as the reserve is touched, the oldest copies go, until a tenth more
than it is free. Without storage commitment the destination's C-STORE Success is its answer (PS3.4 B.2.2).
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from fidac_node.errors import Temporary
from fidac_node.site.ledger import Ledger
from fidac_node.spool.entry import Entry, is_file_name
from fidac_node.spool.queue import Spool
from fidac_node.system import safeio

log = logging.getLogger(__name__)

# In the ledger: how many copies went before their time, and when the last of them did (seconds of the epoch).
PURGED_EARLY: Final = "purged_early"
PURGED_EARLY_AT: Final = "purged_early_at"

_LOCK: Final = "room.lock"
# More of the reserve than must be free: otherwise the next object would look for copies again.
_MORE: Final = 0.1
_PATIENCE: Final = 1.0  # seconds in which it is not looked again for copies when there were none


class Copy(NamedTuple):
    """A copy that the hub answers for, since ``at`` (seconds of the epoch), of so many ``bytes``."""

    at: float
    entry: Entry
    bytes: int


class Kept(NamedTuple):
    """All of them: their number, their bytes on the disk, and when the oldest was answered for."""

    objects: int
    bytes: int
    oldest: float | None


def answered(*, commitment: bool) -> str:
    """The state of the outbox in which objects are that the hub answers for."""
    return "committed" if commitment else "sent"


def copies(directory: Path) -> list[Copy]:
    """What lies in a folder of the outbox, the oldest first. Raises ``OSError``."""
    found = []
    with suppress(FileNotFoundError), os.scandir(directory) as listing:
        for item in listing:
            if is_file_name(item.name):
                with suppress(FileNotFoundError):  # purged, or sent again, meanwhile
                    known = item.stat()
                    found.append(Copy(known.st_mtime, Entry.parse(item.name), known.st_blocks * 512))
    return sorted(found)


def kept(directory: Path) -> Kept:
    """What :func:`copies` come to. Raises ``OSError``."""
    found = copies(directory)
    return Kept(len(found), sum(one.bytes for one in found), found[0].at if found else None)


class Room:
    """Makes room on the disk of a site's spools; any process may.

    What the hub answers for is in the folder ``state`` of ``outbox``.
    """

    def __init__(self, inbox: Spool, outbox: Spool, state: str, ledger: Ledger) -> None:
        self._inbox, self._outbox, self._state, self._ledger = inbox, outbox, state, ledger
        self._none_at = -_PATIENCE  # monotonic seconds

    def has(self, share: float = 1.0) -> bool:
        """Say whether more than ``share`` of the reserve is free, if need be after the oldest copies went."""
        if self._outbox.has_room(share=share):
            return True
        if time.monotonic() - self._none_at < _PATIENCE:
            return False
        try:
            self._make(share + _MORE)
        except (OSError, Temporary) as error:
            log.warning("no copy can be deleted now to make room: %s", error)
        return self._outbox.has_room(share=share)

    def _make(self, share: float) -> None:
        """Delete the oldest copies until ``share`` of the reserve is free, one process at a time."""
        lock = os.open(self._outbox.directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._inbox.drop_spares()  # which only save time
            if self._outbox.has_room(share=share):
                return  # another process was faster
            gone = 0
            for _, entry, _ in copies(self._outbox.directory / self._state):
                gone += self._outbox.remove_from(self._state, entry)
                if self._outbox.has_room(share=share):
                    break
            if gone:
                self._tell(gone)
            else:
                self._none_at = time.monotonic()
        finally:
            os.close(lock)

    def _tell(self, gone: int) -> None:
        before = int(self._ledger.fact(PURGED_EARLY) or 0)
        self._ledger.remember(PURGED_EARLY, str(before + gone))
        self._ledger.remember(PURGED_EARLY_AT, str(time.time()))
        safeio.sync_directory(self._outbox.directory / self._state)
        log.warning(
            "the disk touches its reserve: %d copies that the hub answers for went before their time, the oldest "
            "first; what arrives has their room",
            gone,
        )
