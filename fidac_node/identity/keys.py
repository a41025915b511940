"""The keys of a site at work: which files there must be in which mode, and what is made of them.

Two modes, a property of the programme. *Pseudonymised*: the site's secret makes the pseudonyms, the vault
says who is behind them, old generations of the secret live on in the vault. *Anonymised*: a key of the
programme makes pseudonyms and spool names alike; there is no vault, and once the key is destroyed nobody
can link. Whatever does not fit together is refused with the remedy: a wrong key would fork every patient.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fidac_node.deidentify.rewrite.pseudonym import Keyring, Pseudonymiser, check_value, derive
from fidac_node.dicom import charset, tags
from fidac_node.errors import ConfigError, Permanent
from fidac_node.identity.keyfile import create_key, destroy_key, new_secret, read_key, replace_key
from fidac_node.identity.programme import ANONYMISED, Programme
from fidac_node.identity.vault import FILE, Study, Vault
from fidac_node.system import locks, safeio

if TYPE_CHECKING:
    from fidac_node.deidentify import Source

NO_VAULT: Final = (
    "this programme is anonymised: there is no vault, and nothing at this site says who is behind a pseudonym"
)

_PADDING: Final = " \x00"
# What a record of the vault depends on.
_IDENTIFYING: Final = (
    tags.PATIENT_ID,
    tags.ISSUER_OF_PATIENT_ID,
    tags.PATIENT_BIRTH_DATE,
    tags.PATIENT_SEX,
    tags.SPECIFIC_CHARACTER_SET,
)
_MOST_ENTERED: Final = 256
_CHANGING: Final = "the keys of this node are being changed by another command; try again when it is done"
_RUNNING: Final = "the node is running, or an import is: stop it first ('systemctl stop fidac-node-site', or Ctrl-C)"


@dataclass(frozen=True)
class SiteKeys:
    """What the keys of a site give: ``handles`` name objects in the spool, ``patients`` make pseudonyms.

    ``vault`` is ``None`` in an anonymised programme; ``generation`` counts the secrets, from 1. While this is
    open no command changes the keys.
    """

    handles: Pseudonymiser
    patients: Pseudonymiser | Keyring
    vault: Vault | None
    mode: str
    generation: int
    lock: int
    # Studies that this process has entered, by what is written of their patients: with the other slices it costs
    # nothing.
    entered: set[tuple[object, ...]] = field(default_factory=set, repr=False)

    @property
    def fingerprint(self) -> str:
        """What must not change as long as the node keeps its ledger: mode, vault and first secret.

        It reveals nothing.
        """
        return f"{self.mode} {self.vault.id if self.vault else '-'} {self.handles.check_value()}"

    @property
    def sealing_key(self) -> bytes:
        """What copies are sealed with; of the first secret, so that a copy from before a rotation can be checked."""
        return self.handles.sealing_key

    def enter(self, handle: str, source: Source, profile: str, given: str = "") -> None:
        """Write into the vault, if there is one, whose study ``handle`` is; ``profile`` is the plan's digest.

        Call it before anything of the object leaves; ``given`` is the pseudonym that it got. Raises ``OSError``,
        :class:`Temporary`; and :class:`Permanent` if the vault would name another patient, or ``another-person`` if it
        knows him with another birth date or sex.
        """
        if self.vault is None:
            return
        key = (handle, given, *(source.value(tag) for tag in _IDENTIFYING))
        if key in self.entered:
            return
        patient_id = charset.decode(source.raw("PatientID"), source.charset)
        issuer = charset.likely(source.raw("IssuerOfPatientID"), source.charset)
        pseudonyms = self.patients.of(issuer, patient_id)
        pseudonym, study_uid = pseudonyms.patient(issuer, patient_id), source.get("StudyInstanceUID")
        if given not in ("", pseudonym):
            raise Permanent(
                "error", "the vault would name another patient than the object does; report it with the node's version"
            )
        self.vault.enter(
            Study(
                handle=handle,
                pseudonym=pseudonym,
                shift_days=pseudonyms.shift_days(issuer, patient_id),
                issuer=issuer.strip(_PADDING),
                patient_id=patient_id.strip(_PADDING),
                patient_name=source.get("PatientName"),
                birth_date=source.get("PatientBirthDate"),
                study_uid=study_uid,
                new_study_uid=pseudonyms.uid(study_uid),
                study_date=source.get("StudyDate"),
                accession_number=source.get("AccessionNumber"),
                profile=profile,
                at=time.time(),
                sex=source.get("PatientSex"),
            )
        )
        if len(self.entered) >= _MOST_ENTERED:
            self.entered.clear()
        self.entered.add(key)

    def patients_of(self, handle: str) -> set[str]:
        """The handles of the patients that the vault has for a study; none without a vault."""
        known = self.vault.identities(handle) if self.vault else []
        return {self.handles.patient_handle(one.issuer, one.patient_id) for one in known}

    def new_study_uids(self, handle: str, study_uid: str) -> list[str]:
        """The de-identified StudyInstanceUIDs of a study.

        There is more than one if it names patients of two generations of the secret.
        """
        known = self.vault.identities(handle) if self.vault else []
        return sorted({one.new_study_uid for one in known}) or [self.handles.uid(study_uid)]

    def close(self) -> None:
        """Let other commands change the keys."""
        locks.release(self.lock)


def open_keys(programme: Programme) -> SiteKeys:
    """Read and check the keys for use. Raises :class:`ConfigError` with the remedy."""
    lock = locks.take(_spool(programme), _CHANGING, shared=True)
    try:
        return _read(programme, lock)
    except BaseException:
        locks.release(lock)
        raise


def key_files(programme: Programme) -> list[Path]:
    """The key files that the configured mode needs."""
    return (
        [programme.programme_key_file]
        if programme.mode == ANONYMISED
        else [programme.key_file, programme.vault_key_file]
    )


def signing_seed(programme: Programme) -> bytes:
    """32 secret bytes that the site signs with, of its newest secret. Raises :class:`ConfigError`."""
    return derive(read_key(key_files(programme)[0]), "signing")


def vault_file(programme: Programme) -> Path:
    """Where the vault is, or would be."""
    return programme.vault_directory / FILE


def create_keys(programme: Programme) -> list[Path]:
    """Make what the configured mode needs and is not there: keys, and an empty vault; return what was made.

    Raises :class:`ConfigError`: a key that belongs to existing data is restored, never made anew.
    """
    vault = vault_file(programme)
    _check_mode(programme)
    safeio.make_directories(programme.vault_directory)
    if programme.mode != ANONYMISED and vault.exists():
        missing = [path for path in key_files(programme) if not path.exists()]
        if missing:
            raise ConfigError(
                f"{missing[0]}: this key is missing, and {vault} cannot be used without it; "
                "put it back from your backup"
            )
        return []
    made = []
    for path in key_files(programme):
        if not path.exists():
            create_key(path)
            made.append(path)
    if programme.mode != ANONYMISED:
        Vault.create(vault, read_key(programme.vault_key_file))
        made.append(vault)
    return made


def rotate(programme: Programme, before: Callable[[], None]) -> int:
    """Replace the site's secret by a fresh one; return its generation. Patients known to the vault keep theirs.

    ``before`` is called when all is checked and nothing is changed yet. The old secret goes into the vault
    before the key file is replaced: cut short at any point, either the old or the new secret is in use and
    nothing is lost. Raises :class:`ConfigError`, ``OSError``.
    """
    path = programme.key_file
    if programme.mode == ANONYMISED:
        raise ConfigError(
            "an anonymised programme has one key and no vault: with another key every patient would become a new one. "
            "Close the programme and begin a new one instead"
        )
    lock = locks.take(_spool(programme), _RUNNING)
    try:
        keys = _read(programme, lock)
        assert keys.vault is not None  # the mode says so
        if not os.access(path.parent, os.W_OK):
            raise ConfigError(f"{path.parent}: the key cannot be replaced there; run as its owner")
        before()
        begin(programme, keys)
        secret = new_secret()
        keys.vault.retire(read_key(path), check_value(secret))
        replace_key(path, secret)
        keys.vault.turn()
        return len(keys.vault.generations) + 1
    finally:
        locks.release(lock)


def begin(programme: Programme, keys: SiteKeys) -> None:
    """Write into the vault whose it is and that the newest secret is in use; nothing when that is written."""
    if keys.vault is None:
        return
    check = check_value(read_key(programme.key_file))
    if keys.vault.beginning is None:
        keys.vault.begin(programme.site, programme.name, check, programme.code)
    if keys.vault.generations and keys.vault.generations[-1].following == check:
        keys.vault.turn()


def closed(programme: Programme) -> float | None:
    """When the configured programme was closed (seconds of the epoch), or ``None``."""
    return next((record["at"] for record in _closings(programme) if record["programme"] == programme.name), None)


def take_alone(programme: Programme) -> int:
    """Lock the keys for changing them; raises :class:`ConfigError` while the node runs."""
    return locks.take(_spool(programme), _RUNNING)


def close_programme(programme: Programme) -> None:
    """Destroy the key of an anonymised programme, for good, and write down that it is closed.

    The caller is alone (:func:`take_alone`). Cut short, it may be called again. Raises ``OSError``.
    """
    path = programme.programme_key_file
    if closed(programme) is None:
        records = [*_closings(programme), {"programme": programme.name, "at": time.time()}]
        # Others may read it: whoever closes the programme may not be the user that runs the node.
        safeio.write_synced(
            _tombstone(programme), "".join(f"{json.dumps(record)}\n" for record in records).encode(), mode=0o644
        )
    if path.exists():
        destroy_key(path)


def _read(programme: Programme, lock: int) -> SiteKeys:
    """Read and check the keys; ``lock`` is held by the caller."""
    site = programme.prefix
    _check_mode(programme)
    if programme.mode == ANONYMISED:
        handles = Pseudonymiser(_own_key(programme.programme_key_file), programme.name, site)
        return SiteKeys(handles, handles, None, programme.mode, 1, lock)
    secret, vault_key = read_key(programme.key_file), _own_key(programme.vault_key_file)
    if secret == vault_key:
        raise ConfigError(
            f"{programme.vault_key_file} holds the same key as {programme.key_file}; the vault needs one of its own"
        )
    vault = Vault(vault_file(programme), vault_key)
    vault.check()
    older = _older_secrets(programme, vault, secret)
    generations = [Pseudonymiser(one, programme.name, site) for one in (*older, secret)]
    # Only after a rotation it matters who is known already: before, everybody has the same secret.
    known = {study.pseudonym for study in vault.studies()} if older else set()
    # Spool names stay under the first secret, so that doubles are recognised after a rotation.
    patients = Keyring(generations, known) if older else generations[0]
    return SiteKeys(generations[0], patients, vault, programme.mode, len(generations), lock)


def _older_secrets(programme: Programme, vault: Vault, secret: bytes) -> list[bytes]:
    """The secrets before this one, the oldest first. Raises :class:`ConfigError` when it is not the vault's newest."""
    begun, check = vault.beginning, check_value(secret)
    if begun is None:
        return []
    if (begun.site, begun.programme) != (programme.site, programme.name):
        raise ConfigError(
            f"the vault {vault_file(programme)} belongs to site {begun.site}, programme {begun.programme}, and not to "
            f"{programme.site}, {programme.name}: correct [site] id or [deidentify] programme, "
            f"or name another [deidentify] vault_directory"
        )
    if begun.code != programme.code:
        raise ConfigError(
            f"the vault {vault_file(programme)} was begun with "
            f"{f'[site] code {begun.code}' if begun.code else 'no [site] code'}: put that back in "
            f"{programme.settings}, every "
            "patient would get a second pseudonym"
        )
    older = [generation.secret for generation in vault.generations]
    if older and older[-1] == secret and not vault.generations[-1].over:
        older.pop()  # a rotation that did not come to its end
    elif check != (vault.generations[-1].following if older else begun.check):
        raise ConfigError(
            f"the key {programme.key_file} is not the key this node has used so far, says its vault: every patient "
            "would get a second pseudonym. Put the newest key back from your backup; 'fidac-node site key rotate' is "
            "the way to a new one"
        )
    return older


