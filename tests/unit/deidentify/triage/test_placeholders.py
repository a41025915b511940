"""Ids that stand for nobody are told from ids that stand for somebody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify.triage.placeholders import is_placeholder, matches

NOBODY = [
    "0",
    "1",
    "00",
    "0000",
    "99999999",
    "XXX",
    "----",
    "123",
    "1234",
    "123456789",
    "0123",
    "987654321",
    "UNKNOWN",
    "inconnu",
    "INCONNUE",
    "None",
    "N/A",
    "null",
    "ANON",
    "Anonymous",
    "ANONYME",
    "anonymized",
    "TEST",
    "test2",
    "TEST^PATIENT",
    "TEST-HOSPITAL",
    "QA",
    "QC_DAILY",
    "QA12",
    "PHANTOM",
    "phantom3",
    "FANTÔME",
    "patient",
    "ID",
    # words for nobody, together, with a number of at most two digits, in other scripts
    *(
        "UNKNOWN PATIENT",
        "NOT AVAILABLE",
        "NOT KNOWN",
        "NOTKNOWN",
        "UNKNOWN1",
        "INCONNU1",
        "ANON1",
        "ANON12",
        "ANONYMOUS PATIENT",
    ),
    *(
        "TEMP",
        "TMP",
        "SANS NUMERO",
        "SANS NOM",
        "PROVISOIRE",
        "URGENCE1",
        "TRAUMA1",
        "TRAUMA-12",
        "MR X",
        "DUMMY1",
        "PID",
        "NO PID",
    ),
    *(
        "NOID",
        "SANS-IPP",
        "John Doe",
        "DOE^JANE",
        "UNKNOWN_UNKNOWN",
        "TESTPATIENT",
        "TEST PATIENT 1",
        "URGENCE INCONNU 3",
    ),
    *("АНОНИМ", "неизвестно", "тест", "未知", "無名氏", "テスト", "익명", "Άγνωστος", "مجهول"),
    # test patients and phantoms
    *("DAILY QA", "ZZTEST", "ZZZTEST^ONE", "TESTING", "TEST0001", "CATPHAN", "CATPHAN 600", "ACR PHANTOM", "SERVICE"),
    # numbers
    *("7", "9", "X", "22", "77", "000001", "0009", "000123", "12345678901", "123456789012345", "12345678910"),
]
SOMEBODY = [
    "8003412765",
    "NDG-0047713",
    "LIDC-IDRI-0003",
    "ANON123",
    "12",
    "120",
    "321",
    "789",
    "1122",
    "10008",
    "CT",
    "P1",
    "S1",
    "TESTARD",
    "QAMAR",
    "A1234",
    "IPP8003412765",
    "PATIENT-17",
    "1234A",
    *(
        "98765",
        "0012",
        "100",
        "QC123456",
        "QA19384756",
        "A002304",
        "Lung_Dx-A0001",
        "COVID-19-AR-16424082",
        "PLASTIC",
        "2178309",
    ),
    *(
        "UNKNOWN123",
        "ANON-0123",
        "TEMPLE",
        "SERVICE2031",
        "PID12",
        "M12",
        "IDA",
        "NANCY",
        "ANNA",
        "HEAD-TEST-0003",
        "李娜",
        "Николай",
    ),
]


@pytest.mark.parametrize("patient_id", [*NOBODY, " unknown ", "UNKNOWN\x00", "Anonymous  "])
def test_an_id_that_stands_for_nobody_is_a_placeholder(patient_id: str) -> None:
    assert is_placeholder(patient_id)


@pytest.mark.parametrize("patient_id", [*SOMEBODY, "", "  "])
def test_an_id_that_tells_patients_apart_is_none(patient_id: str) -> None:
    assert not is_placeholder(patient_id)


@pytest.mark.parametrize(
    ("patient_id", "held"),
    [("URG-0815", True), ("urg-7", True), ("TMP0001", True), ("TMP00012", False), ("XURG-1", False)],
)
def test_a_site_names_further_ones_with_wild_cards(patient_id: str, *, held: bool) -> None:
    assert is_placeholder(patient_id, ["Urg-*", "TMP????"]) == held


def test_names_are_compared_without_case_and_accents() -> None:
    assert matches("Zztest^Hélène", ["ZZTEST^HELENE"]) and not matches("", ["*A"])


@given(st.text(max_size=12))
def test_spelling_decides_nothing(text: str) -> None:
    assert is_placeholder(text) == is_placeholder(f" {text}\x00")
