"""The courier: one open association to the destination, which stores objects one after another."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterable
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from fidac_node.dicom import headers, part10
from fidac_node.dicom.lossless import COMPRESSED
from fidac_node.dicom.uids import CT_CLASSES, HELD_CLASSES, TRANSFER_SYNTAXES
from fidac_node.errors import Permanent, Temporary
from fidac_node.send.classify import Fate, classify
from fidac_node.send.upper_layer import (
    MAX_CONTEXTS,
    Association,
    Context,
    Destination,
    Message,
    Unavailable,
    encode_command,
    encode_elements,
)
from fidac_node.spool.queue import CORRUPT
from fidac_node.system import safeio

__all__ = ["USUAL_PAIRS", "Courier", "Destination", "Pair", "Parcel", "Unavailable", "merge"]

# What an object needs to be sent as it is: its SOP class and its transfer syntax.
Pair: TypeAlias = "tuple[str, str]"

# Proposed from the start, so that hardly any study needs a second negotiation.
USUAL_PAIRS: Final = frozenset((sop_class, syntax) for sop_class in CT_CLASSES for syntax in TRANSFER_SYNTAXES)

_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001
_MEDIUM = 0x0000
_ORIGINATOR: Final = (0x1030, 0x1031)  # Move Originator Application Entity Title, Message ID
_DATA_SET_FOLLOWS = 0x0001


class Parcel(NamedTuple):
    """A Part 10 file ready to send: its path, what it holds, and where its data set begins (bytes).

    ``file`` is the file when it is open already; it is closed when it was sent, or by :meth:`close`.
    """

    name: str
    meta: part10.FileMeta
    offset: int
    file: FileIO | None = None

    @classmethod
    def read(cls, path: Path | str) -> Parcel:
        """Look at a file's meta. Raises :class:`part10.Malformed` and ``FileNotFoundError``."""
        parcel = cls.open(path)
        parcel.close()
        return parcel

    @classmethod
    def open(cls, path: Path | str) -> Parcel:
        """As :meth:`read`, and leave the file open."""
        name = str(path)
        file = FileIO(name)
        try:
            return cls(name, *part10.read_meta(file), file)
        except BaseException:
            file.close()
            raise

    @classmethod
    def kept(cls, path: str, check: Callable[[FileIO], None] = lambda _file: None) -> Parcel:
        """As :meth:`open`, of an outbox: what is there and no file of ours is not followed, nor waited for.

        ``check`` judges the open file before anything of it is believed. Raises :class:`Permanent` ``corrupt`` for a
        link, ``OSError``, and what ``check`` raises.
        """
        try:
            file = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "r")
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise Permanent(
                CORRUPT, "its file in the outbox is a symbolic link, this node made none: drop it"
            ) from None
        try:
            check(file)
            return cls(path, *part10.read_meta(file), file)
        except BaseException:
            file.close()
            raise

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.name)

    @property
    def pair(self) -> Pair:
        """The SOP class and transfer syntax that a presentation context must offer."""
        return self.meta.sop_class_uid, self.meta.transfer_syntax_uid

    def close(self) -> None:
        """Close the file; harmless twice."""
        if self.file is not None:
            self.file.close()


