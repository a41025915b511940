"""Recipes in deid's language, read so that nothing is skipped.

``deid`` skips a line that it does not understand with a warning, and leaves a value alone when an action
or function is misspelt. So every line is checked here first against a closed grammar (four verbs, one
field, one value); then deid parses the file and must come to exactly the same actions. Whatever differs
is a :class:`ConfigError` with file, line and remedy. What the lines mean is for :mod:`.compiler`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fidac_node.deidentify.profile.ps315 import OPTIONS
from fidac_node.errors import ConfigError

VERBS: Final = ("BLANK", "KEEP", "REMOVE", "REPLACE")
PRIVATE_LINE: Final = "REMOVE ALL func:private"

# A private attribute is (gggg,"CREATOR",ee) in deid's language; a creator may have blanks inside.
_LINE: Final = re.compile(r"""([A-Za-z]+)[ \t]+(\([^\s"]*"[^"]*"[^\s"]*|\S+)(?:[ \t]+(\S.*))?""")
_OPTION: Final = re.compile(r"#\s*option\s*:\s*(.*)", re.IGNORECASE)
# Below every message level of deid, which prints a line per action otherwise.
_DEID_SILENT: Final = -6


@dataclass(frozen=True)
class Line:
    """One action of a recipe: ``verb field value`` on line ``number``, and the comment above it."""

    number: int
    verb: str
    field: str
    value: str | None
    reason: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.verb, self.field, self.value) if part)


@dataclass(frozen=True)
class Recipe:
    """One layer: its file, title (``# NAME: TITLE``), the options that it takes (``# option: CODE``), and its lines."""

    path: Path
    title: str
    options: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.path.stem

    @property
    def is_base(self) -> bool:
        """Whether the layer speaks of private attributes as a whole, which the lowest one must."""
        return any(str(line) == PRIVATE_LINE for line in self.lines)


class Problems:
    """Everything that is wrong with a composition, each with its file and line."""

    def __init__(self) -> None:
        self._found: list[tuple[str, int, str]] = []

    def add(self, path: Path, number: int, message: str) -> None:
        """Note a problem; ``number`` is 0 where no line is to blame."""
        self._found.append((str(path), number, message))

    def messages(self) -> list[str]:
        """What is wrong, by file and line."""
        return [
            f"{path}{f':{number}' if number else ''}: {message}" for path, number, message in sorted(set(self._found))
        ]

    def raise_if_any(self) -> None:
        """Raise :class:`ConfigError` that tells all."""
        if self._found:
            raise ConfigError("\n".join(self.messages()))


def read(path: Path) -> Recipe:
    """Read a recipe by our grammar. Raises :class:`ConfigError` listing every problem."""
    problems = Problems()
    reader = _Reader(path, problems)
    for number, raw in enumerate(_content(path).split("\n"), start=1):
        if not reader.take(number, raw.strip()):
            break
    problems.raise_if_any()
    if reader.wanted or not reader.lines:
        raise ConfigError(
            f"{path}: the recipe holds no action; "
            "it needs 'FORMAT dicom', '%header' and lines such as 'REMOVE PatientComments'"
        )
    return Recipe(path, reader.title, tuple(sorted(reader.options)), tuple(reader.lines))


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not ASCII; a recipe has no other characters") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


class _Reader:
    """Takes the lines of one file, one after the other."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self._path = path
        self._problems = problems
        self._comment: list[str] = []
        self._commented = False
        self.wanted = ["%header", "FORMAT dicom"]
        self.title = ""
        self.options: set[str] = set()
        self.lines: list[Line] = []

    def take(self, number: int, line: str) -> bool:
        """Take one line; false if it makes no sense to go on."""
        if not line:
            self._comment, self._commented = [], False
        elif line.startswith("#"):
            self._take_comment(number, line)
        elif self.wanted:
            if line != self.wanted.pop():
                self._problems.add(
                    self._path, number, "a recipe begins with the lines 'FORMAT dicom' and '%header', spelled so"
                )
                return False
        else:
            parsed = _parse_line(self._path, number, line, _reason(self._comment), self._problems)
            if parsed:
                self.lines.append(parsed)
            self._commented = True
        return True

    def _take_comment(self, number: int, line: str) -> None:
        option = _OPTION.fullmatch(line)
        prefix = f"# {self._path.stem}: "
        if option:
            self._take_option(number, option[1].strip())
        elif not self.lines and line.startswith(prefix):
            self.title = line.removeprefix(prefix)
        elif self._commented:
            self._comment, self._commented = [line], False
        else:
            self._comment.append(line)

    def _take_option(self, number: int, code: str) -> None:
        if self.lines:
            self._problems.add(self._path, number, "an option is declared before the first action")
        elif code not in OPTIONS:
            known = ", ".join(sorted(code for code, option in OPTIONS.items() if option.offered))
            self._problems.add(
                self._path, number, f"{code!r} is no code of CID 7050 that a layer may take (allowed: {known})"
            )
        elif not OPTIONS[code].offered:
            self._problems.add(
                self._path, number, f"this node does not offer the option {OPTIONS[code].name} ({code}); drop the line"
            )
        else:
            self.options.add(code)


def _reason(comment: list[str]) -> str:
    """A comment as a sentence; a heading (``# --- ...``) counts where nothing else was said."""
    said = [line.lstrip("#").strip() for line in comment]
    plain = [line for line in said if not line.startswith("---")]
    return " ".join(plain or [line.lstrip("- ") for line in said])


def _parse_line(path: Path, number: int, line: str, reason: str, problems: Problems) -> Line | None:
    wrong = _what_is_wrong(line)
    if wrong:
        problems.add(path, number, wrong)
        return None
    match = _LINE.fullmatch(line)
    if match is None:
        problems.add(path, number, f"{line.split(maxsplit=1)[0]} needs a field, such as a keyword of PS3.6")
        return None
    verb, field, value = match.groups()
    if verb == "REPLACE" and value is None:
        problems.add(path, number, "REPLACE needs a value: 'func:NAME' or a word")
        return None
    if value is not None and " " in value.strip():
        problems.add(path, number, "a value is one word: deid would merge its blanks")
        return None
    if verb != "REPLACE" and value is not None and line != PRIVATE_LINE:
        problems.add(path, number, f"{verb} takes no value: deid would ignore {value!r}")
        return None
    return Line(number, verb, field, value, reason)


def _what_is_wrong(line: str) -> str | None:
    """Say what is wrong with a line before it is taken apart."""
    if line.startswith("%") or line.upper().startswith("FORMAT"):
        return f"only one %header section is supported, not {line.split(maxsplit=1)[0]!r}"
    if "#" in line:
        return "a comment stands on a line of its own: deid would cut the value at '#'"
    verb = line.split(maxsplit=1)[0]
    if verb in VERBS:
        return None
    near = difflib.get_close_matches(verb.upper(), VERBS, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{verb!r} is no action{hint} (allowed: {', '.join(VERBS)}, in capitals)"


def compare_with_deid(recipe: Recipe) -> None:
    """Have deid parse the file and check that it sees exactly our lines. Raises :class:`ConfigError`."""
    from deid.config import DeidRecipe  # only to compile
    from deid.logger import bot

    path, lines = recipe.path, recipe.lines
    level, bot.level = bot.level, _DEID_SILENT
    try:
        parsed = DeidRecipe(deid=str(path.resolve()))
    except SystemExit as error:
        raise ConfigError(f"{path}: deid refuses the recipe (exit {error.code})") from error
    except Exception as error:
        raise ConfigError(f"{path}: deid cannot parse the recipe: {error}") from error
    finally:
        bot.level = level
    if parsed.get_format() != "dicom" or set(parsed.deid) != {"format", "header"}:
        raise ConfigError(f"{path}: deid reads other sections than %header")
    seen = parsed.get_actions()
    for line, action in zip(lines, seen, strict=False):
        expected = {"action": line.verb, "field": line.field, **({"value": line.value} if line.value else {})}
        if {key: value.strip() for key, value in action.items()} != expected:
            raise ConfigError(f"{path}:{line.number}: deid reads this line differently: {action}")
    if len(seen) != len(lines):
        raise ConfigError(f"{path}: deid reads {len(seen)} actions where the file has {len(lines)}")
