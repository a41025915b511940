"""Before and after, attribute by attribute: what de-identification did to one header.

The rows name the patient: they are for a screen at the site, and for nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from fidac_node.dicom import charset
from fidac_node.dicom.dictionary import keyword_of, vrs_of
from fidac_node.dicom.elements import DataSet, Node
from fidac_node.dicom.part10 import PIXEL_DATA, format_tag
from fidac_node.dicom.tags import SPECIFIC_CHARACTER_SET

KEPT: Final = "kept"
_FORMATS: Final = {"FL": "f", "FD": "d", "SL": "l", "SS": "h", "UL": "L", "US": "H", "SV": "q", "UV": "Q"}
_BYTES: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_DATES: Final = frozenset({"DA", "DT"})
_MOST_NUMBERS: Final = 8
# A value is shown on one line of a screen.
LONGEST_SHOWN: Final = 64


_Declared: TypeAlias = "tuple[tuple[str, ...], tuple[str, ...]]"  # SpecificCharacterSet of both sides


class Row(NamedTuple):
    """What became of one element.

    ``path`` names it with item numbers from 1, ``(0040,0275)[1].(0010,0010)``; ``before`` and ``after``
    are its values as text (``None``: it is not there); ``action`` is one of removed, emptied, replaced,
    shifted, added, kept.
    """

    path: str
    keyword: str
    before: str | None
    after: str | None
    action: str


def compare(before: DataSet, after: DataSet, *, little: bool = True) -> list[Row]:
    """What became of each element of ``before`` and where those of ``after`` come from, by ascending tag at each depth.

    Items are held against each other by their place in the sequence. ``little`` is the byte order of both.
    """
    return list(_rows(before, after, "", ((), ()), little))


def _rows(before: DataSet, after: DataSet, above: str, declared: _Declared, little: bool) -> Iterator[Row]:
    declared = _charset(before, declared[0]), _charset(after, declared[1])
    for tag in sorted({*before, *after} - {PIXEL_DATA}):
        old, new = before.get(tag), after.get(tag)
        path, keyword = above + format_tag(tag), keyword_of(tag)
        if (old is None or old.items is None) and (new is None or new.items is None):
            texts = text_of(old, declared[0], little=little), text_of(new, declared[1], little=little)
            yield Row(path, keyword, *texts, _action(old, new, declared))
            continue
        items = (old.items or () if old else ()), (new.items or () if new else ())
        yield Row(path, keyword, _items_text(old), _items_text(new), _action_on_items(old, new))
        for number in range(max(map(len, items))):
            one, other = (side[number] if number < len(side) else {} for side in items)
            yield from _rows(one, other, f"{path}[{number + 1}].", declared, little)


def _action(old: Node | None, new: Node | None, declared: _Declared) -> str:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    vr = _vr(new)
    if old.value == new.value:
        return KEPT
    if vr in _BYTES or vr in _FORMATS:
        return "replaced" if new.value else "emptied"
    before, after = (
        charset.likely(node.value, one).strip(" \x00") for node, one in zip((old, new), declared, strict=True)
    )
    if before == after:
        return KEPT  # in another character set, or padded otherwise
    if not after:
        return "emptied"
    return "shifted" if vr in _DATES else "replaced"


def _action_on_items(old: Node | None, new: Node | None) -> str:
    if old is None or new is None:
        return "removed" if new is None else "added"
    return "emptied" if old.items and not new.items else KEPT


def text_of(node: Node | None, declared: tuple[str, ...], *, little: bool = True) -> str | None:
    """The value of an element as one line of text, shortened; ``declared`` are the values of SpecificCharacterSet."""
    if node is None:
        return None
    vr, value = _vr(node), node.value
    order = "<" if little else ">"
    if vr == "AT":
        tags = struct.iter_unpack(order + "HH", value[: len(value) // 4 * 4])
        return _one_line("\\".join(format_tag(group << 16 | number) for group, number in tags))
    if vr in _FORMATS and value and len(value) % struct.calcsize(order + _FORMATS[vr]) == 0:
        return _numbers(order, _FORMATS[vr], value)
    if vr in _BYTES or vr in _FORMATS:
        text = value.rstrip(b"\x00 ")
        if not text.isascii() or not text.decode("ascii").isprintable():
            return f"<{len(value)} bytes>"
    return _one_line(charset.likely(value, declared).strip(" \x00"))


def _one_line(text: str) -> str:
    """A text as a terminal may print it: escape sequences are none, a header comes from anywhere."""
    shown = "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[: LONGEST_SHOWN - 1]}… ({len(text)} characters)"


def _numbers(order: str, letter: str, value: bytes) -> str:
    count = len(value) // struct.calcsize(order + letter)
    shown = struct.unpack_from(f"{order}{min(count, _MOST_NUMBERS)}{letter}", value)
    text = "\\".join(f"{number:.6g}" if isinstance(number, float) else str(number) for number in shown)
    return _one_line(text) if count <= _MOST_NUMBERS else f"{_one_line(text)}\\… ({count} values)"


def _items_text(node: Node | None) -> str | None:
    return None if node is None else f"<{len(node.items or ())} items>"


def _vr(node: Node) -> str:
    """As declared, else by PS3.6, else nobody knows (PS3.5 6.2.2)."""
    known = vrs_of(node.tag)
    return (node.vr if node.vr != "UN" else "") or (known[0] if known else "UN")


def _charset(data_set: DataSet, inherited: tuple[str, ...]) -> tuple[str, ...]:
    node = data_set.get(SPECIFIC_CHARACTER_SET)
    if node is None:
        return inherited
    return tuple(one.strip() for one in node.value.decode("ascii", "replace").strip(" \x00").split("\\"))
