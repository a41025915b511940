"""The application: its addresses, each with the view that answers there."""

from __future__ import annotations

from peewee import Database
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp

from fidac_node.hub.archive import Archive
from fidac_node.hub.web.access import Access
from fidac_node.hub.web.dicomweb.routes import routes
from fidac_node.hub.web.errors import answer, unexpected
from fidac_node.hub.web.streaming import Readers


def application(db: Database, archive: Archive, readers: Readers, *, open_on_loopback: bool = False) -> ASGIApp:
    """Return the application that answers from this index and archive."""
    app = Starlette(
        routes=[Mount("/dicom-web", routes=routes())],
        exception_handlers={HTTPException: answer, Exception: unexpected},
    )
    app.state.db, app.state.archive, app.state.readers = db, archive, readers
    return Access(app, db, readers, open_on_loopback=open_on_loopback)
