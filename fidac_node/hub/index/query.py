"""Asking the index: one filter for studies, series and instances, whoever asks (docs/index.md lists what it means).

Rows are typed; their fields are DICOM keywords where one exists, snake_case for what is ours.
"""

from __future__ import annotations

import datetime
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Final, NamedTuple, TypeAlias

from peewee import JOIN, Database, fn

from fidac_node.hub.index.matching import (
    Key,
    conditions_of,
    has_wild_cards,
    like,
    matches,
    one_matches,
    own_conditions,
)
from fidac_node.hub.index.models import Held, Instance, Patient, Profile, Series, Site, Study, label_bit
from fidac_node.hub.weeks import iso_week, monday
from fidac_node.system.database import snapshot

LEVELS: Final = ("studies", "series", "instances")
# The column that only the hub's administrators ask for: the day of reception may be the day of the exam.
EXACT_TIME: Final = "received_at"

_PAGE: Final = 500
# Instances whose series are looked into at a time: a page of rows is found in one, and 10,000 series of one instance in
# few.
_PORTION: Final = 2000

_Columns: TypeAlias = "dict[str, Any]"


class StudyRow(NamedTuple):
    """One study; what its series say is joined by backslashes. Dates are shifted, per patient.

    ``lost`` has the keywords of attributes that could not be kept in every instance. ``received_week`` is ISO 8601;
    ``received_at`` (UTC) is ``None`` unless exact times were asked for.
    """

    site: str
    PatientID: str
    PatientSex: str
    PatientAge: str
    StudyInstanceUID: str
    StudyDate: datetime.date | None
    programme: str
    Modality: str
    BodyPartExamined: str
    Manufacturer: str
    ManufacturerModelName: str
    series: int
    instances: int
    bytes: int
    label: str
    label_source: str
    lost: str
    profile: str
    profile_digest: str
    received_week: str
    received_at: datetime.datetime | None = None


class SeriesRow(NamedTuple):
    """One series; lengths are in mm. The rest as in :class:`StudyRow`."""

    site: str
    PatientID: str
    PatientSex: str
    PatientAge: str
    StudyInstanceUID: str
    StudyDate: datetime.date | None
    programme: str
    SeriesInstanceUID: str
    Modality: str
    BodyPartExamined: str
    Manufacturer: str
    ManufacturerModelName: str
    ConvolutionKernel: str
    KVP: float | None
    SliceThickness: float | None
    PixelSpacing: tuple[float, float | None] | None
    Rows: int | None
    Columns: int | None
    contrast: bool
    ContrastBolusAgent: str
    instances: int
    bytes: int
    label: str
    label_source: str
    lost: str
    profile: str
    profile_digest: str
    received_week: str
    received_at: datetime.datetime | None = None


class InstanceRow(NamedTuple):
    """One instance. The rest as in :class:`SeriesRow`."""

    site: str
    PatientID: str
    PatientSex: str
    PatientAge: str
    StudyInstanceUID: str
    StudyDate: datetime.date | None
    programme: str
    SeriesInstanceUID: str
    Modality: str
    BodyPartExamined: str
    Manufacturer: str
    ManufacturerModelName: str
    ConvolutionKernel: str
    KVP: float | None
    SliceThickness: float | None
    PixelSpacing: tuple[float, float | None] | None
    Rows: int | None
    Columns: int | None
    contrast: bool
    ContrastBolusAgent: str
    SOPInstanceUID: str
    SOPClassUID: str
    TransferSyntaxUID: str
    InstanceNumber: int | None
    NumberOfFrames: int
    bytes: int
    label: str
    label_source: str
    lost: str
    profile: str
    profile_digest: str
    received_week: str
    received_at: datetime.datetime | None = None


Row: TypeAlias = StudyRow | SeriesRow | InstanceRow


class SiteRow(NamedTuple):
    """A site: its AE title and neutral code, what it has sent, and when last something new (UTC)."""

    site: str
    ae_title: str | None
    code: str
    added_at: datetime.datetime | None
    studies: int
    instances: int
    last_received: datetime.datetime | None


