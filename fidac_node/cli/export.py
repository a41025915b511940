"""``fidac-node hub export``: objects of the archive as files, with a manifest, and every one verified."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fidac_node.cli import FAILED, HELD, config_option
from fidac_node.cli.filters import filter_options, question
from fidac_node.cli.opening import opened_index
from fidac_node.cli.words import counted, mebibytes
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.operations.export import Progress, Result

_OFTEN: Final = 0.5  # seconds between two words of progress on a terminal, and in a file
_SELDOM: Final = 10.0
_MOST_NAMED: Final = 20


@click.command(name="export")
@filter_options
@click.option(
    "--to",
    required=True,
    metavar="DIR|ZIP",
    type=click.Path(path_type=Path),
    help="A new or empty folder, or a new file whose name ends with .zip.",
)
@click.option("--dicomdir", is_flag=True, help="Names as PS3.10 wants them on media, and a DICOMDIR.")
@click.option("--nifti", "with_nifti", is_flag=True, help="A NIfTI file of each even series, too (by dcm2niix).")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON.")
@config_option("hub")
def command(config: Path, to: Path, dicomdir: bool, with_nifti: bool, as_json: bool, **filters: Any) -> None:
    """Copy the instances that match into a folder per patient, study and series, and verify every one.

    Broken off at any moment, the same command goes on where it was. manifest.csv is there only when all is verified;
    only then the command ends with 0. It ends with 3 when no NIfTI could be made of a series.
    """
    from fidac_node.operations.export import export

    with opened_index(config) as (settings, db):
        result = export(settings, db, question(filters), to, _Told(), dicomdir=dicomdir, with_nifti=with_nifti)
    if as_json:
        said = {**vars(result), "to": str(to), "verified": not result.failed}
        click.echo(json.dumps({**said, "studies": len(result.studies)}, indent=2))
    else:
        _print(result, to)
    raise SystemExit(FAILED if result.failed else HELD if result.refused else 0)


def _print(result: Result, to: Path) -> None:
    if result.removed:
        click.echo(f"{result.removed} files taken away that are not in the answer any more", err=True)
    for name, why in list(result.failed.items())[:_MOST_NAMED]:
        click.echo(printable(f"NOT EXPORTED: {name}: {why}"), err=True)
    for folder, why in result.refused.items():
        click.echo(printable(f"NO NIFTI of {folder}: {why.removeprefix('none: ')}"), err=True)
    if result.failed:
        said = f"{len(result.failed)} objects are not verified, {result.objects} are"
        click.echo(f"{said}; no manifest was written", err=True)
        return
    what = f"{counted(result.objects, 'object')} in {result.series} series of {counted(len(result.studies), 'study')}"
    click.echo(f"{what}, {mebibytes(result.bytes)}, verified in {to}; {result.copied} copied now")
    from fidac_node.operations.index import writes_parquet

    if not writes_parquet():
        click.echo("series.parquet was left out: pip install 'fidac-node[research]'", err=True)


class _Told:
    """Says on standard error how far it is: in one line of a terminal, or a line now and then."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._next = 0.0
        self._step = ""

    def __call__(self, progress: Progress) -> None:
        is_over = progress.done.objects == progress.total.objects
        now = time.monotonic()
        if progress.step != self._step:
            self._step, self._next = progress.step, now + (_OFTEN if self._is_terminal else _SELDOM)
        if now < self._next and not is_over:
            return
        self._next = now + (_OFTEN if self._is_terminal else _SELDOM)
        begin, end = ("\r", "\n" if is_over else "") if self._is_terminal else ("", "\n")
        click.echo(f"{begin}{_said(progress)}{end}", err=True, nl=False)


def _said(progress: Progress) -> str:
    done, total = progress.done, progress.total
    rate = done.bytes / max(progress.seconds, 0.001)
    left = (total.bytes - done.bytes) / rate if rate else 0.0
    objects = f"{done.objects} of {total.objects} objects"
    size = f"{done.bytes >> 20} of {total.bytes >> 20} MiB"
    return f"{progress.step} {objects}, {size}, {rate / (1 << 20):.0f} MiB/s, {_spoken(left)} left"


def _spoken(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
