"""TLS contexts: what they demand, and the words for files that cannot be used. Certificates are made by openssl."""

from __future__ import annotations

import datetime
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fidac_node.errors import ConfigError
from fidac_node.system.tls import client_context, expiry, server_context

pytestmark = pytest.mark.interop("openssl")


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def new_key(path: Path) -> Path:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("ca")
    key = new_key(folder / "ca.key")
    certificate = folder / "ca.pem"
    openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=Test authority", "-days", "90", "-out", certificate)
    return Pair(certificate, key)


@pytest.fixture(scope="module")
def issue(authority: Pair, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """Return a function that makes a certificate for a subject alternative name."""

    def make(name: str, days: int = 30) -> Pair:
        folder = tmp_path_factory.mktemp("pair")
        key, request, extensions, certificate = new_key(folder / "key"), folder / "csr", folder / "ext", folder / "pem"
        extensions.write_text(f"subjectAltName={name}\n")
        openssl("req", "-new", "-key", key, "-subj", "/CN=node", "-out", request)
        signer = [
            "-CA",
            authority.certificate,
            "-CAkey",
            authority.key,
            "-CAcreateserial",
            "-days",
            str(days),
            "-extfile",
            extensions,
        ]
        openssl("x509", "-req", "-in", request, *signer, "-out", certificate)
        return Pair(certificate, key)

    return make


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
    """Connect the two and exchange a byte; return the protocol that they agreed on."""
    ours, theirs = socket.socketpair()
    failures: list[Exception] = []

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as sock:
                sock.sendall(sock.recv(1))
        except OSError as error:
            failures.append(error)
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        ours.settimeout(10)
        with client.wrap_socket(ours, server_hostname=name) as sock:
            sock.sendall(b"x")
            if sock.recv(1) != b"x":  # with TLS 1.3 the server's refusal of our certificate shows only here
                raise ssl.SSLError("closed")
            return str(sock.version())
    finally:
        ours.close()
        thread.join(10)
        assert not thread.is_alive()


def made(context: ssl.SSLContext | None) -> ssl.SSLContext:
    assert context is not None
    return context


def test_without_files_there_is_no_tls() -> None:
    assert server_context(None, None, None) is None
    assert client_context(None, None, None) is None


def test_both_ends_agree_on_tls_1_3_and_never_on_less_than_1_2(authority: Pair, issue: Callable[[str], Pair]) -> None:
    hub, site = issue("DNS:hub.example.org"), issue("DNS:site.example.org")
    server = made(server_context(hub.certificate, hub.key, authority.certificate))
    client = made(client_context(site.certificate, site.key, authority.certificate, "hub.example.org"))
    assert handshake(server, client, "hub.example.org") == "TLSv1.3"
    assert server.minimum_version == client.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_client_without_certificate_is_turned_away_when_the_server_has_a_ca(
    authority: Pair, issue: Callable[[str], Pair]
) -> None:
    hub = issue("DNS:hub.example.org")
    server = made(server_context(hub.certificate, hub.key, authority.certificate))
    client = made(client_context(None, None, authority.certificate, "hub.example.org"))
    with pytest.raises(OSError):  # noqa: PT011  # an alert or a closed connection, as the timing falls
        handshake(server, client, "hub.example.org")


def test_a_server_without_ca_asks_for_no_certificate(authority: Pair, issue: Callable[[str], Pair]) -> None:
    hub = issue("DNS:hub.example.org")
    server = made(server_context(hub.certificate, hub.key, None))
    client = made(client_context(None, None, authority.certificate, "hub.example.org"))
    assert handshake(server, client, "hub.example.org")


def test_a_server_that_bears_another_name_is_not_trusted(authority: Pair, issue: Callable[[str], Pair]) -> None:
    other = issue("DNS:other.example.org")
    server = made(server_context(other.certificate, other.key, None))
    client = made(client_context(None, None, authority.certificate, "hub.example.org"))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(server, client, "hub.example.org")


def test_a_server_called_by_its_address_needs_the_right_authority_only(
    authority: Pair, issue: Callable[[str], Pair]
) -> None:
    hub = issue("DNS:hub.example.org")
    server = made(server_context(hub.certificate, hub.key, None))
    assert handshake(server, made(client_context(None, None, authority.certificate, "192.0.2.1")), "192.0.2.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, made(client_context(None, None, hub.certificate, "192.0.2.1")), "192.0.2.1")


def test_without_a_ca_the_authorities_of_the_system_decide_and_the_name_counts(issue: Callable[[str], Pair]) -> None:
    site = issue("DNS:site.example.org")
    client = made(client_context(site.certificate, site.key, None, "192.0.2.1"))
    assert client.check_hostname and client.verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made(server_context(site.certificate, site.key, None)), client, "192.0.2.1")


def test_files_that_cannot_be_used_are_named_with_a_remedy(
    tmp_path: Path, authority: Pair, issue: Callable[[str], Pair]
) -> None:
    hub, site = issue("DNS:hub.example.org"), issue("DNS:site.example.org")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", hub.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    with pytest.raises(ConfigError, match=r"is not the key of .*; use the pair"):
        server_context(hub.certificate, site.key, None)
    with pytest.raises(ConfigError, match=r"nonsense\.pem and .* are not a PEM certificate and its key"):
        server_context(nonsense, hub.key, None)
    with pytest.raises(ConfigError, match=r"nowhere\.pem: no such file; correct"):
        server_context(tmp_path / "nowhere.pem", hub.key, None)
    with pytest.raises(ConfigError, match=r"nonsense\.pem: no PEM certificates of an authority"):
        client_context(None, None, nonsense)
    with pytest.raises(ConfigError, match=r"locked\.key: the key asks for a password"):
        server_context(hub.certificate, locked, authority.certificate)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        server_context(hub.certificate, tmp_path, None)


def test_the_end_of_validity_is_read_from_the_certificate(tmp_path: Path, issue: Callable[..., Pair]) -> None:
    for days in (30, 365 * 40):  # UTCTime, and GeneralizedTime from 2050 on (RFC 5280 4.1.2.5)
        left = expiry(issue("DNS:hub.example.org", days).certificate) - datetime.datetime.now(datetime.UTC)
        assert datetime.timedelta(days=days - 1) < left <= datetime.timedelta(days=days)
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    with pytest.raises(ConfigError, match="not a PEM certificate"):
        expiry(nonsense)
    nonsense.write_text("-----BEGIN CERTIFICATE-----\nMAAwAA==\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigError, match="not a readable certificate"):
        expiry(nonsense)
