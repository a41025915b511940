"""The sender's side of one association: PS3.8 PDUs and PS3.7 messages over a blocking socket.

Mostly we have requested it; over one that the peer has requested we send what it asks for (C-GET). PDUs of the
negotiation are encoded and decoded by pynetdicom; its ``Association`` is not used to send, for three measured reasons.
It hands data over through an unbounded queue between threads, so that a 1 GB object to a slow peer took 757 MB of
memory; it waits for ever on a peer that stops reading; and with a peer that writes its answer in two pieces (DCMTK),
TCP's delayed acknowledgement costs 40 ms per object: 22 objects a second instead of 800. Here one thread writes, then
reads, each with a time limit.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final, TypeAlias

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext

from fidac_node.dicom.ae import Context
from fidac_node.dicom.associate import read_answer
from fidac_node.dicom.pdu import COMMAND, LAST
from fidac_node.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from fidac_node.send.fragments import SHORTER, Train, header
from fidac_node.send.wire import Destination, PlainWire, Unavailable, Wire, connect, reason

__all__ = [
    "MAX_CONTEXTS",
    "Association",
    "Context",
    "Destination",
    "Message",
    "Unavailable",
    "Value",
    "encode_command",
    "encode_elements",
]

log = logging.getLogger(__name__)

MAX_CONTEXTS: Final = 128  # odd identifiers of one byte (PS3.8 Table 9-13)

_APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
_ASSOCIATE_AC, _ASSOCIATE_RJ, _P_DATA, _RELEASE_RQ, _RELEASE_RP, _ABORT = 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
_PDU_HEADER, _PDV_HEADER = 6, 6
# Bounds on what a peer can make us hold in memory; answers and reports are far below.
_MOST_PDU: Final = 1 << 24
_MOST_MESSAGE: Final = 1 << 24
_COMMAND_FIELD, _RESPONDED_TO, _DATA_SET_TYPE = 0x0100, 0x0120, 0x0800
_C_CANCEL_RQ: Final = 0x0FFF
_NO_DATA_SET: Final = 0x0101
_WITHOUT_DATA_SET: Final = (0x8001, 0x8030)  # C-STORE-RSP and C-ECHO-RSP
_LEAST_PDU: Final = 16  # bytes; a peer that says less cannot be told anything
_STRETCH: Final = (
    1 << 17
)  # bytes that a peer must take within the time limit: a slow line needs minutes for the longest PDU
_SMALL: Final = 8192  # bytes of a fragment for which system calls of its own do not pay

_REJECTIONS: Final = {  # (source, reason): PS3.8 Table 9-21
    (1, 2): "it does not support the DICOM application context",
    (1, 3): "it does not know the calling AE title {calling}: {register}",
    (1, 7): "it does not answer to the AE title {called}: correct {setting}",
    (2, 2): "it does not support this version of the protocol",
    # A FIDAC node means its disk by the one, and by the other that it stops or has enough associations.
    (3, 1): "it has no room now: look at its disk (a system that is no FIDAC node may be too busy)",
    (3, 2): "it is busy: it has no association free now, or is stopping",
}


# An element of a command set by its number in group 0000: text, a US, or the bytes of any other VR.
Value: TypeAlias = "tuple[int, str | int | bytes]"


@dataclass(frozen=True)
class Message:
    """A received DIMSE message: its command set's values by element number of group 0000, and its data set."""

    context_id: int
    command: dict[int, bytes]
    data: bytes

    @property
    def has_data_set(self) -> bool:
        """Whether a data set follows (PS3.7 Annex E.1).

        None ever does after a C-STORE-RSP or C-ECHO-RSP, whatever it says (PS3.7 9.3.1.2, 9.3.5.2).
        """
        return self.number(_COMMAND_FIELD) not in _WITHOUT_DATA_SET and self.number(_DATA_SET_TYPE) != _NO_DATA_SET

    def number(self, element: int) -> int | None:
        """Return a US value of the command set."""
        value = self.command.get(element, b"")
        return int.from_bytes(value, "little") if len(value) == 2 else None

    def text(self, element: int) -> str:
        """Return a textual value of the command set, what cannot be printed replaced."""
        value = self.command.get(element, b"").rstrip(b"\x00 ").decode("ascii", "replace")
        return "".join(letter if letter.isprintable() else "?" for letter in value)


def encode_command(values: Iterable[Value]) -> bytes:
    """Encode a command set (PS3.7 6.3.1) from its elements in order."""
    body = encode_elements(values)
    return struct.pack("<HHLL", 0x0000, 0x0000, 4, len(body)) + body


