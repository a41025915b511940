"""The rows about objects that the hub holds. The spool's files decide; these are for asking quickly."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from peewee import Database, fn

from fidac_node.hub.index.models import Held
from fidac_node.system.database import exclusive


@dataclass(frozen=True)
class HeldObject:
    """One held object: ``entry`` names it in the spool, ``site`` and ``sop_instance_uid`` are empty when unknown."""

    entry: str
    code: str
    message: str
    site: str
    sop_instance_uid: str
    at: datetime.datetime


def note_held(db: Database, held: HeldObject) -> None:
    """Write down that an object is held, over what was written about it before."""
    with exclusive(db):
        Held.delete().where(Held.entry == held.entry).execute(db)
        Held.insert(**asdict(held)).execute(db)


def forget_held(db: Database, entry: str) -> None:
    """An object is held no longer."""
    Held.delete().where(Held.entry == entry).execute(db)


def rebuild_held(db: Database, held: Iterable[HeldObject]) -> None:
    """Make the rows say what the spool says."""
    with exclusive(db):
        Held.delete().execute(db)
        for row in held:
            Held.insert(**asdict(row)).execute(db)


def list_held(db: Database, *, code: str = "", site: str = "", limit: int | None = None) -> list[HeldObject]:
    """Return the held objects, the longest waiting first."""
    query = Held.select().order_by(Held.at, Held.entry).limit(limit)
    if code:
        query = query.where(Held.code == code)
    if site:
        query = query.where(Held.site == site)
    return [HeldObject(**row) for row in query.dicts().execute(db)]


def held_per_reason(db: Database) -> dict[tuple[str, str], int]:
    """Return how many objects wait for a person, by site and reason."""
    query = Held.select(Held.site, Held.code, fn.COUNT(Held.entry)).group_by(Held.site, Held.code)
    return {(site, code): int(number) for site, code, number in query.order_by(Held.code).tuples().execute(db)}
