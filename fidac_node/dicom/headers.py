"""What stands before a value in little endian (PS3.5 7.1.2, 7.1.3): tag, value representation, length."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from fidac_node.dicom.window import Window

if TYPE_CHECKING:
    from mmap import mmap

EXPLICIT: Final = struct.Struct("<HH2sH")
EXPLICIT_LONG: Final = struct.Struct("<HH2s2xL")
IMPLICIT: Final = struct.Struct("<HHL")
TAG: Final = struct.Struct("<HH")
LENGTH: Final = struct.Struct("<L")


def at(layout: struct.Struct, buffer: bytes | mmap | memoryview | Window, position: int) -> tuple[Any, ...]:
    """The fields of ``layout`` at ``position``, which the caller knows to be there."""
    if isinstance(buffer, Window):
        return layout.unpack(buffer[position : position + layout.size])
    return layout.unpack_from(buffer, position)
