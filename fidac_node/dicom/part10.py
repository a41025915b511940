"""DICOM files as bytes: File Meta Information (PS3.10 7.1) and a walk over encoded elements (PS3.5 7).

Standard library only, no value is decoded that nobody asked for, and no pixel is ever read: this is
what reception and the leak gate use on every object. Anything that is not well-formed is
:class:`Malformed`; nothing is repaired.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO, Final, NamedTuple, TypeAlias

from fidac_node.dicom import headers, skim
from fidac_node.dicom.skim import LONG_VRS, LONGEST_VALUE
from fidac_node.dicom.tags import (
    ITEM,
    ITEM_DELIMITATION_ITEM,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    SEQUENCE_DELIMITATION_ITEM,
)
from fidac_node.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    IMPLICIT_VR_LE,
    is_name,
    is_valid_uid,
)
from fidac_node.dicom.window import Window
from fidac_node.errors import Permanent

Buffer: TypeAlias = skim.Buffer
# What need not be in memory.
Readable: TypeAlias = "Buffer | Window"

UNDEFINED_LENGTH: Final = skim.UNDEFINED_LENGTH
PIXEL_DATA: Final = 0x7FE00010

_SHORT_META_VRS: Final = frozenset({b"UI", b"SH", b"AE", b"UL"})
_SHORT_HEADER = headers.EXPLICIT.unpack_from
_MAX_DEPTH: Final = 64
_USUAL_META: Final = 4096
_MAX_META: Final = 2 << 20
# Of how many files with other File Meta Information it is remembered.
_MOST_METAS: Final = 64
_PREAMBLE: Final = 128
_PREFIX: Final = 132
_GROUP_LENGTH_END: Final = _PREFIX + 12
_GROUP_2: Final = b"\x02\x00"
_RESIDENT: Final = 8 << 20
_PIECE: Final = 1 << 20
_PRIVATE_INFORMATION_CREATOR: Final = IMPLEMENTATION_CLASS_UID


class _Layouts(NamedTuple):
    """Tag, both lengths, and what begins an item, in one byte order."""

    tag: struct.Struct
    short: struct.Struct
    long: struct.Struct
    item: struct.Struct


_LITTLE: Final = _Layouts(*map(struct.Struct, ("<HH", "<H", "<L", "<HHL")))
_BIG: Final = _Layouts(*map(struct.Struct, (">HH", ">H", ">L", ">HHL")))


class Malformed(Permanent):
    """The bytes are not a DICOM object: cut short, no element where one must be, lengths that lie."""

    def __init__(self, message: str) -> None:
        super().__init__("malformed", message)


class FileMeta(NamedTuple):
    """The part of the File Meta Information that we read and write (PS3.10 Table 7.1-1).

    ``source_ae`` is (0002,0016), the AE that sent the object; ``receiving_ae`` is (0002,0018), the
    AE title it called; ``note`` is (0002,0102), our own remark on an object that no AE sent.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    source_ae: str = ""
    receiving_ae: str = ""
    note: str = ""


class Element(NamedTuple):
    """One encoded element: its header starts at ``start``, its value is ``buffer[value:end]``.

    ``vr`` is two letters, or ``b""`` in Implicit VR. For an undefined length, ``end`` is where the
    delimiter's content stops and ``after`` is past the delimiter; else both are equal.
    """

    tag: int
    vr: bytes
    start: int
    value: int
    end: int
    after: int


def encode_meta(meta: FileMeta) -> bytes:
    """Return preamble, prefix and File Meta Information, ready to stand before the data set."""
    elements = [
        _meta_element(0x0001, b"OB", b"\x00\x01"),
        _meta_element(0x0002, b"UI", meta.sop_class_uid.encode("ascii")),
        _meta_element(0x0003, b"UI", meta.sop_instance_uid.encode("ascii")),
        _meta_element(0x0010, b"UI", meta.transfer_syntax_uid.encode("ascii")),
        _meta_element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
        _meta_element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")),
    ]
    if meta.source_ae:
        elements.append(_meta_element(0x0016, b"AE", meta.source_ae.encode("ascii", "replace")))
    if meta.receiving_ae:
        elements.append(_meta_element(0x0018, b"AE", meta.receiving_ae.encode("ascii", "replace")))
    if meta.note:
        elements.append(_meta_element(0x0100, b"UI", _PRIVATE_INFORMATION_CREATOR.encode("ascii")))
        elements.append(_meta_element(0x0102, b"OB", meta.note.encode("utf-8")))
    body = b"".join(elements)
    group_length = _meta_element(0x0000, b"UL", struct.pack("<L", len(body)))
    return bytes(_PREAMBLE) + b"DICM" + group_length + body


