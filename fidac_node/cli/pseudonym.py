"""``fidac-node site pseudonym | programme | key``: who is who, how long, and under which secret."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fidac_node.cli import HELD, WholeGroup, config_option
from fidac_node.cli.rows import json_text
from fidac_node.cli.words import show_acts, when
from fidac_node.config.config import load_site
from fidac_node.errors import ConfigError
from fidac_node.system.logs import printable

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.operations.patients import Identity

_reason = click.option("--reason", required=True, help="Why you ask: kept in the record of acts. Name no patient.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=WholeGroup)
def pseudonym() -> None:
    """Who is who, from the site's vault: find, reidentify, import; each use is recorded."""


@pseudonym.command()
@config_option("site")
@click.argument("patient_id")
@click.option("--issuer", help="Issuer of the patient id; without it every issuer counts.")
@_reason
@_json
def find(config: Path, patient_id: str, issuer: str | None, reason: str, as_json: bool) -> None:
    """Print the pseudonym of a patient. PATIENT_ID '-' asks for it, so that it stays out of the shell's history."""
    from fidac_node.operations import patients

    if patient_id == "-":
        patient_id = click.prompt("Patient ID", err=True) if _at_terminal() else sys.stdin.readline()
    else:
        click.echo("the patient's ID is now in your shell's history; '-' in its place asks for it", err=True)
    pseudonyms = patients.find(load_site(config), patient_id, issuer, reason)
    if as_json:
        click.echo(json_text([{"pseudonym": name, "issuer": by} for name, by in pseudonyms]))
        return
    for name, by in pseudonyms:
        click.echo(printable(f"{name}  (issuer {by})" if by else name))


@pseudonym.command()
@config_option("site")
@click.argument("pseudonym", metavar="PSEUDONYM|NEW_STUDY_UID")
@_reason
@_json
def reidentify(config: Path, pseudonym: str, reason: str, as_json: bool) -> None:
    """Print who is behind a pseudonym or a de-identified study, with all that the vault holds."""
    from fidac_node.operations import patients

    found = patients.reidentify(load_site(config), pseudonym.strip(), reason)
    if as_json:
        click.echo(json_text([one.as_dict() for one in found]))
        return
    show_identities([_shown(one) for one in found])


@pseudonym.command(name="import")
@config_option("site")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_reason
def import_(config: Path, file: Path, reason: str) -> None:
    """Take into the vault who is behind what was uploaded: the list in FILE, which the upload page has saved."""
    from fidac_node.operations import patients

    try:
        done = patients.import_list(load_site(config), file.read_bytes(), reason)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    click.echo(f"{done.entered} studies entered into the vault, {done.known} were known")
    for name, why in done.refused:
        click.echo(printable(f"not entered, of {name}: {why}"), err=True)
    if done.entered and done.start_again:
        click.echo("start the node again: after a rotation of the key it knows its patients from its start", err=True)
    raise SystemExit(HELD if done.refused else 0)


@pseudonym.command(name="audit")
@config_option("site")
@_json
def audit_(config: Path, as_json: bool) -> None:
    """List who used the vault, acted on the queue or changed the keys, when, with which command and why."""
    from fidac_node.operations.patients import uses
    from fidac_node.operations.uses import ALL

    show_acts(uses(load_site(config)), ALL, as_json=as_json)


@click.group(cls=WholeGroup)
def programme() -> None:
    """The research programme at this site: show, open, close."""


@programme.command(name="show")
@config_option("site")
def show_programme(config: Path) -> None:
    """Print the programme's mode, its keys and its vault."""
    from fidac_node.operations.programme import NO_VAULT, state

    shown = state(load_site(config))
    programme = shown.programme
    click.echo(f"programme {programme.name}, site {programme.site}, {programme.mode}")
    if shown.closed_at is not None:
        click.echo(f"  closed on {when(shown.closed_at)}: its key is destroyed, nobody can link to it any more")
        return
    for path in shown.key_files:
        click.echo(f"  key {path}")
    if shown.vault_file is None:
        click.echo(f"  {NO_VAULT}; as long as the key exists, the same patient gets the same pseudonym")
    else:
        click.echo(f"  vault {shown.vault_file}: {shown.records} records")
        click.echo(f"  generation {shown.generation} of the site's secret")


@programme.command(name="open")
@config_option("site")
def open_programme(config: Path) -> None:
    """Make the keys that the configured mode needs and that were never there."""
    from fidac_node.operations import programme as operations

    made = operations.open_programme(load_site(config))
    show_made(made)
    if not made:
        click.echo("all keys are there, nothing was made")


