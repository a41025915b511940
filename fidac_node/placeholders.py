"""PatientIDs that stand for nobody, and patients that do not exist.

PatientID is Type 2 (PS3.3 C.7.1.1): it may be empty, but many a modality and gateway writes one of these in its place. All
who share it would become one patient. Test patients and phantoms have no place in a collection of patients.

Only an id that is nothing else is taken for one: ``ANON123`` and ``LIDC-IDRI-0003`` tell patients apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

STANDS_FOR_NOBODY: Final = (
    "PatientID (0010,0020) stands for nobody: all who share it would become one patient. Have the PACS correct it and send the study "
    "again, then drop this one"
)
_REPEATED: Final = 2  # of one character: 00, XXX, ---
_COUNTED: Final = 3  # digits that count up or down: 123, 987
_COUNTS: Final = ("01234567890", "1234567890", "9876543210")
_WORDS: Final = (
    "ANON(YM(E|ES|IZED|ISED|OUS|US)?)?|ANONYMIS(E|EE)|UNKNOWN|INCONNUE?|UNBEKANNT|DESCONOCIDO|SCONOSCIUTO|"
    "NONE|NULL|NIL|NAN|NA|ND|NC|EMPTY|VIDE|BLANK|UNDEFINED|UNNAMED|UNIDENTIFIED|NOID|NOIPP|SANSIPP|SANSID|MISSING|DUMMY|DEFAULT|"
    "PATIENT|PATIENTID|ID|IPP|IDENTIFIER|XX|EMERGENCY|URGENCE|TRAUMA|(JOHN|JANE)DOE|DOE(JOHN|JANE)"
)
_NOBODY: Final = re.compile(_WORDS)
# Of these a number may follow, and anything behind a separator: TEST2, QA-DAILY, PHANTOM WATER.
_UNREAL: Final = re.compile(
    r"(TEST|TESTPATIENT|PATIENTTEST|ESSAI|QA|QC|QUALITY|PHANTOMS?|FANTOME|PHANTOME|DEMO|CALIBRATION)(\d*|[^A-Z0-9].*)"
)


def is_placeholder(patient_id: str, own: Iterable[str] = ()) -> bool:
    """Say whether a PatientID stands for nobody; ``own`` are further ids of the site, with ``*`` and ``?`` as wild cards.

    Case, accents and spaces around do not count. An empty id is no placeholder: that is another reason to hold.
    """
    folded = fold(patient_id)
    plain = "".join(one for one in folded if one.isalnum())
    if not folded:
        return False
    if not plain or _is_one_character(plain) or (len(plain) >= _COUNTED and any(one.startswith(plain) for one in _COUNTS)):
        return True
    return bool(_NOBODY.fullmatch(plain) or _UNREAL.fullmatch(folded)) or matches(patient_id, own)


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Say whether ``text`` is one of ``patterns`` (``*`` any text, ``?`` any character), as folded."""
    folded = fold(text)
    return bool(folded) and any(fnmatchcase(folded, fold(pattern)) for pattern in patterns)


def fold(text: str) -> str:
    """Upper case without accents, controls and spaces around, one space between words."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one) and one.isprintable())
    return " ".join(plain.upper().split())


def _is_one_character(plain: str) -> bool:
    """A single 0 or 1, or one character again and again."""
    return len(set(plain)) == 1 and (len(plain) >= _REPEATED or plain in "01X")
