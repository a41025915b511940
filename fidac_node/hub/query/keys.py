"""At which level of C-FIND each key is, and which the levels above must give (PS3.4 C.4.1.2.1)."""

from __future__ import annotations

from typing import Final

from fidac_node.hub.index.keys import KEYS, LEVELS, Key

__all__ = ["KEYS", "LEVELS", "TAGS", "UNIQUE", "above", "is_at"]

_ORDER: Final = {level: number for number, level in enumerate(LEVELS)}
# The Unique Key of each level.
UNIQUE: Final = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}
TAGS: Final = {key.tag: keyword for keyword, key in KEYS.items()}


def is_at(key: Key, level: str) -> bool:
    """Say whether entities of ``level`` have this key: it is theirs, or that of what they belong to."""
    return key.level == level if key.alone else _ORDER[key.level] <= _ORDER[level]


def above(level: str, top: str) -> list[str]:
    """The Unique Keys that a question at ``level`` must give of the levels above it (PS3.4 C.4.1.2.1).

    ``top`` is the first level of the information model.
    """
    return [UNIQUE[name] for name in LEVELS if _ORDER[top] <= _ORDER[name] < _ORDER[level]]
