"""The made-up studies: believable, valid, the same for ever."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from fidac_node import phantom
from fidac_node.dicom import part10
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.phantom.anatomy import Chest
from fidac_node.receive.check import identify

SMALL = {"slices": 3, "rows": 64, "columns": 64}


def hounsfield(ds: Dataset) -> np.ndarray:
    return ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)


def test_a_chest_has_lungs_a_body_bone_and_air_where_they_belong() -> None:
    scan = phantom.Scan(slices=40)
    (middle,) = [ds for index, ds in enumerate(phantom.series(slices=40)) if index == 20]
    hu = hounsfield(middle)
    assert hu.shape == (512, 512)
    right_lung, left_lung, vertebra, heart, corner = (
        hu[260:280, 130:160],
        hu[300:320, 370:400],
        hu[330:345, 250:262],
        hu[210:220, 280:300],
        hu[:20, :20],
    )
    assert -920 < np.median(right_lung) < -700
    assert -920 < np.median(left_lung) < -700
    assert np.median(vertebra) > 100
    assert 0 < np.median(heart) < 100
    assert np.median(corner) == -1024
    assert float(middle.RescaleIntercept) == -1024
    assert float(middle.SliceThickness) == scan.thickness == 8


def test_the_lungs_are_textured_by_vessels_and_the_image_by_noise() -> None:
    chest = Chest(1, rows=256, columns=256, thickness=4)
    one, again, next_one = chest.slice(0.5), chest.slice(0.5), chest.slice(0.52)
    lung = one[120:150, 60:90]
    assert 10 < lung.std() < 250
    assert (one == again).all()
    assert not (one == next_one).all()


def test_ground_glass_and_contrast_brighten_what_they_should() -> None:
    plain = Chest(4, rows=128, columns=128, thickness=8).slice(0.62).astype(int)
    hazy = Chest(4, rows=128, columns=128, thickness=8, ground_glass=True).slice(0.62).astype(int)
    contrast = Chest(4, rows=128, columns=128, thickness=8, contrast=True).slice(0.62).astype(int)
    lung = plain < -700
    assert (hazy - plain)[lung].max() > 200
    assert hazy[lung].max() < 100
    assert (contrast - plain).max() > 100


def test_the_same_seed_writes_the_same_bytes_and_another_seed_another_study(tmp_path: Path) -> None:
    one = phantom.write_series(tmp_path / "a", 7, **SMALL)
    two = phantom.write_series(tmp_path / "b", 7, **SMALL)
    other = phantom.write_series(tmp_path / "c", 8, **SMALL)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert dcmread(one[0]).StudyInstanceUID != dcmread(other[0]).StudyInstanceUID


def test_a_series_is_one_study_one_series_and_as_many_instances_in_a_row() -> None:
    objects = list(phantom.series(**SMALL))
    assert len({ds.StudyInstanceUID for ds in objects}) == len({ds.SeriesInstanceUID for ds in objects}) == 1
    assert len({ds.FrameOfReferenceUID for ds in objects}) == 1
    assert len({ds.SOPInstanceUID for ds in objects}) == len(objects)
    assert [int(ds.InstanceNumber) for ds in objects] == [1, 2, 3]
    heights = [float(ds.ImagePositionPatient[2]) for ds in objects]
    assert np.diff(heights) == pytest.approx([-float(objects[0].SliceThickness)] * 2)


def test_a_later_study_is_of_the_same_patient_and_has_its_own_uids() -> None:
    (now,) = phantom.series(slices=1, rows=64, columns=64)
    (later,) = phantom.series(slices=1, rows=64, columns=64, days_later=21)
    assert (now.PatientID, now.PatientName) == (later.PatientID, later.PatientName)
    assert (now.StudyDate, later.StudyDate) == ("20240317", "20240407")
    assert not {now.StudyInstanceUID, now.SOPInstanceUID} & {later.StudyInstanceUID, later.SOPInstanceUID}


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE])
@pytest.mark.parametrize("vendor", phantom.VENDORS)
def test_every_vendor_in_every_syntax_passes_reception_and_reads_back_the_same(
    tmp_path: Path, vendor: str, syntax: str
) -> None:
    (path,) = phantom.write_series(tmp_path, slices=1, rows=64, columns=64, vendor=vendor, transfer_syntax=syntax)
    identity = identify(path, limit=1 << 20)
    assert identity.meta.transfer_syntax_uid == syntax
    ds = dcmread(path)
    assert ds.PatientName == "LEFÈVRE^Aurélie"
    assert -920 < np.median(hounsfield(ds)[30:36, 16:20]) < -600


@pytest.mark.parametrize("vendor", phantom.VENDORS)
def test_every_vendor_repeats_the_patient_or_the_place_in_private_elements_and_sequences(vendor: str) -> None:
    (ds,) = phantom.series(slices=1, rows=64, columns=64, vendor=vendor)
    private = [element for element in ds.iterall() if element.tag.is_private]
    assert any(element.VR == "SQ" for element in private)
    text = " ".join(str(element.value) for element in private)
    assert any(word in text for word in ("LEFÈVRE", "SCANURG2", "Saint-Hélier"))
    for keyword in (
        "RequestAttributesSequence",
        "ReferencedImageSequence",
        "ProcedureCodeSequence",
        "OtherPatientIDsSequence",
    ):
        assert ds[keyword].value, keyword


@pytest.mark.parametrize(
    ("charset", "encoded"), [("ISO_IR 100", b"LEF\xc8VRE"), ("ISO_IR 192", "LEFÈVRE".encode()), ("", b"LEF\xc8VRE")]
)
def test_accents_are_written_in_the_charset_asked_for(tmp_path: Path, charset: str, encoded: bytes) -> None:
    (path,) = phantom.write_series(tmp_path, slices=1, rows=64, columns=64, charset=charset)
    assert encoded in path.read_bytes()
    assert dcmread(path).get("SpecificCharacterSet", "") == charset


def test_another_body_part_says_nothing_of_the_chest() -> None:
    (ds,) = phantom.series(slices=1, rows=64, columns=64, body_part="BRAIN", study_description="TDM cérébrale")
    told = [
        ds.BodyPartExamined,
        ds.StudyDescription,
        ds.SeriesDescription,
        ds.ProtocolName,
        ds.RequestedProcedureDescription,
    ]
    assert not any("thora" in text.lower() or "chest" in text.lower() for text in told)


def test_no_identity_is_anybodys() -> None:
    for identity in phantom.IDENTITIES:
        body, key = int(identity.national_id[:13]), int(identity.national_id[13:])
        assert 97 - body % 97 != key, "the check digits must be wrong"
        assert identity.phone.startswith(("06 39 98", "01 99 00")), "numbers set aside for fiction"


def test_a_secondary_capture_says_ct_and_nothing_of_the_text_in_its_pixels() -> None:
    ds = phantom.secondary_capture()
    (image,) = phantom.series(slices=1, rows=64, columns=64)
    assert ds.Modality == "CT"
    assert "BurnedInAnnotation" not in ds
    assert ds.StudyInstanceUID == image.StudyInstanceUID
    assert ds.pixel_array.max() > 200


def test_an_enhanced_ct_holds_its_frames_in_order(tmp_path: Path) -> None:
    path = phantom.write_enhanced(tmp_path / "enhanced.dcm", frames=12, rows=64, columns=64)
    identify(path, limit=1 << 20)
    ds = dcmread(path)
    assert ds.pixel_array.shape == (12, 64, 64)
    assert len(ds.PerFrameFunctionalGroupsSequence) == 12
    assert path.stat().st_size > 12 * 64 * 64 * 2


def test_the_pixels_are_as_long_as_the_header_says(tmp_path: Path) -> None:
    (path,) = phantom.write_series(tmp_path, slices=1, rows=64, columns=48)
    _, values = part10.find(path, frozenset({part10.PIXEL_DATA}), limit=1 << 20)
    assert len(values[part10.PIXEL_DATA]) == 64 * 48 * 2


@pytest.mark.interop("dciodvfy")
def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    paths = [
        phantom.write_series(tmp_path / vendor, slices=1, rows=64, columns=64, vendor=vendor, contrast=True)[0]
        for vendor in phantom.VENDORS
    ]
    paths.append(phantom.write_enhanced(tmp_path / "enhanced.dcm", frames=3, rows=64, columns=64))
    paths.append(tmp_path / "capture.dcm")
    phantom.secondary_capture().save_as(paths[-1], enforce_file_format=True)
    for path in paths:
        report = subprocess.run(
            ["dciodvfy", str(path)], capture_output=True, text=True, encoding="latin-1", check=False
        )
        assert "Error" not in report.stdout + report.stderr, path.name
