"""The durable queue: directories of Part 10 files, one file per object, moved by rename.

The file is the promise. Its directory is its state, its name is its identity, so that the queue can be
read back from the directories alone after any crash:

    tmp/            being written, not yet acknowledged: swept at start
    new/            waiting
    work/<owner>/   claimed by one worker; back to new/ when that worker starts again
    held/           waiting for a person, with the reason in a JSON file beside it
    sent/           handed to the destination, its commitment awaited
    committed/      the destination answers for it; purged after the retention time
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from fidac_node import safeio

STATES: Final = ("new", "work", "held", "sent", "committed")
_SUFFIX: Final = ".dcm"
_HANDLES: Final = (12, 16, 16)
_ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")


@dataclass(frozen=True, order=True)
class Entry:
    """The name of one object in a spool: three base32 handles that say nothing about the patient.

    ``study`` (12 characters) stands for the StudyInstanceUID, ``instance`` (16) for the
    SOPInstanceUID, ``digest`` (16) for the SHA-256 of the encoded data set.
    """

    study: str
    instance: str
    digest: str

    def __str__(self) -> str:
        return f"{self.study}-{self.instance}-{self.digest}"

    @classmethod
    def parse(cls, name: str) -> Entry:
        """Read an entry back from its text or file name. Raises ``ValueError``."""
        parts = name.removesuffix(_SUFFIX).split("-")
        if tuple(map(len, parts)) != _HANDLES or not all(_ALPHABET.issuperset(part) for part in parts):
            raise ValueError(f"{name!r} does not name an object of a spool")
        return cls(*parts)


class Spool:
    """One queue on one file system; any number of processes may use it at the same time.

    ``reserve`` is the number of bytes of disk that :meth:`has_room` keeps free.
    """

    def __init__(self, directory: Path, *, reserve: int = 0) -> None:
        self.directory = directory
        self.reserve = reserve
        self._lock = threading.Lock()
        self._backlog: list[Entry] = []
        self._wake: int | None = None
        for state in ("tmp", *STATES):
            safeio.make_directories(directory / state)

    def has_room(self, *, share: float = 1.0) -> bool:
        """Say whether the disk has more than ``share`` of the reserve free."""
        return shutil.disk_usage(self.directory).free > self.reserve * share

    def create(self) -> tuple[Path, BinaryIO]:
        """Open a fresh file in ``tmp/`` for reading and writing. Raises ``OSError``."""
        fd, name = tempfile.mkstemp(dir=self.directory / "tmp", suffix=_SUFFIX)
        fcntl.flock(fd, fcntl.LOCK_EX)  # until it is closed: keeps sweep() away, and ends with the process
        return Path(name), os.fdopen(fd, "w+b")

    def put(self, tmp: Path, entry: Entry) -> bool:
        """Take a finished file into ``new/``; it is safe from a power cut when this returns.

        Returns ``False``, and drops ``tmp``, when the same object is in the spool already. Raises
        ``OSError``: the object is then in the spool whole or not at all, and may be put again.
        """
        found = self._locate(entry)
        if found is not None:
            safeio.sync_directory(found.parent)  # whoever put it may not have come that far yet
            tmp.unlink()
            return False
        safeio.sync_file(tmp)
        safeio.move_synced(tmp, self._name("new", entry))
        self.kick()
        return True

    def claim(self, owner: str, limit: int) -> list[Entry]:
        """Move up to ``limit`` entries to ``work/<owner>/`` and return them.

        Oldest study first and a study's objects together. An empty list means nothing waits. Raises
        ``OSError`` when none could be moved.
        """
        target = self.directory / "work" / owner
        target.mkdir(mode=0o700, exist_ok=True)
        claimed: list[Entry] = []
        with self._lock:
            if not self._backlog:
                self._backlog = self._waiting()
            while self._backlog and len(claimed) < limit:
                entry = self._backlog.pop()
                try:
                    self._name("new", entry).rename(target / f"{entry}{_SUFFIX}")
                except FileNotFoundError:
                    continue  # another worker was faster
                except OSError:
                    self._backlog.append(entry)
                    if not claimed:
                        raise
                    break  # what was moved is the caller's: without this answer nobody would look at it
                claimed.append(entry)
        return claimed

    def wait(self, timeout: float) -> None:
        """Sleep until something was put, by any process, or for ``timeout`` seconds."""
        fd = self._fifo()
        ready, _, _ = select.select([fd], [], [], timeout)
        if ready:
            try:
                os.read(fd, 1)
            except BlockingIOError:
                return  # another waiter took the byte

    def kick(self) -> None:
        """Wake one waiter. The byte is a hint: directories, not it, say what is there."""
        try:
            os.write(self._fifo(), b"!")
        except BlockingIOError:
            return  # the pipe is full: waiters have plenty of reasons to wake

    def path(self, entry: Entry) -> Path:
        """Return where the object's file is now. Raises ``FileNotFoundError``."""
        found = self._locate(entry)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, f"object {entry} is not there", str(self.directory))
        return found

    def state(self, entry: Entry) -> str:
        """Return which of :data:`STATES` the object is in. Raises ``FileNotFoundError``."""
        place = self.path(entry).parent
        return place.name if place.parent == self.directory else "work"

    def unclaim(self, entry: Entry) -> None:
        """Put a claimed or sent object back to be claimed again."""
        self.path(entry).rename(self._name("new", entry))
        self.kick()

    def hold(self, entry: Entry, code: str, message: str, **facts: object) -> None:
        """Set an object aside for a person, with the reason; neither may carry an identity."""
        source = self.path(entry)
        reason = {**(self.reason(entry) or {}), **facts, "code": code, "message": message}
        safeio.write_synced(self._reason_path(entry), json.dumps(reason, sort_keys=True).encode())
        safeio.move_synced(source, self._name("held", entry))

    def reason(self, entry: Entry) -> dict[str, object] | None:
        """Return what :meth:`hold` or :meth:`release` wrote about the object, if anything."""
        try:
            return cast("dict[str, object]", json.loads(self._reason_path(entry).read_bytes()))
        except FileNotFoundError:
            return None

    def release(self, entry: Entry, **facts: object) -> None:
        """Put a held object back to be claimed, with ``facts`` for the one who claims it."""
        held = self._name("held", entry)
        if not held.exists():
            raise FileNotFoundError(errno.ENOENT, f"object {entry} is not held there", str(self.directory))
        reason = {**(self.reason(entry) or {}), **facts}
        safeio.write_synced(self._reason_path(entry), json.dumps(reason, sort_keys=True).encode())
        safeio.move_synced(held, self._name("new", entry))
        self.kick()

    def mark_sent(self, entry: Entry) -> None:
        """The destination answered Success; after a crash it may be sent again, which is harmless."""
        self.path(entry).rename(self._name("sent", entry))

    def mark_committed(self, entry: Entry) -> None:
        """The destination answers for the object; the file's time becomes now, for the retention."""
        path = self.path(entry)
        os.utime(path)  # before the move: never in committed/ with an old time, that is purged at once
        path.rename(self._name("committed", entry))

    def remove(self, entry: Entry) -> None:
        """Delete an object that the next stage holds, or that a person dropped; gone already is fine."""
        found = self._locate(entry)
        if found is not None:
            found.unlink(missing_ok=True)
        self._reason_path(entry).unlink(missing_ok=True)

    def entries(self, state: str) -> list[Entry]:
        """List the objects in one of :data:`STATES`; ``work`` is all owners together."""
        if state == "work":
            return [entry for owner in self._owners() for entry in _entries_in(owner)]
        return list(_entries_in(self.directory / state))

    def recover(self, owner: str | None = None) -> None:
        """After a crash: put back what ``owner`` (default: anybody) had claimed. Only while no such owner runs."""
        for directory in self._owners():
            for entry in list(_entries_in(directory)) if owner in (None, directory.name) else []:
                (directory / f"{entry}{_SUFFIX}").rename(self._name("new", entry))
        self.kick()

    def sweep(self) -> None:
        """After a crash: remove what was never finished, and so never acknowledged. What is being written now stays."""
        for leftover in [*(self.directory / "tmp").glob(f"*{_SUFFIX}"), *(self.directory / "held").glob(".*.json.*.tmp")]:
            with suppress(FileNotFoundError, BlockingIOError), leftover.open("rb") as fp:
                fcntl.flock(fp, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()

    def _waiting(self) -> list[Entry]:
        """What is in ``new/``, the next to claim last."""
        arrived: dict[Entry, float] = {}
        with os.scandir(self.directory / "new") as listing:
            for item in listing:
                try:
                    arrived[Entry.parse(item.name)] = item.stat().st_mtime
                except (ValueError, FileNotFoundError):
                    continue  # not ours, or just claimed by another
        began: dict[str, float] = {}
        for entry, at in arrived.items():
            began[entry.study] = min(at, began.get(entry.study, at))
        return sorted(arrived, key=lambda entry: (began[entry.study], entry.study, arrived[entry]), reverse=True)

    def _locate(self, entry: Entry) -> Path | None:
        for state in ("new", "held", "sent", "committed"):
            path = self._name(state, entry)
            if path.exists():
                return path
        for owner in self._owners():
            path = owner / f"{entry}{_SUFFIX}"
            if path.exists():
                return path
        return None

    def _owners(self) -> list[Path]:
        """The directories in ``work/``; a worker may keep notes of its own beside them."""
        return [path for path in (self.directory / "work").iterdir() if path.is_dir()]

    def _name(self, state: str, entry: Entry) -> Path:
        return self.directory / state / f"{entry}{_SUFFIX}"

    def _reason_path(self, entry: Entry) -> Path:
        return self.directory / "held" / f"{entry}.json"

    def _fifo(self) -> int:
        if self._wake is None:
            path = self.directory / "wake"
            with suppress(FileExistsError):  # made by an earlier run or another process
                os.mkfifo(path, 0o600)
            # Read-write: a FIFO with a reader of its own never blocks nor breaks (Linux fifo(7)).
            self._wake = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        return self._wake


def _entries_in(directory: Path) -> Iterator[Entry]:
    with os.scandir(directory) as listing:
        for item in listing:
            if item.name.endswith(_SUFFIX):
                try:
                    yield Entry.parse(item.name)
                except ValueError:
                    continue  # a stranger's file: never touched
