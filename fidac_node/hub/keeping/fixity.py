"""Whether the archive has what was filed: files by digest and size, rows without files, files without rows.

Folders and rows are compared one series at a time, in the order of their names, so that memory stays flat and a reading
can go on where another ended. A file that is found to be wrong is doubted in the index: from then on the hub does not
answer for it unread, and the site sends it again as soon as it asks.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from peewee import Database

from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.digests import Filed
from fidac_node.hub.index.filed import File, doubt, files, names, trust
from fidac_node.receive.check import PlainHandles
from fidac_node.spool.queue import Spool
from fidac_node.system.database import borrowed

log = logging.getLogger(__name__)

Fault: TypeAlias = Literal["", "missing", "size", "digest", "unreadable", "no-row"]

WORDS: Final[dict[Fault, str]] = {
    "missing": "the file is gone",
    "size": "the file has another size than when it was filed",
    "digest": "the file has other bytes than when it was filed",
    "unreadable": "the disk cannot read the file",
    "no-row": "a file that the index does not have",
}
_BEFORE_ALL: Final = Place("", "", "", "")


class Checked(NamedTuple):
    """An object that was looked at: the bytes that its file should have, and what is wrong with it; empty: nothing."""

    place: Place
    size: int
    fault: Fault


class Fixity:
    """Compares ``archive`` with the index ``db``; what ``spool`` holds is on its way into both."""

    def __init__(self, archive: Archive, db: Database, spool: Spool) -> None:
        self._archive, self._db, self._spool = archive, db, spool
        self._handle = PlainHandles().instance_handle

    def check(self, after: Sequence[str] = (), rest: Callable[[int], object] | None = None) -> Iterator[Checked]:
        """Look at each object after the place ``after`` (none: all), in order.

        ``rest`` hears the size of each piece that was read. Raises ``OSError`` for an archive and
        ``peewee.PeeweeException`` for an index that does not answer.
        """
        last = Place(*after) if after else _BEFORE_ALL
        for series in self._series(last):
            yield from self._check_series(series, last.sop if series == last[:3] else "", rest)

    def _series(self, last: Place) -> Iterator[tuple[str, str, str]]:
        """The series of the archive and of the index, from that of ``last`` on."""
        first_site, first_study, first_series, _ = last
        for site in self._below(first_site):
            for study in self._below(first_study if site == first_site else "", site):
                begun = (site, study) == (first_site, first_study)
                for series in self._below(first_series if begun else "", site, study):
                    yield site, study, series

    def _below(self, first: str, *above: str) -> list[str]:
        with borrowed(self._db):
            known = names(self._db, *above)
        return sorted(name for name in {*known, *self._archive.names(*above)} if name >= first)

    def _check_series(
        self, series: tuple[str, str, str], after: str, rest: Callable[[int], object] | None
    ) -> Iterator[Checked]:
        found = self._archive.names(*series)  # before the rows: a file is there before its row
        with borrowed(self._db):
            known = files(self._db, *series)
        strays = self._strays(series, found, known)
        for sop in sorted({*found, *known}):
            if sop <= after:
                continue
            place = Place(*series, sop)
            if sop in known:
                yield self._check_file(place, known[sop], rest)
            elif sop in strays:
                yield Checked(place, 0, "no-row")

    def _check_file(self, place: Place, file: File, rest: Callable[[int], object] | None) -> Checked:
        fault = self._fault(place, file.filed, rest)
        with borrowed(self._db):
            if fault:
                now = files(self._db, *place[:3]).get(place.sop)
                if now is None:  # withdrawn meanwhile
                    return Checked(place, 0, "")
                if now.filed != file.filed:  # it came again, and was replaced meanwhile
                    file, fault = now, self._fault(place, now.filed, rest)
            if bool(fault) != file.doubted:
                (doubt if fault else trust)(self._db, file.number)
        if fault:
            log.error("archive: %s: %s", place.sop, WORDS[fault])
        return Checked(place, file.filed.size, fault)

    def _fault(self, place: Place, filed: Filed, rest: Callable[[int], object] | None) -> Fault:
        try:
            return self._archive.fault(place, filed, rest)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return "unreadable"

    def _strays(self, series: tuple[str, str, str], found: Collection[str], known: Collection[str]) -> set[str]:
        """The objects without a row, but those that are being filed."""
        strays = set(found).difference(known)
        if not strays:
            return strays
        waiting = {entry.instance for state in ("new", "work") for entry in self._spool.each(state)}
        with borrowed(self._db):  # what left the spool meanwhile has its row by now
            return {sop for sop in strays.difference(files(self._db, *series)) if self._handle(sop) not in waiting}