def read_meta(fp: BinaryIO) -> tuple[FileMeta, int]:
    """Read the File Meta Information at the start of ``fp``.

    Returns it and the offset (bytes) of the data set. Raises :class:`Malformed` when there is no
    Part 10 prefix or a mandatory UID is missing.
    """
    data = fp.read(_USUAL_META)
    return _known_meta(data) or _new_meta(data, lambda: data + fp.read(_MAX_META))


def meta_in(buffer: Readable) -> tuple[FileMeta, int]:
    """As :func:`read_meta`, of a file that lies in ``buffer``."""
    return _known_meta(buffer) or _new_meta(bytes(buffer[:_USUAL_META]), lambda: bytes(buffer[:_MAX_META]))


def _known_meta(buffer: Readable) -> tuple[FileMeta, int] | None:
    """A File Meta Information that differs from one that was read before in nothing but the SOP Instance UID."""
    like = _metas.get(bytes(buffer[_PREFIX:_GROUP_LENGTH_END]))
    meta = None if like is None else like.read(buffer)
    return None if like is None or meta is None else (meta, like.offset)


def _new_meta(data: bytes, more: Callable[[], bytes]) -> tuple[FileMeta, int]:
    """Read a File Meta Information from the first bytes of a file, or from ``more`` of them, and remember it."""
    try:
        meta, offset = _parsed(data)
    except Malformed:
        offset = len(data)
    if offset + 8 > len(data):
        data = more()
        meta, offset = _parsed(data)
    if offset <= _USUAL_META:
        if len(_metas) >= _MOST_METAS:
            _metas.clear()
        _metas[data[_PREFIX:_GROUP_LENGTH_END]] = _Meta.of(data[: offset + 2], meta, offset)
    return meta, offset


def _parsed(data: bytes) -> tuple[FileMeta, int]:
    if data[_PREAMBLE:_PREFIX] != b"DICM":
        raise Malformed("not a DICOM file: the prefix DICM is missing (PS3.10 7.1)")
    values, offset = _meta_elements(data)
    text = {key: value.rstrip(b"\x00 ").decode("ascii", "replace") for key, value in values.items()}
    ours = text.get(0x0100) == _PRIVATE_INFORMATION_CREATOR
    note = values.get(0x0102, b"").rstrip(b"\x00").decode("utf-8", "replace") if ours else ""
    sop_class, sop_instance, syntax, source, receiving = (
        text.get(number, "") for number in (0x0002, 0x0003, 0x0010, 0x0016, 0x0018)
    )
    meta = FileMeta(sop_class, sop_instance, syntax, source, receiving, note)
    check_meta(meta)
    return meta, offset


class _Meta(NamedTuple):
    """A File Meta Information: its bytes before and after the SOP Instance UID, and those of the tag that follows.

    Not the preamble.
    """

    meta: FileMeta
    offset: int
    start: int
    end: int
    before: bytes
    after: bytes

    @classmethod
    def of(cls, data: bytes, meta: FileMeta, offset: int) -> _Meta:
        start = end = 0
        position = _PREFIX
        while position < offset:
            element = element_at(data, position, offset, explicit=True)
            position = element.after
            if element.tag == MEDIA_STORAGE_SOP_INSTANCE_UID:
                start, end = element.value, element.end
        return cls(meta, offset, start, end, data[_PREAMBLE:start], data[end:])

    def read(self, buffer: Readable) -> FileMeta | None:
        """A File Meta Information that is like this one; ``None`` if it is not."""
        meta = self.meta
        if (
            buffer[_PREAMBLE : self.start] != self.before
            or buffer[self.end : self.offset + 2] != self.after
            or self.after.endswith(_GROUP_2)
        ):
            return None
        uid = bytes(buffer[self.start : self.end]).rstrip(b"\x00 ").decode("ascii", "replace")
        if not is_valid_uid(uid):
            return None
        return FileMeta(meta.sop_class_uid, uid, meta.transfer_syntax_uid, meta.source_ae, meta.receiving_ae, meta.note)


_metas: Final[dict[bytes, _Meta]] = {}


def walk(buffer: Readable, start: int, end: int, transfer_syntax_uid: str) -> Iterator[Element]:
    """Yield the top-level elements of the data set encoded in ``buffer[start:end]``.

    The whole structure is checked on the way, at every depth where lengths are undefined. A
    deflated data set must be inflated first (:func:`inflate`). Raises :class:`Malformed`.
    """
    explicit = transfer_syntax_uid != IMPLICIT_VR_LE
    little = transfer_syntax_uid != EXPLICIT_VR_BE
    position = start
    while position < end:
        if end - position < 8 or not any(buffer[position : position + 8]):
            if only_zeros(buffer, position, end):
                return  # padding after the last element, to a block or a sector: seen in the field, harmless
            if end - position < 8:
                raise Malformed(f"cut short: {end - position} stray bytes where an element should begin")
        element = _element_at(buffer, position, end, explicit=explicit, little=little, depth=0)
        yield element
        position = element.after


