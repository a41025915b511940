"""Which index this is: a random name, another one whenever what sites were told may not hold any more.

It is new with an empty index and with one that was made anew (``reindex``). A copy of yesterday that was put back has
the name that it had: what :mod:`fidac_node.hub.keeping.watermarks` keeps outside of it tells.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from peewee import Database

from fidac_node.hub.index.models import Fact
from fidac_node.system.database import ask, exclusive

_NAME: Final = "generation"
# Before the name of a site that has one of its own, because it alone is to ask again.
_OF_SITE: Final = f"{_NAME} of "
_TAKEN: Final = "newest taken"


def generation(db: Database) -> str:
    """The index's generation: 32 hexadecimal digits, empty before the first."""
    found = ask(db, "SELECT value FROM fact WHERE name = ?", _NAME)
    return str(found[0][0]) if found else ""


def told_to(db: Database, site: str) -> str:
    """The generation that a site is told: the index's, unless that site alone was to ask again since."""
    found = dict(ask(db, "SELECT name, value FROM fact WHERE name IN ?", [_NAME, _OF_SITE + site]))
    return str(found.get(_OF_SITE + site) or found.get(_NAME, ""))


def begin(db: Database) -> str:
    """Begin another generation; return it. Every site will ask again for all that it still keeps."""
    Fact.delete().where(Fact.name.startswith(_OF_SITE)).execute(db)
    return _name(db, _NAME)


def begin_for(db: Database, site: str) -> str:
    """Begin a generation for one site, which will ask again for all that it still keeps."""
    return _name(db, _OF_SITE + site)


def _name(db: Database, name: str) -> str:
    value = secrets.token_hex(16)
    _keep(db, name, value)
    return value


def _keep(db: Database, name: str, value: str) -> None:
    Fact.insert(name=name, value=value).on_conflict(conflict_target=[Fact.name], update={Fact.value: value}).execute(db)


def ensure(db: Database) -> None:
    """Let an index that has none begin its first generation."""
    with exclusive(db):
        if not generation(db):
            begin(db)


def newest(db: Database) -> int:
    """How far the index is: the number of the latest instance, and what withdrawals took from that.

    A copy of yesterday's index has a smaller one.
    """
    latest, taken = ask(db, "SELECT (SELECT MAX(id) FROM instance), (SELECT value FROM fact WHERE name = ?)", _TAKEN)[0]
    return int(latest or 0) + int(taken or 0)


@contextmanager
def never_older(db: Database) -> Iterator[None]:
    """Let :func:`newest` not be less after the block, in which instances are deleted, than before; in a transaction."""
    before = newest(db)
    yield
    missing = before - newest(db)
    if missing:
        taken = ask(db, "SELECT value FROM fact WHERE name = ?", _TAKEN)
        _keep(db, _TAKEN, str(missing + int(taken[0][0] if taken else 0)))
