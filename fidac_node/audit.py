"""The one place at a site that may name a patient: which handle stands for which study.

One line of JSON per study in a file that only the node's user can read and that never leaves the
site. Logs, the ledger and every command print handles; ``site show --identify`` reads this.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final

FILE: Final = "register.jsonl"
FIELDS: Final = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyDate", "AccessionNumber")


class Register:
    """The register in the file ``path``, appended to by any process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[str] = set()

    def study(self, handle: str, identity: dict[str, str], pseudonym: str) -> None:
        """Write down once per process who the study ``handle`` is; ``identity`` as :data:`FIELDS`."""
        if handle in self._known:
            return
        line = json.dumps({"at": time.time(), "study": handle, "pseudonym": pseudonym, **identity}, ensure_ascii=False) + "\n"
        # One write of one line in append mode: whole lines, whoever else writes (POSIX O_APPEND).
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)
        self._known.add(handle)

    def look_up(self, handle: str) -> dict[str, Any] | None:
        """Return what was written about a study, the latest line, or ``None``."""
        found: dict[str, Any] | None = None
        if self._path.exists():
            with self._path.open(encoding="utf-8") as lines:
                for line in lines:
                    if f'"{handle}"' in line:
                        found = json.loads(line)
        return found