def only_zeros(buffer: Readable, start: int, end: int) -> bool:
    """Whether only zeros are left: no element begins with eight of them (PS3.5 7.1; group 0000 is a command's)."""
    return not any(any(buffer[place : min(place + _PIECE, end)]) for place in range(start, end, _PIECE))


def element_at(buffer: Readable, start: int, end: int, *, explicit: bool) -> Element:
    """The little-endian element that begins at ``start``, its structure checked. Raises :class:`Malformed`."""
    return _element_at(buffer, start, end, explicit=explicit, little=True, depth=0)


def items(buffer: Readable, element: Element, transfer_syntax_uid: str) -> Iterator[tuple[int, int]]:
    """Yield ``(start, end)`` of each Item's content in a sequence element (PS3.5 7.5)."""
    hidden = element.vr == b"UN"  # Implicit VR Little Endian whatever is around it (PS3.5 6.2.2 note 2)
    explicit = transfer_syntax_uid != IMPLICIT_VR_LE and not hidden
    little = transfer_syntax_uid != EXPLICIT_VR_BE or hidden
    position = element.value
    while position < element.end:
        tag, length = _item_header(buffer, position, element.end, little)
        if tag != ITEM:
            raise Malformed(f"expected an Item in {format_tag(element.tag)}")
        content = position + 8
        if length == UNDEFINED_LENGTH:
            position = _end_of_item(buffer, content, element.end, explicit=explicit, little=little, depth=0)
            yield content, position - 8
        else:
            position = content + length
            if position > element.end:
                raise Malformed(f"cut short: an Item of {format_tag(element.tag)} is longer than its sequence")
            yield content, position


def locate(
    buffer: Buffer, start: int, end: int, transfer_syntax_uid: str, path: Sequence[int]
) -> tuple[int, int] | None:
    """From where to before where the value is that ``path`` leads to in the data set ``buffer[start:end]``.

    A path is a tag, or that of a sequence, the number of an Item from 1, and so on. ``None``: there is none. Raises
    :class:`Malformed`.
    """
    tag, *rest = path
    element = next((one for one in walk(buffer, start, end, transfer_syntax_uid) if one.tag == tag), None)
    if element is None or not rest:
        return element and (element.value, element.end)
    number, *below = rest
    within = IMPLICIT_VR_LE if element.vr == b"UN" else transfer_syntax_uid  # PS3.5 6.2.2 note 2
    item = next(islice(items(buffer, element, transfer_syntax_uid), number - 1, number), None) if number else None
    return locate(buffer, *item, within, below) if item and below else None


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    """Map a file into memory, read only, without reading it: pages come as they are looked at."""
    with path.open("rb") as fp, _mapped(fp) as buffer:
        yield buffer


def inflate(deflated: Readable, limit: int, start: int = 0) -> bytes:
    """Inflate the data set (PS3.5 A.5) from ``start`` on to at most ``limit`` bytes; more is a bomb.

    Raises :class:`Malformed`.
    """
    return b"".join(_inflating(deflated, start, limit))


def inflated_beginning(deflated: Buffer, limit: int) -> bytes:
    """What a damaged deflated data set begins with, ``limit`` bytes at most."""
    try:
        return zlib_of(bytes(deflated[:2])).decompress(deflated, limit)
    except zlib.error:
        return b""


def find(path: Path, tags: Set[int], *, limit: int) -> tuple[FileMeta, dict[int, bytes]]:
    """Check the whole structure of a Part 10 file and return its meta and the raw values of ``tags``.

    ``limit`` (bytes) bounds what a deflated data set may inflate to, for which there must be room
    beside ``path``. Top-level elements only, with values of 64 KB at most: identifiers are far
    shorter. Raises :class:`Malformed` and ``OSError``.
    """
    with path.open("rb") as fp:
        meta, offset = read_meta(fp)
        if meta.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LE:
            return meta, find_in(fp.fileno(), offset, fp.seek(0, os.SEEK_END) - offset, meta.transfer_syntax_uid, tags)
        with _mapped(fp) as deflated, tempfile.TemporaryFile(dir=path.parent) as inflated:
            inflated.writelines(_inflating(deflated, offset, limit))
            inflated.flush()
            return meta, find_in(inflated.fileno(), 0, inflated.tell(), EXPLICIT_VR_LE, tags)


