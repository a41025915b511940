"""No segment of compressed pixels, and no place around them, carries a word out.

What encoders write passes bit by bit.
"""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import RLELossless

from fidac_node.deidentify.pixels.codestream import FAMILIES, JPEG, JPEG_2000, JPEG_LS, RLE, blank_comments
from fidac_node.errors import Permanent
from tests.unit.deidentify import build
from tests.unit.deidentify.pixels.test_codestream import (
    BODY,
    COD,
    FRAME,
    FRAME_LS,
    JFIF,
    PIXELS,
    QCD,
    SCAN,
    SCAN_LS,
    SECRET,
    SIZ,
    TABLES,
    comment,
    jpeg,
    jpeg_2000,
    jpeg_ls,
    rle,
    segment,
    tile_part,
)

LOSSY = segment(0xC0, struct.pack(">BHHB", 8, 4, 4, 1) + b"\1\x11\0")
QUANTIZATION = segment(0xDB, b"\0" + bytes(range(1, 65)))
AC = segment(0xC4, b"\x10\0\2" + bytes(14) + b"\0\1")
SCAN_LOSSY = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x12\x34"
PRESET = segment(0xF8, b"\1" + struct.pack(">5H", 0xFFFF, 18, 67, 276, 64))
HT = segment(0x50, b"\0\2\0\0\0\x22")
SIZ_HT = SIZ.replace(b"\xff\x51\0\x29\0\0", b"\xff\x51\0\x29\x40\0")
COD_HT = COD[:-2] + b"\x40\1"


def lossy(*extra: bytes, tables: bytes = QUANTIZATION + AC, frame: bytes = LOSSY, scans: bytes = SCAN_LOSSY) -> bytes:
    return b"\xff\xd8" + JFIF + tables + frame + b"".join(extra) + scans + b"\xff\xd9"


def j2k(*segments: bytes, siz: bytes = SIZ, parts: bytes | None = None) -> bytes:
    return b"\xff\x4f" + siz + b"".join(segments) + (tile_part() if parts is None else parts) + b"\xff\xd9"


def after(data: bytes, family: str) -> bytes | None:
    """What is left of a frame; None if it is held."""
    whole = bytearray(data)
    try:
        blank_comments(whole, family, PIXELS)
    except Permanent as held:
        code, reason = held.code, str(held)
    else:
        code = reason = ""
    if code:
        assert code == "pixel-risk" and "decompress the study at the PACS" in reason and "QUEN" not in reason
        return None
    assert len(whole) == len(data)
    return bytes(whole)


