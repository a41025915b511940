"""A-ASSOCIATE-RQ and -AC as bytes (PS3.8 9.3.2, 9.3.3): read as peers write them, written as the standard has them.

Unknown items and sub-items are skipped (PS3.8 9.3.1), bit 0 of the protocol version alone counts (9.3.2), names lose
their padding; a presentation context that cannot be used is that context's trouble alone. Total: any bytes are read, or
raise ``ValueError`` with the reason.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fidac_node.dicom.uids import is_valid_uid

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
_FIXED: Final = 68  # bytes of a request or an answer before its items
_ITEM: Final = struct.Struct(">BxH")
_TITLES: Final = struct.Struct(">H2x16s16s32x")
_APPLICATION, _PROPOSED, _ANSWERED, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x21, 0x30, 0x40, 0x50
_MAXIMUM, _IMPLEMENTATION, _ROLE, _VERSION, _EXTENDED, _COMMON, _IDENTITY = 0x51, 0x52, 0x54, 0x55, 0x56, 0x57, 0x58
_TITLE: Final = 16
_NO_IMPLEMENTATION: Final = "0.0"  # one that says nothing, where a peer says none
_MOST_CONTEXTS: Final = 128


class Proposal(NamedTuple):
    """A presentation context that was proposed, and why it cannot be used, if so."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    problem: str = ""


class Result(NamedTuple):
    """What was answered to a presentation context: 0 is acceptance (PS3.8 Table 9-18)."""

    context_id: int
    result: int
    transfer_syntax: str


@dataclass(frozen=True)
class UserInformation:
    """What a peer says of itself; ``maximum_length`` in bytes, 0: no limit (PS3.8 D.1).

    ``roles`` are SOP class, SCU, SCP.
    """

    maximum_length: int = 0
    implementation_class_uid: str = ""
    version_name: str = ""
    roles: tuple[tuple[str, bool, bool], ...] = ()
    identity: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Request:
    """An A-ASSOCIATE-RQ. What makes the whole of it unusable is in ``rejection``: result, source, reason, and words."""

    called: str
    calling: str
    application_context: str
    proposals: tuple[Proposal, ...]
    user: UserInformation
    version: int

    @property
    def rejection(self) -> tuple[tuple[int, int, int], str] | None:
        """The A-ASSOCIATE-RJ that PS3.8 Table 9-21 has for it, if it cannot be accepted by anybody."""
        if not self.version & 1:
            return (1, 2, 2), f"it speaks version {self.version:04X}H of the protocol, and not version 1"
        if self.application_context != APPLICATION_CONTEXT:
            # Whatever else a peer writes there is not repeated: the words go to the log.
            said = self.application_context if is_valid_uid(self.application_context) else "missing or no UID"
            return (1, 1, 2), f"its application context is {said}, not that of DICOM"
        if not self.calling:
            return (1, 1, 3), "it gives no calling AE title; configure one there"
        return None


@dataclass(frozen=True)
class Answer:
    """An A-ASSOCIATE-AC."""

    results: tuple[Result, ...]
    user: UserInformation


def read_request(body: bytes) -> Request:
    """Read what follows the header of an A-ASSOCIATE-RQ PDU. Raises ``ValueError``."""
    version, called, calling = _fixed(body)
    application, proposals, user = "", list[Proposal](), UserInformation()
    for kind, value in _items(body, _FIXED):
        if kind == _APPLICATION:
            application = _uid(value)
        elif kind == _PROPOSED and len(proposals) < _MOST_CONTEXTS:
            proposals.append(_proposal(value))
        elif kind == _USER:
            user = _user(value)
    return Request(called, calling, application, _once(proposals), user, version)


def read_answer(body: bytes) -> Answer:
    """Read what follows the header of an A-ASSOCIATE-AC PDU. Raises ``ValueError``."""
    _fixed(body)
    results, user = list[Result](), UserInformation()
    for kind, value in _items(body, _FIXED):
        if kind == _ANSWERED and len(value) >= 4:
            syntaxes = [_uid(below) for kind, below in _items(value, 4) if kind == _TRANSFER]
            results.append(Result(value[0], value[2], syntaxes[0] if syntaxes else ""))
        elif kind == _USER:
            user = _user(value)
    return Answer(tuple(results), user)


