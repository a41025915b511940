"""Dates moved by whole days, times told roughly, and ages: DA, DT, TM and AS of PS3.5 6.2 as text in, text out.

Nothing is guessed: what is no date becomes the empty string. Whole days leave times of day where they are, so that
date and time of one moment stay together (PS3.15 E.3.6). A date that is not near the study's own is no moment of the
examination: it would be known from elsewhere (an epoch, a maker's date, a birthday) and tell the shift of all others.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

OLDEST_YEARS: Final = 89
ABOVE_OLDEST: Final = "090Y"
# The first CT of a patient was made on 1 October 1971: a study of before has no date but that of a clock that was never
# set.
FIRST_CT: Final = datetime.date(1971, 10, 1)
# And none of a later day: ten years from now this program is not in use any more, and clocks end (2038-01-19,
# 2099-12-31).
LAST_CT: Final = datetime.date(2036, 12, 31)
# Days between two dates that can be of one study: one that goes on over midnight, or is finished later.
_ONE_STUDY: Final = 31

_DA: Final = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})", re.ASCII)
_DT: Final = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?P<time>(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?)?"
    r"(?:[+-](?:0\d|1[0-4])[0-5]\d)?",
    re.ASCII,
)
_TM: Final = re.compile(
    r"(?P<hour>[01]\d|2[0-3])"
    r"(?:(?P<colon>:?)(?P<minute>[0-5]\d)(?:(?P=colon)(?P<second>[0-5]\d|60)(?:\.(?P<fraction>\d{1,6}))?)?)?",
    re.ASCII,
)
_AS: Final = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_PER_YEAR: Final = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_MICROSECONDS: Final = 1_000_000
_NO_CHANCE: Final = 4
_LAST_SECOND: Final = 24 * 60 * 60 - 1
_MIDNIGHT: Final = (_LAST_SECOND + 1) * _MICROSECONDS


@dataclass(frozen=True)
class Moments:
    """What is told of dates and times.

    A date is a moment of the examination if it lies at most ``dates_before`` days before that of its study or
    ``dates_after`` after it; times are cut down to multiples of ``time_resolution`` (seconds, 0: as they are).
    """

    dates_before: int = 731
    dates_after: int = 1
    time_resolution: int = 1


class Clock(NamedTuple):
    """How the dates and times of one study are moved.

    Dates by ``days`` if they are within ``first`` and ``last`` (``None``: none is); times are cut down to whole
    multiples of ``resolution`` (seconds, 0: as they are). Where the order of slices hangs on less, all moments go on by
    ``fraction`` (microseconds, less than the resolution, the same for the whole study): differences stay, no moment
    comes before the time of its series, and the moment itself is not told.
    """

    days: int
    first: datetime.date | None
    last: datetime.date | None
    resolution: int = 1
    fraction: int = 0

    def da(self, value: str) -> str:
        """A DA value moved: ``YYYYMMDD``, the old ``YYYY.MM.DD``, several values; else ``""``."""
        return _each(value, self._da)

    def dt(self, value: str) -> str:
        """A DT value with its date moved, its time of day cut down, and without the offset from UTC.

        A value without a day could be any: it is emptied.
        """
        return _each(value, lambda one: self.dt_with(one, self._rough))

    def tm(self, value: str) -> str:
        """A TM value cut down to the resolution; ``""`` if it is no time of day."""
        return _each(value, self._rough)

    def moment_dt(self, value: str) -> str:
        """As :meth:`dt`, with fractions of the resolution as differences."""
        return _moment_dt(self, value)

    def moment_tm(self, value: str) -> str:
        """As :meth:`tm`, with fractions of the resolution as differences."""
        return _each(value, self.fine)

    def _moved(self, year: int, month: int, day: int) -> datetime.date | None:
        date = _date(year, month, day)
        if date is None or self.first is None or self.last is None or not self.first <= date <= self.last:
            return None
        return _date(year, month, day, self.days)

    def _da(self, value: str) -> str:
        match = _DA.fullmatch(value)
        moved = self._moved(int(match[1]), int(match[3]), int(match[4])) if match else None
        if match is None or moved is None:
            return ""
        return match[2].join((f"{moved.year:04d}", f"{moved.month:02d}", f"{moved.day:02d}"))

    def dt_with(self, value: str, told: Callable[[str], str]) -> str:
        """One DT value with its date moved and its time of day ``told``; ``""`` if it is none, or has no day."""
        match = _DT.fullmatch(value)
        if not match:
            return ""
        moved = self._moved(int(match["year"]), int(match["month"]), int(match["day"]))
        if moved is None:
            return ""
        return f"{moved.year:04d}{moved.month:02d}{moved.day:02d}" + (told(match["time"]) if match["time"] else "")

    def _rough(self, value: str) -> str:
        match = _TM.fullmatch(value)
        if not match:
            return ""
        if self.resolution <= 1:
            return value.partition(".")[0] if self.resolution else value
        seconds = _seconds(match)
        return _written(match, seconds - seconds % self.resolution, "")

    def fine(self, value: str) -> str:
        """One TM value gone on by the fraction; ``""`` if it is none."""
        match = _TM.fullmatch(value)
        if not match:
            return ""
        # A clock of whole seconds would tell the fraction of those beside it.
        if match["second"] is None or not self.resolution or (self.resolution == 1 and _is_whole(match)):
            return self._rough(value)
        moment = self._on(match)
        return _written(match, moment // _MICROSECONDS, f"{moment % _MICROSECONDS:06d}"[: len(match["fraction"] or "")])

    def _on(self, match: re.Match[str]) -> int:
        """A time of day gone on by the fraction: microseconds.

        By whole units of what is written, so that the digits behind them do not tell by how much. Before midnight ever
        less, so that none comes to the day after and all keep their order.
        """
        digits = match["fraction"] or ""
        unit: int = _MICROSECONDS // 10 ** len(digits)
        on = self.fraction - self.fraction % unit
        moment, span = _seconds(match) * _MICROSECONDS + int(digits.ljust(6, "0")), 2 * self.resolution * _MICROSECONDS
        left = _MIDNIGHT - moment
        moved = moment + (on if left >= span else on * left // span)
        return moved - moved % unit


# Frames have two moments or three each, mostly the same.
@lru_cache(maxsize=64)
def _moment_dt(clock: Clock, value: str) -> str:
    return _each(value, lambda one: clock.dt_with(one, clock.fine))


def study_date(values: tuple[str, ...], *, modified: bool) -> datetime.date | None:
    """The day of a study: the first of some DA or DT ``values`` that can be one, unless the others agree on another.

    ``modified``: the object says that its dates were moved before (LongitudinalTemporalInformationModified), so any
    year may be.
    """
    found = []
    for value in values:
        match = _DT.fullmatch(value.strip(" \x00").replace(".", "")[:8])
        date = _date(int(match["year"]), int(match["month"]), int(match["day"])) if match else None
        if date is not None and date <= LAST_CT and (modified or date >= FIRST_CT):
            found.append(date)
    if not found:
        return None
    first, *others = found
    # A day that stands alone against several others was typed, or a clock's that was never set.
    alone = len(others) > 1 and all(abs((one - first).days) > _ONE_STUDY for one in others)
    return others[0] if alone and max(others) - min(others) <= datetime.timedelta(_ONE_STUDY) else first


def clock(days: int, study: datetime.date | None, moments: Moments, fraction: int = 0) -> Clock:
    """The clock of a study that was made on the day ``study`` (``None``: nobody knows when, so that no date stays)."""
    if study is None:
        return Clock(days, None, None, moments.time_resolution, fraction)
    first = study - datetime.timedelta(days=min(moments.dates_before, study.toordinal() - 1))
    last = study + datetime.timedelta(days=min(moments.dates_after, datetime.date.max.toordinal() - study.toordinal()))
    return Clock(days, first, last, moments.time_resolution, fraction)


def age89(value: str) -> str:
    """An AS value, ``090Y`` for more than 89 years (45 CFR 164.514(b)(2)(i)(C)); ``""`` if it is no age."""
    match = _AS.fullmatch(value.strip(" \x00"))
    if not match:
        return ""
    years = int(match[1]) / _PER_YEAR[match[2]]
    return ABOVE_OLDEST if years >= OLDEST_YEARS + 1 else match[0]


def age_at(birth_date: str, study: datetime.date | None) -> str:
    """The age on the day of a study of who was born on ``birth_date`` (DA), as AS; ``""`` if unknown."""
    birth = _whole(birth_date.strip(" \x00"))
    if birth is None or study is None or study < birth:
        return ""
    months = (study.year - birth.year) * 12 + study.month - birth.month - (study.day < birth.day)
    return age89(f"{months:03d}M" if months < 24 else f"{min(months // 12, 999):03d}Y")


def _each(value: str, told: Callable[[str], str]) -> str:
    if "\\" not in value:
        return told(value.strip(" \x00"))
    moved = [told(one.strip(" \x00")) for one in value.split("\\")]
    return "\\".join(moved) if all(moved) else ""


def _whole(value: str) -> datetime.date | None:
    match = _DA.fullmatch(value)
    return _date(int(match[1]), int(match[3]), int(match[4])) if match else None


# The frames of an object and the objects of a study share a few days.
@lru_cache(maxsize=1024)
def _date(year: int, month: int, day: int, days: int = 0) -> datetime.date | None:
    try:
        return datetime.date(year, month, day) + datetime.timedelta(days=days)
    except (ValueError, OverflowError):
        return None


def _is_whole(match: re.Match[str]) -> bool:
    """Say whether a time of day has no fraction of a second, or four zeros and more, which are no chance."""
    fraction = match["fraction"] or ""
    return not fraction or (len(fraction) >= _NO_CHANCE and not fraction.strip("0"))


def _seconds(match: re.Match[str]) -> int:
    """The seconds of the day; a leap second counts as the one before."""
    return int(match["hour"]) * 3600 + int(match["minute"] or 0) * 60 + min(int(match["second"] or 0), 59)


def _written(match: re.Match[str], seconds: int, fraction: str) -> str:
    """A time of day in the form, and with the precision, of another."""
    minutes, second = divmod(min(seconds, _LAST_SECOND), 60)
    parts = [
        f"{minutes // 60:02d}",
        f"{minutes % 60:02d}" if match["minute"] else "",
        f"{second:02d}" if match["second"] else "",
    ]
    return (match["colon"] or "").join(part for part in parts if part) + (f".{fraction}" if fraction else "")
