"""The C-MOVE and C-GET SCP of Patient Root and Study Root (PS3.4 C.4.2, C.4.3).

A retrieval runs in the thread of the association that asked for it: with C-GET over its own connection, with C-MOVE
over one more, to a destination that the settings name. Nothing piles up for who reads slowly, and nobody else waits.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from peewee import Database
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.presentation import build_context

from fidac_node.audit.trail import Trail, Who
from fidac_node.dicom.ae import Context
from fidac_node.dicom.uids import (
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
)
from fidac_node.hub.archive import Archive
from fidac_node.hub.index.clients import Clients
from fidac_node.hub.index.words import words
from fidac_node.hub.query.identifier import Refused, chosen, read
from fidac_node.hub.query.keys import LEVELS
from fidac_node.hub.query.outgoing import Outgoing, pairs, stored
from fidac_node.hub.query.responses import SUCCESS, Responses, allowed, refusing
from fidac_node.hub.query.suboperations import Beside, Between, Suboperations, Talk
from fidac_node.receive.association import LaneAssociation, Service
from fidac_node.send.associate import Courier, Destination, Unavailable
from fidac_node.send.upper_layer import Association
from fidac_node.send.wire import borrowed as borrowed_wire
from fidac_node.system.database import borrowed

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

log = logging.getLogger(__name__)

# PS3.4 Tables C.4-2 and C.4-3.
NOT_COUNTED: Final = 0xA701
NOT_PERFORMED: Final = 0xA702
DESTINATION_UNKNOWN: Final = 0xA801

_MOST: Final = 0xFFFF  # sub-operations that a response can count (PS3.7 9.1.3.1.6, US)
# Between two Pending responses, which are optional (PS3.4 C.4.2.3.1): each costs as much as a slice.
_PENDING_SECONDS: Final = 0.1
_TOP: Final = {
    PATIENT_ROOT_MOVE: "PATIENT",
    PATIENT_ROOT_GET: "PATIENT",
    STUDY_ROOT_MOVE: "STUDY",
    STUDY_ROOT_GET: "STUDY",
}


def retrieve_contexts() -> list[PresentationContext]:
    """What the hub's SCP accepts to be asked with."""
    return [build_context(model, [EXPLICIT_VR_LE, IMPLICIT_VR_LE]) for model in _TOP]


class RetrieveScp:
    """Gives the objects of ``archive`` to ``clients``; its AE needs :func:`retrieve_contexts` and :meth:`services`.

    What is retrieved stands in ``trail`` before the first object is sent. ``destinations`` are those of C-MOVE by AE
    title; ``scratch`` is a folder with room for an object in another encoding; ``timeout`` (seconds) is how long a
    client may take to answer for an object of its C-GET.
    """

    def __init__(
        self,
        db: Database,
        archive: Archive,
        clients: Clients,
        trail: Trail,
        destinations: Mapping[str, Destination],
        scratch: Path,
        timeout: float,
    ) -> None:
        self._db = db
        self._clients = clients
        self._trail = trail
        self._destinations = destinations
        self._outgoing = Outgoing(db, archive, scratch)
        self._timeout = timeout

    def services(self) -> dict[type, Service]:
        """Return what serves which requests."""
        return {C_GET: self._serve, C_MOVE: self._serve}

    def _serve(self, assoc: LaneAssociation, request: C_GET | C_MOVE, context: Context) -> None:
        responses = Responses(assoc, request, context)
        with refusing(assoc, responses, "retrieval", no_index=NOT_COUNTED, no_record=NOT_PERFORMED), borrowed(self._db):
            self._answer(assoc, request, responses)

    def _answer(self, assoc: LaneAssociation, request: C_GET | C_MOVE, responses: Responses) -> None:
        """Send what is asked for, write down who got how much of it, and say so."""
        who, context = Who(assoc.calling, assoc.peer), responses.context
        may = allowed(self._clients, self._trail, who, "retrieve", "retrieve")
        asked = read(request.Identifier.getvalue() if request.Identifier else b"", context.transfer_syntax)
        wanted = chosen(asked, _TOP[context.abstract_syntax], may)
        what, send = words(LEVELS[asked.level], wanted), self._back
        if isinstance(request, C_MOVE):
            destination = self._destination(request)
            what, send = f"{what} to {destination}", partial(self._to, destination)
        objects = stored(self._db, wanted, _MOST + 1)
        if len(objects) > _MOST:
            raise Refused(NOT_COUNTED, f"more than {_MOST} objects: retrieve study by study")
        done = Suboperations(objects)
        with self._trail.doing(who, "retrieve", what) as retrieval:
            if objects:
                send(assoc, responses, done)
            retrieval.number, retrieval.studies = done.sent, done.studies
            retrieval.outcome = "" if done.status == SUCCESS else str(done)
        log.info("%s retrieved at level %s: %s", who.name, asked.level, done)
        numbers, failed = done.numbers(final=True), done.failed(context.transfer_syntax)
        responses.say(done.status, done.comment, numbers=numbers, data=failed)

    def _destination(self, request: C_MOVE) -> Destination:
        title = str(request.MoveDestination or "").strip()
        if title not in self._destinations:
            raise Refused(DESTINATION_UNKNOWN, f"no destination {title} in [query] destinations of the hub")
        return self._destinations[title]

    def _to(self, destination: Destination, assoc: LaneAssociation, responses: Responses, done: Suboperations) -> None:
        """Send to the destination of a C-MOVE (PS3.4 C.4.2)."""
        try:
            courier = Courier.to(destination, pairs(done.objects), (assoc.calling, responses.message_id), again=True)
            try:
                self._send_all(courier, Beside(responses), done)
            finally:
                courier.release()
        except Unavailable as error:
            log.warning("%s: %d objects for %s were not sent", error, done.remaining, assoc.calling)
            done.fail_the_rest(str(error))

    def _back(self, assoc: LaneAssociation, responses: Responses, done: Suboperations) -> None:
        """Send over the connection on which a C-GET came (PS3.4 C.4.3)."""
        theirs = assoc.requestor.maximum_length or 0
        client = Destination(assoc.calling, assoc.peer, 0, assoc.called, dimse_timeout=self._timeout)
        most = min(theirs, client.max_pdu) if theirs else client.max_pdu
        try:
            with assoc.lend() as (sock, loan):
                association = Association(client, borrowed_wire(sock), assoc.offered, most)
                try:
                    self._send_all(Courier(association, again=True), Between(association, responses), done)
                finally:
                    loan.rest = association.unread
        except (ConnectionError, Unavailable) as error:
            log.warning("%s left before all was sent: %s", assoc.calling, error)

    def _send_all(self, courier: Courier, talk: Talk, done: Suboperations) -> None:
        """Send what is not called off, and say how far it is. Raises :class:`Unavailable`."""
        due = 0.0
        for outcome in self._outgoing.send(courier, done.objects, talk.goes_on):
            done.add(*outcome)
            if done.remaining and time.monotonic() >= due:
                talk.pending(done)
                due = time.monotonic() + _PENDING_SECONDS
