"""Who came and left without an association, or in the middle of an object: what it was, and what to do about it.

One warning for each, with address, cause and remedy; the same from one address ten times a minute at most, and then
how often.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

log = logging.getLogger(__name__)

_MINUTE: Final = 60.0
_MOST_A_MINUTE: Final = 10
UNFINISHED_HANDSHAKE: Final = (
    "it began a TLS handshake and did not end it",
    "look at its log, and at the network between",
)
_MOST_TOLD: Final = 1024
_HTTP: Final = (b"GET ", b"HEAD", b"POST", b"PUT ", b"OPTI", b"PRI ", b"CONN")
_TLS_HANDSHAKE: Final = b"\x16\x03"
# What OpenSSL calls it, what it is, and what to do.
_TLS: Final = {
    "WRONG_VERSION_NUMBER": ("it speaks no TLS, and this port does", "switch TLS on there, or call a plain port"),
    "HTTP_REQUEST": ("it speaks HTTP, and this is a DICOM port", "correct the port there"),
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": ("it shows no certificate", "configure one there that [receive] tls_ca knows"),
    "CERTIFICATE_VERIFY_FAILED": ("its certificate is not trusted here", "look at [receive] tls_ca"),
    "UNSUPPORTED_PROTOCOL": ("its TLS is too old", "allow TLS 1.2 or later there"),
    "NO_SHARED_CIPHER": ("no cipher suits both ends", "allow those of BCP 195 there (PS3.15 B.12)"),
    "TLSV1_ALERT_UNKNOWN_CA": (
        "it does not trust our certificate",
        "give it the authority of [receive] tls_certificate",
    ),
    "SSLV3_ALERT_BAD_CERTIFICATE": ("it does not take our certificate", "look at [receive] tls_certificate"),
}


def cause_of(first: bytes, error: BaseException | None) -> tuple[str, str]:
    """What a connection was that brought no association, and the remedy; ``first`` are the first bytes that came."""
    if isinstance(error, ssl.SSLError):
        reason = error.reason or "an error without a name"
        return _TLS.get(reason, (f"TLS came to nothing ({reason.lower().replace('_', ' ')})", "look at its log"))
    if first.startswith(_TLS_HANDSHAKE):
        return "it speaks TLS, and this port does not", "switch TLS off there, or set [receive] tls_certificate here"
    if first.startswith(_HTTP):
        return "it speaks HTTP, and this is a DICOM port", "correct the port there"
    if not first:
        return "it sent nothing", "a check whether the port is open? C-ECHO tells more; else look at its log"
    if first[0] == 0x01:
        return "its request for an association was cut short", "look at the network between, and at its log"
    return "it does not speak DICOM", "look at what is configured there to call this address"


class Strangers:
    """Tells who left like that; ``count`` is called for each, whether a line is written or not."""

    def __init__(self, count: Callable[[], None] = lambda: None) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._minutes: dict[tuple[str, str], _Minute] = {}

    def left(self, address: str, cause: str, remedy: str) -> None:
        """A connection came to nothing."""
        self._count()
        if (more := self._may_tell(address, cause)) is not None:
            log.warning(
                "the connection of %s came to nothing: %s; %s%s", address, cause, remedy, more, extra={"peer": address}
            )

    def broke_off(self, address: str, calling: str, size: int) -> None:
        """A connection ended in the middle of an object of which ``size`` bytes had come."""
        self._count()
        if (more := self._may_tell(address, "in the middle")) is not None:
            log.warning(
                "%s at %s left in the middle of an object, of which %d bytes had come and none is kept: it has to send "
                "it again; look at its log, and at the network between%s",
                calling,
                address,
                size,
                more,
                extra={"peer": address},
            )

    def sent_away(self, address: str, limit: str) -> None:
        """A connection was closed because too many, as ``limit`` has it, have not asked for an association."""
        self._count()
        if (more := self._may_tell(address, limit, most=1)) is not None:
            log.warning(
                "%s has many connections open that ask for no association, and the oldest are closed: look at what "
                "connects there; %s says how many may wait%s",
                address,
                limit,
                more,
                extra={"peer": address},
            )

    def _may_tell(self, address: str, cause: str, most: int = _MOST_A_MINUTE) -> str | None:
        """What to add to the line: how often it was not told; ``None``: not this time either."""
        now = time.monotonic()
        with self._lock:
            minute = self._minutes.get((address, cause))
            if minute is None or now - minute.began >= _MINUTE:
                if len(self._minutes) >= _MOST_TOLD:
                    self._minutes.clear()
                self._minutes[address, cause] = _Minute(now)
                return f" ({minute.silent} times more in the minute before)" if minute and minute.silent else ""
            minute.told += 1
            if minute.told <= most:
                return ""
            minute.silent += 1
            return None


@dataclass
class _Minute:
    began: float
    told: int = 1
    silent: int = 0
