"""``fidac-node site pseudonym | programme | key``: who is who, how long, and under which secret."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from fidac_node.cli import FAILED, config_option, fail
from fidac_node.errors import ConfigError

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.identity.keys import SiteKeys
    from fidac_node.identity.vault import Study

_reason = click.option("--reason", required=True, help="Why you ask: kept in the record of uses. Name no patient.")
_NAMING: Final = ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def pseudonym() -> None:
    """Who is who, from the site's vault: find, reidentify; each use is recorded."""


@pseudonym.command()
@config_option("site")
@click.argument("patient_id")
@click.option("--issuer", help="Issuer of the patient id; without it every issuer counts.")
@_reason
@_json
def find(config: Path, patient_id: str, issuer: str | None, reason: str, as_json: bool) -> None:
    """Print the pseudonym of a patient. PATIENT_ID '-' asks for it, so that it stays out of the shell's history."""
    from fidac_node.deidentify.rewrite.pseudonym import identity
    from fidac_node.identity.reasons import check_reason

    if patient_id == "-":
        patient_id = click.prompt("Patient ID", err=True) if _at_terminal() else sys.stdin.readline()
    else:
        click.echo("the patient's ID is now in your shell's history; '-' in its place asks for it", err=True)
    settings, keys = _open(config)
    check_reason(reason, [patient_id])
    wanted = identity(issuer or "", patient_id)
    found = [study for study in _studies(keys) if identity(study.issuer if issuer else "", study.patient_id) == wanted]
    reason = checked(reason, found)
    pseudonyms = list(dict.fromkeys((study.pseudonym, study.issuer) for study in found))
    for one in dict.fromkeys(study.pseudonym for study in found) or ("-",):
        record(settings, "pseudonym find", one, reason)
    if not found:
        fail(
            "no patient with this ID is in the vault; IDs are compared exactly but for spaces: leading zeros and case count",
            FAILED,
        )
    if as_json:
        click.echo(
            json.dumps([{"pseudonym": name, "issuer": by} for name, by in pseudonyms], indent=2, ensure_ascii=False)
        )
        return
    for name, by in pseudonyms:
        click.echo(f"{name}  (issuer {by})" if by else name)


@pseudonym.command()
@config_option("site")
@click.argument("pseudonym", metavar="PSEUDONYM|NEW_STUDY_UID")
@_reason
@_json
def reidentify(config: Path, pseudonym: str, reason: str, as_json: bool) -> None:
    """Print who is behind a pseudonym or a de-identified study, with all that the vault holds of him and of his studies."""
    settings, keys = _open(config)
    wanted = pseudonym.strip()
    handles = {study.handle for study in _studies(keys) if wanted in (study.pseudonym, study.new_study_uid)}
    found = [study for study in _studies(keys) if study.handle in handles]
    reason = checked(reason, found)
    for one in dict.fromkeys(study.pseudonym for study in found) or ("-",):
        record(settings, "pseudonym reidentify", one, reason)
    if not found:
        fail("neither a pseudonym nor a de-identified Study Instance UID of this site's vault", FAILED)
    objects = _objects(settings, keys, found)
    if as_json:
        shown = [{**asdict(study), "objects": names} for study, names in zip(found, objects, strict=True)]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    show_identities([_shown(study, names) for study, names in zip(found, objects, strict=True)])


@pseudonym.command(name="audit")
@config_option("site")
@_json
def audit_(config: Path, as_json: bool) -> None:
    """List who used the vault or changed the keys, when, with which command and why."""
    from fidac_node.config.config import load_site
    from fidac_node.identity.uses import FILE, UseLog

    directory = load_site(config).deidentify.vault_directory
    uses, broken = UseLog(directory).read()
    if as_json:
        click.echo(json.dumps([asdict(use) for use in uses], indent=2))
    else:
        for use in uses:
            click.echo(f"{_when(use.at)}  {use.user}  {use.command}  {use.subject}  {use.reason}")
    if broken:
        fail(f"{directory / FILE}: before line {broken[0]} a line was changed or taken out", FAILED)


