"""A database from its URL, and the steps that bring its tables up to date.

SQLite and PostgreSQL through peewee. What differs between the two stands here, and how long PostgreSQL is waited for in
:mod:`.postgres`; nowhere else.
"""

from __future__ import annotations

import datetime
import itertools
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import peewee as pw
from peewee import Database, DateTimeField, Model, PostgresqlDatabase, SqliteDatabase, TextField

from fidac_node.errors import ConfigError, Temporary
from fidac_node.system import postgres, safeio

log = logging.getLogger(__name__)

_BUSY_SECONDS: Final = 30
_AGAIN_SECONDS: Final = 0.01
# Rows that a server hands out at a time.
_FETCHED: Final = 500
_CURSORS: Final = itertools.count()
# Of one statement; SQLite takes 32,766.
_MOST_VALUES: Final = 30_000
# Any constant will do, as long as every FIDAC process asks for the same lock ("FIDAC" in ASCII).
_ADVISORY_LOCK: Final = 0x4649444143

# About rows that were looked up in the same transaction: they tell of a damaged database, and not of the values.
# PostgreSQL Appendix A, class 23: unique_violation, foreign_key_violation.
_OF_ROWS_BEFORE: Final = (
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    "23505",
    "23503",
)

# How each database spells what plain SQL leaves open; `statements` fills them in.
_SQLITE: Final[Mapping[str, str]] = {
    "serial": "INTEGER NOT NULL PRIMARY KEY",
    "double": "REAL",
    "timestamp": "DATETIME",
}
_POSTGRESQL: Final[Mapping[str, str]] = {
    "serial": "BIGSERIAL PRIMARY KEY",
    "double": "DOUBLE PRECISION",
    "timestamp": "TIMESTAMP",
}

_CREATE_MIGRATION: Final = (
    "CREATE TABLE IF NOT EXISTS migration (name TEXT NOT NULL PRIMARY KEY, applied_at {timestamp} NOT NULL)"
)


@dataclass(frozen=True)
class Step:
    """One change to the tables.

    ``name`` is kept in the database for ever: never rename, reorder or edit a released step.
    """

    name: str
    apply: Callable[[Database], None]


class Migration(Model):
    """The record of one step that was taken."""

    name = TextField(primary_key=True)
    applied_at = DateTimeField()


def connect(url: str, base: Path, *, patience: float | None = None) -> Database:
    """Return the database at ``url``; connections open by themselves, one per thread.

    Every step waits so long as a daemon may, or ``patience`` seconds: for a lock, to connect, for a statement.

    ``sqlite:///index.db`` is relative to ``base``, ``sqlite:////var/lib/index.db`` is absolute;
    ``postgresql://user@host:port/name?passfile=/path`` passes its parameters on to libpq. Raises
    :class:`ConfigError` when the URL is none of these or the driver is not installed. Whether a
    server answers shows only at first use.
    """
    scheme, separator, _ = url.partition("://")
    if separator and scheme == "sqlite":
        return _sqlite(url, base, patience or _BUSY_SECONDS)
    if separator and scheme in ("postgresql", "postgres"):
        return _postgresql(url, patience)
    raise ConfigError(
        f"database: the URL must begin with sqlite:/// or postgresql://, not {scheme!r}; "
        "write for example sqlite:///index.db"
    )


def refuses_values(error: Exception) -> bool:
    """Say whether an error in writing down values is about them: another try would end alike.

    Everything else is about the machine: a database that is malformed, locked, full, read-only or away, a disk, memory.
    """
    if isinstance(error, pw.IntegrityError):
        original = getattr(error, "orig", None)
        number = getattr(original, "sqlite_errorcode", None) or getattr(original, "pgcode", None)
        return number not in _OF_ROWS_BEFORE
    if isinstance(error, pw.DataError):
        return True
    # What is left: a driver that cannot encode a value, a mistake of ours in making one.
    return not isinstance(error, (pw.PeeweeException, OSError, MemoryError, Temporary))


def sqlite_path(db: Database) -> Path | None:
    """Return the file that holds an SQLite database; ``None`` for a server."""
    return Path(str(db.database)) if isinstance(db, SqliteDatabase) else None