class Courier:
    """Stores over one association. ``pairs`` are what was proposed for it, each in a context of its own.

    ``originator`` are the AE title and Message ID of the C-MOVE that the objects are sent for (PS3.7 9.3.1.1). With
    ``again`` the files are likely to be sent again, and stay in the page cache.
    """

    def __init__(
        self,
        association: Association,
        pairs: Iterable[Pair] = (),
        originator: tuple[str, int] | None = None,
        *,
        again: bool = False,
    ) -> None:
        self.pairs = frozenset(pairs)
        self.destination = association.destination
        self._association = association
        self._originator = originator
        self._again = again
        self._message_id = 0
        self._commands: dict[Pair, _StoreCommand] = {}

    @classmethod
    def to(
        cls,
        destination: Destination,
        pairs: Iterable[Pair],
        originator: tuple[str, int] | None = None,
        *,
        again: bool = False,
    ) -> Courier:
        """Request an association for a set of (SOP class, transfer syntax) pairs.

        One transfer syntax per context: the peer cannot choose one that would need a conversion. Raises
        :class:`Unavailable` when there is no association to be had, with words that say what to do.
        """
        pairs = frozenset(pairs)
        proposals = [(sop_class, [syntax]) for sop_class, syntax in sorted(pairs)]
        return cls(Association.request(destination, proposals), pairs, originator, again=again)

    def accepts(self, pair: Pair) -> bool:
        """Say whether the peer takes objects of this SOP class in this transfer syntax."""
        return self._association.context(*pair) is not None

    def alive(self) -> bool:
        """Say whether the association is still there; one that the peer has left is closed."""
        try:
            stray = self._association.receive(0)
        except Unavailable:
            return False
        if stray is not None:
            self._association.abort()  # nothing was asked, so nothing can be answered
        return stray is None

    def store(self, parcel: Parcel, meanwhile: Callable[[], None] | None = None) -> int:
        """Send one object by C-STORE (PS3.4 B.2) and return the status of its success or warning.

        ``meanwhile`` is done when all is on its way and only the answer is awaited. Raises :class:`Temporary` or
        :class:`Permanent` as the answer says, :class:`Unavailable` when there is none.
        """
        command = self._command(parcel.pair)
        self._message_id = self._message_id % 0xFFFF + 1
        file = FileIO(parcel.name) if parcel.file is None or parcel.file.closed else parcel.file
        with file:
            size = os.fstat(file.fileno()).st_size - parcel.offset
            file.seek(parcel.offset)
            self._association.send(
                command.context, command.encode(self._message_id, parcel.meta.sop_instance_uid), file, size
            )
            if meanwhile is not None:
                meanwhile()
            status = self._judge(self._association.receive(self.destination.dimse_timeout))
            if not self._again:
                safeio.forget(file.fileno())
        return status

    def release(self) -> None:
        """End the association in good order."""
        self._association.release()

    def abort(self) -> None:
        """End the association at once."""
        self._association.abort()

    def _command(self, pair: Pair) -> _StoreCommand:
        command = self._commands.get(pair)
        if command is None:
            context = self._association.context(*pair)
            if context is None:
                raise Permanent("not-accepted", self._not_accepted(pair))
            command = self._commands[pair] = _StoreCommand(context, self._originator)
        return command

    def _judge(self, answer: Message | None) -> int:
        if answer is None:
            self._association.abort()
            raise Unavailable(
                f"{self.destination} took an object but did not answer within "
                f"{self.destination.dimse_timeout:g} s: look at the hub"
            )
        status = answer.number(0x0900)
        if answer.number(0x0100) != _C_STORE_RSP or answer.number(0x0120) != self._message_id or status is None:
            self._association.abort()
            raise Unavailable(f"{self.destination} answered something else than was asked: association aborted")
        verdict = classify(status)
        if verdict.fate is Fate.DONE:
            return status
        comment = answer.text(0x0902)
        message = f"status {status:04X}H, {verdict}" + (f" (the hub says: {comment[:64]})" if comment else "")
        if verdict.for_all:
            raise Unavailable(message, status)
        if verdict.fate is Fate.TEMPORARY:
            raise Temporary(message, status)
        raise Permanent(verdict.code, message, status)

    def _not_accepted(self, pair: Pair) -> str:
        sop_class = CT_CLASSES.get(pair[0]) or HELD_CLASSES.get(pair[0], pair[0])
        syntax = TRANSFER_SYNTAXES.get(pair[1], pair[1])
        remedy = "allow both at the hub, then retry"
        if pair[1] in COMPRESSED:
            remedy += (
                '; or, if [send] compression made it so, set that to "none", '
                "drop the object and have the PACS send it again"
            )
        return f"{self.destination} does not accept {sop_class} in {syntax}: {remedy}"


class _StoreCommand:
    """The C-STORE-RQ (PS3.7 9.3.1.1) of one presentation context: all but two values are the same for every object."""

    _LENGTH_AT: Final = 8  # of the rest of the command set, (0000,0000)
    _ELEMENT: Final = headers.IMPLICIT

    def __init__(self, context: Context, originator: tuple[str, int] | None = None) -> None:
        self.context = context
        self._after = b"" if originator is None else encode_elements(zip(_ORIGINATOR, originator, strict=True))
        before = ((0x0002, context.abstract_syntax), (0x0100, _C_STORE_RQ))
        after = ((0x0700, _MEDIUM), (0x0800, _DATA_SET_FOLLOWS))
        self._template = encode_command((*before, (0x0110, 0), *after))
        self._id_at = len(encode_command(before)) + self._ELEMENT.size

    def encode(self, message_id: int, sop_instance_uid: str) -> bytes:
        """Encode the command set for one object."""
        uid = sop_instance_uid.encode("ascii")
        uid += b"\x00" * (len(uid) % 2)
        command = bytearray(self._template)
        command += self._ELEMENT.pack(0x0000, 0x1000, len(uid)) + uid + self._after
        struct.pack_into("<L", command, self._LENGTH_AT, len(command) - self._LENGTH_AT - 4)
        struct.pack_into("<H", command, self._id_at, message_id)
        return bytes(command)


def merge(known: frozenset[Pair], pair: Pair) -> frozenset[Pair]:
    """Add ``pair`` to what is proposed; start afresh when an association would hold no more contexts."""
    merged = known | {pair}
    return merged if len(merged) <= MAX_CONTEXTS else USUAL_PAIRS | {pair}
