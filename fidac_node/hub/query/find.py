"""The C-FIND SCP of Patient Root and Study Root (PS3.4 C.4.1): matches as the index's cursor gives them.

One association's question runs in that association's own thread, with a connection of its own to the index. A match is
read when the one before is on its way: nothing piles up for who reads slowly, and nobody else waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from peewee import Database
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.presentation import build_context

from fidac_node.audit.trail import Doing, Trail, Who
from fidac_node.dicom.ae import Context
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from fidac_node.hub.index.clients import Clients
from fidac_node.hub.index.query import find
from fidac_node.hub.index.rows import Row
from fidac_node.hub.index.words import NOBODY, words
from fidac_node.hub.query.answer import answer
from fidac_node.hub.query.identifier import Identifier, question, read
from fidac_node.hub.query.keys import LEVELS
from fidac_node.hub.query.responses import CANCELLED, PENDING, SUCCESS, Responses, allowed, refusing
from fidac_node.receive.association import LaneAssociation, Service
from fidac_node.system.database import borrowed

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

log = logging.getLogger(__name__)

# PS3.4 Table C.4-1.
PENDING_SOME_UNMATCHED: Final = 0xFF01  # one or more optional keys were not supported
OUT_OF_RESOURCES: Final = 0xA700

_SYNTAXES: Final = [EXPLICIT_VR_LE, IMPLICIT_VR_LE]
_TOP: Final = {PATIENT_ROOT_FIND: "PATIENT", STUDY_ROOT_FIND: "STUDY"}


def find_contexts() -> list[PresentationContext]:
    """What the hub's SCP accepts to be asked with."""
    return [build_context(model, _SYNTAXES) for model in _TOP]


class FindScp:
    """Answers C-FIND from the index ``db`` to ``clients``; its AE needs :func:`find_contexts` and :meth:`services`.

    What is asked stands in ``trail`` before the first match is said.
    """

    def __init__(self, db: Database, clients: Clients, trail: Trail) -> None:
        self._db = db
        self._clients = clients
        self._trail = trail

    def services(self) -> dict[type, Service]:
        """Return what serves which requests."""
        return {C_FIND: self._serve}

    def _serve(self, assoc: LaneAssociation, request: C_FIND, context: Context) -> None:
        responses = Responses(assoc, request, context)
        with (
            refusing(assoc, responses, "query", no_index=OUT_OF_RESOURCES, no_record=OUT_OF_RESOURCES),
            borrowed(self._db),
        ):
            self._answer(assoc, request, responses)

    def _answer(self, assoc: LaneAssociation, request: C_FIND, responses: Responses) -> None:
        """Say each match, and the final response."""
        who, context = Who(assoc.calling, assoc.peer), responses.context
        may = allowed(self._clients, self._trail, who, "find", "query")
        asked = read(request.Identifier.getvalue() if request.Identifier else b"", context.transfer_syntax)
        wanted = question(asked, _TOP[context.abstract_syntax], may)
        level = LEVELS[asked.level]
        with self._trail.doing(who, "query", words(level, wanted) if wanted else f"{level}: {NOBODY}") as query:
            if wanted is not None:
                with closing(find(self._db, level, wanted)) as rows:
                    _say(responses, asked, rows, query)
        log.info("%s asked at level %s: %d matches %s", who.name, asked.level, query.number, query.outcome)
        responses.say(CANCELLED if query.outcome else SUCCESS)


def _say(responses: Responses, asked: Identifier, rows: Iterator[Row], query: Doing) -> None:
    """Say each match, and count it, until the client calls it off."""
    status = PENDING if asked.is_all_known else PENDING_SOME_UNMATCHED
    syntax = Syntax.of(responses.context.transfer_syntax)
    for row in rows:
        if not responses.goes_on():
            query.outcome = "called off"
            return
        responses.say(status, data=answer(asked, row, syntax))
        query.number += 1
