"""Frames that differ in numbers alone become what each would become for itself, whatever hides in one of them."""

from __future__ import annotations

import datetime
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify import Pseudonymiser, load_plan
from fidac_node.deidentify.rewrite.dates import Moments, clock
from fidac_node.deidentify.rewrite.rewrite import Rewriter, Subject, taken
from fidac_node.deidentify.triage import triage
from fidac_node.dicom.elements import Unusual, items_of
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests.strategies import Elem, elem, encode, sequence
from tests.unit.deidentify.build import KEY

PER_FRAME_GROUPS = 0x52009230
PLAN = load_plan("fidac-chest-ct")
KEYS = Pseudonymiser(KEY, "FIDAC", "S1")
SUBJECT = Subject("S1-ABC", clock(-1000, datetime.date(2024, 3, 17), Moments(), 250_000))
PLANE, POSITION, CONTENT, TYPES, TYPE = 0x00209113, 0x00200032, 0x00209111, 0x00189329, 0x00089007

# Of one length each, so that frames have one form: honest values, and what somebody might hide among them.
POSITIONS = ["1.25\\-7.5\\3  ", "1.25\\-8.5\\4  ", "QUENOUILLE^ZE", "             ", "\0" * 14, "1.25\\1e5\\-.5 "]
TIMES = [
    "20240317102516.559",
    "20240317102517.559",
    "20240318102516.559",
    "QUENOUILLE^ODILE12",
    "20240317102516.55Q",
    "20240231102516.559",
]
UIDS = ["1.3.6.1.4.1.99999.17.1", "1.3.6.1.4.1.99999.17.2", "1.2.840.10008.5.1.4.11"]
CODES = ["113014", "121058", "QUENOU", "      "]
BLOBS = [struct.pack("<d", one) for one in (0.0, 1.5, -1e300)] + [b"QUENOUIL"]
COUNTS = [struct.pack("<L", one) for one in (0, 7)] + [b"ODIL"]
FLAGS = ["ORIGINAL\\PRIMARY\\AXIAL", "DERIVED\\PRIMARY\\AXIAL ", "QUENOUILLE\\ODILE\\AXIAL"]


def _groups(draw: st.DrawFn) -> list[tuple[Elem, ...]]:
    """The groups that frames may have; the VR of some of them is not the attribute's."""
    odd = draw(st.sampled_from(["", "", "", "DS", "UI", "LO"]))

    def some(tag: int, vr: str, values: list[str] | list[bytes]) -> Elem:
        return elem(tag, vr, draw(st.sampled_from(values)))

    return [
        (some(POSITION, odd or "DS", POSITIONS),),
        (some(0x00189074, odd or "DT", TIMES), some(0x00189151, "DT", TIMES), some(0x00209157, "UL", COUNTS)),
        (some(0x00189313, "FD", BLOBS), some(0x00189318, "FD", BLOBS), some(0x00189327, odd or "FD", BLOBS)),
        (some(TYPE, odd or "CS", FLAGS),),
        (some(0x00081155, odd or "UI", UIDS),),
        (some(0x00080100, odd or "SH", CODES), elem(0x00080102, "SH", "DCM"), elem(0x00080104, "LO", "QUENOUILLE")),
        (some(0x00281052, "DS", ["-1024 ", "1.5   ", "QUENOU"]), some(0x00281053, odd or "IS", ["1 ", "Q ", "  "])),
        (some(0x00091010, "DS", POSITIONS), some(0x00080005, "CS", ["ISO_IR 100", "ISO_IR 192"])),
    ]


GROUPS = (PLANE, CONTENT, 0x00189326, TYPES, 0x00089124, 0x0040A170, 0x00289145, 0x00091001)


@st.composite
def several(draw: st.DrawFn) -> list[bytes]:
    """Per-frame functional groups, encoded: of a few objects whose frames have much in common."""
    present = draw(st.lists(st.sampled_from(range(len(GROUPS))), min_size=1, max_size=5, unique=True))
    form = draw(st.sampled_from(["", "", "", "s", "i", "si"]))
    explicit = draw(st.booleans())
    found = []
    for _ in range(draw(st.integers(1, 3))):
        items = []
        for _ in range(draw(st.integers(1, 6))):
            groups = _groups(draw)
            item = [
                sequence(GROUPS[one], [groups[one]] * draw(st.sampled_from([1, 1, 1, 0, 2])), form) for one in present
            ]
            items.append(
                [*item, elem(0x00189151, "DT", draw(st.sampled_from(TIMES)))] if draw(st.integers(0, 3)) == 0 else item
            )
        found.append(encode([sequence(PER_FRAME_GROUPS, items, form)], explicit=explicit))
    return [explicit.to_bytes(1, "big"), *found]


