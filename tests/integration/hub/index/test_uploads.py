"""What people brought and what was said of it, as rows: on each database the same."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from peewee import Database

from fidac_node.hub.index import StudyFilter, add_site, find, prepare
from fidac_node.hub.index.labels import Said, apply_again, history, note_labels
from fidac_node.hub.index.record import describe, record
from fidac_node.hub.index.uploads import (
    Brought,
    Receipt,
    Result,
    Session,
    begin_session,
    brought,
    brought_of_study,
    forget_key,
    forget_studies,
    keep_receipt,
    key_of,
    known_pseudonyms,
    note_objects,
    patients_of,
    receipt_of,
    results_of,
    results_with,
    session_of,
    sessions_since,
    touch_session,
)
from tests.hub_objects import data_set, encoded, uid

NOW = datetime.datetime(2026, 11, 30, 12)
SESSION = Session("one", "alice", "LILLE", "FIDAC", "00" * 8, "a browser", "", NOW, NOW)


@pytest.fixture
def db(empty: Database, tmp_path: Path) -> Database:
    prepare(empty)
    add_site(empty, "LILLE", "LILLE_NODE")
    files = []
    for number, label in ((1, "UNKNOWN"), (2, "POSSIBLE")):
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(encoded(data_set(1, 1, 1, number, label=label)))
    record(empty, [describe(path, "LILLE") for path in files])
    return empty


def an_object(number: int, session: str = "one") -> Brought:
    uids = (uid(1, 1), uid(1, 1, 1), uid(1, 1, 1, number), "1.2.840.10008.5.1.4.1.1.2")
    return Brought("LILLE", f"{number:064x}", session, "PSEUDO0001", *uids, f"digest{number}", "certain", NOW)


def said(number: int, label: str, source: str = "portal") -> Said:
    return Said("LILLE", uid(1, 1), uid(1, 1, 1, number), label, source, f"digest{number}", NOW)


def labels(db: Database) -> list[list[str]]:
    return [[row.label for row in find(db, level, StudyFilter())] for level in ("studies", "series", "instances")]


def test_a_session_keeps_its_key_and_a_key_with_which_nothing_came_is_no_ones(db: Database) -> None:
    other = SESSION._replace(id="two", check_value="11" * 8)
    assert begin_session(db, other) is None
    assert begin_session(db, SESSION) is None
    note_objects(db, [an_object(1), an_object(1)])
    refused = begin_session(db, other._replace(id="three"))
    assert refused is not None and refused == key_of(db, "LILLE", "FIDAC")
    assert refused.check_value == SESSION.check_value and session_of(db, "three") is None
    assert sessions_since(db, "alice", NOW) == 2
    touch_session(db, "one")
    assert (found := session_of(db, "one")) and found.used_at > NOW
    assert forget_key(db, "LILLE", "OTHER") == 0 and forget_key(db, "LILLE") == 1
    assert begin_session(db, other._replace(id="three")) is None


def test_what_was_brought_is_known_once_with_its_receipt_until_a_withdrawal_deletes_it(db: Database) -> None:
    begin_session(db, SESSION)
    note_objects(db, [an_object(1), an_object(2)])
    note_objects(db, [an_object(2)._replace(digest="another"), an_object(3)])
    assert brought(db, "LILLE", [f"{number:064x}" for number in range(9)]) == [an_object(n) for n in (1, 2, 3)]
    assert min(brought_of_study(db, "LILLE", uid(1, 1))) == (uid(1, 1, 1, 1), "digest1", "alice")
    receipt = Receipt("r1", "one", "LILLE", "alice", "asked", NOW, "{}")
    positive, none = Result(uid(1, 1), "positive", -2), Result(uid(1, 2), "unknown", None)
    assert keep_receipt(db, receipt, [positive, none]) == receipt
    assert keep_receipt(db, receipt._replace(id="r2"), [positive]) == receipt, "for the same there is one"
    assert (results_of(db, "LILLE", uid(1, 1)), results_with(db, "r1")) == ([positive], [positive, none])
    assert (known_pseudonyms(db, "LILLE", ["PSEUDO0001", "X"]), patients_of(db, "LILLE")) == (["PSEUDO0001"], 1)
    forget_studies(db, "LILLE", [uid(1, 1)])
    assert (brought(db, "LILLE", [f"{1:064x}"]), results_with(db, "r1")) == ([], [none])
    forget_studies(db, "LILLE", None)
    assert results_with(db, "r1") == [] and receipt_of(db, "r1") == receipt


def test_of_what_was_said_the_strongest_stands_and_nothing_is_forgotten(db: Database) -> None:
    assert labels(db) == [["possible"], ["possible"], ["unknown", "possible"]]
    note_labels(db, [said(1, "certain"), said(2, "negative"), said(1, "certain")])
    expected = [["certain"], ["certain"], ["certain", "possible"]]
    assert labels(db) == expected
    assert [row.SeriesInstanceUID for row in find(db, "series", StudyFilter(label="certain"))] == [uid(1, 1, 1)]
    begin_session(db, SESSION)
    note_objects(db, [an_object(1)])  # who brought it is known after it was filed
    note_labels(db, [said(1, "other", "called-ae")._replace(digest="of the node")])
    found = [
        (one.label, one.label_source, one.who, one.replaced, one.objects) for one in history(db, "LILLE", uid(1, 1))
    ]
    assert found == [
        ("certain", "portal", "alice", "unknown", 1),
        ("negative", "portal", "", "", 1),
        ("other", "called-ae", "", "", 1),
    ]
    db.execute_sql("UPDATE instance SET label = 'unknown'")
    db.execute_sql("UPDATE series SET label = 'unknown'")
    db.execute_sql("UPDATE study SET label = 'unknown'")
    apply_again(db, "LILLE", [uid(9, 9)])
    assert labels(db)[0] == ["unknown"]
    apply_again(db, "LILLE", [uid(1, 1)])
    assert labels(db) == [["certain"], ["certain"], ["certain", "negative"]]
