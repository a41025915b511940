"""Values in every form: character sets, dates, ages, spellings, tables; and attributes by the hundred."""

from __future__ import annotations

import json

from pydicom._dicom_dict import DicomDictionary

from fidac_node.deidentify import profiles_directory
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.deid_encoding import Want, known_vr
from tests.deid_identities import fold
from tests.deid_kinds.register import KINDS, LITTLE, NATIVE, Kind, carrier
from tests.deid_slices import Slice, tag_of

TEXTS = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
# The moments of the examination (PS3.15 E.3.6), and no others: when something else happened is the same for many, and
# known.
MOMENTS = {
    tag_of(keyword): kind
    for kind, keywords in {
        "date": "InstanceCreationDate StudyDate SeriesDate AcquisitionDate ContentDate PerformedProcedureStepStartDate "
        "PerformedProcedureStepEndDate PerformedProcedureStepStartDateTime PerformedProcedureStepEndDateTime",
        "time": "StudyTime SeriesTime PerformedProcedureStepStartTime PerformedProcedureStepEndTime "
        "ContrastBolusStartTime ContrastBolusStopTime",
        "moment": "InstanceCreationTime AcquisitionTime ContentTime AcquisitionDateTime FrameAcquisitionDateTime "
        "FrameReferenceDateTime StartAcquisitionDateTime EndAcquisitionDateTime",
    }.items()
    for keyword in keywords.split()
}  # fmt: skip


def _needed() -> frozenset[int]:
    """What PS3.3 has in the modules of CT that describe the image.

    Of numbers, codes and sequences these alone may stay.
    """
    more = (
        "PixelPaddingValue TriggerTime NominalInterval TemporalPositionIdentifier NumberOfTemporalPositions "
        "SynchronizationTrigger AcquisitionTimeSynchronized ProcedureCodeSequence"
    )
    lines = (profiles_directory() / "ps33-attributes.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(
        tag_of(keyword) for line in [*lines, more] if line[:1] not in ("#", "[") for keyword in line.split()
    )


NEEDED = _needed()


# Attributes that a layer names with a reason of its own, and such as triage or the pixels depend on.
NAMED = frozenset(
    tag_of(keyword)
    for keyword in (
        *(
            "Manufacturer",
            "ManufacturerModelName",
            "SoftwareVersions",
            "FilterType",
            "ConvolutionKernel",
            "ImageFilter",
            "RescaleType",
            "StackID",
        ),
        *(
            "ModalityLUTType",
            "LUTData",
            "DimensionDescriptionLabel",
            "PositionReferenceIndicator",
            "ContrastBolusRoute",
            "ConversionType",
        ),
        *(
            "CodeValue",
            "LongCodeValue",
            "URNCodeValue",
            "CodingSchemeDesignator",
            "CodingSchemeVersion",
            "CodeMeaning",
            "SOPClassUID",
        ),
        *(
            "ReferencedSOPClassUID",
            "RelatedGeneralSOPClassUID",
            "OriginalSpecializedSOPClassUID",
            "CTExposureSequence",
            "SpecificCharacterSet",
        ),
        *("SecondaryCaptureDeviceID", "HardcopyCreationDeviceID", "DateOfSecondaryCapture", "TimeOfSecondaryCapture"),
        *(
            "SecondaryCaptureDeviceManufacturer",
            "HardcopyDeviceManufacturer",
            "SecondaryCaptureDeviceManufacturerModelName",
        ),
        *(
            "SecondaryCaptureDeviceSoftwareVersions",
            "HardcopyDeviceSoftwareVersion",
            "HardcopyDeviceManufacturerModelName",
        ),
        *("VideoImageFormatAcquired", "DigitalImageFormatAcquired"),
        *("PixelDataProviderURL", "NumberOfFrames", "CodingSchemeIdentificationSequence", "RetrieveURL"),
    )
)
CHARSETS = (
    ("ISO_IR 100", "latin-1", "latin-1"), ("ISO_IR 192", "utf-8", "utf_8"), ("ISO_IR 144", "iso8859_5", "iso8859_5"),
    ("ISO_IR 126", "iso8859_7", "iso8859_7"), ("GB18030", "gb18030", "gb18030"),
    ("ISO_IR 13", "shift_jis", "shift_jis"), (None, "latin-1", "latin-1"), ("ISO_IR 6", "cp1252", "latin-1"),
    ("ISO_IR 192", "latin-1", "latin-1"),
)  # fmt: skip
BROKEN = (6, 7, 8)


