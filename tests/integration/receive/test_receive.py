"""Reception over real sockets: honest toolkits, and bytes that no honest toolkit sends."""

from __future__ import annotations

import base64
import errno
import ipaddress
import logging
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from blake3 import blake3
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification  # type: ignore[attr-defined]

from fidac_node.dicom import part10
from fidac_node.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    IMPLEMENTATION_CLASS_UID,
    IMPLICIT_VR_LE,
    VERIFICATION,
)
from fidac_node.errors import ConfigError, FidacError, Permanent, Temporary
from fidac_node.receive.check import Identity, PlainHandles, is_whole
from fidac_node.spool.draft import Draft
from fidac_node.spool.entry import Entry
from fidac_node.system import tls
from tests.integration.peers import make_certificates
from tests.integration.receiving import CT, JPEG_2000, MR, NAME, UID, Node, data_set
from tests.support import Closed, RawScu, Rejected, free_port, wait_until

ROOT = Path(__file__).parents[3]


# --- what arrives


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE, JPEG_2000])
def test_an_object_is_kept_byte_for_byte_with_who_sent_it_to_whom(node: Node, syntax: str) -> None:
    sent = data_set(syntax=syntax)
    scu = node.scu((CT, [syntax]), calling="PACS ONE", called="FIDAC_CERTAIN")
    assert scu.store(sent, CT, UID) == (0x0000, "")
    scu.release()
    assert node.kept() == [sent]
    (entry,) = node.spool.entries("new")
    with node.spool.path(entry).open("rb") as fp:
        meta, _ = part10.read_meta(fp)
    assert meta == part10.FileMeta(CT, UID, syntax, "PACS ONE", "FIDAC_CERTAIN")
    assert entry == Entry(
        PlainHandles().study_handle("1.2.3.4"),
        PlainHandles().instance_handle(UID),
        base64.b32encode(blake3(sent).digest()).decode().lower()[:16],
    )


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE, JPEG_2000])
def test_an_object_in_the_file_of_a_longer_one_ends_where_it_ends(node: Node, syntax: str) -> None:
    with node.spool.create() as draft:
        draft.file.write(b"\xff" * 100_000)
        node.spool.put(draft, former := Entry("a" * 12, "b" * 16, "c" * 16))
    node.spool.remove(former)
    assert len(list((node.spool.directory / "spare").iterdir())) == 1
    scu = node.scu((CT, [syntax]))
    assert scu.store(data_set(syntax=syntax), CT, UID) == (0x0000, "")
    scu.release()
    assert node.kept() == [data_set(syntax=syntax)]
    assert list((node.spool.directory / "spare").iterdir()) == []


def test_the_same_object_twice_is_success_twice_and_kept_once(node: Node) -> None:
    scu = node.scu()
    assert [scu.store(data_set(), CT, UID) for _ in range(2)] == [(0, "")] * 2
    assert [scu.store(data_set(pixels=b"other bytes!"), CT, UID)] == [(0, "")]
    assert sorted(map(len, node.kept())) == sorted([len(data_set()), len(data_set(pixels=b"other bytes!"))])


def test_pynetdicom_echoes_and_stores_in_small_pdus(idle: Node) -> None:
    node = idle.start(max_pdu=4096)
    ae = AE("PYNETDICOM")
    ae.add_requested_context(Verification)
    ae.add_requested_context(CTImageStorage, EXPLICIT_VR_LE)
    assoc = ae.associate("127.0.0.1", node.scp.port, ae_title="FIDACNODE")
    assert assoc.is_established and assoc.acceptor.maximum_length == 4096
    assert assoc.acceptor.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    path = node.spool.directory / "sent.dcm"
    path.write_bytes(part10.encode_meta(part10.FileMeta(CT, UID, EXPLICIT_VR_LE)) + data_set(pixels=bytes(100_000)))
    assert assoc.send_c_echo().Status == 0
    assert assoc.send_c_store(path).Status == 0
    assoc.release()
    assert node.kept() == [data_set(pixels=bytes(100_000))]


