"""Asking the index: one question for patients, studies, series and instances, whoever asks.

What can be asked is a :class:`~fidac_node.hub.index.matching.StudyFilter`, what is answered are :mod:`.rows`.
"""

from __future__ import annotations

import datetime
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from typing import Any, Final, NamedTuple, TypeAlias

from peewee import JOIN, SQL, Database, fn

from fidac_node.hub.index.matching import StudyFilter, of_instances, of_portions, of_series, of_studies, of_week
from fidac_node.hub.index.models import Held, Instance, Patient, Profile, Series, Site, Study
from fidac_node.hub.index.order import BY_SERIES, Order, sorted_by, usual
from fidac_node.hub.index.order import after as go_on
from fidac_node.hub.index.rows import COLUMNS, EXACT_TIME, ROWS, Row
from fidac_node.hub.weeks import iso_week
from fidac_node.system.database import snapshot, stream

# Rows whose studies' series are looked into at a time; of the first, for which somebody waits, fewer.
_PAGE: Final = 500
_FIRST_PAGE: Final = 50
# Instances whose series are looked into at a time: a page of rows is found in one, and 10,000 series of one instance in
# few.
_PORTION: Final = 2000

_Columns: TypeAlias = "dict[str, Any]"


class SiteRow(NamedTuple):
    """A site: its AE title and neutral code, what it has sent, when last something new; since when it may not (UTC)."""

    site: str
    ae_title: str | None
    code: str
    added_at: datetime.datetime | None
    studies: int
    instances: int
    last_received: datetime.datetime | None
    disabled_at: datetime.datetime | None


class _Portion(NamedTuple):
    """Series by their numbers, and how many instances they have together."""

    series: list[int]
    size: int


class _Window(NamedTuple):
    """Which of the rows that match are wanted: so many are skipped, and then at most so many given."""

    offset: int
    limit: int | None


def find(
    db: Database,
    level: str,
    wanted: StudyFilter,
    limit: int | None = None,
    *,
    offset: int = 0,
    after: str = "",
    sort: Sequence[str] = (),
    exact_times: bool = False,
) -> Generator[Row]:
    """Yield the rows of ``level`` (one of ``LEVELS``) that match, at most ``limit``, read as they are asked for.

    The first ``offset`` of them are skipped, or all up to the one that ``after`` names (``order.NAMED_BY``), where a
    page is right while data arrive. ``sort`` are columns in whose order they come instead of the usual one. Raises
    :class:`NotFound`, :class:`ConfigError` for what these cannot be.

    Rows come in the order of site, patient, date and UIDs, which says nothing of when they were filed. Of the time of
    reception they have the week; ``exact_times`` adds ``received_at``, for the hub's administrators. A study matches
    the acquisition filters when one of its series matches them all. All rows are of one state of the index; who leaves
    before the last closes the generator.
    """
    search = {
        "patients": _find_patients,
        "studies": _find_studies,
        "series": _find_series,
        "instances": _find_instances,
    }[level]
    make, names = ROWS[level], COLUMNS[level]
    with snapshot(db):
        order = sorted_by(db, level, _SELECTED[level], sort) if sort else usual(level)
        order = go_on(db, level, after, wanted.site) if after else order
        for columns in search(db, of_week(wanted), _Window(offset, limit), order):
            received_at = columns[EXACT_TIME] if exact_times else None
            yield make._make([*_presented(columns, names), received_at])


def has_more(db: Database, level: str, wanted: StudyFilter, number: int) -> bool:
    """Whether more than ``number`` studies, series or instances match: seen without putting them in order."""
    wanted = of_week(wanted)
    if level == "instances":
        with closing(find(db, level, wanted, 1, offset=number)) as rows:
            return next(rows, None) is not None
    query = Study.select(SQL("1")) if level == "studies" else Series.select(SQL("1")).join(Study)
    conditions = of_studies(wanted) if level == "studies" else of_series(wanted)
    return bool(query.join(Patient).where(*conditions).limit(1).offset(number).scalar(db))


def totals(db: Database) -> dict[str, int]:
    """Return the numbers of instances, studies, series, patients, sites, conflicts and held objects, and the bytes."""
    studies, series, instances, size = Study.select(
        fn.COUNT(Study.id), fn.SUM(Study.series), fn.SUM(Study.instances), fn.SUM(Study.bytes)
    ).scalar(db, as_tuple=True)
    return {
        "instances": int(instances or 0),
        "studies": int(studies),
        "series": int(series or 0),
        "patients": int(Patient.select(fn.COUNT(Patient.id)).scalar(db)),
        "sites": int(Site.select(fn.COUNT(Site.id)).scalar(db)),
        "conflicts": int(Held.select(fn.COUNT(Held.entry)).where(Held.code == "conflict").scalar(db)),
        "held": int(Held.select(fn.COUNT(Held.entry)).scalar(db)),
        "bytes": int(size or 0),
    }


