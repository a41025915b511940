"""PDUs and messages against a peer that says exactly what the test wants."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest
from pynetdicom.pdu import A_ASSOCIATE_RQ

from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLEMENTATION_CLASS_UID, IMPLICIT_VR_LE, VERIFICATION
from fidac_node.send.upper_layer import Association, Destination, Message, Unavailable, encode_command
from fidac_node.send.wire import Wire

Talk = Callable[["Peer"], None]
CONTEXT = 1


class Peer:
    """The other end of the line, in the test's hands."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def read_pdu(self) -> tuple[int, bytes]:
        header = self._read(6)
        return header[0], self._read(struct.unpack(">L", header[2:])[0])

    def write_pdu(self, kind: int, body: bytes) -> None:
        self.sock.sendall(struct.pack(">BxL", kind, len(body)) + body)

    def accept(self, *, max_pdu: int = 16384, result: int = 0) -> A_ASSOCIATE_RQ:
        """Answer the request: the first context is accepted in its only transfer syntax."""
        kind, body = self.read_pdu()
        request = A_ASSOCIATE_RQ()
        request.decode(struct.pack(">BxL", kind, len(body)) + body)
        syntax = EXPLICIT_VR_LE.encode()
        transfer = struct.pack(">BxH", 0x40, len(syntax)) + syntax
        context = struct.pack(">BxHBxBx", 0x21, len(transfer) + 4, CONTEXT, result) + transfer
        name = b"1.2.840.10008.3.1.1.1"
        user = struct.pack(">BxHL", 0x51, 4, max_pdu) + struct.pack(">BxH", 0x52, 6) + b"2.25.1"
        items = struct.pack(">BxH", 0x10, len(name)) + name + context + struct.pack(">BxH", 0x50, len(user)) + user
        self.write_pdu(0x02, body[:68] + items)
        return request

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            received = self.sock.recv(length - len(data))
            if not received:
                raise EOFError
            data += received
        return data


@contextmanager
def peer(talk: Talk, **changes: float) -> Iterator[Destination]:
    """A listening peer that does what ``talk`` says with its first connection."""
    failures: list[Exception] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            sock, _ = server.accept()
            with sock:
                sock.settimeout(10)
                try:
                    talk(Peer(sock))
                except Exception as error:
                    failures.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        settings = {"connect_timeout": 5.0, "acse_timeout": 5.0, "dimse_timeout": 5.0, **changes}
        yield Destination("HUB", "127.0.0.1", server.getsockname()[1], "SITE", **settings)  # type: ignore[arg-type]
        thread.join(15)
    assert not failures


def associate(destination: Destination) -> Association:
    return Association.request(destination, [(VERIFICATION, [EXPLICIT_VR_LE])])


def pdv(control: int, value: bytes) -> bytes:
    return struct.pack(">LBB", len(value) + 2, CONTEXT, control) + value


ANSWER = encode_command([(0x0002, VERIFICATION), (0x0100, 0x8030), (0x0120, 7), (0x0800, 0x0101), (0x0900, 0x0000)])


def read_until_gone(talker: Peer) -> None:
    try:
        while True:
            talker.read_pdu()
    except (EOFError, OSError):
        return


def test_a_command_set_is_encoded_as_implicit_vr_little_endian_with_its_group_length() -> None:
    assert encode_command([(0x0002, "1.2.3"), (0x0100, 0x0001)]) == bytes.fromhex(
        "00000000 04000000 18000000 00000200 06000000 312e322e3300 00000001 02000000 0100".replace(" ", "")
    )


def test_the_request_names_both_aes_and_our_own_implementation() -> None:
    seen: list[A_ASSOCIATE_RQ] = []

    def talk(talker: Peer) -> None:
        seen.append(talker.accept())
        read_until_gone(talker)

    with peer(talk) as destination:
        assoc = Association.request(destination, [(VERIFICATION, [EXPLICIT_VR_LE]), (VERIFICATION, [IMPLICIT_VR_LE])])
        assert assoc.context(VERIFICATION, EXPLICIT_VR_LE) is not None
        assert assoc.context(VERIFICATION, IMPLICIT_VR_LE) is None, "what was not accepted is not used"
        assoc.abort()
    request = seen[0].to_primitive()
    assert (request.calling_ae_title, request.called_ae_title) == ("SITE", "HUB")
    assert request.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert [len(context.transfer_syntax) for context in request.presentation_context_definition_list] == [1, 1]


