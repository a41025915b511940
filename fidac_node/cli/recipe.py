"""``fidac-node hub recipe``: the profiles that an object may have gone through."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from fidac_node.cli import WholeGroup, config_option
from fidac_node.cli.rows import write_rows

_COLUMNS: Final = ("profile", "digest", "options")


@click.group(name="recipe", cls=WholeGroup)
def command() -> None:
    """The recipes that this hub knows: what names another is held as unknown-recipe."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option("hub")
def add(file: Path, config: Path) -> None:
    """Know the recipe in FILE, which 'fidac-node profile export' wrote at a site.

    Read it first: what it lets stay, this hub will file.
    """
    from fidac_node.config.config import load_hub
    from fidac_node.operations.recipes import add_recipe

    plan, new = add_recipe(load_hub(config), file)
    click.echo(f"{plan.profile} {plan.digest[:8]} is known" + ("" if new else " (it was before)"))
    if new:
        click.echo("  objects that waited for it:  fidac-node hub held release --code unknown-recipe")


@command.command(name="list")
@config_option("hub")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(config: Path, as_json: bool) -> None:
    """List the recipes that were met or added."""
    from fidac_node.config.config import load_hub
    from fidac_node.operations.recipes import known_recipes

    rows = [
        {
            "profile": plan.profile,
            "digest": plan.digest if as_json else plan.digest[:8],
            "options": " ".join(plan.options),
        }
        for plan in known_recipes(load_hub(config))
    ]
    write_rows(rows, _COLUMNS, "json" if as_json else "table")
