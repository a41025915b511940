"""What is taken out of the hub for good, by whom and why; the files go after a time, in which it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fidac_node.errors import ConfigError, NotFound
from fidac_node.hub.archive import Archive
from fidac_node.hub.index.withdrawn import PATIENT, SITE, STUDY, Found, Target, sites_with, studies_of
from fidac_node.hub.tombstones import Withdrawal
from fidac_node.hub.withdrawal import Withdrawals
from fidac_node.operations.uses import hub_uses, user
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    "undo",
    "withdraw",
]

_LONGEST_REASON: Final = 1000


def named(config: HubConfig, db: Database, kind: str, name: str) -> list[Target]:
    """What a person means by a study, a patient or a site, one for each site that has it. Raises :class:`NotFound`."""
    sites = sites_with(db, kind, name)
    if not sites:
        earlier = [
            one.id for one in all_of(config, db) if one.holds and name in (*one.studies, *one.patients, one.site)
        ]
        known = f"; it was withdrawn before, by {', '.join(earlier)}" if earlier else ""
        raise NotFound(f"the index has no {kind} {name}{known}; 'fidac-node hub find studies' lists what there is")
    return [
        Target(site, (name,) if kind == STUDY else (), (name,) if kind == PATIENT else (), kind == SITE)
        for site in sites
    ]


def found_in(db: Database, targets: Sequence[Target]) -> list[Found]:
    """The studies in the index that would be withdrawn."""
    return [found for target in targets for found in studies_of(db, target)]


def withdraw(config: HubConfig, db: Database, targets: Sequence[Target], reason: str) -> list[Withdrawal]:
    """Take these out of every answer, for good, and let their files be deleted after ``[archive] withdrawal_days``.

    Raises :class:`ConfigError` (also for a reason that is none), ``OSError``.
    """
    if not reason.strip() or len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise ConfigError(f"--reason: say in one line of at most {_LONGEST_REASON} characters why, without a name")
    acts, done = _withdrawals(config, db), []
    for target in targets:
        number = sum(one.instances for one in studies_of(db, target))
        hub_uses(config).write("hub withdraw", f"{target.site}: {_words(target)}", reason, number)
        done.append(acts.withdraw(target, who=user(), reason=reason))
    return done


def undo(config: HubConfig, db: Database, name: str, reason: str) -> tuple[Withdrawal, int]:
    """Let what was withdrawn come again, and put back what is left of it; return how many objects that were.

    Raises :class:`NotFound`, ``OSError``.
    """
    hub_uses(config).write("hub withdraw --undo", name, reason)
    return _withdrawals(config, db).undo(name)


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
    return "all" if target.whole else ", ".join([*target.patients, *target.studies])
