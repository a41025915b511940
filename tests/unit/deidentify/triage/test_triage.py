"""What may show or name the patient in its pixels is held before anything else."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from fidac_node.config.sections import Deidentify
from fidac_node.deidentify.pixels import highbits
from fidac_node.deidentify.source import Source, open_source, read_source
from fidac_node.deidentify.triage.triage import CHOICES, EVERY_FRAME, SERIES, Kind, Rules, Verdict, triage
from fidac_node.dicom.uids import CT_CLASSES, EXPLICIT_VR_BE, EXPLICIT_VR_LE, HELD_CLASSES, IMPLICIT_VR_LE
from fidac_node.errors import ConfigError, Permanent
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, dataset

SC = "1.2.840.10008.5.1.4.1.1.7"
SECONDARY_CAPTURES = (SC, *(f"{SC}.{number}" for number in range(1, 5)))
DOSE_REPORT = "1.2.840.10008.5.1.4.1.1.88.67"
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
RLE = "1.2.840.10008.1.2.5"


def source(ds: Dataset, syntax: str = EXPLICIT_VR_LE) -> Source:
    """The object, read as the engine reads it."""
    ds = build.dcm_copy(ds)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = UID(ds.get("SOPClassUID", build.CT))
    ds.file_meta.MediaStorageSOPInstanceUID = UID(ds.get("SOPInstanceUID", f"{build.ROOT}.9"))
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    if syntax == RLE:
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    target = io.BytesIO()
    dcmwrite(target, ds, enforce_file_format=True)
    return read_source(target.getvalue(), build.LIMIT)


def verdict(ds: Dataset, syntax: str = EXPLICIT_VR_LE, **rules: Any) -> Verdict:
    return triage(source(ds, syntax), Rules(**rules))


def held(ds: Dataset, syntax: str = EXPLICIT_VR_LE, **rules: Any) -> str:
    """The code that an object is held with; "" if it passes."""
    try:
        verdict(ds, syntax, **rules)
    except Permanent as error:
        return f"{error.code}{build.traces(str(error).encode()) or ''}"
    return ""


# --- Classes


@pytest.mark.parametrize("sop_class", HELD_CLASSES)
def test_every_class_that_is_taken_to_be_held_is_held(sop_class: str) -> None:
    assert held(ct(SOPClassUID=sop_class)) == ("pixel-risk" if sop_class.startswith(SC) else "not-allowed-class")


@pytest.mark.parametrize("sop_class", SECONDARY_CAPTURES)
def test_the_five_secondary_captures_are_held(sop_class: str) -> None:
    assert held(ct(SOPClassUID=sop_class)) == "pixel-risk"


def test_an_mr_image_or_an_unknown_class_is_held() -> None:
    assert held(ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR")) == "not-allowed-class"
    assert held(ct(SOPClassUID="1.2.3.4")) == held(ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.71")) == "not-allowed-class"
    assert held(ct(Modality="PT")) == held(ct(Modality=None)) == "not-allowed-class"


@pytest.mark.parametrize(
    "sop_class", ["1.2.840.10008.5.1.4.1.1.104.3", "1.2.840.10008.5.1.4.1.1.77.1.4.1", "1.2.840.10008.5.1.4.1.1.66"]
)
def test_encapsulated_documents_video_and_raw_data_are_held(sop_class: str) -> None:
    assert held(ct(SOPClassUID=sop_class)) == "not-allowed-class"


def test_the_three_ct_classes_pass() -> None:
    made = {uid: ct() if name == "CT Image Storage" else build.enhanced() for uid, name in CT_CLASSES.items()}
    for uid, ds in made.items():
        ds.SOPClassUID = uid
        assert verdict(ds) == Verdict("image", 0, look=0)


# --- What the header says of the pixels

PASSING: list[dict[str, object]] = [
    {"BurnedInAnnotation": "NO"},
    {"RecognizableVisualFeatures": "NO"},
    {"ImageType": ["DERIVED", "PRIMARY", "MPR"]},
    {"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 MPR"]},
    {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]},
    {"ImageType": ["ORIGINAL", "PRIMARY"]},
    {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "AIDR 3D"]},
    {"SecondaryCaptureDeviceManufacturer": "CAMTRONICS"},
    {"PhotometricInterpretation": "MONOCHROME1"},
    {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1},
    {"NumberOfFrames": "1"},
    {"PixelPaddingValue": 0},
    {"ImagePositionPatient": ["-1e2", "+.5", "12."]},
]
HELD: list[tuple[dict[str, object], str]] = [
    ({"ImageType": ["DERIVED", "SECONDARY", "PATIENT_INFO"]}, "pixel-risk"),
    ({"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]}, "pixel-risk"),
    ({"ImageType": ["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"]}, "pixel-risk"),
    ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "CT_SOM5 PROT"]}, "pixel-risk"),
    ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 DYNEVA"]}, "pixel-risk"),
    ({"ImageType": ["ORIGINAL", "PRIMARY", "DOSE_INFO"]}, "pixel-risk"),
    ({"ImageType": ["DERIVED", "PRIMARY", "SCREEN SAVE"]}, "pixel-risk"),
    ({"ImageType": ["ORIGINAL", "PRIMARY", "SCREEN SAVE"]}, "pixel-risk"),
    ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "VRT"]}, "pixel-risk"),
    ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "3D"]}, "pixel-risk"),
    ({"ImageType": ["DERIVED", "PRIMARY", "OTHER"]}, "pixel-risk"),
    ({"ImageType": ["DERIVED", "PRIMARY"]}, "pixel-risk"),
    ({"ImageType": ["ORIGINAL"]}, "pixel-risk"),
    ({"ImageType": ["MIXED", "PRIMARY", "AXIAL"]}, "pixel-risk"),
    ({"ImageType": ""}, "pixel-risk"),
    ({"ImageType": None}, "pixel-risk"),
    ({"BurnedInAnnotation": "YES"}, "pixel-risk"),
    ({"RecognizableVisualFeatures": "YES"}, "pixel-risk"),
    ({"ConversionType": "WSD"}, "pixel-risk"),
    ({"ConversionType": ""}, "pixel-risk"),
    ({"PhotometricInterpretation": "RGB"}, "pixel-risk"),
    ({"PhotometricInterpretation": "PALETTE COLOR"}, "pixel-risk"),
    ({"RedPaletteColorLookupTableDescriptor": [256, 0, 16]}, "pixel-risk"),
    ({"SamplesPerPixel": 3}, "pixel-risk"),
    ({"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, "pixel-risk"),
    ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "pixel-risk"),
    ({"BitsStored": 8, "HighBit": 7}, "pixel-risk"),
    ({"BitsAllocated": 32}, "not-allowed-class"),
    ({"BitsAllocated": 12}, "not-allowed-class"),
    ({"BitsStored": 17, "HighBit": 16}, "not-allowed-class"),
    ({"HighBit": 16}, "pixel-risk"),
    ({"HighBit": 10}, "pixel-risk"),
    ({"NumberOfFrames": "2"}, "not-allowed-class"),
    ({"VolumeBasedCalculationTechnique": "VOLUME_RENDER"}, "pixel-risk"),
    ({"ImagePositionPatient": None}, "incomplete"),
    ({"ImagePositionPatient": ["1", "2"]}, "incomplete"),
    ({"ImageOrientationPatient": ""}, "incomplete"),
    ({"ImageOrientationPatient": ["1", "0", "0"]}, "incomplete"),
    ({"PixelSpacing": None}, "incomplete"),
    ({"PixelData": None}, "incomplete"),
    ({"BitsAllocated": None}, "malformed"),
    ({"BitsStored": None}, "malformed"),
    ({"PixelDataProviderURL": "http://pacs/Quenouille"}, "not-allowed-class"),
]


@pytest.mark.parametrize("values", PASSING)
def test_what_speaks_for_plain_slices_passes(values: dict[str, object]) -> None:
    assert verdict(ct(**values)) == Verdict("image", 0, look=0)


@pytest.mark.parametrize(("values", "code"), HELD)
def test_what_speaks_for_text_in_the_pixels_holds(values: dict[str, object], code: str) -> None:
    assert held(ct(**values)) == code


@pytest.mark.parametrize(("values", "code"), HELD)
def test_a_series_that_passed_lets_nothing_pass_that_looks_like_it(values: dict[str, object], code: str) -> None:
    assert held(ct()) == "", "decided, and remembered"
    assert held(ct(**values)) == code
    assert held(ct()) == ""


PALETTES = {
    f"{kind}{colour}PaletteColorLookupTable{part}": "US" if part == "Descriptor" else "OW"
    for colour in ("Red", "Green", "Blue")
    for kind, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
}


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
def test_a_palette_without_a_value_is_none(syntax: str) -> None:
    empty = ct()
    for keyword, vr in PALETTES.items():
        empty.add_new(keyword, vr, None)
    assert held(empty, syntax) == ""
    for keyword, vr in PALETTES.items():
        if "Red" in keyword:
            filled = build.dcm_copy(empty)
            filled.add_new(keyword, vr, [256, 0, 16] if vr == "US" else bytes(2))
            assert held(filled, syntax) == "pixel-risk", keyword


def test_floating_point_pixels_are_held() -> None:
    for keyword in ("FloatPixelData", "DoubleFloatPixelData"):
        assert held(ct(**{keyword: bytes(64)})) == "not-allowed-class"
    assert held(ct(FloatPixelData=bytes(64), PixelData=None)) == "not-allowed-class"


@pytest.mark.parametrize(
    "description",
    [
        "Dose Report", "DoseReport", "Dose", "DOSE_INFO", "Radiation dose", "Rapport de dose", "Fiche des doses",
        "Low Dose Report", "Patient Protocol", "PatientProtocol", "Protocole patient", "Protocol", "Exam protocol",
        "Exam Summary", "Résumé", "Compte-rendu", "Écran: screen save", "ScreenSave", "Snapshot", "Capture", "3D",
        "VRT Thorax", "Volume rendering", "Rendu volumique", "Key Images", "Courbe de rehaussement",
        "Bolus curve", "Scanned document", "Patient info", "Infos patient", "Key_Images", "Ordonnance", "Histogram",
        "SSD", "RAPPORT", "CT dose", "Dose 3D", "Dose patient", "Total dose", "Dose cumulée", "Dose length product",
        "Dose récapitulatif", "DLP dose", "Vue 3D", "3D view 1", "3D rendering", "3D VRT", "Capture 3D",
        "Dose photo", "Thorax dose curve", "3D screen shot", "Thorax patient protocol 3D",
    ],
)  # fmt: skip
def test_a_series_named_as_a_report_or_a_screen_is_held(description: str) -> None:
    ds = ct(SeriesDescription=description, SpecificCharacterSet="ISO_IR 100")
    assert held(ds) == "pixel-risk"


@pytest.mark.parametrize(
    "description",
    [
        "Thorax low dose 1.25", "LOW-DOSE CHEST", "lung_lowdose", "Thorax basse dose", "Poumon faible dose",
        "Scanner ultra-low dose", "Thorax très faible dose", "dose réduite", "Thorax dose standard", "Half dose",
        "CareDose4D", "Care Dose 4D", "iDose (3)", "i-Dose 4",
        "protocole thorax", "Chest protocol", "PROTOCOL LUNG 1.0", "Lung 1.0 AIDR 3D", "AIDR3D STD",
        "ThoraxRoutine  8.0.0  B70f", "PreMonitoring", "Bolus tracking", "MIP 8mm", "MPR cor",
        "Parenchyme 1.25", "5.10 PE>200 LBS/ 91 KG", "Body 5.0", "Dosette",
    ],
)  # fmt: skip
def test_a_series_named_as_slices_passes_also_with_words_like_those_of_screens(description: str) -> None:
    assert held(ct(SeriesDescription=description, SpecificCharacterSet="ISO_IR 100")) == ""


SAID_OF_SLICES = (
    "Thorax 3D 1.25mm", "Thorax dose optimisee", "Parenchyme 3D B70f", "THORAX 1/3 DOSE", "Low-dose 1.0", "3-D coeur",
    "Low dose 3D", "Thorax 3-D", "LUNG_3D_1.0", "Dose 20mAs poumon",
)  # fmt: skip


@pytest.mark.parametrize("description", SAID_OF_SLICES)
def test_3d_and_dose_do_not_hold_slices_whose_header_says_that_the_scanner_acquired_them(description: str) -> None:
    assert held(ct(SeriesDescription=description)) == ""
    enhanced = build.enhanced()
    enhanced.SeriesDescription, enhanced.ImageType = description, ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    assert held(enhanced) == ""


@pytest.mark.parametrize(
    "values",
    [
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]},
        {"ImageType": ["DERIVED", "PRIMARY", "VOLUME"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "VOLUME"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER"]},
        {"ImageType": ["ORIGINAL", "PRIMARY"]},
        {"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 PROT"]},
        {"ConversionType": "WSD"},
        {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3},
        {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7},
        {"BurnedInAnnotation": "YES"},
        {"NumberOfFrames": "2"},
        {"ImagePositionPatient": None},
    ],
)
def test_3d_and_dose_hold_what_does_not_speak_plainly_for_slices(values: dict[str, object]) -> None:
    for description in ("Thorax 3D 1.25mm", "Thorax dose optimisee"):
        assert held(ct(SeriesDescription=description, **values)) in ("pixel-risk", "incomplete", "not-allowed-class")


def test_the_protocol_of_the_slices_may_say_protocol_dose_and_3d_but_not_name_a_screen() -> None:
    for name in (
        "Chest scan protocol",
        "5.1 ROUTINE CHEST NON CONTRAST LOW DOSE",
        "3D Thorax",
        "Protocole thorax",
        "High dose",
    ):
        assert held(ct(ProtocolName=name)) == held(ct(DerivationDescription=name)) == ""
    for name in ("Patient Protocol", "Dose Report", "Screen capture", "Rapport de dose"):
        assert held(ct(ProtocolName=name)) == held(ct(DerivationDescription=name)) == "pixel-risk"


def test_words_are_read_in_the_character_set_that_is_declared() -> None:
    latin, utf = (
        ct(SpecificCharacterSet=charset, SeriesDescription="Résumé") for charset in ("ISO_IR 100", "ISO_IR 192")
    )
    assert held(latin) == held(utf) == "pixel-risk"
    harmless = ct(SpecificCharacterSet="ISO_IR 100", SeriesDescription="RÃ©sumÃ©")
    assert held(harmless) == ""
    assert held(utf) == "pixel-risk", "the same bytes, and they say something else"


# --- Enhanced CT


def test_what_an_enhanced_ct_may_have_does_not_let_a_ct_image_pass() -> None:
    enhanced = build.enhanced()
    assert held(enhanced) == ""
    plain = ct(NumberOfFrames="3", ImagePositionPatient=["0", "0", "0"])
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        setattr(plain, keyword, getattr(enhanced, keyword))
    assert held(plain) == "not-allowed-class"


def test_an_enhanced_ct_without_positions_is_held() -> None:
    nowhere = build.enhanced()
    nowhere.PerFrameFunctionalGroupsSequence = [dataset(FrameContentSequence=[])] * 3
    assert held(nowhere) == "incomplete"
    nowhere.SharedFunctionalGroupsSequence[0].PlanePositionSequence = [dataset(ImagePositionPatient=["0", "0", "0"])]
    assert held(nowhere) == ""


def test_one_frame_without_a_position_holds_an_enhanced_ct() -> None:
    ds = build.enhanced()
    del ds.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence
    assert held(ds) == "incomplete"
    ds = build.enhanced()
    ds.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient = None
    assert held(ds) == "incomplete"


@pytest.mark.parametrize(
    ("frame_type", "code"),
    [
        (["ORIGINAL", "PRIMARY", "AXIAL", "NONE"], ""),
        (["DERIVED", "PRIMARY", "VOLUME", "NONE"], ""),
        (["DERIVED", "SECONDARY", "OTHER", "NONE"], "pixel-risk"),
        (["ORIGINAL", "PRIMARY", "SCREEN SAVE"], "pixel-risk"),
        (["DERIVED", "PRIMARY", "OTHER"], "pixel-risk"),
    ],
)
@pytest.mark.parametrize("place", ["shared", "frame"])
def test_the_type_of_every_frame_counts(frame_type: list[str], code: str, place: str) -> None:
    ds = build.enhanced()
    ds.ImageType = ["MIXED", "PRIMARY", "VOLUME", "NONE"]
    group = ds.SharedFunctionalGroupsSequence[0] if place == "shared" else ds.PerFrameFunctionalGroupsSequence[2]
    group.CTImageFrameTypeSequence = [dataset(FrameType=frame_type)]
    assert held(ds) == held(ds, IMPLICIT_VR_LE) == code


# --- Overlays


OVERLAY = {"rows": 0x0010, "columns": 0x0011, "allocated": 0x0100, "position": 0x0102, "data": 0x3000}


def overlaid(group: int = 0x6000, **values: Any) -> Dataset:
    """A slice of 12 bits in 16 with an overlay in bit 12 of the pixels; ``values`` by name, ``None`` leaves one out."""
    overlay = {"rows": 4, "columns": 4, "allocated": 16, "position": 12, "data": None} | values
    ds = ct(**{keyword: value for keyword, value in overlay.items() if keyword not in OVERLAY})
    for name, number in OVERLAY.items():
        if overlay[name] is not None:
            ds.add_new(group << 16 | number, "OW" if name == "data" else "US", overlay[name])
    return ds


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
@pytest.mark.parametrize("group", [0x6000, 0x601E, 0x6020, 0x60FE])
@pytest.mark.parametrize("bit", [12, 15])
def test_an_overlay_in_the_unused_bits_of_native_pixels_is_masked(syntax: str, group: int, bit: int) -> None:
    assert verdict(overlaid(group, position=bit), syntax) == Verdict("image", 0xFFF, look=0)


def test_the_mask_keeps_the_pixel_values_and_takes_the_overlay() -> None:
    ds = overlaid(PixelRepresentation=1)
    words = [0x0123, 0x1123, 0x0FFF, 0xFFFF, 0x1800, 0x8000]
    mask = verdict(ds).mask
    chunk = b"".join(word.to_bytes(2, "little") for word in words)
    masked = highbits.masked(chunk, mask, signed=True, little=True)
    values = [int.from_bytes(masked[start : start + 2], "little", signed=True) for start in range(0, 12, 2)]
    assert values == [0x123, 0x123, -1, -1, -0x800, 0]


@pytest.mark.parametrize(
    "values",
    [
        {"position": 11},
        {"position": 0},
        {"position": 16},
        {"position": None},
        {"position": None, "allocated": None},
        {"position": None, "allocated": None, "rows": None},
        {"position": 3, "data": bytes(2)},
        {"position": 0, "allocated": 16, "data": bytes(2)},
        {"BitsStored": 16, "HighBit": 15, "position": 15},
        {"PixelPaddingValue": 0xF830},
    ],
)
def test_an_overlay_that_cannot_be_masked_for_certain_is_held(values: dict[str, Any]) -> None:
    assert held(overlaid(**values)) == "pixel-risk"


def test_an_overlay_in_compressed_pixels_is_held() -> None:
    ds = overlaid()
    ds.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00\x01\x00\x00\x00"
    assert held(ds, RLE) == "pixel-risk"
    del ds[0x60000010], ds[0x60000011], ds[0x60000100], ds[0x60000102]
    assert held(ds, RLE) == ""


def test_an_overlay_of_its_own_needs_no_mask() -> None:
    for values in ({"allocated": 1, "position": 0}, {"allocated": None, "position": None}):
        assert verdict(overlaid(data=bytes(2), **values)).mask == 0
    assert verdict(overlaid(data=bytes(2))).mask == 0xFFF, "its place is in the pixels, whatever else it has"
    described = ct()
    described.add_new(0x60000022, "LO", "Quenouille")
    assert verdict(described).mask == 0


def test_a_padding_value_within_the_stored_bits_does_not_stop_masking() -> None:
    assert verdict(overlaid(PixelPaddingValue=0)).mask == 0xFFF
    signed = overlaid(PixelRepresentation=1)
    signed.add_new(0x00280120, "SS", -2000)
    assert verdict(signed).mask == 0xFFF
    signed[0x00280120].value = -4000
    assert held(signed) == "pixel-risk"


# --- Rules of a site


def test_the_rules_and_the_settings_have_the_same_names_and_defaults() -> None:
    settings = Deidentify()
    # Alone among them, looking for text needs a program that may not be there; the engine by itself has none.
    assert {rule.name: getattr(settings, rule.name) for rule in fields(Rules)} == {
        **{rule.name: getattr(Rules(), rule.name) for rule in fields(Rules)},
        "ocr_sample": SERIES,
    }
    assert {name: choices[0] for name, choices in CHOICES.items()} == {name: getattr(Rules(), name) for name in CHOICES}


def test_a_rule_that_is_not_known_stops_the_start() -> None:
    for name in CHOICES:
        with pytest.raises(ConfigError, match=name):
            Rules(**{name: "drop"})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="ocr_sample"):
        Rules(ocr_sample=-1)
    with pytest.raises(ConfigError, match="ocr_sample"):
        Rules(ocr_sample="study")


def test_localizers_are_held_unless_the_site_lets_them_pass() -> None:
    for values in (
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER", "CT_SOM5 TOP"]},
        {"SeriesDescription": "Topogram  0.6  T20f"},
        {"SeriesDescription": "Scout"},
        {"SeriesDescription": "Surview"},
    ):
        assert (held(ct(**values)), held(ct(**values), localizers="process")) == ("localizer", "")
    assert held(ct(SeriesDescription="Stop and go")) == ""
    ds = build.enhanced()
    ds.PerFrameFunctionalGroupsSequence[0].CTImageFrameTypeSequence = [
        dataset(FrameType=["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"])
    ]
    assert (held(ds), held(ds, localizers="process")) == ("localizer", "")


def capture(**values: Any) -> Dataset:
    """A Secondary Capture that says that nothing is burned in."""
    defaults = {
        "SOPClassUID": SC,
        "ImageType": ["DERIVED", "SECONDARY"],
        "ConversionType": "WSD",
        "BurnedInAnnotation": "NO",
        "PhotometricInterpretation": "RGB",
        "SamplesPerPixel": 3,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "ImagePositionPatient": None,
        "PixelSpacing": None,
    }
    return ct(**(defaults | values))


@pytest.mark.parametrize("sop_class", SECONDARY_CAPTURES)
def test_a_secondary_capture_is_looked_at_where_the_site_wants_it(sop_class: str) -> None:
    assert held(capture(SOPClassUID=sop_class)) == "pixel-risk"
    assert verdict(capture(SOPClassUID=sop_class), secondary_captures="check") == Verdict("image", 0, look=EVERY_FRAME)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"BurnedInAnnotation": ""}, "pixel-risk"),
        ({"BurnedInAnnotation": "YES"}, "pixel-risk"),
        ({"RecognizableVisualFeatures": "YES"}, "pixel-risk"),
        ({"SeriesDescription": "Exam Summary"}, "pixel-risk"),
        ({"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]}, "pixel-risk"),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "pixel-risk"),
        ({"Modality": "XC"}, "not-allowed-class"),
        ({"PixelData": None}, "incomplete"),
    ],
)
def test_looking_does_not_help_a_secondary_capture_that_names_its_text(values: dict[str, Any], code: str) -> None:
    assert held(capture(**values), secondary_captures="check") == code


def test_a_secondary_capture_that_says_nothing_of_text_is_held() -> None:
    silent = capture()
    del silent.BurnedInAnnotation
    assert held(silent, secondary_captures="check") == "pixel-risk"


def test_a_secondary_capture_with_an_overlay_is_held() -> None:
    ds = capture(
        PhotometricInterpretation="MONOCHROME2", SamplesPerPixel=1, BitsAllocated=16, BitsStored=12, HighBit=11
    )
    assert held(ds, secondary_captures="check") == ""
    ds.add_new(0x60000102, "US", 12)
    assert held(ds, secondary_captures="check") == "pixel-risk"


def reformatted(**values: Any) -> Dataset:
    """A slice that says that it was made of others, with a place and a scale."""
    scale = {"RescaleIntercept": "-1024", "RescaleSlope": "1"} | values
    missing = [keyword for keyword in ("RescaleIntercept", "RescaleSlope") if scale[keyword] is None]
    return ct(**{"ImageType": ["DERIVED", "SECONDARY", "MPR"], **{k: v for k, v in scale.items() if k not in missing}})


REFORMATS = (
    r"DERIVED\SECONDARY\MPR", r"DERIVED\SECONDARY\AXIAL", r"DERIVED\SECONDARY\REFORMATTED\AVERAGE",
    r"DERIVED\SECONDARY\CORONAL", r"DERIVED\SECONDARY\SAGITTAL", r"DERIVED\SECONDARY\OBLIQUE",
    r"DERIVED\SECONDARY\MINIP", r"DERIVED\SECONDARY\MPR\CT_SOM5 MPR", r"ORIGINAL\SECONDARY\AXIAL",
    r"DERIVED\SECONDARY\MPR\CSA MPR\\CSAPARALLEL", r"DERIVED\SECONDARY", r"DERIVED\PRIMARY",
)  # fmt: skip


@pytest.mark.parametrize("image_type", REFORMATS)
def test_slices_made_of_others_pass_where_the_site_has_each_looked_at(image_type: str) -> None:
    ds = reformatted(ImageType=image_type.split("\\"))
    assert held(ds) == "derived"
    assert verdict(ds, derived="check") == Verdict("image", 0, look=EVERY_FRAME, hounsfield=True)


@pytest.mark.parametrize("third", ["AXIAL", "MPR", "MIP", "AVERAGE"])
def test_derived_slices_that_pass_unseen_are_looked_at_where_the_site_looks_at_what_is_derived(third: str) -> None:
    ds = ct(ImageType=["DERIVED", "PRIMARY", third])
    assert verdict(ds) == Verdict("image", 0, look=0)
    assert verdict(ds, derived="check") == Verdict("image", 0, look=EVERY_FRAME)


def test_what_is_acquired_is_not_looked_at_for_being_derived() -> None:
    assert verdict(ct(), derived="check") == verdict(build.enhanced(), derived="check") == Verdict("image", 0, look=0)
    assert verdict(ct(InstanceNumber="1"), derived="check", ocr_sample=SERIES).look == 1


@pytest.mark.parametrize(
    "values",
    [
        *(
            {"ImageType": image_type.split("\\")}
            for image_type in (
                r"DERIVED\SECONDARY\MIP", r"DERIVED\SECONDARY\MPR\MIP", r"DERIVED\SECONDARY\AXIAL\MIP THICK",
                r"DERIVED\SECONDARY\VRT", r"DERIVED\SECONDARY\MPR\VRT", r"DERIVED\SECONDARY\MPR\CSA 3D EDITED",
                r"DERIVED\SECONDARY\REPORT", r"DERIVED\SECONDARY\AXIAL\REPORT", r"DERIVED\SECONDARY\SCREEN SAVE",
                r"DERIVED\SECONDARY\AXIAL\SCREEN SAVE", r"DERIVED\SECONDARY\OTHER\CT_SOM5 PROT",
                r"DERIVED\SECONDARY\AXIAL\CT_SOM5 PROT", r"DERIVED\SECONDARY\AXIAL\DOSE_INFO", r"DERIVED\PRIMARY\OTHER",
                r"DERIVED\SECONDARY\OTHER", r"DERIVED\SECONDARY\LOCALIZER", r"DERIVED\SECONDARY\AXIAL\LOCALIZER",
                r"DERIVED\SECONDARY\AXIAL\COLOR", r"DERIVED\SECONDARY\PATIENT_INFO", r"MIXED\SECONDARY\AXIAL",
                "ORIGINAL", r"DERIVED\SECONDARY\AXIAL\ANNOTATED", "",
            )
        ),
        {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3},
        {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7},
        {"BitsStored": 8, "HighBit": 7},
        {"BurnedInAnnotation": "YES"},
        {"RecognizableVisualFeatures": "YES"},
        {"ConversionType": "WSD"},
        {"SeriesDescription": "Dose report"},
        {"SeriesDescription": "Thorax 3D"},
        {"SeriesDescription": "MIP 8mm annotated"},
        {"SeriesDescription": "VRT Thorax"},
        {"DerivationDescription": "Screen capture"},
        {"VolumeBasedCalculationTechnique": "VOLUME_RENDER"},
        {"RedPaletteColorLookupTableDescriptor": [256, 0, 16]},
        {"ImagePositionPatient": None},
        {"ImageOrientationPatient": ["1", "0", "0"]},
        {"PixelSpacing": None},
        {"RescaleSlope": None},
        {"RescaleIntercept": None},
        {"RescaleSlope": "0"},
        {"RescaleSlope": "-1"},
        {"RescaleSlope": ["1", "1"]},
        {"RescaleType": "US"},
        {"HighBit": 10},
    ],
)  # fmt: skip
def test_looking_does_not_help_what_is_no_slice_for_other_reasons(values: dict[str, Any]) -> None:
    ds = reformatted(**values)
    assert held(ds) == held(ds, derived="check") == "pixel-risk"


def test_an_enhanced_image_that_is_derived_is_held_as_before() -> None:
    ds = build.enhanced()
    ds.ImageType = ["DERIVED", "SECONDARY", "VOLUME", "MPR"]
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
    assert held(ds) == held(ds, derived="check") == "pixel-risk"


def test_an_overlay_above_derived_pixels_is_masked() -> None:
    ds = overlaid(ImageType=["DERIVED", "SECONDARY", "MPR"], RescaleIntercept="-1024", RescaleSlope="1")
    assert verdict(ds, derived="check") == Verdict("image", 0xFFF, look=EVERY_FRAME, hounsfield=True)


def test_of_a_derived_series_each_slice_is_judged_though_the_series_is_known() -> None:
    passed: Any = {}
    rules = Rules(derived="check")
    assert triage(source(reformatted()), rules, passed).hounsfield
    assert triage(source(reformatted(InstanceNumber="8")), rules, passed).look == EVERY_FRAME
    for lost in ("ImagePositionPatient", "RescaleSlope"):
        with pytest.raises(Permanent):
            triage(source(reformatted(**{lost: None})), rules, passed)


def test_dose_reports_and_key_objects_pass_where_the_site_has_them_rebuilt() -> None:
    kinds: tuple[tuple[str, str, str, Kind], ...] = (
        (DOSE_REPORT, "SR", "dose_reports", "dose-report"),
        (KEY_OBJECT, "KO", "key_objects", "key-object"),
    )
    for sop_class, modality, rule, kind in kinds:
        document = dataset(SOPClassUID=sop_class, SOPInstanceUID=f"{build.ROOT}.3", Modality=modality)
        assert held(document) == "not-allowed-class"
        assert verdict(document, **{rule: "rebuild"}) == Verdict(kind, 0, look=0)
        document.Modality = "CT"
        assert held(document, **{rule: "rebuild"}) == "not-allowed-class"
        assert held(ct(SOPClassUID=sop_class, Modality=modality), **{rule: "rebuild"}) == "pixel-risk", "it has pixels"
    assert (
        held(dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.22", Modality="SR"), dose_reports="rebuild")
        == "not-allowed-class"
    )


@given(st.integers(1, 50), st.integers(0, 10**6))
def test_the_sample_to_look_at_is_the_same_whoever_asks(one_in: int, number: int) -> None:
    uid = f"{build.ROOT}.3.{number}"
    expected = zlib.crc32(uid.encode()) % one_in == 0
    assert verdict(ct(SOPInstanceUID=uid), ocr_sample=one_in).look == (EVERY_FRAME if expected else 0)


@pytest.mark.parametrize(
    ("number", "expected"),
    [("1", True), (" 01 ", True), ("0", True), ("", True), (None, True), ("2", False), ("11", False), ("-1", False)],
)
def test_of_a_series_the_first_image_is_looked_at_and_what_may_be_it(number: str | None, expected: bool) -> None:
    assert verdict(ct(InstanceNumber=number), ocr_sample=SERIES).look == int(expected)


def test_a_sample_of_one_looks_at_all_and_of_none_at_nothing() -> None:
    assert verdict(ct(), ocr_sample=1).look
    assert not verdict(ct(), ocr_sample=0).look


# --- Real objects


@pytest.mark.parametrize(
    ("study", "code"),
    [
        ("siemens_chest_b70f", ""),
        ("philips_chest_5mm", ""),
        ("ge_lidc0003_small", ""),
        ("covid_nysbu_slices", ""),
        ("philips_phantom_raw_header", ""),
        ("philips_burned_in_sc", "pixel-risk"),
    ],
)
def test_real_slices_pass_and_real_screens_are_held(shared_data: Callable[[str], Path], study: str, code: str) -> None:
    found = set()
    for path in shared_data(study).iterdir():
        with open_source(path, build.LIMIT) as opened:
            for rules in (Rules(), Rules(secondary_captures="check", localizers="process")):
                try:
                    assert triage(opened, rules) == Verdict("image", 0, look=0)
                    found.add("")
                except Permanent as error:
                    found.add(error.code)
    assert found == {code}
