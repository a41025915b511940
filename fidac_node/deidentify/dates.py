"""Dates moved by whole days, and ages: DA, DT and AS of PS3.5 6.2 as text in, text out.

Nothing is guessed: what is no date becomes the empty string. Whole days leave times of day as they
are, so date and time of one moment stay together (PS3.15 E.3.6).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

OLDEST_YEARS: Final = 89
ABOVE_OLDEST: Final = "090Y"

_DA: Final = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})", re.ASCII)
_DT: Final = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d{2})(?:(?P<day>\d{2})(?P<time>(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?)?)?)?"
    r"(?P<offset>[+-](?:0\d|1[0-4])[0-5]\d)?",
    re.ASCII,
)
_TM: Final = re.compile(r"(?:[01]\d|2[0-3])(?:(:?)[0-5]\d(?:\1(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?", re.ASCII)
_AS: Final = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_PER_YEAR: Final = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}


def shift_da(value: str, days: int) -> str:
    """Move a DA value by ``days``: ``YYYYMMDD``, the old ``YYYY.MM.DD``, several values; else ``""``."""
    return _each(value, days, _shift_one_da)


def shift_dt(value: str, days: int) -> str:
    """Move the date of a DT value by ``days`` and keep precision, time and offset as written.

    A value without a day is moved from the middle of its month, one without a month from the middle
    of its year, and cut back to the precision it had.
    """
    return _each(value, days, _shift_one_dt)


def is_time(value: str) -> bool:
    """Say whether every value of a TM attribute is a time of day."""
    return all(_TM.fullmatch(one.strip(" \x00")) for one in value.split("\\"))


def age89(value: str) -> str:
    """An AS value, ``090Y`` for more than 89 years (45 CFR 164.514(b)(2)(i)(C)); ``""`` if it is no age."""
    match = _AS.fullmatch(value.strip(" \x00"))
    if not match:
        return ""
    years = int(match[1]) / _PER_YEAR[match[2]]
    return ABOVE_OLDEST if years >= OLDEST_YEARS + 1 else match[0]


def age_at(birth_date: str, study_date: str) -> str:
    """The age on ``study_date`` of who was born on ``birth_date`` (both DA), as AS; ``""`` if unknown."""
    birth, study = _date(birth_date.strip(" \x00")), _date(study_date.strip(" \x00"))
    if birth is None or study is None or study < birth:
        return ""
    months = (study.year - birth.year) * 12 + study.month - birth.month - (study.day < birth.day)
    return age89(f"{months:03d}M" if months < 24 else f"{min(months // 12, 999):03d}Y")


def _each(value: str, days: int, shift: Callable[[str, int], str]) -> str:
    if "\\" not in value:
        return shift(value.strip(" \x00"), days)
    moved = [shift(one.strip(" \x00"), days) for one in value.split("\\")]
    return "\\".join(moved) if all(moved) else ""


def _date(value: str) -> datetime.date | None:
    match = _DA.fullmatch(value)
    if not match:
        return None
    try:
        return datetime.date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        return None


# The frames of an object and the objects of a study share a few days.
@lru_cache(maxsize=1024)
def _moved(year: int, month: int, day: int, days: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day) + datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _shift_one_da(value: str, days: int) -> str:
    match = _DA.fullmatch(value)
    if not match:
        return ""
    moved = _moved(int(match[1]), int(match[3]), int(match[4]), days)
    if moved is None:
        return ""
    return match[2].join((f"{moved.year:04d}", f"{moved.month:02d}", f"{moved.day:02d}"))


def _shift_one_dt(value: str, days: int) -> str:
    match = _DT.fullmatch(value)
    if not match:
        return ""
    year, month, day = match["year"], match["month"], match["day"]
    moved = _moved(int(year), int(month or 7), int(day or (15 if month else 1)), days)
    if moved is None:
        return ""
    date = f"{moved.year:04d}" + (f"{moved.month:02d}" if month else "") + (f"{moved.day:02d}" if day else "")
    return date + (match["time"] or "") + (match["offset"] or "")
