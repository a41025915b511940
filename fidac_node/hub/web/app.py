"""The application: its addresses, each with the view that answers there."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp

from fidac_node.hub.web.access import Access
from fidac_node.hub.web.dicomweb.routes import routes
from fidac_node.hub.web.errors import answer, unexpected
from fidac_node.hub.web.listening import Rooms
from fidac_node.hub.web.streaming import Readers
from fidac_node.operations.retrieval import Shelf

# Bodies on their way at once: each has a reader for as long as it takes.
_MOST_STORES: Final = 8


def application(rooms: Rooms, readers: Readers, *, open_on_loopback: bool = False) -> ASGIApp:
    """Return the application that answers from these rooms."""
    app = Starlette(
        routes=[Mount("/dicom-web", routes=routes())],
        exception_handlers={HTTPException: answer, Exception: unexpected},
    )
    app.state.db, app.state.trail, app.state.readers = rooms.db, rooms.trail, readers
    app.state.intake, app.state.stores = rooms.intake, asyncio.Semaphore(_MOST_STORES)
    app.state.shelf = Shelf(rooms.db, rooms.archive, rooms.scratch, rooms.limit)
    return Access(app, rooms.db, readers, open_on_loopback=open_on_loopback)
