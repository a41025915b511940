"""Sessions of an upload: begun, asked what is missing, completed with a receipt."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.errors import ConfigError, NotFound, Permanent, Temporary
from fidac_node.hub.web.access import may_store, who
from fidac_node.hub.web.bodies import whole
from fidac_node.hub.web.streaming import unavailable
from fidac_node.hub.web.upload import parsing
from fidac_node.hub.web.upload.parsing import Bad
from fidac_node.hub.web.upload.telling import of, told
from fidac_node.operations.uploads import Outcome, Uploads

log = logging.getLogger(__name__)

T = TypeVar("T")

_LARGEST: Final = 8 << 20


async def begin(request: Request) -> Response:
    """201 with the session, 409 for another key than the site's."""
    site = await may_store(request)
    uploads = uploads_of(request)
    try:
        wished = parsing.begin(await whole(request, _LARGEST))
        if wished.site != site:
            raise HTTPException(403, "this is not your site")
        if request.state.bearer.programme not in ("", wished.wish.programme):
            raise HTTPException(403, "this is not your programme")
        begun = await in_reader(request, lambda: uploads.begin(who(request), site, wished.wish))
    except (Bad, Permanent) as error:
        return of(error)
    session = begun.session
    answer = {"session": session.id, "site": session.site, "programme": session.programme}
    more = {"profile_digest": begun.profile_digest, "first_use": begun.first_use, "has_patients": begun.has_patients}
    return told({**answer, **more}, 201)


async def missing(request: Request) -> Response:
    """Those of the SHA-256 in the body that the hub has not."""
    site, uploads = await may_store(request), uploads_of(request)

    def ask(wanted: list[str]) -> list[str]:
        return uploads.missing(uploads.session(_named(request), who(request).name, site), wanted)

    try:
        wanted = parsing.digests(await whole(request, _LARGEST))
        return told(await in_reader(request, lambda: ask(wanted)))
    except (Bad, Permanent, NotFound) as error:
        return of(error)


async def complete(request: Request) -> Response:
    """200 with the receipt, 202 while objects wait to be filed or are missing."""
    site, uploads = await may_store(request), uploads_of(request)

    def ask(wanted: Any) -> Outcome:
        session = uploads.session(_named(request), who(request).name, site)
        return uploads.complete(session, who(request), wanted)

    try:
        wanted = parsing.completion(await whole(request, _LARGEST))
        outcome = await in_reader(request, lambda: ask(wanted))
    except (Bad, Permanent, NotFound) as error:
        return of(error)
    answer: dict[str, Any] = {"committed": outcome.committed, "waiting": outcome.waiting}
    answer["others"] = [one._asdict() for one in outcome.others]
    if outcome.receipt is None:
        return told(answer, 202)
    signature = json.loads(outcome.receipt.content)["signature"]
    return told({"receipt": outcome.receipt.id, **answer, "signature": signature})


async def candidates(request: Request) -> Response:
    """Those of the pseudonyms in the query that are patients of the site here."""
    site, uploads = await may_store(request), uploads_of(request)
    try:
        wanted = parsing.pseudonyms(request.query_params.getlist("pseudonym"))
    except Bad as error:
        return of(error)
    return told(await in_reader(request, lambda: uploads.candidates(site, wanted)))


def uploads_of(request: Request) -> Uploads:
    """The uploads of this hub."""
    uploads: Uploads = request.app.state.uploads
    return uploads


async def in_reader(request: Request, function: Callable[[], T]) -> T:
    """Return what ``function`` returns in a reader's thread. Raises 503 when the hub cannot say now."""
    async with request.app.state.readers.one() as reader:
        try:
            result: T = await reader.call(function)
        except Temporary as error:
            raise unavailable(str(error)) from None
        except ConfigError as error:
            log.error("uploads: %s", error)
            raise HTTPException(500, "something is wrong with the hub's settings; its log says what") from None
        return result


def _named(request: Request) -> str:
    return str(request.path_params["session"])
