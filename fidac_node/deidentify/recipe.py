"""Recipes in deid's language, read so that nothing is skipped, and compiled to a plan.

``deid`` skips a line that it does not understand with a warning, and leaves a value alone when an action
or function is misspelt. So every line is checked here first against a closed grammar (four verbs, tags,
groups, VRs, our own functions); then deid parses the file and must come to exactly the same actions.
Whatever differs is a :class:`ConfigError` with file, line and remedy.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fidac_node.deidentify import actions, plan, text
from fidac_node.deidentify.actions import FUNCTIONS
from fidac_node.deidentify.dictionary import keyword_of, nearest_keyword, tag_of, vrs_of
from fidac_node.errors import ConfigError
from fidac_node.part10 import format_tag

VERBS: Final = ("BLANK", "KEEP", "REMOVE", "REPLACE")
# Curves and overlays: the groups that PS3.15 Table E.1-1 writes as 50xx and 60xx.
GRAPHICS_GROUPS: Final = tuple(base + 2 * n for base in (0x5000, 0x6000) for n in range(16))
PRIVATE_LINE: Final = "REMOVE ALL func:private"

_LINE: Final = re.compile(r"([A-Za-z]+)[ \t]+(\S+)(?:[ \t]+(\S.*))?")
_TAG: Final = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")
_LITERAL: Final = re.compile(r"[A-Za-z0-9_.^-]{1,16}")
_PROFILE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_SPECIFIC_CHARACTER_SET: Final = 0x00080005
# Below every message level of deid, which prints a line per action otherwise.
_DEID_SILENT: Final = -6


@dataclass(frozen=True)
class Line:
    """One action of a recipe: ``verb field value`` on line ``number``."""

    number: int
    verb: str
    field: str
    value: str | None


@dataclass(frozen=True)
class _Target:
    kind: str  # "tag", "group", "vr" or "private"
    key: int | str
    vrs: tuple[str, ...]


class _Problems:
    """Everything that is wrong with one file, each with its line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[tuple[int, str]] = []

    def add(self, number: int, message: str) -> None:
        self._found.append((number, message))

    def raise_if_any(self) -> None:
        if self._found:
            raise ConfigError(
                "\n".join(f"{self._path}{f':{number}' if number else ''}: {message}" for number, message in sorted(self._found))
            )


def compile_plan(path: Path, vocabulary: list[Path]) -> plan.Plan:
    """Compile the recipe ``path`` with its word lists. Raises :class:`ConfigError` listing every problem."""
    if not _PROFILE.fullmatch(path.stem):
        raise ConfigError(f"{path}: a profile is named by lower-case letters, digits, dots and hyphens, 40 at most")
    lines = read(path)
    _compare_with_deid(path, lines)
    problems = _Problems(path)
    compiled = _Compiler(problems)
    for line in lines:
        compiled.add(line)
    compiled.finish()
    problems.raise_if_any()
    common = [file for file in vocabulary if file.name.startswith("common")]
    return plan.make(
        path.stem,
        compiled.tags,
        compiled.groups,
        compiled.vrs,
        text.read_vocabulary([file for file in vocabulary if file not in common]),
        text.read_vocabulary(common),
    )


