"""Both ends under TLS: the whole way through, and nobody else gets in."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from fidac_node.dicom.uids import IMPLICIT_VR_LE, VERIFICATION
from fidac_node.phantom import write_series
from tests.integration.peers import make_certificates
from tests.scenario.network import Hub, Site, fidac
from tests.scenario.test_receivers import receivers_of
from tests.support import RawScu, wait_until


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder with a CA, and a certificate and key that it signed for each end."""
    directory = tmp_path / "tls"
    directory.mkdir()
    make_certificates(directory)
    return directory


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def options(authority: Path, name: str) -> dict[str, object]:
    return {
        "tls_certificate": str(authority / f"{name}.pem"),
        "tls_key": str(authority / f"{name}.key"),
        "tls_ca": str(authority / "ca.pem"),
    }


def test_a_study_goes_the_whole_way_under_tls_with_certificates_on_both_sides(
    tmp_path: Path, authority: Path, hub: Hub, site: Site
) -> None:
    hub.set("receive", **options(authority, "hub"))
    site.set("send", **options(authority, "site"))
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=5, rows=64, columns=64), "--config", site.config)
    hub.start()
    site.start()
    site.wait_for(committed=5)
    assert len(hub.find()) == 5


def test_a_site_without_a_certificate_gets_nothing_into_a_hub_that_asks_for_one(
    tmp_path: Path, authority: Path, hub: Hub, site: Site
) -> None:
    hub.set("receive", **options(authority, "hub"))
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=2, rows=64, columns=64), "--config", site.config)
    hub.start()
    site.start()
    wait_until(lambda: site.status()["hub"]["error"], 60)
    site.wait_for(outgoing=2)
    assert hub.status()["instances"] == 0
    site.stop()
    site.set("send", tls_ca=str(authority / "ca.pem"))
    site.start()
    wait_until(lambda: site.log_text().count("everything waits") >= 2, 60)
    assert site.status()["outgoing"] == 2 and hub.status()["instances"] == 0


def test_nobody_unknown_keeps_a_genuine_site_waiting_even_where_descriptors_run_out(
    authority: Path, hub: Hub, sockets: ExitStack
) -> None:
    hub.set("receive", **options(authority, "hub"), max_unassociated=4096, max_unassociated_per_address=4096)
    hub.start()
    receivers = receivers_of(hub)
    threads = [receiver.num_threads() for receiver in receivers]
    for receiver in receivers:
        receiver.rlimit(psutil.RLIMIT_NOFILE, (256, 256))  # fewer than the 800 connections that follow need
    for number in range(800):
        stuck = sockets.enter_context(socket.create_connection(("127.0.0.1", hub.port), timeout=30))
        stuck.sendall(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" if number < 300 else b"")
    seconds = [echo_seconds(hub.port, authority) for _ in range(5)]
    assert min(seconds) < 0.1
    assert "Too many open files" not in hub.log_text() and "the limit of open files" in hub.log_text()
    assert [receiver.num_threads() for receiver in receivers_of(hub)] <= [number + 4 for number in threads]
    assert [receiver.pid for receiver in receivers_of(hub)] == [receiver.pid for receiver in receivers]


def echo_seconds(port: int, authority: Path) -> float:
    """How long a genuine site waits from its connection to the answer to its C-ECHO."""
    context = ssl.create_default_context(cafile=str(authority / "ca.pem"))
    context.load_cert_chain(authority / "site.pem", authority / "site.key")
    began = time.monotonic()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 30), server_hostname="localhost") as sock:
        scu = RawScu(sock, ((VERIFICATION, [IMPLICIT_VR_LE]),), calling="FIDACNODE", called="FIDACHUB")
        assert scu.echo(context=1) == 0
        took = time.monotonic() - began
        scu.release()
    return took
