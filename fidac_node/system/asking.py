"""Questions to what may be frozen: a disk, a database, a peer.

Each is put in a thread of its own, and given up in time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from fidac_node.errors import Temporary

T = TypeVar("T")


class Asked(Generic[T]):
    """What ``ask`` says, or raises. It is asked at once; who does not answer keeps his thread, and nobody else."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._since = time.monotonic()
        self._said: list[T] = []
        self._raised: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(ask,), name="asking", daemon=True)
        self._thread.start()

    def within(self, seconds: float) -> T:
        """Return the answer; ``seconds`` count from when it was asked. Raises :class:`Temporary` when there is none."""
        self._thread.join(max(0.0, self._since + seconds - time.monotonic()))
        if self._raised is not None:
            raise self._raised
        if not self._said:
            raise Temporary(f"no answer within {seconds:g} s: what it waits for is frozen or overloaded")
        return self._said[0]

    def _run(self, ask: Callable[[], T]) -> None:
        try:
            self._said.append(ask())
        except Exception as error:
            self._raised = error
