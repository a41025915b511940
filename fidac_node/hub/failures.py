"""Connections that came to nothing, counted into the index by each receiver without waiting for it."""

from __future__ import annotations

from collections.abc import Sequence

from peewee import Database

from fidac_node.hub.index import add_failed_connections
from fidac_node.hub.later import Later


class FailedConnections(Later[None]):
    """Counts from any thread."""

    def __init__(self, db: Database) -> None:
        super().__init__(db, _count, "failed connections")

    def add(self) -> None:
        """Count one."""
        self.note(None)


def _count(db: Database, some: Sequence[None]) -> None:
    add_failed_connections(db, len(some))
