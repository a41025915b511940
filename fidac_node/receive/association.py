"""An acceptor's association over a lane: its thread sleeps until there is a message to serve, or an end to serving.

It rests on pynetdicom 3.0: ``Association._run_reactor``, ``._serve_request``, ``._accepted_cx``,
``._reactor_checkpoint``, ``._is_paused``, ``._kill``. ``tests/integration/receive/test_lane.py`` notices when they
change.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from pynetdicom import evt
from pynetdicom.association import Association

from fidac_node.dicom.ae import Context
from fidac_node.receive.lane import Lane, Loan
from fidac_node.receive.provider import Provider
from fidac_node.receive.strangers import Strangers, cause_of
from fidac_node.receive.wire import Wire

if TYPE_CHECKING:
    import socket

    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.dimse_primitives import DimseServiceType

    from fidac_node.dicom.associate import Request
    from fidac_node.receive.command import StoreRequest
    from fidac_node.receive.seats import Seat
    from fidac_node.receive.stream import Incoming

log = logging.getLogger(__name__)


# Serves a request that came under an accepted presentation context, and says all its responses.
Service: TypeAlias = "Callable[[LaneAssociation, Any, Context], None]"


class Storage(Protocol):
    """What takes the objects of all associations, and hears who left without any.

    ``services`` are served by functions of ours, by the type of the request as pynetdicom reads it.
    """

    strangers: Strangers
    services: Mapping[type, Service]

    def begin(self, assoc: LaneAssociation, context: Context, request: StoreRequest) -> Incoming:
        """An object is announced under an accepted presentation context."""

    def end(self, incoming: Incoming) -> tuple[int, str]:
        """All of it came: the status to answer, and its ErrorComment. Raises nothing."""


class LaneAssociation(Association):
    """pynetdicom's ``Association`` of an acceptor, over a :class:`Lane`; its reactor sleeps when idle."""

    def __init__(self, ae: ApplicationEntity, sock: socket.socket, storage: Storage, read: bytes = b"") -> None:
        """``read`` was read from ``sock`` already."""
        self._something = threading.Event()
        self.seat: Seat | None = None
        self.proposed: Request | None = None  # once it has asked
        super().__init__(ae, "acceptor")
        self._storage = storage
        provider = Provider(self, self.wake)
        self.dimse = self._provider = provider
        self.lane = Lane(self, provider, self, self.wake)
        self.dul = self.lane
        self.acse_timeout = ae.acse_timeout  # again: it is kept by the upper layer's ARTIM timer
        self.lane.wire = Wire(self, sock, ae.network_timeout, read)
        self.set_socket(self.lane.wire)

    @cached_property
    def contexts(self) -> dict[int, Context]:
        """What was accepted, by number; once associated."""
        return {
            number: Context(number, str(cx.abstract_syntax), str(cx.transfer_syntax[0]))
            for number, cx in self._accepted_cx.items()
        }

    @cached_property
    def offered(self) -> tuple[Context, ...]:
        """The contexts under which the peer takes objects from us: it proposed to be their SCP (PS3.7 D.3.3.4)."""
        return tuple(self.contexts[number] for number, cx in self._accepted_cx.items() if cx.as_scu)

    @property
    def peer(self) -> str:
        """The IP address of who associates."""
        return str(self.requestor.address)

    @property
    def calling(self) -> str:
        """The AE title of who associates; empty until it has asked."""
        return self.proposed.calling if self.proposed else ""

    @property
    def called(self) -> str:
        """The AE title that it called; empty until it has asked."""
        return self.proposed.called if self.proposed else ""

    def asked(self, request: Request) -> None:
        """The peer asks for an association."""
        self.proposed = request

    def left(self, first: bytes, trouble: BaseException | None) -> None:
        """The peer left without asking, after the bytes ``first``, or for this trouble."""
        self._storage.strangers.left(str(self.requestor.address), *cause_of(first, trouble))

    def broke_off(self, size: int) -> None:
        """The peer left in the middle of an object, of which ``size`` bytes had come."""
        self._storage.strangers.broke_off(str(self.requestor.address), self.calling, size)

    def begin(self, context_id: int, request: StoreRequest) -> Incoming:
        """An object is announced. Raises ``ValueError`` when its presentation context was not accepted."""
        context = self.contexts.get(context_id)
        if context is None:
            raise ValueError("a presentation context that was not accepted")
        return self._storage.begin(self, context, request)

    def end(self, incoming: Incoming) -> tuple[int, str]:
        """All of it came: the status to answer, and its ErrorComment."""
        return self._storage.end(incoming)

    def goes_on(self, message_id: int) -> bool:
        """Wait until all that was said is on its way; whether the peer still wants to hear more about this request.

        Who answers at length asks before each response: a peer that reads slowly is waited for and not piled up for,
        and a C-CANCEL is heard within one response.
        """
        self.lane.said.wait_until_empty(lambda: self.lane.over)
        return not self.lane.over and not self._provider.is_cancelled(message_id)

    def say(self, context_id: int, command: bytes, identifier: bytes = b"") -> None:
        """Say a message that is encoded already, behind what other threads have begun to say."""
        self._provider.say(context_id, command, identifier)

    @contextmanager
    def lend(self) -> Iterator[tuple[socket.socket, Loan]]:
        """Have the connection to oneself while a request is served, to send objects over it; see :meth:`Lane.lend`."""
        with self.lane.lend() as (sock, loan):
            yield sock, loan

    def wake(self) -> None:
        """Look at the queues; from any thread."""
        self._something.set()

    def kill(self) -> None:
        """End both threads; see pynetdicom."""
        self._reactor_checkpoint.set()
        self._kill = True
        self.is_established = False
        self._is_paused = True
        self.wake()
        self.lane.stop_dul()

    def run_reactor(self) -> None:
        """Negotiate, serve, and leave nothing open."""
        try:
            super().run_reactor()
        finally:
            self.kill()
            self.lane.wire.dispose()  # a thread that could not be started did not

    def _run_reactor(self) -> None:
        """Serve messages and the end of the association, as pynetdicom's own does with a sleep between the looks."""
        while not self._kill:
            self._is_paused = True
            self._something.wait()
            self._reactor_checkpoint.wait()
            self._is_paused = False
            self._something.clear()
            self._serve_messages()
            if self._is_over():
                self.kill()

    def _serve_messages(self) -> None:
        while not self._kill:
            if not self._reactor_checkpoint.is_set():
                self.wake()  # for what is left, once the reactor may go on
                return
            context_id, message = self.dimse.get_msg(block=False)
            if not message:
                return
            self._serve_request(message, cast(int, context_id))
            self.lane.wake()  # it stops reading when too many messages wait

    def _serve_request(self, message: DimseServiceType, context_id: int) -> None:
        """Serve it, or let pynetdicom do so."""
        serve = self._storage.services.get(type(message))
        context = self.contexts.get(context_id)
        if serve is None or context is None or message.MessageID is None:
            super()._serve_request(message, context_id)
        elif str(message.AffectedSOPClassUID) != context.abstract_syntax:
            log.warning("aborting the association of %s: a request of another SOP class than its context", self.calling)
            self.abort()
        else:
            serve(self, message, context)

    def _is_over(self) -> bool:
        """Answer a release, take note of an abort, abort who is silent; ``True``: nothing more is to come."""
        if self.is_established and self.acse.is_release_requested():
            self.acse.send_release(is_response=True)
            self.is_released = True
            self.is_established = False
            evt.trigger(self, evt.EVT_RELEASED, {})
            return True
        if self.acse.is_aborted():
            self.dul.receive_pdu(wait=False)
            self.is_aborted = True
            self.is_established = False
            evt.trigger(self, evt.EVT_ABORTED, {})
            return True
        if self.lane.over:
            return True
        if self.lane.idle_timer_expired():
            log.warning(
                "aborting the association of %s: it is silent", self.requestor.ae_title, extra={"peer": self.peer}
            )
            self.abort()
            return True
        return False