@dataclass(frozen=True)
class StudyFilter:
    """What to look for; an empty or ``None`` field does not filter.

    Texts are compared without regard to case, ``*`` and ``?`` stand for any text and any character
    (PS3.4 C.2.2.2.4); a kernel of several values is found by each of them. ``since`` and ``until`` are (shifted)
    study dates and included; ``received_since`` is a day in UTC and stands for its week; ``max_slice_thickness`` is in
    millimetres; ``min_instances`` counts in the study when studies are listed, else in the series; ``complete`` leaves
    out series that lost an attribute in any instance. ``confined_to`` is a limit, compared as it is written
    (:class:`~fidac_node.hub.index.rights.Rights`). ``keys`` are attributes as a C-FIND identifier or a query of
    QIDO-RS has them, each at its own level: a study matches when one series has all that is asked of series.
    """

    site: str = ""
    patient: str = ""
    study_uid: str = ""
    since: datetime.date | None = None
    until: datetime.date | None = None
    received_since: datetime.date | None = None
    label: str = ""
    sex: str = ""
    min_age: int | None = None
    max_age: int | None = None
    modality: str = ""
    body_part: str = ""
    manufacturer: str = ""
    model: str = ""
    kernel: str = ""
    max_slice_thickness: float | None = None
    contrast: bool | None = None
    min_instances: int | None = None
    complete: bool = False
    confined_to: str = ""
    keys: tuple[Key, ...] = ()


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
    exact_times: bool = False,
) -> Generator[Row]:
    """Yield the rows of ``level`` (one of :data:`LEVELS`) that match, at most ``limit``, read as they are asked for.

    The first ``offset`` of them are skipped.

    Rows come in the order of site, patient, date and UIDs, which says nothing of when they were filed. Of the time of
    reception they have the week; ``exact_times`` adds ``received_at``, for the hub's administrators. A study matches
    the acquisition filters when one of its series matches them all. All rows are of one state of the index; who leaves
    before the last closes the generator.
    """
    if wanted.received_since is not None:
        wanted = replace(wanted, received_since=monday(wanted.received_since))
    search = {"studies": _find_studies, "series": _find_series, "instances": _find_instances}[level]
    make, names = _ROWS[level], COLUMNS[level]
    with snapshot(db):
        for columns in search(db, wanted, _Window(offset, limit)):
            received_at = columns[EXACT_TIME] if exact_times else None
            yield make._make([*_presented(columns, names), received_at])


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
            fn.COUNT(Study.id),
            fn.SUM(Study.instances),
            fn.MAX(Study.received_at),
        )
        .join(Study, JOIN.LEFT_OUTER)
        .group_by(Site.id, Site.ae_title, Site.code, Site.added_at)
        .order_by(Site.id)
    )
    return [
        SiteRow(site, ae_title, code, added_at, studies, int(instances or 0), _moment(latest))
        for site, ae_title, code, added_at, studies, instances, latest in query.tuples().execute(db)
    ]


