"""Before and after: every element of either side has its row, and a screen shows what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify.source import read_source
from fidac_node.deidentify.tools.diff import KEPT, LONGEST_SHOWN, Row, compare, text_of
from fidac_node.dicom.elements import DataSet, Node
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, dataset, enhanced, run, write

UTF8, LATIN1 = ("ISO_IR 192",), ("ISO_IR 100",)
ITEMS = ("removed", "emptied", "replaced", "shifted", "added", KEPT)


def header(encoded: bytes) -> DataSet:
    return read_source(encoded, build.LIMIT).nodes()


def rows(tmp_path: Path, ds: build.Dataset, syntax: str = EXPLICIT_VR_LE) -> dict[str, Row]:
    path = write(tmp_path / "a.dcm", ds, syntax)
    before, after = header(path.read_bytes()), header(run(path)[0])
    return {row.path: row for row in compare(before, after, little=syntax != EXPLICIT_VR_BE)}


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE])
def test_each_kind_of_change_is_named(tmp_path: Path, syntax: str) -> None:
    found = rows(tmp_path, ct(RequestAttributesSequence=[dataset(RequestedProcedureID="RP-77120")]), syntax)
    name = found["(0010,0010)"]
    assert (name.keyword, name.before, name.action) == ("PatientName", "QUENOUILLE^Zéphyrine", "replaced")
    assert name.after is not None and name.after.startswith("S1-")
    assert found["(0008,0020)"].before == "20240317" and found["(0008,0020)"].action == "shifted"
    assert found["(0010,0030)"].action == "emptied" and found["(0010,0030)"].after == ""
    assert found["(0010,1040)"].action == "removed" and found["(0010,1040)"].after is None
    assert found["(0018,0060)"] == Row("(0018,0060)", "KVP", "120", "120", KEPT)
    assert found["(0012,0062)"] == Row("(0012,0062)", "PatientIdentityRemoved", None, "YES", "added")
    assert found["(0028,0010)"].before == "4" and found["(0028,0010)"].action == KEPT
    assert found["(0040,0275)[1].(0040,1001)"].before == "RP-77120"


def test_items_are_held_against_each_other_by_place(tmp_path: Path) -> None:
    found = rows(tmp_path, enhanced(3))
    for number in (1, 2, 3):
        row = found[f"(5200,9230)[{number}].(0020,9113)[1].(0020,0032)"]
        assert (row.before, row.action) == (f"0\\0\\{number - 1}", KEPT)
        assert found[f"(5200,9230)[{number}].(0020,9111)[1].(0018,9151)"].action == "shifted"
    assert found["(5200,9230)"].before == "<3 items>"


def test_the_pixel_data_has_no_row(tmp_path: Path) -> None:
    assert "(7FE0,0010)" not in rows(tmp_path, ct())


NODES = st.recursive(
    st.builds(
        Node,
        st.just(0),
        st.sampled_from(["LO", "US", "OB", "UN", "DA", "AT", "FD", ""]),
        st.binary(max_size=40),
        st.none(),
    ),
    lambda below: st.builds(
        lambda items: Node(0, "SQ", b"", tuple(items)),
        st.lists(st.dictionaries(st.integers(0x00080001, 0x7FE00020), below, max_size=3), max_size=3),
    ),
    max_leaves=8,
)


def placed(found: dict[int, Node]) -> DataSet:
    return {
        tag: node._replace(tag=tag, items=None if node.items is None else tuple(placed(item) for item in node.items))
        for tag, node in sorted(found.items())
    }


def paths(data_set: DataSet, above: str = "") -> set[str]:
    found = set()
    for tag, node in data_set.items():
        path = f"{above}({tag >> 16:04X},{tag & 0xFFFF:04X})"
        found.add(path)
        for number, item in enumerate(node.items or (), 1):
            found |= paths(item, f"{path}[{number}].")
    return found


DATA_SETS = st.dictionaries(st.integers(0x00080001, 0x7FE00008), NODES, max_size=5).map(placed)


@given(DATA_SETS, DATA_SETS)
def test_every_element_of_either_side_has_one_row(before: DataSet, after: DataSet) -> None:
    found = compare(before, after)
    expected = {
        path for path in paths(before) | paths(after) if "(7FE0,0010)" not in path
    }  # pixels are not looked into
    assert [row.path for row in found] == list(dict.fromkeys(row.path for row in found))
    assert {row.path for row in found} >= expected
    for row in found:
        assert row.action in ITEMS
        for text in (row.before, row.after):
            assert text is None or (text.isprintable() and len(text) <= LONGEST_SHOWN + 40)


@given(DATA_SETS)
def test_nothing_changes_between_a_header_and_itself(data_set: DataSet) -> None:
    assert {row.action for row in compare(data_set, data_set)} <= {KEPT}


@pytest.mark.parametrize(
    ("vr", "before", "after", "action"),
    [
        ("LT", b"x" * 99 + b"a", b"x" * 99 + b"b", "replaced"),  # alike as far as they are shown
        ("LT", b"Z\xe9 ", b"Z\xc3\xa9", KEPT),  # the same letters
        ("US", b"\x01\x00", b"\x00\x00", "replaced"),
        ("US", b"\x01\x00", b"", "emptied"),
        ("LO", b"a", b"  ", "emptied"),
        ("DT", b"2024", b"2020", "shifted"),
        ("OB", b"\x01\x02", b"\x01\x03", "replaced"),
    ],
)
def test_an_action_is_told_from_whole_values(vr: str, before: bytes, after: bytes, action: str) -> None:
    charsets = (
        {0x00080005: Node(0x00080005, "CS", b"ISO_IR 100", None)},
        {0x00080005: Node(0x00080005, "CS", b"ISO_IR 192", None)},
    )
    sides = (
        one | {0x00091010: Node(0x00091010, vr, value, None)}
        for one, value in zip(charsets, (before, after), strict=True)
    )
    assert compare(*sides)[1].action == action


@pytest.mark.parametrize(
    ("tag", "vr", "value", "declared", "text"),
    [
        (0x00100010, "PN", b"Z\xc3\xa9phyrine", UTF8, "Zéphyrine"),
        (0x00100010, "", b"Z\xe9phyrine ", LATIN1, "Zéphyrine"),
        (0x00280010, "US", b"\x04\x00\x05\x00", (), "4\\5"),
        (0x00280010, "US", b"\x04", (), "<1 bytes>"),
        (0x00189306, "", b"\x00\x00\x00\x00\x00\x00\xe4\x3f", (), "0.625"),
        (0x00280009, "AT", b"\x18\x00\x63\x10", (), "(0018,1063)"),
        (0x00091010, "UN", b"QUENOUILLE", (), "QUENOUILLE"),
        (0x00091010, "OB", b"\x00\x01", (), "<2 bytes>"),
        (0x00204000, "LT", b"\x1b[2Ja\nb", (), "\\x1b[2Ja\\x0ab"),
        (0x00204000, "LT", b"x" * 100, (), "x" * 63 + "… (100 characters)"),
        (0x00186011, "UL", b"\x01\x00\x00\x00" * 9, (), "1\\1\\1\\1\\1\\1\\1\\1\\… (9 values)"),
    ],
)
def test_a_value_is_shown_as_one_line_of_text(
    tag: int, vr: str, value: bytes, declared: tuple[str, ...], text: str
) -> None:
    assert text_of(Node(tag, vr, value, None), declared) == text


def test_the_raw_header_of_a_scanner_is_compared(shared_data: Callable[[str], Path]) -> None:
    path = min(shared_data("philips_phantom_raw_header").iterdir())
    found = {row.keyword: row for row in compare(header(path.read_bytes()), header(run(path)[0])) if row.keyword}
    assert found["InstitutionName"].before is not None and found["InstitutionName"].after in (None, "")
    assert found["KVP"].action == KEPT
