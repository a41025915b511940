"""The values of one encoded element, at every depth, read strictly and without the engine.

What the leak gate sees of input and output: its own reading, so that a mistake of the engine that wrote
the output is not repeated by what checks it. Fast where it must be: the items of a multi-frame object
differ in numbers alone, so an item whose every other byte is that of one read before is not read again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from fidac_node.deidentify.dictionary import vrs_of
from fidac_node.part10 import PIXEL_DATA, UNDEFINED_LENGTH, Malformed, format_tag
from fidac_node.uids import EXPLICIT_VR_BE, IMPLICIT_VR_LE

CHARACTER_SET: Final = 0x00080005
MAX_DEPTH: Final = 32

Path: TypeAlias = "tuple[int, ...]"
Key: TypeAlias = "tuple[Path, str, tuple[str, ...]]"
Contents: TypeAlias = "dict[Key, set[bytes]]"
"""Values by path, VR (by PS3.6 in Implicit VR) and declared character sets. A sequence has the VR SQ and the value ``b""``."""
_Spot: TypeAlias = "tuple[Key, int, int]"

_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
# VRs with two reserved bytes and a 32-bit length (PS3.5 7.1.2).
_LONG_VRS: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
# What differs between the frames of one object; their values are looked at one by one whatever the rest is.
_VARIABLE_VRS: Final = frozenset({"AS", "DA", "DS", "DT", "FD", "FL", "IS", "SL", "SS", "SV", "TM", "UI", "UL", "US", "UV"})
_MOST_LAYOUTS: Final = 16
# UN, and in Implicit VR what PS3.6 does not know: either may hold a sequence.
_UNSAID: Final = frozenset({"UN", ""})


class _Sink(NamedTuple):
    """Where the values of a sequence go."""

    found: Contents
    wanted: Callable[[Path, str], bool] | None


class _Layout(NamedTuple):
    """An item that was read: its bytes but for the variable values, and where these are."""

    size: int
    mask: int
    fixed: int
    fields: tuple[tuple[Callable[[bytes], None], int, int], ...]


def reader_of(transfer_syntax_uid: str, *, strict: bool) -> Reader:
    """The reader of a transfer syntax; compressed and deflated ones are Explicit VR Little Endian inside."""
    return Reader(explicit=transfer_syntax_uid != IMPLICIT_VR_LE, little=transfer_syntax_uid != EXPLICIT_VR_BE, strict=strict)


def declared_by(value: bytes) -> tuple[str, ...]:
    """The character sets that a value of SpecificCharacterSet names."""
    return tuple(label.strip() for label in value.decode("ascii", "replace").strip(" \x00").split("\\"))


class Reader:
    """Reads elements of one encoding. ``strict``: what looks like a sequence inside UN must be one."""

    def __init__(self, *, explicit: bool, little: bool, strict: bool) -> None:
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

    def tag_of(self, element: bytes) -> int:
        """The tag of an encoded element."""
        order: Literal["little", "big"] = "little" if self.little else "big"
        return int.from_bytes(element[:2], order) << 16 | int.from_bytes(element[2:4], order)

    def contents(self, element: bytes, declared: tuple[str, ...], wanted: Callable[[Path, str], bool] | None = None) -> Contents:
        """The values of ``element``, those that are ``wanted`` or all. ``declared`` are the character sets around it.

        Raises :class:`Malformed` for what is not exactly one well-formed element.
        """
        found: Contents = {}
        tag, vr, value, length = self.header(element, 0, len(element))
        if vr in _UNSAID or not self._is_sequence(tag, vr, length, element, value):
            spots: list[_Spot] = []
            end = self._element(element, 0, len(element), (), declared, spots)
            _take(spots, element, found, wanted)
        else:
            _take([(((tag,), "SQ", declared), value, value)], element, found, wanted)
            end = self._frames(element, value, length, (tag,), declared, _Sink(found, wanted))
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

    def _element(self, buffer: bytes, position: int, limit: int, path: Path, declared: tuple[str, ...], spots: list[_Spot]) -> int:
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
        self, buffer: bytes, position: int, length: int, limit: int, path: Path, declared: tuple[str, ...], spots: list[_Spot]
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

    def _item(self, buffer: bytes, position: int, end: int, path: Path, *, undefined: bool) -> int:
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
        self, buffer: bytes, position: int, length: int, limit: int, path: Path, declared: tuple[str, ...], spots: list[_Spot]
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

    def _frames(self, buffer: bytes, position: int, length: int, path: Path, declared: tuple[str, ...], sink: _Sink) -> int:
        """Read the items of a sequence at the top, those like one before by comparison; return where it ends."""
        undefined = length == UNDEFINED_LENGTH
        end = len(buffer) if undefined else position + length
        if end > len(buffer):
            raise Malformed(f"cut short: {format_tag(path[-1])} says {length} bytes, {len(buffer) - position} are there")
        layouts: dict[int, _Layout] = {}
        while position < end or undefined:
            size = self._item(buffer, position, end, path, undefined=undefined)
            position += 8
            if size < 0:
                return position
            # Those of undefined length have negative keys, and their delimiter in the layout: where it matches, the item ends.
            delimited = size == UNDEFINED_LENGTH
            after = _compared(buffer, position, end, [layout for key, layout in layouts.items() if (key < 0 if delimited else key == size)])
            if after is None:
                spots: list[_Spot] = []
                after = self._data_set(buffer, position, size, end, path, declared, spots)
                _take(spots, buffer, sink.found, sink.wanted)
                if after < end and len(layouts) < _MOST_LAYOUTS:
                    layouts[-1 - len(layouts) if delimited else size] = _layout(spots, buffer, position, after, sink.found)
            position = after
        return position

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


def _take(spots: list[_Spot], buffer: bytes, found: Contents, wanted: Callable[[Path, str], bool] | None) -> None:
    for key, start, end in spots:
        if wanted is None or wanted(key[0], key[1]):
            values = found.get(key)
            if values is None:
                found[key] = {buffer[start:end]}
            else:
                values.add(buffer[start:end])


def _compared(buffer: bytes, position: int, end: int, layouts: Iterable[_Layout]) -> int | None:
    """Take the variable values of an item that is like one before; return where it ends, ``None`` if it is like none."""
    for layout in layouts:
        after = position + layout.size
        if after > end:
            continue
        item = buffer[position:after]
        if int.from_bytes(item, "little") & layout.mask == layout.fixed:
            for add, start, stop in layout.fields:
                add(item[start:stop])
            return after
    return None


def _layout(spots: list[_Spot], buffer: bytes, start: int, end: int, found: Contents) -> _Layout:
    mask = bytearray(b"\xff" * (end - start))
    fields = []
    for key, first, last in spots:
        if key[1] in _VARIABLE_VRS:
            mask[first - start : last - start] = bytes(last - first)
            if key in found:
                fields.append((found[key].add, first - start, last - start))
    masked = int.from_bytes(mask, "little")
    return _Layout(end - start, masked, int.from_bytes(buffer[start:end], "little") & masked, tuple(fields))