def read(path: Path) -> list[Line]:
    """Read the lines of a recipe by our grammar. Raises :class:`ConfigError` listing every problem."""
    try:
        content = path.read_text(encoding="ascii")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not ASCII; a recipe has no other characters") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    problems = _Problems(path)
    found: list[Line] = []
    wanted = ["FORMAT dicom", "%header"]
    for number, raw in enumerate(content.split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if wanted:
            if line != wanted.pop(0):
                problems.add(number, "a recipe begins with the lines 'FORMAT dicom' and '%header', spelled so")
                break
            continue
        parsed = _parse_line(number, line, problems)
        if parsed:
            found.append(parsed)
    problems.raise_if_any()
    if wanted or not found:
        raise ConfigError(
            f"{path}: the recipe holds no action; it needs 'FORMAT dicom', '%header' and lines such as 'REMOVE PatientComments'"
        )
    return found


def _parse_line(number: int, line: str, problems: _Problems) -> Line | None:
    if line.startswith("%") or line.upper().startswith("FORMAT"):
        problems.add(number, f"only one %header section is supported, not {line.split(maxsplit=1)[0]!r}")
        return None
    if "#" in line:
        problems.add(number, "a comment stands on a line of its own: deid would cut the value at '#'")
        return None
    match = _LINE.fullmatch(line)
    verb = line.split(maxsplit=1)[0]
    if verb not in VERBS:
        near = difflib.get_close_matches(verb.upper(), VERBS, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        problems.add(number, f"{verb!r} is no action{hint} (allowed: {', '.join(VERBS)}, in capitals)")
        return None
    if not match:
        problems.add(number, f"{verb} needs a field, such as a keyword of PS3.6")
        return None
    _, field, value = match.groups()
    if verb == "REPLACE" and value is None:
        problems.add(number, "REPLACE needs a value: 'func:NAME' or a word")
        return None
    if value is not None and " " in value.strip():
        problems.add(number, "a value is one word: deid would merge its blanks")
        return None
    if verb != "REPLACE" and value is not None and line != PRIVATE_LINE:
        problems.add(number, f"{verb} takes no value: deid would ignore {value!r}")
        return None
    return Line(number, verb, field, value)


def _compare_with_deid(path: Path, lines: list[Line]) -> None:
    """Have deid parse the file and check that it sees exactly our lines."""
    from deid.config import DeidRecipe  # only to compile
    from deid.logger import bot

    level, bot.level = bot.level, _DEID_SILENT
    try:
        recipe = DeidRecipe(deid=str(path.resolve()))
    except SystemExit as error:
        raise ConfigError(f"{path}: deid refuses the recipe (exit {error.code})") from error
    except Exception as error:
        raise ConfigError(f"{path}: deid cannot parse the recipe: {error}") from error
    finally:
        bot.level = level
    if recipe.get_format() != "dicom" or set(recipe.deid) != {"format", "header"}:
        raise ConfigError(f"{path}: deid reads other sections than %header")
    seen = recipe.get_actions()
    for line, action in zip(lines, seen, strict=False):
        expected = {"action": line.verb, "field": line.field, **({"value": line.value} if line.value else {})}
        if {key: value.strip() for key, value in action.items()} != expected:
            raise ConfigError(f"{path}:{line.number}: deid reads this line differently: {action}")
    if len(seen) != len(lines):
        raise ConfigError(f"{path}: deid reads {len(seen)} actions where the file has {len(lines)}")


class _Compiler:
    """Lines to the three tables of a plan; says what is wrong with each line."""

    def __init__(self, problems: _Problems) -> None:
        self._problems = problems
        self._first: dict[tuple[str, int | str], int] = {}
        self._private = False
        self.tags: dict[int, str] = {}
        self.groups: dict[int, str] = {}
        self.vrs: dict[str, str] = {}

    def add(self, line: Line) -> None:
        target = self._target(line)
        if target is None:
            return
        first = self._first.setdefault((target.kind, target.key), line.number)
        if first != line.number:
            self._problems.add(line.number, f"{line.field} has its action on line {first} already; keep one of the two")
            return
        action = self._action(line, target)
        if action is None:
            return
        if target.kind == "private":
            self._private = True
        elif target.kind == "tag":
            self.tags[int(target.key)] = action
        elif target.kind == "group":
            self.groups[int(target.key)] = action
        else:
            self.vrs[str(target.key)] = action

    def finish(self) -> None:
        """What a recipe as a whole must say."""
        if not self._private:
            self._problems.add(0, f"private attributes are not covered; add the line '{PRIVATE_LINE}'")
        for vr in sorted(actions.ALL_VRS - set(self.vrs)):
            self._problems.add(0, f"nothing is said about VR {vr}; add for instance 'REMOVE select:VR:{vr}'")
        missing = [group for group in GRAPHICS_GROUPS if self.groups.get(group) != actions.REMOVE]
        if missing:
            self._problems.add(0, f"curves and overlays must go; add 'REMOVE select:GROUP:{missing[0]:04X}' ({len(missing)} such lines)")
        for tag, action in self.tags.items():
            group = self.groups.get(tag >> 16)
            if group is not None and action != group:
                number = self._first["tag", tag]
                self._problems.add(number, f"{format_tag(tag)} contradicts line {self._first['group', tag >> 16]} for its whole group")
        self._check_floor()

    def _target(self, line: Line) -> _Target | None:
        if line.field == "ALL":
            if f"{line.verb} {line.field} {line.value}" == PRIVATE_LINE:
                return _Target("private", "", ())
            self._problems.add(line.number, f"ALL is only for '{PRIVATE_LINE}'")
            return None
        if line.field.startswith("select:VR:"):
            vr = line.field.removeprefix("select:VR:")
            if vr in actions.ALL_VRS:
                return _Target("vr", vr, (vr,))
            self._problems.add(line.number, f"{vr!r} is no value representation of PS3.5")
            return None
        if line.field.startswith("select:GROUP:"):
            return self._group(line)
        if ":" in line.field or "__" in line.field:
            self._problems.add(
                line.number, f"{line.field!r}: name one attribute, select:GROUP:gggg or select:VR:XX; nothing else is supported"
            )
            return None
        return self._tag(line)

    def _group(self, line: Line) -> _Target | None:
        text_ = line.field.removeprefix("select:GROUP:")
        if re.fullmatch(r"[0-9A-Fa-f]{4}", text_) and int(text_, 16) % 2 == 0 and int(text_, 16) >= 0x0008:
            return _Target("group", int(text_, 16), ())
        self._problems.add(line.number, f"{text_!r} is no even group of four hexadecimal digits from 0008 on")
        return None

    def _tag(self, line: Line) -> _Target | None:
        match = _TAG.fullmatch(line.field)
        tag = int(match[1] + match[2], 16) if match else tag_of(line.field)
        if tag is None:
            near = nearest_keyword(line.field)
            self._problems.add(line.number, f"{line.field!r} is no keyword of PS3.6" + (f"; did you mean {near}?" if near else ""))
            return None
        if match is None and keyword_of(tag) != line.field:
            self._problems.add(line.number, f"write {keyword_of(tag)}, not {line.field}")
            return None
        vrs = vrs_of(tag)
        if not vrs:
            self._problems.add(line.number, f"{format_tag(tag)} is not in PS3.6; private and unknown attributes are always removed")
            return None
        return _Target("tag", tag, vrs)

    def _action(self, line: Line, target: _Target) -> str | None:
        if line.verb == "REMOVE":
            return actions.REMOVE
        if target.kind == "group":
            self._problems.add(line.number, "a whole group can only be removed")
            return None
        if line.verb == "BLANK":
            return actions.BLANK
        if line.verb == "KEEP":
            return self._keep(line, target)
        return self._replace(line, target)

    def _keep(self, line: Line, target: _Target) -> str | None:
        allowed = actions.KEEPABLE_BY_NAME if target.kind == "tag" else actions.KEEPABLE_VRS
        if all(vr in allowed for vr in target.vrs) or target.key in actions.KEEPABLE_BULK:
            return actions.KEEP
        what = " or ".join(target.vrs)
        self._problems.add(line.number, f"KEEP would let a name, date or hidden text through in {what}; use REPLACE with a func: or REMOVE")
        return None

    def _replace(self, line: Line, target: _Target) -> str | None:
        value = (line.value or "").strip()
        if not value.startswith("func:"):
            return self._literal(line, target, value)
        name = value.removeprefix("func:")
        function = FUNCTIONS.get(name)
        if function is None:
            near = difflib.get_close_matches(name, FUNCTIONS, n=1, cutoff=0.5)
            hint = f"; did you mean func:{near[0]}?" if near else ""
            self._problems.add(line.number, f"there is no function {name!r}{hint} (allowed: {', '.join(sorted(FUNCTIONS))})")
            return None
        if not all(vr in function.vrs for vr in target.vrs):
            self._problems.add(line.number, f"func:{name} is for {', '.join(sorted(function.vrs))}, not for {' or '.join(target.vrs)}")
            return None
        if name == "utf8" and target.key != _SPECIFIC_CHARACTER_SET:
            self._problems.add(line.number, "func:utf8 is for SpecificCharacterSet alone")
            return None
        return name

    def _literal(self, line: Line, target: _Target, value: str) -> str | None:
        if ":" in value:
            self._problems.add(line.number, f"{value!r}: only func: values and plain words are supported (no var:, no deid_func:)")
        elif not _LITERAL.fullmatch(value):
            self._problems.add(line.number, f"{value!r}: a fixed text has 1 to 16 letters, digits, dots, hyphens")
        elif target.kind != "tag" or not all(vr in actions.TEXT_VRS | {"CS", "PN"} for vr in target.vrs):
            self._problems.add(line.number, "a fixed text can only replace a text, code or name attribute")
        elif target.vrs == ("CS",) and value != value.upper():
            self._problems.add(line.number, "a code (CS) is in capitals")
        else:
            return actions.LITERAL + value
        return None

    def _check_floor(self) -> None:
        """No row of PS3.15 Table E.1-1 may be kept unless an option of the table keeps or cleans it."""
        for row in read_table():
            tag = row.tag
            if tag is None:
                continue
            vr = next(iter(vrs_of(tag)), "UN")
            action = self.tags.get(tag) or self.groups.get(tag >> 16) or self.vrs.get(vr, actions.REMOVE)
            if action == actions.KEEP and not row.may_keep:
                number = self._first.get(("tag", tag), 0)
                name = keyword_of(tag) or format_tag(tag)
                self._problems.add(number, f"{name} may not be kept (PS3.15 Table E.1-1: {row.basic}); write 'REMOVE {name}'")


@dataclass(frozen=True)
class Row:
    """One row of PS3.15 Table E.1-1: the Basic Profile's letters and those of the options we offer."""

    tag: int | None
    keyword: str
    vr: str
    basic: str
    modified_dates: str
    patient_characteristics: str

    @property
    def may_keep(self) -> bool:
        """Whether some profile of ours may keep the attribute as it is (or descend into the sequence)."""
        kept = self.patient_characteristics == "K" or self.basic.endswith("U*")
        return kept or (self.modified_dates == "C" and self.vr == "TM")


def read_table() -> list[Row]:
    """PS3.15 Table E.1-1 as this package carries it. Raises :class:`ConfigError`."""
    path = plan.profiles_directory() / "ps315-e1-1.json"
    try:
        rows = json.loads(path.read_text(encoding="ascii"))["rows"]
        return [Row(int(tag, 16) if re.fullmatch("[0-9A-F]{8}", tag) else None, *rest) for tag, *rest in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: the confidentiality table cannot be read: {error}") from error
