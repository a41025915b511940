"""Cutting headers into elements, quickly: most of a header repeats the one before, byte for byte.

The slices of a series share all but a dozen elements. What was cut once is recognised by comparing
memory, many elements at a time; only what differs is parsed. The result is that of
:func:`.elements.split` on every input, because the bytes of an element say where it ends.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from fidac_node import part10
from fidac_node.deidentify import elements
from fidac_node.deidentify.elements import Elements
from fidac_node.part10 import PIXEL_DATA

_SERIES: Final = 0x0020000E
# The longest header (bytes) that is remembered.
_LONGEST_REMEMBERED: Final = 1 << 18


class Run(NamedTuple):
    """Elements that follow each other, and their bytes in one piece; one that ``varies`` stays alone."""

    encoded: bytes
    elements: Elements
    last: int
    varies: bool


class Cutter:
    """Cuts headers of one encoding, one after the other."""

    def __init__(self, *, explicit: bool) -> None:
        self._explicit = explicit
        self._runs: list[Run] = []

    def split(self, buffer: part10.Buffer, start: int, end: int) -> tuple[Elements, list[Run], int]:
        """Cut the data set in ``buffer[start:end]`` up to PixelData; as :func:`.elements.split`, with the runs that it is made of."""
        found: Elements = {}
        runs: list[Run] = []
        count = 0
        position = start
        mergeable = steady = another_series = False
        for run in self._runs:  # taken once and put back whole below: threads may share a cutter
            after = position + len(run.encoded)
            if buffer[position:after] == run.encoded and after <= end:
                position = after
                found.update(run.elements)
                count += len(run.elements)
                runs.append(run)
                mergeable |= steady and not run.varies
                steady = not run.varies
                continue
            more, position = elements.split(buffer, position, end, explicit=self._explicit, until=min(run.last + 1, PIXEL_DATA))
            count += len(more)
            steady = False
            for tag, encoded in more.items():
                found[tag] = encoded
                varies = run.elements.get(tag) != encoded
                runs.append(Run(encoded, {tag: encoded}, tag, varies))
                another_series |= varies and tag == _SERIES
        more, position = elements.split(buffer, position, end, explicit=self._explicit, until=PIXEL_DATA)
        found.update(more)
        if len(found) != count + len(more):
            elements.split(buffer, start, end, explicit=self._explicit, until=PIXEL_DATA)  # says which comes twice
        runs += [Run(encoded, {tag: encoded}, tag, False) for tag, encoded in more.items()]
        if position - start <= _LONGEST_REMEMBERED:
            if another_series:  # what differs between two series says nothing of the next slice
                runs = [run._replace(varies=False) for run in runs]
            self._runs = _merged(runs) if mergeable else runs
        return found, runs, position


def _merged(runs: list[Run]) -> list[Run]:
    """Neighbours that came again as they were become one run."""
    merged: list[Run] = []
    for run in runs:
        if merged and not run.varies and not merged[-1].varies:
            before = merged.pop()
            merged.append(Run(before.encoded + run.encoded, {**before.elements, **run.elements}, run.last, False))
        else:
            merged.append(run)
    return merged
