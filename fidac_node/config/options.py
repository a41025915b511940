"""How a typed section of settings is declared, read from TOML, checked, and written as an example.

An option is a dataclass field that carries its default, its reason and its bounds; everything else
here is derived from that. Nothing that is not understood is let through: each mistake becomes a
:class:`ConfigError` that says file, line, option and what is allowed.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, field, fields
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast

from fidac_node.errors import ConfigError

Check: TypeAlias = Callable[[Any], "str | None"]
Reader: TypeAlias = Callable[[Any], Any]
Where: TypeAlias = "tuple[str | int, ...]"
T = TypeVar("T")

PREFIX: Final = "FIDAC_NODE_"
_FEW: Final = 24  # words that a message can list and still be read
_SWITCHES: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


class Wrong(ValueError):
    """A value that an option does not take; ``within`` leads to the place inside the value."""

    def __init__(self, message: str, *within: str | int) -> None:
        super().__init__(message)
        self.within = within


# --- declaring ---------------------------------------------------------------------------------------


def option(
    default: T,
    doc: str,
    check: Check | None = None,
    *,
    kind: type | None = None,
    read: Reader | None = None,
    example: str = "",
) -> T:
    """Declare one option of a section.

    ``doc`` is its one-line reason; ``check`` returns what is wrong with a value; ``kind`` is its type where
    the default does not show it; ``read`` turns the TOML value into the option's and raises :class:`Wrong`;
    ``example`` is TOML that the example file shows, commented out.
    """
    kind = kind or (Path if isinstance(default, Path) else type(default))
    metadata = {"doc": doc, "check": check, "kind": kind, "read": read or _READERS[kind], "example": example}
    if isinstance(default, dict):
        return cast(T, field(default_factory=dict, metadata=metadata))
    return field(default=default, metadata=metadata)


def section(cls: type[T], doc: str) -> T:
    """Declare one section of a file; ``doc`` says what it is about."""
    return field(default_factory=cls, metadata={"doc": doc, "section": cls})


def select(cls: type[T], settings: object) -> T:
    """What a room needs of a section: a dataclass ``cls`` whose fields have the names of settings.

    Raises as ``cls`` does.
    """
    return cls(**{one.name: getattr(settings, one.name) for one in fields(cast(Any, cls))})


def sections(cls: type) -> dict[str, type]:
    """The sections of a settings class, by name, in the file's order."""
    return {part.name: part.metadata["section"] for part in fields(cls) if "section" in part.metadata}


def variable(section_name: str, key: str) -> str:
    """The environment variable that overrides an option."""
    return f"{PREFIX}{section_name}_{key}".upper()


def variables(cls: type) -> dict[str, tuple[str, str]]:
    """Every environment variable that overrides an option of ``cls``, with its section and key."""
    return {
        variable(name, part.name): (name, part.name) for name, kind in sections(cls).items() for part in fields(kind)
    }


# --- checks that many options share ------------------------------------------------------------------


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown ``word``: the nearest known one, and all of them if they are few."""
    allowed = list(known)
    near = difflib.get_close_matches(word, allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return hint + (f" (allowed: {', '.join(allowed)})" if len(allowed) <= _FEW else "")


def between(low: float, high: float) -> Check:
    """Return a check for numbers; not-a-number fails it too."""
    return lambda value: None if low <= value <= high else f"must be between {low} and {high}, not {value}"


def one_of(known: Iterable[str], what: str) -> Check:
    """Return a check for a closed vocabulary; ``what`` is the noun for the message."""
    allowed = tuple(known)
    return lambda value: None if value in allowed else f"{value!r} is not a {what}{nearest(value, allowed)}"


def each(check: Check) -> Check:
    """Return a check that holds for every value of a list."""
    return lambda values: next((problem for value in values if (problem := check(value))), None)


# --- reading values ------------------------------------------------------------------------------------


def read_text(value: Any) -> str:
    """Read a string. Raises :class:`Wrong`."""
    if not isinstance(value, str):
        raise Wrong(f"must be text in quotes, not {_named(value)}")
    return value


def read_texts(value: Any) -> tuple[str, ...]:
    """Read a list of strings. Raises :class:`Wrong`."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Wrong(f'must be a list of texts such as ["a", "b"], not {_named(value)}')
    return tuple(value)


