"""What the hub did not file: shown, released, dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fidac_node.errors import NotFound, Permanent
from fidac_node.hub.index.held import forget_held, list_held
from fidac_node.operations.selection import Done, Selection
from fidac_node.operations.uses import hub_uses
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.operations.retrieval import Stored


_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


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


def looked_at(config: HubConfig, entry: str) -> Stored:
    """A held object as a shelf gives it out, to be looked at, once it is written down who does.

    Raises :class:`NotFound`, and :class:`Permanent` for what cannot be read.
    """
    from pydicom import dcmread  # which takes its time to load, and nobody else here needs

    from fidac_node.operations.retrieval import Place, Stored

    spool = Spool(config.spool.directory / "inbox")
    try:
        found = Entry.parse(entry)
    except ValueError:
        raise NotFound(f"{entry} is no object's name") from None
    if not spool.holds(found, "held"):
        raise NotFound(f"no object {entry} is held any more")
    hub_uses(config).write("held look", entry)
    path = spool.path(found)
    with as_it_can_be_read():
        header = dcmread(path, stop_before_pixels=True)
        place = Place("", *(str(header.get(name, "")) for name in _UIDS))
        syntax, frames = str(header.file_meta.TransferSyntaxUID), int(header.get("NumberOfFrames") or 1)
        return Stored(place, "", path, path.stat().st_size, syntax, frames, found.digest)


@contextmanager
def as_it_can_be_read() -> Iterator[None]:
    """Make of whatever an object that is no good does to its reader one :class:`Permanent`."""
    try:
        yield
    except (Permanent, OSError):
        raise
    except Exception as error:  # a held object may be anything
        raise Permanent("unreadable", f"it cannot be read ({type(error).__name__})") from None


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
