"""What several tests need: waiting for an event, free ports, small data sets."""

from __future__ import annotations

import errno
import functools
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TypeVar

import pytest

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], timeout: float = 30.0, message: str = "") -> T:
    """Ask ``predicate`` until it is true and return its value; fail after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    pause, seconds = threading.Event(), 0.002
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(message or f"not true within {timeout} s: {predicate}")
        pause.wait(seconds)
        seconds = min(0.05, seconds * 2)
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

    NAMES = (
        "open",
        "fsync",
        "fdatasync",
        "rename",
        "link",
        "mkdir",
        "write",
        "pwritev",
        "ftruncate",
        "unlink",
        "utime",
    )

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


def command_set(**values: int | str | bytes) -> bytes:
    """A DIMSE command set in Implicit VR Little Endian (PS3.7 6.3.1), by the keywords of :data:`COMMAND_TAGS`."""
    elements = b""
    for keyword, value in sorted(values.items(), key=lambda pair: COMMAND_TAGS[pair[0]]):
        raw = (
            struct.pack("<H", value) if isinstance(value, int) else value.encode() if isinstance(value, str) else value
        )
        raw += b"\0" * (len(raw) % 2)
        elements += struct.pack("<HHL", 0, COMMAND_TAGS[keyword], len(raw)) + raw
    return struct.pack("<HHLL", 0, 0, 4, len(elements)) + elements


COMMAND_TAGS = {
    "AffectedSOPClassUID": 0x0002,
    "CommandField": 0x0100,
    "MessageID": 0x0110,
    "Priority": 0x0700,
    "CommandDataSetType": 0x0800,
    "Status": 0x0900,
    "ErrorComment": 0x0902,
    "AffectedSOPInstanceUID": 0x1000,
}


class Rejected(Exception):
    """A-ASSOCIATE-RJ: ``triple`` is (result, source, reason) (PS3.8 Table 9-21)."""

    def __init__(self, triple: tuple[int, int, int]) -> None:
        super().__init__(triple)
        self.triple = triple


class Closed(Exception):
    """The peer aborted the association or closed the connection."""


class RawScu:
    """A Storage SCU made of bytes on a socket, that can do what no honest toolkit does (PS3.8 9.3).

    ``contexts`` are (abstract syntax, transfer syntaxes), numbered 1, 3, 5...; ``results`` says per number
    (result, transfer syntax). Raises :class:`Rejected`.
    """

    def __init__(
        self,
        sock: socket.socket,
        contexts: Sequence[tuple[str, Sequence[str]]],
        *,
        calling: str = "PACS",
        called: str = "FIDACNODE",
    ) -> None:
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._message_id = 0
        self.results: dict[int, tuple[int, str]] = {}
        self.send_pdu(1, associate_request(contexts, calling, called))
        kind, data = self.read_pdu()
        if kind == 3:
            sock.close()
            raise Rejected((data[1], data[2], data[3]))
        if kind != 2:
            raise Closed(f"PDU type {kind}")
        self.maximum = 0
        for item, content in _items(data[68:]):
            if item == 0x21:
                ((_, syntax),) = _items(content[4:])
                self.results[content[0]] = (content[2], syntax.rstrip(b"\0").decode())
            elif item == 0x50:
                self.maximum = next(struct.unpack(">L", value)[0] for sub, value in _items(content) if sub == 0x51)

    def send_pdu(self, kind: int, data: bytes) -> None:
        self.sock.sendall(struct.pack(">BxL", kind, len(data)) + data)

    def read_pdu(self) -> tuple[int, bytes]:
        try:
            kind, size = struct.unpack(">BxL", self._read(6))
            return kind, self._read(size)
        except (ConnectionError, struct.error) as error:
            raise Closed("connection closed") from error

    def send_fragments(self, *fragments: tuple[int, bytes], context: int = 1) -> None:
        """Send one P-DATA-TF PDU; a fragment is (message control header, bytes): 1 command, 2 last (PS3.8 E.2)."""
        self.send_pdu(
            4, b"".join(struct.pack(">LBB", len(data) + 2, context, header) + data for header, data in fragments)
        )

    def store_command(self, sop_class: str | bytes, instance: str | bytes, **values: int | str | bytes) -> bytes:
        self._message_id += 1
        known: dict[str, int | str | bytes] = {
            "AffectedSOPClassUID": sop_class,
            "CommandField": 0x0001,
            "MessageID": self._message_id,
            "Priority": 0,
            "CommandDataSetType": 0x0102,
            "AffectedSOPInstanceUID": instance,
        }
        return command_set(**{keyword: value for keyword, value in {**known, **values}.items() if value != b"absent"})

    def store(
        self, data_set: bytes, sop_class: str, instance: str, *, context: int = 1, fragment: int = 0
    ) -> tuple[int, str]:
        """Send one object, ``fragment`` bytes of it per PDU, and return its status and ErrorComment."""
        self.send_fragments((3, self.store_command(sop_class, instance)), context=context)
        size = fragment or (self.maximum or 16384) - 6
        for start in range(0, max(len(data_set), 1), size):
            self.send_fragments(
                (2 if start + size >= len(data_set) else 0, data_set[start : start + size]), context=context
            )
        return self.read_status()

    def read_status(self) -> tuple[int, str]:
        """Read one response; return its status and ErrorComment. Raises :class:`Closed`."""
        command = b""
        while True:
            kind, data = self.read_pdu()
            if kind != 4:
                raise Closed(f"PDU type {kind}")
            while data:
                size, _, header = struct.unpack(">LBB", data[:6])
                assert header & 1, "a response without a data set was expected"
                command, data = command + data[6 : size + 4], data[size + 4 :]
                if header & 2:
                    values = dict(_elements(command))
                    return struct.unpack("<H", values[0x0900])[0], values.get(0x0902, b"").decode().rstrip()

    def echo(self, *, context: int = 1) -> int:
        self._message_id += 1
        self.send_fragments(
            (
                3,
                command_set(
                    AffectedSOPClassUID="1.2.840.10008.1.1",
                    CommandField=0x30,
                    MessageID=self._message_id,
                    CommandDataSetType=0x0101,
                ),
            ),
            context=context,
        )
        return self.read_status()[0]

    def release(self) -> None:
        self.send_pdu(5, bytes(4))
        assert self.read_pdu()[0] == 6
        self.sock.close()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.sock.recv(size - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return data


def associate_request(contexts: Sequence[tuple[str, Sequence[str]]], calling: str, called: str) -> bytes:
    body = struct.pack(">HH16s16s32x", 1, 0, called.ljust(16).encode(), calling.ljust(16).encode())
    body += _item(0x10, b"1.2.840.10008.3.1.1.1")
    for number, (abstract, syntaxes) in enumerate(contexts):
        names = _item(0x30, abstract.encode()) + b"".join(_item(0x40, syntax.encode()) for syntax in syntaxes)
        body += _item(0x20, bytes([2 * number + 1, 0, 0, 0]) + names)
    return body + _item(0x50, _item(0x51, struct.pack(">L", 16384)) + _item(0x52, b"1.2.3.4"))


def _item(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(data)) + data


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        kind, size = struct.unpack(">BxH", data[:4])
        yield kind, data[4 : 4 + size]
        data = data[4 + size :]


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        _, number, size = struct.unpack("<HHL", data[:8])
        yield number, data[8 : 8 + size]
        data = data[8 + size :]


def not_here(reason: object) -> NoReturn:
    """Skip a test for want of what comes from a registry; fail it where none may be skipped."""
    if os.environ.get("FIDAC_REQUIRE_INTEROP") == "1":
        pytest.fail(f"{reason} (FIDAC_REQUIRE_INTEROP=1: nothing may be skipped)", pytrace=False)
    pytest.skip(str(reason))
