"""The identifier of a response (PS3.4 C.4.1.1.3.2): rows of the index as DICOM, in the character set asked for."""

from __future__ import annotations

import datetime
import struct
from typing import Any, Final

from pydicom.charset import python_encoding

from fidac_node.dicom.encode import Syntax, join
from fidac_node.dicom.tags import SPECIFIC_CHARACTER_SET
from fidac_node.hub.index.rows import Row
from fidac_node.hub.query.identifier import LEVEL, Identifier
from fidac_node.hub.query.keys import KEYS

_UTF_8: Final = "ISO_IR 192"
_DIGITS: Final = 10  # of a decimal string, which has 16 characters (PS3.5 6.2, DS)


def answer(asked: Identifier, row: Row, syntax: Syntax) -> bytes:
    """Encode each key that was asked for and is known, empty where nothing is said."""
    keys = [KEYS[keyword] for keyword in asked.known]
    values = {key: _value(getattr(row, key.column), key.vr) if key.column else "" for key in keys}
    text = "".join(value for value in values.values() if isinstance(value, str))
    character_sets, codec = _character_sets(text, asked.character_sets)
    elements = {LEVEL: syntax.element(LEVEL, "CS", asked.level.encode("ascii"))}
    if character_sets:
        said = "\\".join(character_sets).encode("ascii")
        elements[SPECIFIC_CHARACTER_SET] = syntax.element(SPECIFIC_CHARACTER_SET, "CS", said)
    for key, value in values.items():
        encoded = value.encode(codec) if isinstance(value, str) else struct.pack("<H", value)
        elements[key.tag] = syntax.element(key.tag, key.vr, encoded)
    return join(elements)


def _value(value: Any, vr: str) -> str | int:
    """A value of the index as its text; as a number where the VR is binary."""
    if value is None:
        return ""
    if isinstance(value, datetime.date):
        return value.isoformat().replace("-", "")
    if isinstance(value, tuple):
        return "" if None in value else "\\".join(str(_value(one, vr)) for one in value)
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    return int(value) if vr == "US" else str(value)


def _character_sets(text: str, asked: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The character set that was asked for, where it has what is said, and its codec; else UTF-8, which has all."""
    known = all(one in python_encoding for one in asked)
    if text.isascii():
        return (asked if known else ()), "ascii"
    try:
        if len(asked) == 1 and known:
            text.encode(python_encoding[asked[0]])
            return asked, python_encoding[asked[0]]
    except UnicodeEncodeError:
        pass  # the answer is more than it can say
    return (_UTF_8,), "utf_8"
