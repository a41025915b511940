"""A profile in plain words: what becomes of each attribute, which clause says so, and which line with what reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Final

from fidac_node.deidentify import actions
from fidac_node.deidentify.profile.compiler import Composition, Entry, compose
from fidac_node.deidentify.profile.programmes import Programme, profiles_directory
from fidac_node.deidentify.profile.ps315 import Row, read_table
from fidac_node.deidentify.profile.recipe import read
from fidac_node.dicom.dictionary import keyword_of, vrs_of
from fidac_node.dicom.part10 import format_tag

_PATTERNS: Final = {0x5000: "curves (50xx,eeee)", 0x6000: "overlays (60xx,eeee)"}
# The headings of generated sections say no more than the clause does.
_GENERATED: Final = "Table E.1-1"


@dataclass(frozen=True)
class Explanation:
    """One row: an attribute (or all of a VR), its action, what that means, the clause, the line and its own reason."""

    tag: str
    attribute: str
    vr: str
    action: str
    meaning: str
    clause: str
    reason: str
    line: str

    def row(self) -> dict[str, str]:
        """The row as a mapping, for a table or JSON."""
        return asdict(self)


def composition_of(programme: Programme) -> Composition:
    """The layers of a programme put together from their files.

    Raises :class:`.ConfigError` if something is wrong with them.
    """
    composition = compose(read(layer) for layer in programme.layers)
    composition.problems.raise_if_any()
    return composition


def explain(composition: Composition) -> Iterator[Explanation]:
    """Explain a profile: the attributes it names, then patterns and private ones, then what holds for all others."""
    table = {row.tag: row for row in read_table(profiles_directory())}
    taken, kept = composition.options(), composition.kept()
    for tag, entry in sorted(composition.entries["tag"].items()):
        clause = _clause(table.get(tag), taken)
        yield _explanation(
            entry, format_tag(tag), keyword_of(tag), " or ".join(vrs_of(tag)), clause, identity=tag in kept
        )
    for group, name in _PATTERNS.items():
        yield _explanation(composition.entries["group"][group], name, "", "", "PS3.15 Table E.1-1: X")
    for (group, creator, element), entry in sorted(composition.entries["private"].items()):
        tag_text, vr = f"({group:04X},xx{element:02X})", "".join(entry.target.vrs)
        yield _explanation(entry, tag_text, f'"{creator}"', vr, "PS3.15 Table E.1-1: X, Safe Private (E.3.10) C")
    yield _explanation(
        composition.entries["all private"][""], "(odd,eeee)", "other private attributes", "", "PS3.15 Table E.1-1: X"
    )
    unknown = "PS3.15 E.1.1: the de-identifier answers for what the table does not list"
    yield Explanation("", "not in PS3.6", "", actions.REMOVE, actions.meaning(actions.REMOVE), unknown, "", "")
    for vr, entry in sorted(composition.entries["vr"].items()):
        yield _explanation(entry, "", "any other", vr, "PS3.15 E.1.1: default by VR")


def _clause(row: Row | None, taken: tuple[str, ...]) -> str:
    return "PS3.15 E.1.1: not in Table E.1-1" if row is None else f"PS3.15 Table E.1-1: {row.letters(taken)}"


def _explanation(
    entry: Entry, tag: str, attribute: str, vr: str, clause: str, *, identity: bool = False
) -> Explanation:
    meaning = "kept as it is: it identifies the device" if identity else meaning_of(entry.action, vr)
    reason = "" if entry.line.reason.startswith(_GENERATED) else entry.line.reason
    line = f"{entry.layer.name}:{entry.line.number}"
    return Explanation(tag, attribute, vr, entry.action, meaning, clause, reason, line)


def meaning_of(action: str, vr: str) -> str:
    """What an action does to an attribute of ``vr``, in plain words."""
    if action == actions.KEEP and vr == "SQ":
        return "entered: each attribute inside has its own action; codes of unpublished schemes are dropped"
    if action == actions.KEEP and vr in actions.TEXT_VRS:
        return "kept if it has the shape of what a machine writes of itself"
    if action == actions.KEEP and vr == "UI":
        return "kept if it is a UID of the standard, else replaced"
    if action == actions.KEEP:
        return "kept if it is valid for its VR"
    return actions.meaning(action)


def merged(name: str, composition: Composition) -> str:
    """One recipe of the lines that hold, by layer, each run of them under its origin; deid reads it like any other."""
    holding = [entry for kind in composition.entries.values() for entry in kind.values()]
    order = {one.path: number for number, one in enumerate(composition.recipes)}
    holding.sort(key=lambda entry: (order[entry.layer], entry.line.number))
    parts = [f"FORMAT dicom\n\n%header\n\n# {name}: the lines that hold, of {len(composition.recipes)} layers"]
    parts += [f"# option: {code}" for code in composition.declared]
    for _, run in groupby(holding, key=lambda entry: (entry.layer, entry.line.reason)):
        entries = list(run)
        first, last = entries[0].line.number, entries[-1].line.number
        parts.append(f"\n# {entries[0].layer.name}:{first}{f'-{last}' if last > first else ''}")
        parts += [str(entry.line) for entry in entries]
    return "\n".join(parts) + "\n"
