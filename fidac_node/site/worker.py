"""What happens to one object between inbox and outbox: is it a double, is it wanted, make it anonymous.

Whatever goes wrong with an object holds it with a reason; only trouble of the machine (disk, ledger)
is tried again.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, cast

from fidac_node.deidentify import Deidentifier, Source
from fidac_node.deidentify.triage import ocr
from fidac_node.deidentify.triage.triage import DERIVED, LOCALIZER, Verdict
from fidac_node.dicom.dictionary import tag_of
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE
from fidac_node.errors import Permanent, Temporary
from fidac_node.identity.keys import SiteKeys
from fidac_node.identity.originals import Headers
from fidac_node.receive.check import demand_whole
from fidac_node.site.again import Again, FirstInHand
from fidac_node.site.compress import Compressor
from fidac_node.site.corrected import CONFLICT, Corrections
from fidac_node.site.ledger import OUTBOX_STATES, Ledger
from fidac_node.site.people import TWO_PATIENTS, People, Policy
from fidac_node.site.route import DISCARD, HOLD, Decision, Rules
from fidac_node.site.withdrawn import REASON as WITHDRAWN
from fidac_node.site.withdrawn import Withdrawn
from fidac_node.spool.draft import Draft
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool
from fidac_node.spool.seal import Seals
from fidac_node.system import safeio

log = logging.getLogger(__name__)

# Objects claimed at a time: their copies go to the disk together.
_BATCH: Final = 16
# Seconds after a small batch, in which the next one gathers: alone, an object costs twice what it costs among ten.
_BREATH: Final = 0.05
_LINGER_SECONDS: Final = 0.05  # no copy waits longer for the others, unless one of them takes longer
# A put wakes the worker at once; this is how long it may take to notice a stop, or a put whose process died before it
# could wake anybody.
_IDLE_SECONDS: Final = 1.0
_MOST_DECISIONS: Final = 64  # a PACS sends a few series side by side
_PAUSE_SECONDS: Final = 2.0
_MOST_CRASHES: Final = 3


@dataclass(frozen=True)
class _Copy:
    """The anonymous copy of an object, written and not yet put: ``size`` in bytes, made at ``at`` (monotonic seconds).

    ``pixels`` are the bytes of the original's file that are in the copy as they are; so many attributes were
    ``normalised``, so many ``lost``. ``version`` counts those of its instance; it takes the place of ``old``, if any.
    """

    entry: Entry
    draft: Draft
    decision: Decision
    size: int
    transfer_syntax_uid: str
    at: float
    pixels: range
    normalised: int
    lost: int
    version: int
    old: Entry | None


class Worker:
    """One de-identification worker; ``owner`` names its claims. ``limit`` (bytes) bounds inflating.

    ``keys`` are those of ``deidentifier``; their vault learns each study, if the programme has one. ``policy`` says
    which ids name nobody, ``withdrawn`` what is not forwarded any more, ``corrected(calling_ae)`` whose newer
    version of an instance takes the older one's place. ``headers`` keeps one original header of each series for a
    while, ``compressor`` makes what is sent smaller, if given. ``beat`` is called before each object and whenever the
    loop comes round.
    """

    def __init__(  # noqa: PLR0913  # one room hands it everything
        self,
        owner: str,
        inbox: Spool,
        outbox: Spool,
        ledger: Ledger,
        rules: Rules,
        deidentifier: Deidentifier,
        keys: SiteKeys,
        *,
        limit: int,
        policy: Policy | None = None,
        withdrawn: Withdrawn | None = None,
        corrected: Callable[[str], bool] = lambda _: False,
        headers: Headers | None = None,
        compressor: Compressor | None = None,
        beat: Callable[[], object] = lambda: None,
    ) -> None:
        self._beat = beat
        self._owner = owner
        self._inbox = inbox
        self._outbox = outbox
        self._ledger = ledger
        self._rules = rules
        self._asked = frozenset(tag_of(keyword) for keyword in (*rules.keywords, "SpecificCharacterSet"))
        self._decisions: dict[tuple[object, ...], Decision] = {}
        self._deidentifier = deidentifier
        self._keys = keys
        self._seals = Seals(keys.sealing_key)
        self._people = People(keys, ledger, outbox, policy or Policy())
        self._limit = limit
        self._withdrawn = withdrawn
        self._headers = headers
        self._compressor = compressor
        self._again = Again(inbox, outbox, ledger, deidentifier, limit)
        self._corrections = Corrections(inbox, outbox, ledger, corrected)
        self._versions: dict[Entry, int] = {}
        self._current = _Current(inbox.directory / "work" / f".{owner}.current")

    def recover(self, *, after_crash: bool) -> None:
        """Take up what a predecessor of the same name left; an object that killed it thrice is held."""
        suspect = self._current.entry()
        if after_crash and suspect is not None:
            self._suspect(suspect)
        self._current.clear()
        if after_crash:
            self._inbox.sweep()  # it may have died while it wiped an original
        self._inbox.recover(self._owner)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop``; what was claimed and not begun goes back."""
        while not stop.is_set():
            self._beat()
            try:
                batch = self._inbox.claim(self._owner, _BATCH)
            except OSError as error:
                log.warning(
                    "nothing can be claimed from the inbox, next try in %.0f s: %s", _PAUSE_SECONDS, error.strerror
                )
                stop.wait(_PAUSE_SECONDS)
                continue
            if batch:
                self._work(batch, stop)
                if len(batch) < _BATCH:
                    self._inbox.wait_for_more(_BATCH, _BREATH, stop, through_pauses=True)
            else:
                self._inbox.wait(_IDLE_SECONDS)

    def process(self, entry: Entry) -> None:
        """Bring one claimed object to the outbox, to held, or away by a rule. Raises ``Temporary``, ``OSError``."""
        self._people.look([entry])
        self._versions = self._ledger.versions([entry])
        copy = self._process(entry, self._ledger.first_of_instance(entry))
        if copy is not None:
            self._put([copy])

    def _work(self, batch: Sequence[Entry], stop: threading.Event) -> None:
        """Process what was claimed, or put it back."""
        try:
            firsts = self._ledger.firsts(batch)
            self._people.look(batch)
            self._versions = self._ledger.versions(batch)
        except Temporary as error:
            self._put_off(batch, error, stop)
            return
        copies: list[_Copy] = []
        early: list[Entry] = []
        for number, entry in enumerate(batch):
            if stop.is_set():
                self._unclaim(batch[number:])
                break
            if firsts[entry] != entry:
                self._deliver(copies, stop)  # the first of them may be among these
            try:
                copy = self._process(entry, firsts[entry])
            except FirstInHand:
                early.append(entry)
                continue
            except (Temporary, OSError) as error:
                self._deliver(copies, stop)  # they need not wait for the end of the trouble
                self._put_off([entry], error, stop)
                continue
            if copy is not None:
                copies.append(copy)
            if copies and time.monotonic() - copies[0].at > _LINGER_SECONDS:
                self._deliver(copies, stop)
        self._deliver(copies, stop)
        if early:
            self._put_off(early, FirstInHand("the version that came first is being de-identified"), stop)

    def _deliver(self, copies: list[_Copy], stop: threading.Event) -> None:
        """Put ``copies`` into the outbox, or their originals back; the list is empty then."""
        try:
            if copies:
                self._put(copies)
        except (Temporary, OSError) as error:
            self._put_off([copy.entry for copy in copies], error, stop)
        copies.clear()

    def _put_off(self, entries: Sequence[Entry], error: Temporary | OSError, stop: threading.Event) -> None:
        why = error.strerror if isinstance(error, OSError) else error
        for entry in entries:
            log.warning("object %s waits: %s", entry, why)
        stop.wait(_PAUSE_SECONDS)
        self._unclaim(entries)

    def _unclaim(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            with suppress(FileNotFoundError):  # a person dropped it meanwhile
                self._inbox.unclaim(entry)

    def _process(self, entry: Entry, first: Entry) -> _Copy | None:
        """Make the anonymous copy; ``None`` when the object was held or discarded.

        Raises ``Temporary``, ``OSError``.
        """
        self._beat()
        self._current.set(entry)
        try:
            return self._forward(entry, first)
        except Permanent as error:
            self._hold(entry, error.code, str(error))
        except (Temporary, OSError):
            raise
        except MemoryError as error:
            raise Temporary("this machine has too little memory for it now") from error
        except Exception as error:  # any doubt holds; its text may quote the object, so it is not repeated
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._hold(
                entry,
                "error",
                f"unexpected {type(error).__name__} at {Path(where.filename).name}:{where.lineno}; "
                "report it with the node's version",
            )
        return None

    def _forward(self, entry: Entry, first: Entry) -> _Copy | None:
        old = None
        if first != entry:
            old = self._settle(entry, first)
            if old is None:
                return None
        path = self._inbox.path(entry)
        examine = partial(demand_whole, path, entry)
        with self._deidentifier.sources.open(path, self._limit, agreed=True, examine=examine) as source:
            decision = self._decide(source)
            reason = self._inbox.reason(entry) or {}
            # Who says whose a study is has not said that it is in scope.
            released = bool(reason.get("released")) and reason.get("code") != TWO_PATIENTS
            if decision.action == DISCARD:
                self._discard(entry, decision)
                return None
            self._deidentifier.demand_uids(source)  # of no study, it would be of that of all others without
            self._people.meet(entry, source, self._deidentifier.plan.digest)
            if self._was_withdrawn(entry):
                self._let_go(entry)
                return None
            if decision.action == HOLD and not released:
                self._hold_out_of_scope(source, decision)
            verdict = self._deidentifier.triage(source)
            # Who releases what was held for its pixels has looked at them.
            if verdict.look and not (released and reason.get("code") == "pixel-risk"):
                with source.picture() as file:
                    ocr.examine(file, verdict)
            self._people.demand(source)
            return self._copy(entry, source, decision, verdict, old)

    def _settle(self, entry: Entry, first: Entry) -> Entry | None:
        """Let go of what is the same as ``first``, or return the one that ``entry`` replaces.

        Raises :class:`Permanent` for another version that nobody wants in its place, and as :meth:`Again.settle`.
        """
        try:
            self._again.settle(entry, first)
        except Permanent as error:
            if error.code != CONFLICT or not self._corrections.wanted(entry):
                raise
            return first
        return None

    def _was_withdrawn(self, entry: Entry) -> bool:
        """Whether nothing of this object's study or patient is forwarded any more, as is known now."""
        if self._withdrawn is None:
            return False
        self._withdrawn.look()
        return self._withdrawn.names(entry.study, self._people.patient(entry))

    def _let_go(self, entry: Entry) -> None:
        message = "its study or patient was withdrawn at this site"
        self._ledger.note(entry, "discarded", reason=WITHDRAWN, message=message, patient=self._people.patient(entry))
        self._ledger.flush()
        self._inbox.remove(entry)

    def _hold_out_of_scope(self, source: Source, decision: Decision) -> NoReturn:
        """Hold what is out of scope: a risk in its pixels is the better reason, but not that it is derived.

        Such slices are counted to tell a site what it would get by having them looked at.
        """
        try:
            self._deidentifier.triage(source)
        except Permanent as error:
            if error.code not in (DERIVED, LOCALIZER):
                raise
        raise Permanent(decision.code, decision.reason)

    def _decide(self, source: Source) -> Decision:
        """What the rules say; of slices that have in common whatever rules ask for they are asked once."""
        meta, common = source.meta, source.cut.common
        known = common is not None and self._asked.isdisjoint(source.cut.own)
        key = (common, meta.receiving_ae, meta.note)
        decision = self._decisions.get(key) if known else None
        if decision is None:
            note = json.loads(meta.note) if meta.note else {}
            decision = self._rules.decide(source, called_ae=meta.receiving_ae, note=note)
            if known:
                if len(self._decisions) >= _MOST_DECISIONS:
                    self._decisions.clear()
                self._decisions[key] = decision
        return decision

    def _copy(
        self, entry: Entry, source: Source, decision: Decision, verdict: Verdict, old: Entry | None = None
    ) -> _Copy:
        version = self._ledger.next_version(old) if old else self._versions.get(entry, 1)
        draft = self._outbox.create()
        sealing = self._seals.sealing(draft.file, entry)
        try:
            outcome = self._deidentifier.deidentify(
                source,
                cast(BinaryIO, sealing),
                label=decision.label,
                label_source=decision.label_source,
                limit=self._limit,
                looked=True,
                verdict=verdict,
                version=version,
            )
            # Before anything of it leaves.
            self._keys.enter(entry.study, source, self._deidentifier.plan.digest, outcome.pseudonym)
            if self._headers is not None:
                self._headers.keep(entry, source)
            inflated = source.meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE  # other bytes than the file's
            pixels = range(0) if inflated else outcome.copied
            syntax = outcome.transfer_syntax_uid
            told = len(outcome.normalised), len(outcome.lost)
            sealing.seal()
            made = (entry, draft, decision, outcome.size, syntax, time.monotonic(), pixels)
            copy = self._smaller(_Copy(*made, *told, version, old))
        except BaseException:
            draft.discard()
            raise
        safeio.start_sync(copy.draft.fileno())
        return copy

    def _smaller(self, copy: _Copy) -> _Copy:
        """The copy, compressed if that is wanted and does good."""
        if self._compressor is None:
            return copy
        spare, done = self._outbox.create(), False
        try:
            done = self._compressor.compress(copy.draft.path, spare.file)
            if done:
                self._seals.seal(spare.file, copy.entry)
        finally:
            (copy.draft if done else spare).discard()
        if not done:
            return copy
        return replace(
            copy, draft=spare, size=spare.file.tell(), transfer_syntax_uid=self._compressor.transfer_syntax_uid
        )

    def _put(self, copies: Sequence[_Copy]) -> None:
        """Bring copies to the outbox, and then remove the originals. Raises ``OSError``."""
        at = self._ledger.now()  # the sender may be done with an object before put_all returns
        try:
            self._current.clear()
            with self._people.leaving([copy.entry for copy in copies]) as stay:
                gone = {copy.entry for copy in copies if self._was_withdrawn(copy.entry)}
                leaving = [copy for copy in copies if copy.entry not in stay | gone]
                for copy in leaving:
                    if copy.old:
                        self._corrections.begin(copy.old, copy.entry, copy.version)
                fresh = self._outbox.put_all([(copy.draft, copy.entry) for copy in leaving])
        except BaseException:
            for copy in copies:
                copy.draft.discard()
            raise
        for copy, new in zip(leaving, fresh, strict=True):
            # An object that came again may be anywhere on its way already: its row follows the file.
            state, since = ("outgoing", at) if new else (OUTBOX_STATES[self._came_again(copy.entry)], None)
            self._ledger.note(
                copy.entry,
                state,
                at=since,
                label=copy.decision.label,
                label_source=copy.decision.label_source,
                patient=self._people.patient(copy.entry),
                sent_bytes=copy.size,
                sent_syntax=copy.transfer_syntax_uid,
                normalised=copy.normalised or None,
                lost=copy.lost or None,
            )
            self._inbox.remove(copy.entry, copy.pixels)
            if copy.version > 1:
                self._corrections.end(copy.entry, copy.version)
        for copy in copies:
            if copy.entry in gone:
                copy.draft.discard()
                self._let_go(copy.entry)
            elif copy.entry in stay:
                copy.draft.discard()
                self._hold(copy.entry, TWO_PATIENTS, self._people.why(copy.entry))

    def _came_again(self, entry: Entry) -> str:
        """Where the copy of an object is that came again; who sends again may know more than the hub's last word."""
        with suppress(FileNotFoundError):
            self._outbox.doubt(entry)
        return self._outbox.state(entry)

    def _discard(self, entry: Entry, decision: Decision) -> None:
        self._ledger.note(entry, "discarded", message=decision.reason)
        self._ledger.flush()
        self._inbox.remove(entry)

    def _hold(self, entry: Entry, code: str, message: str) -> None:
        patient = self._people.patient(entry)
        self._inbox.hold(entry, code, message, **({"patient": patient} if patient else {}))
        self._ledger.note(entry, "held", reason=code, message=message, patient=patient)
        log.warning("held %s (%s): %s", entry, code, message)

    def _suspect(self, entry: Entry) -> None:
        """The predecessor died on this object: count it, and hold it when it is no accident any more."""
        if entry not in self._inbox.entries("work"):
            return  # it was done: the death came after
        reason = self._inbox.reason(entry) or {}
        crashes = int(str(reason.get("crashes", 0))) + 1
        self._inbox.hold(entry, "crashed", f"{crashes} worker processes died on this object", crashes=crashes)
        if crashes < _MOST_CRASHES:
            self._inbox.release(entry, crashes=crashes)
        else:
            self._ledger.note(
                entry, "held", reason="crashed", message=f"{crashes} worker processes died on this object"
            )


class _Current:
    """A note of the object in hand, for whoever starts after this process has died on it.

    It is open as long as the process lives.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def entry(self) -> Entry | None:
        """What was in hand."""
        text = os.pread(self._file, 64, 0).decode()
        return Entry.parse(text) if text else None

    def set(self, entry: Entry) -> None:
        """Take an object in hand."""
        os.pwrite(self._file, str(entry).encode(), 0)

    def clear(self) -> None:
        """Nothing is in hand."""
        os.ftruncate(self._file, 0)
