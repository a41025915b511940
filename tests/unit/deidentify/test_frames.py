"""Frames that are told by their form, and poured from moulds, are what they would be each for itself."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify import Pseudonymiser, elements, frames, load_plan, moulds, triage
from fidac_node.deidentify.elements import Unusual
from fidac_node.deidentify.encode import Syntax
from fidac_node.deidentify.frames import FORMS, PER_FRAME_GROUPS, Forms, Item, whole_item
from fidac_node.deidentify.rewrite import Rewriter, Subject, taken
from fidac_node.errors import Permanent
from fidac_node.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.strategies import Elem, elem, encode, sequence
from tests.unit.deidentify.build import KEY

PLAN = load_plan("fidac-chest-ct")
KEYS = Pseudonymiser(KEY, "FIDAC", "S1")
SUBJECT = Subject("S1-ABC", -1000)
PLANE, POSITION, CONTENT, TYPES, TYPE = 0x00209113, 0x00200032, 0x00209111, 0x00189329, 0x00089007

# Of one length each, so that frames have one form: honest values, and what somebody might hide among them.
POSITIONS = ["1.25\\-7.5\\3  ", "1.25\\-8.5\\4  ", "QUENOUILLE^ZE", "             ", "\0" * 14, "1.25\\1e5\\-.5 "]
TIMES = ["20240317102516.559", "20240317102517.559", "20240318102516.559", "QUENOUILLE^ODILE12", "20240317102516.55Q", "20240231102516.559"]
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
            item = [sequence(GROUPS[one], [groups[one]] * draw(st.sampled_from([1, 1, 1, 0, 2])), form) for one in present]
            items.append([*item, elem(0x00189151, "DT", draw(st.sampled_from(TIMES)))] if draw(st.integers(0, 3)) == 0 else item)
        found.append(encode([sequence(PER_FRAME_GROUPS, items, form)], explicit=explicit))
    return [explicit.to_bytes(1, "big"), *found]


def rewritten(rewriter: Rewriter, encoded: bytes) -> object:
    try:
        changes = rewriter.data_set({PER_FRAME_GROUPS: encoded}, ("ISO_IR 100",))
    except (Permanent, Unusual) as error:
        return type(error), str(error)
    return changes[PER_FRAME_GROUPS].encoded, list(taken(changes))


def rewriter(explicit: bool, *, moulds: bool) -> Rewriter:
    return Rewriter(PLAN, KEYS, SUBJECT, Syntax(explicit, little=True), moulds=moulds)


def alone(explicit: bool, encoded: bytes) -> object:
    return rewritten(rewriter(explicit, moulds=False), encoded)


@settings(max_examples=250, deadline=None)
@given(several(), st.data())
def test_frames_from_moulds_are_those_that_are_made_each_for_itself(objects: list[bytes], data: st.DataObject) -> None:
    explicit = objects[0] == b"\1"
    remembering = rewriter(explicit, moulds=True)
    for encoded in (*objects[1:], *objects[1:]):
        again = bytes(bytearray(encoded))  # what is the same object is recognised sooner
        assert rewritten(remembering, again) == alone(explicit, encoded)
        damaged = bytearray(encoded)
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.sampled_from(b"\x00\x01\x08\x30\x51\xff"))
        assert rewritten(remembering, bytes(damaged)) == alone(explicit, bytes(damaged))


@settings(max_examples=150, deadline=None)
@given(several(), st.integers(0, 1 << 20), st.sampled_from(b"\x00\x01\x08\x30\x51\xff"))
def test_items_told_by_form_are_the_items_that_are_cut(objects: list[bytes], where: int, damage: int) -> None:
    explicit = objects[0] == b"\1"
    forms = Forms(explicit=explicit)
    for encoded in (*objects[1:], *objects[1:]):
        damaged = bytearray(encoded)
        damaged[8 + where % (len(damaged) - 8)] = damage
        for one in (encoded, bytes(damaged)):
            assert _told(forms.split, one, explicit) == _told(partial(_cut, explicit=explicit), one, explicit)


def _cut(_: int, encoded: bytes, *, explicit: bool) -> list[Item]:
    return [whole_item(item) for item in elements.items_of(encoded, explicit)]


def _told(split: Callable[[int, bytes], list[Item]], encoded: bytes, explicit: bool) -> object:
    try:
        items = split(PER_FRAME_GROUPS, encoded)
    except Permanent as error:
        return type(error), str(error)
    return [list(item.cut(explicit).items()) for item in items], _seen(items, explicit)


def _seen(items: list[Item], explicit: bool) -> object:
    """What triage sees of frames."""
    try:
        return list(triage._placed(items, explicit)), triage._types(items, explicit) - {b""}
    except (Permanent, Unusual) as error:
        return type(error), str(error)


def _frames(values: list[str], vr: str = "DS") -> bytes:
    return encode([sequence(PER_FRAME_GROUPS, [[sequence(PLANE, [[elem(POSITION, vr, value)]])] for value in values])])


def test_what_is_hidden_in_one_frame_of_many_does_not_come_out() -> None:
    values = [f"{number}\\{number}.5\\7 ".ljust(14) for number in range(40)]
    values[23] = "QUENOUILLE^ZEP"
    rewriting = rewriter(True, moulds=True)
    written = rewriting.data_set({PER_FRAME_GROUPS: _frames(values)})[PER_FRAME_GROUPS].encoded
    assert b"QUENOUILLE" not in written
    assert all(value.encode() in written for number, value in enumerate(values) if number != 23)


def test_frames_of_one_form_are_poured_whatever_their_numbers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    poured = []
    pour = moulds.Mould.pour
    monkeypatch.setattr(moulds.Mould, "pour", lambda *a: poured.append(pour(*a) is not None) or pour(*a))
    values = [f"{number:03d}\\1.5\\7.25" for number in range(300)]
    written = rewriter(True, moulds=True).data_set({PER_FRAME_GROUPS: _frames(values)})[PER_FRAME_GROUPS].encoded
    assert written == _frames(values)
    assert sum(poured) > 290


def test_a_blank_position_among_many_is_no_place() -> None:
    for blank in ("            ", "\0" * 12, "\\\\          "):
        encoded = _frames(["1\\2\\3       ", "1\\2\\4       ", blank, "1\\2\\5       "])
        items = FORMS[True].split(PER_FRAME_GROUPS, encoded)
        assert list(triage._placed(items, True)) == [True, True, blank.startswith("\\"), True]


def test_what_is_remembered_of_items_has_a_bound() -> None:
    forms = Forms(explicit=True)
    for number in range(3000):
        tag, text = 0x00400000 | number * 2, b"x" * (number * 2 % 8000)
        item = encode([Elem(0x00104000, "UT", text), *(elem(0x00280000 | one * 2, "US", b"ab") for one in range(number % 50))])
        forms.split(tag, Syntax.of(EXPLICIT_VR_LE).sequence(tag, [item, b"", item]))
    kept = list(itertools.chain.from_iterable(forms._forms.values()))
    assert sum(form.size for form in kept) <= frames._SIZE and len(kept) <= frames._SIZE // frames._OVERHEAD
    long = Syntax.of(EXPLICIT_VR_LE).sequence(PER_FRAME_GROUPS, [encode([Elem(0x00104000, "UT", b"x" * (frames._LONGEST_KEPT + 2))])])
    forms.split(PER_FRAME_GROUPS, long)
    assert len(forms._last[0]) <= frames._LONGEST_KEPT


def test_moulds_that_never_fit_are_not_made_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    caster = moulds._Caster.data_set
    monkeypatch.setattr(moulds._Caster, "data_set", lambda self, *a: made.append(1) or caster(self, *a))
    items = [[sequence(0x00081140, [[elem(0x00081155, "UI", f"1.2.3.4.{number:05d}")]])] for number in range(400)]
    rewriting = rewriter(True, moulds=True)
    rewriting.data_set({PER_FRAME_GROUPS: encode([sequence(PER_FRAME_GROUPS, items)])})
    assert 0 < len(made) < 100
    assert len(rewriting._moulds._known) <= moulds._MOST_MOULDS


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE])
def test_items_nested_too_deep_are_held_however_they_are_read(syntax: str) -> None:
    explicit = syntax == EXPLICIT_VR_LE
    inner = [elem(POSITION, "DS", "1.5 ")]
    for _ in range(40):
        inner = [sequence(PLANE, [inner])]
    encoded = encode([sequence(PER_FRAME_GROUPS, [inner, inner, inner])], explicit=explicit)
    for moulded in (True, False, True):
        with pytest.raises(Permanent, match="nested more than 32 deep"):
            rewriter(explicit, moulds=moulded).data_set({PER_FRAME_GROUPS: encoded})


@pytest.mark.parametrize("vr", ["DS", "UI"])
def test_a_code_counts_whatever_vr_it_is_declared_with(vr: str) -> None:
    """What may stay of a code goes by its value, even where its element itself goes for its VR."""
    codes = ["113014", "113014", "113014", "QUENOU", "121058"]
    items = [[sequence(0x0040A170, [[elem(0x00080100, vr, code), elem(0x00080102, "SH", "DCM")]])] for code in codes]
    encoded = encode([sequence(PER_FRAME_GROUPS, items)])
    assert rewritten(rewriter(True, moulds=True), encoded) == alone(True, encoded)
