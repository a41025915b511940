"""A header as plain data: its encoded elements by tag, and on demand the tree of values below them.

The fast path of de-identification works on encoded elements (:func:`split`), which it can recognise byte
by byte; what needs to look at a whole document takes the tree (:func:`nodes`). Explicit and Implicit VR
Little Endian only: whatever else comes is made one of the two first (:mod:`.slow`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from fidac_node.dicom import headers, part10
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.encode import Syntax, join
from fidac_node.dicom.part10 import PIXEL_DATA, UNDEFINED_LENGTH, Malformed, format_tag
from fidac_node.dicom.skim import LONG_VRS, SHORT_VRS
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.dicom.walk import leaves

MAX_DEPTH: Final = 32
LARGEST_HEADER: Final = 64 << 20
# Ten times what any CT header has: an element of eight bytes costs a hundred when it is looked into.
MOST_ELEMENTS: Final = 4096
MOST_ITEMS: Final = 20_000

Elements: TypeAlias = "dict[int, bytes]"
DataSet: TypeAlias = "dict[int, Node]"

_explicit_header = headers.EXPLICIT.unpack_from
_implicit_header = headers.IMPLICIT.unpack_from
_length_at = headers.LENGTH.unpack_from
# What may hold items: by VR, or in Implicit VR by its length.
_NESTED: Final = frozenset({b"SQ", b"UN"})
_UNDEFINED: Final = b"\xff\xff\xff\xff"
_NEVER: Final = 1 << 32
_ITEM: Final = 0xE000
_ITEM_END: Final = 0xE00D
_SEQUENCE_END: Final = 0xE0DD
# What is delimited has to be read to find its end; in a series the same sequences come with every slice.
_last_undefined: Final[dict[tuple[int, bool], bytes]] = {}
_MOST_REMEMBERED: Final = 256
_LONGEST_REMEMBERED: Final = 4096
# The last long sequence (bytes) as it was cut, by encoding: triage and rewriter ask for the same frames, one after the
# other.
_last_frames: Final[dict[bool, tuple[bytes, list[Elements]]]] = {}
_SHORTEST_KEPT: Final = 1 << 12
_LONGEST_KEPT: Final = 1 << 20


class Unusual(Exception):
    """Encoded in a way that the fast path leaves to the slow one; no judgement on the object."""


class Node(NamedTuple):
    """One element of a header, however it was encoded.

    ``vr`` is as declared, ``""`` in Implicit VR; ``value`` the encoded value, ``b""`` for a sequence,
    whose contents are ``items`` (``None``: not a sequence).
    """

    tag: int
    vr: str
    value: bytes
    items: tuple[DataSet, ...] | None


def syntax_uid(explicit: bool) -> str:
    """The transfer syntax of encoded elements here."""
    return EXPLICIT_VR_LE if explicit else IMPLICIT_VR_LE


def split(  # noqa: C901, PLR0912  # the hot loop: a call an element is too much
    buffer: part10.Buffer, start: int, end: int, *, explicit: bool, until: int = _NEVER
) -> tuple[Elements, int]:
    """Cut the data set in ``buffer[start:end]`` into its encoded elements, by tag, in the order found.

    Stops at ``end``, after the delimiter of an item, or before the first element whose tag is ``until``
    or higher; returns where. Raises :class:`Malformed` for what is no element, lies about its length or comes twice.
    """
    found: Elements = {}
    position = start
    while end - position >= 8:
        if explicit:
            group, number, vr, length = _explicit_header(buffer, position)
            if vr in SHORT_VRS:
                after = position + 8 + length
            elif vr in LONG_VRS and end - position >= 12:
                (length,) = _length_at(buffer, position + 8)
                after = position + 12 + length
            else:
                length = UNDEFINED_LENGTH
        else:
            group, number, length = _implicit_header(buffer, position)
            after = position + 8 + length
        if group == 0xFFFE and number == _ITEM_END:
            return found, position + 8
        tag = group << 16 | number
        if tag >= until:
            return found, position
        if length == UNDEFINED_LENGTH or group == 0xFFFE or after > end or not tag:
            if not tag and not any(buffer[position:end]):
                return found, end  # padding, as in part10.walk
            after = end_of(buffer, position, end, tag, explicit)
        if after - start > LARGEST_HEADER:
            raise Malformed(f"the header is larger than {LARGEST_HEADER >> 20} MiB at {format_tag(tag)}")
        if tag in found:
            raise Malformed(f"{format_tag(tag)} comes twice in one data set")
        if len(found) >= MOST_ELEMENTS:
            raise Malformed(f"there are more than {MOST_ELEMENTS} elements in one data set")
        encoded = buffer[position:after]
        found[tag] = encoded if isinstance(encoded, bytes) else bytes(encoded)
        position = after
    if any(buffer[position:end]):
        raise Malformed(f"cut short: {end - position} stray bytes where an element should begin")
    return found, end


def end_of(buffer: part10.Buffer, position: int, end: int, tag: int, explicit: bool, depth: int = 1) -> int:
    """Where an element ends that is no plain one.

    Mostly that is a sequence of undefined length, else what :mod:`part10` makes of it. The last sequence of its kind is
    recognised by its bytes, which say where it ends.
    """
    last = _last_undefined.get((tag, explicit))
    if last is not None and position + len(last) <= end and buffer[position : position + len(last)] == last:
        return position + len(last)
    content = 12 if explicit else 8
    if tag >> 16 != 0xFFFE:
        _demand_sequence(buffer, position, tag, explicit)
    delimited = end - position >= content and buffer[position + content - 4 : position + content] == _UNDEFINED
    if (
        delimited
        and tag != PIXEL_DATA
        and tag >> 16 != 0xFFFE
        and (not explicit or buffer[position + 4 : position + 6] == b"SQ")
    ):
        after = _sequence_end(buffer, position + content, end, explicit, depth)
    else:
        after = part10.element_at(buffer, position, end, explicit=explicit).after
    if after - position <= _LONGEST_REMEMBERED:
        if len(_last_undefined) >= _MOST_REMEMBERED:
            _last_undefined.clear()
        _last_undefined[tag, explicit] = bytes(buffer[position:after])
    return after


def _demand_sequence(buffer: part10.Buffer, position: int, tag: int, explicit: bool) -> None:
    """Only sequences, what may be one, and pixel data are of undefined length (PS3.5 7.1.2, A.4).

    Readers lose their place in others.
    """
    if explicit:
        vr = bytes(buffer[position + 4 : position + 6])
        if vr not in SHORT_VRS and vr not in LONG_VRS:
            raise Malformed(f"{format_tag(tag)} has a value representation that PS3.5 does not have")
        undefined = vr in LONG_VRS and buffer[position + 8 : position + 12] == _UNDEFINED
        allowed = vr in (b"SQ", b"UN") or tag == PIXEL_DATA
    else:
        undefined = buffer[position + 4 : position + 8] == _UNDEFINED
        allowed = vrs_of(tag) in ((), ("SQ",)) or tag == PIXEL_DATA
    if undefined and not allowed:
        raise Malformed(f"{format_tag(tag)} has an undefined length, which its value representation does not allow")


def _sequence_end(buffer: part10.Buffer, position: int, end: int, explicit: bool, depth: int) -> int:
    """Where a sequence of undefined length ends, from its first item. Raises :class:`Malformed`."""
    if depth > MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
    while end - position >= 8:
        group, number, length = _implicit_header(buffer, position)
        position += 8
        if group != 0xFFFE or number not in (_ITEM, _SEQUENCE_END):
            raise Malformed(f"found {format_tag(group << 16 | number)} where an Item should be")
        if number == _SEQUENCE_END:
            return position
        position = (
            _item_end(buffer, position, end, explicit, depth) if length == UNDEFINED_LENGTH else position + length
        )
    raise Malformed("cut short: the data ends inside a sequence")


def _item_end(buffer: part10.Buffer, position: int, end: int, explicit: bool, depth: int) -> int:
    """Where an item of undefined length ends, after its delimiter. Raises :class:`Malformed`."""
    while end - position >= 8:
        if explicit:
            group, number, vr, length = _explicit_header(buffer, position)
            after = position + 8 + length
            plain = vr in SHORT_VRS
        else:
            group, number, length = _implicit_header(buffer, position)
            after = position + 8 + length
            plain = length != UNDEFINED_LENGTH
        if group == 0xFFFE and number == _ITEM_END:
            return position + 8
        if not plain or group == 0xFFFE or after > end:
            after = end_of(buffer, position, end, group << 16 | number, explicit, depth + 1)
        position = after
    raise Malformed("cut short: the data ends inside a sequence")


def head_of(encoded: bytes, explicit: bool) -> tuple[str, int, bool]:
    """VR (``""`` in Implicit VR) of an encoded element, where its value begins, and whether its length is undefined."""
    if not explicit:
        return "", 8, encoded[4:8] == _UNDEFINED
    vr = encoded[4:6]
    if vr in LONG_VRS:
        return vr.decode("ascii"), 12, encoded[8:12] == _UNDEFINED
    return vr.decode("ascii"), 8, False


def value_of(elements: Mapping[int, bytes], tag: int, explicit: bool) -> bytes:
    """The value of an element that is no sequence; ``b""`` if it is absent."""
    encoded = elements.get(tag)
    if encoded is None:
        return b""
    return encoded[12:] if explicit and encoded[4:6] in LONG_VRS else encoded[8:]


def items_of(encoded: bytes, explicit: bool) -> list[Elements]:
    """The items of an encoded sequence, each cut into its elements, for reading alone.

    Raises :class:`Malformed`, :class:`Unusual`.
    """
    last = _last_frames.get(explicit)
    if last is not None and last[0] is encoded:
        return last[1]
    found = _items_of(encoded, explicit)
    if _SHORTEST_KEPT <= len(encoded) <= _LONGEST_KEPT:
        _last_frames[explicit] = (encoded, found)
    return found


def _items_of(encoded: bytes, explicit: bool) -> list[Elements]:
    _, position, undefined = head_of(encoded, explicit)
    end = len(encoded)
    found: list[Elements] = []
    while end - position >= 8:
        group, number, length = _implicit_header(encoded, position)
        position += 8
        if group != 0xFFFE or number not in (_ITEM, _SEQUENCE_END):
            raise Malformed(f"found {format_tag(group << 16 | number)} where an Item should be")
        if number == _SEQUENCE_END:
            if undefined and position == end:
                return found
            raise Malformed("a sequence is delimited before its end")
        if len(found) >= MOST_ITEMS:
            raise Malformed(f"there are more than {MOST_ITEMS} items in one sequence")
        if length == UNDEFINED_LENGTH:
            item, position = split(encoded, position, end, explicit=explicit)
        else:
            if position + length > end:
                raise Malformed("cut short: an Item is longer than its sequence")
            item, after = split(encoded, position, position + length, explicit=explicit)
            if after != position + length:
                raise Malformed("an Item of known length is delimited before its end")
            position = after
        found.append(item)
    if position != end or undefined:
        raise Malformed("cut short: the data ends inside a sequence")
    return found


def is_sequence(tag: int, encoded: bytes, explicit: bool) -> bool:
    """Say whether an encoded element is a sequence. Raises :class:`Unusual` for one inside UN (PS3.5 6.2.2 note 2)."""
    vr, _, undefined = head_of(encoded, explicit)
    if vr == "UN" and (undefined or vrs_of(tag) == ("SQ",)):
        raise Unusual("a sequence inside UN")
    if undefined and tag == PIXEL_DATA:
        return False
    return vr == "SQ" or undefined or (not explicit and vrs_of(tag) == ("SQ",))


def nodes(elements: Elements, *, explicit: bool, depth: int = 0) -> DataSet:
    """The tree of a data set. Raises :class:`Malformed`, :class:`Unusual`."""
    if depth > MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
    tree: DataSet = {}
    for tag in sorted(elements):
        encoded = elements[tag]
        vr, start, _ = head_of(encoded, explicit)
        if is_sequence(tag, encoded, explicit):
            below = tuple(nodes(item, explicit=explicit, depth=depth + 1) for item in items_of(encoded, explicit))
            tree[tag] = Node(tag, vr, b"", below)
        else:
            tree[tag] = Node(tag, vr, encoded[start:], None)
    return tree


def encoded(tree: DataSet, *, explicit: bool) -> Elements:
    """The elements of a tree, encoded with defined lengths.

    A VR that Explicit VR demands and the tree does not have is that of PS3.6 if there is but one, else UN.
    """
    syntax = Syntax(explicit, little=True)
    found: Elements = {}
    for tag, node in tree.items():
        if node.items is not None:
            found[tag] = syntax.sequence(tag, (join(encoded(item, explicit=explicit)) for item in node.items))
        else:
            known = vrs_of(tag)
            vr = node.vr or (known[0] if len(known) == 1 else "UN")
            found[tag] = (
                syntax.header(tag, vr, len(node.value)) + node.value
            )  # of odd length if it was: to be judged, not written
    return found


def check(element: bytes, explicit: bool, depth: int = 0) -> None:
    """Check the structure of an element that nobody reads. Raises :class:`Malformed`."""
    if depth > MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
    vr, _, undefined = head_of(element, explicit)
    if vr == "UN" and undefined:
        for _ in leaves(element, 0, len(element), syntax_uid(explicit)):
            pass  # the walk raises
    elif vr == "SQ" or (undefined and vr == ""):
        (_check_known_items if len(element) <= _LONGEST_REMEMBERED else _check_items)(element, explicit, depth)


def _check_items(sequence: bytes, explicit: bool, depth: int) -> None:
    for item in items_of(sequence, explicit):
        if item and depth == MAX_DEPTH:
            raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
        for below in item.values():
            if below[4:6] in _NESTED if explicit else below[4:8] == _UNDEFINED:
                check(below, explicit, depth + 1)


# The same come with every slice, or many times in one; and each level reads all that is below it.
_check_known_items: Final = lru_cache(maxsize=_MOST_REMEMBERED)(_check_items)
