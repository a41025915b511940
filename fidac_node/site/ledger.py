"""The site's ledger: one row per object, an index of the spool's files for people and for retries.

Rows are written in batches, by any process, and may lag half a second behind; files decide
(:meth:`fidac_node.site.node.Site.reconcile` rebuilds the rows at start). Nothing here names a patient.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import peewee as pw

from fidac_node.errors import ConfigError, Temporary
from fidac_node.send.journal import Moment, Talk
from fidac_node.site.history import FILE as HISTORY
from fidac_node.site.history import Fact, History, Noted, Replaced
from fidac_node.spool.entry import STUDY, Entry
from fidac_node.spool.queue import CORRUPT
from fidac_node.system import safeio
from fidac_node.system.broken import is_damage

log = logging.getLogger(__name__)

FILE: Final = "ledger.db"
# Written beside it, with its inode, by whoever finds a page of it damaged: see :mod:`.damage`.
DAMAGED: Final = f"{FILE}.damaged"
STATES: Final = ("ready", "held", "discarded", "outgoing", "refused", "sent", "committed", "dropped")
LIVE_STATES: Final = ("ready", "held", "outgoing", "refused", "sent")
LEFT_STATES: Final = ("sent", "committed")
_GONE_STATES: Final = ("discarded", "dropped")
# What the row of an object says, by the directory of the spool that its file is in.
INBOX_STATES: Final = {"new": "ready", "work": "ready", "held": "held"}
OUTBOX_STATES: Final = {
    "new": "outgoing",
    "work": "outgoing",
    "held": "refused",
    "sent": "sent",
    "committed": "committed",
}
# Why an object was discarded that is the same as one before, in other bytes.
REPEAT: Final = "repeat"
# Why an object was dropped in whose place a newer version of its instance stands.
SUPERSEDED: Final = "superseded"
FAILED_CONNECTIONS: Final = "failed_connections"
_BUSY_SECONDS: Final = 30.0
_FLUSH_SECONDS: Final = 0.5
_FLUSH_ROWS: Final = 500
_KEEP_ROWS: Final = 100_000
_INT64: Final = 1 << 63
_BOOT: Final = "boot"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")  # random(4): another one after each start of the machine
# Below it are the microseconds of 35 years, above it the number of starts.
_EPOCH_BIT: Final = 50

# Facts about the object: the first writer wins. Facts about its state: the latest state wins, by its turn.
_OF_OBJECT: Final = (
    "received_at",
    "bytes",
    "calling_ae",
    "called_ae",
    "label",
    "label_source",
    "sent_bytes",
    "sent_syntax",
    "patient",
    "normalised",
    "lost",
    "sop_instance_uid",
)
_OF_STATE: Final = ("reason", "message", "status", "next_attempt")
_COLUMNS: Final = dict.fromkeys(_OF_OBJECT + _OF_STATE)
_NOTHING: Final = (None,) * len(_COLUMNS)
_MESSAGE: Final = 5 + list(_COLUMNS).index("message")  # where it stands in a row that was noted

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS object (
    entry TEXT PRIMARY KEY, study TEXT NOT NULL, state TEXT NOT NULL, changed_at REAL NOT NULL,
    received_at REAL, bytes INTEGER, calling_ae TEXT, called_ae TEXT, label TEXT, label_source TEXT,
    reason TEXT, message TEXT, status INTEGER, next_attempt REAL,
    attempts INTEGER NOT NULL DEFAULT 0, last_attempt REAL, sent_bytes INTEGER, sent_syntax TEXT, patient TEXT,
    normalised INTEGER, lost INTEGER, sop_instance_uid TEXT,
    turn INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS object_state ON object (state, study);
CREATE INDEX IF NOT EXISTS object_study ON object (study);
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, study TEXT NOT NULL, entry TEXT NOT NULL,
    state TEXT NOT NULL, message TEXT, turn INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS event_study ON event (study, at);
-- The first version of an instance that arrived; another one with other bytes is a conflict.
CREATE TABLE IF NOT EXISTS first (instance TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
-- Whose a study is, by keyed handles. More than one patient: nothing more of the study leaves.
CREATE TABLE IF NOT EXISTS whose (study TEXT NOT NULL, patient TEXT NOT NULL, \
PRIMARY KEY (study, patient)) WITHOUT ROWID;
-- Versions of an instance that another one, counted as ``version``, replaced.
CREATE TABLE IF NOT EXISTS superseded (entry TEXT PRIMARY KEY, by TEXT NOT NULL, version INTEGER NOT NULL) \
WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS superseded_by ON superseded (by);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

# What the tables of an older ledger lack.
_ADDED: Final = {
    "object": {
        "sent_bytes": "INTEGER",
        "sent_syntax": "TEXT",
        "patient": "TEXT",
        "normalised": "INTEGER",
        "lost": "INTEGER",
        "sop_instance_uid": "TEXT",
        "turn": "INTEGER NOT NULL DEFAULT 0",
    },
    "event": {"turn": "INTEGER NOT NULL DEFAULT 0"},
}

_UPSERT: Final = f"""
INSERT INTO object (entry, study, state, changed_at, turn, {", ".join(_OF_OBJECT + _OF_STATE)})
VALUES (?, ?, ?, ?, ?, {", ".join("?" * len(_OF_OBJECT + _OF_STATE))})
ON CONFLICT (entry) DO UPDATE SET
    {", ".join(f"{name} = COALESCE({name}, excluded.{name})" for name in _OF_OBJECT)},
    {
    ", ".join(
        f"{name} = CASE WHEN excluded.turn >= turn THEN excluded.{name} ELSE {name} END"
        for name in ("state", "changed_at", *_OF_STATE)
    )
},
    turn = MAX(turn, excluded.turn)
