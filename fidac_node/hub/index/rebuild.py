"""The index made anew from the archive: after the loss of the database, or to be sure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from peewee import Database, DataError, IntegrityError, chunked

from fidac_node.errors import Permanent
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.digests import Filed
from fidac_node.hub.index.duplicates import pixels_kept
from fidac_node.hub.index.generation import begin
from fidac_node.hub.index.labels import apply_again
from fidac_node.hub.index.migrations import prepare
from fidac_node.hub.index.models import OBJECTS, Site
from fidac_node.hub.index.ownership import claim_file
from fidac_node.hub.index.record import Description, describe, record, whereabouts, withdrawals
from fidac_node.system import broken, locks
from fidac_node.system.database import exclusive, utc_now

_BATCH: Final = 500
# What no file of the archive tells.
_KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "site": ("id",),
    "tally": ("name",),
    "held": ("entry",),
    "arrival": ("id",),
    "commitment": ("id",),
    "superseded": ("id",),
    "alias": ("site_id", "pseudonym"),
    "withdrawn": ("site_id", "kind", "name", "withdrawal"),
    "withdrawn_instance": ("site_id", "sop_instance_uid"),
    "upload_session": ("id",),
    "upload_object": ("site", "sha256"),
    "upload_receipt": ("id",),
    "upload_result": ("site", "study", "receipt"),
    "upload_key": ("site", "programme"),
    "label_history": ("site", "sop_instance_uid", "label", "label_source"),
}


@dataclass
class Reindexed:
    """What a rebuild found: objects indexed, files that could not be (and why), sites without an AE title.

    ``registered`` are those that got theirs back. ``set_aside`` is where a broken index is now. ``withdrawn`` says
    by which withdrawal objects were left out, by site, StudyInstanceUID and pseudonym.
    """

    indexed: int = 0
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    unregistered: list[str] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)
    set_aside: Path | None = None
    withdrawn: dict[tuple[str, str, str], str] = field(default_factory=dict)


def reindex(
    archive: Archive, db: Database, progress: Callable[[int], None] = lambda _: None, *, limit: int = 4 << 30
) -> Reindexed:
    """Replace all rows about objects by what the archive's files say, in one transaction; sites and held rows stay.

    Another generation of the index begins, by which the sites learn that they must ask again.
    Of the times of reception only the week comes back, because the files tell no more; files of before are set to
    theirs. Whoever asks meanwhile sees the rows as they were; the hub's filing waits. ``progress`` is told after each
    batch how many files were read; ``limit`` (bytes) bounds what a deflated object may inflate to. Raises
    ``OSError`` and ``peewee.PeeweeException``; the index then is as it was.
    """
    result = Reindexed()
    done = 0
    with exclusive(db, long=True), pixels_kept(db):
        for model in reversed(OBJECTS):
            if model is not Site:
                model.delete().execute(db)
        begin(db)
        for batch in chunked(archive.walk(), _BATCH):
            _take_in(archive, db, batch, limit, result)
            done += len(batch)
            progress(done)
        apply_again(db)
        result.unregistered = [
            row[0] for row in Site.select(Site.id).where(Site.ae_title.is_null()).order_by(Site.id).tuples().execute(db)
        ]
    return result


def take_in(archive: Archive, db: Database, site: str, studies: Sequence[str], *, limit: int = 4 << 30) -> Reindexed:
    """Index what the archive has of these studies of a site, and the index has not. Raises as :func:`reindex`."""
    result = Reindexed()
    found = (
        Place(site, study, series, sop)
        for study in studies
        for series in archive.names(site, study)
        for sop in archive.names(site, study, series)
    )
    with exclusive(db, long=True):
        for batch in chunked(((place, archive.path(place)) for place in found), _BATCH):
            _take_in(archive, db, batch, limit, result)
        apply_again(db, site, studies)
    return result


def _take_in(archive: Archive, db: Database, batch: list[tuple[Place, Path]], limit: int, result: Reindexed) -> None:
    _ensure_sites(db, {place.site for place, _ in batch})
    archive.coarsen(place for place, _ in batch)
    descriptions = list(_described(archive, batch, limit, result))
    archive.note({new.place: Filed(new.digest, new.bytes) for new in descriptions})
    archive.describe({new.place: new.digest for new in descriptions}, limit=limit, anew=True)
    _record(db, descriptions, archive, result)


def replace_broken(
    archive: Archive,
    path: Path,
    open_at: Callable[[Path], Database],
    progress: Callable[[int], None] = lambda _: None,
    *,
    limit: int = 4 << 30,
) -> Reindexed:
    """As :func:`reindex`, into a new file, which then takes the place of the broken one; that is set aside.

    Sites are carried over as far as they can be read. ``open_at`` opens the database in a file. Raises
    :class:`ConfigError` while a hub has the index, and as :func:`reindex`; the broken file then is where it was.
    """
    lock = claim_file(path)
    new = path.with_name(f"{path.name}.new")
    try:
        for leftover in path.parent.glob(f"{new.name}*"):
            leftover.unlink()
        db = open_at(new)
        prepare(db)
        broken.carry_over(path, new, _KEPT)
        # Whole before it has the name: a hub with half an index would tell sites that it lost their objects.
        result = reindex(archive, db, progress, limit=limit)
        db.close()
        result.set_aside = broken.replace(path, new)
    finally:
        locks.release(lock)
    return result


def _described(
    archive: Archive, batch: Iterable[tuple[Place, Path]], limit: int, result: Reindexed
) -> Iterator[Description]:
    """What the files say of themselves, and what was filed says of them: a file may have changed since."""
    for place, path in batch:
        try:
            description = describe(path, place.site, limit=limit)
        except Permanent as error:
            result.skipped.append((path, str(error)))
            continue
        if description.place == place:
            filed = archive.filed(place) or archive.measured(place)
            yield replace(description, digest=filed.digest, bytes=filed.size)
        else:
            result.skipped.append((path, "its UIDs are not those that its path says"))


def _record(db: Database, descriptions: list[Description], archive: Archive, result: Reindexed) -> None:
    try:
        result.indexed += record(db, descriptions)
    except (DataError, IntegrityError) as error:
        if len(descriptions) > 1:
            # One of them is bad: the others must not be left out for it.
            for description in descriptions:
                _record(db, [description], archive, result)
            return
        result.skipped.append((archive.path(descriptions[0].place), f"the index refuses it: {error}"))
    result.withdrawn |= withdrawals(db, descriptions)
    indexed = whereabouts(db, (description.place for description in descriptions))
    for place in (description.place for description in descriptions):
        if indexed.get((place.site, place.sop), place) != place:
            result.skipped.append((archive.path(place), "its SOPInstanceUID is indexed from another study or series"))


def _ensure_sites(db: Database, names: set[str]) -> None:
    """A site that is known only by its folder comes back without an AE title.

    Who may store is an administrator's word.
    """
    for name in sorted(names):
        Site.insert(id=name, added_at=utc_now()).on_conflict_ignore().execute(db)