def at_several_sites(db: Database) -> dict[str, int]:
    """Return how many studies and patients are filed under more than one site.

    UIDs and pseudonyms are keyed by site: such a one was copied, or two sites have one key.
    """
    studies = Study.select(Study.study_instance_uid).group_by(Study.study_instance_uid)
    patients = Patient.select(Patient.pseudonym).group_by(Patient.pseudonym)
    return {
        "studies": int(studies.having(fn.COUNT(Study.site.distinct()) > 1).count(db)),
        "patients": int(patients.having(fn.COUNT(Patient.site.distinct()) > 1).count(db)),
    }


def received_per_site(db: Database) -> list[SiteRow]:
    """Return each site with its AE title, its counts, and when it last sent something new."""
    query = (
        Site.select(
            Site.id,
            Site.ae_title,
            Site.code,
            Site.added_at,
            Site.disabled_at,
            fn.COUNT(Study.id),
            fn.SUM(Study.instances),
            fn.MAX(Study.received_at),
        )
        .join(Study, JOIN.LEFT_OUTER)
        .group_by(Site.id, Site.ae_title, Site.code, Site.added_at, Site.disabled_at)
        .order_by(Site.id)
    )
    return [
        SiteRow(site, ae_title, code, added_at, studies, int(instances or 0), _moment(latest), disabled_at)
        for site, ae_title, code, added_at, disabled_at, studies, instances, latest in query.tuples().execute(db)
    ]


# Where each field of a row comes from.
_STUDY: Final[dict[str, Any]] = {
    "site": Study.site,
    "PatientID": Patient.pseudonym,
    "PatientSex": Patient.sex,
    "PatientAge": Study.patient_age,
    "StudyInstanceUID": Study.study_instance_uid,
    "StudyDate": Study.date,
    "StudyTime": Study.time,
    "programme": Study.programme,
}
_EQUIPMENT: Final[dict[str, Any]] = {
    "Modality": Series.modality,
    "BodyPartExamined": Series.body_part,
    "Manufacturer": Series.manufacturer,
    "ManufacturerModelName": Series.model,
}
# What a study has of its series.
_OF_SERIES: Final[dict[str, Any]] = {**_EQUIPMENT, "lost": Series.lost}
_SERIES: Final[dict[str, Any]] = {
    "SeriesInstanceUID": Series.series_instance_uid,
    "SeriesNumber": Series.number,
    **_OF_SERIES,
    "ConvolutionKernel": Series.kernel,
    "KVP": Series.kvp,
    "SliceThickness": Series.slice_thickness,
    "PixelSpacing": Series.row_spacing,
    "Rows": Series.rows,
    "Columns": Series.columns,
    "contrast": Series.contrast,
    "ContrastBolusAgent": Series.contrast_agent,
}
_INSTANCE: Final[dict[str, Any]] = {
    "SOPInstanceUID": Instance.sop_instance_uid,
    "SOPClassUID": Instance.sop_class_uid,
    "TransferSyntaxUID": Instance.transfer_syntax_uid,
    "InstanceNumber": Instance.number,
    "NumberOfFrames": Instance.frames,
    "SliceThickness": Instance.slice_thickness,
}


def _of_level(model: Any) -> dict[str, Any]:
    """The columns that every level has for itself."""
    counts = {Study: {"series": Study.series, "instances": Study.instances}, Series: {"instances": Series.instances}}
    return {
        **counts.get(model, {}),
        "bytes": model.bytes,
        "label": model.label,
        "label_source": model.label_source,
        "profile": fn.COALESCE(Profile.name, ""),
        "profile_digest": fn.COALESCE(Profile.digest, ""),
        EXACT_TIME: model.received_at,
    }


_SELECTED: Final = {
    "patients": {
        "site": Patient.site,
        "PatientID": Patient.pseudonym,
        "PatientSex": Patient.sex,
        "studies": fn.COUNT(Study.id),
        "series": fn.SUM(Study.series),
        "instances": fn.SUM(Study.instances),
        "bytes": fn.SUM(Study.bytes),
        EXACT_TIME: fn.MAX(Study.received_at),
    },
    "studies": {**_STUDY, **_of_level(Study)},
    "series": {**_STUDY, **_SERIES, **_of_level(Series)},
    "instances": {**_STUDY, **_SERIES, **_INSTANCE, **_of_level(Instance)},
}


def _find_patients(db: Database, wanted: StudyFilter, window: _Window, order: Order) -> Iterator[_Columns]:
    query = Study.select(*_aliased(_SELECTED["patients"])).join(Patient).where(*of_studies(wanted), *order.beyond)
    query = query.group_by(Patient.id, Patient.site, Patient.pseudonym, Patient.sex)
    for row in stream(db, _within(query.order_by(*order.by), window)):
        yield {**row, EXACT_TIME: _moment(row[EXACT_TIME])}


