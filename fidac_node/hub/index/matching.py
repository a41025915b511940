"""What may be asked of the index, and the conditions that it becomes: the matching of PS3.4 C.2.2.2, whoever asks.

A command, an identifier of C-FIND and a query of QIDO-RS all become a :class:`StudyFilter`; docs/index.md lists what it
means.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import reduce
from operator import or_
from typing import Any, Final

from peewee import SQL, NodeList, Value, fn

from fidac_node.dicom.marks import LABELS
from fidac_node.hub.index.models import Instance, Patient, Profile, Series, Site, Study, label_bit
from fidac_node.hub.weeks import monday


@dataclass(frozen=True)
class StudyFilter:
    """What to look for; an empty or ``None`` field does not filter.

    Texts are compared without regard to case, ``*`` and ``?`` stand for any text and any character
    (PS3.4 C.2.2.2.4); a kernel of several values is found by each of them. ``since`` and ``until`` are (shifted)
    study dates and included; ``received_since`` and ``received_until`` are days in UTC and stand for their weeks;
    ``max_slice_thickness`` is in millimetres; ``min_instances`` counts in the series when series or instances are
    listed, else in the study; ``complete`` leaves out series that lost an attribute in any instance.

    UIDs may be several, separated by backslashes (PS3.4 C.2.2.2.2). ``name`` is PatientName, which is the pseudonym.
    ``time_since`` and ``time_until`` are StudyTime as HHMMSS or HHMMSS.FFFFFF. With ``case_sensitive`` case tells texts
    apart, but for ``name`` (PS3.4 C.2.2.2.1). ``confined_to`` is the one programme, ``confined_to_site``
    the one site that whoever asks may see, exactly as written.

    ``modalities_in_study`` is of any series of the study; every other field asks each thing for its own. A study is
    found by what one of its series has, and a series by what one of its instances has. Lengths are in millimetres,
    ``kvp`` in kilovolts; ``study_series``, ``study_instances`` and ``series_instances`` are how many there are.
    ``lost`` is the keyword of one attribute.
    """

    site: str = ""
    patient: str = ""
    study_uid: str = ""
    since: datetime.date | None = None
    until: datetime.date | None = None
    received_since: datetime.date | None = None
    received_until: datetime.date | None = None
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
    modalities_in_study: str = ""
    study_series: int | None = None
    study_instances: int | None = None
    series_uid: str = ""
    series_number: int | None = None
    series_instances: int | None = None
    contrast_agent: str = ""
    kvp: float | None = None
    slice_thickness: float | None = None
    pixel_spacing: tuple[float, ...] = ()
    rows: int | None = None
    columns: int | None = None
    lost: str = ""
    sop_uid: str = ""
    sop_class: str = ""
    transfer_syntax: str = ""
    number: int | None = None
    frames: int | None = None
    label_source: str = ""
    profile: str = ""
    profile_digest: str = ""
    case_sensitive: bool = False
    confined_to: str = ""
    confined_to_site: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether few studies match anyway.

        Then what their series say is looked up for each: most series of an archive are CT, and SQLite, which has no
        statistics, would begin with all of those.
        """
        named = (self.study_uid, self.patient, self.name)
        return any(text and not _has_wild_cards(text) for text in named) or None not in (self.since, self.until)


def of_week(wanted: StudyFilter) -> StudyFilter:
    """Return the same question, by the week in which something was received: nobody is told the day."""
    first, last = wanted.received_since, wanted.received_until
    return replace(
        wanted,
        received_since=first and monday(first),
        received_until=last and monday(last) + datetime.timedelta(days=6),
    )


def of_studies(wanted: StudyFilter) -> list[Any]:
    """Which studies match, for themselves or because one of their series does."""
    conditions = [_ALWAYS, *_study(wanted), *_level(Study, wanted)]
    if wanted.min_instances is not None:
        conditions.append(Study.instances >= wanted.min_instances)
    if below := _acquired(wanted, Series.slice_thickness) + _by_instances(wanted):
        of_it = Series.select(SQL("1")).where(Series.study == Study.id, *below)
        any_of = Study.id.in_(Series.select(Series.study).where(*below))
        conditions.append(fn.EXISTS(of_it) if wanted.is_narrow else any_of)
    return conditions


