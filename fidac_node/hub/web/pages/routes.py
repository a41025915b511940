"""The addresses of the pages on which people look, each with its view."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from fidac_node.hub.web.pages import audit, held, ohif, overview, search, sites, study, withdrawing

_STUDY = "/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"


def routes() -> list[BaseRoute]:
    """Return them."""
    shown = {
        "/": overview.overview,
        "/arrivals.csv": overview.arrivals_csv,
        "/search": search.search,
        "/search.csv": search.search_csv,
        _STUDY: study.study,
        f"{_STUDY}/journal": study.journal,
        f"{_STUDY}/withdraw": withdrawing.ask,
        f"{_SERIES}/stack": study.stack,
        f"{_SERIES}/header": study.header,
        "/withdrawn/{withdrawal}": withdrawing.withdrawn,
        "/sites": sites.sites,
        "/sites.csv": sites.sites_csv,
        "/held": held.held,
        "/held/decide": held.decide,
        "/held/{entry}": held.held_object,
        "/held/{entry}/stack": held.stack,
        "/held/{entry}/frames/{frame:int}/rendered": held.rendered,
        "/audit": audit.audit,
        "/audit.csv": audit.audit_csv,
        "/ohif": ohif.viewer,
        "/ohif/{path:path}": ohif.viewer,
    }
    done = {f"{_STUDY}/withdraw": withdrawing.withdraw, "/held": held.act}
    return [
        *(Route(path, view, methods=["GET"]) for path, view in shown.items()),
        *(Route(path, view, methods=["POST"]) for path, view in done.items()),
    ]
