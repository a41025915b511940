"""PS3.16: the codes that are published, and what they mean. Standard library alone.

A pair of scheme and value that stands here is the same in every hospital; whatever else looks like a code may be a
hospital's own, and with it a name, a number or a place.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from fidac_node.deidentify.rewrite import templates
from fidac_node.deidentify.rewrite.ps316 import CODES

# What SNOMED codes were written under before SCT (PS3.16 Table 8-1 and 8.1.1): their values are those of SNOMED-RT.
_SNOMED_RT: Final = frozenset({"SRT", "SNM3", "99SDM"})
# CodingSchemeVersion where PS3.16 or the scheme states a constant: annex D of PS3.16, and the UCUM that it refers to.
_VERSIONS: Final = frozenset({("DCM", "01"), ("UCUM", "1.4")})


def meaning_of(scheme: str, value: str) -> str | None:
    """The published meaning of a code; ``None``: it is not published, as far as we know.

    ``scheme`` is as in CodingSchemeDesignator.
    """
    return _meanings().get((_spelled(scheme), value.strip(" ")))


def published_version(scheme: str, version: str) -> bool:
    """Say whether a CodingSchemeVersion is a constant of its scheme; any other may be a date that was typed."""
    return (scheme.strip(" ").upper(), version.strip(" ")) in _VERSIONS


@cache
def phrases() -> frozenset[str]:
    """Every meaning that is published."""
    return frozenset(_meanings().values())


def _spelled(scheme: str) -> str:
    scheme = scheme.strip(" ").upper()
    return "SRT" if scheme in _SNOMED_RT else scheme


@cache
def _meanings() -> dict[tuple[str, str], str]:
    found = {}
    for line in CODES.splitlines():
        scheme, value, retired, meaning = line.split(" ", 3)
        found[scheme, value] = meaning
        if retired != "-":
            found["SRT", retired] = meaning
    # What dose reports say is written there as their templates have it.
    found.update({(_spelled(scheme), value): item.meaning for (_, scheme, value), item in templates.DOSE_ITEMS.items()})
    for codes in templates.VALUES.values():
        found.update({(_spelled(scheme), value): meaning for (scheme, value), meaning in codes.items()})
    found[templates.DOSE_REPORT] = templates.DOSE_REPORT_MEANING
    found[templates.TITLE_MODIFIER] = templates.TITLE_MODIFIER_MEANING
    return found
