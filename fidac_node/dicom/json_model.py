"""A header in the DICOM JSON Model (PS3.18 Annex F), from its encoded elements.

What is long and binary is told by the address where it is found (F.2.6), relative to the instance:
``bulkdata/7FE00010``; in an item of a sequence with what leads there, ``bulkdata/54000100/1/54001010``, items counted
from 1. What slices of a series have in common is written once and remembered.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from fidac_node.dicom import charset, headers
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.elements import MAX_DEPTH, Elements, head_of, items_of, value_of
from fidac_node.dicom.memo import Memo
from fidac_node.dicom.part10 import Malformed
from fidac_node.dicom.tags import PIXEL_REPRESENTATION, SPECIFIC_CHARACTER_SET

BULK: Final = "bulkdata"
# What a BulkDataURI is written as, up to its address; within a text a quotation mark is escaped.
URI: Final = b'"BulkDataURI":"'

_LONGEST_INLINE: Final = 256  # bytes of binary values
_ENTRIES: Final = 4096
_REMEMBERED: Final = 1 << 20

_BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_ONE_TEXT: Final = frozenset({"LT", "ST", "UT", "UR"})  # a backslash is a character (PS3.5 6.2)
_TEXTS: Final = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC", "UI"})
_NUMBERS: Final = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
_JSON_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_GROUPS_OF_NAME: Final = ("Alphabetic", "Ideographic", "Phonetic")
_UTF_8: Final = '"00080005":{"vr":"CS","Value":["ISO_IR 192"]}'
_tag_at = headers.TAG.unpack_from
_dumps = partial(json.dumps, ensure_ascii=False)


class _Context(NamedTuple):
    """What an element's meaning depends on besides its bytes."""

    explicit: bool
    declared: tuple[str, ...] = ()
    signed: bool = False


class Writer:
    """Writes headers, one after the other; not for several threads at once."""

    def __init__(self) -> None:
        self._memos: dict[_Context, Memo[str]] = {}

    def write(self, elements: Elements, *, explicit: bool) -> str:
        """Return the members of a data set's JSON object, in the order of their tags, without its braces.

        Raises :class:`Malformed`.
        """
        context = _within(_Context(explicit), elements)
        memo = self._memos.get(context)
        if memo is None:
            if len(self._memos) >= _ENTRIES:
                self._memos.clear()
            memo = self._memos[context] = Memo(partial(_member, context, "", 0), _ENTRIES, _REMEMBERED)
        return ",".join(filter(None, [memo[elements[tag]] for tag in sorted(elements)]))


def bulk(tag: int, vr: str, path: str = "") -> str:
    """Return the member for a value that is fetched by itself."""
    return f'"{tag:08X}":{{"vr":"{vr}","BulkDataURI":"{BULK}/{path}{tag:08X}"}}'


def _within(context: _Context, elements: Elements) -> _Context:
    """What holds for a data set or an item, which inherits what it does not say."""
    declared = charset.declared_in(elements, context.declared, explicit=context.explicit)
    representation = value_of(elements, PIXEL_REPRESENTATION, context.explicit)
    return _Context(context.explicit, declared, representation[:1] == b"\1" if representation else context.signed)


def _member(context: _Context, path: str, depth: int, encoded: bytes) -> str:
    """One element; nothing for a group length, which JSON has none of (F.2.2)."""
    group, number = _tag_at(encoded, 0)
    tag = group << 16 | number
    if not number:
        return ""
    if tag == SPECIFIC_CHARACTER_SET:
        return _UTF_8  # JSON is that, whatever the object is (F.2.1.1)
    vr, start, undefined = head_of(encoded, context.explicit)
    vr = vr or ("SQ" if undefined else _implicit_vr(tag, context))
    if vr == "SQ":
        return f'"{tag:08X}":{{"vr":"SQ"{_items(context, f"{path}{tag:08X}/", depth, encoded)}}}'
    value = encoded[start:]
    if vr in _BINARY or vr not in _KNOWN:
        vr = vr if vr in _BINARY else "UN"
        if len(value) > _LONGEST_INLINE:
            return bulk(tag, vr, path)
        said = f',"InlineBinary":"{base64.b64encode(value).decode("ascii")}"' if value else ""
        return f'"{tag:08X}":{{"vr":"{vr}"{said}}}'
    values = _values(vr, value, context.declared)
    said = f',"Value":[{",".join(values)}]' if any(one != "null" for one in values) else ""
    return f'"{tag:08X}":{{"vr":"{vr}"{said}}}'


def _items(context: _Context, path: str, depth: int, encoded: bytes) -> str:
    if depth >= MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
    items = []
    for number, elements in enumerate(items_of(encoded, context.explicit), 1):
        within = _within(context, elements)
        members = (_member(within, f"{path}{number}/", depth + 1, elements[tag]) for tag in sorted(elements))
        items.append("{" + ",".join(filter(None, members)) + "}")
    return f',"Value":[{",".join(items)}]' if items else ""


def _values(vr: str, value: bytes, declared: tuple[str, ...]) -> list[str]:
    """The values as JSON; ``null`` for one that is empty (F.2.5)."""
    if vr in _NUMBERS:
        return [_number(number) for (number,) in _unpacked(f"<{_NUMBERS[vr]}", value)]
    if vr == "AT":
        return [f'"{group:04X}{number:04X}"' for group, number in _unpacked("<HH", value)]
    text = charset.likely(value, declared).rstrip(" \0")
    if vr in _ONE_TEXT:
        return [_dumps(text)] if text else []
    parts = [part.strip(" \0") for part in text.split("\\")] if text else []
    write = {"DS": _decimal, "IS": _decimal, "PN": _name}.get(vr, _dumps)
    return [write(part) if part else "null" for part in parts]


def _unpacked(form: str, value: bytes) -> Iterator[tuple[Any, ...]]:
    """The whole values; half a one at the end is none."""
    size = struct.calcsize(form)
    return struct.iter_unpack(form, value[: len(value) // size * size])


def _number(value: float) -> str:
    """A number; what JSON has none for, as a text."""
    if value != value:  # noqa: PLR0124 - not a number
        return '"NaN"'
    if value in (float("inf"), float("-inf")):
        return '"inf"' if value > 0 else '"-inf"'
    return repr(value)


def _decimal(text: str) -> str:
    """A DS or IS as the number that is written; a text where it is none (F.2.3.1)."""
    if _JSON_NUMBER.fullmatch(text):
        return text
    try:
        return _number(int(text) if text.lstrip("+-").isdecimal() else float(text))
    except ValueError:
        return _dumps(text)


def _name(text: str) -> str:
    groups = zip(_GROUPS_OF_NAME, (group.rstrip("^ ") for group in text.split("=")), strict=False)
    said = ",".join(f'"{name}":{_dumps(group)}' for name, group in groups if group)
    return f"{{{said}}}" if said else "null"


def _implicit_vr(tag: int, context: _Context) -> str:
    """The VR of an element in Implicit VR: that of PS3.6; a private one's is not known (PS3.5 6.2.2 note 2)."""
    if tag & 0x10000:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    vrs = vrs_of(tag)
    if "OW" in vrs:
        return "OW"
    if "SS" in vrs:
        return "SS" if context.signed else "US"
    return vrs[0] if vrs else "UN"


_KNOWN: Final = _TEXTS | _ONE_TEXT | _NUMBERS.keys() | {"AT", "DS", "IS", "PN"}
