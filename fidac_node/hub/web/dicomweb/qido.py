"""Search (QIDO-RS, PS3.18 10.6): studies, series and instances, from the index alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from typing import Any, Final

from peewee import Database
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.audit.trail import Doing, Trail
from fidac_node.hub.index.words import NOBODY, words
from fidac_node.hub.web.access import allowed, is_forwarded, who
from fidac_node.hub.web.dicomweb import parameters
from fidac_node.hub.web.dicomweb.media import DICOM_JSON, JSON, chosen
from fidac_node.hub.web.dicomweb.rows import LEVELS, Writer
from fidac_node.hub.web.streaming import Head, streamed
from fidac_node.operations.index import Row, StudyFilter, find, has_more

View = Callable[[Request], Awaitable[Response]]

# Rows that are read before the answer begins: a search that ends within them is known whole.
_FIRST: Final = 50
_PAGE: Final = 500
_CHUNK: Final = 64 << 10
_FIRST_CHUNK: Final = 4 << 10
_USUAL: Final = {"http": 80, "https": 443}
_CUT: Final = "There are additional results that can be requested"


def search(level: str) -> View:
    """Return the view that answers a search for studies, series or instances, within what the path names."""

    async def view(request: Request) -> Response:
        may_ask = await allowed(request, "find")
        media_type = chosen(request, (DICOM_JSON, JSON))
        asked = parameters.read(request.query_params.multi_items())
        try:
            wanted = asked.filter(may_ask, request.path_params)
        except ValueError:
            raise HTTPException(404, "there is no such study or series") from None
        above = LEVELS[len(request.path_params) : LEVELS.index(level)]
        answer = _Answer(request, level, wanted, asked, Writer.of(level, above, asked.matched | asked.names))
        return await answer.begun(media_type)

    return view


class _Answer:
    """One search: its rows are read and written in one thread, in step with the client."""

    def __init__(
        self, request: Request, level: str, wanted: StudyFilter | None, asked: parameters.Search, writer: Writer
    ) -> None:
        self._db: Database = request.app.state.db
        self._trail: Trail = request.app.state.trail
        self._who = who(request)
        self._readers = request.app.state.readers
        self._base = base_url(request)
        self._level, self._wanted, self._asked, self._writer = level, wanted, asked, writer
        self._cut = False

    async def begun(self, media_type: str) -> Response:
        """Return the answer, whose first rows are read: 204 when there are none."""
        none = Response(status_code=204)
        response = await streamed(self._readers, self._chunks(), Head(media_type), none=none)
        warnings = [*self._asked.warnings, *([_CUT] if self._cut else [])]
        for warning in warnings:
            response.headers.append("Warning", f"299 {self._base}: {warning}")
        return response

    def _chunks(self) -> Generator[bytes]:
        """Yield the answer in pieces; the first is empty, and says that there is something. It is recorded."""
        wanted = self._wanted
        what = words(self._level, wanted) if wanted else f"{self._level}: {NOBODY}"
        with self._trail.doing(self._who, "query", what) as query:
            if wanted is not None:
                yield from self._answered(wanted, query)

    def _answered(self, wanted: StudyFilter, query: Doing) -> Generator[bytes]:
        with closing(find(self._db, self._level, wanted, self._asked.limit, offset=self._asked.offset)) as rows:
            first = list(islice(rows, _FIRST))
            if not first:
                return
            self._cut = self._is_cut(wanted, len(first))
            yield b""
            yield from in_pieces(self._written(wanted, chain(first, rows), query))

    def _is_cut(self, wanted: StudyFilter, seen: int) -> bool:
        """Whether there are more rows than were asked for; one look, in the state of the index that the rows are of."""
        limit = self._asked.limit
        if limit is None or (seen < limit and seen < _FIRST):
            return False
        return has_more(self._db, self._level, wanted, self._asked.offset + limit)

    def _written(self, wanted: StudyFilter, rows: Iterator[Any], query: Doing) -> Iterator[bytes]:
        size = _FIRST
        while page := list(islice(rows, size)):
            size = _PAGE
            studies = self._studies(wanted, page) if self._writer.needs_study else {}
            for row in page:
                query.number += 1
                yield self._writer.write(row, studies.get((row.site, row.StudyInstanceUID)), self._base)

    def _studies(self, wanted: StudyFilter, page: list[Any]) -> dict[tuple[str, str], Row]:
        """The studies of a page of rows, for what only they know; of studies it is the rows themselves."""
        if self._level != "studies":
            uids = sorted({row.StudyInstanceUID for row in page})
            seen = {name: getattr(wanted, name) for name in ("confined_to", "confined_to_site")}
            of_page = StudyFilter(study_uid="\\".join(uids), **seen)
            page = list(find(self._db, "studies", of_page))
        return {(row.site, row.StudyInstanceUID): row for row in page}


def base_url(request: Request) -> str:
    """Where DICOMweb is, as the client reached it: ``https://host/dicom-web``.

    Who comes by himself and leaves out the port in ``Host`` (RFC 9110 7.2) came to the port that is listened on.
    """
    netloc = request.url.netloc
    _, port = request.scope.get("server") or ("", None)
    if (
        port
        and request.url.port is None
        and port != _USUAL.get(request.url.scheme)
        and not is_forwarded(request.headers)
    ):
        netloc = f"{netloc}:{port}"
    return f"{request.url.scheme}://{netloc}/dicom-web"


def in_pieces(objects: Iterator[bytes]) -> Iterator[bytes]:
    """A JSON array, in pieces of 64 KB; the first, for which somebody waits, is smaller."""
    piece, size = bytearray(b"["), _FIRST_CHUNK
    for number, one in enumerate(objects):
        piece += b",\n" + one if number else one
        if len(piece) >= size:
            yield bytes(piece)
            piece.clear()
            size = _CHUNK
    yield bytes(piece + b"]")
