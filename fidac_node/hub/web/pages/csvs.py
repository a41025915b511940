"""Tables as CSV (RFC 4180), for whoever goes on with them; a spreadsheet takes no text of a site for a formula."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final

from starlette.responses import Response

from fidac_node.hub.web.streaming import Head

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_PIECE: Final = 64 << 10


def head(name: str) -> Head:
    """Return what is said before a table that is saved as ``name``."""
    disposition = f'attachment; filename="{name}.csv"'
    return Head("text/csv; charset=utf-8", headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})


def table(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """Return a small table as an answer."""
    said = head(name)
    return Response(b"".join(pieces(columns, rows)), media_type=said.media_type, headers=dict(said.headers))


def pieces(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Generator[bytes]:
    """Yield a table in pieces of 64 KB, as its rows are read."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(map(_cell, row))
        if buffer.tell() > _PIECE:
            yield buffer.getvalue().encode("utf-8")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "\\".join(map(_cell, value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return f"{value:g}" if isinstance(value, float) else str(value)
