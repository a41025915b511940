"""The messages that are pynetdicom's to serve: its DIMSE provider, with queues that wake who waits.

It rests on pynetdicom 3.0: ``DIMSEServiceProvider.message``, ``.msg_queue``, ``.receive_primitive``;
``DIMSEMessage.decode_msg``, ``.message_to_primitive``. ``tests/integration/receive/test_lane.py`` notices when they
change.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu_primitives import P_DATA

from fidac_node.dicom.pdu import COMMAND, LAST, PDV

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.dimse_primitives import DimsePrimitiveType

MOST_MESSAGES: Final = 32  # that wait to be served; more are not read


class Queue(queue.Queue[Any]):
    """pynetdicom's queue; who waits for it is woken."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put, and wake."""
        super().put(item, block, timeout)
        self._wake()

    def wait_until_empty(self, over: Callable[[], bool]) -> None:
        """Sleep until all was taken, or ``over``, of which :meth:`tell` has to be told."""
        with self.not_full:  # which is notified of each item that is taken
            while self.queue and not over():
                self.not_full.wait()

    def tell(self) -> None:
        """Let who waits until it is empty look whether it is over."""
        with self.not_full:
            self.not_full.notify_all()


class Provider(DIMSEServiceProvider):
    """pynetdicom's DIMSE provider; its messages are queued whole: no answer of ours gets between their fragments.

    A peer's N-EVENT-REPORT waits its turn as any other request does, while pynetdicom starts a thread for each.
    """

    def __init__(self, assoc: Association, wake: Callable[[], None]) -> None:
        super().__init__(assoc)
        self.msg_queue = Queue(wake)
        self.queueing = threading.Lock()
        self._cancelled: dict[int, None] = {}  # pynetdicom forgets what came right behind its request

    def is_cancelled(self, message_id: int) -> bool:
        """Say whether the peer has called the request with this Message ID off (PS3.7 9.3.2.3)."""
        return message_id in self._cancelled

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Queue the message that this fragment completes. Raises whatever decoding leads to."""
        message = self.message = self.message or DIMSEMessage()
        if not message.decode_msg(primitive, self.assoc):
            return
        self.message = None
        request = message.message_to_primitive()
        if isinstance(request, C_CANCEL):
            self._cancelled[cast(int, request.MessageIDBeingRespondedTo)] = None
            if len(self._cancelled) > MOST_MESSAGES:
                del self._cancelled[next(iter(self._cancelled))]
        else:
            # A Message ID may be used again: what was called off before is not this request.
            self._cancelled.pop(cast(int, request.MessageID), None)
            self.msg_queue.put((cast(int, message.context_id), request))

    def say(self, context_id: int, command: bytes, data: bytes = b"") -> None:
        """Queue a message that is encoded already, in one PDU where the peer's maximum length lets it (PS3.8 D.1)."""
        most = self.maximum_pdu_size or sys.maxsize
        whole = [bytes([COMMAND | LAST]) + command, *([bytes([LAST]) + data] if data else [])]
        fits = sum(len(value) + PDV.size - 1 for value in whole) <= most
        with self.queueing:
            for values in [whole] if fits else _cut(command, data, most - PDV.size):
                primitive = P_DATA()
                primitive.presentation_data_value_list.extend((context_id, value) for value in values)
                self.dul.send_pdu(primitive)

    def send_msg(self, primitive: DimsePrimitiveType, context_id: int) -> None:
        """Queue a message; see pynetdicom."""
        with self.queueing:
            super().send_msg(primitive, context_id)


def _cut(command: bytes, data: bytes, most: int) -> Iterator[list[bytes]]:
    """Yield fragments of ``most`` bytes, each alone, with its message control header (PS3.8 E.2)."""
    for kind, value in ((COMMAND, command), (0, data)):
        for start in range(0, len(value), most):
            last = LAST if start + most >= len(value) else 0
            yield [bytes([kind | last]) + value[start : start + most]]
