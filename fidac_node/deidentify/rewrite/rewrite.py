"""One encoded element in, its replacement out: the actions of a plan on values and on sequences.

Whatever is not understood (a VR that is not the attribute's, a value that its VR does not allow, a word that
is none of the attribute's defined terms) is not kept: the attribute goes, becomes empty where the IOD demands
its presence, and a dummy only where the IOD demands a value. What becomes of an element depends on its bytes
and on whether it may speak of the scanner, so it is remembered by its bytes: in a series most elements come
again with every slice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import takewhile
from typing import Final, NamedTuple, Protocol

from fidac_node.deidentify import actions
from fidac_node.deidentify.actions import Change, Changes
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.rewrite import codes, dates, devices, iod, shapes, terms
from fidac_node.deidentify.rewrite.dates import Clock
from fidac_node.deidentify.rewrite.text import clean, is_listed
from fidac_node.dicom import charset, elements, forms
from fidac_node.dicom.dictionary import most_values, vrs_of
from fidac_node.dicom.elements import Elements
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import PIXEL_DATA, Malformed
from fidac_node.dicom.series import Common, Cut
from fidac_node.dicom.tags import (
    CODE_MEANING,
    CODE_VALUES,
    CODING_SCHEME_DESIGNATOR,
    CODING_SCHEME_VERSION,
    FUNCTIONAL_GROUPS,
    LUT_DATA,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    STUDY_INSTANCE_UID,
)
from fidac_node.dicom.uids import STANDARD_UID
from fidac_node.dicom.walk import describe
from fidac_node.errors import Permanent

# A backslash separates values in all texts but these (PS3.5 6.2).
_ONE_TEXT: Final = frozenset({"LT", "ST", "UT"})
# Instances that the standard itself defines: well-known frames of reference, palettes, storage commitment.
_WELL_KNOWN_UID: Final = re.compile(r"1\.2\.840\.10008\.1\.(?:4\.[12]|5|20|40|42)(?:\.\d{1,2}){1,3}", re.ASCII)
# Of these not even a well-known value may stay.
_OWN_UIDS: Final = frozenset({SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID})
# What is remembered for one patient (elements, bytes), and the longest element of it: about 2 MB at most.
_MOST_REMEMBERED: Final = 4096
_MOST_BYTES: Final = 1 << 20
_LONGEST_REMEMBERED: Final = 1 << 13
# Items with any of these are looked at as a whole: what makes a code, and tables beside their descriptors.
_CHECKED: Final = shapes.CODE_PARTS | {LUT_DATA}
_MOST_CHARSETS: Final = 8
_MOST_PARTS: Final = 16
_CLEANING: Final = frozenset({"agent", "clean", "device", "listed"})
# Actions under which a value is there afterwards, whatever it says: where it is not, somebody misses it.
_AS_IT_IS: Final = frozenset({actions.KEEP, "age89", "moment", "shift", "time", "uid"})
# Without one of these the object is none of its class: where their codes are not known, it is held (PS3.3 Table
# C.7.6.16-8).
_DEMANDED: Final = frozenset({0x00082218})  # AnatomicRegionSequence, within FrameAnatomySequence
# Six times the longest LT (PS3.5 6.2, bytes): what is longer is no text about an image.
_LONGEST_TEXT: Final = 1 << 16


class Place(Enum):
    """Where a data set is: the object itself, its functional groups at any depth, or an item of anything else.

    Make, model and kernel are the scanner's own in the first two. What becomes of an element depends on it.
    """

    TOP = "top"
    GROUPS = "groups"
    ELSEWHERE = "elsewhere"

    def below(self, tag: int) -> Place:
        """Where the items of a sequence ``tag`` are."""
        if self is Place.GROUPS or (self is Place.TOP and tag in FUNCTIONAL_GROUPS):
            return Place.GROUPS
        return Place.ELSEWHERE


class Uids(Protocol):
    """Whose key makes new UIDs of old ones."""

    def uid(self, old: str) -> str:
        """The new UID for an original one."""


class ElementRule(NamedTuple):
    """What the plan says of elements with one tag and VR.

    A value that matches ``plain`` stays as it is, ``gone`` is any; ``sequence``: they say that they are one.
    """

    vr: str | None
    action: str
    start: int
    plain: re.Pattern[bytes] | None
    gone: bool
    sequence: bool


class Subject(NamedTuple):
    """What replaces one patient in one study: pseudonym and clock.

    ``names`` are the folded words of all persons' names in the object.
    """

    pseudonym: str
    clock: Clock
    names: frozenset[str] = frozenset()


REMOVED: Final = Change(actions.REMOVE, b"")


class RewrittenHeader(NamedTuple):
    """What became of a header: the action on each element, and what is left of it, by tag.

    ``left`` is what is left of the ``common`` elements, the same object with every slice of a series; ``own`` goes
    before it. Both have ``b""`` for nothing. ``private`` are the private tags in both; ``told`` those of top-level
    elements of which there is something to tell.
    """

    changes: Changes
    common: Common | None
    left: Elements
    own: Elements
    private: frozenset[int]
    told: tuple[int, ...]


class _Part(NamedTuple):
    """What became of some elements of a header.

    ``open`` are private tags of which nothing is decided, for their creators are elsewhere; of those ``told`` there is
    something to tell.
    """

    changes: Changes
    left: Elements
    private: frozenset[int]
    open: tuple[int, ...]
    told: tuple[int, ...]


_NOTHING: Final = _Part({}, {}, frozenset(), (), ())


class Rewriter:
    """Applies a plan to the data sets of one study in one encoding.

    ``demands`` says what the IOD demands to be there. ``overrides`` are actions by tag that go before the plan's, for a
    kind of object that has rules of its own; ``rules`` is the memory that rewriters share who differ in the study
    alone.
    """

    def __init__(
        self,
        plan: Plan,
        uids: Uids,
        subject: Subject,
        syntax: Syntax,
        overrides: dict[int, str] | None = None,
        *,
        demands: iod.Demands = iod.CT_IMAGE,
        rules: dict[bytes, ElementRule] | None = None,
    ) -> None:
        self.subject = subject
        self._demands = demands
        # A word that is also somebody's name is no word of a text in this object.
        self._vocabulary = _without(plan.vocabulary, subject.names)
        self._codes = self._vocabulary | _without(plan.devices, subject.names)
        self._plan = plan
        self._uids = uids
        self._syntax = syntax
        self._overrides = overrides or {}
        self._private_groups = frozenset(group for group, _, _ in plan.private)
        self._known: dict[tuple[tuple[str, ...], Place], dict[bytes, Change]] = {}
        # Tag and VR are the first six bytes of an element, the tag the first four.
        self._head = 6 if syntax.explicit else 4
        self._rules = {} if rules is None else rules
        self._parts: dict[tuple[Common, tuple[str, ...]], _Part] = {}
        self._safe: dict[tuple[bytes, bytes], tuple[bytes, bytes] | None] = {}
        self._bytes = 0

    def data_set(
        self, found: Elements, inherited: tuple[str, ...] = (), depth: int = 0, *, place: Place = Place.TOP
    ) -> Changes:
        """What becomes of each element of ``found``, by ascending tag; ``place``: where it is.

        Raises :class:`Malformed`, :class:`.Unusual`.
        """
        declared = inherited
        if SPECIFIC_CHARACTER_SET in found:
            declared = charset.declared_in(found, inherited, explicit=self._syntax.explicit)
        known = self._known.get((declared, place))
        if known is None:
            if len(self._known) >= _MOST_CHARSETS:
                self._known.clear()
            known = self._known[declared, place] = {}
        rules, head = self._rules, self._head
        changes: Changes = {}
        for tag in sorted(found):
            encoded = found[tag]
            change = known.get(encoded)
            if change is None:
                rule = rules.get(encoded[:head])
                if (
                    rule is not None
                    and rule.plain is not None
                    and not len(encoded) % 2
                    and rule.plain.fullmatch(encoded, rule.start)
                ):
                    change = Change(rule.action, encoded)  # told sooner than remembered
                elif rule is not None and rule.gone:
                    change = REMOVED
                else:
                    change = self._change(tag, encoded, rule or self._ruled(tag, encoded), declared, depth, place)
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

    def header(self, cut: Cut) -> RewrittenHeader:
        """What becomes of a header. Raises as :meth:`data_set`."""
        declared = charset.declared_in(cut.elements, (), explicit=self._syntax.explicit)
        steady = self._steady(cut.common, declared) if cut.common is not None else _NOTHING
        own = self._part(cut.own, cut.elements, declared, steady.open)
        return RewrittenHeader(
            steady.changes | own.changes,
            cut.common,
            steady.left,
            own.left,
            steady.private | own.private if own.private else steady.private,
            steady.told + own.told,
        )

    def _steady(self, common: Common, declared: tuple[str, ...]) -> _Part:
        """What becomes of the elements that a series has in common."""
        part = self._parts.get((common, declared))
        if part is None:
            part = self._part(common.elements, common.elements, declared, ())
            if len(self._parts) >= _MOST_PARTS:
                self._parts.clear()
            self._make_room(common.size)
            self._parts[common, declared] = part
        return part

    def _part(self, some: Elements, found: Elements, declared: tuple[str, ...], more: Iterable[int]) -> _Part:
        """What becomes of ``some`` elements; private ones, and ``more`` of them, have their creators in ``found``."""
        changes = self.data_set(some, declared)
        if LUT_DATA in some:  # tables stand in items, beside their descriptors (PS3.3 C.11.1.1): here it may be text
            changes[LUT_DATA] = REMOVED
        left = {tag: change.encoded if tag < PIXEL_DATA else b"" for tag, change in changes.items()}
        groups = self._private_groups
        private = [tag for tag in changes if tag >> 16 in groups and tag & 0xFFFF >= 0x1000]
        kept: set[int] = set()
        undecided = []
        for tag in (*more, *private):  # those that the plan lists (PS3.15 E.3.10) stay, and their creators
            creator_tag = tag & 0xFFFF0000 | tag >> 8 & 0xFF
            creator = found.get(creator_tag)
            if creator is None:
                undecided.append(tag)
                continue
            safe = self._safe_pair(tag, found[tag], creator_tag, creator)
            if safe is not None:
                left[tag], left[creator_tag] = safe
                changes[tag], changes[creator_tag] = (Change(actions.KEEP, encoded) for encoded in safe)
                kept |= {tag, creator_tag}
        told = tuple(tag for tag, change in changes.items() if change.told)
        return _Part(changes, left, frozenset(kept), tuple(undecided), told)

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
        if declared not in (vr, "", "UN") or undefined:
            return b""
        if declared == "UN" and not self._syntax.little and vr in shapes.WITHOUT_TEXT:
            return b""  # in which order its bytes stand, nobody can tell (PS3.5 6.2.2); a text has none
        if not (len(raw) == shapes.WIDTHS[vr] if vr in shapes.WITHOUT_TEXT else shapes.MEASUREMENT.fullmatch(text)):
            return b""
        return self._syntax.element(tag, vr, raw if vr in shapes.WITHOUT_TEXT else text)

    def _change(
        self, tag: int, encoded: bytes, rule: ElementRule, declared: tuple[str, ...], depth: int, place: Place
    ) -> Change:
        if (
            rule.vr is not None
            and (rule.sequence or elements.is_sequence(tag, encoded, self._syntax.explicit))
            and rule.vr == "SQ"
        ):
            return self._sequence(tag, encoded, rule.action, declared, depth, place)
        if rule.vr is None and rule.action != actions.REMOVE:
            return self._converted(tag, encoded, rule.action, declared, place)
        if rule.vr is None or rule.vr == "SQ" or rule.action == actions.REMOVE:
            elements.check(encoded, self._syntax.explicit)
            return REMOVED
        return self._valued(tag, rule.vr, encoded[rule.start :], rule.action, declared, place)

    def _valued(
        self, tag: int, vr: str, raw: bytes, action: str, declared: tuple[str, ...], place: Place, told: str = ""
    ) -> Change:
        """What becomes of a value, which is written right first."""
        if action in (actions.REMOVE, actions.BLANK):
            return REMOVED if action == actions.REMOVE else Change(action, self._syntax.element(tag, vr, b""))
        if action == "device" and place is Place.ELSEWHERE:
            return Change(actions.REMOVE, self._without_value(tag, vr))
        written = forms.written(tag, vr, raw, little=self._syntax.little)
        if written is not None:
            raw, told = written, actions.NORMALISED
        value = self.value(tag, vr, raw, action, declared)
        if value is not None:
            if (
                vr == "CS"
                and not told
                and any(len(one) > shapes.LONGEST_CS for one in raw.strip(b"\x00 ").split(b"\\"))
            ):
                told = actions.NORMALISED  # of its words as many as fit
            return Change(action, self._syntax.element(tag, vr, value), told=told if value else "")
        lost = action in _AS_IT_IS and not forms.is_understood(tag, vr, raw)
        return Change(actions.REMOVE, self._without_value(tag, vr), told=actions.LOST if lost else "")

    def _converted(self, tag: int, encoded: bytes, action: str, declared: tuple[str, ...], place: Place) -> Change:
        """What becomes of an attribute that stands under a VR which is not its own."""
        said, start, undefined = elements.head_of(encoded, self._syntax.explicit)
        raw = encoded[start:]
        found = None if undefined else forms.converted(tag, said, raw, little=self._syntax.little)
        if found is None:
            elements.check(encoded, self._syntax.explicit)
            lost = action in _AS_IT_IS and raw.strip(b"\x00 ")
            return Change(actions.REMOVE, self._without_value(tag, vrs_of(tag)[0]), told=actions.LOST if lost else "")
        return self._valued(tag, *found, self._action(tag, found[0]), declared, place, told=actions.NORMALISED)

    def _ruled(self, tag: int, encoded: bytes) -> ElementRule:
        """What the plan says of elements with this tag and VR, remembered."""
        rule = self._rule(tag, encoded)
        if len(self._rules) >= _MOST_REMEMBERED:
            self._rules.clear()
        self._rules[encoded[: self._head]] = rule
        return rule

    def _rule(self, tag: int, encoded: bytes) -> ElementRule:
        """What the plan says of elements with this tag and VR."""
        said, start, _ = elements.head_of(encoded, self._syntax.explicit)
        # Group lengths (retired), groups that no data set has (PS3.5 7.1) and private attributes are not public.
        public = tag & 0xFFFF != 0 and tag >> 16 >= 0x0008 and (tag >> 16) % 2 == 0
        vr = self._vr(tag, said) if public else None
        known = vrs_of(tag) if public else ()
        action = self._action(tag, vr or known[0]) if known else actions.REMOVE
        plain = None
        if action == actions.KEEP and vr is not None and self._syntax.little and (start == 8 and said in (vr, "")):
            plain = shapes.plain(tag, vr)
        gone = action == actions.REMOVE and said not in ("", "SQ", "UN") and start == 8  # nothing can be inside
        return ElementRule(vr, action, start, plain if tag not in CODE_VALUES else None, gone, said == "SQ")

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

    def _sequence(
        self, tag: int, encoded: bytes, action: str, declared: tuple[str, ...], depth: int, place: Place
    ) -> Change:
        if depth >= elements.MAX_DEPTH:
            raise Malformed(f"sequences are nested more than {elements.MAX_DEPTH} deep")
        explicit = self._syntax.explicit
        if action not in (actions.KEEP, actions.BLANK):
            for found in elements.items_of(encoded, explicit):
                for one in found.values():
                    elements.check(one, explicit, depth + 1)
            return REMOVED
        below: list[Changes] = []
        kept: list[bytes] = []
        items = elements.items_of(encoded, explicit)
        items_place = place.below(tag)
        for item in items if action == actions.KEEP else ():
            changes, content = self._item(item, declared, depth + 1, items_place)
            below.append(changes)
            if content or (
                content is not None and tag in FUNCTIONAL_GROUPS
            ):  # an item of nothing but identity says nothing any more
                kept.append(content)
        if not kept and items and items_place is Place.GROUPS and tag in _DEMANDED:
            raise Permanent(
                "unknown-code", f"no code of {describe((tag,))} is a published one, and the object must have it"
            )
        told = actions.BELOW if any(change.told for changes in below for change in changes.values()) else ""
        if kept or action == actions.BLANK or not items or tag in self._demands.presence:
            return Change(action, self._syntax.sequence(tag, kept), tuple(below), told)
        return Change(actions.REMOVE, b"", tuple(below), told)

    def _item(
        self, found: Elements, declared: tuple[str, ...], depth: int, place: Place
    ) -> tuple[Changes, bytes | None]:
        """What becomes of an item, and its new content; ``None`` if it may not stay at all."""
        if found.keys().isdisjoint(_CHECKED):
            changes = self.data_set(found, declared, depth, place=place)
            return changes, b"".join([change.encoded for change in changes.values()])
        meaning = (
            None if found.keys().isdisjoint(shapes.CODE_PARTS) else shapes.meaning_of(found, self._syntax.explicit)
        )
        if (meaning is None and LUT_DATA not in found) or not shapes.lut_fits(found, self._syntax):
            return dict.fromkeys(found, REMOVED), None
        changes = self.data_set(found, declared, depth, place=place)
        if meaning is not None:
            changes = dict(sorted({**changes, **self._code(found, meaning)}.items()))
        return changes, b"".join([change.encoded for change in changes.values()])

    def _code(self, found: Elements, meaning: str) -> Changes:
        """What is written of a published code: value, scheme, the published meaning, a version only if it is one."""
        new = {CODE_MEANING: Change("clean", self._syntax.element(CODE_MEANING, "LO", meaning.encode("utf-8")))}
        said = {
            tag: elements.value_of(found, tag, self._syntax.explicit).strip(b" \x00")
            for tag in found.keys() & shapes.OF_CODES.keys()
        }
        scheme, version = (
            said.get(tag, b"").decode("ascii", "replace") for tag in (CODING_SCHEME_DESIGNATOR, CODING_SCHEME_VERSION)
        )
        if not codes.published_version(scheme, version) or self._action(CODING_SCHEME_VERSION, "SH") != actions.KEEP:
            said.pop(CODING_SCHEME_VERSION, None)
        return new | {
            tag: Change(actions.KEEP, self._syntax.element(tag, shapes.OF_CODES[tag], value))
            for tag, value in said.items()
        }

    def value(self, tag: int, vr: str, raw: bytes, action: str, declared: tuple[str, ...]) -> bytes | None:
        """What replaces the value ``raw``; ``None`` if nothing of it may stay."""
        if action.startswith(actions.LITERAL):
            return action[1:].encode("ascii") if raw.strip(b"\x00 ") else b""
        if vr in shapes.WITHOUT_TEXT:
            return raw if shapes.is_number(tag, vr, raw, little=self._syntax.little) else None
        if action == "pid":
            return self.subject.pseudonym.encode("ascii")
        stripped = raw.strip(b"\x00 ")
        if not stripped:
            # A text that was empty goes like one of which no word stays: that it was filled is nobody's business.
            return None if action in _CLEANING else b""
        if len(raw) > _LONGEST_TEXT:
            return None
        if action in ("dummy", "utf8"):
            return b"ISO_IR 192" if action == "utf8" else self._dummy(tag, vr)
        try:
            text = charset.decode(raw, declared if vr in actions.TEXT_VRS else ()).strip(" \x00")
        except charset.Undecodable:
            if action not in _CLEANING or action == "listed":
                return None
            text = charset.likely(raw, declared).strip(
                " \x00"
            )  # cleaning keeps listed words alone, whatever the rest is
        value = self._text(tag, vr, text, action)
        return raw if value == stripped else value

    def _text(self, tag: int, vr: str, text: str, action: str) -> bytes | None:
        match action:
            case "shift":
                new = self.subject.clock.da(text) if vr == "DA" else self.subject.clock.dt(text)
            case "time":
                new = self.subject.clock.tm(text)
            case "moment":
                new = self.subject.clock.moment_tm(text) if vr == "TM" else self.subject.clock.moment_dt(text)
            case "age89":
                new = dates.age89(text)
            case "uid":
                new = "\\".join(self._uid(tag, one.strip(" \x00")) for one in text.split("\\"))
            case "clean":
                new = self._cleaned(tag, vr, text)
            case "listed":
                values = text.split("\\")
                # Of several values none is a bare number: together they could be another.
                kept = [
                    one
                    for one in values
                    if is_listed(one, self._vocabulary) and (len(values) == 1 or not one.strip().isdigit())
                ]
                new = "\\".join(kept)
            case "device":
                new = "\\".join(devices.known_values(text.split("\\"), self._plan.devices, self.subject.names))
            case "contrast":
                return shapes.contrast(text)
            case "agent":
                new = self._cleaned(tag, vr, text)
                return new.encode("utf-8") if new else shapes.contrast(text)
            case _:
                new = self._kept(tag, vr, text)
        return new.encode("utf-8") if new else None

    def _cleaned(self, tag: int, vr: str, text: str) -> str:
        values = [text] if vr in _ONE_TEXT else text.split("\\")
        kept = [clean(one, self._vocabulary) for one in values]
        return "\\".join(kept) if any(kept) else ""

    def _uid(self, tag: int, old: str) -> str:
        """A UID's replacement: what a line of the profile names is always replaced, classes otherwise stay."""
        if not old:
            return ""
        stays = STANDARD_UID if tag not in self._plan.tags else _WELL_KNOWN_UID
        return old if tag not in _OWN_UIDS and stays.fullmatch(old) else self._uids.uid(old)

    def _kept(self, tag: int, vr: str, text: str) -> str:
        """What may stay of a value that the plan keeps; of codes those before the first that is none."""
        if tag in self._plan.kept:
            return text
        if tag in shapes.CODE_PARTS or tag in shapes.OF_CODES:
            return ""  # what is published is written where the whole code is known
        if vr == "UI":
            return "\\".join(one if STANDARD_UID.fullmatch(one) else self._uids.uid(one) for one in text.split("\\"))
        if vr == "TM":
            return self.subject.clock.tm(text)
        if vr == "CS" and tag not in self._overrides:
            terms_of_all = takewhile(lambda one: self._is_term(tag, one.strip(" ")), text.split("\\"))
            kept = list(map(shapes.fitting, terms_of_all))
        else:
            kept = list(takewhile(lambda one: shapes.is_valid(vr, one), text.split("\\")))
        whole = len(kept) == text.count("\\") + 1 and (vr == "CS" or len(kept) <= (most_values(tag) or len(kept)))
        return "\\".join(kept) if whole or vr == "CS" else ""

    def _is_term(self, tag: int, value: str) -> bool:
        """Say whether a code is a defined term of its attribute, or made of words that images are described with."""
        if not value or value in terms.terms_of(tag):
            return True
        return shapes.fitting(value) != "" and any(map(str.isalpha, value)) and is_listed(value, self._codes)

    def _without_value(self, tag: int, vr: str) -> bytes:
        dummy = self._dummy(tag, vr)
        return self._syntax.element(tag, vr, dummy) if dummy or tag in self._demands.presence else b""

    def _dummy(self, tag: int, vr: str) -> bytes:
        """A constant where the IOD demands a value, else nothing."""
        return actions.DUMMIES[vr].encode("ascii") if tag in self._demands.value and vr in actions.DUMMIES else b""


def _without(words: frozenset[str], names: frozenset[str]) -> frozenset[str]:
    """A vocabulary without the entries, words or pairs of words, that have a name in them."""
    return frozenset(entry for entry in words if names.isdisjoint(entry.split())) if names else words


def told(changes: Changes, tags: Iterable[int], what: str, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Paths of the elements of which ``what`` is to be told: in ``tags`` of a data set, and below them."""
    for tag in tags:
        change = changes[tag]
        if change.told == what:
            yield (*path, tag)
        for item in change.items if change.told == actions.BELOW else ():
            yield from told(item, sorted(item), what, (*path, tag))


def taken(changes: Changes, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], str]]:
    """Path and action of every element of a data set, at every depth."""
    for tag in sorted(changes):  # runs come before what varies: the order of finding says nothing
        change = changes[tag]
        yield (*path, tag), change.action
        for item in change.items:
            yield from taken(item, (*path, tag))
