"""The keys of a question in DICOM, by C-FIND and by QIDO-RS: each one's level, its value's place, how it is matched.

The attributes are those of PS3.4 C.6.1.1 and C.6.2.1 and what else the index holds; docs/query.md lists them, a test
compares.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from fidac_node.dicom import marks
from fidac_node.dicom.dictionary import tag_of, vrs_of
from fidac_node.dicom.uids import is_valid_uid

# The Query/Retrieve Levels in their order (PS3.4 C.3), and what the index calls them.
LEVELS: Final[Mapping[str, str]] = {
    "PATIENT": "patients",
    "STUDY": "studies",
    "SERIES": "series",
    "IMAGE": "instances",
}

_MOST_UIDS: Final = 4096
_LONGEST_TEXT: Final = 1024
_LONGEST_NUMBER: Final = 1 << 31

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DATE: Final = re.compile(r"(\d{4})(\.?)(\d\d)\2(\d\d)", re.ASCII)
_TIME: Final = re.compile(r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d)(\.\d{1,6})?)?)?", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?\d{1,12}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)


class Key(NamedTuple):
    """One key: its tag and VR; its ``level``; ``column`` of the index's rows with its value; the question's ``filter``.

    Without ``column`` it is always empty; without ``filter`` it is returned and not matched. ``alone``: of its own
    level only, not of those below.
    """

    tag: int
    vr: str
    level: str
    column: str = ""
    filter: str = ""
    alone: bool = False


class Unusable(ValueError):
    """A value that is none for its key: what is wrong with it."""


# Level, column, filter, alone.
_KEYS: Final = {
    # De-identification writes the pseudonym into both.
    "PatientName": ("PATIENT", "PatientID", "name", False),
    "PatientID": ("PATIENT", "PatientID", "patient", False),
    "PatientSex": ("PATIENT", "PatientSex", "sex", False),
    "ClinicalTrialSiteID": ("PATIENT", "site", "site", False),
    "NumberOfPatientRelatedStudies": ("PATIENT", "studies", "", True),
    "NumberOfPatientRelatedSeries": ("PATIENT", "series", "", True),
    "NumberOfPatientRelatedInstances": ("PATIENT", "instances", "", True),
    "StudyInstanceUID": ("STUDY", "StudyInstanceUID", "study_uid", False),
    "StudyDate": ("STUDY", "StudyDate", "since", False),
    "StudyTime": ("STUDY", "StudyTime", "time_since", False),
    # Two required keys that de-identification empties (PS3.15 Table E.1-1).
    "AccessionNumber": ("STUDY", "", "", False),
    "StudyID": ("STUDY", "", "", False),
    "PatientAge": ("STUDY", "PatientAge", "age", False),
    "ClinicalTrialProtocolID": ("STUDY", "programme", "programme", False),
    "ModalitiesInStudy": ("STUDY", "Modality", "modalities_in_study", True),
    "NumberOfStudyRelatedSeries": ("STUDY", "series", "study_series", True),
    "NumberOfStudyRelatedInstances": ("STUDY", "instances", "study_instances", True),
    "SeriesInstanceUID": ("SERIES", "SeriesInstanceUID", "series_uid", False),
    "SeriesNumber": ("SERIES", "SeriesNumber", "series_number", False),
    "Modality": ("SERIES", "Modality", "modality", False),
    "BodyPartExamined": ("SERIES", "BodyPartExamined", "body_part", False),
    "Manufacturer": ("SERIES", "Manufacturer", "manufacturer", False),
    "ManufacturerModelName": ("SERIES", "ManufacturerModelName", "model", False),
    "ConvolutionKernel": ("SERIES", "ConvolutionKernel", "kernel", False),
    "ContrastBolusAgent": ("SERIES", "ContrastBolusAgent", "contrast_agent", False),
    "KVP": ("SERIES", "KVP", "kvp", False),
    "SliceThickness": ("SERIES", "SliceThickness", "slice_thickness", False),
    "PixelSpacing": ("SERIES", "PixelSpacing", "pixel_spacing", False),
    "Rows": ("SERIES", "Rows", "rows", False),
    "Columns": ("SERIES", "Columns", "columns", False),
    "NumberOfSeriesRelatedInstances": ("SERIES", "instances", "series_instances", True),
    "SOPInstanceUID": ("IMAGE", "SOPInstanceUID", "sop_uid", False),
    "SOPClassUID": ("IMAGE", "SOPClassUID", "sop_class", False),
    "InstanceNumber": ("IMAGE", "InstanceNumber", "number", False),
    "NumberOfFrames": ("IMAGE", "NumberOfFrames", "frames", False),
    "AvailableTransferSyntaxUID": ("IMAGE", "TransferSyntaxUID", "transfer_syntax", False),
}


def _key(keyword: str, level: str, column: str, filter_: str, alone: bool) -> Key:
    tag = tag_of(keyword)
    assert tag is not None
    return Key(tag, vrs_of(tag)[0], level, column, filter_, alone)


KEYS: Final[Mapping[str, Key]] = {keyword: _key(keyword, *rest) for keyword, rest in _KEYS.items()}
# Our private elements (docs/private-block.md), by what rows and filters call them: each level has its own.
PRIVATE: Final[Mapping[str, Key]] = {
    name: Key(marks.private_tag(element), vr, "STUDY", name, name)
    for name, vr, element in (
        ("label", "CS", marks.LABEL),
        ("label_source", "LO", marks.LABEL_SOURCE),
        ("profile", "LO", marks.PROFILE),
        ("profile_digest", "LO", marks.PROFILE_DIGEST),
        ("lost", "LO", marks.LOST),
    )
}


def fields_of(keyword: str, text: str) -> dict[str, Any] | None:
    """Return the fields of the question that a key of :data:`KEYS` or :data:`PRIVATE` becomes with this value.

    None for universal matching (PS3.4 C.2.2.2.3, C.2.2.2.4), and for what is only returned; ``None`` where nothing can
    match, because nobody has a value. Several UIDs are separated by backslashes. Raises :class:`Unusable`.
    """
    key = KEYS.get(keyword) or PRIVATE[keyword]
    text = text.strip(" ")
    if not text.strip("*"):
        return {}
    if not key.column:
        return None
    return _READERS.get(keyword, _BY_VR.get(key.vr, _text))(keyword, key.filter, text) if key.filter else {}


def _text(keyword: str, field: str, text: str) -> dict[str, Any]:
    if "\\" in text:  # several values are no matching of the baseline (PS3.4 C.2.2.2)
        raise Unusable(f"{keyword} has several values")
    if len(text) > _LONGEST_TEXT or _CONTROL.search(text):
        raise Unusable(f"{keyword} is too long, or has a control character")
    return {field: text}


def _name(keyword: str, field: str, text: str) -> dict[str, Any]:
    """A name without the components that it leaves empty (PS3.5 6.2.1.1)."""
    return _text(keyword, field, text.rstrip("=^ "))


def _uids(keyword: str, field: str, text: str) -> dict[str, Any]:
    uids = [uid.strip(" \x00") for uid in text.split("\\")]
    if len(uids) > _MOST_UIDS or not all(map(is_valid_uid, uids)):
        raise Unusable(f"{keyword} is no UID, or more than {_MOST_UIDS}")
    return {field: "\\".join(uids)}


def _integer(keyword: str, field: str, text: str) -> dict[str, Any]:
    if not _INTEGER.fullmatch(text) or abs(int(text)) >= _LONGEST_NUMBER:
        raise Unusable(f"{keyword} is no whole number")
    return {field: int(text)}


def _decimal(keyword: str, field: str, text: str) -> dict[str, Any]:
    if not _DECIMAL.fullmatch(text):
        raise Unusable(f"{keyword} is no number")
    return {field: float(text)}


def _spacing(keyword: str, field: str, text: str) -> dict[str, Any]:
    """The distance between rows, or that and the one between columns."""
    numbers = text.split("\\")
    if len(numbers) > 2 or not all(map(_DECIMAL.fullmatch, numbers)):
        raise Unusable(f"{keyword} is not one or two numbers")
    return {field: tuple(map(float, numbers))}


def _dates(keyword: str, _field: str, text: str) -> dict[str, Any]:
    since, until = _range(keyword, text)
    return {
        "since": _day(keyword, since) if since else None,
        "until": _day(keyword, until) if until else None,
    }


def _times(keyword: str, _field: str, text: str) -> dict[str, Any]:
    """What is left out at the end of a time stands for all that it could be (PS3.5 6.2, TM)."""
    since, until = _range(keyword, text)
    return {
        "time_since": _moment(keyword, since, "0000", "") if since else "",
        "time_until": _moment(keyword, until, "5959", ".999999") if until else "",
    }


def _range(keyword: str, text: str) -> tuple[str, str]:
    """Both ends of a range, either may be open; a single value is both (PS3.4 C.2.2.2.5)."""
    since, hyphen, until = (part.strip() for part in text.partition("-"))
    if not hyphen:
        return since, since
    if not since and not until:
        raise Unusable(f"{keyword} is a range without ends")
    return since, until


def _day(keyword: str, text: str) -> datetime.date:
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        return datetime.date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        raise Unusable(f"{keyword} is no date") from None


def _moment(keyword: str, text: str, rest: str, fraction: str) -> str:
    match = _TIME.fullmatch(text)
    if match is None:
        raise Unusable(f"{keyword} is no time of day")
    said = "".join(part or "" for part in match.groups()[:3])
    return said + rest[len(said) - 2 :] + (match[4] or fraction)


_BY_VR: Final[Mapping[str, Callable[[str, str, str], dict[str, Any]]]] = {
    "PN": _name,
    "UI": _uids,
    "DA": _dates,
    "TM": _times,
    "IS": _integer,
    "US": _integer,
    "DS": _decimal,
}
_READERS: Final = {"PixelSpacing": _spacing}