def find_in(
    fd: int, offset: int, size: int, transfer_syntax_uid: str, tags: Set[int], *, beginning: bytes = b"", start: int = 0
) -> dict[int, bytes]:
    """Do as :func:`find` with the ``size`` bytes that an open file has from ``offset`` on, not deflated.

    ``beginning`` is what they begin with, if the caller has that at hand: the file is read from there on, or not at
    all. ``start``: the caller has looked at the elements before that one.
    """
    values, position = skim.skim(beginning, start, size, transfer_syntax_uid, tags)
    if position < size:
        with mmap.mmap(fd, offset + size, access=mmap.ACCESS_READ) as buffer:
            values |= _values(buffer, offset + position, transfer_syntax_uid, tags)
    return values


def check_meta(meta: FileMeta) -> None:
    """Raise :class:`Malformed` when a mandatory UID of the File Meta Information is none (PS3.10 Table 7.1-1)."""
    for number, keyword, uid, is_right in (
        (0x0002, "MediaStorageSOPClassUID", meta.sop_class_uid, is_valid_uid),
        (0x0003, "MediaStorageSOPInstanceUID", meta.sop_instance_uid, is_name),
        (0x0010, "TransferSyntaxUID", meta.transfer_syntax_uid, is_valid_uid),
    ):
        if not is_right(uid):
            raise Malformed(f"File Meta Information has no valid {keyword} (0002,{number:04X})")


