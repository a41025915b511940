"""Peers as they are: what DCMTK and Orthanc serve, this SCP serves, and who gets nothing is told why.

The requests are those of ../shared/field where it is there, and a few of each kind that are always tried.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fidac_node.receive.strangers import Strangers
from tests.conftest import ROOT
from tests.integration.receiving import CT, UID, Node, data_set
from tests.support import command_set, free_port, wait_until
from tests.unit.dicom.test_associate import GOOD, body, context, item, user

FIELD = Path(os.environ.get("FIDAC_SHARED_DATA") or ROOT.parent / "shared" / "data").parent / "field"
ACCEPTED, REJECTED, ABORTED = 0x02, 0x03, 0x07
EXPLICIT = "1.2.840.10008.1.2.1"
# Each as some scanner or router writes it; every one of the first is served by storescp and by Orthanc.
TOLERATED = {
    "plain": body(GOOD, user(), called=b"FIDACNODE"),
    "zeros": body(GOOD, user(), called=b"FIDACNODE".ljust(16, b"\0"), calling=b"PACS".ljust(16, b"\0")),
    "leading spaces": body(GOOD, user(), called=b" FIDACNODE".ljust(16), calling=b"  PACS".ljust(16)),
    "more version bits": body(GOOD, user(), called=b"FIDACNODE", version=3),
    "unknown sub-item": body(GOOD, user(item(0x5F, b"abcd")), called=b"FIDACNODE"),
    "padded UIDs": body(context(1, CT + "\0", EXPLICIT + "\0"), user(), called=b"FIDACNODE"),
    "no limit": body(GOOD, user(maximum=0), called=b"FIDACNODE"),
    "identity": body(GOOD, user(item(0x58, b"\1\1\0\4user\0\0")), called=b"FIDACNODE"),
}
OURS_ALONE = {
    "long version name": body(GOOD, user(version=b"X" * 20), called=b"FIDACNODE"),
    "version name in Latin-1": body(GOOD, user(version=b"Schl\xfcssel"), called=b"FIDACNODE"),
    "a context without syntax": body(GOOD, context(3, CT), user(), called=b"FIDACNODE"),
    "a UID of 66 characters": body(GOOD, context(3, "1." + "2" * 64, EXPLICIT), user(), called=b"FIDACNODE"),
    "an even number beside a good one": body(GOOD, context(4, CT, EXPLICIT), user(), called=b"FIDACNODE"),
}


def ask(port: int, request: bytes, *, whole: bool = False) -> tuple[int, bytes]:
    """Send a request, or ``whole`` bytes; return the type of the answer and its content (0: the connection ended)."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.settimeout(10)
        sock.sendall(request if whole else struct.pack(">BxL", 1, len(request)) + request)
        try:
            answer = sock.recv(65536)
        except ConnectionResetError:
            answer = b""
    return (answer[0], answer[6:]) if answer else (0, b"")


@contextmanager
def storescp(directory: Path) -> Iterator[int]:
    port = free_port()
    with subprocess.Popen(["storescp", "--output-directory", str(directory), str(port)]) as process:
        wait_until(lambda: _listens(port), 20)
        try:
            yield port
        finally:
            process.terminate()


@contextmanager
def orthanc(directory: Path) -> Iterator[int]:
    port = free_port()
    settings = {
        "StorageDirectory": str(directory),
        "DicomPort": port,
        "HttpServerEnabled": False,
        "DicomAet": "FIDACNODE",
    }
    (directory / "orthanc.json").write_text(json.dumps(settings))
    command = ["Orthanc", str(directory / "orthanc.json")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: _listens(port), 30)
        try:
            yield port
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("case", [*TOLERATED, *OURS_ALONE])
def test_a_request_as_the_field_writes_it_is_served(node: Node, case: str) -> None:
    kind, answer = ask(node.scp.port, {**TOLERATED, **OURS_ALONE}[case])
    assert kind == ACCEPTED and b"\x21\x00" in answer


