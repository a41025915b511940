"""The thorough reader: pydicom parses what is encoded in an unusual way, and it is made plain data.

Big endian, sequences inside UN, and in tests everything: what the fast path reads as bytes must come out
of here the same. pydicom repairs and guesses where we must hold, so :class:`.Source` checks the structure strictly
before it asks, and only what pydicom did not convert is taken over.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

from fidac_node.dicom import elements
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.dicom.elements import MAX_DEPTH, DataSet, Elements, Node
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import PIXEL_DATA, UNDEFINED_LENGTH, Malformed, format_tag
from fidac_node.dicom.tags import PIXEL_REPRESENTATION
from fidac_node.errors import Permanent

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset

_ITEMS: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
# pydicom takes a kilobyte for an item: a header of empty ones would take a hundred times its size.
_FEW_ITEMS: Final = 1000
_BYTES_PER_ITEM: Final = 64
_LOWEST_GROUP: Final = 0x0008


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
    parsed = _parsed(b"".join(public.values()), implicit=not syntax.explicit, little=syntax.little)
    try:
        tree = _tree(parsed, syntax.explicit, syntax.little)
    except Permanent:
        raise
    except Exception as error:
        raise Malformed(f"pydicom cannot read the header: {type(error).__name__}") from error
    if tree.keys() != public.keys():
        raise Malformed("pydicom reads other attributes than there are: a sequence is not well-formed")
    return tree


def _is_public(tag: int) -> bool:
    return (tag >> 16) % 2 == 0 and tag >> 16 >= _LOWEST_GROUP and tag & 0xFFFF != 0


def _parsed(encoded: bytes, *, implicit: bool, little: bool) -> Dataset:
    from pydicom.filereader import read_dataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its remarks quote values, and what matters is checked here
        try:
            return read_dataset(io.BytesIO(encoded), implicit, little)
        except Permanent:
            raise
        except Exception as error:
            raise Malformed(f"pydicom cannot read the header: {type(error).__name__}") from error


def _tree(data_set: Dataset, explicit: bool, little: bool, depth: int = 0) -> DataSet:
    if depth > MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
    tree: DataSet = {}
    for tag in sorted(map(int, data_set.keys())):
        element = data_set.get_item(tag)
        items = _items(tag, element.VR, element.value, explicit, little)
        if _may_not_be_open(tag, element, explicit):
            raise Malformed(f"{format_tag(tag)} has an undefined length, which its value representation does not allow")
        if items is not None:
            # A sequence inside UN is Implicit VR Little Endian (PS3.5 6.2.2 note 2).
            inner = (False, True) if element.VR == "UN" else (explicit, little)
            tree[tag] = Node(tag, "SQ", b"", tuple(_tree(item, *inner, depth + 1) for item in items))
        else:
            tree[tag] = Node(tag, _vr(element, explicit), _value(tag, element.value, little), None)
    return tree


def _items(tag: int, vr: str | None, value: object, explicit: bool, little: bool) -> list[Dataset] | None:
    """The items of an element; ``None`` if it is no sequence.

    Not by ``data_set[tag]``: that would convert others with it.
    """
    from pydicom.filereader import read_sequence
    from pydicom.sequence import Sequence

    if isinstance(value, Sequence):
        return list(value)
    if vr != "SQ" and not (vrs_of(tag) == ("SQ",) and vr in ("UN", None)):
        return None
    if not value:
        return []
    if not isinstance(value, bytes):
        raise Malformed(f"{format_tag(tag)} was decoded before it was read")
    implicit, little = (True, True) if vr == "UN" else (not explicit, little)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(read_sequence(io.BytesIO(value), implicit, little, len(value), "iso8859"))
        except Exception as error:
            raise Malformed(f"pydicom cannot read the items of {format_tag(tag)}: {type(error).__name__}") from error


def _may_not_be_open(tag: int, element: DataElement | RawDataElement, explicit: bool) -> bool:
    """Say whether an element has an undefined length that it may not have, as :mod:`.elements` does."""
    if getattr(element, "length", 0) != UNDEFINED_LENGTH and not getattr(element, "is_undefined_length", False):
        return False
    if tag == PIXEL_DATA:
        return False
    return element.VR not in ("SQ", "UN") if explicit else vrs_of(tag) not in ((), ("SQ",))


def _vr(element: DataElement | RawDataElement, explicit: bool) -> str:
    """The VR as declared: pydicom fills one in where it has decoded an element."""
    return (element.VR or "") if explicit else ""


def _value(tag: int, value: object, little: bool) -> bytes:
    if value is None or value == "":  # both are pydicom's for no bytes at all
        return b""
    if isinstance(value, bytes):
        return value
    if tag == PIXEL_REPRESENTATION:  # the one element that pydicom decodes by itself, where it stands with a sequence
        numbers = [value] if isinstance(value, int) else list(cast("Iterable[int]", value))
        return struct.pack(f"{'<' if little else '>'}{len(numbers)}H", *numbers)
    raise Malformed(f"{format_tag(tag)} was decoded before it was read")
