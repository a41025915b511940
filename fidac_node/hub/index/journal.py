"""What the index remembers of how objects came: from which address a site sent when, and what commitment it asked for.

No file of the archive tells it again; what is rebuilt keeps these rows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from peewee import Database, fn

from fidac_node.hub.index.models import Arrival, Commitment
from fidac_node.system.database import exclusive

# A site that comes back from the same address so soon has not been away: it is one row.
_AWAY: Final = datetime.timedelta(hours=1)


class Presence(NamedTuple):
    """A site had an association from ``address``, from ``since`` until ``until`` (UTC)."""

    site: str
    address: str
    since: datetime.datetime
    until: datetime.datetime


class Answered(NamedTuple):
    """A site asked for commitment to ``objects`` of a study, and got it for ``committed``; times are UTC."""

    site: str
    study: str
    asked_at: datetime.datetime
    answered_at: datetime.datetime
    objects: int
    committed: int


def note_presences(db: Database, some: Sequence[Presence]) -> None:
    """Write down where sites were; one that is there already grows."""
    with exclusive(db):
        for one in _joined(some):
            same = (Arrival.site == one.site) & (Arrival.address == one.address)
            near = (Arrival.until >= one.since - _AWAY) & (Arrival.since <= one.until + _AWAY)
            known = Arrival.select().where(same & near).order_by(Arrival.until.desc()).limit(1).first(db)
            if known is None:
                Arrival.insert(**one._asdict()).execute(db)
            else:
                changed = {"since": min(known.since, one.since), "until": max(known.until, one.until)}
                Arrival.update(**changed).where(Arrival.id == known.id).execute(db)


def note_answers(db: Database, some: Sequence[Answered]) -> None:
    """Write down what was answered; who asks in vain again and again has one row, with the latest answer."""
    with exclusive(db):
        for one in some:
            of_it = (Commitment.site == one.site) & (Commitment.study == one.study)
            last = Commitment.select().where(of_it).order_by(Commitment.id.desc()).limit(1).first(db)
            is_vain = last is not None and last.committed < last.objects
            if is_vain and (last.objects, last.committed) == (one.objects, one.committed):
                Commitment.update(answered_at=one.answered_at).where(Commitment.id == last.id).execute(db)
            else:
                Commitment.insert(**one._asdict()).execute(db)


def presences(db: Database, site: str, since: datetime.datetime, until: datetime.datetime) -> list[Presence]:
    """Where a site was between two moments (UTC), in order."""
    columns = (Arrival.site, Arrival.address, Arrival.since, Arrival.until)
    during = (Arrival.site == site) & (Arrival.until >= since) & (Arrival.since <= until)
    rows = Arrival.select(*columns).where(during).order_by(Arrival.since, Arrival.address).tuples().execute(db)
    return [Presence(*row) for row in rows]


def last_seen(db: Database) -> dict[str, datetime.datetime]:
    """When each site last had an association (UTC)."""
    query = Arrival.select(Arrival.site, fn.MAX(Arrival.until).alias("until")).group_by(Arrival.site)
    return {row["site"]: row["until"] for row in query.dicts().execute(db)}


def refused_per_site(db: Database) -> dict[str, int]:
    """For how many objects each site asked commitment and did not get it, by the latest answer about each study."""
    latest = Commitment.select(fn.MAX(Commitment.id)).group_by(Commitment.site, Commitment.study)
    refused = fn.SUM(Commitment.objects - Commitment.committed)
    query = Commitment.select(Commitment.site, refused).where(Commitment.id.in_(latest)).group_by(Commitment.site)
    return {site: int(number) for site, number in query.tuples().execute(db) if number}


def answers(db: Database, site: str, study: str) -> list[Answered]:
    """What a site was answered about a study, in order."""
    columns = (Commitment.site, Commitment.study, Commitment.asked_at, Commitment.answered_at)
    query = Commitment.select(*columns, Commitment.objects, Commitment.committed)
    of_it = (Commitment.site == site) & (Commitment.study == study)
    return [Answered(*row) for row in query.where(of_it).order_by(Commitment.id).tuples().execute(db)]


def _joined(some: Iterable[Presence]) -> list[Presence]:
    """One for each site and address: those of a moment are near."""
    found: dict[tuple[str, str], Presence] = {}
    for one in some:
        known = found.setdefault(one[:2], one)
        found[one[:2]] = known._replace(since=min(known.since, one.since), until=max(known.until, one.until))
    return list(found.values())
