"""Rows as a table for people, CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import datetime
import io
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

import click

from fidac_node.system.logs import printable

FORMATS: Final = ("table", "csv", "json")

_BLOCK: Final = 500  # lines per write
_BETWEEN: Final = "  "
_LEAST: Final = 12  # characters of a column that is cut
_BESIDES_SPACE: Final = re.compile(r"[^\n\t]+")  # a spreadsheet's cell may have lines
# What makes a spreadsheet take a text for a formula; an apostrophe before it stops that (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_rows(rows: Iterable[object], columns: Sequence[str], kind: str) -> int:
    """Print ``columns`` of ``rows``, records or mappings, as ``kind`` (one of :data:`FORMATS`); return how many."""
    counted = _Counted(rows)
    lines = {"table": _table, "csv": _csv, "json": _json}[kind](counted, columns)
    while block := list(islice(lines, _BLOCK)):
        click.echo("\n".join(block))  # without its colours where no terminal is
    return counted.number


class _Counted:
    """Passes rows on and counts them: they may be too many to be kept."""

    def __init__(self, rows: Iterable[object]) -> None:
        self._rows = rows
        self.number = 0

    def __iter__(self) -> Iterator[object]:
        for row in self._rows:
            self.number += 1
            yield row


def _table(rows: Iterable[object], columns: Sequence[str]) -> Iterator[str]:
    """Yield lines; the first block says how wide the columns are, so that few rows are read before one shows.

    On a terminal they fit its width: the widest columns are cut, and what still has no room is left out.
    """
    cells = ([printable(_cell(_value(row, name))) or "-" for name in columns] for row in rows)
    first = [[*columns], *islice(cells, _BLOCK)]
    wanted = [max(map(len, column)) for column in zip(*first, strict=True)]
    widths = fitted(wanted, shutil.get_terminal_size().columns) if sys.stdout.isatty() else wanted
    for number, line in enumerate(chain(first, cells)):
        shown = [cut(cell, width).ljust(width) for cell, width in zip(line, widths, strict=False)]
        text = _BETWEEN.join(shown).rstrip()
        yield text if number else click.style(text, bold=True)
    if widths != wanted:
        missing = f", without {', '.join(columns[len(widths) :])}" if len(widths) < len(wanted) else ""
        told = f"(cut to this terminal's width{missing}; whole in a wider one, a pipe or JSON)"
        yield from (click.style(line, dim=True) for line in textwrap.wrap(told, shutil.get_terminal_size().columns))


def fitted(widths: Sequence[int], room: int) -> list[int]:
    """The widths of the columns that have room, side by side in so many characters: the widest give way first."""
    shown = list(widths)
    while shown and sum(shown) + len(_BETWEEN) * (len(shown) - 1) > room:
        widest = max(shown)
        if widest <= _LEAST and len(shown) > 1:
            shown.pop()
        else:
            shown[shown.index(widest)] -= 1
    return shown


def cut(text: str, width: int) -> str:
    """A text in at most ``width`` characters: of a long one begin and end, which tell UIDs and handles apart."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def _csv(rows: Iterable[object], columns: Sequence[str]) -> Iterator[str]:
    yield _csv_line(columns)
    for row in rows:
        yield _csv_line([_harmless(_value(row, name)) for name in columns])


def _csv_line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()


def _json(rows: Iterable[object], columns: Sequence[str]) -> Iterator[str]:
    """Yield one list, a row per line, so that it can be written before all is read."""
    previous = ""
    for row in rows:
        if previous:
            yield f"{previous},"
        previous = (
            f"{' ' if previous else '['}"
            f"{shown_in_json(json.dumps({name: _value(row, name) for name in columns}, ensure_ascii=False))}"
        )
    yield f"{previous or '['}]"


def _value(row: object, name: str) -> Any:
    return plain(row[name] if isinstance(row, Mapping) else getattr(row, name))


def json_text(value: object) -> str:
    """JSON for programs and people: what a terminal must not get of a foreign text is escaped as JSON has it."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(map(shown_in_json, text.split("\n")))


def shown_in_json(line: str) -> str:
    """Escape in a line of JSON what is not printable; what is read back is the same."""
    return line if line.isprintable() else "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)


def plain(value: Any) -> Any:
    """A value as JSON has it: dates and moments (UTC) as ISO 8601 writes them."""
    if isinstance(value, datetime.datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def _harmless(value: object) -> str:
    text = _BESIDES_SPACE.sub(lambda found: printable(found[0]), _cell(value))
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\\".join(map(_cell, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
