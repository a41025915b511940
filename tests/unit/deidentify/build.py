"""Small made-up CT images with an identity in every carrier, and what every test does with them."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID

from fidac_node.deidentify import Deidentifier, Outcome, Pseudonymiser, load_plan
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE

KEY = bytes(range(32))
LIMIT = 1 << 26
CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ROOT = "1.3.6.1.4.1.99999"
PIXELS = bytes(range(16)) * 2  # of 16 bits, 12 of them stored, in either byte order
SYNTAXES = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE)

# Whatever of this is found in an output is a leak.
IDENTITY = {
    "PatientName": "QUENOUILLE^Zéphyrine",
    "PatientID": "IPP8003412765",
    "PatientBirthDate": "19610714",
    "PatientAddress": "12 impasse des Châtaigniers",
    "PatientTelephoneNumbers": "06 39 98 12 47",
    "PatientMotherBirthName": "DÉSIRÉ^Thérèse",
    "OtherPatientIDs": "NIR261079912345643",
    "AccessionNumber": "RX24088731",
    "StudyID": "ETU4417",
    "ReferringPhysicianName": "GÉRAUD-DELAÎTRE^Benoît",
    "OperatorsName": "HÉBRARD^Zoé",
    "InstitutionName": "Hôpital Bretonneau",
    "InstitutionAddress": "2 bd Tonnellé, 37044 TOURS",
    "StationName": "SCANURG2",
    "DeviceSerialNumber": "SN-64012-77",
    "AdmissionID": "NDA240317552",
    "StudyDescription": "Thorax de QUENOUILLE",
    "ImageComments": "Mme Quenouille, née le 14/07/1961",
    "RequestedProcedureID": "RP-77120",
}
# Folded, as they may appear in an output: every form in which a value above could survive.
TRACES = (
    b"quenouille", b"zephyrine", b"z\xc3\xa9phyrine", b"z\xe9phyrine", b"8003412765", b"19610714", b"14/07/1961",
    b"ch\xe2taigniers", b"ch\xc3\xa2taigniers", b"06 39 98", b"d\xe9sir\xe9", b"261079912345643", b"rx24088731",
    b"etu4417", b"delaitre", b"g\xe9raud", b"hebrard", b"bretonneau", b"37044", b"tours", b"scanurg2", b"64012",
    b"nda240317552", b"rp-77120", ROOT.encode(),
)  # fmt: skip


def dataset(**values: Any) -> Dataset:
    """A data set of the attributes named by keyword."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def ct(**values: Any) -> Dataset:
    """A CT image of 4 x 4 pixels with :data:`IDENTITY`; ``values`` replace attributes, ``None`` removes one."""
    ds = dataset(
        SpecificCharacterSet="ISO_IR 100",
        ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
        SOPClassUID=CT,
        SOPInstanceUID=f"{ROOT}.3",
        StudyInstanceUID=f"{ROOT}.1",
        SeriesInstanceUID=f"{ROOT}.2",
        FrameOfReferenceUID=f"{ROOT}.4",
        StudyDate="20240317",
        StudyTime="102413",
        SeriesDate="20240317",
        Modality="CT",
        Manufacturer="SIEMENS",
        ManufacturerModelName="SOMATOM Force",
        PatientSex="F",
        BodyPartExamined="CHEST",
        KVP="120",
        SliceThickness="1.25",
        ConvolutionKernel="Br40d",
        ImagePositionPatient=["-100", "-100", "12.5"],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        PixelSpacing=["0.7", "0.7"],
        InstanceNumber="7",
        PositionReferenceIndicator="",
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=4,
        Columns=4,
        BitsAllocated=16,
        BitsStored=12,
        HighBit=11,
        PixelRepresentation=0,
        **IDENTITY,
    )
    ds.add_new("PixelData", "OW", PIXELS)
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def enhanced(frames: int = 3) -> Dataset:
    """An Enhanced CT image of ``frames`` frames of 4 x 4 pixels."""
    ds = ct(
        SOPClassUID=ENHANCED_CT,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        NumberOfFrames=str(frames),
    )
    ds.SharedFunctionalGroupsSequence = [dataset(PixelMeasuresSequence=[dataset(PixelSpacing=["0.7", "0.7"])])]
    ds.PerFrameFunctionalGroupsSequence = [
        dataset(
            PlanePositionSequence=[dataset(ImagePositionPatient=["0", "0", str(n)])],
            FrameContentSequence=[
                dataset(
                    FrameReferenceDateTime="20240317102413.5",
                    FrameComments="Quenouille",
                    StackID="1",
                    InStackPositionNumber=n + 1,
                )
            ],
        )
        for n in range(frames)
    ]
    ds.add_new("PixelData", "OW", bytes(32 * frames))
    return ds


