"""Storage commitment, the asking side (PS3.4 Annex J): what turns *sent* into *committed*.

The site asks by N-ACTION over an association that it keeps open, because hospitals let no connection in,
and waits for the N-EVENT-REPORT there; a report that comes over an association that the peer opened
back is picked up from :class:`Transactions`. Only a report moves an object.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import groupby, islice
from pathlib import Path
from typing import Final

from fidac_node.commitment import data_sets
from fidac_node.commitment.reasons import HELD_AT_HUB, Remedy, failure
from fidac_node.commitment.transactions import Reference, Report, Transactions
from fidac_node.dicom.part10 import FileMeta
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from fidac_node.errors import Permanent, Temporary
from fidac_node.send.associate import Parcel
from fidac_node.send.classify import Fate, classify
from fidac_node.send.journal import Journal
from fidac_node.send.retry import Backoff, next_delay
from fidac_node.send.upper_layer import Association, Destination, Message, Unavailable, encode_command
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

log = logging.getLogger(__name__)

_MOST_REFERENCES: Final = 500  # in one transaction
_MOST_TRANSACTIONS: Final = 20  # in one round
_SLICE: Final = 0.25  # seconds between two looks at reports that came another way
_GRACE: Final = 10.0  # seconds that a peer has to report over its own association when it left ours
_SLOWEST: Final = 3600.0  # seconds between two requests for the same object, at most
_FORGET: Final = 24 * 3600.0  # seconds until a report is no longer awaited
_GENERATION: Final = "hub_generation"  # the fact that the journal keeps
_MOST_RESENDS: Final = 3


@dataclass
class _Patience:
    """What we remember of an object between two requests; ``until`` on the monotonic clock."""

    until: float = 0.0
    asked: int = 0
    refused: int = 0


class Committer:
    """Asks the destination to commit to what is *sent*; see :meth:`run`.

    ``reports`` is the directory of :class:`Transactions`. Times are seconds: ``timeout`` to wait for a report,
    ``interval`` between two rounds, ``first`` and ``maximum`` as in :func:`next_delay` when the peer is away.
    ``recent`` is the :class:`.Sender`'s. Without a report for ``watched`` seconds one committed object is asked for
    again. ``newer`` are the objects that took the place of another version: a hub that was put back may have that one,
    and would commit to its UID. ``beat`` is called whenever the loop comes round, and whenever something comes.
    """

    def __init__(  # noqa: PLR0913 - plain values, each by its name
        self,
        outbox: Spool,
        journal: Journal,
        destination: Destination,
        reports: Path,
        *,
        timeout: float = 120.0,
        interval: float = 5.0,
        first: float = 5.0,
        maximum: float = 600.0,
        recent: dict[Entry, FileMeta] | None = None,
        watched: float = 3600.0,
        newer: Callable[[], Collection[Entry]] = tuple,
        rand: Callable[[], float] = random.random,
        beat: Callable[[float], object] = lambda _longer: None,
    ) -> None:
        self._beat = beat
        self._recent = {} if recent is None else recent
        self._outbox, self._journal, self._destination = outbox, journal, replace(destination, beat=beat)
        self._timeout, self._interval, self._first, self._maximum, self._rand = timeout, interval, first, maximum, rand
        self._watched, self._heard, self._newer = watched, time.monotonic(), newer
        self._transactions = Transactions(reports)
        self._backoff = Backoff(first, maximum, rand=rand)
        self._channel: Channel | None = None
        self._patience: dict[Entry, _Patience] = {}
        self._resends: dict[Entry, int] = {}
        self._outstanding: dict[str, list[Entry]] = {}

    def run(self, stop: threading.Event) -> None:
        """Ask and listen until ``stop`` is set."""
        while not stop.is_set():
            self._beat(0.0)
            try:
                self._round(stop)
            except Temporary as error:
                self._pause(error)
            except Exception:
                log.exception("unexpected trouble with storage commitment; it goes on later")
                self._leave(abort=True)
                self._ask_anew()
                self._backoff.failed()
            self._beat(self._interval)
            stop.wait(self._interval)
        self._leave()
        self._journal.flush()

    def _round(self, stop: threading.Event) -> None:
        self._transactions.sweep(_FORGET)
        self._collect()
        self._watch()
        sent = set(self._outbox.entries("sent"))
        self._patience = {entry: patience for entry, patience in self._patience.items() if entry in sent}
        if not sent:
            self._leave()
            return
        if self._backoff.remaining():
            return
        now = time.monotonic()
        due = sorted(
            (entry for entry in sent if entry not in self._patience or self._patience[entry].until <= now), key=str
        )
        for group in islice(_groups(due), _MOST_TRANSACTIONS):
            if stop.is_set():
                return
            self._ask(group)
        self._listen(stop)

    def _ask(self, group: Sequence[Entry]) -> None:
        asked = self._references(group)
        if not asked:
            return
        uid = self._transactions.ask({reference.sop_instance_uid: str(entry) for reference, entry in asked.items()})
        self._outstanding[uid] = list(asked.values())
        for entry in asked.values():
            patience = self._patience.setdefault(entry, _Patience())
            patience.asked += 1
            patience.until = time.monotonic() + next_delay(patience.asked, self._timeout, _SLOWEST, self._rand())
        try:
            self._open().request(uid, asked)
        except Temporary:
            self._transactions.forget(uid)
            raise

    def _references(self, group: Sequence[Entry]) -> dict[Reference, Entry]:
        asked: dict[Reference, Entry] = {}
        for entry in group:
            try:
                meta = self._recent.pop(entry, None) or self._meta(entry)
            except FileNotFoundError:
                continue  # dropped by a person meanwhile
            except Permanent as error:
                self._hold(entry, error.code, str(error), None)
                continue
            asked.setdefault(Reference(meta.sop_class_uid, meta.sop_instance_uid), entry)
        return asked

    def _meta(self, entry: Entry) -> FileMeta:
        with closing(Parcel.kept(self._outbox.place(entry, "sent"))) as parcel:
            return parcel.meta

    def _listen(self, stop: threading.Event) -> None:
        """Wait for the reports that are outstanding, wherever they come from."""
        deadline = time.monotonic() + self._timeout
        lost: Unavailable | None = None
        while not stop.is_set():
            self._beat(0.0)
            try:
                while self._channel is not None and self._channel.listen(_SLICE if self._outstanding else 0):
                    continue
            except Unavailable as error:
                self._channel, lost = None, error
                deadline = min(deadline, time.monotonic() + _GRACE)
            self._collect()
            if not self._outstanding or time.monotonic() >= deadline:
                break
            if self._channel is None:
                stop.wait(_SLICE)
        if not stop.is_set():
            self._give_up_waiting(lost)

    def _give_up_waiting(self, lost: Unavailable | None) -> None:
        """The rest may be reported later; each object is asked for again when its time comes."""
        entries = [entry for group in self._outstanding.values() for entry in group if self._still_sent(str(entry))]
        if entries and lost is not None:
            raise Unavailable(f"{lost}, before it reported on {len(entries)} objects") from lost
        self._outstanding.clear()
        if not entries:
            return
        message = f"the hub has not reported on it within {self._timeout:g} s; it is asked again"
        log.warning(
            "%s was asked to commit to %d objects and has not reported within %g s",
            self._destination,
            len(entries),
            self._timeout,
        )
        for entry in entries:
            self._journal.note(
                entry,
                "sent",
                message=message,
                next_attempt=self._epoch(self._patience.setdefault(entry, _Patience()).until),
            )

    def _collect(self) -> None:
        for report in self._transactions.reports():
            self._apply(report)

    def _apply(self, report: Report) -> bool:
        """Act upon a report; ``False`` when its transaction is not one of ours."""
        asked = self._transactions.asked(report.transaction_uid)
        if asked is None:
            log.warning(
                "%s reported on a transaction that this node did not ask for, or no longer waits for", self._destination
            )
            return False
        self._meet(report.generation)
        failed = {reference.sop_instance_uid for reference, _ in report.failed}
        for reference in report.committed:
            entry = self._still_sent(asked.get(reference.sop_instance_uid))
            if entry is not None and reference.sop_instance_uid not in failed:  # listed as both, it is not committed
                self._outbox.mark_committed(entry)
                self._journal.note(entry, "committed", sop_instance_uid=reference.sop_instance_uid)
                self._resends.pop(entry, None)
        for reference, reason in report.failed:
            entry = self._still_sent(asked.get(reference.sop_instance_uid))
            if entry is not None:
                self._fail(entry, reason)
        done = failed | {reference.sop_instance_uid for reference in report.committed}
        left = self._transactions.answered(report.transaction_uid, done)
        waiting = self._outstanding.pop(report.transaction_uid, [])
        if still := [entry for entry in waiting if str(entry) in {asked[instance] for instance in left}]:
            self._outstanding[report.transaction_uid] = still
        self._backoff.succeeded()
        self._heard = time.monotonic()
        self._journal.contact(ok=True)
        return True

    def _meet(self, generation: str) -> None:
        """Ask again for all that is still kept when the hub's index is not the one that answered before.

        What took the place of another version is sent again: commitment tells UIDs apart, not versions (PS3.4 J.3.2).
        Only when everything is asked for the new one is remembered: cut short, it begins again.
        """
        if not generation or generation == self._journal.fact(_GENERATION):
            return
        for entry in self._newer():
            self._send_again(entry)
        kept = self._outbox.entries("committed")
        for entry in kept:
            self._doubt(entry)
        for patience in self._patience.values():
            patience.until, patience.refused = 0.0, 0
        self._journal.remember(_GENERATION, generation)
        if kept:
            log.warning(
                "%s has another index than before: it is asked again for %d objects that it had committed to",
                self._destination,
                len(kept),
            )

    def _send_again(self, entry: Entry) -> None:
        if self._outbox.holds(entry, "committed") or self._outbox.holds(entry, "sent"):
            self._patience.pop(entry, None)
            self._journal.note(entry, "outgoing", message="the hub has another index: this newer version is sent again")
            self._outbox.unclaim(entry)  # last: from here on the sender writes about it

    def _doubt(self, entry: Entry) -> None:
        with suppress(FileNotFoundError):  # purged meanwhile
            self._outbox.doubt(entry)
            self._journal.note(entry, "sent", message="whether the hub still has it is asked again")

    def _watch(self) -> None:
        """Ask for one committed object when nothing else was asked for a while: its report names the hub's index."""
        if time.monotonic() - self._heard < self._watched:
            return
        self._heard = time.monotonic()
        for entry in self._outbox.entries("committed")[:1]:
            self._doubt(entry)

    def _still_sent(self, name: str | None) -> Entry | None:
        """A late report must not move an object that is on its way again or held."""
        if name is None:
            return None
        entry = Entry.parse(name)
        return entry if self._outbox.holds(entry, "sent") else None

    def _fail(self, entry: Entry, reason: int) -> None:
        words, remedy, code, advice = failure(reason)
        message = f"the hub does not commit to it: {words} (failure reason {reason:04X}H)"
        if remedy is Remedy.RESEND and self._resends.get(entry, 0) < _MOST_RESENDS:
            self._resends[entry] = self._resends.get(entry, 0) + 1
            self._patience.pop(entry, None)
            log.warning("object %s: %s; it is sent again", entry, message)
            self._journal.note(entry, "outgoing", message=f"{message}; it is sent again", status=reason)
            self._outbox.unclaim(entry)  # last: from here on the sender writes about it
        elif remedy in (Remedy.ASK_AGAIN, Remedy.WAIT):
            self._ask_later(entry, reason, message, by_a_person=remedy is Remedy.WAIT)
        else:
            self._hold(entry, code, f"{message}: {advice}", reason)

    def _ask_later(self, entry: Entry, reason: int, message: str, *, by_a_person: bool) -> None:
        """Ask again and again, for as long as it takes: what ails the hub is no fault of the object's."""
        patience = self._patience.setdefault(entry, _Patience())
        patience.refused += 1
        slowest = _SLOWEST if by_a_person else self._maximum
        patience.until = time.monotonic() + next_delay(patience.refused, self._first, slowest, self._rand())
        log.info("object %s: %s; it is asked again", entry, message)
        self._journal.note(
            entry,
            "sent",
            reason=HELD_AT_HUB if by_a_person else None,
            message=f"{message}; it is asked again",
            status=reason,
            next_attempt=self._epoch(patience.until),
        )

    def _hold(self, entry: Entry, code: str, message: str, status: int | None) -> None:
        log.warning("object %s waits for a person: %s", entry, message)
        self._outbox.hold(entry, code, message, status=status)
        self._journal.note(entry, "refused", reason=code, message=message, status=status)
        self._resends.pop(entry, None)

    def _open(self) -> Channel:
        if self._channel is None or not self._channel.alive():
            self._channel = None
            self._channel = Channel(self._destination, self._apply)
        return self._channel

    def _leave(self, *, abort: bool = False) -> None:
        if self._channel is not None:
            self._channel.close(abort=abort)
            self._channel = None

    def _pause(self, error: Temporary) -> None:
        self._leave()
        self._ask_anew()
        delay = self._backoff.failed()
        if delay is not None:
            log.warning("storage commitment: %s; asked again in %.0f s", error, delay)
            self._journal.contact(ok=False, message=str(error))

    def _ask_anew(self) -> None:
        """The peer most likely knows nothing of our requests any more: do not wait for their reports."""
        for entry in (entry for group in self._outstanding.values() for entry in group if entry in self._patience):
            self._patience[entry].until = 0.0
        self._outstanding.clear()

    def _epoch(self, monotonic: float) -> float:
        return time.time() + max(0.0, monotonic - time.monotonic())


