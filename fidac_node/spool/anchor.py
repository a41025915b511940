"""An object's second name, its anchor: why Success costs one flush of the disk and not two.

To sync an object and then its name are two flushes. What is received takes one:

1. the name that its draft has in ``tmp/`` is synced before anything arrives, many together (:class:`AnchoredDrafts`);
2. the object says in its preamble which one it is (:class:`Stamp`), and is synced with it: now it is safe;
3. it gets its name in ``new/`` as a second one (:func:`link`), and the first stays as its anchor
4. until the names in ``new/`` are synced, again for many together (:class:`Anchors`).

After a power cut :func:`restore_names` gives what has only its anchor its name, if its bytes are whole: what is not was
never acknowledged. A name that a power cut brought back, of a file that serves another object by now, goes.
``tests/unit/spool/test_anchors.py`` cuts the power at every call.
"""

# Names are strings here, as in queue.py: a Path costs more than the system call that it is made for.
# ruff: noqa: PTH104, PTH108, PTH116, PTH120

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from fidac_node.spool.entry import SUFFIX, Entry, entries_in
from fidac_node.system import safeio

log = logging.getLogger(__name__)

_STAMP: Final = "FIDAC node, safe: {} {}"
_STAMPED: Final = re.compile(rb"FIDAC node, safe: ([a-z2-7]{12}-[a-z2-7]{16}-[a-z2-7]{16}) ([0-9a-f-]{1,48}\.dcm)\0*")
_PREAMBLE: Final = 128  # bytes, free for our use (PS3.10 7.1)
_MOST_ANCHORS: Final = 16  # of one process
_CORRECTED: Final = "corrected"  # the file that says since which boot all names are right
_MOST_AHEAD: Final = 16  # drafts whose names are synced together


