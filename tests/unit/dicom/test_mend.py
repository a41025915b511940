"""A data set that is not well-formed is read where it can be read in one way only, and in no other case."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.dicom import elements, mend, part10
from fidac_node.dicom.encode import Syntax, join
from fidac_node.dicom.mend import Mended, mended
from fidac_node.dicom.part10 import PIXEL_DATA, Malformed
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, RLE_LOSSLESS
from fidac_node.dicom.walk import leaves

SYNTAXES = (EXPLICIT_VR_LE, IMPLICIT_VR_LE)
JPEG = "1.2.840.10008.1.2.4.70"
CODE_SEQUENCE = 0x00081032
ITEM, ITEM_END, SEQUENCE_END, OPEN = (
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0" + bytes(4),
    b"\xfe\xff\xdd\xe0" + bytes(4),
    b"\xff" * 4,
)
BEFORE = {0x00080005: ("CS", b"ISO_IR 100"), 0x00080016: ("UI", b"1.2\0"), 0x00080060: ("CS", b"CT")}
AFTER = {
    0x00180050: ("DS", b"1.5 "),
    0x0020000D: ("UI", b"1.2.3\0"),
    0x00280010: ("US", b"\2\0"),
    0x00281053: ("DS", b"2 "),
}
PIXELS = bytes(range(64))


def element(tag: int, vr: str, value: bytes, *, explicit: bool = True) -> bytes:
    return Syntax(explicit, little=True).element(tag, vr, value)


def data_set(*odd: bytes, explicit: bool = True, behind: bytes = b"", pixels: bytes | None = None) -> bytes:
    """A small object with ``odd`` elements in the middle and ``behind`` the pixel data."""
    first, last = (
        b"".join(element(tag, *said, explicit=explicit) for tag, said in some.items()) for some in (BEFORE, AFTER)
    )
    image = element(PIXEL_DATA, "OW", PIXELS, explicit=explicit) if pixels is None else pixels
    return first + b"".join(odd) + last + image + behind


def read(data: bytes, syntax: str = EXPLICIT_VR_LE) -> Mended:
    found = mended(data, 0, len(data), syntax)
    header = join(found.elements)
    list(leaves(header, 0, len(header), syntax))  # the strict reader takes it
    return found


def opened(tag: int, vr: bytes = b"SQ") -> bytes:
    return struct.pack("<HH2s2x", tag >> 16, tag & 0xFFFF, vr) + OPEN


CODE = element(0x00080100, "SH", b"R-10") + element(0x00080102, "SH", b"SRT ") + element(0x00080104, "LO", b"Test")
PLAIN_CODE = element(0x00080100, "SH", b"R-10", explicit=False) + element(0x00080102, "SH", b"SRT ", explicit=False)
LENGTH = struct.pack("<L", len(CODE))
BADLY_CLOSED = {
    "item closed by the end of a sequence": opened(CODE_SEQUENCE) + ITEM + OPEN + CODE + SEQUENCE_END + SEQUENCE_END,
    "both closed by one end of a sequence": opened(CODE_SEQUENCE) + ITEM + OPEN + CODE + SEQUENCE_END,
    "sequence closed by the end of an item": opened(CODE_SEQUENCE) + ITEM + OPEN + CODE + ITEM_END + ITEM_END,
    "known item, delimiter inside": opened(CODE_SEQUENCE)
    + ITEM
    + struct.pack("<L", len(CODE) + 8)
    + CODE
    + ITEM_END
    + SEQUENCE_END,
    "known item, delimiter behind": opened(CODE_SEQUENCE) + ITEM + LENGTH + CODE + ITEM_END + SEQUENCE_END,
    "known sequence, delimiter inside": element(CODE_SEQUENCE, "SQ", ITEM + LENGTH + CODE + SEQUENCE_END),
    "UN of known length, explicit inside": element(CODE_SEQUENCE, "UN", ITEM + LENGTH + CODE),
    "UN of undefined length, explicit inside": opened(CODE_SEQUENCE, b"UN") + ITEM + LENGTH + CODE + SEQUENCE_END,
}


@pytest.mark.parametrize("case", BADLY_CLOSED)
def test_a_sequence_that_is_badly_closed_is_read_and_so_is_what_follows(case: str) -> None:
    found = read(data_set(BADLY_CLOSED[case]))
    assert found.elements[CODE_SEQUENCE] == Syntax(explicit=True, little=True).sequence(CODE_SEQUENCE, [CODE])
    assert found.elements.keys() == {*BEFORE, CODE_SEQUENCE, *AFTER}
    assert found.paths == ((CODE_SEQUENCE,),)


def test_items_that_a_hop_left_in_implicit_vr_are_written_as_the_object_is() -> None:
    items = ITEM + struct.pack("<L", len(PLAIN_CODE)) + PLAIN_CODE
    for odd in (element(CODE_SEQUENCE, "UN", items), element(CODE_SEQUENCE, "SQ", items)):
        (item,) = elements.items_of(read(data_set(odd)).elements[CODE_SEQUENCE], explicit=True)
        assert item == {0x00080100: CODE[:12], 0x00080102: CODE[12:24]}


CREATOR = element(0x00290010, "LO", b"ACME HEADER ")


@pytest.mark.parametrize("vr", [b"--", b"\0\0", b"XS", b"??", b"OX", b"  "])
@pytest.mark.parametrize("tag", [0x00291001, 0x00180022])
def test_an_element_with_a_vr_that_there_is_not_is_measured_by_what_follows(vr: bytes, tag: int) -> None:
    odd = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, 6) + b"HELIX "
    data = data_set(CREATOR + odd) if tag == 0x00291001 else data_set(odd)
    if tag == 0x00291001:  # in order
        data = data_set(pixels=CREATOR + odd + element(PIXEL_DATA, "OW", PIXELS))
    found = read(data)
    wanted = ("CS", b"HELIX ") if tag == 0x00180022 else ("UN", b"HELIX ")
    assert found.elements[tag] == element(tag, *wanted)
    assert found.elements.keys() >= {*BEFORE, *AFTER} and (tag,) in found.paths


def test_an_element_in_implicit_notation_is_measured_where_its_length_says_where_the_next_begins() -> None:
    odd = CREATOR + element(0x00291001, "UN", b"ABCD", explicit=False)
    found = read(data_set(pixels=odd + element(PIXEL_DATA, "OW", PIXELS)))
    assert found.elements[0x00291001] == element(0x00291001, "UN", b"ABCD")


def test_private_content_that_cannot_be_read_is_measured_and_stays_as_bytes() -> None:
    for content in (
        b"not a sequence at all!!!",
        b"\xff\xfe\xe0\0" + struct.pack(">L", 8) + b"ABCDEFGH",
        ITEM + LENGTH + b"xy",
    ):
        odd = CREATOR + element(0x00291040, "SQ", content)
        found = read(data_set(pixels=odd + element(PIXEL_DATA, "OW", PIXELS)))
        assert found.elements[0x00291040] == element(0x00291040, "OB", content)


@pytest.mark.parametrize("tag", [0x52009229, 0x52009230, 0x00283000])
def test_what_the_numbers_of_an_image_rest_on_is_not_given_up(tag: int) -> None:
    odd = element(tag, "SQ", b"not a sequence at all!!!")
    data = data_set(odd) if tag >> 16 == 0x0028 else data_set(pixels=odd + element(PIXEL_DATA, "OW", PIXELS))
    with pytest.raises(Malformed, match="the image needs them"):
        read(data)


def test_what_stands_behind_the_pixels_is_put_in_order() -> None:
    slope = element(0x00281053, "DS", b"2 ")
    found = read(data_set(behind=element(0x00281052, "DS", b"-1024 ")))
    assert list(found.elements) == sorted(found.elements)
    assert found.elements[0x00281053] == slope and 0x00281052 in found.elements and found.paths == ((0x00281052,),)


def test_the_same_element_twice_is_one_and_two_values_are_a_doubt() -> None:
    same = element(0x00080060, "CS", b"CT")
    assert read(data_set(same)).paths == ((0x00080060,),)
    with pytest.raises(Malformed, match="comes twice"):
        read(data_set(element(0x00080060, "CS", b"MR")))


FRAGMENT = ITEM + struct.pack("<L", 4) + b"\1\2\xff\xd9"
ENDS: dict[str, tuple[bytes, bool]] = {
    "delimited": (SEQUENCE_END, True),
    "missing": (b"", True),
    "zeros": (bytes(8), True),
    "hundreds of zeros": (bytes(300), True),
    "of undefined length": (SEQUENCE_END[:4] + OPEN, True),
    "garbage": (b"END OF FILE", False),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("syntax", [JPEG, RLE_LOSSLESS])
def test_compressed_pixels_are_closed_where_they_end(end: str, syntax: str) -> None:
    closing, good = ENDS[end]
    head = struct.pack("<HH2s2x", 0x7FE0, 0x0010, b"OB") + OPEN
    data = data_set(pixels=head + ITEM + bytes(4) + FRAGMENT + closing)
    if not good:
        with pytest.raises(Malformed, match="last fragment"):
            read(data, syntax)
        return
    found = read(data, syntax)
    assert found.pixels is not None
    vr, first, last, encapsulated = found.pixels
    assert (vr, data[first:last], encapsulated) == ("OB", ITEM + bytes(4) + FRAGMENT, True)


def test_pixels_whose_codestream_goes_on_are_not_whole() -> None:
    head = struct.pack("<HH2s2x", 0x7FE0, 0x0010, b"OB") + OPEN
    with pytest.raises(Malformed, match="last fragment"):
        read(data_set(pixels=head + ITEM + bytes(4) + ITEM + struct.pack("<L", 4) + b"\1\2\3\4"), JPEG)


def test_a_data_set_of_unknown_elements_is_what_the_dictionary_says() -> None:
    unknown = b"".join(element(tag, "UN", value) for tag, (_, value) in {**BEFORE, **AFTER}.items())
    found = read(unknown + element(PIXEL_DATA, "OW", PIXELS))
    assert join(found.elements) == data_set()[: -len(PIXELS) - 12]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("size", [0, 7, 30, 61, 100])
def test_what_is_cut_short_stays_malformed(syntax: str, size: int) -> None:
    data = data_set(explicit=syntax == EXPLICIT_VR_LE)[: -len(PIXELS)]
    for cut in range(len(data) - 1, len(data) - 1 - size, -1):
        whole = sum(1 for _ in strictly(data[:cut], syntax))
        try:
            found = read(data[:cut], syntax)
        except Malformed:
            continue
        assert len(found.elements) == whole, "cut between two elements"


def strictly(data: bytes, syntax: str) -> list[part10.Element]:
    try:
        return list(part10.walk(data, 0, len(data), syntax))
    except Malformed:
        return []


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_well_formed_is_read_as_it_is(syntax: str) -> None:
    explicit = syntax == EXPLICIT_VR_LE
    items = Syntax(explicit, little=True).sequence(CODE_SEQUENCE, [CODE if explicit else PLAIN_CODE])
    data = data_set(items, explicit=explicit)
    found = read(data, syntax)
    assert found.paths == () and data.startswith(join(found.elements))


Change = Callable[[bytes], bytes]
changes: st.SearchStrategy[Change] = st.one_of(
    st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=4)).map(
        lambda c: lambda data: data[: c[0]] + c[1] + data[c[0] + len(c[1]) :]
    ),
    st.tuples(st.integers(0, 400), st.integers(1, 30)).map(lambda c: lambda data: data[: c[0]] + data[c[0] + c[1] :]),
    st.tuples(st.integers(0, 400), st.sampled_from([ITEM_END, SEQUENCE_END, ITEM + bytes(4), OPEN])).map(
        lambda c: lambda data: data[: c[0]] + c[1] + data[c[0] :]
    ),
)


@given(
    st.sampled_from([*BADLY_CLOSED.values(), b"", CREATOR]),
    st.lists(changes, max_size=3),
    st.sampled_from([*SYNTAXES, JPEG]),
)
def test_whatever_comes_is_malformed_or_read_so_that_the_strict_reader_takes_it(
    odd: bytes, several: list[Change], syntax: str
) -> None:
    data = data_set(odd, explicit=syntax != IMPLICIT_VR_LE)
    for change in several:
        data = change(data)
    try:
        found = read(data, syntax)
    except Malformed:
        return
    assert list(found.elements) == sorted(found.elements)
    assert sum(map(len, found.elements.values())) <= 2 * len(data) + 64


def test_what_would_be_read_again_and_again_is_given_up() -> None:
    odd = b""
    for depth in range(30):
        odd = opened(CODE_SEQUENCE, b"UN" if depth % 2 else b"SQ") + ITEM + b"\xff" * 4 + odd + CODE * 40 + SEQUENCE_END
    with suppress(Malformed):  # whichever, and soon
        read(data_set(odd))
    with pytest.raises(Malformed):
        read(
            data_set(
                *(
                    element(0x00090000 + (number << 16 << 1), "SQ", ITEM + b"\3\0\0\0" + b"x" * 9)
                    for number in range(5000)
                )
            )
        )


def test_a_header_of_items_without_end_takes_no_more_memory_than_a_header_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mend, "LARGEST_HEADER", 1 << 10)
    with pytest.raises(Malformed, match="larger than any image has"):
        read(data_set(element(0x00091001, "UN", bytes(2000))))