class Channel:
    """An association for Storage Commitment; ``on_report`` says whether a report is one of ours.

    Raises :class:`Unavailable` when there is none to be had, or when the peer does not offer the service.
    """

    def __init__(self, destination: Destination, on_report: Callable[[Report], bool]) -> None:
        self._destination, self._on_report = destination, on_report
        self._message_id = 0
        self._association = Association.request(destination, [(STORAGE_COMMITMENT, [EXPLICIT_VR_LE, IMPLICIT_VR_LE])])
        context = self._association.context(STORAGE_COMMITMENT)
        if context is None:
            self._association.release()
            raise Unavailable(
                f"{destination} does not offer Storage Commitment: allow it there, or set commitment = false in [send] "
                "(sent objects are then not purged on the hub's word)"
            )
        self._context = context

    def alive(self) -> bool:
        """Say whether the association is still there, after acting upon what the peer has sent meanwhile."""
        try:
            while self.listen(0):
                continue
        except Unavailable:
            return False
        return True

    def request(self, transaction_uid: str, asked: Iterable[Reference]) -> None:
        """Send the N-ACTION (PS3.4 J.3.2) and wait for its response. Raises :class:`Temporary` when it is refused."""
        self._message_id = self._message_id % 0xFFFF + 1
        encoded = data_sets.encode(Report(transaction_uid, tuple(asked), ()), self._context.transfer_syntax)
        command = encode_command(
            (
                (0x0003, STORAGE_COMMITMENT),
                (0x0100, 0x0130),  # N-ACTION-RQ
                (0x0110, self._message_id),
                (0x0800, 0x0001),  # a data set follows
                (0x1001, STORAGE_COMMITMENT_INSTANCE),
                (0x1008, 1),  # Request Storage Commitment
            )
        )
        self._association.send(self._context, command, BytesIO(encoded), len(encoded))
        deadline = time.monotonic() + self._destination.dimse_timeout
        while (message := self._association.receive(max(0.0, deadline - time.monotonic()))) is not None:
            if message.number(0x0100) == 0x8130 and message.number(0x0120) == self._message_id:
                self._check(message)
                return
            self._react(message)
        self._association.abort()
        raise Unavailable(
            f"{self._destination} did not answer a request for commitment within {self._destination.dimse_timeout:g} s"
        )

    def listen(self, timeout: float) -> bool:
        """Act upon the next report; ``False`` when none comes within ``timeout`` seconds."""
        message = self._association.receive(timeout)
        if message is None:
            return False
        self._react(message)
        return True

    def close(self, *, abort: bool = False) -> None:
        """End the association."""
        if abort:
            self._association.abort()
        else:
            self._association.release()

    def _check(self, message: Message) -> None:
        status = message.number(0x0900)
        if status is None or classify(status).fate is not Fate.DONE:
            number = "without a status" if status is None else f"with status {status:04X}H, {classify(status).meaning}"
            raise Temporary(f"{self._destination} refused the request for commitment {number}", status)

    def _react(self, message: Message) -> None:
        """Answer an N-EVENT-REPORT (PS3.4 J.3.3); anything else is out of turn."""
        if message.number(0x0100) != 0x0100:
            self._association.abort()
            raise Unavailable(f"{self._destination} sent a message out of turn: association aborted")
        try:
            report = data_sets.decode(message.data, self._context.transfer_syntax)
            status = 0x0000 if self._on_report(report) else 0x0110
        except ValueError as error:
            log.warning("%s sent a report that cannot be understood: %s", self._destination, error)
            status = 0x0115
        values: list[tuple[int, str | int]] = [
            (0x0002, STORAGE_COMMITMENT),
            (0x0100, 0x8100),
            (0x0120, message.number(0x0110) or 0),
            (0x0800, 0x0101),  # no data set
            (0x0900, status),
            (0x1000, STORAGE_COMMITMENT_INSTANCE),
            (0x1002, message.number(0x1002) or 0),
        ]
        self._association.send(self._context, encode_command(values))


def _groups(entries: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """Cut sorted entries into transactions: one study each, and not too many objects."""
    for _, study in groupby(entries, key=lambda entry: entry.study):
        while group := tuple(islice(study, _MOST_REFERENCES)):
            yield group
