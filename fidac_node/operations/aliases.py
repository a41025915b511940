"""A patient whom the PACS merged or renumbered: written down at the site, and told to the hub in a signed file."""

from __future__ import annotations

import datetime
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fidac_node.deidentify.rewrite.pseudonym import identity
from fidac_node.errors import ConfigError, NotFound
from fidac_node.identity import keys as site_keys
from fidac_node.identity.reasons import check_reason
from fidac_node.operations.patients import check_naming
from fidac_node.operations.uses import UseLog
from fidac_node.system import signed

if TYPE_CHECKING:
    from fidac_node.config.config import SiteConfig
    from fidac_node.identity.keys import SiteKeys


@dataclass(frozen=True)
class Alias:
    """One person: the pseudonym by which he is ``person``, all others of his, and the signed file for the hub."""

    person: str
    others: tuple[str, ...]
    content: bytes


def alias(config: SiteConfig, old: str, new: str, issuer: str, reason: str) -> Alias:
    """Write down that the ids ``old`` and ``new`` are one person, who is known by the pseudonyms of ``old``.

    Nothing changes at the site: each id keeps its pseudonym and its shift of dates. Raises :class:`NotFound` for an
    ``old`` one that the vault does not know, :class:`ConfigError` (also for a reason that names him), ``OSError``.
    """
    check_reason(reason, [old, new])
    if identity(issuer, old) == identity(issuer, new):
        raise ConfigError("the two ids are one id: spaces around it do not count")
    seed = site_keys.signing_seed(config.programme)
    with closing(site_keys.open_keys(config.programme)) as keys:
        before = _known(keys, old, issuer, reason)
        after = _known(keys, new, issuer, reason) or [_made(keys, new, issuer)]
        if keys.vault is None:
            before = [_made(keys, old, issuer)]
    if not before:
        raise NotFound(
            "the old ID is not in the vault; IDs are compared exactly but for spaces: leading zeros and case count"
        )
    person, *more = before
    others = tuple(one for one in (*more, *after) if one != person)
    UseLog(config.deidentify.vault_directory).write("patient alias", ", ".join([person, *others]), reason)
    statement = {
        "site": config.site.id,
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "person": person,
        "pseudonyms": list(others),
        "reason": reason,
    }
    return Alias(person, others, signed.sign(seed, signed.ALIAS, statement))


def _made(keys: SiteKeys, patient_id: str, issuer: str) -> str:
    """The pseudonym that the key makes of an id."""
    return keys.patients.of(issuer, patient_id).patient(issuer, patient_id)


def _known(keys: SiteKeys, patient_id: str, issuer: str, reason: str) -> list[str]:
    """By which pseudonyms the vault, if there is one, knows a patient, in order."""
    wanted = identity(issuer, patient_id)
    known = [
        study
        for study in (keys.vault.studies() if keys.vault else ())
        if identity(study.issuer if issuer else "", study.patient_id) == wanted
    ]
    check_naming(reason, known)
    return sorted({study.pseudonym for study in known})
