"""What the ledger's rows said, in a file beside it that is only ever appended to: a lost ledger is told by it again.

One line of JSON for what was written together of one study: which objects came to which state, when, with which label
and why. Lines are not synced, for files decide; what a power cut takes of them the spool's directories tell.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from fidac_node.spool.entry import STUDY

log = logging.getLogger(__name__)

FILE: Final = "ledger.history"
# Of rows that were noted, what is mostly the same for those of a study, and what is each one's own.
_SHARED: Final = (
    *("calling_ae", "called_ae", "label", "label_source", "patient", "sent_syntax", "sop_instance_uid"),
    *("reason", "message", "status"),
)
_OWN: Final = ("bytes", "sent_bytes")  # of which a row has one
_FINE: Final = 1_000_000  # moments are told to the microsecond: what came to which state last decides


class Noted(NamedTuple):
    """One object came to a state at a moment (seconds of the epoch); ``fields`` are as the ledger's columns."""

    entry: str
    state: str
    at: float
    fields: dict[str, Any]


class Replaced(NamedTuple):
    """``new`` took the place of ``old``, as this version of their instance."""

    old: str
    new: str
    version: int


class Fact(NamedTuple):
    """What the ledger remembers of the node itself."""

    name: str
    value: str


class History:
    """The file in the folder of a ledger; any process appends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._fd: int | None = None

    def note(self, rows: Iterable[tuple[str, str, str, float, Sequence[Any]]], columns: Sequence[str]) -> None:
        """Append rows: entry, study, state, when, and the values of ``columns``. Raises ``OSError``."""
        places = [columns.index(name) for name in _SHARED]
        own = [columns.index(name) for name in _OWN]
        groups: dict[tuple[Any, ...], list[list[Any]]] = {}
        for entry, study, state, at, values in rows:
            second = int(at)
            key = (study, state, second, *(values[place] for place in places))
            known = [value for value in (values[place] for place in own) if value is not None]
            groups.setdefault(key, []).append([entry[STUDY + 1 :], int((at - second) * _FINE), *known])
        lines = []
        for (study, state, second, *shared), objects in groups.items():
            said = {name: value for name, value in zip(_SHARED, shared, strict=True) if value is not None}
            lines.append(json.dumps({"at": second, "study": study, "state": state, **said, "objects": objects}))
        self._append(lines)

    def append(self, one: Replaced | Fact) -> None:
        """Append one of these. Raises ``OSError``."""
        self._append([json.dumps(one._asdict())])

    def read(self) -> Iterator[Noted | Replaced | Fact]:
        """What was appended, in order; a line that a crash has cut is left out. Raises ``OSError``."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            for line in file:
                try:
                    yield from _told(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    continue

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _append(self, lines: list[str]) -> None:
        """Write whole lines at once, as other processes do; the empty one ends what a crash has cut."""
        with self._lock:
            fd = self._open() if self._fd is None else self._fd
            os.write(fd, "".join(f"{line}\n" for line in lines).encode("ascii"))

    def _open(self) -> int:
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:  # the node's user appends to it, too
            owner = self.path.parent.stat()
            os.fchown(self._fd, owner.st_uid, owner.st_gid)
        os.write(self._fd, b"\n")
        return self._fd


def _told(line: dict[str, Any]) -> Iterator[Noted | Replaced | Fact]:
    if "value" in line:
        yield Fact(str(line["name"]), str(line["value"]))
        return
    if "version" in line:
        yield Replaced(str(line["old"]), str(line["new"]), int(line["version"]))
        return
    shared: dict[str, Any] = {name: line[name] for name in _SHARED if name in line}
    size = "bytes" if line["state"] == "ready" else "sent_bytes"
    for name, fine, *known in line["objects"]:
        fields = {**shared, **dict(zip([size], known, strict=False))}
        yield Noted(f"{line['study']}-{name}", str(line["state"]), line["at"] + fine / _FINE, fields)
