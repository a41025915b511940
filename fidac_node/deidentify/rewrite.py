"""One element in, its replacement out: the actions of a plan on single values and on sequences.

Whatever is not understood (a VR that is not the attribute's, a value that its VR does not allow) is not
kept: the attribute goes, or becomes empty or a dummy where the IOD demands its presence.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from pydicom.dataset import Dataset

from fidac_node.deidentify import actions, charset, dates, iod
from fidac_node.deidentify.dictionary import most_values, vrs_of
from fidac_node.deidentify.encode import Syntax, join
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.pseudonym import Pseudonymiser
from fidac_node.deidentify.reading import charset_of, items_of, value_of
from fidac_node.deidentify.text import is_listed, is_plain, words

_CODE_VALUES: Final = (0x00080100, 0x00080119, 0x00080120)  # CodeValue, LongCodeValue, URNCodeValue
_CODING_SCHEME: Final = 0x00080102
_CODE_MEANING: Final = 0x00080104
# Schemes that are published and the same in every hospital (PS3.16 Table 8-1; CCAM is the French
# nomenclature of medical acts).
STANDARD_SCHEMES: Final = frozenset({"DCM", "SCT", "SRT", "SNM3", "LN", "UCUM", "CCAM", "RADLEX"})

# What people type when no agent was given; "non" alone is French for no, but NON IONIC is an agent.
_NO_CONTRAST: Final = re.compile(r"(?:none|no|nil|sans|without|aucune?|wo|w o|0|non inj\w*)(?: .*)?|non?|n")
_CS: Final = re.compile(r"[A-Z0-9 _]{0,16}")
_DS: Final = re.compile(r" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? *", re.ASCII)
_IS: Final = re.compile(r" *[+-]?\d{1,12} *", re.ASCII)
# PS3.5 allows 16 characters; scanners write more, and a position lost is worse than one written long.
_LONGEST_DS: Final = 32
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_WIDTHS: Final = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8, "OV": 8, "OW": 2}
# Classes, coding schemes, context groups: short components under the root of DICOM (PS3.6 Annex A).
_STANDARD_UID: Final = re.compile(r"1\.2\.840\.10008(?:\.\d{1,4}){1,9}", re.ASCII)
# Instances that the standard itself defines: well-known frames of reference, palettes, storage commitment.
_WELL_KNOWN_UID: Final = re.compile(r"1\.2\.840\.10008\.1\.(?:4\.[12]|5|20|40|42)(?:\.\d{1,2}){1,3}", re.ASCII)
# Their items stand for frames, by position.
_FUNCTIONAL_GROUPS: Final = frozenset({0x52009229, 0x52009230})
# Of these not even a well-known value may stay.
_OWN_UIDS: Final = frozenset({0x00080018, 0x0020000D, 0x0020000E})


@dataclass(frozen=True)
class Subject:
    """What replaces one patient: pseudonym and shift in days."""

    pseudonym: str
    shift_days: int


@dataclass
class Rewriter:
    """Applies a plan to the data sets of one object."""

    plan: Plan
    pseudonymiser: Pseudonymiser
    subject: Subject
    syntax: Syntax
    counts: Counter[str] = field(default_factory=Counter)

    def data_set(self, data_set: Dataset, inherited: tuple[str, ...] = ()) -> dict[int, bytes]:
        """The encoded elements that replace ``data_set``, by tag. Raises :class:`Malformed`."""
        declared = charset_of(data_set, inherited)
        elements: dict[int, bytes] = {}
        for tag in sorted(map(int, data_set.keys())):
            if tag & 0xFFFF == 0 or tag >> 16 < 0x0008:
                continue  # group lengths (retired) and groups that no data set has (PS3.5 7.1)
            action, encoded = self._element(data_set, tag, declared)
            self.counts[action] += 1
            if encoded is not None:
                elements[tag] = encoded
        return elements

    def _element(self, data_set: Dataset, tag: int, declared: tuple[str, ...]) -> tuple[str, bytes | None]:
        """The action taken on an element, and what replaces it (``None``: nothing)."""
        vr = self._vr(tag, data_set.get_item(tag).VR)
        if vr is None:
            return actions.REMOVE, None
        action = self.plan.action(tag, vr)
        if action == actions.REMOVE:
            return action, None
        if vr == "SQ":
            items = items_of(data_set, tag, self.syntax) if action == actions.KEEP else []
            return action, self._sequence(tag, items, action, declared)
        if action == actions.BLANK:
            return action, self.syntax.element(tag, vr, b"")
        value = self.value(tag, vr, value_of(data_set, tag), action, declared)
        if value is None:
            return actions.REMOVE, self._without_value(tag, vr)
        return action, self.syntax.element(tag, vr, value)

    def _vr(self, tag: int, declared: str | None) -> str | None:
        """The VR to go by; ``None`` for private and unknown attributes and for a VR that is not the attribute's."""
        known = vrs_of(tag)
        if not known:
            return None
        if declared is None:  # Implicit VR: of several the first, unless the output would have to name it
            return known[0] if len(known) == 1 or not self.syntax.explicit else None
        if declared in known:
            return declared
        # An implicit hop by a system that did not know the attribute left little-endian bytes (PS3.5 6.2.2).
        return known[0] if declared == "UN" and len(known) == 1 and self.syntax.little else None

    def value(self, tag: int, vr: str, raw: bytes, action: str, declared: tuple[str, ...]) -> bytes | None:
        """What replaces the value ``raw``; ``None`` if nothing of it may stay."""
        if action.startswith(actions.LITERAL):
            return action[1:].encode("ascii") if raw.strip(b"\x00 ") else b""
        if vr in actions.NUMBER_VRS - {"DS", "IS"} or vr in actions.BYTES_VRS:
            return raw if _is_number(tag, vr, raw) else None
        if action == "pid":
            return self.subject.pseudonym.encode("ascii")
        if not raw.strip(b"\x00 "):
            return b""
        if action == "dummy":
            return actions.DUMMIES[vr].encode("ascii")
        if action == "utf8":
            return b"ISO_IR 192"
        try:
            text = charset.decode(raw, declared if vr in actions.TEXT_VRS else ()).strip(" \x00")
        except charset.Undecodable:
            return None
        value = self._text(tag, vr, text, action)
        return raw if value == raw.strip(b"\x00 ") else value

    def _text(self, tag: int, vr: str, text: str, action: str) -> bytes | None:
        match action:
            case "shift":
                new = (dates.shift_da if vr == "DA" else dates.shift_dt)(text, self.subject.shift_days)
            case "age89":
                new = dates.age89(text)
            case "uid":
                new = "\\".join(self._uid(tag, one.strip(" \x00")) for one in text.split("\\"))
            case "listed":
                new = "\\".join(one for one in text.split("\\") if is_listed(one, self.plan.vocabulary))
            case "contrast":
                said = " ".join(words(text))
                return b"" if not said or _NO_CONTRAST.fullmatch(said) else actions.CONTRAST_DUMMY.encode("ascii")
            case _:
                new = self._kept(tag, vr, text)
        return new.encode("utf-8") if new else None

    def _uid(self, tag: int, old: str) -> str:
        """A UID's replacement: what a line of the profile names is always replaced, classes otherwise stay."""
        if not old:
            return ""
        stays = _STANDARD_UID if tag not in self.plan.tags else _WELL_KNOWN_UID
        return old if tag not in _OWN_UIDS and stays.fullmatch(old) else self.pseudonymiser.uid(old)

    def _kept(self, tag: int, vr: str, text: str) -> str:
        """What may stay of a value that the plan keeps; of codes those before the first that is none."""
        if vr == "UI":
            return "\\".join(one if _STANDARD_UID.fullmatch(one) else self.pseudonymiser.uid(one) for one in text.split("\\"))
        if vr == "TM":
            return text if dates.is_time(text) else ""
        kept = list(takewhile(lambda one: _is_valid(tag, vr, one), text.split("\\")))
        whole = len(kept) == text.count("\\") + 1
        return "\\".join(kept) if whole or vr == "CS" else ""

    def _without_value(self, tag: int, vr: str) -> bytes | None:
        if tag in iod.TYPE_1 and vr in actions.DUMMIES:
            return self.syntax.element(tag, vr, actions.DUMMIES[vr].encode("ascii"))
        return self.syntax.element(tag, vr, b"") if tag in iod.TYPE_2 else None

    def _sequence(self, tag: int, items: list[Dataset], action: str, declared: tuple[str, ...]) -> bytes | None:
        kept = [join(self.data_set(item, declared)) for item in items if _may_stay(item)]
        if tag not in _FUNCTIONAL_GROUPS:
            kept = [item for item in kept if item]  # an item of nothing but identity says nothing any more
        if kept or action == actions.BLANK or not items or tag in iod.TYPE_2:
            return self.syntax.sequence(tag, kept)
        return None


