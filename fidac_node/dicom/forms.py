"""Values that are written against their VR and have one meaning: how PS3.5 6.2 wants them written.

Everybody who reads a header goes by this one set of rules: routing, triage, the rewriter. What has two meanings
(03/04/2020, 1,024 in a number that is alone) is none of these, and nothing is made up: the caller empties or holds.
Standard library alone.
"""

from __future__ import annotations

import datetime
import re
import struct
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeAlias

from fidac_node.dicom.dictionary import keyword_of, most_values, vrs_of
from fidac_node.dicom.tags import PATIENT_SEX, SPECIFIC_CHARACTER_SET

# Of one value of an attribute: how it is written right; ``None``: it has no single meaning.
_Form: TypeAlias = "Callable[[int, str], str | None]"

# What is longer (bytes) is no single value nor a few.
_LONGEST: Final = 1 << 12
_BLANK: Final = " \x00\t\r\n"
_TEXTS: Final = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_NUMBERS: Final = {"FD": "d", "FL": "f", "SL": "l", "SS": "h", "SV": "q", "UL": "L", "US": "H", "UV": "Q"}
_DIGITS: Final = {"FL": 7}  # that four bytes have
_WHOLE: Final = frozenset(_NUMBERS.keys() - {"FD", "FL"})
_SIGN: Final = 1 << 15  # below it US and SS are the same bytes
# A number as DS has it (PS3.5 Table 6.2-1) or with a decimal comma, and what may be glued to it.
_NUMBER: Final = re.compile(r"([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?)\s*([^\W\d_]*|\N{DEGREE SIGN})")
# 1,024 may be a thousand or one; 0,625 and 1,5 are no thousands.
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")
_LONGEST_DS: Final = 32  # twice what PS3.5 allows: scanners write so much, and readers take it
_LONGEST_IS: Final = 12
# Exposures and their like are whole numbers in PS3.6 (group 0018), and scanners measure them finer.
_MEASURED: Final = 0x0018
# Units in which PS3.3 has an attribute, and under which people write it: behind the number they change nothing.
_UNITS: Final = {
    "kv kvp": "KVP",
    "ma": "XRayTubeCurrent XRayTubeCurrentInmA",
    "mas": "Exposure ExposureInmAs",
    "ms msec": "ExposureTime ExposureTimeInms",
    "mm": "SliceThickness SpacingBetweenSlices PixelSpacing ImagePositionPatient SliceLocation DataCollectionDiameter "
    "ReconstructionDiameter DistanceSourceToDetector DistanceSourceToPatient TableHeight FocalSpots "
    "SingleCollimationWidth TotalCollimationWidth TableFeedPerRotation TableSpeed ReconstructionTargetCenterPatient",
    "deg degree degrees \N{DEGREE SIGN}": "GantryDetectorTilt",
    "mgy": "CTDIvol",
    "hu": "RescaleIntercept WindowCenter WindowWidth",
    "kg": "PatientWeight",
    "m": "PatientSize",
}
_UNIT_OF: Final = {
    keyword: frozenset(units.split()) for units, keywords in _UNITS.items() for keyword in keywords.split()
}

_AGE: Final = re.compile(r"(\d{1,3})\s*([^\W\d_]*)\.?")
_AGES: Final = {
    "Y": "y a yr yrs year years yo an ans annee annees année années",
    "M": "m mo mos month months mois",
    "W": "w wk wks week weeks semaine semaines",
    "D": "d j day days jour jours",
}
_AGE_UNIT: Final = {"": "Y"} | {word: unit for unit, words in _AGES.items() for word in words.split()}
_OLDEST: Final = {"Y": 130, "M": 999, "W": 999, "D": 999}

_CS: Final = re.compile(r"[A-Z0-9 _]{1,64}")
_LONGEST_CS: Final = 16
_BETWEEN_WORDS: Final = str.maketrans("-/.,+&();:", "          ")
_SEXES: Final = {
    "M": "M MALE MAN HOMME MASCULIN",
    "F": "F FEMALE WOMAN FEMME FEMININ",
    "O": "O OTHER AUTRE",
}
_SEX: Final = {word: sex for sex, words in _SEXES.items() for word in words.split()}

