"""The page on which a person looks after the own account: password, second factor."""

from __future__ import annotations

from functools import partial
from typing import cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fidac_node.errors import Declined
from fidac_node.hub.web.access import demand_role, who
from fidac_node.hub.web.pages.render import render
from fidac_node.hub.web.people.doors import fields_of, hashing, in_reader
from fidac_node.operations import second_factor, signing_in
from fidac_node.operations.signing_in import Person
from fidac_node.operations.users import ROLES


async def page(request: Request) -> Response:
    """Show the account."""
    await demand_role(request, *ROLES)
    return await _page(request)


async def password(request: Request) -> Response:
    """Change the password, by who knows the old one."""
    person = await _person(request)
    old, new, again = await fields_of(request, "old", "password", "again")
    state, origin = request.app.state, who(request).origin
    try:
        if new != again:
            raise Declined("the two passwords differ")
        change = partial(signing_in.change_password, state.db, state.trail, person, old, new, origin)
        await hashing(request, change)
    except Declined as problem:
        return await _page(request, problem=problem)
    return await _page(request, done="password")


async def enrolment(request: Request) -> Response:
    """Show the secret of a second factor, to be taken up by a device."""
    person = await _person(request)
    return _offer(request, second_factor.offer(person.name))


async def switch_on(request: Request) -> Response:
    """Switch the second factor on, by who knows the password and has the device; show the recovery codes, this once."""
    person = await _person(request)
    secret, code, old = await fields_of(request, "secret", "code", "old")
    state, origin = request.app.state, who(request).origin

    def act() -> list[str]:
        signing_in.confirm(state.db, state.trail, person, old, origin)
        return second_factor.switch_on(state.db, state.trail, person, secret, code, origin)

    try:
        codes = await hashing(request, act)
    except Declined as problem:
        if not second_factor.is_secret(secret):
            return RedirectResponse("/account/second-factor", 303)
        return _offer(request, second_factor.offer(person.name, secret), problem)
    return render(request, "recovery.html", codes=codes)


async def switch_off(request: Request) -> Response:
    """Switch the second factor off, by who knows the password."""
    person = await _person(request)
    (old,) = await fields_of(request, "old")
    state, origin = request.app.state, who(request).origin

    def act() -> None:
        signing_in.confirm(state.db, state.trail, person, old, origin)
        second_factor.switch_off(state.db, state.trail, person, origin)

    try:
        await hashing(request, act)
    except Declined as problem:
        return await _page(request, problem=problem)
    return await _page(request, done="off")


async def _person(request: Request) -> Person:
    await demand_role(request, *ROLES)
    return cast(Person, request.state.bearer)


async def _page(request: Request, *, problem: Declined | None = None, done: str = "") -> Response:
    person, db = request.state.bearer, request.app.state.db
    account = await in_reader(request, lambda: signing_in.account_of(db, person))
    status = 422 if problem else 200
    return render(request, "account.html", account=account, problem=problem, done=done, status_code=status)


def _offer(request: Request, enrolment: second_factor.Enrolment, problem: Declined | None = None) -> Response:
    status = 422 if problem else 200
    return render(request, "second_factor.html", enrolment=enrolment, problem=problem, status_code=status)
