"""The people who sign in with a browser: accounts, sessions, invitations, and how often signing in failed.

What a browser or a link holds is 256 random bits; the index keeps its SHA-256. Times are UTC.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from peewee import Database, fn

from fidac_node.errors import Declined, NotFound
from fidac_node.hub.index.clients import RIGHTS
from fidac_node.hub.index.models import Account, Attempt, Invitation, Session, Site
from fidac_node.system.database import exclusive, utc_now

Role: TypeAlias = Literal["contributor", "administrator", "researcher", "auditor"]

ROLES: Final[tuple[Role, ...]] = ("contributor", "administrator", "researcher", "auditor")
# Who stores, and who sees one site alone if the account names one.
_STORES: Final = ("contributor", "administrator")
_OF_A_SITE: Final = ("contributor", "researcher")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_PROGRAMME_LENGTH: Final = 64  # a Long String (PS3.5 6.2), as ClinicalTrialProtocolID is
_SUBJECT_LENGTH: Final = 255  # OpenID Connect Core 1.0, 2
_BYTES: Final = 32
# A session is noted as used at most so often.
_TOUCH: Final = datetime.timedelta(minutes=1)


class Person(NamedTuple):
    """Whoever is signed in, as :class:`~fidac_node.hub.index.tokens.Bearer` is a program.

    ``site`` is where it may store (empty: nowhere), ``own_site`` and ``programme`` all that it sees (empty: all).
    """

    name: str
    role: str
    rights: tuple[str, ...]
    site: str
    own_site: str
    programme: str
    language: str
    account: int
    session: str


class AccountRow(NamedTuple):
    """An account as it is listed; ``state`` is invited, active or closed (nobody can sign in until it is reset).

    ``active_at`` is when the person, who is signed in still, last did something.
    """

    name: str
    role: str
    site: str
    programme: str
    state: str
    second_factor: bool
    linked: bool
    created_at: datetime.datetime
    active_at: datetime.datetime | None


class Lifetime(NamedTuple):
    """How long a session lasts: unused, and at all."""

    idle: datetime.timedelta
    most: datetime.timedelta


# --- accounts


def add_account(db: Database, name: str, role: str, site: str, programme: str) -> None:
    """Make an account that nobody can sign in to yet. Raises :class:`Declined`."""
    if not _NAME.fullmatch(name):
        raise Declined(
            "%(name)r cannot name a person: 1 to 64 letters, digits or ._@+-, a letter or digit first", name=name
        )
    with exclusive(db):
        _check(db, role, site, programme)
        if _find(db, name) is not None:
            raise Declined("there is an account %(name)s already", name=name)
        Account.insert(name=name, role=role, site=site, programme=programme, created_at=utc_now()).execute(db)


def list_accounts(db: Database) -> list[AccountRow]:
    """Return all accounts, by name."""
    seen = dict(Session.select(Session.account, fn.MAX(Session.seen_at)).group_by(Session.account).tuples().execute(db))
    invited = {id_ for (id_,) in Invitation.select(Invitation.account).where(_is_open()).tuples().execute(db)}
    return [
        AccountRow(
            row.name,
            row.role,
            row.site,
            row.programme,
            "active" if row.password or row.subject else "invited" if row.id in invited else "closed",
            bool(row.totp),
            row.subject is not None,
            row.created_at,
            seen.get(row.id),
        )
        for row in Account.select().order_by(fn.LOWER(Account.name)).execute(db)
    ]


def change_account(db: Database, name: str, role: str, site: str, programme: str) -> None:
    """Give an account another role; it is signed out everywhere. Raises :class:`Declined`, :class:`NotFound`."""
    with exclusive(db):
        row = named(db, name)
        _check(db, role, site, programme)
        if row.role == "administrator" and role != "administrator":
            _keep_one_administrator(db, row)
        update(db, row.id, role=role, site=site, programme=programme)
        end_sessions(db, row.id)


def remove_account(db: Database, name: str) -> None:
    """End an account and its sessions. Raises :class:`Declined` for the last administrator, :class:`NotFound`."""
    with exclusive(db):
        row = named(db, name)
        if row.role == "administrator":
            _keep_one_administrator(db, row)
        end_sessions(db, row.id)
        Invitation.delete().where(Invitation.account == row.id).execute(db)
        Account.delete().where(Account.id == row.id).execute(db)


def close_account(db: Database, name: str) -> None:
    """Take password, second factor and sessions from an account. Raises :class:`NotFound`."""
    with exclusive(db):
        row = named(db, name)
        update(db, row.id, password="", totp="", totp_step=0, recovery="")
        end_sessions(db, row.id)


def named(db: Database, name: str) -> Account:
    """Return the account of this name, in any case. Raises :class:`NotFound`."""
    row = _find(db, name)
    if row is None:
        raise NotFound(f"no account {name!r}; 'fidac-node hub user list' shows them")
    return row


def find_account(db: Database, **of: Any) -> Account | None:
    """Return the account that has these values, such as ``id`` or ``subject``; names in any case."""
    if "name" in of:
        return _find(db, of["name"])
    found = Account.select()
    for column, value in of.items():
        found = found.where(getattr(Account, column) == value)
    return next(iter(found.execute(db)), None)


def update(db: Database, account: int, **columns: Any) -> None:
    """Change columns of an account."""
    Account.update(**columns).where(Account.id == account).execute(db)


def linked_as(issuer: str, subject: str) -> str:
    """Return what an account keeps of who a person is to an identity provider: a subject is one of its issuer's."""
    return f"{issuer} {subject}"


