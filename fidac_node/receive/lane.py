"""From the socket to the file: an upper layer whose C-STORE data sets bypass pynetdicom, while all else does not.

pynetdicom negotiates, and serves every message but C-STORE requests. This takes the place of its upper
layer's reactor, which polls every millisecond, and of its way from the socket to a message: :mod:`.parser` cuts what
was read, a C-STORE data set goes to its file, the answer straight to the socket.

It rests on pynetdicom 3.0: ``DULServiceProvider.event_queue``, ``.to_provider_queue``, ``.to_user_queue``,
``.artim_timer``, ``.state_machine``, ``._process_recv_primitive``, ``._read_pdu_data``, ``._kill_thread``;
``fsm.TRANSITION_TABLE``; and what :mod:`.provider` names.
``tests/integration/receive/test_lane.py`` notices when they change.

What is guaranteed, whatever a peer sends: memory is bounded (``READ_AHEAD``, ``LONGEST_PDU``,
``_LONGEST_MESSAGE``); a PDU, and each stretch of a long one, must be whole within the DIMSE timeout (or the
idle timeout, if that is less) of its first byte, and within a message of the end of what came before; between messages
the idle timeout holds, before the association the ACSE timeout. What is late or invalid is aborted.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pynetdicom import evt
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import TRANSITION_TABLE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import P_DATA

from fidac_node.dicom.associate import Request, read_request, write_request
from fidac_node.dicom.pdu import COMMAND, LAST, PDU
from fidac_node.receive.command import read_store, store_response
from fidac_node.receive.parser import LONGEST_PDU, LONGEST_REQUEST, Command, Event, Foreign, Parser, Piece
from fidac_node.receive.provider import MOST_MESSAGES, Provider, Queue

if TYPE_CHECKING:
    import socket

    from pynetdicom.association import Association

    from fidac_node.receive.command import StoreRequest
    from fidac_node.receive.stream import Incoming
    from fidac_node.receive.wire import Wire

log = logging.getLogger(__name__)

# What is not a C-STORE data set is kept in memory: a storage commitment report of 100,000 objects fits.
_LONGEST_MESSAGE: Final = 16 << 20
_ASSOCIATE_RQ: Final = 0x01
_FIRST: Final = 16  # bytes that tell what a stranger speaks

# PS3.8 Table 9-10: where P-DATA may come, and where the next word is the local user's.
_TRANSFER: Final = frozenset({"Sta6", "Sta7"})
_OUR_TURN: Final = frozenset({"Sta3", "Sta8", "Sta9", "Sta12"})


class Receiver(Protocol):
    """What takes the objects of one association, called by its reading thread."""

    def asked(self, request: Request) -> None:
        """The peer asks for an association."""

    def left(self, first: bytes, trouble: BaseException | None) -> None:
        """The peer left without asking, after the bytes ``first``, or for this trouble."""

    def broke_off(self, size: int) -> None:
        """The peer left in the middle of an object, of which ``size`` bytes had come."""

    def begin(self, context_id: int, request: StoreRequest) -> Incoming:
        """An object is announced. Raises ``ValueError`` when its presentation context was not accepted."""

    def end(self, incoming: Incoming) -> tuple[int, str]:
        """All of it came: the status to answer, and its ErrorComment. Raises nothing."""


class Loan:
    """A connection in another thread's hands: ``sock``, and in ``rest`` what that thread read and did not use."""

    def __init__(self) -> None:
        self.rest = b""
        self.granted = threading.Event()
        self.returned = threading.Event()


