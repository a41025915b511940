"""One hub to one index: a lock beside an SQLite file, or one that a PostgreSQL session has."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import Any, Final, cast

from peewee import Database, OperationalError, PeeweeException

from fidac_node.errors import ConfigError
from fidac_node.system import locks, postgres
from fidac_node.system.database import sqlite_path

log = logging.getLogger(__name__)

_REMEDY: Final = "stop it first, or give this hub an [index] database of its own"


def claim_file(path: Path) -> int:
    """Lock an index that is a file, for this process and those that inherit the lock. Raises as :func:`locks.claim`."""
    return locks.claim(path.with_name(f"{path.name}.lock"), f"the index {path}", _REMEDY)


class Ownership:
    """The index of ``db``, for this family of processes alone: from now on, until :meth:`release`.

    ``locks`` are what its processes inherit. With PostgreSQL a connection has the lock: who loses it takes it again at
    the next :meth:`keep`. Raises :class:`ConfigError`, which names who has it, and ``peewee.PeeweeException``.
    """

    def __init__(self, db: Database) -> None:
        path = sqlite_path(db)
        self.locks = [claim_file(path)] if path else []
        self._db = None if path else db
        self._connection: Any = None
        self._take()

    def keep(self) -> None:
        """See that the lock is still ours; for a chore."""
        if self._connection is None or self._db is None:
            return
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except Exception as error:  # whatever the driver calls it: the session is gone, and the lock with it
            log.warning("the session that has the lock of the index is lost, it is taken again: %s", str(error).strip())
            try:
                self._take()
            except (ConfigError, PeeweeException) as trouble:
                log.error("%s", str(trouble).strip())

    def release(self) -> None:
        """Let another have it."""
        for lock in self.locks:
            locks.release(lock)
        if self._connection is not None:
            self._connection.close()

    def _take(self) -> None:
        if self._db is None:
            return
        name = f"hub, process {os.getpid()} on {socket.gethostname()}"
        try:
            # Beside peewee's own, which come and go with threads.
            self._connection = cast(Any, self._db)._connect()
            holder = postgres.claim(self._connection, name)
        except Exception as error:  # whatever the driver calls it
            raise OperationalError(str(error).strip()) from error
        if holder:
            self._connection.close()
            raise ConfigError(f"the index is in use by {holder}: {_REMEDY}")