_TIME: Final = r"(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
_DATE: Final = (
    r"(?P<year>\d{4})(?:(?P<month>\d{2})(?P<day>\d{2})|(?P<sign>[-./])(?P<month2>\d{1,2})(?P=sign)(?P<day2>\d{1,2}))"
)
_DA: Final = re.compile(rf"{_DATE}(?:[T ]?{_TIME}\s*(?:Z|[+-]\d{{2}}:?\d{{2}})?)?", re.ASCII)
_DT: Final = re.compile(rf"{_DATE}(?:[T ]?{_TIME})?\s*(?P<zone>Z|[+-]\d{{2}}:?\d{{2}})?", re.ASCII)
_TM: Final = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?", re.ASCII
)
_TM_PLAIN: Final = re.compile(
    r"(?P<hour>\d{2})(?:(?P<minute>\d{2})(?:(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?)?", re.ASCII
)
_FRACTION: Final = 6  # digits (PS3.5 6.2)

# Right already, in the form that scanners mostly write: nothing more is asked.
_RIGHT: Final = {
    "AS": re.compile(rb"\d{3}[DWMY]"),
    "CS": re.compile(rb"[A-Z0-9_ \\]+"),
    "DA": re.compile(rb"\d{8}"),
    "DS": re.compile(rb"[+-]?\d{1,6}(?:\.\d{1,16})?(?:\\[+-]?\d{1,6}(?:\.\d{1,16})?)*"),
    "DT": re.compile(rb"\d{14}(?:\.\d{1,6})?"),
    "IS": re.compile(rb"[+-]?\d{1,9}"),
    "TM": re.compile(rb"\d{6}(?:\.\d{1,6})?"),
}


def written(tag: int, vr: str, raw: bytes, *, little: bool = True) -> bytes | None:
    """How the value ``raw`` of an attribute is written right, not padded.

    ``None``: it is right already, or it is none of which the meaning is certain. ``little`` is the byte order of
    numbers.
    """
    form = _FORMS.get(vr)
    if len(raw) > _LONGEST:
        return None
    if form is None:
        return _narrowed(tag, vr, raw, little) if vr in ("US", "SS") else None
    right = _RIGHT[vr].fullmatch(raw.rstrip(b" \x00"))
    if right and (vr != "CS" or _short(tag, raw)) and (vr != "DA" or raw[:8] != b"00000000"):
        return None
    new = _formed(tag, form, raw)
    return None if new is None or new == raw.strip(b" \x00") else new


def right(tag: int, vr: str, raw: bytes, *, little: bool = True) -> bytes:
    """The value written right where its meaning is certain, else as it is."""
    new = written(tag, vr, raw, little=little)
    return raw if new is None else new


def is_understood(tag: int, vr: str, raw: bytes) -> bool:
    """Say whether a value has the form of its VR, or one meaning in another; texts and bytes have.

    Of a CS nobody can tell by its form.
    """
    form = _FORMS.get(vr)
    if len(raw) > _LONGEST:
        return False
    return form is None or not raw.strip(b" \x00") or (vr != "CS" and _formed(tag, form, raw) is not None)


def converted(tag: int, declared: str, raw: bytes, *, little: bool = True) -> tuple[str, bytes] | None:
    """VR and value of an attribute that came under a VR which is not its own; ``None`` if they are not certain.

    Texts under each other's VRs, numbers by their value, UN by its bytes (PS3.5 6.2.2).
    """
    for vr in vrs_of(tag):
        value = _under(tag, vr, declared, raw, little)
        if value is not None:
            return vr, value
    return None