def link_account(db: Database, name: str, issuer: str, subject: str) -> None:
    """Let who is ``subject`` to the identity provider ``issuer`` sign in to an account; empty: nobody any more.

    Raises :class:`Declined` when that is another account's, :class:`NotFound`.
    """
    if subject and not issuer:
        raise Declined("there is no identity provider: [oidc] issuer is empty")
    if len(subject) > _SUBJECT_LENGTH or not subject.isprintable():
        raise Declined("a subject has 1 to %(most)d characters", most=_SUBJECT_LENGTH)
    linked = linked_as(issuer, subject) if subject else None
    with exclusive(db):
        row = named(db, name)
        other = find_account(db, subject=linked) if linked else None
        if other is not None and other.id != row.id:
            raise Declined("that subject is linked to the account %(name)s", name=other.name)
        update(db, row.id, subject=linked)
        end_sessions(db, row.id)


def site_ids(db: Database) -> list[str]:
    """Return the sites that there are."""
    return [id_ for (id_,) in Site.select(Site.id).order_by(Site.id).tuples().execute(db)]


def _find(db: Database, name: str) -> Account | None:
    if not _NAME.fullmatch(name):
        return None
    found = Account.select().where(fn.LOWER(Account.name) == name.lower()).execute(db)
    return next(iter(found), None)


def _check(db: Database, role: str, site: str, programme: str) -> None:
    if role not in ROLES:
        raise Declined("%(role)r is no role: %(roles)s", role=role, roles=", ".join(ROLES))
    if role == "contributor" and not site:
        raise Declined("a contributor uploads for one site, and sees that alone: name it (--site ID)")
    if len(programme) > _PROGRAMME_LENGTH or not programme.isprintable():
        raise Declined("a programme has at most %(most)d characters", most=_PROGRAMME_LENGTH)
    if site and site not in site_ids(db):
        raise Declined("no site %(site)r; 'fidac-node hub site list' shows them", site=site)


def _keep_one_administrator(db: Database, row: Account) -> None:
    others = Account.select().where((Account.role == "administrator") & (Account.id != row.id))
    if not others.exists(db):
        raise Declined("%(name)s is the last administrator: make another one first", name=row.name)


# --- sessions


def begin_session(db: Database, account: int) -> str:
    """Return what the cookie of a new session holds."""
    token, now = secrets.token_urlsafe(_BYTES), utc_now()
    Session.insert(digest=_digest(token), account=account, began_at=now, seen_at=now).execute(db)
    return token


def person_of(db: Database, token: str, lifetime: Lifetime) -> Person | None:
    """Return who is signed in with ``token``; ``None`` when nobody is, any more."""
    digest, now = _digest(token), utc_now()
    query = Session.select(Session, Account).join(Account).where(Session.digest == digest)
    session = next(iter(query.execute(db)), None)
    if session is None:
        return None
    if now - session.seen_at > lifetime.idle or now - session.began_at > lifetime.most:
        Session.delete().where(Session.digest == digest).execute(db)
        return None
    if now - session.seen_at > _TOUCH:
        Session.update(seen_at=now).where(Session.digest == digest).execute(db)
    return _person(session.account, digest)


def end_session(db: Database, digest: str) -> None:
    """Sign out where this session is."""
    Session.delete().where(Session.digest == digest).execute(db)


def end_sessions(db: Database, account: int, *, but: str = "") -> None:
    """Sign out everywhere, or everywhere but in the session ``but`` (its digest)."""
    Session.delete().where((Session.account == account) & (Session.digest != but)).execute(db)


