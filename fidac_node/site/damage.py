"""A ledger that is broken: noticed by whoever meets it, set aside by a start, begun anew with what can still be read.

Files decide, so nothing of an object is lost with it. What no file tells is carried over as far as it can be read:
which key this node began with, which version of an instance came first, whose a study is, and the journal.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from fidac_node.site.ledger import DAMAGED, FILE, Ledger
from fidac_node.system import safeio

log = logging.getLogger(__name__)

_BROKEN: Final = f"{FILE}.broken-"
_NEW: Final = f"{FILE}.new"
# SQLite's own: the pages are not what they must be, or it is no database at all.
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# What is carried over, by the key in whose order it is read: from both ends, up to what is damaged.
_KEPT: Final = {
    "fact": ("name",),
    "first": ("instance",),
    "whose": ("study", "patient"),
    "object": ("entry",),
    "event": ("id",),
}


def set_aside_if_damaged(spool: Path) -> Path | None:
    """Begin a new ledger if the one in ``spool`` is damaged; return where that is now. For a start.

    A kill at any moment leaves the old one or the new one under its name. Raises ``OSError``.
    """
    path = spool / FILE
    why = _damage(path)
    if not why:
        (spool / DAMAGED).unlink(missing_ok=True)
        return None
    aside = _unused(spool)
    for leftover in spool.glob(f"{_NEW}*"):
        leftover.unlink()
    kept = _carry_over(path, spool / _NEW)
    for suffix in ("-shm", "-wal"):  # first: the new one must never be taken for what this log belongs to
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    os.link(path, aside)
    (spool / _NEW).rename(path)
    safeio.sync_directory(spool)
    (spool / DAMAGED).unlink(missing_ok=True)
    log.error(
        "the ledger was broken (%s): it is set aside as %s and made anew from the spool's directories; "
        "carried over: %s. Look at the disk, then delete what was set aside",
        why,
        aside,
        ", ".join(f"{number} rows of '{table}'" for table, number in kept.items()),
    )
    return aside


def is_out_of_date(ledger: Ledger) -> bool:
    """Say whether the ledger that this process has open was found damaged, or was replaced by another process."""
    try:
        return ledger.path.stat().st_ino != ledger.inode or _is_marked(ledger.path)
    except FileNotFoundError:
        return False  # moved away by a person, who will start the node again


def set_aside(spool: Path) -> list[str]:
    """The names of ledgers that were set aside and that nobody has deleted yet, the oldest first."""
    return sorted(path.name for path in spool.glob(f"{_BROKEN}*") if not path.name.endswith(("-wal", "-shm")))


def _damage(path: Path) -> str:
    """What is wrong with the file; nothing when all is well, when there is none, or when it is only out of reach."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(path)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        number = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return str(error) if number in _DAMAGE else ""
    if found != "ok":
        return str(found)
    return "a page of it was met that is malformed" if _is_marked(path) else ""


def _is_marked(path: Path) -> bool:
    """Whether somebody met damage in the very file that has the name now."""
    try:
        return (path.parent / DAMAGED).read_text() == str(path.stat().st_ino)
    except FileNotFoundError:
        return False


def _unused(spool: Path) -> Path:
    """A name with the date, which nothing has yet."""
    stamp = time.strftime("%Y-%m-%dT%H%M%S", time.gmtime())
    names = (spool / f"{_BROKEN}{stamp}{suffix}" for suffix in ("", *(f"-{number}" for number in range(1, 1000))))
    return next(name for name in names if not name.exists())


def _carry_over(old: Path, new: Path) -> dict[str, int]:
    """Make a ledger in ``new`` of what can be read of ``old``; return how many rows of each table."""
    Ledger(new).close()
    kept = dict.fromkeys(_KEPT, 0)
    with closing(sqlite3.connect(new)) as target, closing(sqlite3.connect(old)) as source:
        for table, key in _KEPT.items():
            columns = {name for _, name, *_ in target.execute(f"PRAGMA table_info({table})")}
            for row in _readable(source, table, key):
                names = [name for name in row if name in columns]
                with suppress(sqlite3.IntegrityError):  # garbage that looked like a row
                    kept[table] += target.execute(
                        f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                        [row[name] for name in names],
                    ).rowcount
        target.commit()
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return kept


def _readable(source: sqlite3.Connection, table: str, key: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The rows of a table that can be read, some of them twice."""
    for order in ("", " DESC"):
        with suppress(sqlite3.Error, UnicodeDecodeError):
            cursor = source.execute(f"SELECT * FROM {table} ORDER BY {', '.join(f'{name}{order}' for name in key)}")
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))
            return  # all of them
