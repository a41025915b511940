"""What the query of a search means (PS3.18 8.3.4): which rows, which of their attributes, from where and how many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydicom.datadict import dictionary_has_tag, keyword_for_tag, tag_for_keyword
from starlette.exceptions import HTTPException

from fidac_node.dicom import marks
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.hub.web.dicomweb.rows import ALL, FIELDS
from fidac_node.operations.index import ATTRIBUTES, PRIVATE, Key, StudyFilter

# Not attributes: these, and what chooses the media type (8.3.3).
_WORDS: Final = frozenset({"fuzzymatching", "emptyvaluematching", "multiplevaluematching"})
_OTHERS: Final = frozenset({"accept", "charset", "limit", "offset", "includefield"})
_UINT: Final = re.compile(r"\d{1,30}", re.ASCII)
_MOST: Final = 2**31 - 1
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")
_MOST_PARAMETERS: Final = 200
_PRIVATE: Final = {tag: name for name, tag in PRIVATE.items()}


@dataclass
class Search:
    """A query, read: what must match, which attributes are wanted beside the usual, and what was not understood."""

    keys: list[Key] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    limit: int | None = None
    offset: int = 0
    warnings: list[str] = field(default_factory=list)

    def filter(self, path: Mapping[str, str]) -> StudyFilter:
        """Return the filter: the keys, within what the path names. Raises ``ValueError`` for what is no UID."""
        within = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}
        if not all(map(is_valid_uid, path.values())):  # no list and no wild card: an address is of one thing
            raise ValueError("not a UID")
        of_path = (Key(within[name], (uid,)) for name, uid in path.items())
        return StudyFilter(keys=(*self.keys, *of_path))


def read(items: Iterable[tuple[str, str]]) -> Search:
    """Read a query. Raises 400, with what is wrong, for what PS3.18 does not allow."""
    search, given, fuzzy = Search(), set[str](), False
    not_matched: list[str] = []
    for number, (name, value) in enumerate(items):
        if number >= _MOST_PARAMETERS:
            raise bad(f"more than {_MOST_PARAMETERS} parameters")
        if name in given and name not in ("includefield", "accept"):
            raise bad(f"{_shown(name)} is given twice")
        given.add(name)
        if name == "limit":
            search.limit = _uint(name, value)
        elif name == "offset":
            search.offset = _uint(name, value)
        elif name == "includefield":
            search.names |= {known for one in value.split(",") if (known := _included(one.strip()))}
        elif name in _WORDS:
            on = _boolean(name, value)
            fuzzy |= on and name == "fuzzymatching"
            if on and name != "fuzzymatching":
                search.warnings.append(
                    f"The {name} parameter is not supported. Only literal matching has been performed."
                )
        elif name not in _OTHERS:
            _match(search, name, value, not_matched)
    if not_matched:
        search.warnings.append(f"Not held by the index, and not matched: {', '.join(not_matched)}")
    if fuzzy:
        search.keys = [_fuzzy(key) for key in search.keys]
    return search


def bad(message: str) -> HTTPException:
    """Return the answer to a query that cannot be read (PS3.18 Table 10.6.3-1)."""
    return HTTPException(400, message)


def _match(search: Search, name: str, value: str, not_matched: list[str]) -> None:
    known = _attribute(name)
    if known == marks.PRIVATE_CREATOR:
        if value.strip() not in ("", marks.PRIVATE_CREATOR):
            raise bad(f"{_shown(name)}: the index has private elements of {marks.PRIVATE_CREATOR} alone")
    elif known in ATTRIBUTES or known in PRIVATE:
        try:
            key = Key.parse(known, value)
        except ValueError as error:
            raise bad(str(error)) from None
        search.names.add(known)
        search.keys += [key] if key else []
    elif value.strip("* "):
        not_matched.append(_shown(name))


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
        if not part or tag_for_keyword(part) is None:  # retired ones have an empty keyword
            raise bad(f"{_shown(name)} is no attribute of PS3.6: write a keyword or eight hexadecimal digits")
        return part
    tag = int(part, 16)
    if tag == marks.PRIVATE_CREATOR_TAG:
        return marks.PRIVATE_CREATOR
    if tag & 0x10000:
        return _PRIVATE.get(tag, "")
    if not dictionary_has_tag(tag):
        raise bad(f"{_shown(name)} is the tag of no attribute of PS3.6")
    return keyword_for_tag(tag)


def _fuzzy(key: Key) -> Key:
    """Let a name match by how it begins, for PS3.4 C.2.2.2.1.1 leaves open how: a pseudonym has no sound."""
    if key.name != "PatientName" or key.values[0].endswith("*"):
        return key
    return Key(key.name, (f"{key.values[0]}*",))


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
