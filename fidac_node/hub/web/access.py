"""Who may ask: a bearer token (RFC 6750), or a program on this machine where the settings open the hub to it.

It stands before everything else, so that who may not ask is told nothing: not even which addresses there are.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from peewee import Database
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from fidac_node.audit.trail import Who
from fidac_node.errors import Permanent
from fidac_node.hub.web.errors import answer
from fidac_node.hub.web.streaming import Readers
from fidac_node.operations.index import StudyFilter
from fidac_node.operations.tokens import RIGHT_OF, RIGHTS, STORE, Bearer, Right, bearer_of, permitted

_ANYBODY_HERE: Final = Bearer("loopback", RIGHTS, "", "")
# What the record of acts calls the use of each right.
ACTS: Final[dict[Right, str]] = {"find": "query", "retrieve": "retrieve"}
_REALM: Final = 'Bearer realm="fidac-node"'
# A question has no body. What is small is read over, as HTTP wants it (RFC 9110 9.3.1).
_LARGEST_BODY: Final = 64 << 10
_PORT: Final = re.compile(r":\d+$")


class Access:
    """Lets a request through to ``app`` with its bearer in its state, or answers 401."""

    def __init__(self, app: ASGIApp, db: Database, readers: Readers, *, open_on_loopback: bool) -> None:
        self._app = app
        self._db = db
        self._readers = readers
        self._open = open_on_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        headers = Headers(scope=scope)
        try:
            scope.setdefault("state", {})["bearer"] = await self._bearer(scope, headers)
            if scope["method"] not in ("POST", "PUT") and _announced(headers) > _LARGEST_BODY:
                raise HTTPException(413, "a question has no body")
        except HTTPException as error:
            await answer(Request(scope), error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _bearer(self, scope: Scope, headers: Headers) -> Bearer:
        given = headers.get("authorization")
        if given is None:
            if self._open and _is_local(scope, headers):
                return _ANYBODY_HERE
            raise HTTPException(401, "a bearer token is needed", headers={"WWW-Authenticate": _REALM})
        scheme, _, token = given.partition(" ")
        if scheme.lower() == "bearer":
            async with self._readers.one() as reader:
                if bearer := await reader.call(lambda: bearer_of(self._db, token.strip())):
                    return bearer
        # One answer for unknown, expired and revoked (RFC 6750 3.1).
        challenge = {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}
        raise HTTPException(401, "this token is not valid", headers=challenge)


def who(request: Request) -> Who:
    """Return who asks, as the record of acts names him."""
    return Who(request.state.bearer.name, request.client.host if request.client else "")


async def allowed(request: Request, right: Right) -> StudyFilter:
    """Return the question that whoever asks may ask, to be narrowed; raises 403, before anything is looked for.

    A refusal is written down.
    """
    try:
        return permitted(request.state.bearer, right, StudyFilter(case_sensitive=True))
    except Permanent as error:
        reason, state = str(error), request.app.state
        async with state.readers.one() as reader:
            await reader.call(lambda: state.trail.note(who(request), ACTS[right], "refused", reason=reason))
        scope = next(scope for scope, one in RIGHT_OF.items() if one == right)
        challenge = {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'}
        raise HTTPException(403, f"this needs a token with the scope {scope}", headers=challenge) from None


async def may_store(request: Request) -> str:
    """Return the site for which whoever asks may store; raises 403. A refusal is written down."""
    if site := request.state.bearer.site:
        return str(site)
    state = request.app.state
    async with state.readers.one() as reader:
        await reader.call(lambda: state.trail.note(who(request), "store", "refused", reason="it may not store"))
    challenge = {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{STORE}SITE"'}
    raise HTTPException(403, f"this needs a token with the scope {STORE}SITE", headers=challenge)


def is_forwarded(headers: Headers) -> bool:
    """Say whether a proxy asks for somebody."""
    return any(name == "forwarded" or name.startswith("x-forwarded") for name in headers)


def _is_local(scope: Scope, headers: Headers) -> bool:
    """Whether a program on this machine asks: no proxy for somebody, no web page that found a name for 127.0.0.1."""
    host, _ = scope.get("client") or ("", 0)
    asked = _PORT.sub("", headers.get("host", "")).strip("[]")
    return not is_forwarded(headers) and _is_loopback(host) and (asked == "localhost" or _is_loopback(asked))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0
