"""Texts whose words may not stay: names that are words, and dates, ages and seconds in every form that people write."""

from __future__ import annotations

import datetime

from tests.deid_encoding import Want
from tests.deid_kinds.register import carrier
from tests.deid_slices import Slice, tag_of

# Words of the vocabulary that are also surnames, or could be.
NAMES = ("Coeur", "Faible", "Poumon", "Axial", "Lung", "Thorax")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
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
# Texts that are cleaned word by word, of several VRs.
_TEXTS = (
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "ImageComments",
    "AdditionalPatientHistory",
    "PatientComments",
)


def _said(one: Slice, keyword: str, value: str, must: str, allowed: frozenset[str]) -> None:
    one.put(keyword, value, "text")
    tag = tag_of(keyword)
    one.elements[tag] = one.elements[tag]._replace(want=Want("text", must, allowed))


@carrier()
def name_of_a_word(one: Slice) -> None:
    """A patient whose name is a word of the vocabulary.

    It stays in nobody's text of this object, and in all others'.
    """
    family = NAMES[(one.person.number + one.study) % len(NAMES)]
    doctor = NAMES[(one.person.number + one.study + 1) % len(NAMES)]
    one.put("PatientName", f"{family.upper()}^{one.person.given}", "pseudonym")
    one.put("ReferringPhysicianName", f"{doctor}^X", "empty")
    known = frozenset({"reconstruction", "coronal"})
    for keyword in _TEXTS:
        _said(
            one, keyword, f"{family} reconstruction {family.upper()} coronal {doctor}", "reconstruction coronal", known
        )


@carrier()
def written_dates(one: Slice) -> None:
    """Dates in words, Roman numerals, parts and seconds since 1970, and ages over 89, beside words that stay."""
    for keyword, value in zip(_TEXTS, _forms(one), strict=True):
        _said(one, keyword, f"thorax {value} coronal", "thorax coronal", frozenset({"thorax", "coronal"}))


def _forms(one: Slice) -> list[str]:
    """Some ways to say when the patient was born, or how old he is."""
    birth = one.person.birth
    month, roman = _MONTHS[birth.month - 1], _ROMAN[birth.month - 1]
    epoch = (birth - datetime.date(1970, 1, 1)).days * 86400
    forms = [
        f"{birth.day} {month}", f"{month} {birth.year}", f"{birth.day}.{roman}.{birth.year}", f"{roman}/{birth.year}",
        f"{epoch}", f"{birth:%m/%Y}", f"{birth:%Y-%m}", f"{birth:%d-%m}", f"{birth.year}", f"{birth:%d%m%y}",
        f"{one.rng.randint(90, 112)} ans", f"age {one.rng.randint(90, 112)}Y", f"né en {birth.year}", f"{birth:%y%m%d}",
        f"le {birth.day} du {birth.month}", f"{one.rng.randint(90, 112)}-year-old", f"{birth.day}.IV.{birth.year}",
    ]  # fmt: skip
    first = one.person.number * len(_TEXTS)
    return [forms[number % len(forms)] for number in range(first, first + len(_TEXTS))]


@carrier()
def words_of_screens(one: Slice) -> None:
    """Acquired slices whose description says 3D and dose: a name beside these words goes as anywhere."""
    one.text("SeriesDescription", "Thorax 3D {FAMILY} dose {id}", "Thorax 3D dose")
