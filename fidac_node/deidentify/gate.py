"""The last gate: nothing of the input's identity in the encoded output, or the object is held.

Reads the bytes that are about to be written by its own walk (:mod:`.leaves`), not through the engine
that made them: structure first, then a search for every identifying value of the input, folded, in every
character set that may hide it. It fails closed: what it cannot read, it does not let through.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fidac_node import marks, part10
from fidac_node.deidentify import actions, needles
from fidac_node.deidentify.leaves import Leaf, describe, leaves
from fidac_node.deidentify.needles import Needles, separated
from fidac_node.deidentify.reading import Source
from fidac_node.deidentify.text import fold, words
from fidac_node.errors import Permanent

_PATIENT_BIRTH_DATE: Final = 0x00100030
_NUMERIC: Final = frozenset({"AS", "DA", "DS", "DT", "IS", "TM"})
_BINARY: Final = actions.NUMBER_VRS - {"DS", "IS"} | actions.BYTES_VRS
_STANDARD_UID: Final = re.compile(r"1\.2\.840\.10008(?:\.\d{1,4}){1,9}", re.ASCII)
_NEW_UID: Final = re.compile(r"2\.25\.\d{1,39}", re.ASCII)
_UID_IN_TEXT: Final = re.compile(r"\d+(?:\.\d+){4,}", re.ASCII)
# A number in a numeric attribute is a measurement unless it is as long as an identifier.
_SHORTEST_NUMBER: Final = 6
_STRONG: Final = 6
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]{6,}")
# More needles than this are no patient's header but an attempt to keep the gate busy.
_MOST_NEEDLES: Final = 5000
# Each byte as its Latin-1 letter without accent and case, for searching bytes that are no text.
_FOLDED_BYTES: Final = bytes(ord(folded) if len(folded := fold(chr(byte))) == 1 and folded.isascii() else byte for byte in range(256))
# An accented letter of French in UTF-8: U+00C0 to U+00FF.
_UTF8_ACCENT: Final = re.compile(rb"\xc3([\x80-\xbf])")
# What the engine may write as it is, besides the marks of the object at hand.
_CONSTANTS: Final = frozenset(
    {*actions.DUMMIES.values(), actions.CONTRAST_DUMMY, "ISO_IR 192", "DCM", *marks.METHOD_CODES, *marks.METHOD_CODES.values()}
)


class Gate:
    """Searches outputs. ``harmless`` are the folded words that identify nobody."""

    def __init__(self, harmless: frozenset[str]) -> None:
        self._harmless = harmless

    def check(self, source: Source, head: bytes, body: bytes, *, written: frozenset[str]) -> None:
        """Let an output pass: ``head`` is its File Meta Information, ``body`` its data set up to the pixels.

        ``written`` are the values that the engine added: pseudonym and marks. Raises
        :class:`Permanent` ``leak`` on a hit, naming attributes and never a value.
        """
        try:
            found = needles.collect(source.leaves(), source.meta.source_ae, self._harmless)
            if len(found) > _MOST_NEEDLES:
                raise Permanent("leak", f"the input has more than {_MOST_NEEDLES} identifying values: the output cannot be checked")
            search = _Search.of(found, self._harmless, written | _CONSTANTS)
            self._meta(head, source.meta.transfer_syntax_uid, search)
            for leaf in leaves(body, 0, len(body), source.meta.transfer_syntax_uid):
                _structure(leaf)
                search.leaf(leaf)
            search.raw(body)
        except Permanent as error:
            if error.code == "leak":
                raise
            raise Permanent("leak", f"the output cannot be checked: {error}") from error
        except Exception as error:
            raise Permanent("leak", f"the output cannot be checked ({type(error).__name__})") from error

    def _meta(self, head: bytes, transfer_syntax_uid: str, search: _Search) -> None:
        """The File Meta Information must be what we write and nothing else."""
        meta, length = part10.read_meta(io.BytesIO(head))
        plain = part10.FileMeta(meta.sop_class_uid, meta.sop_instance_uid, transfer_syntax_uid)
        if length != len(head) or part10.encode_meta(plain) != head:
            raise Permanent("leak", "the File Meta Information holds more than it should")
        search.leaf(Leaf((0x00020002,), "UI", meta.sop_class_uid.encode("ascii")))
        search.leaf(Leaf((0x00020003,), "UI", meta.sop_instance_uid.encode("ascii")))


def _structure(leaf: Leaf) -> None:
    """What no output may have, whatever the profile says."""
    tag = leaf.path[-1]
    group = tag >> 16
    private = group % 2 == 1
    if private and not (tag in marks.PRIVATE_TAGS and len(leaf.path) == 1):
        raise _leak(leaf, "a private attribute")
    if group < 0x0008 or tag & 0xFFFF == 0:
        raise _leak(leaf, "an element that no data set has")
    if 0x5000 <= group <= 0x501E or 0x6000 <= group <= 0x601E or group == 0xFFFC:
        raise _leak(leaf, "a curve, an overlay or padding")
    if tag == _PATIENT_BIRTH_DATE and leaf.value.strip(b"\x00 "):
        raise _leak(leaf, "a date of birth")


def _leak(leaf: Leaf, what: str) -> Permanent:
    return Permanent("leak", f"{what} is left in the output at {describe(leaf.path)}")


@dataclass(frozen=True)
class _Patterns:
    """The needles of one patient, compiled."""

    loose: re.Pattern[str] | None
    bounded: re.Pattern[str] | None
    strong: re.Pattern[str] | None


def _any(alternatives: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(alternatives)
    return re.compile(joined) if joined else None


# A series shares all needles but the SOP Instance UID, which is not among these.
@lru_cache(maxsize=64)
def _compile(loose: tuple[str, ...], bounded: tuple[str, ...]) -> _Patterns:
    strong = [re.escape(needle) for needle in loose if len(needle) >= _STRONG]
    strong += [separated(needle) for needle in bounded if len(needle) > _STRONG and not needle.replace(" ", "").isdigit()]
    whole = "|".join(separated(needle) for needle in bounded)
    return _Patterns(
        _any(re.escape(needle) for needle in loose),
        re.compile(rf"(?<![^\W_])(?:{whole})(?![^\W_])") if whole else None,
        _any(strong),
    )


class _Search:
    """One search for the needles of one input."""

    def __init__(self, found: Needles, patterns: _Patterns, harmless: frozenset[str], written: frozenset[str]) -> None:
        self._needles = found
        self._patterns = patterns
        self._harmless = harmless
        self._written = written
        numbers = (needle.replace(" ", "") for needle in (*found.digits, *found.bounded))
        self._numbers = tuple(number for number in numbers if number.isdigit() and len(number) >= _SHORTEST_NUMBER)
        self._clean: set[tuple[str, bytes]] = set()

    @classmethod
    def of(cls, found: Needles, harmless: frozenset[str], written: frozenset[str]) -> _Search:
        """Longest needles first, so that the report names the most telling one."""
        loose, bounded = (tuple(sorted(table, key=lambda one: (-len(one), one))) for table in (found.loose, found.bounded))
        return cls(found, _compile(loose, bounded), harmless, written)

    def leaf(self, leaf: Leaf) -> None:
        """Search one element. Raises :class:`Permanent` ``leak``."""
        if leaf.vr in _BINARY:
            self._bytes(leaf)
            return
        value = leaf.value.strip(b"\x00 ")
        if not value:
            return
        if leaf.vr in ("DA", "DT"):
            self._date(leaf, value)
        kind = needles.kind_of(leaf.path[-1], leaf.vr)
        identity = kind is not None and kind is not needles.Kind.DATE
        if not identity and (leaf.vr, value) in self._clean:
            return
        if leaf.vr == "UI":
            self._uids(leaf, value)
        elif leaf.vr in _NUMERIC:
            self._numeric(leaf, value)
        elif value.decode("utf-8", "replace") not in self._written:
            if identity and not self._is_written(value):
                raise _leak(leaf, "an identifying attribute")
            self._text(leaf, value)
        self._clean.add((leaf.vr, value))

    def raw(self, body: bytes) -> None:
        """Search the bytes of the whole header for what no accident makes, in one and two bytes a character."""
        if self._patterns.strong is None:
            return
        latin = _UTF8_ACCENT.sub(lambda two: bytes((two[1][0] + 0x40,)), body)
        for view in dict.fromkeys((body, latin, body[::2], body[1::2])):
            haystack = view.translate(_FOLDED_BYTES).decode("latin-1")
            for match in self._patterns.strong.finditer(haystack):
                if not self._is_harmless(haystack, match) and not self._within_written(haystack, match):
                    raise Permanent("leak", f"{self._source(match.group())} is in the bytes of the output")

    def _bytes(self, leaf: Leaf) -> None:
        """Numbers and bulk data: a long number or UID spelled in their bytes; words are found by :meth:`raw`."""
        for run in _PRINTABLE.findall(leaf.value):
            text = run.decode("ascii")
            if not self._needles.uids.isdisjoint(_UID_IN_TEXT.findall(text)):
                raise _leak(leaf, "an original UID")
            squashed = "".join(words(text))
            if any(number in squashed for number in self._numbers):
                raise _leak(leaf, "an identifying number")

    def _is_written(self, value: bytes) -> bool:
        return all(one.strip() in self._written or not one.strip() for one in value.decode("utf-8", "replace").split("\\"))

    def _text(self, leaf: Leaf, value: bytes) -> None:
        if self._is_written(value):
            return
        texts = [value.decode("latin-1"), value.decode("utf-8", "ignore")]
        if b"\x00" in leaf.value:
            texts += [leaf.value[start:].decode("utf-16-le", "ignore") for start in (0, 1)]
        for text in dict.fromkeys(texts):
            haystack = fold(text)
            for pattern in (self._patterns.loose, self._patterns.bounded):
                for match in pattern.finditer(haystack) if pattern else ():
                    if not self._is_harmless(haystack, match):
                        raise self._hit(leaf, match.group())
            self._digits(leaf, haystack)
            for uid in _UID_IN_TEXT.findall(text):
                if uid in self._needles.uids and not _STANDARD_UID.fullmatch(uid):
                    raise _leak(leaf, "an original UID")

    def _digits(self, leaf: Leaf, haystack: str) -> None:
        squashed = re.sub(r"[\W_]+", "", haystack)
        for digits in self._needles.digits:
            if digits in squashed:
                raise self._hit(leaf, digits)

    def _uids(self, leaf: Leaf, value: bytes) -> None:
        for uid in (one.strip(" \x00") for one in value.decode("latin-1").split("\\")):
            if not uid or _STANDARD_UID.fullmatch(uid):
                continue
            if not _NEW_UID.fullmatch(uid) or uid in self._needles.uids:
                raise _leak(leaf, "an original UID")

    def _numeric(self, leaf: Leaf, value: bytes) -> None:
        """Numbers as measurements: only a whole value as long as an identifier counts, and letters never belong."""
        for one in value.decode("latin-1").split("\\"):
            number = one.strip()
            if leaf.vr not in ("DA", "DT", "TM") and number.isdigit() and len(number) >= _SHORTEST_NUMBER:
                for table in (self._needles.bounded, self._needles.digits):
                    if number in table:
                        raise self._hit(leaf, number)
            match = self._patterns.loose.search(fold(number)) if self._patterns.loose else None
            if match:
                raise self._hit(leaf, match.group())

    def _date(self, leaf: Leaf, value: bytes) -> None:
        """A date that is where it was in the input has not moved."""
        before = self._needles.dates.get(leaf.path, set())
        if len(before) == 1 and before == {one[:8] for one in value.split(b"\\")} and value[:8].decode("latin-1") not in self._written:
            raise _leak(leaf, "an original date")

    def _is_harmless(self, haystack: str, match: re.Match[str]) -> bool:
        """Say whether a hit lies within words that identify nobody, such as ``angi`` in ``angio``."""
        start, end = match.span()
        while start > 0 and haystack[start - 1].isalnum():
            start -= 1
        while end < len(haystack) and haystack[end].isalnum():
            end += 1
        return self._harmless.issuperset(re.findall(r"[^\W_]+", haystack[start:end]))

    def _within_written(self, haystack: str, match: re.Match[str]) -> bool:
        """Say whether a hit in the raw bytes lies within a value that the engine wrote."""
        around = haystack[max(0, match.start() - 64) : match.end() + 64]
        return any(match.group() in folded and folded in around for folded in map(fold, self._written) if folded)

    def _hit(self, leaf: Leaf, needle: str) -> Permanent:
        return Permanent("leak", f"{self._source(needle)} is left in the output at {describe(leaf.path)}")

    def _source(self, hit: str) -> str:
        """Name the attribute of the input that a hit came from."""
        key = " ".join(re.findall(r"[^\W_]+", hit))
        squashed = key.replace(" ", "")
        for table in (self._needles.loose, self._needles.bounded, self._needles.digits):
            for needle, tag in table.items():
                if needle in (key, squashed) or needle.replace(" ", "") == squashed:
                    return f"the input's {describe((tag,))}"
        return "an identifying value of the input"
