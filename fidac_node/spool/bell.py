"""A bell between processes: who waits for something learns at once when it may have happened.

A hint that saves waiting, never the information itself: who hears it looks again.
"""

from __future__ import annotations

import errno
import os
import secrets
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from fidac_node.system import safeio

_MOST_RINGS: Final = 4096  # taken at once: several are no more than one


class Bell:
    """A bell in ``directory``; each listener has a FIFO of its own there, so that all of them hear it."""

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        safeio.make_directories(directory)

    def ring(self) -> None:
        """Let every listener hear it. Raises ``OSError``."""
        with os.scandir(self._directory) as listing:
            for item in listing:
                if not item.name.startswith("."):
                    _wake(item.path)

    @contextmanager
    def listening(self) -> Iterator[Callable[[float], bool]]:
        """Hear every ring from now on.

        Yields what waits so many seconds for it, and says whether it rang. Raises ``OSError``.
        """
        name = secrets.token_hex(8)
        path = f"{self._directory}/{name}"
        unheard = f"{self._directory}/.{name}"
        os.mkfifo(unheard, 0o600)
        try:
            # Read-write: a FIFO with a reader of its own never blocks nor breaks (Linux fifo(7)).
            fd = os.open(unheard, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            Path(unheard).unlink()
            raise
        try:
            Path(unheard).rename(path)  # only now: a FIFO without a reader is taken for a dead one's
            yield partial(_wait, fd)
        finally:
            os.close(fd)
            Path(path).unlink(missing_ok=True)


def _wake(path: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return  # it has just left
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        Path(path).unlink(missing_ok=True)  # killed while it listened
        return
    try:
        with suppress(BlockingIOError):  # the pipe is full: it has plenty of reasons to wake
            os.write(fd, b"!")
    finally:
        os.close(fd)


def _wait(fd: int, timeout: float) -> bool:
    rang = bool(select.select([fd], [], [], timeout)[0])
    if rang:
        os.read(fd, _MOST_RINGS)
    return rang
