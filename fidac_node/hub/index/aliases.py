"""Which pseudonyms of a site are one person, as the site said."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from peewee import Database

from fidac_node.hub.index.models import Alias
from fidac_node.system.database import exclusive, utc_now


class SamePerson(NamedTuple):
    """A pseudonym of a site whose person is known by another one, since ``at`` (UTC)."""

    site: str
    pseudonym: str
    person: str
    at: datetime.datetime


def enter(db: Database, site: str, person: str, pseudonyms: Iterable[str]) -> None:
    """Let these pseudonyms of a site be the person who is known as ``person``; who was known by them follows."""
    with exclusive(db):
        known = {one.pseudonym: one.person for one in Alias.select().where(Alias.site_id == site).execute(db)}
        person = known.get(person, person)
        for pseudonym in sorted({*pseudonyms} - {person}):
            Alias.update(person=person).where(Alias.site_id == site, Alias.person == pseudonym).execute(db)
            row = {"site_id": site, "pseudonym": pseudonym, "person": person, "at": utc_now()}
            Alias.insert(**row).on_conflict(
                conflict_target=[Alias.site_id, Alias.pseudonym], update={Alias.person: person}
            ).execute(db)


def aliases(db: Database) -> list[SamePerson]:
    """All of them, by site, person and pseudonym."""
    rows = Alias.select().order_by(Alias.site_id, Alias.person, Alias.pseudonym).execute(db)
    return [SamePerson(one.site_id, one.pseudonym, one.person, one.at) for one in rows]
