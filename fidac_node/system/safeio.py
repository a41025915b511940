"""Write and move files so that they survive a power cut.

A file is safe when its bytes, its name and the names of its directories are all on the disk: write to a
temporary name, sync, rename, sync the directory.
"""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

# sync_file_range(2), of Linux; length 0 is all of the file.
_RANGE_WRITE: Final = 2
_SYNC_FILE_RANGE: Final = ctypes.CDLL(None).sync_file_range
_SYNC_FILE_RANGE.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_SYNCFS: Final = ctypes.CDLL(None, use_errno=True).syncfs
# link(2): another file system, none of its business, too many names for one file.
CANNOT_LINK: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def keep_private() -> None:
    """Let no file or folder that this process makes be another user's to read, whatever umask it was started with."""
    os.umask(0o077)


def touch_private(path: Path) -> None:
    """See that the file ``path`` is there, and nobody else's: SQLite gives its other files the mode of the first.

    Raises ``OSError``.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def sync_directory(directory: Path | str) -> None:
    """Make the names in ``directory`` durable: a rename or a new file is only safe after this."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directories(directory: Path, mode: int = 0o700) -> None:
    """Create ``directory`` and its missing parents, each one durable in its own parent."""
    if directory.is_dir():
        return
    make_directories(directory.parent, mode)
    try:
        directory.mkdir(mode)
    except FileExistsError:
        return  # another process was faster
    sync_directory(directory.parent)


def sync_file(path: Path) -> None:
    """Make the bytes of ``path`` durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(fd)
    finally:
        os.close(fd)


def sync_file_system(directory: Path) -> None:
    """Make everything on the file system of ``directory`` durable: for many files at once. Raises ``OSError``."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _SYNCFS(fd):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(directory))
    finally:
        os.close(fd)


def start_sync(fd: int, offset: int = 0) -> None:
    """Let the disk begin to write the bytes of an open file from ``offset`` on.

    Syncing it later takes less time. Promises nothing.
    """
    _SYNC_FILE_RANGE(fd, offset, 0, _RANGE_WRITE)


def forget(fd: int, offset: int = 0) -> None:
    """Give the memory back that holds an open file's synced bytes from ``offset`` on: nobody reads them soon."""
    os.posix_fadvise(fd, offset, 0, os.POSIX_FADV_DONTNEED)


def move_synced(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target`` (same file system) and make the new name durable."""
    source.rename(target)
    sync_directory(target.parent)


def write_synced(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` under the name ``path``, all of it or nothing, durable when this returns."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(fd, "wb") as fp:
            os.fchmod(fd, mode)  # whatever the umask
            fp.write(data)
            fp.flush()
            os.fsync(fp.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