"""

_FIRST: Final = "INSERT OR IGNORE INTO first (instance, entry) VALUES (?, ?)"
_MAKE_WAY: Final = (
    "DELETE FROM first WHERE instance = ? AND EXISTS "
    "(SELECT 1 FROM object WHERE object.entry = first.entry AND reason = ? AND state IN ('held', 'refused'))"
)
# Of what is in the temporary table ``found``: what has no file, what the rows are to say, who was first.
_MISSING: Final = (
    f"SELECT entry FROM object WHERE state IN {LIVE_STATES} AND entry NOT IN (SELECT entry FROM temp.found)"
)
_AS_FOUND: Final = f"""
INSERT INTO object (entry, study, state, changed_at, turn)
SELECT entry, substr(entry, 1, {STUDY}), state, :now, :turn FROM temp.found AS found
WHERE NOT EXISTS (SELECT 1 FROM object WHERE object.entry = found.entry AND object.state = found.state)
ON CONFLICT (entry) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at,
    turn = excluded.turn, reason = NULL, message = NULL, next_attempt = NULL WHERE state <> excluded.state
"""
_FIRST_AS_FOUND: Final = f"""
INSERT OR IGNORE INTO first (instance, entry)
SELECT substr(entry, {STUDY + 2}, 16), entry FROM temp.found WHERE state NOT IN ('held', 'ready')
"""
# Who came first, and whose a study is, by rows that were told again: more of it holds more, and less would let it pass.
_FIRST_AS_TOLD: Final = f"""
INSERT OR IGNORE INTO first (instance, entry)
SELECT substr(entry, {STUDY + 2}, 16), entry FROM object WHERE state IN ('outgoing', 'refused', 'sent', 'committed')
ORDER BY received_at
"""
_WHOSE_AS_TOLD: Final = """
INSERT OR IGNORE INTO whose (study, patient)
SELECT DISTINCT study, patient FROM object WHERE patient IS NOT NULL AND state NOT IN ('discarded', 'dropped')
"""
_DESCRIBE: Final = f"""
UPDATE object SET {", ".join(f"{name} = COALESCE({name}, :{name})" for name in _OF_OBJECT)},
    {
    ", ".join(
        f"{name} = CASE WHEN state IN ('held', 'refused') THEN COALESCE({name}, :{name}) ELSE {name} END"
        for name in ("reason", "message")
    )
}
WHERE entry = :entry
"""
_EVENT: Final = "INSERT INTO event (at, turn, study, entry, state, message) VALUES (?, ?, ?, ?, ?, ?)"


class Ledger:
    """The ledger in the SQLite file ``path``; safe to use from any thread and any process.

    ``read_only`` neither creates nor changes anything. Raises :class:`ConfigError` when the file cannot be opened, and
    ``Temporary`` when it is damaged: a start of the node sets it aside.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        target = f"{path.absolute().as_uri()}?mode=ro" if read_only else str(path)
        pragmas = {} if read_only else {"journal_mode": "wal", "synchronous": "normal"}
        self._db = pw.SqliteDatabase(
            target, pragmas=pragmas, timeout=_BUSY_SECONDS, uri=read_only, check_same_thread=False
        )
        self.path = path
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._history = History(path.with_name(HISTORY))
        self._rows: list[tuple[Any, ...]] = []
        self._failed = 0  # connections, since the last flush
        self.inode = 0
        self._epoch = 0
        self._contacted = 0.0
        self._talk = Talk()
        self._closing = threading.Event()
        self._noted = threading.Event()
        try:
            if not read_only:
                safeio.touch_private(path)
            self._db.connect()
            if read_only:
                self._one("SELECT 1 FROM fact")  # SQLite looks at the file only when it is asked something
            else:
                cast(Any, self._db).connection().executescript(_SCHEMA)
                self._upgrade()
                self._epoch = self._count_boots()
        except (pw.PeeweeException, sqlite3.Error, Temporary, OSError) as error:
            if is_damage(error):
                raise self._trouble("opened", error) from error
            raise ConfigError(
                f"cannot open the ledger {path}: {error}; check [spool] directory and its permissions"
            ) from error
        self.inode = path.stat().st_ino
        self._flusher = threading.Thread(target=self._keep_flushing, name="ledger", daemon=True)
        if not read_only:
            self._flusher.start()

    def now(self) -> Moment:
        """This moment, for a :meth:`note` that is written later than what it tells of."""
        return Moment(time.time(), self._epoch << _EPOCH_BIT | time.monotonic_ns() // 1000)

    def note(self, entry: Entry, state: str, at: Moment | None = None, **fields: object) -> None:
        """Write down that the object is in ``state`` since ``at`` (default: now).

        ``fields`` are as the columns are named. Raises ``ValueError`` for what no row could ever hold.
        """
        if state not in STATES or not _COLUMNS.keys() >= fields.keys():
            raise ValueError(f"the ledger knows no state {state!r}, or none of the columns {', '.join(fields)}")
        values = [_storable(fields.get(name)) for name in _COLUMNS] if fields else _NOTHING
        row = (str(entry), entry.study, state, *(at or self.now()), *values)
        with self._lock:
            self._rows.append(row)
            noted = len(self._rows)
        if noted == 1:
            self._noted.set()
        if noted >= _FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what was noted. What cannot be written now (disk full) is kept for the next time."""
        with self._flushing:
            self._write_failed()
            with self._lock:
                rows, self._rows = self._rows, []
            if not rows:
                return
            try:
                with self._transaction() as connection:
                    connection.executemany(_UPSERT, rows)
                    connection.executemany(_EVENT, map(_event, rows))
                self._tell(rows)
            except Temporary as error:
                log.warning("the ledger waits, objects are safe in the spool: %s", error)
                with self._lock:
                    # The files hold the truth, so the oldest rows may go: a start writes them anew.
                    self._rows = (rows + self._rows)[-_KEEP_ROWS:]
                self._noted.set()

    def _tell(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write down beside the ledger what its rows say now."""
        try:
            self._history.note(((row[0], row[1], row[2], row[3], row[5:]) for row in rows), tuple(_COLUMNS))
        except OSError as error:
            log.warning("%s cannot be written: %s", self._history.path, error.strerror)

    def recall(self) -> int:
        """Take in what the history says and no row does, for a ledger that was lost; return of how many objects.

        States are those that each object came to last, as far as that was written: files decide afterwards. Raises
        ``Temporary``, ``OSError``.
        """
        now = self.now()
        known = {entry for (entry,) in self._all("SELECT entry FROM object")}
        told: set[str] = set()
        with self._transaction() as connection:
            lacks_events = connection.execute("SELECT 1 FROM event LIMIT 1").fetchone() is None
            for one in self._history.read():
                if isinstance(one, Replaced):
                    connection.execute("DELETE FROM superseded WHERE entry = ?", (one.new,))
                    connection.execute("INSERT OR REPLACE INTO superseded (entry, by, version) VALUES (?, ?, ?)", one)
                elif isinstance(one, Fact):
                    connection.execute("INSERT OR IGNORE INTO fact (name, value) VALUES (?, ?)", one)
                elif one.state in STATES:
                    row = _as_noted(one)
                    if lacks_events:
                        connection.execute(_EVENT, _event(row))
                    if one.entry not in known:
                        connection.execute(_UPSERT, row)
                        told.add(one.entry)
            if told:  # what is noted from now on comes after all of them
                connection.execute("UPDATE object SET turn = ?", (now.turn,))
                connection.execute(_FIRST_AS_TOLD)
                connection.execute(_WHOSE_AS_TOLD)
            if lacks_events:
                connection.execute("UPDATE event SET turn = 0")
        return len(told)

    def attempting(self, entries: Iterable[Entry]) -> None:
        """Count one more attempt for each entry, durably, before the network is touched."""
        now = self.now()
        self.flush()
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO object (entry, study, state, changed_at, turn, attempts, last_attempt) "
                "VALUES (?, ?, 'outgoing', ?, ?, 1, ?) "
                "ON CONFLICT (entry) DO UPDATE SET attempts = attempts + 1, last_attempt = excluded.last_attempt",
                [(str(entry), entry.study, *now, now.at) for entry in entries],
            )

    def state(self, entry: Entry) -> tuple[str, str | None] | None:
        """The state and the reason of an object, as they were written last."""
        row = self._one("SELECT state, reason FROM object WHERE entry = ?", str(entry))
        return (str(row[0]), row[1]) if row else None

    def attempts(self, entry: Entry) -> int:
        """How often this object was tried to be sent."""
        row = self._one("SELECT attempts FROM object WHERE entry = ?", str(entry))
        return int(row[0]) if row else 0

    def first_of_instance(self, entry: Entry) -> Entry:
        """Return the first object that arrived under this one's SOP Instance UID: itself, or another version."""
        return self.firsts([entry])[entry]

    def firsts(self, entries: Sequence[Entry]) -> dict[Entry, Entry]:
        """What :meth:`first_of_instance` says of each of ``entries``, in one transaction.

        They are in the order of their arrival. A first one that is held as corrupt makes way.
        """
        with self._transaction() as connection:
            connection.executemany(_MAKE_WAY, [(entry.instance, CORRUPT) for entry in entries])
            connection.executemany(_FIRST, [(entry.instance, str(entry)) for entry in entries])
            marks = ", ".join("?" * len(entries))
            found = dict(
                connection.execute(
                    f"SELECT instance, entry FROM first WHERE instance IN ({marks})",
                    [entry.instance for entry in entries],
                ).fetchall()
            )
        return {entry: Entry.parse(found[entry.instance]) for entry in entries}

    def versions(self, entries: Sequence[Entry]) -> dict[Entry, int]:
        """Which version of its instance each of ``entries`` is; first versions are left out."""
        marks = ", ".join("?" * len(entries))
        rows = self._all(
            f"SELECT by, MAX(version) FROM superseded WHERE by IN ({marks}) GROUP BY by", *map(str, entries)
        )
        return {Entry.parse(by): int(version) for by, version in rows}

    def newer_versions(self) -> set[Entry]:
        """Every object that took the place of another version of its instance, and stands there still."""
        rows = self._all("SELECT by FROM superseded WHERE by NOT IN (SELECT entry FROM superseded)")
        return {Entry.parse(by) for (by,) in rows}

    def next_version(self, entry: Entry) -> int:
        """How the next version of an instance is counted, from 2."""
        row = self._one(f"SELECT MAX(version) FROM superseded WHERE substr(entry, {STUDY + 2}, 16) = ?", entry.instance)
        return int(row[0]) + 1 if row and row[0] is not None else 2

    def superseded(self, by: Entry | None = None) -> list[Entry]:
        """What was replaced, by anything or ``by`` one object."""
        rows = self._all("SELECT entry FROM superseded WHERE ? IN ('', by)", str(by or ""))
        return [Entry.parse(entry) for (entry,) in rows]

    def superseded_by(self, entry: Entry) -> Entry | None:
        """What replaced an object, if anything did and still does."""
        row = self._one("SELECT by FROM superseded WHERE entry = ?", str(entry))
        return Entry.parse(row[0]) if row else None

    def supersede(self, old: Entry, new: Entry, version: int) -> None:
        """Write down, durably, that ``new`` stands in the place of ``old``, as this ``version`` of their instance."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM superseded WHERE entry = ?", (str(new),))  # it may be an older one again
            connection.execute(
                "INSERT OR REPLACE INTO superseded (entry, by, version) VALUES (?, ?, ?)", (str(old), str(new), version)
            )
            connection.execute("INSERT OR REPLACE INTO first (instance, entry) VALUES (?, ?)", (new.instance, str(new)))
        self._append(Replaced(str(old), str(new), version))

    def forget_first(self, entry: Entry) -> None:
        """A dropped object makes way for another version of the same instance."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM first WHERE instance = ? AND entry = ?", (entry.instance, str(entry)))

    def patients(self, studies: Collection[str]) -> dict[str, frozenset[str]]:
        """The handles of the patients that the objects of each study named.

        A study that nobody claimed yet has no entry.
        """
        found: dict[str, frozenset[str]] = {}
        marks = ", ".join("?" * len(studies))
        for study, patient in self._all(f"SELECT study, patient FROM whose WHERE study IN ({marks})", *studies):
            found[study] = found.get(study, frozenset()) | {patient}
        return found

    def claim(
        self, study: str, patient: str, earlier: Callable[[], Iterable[str]] = tuple
    ) -> tuple[frozenset[str], bool]:
        """Write down, durably, that an object of ``study`` names ``patient``.

        Return all that were named, and whether this one is new. ``earlier`` tells patients of the study from elsewhere;
        it is asked when this ledger never knew whose the study is.
        """
        with self._transaction() as connection:
            known = {row[0] for row in connection.execute("SELECT patient FROM whose WHERE study = ?", (study,))}
            forgotten = "SELECT 1 FROM object WHERE study = ? AND patient IS NOT NULL LIMIT 1"
            if not known and not connection.execute(forgotten, (study,)).fetchone():
                known = set(earlier())
            rows = [(study, one) for one in sorted(known | {patient})]
            connection.executemany("INSERT OR IGNORE INTO whose (study, patient) VALUES (?, ?)", rows)
        return frozenset(known | {patient}), patient not in known

    def forget_patients(self, study: str, *, withdrawn: bool) -> frozenset[str]:
        """Forget patients of a study of whom no object is left, as a person dropped them; return those that remain.

        ``withdrawn``: what has left does not count any more, somebody says that it was withdrawn. As long as it is not
        known of an object whose it is, nobody is forgotten.
        """
        self.flush()
        gone = _GONE_STATES + (LEFT_STATES if withdrawn else ())
        marks = ", ".join("?" * len(gone))
        with self._transaction() as connection:
            objects = f"SELECT DISTINCT patient FROM object WHERE study = ? AND state NOT IN ({marks})"
            nameless = (
                f"{objects} AND patient IS NULL AND state NOT IN ('ready', 'held')"  # those are asked before they leave
            )
            if not connection.execute(nameless, (study, *gone)).fetchone():
                left = f"{objects} AND patient IS NOT NULL"
                connection.execute(
                    f"DELETE FROM whose WHERE study = ? AND patient NOT IN ({left})", (study, study, *gone)
                )
        return self.patients([study]).get(study, frozenset())

    def contact(self, *, ok: bool, message: str = "") -> None:
        """Remember how the last talk with the hub went; at most one write per second when all is well."""
        now = time.time()
        self._talk = Talk(ok, time.monotonic())
        if ok and now - self._contacted < 1:
            return
        self._contacted = now if ok else 0.0
        more = {"hub_contact": str(now)} if ok else {"hub_error": message}
        try:
            self._keep({"hub_reachable": "1" if ok else "0", "hub_asked": str(now), **more})
        except Temporary as error:
            log.warning("the ledger waits: %s", error)

    def last_talk(self) -> Talk:
        """What :meth:`contact` was told last, in this process."""
        return self._talk

    def remember(self, name: str, value: str, *, told: bool = False) -> None:
        """Keep one named fact, durably; ``told``: also for a ledger that was lost. Raises ``Temporary``."""
        self._keep({name: value})
        if told:
            self._append(Fact(name, value))

    def _append(self, one: Replaced | Fact) -> None:
        try:
            self._history.append(one)
        except OSError as error:
            raise Temporary(f"{self._history.path} cannot be written: {error.strerror}") from error

    def _keep(self, facts: dict[str, str]) -> None:
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                list(facts.items()),
            )

    def connection_failed(self) -> None:
        """Count a connection that brought no association, or ended in the middle of an object; written a moment later.

        Whoever tries the port a thousand times keeps nobody waiting for the disk.
        """
        with self._lock:
            self._failed += 1
        self._noted.set()

    def _write_failed(self) -> None:
        with self._lock:
            failed, self._failed = self._failed, 0
        if not failed:
            return
        try:
            with self._transaction() as connection:
                connection.execute(
                    "INSERT INTO fact (name, value) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + excluded.value",
                    (FAILED_CONNECTIONS, failed),
                )
        except Temporary as error:
            log.warning("the ledger waits: %s", error)
            with self._lock:
                self._failed += failed
            self._noted.set()

    def fact(self, name: str) -> str | None:
        """Return a fact that :meth:`remember` kept."""
        row = self._one("SELECT value FROM fact WHERE name = ?", name)
        return str(row[0]) if row else None

    def counts(self) -> dict[str, int]:
        """Objects per state since the ledger began, and ``received``: all of them."""
        counts = dict.fromkeys(("received", *STATES), 0)
        for state, number in self._all("SELECT state, COUNT(*) FROM object GROUP BY state"):
            counts[state] = number
            counts["received"] += number
        return counts

    def reasons(self) -> dict[str, int]:
        """Held and refused objects per reason code."""
        return dict(self._all("SELECT reason, COUNT(*) FROM object WHERE state IN ('held', 'refused') GROUP BY reason"))

    def with_reason(self, state: str, reason: str) -> int:
        """Objects in ``state`` for one reason."""
        row = self._one("SELECT COUNT(*) FROM object WHERE state = ? AND reason = ?", state, reason)
        return int(row[0]) if row else 0

    def sent_since(self, since: float) -> int:
        """Objects that reached the hub since ``since`` (seconds of the epoch)."""
        # What was sent and is asked about again has a message.
        sql = "SELECT COUNT(DISTINCT entry) FROM event WHERE state = 'sent' AND message IS NULL AND at >= ?"
        row = self._one(sql, since)
        return int(row[0]) if row else 0

    def sent(self) -> list[dict[str, Any]]:
        """What went over the line, per transfer syntax: objects, bytes as they were received and as they were sent."""
        if not self._columns("object") >= {"sent_bytes", "sent_syntax"}:
            return []  # opened for reading before this version ran
        rows = self._all(
            "SELECT sent_syntax, COUNT(*), SUM(bytes), SUM(sent_bytes) FROM object "
            "WHERE state IN ('sent', 'committed') AND bytes > 0 AND sent_bytes > 0 "
            "GROUP BY sent_syntax ORDER BY 2 DESC, 1"
        )
        return [
            dict(zip(("transfer_syntax_uid", "objects", "bytes_received", "bytes_sent"), row, strict=True))
            for row in rows
        ]

    def told(self) -> dict[str, int]:
        """Copies in which attributes were written right (``normalised``), or not understood and ``lost``."""
        names = ("normalised", "lost")
        if not self._columns("object") >= _ADDED["object"].keys():
            return dict.fromkeys(names, 0)  # opened for reading before this version ran
        row = self._one("SELECT COUNT(normalised), COUNT(lost) FROM object") or (0, 0)
        return dict(zip(names, map(int, row), strict=True))

    def oldest(self, states: Sequence[str]) -> float | None:
        """When the longest waiting object in ``states`` was received (seconds of the epoch)."""
        marks = ", ".join("?" * len(states))
        row = self._one(f"SELECT MIN(COALESCE(received_at, changed_at)) FROM object WHERE state IN ({marks})", *states)
        return float(row[0]) if row and row[0] is not None else None

    def rows(
        self, *, states: Sequence[str] = STATES, study: str = "", reason: str = "", patient: str = "", limit: int = -1
    ) -> list[dict[str, Any]]:
        """The objects that match, as dictionaries of the table's columns, longest waiting first.

        ``patient`` is a handle.
        """
        marks = ", ".join("?" * len(states))
        # A ledger of an older version, opened for reading, lacks the column.
        whose, wanted = ("AND patient = ?", (patient,)) if patient else ("", ())
        return self._named(
            f"SELECT * FROM object WHERE state IN ({marks}) AND (? = '' OR study = ?) "
            f"AND (? = '' OR reason = ?) {whose} "
            "ORDER BY received_at, entry LIMIT ?",
            *(*states, study, study, reason, reason, *wanted, limit),
        )

    def committed(self) -> list[tuple[str, str | None]]:
        """What the hub has committed to: each object, and its de-identified SOP Instance UID as far as it is known."""
        # A ledger of an older version, opened for reading, lacks the column.
        sop = "sop_instance_uid" if "sop_instance_uid" in self._columns("object") else "NULL"
        return self._all(f"SELECT entry, {sop} FROM object WHERE state = 'committed' ORDER BY entry")

    def studies(self, *, study: str = "", limit: int = -1) -> list[dict[str, Any]]:
        """One dictionary per study, or of ``study``: counts per state, first and last change, labels; latest first."""
        columns = ", ".join(f"SUM(state = '{state}') AS {state}" for state in STATES)
        return self._named(
            f"SELECT study, COUNT(*) AS received, {columns}, "
            "MIN(COALESCE(received_at, changed_at)) AS began, MAX(changed_at) AS changed, "
            "GROUP_CONCAT(DISTINCT label) AS labels, GROUP_CONCAT(DISTINCT reason) AS reasons, SUM(bytes) AS bytes "
            "FROM object WHERE ? = '' OR study = ? GROUP BY study ORDER BY changed DESC LIMIT ?",
            *(study, study, limit),
        )

    def events(self, study: str) -> list[tuple[float, str, str, str | None]]:
        """The journal of a study: ``(seconds of the epoch, entry, state, message)``, oldest first."""
        # A ledger of an older version, opened for reading, lacks the column.
        order = "turn, at, id" if "turn" in self._columns("event") else "at, id"
        return self._all(f"SELECT at, entry, state, message FROM event WHERE study = ? ORDER BY {order}", study)

    def last_error(self) -> tuple[float, str] | None:
        """The latest failure to send or to de-identify: when, and what."""
        row = self._one(
            "SELECT at, message FROM event WHERE state IN ('outgoing', 'refused', 'held') AND message IS NOT NULL "
            "ORDER BY id DESC LIMIT 1"
        )
        return (float(row[0]), str(row[1])) if row else None

    def rebuild(self, found: Mapping[Entry, str] | Iterable[tuple[Entry, str]]) -> list[Entry]:
        """Make the rows say what the spool's files say; return the objects whose file is missing.

        ``found`` tells each object on disk and its state; of two the later counts. A live row without a file becomes
        ``dropped``. The rows are compared by SQLite: 100,000 take half a second, and no memory.
        """
        now = self.now()
        self.flush()
        pairs = found.items() if isinstance(found, Mapping) else found
        with self._transaction() as connection:
            connection.execute("DROP TABLE IF EXISTS temp.found")
            connection.execute("CREATE TEMP TABLE found (entry TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID")
            connection.executemany(
                "INSERT OR REPLACE INTO found (entry, state) VALUES (?, ?)",
                ((str(entry), state) for entry, state in pairs),
            )
            missing = connection.execute(_MISSING).fetchall()
            connection.execute(_AS_FOUND, {"now": now[0], "turn": now[1]})
            connection.execute(_FIRST_AS_FOUND)
            connection.executemany(
                "UPDATE object SET state = 'dropped', message = 'its file is missing from the spool', "
                "changed_at = ?, turn = ? WHERE entry = ?",
                [(*now, entry) for (entry,) in missing],
            )
            connection.execute("DROP TABLE temp.found")
        return [Entry.parse(entry) for (entry,) in missing]

    def nameless(self, after: str = "", limit: int = -1) -> list[Entry]:
        """Live objects of which the ledger knows no more than the state, because their rows were lost.

        In the order of their names, from that ``after`` on, ``limit`` of them at most.
        """
        rows = self._all(
            f"SELECT entry FROM object WHERE received_at IS NULL AND state IN {LIVE_STATES} AND entry > ? "
            "ORDER BY entry LIMIT ?",
            after,
            limit,
        )
        return [Entry.parse(row[0]) for row in rows]

    def describe(self, facts: Mapping[Entry, Mapping[str, object]]) -> None:
        """Add what the files of objects say to rows that do not know it; their state is not touched.

        ``facts`` are as the columns are named. Raises :class:`Temporary`.
        """
        with self._transaction() as connection:
            connection.executemany(
                _DESCRIBE,
                [
                    {**_COLUMNS, **{name: _storable(value) for name, value in known.items()}, "entry": str(entry)}
                    for entry, known in facts.items()
                ],
            )

    def close(self) -> None:
        """Write what was noted and close the file."""
        self._closing.set()
        self._noted.set()
        if self._flusher.is_alive():
            self._flusher.join()
        self.flush()
        self._db.close()
        self._history.close()

    def _keep_flushing(self) -> None:
        while not self._closing.is_set():
            self._noted.wait()
            self._noted.clear()
            self._closing.wait(_FLUSH_SECONDS)
            self.flush()
        self._db.close()  # peewee keeps one connection per thread

    def _upgrade(self) -> None:
        """Give the tables of an earlier version the columns they lack."""
        for table, added in _ADDED.items():
            if not self._columns(table) >= added.keys():
                with self._transaction() as connection:
                    for name in sorted(added.keys() - self._columns(table)):  # another process may have been faster
                        connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {added[name]}")

    def _count_boots(self) -> int:
        """How often this machine was started since the ledger began: what its monotonic clock says begins anew."""
        now = _BOOT_ID.read_text().strip()
        boot, _, epoch = (self.fact(_BOOT) or "").partition(" ")
        if boot == now:
            return int(epoch)
        with self._transaction() as connection:  # another process may have been faster
            found = connection.execute("SELECT value FROM fact WHERE name = ?", (_BOOT,)).fetchone()
            boot, _, epoch = (found[0] if found else "").partition(" ")
            number = int(epoch or 0) + (boot != now)
            connection.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (_BOOT, f"{now} {number}"))
        return number

    def _columns(self, table: str) -> set[str]:
        return {name for _, name, *_ in self._all(f"PRAGMA table_info({table})")}

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db, self._trouble)

    @contextmanager
    def _executed(self, sql: str, parameters: Sequence[object]) -> Iterator[sqlite3.Cursor]:
        """What a query finds; SQLite may meet trouble also while its rows are fetched."""
        try:
            yield cast(Any, self._db).execute_sql(sql, parameters)
        except (pw.PeeweeException, sqlite3.Error) as error:
            raise self._trouble("read", error) from error

    def _trouble(self, verb: str, error: Exception) -> Temporary:
        """What to raise; damage is noted for the supervisor, which has the ledger set aside."""
        what_next = ""
        if is_damage(error):
            what_next = "; the node sets it aside and makes another from the spool's directories"
            with suppress(OSError):
                self.path.with_name(DAMAGED).write_text(str(self.inode))
        return Temporary(f"the ledger cannot be {verb}: {error}{what_next}")

    def _one(self, sql: str, *parameters: object) -> tuple[Any, ...] | None:
        with self._executed(sql, parameters) as cursor:
            return cast("tuple[Any, ...] | None", cursor.fetchone())

    def _all(self, sql: str, *parameters: object) -> list[Any]:
        with self._executed(sql, parameters) as cursor:
            return cursor.fetchall()

    def _named(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        with self._executed(sql, parameters) as cursor:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _event(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The journal's line about a row that was noted."""
    entry, study, state, at, turn = row[:5]
    return at, turn, study, entry, state, row[_MESSAGE]


def _as_noted(one: Noted) -> tuple[Any, ...]:
    """The row of what was noted once, as :meth:`Ledger.note` makes it; its turn is the moment's, by the clock."""
    fields = {"received_at": one.at, **one.fields} if one.state == "ready" else one.fields
    turn = int(one.at * 1_000_000)
    return one.entry, one.entry[:STUDY], one.state, one.at, turn, *(fields.get(name) for name in _COLUMNS)


def _storable(value: object) -> str | int | float | None:
    """Refuse now what SQLite would refuse at the flush, where it would hold up all other rows."""
    if isinstance(value, str):
        # A file's name may hold bytes that are no text.
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if value is None or isinstance(value, float) or (isinstance(value, int) and -_INT64 <= value < _INT64):
        return value
    raise ValueError(f"a {type(value).__name__} cannot stand in the ledger")


class _Transaction:
    """One write transaction; any trouble of the database or its disk is :class:`Temporary`."""

    def __init__(self, db: pw.SqliteDatabase, trouble: Callable[[str, Exception], Temporary]) -> None:
        self._db, self._trouble = db, trouble

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection = cast(sqlite3.Connection, cast(Any, self._db).connection())
            self._connection.execute("BEGIN IMMEDIATE")
        except (pw.PeeweeException, sqlite3.Error) as error:
            raise self._trouble("written", error) from error
        return self._connection

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        failure = error if isinstance(error, sqlite3.Error) else None
        try:
            if error is None:
                self._connection.execute("COMMIT")
        except sqlite3.Error as at_the_end:
            failure = at_the_end
        try:
            if self._connection.in_transaction:  # after a full disk SQLite has rolled back already
                self._connection.rollback()
        except sqlite3.Error as at_the_end:
            failure = failure or at_the_end
        if failure is not None:
            raise self._trouble("written", failure) from failure
