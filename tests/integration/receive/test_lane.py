"""The lane from the socket to the file, byte by byte.

What it takes, what it leaves to pynetdicom, what it does not survive.
pynetdicom's inner names that :mod:`fidac_node.receive.lane`, ``association`` and ``wire`` rest on are noticed here when
they change.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pynetdicom.fsm
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import UID as Uid
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dsutils import decode, encode
from pynetdicom.dul import DULServiceProvider
from pynetdicom.transport import AssociationSocket

from fidac_node.commitment.answer import CommitmentScp, report_contexts, request_contexts
from fidac_node.dicom import part10
from fidac_node.dicom.uids import (
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    VERIFICATION,
)
from fidac_node.receive import lane, provider, server, wire
from fidac_node.receive.association import LaneAssociation
from fidac_node.receive.check import Identity, is_whole
from fidac_node.receive.lane import Lane
from fidac_node.receive.listener import listen
from fidac_node.receive.scp import storage_contexts
from fidac_node.spool.draft import Draft
from fidac_node.system import tls
from tests.integration.peers import make_certificates
from tests.integration.receiving import CT, UID, Node, data_set
from tests.support import Closed, RawScu, command_set, wait_until

ECHO = command_set(AffectedSOPClassUID=VERIFICATION, CommandField=0x30, MessageID=77, CommandDataSetType=0x0101)
RELEASE = struct.pack(">BxLL", 5, 4, 0)
SMALL = data_set(pixels=b"\1\2" * 8)


def pdv(header: int, data: bytes, context: int = 1) -> bytes:
    return struct.pack(">LBB", len(data) + 2, context, header) + data


def p_data(*pdvs: bytes) -> bytes:
    return struct.pack(">BxL", 4, sum(map(len, pdvs))) + b"".join(pdvs)


def is_cut_off(sock: socket.socket) -> bool:
    """The peer's last word is A-ABORT, or that it releases the association, or there is none."""
    sock.settimeout(10)
    said = b""
    try:
        while data := sock.recv(4096):
            said += data
    except ConnectionResetError:
        return True
    return said[-10:-9] in (b"", b"\6", b"\7")


# --- what it rests on

NAMES = {
    DULServiceProvider: [
        "_process_recv_primitive",
        "_read_pdu_data",
        "stop_dul",
        "idle_timer_expired",
        "run_reactor",
        "wake",
    ],
    DIMSEServiceProvider: ["receive_primitive", "send_msg", "get_msg"],
    DIMSEMessage: ["decode_msg", "message_to_primitive"],
    Association: ["_run_reactor", "_serve_request", "kill", "abort", "run_reactor", "set_socket"],
    AssociationSocket: ["recv", "send", "close", "_shutdown_socket", "event_queue"],
}


@pytest.mark.parametrize("owner", NAMES, ids=lambda owner: str(owner.__name__))
def test_pynetdicom_still_has_the_methods_that_are_replaced_or_called(owner: type) -> None:
    assert [name for name in NAMES[owner] if not hasattr(owner, name)] == (
        [] if owner is not DULServiceProvider else ["wake"]
    )


def test_pynetdicom_still_has_the_attributes_that_are_used(node: Node) -> None:
    scu = node.scu()
    assert scu.echo(context=3) == 0
    (assoc,) = node.scp.associations
    assert type(assoc.dul) is Lane and type(assoc.dul.socket) is wire.Wire and assoc.dimse.dul is assoc.lane
    plain = Association(assoc.ae, "acceptor")
    for thing, names in {
        plain: [
            "_accepted_cx",
            "_reactor_checkpoint",
            "_is_paused",
            "_kill",
            "_dul_ready",
            "dimse_timeout",
            "network_timeout",
        ],
        plain.dul: [
            "event_queue",
            "to_provider_queue",
            "to_user_queue",
            "artim_timer",
            "state_machine",
            "_kill_thread",
            "socket",
        ],
        plain.dimse: ["message", "msg_queue"],
    }.items():
        assert [name for name in names if not hasattr(thing, name)] == []


def test_the_state_machine_is_still_that_of_the_standard() -> None:
    table = pynetdicom.fsm.TRANSITION_TABLE
    assert {
        state for (event, state), action in table.items() if event == "Evt10" and action in ("DT-2", "AR-6")
    } == lane._TRANSFER
    assert {state for event, state in table if event in ("Evt7", "Evt14")} == lane._OUR_TURN
    assert all(
        ("Evt19", f"Sta{number}") in table and ("Evt17", f"Sta{number}") in table for number in (2, 3, 6, 7, 8, 13)
    )


