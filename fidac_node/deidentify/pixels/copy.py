"""Pixel data from one file to the other, as bytes: never decoded, never held in memory as a whole.

Native data is cut to the length that the image has, and bits above BitsStored go from every pixel; encapsulated data
keeps its fragments, with comments inside the codestream blanked, and must have no such bits. Nothing that follows is
copied.
"""

from __future__ import annotations

import errno
import io
import os
import struct
import zlib
from collections.abc import Container, Iterator
from functools import lru_cache
from itertools import islice
from typing import BinaryIO, Final, NamedTuple, Protocol

from fidac_node.deidentify.pixels import codestream, decoding, highbits
from fidac_node.deidentify.source import PixelData, Source
from fidac_node.dicom.dictionary import tag_of
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import PIXEL_DATA, UNDEFINED_LENGTH, Buffer, FileMeta, Malformed
from fidac_node.dicom.series import whole
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.dicom.window import Window
from fidac_node.errors import Permanent

NATIVE: Final = frozenset({IMPLICIT_VR_LE, EXPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE})
# A frame is looked into as a whole; 64 MB is a hundred times a compressed CT slice.
LARGEST_FRAME: Final = 64 << 20
_IN_ONE_PIECE: Final = 4 << 20  # bytes: what is larger is not brought into memory
_CHUNK: Final = 1 << 20
_ITEM: Final = b"\xfe\xff\x00\xe0"
# The value of the first pixel so often in a row (pixels) is an area without content, in which words could stand unseen.
_CONSTANT: Final = 32
# What stands between two such areas is no more (bytes) than a few words; longer, it is a row of the image.
_LONGEST_BETWEEN: Final = 512
_MOST_AT_ONCE: Final = 1 << 16  # bytes
_MASKABLE: Final = 16  # bits of a pixel
_NO_META: Final = FileMeta("", "", "")
_ROOM_BELOW: Final = "HighBit (0028,0102) leaves room below the pixel values, where an overlay may be"
_PADDING: Final = {"PixelPaddingValue": 0x00280120, "PixelPaddingRangeLimit": 0x00280121}
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
# What copy_file_range(2) says where the file systems cannot do it.
_NOT_THERE: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM})


class Sink(Protocol):
    """Where bytes go: a file, or a compressor before one."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take ``data``."""


class Shape(NamedTuple):
    """What a header says of its pixels: frames, pixels of a frame, bits of a pixel and of a row, how they are used.

    ``aligned``: HighBit is BitsStored - 1, as the IOD demands (PS3.3 C.8.2.1, C.8.15.2.1). Where it is not, the values
    begin ``shift`` bits higher up, if it is to be believed.
    """

    frames: int
    pixels: int
    bits: int
    row_bits: int
    stored: int
    signed: bool
    aligned: bool
    shift: int


_SHAPE: Final = tuple(
    tag_of(keyword) or 0
    for keyword in (
        "NumberOfFrames",
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "BitsAllocated",
        "BitsStored",
        "PixelRepresentation",
        "HighBit",
    )
)


# The same for all slices of a series.
@lru_cache(maxsize=64)
def _shape(encoded: tuple[bytes | None, ...], syntax: Syntax) -> Shape:
    found = {tag: element for tag, element in zip(_SHAPE, encoded, strict=True) if element is not None}
    source = Source(_NO_META, syntax, whole(found), (), None, b"")
    frames, allocated = source.number("NumberOfFrames", 1), source.number("BitsAllocated")
    if frames < 1:
        raise Malformed("NumberOfFrames (0028,0008) is not positive")
    bits, columns = allocated * source.number("SamplesPerPixel", 1), source.number("Columns")
    stored = source.number("BitsStored", allocated) if allocated == _MASKABLE else allocated
    high_bit = source.number("HighBit", -1) if bits == _MASKABLE else stored - 1
    return Shape(
        frames,
        source.number("Rows") * columns,
        bits,
        columns * bits,
        stored,
        source.number("PixelRepresentation", 0) == 1,
        high_bit == stored - 1,
        max(0, (high_bit if high_bit >= 0 else _MASKABLE - 1) + 1 - stored),
    )