def _under(tag: int, vr: str, declared: str, raw: bytes, little: bool) -> bytes | None:
    """The value of an attribute of this VR that stands under another; ``None`` if it is none."""
    if vr == "SQ" or (vr in _FORMS and len(raw) > _LONGEST):
        return None
    if not raw.strip(b" \x00"):
        return b""
    if declared in _NUMBERS:
        return _of_number(tag, vr, declared, _unpacked(declared, raw, little), little)
    if declared not in _TEXTS and declared != "UN":
        return None
    if vr in _NUMBERS:
        return _packed(vr, _numbers_of(raw), little) if declared != "UN" else _left_unknown(tag, vr, raw, little)
    form = _FORMS.get(vr)
    return _formed(tag, form, raw) if form is not None else raw if vr in _TEXTS else None


def _of_number(tag: int, vr: str, declared: str, values: list[float] | None, little: bool) -> bytes | None:
    if vr in _NUMBERS:
        return _packed(vr, values, little)
    if vr not in ("DS", "IS") or values is None:
        return None
    texts = [f"{one:.{_DIGITS.get(declared, 15)}g}" for one in values]
    return _formed(tag, _FORMS[vr], "\\".join(texts).encode("ascii"))


def _left_unknown(tag: int, vr: str, raw: bytes, little: bool) -> bytes | None:
    """Numbers under UN, left by a hop in Implicit VR (PS3.5 6.2.2): their bytes are those of the attribute's VR."""
    values = _unpacked(vr, raw, little) if little else None
    alone = len(vrs_of(tag)) == 1 or (values is not None and all(0 <= one < _SIGN for one in values))
    return raw if values is not None and alone else None


def _numbers_of(raw: bytes) -> list[float] | None:
    try:
        return [float(one) for one in raw.decode("ascii").strip(_BLANK).split("\\")]
    except ValueError:
        return None


def _unpacked(vr: str, raw: bytes, little: bool) -> list[float] | None:
    code = _NUMBERS[vr]
    count, rest = divmod(len(raw), struct.calcsize(f"<{code}"))
    return None if rest else list(struct.unpack(f"{'<' if little else '>'}{count}{code}", raw))


def _packed(vr: str, values: list[float] | None, little: bool) -> bytes | None:
    """Numbers in a VR that can hold each of them as it is."""
    if values is None or (vr in _WHOLE and any(one != int(one) for one in values if one - one == 0)):
        return None
    try:
        return struct.pack(
            f"{'<' if little else '>'}{len(values)}{_NUMBERS[vr]}", *(map(int, values) if vr in _WHOLE else values)
        )
    except (struct.error, OverflowError, ValueError):
        return None


def _narrowed(tag: int, vr: str, raw: bytes, little: bool) -> bytes | None:
    """One number of 16 bits that was written in 32, or twice."""
    if most_values(tag) != 1 or len(raw) != 4:
        return None
    if raw[:2] == raw[2:]:
        return raw[:2]
    return _packed(vr, _unpacked("UL" if vr == "US" else "SL", raw, little), little)


def _short(tag: int, raw: bytes) -> bool:
    """Say whether the values of a CS are no more and no longer than they may be."""
    values = raw.rstrip(b" \x00").split(b"\\")
    most = most_values(tag)
    return all(one and len(one.strip()) <= _LONGEST_CS for one in values) and (most is None or len(values) <= most)


def _formed(tag: int, form: _Form, raw: bytes) -> bytes | None:
    """All values of an attribute, each in its form; what nobody wrote behind the last backslash is none."""
    try:
        text = raw.decode("utf-8" if form is _as else "ascii").strip(_BLANK)
    except UnicodeDecodeError:
        return None
    most = most_values(tag)
    values = _apart(text, most if form is _ds else None)
    while len(values) > 1 and not values[-1]:
        values.pop()
    if form in (_ds, _is) and _may_be_thousands(values):
        return None
    new = [form(tag, one) if one else "" for one in values]
    if most == 1 and len(set(new)) == 1:
        new = new[:1]  # the same twice is said once
    if None in new or (most is not None and len(new) > most):
        return None
    return "\\".join(one or "" for one in new).encode("ascii")


def _apart(text: str, most: int | None) -> list[str]:
    """The values in a text: numbers also where another sign parts as many as the attribute has."""
    if most is not None and most > 1 and "\\" not in text:
        for sign in (r"\s*;\s*", r"\s*/\s*", r"\s+", *([r"\s*,\s*"] if "." in text else [])):
            if len(values := re.split(sign, text)) == most:
                return values
    return [one.strip(_BLANK) for one in text.split("\\")]


