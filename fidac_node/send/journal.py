"""What sending writes down, whoever keeps it: the site's ledger is one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from fidac_node.spool.entry import Entry


class Journal(Protocol):
    """Where what became of each object is written down."""

    def note(self, entry: Entry, state: str, at: float | None = None, **fields: object) -> None:
        """Write down that the object is in ``state`` since ``at`` (seconds of the epoch; default: now)."""

    def attempting(self, entries: Iterable[Entry]) -> None:
        """Count one more attempt for each entry, durably, before the network is touched. Raises ``Temporary``."""

    def attempts(self, entry: Entry) -> int:
        """How often this object was tried to be sent."""

    def contact(self, *, ok: bool, message: str = "") -> None:
        """Remember how the last talk with the destination went."""

    def flush(self) -> None:
        """Make durable what was noted."""
