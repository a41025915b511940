"""The shapes that values must have to stay: numbers, codes and their schemes, times, measurements.

A number is kept because it has the form that its VR demands and the size of a measurement, a code because it is
published.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from fidac_node.deidentify import actions
from fidac_node.deidentify.rewrite import codes
from fidac_node.deidentify.rewrite.text import is_plain, words
from fidac_node.dicom import elements
from fidac_node.dicom.dictionary import most_values, vrs_of
from fidac_node.dicom.elements import Elements
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.tags import (
    CODE_MEANING,
    CODE_VALUE,
    CODE_VALUES,
    CODING_SCHEME_DESIGNATOR,
    CODING_SCHEME_VERSION,
    LONG_CODE_VALUE,
    LUT_DATA,
)

# What makes a code (PS3.3 Table 8.8-1): its value in one of two forms, its scheme, its meaning.
OF_CODES: Final = {CODE_VALUE: "SH", LONG_CODE_VALUE: "UC", CODING_SCHEME_DESIGNATOR: "SH", CODING_SCHEME_VERSION: "SH"}
CODE_PARTS: Final = frozenset({*CODE_VALUES, CODING_SCHEME_DESIGNATOR, CODE_MEANING})

# What people type when no agent was given; "non" alone is French for no, but NON IONIC is an agent.
_NO_CONTRAST: Final = re.compile(r"(?:none|no|nil|sans|without|aucune?|wo|w o|0|non inj\w*)(?: .*)?|non?|n")
LONGEST_CS: Final = 16
_CS: Final = re.compile(r"[A-Z0-9 _]{0,16}")
_DS: Final = re.compile(r" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? *", re.ASCII)
_IS: Final = re.compile(r" *[+-]?\d{1,12} *", re.ASCII)
# PS3.5 allows 16 characters; scanners write more, and a position lost is worse than one written long.
_LONGEST_DS: Final = 32
WIDTHS: Final = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8, "OV": 8, "OW": 2}
WITHOUT_TEXT: Final = actions.NUMBER_VRS - {"DS", "IS"} | actions.BYTES_VRS
# What a safe private attribute may say as text: a number, or a ratio of two.
MEASUREMENT: Final = re.compile(rb"[+-]?\d{1,6}(?:\.\d{0,8})?(?:[eE][+-]?\d{1,2})?(?::\d{1,4}(?:\.\d{0,6})?)?")
# One value in the form that scanners mostly write: nothing else of the rules needs to be asked.
_PLAIN: Final = {"DS": rb"[+-]?\d{1,6}(?:\.\d{0,16})?", "IS": rb"[+-]?\d{1,6}"}
# No measurement of a CT is so large: eight digits are a date, more of them seconds since 1970, a telephone, an
# identifier; and bytes that are letters are numbers far above it.
LARGEST: Final = 10_000_000
# Values below it in the form that they mostly have, in little endian; what does not match is judged value by value.
_SMALL: Final = {
    "FD": rb"\0{8}|(?s:.{7})[\x3c-\x40\xbc-\xc0]",
    "FL": rb"\0{4}|(?s:.{3})[\x38-\x49\xb8-\xc9]",
    "UL": rb"(?s:..)[\0-\x97]\0",
}
# Numbers of paths, sources, segments and dimensions, of which there may be any number: letters in pairs are above them.
_LARGEST_OF_MANY: Final = 1 << 13
_SMALL_OF_MANY: Final = {"UL": rb"(?s:.)[\0-\x1f]\0\0", "US": rb"(?s:.)[\0-\x1f]"}
_OF_MANY: Final = {"UL": "L", "US": "H"}
_UNPACKED: Final = {"FD": "d", "FL": "f", "SL": "l", "SV": "q", "UL": "L", "UV": "Q"}
_NO_NUMBER: Final = {
    "FD": b"\0\0\0\0\0\0\xf8\x7f",
    "FL": b"\0\0\xc0\x7f",
}  # the one NaN that hides nothing, in little endian
_LUT_DESCRIPTOR: Final = 0x00283002


def meaning_of(item: Elements, explicit: bool) -> str | None:
    """What the code in an item means, as its scheme publishes it; ``None`` if it is no published code."""
    scheme, *values = (
        elements.value_of(item, tag, explicit).decode("ascii", "replace").strip(" \x00")
        for tag in (CODING_SCHEME_DESIGNATOR, *CODE_VALUES)
    )
    found = {codes.meaning_of(scheme, value) for value in values if value}
    return found.pop() if len(found) == 1 else None


def lut_fits(item: Elements, syntax: Syntax) -> bool:
    """Say whether an item's LUT data, if any, are as many and as large as the descriptor says, and only rise or fall.

    The descriptor is that of PS3.3 C.11.1.1. A table of greys does; what does not may be text.
    """
    if LUT_DATA not in item:
        return True
    data, said = (elements.value_of(item, tag, syntax.explicit) for tag in (LUT_DATA, _LUT_DESCRIPTOR))
    if len(said) != 6 or len(data) % 2:
        return False
    order = "<" if syntax.little else ">"
    entries, _, bits = struct.unpack(f"{order}3H", said)
    values = struct.unpack(f"{order}{len(data) // 2}H", data)
    rises = list(values) in (sorted(values), sorted(values, reverse=True))
    return len(values) == (entries or 1 << 16) and bits <= 16 and max(values) < 1 << bits and rises


def contrast(text: str) -> bytes:
    """Whether a contrast agent is named."""
    said = " ".join(words(text))
    return b"" if not said or _NO_CONTRAST.fullmatch(said) else actions.CONTRAST_DUMMY.encode("ascii")


def plain(tag: int, vr: str) -> re.Pattern[bytes] | None:
    """Values of an attribute, as many as it may have, in the form that they mostly have (in little endian).

    ``None``: of this VR none. What does not match is judged value by value: by :func:`is_number`, :func:`is_valid`.
    """
    most = most_values(tag)
    if vr in _PLAIN:
        more = b"" if most is None else b"%d" % (most - 1)
        return re.compile(rb"%s(?:\\%s){0,%s} ?" % (_PLAIN[vr], _PLAIN[vr], more))
    if vr not in WIDTHS or vr == "AT":
        return None
    one = (
        _SMALL_OF_MANY[vr]
        if vr in _OF_MANY and most is None
        else _SMALL.get(vr, (rb"\0{%d}" if vr in _UNPACKED else rb"(?s:.{%d})") % WIDTHS[vr])
    )
    return re.compile(rb"(?:%s){0,%s}" % (one, b"" if most is None else b"%d" % most))


def is_number(tag: int, vr: str, raw: bytes, *, little: bool) -> bool:
    """Say whether ``raw`` holds whole numbers of ``vr``, no more than the attribute has and none too large.

    The rest could be text.
    """
    count, rest = divmod(len(raw), WIDTHS.get(vr, 1))
    most = most_values(tag) if vr in actions.NUMBER_VRS else None
    if rest or (most is not None and count > most):
        return False
    order = "<" if little else ">"
    if vr == "AT":
        pairs = struct.iter_unpack(f"{order}2H", raw)
        return all(vrs_of(group << 16 | number) for group, number in pairs)
    if vr in _OF_MANY and most is None and tag != LUT_DATA:
        return all(one < _LARGEST_OF_MANY for one in struct.unpack(f"{order}{count}{_OF_MANY[vr]}", raw))
    if vr not in _UNPACKED:
        return True
    width, nan = WIDTHS[vr], _NO_NUMBER.get(vr, b"")[:: 1 if little else -1]
    found = struct.unpack(f"{order}{count}{_UNPACKED[vr]}", raw)
    return all(
        # What is no number is not equal to itself.
        abs(one) < LARGEST if one == one else raw[index * width : (index + 1) * width] == nan  # noqa: PLR0124
        for index, one in enumerate(found)
    )


def fitting(value: str) -> str:
    """A CS value, or as many whole words of it as a CS may have (PS3.5 6.2); ``""`` if it is none."""
    if _CS.fullmatch(value.strip(" ")):
        return value
    while len(value) > LONGEST_CS:
        value = value.rpartition(" ")[0]
    return value if _CS.fullmatch(value) else ""


def is_valid(vr: str, value: str) -> bool:
    """Say whether one value of a kept attribute has the form of its VR."""
    if vr == "CS":
        return _CS.fullmatch(value.strip(" ")) is not None
    if vr == "DS":
        return not value.strip() or (
            len(value) <= _LONGEST_DS and _DS.fullmatch(value) is not None and abs(float(value)) < LARGEST
        )
    if vr == "IS":
        return not value.strip() or (_IS.fullmatch(value) is not None and abs(int(value)) < LARGEST)
    return is_plain(value.strip())