def _may_be_thousands(values: list[str]) -> bool:
    commas = [one for one in values if "," in one]
    return bool(commas) and all(map(_THOUSANDS.fullmatch, commas))


def _ds(tag: int, value: str) -> str | None:
    match = _NUMBER.fullmatch(value)
    if not match or (match[2] and match[2].lower() not in _UNIT_OF.get(keyword_of(tag), ())):
        return None
    number = match[1].replace(",", ".")
    if len(number) <= _LONGEST_DS:
        return number
    return repr(float(number))


def _is(tag: int, value: str) -> str | None:
    match = _NUMBER.fullmatch(value)
    if not match or (match[2] and match[2].lower() not in _UNIT_OF.get(keyword_of(tag), ())):
        return None
    if match[1].lstrip("+-").isdigit():
        return match[1] if len(match[1]) <= _LONGEST_IS else None
    number = Decimal(match[1].replace(",", "."))
    if len(match[1]) > _LONGEST_DS or abs(number) >= 10**_LONGEST_IS:
        return None
    whole = number.to_integral_value(ROUND_HALF_UP)
    if whole != number and tag >> 16 != _MEASURED:
        return None
    return str(int(whole))


def _as(_tag: int, value: str) -> str | None:
    match = _AGE.fullmatch(value)
    unit = _AGE_UNIT.get(match[2].lower()) if match else None
    if match is None or unit is None or int(match[1]) > _OLDEST[unit]:
        return None
    return f"{int(match[1]):03d}{unit}"


def _cs(tag: int, value: str) -> str | None:
    if tag == SPECIFIC_CHARACTER_SET:
        return value  # its spellings are the business of who decodes
    upper = value.upper()
    if tag == PATIENT_SEX:
        return _SEX.get(upper)
    # Words that are longer together than the VR allows, or joined by other signs: which of them stay, who knows the
    # words must say.
    plain = upper if _CS.fullmatch(upper) else " ".join(upper.translate(_BETWEEN_WORDS).split())
    return plain if _CS.fullmatch(plain) else None


def _da(_tag: int, value: str) -> str | None:
    if not value.strip("0"):
        return ""  # the day that clocks without a day write: none
    match = _DA.fullmatch(value)
    return _day(match) if match else None


def _dt(_tag: int, value: str) -> str | None:
    match = _DT.fullmatch(value)
    day = _day(match) if match else None
    if match is None or day is None:
        return _shortened(value)
    if match["hour"] is None:
        return None if match["zone"] else day
    time, zone = _time(match), match["zone"] or ""
    return None if time is None else day + time + ("+0000" if zone == "Z" else zone.replace(":", ""))


def _shortened(value: str) -> str | None:
    """A DT of year, month or hour alone, as PS3.5 6.2 allows: it has nothing to be put right."""
    return value if re.fullmatch(r"\d{4}(?:\d{2}(?:\d{4})?)?(?:[+-]\d{4})?", value, re.ASCII) else None


def _tm(_tag: int, value: str) -> str | None:
    match = _TM_PLAIN.fullmatch(value) or _TM.fullmatch(value)
    return _time(match) if match else None


def _day(match: re.Match[str]) -> str | None:
    month, day = match["month"] or match["month2"], match["day"] or match["day2"]
    try:
        return datetime.date(int(match["year"]), int(month), int(day)).strftime("%Y%m%d").rjust(8, "0")
    except ValueError:
        return None


def _time(match: re.Match[str]) -> str | None:
    hour, minute, second = (match[name] or "" for name in ("hour", "minute", "second"))
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:
        return None
    fraction = (match["fraction"] or "")[:_FRACTION]
    return hour.rjust(2, "0") + minute + second + (f".{fraction}" if fraction else "")


_FORMS: Final[dict[str, _Form]] = {"AS": _as, "CS": _cs, "DA": _da, "DS": _ds, "DT": _dt, "IS": _is, "TM": _tm}