@pytest.mark.parametrize(
    ("rejection", "words"),
    [
        ((1, 1, 3), "does not know the calling AE title SITE: register this site"),
        ((1, 1, 7), "does not answer to the AE title HUB"),
        ((2, 3, 1), "it has no room now: look at its disk"),
        ((2, 3, 2), "no association free"),
        ((1, 1, 1), r"gives no reason \(source 1, reason 1\)"),
    ],
)
def test_a_rejection_says_what_is_wrong(rejection: tuple[int, int, int], words: str) -> None:
    def talk(talker: Peer) -> None:
        talker.read_pdu()
        talker.write_pdu(0x03, bytes([0, *rejection]))

    with peer(talk) as destination, pytest.raises(Unavailable, match=words):
        associate(destination)


def test_a_message_in_many_pieces_is_put_together() -> None:
    def talk(talker: Peer) -> None:
        talker.accept()
        # Two values in one PDU, then a command in two PDUs whose bytes come one by one, then the data set.
        talker.write_pdu(0x04, pdv(3, ANSWER) + pdv(3, ANSWER))
        command = encode_command([(0x0100, 0x0100), (0x0110, 9), (0x0800, 0x0001)])
        stream = b"".join(
            struct.pack(">BxL", 0x04, len(body)) + body
            for body in (pdv(1, command[:20]), pdv(3, command[20:]), pdv(0, b"data"), pdv(2, b" set"))
        )
        for byte in stream:
            talker.sock.sendall(bytes([byte]))
        read_until_gone(talker)

    with peer(talk) as destination:
        assoc = associate(destination)
        first = assoc.receive(5)
        assert first is not None and first.number(0x0900) == 0 and first.number(0x0120) == 7
        last: Message | None = first
        while last is not None and last.number(0x0100) != 0x0100:
            last = assoc.receive(5)
        assert last is not None and last.data == b"data set" and last.number(0x0110) == 9
        assoc.abort()


def test_half_a_message_is_kept_when_the_time_is_up() -> None:
    go_on = threading.Event()
    whole = struct.pack(">BxL", 0x04, len(pdv(3, ANSWER))) + pdv(3, ANSWER)

    def talk(talker: Peer) -> None:
        talker.accept()
        talker.sock.sendall(whole[:11])
        go_on.wait(10)
        talker.sock.sendall(whole[11:])
        read_until_gone(talker)

    with peer(talk) as destination:
        assoc = associate(destination)
        assert assoc.receive(0.1) is None
        go_on.set()
        message = assoc.receive(5)
        assert message is not None and message.number(0x0120) == 7
        assoc.abort()


@pytest.mark.parametrize("size", [0, 1, 1018, 1019, 5000])
def test_no_fragment_is_longer_than_the_peer_allows(size: int) -> None:
    lengths: list[int] = []
    received = bytearray()

    def talk(talker: Peer) -> None:
        talker.accept(max_pdu=1024)
        talker.read_pdu()
        control = 0
        while not control & 2:
            _, body = talker.read_pdu()
            lengths.append(len(body))
            control = body[5]
            received.extend(body[6:])

    data = bytes(number % 251 for number in range(size))
    with peer(talk) as destination:
        assoc = associate(destination)
        context = assoc.context(VERIFICATION)
        assert context is not None
        assoc.send(context, ANSWER, BytesIO(data), size)
        assoc.close()
    assert bytes(received) == data
    assert max(lengths) <= 1024


def read_object(talker: Peer) -> tuple[list[int], bytes]:
    """Read a command and its data set: the lengths of the data's PDUs, and the data."""
    _, body = talker.read_pdu()
    assert body[5] == 3 and body[6:] == ANSWER
    lengths, received, control = [], bytearray(), 0
    while not control & 2:
        kind, body = talker.read_pdu()
        assert kind == 4 and body[4] == CONTEXT and struct.unpack(">L", body[:4])[0] == len(body) - 4
        lengths.append(len(body))
        control = body[5]
        received += body[6:]
    return lengths, bytes(received)


