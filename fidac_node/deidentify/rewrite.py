"""One encoded element in, its replacement out: the actions of a plan on values and on sequences.

Whatever is not understood (a VR that is not the attribute's, a value that its VR does not allow) is not
kept: the attribute goes, or becomes empty or a dummy where the IOD demands its presence. What becomes of
an element depends on its bytes and on nothing else, so it is remembered by its bytes: in a series most
elements come again with every slice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple, TypeAlias

from fidac_node.deidentify import actions, charset, dates, elements, iod, shapes
from fidac_node.deidentify.dictionary import vrs_of
from fidac_node.deidentify.elements import Elements
from fidac_node.deidentify.encode import Syntax
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.pseudonym import Pseudonymiser
from fidac_node.deidentify.runs import Run
from fidac_node.deidentify.shapes import may_stay
from fidac_node.deidentify.text import clean, fold, is_listed
from fidac_node.part10 import PIXEL_DATA, Malformed

# A backslash separates values in all texts but these (PS3.5 6.2).
_ONE_TEXT: Final = frozenset({"LT", "ST", "UT"})
# Classes, coding schemes, context groups: short components under the root of DICOM (PS3.6 Annex A).
_STANDARD_UID: Final = re.compile(r"1\.2\.840\.10008(?:\.\d{1,4}){1,9}", re.ASCII)
# Instances that the standard itself defines: well-known frames of reference, palettes, storage commitment.
_WELL_KNOWN_UID: Final = re.compile(r"1\.2\.840\.10008\.1\.(?:4\.[12]|5|20|40|42)(?:\.\d{1,2}){1,3}", re.ASCII)
# Their items stand for frames, by position.
_FUNCTIONAL_GROUPS: Final = frozenset({0x52009229, 0x52009230})
# Of these not even a well-known value may stay.
_OWN_UIDS: Final = frozenset({0x00080018, 0x0020000D, 0x0020000E})
# What is remembered for one patient (elements, bytes), and the longest element of it: about 2 MB at most.
_MOST_REMEMBERED: Final = 4096
_MOST_BYTES: Final = 1 << 20
_LONGEST_REMEMBERED: Final = 1 << 13
_MOST_CHARSETS: Final = 8
_MOST_MOULDS: Final = 256
_LONGEST_MOULD: Final = 1024
_CLEANING: Final = frozenset({"agent", "clean", "listed"})
# Six times the longest LT (PS3.5 6.2, bytes): what is longer is no text about an image.
_LONGEST_TEXT: Final = 1 << 16


class _Rule(NamedTuple):
    """What the plan says of elements with one tag and VR; a value that matches ``plain`` stays as it is."""

    public: bool
    vr: str | None
    action: str
    start: int
    plain: re.Pattern[bytes] | None


class _Mould(NamedTuple):
    """A sequence that kept its form: its bytes as a number, those of them that are ``fixed``, where plain values are, what became of it."""

    declared: tuple[str, ...]
    bits: int
    fixed: int
    spans: tuple[tuple[int, int, re.Pattern[bytes]], ...]
    change: Change


class Subject(NamedTuple):
    """What replaces one patient: pseudonym and shift in days."""

    pseudonym: str
    shift_days: int


class Change(NamedTuple):
    """What became of one element: the action taken, the bytes that replace it (none: it is gone), and what became of those below."""

    action: str
    encoded: bytes
    items: tuple[Changes, ...] = ()


Changes: TypeAlias = "dict[int, Change]"

REMOVED: Final = Change(actions.REMOVE, b"")


class Header(NamedTuple):
    """What became of a header: of each element, the encoded elements that are ``left``, and which of them are ``private``."""

    changes: Changes
    left: Elements
    private: frozenset[int]


class _Part(NamedTuple):
    """What became of a run of elements; ``private`` are the tags that may be on the list of safe ones."""

    changes: Changes
    left: Elements
    private: tuple[int, ...]


class Rewriter:
    """Applies a plan to the data sets of one patient in one encoding.

    ``overrides`` are actions by tag that go before the plan's, for a kind of object that has rules of its own.
    """

    def __init__(
        self, plan: Plan, pseudonymiser: Pseudonymiser, subject: Subject, syntax: Syntax, overrides: dict[int, str] | None = None
    ) -> None:
        self.subject = subject
        self._plan = plan
        self._pseudonymiser = pseudonymiser
        self._syntax = syntax
        self._overrides = overrides or {}
        self._private_groups = frozenset(group for group, _, _ in plan.private)
        self._known: dict[tuple[str, ...], dict[bytes, Change]] = {}
        # Tag and VR are the first six bytes of an element, the tag the first four.
        self._head = 6 if syntax.explicit else 4
        self._rules: dict[bytes, _Rule] = {}
        self._moulds: dict[bytes, _Mould] = {}
        self._parts: dict[tuple[bytes, tuple[str, ...]], _Part] = {}
        self._safe: dict[tuple[bytes, bytes], tuple[bytes, bytes] | None] = {}
        self._bytes = 0

    def data_set(self, found: Elements, inherited: tuple[str, ...] = (), depth: int = 0) -> Changes:
        """What becomes of each element of ``found``, by ascending tag. Raises :class:`Malformed`, :class:`.Unusual`."""
        declared = inherited
        if elements.SPECIFIC_CHARACTER_SET in found:
            declared = charset.declared_in(found, inherited, explicit=self._syntax.explicit)
        known = self._known.get(declared)
        if known is None:
            if len(self._known) >= _MOST_CHARSETS:
                self._known.clear()
            known = self._known[declared] = {}
        rules, head = self._rules, self._head
        changes: Changes = {}
        for tag in sorted(found):
            encoded = found[tag]
            change = known.get(encoded)
            if change is None:
                rule = rules.get(encoded[:head])
                if rule is not None and rule.plain is not None and not len(encoded) % 2 and rule.plain.fullmatch(encoded, rule.start):
                    change = Change(rule.action, encoded)  # told sooner than remembered
                elif (change := self._like_the_last(encoded, declared)) is None:
                    change = self._change(tag, encoded, declared, depth)
                    self._remember(known, encoded, change)
            changes[tag] = change
        return changes

    def _remember(self, known: dict[bytes, Change], encoded: bytes, change: Change) -> None:
        if len(encoded) > _LONGEST_REMEMBERED:
            return
        self._make_room(len(encoded))
        if len(known) >= _MOST_REMEMBERED:
            known.clear()
        known[encoded] = change

    def _make_room(self, size: int) -> None:
        """Forget everything when what is remembered grows too large; ``size`` (bytes) is what comes."""
        self._bytes += size
        if self._bytes > _MOST_BYTES:
            for memory in self._known.values():
                memory.clear()
            self._parts.clear()
            self._safe.clear()
            self._bytes = size

    def header(self, found: Elements, runs: Sequence[Run]) -> Header:
        """What becomes of the header ``found``, whose ``runs`` come again with every slice. Raises as :meth:`data_set`."""
        declared = charset.declared_in(found, (), explicit=self._syntax.explicit)
        changes: Changes = {}
        left: Elements = {}
        private: list[int] = []
        alone: Elements = {}
        for run in runs:
            if len(run.elements) == 1:
                alone.update(run.elements)
                continue
            part = self._parts.get((run.encoded, declared))
            if part is None:
                part = self._part(self.data_set(run.elements, declared))
                self._make_room(len(run.encoded))
                self._parts[run.encoded, declared] = part
            changes.update(part.changes)
            left.update(part.left)
            private += part.private
        rest = self._part(self.data_set(alone if runs else found, declared))
        changes.update(rest.changes)
        left.update(rest.left)
        kept = self._keep_safe(found, sorted((*private, *rest.private)), changes, left)
        return Header(changes, left, kept)

    def _part(self, changes: Changes) -> _Part:
        left = {tag: change.encoded for tag, change in changes.items() if change.encoded and tag < PIXEL_DATA}
        private = tuple(tag for tag in changes if tag >> 16 in self._private_groups and tag & 0xFFFF >= 0x1000)
        return _Part(changes, left, private)

    def _keep_safe(self, found: Elements, private: list[int], changes: Changes, left: Elements) -> frozenset[int]:
        """Keep the private elements that the plan lists (PS3.15 E.3.10) and their creators; return their tags."""
        kept: set[int] = set()
        for tag in private:
            creator_tag = tag & 0xFFFF0000 | tag >> 8 & 0xFF
            safe = self._safe_pair(tag, found[tag], creator_tag, found.get(creator_tag, b""))
            if safe is not None:
                left[tag], left[creator_tag] = safe
                changes[tag], changes[creator_tag] = (Change(actions.KEEP, encoded) for encoded in safe)
                kept |= {tag, creator_tag}
        return frozenset(kept)

    def _safe_pair(self, tag: int, encoded: bytes, creator_tag: int, creator: bytes) -> tuple[bytes, bytes] | None:
        """What stays of a private element and of its creator; ``None``: nothing."""
        if (encoded, creator) in self._safe:
            return self._safe[encoded, creator]
        name = elements.value_of({0: creator}, 0, self._syntax.explicit).decode("ascii", "replace").rstrip(" \x00")
        vr = self._plan.private.get((tag >> 16, name, tag & 0xFF))
        value = self._safe_value(tag, vr, encoded) if vr else b""
        pair = (value, self._syntax.element(creator_tag, "LO", name.encode("ascii"))) if value else None
        if len(encoded) <= _LONGEST_REMEMBERED:
            self._make_room(len(encoded) + len(creator))
            self._safe[encoded, creator] = pair
        return pair

    def _safe_value(self, tag: int, vr: str, encoded: bytes) -> bytes:
        """A safe private element that holds one measurement, and no other; else nothing."""
        declared, start, undefined = elements.head_of(encoded, self._syntax.explicit)
        raw = encoded[start:]
        text = raw.strip(b"\x00 ")
        if declared not in (vr, "", "UN") or undefined or (declared == "UN" and not self._syntax.little):
            return b""
        if not (len(raw) == shapes.WIDTHS[vr] if vr in shapes.WITHOUT_TEXT else shapes.MEASUREMENT.fullmatch(text)):
            return b""
        return self._syntax.element(tag, vr, raw if vr in shapes.WITHOUT_TEXT else text)

    def _change(self, tag: int, encoded: bytes, declared: tuple[str, ...], depth: int) -> Change:
        rule = self._rules.get(encoded[: self._head])
        if rule is None:
            rule = self._rule(tag, encoded)
            if len(self._rules) >= _MOST_REMEMBERED:
                self._rules.clear()
            self._rules[encoded[: self._head]] = rule
        if rule.vr is not None and elements.is_sequence(tag, encoded, self._syntax.explicit) and rule.vr == "SQ":
            items = elements.items_of(encoded, self._syntax.explicit)
            change = self._sequence(tag, items, rule.action, declared, depth)
            if depth and len(items) == len(change.items) == 1 and len(encoded) == len(change.encoded) <= _LONGEST_MOULD:
                self._learn_mould(encoded, items[0], declared, change)
            return change
        if rule.vr is None or rule.vr == "SQ" or rule.action == actions.REMOVE:
            elements.check(encoded, self._syntax.explicit)
            return REMOVED
        if rule.action == actions.BLANK:
            return Change(rule.action, self._syntax.element(tag, rule.vr, b""))
        value = self.value(tag, rule.vr, encoded[rule.start :], rule.action, declared)
        if value is None:
            return Change(actions.REMOVE, self._without_value(tag, rule.vr))
        return Change(rule.action, self._syntax.element(tag, rule.vr, value))

    def _rule(self, tag: int, encoded: bytes) -> _Rule:
        """What the plan says of elements with this tag and VR."""
        said, start, _ = elements.head_of(encoded, self._syntax.explicit)
        # Group lengths (retired), groups that no data set has (PS3.5 7.1) and private attributes are not public.
        public = tag & 0xFFFF != 0 and tag >> 16 >= 0x0008 and (tag >> 16) % 2 == 0
        vr = self._vr(tag, said) if public else None
        action = self._action(tag, vr) if vr else actions.REMOVE
        plain = None
        if action == actions.KEEP and vr is not None and self._syntax.little and (start == 8 and said in (vr, "")):
            plain = shapes.numbers(tag, vr) if vr in shapes.WITHOUT_TEXT and vr in shapes.WIDTHS else shapes.PLAIN_VALUES.get(vr)
        return _Rule(public, vr, action, start, plain if tag not in shapes.CODE_VALUES else None)

    def _action(self, tag: int, vr: str) -> str:
        return self._overrides.get(tag) or self._plan.action(tag, vr)

    def _vr(self, tag: int, declared: str) -> str | None:
        """The VR to go by; ``None`` for an unknown attribute and for a VR that is not the attribute's."""
        known = vrs_of(tag)
        if not known:
            return None
        if not declared:  # Implicit VR: of several the first
            return known[0]
        if declared in known:
            return declared
        # An implicit hop by a system that did not know the attribute left little-endian bytes (PS3.5 6.2.2).
        return known[0] if declared == "UN" and len(known) == 1 and self._syntax.little else None

    def _sequence(self, tag: int, items: list[Elements], action: str, declared: tuple[str, ...], depth: int) -> Change:
        if depth >= elements.MAX_DEPTH:
            raise Malformed(f"sequences are nested more than {elements.MAX_DEPTH} deep")
        if action not in (actions.KEEP, actions.BLANK):
            for item in items:
                for encoded in item.values():
                    elements.check(encoded, self._syntax.explicit, depth + 1)
            return REMOVED
        below: list[Changes] = []
        kept: list[bytes] = []
        for item in items if action == actions.KEEP else ():
            if not item.keys().isdisjoint(shapes.CODE_PARTS) and not may_stay(item, self._syntax.explicit):
                below.append(dict.fromkeys(item, REMOVED))
                continue
            changes = self.data_set(item, declared, depth + 1)
            if shapes.CODING_SCHEME in item:
                self._complete_code(changes)
            below.append(changes)
            content = b"".join([change.encoded for change in changes.values()])
            if content or tag in _FUNCTIONAL_GROUPS:  # an item of nothing but identity says nothing any more
                kept.append(content)
        if kept or action == actions.BLANK or not items or tag in iod.TYPE_2:
            return Change(action, self._syntax.sequence(tag, kept), tuple(below))
        return Change(actions.REMOVE, b"", tuple(below))

    def _learn_mould(self, sequence: bytes, item: Elements, declared: tuple[str, ...], change: Change) -> None:
        """Remember the form of a sequence of one item that kept its form: in the next frame only numbers and times differ."""
        if list(item) != sorted(item):
            return
        fixed = bytearray(b"\xff" * len(sequence))
        spans = []
        position = len(sequence) - sum(map(len, item.values()))
        for tag, encoded in item.items():
            if len(change.items[0][tag].encoded) != len(encoded):
                return
            rule = self._rules.get(encoded[: self._head])
            start, plain = (rule.start, rule.plain) if rule is not None else (0, None)
            if rule is not None and rule.vr == "DT" and rule.action == "shift":
                start, plain = rule.start + shapes.DATE_LENGTH, shapes.TIME_OF_DAY  # the date is fixed, and so is what it becomes
            if plain is not None and plain.fullmatch(encoded, start):
                spans.append((position + start, position + len(encoded), plain))
                fixed[position + start : position + len(encoded)] = bytes(len(encoded) - start)
            position += len(encoded)
        if len(self._moulds) >= _MOST_MOULDS:
            self._moulds.clear()
        bits, mask = int.from_bytes(sequence, "little"), int.from_bytes(fixed, "little")
        self._moulds[sequence[:12]] = _Mould(declared, bits, mask, tuple(spans), change)

    def _like_the_last(self, encoded: bytes, declared: tuple[str, ...]) -> Change | None:
        """What becomes of a sequence that differs from the last of its form in plain values alone: those stay."""
        mould = self._moulds.get(encoded[:12])  # tag, VR and length
        if mould is None or mould.declared != declared or (int.from_bytes(encoded, "little") ^ mould.bits) & mould.fixed:
            return None
        written = bytearray(mould.change.encoded)
        for start, end, plain in mould.spans:
            if plain.fullmatch(encoded, start, end) is None:
                return None
            written[start:end] = encoded[start:end]
        return Change(mould.change.action, bytes(written), mould.change.items)

    def _complete_code(self, changes: Changes) -> None:
        """A code whose meaning did not stay is its own meaning: CodeMeaning is Type 1 (PS3.3 Table 8.8-1)."""
        meaning = changes.get(shapes.CODE_MEANING)
        if meaning is None or meaning.action != actions.REMOVE:
            return
        value = next((self._out(changes[tag]) for tag in shapes.CODE_VALUES if tag in changes and changes[tag].encoded), b"")
        changes[shapes.CODE_MEANING] = Change("clean", self._syntax.element(shapes.CODE_MEANING, "LO", value[:64]))

    def _out(self, change: Change) -> bytes:
        """The value that is written for an element, without padding."""
        return elements.value_of({0: change.encoded}, 0, self._syntax.explicit).strip(b" \x00")

    def value(self, tag: int, vr: str, raw: bytes, action: str, declared: tuple[str, ...]) -> bytes | None:
        """What replaces the value ``raw``; ``None`` if nothing of it may stay."""
        if action.startswith(actions.LITERAL):
            return action[1:].encode("ascii") if raw.strip(b"\x00 ") else b""
        if vr in shapes.WITHOUT_TEXT:
            return raw if shapes.is_number(tag, vr, raw) else None
        if action == "pid":
            return self.subject.pseudonym.encode("ascii")
        stripped = raw.strip(b"\x00 ")
        if not stripped:
            # A text that was empty goes like one of which no word stays: that it was filled is nobody's business.
            return None if action in _CLEANING else b""
        if len(raw) > _LONGEST_TEXT:
            return None
        if action in ("dummy", "utf8"):
            return actions.DUMMIES[vr].encode("ascii") if action == "dummy" else b"ISO_IR 192"
        try:
            text = charset.decode(raw, declared if vr in actions.TEXT_VRS else ()).strip(" \x00")
        except charset.Undecodable:
            if action not in _CLEANING or action == "listed":
                return None
            text = charset.likely(raw, declared).strip(" \x00")  # cleaning keeps listed words alone, whatever the rest is
        value = self._text(tag, vr, text, action)
        return raw if value == stripped else value

    def _text(self, tag: int, vr: str, text: str, action: str) -> bytes | None:
        match action:
            case "shift":
                new = (dates.shift_da if vr == "DA" else dates.shift_dt)(text, self.subject.shift_days)
            case "age89":
                new = dates.age89(text)
            case "uid":
                new = "\\".join(self._uid(tag, one.strip(" \x00")) for one in text.split("\\"))
            case "clean":
                new = self._cleaned(tag, vr, text)
            case "listed":
                new = "\\".join(one for one in text.split("\\") if is_listed(one, self._plan.vocabulary))
            case "contrast":
                return shapes.contrast(text)
            case "agent":
                new = self._cleaned(tag, vr, text)
                return new.encode("utf-8") if new else shapes.contrast(text)
            case _:
                new = self._kept(tag, vr, text)
        return new.encode("utf-8") if new else None

    def _cleaned(self, tag: int, vr: str, text: str) -> str:
        if tag == shapes.CODE_MEANING and fold(text.strip()) in shapes.PHRASES_OF_CODES:
            return text
        values = [text] if vr in _ONE_TEXT else text.split("\\")
        kept = [clean(one, self._plan.vocabulary) for one in values]
        return "\\".join(kept) if any(kept) else ""

    def _uid(self, tag: int, old: str) -> str:
        """A UID's replacement: what a line of the profile names is always replaced, classes otherwise stay."""
        if not old:
            return ""
        stays = _STANDARD_UID if tag not in self._plan.tags else _WELL_KNOWN_UID
        return old if tag not in _OWN_UIDS and stays.fullmatch(old) else self._pseudonymiser.uid(old)

    def _kept(self, tag: int, vr: str, text: str) -> str:
        """What may stay of a value that the plan keeps; of codes those before the first that is none."""
        if tag in self._plan.kept:
            return text
        if vr == "UI":
            return "\\".join(one if _STANDARD_UID.fullmatch(one) else self._pseudonymiser.uid(one) for one in text.split("\\"))
        if vr == "TM":
            return text if dates.is_time(text) else ""
        if tag == shapes.CODE_MEANING:
            return self._cleaned(tag, vr, text)
        kept = list(takewhile(lambda one: shapes.is_valid(tag, vr, one), text.split("\\")))
        whole = len(kept) == text.count("\\") + 1
        return "\\".join(kept) if whole or vr == "CS" else ""

    def _without_value(self, tag: int, vr: str) -> bytes:
        if tag in iod.TYPE_1 and vr in actions.DUMMIES:
            return self._syntax.element(tag, vr, actions.DUMMIES[vr].encode("ascii"))
        return self._syntax.element(tag, vr, b"") if tag in iod.TYPE_2 else b""


def taken(changes: Changes, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], str]]:
    """Path and action of every element of a data set, at every depth."""
    for tag in sorted(changes):  # runs come before what varies: the order of finding says nothing
        change = changes[tag]
        yield (*path, tag), change.action
        for item in change.items:
            yield from taken(item, (*path, tag))
