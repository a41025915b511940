"""``fidac-node hub find --duplicates``: exams that the hub has twice."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import FORMATS, write_rows

if TYPE_CHECKING:
    from fidac_node.operations.index import StudyFilter

_TABLE: Final = (
    *("images", "site", "PatientID", "StudyInstanceUID", "instances"),
    *("other_site", "other_PatientID", "other_StudyInstanceUID", "other_instances"),
)


@click.command(name="sum-pixels", hidden=True)
def sum_pixels() -> None:
    """Print what tells the image in each file that standard input names from others; the hub calls it."""
    from fidac_node.operations.duplicates import decoded

    for line in sys.stdin:
        click.echo(decoded(Path(line.rstrip("\n"))))


def show(config: Path, wanted: StudyFilter, form: str, limit: int | None, *, others: bool) -> None:
    """Print the pairs of studies that have images in common, and how many images were compared.

    ``others``: more was asked than goes with it.
    """
    from fidac_node.operations.duplicates import MOST_STUDIES, Duplicate, find

    if others or form not in FORMATS or replace(wanted, site="") != type(wanted)():
        raise click.UsageError(f"--duplicates goes with --site, --limit and --format {', '.join(FORMATS)} alone")
    with opened_index(config) as (settings, db):
        found, counts = find(settings, db, wanted.site)
    write_rows(found[: limit or None], _TABLE if form == "table" else Duplicate._fields, form)
    if form == "table":
        click.echo(
            f"{len(found)} pairs of studies have images in common; {counts.known} images were compared "
            f"(one that more than {MOST_STUDIES} studies share says nothing)",
            err=True,
        )
    if counts.unknown:
        click.echo(f"{counts.unknown} images were not looked at yet: the hub does so, slowly, while it runs", err=True)
    if counts.unreadable:
        click.echo(f"{counts.unreadable} images cannot be decoded here, and so not compared", err=True)
