"""Copies at a site that the hub answers for: what they take, and deleted before their time."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from fidac_node.operations.uses import UseLog
from fidac_node.site import room
from fidac_node.site.ledger import FILE, Ledger
from fidac_node.site.room import Kept
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from pathlib import Path

    from fidac_node.config.config import SiteConfig

__all__ = ["Kept", "kept", "purge"]

_HOUR: Final = 3600


def kept(config: SiteConfig) -> Kept:
    """The copies that the hub answers for. Raises ``OSError``."""
    return room.kept(_directory(config))


def purge(config: SiteConfig, hours: float) -> Kept:
    """Delete the copies that the hub has answered for longer than so many hours; return what they came to.

    Raises ``OSError``, ``Temporary``.
    """
    before = time.time() - hours * _HOUR
    state = room.answered(commitment=config.send.commitment)
    found = [one for one in room.copies(_directory(config)) if one.at <= before]
    UseLog(config.deidentify.vault_directory).write("site purge", f"older than {hours:g} hours", number=len(found))
    with closing(Ledger(config.spool.directory / FILE)) as rows:
        rows.flush()
    outbox = Spool(config.spool.directory / "outbox")
    gone = [one for one in found if outbox.remove_from(state, one.entry)]
    return Kept(len(gone), sum(one.bytes for one in gone), gone[0].at if gone else None)


def _directory(config: SiteConfig) -> Path:
    return config.spool.directory / "outbox" / room.answered(commitment=config.send.commitment)
