"""Made-up CT objects, encoded by hand: odd but legal encodings that no library would write.

An object is a list of :class:`Elem`; :func:`part10` makes a file of it, :func:`objects` draws one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary  # type: ignore[attr-defined]

from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE

UNDEFINED: Final = 0xFFFFFFFF
PIXEL_DATA: Final = 0x7FE00010
CT: Final = "1.2.840.10008.5.1.4.1.1.2"
JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LONG: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
TEXT: Final = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
WIDTHS: Final = {
    "AT": 2, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2,
    "UV": 8,
}  # fmt: skip
SYNTAXES: Final = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE)

# --- Encoding


class Elem(NamedTuple):
    """One element. ``value`` is little endian, its length as it shall be written; ``items`` makes it a sequence.

    ``form`` is how a sequence is written: ``s`` with undefined length, ``i`` its items so, ``u`` as UN
    (where VRs are explicit); of pixel data, ``p``: ``value`` is a ready sequence of fragments.
    """

    tag: int
    vr: str
    value: bytes = b""
    items: tuple[tuple[Elem, ...], ...] | None = None
    form: str = ""


def padded(vr: str, value: bytes) -> bytes:
    """``value`` with the pad byte of its VR if its length is odd (PS3.5 6.2)."""
    return value + (b"\0" if vr in ("UI", "OB", "UN") else b" ") * (len(value) % 2)


def elem(tag: int, vr: str, value: bytes | str) -> Elem:
    """An element of even length."""
    return Elem(tag, vr, padded(vr, value.encode("ascii") if isinstance(value, str) else value))


def sequence(tag: int, items: Iterable[Iterable[Elem]], form: str = "") -> Elem:
    """A sequence; the elements of an item are put in order."""
    return Elem(tag, "SQ", b"", tuple(tuple(sorted(item, key=lambda one: one.tag)) for item in items), form)


def _header(tag: int, vr: str, length: int, *, explicit: bool, little: bool) -> bytes:
    order = "<" if little else ">"
    start = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if not explicit or tag >> 16 == 0xFFFE:
        return start + struct.pack(order + "L", length)
    if vr in LONG:
        return start + vr.encode() + b"\0\0" + struct.pack(order + "L", length)
    return start + vr.encode() + struct.pack(order + "H", length)


def _swapped(vr: str, value: bytes) -> bytes:
    width = WIDTHS.get(vr, 1)
    whole = len(value) - len(value) % width
    return b"".join(value[at : at + width][::-1] for at in range(0, whole, width)) + value[whole:]


def encode(
    elements: Iterable[Elem], *, explicit: bool = True, little: bool = True, group_lengths: bool = False
) -> bytes:
    """A data set, its elements in the order of their tags."""
    encoded: dict[int, bytes] = {}
    for one in sorted(elements, key=lambda one: one.tag):
        group = one.tag >> 16
        if group_lengths and not one.tag & 0xFFFF:
            continue
        encoded[group] = encoded.get(group, b"") + _element(one, explicit=explicit, little=little)
    if group_lengths:
        for group, body in encoded.items():
            length = struct.pack("<L" if little else ">L", len(body))
            encoded[group] = _header(group << 16, "UL", 4, explicit=explicit, little=little) + length + body
    return b"".join(encoded.values())


def _element(one: Elem, *, explicit: bool, little: bool) -> bytes:
    if one.form == "p":
        return _header(one.tag, one.vr, UNDEFINED, explicit=explicit, little=little) + one.value
    if one.items is None:
        value = one.value if little else _swapped(one.vr, one.value)
        return _header(one.tag, one.vr, len(value), explicit=explicit, little=little) + value
    hidden = explicit and "u" in one.form
    # What UN hides is Implicit VR Little Endian (PS3.5 6.2.2 note 2).
    inner = {"explicit": False, "little": True} if hidden else {"explicit": explicit, "little": little}
    body = b"".join(_item(item, open_ended="i" in one.form, **inner) for item in one.items)
    vr = "UN" if hidden else one.vr
    if "s" not in one.form:
        return _header(one.tag, vr, len(body), explicit=explicit, little=little) + body
    return (
        _header(one.tag, vr, UNDEFINED, explicit=explicit, little=little) + body + _header(SEQUENCE_END, "", 0, **inner)
    )


def _item(item: tuple[Elem, ...], *, open_ended: bool, explicit: bool, little: bool) -> bytes:
    body = b"".join(_element(one, explicit=explicit, little=little) for one in item)
    if not open_ended:
        return _header(ITEM, "", len(body), explicit=explicit, little=little) + body
    start, end = (
        _header(tag, "", length, explicit=explicit, little=little) for tag, length in ((ITEM, UNDEFINED), (ITEM_END, 0))
    )
    return start + body + end


def part10(
    elements: Sequence[Elem],
    transfer_syntax: str = EXPLICIT_VR_LE,
    *,
    meta: Iterable[Elem] = (),
    preamble: bytes = b"",
    group_lengths: bool = False,
    tail: bytes = b"",
) -> bytes:
    """A Part 10 file; ``meta`` are further elements of the File Meta Information, ``tail`` bytes after the data set."""
    uids = {one.tag: one.value for one in elements if one.tag in (0x00080016, 0x00080018)}
    group_2 = [
        Elem(0x00020001, "OB", b"\0\1"),
        Elem(0x00020002, "UI", uids.get(0x00080016, b"1.2.3\0")),
        Elem(0x00020003, "UI", uids.get(0x00080018, b"1.2.3\0")),
        elem(0x00020010, "UI", transfer_syntax),
        elem(0x00020012, "UI", "1.2.3.4"),
        *meta,
    ]
    explicit, little = transfer_syntax != IMPLICIT_VR_LE, transfer_syntax != EXPLICIT_VR_BE
    body = encode(elements, explicit=explicit, little=little, group_lengths=group_lengths) + tail
    if transfer_syntax == DEFLATED_EXPLICIT_VR_LE:
        compressor = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = compressor.compress(body) + compressor.flush()
        body += b"\0" * (len(body) % 2)
    return preamble[:128].ljust(128, b"\0") + b"DICM" + encode(group_2, group_lengths=True) + body


def fragments(*values: bytes) -> bytes:
    """The value of encapsulated pixel data: an empty offset table, ``values``, the delimiter (PS3.5 A.4)."""
    return (
        b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, len(value)) + value for value in (b"", *values))
        + b"\xfe\xff\xdd\xe0\0\0\0\0"
    )


def jpeg(comment: bytes) -> bytes:
    """A JPEG codestream with a comment: segments and entropy-coded data enough to be walked, not to be shown."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 4, 4, 1) + b"\1\x11\0"
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\1\0\0\x3f\0" + b"\x12\x34\x56"
    whole = b"\xff\xd8\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + frame + scan + b"\xff\xd9"
    return whole + b"\0" * (len(whole) % 2)


