"""The Storage and Verification SCP of both daemons: who may come in, and what each object is answered.

Statuses follow PS3.4 B.2.3 and PS3.7 Annex C. Success is said after ``accept`` returned, and ``accept``
returns after the bytes are synced.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.transport import AssociationSocket, ThreadedAssociationServer

from fidac_node.errors import ConfigError, Permanent, Temporary
from fidac_node.receive.check import Identity, identify
from fidac_node.receive.stream import Incoming, StreamingProvider
from fidac_node.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, VERIFICATION

log = logging.getLogger(__name__)

# pynetdicom's own handlers print every command, UIDs and all, into the debug log.
_config.LOG_HANDLER_LEVEL = "none"

_POLL_SECONDS: Final = 0.1

SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110
CLASS_NOT_SUPPORTED: Final = 0x0122
NOT_AUTHORISED: Final = 0x0124
OUT_OF_RESOURCES: Final = 0xA700
MISMATCH: Final = 0xA900
NOT_PARSEABLE: Final = 0xC001
NO_STUDY: Final = 0xC002
TOO_LARGE: Final = 0xC003

# The share of the disk's reserve that running associations may use up; the rest is for the work on what was taken.
ARRIVING_SHARE: Final = 0.5

# (result, source, reason) of A-ASSOCIATE-RJ, PS3.8 Table 9-21.
_CALLER_UNKNOWN: Final = (1, 1, 3)
_CALLED_UNKNOWN: Final = (1, 1, 7)
_NOT_FROM_HERE: Final = (1, 1, 1)
_BUSY: Final = (2, 3, 1)
_TOO_MANY: Final = (2, 3, 2)

# Twice the largest PDU that may be configured; an A-ASSOCIATE-RQ with all contexts and syntaxes has 100 KB.
_LONGEST_PDU: Final = 2 << 20

_STATUS_OF_CODE: Final = {"malformed": NOT_PARSEABLE, "incomplete": NO_STUDY, "mismatch": MISMATCH}


@dataclass(frozen=True)
class Policy:
    """Who may associate and with what, in plain values; times in seconds, sizes in bytes.

    ``callers`` answers for a calling AE title; ``called`` are the AE titles that this node answers to;
    ``ready`` says why no association can be taken now, or nothing; ``takes`` the same of one more object
    of a running association (default: as ``ready``). Senders try a rejected association again, while
    many take an error status as final: ``takes`` should hold out longer. ``handlers`` serve what
    ``contexts`` offers besides storage: ``(event, function)``.
    """

    ae_title: str
    host: str
    port: int
    contexts: Sequence[PresentationContext]
    callers: Callable[[str], bool]
    called: frozenset[str]
    ready: Callable[[], str]
    takes: Callable[[], str] | None = None
    networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()
    max_associations: int = 25
    max_associations_per_caller: int = 10
    max_pdu: int = 131072
    acse_timeout: float = 30
    dimse_timeout: float = 120
    idle_timeout: float = 120
    max_object: int = 4 << 30
    tls: ssl.SSLContext | None = None
    handlers: Sequence[tuple[Any, ...]] = ()


def storage_contexts(sop_classes: Sequence[str], transfer_syntaxes: Sequence[str]) -> list[PresentationContext]:
    """Presentation contexts for Verification and each Storage SOP Class, syntaxes in order of preference."""
    contexts = [build_context(uid, list(transfer_syntaxes)) for uid in sop_classes]
    return [build_context(VERIFICATION), *contexts]


class StorageScp:
    """One listening AE. ``create`` opens a file, ``accept`` takes the finished one and makes it safe.

    ``accept(path, identity, digest)`` may raise ``Temporary`` (answered A700), ``Permanent`` (answered
    by its code) or ``OSError`` (A700); it must not return before the object survives a power cut.
    """

    def __init__(
        self,
        policy: Policy,
        create: Callable[[], tuple[Path, BinaryIO]],
        accept: Callable[[Path, Identity, bytes], None],
    ) -> None:
        self._policy = policy
        self._create = create
        self._accept = accept
        self._stopping = threading.Event()
        self._admitted: set[Association] = set()
        self._lock = threading.Lock()
        self._ae = _application_entity(policy)
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The TCP port that is really listened on (the configured one may be 0)."""
        return int(cast(Any, self._server).server_address[1])

    def start(self) -> None:
        """Bind and serve in threads. Raises :class:`ConfigError` when the port cannot be had."""
        policy = self._policy
        handlers = [
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_CONN_CLOSE, self._on_close),
            (evt.EVT_ABORTED, self._on_close),
            (evt.EVT_C_STORE, self._on_store),
            *policy.handlers,
        ]
        try:
            self._server = cast(
                ThreadedAssociationServer,
                self._ae.make_server(
                    (policy.host, policy.port),
                    ae_title=policy.ae_title,
                    contexts=list(policy.contexts),
                    ssl_context=policy.tls,
                    evt_handlers=cast(Any, handlers),
                    server_class=_Server,
                ),
            )
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {policy.host}:{policy.port}: {error.strerror}; another program may hold the port: "
                f"set [receive] port, or find it with 'ss -ltnp sport = :{policy.port}'"
            ) from error
        self._ae._servers.append(self._server)
        threading.Thread(target=self._server.serve_forever, args=(0.2,), name="accept", daemon=True).start()

    def stop(self, grace: float) -> None:
        """Reject newcomers as transient, let objects that are arriving end within ``grace`` seconds, then abort."""
        self._stopping.set()
        server = cast(Any, self._server)
        deadline = time.monotonic() + grace
        pause = threading.Event()
        while (busy := [assoc for assoc in server.active_associations if _is_busy(assoc)]) and time.monotonic() < deadline:
            pause.wait(_POLL_SECONDS)
        for assoc in busy:
            log.warning("aborting %s in the middle of an object: it did not end within %.0f s", assoc.requestor.ae_title, grace)
        pause.wait(_POLL_SECONDS)  # the last answer leaves before its association does
        for assoc in server.active_associations:
            assoc.abort(block=False)
        server.shutdown()

    def _on_open(self, event: evt.Event) -> None:
        connection = cast(Any, event.assoc.dul.socket)
        connection.recv = functools.partial(_receive, connection)
        sock = connection.socket
        sock.settimeout(self._policy.idle_timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4)):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

    def _on_requested(self, event: evt.Event) -> None:
        assoc = event.assoc
        try:
            rejection, why = self._judge(assoc)
            if not rejection:
                assoc.dimse = StreamingProvider(assoc, self._create, self._policy.max_object)
        except Exception:  # pynetdicom goes on after a failing notification handler: we must not
            log.exception("rejecting an association: its request could not be judged")
            rejection, why = _BUSY, "internal error"
        if rejection:
            log.warning(
                "rejected %s from %s: %s", _text(cast(Any, assoc.requestor.primitive).calling_ae_title), assoc.requestor.address, why
            )
            assoc.acse.send_reject(*rejection)
            assoc.kill()

    def _judge(self, assoc: Association) -> tuple[tuple[int, int, int] | tuple[()], str]:
        """Return the rejection and its reason, or nothing."""
        request = cast(Any, assoc.requestor.primitive)
        calling, called = _text(request.calling_ae_title), _text(request.called_ae_title)
        address = _address(assoc.requestor.address)
        if self._policy.networks and not any(address in network for network in self._policy.networks):
            return _NOT_FROM_HERE, "its address is not in [receive] networks"
        if called not in self._policy.called:
            return _CALLED_UNKNOWN, f"it called {called!r}, this node answers to {', '.join(sorted(self._policy.called))}"
        if not self._policy.callers(calling):
            return _CALLER_UNKNOWN, "its AE title is not registered here"
        if self._stopping.is_set():
            return _BUSY, "the node is stopping"
        if reason := self._policy.ready():
            return _BUSY, reason
        return self._admit(assoc, calling)

    def _admit(self, assoc: Association, calling: str) -> tuple[tuple[int, int, int] | tuple[()], str]:
        """Count the association, unless there are too many; connections that never associate do not count."""
        with self._lock:
            self._admitted = {other for other in self._admitted if other.is_alive()}
            if len(self._admitted) >= self._policy.max_associations:
                return _TOO_MANY, f"there are {len(self._admitted)} associations already"
            running = sum(_text(cast(Any, other.requestor.primitive).calling_ae_title) == calling for other in self._admitted)
            if running >= self._policy.max_associations_per_caller:
                return _TOO_MANY, f"it has {running} associations already"
            self._admitted.add(assoc)
        return (), ""

    def _on_close(self, event: evt.Event) -> None:
        with self._lock:
            self._admitted.discard(event.assoc)
        if event.assoc.requestor.primitive is None:
            event.assoc.dul.to_user_queue.put(None)  # it came and went, a monitor perhaps: do not wait for its request
        dimse = event.assoc.dimse
        if isinstance(dimse, StreamingProvider):
            dimse.discard()

    def _on_store(self, event: evt.Event) -> Dataset:
        incoming: Incoming | None = getattr(event.request, "incoming", None)
        if incoming is None:
            return _status(NOT_PARSEABLE, "the command came without a data set")
        try:
            if incoming.meta.sop_class_uid != event.context.abstract_syntax:
                return _status(CLASS_NOT_SUPPORTED, "the SOP Class is not that of the presentation context")
            return self._store(incoming)
        except Exception:  # the answer to anything unexpected is a failure: the sender still has the object
            log.exception("object refused (0110): unexpected trouble")
            return _status(PROCESSING_FAILURE, "unexpected trouble, see the node's log")
        finally:
            incoming.discard()

    def _store(self, incoming: Incoming) -> Dataset:
        digest = incoming.finish()
        if incoming.too_large:
            return _status(TOO_LARGE, f"object is larger than {self._policy.max_object} bytes")
        if incoming.failure:
            return _status(OUT_OF_RESOURCES, f"disk: {incoming.failure}")
        if not self._policy.callers(incoming.meta.source_ae):
            return _status(NOT_AUTHORISED, "calling AE title is not registered any more")
        if reason := (self._policy.takes or self._policy.ready)():
            return _status(OUT_OF_RESOURCES, reason)
        try:
            identity = identify(cast(Path, incoming.path), limit=self._policy.max_object)
            self._accept(cast(Path, incoming.path), identity, digest)
            incoming.take()
        except Permanent as error:
            return _status(_STATUS_OF_CODE.get(error.code, PROCESSING_FAILURE), str(error))
        except Temporary as error:
            return _status(OUT_OF_RESOURCES, str(error))
        except OSError as error:
            return _status(OUT_OF_RESOURCES, f"disk: {error.strerror}")
        return _status(SUCCESS, "")


