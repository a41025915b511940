"""The bearer tokens that programs show to the hub's web server (RFC 6750): made, looked up, revoked.

A token is 256 random bits and shown once; the index keeps its SHA-256, which is enough for what cannot be guessed.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

from peewee import Database

from fidac_node.errors import ConfigError
from fidac_node.hub.index.models import Site, Token
from fidac_node.system.database import exclusive, utc_now

READ_INDEX: Final = "read:index"
READ_IMAGES: Final = "read:images"
STORE: Final = "store:"
# The right that each scope is (``clients.RIGHTS``).
RIGHT_OF: Final = {READ_INDEX: "find", READ_IMAGES: "retrieve"}
_BYTES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Bearer(NamedTuple):
    """Whoever shows a valid token.

    It has its name, what it may do as a client may (``find``, ``retrieve``), the site for which it may store (empty:
    none), and the only programme that it sees (empty: all).
    """

    name: str
    rights: tuple[str, ...]
    site: str
    programme: str

    @property
    def own_site(self) -> str:
        """A program that may store for a site sees what its scopes open, of all sites."""
        return ""

    @property
    def role(self) -> str:
        """A program has none."""
        return ""


class TokenRow(NamedTuple):
    """A token as it is listed; ``state`` is valid, expired or revoked, times are UTC."""

    name: str
    scopes: str
    programme: str
    state: str
    created_at: datetime.datetime
    expires_at: datetime.datetime
    revoked_at: datetime.datetime | None


def add_token(db: Database, name: str, scopes: Sequence[str], programme: str, days: int) -> str:
    """Make a token that is valid for so many days, and return it: nobody can be told it again.

    Raises :class:`ConfigError` for a name that cannot be one or has a valid token, and for a scope that is none.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot name a token: 1 to 64 letters, digits or ._@-, a letter or digit first")
    token, now = secrets.token_urlsafe(_BYTES), utc_now()
    with exclusive(db):
        _check_scopes(db, scopes)
        if any(row.name == name and row.state == "valid" for row in list_tokens(db)):
            raise ConfigError(f"there is a valid token {name}: 'hub token revoke {name}' ends it, or take another name")
        Token.insert(
            digest=_digest(token),
            name=name,
            scopes=" ".join(dict.fromkeys(scopes)),
            programme=programme,
            created_at=now,
            expires_at=now + datetime.timedelta(days=days),
        ).execute(db)
    return token


def list_tokens(db: Database) -> list[TokenRow]:
    """Return all tokens, also those that are valid no more, in the order of their names and making."""
    now = utc_now()
    query = Token.select().order_by(Token.name, Token.created_at)
    return [
        TokenRow(
            token.name,
            token.scopes,
            token.programme,
            _state(token, now),
            token.created_at,
            token.expires_at,
            token.revoked_at,
        )
        for token in query.execute(db)
    ]


def revoke_token(db: Database, name: str) -> bool:
    """End the valid token of this name, from now on; ``False``: there is none."""
    now = utc_now()
    ended = Token.update(revoked_at=now).where(
        (Token.name == name) & Token.revoked_at.is_null() & (Token.expires_at > now)
    )
    return bool(ended.execute(db))


def bearer_of(db: Database, token: str) -> Bearer | None:
    """Return who shows ``token``; ``None`` when it is unknown, expired or revoked."""
    found = Token.select().where(Token.digest == _digest(token)).execute(db)
    for row in found:
        if _state(row, utc_now()) == "valid":
            scopes = row.scopes.split(" ")
            site = next((scope.removeprefix(STORE) for scope in scopes if scope.startswith(STORE)), "")
            rights = tuple(right for scope, right in RIGHT_OF.items() if scope in scopes)
            return Bearer(row.name, rights, site, row.programme)
    return None


def _state(token: Token, now: datetime.datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "valid" if now < token.expires_at else "expired"


def _check_scopes(db: Database, scopes: Sequence[str]) -> None:
    if not scopes:
        raise ConfigError(f"a token without a scope opens nothing: --scope {READ_INDEX}, {READ_IMAGES} or {STORE}SITE")
    if len({scope for scope in scopes if scope.startswith(STORE)}) > 1:
        raise ConfigError("a token stores for one site: make one for each")
    for scope in scopes:
        if scope.startswith(STORE):
            site = scope.removeprefix(STORE)
            if not Site.select().where(Site.id == site).exists(db):
                raise ConfigError(f"scope {scope!r}: no such site; 'hub site list' shows them")
        elif scope not in RIGHT_OF:
            raise ConfigError(f"{scope!r} is not a scope: {READ_INDEX}, {READ_IMAGES} or {STORE}SITE")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
