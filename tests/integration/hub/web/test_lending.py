"""A connection's socket lent for a body: the same bytes, the connection goes on, and who leaves or stops is left."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import h11
import pytest
from uvicorn.protocols.http.h11_impl import RequestResponseCycle

from fidac_node.hub.archive import Place
from fidac_node.hub.index.models import Instance
from fidac_node.hub.web import lending, streaming
from tests.hub_objects import uid
from tests.integration.hub.web.conftest import WebHub
from tests.integration.hub.web.test_metadata import address
from tests.integration.hub.web.test_wado import AS_STORED
from tests.support import wait_until

ONE = address(1, 1, 1, 1)


def test_the_names_that_lending_rests_on_are_there() -> None:
    assert {"conn", "transport", "disconnected"} <= set(RequestResponseCycle.__init__.__code__.co_names)
    assert "send" in vars(RequestResponseCycle) and hasattr(h11.Connection, "send_with_data_passthrough")


@pytest.mark.parametrize("is_lent", [True, False])
def test_one_connection_brings_answers_of_all_kinds_one_after_another(
    own: WebHub, is_lent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent: list[int] = []
    real = lending._lend

    async def counted(cycle: object, size: int, write: object) -> None:
        lent.append(size)
        await real(cycle, size, write)  # type: ignore[arg-type]

    monkeypatch.setattr(lending, "_lend", counted)
    if not is_lent:
        monkeypatch.setattr(streaming, "LEND", "nobody offers it")
    whole = own.archive.path(Place("LILLE", uid(1, 1), uid(1, 1, 1), uid(1, 1, 1, 1))).read_bytes()
    with own.client() as client:
        for _ in range(3):
            assert client.get(ONE, headers={"Accept": "application/dicom"}).content == whole
            assert len(client.get("/studies").json()) == 4
            series = client.get(f"/studies/{uid(1, 1)}", headers={"Accept": AS_STORED})
            assert len(series.content) == int(series.headers["content-length"])
            assert client.head(ONE, headers={"Accept": AS_STORED}).content == b""
            assert client.get(f"{ONE}/frames/1").status_code == 200
    assert len(lent) == (6 if is_lent else 0)


def _large(own: WebHub) -> Path:
    path = own.archive.path(Place("LILLE", uid(1, 1), uid(1, 1, 1), uid(1, 1, 1, 1)))
    os.truncate(path, 64 << 20)
    Instance.update(bytes=64 << 20).where(Instance.sop_instance_uid == uid(1, 1, 1, 1)).execute(own.db)
    return path


def _begun(own: WebHub) -> socket.socket:
    """A client that has asked for a large object, and takes its headers alone."""
    host, port = own.url.removeprefix("http://").split("/")[0].split(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    client.connect((host, int(port)))
    client.sendall(
        f"GET /dicom-web{ONE} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: {AS_STORED}\r\n"
        f"Authorization: Bearer {own.token()}\r\n\r\n".encode()
    )
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def test_who_leaves_or_takes_nothing_gives_the_thread_back(own: WebHub, monkeypatch: pytest.MonkeyPatch) -> None:
    _large(own)
    monkeypatch.setattr(streaming.Streamed.__init__, "__kwdefaults__", {"stalled": 0.3})

    def outcomes() -> list[str]:
        return [act.outcome for act in own.rooms.trail.acts()]

    _begun(own).close()
    wait_until(lambda: len(outcomes()) == 1 and outcomes()[0] != "", 10)
    with _begun(own):
        wait_until(lambda: len(outcomes()) == 2 and outcomes()[1] != "", 10)
    assert all("broken off" in outcome for outcome in outcomes())
    assert len(own.get("/studies").json()) == 4


def test_the_server_stops_while_a_body_is_on_its_way(own: WebHub, monkeypatch: pytest.MonkeyPatch) -> None:
    _large(own)
    monkeypatch.setattr("fidac_node.hub.web.server._GRACE_SECONDS", 1)
    before = threading.active_count()
    client = _begun(own)
    assert threading.active_count() >= before
    client.settimeout(20)
    own.stop.set()
    while client.recv(1 << 20):
        pass
    client.close()
