"""``fidac-node site purge``: copies that the hub answers for, deleted before their time."""

from __future__ import annotations

from pathlib import Path

import click

from fidac_node.cli import config_option
from fidac_node.cli.words import counted, when


@click.command()
@config_option("site")
@click.option("--older-than", type=float, metavar="HOURS", help="Those that the hub has answered for so long.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
def command(config: Path, older_than: float | None, everything: bool) -> None:
    """Delete copies that the hub answers for; without an option, say how many there are.

    They are kept for [spool] retention_hours, or until the disk touches its reserve: then the oldest go by themselves.
    """
    from fidac_node.config.config import load_site
    from fidac_node.operations import purging

    if everything and older_than is not None:
        raise click.UsageError("--all and --older-than exclude each other")
    settings = load_site(config)
    if not everything and older_than is None:
        kept = purging.kept(settings)
        since = f", the oldest since {when(kept.oldest)}" if kept.oldest is not None else ""
        click.echo(f"{counted(kept.objects, 'copy')} that the hub answers for, {kept.bytes >> 20} MiB{since}")
        click.echo("nothing was deleted: --all or --older-than HOURS deletes them", err=True)
        return
    gone = purging.purge(settings, older_than or 0.0)
    click.echo(f"{counted(gone.objects, 'copy')} deleted, {gone.bytes >> 20} MiB; the hub has these objects")
