"""Where an export goes: a folder, or a zip. What is there under its final name is whole, unless the machine fell.

Nothing outside of it is ever written, and nothing that somebody else put there is touched.
"""

from __future__ import annotations

import os
import shutil
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from fidac_node.errors import ConfigError, Temporary
from fidac_node.system import safeio

EMPTY_ZIP: Final = 22  # bytes of the end of a zip without entries (APPNOTE 4.3.16)

_PART: Final = ".part"
_PIECE: Final = 1 << 20
# Of each entry: its headers here and in the central directory (APPNOTE 4.3.7, 4.3.12), with 64-bit sizes.
_ENTRY: Final = 250
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_ZIP64: Final = 1
_MAX_32: Final = 0xFFFFFFFF


class Target(Protocol):
    """What takes files under relative names; ``can_replace``: one that is there, too."""

    can_replace: bool

    def size_of(self, path: str) -> int | None:
        """How large the file of this name is; ``None``: there is none."""

    def put(self, path: str, source: BinaryIO, size: int) -> None:
        """Take a file. Raises ``OSError``."""

    def opened(self, path: str) -> Any:
        """A file, to be read, as a context. Raises ``OSError``, :class:`zipfile.BadZipFile`."""

    def remove(self, path: str) -> None:
        """Let a file that was put here be gone."""

    def settle(self) -> None:
        """See that what was put here can be read."""

    def finish(self) -> None:
        """All is there: give it its name."""

    def close(self) -> None:
        """Leave it as it is, to be gone on with."""

    def needs(self, objects: int, size: int) -> int:
        """Bytes that so many files of ``size`` bytes together take."""


