"""Bits above HighBit go, and the pixel values stay."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify import highbits
from fidac_node.uids import EXPLICIT_VR_BE
from tests.unit.deidentify import build

WORDS = st.lists(st.integers(0, 0xFFFF), max_size=40)
BITS = st.integers(highbits.FEWEST_BITS, highbits.MOST_BITS)


def encoded(words: list[int], little: bool) -> bytes:
    return struct.pack(("<" if little else ">") + f"{len(words)}H", *words)


def as_standard(word: int, bits: int, signed: bool) -> int:
    """The word with the value of its low ``bits``, by arithmetic (PS3.5 8.1.1)."""
    value = word % (1 << bits)
    return (value - (1 << bits)) % 0x10000 if signed and value >= 1 << bits - 1 else value


@given(WORDS, BITS, st.booleans(), st.booleans())
def test_a_masked_pixel_has_the_value_of_its_stored_bits(words: list[int], bits: int, signed: bool, little: bool) -> None:
    masked = highbits.masked(encoded(words, little), (1 << bits) - 1, signed=signed, little=little)
    assert masked == encoded([as_standard(word, bits, signed) for word in words], little)


@given(WORDS, BITS, st.booleans(), st.booleans())
def test_pixels_without_stray_bits_stay_as_they_are(words: list[int], bits: int, signed: bool, little: bool) -> None:
    keep = (1 << bits) - 1
    clean = encoded([as_standard(word, bits, signed) for word in words], little)
    assert highbits.masked(clean, keep, signed=signed, little=little) == clean
    assert not highbits.stray(clean, keep, signed=signed, little=little)


@given(WORDS, BITS, st.booleans(), st.booleans())
def test_stray_bits_are_found_wherever_they_are(words: list[int], bits: int, signed: bool, little: bool) -> None:
    expected = any(word != as_standard(word, bits, signed) for word in words)
    assert highbits.stray(encoded(words, little), (1 << bits) - 1, signed=signed, little=little) == expected
    assert highbits._stray(encoded(words, little), (1 << bits) - 1, signed=signed, little=little) == expected
    assert [highbits.fits(word, (1 << bits) - 1, signed=signed) for word in words] == [
        word == as_standard(word, bits, signed) for word in words
    ]


@pytest.mark.parametrize("keep", [0, 0xFF, 0xFFFF, 0xFFE, 0x1FFFF])
def test_a_mask_that_is_not_9_to_15_low_bits_is_refused(keep: int) -> None:
    with pytest.raises(ValueError, match="cannot be masked"):
        highbits.masked(bytes(4), keep, signed=False, little=True)


def test_half_a_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="even number"):
        highbits.masked(bytes(3), 0xFFF, signed=False, little=True)


@pytest.mark.parametrize("syntax", build.SYNTAXES)
@pytest.mark.parametrize("signed", [False, True])
def test_an_overlay_in_the_pixels_does_not_leave_the_site(tmp_path: Path, syntax: str, signed: bool) -> None:
    overlay = [0x1000 * (number % 3 == 0) for number in range(16)]
    values = [(number * 301) % 0x1000 for number in range(16)]
    ds = build.ct(PixelRepresentation=int(signed))
    for number, value in ((0x0010, 4), (0x0011, 4), (0x0100, 16), (0x0102, 12)):
        ds.add_new(0x60000000 | number, "US", value)
    order: Literal["big", "little"] = "big" if syntax == EXPLICIT_VR_BE else "little"
    ds.PixelData = b"".join((value | bit).to_bytes(2, order) for value, bit in zip(values, overlay, strict=True))
    encoded, _ = build.run(build.write(tmp_path / "a.dcm", ds, syntax))
    out = build.read(encoded)
    words = [int.from_bytes(out.PixelData[start : start + 2], order) for start in range(0, 32, 2)]
    assert words == [as_standard(value, 12, signed) for value in values]
    assert not [element for element in out if element.tag.group == 0x6000]
