"""A profile in plain words: what becomes of each attribute, and which clause says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from fidac_node.deidentify import actions, recipe
from fidac_node.deidentify.dictionary import keyword_of, vrs_of
from fidac_node.deidentify.plan import Plan
from fidac_node.part10 import format_tag

_PATTERNS = {0x5000: "curves (50xx,eeee)", 0x6000: "overlays (60xx,eeee)"}


@dataclass(frozen=True)
class Explanation:
    """One row: an attribute (or all of a VR), its action, what that means, and the clause."""

    tag: str
    attribute: str
    vr: str
    action: str
    meaning: str
    clause: str

    def row(self) -> dict[str, str]:
        """The row as a mapping, for a table or JSON."""
        return asdict(self)


def explain(plan: Plan) -> Iterator[Explanation]:
    """Explain a plan: the attributes that it names, then patterns, then what holds for all others."""
    table = {row.tag: row for row in recipe.read_table()}
    for tag in sorted(plan.tags):
        row = table.get(tag)
        clause = "the profile's own line, not in Table E.1-1" if row is None else _clause(row)
        yield _explanation(format_tag(tag), keyword_of(tag), " or ".join(vrs_of(tag)), plan.tags[tag], clause)
    for group, name in _PATTERNS.items():
        yield _explanation(name, "", "", plan.groups[group], "PS3.15 Table E.1-1: X")
    yield _explanation("(odd,eeee)", "private attributes", "", actions.REMOVE, "PS3.15 Table E.1-1: X")
    yield _explanation("", "not in PS3.6", "", actions.REMOVE, "PS3.15 E.1.1: the de-identifier answers for what the table does not list")
    for vr in sorted(plan.vrs):
        yield _explanation("", "any other", vr, plan.vrs[vr], "default by VR (PS3.15 E.1.1)")


def _clause(row: recipe.Row) -> str:
    options = [
        f"{name} {letter}"
        for name, letter in (
            ("Modified Dates (E.3.6)", row.modified_dates),
            ("Patient Characteristics (E.3.7)", row.patient_characteristics),
        )
        if letter
    ]
    return "PS3.15 Table E.1-1: " + ", ".join([row.basic, *options])


def _explanation(tag: str, attribute: str, vr: str, action: str, clause: str) -> Explanation:
    return Explanation(tag, attribute, vr, action, meaning_of(action, vr), clause)


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
