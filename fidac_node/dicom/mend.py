"""The second reading: a data set that is not well-formed, and can be read in one way only, read that way.

:mod:`.part10` and :mod:`.elements` read strictly; what they refuse comes here, and leaves as plain elements that they
take. Nothing is guessed: an element whose length could be told in two ways, or content that is needed and cannot be
understood, stays :class:`Malformed`. What is removed anyway (private content) need not be understood, only measured.
Little endian alone; memory is bounded by the header (:data:`.elements.LARGEST_HEADER`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from fidac_node.dicom import elements, headers
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.elements import LARGEST_HEADER, MAX_DEPTH, MOST_ELEMENTS, Elements, Unusual, syntax_uid
from fidac_node.dicom.encode import Syntax, join
from fidac_node.dicom.part10 import PIXEL_DATA, UNDEFINED_LENGTH, Malformed, Readable, format_tag, only_zeros
from fidac_node.dicom.skim import LONG_VRS, SHORT_VRS
from fidac_node.dicom.tags import (
    FUNCTIONAL_GROUPS,
    ITEM,
    ITEM_DELIMITATION_ITEM,
    SEQUENCE_DELIMITATION_ITEM,
)
from fidac_node.dicom.uids import RLE_LOSSLESS
from fidac_node.dicom.walk import leaves

# Sequences without which the numbers of an image mean something else: functional groups, Modality LUT.
_NEEDED: Final = FUNCTIONAL_GROUPS | {0x00283000}
_KNOWN_VRS: Final = SHORT_VRS | LONG_VRS
_DELIMITERS: Final = 0xFFFE
_LOOK_AHEAD: Final = 3  # elements that must follow each other where a length is doubtful
_MOST_ITEMS: Final = 4096
_MOST_WORK: Final = 100_000  # elements
_TAG_AND_LENGTH: Final = partial(headers.at, headers.IMPLICIT)
_EXPLICIT: Final = partial(headers.at, headers.EXPLICIT)
_LENGTH: Final = partial(headers.at, headers.LENGTH)
_END_OF_IMAGE: Final = b"\xff\xd9"


class Mended(NamedTuple):
    """A data set as it was meant: ``elements`` before and behind the pixel data, plainly encoded, in order of tags.

    ``pixels`` is where the value of PixelData lies in the buffer: VR, start, end, whether it is encapsulated; ``paths``
    are the elements that were put right.
    """

    elements: Elements
    pixels: tuple[str, int, int, bool] | None
    paths: tuple[tuple[int, ...], ...]


def mended(buffer: Readable, start: int, end: int, transfer_syntax_uid: str) -> Mended:
    """Read the data set in ``buffer[start:end]``. Raises :class:`Malformed` for what cannot be read with certainty."""
    return _Mender(buffer, transfer_syntax_uid).object(start, end)


class _Span(NamedTuple):
    """An element: its tag, VR (``b""`` in Implicit VR), where its value begins, its length, whether that was told."""

    tag: int
    vr: bytes
    value: int
    length: int
    certain: bool = True


class _Work:
    """Counts what was looked at: each level is read again by the one above, and in two encodings where one fails."""

    def __init__(self) -> None:
        self._elements = 0
        self._bytes = 0

    def add(self, size: int) -> None:
        """One more element of so many bytes. Raises :class:`Malformed` when it is more than a header needs."""
        self._elements += 1
        self._bytes += size
        if self._elements > _MOST_WORK or self._bytes > 4 * LARGEST_HEADER:
            raise Malformed("there is too much in it that would have to be put right")


class _Mender:
    def __init__(self, buffer: Readable, transfer_syntax_uid: str, work: _Work | None = None) -> None:
        self._buffer = buffer
        self._work = work or _Work()
        self._transfer_syntax_uid = transfer_syntax_uid
        self._syntax = Syntax.of(transfer_syntax_uid)
        self._explicit = self._syntax.explicit
        self._paths: dict[tuple[int, ...], None] = {}

    def object(self, start: int, end: int) -> Mended:
        """The whole data set of an object."""
        found: Elements = {}
        pixels: tuple[str, int, int, bool] | None = None
        position, size = start, 0
        while position < end and not self._only_zeros(position, end):
            span = self._span(position, end, self._explicit)
            if span.tag == PIXEL_DATA:
                if pixels is not None:
                    raise Malformed("PixelData (7FE0,0010) comes twice")
                pixels, position = self._pixels(span, end)
                continue
            encoded, after = self._element(position, end, span, (), self._explicit)
            size += len(encoded)
            if size > LARGEST_HEADER or len(found) >= MOST_ELEMENTS:
                raise Malformed(f"the header is larger than any image has, at {format_tag(span.tag)}")
            if pixels is not None and span.tag < PIXEL_DATA:
                self._note((span.tag,))  # PS3.5 7.1: elements ascend
            self._add(found, span.tag, encoded, ())
            position = after
        return Mended({tag: found[tag] for tag in sorted(found)}, pixels, tuple(self._paths))

    def _note(self, path: tuple[int, ...]) -> None:
        self._paths[path] = None

    def _add(self, found: Elements, tag: int, encoded: bytes, path: tuple[int, ...]) -> None:
        """The same element twice is one; another value under one tag is a doubt."""
        if found.setdefault(tag, encoded) != encoded:
            raise Malformed(f"{format_tag(tag)} comes twice in one data set, with two values")
        if found[tag] is not encoded:
            self._note((*path, tag))

    def _only_zeros(self, position: int, end: int) -> bool:
        return (end - position < 8 or not any(self._buffer[position : position + 8])) and only_zeros(
            self._buffer, position, end
        )

    # --- where an element's value is ---

    def _span(self, position: int, limit: int, explicit: bool) -> _Span:
        """The element that begins at ``position``, whose length is told by its header or by what follows it."""
        if limit - position < 8:
            raise Malformed("cut short: the data ends inside an element header")
        regular = self._as_explicit(position, limit) if explicit else self._as_implicit(position, limit)
        doubtful = not explicit and bytes(self._buffer[position + 4 : position + 6]) in _KNOWN_VRS
        fits = regular is not None and not doubtful and _fits(regular, limit)
        if regular is not None and fits and (regular.length == UNDEFINED_LENGTH or regular.tag == PIXEL_DATA):
            return regular
        ways = {
            (way.value, way.length): way
            for way in self._ways(position, limit)
            # Nothing of no length at the end tells nothing: the data may be cut there.
            if _fits(way, limit) and (way.length or way.value < limit)
            if self._goes_on(way.value + way.length, limit, way.tag, explicit)
        }
        if regular is not None and fits and len(ways) != 1:
            return regular  # nothing speaks for another
        if len(ways) != 1:
            group, number, *_ = _EXPLICIT(self._buffer, position)
            raise Malformed(
                f"cut short, or of a length that nobody can tell: {format_tag(group << 16 | number)}, "
                f"{limit - position} bytes before the end"
            )
        (way,) = ways.values()
        is_regular = regular is not None and (way.value, way.length) == (regular.value, regular.length)
        return regular if regular is not None and is_regular else way._replace(certain=False)

    def _ways(self, position: int, limit: int) -> Iterator[_Span]:
        """Every way in which a header may have been meant: with 16 bits of length, with 32, in Implicit VR."""
        group, number, vr, length = _EXPLICIT(self._buffer, position)
        tag, said = group << 16 | number, vr if vr in _KNOWN_VRS else b""
        yield _Span(tag, said, position + 8, length)
        if limit - position >= 12:
            yield _Span(tag, said, position + 12, _LENGTH(self._buffer, position + 8)[0])
        yield _Span(tag, b"", position + 8, _LENGTH(self._buffer, position + 4)[0])

    def _as_explicit(self, position: int, limit: int) -> _Span | None:
        group, number, vr, length = _EXPLICIT(self._buffer, position)
        tag = group << 16 | number
        if vr in SHORT_VRS:
            return _Span(tag, vr, position + 8, length)
        if vr in LONG_VRS and limit - position >= 12:
            return _Span(tag, vr, position + 12, _LENGTH(self._buffer, position + 8)[0])
        return None

    def _as_implicit(self, position: int, _limit: int) -> _Span:
        group, number, length = _TAG_AND_LENGTH(self._buffer, position)
        return _Span(group << 16 | number, b"", position + 8, length)

    def _goes_on(self, position: int, limit: int, last: int, explicit: bool) -> bool:
        """Say whether elements with ascending tags follow, or the end."""
        for _ in range(_LOOK_AHEAD):
            if position == limit:
                return True
            if limit - position < 8:
                return False
            group, number, _, _ = _EXPLICIT(self._buffer, position)
            tag = group << 16 | number
            if group == _DELIMITERS:
                return tag in (ITEM_DELIMITATION_ITEM, SEQUENCE_DELIMITATION_ITEM)
            span = self._as_explicit(position, limit) if explicit else self._as_implicit(position, limit)
            if tag <= last:
                return False
            if span is None:  # one like this: tags that go on are all that can be asked
                return bool(group == last >> 16)
            if tag == PIXEL_DATA or span.length == UNDEFINED_LENGTH:
                return True
            position, last = span.value + span.length, tag
        return position <= limit

    # --- what an element is ---

    def _element(
        self, position: int, limit: int, span: _Span, path: tuple[int, ...], explicit: bool
    ) -> tuple[bytes, int]:
        """The element, plainly encoded, and where the next begins."""
        tag, here = span.tag, (*path, span.tag)
        if tag >> 16 == _DELIMITERS:
            raise Malformed(f"{format_tag(tag)} delimits a sequence where none is open")
        if span.length == UNDEFINED_LENGTH:
            return self._open(position, limit, span, here, explicit)
        after = span.value + span.length
        self._work.add(after - position)
        vr = span.vr.decode("ascii") if explicit else ""
        known = vrs_of(tag)
        encoded = bytes(self._buffer[position:after])
        if known == ("SQ",) or vr == "SQ":
            return self._closed(encoded, span, here, explicit), after
        if span.certain and (not explicit or vr != "UN" or len(known) != 1):
            return encoded, after
        self._note(here)
        return self._syntax.element(tag, _vr(vr, known), bytes(self._buffer[span.value : after])), after

    def _open(self, position: int, limit: int, span: _Span, path: tuple[int, ...], explicit: bool) -> tuple[bytes, int]:
        """A sequence of undefined length, whose end is where its items end."""
        if explicit and span.vr not in (b"SQ", b"UN"):
            raise Malformed(f"{format_tag(span.tag)} has an undefined length, which its VR does not allow")
        # Within UN Implicit VR Little Endian (PS3.5 6.2.2 note 2); converters left what was there before.
        inner = [False, True] if span.vr == b"UN" else [explicit]
        self._work.add(8)
        for one in inner:
            try:
                items, after = self._items(span.value, limit, path, one, undefined=True)
            except Malformed:
                if one is inner[-1]:
                    raise
                continue
            encoded = bytes(self._buffer[position:after])
            if _is_strict(encoded, explicit):
                return encoded, after
            self._note(path)
            if vrs_of(span.tag) == ():
                return self._measured(span.tag, encoded[span.value - position :]), after
            return self._sequence(span.tag, items, one), after
        raise AssertionError  # the last of the two raised

    def _closed(self, encoded: bytes, span: _Span, path: tuple[int, ...], explicit: bool) -> bytes:
        """A sequence of known length; if it cannot be read and is not needed, its bytes."""
        if span.certain and span.vr != b"UN" and _is_strict(encoded, explicit):
            return encoded
        self._note(path)
        end = span.value + span.length
        for one in (False, True) if span.vr == b"UN" else (explicit, not explicit):
            try:
                items, after = self._items(span.value, end, path, one, undefined=False)
            except Malformed:
                continue
            if after == end and vrs_of(span.tag):
                return self._sequence(span.tag, items, one)
        if span.tag in _NEEDED:
            raise Malformed(f"the items of {format_tag(span.tag)} cannot be read, and the image needs them")
        return self._measured(span.tag, bytes(self._buffer[span.value : end]))

    def _measured(self, tag: int, content: bytes) -> bytes:
        """An element of which nothing but its length is known; in Implicit VR, where all bytes may be items, empty."""
        return self._syntax.element(tag, "OB", content if self._explicit else b"")

    def _sequence(self, tag: int, items: list[Elements], explicit: bool) -> bytes:
        return self._syntax.sequence(tag, [join(self._recoded(item, explicit)) for item in items])

    def _recoded(self, item: Elements, explicit: bool) -> Elements:
        """The elements of an item in the encoding of the object."""
        if explicit == self._explicit:
            return item
        try:
            return elements.encoded(elements.nodes(item, explicit=explicit), explicit=self._explicit)
        except Unusual as error:
            raise Malformed(f"items in another encoding have {error}") from None

    # --- items ---

    def _items(
        self, position: int, limit: int, path: tuple[int, ...], explicit: bool, *, undefined: bool
    ) -> tuple[list[Elements], int]:
        """The items of a sequence, whichever delimiters close them, and where the sequence ends."""
        if len(path) > MAX_DEPTH:
            raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
        found: list[Elements] = []
        while undefined or position < limit:
            tag, length = self._tag_at(position, limit)
            position += 8
            if tag == SEQUENCE_DELIMITATION_ITEM:
                if not undefined and position != limit:
                    raise Malformed(f"{format_tag(path[-1])} is delimited before its end")
                return found, position
            if tag == ITEM_DELIMITATION_ITEM:
                if undefined and not self._sequence_goes_on(position, limit):
                    return found, position  # the wrong delimiter, where only the end can be meant
                continue  # behind an item whose length was known
            if tag != ITEM or len(found) >= _MOST_ITEMS:
                raise Malformed(f"found {format_tag(tag)} where an Item should be")
            known = length != UNDEFINED_LENGTH
            if known and position + length > limit:
                raise Malformed("cut short: an Item is longer than its sequence")
            item, position, ended = self._item(position, position + length if known else limit, path, explicit, known)
            found.append(item)
            if ended and undefined and not self._sequence_goes_on(position, limit):
                return found, position  # the end of the sequence closed its last item, too
        return found, position

    def _sequence_goes_on(self, position: int, limit: int) -> bool:
        """Say whether an item or the end of a sequence follows."""
        return limit - position >= 8 and self._tag_at(position, limit)[0] in (ITEM, SEQUENCE_DELIMITATION_ITEM)

    def _item(
        self, position: int, limit: int, path: tuple[int, ...], explicit: bool, known: bool
    ) -> tuple[Elements, int, bool]:
        """The elements of an item, where it ends, and whether the delimiter of a sequence ended it."""
        found: Elements = {}
        while position < limit or not known:
            tag, _ = self._tag_at(position, limit)
            if tag in (ITEM_DELIMITATION_ITEM, SEQUENCE_DELIMITATION_ITEM):
                if known and position + 8 != limit:
                    raise Malformed("an Item of known length is delimited before its end")
                return found, position + 8, tag == SEQUENCE_DELIMITATION_ITEM
            span = self._span(position, limit, explicit)
            encoded, position = self._within(position, limit, span, path, explicit)
            self._add(found, tag, encoded, path)
        return found, position, False

    def _within(
        self, position: int, limit: int, span: _Span, path: tuple[int, ...], explicit: bool
    ) -> tuple[bytes, int]:
        """As :meth:`_element`, in an item that may be encoded otherwise than the object."""
        if explicit == self._explicit:
            return self._element(position, limit, span, path, explicit)
        other = _Mender(self._buffer, syntax_uid(explicit), self._work)
        result = other._element(position, limit, span, path, explicit)
        self._paths |= other._paths
        return result

    def _tag_at(self, position: int, limit: int) -> tuple[int, int]:
        if limit - position < 8:
            raise Malformed("cut short: the data ends inside a sequence")
        group, number, length = _TAG_AND_LENGTH(self._buffer, position)
        return group << 16 | number, length

    # --- pixel data ---

    def _pixels(self, span: _Span, end: int) -> tuple[tuple[str, int, int, bool], int]:
        """Where the pixel data is, and where the next element begins."""
        vr = span.vr.decode("ascii")
        if span.length != UNDEFINED_LENGTH:
            return (vr, span.value, span.value + span.length, False), span.value + span.length
        position = last = span.value
        while end - position >= 8:
            tag, length = self._tag_at(position, end)
            if tag == SEQUENCE_DELIMITATION_ITEM:
                return (vr, span.value, position, True), position + 8
            if tag != ITEM or length == UNDEFINED_LENGTH or position + 8 + length > end:
                break
            last, position = position + 8, position + 8 + length
        # The delimiter is missing, or zeros stand for it (PS3.5 A.4).
        if not only_zeros(self._buffer, position, end) or not self._is_last(
            bytes(self._buffer[max(last, position - 4) : position])
        ):
            raise Malformed("cut short: the last fragment of PixelData is not complete")
        self._note((PIXEL_DATA,))
        return (vr, span.value, position, True), end

    def _is_last(self, ending: bytes) -> bool:
        """Say whether a fragment that ends so is the last: by the marker of JPEG and its kin; RLE has one a frame."""
        if self._transfer_syntax_uid == RLE_LOSSLESS:
            return bool(ending)
        return ending.rstrip(b"\x00").endswith(_END_OF_IMAGE)


def _fits(span: _Span, limit: int) -> bool:
    return span.length == UNDEFINED_LENGTH or span.value + span.length <= limit


def _vr(declared: str, known: tuple[str, ...]) -> str:
    """Under which VR an element is written whose own is none, or UN."""
    if declared not in ("", "UN"):
        return declared
    return known[0] if len(known) == 1 else "UN"


def _is_strict(encoded: bytes, explicit: bool) -> bool:
    """Say whether an element is well-formed at every depth."""
    try:
        for _ in leaves(encoded, 0, len(encoded), syntax_uid(explicit)):
            pass
    except Malformed:
        return False
    return True
