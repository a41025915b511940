"""Bits above HighBit go, and the pixel values stay."""

from __future__ import annotations

import struct
import sys
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Literal
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from fidac_node.deidentify.pixels import highbits
from fidac_node.dicom.uids import EXPLICIT_VR_BE
from fidac_node.errors import Permanent
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
def test_a_masked_pixel_has_the_value_of_its_stored_bits(
    words: list[int], bits: int, signed: bool, little: bool
) -> None:
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


@pytest.mark.parametrize("syntax", build.SYNTAXES)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("place", range(16))
def test_bits_above_those_stored_go_from_every_pixel_though_nothing_announces_an_overlay(
    tmp_path: Path, syntax: str, signed: bool, place: int
) -> None:
    """A PACS may have taken group 60xx out and left the bits."""
    values = [(number * 301) % 0x1000 for number in range(16)]
    values = [as_standard(value, 12, signed) ^ 0x4000 * (number == place) for number, value in enumerate(values)]
    order: Literal["big", "little"] = "big" if syntax == EXPLICIT_VR_BE else "little"
    ds = build.ct(PixelRepresentation=int(signed), PixelData=b"".join(value.to_bytes(2, order) for value in values))
    out = build.read(build.run(build.write(tmp_path / "a.dcm", ds, syntax))[0])
    words = [int.from_bytes(out.PixelData[start : start + 2], order) for start in range(0, 32, 2)]
    assert words == [as_standard(value, 12, signed) for value in values]


def compressed(frame: bytes, bits: int) -> Dataset:
    ds = build.ct(Rows=16, Columns=16, BitsStored=bits, HighBit=bits - 1)
    ds["PixelData"].value = encapsulate([frame], has_bot=False)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"])
@pytest.mark.parametrize(("bits", "held"), [(12, True), (15, False), (16, False)])
def test_compressed_pixels_with_bits_above_those_stored_are_held(
    tmp_path: Path, syntax: str, bits: int, held: bool
) -> None:
    codecs, np = pytest.importorskip("imagecodecs"), pytest.importorskip("numpy")
    pixels = np.arange(256, dtype="<u2").reshape(16, 16)
    pixels[7, 7] |= 0x4000
    frame = {
        "1.2.840.10008.1.2.4.70": lambda: codecs.jpeg_encode(pixels, lossless=True, bitspersample=16),
        "1.2.840.10008.1.2.4.80": lambda: codecs.jpegls_encode(pixels),
        "1.2.840.10008.1.2.4.90": lambda: codecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0),
    }[syntax]()
    path = build.write(tmp_path / "a.dcm", compressed(frame, bits), syntax)
    if held:
        with pytest.raises(Permanent, match="compressed pixels use bits above BitsStored") as caught:
            build.run(path)
        assert caught.value.code == "pixel-risk"
    else:
        assert build.traces(build.run(path)[0]) == []


@pytest.mark.parametrize("fragments", [1, 2, 3])
def test_a_name_in_a_plane_of_rle_is_found_in_however_many_fragments(tmp_path: Path, fragments: int) -> None:
    upper, lower = b"\x7f" + bytes(128) + b"\x7f" + bytes(128), b"\x7fQUENOUILLE" + bytes(118) + b"\x7f" + bytes(128)
    frame = struct.pack("<16L", 2, 64, 64 + len(upper), *[0] * 13) + upper + lower
    ds = compressed(frame, 16)
    ds["PixelData"].value = encapsulate([frame], fragments_per_frame=fragments, has_bot=False)
    with pytest.raises(Permanent, match="PixelData") as caught:
        build.run(build.write(tmp_path / "a.dcm", ds, "1.2.840.10008.1.2.5"))
    assert caught.value.code == "leak"


