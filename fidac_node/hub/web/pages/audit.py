"""The record of acts, for who oversees the hub: the latest first, a page at a time, and whether it is whole."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from fidac_node.hub.web.access import demand_role
from fidac_node.hub.web.pages.acting import PARIS, acting, settings
from fidac_node.hub.web.pages.csvs import head, pieces
from fidac_node.hub.web.pages.render import render
from fidac_node.hub.web.streaming import streamed
from fidac_node.operations.uses import Act, Wanted, hub_uses

_PAGE: Final = 100
_COLUMNS: Final = ("at", "who", "from", "act", "what", "number", "reason", "outcome", "studies")
_LONGEST: Final = 200


async def audit(request: Request) -> Response:
    """Show acts, the latest first; when asked to, follow the chain of the record, too."""
    await demand_role(request, "administrator", "auditor")
    query, log = request.query_params, hub_uses(settings(request))
    asked, before = _asked(request), query.get("before", "")
    place = int(before) if before.isascii() and before.isdecimal() else None
    page = await acting(request, lambda: log.page(_wanted(asked), _PAGE, place))
    verdict = await acting(request, log.verify) if query.get("verify") else None
    return render(
        request,
        "audit.html",
        acts=[(act, datetime.datetime.fromtimestamp(act.at, datetime.UTC)) for act in page.acts],
        asked=asked,
        older=f"?{urlencode({**_said(asked), 'before': page.before})}" if page.before else "",
        is_first=place is None,
        query=urlencode(_said(asked)),
        verdict=verdict,
    )


async def audit_csv(request: Request) -> Response:
    """Give all acts that are asked for, the oldest first."""
    await demand_role(request, "administrator", "auditor")
    acts = hub_uses(settings(request)).acts(_wanted(_asked(request)))
    return await streamed(request.app.state.readers, pieces(_COLUMNS, _rows(acts)), head("audit"))


def _asked(request: Request) -> dict[str, str]:
    return {name: request.query_params.get(name, "").strip()[:_LONGEST] for name in ("since", "act", "who")}


def _said(asked: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _wanted(asked: dict[str, str]) -> Wanted:
    """The question; a day that is none begins with the first."""
    try:
        since = datetime.datetime.combine(datetime.date.fromisoformat(asked["since"]), datetime.time(), PARIS)
    except ValueError:
        return Wanted(0.0, asked["act"] or "*", asked["who"] or "*")
    return Wanted(since.timestamp(), asked["act"] or "*", asked["who"] or "*")


def _rows(acts: Iterator[Act]) -> Iterator[list[Any]]:
    for act in acts:
        said = act.as_dict()
        said["at"] = datetime.datetime.fromtimestamp(act.at, PARIS)
        said["studies"] = " ".join(act.studies)
        yield [said[name] for name in _COLUMNS]
