"""What the index answers with: typed rows of patients, studies, series and instances.

Their fields are DICOM keywords where one exists, snake_case for what is ours (docs/index.md).
"""

from __future__ import annotations

import datetime
from typing import Final, NamedTuple, TypeAlias

LEVELS: Final = ("patients", "studies", "series", "instances")
# The column that only the hub's administrators ask for: the day of reception may be the day of the exam.
EXACT_TIME: Final = "received_at"


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
ROWS: Final[dict[str, type[Row]]] = {
    "patients": PatientRow,
    "studies": StudyRow,
    "series": SeriesRow,
    "instances": InstanceRow,
}
# The fields of each level's rows, in their order, but for the exact time.
COLUMNS: Final = {level: row._fields[:-1] for level, row in ROWS.items()}
