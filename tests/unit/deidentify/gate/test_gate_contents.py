"""The gate's own reading of encoded elements: strict, complete, and the same with and without its short cut."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify.gate import reader
from fidac_node.deidentify.gate.reader import Contents, Reader, reader_of
from fidac_node.dicom import part10
from fidac_node.dicom.part10 import Malformed
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.unit.deidentify.gate_objects import SYNTAXES, element

PER_FRAME = 0x52009230
UNDEFINED = 0xFFFFFFFF


def tag_bytes(tag: int, syntax: str) -> bytes:
    return struct.pack(">HH" if syntax == EXPLICIT_VR_BE else "<HH", tag >> 16, tag & 0xFFFF)


def length_bytes(length: int, syntax: str) -> bytes:
    return struct.pack(">L" if syntax == EXPLICIT_VR_BE else "<L", length)


def sequence(tag: int, items: list[bytes], syntax: str, *, open_sequence: bool, open_items: bool) -> bytes:
    """A sequence by hand, its lengths defined or not."""
    body = b""
    for item in items:
        length = UNDEFINED if open_items else len(item)
        body += tag_bytes(0xFFFEE000, syntax) + length_bytes(length, syntax) + item
        body += tag_bytes(0xFFFEE00D, syntax) + bytes(4) if open_items else b""
    vr = b"" if syntax == IMPLICIT_VR_LE else b"SQ\0\0"
    end = tag_bytes(0xFFFEE0DD, syntax) + bytes(4) if open_sequence else b""
    return tag_bytes(tag, syntax) + vr + length_bytes(UNDEFINED if open_sequence else len(body), syntax) + body + end


NUMBERS = st.sampled_from(["1.25", "-700.5", "12", "1\\2\\3", ""])
FRAMES = st.lists(
    st.tuples(
        NUMBERS,
        st.sampled_from(["", "A", "QUEN"]),
        st.integers(0, 3),
        st.booleans(),
        st.sampled_from(["20240317", "20240318"]),
    ),
    max_size=12,
)


def frame(values: tuple[str, str, int, bool, str], syntax: str) -> bytes:
    number, text, index, nested, date = values
    inner = element(0x00189074, "DT", (date + "101112").encode(), syntax) + element(
        0x00209057, "UL", struct.pack("<L", index), syntax
    )
    return b"".join(
        (
            element(0x00080005, "CS", b"ISO_IR 144", syntax) if text == "QUEN" else b"",
            sequence(0x00209111, [inner] * (2 if nested else 1), syntax, open_sequence=nested, open_items=not nested),
            element(0x00200032, "DS", number.encode(), syntax),
            element(0x00209158, "LT", text.encode(), syntax),
        )
    )


def naive(encoded: bytes, syntax: str, declared: tuple[str, ...], path: tuple[int, ...] = ()) -> Contents:
    """The contents of one element by the general reader of files."""
    found: Contents = {}
    for one in part10.walk(encoded, 0, len(encoded), syntax):
        here = (*path, one.tag)
        if one.vr != b"SQ" and one.after == one.end and one.tag not in (PER_FRAME, 0x00209111):
            vr = (
                one.vr.decode()
                or {0x00189074: "DT", 0x00209057: "UL", 0x00200032: "DS", 0x00209158: "LT", 0x00080005: "CS"}[one.tag]
            )
            found.setdefault((here, vr, declared), set()).add(encoded[one.value : one.end])
            if one.tag == 0x00080005:
                declared = reader.declared_by(encoded[one.value : one.end])
            continue
        found.setdefault((here, "SQ", declared), set()).add(b"")
        for start, end in part10.items(encoded, one, syntax):
            for key, values in naive(encoded[start:end], syntax, declared, here).items():
                found.setdefault(key, set()).update(values)
    return found


@settings(max_examples=150, deadline=None)
@given(frames=FRAMES, syntax=st.sampled_from(SYNTAXES), open_sequence=st.booleans(), open_items=st.booleans())
def test_frames_that_are_compared_give_the_values_of_frames_that_are_read(
    frames: list[tuple[str, str, int, bool, str]], syntax: str, open_sequence: bool, open_items: bool
) -> None:
    items = [frame(values, syntax) for values in frames]
    encoded = sequence(PER_FRAME, items, syntax, open_sequence=open_sequence, open_items=open_items)
    found = reader_of(syntax, strict=True).contents(encoded, ("ISO_IR 100",))
    assert found == naive(encoded, syntax, ("ISO_IR 100",))


def test_items_of_defined_and_undefined_length_in_one_sequence_are_all_read() -> None:
    item = element(0x00200032, "DS", b"1.25") + element(0x00209158, "LT", b"AB")
    defined = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(item)) + item
    opened = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + item + b"\xfe\xff\x0d\xe0" + bytes(4)
    empty = b"\xfe\xff\x00\xe0" + bytes(4)
    for order in (
        [defined, opened, empty, opened, defined],
        [empty, empty, opened, defined],
        [opened, opened, empty, defined],
    ):
        body = b"".join(order)
        encoded = b"\x00\x52\x30\x92SQ\0\0" + struct.pack("<L", len(body)) + body
        assert reader_of(EXPLICIT_VR_LE, strict=True).contents(encoded, ()) == naive(encoded, EXPLICIT_VR_LE, ())


def test_a_difference_outside_of_the_numbers_is_read() -> None:
    items = [
        element(0x00200032, "DS", b"1.25") + element(0x00209158, "LT", text) for text in (b"AB", b"AB", b"AC", b"AB")
    ]
    encoded = sequence(PER_FRAME, items, EXPLICIT_VR_LE, open_sequence=False, open_items=False)
    found = reader_of(EXPLICIT_VR_LE, strict=True).contents(encoded, ())
    assert found[(PER_FRAME, 0x00209158), "LT", ()] == {b"AB", b"AC"}


@settings(max_examples=300, deadline=None)
@given(
    frames=FRAMES.filter(len),
    syntax=st.sampled_from(SYNTAXES),
    opened=st.booleans(),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 400),
)
def test_damaged_bytes_are_read_or_refused_and_nothing_else(
    frames: list[tuple[str, str, int, bool, str]], syntax: str, opened: bool, edits: list[tuple[int, int]], cut: int
) -> None:
    encoded = bytearray(
        sequence(PER_FRAME, [frame(one, syntax) for one in frames], syntax, open_sequence=opened, open_items=opened)
    )
    for place, value in edits:
        encoded[place % len(encoded)] = value
    damaged = bytes(encoded[: len(encoded) - (cut if cut < 40 else 0)])
    for strict in (True, False):
        try:
            found = reader_of(syntax, strict=strict).contents(damaged, ())
        except Malformed:
            continue
        assert all(value == b"" or value in damaged for values in found.values() for value in values)


ITEM = b"\xfe\xff\x00\xe0"


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"\x08\x00", "cut short"),
        (b"\x08\x00\x60\x00CS\x04\x00CT", "cut short"),
        (b"\x08\x00\x60\x00CS\x02\x00CTCT", "followed by 2 more bytes"),
        (b"\x08\x00\x60\x00\0\0\x02\x00CT", "no value representation"),
        (b"\x08\x00\x60\x00UT\0\0\x02\x00", "cut short"),
        (b"\x08\x00\x60\x00UT\x51\x55\x02\x00\0\0CT", "reserved bytes"),
        (b"\x00\x52\x30\x92SQ\0\0\x08\0\0\0" + b"\x08\x00\x00\x00\0\0\0\0", "expected an Item"),
        (b"\x00\x52\x30\x92SQ\0\0\x04\0\0\0\0\0\0\0", "cut short"),
        (b"\x00\x52\x30\x92SQ\0\0\x08\0\0\0" + ITEM + b"\x09\0\0\0", "longer than its sequence"),
        (b"\x00\x52\x30\x92SQ\0\0\xff\xff\xff\xff" + ITEM + b"\0\0\0\0", "cut short"),
        (b"\x00\x52\x30\x92SQ\0\0\xff\xff\xff\xff" + ITEM + b"\xff\xff\xff\xff" + b"\x08\x00", "cut short"),
        (b"\x00\x52\x30\x92SQ\0\0\xff\xff\xff\x0f", "cut short"),
        (
            b"\x00\x52\x30\x92SQ\0\0\x1c\0\0\0" + ITEM + b"\x14\0\0\0" + b"\x08\x00\x60\x00CS\x02\x00CT" * 2,
            "comes twice",
        ),
        (
            b"\x00\x52\x30\x92SQ\0\0\x10\0\0\0" + ITEM + b"\x08\0\0\0" + b"\xfe\xff\x0d\xe0\0\0\0\0",
            "delimits|no value representation",
        ),
    ],
)
def test_what_is_not_one_well_formed_element_is_refused(encoded: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        reader_of(EXPLICIT_VR_LE, strict=True).contents(encoded, ())


def test_too_deep_nesting_is_refused() -> None:
    encoded = element(0x00080060, "CS", b"CT", depth=40)
    with pytest.raises(Malformed, match="nested more than 32 deep"):
        reader_of(EXPLICIT_VR_LE, strict=True).contents(encoded, ())


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_sequence_inside_unknown_bytes_is_read(syntax: str) -> None:
    inner = element(0x00081050, "PN", b"BEAUREGARD", IMPLICIT_VR_LE)
    encoded = element(0x00291020, "UN", ITEM + struct.pack("<L", len(inner)) + inner, syntax)
    found = reader_of(syntax, strict=False).contents(encoded, ())
    assert found[(0x00291020, 0x00081050), "PN", ()] == {b"BEAUREGARD"}


@pytest.mark.parametrize("syntax", SYNTAXES[:2])
def test_unknown_bytes_that_only_look_like_a_sequence_are_bytes_in_an_input_and_refused_in_an_output(
    syntax: str,
) -> None:
    encoded = element(0x00291020, "UN", ITEM + b"\x06\0\0\0rubbish!", syntax)
    found = reader_of(syntax, strict=False).contents(encoded, ())
    assert [values for (path, vr, _), values in found.items()] == [{encoded[-16:]}]
    with pytest.raises(Malformed):
        reader_of(syntax, strict=True).contents(encoded, ())


def test_the_encapsulated_pixels_of_an_icon_are_passed_over() -> None:
    fragments = ITEM + bytes(4) + ITEM + b"\x04\0\0\0" + b"\xff\xd8\xff\xd9" + b"\xfe\xff\xdd\xe0" + bytes(4)
    icon = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + fragments
    name = element(0x00081050, "PN", b"BEAUREGARD")
    encoded = sequence(0x00880200, [name + icon], EXPLICIT_VR_LE, open_sequence=True, open_items=True)
    found = reader_of(EXPLICIT_VR_LE, strict=False).contents(encoded, ())
    assert found[(0x00880200, 0x00081050), "PN", ()] == {b"BEAUREGARD"}
    for broken in (fragments[:-8], fragments[:20], fragments.replace(b"\x04\0\0\0", b"\x05\0\0\x7f")):
        damaged = sequence(0x00880200, [icon[:12] + broken], EXPLICIT_VR_LE, open_sequence=False, open_items=False)
        with pytest.raises(Malformed):
            reader_of(EXPLICIT_VR_LE, strict=False).contents(damaged, ())


def test_only_what_is_wanted_is_given() -> None:
    encoded = element(0x00081050, "PN", b"BEAUREGARD", depth=2)
    reader = Reader(explicit=True, little=True, strict=True, wanted=lambda path, vr: vr == "PN")
    found = reader.contents(encoded, ())
    assert [vr for _, vr, _ in found] == ["PN"]
