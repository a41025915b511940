"""The connection of one association: read ahead without blocking, plain or TLS, for one thread; others may wake it."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from pynetdicom.transport import AssociationSocket

if TYPE_CHECKING:
    from pynetdicom.association import Association

# A slice of 0.5 MB lies there whole; what is larger comes in pieces. Who sends no object gets less.
READ_AHEAD: Final = 1 << 20
_AT_FIRST: Final = 64 << 10
_LITTLE: Final = 1 << 14
_TRICKLE: Final = 1 << 10
_LINGER_SECONDS: Final = 1.0
_BLOCKED: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire(AssociationSocket):
    """pynetdicom's ``AssociationSocket`` of an acceptor; what was read ahead is in ``buffer[start:end]``.

    Nothing here blocks but :meth:`send` and :meth:`linger`, and :meth:`send` for ``patience`` seconds at
    most. Rests on ``AssociationSocket.recv``, ``.send``, ``.close``, ``._shutdown_socket``, ``.socket``
    and ``.event_queue``.
    """

    def __init__(self, assoc: Association, sock: socket.socket, patience: float | None, read: bytes = b"") -> None:
        """``read`` was read already."""
        super().__init__(assoc, client_socket=sock)
        sock.setblocking(False)
        self.patience = patience
        self.buffer = bytearray(read) + bytes(max(0, _AT_FIRST - len(read)))
        self.view = memoryview(self.buffer)
        self.start, self.end = 0, len(read)
        self._fd = sock.fileno()
        self._secure = isinstance(sock, ssl.SSLSocket)
        self._full = self._secure and bool(read)  # the TLS layer may hold more, and poll(2) does not see it
        self.trickles = False  # little came at the last reading: more is likelier to come than to be there
        self._lock = threading.Lock()
        self._wakes = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._deaf, self._both = select.poll(), select.poll()
        self._deaf.register(self._wakes, select.POLLIN)
        self._both.register(self._wakes, select.POLLIN)
        self._both.register(self._fd, select.POLLIN)

    def wake(self) -> None:
        """Let :meth:`wait` return; from any thread, harmless after the end."""
        with self._lock:
            if self._wakes >= 0:
                os.eventfd_write(self._wakes, 1)

    def wait(self, seconds: float | None, *, deaf: bool = False) -> bool:
        """Sleep until the peer sends something (not if ``deaf``), somebody wakes us, or for ``seconds``.

        ``True``: the peer did.
        """
        if self._full and not deaf:
            return True
        heard = False
        for fd, _ in (self._deaf if deaf else self._both).poll(_milliseconds(seconds)):
            if fd == self._wakes:
                os.eventfd_read(fd)
            else:
                heard = True
        return heard

    def fill(self) -> bool:
        """Read ahead what has come; ``False``: nothing has. Raises ``EOFError`` at the stream's end, ``OSError``."""
        before = self.end
        self._full = self.trickles = False
        sock = cast(socket.socket, self.socket)
        try:
            while self.end < len(self.buffer):
                count = sock.recv_into(self.view[self.end :])
                self.end += count
                if not count and self.end == before:
                    raise EOFError
                if not (count and self._secure):
                    break
            else:
                self._full = self._secure  # poll(2) does not see what the TLS layer holds
        except _BLOCKED as blocked:
            self._both.modify(self._fd, _wanted(blocked))
        self.trickles = before < self.end < before + _TRICKLE
        return self.end > before

    @property
    def is_short(self) -> bool:
        """Whether there is little room left to read ahead of an object."""
        return len(self.buffer) - self.end < _LITTLE or len(self.buffer) < READ_AHEAD

    def compact(self) -> None:
        """Move what is not used yet to the buffer's start: what was used is lost."""
        rest = self.end - self.start
        if self.start:
            self.view[:rest] = self.view[self.start : self.end]
            self.start, self.end = 0, rest

    def make_room(self, size: int = 0) -> None:
        """Let ``size`` bytes fit into the buffer, or as many as are read ahead of an object."""
        self.compact()
        size = size or READ_AHEAD
        if size > len(self.buffer):
            self.buffer = self.buffer[: self.end] + bytes(size - self.end)
            self.view = memoryview(self.buffer)

    def recv(self, nr_bytes: int) -> bytearray:
        """Hand out ``nr_bytes`` of what was read ahead, fewer if there are not so many."""
        end = min(self.start + nr_bytes, self.end)
        data = self.buffer[self.start : end]
        self.start = end
        return data

    def take_back(self, rest: bytes) -> None:
        """The socket was in other hands, with all that was read ahead; they read ``rest`` and did not use it."""
        if self.socket is not None:
            self.socket.setblocking(False)
        self.make_room(len(rest))
        self.view[: len(rest)] = rest
        self.start, self.end = 0, len(rest)
        self._full = self._secure

    def send(self, bytestream: bytes) -> None:
        """Send all; a connection that does not take it is closed, as pynetdicom's own does."""
        deadline = None if self.patience is None else time.monotonic() + self.patience
        rest = memoryview(bytestream)
        try:
            while rest:
                try:
                    rest = rest[cast(socket.socket, self.socket).send(rest) :]
                except _BLOCKED as blocked:
                    _await(self._fd, _wanted(blocked, select.POLLOUT), deadline)
        except OSError:
            self.event_queue.put("Evt17")  # transport connection closed (PS3.8 Table 9-10)

    def linger(self) -> None:
        """After our last word: let the peer read it and hang up, for a second at most, then close.

        A connection closed with unread bytes is reset, and what we said last may be lost with it.
        """
        deadline = time.monotonic() + _LINGER_SECONDS
        sock = cast(socket.socket, self.socket)
        with suppress(OSError):
            if isinstance(sock, ssl.SSLSocket):
                with suppress(OSError, ValueError):
                    sock.unwrap()
            sock.shutdown(socket.SHUT_WR)
            while True:
                _await(self._fd, select.POLLIN, deadline)
                if not sock.recv_into(self.view):
                    break
        self.close()

    def cut(self) -> None:
        """Let nobody wait for the peer any longer; from any thread, harmless after the end."""
        with suppress(OSError, AttributeError):  # closed meanwhile
            cast(socket.socket, self.socket).shutdown(socket.SHUT_RDWR)

    def dispose(self) -> None:
        """Close, and give back what is held: nobody waits here any more. Harmless twice."""
        self._shutdown_socket()
        self.view.release()
        self.buffer = bytearray()
        with self._lock:
            if self._wakes >= 0:
                os.close(self._wakes)
            self._wakes = -1

    def _shutdown_socket(self) -> None:
        if self.socket is not None:
            with suppress(OSError):  # the peer may have closed it
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()


def _milliseconds(seconds: float | None) -> float | None:
    """For poll(2), which knows no longer time than 24 days."""
    return None if seconds is None else min(max(0.0, seconds) * 1000 + 1, 0x7FFFFFFF)


def _wanted(blocked: Exception, otherwise: int = select.POLLIN) -> int:
    """What to wait for after an operation that did not get through; TLS may want the other direction."""
    if isinstance(blocked, ssl.SSLWantReadError):
        return select.POLLIN
    return select.POLLOUT if isinstance(blocked, ssl.SSLWantWriteError) else otherwise


def _await(fd: int, events: int, deadline: float | None) -> None:
    """Wait for the socket alone. Raises ``TimeoutError``."""
    poll = select.poll()
    poll.register(fd, events)
    if not poll.poll(_milliseconds(None if deadline is None else deadline - time.monotonic())):
        raise TimeoutError
