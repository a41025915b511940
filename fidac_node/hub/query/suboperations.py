"""The sub-operations of one retrieval: how each went, and the responses that say so (PS3.4 C.4.2, C.4.3)."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

from pynetdicom.dimse_primitives import C_MOVE

from fidac_node.dicom.ae import Context
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.tags import FAILED_SOP_INSTANCE_UID_LIST
from fidac_node.hub.query.outgoing import Outcome, Stored
from fidac_node.receive.association import LaneAssociation
from fidac_node.send.upper_layer import Association, Value, encode_command

if TYPE_CHECKING:
    from pynetdicom.dimse_primitives import C_GET

log = logging.getLogger(__name__)

# PS3.4 Tables C.4-2 and C.4-3.
SUCCESS: Final = 0x0000
PENDING: Final = 0xFF00
SOME_FAILED: Final = 0xB000
ALL_FAILED: Final = 0xA702
CANCELLED: Final = 0xFE00

_GET_RSP, _MOVE_RSP = 0x8010, 0x8021
_DATA_SET, _NO_DATA_SET = 0x0001, 0x0101
_OFFENDING_ELEMENT: Final = 0x0901
_MOST_COMMENT: Final = 64  # LO (PS3.7 C.5)
_MOST_UIDS: Final = 0xFFFE  # bytes of a UI in Explicit VR (PS3.5 7.1.2): a thousand UIDs


class Suboperations:
    """How the retrieval of ``objects`` goes, one after another."""

    def __init__(self, objects: Sequence[Stored]) -> None:
        self.objects = objects
        self.failed_uids: list[str] = []
        self.comment = ""
        self._counts: dict[Outcome, int] = {"completed": 0, "failed": 0, "warning": 0}

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in self._counts.items())
        return counts + (f", {self.remaining} called off" if self.remaining else "")

    def add(self, one: Stored, outcome: Outcome) -> None:
        """The next object went so."""
        self._counts[outcome] += 1
        if outcome == "failed":
            self.failed_uids.append(one.place.sop)

    def fail_the_rest(self, why: str) -> None:
        """Nothing more can be sent."""
        self.comment = why
        for one in self.objects[len(self.objects) - self.remaining :]:
            self.add(one, "failed")

    @property
    def sent(self) -> int:
        """How many the peer has now."""
        return self._counts["completed"] + self._counts["warning"]

    @property
    def studies(self) -> dict[str, str]:
        """The pseudonym of each study of which something was sent."""
        begun = self.objects[: len(self.objects) - self.remaining]
        return {one.place.study: one.patient for one in begun} if self.sent else {}

    @property
    def remaining(self) -> int:
        """How many were not begun."""
        return len(self.objects) - sum(self._counts.values())

    @property
    def status(self) -> int:
        """The final status; where some remain, they were called off."""
        if self.remaining:
            return CANCELLED
        if self._counts["completed"] == len(self.objects):
            return SUCCESS
        return ALL_FAILED if self._counts["failed"] == len(self.objects) else SOME_FAILED

    def numbers(self, *, final: bool) -> list[Value]:
        """The elements of a response that count (PS3.7 9.3.4.2): what remains is said while something does."""
        completed, failed, warning = self._counts.values()
        remaining: list[Value] = [(0x1020, self.remaining)] if self.remaining or not final else []
        return [*remaining, (0x1021, completed), (0x1022, failed), (0x1023, warning)]


class Talk(Protocol):
    """A retrieval's side of its association."""

    def goes_on(self) -> bool:
        """Whether who asked still wants the rest."""

    def pending(self, done: Suboperations) -> None:
        """Say how far it is."""


class Queued:
    """Responses over the association as everybody says them."""

    def __init__(self, assoc: LaneAssociation, request: C_GET | C_MOVE, context: Context) -> None:
        self._assoc = assoc
        self._context = context
        self.message_id = cast(int, request.MessageID)
        self._field = _MOVE_RSP if isinstance(request, C_MOVE) else _GET_RSP

    def goes_on(self) -> bool:
        """See :class:`Talk`."""
        return self._assoc.goes_on(self.message_id)

    def pending(self, done: Suboperations) -> None:
        """See :class:`Talk`."""
        self._say(*self.response(PENDING, done.numbers(final=False)))

    def end(self, done: Suboperations) -> None:
        """Say the final response, and which objects failed."""
        identifier = self._failed(done.failed_uids) if done.failed_uids else b""
        self._say(*self.response(done.status, done.numbers(final=True), done.comment, identifier))

    def refuse(self, status: int, comment: str, tags: Iterable[int] = ()) -> None:
        """Say that nothing is sent, why, and which elements are to blame."""
        offending = b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in tags)
        self._say(*self.response(status, [], comment, offending=offending))

    def response(
        self,
        status: int,
        numbers: Sequence[Value],
        comment: str = "",
        identifier: bytes = b"",
        offending: bytes = b"",
    ) -> tuple[bytes, bytes]:
        """A response, encoded: its command and its identifier."""
        said: list[Value] = [
            (0x0002, self._context.abstract_syntax),
            (0x0100, self._field),
            (0x0120, self.message_id),
            (0x0800, _DATA_SET if identifier else _NO_DATA_SET),
            (0x0900, status),
        ]
        if offending:
            said.append((_OFFENDING_ELEMENT, offending))
        if comment:
            text = comment.encode("ascii", "replace").decode("ascii")[:_MOST_COMMENT]
            said.append((0x0902, text + " " * (len(text) % 2)))
        return encode_command([*said, *numbers]), identifier

    def _failed(self, uids: list[str]) -> bytes:
        text = "\\".join(uids)
        if len(text) > _MOST_UIDS:
            text = text[:_MOST_UIDS].rpartition("\\")[0]
            log.warning("of %d failed objects, %d are named in the response", len(uids), text.count("\\") + 1)
        return Syntax.of(self._context.transfer_syntax).element(FAILED_SOP_INSTANCE_UID_LIST, "UI", text.encode())

    def _say(self, command: bytes, identifier: bytes) -> None:
        self._assoc.say(self._context.context_id, command, identifier)


class Lent:
    """Responses over the association that was lent for a C-GET, between its sub-operations."""

    def __init__(self, association: Association, queued: Queued, context: Context) -> None:
        self._association = association
        self._queued = queued
        self._context = context

    def goes_on(self) -> bool:
        """See :class:`Talk`. Raises :class:`.Unavailable` when the client has left."""
        if self._association.receive(0) is not None:
            self._association.abort()  # one request at a time (PS3.7 D.3.3.3): nothing was asked
        return self._queued.message_id not in self._association.cancelled

    def pending(self, done: Suboperations) -> None:
        """See :class:`Talk`."""
        command, _ = self._queued.response(PENDING, done.numbers(final=False))
        self._association.send(self._context, command)
