"""Which attributes of an input identify somebody or something, and how: by tag, VR and place.

HIPAA 45 CFR 164.514(b)(2)(i); PS3.15 Table E.1-1, the rows X, Z and D of people, identifiers, places and
devices. At any depth. What is free text is not here: names in it are found by where else they stand.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.tags import CODE_MEANING, CODE_VALUES


class Kind(Enum):
    """How the value of an attribute identifies."""

    NAME = "name"
    IDENTIFIER = "identifier"
    WORDS = "words"  # institution, address: each word that is not a common one
    NUMBER = "number"  # telephone: the digits count, not their grouping
    TELECOM = "telecom"  # e-mail addresses and telephone numbers in one text
    DATE = "date"


class Nature(NamedTuple):
    """What an attribute is to the gate.

    ``kind`` is how its values are searched for (``None``: not at all); ``identity`` says that no output
    may have a value of it that the engine did not write; ``place`` that it is about a device or an
    institution, not a person; ``uid`` and ``date`` that it holds UIDs and dates.
    """

    kind: Kind | None
    identity: bool
    place: bool
    uid: bool
    date: bool


_SILENT: Final = Nature(None, False, False, False, False)
_PN_KINDS: Final = {"PN": Kind.NAME, "AE": Kind.IDENTIFIER}

_PERSONS: Final = {
    0x00080050: Kind.IDENTIFIER,  # AccessionNumber
    0x00080092: Kind.WORDS,  # ReferringPhysicianAddress
    0x00080094: Kind.NUMBER,  # ReferringPhysicianTelephoneNumbers
    0x00100020: Kind.IDENTIFIER,  # PatientID
    0x00100030: Kind.DATE,  # PatientBirthDate
    0x00100033: Kind.IDENTIFIER,  # PatientBirthDateInAlternativeCalendar
    0x00100034: Kind.IDENTIFIER,  # PatientDeathDateInAlternativeCalendar
    0x00101000: Kind.IDENTIFIER,  # OtherPatientIDs
    0x00101040: Kind.WORDS,  # PatientAddress
    0x00101050: Kind.IDENTIFIER,  # InsurancePlanIdentification
    0x00101081: Kind.WORDS,  # BranchOfService
    0x00101090: Kind.IDENTIFIER,  # MedicalRecordLocator
    0x00102150: Kind.WORDS,  # CountryOfResidence
    0x00102152: Kind.WORDS,  # RegionOfResidence
    0x00102154: Kind.NUMBER,  # PatientTelephoneNumbers
    0x00102155: Kind.TELECOM,  # PatientTelecomInformation
    0x00102297: Kind.NAME,  # ResponsiblePerson
    0x00102299: Kind.WORDS,  # ResponsibleOrganization
    0x00120040: Kind.IDENTIFIER,  # ClinicalTrialSubjectID
    0x00120042: Kind.IDENTIFIER,  # ClinicalTrialSubjectReadingID
    0x0016004D: Kind.NAME,  # CameraOwnerName
    0x00200010: Kind.IDENTIFIER,  # StudyID
    0x00380010: Kind.IDENTIFIER,  # AdmissionID
    0x0038001E: Kind.WORDS,  # ScheduledPatientInstitutionResidence
    0x00380060: Kind.IDENTIFIER,  # ServiceEpisodeID
    0x00380300: Kind.WORDS,  # CurrentPatientLocation
    0x00380400: Kind.WORDS,  # PatientInstitutionResidence
    0x00400009: Kind.IDENTIFIER,  # ScheduledProcedureStepID
    0x00400253: Kind.IDENTIFIER,  # PerformedProcedureStepID
    0x0040050A: Kind.IDENTIFIER,  # SpecimenAccessionNumber
    0x00400512: Kind.IDENTIFIER,  # ContainerIdentifier
    0x00400551: Kind.IDENTIFIER,  # SpecimenIdentifier
    0x004006FA: Kind.IDENTIFIER,  # SlideIdentifier
    0x00401001: Kind.IDENTIFIER,  # RequestedProcedureID
    0x00401102: Kind.WORDS,  # PersonAddress
    0x00401103: Kind.NUMBER,  # PersonTelephoneNumbers
    0x00401104: Kind.TELECOM,  # PersonTelecomInformation
    0x00402006: Kind.IDENTIFIER,  # PlacerOrderNumberImagingServiceRequestRetired
    0x00402007: Kind.IDENTIFIER,  # FillerOrderNumberImagingServiceRequestRetired
    0x00402010: Kind.NUMBER,  # OrderCallbackPhoneNumber
    0x00402011: Kind.TELECOM,  # OrderCallbackTelecomInformation
    0x00402016: Kind.IDENTIFIER,  # PlacerOrderNumberImagingServiceRequest
    0x00402017: Kind.IDENTIFIER,  # FillerOrderNumberImagingServiceRequest
    0x0040A353: Kind.WORDS,  # AddressTrial
    0x0040A354: Kind.NUMBER,  # TelephoneNumberTrial
    0x0040E001: Kind.IDENTIFIER,  # HL7InstanceIdentifier
    0x0074100A: Kind.TELECOM,  # ContactURI
    0x0074100C: Kind.NAME,  # ContactDisplayName
    0x00880130: Kind.IDENTIFIER,  # StorageMediaFileSetID
    0x00880910: Kind.NAME,  # TopicAuthor
    0x40080040: Kind.IDENTIFIER,  # ResultsID
    0x4008011A: Kind.WORDS,  # DistributionAddress
    0x40080200: Kind.IDENTIFIER,  # InterpretationID
}
_PLACES: Final = {
    0x00080080: Kind.WORDS,  # InstitutionName
    0x00080081: Kind.WORDS,  # InstitutionAddress
    0x00081010: Kind.IDENTIFIER,  # StationName
    0x00081040: Kind.WORDS,  # InstitutionalDepartmentName
    0x00100021: Kind.WORDS,  # IssuerOfPatientID
    0x00120031: Kind.WORDS,  # ClinicalTrialSiteName
    0x00120060: Kind.WORDS,  # ClinicalTrialCoordinatingCenterName
    0x00120081: Kind.WORDS,  # ClinicalTrialProtocolEthicsCommitteeName
    0x00160051: Kind.IDENTIFIER,  # LensSerialNumber
    0x00181000: Kind.IDENTIFIER,  # DeviceSerialNumber
    0x00181004: Kind.IDENTIFIER,  # PlateID
    0x00181005: Kind.IDENTIFIER,  # GeneratorID
    0x00181007: Kind.IDENTIFIER,  # CassetteID
    0x00181008: Kind.IDENTIFIER,  # GantryID
    0x00181009: Kind.IDENTIFIER,  # UniqueDeviceIdentifier
    0x00181010: Kind.IDENTIFIER,  # SecondaryCaptureDeviceID
    0x00181011: Kind.IDENTIFIER,  # HardcopyCreationDeviceID
    0x0018700A: Kind.IDENTIFIER,  # DetectorID
    0x00189367: Kind.IDENTIFIER,  # XRaySourceID
    0x00189371: Kind.IDENTIFIER,  # XRayDetectorID
    0x00320012: Kind.WORDS,  # StudyIDIssuer
    0x00321020: Kind.WORDS,  # ScheduledStudyLocation
    0x00321033: Kind.WORDS,  # RequestingService
    0x00380011: Kind.WORDS,  # IssuerOfAdmissionID
    0x00380061: Kind.WORDS,  # IssuerOfServiceEpisodeID
    0x00400010: Kind.IDENTIFIER,  # ScheduledStationName
    0x00400011: Kind.WORDS,  # ScheduledProcedureStepLocation
    0x00400031: Kind.WORDS,  # LocalNamespaceEntityID
    0x00400032: Kind.IDENTIFIER,  # UniversalEntityID
    0x00400242: Kind.IDENTIFIER,  # PerformedStationName
    0x00400243: Kind.WORDS,  # PerformedLocation
    0x00401005: Kind.WORDS,  # RequestedProcedureLocation
    0x00402009: Kind.WORDS,  # OrderEntererLocation
    0x00404036: Kind.WORDS,  # HumanPerformerOrganization
    0x0040A027: Kind.WORDS,  # VerifyingOrganization
    0x04000563: Kind.IDENTIFIER,  # ModifyingSystem
    0x04000564: Kind.WORDS,  # SourceOfPreviousValues
    0x300A00B2: Kind.IDENTIFIER,  # TreatmentMachineName
    0x30080105: Kind.IDENTIFIER,  # SourceSerialNumber
    0x3010001B: Kind.IDENTIFIER,  # DeviceAlternateIdentifier
    0x30100043: Kind.IDENTIFIER,  # ManufacturerDeviceIdentifier
    0x40080042: Kind.WORDS,  # ResultsIDIssuer
    0x40080202: Kind.WORDS,  # InterpretationIDIssuer
}
# Sequences whose codes stand for a person, a place or a machine: what CodeMeaning says there.
_CODED_PERSONS: Final = {
    0x00401101: Kind.NAME,  # PersonIdentificationCodeSequence
    0x00404009: Kind.NAME,  # HumanPerformerCodeSequence
    0x00700086: Kind.NAME,  # ContentCreatorIdentificationCodeSequence
    0x0040A088: Kind.NAME,  # VerifyingObserverIdentificationCodeSequence
    0x0040A358: Kind.NAME,  # VerbalSourceIdentifierCodeSequenceTrial
}
_CODED_PLACES: Final = {
    0x00080082: Kind.WORDS,  # InstitutionCodeSequence
    0x00400039: Kind.WORDS,  # AssigningJurisdictionCodeSequence
    0x0040003A: Kind.WORDS,  # AssigningAgencyOrDepartmentCodeSequence
    0x00404025: Kind.WORDS,  # ScheduledStationNameCodeSequence
    0x00404027: Kind.WORDS,  # ScheduledStationGeographicLocationCodeSequence
    0x00404028: Kind.WORDS,  # PerformedStationNameCodeSequence
    0x00404030: Kind.WORDS,  # PerformedStationGeographicLocationCodeSequence
}


def nature_of(path: tuple[int, ...], vr: str) -> Nature:
    """What the attribute at ``path``, declared as ``vr``, is to the gate."""
    return _nature(path[-1], path[-2] if len(path) > 1 else 0, vr)


# Tags come from the field and are any number.
@lru_cache(maxsize=8192)
def _nature(tag: int, parent: int, vr: str) -> Nature:
    coded = _CODED_PERSONS.get(parent) or _CODED_PLACES.get(parent)
    if coded and (tag in CODE_VALUES or tag == CODE_MEANING):
        return Nature(coded if tag == CODE_MEANING else Kind.IDENTIFIER, True, parent in _CODED_PLACES, False, False)
    if tag in _PERSONS:
        return Nature(_PERSONS[tag], True, False, "UI" in (vr, *vrs_of(tag)), vr == "DA")
    if tag in _PLACES:
        return Nature(_PLACES[tag], True, True, False, False)
    # An input may declare anything: a name in UN or LO is a name all the same.
    vrs = (vr, *vrs_of(tag))
    for one, kind in _PN_KINDS.items():
        if one in vrs:
            return Nature(kind, True, one == "AE", False, False)
    if "DA" in vrs or "DT" in vrs:
        return Nature(Kind.DATE, False, False, False, True)
    return Nature(None, False, False, True, False) if "UI" in vrs else _SILENT
