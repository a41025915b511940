"""``fidac-node profile``: what de-identification does, why, and whether recipes are understood."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fidac_node.cli import FAILED, WholeGroup, fail
from fidac_node.errors import ConfigError, FidacError

if TYPE_CHECKING:
    from fidac_node.deidentify.plan import Plan
    from fidac_node.deidentify.profile.compiler import Composition, Entry
    from fidac_node.deidentify.profile.programmes import Programme
    from fidac_node.deidentify.profile.recipe import Recipe

_COLUMNS = ("tag", "attribute", "vr", "action", "meaning", "clause", "reason", "line")
_WRONG = "the profile is not understood, or not permitted"
_LARGEST = 1 << 32  # bytes that a deflated file may inflate to

_directory = click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder of your own layers and programmes, looked in first.",
)
_format = click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to print.",
)


@click.group(name="profile", cls=WholeGroup)
def command() -> None:
    """De-identification profiles: list, show, check, explain, diff."""


@command.command(name="list")
@_directory
def list_(directory: Path | None) -> None:
    """List the profiles (layers put together under a name), then the layers."""
    from fidac_node.cli.rows import write_rows
    from fidac_node.deidentify.profile import programmes
    from fidac_node.deidentify.profile.load import load_plan

    rows = []
    for name, programme in programmes.programmes(directory).items():
        try:
            digest = load_plan(name, directory, cache=_cache()).digest[:8]
        except ConfigError:
            digest = "broken"
        layers = " ".join(layer.stem for layer in programme.layers)
        rows.append({"profile": name, "digest": digest, "layers": layers, "title": programme.title})
    write_rows(rows, ("profile", "digest", "layers", "title"), "table")
    click.echo()
    layers_found = [_layer_row(name, path) for name, path in programmes.layers(directory).items()]
    write_rows(layers_found, ("layer", "lines", "option", "title"), "table")


def _layer_row(name: str, path: Path) -> dict[str, object]:
    from fidac_node.deidentify.profile.recipe import read

    try:
        one = read(path)
    except ConfigError:
        return {"layer": name, "lines": "broken", "option": "", "title": f"fidac-node profile check {path}"}
    return {"layer": name, "lines": len(one.lines), "option": " ".join(one.options), "title": one.title}


@command.command()
@click.argument("name")
@click.option("--merged", is_flag=True, help="Only the lines that hold, as one recipe.")
@_directory
def show(name: str, merged: bool, directory: Path | None) -> None:
    """Print a profile: its layers, lowest first, each line with its file and number;
    a layer is printed as it is written.
    """  # noqa: D205  # one paragraph of the help
    from fidac_node.deidentify.profile import explain as explaining
    from fidac_node.deidentify.profile.programmes import find

    programme = find(name, directory)
    if merged:
        click.echo(explaining.merged(programme.name, explaining.composition_of(programme)), nl=False)
        return
    for layer in programme.layers:
        text = layer.read_text(encoding="utf-8", errors="replace")
        if len(programme.layers) == 1:
            click.echo(text, nl=False)
            return
        for number, line in enumerate(text.splitlines(), start=1):
            click.echo(f"{layer.name}:{number}: {line}".rstrip())


@command.command()
@click.argument("name", required=False)
@click.option(
    "-c",
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The site.toml whose profile it is.",
)
@_directory
def export(name: str | None, config: Path | None, directory: Path | None) -> None:
    """Print a profile as the recipe that a hub can know ('fidac-node hub recipe add'): one line of JSON."""
    from fidac_node.config.config import load_site
    from fidac_node.deidentify import profiles_directory
    from fidac_node.deidentify.plan import dump
    from fidac_node.deidentify.profile.load import load_plan

    if (name is None) == (config is None):
        raise click.UsageError("name a profile, or the site.toml that has one (--config)")
    if config is None:
        click.echo(dump(load_plan(str(name), directory, cache=_cache())))
        return
    settings = load_site(config).deidentify
    own = settings.profiles_directory or profiles_directory()
    click.echo(dump(load_plan(settings.profile, own, layers=settings.layers, cache=_cache())))


@command.command()
@click.argument("name_or_file")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Each line that a later layer hides, each attribute that an option lets through.",
)
@_directory
def check(name_or_file: str, everything: bool, directory: Path | None) -> None:
    """Check that every line is understood and permitted;
    NAME_OR_FILE is a profile, a layer or a path to a .deid file.
    """  # noqa: D205  # one paragraph of the help
    from fidac_node.deidentify.profile import recipe
    from fidac_node.deidentify.profile.compiler import check_layer, compose
    from fidac_node.deidentify.profile.load import load_plan
    from fidac_node.deidentify.profile.programmes import find

    given = Path(name_or_file)
    if given.is_file() and given.suffix != ".deid":
        raise ConfigError(f"{given}: a recipe's file name ends in .deid")
    programme = find(name_or_file, directory)
    recipes, problems = _read_all(programme.layers)
    if not problems and programme.origin is None and not check_layer(recipes[0]).messages() and not recipes[0].is_base:
        recipe.compare_with_deid(recipes[0])
        click.echo(f"{programme.name}: a layer of {len(recipes[0].lines)} lines: every line is understood")
        click.echo("What it does depends on the layers below: put it into a programme, and check that.")
        return
    if problems:
        fail("\n".join([_WRONG, *problems, *(line for one in recipes for line in check_layer(one).messages())]), FAILED)
    composition = compose(recipes)
    if composition.problems.messages():
        fail("\n".join([_WRONG, *composition.problems.messages()]), FAILED)
    try:
        plan = load_plan(name_or_file, directory)
    except ConfigError as error:
        fail(f"{_WRONG}\n{error}", FAILED)
    _tell(programme, composition, plan, everything)


def _read_all(layers: tuple[Path, ...]) -> tuple[list[Recipe], list[str]]:
    """The layers that can be read, and what is wrong with the others."""
    from fidac_node.deidentify.profile.recipe import read

    recipes, problems = [], []
    for layer in layers:
        try:
            recipes.append(read(layer))
        except ConfigError as error:
            problems += str(error).splitlines()
    return recipes, problems


def _tell(programme: Programme, composition: Composition, plan: Plan, everything: bool) -> None:
    """Say what a profile without faults is made of, what is hidden in it, and what it lets through."""
    counts = (
        f"{len(plan.tags)} attributes, {len(plan.groups)} groups, "
        f"{len(plan.vrs)} VRs, {len(plan.private)} private attributes"
    )
    layers = "one layer" if len(programme.layers) == 1 else f"{len(programme.layers)} layers"
    click.echo(f"{programme.name}: {layers}, {counts}: every line is understood")
    click.echo(f"digest {plan.digest}")
    click.echo("options " + (" ".join(plan.options) or "none"))
    idle = sorted(set(composition.declared) - set(plan.options))
    if idle:
        click.echo(f"declared, but nothing is done by it: {' '.join(idle)}")
    for text in _shadows(composition, everything):
        click.echo(text)
    for text in _weakened(composition, everything):
        click.echo(text)


def _shadows(composition: Composition, everything: bool) -> Iterator[str]:
    """The lines that later layers hide.

    Those of the package are meant to, and counted; the others are told one by one.
    """
    from fidac_node.deidentify.profile.programmes import profiles_directory

    counted: Counter[tuple[str, str]] = Counter()
    for entry, earlier in composition.shadows:
        meant = {entry.layer.parent.resolve(), earlier.layer.parent.resolve()} == {profiles_directory().resolve()}
        if everything or not meant:
            yield f"{entry.where}: {_shadow(entry, earlier)}"
        else:
            counted[entry.layer.name, earlier.layer.name] += 1
    for (name, below), number in sorted(counted.items()):
        yield f"{name} goes before {below} in {number} line{'s' if number > 1 else ''}"


def _shadow(entry: Entry, earlier: Entry) -> str:
    if entry.action == earlier.action:
        return f"'{entry.line}' says again what {earlier.where} says; one of the two can go"
    return f"'{entry.line}' goes before '{earlier.line}' ({earlier.where}); if that is not meant, drop it"


def _weakened(composition: Composition, everything: bool) -> Iterator[str]:
    """The rows of the table that are treated less strictly than by the Basic Profile, each by leave of an option."""
    from fidac_node.deidentify.profile.ps315 import OPTIONS

    counted: Counter[str] = Counter()
    for row, entry, needs in composition.weakened():
        name = " or ".join(OPTIONS[code].name for code in sorted(needs))
        counted[name] += 1
        if everything:
            yield f"{entry.where}: '{entry.line}': Table E.1-1 has {row.basic}, the option {name} permits it"
    for name, number in sorted(counted.items()):
        yield f"less strict than the Basic Profile by the option {name}: {number} attribute{'s' if number > 1 else ''}"


@command.command()
@click.argument("name")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@_directory
@_format
def explain(name: str, words: tuple[str, ...], directory: Path | None, kind: str) -> None:
    """Say attribute by attribute what a profile does and why; WORDs pick attributes by keyword, tag or VR."""
    from fidac_node.cli.rows import write_rows
    from fidac_node.deidentify.profile import explain as explaining
    from fidac_node.deidentify.profile.programmes import find

    rows = [explanation.row() for explanation in explaining.explain(explaining.composition_of(find(name, directory)))]
    if words:
        wanted = [word.lower() for word in words]
        rows = [
            row
            for row in rows
            if any(
                word in row["tag"].lower() + row["attribute"].lower() or word == row["vr"].lower() for word in wanted
            )
        ]
    if not rows:
        fail("no attribute of the profile has such a keyword, tag or VR; the default of its VR holds", FAILED)
    write_rows(rows, _COLUMNS, kind)


@command.command()
@click.argument("first")
@click.argument("second")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--values",
    is_flag=True,
    help="Print the values too, before and after: THEY IDENTIFY PEOPLE. For a screen at the site.",
)
@_directory
@_format
def diff(first: str, second: str, files: tuple[Path, ...], values: bool, directory: Path | None, kind: str) -> None:
    """Say what two profiles do differently: attribute by attribute, or to the headers of FILEs."""
    from fidac_node.cli.rows import write_rows
    from fidac_node.deidentify.profile.load import load_plan
    from fidac_node.deidentify.tools import compare

    if values and not files:
        raise click.UsageError("--values needs a FILE to take them from")
    plans = load_plan(first, directory, cache=_cache()), load_plan(second, directory, cache=_cache())
    if first == second:
        first, second = f"{first} (1)", f"{second} (2)"
    if files:
        unread = _diff_files(files, plans, (first, second), values, kind)
        if unread:
            fail(f"{unread} of {len(files)} files could not be compared", FAILED)
        return
    rows = [
        {"tag": one.tag, "attribute": one.attribute, "vr": one.vr, first: one.first, second: one.second}
        for one in compare.differences(*plans)
    ]
    write_rows(rows, ("tag", "attribute", "vr", first, second), kind)


def _diff_files(
    files: tuple[Path, ...], plans: tuple[Plan, Plan], names: tuple[str, str], values: bool, kind: str
) -> int:
    """Print what two plans do differently to files, and return how many could not be read."""
    from fidac_node.cli.rows import write_rows
    from fidac_node.deidentify import open_source
    from fidac_node.deidentify.tools import compare

    if values:
        click.echo(
            "These values identify people: for this screen alone. Pseudonyms and UIDs are made with a key thrown away.",
            err=True,
        )
    counted: Counter[tuple[str, ...]] = Counter()
    unread = 0
    for number, file in enumerate(files, start=1):
        try:
            with open_source(file, _LARGEST) as source:
                for one in compare.findings(source, *plans):
                    shown = one.values if values else ()
                    counted[one.path, one.attribute, one.first, one.second, *shown] += 1
        except FidacError as error:
            click.echo(f"file {number}: {error}", err=True)
            unread += 1
    shown_columns = ("before", f"{names[0]}: after", f"{names[1]}: after") if values else ()
    columns = ("tag", "attribute", *names, *shown_columns, "elements")
    write_rows(
        [dict(zip(columns, (*key, number), strict=True)) for key, number in sorted(counted.items())], columns, kind
    )
    return unread


def _cache() -> Path:
    """Where compiled plans are kept for who only looks, so that looking is quick (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fidac-node"
