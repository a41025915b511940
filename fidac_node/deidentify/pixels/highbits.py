"""Bits of 16-bit pixels above HighBit: no part of the image, and room for an overlay (PS3.5 8.1.2, retired).

An overlay is a bitmap of one bit per pixel and may hold text. In native pixels the bits go without
touching the image: each word keeps its BitsStored bits, and what lies above repeats the sign of a signed
value or is zero (PS3.5 8.1.1: they are not part of the Pixel Cell). Only the upper byte of a word can
hold such bits, because what has 8 bits or less is held; so one table of 256 bytes does all the work.
"""

from __future__ import annotations

import struct
from functools import lru_cache, reduce
from operator import or_
from typing import Final

# BitsStored of pixels that can be masked: the sign and everything above it are in the upper byte.
FEWEST_BITS: Final = 9
MOST_BITS: Final = 15


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


def extended(pixels: bytes, stored: int) -> bytes:
    """Signed 16-bit pixels in little endian, each with the sign of its ``stored`` low bits in all bits above them."""
    import numpy as np

    shift = 16 - stored
    return bytes(((np.frombuffer(pixels, "<i2") << shift) >> shift).tobytes())


def stray(pixels: bytes | memoryview, keep: int, *, signed: bool, little: bool) -> bool:
    """Say whether a pixel has bits above HighBit that are neither zero nor its sign: an overlay that nobody announced.

    Every pixel is looked at. Else as for :func:`masked`. With numpy it takes a thirtieth of the time.
    """
    _tables(keep, signed)  # refuses what cannot be masked
    try:
        import numpy as np
    except ImportError:  # in a browser
        return _stray(pixels, keep, signed=signed, little=little)
    values = np.frombuffer(pixels, ("<" if little else ">") + ("i2" if signed else "u2"))
    if not len(values):
        return False
    if signed:
        lowest, highest = int(values.min()), int(values.max())
        return lowest < -(keep + 1 >> 1) or highest > keep >> 1
    return bool(int(np.bitwise_or.reduce(values)) & ~keep)


def _stray(pixels: bytes | memoryview, keep: int, *, signed: bool, little: bool) -> bool:
    """As :func:`stray`, with the standard library alone."""
    _, own = _tables(keep, signed)
    return bool(bytes(pixels)[_upper(pixels, little)].translate(None, own))


def used(pixels: bytes | memoryview, *, little: bool) -> int:
    """The bits that any of the 16-bit pixels has set."""
    try:
        import numpy as np
    except ImportError:  # in a browser
        return reduce(or_, (word for (word,) in struct.iter_unpack(f"{'<' if little else '>'}H", pixels)), 0)
    return int(np.bitwise_or.reduce(np.frombuffer(pixels, "<u2" if little else ">u2"), initial=0))


def fit(word: int, keep: int, *, signed: bool) -> int:
    """A 16-bit word (given unsigned) as it is when it is masked."""
    return (word & 0xFF) | _tables(keep, signed)[0][word >> 8] << 8


def without(pixels: bytes | memoryview, word: int, *, little: bool) -> bytes:
    """The 16-bit pixels that are not ``word``, in their order."""
    try:
        import numpy as np
    except ImportError:  # in a browser
        values = struct.unpack(f"{'<' if little else '>'}{len(pixels) // 2}H", pixels)
        return struct.pack(
            f"{'<' if little else '>'}{len(values) - values.count(word)}H", *(one for one in values if one != word)
        )
    found = np.frombuffer(pixels, "<u2" if little else ">u2")
    return bytes(found[found != word].tobytes())


def stray_upper(upper: bytes, keep: int, *, signed: bool) -> bool:
    """As :func:`stray`, of the upper bytes of the pixels alone."""
    return bool(upper.translate(None, _tables(keep, signed)[1]))


def fits(value: int, keep: int, *, signed: bool) -> bool:
    """Say whether a 16-bit word (given unsigned) stays the same when it is masked."""
    return value == fit(value, keep, signed=signed)


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
    harmless = bytes(byte for byte in range(256) if table[byte] == byte)
    return table, harmless
