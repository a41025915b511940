"""``fidac-node hub show``: the journal of a study."""

from __future__ import annotations

import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from fidac_node.cli import config_option
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import json_text, plain
from fidac_node.cli.words import act_line, counted, mebibytes
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.operations.journal import Journal, LabelEntry, Received, Result

_DIGEST: Final = 8  # hexadecimal digits that tell one recipe from another


@click.command(name="show")
@click.argument("study", metavar="STUDY")
@click.option("--site", default="", help="The site's id, where two have the study.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with each object by itself.")
@config_option("hub")
def command(config: Path, study: str, site: str, as_json: bool) -> None:
    """The journal of a study, by its StudyInstanceUID: how it came, what was promised, who got it since.

    It tells when objects came to the second: for administrators of the hub; do not hand out.
    """
    from fidac_node.operations.journal import journals

    with opened_index(config) as (settings, db):
        found = journals(settings, db, study, site)
    if as_json:
        click.echo(json_text(plain([one.as_dict() for one in found] if len(found) > 1 else found[0].as_dict())))
        return
    for one in found:
        _print(one)


def _print(journal: Journal) -> None:
    study = journal.study
    click.echo(printable(f"study {study.StudyInstanceUID} of {study.PatientID}, site {study.site}"))
    click.echo(
        f"  {counted(study.instances, 'instance')} in {study.series} series, {mebibytes(study.bytes)}, {study.label}"
    )
    for _, together in groupby(journal.objects, key=_together):
        _print_received(list(together))
    for one in journal.corrections:
        click.echo(
            f"{_said(one.at)}  version {one.version} of {one.instances} instances took the place of the one before, "
            f"which is kept aside until {_said(one.until)}"
        )
    for said in journal.labels:
        click.echo(printable(f"{_said(said.at)}  {_labelled(said)}"))
    for result in journal.results:
        click.echo(_resulted(result))
    for answer in journal.commitment:
        given = f"given for {answer.committed}" if answer.committed else "not given"
        click.echo(f"{_said(answer.asked_at)}  commitment asked for {counted(answer.objects, 'object')}, {given}")
    if not journal.commitment:
        click.echo("no commitment was asked for that is remembered")
    for act in journal.handed_out:
        click.echo(act_line(act, _said(datetime.datetime.fromtimestamp(act.at, datetime.UTC).replace(tzinfo=None))))
    if not journal.handed_out:
        click.echo("nobody has got any of it since")


def _together(one: Received) -> tuple[object, ...]:
    """What came in the same minute, by the same way, is one line."""
    minute = one.received_at.replace(second=0, microsecond=0)
    return minute, one.SeriesInstanceUID, one.addresses, one.upload, one.profile_digest


def _print_received(objects: list[Received]) -> None:
    first = objects[0]
    origin = " or ".join(first.addresses) or "an address that is not remembered"
    origin = f"an upload of {first.upload}" if first.upload else origin
    recipe = f"{first.profile} {first.profile_digest[:_DIGEST]}"
    click.echo(
        printable(
            f"{_said(first.received_at)}  {counted(len(objects), 'object')} of series {first.SeriesInstanceUID} "
            f"from {origin}, by {recipe}"
        )
    )


def _labelled(said: LabelEntry) -> str:
    """What else was said of objects that were filed already."""
    by = f"an upload of {said.who}" if said.who else "the site's node"
    what = f"came again by {by} as {said.label} ({said.label_source})"
    return f"{said.objects} objects {what}{f', which replaced {said.replaced}' if said.replaced else ''}"


def _resulted(result: Result) -> str:
    """A PCR's result, and when it was made as far as that is known."""
    if result.days is None:
        return f"PCR {result.result}"
    when = f"{abs(result.days)} days {'after' if result.days > 0 else 'before'} the exam" if result.days else "that day"
    return f"PCR {result.result}, {when}"


def _said(moment: datetime.datetime) -> str:
    return str(plain(moment))
