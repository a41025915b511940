"""The addresses of DICOMweb, as PS3.18 spells them (Tables 10.1-1, 10.4.1-1 to -6 and 10.6.1-1)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from fidac_node.hub.web.dicomweb.bulk import bulk_data
from fidac_node.hub.web.dicomweb.capabilities import BULK_DATA, FRAMES, RETRIEVALS, SEARCHES, STORES, capabilities
from fidac_node.hub.web.dicomweb.frames import frames
from fidac_node.hub.web.dicomweb.metadata import metadata
from fidac_node.hub.web.dicomweb.qido import search
from fidac_node.hub.web.dicomweb.rendered import rendered, thumbnail
from fidac_node.hub.web.dicomweb.stow import store
from fidac_node.hub.web.dicomweb.wado import retrieve


def routes() -> list[BaseRoute]:
    """Return them, each with its view."""
    return [
        *(Route(path, capabilities, methods=["OPTIONS"]) for path in ("/", *SEARCHES, *RETRIEVALS)),
        *(Route(path, search(level)) for path, level in SEARCHES.items()),
        *(Route(path, store, methods=["POST"]) for path in STORES),
        *(Route(path, retrieve) for path in RETRIEVALS),
        *(Route(f"{path}/metadata", metadata) for path in RETRIEVALS),
        Route(BULK_DATA.replace("{path}", "{path:path}"), bulk_data),
        Route(FRAMES, frames),
        *(Route(f"{path}/rendered", rendered) for path in (RETRIEVALS[-1], FRAMES)),
        *(Route(f"{path}/thumbnail", thumbnail) for path in (*RETRIEVALS, FRAMES)),
    ]
