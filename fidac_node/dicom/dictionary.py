"""PS3.6: which tag a keyword names, and which value representations a tag may have. Standard library alone."""

from __future__ import annotations

import difflib
from functools import cache, lru_cache
from typing import Final, NamedTuple

from fidac_node.dicom.ps36 import TABLE

# Tags come from the field and are any number: every cache by tag is bounded.
_REMEMBERED: Final = 8192
_BITS: Final = {digit: 0 if digit == "x" else 15 for digit in "0123456789ABCDEFx"}


class _Attribute(NamedTuple):
    vrs: tuple[str, ...]
    most_values: int | None
    keyword: str


def tag_of(keyword: str) -> int | None:
    """The tag that ``keyword`` names in PS3.6, spelled exactly so; ``None`` if there is none."""
    return _keywords().get(keyword)


def nearest_keyword(keyword: str) -> str | None:
    """The keyword of PS3.6 that looks most like a misspelt one."""
    folded = {name.lower(): name for name in _keywords()}
    found = difflib.get_close_matches(keyword.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def vrs_of(tag: int) -> tuple[str, ...]:
    """The value representations of ``tag`` in PS3.6; empty for private and unknown tags."""
    return _attribute(tag).vrs


def most_values(tag: int) -> int | None:
    """How many values ``tag`` may have at most (PS3.6 VM); ``None``: any number."""
    return _attribute(tag).most_values


def keyword_of(tag: int) -> str:
    """The keyword of ``tag``, ``""`` if it has none."""
    return _attribute(tag).keyword


@lru_cache(maxsize=_REMEMBERED)
def _attribute(tag: int) -> _Attribute:
    line = _lines().get(tag)
    if line is None and (tag >> 16) % 2 == 0:
        line = next((line for mask, value, line in _repeaters() if tag & mask == value), None)
    if line is None:
        return _Attribute((), None, "")
    vrs, vm, keyword = line.split(" ")
    most = vm.rpartition("-")[2]
    return _Attribute(
        tuple(vr for vr in vrs.split("/") if len(vr) == 2), int(most) if most.isdigit() else None, keyword.strip("-")
    )


@cache
def _lines() -> dict[int, str]:
    """VRs, VM and keyword of each attribute, by tag."""
    return {int(line[:8], 16): line[9:] for line in TABLE.splitlines() if "x" not in line[:8]}


@cache
def _repeaters() -> tuple[tuple[int, int, str], ...]:
    """The attributes of repeating groups: which bits of the tag count, their value, and the rest of the line."""
    found = []
    for line in TABLE.splitlines():
        digits = line[:8]
        if "x" in digits:
            mask = int("".join(f"{_BITS[digit]:X}" for digit in digits), 16)
            found.append((mask, int(digits.replace("x", "0"), 16), line[9:]))
    return tuple(found)


@cache
def _keywords() -> dict[str, int]:
    return {line.rpartition(" ")[2]: tag for tag, line in _lines().items() if not line.endswith("-")}
