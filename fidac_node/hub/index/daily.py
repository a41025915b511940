"""How much came on each day, as a place on Earth counts its days: for the hub's administrators alone.

The day of reception may be the day of the exam; everybody else is told weeks (:mod:`.groups`).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peewee import Database, SqliteDatabase, fn

from fidac_node.hub.index.matching import StudyFilter, of_studies
from fidac_node.hub.index.models import Patient, Study
from fidac_node.system.database import snapshot, stream


@dataclass
class Came:
    """What came in some time: studies, each when its latest object did, with all their objects and bytes."""

    studies: int = 0
    instances: int = 0
    bytes: int = 0

    def add(self, studies: int, instances: int, size: int) -> None:
        """Add what came besides."""
        self.studies += studies
        self.instances += instances
        self.bytes += size


def received_per_day(
    db: Database, wanted: StudyFilter, since: datetime.date, zone: datetime.tzinfo
) -> dict[datetime.date, dict[str, Came]]:
    """Return what came on each day since ``since``, and from which site; days on which nothing came are left out.

    ``received_since`` of the question does not count. Clocks are put forward and back by whole hours: the index counts
    by hours in UTC, and each belongs to a day.
    """
    midnight = datetime.datetime.combine(since, datetime.time(), zone).astimezone(datetime.UTC).replace(tzinfo=None)
    hour = _hour(db, Study.received_at)
    sums = (fn.COUNT(Study.id), fn.SUM(Study.instances), fn.SUM(Study.bytes))
    columns = [column.alias(name) for name, column in zip(("studies", "instances", "size"), sums, strict=True)]
    query = Study.select(hour.alias("hour"), Study.site.alias("of"), *columns).join(Patient)
    query = query.where(*of_studies(wanted), Study.received_at >= midnight).group_by(hour, Study.site)
    found: dict[datetime.date, dict[str, Came]] = {}
    with snapshot(db):
        for row in stream(db, query):
            day = _day(row, zone)
            came = found.setdefault(day, {}).setdefault(row["of"], Came())
            came.add(int(row["studies"]), int(row["instances"] or 0), int(row["size"] or 0))
    return found


def _day(row: Mapping[str, Any], zone: datetime.tzinfo) -> datetime.date:
    moment = datetime.datetime.strptime(row["hour"], "%Y-%m-%d %H").replace(tzinfo=datetime.UTC)
    return moment.astimezone(zone).date()


def _hour(db: Database, moment: Any) -> Any:
    if isinstance(db, SqliteDatabase):
        return fn.STRFTIME("%Y-%m-%d %H", moment).coerce(False)
    return fn.TO_CHAR(moment, "YYYY-MM-DD HH24")
