"""Data sets cut into P-DATA-TF PDUs of one presentation data value each (PS3.8 9.3.5, Annex E)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from fidac_node.dicom.pdu import FRAGMENT, LAST, P_DATA_TF

HEADER: Final = FRAGMENT.size  # bytes: of the PDU and of the value in it
SHORTER: Final = "the file became shorter while it was sent"

_TRAIN: Final = 1 << 17


def header(context_id: int, control: int, length: int) -> bytes:
    """Encode what stands before a fragment of ``length`` bytes."""
    return FRAGMENT.pack(P_DATA_TF, length + 6, length + 2, context_id, control)


class Train:
    """PDUs side by side in one buffer: their headers stand there, and one read fills the gaps between them (preadv(2)).

    Two system calls for 128 KB whatever the peer's largest PDU is. With a peer that takes 4 KB this carries 2500
    slices of 0.5 MB a second, against 1500 with a call or two for each PDU. ``most`` is the longest fragment in bytes.
    """

    def __init__(self, context_id: int, most: int) -> None:
        number = max(1, _TRAIN // (HEADER + most))
        self._context_id, self._most, self._room = context_id, most, number * most
        self._buffer = memoryview(bytearray(number * (HEADER + most)))
        starts = range(0, len(self._buffer), HEADER + most)
        self._gaps = [self._buffer[start + HEADER : start + HEADER + most] for start in starts]
        for start in starts:
            self._buffer[start : start + HEADER] = header(context_id, 0, most)

    def load(self, file: int, offset: int, size: int) -> Iterator[memoryview]:
        """Yield the PDUs with ``size`` (1 or more) bytes of the open ``file`` from ``offset``, many at a time.

        What was yielded is overwritten by the next. Raises ``EOFError`` when the file is shorter.
        """
        while size > self._room:
            yield self._fill(file, offset, self._room)
            offset += self._room
            size -= self._room
        number = (size - 1) // self._most
        rest = size - number * self._most
        start = number * (HEADER + self._most)
        self._buffer[start : start + HEADER] = header(self._context_id, LAST, rest)
        try:
            yield self._fill(file, offset, size)
        finally:
            self._buffer[start : start + HEADER] = header(self._context_id, 0, self._most)

    def _fill(self, file: int, offset: int, size: int) -> memoryview:
        whole, rest = divmod(size, self._most)
        gaps = self._gaps[:whole] + ([self._gaps[whole][:rest]] if rest else [])
        if os.preadv(file, gaps, offset) != size:
            raise EOFError(SHORTER)
        return self._buffer[: size + HEADER * len(gaps)]
