"""The headers of the made-up objects, one function per DICOM module (PS3.3 Annex C)."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from fidac_node.phantom.anatomy import FIELD_OF_VIEW
from fidac_node.phantom.scan import Scan
from fidac_node.phantom.vendors import VENDORS

CT_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT: Final = "1.2.840.10008.5.1.4.1.1.2.1"
SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"

_TIME: Final = "102413.480000"

_DatasetT = TypeVar("_DatasetT", bound=Dataset)


def ct_image(scan: Scan, index: int) -> FileDataset:
    """Return slice ``index`` of a series, all but its pixels."""
    ds = new_object(scan, CT_IMAGE, scan.uid("image", scan.series_number, index))
    common(ds, scan)
    _acquisition(ds, scan, index)
    _plane(ds, scan, index)
    VENDORS[scan.vendor].private(ds, scan, index)
    return ds


def common(ds: Dataset, scan: Scan) -> None:
    """Add what every CT object of a series shares: patient, study, equipment, order and series."""
    _patient(ds, scan)
    _study(ds, scan)
    _equipment(ds, scan)
    _order(ds, scan)
    _series(ds, scan)


def secondary_capture(scan: Scan) -> FileDataset:
    """Return a screenshot's header, all but its pixels: it says CT, and nothing says that text is burned in."""
    ds = new_object(scan, SECONDARY_CAPTURE, scan.uid("capture"))
    common(ds, scan)
    return fill(
        ds,
        Modality="CT",
        ConversionType="WSD",
        ImageType=["DERIVED", "SECONDARY"],
        SeriesInstanceUID=scan.uid("series", 999),
        SeriesNumber="999",
        SeriesDescription="Dose Report",
        InstanceNumber="1",
        PatientOrientation=None,
    )


def new_object(scan: Scan, sop_class_uid: str, sop_instance_uid: str) -> FileDataset:
    """Return an object with File Meta Information and the SOP Common Module, and nothing else yet."""
    vendor = VENDORS[scan.vendor]
    meta = FileMetaDataset()
    fill(
        meta,
        MediaStorageSOPClassUID=UID(sop_class_uid),
        MediaStorageSOPInstanceUID=UID(sop_instance_uid),
        TransferSyntaxUID=UID(scan.transfer_syntax),
        ImplementationClassUID=UID(scan.uid("implementation")),
        ImplementationVersionName=f"{vendor.manufacturer.split()[0].upper()}_CT",
        SourceApplicationEntityTitle=scan.identity.station,
    )
    ds = FileDataset("", Dataset(), preamble=b"\0" * 128, file_meta=meta)
    if scan.charset:
        ds.SpecificCharacterSet = scan.charset
    return fill(
        ds,
        SOPClassUID=UID(sop_class_uid),
        SOPInstanceUID=UID(sop_instance_uid),
        InstanceCreationDate=scan.da,
        InstanceCreationTime="102611.000000",
        InstanceCreatorUID=scan.uid("creator"),
        TimezoneOffsetFromUTC="+0100",
    )


def fill(ds: _DatasetT, **values: Any) -> _DatasetT:
    """Set attributes by keyword and return ``ds``."""
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def items(**values: Any) -> Sequence:
    """Return a sequence of one item with these attributes."""
    return Sequence([fill(Dataset(), **values)])


