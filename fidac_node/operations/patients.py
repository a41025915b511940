"""Who is who at a site, from its vault: found, named and judged, and each time written down with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fidac_node.errors import ConfigError, NotFound, Permanent
from fidac_node.identity import keys as site_keys
from fidac_node.identity.keys import SiteKeys
from fidac_node.identity.programme import ANONYMISED
from fidac_node.identity.reasons import check_reason
from fidac_node.operations.uses import UseLog
from fidac_node.site.ledger import FILE, Ledger
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.identity.vault import Study

_NAMING: Final = ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber")


@dataclass(frozen=True)
class Identity:
    """A study of the vault, and the objects of it that name its patient, as far as the ledger knows whose they are."""

    study: Study
    objects: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As ``site pseudonym reidentify --json`` has it."""
        return {**asdict(self.study), "objects": list(self.objects)}


@dataclass(frozen=True)
class Imported:
    """What became of the studies of a list: how many were entered, how many were known, and why others were not taken.

    Those are named by pseudonym. ``start_again``: a node that runs is to be started again, to know them.
    """

    entered: int
    known: int
    refused: tuple[tuple[str, str], ...]
    start_again: bool


def find(config: SiteConfig, patient_id: str, issuer: str | None, reason: str) -> list[tuple[str, str]]:
    """The pseudonyms of a patient, each with the issuer of the id; without ``issuer`` every issuer counts.

    Raises :class:`NotFound`, :class:`ConfigError` (no vault, or a reason that names the patient), ``OSError``.
    """
    from fidac_node.deidentify.rewrite.pseudonym import identity

    check_reason(reason, [patient_id])
    with closing(open_vault(config)) as keys:
        wanted = identity(issuer or "", patient_id)
        found = [
            study for study in _studies(keys) if identity(study.issuer if issuer else "", study.patient_id) == wanted
        ]
    _record_each(config, "pseudonym find", found, reason)
    if not found:
        raise NotFound(
            "no patient with this ID is in the vault; IDs are compared exactly but for spaces: "
            "leading zeros and case count"
        )
    return list(dict.fromkeys((study.pseudonym, study.issuer) for study in found))


def reidentify(config: SiteConfig, wanted: str, reason: str) -> list[Identity]:
    """All that the vault holds of who is behind a pseudonym or a de-identified Study Instance UID.

    Raises as :func:`find`.
    """
    with closing(open_vault(config)) as keys:
        handles = {study.handle for study in _studies(keys) if wanted in (study.pseudonym, study.new_study_uid)}
        found = [study for study in _studies(keys) if study.handle in handles]
        _record_each(config, "pseudonym reidentify", found, reason)
        if not found:
            raise NotFound("neither a pseudonym nor a de-identified Study Instance UID of this site's vault")
        return _with_objects(config, keys, found)


def of_study(config: SiteConfig, handle: str, reason: str) -> list[Identity]:
    """Who the objects of the study ``handle`` name. Raises :class:`ConfigError`, ``OSError``."""
    with closing(open_vault(config)) as keys:
        found = keys.vault.identities(handle) if keys.vault else []
        reason = check_naming(reason, found, held_identities(config, handle))
        UseLog(config.deidentify.vault_directory).write("show --identify", handle, reason)
        return _with_objects(config, keys, found)


