"""The one place at a site that may name a patient: which handle stands for which study.

One line of JSON per study in a file that only the node's user can read and that never leaves the
site. Logs, the ledger and every command print handles; ``site show --identify`` reads this.
"""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import Any, Final, cast

FILE: Final = "register.jsonl"
FIELDS: Final = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyDate", "AccessionNumber")


class Register:
    """The register in the file ``path``, appended to by any process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[str] = set()
        self._whole = False

    def study(self, handle: str, identity: dict[str, str], pseudonym: str) -> None:
        """Write down once per process who the study ``handle`` is; ``identity`` as :data:`FIELDS`. Raises ``OSError``."""
        if handle in self._known:
            return
        line = json.dumps({**identity, "at": time.time(), "study": handle, "pseudonym": pseudonym}, ensure_ascii=False) + "\n"
        # What a power failure or a full disk cut is ended first, so that it spoils no other line.
        data = (line if self._whole else "\n" + line).encode("utf-8", "backslashreplace")
        self._whole = False
        # One write of one line in append mode: whole lines, whoever else writes (POSIX O_APPEND).
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(fd)
        finally:
            os.close(fd)
        self._whole = True
        self._known.add(handle)

    def look_up(self, handle: str) -> dict[str, Any] | None:
        """Return what was written about a study, the latest line, or ``None``."""
        found: dict[str, Any] | None = None
        if self._path.exists():
            with self._path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    record = _record(line) if f'"{handle}"' in line else {}
                    if record.get("study") == handle:
                        found = record
        return found


def _record(line: str) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(line))
    except ValueError:
        return {}  # cut by a power failure
