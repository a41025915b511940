"""The application: its addresses, each with the view that answers there."""

from __future__ import annotations

import asyncio
from collections import Counter
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
from fidac_node.hub.web.upload.routes import routes as upload_routes
from fidac_node.operations.retrieval import Shelf
from fidac_node.operations.uploads import Uploads

# Bodies on their way at once: each has a reader for as long as it takes.
_MOST_STORES: Final = 8
_MOST_BODIES: Final = 12  # objects of uploads, of four pages


def application(rooms: Rooms, readers: Readers, *, open_on_loopback: bool = False) -> ASGIApp:
    """Return the application that answers from these rooms."""
    app = Starlette(
        routes=[Mount("/dicom-web", routes=routes()), Mount("/upload", routes=upload_routes())],
        exception_handlers={HTTPException: answer, Exception: unexpected},
    )
    app.state.db, app.state.trail, app.state.readers = rooms.db, rooms.trail, readers
    app.state.uploads = Uploads(rooms.db, rooms.trail, rooms.intake, rooms.examine, rooms.commit, rooms.scratch)
    app.state.bodies, app.state.seats = asyncio.Semaphore(_MOST_BODIES), Counter[str]()
    app.state.intake, app.state.stores = rooms.intake, asyncio.Semaphore(_MOST_STORES)
    app.state.shelf = Shelf(rooms.db, rooms.archive, rooms.scratch, rooms.limit)
    return Access(app, rooms.db, readers, open_on_loopback=open_on_loopback)
