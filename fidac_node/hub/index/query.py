"""Asking the index: one filter for studies, series and instances, whoever asks (docs/index.md lists what it means).

Rows are typed; their fields are DICOM keywords where one exists, snake_case for what is ours.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any, Final, NamedTuple, TypeAlias

from peewee import JOIN, SQL, Database, NodeList, Value, fn

from fidac_node.hub.index.models import Held, Instance, Patient, Profile, Series, Site, Study, label_bit
from fidac_node.hub.weeks import iso_week, monday
from fidac_node.system.database import snapshot, stream

LEVELS: Final = ("patients", "studies", "series", "instances")
# The column that only the hub's administrators ask for: the day of reception may be the day of the exam.
EXACT_TIME: Final = "received_at"

_PAGE: Final = 500
# Instances whose series are looked into at a time: a page of rows is found in one, and 10,000 series of one instance in
# few.
_PORTION: Final = 2000

_Columns: TypeAlias = "dict[str, Any]"


class PatientRow(NamedTuple):
    """One pseudonym, with what its studies that match have together. The rest as in :class:`StudyRow`."""

    site: str
    PatientID: str
    PatientSex: str
    studies: int
    series: int
    instances: int
    bytes: int
    received_week: str
    received_at: datetime.datetime | None = None


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
    StudyTime: str
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
    StudyTime: str
    programme: str
    SeriesInstanceUID: str
    SeriesNumber: int | None
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
    StudyTime: str
    programme: str
    SeriesInstanceUID: str
    SeriesNumber: int | None
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


Row: TypeAlias = PatientRow | StudyRow | SeriesRow | InstanceRow


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
    millimetres; ``min_instances`` counts in the series when series or instances are listed, else in the study;
    ``complete`` leaves out series that lost an attribute in any instance.

    UIDs may be several, separated by backslashes (PS3.4 C.2.2.2.2). ``name`` is PatientName, which is the pseudonym.
    ``time_since`` and ``time_until`` are StudyTime as HHMMSS or HHMMSS.FFFFFF. ``sop_uid``, ``sop_class`` and
    ``number`` are asked of instances alone. With ``case_sensitive`` case tells texts apart, but for ``name`` (PS3.4
    C.2.2.2.1). ``confined_to`` is the one programme that whoever asks may see, exactly as written.
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
    name: str = ""
    age: str = ""
    programme: str = ""
    time_since: str = ""
    time_until: str = ""
    series_uid: str = ""
    series_number: int | None = None
    sop_uid: str = ""
    sop_class: str = ""
    number: int | None = None
    case_sensitive: bool = False
    confined_to: str = ""


def find(
    db: Database, level: str, wanted: StudyFilter, limit: int | None = None, *, exact_times: bool = False
) -> Generator[Row]:
    """Yield the rows of ``level`` (one of :data:`LEVELS`) that match, at most ``limit``, read as they are asked for.

    Rows come in the order of site, patient, date and UIDs, which says nothing of when they were filed. Of the time of
    reception they have the week; ``exact_times`` adds ``received_at``, for the hub's administrators. A study matches
    the acquisition filters when one of its series matches them all. All rows are of one state of the index; who leaves
    before the last closes the generator.
    """
    if wanted.received_since is not None:
        wanted = replace(wanted, received_since=monday(wanted.received_since))
    search = {
        "patients": _find_patients,
        "studies": _find_studies,
        "series": _find_series,
        "instances": _find_instances,
    }[level]
    make, names = _ROWS[level], COLUMNS[level]
    with snapshot(db):
        for columns in search(db, wanted, limit):
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


# What orders each level: never a row's number, which tells who was filed before whom.
_BY_STUDY: Final = (Study.site, Patient.pseudonym, Study.date, Study.study_instance_uid)
_BY_SERIES: Final = (*_BY_STUDY, Series.series_instance_uid)

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
_ROWS: Final[dict[str, type[Row]]] = {
    "patients": PatientRow,
    "studies": StudyRow,
    "series": SeriesRow,
    "instances": InstanceRow,
}
# The fields of each level's rows, in their order, but for the exact time.
COLUMNS: Final = {level: row._fields[:-1] for level, row in _ROWS.items()}


def _find_patients(db: Database, wanted: StudyFilter, limit: int | None) -> Iterator[_Columns]:
    query = Study.select(*_aliased(_SELECTED["patients"])).join(Patient).where(*_of_studies(wanted))
    query = query.group_by(Patient.id, Patient.site, Patient.pseudonym, Patient.sex)
    for row in stream(db, query.order_by(Patient.site, Patient.pseudonym).limit(limit)):
        yield {**row, EXACT_TIME: _moment(row[EXACT_TIME])}


def _find_studies(db: Database, wanted: StudyFilter, limit: int | None) -> Iterator[_Columns]:
    query = Study.select(Study.id.alias("number"), *_aliased(_SELECTED["studies"])).join(Patient)
    query = query.join_from(Study, Profile, JOIN.LEFT_OUTER).order_by(*_BY_STUDY)
    rows = stream(db, query.where(*_of_studies(wanted)).limit(limit))
    while page := list(islice(rows, _PAGE)):
        yield from _with_equipment(db, page)


def _of_studies(wanted: StudyFilter) -> list[Any]:
    """Which studies match, for themselves or because one of their series does."""
    conditions = _study_conditions(wanted) + _level_conditions(Study, wanted)
    if wanted.min_instances is not None:
        conditions.append(Study.instances >= wanted.min_instances)
    if acquired := _acquisition_conditions(wanted, Series.slice_thickness):
        of_it = Series.select(SQL("1")).where(Series.study == Study.id, *acquired)
        any_of = Study.id.in_(Series.select(Series.study).where(*acquired))
        conditions.append(fn.EXISTS(of_it) if _is_narrow(wanted) else any_of)
    return conditions


def _find_series(db: Database, wanted: StudyFilter, limit: int | None) -> Iterator[_Columns]:
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
    )
    yield from stream(db, query.where(*conditions).limit(limit))


def _find_instances(db: Database, wanted: StudyFilter, limit: int | None) -> Iterator[_Columns]:
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
    for portion in _portions(db, wanted):
        for row in stream(db, query.where(Instance.series.in_(portion), *conditions).limit(limit)):
            yield row
            limit = None if limit is None else limit - 1
        if limit == 0:
            return


def _portions(db: Database, wanted: StudyFilter) -> Iterator[list[int]]:
    """Yield the numbers of the series that have instances to be found, in order.

    They come about as many at a time as make a page of rows.
    """
    conditions = [SQL("1 = 1"), *_study_conditions(wanted), *_series_conditions(wanted, Series.thinnest)]
    if wanted.label:
        conditions.append(Series.labels.bin_and(label_bit(wanted.label.lower())) != 0)
    if wanted.received_since is not None:
        conditions.append(Series.received_at >= _midnight(wanted.received_since))
    query = (
        Series.select(Series.id, Series.instances).join(Study).join(Patient).where(*conditions).order_by(*_BY_SERIES)
    )
    portion: list[int] = []
    size = 0
    for series in stream(db, query):
        portion.append(series["id"])
        size += series["instances"]
        if size >= _PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _aliased(columns: dict[str, Any]) -> list[Any]:
    return [column.alias(name) for name, column in columns.items()]


def _study_conditions(wanted: StudyFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.site:
        # Sites are few, and what is indexed of a study is its site's id as it is written.
        conditions.append(Study.site.in_(Site.select(Site.id).where(_matches(Site.id, wanted.site, wanted))))
    if wanted.name:
        conditions.append(_in_any_case(Patient.pseudonym, wanted.name))
    conditions += _texts(_OF_STUDY, wanted)
    conditions += _uids(Study.study_instance_uid, wanted.study_uid)
    if wanted.confined_to:
        conditions.append(Study.programme == wanted.confined_to)
    bounds = (
        (Study.date, wanted.since, wanted.until),
        (Study.time, wanted.time_since or None, wanted.time_until or None),
        (Study.age_years, wanted.min_age, wanted.max_age),
    )
    for column, least, most in bounds:
        conditions += [] if least is None else [column >= least]
        conditions += [] if most is None else [column <= most]
    if wanted.time_until and not wanted.time_since:
        conditions.append(Study.time != "")  # what is not said is in no range
    return conditions


def _series_conditions(wanted: StudyFilter, thickness: Any) -> list[Any]:
    least = wanted.min_instances
    return _acquisition_conditions(wanted, thickness) + ([] if least is None else [Series.instances >= least])


def _acquisition_conditions(wanted: StudyFilter, thickness: Any) -> list[Any]:
    seen = _unindexed if _is_narrow(wanted) else lambda column: column
    conditions = _texts({name: seen(column) for name, column in _TEXTS.items()}, wanted)
    conditions += _uids(Series.series_instance_uid, wanted.series_uid)
    if wanted.series_number is not None:
        conditions.append(Series.number == wanted.series_number)
    if wanted.kernel:
        kernel = seen(Series.kernel)
        conditions.append(_matches(kernel, wanted.kernel, wanted) | _one_matches(kernel, wanted.kernel, wanted))
    if wanted.max_slice_thickness is not None:
        conditions.append(thickness <= wanted.max_slice_thickness)
    if wanted.contrast is not None:
        conditions.append(Series.contrast == wanted.contrast)
    if wanted.complete:
        conditions.append(Series.lost == "")
    return conditions


def _level_conditions(model: Any, wanted: StudyFilter) -> list[Any]:
    """What is asked of the level itself. Never empty: a WHERE without conditions is no SQL."""
    conditions: list[Any] = [SQL("1 = 1")]
    if wanted.label:
        conditions.append(model.label == wanted.label.lower())
    if wanted.received_since is not None:
        conditions.append(model.received_at >= _midnight(wanted.received_since))
    if model is Instance:
        conditions += _uids(Instance.sop_instance_uid, wanted.sop_uid) + _uids(Instance.sop_class_uid, wanted.sop_class)
        conditions += [] if wanted.number is None else [Instance.number == wanted.number]
    return conditions


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time())


_TEXTS: Final = {
    "modality": Series.modality,
    "body_part": Series.body_part,
    "manufacturer": Series.manufacturer,
    "model": Series.model,
}


_OF_STUDY: Final = {
    "patient": Patient.pseudonym,
    "sex": Patient.sex,
    "age": Study.patient_age,
    "programme": Study.programme,
}


def _texts(columns: dict[str, Any], wanted: StudyFilter) -> list[Any]:
    asked = {name: getattr(wanted, name) for name in columns}
    return [_matches(columns[name], value, wanted) for name, value in asked.items() if value]


def _uids(column: Any, text: str) -> list[Any]:
    """One UID, a list of UIDs, or a pattern; they are of digits and dots, which have no case."""
    if not text:
        return []
    uids = text.split("\\")
    if any(map(_has_wild_cards, uids)):
        return [reduce(or_, (_like(column, uid) for uid in uids))]
    return [column == uids[0] if len(uids) == 1 else column.in_(uids)]


def _is_narrow(wanted: StudyFilter) -> bool:
    """Say whether few studies match anyway.

    Then what their series say is looked up for each: most series of an archive are CT, and SQLite, which has no
    statistics, would begin with all of those.
    """
    named = (wanted.study_uid, wanted.patient, wanted.name)
    return any(text and not _has_wild_cards(text) for text in named) or None not in (wanted.since, wanted.until)


def _unindexed(column: Any) -> Any:
    """The same text, for which there is no index."""
    return NodeList((SQL("("), column, SQL("|| '')")))


def _has_wild_cards(value: str) -> bool:
    return "*" in value or "?" in value


def _matches(column: Any, value: str, wanted: StudyFilter) -> Any:
    """Equal, or LIKE when the value has wild cards."""
    anyhow = _in_any_case(column, value)
    if not wanted.case_sensitive:
        return anyhow
    # The first has the index. LIKE and not "=": SQLite would put an equal value into LOWER() too, and not use it.
    return anyhow & _as_written(column, value)


def _in_any_case(column: Any, value: str) -> Any:
    """Equal without regard to case (there is an index on that)."""
    return _like(column, value) if _has_wild_cards(value) else fn.LOWER(column) == fn.LOWER(value)


def _one_matches(column: Any, value: str, wanted: StudyFilter) -> Any:
    """One of several values, which backslashes separate, matches (there is an index on which columns have several)."""
    several = NodeList((SQL("LENGTH("), column, SQL(") - LENGTH(REPLACE("), column, SQL(", '\\', '')) > 0")))
    like = _as_written if wanted.case_sensitive else _like
    return several & like(NodeList((SQL("'\\' ||"), column, SQL("|| '\\'"))), rf"*\{value}\*")


def _like(text: Any, value: str) -> Any:
    return NodeList((fn.LOWER(text), SQL("LIKE"), fn.LOWER(_pattern(value)), SQL("ESCAPE '!'")))


def _as_written(text: Any, value: str) -> Any:
    return NodeList((text, SQL("LIKE"), Value(_pattern(value)), SQL("ESCAPE '!'")))


def _pattern(value: str) -> str:
    return re.sub(r"[!%_]", r"!\g<0>", value).replace("*", "%").replace("?", "_")


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
