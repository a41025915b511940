"""The durable queue: directories of Part 10 files, one file per object, moved by rename.

The file is the promise. Its directory is its state, its name is its identity, so that the queue can be
read back from the directories alone after any crash:

    tmp/            being written, not yet acknowledged: swept at start; and anchors
    spare/          files of removed objects, wiped, for those to come
    new/            waiting
    work/<owner>/   claimed by one worker; back to new/ when that worker starts again
    held/           waiting for a person, with the reason in a JSON file beside it
    sent/           handed to the destination, its commitment awaited
    committed/      the destination answers for it; purged after the retention time

What is received is safe by a second name first: see :mod:`.anchor`.
"""

# Names are strings here: a Path costs more than the system call that it is made for.
# ruff: noqa: PTH102, PTH104, PTH108, PTH116, PTH119, PTH120, PTH208

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, cast

from fidac_node.spool import anchor
from fidac_node.spool.anchor import AnchoredDrafts, Anchors, Stamp
from fidac_node.spool.draft import Draft
from fidac_node.spool.entry import STUDY, SUFFIX, Entry, entries_in, is_file_name
from fidac_node.spool.stock import Stock
from fidac_node.system import disk, safeio

log = logging.getLogger(__name__)

STATES: Final = ("new", "work", "held", "sent", "committed")
# Why an object is held whose file is not what was put: the same object is welcome when it comes again.
CORRUPT: Final = "corrupt"
_NOTHING: Final = range(0)
_SETTLED_NS: Final = 1_000_000_000
_GLANCE_SECONDS: Final = 0.01  # between two looks at how many have come
_NO_MORE: Final = 64  # puts that the end of a study counts for: nobody gathers more than that
_MOST_WAKES: Final = 4096  # puts that one look at new/ answers