def utc_now() -> datetime.datetime:
    """Return the current time in UTC, without a zone: that is how times are stored."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


@contextmanager
def borrowed(db: Database) -> Iterator[None]:
    """Let the block use this thread's connection, and close it after, unless it was open before.

    For threads that come and go: each would leave an open connection behind.
    """
    was_closed = db.is_closed()
    try:
        yield
    finally:
        if was_closed:
            db.close()


@contextmanager
def exclusive(db: Database, *, long: bool = False) -> Iterator[None]:
    """Run the block in one transaction that no other writer of ours shares.

    Readers go on seeing the state before it. It waits for another writer: up to 30 s with SQLite, 60 s with PostgreSQL
    (then ``peewee.OperationalError``). ``long``: with PostgreSQL it waits, and its statements take, as long as need be.
    """
    if isinstance(db, SqliteDatabase):
        # A deferred transaction that reads before it writes cannot wait for its turn: SQLite answers "locked" at once.
        with db.atomic("IMMEDIATE"):
            yield
    else:
        with db.atomic(), _unlimited(db) if long else nullcontext():
            _execute(db, f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            yield


@contextmanager
def _unlimited(db: Database) -> Iterator[None]:
    """In a transaction of PostgreSQL: let the statements of the block take as long as they need."""
    _execute(db, "SET LOCAL statement_timeout = 0")
    with postgres.endless(cast(Any, db).connection()):
        yield


@contextmanager
def snapshot(db: Database) -> Iterator[None]:
    """Let all that the block reads be of one state of the database, whoever writes meanwhile; it may take its time."""
    if db.in_transaction():
        yield
    elif isinstance(db, SqliteDatabase):
        with db.atomic():
            yield
    else:
        with db.atomic(isolation_level="REPEATABLE READ"), _unlimited(db):
            yield


def ask(db: Database, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows that plain SQL selects; ``?`` stands for a value, or for the values of a list that is not empty.

    For what is asked with every batch: peewee builds its queries in ten times the time that SQLite needs to answer
    them. Dates come back as the driver has them, which is text with SQLite.
    """
    marks = (f"({', '.join([db.param] * len(value))})" if isinstance(value, list) else db.param for value in values)
    first, *others = sql.split("?")
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    sql = first + "".join(mark + other for mark, other in zip(marks, others, strict=True))
    return cast("list[tuple[Any, ...]]", _execute(db, sql, flat).fetchall())


_TENTH: Final = 0.1  # the server's own


def stream(db: Database, query: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows that peewee's ``query`` selects, by column, read as they are asked for: memory stays flat.

    Inside :func:`snapshot`. A driver of PostgreSQL takes the whole answer at once, unless a cursor at the server has
    it; that lives as long as the transaction.
    """
    if isinstance(db, SqliteDatabase):
        yield from query.dicts().iterator(db)
        return
    sql, values = cast(Any, db).get_sql_context().sql(query).query()
    cursor = f"fidac_{next(_CURSORS)}"
    # All rows of a query with a limit are wanted: planned for the first tenth of them, a sort took 50 times as long.
    _execute(db, f"SET LOCAL cursor_tuple_fraction = {_TENTH if query._limit is None else 1.0}")
    _execute(db, f"DECLARE {cursor} NO SCROLL CURSOR FOR {sql}", values)
    while rows := (answer := _execute(db, f"FETCH {_FETCHED} FROM {cursor}")).fetchall():
        names = [column[0] for column in answer.description]
        yield from (dict(zip(names, row, strict=True)) for row in rows)


def insert(db: Database, model: type[Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of plain values, many with each statement.

    It does as peewee's ``insert_many``, but no object is made of each value.
    """
    names = ", ".join(f'"{column}"' for column in columns)
    one = f"({', '.join([db.param] * len(columns))})"
    most = _MOST_VALUES // len(columns)
    for start in range(0, len(rows), most):
        part = rows[start : start + most]
        values = [value for row in part for value in row]
        _execute(
            db,
            f'INSERT INTO "{cast(Any, model)._meta.table_name}" ({names}) VALUES {", ".join([one] * len(part))}',
            values,
        )


def change(db: Database, model: type[Model], number: int, changes: Mapping[str, tuple[str, Sequence[Any]]]) -> None:
    """Change the row ``number``: each column to what an SQL expression says, in which ``?`` stands for a value."""
    assignments = ", ".join(f'"{column}" = {expression}' for column, (expression, _) in changes.items())
    values = [value for _, values in changes.values() for value in values]
    sql = f'UPDATE "{cast(Any, model)._meta.table_name}" SET {assignments} WHERE id = ?'
    _execute(db, sql.replace("?", db.param), [*values, number])


def statements(*sql: str) -> Callable[[Database], None]:
    """Make a step of SQL statements.

    ``{serial}``, ``{double}`` and ``{timestamp}`` are spelled as the database wants.
    """

    def apply(db: Database) -> None:
        words = _SQLITE if isinstance(db, SqliteDatabase) else _POSTGRESQL
        for statement in sql:
            _execute(db, statement.format_map(words))

    return apply


def migrate(db: Database, steps: Sequence[Step]) -> list[str]:
    """Take the steps that ``db`` has not taken yet, in order, and return their names.

    Each step and the record of it are one transaction, so a crash leaves whole steps only. Several
    processes may call this at the same time. Raises :class:`ConfigError` when the database holds a
    step that is not in ``steps``: it was made by a newer version.
    """
    taken: list[str] = []
    with borrowed(db):
        for step in pending(db, steps):
            with exclusive(db, long=True):
                statements(_CREATE_MIGRATION)(db)
                if step not in pending(db, steps):
                    continue  # another process was faster
                step.apply(db)
                Migration.insert(name=step.name, applied_at=utc_now()).execute(db)
                taken.append(step.name)
    if taken:
        log.info("database: took the steps %s", ", ".join(taken))
    return taken


def pending(db: Database, steps: Sequence[Step]) -> list[Step]:
    """Return the steps that ``db`` has not taken yet; it is only read.

    Raises :class:`ConfigError` as :func:`migrate` does.
    """
    names = Migration.select(Migration.name).tuples()
    done = {name for (name,) in names.execute(db)} if db.table_exists("migration") else set()
    _refuse_newer(done, steps)
    return [step for step in steps if step.name not in done]


def _refuse_newer(done: set[str], steps: Sequence[Step]) -> None:
    unknown = sorted(done - {step.name for step in steps})
    if unknown:
        raise ConfigError(
            f"the database was made by a newer version of FIDAC node (it holds the step {unknown[-1]}): "
            "install that version again, or restore the database of this one"
        )


class _Translating:
    """An error of SQLite's module becomes peewee's of the same name."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise getattr(pw, type(error).__name__, pw.DatabaseError)(error, *error.args) from error


_TRANSLATING: Final = _Translating()


class _Cursor(sqlite3.Cursor):
    """SQLite reads on while rows are fetched: what it meets then is an error of peewee's, as everywhere else."""

    def fetchone(self) -> Any:
        with _TRANSLATING:
            return super().fetchone()

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        with _TRANSLATING:
            return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        with _TRANSLATING:
            return super().fetchall()

    def __next__(self) -> Any:
        with _TRANSLATING:
            return super().__next__()


class _Connection(sqlite3.Connection):
    """A connection whose cursors are ours."""

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


class _Sqlite(SqliteDatabase):
    """SQLite answers "locked" at once to who would change a new file to WAL mode while another one does.

    Here it is asked again.
    """

    def _connect(self) -> Any:
        with suppress(OSError):  # SQLite says what is wrong with the place
            safeio.touch_private(Path(str(self.database)))
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                return super()._connect()  # type: ignore[misc]  # missing in the stubs
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN_SECONDS)


