"""What a pure function of bytes gave, remembered by these bytes, within bounds.

A series brings the same elements with every slice. The memory is exact (by the whole key, never by a
digest or a length), and bounded in entries and in bytes: two generations, of which the older is dropped
when the younger is full, so that what is asked for often stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

V = TypeVar("V")

# Longer keys are not remembered: an attacker's elements of a megabyte would push out everything else.
LONGEST_KEY: Final = 4096


class Memo(dict[bytes, V]):
    """A dictionary that makes what is missing: ``memo[key]`` is ``make(key)``, made once.

    Holds at most ``entries`` keys of ``size`` bytes in all in each of its two generations.
    """

    def __init__(self, make: Callable[[bytes], V], entries: int, size: int) -> None:
        super().__init__()
        self._make = make
        self._entries = entries
        self._size = size
        self._used = 0
        self._older: dict[bytes, V] = {}

    def __missing__(self, key: bytes) -> V:
        older = self._older
        value = older[key] if key in older else self._make(key)
        length = len(key)
        if length <= LONGEST_KEY:
            self._used += length
            if self._used > self._size or len(self) >= self._entries:
                self._older = dict(self)
                self.clear()
                self._used = length
            self[key] = value
        return value

    @property
    def held(self) -> int:
        """How many keys are held, in both generations."""
        return len(self) + len(self._older)
