"""The search of an output for the identity of its input: structure first, then every value.

What is found clean is clean for one search alone: for its needles, its written values, its encoding.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from fidac_node.deidentify import actions
from fidac_node.deidentify.gate.haystack import ALL_BUT_PATIENT, NOBODY, PLACES, Haystack
from fidac_node.deidentify.gate.identifying import nature_of
from fidac_node.deidentify.gate.needles import Needles, dates_in
from fidac_node.deidentify.gate.reader import ElementPath, reader_of
from fidac_node.deidentify.rewrite import devices, terms
from fidac_node.dicom import marks
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.memo import Memo
from fidac_node.dicom.part10 import PIXEL_DATA
from fidac_node.dicom.tags import (
    CODE_VALUE,
    FUNCTIONAL_GROUPS,
    LONG_CODE_VALUE,
    LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
    PATIENT_BIRTH_DATE,
)
from fidac_node.dicom.uids import STANDARD_UID, is_valid_uid
from fidac_node.dicom.walk import describe
from fidac_node.errors import Permanent

# Numbers in binary that can hold six digits: their struct codes.
_WIDE: Final = {"FD": "d", "FL": "f", "SL": "l", "SV": "q", "UL": "L", "UV": "Q"}
# What a scanner says of itself: what is known vocabulary there is no identifier, though a station or an operator has
# the same letters.
_OF_SCANNER: Final = frozenset({0x00080070, 0x00081090, 0x00181020, 0x00181160, 0x00181210, 0x00189320, 0x00180022})
_BINARY: Final = actions.NUMBER_VRS - {"DS", "IS"} | actions.BYTES_VRS
# What the values of a numeric VR are made of (PS3.5 Table 6.2-1): no letter of a name.
_GRAMMAR: Final = {
    "AS": re.compile(rb"(?:\d{3}[DWMY]|[\\ \0])*"),
    "DA": re.compile(rb"(?:\d{4}(\.?)(?:0\d|1[0-2])\1[0-3]\d(?!\d)|[\\ \0])*"),
    "DS": re.compile(rb"[0-9+\-.eE \\\0]*"),
    "DT": re.compile(rb"(?:\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?(?!\d)|[\\ \0])*"),
    "IS": re.compile(rb"[0-9+\- \\\0]*"),
    "TM": re.compile(rb"(?:\d\d(?::?\d\d(?::?\d\d(?:\.\d{1,6})?)?)?(?![\d.])|[\\ \0])*"),
}
_HANDLERS: Final = {"AS": "time", "DA": "date", "DS": "number", "DT": "date", "IS": "number", "TM": "time", "UI": "uid"}
_FLEETING: Final = frozenset({"date", "number", "time", "uid"})
_NEW_UID: Final = re.compile(r"2\.25\.(\d{1,39})", re.ASCII)
# 128 random bits have fewer digits than this once in 10^14 times; with fewer it is a number that somebody chose.
_FEWEST_UID_DIGITS: Final = 25
# A number in a numeric attribute is a measurement unless it is as long as an identifier.
_LONG_NUMBER: Final = re.compile(rb"\d{6}")
_SHORTEST_NUMBER: Final = 6
_NO_DIGITS: Final = b"+-.eE \\\0"
# Digits of several numbers in a row are no accident from here on; in a short value, of so many digits at most, sooner.
_SHORTEST_ROW: Final = 10
_SHORTEST_OF_FEW: Final = 8
_FEW_DIGITS: Final = 12
# Long texts of a code are not excused: URNCodeValue is.
_CODE_VALUES: Final = frozenset({CODE_VALUE, LONG_CODE_VALUE})
_LETTERS_IN_NUMBERS: Final = 16  # bytes
# What is remembered at most: entries, and bytes of their keys.
MOST_SEEN: Final = 1024
_SEEN_SIZE: Final = 1 << 17
MOST_HEADS: Final = 4096
_HEADS_SIZE: Final = 1 << 16
# What the engine may write as it is, besides the marks of the object at hand.
_CONSTANTS: Final = frozenset(
    {
        *actions.DUMMIES.values(),
        actions.CONTRAST_DUMMY,
        "ISO_IR 192",
        "DCM",
        *marks.METHOD_CODES,
        *marks.METHOD_CODES.values(),
    }
)
# Marks that are words of a language, one of them a surname (Certain): no other attribute may have them for being marks.
_MARKS: Final = frozenset({*(label.upper() for label in marks.LABELS), "YES", "MODIFIED", "REMOVED"})
_MARKED: Final = frozenset({*marks.PRIVATE_TAGS, LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED})


class Uncompared(NamedTuple):
    """What an element of an output holds that has to be compared with the whole input.

    ``uids`` are those of UI attributes and in text, ``rows`` the digits of long dotted numbers in text,
    ``dates`` are by path.
    """

    path: ElementPath
    uids: frozenset[str]
    rows: frozenset[str]
    dates: tuple[tuple[ElementPath, frozenset[bytes]], ...]


class SearchedPiece:
    """A piece of an output that has no needle in it: the tags of its elements, and what has to be compared.

    Compared by identity.
    """

    __slots__ = ("dated", "ordered", "rows", "tags", "uids", "uncompared")

    def __init__(self, tags: tuple[int, ...], left: tuple[Uncompared, ...] = ()) -> None:
        self.tags = tags
        self.ordered = all(tag < after for tag, after in pairwise(tags))
        self.uncompared = left
        self.uids: frozenset[str] = frozenset().union(*[one.uids for one in left])
        self.rows = any(one.rows for one in left)
        self.dated = any(one.dates for one in left)


class Scope(NamedTuple):
    """What a search goes by besides needles: the encoding, and which attributes are let through by name."""

    transfer_syntax_uid: str
    private: frozenset[int]
    kept: frozenset[int]


class Head(NamedTuple):
    """What the tag and VR of an element decide: which handler looks at its values, and where in the element they are.

    ``excused``: the profile lets the attribute through although it says which device or institution it was.
    ``clean`` is what is seen in such an element if there is nothing to compare.
    """

    path: ElementPath
    vr: str
    handler: str
    length: int
    value: int
    excused: bool
    scanner: bool
    clean: SearchedPiece


class Heads:
    """The heads of the elements of outputs, each different one looked at once."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.reader = reader_of(scope.transfer_syntax_uid, strict=True)
        self.size = 6 if self.reader.explicit else 4
        self.order: Literal["little", "big"] = "little" if self.reader.little else "big"
        self.top: Memo[Head] = Memo(self._top, MOST_HEADS, _HEADS_SIZE)
        self._nested: dict[tuple[ElementPath, str], Head] = {}

    def is_one(self, head: Head, piece: bytes) -> bool:
        """Say whether a piece that begins with an element of this head is that element alone, of defined length."""
        return int.from_bytes(piece[head.length : head.value], self.order) == len(piece) - head.value

    def nested(self, path: ElementPath, vr: str) -> Head:
        """The head of what is below a sequence. Raises :class:`Permanent` ``leak`` for what no output may have."""
        head = self._nested.get((path, vr))
        if head is None:
            if len(self._nested) >= MOST_HEADS:
                self._nested.clear()
            self._nested[path, vr] = head = self._head(path, vr, 0, 0)
        return head

    def _top(self, head: bytes) -> Head:
        tag, vr, value, _ = self.reader.header(head.ljust(12, b"\0"), 0, 12)
        return self._head((tag,), vr, value - (2 if self.reader.explicit and value == 8 else 4), value)

    def _head(self, path: ElementPath, vr: str, length: int, value: int) -> Head:
        check_structure(path, vr, self.scope)
        kept = not self.scope.kept.isdisjoint(path[-2:])
        if path[-1] == PATIENT_BIRTH_DATE:
            handler = "birth"
        elif nature_of(path, vr).identity and not kept:
            handler = "identity"
        elif vr == "SQ":
            handler = "nested"
        elif vr in _WIDE:
            handler = "wide"
        elif vr in _BINARY:
            handler = "bytes"
        elif vr == "":
            handler = "either"
        else:
            handler = _HANDLERS.get(vr, "text")
        scanner = path[-1] in _OF_SCANNER and (len(path) == 1 or path[0] in FUNCTIONAL_GROUPS)
        return Head(path, vr, handler, length, value, kept, scanner, SearchedPiece(path[:1]))