def rewritten(rewriter: Rewriter, encoded: bytes) -> object:
    try:
        changes = rewriter.data_set({PER_FRAME_GROUPS: encoded}, ("ISO_IR 100",))
    except (Permanent, Unusual) as error:
        return type(error), str(error)
    return changes[PER_FRAME_GROUPS].encoded, list(taken(changes))


def rewriter(explicit: bool) -> Rewriter:
    return Rewriter(PLAN, KEYS, SUBJECT, Syntax(explicit, little=True))


def alone(explicit: bool, encoded: bytes) -> object:
    return rewritten(rewriter(explicit), encoded)


@settings(max_examples=250, deadline=None)
@given(several(), st.data())
def test_frames_beside_remembered_ones_are_those_that_are_made_each_for_itself(
    objects: list[bytes], data: st.DataObject
) -> None:
    explicit = objects[0] == b"\1"
    remembering = rewriter(explicit)
    for encoded in (*objects[1:], *objects[1:]):
        again = bytes(bytearray(encoded))  # what is the same object is recognised sooner
        assert rewritten(remembering, again) == alone(explicit, encoded)
        damaged = bytearray(encoded)
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.sampled_from(b"\x00\x01\x08\x30\x51\xff"))
        assert rewritten(remembering, bytes(damaged)) == alone(explicit, bytes(damaged))


def _frames(values: list[str], vr: str = "DS") -> bytes:
    return encode([sequence(PER_FRAME_GROUPS, [[sequence(PLANE, [[elem(POSITION, vr, value)]])] for value in values])])


def test_what_is_hidden_in_one_frame_of_many_does_not_come_out() -> None:
    values = [f"{number}\\{number}.5\\7 ".ljust(14) for number in range(40)]
    values[23] = "QUENOUILLE^ZEP"
    rewriting = rewriter(True)
    written = rewriting.data_set({PER_FRAME_GROUPS: _frames(values)})[PER_FRAME_GROUPS].encoded
    assert b"QUENOUILLE" not in written
    assert all(value.encode() in written for number, value in enumerate(values) if number != 23)


def test_a_blank_position_among_many_is_no_place() -> None:
    for blank in ("            ", "\0" * 12, "\\\\          "):
        encoded = _frames(["1\\2\\3       ", "1\\2\\4       ", blank, "1\\2\\5       "])
        places = [triage._has_position(item, True) for item in items_of(encoded, True)]
        assert places == [True, True, blank.startswith("\\"), True]


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE])
def test_items_nested_too_deep_are_held_however_they_are_read(syntax: str) -> None:
    explicit = syntax == EXPLICIT_VR_LE
    inner = [elem(POSITION, "DS", "1.5 ")]
    for _ in range(40):
        inner = [sequence(PLANE, [inner])]
    encoded = encode([sequence(PER_FRAME_GROUPS, [inner, inner, inner])], explicit=explicit)
    with pytest.raises(Permanent, match="nested more than 32 deep"):
        rewriter(explicit).data_set({PER_FRAME_GROUPS: encoded})


@pytest.mark.parametrize("vr", ["DS", "UI"])
def test_a_code_counts_whatever_vr_it_is_declared_with(vr: str) -> None:
    """What may stay of a code goes by its value, even where its element itself goes for its VR."""
    codes = ["113014", "113014", "113014", "QUENOU", "121058"]
    items = [[sequence(0x0040A170, [[elem(0x00080100, vr, code), elem(0x00080102, "SH", "DCM")]])] for code in codes]
    encoded = encode([sequence(PER_FRAME_GROUPS, items)])
    assert rewritten(rewriter(True), encoded) == alone(True, encoded)


def test_what_came_at_another_place_before_does_not_count() -> None:
    """The same bytes, at top level and in a functional group: the scanner speaks in the second alone."""
    inner = sequence(0x00081140, [[elem(0x00080070, "LO", "SIEMENS"), elem(0x00081155, "UI", "1.2.3.4")]])
    top, groups = {0x00081140: encode([inner])}, {0x52009229: encode([sequence(0x52009229, [[inner]])])}
    for order in ((top, groups), (groups, top)):
        rewriting = rewriter(True)
        written = {id(one): b"".join(change.encoded for change in rewriting.data_set(one).values()) for one in order}
        assert b"SIEMENS" not in written[id(top)] and b"SIEMENS" in written[id(groups)]
