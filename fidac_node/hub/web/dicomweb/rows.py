"""Rows of the index in the DICOM JSON Model (PS3.18 Annex F), with the attributes that PS3.18 10.6.3.3 wants.

What a table of the standard requires and the index does not hold is there without a value, as PS3.4 C.4.1 has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from fidac_node.dicom import marks
from fidac_node.hub.index.keys import KEYS, PRIVATE, Key
from fidac_node.hub.index.keys import LEVELS as INDEX_LEVELS
from fidac_node.operations.index import Row

LEVELS: Final = ("studies", "series", "instances")


class Source(NamedTuple):
    """What one answer is written from: the row, its study's where that is another, and where DICOMweb is."""

    row: Any
    study: Any
    base: str


_Read: TypeAlias = Callable[[Source], Any]


@dataclass(frozen=True)
class Field:
    """One attribute of an answer: where it stands, and how its value is read; lists are several values."""

    tag: int
    vr: str
    level: str
    read: _Read

    def element(self, source: Source) -> dict[str, Any]:
        """The element as Annex F.2.2 writes it."""
        value = self.read(source)
        values = value if isinstance(value, list) else [value]
        values = [self._written(one) for one in values if one not in (None, "")]
        return {"vr": self.vr, "Value": values} if values else {"vr": self.vr}

    def _written(self, value: Any) -> Any:
        return {"Alphabetic": value} if self.vr == "PN" else value


def _of_row(name: str) -> _Read:
    return lambda source: getattr(source.row, name)


def _of_study(name: str) -> _Read:
    return lambda source: getattr(source.study, name)


def _several(read: _Read) -> _Read:
    return lambda source: read(source).split("\\")


def _nothing(_: Source) -> None:
    return None


def _day(source: Source) -> str:
    day = source.row.StudyDate
    return day.isoformat().replace("-", "") if day else ""


def _spacing(source: Source) -> list[float | None]:
    return list(source.row.PixelSpacing or ())


def _url(source: Source) -> str:
    """Where the thing itself is (PS3.18 10.4.1)."""
    row, parts = source.row, [("studies", "StudyInstanceUID"), ("series", "SeriesInstanceUID")]
    parts.append(("instances", "SOPInstanceUID"))
    steps = (f"/{name}/{getattr(row, uid)}" for name, uid in parts if hasattr(row, uid))
    return source.base + "".join(steps)


# What can be asked for: there is no search for patients (PS3.18 10.6), theirs are attributes of studies.
QUERY_KEYS: Final = {
    **{name: key for name, key in KEYS.items() if not (key.level == "PATIENT" and key.alone)},
    **PRIVATE,
}
# How a value is read that is not what its column has.
_ELSEWHERE: Final[dict[str, _Read]] = {
    "StudyDate": _day,
    "ModalitiesInStudy": _several(_of_study("Modality")),
    "NumberOfStudyRelatedSeries": _of_study("series"),
    "NumberOfStudyRelatedInstances": _of_study("instances"),
    "ConvolutionKernel": _several(_of_row("ConvolutionKernel")),
    "PixelSpacing": _spacing,
}


def _field(name: str, key: Key) -> Field:
    read = _ELSEWHERE.get(name) or (_of_row(key.column) if key.column else _nothing)
    return Field(key.tag, key.vr, "studies" if key.level == "PATIENT" else INDEX_LEVELS[key.level], read)


FIELDS: Final[dict[str, Field]] = {
    **{name: _field(name, key) for name, key in QUERY_KEYS.items() if name in KEYS},
    # Required, and empty in the objects, too.
    "ReferringPhysicianName": Field(0x00080090, "PN", "studies", _nothing),
    "PatientBirthDate": Field(0x00100030, "DA", "studies", _nothing),
    "InstanceAvailability": Field(0x00080056, "CS", "studies", lambda _: "ONLINE"),
    "RetrieveURL": Field(0x00081190, "UR", "studies", _url),
}
_CREATOR: Final = Field(marks.PRIVATE_CREATOR_TAG, "LO", "studies", lambda _: marks.PRIVATE_CREATOR)
_PRIVATE: Final = {
    name: Field(key.tag, key.vr, "studies", _several(_of_row(key.column))) for name, key in PRIVATE.items()
}
# What each level's answer always has: Tables 10.6.3-3 to -5, and the UIDs above.
_ALWAYS: Final = {
    "studies": (
        *("StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "InstanceAvailability", "RetrieveURL"),
        *("ModalitiesInStudy", "ReferringPhysicianName", "PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
        *("StudyID", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
    ),
    "series": (
        *("StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesNumber", "NumberOfSeriesRelatedInstances"),
        *("InstanceAvailability", "RetrieveURL"),
    ),
    "instances": (
        *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "Rows"),
        *("Columns", "NumberOfFrames", "InstanceAvailability", "RetrieveURL", "AvailableTransferSyntaxUID"),
    ),
}
# A number of the level itself, which the rows of a lower one do not have.
_OF_THE_SERIES_ALONE: Final = "NumberOfSeriesRelatedInstances"
ALL: Final = "all"


@dataclass(frozen=True)
class Writer:
    """Writes the rows of one answer: ``fields`` by their tags, ascending."""

    fields: tuple[tuple[str, Field], ...]

    @classmethod
    def of(cls, level: str, above: Iterable[str], asked: Iterable[str]) -> Writer:
        """Return the writer for rows of ``level``: what it always has, that of the levels ``above``, what is ``asked``.

        ``asked`` are keywords, names of private elements, or :data:`ALL` attributes of the level. What belongs to a
        lower level is left out (PS3.18 10.6.3.3.1).
        """
        asked = set(asked)
        names = {*_ALWAYS[level], *asked, *(name for one in above for name in _ALWAYS[one])}
        if ALL in asked:
            names |= {name for name, one in FIELDS.items() if one.level == level} | PRIVATE.keys()
        if level == "instances":
            names.discard(_OF_THE_SERIES_ALONE)
        reach = LEVELS.index(level)
        found = [FIELDS[name] for name in names & FIELDS.keys() if LEVELS.index(FIELDS[name].level) <= reach]
        found += [_PRIVATE[name] for name in names & PRIVATE.keys()] + [_CREATOR] * bool(names & PRIVATE.keys())
        return cls(tuple((f"{one.tag:08X}", one) for one in sorted(found, key=lambda one: one.tag)))

    @property
    def needs_study(self) -> bool:
        """Whether something is asked that only the row of the study has."""
        of_study = (0x00080061, 0x00201206, 0x00201208)
        return any(one.tag in of_study for _, one in self.fields)

    def write(self, row: Row, study: Row | None, base: str) -> bytes:
        """Return one row as a JSON object."""
        source = Source(row, study, base)
        elements = {tag: one.element(source) for tag, one in self.fields}
        text = json.dumps(elements, ensure_ascii=False, separators=(",", ":"))
        if not text.isascii():  # PS3.18 F.2.1.1: JSON is UTF-8, whatever the object is
            elements = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}, **elements}
            text = json.dumps(elements, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")
