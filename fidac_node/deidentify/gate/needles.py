"""What the leak gate looks for: the identifying values of one input, in every spelling they may take.

Taken from the input before anything is cleaned. A *needle* carries the attribute it came from, so that a
hit can be reported without repeating the value.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from fidac_node.deidentify.gate import scripts
from fidac_node.deidentify.gate.identifying import Kind, nature_of
from fidac_node.deidentify.gate.reader import Contents, Reader, reader_of
from fidac_node.deidentify.rewrite.text import fold
from fidac_node.dicom import charset
from fidac_node.dicom.memo import Memo
from fidac_node.dicom.part10 import Malformed
from fidac_node.dicom.uids import STANDARD_UID
from fidac_node.dicom.walk import describe
from fidac_node.errors import Permanent

# In place of the attribute, for the words that a site has named itself: of the patient's group, so that no attribute
# may hold them, whatever else a profile lets it tell.
_OWN_WORDS: Final = 0x00100000
# As DA has it, and with the signs that the field puts between year, month and day.
_DATE: Final = re.compile(rb"(\d{4})([-./]?)(\d\d)\2(\d\d)")
_WORD: Final = re.compile(r"[^\W_]+")
_PLAIN_RUN: Final = re.compile(r"[a-z]{5,}")
_RAW_WORD: Final = re.compile(r"[^\W\d_]+")
_EMAIL: Final = re.compile(r"([\w.+-]+)@[\w.-]+")
# One telephone number of several in one text.
_ONE_NUMBER: Final = re.compile(r"\+?[\d(][\d .()-]{4,}\d", re.ASCII)
_LONG_TEXT: Final = 1024
# A value longer than this (bytes) is no name, number or address, and would be thousands of needles.
_LONGEST_VALUE: Final = 1 << 16
# What is remembered at most: entries, and bytes of their keys.
MOST_INTERNED: Final = 4096
_MOST_NEEDLES_INTERNED: Final = 256
MOST_IDENTIFIERS: Final = 4096
_IDENTIFIERS_SIZE: Final = 1 << 19
MOST_HEADS: Final = 4096
MOST_DAYS: Final = 256
_FEW_DAYS: Final = 4
_HEADS_SIZE: Final = 1 << 16

_MONTHS: Final = (
    ("janvier", "january", "janv", "jan"),
    ("fevrier", "february", "fevr", "fev", "feb"),
    ("mars", "march", "mar"),
    ("avril", "april", "avr", "apr"),
    ("mai", "may"),
    ("juin", "june", "jun"),
    ("juillet", "july", "juil", "jul"),
    ("aout", "august", "aug"),
    ("septembre", "september", "sept", "sep"),
    ("octobre", "october", "oct"),
    ("novembre", "november", "nov"),
    ("decembre", "december", "dec"),
)


class Needles:
    """The needles that one attribute of an input gives. The same needles are the same object: compared by identity.

    All folded and without separators. ``parts`` count wherever they stand, ``wholes`` as one word or as
    the sum of several, ``days`` (dates of few digits) so but not in a code, ``singles`` as one word,
    ``digits`` in a row of digits however grouped, ``numbers`` as a value of a numeric attribute. For bytes
    whose character set nobody knows, ``bare`` are words without their accented letters, ``unaccented`` the long runs of
    others in them, ``spelled`` words as they were, with letters that have no plain one.
    """

    __slots__ = (
        "bare",
        "days",
        "digits",
        "numbers",
        "parts",
        "place",
        "singles",
        "spelled",
        "tag",
        "unaccented",
        "wholes",
    )

    def __init__(self, tag: int, place: bool) -> None:
        self.tag = tag
        self.place = place
        self.parts: set[str] = set()
        self.wholes: set[str] = set()
        self.days: set[str] = set()
        self.singles: set[str] = set()
        self.digits: set[str] = set()
        self.numbers: set[str] = set()
        self.bare: set[str] = set()
        self.unaccented: set[str] = set()
        self.spelled: set[str] = set()

    def key(self) -> tuple[object, ...]:
        """What makes two of them the same."""
        found = (
            self.parts,
            self.wholes,
            self.days,
            self.singles,
            self.digits,
            self.numbers,
            self.bare,
            self.unaccented,
            self.spelled,
        )
        return (self.tag, self.place, *map(frozenset, found))

    @property
    def source(self) -> str:
        """Where they come from, for people to read."""
        return "a word of the site's own" if self.tag == _OWN_WORDS else f"the input's {describe((self.tag,))}"

    def __len__(self) -> int:
        return len(self.parts) + len(self.wholes) + len(self.days) + len(self.singles) + len(self.digits)


class Identifiers:
    """What a piece of an input says of whom it is about.

    ``dates`` by path, as ``YYYYMMDD``, ``names`` as words. Compared by identity.
    """

    __slots__ = ("dates", "names", "needles", "uids")

    def __init__(
        self,
        needles: frozenset[Needles],
        uids: frozenset[str],
        dates: dict[tuple[int, ...], frozenset[bytes]],
        names: frozenset[str] = frozenset(),
    ) -> None:
        self.needles = needles
        self.uids = uids
        self.dates = dates
        self.names = names


def together(several: Collection[Identifiers]) -> Identifiers:
    """What several pieces say, in the order of their elements."""
    needles: frozenset[Needles] = frozenset().union(*(one.needles for one in several))
    uids: frozenset[str] = frozenset().union(*(one.uids for one in several))
    names: frozenset[str] = frozenset().union(*(one.names for one in several))
    return Identifiers(needles, uids, {path: days for one in several for path, days in one.dates.items()}, names)


class _Plain(NamedTuple):
    """What the tag and VR of an element decide that is no sequence and has its value at byte 8.

    ``speaks``: such elements say something; ``fleeting``: what they say is told sooner than remembered.
    """

    path: tuple[int, ...]
    vr: str
    speaks: bool
    fleeting: bool


class Inputs:
    """Reads the elements of inputs, each different one once. ``harmless`` are the folded words that identify nobody."""

    def __init__(self, harmless: frozenset[str]) -> None:
        self._harmless = harmless
        self._interned: dict[tuple[object, ...], Needles] = {}
        self._days: dict[tuple[int, bool, frozenset[bytes]], tuple[Needles, ...]] = {}

    def reader(self, transfer_syntax_uid: str, declared: tuple[str, ...], kept: frozenset[int]) -> InputReader:
        """For inputs in one encoding.

        ``declared`` are the character sets of the object; attributes in ``kept`` give no needles.
        """
        return InputReader(self, reader_of(transfer_syntax_uid, strict=False, wanted=_speaks), declared, kept)

    def sender(self, ae_title: str) -> tuple[Needles, ...]:
        """The needles of the AE title in the File Meta Information of an input."""
        return self._gathered(0x00020016, True, Kind.IDENTIFIER, [ae_title])

    def own(self, texts: Iterable[str]) -> tuple[Needles, ...]:
        """The needles of the words that a site has named itself, as those of names."""
        return self._gathered(_OWN_WORDS, False, Kind.NAME, texts)

    def identifiers_of(self, contents: Contents, kept: frozenset[int]) -> Identifiers | None:
        """What some values say, but those of attributes in ``kept``; ``None``: nothing."""
        needles: list[Needles] = []
        uids: set[str] = set()
        names: set[str] = set()
        dates: dict[tuple[int, ...], set[bytes]] = {}
        for (path, vr, declared), values in contents.items():
            nature = nature_of(path, vr)
            if nature.uid and kept.isdisjoint(path[-2:]):
                uids.update(uid for value in values for uid in uids_in(value))
            days = dates_in(values) if nature.date else frozenset()
            if days:
                dates.setdefault(path, set()).update(days)
            if nature.kind is not None and kept.isdisjoint(path[-2:]):
                if nature.kind is Kind.DATE:
                    needles += self._dated(path[-1], nature.place, days)
                    continue
                if max(map(len, values), default=0) > _LONGEST_VALUE:
                    raise Permanent(
                        "leak",
                        f"{describe(path)} of the input is longer than {_LONGEST_VALUE >> 10} kB: "
                        "it cannot be looked for",
                    )
                texts = [text for value in values for text in _texts(value, declared)]
                needles += self._gathered(path[-1], nature.place, nature.kind, texts)
                if nature.kind is Kind.NAME:
                    names.update(
                        word for text in texts for word in (*words(text), *words(scripts.latin(text))) if len(word) > 1
                    )
        if not (needles or uids or dates or names):
            return None
        days_by_path = {path: frozenset(found) for path, found in dates.items() if found}
        return Identifiers(frozenset(needles), frozenset(uids), days_by_path, frozenset(names))

    def _dated(self, tag: int, place: bool, days: frozenset[bytes]) -> tuple[Needles, ...]:
        """The needles of a few days, which all times of an object share."""
        key = (tag, place, days)
        found = self._days.get(key)
        if found is None:
            found = self._gathered(tag, place, Kind.DATE, [day.decode("ascii") for day in days])
            if len(self._days) >= MOST_DAYS:
                self._days.clear()
            if len(days) <= _FEW_DAYS:
                self._days[key] = found
        return found

    def _gathered(self, tag: int, place: bool, kind: Kind, texts: Iterable[str]) -> tuple[Needles, ...]:
        needles = Needles(tag, place)
        gatherer = _Gatherer(needles, self._harmless)
        for text in texts:
            for one in text.split("\\"):
                gatherer.add(kind, one)
        if not len(needles):
            return ()
        if len(needles) > _MOST_NEEDLES_INTERNED:
            return (needles,)  # no header of a patient, and more than is worth remembering
        if len(self._interned) >= MOST_INTERNED:
            self._interned.clear()
        return (self._interned.setdefault(needles.key(), needles),)


class InputReader:
    """What inputs say in one encoding, each different piece looked at once.

    ``identifiers[piece]`` is ``None`` if it says nothing.
    """

    def __init__(self, inputs: Inputs, reader: Reader, declared: tuple[str, ...], kept: frozenset[int]) -> None:
        self._inputs = inputs
        self._reader = reader
        self._declared = declared
        self._kept = kept
        self._size = 6 if reader.explicit else 4
        self._order: Literal["little", "big"] = "little" if reader.little else "big"
        self._heads: Memo[_Plain | None] = Memo(self._plain, MOST_HEADS, _HEADS_SIZE)
        self.identifiers: Memo[Identifiers | None] = Memo(self._make, MOST_IDENTIFIERS, _IDENTIFIERS_SIZE)

    def read(self, pieces: Iterable[bytes]) -> tuple[tuple[Identifiers, ...], list[Identifiers]]:
        """What the pieces of an input say: those that are remembered, and those that are not."""
        known = self.identifiers
        steady: list[Identifiers] = []
        own: list[Identifiers] = []
        for piece in pieces:
            where, found = steady, known.get(piece)
            if found is None and piece not in known:
                head = self._heads[piece[: self._size]]
                if head is None or not head.fleeting or not self._is_one(piece):
                    found = known[piece]
                elif head.speaks:
                    where, found = own, self._alone(head, piece)
            if found is not None:
                where.append(found)
        return tuple(steady), own

    def _is_one(self, piece: bytes) -> bool:
        """Say whether a piece is one element, of those that :meth:`_plain` describes."""
        return int.from_bytes(piece[self._size : 8], self._order) == len(piece) - 8

    def _alone(self, head: _Plain, element: bytes) -> Identifiers | None:
        return (
            self._inputs.identifiers_of({(head.path, head.vr, self._declared): {element[8:]}}, self._kept)
            if head.speaks
            else None
        )

    def _make(self, piece: bytes) -> Identifiers | None:
        head = self._heads[piece[: self._size]]
        if head is not None and self._is_one(piece):
            return self._alone(head, piece)
        try:
            several = self._reader.elements(piece)
            if len(several) == 1:
                return self._inputs.identifiers_of(self._reader.contents(piece, self._declared), self._kept)
        except Malformed as error:
            name = describe((self._reader.tag_of(piece),))
            raise Malformed(f"{name} of the input cannot be read, so the output cannot be checked: {error}") from error
        found = list(filter(None, map(self.identifiers.__getitem__, several)))
        return together(found) if found else None

    def _plain(self, head: bytes) -> _Plain | None:
        """What a head decides; ``None``: the element has to be read."""
        tag, vr, value, _ = self._reader.header(head.ljust(12, b"\0"), 0, 12)
        if value != 8 or vr in ("", "SQ", "UN"):  # in Implicit VR anything unknown may be a sequence
            return None
        nature = nature_of((tag,), vr)
        return _Plain((tag,), vr, _speaks((tag,), vr), nature.kind in (None, Kind.DATE))


def uids_in(value: bytes) -> list[str]:
    """The UIDs in a value, without those that the standard defines."""
    found = [one.strip(" \x00") for one in value.decode("latin-1").split("\\")]
    return [uid for uid in found if uid and not STANDARD_UID.fullmatch(uid)]


def dates_in(values: Iterable[bytes]) -> frozenset[bytes]:
    """The whole dates in DA or DT values, as ``YYYYMMDD``."""
    # A date is ten characters at most: what is left to look at are the few days of many times.
    days = {value if b"\\" in value else value.lstrip(b" \x00")[:10] for value in values}
    found = (_DATE.match(one.strip(b" \x00")) for day in days for one in day.split(b"\\"))
    return frozenset(match[1] + match[3] + match[4] for match in found if match)


def folded(text: str) -> str:
    """``text`` by :func:`.text.fold`, digits of any script as ours."""
    if text.isascii():
        return text.lower()
    # In pieces: what fold remembers is bounded in number, not in length.
    pieces = "".join(fold(text[start : start + _LONG_TEXT]) for start in range(0, len(text), _LONG_TEXT))
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in pieces)


def words(text: str) -> list[str]:
    """The runs of letters and digits in ``text``, folded."""
    return _WORD.findall(folded(text))


def _speaks(path: tuple[int, ...], vr: str) -> bool:
    nature = nature_of(path, vr)
    return nature.kind is not None or nature.uid or nature.date


def _texts(value: bytes, declared: tuple[str, ...]) -> list[str]:
    return charset.candidates(value.strip(b"\x00 "), declared)


class _Gatherer:
    """Turns the values of one attribute into needles."""

    def __init__(self, needles: Needles, harmless: frozenset[str]) -> None:
        self._needles = needles
        self._harmless = harmless

    def add(self, kind: Kind, text: str) -> None:
        match kind:
            case Kind.NAME:
                self._name(text)
            case Kind.IDENTIFIER:
                self._identifier(text)
            case Kind.WORDS:
                self._words(text)
            case Kind.NUMBER:
                self._number(text)
            case Kind.TELECOM:
                self._telecom(text)
            case Kind.DATE:
                self._date(text)

    def _name(self, text: str) -> None:
        """Each word of a person's name, in Latin letters too, and the words together if each is too short to count."""
        latin = text if text.isascii() else scripts.latin(text)
        for group in dict.fromkeys([*text.split("="), *latin.split("=")]):
            found = words(group)
            counted = [self._word(word) for word in found]
            self._bare(group)
            if any(counted) or not 2 <= len(found) <= 6 or self._harmless.issuperset(found):
                continue
            if sum(map(len, found)) >= (4 if group.isascii() else 2):
                # Short names count when they stand together, in any order that people use: LI NA, NG^AN.
                for order in (found, found[::-1], [*found[1:], found[0]], [found[-1], *found[:-1]]):
                    self._needles.wholes.add("".join(order))

    def _identifier(self, text: str) -> None:
        """An identifier as a whole, its separators in whatever form, and the long numbers in it."""
        found = words(text)
        squashed = "".join(found)
        number = squashed.isdigit()
        if (
            len(squashed) < 3
            or self._harmless.issuperset(found)
            or (number and (len(squashed) == 3 or len(set(squashed)) == 1))
        ):
            return  # too short to tell from a measurement, or a placeholder such as 00000000
        if number:
            self._digits(squashed)
        elif len(squashed) >= 8:
            self._needles.parts.add(squashed)
        (self._needles.wholes if len(found) > 1 or len(squashed) >= 6 else self._needles.singles).add(squashed)
        for run in re.findall(r"\d{6,}", squashed, re.ASCII):
            self._digits(run)

    def _digits(self, digits: str) -> None:
        for one in {digits, digits.lstrip("0")}:
            if len(one) >= 6:
                self._needles.digits.add(one)
                self._needles.numbers.add(one)
            elif len(one) >= 4:
                self._needles.singles.add(one)

    def _words(self, text: str) -> None:
        """Each telling word of an institution or address."""
        for word in words(text):
            self._word(word)
        self._bare(text)

    def _number(self, text: str) -> None:
        """The digits of a telephone number, national and international."""
        for one in (text, *_ONE_NUMBER.findall(text)):
            digits = "".join(char for char in one if char in "0123456789")
            if len(digits) >= 6:
                self._needles.digits.add(digits)
                self._needles.numbers.add(digits)
            if len(digits) >= 10:
                self._needles.digits.add(digits[-9:])
        self._words(text)

    def _telecom(self, text: str) -> None:
        for match in _EMAIL.finditer(text):
            self._identifier(match[0])
            self._words(match[1])
        self._number(_EMAIL.sub(" ", text))

    def _date(self, text: str) -> None:
        for date in dates_in((text.encode("ascii", "replace"),)):
            forms, numbers, short = _date_forms(date)
            self._needles.wholes.update(forms)
            self._needles.numbers.update(numbers)
            self._needles.days.update(short)

    def _word(self, word: str) -> bool:
        """Take a word; say whether it counts, or stands for itself as a common one."""
        if word in self._harmless:
            return False
        if (not word.isascii() and len(word) >= 2) or (word.isalpha() and len(word) >= 4):
            self._needles.parts.add(word)  # in a script of its own two characters are a name
        elif len(word) >= 4 or (len(word) == 3 and not word.isdigit()):
            self._needles.singles.add(word)
        else:
            return False
        return True

    def _bare(self, text: str) -> None:
        if text.isascii():
            return
        for word in _RAW_WORD.findall(unicodedata.normalize("NFC", text)):
            if word.isascii() or len(word) < 2 or folded(word) in self._harmless:
                continue
            if all(char < "\u0100" and len(fold(char)) == 1 for char in word):
                self._needles.bare.add("".join(char for char in word.lower() if char.isascii()))
                self._needles.unaccented.update(_PLAIN_RUN.findall(word.lower()))
            else:
                self._needles.spelled.add(word)


@lru_cache(maxsize=256)
def _date_forms(digits: bytes) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """A date in the ways that people and machines write it, without separators.

    Then those that are numbers, and those of six digits.
    """
    try:
        date = datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return frozenset(), frozenset(), frozenset()
    year, month, day = f"{date.year:04d}", f"{date.month:02d}", f"{date.day:02d}"
    numbers = {year + month + day, day + month + year, month + day + year}
    short = {
        day + month + year[2:],
        year[2:] + month + day,
        f"{date.day}{date.month}{year}",
        f"{date.month}{date.day}{year}",
    } - numbers
    forms = set(numbers)
    for name in _MONTHS[date.month - 1]:
        for one in {day, str(date.day)}:
            forms |= {one + name + year, name + one + year, year + name + one, one + name + year[2:]}
        forms |= {
            f"{date.day}er{name}{year}",
            f"{date.day}st{name}{year}",
            f"{date.day}th{name}{year}",
            f"{name}{date.day}th{year}",
        }
    return frozenset(forms), frozenset(numbers), frozenset(short)
