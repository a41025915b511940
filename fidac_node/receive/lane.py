"""From the socket to the file: an upper layer whose C-STORE data sets do not go through pynetdicom, while all else does.

pynetdicom negotiates, and serves every message but C-STORE requests. This takes the place of its upper
layer's reactor, which polls every millisecond, and of its way from the socket to a message: P-DATA is read
where it lies (PS3.8 9.3.5, Annex E), a C-STORE data set goes to its file, the answer straight to the socket.

It rests on pynetdicom 3.0: ``DULServiceProvider.event_queue``, ``.to_provider_queue``, ``.to_user_queue``,
``.artim_timer``, ``.state_machine``, ``._process_recv_primitive``, ``._read_pdu_data``, ``._kill_thread``;
``fsm.TRANSITION_TABLE``; ``DIMSEServiceProvider.message``, ``.msg_queue``, ``.cancel_req``,
``.receive_primitive``; ``DIMSEMessage.decode_msg``, ``.message_to_primitive``.
``tests/integration/test_lane.py`` notices when they change.

What is guaranteed, whatever a peer sends: memory is bounded (``READ_AHEAD``, ``_LONGEST_PDU``,
``_LONGEST_MESSAGE``); a PDU, and each ``_STRETCH`` of a long one, must be whole within the DIMSE timeout (or the
idle timeout, if that is less) of its first byte, and within a message of the end of what came before; between messages the idle
timeout holds, before the association the ACSE timeout. What is late or invalid is aborted.
"""

from __future__ import annotations

import logging
import math
import queue
import struct
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pynetdicom import evt
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import TRANSITION_TABLE
from pynetdicom.pdu_primitives import P_DATA

from fidac_node.receive.command import read_store, store_response

if TYPE_CHECKING:
    from pynetdicom.dimse_primitives import DimsePrimitiveType, DimseServiceType

    from fidac_node.receive.association import LaneAssociation
    from fidac_node.receive.command import StoreRequest
    from fidac_node.receive.stream import Context, Incoming
    from fidac_node.receive.wire import Wire

log = logging.getLogger(__name__)

_PDU_HEADER: Final = struct.Struct(">BxL")
_PDV_HEADER: Final = struct.Struct(">LBB")
_P_DATA_TF: Final = 0x04
_PDU_TYPES: Final = range(0x01, 0x08)
_COMMAND: Final = 0x01
_LAST: Final = 0x02

# Twice the largest PDU that may be configured; an A-ASSOCIATE-RQ with all contexts and syntaxes has 200 KB.
_LONGEST_PDU: Final = 2 << 20
_LONGEST_COMMAND: Final = 64 << 10
# Bytes that come in time give the rest of a PDU more time: a slow line may take minutes for the longest.
_STRETCH: Final = 128 << 10
# What is not a C-STORE data set is kept in memory: a storage commitment report of 100,000 objects fits.
_LONGEST_MESSAGE: Final = 16 << 20
_MOST_MESSAGES: Final = 32

# PS3.8 Table 9-10: where P-DATA may come, and where the next word is the local user's.
_TRANSFER: Final = frozenset({"Sta6", "Sta7"})
_OUR_TURN: Final = frozenset({"Sta3", "Sta8", "Sta9", "Sta12"})


class Storage(Protocol):
    """What takes the objects, called by the association's own reading thread."""

    def begin(self, assoc: LaneAssociation, context: Context, request: StoreRequest) -> Incoming:
        """An object is announced under an accepted presentation context."""

    def end(self, incoming: Incoming) -> tuple[int, str]:
        """All of it came: the status to answer, and its ErrorComment. Raises nothing."""


