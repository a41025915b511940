"""Two profiles side by side: where their plans differ, and what that does to real headers.

On headers both plans are applied with one throw-away key. Triage, the gate and the marks are the same
whatever the profile, and are left out: what they would hold is compared as well.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from fidac_node.deidentify import actions
from fidac_node.deidentify.actions import Change, Changes
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.rewrite.dates import Moments, clock, study_date
from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser
from fidac_node.deidentify.rewrite.rewrite import REMOVED, Rewriter, Subject
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.tools.diff import text_of
from fidac_node.dicom import charset, elements
from fidac_node.dicom.dictionary import keyword_of, vrs_of
from fidac_node.dicom.elements import Elements, Node, Unusual
from fidac_node.dicom.part10 import PIXEL_DATA, format_tag
from fidac_node.dicom.series import whole

ABSENT: Final = "-"


class Difference(NamedTuple):
    """An attribute (or group, VR, private attribute, word list) of which two plans make different things."""

    tag: str
    attribute: str
    vr: str
    first: str
    second: str


@dataclass(frozen=True)
class Finding:
    """An element of which two plans made different things, by action or by result.

    ``path`` has no item numbers; ``first`` and ``second`` say action and result. ``values`` are those of
    the input and of both outputs as text: they identify people.
    """

    path: str
    attribute: str
    first: str
    second: str
    values: tuple[str, str, str]


def differences(first: Plan, second: Plan) -> Iterator[Difference]:
    """Where two plans differ: attributes, groups, private attributes, defaults by VR, words, options."""
    for tag in sorted({*first.tags, *second.tags}):
        vrs = vrs_of(tag)
        yield from _differ(
            format_tag(tag), keyword_of(tag), " or ".join(vrs), *(plan.action(tag, vrs[0]) for plan in (first, second))
        )
    for group in sorted({*first.groups, *second.groups}):
        yield from _differ(f"({group:04X},eeee)", "", "", *(plan.groups.get(group, ABSENT) for plan in (first, second)))
    for group, creator, element in sorted({*first.private, *second.private}):
        kept = (
            actions.KEEP if (group, creator, element) in plan.private else actions.REMOVE for plan in (first, second)
        )
        yield from _differ(f"({group:04X},xx{element:02X})", f'"{creator}"', "", *kept)
    for vr in sorted({*first.vrs, *second.vrs}):
        yield from _differ("", "any other", vr, *(plan.vrs.get(vr, actions.REMOVE) for plan in (first, second)))
    for name, one, other in (
        ("vocabulary", first.vocabulary, second.vocabulary),
        ("words of devices", first.devices, second.devices),
        ("common words", first.common, second.common),
    ):
        yield from _differ("", name, "", *(", ".join(sorted(words)) or ABSENT for words in (one - other, other - one)))
    yield from _differ("", "options (CID 7050)", "", *(", ".join(plan.options) or ABSENT for plan in (first, second)))


def _differ(tag: str, attribute: str, vr: str, first: str, second: str) -> Iterator[Difference]:
    if first != second:
        yield Difference(tag, attribute, vr, first, second)


def findings(source: Source, first: Plan, second: Plan) -> Iterator[Finding]:
    """What two plans do differently to one object. Raises :class:`.Permanent` if it cannot be read."""
    keys = Pseudonymiser(secrets.token_bytes(32), "PROFILE-DIFF", "DIFF")
    found = _elements(source)
    sides = []
    day = study_date((source.get("StudyDate"),), modified=True)
    subject = Subject("PSEUDONYM", clock(-1000, day, Moments()))
    for plan in (first, second):
        rewriter = Rewriter(plan, keys, subject, source.syntax)
        sides.append(rewriter.header(whole(found)).changes)
    yield from _Walk(source).data_set(found, sides[0], sides[1], "", ())


def _elements(source: Source) -> Elements:
    """The elements of an object in an encoding that the fast path takes."""
    if source.syntax.little:
        try:
            elements.nodes(source.elements, explicit=source.syntax.explicit)
            return source.elements
        except Unusual:
            pass  # the thorough reader takes it
    return source.canonical()


class _Walk:
    """Walks through the input and what both plans made of it, at every depth."""

    def __init__(self, source: Source) -> None:
        self._explicit = source.syntax.explicit
        self._little = source.syntax.little

    def data_set(
        self, found: Elements, first: Changes, second: Changes, above: str, inherited: tuple[str, ...]
    ) -> Iterator[Finding]:
        declared = charset.declared_in(found, inherited, explicit=self._explicit)
        for tag in sorted(found):
            if tag == PIXEL_DATA:
                continue
            one, other = first.get(tag, REMOVED), second.get(tag, REMOVED)
            path = above + format_tag(tag)
            is_sequence = elements.is_sequence(tag, found[tag], self._explicit)
            said = [self._said(found[tag], change, is_sequence) for change in (one, other)]
            if said[0] != said[1] or (one.encoded != other.encoded and not is_sequence):
                values = (self._old(tag, found[tag], declared), self._new(tag, one), self._new(tag, other))
                yield Finding(path, keyword_of(tag), said[0], said[1], values)
            if is_sequence:
                for number, item in enumerate(elements.items_of(found[tag], self._explicit)):
                    below = [change.items[number] if number < len(change.items) else {} for change in (one, other)]
                    yield from self.data_set(item, below[0], below[1], f"{path}.", declared)

    def _said(self, before: bytes, change: Change, is_sequence: bool) -> str:
        """The action, and the result where the action leaves it open."""
        if not change.encoded:
            return change.action if change.action == actions.REMOVE else f"{change.action}: removed"
        if is_sequence or change.action == actions.BLANK:
            return change.action
        old, new = self._value(before), self._value(change.encoded)
        if old == new:
            return change.action if change.action == actions.KEEP else f"{change.action}: unchanged"
        return f"{change.action}: {'replaced' if new else 'emptied'}"

    def _value(self, encoded: bytes) -> bytes:
        return encoded[elements.head_of(encoded, self._explicit)[1] :]

    def _old(self, tag: int, encoded: bytes, declared: tuple[str, ...]) -> str:
        if elements.is_sequence(tag, encoded, self._explicit):
            return f"<{len(elements.items_of(encoded, self._explicit))} items>"
        return self._text(tag, encoded, declared)

    def _new(self, tag: int, change: Change) -> str:
        if not change.encoded:
            return ABSENT
        if elements.is_sequence(tag, change.encoded, self._explicit):
            return f"<{sum(any(one.encoded for one in item.values()) for item in change.items)} items>"
        return self._text(tag, change.encoded, ("ISO_IR 192",))

    def _text(self, tag: int, encoded: bytes, declared: tuple[str, ...]) -> str:
        node = Node(tag, elements.head_of(encoded, self._explicit)[0], self._value(encoded), None)
        return text_of(node, declared, little=self._little) or ""
