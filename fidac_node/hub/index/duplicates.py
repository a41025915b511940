"""Exams that are there twice, under two sites or two UIDs: known by their pixels, never merged, never dropped."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations, groupby
from typing import Any, Final, NamedTuple

from peewee import Database, fn

from fidac_node.hub.archive import Place
from fidac_node.hub.index.models import Instance, Series
from fidac_node.hub.pixels import UNKNOWN, UNREADABLE
from fidac_node.system.database import ask, change, exclusive, snapshot, statements, stream

# An image that more studies share says nothing of an exam: a logo, a phantom, an empty picture with a frame.
MOST_STUDIES: Final = 20

_PLACE: Final = "study.site_id, study_instance_uid, series_instance_uid, sop_instance_uid"
_JOINED: Final = "FROM instance JOIN series ON series.id = series_id JOIN study ON study.id = study_id"
_OF_SERIES: Final = "FROM instance JOIN series ON series.id = series_id"
_STUDIES: Final = """SELECT study.id, study.site_id, pseudonym, study_instance_uid, date, instances
    FROM study JOIN patient ON patient.id = patient_id WHERE study.id IN ?"""
_COUNTS: Final = """SELECT CASE WHEN LENGTH(pixels) > 1 THEN '+' ELSE pixels END AS kind, COUNT(*)
    FROM instance GROUP BY kind"""
_MOST_VALUES: Final = 5000


class Duplicate(NamedTuple):
    """Two studies that have images in common: ``images`` of them, of ``instances`` and ``other_instances``."""

    images: int
    site: str
    PatientID: str
    StudyInstanceUID: str
    StudyDate: datetime.date | None
    instances: int
    other_site: str
    other_PatientID: str
    other_StudyInstanceUID: str
    other_StudyDate: datetime.date | None
    other_instances: int


class Compared(NamedTuple):
    """How many images can be compared, how many were not looked at yet, and how many nobody can decode here."""

    known: int
    unknown: int
    unreadable: int


def duplicates(db: Database, site: str = "") -> list[Duplicate]:
    """The pairs of studies that have images in common, most first; one of each pair is of ``site``, if given."""
    with snapshot(db):
        common: Counter[tuple[int, int]] = Counter()
        for studies in _sharing(db):
            if len(studies) <= MOST_STUDIES:
                common.update(combinations(sorted(studies), 2))
        named = _named(db, sorted({study for pair in common for study in pair}))
    pairs = ((images, sorted((named[one], named[other]), key=_order)) for (one, other), images in common.items())
    found = [Duplicate(images, *one, *other) for images, (one, other) in pairs if site in ("", one[0], other[0])]
    return sorted(found, key=lambda pair: (-pair.images, pair.site, pair.StudyInstanceUID, pair.other_StudyInstanceUID))


def duplicates_of(db: Database, site: str, study_uid: str) -> list[Duplicate]:
    """The pairs of this study with others that have images in common with it, most first; it is the first of each.

    Quicker than :func:`duplicates` by as much as the index is larger than the study.
    """
    sql = f"SELECT DISTINCT study.id, pixels {_JOINED} WHERE study.site_id = ? AND study_instance_uid = ?"
    with snapshot(db):
        own = ask(db, f"{sql} AND LENGTH(pixels) > 1", site, study_uid)
        if not own:
            return []
        study, images, sharing = own[0][0], [pixels for _, pixels in own], defaultdict[str, set[int]](set)
        for start in range(0, len(images), _MOST_VALUES):
            others = f"SELECT DISTINCT pixels, study_id {_OF_SERIES} WHERE pixels IN ? AND study_id <> ?"
            for pixels, other in ask(db, others, images[start : start + _MOST_VALUES], study):
                sharing[pixels].add(other)
        common = Counter(other for studies in sharing.values() if len(studies) < MOST_STUDIES for other in studies)
        named = _named(db, [study, *common])
    found = [Duplicate(number, *named[study], *named[other]) for other, number in common.items()]
    return sorted(found, key=lambda pair: (-pair.images, pair.other_site, pair.other_StudyInstanceUID))


def compared(db: Database) -> Compared:
    """How many images can be compared."""
    counts = dict(ask(db, _COUNTS))
    return Compared(int(counts.get("+", 0)), int(counts.get(UNKNOWN, 0)), int(counts.get(UNREADABLE, 0)))


def not_looked_at(db: Database, limit: int) -> list[tuple[int, Place]]:
    """Instances of which nobody knows the pixels yet, ``limit`` at most."""
    rows = ask(db, f"SELECT instance.id, {_PLACE} {_JOINED} WHERE pixels = ? LIMIT ?", UNKNOWN, limit)
    return [(int(number), Place(*place)) for number, *place in rows]


def note_pixels(db: Database, known: Mapping[int, str]) -> None:
    """Write down the sums of the pixels of these instances."""
    with exclusive(db):
        for number, pixels in known.items():
            change(db, Instance, number, {"pixels": ("?", [pixels])})


@contextmanager
def pixels_kept(db: Database) -> Iterator[None]:
    """Let instances that the block writes anew have the sums that they had, where their digests are those of before.

    In a transaction: to look at all pixels again takes days.
    """
    statements(
        "CREATE TEMPORARY TABLE pixels_before AS SELECT site_id, sop_instance_uid, digest, pixels "
        f"FROM instance WHERE LENGTH(pixels) > 0 AND pixels <> '{UNREADABLE}' AND digest <> ''",
        "CREATE INDEX pixels_before_uid ON pixels_before (sop_instance_uid)",
    )(db)
    yield
    statements(
        """UPDATE instance SET pixels = COALESCE((SELECT before.pixels FROM pixels_before AS before
            WHERE before.sop_instance_uid = instance.sop_instance_uid AND before.site_id = instance.site_id
            AND before.digest = instance.digest), '')""",
        "DROP TABLE pixels_before",
    )(db)


def _sharing(db: Database) -> Iterator[set[int]]:
    """The studies of each image that several instances have."""
    several = Instance.select(Instance.pixels).where(fn.LENGTH(Instance.pixels) > 1).group_by(Instance.pixels)
    shared = several.having(fn.COUNT(Instance.id) > 1)
    query = Instance.select(Instance.pixels, Series.study.alias("study")).join(Series)
    rows = stream(db, query.where(Instance.pixels.in_(shared)).order_by(Instance.pixels))
    for _, group in groupby(rows, key=lambda row: row["pixels"]):
        yield {row["study"] for row in group}


def _named(db: Database, studies: list[int]) -> dict[int, tuple[Any, ...]]:
    """What a :class:`Duplicate` says of each study."""
    found: dict[int, tuple[Any, ...]] = {}
    for start in range(0, len(studies), _MOST_VALUES):
        for number, *said in ask(db, _STUDIES, studies[start : start + _MOST_VALUES]):
            said[3] = datetime.date.fromisoformat(said[3]) if isinstance(said[3], str) else said[3]
            found[number] = tuple(said)
    return found


def _order(study: tuple[Any, ...]) -> tuple[str, str]:
    return str(study[0]), str(study[2])