VALID = {
    "JPEG: one scan, quantization and AC table": (JPEG, lossy()),
    "JPEG: quantization of 16 bits": (JPEG, lossy(tables=segment(0xDB, b"\x10" + struct.pack(">64H", *range(1, 65))))),
    "JPEG: two tables in one segment": (
        JPEG,
        lossy(
            tables=segment(0xDB, b"\0" + bytes(range(1, 65)) + b"\1" + bytes(range(1, 65))),
            frame=segment(0xC0, struct.pack(">BHHB", 8, 4, 4, 2) + b"\1\x11\0\2\x11\1"),
            scans=segment(0xDA, b"\2\1\0\2\0\0\x3f\0") + b"\x12",
        ),
    ),
    "JPEG: progressive, each scan with its table": (
        JPEG,
        lossy(
            tables=QUANTIZATION,
            frame=LOSSY.replace(b"\xff\xc0", b"\xff\xc2"),
            scans=segment(0xDA, b"\1\1\0\0\0\1")
            + b"\x12"
            + AC
            + segment(0xDA, b"\1\1\0\1\x3f\0")
            + b"\x12"
            + segment(0xDA, b"\1\1\0\0\0\x10")
            + b"\x12",
        ),
    ),
    "JPEG: Adobe's colour transform": (JPEG, jpeg(segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"))),
    "JPEG-LS: preset parameters": (JPEG_LS, jpeg_ls(PRESET)),
    "JPEG-LS: default parameters by name": (JPEG_LS, jpeg_ls(segment(0xF8, b"\1" + bytes(10)))),
    "JPEG-LS: colour transform": (JPEG_LS, jpeg_ls(segment(0xE8, b"mrfx\1"))),
    "JPEG-LS: restart interval of 32 bits": (JPEG_LS, jpeg_ls(segment(0xDD, b"\0\0\0\4"))),
    "JPEG-LS: near-lossless": (JPEG_LS, jpeg_ls().replace(b"\1\1\0\0\0\0", b"\1\1\0\3\0\0")),
    "JPEG 2000: quantization derived": (JPEG_2000, j2k(COD, segment(0x5C, b"\x41\x6e\x1e"))),
    "JPEG 2000: quantization of each subband": (JPEG_2000, j2k(COD, segment(0x5C, b"\x42" + b"\x6e\x1e" * 4))),
    "JPEG 2000: precincts": (JPEG_2000, j2k(segment(0x52, b"\1\0\0\1\0\1\4\4\0\1\x77\x88"), QCD)),
    "JPEG 2000: SOP and EPH": (
        JPEG_2000,
        j2k(
            segment(0x52, b"\6\0\0\1\0\1\4\4\0\1"),
            QCD,
            parts=tile_part(body=b"\xff\x91\0\4\0\0" + BODY[:1] + b"\xff\x92" + BODY[1:]),
        ),
    ),
    "JPEG 2000: quantization before coding": (JPEG_2000, j2k(QCD, COD)),
    "JPEG 2000: component coding": (
        JPEG_2000,
        j2k(COD, QCD, segment(0x53, b"\0\0\2\4\4\0\1"), segment(0x5D, b"\0\x40" + b"\x88" * 7)),
    ),
    "JPEG 2000: region of interest and order": (
        JPEG_2000,
        j2k(COD, QCD, segment(0x5E, b"\0\0\7"), segment(0x5F, b"\0\0\0\1\2\1\2")),
    ),
    "JPEG 2000: tile-part lengths": (JPEG_2000, j2k(COD, QCD, segment(0x55, b"\0\x40" + struct.pack(">L", 18)))),
    "JPEG 2000: tile-part lengths with tiles": (
        JPEG_2000,
        j2k(COD, QCD, segment(0x55, b"\0\x10\0\0\x12\0\0\x12"), parts=tile_part() + tile_part(part=1)),
    ),
    "JPEG 2000: packet lengths": (JPEG_2000, j2k(COD, QCD, parts=tile_part(segment(0x58, b"\0\3\1")))),
    "JPEG 2000: packet lengths of two bytes": (
        JPEG_2000,
        j2k(COD, QCD, parts=tile_part(segment(0x58, b"\0\x81\x01\1"), body=bytes(130))),
    ),
    "JPEG 2000: registration": (JPEG_2000, j2k(COD, QCD, segment(0x63, bytes(4)))),
    "HTJ2K": (JPEG_2000, j2k(HT, COD_HT, QCD, siz=SIZ_HT)),
}


@pytest.mark.parametrize("name", VALID)
def test_a_codestream_as_the_standard_says_keeps_every_byte(name: str) -> None:
    family, data = VALID[name]
    assert after(data, family) == data


NO_DECODER_NEEDS = [
    *(
        (JPEG, marker)
        for marker in (0x02, 0x4F, 0xBF, 0xC5, 0xC8, 0xC9, 0xCC, 0xD8, 0xDC, 0xDE, 0xDF, 0xF0, 0xF7, 0xF8, 0xFD)
    ),
    *((JPEG_LS, marker) for marker in (0x02, 0xBF, 0xC0, 0xC4, 0xDB, 0xDC, 0xF0, 0xF9, 0xFD)),
    *(
        (JPEG_2000, marker)
        for marker in (0x30, 0x3F, 0x4F, 0x54, 0x56, 0x57, 0x58, 0x59, 0x60, 0x61, 0x65, 0x74, 0x76, 0x91, 0xFE)
    ),
]


@pytest.mark.parametrize(("family", "marker"), NO_DECODER_NEEDS)
def test_a_segment_that_no_decoder_needs_is_held_by_its_marker(family: str, marker: int) -> None:
    data = {JPEG: jpeg, JPEG_LS: jpeg_ls, JPEG_2000: jpeg_2000}[family](segment(marker, SECRET))
    with pytest.raises(Permanent, match=f"marker FF{marker:02X}.*could hide text"):
        blank_comments(bytearray(data), family, PIXELS)


HELD = {
    "JPEG: after a quantization table": (JPEG, lossy(tables=segment(0xDB, b"\0" + bytes(range(1, 65)) + SECRET))),
    "JPEG: a quantization table that is not used": (JPEG, lossy(segment(0xDB, b"\1" + SECRET.ljust(64, b"\1")))),
    "JPEG: a quantization table in a lossless image": (JPEG, jpeg(segment(0xDB, b"\0" + SECRET.ljust(64, b"\1")))),
    "JPEG: a quantization table twice": (JPEG, lossy(QUANTIZATION)),
    "JPEG: a quantization by zero": (JPEG, lossy(tables=segment(0xDB, b"\0" + SECRET + bytes(54)))),
    "JPEG: after a Huffman table": (JPEG, jpeg(segment(0xC4, b"\0\0\2" + bytes(14) + b"\0\1" + SECRET))),
    "JPEG: symbols of a DC table": (JPEG, jpeg(segment(0xC4, b"\0\0\0\0\5" + bytes(12) + b"MARTI"))),
    "JPEG: a symbol twice": (
        JPEG,
        lossy(tables=QUANTIZATION + segment(0xC4, b"\x10\0\0\0\0\0\x0a" + bytes(10) + SECRET)),
    ),
    "JPEG: more codes than there are": (JPEG, jpeg(segment(0xC4, b"\0\3" + bytes(15) + b"\0\1\2"))),
    "JPEG: an AC table that is not used": (JPEG, lossy(segment(0xC4, b"\x11\0\0\0\6" + bytes(12) + b"MARTIN"))),
    "JPEG: an AC table in a lossless image": (JPEG, jpeg(segment(0xC4, b"\x10\0\0\0\6" + bytes(12) + b"MARTIN"))),
    "JPEG: a table after the picture": (JPEG, lossy()[:-2] + AC + b"\xff\xd9"),
    "JPEG: a restart interval with more": (JPEG, lossy(segment(0xDD, b"\0\0" + SECRET))),
    "JPEG: a restart interval twice": (JPEG, jpeg(segment(0xDD, b"QU"))),
    "JPEG: a restart interval after the picture": (JPEG, lossy()[:-2] + segment(0xDD, b"QU") + b"\xff\xd9"),
    "JPEG: restart markers that were not said": (JPEG, jpeg().replace(segment(0xDD, b"\0\4"), b"")),
    "JPEG: restart markers out of order": (JPEG, jpeg().replace(b"\xff\xd1", b"\xff\xd5")),
    "JPEG: after the frame header": (JPEG, jpeg().replace(FRAME, segment(0xC3, FRAME[4:] + SECRET))),
    "JPEG: two frame headers": (JPEG, jpeg(FRAME)),
    "JPEG: components of one name": (
        JPEG,
        jpeg().replace(FRAME, segment(0xC3, struct.pack(">BHHB", 16, 4, 4, 2) + b"\1\x11\0\1\x11\0")),
    ),
    "JPEG: a precision that does not exist": (JPEG, jpeg().replace(FRAME, FRAME.replace(b"\x10\0\4", b"\x51\0\4"))),
    "JPEG: after the scan header": (JPEG, lossy(scans=segment(0xDA, b"\1\1\0\0\x3f\0" + SECRET) + b"\x12")),
    "JPEG: a second scan of the same": (JPEG, jpeg()[:-2] + SCAN + SECRET + b"\xff\xd9"),
    "JPEG: a scan of a component that is not there": (JPEG, jpeg().replace(b"\1\1\0\1\0\0", b"\1Q\0\1\0\0")),
    "JPEG: a predictor that does not exist": (JPEG, jpeg().replace(b"\1\1\0\1\0\0", b"\1\1\0Q\0\0")),
    "JPEG: no scan": (JPEG, b"\xff\xd8" + FRAME + b"\xff\xd9"),
    "JPEG: between segments": (JPEG, jpeg().replace(FRAME, SECRET + FRAME)),
    "JPEG: before the start": (JPEG, SECRET + jpeg()),
    "JPEG-LS: LSE that is not preset parameters": (JPEG_LS, jpeg_ls(segment(0xF8, b"\x09" + SECRET))),
    "JPEG-LS: a palette": (JPEG_LS, jpeg_ls(segment(0xF8, b"\x02\1\1" + SECRET))),
    "JPEG-LS: after preset parameters": (JPEG_LS, jpeg_ls(PRESET[:1] + segment(0xF8, PRESET[4:] + SECRET)[1:])),
    "JPEG-LS: words as preset parameters": (JPEG_LS, jpeg_ls(segment(0xF8, b"\1" + SECRET))),
    "JPEG-LS: preset parameters twice": (JPEG_LS, jpeg_ls(PRESET, PRESET)),
    "JPEG-LS: preset parameters after the picture": (JPEG_LS, jpeg_ls()[:-2] + PRESET + b"\xff\xd9"),
    "JPEG-LS: a mapping table": (JPEG_LS, jpeg_ls().replace(b"\1\1\0\0\0\0", b"\1\1\1\0\0\0")),
    "JPEG-LS: two frame headers": (JPEG_LS, jpeg_ls(FRAME_LS)),
    "JPEG-LS: a second scan of the same": (JPEG_LS, jpeg_ls()[:-2] + SCAN_LS + SECRET + b"\xff\xd9"),
    "JPEG 2000: after the size": (JPEG_2000, j2k(COD, QCD, siz=segment(0x51, SIZ[4:] + SECRET))),
    "JPEG 2000: an image offset": (JPEG_2000, j2k(COD, QCD, siz=SIZ[:14] + b"\0\0QU" + SIZ[18:])),
    "JPEG 2000: a tile larger than any image": (JPEG_2000, j2k(COD, QCD, siz=SIZ[:22] + b"QUEN" + SIZ[26:])),
    "JPEG 2000: two sizes": (JPEG_2000, j2k(SIZ, COD, QCD)),
    "JPEG 2000: after the coding style": (JPEG_2000, j2k(segment(0x52, COD[4:] + SECRET), QCD)),
    "JPEG 2000: a coding style twice": (JPEG_2000, j2k(COD, COD, QCD)),
    "JPEG 2000: a coding style that does not exist": (JPEG_2000, j2k(COD.replace(b"\4\4", b"QU"), QCD)),
    "JPEG 2000: a coding style in a later tile-part": (
        JPEG_2000,
        j2k(COD, QCD, parts=tile_part() + tile_part(COD, part=1)),
    ),
    "JPEG 2000: after the quantization": (JPEG_2000, j2k(COD, segment(0x5C, QCD[4:] + SECRET))),
    "JPEG 2000: exponents with more": (JPEG_2000, j2k(COD, segment(0x5C, b"\x40QUEN"))),
    "JPEG 2000: after a derived quantization": (JPEG_2000, j2k(COD, segment(0x5C, b"\x41\x6e\x1e" + SECRET))),
    "JPEG 2000: a component that is not there": (JPEG_2000, j2k(COD, QCD, segment(0x5D, b"Q" + QCD[4:]))),
    "JPEG 2000: after the region of interest": (JPEG_2000, j2k(COD, QCD, segment(0x5E, b"\0\0\7" + SECRET))),
    "JPEG 2000: an order of words": (JPEG_2000, j2k(COD, QCD, segment(0x5F, b"QUENOUI"))),
    "JPEG 2000: tile-part lengths that are none": (JPEG_2000, j2k(COD, QCD, segment(0x55, b"\0\x40QUEN"))),
    "JPEG 2000: tile-part lengths for more": (
        JPEG_2000,
        j2k(COD, QCD, segment(0x55, b"\0\x40" + struct.pack(">L", 18) + b"QUEN")),
    ),
    "JPEG 2000: packet lengths that are none": (
        JPEG_2000,
        j2k(COD, QCD, parts=tile_part(segment(0x58, b"\0" + SECRET))),
    ),
    "JPEG 2000: packet lengths without an end": (JPEG_2000, j2k(COD, QCD, parts=tile_part(segment(0x58, b"\0\4\x81")))),
    "JPEG 2000: packet lengths with leading nothing": (
        JPEG_2000,
        j2k(COD, QCD, parts=tile_part(segment(0x58, b"\0\x80\4"))),
    ),
    "JPEG 2000: after the registration": (JPEG_2000, j2k(COD, QCD, segment(0x63, bytes(4) + SECRET))),
    "JPEG 2000: capabilities of an image without": (JPEG_2000, j2k(HT, COD, QCD)),
    "HTJ2K without its capabilities": (JPEG_2000, j2k(COD_HT, QCD, siz=SIZ_HT)),
    "HTJ2K: after the capabilities": (JPEG_2000, j2k(segment(0x50, HT[4:] + SECRET), COD_HT, QCD, siz=SIZ_HT)),
    "HTJ2K: capabilities of other parts": (
        JPEG_2000,
        j2k(segment(0x50, SECRET[:4] + b"\0\x22"), COD_HT, QCD, siz=SIZ_HT),
    ),
    "HTJ2K: capabilities that mean nothing": (JPEG_2000, j2k(segment(0x50, b"\0\2\0\0QU"), COD_HT, QCD, siz=SIZ_HT)),
    "JPEG 2000: tile-parts out of order": (JPEG_2000, j2k(COD, QCD, parts=tile_part(part=1) + tile_part())),
    "JPEG 2000: after the start of a tile-part": (
        JPEG_2000,
        j2k(COD, QCD, parts=b"\xff\x90" + struct.pack(">HHLBB", 20, 0, 0, 0, 1) + SECRET + b"\xff\x93" + BODY),
    ),
    "JPEG 2000: between tile-parts": (JPEG_2000, j2k(COD, QCD, parts=tile_part() + SECRET + tile_part(part=1))),
    "JPEG 2000: no tile-part": (JPEG_2000, j2k(COD, QCD, parts=b"")),
    "JPEG 2000: in boxes": (
        JPEG_2000,
        b"\0\0\0\x0cjP  \r\n\x87\n" + struct.pack(">L", 8 + len(SECRET)) + b"xml " + SECRET + j2k(COD, QCD),
    ),
    "RLE: before the first segment": (RLE, rle(before=SECRET)),
    "RLE: between segments": (RLE, rle(between=SECRET)),
    "RLE: after the last segment": (RLE, rle(after=SECRET)),
    "RLE: a run beyond the image": (RLE, rle(after=b"\x09" + SECRET)),
    "RLE: no segment": (RLE, rle(segments=0)),
    "RLE: sixteen segments": (RLE, struct.pack("<16L", 16, *range(64, 79)) + bytes(60)),
    "RLE: segments out of order": (RLE, struct.pack("<3L", 2, 64, 64).ljust(64, b"\0") + b"\x0f" + bytes(16)),
    "RLE: fewer bytes than pixels": (RLE, rle(segments=1)[:-2]),
    "RLE: a segment beyond the data": (RLE, struct.pack("<3L", 2, 64, 900).ljust(64, b"\0") + b"\x0f" + bytes(16)),
    "RLE: half a header": (RLE, SECRET),
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_what_is_not_as_the_standard_says_is_held(name: str) -> None:
    family, data = HELD[name]
    assert after(data, family) is None


BLANKED = {
    "JPEG: density": (
        JPEG,
        b"\xff\xd8" + JFIF.replace(b"\0\1\0\1\0\0", b"QUEN\0\0") + TABLES + FRAME + SCAN + b"\xff\xd9",
        b"QUEN",
    ),
    "JPEG: a second JFIF": (JPEG, jpeg(JFIF.replace(b"\0\1\0\1\0\0", b"\x0aQ\x0aQ\0\0")), b"\x0aQ"),
    "JPEG: flags of Adobe": (JPEG, jpeg(segment(0xEE, b"Adobe\0\x64QUEN\1")), b"QUEN"),
    "JPEG: JFIF after the picture": (
        JPEG,
        lossy()[:-2] + JFIF.replace(b"\0\1\0\1\0\0", b"\x0aQ\x0aQ\0\0") + b"\xff\xd9",
        b"\x0aQ",
    ),
    "JPEG 2000: a number as a version": (JPEG_2000, jpeg_2000(comment(b"Kakadu-v0639981247")), b"0639981247"),
    "JPEG 2000: a date as a version": (JPEG_2000, jpeg_2000(comment(b"Kakadu-v14.07.61")), b"14.07.61"),
    "JPEG 2000: a second codec": (
        JPEG_2000,
        jpeg_2000(comment(b"Kakadu-v7.9.1"), comment(b"Kakadu-v6.39.8")),
        b"6.39.8",
    ),
    "JPEG 2000: registration of a comment": (JPEG_2000, jpeg_2000(segment(0x64, b"QU")), b"QU"),
    "JPEG 2000: registration of the components": (JPEG_2000, jpeg_2000(segment(0x63, b"QUEN")), b"QUEN"),
    "JPEG 2000: half an end marker": (JPEG_2000, jpeg_2000()[:-2] + b"Z", b"Z"),
    "RLE: offsets that are not used": (RLE, rle(unused=SECRET), SECRET),
    "RLE: padding": (RLE, rle(between=b"Q", after=b"Q"), b"Q"),
}


@pytest.mark.parametrize("name", BLANKED)
def test_what_no_decoder_reads_is_blanked(name: str) -> None:
    family, data, gone = BLANKED[name]
    left = after(data, family)
    assert left is not None and gone in data and gone not in left
    assert all(new in (old, 0) for old, new in zip(data, left, strict=True))


def boundaries(data: bytes, family: str) -> list[int]:
    """The places between segments, and those around the whole."""
    if family == RLE:
        return [0, 4, 12, 60, 64, 64 + 12, len(data)]
    found, position = [0], 2
    while data[position : position + 2] != b"\xff\xd9":
        found.append(position)
        marker = data[position + 1]
        position += 2 if marker == 0x93 else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in (0x93, 0xDA):
            position = data.index(b"\xff\xd9", position)
    return [*found, position, position + 2]


BASES = [
    (JPEG, jpeg()),
    (JPEG, lossy()),
    (JPEG_LS, jpeg_ls(PRESET)),
    (JPEG_2000, j2k(COD, QCD)),
    (JPEG_2000, j2k(HT, COD_HT, QCD, siz=SIZ_HT)),
]
# A quantization table that counts from 1 to 64 says 01234567 itself.
WORDS = (
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=8, max_size=40)
    .map(str.encode)
    .filter(lambda words: not any(words in data for _, data in BASES))
)


@given(
    st.sampled_from(BASES),
    st.integers(0, 255),
    WORDS,
    st.binary(max_size=4),
    st.sampled_from([b"", b"\xff"]),
    st.data(),
)
def test_a_segment_with_words_anywhere_is_held_or_loses_them(
    base: tuple[str, bytes], marker: int, words: bytes, prefix: bytes, fill: bytes, draw: st.DataObject
) -> None:
    family, data = base
    place = draw.draw(st.sampled_from(boundaries(data, family)))
    if data[place : place + 2] == b"\xff\xd9" and family != JPEG_2000:
        # There, stuffing and restart markers are entropy-coded data, which cannot be told from words.
        assume(marker >= (0x80 if family == JPEG_LS else 1) and marker not in (*range(0xD0, 0xD8), 0xFF))
    left = after(data[:place] + fill + segment(marker, prefix + words) + data[place:], family)
    assert left is None or words not in left


@given(st.sampled_from([*BASES, (RLE, rle())]), WORDS, st.data())
def test_words_between_segments_are_held_or_gone(base: tuple[str, bytes], words: bytes, draw: st.DataObject) -> None:
    family, data = base
    place = draw.draw(st.sampled_from(boundaries(data, family)))
    assume(
        family in (RLE, JPEG_2000) or data[place : place + 2] != b"\xff\xd9"
    )  # before the end marker it is entropy-coded data
    left = after(data[:place] + words + data[place:], family)
    assert left is None or words not in left


@given(st.sampled_from(BASES), WORDS, st.data())
def test_words_at_the_end_of_a_segment_are_held_or_gone(
    base: tuple[str, bytes], words: bytes, draw: st.DataObject
) -> None:
    family, data = base
    places = [place for place in boundaries(data, family)[1:-2] if data[place + 1] != 0x93]
    place = draw.draw(st.sampled_from(places))
    length = int.from_bytes(data[place + 2 : place + 4], "big")
    longer = data[: place + 2] + struct.pack(">H", length + len(words)) + data[place + 4 : place + 2 + length] + words
    left = after(longer + data[place + 2 + length :], family)
    assert left is None or words not in left


@given(st.sampled_from([*BASES, (RLE, rle())]), st.integers(0, 200), st.binary(max_size=6), st.integers(0, 6))
def test_no_damage_breaks_the_walk(base: tuple[str, bytes], place: int, new: bytes, cut: int) -> None:
    family, data = base
    place %= len(data)
    left = after(data[:place] + new + data[place + cut :], family)
    assert left is None or len(left) == len(data[:place] + new + data[place + cut :])


def frames(path: Path) -> list[tuple[str, bytes, int]]:
    ds = dcmread(path)
    syntax = ds.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return []
    count = int(ds.get("NumberOfFrames", 1) or 1)
    return [
        (FAMILIES[syntax], frame, ds.Rows * ds.Columns)
        for frame in generate_frames(ds.PixelData, number_of_frames=count)
    ]


def unchanged(family: str, frame: bytes, pixels: int) -> bool:
    whole = bytearray(frame)
    blank_comments(whole, family, pixels)
    return whole == frame


def test_real_codestreams_keep_every_byte(shared_data: Callable[[str], Path]) -> None:
    found = [one for path in sorted(shared_data("ge_chest_15_syntaxes").iterdir()) for one in frames(path)]
    assert {family for family, _, _ in found} == {JPEG, JPEG_LS, JPEG_2000, RLE} and len(found) == 11
    assert all(unchanged(*one) for one in found)


def shaded(path: Path, bits: int) -> Path:
    """An image that has something to code: 48 x 40 pixels, a slope with noise."""
    values = [
        (row * 37 + column * column * 11 + (row * column) % 7) % (1 << bits)
        for row in range(48)
        for column in range(40)
    ]
    ds = build.ct(Rows=48, Columns=40, BitsStored=bits, HighBit=bits - 1)
    ds["PixelData"].value = struct.pack(f"<{len(values)}H", *values)
    return build.write(path, ds)


DCMTK = [
    *(
        ("dcmcjpeg", *options)
        for options in (("+e1",), ("+el", "+sv", "6"), ("+ee",), ("+es",), ("+ep",), ("+ep", "+ho"))
    ),
    *(
        ("dcmcjpls", *options)
        for options in (("+el",), ("+en", "+md", "4"), ("+el", "+t1", "9", "+t2", "20", "+t3", "60"))
    ),
    ("dcmcrle",),
]


@pytest.mark.interop("dcmcjpeg", "dcmcjpls", "dcmcrle")
@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("command", DCMTK, ids=" ".join)
def test_what_dcmtk_compresses_keeps_every_byte(tmp_path: Path, command: tuple[str, ...], bits: int) -> None:
    source, target = shaded(tmp_path / "a.dcm", bits), tmp_path / "b.dcm"
    subprocess.run([*command, str(source), str(target)], check=True, capture_output=True)
    found = frames(target)
    assert found and all(unchanged(*one) for one in found)


def test_what_pydicom_compresses_keeps_every_byte(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    ds = dcmread(shaded(tmp_path / "a.dcm", 12))
    ds.compress(RLELossless, encoding_plugin="pydicom")
    ds.save_as(tmp_path / "b.dcm")
    found = frames(tmp_path / "b.dcm")
    assert found and all(unchanged(*one) for one in found)


JPEG_OPTIONS: list[dict[str, Any]] = [{}, {"progressive": True}, {"optimize": True}, {"dpi": (300, 300)}]
RESTART_OPTIONS: list[dict[str, Any]] = [{"restart_marker_blocks": 3}, {"restart_marker_rows": 1, "progressive": True}]
JPEG_2000_OPTIONS: list[dict[str, Any]] = [
    {},
    {"tile_size": (16, 24)},
    {"plt": True},
    {"plt": True, "tile_size": (16, 24), "quality_layers": [20, 5, 1]},
    {"progression": "RPCL", "num_resolutions": 3, "precinct_size": (64, 64)},
    {"irreversible": True, "quality_layers": [9]},
]
PILLOW = [
    *(("JPEG", mode, options) for mode in ("L", "RGB", "CMYK") for options in JPEG_OPTIONS),
    *(("JPEG", "L", options) for options in RESTART_OPTIONS),
    *(("JPEG2000", mode, {"no_jp2": True} | options) for mode in ("L", "I;16", "RGB") for options in JPEG_2000_OPTIONS),
]


@pytest.mark.parametrize(("form", "mode", "options"), PILLOW, ids=str)
def test_what_libjpeg_and_openjpeg_write_keeps_every_byte(form: str, mode: str, options: dict[str, Any]) -> None:
    image = pytest.importorskip("PIL.Image")
    size = 2 if mode == "I;16" else len(mode)
    pixels = bytes((number * number // 7 + number * 31) % 251 for number in range(48 * 40 * size))
    target = io.BytesIO()
    image.frombytes(mode, (48, 40), pixels).save(target, form, **options)
    assert unchanged(JPEG if form == "JPEG" else JPEG_2000, target.getvalue(), 48 * 40)
