"""What is taken out of the hub for good, by whom and why; the files go after a time, in which it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fidac_node.config.values import long_string_problem
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.errors import ConfigError, NotFound
from fidac_node.hub.archive import Archive
from fidac_node.hub.index.sites import set_site_key
from fidac_node.hub.index.withdrawn import PATIENT, SITE, STUDY, Found, Target, sites_with, studies_of
from fidac_node.hub.keeping.register import write as write_register
from fidac_node.hub.keeping.tombstones import Withdrawal
from fidac_node.hub.keeping.withdrawal import Withdrawals
from fidac_node.operations.by_site import stated_by_site
from fidac_node.operations.uses import hub_uses, user
from fidac_node.spool.queue import Spool
from fidac_node.system import signed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from peewee import Database

    from fidac_node.config.config import HubConfig

__all__ = [
    "PATIENT",
    "SITE",
    "STUDY",
    "Found",
    "Target",
    "Withdrawal",
    "all_of",
    "found_in",
    "named",
    "reason_problem",
    "undo",
    "withdraw",
]

_LONGEST_REASON: Final = 1000
_LISTS: Final = {"site": "site list", "patient": "find patients", "study": "find studies"}


def named(config: HubConfig, db: Database, kind: str, name: str) -> list[Target]:
    """What a person means by a study, a patient or a site, one for each site that has it. Raises :class:`NotFound`."""
    sites = sites_with(db, kind, name)
    if not sites:
        earlier = [
            one.id for one in all_of(config, db) if one.holds and name in (*one.studies, *one.patients, one.site)
        ]
        known = f"; it was withdrawn before, by {', '.join(earlier)}" if earlier else ""
        raise NotFound(f"the index has no {kind} {name}{known}; 'fidac-node hub {_LISTS[kind]}' lists what there is")
    return [
        Target(site, (name,) if kind == STUDY else (), (name,) if kind == PATIENT else (), kind == SITE)
        for site in sites
    ]


def signed_by_site(db: Database, file: Path) -> tuple[Target, str]:
    """What a site takes back by a file that it signed, and why. Raises :class:`ConfigError`, ``OSError``."""
    try:
        return _stated(db, file.read_bytes())
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None


def _stated(db: Database, content: bytes) -> tuple[Target, str]:
    site, statement = stated_by_site(db, content, signed.WITHDRAWAL)
    try:
        studies, patients = (tuple(map(str, statement[name])) for name in ("studies", "patients"))
        reason = str(statement["reason"])
    except (KeyError, TypeError):
        raise ConfigError(
            "it is signed, and does not say what is withdrawn: write it anew, by the same version"
        ) from None
    if not (studies or patients) or not all(map(is_valid_uid, studies)) or any(map(long_string_problem, patients)):
        raise ConfigError("it is signed, and names what is no UID or pseudonym: write it anew")
    return Target(site, studies, patients), reason


def register_key(config: HubConfig, db: Database, site: str, line: str) -> str:
    """Know what a site signs by its public key; return the fingerprint. Raises :class:`ConfigError`, ``NotFound``."""
    key = signed.read_key_line(line, site)
    hub_uses(config).write("hub site key", site, signed.fingerprint(key))
    set_site_key(db, site, key)
    write_register(config.archive.directory, db)
    return signed.fingerprint(key)


def found_in(config: HubConfig, db: Database, targets: Sequence[Target]) -> list[Found]:
    """The studies in the index that would be withdrawn, once it is written down who asks. Raises ``OSError``."""
    with hub_uses(config).during("query", f"to withdraw: {'; '.join(map(_words, targets))}") as act:
        found = [one for target in targets for one in studies_of(db, target)]
        act.number = len(found)
    return found


def reason_problem(reason: str) -> str:
    """What is wrong with a reason; nothing if it is one."""
    if reason.strip() and len(reason) <= _LONGEST_REASON and reason.isprintable():
        return ""
    return f"say in one line of at most {_LONGEST_REASON} characters why, without a name"


def withdraw(config: HubConfig, db: Database, targets: Sequence[Target], reason: str) -> list[Withdrawal]:
    """Take these out of every answer, for good, and let their files be deleted after ``[archive] withdrawal_days``.

    Raises :class:`ConfigError` (also for a reason that is none), ``OSError``.
    """
    if problem := reason_problem(reason):
        raise ConfigError(f"--reason: {problem}")
    acts, done = _withdrawals(config, db), []
    for target in targets:
        with hub_uses(config).during("hub withdraw", _words(target), reason) as act:
            studies = studies_of(db, target)
            act.studies = {one.StudyInstanceUID: one.PatientID for one in studies}
            act.number = sum(one.instances for one in studies)
            done.append(acts.withdraw(target, who=user(), reason=reason))
    return done


def undo(config: HubConfig, db: Database, name: str, reason: str) -> tuple[Withdrawal, int]:
    """Let what was withdrawn come again, and put back what is left of it; return how many objects that were.

    Raises :class:`NotFound`, ``OSError``.
    """
    hub_uses(config).write("hub withdraw --undo", name, reason)
    return _withdrawals(config, db).undo(name)


def settle(config: HubConfig, db: Database) -> None:
    """Take out again what came back with an older copy."""
    _withdrawals(config, db).settle()


def all_of(config: HubConfig, db: Database) -> list[Withdrawal]:
    """Every withdrawal, the first one first."""
    return _withdrawals(config, db).all()


def _withdrawals(config: HubConfig, db: Database) -> Withdrawals:
    return Withdrawals(
        Archive(config.archive.directory),
        db,
        Spool(config.spool.directory / "inbox"),
        config.spool.directory,
        days=config.archive.withdrawal_days,
        limit=config.receive.max_object,
    )


def _words(target: Target) -> str:
    what = "all" if target.whole else ", ".join([*target.patients, *target.studies])
    return f"{what} of {target.site}"
