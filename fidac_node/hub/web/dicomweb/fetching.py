"""What every retrieval begins with: who asks for what, what of it is there, and what is said where it is not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from fidac_node.audit.trail import Doing
from fidac_node.errors import NotFound, Permanent, Temporary
from fidac_node.hub.index.words import words
from fidac_node.hub.web.access import ACTS, allowed, who
from fidac_node.hub.web.dicomweb.parameters import of_path
from fidac_node.hub.web.dicomweb.qido import base_url
from fidac_node.hub.web.streaming import Piece, unavailable
from fidac_node.operations.index import StudyFilter
from fidac_node.operations.retrieval import Place, Shelf, Stored

log = logging.getLogger(__name__)

T = TypeVar("T")

_OF_THE_INDEX: Final = ("study", "series", "instance")


async def question(request: Request) -> StudyFilter:
    """Return what is asked for by the path, within what may be fetched. Raises 403 and 404."""
    may_fetch = await allowed(request, "retrieve")
    try:
        names = {name: uid for name, uid in request.path_params.items() if name in _OF_THE_INDEX}
        return replace(may_fetch, **of_path(names))
    except ValueError:
        raise missing() from None


async def found(request: Request, look: Callable[[Shelf], T | None]) -> T:
    """Return what ``look`` returns, in a thread. Raises 404 when that is nothing, and as :func:`plainly`."""
    state = request.app.state
    async with state.readers.one() as reader:
        result: T | None = await reader.call(lambda: plainly(lambda: look(state.shelf)))
    if not result:
        raise missing()
    return result


def plainly(act: Callable[[], T]) -> T:
    """Return what ``act`` returns; trouble becomes an answer that says nothing of the inside, the log says the rest.

    Raises 406 for what cannot be given as wished, 500 for what is not as it was filed, 503 for what cannot be read now.
    """
    try:
        return act()
    except NotFound as error:
        log.error("%s", error)
        raise HTTPException(500, "the archive lacks an object that the index has; the hub's log says which") from None
    except (Temporary, OSError) as error:
        log.error("the archive cannot be read: %s", getattr(error, "strerror", None) or error)
        raise unavailable("the archive cannot be read") from None
    except Permanent as error:
        log.warning("an object cannot be given as wished: %s", error)
        raise HTTPException(406, "it cannot be given so: ask for it as it is stored, with transfer-syntax=*") from None


class Told(NamedTuple):
    """What the record of acts says of a retrieval: what was asked for, and the pseudonym of each study handed out."""

    what: str
    studies: dict[str, str]

    @classmethod
    def of(cls, wanted: StudyFilter, objects: Iterable[Stored], what: str = "") -> Told:
        """Return it for these objects; ``what`` of them, if not the objects themselves."""
        asked = words("instances", wanted) + (f", {what}" if what else "")
        return cls(asked, {one.place.study: one.patient for one in objects})


def given(request: Request, told: Told, pieces: Callable[[Doing], Iterable[Piece]]) -> Generator[Piece]:
    """Yield what ``pieces`` makes, written down before the first of it; trouble as in :func:`plainly`."""
    with request.app.state.trail.doing(who(request), ACTS["retrieve"], told.what) as retrieval:
        retrieval.studies = told.studies
        iterator = iter(pieces(retrieval))
        while piece := plainly(lambda: next(iterator, b"")):
            yield piece


def missing() -> HTTPException:
    """Return the answer for what is not there, or not for who asks."""
    return HTTPException(404, "there is no such study, series or instance")


def not_acceptable(objects: Iterable[Stored], how: str) -> HTTPException:
    """Return the answer for a wish that cannot be fulfilled; ``how`` is what can be asked for."""
    syntaxes = ", ".join(sorted({one.transfer_syntax_uid for one in objects}))
    return HTTPException(406, f"stored as {syntaxes}: ask for {how}")


def url_of(request: Request, place: Place) -> str:
    """Where an instance is."""
    return f"{base_url(request)}/studies/{place.study}/series/{place.series}/instances/{place.sop}"
