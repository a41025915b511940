"""What the leak gate looks for: the identifying values of one input, in every spelling they may take.

Taken from the input by tag and VR at every depth, before anything is cleaned. A *needle* carries the
attribute it came from, so that a hit can be reported without repeating the value.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from fidac_node.deidentify import charset
from fidac_node.deidentify.leaves import Leaf
from fidac_node.deidentify.text import words

CHARACTER_SET: Final = 0x00080005


class Kind(Enum):
    """How the value of an attribute identifies somebody."""

    NAME = "name"
    IDENTIFIER = "identifier"
    WORDS = "words"  # institution, address: each word that is not a common one
    NUMBER = "number"  # telephone: the digits count, not their grouping
    BIRTH = "birth"
    DATE = "date"


# Attributes that hold identity although their VR does not say so, at any depth (HIPAA 45 CFR 164.514(b)(2)(i),
# PS3.15 Table E.1-1 rows X, Z, D on identifiers, people, places and devices). PN and AE go by their VR.
IDENTITY: Final = {
    0x00080050: Kind.IDENTIFIER,  # AccessionNumber
    0x00080080: Kind.WORDS,  # InstitutionName
    0x00080081: Kind.WORDS,  # InstitutionAddress
    0x00080092: Kind.WORDS,  # ReferringPhysicianAddress
    0x00080094: Kind.NUMBER,  # ReferringPhysicianTelephoneNumbers
    0x00081010: Kind.IDENTIFIER,  # StationName
    0x00081040: Kind.WORDS,  # InstitutionalDepartmentName
    0x00100020: Kind.IDENTIFIER,  # PatientID
    0x00100030: Kind.BIRTH,  # PatientBirthDate
    0x00100033: Kind.IDENTIFIER,  # PatientBirthDateInAlternativeCalendar
    0x00101000: Kind.IDENTIFIER,  # OtherPatientIDs
    0x00101040: Kind.WORDS,  # PatientAddress
    0x00101050: Kind.IDENTIFIER,  # InsurancePlanIdentification
    0x00101081: Kind.WORDS,  # BranchOfService
    0x00101090: Kind.IDENTIFIER,  # MedicalRecordLocator
    0x00102154: Kind.NUMBER,  # PatientTelephoneNumbers
    0x00102155: Kind.IDENTIFIER,  # PatientTelecomInformation
    0x00102297: Kind.NAME,  # ResponsiblePerson
    0x00102299: Kind.WORDS,  # ResponsibleOrganization
    0x00120031: Kind.WORDS,  # ClinicalTrialSiteName
    0x00120040: Kind.IDENTIFIER,  # ClinicalTrialSubjectID
    0x00120042: Kind.IDENTIFIER,  # ClinicalTrialSubjectReadingID
    0x00181000: Kind.IDENTIFIER,  # DeviceSerialNumber
    0x00181004: Kind.IDENTIFIER,  # PlateID
    0x00181005: Kind.IDENTIFIER,  # GeneratorID
    0x00181007: Kind.IDENTIFIER,  # CassetteID
    0x00181008: Kind.IDENTIFIER,  # GantryID
    0x0018700A: Kind.IDENTIFIER,  # DetectorID
    0x00189367: Kind.IDENTIFIER,  # XRaySourceID
    0x00189371: Kind.IDENTIFIER,  # XRayDetectorID
    0x00200010: Kind.IDENTIFIER,  # StudyID
    0x00321020: Kind.WORDS,  # ScheduledStudyLocation
    0x00321033: Kind.WORDS,  # RequestingService
    0x00380010: Kind.IDENTIFIER,  # AdmissionID
    0x00380060: Kind.IDENTIFIER,  # ServiceEpisodeID
    0x00380300: Kind.WORDS,  # CurrentPatientLocation
    0x00380400: Kind.WORDS,  # PatientInstitutionResidence
    0x00400009: Kind.IDENTIFIER,  # ScheduledProcedureStepID
    0x00400010: Kind.IDENTIFIER,  # ScheduledStationName
    0x00400011: Kind.WORDS,  # ScheduledProcedureStepLocation
    0x00400242: Kind.IDENTIFIER,  # PerformedStationName
    0x00400243: Kind.WORDS,  # PerformedLocation
    0x00400253: Kind.IDENTIFIER,  # PerformedProcedureStepID
    0x00401001: Kind.IDENTIFIER,  # RequestedProcedureID
    0x00401005: Kind.WORDS,  # RequestedProcedureLocation
    0x00401102: Kind.WORDS,  # PersonAddress
    0x00401103: Kind.NUMBER,  # PersonTelephoneNumbers
    0x00402009: Kind.WORDS,  # OrderEntererLocation
    0x00402010: Kind.NUMBER,  # OrderCallbackPhoneNumber
    0x00402016: Kind.IDENTIFIER,  # PlacerOrderNumberImagingServiceRequest
    0x00402017: Kind.IDENTIFIER,  # FillerOrderNumberImagingServiceRequest
}
_DATES: Final = frozenset({0x00080020, 0x00080021, 0x00080022, 0x00080023, 0x0008002A, 0x00380020, 0x00400244, 0x00400002})

_MONTHS: Final = (
    ("janvier", "january", "janv", "jan"),
    ("fevrier", "february", "fevr", "feb"),
    ("mars", "march", "mars", "mar"),
    ("avril", "april", "avr", "apr"),
    ("mai", "may", "mai", "may"),
    ("juin", "june", "juin", "jun"),
    ("juillet", "july", "juil", "jul"),
    ("aout", "august", "aout", "aug"),
    ("septembre", "september", "sept", "sep"),
    ("octobre", "october", "oct", "oct"),
    ("novembre", "november", "nov", "nov"),
    ("decembre", "december", "dec", "dec"),
)


@dataclass
class Needles:
    """The needles of one input.

    ``loose`` are folded texts that count wherever they stand, ``bounded`` those that count as whole
    words; both map to the tag they came from. ``digits`` are long numbers that count however grouped.
    """

    loose: dict[str, int] = field(default_factory=dict)
    bounded: dict[str, int] = field(default_factory=dict)
    digits: dict[str, int] = field(default_factory=dict)
    uids: set[str] = field(default_factory=set)
    dates: dict[tuple[int, ...], set[bytes]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.loose) + len(self.bounded) + len(self.digits)


def collect(leaves: Iterable[Leaf], sender: str, harmless: frozenset[str]) -> Needles:
    """The needles of an input.

    ``leaves`` are all its elements, ``sender`` the AE title in its File Meta Information, ``harmless``
    the folded words that identify nobody.
    """
    needles = Needles()
    declared: dict[tuple[int, ...], tuple[str, ...]] = {}
    collector = _Collector(needles, harmless)
    if sender:
        collector.identifier(0x00020016, sender)
    for path, vr, value in leaves:
        tag = path[-1]
        if tag == CHARACTER_SET:
            labels = value.decode("ascii", "replace").strip(" \x00").split("\\")
            declared[path[:-1]] = tuple(label.strip() for label in labels)
        if vr == "UI":
            needles.uids.update(uid for uid in _texts(value) if uid)
        if vr in ("DA", "DT"):
            needles.dates.setdefault(path, set()).update(one[:8] for one in value.strip(b"\x00 ").split(b"\\") if len(one) >= 8)
        kind = kind_of(tag, vr)
        if kind is not None:
            charset_here = next((declared[path[:n]] for n in range(len(path) - 1, -1, -1) if path[:n] in declared), ())
            for text in charset.candidates(value.strip(b"\x00 "), charset_here):
                collector.add(tag, kind, text)
    return needles


def kind_of(tag: int, vr: str) -> Kind | None:
    """How the attribute identifies somebody, if it does."""
    if vr == "PN":
        return Kind.NAME
    if vr == "AE":
        return Kind.IDENTIFIER
    if tag in _DATES:
        return Kind.DATE
    return IDENTITY.get(tag)


def _texts(value: bytes) -> list[str]:
    return [one.strip(" \x00") for one in value.decode("latin-1").split("\\")]


class _Collector:
    """Turns values into needles."""

    def __init__(self, needles: Needles, harmless: frozenset[str]) -> None:
        self._needles = needles
        self._harmless = harmless

    def add(self, tag: int, kind: Kind, text: str) -> None:
        for one in text.split("\\"):
            match kind:
                case Kind.NAME:
                    self.name(tag, one)
                case Kind.IDENTIFIER:
                    self.identifier(tag, one)
                case Kind.WORDS:
                    self.words(tag, one)
                case Kind.NUMBER:
                    self.number(tag, one)
                case Kind.BIRTH | Kind.DATE:
                    self.date(tag, one)

    def name(self, tag: int, text: str) -> None:
        """Each word of a person's name, and the whole name when its words are too short to count."""
        for group in text.split("="):
            found = words(group)
            for word in found:
                self._word(tag, word)
            # Short names count when they stand together, in either order: LI NA, NG^AN.
            if 2 <= len(found) <= 4 and sum(map(len, found)) >= 4 and not self._harmless.issuperset(found):
                self._needles.bounded.setdefault(" ".join(found), tag)
                self._needles.bounded.setdefault(" ".join(reversed(found)), tag)

    def identifier(self, tag: int, text: str) -> None:
        """An identifier as a whole, its separators in whatever form."""
        found = words(text)
        whole = " ".join(found)
        squashed = "".join(found)
        if len(squashed) < 3 or (len(squashed) == 3 and squashed.isdigit()) or self._harmless.issuperset(found):
            return
        self._needles.bounded.setdefault(whole, tag)
        if len(squashed) >= 8:
            if squashed.isdigit():
                self._needles.digits.setdefault(squashed, tag)
            else:
                self._needles.loose.setdefault(squashed, tag)

    def words(self, tag: int, text: str) -> None:
        """Each telling word of an institution or address."""
        for word in words(text):
            self._word(tag, word)

    def number(self, tag: int, text: str) -> None:
        """The digits of a telephone number, national and international."""
        digits = "".join(char for char in text if char in "0123456789")
        if len(digits) >= 6:
            self._needles.digits.setdefault(digits, tag)
        if len(digits) >= 10:
            self._needles.digits.setdefault(digits[-9:], tag)
        self.words(tag, text)

    def date(self, tag: int, text: str) -> None:
        """A date in the ways that people and machines write it."""
        digits = text.strip().replace(".", "")[:8]
        try:
            date = datetime.datetime.strptime(digits, "%Y%m%d").date()
        except ValueError:
            return
        year, month, day = f"{date.year:04d}", f"{date.month:02d}", f"{date.day:02d}"
        for needle in (f"{year}{month}{day}", f"{day}{month}{year}", f"{month}{day}{year}"):
            self._needles.bounded.setdefault(needle, tag)
        for parts in ((year, month, day), (day, month, year), (month, day, year), (day, month, year[2:])):
            self._needles.bounded.setdefault(" ".join(parts), tag)
        for name in _MONTHS[date.month - 1]:
            for parts in ((str(date.day), name, year), (day, name, year), (name, str(date.day), year)):
                self._needles.bounded.setdefault(" ".join(parts), tag)

    def _word(self, tag: int, word: str) -> None:
        if word in self._harmless:
            return
        if not word.isascii() and len(word) >= 2:
            self._needles.loose.setdefault(word, tag)  # a script in which two characters are a name
        elif word.isalpha() and len(word) >= 4:
            self._needles.loose.setdefault(word, tag)
        elif len(word) >= 4 or (len(word) == 3 and not word.isdigit()):
            self._needles.bounded.setdefault(word, tag)


def separated(needle: str) -> str:
    """A regular expression for the words of ``needle`` with any separators, or none, between them."""
    return r"[\W_]{0,3}".join(re.escape(word) for word in needle.split(" "))