@contextmanager
def _mapped(fp: IO[bytes]) -> Iterator[mmap.mmap | bytes]:
    if fp.seek(0, 2) == 0:
        yield b""  # an empty file cannot be mapped
        return
    with mmap.mmap(fp.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        yield buffer


def zlib_of(beginning: bytes) -> zlib._Decompress:
    """What inflates a data set that begins so: bare, as PS3.5 A.5 wants it, or in the frame of zlib (RFC 1950 2.2)."""
    framed = len(beginning) == 2 and beginning[0] & 0x0F == zlib.DEFLATED and not int.from_bytes(beginning) % 31
    return zlib.decompressobj(zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)


def _inflating(deflated: Readable, start: int, limit: int) -> Iterator[bytes]:
    """Yield what ``deflated[start:]`` inflates to in pieces of 1 MB at most, ``limit`` bytes in all."""
    inflater = zlib_of(bytes(deflated[start : start + 2]))
    total = 0
    while not inflater.eof:
        data = inflater.unconsumed_tail or bytes(deflated[start : start + _PIECE])
        start += 0 if inflater.unconsumed_tail else len(data)
        try:
            piece = inflater.decompress(data, _PIECE)
        except zlib.error as error:
            raise Malformed(f"the deflated data set cannot be inflated: {error}") from error
        if not data and not piece:  # without input it may still give what it holds
            raise Malformed("cut short: the deflated data set does not end")
        total += len(piece)
        if total > limit:
            raise Malformed(f"the deflated data set inflates to more than {limit} bytes")
        yield piece


def _release(buffer: Readable, start: int, end: int) -> None:
    """Let go of mapped pages.

    The kernel maps 64 KB around each one touched: a long series of images would become resident.
    """
    if isinstance(buffer, mmap.mmap):
        first = start - start % mmap.PAGESIZE
        buffer.madvise(mmap.MADV_DONTNEED, first, end - first)


def format_tag(tag: int) -> str:
    """``0x00100010`` as people write it: ``(0010,0010)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _values(buffer: Buffer, position: int, transfer_syntax_uid: str, tags: Set[int]) -> dict[int, bytes]:
    """The values of ``tags`` among the elements that :func:`walk` yields from ``position`` on."""
    values: dict[int, bytes] = {}
    end = len(buffer)
    while position < end:
        plain, position = skim.skim(buffer, position, end, transfer_syntax_uid, tags)
        values |= plain
        element = next(walk(buffer, position, end, transfer_syntax_uid), None)
        if element is None:
            break
        if element.tag in tags:
            values[element.tag] = _short_value(buffer, element)
        position = element.after
    return values


def _short_value(buffer: Buffer, element: Element) -> bytes:
    if element.end - element.value > LONGEST_VALUE:
        raise Malformed(
            f"{format_tag(element.tag)} has {element.end - element.value} bytes, {LONGEST_VALUE} at most are believable"
        )
    return bytes(buffer[element.value : element.end])


def _meta_elements(data: bytes) -> tuple[dict[int, bytes], int]:
    """The elements of group 0002 after the prefix, by element number, and where they end."""
    values: dict[int, bytes] = {}
    offset = 132
    while len(data) >= offset + 8 and data[offset : offset + 2] == b"\x02\x00":
        _, number, vr, length = _SHORT_HEADER(data, offset)
        if vr in _SHORT_META_VRS and offset + 8 + length <= len(data):
            values[number] = data[offset + 8 : offset + 8 + length]
            offset += 8 + length
            continue
        element = _element_at(data, offset, len(data), explicit=True, little=True, depth=0)
        values[element.tag & 0xFFFF] = data[element.value : element.end]
        offset = element.after
    return values, offset


def _meta_element(number: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b" " if vr in (b"SH", b"AE") else b"\x00"
    if vr == b"OB":
        return struct.pack("<HH2s2xL", 0x0002, number, vr, len(value)) + value
    return struct.pack("<HH2sH", 0x0002, number, vr, len(value)) + value


def _element_at(buffer: Readable, start: int, limit: int, *, explicit: bool, little: bool, depth: int) -> Element:
    if limit - start < 8:
        raise Malformed("cut short: the data ends inside an element header")
    layouts = _LITTLE if little else _BIG
    group, number = headers.at(layouts.tag, buffer, start)
    tag = group << 16 | number
    vr = b""
    if group == 0xFFFE:
        raise Malformed(f"{format_tag(tag)} delimits a sequence where none is open")
    if explicit:
        vr = bytes(buffer[start + 4 : start + 6])
        if vr in LONG_VRS:
            if limit - start < 12:
                raise Malformed(f"cut short: the data ends inside the header of {format_tag(tag)}")
            (length,) = headers.at(layouts.long, buffer, start + 8)
            value = start + 12
        elif vr.isalpha() and vr.isupper():
            (length,) = headers.at(layouts.short, buffer, start + 6)
            value = start + 8
        else:
            raise Malformed(f"{format_tag(tag)} has no value representation where Explicit VR demands one")
    else:
        (length,) = headers.at(layouts.long, buffer, start + 4)
        value = start + 8
    if length != UNDEFINED_LENGTH:
        end = value + length
        if end > limit:
            raise Malformed(f"cut short: {format_tag(tag)} says {length} bytes, {limit - value} are there")
        return Element(tag, vr, start, value, end, end)
    if tag == PIXEL_DATA:
        after = _end_of_fragments(buffer, value, limit, little)
    else:
        # UN of undefined length holds Implicit VR Little Endian (PS3.5 6.2.2 note 2).
        inner_explicit, inner_little = (False, True) if vr == b"UN" else (explicit, little)
        after = _end_of_sequence(buffer, value, limit, explicit=inner_explicit, little=inner_little, depth=depth + 1)
    return Element(tag, vr, start, value, after - 8, after)


def _item_header(buffer: Readable, position: int, limit: int, little: bool) -> tuple[int, int]:
    if limit - position < 8:
        raise Malformed("cut short: the data ends inside a sequence")
    group, number, length = headers.at((_LITTLE if little else _BIG).item, buffer, position)
    return group << 16 | number, length


def _end_of_sequence(buffer: Readable, position: int, limit: int, *, explicit: bool, little: bool, depth: int) -> int:
    if depth > _MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {_MAX_DEPTH} deep")
    while True:
        tag, length = _item_header(buffer, position, limit, little)
        position += 8
        if tag == SEQUENCE_DELIMITATION_ITEM:
            return position
        if tag != ITEM:
            raise Malformed(f"found {format_tag(tag)} where an Item should be")
        if length == UNDEFINED_LENGTH:
            position = _end_of_item(buffer, position, limit, explicit=explicit, little=little, depth=depth)
        else:
            position += length


def _end_of_item(buffer: Readable, position: int, limit: int, *, explicit: bool, little: bool, depth: int) -> int:
    while True:
        tag, _ = _item_header(buffer, position, limit, little)
        if tag == ITEM_DELIMITATION_ITEM:
            return position + 8
        position = _element_at(buffer, position, limit, explicit=explicit, little=little, depth=depth).after


def _end_of_fragments(buffer: Readable, position: int, limit: int, little: bool) -> int:
    seen = position
    while True:
        if position - seen > _RESIDENT:
            _release(buffer, seen, min(position, limit))
            seen = position
        tag, length = _item_header(buffer, position, limit, little)
        position += 8
        if tag == SEQUENCE_DELIMITATION_ITEM:
            return position
        if tag != ITEM or length == UNDEFINED_LENGTH:
            raise Malformed("the fragments of PixelData are not Items of known length (PS3.5 A.4)")
        position += length
        if position > limit:
            raise Malformed("cut short: the last fragment of PixelData is not complete")
