"""When to try again: arithmetic, and the memory of one peer's bad days."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Final

# 2**40 times any first delay is beyond every maximum; more would only overflow a float.
_MOST_DOUBLINGS: Final = 40


def next_delay(attempts: int, first: float, maximum: float, rand: float) -> float:
    """Return the seconds to wait after ``attempts`` (1 or more) failed ones.

    ``first`` seconds after one, doubled with each further one up to ``maximum``; of that, between a half
    (``rand`` near 1) and the whole (``rand`` = 0), so that many nodes do not come back at the same moment.
    """
    doublings = min(max(attempts, 1) - 1, _MOST_DOUBLINGS)
    return float(min(maximum, first * 2**doublings) * (1 - rand / 2))


class Backoff:
    """How long to leave one peer alone; shared by the threads that talk to it.

    ``first`` and ``maximum`` are seconds, see :func:`next_delay`.
    """

    def __init__(
        self,
        first: float,
        maximum: float,
        *,
        rand: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first, self._maximum = first, maximum
        self._rand, self._clock = rand, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    def failed(self) -> float | None:
        """Count a failure and return the seconds to wait, or ``None`` when a wait has already begun.

        Threads that fail together over one cause count as one failure.
        """
        with self._lock:
            now = self._clock()
            if now < self._until:
                return None
            self._failures += 1
            delay = next_delay(self._failures, self._first, self._maximum, self._rand())
            self._until = now + delay
            return delay

    def succeeded(self) -> None:
        """The peer answered: the next failure waits ``first`` seconds again."""
        with self._lock:
            self._failures = 0
            self._until = 0.0

    def remaining(self) -> float:
        """Return the seconds still to wait; 0 when the peer may be tried."""
        with self._lock:
            return max(0.0, self._until - self._clock())
