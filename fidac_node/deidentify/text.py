"""Words: folding them so that spellings meet, and telling harmless words from the rest.

``fold`` is how two spellings of one name become the same text: compatibility decomposition, no accents,
no case. The *vocabulary* is a closed list of words that images of the chest are described with; what
consists of such words alone says nothing of a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from fidac_node.errors import ConfigError

# Letters that have no decomposition, as French, German, Nordic and Polish names are typed without them.
_LETTERS: Final = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "þ": "th"})
_WORD: Final = re.compile(r"[^\W_]+")
_NUMBER_WITH_UNIT: Final = re.compile(r"\d{1,3}(?:mm|cm|kv|kvp|mas|ma|s|ms|sec|ml|cc|x\d{1,3})?")
# What machines write as make, model, kernel, software: letters of any script, digits, a few signs.
_PLAIN: Final = re.compile(r"[^\W_]|[ ._/+()\[\],:^*&|=#<>%'-]")
_LONG_NUMBER: Final = re.compile(r"\d[\d .,/_-]{4,}\d")
_PLAIN_LENGTH: Final = 64


def fold(text: str) -> str:
    """``text`` without accents, case or compatibility forms: ``LEFÈVRE`` and ``lefevre`` become one."""
    return text.lower() if text.isascii() else _fold_accents(text)


# Bounded, and values are at most as long as an attribute: the same few come with every slice.
@lru_cache(maxsize=2048)
def _fold_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def words(text: str) -> list[str]:
    """The runs of letters and digits in ``text``, folded."""
    return _WORD.findall(fold(text))


def is_listed(text: str, vocabulary: frozenset[str]) -> bool:
    """Say whether ``text`` consists of words of the vocabulary and short numbers with a unit, and of at least one."""
    found = words(text)
    return bool(found) and all(word in vocabulary or _NUMBER_WITH_UNIT.fullmatch(word) for word in found)


def is_plain(text: str) -> bool:
    """Say whether ``text`` has the shape of what a machine says of itself.

    One line of at most 64 letters, digits and common signs, and no number of six digits or more, in
    one piece or in groups: that would be a date, a telephone or an identifier.
    """
    return (
        0 < len(text) <= _PLAIN_LENGTH
        and all(_PLAIN.match(char) for char in text)
        and not any(sum(char.isdigit() for char in run) >= 6 for run in _LONG_NUMBER.findall(text))
    )


def read_vocabulary(files: Iterable[Path]) -> frozenset[str]:
    """Read word lists: words separated by blanks, ``#`` starts a comment. Raises :class:`ConfigError`."""
    found: set[str] = set()
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: the word list cannot be read: {error}") from error
        for line in lines:
            found.update(words(line.partition("#")[0]))
    return frozenset(found)
