"""The C-FIND SCP of Patient Root and Study Root (PS3.4 C.4.1): matches as the index's cursor gives them.

One association's question runs in that association's own thread, with a connection of its own to the index. A match is
read when the one before is on its way: nothing piles up for who reads slowly, and nobody else waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from peewee import Database, PeeweeException
from pydicom.dataset import Dataset
from pynetdicom import _config, evt
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.presentation import build_context

from fidac_node.audit.trail import Doing, Trail, Who
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from fidac_node.errors import Permanent, Temporary
from fidac_node.hub.index.clients import Clients, permitted
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.query import find
from fidac_node.hub.index.rows import Row
from fidac_node.hub.index.words import NOBODY, words
from fidac_node.hub.query.answer import answer
from fidac_node.hub.query.identifier import Identifier, Refused, question, read
from fidac_node.hub.query.keys import LEVELS
from fidac_node.receive.association import LaneAssociation
from fidac_node.system.database import borrowed

if TYPE_CHECKING:
    from pynetdicom.events import Event
    from pynetdicom.presentation import PresentationContext, PresentationContextTuple

log = logging.getLogger(__name__)

# pynetdicom would print what is asked and answered, pseudonyms and all, and slowly.
_config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False

Response: TypeAlias = "tuple[Dataset | int, Dataset | None]"

# PS3.4 Table C.4-1, and PS3.7 Annex C for what any service may answer.
SUCCESS: Final = 0x0000
PENDING: Final = 0xFF00
PENDING_SOME_UNMATCHED: Final = 0xFF01  # one or more optional keys were not supported
CANCELLED: Final = 0xFE00
NOT_AUTHORISED: Final = 0x0124
OUT_OF_RESOURCES: Final = 0xA700
UNABLE: Final = 0xC002

_MOST_COMMENT: Final = 64  # LO (PS3.7 C.5)
_SYNTAXES: Final = [EXPLICIT_VR_LE, IMPLICIT_VR_LE]
_TOP: Final = {PATIENT_ROOT_FIND: "PATIENT", STUDY_ROOT_FIND: "STUDY"}


def find_contexts() -> list[PresentationContext]:
    """What the hub's SCP accepts to be asked with."""
    return [build_context(model, _SYNTAXES) for model in _TOP]


class FindScp:
    """Answers C-FIND from the index ``db`` to ``clients``; its AE needs :func:`find_contexts` and :meth:`handlers`.

    What is asked stands in ``trail`` before the first match is said.
    """

    def __init__(self, db: Database, clients: Clients, trail: Trail) -> None:
        self._db = db
        self._clients = clients
        self._trail = trail

    def handlers(self) -> list[tuple[Any, ...]]:
        """Return what to bind to the hub's AE."""
        return [(evt.EVT_C_FIND, self._handle)]

    def _handle(self, event: Event) -> Iterator[Response]:
        """Answer; what is yielded is the final response. pynetdicom adds Success where there is none."""
        assoc = cast(LaneAssociation, event.assoc)
        try:
            with borrowed(self._db):
                yield from self._responses(assoc, cast(C_FIND, event.request), event.context)
        except Refused as error:
            yield _failure(assoc, error.status, str(error), *error.tags)
        except Permanent as error:
            yield _failure(assoc, NOT_AUTHORISED, str(error))
        except OSError:
            log.exception("a query of %s was not answered: it cannot be written down", assoc.calling)
            yield _failure(assoc, OUT_OF_RESOURCES, "the record of acts cannot be written now")
        except (Temporary, PeeweeException):
            log.exception("a query of %s was not answered: the index cannot be read", assoc.calling)
            yield _failure(assoc, OUT_OF_RESOURCES, "the index cannot be read now")
        except Exception:  # the answer to anything unexpected is a failure
            log.exception("a query of %s was not answered: unexpected trouble", assoc.calling)
            yield _failure(assoc, UNABLE, "unexpected trouble, see the hub's log")

    def _responses(
        self, assoc: LaneAssociation, request: C_FIND, context: PresentationContextTuple
    ) -> Iterator[Response]:
        """Say each match, and yield the final response, unless that is Success."""
        who = Who(assoc.calling, assoc.peer)
        allowed = self._allowed(who)
        asked = read(request.Identifier.getvalue() if request.Identifier else b"", context.transfer_syntax)
        wanted = question(asked, _TOP[str(request.AffectedSOPClassUID)], allowed)
        level = LEVELS[asked.level]
        with self._trail.doing(who, "query", words(level, wanted) if wanted else f"{level}: {NOBODY}") as query:
            if wanted is not None:
                with closing(find(self._db, level, wanted)) as rows:
                    _say(assoc, request, context, asked, rows, query)
        log.info("%s asked at level %s: %d matches %s", who.name, asked.level, query.number, query.outcome)
        if query.outcome:
            yield CANCELLED, None

    def _allowed(self, who: Who) -> StudyFilter:
        """What ``who`` may ask; a refusal is written down. Raises :class:`Permanent`."""
        try:
            return permitted(self._clients.named(who.name), "find", StudyFilter(case_sensitive=True))
        except Permanent as error:
            self._trail.note(who, "query", "refused", reason=str(error))
            raise


def _say(
    assoc: LaneAssociation,
    request: C_FIND,
    context: PresentationContextTuple,
    asked: Identifier,
    rows: Iterator[Row],
    query: Doing,
) -> None:
    """Say each match, and count it, until the client calls it off."""
    status = PENDING if asked.is_all_known else PENDING_SOME_UNMATCHED
    syntax = Syntax.of(context.transfer_syntax)
    for row in rows:
        if not assoc.goes_on(cast(int, request.MessageID)):
            query.outcome = "called off"
            return
        assoc.match(request, context.context_id, status, answer(asked, row, syntax))
        query.number += 1


def _failure(assoc: LaneAssociation, status: int, comment: str, *tags: int) -> Response:
    """A response with its ErrorComment, and the elements that it is about (PS3.4 Table C.4-1)."""
    log.warning("a query of %s was refused with status %04XH: %s", assoc.calling, status, comment)
    ds = Dataset()
    ds.Status = status
    ds.ErrorComment = comment[:_MOST_COMMENT]
    if tags:
        ds.OffendingElement = list(tags)
    return ds, None