@pytest.mark.parametrize(("stray", "held"), [(0x40, True), (0, False)])
def test_rle_with_bits_above_those_stored_is_held(tmp_path: Path, stray: int, held: bool) -> None:
    plane = b"\x7f" + bytes(128) + b"\x7f" + bytes(127)
    planes = (plane + bytes((stray,)), plane + b"\7")  # the upper bytes come first (PS3.5 G.2)
    frame = struct.pack("<16L", 2, 64, 64 + len(planes[0]), *[0] * 13) + b"".join(planes)
    path = build.write(tmp_path / "a.dcm", compressed(frame, 12), "1.2.840.10008.1.2.5")
    if held:
        with pytest.raises(Permanent, match="compressed pixels use bits above BitsStored"):
            build.run(path)
    else:
        assert build.traces(build.run(path)[0]) == []


ROOM_BELOW = "leaves room below the pixel values"


@pytest.mark.parametrize("syntax", build.SYNTAXES)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("stored", "said"), [(12, 15), (12, 13), (12, None), (16, None), (9, 15)])
def test_a_high_bit_that_can_mean_one_thing_is_written_right(
    tmp_path: Path, syntax: str, signed: bool, stored: int, said: int | None
) -> None:
    words = [as_standard((number * 301) % (1 << stored), stored, signed) for number in range(16)]
    order: Literal["big", "little"] = "big" if syntax == EXPLICIT_VR_BE else "little"
    data = b"".join(value.to_bytes(2, order) for value in words)
    ds = build.ct(BitsStored=stored, HighBit=said, PixelRepresentation=int(signed), PixelData=data)
    out = build.read(build.run(build.write(tmp_path / "a.dcm", ds, syntax))[0])
    assert (out.BitsStored, out.HighBit, out.PixelData) == (stored, stored - 1, data)


@pytest.mark.parametrize("syntax", build.SYNTAXES)
def test_how_the_high_bit_was_written_does_not_show_in_the_output(tmp_path: Path, syntax: str) -> None:
    outputs = {
        build.run(build.write(tmp_path / "a.dcm", build.ct(HighBit=said), syntax))[0] for said in (11, 13, 15, None)
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("syntax", build.SYNTAXES)
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (15, [0x0123, 0x1123]),  # an overlay above
        (None, [0x0123, 0x8123]),
        (15, [0x0120, 0x0FF0]),  # values that begin at bit 4 as well
        (13, [0x0124, 0x0FFC]),
    ],
)
def test_a_high_bit_that_can_mean_two_things_is_held(
    tmp_path: Path, syntax: str, said: int | None, words: list[int]
) -> None:
    order: Literal["big", "little"] = "big" if syntax == EXPLICIT_VR_BE else "little"
    ds = build.ct(HighBit=said, PixelData=b"".join(value.to_bytes(2, order) for value in words) * 8)
    with pytest.raises(Permanent, match=ROOM_BELOW) as caught:
        build.run(build.write(tmp_path / "a.dcm", ds, syntax))
    assert caught.value.code == "pixel-risk"


def test_a_high_bit_that_is_wrong_where_an_overlay_is_above_the_pixels_is_held(tmp_path: Path) -> None:
    ds = build.ct(HighBit=15)
    for number, value in ((0x0010, 4), (0x0011, 4), (0x0100, 16), (0x0102, 12)):
        ds.add_new(0x60000000 | number, "US", value)
    with pytest.raises(Permanent, match=ROOM_BELOW):
        build.run(build.write(tmp_path / "a.dcm", ds))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90"])