class _Server(ThreadedAssociationServer):
    """pynetdicom's server, with the TLS handshake moved out of the accept loop: it may take for ever."""

    # pynetdicom's 5 makes the sixth of a burst wait a second, until its TCP asks again.
    request_queue_size = 128

    def get_request(self) -> tuple[socket.socket, Any]:
        client, address = cast(socket.socket, self.socket).accept()
        if self.ssl_context:
            client = self.ssl_context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        return client, address


def _is_busy(assoc: Association) -> bool:
    return isinstance(assoc.dimse, StreamingProvider) and assoc.dimse.busy


def _application_entity(policy: Policy) -> AE:
    ae = AE(policy.ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_associations = sys.maxsize  # it counts silent connections too: we count associations
    ae.maximum_pdu_size = policy.max_pdu
    ae.acse_timeout = policy.acse_timeout
    ae.dimse_timeout = policy.dimse_timeout
    ae.network_timeout = policy.idle_timeout
    return ae


def _receive(connection: AssociationSocket, size: int) -> bytearray:
    """Read ``size`` bytes, fewer at the end of the stream.

    In place of pynetdicom's ``AssociationSocket.recv``, which believes any PDU length and reads in small
    pieces. Raises ``OSError``, upon which pynetdicom closes the connection.
    """
    if size > _LONGEST_PDU:
        raise OSError(errno.EMSGSIZE, f"a PDU of {size} bytes, {_LONGEST_PDU} are the most")
    data = bytearray(size)
    view, read = memoryview(data), 0
    while read < size and (count := cast(socket.socket, connection.socket).recv_into(view[read:])):
        read += count
    view.release()
    del data[read:]
    return data


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """A peer's address; an IPv4 one that a socket for both families shows as IPv6 is IPv4 (RFC 4291 2.5.5.2)."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _status(code: int, comment: str) -> Dataset:
    """A response status; ErrorComment is LO, 64 characters at most (PS3.7 C.5), and names nobody."""
    status = Dataset()
    status.Status = code
    if comment:
        status.ErrorComment = comment[:64]
        log.warning("object refused with status %04X: %s", code, comment)
    return status


def _text(ae_title: object) -> str:
    return str(ae_title).strip()
