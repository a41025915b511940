"""Peers of the sender for tests: a hub that remembers, a line that can be cut, objects to send."""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
import subprocess
import threading
from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pynetdicom import AE, evt

from fidac_node.dicom import part10
from fidac_node.dicom.uids import CT_CLASSES, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.send.associate import Destination
from fidac_node.site.ledger import Ledger
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from fidac_node.spool.seal import Seals
from tests.support import free_port

CT = next(iter(CT_CLASSES))


def handle(text: str, length: int) -> str:
    return b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:length]


def instance_uid(study: int, number: int) -> str:
    return f"2.25.{study}.{number}"


SEALS = Seals(b"site" * 8)


def entry_of(study: int, number: int) -> Entry:
    return Entry(handle(f"study {study}", 12), handle(instance_uid(study, number), 16), handle("bytes", 16))


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def write_object(
    path: Path, study: int, number: int, *, size: int = 3000, sop_class: str = CT, syntax: str = EXPLICIT_VR_LE
) -> None:
    """Write a small CT whose pixels differ from every other's; a large one is a hole in the file."""
    uid = instance_uid(study, number)
    header = element(0x00080016, b"UI", sop_class.encode()) + element(0x00080018, b"UI", uid.encode())
    header += element(0x00100020, b"LO", b"PSEUDONYM") + element(0x0020000D, b"UI", f"2.25.{study}".encode())
    header += element(0x0020000E, b"UI", f"2.25.{study}.0".encode()) + struct.pack(
        "<HH2s2xL", 0x7FE0, 0x0010, b"OW", size
    )
    with path.open("wb") as fp:
        fp.write(part10.encode_meta(part10.FileMeta(sop_class, uid, syntax)) + header)
        fp.write(hashlib.sha256(uid.encode()).digest())
        fp.truncate(fp.tell() + size - 32)


def put_study(outbox: Spool, study: int, count: int, **how: Any) -> list[Entry]:
    """Put a study into the outbox as the de-identifier would."""
    entries = []
    for number in range(1, count + 1):
        draft = outbox.create()
        write_object(draft.path, study, number, **how)
        entries.append(entry_of(study, number))
        SEALS.seal(draft.file, entries[-1])
        outbox.put(draft, entries[-1])
    return entries


def data_set_of(path: Path) -> bytes:
    with path.open("rb") as fp:
        _, offset = part10.read_meta(fp)
    return path.read_bytes()[offset:]


class RecordingHub:
    """A Storage SCP that remembers every data set by SOP Instance UID and every association it was asked for.

    ``answer(number, uid)`` gives the status of the n-th C-STORE, from 1; what is not a failure is kept.
    """

    def __init__(
        self,
        answer: Callable[[int, str], int] = lambda number, uid: 0x0000,
        *,
        port: int = 0,
        contexts: Iterable[tuple[str, list[str]]] = ((CT, [EXPLICIT_VR_LE, IMPLICIT_VR_LE]),),
        handlers: Iterable[tuple[Any, ...]] = (),
        tls: ssl.SSLContext | None = None,
        more_contexts: Iterable[Any] = (),
        callers: Iterable[str] = (),
    ) -> None:
        self.port = port or free_port()
        self.stored: dict[str, list[bytes]] = {}
        self.asked = 0
        self.associations = 0
        self._answer = answer
        self._lock = threading.Lock()
        self.ae = AE("HUB")
        self.ae.require_calling_aet = list(callers)
        self.ae.require_called_aet = True
        self.ae.maximum_pdu_size = 131072
        self.ae.network_timeout = 60
        for sop_class, syntaxes in contexts:
            self.ae.add_supported_context(sop_class, syntaxes)
        self.ae.supported_contexts = [*self.ae.supported_contexts, *more_contexts]
        bound = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_CONN_OPEN, _no_delay),
            *handlers,
        ]
        self.server = self.ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=bound, ssl_context=tls)

    def stop(self) -> None:
        self.ae.shutdown()

    def received(self) -> int:
        with self._lock:
            return len(self.stored)

    def _accepted(self, event: evt.Event) -> None:
        with self._lock:
            self.associations += 1

    def _store(self, event: evt.Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        with self._lock:
            self.asked += 1
            number = self.asked
        status = self._answer(number, uid)
        if status == 0 or status >> 12 == 0xB:
            with self._lock:
                self.stored.setdefault(uid, []).append(event.request.DataSet.getvalue())
        return status


def _no_delay(event: evt.Event) -> None:
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class CuttingLine:
    """A TCP relay to ``target`` that cuts its first connections, each after so many bytes sent to the target."""

    def __init__(self, target: int, cuts: list[int]) -> None:
        self.cuts = list(cuts)
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            hub = socket.create_connection(("127.0.0.1", self._target))
            limit = self.cuts.pop(0) if self.cuts else None
            for source, sink, most in ((client, hub, limit), (hub, client, None)):
                threading.Thread(target=_relay, args=(source, sink, most), daemon=True).start()


def _relay(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    passed = 0
    try:
        while data := source.recv(65536):
            if limit is not None and passed + len(data) > limit:
                sink.sendall(data[: limit - passed])
                break
            sink.sendall(data)
            passed += len(data)
    except OSError:
        return  # the other direction was cut
    finally:
        for sock in (source, sink):
            with suppressed():
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@contextmanager
def suppressed() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


class Site:
    """The sending half of a site: spool, ledger and a destination, in ``directory``."""

    def __init__(self, directory: Path, port: int, **changes: Any) -> None:
        self.directory = directory
        self.outbox = Spool(directory / "outbox")
        self.ledger = Ledger(directory / "ledger.db")
        self.reports = directory / "reports"
        settings: dict[str, Any] = {"acse_timeout": 5, "dimse_timeout": 10, "connect_timeout": 5, **changes}
        self.destination = Destination("HUB", "127.0.0.1", port, "SITE", **settings)

    def count(self, state: str) -> int:
        return len(self.outbox.entries(state))

    def row(self, entry: Entry) -> dict[str, Any]:
        self.ledger.flush()
        return next((row for row in self.ledger.rows() if row["entry"] == str(entry)), {"attempts": 0})


@contextmanager
def running(*loops: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Run a sender's (or a committer's) loop in a thread until the block ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=loop, args=(stop,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), "the loop did not stop"


def make_certificates(directory: Path) -> None:
    """Make a CA (ca.pem) and two certificates that it signed: hub.pem for localhost, site.pem; keys beside them."""

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], cwd=directory, check=True, capture_output=True, timeout=60)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", "-days", 2)
    for name in ("hub", "site"):
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (directory / "san").write_text("subjectAltName=DNS:localhost\n")
        openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            f"{name}.pem",
            "-days",
            2,
            "-extfile",
            "san",
        )
