"""Elements and sequences to bytes (PS3.5 7): explicit lengths, even values, nothing else."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fidac_node.dicom.part10 import Malformed, format_tag
from fidac_node.dicom.uids import EXPLICIT_VR_BE, IMPLICIT_VR_LE

# Two reserved bytes and a 32-bit length (PS3.5 7.1.2).
_LONG: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_NUL_PADDED: Final = frozenset({"UI", "OB", "UN"})
_LONGEST_SHORT: Final = 0xFFFE
_LONGEST: Final = 0xFFFFFFFE
_ITEM: Final = (0xFFFE, 0xE000)


@dataclass(frozen=True)
class Syntax:
    """How a transfer syntax writes a data set."""

    explicit: bool
    little: bool
    _implicit_header: struct.Struct = field(init=False, repr=False, compare=False)
    _short_header: struct.Struct = field(init=False, repr=False, compare=False)
    _long_header: struct.Struct = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        order = "<" if self.little else ">"
        for name, layout in (("_implicit_header", "HHL"), ("_short_header", "HH2sH"), ("_long_header", "HH2sxxL")):
            object.__setattr__(self, name, struct.Struct(order + layout))

    @classmethod
    def of(cls, transfer_syntax_uid: str) -> Syntax:
        """Of a transfer syntax UID; compressed and deflated ones are Explicit VR Little Endian inside."""
        return cls(transfer_syntax_uid != IMPLICIT_VR_LE, transfer_syntax_uid != EXPLICIT_VR_BE)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """The bytes before a value of ``length`` bytes. Raises :class:`Malformed` if it does not fit."""
        long = not self.explicit or vr in _LONG
        if length > (_LONGEST if long else _LONGEST_SHORT):
            raise Malformed(f"{format_tag(tag)} is longer than {vr} can be")
        if not self.explicit:
            return self._implicit_header.pack(tag >> 16, tag & 0xFFFF, length)
        return (self._long_header if long else self._short_header).pack(
            tag >> 16, tag & 0xFFFF, vr.encode("ascii"), length
        )

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """One element, its value padded to an even length."""
        if len(value) % 2:
            value += b"\x00" if vr in _NUL_PADDED else b" "
        return self.header(tag, vr, len(value)) + value

    def item(self, length: int) -> bytes:
        """The bytes before the content of an item."""
        return self._implicit_header.pack(*_ITEM, length)

    def sequence(self, tag: int, items: Iterable[bytes]) -> bytes:
        """A sequence of items whose contents are encoded already."""
        parts: list[bytes] = []
        for item in items:
            parts += (self.item(len(item)), item)
        body = b"".join(parts)
        return self.header(tag, "SQ", len(body)) + body


def join(elements: Mapping[int, bytes]) -> bytes:
    """Encoded elements in the order that PS3.5 7.1 demands: by ascending tag."""
    return b"".join(elements[tag] for tag in sorted(elements))
