"""Compressed frames as pixels, where a codec for them is installed.

To look whether bits are used that the header leaves out, and whether two encodings show the same image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fidac_node.deidentify.pixels import codestream
from fidac_node.errors import Permanent

if TYPE_CHECKING:
    from numpy import ndarray

_WHAT_TO_DO = "install fidac-node[htj2k], which has the codec, or decompress the study at the PACS and send it again"
_WORD: Final = 16  # bits


def words(frame: bytes | bytearray, family: str) -> bytes:
    """The pixels of one frame as 16-bit words in little endian.

    Raises :class:`Permanent` ``pixel-risk`` if it cannot be decoded here.
    """
    try:
        return _as_words(_decoded(frame, family))
    except ImportError:
        raise Permanent(
            "pixel-risk",
            "the compressed pixels have more bits than BitsStored says, "
            f"and nothing here can look into them: {_WHAT_TO_DO}",
        ) from None


def native(frame: bytes | bytearray, family: str, pixels: int, bits: int) -> bytes:
    """The ``pixels`` of one frame, of so many ``bits`` each, as native PixelData has them in little endian.

    Raises :class:`Permanent` ``pixel-risk`` if it cannot be decoded here.
    """
    if bits not in (8, _WORD):
        raise Permanent("pixel-risk", f"compressed pixels of {bits} bits are not decoded here")
    if family == codestream.RLE:
        found = _interleaved(codestream.planes(frame, pixels), pixels)
    else:
        try:
            decoded = _decoded(frame, family)
            found = _as_words(decoded) if bits == _WORD else decoded.tobytes()
        except ImportError:
            raise Permanent("pixel-risk", f"nothing here decodes {family}: {_WHAT_TO_DO}") from None
    if len(found) != pixels * bits // 8:
        raise Permanent("pixel-risk", "a compressed frame does not have the size of its image")
    return found


def swapped(frame: bytes, bits: int) -> bytes:
    """A native frame of Big Endian in little endian (PS3.5 A.3).

    Raises :class:`Permanent` ``pixel-risk`` where it is not certain of what words it is made.
    """
    if bits != _WORD:
        raise Permanent("pixel-risk", f"pixels of {bits} bits in Big Endian are not decoded here")
    found = bytearray(len(frame))
    found[::2], found[1::2] = frame[1::2], frame[::2]
    return bytes(found)


def _interleaved(planes: list[bytes], pixels: int) -> bytes:
    """Pixels of bytes that stand in planes, the most significant first (PS3.5 G.2)."""
    found = bytearray(pixels * len(planes))
    for number, plane in enumerate(reversed(planes)):
        found[number :: len(planes)] = plane[:pixels]
    return bytes(found)


def _as_words(decoded: ndarray) -> bytes:
    return decoded.astype("<i2" if decoded.dtype.kind == "i" else "<u2").tobytes()


def _decoded(frame: bytes | bytearray, family: str) -> ndarray:
    """A frame as an array. Raises ``ImportError`` where the codec is not installed, :class:`Permanent`."""
    decode = _codec(family)
    try:
        decoded: ndarray = decode(bytes(frame))
    except Exception as error:  # whatever a codec raises; its text may quote the data
        raise Permanent("pixel-risk", f"the compressed pixels cannot be decoded ({type(error).__name__})") from None
    return decoded


def _codec(family: str) -> Callable[[bytes], ndarray]:
    try:
        import imagecodecs
    except ImportError:
        if family != codestream.JPEG_LS:
            raise
        return _jpeg_ls()
    codecs: dict[str, Any] = {
        codestream.JPEG: imagecodecs.jpeg_decode,
        codestream.JPEG_LS: imagecodecs.jpegls_decode,
        codestream.JPEG_2000: imagecodecs.jpeg2k_decode,
    }
    found: Callable[[bytes], ndarray] = codecs[family]
    return found


def _jpeg_ls() -> Callable[[bytes], ndarray]:
    """The codec of a site that has JPEG-LS alone, with which it compresses itself."""
    import numpy as np
    from jpeg_ls import decode_buffer

    def decode(frame: bytes) -> ndarray:
        return np.frombuffer(
            decode_buffer(frame)[0], "u1" if codestream.precision(frame, codestream.JPEG_LS) <= 8 else "<u2"
        )

    return decode