class Pixels:
    """The pixel data of one source: checked at once, copied when the header is written.

    ``keep`` is the mask of the bits that stay in each 16-bit pixel where it is known that others are used; otherwise
    all pixels are looked at. ``without_table``: its Basic Offset Table was wrong, and is left out.
    """

    def __init__(self, source: Source, keep: int = 0) -> None:
        """Raises :class:`Malformed` or :class:`Permanent` if it is not what the header says."""
        if source.pixel_data is None:
            raise Malformed("there is no PixelData (7FE0,0010)")
        self._source = source
        # Where the source lies in memory, or is mapped there.
        self._memory = None if isinstance(source.buffer, Window) else source.buffer
        self._data: PixelData = source.pixel_data
        self._keep = keep
        self.without_table = False
        self._shape = _shape(tuple(map(source.elements.get, _SHAPE)), source.syntax)
        self._frames = self._shape.frames
        self._family = codestream.FAMILIES.get(source.meta.transfer_syntax_uid)
        if self._data.encapsulated:
            # A view in memory would be copied whole; bytes and files are read piece by piece.
            self._file = source.file or io.BytesIO(self._memory or b"")
            self._check_encapsulated()
        else:
            self._check_native(source)
            self._keep = keep or self._strays(source)
            if not self._shape.aligned and (
                self._keep or self._shape.stored < highbits.FEWEST_BITS or self._is_shifted()
            ):
                raise Permanent("pixel-risk", _ROOM_BELOW)

    @property
    def shape(self) -> Shape:
        """What the header says of the pixels."""
        return self._shape

    def frames(self, wanted: Container[int] | None = None) -> Iterator[bytes]:
        """Yield the pixels of each frame as native PixelData has them in little endian, decoded if need be.

        Frames are numbered from 1; only those ``wanted`` are decoded and yielded, if that is said. Raises
        :class:`Permanent` ``pixel-risk`` if they cannot be decoded here.
        """
        if self._data.encapsulated:
            for number, fragments in enumerate(self.coded_frames(), 1):
                if wanted is None or number in wanted:
                    yield decoding.native(b"".join(fragments), self._family or "", self._shape.pixels, self._shape.bits)
            return
        size = self._length // self._frames
        for number, start in enumerate(range(self._data.offset, self._data.offset + size * self._frames, size), 1):
            if wanted is None or number in wanted:
                frame = self._piece(start, size)
                yield frame if self._source.syntax.little else decoding.swapped(frame, self._shape.bits)

    @property
    def high_bit(self) -> int | None:
        """What HighBit (0028,0102) is, where the header does not say it; ``None`` where it does.

        No pixel has bits above BitsStored then: with any other HighBit the values would be others (PS3.5 8.1.1).
        """
        return None if self._shape.aligned else self._shape.stored - 1

    def header(self, syntax: Syntax) -> bytes:
        """The bytes that stand before the pixel data."""
        if not self._data.encapsulated:
            vr = self._data.vr if self._data.vr in ("OB", "OW") else "OW"  # UN is from a system that did not know it
            return syntax.header(PIXEL_DATA, vr, self._length + self._length % 2)
        return syntax.header(PIXEL_DATA, "OB", 0)[:-4] + struct.pack("<L", UNDEFINED_LENGTH)

    def are_offsets(self, offsets: bytes, lengths: bytes) -> bool:
        """Say whether these two are where frames begin and how long they are, one fragment each (PS3.3 C.7.6.3.1.8)."""
        if not self._data.encapsulated:
            return False
        _, *fragments = self._fragments()
        if len(fragments) != self._frames or len(offsets) != 8 * self._frames or len(lengths) != 8 * self._frames:
            return False
        first = fragments[0][0]
        told = zip(
            struct.unpack(f"<{self._frames}Q", offsets), struct.unpack(f"<{self._frames}Q", lengths), strict=True
        )
        return all(
            offset == start - first and length in (size, size - 1)
            for (offset, length), (start, size) in zip(told, fragments, strict=True)
        )

    def margins(self) -> Iterator[list[bytes]]:
        """Yield what of the pixels may hold words that no viewer shows, in lists of a few frames each.

        First and last rows, and what interrupts areas of one value. Of compressed pixels those of RLE, whose bytes
        stand in planes; the others are no words before they are decoded.
        """
        found: list[bytes] = []
        for pieces in self._margins_of_planes() if self._data.encapsulated else self._margins_of_frames():
            found += pieces
            if sum(map(len, found)) > _MOST_AT_ONCE:
                yield found
                found = []
        if found:
            yield found

    def _margins_of_frames(self) -> Iterator[list[bytes]]:
        row, pixel = self._shape.row_bits // 8, self._shape.bits // 8
        size = self._length // self._frames
        for start in range(self._data.offset, self._data.offset + size * self._frames, size) if pixel else ():
            if size > _IN_ONE_PIECE:
                yield [self._piece(start, row), self._piece(start + size - row, row)]
            elif self._memory is None or self._length > _IN_ONE_PIECE:
                # Frame by frame: what is looked at in a map of the file counts as memory.
                yield _margins(self._piece(start, size), 0, size, row, pixel)
            else:
                yield _margins(self._memory, start, start + size, row, pixel)

    def _margins_of_planes(self) -> Iterator[list[bytes]]:
        if self._family != codestream.RLE or self._shape.pixels > _IN_ONE_PIECE:
            return
        row = self._shape.row_bits // self._shape.bits
        for frame in self.coded_frames():
            for plane in codestream.planes(b"".join(frame), self._shape.pixels):
                yield _margins(plane, 0, len(plane), row, 1)

    def chunks(self) -> Iterator[bytes | memoryview]:
        """Yield the pixel data after its header, in pieces."""
        if self._data.encapsulated:
            yield from self._encapsulated()
            return
        yield from self._native()
        if self._length % 2:
            yield b"\x00"

    def copy(self, target: Sink) -> None:
        """Write the pixel data after its header; from file to file without bringing it here."""
        if self._memory is not None and self._is_plain() and self._length <= _IN_ONE_PIECE:
            with (
                memoryview(self._memory) as whole,
                whole[self._data.offset : self._data.offset + self._length] as piece,
            ):
                target.write(piece)  # 0.17 ms for 0.5 MB, by copy_file_range(2) 0.25: the kernel takes larger pages
        elif not self._copied_by_kernel(target):
            for chunk in self.chunks():
                target.write(chunk)

    @property
    def copied(self) -> range:
        """The bytes of the source's buffer that are written as they are.

        None where anything is changed or left out between.
        """
        return range(self._data.offset, self._data.offset + self._length) if self._is_plain() else range(0)

    def _is_plain(self) -> bool:
        """Whether all that is written is what lies in the source."""
        return not (self._data.encapsulated or self._keep or self._length % 2)

    def _copied_by_kernel(self, target: Sink) -> bool:
        file = self._source.file
        if not self._is_plain() or file is None or not isinstance(target, io.IOBase):
            return False
        try:
            descriptor = target.fileno()
        except OSError:
            return False  # a file in memory
        target.flush()
        start = position = target.tell()
        offset, end = self._data.offset, self._data.offset + self._length
        while offset < end:
            try:
                copied = os.copy_file_range(file.fileno(), descriptor, end - offset, offset, position)
            except OSError as error:
                if error.errno not in _NOT_THERE or position != start:
                    raise
                return False
            if not copied:
                raise Malformed("cut short: the file ends inside the pixel data")
            offset, position = offset + copied, position + copied
        target.seek(position)
        return True

    def _native(self) -> Iterator[bytes | memoryview]:
        offset, end = self._data.offset, self._data.offset + self._length
        if self._source.file is None and self._memory is not None and not self._keep:
            yield memoryview(self._memory)[offset:end]
            return
        while offset < end:
            chunk = self._piece(offset, min(_CHUNK, end - offset))
            yield self._masked(chunk) if self._keep else chunk
            offset += len(chunk)

    def _masked(self, chunk: bytes) -> bytes:
        return highbits.masked(chunk, self._keep, signed=self._shape.signed, little=self._source.syntax.little)

    def _piece(self, offset: int, length: int) -> bytes:
        file = self._source.file
        if file is None:
            return bytes(self._source.buffer[offset : offset + length])
        file.seek(offset)
        chunk = file.read(length)
        if len(chunk) != length:
            raise Malformed("cut short: the file ends inside the pixel data")
        return chunk

    def _strays(self, source: Source) -> int:
        """The mask for pixels of which some have bits above BitsStored, else 0.

        Raises :class:`Permanent` if they cannot be masked.
        """
        stored = self._shape.stored
        if self._shape.bits != _MASKABLE or not highbits.FEWEST_BITS <= stored <= highbits.MOST_BITS:
            return 0
        keep = (1 << stored) - 1
        end = self._data.offset + self._length // 2 * 2
        chunks = [(offset, min(_CHUNK, end - offset)) for offset in range(self._data.offset, end, _CHUNK)]
        if not any(self._is_stray(*chunk, keep) for chunk in chunks):
            return 0
        padding = source.number("PixelPaddingValue", 0)
        if not highbits.fits(padding, keep, signed=self._shape.signed) and all(
            self._is_told(*chunk, keep, padding) for chunk in chunks
        ):
            return 0
        check_padding(source, keep, "bits above BitsStored (0028,0101)")
        return keep

    def _is_shifted(self) -> bool:
        """Say whether the values may begin as high up as HighBit says: below, all pixels are empty."""
        end, used = self._data.offset + self._length // 2 * 2, 0
        for offset in range(self._data.offset, end, _CHUNK):
            with self._view(offset, min(_CHUNK, end - offset)) as piece:
                used |= highbits.used(piece, little=self._source.syntax.little)
        return self._shape.shift > 0 and used > 0 and used % (1 << self._shape.shift) == 0

    def _is_stray(self, offset: int, length: int, keep: int) -> bool:
        with self._view(offset, length) as piece:  # released: a map with views of it cannot be closed
            return highbits.stray(piece, keep, signed=self._shape.signed, little=self._source.syntax.little)

    def _is_told(self, offset: int, length: int, keep: int, padding: int) -> bool:
        """Say whether padding alone has bits above BitsStored, and no other pixel has the bits below of it.

        Then each pixel is what its stored bits say, and those above say nothing besides.
        """
        signed, little = self._shape.signed, self._source.syntax.little
        with self._view(offset, length) as piece:
            rest = highbits.without(piece, padding, little=little)
        alike = highbits.fit(padding, keep, signed=signed)
        return not highbits.stray(rest, keep, signed=signed, little=little) and len(
            highbits.without(rest, alike, little=little)
        ) == len(rest)

    def _view(self, offset: int, length: int) -> memoryview:
        """A piece of the pixel data, not copied where it is small enough to be in memory altogether."""
        if self._memory is None or self._length > _IN_ONE_PIECE:
            return memoryview(self._piece(offset, length))
        with memoryview(self._memory) as everything:
            return everything[offset : offset + length]

    def _check_native(self, source: Source) -> None:
        if source.meta.transfer_syntax_uid not in NATIVE:
            raise Malformed("the transfer syntax is a compressed one, the pixel data is not")
        self._length = (self._shape.pixels * self._shape.bits * self._frames + 7) // 8
        if not self._length or self._data.length < self._length:
            raise Malformed(f"PixelData has {self._data.length} bytes, the image {self._length}")

    def _check_encapsulated(self) -> None:
        if self._family is None:
            raise Malformed("the pixel data is compressed in a way that the transfer syntax does not name")
        table, *fragments = list(self._fragments())
        if not fragments:
            raise Malformed("the compressed pixel data has no fragment")
        try:
            self._check_table(table, fragments)
        except Malformed:
            if self._frames != 1:
                raise
            self.without_table = True  # all fragments are the one frame's, and no table is needed (PS3.5 A.4)

    def _check_table(self, table: tuple[int, int], fragments: list[tuple[int, int]]) -> None:
        _, length = table
        if length % 4 or length // 4 not in (0, self._frames):
            raise Malformed("the offset table of the pixel data does not have one entry for each frame (PS3.5 A.4)")
        starts = [offset - fragments[0][0] for offset, _ in fragments]
        offsets = struct.unpack(f"<{length // 4}L", self._read(*table))
        if offsets[:1] not in ((), (0,)) or not set(offsets) <= set(starts) or list(offsets) != sorted(set(offsets)):
            raise Malformed("the offset table of the pixel data does not point at its fragments (PS3.5 A.4)")

    def _fragments(self) -> Iterator[tuple[int, int]]:
        """Offset and length of each fragment, the offset table first."""
        position, end = self._data.offset, self._data.offset + self._data.length
        while position < end:
            self._file.seek(position)
            head = self._file.read(8)
            length = int.from_bytes(head[4:], "little")
            if len(head) < 8 or head[:4] != _ITEM or position + 8 + length > end:
                raise Malformed("the fragments of PixelData are not Items (PS3.5 A.4)")
            yield position + 8, length
            position += 8 + length

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(length)
        if len(data) != length:
            raise Malformed("cut short: the file ends inside the pixel data")
        return data

    def _encapsulated(self) -> Iterator[bytes]:
        yield _item(b"" if self.without_table else self._read(*next(self._fragments())))
        frames = 0
        for frame in self.coded_frames():
            yield from self._frame(frame)
            frames += 1
        if frames != self._frames:
            raise Malformed(f"NumberOfFrames is {self._frames}, the compressed pixel data has {frames}")
        yield _SEQUENCE_END

    def coded_frames(self) -> Iterator[list[bytes]]:
        """Yield the fragments of each frame. Raises :class:`Permanent` for a frame that is too large to look into."""
        frame: list[bytes] = []
        size = 0
        for offset, length in islice(self._fragments(), 1, None):  # after the offset table
            if size + length > LARGEST_FRAME:
                raise Permanent(
                    "pixel-risk", f"a compressed frame is larger than {LARGEST_FRAME >> 20} MiB: it is not looked into"
                )
            data = self._read(offset, length)
            if frame and self._begins_frame(data):
                yield frame
                frame, size = [], 0
            frame.append(data)
            size += length
        yield frame

    def _begins_frame(self, data: bytes) -> bool:
        if self._frames == 1:
            return False
        return self._family == codestream.RLE or codestream.starts_frame(data, self._family or "")

    def _frame(self, fragments: list[bytes]) -> Iterator[bytes]:
        whole = bytearray(b"".join(fragments))
        pixels = self._shape.pixels
        codestream.blank_comments(whole, self._family or "", pixels)
        self._check_bits(whole, pixels)
        position = 0
        for fragment in fragments:
            yield _item(bytes(whole[position : position + len(fragment)]))
            position += len(fragment)

    def _check_bits(self, frame: bytes | bytearray, pixels: int) -> None:
        """Compressed pixels must have no bits above BitsStored: they cannot be taken out without coding anew.

        Where HighBit says otherwise, only a codestream that has so many bits and no more says how they are meant.
        """
        family, stored, signed = self._family or "", self._shape.stored, self._shape.signed
        if self._shape.bits != _MASKABLE or codestream.precision(frame, family) <= stored:
            return
        if not self._shape.aligned:
            raise Permanent("pixel-risk", _ROOM_BELOW)
        keep = (1 << stored) - 1
        if family == codestream.RLE:
            stray = highbits.stray_upper(codestream.upper_bytes(frame, pixels), keep, signed=signed)
        else:
            stray = highbits.stray(decoding.words(frame, family), keep, signed=signed, little=True)
        if stray:
            raise Permanent(
                "pixel-risk", "compressed pixels use bits above BitsStored (0028,0101), where an overlay may be"
            )


