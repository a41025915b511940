"""The line between a browser and a hub: all that goes up it is kept, and it can be cut."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from typing import Final, NamedTuple

_PIECE: Final = 1 << 16
_HEAD: Final = re.compile(rb"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/1\.1\r\n(?P<fields>(?:[^\r\n]+\r\n)*)\r\n")
_LENGTH: Final = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


class Asked(NamedTuple):
    """A request as it went up: its line and fields, and its body, whole or as far as it came."""

    method: str
    path: str
    head: bytes
    body: bytes
    is_whole: bool


class Line:
    """Listens on ``port`` of loopback and passes everything on to ``target``; use as a context manager."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._one = threading.Lock()
        self._wires: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._up: list[bytearray] = []
        self._is_cut = False
        self._left = -1
        self.was_cut = threading.Event()

    def __enter__(self) -> Line:
        self._begin(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def cut(self) -> None:
        """Cut every connection, and let none through from now on."""
        with self._one:
            self._is_cut = True
            wires, self._wires = self._wires, []
        for pair in wires:
            for wire in pair:
                _end(wire)
        self.was_cut.set()

    def cut_after(self, size: int) -> None:
        """Cut it when so many more bytes (of requests) have gone up."""
        self.was_cut.clear()
        self._left = size

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def forget(self) -> None:
        """Keep nothing of what has gone up until now."""
        with self._one:
            for kept in self._up:
                kept.clear()

    def sent(self) -> bytes:
        """All that has gone up."""
        with self._one:
            return b"".join(map(bytes, self._up))

    def asked(self) -> Iterator[Asked]:
        """Every request, connection by connection."""
        with self._one:
            kept = [bytes(one) for one in self._up]
        for content in kept:
            at = 0
            while found := _HEAD.match(content, at):
                length = _LENGTH.search(found["fields"])
                end = found.end() + (int(length[1]) if length else 0)
                body = content[found.end() : end]
                method, path = found["method"].decode(), found["path"].decode()
                yield Asked(method, path, found[0], body, end <= len(content))
                at = end

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                _end(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=30)
            except OSError:
                _end(near)
                continue
            far.settimeout(None)
            kept = bytearray()
            with self._one:
                self._wires.append((near, far))
                self._up.append(kept)
            self._begin(self._pass, near, far, kept)
            self._begin(self._pass, far, near, None)

    def _pass(self, source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
        try:
            while piece := source.recv(_PIECE):
                if kept is not None:
                    with self._one:
                        kept += piece
                    if self._is_due(len(piece)):
                        self.cut()
                        return
                target.sendall(piece)
        except OSError:
            pass
        finally:
            for wire in (source, target):
                _end(wire)

    def _is_due(self, size: int) -> bool:
        with self._one:
            if self._left < 0:
                return False
            self._left = max(-1, self._left - size)
            return self._left < 0


def _end(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    wire.close()
