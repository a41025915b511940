"""What becomes at once of objects that a person let go on: some are held again, for what nobody can allow."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fidac_node.operations.status import site_alive
from fidac_node.spool.queue import Spool
from fidac_node.system.standing import STOPPED

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.spool.entry import Entry

_GLANCE: Final = 0.1


@dataclass(frozen=True)
class Settled:
    """``held`` again, with the reason of each; ``waiting`` still when the time was up; ``stopped``: nobody works."""

    held: dict[Entry, tuple[str, str]]
    waiting: tuple[Entry, ...]
    stopped: tuple[str, ...]


def settled(config: SiteConfig, entries: Iterable[Entry], seconds: float) -> Settled:
    """See for so long what becomes of objects that go on. Raises ``OSError``."""
    spools = [Spool(config.spool.directory / name) for name in ("inbox", "outbox")]
    stopped = tuple(one.name for one in site_alive(config).stages if one.state == STOPPED)
    held: dict[Entry, tuple[str, str]] = {}
    waiting = list(entries)
    deadline = time.monotonic() + (0 if stopped else seconds)
    while True:
        for entry in tuple(waiting):
            for spool in spools:
                if spool.holds(entry, "held"):
                    reason = spool.reason(entry) or {}
                    held[entry] = str(reason.get("code", "")), str(reason.get("message", ""))
            if entry in held or not spools[0].knows(entry):  # it has left the inbox, or is refused again some day
                waiting.remove(entry)
        if not waiting or time.monotonic() >= deadline:
            return Settled(held, tuple(waiting), stopped)
        time.sleep(_GLANCE)
