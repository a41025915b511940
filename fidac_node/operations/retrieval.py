"""The objects of a study, a series or one instance, as the archive has them: what a filter finds, and where it lies."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from fidac_node.errors import NotFound
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.query import find
from fidac_node.hub.index.rows import InstanceRow

if TYPE_CHECKING:
    from peewee import Database


class Stored(NamedTuple):
    """One object of the archive: where it belongs, its file and the size of that in bytes, its transfer syntax."""

    place: Place
    path: Path
    size: int
    transfer_syntax_uid: str


def stored(db: Database, archive: Archive, wanted: StudyFilter) -> list[Stored]:
    """Return all objects that match, in the order of the index; none when nothing does.

    Raises :class:`NotFound` when the archive lacks one that the index has: what is promised whole is not given in part.
    """
    with closing(find(db, "instances", wanted)) as rows:
        return [_located(archive, cast("InstanceRow", row)) for row in rows]


def _located(archive: Archive, row: InstanceRow) -> Stored:
    place = Place(row.site, row.StudyInstanceUID, row.SeriesInstanceUID, row.SOPInstanceUID)
    path = archive.path(place)
    try:
        return Stored(place, path, path.stat().st_size, row.TransferSyntaxUID)
    except FileNotFoundError:
        raise NotFound(f"{path} is in the index and not in the archive") from None
