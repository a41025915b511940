"""Real scanner files: free of their identity and UIDs, pixels untouched, no new error of conformance."""

from __future__ import annotations

import datetime
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import config, dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import FileDataset
from pydicom.tag import BaseTag

from fidac_node import phantom
from fidac_node.deidentify.rewrite.text import fold, words
from fidac_node.dicom import marks, part10
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests.unit.deidentify.build import deidentifier

pytestmark = pytest.mark.thorough

SharedData = Callable[[str], Path]
STUDIES = {
    "siemens_chest_b70f": 30,
    "philips_chest_5mm": 64,
    "ge_lidc0003_small": 11,
    "covid_nysbu_slices": 8,
    "philips_phantom_raw_header": 28,
    "ge_chest_15_syntaxes": 16,
}
# Attributes that name somebody, something or some place, besides those of VR PN and AE.
IDENTIFYING = (
    *(
        "PatientID",
        "OtherPatientIDs",
        "IssuerOfPatientID",
        "AccessionNumber",
        "StudyID",
        "InstitutionName",
        "InstitutionAddress",
    ),
    *(
        "InstitutionalDepartmentName",
        "StationName",
        "DeviceSerialNumber",
        "RequestedProcedureID",
        "PerformedProcedureStepID",
        "GantryID",
    ),
    *(
        "ScheduledProcedureStepID",
        "AdmissionID",
        "PatientAddress",
        "PatientTelephoneNumbers",
        "PerformedStationName",
        "PerformedLocation",
    ),
    *(
        "RequestingService",
        "CurrentPatientLocation",
        "ReferringPhysicianAddress",
        "ReferringPhysicianTelephoneNumbers",
        "PatientBirthDate",
    ),
)
# What research on the lung needs, as it was.
KEPT = (
    *(
        "Manufacturer",
        "ManufacturerModelName",
        "ConvolutionKernel",
        "KVP",
        "SliceThickness",
        "XRayTubeCurrent",
        "ExposureTime",
        "Exposure",
    ),
    *(
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceLocation",
        "PatientPosition",
        "ReconstructionDiameter",
    ),
    *(
        "RescaleIntercept",
        "RescaleSlope",
        "WindowCenter",
        "WindowWidth",
        "Rows",
        "Columns",
        "BitsStored",
        "PixelRepresentation",
    ),
    *("SOPClassUID", "Modality", "ImageType", "InstanceNumber", "SeriesNumber", "PatientSex"),
)
# Words that a header has whoever is in it; the phantom's name is one of them.
ORDINARY = {"head", "removed", "by", "ctp", "mister", "ct", "radiology", "name", "station", "anonymous", "lung", "idri"}
ENGINE = deidentifier()
HARMLESS = ENGINE.plan.vocabulary | ENGINE.plan.devices | ENGINE.plan.common | ORDINARY


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
        if element.VR in ("PN", "AE") or element.keyword in IDENTIFYING:
            found.update(word for word in words(str(element.value)) if len(word) > 3 and word not in HARMLESS)
        if element.VR == "UI":
            values = element.value if isinstance(element.value, list) else [element.value]
            found.update(str(uid) for uid in values if uid and not str(uid).startswith("1.2.840.10008."))
    return found


def raw_values(ds: FileDataset, *, private: bool) -> set[bytes]:
    """The values of all private, or all public, elements of a header at every depth, as bytes."""
    found: set[bytes] = set()
    for tag in list(ds.keys()):
        element = ds.get_item(tag)
        if isinstance(element.value, bytes) and tag != 0x7FE00010 and tag.is_private == private:
            found.add(element.value.strip(b"\0 "))
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                # Whatever is under a private sequence is private.
                found |= raw_values(item, private=True) if element.tag.is_private else raw_values(item, private=private)
    return found


def private_runs(ds: FileDataset) -> set[bytes]:
    """Private values of eight bytes and more that no public attribute repeats; those that may stay are left out."""
    public = raw_values(ds, private=False)
    safe = {bytes(str(ds[tag].value), "latin-1") for tag in ds.keys() if tag.is_private and is_safe(ds, tag)}  # noqa: SIM118
    return {
        value for value in raw_values(ds, private=True) if len(value) >= 8 and value not in public and value not in safe
    }


def is_safe(ds: FileDataset, tag: BaseTag) -> bool:
    """Say whether a private element is one that the profile lists, or the creator of one."""
    if tag.element < 0x1000:
        block = [other for other in ds.keys() if other.group == tag.group and other.element >> 8 == tag.element >= 0x10]  # noqa: SIM118
        return any(is_safe(ds, other) for other in block)
    creator = str(ds.get((tag.group, tag.element >> 8), DataElement(tag, "LO", "")).value).strip()
    return (tag.group, creator, tag.element & 0xFF) in ENGINE.plan.private


def assert_nothing_is_left(before: FileDataset, encoded: bytes, name: str) -> FileDataset:
    """No identifying value, no UID, no private byte; pixels and what research needs as they were. Return the output."""
    after = dcmread(io.BytesIO(encoded))
    raw = header(encoded)
    text = fold(raw.decode("latin-1")) + fold(raw.decode("utf-8", "replace"))
    assert not [value for value in identity(before) if (len(value) > 5 or not value.isdigit()) and value in text], name
    assert not [value for value in private_runs(before) if value in raw], name
    assert after.PixelData == before.PixelData, name
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID, name
    private = [element.tag for element in after.iterall() if element.tag.is_private]
    # Only where something was lost, or a version replaced.
    assert set(private) >= marks.PRIVATE_TAGS - {marks.private_tag(one) for one in (marks.LOST, marks.VERSION)}, name
    assert all(tag in marks.PRIVATE_TAGS or is_safe(after, tag) for tag in private), name
    for keyword in KEPT:
        assert after.get(keyword) == before.get(keyword), (name, keyword)
    assert after.StudyTime == before.StudyTime.partition(".")[0], name
    assert encoded[:128] == bytes(128), name
    return after


