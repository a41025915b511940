"""Pairs of objects that differ in the person alone.

:class:`Twins` are one examination, by one scanner, on one day, of two people.
A *slot* is a place in an object that is filled for a person, or is the same for everybody.
"""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from fidac_node.dicom.uids import EXPLICIT_VR_LE
from tests.strategies import (
    JPEG_BASELINE,
    PIXEL_DATA,
    TEXT,
    Elem,
    elem,
    fragments,
    image,
    jpeg,
    padded,
    part10,
    sequence,
)


class Charset(NamedTuple):
    """A value of SpecificCharacterSet, how text is written in it, and names of people who need it."""

    declared: bytes | None
    codec: str
    escape: bytes
    names: tuple[str, ...]

    def encode(self, text: str) -> bytes:
        """``text`` in this character set; what is ASCII alone needs no escape sequence."""
        return text.encode("ascii") if text.isascii() else self.escape + text.encode(self.codec)

    def has(self, text: str) -> bool:
        """Say whether ``text`` can be written."""
        try:
            self.encode(text)
        except UnicodeEncodeError:
            return False
        return True


_FRENCH: Final = ("QUENOUILLE", "Géraud-Delaître", "LEFÈVRE", "Zéphyrine", "d'Ambreville", "OUÉDRAOGO")
CHARSETS: Final = (
    Charset(None, "ascii", b"", ("QUENOUILLE", "VANDERBEKE", "Zephyrine", "O'Hallorahan", "XU", "NG")),
    Charset(b"ISO_IR 6", "ascii", b"", ("SCHWARZKOPFF", "Wojtowiczak")),
    Charset(b"ISO_IR 100", "latin-1", b"", _FRENCH),
    Charset(b"ISO_IR 192", "utf-8", b"", (*_FRENCH, "王小东", "Αλεξάνδρου", "محمدوف", "山田太郎", "𠮷野屋彦")),
    Charset(b"ISO_IR 101", "iso8859_2", b"", ("Wójtowiczówna", "Dvořáček", "SZYMAŃSKA")),
    Charset(b"ISO_IR 144", "iso8859_5", b"", ("Достоевская", "Щербаков")),
    Charset(b"ISO_IR 126", "iso8859_7", b"", ("Διονυσίου", "Παπαδόπουλος")),
    Charset(b"ISO_IR 127", "iso8859_6", b"", ("محمدوف", "قباني")),
    Charset(b"ISO_IR 138", "iso8859_8", b"", ("שרוןזון",)),
    Charset(b"ISO_IR 148", "iso8859_9", b"", ("Çavuşoğlu", "Y\u0131ld\u0131r\u0131mc\u0131")),
    Charset(b"ISO_IR 166", "tis_620", b"", ("สมชายวงศ์",)),
    Charset(b"ISO_IR 13", "shift_jis", b"", ("ﾔﾏﾀﾞﾀﾛｳ",)),
    # 誠 ends in the byte of a backslash: it is one character and no end of a value.
    Charset(b"GB18030", "gb18030", b"", ("王小东", "誠實", "欧阳修远")),
    Charset(b"GBK", "gbk", b"", ("誠實", "司马迁之")),
    Charset(b"\\ISO 2022 IR 87", "iso2022_jp", b"", ("山田太郎", "本田宗一")),
    Charset(b"ISO 2022 IR 6\\ISO 2022 IR 149", "euc_kr", b"\x1b$)C", ("김희중", "박근상")),
    Charset(b"ISO 2022 IR 6\\ISO 2022 IR 58", "gb2312", b"\x1b$)A", ("张小东",)),
    Charset(b"ISO 2022 IR 6\\ISO 2022 IR 100", "latin-1", b"\x1b-A", _FRENCH),
)
_SYLLABLES: Final = ("qua", "ven", "drou", "bix", "zel", "mog", "fyr", "wok", "jub", "kri", "plo", "dax")
_ADDRESSES: Final = (
    "12 impasse Chataigniers",
    "3 bis rue Pinsonnet 37044 TOURNON",
    "Villa Marguerite, Quimperle",
    "BP 4417 CEDEX 9",
)
_COMMENTS: Final = (
    "Mme {}, nee le 14/07/1961",
    "cf. courrier Dr {} du 17 mars 2020",
    "epouse de M. {}",
    "{} tel 06 39 98 12 47",
    "{0} {0} {0}",
)
_LONG_COMMENT: Final = 40