class Folder:
    """An export into the folder ``root``."""

    can_replace = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = os.path.realpath(root)
        self._known: set[str] = set()  # folders in which nobody has put a link that leads elsewhere

    def size_of(self, path: str) -> int | None:
        """How large the file of this name is; ``None``: there is none."""
        try:
            found = self._at(path).lstat()
        except FileNotFoundError:
            return None
        return found.st_size

    def put(self, path: str, source: BinaryIO, size: int) -> None:
        """Take a file; under its name it is whole. Raises ``OSError``."""
        target = self._at(path)
        temporary = target.with_name(target.name + _PART)
        safeio.make_directories(target.parent)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as out:  # a raw file may write a part, and say no more than that
                shutil.copyfileobj(source, out, _PIECE)
                out.flush()
                safeio.start_sync(fd)
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """A file, to be read: from the disk, where that is. Raises ``OSError``."""
        fd = os.open(self._at(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with FileIO(fd) as file:
            safeio.forget(fd)
            yield cast(BinaryIO, file)
            safeio.forget(fd)

    def remove(self, path: str) -> None:
        """Let a file that was put here be gone, and its folders where they are empty."""
        target = self._at(path)
        target.unlink(missing_ok=True)
        target.with_name(target.name + _PART).unlink(missing_ok=True)
        with suppress(OSError):
            for folder in list(target.parents)[: path.count("/")]:
                folder.rmdir()

    def settle(self) -> None:
        """Have it all on the disk, so that it is read from there."""
        safeio.sync_file_system(self.root)

    def finish(self) -> None:
        """Make it safe from a power cut."""
        safeio.sync_file_system(self.root)

    def close(self) -> None:
        """Nothing is open."""

    def needs(self, objects: int, size: int) -> int:
        """Bytes that so many files take: the last block of each is half empty."""
        return size + objects * 4096

    def _at(self, path: str) -> Path:
        """The file of this name. Raises :class:`ConfigError` where a link in the folder leads out of it."""
        folder = path.rpartition("/")[0]
        if folder not in self._known:
            at = os.path.join(self._real, folder) if folder else self._real  # noqa: PTH118 - compared as text
            if os.path.realpath(at) != at:
                raise ConfigError(f"{self.root}/{folder} is a link, or in one: an export writes into its own folders")
            if os.path.isdir(at):  # noqa: PTH112
                self._known.add(folder)
        return self.root / path


class Zip:
    """An export into the zip ``path``, stored as it is; until it is finished it is called ``.part``."""

    can_replace = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = self.part_of(path)
        fd = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        entries, end = _entries(fd)
        os.ftruncate(fd, end)
        self._file = os.fdopen(fd, "r+b")
        self._file.seek(end)
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)
        for entry in entries:
            self._zip.filelist.append(entry)
            self._zip.NameToInfo[entry.filename] = entry

    @staticmethod
    def part_of(path: Path) -> Path:
        """What it is called until it is finished."""
        return path.with_name(path.name + _PART)

    def size_of(self, path: str) -> int | None:
        """How large the entry of this name is; ``None``: there is none."""
        entry = self._zip.NameToInfo.get(path)
        return None if entry is None else entry.file_size

    def put(self, path: str, source: BinaryIO, size: int) -> None:
        """Take a file. Raises ``OSError``."""
        entry = zipfile.ZipInfo(path)  # of 1980, when there was no exam
        entry.external_attr = 0o600 << 16
        entry.file_size = size
        start = self._zip.start_dir
        try:
            with self._zip.open(entry, "w", force_zip64=size >= _MAX_32 // 2) as out:
                shutil.copyfileobj(source, out, _PIECE)
        except BaseException:  # half an entry is none, whatever zipfile makes of it
            self._zip.filelist = [one for one in self._zip.filelist if one is not entry]
            self._zip.NameToInfo.pop(path, None)
            self._zip.start_dir = start
            raise

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """An entry, to be read; its CRC is checked, too. Raises ``OSError``, :class:`zipfile.BadZipFile`."""
        with self._zip.open(path) as file:
            yield cast(BinaryIO, file)

    def remove(self, path: str) -> None:
        """Begin anew: nothing can be taken out of a zip. Raises :class:`Temporary`."""
        self._part.unlink(missing_ok=True)
        raise Temporary(f"{self._part} had {path}, which is not to be there: it was deleted; run the same again")

    def settle(self) -> None:
        """Write the central directory, and open what is on the disk."""
        self._zip.close()
        os.fsync(self._file.fileno())
        safeio.forget(self._file.fileno())
        self._zip = zipfile.ZipFile(self._file, "a", zipfile.ZIP_STORED)

    def finish(self) -> None:
        """Give the zip its name, safe from a power cut."""
        self._zip.close()
        os.fsync(self._file.fileno())
        safeio.move_synced(self._part, self.path)

    def close(self) -> None:
        """Leave it as it is: what was being written at the end is found out when somebody goes on."""
        for one in (self._zip, self._file):
            with suppress(OSError):
                one.close()

    def needs(self, objects: int, size: int) -> int:
        """Bytes that so many entries take."""
        return size + objects * _ENTRY


def _entries(fd: int) -> tuple[list[zipfile.ZipInfo], int]:
    """The whole entries at the beginning of a zip that nobody has finished, and where they end."""
    entries, at, size = [], 0, os.fstat(fd).st_size
    while header := _local_header(fd, at):
        entry, length = header
        end = at + length + entry.compress_size
        if not entry.compress_size or end > size or "/" not in entry.filename:
            break  # it was being written, or is a table, which comes after all objects and is made anew
        entries.append(entry)
        at = end
    return entries, at


def _local_header(fd: int, at: int) -> tuple[zipfile.ZipInfo, int] | None:
    """An entry by its local file header (APPNOTE 4.3.7), and the length of that; ``None``: there is none."""
    fixed = os.pread(fd, _LOCAL.size, at)
    if len(fixed) < _LOCAL.size or not fixed.startswith(_LOCAL_MAGIC):
        return None
    _, _, flags, _, _, _, crc, stored, size, name_length, extra_length = _LOCAL.unpack(fixed)
    rest = os.pread(fd, name_length + extra_length, at + _LOCAL.size)
    name, extra = rest[:name_length], rest[name_length:]
    if stored == _MAX_32 and len(extra) >= 20 and struct.unpack_from("<HH", extra) == (_ZIP64, 16):
        size, stored = struct.unpack_from("<QQ", extra, 4)
    if flags or size != stored:
        return None
    entry = zipfile.ZipInfo(name.decode("ascii", "replace"))
    entry.external_attr, entry.header_offset = 0o600 << 16, at
    entry.CRC, entry.compress_size, entry.file_size = crc, stored, size
    return entry, _LOCAL.size + name_length + extra_length
