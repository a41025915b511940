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

from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from fidac_node.errors import Permanent, Temporary
from fidac_node.hub.index.clients import Clients, permitted
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.query import find
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
    """Answers C-FIND from the index ``db`` to ``clients``; its AE needs :func:`find_contexts` and :meth:`handlers`."""

    def __init__(self, db: Database, clients: Clients) -> None:
        self._db = db
        self._clients = clients

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
        allowed = permitted(self._clients.named(assoc.calling), "find", StudyFilter(case_sensitive=True))
        asked = read(request.Identifier.getvalue() if request.Identifier else b"", context.transfer_syntax)
        wanted = question(asked, _TOP[str(request.AffectedSOPClassUID)], allowed)
        if wanted is None:
            return
        message_id, number, syntax = cast(int, request.MessageID), 0, Syntax.of(context.transfer_syntax)
        status = PENDING if asked.is_all_known else PENDING_SOME_UNMATCHED
        with closing(find(self._db, LEVELS[asked.level], wanted)) as rows:
            for row in rows:
                if not assoc.goes_on(message_id):
                    _told(assoc, asked, number, ", and was called off")
                    yield CANCELLED, None
                    return
                assoc.match(request, context.context_id, status, answer(asked, row, syntax))
                number += 1
        _told(assoc, asked, number)


def _told(assoc: LaneAssociation, asked: Identifier, number: int, end: str = "") -> None:
    log.info("%s asked at level %s: %d matches%s", assoc.calling, asked.level, number, end)


def _failure(assoc: LaneAssociation, status: int, comment: str, *tags: int) -> Response:
    """A response with its ErrorComment, and the elements that it is about (PS3.4 Table C.4-1)."""
    log.warning("a query of %s was refused with status %04XH: %s", assoc.calling, status, comment)
    ds = Dataset()
    ds.Status = status
    ds.ErrorComment = comment[:_MOST_COMMENT]
    if tags:
        ds.OffendingElement = list(tags)
    return ds, None
