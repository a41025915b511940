"""A fast pass over plain encoded elements (PS3.5 7.1); what is not plain is left to :mod:`fidac_node.dicom.part10`."""

from __future__ import annotations

import mmap
from collections.abc import Set
from typing import Final, TypeAlias

from fidac_node.dicom import headers
from fidac_node.dicom.uids import EXPLICIT_VR_BE, IMPLICIT_VR_LE

Buffer: TypeAlias = "bytes | mmap.mmap | memoryview"

UNDEFINED_LENGTH: Final = 0xFFFFFFFF
# Bytes of a value that anybody asks for: identifiers are far shorter.
LONGEST_VALUE: Final = 1 << 16
# VRs with two reserved bytes and a 32-bit length (PS3.5 7.1.2).
LONG_VRS: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
# The others, with 16 bits of length.
SHORT_VRS: Final = frozenset(
    {
        b"AE",
        b"AS",
        b"AT",
        b"CS",
        b"DA",
        b"DS",
        b"DT",
        b"FD",
        b"FL",
        b"IS",
        b"LO",
        b"LT",
        b"PN",
        b"SH",
        b"SL",
        b"SS",
        b"ST",
        b"TM",
    }
    | {b"UI", b"UL", b"US"}
)
_ITEM_GROUP: Final = 0xFFFE
_SHORT_HEADER: Final = headers.EXPLICIT.unpack_from
_LENGTH: Final = headers.LENGTH.unpack_from
_IMPLICIT_HEADER: Final = headers.IMPLICIT.unpack_from


def skim(
    buffer: Buffer, start: int, end: int, transfer_syntax_uid: str, tags: Set[int]
) -> tuple[dict[int, bytes], int]:
    """Pass over plain elements: little endian, of known length, in an encoding that ends at ``end``.

    That may be after the buffer. Returns the values of ``tags`` among them, and where an element begins that is not
    plain or not to be judged from here.
    """
    if transfer_syntax_uid == IMPLICIT_VR_LE:
        return _implicit(buffer, start, end, tags)
    if transfer_syntax_uid == EXPLICIT_VR_BE:
        return {}, start
    return _explicit(buffer, start, end, tags)


def _explicit(buffer: Buffer, position: int, end: int, tags: Set[int]) -> tuple[dict[int, bytes], int]:
    values: dict[int, bytes] = {}
    have = min(end, len(buffer))
    while position + 8 <= have:
        group, number, vr, length = _SHORT_HEADER(buffer, position)
        value = position + 8
        if vr not in SHORT_VRS:
            if vr not in LONG_VRS or value + 4 > have:
                break
            (length,) = _LENGTH(buffer, value)
            value += 4
        after = value + length
        if after > end or length == UNDEFINED_LENGTH or group == _ITEM_GROUP:
            break
        if (tag := group << 16 | number) in tags:
            if after > have or length > LONGEST_VALUE:
                break
            values[tag] = bytes(buffer[value:after])
        position = after
    return values, position


def _implicit(buffer: Buffer, position: int, end: int, tags: Set[int]) -> tuple[dict[int, bytes], int]:
    values: dict[int, bytes] = {}
    have = min(end, len(buffer))
    while position + 8 <= have:
        group, number, length = _IMPLICIT_HEADER(buffer, position)
        value = position + 8
        after = value + length
        if after > end or length == UNDEFINED_LENGTH or group == _ITEM_GROUP:
            break
        if (tag := group << 16 | number) in tags:
            if after > have or length > LONGEST_VALUE:
                break
            values[tag] = bytes(buffer[value:after])
        position = after
    return values, position
