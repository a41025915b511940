"""What a file of the archive must be: digest and size, kept in the index and, in case that is lost, beside the files.

``DIGESTS`` in the folder of each series has a line for each object, ``SOPInstanceUID digest size``; of two lines for
one object the later holds. So whoever makes the index anew need not believe the file that he reads.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from fidac_node.dicom import part10
from fidac_node.receive.digest import digest_from, spelled
from fidac_node.system import safeio

FILE: Final = "DIGESTS"

_LINE: Final = re.compile(rb"([0-9.]{1,64}) ([a-z2-7]{16}) ([0-9]{1,19})")
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_MOST_SERIES: Final = 16  # filed side by side
# What can be wrong with a file of the archive; empty: nothing.
Fault: TypeAlias = Literal["", "missing", "size", "digest"]


class Filed(NamedTuple):
    """What was filed: the digest of the data set as an entry's name spells it, and the size (bytes) of the file.

    The digest is empty where an older version filed.
    """

    digest: str
    size: int


def fingerprint(found: os.stat_result) -> int:
    """63 bits of size, time of change and inode: while they stay, the bytes are taken to stay (0 is no fingerprint)."""
    text = f"{found.st_size} {found.st_mtime_ns} {found.st_ino}".encode("ascii")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1 or 1


def fault(path: str, sop_instance_uid: str, filed: Filed, rest: Callable[[int], object] | None = None) -> Fault:
    """What is wrong with a file of the archive: all of it is read, and leaves memory again. Raises ``OSError``.

    ``missing`` is also what is no regular file. ``rest`` is called with the size of each piece that was read.
    """
    try:
        file = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "r")
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return "missing"
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            return "missing"
        if found.st_size != filed.size:
            return "size"
        try:
            meta, offset = part10.read_meta(file)
        except part10.Malformed:
            return "digest"
        digest = spelled(digest_from(file, offset, rest))
        safeio.forget(file.fileno())
    return "" if meta.sop_instance_uid == sop_instance_uid and filed.digest in ("", digest) else "digest"


def measured(path: str) -> Filed:
    """Digest and size of a file as it is, to be believed where nobody knows better.

    Raises ``OSError``, :class:`.Malformed`.
    """
    with FileIO(path) as file:
        _, offset = part10.read_meta(file)
        digest = spelled(digest_from(file, offset))
        return Filed(digest, os.fstat(file.fileno()).st_size)


class Digests:
    """The ``DIGESTS`` of an archive's series, each in the folder that is named; one process writes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, dict[str, Filed]]] = {}

    def of(self, folder: str, sop_instance_uid: str) -> Filed | None:
        """What was filed under this SOP Instance UID. Raises ``OSError``."""
        return self.all(folder).get(sop_instance_uid)

    def add(self, folder: str, filed: Mapping[str, Filed]) -> None:
        """Write lines for these SOP Instance UIDs, safe from a power cut but for the name. Raises ``OSError``."""
        lines = "".join(f"{sop} {one.digest} {one.size}\n" for sop, one in filed.items()).encode("ascii")
        fd = os.open(f"{folder}/{FILE}", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with FileIO(fd, "r+") as file:
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":
                lines = b"\n" + lines  # a crash has cut the last line
            if file.write(lines) < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{folder}/{FILE}")
            os.fdatasync(fd)

    def all(self, folder: str) -> Mapping[str, Filed]:
        """What was filed of a series, by SOP Instance UID. Raises ``OSError``."""
        try:
            size = Path(folder, FILE).stat().st_size
        except FileNotFoundError:
            return {}
        known = self._known.get(folder)
        if known is None or known[0] != size:
            with FileIO(f"{folder}/{FILE}") as file:
                content = file.readall()
            if len(self._known) >= _MOST_SERIES:
                self._known.clear()
            known = self._known[folder] = len(content), _parsed(content)
        return known[1]


def _parsed(content: bytes) -> dict[str, Filed]:
    """The whole lines; what a crash has cut is left out."""
    found = filter(None, map(_LINE.fullmatch, content.split(b"\n")))
    return {line[1].decode("ascii"): Filed(line[2].decode("ascii"), int(line[3])) for line in found}
