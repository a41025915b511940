"""Bodies of requests as they come: in pieces for what is kept as a file, whole for what is small."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from fidac_node.hub.web.listening import STALLED_SECONDS

_PIECE: Final = 1 << 20
_SLOWEST: Final = 4096  # bytes a second, of a body that takes more than a minute


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """The body, about a megabyte at a time.

    Raises ``TimeoutError`` when it does not go on for a minute, or trickles.
    """
    gathered, began, size = bytearray(), time.monotonic(), 0
    stream = aiter(request.stream())
    while True:
        async with asyncio.timeout(STALLED_SECONDS):
            piece = await anext(stream, b"")
        gathered += piece
        size += len(piece)
        if time.monotonic() - began > STALLED_SECONDS + size / _SLOWEST:
            raise TimeoutError
        if len(gathered) >= _PIECE or (gathered and not piece):
            yield bytes(gathered)
            gathered.clear()
        if not piece:
            return


async def whole(request: Request, most: int) -> bytes:
    """The body of at most so many bytes. Raises 400 for one that breaks off, 408 and 413."""
    content = bytearray()
    try:
        async for piece in pieces(request):
            content += piece
            if len(content) > most:
                raise HTTPException(413, f"a body of more than {most} bytes", headers={"Connection": "close"})
    except ClientDisconnect:
        raise HTTPException(400, "the body broke off") from None
    except TimeoutError:
        raise HTTPException(408, "the body does not go on", headers={"Connection": "close"}) from None
    return bytes(content)
