"""Who may ask: a program with a bearer token (RFC 6750), a person who is signed in.

A program on this machine, too, where the settings open the hub to it. It stands before everything else, so that who may
not ask is told nothing: not even which addresses there are.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote

from peewee import Database
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from fidac_node.audit.trail import Who
from fidac_node.errors import Permanent
from fidac_node.hub.web.errors import answer
from fidac_node.hub.web.people.forms import checked
from fidac_node.hub.web.people.visits import Visit, Visits
from fidac_node.hub.web.streaming import Readers
from fidac_node.operations.index import StudyFilter
from fidac_node.operations.signing_in import Lifetime, Person, person_of
from fidac_node.operations.tokens import RIGHT_OF, RIGHTS, STORE, Bearer, Right, bearer_of, permitted
from fidac_node.operations.users import Role

_ANYBODY_HERE: Final = Bearer("loopback", RIGHTS, "", "")
NOBODY: Final = Bearer("", (), "", "")
_API: Final = "/dicom-web"
# What is shown before anybody signed in.
_FILES: Final = ("/static/", "/portal/")
_FOR_ANYBODY: Final = ("/login", "/invitation/", "/language", *_FILES)
_READS: Final = ("GET", "HEAD")
_WITH_BODY: Final = ("POST", "PUT")
# What the record of acts calls the use of each right.
ACTS: Final[dict[Right, str]] = {"find": "query", "retrieve": "retrieve"}
_REALM: Final = 'Bearer realm="fidac-node"'
# A question has no body. What is small is read over, as HTTP wants it (RFC 9110 9.3.1).
_LARGEST_BODY: Final = 64 << 10
_PORT: Final = re.compile(r":\d+$")
# Answers name it, and links of invitations.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])?(?::\d+)?")


class Access:
    """Lets a request through to ``app`` with its bearer in its state, or says 401, or where to sign in."""

    def __init__(
        self,
        app: ASGIApp,
        db: Database,
        readers: Readers,
        visits: Visits,
        lifetime: Lifetime,
        *,
        open_on_loopback: bool,
    ) -> None:
        self._app = app
        self._db = db
        self._readers = readers
        self._visits = visits
        self._lifetime = lifetime
        self._open = open_on_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["bearer"], state["visits"], state["visit"] = NOBODY, self._visits, self._visits.of(scope)
        try:
            if not _HOST.fullmatch(headers.get("host", "")):
                raise HTTPException(400, "the Host header names no host")
            state["bearer"] = bearer = await self._bearer(scope, headers, state["visit"])
            if not isinstance(bearer, Bearer) or bearer is NOBODY:
                receive = await checked(self._visits, state["visit"], scope, receive)
            if scope["method"] not in _WITH_BODY and _announced(headers) > _LARGEST_BODY:
                raise HTTPException(413, "a question has no body")
        except HTTPException as error:
            await answer(Request(scope), error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _bearer(self, scope: Scope, headers: Headers, visit: Visit) -> Bearer | Person:
        given = headers.get("authorization")
        if given is not None:
            return await self._program(given)
        is_api = scope["path"].startswith(_API)
        # A signed-in person's viewer fetches; a program that stores shows a token.
        may_be_somebody = scope["method"] in _READS if is_api else not scope["path"].startswith(_FILES)
        if may_be_somebody and not visit.is_new:
            async with self._readers.one() as reader:
                if person := await reader.call(lambda: person_of(self._db, visit.token, self._lifetime)):
                    return person
        if is_api:
            if self._open and _is_local(scope, headers):
                return _ANYBODY_HERE
            raise HTTPException(401, "a bearer token is needed", headers={"WWW-Authenticate": _REALM})
        if scope["path"].startswith(_FOR_ANYBODY):
            return NOBODY
        raise signed_out(scope, headers)

    async def _program(self, given: str) -> Bearer:
        scheme, _, token = given.partition(" ")
        if scheme.lower() == "bearer":
            async with self._readers.one() as reader:
                if bearer := await reader.call(lambda: bearer_of(self._db, token.strip())):
                    return bearer
        # One answer for unknown, expired and revoked (RFC 6750 3.1).
        challenge = {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}
        raise HTTPException(401, "this token is not valid", headers=challenge)


def signed_out(scope: Scope, headers: Headers) -> HTTPException:
    """Return where to sign in, to a browser, and 401 to a script of a page."""
    is_script = headers.get("sec-fetch-dest") == "empty" or "x-csrf-token" in headers
    if is_script or (scope["method"] not in _READS and "text/html" not in headers.get("accept", "")):
        return HTTPException(401, "nobody is signed in here any more: sign in again")
    back = "/" if scope["method"] not in _READS else scope["path"]
    query = scope["query_string"].decode("ascii", "replace")
    back += f"?{query}" if query and back != "/" else ""
    return HTTPException(303, "sign in first", headers={"Location": f"/login?next={quote(back, safe='/')}"})


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
        await _note_refusal(request, ACTS[right], str(error))
        scope = next(scope for scope, one in RIGHT_OF.items() if one == right)
        raise _forbidden(request, scope) from None


async def may_store(request: Request) -> str:
    """Return the site for which whoever asks may store; raises 403. A refusal is written down."""
    if site := request.state.bearer.site:
        return str(site)
    await _note_refusal(request, "store", "it may not store")
    raise _forbidden(request, f"{STORE}SITE")


async def demand_role(request: Request, *roles: Role) -> None:
    """See that a person of one of these roles asks; raises 403. A refusal is written down."""
    if request.state.bearer.role not in roles:
        await _note_refusal(request, "page", f"{request.scope['path']} is for {' or '.join(roles)}")
        raise HTTPException(403, "this page is not for your role")


async def _note_refusal(request: Request, act: str, reason: str) -> None:
    state = request.app.state
    async with state.readers.one() as reader:
        await reader.call(lambda: state.trail.note(who(request), act, "refused", reason=reason))


def _forbidden(request: Request, scope: str) -> HTTPException:
    if request.state.bearer.role:
        return HTTPException(403, "this is not for your role")
    challenge = {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'}
    return HTTPException(403, f"this needs a token with the scope {scope}", headers=challenge)


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
