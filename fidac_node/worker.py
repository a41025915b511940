"""What happens to one object between inbox and outbox: is it a double, is it wanted, make it anonymous.

Whatever goes wrong with an object holds it with a reason; only trouble of the machine (disk, ledger)
is tried again.
"""

from __future__ import annotations

import json
import logging
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Final

from fidac_node.deidentify import Deidentifier, Source, ocr, open_source
from fidac_node.errors import Permanent, Temporary
from fidac_node.headers import Headers
from fidac_node.keys import SiteKeys
from fidac_node.ledger import OUTBOX_STATES, Ledger
from fidac_node.route import DISCARD, HOLD, Decision, Rules
from fidac_node.spool import Entry, Spool

log = logging.getLogger(__name__)

_BATCH: Final = 16
_IDLE_SECONDS: Final = 1.0  # a put wakes the worker at once; this is how long it may take to notice a stop
_PAUSE_SECONDS: Final = 2.0
_MOST_CRASHES: Final = 3


class Worker:
    """One de-identification worker; ``owner`` names its claims. ``limit`` (bytes) bounds inflating.

    ``keys`` are those of ``deidentifier``; their vault learns each study, if the programme has one.
    ``headers`` keeps one original header of each series for a while, if given.
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
        headers: Headers | None = None,
    ) -> None:
        self._owner = owner
        self._inbox = inbox
        self._outbox = outbox
        self._ledger = ledger
        self._rules = rules
        self._deidentifier = deidentifier
        self._keys = keys
        self._limit = limit
        self._headers = headers
        self._current = inbox.directory / "work" / f".{owner}.current"

    def recover(self, *, after_crash: bool) -> None:
        """Take up what a predecessor of the same name left; an object that killed it thrice is held."""
        if after_crash and self._current.exists():
            self._suspect(Entry.parse(self._current.read_text()))
        self._current.unlink(missing_ok=True)
        self._inbox.recover(self._owner)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop``; what was claimed and not begun goes back."""
        while not stop.is_set():
            try:
                batch = self._inbox.claim(self._owner, _BATCH)
            except OSError as error:
                log.warning("nothing can be claimed from the inbox, next try in %.0f s: %s", _PAUSE_SECONDS, error.strerror)
                stop.wait(_PAUSE_SECONDS)
                continue
            if not batch:
                self._inbox.wait(_IDLE_SECONDS)
            for entry in batch:
                self._take(entry, stop)

    def _take(self, entry: Entry, stop: threading.Event) -> None:
        """Process one claimed object, or put it back."""
        try:
            if not stop.is_set():
                self.process(entry)
                return
        except (Temporary, OSError) as error:
            log.warning("object %s waits: %s", entry, error.strerror if isinstance(error, OSError) else error)
            stop.wait(_PAUSE_SECONDS)
        with suppress(FileNotFoundError):  # a person dropped it meanwhile
            self._inbox.unclaim(entry)

    def process(self, entry: Entry) -> None:
        """Bring one claimed object to the outbox, to held, or away by a rule. Raises ``Temporary``, ``OSError``."""
        self._current.write_text(str(entry))
        try:
            self._forward(entry)
        except Permanent as error:
            self._hold(entry, error.code, str(error))
        except (Temporary, OSError):
            raise
        except Exception as error:  # any doubt holds; its text may quote the object, so it is not repeated
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._hold(
                entry,
                "error",
                f"unexpected {type(error).__name__} at {Path(where.filename).name}:{where.lineno}; report it with the node's version",
            )
        self._current.unlink(missing_ok=True)

    def _forward(self, entry: Entry) -> None:
        path = self._inbox.path(entry)
        first = self._ledger.first_of_instance(entry)
        if first != entry:
            raise Permanent("conflict", f"another version of this instance came first, as {first}; drop one of the two")
        with open_source(path, self._limit) as source:
            note = json.loads(source.meta.note) if source.meta.note else {}
            decision = self._rules.decide(source, called_ae=source.meta.receiving_ae, note=note)
            reason = self._inbox.reason(entry) or {}
            released = bool(reason.get("released"))
            if decision.action == DISCARD:
                self._discard(entry, decision)
            elif decision.action == HOLD and not released:
                self._deidentifier.triage(source)  # a risk in the pixels is the better reason
                raise Permanent(decision.code, decision.reason)
            else:
                # Who releases what was held for its pixels has looked at them.
                if self._deidentifier.triage(source).look and not (released and reason.get("code") == "pixel-risk"):
                    ocr.inspect(path)
                self._deidentify(entry, source, decision)

    def _deidentify(self, entry: Entry, source: Source, decision: Decision) -> None:
        tmp, fp = self._outbox.create()
        try:
            with fp:
                outcome = self._deidentifier.deidentify(
                    source, fp, label=decision.label, label_source=decision.label_source, limit=self._limit, looked=True
                )
            # Before anything of it leaves.
            self._keys.enter(entry.study, source, outcome, self._deidentifier.plan.digest)
            if self._headers is not None:
                self._headers.keep(entry, source)
            self._outbox.put(tmp, entry)
        except BaseException:
            tmp.unlink(missing_ok=True)
            raise
        # An object that came again may be anywhere on its way already: its row follows the file.
        state = OUTBOX_STATES[self._outbox.state(entry)]
        self._ledger.note(entry, state, label=decision.label, label_source=decision.label_source)
        self._inbox.remove(entry)

    def _discard(self, entry: Entry, decision: Decision) -> None:
        self._ledger.note(entry, "discarded", message=decision.reason)
        self._ledger.flush()
        self._inbox.remove(entry)

    def _hold(self, entry: Entry, code: str, message: str) -> None:
        self._inbox.hold(entry, code, message)
        self._ledger.note(entry, "held", reason=code, message=message)
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
            self._ledger.note(entry, "held", reason="crashed", message=f"{crashes} worker processes died on this object")
