"""Made-up patients, staff and hospitals by the hundred, and the search for what is left of them.

The people do not exist. Telephone numbers are among those set aside for fiction (Arcep decision 2018-0881).
"""

from __future__ import annotations

import datetime
import random
import re
import struct
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

# Syllables that no word of anatomy, of a scanner or of a mark has in this order.
_FIRST = (
    "Kerg",
    "Quén",
    "Vaugr",
    "Bretzl",
    "Tchouk",
    "Gwenz",
    "Wojc",
    "Yvrou",
    "Zéphr",
    "Jacqu",
    "Hurt",
    "Dujb",
    "Müllg",
    "Oñegov",
    "Nguyb",
)
_SECOND = (
    "ouill",
    "éguév",
    "adovk",
    "umbeuf",
    "ïmard",
    "affrey",
    "ôdrig",
    "iszczy",
    "elgram",
    "oquez",
    "âtaign",
    "yrzik",
)
_THIRD = ("ec", "ard", "ier", "ouët", "ski", "aux", "ette", "eau", "ez", "int")
_GIVEN = (
    "Zéphyrine",
    "Théophraste",
    "Ysaline",
    "Guénolé",
    "Maïwenn",
    "Ombeline",
    "Barthélémy",
    "Clothilde",
    "Wenceslas",
    "Jérémie",
    "Françoise",
)
_STREETS = ("impasse", "rue", "chemin", "quai", "allée")
_FOREIGN = {
    "iso8859_5": ("Люксембуржцев^Ярослав", "Щербаковская^Евгения"),
    "iso8859_7": ("Διονυσιάδης^Χαράλαμπος", "Παπαδημητρίου^Ζωή"),
    "gb18030": ("欧阳^晓东", "诸葛^婉婷"),
    "utf_8": ("歐陽^曉東", "Đặng^Thị Hồng Nhung"),
    "shift_jis": ("ﾔﾏﾀﾞ^ﾀﾛｳ", "ｺﾊﾞﾔｼ^ﾊﾅｺ"),
}
_MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ł": "l"})
_NEW_UID = re.compile(rb"2\.25\.\d{1,39}")
_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """``text`` without accents, case or compatibility forms."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


def birth_forms(date: datetime.date) -> tuple[str, ...]:
    """A date as machines and people write it, in French and English."""
    return (
        f"{date:%Y%m%d}", f"{date:%d/%m/%Y}", f"{date:%Y-%m-%d}", f"{date:%d.%m.%Y}", f"{date:%d%m%Y}",
        f"{date.day} {_MONTHS[date.month - 1]} {date.year}", f"{_MONTHS_EN[date.month - 1]} {date.day}, {date.year}",
    )  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A patient and everybody and everything that an order and a scanner name with him."""

    number: int
    root: str  # of all his UIDs
    family: str
    given: str
    birth_name: str
    mother: str
    foreign: dict[str, str]
    patient_id: str
    issuer: str
    nir: str
    admission: str
    phone: str
    mobile: str
    email: str
    street: str
    town: str
    postcode: str
    birth: datetime.date
    physicians: tuple[str, ...]
    hospital: str
    department: str
    station: str
    ae_title: str
    serial: str
    studies: tuple[datetime.date, datetime.date]
    accessions: tuple[str, str]
    study_ids: tuple[str, str]
    insurance: str

    @property
    def name(self) -> str:
        return f"{self.family.upper()}^{self.given}"

    def fields(self, study: int) -> dict[str, str]:
        """What the texts of the corpus are filled with."""
        date = self.studies[study]
        return {
            "family": self.family, "FAMILY": self.family.upper(), "given": self.given, "id": self.patient_id,
            "nir": self.nir,
            "nda": self.admission, "phone": self.phone, "mobile": self.mobile, "email": self.email,
            "street": self.street, "town": self.town,
            "zip": self.postcode, "birth": f"{self.birth:%d/%m/%Y}",
            "birth_iso": f"{self.birth:%Y-%m-%d}",
            "birth_da": f"{self.birth:%Y%m%d}",
            "birth_fr": f"{self.birth.day} {_MONTHS[self.birth.month - 1]} {self.birth.year}",
            "birth_en": f"{_MONTHS_EN[self.birth.month - 1]} {self.birth.day}, {self.birth.year}",
            "date": f"{date:%d/%m/%Y}", "date_fr": f"{date.day} {_MONTHS[date.month - 1]} {date.year}",
            "doctor": self.physicians[0].partition("^")[0], "doctor2": self.physicians[1].partition("^")[0],
            "hospital": self.hospital, "department": self.department, "station": self.station, "ae": self.ae_title,
            "serial": self.serial, "accession": self.accessions[study], "uid": f"{self.root}.1.{study + 1}",
            "spaced": " ".join(self.family.upper()),
            "wide": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in self.family),
            "mother": self.mother, "insurance": self.insurance, "nir_spaced": _grouped(self.nir),
        }  # fmt: skip