@pytest.mark.parametrize("study", STUDIES)
def test_a_real_study_comes_out_without_a_trace_and_with_its_pixels(shared_data: SharedData, study: str) -> None:
    files = sorted(shared_data(study).iterdir())
    assert len(files) == STUDIES[study]
    for path in files:
        encoded, code = deidentified(path)
        if code:
            assert (study, code) == ("ge_chest_15_syntaxes", "pixel-risk") and "JPEGProcess1Transfer" in path.name
            continue
        assert_nothing_is_left(dcmread(path), encoded, path.name)


@pytest.mark.filterwarnings("ignore:Expected total bytes")
@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
@pytest.mark.parametrize("vendor", phantom.VENDORS)
def test_a_made_up_study_of_each_vendor_comes_out_without_a_trace_and_with_its_pixels(
    tmp_path: Path, vendor: str, syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the shared studies are not there, this always runs."""
    # pydicom takes (01F1,1026) of Philips for FD, which it is not, and reads no such object in Implicit VR, before or
    # after.
    monkeypatch.setattr(config, "convert_wrong_length_to_UN", True)
    days = set()
    for person, later in ((0, 0), (0, 40), (1, 0)):
        options = {
            "identity": phantom.IDENTITIES[person],
            "days_later": later,
            "vendor": vendor,
            "transfer_syntax": syntax,
        }
        (path,) = phantom.write_series(tmp_path / f"{person}-{later}", 7, slices=1, rows=32, columns=32, **options)
        encoded, code = deidentified(path)
        assert code == ""
        before = dcmread(path)
        after = assert_nothing_is_left(before, encoded, vendor)
        days.add(
            (
                after.PatientID,
                datetime.date.fromisoformat(after.StudyDate) - datetime.date.fromisoformat(before.StudyDate),
            )
        )
    assert len(days) == 2, "one shift for each of two patients"


@pytest.mark.parametrize("study", ["philips_burned_in_sc"])
def test_screens_with_burned_in_text_are_held(shared_data: SharedData, study: str) -> None:
    assert [deidentified(path)[1] for path in sorted(shared_data(study).iterdir())] == ["pixel-risk", "pixel-risk"]


def test_the_slices_of_a_study_stay_one_study(shared_data: SharedData) -> None:
    outputs = [
        dcmread(io.BytesIO(deidentified(path)[0])) for path in sorted(shared_data("siemens_chest_b70f").iterdir())
    ]
    assert (
        len({ds.StudyInstanceUID for ds in outputs})
        == len({ds.PatientID for ds in outputs})
        == len({ds.StudyDate for ds in outputs})
        == 1
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


def outputs(files: list[Path], target: Path) -> list[Path]:
    """The outputs that there are, as files."""
    written = []
    for path in files:
        encoded, _ = deidentified(path)
        if encoded:
            written.append(target / f"{path.stem}.dcm")
            written[-1].write_bytes(encoded)
    return written


@pytest.mark.interop("dcmdump")
@pytest.mark.parametrize("study", STUDIES)
def test_dcmtk_reads_every_output(shared_data: SharedData, study: str, tmp_path: Path) -> None:
    files = outputs(sorted(shared_data(study).iterdir()), tmp_path)
    done = subprocess.run(
        ["dcmdump", "-q", "+P", "PatientIdentityRemoved", *files], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("[YES]") == len(files) and done.stderr == ""


@pytest.mark.interop("gdcmdump", "gdcminfo")
@pytest.mark.parametrize("study", STUDIES)
def test_gdcm_reads_every_output(shared_data: SharedData, study: str, tmp_path: Path) -> None:
    files = outputs(sorted(shared_data(study).iterdir()), tmp_path)
    for path in files if study in ("covid_nysbu_slices", "ge_chest_15_syntaxes") else files[:2]:
        header = subprocess.run(["gdcmdump", path], capture_output=True, text=True, errors="replace", check=True)
        assert "PatientIdentityRemoved" in header.stdout.replace(" ", "")
        image = subprocess.run(["gdcminfo", path], capture_output=True, text=True, errors="replace", check=True)
        assert "Dimensions: (512,512,1)" in image.stdout, path.name


@pytest.mark.interop("dcmdump", "gdcmdump", "dciodvfy")
@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE])
@pytest.mark.parametrize("vendor", phantom.VENDORS)
def test_other_programs_read_a_made_up_output_and_find_no_new_error(tmp_path: Path, vendor: str, syntax: str) -> None:
    (path,) = phantom.write_series(
        tmp_path / "in", 7, slices=1, rows=32, columns=32, vendor=vendor, transfer_syntax=syntax
    )
    (target,) = outputs([path], tmp_path)
    assert (
        "[YES]"
        in subprocess.run(
            ["dcmdump", "+P", "PatientIdentityRemoved", target], capture_output=True, text=True, check=True
        ).stdout
    )
    assert subprocess.run(["gdcmdump", target], capture_output=True, check=True).stdout
    assert errors(target) <= errors(path)
