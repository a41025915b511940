"""``fidac-node hub held``: what the hub did not file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from fidac_node.cli import FAILED, WholeGroup, config_option, fail
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import write_rows
from fidac_node.cli.words import show_done
from fidac_node.system.logs import printable

_COLUMNS: Final = ("entry", "code", "site", "at", "message")


@click.group(name="held", cls=WholeGroup)
def command() -> None:
    """What the hub did not file, with the reasons: list, show, release, drop."""


def _selection(function: Callable[..., None]) -> Callable[..., None]:
    """Which held objects a command is about."""
    for option in (
        click.argument("entries", nargs=-1, metavar="[OBJECT]..."),
        click.option("--code", "reason", default="", help="All objects held for this reason."),
        click.option("--site", default="", help="All objects of this site."),
        click.option("--all", "everything", is_flag=True, help="All held objects."),
        config_option("hub"),
    ):
        function = option(function)
    return function


@command.command(name="list")
@config_option("hub")
@click.option("--code", default="", help="Only those held for this reason.")
@click.option("--site", default="", help="Only those of this site.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def held_list(config: Path, code: str, site: str, as_json: bool) -> None:
    """List the held objects, the longest waiting first."""
    from fidac_node.operations.index import list_held

    with opened_index(config) as (_, db):
        write_rows(list_held(db, code=code, site=site), _COLUMNS, "json" if as_json else "table")


@command.command(name="show")
@click.argument("entry", metavar="OBJECT")
@config_option("hub")
def held_show(config: Path, entry: str) -> None:
    """Everything known about one held object, and where its file is."""
    from fidac_node.config.config import load_hub
    from fidac_node.operations.held import facts

    found = facts(load_hub(config), entry)
    if found is None:
        fail(f"no held object {entry!r}; 'fidac-node hub held list' shows them", FAILED)
    for key, value in found.items():
        click.echo(printable(f"{key}: {value}"))


@command.command()
@_selection
def release(config: Path, **selection: Any) -> None:
    """Let held objects be verified and filed again, for example after their site was registered."""
    _act("release", config, selection, "put back to be filed")


@command.command()
@_selection
@click.confirmation_option(
    prompt="Delete these objects from the hub? Their site must send them again to bring them back."
)
def drop(config: Path, **selection: Any) -> None:
    """Delete held objects from the hub, for good."""
    _act("drop", config, selection, "dropped")


def _act(name: str, config: Path, chosen: dict[str, Any], done: str) -> None:
    from fidac_node.errors import NotFound
    from fidac_node.operations import held
    from fidac_node.operations.index import list_held
    from fidac_node.operations.nearest import nearest
    from fidac_node.operations.selection import Selection

    selection = Selection(**chosen)
    if not selection:
        raise click.UsageError("say which: OBJECT..., --code, --site or --all")
    with opened_index(config) as (settings, db):
        result = {"release": held.release, "drop": held.drop}[name](settings, db, selection)
        if not result.entries and not result.moved_on:
            known = (
                {row.code for row in list_held(db)} if selection.reason else {str(row.entry) for row in list_held(db)}
            )
            wanted = selection.reason or "".join(selection.entries[:1])
            raise NotFound(
                f"nothing that is held matches {selection}{nearest(wanted, known) if wanted else ''}; "
                "'fidac-node hub held list' shows what is"
            )
    show_done(result, done)