def leak(path: ElementPath, what: str) -> Permanent:
    """What holds an object."""
    return Permanent("leak", f"{what} is left in the output at {describe(path)}")


def check_structure(path: ElementPath, vr: str, scope: Scope) -> None:
    """What no output may have, whatever the profile says. Raises :class:`Permanent` ``leak``."""
    tag = path[-1]
    group = tag >> 16
    if group % 2:
        if len(path) > 1 or (tag not in marks.PRIVATE_TAGS and tag not in scope.private):
            raise leak(path, "a private attribute")
    elif group < 0x0008 or tag & 0xFFFF == 0:
        raise leak(path, "an element that no data set has")
    elif 0x5000 <= group <= 0x501E or 0x6000 <= group <= 0x601E or group == 0xFFFC:
        raise leak(path, "a curve, an overlay or padding")
    elif tag == PIXEL_DATA:
        raise leak(path, "an icon")
    elif vr not in vrs_of(tag):
        raise leak(path, "a value representation that is not the attribute's")


class Search:
    """One search for the needles of one input.

    ``harmless`` are the folded words that identify nobody, ``words`` those of makers. ``seen`` remembers pieces of
    outputs, one or more encoded top-level elements in each.
    """

    def __init__(
        self,
        found: Iterable[Needles],
        harmless: frozenset[str],
        written: frozenset[str],
        heads: Heads,
        words: frozenset[str] = frozenset(),
    ) -> None:
        self._hay = Haystack(found, harmless)
        self._words = words
        self.needles = len(self._hay)
        self._marks = written | _CONSTANTS
        self._pseudonyms = self._marks - _MARKS
        self._heads = heads
        numbers = self._hay.numbers
        rows = [
            digits.encode("ascii") for digits in numbers if len(digits) >= _SHORTEST_OF_FEW and len(set(digits)) >= 4
        ]
        self._rows = [row for row in rows if len(row) >= _SHORTEST_ROW]
        self._few = [row for row in rows if len(row) < _SHORTEST_ROW]
        self._numbers = {
            whole.encode("ascii"): source
            for digits, source in numbers.items()
            if len(whole := digits.lstrip("0")) >= _SHORTEST_NUMBER
        }
        self._handlers = {
            "bytes": self._bytes,
            "birth": self._birth,
            "date": self._date,
            "either": self._either,
            "identity": self._identity,
            "nested": self._empty,
            "number": self._number,
            "text": self._text,
            "time": self._time,
            "uid": self._uid,
            "wide": self._wide,
        }
        # The same with a point anywhere.
        self._pointed = {
            sign * int(row) / 10**point for row in rows for point in range(1, len(row)) for sign in (1, -1)
        }
        self._wholes = {int(whole): source for whole, source in self._numbers.items()}
        self.seen: Memo[SearchedPiece] = Memo(self._examine, MOST_SEEN, _SEEN_SIZE)

    def look_in_pixels(self, several: Iterable[Sequence[bytes]]) -> None:
        """Search rows of pixels; a hit raises :class:`Permanent` ``leak``."""
        for pieces in several:
            source = self._hay.in_pixels(pieces)
            if source is not None:
                raise leak((PIXEL_DATA,), source.source)

    def look(self, pieces: Iterable[bytes]) -> list[SearchedPiece]:
        """Search the pieces of an output; a hit raises :class:`Permanent` ``leak``."""
        heads, known = self._heads, self.seen
        found = []
        for piece in pieces:
            seen = known.get(piece)
            if seen is None:
                head = heads.top.get(piece[: heads.size])
                # One that is looked at in no time, and seldom comes again, is not remembered.
                fleeting = head is not None and head.handler in _FLEETING and heads.is_one(head, piece)
                seen = self._examine(piece) if fleeting else known[piece]
            found.append(seen)
        return found

    def _examine(self, piece: bytes) -> SearchedPiece:
        heads = self._heads
        try:
            head = heads.top[piece[: heads.size]]
            if not heads.is_one(head, piece):
                several = heads.reader.elements(piece)
                if len(several) > 1:
                    return _together([self.seen[one] for one in several])
                left = self._sequence(head, piece)
            elif head.handler == "nested" or (head.value == 12 and any(piece[6:8])):
                left = self._sequence(head, piece)  # which says what is wrong with it
            else:
                left = self._handlers[head.handler](head, (piece[head.value :],))
            return SearchedPiece(head.path, (left,)) if left else head.clean
        except Permanent as error:
            if error.code == "leak":
                raise
            raise Permanent("leak", f"{self._named(piece)} of the output cannot be checked: {error}") from error
        except Exception as error:
            raise Permanent(
                "leak", f"{self._named(piece)} of the output cannot be checked ({type(error).__name__})"
            ) from error

    def _named(self, element: bytes) -> str:
        return describe((self._heads.reader.tag_of(element),))

    def _sequence(self, top: Head, element: bytes) -> Uncompared | None:
        uids: set[str] = set()
        rows: set[str] = set()
        dates: list[tuple[ElementPath, frozenset[bytes]]] = []
        for (path, vr, _), values in self._heads.reader.contents(element, ()).items():
            head = self._heads.nested(path, vr)
            left = self._handlers[head.handler](head, values)
            if left is not None:
                uids |= left.uids
                rows |= left.rows
                dates += left.dates
        return Uncompared(top.path, frozenset(uids), frozenset(rows), tuple(dates)) if uids or rows or dates else None

    def _empty(self, head: Head, values: Collection[bytes]) -> None:
        if any(values):
            raise leak(head.path, "a sequence that is none")

    def _birth(self, head: Head, values: Collection[bytes]) -> None:
        if any(value.strip(b"\x00 ") for value in values):
            raise leak(head.path, "a date of birth")

    def _identity(self, head: Head, values: Collection[bytes]) -> Uncompared | None:
        for value in values:
            text = value.strip(b"\x00 ")
            if text and not self._is_written(head, text.decode("utf-8", "replace")):
                raise leak(head.path, "an identifying attribute")
        return None

    def _is_written(self, head: Head, text: str) -> bool:
        """Say whether the engine wrote a value: a mark in its own place, a pseudonym or a constant anywhere."""
        tag = head.path[-1]
        written = self._marks if tag >> 16 == 0x0012 or tag in _MARKED else self._pseudonyms
        return text in written or all(one.strip() in written or not one.strip() for one in text.split("\\"))

    def _are_terms(self, head: Head, text: str) -> bool:
        """Say whether codes are defined terms of their attribute, which are the same in every hospital."""
        return terms.terms_of(head.path[-1]).issuperset(one.strip() for one in text.split("\\"))

    def _grammatical(self, head: Head, values: Collection[bytes]) -> bytes:
        joined = b"\\".join(values)
        if _GRAMMAR[head.vr].fullmatch(joined) is None:
            raise leak(head.path, f"a value that {head.vr} does not allow")
        return joined

    def _time(self, head: Head, values: Collection[bytes]) -> None:
        self._grammatical(head, values)

    def _date(self, head: Head, values: Collection[bytes]) -> Uncompared | None:
        self._grammatical(head, values)
        dates = dates_in(values)
        return Uncompared(head.path, frozenset(), frozenset(), ((head.path, dates),)) if dates else None

    def _number(self, head: Head, values: Collection[bytes]) -> None:
        """Numbers are measurements: only a whole value as long as an identifier counts, or all of its digits."""
        joined = self._grammatical(head, values)
        if len(joined) < _SHORTEST_NUMBER:
            return
        if _LONG_NUMBER.search(joined):
            for one in joined.split(b"\\"):
                number = one.strip(b" \0").lstrip(b"+-0")
                whole, _, fraction = number.partition(b".")
                source = self._numbers.get(whole)
                if source is not None and not fraction.strip(b"0") and not (head.excused and source.place):
                    raise leak(head.path, source.source)
        if (self._rows or self._few) and len(joined) >= _SHORTEST_OF_FEW:
            for value in values:
                if not value.strip(b" \0+-").isdigit():  # whole numbers were compared as such
                    self._digits(head, value.translate(None, _NO_DIGITS))

    def _digits(self, head: Head, digits: bytes) -> None:
        """Compare the digits of a value, its signs and points taken out, with identifying numbers."""
        for row in self._rows if len(digits) > _FEW_DIGITS else (*self._rows, *self._few):
            if row in digits:
                raise leak(head.path, "an identifying number")

    def _uid(self, head: Head, values: Collection[bytes]) -> Uncompared | None:
        found = set()
        for value in values:
            for one in value.decode("latin-1").split("\\"):
                uid = one.strip(" \x00")
                new = _NEW_UID.fullmatch(uid)
                if new is not None and len(new[1]) >= _FEWEST_UID_DIGITS:
                    if self._hay.in_uid(new[1]):
                        raise leak(head.path, "an identifying number")
                    found.add(uid)
                elif head.excused and is_valid_uid(uid):
                    found.add(uid)  # a device's own, unless it is one of the input's others
                elif uid and (not STANDARD_UID.fullmatch(uid) or self._hay.in_standard_uid(uid)):
                    raise leak(head.path, "an original UID")
        return Uncompared(head.path, frozenset(found), frozenset(), ()) if found else None

    def _bytes(self, head: Head, values: Collection[bytes]) -> Uncompared | None:
        return self._found(head, self._hay.in_bytes(values, spared=PLACES if head.excused else NOBODY))

    def _wide(self, head: Head, values: Collection[bytes]) -> Uncompared | None:
        """Numbers in binary: whole ones that are an identifying number, and letters."""
        code, order = _WIDE[head.vr], "<" if self._heads.order == "little" else ">"
        if self._wholes:
            for value in values:
                for one in struct.unpack(f"{order}{len(value) // struct.calcsize(order + code)}{code}", value):
                    source = self._wholes.get(one)
                    if source is not None and not (head.excused and source.place):
                        raise leak(head.path, source.source)
                    if one in self._pointed:
                        raise leak(head.path, "an identifying number")
        # Letters, each in a number of its own.
        squeezed = {value.translate(None, b"\0") for value in values if len(value) >= _LETTERS_IN_NUMBERS}
        return self._bytes(head, {*values, *(one for one in squeezed if one.isalpha())})

    def _either(self, head: Head, values: Collection[bytes]) -> Uncompared | None:
        """A private attribute in Implicit VR: text if it can be."""
        printable = all(
            value.strip(b"\0").isascii() and value.strip(b"\0").decode("ascii", "replace").isprintable()
            for value in values
        )
        return self._text(head, values) if printable else self._bytes(head, values)

    def _text(self, head: Head, values: Collection[bytes]) -> Uncompared | None:
        uids: set[str] = set()
        rows: set[str] = set()
        for value in values:
            stripped = value.strip(b"\x00 ")
            if not stripped:
                continue
            try:
                text = stripped.decode("utf-8")
            except UnicodeDecodeError:
                raise leak(head.path, "text that is not UTF-8") from None
            if not self._is_written(head, text) and not (head.vr == "CS" and self._are_terms(head, text)):
                hit = self._hay.in_text(text, tag=head.path[-1], spared=self._spared(head, text))
                left = self._found(head, hit)
                if not head.excused and head.path[-1] not in _CODE_VALUES:
                    self._digits(head, "".join(filter(str.isdigit, text)).encode("ascii", "ignore"))
                if left is not None:
                    uids |= left.uids
                    rows |= left.rows
        return Uncompared(head.path, frozenset(uids), frozenset(rows), ()) if uids or rows else None

    def _spared(self, head: Head, text: str) -> int:
        """Whose needles a text may hold."""
        if head.scanner and all(devices.known(one, self._words) == one for one in text.split("\\")):
            return ALL_BUT_PATIENT
        return PLACES if head.excused else NOBODY

    def _found(self, head: Head, hit: str | tuple[frozenset[str], frozenset[str]] | None) -> Uncompared | None:
        if hit is None:
            return None
        if isinstance(hit, str):
            raise leak(head.path, hit)
        return Uncompared(head.path, *hit, ())


def _together(several: list[SearchedPiece]) -> SearchedPiece:
    """What was seen in several elements."""
    return SearchedPiece(
        tuple(tag for one in several for tag in one.tags), tuple(left for one in several for left in one.uncompared)
    )
