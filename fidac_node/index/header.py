"""The header of one archived object, read where it lies: values on demand, pixels never.

Built on :mod:`fidac_node.part10`. A value that breaks the rules of its VR reads as absent: the index
must not stop on it, and the object itself is not touched.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from fidac_node import part10
from fidac_node.part10 import Buffer, Element, FileMeta, Malformed
from fidac_node.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, IMPLICIT_VR_LE

_SPECIFIC_CHARACTER_SET: Final = 0x00080005
_SHARED_GROUPS: Final = 0x52009229
_PER_FRAME_GROUPS: Final = 0x52009230
_MAX_DEPTH: Final = 64
_LONGEST_TEXT: Final = 64
_INT32: Final = 2**31
# PostgreSQL refuses NUL in text, and escape sequences have no place in a table.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Header:
    """One encoded data set, of a file or of a sequence's Item."""

    def __init__(self, buffer: Buffer, start: int, end: int, transfer_syntax_uid: str, encoding: str = "latin-1") -> None:
        self._buffer = buffer
        self._syntax = transfer_syntax_uid
        self._elements = {element.tag: element for element in part10.walk(buffer, start, end, transfer_syntax_uid)}
        named = self._raw(_SPECIFIC_CHARACTER_SET).split(b"\\")[0].strip(b" \x00").decode("ascii", "replace")
        self._encoding = str(python_encoding.get(named, encoding)) if named else encoding

    def text(self, tag: int) -> str:
        """The value as text of at most 64 characters, without padding; empty when absent."""
        value = self._raw(tag).decode("ascii" if self._raw(tag).isascii() else self._encoding, "replace")
        return _CONTROL.sub("", value).strip()[:_LONGEST_TEXT]

    def number(self, tag: int, index: int = 0) -> float | None:
        """The value number ``index`` of a DS or IS element; ``None`` when there is none."""
        values = self._raw(tag).split(b"\\")
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
        raw = self._raw(tag)
        big = self._syntax == EXPLICIT_VR_BE and self._elements[tag].vr != b"UN" if raw else False
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

        An Enhanced image keeps there what a classic one has at the top (PS3.3 C.7.6.16). This data set itself when nowhere.
        """
        if tag in self._elements:
            return self
        for groups in (_SHARED_GROUPS, _PER_FRAME_GROUPS):
            for group in self.items(groups):
                for macro in group._elements:
                    for item in group.items(macro):
                        if tag in item._elements:
                            return item
                break  # the first frame speaks for the others
        return self

    def private(self, group: int, creator: str, number: int) -> str:
        """The text of one element in the private block of ``creator``, whichever block that is (PS3.5 7.8.1)."""
        for block in range(0x10, 0x100):
            if self.text(group << 16 | block) == creator:
                return self.text(group << 16 | block << 8 | number)
        return ""

    def everywhere(self, depth: int = 0) -> Iterator[Header]:
        """This data set and every data set in its sequences, at every depth."""
        if depth > _MAX_DEPTH:
            raise Malformed(f"sequences are nested more than {_MAX_DEPTH} deep")
        yield self
        for tag in self._elements:
            for item in self.items(tag):
                yield from item.everywhere(depth + 1)

    def tags(self) -> Iterator[int]:
        """The tags of this data set alone."""
        return iter(self._elements)

    def _raw(self, tag: int) -> bytes:
        element = self._elements.get(tag)
        return bytes(self._buffer[element.value : element.end]) if element else b""


@contextmanager
def opened(path: Path, *, limit: int) -> Iterator[tuple[FileMeta, Header]]:
    """Open a Part 10 file for reading its header; ``limit`` (bytes) bounds what a deflated one may inflate to.

    Raises :class:`~fidac_node.part10.Malformed` or ``OSError``.
    """
    with path.open("rb") as fp:
        meta, offset = part10.read_meta(fp)
    with part10.mapped(path) as buffer:
        if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
            data = part10.inflate(buffer[offset:], limit)
            yield meta, Header(data, 0, len(data), meta.transfer_syntax_uid)
        else:
            yield meta, Header(buffer, offset, len(buffer), meta.transfer_syntax_uid)


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
