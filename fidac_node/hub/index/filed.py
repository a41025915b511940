"""What the index says of the archive's files, folder by folder; and which of them were found to be wrong."""

from __future__ import annotations

from typing import Final, NamedTuple

from peewee import Database

from fidac_node.hub.archive import Place
from fidac_node.hub.digests import Filed
from fidac_node.hub.index.models import Instance
from fidac_node.hub.index.record import DOUBTED
from fidac_node.system.database import ask, change, exclusive

_SERIES: Final = "FROM series JOIN study ON study.id = series.study_id"
_INSTANCES: Final = "FROM instance JOIN series ON series.id = instance.series_id JOIN study ON study.id = study_id"
# What stands below nothing, a site, a study.
_NAMES: Final = (
    "SELECT id FROM site",
    "SELECT study_instance_uid FROM study WHERE site_id = ?",
    f"SELECT series_instance_uid {_SERIES} WHERE site_id = ? AND study_instance_uid = ?",
)
_FILES: Final = (
    f"SELECT sop_instance_uid, instance.id, digest, instance.bytes, seen {_INSTANCES} "
    "WHERE study.site_id = ? AND study_instance_uid = ? AND series_instance_uid = ?"
)
_WRONG: Final = (
    f"SELECT study.site_id, study_instance_uid, series_instance_uid, sop_instance_uid {_INSTANCES} "
    "WHERE instance.seen < 0 ORDER BY instance.id"
)


class File(NamedTuple):
    """A file as the index has it: the number of its row, what was filed, and whether it was found to be wrong."""

    number: int
    filed: Filed
    doubted: bool


def names(db: Database, *above: str) -> list[str]:
    """What stands below a site or a study; the sites without one."""
    return [name for (name,) in ask(db, _NAMES[len(above)], *above)]


def files(db: Database, *series: str) -> dict[str, File]:
    """The files of a series (site, study, series), by SOPInstanceUID."""
    return {
        sop: File(int(number), Filed(digest, int(size)), int(seen) < 0)
        for sop, number, digest, size, seen in ask(db, _FILES, *series)
    }


def doubt(db: Database, number: int) -> None:
    """A file was found to be wrong: it is read before the hub answers for it."""
    _set(db, number, DOUBTED)


def trust(db: Database, number: int) -> None:
    """A file is what was filed, again."""
    _set(db, number, 0)


def wrong(db: Database) -> list[Place]:
    """The objects whose files were found to be wrong, and were not replaced since."""
    return [Place(*row) for row in ask(db, _WRONG)]


def archived_bytes(db: Database) -> int:
    """How large all files of the archive are together."""
    return int(ask(db, "SELECT SUM(bytes) FROM study")[0][0] or 0)


def _set(db: Database, number: int, seen: int) -> None:
    with exclusive(db):
        change(db, Instance, number, {"seen": ("?", [seen])})
