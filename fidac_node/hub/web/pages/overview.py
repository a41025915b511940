"""The front page: how much there is, what came lately, what waits for a person, and how much room is left."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from fidac_node.hub.web.access import allowed
from fidac_node.hub.web.pages.acting import PARIS, acting, is_administrator, settings, today
from fidac_node.hub.web.pages.charts import Bar, Words, bars
from fidac_node.hub.web.pages.csvs import table
from fidac_node.hub.web.pages.render import render, say
from fidac_node.operations import overview as operations
from fidac_node.operations.index import StudyFilter
from fidac_node.operations.overview import Arrivals, Came, Figures

if TYPE_CHECKING:
    from fidac_node.operations.status import Disk, HubStatus

# As wide as the column that it stands in; on a telephone there is room for less.
_WIDTHS: Final = {"wide": (920, 240), "narrow": (360, 200)}


class _Waiting(NamedTuple):
    """What the hub's administrators are to look at; ``held`` by reason."""

    status: HubStatus
    held: Mapping[str, int]
    days_left: float | None


async def overview(request: Request) -> Response:
    """Show what there is of what somebody may see; to administrators also how the hub stands."""
    wanted, db = await _counted(request), request.app.state.db
    exact = _is_exact(request)

    def look() -> tuple[Figures, Arrivals, tuple[HubStatus, dict[str, int]] | None]:
        came = operations.arrivals(db, wanted, today(), PARIS, exact=exact)
        waits = operations.waiting(settings(request), db) if is_administrator(request) else None
        return operations.figures(db, wanted), came, waits

    found, came, waits = await acting(request, look)
    return render(
        request,
        "overview.html",
        figures=found,
        arrivals=came.all(),
        exact=exact,
        charts={kind: _chart(came, kind, lambda text: say(request, text)) for kind in _WIDTHS},
        waiting=_Waiting(*waits, _days_left(waits[0].archive_disk, came)) if waits else None,
    )


async def arrivals_csv(request: Request) -> Response:
    """Give what came, by day or week and site."""
    wanted, db, exact = await _counted(request), request.app.state.db, _is_exact(request)
    came = await acting(request, lambda: operations.arrivals(db, wanted, today(), PARIS, exact=exact))
    rows = [
        (key, site, one.studies, one.instances, one.bytes)
        for key, sites in came.came.items()
        for site, one in sorted(sites.items())
    ]
    return table("arrivals", ("day" if exact else "week", "site", "studies", "instances", "bytes"), rows)


async def _counted(request: Request) -> StudyFilter:
    """What is counted for who asks: what he may find, and for an auditor, who finds nothing, how much there is."""
    bearer = request.state.bearer
    return StudyFilter(confined_to=bearer.programme) if bearer.role == "auditor" else await allowed(request, "find")


def _is_exact(request: Request) -> bool:
    """Whether days may be told: to administrators, and to a site of its own."""
    return is_administrator(request) or request.state.bearer.role == "contributor"


def _chart(came: Arrivals, kind: str, say: Callable[[str], str]) -> str:
    width, height = _WIDTHS[kind]
    words = Words(say("Arrivals"), say("Studies received, in the last eight weeks"))
    some = [_bar(key, one, say) for key, one in came.all().items()]
    if kind == "narrow" and came.exact:
        some = [bar._replace(tick=bar.tick if number % 14 == 0 else "") for number, bar in enumerate(some)]
    return bars(some, words, f"arrivals-{kind}", width=width, height=height)


def _bar(key: str, came: Came, say: Callable[[str], str]) -> Bar:
    studies = say("studies")
    if "W" in key:
        return Bar(came.studies, f"{key}: {came.studies} {studies}", key[5:])
    day = datetime.date.fromisoformat(key)
    return Bar(came.studies, f"{key}: {came.studies} {studies}", f"{day:%d/%m}" if day.weekday() == 0 else "")


def _days_left(disk: Disk, came: Arrivals) -> float | None:
    """For how long the archive has room at the pace of the last four weeks."""
    pace = came.per_day()
    if not pace or disk.free_bytes is None:
        return None
    return max(0.0, disk.free_bytes - disk.reserve_bytes) / pace
