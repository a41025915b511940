"""What the query of a search means (PS3.18 8.3.4): which rows, which of their attributes, from where and how many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.exceptions import HTTPException

from fidac_node.dicom import marks
from fidac_node.dicom.dictionary import keyword_of, tag_of
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.hub.index.keys import PRIVATE, Unusable, fields_of
from fidac_node.hub.web.dicomweb.rows import ALL, FIELDS, QUERY_KEYS
from fidac_node.operations.index import StudyFilter

_OTHERS: Final = frozenset({"accept", "charset", "limit", "offset"})
_FUZZY: Final = "fuzzymatching"
# Not attributes: these, and what chooses the media type (8.3.3).
_WORDS: Final = frozenset({_FUZZY, "emptyvaluematching", "multiplevaluematching"})
_NOT_SUPPORTED: Final = "The {} parameter is not supported. Only literal matching has been performed."
_UINT: Final = re.compile(r"\d{1,30}", re.ASCII)
_MOST: Final = 2**31 - 1
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")
_MOST_PARAMETERS: Final = 200
_PRIVATE: Final = {key.tag: name for name, key in PRIVATE.items()}
# How a value is written, for who wrote another.
_HOW: Final = {
    "DA": "write a day as YYYYMMDD, or a range as YYYYMMDD-YYYYMMDD, -YYYYMMDD or YYYYMMDD-",
    "TM": "write a time as HH, HHMM, HHMMSS or HHMMSS.FFFFFF, or a range of two, of which one may be missing",
    "UI": "write a UID, or several separated by commas (PS3.5 9.1)",
}
_OF_PATH: Final = {"study": "study_uid", "series": "series_uid", "instance": "sop_uid"}


@dataclass
class Search:
    """A query, read: what must match, which attributes are wanted beside the usual, and what was not understood.

    ``matched`` are the keys that were given; with ``none`` nothing can match them.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    none: bool = False
    matched: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    limit: int | None = None
    offset: int = 0
    warnings: list[str] = field(default_factory=list)

    def filter(self, allowed: StudyFilter, path: Mapping[str, str]) -> StudyFilter | None:
        """Return the question, within what is ``allowed`` and what the path names; ``None``: nothing can match.

        Raises ``ValueError`` for what is no UID in the path.
        """
        within = of_path(path)
        # One address is of one thing: who asks for another there asks for what is not there.
        given = {name: self.fields[name].split("\\") for name in within.keys() & self.fields.keys()}
        if self.none or any(within[name] not in uids for name, uids in given.items()):
            return None
        return replace(allowed, **{**self.fields, **within})


def of_path(path: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of the question that a path is. Raises ``ValueError`` for what is no UID."""
    if not all(map(is_valid_uid, path.values())):  # no list and no wild card: an address is of one thing
        raise ValueError("not a UID")
    return {_OF_PATH[name]: uid for name, uid in path.items()}


def read(items: Iterable[tuple[str, str]]) -> Search:
    """Read a query. Raises 400, with what is wrong, for what PS3.18 does not allow."""
    values, included = _once(items)
    said = {name: _boolean(name, values[name]) for name in _WORDS & values.keys()}
    search = Search(
        limit=_uint("limit", values["limit"]) if "limit" in values else None,
        offset=_uint("offset", values.get("offset", "0")),
        names={known for one in included if (known := _included(one.strip()))},
        warnings=[_NOT_SUPPORTED.format(name) for name, on in said.items() if on and name != _FUZZY],
    )
    not_matched = []
    for name, value in values.items():
        if name in _WORDS | _OTHERS:
            continue
        if known := _key(name, value):
            _match(search, known, value, fuzzy=said.get(_FUZZY, False))
        elif value.strip("* ") and _attribute(name) != marks.PRIVATE_CREATOR:
            not_matched.append(_shown(name))
    if not_matched:
        search.warnings.append(f"Not held by the index, and not matched: {', '.join(not_matched)}")
    return search


def _once(items: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """The parameters by their names, and the attributes to include; the others are given once each."""
    values, included = dict[str, str](), list[str]()
    for number, (name, value) in enumerate(items):
        if number >= _MOST_PARAMETERS:
            raise bad(f"more than {_MOST_PARAMETERS} parameters")
        if name == "includefield":
            included += value.split(",")
        elif name in values and name != "accept":
            raise bad(f"{_shown(name)} is given twice")
        else:
            values[name] = value
    return values, included


def bad(message: str) -> HTTPException:
    """Return the answer to a query that cannot be read (PS3.18 Table 10.6.3-1)."""
    return HTTPException(400, message)


def _match(search: Search, name: str, value: str, *, fuzzy: bool) -> None:
    """Add one key to the question; a list of UIDs has commas here (PS3.18 8.3.4.1)."""
    key = QUERY_KEYS[name]
    if name in search.matched:
        raise bad(f"{name} is given twice")
    search.matched.add(name)
    if key.vr == "UI":
        value = value.replace(",", "\\")
    if key.vr == "PN" and fuzzy and value.strip("* "):
        # PS3.4 C.2.2.2.1.1 leaves open how: a pseudonym has no sound, so by how it begins.
        value = value.rstrip("*") + "*"
    try:
        part = fields_of(name, value)
    except Unusable as error:
        raise bad(f"{error}: {_HOW[key.vr]}" if key.vr in _HOW else str(error)) from None
    if part is None:
        search.none = True
    else:
        search.fields |= part


def _key(name: str, value: str) -> str:
    """Return which key a parameter is, or nothing. Raises 400 for what is no attribute."""
    known = _attribute(name)
    if known == marks.PRIVATE_CREATOR and value.strip() not in ("", marks.PRIVATE_CREATOR):
        raise bad(f"{_shown(name)}: the index has private elements of {marks.PRIVATE_CREATOR} alone")
    return known if known in QUERY_KEYS else ""


def _is_creator(name: str) -> bool:
    return _attribute(name) == marks.PRIVATE_CREATOR


def _included(name: str) -> str | None:
    """The attribute to include; ``None`` for one that the index does not hold, which is left out (PS3.18 8.3.4.3)."""
    if name == ALL:
        return ALL
    known = _attribute(name)
    return known if known in FIELDS or known in PRIVATE else None


def _attribute(name: str) -> str:
    """Return the keyword of an attribute of PS3.6, of its tag, or of our private elements; nothing for another's.

    In a path through sequences all must be attributes. Raises 400 for what is none.
    """
    keywords = [_one_attribute(part, name) for part in name.split(".")]
    return keywords[0] if len(keywords) == 1 else ""


def _one_attribute(part: str, name: str) -> str:
    if not _TAG.fullmatch(part):
        if not part or tag_of(part) is None:
            raise bad(f"{_shown(name)} is no attribute of PS3.6: write a keyword or eight hexadecimal digits")
        return part
    tag = int(part, 16)
    if tag == marks.PRIVATE_CREATOR_TAG:
        return marks.PRIVATE_CREATOR
    if tag & 0x10000:
        return _PRIVATE.get(tag, "")
    if not (keyword := keyword_of(tag)):
        raise bad(f"{_shown(name)} is the tag of no attribute of PS3.6")
    return keyword


def _uint(name: str, value: str) -> int:
    if not _UINT.fullmatch(value.strip()):
        raise bad(f"{name} must be a whole number, 0 or more")
    return min(int(value), _MOST)


def _boolean(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise bad(f"{name} must be true or false")
    return value == "true"


def _shown(name: str) -> str:
    """A name as it may stand in an answer: what a client wrote may be anything."""
    return re.sub(r"[^\w.]", "?", name, flags=re.ASCII)[:64] or "''"