def _charset(number: int) -> Kind:
    declared, codec, native = CHARSETS[number]

    def kind(one: Slice) -> None:
        one.charset, one.codec = declared, codec
        if declared is None:
            del one.elements[0x00080005]
        else:
            one.put("SpecificCharacterSet", declared, "is", must="ISO_IR 192")
        name = one.person.foreign.get(native, one.person.name)
        one.put("PatientName", name, "pseudonym")
        one.put("OperatorsName", name, "lost")
        one.text("StudyDescription", "thorax sans injection " + name.replace("^", " "))
        one.text("ImageComments", "thorax " + name.replace("^", " "))
        for tag in (0x00081030, 0x00204000):
            one.elements[tag] = one.elements[tag]._replace(
                want=Want("text", "thorax", frozenset({"thorax", "sans", "injection"}))
            )
        if number in BROKEN:  # what cannot be decoded as declared may go as a whole
            for tag, value in one.elements.items():
                if value.want.kind == "text" and not str(value.value).isascii():
                    one.elements[tag] = value._replace(want=value.want._replace(must=""))
        inner = one.item()
        inner.put("PatientName", name, "lost")
        inner.put("AcquisitionType", "SPIRAL", "kept")
        one.put(0x00189321, [inner], "present")
        if not name.isascii():
            raw = max(name.replace("^", " ").split(), key=len).encode(codec, "replace")
            one.needles.raw.add(raw)

    return kind


for _number in range(len(CHARSETS)):
    KINDS[f"charset_{_number}"] = (_charset(_number), NATIVE)


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE)
def escapes(one: Slice) -> None:
    """Names in three component groups with code extensions (ISO 2022), Japanese, Korean and French."""
    declared, name, raw = one.rng.choice(
        (
            (
                r"ISO 2022 IR 6\ISO 2022 IR 87",
                b"Yamazakura^Tarou=\x1b$B;3:f\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$6$/\x1b(B",
                b"$d$^$6$/",
            ),
            (
                r"\ISO 2022 IR 149",
                b"Hongxiuquan^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xb1\xe6\xb5\xbf",
                b"\xb1\xe6\xb5\xbf",
            ),
            (r"\ISO 2022 IR 100", b"\x1b-AK\xe9r\xf4uz\xe9mer^Ma\xefwenn", b"\xe9r\xf4uz\xe9mer"),
            (
                r"ISO 2022 IR 13\ISO 2022 IR 87",
                b"\xd4\xcf\xbb\xde\xb8\xd7^\xc0\xdb\xb3=\x1b$B;3:f\x1b(J^\x1b$BB@O:\x1b(J",
                b"\xd4\xcf\xbb\xde",
            ),
        )
    )
    one.codec = "ascii"
    one.put("SpecificCharacterSet", declared, "is", must="ISO_IR 192")
    one.put("PatientName", name, "pseudonym")
    one.put("ReferringPhysicianName", name, "empty")
    one.put("ImageComments", b"thorax " + name.replace(b"^", b" "), "lost")
    one.elements[0x00204000] = one.elements[0x00204000]._replace(want=Want("text", "", frozenset({"thorax"})))
    one.needles.raw.add(raw)
    one.needles.text("Yamazakura", "Hongxiuquan", "Kérôuzémer")


@carrier()
def dates(one: Slice) -> None:
    """Dates in every form that a scanner writes: many, partial, with offsets, old style, and what is no date."""
    first = one.person.studies[one.study]
    one.put("AcquisitionDateTime", f"{first:%Y%m%d}102413.123456-0330", "moment")
    one.put("FrameAcquisitionDateTime", f"{first:%Y%m}", "lost")
    one.put("StartAcquisitionDateTime", f"{first:%Y}", "lost")
    one.put("EndAcquisitionDateTime", f"{first:%Y%m%d}10+0100", "date")
    one.put("AcquisitionDate", f"{first:%Y.%m.%d}", "date")
    one.put("ContentDate", f"{first:%d/%m/%Y}", "lost")
    one.put("SeriesDate", "20200000", "lost")
    one.put("InstanceCreationDate", "NA", "lost")
    one.put("PerformedProcedureStepStartDate", f"{first:%Y%m%d}-{first:%Y%m%d}", "lost")
    one.put("PerformedProcedureStepEndDate", f"{first:%Y%m%d} ", "date")
    one.put("ContrastBolusStartTime", "1025", "time")
    one.put("TimezoneOffsetFromUTC", "+0100", "gone")
    one.put("PatientBirthDateInAlternativeCalendar", "13391023", "lost")
    one.put("LastMenstrualDate", f"{first:%Y%m%d}", "lost")
    one.put("PatientDeathDateInAlternativeCalendar", f"{first:%Y%m%d}", "lost")


