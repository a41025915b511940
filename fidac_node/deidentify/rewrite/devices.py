"""What a scanner says of itself: the words and shapes of makers in make, model, software, kernel, filter, scan options.

A value is taken apart into tokens. A token stays if it is a word of the makers' vocabulary or has the shape of one of
their versions or kernels; what a hospital put beside it (a town, a room, a name) goes. Nothing is put in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from fidac_node.deidentify.rewrite.text import fold

# Letters and digits, and dots between them: LightSpeed16, 06MW03.5, 4.1. With the signs in them models such as Emotion
# 16 (2007), TSX-101A.
_TOKEN: Final = re.compile(r"(\b(?:6|16) \(20(?:07|10)\)|\b(?i:TSX)-[0-9]{3}[A-Za-z]\b|[^\W_]+(?:\.[^\W_]+)*)")
# What may stand between two tokens; anything else becomes a space.
_BETWEEN: Final = re.compile(r"[^ _/+.,:()&*%-]")
# Shapes with letters of their own, that a name or a date does not have.
_SHAPES: Final = re.compile(
    r"v[a-e][0-9]{2}[a-z]?|xa[0-9]{2}[a-z]?"  # Siemens: VA48A, VB20A
    r"|20[0-3][0-9][a-z]|(?:6|16) \(20(?:07|10)\)"  # Siemens: syngo CT 2012B
    r"|sl[0-9]{2}p[0-9]{2}"  # Siemens: SL10P58
    r"|[0-9]{2}[a-z]{2}[0-9]{2}\.[0-9]{1,2}"  # GE: 07MW18.4
    r"|(?:dm[0-9]{2}wxp|bj|lx|qin)\.[0-9]{1,3}"  # GE: dm14wxp.14, kl_lx.64
    r"|v[0-9]{1,2}\.[0-9]{1,2}(?:er|sp|rc)[0-9]{3,4}"  # Canon: V4.51ER010
    r"|v[0-9](?:\.[0-9]{1,2}){0,2}|v[0-9]{2}(?:\.[0-9]{1,2})?"
    r"|[bdhijqtu][0-9]{2}[a-z]"  # Siemens kernels: B70f, I70f
    r"|(?:ar|av|bf|bl|bq|br|bv|hc|hf|hn|hp|hr|hv|qr|qv|sa|sd|tr|ub|ur)[0-9]{2}[a-z]?"  # Siemens: Br59d, Qr40
    r"|f[cl][0-9]{2}[a-z]?|tsx-[0-9]{3}[a-z]"  # Canon kernels: FC08, FL03; models: TSX-101A
)
# Numbers, versions and kernels of one or two letters: a room, a street or initials might look the same.
_WEAK: Final = re.compile(
    r"[0-9]{1,3}|[0-9]{1,2}[a-z]|[0-9]{2}[a-z]\.[0-9]{1,2}"  # GE: revo_ct_21b.32
    r"|3500|5[013]00|6000|7500"  # Philips: CT 5100, Spectral CT 7500
    r"|(?![0-9]{2}\.[0-9]{2}\.[0-9]{2}$)[0-9]{1,2}(?:\.[0-9]{1,2}){1,2}"  # 4.1, 3.6.6; not 17.03.45
    r"|[0-9](?:\.[0-9]{1,2}){3}|[0-9]\.[0-9]\.[0-9]\.[0-9]{5}"  # Philips: 4.5.0.30020, with the number of the build
    r"|[a-filxyzh]|[cexyu][a-d]|ee"  # Philips kernels: A to F, L, YA, UB; HiSpeed CT/i; Canon: EE
    r"|[flps][0-9]{2}"
)
_LETTERS: Final = re.compile(r"[a-z]{2,}")
_GLUED: Final = re.compile(r"([a-z]{2,})[0-9]{1,3}")
_MOST_WEAK_DIGITS: Final = 5
_MOST_DIGITS: Final = 9  # a telephone number has ten
_LONGEST_BUILD: Final = 8
_MOST_SHAPES: Final = 2  # with digits, in all values of an element: three would hold a date, as v19 v61 v07 v14 does
_LONGEST: Final = 64  # LO (PS3.5 6.2)

_DROPPED, _KNOWN, _BESIDE = 0, 1, 2


def known_values(values: Iterable[str], words: frozenset[str], names: frozenset[str] = frozenset()) -> list[str]:
    """What may stay of all ``values`` of one element: of each what :func:`known` leaves.

    Nothing if no value has anything left. Together they may hold no more than one scanner has to say: two shapes with
    digits, nine digits, and few numbers beside them; where there are more, what has a digit goes. Nothing stays either
    if all its words are in ``names``, the folded words of persons' names in this object: it might be a person (Big
    Smart), while Philips Medical Systems is none.
    """
    kept = [known(one, words) for one in values]
    if _spells(kept):
        kept = [_in_letters(one, words) for one in kept]
    said = {word for one in kept for word in _words(one)}
    return kept if any(kept) and not (said and said <= names) else []


def _spells(values: list[str]) -> bool:
    """Say whether the digits of all values together could be a date or a telephone number."""
    tokens = [token for one in values for token in _TOKEN.findall(one)]
    numbered = [token for token in tokens if any(map(str.isdigit, token))]
    weak = [token for token in numbered if _WEAK.fullmatch(fold(token))]
    return (
        len(numbered) - len(weak) > _MOST_SHAPES
        or _digits(numbered) > _MOST_DIGITS
        or (_digits(weak) > _MOST_WEAK_DIGITS and len(tokens) > 1)
    )


def _in_letters(value: str, words: frozenset[str]) -> str:
    return " ".join(token for token in _TOKEN.findall(value) if token.isalpha() and _kind(token, words) == _KNOWN)


def _words(value: str) -> Iterator[str]:
    """The words in a value, also those that have a number: ``smart`` in SMART3 and smart.3; a shape is none."""
    for token in _TOKEN.findall(fold(value)):
        if not _SHAPES.fullmatch(token):
            yield from _LETTERS.findall(token)


def _digits(tokens: Iterable[str]) -> int:
    return sum(char.isdigit() for token in tokens for char in token)


def known(text: str, words: frozenset[str]) -> str:
    """What may stay of one value, ``text``: the tokens that are in ``words`` (folded) or have a shape of makers.

    Numbers, bare versions and kernels of one or two letters stay only if nothing else of the value is dropped. The rest
    keeps its spelling and order. Empty if nothing is left that has a letter, unless the value is one bare version.
    Doing it again changes nothing.
    """
    return _known(text, words) if 0 < len(text) <= _LONGEST else ""


@lru_cache(maxsize=1024)
def _known(text: str, words: frozenset[str]) -> str:
    parts = _TOKEN.split(" ".join(text.split()))
    tokens = parts[1::2]
    kinds = [_kind(token, words) for token in tokens]
    for index, pair in enumerate(pairwise(map(str.lower, tokens))):
        if " ".join(pair) in words:  # SMART MA: a word that is kept only beside the other
            kinds[index : index + 2] = _KNOWN, _KNOWN
    weak = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _BESIDE]
    if sum(map(str.isdigit, text)) > _MOST_DIGITS:
        kinds = [kind if token.isalpha() else _DROPPED for token, kind in zip(tokens, kinds, strict=True)]
    if _DROPPED in kinds or not _few(weak, len(tokens)):
        return " ".join(token for token, kind in zip(tokens, kinds, strict=True) if kind == _KNOWN)
    parts[::2] = [_BETWEEN.sub(" ", between) for between in parts[::2]]
    return " ".join("".join(parts).split())


def _few(weak: list[str], tokens: int) -> bool:
    """Say whether what has no word of its own is too little for a date, a telephone number or initials."""
    return _digits(weak) <= (_LONGEST_BUILD if tokens == 1 else _MOST_WEAK_DIGITS) and (
        len(weak) < tokens or tokens == 1
    )


def _kind(token: str, words: frozenset[str]) -> int:
    folded = fold(token)
    if not token.isascii():
        return _DROPPED
    if folded in words or _SHAPES.fullmatch(folded):
        return _KNOWN
    if _WEAK.fullmatch(folded):
        return _BESIDE
    glued = _GLUED.fullmatch(folded)
    if glued and glued[1] in words:
        return _KNOWN
    if "." in token:  # zeta.4
        kinds = {_kind(part, words) for part in token.split(".")}
        return _KNOWN if _KNOWN in kinds and _DROPPED not in kinds else _DROPPED
    return _DROPPED
