"""``fidac-node hub withdraw``: what is taken out of the hub for good."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fidac_node.cli import config_option
from fidac_node.cli.opening import opened_index
from fidac_node.cli.rows import plain, write_rows
from fidac_node.cli.words import counted, when
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.operations.withdrawal import Found, Target, Withdrawal

_COLUMNS: Final = ("site", "PatientID", "StudyDate", "StudyInstanceUID", "series", "instances", "bytes")
_ASKED: Final = "say what: one of --study UID, --patient ID, --site ID, --from FILE, --undo WITHDRAWAL, --list"


@click.command()
@config_option("hub")
@click.option("--study", default="", help="A StudyInstanceUID, at every site that has it.")
@click.option("--patient", default="", help="A PatientID (pseudonym), exactly, with all studies, also those to come.")
@click.option("--site", default="", help="A site's id: all that it ever sent, and will send.")
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What a site takes back by a file that it signed ('site withdraw').",
)
@click.option("--undo", "undone", default="", metavar="WITHDRAWAL", help="Let it come again; put back what is left.")
@click.option("--list", "listed", is_flag=True, help="List all withdrawals.")
@click.option("--reason", default="", help="Why: kept with the withdrawal and in the record of acts. Name no patient.")
@click.option("--confirm", is_flag=True, help="Do it; without, it is only listed what would go.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: Path, *, reason: str, confirm: bool, as_json: bool, **what: Any) -> None:
    """Take a study, a patient or a site out of the hub, for good.

    Nothing answers with it any more, at once; what comes again is refused; the files are deleted after [archive]
    withdrawal_days, until when --undo puts it back.
    """
    chosen = [(name, value) for name, value in what.items() if value]
    if len(chosen) != 1:
        raise click.UsageError(_ASKED)
    ((kind, name),) = chosen
    if kind not in ("listed", "file") and (confirm or kind == "undone") and not reason:
        raise click.UsageError("--reason: say why, it is kept in the record of acts")
    from fidac_node.operations import withdrawal as operations

    with opened_index(config) as (settings, db):
        if kind == "listed":
            _show_all(operations.all_of(settings, db), as_json=as_json)
        elif kind == "undone":
            done, number = operations.undo(settings, db, name, reason)
            left = "" if number else "; its files were deleted, but it may come again"
            click.echo(printable(f"{done.id} undone: back are {counted(number, 'object')} of {done.words}{left}"))
        elif kind == "file":
            target, said = operations.signed_by_site(db, name)
            click.echo(printable(f"signed by site {target.site}: {said}"), err=True)
            _withdraw(settings, db, [target], reason or said, confirm=confirm, as_json=as_json)
        else:
            targets = operations.named(settings, db, kind, name)
            _withdraw(settings, db, targets, reason, confirm=confirm, as_json=as_json)


def _withdraw(
    settings: HubConfig, db: Database, targets: list[Target], reason: str, *, confirm: bool, as_json: bool
) -> None:
    from fidac_node.operations import withdrawal as operations

    found = operations.found_in(settings, db, targets)
    done = operations.withdraw(settings, db, targets, reason) if confirm else []
    if as_json:
        rows = [{name: plain(getattr(one, name)) for name in _COLUMNS} for one in found]
        click.echo(json.dumps({"studies": rows, "withdrawn": [asdict(one) for one in done]}, indent=2))
        return
    write_rows(found, _COLUMNS, "table")
    click.echo(_summary(found, done))


def _summary(found: list[Found], done: list[Withdrawal]) -> str:
    number = f"{counted(sum(one.instances for one in found), 'object')} of {counted(len(found), 'study')}"
    if not done:
        return f"nothing was changed: --confirm --reason TEXT withdraws these {number}"
    undo = "\n".join(f"  fidac-node hub withdraw --undo {one.id} --reason TEXT" for one in done)
    until = when(min(one.until for one in done))
    return (
        f"withdrawn: {number}; what comes again is refused\nthe files are deleted after {until}; until then\n{undo}\n"
        "puts them back"
    )


def _show_all(withdrawals: list[Withdrawal], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(one) for one in withdrawals], indent=2))
        return
    for one in withdrawals:
        state = f"undone {when(one.undone)}" if one.undone else "deleted" if one.deleted else f"until {when(one.until)}"
        line = (
            f"{one.id}  {one.site}  {one.words}  {counted(one.instances, 'object')}  {state}  {one.who}  {one.reason}"
        )
        click.echo(printable(line))