# Identifiers of people, orders and places that Table E.1-1 does not list: they may go as a whole.
_IDENTIFIERS = frozenset(
    tag_of(keyword)
    for keyword in (
        *(
            "PatientBirthDateInAlternativeCalendar",
            "PatientDeathDateInAlternativeCalendar",
            "LocalNamespaceEntityID",
            "UniversalEntityID",
        ),
        *(
            "PlacerOrderNumberImagingServiceRequestRetired",
            "FillerOrderNumberImagingServiceRequestRetired",
            "HL7InstanceIdentifier",
        ),
        *("ContactDisplayName", "StorageMediaFileSetID"),
    )
)
# What Table E.1-1 calls the identity of a device and this programme removes all the same: places, and devices that take
# no chest CT.
_NO_SCANNERS = frozenset(
    tag_of(keyword)
    for keyword in (
        *(
            "ScheduledStudyLocation",
            "ScheduledProcedureStepLocation",
            "DeviceDescription",
            "XRayDetectorLabel",
            "DeviceLabel",
        ),
        *(
            "LensSpecification",
            "LensMake",
            "LensModel",
            "LensSerialNumber",
            "ModifyingDeviceID",
            "ModifyingSystem",
            "SourceManufacturer",
        ),
        *("SourceSerialNumber", "TreatmentMachineName", "ManufacturerDeviceIdentifier"),
    )
)


def _rows() -> dict[int, tuple[str, str, dict[str, str]]]:
    """The single tags of Table E.1-1: VR, letters of the Basic Profile, letters of the options by CID 7050 code."""
    rows = json.loads((profiles_directory() / "ps315-e1-1.json").read_text(encoding="utf-8"))["rows"]
    return {
        int(tag, 16): (vr or known_vr(int(tag, 16)), basic, options)
        for tag, _, vr, basic, options in rows
        if len(tag) == 8 and "x" not in tag
    }


def _row_kind(tag: int, vr: str, basic: str, options: dict[str, str]) -> str:
    """What the table says, in the words of the answer key."""
    if "113107" in options and vr in ("DA", "DT", "TM"):
        return MOMENTS.get(tag, "lost")
    if "113109" in options:
        if tag in _NO_SCANNERS:
            return "lost"
        return (
            "any"
            if options["113109"] == "C" or vr in ("SQ", "UI", "UN")
            else "device text"
            if "113105" in options
            else "device"
        )
    if "113105" in options and vr in TEXTS:
        return "text"
    if "113108" in options:
        return "any"
    return "uid" if vr == "UI" and basic in ("U", "D") else "lost"


def _plant(one: Slice, tag: int, vr: str, kind: str) -> None:
    """Identity in one attribute, in a form that its VR can have."""
    person = one.person
    date = f"{person.studies[one.study]:%Y%m%d}"
    if vr in TEXTS and kind in ("text", "device text", "device"):
        template = {"text": "thorax {family}", "device text": "thorax {serial}", "device": "{serial}"}[kind]
        one.text(tag, "thorax {nda}" if vr == "SH" and kind == "text" else template, "thorax", vr=vr)
        want = one.elements[tag].want._replace(kind=kind)
        one.elements[tag] = one.elements[tag]._replace(want=want._replace(must="") if tag in _IDENTIFIERS else want)
        return
    inside = one.item()
    inside.put("PatientName", person.name, "any")
    inside.put("InstitutionName", person.hospital, "any")
    values = {
        "PN": fold(person.name).upper(), "DA": date, "DT": f"{date}1012", "TM": "1012", "UI": one.uid(60, tag),
        "AE": person.ae_title, "UR": f"https://pacs/{fold(person.family)}",
        "AS": "047Y", "CS": "NAMED", "DS": "1.5", "IS": "12", "SQ": [inside], "US": (7,), "SS": (7,), "UL": (7,),
        "SL": (7,), "FL": (1.5,),
        "FD": (1.5,), "AT": (8, 9), "SV": (7,), "UV": (7,),
    }  # fmt: skip
    if vr == "UI" and kind == "any":  # a device's, not a study's
        values["UI"] = f"1.2.276.0.7230010.3.{tag}.77"
    value = values.get(vr, person.family if vr in TEXTS else one.secret())
    one.put(tag, value, kind, vr=vr)


@carrier()
def table(one: Slice) -> None:
    """Every row of Table E.1-1, with identity in it."""
    for tag, (vr, basic, options) in _rows().items():
        if (
            tag >> 16 not in (0x0000, 0x0002, 0x0004, 0x0012)
            and tag not in one.elements
            and tag not in NAMED
            and tag != 0xFFFCFFFC
        ):
            _plant(one, tag, vr, _row_kind(tag, vr, basic, options))


def _unnamed() -> list[int]:
    """The attributes of PS3.6 that go by their VR alone."""
    rows = _rows()
    groups = (0x0012, 0x0028, 0x7FE0)
    return [
        tag
        for tag in DicomDictionary
        if tag >> 16 >= 8 and tag >> 16 not in groups and tag & 0xFFFF and tag not in rows and tag not in NAMED
    ]


