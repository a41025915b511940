"""``fidac-node hub patient``: which pseudonyms are one person."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from fidac_node.cli import WholeGroup, config_option
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import write_rows
from fidac_node.system.logs import printable

_COLUMNS: Final = ("site", "person", "pseudonym", "at")


@click.group(name="patient", cls=WholeGroup)
def command() -> None:
    """Which pseudonyms of a site are one person: alias, list."""


@command.command(name="alias")
@click.option(
    "--from",
    "file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What a site states by a file that it signed ('site patient alias').",
)
@config_option("hub")
def alias(config: Path, file: Path) -> None:
    """Know that pseudonyms are one person, as their site states. The objects stay as they are."""
    from fidac_node.operations.same_person import take

    with opened_index(config) as (settings, db):
        site, person, others, reason = take(settings, db, file)
    click.echo(printable(f"signed by site {site}: {reason}"), err=True)
    click.echo(f"{', '.join(others)} of site {site}: one person with {person}")


@command.command(name="list")
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(config: Path, as_json: bool) -> None:
    """List the pseudonyms whose person is known by another one."""
    from fidac_node.operations.same_person import aliases

    with opened_index(config) as (_, db):
        write_rows(aliases(db), _COLUMNS, "json" if as_json else "table")
