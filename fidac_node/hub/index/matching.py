"""How an attribute is asked for: the matching of PS3.4 C.2.2.2, for keys of C-FIND and of QIDO-RS alike.

The table has every attribute that the index holds, with the keyword and tag of PS3.6, and where its column is.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from peewee import SQL, NodeList, fn

from fidac_node.dicom import marks
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.hub.index.models import Instance, Patient, Profile, Series, Site, Study

Level: TypeAlias = Literal["studies", "series", "instances"]
# Where conditions are put: at a level, or where the series are chosen whose instances are looked through.
Place: TypeAlias = Literal["studies", "series", "instances", "portions"]

_NUMBERS: Final = frozenset({"DS", "IS", "US"})
_MOST: Final = 2**63 - 1  # what a column of either database takes
_LONGEST: Final = 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DAY: Final = r"\d{8}"
_RANGE: Final = re.compile(rf"(?P<since>{_DAY})?(?P<dash>-)?(?P<until>{_DAY})?")


class Attribute(NamedTuple):
    """An attribute that can be matched, and where; ``several`` when its value may be several, split by backslashes."""

    tag: int
    vr: str
    level: Level
    column: Any
    several: bool = False


ATTRIBUTES: Final[dict[str, Attribute]] = {
    "StudyInstanceUID": Attribute(0x0020000D, "UI", "studies", Study.study_instance_uid),
    "StudyDate": Attribute(0x00080020, "DA", "studies", Study.date),
    "ModalitiesInStudy": Attribute(0x00080061, "CS", "studies", Series.modality),
    "PatientID": Attribute(0x00100020, "LO", "studies", Patient.pseudonym),
    # De-identification makes it the pseudonym, too (docs/deidentification.md).
    "PatientName": Attribute(0x00100010, "PN", "studies", Patient.pseudonym),
    "PatientSex": Attribute(0x00100040, "CS", "studies", Patient.sex),
    "PatientAge": Attribute(0x00101010, "AS", "studies", Study.patient_age),
    "ClinicalTrialProtocolID": Attribute(0x00120020, "LO", "studies", Study.programme),
    "ClinicalTrialSiteID": Attribute(0x00120030, "LO", "studies", Study.site),
    "NumberOfStudyRelatedSeries": Attribute(0x00201206, "IS", "studies", Study.series),
    "NumberOfStudyRelatedInstances": Attribute(0x00201208, "IS", "studies", Study.instances),
    "SeriesInstanceUID": Attribute(0x0020000E, "UI", "series", Series.series_instance_uid),
    "Modality": Attribute(0x00080060, "CS", "series", Series.modality),
    "Manufacturer": Attribute(0x00080070, "LO", "series", Series.manufacturer),
    "ManufacturerModelName": Attribute(0x00081090, "LO", "series", Series.model),
    "ContrastBolusAgent": Attribute(0x00180010, "LO", "series", Series.contrast_agent),
    "BodyPartExamined": Attribute(0x00180015, "CS", "series", Series.body_part),
    "SliceThickness": Attribute(0x00180050, "DS", "series", Series.slice_thickness),
    "KVP": Attribute(0x00180060, "DS", "series", Series.kvp),
    "ConvolutionKernel": Attribute(0x00181210, "SH", "series", Series.kernel, several=True),
    "NumberOfSeriesRelatedInstances": Attribute(0x00201209, "IS", "series", Series.instances),
    "Rows": Attribute(0x00280010, "US", "series", Series.rows),
    "Columns": Attribute(0x00280011, "US", "series", Series.columns),
    "PixelSpacing": Attribute(0x00280030, "DS", "series", Series.row_spacing, several=True),
    "SOPInstanceUID": Attribute(0x00080018, "UI", "instances", Instance.sop_instance_uid),
    "SOPClassUID": Attribute(0x00080016, "UI", "instances", Instance.sop_class_uid),
    "AvailableTransferSyntaxUID": Attribute(0x00083002, "UI", "instances", Instance.transfer_syntax_uid),
    "InstanceNumber": Attribute(0x00200013, "IS", "instances", Instance.number),
    "NumberOfFrames": Attribute(0x00280008, "IS", "instances", Instance.frames),
}

# What a study, a series and an instance each have for themselves: our private elements (docs/private-block.md).
_OWN: Final = {
    "label": marks.private_tag(marks.LABEL),
    "label_source": marks.private_tag(marks.LABEL_SOURCE),
    "profile": marks.private_tag(marks.PROFILE),
    "profile_digest": marks.private_tag(marks.PROFILE_DIGEST),
}
_OWN_OF_PROFILE: Final = {"profile": Profile.name, "profile_digest": Profile.digest}
LOST: Final = "lost"
PRIVATE: Final = {**_OWN, LOST: marks.private_tag(marks.LOST)}
_LOST: Final = Attribute(PRIVATE[LOST], "LO", "series", Series.lost, several=True)


@dataclass(frozen=True)
class Key:
    """One attribute and what its value must match: a keyword of :data:`ATTRIBUTES` or a name of :data:`PRIVATE`.

    ``values`` are more than one for a list of UIDs alone. Made by :meth:`parse`.
    """

    name: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, name: str, value: str) -> Key | None:
        """Return the key, or ``None`` where the value matches everything (PS3.4 C.2.2.2.3).

        UIDs are separated by backslashes, as in DICOM, or by commas, as in PS3.18 8.3.4.1. Raises ``ValueError``, whose
        message says what the value should look like.
        """
        if not value.strip("* "):
            return None
        attribute = _attribute(name)
        vr = attribute.vr if attribute else "LO"
        if vr == "UI":
            return cls(name, _uids(name, value))
        if _CONTROL.search(value) or len(value) > _LONGEST:
            raise ValueError(f"{name}: a text of at most {_LONGEST} characters, none of them a control character")
        if vr == "DA":
            _days(name, value)
        elif vr in _NUMBERS:
            _numbers(name, value)
        return cls(name, (value.strip(),))


def conditions_of(keys: Iterable[Key], place: Place) -> list[Any]:
    """Return the conditions that ``keys`` put on one level, or on the series whose instances are looked through.

    What is asked of instances is asked of a series, too: one of its instances must have it all.
    """
    levels: dict[str, list[Any]] = {"studies": [], "series": [], "instances": []}
    named: list[Any] = []
    for key in keys:
        attribute = _attribute(key.name)
        if attribute is None:
            continue
        if key.name == "SliceThickness" and place in ("instances", "portions"):
            levels["instances"].append(_condition(key, attribute._replace(column=Instance.slice_thickness)))
        elif key.name == "ModalitiesInStudy":
            levels["studies"].append(Study.id.in_(Series.select(Series.study).where(_condition(key, attribute))))
        elif key.name == "ClinicalTrialSiteID":  # sites are few, and their ids are indexed as they are written
            levels["studies"].append(Study.site.in_(Site.select(Site.id).where(matches(Site.id, key.values[0]))))
        else:
            levels[attribute.level].append(_condition(key, attribute))
        if key.name == "SOPInstanceUID":
            named.append(_named(key))
    if place == "portions":
        return levels["series"] + [_has_instance([condition]) for condition in named]
    if place == "series" and levels["instances"]:
        return [*levels["series"], _has_instance(levels["instances"] + named)]
    return levels[place]


def own_conditions(keys: Iterable[Key], model: Any) -> list[Any]:
    """Return the conditions on what each level has for itself: its label, its recipe."""
    conditions = []
    for key in keys:
        if key.name in _OWN_OF_PROFILE:
            having = matches(_OWN_OF_PROFILE[key.name], key.values[0])
            conditions.append(model.profile.in_(Profile.select(Profile.id).where(having)))
        elif key.name in _OWN:
            conditions.append(matches(getattr(model, key.name), key.values[0]))
    return conditions


def has_wild_cards(value: str) -> bool:
    """Say whether the value has a wild card (PS3.4 C.2.2.2.4)."""
    return "*" in value or "?" in value


def matches(column: Any, value: str) -> Any:
    """Equal without regard to case (there is an index on that), or LIKE when the value has wildcards."""
    return like(column, value) if has_wild_cards(value) else fn.LOWER(column) == fn.LOWER(value)


def one_matches(column: Any, value: str) -> Any:
    """One of several values, which backslashes separate, matches (there is an index on which columns have several)."""
    several = NodeList((SQL("LENGTH("), column, SQL(") - LENGTH(REPLACE("), column, SQL(", '\\', '')) > 0")))
    return several & like(NodeList((SQL("'\\' ||"), column, SQL("|| '\\'"))), rf"*\{value}\*")


def like(text: Any, value: str) -> Any:
    """LIKE, in any case, with the wild cards of DICOM."""
    pattern = re.sub(r"[!%_]", r"!\g<0>", value).replace("*", "%").replace("?", "_")
    return NodeList((fn.LOWER(text), SQL("LIKE"), fn.LOWER(pattern), SQL("ESCAPE '!'")))


def _attribute(name: str) -> Attribute | None:
    return _LOST if name == LOST else ATTRIBUTES.get(name)


def _condition(key: Key, attribute: Attribute) -> Any:
    column, value = attribute.column, key.values[0]
    if attribute.vr == "UI":
        return column.in_(key.values)
    if attribute.vr == "DA":
        return _between(column, *_days(key.name, value))
    if attribute.vr in _NUMBERS:
        return _equal(column, _numbers(key.name, value))
    return matches(column, value) | one_matches(column, value) if attribute.several else matches(column, value)


def _named(key: Key) -> Any:
    # What is indexed of an instance is its site and UID together; sites are few.
    return Instance.site.in_(Site.select(Site.id)) & Instance.sop_instance_uid.in_(key.values)


def _has_instance(conditions: list[Any]) -> Any:
    return Series.id.in_(Instance.select(Instance.series).where(*conditions))


def _between(column: Any, since: datetime.date | None, until: datetime.date | None) -> Any:
    if since == until:
        return column == since
    if since is None or until is None:
        return column <= until if since is None else column >= since
    return (column >= since) & (column <= until)


def _equal(column: Any, numbers: list[float]) -> Any:
    equal = column == numbers[0]
    return equal & (Series.column_spacing == numbers[1]) if len(numbers) > 1 else equal


def _uids(name: str, value: str) -> tuple[str, ...]:
    uids = tuple(uid.strip() for uid in re.split(r"[\\,]", value))
    if not all(map(is_valid_uid, uids)):
        raise ValueError(f"{name}: a UID, or several separated by commas (PS3.5 9.1)")
    return uids


def _days(name: str, value: str) -> tuple[datetime.date | None, datetime.date | None]:
    """The first and the last day of a date or a range of dates (PS3.4 C.2.2.2.5)."""
    found = _RANGE.fullmatch(value.strip())
    if not found or not (found["since"] or found["until"]) or (found["since"] and found["until"] and not found["dash"]):
        raise ValueError(f"{name}: a date as YYYYMMDD, or a range as YYYYMMDD-YYYYMMDD, -YYYYMMDD or YYYYMMDD-")
    try:
        since, until = (
            datetime.datetime.strptime(day, "%Y%m%d").date() if day else None for day in found.group("since", "until")
        )
    except ValueError:
        raise ValueError(f"{name}: there is no such day; write YYYYMMDD") from None
    return since, since if not found["dash"] else until


def _numbers(name: str, value: str) -> list[float]:
    """The numbers of a value: one, or the two of PixelSpacing."""
    parts = value.split("\\")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    most = 2 if name == "PixelSpacing" else 1
    if not 1 <= len(numbers) <= most or not all(abs(number) <= _MOST for number in numbers):
        raise ValueError(f"{name}: {'one or two numbers' if most > 1 else 'a number'}")
    return numbers
