"""``fidac-node hub web``: what the hub's pages can have besides."""

from __future__ import annotations

from pathlib import Path

import click

from fidac_node.cli import config_option


@click.group(name="web")
def command() -> None:
    """What the hub's pages can have besides: ohif."""


@command.command()
@config_option("hub")
def ohif(config: Path) -> None:
    """Install OHIF, a full viewer, under /ohif: fetched once from npm (50 MB) and compared with its known digest."""
    from fidac_node.config.config import load_hub
    from fidac_node.operations.ohif import folder, install

    settings = load_hub(config)
    version, files = install(settings)
    click.echo(f"OHIF {version}: {files} files in {folder(settings)}; studies have a link to it from now on")
