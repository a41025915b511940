"""What was withdrawn at this site: nothing of it is forwarded any more, whenever it comes.

A file of keyed handles, one a line, only ever appended to, which stands beside the vault and so outlives a lost ledger.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fidac_node.errors import Temporary
from fidac_node.system import safeio

FILE: Final = "withdrawn"
# Why the ledger says that an object was discarded or dropped.
REASON: Final = "withdrawn"
STUDY: Final = "study"
PATIENT: Final = "patient"

_LINE: Final = re.compile(r"(study|patient) ([a-z2-7]{12})")


class Withdrawn:
    """The handles in the folder ``directory``; any process reads, a command appends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._known: frozenset[tuple[str, str]] = frozenset()
        self._seen = (0, 0)

    def add(self, handles: Iterable[tuple[str, str]]) -> None:
        """Forward nothing more of these studies and patients: ``(kind, handle)``. Durable then; raises ``OSError``."""
        safeio.make_directories(self._path.parent)
        lines = "".join(f"{kind} {handle}\n" for kind, handle in handles).encode("ascii")
        owner = self._path.parent.stat()
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            if os.geteuid() == 0:
                os.fchown(fd, owner.st_uid, owner.st_gid)  # the node's user reads it
            file.write(b"\n" + lines)  # a crash may have cut the last line
            file.flush()
            os.fsync(fd)
        safeio.sync_directory(self._path.parent)

    def look(self) -> None:
        """Read what was added since. Raises ``OSError`` and ``Temporary``: what is not known must not leave."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            if self._known:
                raise Temporary(f"the list of what was withdrawn is gone: put {self._path} back") from None
            return
        seen = found.st_size, found.st_ino
        if seen != self._seen:
            lines = filter(None, map(_LINE.fullmatch, self._path.read_text("ascii", "replace").splitlines()))
            self._known, self._seen = frozenset((line[1], line[2]) for line in lines), seen

    def names(self, study: str, patient: str | None = None) -> bool:
        """Say whether an object of this study, or of this patient as far as he is known, was withdrawn."""
        return (STUDY, study) in self._known or (PATIENT, patient) in self._known
