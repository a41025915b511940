"""Asking a large index: what spares reading every instance must not show in what is found."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import Database

from fidac_node.dicom.marks import LABELS
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.index import StudyFilter, add_site, find, prepare, query, totals
from fidac_node.hub.index.migrations import STEPS
from fidac_node.hub.index.models import Instance, Patient, Series, Site, Study, label_bit
from fidac_node.hub.index.rebuild import reindex
from fidac_node.hub.index.record import Acquisition, Description, record
from fidac_node.hub.weeks import monday
from fidac_node.system.database import ask, connect, insert, migrate, snapshot
from tests.hub_objects import CT, uid

DAY = datetime.datetime(2026, 1, 1, 12)


def described(
    study: int, series: int, instance: int, *, label: str, thickness: float | None, day: int, **other: Any
) -> Description:
    acquisition = Acquisition(
        "CT", "CHEST", "SIEMENS", "Force", f"B{series}0f", 120.0, thickness, 0.7, 0.7, 512, 512, False, ""
    )
    return Description(
        Place("LILLE", uid(study), uid(study, series), uid(study, series, instance)),
        *("PSEUDO", "F", DAY.date(), "054Y", "FIDAC", "fidac-chest-ct", "ab" * 32, label, "called-ae", acquisition),
        *(CT, "1.2.840.10008.1.2.1", instance, 1, False, 1000 + instance, DAY + datetime.timedelta(days=day)),
    )


@st.composite
def descriptions(draw: st.DrawFn) -> list[Description]:
    """Instances of a few series that disagree within themselves, some twice, in any order."""
    places = draw(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 5)), max_size=12))
    return [
        described(
            *place,
            label=draw(st.sampled_from(LABELS)),
            thickness=draw(st.sampled_from([None, 0.5, 1.0, 2.5])),
            day=draw(st.integers(0, 12)),
        )
        for place in places
    ]


@pytest.fixture
def db(empty: Database) -> Database:
    prepare(empty)
    add_site(empty, "LILLE", "LILLE_NODE")
    return empty


def emptied(db: Database) -> None:
    for model in (Instance, Series, Study):
        model.delete().execute(db)


several = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@several
@given(arrived=descriptions(), size=st.integers(1, 5))
def test_sums_are_those_of_the_instances_however_these_arrived(
    db: Database, arrived: list[Description], size: int
) -> None:
    emptied(db)
    for start in range(0, len(arrived), size):
        record(db, arrived[start : start + size])
    kept = {new.place.sop: new for new in reversed(arrived)}.values()
    assert totals(db)["instances"] == len(kept)
    sums = Series.select(
        Series.instances, Series.bytes, Series.received_at, Series.thinnest, Series.labels, Series.series_instance_uid
    )
    for instances, size_in_bytes, received_at, thinnest, labels, series in sums.tuples().execute(db):
        of_series = [new for new in kept if new.place.series == series]
        assert (instances, size_in_bytes) == (len(of_series), sum(new.bytes for new in of_series))
        assert received_at == max(new.received_at for new in of_series)
        assert thinnest == min(
            (new.acquisition.slice_thickness for new in of_series if new.acquisition.slice_thickness), default=None
        )
        assert labels == sum({label_bit(new.label) for new in of_series})
    for series_count, instances, size_in_bytes, study in (
        Study.select(Study.series, Study.instances, Study.bytes, Study.study_instance_uid).tuples().execute(db)
    ):
        of_study = [new for new in kept if new.place.study == study]
        assert (series_count, instances) == (len({new.place.series for new in of_study}), len(of_study))
        assert size_in_bytes == sum(new.bytes for new in of_study)


@several
@given(
    arrived=descriptions(),
    label=st.sampled_from(["", *LABELS, "nonsense"]),
    thickness=st.sampled_from([None, 0.5, 1.0, 3.0]),
    day=st.sampled_from([None, 1, 3, 9]),
    kernel=st.sampled_from(["", "b10f", "b*"]),
    limit=st.sampled_from([None, 1, 3]),
    portion=st.integers(1, 4),
)
def test_instances_are_found_as_if_each_were_looked_at(
    db: Database,
    arrived: list[Description],
    label: str,
    thickness: float | None,
    day: int | None,
    kernel: str,
    limit: int | None,
    portion: int,
) -> None:
    emptied(db)
    record(db, arrived)
    since = None if day is None else (DAY + datetime.timedelta(days=day)).date()
    wanted = StudyFilter(label=label, max_slice_thickness=thickness, received_since=since, kernel=kernel)
    kernels = dict(Series.select(Series.series_instance_uid, Series.kernel).tuples().execute(db))
    expected = [
        new.place.sop
        for new in {new.place.sop: new for new in reversed(arrived)}.values()
        if label in ("", new.label)
        and (
            thickness is None
            or (new.acquisition.slice_thickness is not None and new.acquisition.slice_thickness <= thickness)
        )
        and (since is None or new.received_at.date() >= monday(since))
        and (kernel in ("", "b*") or kernels[new.place.series].lower() == kernel)
    ]
    expected.sort(key=lambda sop: (sop.rpartition(".")[0], int(sop.rpartition(".")[2])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query, "_PORTION", portion)
        patch.setattr(query, "_PAGE", portion)
        found = [row.SOPInstanceUID for row in find(db, "instances", wanted, limit)]
    assert found == expected[:limit]


@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_who_asks_while_the_index_is_made_anew_sees_the_old_rows_to_the_last(
    db: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setattr(query, "_PAGE", 1)
    monkeypatch.setattr(query, "_PORTION", 1)
    record(db, [described(number, 1, 1, label="certain", thickness=1.0, day=0) for number in range(1, 6)])
    rows = find(db, level, StudyFilter())
    seen = [next(rows)]
    with connect(database_url, tmp_path) as other:
        reindex(Archive(tmp_path / "archive"), other)
        assert totals(other)["instances"] == 0
    assert len([*seen, *rows]) == 5
    assert list(find(db, level, StudyFilter())) == []


def test_who_stops_asking_halfway_leaves_nothing_open(db: Database) -> None:
    record(db, [described(1, 1, number, label="certain", thickness=1.0, day=0) for number in range(1, 6)])
    rows = find(db, "instances", StudyFilter())
    next(rows)
    rows.close()
    assert not db.in_transaction()
    with snapshot(db):
        assert len(list(find(db, "instances", StudyFilter()))) == 5
        assert db.in_transaction()


def test_an_index_of_before_is_narrowed_as_one_of_today(empty: Database) -> None:
    migrate(empty, STEPS[:2])
    insert(empty, Site, ["id", "added_at"], [("LILLE", DAY)])
    insert(empty, Patient, ["id", "site_id", "pseudonym", "sex"], [(1, "LILLE", "PSEUDO", "F")])
    blank = {
        "programme": "",
        "patient_age": "",
        "label_source": "",
        "read_from": "",
        "label": "",
        "bytes": 0,
        "instances": 0,
        "received_at": DAY,
    }
    study = {"id": 1, "site_id": "LILLE", "patient_id": 1, "study_instance_uid": "1", "series": 3, **blank}
    insert(empty, Study, list(study), [list(study.values())])
    texts = (
        "modality",
        "body_part",
        "manufacturer",
        "model",
        "kernel",
        "contrast_agent",
        "label",
        "label_source",
        "read_from",
    )
    series = {
        "study_id": 1,
        "contrast": False,
        "bytes": 0,
        "instances": 0,
        "received_at": DAY,
        **dict.fromkeys(texts, ""),
    }
    names = ["id", "series_instance_uid", *series]
    insert(empty, Series, names, [(number, f"1.{number}", *series.values()) for number in (1, 2, 3)])
    instance = {
        "site_id": "LILLE",
        "sop_class_uid": CT,
        "transfer_syntax_uid": "1",
        "frames": 1,
        "label_source": "",
        "bytes": 0,
        "received_at": DAY,
    }
    rows = [(1, "certain", 1.0), (1, "unknown", 0.5), (1, "unknown", None), (2, "negative", None)]
    names = ["series_id", "label", "slice_thickness", "sop_instance_uid", *instance]
    insert(empty, Instance, names, [(*row, str(number), *instance.values()) for number, row in enumerate(rows)])
    prepare(empty)
    assert ask(empty, "SELECT series_instance_uid, thinnest, labels FROM series ORDER BY id") == [
        ("1.1", 0.5, label_bit("certain") + label_bit("unknown")),
        ("1.2", None, label_bit("negative")),
        ("1.3", None, 0),
    ]