def write(path: Path, ds: Dataset, transfer_syntax: str = EXPLICIT_VR_LE) -> Path:
    """Write ``ds`` as a Part 10 file with identity in preamble and File Meta Information."""
    if transfer_syntax == EXPLICIT_VR_BE and len(ds.get("PixelData", b"")) % 2 == 0:
        ds = dcm_copy(ds)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(ds.get("SOPClassUID", CT))
    meta.MediaStorageSOPInstanceUID = UID(ds.get("SOPInstanceUID", f"{ROOT}.9"))
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.SourceApplicationEntityTitle = "SCANURG2"
    file = FileDataset(str(path), ds, file_meta=meta, preamble=b"QUENOUILLE".ljust(128, b"\0"))
    dcmwrite(path, file, enforce_file_format=True)
    return path


def dcm_copy(ds: Dataset) -> Dataset:
    """A copy that pydicom can write in another byte order than the first."""
    copy = Dataset()
    copy.update(ds)
    return copy


def code(value: str, scheme: str, meaning: str) -> Sequence:
    """A code sequence of one item."""
    return Sequence([dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)])


def deidentifier(profile: str = "fidac-chest-ct", key: bytes = KEY, programme: str = "FIDAC") -> Deidentifier:
    """An engine of site S1."""
    return Deidentifier(load_plan(profile), Pseudonymiser(key, programme, "S1"), "S1", programme)


def run(
    path: Path, engine: Deidentifier | None = None, label: str = "certain", source: str = "called-ae"
) -> tuple[bytes, Outcome]:
    """De-identify a file and return the output's bytes and the outcome."""
    target = io.BytesIO()
    outcome = (engine or deidentifier()).deidentify(path, target, label=label, label_source=source, limit=LIMIT)
    return target.getvalue(), outcome


def read(encoded: bytes) -> FileDataset:
    """Parse an output with pydicom."""
    return dcmread(io.BytesIO(encoded))


def traces(encoded: bytes) -> list[bytes]:
    """What of :data:`IDENTITY` is in the bytes of an output, in any case, plain or as UTF-16."""
    views = [encoded.lower(), encoded[::2].lower(), encoded[1::2].lower()]
    return [trace for trace in TRACES if any(trace in view for view in views)]


def raw_element(tag: int, vr: str, value: bytes, *, explicit: bool = True) -> bytes:
    """One element of a little-endian data set, encoded by hand: also such as pydicom would not write."""
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return start + struct.pack("<L", len(value)) + value
    if vr in ("OB", "OW", "SQ", "UN", "UT", "UC", "UR"):
        return start + vr.encode() + b"\0\0" + struct.pack("<L", len(value)) + value
    return start + vr.encode() + struct.pack("<H", len(value)) + value


def insert(encoded: bytes, element: bytes) -> bytes:
    """Put an encoded element in its place in an Explicit VR Little Endian Part 10 file."""
    from fidac_node.dicom import part10

    meta, offset = part10.read_meta(io.BytesIO(encoded))
    tag = part10._element_at(element, 0, len(element), explicit=True, little=True, depth=0).tag
    place = next(
        one.start for one in part10.walk(encoded, offset, len(encoded), meta.transfer_syntax_uid) if one.tag >= tag
    )
    return encoded[:place] + element + encoded[place:]
