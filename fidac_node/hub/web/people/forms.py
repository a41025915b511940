"""What comes from a form, or a script, of a page: only by who was given its token by this hub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from fidac_node.hub.web.people.visits import FIELD, HEADER, Visit, Visits

_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_FORM: Final = "application/x-www-form-urlencoded"
_LARGEST: Final = 64 << 10
_LONGEST_SECONDS: Final = 30.0


async def checked(visits: Visits, visit: Visit, scope: Scope, receive: Receive) -> Receive:
    """Return what gives the request's body, when it may be answered by the right of a cookie.

    A form's token is in its body, of at most 64 KiB; anything else has it in a header. Raises 403, and 413.
    """
    if scope["method"] in _SAFE:
        return receive
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        raise HTTPException(403, "this came from a page of another site")
    token = headers.get(HEADER)
    if token is None and headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        body, receive = await _read(receive)
        token = parse_qs(body.decode("utf-8", "replace")).get(FIELD, [""])[0]
    if not visits.is_from(visit, token or ""):
        raise HTTPException(403, "this form is too old, or not of this hub: load the page again")
    return receive


def local(path: str) -> str:
    """Return ``path`` if it is an address at this hub, else its front page: nobody is sent elsewhere by a link."""
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or "\\" in path:
        return "/"
    try:
        parts = urlsplit(path)
    except ValueError:
        return "/"
    return "/" if path.startswith("//") or parts.scheme or parts.netloc else path


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Read a body; return it, and what gives it again."""
    body, more = b"", True
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise HTTPException(400, "the form broke off")
                body, more = body + message.get("body", b""), message.get("more_body", False)
                if len(body) > _LARGEST:
                    raise HTTPException(413, "a form has at most 64 KiB")
    except TimeoutError:
        raise HTTPException(408, "the form stopped coming") from None
    again: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def give() -> Message:
        return next(again, None) or await receive()

    return body, give
