"""What a hub has and what came lately, at a glance: for the page that opens first, and for that of the sites."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fidac_node.hub.index.daily import Came, received_per_day
from fidac_node.hub.index.groups import count
from fidac_node.hub.index.held import held_per_reason
from fidac_node.hub.index.journal import last_seen, refused_per_site
from fidac_node.hub.index.query import received_per_site
from fidac_node.hub.weeks import iso_week, monday

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.hub.index.matching import StudyFilter
    from fidac_node.operations.status import HubStatus

__all__ = ["DAYS", "Arrivals", "Came", "Figures", "SiteFigures", "arrivals", "figures", "sites", "waiting"]

# What is shown of arrivals: eight weeks, of which the last is this one.
DAYS: Final = 56


@dataclass
class Figures:
    """How much there is of what somebody may see."""

    patients: int = 0
    studies: int = 0
    series: int = 0
    instances: int = 0
    bytes: int = 0
    sites: int = 0


@dataclass(frozen=True)
class Arrivals:
    """What came on each day of :data:`DAYS`, or in each of their weeks, from which site; the first is the oldest.

    ``exact``: the keys are days as YYYY-MM-DD, else weeks as ISO 8601 has them.
    """

    exact: bool
    came: dict[str, dict[str, Came]]

    def per_day(self) -> float:
        """Bytes a day in the last four weeks; 0 where weeks are all that is known."""
        latest = list(self.came.values())[-DAYS // 2 :]
        return sum(one.bytes for came in latest for one in came.values()) / len(latest) if self.exact else 0.0

    def of(self, site: str) -> dict[str, Came]:
        """What came from one site."""
        return {key: came.get(site, Came()) for key, came in self.came.items()}

    def all(self) -> dict[str, Came]:
        """What came from all sites together."""
        found = {key: Came() for key in self.came}
        for key, came in self.came.items():
            for one in came.values():
                found[key].add(one.studies, one.instances, one.bytes)
        return found


@dataclass(frozen=True)
class SiteFigures:
    """A site: what it has sent, when it was last there (UTC), what of it waits for a person, what was not promised.

    ``disabled_at``: since then it may not store. ``held`` counts objects by reason;
    ``refused`` are those that the site asked commitment for in vain.
    """

    site: str
    ae_title: str | None
    code: str
    added_at: datetime.datetime | None
    studies: int
    instances: int
    last_received: datetime.datetime | None
    disabled_at: datetime.datetime | None
    last_contact: datetime.datetime | None
    held: dict[str, int] = field(default_factory=dict)
    refused: int = 0


def figures(db: Database, wanted: StudyFilter) -> Figures:
    """How much there is of what matches."""
    found = Figures()
    for row in count(db, "studies", wanted, ["site"]):
        found.sites += 1
        for name in ("patients", "studies", "series", "instances", "bytes"):
            setattr(found, name, getattr(found, name) + row[name])
    return found


def arrivals(
    db: Database, wanted: StudyFilter, today: datetime.date, zone: datetime.tzinfo, *, exact: bool
) -> Arrivals:
    """What came in the days up to ``today``, as ``zone`` counts them; by weeks unless ``exact``.

    Days are for the hub's administrators, and for a site's own: the day of reception may be the day of the exam.
    """
    first = monday(today) - datetime.timedelta(days=DAYS - 7)
    days = [first + datetime.timedelta(days=number) for number in range((today - first).days + 1)]
    per_day = received_per_day(db, wanted, first, zone)
    found: dict[str, dict[str, Came]] = {}
    for day in days:
        came = found.setdefault(day.isoformat() if exact else iso_week(day), {})
        for site, one in per_day.get(day, {}).items():
            came.setdefault(site, Came()).add(one.studies, one.instances, one.bytes)
    return Arrivals(exact, found)


def sites(db: Database) -> list[SiteFigures]:
    """Every site, registered or only known, by its id."""
    held, seen, refused = held_per_reason(db), last_seen(db), refused_per_site(db)
    return [
        SiteFigures(
            **row._asdict(),
            last_contact=seen.get(row.site),
            held={code: number for (site, code), number in held.items() if site == row.site},
            refused=refused.get(row.site, 0),
        )
        for row in received_per_site(db)
    ]


def waiting(config: HubConfig, db: Database) -> tuple[HubStatus, dict[str, int]]:
    """How the hub stands, and how many objects wait for a person, by reason."""
    from fidac_node.operations.status import hub_status  # which knows the deidentifier, as a site's status needs it

    per_reason: dict[str, int] = {}
    for (_, code), number in held_per_reason(db).items():
        per_reason[code] = per_reason.get(code, 0) + number
    return hub_status(config), per_reason
