"""What stands before a value in little endian (PS3.5 7.1.2, 7.1.3): tag, value representation, length."""

from __future__ import annotations

import struct
from typing import Final

EXPLICIT: Final = struct.Struct("<HH2sH")
EXPLICIT_LONG: Final = struct.Struct("<HH2s2xL")
IMPLICIT: Final = struct.Struct("<HHL")
TAG: Final = struct.Struct("<HH")
LENGTH: Final = struct.Struct("<L")
