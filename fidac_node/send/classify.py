"""Every status a C-STORE can be answered with, and what it means for the object (PS3.4 B.2.3, PS3.7 Annex C).

Three fates: *done*, the peer has the object; *temporary*, the same object may pass later; *permanent*, it
waits for a person. What no table knows is temporary: sending again does no harm, giving up would.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from fidac_node.dicom.statuses import WITHDRAWN


class Fate(Enum):
    """What a status makes of the object."""

    DONE = "done"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"


@dataclass(frozen=True)
class Verdict:
    """A status in plain words: what it means, and what a person can do about it.

    ``for_all`` says that the answer is about this node rather than the object: nothing else is worth
    sending before the destination has been given time. ``code`` is why the object is held, if it is.
    """

    fate: Fate
    meaning: str
    advice: str = ""
    for_all: bool = False
    code: str = "refused"

    def __str__(self) -> str:
        return f"{self.meaning}: {self.advice}" if self.advice else self.meaning


_LATER: Final = "it is sent again by itself"
_LOOK: Final = f"look at its log, and at what listens there; {_LATER}"
_COMPARE: Final = "compare the object with the hub's conformance statement, then retry or drop it"
_REGISTER: Final = "register this site at the hub (fidac-node hub site add); it is sent again by itself"

# First match wins: single codes stand before the range they lie in.
_TABLE: Final[tuple[tuple[int, int, Verdict], ...]] = (
    (0x0000, 0x0000, Verdict(Fate.DONE, "stored")),
    # Warnings: the operation was performed all the same (PS3.7 Annex C.3).
    (0xB000, 0xB000, Verdict(Fate.DONE, "stored, with elements coerced")),
    (0xB006, 0xB006, Verdict(Fate.DONE, "stored, with elements discarded")),
    (0xB007, 0xB007, Verdict(Fate.DONE, "stored, though the data set does not match its SOP class")),
    (0xB000, 0xBFFF, Verdict(Fate.DONE, "stored, with a warning")),
    (0x0001, 0x0001, Verdict(Fate.DONE, "stored, optional attributes not supported")),
    (0x0107, 0x0107, Verdict(Fate.DONE, "stored, with an attribute list warning")),
    (0x0116, 0x0116, Verdict(Fate.DONE, "stored, an attribute value was out of range")),
    # Storage Service Class (PS3.4 Table B.2-1).
    (0xA700, 0xA7FF, Verdict(Fate.TEMPORARY, "the hub is out of resources", f"look at its disk; {_LATER}")),
    (0xA900, 0xA9FF, Verdict(Fate.PERMANENT, "the data set does not match its SOP class", _COMPARE)),
    (
        WITHDRAWN,
        WITHDRAWN,
        Verdict(
            Fate.PERMANENT,
            "it was withdrawn at the hub, which takes it no more",
            "drop it ('fidac-node site queue drop --reason withdrawn')",
            code="withdrawn",
        ),
    ),
    (0xC000, 0xCFFF, Verdict(Fate.PERMANENT, "the hub cannot understand the object", _COMPARE)),
    # General (PS3.7 Annex C.4, C.5).
    (0x0105, 0x0106, Verdict(Fate.PERMANENT, "an attribute or its value is not valid to the hub", _COMPARE)),
    (
        0x0110,
        0x0110,
        Verdict(Fate.TEMPORARY, "the hub failed while processing the object", f"look at its log; {_LATER}"),
    ),
    (
        0x0111,
        0x0111,
        Verdict(
            Fate.PERMANENT,
            "the hub already has an object with this SOP Instance UID",
            "compare the two, then retry or drop this one",
        ),
    ),
    # About the request, which is the same for every object: it is the hub that is unwell, or not a hub.
    (0x0112, 0x0112, Verdict(Fate.TEMPORARY, "the hub answers as if it were asked for an object", _LOOK)),
    (0x0114, 0x0115, Verdict(Fate.TEMPORARY, "an argument of the request is not valid to the hub", _LOOK)),
    (0x0117, 0x0117, Verdict(Fate.PERMANENT, "the hub finds the SOP Instance UID not valid", _COMPARE)),
    (
        0x0118,
        0x0118,
        Verdict(Fate.PERMANENT, "the hub knows no such SOP class", "allow the class at the hub, then retry"),
    ),
    (0x0119, 0x0119, Verdict(Fate.PERMANENT, "the hub has this SOP Instance UID under another SOP class", _COMPARE)),
    (0x0120, 0x0121, Verdict(Fate.PERMANENT, "the hub misses an attribute or its value", _COMPARE)),
    (
        0x0122,
        0x0122,
        Verdict(Fate.PERMANENT, "the hub does not take this SOP class", "allow the class at the hub, then retry"),
    ),
    # Permanent by its name, but it is the registration that is missing, not the object that is wrong.
    (0x0124, 0x0124, Verdict(Fate.TEMPORARY, "the hub does not authorise this node to store", _REGISTER, for_all=True)),
    (0x0210, 0x0210, Verdict(Fate.TEMPORARY, "the hub took the request for a duplicate", _LATER)),
    (0x0211, 0x0212, Verdict(Fate.TEMPORARY, "the hub does not understand the request", _LOOK)),
    (0x0213, 0x0213, Verdict(Fate.TEMPORARY, "the hub has reached a resource limit", f"look at its disk; {_LATER}")),
    (0xFE00, 0xFE00, Verdict(Fate.TEMPORARY, "the hub cancelled the operation", _LATER)),
)


def classify(status: int) -> Verdict:
    """Return what a C-STORE response's ``status`` (0000,0900) means for the object."""
    for low, high, verdict in _TABLE:
        if low <= status <= high:
            return verdict
    return Verdict(
        Fate.TEMPORARY, "the hub answered with a status that no standard table knows", f"look at its log; {_LATER}"
    )
