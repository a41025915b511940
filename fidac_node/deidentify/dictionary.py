"""PS3.6: which tag a keyword names, and which value representations a tag may have.

The only place that asks pydicom's copy of the data dictionary; a table of our own can stand here.
"""

from __future__ import annotations

import difflib
from functools import lru_cache

from pydicom.datadict import (
    dictionary_has_tag,
    dictionary_keyword,
    dictionary_VM,
    dictionary_VR,
    get_entry,
    keyword_dict,
    tag_for_keyword,
)
from pydicom.tag import Tag


def tag_of(keyword: str) -> int | None:
    """The tag that ``keyword`` names in PS3.6, spelled exactly so; ``None`` if there is none."""
    return tag_for_keyword(keyword)


def nearest_keyword(keyword: str) -> str | None:
    """The keyword of PS3.6 that looks most like a misspelt one."""
    folded = {name.lower(): name for name in keyword_dict}
    found = difflib.get_close_matches(keyword.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


# Tags come from the field and are any number: the cache is bounded.
@lru_cache(maxsize=8192)
def vrs_of(tag: int) -> tuple[str, ...]:
    """The value representations of ``tag`` in PS3.6; empty for private and unknown tags."""
    if Tag(tag).is_private:
        return ()
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return ()
    return tuple(part for part in vr.split(" or ") if len(part) == 2)


@lru_cache(maxsize=8192)
def most_values(tag: int) -> int | None:
    """How many values ``tag`` may have at most (PS3.6 VM); ``None``: any number."""
    try:
        most = dictionary_VM(tag).rpartition("-")[2]
    except KeyError:
        return None
    return int(most) if most.isdigit() else None


@lru_cache(maxsize=8192)
def keyword_of(tag: int) -> str:
    """The keyword of ``tag``, ``""`` if it has none."""
    if dictionary_has_tag(tag):
        return dictionary_keyword(tag)
    try:
        return get_entry(tag)[4]
    except KeyError:
        return ""
