"""``fidac-node deidentify``: files in, files out, by the engine of the node."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from fidac_node.cli import HELD
from fidac_node.dicom.marks import LABELS
from fidac_node.errors import ConfigError
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.deidentify.tools.folder import Result
    from fidac_node.deidentify.tools.report import Report

# Of how many files a run says so at its end.
_TOLD: Final = {"normalised": "with values written right", "lost": "with values lost (not understood)"}


@click.command(name="deidentify")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="Take profile, keys, programme and site from this site.toml.",
)
@click.option("--profile", help="De-identification profile, by name or .deid file.")
@click.option("--key-file", type=click.Path(path_type=Path), help="The secret key, as 'site init' writes it.")
@click.option("--programme", help="Research programme; another programme gives other pseudonyms.")
@click.option("--site-id", help="The site's code, which starts each patient's pseudonym.")
@click.option(
    "--label", type=click.Choice(LABELS), default="unknown", show_default=True, help="Label that the objects carry."
)
@click.option(
    "--report", type=click.File("w", lazy=True), help="Write a JSON report, one entry per file; '-' prints it."
)
@click.option(
    "--names", is_flag=True, help="Name the input files in the report: they may name patients, keep it at the site."
)
@click.option(
    "--check-conformance", is_flag=True, help="Let dciodvfy say what each output breaks that its input did not."
)
@click.option(
    "--workers", default=0, show_default=True, type=click.IntRange(0, 256), help="Worker processes; 0: one per core."
)
@click.option(
    "--max-object-mb", default=4096, show_default=True, type=click.IntRange(1), help="Bound for one object, inflated."
)
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
    check_conformance: bool,
    workers: int,
    max_object_mb: int,
) -> None:
    """De-identify files without a network, by the same engine.

    IN is a file or folder; OUT gets one folder per study. Held files are listed by path, for you alone, with
    the reason; scope rules of a site do not apply, who names the files has chosen them. Exit code 3 if any
    file is held, or breaks a rule of DICOM that it did not break before (--check-conformance).
    """
    from fidac_node.operations.files import file_settings

    settings = file_settings(config, profile, key_file, programme, site_id)
    if target.resolve() == source.resolve() or source.resolve() in target.resolve().parents:
        raise ConfigError(f"{target} lies within {source}: choose another folder, or what is written would be read")
    if check_conformance:
        from fidac_node.deidentify.tools import conformance

        conformance.require()
    from fidac_node.deidentify import Deidentifier
    from fidac_node.deidentify.tools.folder import Job, deidentify_files, files_of
    from fidac_node.deidentify.tools.report import Report

    files = files_of(source)
    engine = Deidentifier(
        settings.plan,
        settings.patients,
        settings.site_id,
        settings.programme,
        rules=settings.rules,
        moments=settings.moments,
        own=settings.own_words,
    )
    job = Job(
        engine,
        settings.handles,
        target,
        label,
        max_object_mb << 20,
        details=report is not None,
        check=check_conformance,
    )
    job.look = settings.look()
    results = deidentify_files(files, job, workers=workers or len(os.sched_getaffinity(0)))
    with ExitStack() as stack:
        written = stack.enter_context(Report(report, settings.facts())) if report is not None else None
        counts = _tell(results, files, written, names=names, apart=report is not None and report.name == "-")
        if written is not None:
            written.finish(counts)
    if counts["held"] or counts.get("nonconforming"):
        raise click.exceptions.Exit(HELD)


def _tell(
    results: Iterable[Result], files: list[Path], report: Report | None, *, names: bool, apart: bool
) -> dict[str, Any]:
    """Write each result into the report and say what is held; return how many there are of each state.

    Who runs the command knows the files and is told their paths; the report goes further, and has them only with
    ``names``. ``apart``: standard output belongs to the report.
    """
    from fidac_node.deidentify.tools.folder import STATES

    counts: Counter[str] = Counter()
    for result in _shown(results, len(files)):
        counts[result.state] += 1
        counts["nonconforming"] += bool(result.errors)
        counts["normalised"] += bool(result.normalised)
        counts["lost"] += bool(result.lost)
        path = files[result.number - 1]
        named = f"{printable(str(path))}: file {result.number}"
        if result.state == "held":
            click.echo(f"{named} held ({result.code}): {result.message}", err=apart)
        for error in result.errors:
            click.echo(f"{named} breaks a rule that it did not break before: {error}", err=apart)
        if report is not None:
            report.add(_entry(result, path if names else None), result.recipe)
    shown = [*STATES, *(["nonconforming"] if counts["nonconforming"] else [])]
    told = [f"{counts[name]} {words}" for name, words in _TOLD.items() if counts[name]]
    click.echo(", ".join([*(f"{counts[state]} {state}" for state in shown), *told]), err=True)
    return {name: counts[name] for name in (*shown, *_TOLD)}


def _shown(results: Iterable[Result], total: int) -> Iterator[Result]:
    """A progress line for people at a terminal."""
    progress = sys.stderr.isatty()
    for result in results:
        if progress:
            click.echo(f"\r{result.number} of {total} ", nl=result.number == total, err=True)
        yield result


def _entry(result: Result, path: Path | None) -> dict[str, Any]:
    """One file in the report: empty facts left out, the input's name only when it was asked for.

    Its place among the files tells of the input, too: it is there with the name, or where no output names the file.
    """
    from fidac_node.deidentify.tools.report import tag_path

    facts = {
        "number": result.number if path is not None or not result.output else 0,
        "state": result.state,
        "output": result.output,
        "code": result.code,
        "message": result.message,
        "tag": tag_path(result.message),
        "actions": result.actions,
        "errors": result.errors,
        "normalised": result.normalised,
        "lost": result.lost,
        "source": str(path) if path is not None else "",
    }
    return {name: value for name, value in facts.items() if value}
