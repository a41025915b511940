"""What may show or name the patient in its pixels is held before anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from fidac_node.errors import Permanent
from fidac_node.uids import CT_CLASSES, HELD_CLASSES
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, dataset, run, write


def held(tmp_path: Path, ds: Dataset) -> str:
    """The code that an object is held with; "" if it passes."""
    try:
        run(write(tmp_path / "a.dcm", ds))
    except Permanent as error:
        return f"{error.code}{build.traces(str(error).encode()) or ''}"
    return ""


@pytest.mark.parametrize("sop_class", HELD_CLASSES)
def test_every_class_that_is_taken_to_be_held_is_held(tmp_path: Path, sop_class: str) -> None:
    expected = "pixel-risk" if sop_class.startswith("1.2.840.10008.5.1.4.1.1.7") else "not-allowed-class"
    assert held(tmp_path, ct(SOPClassUID=sop_class)) == expected


def test_an_mr_image_or_an_unknown_class_is_held(tmp_path: Path) -> None:
    assert held(tmp_path, ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR")) == "not-allowed-class"
    assert held(tmp_path, ct(SOPClassUID="1.2.3.4")) == "not-allowed-class"
    assert held(tmp_path, ct(Modality="PT")) == held(tmp_path, ct(Modality=None)) == "not-allowed-class"


def test_the_three_ct_classes_pass(tmp_path: Path) -> None:
    assert [held(tmp_path, build.enhanced() if "Enhanced" in name else ct()) for name in CT_CLASSES.values()] == ["", "", ""]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"ImageType": ["DERIVED", "SECONDARY", "PATIENT_INFO"]}, "pixel-risk"),
        ({"ImageType": ["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"]}, "pixel-risk"),
        ({"ImageType": ["DERIVED", "PRIMARY", "SCREEN SAVE"]}, "pixel-risk"),
        ({"BurnedInAnnotation": "YES"}, "pixel-risk"),
        ({"ConversionType": "WSD"}, "pixel-risk"),
        ({"ConversionType": ""}, "pixel-risk"),
        ({"PhotometricInterpretation": "RGB"}, "pixel-risk"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "pixel-risk"),
        ({"SamplesPerPixel": 3}, "pixel-risk"),
        ({"BitsAllocated": 8}, "pixel-risk"),
        ({"BitsAllocated": 1}, "pixel-risk"),
        ({"SeriesDescription": "Dose Report"}, "pixel-risk"),
        ({"SeriesDescription": "Patient Protocol"}, "pixel-risk"),
        ({"SeriesDescription": "Exam Summary"}, "pixel-risk"),
        ({"SeriesDescription": "Écran: screen save"}, "pixel-risk"),
        ({"ImagePositionPatient": None}, "incomplete"),
        ({"ImageOrientationPatient": ""}, "incomplete"),
        ({"PixelSpacing": None}, "incomplete"),
        ({"PixelData": None}, "incomplete"),
        ({"BitsAllocated": None}, "malformed"),
        ({"BurnedInAnnotation": "NO"}, ""),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, ""),
        ({"ImageType": ["DERIVED", "PRIMARY", "MPR"]}, ""),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"]}, ""),
        ({"SeriesDescription": "Thorax low dose 1.25"}, ""),
        ({"SeriesDescription": "protocole thorax"}, ""),
        ({"PhotometricInterpretation": "MONOCHROME1"}, ""),
    ],
)
def test_what_speaks_for_text_in_the_pixels_holds(tmp_path: Path, values: dict[str, object], code: str) -> None:
    assert held(tmp_path, ct(**values)) == code


def test_an_overlay_in_the_high_bits_of_the_pixels_is_held(tmp_path: Path) -> None:
    embedded = ct()
    embedded.add_new(0x60000010, "US", 4)
    embedded.add_new(0x60000100, "US", 16)
    embedded.add_new(0x60000102, "US", 12)
    assert held(tmp_path, embedded) == "pixel-risk"
    del embedded[0x60000102]
    assert held(tmp_path, embedded) == "pixel-risk", "rows and no data of its own"
    embedded.add_new(0x60003000, "OW", b"\0\1")
    assert held(tmp_path, embedded) == "", "an overlay of its own is simply removed"


def test_pixels_that_are_elsewhere_or_floating_point_are_held(tmp_path: Path) -> None:
    assert held(tmp_path, ct(PixelDataProviderURL="http://pacs/Quenouille")) == "not-allowed-class"
    assert held(tmp_path, ct(FloatPixelData=bytes(64), PixelData=None)) == "not-allowed-class"


def test_an_enhanced_ct_without_positions_is_held(tmp_path: Path) -> None:
    nowhere = build.enhanced()
    nowhere.PerFrameFunctionalGroupsSequence = [dataset(FrameContentSequence=[])] * 3
    assert held(tmp_path, nowhere) == "incomplete"
    shared = build.enhanced()
    shared.PerFrameFunctionalGroupsSequence = None
    shared.SharedFunctionalGroupsSequence[0].PlanePositionSequence = [dataset(ImagePositionPatient=["0", "0", "0"])]
    assert held(tmp_path, shared) == ""
