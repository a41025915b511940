"""De-identified objects as a site's node sends them, by patient, study, series and instance number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from blake3 import blake3
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from fidac_node.dicom import marks
from fidac_node.dicom.part10 import FileMeta, encode_meta, meta_in
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.receive.check import PlainHandles, entry_for, identify
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

CT = "1.2.840.10008.5.1.4.1.1.2"
DIGEST = "ab" * 32


def uid(*numbers: int) -> str:
    return "2.25." + ".".join(map(str, (1, *numbers)))


def data_set(
    patient: int = 1,
    study: int = 1,
    series: int = 1,
    instance: int = 1,
    *,
    site: str = "LILLE",
    label: str = "CERTAIN",
    lost: Iterable[str] = (),
    **values: Any,
) -> Dataset:
    """A CT image with our marks; ``values`` are attributes by keyword, ``None`` leaves one out."""
    ds = Dataset()
    ds.SOPClassUID = CT
    ds.SOPInstanceUID = uid(patient, study, series, instance)
    ds.StudyInstanceUID = uid(patient, study)
    ds.SeriesInstanceUID = uid(patient, study, series)
    ds.PatientID = ds.PatientName = ds.ClinicalTrialSubjectID = f"PSEUDO{patient:04d}"
    ds.PatientSex, ds.PatientAge, ds.StudyDate = "F", "054Y", "20031231"
    ds.Modality, ds.BodyPartExamined, ds.Manufacturer, ds.ManufacturerModelName = (
        "CT",
        "CHEST",
        "SIEMENS",
        "Sensation 16",
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.ConvolutionKernel, ds.KVP, ds.SliceThickness, ds.PixelSpacing = "B70f", "120", "1.5", ["0.7", "0.8"]
    ds.InstanceNumber, ds.Rows, ds.Columns, ds.BitsAllocated = instance, 4, 4, 16
    ds.ClinicalTrialSponsorName, ds.ClinicalTrialProtocolID, ds.ClinicalTrialSiteID = "FIDAC", "FIDAC", site
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = ["FIDAC fidac-chest-ct abababab"]
    block = ds.private_block(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, create=True)
    block.add_new(marks.LABEL, "CS", label)
    block.add_new(marks.LABEL_SOURCE, "LO", "called-ae")
    block.add_new(marks.PROFILE, "LO", "fidac-chest-ct")
    block.add_new(marks.PROFILE_DIGEST, "LO", DIGEST)
    if lost:
        block.add_new(marks.LOST, "UN", "\\".join(lost).encode("ascii"))  # as after a hop in Implicit VR
    ds.add_new(0x7FE00010, "OW", bytes(range(32)))
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def enhanced(**values: Any) -> Dataset:
    """An Enhanced CT image of two frames, with its acquisition in functional groups (PS3.3 A.38)."""
    ds = data_set(
        ConvolutionKernel=None,
        KVP=None,
        SliceThickness=None,
        PixelSpacing=None,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1",
        NumberOfFrames=2,
    )
    ds.SharedFunctionalGroupsSequence = Sequence(
        [_item(CTXRayDetailsSequence=_item(KVP="100"), CTReconstructionSequence=_item(ConvolutionKernel="FC51"))]
    )
    frames = [_item(PixelMeasuresSequence=_item(SliceThickness="0.5", PixelSpacing=["0.6", "0.65"])) for _ in range(2)]
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def encoded(ds: Dataset, transfer_syntax_uid: str = EXPLICIT_VR_LE, *, source_ae: str = "LILLE_NODE") -> bytes:
    """The Part 10 file of a data set as the hub's spool keeps it."""
    fp = DicomBytesIO()
    fp.is_implicit_VR = transfer_syntax_uid == IMPLICIT_VR_LE
    fp.is_little_endian = transfer_syntax_uid != EXPLICIT_VR_BE
    write_dataset(fp, ds)
    return (
        encode_meta(FileMeta(ds.SOPClassUID, ds.SOPInstanceUID, transfer_syntax_uid, source_ae, "FIDACHUB"))
        + fp.getvalue()
    )


def put(
    spool: Spool, ds: Dataset, transfer_syntax_uid: str = EXPLICIT_VR_LE, *, source_ae: str = "LILLE_NODE"
) -> Entry:
    """Let an object arrive in the hub's spool, as its Storage SCP does it."""
    return put_bytes(spool, encoded(ds, transfer_syntax_uid, source_ae=source_ae))


def put_bytes(spool: Spool, part10: bytes) -> Entry:
    with spool.create() as draft:
        draft.file.write(part10)
        identity = identify(draft.path, limit=1 << 20)
        entry = entry_for(identity, blake3(part10[meta_in(part10)[1] :]).digest(), PlainHandles())
        spool.put(draft, entry)
    return entry


def _item(**values: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, Sequence([value]) if isinstance(value, Dataset) else value)
    return ds