def _find_studies(db: Database, wanted: StudyFilter, window: _Window, order: Order) -> Iterator[_Columns]:
    query = Study.select(Study.id.alias("number"), *_aliased(_SELECTED["studies"])).join(Patient)
    query = query.join_from(Study, Profile, JOIN.LEFT_OUTER).order_by(*order.by)
    rows = stream(db, _within(query.where(*of_studies(wanted), *order.beyond), window))
    size = min(_FIRST_PAGE, _PAGE)
    while page := list(islice(rows, size)):
        yield from _with_equipment(db, page)
        size = _PAGE


def _find_series(db: Database, wanted: StudyFilter, window: _Window, order: Order) -> Iterator[_Columns]:
    query = (
        Series.select(*_aliased(_SELECTED["series"]), Series.column_spacing.alias("column_spacing"))
        .join(Study)
        .join(Patient)
    )
    query = query.join_from(Series, Profile, JOIN.LEFT_OUTER).order_by(*order.by)
    yield from stream(db, _within(query.where(*of_series(wanted), *order.beyond), window))


def _find_instances(db: Database, wanted: StudyFilter, window: _Window, order: Order) -> Iterator[_Columns]:
    """Begin with the series that have what is asked for: there are a hundred times fewer of them."""
    query = (
        Instance.select(*_aliased(_SELECTED["instances"]), Series.column_spacing.alias("column_spacing"))
        .join(Series)
        .join(Study)
    )
    query = query.join(Patient).join_from(Instance, Profile, JOIN.LEFT_OUTER).order_by(*order.by)
    conditions = [*of_instances(wanted), *order.beyond]
    if not order.is_own:  # the database sorts them all
        yield from stream(db, _within(query.where(*of_portions(wanted), *conditions), window))
        return
    portions = _portions(db, wanted, order)
    if not conditions:  # all instances of these series match, and they are counted
        portions, window = _skipped(portions, window)
    end = None if window.limit is None else window.offset + window.limit
    rows = (
        row
        for portion, _ in portions
        for row in stream(db, query.where(Instance.series.in_(portion), *conditions).limit(end))
    )
    yield from islice(rows, window.offset, end)


def _within(query: Any, window: _Window) -> Any:
    query = query.limit(window.limit)
    return query.offset(window.offset) if window.offset else query


def _skipped(portions: Iterator[_Portion], window: _Window) -> tuple[Iterator[_Portion], _Window]:
    """Leave out the portions that are before the window: who pages through a million rows does not read them again."""
    offset = window.offset
    for portion in portions:
        if offset < portion.size:
            return chain([portion], portions), _Window(offset, window.limit)
        offset -= portion.size
    return iter(()), window


def _portions(db: Database, wanted: StudyFilter, order: Order) -> Iterator[_Portion]:
    """Yield the series that may have instances to be found, in order, and how many instances those have.

    They come about as many at a time as make a page of rows.
    """
    query = Series.select(Series.id, Series.instances).join(Study).join(Patient)
    portion: list[int] = []
    size = 0
    conditions = [*of_portions(wanted), *order.series_beyond]
    for series in stream(db, query.where(*conditions).order_by(*BY_SERIES)):
        portion.append(series["id"])
        size += series["instances"]
        if size >= _PORTION:
            yield _Portion(portion, size)
            portion, size = [], 0
    if portion:
        yield _Portion(portion, size)


def _aliased(columns: dict[str, Any]) -> list[Any]:
    return [column.alias(name) for name, column in columns.items()]


def _with_equipment(db: Database, page: list[_Columns]) -> Iterator[_Columns]:
    """Add to each study what its series say: every value that occurs, separated as in DICOM."""
    said: dict[int, dict[str, set[str]]] = {row["number"]: {name: set() for name in _OF_SERIES} for row in page}
    values = (
        Series.select(Series.study.alias("number"), *_aliased(_OF_SERIES))
        .distinct()
        .where(Series.study.in_(list(said)))
    )
    for row in values.dicts().iterator(db):
        for name in _OF_SERIES:
            said[row["number"]][name].update(filter(None, row[name].split("\\")))
    for row in page:
        yield {**row, **{name: "\\".join(sorted(seen)) for name, seen in said[row["number"]].items()}}


def _presented(columns: _Columns, names: tuple[str, ...]) -> list[Any]:
    columns["received_week"] = iso_week(columns[EXACT_TIME])
    if columns.get("PixelSpacing") is not None:
        columns["PixelSpacing"] = (columns["PixelSpacing"], columns["column_spacing"])
    return [columns[name] for name in names]


def _moment(value: datetime.datetime | str | None) -> datetime.datetime | None:
    """A stored time. SQLite gives the result of MAX() back as text."""
    return datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
