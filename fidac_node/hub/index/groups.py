"""How much there is of each kind: rows that match, counted by site, label, kernel, month and the like."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from peewee import JOIN, Database, SqliteDatabase, fn

from fidac_node.errors import ConfigError
from fidac_node.hub.index.matching import StudyFilter, of_instances, of_portions, of_series, of_studies, of_week
from fidac_node.hub.index.models import Instance, Patient, Profile, Series, Study
from fidac_node.hub.index.order import week
from fidac_node.hub.index.rows import LEVELS
from fidac_node.hub.weeks import iso_week
from fidac_node.system.database import snapshot, stream

COUNTS: Final = ("patients", "studies", "series", "instances", "bytes")


class _Key(NamedTuple):
    """What rows are grouped by: the first level that has it, its column, of a database and a model, and its type."""

    level: str
    column: Callable[[Database, Any], Any]
    kind: type = str


_MODELS: Final[Mapping[str, Any]] = {"patients": Study, "studies": Study, "series": Series, "instances": Instance}


def _month(db: Database, column: Any) -> Any:
    return fn.STRFTIME("%Y-%m", column) if isinstance(db, SqliteDatabase) else fn.TO_CHAR(column, "YYYY-MM")


def _year(db: Database, column: Any) -> Any:
    return fn.STRFTIME("%Y", column) if isinstance(db, SqliteDatabase) else fn.TO_CHAR(column, "YYYY")


_KEYS: Final[Mapping[str, _Key]] = {
    "site": _Key("patients", lambda _db, _model: Study.site),
    "sex": _Key("patients", lambda _db, _model: Patient.sex),
    "programme": _Key("studies", lambda _db, _model: Study.programme),
    "age": _Key("studies", lambda _db, _model: Study.age_years / 10 * 10),
    "year": _Key("studies", lambda db, _model: _year(db, Study.date)),
    "month": _Key("studies", lambda db, _model: _month(db, Study.date)),
    "label": _Key("studies", lambda _db, model: model.label),
    "label-source": _Key("studies", lambda _db, model: model.label_source),
    "profile": _Key("studies", lambda _db, _model: Profile.name),
    "received-week": _Key("studies", lambda db, model: week(db, model.received_at)),
    "received-month": _Key("studies", lambda db, model: fn.SUBSTR(week(db, model.received_at), 1, 7)),
    "modality": _Key("series", lambda _db, _model: Series.modality),
    "body-part": _Key("series", lambda _db, _model: Series.body_part),
    "manufacturer": _Key("series", lambda _db, _model: Series.manufacturer),
    "model": _Key("series", lambda _db, _model: Series.model),
    "kernel": _Key("series", lambda _db, _model: Series.kernel),
    "kvp": _Key("series", lambda _db, _model: Series.kvp, float),
    "slice-thickness": _Key("series", lambda _db, _model: Series.slice_thickness, float),
    "contrast": _Key("series", lambda _db, _model: Series.contrast, bool),
    "sop-class": _Key("instances", lambda _db, _model: Instance.sop_class_uid),
    "transfer-syntax": _Key("instances", lambda _db, _model: Instance.transfer_syntax_uid),
}
KEYS: Final[Mapping[str, type]] = {name: key.kind for name, key in _KEYS.items()}


def count(db: Database, level: str, wanted: StudyFilter, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each combination of ``keys`` (of :data:`KEYS`) that occurs, with what there is of it, in order.

    Counted are the rows of ``level`` that match; by what a series or an instance says, those of them that say it, and
    a study in each of its groups. Raises :class:`ConfigError` for an unknown key.
    """
    if unknown := [key for key in keys if key not in _KEYS]:
        raise ConfigError(f"rows cannot be counted by {unknown[0]!r}; by these: {', '.join(KEYS)}")
    deepest = max([level, *(_KEYS[key].level for key in keys)], key=LEVELS.index)
    columns = {key: _KEYS[key].column(db, _MODELS[deepest]) for key in keys}
    query = _query(deepest, of_week(wanted), level, [column.alias(_name(key)) for key, column in columns.items()])
    query = query.group_by(*columns.values()).order_by(*columns.values())
    with snapshot(db):
        for row in stream(db, query):
            said = {key: _presented(key, row[_name(key)]) for key in keys}
            yield {**said, **{name: int(row[name] or 0) for name in COUNTS}}


def _query(deepest: str, wanted: StudyFilter, level: str, keys: list[Any]) -> Any:
    query: Any
    if deepest in ("patients", "studies"):
        sums = (fn.COUNT(Study.id), fn.SUM(Study.series), fn.SUM(Study.instances), fn.SUM(Study.bytes))
        query = Study.select(*keys, *_counted(*sums)).join(Patient)
        return query.join_from(Study, Profile, JOIN.LEFT_OUTER).where(*of_studies(wanted))
    studies, several = of_studies(wanted) if level in ("patients", "studies") else [], fn.COUNT(Study.id.distinct())
    if deepest == "series":
        sums = (several, fn.COUNT(Series.id), fn.SUM(Series.instances), fn.SUM(Series.bytes))
        query = Series.select(*keys, *_counted(*sums)).join(Study).join(Patient)
        return query.join_from(Series, Profile, JOIN.LEFT_OUTER).where(*studies, *of_series(wanted))
    sums = (several, fn.COUNT(Series.id.distinct()), fn.COUNT(Instance.id), fn.SUM(Instance.bytes))
    query = Instance.select(*keys, *_counted(*sums)).join(Series).join(Study).join(Patient)
    query = query.join_from(Instance, Profile, JOIN.LEFT_OUTER)
    return query.where(*studies, *of_portions(wanted), *of_instances(wanted))


def _counted(*sums: Any) -> list[Any]:
    counted = (fn.COUNT(Patient.id.distinct()), *sums)
    return [one.alias(name) for name, one in zip(COUNTS, counted, strict=True)]


def _name(key: str) -> str:
    return f"by_{key.replace('-', '_')}"


def _presented(key: str, value: Any) -> Any:
    """A key as people read it: weeks as ISO 8601 has them, ages by ten years."""
    if value is None:
        return None
    if key == "received-week":
        return iso_week(datetime.date.fromisoformat(value))
    if key == "age":
        return f"{value}-{value + 9}"
    return bool(value) if key == "contrast" else value
