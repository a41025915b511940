"""Which index this is: a random name, another one whenever what sites were told may not hold any more.

It is new with an empty index and with one that was made anew (``reindex``). A copy of yesterday that was put back has
the name that it had: what :mod:`fidac_node.hub.watermarks` keeps outside of it tells.
"""

from __future__ import annotations

import secrets
from typing import Final

from peewee import Database

from fidac_node.hub.index.models import Fact
from fidac_node.system.database import ask, exclusive

_NAME: Final = "generation"


def generation(db: Database) -> str:
    """The index's generation: 32 hexadecimal digits, empty before the first."""
    found = ask(db, "SELECT value FROM fact WHERE name = ?", _NAME)
    return str(found[0][0]) if found else ""


def begin(db: Database) -> str:
    """Begin another generation; return it."""
    value = secrets.token_hex(16)
    Fact.insert(name=_NAME, value=value).on_conflict(conflict_target=[Fact.name], update={Fact.value: value}).execute(
        db
    )
    return value


def ensure(db: Database) -> None:
    """Let an index that has none begin its first generation."""
    with exclusive(db):
        if not generation(db):
            begin(db)


def newest(db: Database) -> int:
    """The number of the latest instance: a copy of yesterday's index has a smaller one."""
    return int(ask(db, "SELECT MAX(id) FROM instance")[0][0] or 0)
