from __future__ import annotations

import pytest
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from fidac_node.send.classify import Fate, classify

DONE = (0x0000, 0xB000, 0xB006, 0xB007, 0xB123, 0x0001, 0x0107, 0x0116)
TEMPORARY = (0xA700, 0xA701, 0xA7FF, 0x0110, 0x0124, 0x0210, 0x0213, 0xFE00, 0xFF00, 0x0999, 0x1234, 0xD000, 0xFFFF)
# About the request or the hub, and not about the object.
TEMPORARY_TOO = (0x0112, 0x0114, 0x0115, 0x0211, 0x0212)
PERMANENT = (
    0xA900,
    0xA9FF,
    0xC000,
    0xC001,
    0xCFFF,
    0x0105,
    0x0106,
    0x0111,
    0x0117,
    0x0118,
    0x0119,
)
PERMANENT_TOO = (0x0120, 0x0121, 0x0122)


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        *((status, Fate.DONE) for status in DONE),
        *((status, Fate.TEMPORARY) for status in TEMPORARY + TEMPORARY_TOO),
        *((status, Fate.PERMANENT) for status in PERMANENT + PERMANENT_TOO),
    ],
    ids=lambda value: f"{value:04X}" if isinstance(value, int) else value.value,
)
def test_every_status_has_one_fate(status: int, fate: Fate) -> None:
    assert classify(status).fate is fate


def test_every_status_that_is_not_done_says_what_to_do() -> None:
    for status in range(0x10000):
        verdict = classify(status)
        assert verdict.meaning
        assert verdict.advice or verdict.fate is Fate.DONE, f"{status:04X}"


def test_only_a_missing_authorisation_is_about_the_node_rather_than_the_object() -> None:
    assert [status for status in range(0x10000) if classify(status).for_all] == [0x0124]


def test_a_warning_of_the_standard_is_done_and_a_failure_never_is() -> None:
    for status, (category, _) in STORAGE_SERVICE_CLASS_STATUS.items():
        if category in ("Success", "Warning"):
            assert classify(status).fate is Fate.DONE, f"{status:04X}"
        elif category == "Failure":
            assert classify(status).fate is not Fate.DONE, f"{status:04X}"


def test_a_verdict_reads_as_a_sentence() -> None:
    assert str(classify(0xA700)) == "the hub is out of resources: look at its disk; it is sent again by itself"
    assert str(classify(0x0000)) == "stored"
