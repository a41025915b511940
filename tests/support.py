"""What several tests need: waiting for an event, free ports, small data sets."""

from __future__ import annotations

import errno
import functools
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], timeout: float = 30.0, message: str = "") -> T:
    """Ask ``predicate`` until it is true and return its value; fail after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(message or f"not true within {timeout} s: {predicate}")
        pause.wait(0.05)
    return value


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class SystemCalls:
    """Stands between a test and the system calls that make a file durable: records each, fails or kills at the n-th.

    ``at`` counts from 1; 0 never fails. Use as a context manager; ``failed`` says whether the call was reached.
    """

    NAMES = ("open", "fsync", "fdatasync", "rename", "mkdir", "write", "unlink", "utime")

    def __init__(self, at: int = 0, *, error: int = errno.EIO, kill: bool = False) -> None:
        self.at = at
        self.error = error
        self.kill = kill
        self.calls: list[str] = []
        self.failed = False
        self._real = {name: getattr(os, name) for name in self.NAMES}
        self._fdopen = os.fdopen

    def __enter__(self) -> SystemCalls:
        for name, real in self._real.items():
            setattr(os, name, functools.partial(self._call, name, real))
        os.fdopen = self._open_stream
        return self

    def __exit__(self, *_: object) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)
        os.fdopen = self._fdopen

    def _call(self, name: str, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls.append(name)
        if len(self.calls) == self.at:
            self.failed = True
            if self.kill:
                os._exit(9)
            raise OSError(self.error, os.strerror(self.error))
        return real(*args, **kwargs)

    def _open_stream(self, fd: int, *args: Any, **kwargs: Any) -> Any:
        stream = self._fdopen(fd, *args, **kwargs)
        return _CountedStream(stream, functools.partial(self._call, "write", stream.write))


class _CountedStream:
    """A binary stream whose writes are counted as system calls."""

    def __init__(self, stream: Any, write: Callable[[bytes], int]) -> None:
        self._stream = stream
        self.write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> _CountedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