@click.group()
def programme() -> None:
    """The research programme at this site: show, open, close."""


@programme.command(name="show")
@config_option("site")
def show_programme(config: Path) -> None:
    """Print the programme's mode, its keys and its vault."""
    from fidac_node.config.config import load_site
    from fidac_node.identity import keys as site_keys
    from fidac_node.identity.programme import ANONYMISED

    settings = load_site(config)
    click.echo(f"programme {settings.deidentify.programme}, site {settings.site.id}, {settings.deidentify.mode}")
    at = site_keys.closed(settings.programme)
    if at is not None and settings.deidentify.mode == ANONYMISED:
        click.echo(f"  closed on {_when(at)}: its key is destroyed, nobody can link to it any more")
        return
    keys = site_keys.open_keys(settings.programme)
    for path in site_keys.key_files(settings.programme):
        click.echo(f"  key {path}")
    if keys.vault is None:
        click.echo(f"  {site_keys.NO_VAULT}; as long as the key exists, the same patient gets the same pseudonym")
    else:
        click.echo(f"  vault {site_keys.vault_file(settings.programme)}: {keys.vault.records} records")
        click.echo(f"  generation {keys.generation} of the site's secret")
    keys.close()


@programme.command(name="open")
@config_option("site")
def open_programme(config: Path) -> None:
    """Make the keys that the configured mode needs and that were never there."""
    from fidac_node.config.config import load_site
    from fidac_node.identity.keys import create_keys
    from fidac_node.system.safeio import make_directories

    settings = load_site(config)
    make_directories(settings.spool.directory)
    made = create_keys(settings.programme)
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
    from fidac_node.config.config import load_site
    from fidac_node.identity import keys as site_keys
    from fidac_node.identity.programme import ANONYMISED
    from fidac_node.identity.reasons import check_reason
    from fidac_node.site.daemon import check_finished, forget
    from fidac_node.system import locks

    settings = load_site(config)
    reason = check_reason(reason)
    if name != settings.deidentify.programme:
        raise ConfigError(
            f"{config} is about programme {settings.deidentify.programme}, not {name}; name the right settings with -c"
        )
    if settings.deidentify.mode != ANONYMISED:
        raise ConfigError(
            f"programme {name} is pseudonymised: as long as {site_keys.vault_file(settings.programme)} or {settings.deidentify.key_file} exists, "
            f"anywhere, it can be linked. The secret may serve other programmes, so that this command does not touch it"
        )
    lock = site_keys.take_alone(settings.programme)
    check_finished(settings)
    if not yes:
        click.prompt(f"This cannot be undone. Type the programme's name to destroy {settings.deidentify.programme_key_file}", err=True,
                     value_proc=lambda typed: _same(typed, name))  # fmt: skip
    record(settings, "programme close", name, reason)
    site_keys.close_programme(settings.programme)
    forget(settings)
    locks.release(lock)
    click.echo(
        f"closed {name}: {settings.deidentify.programme_key_file} is overwritten and deleted, the ledger's rows and local copies are gone"
    )
    click.echo(
        "what no program can reach: blocks that a flash disk or a snapshot kept, backups of the key, and the system's log, which"
    )
    click.echo("holds times and digests of what was received. Delete copies of the key; let the log expire.")


@click.group()
def key() -> None:
    """The site's secret: rotate."""


@key.command()
@config_option("site")
@_reason
def rotate(config: Path, reason: str) -> None:
    """Replace the site's secret; patients known to the vault keep their pseudonyms, UIDs and dates. Stop the node first."""
    from fidac_node.config.config import load_site
    from fidac_node.identity.keys import rotate as rotated
    from fidac_node.identity.reasons import check_reason

    settings = load_site(config)
    reason = check_reason(reason)
    generation = rotated(
        settings.programme, before=lambda: record(settings, "key rotate", settings.deidentify.programme, reason)
    )
    click.echo(
        f"generation {generation}: {settings.deidentify.key_file} holds a new secret, the old one is in the vault"
    )
    click.echo(
        "back up the key, and the vault with it: neither is enough without the other; delete copies of the old key"
    )


