"""What the hub counts beside its objects: numbers that no file could tell again."""

from __future__ import annotations

from typing import Final

from peewee import Database

from fidac_node.hub.index.models import Tally

_FAILED_CONNECTIONS: Final = "failed_connections"


def add_failed_connections(db: Database, number: int) -> None:
    """Count connections that brought no association, or ended in the middle of an object; any process may."""
    Tally.insert(name=_FAILED_CONNECTIONS, value=number).on_conflict(
        conflict_target=[Tally.name], update={Tally.value: Tally.value + number}
    ).execute(db)


def failed_connections(db: Database) -> int:
    """Return how many were counted since the index was made."""
    return int(Tally.select(Tally.value).where(Tally.name == _FAILED_CONNECTIONS).scalar(db) or 0)
