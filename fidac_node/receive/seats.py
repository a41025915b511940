"""How many associations run at once, counted over all receiver processes of a daemon.

A seat is a lock on two bytes of one empty file: one of as many bytes as there may be associations, and one
of as many as the caller may have. The kernel holds the locks (open file description locks, fcntl(2)), so
that a seat is free the moment its process is dead, however it died.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
import threading
from pathlib import Path
from typing import Final

from fidac_node.errors import Temporary

# More than any limit that may be set: where the bytes of the next caller begin.
_STRIDE: Final = 1 << 16
_CALLERS: Final = 1 << 40
_TAKEN: Final = (errno.EAGAIN, errno.EACCES)  # fcntl(2) may say either


class Seat:
    """One association's place, until :meth:`leave`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def leave(self) -> None:
        """Give the seat to others; harmless twice, from any thread."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = -1


class Seats:
    """``most`` seats in all, ``most_per_caller`` for a calling AE title, over all processes that name file ``path``."""

    def __init__(self, path: Path, most: int, most_per_caller: int) -> None:
        self._path = path
        self._most = most
        self._most_per_caller = most_per_caller

    def take(self, caller: str) -> Seat:
        """Take a seat. Raises :class:`Temporary` when there are too many associations, in all or of this caller."""
        number = int.from_bytes(hashlib.sha256(caller.encode()).digest()[:8], "big") % _CALLERS
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # The caller's limit first: who is over it shall not be in the way of others, not even for a moment.
                if not _lock_one(fd, (number + 1) * _STRIDE, self._most_per_caller):
                    raise Temporary(f"it has {self._most_per_caller} associations already")
                if not _lock_one(fd, 0, self._most):
                    raise Temporary(f"there are {self._most} associations already")
            except BaseException:
                os.close(fd)
                raise
        except OSError as error:
            raise Temporary(f"associations cannot be counted in {self._path.name}: {error.strerror}") from error
        return Seat(fd)


def _lock_one(fd: int, start: int, count: int) -> bool:
    """Lock the first free byte of ``count`` from ``start`` on, through this descriptor; ``False``: none is free."""
    for byte in range(start, start + count):
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        else:
            return True
    return False
