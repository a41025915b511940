"""What became of one item, poured again from the numbers of another: the frames of an object come out of one mould.

An item of the same form differs from the one that the mould was made of in its variable values alone. Those that stay
as they are are copied if they are such, those that are not written at all do not count, and all others must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from fidac_node.deidentify import elements
from fidac_node.deidentify.actions import Change, Changes
from fidac_node.deidentify.elements import Elements
from fidac_node.deidentify.encode import Syntax
from fidac_node.deidentify.frames import Form, Item, items_at

# What is remembered for one patient. A mould that does not fit is made again so many times: dates change with the object,
# but UIDs with every frame.
_MOST_MOULDS: Final = 256
_MOST_FAILURES: Final = 8


class Way(NamedTuple):
    """How what becomes of an element depends on its value: from byte ``stays`` on it is copied if it matches ``plain``.

    The bytes before count, unless nothing does (``lost``): whatever the value is, the same is written.
    """

    stays: int
    plain: re.Pattern[bytes] | None
    lost: bool


Ask: TypeAlias = "Callable[[int, bytes, Change], Way]"


class Mould:
    """How an item is made of another one of its form. ``fixed`` must be the same in both, ``checks`` must match in the other."""

    __slots__ = ("_parts", "checks", "fixed")

    def __init__(self) -> None:
        self.fixed: list[tuple[int, int, bytes]] = []
        self.checks: list[tuple[int, int, re.Pattern[bytes]]] = []
        self._parts: list[tuple[bytes | None, int, int]] = []

    def pour(self, item: bytes) -> bytes | None:
        """The new content of another item of the form; ``None`` if it has to be made anew."""
        for start, end, value in self.fixed:
            if item[start:end] != value:
                return None
        for start, end, plain in self.checks:
            if plain.fullmatch(item, start, end) is None:
                return None
        return b"".join([item[start:end] if literal is None else literal for literal, start, end in self._parts])

    def write(self, item: bytes, start: int, end: int, written: bytes) -> None:
        """Next comes what is written for ``item[start:end]``, which is the same in other items or stays as it is: a copy if it is one."""
        if not written:
            return
        copied = item[start:end] == written
        literal, first, last = self._parts[-1] if self._parts else (None, -1, -1)
        if copied and literal is None and last == start:
            self._parts[-1] = (None, first, end)
        elif not copied and literal is not None:
            self._parts[-1] = (literal + written, 0, 0)
        else:
            self._parts.append((None, start, end) if copied else (written, 0, 0))


class _Known(NamedTuple):
    """What became of an item: its mould, if its form tells what is written, and how often moulds did not fit."""

    mould: Mould | None
    changes: Changes
    failures: int


class Moulds:
    """The moulds that one patient's items gave, by form, by the character sets around them and by depth."""

    def __init__(self, way: Ask, syntax: Syntax) -> None:
        self._way = way
        self._syntax = syntax
        self._known: dict[tuple[Form | None, tuple[str, ...], int], _Known] = {}

    def pour(self, item: Item, declared: tuple[str, ...], depth: int) -> tuple[Changes, bytes] | None:
        """What becomes of an item and its new content, if there is a mould for it."""
        known = self._known.get((item.form, declared, depth))
        content = known.mould.pour(item.content) if known is not None and known.mould is not None else None
        return None if known is None or content is None else (known.changes, content)

    def learn(self, item: Item, declared: tuple[str, ...], depth: int, found: Elements, changes: Changes, content: bytes) -> None:
        """Remember what became of an item that was not poured, unless moulds of its form are of no use."""
        known = self._known.get((item.form, declared, depth))
        failures = known.failures + 1 if known is not None else 0
        if failures > _MOST_FAILURES:
            return
        if len(self._known) >= _MOST_MOULDS:
            self._known.clear()
        caster = _Caster(item, self._way, self._syntax)
        fits = caster.data_set(found, changes, 0) and caster.mould.pour(item.content) == content
        self._known[item.form, declared, depth] = _Known(caster.mould if fits else None, changes, failures)

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()


class _Caster:
    """Walks through an item and what became of it."""

    def __init__(self, item: Item, way: Ask, syntax: Syntax) -> None:
        self.mould = Mould()
        self._item = item.content
        self._varying = [(value.start, value.end) for value in item.form.values if value.varies] if item.form else []
        self._way = way
        self._syntax = syntax

    def data_set(self, found: Elements, changes: Changes, position: int) -> bool:
        """Take the elements that begin at ``position``; say whether they are written in their order."""
        if list(found) != sorted(found):
            return False
        for tag, encoded in found.items():
            change, end = changes[tag], position + len(encoded)
            way = self._way(tag, encoded, change)
            if way.lost:
                self.mould.write(self._item, position, position, change.encoded)
            elif change.items and change.encoded:
                if not self._sequence(tag, encoded, change, position):
                    return False
            elif way.stays == len(encoded):
                self._fix(position, end)
                self.mould.write(self._item, position, end, change.encoded)
            else:
                stays = position + way.stays
                self._fix(position, stays)
                self.mould.write(self._item, position, stays, change.encoded[: way.stays])
                self.mould.write(self._item, stays, end, change.encoded[way.stays :])
                if way.plain is not None:
                    self.mould.checks.append((stays, end, way.plain))
            position = end
        return True

    def _sequence(self, tag: int, encoded: bytes, change: Change, position: int) -> bool:
        explicit = self._syntax.explicit
        items = items_at(tag, encoded, explicit)
        if items is None or len(items) != len(change.items):
            return False
        written = elements.items_of(change.encoded, explicit)
        size = len(change.encoded) - sum(8 + sum(map(len, one.values())) for one in written)
        self.mould.write(self._item, position, position + size, change.encoded[:size])
        for (found, offset), below in zip(items, change.items, strict=True):
            start = position + offset
            if not any(one.encoded for one in below.values()):
                self._fix(start, start + sum(map(len, found.values())))
                continue
            if not written:
                return False
            # Changes that come from a mould have the actions of this item, but not its bytes.
            left = written.pop(0)
            self.mould.write(self._item, start - 8, start, self._syntax.item(sum(map(len, left.values()))))
            if not self.data_set(found, {one: what._replace(encoded=left.get(one, b"")) for one, what in below.items()}, start):
                return False
        return not written

    def _fix(self, start: int, end: int) -> None:
        """What varies here must be the same in other items."""
        for first, last in self._varying:
            if first < end and last > start:
                here = slice(max(first, start), min(last, end))
                self.mould.fixed.append((here.start, here.stop, self._item[here]))