class Stamp(NamedTuple):
    """What the preamble of an object says that is safe by its anchor alone, the name that its draft had in ``tmp/``.

    It is written when all else is, and synced together with it: then the bytes are those that ``entry`` names. After a
    power cut in between it may be there without them.
    """

    entry: str
    anchor: str

    @classmethod
    def read(cls, path: str) -> Stamp | None:
        """The stamp of a file, if it has one. Raises ``OSError``."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = _STAMPED.fullmatch(os.pread(fd, _PREAMBLE, 0))
        finally:
            os.close(fd)
        return cls(*(part.decode("ascii") for part in found.groups())) if found else None

    def write(self, fd: int) -> None:
        """Write it into the preamble of an open file. Raises ``OSError``."""
        os.pwritev(fd, [_STAMP.format(*self).encode("ascii")], 0)


class _Anchorable(Protocol):
    """A draft: whether its name is synced, and how it is removed."""

    anchored: bool

    def discard(self) -> None: ...


D = TypeVar("D", bound=_Anchorable)


class AnchoredDrafts(Generic[D]):
    """Drafts of the spool ``root`` whose names are synced already, made by ``make``, each time more at once."""

    def __init__(self, root: str, make: Callable[[], D]) -> None:
        self._root = root
        self._make = make
        self._lock = threading.Lock()
        self._drafts: list[D] = []
        self._next = 1

    def take(self) -> D:
        """A draft whose put takes one flush of the disk. Raises ``OSError``."""
        with self._lock:
            if not self._drafts:
                self._drafts = self._make_more()
            return self._drafts.pop()

    def close(self) -> None:
        """Discard the drafts that nobody took."""
        with self._lock:
            unused, self._drafts = self._drafts, []
        for draft in unused:
            draft.discard()

    def _make_more(self) -> list[D]:
        wanted, self._next = self._next, 1
        drafts: list[D] = []
        try:
            drafts.extend(self._make() for _ in range(wanted))
            fd = os.open(f"{self._root}/tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except BaseException:
            for draft in drafts:
                draft.discard()
            raise
        for draft in drafts:
            draft.anchored = True
        self._next = min(2 * wanted, _MOST_AHEAD)
        return drafts


class Anchors:
    """The anchors of what this process has put into the spool ``root``; ``sync`` makes names in ``new/`` durable."""

    def __init__(self, root: str, sync: Callable[[], None]) -> None:
        self._root = root
        self._sync = sync
        self._lock = threading.Lock()
        self._anchors: list[str] = []

    def add(self, anchors: Iterable[str]) -> None:
        """Remember the anchors of what was put; sync them all when there are many."""
        with self._lock:
            self._anchors += anchors
        if len(self._anchors) >= _MOST_ANCHORS:
            self.sync()

    def sync(self) -> None:
        """Sync the names of what was put, and remove its anchors. What was put is safe before, too."""
        with self._lock:
            anchors, self._anchors = self._anchors, []
        if not anchors:
            return
        try:
            self._sync()
        except OSError as error:
            log.error(
                "%s cannot be synced: %s; what was received stays safe under its names in tmp/",
                f"{self._root}/new",
                error.strerror,
            )
            with self._lock:
                self._anchors += anchors
            return
        for anchor in anchors:
            with suppress(OSError):  # gone with the object; or the next start removes it
                os.unlink(anchor)


def link(anchor: str, name: str) -> bool:
    """Give a file its second name; ``False``: this file system has no links.

    Raises ``FileExistsError`` and any other ``OSError``.
    """
    try:
        os.link(anchor, name)
    except OSError as error:
        if error.errno not in safeio.CANNOT_LINK:
            raise
        return False
    return True


def remove_anchor(root: str, path: str, found: os.stat_result) -> bool:
    """Remove the anchor of a file of the spool ``root`` that has no other name besides.

    ``False``: another name is not ours, and its bytes are not to be touched. Raises ``OSError``.
    """
    stamp = Stamp.read(path)
    anchor = stamp and f"{root}/tmp/{stamp.anchor}"
    with suppress(FileNotFoundError):
        if anchor and found.st_nlink == 2 and os.stat(anchor).st_ino == found.st_ino:
            os.unlink(anchor)
            return True
    return False


def restore_names(
    root: str,
    claimed: Iterable[str],
    find: Callable[[Entry], str | None],
    is_whole: Callable[[Path, Entry], bool],
) -> int:
    """After a crash, before all else: give what has only its anchor its name in ``new/``; return how many had not.

    ``claimed`` are the directories in ``work/``; ``find`` says where an object is, ``is_whole(path, entry)`` whether a
    file holds all its bytes; one that does not was never acknowledged. Raises ``OSError``.
    """
    boot = _boot()
    known = Path(root, _CORRECTED)
    if not boot or not known.exists() or known.read_text() != boot:
        for directory in (f"{root}/new", *claimed):
            for entry in list(entries_in(directory)):
                with suppress(FileNotFoundError):  # a worker of another supervisor has moved it
                    _correct(root, f"{directory}/{entry}{SUFFIX}", entry)
        safeio.write_synced(known, boot.encode())
    return name_anchors(root, f"*{SUFFIX}", find, is_whole)


def name_anchors(
    root: str, pattern: str, find: Callable[[Entry], str | None], is_whole: Callable[[Path, Entry], bool]
) -> int:
    """Give what has only an anchor its name, as :func:`restore_names`, and remove the anchors; those of ``pattern``.

    Nobody may be writing those, but others may go on. Raises ``OSError``.
    """
    stamps = {path: stamp for path in Path(root, "tmp").glob(pattern) if (stamp := _stamp_at_rest(path))}
    anchors = {path: Entry.parse(stamp.entry) for path, stamp in stamps.items()}
    lost = 0
    for anchor, entry in anchors.items():
        if not find(entry) and is_whole(anchor, entry):
            with suppress(FileExistsError):
                os.link(anchor, f"{root}/new/{entry}{SUFFIX}")
                lost += 1
    for directory in {os.path.dirname(found) for entry in anchors.values() if (found := find(entry))}:
        safeio.sync_directory(directory)
    for anchor in anchors:
        anchor.unlink(missing_ok=True)
    return lost


def _boot() -> str:
    """Which start of this machine it is; empty where Linux does not say.

    Only a power cut brings names back: what runs since then sees its own renames. To read 100,000 files takes seconds.
    """
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _correct(root: str, name: str, entry: Entry) -> None:
    """Take the name of ``entry`` from a file that says it is another object; its only name becomes its own."""
    stamp = Stamp.read(name)
    if stamp is not None and stamp.entry != str(entry):
        if os.stat(name).st_nlink > 1:
            os.unlink(name)
        else:
            os.rename(name, f"{root}/new/{stamp.entry}{SUFFIX}")


def _stamp_at_rest(path: Path) -> Stamp | None:
    """The stamp of a file in ``tmp/`` that is not being written."""
    with suppress(BlockingIOError, FileNotFoundError), path.open("rb") as fp:
        fcntl.flock(fp, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Stamp.read(str(path))
    return None