def split(data: bytes, sizes: list[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    return [*parts, data]


@pytest.mark.parametrize(
    "how", ["one PDU for all", "single bytes", "empty fragments", "random", "last is empty", "command in bytes"]
)
def test_fragments_may_be_split_anywhere(node: Node, how: str) -> None:
    scu = node.scu()
    sent = data_set(pixels=b"\1\2" * 40)
    command = scu.store_command(CT, UID)
    if how == "one PDU for all":
        scu.send_fragments((1, command[:10]), (3, command[10:]), (0, sent[:7]), (0, b""), (2, sent[7:]))
    elif how == "command in bytes":
        for byte in command[:-1]:
            scu.send_fragments((1, bytes([byte])))
        scu.send_fragments((3, command[-1:]), (2, sent))
    else:
        scu.send_fragments((3, command))
        generator = random.Random(3)
        sizes = {
            "single bytes": [1] * (len(sent) - 1),
            "empty fragments": [0, 0, 10, 0, 5, 0],
            "random": [generator.randrange(1, 60) for _ in range(4)],
            "last is empty": [len(sent)],
        }[how]
        parts = split(sent, sizes)
        for number, part in enumerate(parts):
            scu.send_fragments((2 if number == len(parts) - 1 else 0, part))
    assert scu.read_status() == (0, "")
    assert scu.store(data_set("1.2.3.4.6"), CT, "1.2.3.4.6", fragment=13) == (0, "")
    assert sorted(node.kept(), key=len) == [sent, data_set("1.2.3.4.6")]


def test_objects_sent_without_waiting_for_answers_are_answered_in_turn(node: Node) -> None:
    scu = node.scu()
    for number in range(10):
        scu.send_fragments((3, scu.store_command(CT, f"1.{number}")), (2, data_set(f"1.{number}")))
    assert [scu.read_status() for _ in range(10)] == [(0, "")] * 10
    assert len(node.kept()) == 10


def test_eight_associations_at_once_keep_all_their_objects(node: Node) -> None:
    failures: list[object] = []

    def send(worker: int) -> None:
        scu = node.scu()
        for number in range(20):
            uid = f"1.{worker}.{number}"
            answer = scu.store(data_set(uid, pixels=os.urandom(20_000)), CT, uid)
            if answer != (0, ""):
                failures.append(answer)
        scu.release()

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(node.kept()) == 160


# --- Success means kept


def test_success_is_not_said_before_the_object_is_safe(node: Node) -> None:
    asked, safe = threading.Event(), threading.Event()

    def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
        asked.set()
        safe.wait(20)
        node.put(draft, identity, digest)

    node.accept = accept
    scu = node.scu()
    scu.send_fragments((3, scu.store_command(CT, UID)), (2, data_set()))
    assert asked.wait(10)
    scu.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        scu.read_status()
    assert node.spool.entries("new") == []
    safe.set()
    scu.sock.settimeout(20)
    assert scu.read_status() == (0, "")
    assert node.kept() == [data_set()]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (Temporary("the ledger is busy"), 0xA700),
        (OSError(errno.ENOSPC, "No space left on device"), 0xA700),
        (PermissionError(errno.EACCES, "Permission denied"), 0xA700),
        (Permanent("malformed", "cut short"), 0xC001),
        (Permanent("mismatch", "two UIDs"), 0xA900),
        (Permanent("unknown-site", "who is that"), 0x0110),
        (FidacError("x"), 0x0110),
        (RuntimeError(f"secret {NAME}"), 0x0110),
        (AssertionError(), 0x0110),
    ],
)
def test_what_accept_raises_becomes_a_status_and_the_association_goes_on(
    node: Node, trouble: Exception, status: int
) -> None:
    def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
        raise trouble

    node.accept = accept
    scu = node.scu()
    code, comment = scu.store(data_set(), CT, UID)
    assert code == status and 0 < len(comment) <= 64
    assert NAME not in comment and UID not in comment
    assert node.kept() == []
    node.accept = node.put
    assert scu.store(data_set(), CT, UID) == (0, "")
    assert node.kept() == [data_set()]


