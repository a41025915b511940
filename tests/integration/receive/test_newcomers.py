"""Who connects and does not ask for an association: costs no thread, keeps nobody waiting, and is told in one line."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fidac_node.receive.newcomers import LONGEST_REQUEST
from tests.integration.peers import make_certificates
from tests.integration.receiving import CT, UID, Node, data_set
from tests.support import RawScu, associate_request, wait_until

# What a TLS client says first, and nothing after it: the server answers, and waits.
CLIENT_HELLO_BEGUN = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(64)
HALF_REQUEST = b"\x01\0\0\0\1\0abc"
GENUINE_SECONDS = 0.1
ABORT_AS_TOO_LONG = 7


def echo_seconds(connect: Callable[[], RawScu]) -> float:
    """The least time of five that a genuine sender needs from its connection to its C-ECHO's answer."""
    times = []
    for _ in range(5):
        began = time.monotonic()
        scu = connect()
        assert scu.echo(context=3) == 0
        times.append(time.monotonic() - began)
        scu.release()
    return min(times)


def is_closed(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def secure_node(node: Node, directory: Path, **settings: int) -> Callable[[], RawScu]:
    """Start a node with TLS; return how to associate with it."""
    make_certificates(directory)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "hub.pem", directory / "hub.key")
    node.start(tls=server, **settings)
    client = ssl.create_default_context(cafile=str(directory / "ca.pem"))

    def connect() -> RawScu:
        sock = client.wrap_socket(node.connect(), server_hostname="localhost")
        node.sockets.append(sock)
        return node.scu(sock=sock)

    return connect


def test_five_hundred_silent_connections_and_half_requests_keep_nobody_waiting(idle: Node) -> None:
    idle.start(max_unassociated=2000, max_unassociated_per_address=2000)
    threads = threading.active_count()
    for number in range(500):
        idle.connect().sendall(HALF_REQUEST if number % 2 else b"")
    wait_until(lambda: idle.scp.newcomers == 500, 20)
    assert threading.active_count() == threads
    assert echo_seconds(idle.scu) < GENUINE_SECONDS


def test_stuck_handshakes_and_silent_connections_keep_nobody_waiting_on_a_tls_port(idle: Node, tmp_path: Path) -> None:
    secure = secure_node(idle, tmp_path, max_unassociated=2000, max_unassociated_per_address=2000)
    threads = threading.active_count()
    for number in range(800):
        idle.connect().sendall(CLIENT_HELLO_BEGUN if number < 300 else b"")
    wait_until(lambda: idle.scp.newcomers == 800, 20)
    assert threading.active_count() == threads
    assert echo_seconds(secure) < GENUINE_SECONDS


def test_of_too_many_that_do_not_ask_the_oldest_goes_and_a_genuine_sender_comes_in(
    idle: Node, caplog: pytest.LogCaptureFixture
) -> None:
    idle.start(max_unassociated_per_address=20)
    silent = [idle.connect() for _ in range(100)]
    wait_until(lambda: sum(map(is_closed, silent)) == 80, 20)
    assert all(map(is_closed, silent[:80]))
    assert echo_seconds(idle.scu) < GENUINE_SECONDS
    told = [line for line in caplog.messages if "127.0.0.1" in line]
    assert len(told) == 1 and "max_unassociated_per_address" in told[0]


def test_the_most_of_all_addresses_holds_too(idle: Node, caplog: pytest.LogCaptureFixture) -> None:
    idle.start(max_unassociated=20)
    silent = [idle.connect() for _ in range(50)]
    wait_until(lambda: sum(map(is_closed, silent)) == 30, 20)
    assert [line for line in caplog.messages if "max_unassociated says" in line]


def test_who_does_not_hang_up_after_a_rejection_makes_way(idle: Node) -> None:
    idle.start(callers=lambda title: title == "PACS", max_unassociated_per_address=8)
    request = associate_request(((CT, ["1.2.840.10008.1.2.1"]),), "STRANGER", "FIDACNODE")
    for _ in range(50):
        idle.connect().sendall(b"\x01\0" + len(request).to_bytes(4, "big") + request)
    assert echo_seconds(idle.scu) < GENUINE_SECONDS
    wait_until(lambda: len(idle.associations()) <= 8, 5)


@pytest.mark.parametrize(
    ("sent", "cause"),
    [(CLIENT_HELLO_BEGUN, "it began a TLS handshake and did not end it"), (b"", "it sent nothing")],
    ids=["half a handshake", "nothing"],
)
def test_who_does_not_come_to_an_end_in_time_is_closed_and_told(
    idle: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture, sent: bytes, cause: str
) -> None:
    secure_node(idle, tmp_path, acse_timeout=1)
    sock = idle.connect()
    sock.sendall(sent)
    while sock.recv(4096):
        continue
    wait_until(lambda: cause in caplog.text, 5, caplog.text)


def test_half_a_request_is_closed_and_told(idle: Node, caplog: pytest.LogCaptureFixture) -> None:
    idle.start(acse_timeout=1)
    sock = idle.connect()
    sock.sendall(HALF_REQUEST)
    assert sock.recv(1) == b""
    wait_until(lambda: "its request for an association was cut short" in caplog.text, 5, caplog.text)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_request_that_comes_byte_by_byte_is_served(idle: Node, tmp_path: Path, secure: bool) -> None:
    if secure:
        secure_node(idle, tmp_path)
        sock = ssl.create_default_context(cafile=str(tmp_path / "ca.pem")).wrap_socket(
            idle.connect(), server_hostname="localhost"
        )
        idle.sockets.append(sock)
    else:
        idle.start()
        sock = idle.connect()
    scu = RawScu(Trickle(sock), ((CT, ["1.2.840.10008.1.2.1"]),))  # type: ignore[arg-type]
    assert scu.store(data_set(), CT, UID) == (0, "")


def test_a_request_longer_than_any_is_aborted_at_once(idle: Node) -> None:
    idle.start()
    sock = idle.connect()
    sock.settimeout(10)
    sock.sendall(b"\x01\0" + (LONGEST_REQUEST + 1).to_bytes(4, "big") + b"\0\1")
    assert sock.recv(10)[0] == ABORT_AS_TOO_LONG


def test_who_has_not_asked_is_closed_when_the_node_stops_and_not_blamed(
    idle: Node, caplog: pytest.LogCaptureFixture
) -> None:
    idle.start()
    sock = idle.connect()
    wait_until(lambda: idle.scp.newcomers == 1, 5)
    idle.scp.stop(0)
    sock.settimeout(5)
    assert sock.recv(1) == b""
    assert "came to nothing" not in caplog.text


class Trickle:
    """A socket whose first writing goes out byte by byte."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._begun = False

    def sendall(self, data: bytes) -> None:
        if self._begun:
            return self._sock.sendall(data)
        self._begun = True
        for number in range(len(data)):
            self._sock.sendall(data[number : number + 1])
        return None

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)
