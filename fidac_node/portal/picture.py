"""A look at one frame before it is sent: grey, windowed to the lung. Not for diagnosis; standard library alone."""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache
from typing import Final, NamedTuple

from fidac_node.deidentify.pixels.copy import NATIVE, Pixels, Shape
from fidac_node.deidentify.source import Source
from fidac_node.dicom.uids import RLE_LOSSLESS
from fidac_node.errors import Permanent

# The usual window for a lung (Hounsfield units).
CENTRE: Final = -600
WIDTH: Final = 1500
_WHITE: Final = 255
_NO_PICTURE: Final = "no-picture"


class Picture(NamedTuple):
    """A frame, a byte a pixel, from black to white."""

    width: int
    height: int
    grey: bytes


def picture(source: Source) -> Picture:
    """The middle frame of an object. Raises :class:`Permanent`, ``no-picture`` for what is not shown here."""
    if source.meta.transfer_syntax_uid not in (*NATIVE, RLE_LOSSLESS):
        raise Permanent(_NO_PICTURE, "its pixels are compressed: nothing here decodes them")
    pixels = Pixels(source)
    shape = pixels.shape
    if shape.bits not in (8, 16):
        raise Permanent(_NO_PICTURE, f"it has {shape.bits} bits a pixel: only grey images of 8 or 16 are shown here")
    middle = (shape.frames + 1) // 2
    frame = next(pixels.frames({middle}))
    words = array("H" if shape.bits == 16 else "B", frame)
    if sys.byteorder == "big":
        words.byteswap()
    inverse = source.get("PhotometricInterpretation") == "MONOCHROME1"
    shown = _shown(*_window(source, words, shape), shape.bits, shape.stored, shape.signed, inverse)
    return Picture(source.number("Columns"), source.number("Rows"), bytes(map(shown.__getitem__, words)))


def _window(source: Source, words: array[int], shape: Shape) -> tuple[float, float]:
    """From which stored value to which the window is (PS3.3 C.11.2.1.2.1); of what has no Hounsfield units, all."""
    try:
        slope, intercept = (float(source.get(keyword)) for keyword in ("RescaleSlope", "RescaleIntercept"))
        return tuple((CENTRE + half * WIDTH / 2 - intercept) / slope for half in (-1, 1))  # type: ignore[return-value]
    except (ValueError, ZeroDivisionError):
        values = [_value(word, shape.bits, shape.stored, shape.signed) for word in {*words}]
        return min(values), max(values)


# The same for all slices of a series.
@lru_cache(maxsize=4)
def _shown(low: float, high: float, bits: int, stored: int, signed: bool, inverse: bool) -> bytes:
    """How bright each word of pixel data is."""
    scale = _WHITE / (high - low or 1)
    found = bytes(
        min(_WHITE, max(0, round((_value(word, bits, stored, signed) - low) * scale))) for word in range(1 << bits)
    )
    return bytes(_WHITE - one for one in found) if inverse else found


def _value(word: int, bits: int, stored: int, signed: bool) -> int:
    """The value in a word of pixel data (PS3.5 8.1.1)."""
    value = word & ((1 << min(stored, bits)) - 1)
    return value - (1 << stored) if signed and value >> (stored - 1) else value
