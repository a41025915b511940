"""The sub-operations of one retrieval: how each went, and the responses that say so (PS3.4 C.4.2, C.4.3)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Protocol

from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.tags import FAILED_SOP_INSTANCE_UID_LIST
from fidac_node.hub.query.outgoing import Outcome, Stored
from fidac_node.hub.query.responses import CANCELLED, PENDING, SUCCESS, Responses
from fidac_node.send.upper_layer import Association, Value

log = logging.getLogger(__name__)

# PS3.4 Tables C.4-2 and C.4-3.
SOME_FAILED: Final = 0xB000
ALL_FAILED: Final = 0xA702

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

    def failed(self, transfer_syntax_uid: str) -> bytes:
        """The identifier that names what failed, as many as fit; nothing where nothing did (PS3.4 C.4.2.1.4.2)."""
        text = "\\".join(self.failed_uids)
        if len(text) > _MOST_UIDS:
            text = text[:_MOST_UIDS].rpartition("\\")[0]
            log.warning("of %d failed objects, %d are named", len(self.failed_uids), text.count("\\") + 1)
        syntax = Syntax.of(transfer_syntax_uid)
        return syntax.element(FAILED_SOP_INSTANCE_UID_LIST, "UI", text.encode()) if text else b""

    def numbers(self, *, final: bool) -> list[Value]:
        """The elements of a response that count (PS3.7 9.3.4.2): what remains is said while something does."""
        completed, failed, warning = self._counts.values()
        remaining: list[Value] = [(0x1020, self.remaining)] if self.remaining or not final else []
        return [*remaining, (0x1021, completed), (0x1022, failed), (0x1023, warning)]


class Talk(Protocol):
    """A retrieval's side of its association, while it sends."""

    def goes_on(self) -> bool:
        """Whether who asked still wants the rest."""

    def pending(self, done: Suboperations) -> None:
        """Say how far it is."""


class Beside:
    """Of a C-MOVE: the objects go over an association of their own."""

    def __init__(self, responses: Responses) -> None:
        self._responses = responses

    def goes_on(self) -> bool:
        """See :class:`Talk`."""
        return self._responses.goes_on()

    def pending(self, done: Suboperations) -> None:
        """See :class:`Talk`."""
        self._responses.say(PENDING, numbers=done.numbers(final=False))


class Between:
    """Of a C-GET: over the association that was lent, between the objects."""

    def __init__(self, association: Association, responses: Responses) -> None:
        self._association = association
        self._responses = responses

    def goes_on(self) -> bool:
        """See :class:`Talk`. Raises :class:`.Unavailable` when the client has left."""
        if self._association.receive(0) is not None:
            self._association.abort()  # one request at a time (PS3.7 D.3.3.3): nothing was asked
        return self._responses.message_id not in self._association.cancelled

    def pending(self, done: Suboperations) -> None:
        """See :class:`Talk`."""
        command = self._responses.command(PENDING, numbers=done.numbers(final=False))
        self._association.send(self._responses.context, command)
