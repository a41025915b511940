"""``fidac-node site withdraw``: a patient or a study that the hospital takes back."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fidac_node.cli import config_option
from fidac_node.cli.words import counted


@click.command()
@config_option("site")
@click.option("--patient-id", default="", help="The patient's ID as the PACS has it; '-' asks for it.")
@click.option("--issuer", help="Issuer of the patient id; without it every issuer counts.")
@click.option("--study", default="", metavar="STUDY", help="A study's handle, as 'site studies' prints it.")
@click.option("--reason", required=True, help="Why: kept in the record of uses, and told to the hub. Name no patient.")
@click.option("--to", "file", type=click.Path(path_type=Path, dir_okay=False), help="The signed file for the hub.")
@click.option("--confirm", is_flag=True, help="Do it; without, it is only told what would go.")
def command(
    config: Path, *, patient_id: str, issuer: str | None, study: str, reason: str, file: Path | None, confirm: bool
) -> None:
    """Take a patient or a study back: forward nothing more of it, drop what is here, and write a file for the hub.

    The hub withdraws what it has when its administrator takes the file: 'fidac-node hub withdraw --from FILE'.
    """
    from fidac_node.config.config import load_site
    from fidac_node.operations import refusing

    if bool(patient_id) == bool(study):
        raise click.UsageError("say what: --patient-id ID or --study STUDY")
    if confirm and file is None:
        raise click.UsageError("--to FILE: where to write the signed file for the hub")
    if file is not None and file.exists():
        raise click.UsageError(f"{file} is there already: name another file")
    settings = load_site(config)
    if patient_id == "-":
        patient_id = click.prompt("Patient ID", err=True) if sys.stdin.isatty() else sys.stdin.readline()
    elif patient_id:
        click.echo("the patient's ID is now in your shell's history; '-' in its place asks for it", err=True)
    refusal = (
        refusing.of_patient(settings, patient_id, issuer, reason)
        if patient_id
        else refusing.of_study(settings, study, reason)
    )
    click.echo(f"at the hub: {', '.join(sorted(refusal.pseudonyms)) or 'one study'}")
    for uid in sorted(refusal.new_study_uids):
        click.echo(f"  study {uid}")
    here = refusing.still_here(settings, refusal)
    click.echo("here: " + (", ".join(f"{number} {state}" for state, number in here.items()) or "no objects any more"))
    if file is None or not confirm:
        click.echo("nothing was changed: --confirm --to FILE withdraws it")
        return
    content, dropped = refusing.withdraw(settings, refusal, reason)
    file.write_bytes(content)
    click.echo(f"{counted(dropped, 'object')} dropped here; what comes of it from now on is discarded")
    click.echo(f"wrote {file}: bring it to the hub's administrator, for 'fidac-node hub withdraw --from {file.name}'")