def identified(settings: SiteConfig, handle: str, reason: str) -> list[dict[str, Any]]:
    """What the vault says of the study ``handle``: of all whose objects it has; the use is recorded. Raises :class:`ConfigError`."""
    if not reason:
        raise click.UsageError("--identify needs --reason: it is kept in the record of uses")
    keys = open_vault(settings)
    found = keys.vault.identities(handle) if keys.vault else []
    record(settings, "show --identify", handle, checked(reason, found, held_identities(settings, handle)))
    return [_shown(study, names) for study, names in zip(found, _objects(settings, keys, found), strict=True)]


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
            click.echo(f"{name}: {', '.join(value) or 'none known' if name == 'objects' else value}")
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


def _open(config: Path) -> tuple[SiteConfig, SiteKeys]:
    from fidac_node.config.config import load_site

    settings = load_site(config)
    return settings, open_vault(settings)


def open_vault(settings: SiteConfig) -> SiteKeys:
    """The site's keys with a vault. Raises :class:`ConfigError`: also when the programme has none."""
    from fidac_node.identity import keys as site_keys
    from fidac_node.identity.programme import ANONYMISED

    if settings.deidentify.mode == ANONYMISED:
        raise ConfigError(site_keys.NO_VAULT)
    return site_keys.open_keys(settings.programme)


def _studies(keys: SiteKeys) -> Iterable[Study]:
    return keys.vault.studies() if keys.vault else ()


def record(settings: SiteConfig, command: str, subject: str, reason: str) -> None:
    """Write a use down. Raises ``OSError``: then there must be no answer."""
    from fidac_node.identity.uses import UseLog

    UseLog(settings.deidentify.vault_directory).write(command, subject, reason)


def checked(reason: str, studies: Iterable[Study], others: Iterable[str] = ()) -> str:
    """The reason, when it names none of those whom the studies are about, and repeats none of ``others``."""
    from fidac_node.identity.reasons import check_reason

    known = [
        text
        for study in studies
        for text in (study.patient_id, study.patient_name, study.birth_date, study.accession_number)
    ]
    return check_reason(reason, [*known, *others])


def held_identities(settings: SiteConfig, handle: str) -> list[str]:
    """What names the patients of the held originals of a study: no reason may repeat it."""
    from fidac_node.deidentify import open_source
    from fidac_node.errors import Permanent
    from fidac_node.spool.queue import Spool

    inbox, found = Spool(settings.spool.directory / "inbox"), []
    for entry in inbox.entries("held"):
        if entry.study == handle:
            with (
                suppress(Permanent, FileNotFoundError),
                open_source(inbox.path(entry), settings.receive.max_object) as source,
            ):
                found += [source.get(keyword) for keyword in _NAMING]
    return found


def _objects(settings: SiteConfig, keys: SiteKeys, studies: Iterable[Study]) -> list[list[str]]:
    """The objects of each of ``studies`` that name its patient, as far as the ledger knows whose they are."""
    from fidac_node.site import ledger

    path = settings.spool.directory / ledger.FILE
    if not path.exists():
        return [[] for _ in studies]
    rows = ledger.Ledger(path, read_only=True)
    found = []
    for study in studies:
        patient = keys.handles.patient_handle(study.issuer, study.patient_id)
        found.append([row["entry"] for row in rows.rows(study=study.handle) if row.get("patient") == patient])
    rows.close()
    return found


def _shown(study: Study, objects: list[str]) -> dict[str, Any]:
    """A study of the vault in DICOM's words, with the objects of it that name the patient."""
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
        "entered": _when(study.at),
        "objects": objects,
    }


def _same(typed: str, name: str) -> str:
    if typed != name:
        raise click.BadParameter("that is not its name")
    return typed


def _at_terminal() -> bool:
    return sys.stdin.isatty()


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
