"""Asks the hub for everything that this site still keeps: what does it not answer for? Nothing is moved here."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from fidac_node.commitment.ask import Channel
from fidac_node.commitment.reasons import failure
from fidac_node.commitment.transactions import Reference, Report
from fidac_node.send.associate import Destination, Parcel
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

_MOST_REFERENCES: Final = 500  # in one transaction


@dataclass(frozen=True)
class Verified:
    """What the hub said: how many objects it answers for, which it does not and why, of which it said nothing."""

    committed: int
    missing: tuple[tuple[Entry, str], ...]
    unanswered: tuple[Entry, ...]


def verify(outbox: Spool, destination: Destination, timeout: float) -> Verified:
    """Ask for all that is sent or committed and kept; ``timeout`` (seconds) is how long each report may take.

    Only what the hub reports on the association that asked is heard. Raises ``Temporary`` and ``OSError``.
    """
    kept = sorted((*outbox.entries("sent"), *outbox.entries("committed")))
    asking = _Asking()
    if kept:
        with closing(Channel(destination, asking.hear)) as channel:
            for start in range(0, len(kept), _MOST_REFERENCES):
                asking.ask(channel, _references(outbox, kept[start : start + _MOST_REFERENCES]), timeout)
    return Verified(asking.committed, tuple(asking.missing), tuple(asking.unanswered))


class _Asking:
    """One transaction after another, and what came of them."""

    def __init__(self) -> None:
        self.committed = 0
        self.missing: list[tuple[Entry, str]] = []
        self.unanswered: list[Entry] = []
        self._uid = ""
        self._open: dict[str, Entry] = {}

    def ask(self, channel: Channel, asked: dict[Reference, Entry], timeout: float) -> None:
        if not asked:
            return  # purged meanwhile
        self._uid = f"2.25.{uuid.uuid4().int}"
        self._open = {reference.sop_instance_uid: entry for reference, entry in asked.items()}
        channel.request(self._uid, asked)
        deadline = time.monotonic() + timeout
        while self._open and (left := deadline - time.monotonic()) > 0:
            channel.listen(left)
        self.unanswered += self._open.values()

    def hear(self, report: Report) -> bool:
        if report.transaction_uid != self._uid:
            return False
        for reference, reason in report.failed:
            entry = self._open.pop(reference.sop_instance_uid, None)
            if entry is not None:
                self.missing.append((entry, failure(reason).words))
        for reference in report.committed:
            self.committed += self._open.pop(reference.sop_instance_uid, None) is not None
        return True


def _references(outbox: Spool, entries: Sequence[Entry]) -> dict[Reference, Entry]:
    found = {}
    for entry in entries:
        try:
            with closing(Parcel.kept(outbox.place(entry))) as parcel:
                found[Reference(parcel.meta.sop_class_uid, parcel.meta.sop_instance_uid)] = entry
        except FileNotFoundError:
            continue  # purged meanwhile
    return found
