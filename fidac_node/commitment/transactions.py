"""Storage commitment transactions as files: what the site asked, what the hub reported (PS3.4 Annex J).

The sender asks; the answer comes over the sender's own association or, from peers that insist on
opening one back, to the receiver, another process. A directory of small synced files joins the two:
``<TransactionUID>.asked.json`` and ``<TransactionUID>.report.json``. UIDs in them are pseudonyms.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from fidac_node.dicom.uids import is_valid_uid
from fidac_node.system import safeio

_ASKED: Final = ".asked.json"
_REPORT: Final = ".report.json"
# A peer may report on one transaction in several parts; a report of an earlier version has no part in its name.
_REPORT_NAME: Final = re.compile(r"([0-9.]+?)(?:\.part-[0-9a-f]+)?\.report\.json")


class Reference(NamedTuple):
    """One object as a transaction names it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class Report:
    """What a peer says of a transaction: what it answers for, and what it does not, with the Failure Reason.

    ``generation`` names the index that says so; a hub that is not ours names none.
    """

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: tuple[tuple[Reference, int], ...]
    generation: str = ""


class Transactions:
    """The transactions in ``directory``, which every process of the site may read and write."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        safeio.make_directories(directory)

    def ask(self, entries: Mapping[str, str]) -> str:
        """Remember a new transaction durably, return its UID; ``entries`` maps SOP Instance UIDs to spool entries."""
        uid = f"2.25.{uuid.uuid4().int}"
        safeio.write_synced(self._path(uid, _ASKED), json.dumps(dict(entries)).encode())
        return uid

    def asked(self, uid: str) -> dict[str, str] | None:
        """Return the entries of a transaction by SOP Instance UID, ``None`` if we never asked it or forgot."""
        return self._read(self._path(uid, _ASKED)) if is_valid_uid(uid) else None

    def report(self, report: Report) -> bool:
        """Keep a report durably; ``False`` when its transaction is not one of ours. Raises ``OSError``."""
        if self.asked(report.transaction_uid) is None:
            return False
        record = {"committed": report.committed, "failed": report.failed, "generation": report.generation}
        part = f".part-{uuid.uuid4().hex}{_REPORT}"
        safeio.write_synced(self._path(report.transaction_uid, part), json.dumps(record).encode())
        return True

    def reports(self) -> Iterator[Report]:
        """Yield the reports that were kept; each is gone when the next is asked for."""
        for path in sorted(self._directory.glob(f"*{_REPORT}")):
            record, name = self._read(path), _REPORT_NAME.fullmatch(path.name)
            if record is not None and name is not None:
                committed = tuple(Reference(*reference) for reference in record["committed"])
                failed = tuple((Reference(*reference), int(reason)) for reference, reason in record["failed"])
                yield Report(name[1], committed, failed, str(record.get("generation", "")))
                path.unlink(missing_ok=True)

    def answered(self, uid: str, instances: Collection[str]) -> set[str]:
        """A report answered for these SOP Instance UIDs: return those still to come; after the last it is forgotten."""
        left = {instance: entry for instance, entry in (self.asked(uid) or {}).items() if instance not in instances}
        if left:
            safeio.write_synced(self._path(uid, _ASKED), json.dumps(left).encode())
        else:
            self.forget(uid)
        return set(left)

    def forget(self, uid: str) -> None:
        """All of it has been acted upon, or will not come any more."""
        for path in (
            self._path(uid, _ASKED),
            self._path(uid, _REPORT),
            *self._directory.glob(f"{uid}.part-*{_REPORT}"),
        ):
            path.unlink(missing_ok=True)

    def sweep(self, age: float) -> None:
        """Forget transactions that were asked more than ``age`` seconds ago."""
        for path in list(self._directory.glob(f"*{_ASKED}")):
            try:
                asked_at = path.stat().st_mtime
            except FileNotFoundError:
                continue  # forgotten by another thread just now
            if time.time() - asked_at > age:
                self.forget(path.name.removesuffix(_ASKED))

    def _path(self, uid: str, kind: str) -> Path:
        return self._directory / f"{uid}{kind}"

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None  # forgotten by another thread or process just now
