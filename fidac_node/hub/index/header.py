"""The header of one archived object, read where it lies: values on demand, pixels never.

Built on :mod:`fidac_node.dicom.part10`. A value that breaks the rules of its VR reads as absent: the index
must not stop on it, and the object itself is not touched.
"""

from __future__ import annotations

import math
import mmap
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from fidac_node.dicom import headers, part10
from fidac_node.dicom.part10 import Buffer, Element, FileMeta, Malformed
from fidac_node.dicom.skim import SHORT_VRS
from fidac_node.dicom.tags import (
    PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    SPECIFIC_CHARACTER_SET,
)
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, IMPLICIT_VR_LE

_MAX_DEPTH: Final = 64
_LONGEST_TEXT: Final = 64
_INT32: Final = 2**31
_SHORT_HEADER = headers.EXPLICIT.unpack_from
_LONG_HEADER = headers.EXPLICIT_LONG.unpack_from
_DELIMITERS: Final = 0xFFFE
_HEAD: Final = 1 << 14
_NOWHERE: Final = (0, 0)
# Longer values are not kept in memory.
_REMEMBERED: Final = 256
# PostgreSQL refuses NUL in text, and escape sequences have no place in a table.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Header:
    """One encoded data set, of a file or of a sequence's Item: ``buffer[start:end]``, its whole structure checked.

    ``top``: what is known of it already, before ``start``. Raises :class:`~fidac_node.dicom.part10.Malformed`.
    """

    def __init__(
        self,
        buffer: Buffer,
        start: int,
        end: int,
        transfer_syntax_uid: str,
        encoding: str = "latin-1",
        top: _Top | None = None,
    ) -> None:
        self._buffer = buffer
        self._syntax = transfer_syntax_uid
        # Where each value is; and the elements themselves that may be more than a plain value.
        self._head, self._values, self._elements = top or _Top(b"", {}, {})
        self._read(start, end)
        named = self.raw(SPECIFIC_CHARACTER_SET).split(b"\\")[0].strip(b" \x00").decode("ascii", "replace")
        self._encoding = str(python_encoding.get(named, encoding)) if named else encoding

    def _read(self, position: int, end: int) -> None:
        while position < end:
            if _is_plain(self._syntax):
                position = _skim(self._buffer, position, end, self._values)
            element = next(part10.walk(self._buffer, position, end, self._syntax), None)
            if element is None:
                return
            self._values[element.tag] = element.value, element.end
            self._elements[element.tag] = element
            position = element.after

    def text(self, tag: int) -> str:
        """The value as text of at most 64 characters, without padding; empty when absent."""
        raw = self.raw(tag)
        return _text(raw, self._encoding) if len(raw) <= _REMEMBERED else _text.__wrapped__(raw, self._encoding)

    def number(self, tag: int, index: int = 0) -> float | None:
        """The value number ``index`` of a DS or IS element; ``None`` when there is none."""
        values = self.raw(tag).split(b"\\")
        try:
            value = float(values[index].strip(b" \x00")) if index < len(values) else math.nan
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def integer(self, tag: int) -> int | None:
        """The first value of an IS element, if it fits 32 bits as PS3.5 6.2 wants it."""
        value = self.number(tag)
        return int(value) if value is not None and -_INT32 <= value < _INT32 else None

    def short(self, tag: int) -> int | None:
        """The value of a US element."""
        raw = self.raw(tag)
        element = self._elements.get(tag)
        big = self._syntax == EXPLICIT_VR_BE and element is not None and element.vr != b"UN"
        return int(struct.unpack(">H" if big else "<H", raw)[0]) if len(raw) == 2 else None

    def items(self, tag: int) -> Iterator[Header]:
        """The Items of a sequence; none when it is absent or no sequence."""
        element = self._elements.get(tag)
        syntax = _syntax_within(element, self._syntax) if element else None
        if element and syntax:
            for start, end in part10.items(self._buffer, element, syntax):
                yield Header(self._buffer, start, end, syntax, self._encoding)

    def holder(self, tag: int) -> Header:
        """Where ``tag`` stands: here, or in the functional groups that all frames share, or in the first frame's.

        An Enhanced image keeps there what a classic one has at the top (PS3.3 C.7.6.16). This data set itself when
        nowhere.
        """
        if tag in self._values:
            return self
        for groups in (SHARED_FUNCTIONAL_GROUPS_SEQUENCE, PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE):
            for group in self.items(groups):
                for macro in group.sequences():
                    for item in group.items(macro):
                        if tag in item._values:
                            return item
                break  # the first frame speaks for the others
        return self

    def private(self, group: int, creator: str, number: int) -> str:
        """The text of one element in the private block of ``creator``, whichever block that is (PS3.5 7.8.1)."""
        tag = self._private_tag(group, creator, number)
        return "" if tag is None else self.text(tag)

    def private_raw(self, group: int, creator: str, number: int) -> bytes:
        """The value of such an element as it is encoded; empty when absent."""
        tag = self._private_tag(group, creator, number)
        return b"" if tag is None else self.raw(tag)

    def _private_tag(self, group: int, creator: str, number: int) -> int | None:
        for block in range(0x10, 0x100):
            reserved = group << 16 | block
            if reserved in self._values and self.text(reserved) == creator:
                return group << 16 | block << 8 | number
        return None

    def sequences(self) -> Iterator[int]:
        """The tags of this data set that may have Items: :meth:`items`."""
        return (tag for tag, element in self._elements.items() if _syntax_within(element, self._syntax))

    def alone(self, tag: int) -> tuple[bytes, str, str]:
        """What makes a Header of one element: its bytes, the transfer syntax, the encoding of text."""
        element = self._elements[tag]
        return bytes(self._buffer[element.start : element.after]), self._syntax, self._encoding

    def everywhere(self, depth: int = 0) -> Iterator[Header]:
        """This data set and every data set in its sequences, at every depth."""
        if depth > _MAX_DEPTH:
            raise Malformed(f"sequences are nested more than {_MAX_DEPTH} deep")
        yield self
        for tag in self.sequences():
            for item in self.items(tag):
                yield from item.everywhere(depth + 1)

    def private_tags(self) -> Iterator[int]:
        """The tags of odd groups in this data set alone, group lengths left out (PS3.5 7.8)."""
        return (tag for tag in self._values if tag & 0x10000 and tag & 0xFFFF)

    def raw(self, tag: int) -> bytes:
        """The value as it is encoded; empty when absent."""
        start, end = self._values.get(tag, _NOWHERE)
        return self._head[start:end] if end <= len(self._head) else bytes(self._buffer[start:end])


