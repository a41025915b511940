"""Cutting headers into elements, quickly: most of a header repeats the one before, byte for byte.

The slices of a series share all but a dozen elements. A header whose form was met before is recognised by
comparing memory, many elements at a time; only the elements that slices have of their own are looked at. The
result is that of :func:`.elements.split` on every input, because the bytes of an element say where it ends.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from fidac_node.dicom import elements, headers, part10
from fidac_node.dicom.elements import LARGEST_HEADER, Elements
from fidac_node.dicom.memo import LONGEST_KEY
from fidac_node.dicom.part10 import PIXEL_DATA, UNDEFINED_LENGTH
from fidac_node.dicom.tags import ITEM_DELIMITATION_ITEM, SERIES_INSTANCE_UID

# The longest header (bytes) that is remembered, and how many are: a PACS sends a few series side by side.
_LONGEST_REMEMBERED: Final = 1 << 18
_MOST_FORMS: Final = 8
_ALIKE: Final = -1
_tag_at = headers.TAG.unpack_from


class Common:
    """The elements that the slices of a series have in common.

    The same object is the same bytes, so it may be a key.
    """

    __slots__ = ("elements", "last", "size")

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self.last = max(elements, default=0)
        self.size = sum(map(len, elements.values()))


class Cut(NamedTuple):
    """A header in its elements: those of its ``own``, and those that are ``common`` (``None``: there are none).

    ``pieces`` are its bytes in order, one or more elements in each, most of them the same objects with every slice.
    """

    elements: Elements
    own: Elements
    common: Common | None
    pieces: list[bytes]

    @property
    def last(self) -> int:
        """The highest tag."""
        own = max(self.own, default=0)
        return own if self.common is None else max(own, self.common.last)


class Cutter:
    """Cuts headers of one encoding, one after the other."""

    def __init__(self, *, explicit: bool) -> None:
        self.explicit = explicit
        self._forms: tuple[_Form, ...] = ()

    def split(self, buffer: part10.Buffer, start: int, end: int) -> tuple[Cut, int]:
        """Cut the data set in ``buffer[start:end]`` up to PixelData; as :func:`.elements.split`."""
        forms = self._forms  # taken once and put back whole: threads may share a cutter
        for form in forms:
            cut = form.cut(buffer, start, end)
            if cut is not None:
                if form is not forms[0]:
                    self._forms = (form, *(one for one in forms if one is not form))
                return cut
        found, position = elements.split(buffer, start, end, explicit=self.explicit, until=PIXEL_DATA)
        if position - start <= _LONGEST_REMEMBERED:
            self._learn(found, forms)
        return whole(found), position

    def _learn(self, found: Elements, forms: tuple[_Form, ...]) -> None:
        """What differs from a header of this form and series is what its slices have of their own."""
        tags = tuple(found)
        like = next(
            (
                form
                for form in forms
                if form.tags == tags and form.found.get(SERIES_INSTANCE_UID) == found.get(SERIES_INSTANCE_UID)
            ),
            None,
        )
        own = (
            None
            if like is None
            else (like.own or frozenset()) | {tag for tag, encoded in found.items() if like.found[tag] != encoded}
        )
        others = [form for form in forms if form is not like]
        self._forms = (_Form(found.copy(), own, explicit=self.explicit), *others[: _MOST_FORMS - 1])


class _Form:
    """What headers of a series look like: ``found`` in one of them, of which each has the tags in ``own`` for itself.

    ``None``: of a series of which one slice came nothing is known yet.
    """

    def __init__(self, found: Elements, own: frozenset[int] | None, *, explicit: bool) -> None:
        self.found = found
        self.tags = tuple(found)
        self.own = own
        self._explicit = explicit
        if own is not None:
            self._common = Common({tag: encoded for tag, encoded in found.items() if tag not in own})
            self._steps = [(tag, *self._known(tag, encoded)) for tag, encoded in pieces(found, own)]

    def _known(self, tag: int, encoded: bytes) -> tuple[bytes, int]:
        """What the next bytes must be, and up to where.

        All of a piece that is common, tag and VR of an element that is not.
        """
        if tag == _ALIKE:
            return encoded, len(encoded)
        return encoded[: 6 if self._explicit else 4], elements.head_of(encoded, self._explicit)[1]

    def cut(self, buffer: part10.Buffer, start: int, end: int) -> tuple[Cut, int] | None:
        """Cut a header of this form; ``None`` if it is of another."""
        if self.own is None:
            return None
        own: Elements = {}
        found: list[bytes] = []
        position = start
        for tag, known, size in self._steps:
            after = position + size
            if buffer[position : position + len(known)] != known:
                return None
            if tag == _ALIKE:
                found.append(known)
            else:
                after = self._end_of(buffer, position, after, end, tag)
                if after > end or after - start > LARGEST_HEADER:
                    return None
                encoded = buffer[position:after]
                own[tag] = encoded = encoded if isinstance(encoded, bytes) else bytes(encoded)
                found.append(encoded)
            position = after
        if not _ends(buffer, position, end):
            return None
        return Cut({**self.found, **own}, own, self._common, found), position

    def _end_of(self, buffer: part10.Buffer, position: int, value: int, end: int, tag: int) -> int:
        """Where the element ends that has its value at ``value``."""
        width = 2 if self._explicit and value - position == 8 else 4  # PS3.5 7.1.2
        length = int.from_bytes(buffer[value - width : value], "little")
        if length != UNDEFINED_LENGTH:
            return value + length
        return elements.end_of(buffer, position, end, tag, self._explicit)


def whole(found: Elements) -> Cut:
    """A header that has nothing in common with others, as far as is known."""
    return Cut(found, found, None, list(found.values()))


def _ends(buffer: part10.Buffer, position: int, end: int) -> bool:
    """Say whether a header ends here, at PixelData or at the end of the data."""
    if end - position < 8:
        return position == end
    group, number = _tag_at(buffer, position)
    tag = group << 16 | number
    return bool(tag >= PIXEL_DATA and tag != ITEM_DELIMITATION_ITEM)


def pieces(found: Mapping[int, bytes], own: Container[int]) -> Iterator[tuple[int, bytes]]:
    """Join neighbours that are not in ``own``, as long as they can be remembered.

    Those in ``own`` come with their tags, alone.
    """
    together: list[bytes] = []
    size = 0
    for tag, encoded in found.items():
        if together and (tag in own or size + len(encoded) > LONGEST_KEY):
            yield _ALIKE, b"".join(together)
            together, size = [], 0
        if tag in own:
            yield tag, encoded
        else:
            together.append(encoded)
            size += len(encoded)
    if together:
        yield _ALIKE, b"".join(together)


Cutters: TypeAlias = "dict[bool, Cutter]"


def cutters() -> Cutters:
    """A cutter for each little-endian encoding, by whether it is explicit, that has seen nothing yet."""
    return {explicit: Cutter(explicit=explicit) for explicit in (False, True)}
