"""What a scanner says of itself: the words and shapes of makers in make, model, software, kernel, filter, scan options.

A value is taken apart into tokens. A token stays if it is a word of the makers' vocabulary or has the shape of one of
their versions or kernels; what a hospital put beside it (a town, a room, a name) goes. Nothing is put in its place.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fidac_node.deidentify.text import fold

# Letters and digits, and dots between them: LightSpeed16, 06MW03.5, 4.1.
_TOKEN: Final = re.compile(r"([^\W_]+(?:\.[^\W_]+)*)")
# What may stand between two tokens; anything else becomes a space.
_BETWEEN: Final = re.compile(r"[^ _/+.,:()&*%-]")
# Shapes with letters of their own, that a name or a date does not have.
_SHAPES: Final = re.compile(
    r"v[a-e][0-9]{2}[a-z]?|xa[0-9]{2}[a-z]?"  # Siemens: VA48A, VB20A
    r"|20[0-3][0-9][a-z]"  # Siemens: syngo CT 2012B
    r"|[0-9]{2}[a-z]{2}[0-9]{2}\.[0-9]{1,2}"  # GE: 07MW18.4
    r"|v[0-9]{1,2}\.[0-9]{1,2}(?:er|sp|rc)[0-9]{3,4}"  # Canon: V4.51ER010
    r"|v[0-9](?:\.[0-9]{1,2}){0,2}|v[0-9]{2}(?:\.[0-9]{1,2})?"
    r"|[bdhijqtu][0-9]{2}[a-z]"  # Siemens kernels: B70f, I70f
    r"|(?:ar|av|bf|bl|bq|br|bv|hc|hf|hn|hp|hr|hv|qr|qv|sa|sd|tr|ub|ur)[0-9]{2}[a-z]?"  # Siemens: Br59d, Qr40
    r"|fc[0-9]{2}[a-z]?"  # Canon kernels: FC08
)
# Numbers, versions and kernels of one or two letters: a room, a street or initials might look the same.
_WEAK: Final = re.compile(
    r"[0-9]{1,3}|[0-9]{1,2}[a-z]"
    r"|(?![0-9]{2}\.[0-9]{2}\.[0-9]{2}$)[0-9]{1,2}(?:\.[0-9]{1,2}){1,2}"  # 4.1, 3.6.6; not 17.03.45
    r"|[0-9](?:\.[0-9]{1,2}){3}|[0-9]\.[0-9]\.[0-9]\.[0-9]{5}"  # Philips: 4.5.0.30020, with the number of the build
    r"|[a-filxyzh]|[cexyu][a-d]"  # Philips kernels: A to F, L, YA, UB; HiSpeed CT/i
    r"|[flps][0-9]{2}"
)
_GLUED: Final = re.compile(r"([a-z]{2,})[0-9]{1,3}")
_MOST_WEAK_DIGITS: Final = 5
_MOST_DIGITS: Final = 9  # a telephone number has ten
_LONGEST_BUILD: Final = 8
_LONGEST: Final = 64  # LO (PS3.5 6.2)

_DROPPED, _KNOWN, _BESIDE = 0, 1, 2


def known(text: str, words: frozenset[str]) -> str:
    """What may stay of one value, ``text``: the tokens that are in ``words`` (folded) or have a shape of makers.

    Numbers, bare versions and kernels of one or two letters stay only if nothing else of the value is dropped. The rest keeps
    its spelling and order. Empty if nothing is left that has a letter, unless the value is one bare version. Doing it again
    changes nothing.
    """
    return _known(text, words) if 0 < len(text) <= _LONGEST else ""


@lru_cache(maxsize=1024)
def _known(text: str, words: frozenset[str]) -> str:
    parts = _TOKEN.split(" ".join(text.split()))
    tokens = parts[1::2]
    kinds = [_kind(token, words) for token in tokens]
    weak = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _BESIDE]
    if sum(map(str.isdigit, text)) > _MOST_DIGITS:
        kinds = [kind if token.isalpha() else _DROPPED for token, kind in zip(tokens, kinds, strict=True)]
    if _DROPPED in kinds or not _few(weak, len(tokens)):
        return " ".join(token for token, kind in zip(tokens, kinds, strict=True) if kind == _KNOWN)
    parts[::2] = [_BETWEEN.sub(" ", between) for between in parts[::2]]
    return " ".join("".join(parts).split())


def _few(weak: list[str], tokens: int) -> bool:
    """Say whether what has no word of its own is too little for a date, a telephone number or initials."""
    digits = sum(char.isdigit() for token in weak for char in token)
    return digits <= (_LONGEST_BUILD if tokens == 1 else _MOST_WEAK_DIGITS) and (len(weak) < tokens or tokens == 1)


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
