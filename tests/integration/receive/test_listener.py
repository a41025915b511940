"""The socket that receivers share: where it listens, and what it says when it cannot."""

from __future__ import annotations

import socket

import pytest

from fidac_node.errors import ConfigError
from fidac_node.receive.listener import listen
from tests.support import free_port


def speak(host: str, port: int) -> None:
    with socket.create_connection((host, port), timeout=5):
        pass


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("0.0.0.0", socket.AF_INET), ("localhost", socket.AF_INET)]
)
def test_it_listens_where_it_is_told_and_on_ipv4_where_a_name_has_both(host: str, family: int) -> None:
    with listen(host, 0) as sock:
        assert sock.family == family
        speak("127.0.0.1", sock.getsockname()[1])


def test_every_interface_of_ipv6_is_every_interface_of_ipv4_too() -> None:
    with listen("::", 0) as sock:
        speak("::1", sock.getsockname()[1])
        speak("127.0.0.1", sock.getsockname()[1])


def test_port_0_is_any_free_port() -> None:
    with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as two:
        assert one.getsockname()[1] != two.getsockname()[1]


def test_a_port_can_be_had_again_while_connections_of_before_linger() -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            peer, _ = sock.accept()
            peer.close()  # whoever closes first waits in TIME-WAIT
    listen("127.0.0.1", port).close()


def test_a_burst_of_connections_waits_and_none_is_refused() -> None:
    with listen("127.0.0.1", 0) as sock:
        peers = [socket.create_connection(sock.getsockname(), timeout=0.9) for _ in range(100)]
        for peer in peers:
            peer.close()


def test_a_port_that_another_program_holds_is_said_with_the_way_to_find_it() -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(
            ConfigError,
            match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use.*ss -ltnp sport = :{port}",
        ):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_this_machines_is_said_too(host: str) -> None:
    with pytest.raises(ConfigError, match=rf"cannot listen on {host}:\d+: .*set \[receive\] port"):
        listen(host, free_port())
