"""The gate decides the same however input and output are cut into pieces, and whatever it has seen in pieces before."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify.gate import gate as gates
from fidac_node.deidentify.gate import needles
from fidac_node.deidentify.gate import reader as readers
from fidac_node.deidentify.gate.gate import Gate
from fidac_node.deidentify.gate.reader import Reader
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests.unit.deidentify.gate_objects import HARMLESS, OLD_UID, OTHER_UID, SYNTAXES, Case, case, element

DESCRIPTION = 0x0008103E


def verdict(asked: Case) -> str:
    try:
        asked.check()
    except Permanent as error:
        return f"{error.code}: {error}"
    return ""


def joined(found: Sequence[bytes], ends: set[int]) -> tuple[bytes, ...]:
    """The same in pieces, which end after the elements in ``ends``."""
    groups = itertools.groupby(range(len(found)), key=lambda one: sum(end < one for end in ends))
    return tuple(b"".join(found[one] for one in group) for _, group in groups)


TOLD = st.lists(
    st.sampled_from(
        [
            (0x00080005, "CS", b"ISO_IR 144"),
            (0x00080022, "DA", b"20240320"),
            (0x0008002A, "DT", b"20240317102516.5"),
            (0x00081050, "PN", "Иванов".encode("iso8859_5")),
            (0x00181000, "LO", b"THORAX99"),
            (0x00181151, "IS", b"204"),
            (0x00200052, "UI", OTHER_UID.encode()),
        ]
    ),
    max_size=4,
)
LEFT = st.sampled_from(
    [
        (DESCRIPTION, "LO", b"THORAX", 0),
        (DESCRIPTION, "LO", b"THORAX QUENOUILLE", 0),
        (DESCRIPTION, "LO", "Иванов".encode(), 0),
        (DESCRIPTION, "LO", b"THORAX 20 MARS 2024", 0),
        (0x00080022, "DA", b"20240320", 0),
        (0x00080022, "DA", b"20210708", 1),
        (0x0008002A, "DT", b"20240317102516.5", 0),
        (0x00181000, "LO", b"THORAX99", 2),
        (0x00181151, "IS", b"204", 0),
        (0x00181151, "IS", b"8003412765", 0),
        (0x00200052, "UI", OTHER_UID.encode(), 0),
        (0x00200052, "UI", OLD_UID.encode(), 1),
        (0x00200032, "DS", b"1\\2\\A", 0),
    ]
)
ENDS = st.sets(st.integers(0, 16))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TOLD, LEFT, ENDS, ENDS), min_size=1, max_size=6), st.sampled_from(SYNTAXES))
def test_the_verdict_is_that_on_single_elements(
    asked: list[tuple[list, tuple, set[int], set[int]]], syntax: str
) -> None:  # type: ignore[type-arg]
    gate = Gate(HARMLESS)
    for told, (tag, vr, value, depth), before, after in [*asked, *asked]:
        one = case(syntax).told(*told).left(tag, vr, value, depth)
        pieces = replace(one, before=joined(one.before, before), after=joined(one.after, after), gate=gate)
        assert verdict(pieces) == verdict(replace(one, gate=Gate(HARMLESS)))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_element_that_comes_twice_is_found_in_any_piece(syntax: str) -> None:
    honest = case(syntax)
    assert verdict(honest) == ""
    assert verdict(replace(honest, after=(b"".join(honest.after),))) == ""
    assert verdict(replace(honest, after=honest.after[::-1])) == ""
    first, *_, last = honest.after
    for after in (
        (*honest.after, first),
        (b"".join((*honest.after, last)),),
        (b"".join(honest.after), last),
        (b"".join(honest.after[:4]), b"".join(honest.after[3:])),
        (first + first, *honest.after[1:]),
    ):
        assert "comes twice" in verdict(replace(honest, after=after))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "rest", [b"\0", b"\x08\x00", bytes(8), b"QUENOUILLE", b"\x08\x00\x3e\x10LO\xff\x00QU", b"\xfe\xff\x00\xe0\0\0\0\0"]
)
def test_bytes_after_the_last_element_of_a_piece_are_held(syntax: str, rest: bytes) -> None:
    honest = case(syntax)
    for place, size in itertools.product(range(len(honest.after)), (1, 3)):
        piece = b"".join(honest.after[place : place + size]) + rest
        asked = replace(honest, after=(*honest.after[:place], piece, *honest.after[place + size :]))
        assert verdict(asked).startswith("leak")


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
def test_the_character_set_is_found_in_any_piece_of_the_input(syntax: str) -> None:
    told = case(syntax).told(
        (0x00080005, "CS", b"ISO_IR 144"),
        (0x00080001, "UL", b"\x08\x00\x05\x00"),
        (0x00100010, "PN", b"\xb8\xd2\xd0\xdd\xde\xd2"),
    )
    leaking = told.left(DESCRIPTION, "LO", "Иванов".encode())
    for ends in ({0}, {1}, {0, 1}, {4}, set(range(16))):
        assert verdict(replace(leaking, before=joined(leaking.before, ends))).startswith("leak")


def test_where_two_attributes_say_the_same_a_hit_names_the_same_one_whatever_came_before() -> None:
    twice = ((0x00081050, "PN", b"QUENOUILLE^Odile"), (0x00100010, "PN", b"QUENOUILLE^Odile"))
    leaking = case().told(*twice).left(DESCRIPTION, "LO", b"QUENOUILLE")
    said = verdict(leaking)
    gate = Gate(HARMLESS)
    assert {
        verdict(replace(leaking, before=before, gate=gate)) for before in (leaking.before[::-1], leaking.before)
    } == {said}


@pytest.mark.parametrize("hidden", [b"QUENOUILLE\0\0\0\0\0\0", b"\0\0\x018003412765\0\0\0"])
def test_bytes_that_are_clean_say_nothing_of_other_bytes(hidden: bytes) -> None:
    clean, honest = struct.pack("<2d", 1.25, -7.5), case()
    for order in ((clean, clean, clean), (clean, clean, hidden), (clean, hidden, clean), (hidden, clean, clean)):
        left = (
            element(tag, "FD", value) for tag, value in zip((0x00189313, 0x00189318, 0x00189327), order, strict=True)
        )
        assert verdict(replace(honest, after=(*honest.after, *left))).startswith("leak") is (hidden in order)


def _stranger(number: int) -> Case:
    told = (
        (0x00100010, "PN", f"NOM{number % 50}X^PRENOM".encode()),
        (0x0008002A, "DT", f"20{number % 90 + 10:02d}0317102516".encode()),
        (0x00181151, "IS", b"%d" % number),
    )
    asked = case().told(*told).left(0x0008002A, "DT", f"19{number % 90 + 10:02d}0317102516".encode())
    return replace(asked, before=joined(asked.before, {number % 5}), after=joined(asked.after, {number % 7}))


def test_what_is_remembered_of_pieces_does_not_grow_with_the_number_of_objects() -> None:
    gate = Gate(HARMLESS)
    for number in range(1500):
        assert verdict(replace(_stranger(number), gate=gate)) == ""
    told = [one for memory in gate._memories.values() for one in memory._shared.values()]
    assert (
        all(len(memory._shared) <= gates.MOST_SHARED for memory in gate._memories.values())
        and len(gate._memories) <= gates.MOST_INPUT_MEMORIES
    )
    assert all(len(one.moved) <= gates._MOST_MOVED for one in told)
    assert len(gate._inputs._days) <= needles.MOST_DAYS


def test_what_is_remembered_of_items_does_not_grow_with_their_number() -> None:
    reader = Reader(explicit=True, little=True, strict=True)
    for number in range(2000):
        item = element(0x00200032, "DS", b"1" * (number % 300 * 2)) + element(0x00209158, "LT", b"%d" % number * 50)
        body = b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item
        tag = (0x00400000 | number % 300 * 2).to_bytes(4, "little")
        encoded = tag[2:] + tag[:2] + b"SQ\0\0" + len(body).to_bytes(4, "little") + body
        reader.contents(encoded, (f"ISO_IR {number % 7}",))
    layouts = [layout for one in reader._layouts.values() for alike in one.values() for layout in alike]
    assert sum(layout.size for layout in layouts) <= readers._LAYOUTS_SIZE
    assert len(reader._layouts) <= readers._MOST_SEQUENCES
