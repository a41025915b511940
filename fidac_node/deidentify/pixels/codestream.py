"""Compressed frames: every segment is listed and has its exact form; what may hold text is blanked; the picture stays.

A compressed frame can carry text that no attribute shows: COM and APPn segments (ITU-T T.81 B.2.4, T.87, T.800 A.9.2),
segments that decoders step over, what stands in a segment after its content, bytes before, between and after. So a
marker segment stays only if its type is on the list and its content has the structure that the standard gives.
COM, APPn and what follows the end are overwritten by zeros in place, so every length and offset stays true and
decoders read the same picture; all else holds the object.

What this cannot see: JPEG and JPEG 2000 entropy-coded data are not decoded. Words written there, or into the tables
that the picture is decoded with, spoil the picture and are not found. RLE is followed code by code.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import struct
from collections.abc import Callable
from typing import Final

from fidac_node.deidentify.pixels.jpeg2000 import Odd, Unneeded, blank, demand, end_of_codestream, length_at
from fidac_node.errors import Permanent

JPEG: Final = "JPEG"
JPEG_LS: Final = "JPEG-LS"
JPEG_2000: Final = "JPEG 2000"
RLE: Final = "RLE"

# By transfer syntax (PS3.5 A.4), as far as fidac_node.dicom.uids lists them.
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
_END, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_APPLICATION: Final = range(0xE0, 0xF0)
_RESTART: Final = range(0xD0, 0xD8)
_LOSSLESS, _PROGRESSIVE = 0xC3, 0xC2
_FRAMES: Final = (0xC0, 0xC1, _PROGRESSIVE, _LOSSLESS)
# The next marker in entropy-coded data: T.81 stuffs 00 after FF, T.87 a zero bit.
_NEXT_MARKER: Final = {JPEG: re.compile(rb"\xff+[\x01-\xfe]"), JPEG_LS: re.compile(rb"\xff+[\x80-\xfe]")}
# Application data that say how to decode and nothing else stay, so that ordinary files keep every byte:
# JFIF with a plain density and no thumbnail, Adobe and HP colour transforms.
_DECODING: Final = {
    0xE0: re.compile(rb"JFIF\x00\x01[\x00-\x02][\x00-\x02]([\x00-\x0f][\x00-\xff])\1\x00\x00", re.DOTALL),
    0xE8: re.compile(rb"mrfx[\x00-\x03]"),
    0xEE: re.compile(rb"Adobe\x00[\x64\x65][\x00\x40\x80\xc0]\x00\x00\x00[\x00-\x02]"),
}
# The two AC tables of T.81 K.3.2 (SHA-256 of BITS and HUFFVAL): some encoders write both whatever they use.
_USUAL_TABLES: Final = frozenset(
    {
        "a6283a08f5d97906b66adcc812e32396ea83059e55dd4cc91934cf447559aeb6",
        "13f90e3c9dc476c66f24347f6ad29cea93262e99faed279970c2f74e0557f445",
    }
)
_DC, _AC, _QUANTIZATION = 0, 1, 2
_MOST_RLE_SEGMENTS: Final = 15
_WHAT_TO_DO: Final = "it could hide text; decompress the study at the PACS and send it again"


def starts_frame(data: bytes | bytearray, family: str) -> bool:
    """Say whether ``data`` begins a codestream; a further fragment of the same frame does not."""
    return data.startswith(_STARTS[family])


def blank_comments(data: bytearray, family: str, pixels: int) -> None:
    """Check the codestream of one frame of ``pixels`` pixels (rows by columns) and blank what may hold text.

    The length stays; of an ordinary codestream every byte stays. Raises :class:`Permanent` (``pixel-risk``)
    if a segment is none that a decoder needs, or is not as its standard says.
    """
    if family != RLE and not starts_frame(data, family):
        raise Permanent("pixel-risk", f"the compressed pixel data does not begin as {family}: {_WHAT_TO_DO}")
    try:
        if family == RLE:
            _run_lengths(data, pixels)
            return
        end = end_of_codestream(data) if family == JPEG_2000 else _Jpeg(data, family).end()
    except Unneeded as unneeded:
        marker = f"FF{unneeded.marker:02X}"
        raise Permanent(
            "pixel-risk",
            f"the compressed pixel data has a segment (marker {marker}) that no decoder needs: {_WHAT_TO_DO}",
        ) from None
    except Odd as odd:
        raise Permanent(
            "pixel-risk", f"the compressed pixel data is not as {family} says ({odd}): {_WHAT_TO_DO}"
        ) from None
    except (IndexError, struct.error):
        raise Permanent(
            "pixel-risk", f"the compressed pixel data is not as {family} says (it is cut short): {_WHAT_TO_DO}"
        ) from None
    blank(data, end, len(data))


def precision(data: bytes | bytearray, family: str) -> int:
    """How many bits the samples of a codestream have that :func:`blank_comments` has checked; 16 for RLE.

    By T.81 B.2.2 and T.800 A.5.1.
    """
    if family == RLE:
        return 16
    if family == JPEG_2000:
        return (data[42] & 0x7F) + 1
    position = 2
    while data[position + 1] not in (*_FRAMES, 0xF7):
        position += 1 if data[position + 1] == 0xFF else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return data[position + 4]


def upper_bytes(data: bytes | bytearray, pixels: int) -> bytes:
    """The upper bytes of the 16-bit ``pixels`` of an RLE frame, which are its first segment (PS3.5 G.2)."""
    return _unpacked(data, int.from_bytes(data[4:8], "little"), pixels)


def planes(data: bytes | bytearray, pixels: int) -> list[bytes]:
    """The segments of an RLE frame of ``pixels`` pixels, unpacked: the bytes of all pixels by their place in the pixel.

    What is no such frame gives none: it is held when it is copied.
    """
    try:
        count, *offsets = struct.unpack_from("<16L", data)
        return [_unpacked(data, offset, pixels) for offset in offsets[: min(count, _MOST_RLE_SEGMENTS)]]
    except (IndexError, struct.error):
        return []


def _unpacked(data: bytes | bytearray, position: int, pixels: int) -> bytes:
    found = bytearray()
    while len(found) < pixels:
        code = data[position]
        if code < 128:
            found += data[position + 1 : position + 2 + code]
        elif code > 128:
            found += data[position + 1 : position + 2] * (257 - code)
        position += _TAKES[code]
    return bytes(found)


class _Jpeg:
    """One walk through a T.81 or T.87 codestream."""

    def __init__(self, data: bytearray, family: str) -> None:
        self._data = data
        self._family = family
        self._frame = 0
        self._precision = 0
        self._components: dict[int, int] = {}  # identifier: quantization table
        self._coded: dict[tuple[int, int], int] = {}  # (component, coefficient): lowest bit so far
        self._quantizations: set[int] = set()
        self._unused: set[tuple[int, int]] = set()  # tables since the last scan that uses them: (class, number)
        self._interval = 0
        self._fresh: set[int] = set()  # markers since the last scan that may not stand there again
        checks: dict[int, Callable[[bytes], None]] = {0xDD: self._restart_interval}
        if family == JPEG_LS:
            checks |= {0xF7: self._frame_header, 0xF8: self._preset, _SCAN: self._scan_ls}
        else:
            checks |= dict.fromkeys(_FRAMES, self._frame_header)
            checks |= {0xC4: self._huffman, 0xDB: self._quantization, _SCAN: self._scan}
        self._checks = checks

    def end(self) -> int:
        """Walk to the end marker; return where it ends. Raises :class:`Odd`."""
        data, position = self._data, 2
        while position < len(data):
            demand(data[position] == 0xFF, "bytes stand between its segments")
            while data[position] == 0xFF:
                position += 1
            marker, position = data[position], position + 1
            if marker == _END:
                break
            if marker != _COMMENT and marker not in _APPLICATION and marker not in self._checks:
                raise Unneeded(marker)
            after = position + length_at(data, position)
            self._segment(marker, position + 2, after)
            position = after
            if marker == _SCAN:
                position = self._entropy_coded(after)
        # Without an end marker, seen in the field, the entropy-coded data reaches to the last byte.
        demand(bool(self._coded), "there is no scan")
        demand(not self._unused and not self._fresh & {0xDD, 0xF8}, "a segment is not used by any scan")
        return position

    def _segment(self, marker: int, start: int, after: int) -> None:
        if marker == _COMMENT or marker in _APPLICATION:
            stays = _DECODING.get(marker)
            if not stays or not stays.fullmatch(self._data[start:after]) or marker in self._fresh:
                blank(self._data, start, after)
            self._fresh.add(marker)
            return
        if marker in (*_FRAMES, 0xF7):
            demand(not self._frame, "there are two frame headers")
            self._frame = marker
        self._checks[marker](bytes(self._data[start:after]))

    def _entropy_coded(self, position: int) -> int:
        for number, found in enumerate(_NEXT_MARKER[self._family].finditer(self._data, position)):
            marker = self._data[found.end() - 1]
            if marker not in _RESTART:
                return found.start()
            demand(self._interval > 0 and marker == 0xD0 + number % 8, "a restart marker is out of order")
        return len(self._data)

    def _frame_header(self, body: bytes) -> None:
        """T.81 B.2.2, T.87 C.2.2: precision, lines, columns, components."""
        demand(
            len(body) > 6 and body[5] in range(1, 5) and len(body) == 6 + 3 * body[5],
            "the frame header has another length",
        )
        self._precision, lines, columns, count = struct.unpack_from(">BHHB", body)
        demand(
            self._precision in ((8, 12) if self._frame < _LOSSLESS else range(2, 17)), "the precision does not exist"
        )
        demand(lines > 0 and columns > 0, "the frame header has no size")
        for identifier, sampling, table in zip(body[6::3], body[7::3], body[8::3], strict=True):
            demand(
                sampling >> 4 in range(1, 5) and sampling & 15 in range(1, 5) and table <= 3,
                "a component does not exist",
            )
            self._components[identifier] = table
        demand(len(self._components) == count, "two components have one name")

    def _restart_interval(self, body: bytes) -> None:
        """T.81 B.2.4.4 has 16 bits, T.87 C.2.5 as many as 32."""
        demand(len(body) == 2 or (self._family == JPEG_LS and len(body) in (3, 4)), "DRI has another length")
        self._once(0xDD)
        self._interval = int.from_bytes(body, "big")

    def _once(self, marker: int) -> None:
        demand(marker not in self._fresh, "a segment stands there twice")
        self._fresh.add(marker)

    def _table(self, kind: int, number: int) -> None:
        demand(number <= 3 and (kind, number) not in self._unused, "a table is not used by any scan")
        self._unused.add((kind, number))

    def _quantization(self, body: bytes) -> None:
        """T.81 B.2.4.1: tables of 64 numbers of 8 or 16 bits, none of them zero, each defined once."""
        position = 0
        while position < len(body):
            wide, number = body[position] >> 4, body[position] & 15
            after = position + 1 + 64 * (wide + 1)
            demand(
                wide <= 1 and after <= len(body) and number not in self._quantizations,
                "DQT is not as the standard says",
            )
            values = struct.unpack_from(">64H" if wide else ">64B", body, position + 1)
            demand(all(values), "DQT is not as the standard says")
            self._quantizations.add(number)
            self._table(_QUANTIZATION, number)
            position = after
        demand(position > 0, "DQT is empty")

    def _huffman(self, body: bytes) -> None:
        """T.81 B.2.4.2: 16 counts of codes, then a symbol for each, all different."""
        position = 0
        while position < len(body):
            kind, number, counts = body[position] >> 4, body[position] & 15, body[position + 1 : position + 17]
            after = position + 17 + sum(counts)
            symbols = body[position + 17 : after]
            demand(
                kind <= 1 and number <= 3 and len(counts) == 16 and after <= len(body),
                "DHT is not as the standard says",
            )
            demand(
                sum(count << 16 - length for length, count in enumerate(counts, 1)) <= 1 << 16,
                "DHT has more codes than there are",
            )
            demand(len(set(symbols)) == len(symbols), "DHT has a symbol twice")
            if kind == _DC:  # a difference has 0 to 16 bits (T.81 H.1.2.2): no text is made of these
                demand(max(symbols, default=0) <= 16, "DHT has a symbol that does not exist")
            elif hashlib.sha256(body[position + 1 : after]).hexdigest() not in _USUAL_TABLES:
                self._table(_AC, number)
            position = after
        demand(position > 0, "DHT is empty")

    def _preset(self, body: bytes) -> None:
        """LSE: preset parameters alone (T.87 C.2.4.1.1); CT has no palette and no lines beyond 65535."""
        if body[:1] != b"\1":
            raise Unneeded(0xF8)
        demand(len(body) == 11, "LSE has another length")
        self._once(0xF8)
        largest, first, second, third, reset = struct.unpack_from(">5H", body, 1)
        demand(
            largest < 1 << (self._precision or 16) and reset <= max(255, largest or 0xFFFF),
            "LSE is not as the standard says",
        )
        thresholds = [one for one in (first, second, third) if one]
        demand(
            thresholds == sorted(thresholds) and max(thresholds, default=0) <= (largest or 0xFFFF),
            "LSE is not as the standard says",
        )

    def _scanned(self, body: bytes) -> list[tuple[int, int]]:
        """The components of a scan and their table selectors (T.81 B.2.3)."""
        demand(
            len(body) >= 6 and body[0] in range(1, 5) and len(body) == 4 + 2 * body[0],
            "the scan header has another length",
        )
        pairs = list(zip(body[1:-3:2], body[2:-3:2], strict=True))
        named = {component for component, _ in pairs}
        demand(
            len(named) == len(pairs) and named <= self._components.keys(), "a scan is of components that are not there"
        )
        self._fresh.clear()
        self._fresh.update(_DECODING)
        return pairs

    def _code(self, component: int, coefficients: range, high: int, low: int) -> None:
        """Nothing is coded twice, but refined bit by bit in progressive scans (T.81 G.1.1.1).

        So no scan is beside the picture.
        """
        for coefficient in coefficients:
            before = self._coded.get((component, coefficient))
            demand(
                high == (0 if before is None else before) and (before is None or low == before - 1),
                "a scan is not part of the picture",
            )
            self._coded[component, coefficient] = low

    def _scan(self, body: bytes) -> None:
        pairs = self._scanned(body)
        start, end, high, low = body[-3], body[-2], body[-1] >> 4, body[-1] & 15
        if self._frame == _LOSSLESS:
            demand(
                start in range(1, 8) and end in (0, 63) and high == 0 and low < self._precision,
                "the scan header does not exist",
            )
            end = start = 0
        elif self._frame == _PROGRESSIVE:
            # A band is of one component, and of DC or of AC (T.81 G.1.1.1.1).
            demand(
                (start == end == 0 or 0 < start <= end <= 63) and max(high, low) <= 13, "the scan header does not exist"
            )
            demand(start == 0 or len(pairs) == 1, "the scan header does not exist")
        else:
            demand((start, end, high, low) == (0, 63, 0, 0), "the scan header does not exist")
        for component, selector in pairs:
            demand(selector >> 4 <= 3 and selector & 15 <= 3, "a scan names a table that does not exist")
            self._code(component, range(start, end + 1), high, low)
            if end:
                self._unused.discard((_AC, selector & 15))
            if self._frame != _LOSSLESS:
                self._unused.discard((_QUANTIZATION, self._components[component]))

    def _scan_ls(self, body: bytes) -> None:
        pairs = self._scanned(body)
        near, interleave, shift = body[-3:]
        demand(
            near < 1 << self._precision - 1 and interleave <= 2 and shift < self._precision,
            "the scan header does not exist",
        )
        for component, table in pairs:
            demand(table == 0, "a scan names a table that does not exist")
            self._code(component, range(1), 0, 0)


# The bytes that a PackBits code takes and gives (PS3.5 G.3): a literal run, nothing, a replicate run.
_TAKES: Final = tuple(code + 2 if code < 128 else 1 if code == 128 else 2 for code in range(256))
_GIVES: Final = tuple(code + 1 if code < 128 else 0 if code == 128 else 257 - code for code in range(256))


def _run_lengths(data: bytearray, pixels: int) -> None:
    """Walk an RLE frame (PS3.5 G): header, then segments of ``pixels`` bytes each, with nothing around them."""
    header = struct.unpack_from("<16L", data)
    count = header[0]
    demand(0 < count <= _MOST_RLE_SEGMENTS, "the number of segments is not 1 to 15")
    offsets = [*header[1 : count + 1], len(data)]
    demand(offsets[0] == 64, "the first segment does not follow the header")
    demand(all(start < end for start, end in itertools.pairwise(offsets)), "the offsets of the segments do not ascend")
    blank(data, 4 + 4 * count, 64)
    for start, end in itertools.pairwise(offsets):
        position, left = start, pixels
        while left > 0 and position < end:
            code = data[position]
            position += _TAKES[code]
            left -= _GIVES[code]
        demand(left == 0 and position <= end, "a segment does not have one byte for each pixel")
        if end - position > 1:
            demand(not any(data[position:end]), "bytes stand between its segments")
        blank(data, position, end)