def write_request(request: Request) -> bytes:
    """The same request, as every reader takes it: what could not be used is left out. Starts with the PDU's header."""
    body = _TITLES.pack(1, *(title.encode("ascii", "replace")[:_TITLE].ljust(_TITLE) for title in _titles(request)))
    body += _item(_APPLICATION, APPLICATION_CONTEXT.encode())  # another one is rejected, by whoever asks
    for proposal in request.proposals:
        if not proposal.problem:
            below = _item(_ABSTRACT, proposal.abstract_syntax.encode())
            below += b"".join(_item(_TRANSFER, uid.encode()) for uid in proposal.transfer_syntaxes)
            body += _item(_PROPOSED, bytes([proposal.context_id, 0, 0, 0]) + below)
    user = request.user
    below = _item(_MAXIMUM, struct.pack(">L", user.maximum_length))
    below += _item(_IMPLEMENTATION, user.implementation_class_uid.encode())
    for uid, scu, scp in user.roles:
        below += _item(_ROLE, struct.pack(">H", len(uid)) + uid.encode() + bytes([scu, scp]))
    if user.version_name:
        below += _item(_VERSION, user.version_name.encode())
    if user.identity:
        below += _item(_IDENTITY, user.identity)
    body += _item(_USER, below)
    return struct.pack(">BxL", 0x01, len(body)) + body


def _titles(request: Request) -> tuple[str, str]:
    return request.called or "-", request.calling or "-"


def _fixed(body: bytes) -> tuple[int, str, str]:
    if len(body) < _FIXED:
        raise ValueError(f"it has {len(body)} bytes, and {_FIXED} come before its items (PS3.8 9.3.2)")
    version, called, calling = _TITLES.unpack_from(body)
    return version, _title(called), _title(calling)


def _items(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield each item's type and value. Raises ``ValueError`` when one is longer than what it is in."""
    while start < len(data):
        if len(data) - start < _ITEM.size:
            if not any(data[start:]):
                return  # zeros at its end
            raise ValueError("its last item is cut short")
        kind, length = _ITEM.unpack_from(data, start)
        start += _ITEM.size
        if start + length > len(data):
            raise ValueError(f"an item of type {kind:02X}H is longer than what it is in")
        yield kind, data[start : start + length]
        start += length


def _proposal(value: bytes) -> Proposal:
    if len(value) < 4:
        raise ValueError("a presentation context is cut short")
    abstract, transfer = "", list[str]()
    for kind, below in _items(value, 4):
        if kind == _ABSTRACT and not abstract:
            abstract = _uid(below)
        elif kind == _TRANSFER:
            transfer.append(_uid(below))
    usable = tuple(dict.fromkeys(uid for uid in transfer if is_valid_uid(uid)))
    return Proposal(value[0], abstract, usable, _problem(value[0], abstract, usable))


def _problem(context_id: int, abstract: str, transfer: tuple[str, ...]) -> str:
    if not context_id % 2:
        return "its number is even (PS3.8 9.3.2.2)"
    if not is_valid_uid(abstract):
        return "its abstract syntax is no UID" if abstract else "it has no abstract syntax"
    return "" if transfer else "it has no transfer syntax"


def _once(proposals: Iterable[Proposal]) -> tuple[Proposal, ...]:
    """A number that comes twice means the first (PS3.8 9.3.2.2: unique)."""
    seen: dict[int, Proposal] = {}
    found = []
    for one in proposals:
        if one.context_id in seen:
            found.append(one._replace(problem="its number comes twice"))
        else:
            seen[one.context_id] = one
            found.append(one)
    return tuple(found)


def _user(value: bytes) -> UserInformation:
    """User information: each sub-item informs, and none that is odd ends an association."""
    maximum, implementation, version, roles, identity = 0, "", "", list[tuple[str, bool, bool]](), b""
    for kind, below in _items(value, 0):
        if kind == _MAXIMUM and len(below) >= 4:
            maximum = int.from_bytes(below[:4], "big")
        elif kind == _IMPLEMENTATION:
            implementation = _uid(below)
        elif kind == _VERSION:
            version = _title(below)
        elif kind == _ROLE and len(below) >= 4:
            length = int.from_bytes(below[:2], "big")
            uid = _uid(below[2 : 2 + length])
            if len(below) >= length + 4 and is_valid_uid(uid):
                roles.append((uid, below[2 + length] == 1, below[3 + length] == 1))
        elif kind == _IDENTITY:
            identity = below
    if not is_valid_uid(implementation):
        implementation = _NO_IMPLEMENTATION
    return UserInformation(maximum, implementation, version[:_TITLE].strip(), tuple(roles), identity)


def _uid(value: bytes) -> str:
    return value.rstrip(b"\0 ").decode("ascii", "replace")


def _title(value: bytes) -> str:
    """A title or name without padding; what cannot be printed is not in it."""
    text = value.replace(b"\0", b" ").decode("latin-1").strip(" ")
    return "".join(one if one.isascii() and one.isprintable() and one != "\\" else "?" for one in text)


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value
