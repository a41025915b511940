"""The search: every filter of ``hub find`` as a form, its answer as a table, a page at a time, or as CSV.

The address is the search: kept as a bookmark, it asks the same again.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fidac_node.hub.index.words import words
from fidac_node.hub.web.access import allowed, who
from fidac_node.hub.web.pages.acting import acting, sees_images
from fidac_node.hub.web.pages.csvs import head, pieces
from fidac_node.hub.web.pages.filters import CHOICES, LEVELS, MORE, USUAL, Asked, read
from fidac_node.hub.web.pages.render import render
from fidac_node.hub.web.streaming import streamed
from fidac_node.operations.index import COLUMNS, Row, StudyFilter, find

PAGE: Final = 50
# By which columns a table is sorted, at each level; the heading of each is a msgid of its template.
SORTABLE: Final = {
    "patients": ("PatientID", "site", "studies", "instances", "received_week"),
    "studies": ("PatientID", "site", "StudyDate", "label", "series", "instances", "received_week"),
    "series": ("PatientID", "site", "StudyDate", "SliceThickness", "ConvolutionKernel", "label", "instances"),
    "instances": (),  # a million of them are not put in another order while somebody waits
}
_FURTHEST: Final = 1_000_000


class _Found(NamedTuple):
    """A page of rows, and whether more come after it."""

    rows: list[Row]
    more: bool


async def search(request: Request) -> Response:
    """Show the form, and what it asks for."""
    if any(not value for value in request.query_params.values()):  # as a form sends what is not filled in
        said = [(name, value) for name, value in request.query_params.multi_items() if value]
        return RedirectResponse(f"/search?{urlencode(said)}" if said else "/search", 303)
    may_ask, asked = await allowed(request, "find"), read(request.query_params)
    number, sort = _page(request), _sort(request, asked.level)
    wanted = None if asked.problems else asked.filter(may_ask)
    found = await acting(request, lambda: _look(request, asked.level, wanted, number, sort)) if wanted else None
    return render(
        request,
        "search.html",
        status_code=400 if asked.problems else 200,
        asked=asked,
        found=found,
        levels=LEVELS,
        choices=CHOICES,
        usual=USUAL,
        more=MORE,
        sortable=SORTABLE[asked.level],
        sort=sort,
        page=number,
        first=(number - 1) * PAGE,
        at=_addresses(asked, sort, number),
        images=sees_images(request),
    )


async def search_csv(request: Request) -> Response:
    """Give all that a search asks for, with every column that the index has."""
    may_ask, asked = await allowed(request, "find"), read(request.query_params)
    if asked.problems:
        raise HTTPException(400, f"this cannot be read: {', '.join(asked.problems)}")
    wanted, columns = asked.filter(may_ask), COLUMNS[asked.level]
    rows = pieces(columns, _recorded(request, asked.level, wanted))
    return await streamed(request.app.state.readers, rows, head(asked.level))


def _look(request: Request, level: str, wanted: StudyFilter, number: int, sort: str) -> _Found:
    """Read a page, once it is written down what is asked."""
    state = request.app.state
    with state.trail.doing(who(request), "query", words(level, wanted)) as query:
        offset = (number - 1) * PAGE
        rows = find(state.db, level, wanted, PAGE + 1, offset=offset, sort=[sort] if sort else ())
        with closing(rows):
            found = list(islice(rows, PAGE + 1))
        query.number = min(len(found), PAGE)
    return _Found(found[:PAGE], len(found) > PAGE)


def _recorded(request: Request, level: str, wanted: StudyFilter) -> Generator[tuple[Any, ...]]:
    state = request.app.state
    what = f"{words(level, wanted)}, as CSV"
    with state.trail.doing(who(request), "query", what) as query, closing(find(state.db, level, wanted)) as rows:
        for row in rows:
            query.number += 1
            yield row[:-1]  # without the exact time


def _page(request: Request) -> int:
    text = request.query_params.get("page", "1")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 1
    return min(max(number, 1), _FURTHEST)


def _sort(request: Request, level: str) -> str:
    """By what the table is sorted; by nothing of its own when it is no column that it could be."""
    text = request.query_params.get("sort", "")
    return text if text.removeprefix("-") in SORTABLE[level] else ""


def _addresses(asked: Asked, sort: str, number: int) -> dict[str, Any]:
    """Where the links of the page lead: the pages before and after, the table, and each way to sort."""
    said = [("level", asked.level), *asked.typed.items()]
    sorted_ = [("sort", sort)] if sort else []

    def to(*more: tuple[str, Any], path: str = "/search") -> str:
        return f"{path}?{urlencode([*said, *more])}"

    return {
        "before": to(*sorted_, ("page", number - 1)) if number > 1 else "",
        "after": to(*sorted_, ("page", number + 1)),
        "csv": to(path="/search.csv"),
        "sort": {name: to(("sort", f"-{name}" if sort == name else name)) for name in SORTABLE[asked.level]},
        "level": {level: f"/search?{urlencode([('level', level), *asked.typed.items()])}" for level in LEVELS},
    }
