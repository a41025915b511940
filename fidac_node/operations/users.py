"""The accounts of people: made, listed, changed, ended; each act is in the record of acts.

``note`` writes an act down, as :meth:`~fidac_node.operations.uses.UseLog.write` does: a command's or a page's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from fidac_node.hub.index.users import (
    ROLES,
    AccountRow,
    Role,
    add_account,
    change_account,
    close_account,
    invite,
    link_account,
    list_accounts,
    named,
    remove_account,
    site_ids,
    succeeded,
    update,
)
from fidac_node.system import passwords
from fidac_node.system.database import exclusive

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig

__all__ = [
    "ROLES",
    "AccountRow",
    "Role",
    "add",
    "address",
    "change",
    "link",
    "list_accounts",
    "remove",
    "reset",
    "site_ids",
]

Note: TypeAlias = Callable[[str, str, str], None]

INVITATION_DAYS: Final = 7
_EVERYWHERE: Final = ("0.0.0.0", "::")


def add(
    db: Database, note: Note, name: str, role: str, *, site: str = "", programme: str = "", password: str | None = None
) -> str:
    """Make an account, with a password or else with an invitation, which is returned: nobody can be told it again.

    Raises :class:`ConfigError`; then there is no account.
    """
    hash_ = "" if password is None else _hash(password, name)
    with exclusive(db):
        add_account(db, name, role, site, programme)
        note("hub user add", name, _said(role, site, programme))
        if password is None:
            return invite(db, name, INVITATION_DAYS)
        update(db, named(db, name).id, password=hash_)
    return ""


def change(db: Database, note: Note, name: str, role: str, *, site: str = "", programme: str = "") -> None:
    """Give an account a role, a site and a programme; it is signed out everywhere.

    Raises :class:`ConfigError` and :class:`~fidac_node.errors.NotFound`.
    """
    with exclusive(db):
        change_account(db, name, role, site, programme)
        note("hub user role", name, _said(role, site, programme))


def reset(db: Database, note: Note, name: str, *, password: str | None = None) -> str:
    """Take password and second factor from an account, end its sessions, and forget its failures.

    It gets a password, or an invitation, which is returned. Raises :class:`ConfigError` and
    :class:`~fidac_node.errors.NotFound`.
    """
    hash_ = "" if password is None else _hash(password, name)
    with exclusive(db):
        close_account(db, name)
        note("hub user reset", name, "")
        succeeded(db, {"account": name})
        if password is None:
            return invite(db, name, INVITATION_DAYS)
        update(db, named(db, name).id, password=hash_)
    return ""


def remove(db: Database, note: Note, name: str) -> None:
    """End an account. Raises :class:`ConfigError` for the last administrator, :class:`~fidac_node.errors.NotFound`."""
    with exclusive(db):
        remove_account(db, name)
        note("hub user remove", name, "")


def link(db: Database, note: Note, name: str, issuer: str, subject: str) -> None:
    """Link an account to a subject of the identity provider ``issuer``, or to none. Raises as :func:`change`."""
    with exclusive(db):
        link_account(db, name, issuer, subject)
        note("hub user link", name, "linked" if subject else "no longer linked")


def address(config: HubConfig) -> str:
    """Return how browsers reach this hub, without a slash at the end."""
    web = config.web
    if web.url:
        return web.url.rstrip("/")
    host = socket.gethostname() if web.host in _EVERYWHERE else web.host
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if web.tls_certificate else 'http'}://{host}:{web.port}"


def _hash(password: str, name: str) -> str:
    passwords.check(password, name)
    return passwords.hashed(password)


def _said(role: str, site: str, programme: str) -> str:
    more = f", site {site}" if site else ""
    return f"role {role}{more}" + (f", programme {programme}" if programme else "")
