"""Rows about what a newer version replaced: the older instance goes out of the index, the newer comes in.

What its series and its study say follows, but for ``lost``, of which no row tells whose it was: it may say more than
the newer one lost.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from peewee import Database

from fidac_node.hub.archive import Place
from fidac_node.hub.index.labels import strength
from fidac_node.hub.index.models import Instance, Patient, Series, Study, Superseded
from fidac_node.hub.index.record import Description, record
from fidac_node.system.database import ask, change, exclusive, utc_now

# After every instance that a study or series may have been read from: the next one is read.
_AFTER_ALL: Final = "~"
_TOGETHER: Final = datetime.timedelta(hours=1)


class Replacement(NamedTuple):
    """A newer version, and where the older one with this ``digest`` was."""

    new: Description
    old: Place
    digest: str


class Correction(NamedTuple):
    """So many ``instances`` of a study were replaced by a ``version``, which the older outlive ``until`` then (UTC)."""

    at: datetime.datetime
    version: int
    instances: int
    until: datetime.datetime


def record_newer(db: Database, replaced: Sequence[Replacement], days: float) -> None:
    """Let newer versions stand in the index for the older, whose files are kept aside for so many ``days``."""
    now = utc_now()
    until = now + datetime.timedelta(days=days)
    with exclusive(db):
        for one in replaced:
            _forget(db, one.old)
        # Of one that was corrected twice in one batch the last one stands.
        record(db, list({(one.new.place.site, one.new.place.sop): one.new for one in replaced}.values()))
        _relabel(db, {one.new.place[:3] for one in replaced} | {one.old[:3] for one in replaced})
        for new, old, digest in replaced:
            Superseded.insert(
                site=old.site,
                study=new.place.study,
                sop_instance_uid=old.sop,
                digest=digest,
                version=new.version,
                at=now,
                until=until,
            ).execute(db)


def corrections(db: Database, site: str, study: str) -> list[Correction]:
    """How a study of a site was corrected, the first time first; what came within an hour came together."""
    sql = "SELECT at, version, until FROM superseded WHERE site = ? AND study = ? ORDER BY version, at"
    found: list[Correction] = []
    for at, version, until in ask(db, sql, site, study):
        one = Correction(_moment(at), int(version), 1, _moment(until))
        if found and found[-1].version == one.version and one.at - found[-1].at < _TOGETHER:
            found[-1] = found[-1]._replace(instances=found[-1].instances + 1, until=one.until)
        else:
            found.append(one)
    return sorted(found)


def _moment(value: datetime.datetime | str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(value) if isinstance(value, str) else value


def _forget(db: Database, place: Place) -> None:
    """Take one instance out of the sums of its series and study; what is empty then goes."""
    sql = """SELECT instance.id, instance.bytes, series.id, series.read_from, study.id, study.read_from, patient_id
        FROM instance JOIN series ON series.id = series_id JOIN study ON study.id = study_id
        WHERE instance.site_id = ? AND sop_instance_uid = ?"""
    for number, size, series, of_series, study, of_study, patient in ask(db, sql, place.site, place.sop):
        Instance.delete().where(Instance.id == number).execute(db)
        for model, row, read_from in ((Series, series, of_series), (Study, study, of_study)):
            first = _AFTER_ALL if read_from.endswith(f":{place.sop}") else read_from
            change(
                db,
                model,
                row,
                {"instances": ("instances - 1", []), "bytes": ("bytes - ?", [size]), "read_from": ("?", [first])},
            )
        if Series.delete().where(Series.id == series, Series.instances == 0).execute(db):
            change(db, Study, study, {"series": ("series - 1", [])})
        if Study.delete().where(Study.id == study, Study.instances == 0).execute(db):
            alone = Patient.id.not_in(Study.select(Study.patient))
            Patient.delete().where(Patient.id == patient, alone).execute(db)


def _relabel(db: Database, places: Iterable[tuple[str, ...]]) -> None:
    """Let series and studies say what their instances say: a label that was corrected away is gone."""
    for site, study, series in sorted(places):
        sql = """SELECT series.id, study.id FROM series JOIN study ON study.id = study_id
            WHERE site_id = ? AND study_instance_uid = ? AND series_instance_uid = ?"""
        for number, of_study in ask(db, sql, site, study, series):
            for model, row, among in (
                (Series, number, "series_id = ?"),
                (Study, of_study, "series_id IN (SELECT id FROM series WHERE study_id = ?)"),
            ):
                said = ask(db, f"SELECT DISTINCT label, label_source FROM instance WHERE {among}", row)
                label, source = min(((str(one), str(other)) for one, other in said), key=lambda one: strength(*one))
                change(db, model, row, {"label": ("?", [label]), "label_source": ("?", [source])})
