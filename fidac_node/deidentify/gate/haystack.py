"""Looking for needles in one text or run of bytes, in every way that it may be written there.

Text is folded and cut into words: a needle is a word, part of a word, or the sum of several, so that no
separator hides it. Bytes are looked at as text of one byte a character (Latin-1, code page 850), as
UTF-8, as UTF-16, and without their accented letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from fidac_node.deidentify.gate import scripts
from fidac_node.deidentify.gate.needles import Needles, folded
from fidac_node.deidentify.rewrite.codes import phrases
from fidac_node.deidentify.rewrite.text import fold
from fidac_node.dicom.tags import CODE_MEANING, CODE_VALUE
from fidac_node.dicom.uids import STANDARD_UID

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_UID: Final = re.compile(r"\d+(?:\.\d+){4,}", re.ASCII)
_ROW: Final = re.compile(r"\d+(?:[\W_]{1,2}\d+){3,}", re.ASCII)
_SHORTEST_ROW: Final = 12
_WORD: Final = re.compile(r"[^\W_]+")
# The words of ThoraxRoutine70.
_PIECE: Final = re.compile(r"[^\W\d_][^\W\d_A-Z]*|\d+")
_SHORTEST_PIECE: Final = 3
# Among bytes that are no text, six letters of a name in a row are no accident.
_STRONG: Final = 6
# What may be six letters, each of one byte or more, of which some have no accent.
_LETTERS: Final = re.compile(rb"[0-9A-Za-z\x80-\xff]{6,}")
_NO_LETTERS: Final = bytes(byte for byte in range(256) if not chr(byte).isascii() or not chr(byte).isalnum())
_FEWEST_LETTERS: Final = 4
_FEWEST_SIGNS: Final = 3
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]{6,}")
_PRINTABLE_OR_NOT: Final = bytes(0x20 <= byte <= 0x7E for byte in range(256))
_PRINTABLE_RUN: Final = b"\1" * 6
# Of what names and numbers are made in bytes: letters, digits, and what joins them.
_SIGNS_OR_NOT: Final = bytes(byte < 128 and (chr(byte).isalnum() or chr(byte) in " ^-") for byte in range(256))
_RUN_OF_SIGNS: Final = b"\1" * 6
_JOINTS: Final = str.maketrans("", "", " ^-")
_IN_WORDS: Final = b"\0\0\0\0"
_UTF8_ACCENT: Final = re.compile(rb"\xc3([\x80-\xbf])")
_LONGEST_UID_NEEDLE: Final = 12
_LOWER: Final = bytes(range(256)).lower()
_NOT_ASCII: Final = bytes(range(128, 256))
# How a name may be written in bytes that has letters without a plain one.
_SCRIPTS: Final = (
    *("utf-8", "utf-16-le", "utf-16-be", "gb18030", "shift_jis", "euc_jp", "iso2022_jp", "euc_kr", "big5"),
    *("latin-1", "cp1252", "cp850", "iso8859_2", "cp1250", "iso8859_9", "iso8859_15"),
    *("iso8859_5", "cp1251", "koi8_r", "iso8859_7", "cp1253", "iso8859_6", "cp1256", "iso8859_8", "cp1255", "tis_620"),
)
_SHORTEST_IN_BYTES: Final = 4
_LONGEST_CLEAN: Final = 1 << 16
_ZEROES: Final = b"\0" * _STRONG
# Stands between two values of bytes, so that none is read together with the next.
_BETWEEN: Final = b"\0\0\0\0"
# Words in pixels: letters one after the other, of one byte or of two; or every other byte, among others, where fewer
# would be chance.
_FEWEST_IN_WORDS: Final = 4
_FEWEST_IN_BYTES: Final = 5
_DIFFERENT_LETTERS, _DIFFERENT_DIGITS = 3, 4
_NUMBER_IN_WORD: Final = re.compile(r"\d{4,}", re.ASCII)
_SHORTEST_BEGINNING: Final = 5
# Whose needles do not count in an attribute that may name a device: none is spared, those of places and devices, all
# but the patient's.
NOBODY, PLACES, ALL_BUT_PATIENT = 0, 1, 2
_PATIENT_GROUP: Final = 0x0010
_PUBLISHED: Final = frozenset(map(fold, phrases()))

Found = str | tuple[frozenset[str], frozenset[str]] | None
"""A hit, in words that quote nothing; or the UIDs and the rows of digits to compare; or nothing."""


def _folded_byte(byte: int) -> int:
    """A byte as its letter without accent and case: as Latin-1, or where that has no letter as code page 850."""
    char = chr(byte) if byte < 128 or chr(byte).isalpha() else bytes((byte,)).decode("cp850")
    letter = fold(char)
    return ord(letter) if len(letter) == 1 and letter.isascii() else byte


_FOLDED_BYTES: Final = bytes(map(_folded_byte, range(256)))


class Haystack:
    """The needles of one input, ready to be looked for. ``harmless`` are the folded words that identify nobody."""

    def __init__(self, found: Iterable[Needles], harmless: frozenset[str]) -> None:
        self._harmless = harmless
        self._parts: dict[str, Needles] = {}
        self._wholes: dict[str, Needles] = {}
        self._singles: dict[str, Needles] = {}
        self._days: dict[str, Needles] = {}
        self._digits: dict[str, Needles] = {}
        self._bare: dict[str, Needles] = {}
        self._spelled: dict[str, Needles] = {}
        self._unaccented: dict[str, Needles] = {}
        self.numbers: dict[str, Needles] = {}
        for one in found:
            for needles, table in (
                *(
                    (one.parts, self._parts),
                    (one.parts, self._wholes),
                    (one.wholes, self._wholes),
                    (one.singles, self._singles),
                ),
                *(
                    (one.days, self._days),
                    (one.digits, self._digits),
                    (one.bare, self._bare),
                    (one.numbers, self.numbers),
                    (one.spelled, self._spelled),
                    (one.unaccented, self._unaccented),
                ),
            ):
                for needle in needles:
                    if needle not in table or table[needle].place:  # what is a person's and a place's is a person's
                        table[needle] = one
        self._sums = {**self._days, **self._wholes}
        self._longest = max(map(len, self._sums), default=0)
        self._beginnings = {
            word[:length]: one
            for word, one in self._parts.items()
            if not one.place and word.isalpha()
            for length in range(_SHORTEST_BEGINNING, len(word))
        }
        self._in_uids = [digits for digits in self._digits if len(digits) >= _LONGEST_UID_NEEDLE]
        # Pixels count up and down: a needle of few different digits is in any of them.
        in_rows = {
            needle: one
            for table in (self._unaccented, self._parts, self._wholes, self._singles, self._digits)
            for needle, one in table.items()
            if len(set(needle)) >= (_DIFFERENT_DIGITS if needle.isdigit() else _DIFFERENT_LETTERS)
        }
        self._in_rows = {
            least: [(needle, one) for needle, one in in_rows.items() if len(needle) >= least]
            for least in (_FEWEST_IN_WORDS, _FEWEST_IN_BYTES, _STRONG)
        }
        self._strong = _strong(self._parts, self._wholes)
        self._strong_bare = {
            **self._strong,
            **{word.encode("ascii"): one for word, one in self._bare.items() if len(word) >= _STRONG},
        }
        self._scripts = _in_scripts(self._spelled)
        self._clean = b""  # the last bytes without any: frames say where they are in several ways

    def __len__(self) -> int:
        return len(self._sums) + len(self._singles) + len(self._digits)

    def in_uid(self, digits: str) -> bool:
        """Say whether a number stands in the digits of a new UID. Short ones do so by accident."""
        return any(needle in digits for needle in self._in_uids)

    def in_standard_uid(self, uid: str) -> bool:
        """Say whether a number is spelled by the components of what looks like a UID of the standard."""
        digits = uid.removeprefix("1.2.840.10008.").replace(".", "")
        return len(digits) >= 6 and any(number in digits for number in self.numbers)

    def in_text(self, text: str, *, tag: int = 0, spared: int = NOBODY) -> Found:
        """Look in one decoded value of the attribute ``tag``. ``spared``: whose needles it may hold."""
        if _CONTROL.search(text):
            return "a control character"
        if tag == CODE_MEANING and folded(text) in _PUBLISHED:
            return None
        uids: set[str] = set()
        rows: set[str] = set()
        for view in _spellings(text):
            hit = self._look(view, self._wholes if tag == CODE_VALUE else self._sums, spared)
            if hit is not None:
                return hit.source
            uids.update(uid for uid in _UID.findall(view) if not STANDARD_UID.fullmatch(uid))
            rows.update(row for row in map(_digits_of, _ROW.findall(view)) if len(row) >= _SHORTEST_ROW)
        return (frozenset(uids), frozenset(rows)) if uids or rows else None

    def in_pixels(self, pieces: Iterable[bytes]) -> Needles | None:
        """The source of the first needle that is written in rows of pixels.

        As bytes or as words of two, in either byte order.
        """
        rows = _BETWEEN.join([piece[: len(piece) & ~1] for piece in pieces])
        even, odd = rows[::2], rows[1::2]
        swapped = bytearray(rows)
        swapped[::2], swapped[1::2] = odd, even
        views = [
            (rows, _FEWEST_IN_BYTES),
            (bytes(swapped), _FEWEST_IN_BYTES),
            (even, _FEWEST_IN_WORDS if _IN_WORDS in odd else _STRONG),
            (odd, _FEWEST_IN_WORDS if _IN_WORDS in even else _STRONG),
        ]
        for needle, source in self._scripts.items():
            if needle in rows or needle in swapped:
                return source
        runs: dict[int, list[bytes]] = {}
        for view, least in views:
            runs.setdefault(least, []).extend(_runs(view, least))
        for least, found in runs.items():
            text = "\n".join(run.decode("ascii").lower().translate(_JOINTS) for run in found)
            for word, source in self._in_rows[least] if found else ():
                if word in text:
                    return source
        return None

    def in_bytes(self, values: Collection[bytes], *, spared: int = NOBODY) -> Found:
        """Look in values that are no text."""
        longest = max(map(len, values), default=0)
        if longest < _SHORTEST_IN_BYTES:
            return None
        value = _BETWEEN.join(values)
        for needle, source in self._scripts.items():
            if needle in value and not _is_spared(source, spared):
                return source.source
        if longest < _STRONG or value == self._clean:
            return None
        uids: set[str] = set()
        rows: set[str] = set()
        for half in _halves(value) if longest >= 2 * _STRONG else (value,):
            hit = self._in_letters(half, spared) if self._strong_bare else None
            if hit is not None:
                return hit.source
            for run in _printable(half):
                found = self.in_text(run.decode("ascii"), spared=spared)
                if isinstance(found, str):
                    return found
                if found is not None:
                    uids |= found[0]
                    rows |= found[1]
        if uids or rows:
            return frozenset(uids), frozenset(rows)
        if spared == NOBODY and len(value) <= _LONGEST_CLEAN:
            self._clean = value
        return None

    def _in_letters(self, value: bytes, spared: int) -> Needles | None:
        """The source of the first needle among what may be letters in ``value``."""
        runs = [run for run in _LETTERS.findall(value) if len(run.translate(None, _NO_LETTERS)) >= _FEWEST_LETTERS]
        if not runs:
            return None
        for view, needles in self._views(b"\0".join(runs)):
            for needle, source in needles.items():
                if needle in view and not _is_spared(source, spared) and not self._is_innocent_bytes(needle, view):
                    return source
        return None

    def _views(self, runs: bytes) -> Iterator[tuple[bytes, dict[bytes, Needles]]]:
        """The ways in which bytes may be letters, with the needles that are spelled so."""
        yield runs.translate(_FOLDED_BYTES), self._strong
        if not runs.isascii():
            yield runs.translate(_LOWER, _NOT_ASCII), self._strong_bare
            if b"\xc3" in runs:
                yield (
                    _UTF8_ACCENT.sub(lambda two: bytes((two[1][0] + 0x40,)), runs).translate(_FOLDED_BYTES),
                    self._strong,
                )

    def _look(self, text: str, sums: dict[str, Needles], spared: int) -> Needles | None:
        """The source of the first needle in ``text`` that counts."""
        haystack = folded(text)
        found = _WORD.findall(haystack)
        innocent: set[str] | None = None
        for needle, source in self._parts.items():
            if needle not in haystack or _is_spared(source, spared):
                continue
            if innocent is None:
                innocent = self._innocent(text, set(found))
            if any(needle in word and word not in innocent for word in found):
                return source
        source_of_sum = self._sum(found, sums, spared) or self._begun_or_numbered(found, spared)
        if source_of_sum is not None:
            return source_of_sum
        squashed = "".join(found)
        for digits, source in self._digits.items():
            if digits in squashed and not _is_spared(source, spared):
                return source
        return None

    def _begun_or_numbered(self, found: list[str], spared: int) -> Needles | None:
        """The source of a name that a word begins, or of a number of four digits or more within a word."""
        for word in found:
            source = self._beginnings.get(word)
            if source is not None and word not in self._harmless and not _is_spared(source, spared):
                return source
            for number in _NUMBER_IN_WORD.findall(word) if self._singles else ():
                source = self._singles.get(number)
                if source is not None and not _is_spared(source, spared):
                    return source
        return None

    def _sum(self, found: list[str], sums: dict[str, Needles], spared: int) -> Needles | None:
        """The source of a needle that is a word, or several in a row."""
        longest = self._longest
        for start, word in enumerate(found):
            source = self._singles.get(word)
            if source is not None and word not in self._harmless and not _is_spared(source, spared):
                return source
            together = ""
            for end in range(start, len(found)):
                together += found[end]
                if len(together) > longest:
                    break
                source = sums.get(together)
                if (
                    source is not None
                    and not _is_spared(source, spared)
                    and not self._harmless.issuperset(found[start : end + 1])
                ):
                    return source
        return None

    def _innocent(self, text: str, found: set[str]) -> set[str]:
        """The words that identify nobody although a needle may be part of them.

        Such as ``angio``, or ``ThoraxRoutine`` with its capitals.
        """
        innocent = set(self._harmless & found)
        for raw in _WORD.findall(unicodedata.normalize("NFC", text)):
            pieces = [folded(piece) for piece in _PIECE.findall(raw) if not piece.isdigit()]
            if len(pieces) > 1 and self._harmless.issuperset(pieces) and min(map(len, pieces)) >= _SHORTEST_PIECE:
                innocent.add(folded(raw))
        return innocent

    def _is_innocent_bytes(self, needle: bytes, view: bytes) -> bool:
        """Say whether a needle in bytes is within words that identify nobody, wherever it stands."""
        text = view.decode("latin-1")
        words = [word for word in _WORD.findall(text) if needle.decode("latin-1") in word]
        return bool(words) and self._harmless.issuperset(words)


def _runs(view: bytes, least: int) -> Iterator[bytes]:
    """The runs in bytes of so many signs or more that names and numbers are made of."""
    marked, run = view.translate(_SIGNS_OR_NOT), _RUN_OF_SIGNS[:least]
    start = marked.find(run)
    while start >= 0:
        end = marked.find(b"\0", start)
        end = len(view) if end < 0 else end
        yield view[start:end]
        start = marked.find(run, end)


def _is_spared(source: Needles, spared: int) -> bool:
    """Say whether a needle does not count where some are spared."""
    return spared != NOBODY and (source.place or (spared == ALL_BUT_PATIENT and source.tag >> 16 != _PATIENT_GROUP))


def _halves(value: bytes) -> Iterator[bytes]:
    """Bytes as they are, and as the letters of UTF-16 where every other byte is zero."""
    yield value
    even, odd = value[::2], value[1::2]
    if _ZEROES in odd:
        yield even
    if _ZEROES in even:
        yield odd


def _printable(value: bytes) -> set[bytes]:
    """The runs in bytes that may be text."""
    if _PRINTABLE_RUN not in value.translate(_PRINTABLE_OR_NOT):  # mostly so, and told sooner than by looking for each
        return set()
    return {run for run in _PRINTABLE.findall(value) if len(set(run)) >= _FEWEST_SIGNS}  # the digits of 0.3 are 333333


def _digits_of(row: str) -> str:
    return "".join(char for char in row if char.isdigit())


def _spellings(text: str) -> Iterator[str]:
    """A text, what its bytes are in other character sets, and what it was if UTF-8 was taken for one before writing."""
    yield text
    if text.isascii():
        return
    yield scripts.latin(text)
    for codec in ("latin-1", "cp1252", "cp850", "mac_roman"):
        yield text.encode("utf-8").decode(codec, "ignore")
    for codec in ("latin-1", "cp1252"):
        try:
            yield text.encode(codec).decode("utf-8")
        except UnicodeError:
            continue


def _strong(parts: dict[str, Needles], wholes: dict[str, Needles]) -> dict[bytes, Needles]:
    """The needles that are looked for among bytes."""
    found = {needle: source for needle, source in parts.items() if len(needle) >= _STRONG}
    found |= {needle: source for needle, source in wholes.items() if len(needle) > _STRONG and not needle.isdigit()}
    return {needle.encode("ascii"): source for needle, source in found.items() if needle.isascii()}


def _in_scripts(spelled: dict[str, Needles]) -> dict[bytes, Needles]:
    """Words as the bytes that they are in each character set that has their letters."""
    found: dict[bytes, Needles] = {}
    for word, source in spelled.items():
        for form in {word, word.lower(), word.upper(), word.title()}:
            for codec in _SCRIPTS:
                try:
                    encoded = form.encode(codec)
                except UnicodeError:
                    continue
                if len(encoded) >= _SHORTEST_IN_BYTES:
                    found[encoded] = source
    return found
