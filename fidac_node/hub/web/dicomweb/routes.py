"""The addresses of DICOMweb, as PS3.18 spells them (Tables 10.1-1 and 10.6.1-1)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from fidac_node.hub.web.dicomweb.capabilities import RETRIEVALS, SEARCHES, capabilities
from fidac_node.hub.web.dicomweb.qido import search
from fidac_node.hub.web.dicomweb.wado import retrieve


def routes() -> list[BaseRoute]:
    """Return them, each with its view."""
    searches = [Route(path, search(level)) for path, level in SEARCHES.items()]
    described = [Route(path, capabilities, methods=["OPTIONS"]) for path in ("/", *SEARCHES, *RETRIEVALS)]
    return [*described, *searches, *(Route(path, retrieve) for path in RETRIEVALS)]
