"""What the record of acts says of a question: enough to know what was asked, and nobody's name."""

from __future__ import annotations

import datetime

import pytest

from fidac_node.hub.index.query import StudyFilter
from fidac_node.hub.index.words import words


def test_a_question_is_said_by_the_filters_that_are_set() -> None:
    wanted = StudyFilter(
        site="LILLE", since=datetime.date(2020, 1, 31), modality="CT", max_slice_thickness=1.5, case_sensitive=True
    )
    assert words("studies", wanted) == ("studies: site LILLE, since 2020-01-31, modality CT, max_slice_thickness 1.5")
    assert words("patients", StudyFilter()) == "patients: all"


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        ("A2B3C4-ABCDEFGHIJKLMNOP", "A2B3C4-ABCDEFGHIJKLMNOP"),
        ("a2b3c4-*", "a2b3c4-*"),
        ("QUENOUILLE^MARIE", "(no pseudonym, 16 characters)"),
        ("QUENOUILLE-MARIE ANNE", "(no pseudonym, 21 characters)"),
        ("7770001114", "(no pseudonym, 10 characters)"),
    ],
)
def test_who_asks_with_a_true_name_does_not_have_it_written_down(patient: str, said: str) -> None:
    assert words("studies", StudyFilter(patient=patient)) == f"studies: patient {said}"
    assert words("studies", StudyFilter(name=patient)) == f"studies: name {said}"


def test_uids_of_ours_are_said_and_the_first_of_many_alone() -> None:
    assert words("series", StudyFilter(study_uid="2.25.7")) == "series: study_uid 2.25.7"
    assert words("series", StudyFilter(study_uid="1.2.840.99.1")) == "series: study_uid (no UID of ours)"
    many = "\\".join(f"2.25.{number}" for number in range(9))
    assert words("instances", StudyFilter(sop_uid=many)) == "instances: sop_uid 2.25.0, 2.25.1, 2.25.2 and 6 more"
    assert len(words("series", StudyFilter(model="x" * 500))) < 100
