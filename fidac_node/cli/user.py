"""``fidac-node hub user``: the people who sign in with a browser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from fidac_node.cli import WholeGroup, config_option
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import write_rows

if TYPE_CHECKING:
    from fidac_node.config.config import HubConfig

_COLUMNS: Final = (
    *("name", "role", "site", "programme", "state", "second_factor", "linked", "created_at", "active_at"),
)
_ROLES: Final = ("contributor", "administrator", "researcher", "auditor")

F = TypeVar("F", bound=Callable[..., Any])


@click.group(name="user", cls=WholeGroup)
def command() -> None:
    """The people who sign in with a browser: add, list, role, reset, link, remove."""


def _what_it_may(function: F) -> F:
    """Give a command --role, --site and --programme."""
    for option in (
        click.option("--programme", default="", help="Only what is of this research programme; without: of all."),
        click.option("--site", default="", metavar="ID", help="The site that a contributor uploads for and sees."),
        click.option("--role", required=True, type=click.Choice(_ROLES), help="What the person may do."),
    ):
        function = option(function)
    return function


_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; without: print an invitation."
)


@command.command()
@click.argument("name")
@_what_it_may
@_password_option
@config_option("hub")
def add(config: Path, name: str, role: str, site: str, programme: str, password_stdin: bool) -> None:
    """Make an account for the person NAME, and print the link with which the password is chosen, once."""
    from fidac_node.operations import users
    from fidac_node.operations.uses import hub_uses

    with opened_index(config) as (settings, db):
        invitation = users.add(
            *(db, hub_uses(settings).write, name, role),
            site=site,
            programme=programme,
            password=_password() if password_stdin else None,
        )
        _tell(settings, name, invitation, f"{name} is {role}")


@command.command(name="list")
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def user_list(config: Path, as_json: bool) -> None:
    """List the accounts, what each may do, and when who is signed in was active."""
    from fidac_node.operations.users import list_accounts

    with opened_index(config) as (_, db):
        write_rows(list_accounts(db), _COLUMNS, "json" if as_json else "table")


@command.command()
@click.argument("name")
@_what_it_may
@config_option("hub")
def role(config: Path, name: str, role: str, site: str, programme: str) -> None:
    """Change what the person NAME may do, who is signed out everywhere."""
    from fidac_node.operations import users
    from fidac_node.operations.uses import hub_uses

    with opened_index(config) as (settings, db):
        users.change(db, hub_uses(settings).write, name, role, site=site, programme=programme)
    click.echo(f"{name} is {role} now, and has to sign in again")


@command.command()
@click.argument("name")
@_password_option
@config_option("hub")
def reset(config: Path, name: str, password_stdin: bool) -> None:
    """Take password and second factor from the person NAME, end its sessions, and print an invitation."""
    from fidac_node.operations import users
    from fidac_node.operations.uses import hub_uses

    with opened_index(config) as (settings, db):
        password = _password() if password_stdin else None
        invitation = users.reset(db, hub_uses(settings).write, name, password=password)
        _tell(settings, name, invitation, f"{name} is signed out everywhere, and has a new password")


@command.command()
@click.argument("name")
@click.argument("subject", required=False)
@config_option("hub")
def link(config: Path, name: str, subject: str | None) -> None:
    """Let who is SUBJECT to the identity provider sign in as NAME; without SUBJECT nobody any more."""
    from fidac_node.operations import users
    from fidac_node.operations.uses import hub_uses

    with opened_index(config) as (settings, db):
        users.link(db, hub_uses(settings).write, name, settings.oidc.issuer, subject or "")
    click.echo(f"{name} is linked" if subject else f"{name} is no longer linked")


@command.command()
@click.argument("name")
@config_option("hub")
def remove(config: Path, name: str) -> None:
    """End the account of the person NAME; what it did stays in the record of acts."""
    from fidac_node.operations import users
    from fidac_node.operations.uses import hub_uses

    with opened_index(config) as (settings, db):
        users.remove(db, hub_uses(settings).write, name)
    click.echo(f"{name} is removed")


def _password() -> str:
    """The first line of standard input."""
    return sys.stdin.readline().rstrip("\r\n")


def _tell(settings: HubConfig, name: str, invitation: str, done: str) -> None:
    """Print the link of an invitation alone on standard output, or that it is done."""
    from fidac_node.operations.users import INVITATION_DAYS, address

    if not invitation:
        click.echo(done)
        return
    click.echo(f"{address(settings)}/invitation/{invitation}")
    click.echo(f"Give this link to {name} alone: it opens once, within {INVITATION_DAYS} days.", err=True)
    if not settings.web.port:
        click.echo("Nobody answers there yet: the portal is off, set [web] port and start the hub again.", err=True)
