"""What pixels carry that no viewer shows: bitmaps in unused bits, words in margins, bytes in tables."""

from __future__ import annotations

import struct
from collections.abc import Callable

from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.deid_encoding import syntax_of
from tests.deid_identities import fold
from tests.deid_kinds.pictures import items_of, jpeg_2000, rle
from tests.deid_kinds.register import KINDS, NATIVE, Kind, carrier
from tests.deid_slices import Slice, packed, tag_of

SIDE = 64
RLE = "1.2.840.10008.1.2.5"


def _picture(one: Slice, *, stored: int = 12, signed: bool = False) -> list[int]:
    """An image of 64 x 64 pixels with air around it; returns them, without what is above BitsStored."""
    one.put("Rows", (SIDE,), "kept")
    one.put("Columns", (SIDE,), "kept")
    one.put("BitsStored", (stored,), "kept")
    one.put("HighBit", (stored - 1,), "kept")
    one.put("PixelRepresentation", (int(signed),), "kept")
    for keyword in ("PixelPaddingValue", "SmallestImagePixelValue"):
        del one.elements[tag_of(keyword)]
    center = SIDE // 2
    inside = {
        (x, y) for x in range(SIDE) for y in range(SIDE) if (x - center) ** 2 + (y - center) ** 2 < (center - 4) ** 2
    }
    return [(7 * x + 13 * y) % 1800 + 100 if (x, y) in inside else 24 for y in range(SIDE) for x in range(SIDE)]


def _bitmap(one: Slice, signed: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Pixels with a bitmap in the four bits above BitsStored, in every row, and without."""
    pixels = _picture(one, signed=signed)
    # A negative value repeats its sign above BitsStored.
    pixels = [(pixel - 1024) & 0xFFFF for pixel in pixels] if signed else pixels
    drawn = tuple(pixel ^ (0x1000 << n % 4) if n % 3 else pixel for n, pixel in enumerate(pixels))
    return drawn, tuple(pixels)


def _stray(signed: bool) -> Kind:
    def kind(one: Slice) -> None:
        drawn, plain = _bitmap(one, signed)
        one.pixels, one.pixels_after = packed(drawn, one.syntax), packed(plain, one.syntax)

    return kind


KINDS["stray_bits_unsigned"] = (_stray(signed=False), NATIVE)
KINDS["stray_bits_signed"] = (_stray(signed=True), NATIVE)


def _high_bit_15(*, drawn: bool) -> Kind:
    """HighBit says that the pixels begin at bit 4: where a bitmap is above the stored bits, held."""

    def kind(one: Slice) -> None:
        with_bitmap, plain = _bitmap(one, signed=False)
        one.put("HighBit", (15,), "any")
        one.want = "held" if drawn else "delivered"
        one.pixels = one.pixels_after = packed(with_bitmap if drawn else plain, one.syntax)

    return kind


KINDS["high_bit_15_and_stray_bits"] = (_high_bit_15(drawn=True), NATIVE)
KINDS["high_bit_15"] = (_high_bit_15(drawn=False), NATIVE)


@carrier(RLE)
def stray_bits_rle(one: Slice) -> None:
    """The same in RLE: the bits cannot be taken out without coding the image anew."""
    drawn, _ = _bitmap(one, signed=False)
    one.want = "held"
    one.pixels = items_of(rle(bytes(pixel >> 8 for pixel in drawn), bytes(pixel & 0xFF for pixel in drawn)))


def _in_words(text: str, order: str) -> bytes:
    return struct.pack(f"{order}{len(text)}H", *map(ord, text))


def _in_bytes(text: str, order: str) -> bytes:
    text += " " * (len(text) % 2)
    encoded = text.encode("ascii")
    return encoded if order == "<" else b"".join(encoded[at : at + 2][::-1] for at in range(0, len(encoded), 2))


def _place(at: int, write: Callable[[str, str], bytes], order: str) -> Kind:
    """A person's name, or number, written as pixels from the pixel ``at`` on."""

    def kind(one: Slice) -> None:
        one.want = "held"
        pixels = bytearray(packed(tuple(_picture(one, stored=16)), one.syntax))
        text = (fold(one.person.family).upper(), one.person.patient_id)[one.person.number % 2]
        word = write(text, order)
        pixels[2 * at : 2 * at + len(word)] = word
        one.pixels = bytes(pixels)

    return kind


_PLACES = {"first_row": 3, "last_row": SIDE * (SIDE - 1) + 5, "constant": SIDE + 40}
for _name, _at in _PLACES.items():
    for _width, _write in (("8", _in_bytes), ("16", _in_words)):
        for _order, _mark in (("little", "<"), ("big", ">")):
            KINDS[f"margin_{_name}_{_width}_{_order}"] = (
                _place(_at, _write, _mark),
                (EXPLICIT_VR_LE, EXPLICIT_VR_BE, IMPLICIT_VR_LE),
            )


# Greek, Cyrillic and Chinese names, and how they are typed without.
TRANSLITERATED = (
    ("Щербаковская^Евгения", "Evgeniya"),
    ("Люксембуржцев^Ярослав", "Yaroslav"),
    ("Διονυσιάδης^Χαράλαμπος", "Dionysiadis"),
    ("欧阳^晓东", "Ouyang"),
    ("诸葛^婉婷", "Wanting"),
)


def _typed(one: Slice, name: str, typed: str) -> None:
    """A patient's name, and how an operator typed it, in the first row."""
    one.want = "held"
    one.charset = one.codec = "utf-8"
    one.put("SpecificCharacterSet", "ISO_IR 192", "is", must="ISO_IR 192")
    one.put("PatientName", name, "pseudonym")
    pixels = bytearray(packed(tuple(_picture(one, stored=16)), one.syntax))
    word = _in_words(typed.upper(), syntax_of(one.syntax).order)
    pixels[6 : 6 + len(word)] = word
    one.pixels = bytes(pixels)


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE)
def margin_latin(one: Slice) -> None:
    """A name of another script in Latin letters."""
    _typed(one, *TRANSLITERATED[(one.person.number + one.study) % len(TRANSLITERATED)])


