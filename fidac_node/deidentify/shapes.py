"""The shapes that values must have to stay: numbers, codes and their schemes, times, measurements.

A value is kept because it has the form that its VR demands, never because it looks harmless otherwise.
"""

from __future__ import annotations

import re
from typing import Final

from fidac_node.deidentify import actions, elements
from fidac_node.deidentify.codes import phrases
from fidac_node.deidentify.dictionary import most_values
from fidac_node.deidentify.elements import Elements
from fidac_node.deidentify.text import fold, is_plain, words

CODE_VALUES: Final = (0x00080100, 0x00080119, 0x00080120)  # CodeValue, LongCodeValue, URNCodeValue
CODING_SCHEME: Final = 0x00080102
CODE_MEANING: Final = 0x00080104
CODE_PARTS: Final = frozenset({*CODE_VALUES, CODING_SCHEME, CODE_MEANING})
# Schemes that are published and the same in every hospital (PS3.16 Table 8-1; CCAM is the French
# nomenclature of medical acts), and the shape of their codes.
_CODES: Final = {
    "DCM": re.compile(r"\d{6}|[A-Z]{1,4}"),
    "SCT": re.compile(r"\d{6,18}", re.ASCII),
    "SRT": re.compile(r"[A-Z]\d?-[A-Z0-9]{3,6}"),
    "SNM3": re.compile(r"[A-Z]\d?-[A-Z0-9]{3,6}"),
    "LN": re.compile(r"\d{1,5}-\d", re.ASCII),
    "UCUM": re.compile(r"[A-Za-z0-9%./*^\[\]{}()'_-]{1,16}|\{X-Ray sources\}"),
    "CCAM": re.compile(r"[A-Z]{4}\d{3}", re.ASCII),
    "RADLEX": re.compile(r"RID\d{1,6}", re.ASCII),
}
PHRASES_OF_CODES: Final = frozenset(map(fold, phrases()))

# What people type when no agent was given; "non" alone is French for no, but NON IONIC is an agent.
_NO_CONTRAST: Final = re.compile(r"(?:none|no|nil|sans|without|aucune?|wo|w o|0|non inj\w*)(?: .*)?|non?|n")
_CS: Final = re.compile(r"[A-Z0-9 _]{0,16}")
_DS: Final = re.compile(r" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? *", re.ASCII)
_IS: Final = re.compile(r" *[+-]?\d{1,12} *", re.ASCII)
# PS3.5 allows 16 characters; scanners write more, and a position lost is worse than one written long.
_LONGEST_DS: Final = 32
WIDTHS: Final = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8, "OV": 8, "OW": 2}
WITHOUT_TEXT: Final = actions.NUMBER_VRS - {"DS", "IS"} | actions.BYTES_VRS
# What a safe private attribute may say as text: a number, or a ratio of two.
MEASUREMENT: Final = re.compile(rb"[+-]?\d{1,6}(?:\.\d{0,8})?(?:[eE][+-]?\d{1,2})?(?::\d{1,4}(?:\.\d{0,6})?)?")
# Values that are kept as they are, in the form that scanners mostly write them: nothing else of the rules
# needs to be asked. What does not match is judged value by value.
PLAIN_VALUES: Final = {
    "CS": re.compile(rb"(?=[ \\]*[A-Z0-9_])[A-Z0-9 _]{0,16}(?:\\[A-Z0-9 _]{0,16})*"),
    "DS": re.compile(rb"[+-]?\d{1,10}(?:\.\d{0,16})?(?:\\[+-]?\d{1,10}(?:\.\d{0,16})?)* ?"),
    "IS": re.compile(rb"[+-]?\d{1,9}(?:\\[+-]?\d{1,9})* ?"),
    "TM": re.compile(rb"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?:\.\d{1,6})? ?"),
}


# A DT is a date of eight digits, then a time of day; this is the usual form of the latter.
DATE_LENGTH: Final = 8
TIME_OF_DAY: Final = PLAIN_VALUES["TM"]


def may_stay(item: Elements, explicit: bool) -> bool:
    """Say whether an item that has some of :data:`CODE_PARTS` may stay: a code of a published scheme."""
    scheme = elements.value_of(item, CODING_SCHEME, explicit).decode("ascii", "replace").strip(" \x00").upper()
    shape = _CODES.get(scheme)
    codes = [elements.value_of(item, tag, explicit).decode("ascii", "replace").strip(" \x00") for tag in CODE_VALUES[:2]]
    return shape is not None and any(shape.fullmatch(code) for code in codes)


def contrast(text: str) -> bytes:
    """Whether a contrast agent is named."""
    said = " ".join(words(text))
    return b"" if not said or _NO_CONTRAST.fullmatch(said) else actions.CONTRAST_DUMMY.encode("ascii")


def numbers(tag: int, vr: str) -> re.Pattern[bytes]:
    """What :func:`is_number` accepts, as a pattern."""
    most = most_values(tag)
    return re.compile(rb"(?s:.{%d}){0,%s}" % (WIDTHS[vr], b"" if most is None else b"%d" % most))


def is_number(tag: int, vr: str, raw: bytes) -> bool:
    """Say whether ``raw`` holds whole numbers of ``vr``, and no more than the attribute has: the rest could be text."""
    count, rest = divmod(len(raw), WIDTHS.get(vr, 1))
    most = most_values(tag) if vr in actions.NUMBER_VRS else None
    return rest == 0 and (most is None or count <= most)


def is_valid(tag: int, vr: str, value: str) -> bool:
    """Say whether one value of a kept attribute has the form of its VR."""
    if vr == "CS":
        return _CS.fullmatch(value.strip(" ")) is not None
    if vr == "DS":
        return not value.strip() or (len(value) <= _LONGEST_DS and _DS.fullmatch(value) is not None)
    if vr == "IS":
        return not value.strip() or (_IS.fullmatch(value) is not None and abs(int(value)) < 1 << 31)
    if tag in CODE_VALUES:
        return any(shape.fullmatch(value.strip()) for shape in _CODES.values())
    return is_plain(value.strip())
