"""A connection's socket, lent to a thread for a body whose length is known: what lies in files never comes here.

It goes out by sendfile(2), while nobody else writes. ASGI has no word for that, so this rests on these names of uvicorn
and h11, each of which tests/integration/hub/web/test_lending.py has: what is given as ``send`` belongs to a
``RequestResponseCycle`` with ``conn``, ``transport`` and ``disconnected``; ``Connection.send_with_data_passthrough``
counts a body that it never sees. Where one is missing, or TLS is between, answers are sent as ASGI has it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import h11
from starlette.types import ASGIApp, Receive, Scope, Send

# In ``scope["extensions"]``: called with the length of the body and what writes it.
LEND: Final = "fidac.lend"
_PAUSE_SECONDS: Final = 0.001


class Lending:
    """Offers ``app`` the socket of a connection that is not encrypted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, as ASGI has it."""
        cycle: Any = getattr(send, "__self__", None)
        is_known = all(hasattr(cycle, name) for name in ("conn", "transport", "disconnected"))
        if is_known and cycle.transport.get_extra_info("sslcontext") is None:
            scope.setdefault("extensions", {})[LEND] = partial(_lend, cycle)
        await self._app(scope, receive, send)


async def _lend(cycle: Any, size: int, write: Callable[[socket.socket], Awaitable[None]]) -> None:
    """Let ``write`` send the body, of ``size`` bytes, by a socket of its own, which it closes.

    Whatever it raises closes the connection and is raised.
    """
    transport: asyncio.Transport = cycle.transport
    while transport.get_write_buffer_size() and not cycle.disconnected:
        await asyncio.sleep(_PAUSE_SECONDS)  # the headers are on their way still
    if cycle.disconnected:
        return
    cycle.conn.send_with_data_passthrough(h11.Data(data=_Length(size)))
    lent = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    transport.pause_reading()
    try:
        await write(lent)
    except BaseException:
        with suppress(OSError):
            lent.shutdown(socket.SHUT_RDWR)  # ends the thread that writes still
        transport.abort()
        raise
    if not transport.is_closing():
        transport.resume_reading()


class _Length(bytes):
    """A body of which only the length is known."""

    def __new__(cls, _size: int) -> _Length:
        return super().__new__(cls)

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size
