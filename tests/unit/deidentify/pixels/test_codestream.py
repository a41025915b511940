"""Compressed pixels keep every bit of the picture and lose every word that is not in it."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate

from fidac_node.deidentify.pixels import codestream
from fidac_node.deidentify.pixels.codestream import FAMILIES, JPEG, JPEG_2000, JPEG_LS, RLE, blank_comments
from fidac_node.errors import Permanent
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, run

JPEG_SYNTAX, JPEG_LS_SYNTAX = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"
J2K_SYNTAX, RLE_SYNTAX = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
SECRET = b"QUENOUILLE"


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
PIXELS = 16
# Lossless Huffman coding of 4 x 4 pixels: two codes of one table, restart after every line.
TABLES = segment(0xC4, b"\0\0\2" + bytes(14) + b"\0\1") + segment(0xDD, b"\0\4")
FRAME = segment(0xC3, struct.pack(">BHHB", 16, 4, 4, 1) + b"\1\x11\0")
SCAN = segment(0xDA, b"\1\1\0\1\0\0") + b"\x12\xff\x00\x34\xff\xd0\x56\xff\xd1\x56"
FRAME_LS = segment(0xF7, struct.pack(">BHHB", 16, 4, 4, 1) + b"\1\x11\0")
SCAN_LS = segment(0xDA, b"\1\1\0\0\0\0") + b"\x12\xff\x7f\x34"
SIZ = segment(0x51, struct.pack(">H8LH", 0, 4, 4, 0, 0, 4, 4, 0, 0, 1) + b"\x0f\1\1")
COD = segment(0x52, b"\0\0\0\1\0\1\4\4\0\1")
QCD = segment(0x5C, b"\x40\x80\x88\x88\x90")
BODY = b"\x12\x34\xff\x7f"


def jpeg(*extra: bytes, tail: bytes = b"") -> bytes:
    return b"\xff\xd8" + JFIF + b"".join(extra) + TABLES + FRAME + SCAN + b"\xff\xd9" + tail


def jpeg_ls(*extra: bytes, tail: bytes = b"") -> bytes:
    return b"\xff\xd8" + FRAME_LS + b"".join(extra) + SCAN_LS + b"\xff\xd9" + tail


def tile_part(*extra: bytes, part_length: bool = True, part: int = 0, body: bytes = BODY) -> bytes:
    body = b"".join(extra) + b"\xff\x93" + body
    return b"\xff\x90" + struct.pack(">HHLBB", 10, 0, 12 + len(body) if part_length else 0, part, 0) + body


def jpeg_2000(*extra: bytes, part_length: bool = True, tile_extra: bytes = b"", tail: bytes = b"") -> bytes:
    head = b"\xff\x4f" + SIZ + COD + QCD + b"".join(extra)
    return head + tile_part(tile_extra, part_length=part_length) + b"\xff\xd9" + tail


def rle(
    *, unused: bytes = b"", before: bytes = b"", between: bytes = b"", after: bytes = b"", segments: int = 2
) -> bytes:
    """Segments of 16 bytes: a literal run of 8, nothing, a replicate run of 8, padding."""
    one = b"\x07" + bytes(range(8)) + b"\x80\xf9\x55"
    first = 64 + len(before)
    offsets = [first + number * (len(one) + len(between)) for number in range(segments)]
    head = struct.pack(f"<{segments + 1}L", segments, *offsets) + unused
    return head.ljust(64, b"\0") + before + between.join([one] * segments) + after


def comment(payload: bytes) -> bytes:
    return segment(0x64, b"\0\1" + payload)


CASES = [
    (JPEG, jpeg(segment(0xFE, SECRET))),
    (JPEG, jpeg(segment(0xE1, b"Exif\0\0" + SECRET))),
    (JPEG, jpeg(segment(0xEE, b"Adobe" + SECRET))),
    (JPEG, b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0" + SECRET) + FRAME + TABLES + SCAN + b"\xff\xd9"),
    (JPEG, jpeg(tail=SECRET)),
    (JPEG, b"\xff\xd8" + TABLES + FRAME + SCAN + segment(0xFE, SECRET) + b"\xff\xff\xd9"),
    (JPEG_LS, jpeg_ls(segment(0xE8, SECRET))),
    (JPEG_LS, jpeg_ls(tail=SECRET)),
    (JPEG_2000, jpeg_2000(comment(SECRET))),
    (JPEG_2000, jpeg_2000(comment(b"Created by OpenJPEG version 2.3.1" + SECRET))),
    (JPEG_2000, jpeg_2000(tile_extra=comment(SECRET))),
    (JPEG_2000, jpeg_2000(comment(SECRET), part_length=False, tail=SECRET)),
    (JPEG_2000, jpeg_2000(tail=SECRET)),
]


@pytest.mark.parametrize(("family", "data"), CASES)
def test_comments_and_what_follows_the_end_are_blanked_in_place(family: str, data: bytes) -> None:
    blanked = bytearray(data)
    blank_comments(blanked, family, PIXELS)
    assert SECRET not in blanked and len(blanked) == len(data)
    kept = [(before, after) for before, after in zip(data, blanked, strict=True) if before != after]
    assert all(after == 0 for _, after in kept), "bytes are only ever zeroed"
    again = bytearray(blanked)
    blank_comments(again, family, PIXELS)
    assert again == blanked


@pytest.mark.parametrize(
    ("family", "data"),
    [
        (JPEG, jpeg()),
        (JPEG, jpeg(tail=b"\0")),
        (JPEG, jpeg()[:-2]),
        (JPEG_LS, jpeg_ls()),
        (JPEG_2000, jpeg_2000(comment(b"Created by GDCM/OpenJPEG version 2.3.1"))),
        (JPEG_2000, jpeg_2000(comment(b"Kakadu-v7.9.1"))),
        (JPEG_2000, jpeg_2000()[:-2]),
        (JPEG_2000, jpeg_2000(part_length=False)),
        (JPEG_2000, jpeg_2000(part_length=False)[:-2]),
        (RLE, rle()),
        (RLE, rle(segments=1)),
        (RLE, rle(segments=15)),
        (RLE, rle(between=b"\0", after=b"\0\0\0")),
    ],
)
def test_an_ordinary_codestream_keeps_every_byte(family: str, data: bytes) -> None:
    blanked = bytearray(data)
    blank_comments(blanked, family, PIXELS)
    assert blanked == data


@pytest.mark.parametrize(
    ("family", "data"),
    [
        (JPEG, b""),
        (JPEG, b"QUENOUILLE"),
        (JPEG, jpeg_2000()),
        (JPEG, b"\xff\xd8\xff\xfe\xff\xff" + SECRET),
        (JPEG, b"\xff\xd8\xff\xfe\x00\x01" + SECRET),
        (JPEG, b"\xff\xd8" + JFIF + SECRET),
        (JPEG, b"\xff\xd8\xff\xe0"),
        (JPEG_2000, b"\x00\x00\x00\x0cjP  \r\n\x87\n" + jpeg_2000()),
        (JPEG_2000, b"\xff\x4f\xff\x51\xff\xff"),
        (JPEG_2000, jpeg_2000()[:-2] + SECRET),
        (JPEG_2000, b"\xff\x4f" + SIZ + SECRET),
        (JPEG_2000, jpeg_2000().replace(struct.pack(">L", 18), struct.pack(">L", 5))),
        (JPEG_2000, jpeg_2000().replace(struct.pack(">L", 18), struct.pack(">L", 500))),
    ],
)
def test_a_codestream_that_cannot_be_followed_is_held(family: str, data: bytes) -> None:
    with pytest.raises(Permanent) as caught:
        blank_comments(bytearray(data), family, PIXELS)
    assert caught.value.code == "pixel-risk"


@given(st.binary(max_size=120), st.sampled_from([JPEG, JPEG_LS, JPEG_2000]))
def test_no_bytes_break_the_walk(data: bytes, family: str) -> None:
    whole = bytearray(codestream._STARTS[family] + data)
    before = len(whole)
    with contextlib.suppress(Permanent):
        blank_comments(whole, family, PIXELS)
    assert len(whole) == before


def compressed(
    path: Path, syntax: str, frames: list[bytes], *, table: bool = False, number: int | None = None, per_frame: int = 1
) -> Path:
    ds = ct() if number == 1 else build.enhanced(number or len(frames))
    ds.BitsStored, ds.HighBit = 16, 15  # of what has no bits above nothing need be decoded
    ds["PixelData"].value = encapsulate(frames, fragments_per_frame=per_frame, has_bot=table)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return build.write(path, ds, syntax)


def fragments(encoded: bytes) -> list[bytes]:
    position, found = encoded.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12, []
    while encoded[position : position + 4] == b"\xfe\xff\x00\xe0":
        length = int.from_bytes(encoded[position + 4 : position + 8], "little")
        found.append(encoded[position + 8 : position + 8 + length])
        position += 8 + length
    assert encoded[position:] == b"\xfe\xff\xdd\xe0\0\0\0\0"
    return found


def even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize(
    ("syntax", "frame"),
    [(JPEG_SYNTAX, jpeg()), (J2K_SYNTAX, jpeg_2000()), (RLE_SYNTAX, rle()), (JPEG_LS_SYNTAX, jpeg_ls())],
)
def test_compressed_frames_are_copied_with_their_fragments_and_offsets(
    tmp_path: Path, syntax: str, frame: bytes, table: bool
) -> None:
    path = compressed(tmp_path / "a.dcm", syntax, [frame, frame + b"\0\0"], table=table)
    encoded, outcome = run(path)
    assert fragments(encoded) == fragments(path.read_bytes())
    assert outcome.transfer_syntax_uid == syntax and build.traces(encoded) == []


def test_a_comment_that_spans_two_fragments_is_blanked(tmp_path: Path) -> None:
    path = compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg(segment(0xFE, SECRET * 40))], number=1, per_frame=4)
    encoded, _ = run(path)
    assert len(fragments(path.read_bytes())) == 5
    assert [len(one) for one in fragments(encoded)] == [len(one) for one in fragments(path.read_bytes())]
    assert build.traces(encoded) == []


def test_frames_of_several_fragments_are_told_apart(tmp_path: Path) -> None:
    frame = jpeg(segment(0xFE, SECRET * 9))
    encoded, _ = run(compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [frame, frame, frame], table=True, per_frame=2))
    assert len(fragments(encoded)) == 7 and build.traces(encoded) == []


def altered(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return path


def test_a_number_of_frames_that_is_not_there_is_held(tmp_path: Path) -> None:
    path = compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg(), jpeg()], number=3)
    with pytest.raises(Permanent, match="NumberOfFrames is 3, the compressed pixel data has 2"):
        run(path)


@pytest.mark.parametrize("entry", [b"QUEN", struct.pack("<L", 2), struct.pack("<L", 1 << 30)])
def test_an_offset_table_that_points_at_no_fragment_is_held(tmp_path: Path, entry: bytes) -> None:
    path = compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg(), jpeg()], number=2, table=True)
    table = b"\xfe\xff\x00\xe0\x08\0\0\0" + bytes(4)
    data = path.read_bytes()
    at = data.index(table) + len(table)
    path.write_bytes(data[:at] + entry + data[at + 4 :])
    with pytest.raises(Permanent, match="offset table"):
        run(path)


def test_an_offset_table_of_the_wrong_length_is_held(tmp_path: Path) -> None:
    path = compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg(), jpeg()], number=2, table=True)
    data, head = path.read_bytes(), b"\xfe\xff\x00\xe0\x08\0\0\0" + bytes(4)
    at = data.index(head)
    path.write_bytes(data[:at] + b"\xfe\xff\x00\xe0\x04\0\0\0" + bytes(4) + data[at + 16 :])
    with pytest.raises(Permanent, match="one entry for each frame"):
        run(path)


@pytest.mark.parametrize("entry", [b"QUEN", struct.pack("<L", 2), bytes(4) + struct.pack("<L", 8), b"\1\2"])
def test_one_frame_needs_no_offset_table_and_a_wrong_one_is_left_out(tmp_path: Path, entry: bytes) -> None:
    path = compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg()], number=1, table=True)
    head = b"\xfe\xff\x00\xe0"
    altered(path, head + b"\x04\0\0\0" + bytes(4), head + struct.pack("<L", len(entry)) + entry)
    encoded, outcome = run(path)
    pixels = encoded[encoded.index(b"\xe0\x7f\x10\x00OB") + 12 :]
    assert pixels.startswith(head + bytes(4) + head) and outcome.normalised == ((0x7FE00010,),)


@pytest.mark.parametrize(
    ("syntax", "encapsulated"), [(JPEG_SYNTAX, False), ("1.2.840.10008.1.2.1", True), ("1.2.840.10008.1.2.4.94", True)]
)
def test_pixels_that_contradict_the_transfer_syntax_are_held(tmp_path: Path, syntax: str, encapsulated: bool) -> None:
    path = (
        compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg()], number=1)
        if encapsulated
        else build.write(tmp_path / "a.dcm", ct())
    )
    data = path.read_bytes()
    old = JPEG_SYNTAX if encapsulated else "1.2.840.10008.1.2.1"
    path.write_bytes(
        data.replace(
            build.raw_element(0x00020010, "UI", even(old.encode())),
            build.raw_element(0x00020010, "UI", even(syntax.encode())),
            1,
        )
    )
    with pytest.raises(Permanent) as caught:
        run(path)
    assert caught.value.code == "malformed"


def test_a_frame_too_large_to_look_into_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fidac_node.deidentify.pixels.copy.LARGEST_FRAME", 40)
    with pytest.raises(Permanent, match="it is not looked into"):
        run(compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg()], number=1))


def test_a_compressed_image_without_a_fragment_is_held(tmp_path: Path) -> None:
    path = compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg()], number=1)
    data = path.read_bytes()
    start = data.index(b"\xe0\x7f\x10\x00OB") + 12 + 8
    path.write_bytes(data[:start] + b"\xfe\xff\xdd\xe0\0\0\0\0")
    with pytest.raises(Permanent, match="has no fragment"):
        run(path)


def test_every_compressed_transfer_syntax_that_is_received_has_a_family() -> None:
    from fidac_node.deidentify.pixels.copy import NATIVE
    from fidac_node.dicom.uids import TRANSFER_SYNTAXES

    assert set(TRANSFER_SYNTAXES) == NATIVE | set(FAMILIES)


def numbers(tag: int, *found: int) -> bytes:
    element = build.raw_element(tag, "UN", struct.pack(f"<{len(found)}Q", *found))
    return element[:4] + b"OV" + element[6:]


def test_an_extended_offset_table_stays_only_where_it_fits(tmp_path: Path) -> None:
    """PS3.3 C.7.6.3.1.8: where each frame begins, and how long it is, padding not counted."""
    good = compressed(tmp_path / "a.dcm", JPEG_SYNTAX, [jpeg(), jpeg()])
    first, second = len(even(jpeg())), len(jpeg())
    path = tmp_path / "b.dcm"
    for offsets, lengths, stays in (
        ((0, first + 8), (first, second), True),
        ((0, first + 8), (first - 1, second), True),
        ((0, first + 8), (0, 0), False),
        ((0, 0), (first, second), False),
        ((0, first), (first, second), False),
        ((0,), (first,), False),
        ((0, first + 8), (first, second, 7), False),
        ((0, first + 8), (), False),
        ((), (first, second), False),
    ):
        tables = [numbers(tag, *found) for tag, found in ((0x7FE00001, offsets), (0x7FE00002, lengths)) if found]
        data = good.read_bytes()
        for table in tables:
            data = build.insert(data, table)
        path.write_bytes(data)
        encoded, _ = run(path)
        assert [table in encoded for table in tables] == [stays] * len(tables), (offsets, lengths)
        assert stays or not {0x7FE00001, 0x7FE00002} & set(build.read(encoded).keys())
    native = build.write(tmp_path / "c.dcm", ct())
    native.write_bytes(build.insert(native.read_bytes(), numbers(0x7FE00002, int.from_bytes(b"QUENOUIL", "little"))))
    assert b"QUENOUIL" not in run(native)[0]


def test_the_copy_streams(tmp_path: Path) -> None:
    """No write is larger than a piece of the file: an object never stands in memory as a whole."""

    class Watched(io.BytesIO):
        largest = 0

        def write(self, data: object) -> int:
            self.largest = max(self.largest, len(data))  # type: ignore[arg-type]
            return super().write(data)  # type: ignore[arg-type]

    ds = ct(Rows=2048, Columns=2048)
    ds["PixelData"].value = bytes(2048 * 2048 * 2)
    target = Watched()
    build.deidentifier().deidentify(
        build.write(tmp_path / "a.dcm", ds), target, label="unknown", label_source="default", limit=build.LIMIT
    )
    assert target.largest == 1 << 20
