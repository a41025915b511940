"""A question to the index in words, for the record of acts: nobody's name, and no UID of before, may get into it."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, Final

from fidac_node.hub.index.matching import StudyFilter

NOBODY: Final = "by a value that nobody has"
_DEFAULTS: Final = StudyFilter()
# What asks for who it is: a person who asks with a true name or number must not have it written down.
_WHO: Final = frozenset({"patient", "name"})
_UIDS: Final = frozenset({"study_uid", "series_uid", "sop_uid"})
_HOW: Final = frozenset({"case_sensitive"})
# A pseudonym begins with the code or id of its site, and 16 letters and digits of base32 follow, or a wild card.
_PSEUDONYM: Final = re.compile(r"[A-Za-z0-9_-]{1,32}-[A-Za-z2-7?]{0,16}\*?")
_OURS: Final = "2.25."  # what de-identification writes (PS3.5 B.2)
_MOST_UIDS: Final = 3
_LONGEST: Final = 64


def words(level: str, wanted: StudyFilter) -> str:
    """Say what is asked for at ``level``: the filters that are set, in the names of ``hub find``."""
    said = (
        (field.name, value)
        for field in fields(wanted)
        if field.name not in _HOW and (value := getattr(wanted, field.name)) != getattr(_DEFAULTS, field.name)
    )
    return f"{level}: {', '.join(f'{name} {_told(name, value)}' for name, value in said) or 'all'}"


def _told(name: str, value: Any) -> str:
    if name in _WHO and not _PSEUDONYM.fullmatch(value):
        return f"(no pseudonym, {len(value)} characters)"
    if name in _UIDS:
        uids = value.split("\\")
        named = ", ".join(uid if uid.startswith(_OURS) else "(no UID of ours)" for uid in uids[:_MOST_UIDS])
        return named if len(uids) <= _MOST_UIDS else f"{named} and {len(uids) - _MOST_UIDS} more"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
