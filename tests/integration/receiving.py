"""A Storage SCP that tests talk to, and data sets to send it."""

from __future__ import annotations

import io
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fidac_node.dicom import part10
from fidac_node.dicom.uids import (
    CT_CLASSES,
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    HELD_CLASSES,
    IMPLICIT_VR_LE,
    TRANSFER_SYNTAXES,
    VERIFICATION,
)
from fidac_node.receive.check import Identity, PlainHandles, entry_for
from fidac_node.receive.scp import Policy, StorageScp, storage_contexts
from fidac_node.receive.seats import Seats
from fidac_node.spool.draft import Draft
from fidac_node.spool.queue import Spool
from tests.support import RawScu, Rejected, wait_until

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
NAME = "DUPONT^JEAN"
UID = "1.2.3.4.5"


def element(tag: int, vr: bytes, value: bytes, syntax: str = EXPLICIT_VR_LE) -> bytes:
    value += (b"\0" if vr in (b"UI", b"OW") else b" ") * (len(value) % 2)
    order = ">" if syntax == EXPLICIT_VR_BE else "<"
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT_VR_LE:
        return head + struct.pack("<L", len(value)) + value
    return (
        head
        + vr
        + (struct.pack(order + "xxL", len(value)) if vr == b"OW" else struct.pack(order + "H", len(value)))
        + value
    )


def data_set(
    uid: str = UID, *, syntax: str = EXPLICIT_VR_LE, pixels: bytes = b"\1\2" * 500, **changes: bytes | None
) -> bytes:
    """An encoded CT; ``changes`` replace the value of an attribute, ``None`` leaves it out."""
    values: dict[str, tuple[int, bytes, bytes | None]] = {
        "SOPClassUID": (0x00080016, b"UI", CT.encode()),
        "SOPInstanceUID": (0x00080018, b"UI", uid.encode()),
        "PatientName": (0x00100010, b"PN", NAME.encode()),
        "StudyInstanceUID": (0x0020000D, b"UI", b"1.2.3.4"),
        "SeriesInstanceUID": (0x0020000E, b"UI", b"1.2.3.4.9"),
        "PixelData": (0x7FE00010, b"OW", pixels),
    }
    encoded = b"".join(
        element(tag, vr, new, syntax)
        for keyword, (tag, vr, value) in values.items()
        if (new := changes.get(keyword, value)) is not None
    )
    if syntax != DEFLATED_EXPLICIT_VR_LE:
        return encoded
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = squeezer.compress(encoded) + squeezer.flush()
    return deflated + b"\0" * (len(deflated) % 2)


class Node:
    """A Storage SCP on a spool of its own, that can be told to misbehave."""

    def __init__(self, directory: Path) -> None:
        self.spool = Spool(directory / "inbox", spares=4)
        self.sockets: list[socket.socket] = []
        self.scp: StorageScp
        self.reset()

    def reset(self) -> None:
        """Behave again, with an empty spool and nobody connected."""
        self.create: Callable[[], Draft] = self.spool.create
        self.accept: Callable[[Draft, Identity, bytes], object] = self.put
        self.reason = ""
        self.callers: Callable[[str], bool] = lambda _: True
        while self.sockets:
            self.sockets.pop().close()
        if hasattr(self, "scp"):
            wait_until(lambda: not self.associations(), 10, "an association outlives its connection")
        for entry in self.spool.entries("new"):
            self.spool.remove(entry)

    def associations(self) -> list[object]:
        """Everybody who is connected, whether admitted or not."""
        return list(self.scp.associations)

    def put(self, draft: Draft, identity: Identity, digest: bytes) -> bool:
        return self.spool.put(draft, entry_for(identity, digest, PlainHandles()))

    def start(
        self,
        *,
        listener: socket.socket | None = None,
        max_associations: int = 25,
        max_associations_per_caller: int = 10,
        **changes: Any,
    ) -> Node:
        settings: dict[str, Any] = {
            "ae_title": "FIDACNODE",
            "host": "127.0.0.1",
            "port": 0,
            "contexts": storage_contexts([*CT_CLASSES, *HELD_CLASSES], list(TRANSFER_SYNTAXES)),
            "callers": lambda ae_title: bool(self.callers(ae_title)),
            "called": frozenset({"FIDACNODE", "FIDAC_CERTAIN"}),
            "ready": lambda: self.reason,
            "seats": Seats(self.spool.directory / "seats", max_associations, max_associations_per_caller),
            **changes,
        }

        def create() -> Draft:
            return self.create()

        def accept(draft: Draft, identity: Identity, digest: bytes) -> None:
            self.accept(draft, identity, digest)

        self.scp = StorageScp(Policy(**settings), create, accept, listener)
        self.scp.start()
        return self

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.scp.port), 20)
        self.sockets.append(sock)
        return sock

    def scu(
        self,
        *contexts: tuple[str, list[str]],
        sock: socket.socket | None = None,
        calling: str = "PACS",
        called: str = "FIDACNODE",
    ) -> RawScu:
        offered = contexts or ((CT, [EXPLICIT_VR_LE]), (VERIFICATION, [IMPLICIT_VR_LE]))
        return RawScu(sock or self.connect(), offered, calling=calling, called=called)

    def rejection(self, calling: str = "PACS", called: str = "FIDACNODE") -> tuple[int, int, int]:
        with pytest.raises(Rejected) as caught:
            self.scu(calling=calling, called=called)
        return caught.value.triple

    def kept(self) -> list[bytes]:
        """The data sets in the spool, after making sure that nothing else is."""
        wait_until(
            lambda: not list((self.spool.directory / "tmp").iterdir()), 5, "an unfinished object is left in tmp/"
        )
        found = []
        for entry in self.spool.entries("new"):
            raw = self.spool.path(entry).read_bytes()
            _, offset = part10.read_meta(io.BytesIO(raw))
            found.append(raw[offset:])
        return found

    def serves(self) -> bool:
        """A stranger who comes next is served, and nothing was kept of what went before."""
        assert self.kept() == []
        scu = self.scu()
        assert scu.store(data_set("9.9"), CT, "9.9") == (0, "")
        scu.release()
        (entry,) = self.spool.entries("new")
        self.spool.remove(entry)
        return True