def _may_stay(item: Dataset) -> bool:
    """Say whether an item may stay: any but a code of a scheme that is not a published one."""
    if not any(tag in item for tag in (*_CODE_VALUES, _CODING_SCHEME, _CODE_MEANING)):
        return True
    scheme = value_of(item, _CODING_SCHEME).decode("ascii", "replace").strip(" \x00").upper()
    codes = [value_of(item, tag).decode("ascii", "replace").strip(" \x00") for tag in _CODE_VALUES[:2]]
    return scheme in STANDARD_SCHEMES and any(_CODE.fullmatch(code) for code in codes)


def _is_number(tag: int, vr: str, raw: bytes) -> bool:
    """Say whether ``raw`` holds whole numbers of ``vr``, and no more than the attribute has: the rest could be text."""
    count, rest = divmod(len(raw), _WIDTHS.get(vr, 1))
    most = most_values(tag) if vr in actions.NUMBER_VRS else None
    return rest == 0 and (most is None or count <= most)


def _is_valid(tag: int, vr: str, value: str) -> bool:
    if vr == "CS":
        return _CS.fullmatch(value.strip(" ")) is not None
    if vr == "DS":
        return not value.strip() or (len(value) <= _LONGEST_DS and _DS.fullmatch(value) is not None)
    if vr == "IS":
        return not value.strip() or _IS.fullmatch(value) is not None
    if tag in _CODE_VALUES:
        return _CODE.fullmatch(value.strip()) is not None
    return is_plain(value.strip())
