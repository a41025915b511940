"""The values of one encoded element, at every depth, read strictly and without the engine.

What the leak gate sees of input and output: its own reading, so that a mistake of the engine that wrote
the output is not repeated by what checks it. Fast where it must be: the items of a multi-frame object
differ in numbers alone, so an item whose every other byte is that of one read before is not read again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.part10 import PIXEL_DATA, UNDEFINED_LENGTH, Malformed, format_tag
from fidac_node.dicom.uids import EXPLICIT_VR_BE, IMPLICIT_VR_LE

CHARACTER_SET: Final = 0x00080005
MAX_DEPTH: Final = 32

ElementPath: TypeAlias = "tuple[int, ...]"
Key: TypeAlias = "tuple[ElementPath, str, tuple[str, ...]]"
Contents: TypeAlias = "dict[Key, set[bytes]]"
"""Values by path, VR (by PS3.6 in Implicit VR) and declared character sets.

A sequence has the VR SQ and the value ``b""``.
"""
_Spot: TypeAlias = "tuple[Key, int, int]"

_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
# VRs with two reserved bytes and a 32-bit length (PS3.5 7.1.2).
_LONG_VRS: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
# What differs between the frames of one object; their values are looked at one by one whatever the rest is.
_VARIABLE_VRS: Final = frozenset(
    {"AS", "DA", "DS", "DT", "FD", "FL", "IS", "SL", "SS", "SV", "TM", "UI", "UL", "US", "UV"}
)
# What is remembered of items (bytes in all, and the longest), and how many different ones of one length or of one
# sequence.
_LAYOUTS_SIZE: Final = 1 << 17
_LONGEST_LAYOUT: Final = 1 << 14
_MOST_ALIKE: Final = 4
_MOST_LAYOUTS: Final = 16
_MOST_SEQUENCES: Final = 64
_MOST_READERS: Final = 16
# UN, and in Implicit VR what PS3.6 does not know: either may hold a sequence.
_UNSAID: Final = frozenset({"UN", ""})


class _Layout:
    """An item that was read: its bytes but for the variable values, where these are, and what the others are.

    ``keys`` are those of all values that are wanted, in order; ``fixed_values`` are by key, ``fields`` takes the others
    out of an item, in the order of ``varying``.
    """

    __slots__ = ("fields", "fixed", "fixed_values", "keys", "mask", "size", "varying")

    def __init__(
        self, spots: list[_Spot], item: bytes, start: int, wanted: Callable[[ElementPath, str], bool] | None
    ) -> None:
        mask = bytearray(b"\xff" * len(item))
        self.keys, self.varying = [], []
        self.fixed_values = []
        layout, position = "", 0
        for key, first, last in spots:
            speaks = wanted is None or wanted(key[0], key[1])
            if speaks:
                self.keys.append(key)
            if key[1] in _VARIABLE_VRS:
                mask[first - start : last - start] = bytes(last - first)
                if speaks:
                    self.varying.append(key)
                    layout += f"{first - start - position}x{last - first}s"
                    position = last - start
            elif speaks:
                self.fixed_values.append((key, item[first - start : last - start]))
        self.size = len(item)
        self.mask = int.from_bytes(mask, "little")
        self.fixed = int.from_bytes(item, "little") & self.mask
        self.fields = struct.Struct(layout).unpack_from


class _Rows:
    """The variable values of items, by their layout; they become :data:`Contents` in the end."""

    def __init__(self, found: Contents) -> None:
        self._found = found
        self._rows: dict[_Layout, list[tuple[bytes, ...]]] = {}

    def of(self, layout: _Layout) -> list[tuple[bytes, ...]]:
        """Where the values of an item of this layout go."""
        rows = self._rows.get(layout)
        if rows is None:
            rows = self._rows[layout] = []
            for key in layout.keys:
                self._found.setdefault(key, set())
            for key, value in layout.fixed_values:
                self._found[key].add(value)
        return rows

    def take(self) -> None:
        """Hand over the values."""
        for layout, rows in self._rows.items():
            for key, column in zip(layout.varying, zip(*rows, strict=True), strict=True):
                self._found[key].update(column)


@lru_cache(maxsize=_MOST_READERS)
def reader_of(
    transfer_syntax_uid: str, *, strict: bool, wanted: Callable[[ElementPath, str], bool] | None = None
) -> Reader:
    """The reader of a transfer syntax; compressed and deflated ones are Explicit VR Little Endian inside."""
    explicit, little = transfer_syntax_uid != IMPLICIT_VR_LE, transfer_syntax_uid != EXPLICIT_VR_BE
    return Reader(explicit=explicit, little=little, strict=strict, wanted=wanted)


def declared_by(value: bytes) -> tuple[str, ...]:
    """The character sets that a value of SpecificCharacterSet names."""
    return tuple(label.strip() for label in value.decode("ascii", "replace").strip(" \x00").split("\\"))


class Reader:
    """Reads elements of one encoding. ``strict``: what looks like a sequence inside UN must be one.

    ``wanted`` says of which attributes the values are given, by path and VR; else they are of all.
    """

    def __init__(
        self, *, explicit: bool, little: bool, strict: bool, wanted: Callable[[ElementPath, str], bool] | None = None
    ) -> None:
        order = "<" if little else ">"
        self.explicit = explicit
        self.little = little
        self._strict = strict
        self._header_at = struct.Struct(order + ("HH2sH" if explicit else "HHL")).unpack_from
        self._item_at = struct.Struct(order + "HHL").unpack_from
        self._length_at = struct.Struct(order + "L").unpack_from
        self._item_tag = struct.pack(order + "HH", _ITEM >> 16, _ITEM & 0xFFFF)
        # A sequence inside UN is Implicit VR Little Endian whatever is around it (PS3.5 6.2.2 note 2).
        self._hidden = self if not explicit and little else Reader(explicit=False, little=True, strict=strict)
        self._wanted = wanted
        self._layouts: dict[tuple[int, tuple[str, ...]], dict[int, list[_Layout]]] = {}
        self._used = 0

    def tag_of(self, element: bytes) -> int:
        """The tag of an encoded element."""
        order: Literal["little", "big"] = "little" if self.little else "big"
        return int.from_bytes(element[:2], order) << 16 | int.from_bytes(element[2:4], order)

    def elements(self, piece: bytes) -> list[bytes]:
        """The elements, one after the other, that ``piece`` is made of. Raises :class:`Malformed` if it is not."""
        found = []
        position, end = 0, len(piece)
        while position < end:
            tag, _, value, length = self.header(piece, position, end)
            after = self._element(piece, position, end, (), (), []) if length == UNDEFINED_LENGTH else value + length
            if after > end:
                raise Malformed(f"cut short: {format_tag(tag)} says {length} bytes, {end - value} are there")
            found.append(piece[position:after])
            position = after
        return found

    def contents(self, element: bytes, declared: tuple[str, ...]) -> Contents:
        """The values of ``element``. ``declared`` are the character sets around it.

        Raises :class:`Malformed` for what is not exactly one well-formed element.
        """
        found: Contents = {}
        tag, vr, value, length = self.header(element, 0, len(element))
        if vr in _UNSAID or not self._is_sequence(tag, vr, length, element, value):
            spots: list[_Spot] = []
            end = self._element(element, 0, len(element), (), declared, spots)
            self._take(spots, element, found)
        else:
            self._take([(((tag,), "SQ", declared), value, value)], element, found)
            end = self._frames(element, value, length, (tag,), declared, found)
        if end != len(element):
            raise Malformed(f"{format_tag(tag)} is followed by {len(element) - end} more bytes")
        return found

    def header(self, buffer: bytes, position: int, limit: int) -> tuple[int, str, int, int]:
        """Tag, VR, where the value begins, and its length. Raises :class:`Malformed`."""
        if limit - position < 8:
            raise Malformed("cut short: the data ends inside an element header")
        if not self.explicit:
            group, number, length = self._header_at(buffer, position)
            tag = group << 16 | number
            return tag, next(iter(vrs_of(tag)), ""), position + 8, length
        group, number, code, length = self._header_at(buffer, position)
        tag = group << 16 | number
        if not (code.isalpha() and code.isupper()):
            raise Malformed(f"{format_tag(tag)} has no value representation where Explicit VR demands one")
        vr = code.decode("ascii")
        if vr not in _LONG_VRS:
            return tag, vr, position + 8, length
        if limit - position < 12:
            raise Malformed(f"cut short: the data ends inside the header of {format_tag(tag)}")
        if self._strict and any(buffer[position + 6 : position + 8]):
            raise Malformed(f"the reserved bytes of {format_tag(tag)} are not zero")
        return tag, vr, position + 12, self._length_at(buffer, position + 8)[0]

    def _is_sequence(self, tag: int, vr: str, length: int, buffer: bytes, value: int) -> bool:
        if length == UNDEFINED_LENGTH:
            return tag != PIXEL_DATA
        if vr in _UNSAID:
            item_tag = self._hidden._item_tag if vr else self._item_tag
            return length >= 8 and (vrs_of(tag) == ("SQ",) or buffer[value : value + 4] == item_tag)
        return vr == "SQ"

    def _element(
        self, buffer: bytes, position: int, limit: int, path: ElementPath, declared: tuple[str, ...], spots: list[_Spot]
    ) -> int:
        """Read one element and what is below it; return where it ends."""
        tag, vr, value, length = self.header(buffer, position, limit)
        if tag >> 16 == 0xFFFE:
            raise Malformed(f"{format_tag(tag)} delimits a sequence where none is open")
        if length != UNDEFINED_LENGTH and value + length > limit:
            raise Malformed(f"cut short: {format_tag(tag)} says {length} bytes, {limit - value} are there")
        here = (*path, tag)
        if not self._is_sequence(tag, vr, length, buffer, value):
            end = self._end_of_fragments(buffer, value, limit) if length == UNDEFINED_LENGTH else value + length
            spots.append(((here, vr, declared), value, end))
            return end
        inner = self._hidden if vr == "UN" else self
        known = len(spots)
        spots.append(((here, "SQ", declared), value, value))
        try:
            return inner._items(buffer, value, length, limit, here, declared, spots)
        except Malformed:
            if self._strict or vr not in _UNSAID or length == UNDEFINED_LENGTH or vrs_of(tag) == ("SQ",):
                raise
            spots[known:] = [((here, vr, declared), value, value + length)]  # it only looked like one
            return value + length

    def _items(
        self,
        buffer: bytes,
        position: int,
        length: int,
        limit: int,
        path: ElementPath,
        declared: tuple[str, ...],
        spots: list[_Spot],
    ) -> int:
        """Read the items of a sequence; return where it ends."""
        if len(path) > MAX_DEPTH:
            raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
        end = limit if length == UNDEFINED_LENGTH else position + length
        while position < end or length == UNDEFINED_LENGTH:
            size = self._item(buffer, position, end, path, undefined=length == UNDEFINED_LENGTH)
            position += 8
            if size < 0:
                return position
            position = self._data_set(buffer, position, size, end, path, declared, spots)
        return position

    def _item(self, buffer: bytes, position: int, end: int, path: ElementPath, *, undefined: bool) -> int:
        """The length of the item that begins here; -1 for the end of a sequence of undefined length."""
        if end - position < 8:
            raise Malformed("cut short: the data ends inside a sequence")
        group, number, length = self._item_at(buffer, position)
        tag = group << 16 | number
        if undefined and tag == _SEQUENCE_END:
            return -1
        if tag != _ITEM:
            raise Malformed(f"expected an Item in {format_tag(path[-1])}")
        if length != UNDEFINED_LENGTH and position + 8 + length > end:
            raise Malformed(f"cut short: an Item of {format_tag(path[-1])} is longer than its sequence")
        return int(length)

    def _data_set(
        self,
        buffer: bytes,
        position: int,
        length: int,
        limit: int,
        path: ElementPath,
        declared: tuple[str, ...],
        spots: list[_Spot],
    ) -> int:
        """Read the content of an item; return where it ends."""
        undefined = length == UNDEFINED_LENGTH
        end = limit if undefined else position + length
        seen: set[int] = set()
        while position < end or undefined:
            if undefined:
                if end - position < 8:
                    raise Malformed("cut short: the data ends inside an Item")
                group, number, _ = self._item_at(buffer, position)
                if group << 16 | number == _ITEM_END:
                    return position + 8
            known = len(spots)
            position = self._element(buffer, position, end, path, declared, spots)
            (here, _, _), value, after = spots[known]
            if here[-1] in seen:
                raise Malformed(f"{format_tag(here[-1])} comes twice in one data set")
            seen.add(here[-1])
            if here[-1] == CHARACTER_SET:
                declared = declared_by(buffer[value:after])
        return position

    def _frames(
        self, buffer: bytes, position: int, length: int, path: ElementPath, declared: tuple[str, ...], found: Contents
    ) -> int:
        """Read the items of a sequence at the top, those like one before by comparison; return where it ends."""
        undefined = length == UNDEFINED_LENGTH
        end = len(buffer) if undefined else position + length
        if end > len(buffer):
            raise Malformed(
                f"cut short: {format_tag(path[-1])} says {length} bytes, {len(buffer) - position} are there"
            )
        layouts = self._layouts_of(path[-1], declared)
        rows = _Rows(found)
        learned = 0
        while position < end or undefined:
            size = self._item(buffer, position, end, path, undefined=undefined)
            position += 8
            if size < 0:
                break
            # Those of undefined length have their delimiter in the layout: where it matches, the item ends.
            for layout in layouts.get(size, ()):
                after = position + layout.size
                if after <= end and int.from_bytes(buffer[position:after], "little") & layout.mask == layout.fixed:
                    rows.of(layout).append(layout.fields(buffer, position))
                    break
            else:
                spots: list[_Spot] = []
                after = self._data_set(buffer, position, size, end, path, declared, spots)
                self._take(spots, buffer, found)
                if learned < _MOST_LAYOUTS and after - position <= _LONGEST_LAYOUT:
                    learned += 1
                    self._learn(layouts, size, _Layout(spots, buffer[position:after], position, self._wanted))
            position = after
        rows.take()
        return position

    def _layouts_of(self, tag: int, declared: tuple[str, ...]) -> dict[int, list[_Layout]]:
        layouts = self._layouts.get((tag, declared))
        if layouts is None:
            if len(self._layouts) >= _MOST_SEQUENCES:
                self._layouts.clear()
            layouts = self._layouts[tag, declared] = {}
        return layouts

    def _learn(self, layouts: dict[int, list[_Layout]], size: int, layout: _Layout) -> None:
        self._used += layout.size
        if self._used > _LAYOUTS_SIZE:
            self._layouts.clear()
            layouts.clear()
            self._used = layout.size
        alike = layouts.setdefault(size, [])
        if len(alike) >= _MOST_ALIKE:
            alike.clear()
        alike.append(layout)

    def _take(self, spots: list[_Spot], buffer: bytes, found: Contents) -> None:
        for key, start, end in spots:
            if self._wanted is None or self._wanted(key[0], key[1]):
                values = found.get(key)
                if values is None:
                    found[key] = {buffer[start:end]}
                else:
                    values.add(buffer[start:end])

    def _end_of_fragments(self, buffer: bytes, position: int, limit: int) -> int:
        """Where encapsulated pixel data ends (PS3.5 A.4): that of an icon."""
        while True:
            if limit - position < 8:
                raise Malformed("cut short: the data ends inside a sequence")
            group, number, length = self._item_at(buffer, position)
            position += 8
            if group << 16 | number == _SEQUENCE_END:
                return position
            if group << 16 | number != _ITEM or length == UNDEFINED_LENGTH or position + length > limit:
                raise Malformed("the fragments of PixelData are not Items of known length (PS3.5 A.4)")
            position += length
