"""From bytes to messages: what lies in a connection's buffer, cut into commands and pieces of data sets.

P-DATA is taken where it lies (PS3.8 9.3.5, Annex E). Nothing here knows a socket, a thread or the time; whatever a
peer sends, memory is bounded (``LONGEST_PDU``, ``_LONGEST_COMMAND``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from fidac_node.dicom.pdu import COMMAND, LAST, P_DATA_TF, PDU, PDV

_PDU_TYPES: Final = range(0x01, 0x08)

# Twice the largest PDU that may be configured.
LONGEST_PDU: Final = 2 << 20
LONGEST_REQUEST: Final = 512 << 10  # an A-ASSOCIATE-RQ with all contexts and syntaxes has 200 KB
_LONGEST_COMMAND: Final = 64 << 10
# Bytes that come in time give the rest of a PDU more time: a slow line may take minutes for the longest.
_STRETCH: Final = 128 << 10


class Command(NamedTuple):
    """A whole command set. Who takes it says by :attr:`Parser.in_data_set` whether a data set follows."""

    context_id: int
    encoded: bytes


class Piece(NamedTuple):
    """A piece of a data set, where it lies in the buffer; ``last``: the data set ends with it."""

    context_id: int
    data: memoryview
    last: bool


class Foreign(NamedTuple):
    """A PDU that is no P-DATA-TF stands whole at :attr:`Parser.start`, or one that PS3.8 does not know.

    ``length`` is what it says of itself.
    """

    length: int


Event: TypeAlias = Command | Piece | Foreign


class Parser:
    """Cuts one connection's stream, however it was read in portions.

    ``start`` is the place in the buffer of the first byte that was not taken; ``wanted`` how many bytes must lie there
    together before it goes on; ``in_data_set`` whether pieces of a data set are due; ``stretches`` grows with each part
    of a PDU that came whole.
    """

    def __init__(self) -> None:
        self.start = 0
        self.wanted = 0
        self.in_data_set = False
        self.stretches = 0
        self._pdu_left = 0
        self._stretch_end = 0  # how much of the PDU may be left when the next stretch has come
        self._pdv_left = -1  # none is begun
        self._context_id = self._control = 0
        self._command = bytearray()

    @property
    def is_inside(self) -> bool:
        """Whether a PDU or a message has begun and not ended."""
        return bool(self._pdu_left or self.in_data_set or self._command)

    def parse(self, view: memoryview, start: int, end: int) -> Iterator[Event]:
        """Yield what there is in ``view[start:end]``, and stop where more must be read first.

        ``start`` of this parser is right at every event. Raises ``ValueError`` for what no valid peer sends.
        """
        self.start = start
        while True:
            if self._pdv_left >= 0:
                size = min(self._pdv_left, end - self.start)
                if self._pdv_left and not size:
                    return
                event = self._take(view, size)
                if event is not None:
                    yield event
            elif self._pdu_left:
                if not self._next_fragment(view, end):
                    return
            elif not self._next_pdu(view, end):
                if (foreign := self.foreign(view, self.start, end)) is not None:
                    yield foreign
                return

    def foreign(self, view: memoryview, start: int, end: int, longest: int = LONGEST_PDU) -> Foreign | None:
        """A PDU at ``start`` that is no P-DATA-TF, or may be none now; ``None``: more must be read first.

        For one longer than ``longest`` nobody waits.
        """
        self.start, self.wanted = start, 0
        if end - start < PDU.size:
            return None
        kind, length = PDU.unpack_from(view, start)
        if kind in _PDU_TYPES and length <= longest and end - start < PDU.size + length:
            self.wanted = PDU.size + length
            return None
        return Foreign(length)

    def _next_pdu(self, view: memoryview, end: int) -> bool:
        """Begin the next P-DATA-TF; ``False``: there is none."""
        if end - self.start < PDU.size:
            return False
        kind, length = PDU.unpack_from(view, self.start)
        if kind != P_DATA_TF:
            return False
        if not PDV.size <= length <= LONGEST_PDU:
            raise ValueError("a P-DATA-TF PDU without a fragment, or too long")
        self.start += PDU.size
        self._pdu_left = length
        self._stretch_end = max(0, length - _STRETCH)
        return True

    def _next_fragment(self, view: memoryview, end: int) -> bool:
        """Begin the next presentation data value (PS3.8 Annex E); ``False``: more must be read first."""
        if end - self.start < PDV.size:
            return False
        length, self._context_id, self._control = PDV.unpack_from(view, self.start)
        if length < 2 or length + 4 > self._pdu_left:
            raise ValueError("a fragment longer than its PDU")
        self.start += PDV.size
        self._pdu_left -= PDV.size
        self._pdv_left = length - 2
        return True

    def _take(self, view: memoryview, size: int) -> Event | None:
        """Take the next ``size`` bytes of the fragment at hand."""
        piece = view[self.start : self.start + size]
        self.start += size
        self._pdu_left -= size
        self._pdv_left -= size
        last = False
        if not self._pdv_left:
            self._pdv_left = -1
            last = bool(self._control & LAST)
            if 0 < self._pdu_left < PDV.size:
                raise ValueError("a PDU longer than its fragments")
        if self._pdu_left <= self._stretch_end:
            self._stretch_end = max(0, self._pdu_left - _STRETCH)
            self.stretches += 1
        if bool(self._control & COMMAND) is self.in_data_set:
            raise ValueError("a command or a data set where the other must be")
        if self.in_data_set:
            self.in_data_set = not last
            return Piece(self._context_id, piece, last)
        return self._of_command(piece, last=last)

    def _of_command(self, piece: memoryview, *, last: bool) -> Command | None:
        """Put a command's pieces together."""
        self._command += piece
        if len(self._command) > _LONGEST_COMMAND:
            raise ValueError("a command too long to be one of ours")
        if not last:
            return None
        encoded = bytes(self._command)
        self._command.clear()
        return Command(self._context_id, encoded)
