"""The pages on which an administrator looks after the accounts of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fidac_node.errors import Declined, NotFound
from fidac_node.hub.web.access import demand_role, who
from fidac_node.hub.web.pages.render import render
from fidac_node.hub.web.people.doors import fields_of, in_reader
from fidac_node.operations import users

T = TypeVar("T")


async def page(request: Request) -> Response:
    """List the accounts, and offer to make one."""
    await demand_role(request, "administrator")
    return await _page(request, given=("", "contributor", "", ""))


async def add(request: Request) -> Response:
    """Make an account, and show its invitation, this once."""
    await demand_role(request, "administrator")
    given = name, role, site, programme = await fields_of(request, "name", "role", "site", "programme")
    act = partial(users.add, request.app.state.db, _note(request), name, role, site=site, programme=programme)
    try:
        return _invitation(request, name, await in_reader(request, act))
    except Declined as problem:
        return await _page(request, given=given, problem=problem)


async def one(request: Request) -> Response:
    """Show an account, and what can be done to it."""
    await demand_role(request, "administrator")
    return await _one(request)


async def role(request: Request) -> Response:
    """Change what a person may do."""
    name, db = request.path_params["name"], request.app.state.db
    await demand_role(request, "administrator")
    role, site, programme = await fields_of(request, "role", "site", "programme")
    return await _act(request, partial(users.change, db, _note(request), name, role, site=site, programme=programme))


async def link(request: Request) -> Response:
    """Link a person to who it is to the identity provider."""
    await demand_role(request, "administrator")
    (subject,) = await fields_of(request, "subject")
    name, db = request.path_params["name"], request.app.state.db
    provider = request.app.state.provider
    issuer = provider.issuer if provider else ""
    return await _act(request, partial(users.link, db, _note(request), name, issuer, subject.strip()))


async def reset(request: Request) -> Response:
    """Take password and second factor from a person, and show the invitation, this once."""
    await demand_role(request, "administrator")
    name, db = request.path_params["name"], request.app.state.db
    invitation = await _done(request, partial(users.reset, db, _note(request), name))
    return _invitation(request, name, invitation)


async def remove(request: Request) -> Response:
    """End an account."""
    await demand_role(request, "administrator")
    name, db = request.path_params["name"], request.app.state.db
    try:
        await _done(request, partial(users.remove, db, _note(request), name))
    except Declined as problem:
        return await _one(request, problem)
    return RedirectResponse("/users", 303)


async def _act(request: Request, act: Callable[[], None]) -> Response:
    try:
        await _done(request, act)
    except Declined as problem:
        return await _one(request, problem)
    return RedirectResponse(f"/users/{request.path_params['name']}", 303)


async def _done(request: Request, act: Callable[[], T]) -> T:
    try:
        return await in_reader(request, act)
    except NotFound:
        raise HTTPException(404, "there is no such account") from None


async def _page(request: Request, *, given: Sequence[str], problem: Declined | None = None) -> Response:
    db = request.app.state.db
    accounts, sites = await in_reader(request, lambda: (users.list_accounts(db), users.site_ids(db)))
    status = 422 if problem else 200
    return render(
        *(request, "users.html"),
        accounts=accounts,
        sites=sites,
        roles=users.ROLES,
        given=given,
        problem=problem,
        status_code=status,
    )


async def _one(request: Request, problem: Declined | None = None) -> Response:
    name, db = request.path_params["name"], request.app.state.db
    accounts, sites = await in_reader(request, lambda: (users.list_accounts(db), users.site_ids(db)))
    account = next((row for row in accounts if row.name == name), None)
    if account is None:
        raise HTTPException(404, "there is no such account")
    status = 422 if problem else 200
    return render(
        *(request, "user.html"), account=account, sites=sites, roles=users.ROLES, problem=problem, status_code=status
    )


def _note(request: Request) -> users.Note:
    trail = request.app.state.trail
    return lambda act, what, reason: trail.note(who(request), act, what, reason=reason)


def _invitation(request: Request, name: str, token: str) -> Response:
    here = request.app.state.settings.url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
    link = f"{here}/invitation/{token}"
    return render(request, "invited.html", name=name, link=link, days=users.INVITATION_DAYS)
