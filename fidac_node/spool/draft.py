"""A file of a spool while it is written, before it has a name that anybody looks for."""

# Names are strings here, as in spool.py: a Path costs more than the system call that it is made for.
# ruff: noqa: PTH104, PTH108, PTH119

from __future__ import annotations

import fcntl
import io
import os
import re
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple

from fidac_node.system import safeio

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SMALL: Final = 1 << 20  # bytes; for larger objects one more flush of the disk is nothing
_ZEROS: Final = bytes(128 << 10)
_STAMP: Final = "FIDAC node, safe: {} {}"
_STAMPED: Final = re.compile(rb"FIDAC node, safe: ([a-z2-7]{12}-[a-z2-7]{16}-[a-z2-7]{16}) ([0-9a-f-]{1,48}\.dcm)\0*")
_PREAMBLE: Final = 128  # bytes, free for our use (PS3.10 7.1)


class Stamp(NamedTuple):
    """What the preamble of an object says that is safe from a power cut by its anchor alone, the name that its draft had in ``tmp/``.

    It is written when all else is, and synced together with it: then the bytes are those that ``entry`` names. After a power
    cut in between it may be there without them.
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


class Draft:
    """A file in ``tmp/`` while it is written; locked until it is closed, which keeps :meth:`.Spool.sweep` away.

    ``file`` is unbuffered, for reading and writing: write large pieces. ``synced`` says that whoever wrote it
    has synced it already, on this descriptor; ``anchored``, that its name is. ``spare`` opens a file that is there, and not empty:
    :meth:`end` it where it is to end. A context manager: what was not put by its end is discarded.
    """

    def __init__(self, path: str, *, spare: bool = False) -> None:
        """Raises ``OSError``."""
        self._path = path
        self._named = True
        self._spare = spare
        make = 0 if spare else os.O_CREAT | os.O_EXCL
        self.file: io.FileIO = _Whole(os.open(path, os.O_RDWR | os.O_CLOEXEC | make, 0o600), "r+")
        self.synced = False
        self.anchored = False
        self._stamped = False
        fcntl.flock(self.file, fcntl.LOCK_EX)  # ends with the process

    @property
    def path(self) -> Path:
        """Where it is while it is a draft."""
        return Path(self._path)

    def fileno(self) -> int:
        """The descriptor of the file."""
        return self.file.fileno()

    def end(self) -> None:
        """Let the file end where it stands. Whoever puts it does so too; before that, only who reads it must. Raises ``OSError``."""
        if self._spare:
            os.ftruncate(self.file.fileno(), self.file.tell())
            self._spare = self.synced = False

    def seal(self, name: str) -> None:
        """Let the file end and sync it, unless that is done, as the object ``name``. Raises ``OSError``."""
        self.end()
        if self.synced:
            return
        if self.anchored and self.file.tell() <= SMALL:
            stamp = _STAMP.format(name, os.path.basename(self._path)).encode("ascii")
            os.pwritev(self.file.fileno(), [stamp], 0)
            self._stamped = True
        os.fdatasync(self.file.fileno())
        self.synced = True

    def wipe(self, start: int, end: int) -> None:
        """Overwrite these bytes of the file with zeros. Raises ``OSError``."""
        whole, rest = divmod(end - start, len(_ZEROS))
        if whole or rest:
            os.pwritev(self.file.fileno(), [_ZEROS] * whole + [_ZEROS[:rest]], start)

    def close(self) -> None:
        """Close the file, and let it be."""
        self.file.close()

    def move(self, path: str) -> str:
        """Give it the name ``path`` and close it: it is no draft any more. Raises ``OSError``.

        Returns its anchor, if it has one that makes it safe: a name that is to stay until ``path`` is synced. Such a one
        replaces no file: ``FileExistsError``.
        """
        anchor = ""
        if self._stamped:
            try:
                os.link(self._path, path)
                anchor = self._path
            except OSError as error:
                if error.errno not in safeio.CANNOT_LINK:
                    raise
        if not anchor:
            os.rename(self._path, path)
        self._named = False
        self.file.close()
        return anchor

    def discard(self) -> None:
        """Close and remove it; harmless twice, and after it was put."""
        self.file.close()
        if self._named:
            self._named = False
            with suppress(FileNotFoundError):
                os.unlink(self._path)

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class _Whole(io.FileIO):
    """A file that takes all that is written to it, or raises: a plain ``FileIO`` may take a part and say how much."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of ``data``. Raises ``OSError``."""
        descriptor = self.fileno()
        written = os.write(descriptor, data)
        size = memoryview(data).nbytes
        while written < size:
            written += os.write(descriptor, memoryview(data).cast("B")[written:])
        return written