def _sqlite(url: str, base: Path, patience: float) -> Database:
    name = url.removeprefix("sqlite://")
    if not name.startswith("/") or name in ("/", "/:memory:") or name.endswith("/"):
        raise ConfigError(
            f"database: {url!r} names no file; "
            "write sqlite:///index.db (relative) or sqlite:////var/lib/fidac/index.db (absolute)"
        )
    path = base / unquote(name[1:])
    if not path.parent.is_dir():
        raise ConfigError(f"database: the folder {path.parent} does not exist; create it, or correct the URL {url!r}")
    pragmas = {
        "journal_mode": "wal",
        # In WAL mode, NORMAL may lose the last commits in a power cut; a file is removed from the spool on the strength
        # of a commit.
        "synchronous": "full",
        "busy_timeout": round(patience * 1000),
        # LIKE as PostgreSQL has it; whoever does not care for case compares lower case.
        "case_sensitive_like": 1,
        "foreign_keys": 1,
    }
    return _Sqlite(str(path), pragmas=pragmas, timeout=patience, factory=_Connection)


def _postgresql(url: str, patience: float | None) -> Database:
    # The URL is never quoted in a message: it might hold a password all the same.
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"database: the PostgreSQL URL cannot be read: {error}") from error
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise ConfigError(
            "database: the PostgreSQL URL must end with the name of the database: postgresql://user@host:5432/name"
        )
    if parts.password is not None:
        raise ConfigError(
            "database: no password in the URL, please: put it into a file of mode 0600 as libpq wants it "
            "(host:port:database:user:password) and append ?passfile=/path/to/it, or set PGPASSFILE"
        )
    if find_spec("psycopg2") is None and find_spec("psycopg") is None:
        raise ConfigError(
            "database: the PostgreSQL driver is missing; install it with: pip install 'fidac-node[postgres]'"
        )
    given: dict[str, Any] = {"user": parts.username and unquote(parts.username), "host": parts.hostname, "port": port}
    given = {key: value for key, value in given.items() if value} | dict(parse_qsl(parts.query))
    return PostgresqlDatabase(name, **postgres.limits(given, patience))


def _execute(db: Database, sql: str, values: Sequence[Any] | None = None) -> Any:
    return cast(Any, db).execute_sql(sql, values)
