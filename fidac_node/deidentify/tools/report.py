"""The report on many objects as one JSON document, in the order of their handles.

The order of the input tells who came before whom. What the report says is never held in memory, only the order. The
actions taken on an object fill a page, and a series shares them: each such table is written once, under ``recipes``,
and objects refer to it by its position. Nothing here is a value of an object.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final, TextIO

from fidac_node.dicom.walk import describe

FORMAT: Final = "fidac-node deidentification report 1"
_TAG: Final = r"\([0-9A-F]{4},[0-9A-F]{4}\)"
_PATH: Final = re.compile(rf"{_TAG}(?:\.{_TAG})*")


def recipe_of(taken: Iterable[tuple[tuple[int, ...], str]]) -> str:
    """The actions taken, as the JSON of ``{"(0040,0275).(0010,0010) PatientName": "remove", ...}``.

    Items of one sequence share a line; where they differ it names every action.
    """
    actions: dict[tuple[int, ...], dict[str, None]] = {}
    for path, action in taken:
        actions.setdefault(path, {})[action] = None
    return json.dumps({describe(path): ", ".join(names) for path, names in actions.items()})


def described(paths: Iterable[tuple[int, ...]]) -> tuple[str, ...]:
    """Paths as people read them, each once: items of one sequence share it."""
    return tuple(map(describe, dict.fromkeys(paths)))


def tag_path(message: str) -> str:
    """The tag path that a reason names first, ``(0040,0275).(0010,0010)``; ``""`` if it names none."""
    found = _PATH.search(message)
    return found[0] if found else ""


class Report:
    """A report on ``target``, a context manager: what is written is a whole document whatever happens.

    ``head`` are facts about the run. A run that was broken off leaves ``"complete": false``.
    """

    def __init__(self, target: TextIO, head: Mapping[str, Any]) -> None:
        self._target = target
        self._known: dict[bytes, int] = {}
        self._recipes = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115  # closed by __exit__
        self._entries = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115  # closed by __exit__
        self._order: list[tuple[str, int]] = []  # by what each entry is sorted, and where it begins
        self._size = 0
        self._summary: Mapping[str, Any] = {}
        self._complete = False
        head = {"format": FORMAT, **head}
        target.write(
            "{\n"
            + "".join(f" {json.dumps(name)}: {json.dumps(value)},\n" for name, value in head.items())
            + ' "objects": ['
        )

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._recipes, self._entries:
            for number, (_, start) in enumerate(sorted(self._order)):
                self._entries.seek(start)
                self._target.write((",\n  " if number else "\n  ") + self._entries.readline().rstrip("\n"))
            self._target.write('\n ],\n "recipes": [')
            self._recipes.seek(0)
            shutil.copyfileobj(self._recipes, self._target)
        facts = {"complete": self._complete and kind is None, **self._summary}
        self._target.write(
            "\n ],\n"
            + ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in facts.items())
            + "\n}\n"
        )

    def add(self, entry: Mapping[str, Any], recipe: str = "") -> None:
        """Note one object; ``recipe`` as :func:`recipe_of` says it, or nothing.

        Those with an ``output`` come first, in its order.
        """
        if recipe:
            entry = {**entry, "recipe": self._position(recipe)}
        output = str(entry.get("output", ""))
        self._order.append((output or "~", self._size))  # after every handle, which is of letters and digits
        self._size += self._entries.write(json.dumps(entry) + "\n")

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Every object was reported; ``summary`` are facts about all of them."""
        self._summary = summary
        self._complete = True

    def _position(self, recipe: str) -> int:
        # Sixteen bytes for each table in memory, the table itself on disk: hostile input makes many.
        digest = hashlib.sha256(recipe.encode()).digest()[:16]
        if digest not in self._known:
            self._recipes.write(("," if self._known else "") + "\n  " + recipe)
            self._known[digest] = len(self._known)
        return self._known[digest]
