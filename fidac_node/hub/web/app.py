"""The application: its addresses, each with the view that answers there."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp

from fidac_node.hub.web import files
from fidac_node.hub.web.access import Access
from fidac_node.hub.web.dicomweb import routes as dicomweb
from fidac_node.hub.web.errors import answer, unexpected
from fidac_node.hub.web.headers import SecurityHeaders
from fidac_node.hub.web.listening import Rooms, Settings
from fidac_node.hub.web.pages import routes as pages
from fidac_node.hub.web.people import routes as people
from fidac_node.hub.web.people.provider import IdentityProvider
from fidac_node.hub.web.people.visits import Visits
from fidac_node.hub.web.streaming import Readers
from fidac_node.hub.web.upload import routes as upload
from fidac_node.operations.retrieval import Shelf
from fidac_node.operations.signing_in import Lifetime
from fidac_node.operations.uploads import Uploads
from fidac_node.portal import serving

# Bodies on their way at once: each has a reader for as long as it takes.
_MOST_STORES: Final = 8
# Passwords compared at once.
_MOST_HASHES: Final = 2
_MOST_BODIES: Final = 12  # objects of uploads, of four pages


def application(settings: Settings, rooms: Rooms, readers: Readers) -> ASGIApp:
    """Return the application that answers from these rooms."""
    app = Starlette(
        routes=[
            Mount("/dicom-web", routes=dicomweb.routes()),
            Mount("/static", files.pages()),
            *serving.routes(),
            *people.routes(),
            *upload.routes(),
            *pages.routes(),
        ],
        exception_handlers={HTTPException: answer, Exception: unexpected},
    )
    app.state.db, app.state.trail, app.state.readers = rooms.db, rooms.trail, readers
    app.state.uploads = Uploads(rooms.db, rooms.trail, rooms.intake, rooms.examine, rooms.commit, rooms.scratch)
    app.state.bodies, app.state.seats = asyncio.Semaphore(_MOST_BODIES), Counter[str]()
    app.state.intake, app.state.stores = rooms.intake, asyncio.Semaphore(_MOST_STORES)
    app.state.shelf = Shelf(rooms.db, rooms.archive, rooms.scratch, rooms.limit)
    app.state.settings, app.state.hashing = settings, asyncio.Semaphore(_MOST_HASHES)
    app.state.provider = IdentityProvider(rooms.provider, settings.url) if rooms.provider else None
    app.state.config = rooms.config
    lifetime = Lifetime(timedelta(seconds=settings.session_idle), timedelta(seconds=settings.session_longest))
    visits = Visits(rooms.secret)
    return SecurityHeaders(Access(app, rooms.db, readers, visits, lifetime, open_on_loopback=settings.open_on_loopback))
