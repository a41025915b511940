"""JPEG and JPEG 2000 codestreams: comments and application data blanked, the picture untouched.

A compressed frame can carry text that no attribute shows: COM and APPn segments (ITU-T T.81 B.2.4, T.87,
T.800 A.9.2) and bytes after the end marker. Their content is overwritten by zeros in place, so every
length and offset stays true and decoders read the same picture. Nothing is decoded.
"""

from __future__ import annotations

import re
from typing import Final

from fidac_node.errors import Permanent

JPEG: Final = "JPEG"
JPEG_LS: Final = "JPEG-LS"
JPEG_2000: Final = "JPEG 2000"
RLE: Final = "RLE"

# By transfer syntax (PS3.5 A.4), as far as fidac_node.uids lists them.
FAMILIES: Final = {
    "1.2.840.10008.1.2.4.50": JPEG,
    "1.2.840.10008.1.2.4.51": JPEG,
    "1.2.840.10008.1.2.4.53": JPEG,
    "1.2.840.10008.1.2.4.55": JPEG,
    "1.2.840.10008.1.2.4.57": JPEG,
    "1.2.840.10008.1.2.4.70": JPEG,
    "1.2.840.10008.1.2.4.80": JPEG_LS,
    "1.2.840.10008.1.2.4.81": JPEG_LS,
    "1.2.840.10008.1.2.4.90": JPEG_2000,
    "1.2.840.10008.1.2.4.91": JPEG_2000,
    "1.2.840.10008.1.2.4.201": JPEG_2000,
    "1.2.840.10008.1.2.4.202": JPEG_2000,
    "1.2.840.10008.1.2.4.203": JPEG_2000,
    "1.2.840.10008.1.2.5": RLE,
}
_STARTS: Final = {JPEG: b"\xff\xd8\xff", JPEG_LS: b"\xff\xd8\xff", JPEG_2000: b"\xff\x4f\xff\x51"}
_END: Final = 0xD9
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
# The next marker in entropy-coded data: T.81 stuffs 00 after FF, T.87 a zero bit.
_NEXT_MARKER: Final = {JPEG: re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]"), JPEG_LS: re.compile(rb"\xff+[\x80-\xcf\xd8-\xfe]")}
# Segments that name a codec and nothing else stay, so that ordinary files keep every byte.
_PLAIN_JFIF: Final = re.compile(rb"JFIF\x00\x01[\x00-\x02][\x00-\x02][\x00-\xff]{4}\x00\x00", re.DOTALL)
_CODEC_NAME: Final = re.compile(rb"(?:Created by (?:GDCM/)?OpenJPEG version |Kakadu-v?)[0-9.]{1,12}")


def starts_frame(data: bytes | bytearray, family: str) -> bool:
    """Say whether ``data`` begins a codestream; a further fragment of the same frame does not."""
    return data.startswith(_STARTS[family])


def blank_comments(data: bytearray, family: str) -> None:
    """Blank what may hold text in the codestream of one frame.

    Raises :class:`Permanent` (``pixel-risk``) if its segments cannot be followed to the end.
    """
    if family == RLE:
        return
    if not starts_frame(data, family):
        raise Permanent("pixel-risk", f"a compressed frame does not begin as {family}: what is in it cannot be checked")
    try:
        end = _jpeg_2000(data) if family == JPEG_2000 else _jpeg(data, family)
    except (IndexError, ValueError):
        raise Permanent("pixel-risk", f"the segments of a {family} frame cannot be followed: what is in it cannot be checked") from None
    data[end:] = bytes(len(data) - end)


def _length(data: bytearray, position: int) -> int:
    length = int.from_bytes(data[position : position + 2], "big")
    if length < 2 or position + length > len(data):
        raise ValueError("a segment that lies about its length")
    return length


def _blank(data: bytearray, start: int, end: int) -> None:
    data[start:end] = bytes(end - start)


def _jpeg(data: bytearray, family: str) -> int:
    """Walk a T.81 or T.87 codestream; return where it ends."""
    position = 2
    while True:
        if data[position] != 0xFF:
            raise ValueError("no marker where one must be")
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker == _END:
            return position
        if marker in _STANDALONE:
            continue
        length = _length(data, position)
        payload, after = position + 2, position + length
        if marker == 0xFE or (0xE0 <= marker <= 0xEF and not _PLAIN_JFIF.fullmatch(data[payload:after])):
            _blank(data, payload, after)
        position = after
        if marker == 0xDA:
            found = _NEXT_MARKER[family].search(data, position)
            if not found:
                return len(data)  # no end marker: entropy-coded data to the last byte
            position = found.start()


def _jpeg_2000(data: bytearray) -> int:
    """Walk a T.800 (or T.814) codestream: main header, then tile-parts; return where it ends."""
    position = _jpeg_2000_header(data, 2)
    while data[position : position + 2] == b"\xff\x90":
        part_length = int.from_bytes(data[position + 6 : position + 10], "big")
        body = _jpeg_2000_header(data, position + 12)
        if part_length == 0:  # the last tile-part reaches to the end marker (T.800 A.4.2)
            end = data.find(b"\xff\xd9", body)
            return len(data) if end < 0 else end + 2
        if position + part_length < body or position + part_length > len(data):
            raise ValueError("a tile-part that lies about its length")
        position += part_length
    if data[position : position + 2] == b"\xff\xd9":
        return position + 2
    if position >= len(data) - 1:
        return len(data)  # no end marker, seen in the field
    raise ValueError("neither a tile-part nor the end")


def _jpeg_2000_header(data: bytearray, position: int) -> int:
    """Walk the marker segments from ``position``; return where the next tile-part or its data begins."""
    while True:
        if data[position] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = data[position + 1]
        if marker == 0x90:
            return position
        if marker == 0x93:
            return position + 2
        length = _length(data, position + 2)
        # COM: length, registration (2 bytes), content
        if marker == 0x64 and not _CODEC_NAME.fullmatch(data[position + 6 : position + 2 + length]):
            _blank(data, position + 6, position + 2 + length)
        position += 2 + length