class _Queue(queue.Queue[Any]):
    """pynetdicom's queue; who waits for it is woken."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        self._wake()


class Provider(DIMSEServiceProvider):
    """pynetdicom's DIMSE provider; its messages are queued whole, so that no answer of ours gets between their fragments.

    A peer's N-EVENT-REPORT waits its turn as any other request does, while pynetdicom starts a thread for each.
    """

    def __init__(self, assoc: LaneAssociation) -> None:
        super().__init__(assoc)
        self.msg_queue = _Queue(assoc.wake)
        self.queueing = threading.Lock()

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Queue the message that this fragment completes. Raises whatever decoding leads to."""
        message = self.message = self.message or DIMSEMessage()
        if not message.decode_msg(primitive, self.assoc):
            return
        self.message = None
        request = message.message_to_primitive()
        if isinstance(request, C_CANCEL) and len(self.cancel_req) < _MOST_MESSAGES:
            self.cancel_req[cast(int, request.MessageIDBeingRespondedTo)] = request
        else:
            self.msg_queue.put((cast(int, message.context_id), cast("DimseServiceType", request)))

    def send_msg(self, primitive: DimsePrimitiveType, context_id: int) -> None:
        """Queue a message; see pynetdicom."""
        with self.queueing:
            super().send_msg(primitive, context_id)


