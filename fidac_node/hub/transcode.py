"""An object of the archive in a transfer syntax that whoever asks for it takes: the same values, the same pixels.

What is stored in any transfer syntax is given in Explicit or Implicit VR Little Endian, which every application entity
takes (PS3.5 10.1). Compressed frames are decoded where a codec for them is installed. Nothing in the archive changes.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from fidac_node.deidentify.pixels import decoding, highbits
from fidac_node.deidentify.pixels.copy import Pixels
from fidac_node.deidentify.source import PixelData, Source, open_source
from fidac_node.dicom import elements, part10
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.elements import DataSet, Node
from fidac_node.dicom.encode import Syntax, join
from fidac_node.dicom.part10 import PIXEL_DATA
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, UNCOMPRESSED
from fidac_node.dicom.walk import is_sequence
from fidac_node.errors import Permanent

_CHUNK: Final = 1 << 20
_LARGEST: Final = 4 << 30  # bytes that a deflated data set may inflate to
_WORD: Final = 16  # bits
# Bytes that have an order, by VR (PS3.5 6.2); a tag is two words.
_SIZES: Final = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}


class Unsuitable(Permanent):
    """An object that cannot be given otherwise than it is stored; the text says why."""

    def __init__(self, message: str) -> None:
        super().__init__("unsuitable", message)


def transcode(path: Path, transfer_syntax_uid: str, target: BinaryIO) -> None:
    """Write the object in the Part 10 file ``path`` to ``target``, in one of :data:`.UNCOMPRESSED`.

    One frame is in memory at a time. Raises :class:`Unsuitable`, ``OSError``.
    """
    if transfer_syntax_uid not in UNCOMPRESSED:
        raise Unsuitable(f"nothing here encodes {transfer_syntax_uid}")
    syntax = Syntax.of(transfer_syntax_uid)
    with _opened(path) as source:
        meta = source.meta._replace(transfer_syntax_uid=transfer_syntax_uid)
        target.write(part10.encode_meta(meta) + _header(source, syntax))
        if source.pixel_data is not None:
            _write_pixels(source, source.pixel_data, syntax, target)


def header(path: Path) -> tuple[bytes, bool]:
    """The header in Explicit VR Little Endian, and whether pixels follow. Raises :class:`Unsuitable`, ``OSError``."""
    with _opened(path) as source:
        return _header(source, Syntax.of(EXPLICIT_VR_LE)), source.pixel_data is not None


def frames(path: Path, wanted: Container[int] | None = None) -> Iterator[bytes]:
    """Yield the pixels of each frame as native PixelData in little endian.

    Frames are numbered from 1; those ``wanted`` alone, if that is said. Raises :class:`Unsuitable`, ``OSError``.
    """
    with _opened(path) as source:
        yield from _frames(source, wanted)


def coded_frames(path: Path, wanted: Container[int]) -> Iterator[bytes]:
    """Yield the compressed frames that are ``wanted``, as they are stored. Raises :class:`Unsuitable`, ``OSError``."""
    with _opened(path) as source:
        if source.pixel_data is None or not source.pixel_data.encapsulated:
            raise Unsuitable("it has no compressed pixel data")
        for number, fragments in enumerate(Pixels(source).coded_frames(), 1):
            if number in wanted:
                yield b"".join(fragments)


@contextmanager
def _opened(path: Path) -> Iterator[Source]:
    try:
        with open_source(path, _LARGEST) as source:
            if source.tail:
                raise Unsuitable("something follows its pixel data")
            yield source
    except Unsuitable:
        raise
    except Permanent as error:
        raise Unsuitable(str(error)) from error


def _header(source: Source, syntax: Syntax) -> bytes:
    signed = source.number("PixelRepresentation", 0) == 1
    encoded = join(source.elements)
    tree = _tree(encoded, 0, len(encoded), source.meta.transfer_syntax_uid, signed)
    return join(elements.encoded(tree, explicit=syntax.explicit))


def _tree(encoded: bytes, start: int, end: int, transfer_syntax_uid: str, signed: bool) -> DataSet:
    """A header as a tree, each value in little endian with a VR.

    What Implicit VR leaves open is that of PS3.6; where that has several, what PixelRepresentation says (PS3.5 A.1).
    """
    tree: DataSet = {}
    for element in part10.walk(encoded, start, end, transfer_syntax_uid):
        vr = element.vr.decode("ascii") or _vr(element.tag, signed)
        if is_sequence(element, vr):
            inner = IMPLICIT_VR_LE if vr == "UN" else transfer_syntax_uid  # PS3.5 6.2.2 note 2
            spans = part10.items(encoded, element, transfer_syntax_uid)
            items = tuple(_tree(encoded, *span, inner, signed) for span in spans)
            tree[element.tag] = Node(element.tag, "SQ", b"", items)
        else:
            value = encoded[element.value : element.end]
            if transfer_syntax_uid == EXPLICIT_VR_BE:
                value = _in_little_endian(value, _SIZES.get(vr, 1))
            tree[element.tag] = Node(element.tag, vr, value, None)
    return tree


def _vr(tag: int, signed: bool) -> str:
    known = vrs_of(tag)
    if "SS" in known and "US" in known:
        return "SS" if signed else "US"
    return "OW" if "OW" in known else next(iter(known), "")


def _in_little_endian(value: bytes, size: int) -> bytes:
    """Numbers of ``size`` bytes in Big Endian the other way round (PS3.5 7.3)."""
    whole = len(value) - len(value) % size
    swapped = bytearray(value)
    for place in range(size):
        swapped[place:whole:size] = value[size - 1 - place : whole : size]
    return bytes(swapped)


def _write_pixels(source: Source, data: PixelData, syntax: Syntax, target: BinaryIO) -> None:
    bits = source.number("BitsAllocated", _WORD)
    if not data.encapsulated:
        target.write(syntax.header(PIXEL_DATA, data.vr or "OW", data.length))
        for start in range(data.offset, end := data.offset + data.length, _CHUNK):
            piece = bytes(source.buffer[start : min(start + _CHUNK, end)])
            target.write(piece if source.syntax.little else decoding.swapped(piece, bits))
        return
    pixels = Pixels(source)
    length = pixels.shape.frames * pixels.shape.pixels * pixels.shape.bits // 8
    target.write(syntax.header(PIXEL_DATA, "OW" if bits > 8 or not syntax.explicit else "OB", length + length % 2))
    written = sum(target.write(frame) for frame in _signed(pixels))
    if written != length:
        raise Unsuitable("its compressed pixel data is not as long as its header says")
    target.write(bytes(length % 2))


def _frames(source: Source, wanted: Container[int] | None) -> Iterator[bytes]:
    if source.pixel_data is None:
        raise Unsuitable("it has no pixel data")
    pixels = Pixels(source)
    return _signed(pixels, wanted) if source.pixel_data.encapsulated else pixels.frames(wanted)


def _signed(pixels: Pixels, wanted: Container[int] | None = None) -> Iterator[bytes]:
    """Each decoded frame. Codecs know no sign: the bits above HighBit become its copies, as scanners write them."""
    shape = pixels.shape
    extend = shape.signed and shape.bits == _WORD and shape.stored < _WORD
    for frame in pixels.frames(wanted):
        yield highbits.extended(frame, shape.stored) if extend else frame
