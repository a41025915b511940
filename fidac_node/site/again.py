"""An instance that comes again in other bytes: the same object, which is kept once, or another version, which is held.

What would leave decides, not what came: the newcomer is de-identified as the first was, compared, and thrown away.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from fidac_node.deidentify import Deidentifier
from fidac_node.deidentify.tools.same import difference
from fidac_node.errors import Permanent, Temporary
from fidac_node.receive.check import demand_whole
from fidac_node.site.corrected import CONFLICT
from fidac_node.site.ledger import REPEAT, Ledger
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import CORRUPT, Spool

log = logging.getLogger(__name__)

# Whose copy left, or may leave at any moment.
_LEAVING: Final = frozenset({"new", "work", "sent", "committed"})


class FirstInHand(Temporary):
    """The version that came first is being de-identified: whether this is the same object is not known yet."""


class Again:
    """Settles for one worker what comes again. ``limit`` (bytes) bounds inflating."""

    def __init__(self, inbox: Spool, outbox: Spool, ledger: Ledger, deidentifier: Deidentifier, limit: int) -> None:
        self._inbox, self._outbox, self._ledger = inbox, outbox, ledger
        self._deidentifier, self._limit = deidentifier, limit

    def settle(self, entry: Entry, first: Entry) -> None:
        """Let go of an object that is, as it would leave, the copy of ``first``.

        Raises :class:`Permanent` ``conflict`` if it is not, or nobody can tell, ``corrupt`` if its file is not as it
        was received, :class:`FirstInHand`, ``Temporary``, ``OSError``.
        """
        copy = self._copy_of(first)
        why = "" if copy is None else self._difference(entry, copy)
        if copy is None or why:
            raise Permanent(CONFLICT, self._words(entry, first, why))
        log.info("object %s is %s come again in other bytes, and is kept once", entry, first)
        self._ledger.note(entry, "discarded", reason=REPEAT, message=f"the same object as {first}, which came first")
        self._ledger.flush()
        self._inbox.remove(entry)

    def _words(self, entry: Entry, first: Entry, why: str) -> str:
        """What to say of a version that differs from the one which stands for the instance; ``why`` names no value."""
        newer = self._ledger.superseded_by(entry) is not None
        came = (
            f"a newer version stands in its place, {first}"
            if newer
            else (f"another version of this instance came first, as {first}")
        )
        unknown = "its copy was deleted or is held itself, so that nobody can compare them"
        return (
            f"{came}: {why or unknown}; 'site queue supersede' puts this one in its place, here and at the hub, "
            "'site queue drop' lets go of it"
        )

    def _copy_of(self, first: Entry) -> Path | None:
        """Where the anonymous copy is; ``None`` if there is none any more, or it waits for a person.

        The inbox is asked first: an original goes when its copy is safe in the outbox, so that it cannot slip by.
        """
        with suppress(FileNotFoundError):
            if self._inbox.state(first) != "held":
                raise FirstInHand(f"{first}, which came first, is being de-identified")
            return None
        with suppress(FileNotFoundError):
            if self._outbox.state(first) in _LEAVING:
                return self._outbox.path(first)
        return None

    def _difference(self, entry: Entry, copy: Path) -> str:
        """In what the object, as it would leave, is not the copy of the first.

        Raises :class:`Permanent` ``corrupt``, ``OSError``.
        """
        path = self._inbox.path(entry)
        examine = partial(demand_whole, path, entry)
        with self._outbox.create() as draft:
            try:
                with self._deidentifier.sources.open(path, self._limit, agreed=True, examine=examine) as source:
                    self._deidentifier.deidentify(
                        source,
                        draft.file,
                        label="unknown",
                        label_source="default",
                        limit=self._limit,
                        looked=True,  # nothing of it leaves
                    )
            except Permanent as error:
                if error.code == CORRUPT:
                    raise
                return f"this one would be held by itself ({error.code})"
            draft.end()
            return difference(copy, draft.path, limit=self._limit, marks=False)
