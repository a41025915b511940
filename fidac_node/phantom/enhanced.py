"""The header of a made-up Enhanced CT image (PS3.3 A.38): one object, many frames."""

from __future__ import annotations

from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

from fidac_node.phantom import header
from fidac_node.phantom.anatomy import FIELD_OF_VIEW
from fidac_node.phantom.header import code, fill, items
from fidac_node.phantom.scan import Scan
from fidac_node.phantom.vendors import VENDORS


def enhanced_header(scan: Scan) -> FileDataset:
    """Return the header of a multi-frame image of ``scan.slices`` frames, all but its pixels."""
    ds = header.new_object(scan, header.ENHANCED_CT, scan.uid("enhanced", scan.series_number, scan.slices))
    header.common(ds, scan)
    vendor = VENDORS[scan.vendor]
    moment = f"{scan.da}102516.559"
    fill(
        ds,
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        ContentDate=scan.da,
        ContentTime="102611.000000",
        AcquisitionDateTime=moment,
        AcquisitionNumber="2",
        AcquisitionDuration=6.5,
        InstanceNumber="1",
        NumberOfFrames=str(scan.slices),
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
        ContentQualification="PRODUCT",
        BurnedInAnnotation="NO",
        LossyImageCompression="00",
        PresentationLUTShape="IDENTITY",
        AcquisitionContextSequence=Sequence([]),
        DimensionOrganizationSequence=items(DimensionOrganizationUID=scan.uid("dimensions")),
        DimensionIndexSequence=items(
            DimensionOrganizationUID=scan.uid("dimensions"),
            DimensionIndexPointer=0x00200032,
            FunctionalGroupPointer=0x00209113,
        ),
        SharedFunctionalGroupsSequence=Sequence([_shared(scan)]),
        PerFrameFunctionalGroupsSequence=Sequence([_frame(scan, index, moment) for index in range(scan.slices)]),
        MultienergyCTAcquisition="NO",
    )
    header.pixel_format(ds, scan)
    vendor.private(ds, scan, 0)
    return ds


def _shared(scan: Scan) -> Dataset:
    vendor = VENDORS[scan.vendor]
    spacing = f"{FIELD_OF_VIEW / max(scan.rows, scan.columns):.6g}"
    return fill(
        Dataset(),
        PixelMeasuresSequence=items(PixelSpacing=[spacing, spacing], SliceThickness=f"{scan.thickness:.8g}"),
        PlaneOrientationSequence=items(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"]),
        FrameAnatomySequence=items(FrameLaterality="U", AnatomicRegionSequence=code("51185008", "SCT", "Chest")),
        PixelValueTransformationSequence=items(RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU"),
        FrameVOILUTSequence=items(WindowCenter="-600", WindowWidth="1200"),
        CTImageFrameTypeSequence=items(
            FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            PixelPresentation="MONOCHROME",
            VolumetricProperties="VOLUME",
            VolumeBasedCalculationTechnique="NONE",
        ),
        IrradiationEventIdentificationSequence=items(IrradiationEventUID=scan.uid("irradiation")),
        CTAcquisitionTypeSequence=items(AcquisitionType="SPIRAL", ConstantVolumeFlag="NO", FluoroscopyFlag="NO"),
        CTAcquisitionDetailsSequence=items(
            RotationDirection="CW",
            RevolutionTime=0.5,
            SingleCollimationWidth=0.625,
            TotalCollimationWidth=40.0,
            TableHeight="151.5",
            GantryDetectorTilt="0",
            DataCollectionDiameter="500",
        ),
        CTTableDynamicsSequence=items(TableSpeed=55.0, TableFeedPerRotation=27.5, SpiralPitchFactor=0.6875),
        CTGeometrySequence=items(DistanceSourceToDetector="1085.6", DistanceSourceToDataCollectionCenter=595.0),
        CTReconstructionSequence=items(
            ReconstructionAlgorithm="FILTER_BACK_PROJ",
            ConvolutionKernel=vendor.kernel,
            ConvolutionKernelGroup="LUNG",
            ReconstructionDiameter=f"{FIELD_OF_VIEW:g}",
            ReconstructionPixelSpacing=[float(spacing), float(spacing)],
            ReconstructionAngle=360.0,
            ImageFilter="NONE",
        ),
        CTExposureSequence=items(
            ExposureTimeInms=500.0,
            XRayTubeCurrentInmA=184.0,
            ExposureInmAs=92.0,
            ExposureModulationType="NONE",
            CTDIvol=6.2,
            CTDIPhantomTypeCodeSequence=code("113691", "DCM", "IEC Body Dosimetry Phantom"),
        ),
        CTXRayDetailsSequence=items(
            KVP="120",
            FocalSpots="1.2",
            FilterType="FLAT",
            FilterMaterial="ALUMINUM",
            CalciumScoringMassFactorPatient=None,
        ),
    )


def _frame(scan: Scan, index: int, moment: str) -> Dataset:
    spacing = FIELD_OF_VIEW / max(scan.rows, scan.columns)
    z = -index * scan.thickness
    corner = [f"{-spacing * (scan.columns - 1) / 2:.6g}", f"{-spacing * (scan.rows - 1) / 2:.6g}", f"{z:.8g}"]
    return fill(
        Dataset(),
        FrameContentSequence=items(
            FrameReferenceDateTime=moment,
            FrameAcquisitionDateTime=moment,
            FrameAcquisitionDuration=500.0,
            FrameAcquisitionNumber=index + 1,
            DimensionIndexValues=index + 1,
        ),
        PlanePositionSequence=items(ImagePositionPatient=corner),
        CTPositionSequence=items(
            TablePosition=z, DataCollectionCenterPatient=[0.0, 0.0, z], ReconstructionTargetCenterPatient=[0.0, 0.0, z]
        ),
    )
