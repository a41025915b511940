"""The page of the sites: what each has sent, when it was last there, and what of it waits."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.hub.web.access import demand_role
from fidac_node.hub.web.pages.acting import PARIS, acting, is_administrator, today
from fidac_node.hub.web.pages.charts import spark
from fidac_node.hub.web.pages.csvs import table
from fidac_node.hub.web.pages.render import render, say
from fidac_node.hub.weeks import iso_week
from fidac_node.operations import overview as operations
from fidac_node.operations.index import StudyFilter
from fidac_node.operations.overview import SiteFigures
from fidac_node.system.database import utc_now

_COLUMNS: Final = (
    *("site", "ae_title", "code", "studies", "instances", "last_received", "last_contact", "held", "refused"),
)
# A site that is silent for so long is asked what is the matter.
_QUIET: Final = datetime.timedelta(days=7)


class _Row(NamedTuple):
    figures: SiteFigures
    spark: Markup
    quiet_days: int


async def sites(request: Request) -> Response:
    """List the sites."""
    await demand_role(request, "administrator", "auditor")
    db = request.app.state.db

    def look() -> tuple[list[SiteFigures], operations.Arrivals]:
        return operations.sites(db), operations.arrivals(db, StudyFilter(), today(), PARIS, exact=False)

    found, came = await acting(request, look)
    title, now = say(request, "Studies in each of the last eight weeks:"), utc_now()
    rows = []
    for one in found:
        weeks = [of_week.studies for of_week in came.of(one.site).values()]
        last = one.last_contact or one.last_received
        quiet = (now - last).days if last and now - last > _QUIET else 0
        rows.append(_Row(one, spark(weeks, f"{title} {', '.join(map(str, weeks))}"), quiet))
    return render(request, "sites.html", sites=rows, exact=is_administrator(request), week=iso_week)


async def sites_csv(request: Request) -> Response:
    """Give the same as a table; exact times to administrators, weeks to others."""
    await demand_role(request, "administrator", "auditor")
    found = await acting(request, lambda: operations.sites(request.app.state.db))
    return table("sites", _COLUMNS, _rows(found, exact=is_administrator(request)))


def _rows(found: Sequence[SiteFigures], *, exact: bool) -> list[list[object]]:
    rows = []
    for one in found:
        said = vars(replace(one)) | {"held": sum(one.held.values())}
        for name in ("last_received", "last_contact"):
            moment: datetime.datetime | None = said[name]
            said[name] = moment if exact or moment is None else iso_week(moment)
        rows.append([said[name] for name in _COLUMNS])
    return rows
