"""Made-up elements to bytes and bytes back to elements, by hand: nothing here is the code under test.

The writer makes what scanners write, also what pydicom would not: sequences under UN, undefined lengths,
values in any character set. The reader is a second opinion on what the engine wrote.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from pydicom.datadict import dictionary_VR

from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, IMPLICIT_VR_LE

# (tag, number of the item, tag, ...): where an element is.
Path: TypeAlias = "tuple[int, ...]"
Items: TypeAlias = "dict[int, El]"

LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
PACKED = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "AT": "H", "OW": "H", "SV": "q", "UV": "Q"}
PIXEL_DATA = 0x7FE00010
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class Want(NamedTuple):
    """What must become of an element: one of the words of ``deid_corpus.MEANS``.

    Of a text ``must`` are the words to stay and ``allowed`` those that may; else ``must`` is the value to find.
    """

    kind: str
    must: str = ""
    allowed: frozenset[str] = frozenset()


class El(NamedTuple):
    """One made-up element. ``value`` is text, bytes, a tuple of numbers, or a list of items.

    ``form`` of a sequence: "" with defined lengths, "undefined", "UN" or "UN undefined".
    """

    vr: str
    value: Any
    want: Want
    form: str = ""


class Syntax(NamedTuple):
    """How a transfer syntax writes elements."""

    explicit: bool
    little: bool

    @property
    def order(self) -> str:
        return "<" if self.little else ">"


def syntax_of(uid: str) -> Syntax:
    return Syntax(uid != IMPLICIT_VR_LE, uid != EXPLICIT_VR_BE)


HIDDEN = Syntax(explicit=False, little=True)


def header(tag: int, vr: str, length: int, syntax: Syntax) -> bytes:
    start = struct.pack(syntax.order + "HH", tag >> 16, tag & 0xFFFF)
    if not syntax.explicit:
        return start + struct.pack(syntax.order + "L", length)
    if vr in LONG:
        return start + vr.encode() + b"\0\0" + struct.pack(syntax.order + "L", length)
    return start + vr.encode() + struct.pack(syntax.order + "H", length)


def element(tag: int, vr: str, value: bytes, syntax: Syntax) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    return header(tag, vr, len(value), syntax) + value


def value_bytes(one: El, syntax: Syntax, codec: str) -> bytes:
    """The value of an element that is no sequence."""
    if isinstance(one.value, bytes):
        return one.value
    if isinstance(one.value, str):
        return encoded_text(one.value, codec if one.vr in ("PN", "LO", "SH", "ST", "LT", "UC", "UT") else "latin-1")
    return struct.pack(f"{syntax.order}{len(one.value)}{PACKED[one.vr]}", *one.value)


def encoded_text(text: str, codec: str) -> bytes:
    """``text`` in ``codec``; as people type it without accents where the character set has none."""
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
        return plain.encode(codec, "replace")


def data_set(elements: Items, syntax: Syntax, codec: str) -> bytes:
    """Encoded elements, by ascending tag."""
    parts = []
    for tag, one in sorted(elements.items()):
        if isinstance(one.value, list):
            parts.append(_sequence(tag, one, syntax, codec))
        else:
            parts.append(element(tag, one.vr, value_bytes(one, syntax, codec), syntax))
    return b"".join(parts)


def _sequence(tag: int, one: El, syntax: Syntax, codec: str) -> bytes:
    vr, inner = ("UN", HIDDEN) if one.form.startswith("UN") else ("SQ", syntax)
    mark = struct.Struct(inner.order + "HHL")
    undefined = one.form.endswith("undefined")
    body = b""
    for item in one.value:
        content = data_set(item, inner, codec)
        body += mark.pack(_ITEM >> 16, _ITEM & 0xFFFF, _UNDEFINED if undefined else len(content)) + content
        if undefined:
            body += mark.pack(_ITEM_END >> 16, _ITEM_END & 0xFFFF, 0)
    if not undefined:
        return header(tag, vr, len(body), syntax) + body
    return header(tag, vr, _UNDEFINED, syntax) + body + mark.pack(_SEQUENCE_END >> 16, _SEQUENCE_END & 0xFFFF, 0)


def flat(elements: Items, syntax: Syntax, codec: str, path: Path = ()) -> Iterator[tuple[Path, str, bytes, Want]]:
    """Path, VR, value and want of every element at every depth; a sequence has no value of its own."""
    for tag, one in elements.items():
        if not isinstance(one.value, list):
            yield (*path, tag), one.vr, value_bytes(one, syntax, codec), one.want
            continue
        yield (*path, tag), "SQ", b"", one.want
        for number, item in enumerate(one.value):
            inner = HIDDEN if one.form.startswith("UN") else syntax
            for below in flat(item, inner, codec, (*path, tag, number)):
                gone = one.want.kind in ("gone", "lost")
                yield (*below[:3], one.want) if gone else below


@dataclass(frozen=True)
class Read:
    """A Part 10 file, read: ``elements`` at every depth, the pixel data's value (fragments with their items)."""

    preamble: bytes
    meta: Mapping[int, bytes]
    elements: Mapping[Path, tuple[str, bytes]]
    pixels: bytes | None
    after_pixels: bytes
    plain: bytes  # the whole file, inflated


