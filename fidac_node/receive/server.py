"""The listening socket's thread: sleeps until somebody comes, and leaves newcomers to processes with less to do."""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pynetdicom.transport import AddressInformation

from fidac_node.receive.association import LaneAssociation, Storage

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
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


class Server:
    """Takes connections from ``listener``, which other processes may listen on too, and starts their associations.

    ``handlers`` are pynetdicom's: (event, function). The TLS handshake is left to the association: it may take for
    ever.
    """

    def __init__(
        self,
        ae: ApplicationEntity,
        listener: socket.socket,
        storage: Storage,
        *,
        contexts: Sequence[PresentationContext],
        handlers: Sequence[tuple[Any, ...]],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._ae = ae
        self._listener = listener
        self._storage = storage
        self._contexts = list(contexts)
        self._handlers = handlers
        self._tls = tls
        self._address = AddressInformation.from_tuple(listener.getsockname())
        self._running: list[LaneAssociation] = []
        self._closed = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="accept", daemon=True)
        listener.setblocking(False)

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return int(self._address.port)

    @property
    def associations(self) -> list[LaneAssociation]:
        """Everybody who is connected, whether associated or not."""
        return [assoc for assoc in self._running if assoc.is_alive()]

    def start(self) -> None:
        """Accept connections, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Accept no more and close the socket; associations go on. Once closed, it stays so."""
        if self._listener.fileno() < 0:
            return  # the number of the event may be another file's by now
        os.eventfd_write(self._closed, 1)
        self._thread.join()
        self._listener.close()
        os.close(self._closed)

    def _run(self) -> None:
        closed, both = select.poll(), select.poll()
        for poll in (closed, both):
            poll.register(self._closed, select.POLLIN)
        both.register(self._listener, select.POLLIN)
        while all(fd != self._closed for fd, _ in both.poll()):
            self._running = self.associations
            seated = sum(assoc.seat is not None for assoc in self._running)
            patience = min(seated * _PATIENCE_SECONDS, _MOST_PATIENCE_SECONDS)
            if patience and closed.poll(patience * 1000):
                return
            try:
                self._accept()
            except BlockingIOError:
                continue  # another process was faster
            except Exception as error:  # whatever one connection leads to, the next one may do better
                log.warning(
                    "a connection could not be taken: %s", getattr(error, "strerror", None) or type(error).__name__
                )
                if getattr(error, "errno", None) in _EXHAUSTED and closed.poll(_EXHAUSTED_SECONDS * 1000):
                    return

    def _accept(self) -> None:
        sock, address = self._listener.accept()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            assoc = self._associate(sock, address)
        except BaseException:
            sock.close()
            raise
        self._running.append(assoc)
        try:
            assoc.start()
        except BaseException:
            assoc.lane.wire.dispose()
            raise

    def _associate(self, sock: socket.socket, address: Any) -> LaneAssociation:
        """As ``pynetdicom.transport.RequestHandler`` does."""
        ae = self._ae
        assoc = LaneAssociation(ae, sock, self._storage)
        assoc.requestor.address_info = AddressInformation.from_tuple(address)
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
