"""The items of sequences, told apart by form: the frames of an object differ in numbers alone.

An item whose every byte outside of numbers, times, dates and UIDs is that of one met before has its structure,
whatever the numbers are: it is not cut again. What becomes of it, and whether it may pass, is asked of its form
and of what varies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from fidac_node.deidentify import elements
from fidac_node.deidentify.dictionary import vrs_of
from fidac_node.deidentify.elements import MAX_DEPTH, Elements, Unusual
from fidac_node.part10 import Malformed

Path: TypeAlias = "tuple[int, ...]"

PER_FRAME_GROUPS: Final = 0x52009230
_VARIABLE: Final = frozenset({"AS", "DA", "DS", "DT", "FD", "FL", "IS", "SL", "SS", "SV", "TM", "UI", "UL", "US", "UV"})
_UNDEFINED: Final = b"\xff\xff\xff\xff"
_DELIMITED: Final = -1
# What is remembered: bytes of all items, the longest, what an empty one counts for, the different ones of one length, and of one sequence.
_SIZE: Final = 1 << 17
_LONGEST: Final = 1 << 14
_OVERHEAD: Final = 64
_MOST_ALIKE: Final = 4
_MOST_NEW: Final = 16
# The last sequence of about this length (bytes) is kept as it was cut: more than one asks for it.
_SHORTEST_KEPT: Final = 1 << 12
_LONGEST_KEPT: Final = 1 << 20


class Value(NamedTuple):
    """Where a value is in an item; ``varies``: it may be another in the next item of the same form."""

    path: Path
    start: int
    end: int
    varies: bool


class Form:
    """What items have in common; those of ``values`` that vary are each item's own. Compared by identity."""

    __slots__ = ("elements", "fixed", "mask", "size", "values")

    def __init__(self, found: Elements, item: bytes, values: tuple[Value, ...]) -> None:
        mask = bytearray(b"\xff" * len(item))
        for value in values:
            if value.varies:
                mask[value.start : value.end] = bytes(value.end - value.start)
        self.elements = found
        self.values = values
        self.size = len(item)
        self.mask = int.from_bytes(mask, "little")
        self.fixed = int.from_bytes(item, "little") & self.mask

    def varying(self, *path: int) -> list[slice]:
        """Where the values at ``path`` and below it are that vary."""
        size = len(path)
        return [slice(value.start, value.end) for value in self.values if value.varies and value.path[:size] == path]


class Item(NamedTuple):
    """An item: its bytes, and its elements or (``None``) a form that it has in common with others."""

    content: bytes
    elements: Elements | None
    form: Form | None

    def cut(self, explicit: bool) -> Elements:
        """Its elements."""
        return elements.split(self.content, 0, len(self.content), explicit=explicit)[0] if self.elements is None else self.elements


def whole_item(found: Elements) -> Item:
    """An item that has nothing in common with others, as far as is known."""
    return Item(b"", found, None)


class Forms:
    """The forms of items in one encoding."""

    def __init__(self, *, explicit: bool) -> None:
        self._explicit = explicit
        self._forms: dict[tuple[int, int], list[Form]] = {}
        self._used = 0
        self._last: tuple[bytes, list[Item]] = (b"", [])

    def split(self, tag: int, encoded: bytes) -> list[Item]:
        """The items of an encoded sequence; as :func:`.elements.items_of`."""
        last, found = self._last
        if last is encoded:
            return found
        new = 0

        def cut(buffer: bytes, position: int, end: int, delimited: bool) -> tuple[Item, int]:
            nonlocal new
            # An item of undefined length has its delimiter in its form: where it matches, it ends.
            size = _DELIMITED if delimited else end - position
            for form in self._forms.get((tag, size), ()):
                after = position + form.size
                content = buffer[position:after]
                if after <= end and int.from_bytes(content, "little") & form.mask == form.fixed:
                    return Item(content, None, form), after
            own, after = elements.split(buffer, position, end, explicit=self._explicit)
            content = buffer[position:after]
            if new < _MOST_NEW and len(content) <= _LONGEST:
                new += 1
                self._learn(tag, size, own, content)
            return Item(content, own, None), after

        found = elements.cut_items(encoded, self._explicit, cut)
        if _SHORTEST_KEPT <= len(encoded) <= _LONGEST_KEPT:
            self._last = (encoded, found)
        return found

    def _learn(self, tag: int, size: int, found: Elements, content: bytes) -> None:
        self._used += len(content) + _OVERHEAD
        if self._used > _SIZE:
            self._forms.clear()
            self._used = len(content) + _OVERHEAD
        alike = self._forms.setdefault((tag, size), [])
        if len(alike) >= _MOST_ALIKE:
            alike.clear()
        alike.append(Form(found, content, tuple(_values(found, 0, (), self._explicit))))


def _values(found: Elements, position: int, path: Path, explicit: bool) -> Iterator[Value]:
    """The values of a data set that begins at ``position``, at every depth."""
    for tag, encoded in found.items():
        here = (*path, tag)
        vr, start, _ = elements.head_of(encoded, explicit)
        items = items_at(tag, encoded, explicit) if len(path) < MAX_DEPTH else None
        if items is None:
            varies = (vr or next(iter(vrs_of(tag)), "")) in _VARIABLE
            yield Value(here, position + start, position + len(encoded), varies)
        else:
            for item, offset in items:
                yield from _values(item, position + offset, here, explicit)
        position += len(encoded)


def items_at(tag: int, encoded: bytes, explicit: bool) -> list[tuple[Elements, int]] | None:
    """The items of an encoded sequence, and where in it their contents begin; ``None`` if it is none, or none that can be cut."""
    try:
        if not elements.is_sequence(tag, encoded, explicit):
            return None
        items = elements.items_of(encoded, explicit)
    except (Malformed, Unusual):
        return None  # whoever needs to know asks again
    found = []
    position = elements.head_of(encoded, explicit)[1]
    for item in items:
        length = encoded[position + 4 : position + 8]
        position += 8
        found.append((item, position))
        position += sum(map(len, item.values())) + 8 if length == _UNDEFINED else int.from_bytes(length, "little")
    return found


FORMS: Final = {explicit: Forms(explicit=explicit) for explicit in (False, True)}
