"""Answers that are made while they are sent: in a thread that has a connection to the index of its own, to the end."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from itertools import chain
from typing import IO, Final, NamedTuple, TypeAlias, TypeVar

from peewee import Database, PeeweeException
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fidac_node.hub.web.lending import LEND
from fidac_node.hub.web.listening import STALLED_SECONDS

log = logging.getLogger(__name__)

T = TypeVar("T")

# Answers on their way at once. Each may hold a connection to the index and a state of it.
_MOST: Final = 32
_PATIENCE_SECONDS: Final = 10.0
_CHUNK: Final = 1 << 20


class Reader:
    """One thread, in which all that one answer reads is read: a query belongs to the thread that began it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._thread = ThreadPoolExecutor(1, "reader")

    async def call(self, function: Callable[[], T]) -> T:
        """Return what ``function`` returns in the thread. Raises 503 when the index does not answer."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, function)

    def end(self, pieces: Generator[Piece]) -> None:
        """Close a generator in its thread, after the step that it may be at."""
        self._thread.submit(pieces.close)

    def close(self) -> None:
        """End the thread."""
        self._thread.submit(self._db.close)
        self._thread.shutdown(wait=True)

    def _guarded(self, function: Callable[[], T]) -> T:
        try:
            return function()
        except PeeweeException as error:
            self._db.close()  # a connection that broke stays broken: the next question opens another
            raise unavailable("the index does not answer") from error
        except OSError as error:
            log.error("the hub's disk does not answer: %s", error.strerror)
            raise unavailable("the hub's disk does not answer") from error


class Readers:
    """The readers, of which at most ``most`` are busy; who comes then waits ``patience`` seconds at most."""

    def __init__(self, db: Database, most: int = _MOST, patience: float = _PATIENCE_SECONDS) -> None:
        self._db = db
        self._idle: list[Reader] = []
        self._seats = asyncio.Semaphore(most)
        self._patience = patience

    async def take(self) -> Reader:
        """Return a reader, which is to be given back. Raises 503 when none was free for too long."""
        try:
            async with asyncio.timeout(self._patience):
                await self._seats.acquire()
        except TimeoutError:
            raise unavailable("all readers are busy") from None
        return self._idle.pop() if self._idle else Reader(self._db)

    def give_back(self, reader: Reader) -> None:
        """Let the next one use it."""
        self._idle.append(reader)
        self._seats.release()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Reader]:
        """A reader for as long as the block lasts."""
        reader = await self.take()
        try:
            yield reader
        finally:
            self.give_back(reader)

    def close(self) -> None:
        """End the threads of those that are idle."""
        while self._idle:
            self._idle.pop().close()


@asynccontextmanager
async def acting(reader: Reader, act: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave ``act`` in the reader's thread: it waits for the disk."""
    result = await reader.call(act.__enter__)
    try:
        yield result
    except BaseException as error:
        trouble = error
        await reader.call(lambda: act.__exit__(type(trouble), trouble, trouble.__traceback__))
        raise
    await reader.call(lambda: act.__exit__(None, None, None))


class Head(NamedTuple):
    """What is said before a body: its media type, the status, headers, and its size (bytes) where that is known."""

    media_type: str
    status: int = 200
    headers: Mapping[str, str] = {}
    size: int | None = None


class Extent(NamedTuple):
    """Bytes of a file: from ``start``, so many. The file is open until the next piece is asked for."""

    file: IO[bytes]
    start: int
    size: int


Piece: TypeAlias = "bytes | Extent"


class Streamed(Response):
    """A body made in ``reader``'s thread: ``first``, then each of ``pieces`` when the one before was taken.

    It gives the reader back at the end, also when the client leaves or takes nothing for ``stalled`` seconds.
    """

    def __init__(
        self,
        first: Piece,
        pieces: Generator[Piece],
        reader: Reader,
        readers: Readers,
        head: Head,
        *,
        stalled: float = STALLED_SECONDS,
    ) -> None:
        self.status_code = head.status
        self.media_type = head.media_type
        self.background = None
        self.init_headers(head.headers)
        del self.headers["content-length"]
        self._size = head.size
        if head.size is not None:
            self.headers["content-length"] = str(head.size)
        self._pieces, self._made, self._stalled = chain([first], pieces), pieces, stalled
        self._reader, self._readers = reader, readers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body, as ASGI has it; where its length is known, by the connection's own socket if that is lent."""
        lend = scope.get("extensions", {}).get(LEND)
        lent = lend if self._size is not None and scope["method"] != "HEAD" else None
        sending = asyncio.ensure_future(self._send_lent(lent, send) if lent else self._send(scope, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending} if lent else {sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        except TimeoutError:
            log.info("a client took nothing for %.0f s, its answer ends", self._stalled)
        except ConnectionError:
            log.info("a client left before the end of its answer")
        except HTTPException as error:  # the status is said already: an answer that breaks off is not taken for whole
            log.error("an answer breaks off: %s", error.detail)
        finally:
            sending.cancel()
            leaving.cancel()
            self._reader.end(self._made)
            self._readers.give_back(self._reader)

    async def _send(self, scope: Scope, send: Send) -> None:
        await self._begin(send)
        chunks = _read(self._pieces)
        while scope["method"] != "HEAD" and (chunk := await self._reader.call(lambda: next(chunks, b""))):
            async with asyncio.timeout(self._stalled):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_lent(self, lend: Callable[..., Awaitable[None]], send: Send) -> None:
        await self._begin(send)
        await lend(self._size, lambda sock: self._reader.call(partial(self._write, sock)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    def _write(self, sock: socket.socket) -> None:
        with sock:
            sock.settimeout(self._stalled)
            room = select.poll()
            room.register(sock.fileno(), select.POLLOUT)
            for piece in self._pieces:
                if isinstance(piece, bytes):
                    sock.sendall(piece)
                else:
                    self._send_file(sock.fileno(), room, piece)

    def _send_file(self, to: int, room: select.poll, piece: Extent) -> None:
        """Send from file to socket, without bringing it here; ``room`` waits until the socket takes more."""
        position, end = piece.start, piece.start + piece.size
        while position < end:
            try:
                sent = os.sendfile(to, piece.file.fileno(), position, end - position)
            except BlockingIOError:
                if not room.poll(self._stalled * 1000):
                    raise TimeoutError from None
                continue
            if not sent:
                raise HTTPException(500, "a file is shorter than it was")
            position += sent


def _read(pieces: Iterator[Piece]) -> Iterator[bytes]:
    """The bytes of pieces, a megabyte of a file at a time; what is empty is left out."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield from [piece] if piece else []
            continue
        position, end = piece.start, piece.start + piece.size
        while position < end and (chunk := os.pread(piece.file.fileno(), min(_CHUNK, end - position), position)):
            position += len(chunk)
            yield chunk


async def streamed(readers: Readers, pieces: Generator[Piece], head: Head, *, none: Response | None = None) -> Response:
    """Return the answer that ``pieces`` make, of which the first is read, so that errors still become a status.

    ``none`` is the answer when there is not one; the first may be empty.
    """
    reader = await readers.take()
    try:
        first = await reader.call(lambda: next(pieces, None))
        if first is not None or none is None:
            return Streamed(first or b"", pieces, reader, readers, head)
    except BaseException:
        reader.end(pieces)
        readers.give_back(reader)
        raise
    readers.give_back(reader)
    return none


def unavailable(why: str) -> HTTPException:
    """Return the answer that says to come again (RFC 9110 15.6.4)."""
    return HTTPException(503, f"{why}; try again", headers={"Retry-After": "5"})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
