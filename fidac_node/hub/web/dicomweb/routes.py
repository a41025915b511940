"""The addresses of DICOMweb, as PS3.18 spells them (Table 10.1-1), each with its view."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from fidac_node.hub.web.dicomweb import capabilities as addresses
from fidac_node.hub.web.dicomweb.bulk import bulk_data
from fidac_node.hub.web.dicomweb.capabilities import capabilities
from fidac_node.hub.web.dicomweb.frames import frames
from fidac_node.hub.web.dicomweb.metadata import metadata
from fidac_node.hub.web.dicomweb.qido import search
from fidac_node.hub.web.dicomweb.rendered import rendered, thumbnail
from fidac_node.hub.web.dicomweb.stow import store
from fidac_node.hub.web.dicomweb.wado import retrieve


def routes() -> list[BaseRoute]:
    """Return them."""
    views = (
        (addresses.RETRIEVALS, retrieve),
        (addresses.METADATA, metadata),
        ([path.replace("{path}", "{path:path}") for path in addresses.BULK_DATA], bulk_data),
        ([addresses.FRAMES], frames),
        (addresses.RENDERED, rendered),
        (addresses.THUMBNAILS, thumbnail),
        ([addresses.DESCRIPTION], capabilities),
    )
    return [
        *(Route(path, capabilities, methods=["OPTIONS"]) for path in addresses.EVERYTHING if "{path}" not in path),
        *(Route(path, search(level)) for path, level in addresses.SEARCHES.items()),
        *(Route(path, store, methods=["POST"]) for path in addresses.STORES),
        *(Route(path, view) for paths, view in views for path in paths),
    ]