# --- The image that everything is planted in

# Tag, VR and value of what makes a plain CT slice: the same for everybody.
_IMAGE: Final = (
    (0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"), (0x00080016, "UI", CT), (0x00080020, "DA", "20240317"),
    (0x00080021, "DA", "20240317"), (0x00080030, "TM", "102413"), (0x00080060, "CS", "CT"),
    (0x00080070, "LO", "SIEMENS"), (0x00081090, "LO", "SOMATOM Force"), (0x00100040, "CS", "F"),
    (0x00101010, "AS", "062Y"), (0x00180015, "CS", "CHEST"), (0x00180050, "DS", "1.25"), (0x00180060, "DS", "120"),
    (0x00181210, "SH", "Br40d"), (0x00200011, "IS", "3"), (0x00200013, "IS", "7"),
    (0x00200032, "DS", "-100\\-100\\12.5"), (0x00200037, "DS", "1\\0\\0\\0\\1\\0"), (0x00201040, "LO", ""),
    (0x00280004, "CS", "MONOCHROME2"), (0x00280030, "DS", "0.7\\0.7"),
)  # fmt: skip
_PIXELS: Final = {
    0x00280002: 1,
    0x00280010: 4,
    0x00280011: 4,
    0x00280100: 16,
    0x00280101: 12,
    0x00280102: 11,
    0x00280103: 0,
}
OWN_UIDS: Final = (0x00080018, 0x0020000D, 0x0020000E)


def image(root: str = "1.3.6.1.4.1.99999", patient_id: bytes = b"IPP8003412765") -> dict[int, Elem]:
    """A CT slice of 4 x 4 pixels that says no more than it must, by tag."""
    elements = [elem(tag, vr, value) for tag, vr, value in _IMAGE]
    elements += [Elem(tag, "US", struct.pack("<H", number)) for tag, number in _PIXELS.items()]
    elements += [elem(tag, "UI", f"{root}.{number}") for number, tag in enumerate(OWN_UIDS, start=1)]
    elements += [elem(0x00100020, "LO", patient_id), Elem(PIXEL_DATA, "OW", bytes(range(32)))]
    return {one.tag: one for one in elements}


# What triage and the pixels are judged by: an object with something else there is another object.
RESERVED: Final = frozenset(image()) | {
    0x00080005, 0x00080064, 0x00089207, 0x00181010, 0x00181012, 0x00181016, 0x00181018, 0x00181019, 0x00181022,
    0x00181023, 0x00280008, 0x00280120, 0x00280121, 0x00280301, 0x00280302, 0x00281101, 0x00281201, 0x00281221,
    0x00287FE0, 0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009,
    *(group << 16 | number for group in range(0x6000, 0x6020, 2) for number in (0x0010, 0x0102)),
}  # fmt: skip
KNOWN: Final = {
    tag: vr.split(" or ")[0]
    for tag, (vr, *_) in DicomDictionary.items()
    if 0x0008 <= tag >> 16 < 0x7FE0 and tag & 0xFFFF and vr != "NONE" and tag not in RESERVED
}
BY_VR: Final = {vr: sorted(tag for tag, one in KNOWN.items() if one == vr) for vr in sorted(set(KNOWN.values()))}

# --- Values

SAMPLES: Final[dict[str, tuple[bytes, ...]]] = {
    "AE": (b"SCANNER1", b" PACS ", b""),
    "AS": (b"062Y", b"095Y", b"018M", b"62", b"1000Y", b""),
    "CS": (b"CHEST", b"AXIAL\\MPR", b"A_B 1", b"lower", b"OK\\b!\\OK", b"X" * 18, b" CT ", b""),
    "DA": (
        b"20240317", b"2024.03.17", b"20240317\\20231201", b"20240230", b"NA", b"20240301-20240402", b"00010101", b"",
    ),
    "DS": (b"1.25", b"-1.5\\2e3\\ 7", b"x", b"1" * 18, b"1\\", b" 12 ", b""),
    "DT": (b"20240317102413.5+0100", b"202403", b"2024", b"20240317\\2024031710", b"17/03/2024", b"20240317-", b""),
    "IS": (b"7", b"-3\\12", b"1.5", b"9" * 14, b" 5 ", b""),
    "PN": (b"QUENOUILLE^Zephyrine", b"A^B=C^D=E", b"^", b"X\\Y", b""),
    "TM": (b"102413", b"10:24:13", b"1024", b"102413.123456", b"25", b"10\\11", b""),
    "UI": (
        b"1.2.3.4", b"1.2.3.4\\1.2.840.10008.1.2\\1.2.3.5", b"1.2.840.10008.5.1.4.1.1.2", b"1.2.840.10008.1.4.1.1",
        b"no uid", b"1.2.3 ", b"1.2.3\\", b"1." + b"2" * 66, b"",
    ),
    "UR": (b"https://pacs.example/rs/studies/1.2.3", b"urn:x", b""),
}  # fmt: skip
TEXTS: Final = (
    b"Thorax sans inj", b"THORAX 1.0 B70F", b"Quenouille, nee le 14/07/1961", b"Br40d", b"Lung", b" two  words ",
    b"A\\B\\C", b"T\xe9l 06 39",
    b"\xc3\xa9t\xc3\xa9", b"\x1b$B;3ED\x1b(B", b"1.2.840.10008.1.2", b"tab\there", b"line\r\nline", b"x" * 300, b"\0",
    b"",
)  # fmt: skip
CHARSETS_DECLARED: Final = (
    b"", b"ISO_IR 6", b"ISO_IR 100", b"ISO_IR 101", b"ISO_IR 13", b"ISO_IR 144", b"ISO_IR 166", b"ISO_IR 192",
    b"GB18030", b"GBK", b"\\ISO 2022 IR 87", b"ISO 2022 IR 6\\ISO 2022 IR 100",
    b"ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159", b"\\ISO 2022 IR 149", b"ISO_IR 999", b"\\\\\\",
)  # fmt: skip


@lru_cache
def values(vr: str) -> st.SearchStrategy[bytes]:
    """Values as they come in the field under ``vr``: mostly right, some wrong, some empty; of even length."""
    if vr in WIDTHS and vr[0] != "O":
        width = 4 if vr == "AT" else WIDTHS[vr]
        exact = st.integers(0, 6).flatmap(lambda count: st.binary(min_size=count * width, max_size=count * width))
        return st.one_of(exact, exact, st.binary(max_size=9).map(lambda raw: padded("OB", raw)))
    if vr in SAMPLES:
        return st.sampled_from(SAMPLES[vr]).map(lambda raw: padded(vr, raw))
    if vr in TEXT:
        return st.one_of(st.sampled_from(TEXTS), st.binary(max_size=12)).map(lambda raw: padded(vr, raw))
    return st.one_of(st.binary(max_size=12), st.just(b"QUENOUILLE" * 30)).map(lambda raw: padded("OB", raw))


FORMS: Final = st.sampled_from(["", "", "s", "i", "si", "u", "us", "usi"])
_VRS: Final = sorted(BY_VR.keys() - {"SQ"})
# Sequences that a CT image has, so that rules on special ones are met.
_SEQUENCES: Final = (
    0x00081140, 0x00082112, 0x00081115, 0x00081032, 0x00082218, 0x0018A001, 0x00400275, 0x00089215, 0x00400555,
    0x52009229, 0x52009230, 0x00189321, 0x00283010, 0x00120064, 0x04000561, 0x00101002, 0x00081110,
)  # fmt: skip
_CREATORS: Final = (
    b"GEMS_ACQU_01",
    b"GEMS_PARM_01",
    b"GEMS_HELIOS_01",
    b"ELSCINT1",
    b"SIEMENS CSA HEADER",
    b"FIDAC NODE 1",
    b"ACME",
    b" ",
)
_SAFE_LOOKING: Final = (0x01, 0x02, 0x04, 0x10, 0x21, 0x23, 0x24, 0x27, 0x50)


@st.composite
def _plain(draw: st.DrawFn) -> Elem:
    """An element of PS3.6, now and then under another VR or as UN."""
    vr = draw(st.sampled_from(_VRS))
    tag = draw(st.sampled_from(BY_VR[vr]))
    written = draw(st.sampled_from([vr] * 8 + ["UN", "LO", "OB", "UI"]))
    return Elem(tag, written, draw(values(written if written != "UN" else vr)))


@st.composite
def _codes(draw: st.DrawFn) -> tuple[Elem, ...]:
    """A coded concept: of a published scheme, or of a hospital's own."""
    scheme, value, meaning = draw(
        st.sampled_from(
            [
                ("DCM", "113100", "Basic"),
                ("SCT", "51185008", "Chest"),
                ("99HOPITAL", "QUEN", "Quenouille"),
                ("", "1", ""),
            ]
        )
    )
    return elem(0x00080100, "SH", value), elem(0x00080102, "SH", scheme), elem(0x00080104, "LO", meaning)


@st.composite
def _block(draw: st.DrawFn) -> list[Elem]:
    """A private block: with its creator, under a creator that comes twice, or an orphan."""
    group = draw(st.sampled_from([0x0009, 0x0019, 0x0029, 0x0043, 0x0045, 0x00E1, 0x01F1, 0x0F1D]))
    creator = draw(st.sampled_from(_CREATORS))
    blocks = draw(st.lists(st.integers(0x10, 0x13), max_size=2, unique=True))
    found = {group << 16 | block: elem(group << 16 | block, "LO", creator) for block in blocks}
    for block in blocks or [0x10]:
        for number in draw(st.lists(st.sampled_from(_SAFE_LOOKING), max_size=3, unique=True)):
            vr = draw(
                st.sampled_from(["DS", "FD", "FL", "IS", "LO", "OB", "PN", "SH", "SL", "SS", "UI", "UL", "UN", "US"])
            )
            tag = group << 16 | block << 8 | number
            found[tag] = Elem(tag, vr, draw(values(vr)))
    return list(found.values())


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 3, most: int = 6) -> list[Elem]:
    """The elements of an item: any VR, private blocks, unknown tags, sequences of sequences."""
    found = {one.tag: one for one in draw(st.lists(_plain(), max_size=most))}
    if draw(st.integers(0, 3)) == 0:
        found |= {one.tag: one for one in draw(_block())}
    if draw(st.integers(0, 7)) == 0:
        tag = draw(
            st.sampled_from([0x00080007, 0x0018FFFE, 0x00200007, 0x50000010, 0x60003000, 0x00080000, 0x00040010])
        )
        found[tag] = Elem(
            tag,
            *draw(st.sampled_from([("LO", b"QUENOUILLE"), ("OB", b"\1\2"), ("UN", b"\1\2\3\4"), ("UL", b"\4\0\0\0")])),
        )
    if draw(st.integers(0, 7)) == 0:
        found[0x00080005] = elem(0x00080005, "CS", draw(st.sampled_from(CHARSETS_DECLARED)))
    if depth:
        for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
            # Now and then a sequence stands where PS3.6 has none, or in a group that no data set has.
            tag = draw(
                st.one_of(
                    st.sampled_from(_SEQUENCES),
                    st.sampled_from(BY_VR["SQ"] * 9 + [*BY_VR["CS"], *BY_VR["LO"], 0x00291010]),
                )
            )
            item = st.one_of(data_sets(depth - 1, 4), _codes())
            found[tag] = sequence(tag, draw(st.lists(item, max_size=3)), draw(FORMS))
    return list(found.values())


