"""``fidac-node hub``: set up, run and ask the central archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fidac_node.cli import (
    HELD,
    WholeGroup,
    audit,
    client,
    config_option,
    duplicates,
    export,
    find,
    held,
    keeping,
    recipe,
    setup_logging,
    show,
    sites,
    token,
    user,
    web,
    withdraw,
)
from fidac_node.cli.words import (
    counted,
    exit_code,
    one_place,
    show_alive,
    show_disk,
    show_failed_connections,
    show_next,
    system_options,
    when,
)
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.operations.status import HubStatus


_COUNTED: Final = {
    "instances": "instance",
    "series": "series",
    "studies": "study",
    "patients": "patient",
    "sites": "site",
}


@click.group(name="hub", cls=WholeGroup, help="The central archive: set up, register sites, run, ask the index.")
def command() -> None:
    """Group of the hub's commands."""


command.add_command(held.command)
command.add_command(recipe.command)
command.add_command(client.command)
command.add_command(duplicates.sum_pixels)
command.add_command(keeping.verify)
command.add_command(keeping.reconcile)
command.add_command(keeping.backup)
command.add_command(keeping.restore)
command.add_command(withdraw.command, "withdraw")
command.add_command(token.command)
command.add_command(user.command)
command.add_command(audit.command)
command.add_command(find.command)
command.add_command(export.command)
command.add_command(show.command)
command.add_command(sites.command)
command.add_command(web.command)


@command.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), required=False)
@system_options
@click.option(
    "--ae-title", default="FIDACHUB", show_default=True, help="The hub's AE title, as the sites will call it."
)
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")
@click.option("--port", default=11113, show_default=True, type=click.IntRange(1, 65535), help="TCP port to listen on.")
def init(directory: Path | None, *, system: bool, user: str, ae_title: str, host: str, port: int) -> None:
    """Write a commented hub.toml, the data folders and an empty index into DIRECTORY, or for the service (--system)."""
    from fidac_node.operations import service
    from fidac_node.operations.setup import init_hub

    one_place(directory, system=system)
    values: dict[str, dict[str, object]] = {"receive": {"ae_title": ae_title, "host": host, "port": port}}
    config, owner = service.system_hub(values, user) if directory is None else (init_hub(directory, values), None)
    path = config.path
    click.echo(f"wrote {path}\n\nnext:\n  for each site:  fidac-node hub site add ID --ae-title TITLE -c {path}")
    show_next("here:          ", "hub", path, owner)
    click.echo(f"  at the site:    fidac-node site init DIR --site-id ID --hub {ae_title}@THIS-HOST:{port}")


@command.command()
@config_option("hub")
@click.option("--child", hidden=True, help="One stage process; the supervisor starts it.")
@click.option("--after-crash", is_flag=True, hidden=True, expose_value=False)
def run(config: Path, child: str | None) -> None:
    """Run the hub until it is stopped (Ctrl-C or SIGTERM)."""
    from fidac_node.config.config import load_hub

    setup_logging(load_hub(config).log.level)
    from fidac_node.hub import daemon
    from fidac_node.operations.index import answering

    with answering():
        if child:
            daemon.run_child(config, child)
        raise SystemExit(daemon.run(config))


@command.command()
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(config: Path, as_json: bool) -> None:
    """Whether it runs, what it holds, and what waits. Exit codes: 0, 1 hung, 3 stopped or held."""
    from fidac_node.config.config import load_hub
    from fidac_node.operations.status import hub_status

    state = hub_status(load_hub(config))
    if as_json:
        click.echo(json.dumps(state.as_dict(), indent=2))
    else:
        _print_status(state)
    raise SystemExit(exit_code(state.alive, degraded=state.degraded))


@command.command()
@config_option("hub")
def reindex(config: Path) -> None:
    """Make the index anew from the archive; sites stay registered, and the hub may go on receiving.

    A broken index file is set aside and replaced: stop the hub for that.
    """
    from fidac_node.config.config import load_hub
    from fidac_node.operations.index import reindex as rebuild

    result = rebuild(load_hub(config), lambda done: click.echo(f"{done} files read", err=True))
    if result.set_aside:
        click.echo(f"the index was broken: it is set aside as {result.set_aside}; look at the disk, then delete it")
    click.echo(f"{result.indexed} instances indexed, {len(result.skipped)} files not")
    for path, why in result.skipped:
        click.echo(printable(f"  {path}: {why}"), err=True)
    for name in result.unregistered:
        click.echo(
            f"  site {name} has no AE title and may not store: fidac-node hub site add {name} --ae-title TITLE",
            err=True,
        )
    raise SystemExit(HELD if result.skipped or result.unregistered else 0)


def _print_status(state: HubStatus) -> None:
    click.echo(f"hub {state.ae_title}: {state.alive.state}")
    show_alive(state.alive)
    totals = state.totals
    if state.index_error:
        click.echo(f"  NO INDEX: {state.index_error}")
    else:
        click.echo("  " + ", ".join(counted(totals[name], one) for name, one in _COUNTED.items()))
        click.echo(f"  {totals['bytes'] >> 20} MiB archived")
        click.echo(f"  index {state.generation}")
    if state.wrong_files:
        click.echo(f"  NOT AS FILED: {state.wrong_files} files of the archive  ('fidac-node hub verify' names them)")
    if state.queued is not None:
        click.echo(f"  {counted(state.queued, 'object')} to be filed")
    if totals.get("held"):
        held = f"{totals['held']} held, {totals['conflicts']} of them conflicts"
        click.echo(f"  waiting for you: {held}  ('fidac-node hub held list')")
    if any(state.at_several_sites.values()):
        several = ", ".join(f"{number} {name}" for name, number in state.at_several_sites.items() if number)
        click.echo(f"  under more than one site, which no key makes: {several}  ('fidac-node hub find studies')")
    _print_scrub(state)
    show_disk(state.disk)
    waits = "what arrives waits in the spool"
    show_disk(state.archive_disk, "disk of the archive", waits)
    if state.index_disk is not None:
        show_disk(state.index_disk, "disk of the index", waits)
    show_failed_connections(state.failed_connections or 0)


def _print_scrub(state: HubStatus) -> None:
    """Print how far the archive was read through."""
    last, now = state.scrub.last, state.scrub.now
    if last:
        strays = f", {last.strays} files not in the index ('fidac-node hub reindex')" if last.strays else ""
        click.echo(f"  archive read through on {when(last.ended)}: {last.files} files, {last.wrong} wrong{strays}")
    if now and now.total:
        click.echo(f"  archive being read: {min(100, 100 * now.bytes // now.total)} % since {when(now.began)}")
