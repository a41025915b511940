"""What the hub has committed to, as the site knows it: a list to be compared with the hub's archive."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fidac_node.dicom import part10
from fidac_node.operations.ledger import opened
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig

HEAD: Final = "fidac-committed-1"


@dataclass(frozen=True)
class Committed:
    """The list, as text; ``number`` objects, of which ``kept`` are still here, and ``nameless`` that cannot be listed.

    The hub knows an object by its de-identified UID, which versions before this one forgot with the copy.
    """

    text: str
    number: int
    kept: int
    nameless: int


def committed(config: SiteConfig) -> Committed:
    """List what the hub has committed to. Raises :class:`ConfigError`, ``Temporary``, ``OSError``."""
    outbox = Spool(config.spool.directory / "outbox")
    here = set(outbox.entries("committed"))
    lines, nameless, kept = [], 0, 0
    with opened(config) as rows:
        known = {Entry.parse(name): sop for name, sop in rows.committed()}
    for entry in sorted({*known, *here}):
        sop = known.get(entry) or (_uid_of(outbox, entry) if entry in here else None)
        if sop is None:
            nameless += 1
            continue
        kept += entry in here
        lines.append(f"{sop} {entry.study} {'kept' if entry in here else 'purged'}\n")
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = f"{HEAD} {config.site.id} {at}\n{''.join(lines)}end {len(lines)}\n"
    return Committed(text, len(lines), kept, nameless)


def _uid_of(outbox: Spool, entry: Entry) -> str | None:
    try:
        with outbox.path(entry).open("rb") as file:
            return part10.read_meta(file)[0].sop_instance_uid
    except FileNotFoundError:
        return None  # purged meanwhile
