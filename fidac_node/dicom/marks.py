"""What an object says of itself once it is de-identified: the marks that travel with it to the hub.

Standard attributes where one fits (PS3.15 E.1.1, PS3.3 C.7.1.3 and C.12.1), else one private block of
ours, described in ``docs/private-block.md``.
"""

from __future__ import annotations

import re
from typing import Final

SPONSOR: Final = "FIDAC"
METHOD_PREFIX: Final = "FIDAC "
LABELS: Final = ("certain", "possible", "negative", "other", "unknown")

# These six have no standard place: elements of the block (0F1D,10xx).
PRIVATE_GROUP: Final = 0x0F1D
PRIVATE_CREATOR: Final = "FIDAC NODE 1"
LABEL: Final = 0x01  # CS
LABEL_SOURCE: Final = 0x02  # LO
PROFILE: Final = 0x03  # LO
PROFILE_DIGEST: Final = 0x04  # LO, SHA-256 in hex
LOST: Final = 0x05  # LO, keywords; only where something was lost
VERSION: Final = 0x06  # IS; only where it replaces an earlier version of the same instance

PRIVATE_CREATOR_TAG: Final = PRIVATE_GROUP << 16 | 0x0010
PRIVATE_TAGS: Final = frozenset(
    {
        PRIVATE_CREATOR_TAG,
        *(
            PRIVATE_GROUP << 16 | 0x1000 | element
            for element in (LABEL, LABEL_SOURCE, PROFILE, PROFILE_DIGEST, LOST, VERSION)
        ),
    }
)

# Whose elements the safe-private profile lets through (PS3.15 E.3.10).
SAFE_PRIVATE_CREATORS: Final = ("ELSCINT1", "GEMS_ACQU_01", "GEMS_HELIOS_01", "GEMS_PARM_01")

# CID 7050 De-identification Method (PS3.16), scheme DCM.
CODE_BASIC: Final = "113100"
CODE_STRUCTURED_CONTENT: Final = "113104"
CODE_CLEAN_DESCRIPTORS: Final = "113105"
CODE_MODIFIED_DATES: Final = "113107"
CODE_PATIENT_CHARACTERISTICS: Final = "113108"
CODE_DEVICE_IDENTITY: Final = "113109"
CODE_SAFE_PRIVATE: Final = "113111"
METHOD_CODES: Final = {
    CODE_BASIC: "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113102": "Clean Recognizable Visual Features Option",
    "113103": "Clean Graphics Option",
    CODE_STRUCTURED_CONTENT: "Clean Structured Content Option",
    CODE_CLEAN_DESCRIPTORS: "Clean Descriptors Option",
    CODE_MODIFIED_DATES: "Retain Longitudinal Temporal Information Modified Dates Option",
    CODE_PATIENT_CHARACTERISTICS: "Retain Patient Characteristics Option",
    CODE_DEVICE_IDENTITY: "Retain Device Identity Option",
    CODE_SAFE_PRIVATE: "Retain Safe Private Option",
}

# The first version of an instance does not say so; a million corrections are none any more.
_VERSION: Final = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_METHOD: Final = re.compile(r"FIDAC [a-z0-9][a-z0-9._-]{0,39} [0-9a-f]{8}")


def private_tag(element: int) -> int:
    """The tag of one of our private elements, such as :data:`LABEL`."""
    return PRIVATE_GROUP << 16 | 0x1000 | element


def method(profile: str, digest: str) -> str:
    """The value of DeidentificationMethod (0012,0063): ``FIDAC <profile> <first 8 of its digest>``."""
    return f"{METHOD_PREFIX}{profile} {digest[:8]}"


def version_of(text: str) -> int:
    """Which version of its instance an object is, by the value of :data:`VERSION`; 1 for one that says none.

    Raises ``ValueError`` for what no node writes.
    """
    if not text:
        return 1
    if not _VERSION.fullmatch(text) or text == "1":
        raise ValueError("not a version")
    return int(text)


def is_method(value: str) -> bool:
    """Say whether one value of DeidentificationMethod is one that this node writes."""
    return _METHOD.fullmatch(value.strip()) is not None
