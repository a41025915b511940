"""The thorough reader: what is encoded in an unusual way is made plain data.

Big endian, sequences inside UN, and in tests everything: what the fast path reads as bytes must come out of here the
same. It reads as strictly as :mod:`.part10` does, and repairs nothing.
"""

from __future__ import annotations

from typing import Final

from fidac_node.dicom import elements, part10
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.elements import MAX_DEPTH, DataSet, Elements, Node
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import PIXEL_DATA, Element, Malformed, format_tag
from fidac_node.dicom.skim import LONG_VRS, SHORT_VRS
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.dicom.walk import is_sequence

_ITEMS: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
# An item is a hundred bytes in memory: a header of empty ones would take ten times its size.
_FEW_ITEMS: Final = 1000
_BYTES_PER_ITEM: Final = 64
_LOWEST_GROUP: Final = 0x0008
_KNOWN: Final = SHORT_VRS | LONG_VRS


def canonical(header: Elements, syntax: Syntax) -> Elements:
    """The elements of a header, encoded plainly: little-endian headers, defined lengths; values are as they were.

    Private elements of the top level are taken over with the value they have; nobody reads them but a
    list of safe ones. Raises :class:`Malformed`.
    """
    found = elements.encoded(nodes(header, syntax), explicit=syntax.explicit)
    for tag, encoded in header.items():
        if not _is_public(tag):
            found[tag] = encoded if syntax.little else _little(tag, encoded)
    return found


def _little(tag: int, encoded: bytes) -> bytes:
    """A big-endian element under a little-endian header; a sequence is left empty."""
    vr, start, undefined = elements.head_of(encoded, explicit=True)
    return Syntax(explicit=True, little=True).element(tag, vr, b"" if undefined or vr == "SQ" else encoded[start:])


def nodes(header: Elements, syntax: Syntax) -> DataSet:
    """The tree of the public attributes of a header. Raises :class:`Malformed`."""
    public = {tag: encoded for tag, encoded in header.items() if _is_public(tag)}
    items = sum(encoded.count(item) for encoded in public.values() for item in _ITEMS)
    if items > _FEW_ITEMS + sum(map(len, public.values())) // _BYTES_PER_ITEM:
        raise Malformed(f"there are {items} items with hardly anything in them")
    encoded = b"".join(public[tag] for tag in sorted(public))
    return _tree(encoded, 0, len(encoded), _uid_of(syntax))


def _is_public(tag: int) -> bool:
    return (tag >> 16) % 2 == 0 and tag >> 16 >= _LOWEST_GROUP and tag & 0xFFFF != 0


def _uid_of(syntax: Syntax) -> str:
    if not syntax.explicit:
        return IMPLICIT_VR_LE
    return EXPLICIT_VR_LE if syntax.little else EXPLICIT_VR_BE


def _tree(encoded: bytes, start: int, end: int, transfer_syntax_uid: str, depth: int = 0) -> DataSet:
    if depth > MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
    tree: DataSet = {}
    for element in part10.walk(encoded, start, end, transfer_syntax_uid):
        if element.tag in tree:
            raise Malformed(f"{format_tag(element.tag)} comes twice in one data set")
        tree[element.tag] = _node(encoded, element, transfer_syntax_uid, depth)
    return {tag: tree[tag] for tag in sorted(tree)}


def _node(encoded: bytes, element: Element, transfer_syntax_uid: str, depth: int) -> Node:
    tag, vr = element.tag, element.vr.decode("ascii")
    if vr and element.vr not in _KNOWN:
        raise Malformed(f"{format_tag(tag)} has a value representation that PS3.5 does not have")
    if element.after != element.end and tag != PIXEL_DATA and not _may_be_open(tag, vr):
        raise Malformed(f"{format_tag(tag)} has an undefined length, which its value representation does not allow")
    if tag == PIXEL_DATA or not is_sequence(element, vr or next(iter(vrs_of(tag)), "")):
        return Node(tag, vr, encoded[element.value : element.after], None)
    # A sequence inside UN is Implicit VR Little Endian (PS3.5 6.2.2 note 2).
    inner = IMPLICIT_VR_LE if vr == "UN" else transfer_syntax_uid
    items = part10.items(encoded, element, transfer_syntax_uid)
    return Node(tag, "SQ", b"", tuple(_tree(encoded, first, last, inner, depth + 1) for first, last in items))


def _may_be_open(tag: int, vr: str) -> bool:
    """Say whether an element may have an undefined length, as :mod:`.elements` does (PS3.5 7.1.2)."""
    return vr in ("SQ", "UN") if vr else vrs_of(tag) in ((), ("SQ",))