def import_list(config: SiteConfig, content: bytes, reason: str) -> Imported:
    """Take into the vault who is behind what was uploaded, from a list that the upload page saved.

    It is written down first. Raises :class:`ConfigError` for a list that cannot be opened with this site's keys, and
    ``OSError``, ``Temporary``; nothing is lost when it is done again.
    """
    from fidac_node.identity.correspondence import opened
    from fidac_node.identity.keyfile import read_key

    programme = config.programme
    with closing(open_vault(config)) as keys:
        assert keys.vault is not None  # or it had been refused
        secrets = [*(one.secret for one in keys.vault.generations), read_key(programme.key_file)]
        studies = opened(content, secrets, programme.name, programme.prefix)
        reason = check_naming(reason, studies)
        uses(config).write("pseudonym import", f"{len(studies)} studies", reason, number=len(studies))
        site_keys.begin(programme, keys)
        before, refused = keys.vault.newest(), []
        for study in studies:
            try:
                keys.vault.enter(replace(study, handle=keys.handles.study_handle(study.study_uid)))
            except Permanent as error:
                refused.append((study.pseudonym, str(error)))
        entered = keys.vault.newest() - before
        return Imported(entered, len(studies) - entered - len(refused), tuple(refused), keys.generation > 1)


def judge(config: SiteConfig, subject: str, reason: str, *, same: bool) -> None:
    """Decide whether a PatientID with another birth date or sex is the same person; ``subject``: study or pseudonym.

    Raises as :func:`find`.
    """
    with closing(open_vault(config)) as keys:
        known = [study for study in _studies(keys) if subject in (study.handle, study.pseudonym)]
        held = held_identities(config, subject)
        if not known and not held:
            raise NotFound(
                f"neither a study held here nor a pseudonym of this site's vault: {subject}; "
                "'site queue list --reason another-person'"
            )
        reason = check_naming(reason, known, held)
        UseLog(config.deidentify.vault_directory).write(f"patient {'same' if same else 'different'}", subject, reason)
        if keys.vault is not None:  # or open_vault had refused
            keys.vault.judge(subject, same=same)


def uses(config: SiteConfig) -> UseLog:
    """The record of acts of a site."""
    return UseLog(config.deidentify.vault_directory)


def open_vault(config: SiteConfig) -> SiteKeys:
    """The site's keys with a vault. Raises :class:`ConfigError`: also when the programme has none."""
    if config.deidentify.mode == ANONYMISED:
        raise ConfigError(site_keys.NO_VAULT)
    return site_keys.open_keys(config.programme)


def check_naming(reason: str, studies: Iterable[Study], others: Iterable[str] = ()) -> str:
    """The reason, when it names none of those whom the studies are about, and repeats none of ``others``."""
    known = [
        text
        for study in studies
        for text in (study.patient_id, study.patient_name, study.birth_date, study.accession_number)
    ]
    return check_reason(reason, [*known, *others])


def held_identities(config: SiteConfig, handle: str) -> list[str]:
    """What names the patients of the held originals of a study: no reason may repeat it."""
    from fidac_node.deidentify import open_source

    inbox, found = Spool(config.spool.directory / "inbox"), []
    for entry in inbox.entries("held"):
        if entry.study == handle:
            with (
                suppress(Permanent, FileNotFoundError),
                open_source(inbox.path(entry), config.receive.max_object) as source,
            ):
                found += [source.get(keyword) for keyword in _NAMING]
    return found


def _record_each(config: SiteConfig, command: str, found: Sequence[Study], reason: str) -> None:
    """Write down a look at each pseudonym, or one that found nobody. Raises ``OSError``: then there is no answer."""
    reason = check_naming(reason, found)
    for pseudonym in dict.fromkeys(study.pseudonym for study in found) or ("-",):
        UseLog(config.deidentify.vault_directory).write(command, pseudonym, reason)


def _studies(keys: SiteKeys) -> Iterable[Study]:
    return keys.vault.studies() if keys.vault else ()


def _with_objects(config: SiteConfig, keys: SiteKeys, studies: Sequence[Study]) -> list[Identity]:
    path = config.spool.directory / FILE
    if not path.exists():
        return [Identity(study, ()) for study in studies]
    with closing(Ledger(path, read_only=True)) as rows:
        found = []
        for study in studies:
            patient = keys.handles.patient_handle(study.issuer, study.patient_id)
            objects = tuple(row["entry"] for row in rows.rows(study=study.handle) if row.get("patient") == patient)
            found.append(Identity(study, objects))
    return found
