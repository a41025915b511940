"""Why somebody looks behind a pseudonym: a sentence that stays in the record, and so must not say who the patient is.

It is compared with the patient's own names, numbers and dates, and refused for the shape of anybody's. What is refused
for nothing costs a person ten seconds; what passes is kept for good.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from fidac_node.deidentify.gate.scripts import latin
from fidac_node.deidentify.rewrite.text import fold, words
from fidac_node.errors import ConfigError

_SHORTEST_REASON: Final = 10
_LONGEST_REASON: Final = 200
_LEAST_NAME: Final = 3  # letters or digits: less says nothing about who somebody is
_LEAST_INSIDE: Final = (
    5  # letters of a name that is also found inside a word, or with spaces in it: "thi" and "ole" are in many
)
_LEAST_SIGNS: Final = 2  # of a name in other than Latin letters
_LATIN: Final = "\u0370"  # below are all Latin letters
_LEAST_DIGITS: Final = 4
_LEAST_SHOUTED: Final = 4
_ACRONYMS: Final = frozenset(
    {
        "ARDS",
        "BPCO",
        "CHRU",
        "CNIL",
        "COPD",
        "COVID",
        "DICOM",
        "FIDAC",
        "GDPR",
        "HIPAA",
        "HRCT",
        "LIDC",
        "NLST",
        "PACS",
        "PHRC",
        "RGPD",
    }
    | {"SARS", "SDRA"}
)
_DATE: Final = re.compile(r"[0-9]{8}")
_NUMBER: Final = re.compile(r"\d(?:[ .,/:_-]?\d){3}")
_LETTERS: Final = "".join(filter(str.isalpha, map(chr, range(0x0530))))  # Latin, Greek, Cyrillic
_CAPITAL: Final = f"[{''.join(filter(str.isupper, _LETTERS))}]"
_SMALL: Final = f"[{''.join(filter(str.islower, _LETTERS))}]"
# "Patient" and "by" are ordinary words; before a capital they are none. An initial, or two: P. Martin, J.-P. Martin.
_NAME: Final = re.compile(
    rf"\b(?i:patiente?|née?|born|by|par|chez|named|nommée?|called|appelée?)\.? {_CAPITAL}[^\W\d_]*{_SMALL}"
    rf"|\b(?:Ms|Sra?)\.? {_CAPITAL}"  # SR is a report, ms a time
    rf"|(?<![\w.])(?:{_CAPITAL}\.[ -]*){{1,2}}{_CAPITAL}{_SMALL}|@|\^"
)
_TITLE: Final = re.compile(
    r"\b(?:m\.|(?:mr|mrs|miss|mme|mlle|monsieur|madame|mademoiselle|dr|docteure?|doctor|"
    r"pr|prof|professeure?|professor|herr|frau)"
    r"\b\.?) ?([^\W\d_]+)",
    re.IGNORECASE,
)
# What may follow a title that names nobody: "the doctor who asked", "le professeur responsable".
_AFTER_TITLE: Final = frozenset(
    words("""
    a about after and as asked asks at au aux avec before by called dans de demande des du en est et for from had \
has in is la le les
    needs of on or ou par pour qui référent requested requests responsable se sur that the to \
traitant un une wanted wants was which who
    wishes with