# Where each field of a row comes from.
_STUDY: Final[dict[str, Any]] = {
    "site": Study.site,
    "PatientID": Patient.pseudonym,
    "PatientSex": Patient.sex,
    "PatientAge": Study.patient_age,
    "StudyInstanceUID": Study.study_instance_uid,
    "StudyDate": Study.date,
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


# What orders each level: never a row's number, which tells who was filed before whom.
_BY_STUDY: Final = (Study.site, Patient.pseudonym, Study.date, Study.study_instance_uid)
_BY_SERIES: Final = (*_BY_STUDY, Series.series_instance_uid)

_SELECTED: Final = {
    "studies": {**_STUDY, **_of_level(Study)},
    "series": {**_STUDY, **_SERIES, **_of_level(Series)},
    "instances": {**_STUDY, **_SERIES, **_INSTANCE, **_of_level(Instance)},
}
_ROWS: Final[dict[str, type[Row]]] = {"studies": StudyRow, "series": SeriesRow, "instances": InstanceRow}
# The fields of each level's rows, in their order, but for the exact time.
COLUMNS: Final = {level: row._fields[:-1] for level, row in _ROWS.items()}


def _find_studies(db: Database, wanted: StudyFilter, window: _Window) -> Iterator[_Columns]:
    query = Study.select(Study.id.alias("number"), *_aliased(_SELECTED["studies"])).join(Patient)
    query = query.join_from(Study, Profile, JOIN.LEFT_OUTER).order_by(*_BY_STUDY)
    conditions = _study_conditions(wanted) + _level_conditions(Study, wanted)
    if wanted.min_instances is not None:
        conditions.append(Study.instances >= wanted.min_instances)
    if acquired := _acquisition_conditions(wanted, Series.slice_thickness) + conditions_of(wanted.keys, "series"):
        conditions.append(Study.id.in_(Series.select(Series.study).where(*acquired)))
    rows = _within(query.where(*conditions), window).dicts().iterator(db)
    while page := list(islice(rows, _PAGE)):
        yield from _with_equipment(db, page)


def _find_series(db: Database, wanted: StudyFilter, window: _Window) -> Iterator[_Columns]:
    query = (
        Series.select(*_aliased(_SELECTED["series"]), Series.column_spacing.alias("column_spacing"))
        .join(Study)
        .join(Patient)
    )
    query = query.join_from(Series, Profile, JOIN.LEFT_OUTER).order_by(*_BY_SERIES)
    conditions = (
        _study_conditions(wanted)
        + _series_conditions(wanted, Series.slice_thickness)
        + _level_conditions(Series, wanted)
        + conditions_of(wanted.keys, "series")
    )
    yield from _within(query.where(*conditions), window).dicts().iterator(db)


def _find_instances(db: Database, wanted: StudyFilter, window: _Window) -> Iterator[_Columns]:
    """Begin with the series that have what is asked for: there are a hundred times fewer of them."""
    query = (
        Instance.select(*_aliased(_SELECTED["instances"]), Series.column_spacing.alias("column_spacing"))
        .join(Series)
        .join(Study)
    )
    query = (
        query.join(Patient)
        .join_from(Instance, Profile, JOIN.LEFT_OUTER)
        .order_by(*_BY_SERIES, Instance.number, Instance.sop_instance_uid)
    )
    conditions = _level_conditions(Instance, wanted)
    if wanted.max_slice_thickness is not None:
        conditions.append(Instance.slice_thickness <= wanted.max_slice_thickness)
    conditions += conditions_of(wanted.keys, "instances")
    portions = _portions(db, wanted)
    if len(conditions) == 1:  # all instances of these series match, and they are counted
        portions, window = _skipped(portions, window)
    end = None if window.limit is None else window.offset + window.limit
    rows = (
        row
        for portion, _ in portions
        for row in query.where(Instance.series.in_(portion), *conditions).limit(end).dicts().iterator(db)
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


def _portions(db: Database, wanted: StudyFilter) -> Iterator[_Portion]:
    """Yield the series that have instances to be found, in order, and how many instances those have.

    They come about as many at a time as make a page of rows.
    """
    conditions = [Series.id > 0, *_study_conditions(wanted), *_series_conditions(wanted, Series.thinnest)]
    conditions += conditions_of(wanted.keys, "portions")
    if wanted.label:
        conditions.append(Series.labels.bin_and(label_bit(wanted.label.lower())) != 0)
    if wanted.received_since is not None:
        conditions.append(Series.received_at >= _midnight(wanted.received_since))
    query = (
        Series.select(Series.id, Series.instances).join(Study).join(Patient).where(*conditions).order_by(*_BY_SERIES)
    )
    portion: list[int] = []
    size = 0
    for number, instances in query.tuples().iterator(db):
        portion.append(number)
        size += instances
        if size >= _PORTION:
            yield _Portion(portion, size)
            portion, size = [], 0
    if portion:
        yield _Portion(portion, size)


def _aliased(columns: dict[str, Any]) -> list[Any]:
    return [column.alias(name) for name, column in columns.items()]


def _study_conditions(wanted: StudyFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.site:
        # Sites are few, and what is indexed of a study is its site's id as it is written.
        conditions.append(Study.site.in_(Site.select(Site.id).where(matches(Site.id, wanted.site))))
    if wanted.patient:
        conditions.append(matches(Patient.pseudonym, wanted.patient))
    if wanted.study_uid:
        uid, text = Study.study_instance_uid, wanted.study_uid  # of digits and dots, which have no case
        conditions.append(like(uid, text) if has_wild_cards(text) else uid == text)
    if wanted.sex:
        conditions.append(matches(Patient.sex, wanted.sex))
    if wanted.confined_to:
        conditions.append(Study.programme == wanted.confined_to)
    bounds = ((Study.date, wanted.since, wanted.until), (Study.age_years, wanted.min_age, wanted.max_age))
    for column, least, most in bounds:
        conditions += [] if least is None else [column >= least]
        conditions += [] if most is None else [column <= most]
    return conditions + conditions_of(wanted.keys, "studies")


def _series_conditions(wanted: StudyFilter, thickness: Any) -> list[Any]:
    least = wanted.min_instances
    return _acquisition_conditions(wanted, thickness) + ([] if least is None else [Series.instances >= least])


def _acquisition_conditions(wanted: StudyFilter, thickness: Any) -> list[Any]:
    conditions = [matches(column, getattr(wanted, name)) for name, column in _TEXTS.items() if getattr(wanted, name)]
    if wanted.kernel:
        conditions.append(matches(Series.kernel, wanted.kernel) | one_matches(Series.kernel, wanted.kernel))
    if wanted.max_slice_thickness is not None:
        conditions.append(thickness <= wanted.max_slice_thickness)
    if wanted.contrast is not None:
        conditions.append(Series.contrast == wanted.contrast)
    if wanted.complete:
        conditions.append(Series.lost == "")
    return conditions


def _level_conditions(model: Any, wanted: StudyFilter) -> list[Any]:
    """What is asked of the level itself. Never empty: a WHERE without conditions is no SQL."""
    conditions: list[Any] = [model.id > 0]
    if wanted.label:
        conditions.append(model.label == wanted.label.lower())
    if wanted.received_since is not None:
        conditions.append(model.received_at >= _midnight(wanted.received_since))
    return conditions + own_conditions(wanted.keys, model)


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time())


_TEXTS: Final = {
    "modality": Series.modality,
    "body_part": Series.body_part,
    "manufacturer": Series.manufacturer,
    "model": Series.model,
}


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
