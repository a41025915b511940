"""``fidac-node hub find``: the index asked by filters, in the order and the columns that are wanted, or counted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fidac_node.cli import config_option, duplicates
from fidac_node.cli.filters import filter_options, question
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import FORMATS, write_rows
from fidac_node.cli.words import counted

if TYPE_CHECKING:
    from fidac_node.operations.finding import Question

_TABLE_ROWS: Final = 50
_ONE: Final = {"patients": "patient", "studies": "study", "series": "series", "instances": "instance"}
_EXACT_TIME: Final = "received_at"
_TABLE_COLUMNS: Final = {
    "patients": ("site", "PatientID", "PatientSex", "received_week", "studies", "series", "instances"),
    "studies": (
        "site",
        "PatientID",
        "StudyDate",
        "received_week",
        "StudyInstanceUID",
        "Modality",
        "BodyPartExamined",
        "label",
        "series",
        "instances",
    ),
    "series": (
        *(
            "site",
            "PatientID",
            "StudyDate",
            "received_week",
            "SeriesInstanceUID",
            "Modality",
            "BodyPartExamined",
            "ManufacturerModelName",
        ),
        *("ConvolutionKernel", "SliceThickness", "label", "instances"),
    ),
    "instances": (
        "site",
        "PatientID",
        "StudyDate",
        "received_week",
        "SOPInstanceUID",
        "InstanceNumber",
        "SliceThickness",
        "label",
        "bytes",
    ),
}


def _list(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """Read a list that commas separate."""
    return tuple(filter(None, (part.strip() for part in value.split(","))))


@click.command(name="find")
@click.argument("level", type=click.Choice(list(_TABLE_COLUMNS)), required=False)
@config_option("hub")
@filter_options
@click.option(
    "--columns", "names", default="", callback=_list, metavar="NAME,...", help="These columns, in this order."
)
@click.option(
    "--sort",
    default="",
    callback=_list,
    metavar="[-]NAME,...",
    help="By these columns; with a hyphen: downwards.",
)
@click.option(
    "--group-by",
    "--count-by",
    default="",
    callback=_list,
    metavar="KEY,...",
    help="Count by site, label, kernel, month, received-week and others, with bytes.",
)
@click.option("--sites", is_flag=True, help="What each site has sent, with bytes: studies, counted by site.")
@click.option("--follow-up", is_flag=True, help="Patients with more than one study, with the days between.")
@click.option(
    "--duplicates", "twice", is_flag=True, help="Studies that came under two sites or UIDs: they have images in common."
)
@click.option("--exact-times", is_flag=True, help="Add when it was received: for administrators; do not hand out.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS, "parquet"]),
    default="table",
    show_default=True,
    help="How to print.",
)
@click.option(
    "--limit", type=click.IntRange(0), help=f"At most so many rows, 0 for all; a table has {_TABLE_ROWS} unless told."
)
@click.option("--after", default="", metavar="UID", help="Go on after the row with this UID (of patients: PatientID).")
def command(
    config: Path,
    *,
    level: str | None,
    form: str,
    twice: bool,
    sites: bool,
    limit: int | None,
    names: tuple[str, ...],
    sort: tuple[str, ...],
    group_by: tuple[str, ...],
    follow_up: bool,
    exact_times: bool,
    after: str,
    **filters: Any,
) -> None:
    """List the patients, studies, series or instances that match all the filters.

    Texts match in any case; * stands for any text and ? for any character.
    """
    from fidac_node.operations.finding import Question, asked, write_parquet

    if sites:
        level, group_by = level or "studies", group_by or ("site",)
    if twice:
        others = any((level, names, sort, group_by, follow_up, exact_times, after))
        duplicates.show(config, question(filters), form, limit, others=others)
        return
    if level is None:
        raise click.UsageError(f"say what: {', '.join(_TABLE_COLUMNS)}; or --duplicates")
    wanted = Question(level, question(filters), sort, after, group_by, follow_up, exact_times)
    names = names or _columns(wanted, form)
    if unknown := [name for name in names if name not in wanted.types]:
        raise click.BadParameter(f"there is no column {unknown[0]!r}; these: {', '.join(wanted.types)}")
    if form == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal: write it to a file, > rows.parquet")
    limit = _TABLE_ROWS if limit is None and form == "table" else limit or None
    with opened_index(config) as (settings, db), asked(settings, db, wanted, limit) as answer:
        if form == "parquet":
            write_parquet(sys.stdout.buffer, answer, {name: wanted.types[name] for name in names})
        else:
            write_rows(answer, names, form)
    is_listed = not (sort or group_by or follow_up)
    more = answer.number == limit and (f", or --after {answer.last}" if is_listed else "")
    if form == "table" or more:
        what = "group" if group_by else _ONE[level]
        hint = f" (there may be more: --limit 0{more or ''})" if answer.number and answer.number == limit else ""
        click.echo(f"{counted(answer.number, what)}{hint}", err=True)


def _columns(wanted: Question, form: str) -> tuple[str, ...]:
    """The columns that are not chosen: a table of rows shows a few of them."""
    if form != "table" or wanted.group_by or wanted.follow_up:
        return tuple(wanted.types)
    return _TABLE_COLUMNS[wanted.level] + ((_EXACT_TIME,) if wanted.exact_times else ())