@pytest.mark.interop("storescp", "Orthanc")
@pytest.mark.parametrize("peer", [storescp, orthanc], ids=lambda peer: str(peer.__name__))
def test_what_other_receivers_accept_is_what_these_cases_say(
    tmp_path: Path, peer: Callable[[Path], contextmanager]
) -> None:
    with peer(tmp_path) as port:
        assert {case: ask(port, request)[0] for case, request in TOLERATED.items()} == dict.fromkeys(
            TOLERATED, ACCEPTED
        )


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (body(GOOD, user(), called=b"FIDACNODE", calling=b" " * 16), (1, 1, 3)),
        (body(GOOD, user(), called=b"FIDACNODE", application=b"1.2.3"), (1, 1, 2)),
        (body(GOOD, user(), called=b"FIDACNODE", version=2), (1, 2, 2)),
        (body(GOOD, user(), called=b"SOMEBODY"), (1, 1, 7)),
    ],
    ids=["no calling title", "application context", "version", "called title"],
)
def test_what_is_really_wrong_is_rejected_as_the_standard_says(
    node: Node, request_: bytes, answer: tuple[int, int, int], caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(node.scp.port, request_) == (REJECTED, bytes([0, *answer]))
    wait_until(lambda: "rejected" in caplog.text, 5)


STRANGERS = {
    "TLS": (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(64), "it speaks TLS, and this port does not"),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "it speaks HTTP, and this is a DICOM port"),
    "noise": (b"\xde\xad\xbe\xef\0\0\0\0", "it does not speak DICOM"),
    "cut short": (b"\x01\0\0\0\1\0abc", "cut short"),
    "nothing": (b"", "it sent nothing"),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_who_leaves_without_an_association_is_told_with_cause_and_remedy(
    node: Node, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    sent, words = STRANGERS[kind]
    node.scp.strangers = Strangers()  # nothing was told before
    with socket.create_connection(("127.0.0.1", node.scp.port), 10) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(10)
        while sock.recv(4096):
            continue
    wait_until(lambda: words in caplog.text and "127.0.0.1" in caplog.text, 5, caplog.text)
    assert "Error" not in caplog.text and "Traceback" not in caplog.text


def test_who_leaves_in_the_middle_of_an_object_is_told_with_how_much_came(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    scu = node.scu()
    command = command_set(
        AffectedSOPClassUID=CT,
        CommandField=1,
        MessageID=1,
        Priority=0,
        CommandDataSetType=0,
        AffectedSOPInstanceUID=UID,
    )
    scu.send_fragments((3, command), (0, data_set()[:900]))
    scu.sock.close()
    wait_until(lambda: "PACS at 127.0.0.1 left in the middle of an object, of which 900 bytes" in caplog.text, 5)
    assert node.spool.entries("new") == []


def test_who_is_sent_away_when_the_node_stops_is_not_blamed(idle: Node, caplog: pytest.LogCaptureFixture) -> None:
    idle.start()
    idle.connect()
    half = idle.scu()
    command = command_set(
        AffectedSOPClassUID=CT,
        CommandField=1,
        MessageID=1,
        Priority=0,
        CommandDataSetType=0,
        AffectedSOPInstanceUID=UID,
    )
    half.send_fragments((3, command), (0, data_set()[:900]))
    wait_until(lambda: any(assoc.lane.busy for assoc in idle.scp.associations), 10)
    idle.scp.stop(0)
    assert "came to nothing" not in caplog.text and "left in the middle" not in caplog.text
    assert "aborting PACS in the middle of an object" in caplog.text


def test_the_same_stranger_is_told_ten_times_a_minute_and_then_how_often(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    strangers, now = Strangers(lambda: counted.append(1)), [0.0]
    monkeypatch.setattr("fidac_node.receive.strangers.time.monotonic", lambda: now[0])
    for _ in range(25):
        strangers.left("10.0.0.1", "it sent nothing", "look")
    strangers.left("10.0.0.2", "it sent nothing", "look")
    now[0] = 61.0
    strangers.left("10.0.0.1", "it sent nothing", "look")
    assert len(counted) == 27 and caplog.text.count("came to nothing") == 12 and "15 times more" in caplog.text


def test_a_store_without_a_priority_is_served(node: Node) -> None:
    scu = node.scu()
    command = command_set(
        AffectedSOPClassUID=CT, CommandField=1, MessageID=1, CommandDataSetType=0, AffectedSOPInstanceUID=UID
    )
    scu.send_fragments((3, command), (2, data_set()))
    assert scu.read_status() == (0, "")


@pytest.mark.skipif(not FIELD.is_dir(), reason=f"no cases of the field in {FIELD}")
def test_the_cases_of_the_field_are_right(node: Node) -> None:
    script = [sys.executable, str(FIELD / "negotiation.py"), str(node.scp.port), "FIDACNODE"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not FIELD.is_dir(), reason=f"no cases of the field in {FIELD}")
@pytest.mark.parametrize("case", ["context_id_even", "context_without_ts", "uid_65_in_proposal", "version_name_20"])
def test_a_case_of_the_field_is_right(node: Node, case: str) -> None:
    script = [sys.executable, f"{case}.py", str(node.scp.port), "FIDACNODE"]
    done = subprocess.run(script, cwd=FIELD / "network", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_a_plain_request_on_a_tls_port_is_told(tmp_path: Path, idle: Node, caplog: pytest.LogCaptureFixture) -> None:
    from tests.integration.peers import make_certificates

    make_certificates(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "hub.pem", tmp_path / "hub.key")
    idle.start(tls=server)
    ask(idle.scp.port, TOLERATED["plain"])
    wait_until(lambda: "it speaks no TLS, and this port does" in caplog.text, 5, caplog.text)
    idle.scp.stop(0)
