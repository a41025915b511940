"""What a file is that is not quite a DICOM file (PS3.10 7.1): where its data set begins, and how it is encoded.

:func:`.part10.meta_in` reads what is right. Here comes what exporters, old archives and research tools write: no
preamble, no File Meta Information or two of them, one in Implicit VR, one without the transfer syntax or with another
than the data set has. The first elements tell, and only where they can be read in one way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from fidac_node.dicom import skim
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.part10 import UNDEFINED_LENGTH, FileMeta, Malformed, Readable
from fidac_node.dicom.skim import LONG_VRS, SHORT_VRS
from fidac_node.dicom.tags import SOP_CLASS_UID, SOP_INSTANCE_UID
from fidac_node.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
    is_name,
    is_valid_uid,
)

_PREFIX: Final = b"DICM"
_PREAMBLE: Final = 128
_META_GROUP: Final = 0x0002
_MOST_META: Final = 1 << 20
_HEAD: Final = 1 << 16
_ENCODINGS: Final = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
# Elements that must read one after the other before a data set counts as encoded so.
_ENOUGH: Final = 6
# Two that are known and ascend are no accident: a damaged data set may have no more.
_FEWEST: Final = 2
_LOWEST_GROUP: Final = 0x0008
_SOP_CLASS, _SOP_INSTANCE, _TRANSFER_SYNTAX, _SOURCE_AE = 0x0002, 0x0003, 0x0010, 0x0016


class Recognised(NamedTuple):
    """What a file holds: its File Meta Information as the data set wants it, and where (bytes) the data set begins."""

    meta: FileMeta
    offset: int


def recognised(buffer: Readable) -> Recognised:
    """Find the data set of a file without a File Meta Information that is right.

    Raises :class:`Malformed` for a file that is none, or whose encoding cannot be told for certain.
    """
    values, offset = _meta(buffer)
    if not values and not is_data_set(buffer, offset):
        raise Malformed("not a DICOM file: neither the prefix DICM (PS3.10 7.1) nor the elements of a data set")
    stated = _uid(values, _TRANSFER_SYNTAX)
    syntax = real_syntax(buffer, offset, stated)
    if not syntax:
        raise Malformed("it cannot be told how the data set is encoded: TransferSyntaxUID (0002,0010) is missing")
    said = FileMeta(_uid(values, _SOP_CLASS), _uid(values, _SOP_INSTANCE), stated, _text(values.get(_SOURCE_AE, b"")))
    return Recognised(_described(buffer, offset, syntax, said), offset)


def holds_a_file(buffer: Readable, offset: int) -> bool:
    """Say whether what stands at ``offset`` is another file of PS3.10, where a data set should be."""
    return bytes(buffer[offset + _PREAMBLE : offset + _PREAMBLE + len(_PREFIX)]) == _PREFIX


def real_syntax(buffer: Readable, offset: int, stated: str) -> str:
    """The transfer syntax of the data set at ``offset``: ``stated`` if its first elements do not belie it.

    ``""`` if nothing is stated and it cannot be told.
    """
    if stated == DEFLATED_EXPLICIT_VR_LE:
        return EXPLICIT_VR_LE if _reads(buffer, offset, EXPLICIT_VR_LE) else stated
    if stated and _reads(buffer, offset, stated):
        return stated
    able = [syntax for syntax in _ENCODINGS if _reads(buffer, offset, syntax)]
    return able[0] if len(able) == 1 else stated


def is_data_set(buffer: Readable, offset: int) -> bool:
    """Say whether the elements of a data set begin at ``offset``, in whatever encoding."""
    return any(_read(buffer, offset, syntax)[0] >= _FEWEST for syntax in _ENCODINGS)


def of_data_set(buffer: Readable, offset: int, meta: FileMeta) -> FileMeta:
    """File Meta Information as the data set at ``offset`` wants it; ``buffer`` is the beginning of a file."""
    syntax = real_syntax(buffer, offset, meta.transfer_syntax_uid)
    return _described(buffer, offset, syntax, meta)


def _described(buffer: Readable, offset: int, syntax: str, meta: FileMeta) -> FileMeta:
    """File Meta Information for a data set, which knows best what it is."""
    found: dict[int, bytes] = {}
    if syntax != DEFLATED_EXPLICIT_VR_LE:
        head = bytes(buffer[offset : offset + _HEAD])
        found, _ = skim.skim(head, 0, len(head), syntax, {SOP_CLASS_UID, SOP_INSTANCE_UID})
    sop_class, sop_instance = (_text(found.get(tag, b"")) for tag in (SOP_CLASS_UID, SOP_INSTANCE_UID))
    return meta._replace(
        sop_class_uid=sop_class if is_valid_uid(sop_class) else meta.sop_class_uid,
        sop_instance_uid=sop_instance if is_name(sop_instance) else meta.sop_instance_uid,
        transfer_syntax_uid=syntax,
    )


def _meta(buffer: Readable) -> tuple[dict[int, bytes], int]:
    """The elements of group 0002, by element number, and where the data set begins.

    Of two the second: whoever wrote a file around a file did not look inside.
    """
    values: dict[int, bytes] = {}
    offset = 0
    while (start := _after_prefix(buffer, offset)) is not None:
        values, offset = _group_2(buffer, start)
    if not offset:
        values, offset = _group_2(buffer, 0)
    return values, offset


def _after_prefix(buffer: Readable, offset: int) -> int | None:
    """Where group 0002 begins in a file that begins at ``offset``; ``None`` if none begins there."""
    for preamble in (_PREAMBLE, 0):
        start = offset + preamble
        if bytes(buffer[start : start + len(_PREFIX)]) == _PREFIX:
            return start + len(_PREFIX)
    return None


def _group_2(buffer: Readable, start: int) -> tuple[dict[int, bytes], int]:
    values: dict[int, bytes] = {}
    limit = min(len(buffer), start + _MOST_META)
    position = start
    for syntax in (EXPLICIT_VR_LE, IMPLICIT_VR_LE):
        for group, number, value, after in _elements(buffer, position, limit, syntax):
            if group != _META_GROUP:
                break
            values[number] = bytes(buffer[value:after])
            position = after
        if values:
            break
    return values, position


def _elements(buffer: Readable, position: int, limit: int, syntax: str) -> Iterator[tuple[int, int, int, int]]:
    """Group, element number, where the value begins and ends: of plain elements, as far as they read well."""
    little: bool = syntax != EXPLICIT_VR_BE
    explicit = syntax != IMPLICIT_VR_LE
    while limit - position >= 8:
        group, number = (
            int.from_bytes(buffer[at : at + 2], "little" if little else "big") for at in (position, position + 2)
        )
        value, width = position + 8, 4
        if explicit:
            vr = bytes(buffer[position + 4 : position + 6])
            if vr not in SHORT_VRS and vr not in LONG_VRS:
                return
            value, width = (position + 12, 4) if vr in LONG_VRS else (value, 2)
        length = int.from_bytes(buffer[value - width : value], "little" if little else "big")
        if length == UNDEFINED_LENGTH or value + length > limit:
            return
        yield group, number, value, value + length
        position = value + length


def _reads(buffer: Readable, offset: int, syntax: str) -> bool:
    """Say whether the first elements of a data set read well, or all there are."""
    count, position = _read(buffer, offset, syntax)
    return count >= _ENOUGH or (count > 0 and position == len(buffer))


def _read(buffer: Readable, offset: int, syntax: str) -> tuple[int, int]:
    """How many elements one after the other are those of an object, up to enough, and where the last ends."""
    last, count, position = 0, 0, offset
    for group, number, _, after in _elements(buffer, offset, len(buffer), syntax):
        tag = group << 16 | number
        if tag <= last or group < _LOWEST_GROUP or (group % 2 == 0 and number and not vrs_of(tag)):
            return 0, offset
        last, count, position = tag, count + 1, after
        if count >= _ENOUGH:
            break
    return count, position


def _uid(values: dict[int, bytes], number: int) -> str:
    uid = _text(values.get(number, b""))
    return uid if is_valid_uid(uid) else ""


def _text(value: bytes) -> str:
    return value.strip(b"\x00 ").decode("ascii", "replace")
