"""What the hub has promised to keep: looked through, and asked for again where it is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fidac_node.errors import NotFound
from fidac_node.hub.archive import Archive
from fidac_node.hub.index.filed import archived_bytes
from fidac_node.hub.index.generation import begin_for
from fidac_node.hub.index.withdrawn import SITE, sites_with
from fidac_node.hub.keeping.fixity import WORDS, Checked, Fixity
from fidac_node.hub.keeping.reconcile import Listed, Reconciled, read_list, reconcile, wrong_here
from fidac_node.operations.uses import hub_uses
from fidac_node.spool.queue import Spool
from fidac_node.system.database import exclusive

if TYPE_CHECKING:
    from pathlib import Path

    from peewee import Database

    from fidac_node.config.config import HubConfig

__all__ = ["Looked", "Reconciled", "Wrong", "ask_again", "look_through", "reconcile_site"]


@dataclass(frozen=True)
class Wrong:
    """A file of the archive that is not what was filed: of which object, and what is wrong with it, in words."""

    path: Path
    site: str
    study: str
    series: str
    sop: str
    fault: str

    @property
    def words(self) -> str:
        """What is wrong with it."""
        return WORDS[self.fault]  # type: ignore[index]  # a fault, as it is spelled in JSON


@dataclass
class Looked:
    """How many files were looked at, and how many bytes they should have."""

    files: int = 0
    bytes: int = 0


def look_through(
    config: HubConfig, db: Database, looked: Looked, progress: Callable[[int, int], None]
) -> Iterator[Wrong]:
    """Compare every file of the archive with what was filed, and yield what is wrong; ``looked`` counts.

    ``progress`` hears how many bytes were read, and of how many. Raises ``OSError``, ``peewee.PeeweeException``.
    """
    archive, total = Archive(config.archive.directory), archived_bytes(db)
    for checked in Fixity(archive, db, Spool(config.spool.directory / "inbox")).check():
        looked.files, looked.bytes = looked.files + 1, looked.bytes + checked.size
        progress(looked.bytes, total)
        if checked.fault:
            yield _wrong(archive, checked)


def ask_again(config: HubConfig, db: Database, sites: Iterable[str], why: str) -> None:
    """Let these sites learn that they are to ask again for all that they keep: the next time they ask for anything."""
    for site in sites:
        hub_uses(config).write("hub ask again", site, why)
        with exclusive(db):
            begin_for(db, site)


def reconcile_site(config: HubConfig, db: Database, site: str, file: Path | None) -> Reconciled:
    """Compare the list of a site in ``file`` with what is here, both ways.

    Without a list only what is known to be wrong here is told. If anything is missing here, the site is told to ask
    again. Raises :class:`ConfigError`, :class:`NotFound`, ``OSError``.
    """
    if not sites_with(db, SITE, site):
        raise NotFound(f"no site {site} is registered; 'fidac-node hub site list' shows them")
    if file is None:
        found = Reconciled(dict.fromkeys(wrong_here(db, site), Listed("", kept=True)), (), 0)
    else:
        with file.open(encoding="ascii", errors="replace") as lines:
            found = reconcile(db, Archive(config.archive.directory), site, read_list(lines, site))
    if found.missing_at_hub:
        ask_again(config, db, [site], f"{len(found.missing_at_hub)} objects are missing")
    return found


def _wrong(archive: Archive, checked: Checked) -> Wrong:
    place = checked.place
    return Wrong(archive.path(place), *place, checked.fault)
