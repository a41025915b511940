"""Every value of an encoded data set, at every depth, read strictly and without pydicom.

The general reader, for rules and checks that look at a whole document; the gate has its own
(:mod:`.contents`), which is made for reading the same few elements again and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from fidac_node.dicom import part10
from fidac_node.dicom.dictionary import keyword_of, vrs_of
from fidac_node.dicom.part10 import Malformed, format_tag
from fidac_node.dicom.uids import IMPLICIT_VR_LE

_MAX_DEPTH: Final = 32
# No attribute of a CT header that says anything is this long (bytes); bulk data is not looked into.
LONGEST_VALUE: Final = 1 << 20


class Leaf(NamedTuple):
    """One element: the tags from the top to it, its VR (by PS3.6 in Implicit VR), its value.

    A sequence comes as a leaf of its own with VR ``SQ`` and no value, then its contents.
    """

    path: tuple[int, ...]
    vr: str
    value: bytes


def leaves(
    buffer: part10.Buffer, start: int, end: int, transfer_syntax_uid: str, path: tuple[int, ...] = ()
) -> Iterator[Leaf]:
    """Yield every element of the data set in ``buffer[start:end]`` but the pixel data.

    Raises :class:`Malformed` for what is not well-formed at any depth: lengths that lie, a tag that
    comes twice, too deep nesting.
    """
    if len(path) > _MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {_MAX_DEPTH} deep")
    seen: set[int] = set()
    for element in part10.walk(buffer, start, end, transfer_syntax_uid):
        if element.tag in seen:
            raise Malformed(f"{format_tag(element.tag)} comes twice in one data set")
        seen.add(element.tag)
        here = (*path, element.tag)
        if element.tag == part10.PIXEL_DATA:
            continue
        vr = element.vr.decode("ascii") or next(iter(vrs_of(element.tag)), "")
        if not is_sequence(element, vr):
            yield Leaf(here, vr, bytes(buffer[element.value : min(element.end, element.value + LONGEST_VALUE)]))
            continue
        yield Leaf(here, "SQ", b"")
        inner = IMPLICIT_VR_LE if element.vr == b"UN" else transfer_syntax_uid
        for item_start, item_end in part10.items(buffer, element, transfer_syntax_uid):
            yield from leaves(buffer, item_start, item_end, inner, here)


def describe(path: tuple[int, ...]) -> str:
    """A path as people read it: ``(0040,0275).(0010,0010) PatientName``."""
    keyword = keyword_of(path[-1])
    return ".".join(format_tag(tag) for tag in path) + (f" {keyword}" if keyword else "")


def is_sequence(element: part10.Element, vr: str) -> bool:
    """Say whether an element of a header, with the VR that it has or PS3.6 gives it, holds items."""
    if vr == "SQ" or element.after != element.end:
        return True
    # A sequence that an implicit hop made UN still holds items (PS3.5 6.2.2 note 2).
    return vr == "UN" and vrs_of(element.tag) == ("SQ",)