def test_no_data_set_goes_through_pynetdicom_and_every_other_message_does(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    original = DIMSEMessage.decode_msg

    def decode_msg(self: DIMSEMessage, primitive: Any, assoc: Association) -> bool:
        seen.extend(fragment for _, fragment in primitive.presentation_data_value_list)
        return bool(original(self, primitive, assoc))

    monkeypatch.setattr(DIMSEMessage, "decode_msg", decode_msg)
    scu = node.scu()
    assert scu.store(data_set(), CT, UID) == (0, "")
    assert seen == []
    assert scu.echo(context=3) == 0
    assert len(seen) == 1 and seen[0][0] == 3


# --- fragments


def test_a_data_set_may_be_split_at_every_byte_into_fragments_of_one_pdu_or_two(node: Node) -> None:
    scu = node.scu()
    for cut in range(len(SMALL) + 1):
        parts = pdv(0, SMALL[:cut]), pdv(2, SMALL[cut:])
        command = p_data(pdv(3, scu.store_command(CT, UID)))
        scu.sock.sendall(command + (p_data(*parts) if cut % 2 else p_data(parts[0]) + p_data(parts[1])))
        assert scu.read_status() == (0, ""), cut
    assert node.kept() == [SMALL]


def test_a_command_may_be_split_at_every_byte(node: Node) -> None:
    scu = node.scu()
    for cut in range(len(scu.store_command(CT, UID)) + 1):
        command = scu.store_command(CT, UID)
        scu.sock.sendall(p_data(pdv(1, command[:cut]), pdv(3, command[cut:]), pdv(2, SMALL)))
        assert scu.read_status() == (0, ""), cut
    assert node.kept() == [SMALL]


def test_the_stream_may_be_split_at_every_byte_on_its_way(node: Node) -> None:
    scu = node.scu()
    connection = node.scp.associations[0].lane.wire.socket
    for cut in range(
        len(p_data(pdv(3, scu.store_command(CT, UID)), pdv(0, SMALL[:99])) + p_data(pdv(2, SMALL[99:]))) + 1
    ):
        stream = p_data(pdv(3, scu.store_command(CT, UID)), pdv(0, SMALL[:99])) + p_data(pdv(2, SMALL[99:]))
        scu.sock.sendall(stream[:cut])
        wait_until(lambda: not select.select([connection], [], [], 0)[0], 5)
        scu.sock.sendall(stream[cut:])
        assert scu.read_status() == (0, ""), cut
    assert node.kept() == [SMALL]


@pytest.mark.parametrize("size", [1, 7, 4096, 131072, 300_000])
def test_an_object_larger_than_what_is_read_ahead_arrives_in_pdus_of_any_size(node: Node, size: int) -> None:
    sent = data_set(pixels=os.urandom(1 << 20 if size > 100 else 2000))
    scu = node.scu()
    stream = p_data(pdv(3, scu.store_command(CT, UID)))
    stream += b"".join(p_data(pdv(0, sent[start : start + size])) for start in range(0, len(sent), size)) + p_data(
        pdv(2, b"")
    )
    scu.sock.sendall(stream)
    assert scu.read_status() == (0, "")
    assert node.kept() == [sent]


# --- what comes right behind


def secure_scu(node: Node, directory: Path) -> RawScu:
    """Start the node with TLS and associate."""
    make_certificates(directory)
    node.start(tls=tls.server_context(directory / "hub.pem", directory / "hub.key", directory / "ca.pem"))
    context = ssl.create_default_context(cafile=directory / "ca.pem")
    context.load_cert_chain(directory / "site.pem", directory / "site.key")
    sock = context.wrap_socket(node.connect(), server_hostname="localhost")
    node.sockets.append(sock)
    return node.scu(sock=sock)


@pytest.mark.interop("openssl")
def test_what_the_tls_layer_holds_when_a_message_ends_with_the_buffer_is_not_forgotten(
    idle: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("READ_AHEAD", "_AT_FIRST"):
        monkeypatch.setattr(wire, name, 32 << 10)  # what is sent below lies in the kernel at once
    scu = secure_scu(idle, tmp_path)
    reached, go = threading.Event(), threading.Event()

    def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
        reached.set()
        go.wait(10)
        idle.put(draft, identity, digest)

    idle.accept = accept
    scu.send_fragments((3, scu.store_command(CT, UID)), (2, SMALL))
    assert reached.wait(10)
    command = p_data(pdv(3, scu.store_command(CT, "1.7")))
    rest = wire.READ_AHEAD - len(command) - len(p_data(pdv(2, data_set("1.7", pixels=b""))))
    stream = command + p_data(pdv(2, data_set("1.7", pixels=bytes(rest)))) + p_data(pdv(3, ECHO, context=3))
    for part in (stream[:1000], stream[1000:]):  # so that a TLS record lies across the end of the buffer
        scu.sock.sendall(part)
    go.set()
    assert [scu.read_status() for _ in range(3)] == [(0, "")] * 3


@pytest.mark.parametrize("secure", [False, pytest.param(True, marks=pytest.mark.interop("openssl"))])
def test_what_comes_in_the_same_segment_as_an_object_is_not_lost(idle: Node, tmp_path: Path, secure: bool) -> None:
    node = idle
    scu = secure_scu(node, tmp_path) if secure else node.start().scu()
    first = p_data(pdv(3, scu.store_command(CT, UID)), pdv(2, data_set()))
    echo = p_data(pdv(3, ECHO, context=3))
    second = p_data(pdv(3, scu.store_command(CT, "1.7"))) + p_data(pdv(2, data_set("1.7")))
    scu.sock.sendall(first + echo + second + RELEASE)
    assert [scu.read_status() for _ in range(3)] == [(0, "")] * 3
    assert scu.read_pdu()[0] == 6, "the release is answered"
    scu.sock.close()
    assert sorted(node.kept()) == sorted([data_set(), data_set("1.7")])


def test_an_abort_right_behind_an_object_comes_after_it(node: Node) -> None:
    scu = node.scu()
    scu.sock.sendall(p_data(pdv(3, scu.store_command(CT, UID)), pdv(2, data_set())) + struct.pack(">BxLL", 7, 4, 0))
    assert scu.read_status() == (0, "")
    assert scu.sock.recv(1) == b""
    assert node.kept() == [data_set()]


def test_a_thousand_echoes_that_nobody_waits_for_are_all_answered_and_do_not_pile_up(node: Node) -> None:
    scu = node.scu()
    most: list[int] = []
    (assoc,) = node.scp.associations
    put = assoc.dimse.msg_queue.put
    assoc.dimse.msg_queue.put = lambda item, *more: (most.append(assoc.dimse.msg_queue.qsize()), put(item, *more))
    sender = threading.Thread(target=scu.sock.sendall, args=(p_data(pdv(3, ECHO, context=3)) * 1000,))
    sender.start()
    assert [scu.read_status() for _ in range(1000)] == [(0, "")] * 1000
    sender.join()
    assert scu.store(data_set(), CT, UID) == (0, "")
    # What is read ahead at once is handed over at once.
    assert max(most) <= provider.MOST_MESSAGES + wire.READ_AHEAD // len(p_data(pdv(3, ECHO)))


# --- our own messages on the same association

# pynetdicom's SCU may hang when it stores while a report comes to it: here the peer is made of bytes.
N_EVENT_REPORT, N_ACTION_RSP, C_STORE_RSP = 0x0100, 0x8130, 0x8001


def messages(scu: RawScu) -> Iterator[tuple[Dataset, bytes]]:
    """Read whole messages: their commands, and their data sets; no fragment of another comes in between."""
    fragments: list[tuple[int, int, bytes]] = []

    def whole(kind: int) -> tuple[int, bytes]:
        data = b""
        while True:
            while not fragments:
                pdu, body = scu.read_pdu()
                assert pdu == 4
                while body:
                    size, context, header = struct.unpack(">LBB", body[:6])
                    fragments.append((context, header, body[6 : size + 4]))
                    body = body[size + 4 :]
            context, header, part = fragments.pop(0)
            assert header & 1 == kind
            data += part
            if header & 2:
                return context, data

    while True:
        context, encoded = whole(1)
        command = decode(BytesIO(encoded), is_implicit_vr=True, is_little_endian=True)
        if command.CommandDataSetType == 0x0101:
            yield command, b""
        else:
            of_data, data = whole(0)
            assert of_data == context
            yield command, data


def commitment_request(number: int, references: int) -> bytes:
    request = Dataset()
    request.TransactionUID = f"1.2.{number}"
    request.ReferencedSOPSequence = [Dataset() for _ in range(references)]
    for index, item in enumerate(request.ReferencedSOPSequence):
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = Uid(CT), Uid(f"1.2.{index + 1}")
    command = Dataset()
    command.CommandField, command.MessageID, command.CommandDataSetType, command.ActionTypeID = (
        0x0130,
        500 + number,
        1,
        1,
    )
    command.RequestedSOPClassUID, command.RequestedSOPInstanceUID = STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
    encoded = encode(command, True, True)
    assert encoded is not None
    command.CommandGroupLength = len(encoded)
    return p_data(
        pdv(3, encode(command, True, True) or b"", context=3), pdv(2, encode(request, False, True) or b"", context=3)
    )


def test_reports_of_ours_go_out_whole_while_objects_come_in(idle: Node) -> None:
    commitment = CommitmentScp(lambda _, references: (references, []))
    contexts = [*storage_contexts([CT], [EXPLICIT_VR_LE]), *request_contexts()]
    node = idle.start(contexts=contexts, handlers=commitment.handlers())
    scu = node.scu((CT, [EXPLICIT_VR_LE]), (STORAGE_COMMITMENT, [EXPLICIT_VR_LE]))
    sent = [data_set(f"1.{number}", pixels=bytes(20_000)) for number in range(60)]
    stores = [p_data(pdv(3, scu.store_command(CT, f"1.{number}")), pdv(2, one)) for number, one in enumerate(sent)]
    stream = b"".join(
        commitment_request(number, 1000) + b"".join(stores[20 * number : 20 * number + 20]) for number in range(3)
    )
    sender = threading.Thread(target=scu.sock.sendall, args=(stream,))
    sender.start()
    seen: dict[int, list[str]] = {}
    for command, data in messages(scu):
        report = decode(BytesIO(data), is_implicit_vr=False, is_little_endian=True) if data else Dataset()
        seen.setdefault(command.CommandField, []).append(
            str(report.get("TransactionUID", command.get("AffectedSOPInstanceUID", "")))
        )
        assert command.get("Status", 0) == 0 and len(report.get("ReferencedSOPSequence", [])) in (0, 1000)
        if sum(map(len, seen.values())) == 66:
            break
    sender.join()
    assert seen[C_STORE_RSP] == [f"1.{number}" for number in range(60)]
    assert sorted(seen[N_EVENT_REPORT]) == ["1.2.0", "1.2.1", "1.2.2"]
    assert len(seen[N_ACTION_RSP]) == 3
    assert sorted(node.kept()) == sorted(sent)
    commitment.close()


def test_a_request_of_ours_finds_its_answer_and_the_reactor_goes_on(idle: Node) -> None:
    """What pynetdicom's ``send_n_event_report`` needs of the reactor: that it pauses, and lets the answer be taken."""
    contexts = [*storage_contexts([CT], [EXPLICIT_VR_LE]), *request_contexts()]
    node = idle.start(contexts=contexts)
    scu = node.scu((CT, [EXPLICIT_VR_LE]), (STORAGE_COMMITMENT, [EXPLICIT_VR_LE]), (VERIFICATION, [IMPLICIT_VR_LE]))
    (ours,) = node.scp.associations
    incoming = messages(scu)
    statuses: list[int] = []

    def report() -> None:
        asked = Dataset()
        asked.TransactionUID = "1.2.3"
        status, _ = ours.send_n_event_report(asked, 1, Uid(STORAGE_COMMITMENT), Uid(STORAGE_COMMITMENT_INSTANCE))
        statuses.append(status.Status)

    for number in range(3):
        reporter = threading.Thread(target=report)
        reporter.start()
        command, data = next(incoming)
        assert command.CommandField == N_EVENT_REPORT and data
        answer = command_set(CommandField=0x8100, CommandDataSetType=0x0101, Status=0)
        responded_to = struct.pack("<HHLH", 0, 0x0120, 2, command.MessageID)
        scu.sock.sendall(p_data(pdv(3, answer[:22] + responded_to + answer[22:], context=3)))
        reporter.join()
        assert scu.echo(context=5) == 0
        assert scu.store(data_set(f"1.{number}"), CT, f"1.{number}") == (0, "")
    assert statuses == [0, 0, 0]
    releaser = threading.Thread(target=ours.release)
    releaser.start()
    assert scu.read_pdu()[0] == 5
    scu.send_pdu(6, bytes(4))
    releaser.join()
    assert ours.is_released


def test_a_report_to_us_is_served_between_objects(idle: Node) -> None:
    reports: list[Dataset] = []

    def keep(event: Any) -> tuple[int, None]:
        reports.append(event.event_information)
        return 0, None

    contexts = [*storage_contexts([CT], [EXPLICIT_VR_LE]), *report_contexts()]
    node = idle.start(contexts=contexts, handlers=[(evt.EVT_N_EVENT_REPORT, keep)])
    ae = AE("HUB")
    ae.add_requested_context(CT, EXPLICIT_VR_LE)
    ae.add_requested_context(STORAGE_COMMITMENT, [EXPLICIT_VR_LE])
    role = build_role(STORAGE_COMMITMENT, scp_role=True)
    assoc = ae.associate("127.0.0.1", node.scp.port, ae_title="FIDACNODE", ext_neg=[role])
    path = node.spool.directory / "sent.dcm"
    path.write_bytes(part10.encode_meta(part10.FileMeta(CT, UID, EXPLICIT_VR_LE)) + data_set())
    for number in range(3):
        report = Dataset()
        report.TransactionUID = f"1.{number}"
        status, _ = assoc.send_n_event_report(report, 1, Uid(STORAGE_COMMITMENT), Uid(STORAGE_COMMITMENT_INSTANCE))
        assert status.Status == 0
        assert assoc.send_c_store(path).Status == 0
    assoc.release()
    assert [report.TransactionUID for report in reports] == ["1.0", "1.1", "1.2"]


# --- what is not DICOM

LIES: dict[str, Callable[[bytes], bytes]] = {
    "a PDU of no bytes": lambda command: struct.pack(">BxL", 4, 0),
    "a PDU of 5 bytes": lambda command: struct.pack(">BxL", 4, 5) + bytes(5),
    "a PDU of 4 GB": lambda command: struct.pack(">BxL", 4, 0xFFFFFFFF) + pdv(3, command),
    "a PDU of 3 MB": lambda command: struct.pack(">BxL", 4, 3 << 20) + pdv(3, command),
    "a fragment of 4 GB": lambda command: struct.pack(">BxLLBB", 4, 100, 0xFFFFFFFF, 1, 3),
    "a fragment of no bytes": lambda command: struct.pack(">BxLLBB", 4, 6, 0, 1, 3),
    "a fragment without its header": lambda command: struct.pack(">BxLLBB", 4, 6, 1, 1, 3),
    "a fragment one byte longer than its PDU": lambda command: struct.pack(">BxLLBB", 4, 16, 13, 1, 3) + bytes(10),
    "a PDU five bytes longer than its fragments": lambda command: (
        struct.pack(">BxL", 4, 6 + len(command) + 5) + pdv(3, command) + bytes(5)
    ),
    "a PDU of type 0": lambda command: struct.pack(">BxL", 0, 4) + bytes(4),
    "a PDU of type 8": lambda command: struct.pack(">BxL", 8, 0xFFFF),
    "an association request": lambda command: struct.pack(">BxL", 1, 68) + bytes(68),
    "an association answer": lambda command: struct.pack(">BxL", 2, 68) + bytes(68),
    "a release answer": lambda command: struct.pack(">BxLL", 6, 4, 0),
    "a data set in another context": lambda command: p_data(pdv(3, command), pdv(2, SMALL, context=3)),
    "a command in two contexts": lambda command: p_data(
        pdv(1, command[:9]), pdv(3, command[9:], context=3), pdv(2, SMALL)
    ),
    "a context that was not offered": lambda command: p_data(pdv(3, command, context=9), pdv(2, SMALL, context=9)),
    "an echo in the middle": lambda command: (
        p_data(pdv(3, command), pdv(0, SMALL[:9])) + p_data(pdv(3, ECHO, context=3)) + p_data(pdv(2, SMALL))
    ),
    "two commands": lambda command: p_data(pdv(3, command), pdv(3, command)),
    "a data set after a data set": lambda command: p_data(pdv(3, command), pdv(2, SMALL), pdv(0, SMALL)),
    "a release in the middle": lambda command: (
        p_data(pdv(3, command), pdv(0, SMALL[:9])) + RELEASE + p_data(pdv(2, SMALL))
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_who_sends_what_is_not_dicom_is_cut_off_at_once_and_others_are_served(node: Node, lie: str) -> None:
    scu = node.scu()
    scu.sock.sendall(LIES[lie](scu.store_command(CT, UID)))
    if lie == "a data set after a data set":
        assert scu.read_status() == (0, "")
    assert is_cut_off(scu.sock)
    scu.sock.close()
    assert [sent for sent in node.kept() if sent != SMALL] == []
    for entry in node.spool.entries("new"):
        node.spool.remove(entry)
    assert node.serves()


def test_a_pdu_that_trickles_is_cut_off_whatever_came_of_it(idle: Node) -> None:
    node = idle.start(dimse_timeout=1, acse_timeout=1)
    store, scu = node.scu(), node.scu()
    store.send_fragments((3, store.store_command(CT, UID)), (0, SMALL[:9]))
    for sock, drop in (
        (node.connect(), b"\1"),
        (scu.sock, p_data(pdv(3, ECHO))),
        (store.sock, p_data(pdv(0, b"")) + p_data(pdv(0, SMALL))),
    ):
        drops = iter(drop + bytes(1 << 16))
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        while not poll.poll(50):
            sock.sendall(bytes([next(drops)]))
        assert is_cut_off(sock)
    assert node.serves()


def test_the_longest_pdu_may_take_its_time_on_a_slow_line(idle: Node) -> None:
    node = idle.start(dimse_timeout=1)
    scu = node.scu()
    (assoc,) = node.scp.associations
    stretch = 128 << 10
    pdu = p_data(pdv(2, data_set(pixels=bytes(300_000))))
    scu.send_fragments((3, scu.store_command(CT, UID)))
    began = time.monotonic()
    for end in range(12 + stretch, len(pdu), stretch):
        scu.sock.sendall(pdu[end - stretch - (12 if end == 12 + stretch else 0) : end])
        wait_until(lambda end=end: assoc.lane.parser._pdu_left == len(pdu) - end and assoc.lane._left("Sta6") < 0.4, 5)
    assert time.monotonic() - began > 1
    scu.sock.sendall(pdu[end:])
    assert scu.read_status() == (0, "")


def test_who_waits_for_long_within_the_idle_timeout_is_served(idle: Node) -> None:
    node = idle.start(dimse_timeout=1, idle_timeout=30)
    scu = node.scu()
    (assoc,) = node.scp.associations
    assert scu.store(data_set(), CT, UID) == (0, "")
    wait_until(lambda: assoc.lane._left("Sta6") < 28.9, 5)
    assert scu.store(data_set("1.7"), CT, "1.7") == (0, "")


def test_the_time_that_we_take_is_not_the_peers_silence(idle: Node) -> None:
    node = idle.start(idle_timeout=1)
    scu = node.scu()
    (assoc,) = node.scp.associations

    def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
        wait_until(lambda: (assoc.lane._left("Sta6") or 0) < 0, 5)
        node.put(draft, identity, digest)

    node.accept = accept
    assert scu.store(data_set(), CT, UID) == (0, "")
    assert scu.echo(context=3) == 0


valid = st.lists(st.sampled_from(["store", "echo", "split"]), min_size=1, max_size=4)
edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "repeat", "length"]),
        st.integers(0, 5000),
        st.binary(min_size=1, max_size=6),
    ),
    max_size=4,
)