@carrier(EXPLICIT_VR_LE, IMPLICIT_VR_LE)
def margin_plain(one: Slice) -> None:
    """A name without its accents."""
    _typed(one, "Kérouzémer^Maël", "Kerouzemer")


@carrier(EXPLICIT_VR_LE)
def offsets_without_fragments(one: Slice) -> None:
    """Tables of offsets (PS3.3 C.7.6.3.1.8) beside pixels that have no fragments: words in them, and nothing else."""
    one.put(0x7FE00001, one.secret(8), "gone", vr="OV")
    one.put(0x7FE00002, one.secret(8), "gone", vr="OV")


@carrier("1.2.840.10008.1.2.4.90")
def offsets_of_others(one: Slice) -> None:
    """Tables of offsets that are not those of the fragments."""
    one.pixels = items_of(jpeg_2000())
    one.put(0x7FE00001, one.secret(8), "gone", vr="OV")
    one.put(0x7FE00002, one.secret(8), "gone", vr="OV")


@carrier("1.2.840.10008.1.2.4.90")
def offsets_of_fragments(one: Slice) -> None:
    """Tables of offsets that are."""
    one.pixels = items_of(jpeg_2000())
    one.put(0x7FE00001, struct.pack("<Q", 0), "kept", vr="OV")
    one.put(0x7FE00002, struct.pack("<Q", len(jpeg_2000())), "kept", vr="OV")


@carrier()
def long_luts(one: Slice) -> None:
    """Look-up tables with more, or larger, entries than their descriptors say: what is too much may be text."""
    for keyword, entries in (("VOILUTSequence", 4), ("ModalityLUTSequence", 3)):
        lut = one.item()
        text = packed(tuple(map(ord, one.stranger())), one.syntax)
        lut.put("LUTDescriptor", (entries, 0, 12), "gone", vr="US")
        lut.put("LUTData", packed((1, 2, 3), one.syntax) + text, "gone", vr="US")
        one.put(keyword, [lut], "gone")
    for tag in (0x00281052, 0x00281053, 0x00281054):
        del one.elements[tag]