@pytest.mark.parametrize(("precision", "held"), [(12, False), (16, True)])
@pytest.mark.parametrize("said", [15, None])
def test_of_compressed_pixels_the_precision_of_the_codestream_tells_the_high_bit(
    tmp_path: Path, syntax: str, precision: int, held: bool, said: int | None
) -> None:
    codecs, np = pytest.importorskip("imagecodecs"), pytest.importorskip("numpy")
    pixels = np.arange(256, dtype="<u2").reshape(16, 16)
    j2k = {"codecformat": "j2k", "reversible": True, "level": 0, "bitspersample": precision}
    frame = {
        "1.2.840.10008.1.2.4.70": lambda: codecs.jpeg_encode(pixels, lossless=True, bitspersample=precision),
        "1.2.840.10008.1.2.4.90": lambda: codecs.jpeg2k_encode(pixels, **j2k),
    }[syntax]()
    ds = compressed(frame, 12)
    if said is None:
        del ds.HighBit
    else:
        ds.HighBit = said
    path = build.write(tmp_path / "a.dcm", ds, syntax)
    if held:
        with pytest.raises(Permanent, match=ROOM_BELOW):
            build.run(path)
    else:
        assert build.read(build.run(path)[0]).HighBit == 11


@given(WORDS, st.booleans())
def test_the_bits_that_any_pixel_has_are_the_same_without_numpy(words: list[int], little: bool) -> None:
    expected = reduce(or_, words, 0)
    assert highbits.used(encoded(words, little), little=little) == expected
    with mock.patch.dict(sys.modules, {"numpy": None}):
        assert highbits.used(encoded(words, little), little=little) == expected


@pytest.mark.parametrize("row", [0, 15])
@pytest.mark.parametrize("charset", ["latin-1", "utf-16-le", "utf-16-be"])
def test_a_name_in_the_first_or_the_last_row_holds_the_object(tmp_path: Path, row: int, charset: str) -> None:
    ds = build.ct(Rows=16, Columns=16, BitsStored=16, HighBit=15)
    pixels = bytearray(512)
    text = "Quenouille".encode(charset)
    pixels[row * 32 + 4 : row * 32 + 4 + len(text)] = text
    ds.PixelData = bytes(pixels)
    with pytest.raises(Permanent) as caught:
        build.run(build.write(tmp_path / "a.dcm", ds))
    assert caught.value.code == "leak" and "PatientName" in str(caught.value) and "uenouille" not in str(caught.value)


@pytest.mark.parametrize(
    ("signed", "padding"), [(False, 63536), (True, 62512)]
)  # -2000 and -3024, as scanners write them in 12 bits
def test_padding_that_the_header_names_may_have_any_bits_and_stays(tmp_path: Path, signed: bool, padding: int) -> None:
    words = [padding if number % 3 else number * 100 for number in range(16)]
    ds = build.ct(PixelRepresentation=int(signed), PixelPaddingValue=padding - 0x10000 if signed else padding)
    ds.PixelData = struct.pack("<16H", *words)
    encoded, _ = build.run(build.write(tmp_path / "a.dcm", ds))
    assert build.read(encoded).PixelData == ds.PixelData
    ds.PixelData = struct.pack("<16H", *words[:-1], 0x8001)
    with pytest.raises(Permanent, match="PixelPaddingValue uses them too"):
        build.run(build.write(tmp_path / "a.dcm", ds))


@pytest.mark.parametrize(("signed", "padding"), [(False, 63536), (True, 62512)])
def test_padding_over_pixels_that_look_alike_below_is_no_hiding_place(
    tmp_path: Path, signed: bool, padding: int
) -> None:
    alike = as_standard(padding, 12, signed)
    ds = build.ct(PixelRepresentation=int(signed), PixelPaddingValue=padding - 0x10000 if signed else padding)
    ds.PixelData = struct.pack("<16H", *(padding if number % 3 else alike for number in range(16)))
    with pytest.raises(Permanent, match="PixelPaddingValue uses them too"):
        build.run(build.write(tmp_path / "a.dcm", ds))


@given(WORDS, st.integers(0, 0xFFFF), st.booleans())
def test_pixels_without_one_value_are_the_others_in_their_order(words: list[int], word: int, little: bool) -> None:
    for one in {word, *words}:
        assert highbits.without(encoded(words, little), one, little=little) == encoded(
            [other for other in words if other != one], little
        )
