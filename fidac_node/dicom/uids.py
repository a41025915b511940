"""The UIDs this node speaks: its own, the Storage SOP Classes and the transfer syntaxes it takes.

SOP Classes: PS3.4 Table B.5-1. Transfer syntaxes: PS3.6 Table A-1.
"""

from __future__ import annotations

import re
from typing import Final

from fidac_node import __version__

# A UUID-derived root (PS3.5 B.2): nobody has to register it, and it is not pynetdicom's.
IMPLEMENTATION_CLASS_UID: Final = "2.25.279803416834221269490136064185225586696"
# SH, 16 characters at most (PS3.7 D.3.3.2.4).
IMPLEMENTATION_VERSION_NAME: Final = f"FIDACNODE_{__version__.replace('.', '_')}"

VERIFICATION: Final = "1.2.840.10008.1.1"
STORAGE_COMMITMENT: Final = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
# Query/Retrieve (PS3.4 C.6.1.3, C.6.2.3).
PATIENT_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"
MEDIA_STORAGE_DIRECTORY: Final = "1.2.840.10008.1.3.10"

CT_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT: Final = "1.2.840.10008.5.1.4.1.1.2.1"
SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
KEY_OBJECT: Final = "1.2.840.10008.5.1.4.1.1.88.59"
DOSE_REPORT: Final = "1.2.840.10008.5.1.4.1.1.88.67"

CT_CLASSES: Final = {
    CT_IMAGE: "CT Image Storage",
    ENHANCED_CT: "Enhanced CT Image Storage",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT Image Storage",
}

# Taken so that the PACS sees no error, then held: they may show or name the patient (PS3.15 E.3.1).
HELD_CLASSES: Final = {
    SECONDARY_CAPTURE: "Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.1": "Multi-frame Single Bit Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.2": "Multi-frame Grayscale Byte Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.3": "Multi-frame Grayscale Word Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.4": "Multi-frame True Color Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.11.1": "Grayscale Softcopy Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.11.2": "Color Softcopy Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.11.3": "Pseudo-Color Softcopy Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.11.4": "Blending Softcopy Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.66.4": "Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.88.11": "Basic Text SR Storage",
    "1.2.840.10008.5.1.4.1.1.88.22": "Enhanced SR Storage",
    "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR Storage",
    "1.2.840.10008.5.1.4.1.1.88.34": "Comprehensive 3D SR Storage",
    KEY_OBJECT: "Key Object Selection Document Storage",
    DOSE_REPORT: "X-Ray Radiation Dose SR Storage",
    "1.2.840.10008.5.1.4.1.1.104.1": "Encapsulated PDF Storage",
    "1.2.840.10008.5.1.4.1.1.104.2": "Encapsulated CDA Storage",
}

IMPLICIT_VR_LE: Final = "1.2.840.10008.1.2"
EXPLICIT_VR_LE: Final = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LE: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BE: Final = "1.2.840.10008.1.2.2"
# What every application entity takes (PS3.5 10.1), and what most prefer.
UNCOMPRESSED: Final = (EXPLICIT_VR_LE, IMPLICIT_VR_LE)
JPEG_LS_LOSSLESS: Final = "1.2.840.10008.1.2.4.80"
RLE_LOSSLESS: Final = "1.2.840.10008.1.2.5"
HTJ2K_LOSSLESS: Final = "1.2.840.10008.1.2.4.201"

# In the acceptor's order of preference: as stored without loss, then lossy, Big Endian last.
TRANSFER_SYNTAXES: Final = {
    EXPLICIT_VR_LE: "Explicit VR Little Endian",
    IMPLICIT_VR_LE: "Implicit VR Little Endian",
    JPEG_LS_LOSSLESS: "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless SV1",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    RLE_LOSSLESS: "RLE Lossless",
    HTJ2K_LOSSLESS: "HTJ2K Lossless",
    "1.2.840.10008.1.2.4.202": "HTJ2K Lossless RPCL",
    DEFLATED_EXPLICIT_VR_LE: "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.53": "JPEG Spectral Selection",
    "1.2.840.10008.1.2.4.55": "JPEG Full Progression",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Near-Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
    EXPLICIT_VR_BE: "Explicit VR Big Endian",
}


# Classes, coding schemes, context groups: short components under the root of DICOM (PS3.6 Annex A).
STANDARD_UID: Final = re.compile(r"1\.2\.840\.10008(?:\.\d{1,4}){1,9}", re.ASCII)
_UID: Final = re.compile(r"\d+(?:\.\d+)*", re.ASCII)


def is_valid_uid(value: str) -> bool:
    """Say whether ``value`` is a UID: 64 characters at most, digits and dots, no empty component.

    Leading zeros in a component are against PS3.5 9.1 but are common in the field; they do no
    harm here and are let through.
    """
    return len(value) <= 64 and _UID.fullmatch(value) is not None


_LONGEST_NAME: Final = 128


def is_name(value: str) -> bool:
    """Say whether ``value`` names an instance, a series or a study: a UID, or what the field writes in place of one.

    Longer than PS3.5 9.1 allows, with letters, as UUIDs: it tells one from the other, which is all that is asked of a
    name that is replaced.
    """
    return 0 < len(value) <= _LONGEST_NAME and value.isascii() and value.isprintable() and "\\" not in value
