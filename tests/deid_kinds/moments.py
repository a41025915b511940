"""What would tell by how much the dates of a patient are moved, or when exactly an image was made."""

from __future__ import annotations

import datetime

from tests.deid_kinds.register import carrier, code
from tests.deid_kinds.values import MOMENTS
from tests.deid_slices import Slice, tag_of

DAY = datetime.timedelta(days=1)
# When the scanner was made, installed, repaired and calibrated: the same for all its patients, and known to many.
LIFE_OF_DEVICES = (
    *(
        "DateOfManufacture",
        "DateOfInstallation",
        "DateOfLastCalibration",
        "TimeOfLastCalibration",
        "DateTimeOfLastCalibration",
    ),
    *(
        "DateOfLastDetectorCalibration",
        "TimeOfLastDetectorCalibration",
        "CalibrationDate",
        "CalibrationTime",
        "ContributionDateTime",
    ),
)
# Everybody knows these: an epoch, two ends of time, and what stands where nothing was known.
SENTINELS = ("19700101", "99991231", "19000101", "18581117", "00010101")


def _da(vr: str, date: datetime.date | str) -> str:
    day = date if isinstance(date, str) else f"{date:%Y%m%d}"
    return day if vr == "DA" else f"{day}101500"


def _vr(keyword: str) -> str:
    return "DA" if "DateTime" not in keyword else "DT"


def _dated() -> tuple[str, ...]:
    """The dates of the examination that are not the study's own."""
    known = (
        *(
            "InstanceCreationDate",
            "SeriesDate",
            "AcquisitionDate",
            "ContentDate",
            "AcquisitionDateTime",
            "FrameReferenceDateTime",
        ),
        *("FrameAcquisitionDateTime", "StartAcquisitionDateTime", "EndAcquisitionDateTime"),
        *("PerformedProcedureStepStartDate", "PerformedProcedureStepEndDate", "PerformedProcedureStepStartDateTime"),
    )
    assert all(tag_of(keyword) in MOMENTS for keyword in known)
    return known


def _below(one: Slice, inner: Slice) -> None:
    """Put ``inner`` into a sequence that is entered."""
    inner.put("RevolutionTime", (0.5,), "kept")
    one.put("CTExposureSequence", [inner], "present")


@carrier()
def device_life(one: Slice) -> None:
    """The days of the scanner, among them some near the study's own."""
    near = one.person.studies[one.study] - 3 * DAY
    inner = one.item()
    for place in (one, inner):
        for keyword in LIFE_OF_DEVICES:
            place.put(keyword, _da(_vr(keyword), near) if "Date" in keyword else "071500.25", "gone")
    _below(one, inner)


@carrier()
def far_dates(one: Slice) -> None:
    """Dates that are no day of the examination, at every depth.

    Sentinels, the patient's birthday, days just outside of the window.
    """
    own, inner = one.person.studies[one.study], one.item()
    far: list[datetime.date | str] = [*SENTINELS, one.person.birth, own - 732 * DAY, own + 2 * DAY]
    for place in (one, inner):
        for number, keyword in enumerate(_dated()):
            place.put(keyword, _da(_vr(keyword), far[(number + one.person.number) % len(far)]), "lost")
    _below(one, inner)


@carrier()
def near_dates(one: Slice) -> None:
    """The first and the last day of the window, and what lies between."""
    own, inner = one.person.studies[one.study], one.item()
    near = [own - 731 * DAY, own + DAY, own - 366 * DAY]
    for place in (one, inner):
        for number, keyword in enumerate(_dated()):
            kind = MOMENTS[tag_of(keyword)]
            place.put(keyword, _da(_vr(keyword), near[(number + one.person.number) % len(near)]), kind)
    _below(one, inner)


@carrier()
def published_dates(one: Slice) -> None:
    """The versions of context groups and coding schemes: dates that stand in PS3.16, the same for everybody."""
    region = code(one, "51185008", "SCT", "Chest")
    region.put("CodingSchemeVersion", (one.stranger(), "20180131", "2015_01_31")[one.person.number % 3], "gone")
    region.put("ContextGroupVersion", "20021107", "gone")
    region.put("ContextGroupLocalVersion", f"{one.person.studies[one.study]:%Y%m%d}1200", "gone")
    region.put("ContextIdentifier", "4031", "any")
    region.put("MappingResource", "DCMR", "any")
    one.put("AnatomicRegionSequence", [region], "present")
    purpose = code(one, "121322", "DCM", "Source image for image processing operation")
    purpose.put("CodingSchemeVersion", "01", "kept")
    image = one.item()
    image.put("ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2", "kept")
    image.put("ReferencedSOPInstanceUID", one.uid(1, 2, 905), "uid")
    image.put("PurposeOfReferenceCodeSequence", [purpose], "present")
    one.put("SourceImageSequence", [image], "present")
    one.put("CodingSchemeVersion", one.stranger(), "gone")  # of no code at all


@carrier()
def offsets(one: Slice) -> None:
    """Offsets from UTC, beside times and within them, and fractions of a second of every length."""
    day = f"{one.person.studies[one.study]:%Y%m%d}"
    one.put("TimezoneOffsetFromUTC", "+0545", "gone")
    inner = one.item()
    inner.put("TimezoneOffsetFromUTC", "+0545", "gone")
    for place in (one, inner):
        place.put("AcquisitionDateTime", f"{day}102413.123456+0545", "moment")
        place.put("FrameReferenceDateTime", f"{day}102413.1234+0545", "moment")
        place.put("StartAcquisitionDateTime", f"{day}102412.9", "moment")
        place.put("EndAcquisitionDateTime", f"{day}102415-0330", "moment")
        place.put("AcquisitionTime", "102413.123456", "moment")
        place.put("ContentTime", "102414.5", "moment")
        place.put("SeriesTime", "102400.999999", "time")
        place.put("PerformedProcedureStepStartTime", "102300.000001", "time")
    _below(one, inner)