@dataclass(frozen=True)
class Object:
    """An object to write: its elements, and how."""

    elements: tuple[Elem, ...]
    transfer_syntax: str
    group_lengths: bool = False
    tail: bytes = b""

    def file(self, form: str | None = None) -> bytes:
        """The object as a Part 10 file; ``form`` replaces that of every sequence that is not hidden in UN."""
        elements = self.elements if form is None else tuple(_reformed(one, form) for one in self.elements)
        return part10(elements, self.transfer_syntax, group_lengths=self.group_lengths, tail=self.tail)


def _reformed(one: Elem, form: str) -> Elem:
    if one.items is None:
        return one
    return one._replace(form=form, items=tuple(tuple(_reformed(inner, form) for inner in item) for item in one.items))


@st.composite
def objects(draw: st.DrawFn, syntaxes: Sequence[str] = SYNTAXES) -> Object:
    """A CT image with anything in it that may be in one, and now and then with what may not."""
    found = image() | {one.tag: one for one in draw(data_sets(most=12)) if one.tag not in RESERVED}
    declared = draw(st.one_of(st.none(), st.sampled_from(CHARSETS_DECLARED)))
    if declared is not None:
        found[0x00080005] = elem(0x00080005, "CS", declared)
    if draw(st.integers(0, 4)) == 0:
        found[0xFFFCFFFC] = Elem(0xFFFCFFFC, "OB", b"QUENOUILLE")
    syntax, lengths = draw(st.sampled_from(list(syntaxes))), draw(st.booleans())
    return Object(tuple(found.values()), syntax, lengths, draw(st.sampled_from([b"", b"", b"\0"])))
