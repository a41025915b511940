"""What a hub's pages tell at a glance, on each database: how much there is, what came on which day, how sites stand."""

from __future__ import annotations

import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from peewee import Database

from fidac_node.errors import NotFound, Permanent
from fidac_node.hub.index import StudyFilter, add_site, prepare
from fidac_node.hub.index.duplicates import duplicates, duplicates_of
from fidac_node.hub.index.held import HeldObject, note_held
from fidac_node.hub.index.journal import Answered, Presence, note_answers, note_presences
from fidac_node.hub.index.models import Instance, Study
from fidac_node.hub.index.record import describe, record
from fidac_node.operations import held
from fidac_node.operations.overview import DAYS, arrivals, figures, sites
from fidac_node.operations.setup import init_hub
from fidac_node.operations.uses import Who, hub_uses, on_behalf
from fidac_node.spool.queue import Spool
from tests.hub_objects import data_set, encoded, put, uid

PARIS = ZoneInfo("Europe/Paris")
ALL = StudyFilter()


@pytest.fixture
def db(empty: Database, tmp_path: Path) -> Database:
    prepare(empty)
    add_site(empty, "LILLE", "LILLE_NODE")
    add_site(empty, "PARIS", "PARIS_NODE")
    add_site(empty, "BREST", "BREST_NODE")
    for site, objects in {
        "LILLE": [data_set(1, 1, 1, 1), data_set(1, 1, 1, 2), data_set(1, 2, 1, 1), data_set(2, 1, 1, 1)],
        "PARIS": [data_set(3, 1, 1, 1, site="PARIS", ClinicalTrialProtocolID="OTHER")],
    }.items():
        paths = [tmp_path / f"{site}{number}.dcm" for number in range(len(objects))]
        for path, ds in zip(paths, objects, strict=True):
            path.write_bytes(encoded(ds))
        record(empty, [describe(path, site) for path in paths])
    return empty


def came_at(db: Database, *moments: str) -> None:
    """Let the studies have come at these moments (UTC)."""
    numbers = [number for (number,) in Study.select(Study.id).order_by(Study.id).tuples().execute(db)]
    for number, moment in zip(numbers, moments, strict=True):
        Study.update(received_at=datetime.datetime.fromisoformat(moment)).where(Study.id == number).execute(db)


def test_figures_are_of_what_may_be_seen(db: Database) -> None:
    found = figures(db, ALL)
    assert (found.sites, found.patients, found.studies, found.series, found.instances) == (2, 3, 4, 4, 5)
    assert found.bytes > 0
    confined = figures(db, StudyFilter(confined_to="OTHER"))
    assert (confined.sites, confined.patients, confined.studies) == (1, 1, 1)


def test_what_came_is_told_by_days_of_paris_or_by_weeks(db: Database) -> None:
    # In winter midnight in Paris is 23:00 UTC, in summer 22:00: the clocks went back on 25 October 2026.
    came_at(db, "2026-11-29T22:59:00", "2026-11-29T23:01:00", "2026-10-24T22:30:00", "2026-10-11T21:59:00")
    today = datetime.date(2026, 11, 30)
    found = arrivals(db, ALL, today, PARIS, exact=True)
    days = {day: one.studies for day, one in found.all().items() if one.studies}
    assert days == {"2026-10-25": 1, "2026-11-29": 1, "2026-11-30": 1}
    assert list(found.came) == sorted(found.came) and len(found.came) == DAYS - 6
    assert sum(one.studies for one in found.of("PARIS").values()) == 0 and found.per_day() > 0
    weeks = arrivals(db, ALL, today, PARIS, exact=False)
    assert [(week, one.studies) for week, one in weeks.all().items() if one.studies] == [
        *[("2026-W43", 1), ("2026-W48", 1), ("2026-W49", 1)]
    ]
    assert len(weeks.came) == 8 and weeks.per_day() == 0


def test_each_site_has_its_last_contact_what_is_held_and_what_it_was_not_promised(db: Database) -> None:
    at = datetime.datetime(2026, 11, 30, 12)
    hour = datetime.timedelta(hours=1)
    note_presences(db, [Presence("LILLE", "192.0.2.1", at, at + hour), Presence("LILLE", "192.0.2.2", at - hour, at)])
    for objects, committed in ((9, 3), (9, 7)):
        note_answers(db, [Answered("LILLE", uid(1, 1), at, at, objects, committed)])
    note_held(db, HeldObject("a", "conflict", "it differs", "LILLE", "2.25.1", at))
    note_held(db, HeldObject("b", "conflict", "it differs", "LILLE", "2.25.2", at))
    found = {one.site: one for one in sites(db)}
    assert (found["LILLE"].last_contact, found["LILLE"].held, found["LILLE"].refused) == (at + hour, {"conflict": 2}, 2)
    assert (found["LILLE"].studies, found["LILLE"].instances) == (3, 4)
    assert (found["BREST"].last_contact, found["BREST"].held, found["BREST"].studies) == (None, {}, 0)


def test_the_duplicates_of_one_study_are_those_that_all_studies_tell(db: Database) -> None:
    Instance.update(pixels="").execute(db)
    rows = list(Instance.select(Instance.id, Instance.sop_instance_uid).tuples().execute(db))
    sums = {uid(1, 1, 1, 1): "AAAA", uid(1, 1, 1, 2): "BBBB", uid(2, 1, 1, 1): "AAAA", uid(3, 1, 1, 1): "BBBB"}
    for number, sop in rows:
        Instance.update(pixels=sums.get(sop, "-")).where(Instance.id == number).execute(db)
    everywhere, here = duplicates(db), duplicates_of(db, "LILLE", uid(1, 1))
    assert {(one.images, one.other_StudyInstanceUID) for one in here} == {(1, uid(2, 1)), (1, uid(3, 1))}
    assert {(one.StudyInstanceUID, one.other_StudyInstanceUID) for one in here} == {
        (one.StudyInstanceUID, one.other_StudyInstanceUID) for one in everywhere
    }
    assert duplicates_of(db, "PARIS", uid(1, 1)) == duplicates_of(db, "LILLE", uid(1, 2)) == []


def test_a_held_object_is_looked_at_and_that_is_written_down(tmp_path: Path) -> None:
    config = init_hub(tmp_path / "hub", {})
    spool = Spool(config.spool.directory / "inbox")
    good, broken = put(spool, data_set()), put(spool, data_set(2))
    for entry in spool.claim("test", 2):
        spool.hold(entry, "conflict", "it differs")
    path = spool.path(broken)
    path.write_bytes(path.read_bytes()[:200])
    with on_behalf(Who("marie", "192.0.2.9")):
        assert held.looked_at(config, str(good)).frames == 1
        with pytest.raises(Permanent, match="cannot be read"):
            held.looked_at(config, str(broken))
    with pytest.raises(NotFound):
        held.looked_at(config, "nothing")
    assert [(act.who, act.act, act.what) for act in hub_uses(config).acts()] == [
        ("marie", "held look", str(good)),
        ("marie", "held look", str(broken)),
    ]
    spool.close()
