"""What was withdrawn, as rows: taken out of every answer, and refused when it comes again.

The files of :mod:`fidac_node.hub.keeping.tombstones` decide; these rows are for asking.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from peewee import Database, PeeweeException

from fidac_node.errors import Permanent, Temporary
from fidac_node.hub.index.generation import never_older
from fidac_node.hub.index.models import Instance, Patient, Series, Study, Withdrawn, WithdrawnInstance
from fidac_node.system.database import ask, borrowed, exclusive, insert

log = logging.getLogger(__name__)

T = TypeVar("T")

SITE: Final = "site"
PATIENT: Final = "patient"
STUDY: Final = "study"

_MOST_VALUES: Final = 5000
_FRESH_SECONDS: Final = 1.0


class Target(NamedTuple):
    """What is withdrawn of a site: studies by UID, patients by pseudonym, or all of it."""

    site: str
    studies: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    whole: bool = False


class Found(NamedTuple):
    """A study that a withdrawal is about."""

    site: str
    PatientID: str
    StudyInstanceUID: str
    StudyDate: datetime.date | None
    series: int
    instances: int
    bytes: int


class Registered(NamedTuple):
    """What may not come again, by (site, name), as the daemon asks it; and a mark that changes with it."""

    sites: frozenset[str] = frozenset()
    studies: frozenset[tuple[str, str]] = frozenset()
    mark: str = ""


def studies_of(db: Database, target: Target) -> list[Found]:
    """The studies in the index that a target is about, by patient and date."""
    named = [
        *(Study.study_instance_uid.in_(list(part)) for part in _parts(target.studies)),
        *(Patient.pseudonym.in_(list(part)) for part in _parts(target.patients)),
        *([Study.site == target.site] if target.whole else []),
    ]
    columns = (Study.site, Patient.pseudonym, Study.study_instance_uid, Study.date)
    counts = (Study.series, Study.instances, Study.bytes)
    found = {
        Found(*row)
        for condition in named
        for row in Study.select(*columns, *counts)
        .join(Patient)
        .where(Study.site == target.site, condition)
        .tuples()
        .execute(db)
    }
    return sorted(found, key=lambda one: (one.PatientID, str(one.StudyDate), one.StudyInstanceUID))


def sites_with(db: Database, kind: str, name: str) -> list[str]:
    """The sites that have a study or a patient of this name in the index; the site of this name."""
    sql = {
        SITE: "SELECT id FROM site WHERE id = ?",
        PATIENT: "SELECT DISTINCT site_id FROM patient WHERE pseudonym = ?",
        STUDY: "SELECT DISTINCT site_id FROM study WHERE study_instance_uid = ?",
    }[kind]
    return sorted(site for (site,) in ask(db, sql, name))


def targets(db: Database) -> dict[str, Target]:
    """What the rows say that each withdrawal is about."""
    found: dict[str, Target] = {}
    for withdrawal, site, kind, name in ask(db, "SELECT withdrawal, site_id, kind, name FROM withdrawn"):
        one = found.get(withdrawal, Target(site))
        found[withdrawal] = Target(
            site,
            (*one.studies, name) if kind == STUDY else one.studies,
            (*one.patients, name) if kind == PATIENT else one.patients,
            one.whole or kind == SITE,
        )
    return found


def enter(db: Database, withdrawal: str, target: Target) -> None:
    """Let nothing of a target come again. In a transaction."""
    names = [(SITE, target.site)] * target.whole
    names += [(PATIENT, name) for name in target.patients] + [(STUDY, name) for name in target.studies]
    for kind, name in names:
        row = {"site_id": target.site, "kind": kind, "name": name, "withdrawal": withdrawal}
        Withdrawn.insert(**row).on_conflict_ignore().execute(db)


def leave(db: Database, withdrawal: str) -> None:
    """Let it come again. In a transaction."""
    for model in (Withdrawn, WithdrawnInstance):
        model.delete().where(model.withdrawal == withdrawal).execute(db)


def note_instances(db: Database, withdrawal: str, site: str, sops: Sequence[str]) -> None:
    """Write down instances of which commitment is told that they were withdrawn."""
    for part in _parts(sops):
        there = {
            sop
            for (sop,) in ask(
                db,
                "SELECT sop_instance_uid FROM withdrawn_instance WHERE site_id = ? AND sop_instance_uid IN ?",
                site,
                list(part),
            )
        }
        rows = [(site, sop, withdrawal) for sop in part if sop not in there]
        insert(db, WithdrawnInstance, ("site_id", "sop_instance_uid", "withdrawal"), rows)


def withdrawn_instances(db: Database, site: str, sops: Sequence[str]) -> set[str]:
    """Which of these instances of a site were withdrawn."""
    if sops and ask(db, "SELECT 1 FROM withdrawn WHERE site_id = ? AND kind = ?", site, SITE):
        return set(sops)
    sql = "SELECT sop_instance_uid FROM withdrawn_instance WHERE site_id = ? AND sop_instance_uid IN ?"
    return {sop for part in _parts(sops) for (sop,) in ask(db, sql, site, list(part))}


def withdrawal_of(db: Database, site: str, study: str, pseudonym: str) -> str:
    """By which withdrawal an object of this study and patient may not come again; empty: it may."""
    sql = """SELECT withdrawal FROM withdrawn WHERE site_id = ?
        AND (kind = 'site' OR (kind = 'study' AND name = ?) OR (kind = 'patient' AND name = ?))"""
    found = ask(db, sql, site, study, pseudonym)
    return str(found[0][0]) if found else ""


def any_withdrawn(db: Database) -> bool:
    """Whether anything at all may not come again: mostly nothing, and nothing more is asked."""
    return bool(ask(db, "SELECT 1 FROM withdrawn LIMIT 1"))


def registered(db: Database, before: Registered) -> Registered:
    """What may not come again; ``before`` if that has not changed."""
    (number, latest), *_ = ask(db, "SELECT COUNT(*), MAX(withdrawal) FROM withdrawn")
    mark = f"{number} {latest}"
    if mark == before.mark:
        return before
    rows = ask(db, "SELECT site_id, kind, name FROM withdrawn WHERE kind <> ?", PATIENT)
    return Registered(
        frozenset(site for site, kind, _ in rows if kind == SITE),
        frozenset((site, name) for site, kind, name in rows if kind == STUDY),
        mark,
    )


def take_out(db: Database, target: Target) -> tuple[list[Found], list[str]]:
    """Take all rows of a target out of the index, in one transaction; return its studies and its instances."""
    with exclusive(db, long=True), never_older(db):
        found = studies_of(db, target)
        sops: list[str] = []
        for part in _parts([one.StudyInstanceUID for one in found]):
            studies = [
                number
                for (number,) in ask(
                    db, "SELECT id FROM study WHERE site_id = ? AND study_instance_uid IN ?", target.site, list(part)
                )
            ]
            series = [number for (number,) in ask(db, "SELECT id FROM series WHERE study_id IN ?", studies)]
            for numbers in map(list, _parts(series)):
                sops += [
                    sop for (sop,) in ask(db, "SELECT sop_instance_uid FROM instance WHERE series_id IN ?", numbers)
                ]
                Instance.delete().where(Instance.series.in_(numbers)).execute(db)
                Series.delete().where(Series.id.in_(numbers)).execute(db)
            Study.delete().where(Study.id.in_(studies)).execute(db)
        if found:
            alone = Patient.id.not_in(Study.select(Study.patient))
            Patient.delete().where(Patient.site == target.site, alone).execute(db)
    return found, sops


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one SQL statement takes."""
    return (values[start : start + _MOST_VALUES] for start in range(0, len(values), _MOST_VALUES))


class Refusals:
    """What may not come again, as the daemon asks it for every object; a second behind at most.

    While the database is away the last answer stands.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._known: Registered | None = None
        self._asked = 0.0

    def demand(self, site: str, study: str) -> None:
        """Raise :class:`Permanent` ``withdrawn`` for what may not come again, of a study of a site.

        Raises :class:`Temporary` when that was never known.
        """
        with self._lock:
            if self._known is None or time.monotonic() - self._asked > _FRESH_SECONDS:
                self._known = self._refreshed()
            known = self._known
        if site in known.sites or (site, study) in known.studies:
            raise Permanent("withdrawn", "it was withdrawn at the hub, which takes it no more")

    def _refreshed(self) -> Registered:
        self._asked = time.monotonic()
        try:
            with borrowed(self._db):
                return registered(self._db, self._known or Registered())
        except PeeweeException as error:
            if self._known is None:
                raise Temporary(f"the index cannot be read: {error}") from error
            log.warning("the index cannot be read, what was known to be withdrawn goes on: %s", error)
            return self._known
