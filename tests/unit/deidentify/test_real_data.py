"""Real scanner files: free of their identity and UIDs, pixels untouched, no new error of conformance."""

from __future__ import annotations

import datetime
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from fidac_node import marks, part10
from fidac_node.deidentify.text import words
from fidac_node.errors import Permanent
from fidac_node.uids import DEFLATED_EXPLICIT_VR_LE
from tests.unit.deidentify.build import deidentifier

SharedData = Callable[[str], Path]
STUDIES = {
    "siemens_chest_b70f": 30,
    "philips_chest_5mm": 64,
    "ge_lidc0003_small": 11,
    "covid_nysbu_slices": 8,
    "philips_phantom_raw_header": 28,
    "ge_chest_15_syntaxes": 16,
}
# Words that a header has whoever is in it; the phantom's name is one of them.
ORDINARY = {"head", "removed", "by", "ctp", "mister", "ct", "radiology", "name", "station", "anonymous", "lung", "idri"}
ENGINE = deidentifier()


def deidentified(path: Path) -> tuple[bytes, str]:
    """The bytes of the output, or why there is none."""
    target = io.BytesIO()
    try:
        ENGINE.deidentify(path, target, label="unknown", label_source="default", limit=1 << 28)
    except Permanent as error:
        return b"", error.code
    return target.getvalue(), ""


def header(encoded: bytes) -> bytes:
    """The encoded header, inflated, without the pixels."""
    meta, offset = part10.read_meta(io.BytesIO(encoded))
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
        encoded, offset = part10.inflate(encoded[offset:], 1 << 28), 0
    elements = list(part10.walk(encoded, offset, len(encoded), meta.transfer_syntax_uid))
    assert elements[-1].tag == part10.PIXEL_DATA and elements[-1].after == len(encoded)
    return encoded[: elements[-1].start]


def identity(ds: FileDataset) -> set[str]:
    """Every word of a header that names somebody, something or some place, and every UID of its own."""
    found: set[str] = set()
    for element in ds.iterall():
        if element.VR == "PN" or element.keyword in (
            *("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "InstitutionName", "InstitutionAddress", "StationName"),
            *("DeviceSerialNumber", "InstitutionalDepartmentName", "RequestedProcedureID", "PerformedProcedureStepID"),
        ):
            found.update(word for word in words(str(element.value)) if len(word) > 2 and word not in ORDINARY)
        if element.VR == "UI":
            values = element.value if isinstance(element.value, list) else [element.value]
            found.update(str(uid) for uid in values if uid and not str(uid).startswith("1.2.840.10008."))
    return found


@pytest.mark.parametrize("study", STUDIES)
def test_a_real_study_comes_out_without_a_trace_and_with_its_pixels(shared_data: SharedData, study: str) -> None:
    files = sorted(shared_data(study).iterdir())
    assert len(files) == STUDIES[study]
    for path in files:
        encoded, code = deidentified(path)
        if code:
            assert (study, code) == ("ge_chest_15_syntaxes", "pixel-risk") and "JPEGProcess1Transfer" in path.name
            continue
        before, after = dcmread(path), dcmread(io.BytesIO(encoded))
        text = header(encoded).decode("latin-1").lower()
        numbers = {word for word in identity(before) if word.isdigit() and len(word) < 6}
        assert not [value for value in identity(before) - numbers if value in text], path.name
        assert after.PixelData == before.PixelData
        assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
        assert {element.tag.group for element in after.iterall() if element.tag.is_private} == {marks.PRIVATE_GROUP}
        for keyword in ("ImagePositionPatient", "PixelSpacing", "Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "KVP"):
            assert after.get(keyword) == before.get(keyword), (path.name, keyword)


@pytest.mark.parametrize("study", ["philips_burned_in_sc"])
def test_screens_with_burned_in_text_are_held(shared_data: SharedData, study: str) -> None:
    assert [deidentified(path)[1] for path in sorted(shared_data(study).iterdir())] == ["pixel-risk", "pixel-risk"]


def test_the_slices_of_a_study_stay_one_study(shared_data: SharedData) -> None:
    outputs = [dcmread(io.BytesIO(deidentified(path)[0])) for path in sorted(shared_data("siemens_chest_b70f").iterdir())]
    assert (
        len({ds.StudyInstanceUID for ds in outputs}) == len({ds.PatientID for ds in outputs}) == len({ds.StudyDate for ds in outputs}) == 1
    )
    assert len({ds.SOPInstanceUID for ds in outputs}) == 30


def test_two_dates_of_a_patient_keep_their_interval(shared_data: SharedData) -> None:
    """A048383 and A098752 have two studies each."""
    folder = shared_data("covid_nysbu_slices")
    for patient in ("A048383", "A098752"):
        paths = sorted(folder.glob(f"{patient}*"))
        before = [dcmread(path, stop_before_pixels=True) for path in paths]
        after = [dcmread(io.BytesIO(deidentified(path)[0])) for path in paths]
        assert len({ds.PatientID for ds in after}) == 1
        days = [[datetime.date.fromisoformat(ds.StudyDate) for ds in pair] for pair in (before, after)]
        assert days[0][1] - days[0][0] == days[1][1] - days[1][0] and days[0][0] > days[1][0]


def errors(path: Path) -> set[str]:
    """What dciodvfy calls an error."""
    done = subprocess.run(["dciodvfy", path], capture_output=True, text=True, errors="replace", check=False)
    return {line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")}


@pytest.mark.interop("dciodvfy")
@pytest.mark.parametrize("study", STUDIES)
def test_no_error_of_conformance_is_new(shared_data: SharedData, study: str, tmp_path: Path) -> None:
    files = sorted(shared_data(study).iterdir())
    # One slice speaks for a series; of the folders with many sources, each.
    for path in files if study in ("covid_nysbu_slices", "ge_chest_15_syntaxes") else files[:1]:
        encoded, code = deidentified(path)
        if code or "Deflated" in path.name:
            continue  # dciodvfy reads no deflated data set
        target = tmp_path / "a.dcm"
        target.write_bytes(encoded)
        assert errors(target) <= errors(path), path.name


@pytest.mark.interop("dcmdump")
@pytest.mark.parametrize("study", STUDIES)
def test_another_reader_reads_the_output(shared_data: SharedData, study: str, tmp_path: Path) -> None:
    encoded, code = deidentified(min(shared_data(study).iterdir()))
    assert code == ""
    (tmp_path / "a.dcm").write_bytes(encoded)
    done = subprocess.run(["dcmdump", "-q", "+P", "PatientIdentityRemoved", tmp_path / "a.dcm"], capture_output=True, text=True, check=True)
    assert "[YES]" in done.stdout and done.stderr == ""
