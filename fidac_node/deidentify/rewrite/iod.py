"""What the CT Image IODs demand to be present: the attributes whose removal would break an object.

Type 1 and Type 2 attributes of CT Image (PS3.3 A.3), Enhanced CT (A.38) and Legacy Converted Enhanced
CT (A.70), and of the macros their items use, as far as de-identification may touch them. One table
serves the compiler: an attribute takes the strictest type that any of them gives it. What an object of one class must
have is said by its :class:`Demands`: no value is invented where its IOD demands none.
"""

from __future__ import annotations

from typing import Final, NamedTuple

# A value must be there, in every class: what cannot be kept becomes a dummy.
_TYPE_1_OF_ALL: Final = frozenset(
    {
        0x00080008,  # ImageType
        0x00080060,  # Modality
        0x00080100,  # CodeValue, in every code sequence item
        0x00080102,  # CodingSchemeDesignator
        0x00080104,  # CodeMeaning
    }
)
# And in the enhanced classes.
_TYPE_1_OF_ENHANCED: Final = frozenset(
    {
        0x00080023,  # ContentDate (Enhanced CT; 2C in CT Image)
        0x0008002A,  # AcquisitionDateTime (1C in Enhanced CT)
        0x00080033,  # ContentTime (Enhanced CT)
        0x00080070,  # Manufacturer (Enhanced CT; 2 in CT Image)
        0x00081090,  # ManufacturerModelName (Enhanced CT)
        0x00181000,  # DeviceSerialNumber (Enhanced CT)
        0x00181020,  # SoftwareVersions (Enhanced CT)
        0x00181210,  # ConvolutionKernel (1C in Enhanced CT)
        0x00189074,  # FrameAcquisitionDateTime (1C)
        0x00189151,  # FrameReferenceDateTime (1C)
        0x00281054,  # RescaleType (Enhanced CT, PS3.3 C.7.6.16.2.9b)
    }
)

TYPE_1: Final = _TYPE_1_OF_ALL | _TYPE_1_OF_ENHANCED

# The attribute must be there, and may be empty.
TYPE_2: Final = frozenset(
    {
        0x00080020,  # StudyDate
        0x00080030,  # StudyTime
        0x00080050,  # AccessionNumber
        0x00080090,  # ReferringPhysicianName
        0x00081140,  # ReferencedImageSequence, in its functional group macro
        0x00082112,  # SourceImageSequence, in DerivationImageSequence
        0x00089124,  # DerivationImageSequence, in its functional group macro
        0x00100010,  # PatientName
        0x00100020,  # PatientID
        0x00100030,  # PatientBirthDate
        0x00100040,  # PatientSex
        0x00180010,  # ContrastBolusAgent
        0x00180050,  # SliceThickness
        0x00180060,  # KVP
        0x00185100,  # PatientPosition (2C)
        0x00200010,  # StudyID
        0x00200011,  # SeriesNumber
        0x00200012,  # AcquisitionNumber
        0x00200013,  # InstanceNumber
        0x00200020,  # PatientOrientation (2C)
        0x00200060,  # Laterality (2C)
        0x00201040,  # PositionReferenceIndicator
        0x00400555,  # AcquisitionContextSequence (Enhanced CT)
    }
)
# Type 1 in an enhanced class, 2 in CT Image.
_EMPTY_IN_CT_IMAGE: Final = frozenset({0x00080070})  # Manufacturer


class Demands(NamedTuple):
    """What an IOD demands of an object, as far as de-identification may touch it.

    Attributes with a ``value``, and their ``presence``.
    """

    value: frozenset[int]
    presence: frozenset[int]


CT_IMAGE: Final = Demands(_TYPE_1_OF_ALL, TYPE_2 | _EMPTY_IN_CT_IMAGE)
ENHANCED: Final = Demands(TYPE_1, TYPE_2)


def demands_of(sop_class_uid: str) -> Demands:
    """What the class of an object demands: Enhanced CT and Legacy Converted Enhanced CT more than all others."""
    return ENHANCED if sop_class_uid.startswith("1.2.840.10008.5.1.4.1.1.2.") else CT_IMAGE
