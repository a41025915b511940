"""The record of acts, for who oversees the hub: the latest first, a page at a time, and whether it is whole."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple
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
        acts=list(_together(page.acts)),
        asked=asked,
        older=f"?{urlencode({**_said(asked), 'before': page.before})}" if page.before else "",
        is_first=place is None,
        said=urlencode(_said(asked)),
        verdict=verdict,
    )


async def audit_csv(request: Request) -> Response:
    """Give all acts that are asked for, the oldest first."""
    await demand_role(request, "administrator", "auditor")
    acts = hub_uses(settings(request)).acts(_wanted(_asked(request)))
    return await streamed(request.app.state.readers, pieces(_COLUMNS, _rows(acts)), head("audit"))


class _Row(NamedTuple):
    """Acts that are told in one line: the latest of them, how many, how much they came to, and when it was (UTC)."""

    act: Act
    times: int
    number: int | None
    at: datetime.datetime


def _together(acts: Sequence[Act]) -> Iterator[_Row]:
    """Tell small pictures, and pictures of one study, that follow each other in one line: a page shows many at once."""
    for _, group in groupby(enumerate(acts), lambda numbered: _kind(numbered[1]) or numbered[0]):
        some = [act for _, act in group]
        numbers = [act.number for act in some if act.number is not None]
        at = datetime.datetime.fromtimestamp(some[0].at, datetime.UTC)
        yield _Row(some[0], len(some), sum(numbers) if numbers else None, at)


def _kind(act: Act) -> tuple[str, ...]:
    """What acts have in common that are told together; nothing for what is told alone."""
    whose, kind = (act.who, act.origin, act.act, act.outcome), act.what.rpartition(", ")[2]
    if act.act == "held look":
        return (*whose, act.what)
    if act.act != "retrieve" or kind not in ("a thumbnail", "pictures"):
        return ()
    return (*whose, kind, "" if kind == "a thumbnail" else act.what.partition(",")[0])


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
