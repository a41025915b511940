"""The list of a site, of what was committed, against what the hub has: both ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from peewee import Database

from fidac_node.dicom.uids import is_valid_uid
from fidac_node.errors import ConfigError
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.index.record import DOUBTED, kept, whereabouts
from fidac_node.hub.index.withdrawn import withdrawn_instances
from fidac_node.system.database import ask

HEAD: Final = "fidac-committed-1"
_AT_ONCE: Final = 5000
_LEFT: Final = ("kept", "purged")


class Listed(NamedTuple):
    """What a site says of an object: the handle of its study there, and whether it still keeps a copy."""

    study: str
    kept: bool


class Reconciled(NamedTuple):
    """What was found, by SOP Instance UID.

    ``missing_at_hub`` was committed and is not here, or not as it was filed; ``missing_at_site`` is here and was not
    listed; ``withdrawn`` is no finding.
    """

    missing_at_hub: Mapping[str, Listed]
    missing_at_site: tuple[str, ...]
    withdrawn: int


def read_list(lines: Iterable[str], site: str) -> dict[str, Listed]:
    """The list of a site. Raises :class:`ConfigError` for what is none, is cut, or is another site's."""
    rows = iter(lines)
    head = next(rows, "").split()
    if len(head) != 3 or head[0] != HEAD:
        raise ConfigError("this is no list of what was committed: 'fidac-node site committed --list FILE' writes it")
    if head[1] != site:
        raise ConfigError(f"this is the list of site {head[1]}, not of {site}")
    found: dict[str, Listed] = {}
    for number, line in enumerate(rows, 2):
        words = line.split()
        if words == ["end", str(len(found))]:
            return found
        if len(words) != 3 or not is_valid_uid(words[0]) or words[2] not in _LEFT:
            raise ConfigError(f"line {number} of the list is damaged: have it written again")
        found[words[0]] = Listed(words[1], words[2] == _LEFT[0])
    raise ConfigError("the list is cut: have it written again")


def reconcile(db: Database, archive: Archive, site: str, listed: Mapping[str, Listed]) -> Reconciled:
    """Compare a site's list with index and archive; files are looked for, and not read. Raises ``OSError``."""
    missing: dict[str, Listed] = {}
    withdrawn = 0
    for sops in _parts(listed):
        places = whereabouts(db, (Place(site, "", "", sop) for sop in sops))
        known = kept(db, ((site, sop) for sop in sops))
        gone = withdrawn_instances(db, site, [sop for sop in sops if (site, sop) not in places])
        withdrawn += len(gone)
        for sop in sops:
            place = places.get((site, sop))
            whole = place is not None and known[site, sop].seen != DOUBTED and archive.fingerprint(place)
            if not whole and sop not in gone:
                missing[sop] = listed[sop]
    here = (sop for (sop,) in ask(db, "SELECT sop_instance_uid FROM instance WHERE site_id = ?", site))
    return Reconciled(missing, tuple(sorted(sop for sop in here if sop not in listed)), withdrawn)


def wrong_here(db: Database, site: str) -> list[str]:
    """What was filed and is known to be here no more as it was, without a list."""
    sql = "SELECT sop_instance_uid FROM instance WHERE site_id = ? AND seen < 0 ORDER BY sop_instance_uid"
    return [sop for (sop,) in ask(db, sql, site)]


def _parts(sops: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(sops)
    while part := list(islice(rest, _AT_ONCE)):
        yield part
