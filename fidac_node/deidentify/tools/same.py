"""Whether two de-identified versions of an instance are one object: equal values and equal pixels, however encoded.

A PACS that sends again may send another transfer syntax, padding, group lengths, sequences of another kind of length:
that is no other version. What is compared is what left or would leave, never what came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Final, TypeAlias

from fidac_node.deidentify.pixels import highbits
from fidac_node.deidentify.pixels.copy import Pixels
from fidac_node.deidentify.source import Source, Sources
from fidac_node.dicom import part10, tags
from fidac_node.dicom.dictionary import keyword_of, vrs_of
from fidac_node.dicom.elements import MAX_DEPTH
from fidac_node.dicom.marks import LABEL, LABEL_SOURCE, PROFILE, PROFILE_DIGEST, VERSION, private_tag
from fidac_node.dicom.part10 import Malformed, format_tag
from fidac_node.dicom.uids import EXPLICIT_VR_BE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent

# A data set by tag: the canonical bytes of a value, or the items of a sequence.
_Tree: TypeAlias = "dict[int, bytes | tuple[_Tree, ...]]"

_MOST_NAMED: Final = 5
# What is told of how a copy was made, and as what it was sent, which is no value of the image.
_MARKS: Final = frozenset(
    {
        tags.DEIDENTIFICATION_METHOD,
        tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
        *map(private_tag, (LABEL, LABEL_SOURCE, PROFILE, PROFILE_DIGEST, VERSION)),
    }
)
# Around each value padding says nothing, or only behind the text (PS3.5 6.2, Table 6.2-1).
_PADDED: Final = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UI"})
_PADDED_BEHIND: Final = frozenset({"LT", "ST", "UC", "UR", "UT"})
_PADDING: Final = b" \x00"
# Bytes of a number, which stand the other way round in Big Endian (PS3.5 7.3).
_WIDTHS: Final = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}


def difference(one: Path, other: Path, *, limit: int, marks: bool = True) -> str:
    """In what two de-identified versions of an instance differ, in words without a value; ``""``: it is one object.

    ``limit`` (bytes) bounds what a deflated one may inflate to; without ``marks`` neither recipe nor label counts. What
    cannot be compared here differs, and the words say why. Raises ``OSError``.
    """
    sources = Sources()
    try:
        with sources.open(one, limit) as first, sources.open(other, limit) as second:
            found = _differing(_tree_of(first), _tree_of(second)) - (frozenset() if marks else _MARKS)
            if found - _of_compression(first, second):
                return f"they differ in {_named(found)}"
            return "" if _same_pixels(first, second) else "their pixels differ"
    except Permanent as error:
        return f"they cannot be compared: {error}"
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever is wrong, they are not proven to be the same; its text may quote a value
        return f"they cannot be compared ({type(error).__name__})"


def _of_compression(one: Source, other: Source) -> frozenset[int]:
    """Attributes that tell only how the pixels of one of the two were compressed.

    Who compresses without loss may say so where derivations are told (PS3.3 C.7.6.1.1.3), as DCMTK and dcm4che do; what
    that did to the pixels is seen from them.
    """
    compressed = any(source.pixel_data is not None and source.pixel_data.encapsulated for source in (one, other))
    return frozenset({tags.DERIVATION_DESCRIPTION, tags.DERIVATION_CODE_SEQUENCE} if compressed else ())


def _named(found: Iterable[int]) -> str:
    names = [keyword_of(tag) or format_tag(tag) for tag in sorted(found)]
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _differing(one: _Tree, other: _Tree) -> set[int]:
    return {tag for tag in one.keys() | other.keys() if one.get(tag) != other.get(tag)}


# --- values


def _tree_of(source: Source) -> _Tree:
    header = b"".join((*source.elements.values(), *source.tail))
    return _tree(header, 0, len(header), source.meta.transfer_syntax_uid, 0)


def _tree(buffer: part10.Buffer, start: int, end: int, syntax: str, depth: int) -> _Tree:
    if depth > MAX_DEPTH:
        raise Malformed(f"sequences are nested more than {MAX_DEPTH} deep")
    found: _Tree = {}
    for element in part10.walk(buffer, start, end, syntax):
        tag = element.tag
        if tag in found:
            raise Malformed(f"{format_tag(tag)} comes twice in one data set")
        if tag in tags.OFFSET_TABLES:  # where frames begin is no value of theirs
            continue
        declared, known = element.vr.decode("ascii"), vrs_of(tag)
        vr = known[0] if known and declared in ("", "UN") else declared
        if vr == "SQ" or element.after != element.end:
            inner = IMPLICIT_VR_LE if declared == "UN" else syntax  # PS3.5 6.2.2 note 2
            items = part10.items(buffer, element, syntax)
            found[tag] = tuple(_tree(buffer, *item, inner, depth + 1) for item in items)
        else:
            raw = bytes(buffer[element.value : element.end])
            found[tag] = _canonical(vr if known else "", _little(declared, raw) if syntax == EXPLICIT_VR_BE else raw)
    return found


def _little(vr: str, raw: bytes) -> bytes:
    """A value of Big Endian as Little Endian has it."""
    width = _WIDTHS.get(vr, 1)
    return b"".join(raw[start : start + width][::-1] for start in range(0, len(raw), width)) if width > 1 else raw


def _canonical(vr: str, raw: bytes) -> bytes:
    """A value without what its VR pads it with; of an attribute that PS3.6 does not have every byte counts."""
    if vr in _PADDED:
        return b"\\".join(value.strip(_PADDING) for value in raw.split(b"\\"))
    return raw.rstrip(_PADDING) if vr in _PADDED_BEHIND else raw


# --- pixels


def _same_pixels(one: Source, other: Source) -> bool:
    if one.pixel_data is None or other.pixel_data is None:
        return one.pixel_data is other.pixel_data
    first, second = Pixels(one), Pixels(other)
    native = not (one.pixel_data.encapsulated or other.pixel_data.encapsulated)
    pairs = zip_longest(_frames(first, native), _frames(second, native))
    return first.shape == second.shape and all(a == b for a, b in pairs)


def _frames(pixels: Pixels, native: bool) -> Iterator[bytes]:
    """Each frame; what a decoder need not give back is left out unless both are ``native``.

    Bits above BitsStored are no part of a pixel (PS3.5 8.1.1): some decoders extend the sign into them, some do not.
    """
    shape = pixels.shape
    masked = not native and shape.bits == 16 and highbits.FEWEST_BITS <= shape.stored <= highbits.MOST_BITS
    for frame in pixels.frames():
        yield highbits.masked(frame, (1 << shape.stored) - 1, signed=shape.signed, little=True) if masked else frame
