"""Made-up CT objects for the benchmarks: a header as long as a scanner writes it, pixels of full size, in memory."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any, Final

from pydicom.dataset import Dataset, FileDataset
from pydicom.filewriter import dcmwrite

from fidac_node.phantom.enhanced import enhanced_header
from fidac_node.phantom.header import ct_image
from fidac_node.phantom.scan import IDENTITIES, Scan

ELEMENTS: Final = 150
# What CT scanners of four makers write besides what the phantom has.
_TYPICAL: Final[dict[str, Any]] = {
    "InstanceAvailability": "ONLINE",
    "AcquisitionDateTime": "20240317102516.559243",
    "TimezoneOffsetFromUTC": "+0100",
    "PatientBirthTime": "031500",
    "MedicalAlerts": "ALLERGIE IODE",
    "Allergies": "PENICILLINE",
    "Occupation": "enseignante",
    "SmokingStatus": "NO",
    "PregnancyStatus": 4,
    "EthnicGroup": "",
    "PatientSpeciesDescription": "",
    "CountryOfResidence": "FR",
    "PatientInsurancePlanCodeSequence": None,
    "RequestedContrastAgent": "",
    "RevolutionTime": 0.5,
    "SingleCollimationWidth": 0.625,
    "TotalCollimationWidth": 40.0,
    "TableSpeed": 55.0,
    "TableFeedPerRotation": 27.5,
    "SpiralPitchFactor": 0.6875,
    "ExposureModulationType": "XYZ_EC",
    "EstimatedDoseSaving": 28.5,
    "CTDIvol": 6.21,
    "DataCollectionCenterPatient": [0.0, -151.5, 0.0],
    "ReconstructionTargetCenterPatient": [0.0, -151.5, 0.0],
    "ReconstructionAlgorithm": "FILTER_BACK_PROJ",
    "ConvolutionKernelGroup": "LUNG",
    "ScanLength": "340",
    "AcquisitionDuration": 6.5,
    "SpacingBetweenSlices": "1",
    "DateOfSecondaryCapture": None,
    "PatientOrientation": ["L", "P"],
    "TemporalPositionIdentifier": "1",
    "NumberOfTemporalPositions": "1",
    "ImagesInAcquisition": "300",
    "Laterality": "",
    "PixelAspectRatio": ["1", "1"],
    "SmallestImagePixelValue": 0,
    "LargestImagePixelValue": 4095,
    "PixelPaddingValue": 63536,
    "LossyImageCompression": "00",
    "RequestedProcedurePriority": "ROUTINE",
    "ReasonForTheRequestedProcedure": "toux febrile, dyspnee",
    "PatientTransportArrangements": "",
    "ConfidentialityConstraintOnPatientDataDescription": "",
    "AdmittingDate": "20240316",
    "AdmittingTime": "221500",
    "SpecialNeeds": "",
    "VisitComments": "",
    "ScheduledProcedureStepLocation": "SCANNER 2",
    "PerformedLocation": "SCANNER 2",
    "PerformedProcedureTypeDescription": "SCANNER",
    "PerformedProcedureStepEndDate": "20240317",
    "PerformedProcedureStepEndTime": "102611",
    "CommentsOnThePerformedProcedureStep": "RAS",
    "NamesOfIntendedRecipientsOfResults": "GERAUD-DELAITRE^Benoit",
    "OrderEnteredBy": "HEBRARD^Zoe",
    "OrderEntererLocation": "URGENCES",
    "OrderCallbackPhoneNumber": "01 99 00 45 61",
    "PlacerOrderNumberImagingServiceRequest": "P24088731",
    "FillerOrderNumberImagingServiceRequest": "F24088731",
    "ImagingServiceRequestComments": "",
    "IssueDateOfImagingServiceRequest": "20240316",
    "InterpretationStatusID": "",
    "StudyStatusID": "VERIFIED",
    "StudyPriorityID": "MED",
    "ReasonForStudy": "TOUX",
    "StudyArrivalDate": "20240317",
    "StudyCompletionDate": "20240317",
    "PresentationLUTShape": "IDENTITY",
    "LossyImageCompressionRatio": "1",
}


def slice_header(scan: Scan, index: int, elements: int = ELEMENTS) -> FileDataset:
    """A CT image of ``elements`` top-level elements, all but its pixels counted."""
    return lengthened(ct_image(scan, index), elements - 1)


def lengthened(ds: FileDataset, elements: int = ELEMENTS) -> FileDataset:
    """``ds`` with as many more attributes as make ``elements`` top-level ones."""
    for keyword, value in _TYPICAL.items():
        if len(ds) >= elements:
            return ds
        if keyword not in ds and value is not None:
            setattr(ds, keyword, value)
    if len(ds) < elements:
        raise ValueError(f"only {len(ds)} elements: {elements} were asked for")
    return ds


def encoded(ds: Dataset, pixels: bytes) -> bytes:
    """A Part 10 file in memory."""
    ds.add_new("PixelData", "OW", pixels)
    target = io.BytesIO()
    dcmwrite(target, ds, enforce_file_format=True)
    return target.getvalue()


def pixels(rows: int = 512, columns: int = 512, seed: int = 1) -> bytes:
    """12-bit noise as stored values of 16 bits."""
    rng = random.Random(seed)
    return b"".join(rng.getrandbits(12).to_bytes(2, "little") for _ in range(rows * columns))


def series(slices: int, vendor: str = "GE", seed: int = 1) -> list[bytes]:
    """One series of 512 x 512 slices."""
    scan, plane = Scan(seed=seed, slices=slices, vendor=vendor), pixels()
    return [encoded(slice_header(scan, index), plane) for index in range(slices)]


def strangers(count: int, vendor: str = "GE", rows: int = 512, columns: int = 512) -> Iterator[bytes]:
    """Slices, each of another patient."""
    plane = pixels(rows, columns)
    for number in range(count):
        identity = replace(
            IDENTITIES[number % len(IDENTITIES)],
            name=f"NOM{_letters(number)}^Prenom{_letters(number * 7 + 3)}",
            patient_id=f"81{number:08d}",
            birth_date=date(1930 + number % 70, 1 + number % 12, 1 + number % 28),
            accession=f"RX{number:08d}",
            phone=f"06 39 98 {number // 100 % 100:02d} {number % 100:02d}",
        )
        scan = Scan(seed=number, slices=300, vendor=vendor, identity=identity, rows=rows, columns=columns)
        yield encoded(slice_header(scan, number % 300), plane)


def enhanced(frames: int, count: int) -> list[bytes]:
    """Enhanced CT images of so many frames, each another study; their frames are small, for their header counts."""
    found = []
    for number in range(count):
        scan = Scan(
            seed=number,
            slices=frames,
            rows=16,
            columns=16,
            days_later=number,
            identity=IDENTITIES[number % len(IDENTITIES)],
        )
        found.append(encoded(enhanced_header(scan), pixels(16, 16) * frames))
    return found


def _letters(number: int) -> str:
    """A number as letters: names hold no digits."""
    text = ""
    for _ in range(4):
        number, digit = divmod(number, 26)
        text += chr(ord("a") + digit)
    return text
