"""``fidac-node hub receipt``: whether a receipt that somebody shows is this hub's."""

from __future__ import annotations

from pathlib import Path

import click

from fidac_node.cli import config_option
from fidac_node.cli.words import counted
from fidac_node.config.config import load_hub
from fidac_node.errors import ConfigError
from fidac_node.system.logs import printable


@click.command(name="receipt")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option("hub")
def command(config: Path, file: Path) -> None:
    """Check that this hub signed the receipt in FILE, as /upload/receipts gives it; print what it states."""
    from fidac_node.operations.uploads import check_receipt

    try:
        said = check_receipt(load_hub(config), file.read_bytes())
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    click.echo(printable(f"receipt {said['receipt']} of this hub, unaltered"))
    what = f"{counted(said['committed'], 'object')} of {said['site']}, {said['programme']}"
    click.echo(printable(f"{said['at']}Z  {what}, by {said['by']}"))
    for one in said["studies"]:
        number, labels = counted(one["objects"], "object"), ", ".join(one["labels"])
        click.echo(printable(f"  {one['pseudonym']}  {one['study']}  {number}, {labels}"))
