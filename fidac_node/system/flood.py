"""Lines of the log that a peer may cause are limited in rate: some a minute of one peer and kind, more of a kind.

A record says whose doing it is by its attribute ``peer`` (``extra={"peer": address}``); others are never left out.
A kind is the sentence before its values are put in.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

SECONDS: Final = 60.0
MOST: Final = 10  # of one peer and kind
MOST_OF_KIND: Final = 100  # of all peers: titles and addresses can be made up


class Flood(logging.Filter):
    """Lets so many lines pass, and gives ``tell`` one that says how many of a kind were left out when time is up."""

    def __init__(self, tell: Callable[[logging.LogRecord], object], seconds: float = SECONDS) -> None:
        super().__init__()
        self._tell = tell
        self._seconds = seconds
        self._lock = threading.Lock()
        self._until = 0.0
        self._passed: Counter[tuple[str, str, str]] = Counter()
        self._of_kind: Counter[tuple[str, str]] = Counter()
        self._left_out: dict[tuple[str, str], tuple[int, int]] = {}  # how many, and their level

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record's line is to be written."""
        peer = getattr(record, "peer", None)
        if peer is None:
            return True
        kind = (record.name, str(record.msg))
        rest: list[logging.LogRecord] = []
        with self._lock:
            if time.monotonic() >= self._until:
                rest = self._begin_anew()
            passes = self._of_kind[kind] < MOST_OF_KIND and self._passed[*kind, str(peer)] < MOST
            if passes:
                self._of_kind[kind] += 1
                self._passed[*kind, str(peer)] += 1
            else:
                self._leave_out(kind, record.levelno)
        for line in rest:
            self._tell(line)
        return passes

    def end(self) -> None:
        """Time is up: say what was left out."""
        with self._lock:
            rest = self._begin_anew()
        for line in rest:
            self._tell(line)

    def _leave_out(self, kind: tuple[str, str], level: int) -> None:
        if not self._left_out:  # nobody may come again: a line left out is told all the same
            timer = threading.Timer(max(0.0, self._until - time.monotonic()), self.end)
            timer.daemon = True
            timer.start()
        number, highest = self._left_out.get(kind, (0, level))
        self._left_out[kind] = number + 1, max(highest, level)

    def _begin_anew(self) -> list[logging.LogRecord]:
        self._until = time.monotonic() + self._seconds
        left_out, self._left_out = self._left_out, {}
        self._passed.clear()
        self._of_kind.clear()
        return [
            logging.makeLogRecord(
                {
                    "name": name,
                    "levelno": level,
                    "levelname": logging.getLevelName(level),
                    "msg": "%d lines more of this kind were left out in %.0f s: %s",
                    "args": (number, self._seconds, sentence.replace("%s", "...").replace("%d", "...")),
                }
            )
            for (name, sentence), (number, level) in left_out.items()
        ]
