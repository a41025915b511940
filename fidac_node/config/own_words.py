"""Words that only a hospital knows: its names, its town, its departments, the people who work there.

No table has them, so a site names them itself, in its settings and in a file beside them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError

_WORD: Final = re.compile(r"[^\W_]+")
_SHORTEST: Final = 3  # letters: shorter words stand in any text
_LONGEST: Final = 64
_MOST: Final = 5000


def own_word_problem(value: str) -> str | None:
    """Say what is wrong with a word, or some words, of a site's own; ``None``: nothing."""
    if len(value) > _LONGEST or not value.isprintable() or "\\" in value:
        return f"{value[:_LONGEST]!r} is no name: write 1 to {_LONGEST} letters, without backslash"
    found = _WORD.findall(value)
    if found and all(word.isdigit() for word in found):
        return f"{value!r} is a bare number, as many a measurement is: write a word, or leave it out"
    if not any(len(word) >= _SHORTEST and not word.isdigit() for word in found):
        return f"{value!r} is too short to be looked for: write a word of at least {_SHORTEST} letters, or leave it out"
    return None


def read_own_words(listed: Sequence[str], file: Path | None) -> tuple[str, ...]:
    """All words of a site's own: those ``listed`` in its settings, and the lines of ``file``; ``#`` starts a comment.

    Raises :class:`ConfigError` for a file that cannot be read, for a line that is no word (its number is told, not the
    line: it may be a person), and for too many.
    """
    found = [*listed]
    for number, line in enumerate(_lines(file) if file is not None else (), start=1):
        word = line.partition("#")[0].strip()
        if word and own_word_problem(word):
            raise ConfigError(
                f"{file}:{number}: is no word to look for: write a name with a word of at least {_SHORTEST} letters, "
                "no bare number, or leave it out"
            )
        found += [word] if word else []
    if len(found) > _MOST:
        raise ConfigError(
            f"{len(found)} words of your own are more than the {_MOST} that can be looked for: list fewer"
        )
    return tuple(dict.fromkeys(found))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: the list of your own words cannot be read: {error}") from error
