"""What the hub counts beside its objects: numbers that no file could tell again, and one that is asked for often."""

from __future__ import annotations

from typing import Final

from peewee import Database

from fidac_node.hub.index.models import Tally
from fidac_node.system.database import ask

_FAILED_CONNECTIONS: Final = "failed_connections"


def add_failed_connections(db: Database, number: int) -> None:
    """Count connections that brought no association, or ended in the middle of an object; any process may."""
    Tally.insert(name=_FAILED_CONNECTIONS, value=number).on_conflict(
        conflict_target=[Tally.name], update={Tally.value: Tally.value + number}
    ).execute(db)


def failed_connections(db: Database) -> int:
    """Return how many were counted since the index was made."""
    return int(Tally.select(Tally.value).where(Tally.name == _FAILED_CONNECTIONS).scalar(db) or 0)


def count_wrong(db: Database) -> int:
    """How many files were found to be wrong, and were not replaced since."""
    return int(ask(db, "SELECT COUNT(*) FROM instance WHERE seen < 0")[0][0])
