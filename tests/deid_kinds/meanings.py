"""Words, codes and numbers where only what has a meaning may stay, at every depth.

And what is held by nobody's fault.
"""

from __future__ import annotations

from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.deid_encoding import Want, known_vr
from tests.deid_identities import words
from tests.deid_kinds.pictures import enhanced
from tests.deid_kinds.register import carrier, code
from tests.deid_kinds.values import NEEDED
from tests.deid_slices import Slice, tag_of

# What triage goes by, and what it would hold an object for.
_TRIAGE = frozenset(
    tag_of(keyword)
    for keyword in (
        "ImageType",
        "Modality",
        "ConversionType",
        "PhotometricInterpretation",
        "BurnedInAnnotation",
        "SpecificCharacterSet",
    )
)
# What a scanner says of itself (func:device), and words that makers have for it.
MACHINE = (
    ("Manufacturer", "SIEMENS"), ("ManufacturerModelName", "SOMATOM Force"), ("SoftwareVersions", "syngo CT VB20A"),
    ("ConvolutionKernel", "Br40d"), ("FilterType", "FLAT"), ("ScanOptions", "HELICAL MODE"),
    ("ExposureModulationType", "XYZ_EC"), ("ImageFilter", "SAFIRE"), ("AlgorithmName", "ADMIRE"),
)  # fmt: skip


@carrier()
def words_in_codes(one: Slice) -> None:
    """A word that nobody knows, in every code attribute (CS) that an image may keep, at every depth."""
    inner = one.item()
    for tag in sorted(NEEDED - _TRIAGE):
        if known_vr(tag) == "CS":
            one.put(tag, one.stranger(), "lost")
            inner.put(tag, one.stranger(), "lost")
    inner.put("RevolutionTime", (0.5,), "kept")
    deeper = one.item()
    deeper.put("BodyPartExamined", one.stranger(), "gone")
    deeper.put("RotationDirection", f"CW\\{one.stranger()}", "is", must="CW")
    inner.put("CTGeometrySequence", [deeper], "present")
    one.put("CTExposureSequence", [inner], "present")
    one.put("ImageType", rf"ORIGINAL\PRIMARY\AXIAL\{one.stranger()}", "is", must=r"ORIGINAL\PRIMARY\AXIAL")


@carrier()
def words_of_makers(one: Slice) -> None:
    """A word that nobody knows beside what makers write, and alone: it goes, and nothing comes in its place."""
    alone = one.person.number % 2
    for keyword, known in MACHINE:
        one.put(keyword, one.stranger() if alone else f"{known} {one.stranger()}", "text", must="" if alone else known)
        tag = tag_of(keyword)
        one.elements[tag] = one.elements[tag]._replace(
            want=Want("text", "" if alone else known, frozenset(words(known)))
        )
    # Elsewhere it is not the scanner's own.
    inner = one.item()
    inner.put("RevolutionTime", (0.5,), "kept")
    for keyword, known in MACHINE:
        inner.put(keyword, known, "lost" if keyword == "Manufacturer" else "gone")
    one.put("CTExposureSequence", [inner], "present")


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
def words_in_frames(one: Slice) -> None:
    """The same in the functional groups of an Enhanced CT, where its kernel and filter stand."""
    enhanced(one)
    shared = one.item()
    shared.elements = dict(one.elements[0x52009229].value[0])
    details, reconstruction = one.item(), one.item()
    reconstruction.put("ConvolutionKernel", f"Br40d {one.stranger()}", "is", must="Br40d")
    reconstruction.put("ReconstructionAlgorithm", one.stranger(), "gone")
    reconstruction.put("ConvolutionKernelGroup", "SOFT_TISSUE", "kept")
    details.put("FilterType", f"FLAT {one.stranger()}", "is", must="FLAT")
    details.put("FilterMaterial", f"ALUMINUM\\{one.stranger()}", "is", must="ALUMINUM")
    shared.put("CTReconstructionSequence", [reconstruction], "present")
    shared.put("CTXRayDetailsSequence", [details], "present")
    one.put("SharedFunctionalGroupsSequence", [shared], "present")
    # Type 1 in an Enhanced CT: what is not known becomes a constant.
    one.put("ManufacturerModelName", one.stranger(), "is", must="ANONYMOUS")


