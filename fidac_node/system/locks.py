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


def take(path: Path, taken: str, *, shared: bool = False) -> int:
    """Lock the file or folder ``path`` for as long as this process lives; return what :func:`release` wants.

    ``shared``: with others that share it, and never beside one that has it alone. Raises
    :class:`ConfigError` with the text ``taken`` when another process has it.
    """
    fd = os.open(path, os.O_RDONLY) if path.is_dir() else os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
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
