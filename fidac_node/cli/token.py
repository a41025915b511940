"""``fidac-node hub token``: what programs show to be answered by HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from fidac_node.cli import WholeGroup, config_option
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import write_rows

_COLUMNS: Final = ("name", "scopes", "programme", "state", "created_at", "expires_at", "revoked_at")
_DAYS: Final = 365


@click.group(name="token", cls=WholeGroup)
def command() -> None:
    """The tokens of programs that ask by HTTP: create, list, revoke."""


@command.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="What it opens: read:index, read:images or store:SITE; may be given several times.",
)
@click.option("--programme", default="", help="Only what is of this research programme; without: of all.")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=_DAYS, show_default=True, help="How long it is valid, in days."
)
@config_option("hub")
def create(config: Path, name: str, scopes: tuple[str, ...], programme: str, days: int) -> None:
    """Make a token for the program NAME and print it, this once: it is kept as a hash."""
    from fidac_node.operations import tokens

    with opened_index(config) as (settings, db):
        token = tokens.create(settings, db, name, scopes, programme=programme, days=days)
    click.echo(token)


@command.command(name="list")
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def token_list(config: Path, as_json: bool) -> None:
    """List the tokens, what they open and until when; never the tokens themselves."""
    from fidac_node.operations.tokens import list_tokens

    with opened_index(config) as (_, db):
        write_rows(list_tokens(db), _COLUMNS, "json" if as_json else "table")


@command.command()
@click.argument("name")
@config_option("hub")
def revoke(config: Path, name: str) -> None:
    """End the token NAME at once."""
    from fidac_node.operations import tokens

    with opened_index(config) as (settings, db):
        tokens.revoke(settings, db, name)
    click.echo(f"token {name} is revoked")
