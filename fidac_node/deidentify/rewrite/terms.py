"""PS3.3: which terms a code attribute (CS) of a CT image may have. Standard library alone."""

from __future__ import annotations

from functools import cache
from typing import Final

from fidac_node.deidentify.rewrite.ps33 import TERMS

_NONE: Final[frozenset[str]] = frozenset()


def terms_of(tag: int) -> frozenset[str]:
    """The Defined Terms and Enumerated Values of ``tag``, whatever the number of the value; empty if none are known."""
    return _terms().get(tag, _NONE)


@cache
def _terms() -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for line in TERMS.splitlines():
        tag, _, terms = line.partition(" ")
        found.setdefault(int(tag, 16), set()).update(terms.split(","))
    return {tag: frozenset(terms) for tag, terms in found.items()}