def _person(row: Account, digest: str) -> Person:
    # A contributor without a site sees nothing, instead of everything.
    may = row.role != "auditor" and (row.role != "contributor" or bool(row.site))
    return Person(
        name=row.name,
        role=row.role,
        rights=RIGHTS if may else (),
        site=row.site if row.role in _STORES else "",
        own_site=row.site if row.role in _OF_A_SITE else "",
        programme=row.programme,
        language=row.language,
        account=row.id,
        session=digest,
    )


# --- invitations


def invite(db: Database, name: str, days: float) -> str:
    """Return what a link holds with which the password of an account is chosen, once. Raises :class:`NotFound`.

    An older link of the account opens nothing more.
    """
    token = secrets.token_urlsafe(_BYTES)
    with exclusive(db):
        row = named(db, name)
        Invitation.delete().where((Invitation.account == row.id) | ~_is_open()).execute(db)
        expires = utc_now() + datetime.timedelta(days=days)
        Invitation.insert(digest=_digest(token), account=row.id, expires_at=expires).execute(db)
    return token


def invited(db: Database, token: str) -> Account | None:
    """Return whose password may be chosen with ``token``."""
    query = Invitation.select(Invitation, Account).join(Account).where(Invitation.digest == _digest(token), _is_open())
    found = next(iter(query.execute(db)), None)
    return None if found is None else found.account


def accept(db: Database, token: str, password: str) -> Account | None:
    """Give the account of an invitation its ``password``, a hash; ``None`` when it is used, expired or unknown."""
    with exclusive(db):
        row = invited(db, token)
        if row is not None:
            Invitation.delete().where(Invitation.account == row.id).execute(db)
            update(db, row.id, password=password)
            end_sessions(db, row.id)
    return row


def _is_open() -> Any:
    return Invitation.expires_at > utc_now()


# --- attempts


class Patience(NamedTuple):
    """How often one may fail in a row; each failure beyond that doubles the wait. One is forgiven every so often."""

    free: int
    forgiven: datetime.timedelta

    def left(self, failures: int, since: datetime.timedelta) -> int:
        """Return how many of so many failures are not forgiven yet."""
        return max(0, failures - since // self.forgiven)

    def wait(self, failures: int) -> datetime.timedelta:
        """Return how long nobody is heard after so many failures."""
        beyond = failures - self.free
        return datetime.timedelta(0) if beyond < 0 else min(_LONGEST_WAIT, _FIRST_WAIT * (1 << min(beyond, 20)))


class Turn(NamedTuple):
    """How long to wait for one's turn to sign in, and whether failing now makes the next one wait."""

    wait: datetime.timedelta
    is_last: bool


_FIRST_WAIT: Final = datetime.timedelta(seconds=2)
_LONGEST_WAIT: Final = datetime.timedelta(minutes=15)
_MEMORY: Final = datetime.timedelta(days=1)
# Behind one address may be a whole hospital.
PATIENCE: Final[Mapping[str, Patience]] = {
    "account": Patience(5, datetime.timedelta(hours=1)),
    "address": Patience(30, datetime.timedelta(minutes=2)),
}


def attempt(db: Database, of: Mapping[str, str]) -> Turn:
    """Count an attempt to sign in as failed, until :func:`succeeded`; ``of`` is the name of each kind of ``PATIENCE``.

    Whoever has to wait first is not counted.
    """
    now, none = utc_now(), datetime.timedelta(0)
    with exclusive(db):
        Attempt.delete().where(Attempt.at < now - _MEMORY).execute(db)
        rows = {row.kind: row for row in Attempt.select().where(_attempts(of)).execute(db)}
        left = {kind: PATIENCE[kind].left(row.failures, now - row.at) for kind, row in rows.items()}
        wait = max((row.at + PATIENCE[kind].wait(row.failures) - now for kind, row in rows.items()), default=none)
        if wait <= none:
            for kind, name in of.items():
                changed = {"failures": left.get(kind, 0) + 1, "at": now}
                row = Attempt.insert(kind=kind, name=_digest(name.lower()), **changed)
                row.on_conflict(conflict_target=[Attempt.kind, Attempt.name], update=changed).execute(db)
    is_last = any(PATIENCE[kind].wait(left.get(kind, 0) + 1) for kind in of)
    return Turn(max(wait, none), is_last)


def succeeded(db: Database, of: Mapping[str, str]) -> None:
    """Forget the failures of an account, which signed in; of its address this attempt alone: others try on there."""
    with exclusive(db):
        Attempt.update(failures=Attempt.failures - 1).where(_attempts(of), Attempt.failures > 0).execute(db)
        Attempt.delete().where(_attempts({"account": of["account"]})).execute(db)


def _attempts(of: Mapping[str, str]) -> Any:
    return reduce(or_, ((Attempt.kind == kind) & (Attempt.name == _digest(name.lower())) for kind, name in of.items()))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
