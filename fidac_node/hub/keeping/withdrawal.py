"""What a person withdraws is out of every answer at once, comes back by no resend, and is deleted after a time.

The record is written first, then the rows go, then the files are moved out of the archive. Whatever cuts that short,
:meth:`Withdrawals.settle` brings to its end: it makes rows and files say what the records say, at every start and every
minute. So it does when index or archive were put back from an older copy.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from peewee import Database, PeeweeException

from fidac_node.errors import ConfigError, NotFound, Temporary
from fidac_node.hub.archive import Archive
from fidac_node.hub.index.held import forget_held
from fidac_node.hub.index.rebuild import take_in
from fidac_node.hub.index.uploads import forget_studies
from fidac_node.hub.index.withdrawn import Target, enter, leave, note_instances, take_out, targets
from fidac_node.hub.keeping.tombstones import Tombstones, Withdrawal, new_name
from fidac_node.receive.check import PlainHandles
from fidac_node.spool.queue import Spool
from fidac_node.system.database import borrowed, exclusive

log = logging.getLogger(__name__)

INTERVAL: Final = 60.0  # seconds between two looks at what is to be brought to its end
_DAY: Final = 86400.0


class Withdrawals:
    """Withdraws from ``archive``, from the index ``db`` and from what the hub's ``spool`` (its inbox) holds.

    ``directory`` is the folder of the hub's spools. So many ``days`` a withdrawal can be undone, then its files are
    deleted; ``limit`` (bytes) bounds inflating.
    """

    def __init__(
        self, archive: Archive, db: Database, spool: Spool, directory: Path, *, days: float, limit: int = 4 << 30
    ) -> None:
        self._archive, self._db, self._spool = archive, db, spool
        self._days, self._limit = days, limit
        self._tombstones = Tombstones(archive.directory, directory)

    def all(self) -> list[Withdrawal]:
        """Every withdrawal, the first one first. Raises ``OSError``."""
        return list(self._tombstones.all().values())

    def withdraw(self, target: Target, *, who: str, reason: str) -> Withdrawal:
        """Take a target out of every answer, for good.

        Raises :class:`ConfigError` while another withdraws, ``OSError``, ``peewee.PeeweeException``.
        """
        with self._tombstones.alone():
            now = time.time()
            withdrawal = Withdrawal(new_name(), target.site, now, now + self._days * _DAY, who, reason, *target[1:])
            self._tombstones.write(withdrawal)
            return self._take_effect(withdrawal)

    def undo(self, name: str) -> tuple[Withdrawal, int]:
        """Let what was withdrawn come again, and put back what is left of it; return how many objects that were.

        Raises :class:`NotFound`, and as :meth:`withdraw`.
        """
        with self._tombstones.alone():
            withdrawal = self._tombstones.agree().get(name)
            if withdrawal is None or not withdrawal.holds:
                raise NotFound(f"no withdrawal {name} that holds; 'fidac-node hub withdraw --list' shows them")
            undone = replace(withdrawal, undone=time.time())
            self._tombstones.write(undone)
            return undone, self._put_back(undone)

    def settle(self) -> None:
        """Make rows and files say what the records say, and delete the files whose time has come.

        What cannot be done now is done later, with a warning.
        """
        try:
            with self._tombstones.alone(), borrowed(self._db):
                self._settle()
        except ConfigError:
            log.info("a withdrawal is under way")
        except (PeeweeException, Temporary, OSError) as error:
            log.warning("withdrawals cannot be looked after now, they are later: %s", error)

    def _settle(self) -> None:
        entered = targets(self._db)
        known = self._tombstones.agree()
        for name, target in entered.items():
            if name not in known:  # archive and spool are both an older copy
                until = time.time() + self._days * _DAY
                known[name] = Withdrawal(name, target.site, time.time(), until, "unknown", "record lost", *target[1:])
        for withdrawal in known.values():
            if withdrawal.holds:
                self._hold_to(withdrawal, entered=withdrawal.id in entered)
            elif withdrawal.id in entered:
                self._put_back(withdrawal)

    def _hold_to(self, withdrawal: Withdrawal, *, entered: bool) -> None:
        if not entered or any(map(self._is_there(withdrawal), self._studies(withdrawal))):
            self._take_effect(withdrawal)
        if time.time() >= withdrawal.until and (not withdrawal.deleted or self._tombstones.has_files(withdrawal)):
            forget_studies(self._db, withdrawal.site, None if withdrawal.whole else withdrawal.studies)
            self._tombstones.delete(withdrawal)
            log.warning("the files of withdrawal %s are deleted for good", withdrawal.id)

    def _take_effect(self, withdrawal: Withdrawal) -> Withdrawal:
        """Rows, then files, then what waits for a person."""
        target = Target(withdrawal.site, withdrawal.studies, withdrawal.patients, withdrawal.whole)
        with exclusive(self._db, long=True):
            found, sops = take_out(self._db, target)
            if not withdrawal.whole:
                studies = sorted({*withdrawal.studies, *(one.StudyInstanceUID for one in found)})
                withdrawal = replace(withdrawal, studies=tuple(studies))
            here = (sop for study in self._studies(withdrawal) for sop in self._files(withdrawal.site, study))
            everything = sorted({*self._tombstones.instances(withdrawal), *sops, *here})
            withdrawal = replace(withdrawal, instances=len(everything))
            self._tombstones.write(withdrawal, everything)
            enter(self._db, withdrawal.id, target._replace(studies=withdrawal.studies))
            note_instances(self._db, withdrawal.id, withdrawal.site, everything)
        self._tombstones.set_aside(withdrawal, self._studies(withdrawal))
        self._drop_held(withdrawal)
        return withdrawal

    def _put_back(self, withdrawal: Withdrawal) -> int:
        with exclusive(self._db, long=True):
            leave(self._db, withdrawal.id)
            self._tombstones.put_back(withdrawal)
            taken = take_in(self._archive, self._db, withdrawal.site, self._studies(withdrawal), limit=self._limit)
        for path, why in taken.skipped:
            log.error("%s was put back, and cannot be indexed: %s", path, why)
        for (_, study, _), name in taken.withdrawn.items():  # another withdrawal holds for it, too
            other = self._tombstones.all()[name]
            self._take_effect(replace(other, studies=tuple(sorted({*other.studies, study}))))
        return taken.indexed

    def _studies(self, withdrawal: Withdrawal) -> list[str]:
        """The studies that it is about, as far as they are known."""
        return self._archive.names(withdrawal.site) if withdrawal.whole else list(withdrawal.studies)

    def _files(self, site: str, study: str) -> Iterator[str]:
        """The instances of which the archive has files."""
        return (sop for series in self._archive.names(site, study) for sop in self._archive.names(site, study, series))

    def _is_there(self, withdrawal: Withdrawal) -> Callable[[str], bool]:
        return lambda study: (self._archive.directory / withdrawal.site / study).is_dir()

    def _drop_held(self, withdrawal: Withdrawal) -> None:
        handles = set(map(PlainHandles().study_handle, withdrawal.studies))
        for entry in self._spool.entries("held"):
            if withdrawal.whole or entry.study in handles:
                reason = self._spool.reason(entry) or {}
                if reason.get("site") == withdrawal.site:
                    self._spool.remove(entry)
                    forget_held(self._db, str(entry))
