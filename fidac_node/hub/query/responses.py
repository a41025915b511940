"""The responses to one request of C-FIND, C-GET or C-MOVE (PS3.7 9.3.2, 9.3.3, 9.3.4), and what is wrong as a status.

pynetdicom would encode each command element by element: a thousand matches took twice as long.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias, cast

from peewee import PeeweeException
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE

from fidac_node.audit.trail import Trail, Who
from fidac_node.dicom.ae import Context
from fidac_node.errors import Permanent, Temporary
from fidac_node.hub.index.clients import Clients, Right, permitted
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.query.identifier import Refused
from fidac_node.receive.association import LaneAssociation
from fidac_node.send.upper_layer import Value, encode_command

log = logging.getLogger(__name__)

Request: TypeAlias = "C_FIND | C_GET | C_MOVE"

# PS3.4 Tables C.4-1 to C.4-3, and PS3.7 Annex C for what any service may answer.
SUCCESS: Final = 0x0000
PENDING: Final = 0xFF00
CANCELLED: Final = 0xFE00
NOT_AUTHORISED: Final = 0x0124
UNABLE: Final = 0xC002

_FIELDS: Final = {C_FIND: 0x8020, C_GET: 0x8010, C_MOVE: 0x8021}
_DATA_SET, _NO_DATA_SET = 0x0001, 0x0101
_MOST_COMMENT: Final = 64  # LO (PS3.7 C.5)


class Responses:
    """What is said to ``request`` over the association that asked, behind what other threads have begun to say."""

    def __init__(self, assoc: LaneAssociation, request: Request, context: Context) -> None:
        self._assoc = assoc
        self._field = _FIELDS[type(request)]
        self.context = context
        self.message_id = cast(int, request.MessageID)

    def goes_on(self) -> bool:
        """Wait until all is on its way; whether who asked still wants the rest."""
        return self._assoc.goes_on(self.message_id)

    def say(
        self,
        status: int,
        comment: str = "",
        *,
        numbers: Sequence[Value] = (),
        tags: Iterable[int] = (),
        data: bytes = b"",
    ) -> None:
        """Say one response: its status, ErrorComment, OffendingElement and other elements, and its identifier."""
        command = self.command(status, comment, numbers=numbers, tags=tags, has_data=bool(data))
        self._assoc.say(self.context.context_id, command, data)

    def command(
        self,
        status: int,
        comment: str = "",
        *,
        numbers: Sequence[Value] = (),
        tags: Iterable[int] = (),
        has_data: bool = False,
    ) -> bytes:
        """Encode the command set of a response."""
        said: list[Value] = [
            (0x0002, self.context.abstract_syntax),
            (0x0100, self._field),
            (0x0120, self.message_id),
            (0x0800, _DATA_SET if has_data else _NO_DATA_SET),
            (0x0900, status),
        ]
        if offending := b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in tags):
            said.append((0x0901, offending))
        if comment:
            text = comment.encode("ascii", "replace")[:_MOST_COMMENT]
            said.append((0x0902, text + b" " * (len(text) % 2)))
        return encode_command([*said, *numbers])


@contextmanager
def refusing(
    assoc: LaneAssociation, responses: Responses, act: str, *, no_index: int, no_record: int
) -> Iterator[None]:
    """Whatever goes wrong in the block, the final response says so: a failure is the answer to anything unexpected.

    ``no_index`` and ``no_record`` are the statuses for an index and a record of acts that cannot be had now.
    """

    def refuse(status: int, comment: str, tags: Iterable[int] = ()) -> None:
        log.warning("a %s of %s was refused with status %04XH: %s", act, assoc.calling, status, comment)
        responses.say(status, comment, tags=tags)

    try:
        yield
    except Refused as error:
        refuse(error.status, str(error), error.tags)
    except Permanent as error:
        refuse(NOT_AUTHORISED, str(error))
    except OSError:
        log.exception("a %s of %s was not answered: it cannot be written down", act, assoc.calling)
        refuse(no_record, "the record of acts cannot be written now")
    except (Temporary, PeeweeException):
        log.exception("a %s of %s was not answered: the index cannot be read", act, assoc.calling)
        refuse(no_index, "the index cannot be read now")
    except Exception:
        log.exception("a %s of %s was not answered: unexpected trouble", act, assoc.calling)
        refuse(UNABLE, "unexpected trouble, see the hub's log")


def allowed(clients: Clients, trail: Trail, who: Who, right: Right, act: str) -> StudyFilter:
    """What ``who`` may ask; a refusal is written down. Raises :class:`Permanent`."""
    try:
        return permitted(clients.named(who.name), right, StudyFilter(case_sensitive=True))
    except Permanent as error:
        trail.note(who, act, "refused", reason=str(error))
        raise
