"""What the gate remembers never lets anything pass that a gate without memory would hold, and stays small."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify.gate.gate import Gate
from fidac_node.dicom.memo import LONGEST_KEY, Memo
from fidac_node.dicom.part10 import FileMeta, encode_meta
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests.unit.deidentify.build import CT
from tests.unit.deidentify.gate_objects import HARMLESS, NEW_UID, OTHER_UID, WRITTEN, Case, case, element

DESCRIPTION = 0x0008103E


def passes(asked: Case) -> bool:
    try:
        asked.check()
    except Permanent as error:
        if error.code != "leak":
            raise
        return False
    return True


def test_what_is_clean_for_one_patient_is_searched_again_for_the_next() -> None:
    first = case().told((0x00100010, "PN", b"LEGRAND^Odile")).left(DESCRIPTION, "LO", b"THORAX QUENOUILLE")
    second = replace(case().left(DESCRIPTION, "LO", b"THORAX QUENOUILLE"), gate=first.gate)
    for _ in range(3):
        assert passes(first)
        assert not passes(second)


@pytest.mark.parametrize(
    "change",
    [
        {"sender": "THORAX99"},
        {"written": WRITTEN - {"FIDAC"}},
        {"private": frozenset({0x00190010})},
        {"kept": frozenset({0x00081010})},
    ],
)
def test_whatever_a_search_depends_on_makes_it_another_search(change: dict[str, object]) -> None:
    left = (
        element(DESCRIPTION, "LO", b"THORAX99"),
        element(0x00120010, "LO", b"FIDAC"),
        element(0x00190010, "LO", b"GEMS_ACQU_01"),
        element(0x00081010, "SH", b"CT"),
    )
    # By itself each change decides about one of these elements.
    plain = {"private": frozenset(), "kept": frozenset(), "written": WRITTEN, "sender": ""}
    for one in left:
        gate = Gate(HARMLESS)
        asked = [
            replace(Case(after=(*case().after, one), gate=gate), **{**plain, **extra})
            for extra in ({}, change, {}, change)
        ]
        alone = [passes(replace(a, gate=Gate(HARMLESS))) for a in asked]
        assert [passes(a) for a in asked] == alone


def test_the_character_set_of_the_input_is_part_of_what_is_remembered() -> None:
    gate = Gate(HARMLESS)
    name = "Иванов".encode("iso8859_5")
    for declared, found in (("ISO_IR 100", False), ("ISO_IR 144", True), ("ISO_IR 100", False), ("ISO_IR 144", True)):
        told = ((0x00080005, "CS", declared.encode()), (0x00100010, "PN", name), (0x00100020, "LO", b"1"))
        asked = replace(case().told(*told).left(DESCRIPTION, "LO", "Иванов".encode()), gate=gate)
        assert passes(asked) is not found


def test_the_same_bytes_in_two_encodings_are_two_things() -> None:
    gate = Gate(HARMLESS)
    # As Explicit VR this is an ultrasound length; as Implicit VR a value of 20565 bytes, cut short.
    odd = b"\x18\x00\x50\x00DS\x04\x001.25"
    for syntax in (EXPLICIT_VR_LE, IMPLICIT_VR_LE) * 2:
        asked = replace(case(syntax), gate=gate)
        assert passes(replace(asked, after=(*asked.after[:-2], odd, asked.after[-1]))) is (syntax == EXPLICIT_VR_LE)


def test_an_original_uid_is_found_in_an_element_that_was_clean_before() -> None:
    gate = Gate(HARMLESS)
    clean = replace(case().left(0x00200052, "UI", OTHER_UID.encode()), gate=gate)
    assert passes(clean)
    assert not passes(replace(clean, before=(*clean.before, element(0x00081155, "UI", OTHER_UID.encode()))))
    assert passes(clean)


def test_a_date_that_was_moved_before_is_found_where_it_has_not_moved() -> None:
    gate = Gate(HARMLESS)
    moved = replace(case(), gate=gate)
    assert passes(moved)
    assert not passes(replace(moved.told((0x00080020, "DA", b"20210705")), gate=gate))
    assert passes(moved)


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [
        (b"20240317", b"20240317", False),
        (b"20240317", b"2024.03.17", False),
        (b"2024.03.17", b"20240317", False),
        (b"20240317\\20240320", b"20240310\\20240313", True),
        (b"20240317\\20240320", b"20240314\\20240317", True),
        (b"20240317\\20240320", b"20240317\\20240320", False),
        (b"20240317\\20240320", b"20240320\\20240317", False),
        (b"20240317\\20240325", b"20240317\\20240320", False),
        (b"20240317", b"", True),
        (b"rubbish", b"20240317", True),
        (b"20240230", b"20240230", False),
    ],
)
def test_dates_pass_if_all_of_them_moved_by_the_same_days(before: bytes, after: bytes, passed: bool) -> None:
    told = case().told((0x00080021, "DA", before), (0x00080020, "DA", b"20240229"))
    assert passes(told.left(0x00080021, "DA", after)) is passed
    nested = Case(before=(*case().before, element(0x00080021, "DA", before, depth=2)))
    assert passes(nested.left(0x00080021, "DA", after, depth=2)) is passed


def test_a_constant_date_is_no_original_where_dates_are_removed() -> None:
    told = case().told((0x00080021, "DA", b"19000101")).left(0x00080021, "DA", b"19000101")
    assert not passes(told)
    assert passes(replace(told, written=(WRITTEN - {"MODIFIED"}) | {"REMOVED"}))


NAMES = st.sampled_from([b"QUENOUILLE", b"LEGRAND", b"LI^NA", b"THORAX", b"", "Zéphyrine".encode()])
LEFT = st.sampled_from(
    [b"THORAX", b"THORAX LEGRAND", b"quenouille", b"LI NA", "Zéphyrine".encode(), "Zéphyrine".encode("latin-1"), b""]
)
SENDERS = st.sampled_from(["", "LEGRAND", "THORAX"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(NAMES, LEFT, SENDERS, st.integers(0, 2), st.sampled_from([EXPLICIT_VR_LE, IMPLICIT_VR_LE])),
        max_size=12,
    )
)
def test_a_gate_that_has_seen_others_decides_as_one_that_has_not(
    asked: list[tuple[bytes, bytes, str, int, str]],
) -> None:
    gate = Gate(HARMLESS)
    for name, left, sender, depth, syntax in asked:
        told = case(syntax).told((0x00100010, "PN", name)).left(DESCRIPTION, "LO", left, depth, sender=sender)
        assert passes(replace(told, gate=gate)) is passes(replace(told, gate=Gate(HARMLESS)))


def test_a_memo_gives_what_its_function_gives_and_forgets_the_oldest() -> None:
    asked: list[bytes] = []

    def make(key: bytes) -> int:
        asked.append(key)
        return len(key)

    memo = Memo(make, 4, 100)
    keys = [bytes((number,)) for number in range(20)]
    for key in keys:
        assert memo[key] == 1
        assert memo[b"often"] == 5
        assert memo.held <= 8
    assert asked.count(b"often") == 1


def test_a_memo_holds_no_more_bytes_than_it_may_and_no_long_key() -> None:
    memo = Memo(len, 1000, 10_000)
    for number in range(200):
        memo[bytes(900) + bytes((number,))]
        assert sum(map(len, memo)) <= 10_000 + LONGEST_KEY
    assert memo.held <= 2 * (10_000 // 901)
    memo[bytes(LONGEST_KEY + 1)]
    assert bytes(LONGEST_KEY + 1) not in memo


def _held(gate: Gate) -> int:
    """How many elements, searches and needles a gate remembers."""
    rooms, heads, searches = gate._memories.values(), gate._heads.values(), gate._searches.values()
    memos = [memo for memory in rooms for memo in (memory.identifiers, memory._reader._heads)]
    memos += [*(one.top for one in heads), *(search.seen for search in searches)]
    nested = sum(len(one._nested) for one in heads)
    return (
        nested
        + len(gate._metas)
        + len(gate._senders)
        + len(gate._inputs._interned)
        + len(searches)
        + sum(memo.held for memo in memos)
    )


def _stranger(number: int) -> Case:
    """An object of which almost everything is new."""
    told = (
        (0x00100010, "PN", f"NOM{number}X^PRENOM".encode()),
        (0x00100020, "LO", f"IPP{number:07d}".encode()),
        (0x00080005, "CS", b"ISO_IR 100" if number % 2 else b"ISO_IR 192"),
        (0x00181151, "IS", str(number).encode()),
        (0x00204000, "LT", b"x" * (number % 5000)),
    )
    asked = case().told(*told, sender=f"AE{number}").left(0x00181151, "IS", str(number).encode())
    head = encode_meta(FileMeta(CT, NEW_UID[: 44 - number % 10], EXPLICIT_VR_LE))
    return replace(asked, head=head, private=frozenset({0x00190010 + number % 20}))


def test_what_a_gate_remembers_does_not_grow_with_the_number_of_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds are the same ones in small, so that they are reached."""
    small = {
        "needles": {"MOST_INTERNED": 60, "MOST_IDENTIFIERS": 40, "MOST_HEADS": 30},
        "gate": {"MOST_SEARCHES": 5, "MOST_INPUT_MEMORIES": 3, "MOST_METAS": 7, "MOST_SENDERS": 9},
        "search": {"MOST_SEEN": 20, "MOST_HEADS": 30},
    }
    for module, bounds in small.items():
        for name, bound in bounds.items():
            monkeypatch.setattr(f"fidac_node.deidentify.gate.{module}.{name}", bound)
    gate = Gate(HARMLESS)
    held = []
    for number in range(600):
        assert passes(replace(_stranger(number), gate=gate))
        held.append(_held(gate))
    assert max(held) <= 60 + 5 + 7 + 9 + 3 * 2 * (40 + 30) + 3 * (2 * 30 + 30) + 5 * 2 * 20
    assert max(held[300:]) <= max(held[:300]) + 20
    assert (len(gate._searches), len(gate._heads)) == (5, 3) and len(gate._memories) <= 3


def test_large_elements_leave_no_memory_behind() -> None:
    gate = Gate(HARMLESS)
    tracemalloc.start()
    try:
        for number in range(6):
            filler = f"NOM{number} ".encode() * (1 << 17)
            asked = case().told((0x00204000, "LT", filler[:0xFFFE]), (0x00104000, "UT", filler))
            assert passes(
                replace(asked.left(0x0040A160, "UT", b"THORAX " * (1 << 12) + bytes((48 + number,))), gate=gate)
            )
            gc.collect()
            used = tracemalloc.get_traced_memory()[0]
            if number == 1:
                first = used
        assert used - first < 1 << 20
    finally:
        tracemalloc.stop()
