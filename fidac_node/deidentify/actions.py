"""The closed list of what a profile may ask for: four verbs of the recipe language and our functions.

A plan names an action by one word: ``keep``, ``blank``, ``remove``, a function of :data:`FUNCTIONS`,
or ``=TEXT`` for a fixed value. Whatever is not listed here does not load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from fidac_node.dicom.tags import LUT_DATA, OFFSET_TABLES

KEEP: Final = "keep"
BLANK: Final = "blank"
REMOVE: Final = "remove"
LITERAL: Final = "="

TEXT_VRS: Final = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
NUMBER_VRS: Final = frozenset({"AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
BYTES_VRS: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# Every VR of PS3.5 Table 6.2-1; a profile says what becomes of each.
ALL_VRS: Final = TEXT_VRS | NUMBER_VRS | BYTES_VRS | {"AE", "AS", "CS", "DA", "DT", "PN", "SQ", "TM", "UI", "UR"}
# KEEP by VR cannot let a name, an identifier or a date through.
KEEPABLE_VRS: Final = NUMBER_VRS | {"CS", "SQ", "TM"}
# KEEP by name may go further where somebody gave a reason: text passes a check of its shape.
KEEPABLE_BY_NAME: Final = KEEPABLE_VRS | TEXT_VRS | {"UI"}
# Bulk data that is no text and that an image cannot be read without.
KEEPABLE_BULK: Final = frozenset({LUT_DATA, *OFFSET_TABLES})


@dataclass(frozen=True)
class Function:
    """A ``func:`` of ours: the VRs it may stand for and what it does, in plain words."""

    vrs: frozenset[str]
    meaning: str


# The constant of each VR (PS3.15 Table E.1-1 action D): non-empty, valid, the same for everybody.
DUMMIES: Final = {
    "AE": "ANONYMOUS",
    "AS": "000Y",
    "CS": "ANONYMOUS",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "LO": "ANONYMOUS",
    "LT": "ANONYMOUS",
    "PN": "ANONYMOUS",
    "SH": "ANONYMOUS",
    "ST": "ANONYMOUS",
    "TM": "000000",
    "UC": "ANONYMOUS",
    "UT": "ANONYMOUS",
}
FUNCTIONS: Final = {
    "uid": Function(
        frozenset({"UI"}), "replaced by a keyed UID under 2.25; references stay consistent, standard UIDs stay"
    ),
    "shift": Function(
        frozenset({"DA", "DT"}),
        "moved back by the patient's own number of days if near the study's own date, else emptied; no UTC offset",
    ),
    "time": Function(frozenset({"TM"}), "a time of day, cut down to time_resolution"),
    "moment": Function(
        frozenset({"DT", "TM"}),
        "as shift and time; fractions of a second stay as differences, moved by a secret fraction for each study",
    ),
    "pid": Function(frozenset({"PN", "LO", "SH"}), "replaced by the patient's pseudonym"),
    "age89": Function(frozenset({"AS"}), "kept up to 89 years; above, 090Y"),
    "dummy": Function(frozenset(DUMMIES), "replaced by a constant that says nothing"),
    "clean": Function(
        TEXT_VRS, "cleaned word by word: words of the vocabulary and harmless shapes stay, and nothing else"
    ),
    "device": Function(
        frozenset({"CS", "LO", "SH"}),
        "words and shapes of makers' vocabularies, at top level and in functional groups; elsewhere removed",
    ),
    "listed": Function(TEXT_VRS, "kept if every word is in the vocabulary, else removed"),
    "contrast": Function(frozenset({"LO"}), "CONTRAST if an agent is named, else emptied"),
    "agent": Function(frozenset({"LO"}), "cleaned word by word; CONTRAST if no word is left of an agent"),
    "utf8": Function(frozenset({"CS"}), "text is re-encoded in UTF-8 (ISO_IR 192)"),
}

# The one predicate: REMOVE ALL func:private is the table's row "private attributes".
PREDICATE_PRIVATE: Final = "private"

MEANINGS: Final = {
    KEEP: "kept",
    BLANK: "emptied",
    REMOVE: "removed",
    **{name: function.meaning for name, function in FUNCTIONS.items()},
}


def meaning(action: str) -> str:
    """What an action of a plan does, in plain words."""
    if action.startswith(LITERAL):
        return f"replaced by the fixed text {action[1:]!r}"
    return MEANINGS[action]


CONTRAST_DUMMY: Final = "CONTRAST"


# What is to be told of an element besides the action taken: its value was written right first; its value would have
# stayed, and nobody could tell what it means; one of the two holds of an element below it.
NORMALISED: Final = "normalised"
LOST: Final = "lost"
BELOW: Final = "below"


class Change(NamedTuple):
    """What became of one element: the action taken, the bytes that replace it, and what became of those below.

    No bytes: it is gone. ``told`` is :data:`NORMALISED`, :data:`LOST`, :data:`BELOW`, or empty.
    """

    action: str
    encoded: bytes
    items: tuple[Changes, ...] = ()
    told: str = ""


Changes: TypeAlias = "dict[int, Change]"
