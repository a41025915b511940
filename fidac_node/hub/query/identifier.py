"""The identifier of a query (PS3.4 C.4.1.1.3): read as bytes, checked, and made the question that it is."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Final

from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from fidac_node.dicom import charset
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.tags import SPECIFIC_CHARACTER_SET
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.hub.index.keys import Unusable, fields_of
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.query.keys import KEYS, LEVELS, TAGS, UNIQUE, above, is_at

# PS3.4 Table C.4-1: Identifier does not match SOP Class; Unable to process.
MISMATCH: Final = 0xA900
NOT_READABLE: Final = 0xC001

LEVEL: Final = 0x00080052
_TIMEZONE: Final = 0x00080201
# What every identifier may hold and no entity has (PS3.4 C.4.1.1.3.1).
_NO_KEYS: Final = frozenset({SPECIFIC_CHARACTER_SET, LEVEL, _TIMEZONE})
_GROUP_LENGTH: Final = 0x0000
_SHORT: Final = struct.Struct("<H")


class Refused(Exception):
    """An identifier that has no answer: the status, its ErrorComment, and the tags that it is about."""

    def __init__(self, status: int, comment: str, *tags: int) -> None:
        super().__init__(comment)
        self.status = status
        self.tags = tags


@dataclass(frozen=True)
class Identifier:
    """What was asked: the level, each key's text by tag, what was said of character sets.

    ``sequences`` have the number of their items; ``unknown`` are the tags of what the level does not have.
    """

    level: str
    keys: Mapping[int, str]
    character_sets: tuple[str, ...]
    sequences: Mapping[int, int]

    @property
    def known(self) -> dict[str, str]:
        """The keys that this level has, by keyword."""
        found = {TAGS[tag]: text for tag, text in self.keys.items() if tag in TAGS}
        return {keyword: text for keyword, text in found.items() if is_at(KEYS[keyword], self.level)}

    @property
    def is_all_known(self) -> bool:
        """Whether every key is returned, and matched as a required one is."""
        unmatched = any(text and KEYS[name].column and not KEYS[name].filter for name, text in self.known.items())
        return not unmatched and not self.sequences and len(self.known) == len(self.keys)


def read(encoded: bytes, transfer_syntax: str) -> Identifier:
    """Read an identifier. Raises :class:`Refused`."""
    try:
        uid = UID(transfer_syntax)
        ds = read_dataset(BytesIO(encoded), uid.is_implicit_VR, uid.is_little_endian)
        elements = {int(tag): ds.get_item(tag) for tag in ds.keys()}  # noqa: SIM118 - a Dataset iterates over elements
        sequences = {tag: len(ds[tag].value) for tag, element in elements.items() if _is_sequence(tag, element)}
        if any(_is_cut_short(element) for tag, element in elements.items() if tag not in sequences):
            raise EOFError
    except Exception as error:  # whatever decoding the bytes of a stranger leads to
        raise Refused(NOT_READABLE, f"the identifier cannot be read ({type(error).__name__})") from error
    raw = {tag: _raw(element) for tag, element in elements.items() if tag not in sequences}
    declared = tuple(value.strip() for value in raw.get(SPECIFIC_CHARACTER_SET, b"").decode("latin-1").split("\\"))
    keys = {
        tag: _text(tag, value, declared)
        for tag, value in raw.items()
        if tag not in _NO_KEYS and tag & 0xFFFF != _GROUP_LENGTH
    }
    level = raw.get(LEVEL, b"").decode("latin-1").strip(" \x00")
    if level not in LEVELS:
        raise Refused(MISMATCH, "QueryRetrieveLevel is none of PATIENT, STUDY, SERIES, IMAGE", LEVEL)
    for tag, items in sequences.items():
        if items > 1:  # PS3.4 C.2.2.2.6
            raise Refused(MISMATCH, "a sequence has more than one item", tag)
    return Identifier(level, keys, declared if any(declared) else (), sequences)


def question(asked: Identifier, top: str, allowed: StudyFilter) -> StudyFilter | None:
    """Make the question of a C-FIND out of what the client is ``allowed`` to ask; ``None``: nothing can match.

    ``top`` is the first level of the information model. Raises :class:`Refused`.
    """
    known = asked.known
    for keyword in _unique_keys(asked, top)[:-1]:
        _check_unique(keyword, known.get(keyword, ""))
    fields: dict[str, Any] = {}
    for keyword, text in known.items():
        part = _fields(keyword, text)
        if part is None:
            return None
        fields |= part
    return replace(allowed, **fields)


def chosen(asked: Identifier, top: str, allowed: StudyFilter) -> StudyFilter:
    """Make the choice of a C-MOVE or C-GET out of what the client is ``allowed`` to retrieve (PS3.4 C.4.2.1.4.1).

    The Unique Keys alone count: of each level above one value, of the level itself one PatientID or a list of UIDs.
    ``top`` is the first level of the information model. Raises :class:`Refused`.
    """
    names = _unique_keys(asked, top)
    fields: dict[str, Any] = {}
    for keyword in names:
        text = asked.known.get(keyword, "")
        if keyword != names[-1] or keyword == UNIQUE["PATIENT"]:
            _check_unique(keyword, text)
        elif not text.strip("*"):
            raise Refused(MISMATCH, f"a {keyword} or several are required at this level", KEYS[keyword].tag)
        fields |= _fields(keyword, text) or {}
    return replace(allowed, **fields)


def _fields(keyword: str, text: str) -> dict[str, Any] | None:
    """What the text of a key asks for; ``None``: nobody has such a value. Raises :class:`Refused`."""
    try:
        return fields_of(keyword, text)
    except Unusable as error:
        raise Refused(MISMATCH, str(error), KEYS[keyword].tag) from None


def _unique_keys(asked: Identifier, top: str) -> list[str]:
    """The Unique Keys from the top of an information model to the level that is asked for. Raises :class:`Refused`."""
    if asked.level not in list(LEVELS)[list(LEVELS).index(top) :]:
        raise Refused(MISMATCH, f"this information model has no level {asked.level}", LEVEL)
    return [*above(asked.level, top), UNIQUE[asked.level]]


def _check_unique(keyword: str, value: str) -> None:
    """A level above is named by a single value of its Unique Key (PS3.4 C.4.1.2.1)."""
    is_one = bool(value) and not set(value) & set("*?\\")
    if not is_one or (keyword != UNIQUE["PATIENT"] and not is_valid_uid(value)):
        raise Refused(MISMATCH, f"a single {keyword} is required at this level", KEYS[keyword].tag)


def _is_sequence(tag: int, element: Any) -> bool:
    vr = element.VR or next(iter(vrs_of(tag)), "UN")
    return vr == "SQ" or isinstance(element.value, Sequence)


def _is_cut_short(element: Any) -> bool:
    return bool(element.is_raw and len(element.value or b"") != element.length)


def _raw(element: Any) -> bytes:
    value = element.value
    return value if isinstance(value, bytes) else b""


def _text(tag: int, value: bytes, declared: tuple[str, ...]) -> str:
    if tag in TAGS and KEYS[TAGS[tag]].vr == "US":
        return _numbers(tag, value)
    try:
        return charset.decode(value.rstrip(b"\x00"), declared).strip(" ")
    except charset.Undecodable as error:
        if tag not in TAGS:
            return ""  # nobody asks what it says
        raise Refused(NOT_READABLE, str(error), tag) from error


def _numbers(tag: int, value: bytes) -> str:
    """Binary numbers as their text; both transfer syntaxes are Little Endian."""
    if len(value) % _SHORT.size:
        raise Refused(NOT_READABLE, f"{TAGS[tag]} has half a number", tag)
    return "\\".join(str(number) for (number,) in _SHORT.iter_unpack(value))
