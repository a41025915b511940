"""Whether spool, archive and index belong together: a disk that is not mounted is an empty folder, and looks new.

Each of the three carries the name of the installation. One that has none is given it, as by an earlier version, unless
there is something that it should have: then a disk is missing, and nothing may be filed, answered or asked again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from peewee import Database

from fidac_node.errors import ConfigError
from fidac_node.hub.index.models import Fact
from fidac_node.system import installation
from fidac_node.system.database import ask, borrowed, exclusive, sqlite_path

_FACT: Final = "installation"
_MOUNT: Final = "mount its disk, then start again (if it is the right folder after all: 'fidac-node hub adopt')"


class Belonging:
    """Looks whether the folders ``spool`` and ``archive`` and the index ``db`` are of one installation."""

    def __init__(self, spool: Path, archive: Path, db: Database) -> None:
        self._spool, self._archive, self._db = spool, archive, db

    def demand(self) -> str:
        """The name of the installation, as far as there is one yet; nothing is changed.

        Raises :class:`ConfigError` with what is to be done, ``OSError``, ``peewee.PeeweeException``.
        """
        index, filed = self._index()
        names = {"spool": installation.read(self._spool), "archive": installation.read(self._archive)}
        folders = {"spool": self._spool, "archive": self._archive}
        known = {name for name in (*names.values(), index) if name}
        if len(known) > 1:
            said = ", ".join(f"{what} {folders[what]}: {name[:8]}" for what, name in names.items() if name)
            raise ConfigError(
                f"spool, archive and index belong to different installations ({said}, index: {index[:8] or 'none'}): "
                "another disk is mounted, or one of [spool] directory, [archive] directory, [index] database is wrong; "
                "correct that (after moving data on purpose: 'fidac-node hub adopt')"
            )
        for what, name in names.items():
            if known and filed and not name:
                state = "is empty" if installation.is_empty(folders[what]) else "is not the one of this hub"
                raise ConfigError(f"the {what} {folders[what]} {state}, and the index has objects; {_MOUNT}")
        if not filed and self._has_objects() and not self._waits():
            raise ConfigError(
                f"the index is empty, and the archive {self._archive} is not; 'fidac-node hub reindex' makes the "
                "index anew from it, with sites and their AE titles, then start again"
            )
        return next(iter(known), "")

    def settle(self) -> None:
        """Write the name wherever it is not yet; the tables are there. Raises as :meth:`demand`."""
        self._write(self.demand() or installation.new())

    def adopt(self) -> str:
        """Let spool, archive and index belong together from now on, as a person says; return the name."""
        name = installation.read(self._archive) or self._index()[0] or installation.new()
        self._write(name)
        return name

    def _write(self, name: str) -> None:
        for directory in (self._spool, self._archive):
            if installation.read(directory) != name:
                installation.write(directory, name)
        with borrowed(self._db), exclusive(self._db):
            Fact.insert(name=_FACT, value=name).on_conflict(
                conflict_target=[Fact.name], update={Fact.value: name}
            ).execute(self._db)

    def _index(self) -> tuple[str, bool]:
        """The name in the index, and whether it has objects; one that is not there yet has neither."""
        file = sqlite_path(self._db)
        if file is not None and not file.exists():
            return "", False
        with borrowed(self._db):
            if not self._db.table_exists("fact"):
                return "", False
            found = ask(self._db, "SELECT value FROM fact WHERE name = ?", _FACT)
            filed = bool(ask(self._db, "SELECT 1 FROM instance LIMIT 1"))
        return str(found[0][0]) if found else "", filed

    def _has_objects(self) -> bool:
        return any(True for _ in self._archive.glob("[!.]*/*/*/*.dcm"))

    def _waits(self) -> bool:
        """Whether something is still to be filed: a crash before the first row leaves files without any."""
        inbox = self._spool / "inbox"
        return any(True for state in ("new", "work") for _ in (inbox / state).rglob("*.dcm"))
