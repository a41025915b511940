"""The plot of the README: who is how fast, and ingest as the index grows, as SVG written by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from benchmarks.table import Row, number, times

_WIDTH: Final = 760
_LEFT: Final = 250
_RIGHT: Final = 120
_BAR: Final = 16
_GAP: Final = 18
_CURVE: Final = 170
_OURS: Final = "#1f6f8b"
_THEIRS: Final = "#b9c2c9"
_INK: Final = "#24292f"
_FAINT: Final = "#57606a"


def svg(rows: Sequence[Row], title: str) -> str:
    """Draw each row that has a peer as two bars, and the rows ``ingest at N indexed`` as a curve below."""
    pairs = [row for row in rows if row.theirs is not None and row.unit == "slices/s"]
    points = [
        (int(row.name.split()[2].replace(",", "")), row.ours or 0.0)
        for row in rows
        if row.name.startswith("ingest at ")
    ]
    bars = 60 + len(pairs) * (2 * _BAR + _GAP)
    height = bars + (_CURVE + 50 if points else 0)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            'font-family="system-ui, sans-serif" font-size="13">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
        _text(20, 28, title, weight="600"),
        *_bars(pairs),
        *(_curve(points, bars) if points else ()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bars(pairs: Sequence[Row]) -> list[str]:
    most = max((max(row.ours or 0.0, row.theirs or 0.0) for row in pairs), default=1.0)
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    parts = []
    for index, row in enumerate(pairs):
        top = 50 + index * (2 * _BAR + _GAP)
        parts.append(_text(_LEFT - 12, top + 12, row.name, anchor="end"))
        parts.append(_text(_LEFT - 12, top + _BAR + 12, row.peer, anchor="end", fill=_FAINT))
        for offset, value, fill, said in (
            (0, row.ours or 0.0, _OURS, f"{number(row.ours)} {row.unit}, {times(row.ratio)}"),
            (_BAR, row.theirs or 0.0, _THEIRS, number(row.theirs)),
        ):
            width = max(1.0, value * scale)
            parts.append(
                f'<rect x="{_LEFT}" y="{top + offset}" width="{width:.1f}" height="{_BAR - 2}" fill="{fill}"/>'
            )
            parts.append(_text(_LEFT + width + 6, top + offset + 12, said, fill=_INK if offset == 0 else _FAINT))
    return parts


def _curve(points: Sequence[tuple[int, float]], top: int) -> list[str]:
    """Ingest against the logarithm of the index's size; the vertical axis begins at 0."""
    base, height = top + _CURVE, _CURVE - 50
    first, last = math.log10(points[0][0]), math.log10(points[-1][0])
    step = (_WIDTH - _LEFT - _RIGHT) / max(last - first, 1.0)
    most = max(rate for _, rate in points) * 1.15
    spots = [
        (_LEFT + (math.log10(size) - first) * step, base - rate / most * height, size, rate) for size, rate in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in spots)
    parts = [
        _text(20, top + 24, "Ingest at the hub as its index grows, slices/s", weight="600"),
        f'<line x1="{_LEFT}" y1="{base}" x2="{_WIDTH - _RIGHT}" y2="{base}" stroke="{_THEIRS}"/>',
        f'<polyline points="{line}" fill="none" stroke="{_OURS}" stroke-width="2"/>',
    ]
    for x, y, size, rate in spots:
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_OURS}"/>')
        parts.append(_text(x, y - 9, number(rate), anchor="middle"))
        parts.append(_text(x, base + 18, f"{size:,}", anchor="middle", fill=_FAINT))
    parts.append(_text(_LEFT - 12, base + 18, "objects indexed", anchor="end", fill=_FAINT))
    return parts


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = _INK, weight: str = "400") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
