"""A ``multipart/related`` body taken apart while it comes (RFC 2046 5.1): never more of it in memory than a piece."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

# RFC 2046 5.1.1 has 70 characters at most, Orthanc 73.
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,199}[0-9A-Za-z'()+_,./:=?-]", re.ASCII)
_LONGEST_HEAD: Final = 16 << 10
_MOST_PARTS: Final = 100_000


class Broken(ValueError):
    """The body is not what its boundary says: what is wrong."""


class Begin(NamedTuple):
    """A part begins, with these headers in small letters."""

    headers: dict[str, str]


class Data(NamedTuple):
    """The next bytes of the part."""

    content: bytes


class End(NamedTuple):
    """The part is there whole."""


Event: TypeAlias = Begin | Data | End
# What was found, and whether more can be found in what is there.
_Step: TypeAlias = "tuple[Sequence[Event], bool]"


class Splitter:
    """Takes a body in pieces, and says what is in it."""

    def __init__(self, boundary: str) -> None:
        """Raises :class:`Broken` for what cannot be a boundary."""
        if not _BOUNDARY.fullmatch(boundary):
            raise Broken("the boundary is none (RFC 2046 5.1.1)")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._rest = b"\r\n"  # the first delimiter may be what the body begins with
        self._state: Callable[[], _Step] = self._preamble
        self._parts = 0
        self.is_over = False

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield what ``piece`` brings. Raises :class:`Broken`."""
        self._rest += piece
        goes_on = True
        while goes_on and not self.is_over:
            events, goes_on = self._state()
            yield from events

    def _preamble(self) -> _Step:
        at = self._rest.find(self._delimiter)
        if at < 0:
            self._demand_short("its first boundary does not come")
            return [], False
        self._rest = self._rest[at + len(self._delimiter) :]
        self._state = self._after_delimiter
        return [], True

    def _after_delimiter(self) -> _Step:
        """The end of all, or the headers of a part."""
        if self._rest.startswith(b"--"):
            self.is_over = True
            return [], False
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            self._demand_short("the headers of a part do not end")
            return [], False
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise Broken(f"it has more than {_MOST_PARTS} parts")
        self._state = self._content
        return [Begin(_headers(head))], True

    def _content(self) -> _Step:
        at = self._rest.find(self._delimiter)
        if at >= 0:
            content, self._rest = self._rest[:at], self._rest[at + len(self._delimiter) :]
            self._state = self._after_delimiter
            return [*([Data(content)] if content else []), End()], True
        # What may be the beginning of a delimiter waits for more.
        sure = max(0, len(self._rest) - len(self._delimiter) + 1)
        content, self._rest = self._rest[:sure], self._rest[sure:]
        return [Data(content)] if content else [], False

    def _demand_short(self, problem: str) -> None:
        if len(self._rest) > _LONGEST_HEAD:
            raise Broken(problem)


def _headers(head: bytes) -> dict[str, str]:
    """The headers of a part; what stands behind the boundary before them is padding (RFC 2046 5.1.1)."""
    padding, _, lines = head.partition(b"\r\n")
    if padding.strip(b" \t"):
        raise Broken("something follows a boundary in its line")
    found = {}
    for line in lines.decode("latin-1").split("\r\n") if lines else ():
        name, colon, value = line.partition(":")
        if not colon:
            raise Broken("a header of a part has no name")
        found[name.strip().lower()] = value.strip()
    return found