def _check_mode(programme: Programme) -> None:
    """Refuse what contradicts the configured mode."""
    vault = vault_file(programme)
    if programme.mode == ANONYMISED:
        at = closed(programme)
        if at is not None:
            unfinished = programme.programme_key_file.exists()
            raise ConfigError(
                f"programme {programme.name} was closed on {time.strftime('%Y-%m-%d', time.localtime(at))}: "
                + (
                    "closing was interrupted; run 'fidac-node site programme close' again"
                    if unfinished
                    else "its key is destroyed, nobody can link to it any more. For new data choose another "
                    "[deidentify] programme, then 'fidac-node site programme open'"
                )
            )
        if vault.exists():
            raise ConfigError(
                f"[deidentify] mode is anonymised, but {vault} says who is behind the pseudonyms made so far: set mode "
                "back to pseudonymised, or name an empty [deidentify] vault_directory and another programme"
            )
    elif programme.programme_key_file.exists():
        raise ConfigError(
            f"[deidentify] mode is pseudonymised, but {programme.programme_key_file} belongs to an anonymised "
            "programme: set mode back to anonymised, or close that programme first ('fidac-node site programme close')"
        )


def _own_key(path: Path) -> bytes:
    """A key that this node makes by itself, unlike the site's secret."""
    if not path.exists():
        raise ConfigError(
            f"{path}: no key file; restore it, or begin a new programme with 'fidac-node site programme open'"
        )
    return read_key(path)


def _closings(programme: Programme) -> list[dict[str, Any]]:
    path = _tombstone(programme)
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def _tombstone(programme: Programme) -> Path:
    path = programme.programme_key_file
    return path.with_name(f"{path.name}.closed")


def _spool(programme: Programme) -> Path:
    if not programme.spool.is_dir():
        raise ConfigError(
            f"no spool at {programme.spool} yet: 'fidac-node site init' makes it; check [spool] directory"
        )
    return programme.spool
