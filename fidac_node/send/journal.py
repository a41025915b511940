"""What sending writes down, whoever keeps it: the site's ledger is one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from fidac_node.spool.entry import Entry


class Talk(NamedTuple):
    """How the last talk with the destination went, ``None`` when there was none, and when (``time.monotonic``)."""

    ok: bool | None = None
    at: float = -math.inf


class Moment(NamedTuple):
    """When something happened: ``at`` for people (seconds of the epoch), ``turn`` for the order.

    A clock may be set back; what monotonic clocks of one machine say, counted on over its starts, only grows.
    """

    at: float
    turn: int


class Journal(Protocol):
    """Where what became of each object is written down."""

    def note(self, entry: Entry, state: str, at: Moment | None = None, **fields: object) -> None:
        """Write down that the object is in ``state`` since ``at`` (default: now)."""

    def attempting(self, entries: Iterable[Entry]) -> None:
        """Count one more attempt for each entry, durably, before the network is touched. Raises ``Temporary``."""

    def attempts(self, entry: Entry) -> int:
        """How often this object was tried to be sent."""

    def contact(self, *, ok: bool, message: str = "") -> None:
        """Remember how the last talk with the destination went."""

    def last_talk(self) -> Talk:
        """What :meth:`contact` was told last, by whichever thread."""

    def fact(self, name: str) -> str | None:
        """Return what :meth:`remember` kept. Raises ``Temporary``."""

    def remember(self, name: str, value: str) -> None:
        """Keep one named fact, durably. Raises ``Temporary``."""

    def flush(self) -> None:
        """Make durable what was noted."""
