"""A file of a spool while it is written, before it has a name that anybody looks for."""

# Names are strings here, as in queue.py: a Path costs more than the system call that it is made for.
# ruff: noqa: PTH104, PTH108, PTH119

from __future__ import annotations

import fcntl
import io
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from fidac_node.spool.anchor import Stamp, link

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SMALL: Final = 1 << 20  # bytes; for larger objects one more flush of the disk is nothing
_ZEROS: Final = bytes(128 << 10)


class Draft:
    """A file in ``tmp/`` while it is written; locked until it is closed, which keeps :meth:`.Spool.sweep` away.

    ``file`` is unbuffered, for reading and writing: write large pieces. ``synced`` says that whoever wrote it
    has synced it already, on this descriptor; ``anchored``, that its name is. ``spare`` opens a file that is there, and
    not empty: :meth:`end` it where it is to end. A context manager: what was not put by its end is discarded.
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
        """Let the file end where it stands. Raises ``OSError``.

        Whoever puts it does so too; before that, only who reads it must.
        """
        if self._spare:
            os.ftruncate(self.file.fileno(), self.file.tell())
            self._spare = self.synced = False

    def finish(self, name: str) -> None:
        """Let the file end and sync it, unless that is done, as the object ``name``. Raises ``OSError``."""
        self.end()
        if self.synced:
            return
        if self.anchored and self.file.tell() <= SMALL:
            Stamp(name, os.path.basename(self._path)).write(self.file.fileno())
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

    def move(self, path: str, *, replace: bool = False) -> str:
        """Give it the name ``path`` and close it: it is no draft any more. Raises ``OSError``.

        Returns its anchor, if it has one that makes it safe: a name that is to stay until ``path`` is synced. Such a
        one replaces no file: ``FileExistsError``, unless that is what is wanted; it has no anchor then.
        """
        anchor = self._path if self._stamped and not replace and link(self._path, path) else ""
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
