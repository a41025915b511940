"""``fidac-node profile``: what de-identification does, and whether a recipe is understood."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fidac_node.cli import FAILED, fail
from fidac_node.errors import ConfigError

_COLUMNS = ("tag", "attribute", "vr", "action", "meaning", "clause")

_directory = click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder of your own recipes, looked in first.",
)


@click.group(name="profile")
def command() -> None:
    """De-identification recipes: list, show, check, explain."""


@command.command(name="list")
@_directory
def list_(directory: Path | None) -> None:
    """List the profiles: name, digest, what it follows."""
    from fidac_node.cli.rows import write_rows
    from fidac_node.deidentify.plan import load_plan, profiles_directory

    places = [place for place in (directory, profiles_directory()) if place is not None]
    names = sorted({file.stem for place in places for file in place.glob("*.deid")})
    rows = []
    for name in names:
        try:
            digest = load_plan(name, directory, cache=_cache()).digest[:8]
        except ConfigError:
            digest = "broken"
        rows.append({"name": name, "digest": digest, "title": _title(name, directory)})
    write_rows(rows, ("name", "digest", "title"), "table")


@command.command()
@click.argument("name")
@_directory
def show(name: str, directory: Path | None) -> None:
    """Print the recipe of a profile."""
    from fidac_node.deidentify.plan import recipe_path

    click.echo(recipe_path(name, directory).read_text(encoding="utf-8"), nl=False)


@command.command()
@click.argument("name_or_file")
@_directory
def check(name_or_file: str, directory: Path | None) -> None:
    """Check that every line of a recipe is understood; NAME_OR_FILE is a profile or a path to a .deid file."""
    from fidac_node.deidentify.plan import load_plan

    given = Path(name_or_file)
    if given.is_file() and given.suffix != ".deid":
        raise ConfigError(f"{given}: a recipe's file name ends in .deid")
    try:
        plan = load_plan(name_or_file, directory)
    except ConfigError as error:
        fail(f"the recipe is not understood\n{error}", FAILED)
    click.echo(f"{plan.profile}: {len(plan.tags)} attributes, {len(plan.groups)} groups, {len(plan.vrs)} VRs: every line is understood")
    click.echo(f"digest {plan.digest}")


@command.command()
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@_directory
@click.option("--format", "kind", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True, help="How to print.")
def explain(name: str, words: tuple[str, ...], directory: Path | None, kind: str) -> None:
    """Say attribute by attribute what a profile does and why; WORDs pick attributes by keyword, tag or VR."""
    from fidac_node.cli.rows import write_rows
    from fidac_node.deidentify.explain import explain as explain_plan
    from fidac_node.deidentify.plan import load_plan

    rows = [explanation.row() for explanation in explain_plan(load_plan(name, directory, cache=_cache()))]
    if words:
        wanted = [word.lower() for word in words]
        rows = [
            row
            for row in rows
            if any(word in row["tag"].lower() + row["attribute"].lower() or word == row["vr"].lower() for word in wanted)
        ]
    if not rows:
        fail("no attribute of the profile has such a keyword, tag or VR; the default of its VR holds", FAILED)
    write_rows(rows, _COLUMNS, kind)


def _title(name: str, directory: Path | None) -> str:
    from fidac_node.deidentify.plan import recipe_path

    prefix = f"# {name}: "
    lines = recipe_path(name, directory).read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.removeprefix(prefix) for line in lines if line.startswith(prefix)), "")


def _cache() -> Path:
    """Where compiled plans are kept for who only looks, so that looking is quick (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fidac-node"