def read_table(value: Any) -> dict[str, str]:
    """Read a table of strings. Raises :class:`Wrong`."""
    if not isinstance(value, dict):
        raise Wrong(f'must be a table such as {{ name = "value" }}, not {_named(value)}')
    for key, item in value.items():
        if not isinstance(item, str):
            raise Wrong(f"must be text in quotes, not {_named(item)}", key)
    return dict(value)


def _read_switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"must be true or false, not {_named(value)}")
    return value


def _read_whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong(f"must be a whole number, not {_named(value)}")
    return value


def _read_number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Wrong(f"must be a number, not {_named(value)}")
    return float(value)


_READERS: Final[dict[type, Reader]] = {
    bool: _read_switch,
    int: _read_whole,
    float: _read_number,
    str: read_text,
    Path: read_text,
    tuple: read_texts,
    dict: read_table,
}


def _named(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {
        dict: "a table",
        list: "a list",
        str: f"the text {value!r}",
        int: f"the number {value}",
        float: f"the number {value}",
    }
    return names.get(type(value), f"{value}")


def _from_environment(kind: type, text: str) -> Any:
    """Turn a variable's text into what TOML would have given; what does not fit is left for the reader to refuse."""
    try:
        if kind is bool:
            return _SWITCHES.get(text.strip().lower(), text)
        if kind in (int, float):
            return kind(text)
    except ValueError:
        return text
    if kind is tuple:
        return [item.strip() for item in text.split(",") if item.strip()]
    if kind in (dict, list):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise Wrong(f"not a TOML value: {error}") from error
    return text


# --- reading a file --------------------------------------------------------------------------------------


class Document:
    """A settings file and the environment over it: what they say, and where they say it."""

    def __init__(self, path: Path, environ: Mapping[str, str], cls: type) -> None:
        self.path = path
        self.directory = path.absolute().parent
        self.environ = environ
        self._cls = cls
        self._variables = {place: name for name, place in variables(cls).items() if name in environ}
        text = _read_file(path)
        self.values = _parse(path, text)
        self._lines = dict(reversed(list(_places(text))))

    def error(self, where: Where, message: str) -> ConfigError:
        """Return the error about the option at ``where``: (section, key, ...)."""
        name, *rest = where
        keys = "".join(f" #{key + 1}" if isinstance(key, int) else f" {key}" for key in rest)
        if source := self._variables.get(cast("tuple[str, str]", where[:2])):
            return ConfigError(f"environment variable {source}: [{name}]{keys}: {message}")
        line = next(
            (self._lines[where[:size]] for size in range(len(where), 0, -1) if where[:size] in self._lines), None
        )
        place = f"{self.path}:{line}" if line else f"{self.path}"
        return ConfigError(f"{place}: [{name}]{keys}: {message}")

    def load(self) -> dict[str, Any]:
        """Return every section as its dataclass. Raises :class:`ConfigError`."""
        known = sections(self._cls)
        for name, table in self.values.items():
            if name not in known:
                raise self.error((name,), f"unknown section{nearest(name, known)}")
            if not isinstance(table, dict):
                raise self.error((name,), f"must be a section; write [{name}] on a line of its own")
        return {name: self._section(name, kind) for name, kind in known.items()}

    def _section(self, name: str, kind: type) -> Any:
        table = self.values.get(name, {})
        parts = {part.name: part for part in fields(kind)}
        for key in table:
            if key not in parts:
                raise self.error((name, key), f"unknown option{self._elsewhere(key) or nearest(key, parts)}")
        return kind(**{key: self._option((name, key), part, table) for key, part in parts.items()})

    def _elsewhere(self, key: str) -> str:
        homes = [
            f"[{name}]" for name, kind in sections(self._cls).items() if any(part.name == key for part in fields(kind))
        ]
        return f"; it belongs in {' or '.join(homes)}" if homes else ""

    def _option(self, where: tuple[str, str], part: Field[Any], table: Mapping[str, Any]) -> Any:
        kind, read, check = (part.metadata[name] for name in ("kind", "read", "check"))
        try:
            if where in self._variables:
                value = read(_from_environment(kind, self.environ[self._variables[where]]))
            elif where[1] in table:
                value = read(table[where[1]])
            else:
                value = _default(part)
            if kind is Path:
                value = self._path(value, optional=part.default is None)
        except Wrong as error:
            raise self.error((*where, *error.within), str(error)) from error
        # A default needs no check, and an id that is missing gets a better message from the caller.
        if check and value != _default(part) and (problem := check(value)):
            raise self.error(where, problem)
        return value

    def _path(self, value: str | Path | None, *, optional: bool) -> Path | None:
        text = str(value or "")
        if not text:
            if optional:
                return None
            raise Wrong("must not be empty")
        if text.startswith("~") or "\0" in text:
            raise Wrong(f"{text!r} is not a path; write it from / or from this file's folder, '~' is not understood")
        return self.directory / text


def _default(part: Field[Any]) -> Any:
    return part.default_factory() if callable(part.default_factory) else part.default


def _read_file(path: Path) -> str:
    try:
        # A byte order mark is what Windows editors leave; TOML knows none.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file; 'fidac-node site init' and 'fidac-node hub init' write one"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; run as the user that owns it") from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
        if place is None:
            raise ConfigError(f"{path}: not valid TOML: {message}") from error
        at = f"{place[1]}:{place[2]}" if place[1] else str(text.count("\n") + 1)
        hint = "; put a value with backslashes into 'single quotes'" if "escape" in message else ""
        raise ConfigError(f"{path}:{at}: not valid TOML: {message[: place.start()]}{hint}") from error


def _places(text: str) -> Iterator[tuple[Where, int]]:
    """Yield (section, key, ...) and its line for every header and key; a plain scan is enough for messages."""
    table: Where = ()
    counts: dict[Where, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]", line):
            table = _indexed(_keys(header[2]), counts, new=header[1] == "[[")
            yield table, number
        elif assignment := re.match(r"\s*([A-Za-z0-9_\"'. -]+?)\s*=", line):
            where = (*table, *_keys(assignment[1]))
            yield from ((where[:size], number) for size in range(len(table) + 1, len(where) + 1))


def _keys(dotted: str) -> Where:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _indexed(keys: Where, counts: dict[Where, int], *, new: bool) -> Where:
    """Put the number of the current item after each name of an array of tables."""
    where: Where = ()
    for depth, key in enumerate(keys, 1):
        where = (*where, key)
        if new and depth == len(keys):
            counts[where] = counts.get(where, -1) + 1
        if where in counts:
            where = (*where, counts[where])
    return where


# --- writing an example ------------------------------------------------------------------------------------


def render(cls: type, header: str, values: Mapping[str, Mapping[str, object]]) -> str:
    """Return a settings file: what ``values`` holds is set, all else stands at its default, commented out.

    ``header`` goes first, as comments. Raises ``KeyError`` for a section or option that does not exist.
    """
    for name, table in values.items():
        if unknown := set(table) - {part.name for part in fields(sections(cls)[name])}:
            raise KeyError(f"[{name}] {', '.join(sorted(unknown))}")
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    for part in fields(cls):
        if "section" in part.metadata:
            lines += ["", f"# {part.metadata['doc']}", f"[{part.name}]"]
            for item in fields(part.metadata["section"]):
                lines += ["", *_rendered(item, values.get(part.name, {}))]
    return "\n".join(lines) + "\n"


def _rendered(part: Field[Any], values: Mapping[str, object]) -> Iterator[str]:
    yield f"# {part.metadata['doc']}"
    if part.metadata["example"]:
        yield "# Example:"
        yield from (f"#   {line}" for line in part.metadata["example"].splitlines())
    mark = "" if part.name in values else "#"
    yield f"{mark}{part.name} = {_toml(values.get(part.name, _default(part)))}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(key)} = {_toml(item)}' for key, item in value.items())} }}" if value else "{}"
    # A JSON string is a TOML basic string but for DEL, which JSON leaves bare.
    return json.dumps("" if value is None else str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
