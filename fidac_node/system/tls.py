"""TLS for both ends: 1.2 at least, verified peers, and words for what is wrong with a file (PS3.15 B.12).

Ciphers are OpenSSL's defaults at security level 2: forward secret and authenticated, which is what
current DICOM toolkits offer.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

from fidac_node.errors import ConfigError

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_TIME_FORMATS: Final = {_UTC_TIME: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}


def server_context(certificate: Path | None, key: Path | None, ca: Path | None) -> ssl.SSLContext | None:
    """Return how to listen, or ``None`` without a certificate (no TLS).

    With ``ca``, a peer must show a certificate signed by it. Raises :class:`ConfigError`.
    """
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_pair(context, certificate, key)
    if ca:
        _load_ca(context, ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(
    certificate: Path | None, key: Path | None, ca: Path | None, host: str = ""
) -> ssl.SSLContext | None:
    """Return how to connect, or ``None`` when neither a certificate nor ``ca`` is given (no TLS).

    The server's certificate is always verified: against ``ca``, else against the system's authorities. It
    must bear the server's name, unless ``host`` is an IP address, which certificates seldom bear: then a
    certificate signed by ``ca`` is enough, so give a ``ca`` of your own. Raises :class:`ConfigError`.
    """
    if not certificate and not ca:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = not (ca and _is_address(host))
    if certificate:
        _load_pair(context, certificate, key)
    if ca:
        _load_ca(context, ca)
    else:
        context.load_default_certs()
    return context


def expiry(certificate: Path) -> datetime.datetime:
    """Return when the first certificate of a PEM file ends to be valid (RFC 5280 4.1.2.5).

    Raises :class:`ConfigError`.
    """
    pem = _read(certificate)
    begin, end = pem.find("-----BEGIN CERTIFICATE-----"), pem.find("-----END CERTIFICATE-----")
    if not 0 <= begin < end:
        raise ConfigError(f"{certificate}: not a PEM certificate; convert it with 'openssl x509 -in FILE -out NEW.pem'")
    try:
        der = ssl.PEM_cert_to_DER_cert(pem[begin : end + len("-----END CERTIFICATE-----")])
        _, outer, outer_end = next(_elements(der, 0, len(der)))
        _, start, stop = next(_elements(der, outer, outer_end))
        fields = [element for element in _elements(der, start, stop) if element[0] != _VERSION]
        _, start, stop = fields[3]  # serialNumber, signature, issuer, validity
        tag, start, stop = list(_elements(der, start, stop))[1]
        time = datetime.datetime.strptime(der[start:stop].decode("ascii"), _TIME_FORMATS[tag])
    except (ValueError, KeyError, IndexError, StopIteration) as error:
        raise ConfigError(f"{certificate}: not a readable certificate; make or ask for a new one") from error
    return time.replace(tzinfo=datetime.UTC)


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    key = key or certificate
    for path in (certificate, key):
        _read(path)

    def encrypted() -> NoReturn:
        raise ConfigError(
            f"{key}: the key asks for a password, a service cannot; "
            "write it in clear, mode 0600: 'openssl pkey -in FILE -out NEW'"
        )

    try:
        context.load_cert_chain(certificate, key, password=encrypted)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(f"{key} is not the key of {certificate}; use the pair that was made together") from error
        raise ConfigError(
            f"{certificate} and {key} are not a PEM certificate and its key ({_reason(error)})"
        ) from error


def _load_ca(context: ssl.SSLContext, ca: Path) -> None:
    _read(ca)
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError as error:
        raise ConfigError(f"{ca}: no PEM certificates of an authority in it ({_reason(error)})") from error


def _read(path: Path) -> str:
    try:
        return path.read_text("latin-1")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; correct the tls_... option or put the file there") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}; let the user that runs the node read it"
        ) from error


def _reason(error: ssl.SSLError) -> str:
    return error.reason or "unreadable"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _elements(der: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (tag, start, end) of the DER elements in ``der[start:end]`` (X.690 8.1).

    Raises ``IndexError`` or ``ValueError``.
    """
    while start < end:
        tag, length = der[start], der[start + 1]
        start += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[start : start + size], "big")
            start += size
        if start + length > end:
            raise ValueError("an element is longer than what holds it")
        yield tag, start, start + length
        start += length
