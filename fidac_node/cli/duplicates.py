"""``fidac-node hub find --duplicates``: exams that the hub has twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import write_rows

_TABLE: Final = (
    *("images", "site", "PatientID", "StudyInstanceUID", "instances"),
    *("other_site", "other_PatientID", "other_StudyInstanceUID", "other_instances"),
)


def show(config: Path, filters: Mapping[str, Any], form: str, limit: int | None) -> None:
    """Print the pairs of studies that have images in common, and how many images were compared."""
    site = filters["site"]
    if any(value not in ("", None, False, ()) for name, value in filters.items() if name != "site"):
        raise click.UsageError("--duplicates goes with --site, --format and --limit alone")
    from fidac_node.operations.duplicates import MOST_STUDIES, Duplicate, compared, duplicates

    with opened_index(config) as (_, db):
        found, counts = duplicates(db, site), compared(db)
    write_rows(found[: limit or None], _TABLE if form == "table" else Duplicate._fields, form)
    if form == "table":
        click.echo(
            f"{len(found)} pairs of studies have images in common; {counts.known} images were compared "
            f"(one that more than {MOST_STUDIES} studies share says nothing)",
            err=True,
        )
    if counts.unknown:
        click.echo(f"{counts.unknown} images were not looked at yet: the hub does so slowly, while it runs", err=True)
    if counts.unreadable:
        click.echo(f"{counts.unreadable} images cannot be decoded here, and so not compared", err=True)
