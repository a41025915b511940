"""A corrected version of an instance at the hub: it takes the older one's place, which is kept aside for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import OperationalError
from pydicom.dataset import Dataset

from fidac_node.dicom import marks
from fidac_node.hub import filing
from fidac_node.hub.index import StudyFilter, find, totals
from fidac_node.hub.index.rebuild import reindex
from fidac_node.hub.index.superseded import corrections
from fidac_node.hub.keeping.superseded import FOLDER, OlderVersions
from tests.hub_objects import CT, data_set, put, uid
from tests.integration.hub.test_filing import HubRooms, filled_rooms


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[HubRooms]:
    yield from filled_rooms(tmp_path)


def corrected(version: int = 2, **values: Any) -> Dataset:
    ds = data_set(**values)
    ds.private_block(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR).add_new(marks.VERSION, "IS", str(version))
    return ds


def arrive(rooms: HubRooms, *objects: Dataset, apart: bool = True) -> None:
    """Each object after the one before, filed one after another or in one batch."""
    for number, ds in enumerate(objects):
        at = 1_700_000_000 + number
        os.utime(rooms.spool.path(put(rooms.spool, ds)), (at, at))
        if apart:
            rooms.file_all()
    rooms.file_all()


def told(rooms: HubRooms) -> list[Any]:
    return [list(find(rooms.db, level, StudyFilter())) for level in ("studies", "series", "instances")]


def aside(rooms: HubRooms) -> list[Path]:
    return sorted((rooms.archive.directory / FOLDER).rglob("*.dcm"))


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "in one batch"])
@pytest.mark.parametrize(
    "changed",
    [
        {"ConvolutionKernel": "B30f", "label": "NEGATIVE"},
        {"SeriesInstanceUID": uid(9), "SliceThickness": "5"},
        {"StudyInstanceUID": uid(8), "SeriesInstanceUID": uid(9)},
    ],
    ids=["other values", "other series", "other study"],
)
def test_a_newer_version_takes_the_place_of_the_older_which_is_kept_aside(
    rooms: HubRooms, changed: dict[str, Any], apart: bool
) -> None:
    newer = corrected(**changed)
    arrive(rooms, data_set(), data_set(1, 1, 1, 2), newer, apart=apart)
    assert rooms.held() == {} and totals(rooms.db)["instances"] == 2
    ((ok), failed) = rooms.check((CT, newer.SOPInstanceUID), (CT, uid(1, 1, 1, 2)))
    assert (len(ok), failed) == (2, [])
    (found,) = corrections(rooms.db, "LILLE", newer.StudyInstanceUID)
    assert (found.version, found.instances) == (2, 1) and (found.until - found.at).days == 30
    (older,) = aside(rooms)
    assert older.name.startswith(f"{newer.SOPInstanceUID}.")
    before = told(rooms)
    reindex(rooms.archive, rooms.db)  # what the files say is what the rows say
    assert told(rooms) == before


def test_versions_count_on_and_each_older_one_is_kept(rooms: HubRooms) -> None:
    arrive(rooms, data_set(), corrected(2, KVP="100"), corrected(3, KVP="80"), apart=False)
    assert rooms.held() == {} and len(aside(rooms)) == 2
    assert [row.KVP for row in find(rooms.db, "series", StudyFilter())] == [80.0]
    assert len(rooms.archived()) == 1


def test_an_older_version_that_comes_late_is_held_and_keeps_nobody_from_the_newer(rooms: HubRooms) -> None:
    newer = corrected(KVP="100")
    arrive(rooms, newer, data_set())
    ((reason,),) = ([rooms.spool.reason(entry) for entry in rooms.spool.entries("held")],)
    assert reason is not None and reason["code"] == "superseded"
    assert reason["message"] == "version 1 of an instance of which version 2 is filed already: drop it"
    assert rooms.check((CT, newer.SOPInstanceUID))[0] == [(CT, newer.SOPInstanceUID)]


def test_two_that_are_counted_alike_are_a_conflict(rooms: HubRooms) -> None:
    arrive(rooms, data_set(), corrected(2, KVP="100"), corrected(2, KVP="80"))
    assert list(rooms.held().values()) == ["conflict"]


@pytest.mark.parametrize("value", ["1", "0", "2.0", "-3", "two"])
def test_what_is_no_count_of_versions_is_malformed(rooms: HubRooms, value: str) -> None:
    ds = data_set()
    ds.private_block(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR).add_new(marks.VERSION, "LO", value)
    arrive(rooms, ds)
    assert list(rooms.held().values()) == ["malformed"]


def test_what_was_cut_short_before_the_index_knew_is_done_when_it_is_tried_again(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = filing.record_newer, []

    def record_newer(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            raise OperationalError("away")
        real(*arguments)

    monkeypatch.setattr(filing, "record_newer", record_newer)
    arrive(rooms, data_set())
    put(rooms.spool, corrected(KVP="100"))
    rooms.file_all()
    rooms.filer._due.clear()
    rooms.file_all()  # as after a start
    assert len(calls) == 2 and rooms.held() == {} and len(aside(rooms)) == 1
    assert [row.KVP for row in find(rooms.db, "series", StudyFilter())] == [100.0]
    assert rooms.check((CT, data_set().SOPInstanceUID))[1] == []


def test_older_versions_are_deleted_after_their_days(rooms: HubRooms) -> None:
    arrive(rooms, data_set(), corrected(KVP="100"))
    assert OlderVersions(rooms.archive, 1.0).purge() == 0 and len(aside(rooms)) == 1
    assert OlderVersions(rooms.archive, 0.0).purge() == 1 and aside(rooms) == []
    assert len(rooms.archived()) == 1
