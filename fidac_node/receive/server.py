"""The listening socket's thread: sleeps until somebody comes or asks, and lets processes with less to do be first.

Who comes waits with the other newcomers until he has asked; then he gets an association.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pynetdicom.transport import AddressInformation

from fidac_node.receive.association import LaneAssociation, Storage
from fidac_node.receive.newcomers import Newcomer, Newcomers

if TYPE_CHECKING:
    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.presentation import PresentationContext

log = logging.getLogger(__name__)

# How long, for each association that runs here, another process may be first to take the next one, and at most.
# Who only connects is none: 300 silent connections made the next association wait for 20 seconds.
_PATIENCE_SECONDS: Final = 0.004
_MOST_PATIENCE_SECONDS: Final = 0.02
# accept(2) fails for want of descriptors or memory until something ends: no use in asking at once.
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EXHAUSTED_SECONDS: Final = 0.5
# Milliseconds between two signs of life when nobody comes, at most.
_LONGEST_SLEEP: Final = 5000.0
# Descriptors that newcomers leave to those who ask: an association takes up to six.
_SPARE_DESCRIPTORS: Final = 64
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


class Server:
    """Takes connections from ``listener``, which other processes may listen on too, and starts their associations.

    ``handlers`` are pynetdicom's: (event, function). ``most`` connections may have no association yet or none any
    more, ``most_per_address`` of one address. ``beat`` is called whenever its loop comes round.
    """

    def __init__(  # noqa: PLR0913  # one room hands it everything
        self,
        ae: ApplicationEntity,
        listener: socket.socket,
        storage: Storage,
        *,
        contexts: Sequence[PresentationContext],
        handlers: Sequence[tuple[Any, ...]],
        tls: ssl.SSLContext | None,
        most: int,
        most_per_address: int,
        beat: Callable[[float], object] = lambda _longer: None,
    ) -> None:
        self._beat = beat
        self._ae = ae
        self._listener = listener
        self._storage = storage
        self._contexts = list(contexts)
        self._handlers = handlers
        self._tls = tls
        self._most = most
        self._most_per_address = most_per_address
        self._address = AddressInformation.from_tuple(listener.getsockname())
        self._running: list[LaneAssociation] = []
        self._closed = os.eventfd(0, os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._newcomers = Newcomers(most, most_per_address, ae.acse_timeout, self._poll, storage)
        self._accepts_at: float | None = None  # while others may be first to take who came (monotonic)
        self._thread = threading.Thread(target=self._run, name="accept", daemon=True)
        listener.setblocking(False)

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return int(self._address.port)

    @property
    def associations(self) -> list[LaneAssociation]:
        """Everybody who has asked for an association and is connected."""
        return [assoc for assoc in self._running if assoc.is_alive()]

    @property
    def newcomers(self) -> int:
        """How many are connected and have not asked yet."""
        return len(self._newcomers)

    def start(self) -> None:
        """Accept connections, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Accept no more and close the socket and who has not asked; associations go on. Once closed, it stays so."""
        if self._listener.fileno() < 0:
            return  # the number of the event may be another file's by now
        os.eventfd_write(self._closed, 1)
        self._thread.join()
        self._newcomers.close()
        self._listener.close()
        os.close(self._closed)

    def _run(self) -> None:
        self._poll.register(self._closed, select.POLLIN)
        self._poll.register(self._listener, select.POLLIN)
        while True:
            pause = self._milliseconds()
            self._beat(pause / 1000)
            for fd, _ in self._poll.poll(pause):
                if fd == self._closed:
                    return
                self._carefully(self._come if fd == self._listener.fileno() else partial(self._go_on, fd))
            if self._accepts_at is not None and time.monotonic() >= self._accepts_at:
                self._listen_again()
                self._carefully(self._accept)
            self._newcomers.expire()

    def _milliseconds(self) -> float:
        """How long to sleep at most."""
        left = [] if self._accepts_at is None else [max(0.0, self._accepts_at - time.monotonic())]
        if (patience := self._newcomers.left()) is not None:
            left.append(patience)
        return min(_LONGEST_SLEEP, min(left) * 1000 + 1) if left else _LONGEST_SLEEP

    def _carefully(self, step: Callable[[], None]) -> None:
        """Do what one connection wants: whatever it leads to, the next one may do better."""
        try:
            step()
        except BlockingIOError:
            return  # another process was faster
        except Exception as error:
            if getattr(error, "errno", None) in _EXHAUSTED and not self._newcomers.make_way():
                self._pause(_EXHAUSTED_SECONDS)
            why = getattr(error, "strerror", None) or type(error).__name__
            log.warning("a connection could not be taken: %s", why, extra={"peer": why})

    def _come(self) -> None:
        """Somebody comes: take him, or let a process that has less to do be first."""
        self._running = self.associations
        seated = sum(assoc.seat is not None for assoc in self._running)
        if seated:
            self._pause(min(seated * _PATIENCE_SECONDS, _MOST_PATIENCE_SECONDS))
        else:
            self._accept()

    def _pause(self, seconds: float) -> None:
        """Accept nobody for a while."""
        if self._accepts_at is None:
            self._poll.unregister(self._listener)
        self._accepts_at = time.monotonic() + seconds

    def _listen_again(self) -> None:
        self._accepts_at = None
        self._poll.register(self._listener, select.POLLIN)

    def _accept(self) -> None:
        sock, address = self._listener.accept()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
            if self._tls:
                sock.setblocking(False)
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self._newcomers.add(Newcomer(sock, address))
            self._newcomers.leave_free(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_DESCRIPTORS)
        except BaseException:
            sock.close()
            raise

    def _go_on(self, fd: int) -> None:
        """A newcomer has sent something: once he has asked, he gets his association."""
        newcomer = self._newcomers.advance(fd)
        if newcomer is None:
            return
        self._make_way(newcomer.address)
        try:
            assoc = self._associate(newcomer)
        except BaseException:
            newcomer.socket.close()
            raise
        self._running.append(assoc)
        try:
            assoc.start()
        except BaseException:
            assoc.lane.wire.dispose()
            raise

    def _make_way(self, address: str) -> None:
        """Wait no longer for the oldest of those who were sent away to hang up, if there are too many."""
        self._running = self.associations
        unseated = [assoc for assoc in self._running if assoc.seat is None]
        of_address = [assoc for assoc in unseated if assoc.requestor.address == address]
        for those, most in ((unseated, self._most), (of_address, self._most_per_address)):
            for assoc in those[: max(0, len(those) + 1 - most)]:
                assoc.lane.wire.cut()

    def _associate(self, newcomer: Newcomer) -> LaneAssociation:
        """As ``pynetdicom.transport.RequestHandler`` does."""
        ae = self._ae
        assoc = LaneAssociation(ae, newcomer.socket, self._storage, bytes(newcomer.read))
        assoc.requestor.address_info = AddressInformation.from_tuple(newcomer.peer)
        acceptor = assoc.acceptor
        acceptor.address_info = self._address
        acceptor.ae_title = ae.ae_title
        acceptor.maximum_length = ae.maximum_pdu_size
        acceptor.implementation_class_uid = ae.implementation_class_uid
        acceptor.implementation_version_name = ae.implementation_version_name
        acceptor.supported_contexts = self._contexts  # only read: a copy for each association takes milliseconds
        for event, handler in self._handlers:
            assoc.bind(event, handler)
        return assoc
