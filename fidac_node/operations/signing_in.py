"""A person signs in and out, and chooses a password; each act is written down."""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from fidac_node.audit.trail import Trail, Who
from fidac_node.errors import Declined
from fidac_node.hub.index import users
from fidac_node.hub.index.users import Lifetime, Person, Turn, begin_session, invited, person_of
from fidac_node.operations import second_factor
from fidac_node.system import passwords

if TYPE_CHECKING:
    from peewee import Database

__all__ = [
    "Answer",
    "Lifetime",
    "OwnAccount",
    "Person",
    "accept",
    "account_of",
    "change_password",
    "choose_language",
    "confirm",
    "invited",
    "person_of",
    "sign_in",
    "sign_in_as",
    "sign_out",
]

log = logging.getLogger(__name__)

_OVER: Final = "this invitation was used, or is over; ask an administrator for another one"
_UNKNOWN: Final = "nobody known"


class OwnAccount(NamedTuple):
    """What a person is shown of the own account; ``recovery_codes`` are how many are left."""

    name: str
    role: str
    site: str
    programme: str
    has_password: bool
    second_factor: bool
    recovery_codes: int
    linked: bool


class Answer(NamedTuple):
    """What came of an attempt to sign in: the token of a session, or how many seconds to wait, or neither."""

    token: str = ""
    wait: float = 0.0


def sign_in(db: Database, trail: Trail, name: str, password: str, code: str, origin: str) -> Answer:
    """Begin a session for who knows the password of the account ``name``, and has its second factor if there is one.

    Whether there is such an account shows neither in the answer nor in the time that it takes. Raises ``OSError`` when
    it cannot be written down.
    """
    row = users.find_account(db, name=name)
    who = Who(row.name if row else _UNKNOWN, origin)  # what was typed may be a password in the wrong field
    of = {"account": name, "address": _network(origin)}
    turn = users.attempt(db, of)
    if turn.wait:
        return Answer(wait=turn.wait.total_seconds())
    is_right = passwords.verify(row.password if row else "", password)
    if row is None or not is_right or not second_factor.admits(db, row, code):
        trail.note(who, "login", "refused", reason="name, password or code is not right")
        _warn(turn)
        return Answer()
    trail.note(who, "login", "password" + (" and code" if row.totp else ""))
    users.succeeded(db, of)
    if passwords.is_outdated(row.password):
        users.update(db, row.id, password=passwords.hashed(password))
    return Answer(begin_session(db, row.id))


def sign_in_as(db: Database, trail: Trail, issuer: str, subject: str, origin: str) -> str:
    """Begin a session for who is ``subject`` to the identity provider ``issuer``; return its token.

    Empty: no account is linked to that; an administrator finds it in the record of acts. Raises ``OSError``.
    """
    row = users.find_account(db, subject=users.linked_as(issuer, subject))
    who = Who(row.name if row else _UNKNOWN, origin)
    if row is None:
        trail.note(who, "login", "refused", reason=f"no account is linked to the subject {subject}")
        return ""
    trail.note(who, "login", "identity provider")
    return begin_session(db, row.id)


def sign_out(db: Database, trail: Trail, person: Person, origin: str) -> None:
    """End the session."""
    users.end_session(db, person.session)
    trail.note(Who(person.name, origin), "logout", "")


def accept(db: Database, trail: Trail, token: str, password: str, origin: str) -> str:
    """Choose the password of the account that the invitation ``token`` is for; return the token of a session.

    Raises :class:`Declined` for a password that cannot be one, and an invitation that is none any more.
    """
    row = invited(db, token)
    if row is None:
        raise Declined(_OVER)
    passwords.check(password, row.name)
    trail.note(Who(row.name, origin), "user password", "by invitation")
    if users.accept(db, token, passwords.hashed(password)) is None:
        raise Declined(_OVER)
    return begin_session(db, row.id)


def change_password(db: Database, trail: Trail, person: Person, old: str, new: str, origin: str) -> None:
    """Change the password of who is signed in, who is signed out everywhere else.

    Raises :class:`Declined` when ``old`` is not right, too often, or ``new`` cannot be one.
    """
    confirm(db, trail, person, old, origin)
    passwords.check(new, person.name)
    trail.note(Who(person.name, origin), "user password", "changed", reason="")
    users.update(db, person.account, password=passwords.hashed(new))
    users.end_sessions(db, person.account, but=person.session)


def confirm(db: Database, trail: Trail, person: Person, password: str, origin: str) -> None:
    """See that who is signed in knows the password; raises :class:`Declined`. Failures count as at the door."""
    row = users.find_account(db, id=person.account)
    of = {"account": person.name, "address": _network(origin)}
    turn = users.attempt(db, of)
    if turn.wait:
        raise Declined("too many attempts: try again in %(seconds)d seconds", seconds=turn.wait.total_seconds() + 1)
    if row is None or not passwords.verify(row.password, password):
        trail.note(Who(person.name, origin), "user password", "refused", reason="the password is not right")
        _warn(turn)
        raise Declined("the password is not right")
    users.succeeded(db, of)


def account_of(db: Database, person: Person) -> OwnAccount:
    """Return what a person is shown of the own account. Raises :class:`Declined` when it was removed just now."""
    row = users.find_account(db, id=person.account)
    if row is None:
        raise Declined("there is no such account")
    codes = len(row.recovery.split())
    return OwnAccount(
        *(row.name, row.role, row.site, row.programme),
        has_password=bool(row.password),
        second_factor=bool(row.totp),
        recovery_codes=codes,
        linked=row.subject is not None,
    )


def choose_language(db: Database, person: Person, language: str) -> None:
    """Remember the language that a person reads, for other browsers."""
    users.update(db, person.account, language=language)


def _warn(turn: Turn) -> None:
    """Tell the log each time that failures in a row make somebody wait; the record has all of them."""
    if turn.is_last:
        log.warning("signing in failed so often that it is slowed down; 'hub audit list --act login' says whose")


def _network(origin: str) -> str:
    """Where somebody comes from: who has one address of IPv6 has 2**64."""
    try:
        address = ipaddress.ip_address(origin)
    except ValueError:
        return origin
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else origin