def encode_elements(values: Iterable[Value]) -> bytes:
    """Encode elements of a command set as :func:`encode_command` does, without their group length."""
    encoded = (
        (element, struct.pack("<H", value) if isinstance(value, int) else _even(value)) for element, value in values
    )
    return b"".join(struct.pack("<HHL", 0x0000, element, len(value)) + value for element, value in encoded)


class Association:
    """An association over which we send; not for use by two threads at once.

    It is over ``wire``, under the presentation contexts that were accepted; the PDUs that we send have ``max_pdu``
    bytes at most. Every method raises :class:`Unavailable` when it is lost. In ``cancelled`` are the Message IDs of
    what the peer has called off (PS3.7 9.3.2.3).
    """

    def __init__(
        self, destination: Destination, wire: Wire, contexts: Iterable[Context] = (), max_pdu: int | None = None
    ) -> None:
        self.destination = destination
        self.contexts = {context.context_id: context for context in contexts}
        self.cancelled: set[int] = set()
        self._buffer = bytearray()
        self._command = bytearray()
        self._data = bytearray()
        self._trains: dict[int, Train] = {}
        self._max_pdu = max_pdu or destination.max_pdu
        self._wire = wire

    @classmethod
    def request(cls, destination: Destination, proposals: Sequence[tuple[str, Sequence[str]]]) -> Association:
        """Request one. ``proposals`` are ``(abstract syntax, transfer syntaxes)``, one presentation context each.

        Raises :class:`Unavailable` when it cannot be had.
        """
        association = cls(destination, connect(destination))
        try:
            association._negotiate(proposals)
        except BaseException:
            association.close()
            raise
        return association

    def context(self, abstract_syntax: str, transfer_syntax: str = "") -> Context | None:
        """Return the accepted context for both (or for any transfer syntax), if there is one."""
        for context in self.contexts.values():
            if context.abstract_syntax == abstract_syntax and transfer_syntax in ("", context.transfer_syntax):
                return context
        return None

    def send(self, context: Context, command: bytes, data: BinaryIO | None = None, size: int = 0) -> None:
        """Send a message; ``data`` is read from where it stands for ``size`` bytes, a fragment at a time."""
        head = self._command_pdus(context.context_id, command)
        try:
            if data is None:
                self._wire.send(head, self.destination.dimse_timeout)
            else:
                self._send_data(head, context.context_id, data, size)
        except TimeoutError as error:
            self.abort()
            raise Unavailable(
                f"{self.destination} stopped reading for {self.destination.dimse_timeout:g} s in the middle of "
                "an object"
            ) from error
        except OSError as error:
            self.close()
            raise Unavailable(f"{self.destination} broke the connection off: {reason(error)}") from error
        except BaseException:
            self.abort()  # half a message is on the way: nothing else can follow it
            raise

    def _command_pdus(self, context_id: int, command: bytes) -> bytes:
        """A command set in as many PDUs as the peer's maximum length asks for."""
        most = self._max_pdu - _PDV_HEADER
        if len(command) <= most:
            return header(context_id, COMMAND | LAST, len(command)) + command
        pieces = [command[start : start + most] for start in range(0, len(command), most)]
        last = len(pieces) - 1
        return b"".join(
            header(context_id, COMMAND | (LAST if n == last else 0), len(piece)) + piece
            for n, piece in enumerate(pieces)
        )

    def receive(self, timeout: float) -> Message | None:
        """Return the next message, or ``None`` when none is complete within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            pdu = self._next_pdu(deadline)
            if pdu is None:
                return None
            message = self._digest(*pdu)
            if message is not None:
                return message

    def release(self) -> None:
        """End the association in good order, else by force (PS3.8 7.2)."""
        try:
            self._wire.send(struct.pack(">BBL4x", _RELEASE_RQ, 0, 4), self.destination.acse_timeout)
            deadline = time.monotonic() + self.destination.acse_timeout
            while (pdu := self._next_pdu(deadline)) is not None and pdu[0] not in (_RELEASE_RP, _ABORT):
                if pdu[0] == _RELEASE_RQ:  # both at once (PS3.8 7.2.2.7)
                    self._wire.send(struct.pack(">BBL4x", _RELEASE_RP, 0, 4), self.destination.acse_timeout)
        except (OSError, Unavailable) as error:
            log.debug("%s was gone before the release: %s", self.destination, error)
        finally:
            self.close()

    def abort(self) -> None:
        """End the association at once (PS3.8 7.3)."""
        try:
            self._wire.send(struct.pack(">BBL2xBB", _ABORT, 0, 4, 0, 0), 0)  # a peer that does not read cannot be told
        except OSError as error:
            log.debug("%s could not be told of the abort: %s", self.destination, error)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection without a word."""
        self._wire.close()

    @property
    def unread(self) -> bytes:
        """What has come and was not asked for yet."""
        return bytes(self._buffer)

    def _negotiate(self, proposals: Sequence[tuple[str, Sequence[str]]]) -> None:
        request = _request(self.destination, proposals)
        try:
            self._wire.send(request, self.destination.acse_timeout)
        except OSError as error:
            raise Unavailable(f"{self.destination} broke the connection off: {reason(error)}") from error
        pdu = self._next_pdu(time.monotonic() + self.destination.acse_timeout)
        if pdu is None:
            self.abort()
            raise Unavailable(
                f"{self.destination} took the connection but did not answer within "
                f"{self.destination.acse_timeout:g} s: is it a DICOM port?"
            )
        kind, body = pdu
        if kind == _ASSOCIATE_RJ and len(body) >= 4:
            raise Unavailable(_rejection(self.destination, body[2], body[3]))
        if kind != _ASSOCIATE_AC:
            self._digest(kind, body)
            raise Unavailable(f"{self.destination} answered the association request with a PDU of type {kind:02X}H")
        self._accept(body, proposals)

    def _accept(self, body: bytes, proposals: Sequence[tuple[str, Sequence[str]]]) -> None:
        try:
            answer = read_answer(body)
        except ValueError as error:
            self.abort()
            raise Unavailable(
                f"{self.destination} answered the association request with something that is not DICOM: {error}"
            ) from error
        proposed = {2 * number + 1: proposal for number, proposal in enumerate(proposals)}
        for result in answer.results:
            abstract_syntax, transfer_syntaxes = proposed.get(result.context_id, ("", ()))
            if result.result == 0 and result.transfer_syntax in transfer_syntaxes:
                self.contexts[result.context_id] = Context(result.context_id, abstract_syntax, result.transfer_syntax)
        theirs = answer.user.maximum_length or self._max_pdu  # 0: no limit (PS3.8 D.1.1)
        self._max_pdu = max(_LEAST_PDU, min(theirs, self._max_pdu))

    def _send_data(self, head: bytes, context_id: int, data: BinaryIO, size: int) -> None:
        """Send ``head`` and the data set behind it, a file in as few system calls as can be."""
        most, timeout = self._max_pdu - _PDV_HEADER, self.destination.dimse_timeout
        if isinstance(data, BytesIO) or not size:
            self._wire.send(head + _fragments(context_id, data.read(size), size, most), timeout)
        elif isinstance(self._wire, PlainWire) and most >= _SMALL:
            offset, end = data.tell(), data.tell() + size
            while offset < end:
                length = min(most, end - offset)
                head += header(context_id, LAST if offset + length == end else 0, length)
                self.destination.beat(timeout)
                self._wire.send_file(head, data.fileno(), offset, length, timeout)
                offset, head = offset + length, b""
        else:
            train = self._trains.get(context_id) or self._trains.setdefault(context_id, Train(context_id, most))
            self._wire.send(head, timeout)
            for pdus in train.load(data.fileno(), data.tell(), size):
                for start in range(0, len(pdus), _STRETCH):
                    self.destination.beat(timeout)
                    self._wire.send(pdus[start : start + _STRETCH], timeout)

    def _next_pdu(self, deadline: float) -> tuple[int, bytes] | None:
        while True:
            if len(self._buffer) >= _PDU_HEADER:
                kind, length = struct.unpack_from(">BxL", self._buffer)
                if length > _MOST_PDU:
                    self.abort()
                    raise Unavailable(f"{self.destination} sent a PDU of {length} bytes: association aborted")
                if len(self._buffer) >= _PDU_HEADER + length:
                    body = bytes(self._buffer[_PDU_HEADER : _PDU_HEADER + length])
                    del self._buffer[: _PDU_HEADER + length]
                    return kind, body
            if not self._fill(deadline - time.monotonic()):
                return None

    def _fill(self, timeout: float) -> bool:
        """Read what has come into the buffer; ``False`` when nothing came within ``timeout`` seconds."""
        self.destination.beat(timeout)
        try:
            received = self._wire.receive(timeout)
        except OSError as error:
            self.close()
            raise Unavailable(f"{self.destination} broke the connection off: {reason(error)}") from error
        if received is None:
            return False
        if not received:
            self.close()
            raise Unavailable(f"{self.destination} closed the connection")
        self._buffer += received
        return True

    def _digest(self, kind: int, body: bytes) -> Message | None:
        """Take one PDU in; return the message that it completes."""
        if kind == _P_DATA:
            return self._collect(body)
        if kind == _ABORT:
            self.close()
            by = "its user" if len(body) >= 4 and body[2] == 0 else "its protocol layer"
            raise Unavailable(f"{self.destination} aborted the association (by {by})")
        if kind == _RELEASE_RQ:
            try:
                self._wire.send(struct.pack(">BBL4x", _RELEASE_RP, 0, 4), self.destination.acse_timeout)
            except OSError as error:
                log.debug("%s did not wait for the answer to its release: %s", self.destination, error)
            self.close()
            raise Unavailable(f"{self.destination} released the association")
        self.abort()
        raise Unavailable(f"{self.destination} sent a PDU of type {kind:02X}H out of turn: association aborted")

    def _collect(self, body: bytes) -> Message | None:
        """Join presentation data values to a message (PS3.8 Annex E)."""
        position = 0
        message = None
        while position + _PDV_HEADER <= len(body):
            length, context_id, control = struct.unpack_from(">LBB", body, position)
            if length < 2 or position + 4 + length > len(body):
                break
            value = body[position + _PDV_HEADER : position + 4 + length]
            position += 4 + length
            (self._command if control & COMMAND else self._data).extend(value)
            if control & LAST:
                message = self._complete(context_id, is_command=bool(control & COMMAND)) or message
        if position != len(body) or len(self._command) + len(self._data) > _MOST_MESSAGE:
            self.abort()
            raise Unavailable(f"{self.destination} sent a malformed or endless message: association aborted")
        return message

    def _complete(self, context_id: int, *, is_command: bool) -> Message | None:
        try:
            command = _decode_command(bytes(self._command))
        except struct.error as error:
            self.abort()
            raise Unavailable(f"{self.destination} sent a malformed command: association aborted") from error
        message = Message(context_id, command, bytes(self._data))
        if is_command and message.has_data_set:
            return None
        self._command.clear()
        self._data.clear()
        if message.number(_COMMAND_FIELD) == _C_CANCEL_RQ:  # it has no answer of its own
            self.cancelled.add(message.number(_RESPONDED_TO) or 0)
            return None
        return message


