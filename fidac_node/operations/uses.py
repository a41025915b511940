"""Who asked who a patient is, or acted upon what waits: when, why and with which command. The record of uses.

One line of JSON per use in a file that is only appended to, written before the answer is given or the act is done. It
names pseudonyms and handles, never a patient, so that whoever oversees the node may read it. Each line holds the
hash of the line before it: a line that was changed or taken out shows, unless all that follows was written
anew; for more, let it be copied to another machine.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import pwd
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fidac_node.system import safeio

FILE: Final = "uses.jsonl"


@dataclass(frozen=True)
class Use:
    """One use: ``at`` is seconds of the epoch, ``user`` the account, ``subject`` a pseudonym or handle, or ``-``."""

    at: float
    user: str
    command: str
    subject: str
    reason: str
    previous: str


class UseLog:
    """The record of uses in the folder ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def write(self, command: str, subject: str, reason: str) -> None:
        """Write down one use, durably. Raises ``OSError``: then there must be no answer."""
        safeio.make_directories(self.path.parent)
        owner = self.path.parent.stat()
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.geteuid() == 0:
                os.fchown(fd, owner.st_uid, owner.st_gid)  # the node's user goes on writing
            content = _content(fd)
            use = Use(time.time(), user(), command, subject, reason, _hash(_last(content)))
            data = (
                (b"" if content.endswith(b"\n") or not content else b"\n")
                + json.dumps(asdict(use)).encode("ascii")
                + b"\n"
            )
            if os.write(fd, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(fd)
        finally:
            os.close(fd)

    def read(self) -> tuple[list[Use], list[int]]:
        """All uses, and the numbers of the lines (from 1) before which one was changed or taken out."""
        if not self.path.exists():
            return [], []
        uses, broken, last = [], [], b""
        for number, line in enumerate(self.path.read_bytes().splitlines(), 1):
            try:
                use = Use(**json.loads(line))
            except (ValueError, TypeError):
                use = None  # half written, by a power cut: nobody got an answer
            if use is not None:
                uses.append(use)
                if use.previous != _hash(last):
                    broken.append(number)
            last = line
        return uses, broken


def user() -> str:
    """The account that runs this, and the one it was reached from, if sudo tells."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return f"{name} ({behind})" if behind else name


def _content(fd: int) -> bytes:
    with os.fdopen(os.dup(fd), "rb") as fp:
        fp.seek(0)
        return fp.read()


def _last(content: bytes) -> bytes:
    lines = content.splitlines()
    return lines[-1] if lines else b""


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]
