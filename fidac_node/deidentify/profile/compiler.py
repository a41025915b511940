"""Layers to a plan: each line means something, the layers agree with each other and with PS3.15 Table E.1-1.

A later layer's line goes before an earlier one's for the same target (it *shadows* it); two lines for one
target within a layer contradict each other. Whatever a line would let through must be permitted by an
option of the table that one of the layers takes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fidac_node.deidentify import actions, plan
from fidac_node.deidentify.actions import FUNCTIONS
from fidac_node.deidentify.profile import recipe
from fidac_node.deidentify.profile.programmes import profiles_directory
from fidac_node.deidentify.profile.ps315 import OPTIONS, Row, read_table
from fidac_node.deidentify.profile.recipe import PRIVATE_LINE, Line, Problems, Recipe
from fidac_node.deidentify.rewrite import text
from fidac_node.dicom import marks
from fidac_node.dicom.dictionary import keyword_of, nearest_keyword, tag_of, vrs_of
from fidac_node.dicom.marks import CODE_DEVICE_IDENTITY, CODE_SAFE_PRIVATE
from fidac_node.dicom.part10 import format_tag
from fidac_node.dicom.tags import SPECIFIC_CHARACTER_SET

KINDS: Final = ("tag", "group", "vr", "private", "all private")
# Curves and overlays: the groups that PS3.15 Table E.1-1 writes as 50xx and 60xx.
GRAPHICS_GROUPS: Final = tuple(base + 2 * n for base in (0x5000, 0x6000) for n in range(16))

_TAG: Final = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")
_PRIVATE: Final = re.compile(r'\(([0-9A-F]{4}),"([A-Za-z0-9][A-Za-z0-9 ._/:()+-]{0,62}[A-Za-z0-9.)])",([0-9A-F]{2})\)')
_LITERAL: Final = re.compile(r"[A-Za-z0-9_.^-]{1,16}")
# What a private attribute may be: numbers, codes, and text that is cleaned.
_PRIVATE_VRS: Final = actions.NUMBER_VRS | actions.TEXT_VRS | {"CS"}


class _Wrong(Exception):
    """A line is not understood; the text says why and what to do."""


@dataclass(frozen=True)
class Target:
    """What a line is about: ``kind`` is "tag", "group", "vr", "private" (one attribute) or "all private"."""

    kind: str
    key: Any  # tag or group as int, VR as str, or (group, creator, element) of a private attribute
    vrs: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A line that holds, with its layer and action."""

    layer: Path
    line: Line
    target: Target
    action: str

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.layer}:{self.line.number}"