def code(value: str, scheme: str, meaning: str) -> Sequence:
    """Return a code sequence of one item (PS3.3 Table 8.8-1)."""
    return items(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _protocol(scan: Scan) -> str:
    if scan.protocol is not None:
        return scan.protocol
    return VENDORS[scan.vendor].protocol if scan.body_part in ("CHEST", "") else f"{scan.body_part.title()}Routine"


def _patient(ds: Dataset, scan: Scan) -> None:
    identity = scan.identity
    age = int((scan.day - identity.birth_date).days / 365.25)
    national = items(PatientID=identity.national_id, IssuerOfPatientID="ASIP-SANTE-INS-NIR", TypeOfPatientID="TEXT")
    fill(
        ds,
        PatientName=identity.name,
        PatientID=identity.patient_id,
        IssuerOfPatientID=identity.institution,
        PatientBirthDate=f"{identity.birth_date:%Y%m%d}",
        PatientSex=identity.sex,
        OtherPatientIDsSequence=national,
        PatientAge=f"{age:03d}Y",
        PatientSize="1.68",
        PatientWeight="64.5",
        PatientAddress=identity.address,
        PatientTelephoneNumbers=identity.phone,
        PatientMotherBirthName="DÉSIRÉ^Thérèse",
        AdditionalPatientHistory=(
            f"Suivi par {identity.referring.replace('^', ' ').strip()}. Toux fébrile, {identity.name.split('^')[0]}."
        ),
        PatientComments=f"Prévenir la famille au {identity.phone}",
    )


def _study(ds: Dataset, scan: Scan) -> None:
    identity = scan.identity
    fill(
        ds,
        StudyDate=scan.da,
        StudyTime=_TIME,
        AccessionNumber=identity.accession,
        ReferringPhysicianName=identity.referring,
        StudyDescription=scan.study_description,
        PhysiciansOfRecord=identity.referring,
        NameOfPhysiciansReadingStudy=identity.reader,
        ProcedureCodeSequence=code("ZBQK001", "CCAM", scan.study_description or "Scanographie"),
        StudyInstanceUID=scan.study_uid,
        StudyID=identity.accession[-6:],
        RequestingPhysician=identity.referring,
        RequestingService="URGENCES ADULTES",
        RequestedProcedureDescription=scan.study_description,
        AdmissionID=identity.admission_id,
        CurrentPatientLocation="Pneumologie, chambre 214",
        PatientState="Fébrile",
    )


def _equipment(ds: Dataset, scan: Scan) -> None:
    identity, vendor = scan.identity, VENDORS[scan.vendor]
    viewer = items(
        PurposeOfReferenceCodeSequence=code("109103", "DCM", "Modifying Equipment"),
        Manufacturer="PACS exemple",
        InstitutionName=identity.institution,
        StationName="PACSRAD1",
        OperatorsName=identity.operator,
        ContributionDateTime=f"{scan.da}103000",
    )
    fill(
        ds,
        Manufacturer=vendor.manufacturer,
        InstitutionName=identity.institution,
        InstitutionAddress=identity.institution_address,
        InstitutionalDepartmentName="Imagerie médicale",
        StationName=identity.station,
        ManufacturerModelName=vendor.model,
        OperatorsName=identity.operator,
        PerformingPhysicianName=identity.reader,
        DeviceSerialNumber="64012",
        SoftwareVersions=vendor.software,
        DateOfLastCalibration=scan.da,
        TimeOfLastCalibration="063012.000000",
        ContributingEquipmentSequence=viewer,
    )


def _order(ds: Dataset, scan: Scan) -> None:
    identity = scan.identity
    request = items(
        AccessionNumber=identity.accession,
        RequestedProcedureDescription=scan.study_description,
        RequestedProcedureCodeSequence=code("ZBQK001", "CCAM", scan.study_description or "Scanographie"),
        ScheduledProcedureStepDescription=f"TDM {identity.name.split('^')[0]}",
        ScheduledProcedureStepID=f"SPS{identity.accession[-5:]}",
        RequestedProcedureID=identity.accession,
    )
    fill(
        ds,
        PerformedStationAETitle=identity.station,
        PerformedProcedureStepStartDate=scan.da,
        PerformedProcedureStepStartTime=_TIME,
        PerformedProcedureStepID=f"PPS{identity.accession[-5:]}",
        PerformedProcedureStepDescription=_protocol(scan),
        RequestAttributesSequence=request,
        ReferencedPerformedProcedureStepSequence=items(
            ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.3", ReferencedSOPInstanceUID=scan.uid("mpps")
        ),
        ReferencedStudySequence=items(
            ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=scan.study_uid
        ),
    )


def _series(ds: Dataset, scan: Scan) -> None:
    vendor = VENDORS[scan.vendor]
    fill(
        ds,
        Modality="CT",
        SeriesDate=scan.da,
        SeriesTime="102502.890000",
        SeriesDescription=f"{_protocol(scan)} {scan.thickness:.1f} {vendor.kernel}",
        BodyPartExamined=scan.body_part,
        ProtocolName=_protocol(scan),
        PatientPosition="HFS",
        SeriesInstanceUID=scan.series_uid,
        SeriesNumber=str(scan.series_number),
        FrameOfReferenceUID=scan.uid("frame of reference"),
        PositionReferenceIndicator=None,
    )


def _acquisition(ds: Dataset, scan: Scan, index: int) -> None:
    vendor = VENDORS[scan.vendor]
    fill(
        ds,
        AcquisitionDate=scan.da,
        AcquisitionTime=f"1025{16 + index % 40:02d}.559243",
        AcquisitionNumber="2",
        ScanOptions="HELICAL MODE",
        KVP="120",
        DataCollectionDiameter="500",
        ReconstructionDiameter=f"{FIELD_OF_VIEW:g}",
        DistanceSourceToDetector="1085.6",
        DistanceSourceToPatient="595",
        GantryDetectorTilt="0",
        TableHeight="151.5",
        RotationDirection="CW",
        ExposureTime="500",
        XRayTubeCurrent=str(184 + index % 30),
        Exposure="92",
        FilterType="FLAT",
        GeneratorPower="22",
        FocalSpots="1.2",
        ConvolutionKernel=vendor.kernel,
        IrradiationEventUID=scan.uid("irradiation"),
    )
    if scan.contrast:
        fill(ds, ContrastBolusAgent="IOMERON 400", ContrastBolusRoute="IV", ContrastBolusVolume="80")


def _plane(ds: Dataset, scan: Scan, index: int) -> None:
    vendor = VENDORS[scan.vendor]
    z, spacing = -index * scan.thickness, FIELD_OF_VIEW / max(scan.rows, scan.columns)
    corner = [f"{-spacing * (scan.columns - 1) / 2:.6g}", f"{-spacing * (scan.rows - 1) / 2:.6g}", f"{z:.8g}"]
    localizer = items(
        ReferencedSOPClassUID=CT_IMAGE,
        ReferencedSOPInstanceUID=scan.uid("localizer"),
        PurposeOfReferenceCodeSequence=code("121311", "DCM", "Localizer"),
    )
    fill(
        ds,
        ContentDate=scan.da,
        ContentTime=f"1026{index % 60:02d}.000000",
        ImageType=list(vendor.image_type),
        ReferencedImageSequence=localizer,
        SliceThickness=f"{scan.thickness:.8g}",
        InstanceNumber=str(index + 1),
        ImagePositionPatient=corner,
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        SliceLocation=f"{z:.8g}",
        ImageComments=f"{scan.identity.institution} - {scan.identity.station}",
        PixelSpacing=[f"{spacing:.6g}"] * 2,
        WindowCenter=["-600", "50"],
        WindowWidth=["1200", "350"],
        WindowCenterWidthExplanation=["POUMON", "MEDIASTIN"],
        RescaleIntercept="-1024",
        RescaleSlope="1",
        RescaleType="HU",
        BurnedInAnnotation="NO",
    )
    pixel_format(ds, scan)


def pixel_format(ds: Dataset, scan: Scan) -> None:
    """Set the Image Pixel Module of a CT image (PS3.3 C.7.6.3): one sample of 16 bits."""
    vendor = VENDORS[scan.vendor]
    fill(
        ds,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=scan.rows,
        Columns=scan.columns,
        BitsAllocated=16,
        BitsStored=vendor.bits_stored,
        HighBit=vendor.bits_stored - 1,
        PixelRepresentation=int(vendor.signed),
    )
