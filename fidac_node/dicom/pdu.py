"""P-DATA-TF as bytes, for both directions (PS3.8 9.3.5, Annex E): what stands before a fragment of a message."""

from __future__ import annotations

import struct
from typing import Final

P_DATA_TF: Final = 0x04
# Message control header: the fragment is of a command set, and it is the last one.
COMMAND: Final = 0x01
LAST: Final = 0x02
PDU: Final = struct.Struct(">BxL")  # type, length of what follows
PDV: Final = struct.Struct(">LBB")  # length of what follows, presentation context, control header
# Both, of a PDU with one fragment.
FRAGMENT: Final = struct.Struct(">BxLLBB")
