"""One process at a time: a lock that the kernel lets go when its process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError

FILING: Final = "filing.lock"  # in the hub's spool, taken while a hub files from it

_PATIENCE: Final = 2.0  # seconds; who asks whether it is taken holds it for a moment


def take(path: Path, taken: str) -> int:
    """Lock the file ``path`` for as long as this process lives; return what :func:`release` wants.

    Raises :class:`ConfigError` with the text ``taken`` when another process has it.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                raise ConfigError(taken) from None
            time.sleep(0.1)


def release(lock: int) -> None:
    """Give up a lock early."""
    os.close(lock)


def is_taken(path: Path) -> bool:
    """Say whether some process has the lock ``path``."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