def _grouped(nir: str) -> str:
    return " ".join((nir[0], nir[1:3], nir[3:5], nir[5:7], nir[7:10], nir[10:13], nir[13:]))


def surname(rng: random.Random) -> str:
    return rng.choice(_FIRST) + rng.choice(_SECOND) + rng.choice(_THIRD)


def _letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("BDFGHJKMNPQSVXZ", k=count))


def digits(rng: random.Random, count: int) -> str:
    return str(rng.randint(1, 9)) + "".join(rng.choices("0123456789", k=count - 1))


def person(rng: random.Random, number: int) -> Person:
    """A patient that nobody has seen; ``number`` keeps the UIDs of two patients apart."""
    birth = datetime.date(1936, 1, 1) + datetime.timedelta(days=rng.randrange(25000))
    first = datetime.date(2019, 1, 1) + datetime.timedelta(days=rng.randrange(1500))
    family = surname(rng)
    return Person(
        number=number,
        root=f"1.2.826.0.1.3680043.8.{digits(rng, 6)}.{number + 1}.{digits(rng, 9)}",
        family=family,
        given=rng.choice(_GIVEN),
        birth_name=surname(rng),
        mother=surname(rng),
        foreign={codec: rng.choice(names) for codec, names in _FOREIGN.items()},
        patient_id=rng.choice(("", "IPP", "H")) + digits(rng, 10),
        issuer=rng.choice(("CHRU-", "GHT")) + fold(surname(rng)).upper()[:9],
        nir=rng.choice("12") + digits(rng, 14),
        admission="NDA" + digits(rng, 9),
        phone="01 99 00 " + f"{rng.randrange(100):02d} {rng.randrange(100):02d}",
        mobile=f"06 39 98 {rng.randrange(100):02d} {rng.randrange(100):02d}",
        email=f"{fold(family).replace(' ', '')}@{fold(surname(rng))}.example",
        street=f"{rng.randint(2, 98)} {rng.choice(_STREETS)} {surname(rng)}",
        town=surname(rng) + "-sur-" + surname(rng),
        postcode=digits(rng, 5),
        birth=birth,
        physicians=tuple(f"{surname(rng).upper()}^{rng.choice(_GIVEN)}" for _ in range(6)),
        hospital=f"CHU {surname(rng)}",
        department=f"Service du Pr {surname(rng)}",
        station=f"{_letters(rng, 7)}{digits(rng, 2)}",
        ae_title=f"{_letters(rng, 8)}_{digits(rng, 2)}",
        serial=f"SN-{digits(rng, 7)}",
        studies=(first, first + datetime.timedelta(days=rng.randint(3, 900))),
        accessions=(f"RX{digits(rng, 8)}", f"RX{digits(rng, 8)}"),
        study_ids=(f"ETU{digits(rng, 5)}", f"ETU{digits(rng, 5)}"),
        insurance=f"MUT{digits(rng, 8)}",
    )


