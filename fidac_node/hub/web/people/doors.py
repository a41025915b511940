"""The pages to come in and to go out by: sign in, sign out, follow an invitation, choose a language."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fidac_node.errors import Declined
from fidac_node.hub.web.access import who
from fidac_node.hub.web.pages.language import COOKIE, LANGUAGES
from fidac_node.hub.web.pages.render import render
from fidac_node.hub.web.people.forms import local
from fidac_node.hub.web.streaming import unavailable
from fidac_node.operations import signing_in
from fidac_node.operations.signing_in import Person

T = TypeVar("T")

_PATIENCE_SECONDS: Final = 10.0
_YEAR: Final = 365 * 86400


async def login_page(request: Request) -> Response:
    """Ask who it is; whoever is signed in goes on."""
    back = local(request.query_params.get("next", "/"))
    if isinstance(request.state.bearer, Person):
        return RedirectResponse(back, 303)
    return render(request, "login.html", back=back, name="", problem="", wait=0, provider=request.app.state.provider)


async def login(request: Request) -> Response:
    """Sign in, and go where somebody wanted to go."""
    name, password, code, back = await fields_of(request, "name", "password", "code", "next")
    back = local(back)
    state, origin = request.app.state, who(request).origin
    answer = await hashing(request, partial(signing_in.sign_in, state.db, state.trail, name, password, code, origin))
    if answer.token:
        return await signed_in(request, answer.token, back)
    wait = int(answer.wait) + 1 if answer.wait else 0
    status, headers = (429, {"Retry-After": str(wait)}) if wait else (401, {})
    problem = "wait" if wait else "wrong"
    said = {"back": back, "name": name, "problem": problem, "wait": wait, "provider": state.provider}
    return render(request, "login.html", status_code=status, headers=headers, **said)


async def logout(request: Request) -> Response:
    """Sign out here; the cookie opens nothing any more, whoever has a copy of it."""
    await _leave(request)
    response = RedirectResponse("/login", 303)
    request.state.visits.forget(request.scope, response)
    return response


async def language(request: Request) -> Response:
    """Choose the language of this browser, and go on where it was."""
    chosen, back = await fields_of(request, "language", "next")
    if chosen not in LANGUAGES:
        raise HTTPException(400, "no such language")
    if isinstance(person := request.state.bearer, Person):
        await in_reader(request, lambda: signing_in.choose_language(request.app.state.db, person, chosen))
    response = RedirectResponse(local(back), 303)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, chosen, _YEAR, secure=secure, httponly=True, samesite="lax")
    return response


async def invitation_page(request: Request) -> Response:
    """Ask who was invited for a password. It is not used up by looking at it."""
    token, db = request.path_params["token"], request.app.state.db
    account = await in_reader(request, lambda: signing_in.invited(db, token))
    if account is None:
        raise HTTPException(404, "this invitation was used, or is over; ask an administrator for another one")
    return render(request, "invitation.html", name=account.name, problem=None)


async def invitation(request: Request) -> Response:
    """Take the password of who was invited, who is then signed in."""
    token, state = request.path_params["token"], request.app.state
    password, again = await fields_of(request, "password", "again")
    account = await in_reader(request, lambda: signing_in.invited(state.db, token))
    if account is None:
        return await invitation_page(request)
    origin = who(request).origin
    try:
        if password != again:
            raise Declined("the two passwords differ")
        accept = partial(signing_in.accept, state.db, state.trail, token, password, origin)
        return await signed_in(request, await hashing(request, accept), "/")
    except Declined as problem:
        return render(request, "invitation.html", name=account.name, problem=problem, status_code=422)


async def signed_in(request: Request, token: str, back: str) -> Response:
    """Return the answer that gives a browser the cookie of its new session; whoever was signed in there is out."""
    await _leave(request)
    response = RedirectResponse(back, 303)
    request.state.visits.keep(request.scope, response, token)
    return response


async def _leave(request: Request) -> None:
    state, bearer = request.app.state, request.state.bearer
    if isinstance(bearer, Person):
        origin = who(request).origin
        await in_reader(request, lambda: signing_in.sign_out(state.db, state.trail, bearer, origin))


async def fields_of(request: Request, *names: str) -> tuple[str, ...]:
    """Return these fields of a form, in order; what is missing is empty."""
    form = await request.form()
    return tuple(value if isinstance(value := form.get(name), str) else "" for name in names)


async def in_reader(request: Request, function: Callable[[], T]) -> T:
    """Return what ``function`` returns where it may wait for the index and the disk."""
    async with request.app.state.readers.one() as reader:
        return await reader.call(function)  # type: ignore[no-any-return]


async def hashing(request: Request, function: Callable[[], T]) -> T:
    """Return what ``function`` returns, which makes or compares the hash of a password, when it is its turn.

    Each takes a processor and 64 MiB: who asks for many keeps nobody else from reading. Raises 503.
    """
    turn: asyncio.Semaphore = request.app.state.hashing
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await turn.acquire()
    except TimeoutError:
        raise unavailable("too many sign in at once") from None
    try:
        return await in_reader(request, function)
    finally:
        turn.release()