class Spool:
    """One queue on one file system; any number of processes may use it at the same time.

    ``reserve`` is the number of bytes of disk that :meth:`has_room` keeps free. About ``spares`` files of removed
    objects are kept, wiped, for new ones.
    """

    def __init__(self, directory: Path, *, reserve: int = 0, spares: int = 0) -> None:
        self._wake: int | None = None  # descriptors, once they are needed
        self._new: int | None = None
        self.directory = directory
        self._root = str(directory)
        self.reserve = reserve
        self._stock = Stock(self._root, spares)
        self._ahead = AnchoredDrafts(self._root, self._stock.draft)
        self._anchors = Anchors(self._root, self._sync_new)
        self._lock = threading.Lock()
        self._backlog: list[str] = []  # names of files in new/, the next to claim last
        self._claimed: dict[Entry, str] = {}  # where this process has put what it claimed
        self._known_owners: list[str] = []
        self._owners_of = -1  # the time (ns) of work/ when they were read
        for state in ("tmp", "spare", *STATES):
            safeio.make_directories(directory / state)

    def __del__(self) -> None:
        for fd in (self._wake, self._new):
            if fd is not None:
                os.close(fd)

    def has_room(self, *, share: float = 1.0) -> bool:
        """Say whether the disk has more than ``share`` of the reserve free, of bytes and of inodes."""
        return disk.room(self._root).is_enough(self.reserve, share)

    def create(self, *, anchored: bool = False) -> Draft:
        """Open a file in ``tmp/`` for reading and writing. Raises ``OSError``.

        ``anchored``: whose put then takes one flush of the disk.
        """
        return self._ahead.take() if anchored else self._stock.draft()

    def put(self, draft: Draft, entry: Entry) -> bool:
        """Take a finished file into ``new/`` and close it; it is safe from a power cut when this returns.

        Returns ``False``, and the draft is gone, when the same object is in the spool already; what is held there as
        :data:`CORRUPT` it replaces. Raises ``OSError``: the object is then in the spool whole or not at all, and may be
        put again.
        """
        return self.put_all([(draft, entry)])[0]

    def put_all(self, drafts: Sequence[tuple[Draft, Entry]]) -> list[bool]:
        """Put several at once, which costs the disk little more than one; as :meth:`put`, for each."""
        fresh = [self._sync_bytes(draft, entry) for draft, entry in drafts]
        if any(fresh):
            entered = [new and self._enter(draft, entry) for new, (draft, entry) in zip(fresh, drafts, strict=True)]
            fresh = [place is not False for place in entered]
            if "" in entered:
                self._sync_new()
            self.notify()
            self._anchors.add(place for place in entered if place)
        return fresh

    def end_of_study(self) -> None:
        """No more of this study is coming for now: make its names durable, and let nobody gather any longer."""
        self._anchors.sync()
        self.notify(_NO_MORE)

    def claim(self, owner: str, limit: int) -> list[Entry]:
        """Move up to ``limit`` entries to ``work/<owner>/`` and return them.

        Oldest study first and a study's objects together. An empty list means nothing waits. Raises
        ``OSError`` when none could be moved.
        """
        target = f"{self._root}/work/{owner}"
        with suppress(FileExistsError):
            os.mkdir(target, 0o700)
        with self._lock:
            claimed = self._take(target, limit)
            if not claimed:  # the others may have taken what was here at the last look
                self._backlog = self._waiting()
                claimed = self._take(target, limit)
            more = bool(self._backlog) and len(claimed) == limit > 0
        if more:
            self.notify()  # for another waiter: this one may have taken the bytes of several puts
        return claimed

    def notify(self, times: int = 1) -> None:
        """Wake one waiter, as so many puts would. A byte is a hint: directories, not it, say what is there."""
        try:
            os.write(self._fifo(), b"!" * times)
        except BlockingIOError:
            return  # the pipe is full: waiters have plenty of reasons to wake

    def wait(self, timeout: float) -> None:
        """Sleep until something was put, by any process, or for ``timeout`` seconds."""
        fd = self._fifo()
        deadline = time.monotonic() + timeout
        while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            with suppress(BlockingIOError):  # another waiter took the bytes, and looks
                os.read(fd, _MOST_WAKES)
                return

    def wait_for_more(self, most: int, longest: float, stop: threading.Event, *, through_pauses: bool = False) -> None:
        """Let objects come together: until ``most`` have come, or for ``longest`` seconds, or ``stop``; then claim.

        Only ``through_pauses`` also when none came for 10 ms.
        """
        fd, come = self._fifo(), 0
        deadline = time.monotonic() + longest
        while come < most and (left := deadline - time.monotonic()) > 0 and not stop.wait(min(left, _GLANCE_SECONDS)):
            try:
                come += len(os.read(fd, _MOST_WAKES))
            except BlockingIOError:
                if not through_pauses:
                    return

    def path(self, entry: Entry) -> Path:
        """Return where the object's file is now. Raises ``FileNotFoundError``."""
        return Path(self.place(entry))

    def place(self, entry: Entry, now: str = "") -> str:
        """As :meth:`path`, as text; ``now`` is the state that the object is in as far as the caller knows."""
        found = self._find(entry, now)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, f"object {entry} is not there", str(self.directory))
        return found

    def holds(self, entry: Entry, state: str) -> bool:
        """Say whether the object is in ``state``, one of :data:`STATES` but ``work``."""
        return os.access(self._name(state, entry), os.F_OK)

    def knows(self, entry: Entry) -> bool:
        """Say whether the object is there, in any state."""
        return self._find(entry) is not None

    def state(self, entry: Entry) -> str:
        """Return which of :data:`STATES` the object is in. Raises ``FileNotFoundError``."""
        place = self.path(entry).parent
        return place.name if place.parent == self.directory else "work"

    def unclaim(self, entry: Entry) -> None:
        """Put a claimed or sent object back to be claimed again."""
        self._move(entry, "new")
        self.notify()

    def hold(self, entry: Entry, code: str, message: str, **facts: object) -> None:
        """Set an object aside for a person, with the reason; neither may carry an identity."""
        self.place(entry)  # a reason without its object would stay for ever
        reason = {**(self.reason(entry) or {}), **facts, "code": code, "message": message}
        safeio.write_synced(Path(self._reason_path(entry)), json.dumps(reason, sort_keys=True).encode())
        self._move(entry, "held")
        safeio.sync_directory(f"{self._root}/held")

    def reason(self, entry: Entry) -> dict[str, object] | None:
        """Return what :meth:`hold` or :meth:`release` wrote about the object, if anything."""
        path = self._reason_path(entry)
        if not os.access(path, os.F_OK):
            return None  # as almost always
        try:
            return cast("dict[str, object]", json.loads(Path(path).read_bytes()))
        except FileNotFoundError:
            return None

    def is_corrupt(self, entry: Entry) -> bool:
        """Say whether the object is held because its file is not what was put."""
        return self.holds(entry, "held") and (self.reason(entry) or {}).get("code") == CORRUPT

    def reasoned(self) -> set[Entry]:
        """The objects about which there is a :meth:`reason`."""
        names = (name.removesuffix(".json") for name in os.listdir(f"{self._root}/held") if name.endswith(".json"))
        return {Entry.parse(name) for name in names if is_file_name(name + SUFFIX)}

    def release(self, entry: Entry, **facts: object) -> None:
        """Put a held object back to be claimed, with ``facts`` for the one who claims it."""
        held = self._name("held", entry)
        if not os.access(held, os.F_OK):
            raise FileNotFoundError(errno.ENOENT, f"object {entry} is not held there", str(self.directory))
        reason = {**(self.reason(entry) or {}), **facts}
        safeio.write_synced(Path(self._reason_path(entry)), json.dumps(reason, sort_keys=True).encode())
        os.rename(held, self._name("new", entry))
        safeio.sync_directory(f"{self._root}/new")
        self.notify()

    def mark_sent(self, entry: Entry) -> None:
        """The destination answered Success; after a crash it may be sent again, which is harmless."""
        self._move(entry, "sent")

    def mark_committed(self, entry: Entry) -> None:
        """The destination answers for the object; the file's time becomes now, for the retention."""
        os.utime(
            self.place(entry, "sent")
        )  # before the move: never in committed/ with an old time, that is purged at once
        self._move(entry, "committed", "sent")

    def doubt(self, entry: Entry) -> None:
        """Whether the destination still answers for a committed object is to be asked again.

        Raises ``FileNotFoundError`` if it is not committed.
        """
        os.rename(self._name("committed", entry), self._name("sent", entry))

    def send_again(self, entry: Entry) -> None:
        """A committed object is to be sent again. Raises ``FileNotFoundError`` if it is not committed."""
        os.rename(self._name("committed", entry), self._name("new", entry))
        self.notify()

    def remove(self, entry: Entry, harmless: range = _NOTHING) -> None:
        """Delete an object that the next stage holds, or that a person dropped; gone already is fine.

        ``harmless`` are bytes of its file that tell nothing and need not be wiped: wiping half a megabyte takes 0.1 ms.
        """
        found = self._find(entry)
        if found is not None:
            with suppress(FileNotFoundError):
                if not self._stock.keep(found, harmless):
                    os.unlink(found)
            self._claimed.pop(entry, None)
        reason = self._reason_path(entry)
        if os.access(reason, os.F_OK):
            with suppress(FileNotFoundError):
                os.unlink(reason)

    def remove_from(self, state: str, entry: Entry) -> bool:
        """Delete an object if it is in ``state`` still, one of :data:`STATES` but ``work``; say whether it was.

        One that went elsewhere since it was listed stays: what was answered for may be on its way again. Raises
        ``OSError``.
        """
        try:
            os.unlink(self._name(state, entry))
        except FileNotFoundError:
            return False
        return True

    def entries(self, state: str) -> list[Entry]:
        """List the objects in one of :data:`STATES`; ``work`` is all owners together."""
        return list(self.each(state))

    def each(self, state: str) -> Iterator[Entry]:
        """As :meth:`entries`, one after another: a million are no list."""
        for directory in self._owners() if state == "work" else [f"{self._root}/{state}"]:
            yield from entries_in(directory)

    def recover(self, owner: str | None = None) -> None:
        """After a crash: put back what ``owner`` (default: anybody) had claimed. Only while no such owner runs."""
        for directory in self._owners():
            for entry in list(entries_in(directory)) if owner in (None, os.path.basename(directory)) else []:
                os.rename(f"{directory}/{entry}{SUFFIX}", self._name("new", entry))
        self.notify()

    def close(self) -> None:
        """Leave no anchor and no draft behind; for the end of a process that received."""
        self._anchors.sync()
        self._ahead.close()

    def restore_names(self, is_whole: Callable[[Path, Entry], bool]) -> int:
        """After a crash, before all else: let everything that is safe be found by its name; return how much was not.

        ``is_whole(path, entry)`` says whether a file holds all bytes of the object. Raises ``OSError``.
        """
        return anchor.restore_names(self._root, self._owners(), self._find, is_whole)

    def sweep(self) -> None:
        """After a crash: remove what was never finished, and so never acknowledged.

        What is being written now stays, and every anchor.
        """
        self._sweep([*(self.directory / "tmp").glob(f"*{SUFFIX}"), *(self.directory / "held").glob(".*.json.*.tmp")])

    def bury(self, process: int, is_whole: Callable[[Path, Entry], bool]) -> int:
        """After the death of ``process``, while others go on: leave nothing of it in ``tmp/``; return what was named.

        What is safe and whole is named, as :meth:`restore_names` does; what was never finished goes. The names in
        ``tmp/`` begin with the number of their process (:mod:`.stock`): others' files are not touched. Raises
        ``OSError``.
        """
        pattern = f"{process}-*{SUFFIX}"
        self._sweep([*(self.directory / "tmp").glob(pattern)])
        named = anchor.name_anchors(self._root, pattern, self._find, is_whole)
        if named:
            self.notify(named)
        return named

    def _sweep(self, leftovers: list[Path]) -> None:
        for leftover in leftovers:
            with suppress(FileNotFoundError, BlockingIOError), leftover.open("rb") as fp:
                fcntl.flock(fp, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if Stamp.read(str(leftover)) is None:
                    leftover.unlink()

    def drop_spares(self) -> None:
        """Give the space of all spare files back."""
        self._stock.drop_spares()

    def _sync_bytes(self, draft: Draft, entry: Entry) -> bool:
        """Sync the bytes of a draft; ``False``, and it is gone, when the object is there already."""
        found = self._find(entry)
        if found is not None and not self.is_corrupt(entry):
            self._forgo(draft, found)
            return False
        draft.finish(str(entry))
        return True

    def _enter(self, draft: Draft, entry: Entry) -> str | Literal[False]:
        """Give a synced draft its name in ``new/``; return its anchor, if any, or ``False``: another was faster."""
        name = self._name("new", entry)
        if self.is_corrupt(entry):
            self._replace(draft, entry)
            return ""
        try:
            return draft.move(name)
        except FileExistsError:
            self._forgo(draft, name)
            return False

    def _replace(self, draft: Draft, entry: Entry) -> None:
        """Put a draft in the place of the held file that is not what it should be, and let it go on from there.

        At every moment the object is in one state, and whole as soon as it is the draft's.
        """
        held = self._name("held", entry)
        draft.move(held, replace=True)
        safeio.sync_directory(f"{self._root}/held")
        os.rename(held, self._name("new", entry))

    def _forgo(self, draft: Draft, found: str) -> None:
        """Discard a draft whose object is there, as ``found``; whoever put that may not have synced its name yet."""
        safeio.sync_directory(os.path.dirname(found))
        draft.discard()

    def _sync_new(self) -> None:
        """Make the names in ``new/`` durable; the directory stays open for the next time."""
        if self._new is None:
            self._new = os.open(f"{self._root}/new", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fsync(self._new)

    def _waiting(self) -> list[str]:
        """The names in ``new/``, the next to claim last."""
        arrived: dict[str, float] = {}
        began: dict[str, float] = {}
        with os.scandir(f"{self._root}/new") as listing:
            for item in listing:
                name = item.name
                if not is_file_name(name):
                    continue  # not ours
                try:
                    at = item.stat().st_mtime
                except FileNotFoundError:
                    continue  # just claimed by another
                arrived[name] = at
                study = name[:STUDY]
                began[study] = min(at, began.get(study, at))
        return sorted(arrived, key=lambda name: (began[name[:STUDY]], name[:STUDY], arrived[name]), reverse=True)

    def _take(self, target: str, limit: int) -> list[Entry]:
        """Move up to ``limit`` of the backlog to ``target``. Raises ``OSError`` when none could be moved."""
        taken: list[Entry] = []
        while self._backlog and len(taken) < limit:
            name = self._backlog.pop()
            try:
                os.rename(f"{self._root}/new/{name}", f"{target}/{name}")
            except FileNotFoundError:
                continue  # another worker was faster
            except OSError:
                self._backlog.append(name)
                if not taken:
                    raise
                break  # what was moved is the caller's: without this answer nobody would look at it
            entry = Entry.parse(name)
            self._claimed[entry] = f"{target}/{name}"
            taken.append(entry)
        return taken

    def _move(self, entry: Entry, state: str, now: str = "") -> None:
        """Rename the object's file, which is in ``now`` as far as the caller knows. Raises ``FileNotFoundError``."""
        os.rename(self.place(entry, now), self._name(state, entry))
        self._claimed.pop(entry, None)

    def _find(self, entry: Entry, now: str = "") -> str | None:
        """Where the object's file is: where it was last seen, or in the order of its way, so that it cannot slip by."""
        known = self._name(now, entry) if now else self._claimed.get(entry)
        if known is not None and os.access(known, os.F_OK):
            return known
        self._claimed.pop(entry, None)
        name = f"{entry}{SUFFIX}"
        new, *later = (f"{self._root}/{state}/{name}" for state in STATES if state != "work")
        if os.access(new, os.F_OK):
            return new
        places = (*(f"{owner}/{name}" for owner in self._owners()), *later)
        return next((place for place in places if os.access(place, os.F_OK)), None)

    def _owners(self) -> list[str]:
        """The directories in ``work/``, read again when there is another; a worker may keep its notes beside them."""
        changed = os.stat(f"{self._root}/work").st_mtime_ns
        if changed != self._owners_of:
            with os.scandir(f"{self._root}/work") as listing:
                self._known_owners = [item.path for item in listing if item.is_dir()]
            # The kernel's clock may tick every 4 ms: another may come without moving this time.
            self._owners_of = changed if time.time_ns() - changed > _SETTLED_NS else -1
        return self._known_owners

    def _name(self, state: str, entry: Entry) -> str:
        return f"{self._root}/{state}/{entry}{SUFFIX}"

    def _reason_path(self, entry: Entry) -> str:
        return f"{self._root}/held/{entry}.json"

    def _fifo(self) -> int:
        if self._wake is None:
            path = self.directory / "wake"
            with suppress(FileExistsError):  # made by an earlier run or another process
                os.mkfifo(path, 0o600)
            # Read-write: a FIFO with a reader of its own never blocks nor breaks (Linux fifo(7)).
            self._wake = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        return self._wake