@dataclass
class Needles:
    """What no output may hold, in the forms in which it is searched."""

    words: set[str] = field(default_factory=set)  # folded letters, anywhere in the text
    runs: set[str] = field(default_factory=set)  # folded letters and digits, whatever stands between them
    raw: set[bytes] = field(default_factory=set)  # bytes as they are
    uids: set[bytes] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)  # runs that say which machine it was
    numbers: set[int] = field(default_factory=set)  # as values of binary numbers, of eight bytes or alone in an element

    def text(self, *texts: str) -> None:
        for text in texts:
            for word in words(text):
                if word.isalpha() and len(word) >= 5:
                    self.words.add(word)
                elif len(word) >= 6:
                    self.runs.add(word)
            if not text.isascii():
                self.raw.update(
                    encoded
                    for codec in ("utf-8", "gb18030", "utf-16-le", "utf-16-be")
                    if len(encoded := _long(text, codec)) > 5
                )

    def number(self, *texts: str) -> None:
        self.text(*texts)
        for text in texts:
            run = "".join(words(text))
            if len(run) >= 6:
                self.runs.add(run)

    def person(self, one: Person) -> None:
        self.text(
            one.family,
            one.given,
            one.birth_name,
            one.mother,
            *one.foreign.values(),
            one.issuer,
            one.email.partition("@")[0],
        )
        self.text(
            one.email.partition("@")[2].partition(".")[0],
            one.street,
            one.town,
            *one.physicians,
            one.hospital,
            one.department,
        )
        self.number(one.patient_id, one.nir, one.admission, one.phone, one.mobile, one.ae_title)
        self.devices |= {"".join(words(one.station)), "".join(words(one.serial))}
        self.number(*one.accessions, *one.study_ids, one.insurance, *birth_forms(one.birth))
        self.uids.add(one.root.encode())
        self.words -= {"service", "impasse", "chemin"}

    def merge(self, other: Needles) -> None:
        self.words |= other.words
        self.runs |= other.runs
        self.raw |= other.raw
        self.uids |= other.uids
        self.devices |= other.devices
        self.numbers |= other.numbers

    def found(self, plain: bytes, *, devices: bool = True) -> list[str]:
        """What of it is in the bytes of a file, in one or two bytes a character, in any character set."""
        runs = (*self.runs, *(self.devices if devices else ()), *(word for word in self.words if len(word) > 6))
        views = [plain.decode("latin-1"), plain.decode("utf-8", "ignore"), plain.decode("gb18030", "ignore")]
        views += [plain[::2].decode("latin-1"), plain[1::2].decode("latin-1")]
        hits = [f"bytes {one!r}" for one in self.raw if one in plain] + [
            f"uid {one!r}" for one in self.uids if one in plain
        ]
        hits += [f"number {one}" for one in self.numbers for raw in _binary(one) if raw in plain]
        bare = _NEW_UID.sub(b"", plain).decode("latin-1")
        for view in dict.fromkeys(views):
            folded = fold(view)
            hits += [f"word {one}" for one in self.words if one in folded]
        for view in (bare, _NEW_UID.sub(b"", plain).decode("utf-8", "ignore"), *views[3:]):
            run = "".join(_squashed(fold(view)))
            hits += [f"run {one}" for one in runs if one in run]
        return sorted(set(hits))


def _binary(number: int) -> list[bytes]:
    """A number as an element of binary value, in either byte order.

    As a double, and as a long with the element's length before it.
    """
    return [
        *(struct.pack(order + "d", number) for order in "<>"),
        *(struct.pack(order + length + "L", 4, number) for order in "<>" for length in "HL"),
    ]


def _long(text: str, codec: str) -> bytes:
    return max((part.encode(codec) for part in re.split(r"[\s^=]+", text)), key=len)


def _squashed(text: str) -> Iterable[str]:
    return (char for char in text if char.isalnum())
