"""The whole archive read once in so many days, a little at a time: rot is found while a site may still have a copy.

Where the reading is stands in ``.scrub.json`` beside the archive, so that a restart goes on there. It is as far as the
days that have passed, and never faster than a bounded rate: filing comes first.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from peewee import Database, PeeweeException

from fidac_node.errors import Temporary
from fidac_node.system import safeio
from fidac_node.system.database import borrowed

if TYPE_CHECKING:
    from fidac_node.hub.keeping.fixity import Checked, Fixity

log = logging.getLogger(__name__)

FILE: Final = ".scrub.json"
# Seconds between two turns, and of one at most: what a crash lets be read again.
INTERVAL: Final = 60.0
_TURN: Final = 50.0
_DAY: Final = 86400.0


@dataclass(frozen=True)
class Round:
    """One reading of the archive: since when (seconds of the epoch), which object was the last, what was found.

    ``total`` is how many bytes there were at its beginning, ``wrong`` counts files that are not what was filed,
    ``strays`` such as have no row. ``ended`` is 0 before the end.
    """

    began: float
    total: int
    after: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    wrong: int = 0
    strays: int = 0
    ended: float = 0.0


@dataclass(frozen=True)
class Progress:
    """The reading that is under way, and the last one that came to its end."""

    now: Round | None = None
    last: Round | None = None


class Scrub:
    """Reads the archive in ``days``, at most ``rate`` bytes a second; ``directory`` is the archive's."""

    def __init__(self, fixity: Fixity, db: Database, directory: Path, *, days: float, rate: int) -> None:
        self._fixity, self._db, self._path = fixity, db, directory / FILE
        self._period, self._rate = days * _DAY, rate
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let a turn end at once."""
        self._stop.set()

    def turn(self) -> None:
        """Read on, as far as it is due, for most of a minute."""
        try:
            self._turn()
        except (PeeweeException, Temporary, OSError) as error:
            log.warning("the archive is not read through now, it goes on later: %s", error)

    def _turn(self) -> None:
        progress = read(self._path.parent)
        now = progress.now or Round(time.time(), self._total())
        until = time.monotonic() + _TURN
        began = now
        try:
            if now.bytes >= self._due(now):
                return
            for checked in self._fixity.check(now.after, self._rest):
                now = _counted(now, checked)
                if self._stop.is_set() or time.monotonic() > until or now.bytes >= self._due(now):
                    return
            now = self._ended(now)
        finally:
            if now != began or progress.now is None:
                self._keep(now, progress.last)

    def _ended(self, now: Round) -> Round:
        log.info("the archive was read through: %d files, %d wrong, %d without a row", now.files, now.wrong, now.strays)
        return replace(now, ended=time.time())

    def _keep(self, now: Round, last: Round | None) -> None:
        progress = Progress(None, now) if now.ended else Progress(now, last)
        safeio.write_synced(self._path, json.dumps(asdict(progress)).encode())

    def _total(self) -> int:
        from fidac_node.hub.index.filed import archived_bytes  # which a status that only reads the file needs not

        with borrowed(self._db):
            return archived_bytes(self._db)

    def _due(self, now: Round) -> float:
        """How many bytes should have been read by now; a clock that was set back makes none due."""
        share = (time.time() - now.began) / self._period
        return math.inf if share >= 1 else share * now.total

    def _rest(self, size: int) -> None:
        self._stop.wait(size / self._rate)


def _counted(now: Round, checked: Checked) -> Round:
    place, size, fault = checked
    return replace(
        now,
        after=tuple(place),
        files=now.files + 1,
        bytes=now.bytes + size,
        wrong=now.wrong + (fault not in ("", "no-row")),
        strays=now.strays + (fault == "no-row"),
    )


def read(directory: Path) -> Progress:
    """How far the archive in ``directory`` was read; nothing where that is not known. Raises ``OSError``."""
    try:
        found = json.loads((directory / FILE).read_bytes())
        return Progress(*(_round(found[name]) for name in ("now", "last")))
    except FileNotFoundError:
        return Progress()
    except (ValueError, KeyError, TypeError):
        log.warning("%s cannot be read: the archive is read through from its beginning", directory / FILE)
        return Progress()


def _round(found: dict[str, Any] | None) -> Round | None:
    return None if found is None else Round(**{**found, "after": tuple(found["after"])})
