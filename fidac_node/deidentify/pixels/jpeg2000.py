"""JPEG 2000 and HTJ2K codestreams (ITU-T T.800, T.814): every marker segment is on a list and has its exact form.

What no decoder needs is blanked in place (COM, CRG) or holds the object. Lengths of tile-parts and packets that
a codestream tells twice (TLM, PLT) must agree with what is there. The data of the packets are entropy-coded:
they are stepped over and not checked.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable
from typing import Final

_SIZ, _SOT, _SOD, _COM, _PLT, _CRG, _POC = 0x51, 0x90, 0x93, 0x64, 0x58, 0x63, 0x5F
_EOC: Final = b"\xff\xd9"
_MAIN: Final = -1
_IN_MAIN: Final = frozenset({0x50, 0x51, 0x52, 0x53, 0x55, 0x5C, 0x5D, 0x5E, _POC, _CRG, _COM})
# Coding and quantization of a tile may stand in its first tile-part only (T.800 A.6).
_IN_FIRST_PART: Final = frozenset({0x52, 0x53, 0x5C, 0x5D, 0x5E})
_IN_TILE_PART: Final = _IN_FIRST_PART | {_POC, _PLT, _COM}
# PS3.5: Rows and Columns are US; an image or a tile beyond that is no DICOM image.
_LARGEST: Final = 0xFFFF
# Names a codec and nothing else: four digits at most, so that no date or number passes for a version.
_CODEC_NAME: Final = re.compile(rb"(?:Created by (?:GDCM/)?OpenJPEG version |Kakadu-v?)[0-9]\.[0-9]{1,2}(?:\.[0-9])?")


class Odd(ValueError):
    """A codestream is not as its standard says; the text says in what."""


class Unneeded(Odd):
    """A marker segment that no decoder needs; ``marker`` is its second byte."""

    def __init__(self, marker: int) -> None:
        super().__init__(f"it has a segment (marker FF{marker:02X}) that no decoder needs")
        self.marker = marker


def demand(fact: bool, what: str) -> None:
    """Raise :class:`Odd` with ``what`` unless ``fact``."""
    if not fact:
        raise Odd(what)


def length_at(data: bytearray, position: int) -> int:
    """The length that a marker segment says at ``position``, which must be there in full."""
    length = int.from_bytes(data[position : position + 2], "big")
    demand(length >= 2 and position + length <= len(data), "a segment is longer or shorter than it says")
    return length


def blank(data: bytearray, start: int, end: int) -> None:
    """Overwrite by zeros, in place."""
    data[start:end] = bytes(end - start)


def end_of_codestream(data: bytearray) -> int:
    """Check a codestream and blank its comments in place; return where it ends. Raises :class:`Odd`."""
    return _Codestream(data).end()


class _Codestream:
    """One walk: main header, then tile-parts."""

    def __init__(self, data: bytearray) -> None:
        self._data = data
        self._components = self._tiles = 0
        self._high_throughput = self._named = False
        self._tile = _MAIN
        self._seen: set[tuple[int, int]] = set()
        self._steps: list[int] = []
        self._packets: list[bytes] = []
        self._levels: dict[tuple[int, int], int] = {}  # (tile, component or _MAIN): decomposition levels
        self._counts: Counter[int] = Counter()  # tile-parts of each tile so far
        self._parts: list[tuple[int, int]] = []  # tile and length of each tile-part
        self._told: list[tuple[int | None, int]] = []  # the same, as TLM says
        self._told_segments = 0
        self._checks: dict[int, Callable[[bytes], None]] = {
            0x50: self._cap, 0x51: self._siz, 0x52: self._cod, 0x53: self._coc, 0x55: self._tlm, 0x58: self._plt,
            0x5C: self._qcd, 0x5D: self._qcc, 0x5E: self._rgn, 0x5F: self._poc,
        }  # fmt: skip

    def end(self) -> int:
        position = self._header(2, _IN_MAIN)
        demand(not self._high_throughput or (0x50, 0) in self._seen, "CAP is missing")
        while self._data[position : position + 2] == b"\xff\x90":
            position = self._tile_part(position)
        demand(bool(self._parts), "there is no tile-part")
        self._tlm_agrees()
        if self._data[position : position + 2] == _EOC:
            return position + 2
        # No end marker, seen in the field: at most a byte of padding follows.
        demand(position >= len(self._data) - 1, "bytes stand between its tile-parts")
        return position

    def _tile_part(self, start: int) -> int:
        data = self._data
        demand(length_at(data, start + 2) == 10 and start + 12 <= len(data), "SOT has another length")
        tile, length, part, parts = struct.unpack_from(">HLBB", data, start + 4)
        demand(tile < self._tiles and part == self._counts[tile], "a tile-part is out of order")
        demand(parts == 0 or part < parts, "a tile has more parts than it says")
        self._counts[tile] += 1
        self._tile, self._seen, self._packets = tile, set(), []
        body = self._header(start + 12, _IN_TILE_PART - _IN_FIRST_PART if part else _IN_TILE_PART)
        end: int = start + length
        if not length:  # the last tile-part reaches to the end marker (T.800 A.4.2)
            found = data.find(_EOC, body)
            end = len(data) if found < 0 else found
        demand(body <= end <= len(data), "a tile-part is longer or shorter than it says")
        if self._packets:
            demand(_packet_lengths(self._packets) == end - body, "PLT does not agree with the packets")
        self._parts.append((tile, end - start))
        return end

    def _header(self, position: int, allowed: frozenset[int]) -> int:
        """Walk the marker segments from ``position``; return where the next tile-part or its data begins."""
        data, self._steps = self._data, []
        first = True
        while True:
            demand(data[position] == 0xFF, "bytes stand between its segments")
            marker = data[position + 1]
            if marker == (_SOT if self._tile == _MAIN else _SOD):
                break
            if marker not in allowed or (marker == _SIZ) != (first and self._tile == _MAIN):
                raise Unneeded(marker)
            first = False
            after = position + 2 + length_at(data, position + 2)
            self._segment(marker, position + 4, after)
            position = after
        levels = {count for (tile, _), count in self._levels.items() if tile in (_MAIN, self._tile)}
        demand(
            all(steps in {3 * count + 1 for count in levels} for steps in self._steps),
            "it has more quantization steps than subbands",
        )
        return position if marker == _SOT else position + 2

    def _segment(self, marker: int, start: int, after: int) -> None:
        if marker == _COM:
            self._comment(start, after)
        elif marker == _CRG:  # where the components lie on the grid: a hint for display (T.800 A.9.1)
            demand(after - start == 4 * self._components, "CRG has another length")
            self._once(marker, 0)
            blank(self._data, start, after)
        else:
            self._checks[marker](bytes(self._data[start:after]))

    def _comment(self, start: int, after: int) -> None:
        demand(after - start >= 2, "COM has another length")
        registration = int.from_bytes(self._data[start : start + 2], "big")
        if registration == 1 and not self._named and _CODEC_NAME.fullmatch(self._data[start + 2 : after]):
            self._named = True
        else:
            blank(self._data, start + 2 if registration <= 1 else start, after)

    def _once(self, marker: int, component: int) -> None:
        demand(component < max(self._components, 1), "a segment is about a component that is not there")
        demand((marker, component) not in self._seen, "a segment stands there twice")
        self._seen.add((marker, component))

    def _siz(self, body: bytes) -> None:
        demand(
            len(body) > 36 and body[35] in range(1, 5) and len(body) == 36 + 3 * body[35] and not body[34],
            "SIZ has another length",
        )
        capabilities, width, height, left, top, tile_width, tile_height, tile_left, tile_top = struct.unpack_from(
            ">H8L", body
        )
        demand(capabilities & 0xBFFF <= 7, "SIZ asks for what DICOM does not have")
        demand(not (left or top or tile_left or tile_top), "SIZ has an offset")
        demand(
            all(0 < size <= _LARGEST for size in (width, height, tile_width, tile_height)),
            "SIZ has a size that no DICOM image has",
        )
        for depth, across, down in zip(body[36::3], body[37::3], body[38::3], strict=True):
            demand(depth & 0x7F < 38 and 0 < across <= 4 and 0 < down <= 4, "SIZ has components that no image has")
        self._components, self._high_throughput = body[35], bool(capabilities & 0x4000)
        self._tiles = -(-width // tile_width) * -(-height // tile_height)

    def _cap(self, body: bytes) -> None:
        """T.800 A.5.2: one field of 16 bits for each bit set; DICOM knows Part 15 alone (T.814 A.3)."""
        self._once(0x50, 0)
        demand(self._high_throughput and len(body) == 6 and body[:4] == b"\0\2\0\0", "CAP names another part than 15")
        demand(not int.from_bytes(body[4:], "big") & 0x07C0, "CAP has bits that mean nothing")

    def _style(self, style: bytes, precincts: bool, component: int) -> None:
        """Coding parameters (T.800 tables A.15 and A.20): five bytes, then a byte for each resolution if said so."""
        demand(len(style) >= 5, "a coding style has another length")
        levels, width, height, block, transform = style[:5]
        demand(levels <= 32 and len(style) == 5 + (levels + 1 if precincts else 0), "a coding style has another length")
        demand(max(width, height) <= 8 and width + height <= 8 and transform <= 1, "a coding style does not exist")
        demand(block < 0x40 or (self._high_throughput and block & 0xC0 != 0x80), "a coding style does not exist")
        self._levels[self._tile, component] = levels

    def _cod(self, body: bytes) -> None:
        self._once(0x52, 0)
        demand(len(body) >= 10 and body[0] <= 7 and body[1] <= 4 and body[4] <= 1, "COD is not as the standard says")
        self._style(body[5:], bool(body[0] & 1), _MAIN)

    def _coc(self, body: bytes) -> None:
        demand(len(body) >= 7 and body[1] <= 1, "COC is not as the standard says")
        self._once(0x53, body[0])
        self._style(body[2:], bool(body[1]), body[0])

    def _qcd(self, body: bytes) -> None:
        self._once(0x5C, 0)
        self._quantization(body)

    def _qcc(self, body: bytes) -> None:
        self._once(0x5D, body[0])
        self._quantization(body[1:])

    def _quantization(self, body: bytes) -> None:
        """T.800 table A.27: exponents, one step, or a step for each subband."""
        style, steps = body[0] & 0x1F, body[1:]
        if style == 0:
            demand(not any(step & 7 for step in steps), "an exponent has bits that mean nothing")
            self._steps.append(len(steps))
        elif style == 1:
            demand(len(steps) == 2, "a quantization has another length")
        else:
            demand(style == 2 and len(steps) % 2 == 0, "a quantization has another length")
            self._steps.append(len(steps) // 2)

    def _rgn(self, body: bytes) -> None:
        demand(len(body) == 3 and not body[1] and body[2] <= 74, "RGN is not as the standard says")
        self._once(0x5E, body[0])

    def _poc(self, body: bytes) -> None:
        self._once(_POC, 0)
        demand(len(body) > 0 and len(body) % 7 == 0, "POC has another length")
        for low, component, layers, high, beyond, order in struct.iter_unpack(">BBHBBB", body):
            demand(
                low < high <= 33 and component < beyond <= self._components and layers and order <= 4,
                "POC is not as the standard says",
            )

    def _tlm(self, body: bytes) -> None:
        """T.800 A.7.1: index, sizes of the entries, then the tile and the length of each tile-part."""
        demand(
            len(body) >= 2 and body[0] == self._told_segments and not body[1] & 0x8F, "TLM is not as the standard says"
        )
        self._told_segments += 1
        tile_bytes, length_bytes = body[1] >> 4 & 3, 4 if body[1] & 0x40 else 2
        demand(tile_bytes < 3 and (len(body) - 2) % (tile_bytes + length_bytes) == 0, "TLM has another length")
        for at in range(2, len(body), tile_bytes + length_bytes):
            tile = int.from_bytes(body[at : at + tile_bytes], "big") if tile_bytes else None
            self._told.append((tile, int.from_bytes(body[at + tile_bytes : at + tile_bytes + length_bytes], "big")))

    def _tlm_agrees(self) -> None:
        if self._told_segments:
            told = [(number if tile is None else tile, length) for number, (tile, length) in enumerate(self._told)]
            demand(told == self._parts, "TLM does not agree with the tile-parts")

    def _plt(self, body: bytes) -> None:
        demand(len(body) >= 2 and body[0] == len(self._packets), "PLT is not as the standard says")
        self._packets.append(body[1:])


def _packet_lengths(segments: list[bytes]) -> int:
    """The sum of packet lengths, seven bits a byte, as PLT has them (T.800 A.7.3)."""
    total = length = 0
    begun = False
    for byte in b"".join(segments):
        demand(begun or byte != 0x80, "PLT is not as the standard says")
        length, begun = length << 7 | byte & 0x7F, byte >= 0x80
        if not begun:
            total, length = total + length, 0
    demand(not begun, "PLT is cut short")
    return total
