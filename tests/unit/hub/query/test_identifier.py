"""An identifier as bytes, and the question that it becomes."""

from __future__ import annotations

import datetime
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.hub.index import COLUMNS, StudyFilter
from fidac_node.hub.query.identifier import Refused, question, read
from fidac_node.hub.query.keys import KEYS, LEVELS

ALLOWED = StudyFilter(case_sensitive=True, confined_to="LUNG")


def element(tag: int, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value


def asked(level: str = "STUDY", top: str = "STUDY", **keys: str) -> StudyFilter | None:
    values = {0x00080052: level, **{KEYS[keyword].tag: value for keyword, value in keys.items()}}
    encoded = b"".join(element(tag, values[tag].encode()) for tag in sorted(values))
    return question(read(encoded, IMPLICIT_VR_LE), top, ALLOWED)


@pytest.mark.parametrize(
    ("keys", "fields"),
    [
        ({"StudyTime": "10"}, {"time_since": "100000", "time_until": "105959.999999"}),
        ({"StudyTime": "1030-"}, {"time_since": "103000"}),
        ({"StudyTime": "-103000.5"}, {"time_until": "103000.5"}),
        ({"StudyTime": "10:30:15"}, {"time_since": "103015", "time_until": "103015.999999"}),
        ({"StudyDate": "2005.06.01"}, {"since": datetime.date(2005, 6, 1), "until": datetime.date(2005, 6, 1)}),
        (
            {"StudyDate": "20050601 - 20050602"},
            {"since": datetime.date(2005, 6, 1), "until": datetime.date(2005, 6, 2)},
        ),
        ({"StudyInstanceUID": "1.2\\1.3"}, {"study_uid": "1.2\\1.3"}),
        ({"PatientName": "PSEUDO^^"}, {"name": "PSEUDO"}),
        ({"ModalitiesInStudy": "CT"}, {"modalities_in_study": "CT"}),
        ({"Modality": "MR"}, {}),
    ],
    ids=str,
)
def test_each_key_becomes_its_part_of_the_question(keys: dict[str, str], fields: dict[str, Any]) -> None:
    assert asked(**keys) == StudyFilter(case_sensitive=True, confined_to="LUNG", **fields)


def test_what_a_client_may_see_cannot_be_widened_by_asking() -> None:
    wanted = asked(ClinicalTrialProtocolID="*A")
    assert wanted is not None and (wanted.programme, wanted.confined_to) == ("*A", "LUNG")


def test_a_key_that_nobody_has_a_value_for_matches_nothing_unless_it_is_universal() -> None:
    assert asked(AccessionNumber="1") is None
    assert asked(AccessionNumber="*") == asked(AccessionNumber="") == ALLOWED


def test_every_key_has_its_column_and_its_filter() -> None:
    for keyword, key in KEYS.items():
        assert not key.column or key.column in COLUMNS[LEVELS[key.level]], keyword
        assert not key.filter or hasattr(ALLOWED, key.filter), keyword


def answerable(encoded: bytes, syntax: str, top: str) -> bool:
    """Whether it is a question; if not, it is refused with a status of PS3.4 Table C.4-1, and nothing else happens."""
    try:
        question(read(encoded, syntax), top, ALLOWED)
    except Refused as error:
        if error.status not in (0xA900, 0xC001):
            raise
        return False
    return True


@given(st.binary(max_size=200), st.sampled_from([EXPLICIT_VR_LE, IMPLICIT_VR_LE]), st.sampled_from(list(LEVELS)[:2]))
def test_random_bytes_are_never_a_question(encoded: bytes, syntax: str, top: str) -> None:
    assert not answerable(encoded, syntax, top)


@given(st.dictionaries(st.sampled_from(sorted(KEYS)), st.text(max_size=40), max_size=6))
def test_any_values_are_a_question_or_refused(values: dict[str, str]) -> None:
    keys = {KEYS[name].tag: value.encode() for name, value in values.items()}
    keys |= {0x00080005: b"ISO_IR 192", 0x00080052: b"STUDY"}
    answerable(b"".join(element(tag, keys[tag]) for tag in sorted(keys)), IMPLICIT_VR_LE, "STUDY")


def test_the_documentation_lists_every_key_at_its_level() -> None:
    text = (Path(__file__).parents[4] / "docs/query.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| (PATIENT|STUDY|SERIES|IMAGE)( alone)? \| (.+?) \|", text, re.MULTILINE)
    assert [(keyword, level, bool(alone)) for keyword, level, alone, _ in rows] == [
        (keyword, key.level, key.alone) for keyword, key in KEYS.items()
    ]
    unmatched = {keyword for keyword, _, _, matched in rows if matched in ("returned", "no value matches")}
    assert unmatched == {keyword for keyword, key in KEYS.items() if not key.filter}