def read(encoded: bytes) -> Read:
    """Read a file; raises ``ValueError`` or ``struct.error`` if it is none."""
    if encoded[128:132] != b"DICM":
        raise ValueError("no prefix")
    meta: dict[int, bytes] = {}
    position = 132
    explicit = Syntax(explicit=True, little=True)
    while encoded[position : position + 2] == b"\x02\x00":
        tag, _, start, end, position = _next(encoded, position, explicit)
        meta[tag] = encoded[start:end]
    uid = meta[0x00020010].strip(b"\0 ").decode()
    if uid == DEFLATED_EXPLICIT_VR_LE:
        encoded = encoded[:position] + zlib.decompress(encoded[position:], -zlib.MAX_WBITS)
    found: dict[Path, tuple[str, bytes]] = {}
    pixels, after = _elements(encoded, position, len(encoded), syntax_of(uid), (), found)
    return Read(encoded[:128], meta, found, pixels, after, encoded)


def _elements(
    data: bytes, position: int, end: int, syntax: Syntax, path: Path, found: dict[Path, tuple[str, bytes]]
) -> tuple[bytes | None, bytes]:
    while position < end:
        tag, vr, start, stop, position = _next(data, position, syntax)
        if tag == PIXEL_DATA and not path:
            return data[start:stop], data[position:]
        if vr != "SQ":
            found[*path, tag] = (vr, data[start:stop])
            continue
        found[*path, tag] = (vr, b"")
        for number, (first, last) in enumerate(_items(data, start, stop, syntax)):
            _elements(data, first, last, syntax, (*path, tag, number), found)
    return None, b""


def _next(data: bytes, position: int, syntax: Syntax) -> tuple[int, str, int, int, int]:
    """Tag, VR, where its value starts and ends, where the next element is."""
    group, number = struct.unpack_from(syntax.order + "HH", data, position)
    tag = group << 16 | number
    if not syntax.explicit:
        vr, start = known_vr(tag), position + 8
        (length,) = struct.unpack_from(syntax.order + "L", data, position + 4)
    else:
        vr = data[position + 4 : position + 6].decode("ascii")
        long = vr in LONG
        (length,) = struct.unpack_from(syntax.order + ("L" if long else "H"), data, position + (8 if long else 6))
        start = position + (12 if long else 8)
    if length != _UNDEFINED:
        if start + length > len(data):
            raise ValueError("cut short")
        return tag, vr, start, start + length, start + length
    if tag == PIXEL_DATA:
        return tag, vr, start, *_end_of_fragments(data, start)
    inner, end = HIDDEN if vr == "UN" else syntax, start
    for _, last in _items(data, start, len(data), inner):
        end = last
    end += 8 * (data[end : end + 8] == _mark(_ITEM_END, 0, inner))
    return tag, vr, start, end, end + 8


def _end_of_fragments(data: bytes, position: int) -> tuple[int, int]:
    while data[position : position + 4] == b"\xfe\xff\x00\xe0":
        position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")
    return position, position + 8


def _items(data: bytes, position: int, end: int, syntax: Syntax) -> Iterator[tuple[int, int]]:
    """Start and end of the content of each item, of whatever length."""
    while position < end:
        group, number, length = struct.unpack_from(syntax.order + "HHL", data, position)
        if (group << 16 | number) == _SEQUENCE_END:
            return
        if (group << 16 | number) != _ITEM:
            raise ValueError("no item")
        position += 8
        last = position + length
        if length == _UNDEFINED:
            last = position
            while data[last : last + 8] != _mark(_ITEM_END, 0, syntax):
                *_, last = _next(data, last, syntax)
        yield position, last
        position = last + 8 * (length == _UNDEFINED)


def _mark(tag: int, length: int, syntax: Syntax) -> bytes:
    return struct.pack(syntax.order + "HHL", tag >> 16, tag & 0xFFFF, length)


def known_vr(tag: int) -> str:
    """The VR of a tag in PS3.6, the first of several; UN if there is none."""
    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        return "UN"
