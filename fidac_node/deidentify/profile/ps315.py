"""PS3.15 Table E.1-1 as this package carries it: the floor under every profile, and what its options permit."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from fidac_node.deidentify import actions
from fidac_node.dicom.marks import (
    CODE_CLEAN_DESCRIPTORS,
    CODE_DEVICE_IDENTITY,
    CODE_MODIFIED_DATES,
    CODE_PATIENT_CHARACTERISTICS,
    CODE_SAFE_PRIVATE,
)
from fidac_node.errors import ConfigError


@dataclass(frozen=True)
class Option:
    """One option of PS3.15 Annex E: its code in CID 7050, name, clause and column; ``offered``: a layer may take it."""

    code: str
    name: str
    clause: str
    column: str
    offered: bool = False


# The ten option columns of the table. The last five are done elsewhere (graphics are removed, structured
# content is rebuilt object by object) or not at all: full dates, UIDs and the hospital's name never leave.
OPTIONS: Final = {
    option.code: option
    for option in (
        Option(CODE_CLEAN_DESCRIPTORS, "Clean Descriptors", "E.3.5", "clean_desc", offered=True),
        Option(CODE_MODIFIED_DATES, "Modified Dates", "E.3.6", "retain_long_modified_dates", offered=True),
        Option(
            CODE_PATIENT_CHARACTERISTICS,
            "Patient Characteristics",
            "E.3.7",
            "retain_patient_characteristics",
            offered=True,
        ),
        Option(CODE_DEVICE_IDENTITY, "Device Identity", "E.3.8", "retain_device_identity", offered=True),
        Option(CODE_SAFE_PRIVATE, "Safe Private", "E.3.10", "retain_safe_private", offered=True),
        Option("113103", "Clean Graphics", "E.3.3", "clean_graph"),
        Option("113104", "Clean Structured Content", "E.3.4", "clean_struct"),
        Option("113106", "Full Dates", "E.3.6", "retain_long_full_dates"),
        Option("113110", "UIDs", "E.3.9", "retain_uids"),
        Option("113112", "Institution Identity", "E.3.11", "retain_institution_identity"),
    )
}

TIMEZONE: Final = 0x00080201
_CLEANED: Final = frozenset({"agent", "clean", "listed"})
_MOVED: Final = frozenset({"moment", "shift", "time"})
# The Basic Profile's own letters (X, Z, D, U) ask for no more than these do.
_AS_STRICT: Final = frozenset({actions.REMOVE, actions.BLANK, "dummy", "contrast", "pid", "uid", "utf8"})


@dataclass(frozen=True)
class Row:
    """One row: the attribute, the Basic Profile's letter, and options' letters by code.

    ``tag`` is ``None`` for a pattern of tags.
    """

    tag: int | None
    keyword: str
    vr: str
    basic: str
    options: dict[str, str]

    def needs(self, action: str, vr: str) -> frozenset[str] | None:
        """The options of which any one permits ``action``; ``None`` if it does as much as the Basic Profile asks."""
        if action in _AS_STRICT or action.startswith(actions.LITERAL):
            return None
        if action == actions.KEEP and vr == "SQ":
            return None if self.basic.endswith("U*") else frozenset(self.options)
        if action in _CLEANED:
            return frozenset(self.options)
        kept = {code for code, letter in self.options.items() if letter == "K"}
        moved = action in _MOVED or (action == actions.KEEP and (vr == "TM" or self.tag == TIMEZONE))
        return frozenset(kept | ({CODE_MODIFIED_DATES} & set(self.options) if moved else set()))

    def letters(self, taken: tuple[str, ...]) -> str:
        """The row in words: ``Z, Modified Dates (E.3.6) C``, with the options that are ``taken``."""
        said = [
            f"{OPTIONS[code].name} ({OPTIONS[code].clause}) {self.options[code]}"
            for code in taken
            if code in self.options
        ]
        return ", ".join([self.basic, *said])


def table_path(directory: Path) -> Path:
    """Where the table stands in the folder of this package's profiles."""
    return directory / "ps315-e1-1.json"


@lru_cache(maxsize=4)
def read_table(directory: Path) -> tuple[Row, ...]:
    """Read the table in the folder of this package's profiles. Raises :class:`ConfigError`."""
    path = table_path(directory)
    try:
        rows = json.loads(path.read_text(encoding="ascii"))["rows"]
        return tuple(Row(int(tag, 16) if re.fullmatch("[0-9A-F]{8}", tag) else None, *rest) for tag, *rest in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: the confidentiality table cannot be read: {error}") from error