class Lane(DULServiceProvider):
    """The upper layer of one association, in a thread that sleeps until the peer or another thread wants something."""

    def __init__(self, assoc: LaneAssociation, storage: Storage) -> None:
        super().__init__(assoc)
        self.wire: Wire  # the connection, as pynetdicom's ``socket`` is once it is set
        self.daemon = True
        self.over = False
        self.event_queue = _Queue(self.wake)
        self.to_provider_queue = _Queue(self.wake)
        self.to_user_queue = _Queue(assoc.wake)
        self._storage = storage
        self._provider = cast(Provider, assoc.dimse)
        self._idle_timeout: float = math.inf if assoc.network_timeout is None else assoc.network_timeout
        self._rest_timeout = min(self._idle_timeout, math.inf if assoc.dimse_timeout is None else assoc.dimse_timeout)
        self._ending = False
        self._silent = False
        self._starved = True
        self._heard = time.monotonic()
        self._pdu_left = 0
        self._stretch_end = 0  # how much of the PDU may be left when the peer has been heard again
        self._pdv_left = -1  # none is begun
        self._context_id = self._control = 0
        self._command = bytearray()
        self._in_memory = 0
        self._incoming: Incoming | None = None
        self._pieces: list[memoryview] = []

    @property
    def busy(self) -> bool:
        """Whether an object is arriving, or waits for its answer."""
        return self._incoming is not None

    def wake(self) -> None:
        """Look at the queues; from any thread."""
        if self.socket is not None:
            self.wire.wake()

    def finish(self) -> None:
        """Close the connection once the queues are empty; from any thread."""
        self._ending = True
        self.wake()

    def stop_dul(self) -> bool:
        """Finish, and wait for the end; see pynetdicom."""
        self.finish()
        if self.is_alive() and threading.current_thread() is not self:
            self.join()
        return True

    def idle_timer_expired(self) -> bool:
        """Whether the peer was silent for too long."""
        return self._silent

    def run_reactor(self) -> None:
        """Serve the connection until it is closed."""
        self.assoc._dul_ready.set()
        try:
            while not self._kill_thread:
                self._turn()
        except Exception:
            log.exception("closing the connection of %s: unexpected trouble", self.assoc.requestor.ae_title)
            evt.trigger(self.assoc, evt.EVT_CONN_CLOSE, {})
        finally:
            self._drop()
            self.wire.dispose()
            self.over = True
            self._provider.msg_queue.put((None, None))
            cast(Any, self.to_user_queue).put(None)  # who waits for an association request that will not come

    def _turn(self) -> None:
        """Do one thing: what is to be sent goes before what is to be read."""
        state = self.state_machine.current_state
        if state == "Sta2" and self.artim_timer.expired:
            self.event_queue.put("Evt18")
        if not self.event_queue.queue and not (self.to_provider_queue.queue and self._process_recv_primitive()):
            self._listen(state)
        self._act()

    def _act(self) -> None:
        """Have the state machine act on the next event, if there is one."""
        if self.event_queue.queue:
            self.state_machine.do_action(self.event_queue.get(block=False))

    def _process_recv_primitive(self) -> bool:
        """Turn what the local user wants into an event; what comes too late is dropped."""
        if not super()._process_recv_primitive():
            return False
        if (self.event_queue.queue[-1], self.state_machine.current_state) not in TRANSITION_TABLE:
            self.event_queue.queue.pop()
            self.to_provider_queue.get(block=False)
        return True

    def _listen(self, state: str) -> None:
        """Wait for the peer, or to be woken, and take what came."""
        if state == "Sta13":
            self.wire.linger()
        elif self._ending:
            self.wire.close()
        elif state in _OUR_TURN or len(self._provider.msg_queue.queue) > _MOST_MESSAGES:
            self.wire.wait(None, deaf=True)
        elif state in _TRANSFER:
            self._receive()
        elif not self._starved or self._read(state):
            self._starved = not self._pass_on()

    def _receive(self) -> None:
        """Take P-DATA until something else is to be done."""
        while not self._starved or self._read("Sta6"):
            self._scan()
            if self.event_queue.queue or self.to_provider_queue.queue or self._provider.msg_queue.queue or self._ending:
                return

    def _read(self, state: str) -> bool:
        """Read ahead; sleep until something can be read, unless inside a message: there is more, or will be at once."""
        left = self._left(state)
        if left is not None and left <= 0 and state != "Sta2":  # there it is the ARTIM timer's to say so
            self._silent = True
            cast("LaneAssociation", self.assoc).wake()
            return False
        inside = self._is_inside()
        self._make_way()
        try:
            read = (inside and not self.wire.trickles and self.wire.fill()) or (
                self.wire.wait(left) and self.wire.fill()
            )
        except (EOFError, OSError):
            self.event_queue.put("Evt17")
            return False
        if read and not inside:
            self._heard = time.monotonic()
        return read

    def _make_way(self) -> None:
        """See that there is room to read ahead. While an object arrives, its bytes stay in the buffer as long as they can."""
        if self._incoming is None:
            self.wire.compact()
        elif self.wire.is_short:
            self._incoming.hash()
            self.wire.make_room()

    def _left(self, state: str) -> float | None:
        """Seconds that the peer may still be silent; ``None``: for ever."""
        if state == "Sta2":
            return None if self.artim_timer.timeout is None else self.artim_timer.remaining
        if self._silent:
            return None
        return (self._rest_timeout if self._is_inside() else self._idle_timeout) - (time.monotonic() - self._heard)

    def _is_inside(self) -> bool:
        """Whether a PDU or a message has begun and not ended."""
        if self._incoming is not None or self._pdu_left or self._provider.message is not None:
            return True
        return bool(self._command) or self.wire.end > self.wire.start

    def _scan(self) -> None:
        """Take all that was read ahead, up to what pynetdicom has to act on."""
        try:
            while not self.event_queue.queue:
                if not (self._next_fragment() if self._pdu_left else self._next_pdu()):
                    self._starved = True
                    break
            else:
                self._starved = False
            self._write()
        except Exception as error:  # whatever decoding a command of a stranger leads to
            log.warning(
                "aborting the association of %s: its message is not valid: %s",
                self.assoc.requestor.ae_title,
                type(error).__name__,
            )
            self._drop()
            self.event_queue.put("Evt19")  # invalid PDU (PS3.8 Table 9-10)

    def _next_pdu(self) -> bool:
        """Begin the next PDU; ``False``: more must be read first."""
        wire = self.wire
        if wire.end - wire.start < _PDU_HEADER.size:
            return False
        kind, length = _PDU_HEADER.unpack_from(wire.buffer, wire.start)
        if kind != _P_DATA_TF:
            self._write()
            if self._incoming is not None:
                self._incoming.hash()  # the buffer may move
            return self._pass_on()
        if not _PDV_HEADER.size <= length <= _LONGEST_PDU:
            raise ValueError("a P-DATA-TF PDU without a fragment, or too long")
        wire.start += _PDU_HEADER.size
        self._pdu_left = length
        self._stretch_end = max(0, length - _STRETCH)
        return True

    def _pass_on(self) -> bool:
        """Let pynetdicom read a PDU that is no P-DATA, once all of it is there; ``False``: it is not."""
        wire = self.wire
        have = wire.end - wire.start
        if have < _PDU_HEADER.size:
            return False
        kind, length = _PDU_HEADER.unpack_from(wire.buffer, wire.start)
        if length > _LONGEST_PDU:
            self.event_queue.put("Evt19")
        elif kind in _PDU_TYPES and have < _PDU_HEADER.size + length:
            wire.make_room(_PDU_HEADER.size + length)
            return False
        else:
            self._read_pdu_data()
            self._heard = time.monotonic()
        return True

    def _next_fragment(self) -> bool:
        """Take what there is of the presentation data value at hand (PS3.8 Annex E); ``False``: more must be read first."""
        wire = self.wire
        if self._pdv_left < 0:
            if wire.end - wire.start < _PDV_HEADER.size:
                return False
            length, self._context_id, self._control = _PDV_HEADER.unpack_from(wire.buffer, wire.start)
            if length < 2 or length + 4 > self._pdu_left:
                raise ValueError("a fragment longer than its PDU")
            wire.start += _PDV_HEADER.size
            self._pdu_left -= _PDV_HEADER.size
            self._pdv_left = length - 2
        size = min(self._pdv_left, wire.end - wire.start)
        if self._pdv_left and not size:
            return False
        piece = wire.view[wire.start : wire.start + size]
        wire.start += size
        self._pdu_left -= size
        self._pdv_left -= size
        whole = self._pdv_left == 0
        if whole:
            self._pdv_left = -1
            if 0 < self._pdu_left < _PDV_HEADER.size:
                raise ValueError("a PDU longer than its fragments")
        if self._pdu_left <= self._stretch_end:
            self._stretch_end = max(0, self._pdu_left - _STRETCH)
            self._heard = time.monotonic()
        self._take(piece, last=whole and bool(self._control & _LAST))
        return True

    def _take(self, piece: memoryview, *, last: bool) -> None:
        """Take a piece of a command or of a data set; ``last``: it ends there."""
        incoming, is_command = self._incoming, self._control & _COMMAND
        if incoming is not None:
            if is_command or self._context_id != incoming.context.context_id:
                raise ValueError("another message in the middle of a data set")
            self._pieces.append(piece)
            if last:
                self._write()
                self._answer(incoming)
        elif is_command and self._provider.message is None:
            self._command += piece
            if len(self._command) > _LONGEST_COMMAND:
                raise ValueError("a command too long to be one of ours")
            if last:
                command = bytes(self._command)
                self._command.clear()
                self._begin(command)
        elif is_command or self._provider.message is None:
            raise ValueError("a command or a data set where the other must be")
        else:
            self._hand_over(bytes([_LAST if last else 0]) + piece)

    def _begin(self, command: bytes) -> None:
        request = read_store(command)
        if request is None:
            self._hand_over(bytes([_COMMAND | _LAST]) + command)
            return
        assoc = cast("LaneAssociation", self.assoc)
        context = assoc.contexts.get(self._context_id)
        if context is None:
            raise ValueError("a presentation context that was not accepted")
        self._incoming = self._storage.begin(assoc, context, request)
        if not request.has_data_set:
            self._answer(self._incoming)

    def _hand_over(self, fragment: bytes) -> None:
        """Give pynetdicom a fragment of a message that is its own; when that is complete, it is queued."""
        self._in_memory = self._in_memory + len(fragment) if self._provider.message else len(fragment)
        if self._in_memory > _LONGEST_MESSAGE:
            raise ValueError("a message too long to be a service of ours")
        single = P_DATA()
        single.presentation_data_value_list.append((self._context_id, fragment))
        self._provider.receive_primitive(single)

    def _write(self) -> None:
        """Write what lies in the buffer of the object that is arriving."""
        if self._pieces and self._incoming is not None:
            self._incoming.write(self._pieces)
        self._pieces.clear()

    def _drop(self) -> None:
        """Keep nothing of an object that will not come whole."""
        self._pieces.clear()
        if self._incoming is not None:
            self._incoming.discard()
        self._incoming = None

    def _answer(self, incoming: Incoming) -> None:
        """Have the object judged and kept; say so, after what other threads have begun to say."""
        status, comment = self._storage.end(incoming)
        maximum = self.assoc.requestor.maximum_length or 0
        response = store_response(incoming.request, incoming.context.context_id, status, comment, maximum=maximum)
        with self._provider.queueing:
            before = len(self.to_provider_queue.queue)  # whole messages; what is queued from now on may wait
        for _ in range(before):
            self._process_recv_primitive()
            self._act()
        if self.state_machine.current_state in _TRANSFER:
            self.wire.send(response)
        self._incoming = None
        self._heard = time.monotonic()  # the silence was ours
