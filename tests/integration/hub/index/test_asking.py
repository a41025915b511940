"""Pages that stay right, other orders, counts and follow-ups: the same answers by both databases."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from peewee import Database

from fidac_node.errors import ConfigError, NotFound
from fidac_node.hub.index import add_site, prepare
from fidac_node.hub.index.followup import follow_ups
from fidac_node.hub.index.groups import KEYS, count
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.order import NAMED_BY
from fidac_node.hub.index.query import find
from fidac_node.hub.index.rows import LEVELS, StudyRow
from tests.hub_objects import data_set, uid
from tests.integration.hub.query.asking import file

ALL = StudyFilter()


@pytest.fixture
def db(empty: Database, tmp_path: Path) -> Database:
    prepare(empty)
    for site in ("LILLE", "PARIS"):
        add_site(empty, site, f"{site}_NODE")
    dates = {1: "20040110", 2: None, 3: "20031231", 4: None}
    objects = [
        (
            data_set(patient, study, series, instance, StudyDate=dates[study], InstanceNumber=instance % 2 or None),
            "LILLE",
        )
        for patient in (1, 2)
        for study in dates
        for series in (1, 2)
        for instance in (1, 2, 3)
    ]
    other = {"site": "PARIS", "ConvolutionKernel": "FC51", "PatientAge": "062Y", "label": "NEGATIVE"}
    file(empty, tmp_path, [*objects, (data_set(3, **other), "PARIS")])  # type: ignore[arg-type]
    return empty


@pytest.mark.parametrize("level", LEVELS)
def test_pages_together_are_the_whole_in_its_order_whatever_has_no_value(db: Database, level: str) -> None:
    whole, paged, after = list(find(db, level, ALL)), [], ""
    name = NAMED_BY[level][0]
    while page := list(find(db, level, ALL, 2, after=after)):
        paged += page
        after = getattr(page[-1], name)
    assert paged == whole and len(whole) > 2


def test_a_page_stays_right_while_data_arrive_and_go(db: Database, tmp_path: Path) -> None:
    before = list(find(db, "studies", ALL))
    first = list(find(db, "studies", ALL, 4))
    file(db, tmp_path, [(data_set(1, 9, StudyDate="19990101"), "LILLE"), (data_set(9, 1), "LILLE")])
    rest = list(find(db, "studies", ALL, after=first[-1].StudyInstanceUID))
    uids = [row.StudyInstanceUID for row in (*first, *rest)]
    assert len(set(uids)) == len(uids) and {row.StudyInstanceUID for row in before} <= set(uids)
    assert uid(9, 1) in uids


def test_a_page_after_nothing_or_after_two_says_so(db: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="begin again"):
        list(find(db, "series", ALL, after="2.25.99"))
    file(db, tmp_path, [(data_set(3, site="LILLE"), "LILLE")])
    with pytest.raises(ConfigError, match="say which with --site"):
        list(find(db, "studies", ALL, after=uid(3, 1)))
    assert list(find(db, "studies", StudyFilter(site="PARIS"), after=uid(3, 1))) == []


def test_rows_are_sorted_by_what_is_asked_and_then_as_usual(db: Database) -> None:
    rows = list(find(db, "instances", ALL, 5, sort=["-PatientID", "StudyInstanceUID"]))
    assert [row.PatientID for row in rows] == ["PSEUDO0003"] + ["PSEUDO0002"] * 4
    assert {row.StudyInstanceUID for row in rows[1:]} == {uid(2, 1)}
    assert [row.instances for row in find(db, "patients", ALL, sort=["instances"])] == [1, 24, 24]
    assert len(list(find(db, "series", ALL, sort=["received_week", "-PixelSpacing", "label"]))) == 17
    with pytest.raises(ConfigError, match="cannot be sorted by 'Modality'"):
        list(find(db, "studies", ALL, sort=["Modality"]))


def test_every_key_counts_each_row_once_and_sums_what_there_is(db: Database) -> None:
    for level in LEVELS:
        for key in KEYS:
            rows = list(count(db, level, ALL, [key]))
            total = {name: sum(row[name] for row in rows) for name in ("series", "instances")}
            assert total == {"series": 17, "instances": 49}, (level, key)
    with pytest.raises(ConfigError, match="cannot be counted by 'x'"):
        list(count(db, "studies", ALL, ["x"]))


def test_counts_are_of_what_matches_by_several_keys(db: Database) -> None:
    (lille, paris) = count(db, "studies", ALL, ["site", "label"])
    assert lille == {**lille, "site": "LILLE", "label": "certain", "patients": 2, "studies": 8, "series": 16}
    assert paris == {**paris, "site": "PARIS", "label": "negative", "patients": 1, "studies": 1, "instances": 1}
    found = {row["month"]: row["studies"] for row in count(db, "studies", StudyFilter(site="lille"), ["month"])}
    assert found == {None: 4, "2003-12": 2, "2004-01": 2}
    assert [(row["kernel"], row["studies"]) for row in count(db, "studies", StudyFilter(kernel="fc*"), ["kernel"])] == [
        ("FC51", 1)
    ]
    assert [row["age"] for row in count(db, "studies", ALL, ["age"])] == ["50-59", "60-69"]
    (week,) = count(db, "instances", ALL, ["received-week"])
    assert week["received-week"] == datetime.datetime.now(datetime.UTC).strftime("%G-W%V")


def test_who_came_again_has_the_days_between_where_both_dates_are_known(db: Database) -> None:
    studies = [row for row in find(db, "studies", ALL) if isinstance(row, StudyRow)]
    found = list(follow_ups(studies, by_patient=False))
    assert {row["PatientID"] for row in found} == {"PSEUDO0001", "PSEUDO0002"} and len(found) == 8
    dated = [row for row in found if row["StudyDate"]][:2]
    assert [row["days_since_first"] for row in dated] == [0, 10] and dated[1]["days_since_previous"] == 10
    (first, _) = follow_ups(studies, by_patient=True)
    assert (first["exams"], first["days"], sorted(map(str, first["intervals"]))) == (4, 10, ["10", "None", "None"])
