"""How objects came, as the index remembers it: in few rows, in both databases, and after it was made anew."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from peewee import Database

from fidac_node.hub.archive import Archive
from fidac_node.hub.index import prepare
from fidac_node.hub.index.journal import Answered, Presence, answers, note_answers, note_presences, presences
from fidac_node.hub.index.rebuild import reindex

NOON = datetime.datetime(2026, 11, 30, 12)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def db(empty: Database) -> Database:
    prepare(empty)
    return empty


def at(hours: float) -> datetime.datetime:
    return NOON + hours * HOUR


def test_a_site_that_comes_again_and_again_is_one_row_for_each_address_and_stay(db: Database) -> None:
    note_presences(db, [Presence("LILLE", "10.0.0.5", at(0), at(0))])
    note_presences(db, [Presence("LILLE", "10.0.0.5", at(0), at(0.5)), Presence("LILLE", "10.0.0.5", at(0.2), at(0.3))])
    note_presences(db, [Presence("LILLE", "10.0.0.6", at(0.1), at(0.2)), Presence("PARIS", "10.0.0.5", at(0), at(9))])
    note_presences(db, [Presence("LILLE", "10.0.0.5", at(5), at(6))])
    assert presences(db, "LILLE", at(0), at(24)) == [
        Presence("LILLE", "10.0.0.5", at(0), at(0.5)),
        Presence("LILLE", "10.0.0.6", at(0.1), at(0.2)),
        Presence("LILLE", "10.0.0.5", at(5), at(6)),
    ]
    assert [one.address for one in presences(db, "LILLE", at(0.15), at(0.15))] == ["10.0.0.5", "10.0.0.6"]
    assert presences(db, "LILLE", at(2), at(3)) == []


def test_what_is_asked_in_vain_every_hour_is_one_row_and_what_is_given_another(db: Database) -> None:
    for hour in range(48):
        note_answers(db, [Answered("LILLE", "2.25.1", at(hour), at(hour), 10, 8)])
    note_answers(
        db, [Answered("LILLE", "2.25.1", at(48), at(48), 10, 10), Answered("PARIS", "2.25.1", NOON, NOON, 1, 1)]
    )
    assert answers(db, "LILLE", "2.25.1") == [
        Answered("LILLE", "2.25.1", at(0), at(47), 10, 8),
        Answered("LILLE", "2.25.1", at(48), at(48), 10, 10),
    ]


def test_an_index_that_is_made_anew_still_knows(db: Database, tmp_path: Path) -> None:
    note_presences(db, [Presence("LILLE", "10.0.0.5", at(0), at(1))])
    note_answers(db, [Answered("LILLE", "2.25.1", at(0), at(0), 10, 10)])
    reindex(Archive(tmp_path / "archive"), db)
    assert len(presences(db, "LILLE", at(0), at(1))) == len(answers(db, "LILLE", "2.25.1")) == 1