def _margins(frame: Buffer, start: int, end: int, row: int, pixel: int) -> list[bytes]:
    """First and last rows of a frame in memory, and what interrupts areas of one value.

    ``row`` and ``pixel`` are in bytes.
    """
    found = [frame[start : start + row], frame[end - row : end]]
    areas = set()
    for corner in (
        start,
        start + row - pixel * _CONSTANT,
        end - row,
        end - pixel * _CONSTANT,
        (start + end) // 2 // pixel * pixel,
    ):
        value = bytes(frame[corner : corner + pixel])
        if corner >= start and frame[corner : corner + pixel * _CONSTANT] == value * _CONSTANT:
            areas.add(value)
    whole_frame = bytes(frame[start:end]) if areas else b""
    for value in areas:
        found += [one for one in whole_frame.split(value * _CONSTANT) if pixel < len(one) <= _LONGEST_BETWEEN]
    return [bytes(one) for one in found]


def check_padding(source: Source, keep: int, what: str) -> None:
    """Raise :class:`Permanent` if a padding value uses bits that are to be masked; ``what`` is in them."""
    signed = source.number("PixelRepresentation", 0) == 1
    for keyword, tag in _PADDING.items():
        if tag in source and not highbits.fits(source.number(keyword), keep, signed=signed):
            raise Permanent("pixel-risk", f"{what}: {keyword} uses them too, so they cannot be masked")


def _item(data: bytes) -> bytes:
    return _ITEM + struct.pack("<L", len(data)) + data


def open_target(target: BinaryIO, transfer_syntax_uid: str) -> tuple[Sink, _Deflater | None]:
    """What to write the data set into: ``target``, or a deflater before it (PS3.5 A.5)."""
    if transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LE:
        return target, None
    deflater = _Deflater(target)
    return deflater, deflater


class _Deflater:
    """Deflates as it is written to; the same input gives the same bytes."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._compressor = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._written = 0

    def write(self, data: bytes | memoryview, /) -> None:
        """Compress ``data``."""
        self._put(self._compressor.compress(data))

    def finish(self) -> None:
        """Write what is left and pad to an even length (PS3.5 A.5)."""
        self._put(self._compressor.flush())
        if self._written % 2:
            self._put(b"\x00")

    def _put(self, data: bytes) -> None:
        self._target.write(data)
        self._written += len(data)