def _unnamed_kind(tag: int, vr: str) -> str:
    """What becomes of an attribute that nothing names (PS3.15 E.1.1 makes us answer for it): it goes, but for UIDs."""
    return "any" if tag in NEEDED else MOMENTS.get(tag) or ("uid" if vr == "UI" else "gone")


def _plant_unnamed(one: Slice, tags: list[int]) -> None:
    inner = one.item()
    inner.put("AcquisitionType", "SPIRAL", "kept")
    for number, tag in enumerate(tags):
        vr = known_vr(tag)
        if tag not in one.elements and tag not in inner.elements and vr != "NONE":
            _plant(inner if number % 3 == 0 else one, tag, vr, _unnamed_kind(tag, vr))
    one.put("CTExposureSequence", [inner], "present")


@carrier()
def dictionary(one: Slice) -> None:
    """Attributes that no table names, drawn by lot, at the top and nested: what goes by VR alone."""
    _plant_unnamed(one, one.rng.sample(_unnamed(), 150))


@carrier()
def defaults(one: Slice) -> None:
    """All that no table names and that has one of the rarer VRs."""
    rare = {"PN", "UR", "OB", "OD", "OF", "OL", "OV", "OW", "UC", "UT", "ST", "LT", "DA", "DT", "TM"}
    _plant_unnamed(one, [tag for tag in _unnamed() if known_vr(tag) in rare])


@carrier()
def old_age(one: Slice) -> None:
    """An age over 89, written."""
    one.put("PatientAge", one.rng.choice(("093Y", "101Y", "090Y")), "age", must="090Y")


@carrier()
def no_age(one: Slice) -> None:
    """No age: computed from the birth date and the original date before both go."""
    del one.elements[0x00101010]
    birth, study = one.person.birth, one.person.studies[one.study]
    years = study.year - birth.year - ((study.month, study.day) < (birth.month, birth.day))
    one.put("PatientAge", "", "age", must="090Y" if years > 89 else f"{years:03d}Y")


@carrier()
def spelling(one: Slice) -> None:
    """The same patient, spelt otherwise: spaces around the ID, the issuer's case, another name."""
    person = one.person
    one.put("PatientID", f" {person.patient_id}  ", "pseudonym")
    one.put("IssuerOfPatientID", person.issuer.lower() + " ", "lost")
    one.put("PatientName", f"{person.birth_name.upper()}^{person.given.upper()}", "pseudonym")


@carrier()
def luts(one: Slice) -> None:
    """Look-up tables stay, what somebody typed beside them does not."""
    lut = one.item()
    lut.put("LUTDescriptor", (4, 0, 16), "kept", vr="US")
    lut.put("ModalityLUTType", "HU", "kept")
    lut.put("LUTData", (1, 2, 3, 4), "kept", vr="US")
    lut.text("LUTExplanation", "{family}")
    one.put("ModalityLUTSequence", [lut], "present")
    for tag in (0x00281052, 0x00281053, 0x00281054):
        del one.elements[tag]
    voi = one.item()
    voi.put("LUTDescriptor", (4, 0, 16), "kept", vr="US")
    voi.put("LUTData", (1, 2, 3, 4), "kept", vr="US")
    voi.text("LUTExplanation", "poumon {family}")
    one.put("VOILUTSequence", [voi], "present")


@carrier(*LITTLE)
def retired(one: Slice) -> None:
    """Retired, unknown and repeating tags, and group lengths."""
    one.put(0x00080000, (400,), "gone", vr="UL")
    one.put(0x00100000, (400,), "gone", vr="UL")
    one.put(0x001800F8, one.person.family.upper(), "gone", vr="CS")
    one.put(0x00189FFE, one.person.name, "gone", vr="PN")
    one.put(0x00204000, one.person.family, "text")
    one.text(0x00184000, "{family}")
    one.put(0x40000010, one.person.family, "lost", vr="LT")
    one.put(0x40080102, one.person.physicians[0], "lost", vr="PN")
    one.put(0x4008010C, one.person.physicians[0], "lost", vr="PN")
    one.put(0x00321060, f"thorax {one.person.family}", "any", vr="LO")
    one.put(0x00281104, (1, 2), "any", vr="US")
    one.put(0x7F000010, one.secret(), "gone", vr="OW")
    one.put(0x10000010, one.secret(), "gone", vr="US")
    one.put(0x10100004, (1, 2), "any", vr="US")


@carrier(EXPLICIT_VR_LE, EXPLICIT_VR_BE)
def wrong_vr(one: Slice) -> None:
    """Names under a VR that is not the attribute's, in attributes that are kept under their own."""
    for keyword, vr in (
        ("ManufacturerModelName", "OB"),
        ("ScanOptions", "LT"),
        ("SpacingBetweenSlices", "LO"),
        ("SequenceVariant", "PN"),
    ):
        one.put(keyword, one.person.family, "lost", vr=vr)