@contextmanager
def opened(path: Path, *, limit: int) -> Iterator[tuple[FileMeta, Header]]:
    """Open a Part 10 file for reading its header; ``limit`` (bytes) bounds what a deflated one may inflate to.

    Raises :class:`~fidac_node.dicom.part10.Malformed` or ``OSError``.
    """
    with path.open("rb", buffering=0) as fp:
        meta, offset = part10.read_meta(fp)
        syntax, size = meta.transfer_syntax_uid, os.fstat(fp.fileno()).st_size
        head = os.pread(fp.fileno(), _HEAD, 0)
        top, position = _at_hand(head, offset, size) if _is_plain(syntax) else (_Top(head, {}, {}), offset)
        if position == size and syntax != DEFLATED_EXPLICIT_VR_LE:  # deflated, even nothing has an end
            yield meta, Header(head, size, size, syntax, top=top)
            return
        with mmap.mmap(fp.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            if syntax == DEFLATED_EXPLICIT_VR_LE:
                data = part10.inflate(buffer[offset:], limit)
                yield meta, Header(data, 0, len(data), syntax)
            else:
                yield meta, Header(buffer, position, size, syntax, top=top)


class _Top(NamedTuple):
    """The first bytes of a file, and where in them the values are and the elements that are not plain."""

    head: bytes
    values: dict[int, tuple[int, int]]
    elements: dict[int, Element]


def _at_hand(head: bytes, position: int, size: int) -> tuple[_Top, int]:
    """Read as much of a data set in Explicit VR Little Endian as ``head`` shows of it, and return where it goes on.

    That is ``size``, the size of the file, when it ends with the pixels: then there is nothing else to look at.
    """
    values: dict[int, tuple[int, int]] = {}
    elements: dict[int, Element] = {}
    with suppress(part10.Malformed):  # cut by the end of the head, or malformed: who reads on from there finds out
        while True:
            position = _skim(head, position, len(head), values)
            element = _last_pixels(head, position, size) or part10.element_at(head, position, len(head), explicit=True)
            values[element.tag] = element.value, element.end
            elements[element.tag] = element
            position = element.after
    return _Top(head, values, elements), position


def _last_pixels(head: bytes, start: int, size: int) -> Element | None:
    """The PixelData that begins at ``start``, if it is native and the last thing in the file."""
    if len(head) - start < 12:
        return None
    group, number, vr, length = _LONG_HEADER(head, start)
    value = start + 12
    if (
        group << 16 | number != part10.PIXEL_DATA
        or vr not in (b"OW", b"OB")
        or length == part10.UNDEFINED_LENGTH
        or value + length != size
    ):
        return None
    return Element(part10.PIXEL_DATA, vr, start, value, size, size)


def _is_plain(transfer_syntax_uid: str) -> bool:
    """Say whether it is Explicit VR Little Endian, pixels apart, as it lies in the file (PS3.5 A.2, A.4)."""
    return transfer_syntax_uid not in (IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE)


def _skim(buffer: Buffer, position: int, end: int, values: dict[int, tuple[int, int]]) -> int:
    """Note where plain values in Explicit VR Little Endian are, and return where an element begins that is none."""
    last = end - 8
    while position <= last:
        group, number, vr, length = _SHORT_HEADER(buffer, position)
        after = position + 8 + length
        if vr not in SHORT_VRS or after > end or group == _DELIMITERS:
            break
        values[group << 16 | number] = position + 8, after
        position = after
    return position


@lru_cache(maxsize=4096)
def _text(raw: bytes, encoding: str) -> str:
    """What is the same in a whole series is decoded once."""
    value = raw.decode("ascii" if raw.isascii() else encoding, "replace")
    return _CONTROL.sub("", value).strip()[:_LONGEST_TEXT]


def _syntax_within(element: Element, syntax: str) -> str | None:
    """The transfer syntax of the Items in ``element``; ``None`` when it is no sequence.

    UN hides a sequence in Implicit VR Little Endian (PS3.5 6.2.2 note 2); Implicit VR does not mark
    sequences of known length at all, only the dictionary knows them.
    """
    undefined = element.after != element.end
    if element.tag == part10.PIXEL_DATA:
        return None
    if element.vr == b"SQ":
        return syntax
    if element.vr not in (b"", b"UN") or not (undefined or _listed_as_sequence(element.tag)):
        return None
    return IMPLICIT_VR_LE if element.vr == b"UN" else syntax


@lru_cache(maxsize=4096)
def _listed_as_sequence(tag: int) -> bool:
    return dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ"
