"""A file as bytes that are not in memory: its length, and copies of the pieces that are asked for.

For what can be read but not mapped, as the files that a browser hands over.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Final, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Elements are looked at one after the other: what is smaller is taken from a page that is kept (bytes).
_PAGE: Final = 1 << 13


class Window:
    """``size`` bytes, of which ``read`` gives ``length`` from ``start`` on."""

    def __init__(self, size: int, read: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._read = read
        self._start, self._page = 0, b""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, wanted: slice) -> bytes:
        """A slice, in steps of one."""
        start, stop, step = wanted.indices(self._size)
        if step != 1:
            raise ValueError("a window gives slices in steps of one")
        if stop <= start:
            return b""
        if stop - start > _PAGE:
            return self._whole(start, stop - start)
        if not self._start <= start <= stop <= self._start + len(self._page):
            self._start, self._page = start, self._whole(start, min(_PAGE, self._size - start))
        return self._page[start - self._start : stop - self._start]

    def open(self) -> BinaryIO:
        """The same as a file."""
        return cast(BinaryIO, io.BufferedReader(_File(self), _PAGE))

    def _whole(self, start: int, length: int) -> bytes:
        found = self._read(start, length)
        if len(found) != length:
            raise OSError(f"the file was cut short while it was read: {length} bytes wanted, {len(found)} there")
        return found


class _File(io.RawIOBase):
    def __init__(self, window: Window) -> None:
        self._window = window
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._window)}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        found = self._window[self._position : self._position + len(target)]
        target[: len(found)] = found
        self._position += len(found)
        return len(found)
