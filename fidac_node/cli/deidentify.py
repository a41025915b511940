"""``fidac-node deidentify``: files in, files out, by the engine of the node."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from fidac_node.cli import HELD
from fidac_node.errors import ConfigError
from fidac_node.marks import LABELS

if TYPE_CHECKING:
    from fidac_node.deidentify import Plan, Pseudonymiser
    from fidac_node.deidentify.tree import Result

_STATES = ("deidentified", "duplicate", "held")


@click.command(name="deidentify")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Take profile, key, programme and site from this site.toml.")
@click.option("--profile", help="De-identification profile, by name or .deid file.")
@click.option("--key-file", type=click.Path(path_type=Path), help="The secret key, as 'site init' writes it.")
@click.option("--programme", help="Research programme; another programme gives other pseudonyms.")
@click.option("--site-id", help="The site's code, which starts each patient's pseudonym.")
@click.option("--label", type=click.Choice(LABELS), default="unknown", show_default=True, help="Label that the objects carry.")
@click.option("--report", type=click.File("w", lazy=True), help="Write a JSON report, one entry per file; '-' prints it.")
@click.option("--names", is_flag=True, help="Name the input files in the report: they may name patients, keep it at the site.")
@click.option("--max-object-mb", default=4096, show_default=True, type=click.IntRange(1), help="Bound for one object, inflated.")
def command(
    *,
    source: Path,
    target: Path,
    config: Path | None,
    profile: str | None,
    key_file: Path | None,
    programme: str | None,
    site_id: str | None,
    label: str,
    report: TextIO | None,
    names: bool,
    max_object_mb: int,
) -> None:
    """De-identify files without a network, by the same engine.

    IN is a file or folder; OUT gets one folder per study. Held files are listed with the reason; scope
    rules of a site do not apply, who names the files has chosen them. Exit code 3 if any file is held.
    """
    plan, handles, site_id, programme = _settings(config, profile, key_file, programme, site_id)
    if target.resolve() == source.resolve() or source.resolve() in target.resolve().parents:
        raise ConfigError(f"{target} lies within {source}: choose another folder, or what is written would be read")
    from fidac_node.deidentify import Deidentifier
    from fidac_node.deidentify.tree import deidentify_files, files_of

    files = files_of(source)
    deidentifier = Deidentifier(plan, handles, site_id, programme)
    results = deidentify_files(files, target, deidentifier, handles, label=label, limit=max_object_mb << 20)
    entries, held = [], 0
    for result in _shown(results, len(files)):
        held += result.state == "held"
        entries.append(_entry(result, files[result.number - 1] if names else None))
    summary: dict[str, Any] = {state: sum(entry["state"] == state for entry in entries) for state in _STATES}
    click.echo(", ".join(f"{number} {state}" for state, number in summary.items()), err=True)
    if report is not None:
        head = {"profile": plan.profile, "profile_digest": plan.digest, "programme": programme, "site": site_id}
        json.dump({**head, **summary, "objects": entries}, report, indent=1)
        report.write("\n")
    if held:
        raise click.exceptions.Exit(HELD)


def _settings(
    config: Path | None, profile: str | None, key_file: Path | None, programme: str | None, site_id: str | None
) -> tuple[Plan, Pseudonymiser, str, str]:
    """Plan, pseudonyms, site and programme: from a site's settings, from options, or options over settings."""
    from fidac_node.deidentify import Pseudonymiser, load_plan, read_key

    directory = None
    if config is None and profile is None and key_file is None:
        from fidac_node.config import find_config

        config = find_config("site", None)
    if config is not None:
        from fidac_node.config import load_site

        settings = load_site(config)
        directory = settings.deidentify.profiles_directory
        profile = profile or settings.deidentify.profile
        key_file = key_file or settings.deidentify.key_file
        programme = programme or settings.deidentify.programme
        site_id = site_id or settings.site.id
    if key_file is None:
        raise click.UsageError("--key-file is needed with --profile, or -c with a site.toml")
    profile, programme, site_id = profile or "fidac-chest-ct", programme or "FIDAC", site_id or "SITE"
    return load_plan(profile, directory), Pseudonymiser(read_key(key_file), programme, site_id), site_id, programme


def _shown(results: Iterable[Result], total: int) -> Iterable[Result]:
    """Print what is held as it happens; a progress line for people at a terminal."""
    progress = sys.stderr.isatty()
    for result in results:
        if result.state == "held":
            click.echo(f"file {result.number} held ({result.code}): {result.message}")
        if progress:
            click.echo(f"\r{result.number} of {total} ", nl=result.number == total, err=True)
        yield result


def _entry(result: Result, path: Path | None) -> dict[str, Any]:
    """One file in the report: empty facts left out, the input's name only when it was asked for."""
    facts = {name: value for name, value in asdict(result).items() if value not in ("", None)}
    return facts | ({"source": str(path)} if path is not None else {})
