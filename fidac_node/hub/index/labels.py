"""What was said of objects that are filed: by the site's node, by people who brought the same again. Nothing is lost.

The label that says most stands in the rows of instance, series and study, whichever came first, as among the instances
of a series. What is rebuilt keeps the history, and applies it again.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from peewee import Database

from fidac_node.dicom import marks
from fidac_node.hub.index.models import Instance, LabelHistory, Series, Study, label_bit
from fidac_node.system.database import ask, change, exclusive

_MOST_VALUES: Final = 5000


class Said(NamedTuple):
    """A label of an object that is filed with another one, in a data set of this digest."""

    site: str
    study: str
    sop: str
    label: str
    label_source: str
    digest: str
    at: datetime.datetime


class Entry(NamedTuple):
    """What was said of ``objects`` of a study at a moment (UTC), by whom (empty: by the site's node).

    ``replaced`` is the label that stood before, if this one took its place.
    """

    at: datetime.datetime
    label: str
    label_source: str
    who: str
    replaced: str
    objects: int


def strength(label: str, source: str) -> tuple[int, str]:
    """Of several labels the least stands for the series and the study: the one that says most (``marks.LABELS``)."""
    return marks.LABELS.index(label), source


def note_labels(db: Database, some: Sequence[Said]) -> None:
    """Write down what else was said of objects that are filed; what is known stays as it is."""
    with exclusive(db):
        for one in some:
            same = (LabelHistory.site == one.site) & (LabelHistory.sop_instance_uid == one.sop)
            same &= (LabelHistory.label == one.label) & (LabelHistory.label_source == one.label_source)
            if LabelHistory.select().where(same).exists(db):
                continue
            replaced = _apply(db, one.site, one.sop, one.label, one.label_source)
            LabelHistory.insert(
                site=one.site,
                study=one.study,
                sop_instance_uid=one.sop,
                label=one.label,
                label_source=one.label_source,
                digest=one.digest,
                who=_who_brought(db, one.site, one.digest),
                at=one.at,
                replaced=replaced,
            ).execute(db)


def claim_labels(db: Database, who: str, site: str, digests: Iterable[str]) -> None:
    """Note who brought these, where that was not known when they were filed. In a transaction."""
    wanted = sorted(set(digests))
    for start in range(0, len(wanted), _MOST_VALUES):
        some = LabelHistory.digest.in_(wanted[start : start + _MOST_VALUES])
        LabelHistory.update(who=who).where(LabelHistory.site == site, LabelHistory.who == "", some).execute(db)


def apply_again(db: Database, site: str = "", studies: Iterable[str] = ()) -> None:
    """Let what was said stand again in rows that were made anew from files; of all, or of these studies of a site."""
    sql = "SELECT site, sop_instance_uid, label, label_source FROM label_history"
    wanted = [(f"{sql} WHERE site = ? AND study = ?", (site, study)) for study in studies] if site else [(sql, ())]
    for question, values in wanted:
        for row in ask(db, question, *values):
            _apply(db, *map(str, row))


def history(db: Database, site: str, study: str) -> list[Entry]:
    """What else was said of a study than its objects say, in order."""
    sql = """SELECT MIN(at), label, label_source, who, replaced, COUNT(*) FROM label_history
        WHERE site = ? AND study = ? GROUP BY label, label_source, who, replaced ORDER BY 1, 2, 3"""
    return [Entry(_moment(at), *rest) for at, *rest in ask(db, sql, site, study)]


def _apply(db: Database, site: str, sop: str, label: str, source: str) -> str:
    """Let a label stand, if it says more than the one that does; return that one, or nothing."""
    sql = """SELECT instance.id, instance.label, instance.label_source, series.id, study.id FROM instance
        JOIN series ON series.id = series_id JOIN study ON study.id = study_id
        WHERE instance.site_id = ? AND sop_instance_uid = ?"""
    found = ask(db, sql, site, sop)
    if not found:
        return ""
    instance, before, before_source, series, study = found[0]
    if strength(label, source) >= strength(before, before_source):
        return ""
    values = {"label": ("?", [label]), "label_source": ("?", [source])}
    change(db, Instance, instance, values)
    bits = (label_bit(one) for (one,) in ask(db, "SELECT DISTINCT label FROM instance WHERE series_id = ?", series))
    change(db, Series, series, {"labels": ("?", [reduce(or_, bits, 0)])})
    _raise(db, Series, series, label, source)
    _raise(db, Study, study, label, source)
    return str(before)


def _raise(db: Database, model: type[Series | Study], number: int, label: str, source: str) -> None:
    table = "series" if model is Series else "study"
    ((before, before_source),) = ask(db, f"SELECT label, label_source FROM {table} WHERE id = ?", number)
    if strength(label, source) < strength(before, before_source):
        change(db, model, number, {"label": ("?", [label]), "label_source": ("?", [source])})


def _who_brought(db: Database, site: str, digest: str) -> str:
    sql = """SELECT who FROM upload_object JOIN upload_session ON upload_session.id = upload_object.session
        WHERE upload_object.site = ? AND digest = ?"""
    found = ask(db, sql, site, digest)
    return str(found[0][0]) if found else ""


def _moment(value: datetime.datetime | str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