class Lane(DULServiceProvider):
    """The upper layer of one association, in a thread that sleeps until the peer or another thread wants something."""

    def __init__(
        self, assoc: Association, provider: Provider, receiver: Receiver, wake_user: Callable[[], None]
    ) -> None:
        super().__init__(assoc)
        self.wire: Wire  # the connection, as pynetdicom's ``socket`` is once it is set
        self.daemon = True
        self.over = False
        self.parser = Parser()
        self.event_queue = Queue(self.wake)
        self.to_provider_queue = self.said = Queue(self.wake)
        self.to_user_queue = Queue(wake_user)
        self._receiver = receiver
        self._provider = provider
        self._wake_user = wake_user
        self._idle_timeout: float = math.inf if assoc.network_timeout is None else assoc.network_timeout
        self._rest_timeout = min(self._idle_timeout, math.inf if assoc.dimse_timeout is None else assoc.dimse_timeout)
        self._ending = False
        self._silent = False
        self._starved = True
        self._heard = time.monotonic()
        self._in_memory = 0
        self._first = b""  # what came first, for who does not associate
        self._trouble: BaseException | None = None
        self._has_asked = self._told = False
        self._incoming: Incoming | None = None
        self._pieces: list[memoryview] = []
        self._loan: Loan | None = None

    @property
    def busy(self) -> bool:
        """Whether an object is arriving, or waits for its answer."""
        return self._incoming is not None

    @property
    def lends(self) -> bool:
        """Whether another thread has the connection."""
        return self._loan is not None and self._loan.granted.is_set()

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

    @contextmanager
    def lend(self) -> Iterator[tuple[socket.socket, Loan]]:
        """Have the connection to oneself, for a thread that serves a request; between two messages of the peer.

        The socket is given back open or shut down, and :attr:`Loan.rest` with what was read of it. A stop of the node
        shuts it down. Raises ``ConnectionError`` when the connection is over already.
        """
        loan = self._loan = Loan()
        self.wake()
        loan.granted.wait()
        if self.over:
            raise ConnectionResetError("the peer has left")
        try:
            yield cast("socket.socket", self.wire.socket), loan
        finally:
            loan.returned.set()
            self.wake()

    def idle_timer_expired(self) -> bool:
        """Whether the peer was silent for too long."""
        return self._silent

    def run_reactor(self) -> None:
        """Serve the connection until it is closed."""
        self.assoc._dul_ready.set()
        self._starved = self.wire.end == self.wire.start
        self._note_first()
        try:
            while not self._kill_thread:
                self._turn()
        except Exception:
            log.exception(
                "closing the connection of %s: unexpected trouble",
                self.assoc.requestor.ae_title,
                extra={"peer": self.assoc.requestor.address},
            )
            evt.trigger(self.assoc, evt.EVT_CONN_CLOSE, {})
        finally:
            self._tell_of_the_end()
            self._drop()
            self.wire.dispose()
            self.over = True
            if self._loan is not None:
                self._loan.granted.set()
            self.said.tell()
            self._provider.msg_queue.put((None, None))
            cast(Any, self.to_user_queue).put(None)  # who waits for an association request that will not come

    def _tell_of_the_end(self) -> None:
        """Nobody fails unseen: neither who never associated, nor who left in the middle of an object."""
        if self._told or (self._ending and self._trouble is None):
            return  # it was said, or it is our own doing: whoever ends it says why
        if self._incoming is not None:
            self._receiver.broke_off(self._incoming.size)
        elif not self._has_asked:
            self._receiver.left(self._first, self._trouble)

    def _turn(self) -> None:
        """Do one thing: what is to be sent goes before what is to be read."""
        state = self.state_machine.current_state
        if self._loan is not None and state in _TRANSFER and self._is_between():
            self._hand_out(self._loan)
            return
        if state == "Sta2" and self.artim_timer.expired:
            self.event_queue.put("Evt18")
        says = not self.event_queue.queue and bool(self.to_provider_queue.queue) and self._process_recv_primitive()
        if not says and not self.event_queue.queue:
            self._listen(state)
        self._act()
        if says:
            self._heard = time.monotonic()  # it took what was said: the silence was ours
            if self.wire.wait(0):  # who answers at length hears that it is enough
                self._listen(self.state_machine.current_state)
                self._act()

    def _is_between(self) -> bool:
        """Whether nothing has begun that is not ended: all was said, all was read."""
        said = self.event_queue.queue or self.to_provider_queue.queue
        return not (said or self._is_inside() or self.busy or self._provider.message)

    def _hand_out(self, loan: Loan) -> None:
        """Let another thread have the connection until it gives it back."""
        loan.granted.set()
        while not loan.returned.is_set():
            self.wire.wait(None, deaf=True)
            if self._ending:
                self.wire.cut()
        self._loan = None
        self.wire.take_back(loan.rest)
        self._starved = not loan.rest
        self._heard = time.monotonic()

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
        elif state in _OUR_TURN or len(self._provider.msg_queue.queue) > MOST_MESSAGES:
            self.wire.wait(None, deaf=True)
        elif state in _TRANSFER:
            self._receive()
        elif not self._starved or self._read(state):
            self._starved = not self._pass_on()

    def _receive(self) -> None:
        """Take P-DATA until something else is to be done."""
        while not self._starved or self._read("Sta6"):
            self._scan()
            if self.event_queue.queue or self.to_provider_queue.queue or self._provider.msg_queue.queue:
                return
            if self._ending or self._loan is not None:
                return

    def _read(self, state: str) -> bool:
        """Read ahead; sleep until something can be read, unless inside a message: there is more, or will be at once."""
        left = self._left(state)
        if left is not None and left <= 0 and state != "Sta2":  # there it is the ARTIM timer's to say so
            self._silent = True
            self._wake_user()
            return False
        inside = self._is_inside()
        self._make_way()
        try:
            read = (inside and not self.wire.trickles and self.wire.fill()) or (
                self.wire.wait(left) and self.wire.fill()
            )
        except (EOFError, OSError) as error:
            self._trouble = error
            self.event_queue.put("Evt17")
            return False
        if read:
            self._note_first()
        if read and not inside:
            self._heard = time.monotonic()
        return read

    def _note_first(self) -> None:
        if not self._first:
            self._first = bytes(self.wire.view[self.wire.start : min(self.wire.end, self.wire.start + _FIRST)])

    def _make_way(self) -> None:
        """See that there is room to read ahead; an object's bytes stay in the buffer as long as they can."""
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
        return self.parser.is_inside or self.wire.end > self.wire.start

    def _scan(self) -> None:
        """Take all that was read ahead, up to what pynetdicom has to act on."""
        wire, parser = self.wire, self.parser
        stretches = parser.stretches
        self._starved = False
        try:
            for event in parser.parse(wire.view, wire.start, wire.end):
                wire.start = parser.start
                self._take(event)
                if self.event_queue.queue:
                    break
            else:
                wire.start = parser.start
                self._starved = True
            self._write()
            if parser.wanted:
                self._make_room()
        except Exception as error:  # whatever decoding a command of a stranger leads to
            log.warning(
                "aborting the association of %s: its message is not valid: %s",
                self.assoc.requestor.ae_title,
                type(error).__name__,
                extra={"peer": self.assoc.requestor.address},
            )
            self._told = True
            self._drop()
            self.event_queue.put("Evt19")  # invalid PDU (PS3.8 Table 9-10)
        if parser.stretches > stretches:
            self._heard = time.monotonic()

    def _take(self, event: Event) -> None:
        """Act on what was cut: a piece of an object, a command, a piece of another message, a PDU that is no P-DATA."""
        incoming = self._incoming
        if isinstance(event, Piece):
            if incoming is None:
                self._hand_over(event.context_id, bytes([LAST if event.last else 0]) + event.data)
                return
            if event.context_id != incoming.context.context_id:
                raise ValueError("another message in the middle of a data set")
            self._pieces.append(event.data)
            if event.last:
                self._write()
                self._answer(incoming)
        elif isinstance(event, Command):
            self._begin(event)
        else:
            self._write()
            self._give(event)

    def _begin(self, command: Command) -> None:
        request = read_store(command.encoded)
        if request is None:
            self._hand_over(command.context_id, bytes([COMMAND | LAST]) + command.encoded)
            self.parser.in_data_set = self._provider.message is not None
            return
        self._incoming = self._receiver.begin(command.context_id, request)
        self.parser.in_data_set = request.has_data_set
        if not request.has_data_set:
            self._answer(self._incoming)

    def _pass_on(self) -> bool:
        """Let pynetdicom read the PDU at hand, once all of it is there; ``False``: it is not."""
        wire = self.wire
        foreign = self.parser.foreign(wire.view, wire.start, wire.end, self._longest())
        if foreign is not None:
            self._give(foreign)
        elif self.parser.wanted:
            self._make_room()
        return foreign is not None

    def _give(self, foreign: Foreign) -> None:
        """Let pynetdicom read a PDU that lies in the buffer."""
        wire = self.wire
        if foreign.length > self._longest():
            self.event_queue.put("Evt19")
            return
        if wire.buffer[wire.start] == _ASSOCIATE_RQ:
            start = wire.start + PDU.size
            wire.start = start + foreign.length
            self._asked(bytes(wire.view[start : wire.start]))
        else:
            self._read_pdu_data()
        self.parser.start = self.wire.start
        self._heard = time.monotonic()

    def _longest(self) -> int:
        """How long a PDU that pynetdicom reads may be."""
        return LONGEST_PDU if self._has_asked else LONGEST_REQUEST

    def _asked(self, body: bytes) -> None:
        """Take an association request as it was meant, and let pynetdicom read what the standard makes of it."""
        pdu = A_ASSOCIATE_RQ()
        try:
            request = read_request(body)
            if all(proposal.problem for proposal in request.proposals):
                why = next((proposal.problem for proposal in request.proposals), "there is none")
                raise ValueError(f"no presentation context that can be used: {why}")
            pdu.decode(write_request(request))
        except Exception as error:  # ours says what is wrong; of pynetdicom's the kind is told
            why = str(error) if type(error) is ValueError else type(error).__name__
            address = self.assoc.requestor.address
            log.warning("aborting the request of %s: %s", address, why, extra={"peer": address})
            self._told = True
            self.event_queue.put("Evt19")
            return
        self._has_asked = True
        self._receiver.asked(request)
        self._recv_pdu.put(pdu)
        self.event_queue.put("Evt6")

    def _make_room(self) -> None:
        """Let a PDU that is passed on fit into the buffer; what lies there moves."""
        if self._incoming is not None:
            self._incoming.hash()
        self.wire.make_room(self.parser.wanted)

    def _hand_over(self, context_id: int, fragment: bytes) -> None:
        """Give pynetdicom a fragment of a message that is its own; when that is complete, it is queued."""
        self._in_memory = self._in_memory + len(fragment) if self._provider.message else len(fragment)
        if self._in_memory > _LONGEST_MESSAGE:
            raise ValueError("a message too long to be a service of ours")
        single = P_DATA()
        single.presentation_data_value_list.append((context_id, fragment))
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
        status, comment = self._receiver.end(incoming)
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