""")
)
# English, French, German, Italian, Spanish; folded.
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january janvier januar gennaio enero", "february fevrier februar febbraio febrero",
            "march mars marz maerz marzo", "april avril aprile abril", "may mai maggio mayo",
            "june juin juni giugno junio", "july juillet juli luglio julio", "august aout agosto",
            "september septembre settembre septiembre", "october octobre oktober ottobre octubre",
            "november novembre noviembre", "december decembre dezember dicembre diciembre",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_SHORTEST_MONTH: Final = 3
# Days in words, French and English; vingt et un and twenty one are 20 and 1 besides.
_DAYS: Final = {
    name.replace("_", " "): number
    for number, names in enumerate(
        (
            "un premier one first", "deux two second", "trois three third", "quatre four fourth", "cinq five fifth",
            "six sixth", "sept seven seventh", "huit eight eighth", "neuf nine ninth", "dix ten tenth",
            "onze eleven eleventh", "douze twelve twelfth", "treize thirteen thirteenth",
            "quatorze fourteen fourteenth", "quinze fifteen fifteenth", "seize sixteen sixteenth",
            "dix_sept seventeen seventeenth", "dix_huit eighteen eighteenth", "dix_neuf nineteen nineteenth",
            "vingt twenty twentieth", "vingt_et_un twenty_one twenty_first", "vingt_deux twenty_two twenty_second",
            "vingt_trois twenty_three twenty_third", "vingt_quatre twenty_four twenty_fourth",
            "vingt_cinq twenty_five twenty_fifth", "vingt_six twenty_six twenty_sixth",
            "vingt_sept twenty_seven twenty_seventh", "vingt_huit twenty_eight twenty_eighth",
            "vingt_neuf twenty_nine twenty_ninth", "trente thirty thirtieth", "trente_et_un thirty_one thirty_first",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
# A day beside a month is a date, whoever's. "may" is more often a verb.
_MONTH: Final = "|".join(sorted(_MONTHS.keys() - {"may"}))
_DAY: Final = rf"(?:[0-9]{{1,2}}(?:er|st|nd|rd|th)?|{'|'.join(sorted(_DAYS, key=len, reverse=True))})"
_DAY_OF_MONTH: Final = re.compile(rf"\b{_DAY} (?:of |de )?(?:{_MONTH})\b|\b(?:{_MONTH}) (?:the )?{_DAY}\b")
# ö is o, or oe: as a name may have been typed.
_DIGRAPHS: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "Ä": "ae", "Ö": "oe", "Ü": "ue", "Ø": "oe", "Å": "aa"}
)


def check_reason(reason: str, identities: Iterable[str] = ()) -> str:
    """Return a reason that can stand in the record.

    ``identities`` are names, numbers and dates (DA) that it must not repeat. Nor may it have the shape of a number, a
    date or a name, whoever's. Names are compared as they may be typed: without accents, in Latin letters, from five
    letters on also inside words and with spaces in them. Raises :class:`ConfigError`: it is too short, too long, or
    names somebody; the message repeats nothing of it.
    """
    text = " ".join(reason.split())
    if not _SHORTEST_REASON <= len(text) <= _LONGEST_REASON or not text.isprintable():
        raise ConfigError(
            f"the reason must be {_SHORTEST_REASON} to {_LONGEST_REASON} characters on one line; it is kept"
        )
    if any(_repeats(text, identity) for identity in identities):
        raise ConfigError(
            "the reason names the patient: write why you ask, not about whom; the record shows the pseudonym"
        )
    if _NUMBER.search(text) or _DAY_OF_MONTH.search(" ".join(words(text))):
        raise ConfigError(
            "the reason holds a number of four digits or more, or a date: "
            "write why you ask, without it; nothing was kept"
        )
    if (
        _NAME.search(text)
        or _has_title(text)
        or any(_is_shouted(one) or _is_mixed(one) for one in re.findall(r"[^\W\d_]+", text))
    ):
        raise ConfigError(
            "the reason looks as if it named somebody: "
            "write why you ask, in ordinary words in small letters; nothing was kept"
        )
    return text


def _repeats(text: str, identity: str) -> bool:
    """Say whether a text repeats a part of a name, a number however grouped, or a date however written."""
    digits = "".join(filter(str.isdigit, identity))
    if len(digits) >= _LEAST_DIGITS and digits in "".join(filter(str.isdigit, text)):
        return True
    if _DATE.fullmatch(identity.strip()) and _has_date(
        words(text), int(digits[2:4]), int(digits[4:6]), int(digits[6:])
    ):
        return True
    if any(max(part) >= _LATIN and len(part) >= _LEAST_SIGNS and part in fold(text) for part in words(identity)):
        return True
    names = {spelling for group in identity.split("=") for spelling in _spellings(group)}
    return any(_names(list(spelling), list(name)) for spelling in _spellings(text) for name in names)


def _spellings(text: str) -> set[tuple[str, ...]]:
    """The words of a text as they may be typed in Latin letters, without accents."""
    one = unicodedata.normalize("NFC", text)
    return {
        tuple(words(latin(spelled, apart=apart)))
        for spelled in (one, one.translate(_DIGRAPHS))
        for apart in (False, True)
    }


def _names(said: list[str], name: list[str]) -> bool:
    """Say whether the words ``said`` hold a part of ``name``, or the whole of a short one, as words or spelled."""
    orders = (name, name[::-1])
    squeezed, text = "".join(said), f" {' '.join(said)} "
    spelled = [one.replace(" ", "") for one in re.findall(r"(?:\b\w ?\b){3,}", text)]  # d u p o n t
    for part in {*name, *map("".join, orders)}:
        inside = len(part) >= _LEAST_INSIDE or not part.isalpha()
        if len(part) >= _LEAST_NAME and (
            part in said or (inside and part in squeezed) or any(part in one for one in spelled)
        ):
            return True
    return len("".join(name)) >= _LEAST_NAME and len(name) > 1 and any(f" {' '.join(one)} " in text for one in orders)


def _has_date(said: list[str], year: int, month: int, day: int) -> bool:
    """Say whether words hold the day, the month and the year (its last two digits), or the day and the month's name."""
    text = f" {' '.join(said)} "
    numbers = {int(one[-2:]) for one in re.findall(r"[0-9]+", text)} | {
        number for name, number in _DAYS.items() if f" {name} " in text
    }
    begun = {
        number
        for name, number in _MONTHS.items()
        if any(word[:_SHORTEST_MONTH] == name[:_SHORTEST_MONTH] for word in said)
    }
    named = {
        number
        for name, number in _MONTHS.items()
        if any(len(one) >= _SHORTEST_MONTH and name.startswith(one) for one in said)
    }
    return {day, month, year} <= numbers | begun or (day in numbers and month in named)


def _has_title(text: str) -> bool:
    return any(fold(found[1]) not in _AFTER_TITLE for found in _TITLE.finditer(text))


def _is_shouted(word: str) -> bool:
    """A family name in capitals, as DUPONT."""
    return word.isupper() and len(word) >= _LEAST_SHOUTED and word not in _ACRONYMS


def _is_mixed(word: str) -> bool:
    """Letters of two scripts, which look like another word: DUPONT with a Cyrillic T."""
    return word.lower() != word.upper() and min(word) < _LATIN <= max(word)
