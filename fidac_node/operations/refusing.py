"""What a site takes back: nothing of a patient or study is forwarded, what waits is dropped, and the hub is told.

The hub is told by a signed file that a person brings there: ``hub withdraw --from FILE``.
"""

from __future__ import annotations

import datetime
import shutil
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fidac_node.errors import ConfigError, NotFound
from fidac_node.identity import keys as site_keys
from fidac_node.identity.originals import DIRECTORY as HEADERS
from fidac_node.identity.reasons import check_reason
from fidac_node.operations.patients import check_naming, held_identities
from fidac_node.operations.uses import UseLog
from fidac_node.site.ledger import FILE, INBOX_STATES, OUTBOX_STATES, Ledger
from fidac_node.site.people import People
from fidac_node.site.withdrawn import PATIENT, REASON, STUDY, Withdrawn
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from fidac_node.system import signed

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig


@dataclass(frozen=True)
class Refusal:
    """What is to be withdrawn: handles of patients and studies here, pseudonyms and new StudyInstanceUIDs at the hub.

    ``theirs`` are handles of the patients' studies, as far as they are known.
    """

    patients: frozenset[str] = frozenset()
    studies: frozenset[str] = frozenset()
    theirs: frozenset[str] = frozenset()
    pseudonyms: frozenset[str] = frozenset()
    new_study_uids: frozenset[str] = frozenset()


def of_patient(config: SiteConfig, patient_id: str, issuer: str | None, reason: str) -> Refusal:
    """What a patient's withdrawal is about; without ``issuer`` every issuer counts that the vault knows.

    Raises :class:`NotFound` for one whom the vault does not know, :class:`ConfigError` (also for a reason that names
    him), ``OSError``.
    """
    from fidac_node.deidentify.rewrite.pseudonym import identity

    check_reason(reason, [patient_id])
    wanted = identity(issuer or "", patient_id)
    with closing(site_keys.open_keys(config.programme)) as keys:
        known = [
            study
            for study in (keys.vault.studies() if keys.vault else ())
            if identity(study.issuer if issuer else "", study.patient_id) == wanted
        ]
        check_naming(reason, known)
        # Who asks learns by which pseudonym the hub has him.
        _record(config, "withdraw --patient-id", {study.pseudonym for study in known}, reason)
        if keys.vault is not None and not known:
            raise NotFound(
                "no patient with this ID is in the vault; IDs are compared exactly but for spaces: "
                "leading zeros and case count"
            )
        whose = {(study.issuer, study.patient_id) for study in known} or {(issuer or "", patient_id)}
        patients = {keys.handles.patient_handle(*one) for one in whose}
        pseudonyms = {study.pseudonym for study in known} | {keys.patients.of(*one).patient(*one) for one in whose}
        return Refusal(
            patients=frozenset(patients),
            theirs=frozenset(study.handle for study in known),
            pseudonyms=frozenset(pseudonyms),
            new_study_uids=frozenset(study.new_study_uid for study in known),
        )


def of_study(config: SiteConfig, handle: str, reason: str) -> Refusal:
    """What a study's withdrawal is about. Raises as :func:`of_patient`."""
    with closing(site_keys.open_keys(config.programme)) as keys:
        if keys.vault is None:
            raise ConfigError(f"{site_keys.NO_VAULT}, nor which study the hub knows: withdraw by --patient-id")
        known = keys.vault.identities(handle)
        if not known:
            raise NotFound(f"no study {handle} is in the vault; 'fidac-node site studies' lists the handles")
        check_naming(reason, known, held_identities(config, handle))
        _record(config, "withdraw --study", {handle}, reason)
        new_uids = frozenset(study.new_study_uid for study in known)
        return Refusal(studies=frozenset({handle}), new_study_uids=new_uids)


def still_here(config: SiteConfig, refusal: Refusal) -> dict[str, int]:
    """How many objects of it this site still has, by state. Raises ``Temporary``, ``OSError``."""
    with closing(Ledger(config.spool.directory / FILE)) as rows:
        return dict(Counter(state for _, state, _ in _objects(config, rows, refusal)))


def withdraw(config: SiteConfig, refusal: Refusal, reason: str) -> tuple[bytes, int]:
    """Forward nothing more of it and drop what is here; return the signed file for the hub, and how much was dropped.

    Raises :class:`ConfigError`, ``Temporary``, ``OSError``.
    """
    seed = site_keys.signing_seed(config.programme)
    _record(config, "withdraw --confirm", refusal.pseudonyms | refusal.studies, reason)
    handles = [(PATIENT, one) for one in refusal.patients] + [(STUDY, one) for one in refusal.studies]
    Withdrawn(config.deidentify.vault_directory).add(handles)
    dropped = 0
    with closing(Ledger(config.spool.directory / FILE)) as rows:
        People.wait_for_leaving(Spool(config.spool.directory / "outbox"))
        for entry, _, spool in _objects(config, rows, refusal):
            rows.note(entry, "dropped", reason=REASON, message="withdrawn at this site")
            rows.forget_first(entry)
            spool.remove(entry)
            dropped += 1
    for study in refusal.studies | refusal.theirs:
        shutil.rmtree(config.spool.directory / HEADERS / study, ignore_errors=True)
    return signed.sign(seed, signed.WITHDRAWAL, _statement(config, refusal, reason)), dropped


def public_key(config: SiteConfig) -> tuple[str, str]:
    """The line by which the hub knows what this site signs, and its fingerprint. Raises :class:`ConfigError`."""
    line = signed.key_line(site_keys.signing_seed(config.programme), config.site.id)
    return line, signed.fingerprint(signed.read_key_line(line, config.site.id))


def _record(config: SiteConfig, act: str, names: Collection[str], reason: str) -> None:
    """Write down an act before there is an answer. Raises ``OSError``: then there is none."""
    UseLog(config.deidentify.vault_directory).write(act, ", ".join(sorted(names)) or "-", reason)


def _statement(config: SiteConfig, refusal: Refusal, reason: str) -> dict[str, Any]:
    return {
        "site": config.site.id,
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "patients": sorted(refusal.pseudonyms),
        "studies": sorted(refusal.new_study_uids),
        "reason": reason,
    }


def _objects(config: SiteConfig, rows: Ledger, refusal: Refusal) -> Iterator[tuple[Entry, str, Spool]]:
    """The objects here that it is about, what the ledger calls their state, and the spool that has them."""
    known = [row for patient in refusal.patients for row in rows.rows(patient=patient)]
    named = {row["entry"] for row in known}
    # A study that names nobody else is his whole, also what waits and nobody has looked at yet.
    theirs = refusal.theirs.union(row["study"] for row in known)
    claims = rows.patients(theirs) if theirs else {}
    whole = refusal.studies.union(study for study in theirs if claims.get(study, frozenset()) <= refusal.patients)
    for name, states in (("inbox", INBOX_STATES), ("outbox", OUTBOX_STATES)):
        spool = Spool(config.spool.directory / name)
        for directory, state in states.items():
            for entry in spool.entries(directory):
                if entry.study in whole or str(entry) in named:
                    yield entry, state, spool
