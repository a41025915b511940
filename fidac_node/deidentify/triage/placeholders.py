"""PatientIDs that stand for nobody, and patients that do not exist.

PatientID is Type 2 (PS3.3 C.7.1.1): it may be empty, but many a modality and gateway writes one of these in its place.
All who share it would become one patient. Test patients and phantoms have no place in a collection of patients.

Only an id that is nothing else is taken for one: ``ANON123`` and ``LIDC-IDRI-0003`` tell patients apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from fidac_node.deidentify.gate.scripts import latin
from fidac_node.deidentify.rewrite import text as texts

STANDS_FOR_NOBODY: Final = (
    "PatientID (0010,0020) stands for nobody: all who share it would become one patient. Have the PACS correct it and "
    "send the study again, then drop this one"
)
_COUNTED: Final = 3  # digits that count up or down: 123, 987654321
_UP: Final = (
    "0" + "1234567890" * 7,
    "1234567890" * 7,
    "".join(map(str, range(1, 40))),
)  # at least 64 characters, as LO (PS3.5 6.2)
_DOWN: Final = ("987654321", "9876543210")
# Test patients and phantoms: any number may follow, and anything behind a separator: TEST0001, TEST-HOSPITAL, PHANTOM
# WATER.
_UNREAL: Final = "TEST ESSAI QUALITY PHANTOM PHANTOMS FANTOM FANTOME PHANTOME CATPHAN DEMO CALIBRATION"
# What is written for somebody unknown. In other scripts as they are; what transliterates to a word of the list (АНОНИМ)
# is one.
_WORDS: Final = f"""{_UNREAL}
    ANON ANONYM ANONYME ANONYMES ANONYMIZED ANONYMISED ANONYMOUS ANONYMUS \
ANONYMISE ANONYMISEE ANONIM ANONIMO ANONIMA ANONIMNO
    UNKNOWN INCONNU INCONNUE UNBEKANNT DESCONOCIDO DESCONOCIDA SCONOSCIUTO \
SCONOSCIUTA ONBEKEND NIEZNANY НЕИЗВЕСТНО НЕИЗВЕСТНЫЙ
    NONE NULL NIL NAN NA ND NC NN EMPTY VIDE BLANK UNDEFINED UNNAMED \
UNIDENTIFIED MISSING DUMMY DEFAULT UNASSIGNED PENDING
    AVAILABLE DISPONIBLE KNOWN CONNU GIVEN APPLICABLE IDENTIFIED TEMP TMP TEMPORARY TEMPORAIRE PROVISOIRE PROVISIONAL
    EMERGENCY URGENCE URGENCES NOTFALL TRAUMA JOHNDOE JANEDOE DOEJOHN DOEJANE XX XXX
    NAME NOM NUMERO NUMBER SERVICE MAINTENANCE DAILY WEEKLY TESTING QA QC
    未知 不明 匿名 无名 無名 无名氏 無名氏 测试 測試 氏名不詳 テスト ファントム 무명 미상 익명 테스트
    مجهول ΑΓΝΩΣΤΟΣ ΑΝΩΝΥΜΟΣ אלמוני
"""
# These hold alone, but a number behind makes an id of them: PATIENT-17.
_NUMBERED: Final = (
    "PATIENT PATIENTID SUBJECT ПАЦИЕНТ 患者 ID PID IPP "
    "IDENTIFIER MR MRS MS M MME MLLE SR HERR FRAU NO NOT NON SANS OHNE SIN"
)
_GLUED: Final = 4  # letters: a shorter word is one only beside a separator, or behind one of these
_NOT: Final = "NO NOT NON SANS OHNE SIN"


def is_placeholder(patient_id: str, own: Iterable[str] = ()) -> bool:
    """Say whether a PatientID stands for nobody.

    It does if it is one letter or digit, or one of them again and again (``22`` is doubtful, so it waits for a person);
    a number that counts from 1 (``123``, ``12345678901``; ``98765`` may be an id); zeros before one of these; or words
    for nobody with at most two digits behind. Case, accents, script and spaces around do not count. An empty id is no
    placeholder: that is another reason to hold. ``own`` are further ids of the site, with ``*`` and ``?`` as wild
    cards.
    """
    folded = fold(patient_id)
    if not folded:
        return False
    plain = _alphanumeric(folded)
    if len(set(plain.lstrip("0"))) <= 1 or _counts(plain) or _counts(plain.lstrip("0")):
        return True
    return any(map(_is_nobody, {folded, fold(latin(patient_id))})) or matches(patient_id, own)


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Say whether ``text`` is one of ``patterns`` (``*`` any text, ``?`` any character), as folded."""
    folded = fold(text)
    return bool(folded) and any(fnmatchcase(folded, fold(pattern)) for pattern in patterns)


def fold(text: str) -> str:
    """Upper case without accents, controls and spaces around, one space between words."""
    return " ".join("".join(filter(str.isprintable, texts.fold(text))).upper().split())


def _alphanumeric(folded: str) -> str:
    return "".join(one for one in folded if one.isalnum())


def _counts(plain: str) -> bool:
    return len(plain) >= _COUNTED and (any(one.startswith(plain) for one in _UP) or plain in _DOWN)


def _is_nobody(folded: str) -> bool:
    spellings = (folded, _alphanumeric(folded))  # N/A is one word
    return bool(_UNREAL_ID.fullmatch(folded)) or any(
        _NOBODY.fullmatch(one) and not _AN_ID.fullmatch(one) for one in spellings
    )


def _one_of(words: Iterable[str]) -> str:
    return "|".join(map(fold, words))


# The lists above, folded and compiled.
_ALL: Final = f"{_WORDS} {_NUMBERED}".split()
_LONG: Final = [one for one in _ALL if len(one) >= _GLUED]
_WORD: Final = rf"(?:(?:{_one_of(_NOT.split())})?(?:{_one_of(_ALL)})|(?:{_one_of(_LONG)}){{2,4}})"
_NOBODY: Final = re.compile(rf"[\W_]*{_WORD}(?:[\W_]+{_WORD})*(?:[\W_]*\d{{1,2}}|[\W_]+[XYZ])?[\W_]*")
_AN_ID: Final = re.compile(rf"[\W_]*(?:{_one_of(_NUMBERED.split())})[\W_]*\d+[\W_]*")
_UNREAL_ID: Final = re.compile(
    rf"(?:Z*(?:{_one_of(_UNREAL.split())})|TESTPATIENT|PATIENTTEST)(?:\d*|[^A-Z0-9].*)"
    r"|(?:QA|QC)(?:\d{0,2}|[^A-Z0-9]+(?!\d{3,}$).*)"  # QC123456 tells one from another
    rf"|.*[^A-Z0-9](?:{_one_of(_UNREAL.split())})"  # ACR PHANTOM
)
