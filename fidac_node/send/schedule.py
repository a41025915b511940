"""Claimed objects in memory: which study belongs to which association, and when each object may be tried."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

# So many objects of a study that wait are worth another association.
_SHARED: Final = 16
# Objects claimed at once: enough to see several studies, not so many that the others wait for it.
_CLAIM: Final = 512


class Schedule:
    """Hands out an outbox's objects by study: a worker keeps to one, and helps with a large one when no other waits.

    At most ``room`` objects are claimed, for ``owner``, at a time; what is not sent goes back with
    :meth:`give_back`. Everything else about an object is its caller's.
    """

    def __init__(self, outbox: Spool, owner: str, room: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbox, self._owner, self._room, self._clock = outbox, owner, room, clock
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Entry]] = {}
        self._deferred: list[tuple[float, Entry]] = []
        self._taken: dict[str, set[Entry]] = {}
        self._study_of: dict[str, str] = {}

    def take(self, worker: str, limit: int, *, share: bool = True) -> list[Entry]:
        """Return up to ``limit`` objects of one study; the one at hand goes first, then one that nobody has.

        Then a large one of another worker's, if it may be shared: while the destination takes not even one
        association for sure, a second would only be in the way of the first.

        The worker answers for each of them: by :meth:`done`, :meth:`later` or :meth:`put_back`.
        """
        with self._lock:
            self._wake()
            if sum(map(len, self._waiting.values())) < limit:
                self._claim()
            study = self._choose(worker, share=share)
            if study is None:
                self._study_of.pop(worker, None)
                return []
            self._study_of[worker] = study
            line = self._waiting[study]
            batch = [line.popleft() for _ in range(min(limit, len(line)))]
            if not line:
                del self._waiting[study]
            self._taken.setdefault(worker, set()).update(batch)
            if self._choose("", share=True) is not None:
                self._outbox.notify()  # for another worker, if one waits
            return batch

    def done(self, worker: str, entry: Entry) -> None:
        """The object is no longer in the outbox's ``work/``: sent, held or gone."""
        with self._lock:
            self._taken[worker].discard(entry)

    def later(self, worker: str, entry: Entry, delay: float) -> None:
        """Try this object again after ``delay`` seconds, others meanwhile."""
        with self._lock:
            self._taken[worker].discard(entry)
            heapq.heappush(self._deferred, (self._clock() + delay, entry))

    def put_back(self, worker: str, entries: Iterable[Entry]) -> None:
        """These were not tried: they stay first of their study, which any worker may go on with."""
        untried = list(entries)
        if not untried:
            return
        with self._lock:
            self._study_of.pop(worker, None)
            for entry in reversed(untried):
                self._taken[worker].discard(entry)
                self._waiting.setdefault(entry.study, deque()).appendleft(entry)
        self._outbox.notify()

    def next_due(self) -> float | None:
        """Return the seconds until the first deferred object is due, ``None`` when there is none."""
        with self._lock:
            return max(0.0, self._deferred[0][0] - self._clock()) if self._deferred else None

    def give_back(self) -> None:
        """Unclaim everything, for another start. No worker may be running."""
        with self._lock:
            entries = [entry for _, entry in self._deferred]
            entries += [entry for line in self._waiting.values() for entry in line]
            entries += [entry for taken in self._taken.values() for entry in taken]
            for entry in entries:
                try:
                    self._outbox.unclaim(entry)
                except FileNotFoundError:
                    continue  # dropped by a person meanwhile
            self._deferred.clear()
            self._waiting.clear()
            self._taken.clear()

    def _wake(self) -> None:
        while self._deferred and self._deferred[0][0] <= self._clock():
            _, entry = heapq.heappop(self._deferred)
            self._waiting.setdefault(entry.study, deque()).append(entry)

    def _claim(self) -> None:
        held = len(self._deferred) + sum(map(len, self._waiting.values())) + sum(map(len, self._taken.values()))
        for entry in self._outbox.claim(self._owner, min(self._room - held, _CLAIM)) if held < self._room else []:
            self._waiting.setdefault(entry.study, deque()).append(entry)

    def _choose(self, worker: str, *, share: bool) -> str | None:
        mine = self._study_of.get(worker)
        if mine in self._waiting:
            return mine
        busy = {study for other, study in self._study_of.items() if other != worker}
        free = next((study for study in self._waiting if study not in busy), None)
        if free is not None or not share:
            return free
        return next((study for study, line in self._waiting.items() if len(line) >= _SHARED), None)
