"""The Storage and Verification SCP of both daemons: who may come in, and what each object is answered.

Statuses follow PS3.4 B.2.3 and PS3.7 Annex C. Success is said after ``accept`` returned, and ``accept``
returns after the bytes are synced.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from pynetdicom import AE, _config, evt
from pynetdicom.presentation import PresentationContext, build_context

from fidac_node.dicom.ae import Context
from fidac_node.dicom.part10 import FileMeta
from fidac_node.dicom.series import cutters
from fidac_node.dicom.statuses import WITHDRAWN
from fidac_node.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, VERIFICATION
from fidac_node.errors import Permanent, Temporary
from fidac_node.receive.association import LaneAssociation, Service
from fidac_node.receive.check import Identity, identify_draft
from fidac_node.receive.command import StoreRequest
from fidac_node.receive.listener import listen
from fidac_node.receive.seats import Seats
from fidac_node.receive.server import Server
from fidac_node.receive.strangers import Strangers
from fidac_node.receive.stream import Incoming
from fidac_node.spool.draft import Draft

log = logging.getLogger(__name__)

# pynetdicom's own handlers print every command, UIDs and all, into the debug log.
_config.LOG_HANDLER_LEVEL = "none"

_POLL_SECONDS: Final = 0.1
_ABORT_SECONDS: Final = 2.0  # more than it takes to say an A-ABORT and to wait for the peer to hang up

SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110
CLASS_NOT_SUPPORTED: Final = 0x0122
NOT_AUTHORISED: Final = 0x0124
OUT_OF_RESOURCES: Final = 0xA700
MISMATCH: Final = 0xA900
NOT_PARSEABLE: Final = 0xC001
TOO_LARGE: Final = 0xC003

# The share of the disk's reserve that running associations may use up; the rest is for the work on what was taken.
ARRIVING_SHARE: Final = 0.5

# (result, source, reason) of A-ASSOCIATE-RJ, PS3.8 Table 9-21.
_CALLER_UNKNOWN: Final = (1, 1, 3)
_CALLED_UNKNOWN: Final = (1, 1, 7)
_NOT_FROM_HERE: Final = (1, 1, 1)
_FULL: Final = (2, 3, 1)
_BUSY: Final = (2, 3, 2)

STATUS_OF_CODE: Final = {"malformed": NOT_PARSEABLE, "mismatch": MISMATCH, "withdrawn": WITHDRAWN}


Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


@dataclass(frozen=True)
class Policy:
    """Who may associate and with what, in plain values; times in seconds, sizes in bytes.

    ``callers`` answers for a calling AE title; ``called`` are the AE titles that this node answers to;
    ``ready`` says why no association can be taken now, or nothing; ``takes`` the same of one more object
    of a running association (default: as ``ready``). Senders try a rejected association again, while
    many take an error status as final: ``takes`` should hold out longer. ``seats`` counts the associations.
    ``max_unassociated`` connections may have no association, ``max_unassociated_per_address`` of one address.
    ``guests`` gives the networks (none: all) of a calling AE title that may associate without storing, else ``None``.
    ``handlers`` serve what ``contexts`` offers besides storage: ``(event, function)``; so do ``services``, by the type
    of a request, and they say the responses themselves.
    """

    ae_title: str
    host: str
    port: int
    contexts: Sequence[PresentationContext]
    callers: Callable[[str], bool]
    called: frozenset[str]
    ready: Callable[[], str]
    seats: Seats
    takes: Callable[[], str] | None = None
    networks: Sequence[Network] = ()
    max_pdu: int = 131072
    acse_timeout: float = 30
    dimse_timeout: float = 120
    idle_timeout: float = 120
    max_object: int = 4 << 30
    max_unassociated: int = 400
    max_unassociated_per_address: int = 100
    tls: ssl.SSLContext | None = None
    handlers: Sequence[tuple[Any, ...]] = ()
    services: Mapping[type, Service] = field(default_factory=dict)
    guests: Callable[[str], Sequence[Network] | None] = lambda _: None


def storage_contexts(
    sop_classes: Sequence[str], transfer_syntaxes: Sequence[str], *, both_ways: bool = False
) -> list[PresentationContext]:
    """Presentation contexts for Verification and each Storage SOP Class, syntaxes in order of preference.

    With ``both_ways`` who asks may propose to be the SCP of what it retrieves (PS3.7 D.3.3.4).
    """
    contexts = [build_context(uid, list(transfer_syntaxes)) for uid in sop_classes]
    for context in contexts if both_ways else ():
        context.scu_role = context.scp_role = True
    return [build_context(VERIFICATION), *contexts]


class StorageScp:
    """One listening AE. ``create`` opens a file, ``accept`` takes the finished one and makes it safe.

    ``accept(draft, identity, digest)`` may raise ``Temporary`` (answered A700), ``Permanent`` (answered
    by its code) or ``OSError`` (A700); it must not return before the object survives a power cut. ``ended`` is called
    at the end of each association that was accepted, ``failed`` for each connection that came to nothing.
    ``listener`` is a listening socket that other processes may share, and closed at the end; without it the policy's
    host and port are bound. Raises :class:`ConfigError` when they cannot be had.
    """

    def __init__(
        self,
        policy: Policy,
        create: Callable[[], Draft],
        accept: Callable[[Draft, Identity, bytes], None],
        listener: socket.socket | None = None,
        *,
        ended: Callable[[], None] = lambda: None,
        failed: Callable[[], None] = lambda: None,
        beat: Callable[[float], object] = lambda _longer: None,
    ) -> None:
        self._policy = policy
        self._create = create
        self._accept = accept
        self._ended = ended
        self._stopping = threading.Event()
        self._cutters = cutters()
        self.strangers = Strangers(failed)
        self.services = policy.services
        handlers = [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_CONN_CLOSE, self._on_close),
            *policy.handlers,
        ]
        self._server = Server(
            _application_entity(policy),
            listener or listen(policy.host, policy.port),
            self,
            contexts=policy.contexts,
            handlers=handlers,
            tls=policy.tls,
            most=policy.max_unassociated,
            most_per_address=policy.max_unassociated_per_address,
            beat=beat,
        )

    @property
    def port(self) -> int:
        """The TCP port that is really listened on (the configured one may be 0)."""
        return self._server.port

    @property
    def associations(self) -> list[LaneAssociation]:
        """Everybody who has asked for an association and is connected."""
        return self._server.associations

    @property
    def newcomers(self) -> int:
        """How many are connected and have not asked yet."""
        return self._server.newcomers

    def start(self) -> None:
        """Serve, in threads."""
        self._server.start()

    def stop(self, grace: float) -> None:
        """Reject newcomers as transient, let objects that are arriving end within ``grace`` seconds, then abort."""
        self._stopping.set()
        deadline = time.monotonic() + grace
        pause = threading.Event()
        while (busy := [assoc for assoc in self.associations if assoc.lane.busy]) and time.monotonic() < deadline:
            pause.wait(_POLL_SECONDS)
        for assoc in busy:
            log.warning(
                "aborting %s in the middle of an object: it did not end within %.0f s", assoc.requestor.ae_title, grace
            )
        self._server.close()
        remaining = self.associations
        for assoc in remaining:
            assoc.abort(block=False)
            assoc.lane.finish()  # before it is established, there is nothing to abort
        for assoc in remaining:
            assoc.join(_ABORT_SECONDS)

    def begin(self, assoc: LaneAssociation, context: Context, request: StoreRequest) -> Incoming:
        """Open a file for the object that ``assoc`` announces."""
        meta = FileMeta(
            request.sop_class_uid, request.sop_instance_uid, context.transfer_syntax, assoc.calling, assoc.called
        )
        return Incoming(self._create, request, context, meta, self._policy.max_object)

    def end(self, incoming: Incoming) -> tuple[int, str]:
        """Judge an object that is there whole, have it kept, and return its status and ErrorComment."""
        try:
            return self._store(incoming)
        except Permanent as error:
            return _refusal(STATUS_OF_CODE.get(error.code, PROCESSING_FAILURE), str(error))
        except Temporary as error:
            return _refusal(OUT_OF_RESOURCES, str(error))
        except OSError as error:
            return _refusal(OUT_OF_RESOURCES, f"disk: {error.strerror}")
        except Exception:  # the answer to anything unexpected is a failure: the sender still has the object
            log.exception("object refused (0110): unexpected trouble", extra={"peer": ""})
            return _refusal(PROCESSING_FAILURE, "unexpected trouble, see the node's log")
        finally:
            incoming.discard()

    def _store(self, incoming: Incoming) -> tuple[int, str]:
        incoming.start_sync()
        if not incoming.request.has_data_set:
            return _refusal(NOT_PARSEABLE, "the command came without a data set")
        if incoming.request.sop_class_uid != incoming.context.abstract_syntax:
            return _refusal(CLASS_NOT_SUPPORTED, "the SOP Class is not that of the presentation context")
        if incoming.too_large:
            return _refusal(TOO_LARGE, f"object is larger than {self._policy.max_object} bytes")
        if incoming.draft is None:
            return _refusal(OUT_OF_RESOURCES, f"disk: {incoming.failure}")
        if not self._policy.callers(incoming.meta.source_ae):
            return _refusal(NOT_AUTHORISED, "calling AE title is not registered to store")
        if reason := (self._policy.takes or self._policy.ready)():
            return _refusal(OUT_OF_RESOURCES, reason)
        identity = identify_draft(
            incoming.draft,
            incoming.meta,
            incoming.offset,
            incoming.size,
            beginning=incoming.beginning,
            limit=self._policy.max_object,
            learned=self._cutters,
        )
        self._accept(incoming.draft, identity, incoming.digest())
        return SUCCESS, ""

    def _on_requested(self, event: evt.Event) -> None:
        assoc = cast(LaneAssociation, event.assoc)
        try:
            rejection, why = self._judge(assoc)
        except Exception:  # pynetdicom accepts after a failing notification handler: we must not
            log.exception("rejecting an association: its request could not be judged", extra={"peer": assoc.peer})
            rejection, why = _BUSY, "internal error"
        if rejection:
            log.warning(
                "rejected %s from %s: %s", assoc.calling or "somebody", assoc.peer, why, extra={"peer": assoc.peer}
            )
            assoc.acse.send_reject(*rejection)
            assoc.kill()

    def _on_close(self, event: evt.Event) -> None:
        seat = cast(LaneAssociation, event.assoc).seat
        if seat is not None:
            seat.leave()
            self._ended()

    def _judge(self, assoc: LaneAssociation) -> tuple[tuple[int, int, int] | tuple[()], str]:
        """Return the rejection and its reason, or nothing."""
        calling, called = assoc.calling, assoc.called
        address = _address(assoc.requestor.address)
        if self._policy.networks and not any(address in network for network in self._policy.networks):
            return _NOT_FROM_HERE, "its address is not in [receive] networks"
        if assoc.proposed is not None and assoc.proposed.rejection is not None:
            return assoc.proposed.rejection
        if called not in self._policy.called:
            return (
                _CALLED_UNKNOWN,
                f"it called {called!r}, this node answers to {', '.join(sorted(self._policy.called))}",
            )
        stores = self._policy.callers(calling)
        networks = () if stores else self._policy.guests(calling)
        if networks is None:
            return _CALLER_UNKNOWN, "its AE title is not registered here"
        if networks and not any(address in network for network in networks):
            return _NOT_FROM_HERE, "its address is not in the networks that its AE title may come from"
        if self._stopping.is_set():
            return _BUSY, "the node is stopping"
        if stores and (reason := self._policy.ready()):
            return _FULL, reason
        return self._admit(assoc, calling)

    def _admit(self, assoc: LaneAssociation, calling: str) -> tuple[tuple[int, int, int] | tuple[()], str]:
        """Give the association a seat, unless there are too many; connections that never associate have none."""
        try:
            assoc.seat = self._policy.seats.take(calling)
        except Temporary as error:
            return _BUSY, str(error)
        return (), ""


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


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """A peer's address; an IPv4 one that a socket for both families shows as IPv6 is IPv4 (RFC 4291 2.5.5.2)."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _refusal(code: int, comment: str) -> tuple[int, str]:
    """A response status; ErrorComment is LO, 64 characters at most (PS3.7 C.5), and names nobody."""
    log.warning("object refused with status %04X: %s", code, comment, extra={"peer": comment})
    return code, comment[:64]