def of_series(wanted: StudyFilter) -> list[Any]:
    """Which series match, for themselves, by their study, or because one of their instances does."""
    own = _of_series(wanted, Series.slice_thickness) + _level(Series, wanted)
    return [_ALWAYS, *_study(wanted), *own, *_by_instances(wanted)]


def of_portions(wanted: StudyFilter) -> list[Any]:
    """Which series may have instances to be found: an index tells it of each of these conditions."""
    conditions = [_ALWAYS, *_study(wanted), *_of_series(wanted, Series.thinnest)]
    if wanted.sop_uid:
        conditions.append(Series.id.in_(Instance.select(Instance.series).where(*_named(wanted))))
    if wanted.label:
        bits = sum(label_bit(label) for label in _labels(wanted.label))
        conditions.append(Series.labels.bin_and(bits) != 0)
    conditions += _received(Series, wanted)
    return conditions


def of_instances(wanted: StudyFilter) -> list[Any]:
    """What is asked of instances themselves; nothing where all instances of a series match."""
    conditions = _level(Instance, wanted) + _instance(wanted)
    if wanted.max_slice_thickness is not None:
        conditions.append(Instance.slice_thickness <= wanted.max_slice_thickness)
    if wanted.slice_thickness is not None:
        conditions.append(Instance.slice_thickness == wanted.slice_thickness)
    return conditions


_ALWAYS: Final = SQL("1 = 1")  # a WHERE without conditions is no SQL
# Which column each text and each number is.
_OF_STUDY: Final = {
    "patient": Patient.pseudonym,
    "sex": Patient.sex,
    "age": Study.patient_age,
    "programme": Study.programme,
}
_NUMBERS_OF_STUDY: Final = {"study_series": Study.series, "study_instances": Study.instances}
_OF_SERIES: Final = {
    "modality": Series.modality,
    "body_part": Series.body_part,
    "manufacturer": Series.manufacturer,
    "model": Series.model,
    "contrast_agent": Series.contrast_agent,
}
_SEVERAL_OF_SERIES: Final = {"kernel": Series.kernel, "lost": Series.lost}
_NUMBERS_OF_SERIES: Final = {
    "series_number": Series.number,
    "series_instances": Series.instances,
    "kvp": Series.kvp,
    "rows": Series.rows,
    "columns": Series.columns,
}
_NUMBERS_OF_INSTANCE: Final = {"number": Instance.number, "frames": Instance.frames}
_OF_PROFILE: Final = {"profile": Profile.name, "profile_digest": Profile.digest}


