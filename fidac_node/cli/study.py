"""``fidac-node site find`` and ``site show``: what became of a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fidac_node.cli import config_option, difference, fail, pseudonym, queue
from fidac_node.cli.opening import opened_ledger
from fidac_node.cli.rows import json_text
from fidac_node.cli.words import counted, mebibytes, when
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.operations.outcome import Outcome
    from fidac_node.operations.status import StudyStatus

_COLOURS = {"waiting": "yellow", "complete": "green"}


@click.command(name="find")
@config_option("site")
@click.option("--accession", default="", help="Accession Number, as in the PACS.")
@click.option("--patient", default="", help="Patient ID, as in the PACS.")
@click.option("--study-uid", default="", help="Study Instance UID, as in the PACS.")
@click.option("--reason", default="", help="Why you ask: kept in the record of acts. Name no patient.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def find(config: Path, accession: str, patient: str, study_uid: str, reason: str, as_json: bool) -> None:
    """What became of a study that the PACS knows: found by what names it there, '-' asks for that.

    What you type is printed nowhere and written down nowhere; that you asked is.
    """
    from fidac_node.config.config import load_site
    from fidac_node.operations import outcome

    asked = {outcome.ACCESSION: accession, outcome.PATIENT: patient, outcome.STUDY_UID: study_uid}
    given = {by: value for by, value in asked.items() if value}
    if len(given) != 1:
        raise click.UsageError("say one of --accession, --patient and --study-uid; '-' as its value asks for it")
    ((by, wanted),) = given.items()
    if wanted == "-":
        wanted = click.prompt(by.capitalize(), err=True) if sys.stdin.isatty() else sys.stdin.readline()
    studies = outcome.find(load_site(config), by, wanted, reason)
    with opened_ledger(config) as (settings, ledger):
        found = [outcome.outcome(settings, ledger, study) for study in studies]
    if as_json:
        click.echo(json_text([one.as_dict() for one in found]))
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        show_outcome(one)


@click.command(name="show")
@config_option("site")
@click.argument("study")
@click.option("--objects", "per_object", is_flag=True, help="Also the journal of each object.")
@click.option(
    "--identify", is_flag=True, help="Also print who it is, from the site's vault; recorded, and needs --reason."
)
@click.option(
    "--diff",
    is_flag=True,
    help="Also print headers before and after, which names the patient; recorded, and needs --reason.",
)
@click.option("--reason", default="", help="Why you ask who it is: kept in the record of acts. Name no patient.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the journal.")
def show(config: Path, *, study: str, per_object: bool, identify: bool, diff: bool, reason: str, as_json: bool) -> None:
    """What became of a study, on one screen (its handle, as 'site studies' prints it); --objects: the whole journal."""
    from fidac_node.operations.nearest import nearest
    from fidac_node.operations.outcome import outcome
    from fidac_node.operations.status import utc

    with opened_ledger(config) as (settings, ledger):
        objects = ledger.rows(study=study)
        if not objects:
            like = nearest(study, (row["study"] for row in ledger.studies()))
            fail(f"no study {study!r} here{like}; 'fidac-node site studies' lists the handles")
        if (identify or diff) and not reason:
            asked = "--identify" if identify else "--diff"
            raise click.UsageError(f"{asked} needs --reason: it is kept in the record of acts")
        events = ledger.events(study)
        found = outcome(settings, ledger, study)
        identities = pseudonym.identified(settings, study, reason) if identify else []
        comparisons = difference.compared(config, ledger, study, reason) if diff else []
    if as_json:
        journal = [
            {"at": utc(at), "entry": entry, "state": state, "message": said} for at, entry, state, said in events
        ]
        result = {
            **found.as_dict(),
            "objects": [queue.with_times(row) for row in objects],
            "journal": journal,
            **({"identities": identities} if identify else {}),
            **({"diff": difference.as_json(comparisons)} if diff else {}),
        }
        click.echo(json_text(result))
        return
    pseudonym.show_identities(identities)
    if identify and not identities:
        click.echo("identity: not in the vault yet: the study waits for de-identification or is held")
    show_outcome(found)
    for at, entry, state, message in events if per_object else ():
        click.echo(f"{when(at)}  {state:<10} {entry}  {printable(message or '')}")
    difference.show(comparisons)


def show_outcome(found: Outcome) -> None:
    """Print what became of a study, on one screen."""
    study = found.study
    click.echo(f"study {study.study}: {click.style(study.state, fg=_COLOURS.get(study.state))}")
    for calling, called, number in found.senders:
        sent = f"{calling or 'an import'} to {called}" if called else calling or "an import"
        click.echo(printable(f"  came from {sent}: {counted(number, 'object')}"))
    first, last = map(when, found.received)
    click.echo(f"  received  {first}" + (f" to {last}" if last != first else ""))
    click.echo(f"  objects   {_objects(study)}")
    for label, source, number in found.labels:
        click.echo(printable(f"  label     {label}" + (f", by {source}" if source else "") + f": {number}"))
    for series in found.series:
        name = " ".join(filter(None, (series.number, series.modality, series.description or "(no description)")))
        size = f"{counted(series.objects, 'object')}, {mebibytes(series.bytes)}"
        click.echo(printable(f"  series    {name}: {size}"))
    if found.unknown:
        click.echo(f"  {counted(found.unknown, 'object')} of series that nothing here tells of: no copy is here")
    for one in found.waiting:
        click.secho(printable(f"  {one.state}  {one.objects} x {one.reason}: {one.message}"), fg="yellow")
    if found.waiting:
        click.echo(f"            'fidac-node site queue list --held --study {study.study}' names them")
    _print_hub(found)


def _print_hub(found: Outcome) -> None:
    committed = found.study.counts["committed"]
    at = f", the last at {when(found.committed_at)}" if found.committed_at else ""
    click.echo(f"  hub       has committed to {committed} of {counted(found.study.received, 'object')}{at}")
    for message, number in found.hub_said:
        click.echo(printable(f"            {counted(number, 'object')}: {message}"))
    if found.study_uid:
        click.echo(f"            knows it as {found.study_uid}")


def _objects(study: StudyStatus) -> str:
    counts = ", ".join(f"{name} {number}" for name, number in study.counts.items() if number)
    return f"{study.received}, {mebibytes(study.bytes or 0)}: {counts}"
