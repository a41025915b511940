"""``fidac-node hub verify``: whether the hub still has what it promised to keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from fidac_node.cli import HELD, config_option
from fidac_node.cli.opening import opened_index
from fidac_node.system.logs import printable


@click.command()
@config_option("hub")
@click.option("--repair", is_flag=True, help="Let the sites concerned ask again, and send what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(config: Path, repair: bool, as_json: bool) -> None:
    """Read the whole archive, and name each file that is not what was filed; the hub may go on.

    What is wrong is sent again by its site, if that still keeps it, when it next asks for it; --repair has it ask.
    """
    from fidac_node.operations.keeping import Looked, ask_again, look_through

    looked, found = Looked(), []
    with opened_index(config) as (settings, db):
        with _progress("reading") as tell:
            for one in look_through(settings, db, looked, tell):
                found.append(one)
                if not as_json:
                    click.echo(printable(f"{one.path}  {one.words}"))
        strays = [one for one in found if one.fault == "no-row"]
        wrong = [one for one in found if one.fault != "no-row"]
        sites = sorted({one.site for one in wrong})
        if repair:
            ask_again(settings, db, sites, f"{len(wrong)} files are not what was filed")
    if as_json:
        shown = [{**vars(one), "path": str(one.path)} for one in found]
        click.echo(
            json.dumps({"files": looked.files, "bytes": looked.bytes, "wrong": shown, "asked_again": sites * repair})
        )
    else:
        click.echo(
            f"{looked.files} files looked at, {len(wrong)} not as filed, {len(strays)} not in the index", err=True
        )
        if wrong:
            asked = f"{', '.join(sites)} will ask again within an hour" if repair else "--repair lets their sites ask"
            kept = "of what a site keeps no longer, have its PACS send the study again"
            click.echo(f"not as filed: {asked}, and send again what they still keep; {kept}", err=True)
        if strays:
            click.echo("not in the index: 'fidac-node hub reindex' takes them in", err=True)
    raise SystemExit(HELD if found else 0)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes on standard error, where somebody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
