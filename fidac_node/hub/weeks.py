"""The week in which something came, which is all that the hub tells of it: ISO 8601 weeks, from Monday 00:00 UTC."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Final

_DAY: Final = 86400 * 10**9  # in nanoseconds
_WEEK: Final = 7 * _DAY
_EPOCH: Final = 3 * _DAY  # since the last Monday: 1 January 1970 was a Thursday


def monday(day: datetime.date) -> datetime.date:
    """Return the Monday of that day's week."""
    return day - datetime.timedelta(days=day.weekday())


def iso_week(day: datetime.date) -> str:
    """Return the week as ISO 8601 writes it: ``2026-W49``."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def coarsen(path: Path) -> None:
    """Set the times of a file or folder to the Monday of the week in which it last changed. Raises ``OSError``."""
    changed = path.stat().st_mtime_ns
    start = changed - (changed + _EPOCH) % _WEEK
    if changed != start:
        os.utime(path, ns=(start, start))
