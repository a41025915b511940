"""Copies of acts for a collector of audit messages: RFC 5424 in datagrams (RFC 5426), as PS3.15 A.7 has it.

A copy is nobody's condition: what cannot be sent is logged, and the record on the disk stands. TLS (PS3.15 A.6) is the
business of the syslog daemon on this machine, which takes them by its socket.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from fidac_node.audit.trail import Act

log = logging.getLogger(__name__)

_PORT: Final = 514  # RFC 5426 3.3
# Facility security/authorization, severity notice, and the message type (PS3.15 A.7).
_PRIORITY: Final = 10 * 8 + 5
_MSGID: Final = "DICOM+RFC3881"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"  # before UTF-8 (RFC 5424 6.4)


def teller(url: str, source: str) -> Callable[[Act], None]:
    """What sends copies of the acts of the hub ``source`` (its AE title) to ``url``, or to nobody if that is empty."""
    return Syslog(url, source).tell if url else lambda _: None


class Syslog:
    """Sends acts of the hub ``source`` (its AE title) to ``url``: udp://HOST:PORT or unix:///PATH."""

    def __init__(self, url: str, source: str) -> None:
        self._url = urlsplit(url)
        self._source = source

    def tell(self, act: Act) -> None:
        """Send what there is to say of an act, or log that it could not be."""
        from fidac_node.audit.message import messages  # only who sends them pays for it

        try:
            for message in messages(act, self._source):
                self._send(self._header(act.at) + message)
        except OSError as error:
            log.warning("an audit message could not be sent to [audit] syslog: %s", error.strerror or error)

    def _header(self, at: float) -> bytes:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        header = f"<{_PRIORITY}>1 {moment} {socket.gethostname()} fidac-node {os.getpid()} {_MSGID} - "
        return header.encode("ascii") + _BYTE_ORDER_MARK

    def _send(self, datagram: bytes) -> None:
        if self._url.scheme == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.connect(self._url.path)
                sender.send(datagram)
            return
        address = (self._url.hostname or "", self._url.port or _PORT)
        for family, kind, _, _, place in socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[:1]:
            with socket.socket(family, kind) as sender:
                sender.setblocking(False)
                sender.sendto(datagram, place)
