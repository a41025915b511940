"""Grayscale pixel data in lossless encodings: JPEG-LS and HTJ2K by codecs of other hands, and what is the same image.

numpy and the packages that code load on first use. Nothing here changes an object.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, Protocol, TypeAlias

from fidac_node.dicom import part10, tags
from fidac_node.dicom.part10 import PIXEL_DATA, Element, FileMeta, Malformed
from fidac_node.dicom.uids import EXPLICIT_VR_LE, HTJ2K_LOSSLESS, IMPLICIT_VR_LE, JPEG_LS_LOSSLESS
from fidac_node.errors import ConfigError

if TYPE_CHECKING:
    from numpy import ndarray

log = logging.getLogger(__name__)

# The pixels of one native frame, as they stand in PixelData.
Frame: TypeAlias = "bytes | bytearray"

# A frame is in memory four times: this is what a worker can afford. A CT image has 0.5 to 8 MB.
LARGEST_FRAME: Final = 16 << 20

_OF_IMAGE: Final = frozenset(
    {
        tags.SAMPLES_PER_PIXEL,
        tags.PHOTOMETRIC_INTERPRETATION,
        tags.NUMBER_OF_FRAMES,
        tags.ROWS,
        tags.COLUMNS,
        tags.BITS_ALLOCATED,
        tags.BITS_STORED,
        tags.HIGH_BIT,
        tags.PIXEL_REPRESENTATION,
    }
)
# What is compressed already passes without a word.
_WHY_NOT: Final = {
    IMPLICIT_VR_LE: (
        "they come in Implicit VR Little Endian; without it in [receive] transfer_syntaxes the PACS sends Explicit VR"
    ),
}


class Unsuitable(Exception):
    """An object that stays as it is; the text is the kind of reason, the same for all objects of that kind."""


@dataclass(frozen=True)
class Image:
    """What a header says of grayscale pixels (PS3.3 C.7.6.3.1), as far as a codec needs it."""

    rows: int
    columns: int
    frames: int
    allocated: int
    stored: int
    signed: bool

    @classmethod
    def of(cls, values: dict[int, bytes]) -> Image:
        """Of the raw values of an Explicit VR Little Endian data set. Raises :class:`Unsuitable`."""
        if _short(values, tags.SAMPLES_PER_PIXEL) != 1 or not values.get(
            tags.PHOTOMETRIC_INTERPRETATION, b""
        ).startswith(b"MONOCHROME"):
            raise Unsuitable("they are not grayscale")
        frames = int(values.get(tags.NUMBER_OF_FRAMES, b"").strip(b" \x00") or b"1")
        numbers = (_short(values, tag) for tag in (tags.BITS_ALLOCATED, tags.BITS_STORED, tags.PIXEL_REPRESENTATION))
        allocated, stored, signed = numbers
        image = cls(_short(values, tags.ROWS), _short(values, tags.COLUMNS), frames, allocated, stored, signed == 1)
        # PS3.5 Table 8.2.3-1; what that of HTJ2K allows beyond, no CT scanner writes.
        if allocated not in (8, 16) or not 2 <= stored <= allocated or _short(values, tags.HIGH_BIT) != stored - 1:
            raise Unsuitable("their pixels are not the lowest 2 to 16 bits of words of 8 or 16")
        if not 0 < image.frame_length <= LARGEST_FRAME or frames < 1:
            raise Unsuitable(f"they have no frames, or some of more than {LARGEST_FRAME >> 20} MiB")
        return image

    @property
    def frame_length(self) -> int:
        """Bytes of a native frame."""
        return self.rows * self.columns * self.allocated // 8

    @property
    def dtype(self) -> str:
        """Its pixels as numpy names them."""
        return f"<{'i' if self.signed else 'u'}{self.allocated // 8}"

    def pixels(self, frame: Frame) -> ndarray:
        """A native frame as an array. Raises :class:`Unsuitable` for bits above HighBit other than zeros or the sign.

        Such bits are no part of the pixel (PS3.5 8.1.1), so that decoders need not give them back.
        """
        import numpy as np

        pixels = np.frombuffer(frame, self.dtype).reshape(self.rows, self.columns)
        low, high = (-1 << self.stored - 1, 1 << self.stored - 1) if self.signed else (0, 1 << self.stored)
        if self.stored < self.allocated and not low <= pixels.min() <= pixels.max() < high:
            raise Unsuitable("bits above HighBit hold something else than zeros or the sign")
        return pixels


class Codec(Protocol):
    """One compression method at work. Raises whatever its package does for what it cannot take."""

    def encode(self, frame: Frame, image: Image) -> bytes:
        """One native frame as a codestream, not padded."""

    def decode(self, codestream: bytes, image: Image) -> Frame:
        """The native frame of a codestream that has the size of ``image``."""


class _JpegLs:
    """CharLS, through pyjpegls. JPEG-LS knows no sign: values are coded as their bit patterns."""

    def __init__(self) -> None:
        from jpeg_ls import decode_buffer, encode_buffer

        self._encode, self._decode = encode_buffer, decode_buffer

    def encode(self, frame: Frame, image: Image) -> bytes:
        """As :class:`Codec`; of signed pixels all bits, so that a decoder which knows no sign gives it back."""
        image.pixels(frame)
        whole = image.signed or image.stored <= 8 < image.allocated
        return bytes(self._encode(frame, image.rows, image.columns, 1, image.allocated if whole else image.stored))

    def decode(self, codestream: bytes, image: Image) -> Frame:
        """As :class:`Codec`; the codestream begins with its frame header (ISO/IEC 14495-1 C.2.2), as by CharLS."""
        _check_size(image, codestream.startswith(b"\xff\xd8\xff\xf7"), *struct.unpack_from(">HH", codestream, 7))
        pixels: bytearray = self._decode(codestream)[0]
        return pixels


class _Htj2k:
    """OpenJPH encodes, OpenJPEG decodes, both through imagecodecs: each frame is read by another hand than wrote it."""

    def __init__(self) -> None:
        from imagecodecs import htj2k_encode, jpeg2k_decode

        self._encode, self._decode = htj2k_encode, jpeg2k_decode

    def encode(self, frame: Frame, image: Image) -> bytes:
        """As :class:`Codec`."""
        return bytes(self._encode(image.pixels(frame), reversible=True))

    def decode(self, codestream: bytes, image: Image) -> Frame:
        """As :class:`Codec`, of a codestream that begins with its size (ISO/IEC 15444-1 A.5.1), as it must."""
        columns, rows = struct.unpack_from(">LL", codestream, 8)
        _check_size(image, codestream.startswith(b"\xff\x4f\xff\x51"), rows, columns)
        pixels: ndarray = self._decode(codestream)
        return pixels.tobytes() if pixels.dtype == image.dtype else b""


class Method(NamedTuple):
    """A way to compress: the transfer syntax it gives, the package and its module that do it, and how.

    The extra that brings the package has the method's name.
    """

    transfer_syntax_uid: str
    package: str
    module: str
    codec: type[Codec]


METHODS: Final = {
    "jpeg-ls": Method(JPEG_LS_LOSSLESS, "pyjpegls", "jpeg_ls", _JpegLs),
    "htj2k": Method(HTJ2K_LOSSLESS, "imagecodecs", "imagecodecs", _Htj2k),
}
# What compression can make of an object: name of the method by transfer syntax UID.
COMPRESSED: Final = {method.transfer_syntax_uid: name for name, method in METHODS.items()}


def problem(name: str) -> str:
    """Say which package the method ``name`` misses, and the remedy; nothing if it is installed."""
    method = METHODS[name]
    if find_spec(method.module) is not None:
        return ""
    return f"{name} needs the package {method.package}; install it: pip install 'fidac-node[{name}]'"


def same_image(one: Path, other: Path) -> bool:
    """Say whether two Part 10 files hold one object in two lossless encodings: the same header, the same pixels.

    Compared are the bytes before PixelData and each decoded frame. What cannot be decoded here is not the same; a
    missing package is logged. Raises ``OSError``.
    """
    try:
        with opened(one, _LOSSLESS) as first, opened(other, _LOSSLESS) as second:
            if first.image != second.image or first.header() != second.header():
                return False
            return all(a == b for a, b in zip(first.frames(), second.frames(), strict=True))
    except OSError:
        raise
    except ConfigError as error:
        log.warning("two encodings of one object cannot be compared and count as two versions: %s", error)
    except Exception as error:  # whatever is wrong with either, they are not proven to be the same
        log.debug("two encodings of one object cannot be compared: %s", type(error).__name__)
    return False


_LOSSLESS: Final = frozenset({EXPLICIT_VR_LE, *COMPRESSED})


@dataclass(frozen=True, repr=False)  # no log or traceback may print a header
class Encoded:
    """An open Part 10 file whose last element is grayscale pixel data. ``size`` is in bytes."""

    file: BinaryIO
    meta: FileMeta
    offset: int
    pixel_data: Element
    size: int
    image: Image

    def header(self) -> bytes:
        """The data set before PixelData."""
        return self._read(self.offset, self.pixel_data.start - self.offset)

    def frames(self) -> Iterator[Frame]:
        """Each frame as native bytes. Raises :class:`ConfigError` if the package to decode them is missing."""
        name = COMPRESSED.get(self.meta.transfer_syntax_uid)
        if name is None:
            length = self.image.frame_length
            for number in range(self.image.frames):
                yield self._read(self.pixel_data.value + number * length, length)
            return
        decoder = codec(name)
        for codestream in self._codestreams():
            yield decoder.decode(codestream, self.image)

    def _codestreams(self) -> Iterator[bytes]:
        """What follows the offset table: one fragment for each frame, as ``site/compress.py`` writes it."""
        position, number = self.pixel_data.value, -1
        while position < self.pixel_data.end:
            length = int.from_bytes(self._read(position, 8)[4:], "little")
            if number >= 0:
                if length > 2 * LARGEST_FRAME:
                    raise Unsuitable("a fragment is larger than any frame")
                yield self._read(position + 8, length)
            position, number = position + 8 + length, number + 1

    def _read(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        data = self.file.read(length)
        if len(data) != length:
            raise Malformed("cut short: the file ends inside the pixel data")
        return data


@contextmanager
def opened(path: Path, syntaxes: Collection[str]) -> Iterator[Encoded]:
    """Open an object in one of ``syntaxes``. Raises :class:`Unsuitable` for anything but grayscale pixel data."""
    with path.open("rb") as file, part10.mapped(path) as buffer:
        meta, offset = part10.read_meta(file)
        if meta.transfer_syntax_uid not in syntaxes:
            raise Unsuitable(_WHY_NOT.get(meta.transfer_syntax_uid, ""))
        values: dict[int, bytes] = {}
        for element in part10.walk(buffer, offset, len(buffer), meta.transfer_syntax_uid):
            if element.tag in _OF_IMAGE:
                values[element.tag] = bytes(buffer[element.value : element.end])
            elif element.tag == PIXEL_DATA:
                break
        else:
            raise Unsuitable("they have no pixel data")
        found = Encoded(file, meta, offset, element, len(buffer), Image.of(values))
        _check_length(found)
        yield found


def _check_length(found: Encoded) -> None:
    """What is not compared or compressed must not be there: more than the frames, or elements that follow."""
    pixel_data, total = found.pixel_data, found.image.frame_length * found.image.frames
    native = pixel_data.after == pixel_data.end
    if native is (found.meta.transfer_syntax_uid in COMPRESSED) or pixel_data.after != found.size:
        raise Unsuitable("something follows their pixel data")
    if native and pixel_data.end - pixel_data.value != total + total % 2:
        raise Unsuitable("their pixel data is not as long as their frames")


def codec(name: str) -> Codec:
    """Raises :class:`ConfigError` when the package cannot be loaded."""
    if missing := problem(name):
        raise ConfigError(missing)
    try:
        return METHODS[name].codec()
    except ImportError as error:
        raise ConfigError(
            f"{name}: the package {METHODS[name].package} cannot be loaded ({error}); install it anew"
        ) from error


def _short(values: dict[int, bytes], tag: int) -> int:
    return int.from_bytes(values.get(tag, b""), "little")


def _check_size(image: Image, known: bool, rows: int, columns: int) -> None:
    """A codestream larger than its image says would take memory that nobody expects. Raises :class:`Unsuitable`."""
    if not known or (rows, columns) != (image.rows, image.columns):
        raise Unsuitable("a codestream does not have the size of its image")
