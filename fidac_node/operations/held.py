"""What the hub did not file: release, drop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fidac_node.hub.index.held import forget_held, list_held
from fidac_node.operations.selection import Done, Selection
from fidac_node.operations.uses import hub_uses
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig


def release(config: HubConfig, db: Database, selection: Selection) -> Done:
    """Let held objects be verified and filed again, for example after their site was registered."""
    return _each(config, db, "held release", selection, Spool.release)


def drop(config: HubConfig, db: Database, selection: Selection) -> Done:
    """Delete held objects from the hub, for good: their site must send them again to bring them back."""
    return _each(config, db, "held drop", selection, Spool.remove)


def facts(config: HubConfig, entry: str) -> dict[str, object] | None:
    """Everything known about one held object, and where its file is; ``None``: there is none of this name."""
    spool = Spool(config.spool.directory / "inbox")
    found = next((one for one in spool.entries("held") if str(one) == entry), None)
    return None if found is None else {"file": spool.path(found), **(spool.reason(found) or {})}


def _each(
    config: HubConfig, db: Database, command: str, selection: Selection, act: Callable[[Spool, Entry], None]
) -> Done:
    """Apply ``act`` to the held objects that are selected; one that moved on meanwhile is left alone."""
    rows = list_held(db, code=selection.reason, site=selection.site)
    found = [Entry.parse(row.entry) for row in rows if selection.names(row.entry)]
    if found:
        hub_uses(config).write(command, str(selection), number=len(found))
    spool = Spool(config.spool.directory / "inbox")
    waiting = set(spool.entries("held"))
    done, moved_on = [], []
    for entry in found:
        if entry in waiting:
            act(spool, entry)
            done.append(entry)
        else:
            moved_on.append(entry)
        forget_held(db, str(entry))
    return Done(tuple(done), tuple(moved_on))