@pytest.mark.parametrize("max_pdu", [1024, 4096, 8197, 8198, 16384, 65536, 131072, 200_000, 0])
def test_a_file_goes_byte_for_byte_from_where_it_stands_in_pdus_that_the_peer_allows(
    tmp_path: Path, max_pdu: int
) -> None:
    data = os.urandom(1 << 19)
    (tmp_path / "object").write_bytes(data)
    sizes = [1, 4090, 131066, 131067, len(data) - 77]
    objects: list[tuple[list[int], bytes]] = []

    def talk(talker: Peer) -> None:
        talker.accept(max_pdu=max_pdu)
        objects.extend(read_object(talker) for _ in sizes)

    with peer(talk) as destination, (tmp_path / "object").open("rb") as file:
        assoc = associate(destination)
        context = assoc.context(VERIFICATION)
        assert context is not None
        for size in sizes:
            file.seek(77)
            assoc.send(context, ANSWER, file, size)
        assoc.close()
    most = min(max_pdu or destination.max_pdu, destination.max_pdu)
    for size, (lengths, received) in zip(sizes, objects, strict=True):
        assert received == data[77 : 77 + size]
        assert max(lengths) <= most and len(lengths) == -(-size // (most - 6))


@pytest.mark.parametrize("max_pdu", [4096, 131072])
def test_a_peer_that_reads_slowly_gets_every_byte(tmp_path: Path, max_pdu: int) -> None:
    data = os.urandom(6 << 20)  # more than the kernel holds for a peer
    (tmp_path / "object").write_bytes(data)
    received: list[bytes] = []
    pause = threading.Event()

    def talk(talker: Peer) -> None:
        talker.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        talker.accept(max_pdu=max_pdu)
        read = talker._read

        def dawdle(length: int) -> bytes:
            pause.wait(0.0002)
            return read(length)

        talker._read = dawdle  # type: ignore[method-assign]
        received.append(read_object(talker)[1])

    with peer(talk) as destination, (tmp_path / "object").open("rb") as file:
        assoc = associate(destination)
        context = assoc.context(VERIFICATION)
        assert context is not None
        assoc.send(context, ANSWER, file, len(data))
        with pytest.raises(Unavailable, match="closed the connection"):
            assoc.receive(10)
    assert received == [data]


class Watched:
    """A wire that, as TLS does, takes bytes and no files; it notes how many at a time."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.sent: list[int] = []

    def send(self, data: bytes | memoryview, timeout: float) -> None:
        self.sent.append(len(data))
        self._wire.send(data, timeout)

    def receive(self, timeout: float) -> bytes | None:
        return self._wire.receive(timeout)

    def close(self) -> None:
        self._wire.close()


def test_no_call_under_tls_carries_more_than_a_slow_line_takes_within_its_time(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "object").write_bytes(data)
    objects: list[tuple[list[int], bytes]] = []

    def talk(talker: Peer) -> None:
        talker.accept(max_pdu=1 << 20)
        objects.append(read_object(talker))

    with peer(talk, max_pdu=1 << 20) as destination, (tmp_path / "object").open("rb") as file:
        assoc = associate(destination)
        assoc._wire = wire = Watched(assoc._wire)
        context = assoc.context(VERIFICATION)
        assert context is not None
        assoc.send(context, ANSWER, file, len(data))
        assoc.close()
    lengths, received = objects[0]
    assert received == data and max(lengths) == 1 << 20
    assert max(wire.sent) <= 128 << 10


@pytest.mark.parametrize("max_pdu", [4096, 131072])
def test_a_peer_that_stops_reading_a_file_is_left(tmp_path: Path, max_pdu: int) -> None:
    done = threading.Event()
    with (tmp_path / "object").open("wb") as file:
        file.truncate(50_000_000)

    def talk(talker: Peer) -> None:
        talker.accept(max_pdu=max_pdu)
        done.wait(10)

    with peer(talk, dimse_timeout=0.3) as destination, (tmp_path / "object").open("rb") as file:
        assoc = associate(destination)
        context = assoc.context(VERIFICATION)
        assert context is not None
        with pytest.raises(Unavailable, match="stopped reading"):
            assoc.send(context, ANSWER, file, 50_000_000)
        done.set()


def test_a_signal_in_the_middle_of_a_file_costs_nothing(tmp_path: Path) -> None:
    data = os.urandom(8 << 20)
    (tmp_path / "object").write_bytes(data)
    received: list[bytes] = []
    full = threading.Event()
    sender = threading.get_ident()

    def talk(talker: Peer) -> None:
        talker.accept(max_pdu=131072)
        full.wait(0.2)  # the sender waits for us, then a signal comes
        signal.pthread_kill(sender, signal.SIGUSR1)
        received.append(read_object(talker)[1])

    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with peer(talk) as destination, (tmp_path / "object").open("rb") as file:
            assoc = associate(destination)
            context = assoc.context(VERIFICATION)
            assert context is not None
            assoc.send(context, ANSWER, file, len(data))
            with pytest.raises(Unavailable, match="closed the connection"):
                assoc.receive(10)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert received == [data]


def test_a_peer_that_stops_reading_is_left() -> None:
    done = threading.Event()

    def talk(talker: Peer) -> None:
        talker.accept()
        done.wait(10)

    with peer(talk, dimse_timeout=0.3) as destination:
        assoc = associate(destination)
        context = assoc.context(VERIFICATION)
        assert context is not None
        with pytest.raises(Unavailable, match="stopped reading"):
            assoc.send(context, ANSWER, BytesIO(bytes(50_000_000)), 50_000_000)
        done.set()


def test_a_file_that_becomes_shorter_while_it_is_sent_aborts_the_association() -> None:
    aborted: list[int] = []

    def talk(talker: Peer) -> None:
        talker.accept()
        while (kind := talker.read_pdu()[0]) == 0x04:
            continue
        aborted.append(kind)

    with peer(talk) as destination:
        assoc = associate(destination)
        context = assoc.context(VERIFICATION)
        assert context is not None
        with pytest.raises(EOFError):
            assoc.send(context, ANSWER, BytesIO(bytes(100)), 200)
    assert aborted == [0x07]


@pytest.mark.parametrize("max_pdu", [4096, 131072])
@pytest.mark.parametrize("size", [10, 5000, 140_000])
def test_a_file_on_the_disk_that_becomes_shorter_aborts_the_association(
    tmp_path: Path, max_pdu: int, size: int
) -> None:
    (tmp_path / "object").write_bytes(bytes(size))
    aborted: list[int] = []

    def talk(talker: Peer) -> None:
        talker.accept(max_pdu=max_pdu)
        with suppress(EOFError):  # a PDU that was begun is never ended
            while (kind := talker.read_pdu()[0]) == 0x04:
                continue
            aborted.append(kind)

    with peer(talk) as destination, (tmp_path / "object").open("rb") as file:
        assoc = associate(destination)
        context = assoc.context(VERIFICATION)
        assert context is not None
        with pytest.raises(EOFError):
            assoc.send(context, ANSWER, file, size + 1)
        with pytest.raises(Unavailable):
            assoc.receive(0)
    assert aborted in ([], [0x07])


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (0x07, b"\0\0\0\0", "aborted the association .by its user."),
        (0x07, b"\0\0\2\0", "by its protocol layer"),
        (0x05, b"\0\0\0\0", "released the association"),
        (0x02, b"\0" * 70, "out of turn"),
        (0x04, b"\0\0\0\x09\1\3abc", "malformed or endless"),
        (0x04, b"\0\0\0\1\1\3", "malformed or endless"),
        (0x04, pdv(3, ANSWER[:-1]), "malformed command"),
    ],
    ids=[
        "user abort",
        "provider abort",
        "release",
        "second accept",
        "value cut short",
        "value too short",
        "command cut short",
    ],
)
def test_what_ends_the_association_is_said_in_words(kind: int, body: bytes, words: str) -> None:
    def talk(talker: Peer) -> None:
        talker.accept()
        talker.write_pdu(kind, body)
        read_until_gone(talker)

    with peer(talk) as destination:
        assoc = associate(destination)
        with pytest.raises(Unavailable, match=words):
            assoc.receive(5)
        with pytest.raises(Unavailable):
            assoc.receive(0)


def test_a_pdu_that_claims_to_be_enormous_is_not_waited_for() -> None:
    def talk(talker: Peer) -> None:
        talker.accept()
        talker.sock.sendall(struct.pack(">BxL", 0x04, 0xFFFFFFFF))
        read_until_gone(talker)

    with peer(talk) as destination, pytest.raises(Unavailable, match="4294967295 bytes"):
        associate(destination).receive(5)


def test_a_peer_that_is_no_dicom_peer_is_named() -> None:
    def talk(talker: Peer) -> None:
        talker.read_pdu()
        talker.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        read_until_gone(talker)

    with peer(talk) as destination, pytest.raises(Unavailable):
        associate(destination)


def test_a_release_waits_for_its_answer_and_passes_over_late_data() -> None:
    seen: list[int] = []

    def talk(talker: Peer) -> None:
        talker.accept()
        seen.append(talker.read_pdu()[0])
        talker.write_pdu(0x04, pdv(3, ANSWER))
        talker.write_pdu(0x06, b"\0\0\0\0")

    with peer(talk) as destination:
        associate(destination).release()
    assert seen == [0x05]


def test_a_port_that_nobody_listens_on_is_said_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable, match=f"nothing listens on 127.0.0.1:{port}: is the hub running"):
        associate(Destination("HUB", "127.0.0.1", port, "SITE"))


def test_a_host_that_does_not_exist_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    with pytest.raises(Unavailable, match=r"the host hub\.invalid is not known"):
        associate(Destination("HUB", "hub.invalid", 104, "SITE"))


@pytest.mark.parametrize("field", [0x8001, 0x8030])
@pytest.mark.parametrize("said", [{}, {0x0800: b"\x00\x00"}, {0x0800: b"\x01\x00"}])
def test_an_answer_that_never_has_a_data_set_is_whole_whatever_it_says_of_one(
    field: int, said: dict[int, bytes]
) -> None:
    assert not Message(CONTEXT, {0x0100: struct.pack("<H", field), **said}, b"").has_data_set
