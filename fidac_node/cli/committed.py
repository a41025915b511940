"""``fidac-node site committed``: what the hub has committed to."""

from __future__ import annotations

from pathlib import Path

import click

from fidac_node.cli import config_option
from fidac_node.cli.words import counted


@click.command()
@config_option("site")
@click.option("--list", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write it there; else: printed.")
def command(config: Path, file: Path | None) -> None:
    """List what the hub has committed to, for 'fidac-node hub reconcile SITE --list FILE'; it names no patient."""
    from fidac_node.config.config import load_site
    from fidac_node.operations.committed import committed

    found = committed(load_site(config))
    if file is None:
        click.echo(found.text, nl=False)
    else:
        file.write_text(found.text, "ascii")
    click.echo(f"{counted(found.number, 'object')}, {found.kept} of them still kept here", err=True)
    if found.nameless:
        click.echo(f"{found.nameless} older ones are not listed: what the hub calls them was not kept", err=True)
