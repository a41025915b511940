"""Failure Reason (0008,1197) of PS3.3 C.14.1.1: what each one says, and what who asked makes of it."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from fidac_node.dicom.statuses import HELD_FOR_A_PERSON, WITHDRAWN

PROCESSING_FAILURE: Final = 0x0110
NO_SUCH_INSTANCE: Final = 0x0112
CLASS_CONFLICT: Final = 0x0119
CLASS_NOT_SUPPORTED: Final = 0x0122
DUPLICATE_TRANSACTION: Final = 0x0131
RESOURCE_LIMITATION: Final = 0x0213
# What the site's ledger calls an object of which the hub says so.
HELD_AT_HUB: Final = "held-at-hub"


class Remedy(Enum):
    """What a Failure Reason calls for."""

    RESEND = "send it again"
    ASK_AGAIN = "ask again later"
    WAIT = "a person decides at the hub: ask again, ever more seldom"
    HOLD = "a person decides"


class Failure(NamedTuple):
    """What the hub says by a Failure Reason, and what is done about it at the site.

    ``code`` is why the site holds the object, if it does, and ``advice`` what a person is to do.
    """

    words: str
    remedy: Remedy
    code: str = "not-committed"
    advice: str = "find out why at the hub, then retry or drop it"


_FAILURES: Final = {
    PROCESSING_FAILURE: Failure("the hub failed while processing it, or has not filed it yet", Remedy.ASK_AGAIN),
    NO_SUCH_INSTANCE: Failure("the hub does not have it", Remedy.RESEND),
    CLASS_CONFLICT: Failure("the hub has it under another SOP class", Remedy.HOLD),
    CLASS_NOT_SUPPORTED: Failure("the hub does not commit to objects of this SOP class", Remedy.HOLD),
    DUPLICATE_TRANSACTION: Failure("the hub has seen this transaction before", Remedy.ASK_AGAIN),
    HELD_FOR_A_PERSON: Failure("the hub holds it, or another version of it, for a person there", Remedy.WAIT),
    WITHDRAWN: Failure(
        "it was withdrawn at the hub, which takes it no more",
        Remedy.HOLD,
        "withdrawn",
        "drop it ('fidac-node site queue drop --reason withdrawn')",
    ),
    RESOURCE_LIMITATION: Failure("the hub has reached a resource limit", Remedy.ASK_AGAIN),
}
_UNKNOWN: Final = Failure("it gives a reason that no standard table knows", Remedy.HOLD)


def failure(reason: int) -> Failure:
    """What a Failure Reason means; one that no standard table knows is held."""
    return _FAILURES.get(reason, _UNKNOWN)