def _request(destination: Destination, proposals: Sequence[tuple[str, Sequence[str]]]) -> bytes:
    """Encode the A-ASSOCIATE-RQ PDU (PS3.8 9.3.2)."""
    if not 0 < len(proposals) <= MAX_CONTEXTS:
        raise ValueError(f"an association takes 1 to {MAX_CONTEXTS} presentation contexts, not {len(proposals)}")
    length = MaximumLengthNotification()
    length.maximum_length_received = destination.max_pdu
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    request = A_ASSOCIATE()
    request.application_context_name = UID(_APPLICATION_CONTEXT)
    request.calling_ae_title = destination.calling_ae
    request.called_ae_title = destination.ae_title
    request.user_information = [length, implementation, version]
    contexts = []
    for number, (abstract_syntax, transfer_syntaxes) in enumerate(proposals):
        context = PresentationContext()
        context.context_id = 2 * number + 1
        context.abstract_syntax = UID(abstract_syntax)
        context.transfer_syntax = [UID(uid) for uid in transfer_syntaxes]
        contexts.append(context)
    request.presentation_context_definition_list = contexts
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return bytes(pdu.encode())


def _even(value: str | bytes) -> bytes:
    encoded = value.encode("ascii") if isinstance(value, str) else value
    return encoded + b"\x00" * (len(encoded) % 2)


def _rejection(destination: Destination, source: int, reason: int) -> str:
    words = _REJECTIONS.get((source, reason), f"it gives no reason (source {source}, reason {reason})")
    return f"{destination} rejected the association: " + words.format(
        calling=destination.calling_ae,
        called=destination.ae_title,
        setting=destination.setting,
        register=destination.register,
    )


def _fragments(context_id: int, data: bytes, size: int, most: int) -> bytes:
    """Cut a data set in memory into PDUs."""
    if len(data) != size:
        raise EOFError(SHORTER)
    starts = range(0, size, most) or (0,)
    return b"".join(
        header(context_id, 0 if start + most < size else LAST, min(most, size - start)) + data[start : start + most]
        for start in starts
    )


def _decode_command(encoded: bytes) -> dict[int, bytes]:
    """Split a command set into its values. Raises ``struct.error`` when it is cut short."""
    values: dict[int, bytes] = {}
    fp = BytesIO(encoded)
    while header := fp.read(8):
        _, element, length = struct.unpack("<HHL", header)
        values[element] = fp.read(length)
        if len(values[element]) != length:
            raise struct.error("cut short")
    return values
