"""Charts as SVG, made here of numbers and words: no script draws them, and they are printed as they are seen.

Colours and sizes of text are the style sheet's (``static/pages.css``). A chart is a picture with a title and a
description; the same numbers are in a table beside it, so nothing in it has to be reached by keyboard.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from typing import Final, NamedTuple

from markupsafe import Markup

_SPARK: Final = (96, 22)
_LEAST_GAP: Final = 22.0  # between the middles of two studies on a time line
_LABEL: Final = 84.0  # what the date of a study takes
_INTERVAL: Final = 46.0


class Words(NamedTuple):
    """What a chart is called, and what it shows, for who does not see it."""

    title: str
    description: str


class Bar(NamedTuple):
    """One bar: how high, what it says of itself, and what stands under it, if anything does."""

    value: float
    label: str
    tick: str = ""


class Exam(NamedTuple):
    """A study on a time line: its day, what it says of itself, and whether it is the one that is looked at."""

    day: datetime.date
    label: str
    is_this: bool = False


def bars(some: Sequence[Bar], words: Words, name: str, *, width: int = 920, height: int = 240) -> Markup:
    """Return a chart of bars from left to right; ``name`` tells it from the others of a page."""
    left, right, top, bottom = 40.0, 8.0, 12.0, 26.0
    least, most = top, height - bottom
    step, highest = scale(max((bar.value for bar in some), default=0))
    room = (width - left - right) / max(len(some), 1)
    thick = max(min(room * 0.72, 40.0), 1.5)

    def y(value: float) -> float:
        return most - value / highest * (most - least)

    drawn = [_line("grid" if value else "base", left, width - right, y(value)) for value in _steps(step, highest)]
    drawn += [_text("axis", left - 8, y(value) + 4, f"{value:g}", "end") for value in _steps(step, highest)]
    for number, bar in enumerate(some):
        middle = left + room * (number + 0.5)
        shape = _rect("bar", middle - thick / 2, y(bar.value), thick, most - y(bar.value))
        hit = _rect("hit", middle - room / 2, top, room, most - top)
        drawn.append(Markup("<g><title>{}</title>{}{}</g>").format(bar.label, hit, shape))
        if bar.tick:
            drawn.append(_text("axis", middle, height - 8, bar.tick, "middle"))
    return _chart(drawn, words, name, width, height)


def timeline(exams: Sequence[Exam], unit: str, words: Words, name: str, *, width: int = 920) -> Markup:
    """Return the studies of a patient on a line, as far apart as their days, with the days between.

    ``exams`` are in order; ``unit`` stands after a number of days. Studies of nearly one day are drawn beside each
    other. What is written leaves out what has no room.
    """
    height, edge, level = 92, 48.0, 48.0
    places = _places([exam.day for exam in exams], edge, width - edge)
    drawn = [_line("base", places[0] if places else edge, places[-1] if places else width - edge, level)]
    for (before, at), (exam, after) in zip(pairwise(places), pairwise(exams), strict=True):
        if at - before >= _INTERVAL:
            days = (after.day - exam.day).days
            drawn.append(_text("interval", (before + at) / 2, level - 10, f"{days} {unit}", "middle"))
    taken = [place for place, exam in zip(places, exams, strict=True) if exam.is_this]
    for place, exam in zip(places, exams, strict=True):
        kind, radius = ("exam this", 8) if exam.is_this else ("exam", 6)
        dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(kind, place, level, radius)
        drawn.append(Markup("<g><title>{}</title>{}</g>").format(exam.label, dot))
        if exam.is_this or all(abs(place - other) >= _LABEL for other in taken):
            of_day = kind.replace("exam", "day")
            drawn.append(_text(of_day, place, level + 28, exam.day.isoformat(), "middle"))
            taken.append(place)
    return _chart(drawn, words, name, width, height)


def spark(values: Sequence[float], title: str) -> Markup:
    """Return a few bars in a line of text."""
    width, height = _SPARK
    room, most = width / max(len(values), 1), max([*values, 1])
    drawn = []
    for number, value in enumerate(values):
        tall = max(value / most * (height - 2), 1.0 if value else 0.5)
        drawn.append(_rect("bar" if value else "none", number * room + 1, height - tall, room - 2, tall))
    shape = '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return Markup(shape).format(width, height, title, Markup("").join(drawn))


def scale(most: float) -> tuple[float, float]:
    """Return the distance of the lines of a scale for values up to ``most``, and its end: 1, 2 or 5 times a power."""
    for power in count():
        for factor in (1, 2, 5):
            step = factor * 10.0**power
            if most <= 4 * step:
                return step, max(step * -(-most // step), step)
    raise AssertionError


def _places(days: Sequence[datetime.date], left: float, right: float) -> list[float]:
    """Where on a line days are, as far as they are apart, and no two on one place."""
    if not days:
        return []
    span, gap = (days[-1] - days[0]).days, min(_LEAST_GAP, (right - left) / max(len(days) - 1, 1))
    if len(days) == 1:
        return [(left + right) / 2]
    places = [left + (right - left) * ((day - days[0]).days / span if span else 0) for day in days]
    for number in range(1, len(places)):
        places[number] = max(places[number], places[number - 1] + gap)
    places[-1] = min(places[-1], right)
    for number in reversed(range(len(places) - 1)):
        places[number] = min(places[number], places[number + 1] - gap)
    return places


def _steps(step: float, highest: float) -> Iterator[float]:
    return (number * step for number in range(round(highest / step) + 1))


def _chart(drawn: Sequence[Markup], words: Words, name: str, width: int, height: int) -> Markup:
    shape = (
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">'
        '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}</svg>'
    )
    inside = Markup("").join(drawn)
    return Markup(shape).format(width, height, name, name, name, words.title, name, words.description, inside)


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    shape = '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
    return Markup(shape).format(kind, x, y, width, height)


def _line(kind: str, left: float, right: float, y: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(kind, left, right, y, y)


def _text(kind: str, x: float, y: float, text: str, anchor: str) -> Markup:
    shape = '<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
    return Markup(shape).format(kind, x, y, anchor, text)
