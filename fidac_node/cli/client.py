"""``fidac-node hub client``: who may ask the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click

from fidac_node.cli import WholeGroup, config_option
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fidac_node.operations.clients import Right

_COLUMNS: Final = ("ae_title", "networks", "rights", "programme", "added_at")


@click.group(name="client", cls=WholeGroup)
def command() -> None:
    """The clients that may ask: add, list, remove."""


@command.command(name="add")
@click.argument("ae_title", metavar="AET")
@click.option("--network", "networks", multiple=True, help="Where it may come from, such as 10.20.0.0/16; else: all.")
@click.option("--may", default="find,retrieve", show_default=True, help="What it may do, separated by commas.")
@click.option("--programme", default="", help="The only programme (ClinicalTrialProtocolID) that it sees; else: all.")
@config_option("hub")
def add(config: Path, ae_title: str, networks: tuple[str, ...], may: str, programme: str) -> None:
    """Let the application entity AET ask; a second time replaces what was said the first time."""
    from fidac_node.operations.clients import add_client

    rights = cast("Sequence[Right]", [right.strip() for right in may.split(",")])
    with opened_index(config) as (settings, db):
        added = add_client(settings, db, ae_title, networks, rights, programme)
    click.echo(f"{ae_title} may {' and '.join(rights)}" + ("" if added else " (it was registered already)"))


@command.command(name="list")
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(config: Path, as_json: bool) -> None:
    """List who may ask, from where, and for what."""
    from fidac_node.operations.clients import list_clients

    with opened_index(config) as (_, db):
        write_rows(list_clients(db), _COLUMNS, "json" if as_json else "table")


@command.command(name="remove")
@click.argument("ae_title", metavar="AET")
@config_option("hub")
def remove(config: Path, ae_title: str) -> None:
    """Let the application entity AET ask no more."""
    from fidac_node.operations.clients import remove_client

    with opened_index(config) as (settings, db):
        remove_client(settings, db, ae_title)
    click.echo(f"{ae_title} may ask no more")