@carrier()
def unknown_codes(one: Slice) -> None:
    """Codes that look like those of published schemes.

    They are numbers and names of somebody, under SCT, DCM, LN, RADLEX and CCAM.
    """
    number = one.person.patient_id[-8:]
    one.needles.number(number)
    for keyword, scheme, value in (
        ("AnatomicRegionSequence", "SCT", number), ("RequestedProcedureCodeSequence", "DCM", number),
        ("ViewCodeSequence", "RADLEX", f"RID{number}"),
        ("ProcedureCodeSequence", "LN", f"{number[:7]}-{number[7]}"),
        ("PurposeOfReferenceCodeSequence", "UCUM", number),
    ):  # fmt: skip
        one.put(keyword, [code(one, value, scheme, one.stranger(), "gone")], "gone")
    named = code(one, one.stranger(), "SCT", "Chest", "gone")
    one.put("AnatomicRegionModifierSequence", [named, code(one, one.stranger(), "CCAM", "Scanner", "gone")], "gone")
    # A published code keeps its own words, whatever stood beside it; one without a meaning gets it.
    typed = code(one, "51185008", "SCT", one.stranger())
    typed.put("CodeMeaning", one.stranger(), "is", must="Chest")
    typed.put("EquivalentCodeSequence", [code(one, number, "SCT", one.stranger(), "gone")], "gone")
    one.put("PrimaryAnatomicStructureSequence", [typed], "present")


@carrier(EXPLICIT_VR_LE, EXPLICIT_VR_BE)
def unknown_code_demanded(one: Slice) -> None:
    """The code of a region that nobody published, where an Enhanced CT must have one: held."""
    enhanced(one)
    one.want = "held"
    region, shared = one.item(), one.item()
    region.put("AnatomicRegionSequence", [code(one, one.person.patient_id[-8:], "SCT", "Chest", "any")], "any")
    shared.elements = dict(one.elements[0x52009229].value[0])
    shared.put("FrameAnatomySequence", [region], "any")
    one.put("SharedFunctionalGroupsSequence", [shared], "present")


# Numbers, by VR, that an image keeps and that can be as long as an identifier.
_NUMBERS = {
    "IS": ("SeriesNumber", "ExposureTime", "HeartRate"),
    "DS": ("ReconstructionDiameter", "TableHeight", "SpacingBetweenSlices"),
    "FD": ("TableSpeed", "CTDIvol", "AcquisitionDuration"),
    "FL": ("CalciumScoringMassFactorPatient", "EnergyWeightingFactor"),
    "UL": ("ConcatenationFrameOffsetNumber", "InStackPositionNumber"),
}


@carrier()
def large_numbers(one: Slice) -> None:
    """Birthdays, telephones and seconds since 1970 as numbers, in every VR, at every depth.

    No measurement is so large.
    """
    birth = one.person.birth
    epoch = (birth.toordinal() - 719163) * 86400 % 1_000_000_000 + 1_000_000_000
    inner = one.item()
    for place in (one, inner):
        for number, keyword in enumerate(keyword for keywords in _NUMBERS.values() for keyword in keywords):
            vr = known_vr(tag_of(keyword))
            value = (epoch, int(f"{birth:%Y%m%d}"))[number % 2]
            place.put(keyword, str(value) if vr in ("IS", "DS") else (value,), "lost")
    inner.put("RevolutionTime", (0.5,), "kept")
    one.put("CTExposureSequence", [inner], "present")


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
def identifier_as_number(one: Slice) -> None:
    """A patient's number of seven digits as the value of a number, in text and in binary.

    It is taken out, or the object held.
    """
    one.want = "either"
    number = one.rng.randint(1_100_000, 9_900_000) | 1
    one.put("PatientID", f"{number:07d}", "pseudonym")
    one.needles.number(f"{number}")
    vr = ("FD", "IS", "UL", "DS")[one.person.number % 4]
    one.put(_NUMBERS[vr][0], f"{number}" if vr in ("IS", "DS") else (number,), "any")
    one.needles.numbers.add(number)


@carrier()
def own_words(one: Slice) -> None:
    """A station, a study and operators whose names are the scanner's model, version, kernel and numbers.

    Nobody holds it for that.
    """
    station, model, version, kernel, operator = (
        ("CT660", "Optima CT660", "07MW18.4", "STANDARD", "MW"),
        ("VA48A", "SOMATOM Force", "syngo CT VA48A", "Br40d", "BR40"),
        ("IDT", "Mx8000 IDT", "4.1", "B", "IDT"),
        ("ONE", "Aquilion ONE", "V4.51ER010", "FC08", "FC08"),
    )[one.rng.randrange(4)]
    one.put("StationName", station, "device")
    one.put("OperatorsName", operator, "lost")
    one.put("StudyID", "8000" if station == "IDT" else "1600", "empty")
    one.put("WindowWidth", r"1600\8000", "kept")
    one.put("ManufacturerModelName", model, "kept")
    one.put("SoftwareVersions", version, "kept")
    one.put("ConvolutionKernel", kernel, "kept")