class FullDisk:
    """Stands before the system calls: the disk has no room after ``room`` bytes.

    With ``at_sync`` it says so only then.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, *, at_sync: bool) -> None:
        self.room = room
        self.at_sync = at_sync
        self._write, self._sync = os.write, os.fdatasync
        for name, call in (("write", self.write), ("writev", self.writev), ("fdatasync", self.fdatasync)):
            monkeypatch.setattr(os, name, call)

    def write(self, fd: int, data: Any) -> int:
        data = memoryview(data).cast("B")
        taken = len(data) if self.at_sync else min(len(data), max(self.room, 0))
        self.room -= len(data)
        if data and not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(fd, data[:taken])

    def writev(self, fd: int, pieces: Any) -> int:
        return self.write(fd, b"".join(pieces))

    def fdatasync(self, fd: int) -> None:
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._sync(fd)


@pytest.mark.parametrize("room", [0, 100, 2000, 9000])
@pytest.mark.parametrize("at_sync", [False, True])
def test_a_disk_that_fills_in_the_middle_is_out_of_resources_and_nothing_stays(
    node: Node, monkeypatch: pytest.MonkeyPatch, room: int, at_sync: bool
) -> None:
    scu = node.scu()
    with monkeypatch.context() as patch:
        FullDisk(patch, room, at_sync=at_sync)
        assert scu.store(data_set(pixels=bytes(20_000)), CT, UID, fragment=1000) == (
            0xA700,
            "disk: No space left on device",
        )
    assert node.kept() == []
    assert scu.store(data_set(), CT, UID) == (0, "")
    assert node.kept() == [data_set()]


def test_a_spool_where_no_file_can_be_opened_is_out_of_resources(node: Node) -> None:
    def create() -> Draft:
        raise PermissionError(errno.EACCES, "Permission denied")

    node.create = create
    scu = node.scu()
    assert scu.store(data_set(), CT, UID) == (0xA700, "disk: Permission denied")
    node.create = node.spool.create
    assert scu.store(data_set(), CT, UID) == (0, "")


def test_trouble_that_nobody_foresaw_when_opening_a_file_aborts_and_others_are_served(node: Node) -> None:
    def create() -> Draft:
        raise RuntimeError("unforeseen")

    node.create = create
    with pytest.raises(Closed):
        node.scu().store(data_set(), CT, UID)
    node.create = node.spool.create
    assert node.serves()


def test_a_node_that_gets_full_or_forgets_its_caller_answers_so_within_the_association(node: Node) -> None:
    scu = node.scu()
    node.reason = "disk reserve reached"
    assert scu.store(data_set(), CT, UID) == (0xA700, "disk reserve reached")
    node.reason = ""
    node.callers = lambda _: False
    code, comment = scu.store(data_set(), CT, UID)
    assert code == 0x0124 and "not registered" in comment
    node.callers = lambda _: True
    assert scu.store(data_set(), CT, UID) == (0, "")
    assert node.kept() == [data_set()]


def test_a_running_association_may_go_on_where_a_new_one_has_to_come_again(idle: Node) -> None:
    full: list[str] = []
    node = idle.start(takes=lambda: "".join(full))
    scu = node.scu()
    node.reason = "disk reserve reached"
    assert node.rejection() == (2, 3, 1)
    assert scu.store(data_set(), CT, UID) == (0, "")
    full.append("the disk is full now")
    assert scu.store(data_set("1.7"), CT, "1.7") == (0xA700, "the disk is full now")
    assert node.kept() == [data_set()]


# --- who may come in


def test_a_stranger_is_rejected_with_the_reason_the_standard_has_for_it(idle: Node) -> None:
    node = idle.start(networks=[ipaddress.ip_network("127.0.0.0/8")])
    node.callers = lambda ae_title: ae_title == "PACS"
    assert node.rejection(called="FIDACNODE2") == (1, 1, 7)
    assert node.rejection(called="fidacnode") == (1, 1, 7)
    assert node.rejection(calling="OTHER") == (1, 1, 3)
    node.reason = "disk reserve reached"
    assert node.rejection(calling="OTHER") == (1, 1, 3), (
        "what is permanent comes first: a router must not retry it for ever"
    )
    assert node.rejection() == (2, 3, 1)
    node.reason = ""
    assert node.scu().echo(context=3) == 0
    assert node.kept() == []


def test_another_network_is_rejected_whatever_it_says(idle: Node) -> None:
    node = idle.start(networks=[ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fe80::/10")])
    assert node.rejection() == (1, 1, 1)


def test_an_ipv4_caller_on_a_socket_for_both_families_is_in_its_network(idle: Node) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    node = idle.start(host="::", networks=[ipaddress.ip_network("127.0.0.0/8")])
    assert node.scu().echo(context=3) == 0


def test_a_caller_that_cannot_be_judged_is_rejected_as_transient(node: Node) -> None:
    def callers(_: str) -> bool:
        raise RuntimeError("the index is away")

    node.callers = callers
    assert node.rejection() == (2, 3, 2)
    node.callers = lambda _: True
    assert node.serves()


def test_one_caller_and_all_callers_have_their_most_associations(idle: Node) -> None:
    node = idle.start(max_associations=5, max_associations_per_caller=3)
    first = [node.scu(calling="A") for _ in range(3)]
    assert node.rejection(calling="A") == (2, 3, 2)
    second = [node.scu(calling="B") for _ in range(2)]
    assert node.rejection(calling="B") == (2, 3, 2)
    assert node.rejection(calling="C") == (2, 3, 2)
    for scu in first:
        scu.release()
    second[0].sock.close()

    def free() -> bool:
        try:
            return bool(node.scu(calling="A"))
        except Rejected:
            return False

    wait_until(free, 10, "released associations still count")


def test_of_twenty_that_come_at_once_no_more_than_the_most_get_in(idle: Node) -> None:
    node = idle.start(max_associations_per_caller=4)
    start = threading.Barrier(20)
    answers: list[object] = []

    def come() -> None:
        sock = node.connect()
        start.wait()
        try:
            answers.append(node.scu(sock=sock))
        except Rejected as rejected:
            answers.append(rejected.triple)

    threads = [threading.Thread(target=come) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(answer, RawScu) for answer in answers) == 4
    assert answers.count((2, 3, 2)) == 16


def test_connections_that_say_nothing_keep_nobody_out(idle: Node) -> None:
    node = idle.start(max_associations=3)
    silent = [node.connect() for _ in range(10)]
    assert node.serves()
    assert len(silent) == 10


# --- what is negotiated


def test_unknown_classes_and_syntaxes_are_refused_context_by_context(node: Node) -> None:
    private = "1.2.826.0.1.3680043.2.1143.7.1"
    scu = node.scu(
        (MR, [EXPLICIT_VR_LE]),
        (CT, [private]),
        (CT, [IMPLICIT_VR_LE, EXPLICIT_VR_LE, JPEG_2000]),
        (VERIFICATION, [EXPLICIT_VR_LE]),
    )
    assert {number: result for number, (result, _) in scu.results.items()} == {1: 3, 3: 4, 5: 0, 7: 0}
    assert scu.results[5] == (0, EXPLICIT_VR_LE), "the acceptor's order of preference decides"
    assert scu.store(data_set(), CT, UID, context=5) == (0, "")
    assert scu.echo(context=7) == 0
    assert scu.maximum == 131072


def test_an_object_under_a_context_that_was_refused_aborts_and_is_not_kept(node: Node) -> None:
    scu = node.scu((MR, [EXPLICIT_VR_LE]), (CT, [EXPLICIT_VR_LE]))
    with pytest.raises(Closed):
        scu.store(data_set(), CT, UID, context=1)
    assert node.serves()


def test_a_command_of_another_class_than_its_context_is_not_supported(node: Node) -> None:
    scu = node.scu()
    code, comment = scu.store(data_set(SOPClassUID=MR.encode()), MR, UID)
    assert (code, len(comment) <= 64) == (0x0122, True)
    assert scu.store(data_set(), CT, UID) == (0, "")
    assert node.kept() == [data_set()]


# --- bad data sets

BAD: dict[str, tuple[bytes, int]] = {
    "not DICOM": (b"%PDF-1.7 " * 50, 0xC001),
    "cut in the first header": (data_set()[:6], 0xC001),
    "empty": (b"", 0xC001),
    "another SOPInstanceUID": (data_set(SOPInstanceUID=b"1.2.3.4.55"), 0xA900),
    "another SOPClassUID": (data_set(SOPClassUID=MR.encode()), 0xA900),
}
# The sender has no better copy of these: they are kept, and a person is told why they go no further.
ODD: dict[str, bytes] = {
    "cut in the pixels": data_set()[:-10],
    "cut in a header": data_set()[:60],
    "another syntax than agreed": data_set(syntax=IMPLICIT_VR_LE),
    "no StudyInstanceUID": data_set(StudyInstanceUID=None),
    "empty StudyInstanceUID": data_set(StudyInstanceUID=b""),
    "invalid StudyInstanceUID": data_set(StudyInstanceUID=b"1.2.x"),
    "StudyInstanceUID too long": data_set(StudyInstanceUID=b"1." + b"2" * 63),
    "StudyInstanceUID with a path": data_set(StudyInstanceUID=b"../../etc"),
    "two StudyInstanceUIDs": data_set(StudyInstanceUID=b"1.2\\1.3"),
    "no SeriesInstanceUID": data_set(SeriesInstanceUID=None),
    "no SOPInstanceUID": data_set(SOPInstanceUID=None),
    "no SOPClassUID": data_set(SOPClassUID=None),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_wrong_with_a_data_set_is_for_a_person_and_not_for_the_sender(node: Node, case: str) -> None:
    scu = node.scu()
    assert scu.store(ODD[case], CT, UID) == (0, "")
    assert node.kept() == [ODD[case]]
    (entry,) = node.spool.entries("new")
    assert is_whole(node.spool.path(entry), entry)
    assert scu.store(data_set(), CT, UID) == (0, "")


@pytest.mark.parametrize("case", BAD)
def test_a_bad_data_set_gets_the_status_the_standard_has_for_it_and_is_not_kept(node: Node, case: str) -> None:
    sent, status = BAD[case]
    scu = node.scu()
    code, comment = scu.store(sent, CT, UID)
    assert f"{code:04X}" == f"{status:04X}"
    assert 0 < len(comment) <= 64 and comment.isprintable()
    assert not any(identity in comment for identity in (NAME, UID, "1.2.3.4", "etc", "PDF"))
    assert node.kept() == []
    assert scu.store(data_set(), CT, UID) == (0, "")


def test_an_object_larger_than_the_limit_is_read_to_its_end_refused_and_not_kept(idle: Node) -> None:
    node = idle.start(max_object=50_000)
    scu = node.scu()
    code, comment = scu.store(data_set(pixels=bytes(500_000)), CT, UID)
    assert code == 0xC003 and "50000 bytes" in comment
    assert scu.store(data_set(), CT, UID) == (0, "")
    assert node.kept() == [data_set()]


def test_a_deflated_bomb_is_not_parseable(idle: Node) -> None:
    node = idle.start(max_object=1 << 20)
    scu = node.scu((CT, [DEFLATED_EXPLICIT_VR_LE]))
    bomb = data_set(syntax=DEFLATED_EXPLICIT_VR_LE, pixels=bytes(8 << 20))
    assert len(bomb) < 1 << 16
    code, comment = scu.store(bomb, CT, UID)
    assert code == 0xC001 and "inflates to more than" in comment
    assert node.kept() == []


# --- bad commands

BAD_COMMANDS: dict[str, Callable[[RawScu], list[tuple[int, bytes]]]] = {
    "SOPInstanceUID not ASCII": lambda scu: [(3, scu.store_command(CT, "1.2.é")), (2, data_set())],
    "SOPInstanceUID of 70000 bytes": lambda scu: [
        (1, scu.store_command(CT, "1" * 70_000)[:60_000]),
        (3, scu.store_command(CT, "1" * 70_000)[60_000:]),
        (2, data_set()),
    ],
    "SOPInstanceUID absent": lambda scu: [(3, scu.store_command(CT, b"absent")), (2, data_set())],
    "SOPInstanceUID a path": lambda scu: [(3, scu.store_command(CT, "../../etc/passwd")), (2, data_set())],
    "SOPClassUID unknown": lambda scu: [(3, scu.store_command("1.2.3", UID)), (2, data_set())],
    "MessageID absent": lambda scu: [(3, scu.store_command(CT, UID, MessageID=b"absent")), (2, data_set())],
    "CommandField unknown": lambda scu: [(3, scu.store_command(CT, UID, CommandField=0x4242)), (2, data_set())],
    "CommandField absent": lambda scu: [(3, scu.store_command(CT, UID, CommandField=b"absent")), (2, data_set())],
    "no data set, says the command": lambda scu: [(3, scu.store_command(CT, UID, CommandDataSetType=0x0101))],
    "noise": lambda scu: [(3, os.urandom(200)), (2, data_set())],
    "empty": lambda scu: [(3, b""), (2, data_set())],
    "a data set first": lambda scu: [(0, data_set()), (2, data_set())],
    "a second command in the data set": lambda scu: [
        (3, scu.store_command(CT, UID)),
        (0, data_set()[:50]),
        (3, scu.store_command(CT, UID)),
        (2, data_set()),
    ],
    "a command of 20 MB": lambda scu: [(1, bytes(100_000))] * 200,
    "a C-FIND with 20 MB": lambda scu: [
        (3, scu.store_command(CT, UID, CommandField=0x20)),
        *[(0, bytes(100_000))] * 200,
    ],
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's about the values
@pytest.mark.parametrize("case", BAD_COMMANDS)
def test_a_bad_command_is_refused_or_aborted_at_once_and_others_are_served(node: Node, case: str) -> None:
    scu = node.scu()
    began = time.monotonic()
    try:
        for fragment in BAD_COMMANDS[case](scu):
            scu.send_fragments(fragment)
        code, comment = scu.read_status()
        assert code in (0xC001, 0x0122, 0xA900, 0x0110, 0xC002) and len(comment) <= 64
        assert not any(identity in comment for identity in (NAME, UID, "passwd"))
    except (Closed, ConnectionError):
        assert case not in ("no data set, says the command", "SOPInstanceUID a path")
    assert time.monotonic() - began < 5
    scu.sock.close()
    assert node.serves()


def test_an_answer_to_nothing_is_ignored(node: Node) -> None:
    scu = node.scu()
    scu.send_fragments((3, scu.store_command(CT, UID, CommandField=0x8001, Status=0)), (2, data_set()))
    assert scu.echo(context=3) == 0
    assert scu.store(data_set(), CT, UID) == (0, "")


def test_a_pdu_that_claims_gigabytes_is_cut_off_at_once(node: Node) -> None:
    before = psutil.Process().memory_info().rss
    for sock in (node.connect(), node.scu().sock):
        sock.sendall(struct.pack(">BxL", 4, 0xFFFFFFFF))
        sock.settimeout(5)
        try:
            while sock.recv(1 << 16):
                continue
        except ConnectionResetError:
            continue
    assert psutil.Process().memory_info().rss - before < 50 << 20
    assert node.serves()


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + bytes(512),
        b"\x01\x00\x00\x00\x00\x04abcd",
        b"\x00",
    ],
)
def test_who_speaks_another_protocol_is_closed_and_others_are_served(node: Node, garbage: bytes) -> None:
    sock = node.connect()
    sock.sendall(garbage)
    sock.shutdown(socket.SHUT_WR)
    sock.settimeout(10)
    try:
        while sock.recv(4096):
            continue
    except ConnectionResetError:
        assert garbage
    assert node.serves()


# --- connections that end

CUTS = [
    "in a command",
    "after the command",
    "in a fragment",
    "between fragments",
    "before the last fragment",
    "in the PDU header",
]


@pytest.mark.parametrize("how", ["close", "reset", "abort"])
@pytest.mark.parametrize("where", CUTS)
def test_a_connection_that_ends_in_the_middle_of_an_object_keeps_nothing_of_it(
    node: Node, where: str, how: str
) -> None:
    scu = node.scu()
    sent = data_set(pixels=bytes(30_000))
    command = scu.store_command(CT, UID)
    whole = struct.pack(">BxLLBB", 4, 10_000 + 6, 10_000 + 2, 1, 0) + sent[:10_000]
    if where == "in a command":
        scu.send_fragments((1, command[:20]))
    else:
        scu.send_fragments((3, command))
    if where in ("between fragments", "before the last fragment", "in the PDU header"):
        scu.sock.sendall(whole)
    if where == "before the last fragment":
        scu.send_fragments((0, sent[10_000:]))
    if where == "in a fragment":
        scu.sock.sendall(whole[:5000])
    if where == "in the PDU header":
        scu.sock.sendall(whole[:3])
    if where not in ("in a command", "after the command"):
        wait_until(lambda: list((node.spool.directory / "tmp").iterdir()), 5, "the object did not begin to arrive")
    if how == "reset":
        scu.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "abort":
        scu.send_pdu(7, bytes(4))
    scu.sock.close()
    assert node.serves()


def test_a_sender_that_dies_while_its_object_is_made_safe_leaves_it_whole(node: Node) -> None:
    reached, go = threading.Event(), threading.Event()

    def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
        reached.set()
        go.wait(10)
        node.put(draft, identity, digest)

    node.accept = accept
    scu = node.scu()
    scu.send_fragments((3, scu.store_command(CT, UID)), (2, data_set()))
    assert reached.wait(10)
    scu.sock.close()
    go.set()
    wait_until(lambda: not node.associations(), 10)
    assert node.kept() == [data_set()]
    node.accept = node.put
    again = node.scu()
    assert again.store(data_set(), CT, UID) == (0, "")
    assert node.kept() == [data_set()]


def test_a_hundred_connections_that_close_at_once_do_no_harm(node: Node) -> None:
    for _ in range(100):
        socket.create_connection(("127.0.0.1", node.scp.port), 5).close()
    assert node.serves()


def test_who_is_silent_for_too_long_is_cut_off(idle: Node) -> None:
    node = idle.start(idle_timeout=0.4, acse_timeout=0.4)
    waiting, stuck, silent = node.scu(), node.scu(), node.connect()
    stuck.send_fragments((3, stuck.store_command(CT, UID)))
    stuck.sock.sendall(struct.pack(">BxLLBB", 4, 1006, 1002, 1, 0) + bytes(100))
    for sock in (waiting.sock, stuck.sock, silent):
        sock.settimeout(10)
        try:
            while sock.recv(100):
                continue
        except ConnectionResetError:
            continue
    assert node.serves()


# --- stopping and starting


def test_while_stopping_newcomers_are_told_to_come_again_and_an_object_on_its_way_may_finish(idle: Node) -> None:
    node = idle.start()
    bystander, scu = node.scu(), node.scu()
    sent = data_set()
    scu.send_fragments((3, scu.store_command(CT, UID)), (0, sent[:100]))
    wait_until(lambda: list((node.spool.directory / "tmp").iterdir()), 5)
    stopper = threading.Thread(target=node.scp.stop, args=(20,))
    stopper.start()
    try:
        assert wait_until(lambda: node.rejection() if node.scp._stopping.is_set() else None, 5) == (2, 3, 2)
        scu.send_fragments((2, sent[100:]))
        assert scu.read_status() == (0, "")
        stopper.join(10)
        assert not stopper.is_alive()
        with pytest.raises((Closed, ConnectionError)):
            bystander.echo(context=3)
    finally:
        scu.sock.close()
        stopper.join()
    with pytest.raises(ConnectionRefusedError):
        node.connect()
    assert node.kept() == [sent]
    node.start()


def test_who_does_not_finish_in_time_is_aborted_and_the_port_is_free_again(idle: Node) -> None:
    port = free_port()
    node = idle.start(port=port)
    scu = node.scu()
    scu.send_fragments((3, scu.store_command(CT, UID)), (0, data_set()))
    wait_until(lambda: list((node.spool.directory / "tmp").iterdir()), 5)
    began = time.monotonic()
    node.scp.stop(0.3)
    assert 0.3 <= time.monotonic() - began < 5
    with pytest.raises((Closed, ConnectionError)):
        scu.read_status()
    assert node.kept() == []
    node.start(port=port)
    assert node.serves()


def test_a_port_in_use_is_named_with_a_remedy(node: Node, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"cannot listen on 127\.0\.0\.1:{node.scp.port}.*ss -ltnp"):
        Node(tmp_path / "other").start(port=node.scp.port)


# --- logs


def test_the_log_names_handles_and_reasons_but_no_patient(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fidac_node")
    scu = node.scu()
    for sent, _ in BAD.values():
        scu.store(sent, CT, UID)
    assert "SOPInstanceUID differs between command and data set" in caplog.text
    assert not any(identity in caplog.text for identity in (NAME, UID, "1.2.3.4"))


# --- TLS


@pytest.fixture
def secure(idle: Node, tmp_path: Path) -> Node:
    make_certificates(tmp_path)
    return idle.start(tls=tls.server_context(tmp_path / "hub.pem", tmp_path / "hub.key", tmp_path / "ca.pem"))


def tls_socket(node: Node, directory: Path, name: str | None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=directory / "ca.pem")
    if name:
        context.load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    sock = context.wrap_socket(node.connect(), server_hostname="localhost")
    node.sockets.append(sock)
    return sock


@pytest.mark.interop("openssl")
def test_with_a_certificate_of_the_authority_objects_arrive_over_tls(secure: Node, tmp_path: Path) -> None:
    scu = secure.scu(sock=tls_socket(secure, tmp_path, "site"))
    sent = data_set(pixels=os.urandom(300_000))
    assert scu.store(sent, CT, UID) == (0, "")
    assert scu.store(data_set(), CT, UID, fragment=100) == (0, "")
    scu.release()
    assert sorted(map(len, secure.kept())) == [len(data_set()), len(sent)]


@pytest.mark.interop("openssl")
def test_without_a_certificate_or_without_tls_nobody_gets_in(secure: Node, tmp_path: Path) -> None:
    with pytest.raises((ssl.SSLError, Closed, ConnectionError)):
        secure.scu(sock=tls_socket(secure, tmp_path, None))
    with pytest.raises((Closed, ConnectionError)):
        secure.scu()
    assert secure.kept() == []
    assert secure.scu(sock=tls_socket(secure, tmp_path, "site")).echo(context=3) == 0


@pytest.mark.interop("openssl")
def test_connections_that_never_shake_hands_block_nobody(secure: Node, tmp_path: Path) -> None:
    silent = [secure.connect() for _ in range(12)]
    silent[0].sendall(b"\x16\x03\x01")
    assert secure.scu(sock=tls_socket(secure, tmp_path, "site")).echo(context=3) == 0


# --- other vendors


@pytest.mark.interop("echoscu", "storescu", "dcmsend")
def test_dcmtk_stores_real_studies_in_several_associations_at_once(
    node: Node, shared_data: Callable[[str], Path]
) -> None:
    address = ("-aec", "FIDACNODE", "127.0.0.1", str(node.scp.port))
    environment = {**os.environ, "TCP_NODELAY": "1"}
    folders = [
        shared_data(name)
        for name in ("ge_lidc0003_small", "siemens_chest_b70f", "covid_nysbu_slices", "philips_burned_in_sc")
    ]
    subprocess.run(["echoscu", *address], check=True, timeout=30)
    sending = [
        subprocess.Popen(["storescu", *address, "+sd", str(folders[0])], env=environment),
        subprocess.Popen(["storescu", "-R", "-pdu", "4096", *address, "+sd", str(folders[1])], env=environment),
        *(subprocess.Popen(["dcmsend", *address, "+sd", str(folder)], env=environment) for folder in folders[2:]),
    ]
    assert [process.wait(60) for process in sending] == [0, 0, 0, 0]
    wanted = set()
    for path in (path for folder in folders for path in folder.iterdir()):
        with path.open("rb") as fp:
            wanted.add(part10.read_meta(fp)[0].sop_instance_uid)
    received = set()
    for entry in node.spool.entries("new"):
        meta, values = part10.find(node.spool.path(entry), frozenset([0x00080018]), limit=1 << 30)
        assert values[0x00080018].rstrip(b"\0").decode() == meta.sop_instance_uid
        received.add(meta.sop_instance_uid)
    assert received == wanted and len(node.kept()) == 51


@pytest.mark.interop("storescu")
def test_dcmtk_shows_its_user_why_an_object_was_refused(node: Node, shared_data: Callable[[str], Path]) -> None:
    def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
        raise Permanent("incomplete", "StudyInstanceUID (0020,000D) is missing")

    node.accept = accept
    path = next(shared_data("ge_lidc0003_small").iterdir())
    command = ["storescu", "-d", "-aec", "FIDACNODE", "127.0.0.1", str(node.scp.port), str(path)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=30, env={**os.environ, "TCP_NODELAY": "1"}
    )
    assert "0110" in result.stderr and "StudyInstanceUID (0020,000D) is missing" in result.stderr
    assert node.kept() == []


# --- memory

SERVER = """
import sys
from pathlib import Path
from tests.integration.receiving import Node
node = Node(Path(sys.argv[1])).start()
print(node.scp.port, flush=True)
sys.stdin.read()
node.scp.stop(1)
"""


def big_data_set(kind: str, megabytes: int) -> Iterator[bytes]:
    """A CT of many megabytes in pieces, its pixels native or in fragments of 100 kB."""
    block = random.Random(1).randbytes(100_000)
    yield data_set(PixelData=None)
    count = megabytes * 10
    if kind == "native":
        yield struct.pack("<HH2sxxL", 0x7FE0, 0x0010, b"OW", len(block) * count)
        for _ in range(count):
            yield block
    else:
        yield struct.pack("<HH2sxxLHHL", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF, 0xFFFE, 0xE000, 0)
        for _ in range(count):
            yield struct.pack("<HHL", 0xFFFE, 0xE000, len(block)) + block
        yield struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


@pytest.mark.parametrize("kind", ["native", "encapsulated"])
def test_three_hundred_megabytes_do_not_go_through_memory(tmp_path: Path, kind: str) -> None:
    if shutil.disk_usage(tmp_path).free < 2 << 30:
        pytest.skip(f"less than 2 GB free for {tmp_path}")
    arguments = [sys.executable, "-c", SERVER, str(tmp_path)]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdin is not None
            sock = socket.create_connection(("127.0.0.1", int(process.stdout.readline())), 30)
            scu = RawScu(sock, [(CT, [EXPLICIT_VR_LE if kind == "native" else JPEG_2000])])
            assert scu.store(data_set("1.1"), CT, "1.1") == (0, "")
            watched = psutil.Process(process.pid)
            before = peak = watched.memory_info().rss
            digest, size = blake3(), 0
            scu.send_fragments((3, scu.store_command(CT, UID)))
            for number, piece in enumerate(big_data_set(kind, 300)):
                digest.update(piece)
                size += len(piece)
                scu.send_fragments((0, piece))
                peak = max(peak, watched.memory_info().rss) if number % 50 == 0 else peak
            scu.send_fragments((2, b""))
            answer: list[tuple[int, str]] = []
            reader = threading.Thread(target=lambda: answer.append(scu.read_status()))
            reader.start()
            while reader.is_alive():
                peak = max(peak, watched.memory_info().rss)
                reader.join(0.01)
            assert answer == [(0, "")]
            scu.release()
            process.stdin.close()
            assert process.wait(30) == 0
        finally:
            process.kill()
    print(f"{size / 1e6:.0f} MB received, the process grew by {(peak - before) / 1e6:.1f} MB")
    assert peak - before < 60 << 20
    name = base64.b32encode(digest.digest()).decode().lower()[:16]
    (kept,) = (tmp_path / "inbox" / "new").glob(f"*-{name}.dcm")
    assert kept.stat().st_size > size
    kept.unlink()
