"""An SQLite file whose pages are damaged: noticed, set aside under a name with the date, read as far as it can be."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from fidac_node.system import safeio

# SQLite's own: the pages are not what they must be, or it is no database at all.
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_MARK: Final = ".broken-"
_LOGS: Final = ("-shm", "-wal")


def is_damage(error: BaseException) -> bool:
    """Whether an error, of SQLite's module or of peewee's, says that the file is damaged."""
    original = error if isinstance(error, sqlite3.Error) else getattr(error, "orig", error.__cause__)
    return getattr(original, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def look(path: Path) -> str:
    """What is wrong with the file; nothing when all is well, when there is none, or when it is only out of reach."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(path)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else ""
    return "" if found == "ok" else " ".join(str(found).split())


def replace(path: Path, new: Path) -> Path:
    """Set the file ``path`` aside, give its name to ``new``, and return where the old one is.

    A kill at any moment leaves the old one or the new one under the name. Nobody may have them open. Raises
    ``OSError``.
    """
    aside = _unused(path)
    for suffix in _LOGS:  # first: the new one must never be taken for what this log belongs to
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    os.link(path, aside)
    new.rename(path)
    safeio.sync_directory(path.parent)
    return aside


def set_aside(path: Path) -> list[str]:
    """The names of what :func:`replace` set aside for ``path`` and nobody has deleted yet, the oldest first."""
    return sorted(name.name for name in path.parent.glob(f"{path.name}{_MARK}*") if not name.name.endswith(_LOGS))


def rows(source: sqlite3.Connection, table: str, key: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table that can be read, in the order of ``key`` from both ends: some of them twice."""
    for order in ("", " DESC"):
        with suppress(sqlite3.Error, UnicodeDecodeError):
            cursor = source.execute(f"SELECT * FROM {table} ORDER BY {', '.join(f'{name}{order}' for name in key)}")
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))
            return  # all of them


def carry_over(old: Path, new: Path, tables: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Copy what can be read of ``tables`` (with their keys) to the same of ``new``; return how many rows of each."""
    kept = dict.fromkeys(tables, 0)
    with closing(sqlite3.connect(new)) as target, closing(sqlite3.connect(old)) as source:
        for table, key in tables.items():
            columns = {name for _, name, *_ in target.execute(f"PRAGMA table_info({table})")}
            for row in rows(source, table, key):
                names = [name for name in row if name in columns]
                with suppress(sqlite3.IntegrityError):  # garbage that looked like a row
                    kept[table] += target.execute(
                        f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                        [row[name] for name in names],
                    ).rowcount
        target.commit()
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return kept


def _unused(path: Path) -> Path:
    stamp = time.strftime("%Y-%m-%dT%H%M%S", time.gmtime())
    suffixes = ("", *(f"-{number}" for number in range(1, 1000)))
    names = (path.with_name(f"{path.name}{_MARK}{stamp}{suffix}") for suffix in suffixes)
    return next(name for name in names if not name.exists())
