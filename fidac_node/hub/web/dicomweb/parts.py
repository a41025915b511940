"""Bodies of answers: one part alone, with byte ranges (RFC 9110 14), or several together (PS3.18 8.6.1)."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.audit.trail import Doing
from fidac_node.hub.web.dicomweb.fetching import Told, given
from fidac_node.hub.web.dicomweb.media import MULTIPART
from fidac_node.hub.web.streaming import Extent, Head, Piece, streamed

OCTETS: Final = "application/octet-stream"

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True)
class Part:
    """Something to give: what it is, where it is, and what gives its bytes from one to before another.

    ``size`` (bytes) is ``None`` where nobody knows before the end: then ``pieces`` gives all.
    """

    media_type: str
    location: str
    pieces: Callable[[int, int | None], Iterator[Piece]]
    size: int | None = None


def of_file(opened: Callable[[], BinaryIO], start: int = 0) -> Callable[[int, int | None], Iterator[Piece]]:
    """Return what gives a file, from ``start`` on, which is opened when its turn comes."""

    def pieces(first: int, end: int | None) -> Iterator[Piece]:
        with closing(opened()) as file:
            last = os.fstat(file.fileno()).st_size if end is None else start + end
            yield Extent(file, start + first, last - start - first)

    return pieces


def etag(*what: str) -> str:
    """Return a validator of which nothing can be read."""
    digest = hashlib.sha256(repr(what).encode()).hexdigest()
    return f'"{digest[:32]}"'


def unchanged(request: Request, tag: str) -> Response | None:
    """Return 304 for who has it as it is already (RFC 9110 13.1.2)."""
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    return Response(status_code=304, headers=guarded_by(tag)) if known & {tag, "*"} else None


def guarded_by(tag: str) -> dict[str, str]:
    """Return the headers by which a copy is asked for again: what it is changes when it is healed or withdrawn."""
    return {"ETag": tag, "Cache-Control": "private, no-cache"}


async def alone(request: Request, part: Part, tag: str, told: Told) -> Response:
    """Answer with one part, or with the range of it that is asked for."""
    if answer := unchanged(request, tag):
        return answer
    headers = {**guarded_by(tag), "Content-Location": part.location}
    first, end, status = 0, part.size, 200
    if part.size is not None:
        headers["Accept-Ranges"] = "bytes"
        if wanted := _range(request, part.size, tag):
            first, end = wanted
            status, headers["Content-Range"] = 206, f"bytes {first}-{end - 1}/{part.size}"
    return await streamed(
        request.app.state.readers,
        given(request, told, partial(_one, part, first, end)),
        Head(part.media_type, status, headers, None if end is None else end - first),
    )


async def together(request: Request, parts: Sequence[Part], kind: str, tag: str, told: Told) -> Response:
    """Answer with all parts, whose media type is ``kind``, each with its address (PS3.18 8.6.1.2)."""
    if answer := unchanged(request, tag):
        return answer
    boundary = secrets.token_hex(16)
    sizes = [part.size for part in parts]
    size = None
    if None not in sizes:
        size = sum(len(_head(part, boundary)) + (part.size or 0) for part in parts) + len(_end(boundary))
    return await streamed(
        request.app.state.readers,
        given(request, told, partial(_multipart, parts, boundary)),
        # A weak validator, for the boundary is another each time.
        Head(f'{MULTIPART}; type="{kind}"; boundary={boundary}', headers=guarded_by(f"W/{tag}"), size=size),
    )


def _one(part: Part, first: int, end: int | None, retrieval: Doing) -> Iterator[Piece]:
    yield from part.pieces(first, end)
    retrieval.number = 1


def _multipart(parts: Iterable[Part], boundary: str, retrieval: Doing) -> Iterator[Piece]:
    for part in parts:
        pieces = part.pieces(0, part.size)
        first = next(pieces, b"")  # what cannot be given is known before anything is said of it
        yield _head(part, boundary)
        if first:
            yield first
        yield from pieces
        retrieval.number += 1
    yield _end(boundary)


def _head(part: Part, boundary: str) -> bytes:
    lines = [f"--{boundary}", f"Content-Type: {part.media_type}", f"Content-Location: {part.location}"]
    return ("\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _end(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode("ascii")


def _range(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """The one range that is asked for, from and to before which byte; ``None``: all of it. Raises 416."""
    said = request.headers.get("range", "")
    found = _RANGE.fullmatch(said.replace(" ", ""))
    if request.method != "GET" or not found or found.group(1, 2) == ("", ""):
        return None  # what is no such range, and several, may be left aside (RFC 9110 14.2)
    if request.headers.get("if-range", tag) != tag:
        return None
    first, last = found.group(1, 2)
    start, end = (int(first), int(last) + 1 if last else size) if first else (max(0, size - int(last)), size)
    if start >= min(end, size):
        raise HTTPException(416, f"there are {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return start, min(end, size)