def _study(wanted: StudyFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.site:
        # Sites are few, and what is indexed of a study is its site's id as it is written.
        conditions.append(Study.site.in_(Site.select(Site.id).where(_matches(Site.id, wanted.site, wanted))))
    if wanted.name:
        conditions.append(_in_any_case(Patient.pseudonym, wanted.name))
    conditions += _texts(_OF_STUDY, wanted) + _numbers(_NUMBERS_OF_STUDY, wanted)
    conditions += _uids(Study.study_instance_uid, wanted.study_uid)
    if wanted.confined_to:
        conditions.append(Study.programme == wanted.confined_to)
    if wanted.confined_to_site:
        conditions.append(Study.site == wanted.confined_to_site)
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
    if wanted.modalities_in_study:
        conditions.append(_has_modality(wanted))
    return conditions


def _has_modality(wanted: StudyFilter) -> Any:
    """One series of the study has the modality, whichever series is asked for."""
    any_series = Series.alias()
    seen = _unindexed(any_series.modality) if wanted.is_narrow else any_series.modality
    having = _matches(seen, wanted.modalities_in_study, wanted)
    if wanted.is_narrow:
        return fn.EXISTS(any_series.select(SQL("1")).where(any_series.study == Study.id, having))
    return Study.id.in_(any_series.select(any_series.study).where(having))


def _of_series(wanted: StudyFilter, thickness: Any) -> list[Any]:
    least = wanted.min_instances
    return _acquired(wanted, thickness) + ([] if least is None else [Series.instances >= least])


def _acquired(wanted: StudyFilter, thickness: Any) -> list[Any]:
    """What is asked of how a series was acquired; ``thickness`` is the column that stands for its SliceThickness."""
    seen = _unindexed if wanted.is_narrow else lambda column: column
    conditions = _texts({name: seen(column) for name, column in _OF_SERIES.items()}, wanted)
    conditions += _uids(Series.series_instance_uid, wanted.series_uid) + _numbers(_NUMBERS_OF_SERIES, wanted)
    for name, column in _SEVERAL_OF_SERIES.items():
        if value := getattr(wanted, name):
            conditions.append(_matches(seen(column), value, wanted) | _one_matches(seen(column), value, wanted))
    spacings = zip((Series.row_spacing, Series.column_spacing), wanted.pixel_spacing, strict=False)
    conditions += [distance == asked for distance, asked in spacings]
    if wanted.max_slice_thickness is not None:
        conditions.append(thickness <= wanted.max_slice_thickness)
    if wanted.slice_thickness is not None:
        is_least = thickness is Series.thinnest  # of instances, any of which may have it
        conditions.append(thickness <= wanted.slice_thickness if is_least else thickness == wanted.slice_thickness)
    if wanted.contrast is not None:
        conditions.append(Series.contrast == wanted.contrast)
    if wanted.complete:
        conditions.append(Series.lost == "")
    return conditions


def _by_instances(wanted: StudyFilter) -> list[Any]:
    """That one instance of the series has all that is asked of instances."""
    asked = _instance(wanted)
    return [Series.id.in_(Instance.select(Instance.series).where(*asked))] if asked else []


def _instance(wanted: StudyFilter) -> list[Any]:
    conditions = _named(wanted) + _uids(Instance.sop_class_uid, wanted.sop_class)
    conditions += _uids(Instance.transfer_syntax_uid, wanted.transfer_syntax)
    return conditions + _numbers(_NUMBERS_OF_INSTANCE, wanted)


def _named(wanted: StudyFilter) -> list[Any]:
    if not wanted.sop_uid:
        return []
    # What is indexed of an instance is its site and UID together; sites are few.
    return [Instance.site.in_(Site.select(Site.id)), *_uids(Instance.sop_instance_uid, wanted.sop_uid)]


def _level(model: Any, wanted: StudyFilter) -> list[Any]:
    """What is asked of the level itself."""
    conditions: list[Any] = []
    if wanted.label:
        conditions.append(model.label.in_(_labels(wanted.label)))
    conditions += _received(model, wanted)
    conditions += _texts({"label_source": model.label_source}, wanted)
    if having := _texts(_OF_PROFILE, wanted):
        conditions.append(model.profile.in_(Profile.select(Profile.id).where(*having)))
    return conditions


def _labels(value: str) -> list[str]:
    """The labels that match; in any case, for the hub writes them in small letters."""
    return [label for label in LABELS if fnmatchcase(label, value.lower().replace("[", "[[]"))]


def _received(model: Any, wanted: StudyFilter) -> list[Any]:
    """In which days, as far as the question says, the latest of it came."""
    conditions: list[Any] = []
    if wanted.received_since is not None:
        conditions.append(model.received_at >= _midnight(wanted.received_since))
    if wanted.received_until is not None:
        conditions.append(model.received_at < _midnight(wanted.received_until + datetime.timedelta(days=1)))
    return conditions


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time())


def _texts(columns: dict[str, Any], wanted: StudyFilter) -> list[Any]:
    asked = {name: getattr(wanted, name) for name in columns}
    return [_matches(columns[name], value, wanted) for name, value in asked.items() if value]


def _numbers(columns: dict[str, Any], wanted: StudyFilter) -> list[Any]:
    asked = {name: getattr(wanted, name) for name in columns}
    return [columns[name] == value for name, value in asked.items() if value is not None]


def _uids(column: Any, text: str) -> list[Any]:
    """One UID, a list of UIDs, or a pattern; they are of digits and dots, which have no case."""
    if not text:
        return []
    uids = text.split("\\")
    if any(map(_has_wild_cards, uids)):
        return [reduce(or_, (_like(column, uid) for uid in uids))]
    return [column == uids[0] if len(uids) == 1 else column.in_(uids)]


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
