"""A newer version of an instance that takes the place of the older: because a person said so, or a rule by its sender.

The version is counted in the ledger and travels with the copy (:data:`fidac_node.dicom.marks.VERSION`): of two of one
site the hub keeps the higher, whichever comes first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from fidac_node.dicom import part10
from fidac_node.site.ledger import SUPERSEDED, Ledger
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

log = logging.getLogger(__name__)

# Why an object is held that is another version of its instance.
CONFLICT: Final = "conflict"
# What the reason of a held object says when a person has decided.
DECIDED: Final = "supersede"


class Corrections:
    """Decides for one worker what replaces what; ``by_rule(calling_ae)`` says whose newer versions do."""

    def __init__(self, inbox: Spool, outbox: Spool, ledger: Ledger, by_rule: Callable[[str], bool]) -> None:
        self._inbox, self._outbox, self._ledger, self._by_rule = inbox, outbox, ledger, by_rule

    def wanted(self, entry: Entry) -> bool:
        """Say whether an object that differs from the first version is to take its place. Raises ``OSError``.

        No rule puts an older version back in the place of the newer: an archive may send it again for years.
        """
        if (self._inbox.reason(entry) or {}).get(DECIDED):
            return True
        with self._inbox.path(entry).open("rb") as file:
            meta, _ = part10.read_meta(file)
        return self._by_rule(meta.source_ae) and self._ledger.superseded_by(entry) is None

    def begin(self, old: Entry, new: Entry, version: int) -> None:
        """Write down what replaces what, before the newer may leave. Raises ``Temporary``."""
        self._ledger.supersede(old, new, version)

    def end(self, new: Entry, version: int) -> None:
        """Let go of what a newer version, which is in the outbox by now, has replaced. Raises ``OSError``."""
        for old in self._ledger.superseded(new):
            let_go(self._inbox, self._outbox, self._ledger, old, f"version {version}, {new}, stands in its place")


def by_rule(corrected: str, callers: tuple[str, ...]) -> Callable[[str], bool]:
    """The rule of the settings ``corrected`` and ``corrected_callers`` of ``[receive]``."""
    return lambda calling_ae: corrected == DECIDED and (not callers or calling_ae in callers)


def let_go(inbox: Spool, outbox: Spool, ledger: Ledger, old: Entry, why: str) -> None:
    """Remove what was replaced, wherever it is, and write down ``why``; done already is fine. Raises ``OSError``."""
    if ledger.state(old) == ("dropped", SUPERSEDED):
        return
    ledger.note(old, "dropped", reason=SUPERSEDED, message=why)
    inbox.remove(old)
    outbox.remove(old)
    log.warning("object %s was replaced: %s", old, why)