@dataclass
class Composition:
    """Layers put together: the entries that hold by kind and key, what they shadow, and what is wrong with it all."""

    recipes: tuple[Recipe, ...]
    problems: Problems = field(default_factory=Problems)
    entries: dict[str, dict[Any, Entry]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    shadows: list[tuple[Entry, Entry]] = field(default_factory=list)

    def entry(self, tag: int, vr: str) -> Entry | None:
        """The entry that decides about an attribute of PS3.6."""
        return self.entries["tag"].get(tag) or self.entries["group"].get(tag >> 16) or self.entries["vr"].get(vr)

    def actions(self, kind: str) -> dict[Any, str]:
        """The actions of a kind of targets."""
        return {key: entry.action for key, entry in self.entries[kind].items()}

    @property
    def declared(self) -> tuple[str, ...]:
        """The options that the layers say they take."""
        return tuple(sorted({code for one in self.recipes for code in one.options}))

    def options(self) -> tuple[str, ...]:
        """Those of them that anything is done by: what an object may say of itself."""
        used = {code for _, _, needs in self.weakened() for code in needs}
        if actions.KEEP in self.actions("private").values():
            used.add(CODE_SAFE_PRIVATE)
        return tuple(code for code in self.declared if code in used)

    def weakened(self) -> list[tuple[Row, Entry, frozenset[str]]]:
        """The rows of the table that the Basic Profile treats more strictly, and the options taken that permit it."""
        found = []
        for row in read_table(profiles_directory()):
            entry = None if row.tag is None else self.entry(row.tag, vr_of(row))
            needs = None if entry is None else row.needs(entry.action, vr_of(row))
            if entry is not None and needs is not None:
                found.append((row, entry, needs & set(self.declared)))
        return found

    def kept(self) -> frozenset[int]:
        """The attributes that identify a device and are kept as they are under that option."""
        return frozenset(
            row.tag
            for row, entry, needs in self.weakened()
            if row.tag is not None
            and CODE_DEVICE_IDENTITY in needs
            and entry.action == actions.KEEP
            and vr_of(row) not in ("SQ", "TM")
        )


def vr_of(row: Row) -> str:
    """The VR that a row's attribute has in PS3.6 (the first of several), or as the table says."""
    return (vrs_of(row.tag or 0) or (row.vr,))[0]


def compile_plan(name: str, layers: Sequence[Path], vocabulary: list[Path]) -> plan.Plan:
    """Compile layers, lowest first, with their word lists. Raises :class:`ConfigError` listing every problem."""
    composition = compose([recipe.read(layer) for layer in layers])
    composition.problems.raise_if_any()
    for one in composition.recipes:
        recipe.compare_with_deid(one)
    return to_plan(name, composition, vocabulary)


def to_plan(name: str, composition: Composition, vocabulary: list[Path]) -> plan.Plan:
    """The plan of a composition without problems."""
    common = [file for file in vocabulary if file.name.startswith("common")]
    devices = [file for file in vocabulary if file.name.startswith("devices")]
    return plan.make(
        name,
        composition.actions("tag"),
        composition.actions("group"),
        composition.actions("vr"),
        text.read_vocabulary([file for file in vocabulary if file not in (*common, *devices)]),
        text.read_vocabulary(common),
        devices=text.read_vocabulary(devices),
        private={
            key: entry.target.vrs[0]
            for key, entry in composition.entries["private"].items()
            if entry.action == actions.KEEP
        },
        options=composition.options(),
        kept=composition.kept(),
    )


def compose(recipes: Iterable[Recipe]) -> Composition:
    """Put layers together, lowest first, and check them as a whole; what is wrong is in ``problems``."""
    composition = Composition(tuple(recipes))
    for one in composition.recipes:
        _add_layer(composition, one)
    if not composition.problems.messages():  # else what is missing may be what was misspelt
        _check_whole(composition)
    return composition


def check_layer(one: Recipe) -> Problems:
    """Check the lines of one layer by themselves; what layers need of each other is for :func:`compose`."""
    composition = Composition((one,))
    _add_layer(composition, one)
    return composition.problems


def _add_layer(composition: Composition, one: Recipe) -> None:
    first: dict[tuple[str, Any], int] = {}
    for line in one.lines:
        try:
            target = _target(line)
            number = first.setdefault((target.kind, target.key), line.number)
            if number != line.number:
                raise _Wrong(f"{line.field} has its action on line {number} already; keep one of the two")
            action = _action(line, target)
        except _Wrong as wrong:
            composition.problems.add(one.path, line.number, str(wrong))
            continue
        entry = Entry(one.path, line, target, action)
        earlier = composition.entries[target.kind].get(target.key)
        if earlier is not None:
            composition.shadows.append((entry, earlier))
        composition.entries[target.kind][target.key] = entry


def _check_whole(composition: Composition) -> None:
    """What the layers together must say."""
    problems, base, entries = composition.problems, composition.recipes[0].path, composition.entries
    if not entries["all private"]:
        problems.add(base, 0, f"private attributes are not covered; add the line '{PRIVATE_LINE}'")
    for vr in sorted(actions.ALL_VRS - set(entries["vr"])):
        problems.add(base, 0, f"nothing is said about VR {vr}; add for instance 'REMOVE select:VR:{vr}'")
    missing = [group for group in GRAPHICS_GROUPS if group not in entries["group"]]
    if missing:
        problems.add(
            base,
            0,
            f"curves and overlays must go; add 'REMOVE select:GROUP:{missing[0]:04X}' ({len(missing)} such lines)",
        )
    places = [one.path for one in composition.recipes]

    def order(entry: Entry) -> tuple[int, int]:
        return places.index(entry.layer), entry.line.number

    for tag, entry in entries["tag"].items():
        group = entries["group"].get(tag >> 16)
        if group is not None and entry.action != group.action:
            earlier, later = sorted((entry, group), key=order)
            message = (
                f"{later.line.field} contradicts {earlier.where}: "
                "an attribute and its whole group have other actions; drop one of the two"
            )
            problems.add(later.layer, later.line.number, message)
    _check_floor(composition)
    _check_private(composition)


def _check_floor(composition: Composition) -> None:
    """No row of PS3.15 Table E.1-1 may be let through unless an option of the table that is taken says so."""
    for row, entry, permitted in composition.weakened():
        if permitted:
            continue
        name = keyword_of(row.tag or 0) or format_tag(row.tag or 0)
        done = "kept" if entry.action == actions.KEEP else f"let through by func:{entry.action}"
        needs = sorted(row.needs(entry.action, vr_of(row)) or ())
        remedy = "; ".join(["no option permits it"] if not needs else map(_remedy, needs))
        message = (
            f"{name} may not be {done} (PS3.15 Table E.1-1: {row.letters(tuple(row.options))}): "
            f"{remedy}; or write 'REMOVE {name}'"
        )
        composition.problems.add(entry.layer, entry.line.number, message)


def _remedy(code: str) -> str:
    option = OPTIONS[code]
    if option.offered:
        return f"with the option {option.name} it may, declare '# option: {code}'"
    return f"with the option {option.name} it might, which this node does not offer"


def _check_private(composition: Composition) -> None:
    if CODE_SAFE_PRIVATE in composition.declared:
        return
    for entry in composition.entries["private"].values():
        if entry.action == actions.KEEP:
            message = f"{entry.line.field} may not be kept (PS3.15 Table E.1-1: X): {_remedy(CODE_SAFE_PRIVATE)}"
            composition.problems.add(entry.layer, entry.line.number, message)


def _target(line: Line) -> Target:
    """What a line is about. Raises :class:`_Wrong`."""
    if line.field == "ALL":
        if str(line) == PRIVATE_LINE:
            return Target("all private", "", ())
        raise _Wrong(f"ALL is only for '{PRIVATE_LINE}'")
    if '"' in line.field:
        return _private_target(line)
    if line.field.startswith("select:VR:"):
        vr = line.field.removeprefix("select:VR:")
        if vr in actions.ALL_VRS:
            return Target("vr", vr, (vr,))
        raise _Wrong(f"{vr!r} is no value representation of PS3.5")
    if line.field.startswith("select:GROUP:"):
        return _group_target(line)
    if ":" in line.field or "__" in line.field:
        raise _Wrong(
            f"{line.field!r}: name one attribute, select:GROUP:gggg or select:VR:XX; nothing else is supported"
        )
    return _tag_target(line)


def _group_target(line: Line) -> Target:
    digits = line.field.removeprefix("select:GROUP:")
    if re.fullmatch(r"[0-9A-Fa-f]{4}", digits) and int(digits, 16) % 2 == 0 and int(digits, 16) >= 0x0008:
        return Target("group", int(digits, 16), ())
    raise _Wrong(f"{digits!r} is no even group of four hexadecimal digits from 0008 on")


def _private_target(line: Line) -> Target:
    match = _PRIVATE.fullmatch(line.field)
    group = int(match[1], 16) if match else 0
    if match is None or group % 2 == 0 or group < 0x0009:
        raise _Wrong(f'{line.field}: a private attribute is (gggg,"CREATOR",ee): odd group, capital hexadecimal digits')
    creator, element = match[2], int(match[3], 16)
    if group == marks.PRIVATE_GROUP:
        raise _Wrong(f"group {group:04X} is this node's own: it writes the whole group itself")
    if line.verb == "REMOVE":
        return Target("private", (group, creator, element), ())
    vr = _private_vr(group, creator, element)
    if vr is None:
        raise _Wrong(f"{line.field} is in no dictionary of private attributes: its VR is not known; drop the line")
    if vr not in _PRIVATE_VRS:
        raise _Wrong(f"{line.field} is {vr}: only numbers, codes and short text may be safe; drop the line")
    return Target("private", (group, creator, element), (vr,))


def _tag_target(line: Line) -> Target:
    match = _TAG.fullmatch(line.field)
    tag = int(match[1] + match[2], 16) if match else tag_of(line.field)
    if tag is None:
        near = nearest_keyword(line.field)
        raise _Wrong(f"{line.field!r} is no keyword of PS3.6" + (f"; did you mean {near}?" if near else ""))
    if match is None and keyword_of(tag) != line.field:
        raise _Wrong(f"write {keyword_of(tag)}, not {line.field}")
    vrs = vrs_of(tag)
    if not vrs:
        raise _Wrong(f"{format_tag(tag)} is not in PS3.6; private and unknown attributes are always removed")
    return Target("tag", tag, vrs)


def _action(line: Line, target: Target) -> str:
    """The word of a plan for a line's action. Raises :class:`_Wrong`."""
    if line.verb == "REMOVE":
        return actions.REMOVE
    if target.kind == "group":
        raise _Wrong("a whole group can only be removed")
    if target.kind == "private" and line.verb != "KEEP":
        raise _Wrong("a private attribute can only be kept or removed")
    if target.kind == "private":
        return actions.KEEP
    if line.verb == "BLANK":
        return actions.BLANK
    return _keep(target) if line.verb == "KEEP" else _replace(line, target)


def _keep(target: Target) -> str:
    allowed = actions.KEEPABLE_BY_NAME if target.kind == "tag" else actions.KEEPABLE_VRS
    if all(vr in allowed for vr in target.vrs) or target.key in actions.KEEPABLE_BULK:
        return actions.KEEP
    what = " or ".join(target.vrs)
    raise _Wrong(f"KEEP would let a name, date or hidden text through in {what}; use REPLACE with a func: or REMOVE")


def _replace(line: Line, target: Target) -> str:
    value = (line.value or "").strip()
    if not value.startswith("func:"):
        return _literal(target, value)
    name = value.removeprefix("func:")
    function = FUNCTIONS.get(name)
    if function is None:
        near = difflib.get_close_matches(name, FUNCTIONS, n=1, cutoff=0.5)
        hint = f"; did you mean func:{near[0]}?" if near else ""
        raise _Wrong(f"there is no function {name!r}{hint} (allowed: {', '.join(sorted(FUNCTIONS))})")
    if not all(vr in function.vrs for vr in target.vrs):
        raise _Wrong(f"func:{name} is for {', '.join(sorted(function.vrs))}, not for {' or '.join(target.vrs)}")
    if name == "utf8" and target.key != SPECIFIC_CHARACTER_SET:
        raise _Wrong("func:utf8 is for SpecificCharacterSet alone")
    return name


def _literal(target: Target, value: str) -> str:
    if ":" in value:
        raise _Wrong(f"{value!r}: only func: values and plain words are supported (no var:, no deid_func:)")
    if not _LITERAL.fullmatch(value):
        raise _Wrong(f"{value!r}: a fixed text has 1 to 16 letters, digits, dots, hyphens")
    if target.kind != "tag" or not all(vr in actions.TEXT_VRS | {"CS", "PN"} for vr in target.vrs):
        raise _Wrong("a fixed text can only replace a text, code or name attribute")
    if target.vrs == ("CS",) and value != value.upper():
        raise _Wrong("a code (CS) is in capitals")
    return actions.LITERAL + value


def _private_vr(group: int, creator: str, element: int) -> str | None:
    """The VR that pydicom's dictionary of private attributes gives one."""
    from pydicom.datadict import private_dictionary_VR  # only to compile a safe private element

    try:
        # A block that no entry is written for by itself, so that the one for any block (gggg,xxee) is found.
        return private_dictionary_VR(group << 16 | 0xFE00 | element, creator)
    except KeyError:
        return None
