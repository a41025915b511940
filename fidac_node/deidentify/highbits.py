"""Bits of 16-bit pixels above HighBit: no part of the image, and room for an overlay (PS3.5 8.1.2, retired).

An overlay is a bitmap of one bit per pixel and may hold text. In native pixels the bits go without
touching the image: each word keeps its BitsStored bits, and what lies above repeats the sign of a signed
value or is zero (PS3.5 8.1.1: they are not part of the Pixel Cell). Only the upper byte of a word can
hold such bits, because what has 8 bits or less is held; so one table of 256 bytes does all the work.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

# BitsStored of pixels that can be masked: the sign and everything above it are in the upper byte.
FEWEST_BITS: Final = 9
MOST_BITS: Final = 15
# Letters that can be read are taller than this.
_ROWS: Final = 4


def masked(chunk: bytes, keep: int, *, signed: bool, little: bool) -> bytes:
    """The pixels of ``chunk`` (16-bit words, an even number of bytes) without the bits above HighBit.

    ``keep`` has the low BitsStored bits set, 9 to 15 of them; ``signed`` is PixelRepresentation,
    ``little`` the byte order. Raises :class:`ValueError` for any other ``keep`` or an odd chunk.
    """
    table, _ = _tables(keep, signed)
    upper = _upper(chunk, little)
    words = bytearray(chunk)
    words[upper] = chunk[upper].translate(table)
    return bytes(words)


def stray(pixels: bytes | memoryview, keep: int, *, signed: bool, little: bool, row: int = 0) -> bool:
    """Say whether a pixel has bits above HighBit that are neither zero nor its sign: an overlay that nobody announced.

    ``row`` is the length of an image row in bytes: then one row in four is looked at, which no line of
    text slips through and takes a fifth of the time; 0 looks at everything. Else as for :func:`masked`.
    """
    _, own = _tables(keep, signed)
    looked_at = b"".join([pixels[start : start + row] for start in range(0, len(pixels), _ROWS * row)]) if row else bytes(pixels)
    return bool(looked_at[_upper(looked_at, little)].translate(None, own))


def fits(value: int, keep: int, *, signed: bool) -> bool:
    """Say whether a 16-bit word (given unsigned) stays the same when it is masked."""
    return value == (value & 0xFF) | _tables(keep, signed)[0][value >> 8] << 8


def _upper(chunk: bytes | memoryview, little: bool) -> slice:
    if len(chunk) % 2:
        raise ValueError("a chunk of 16-bit pixels has an even number of bytes")
    return slice(1 if little else 0, None, 2)


@lru_cache(maxsize=16)
def _tables(keep: int, signed: bool) -> tuple[bytes, bytes]:
    """What each upper byte becomes, and the upper bytes that hold nothing of their own above HighBit."""
    bits = keep.bit_length()
    if not FEWEST_BITS <= bits <= MOST_BITS or keep != (1 << bits) - 1:
        raise ValueError(f"pixels of {bits} bits in 16 cannot be masked")
    own, sign = keep >> 8, (keep >> 8) + 1 >> 1
    table = bytes(byte & own | (0xFF & ~own if signed and byte & sign else 0) for byte in range(256))
    harmless = bytes(byte for byte in range(256) if not byte & ~own or table[byte] == byte)
    return table, harmless
