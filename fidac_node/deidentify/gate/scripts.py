"""Names in other scripts, in Latin letters: how somebody else may have typed them. Standard library alone.

The search for a name must also find it where another machine, or a person, wrote it in Latin letters: ``Николай`` as
``Nikolay``. There is more than one way to write most names; this is the one of anyascii (:mod:`.letters`): ideographs
as pinyin without tones, Hangul as the revised romanisation of each syllable, other scripts letter by letter.
"""

from __future__ import annotations

import base64
import unicodedata
import zlib
from functools import cache, lru_cache
from typing import Final

# Below these code points all letters are Latin ones; accents are for :func:`.text.fold`.
_FIRST: Final = 0x0370
# One sign, one syllable: ideographs and Hangul.
_SYLLABLES: Final = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xAC00, 0xD7A4))


def latin(text: str, *, apart: bool = False) -> str:
    """``text`` with the letters of other scripts in Latin ones; the rest stays: ``李娜`` becomes ``LiNa``.

    With ``apart`` each syllable of ideographs and Hangul is a word of its own: ``Li Na``. Compatibility forms
    (half-width kana, Arabic presentation forms, jamo) are composed first.
    """
    return text if text.isascii() else _latin(text, apart)


@lru_cache(maxsize=512)
def _latin(text: str, apart: bool) -> str:
    if all(ord(char) < _FIRST for char in text):
        return text
    return "".join(_letters_for(char, apart) for char in unicodedata.normalize("NFKC", text)).strip(
        " " if apart else ""
    )


def _letters_for(char: str, apart: bool) -> str:
    code = ord(char)
    if code < _FIRST:
        return char
    written = _letters().get(code, char)
    if not written:  # a sign that is not heard: a mark, a soft sign, an alef
        return "" if unicodedata.category(char)[0] in "LM" else char
    return f"{written} " if apart and any(start <= code < end for start, end in _SYLLABLES) else written


@cache
def _letters() -> dict[int, str]:
    """What stands for each code point of the table: 30,000 entries, read where a name needs them."""
    from fidac_node.deidentify.gate.letters import LETTERS, RANGES

    codes = (code for start, end in RANGES for code in range(start, end))
    lines = zlib.decompress(base64.b85decode(LETTERS.replace("\n", ""))).decode("ascii").split("\n")
    return dict(zip(codes, lines, strict=True))
