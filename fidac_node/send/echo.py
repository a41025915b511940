"""Ask another application entity whether it answers: C-ECHO (PS3.4 Annex A), every failure in plain words."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pynetdicom import AE

from fidac_node.dicom.ae import Peer
from fidac_node.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, TRANSFER_SYNTAXES, VERIFICATION
from fidac_node.errors import Temporary
from fidac_node.system import remedies

if TYPE_CHECKING:
    from pynetdicom.association import Association

TIMEOUT: Final = 10.0

_REJECTIONS: Final = {  # (source, reason): PS3.8 Table 9-21
    (1, 3): "it does not know the calling AE title {calling}; register it there, or call with another title",
    (1, 7): "it does not answer to the AE title {called}; correct the title",
    (3, 1): "it has no room now; look at its disk (a system that is no FIDAC node may be too busy)",
    (3, 2): "it is busy: it has no association free now, or is stopping; try again later",
}


class Rejected(Temporary):
    """The peer speaks DICOM and will not associate with us."""


@dataclass(frozen=True)
class Answer:
    """What the peer said: seconds that the C-ECHO took, SOP classes that it accepts, whether it is a FIDAC node."""

    seconds: float
    sop_classes: frozenset[str]
    is_fidac: bool


def ask(
    peer: Peer,
    calling_ae: str,
    *,
    timeout: float = TIMEOUT,
    tls: ssl.SSLContext | None = None,
    sop_classes: Iterable[str] = (),
    transfer_syntaxes: Iterable[str] = TRANSFER_SYNTAXES,
) -> Answer:
    """Associate, send one C-ECHO, release.

    ``sop_classes`` are proposed too, to learn which the peer accepts in ``transfer_syntaxes``. ``timeout`` (seconds)
    holds for each step. Raises :class:`Temporary` (:class:`Rejected`) with what happened and what to look at.
    """
    _reach(peer, timeout, tls)
    assoc = _associate(
        peer, calling_ae, timeout, tls, {sop_class: list(transfer_syntaxes) for sop_class in sop_classes}
    )
    try:
        if not any(context.abstract_syntax == VERIFICATION for context in assoc.accepted_contexts):
            raise Temporary(f"{peer} took the association but does not offer Verification (C-ECHO)")
        start = time.monotonic()
        status = assoc.send_c_echo()
        seconds = time.monotonic() - start
        if "Status" not in status:
            raise Temporary(
                f"{peer} took the association but did not answer the C-ECHO within {timeout:g} s; look at its log"
            )
        if status.Status != 0:
            raise Temporary(
                f"{peer} answered the C-ECHO with status {status.Status:04X}H instead of success; look at its log"
            )
        accepted = frozenset(str(context.abstract_syntax) for context in assoc.accepted_contexts)
        return Answer(seconds, accepted, assoc.acceptor.implementation_class_uid == IMPLEMENTATION_CLASS_UID)
    finally:
        if assoc.is_established:
            assoc.release()


def _reach(peer: Peer, timeout: float, tls: ssl.SSLContext | None) -> None:
    """Open and close a connection: here the system says what is wrong, later pynetdicom only that something is."""
    address = f"{peer.host}:{peer.port}"
    try:
        with socket.create_connection((peer.host, peer.port), timeout) as sock:
            if tls is not None:
                tls.wrap_socket(sock, server_hostname=peer.host).close()
    except socket.gaierror as error:
        raise Temporary(f"the host {peer.host} is not known; correct its name, or look at the name service") from error
    except TimeoutError as error:
        raise Temporary(
            f"{address} did not answer within {timeout:g} s; look at the network and its firewalls"
        ) from error
    except ConnectionRefusedError as error:
        raise Temporary(f"nothing listens on {address}; is it running, is the port right?") from error
    except ssl.SSLCertVerificationError as error:
        why = remedies.of_certificate(error, peer.host, "tls_ca").replace(": ", "; ", 1)
        raise Temporary(f"the certificate of {peer} is not taken, {why}") from error
    except ssl.SSLError as error:
        raise Temporary(
            f"no TLS with {address} ({error.reason}); does it speak TLS on this port, does it take our certificate?"
        ) from error
    except OSError as error:
        raise Temporary(f"no connection to {address}: {error.strerror or type(error).__name__}") from error


def _associate(
    peer: Peer, calling_ae: str, timeout: float, tls: ssl.SSLContext | None, contexts: dict[str, list[str]]
) -> Association:
    ae = AE(ae_title=calling_ae)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = timeout
    ae.add_requested_context(VERIFICATION)
    for sop_class, transfer_syntaxes in contexts.items():
        ae.add_requested_context(sop_class, transfer_syntaxes)
    start = time.monotonic()
    assoc = ae.associate(peer.host, peer.port, ae_title=peer.ae_title, tls_args=(tls, peer.host) if tls else None)
    if assoc.is_established:
        return assoc
    if assoc.is_rejected:
        raise Rejected(_rejection(assoc, peer, calling_ae))
    ended = (
        f"gave no association within {timeout:g} s"
        if time.monotonic() - start >= timeout
        else "broke it off without an association"
    )
    raise Temporary(f"{peer} took the connection but {ended}; is it a DICOM port, with or without TLS?")


def _rejection(assoc: Association, peer: Peer, calling_ae: str) -> str:
    answer = assoc.acceptor.primitive
    if answer is None:
        return f"{peer} rejected the association"
    words = _REJECTIONS.get((answer.result_source or 0, answer.diagnostic or 0), answer.reason_str)
    return f"{peer} rejected the association: " + words.format(calling=calling_ae, called=peer.ae_title)