def stream_of(scu: RawScu, messages: list[str]) -> bytes:
    stream = b""
    for number, message in enumerate(messages):
        uid = f"1.{number}"
        command, sent = scu.store_command(CT, uid), data_set(uid, pixels=b"\1\2" * 8)
        if message == "echo":
            stream += p_data(pdv(3, ECHO, context=3))
        elif message == "store":
            stream += p_data(pdv(3, command), pdv(2, sent))
        else:
            stream += (
                p_data(pdv(1, command[:20]), pdv(3, command[20:]))
                + p_data(pdv(0, sent[:50]))
                + p_data(pdv(2, sent[50:]))
            )
    return stream + RELEASE


def mutate(stream: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    data = bytearray(stream)
    for how, where, noise in changes:
        at = where % (len(data) or 1)
        if how == "flip":
            data[at : at + 1] = noise[:1]
        elif how == "cut":
            del data[at : at + noise[0]]
        elif how == "insert":
            data[at:at] = noise
        elif how == "repeat":
            data[at:at] = data[at : at + 20 * noise[0]]
        else:
            data[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(valid, edits)
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's about the values
def test_whatever_a_peer_makes_of_valid_pdus_nothing_is_kept_that_is_not_whole(
    node: Node, messages: list[str], changes: Any
) -> None:
    scu = node.scu()
    scu.sock.sendall(mutate(stream_of(scu, messages), changes))
    scu.sock.shutdown(socket.SHUT_WR)
    try:
        while scu.read_pdu()[0] in (4, 6, 7):
            continue
    except (Closed, ConnectionError):
        scu.sock.close()
    wait_until(lambda: not node.associations(), 5, "an association outlives its connection")
    node.kept()
    for entry in node.spool.entries("new"):
        assert is_whole(node.spool.path(entry), entry)
    if not changes:
        assert len(node.kept()) == sum(message != "echo" for message in messages)
    node.reset()
    assert node.serves()


# --- several processes, and nothing to do


def test_of_two_that_listen_on_one_port_the_idle_one_takes_the_next(
    idle: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_PATIENCE_SECONDS", 0.1)  # the two share an interpreter, and a busy machine
    monkeypatch.setattr(server, "_MOST_PATIENCE_SECONDS", 1.0)
    shared = listen("127.0.0.1", 0)
    first = idle.start(listener=shared)
    second = Node(tmp_path / "second").start(listener=shared.dup())
    try:
        scus = []
        for _ in range(4):
            scu = first.scu()
            assert scu.echo(context=3) == 0
            scus.append(scu)
        assert (len(first.scp.associations), len(second.scp.associations)) == (2, 2)
        for number, scu in enumerate(scus):
            assert scu.store(data_set(f"1.{number}"), CT, f"1.{number}") == (0, "")
            scu.release()
        assert (len(first.kept()), len(second.kept())) == (2, 2)
    finally:
        second.reset()
        second.scp.stop(2)


def test_the_port_goes_on_when_one_of_two_that_share_it_stops(idle: Node, tmp_path: Path) -> None:
    shared = listen("127.0.0.1", 0)
    first = idle.start(listener=shared)
    second = Node(tmp_path / "second").start(listener=shared.dup())
    second.scp.stop(2)
    assert all(first.serves() for _ in range(3))


def switches(assoc: LaneAssociation) -> list[str]:
    """How often each thread of an association has gone to sleep so far."""
    return [
        line
        for thread in (assoc, assoc.lane)
        for line in Path(f"/proc/self/task/{thread.native_id}/status").read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    ]


def test_an_association_that_has_nothing_to_do_sleeps(node: Node) -> None:
    sleeping = node.scu()
    assert sleeping.echo(context=3) == 0
    (assoc,) = node.scp.associations
    busy = node.scu()
    assert [busy.echo(context=3) for _ in range(20)] == [0] * 20
    before = switches(assoc)
    assert [busy.echo(context=3) for _ in range(100)] == [0] * 100
    assert switches(assoc) == before
    assert sleeping.store(data_set(), CT, UID) == (0, "")


# --- other vendors


@pytest.mark.interop("storescu")
@pytest.mark.parametrize("size", [4096, 16384, 28672, 65536, 131072])
def test_dcmtk_sends_in_pdus_of_every_size(node: Node, tmp_path: Path, size: int) -> None:
    sent = []
    for number in range(5):
        sent.append(data_set(f"1.{number + 1}", pixels=os.urandom(200_000)))
        meta = part10.FileMeta(CT, f"1.{number + 1}", EXPLICIT_VR_LE)
        (tmp_path / f"{number}.dcm").write_bytes(part10.encode_meta(meta) + sent[-1])
    command = [
        "storescu",
        "--max-pdu",
        str(size),
        "--max-send-pdu",
        str(size),
        "-aec",
        "FIDACNODE",
        "127.0.0.1",
        str(node.scp.port),
    ]
    subprocess.run([*command, "+sd", str(tmp_path)], check=True, timeout=60, env={**os.environ, "TCP_NODELAY": "1"})
    assert sorted(map(len, node.kept())) == sorted(map(len, sent))
    assert len(node.kept()) == 5
