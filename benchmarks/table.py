"""What was measured: rows of a table, as text, as Markdown and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

NOT_INSTALLED: Final = "not installed"

Figures = dict[str, list[float]]


@dataclass(frozen=True)
class Row:
    """One figure of ours, and a peer's of the same minute.

    ``least`` bounds the ratio from below, ``most`` our figure from above; ``higher`` says which way is better.
    ``runs`` are the figures of every run, ours and theirs; ``theirs`` is ``None`` where the peer is not installed,
    ``ours`` where what we would need is not.
    """

    name: str
    unit: str
    ours: float | None
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    least: float | None = None
    most: float | None = None
    higher: bool = True
    note: str = ""
    runs: dict[str, list[float]] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``pass`` or ``FAIL`` where there is a bound, ``not installed`` where there is nobody to compare with."""
        if self.ours is None or (self.peer and self.theirs is None):
            return NOT_INSTALLED
        if self.least is not None and self.ratio is not None:
            return "pass" if self.ratio >= self.least else "FAIL"
        if self.most is not None:
            return "pass" if self.ours <= self.most else "FAIL"
        return ""

    @property
    def bound(self) -> str:
        """What is demanded, in words."""
        if self.least is not None:
            return f"at least {self.least:g}x"
        return "" if self.most is None else f"at most {self.most:g} {self.unit}"

    @staticmethod
    def load(values: Mapping[str, Any]) -> Row:
        """Make a row from what :meth:`dump` gave."""
        return Row(**{name: value for name, value in values.items() if name not in ("verdict", "bound")})

    def dump(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {**asdict(self), "verdict": self.verdict, "bound": self.bound}


def in_turns(runs: int, works: Mapping[str, Callable[[int], float]]) -> Figures:
    """Call each of ``works`` with the number of the run, each run beginning with another, and return their figures.

    A run before the first warms up all of them and is not counted.
    """
    found: Figures = {name: [] for name in works}
    names = list(works)
    for run in range(runs + 1):
        for name in names[run % len(names) :] + names[: run % len(names)]:
            figure = works[name](run)
            if run:
                found[name].append(figure)
    return found


def against(name: str, unit: str, figures: Figures, ours: str, peer: str, **options: Any) -> Row:
    """Return a row of medians; its ratio is the median of each run's own ratio."""
    mine, theirs = figures[ours], figures.get(peer)
    if theirs is None:
        return Row(name, unit, statistics.median(mine), peer, runs={"ours": mine}, **options)
    ratio = statistics.median(one / other for one, other in zip(mine, theirs, strict=True))
    runs = {"ours": mine, "theirs": theirs}
    return Row(name, unit, statistics.median(mine), peer, statistics.median(theirs), ratio, runs=runs, **options)


def number(value: float | None) -> str:
    """A figure with three digits that say something."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def times(ratio: float | None) -> str:
    """A ratio with two digits that say something, or nothing."""
    return "" if ratio is None else f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.2f}x"


def as_text(rows: Sequence[Row]) -> str:
    """The table for a terminal."""
    lines = [f"{'':<44} {'ours':>8} {'':<9} {'peer':>8} {'ratio':>6}  {'demanded':<18} {'':<13} against"]
    for row in rows:
        theirs = number(row.theirs) if row.peer else ""
        figures = f"{number(row.ours):>8} {row.unit:<9} {theirs:>8} {times(row.ratio):>6}"
        line = f"{row.name:<44} {figures}  {row.bound:<18} {row.verdict:<13} {row.peer}"
        lines.append(line.rstrip())
    notes = [row for row in rows if row.note]
    return "\n".join([*lines, "", *(f"{row.name}: {row.note}" for row in notes)])


def as_markdown(rows: Sequence[Row]) -> str:
    """The table for the README: every row that has a bound or a peer."""
    lines = ["| | this node | against | ratio | demanded |", "| --- | ---: | --- | ---: | --- |"]
    for row in rows:
        if not row.bound and row.ratio is None:
            continue
        theirs = (
            ""
            if not row.peer
            else f"{row.peer}: {number(row.theirs)}"
            if row.theirs is not None
            else f"{row.peer}: {NOT_INSTALLED}"
        )
        missed = " (missed)" if row.verdict == "FAIL" else ""
        ours = NOT_INSTALLED if row.ours is None else f"{number(row.ours)} {row.unit}"
        lines.append(f"| {row.name} | {ours} | {theirs} | {times(row.ratio)} | {row.bound}{missed} |")
    return "\n".join(lines)
