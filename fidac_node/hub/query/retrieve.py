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
from typing import TYPE_CHECKING, Final, TypeAlias

from peewee import Database, PeeweeException
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
from fidac_node.errors import Permanent, Temporary
from fidac_node.hub.archive import Archive
from fidac_node.hub.index.clients import Clients, permitted
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.words import words
from fidac_node.hub.query.identifier import Refused, chosen, read
from fidac_node.hub.query.keys import LEVELS
from fidac_node.hub.query.outgoing import Outgoing, pairs, stored
from fidac_node.hub.query.suboperations import SUCCESS, Lent, Queued, Suboperations, Talk
from fidac_node.receive.association import LaneAssociation, Service
from fidac_node.send.associate import Courier, Destination, Unavailable
from fidac_node.send.upper_layer import Association
from fidac_node.send.wire import borrowed as borrowed_wire
from fidac_node.system.database import borrowed

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

log = logging.getLogger(__name__)

Request: TypeAlias = "C_GET | C_MOVE"

# PS3.4 Tables C.4-2 and C.4-3, and PS3.7 Annex C for what any service may answer.
NOT_AUTHORISED: Final = 0x0124
NOT_COUNTED: Final = 0xA701
NOT_PERFORMED: Final = 0xA702
DESTINATION_UNKNOWN: Final = 0xA801
UNABLE: Final = 0xC002

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

    def _serve(self, assoc: LaneAssociation, request: Request, context: Context) -> None:
        """Answer; whatever goes wrong, the final response says so."""
        talk = Queued(assoc, request, context)
        try:
            with borrowed(self._db):
                self._answer(assoc, request, context, talk)
        except Refused as error:
            _fail(assoc, talk, error.status, str(error), *error.tags)
        except Permanent as error:
            _fail(assoc, talk, NOT_AUTHORISED, str(error))
        except OSError:
            log.exception("a retrieval of %s was not answered: it cannot be written down", assoc.calling)
            _fail(assoc, talk, NOT_PERFORMED, "the record of acts cannot be written now")
        except (Temporary, PeeweeException):
            log.exception("a retrieval of %s was not answered: the index cannot be read", assoc.calling)
            _fail(assoc, talk, NOT_COUNTED, "the index cannot be read now")
        except Exception:  # the answer to anything unexpected is a failure
            log.exception("a retrieval of %s was not answered: unexpected trouble", assoc.calling)
            _fail(assoc, talk, UNABLE, "unexpected trouble, see the hub's log")

    def _answer(self, assoc: LaneAssociation, request: Request, context: Context, talk: Queued) -> None:
        """Send what is asked for, write down who got how much of it, and say so."""
        who = Who(assoc.calling, assoc.peer)
        allowed = self._allowed(who)
        asked = read(request.Identifier.getvalue() if request.Identifier else b"", context.transfer_syntax)
        wanted = chosen(asked, _TOP[context.abstract_syntax], allowed)
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
                send(assoc, context, talk, done)
            retrieval.number, retrieval.studies = done.sent, done.studies
            retrieval.outcome = "" if done.status == SUCCESS else str(done)
        log.info("%s retrieved at level %s: %s", who.name, asked.level, done)
        talk.end(done)

    def _allowed(self, who: Who) -> StudyFilter:
        """What ``who`` may retrieve; a refusal is written down. Raises :class:`Permanent`."""
        try:
            return permitted(self._clients.named(who.name), "retrieve", StudyFilter(case_sensitive=True))
        except Permanent as error:
            self._trail.note(who, "retrieve", "refused", reason=str(error))
            raise

    def _destination(self, request: C_MOVE) -> Destination:
        title = str(request.MoveDestination or "").strip()
        if title not in self._destinations:
            raise Refused(DESTINATION_UNKNOWN, f"no destination {title} in [query] destinations of the hub")
        return self._destinations[title]

    def _to(
        self, destination: Destination, assoc: LaneAssociation, _context: Context, talk: Queued, done: Suboperations
    ) -> None:
        """Send to the destination of a C-MOVE (PS3.4 C.4.2)."""
        try:
            courier = Courier.to(destination, pairs(done.objects), (assoc.calling, talk.message_id), again=True)
            try:
                self._send_all(courier, talk, done)
            finally:
                courier.release()
        except Unavailable as error:
            log.warning("%s: %d objects for %s were not sent", error, done.remaining, assoc.calling)
            done.fail_the_rest(str(error))

    def _back(self, assoc: LaneAssociation, context: Context, queued: Queued, done: Suboperations) -> None:
        """Send over the connection on which a C-GET came (PS3.4 C.4.3)."""
        theirs = assoc.requestor.maximum_length or 0
        client = Destination(assoc.calling, assoc.peer, 0, assoc.called, dimse_timeout=self._timeout)
        most = min(theirs, client.max_pdu) if theirs else client.max_pdu
        try:
            with assoc.lend() as (sock, loan):
                association = Association(client, borrowed_wire(sock), assoc.offered, most)
                try:
                    self._send_all(Courier(association, again=True), Lent(association, queued, context), done)
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


def _fail(assoc: LaneAssociation, talk: Queued, status: int, comment: str, *tags: int) -> None:
    log.warning("a retrieval of %s was refused with status %04XH: %s", assoc.calling, status, comment)
    talk.refuse(status, comment, tags)
