"""One object of an upload: put by its SHA-256, as often as need be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fidac_node.dicom.statuses import HELD_FOR_A_PERSON
from fidac_node.errors import NotFound, Permanent
from fidac_node.hub.web.access import may_store, who
from fidac_node.hub.web.bodies import pieces
from fidac_node.hub.web.dicomweb.media import parsed
from fidac_node.hub.web.dicomweb.wado import DICOM
from fidac_node.hub.web.streaming import Reader
from fidac_node.hub.web.upload import parsing
from fidac_node.hub.web.upload.parsing import Bad
from fidac_node.hub.web.upload.sessions import uploads_of
from fidac_node.hub.web.upload.telling import later, of, refusal, told
from fidac_node.operations.uploads import Incoming, Refused, Uploads

# Objects of one session at the same time: a page sends three.
_SEATS: Final = 6
_ARRIVING: Final = 0.5  # the share of the reserve that objects on their way may use up, as at reception
_FULL_SECONDS: Final = 60
_BUSY_SECONDS: Final = 2
_CLOSE: Final = {"Connection": "close"}
# Failure Reasons as the intake gives them (PS3.4 B.2.3, PS3.18 Table I.2-2), and what they are here.
_NO_ROOM: Final = 0xA700
_TOO_LARGE: Final = 0xC003
_NOT_TAKEN: Final = {0x0124: "site", 0x0122: "sop-class", 0xC122: "transfer-syntax", 0xC001: "malformed"}


async def put(request: Request) -> Response:
    """201 for one that is new, 200 for one that was here; 409, 413, 415, 422, or 429, 503, 507: come again."""
    site, uploads = await may_store(request), uploads_of(request)
    if parsed(request.headers.get("content-type", "")).name != DICOM:
        return refusal("content-type", f"an object is sent as {DICOM}", 415, _CLOSE)
    try:
        sha256 = parsing.announced(request.headers.get("content-digest"), request.path_params["sha256"])
    except Bad as error:
        return refusal("digest", str(error), 422, _CLOSE)
    if _announced(request) > uploads.intake.limit + (1 << 20):
        return _too_large(uploads)
    if uploads.intake.ready(1.0):
        raise _full()
    state, name = request.app.state, request.path_params["session"]
    if state.bodies.locked():
        raise later(503, "as many objects come as may at once", _BUSY_SECONDS)
    with _seated(state.seats, name) as is_seated:
        if not is_seated:
            raise later(429, f"more than {_SEATS} objects of this session come at once", _BUSY_SECONDS)
        async with state.bodies, state.readers.one() as reader:
            try:
                incoming = await reader.call(lambda: uploads.receive(uploads.session(name, who(request).name, site)))
            except (Permanent, NotFound) as error:
                return of(error)
            try:
                came = await _take(request, reader, incoming)
                outcome = await reader.call(lambda: incoming.finish(sha256, who(request))) if came else None
            except BaseException:
                await reader.call(incoming.discard)
                raise
            if outcome is None:
                await reader.call(incoming.discard)
                return refusal("broken-off", "the body broke off or does not go on: send it again", 408, _CLOSE)
    is_new, why = outcome
    return told({"sha256": sha256}, 201 if is_new else 200) if why is None else _refused(uploads, why)


async def _take(request: Request, reader: Reader, incoming: Incoming) -> bool:
    """Write the body as it comes; ``False``: it did not come whole."""
    try:
        async for piece in pieces(request):
            await reader.call(partial(incoming.write, piece))
    except (ClientDisconnect, TimeoutError):
        return False
    return True


def _refused(uploads: Uploads, why: Refused) -> Response:
    if why.reason == _TOO_LARGE:
        return _too_large(uploads)
    if why.reason == _NO_ROOM:
        raise _full() if uploads.intake.ready(_ARRIVING) else later(503, why.why, _BUSY_SECONDS)
    if why.reason == HELD_FOR_A_PERSON:
        return refusal("conflict" if why.code == "conflict" else "held", why.why, 409)
    return of(Permanent(why.code or _NOT_TAKEN.get(why.reason, "error"), why.why))


def _too_large(uploads: Uploads) -> Response:
    return refusal("too-large", f"an object has at most {uploads.intake.limit} bytes here", 413, _CLOSE)


def _full() -> HTTPException:
    return later(507, "the hub's disk is full: what was sent is safe, go on later", _FULL_SECONDS)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


@contextmanager
def _seated(seats: Counter[str], name: str) -> Iterator[bool]:
    """One of the seats of a session, if one is free."""
    if seats[name] >= _SEATS:
        yield False
        return
    seats[name] += 1
    try:
        yield True
    finally:
        seats[name] -= 1
        if not seats[name]:
            del seats[name]
