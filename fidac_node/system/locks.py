"""One process at a time: a lock that the kernel lets go when its process dies, however it dies."""

from __future__ import annotations

import fcntl
import logging
import os
import shlex
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError, Temporary

log = logging.getLogger(__name__)

FILING: Final = "filing.lock"  # in the hub's spool, taken while a hub files from it

_PATIENCE: Final = 2.0  # seconds; who asks whether it is taken holds it for a moment
_ORPHANS: Final = 70.0  # seconds; a stage whose supervisor died ends within sixty (system/service.py)
_LONGEST: Final = 1024  # bytes of who has it


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


def claim(path: Path, what: str, remedy: str) -> int:
    """Lock the file ``path`` for this process and all that inherit the lock, and write into it who has it.

    Return what :func:`release` wants. Who dies leaves the lock to the processes that he started, until the last of them
    has ended: those are waited for. Raises :class:`ConfigError`, which names who has ``what`` and says ``remedy``, and
    :class:`Temporary` when nothing can be written there.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Temporary(f"{what} cannot be locked: {path}: {error.strerror}") from error
    since = time.monotonic()
    waiting = False
    while not _flocked(fd):
        holder = os.pread(fd, _LONGEST, 0).decode("utf-8", "replace")
        orphaned = bool(holder) and not _lives(holder)
        if time.monotonic() > since + (_ORPHANS if orphaned else _PATIENCE):
            os.close(fd)
            raise ConfigError(f"{what} is in use by {holder or 'another process'} (lock {path}): {remedy}")
        if orphaned and not waiting:
            log.warning("%s: %s is gone, the last of what it started is waited for", what, holder)
            waiting = True
        time.sleep(0.1)
    with suppress(OSError):  # on a full disk nobody is told who has it, and it is locked all the same
        os.ftruncate(fd, 0)
        os.pwrite(fd, _me().encode(), 0)
    return fd


def holder(path: Path) -> str:
    """Who has the lock ``path``, as :func:`claim` wrote it: process id and command; nothing when nobody has it."""
    return path.read_text("utf-8", "replace") if is_taken(path) else ""


def lives(path: Path) -> bool:
    """Whether who has the lock ``path`` lives himself, and did not leave it to what he started."""
    return _lives(holder(path))


def _flocked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _me() -> str:
    return f"process {os.getpid()}: {_command(os.getpid())}"


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    text = shlex.join(word.decode("utf-8", "replace") for word in words)
    return "".join(char if char.isprintable() else " " for char in text)[: _LONGEST // 4]


def _lives(holder: str) -> bool:
    """Whether the process that wrote this still runs, and not another one under its number."""
    _, _, rest = holder.partition(" ")
    number, _, command = rest.partition(": ")
    return number.isdigit() and _command(int(number)) == command


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