NAMES: Final = st.lists(st.sampled_from(_SYLLABLES), min_size=2, max_size=6).map(
    lambda parts: "".join(parts).capitalize()
)
IDENTIFIERS: Final = st.one_of(
    st.from_regex(r"[A-HJ-Z]{2,4}[0-9]{5,11}", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{6,12}", fullmatch=True),
    st.from_regex(r"[12][0-9]{2}(0[1-9]|1[0-2])[0-9]{10}", fullmatch=True),
)
PHONES: Final = st.from_regex(r"0[1-9]( [0-9]{2}){4}|\+33[1-9][0-9]{8}", fullmatch=True)
BIRTH_DATES: Final = st.dates(datetime.date(1901, 1, 1), datetime.date(1989, 12, 31))
ROOTS: Final = st.integers(1000, 99_999_999).map(lambda number: f"1.3.6.1.4.1.{number}")


@dataclass(frozen=True)
class Person:
    """Everything that may differ between two people of whom one examination was made.

    A slot of an object asks for its own number: :meth:`text`, :meth:`uid`, ... of one number are one
    value, so that references within an object stay consistent.
    """

    charset: Charset
    names: tuple[str, ...]
    ids: tuple[str, ...]
    phone: str
    birth: str
    root: str
    blobs: tuple[bytes, ...]
    bits: int

    def text(self, number: int) -> str:
        """Some text that is about this person and nothing else."""
        name = self.names[number % len(self.names)]
        kinds = (
            name, self.ids[number % len(self.ids)], f"{name}^{self.names[0]}", self.phone,
            _ADDRESSES[self.bit(number, 4)], _COMMENTS[self.bit(number, 5)].format(name), self.birth,
            f"{name} " * _LONG_COMMENT, f"{self.root}.{number}",
            f"{name.lower().replace(' ', '.')}@hopital.example" if name.isascii() else name,
        )  # fmt: skip
        return kinds[self.bit(number, len(kinds))]

    def name(self, number: int) -> str:
        """A word of a name."""
        return self.names[number % len(self.names)]

    def uid(self, number: int) -> str:
        """A UID that was given for this person's examination."""
        return f"{self.root}.{number}"

    def bit(self, number: int, choices: int) -> int:
        """One of ``choices``, always the same for one number."""
        return zlib.crc32(f"{self.bits} {number}".encode()) % choices


@st.composite
def people(draw: st.DrawFn) -> Person:
    """A person, in any script that DICOM has."""
    charset = draw(st.sampled_from(CHARSETS))
    names = draw(st.lists(st.one_of(st.sampled_from(charset.names), NAMES), min_size=2, max_size=4, unique=True))
    return Person(
        charset,
        tuple(names),
        tuple(draw(st.lists(IDENTIFIERS, min_size=1, max_size=3))),
        draw(PHONES),
        draw(BIRTH_DATES).strftime("%Y%m%d"),
        draw(ROOTS),
        tuple(draw(st.lists(st.binary(max_size=40), min_size=1, max_size=3))),
        draw(st.integers(0, 1 << 30)),
    )


# What becomes of a place in an object when it is filled for a person; None: the place stays empty.
Slot = Callable[[Person], Elem | None]


def fill(slots: Iterable[Slot], person: Person) -> list[Elem]:
    """The elements that ``slots`` give for ``person``."""
    return [one for one in (slot(person) for slot in slots) if one is not None]


def always(one: Elem) -> Slot:
    """A place that is the same for everybody."""
    return lambda person: one


def identity_bytes(person: Person, vr: str, number: int) -> bytes:
    """A value under ``vr`` that is about ``person``."""
    if vr == "PN":
        return person.charset.encode(f"{person.name(number)}^{person.name(number + 1)}")
    if vr == "UI":
        several = (person.uid(number), "1.2.840.10008.1.2.1", person.uid(number + 1))
        return "\\".join(several[: 1 + number % 3]).encode("ascii")
    if vr in ("DA", "DT"):
        return person.birth.encode("ascii")
    if vr == "TM":
        return f"{person.bit(number, 24):02d}{person.bit(number + 1, 60):02d}".encode("ascii")
    if vr in ("AE", "AS", "CS", "DS", "IS", "UR"):
        return person.text(number).encode("ascii", "replace")[:60]
    if vr in TEXT:
        return person.charset.encode(person.text(number))
    raw = person.blobs[number % len(person.blobs)].ljust(8, b"\1") * (1 + person.bit(number, 3))
    return raw[: len(raw) // 8 * 8]


def about(tag: int, vr: str, number: int, *, optional: bool = False) -> Slot:
    """A place that is about the person: its value, and if ``optional`` its presence, is identity."""

    def slot(person: Person) -> Elem | None:
        if optional and not person.bit(number + 1000, 3):
            return None
        return Elem(tag, vr, padded(vr, identity_bytes(person, vr, number)))

    return slot


def nest(tag: int, items: Sequence[Sequence[Slot]], form: str = "") -> Slot:
    """A sequence with the same items for everybody, filled for each."""
    return lambda person: sequence(tag, [fill(item, person) for item in items], form)


def repeated(tag: int, item: Sequence[Slot], number: int, form: str = "", least: int = 0) -> Slot:
    """A sequence with as many items about the person as this person happens to have."""

    def slot(person: Person) -> Elem | None:
        count = least + person.bit(number, 4)
        return sequence(tag, [fill(item, person) for _ in range(count)], form)

    return slot


ABOUT: Final = 100


def mixed(tag: int, vr: str, words: Sequence[str | int], separator: str = " ") -> Slot:
    """Text of words that are the same for everybody and of the person's own.

    A number is a name, from :data:`ABOUT` on any text.
    """

    def own(person: Person, number: int) -> str:
        return person.name(number) if number < ABOUT else person.text(number)

    def slot(person: Person) -> Elem | None:
        text = separator.join(word if isinstance(word, str) else own(person, word) for word in words)
        return Elem(tag, vr, padded(vr, person.charset.encode(text)))

    return slot


@dataclass(frozen=True)
class Twins:
    """Two files that differ in the person alone; :meth:`same` leads from the second's UIDs to the first's."""

    first: bytes
    second: bytes
    people: tuple[Person, Person]

    def same(self, uid: str) -> str:
        """The UID that stands in the first file where ``uid`` stands in the second."""
        one, other = self.people
        return one.root + uid[len(other.root) :] if uid.startswith(other.root + ".") else uid


def file_of(person: Person, slots: Sequence[Slot], transfer_syntax: str, *, group_lengths: bool = False) -> bytes:
    """The file of one person: the image, what ``slots`` add, and identity around the data set too."""
    found = image(person.root, padded("LO", person.charset.encode(person.ids[0])))
    if person.charset.declared is not None:
        found[0x00080005] = elem(0x00080005, "CS", person.charset.declared)
    found |= {one.tag: one for one in fill(slots, person)}
    if transfer_syntax == JPEG_BASELINE:
        # As long as one another: what stays of a comment is its length, so that offsets stay true.
        comment = person.name(0).encode("utf-8")[:12].ljust(12, b"*")
        found[PIXEL_DATA] = Elem(PIXEL_DATA, "OB", fragments(jpeg(comment)), form="p")
    sender = elem(0x00020016, "AE", person.text(0).encode("ascii", "replace")[:16].replace(b"\\", b" ").decode("ascii"))
    if person.bit(7, 2):
        found[0xFFFCFFFC] = Elem(0xFFFCFFFC, "OB", bytes(2 * person.bit(8, 9)))
    preamble = person.name(1).encode("utf-8")
    return part10(list(found.values()), transfer_syntax, meta=[sender], preamble=preamble, group_lengths=group_lengths)


def twins_of(people_: tuple[Person, Person], slots: Sequence[Slot], syntax: str = EXPLICIT_VR_LE, **how: Any) -> Twins:
    """The two files of two people for the same places."""
    first, second = (file_of(person, slots, syntax, **how) for person in people_)
    return Twins(first, second, people_)


PAIRS: Final = st.tuples(people(), people()).filter(lambda pair: pair[0].root != pair[1].root)