@programme.command()
@config_option("site")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_reason
def close(config: Path, name: str, yes: bool, reason: str) -> None:
    """Destroy the key of the anonymised programme NAME: from then on nobody can link its data to a patient."""
    from fidac_node.operations import programme as operations

    settings = load_site(config)
    key_file = settings.deidentify.programme_key_file

    def confirm() -> None:
        if not yes:
            asked = f"This cannot be undone. Type the programme's name to destroy {key_file}"
            click.prompt(asked, err=True, value_proc=lambda typed: _same(typed, name))

    operations.close(settings, name, reason, confirm)
    click.echo(
        f"closed {name}: {key_file} is overwritten and deleted, the ledger's rows and local copies are gone\n"
        "what no program can reach: blocks that a flash disk or a snapshot kept, backups of the key, and the "
        "system's log, "
        "which\nholds times and digests of what was received. Delete copies of the key; let the log expire."
    )


@click.group(cls=WholeGroup)
def key() -> None:
    """The site's secret: rotate; and the key by which it signs: show."""


@key.command(name="show")
@config_option("site")
def show_key(config: Path) -> None:
    """Print the public key by which the hub knows what this site signs, and its fingerprint to compare by telephone."""
    from fidac_node.operations.refusing import public_key

    line, fingerprint = public_key(load_site(config))
    click.echo(line)
    click.echo(f"fingerprint: {fingerprint}", err=True)
    click.echo("at the hub: save that line in a file, then 'fidac-node hub site key SITE FILE'", err=True)


@key.command()
@config_option("site")
@_reason
def rotate(config: Path, reason: str) -> None:
    """Replace the site's secret; patients known to the vault keep pseudonyms, UIDs and dates. Stop the node first."""
    from fidac_node.operations import programme as operations

    settings = load_site(config)
    generation = operations.rotate(settings, reason)
    key_file = settings.deidentify.key_file
    click.echo(f"generation {generation}: {key_file} holds a new secret, the old one is in the vault")
    click.echo(
        "back up the key, and the vault with it: neither is enough without the other; delete copies of the old key"
    )


def identified(settings: SiteConfig, handle: str, reason: str) -> list[dict[str, Any]]:
    """Whom the objects of the study ``handle`` name, in DICOM's words; the use is recorded."""
    from fidac_node.operations.patients import of_study

    return [_shown(one) for one in of_study(settings, handle, reason)]


def show_identities(shown: list[dict[str, Any]]) -> None:
    """Print each identity with its objects, and a warning for a study that has more than one."""
    for study in dict.fromkeys(one["study"] for one in shown):
        named = {one["pseudonym"] for one in shown if one["study"] == study}
        if len(named) > 1:
            click.echo(
                f"WARNING: the objects of study {study} name {len(named)} patients; each is here with its own objects",
                err=True,
            )
    for one in shown:
        for name, value in one.items():
            click.echo(printable(f"{name}: {', '.join(value) or 'none known' if name == 'objects' else value}"))
        click.echo()


def show_made(made: Iterable[Path]) -> None:
    """Say what each new file is for."""
    for path in made:
        click.echo(f"wrote {path}: {_PURPOSES.get(path.name, 'keep a copy in a safe place')}")


_PURPOSES = {
    "secret.key": "keep a copy in a safe place; without it a patient's next study gets another pseudonym",
    "vault.key": "keep a copy in another safe place; without it nobody can be re-identified",
    "programme.key": "make no copy; 'fidac-node site programme close' destroys it",
    "vault": "who is behind each pseudonym, encrypted; back it up with the site's data",
}


def _shown(one: Identity) -> dict[str, Any]:
    """A study of the vault in DICOM's words, with the objects of it that name the patient."""
    study = one.study
    return {
        "PatientID": study.patient_id,
        "IssuerOfPatientID": study.issuer,
        "PatientName": study.patient_name,
        "PatientBirthDate": study.birth_date,
        "PatientSex": study.sex,
        "StudyInstanceUID": study.study_uid,
        "StudyDate": study.study_date,
        "AccessionNumber": study.accession_number,
        "pseudonym": study.pseudonym,
        "de-identified StudyInstanceUID": study.new_study_uid,
        "dates shifted by": f"{study.shift_days} days",
        "study": study.handle,
        "profile digest": study.profile,
        "entered": when(study.at),
        "objects": list(one.objects),
    }


def _same(typed: str, name: str) -> str:
    if typed != name:
        raise click.BadParameter("that is not its name")
    return typed


def _at_terminal() -> bool:
    return sys.stdin.isatty()
