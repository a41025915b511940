"""Which attributes the gate takes for identity: all that exist, and none that a programme lets through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fidac_node.deidentify import load_plan
from fidac_node.deidentify.gate import identifying
from fidac_node.deidentify.gate.identifying import Kind, nature_of
from fidac_node.dicom.dictionary import keyword_of, vrs_of

TABLES = (identifying._PERSONS, identifying._PLACES, identifying._CODED_PERSONS, identifying._CODED_PLACES)
PASSING = {"keep", "clean", "listed", "shift", "age89", "contrast"}


def test_every_attribute_of_the_tables_is_named_as_in_ps3_6() -> None:
    lines = re.findall(r"0x([0-9A-F]{8}): Kind\.[A-Z]+,  # (\w+)", Path(identifying.__file__).read_text("utf-8"))
    assert len(lines) == sum(map(len, TABLES))
    assert [(tag, keyword_of(int(tag, 16))) for tag, _ in lines] == lines


@pytest.mark.parametrize("programme", ["fidac-chest-ct", "fidac-chest-ct-device", "basic-only"])
def test_no_programme_lets_an_identity_through_that_it_does_not_name(programme: str) -> None:
    plan = load_plan(programme)
    for tag in {**identifying._PERSONS, **identifying._PLACES}:
        for vr in vrs_of(tag):
            assert tag in plan.kept or plan.action(tag, vr) not in PASSING, f"{tag:08X}"


def test_what_is_kept_by_name_is_known_to_say_which_device_it_was() -> None:
    for tag in load_plan("fidac-chest-ct-device").kept:
        for vr in vrs_of(tag):
            nature = nature_of((tag,), vr)
            assert nature.place or nature.kind is None, f"{tag:08X}"


@pytest.mark.parametrize(
    ("path", "vr", "kind"),
    [
        ((0x00100010,), "PN", Kind.NAME),
        ((0x00100010,), "UN", Kind.NAME),
        ((0x00081070,), "LO", Kind.NAME),
        ((0x00291001,), "PN", Kind.NAME),
        ((0x00080055,), "", Kind.IDENTIFIER),
        ((0x04000561, 0x04000550, 0x00100020), "LO", Kind.IDENTIFIER),
        ((0x00401101, 0x00080104), "LO", Kind.NAME),
        ((0x00080082, 0x00080100), "SH", Kind.IDENTIFIER),
        ((0x00082218, 0x00080104), "LO", None),
        ((0x00080020,), "DA", Kind.DATE),
        ((0x00080060,), "CS", None),
    ],
)
def test_an_attribute_is_known_by_tag_by_vr_and_by_its_place(path: tuple[int, ...], vr: str, kind: Kind | None) -> None:
    assert nature_of(path, vr).kind is kind
