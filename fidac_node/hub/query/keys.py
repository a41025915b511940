"""The keys of a C-FIND: at which level each is, where its value comes from, how it is matched (PS3.4 C.6.1.1, C.6.2.1).

docs/query.md lists them; a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from fidac_node.dicom.dictionary import tag_of, vrs_of

# The Query/Retrieve Levels in their order (PS3.4 C.3), and what the index calls them.
LEVELS: Final[Mapping[str, str]] = {
    "PATIENT": "patients",
    "STUDY": "studies",
    "SERIES": "series",
    "IMAGE": "instances",
}
_ORDER: Final = {level: number for number, level in enumerate(LEVELS)}
# The Unique Key of each level.
UNIQUE: Final[Mapping[str, str]] = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}


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
    "ModalitiesInStudy": ("STUDY", "Modality", "modality", True),
    "NumberOfStudyRelatedSeries": ("STUDY", "series", "", True),
    "NumberOfStudyRelatedInstances": ("STUDY", "instances", "", True),
    "SeriesInstanceUID": ("SERIES", "SeriesInstanceUID", "series_uid", False),
    "SeriesNumber": ("SERIES", "SeriesNumber", "series_number", False),
    "Modality": ("SERIES", "Modality", "modality", False),
    "BodyPartExamined": ("SERIES", "BodyPartExamined", "body_part", False),
    "Manufacturer": ("SERIES", "Manufacturer", "manufacturer", False),
    "ManufacturerModelName": ("SERIES", "ManufacturerModelName", "model", False),
    "ConvolutionKernel": ("SERIES", "ConvolutionKernel", "kernel", False),
    "ContrastBolusAgent": ("SERIES", "ContrastBolusAgent", "", False),
    "KVP": ("SERIES", "KVP", "", False),
    "SliceThickness": ("SERIES", "SliceThickness", "", False),
    "PixelSpacing": ("SERIES", "PixelSpacing", "", False),
    "Rows": ("SERIES", "Rows", "", False),
    "Columns": ("SERIES", "Columns", "", False),
    "NumberOfSeriesRelatedInstances": ("SERIES", "instances", "", True),
    "SOPInstanceUID": ("IMAGE", "SOPInstanceUID", "sop_uid", False),
    "SOPClassUID": ("IMAGE", "SOPClassUID", "sop_class", False),
    "InstanceNumber": ("IMAGE", "InstanceNumber", "number", False),
    "NumberOfFrames": ("IMAGE", "NumberOfFrames", "", False),
    "AvailableTransferSyntaxUID": ("IMAGE", "TransferSyntaxUID", "", False),
}


def _key(keyword: str, level: str, column: str, filter_: str, alone: bool) -> Key:
    tag = tag_of(keyword)
    assert tag is not None
    return Key(tag, vrs_of(tag)[0], level, column, filter_, alone)


KEYS: Final[Mapping[str, Key]] = {keyword: _key(keyword, *rest) for keyword, rest in _KEYS.items()}
TAGS: Final = {key.tag: keyword for keyword, key in KEYS.items()}


def is_at(key: Key, level: str) -> bool:
    """Say whether entities of ``level`` have this key: it is theirs, or that of what they belong to."""
    return key.level == level if key.alone else _ORDER[key.level] <= _ORDER[level]


def above(level: str, top: str) -> list[str]:
    """The Unique Keys that a question at ``level`` must give of the levels above it (PS3.4 C.4.1.2.1).

    ``top`` is the first level of the information model.
    """
    return [UNIQUE[name] for name in LEVELS if _ORDER[top] <= _ORDER[name] < _ORDER[level]]
