"""No memory of this process on a disk: who holds keys leaves no core dump, whatever the machine's settings say."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Final

# <linux/prctl.h>
_PR_SET_DUMPABLE: Final = 4


def forbid() -> None:
    """Let the kernel write no core dump of this process, and no other user's process look into its memory (prctl(2)).

    It holds for the processes that this one forks, and ends with exec. From then on /proc/PID is root's. Does nothing
    but on Linux.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
