"""A hub notices that its index or its archive is a copy of yesterday, and says so by another generation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fidac_node.hub.index import prepare
from fidac_node.hub.index.generation import generation
from fidac_node.hub.index.rebuild import reindex
from fidac_node.hub.keeping.watermarks import Watermarks
from fidac_node.system import safeio
from tests.hub_objects import data_set, put
from tests.integration.hub import test_filing
from tests.integration.hub.test_filing import HubRooms


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[HubRooms]:
    (tmp_path / "hub").mkdir()
    yield from test_filing.filled_rooms(tmp_path / "hub")


def start(rooms: HubRooms) -> str:
    """What a start, or the minute after, finds."""
    return Watermarks(rooms.db, rooms.archive.directory, rooms.spool.directory).look()


def file(rooms: HubRooms, instance: int) -> None:
    put(rooms.spool, data_set(instance=instance))
    rooms.file_all()
    rooms.db.close()


def back(rooms: HubRooms, yesterday: Path, name: str) -> HubRooms:
    """Put a part of yesterday's copy back."""
    rooms.db.close()
    target = rooms.directory / name
    if target.is_dir():
        shutil.rmtree(target)
        shutil.copytree(yesterday / name, target)
    else:
        for beside in rooms.directory.glob(f"{name}*"):
            beside.unlink()
        shutil.copy(yesterday / name, target)
    return HubRooms(rooms.directory)


def test_an_index_has_a_generation_from_its_beginning_and_keeps_it(rooms: HubRooms) -> None:
    first = generation(rooms.db)
    assert len(first) == 32
    prepare(rooms.db)
    for instance in (1, 2):
        assert start(rooms) == ""
        file(rooms, instance)
    assert start(rooms) == "" and generation(rooms.db) == first


def test_an_index_that_is_made_anew_is_another(rooms: HubRooms) -> None:
    first = generation(rooms.db)
    file(rooms, 1)
    reindex(rooms.archive, rooms.db)
    assert generation(rooms.db) != first


@pytest.mark.parametrize("name", ["index.db", "archive"])
def test_what_was_put_back_from_yesterday_is_noticed_once(rooms: HubRooms, tmp_path: Path, name: str) -> None:
    start(rooms)
    file(rooms, 1)
    start(rooms)
    shutil.copytree(rooms.directory, tmp_path / "yesterday", ignore=shutil.ignore_patterns("spool"))
    file(rooms, 2)
    start(rooms)
    first = generation(rooms.db)
    again = back(rooms, tmp_path / "yesterday", name)
    assert start(again)
    second = generation(again.db)
    assert second != first and start(again) == "" and generation(again.db) == second


def test_an_index_of_before_it_was_made_anew_is_noticed_although_it_has_as_many_rows(
    rooms: HubRooms, tmp_path: Path
) -> None:
    file(rooms, 1)
    start(rooms)
    shutil.copytree(rooms.directory, tmp_path / "yesterday", ignore=shutil.ignore_patterns("spool"))
    reindex(rooms.archive, rooms.db)
    start(rooms)
    told = generation(rooms.db)
    again = back(rooms, tmp_path / "yesterday", "index.db")
    assert start(again) and generation(again.db) != told


@pytest.mark.parametrize("name", ["archive", "spool"])
def test_an_archive_or_a_spool_that_is_not_the_one_of_before_is_noticed(rooms: HubRooms, name: str) -> None:
    file(rooms, 1)
    start(rooms)
    (rooms.directory / name / ".generation.json").unlink()
    assert start(rooms) and start(rooms) == ""


def test_a_start_that_was_killed_between_the_marks_is_no_copy_of_yesterday(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(rooms)
    file(rooms, 1)
    real = safeio.write_synced

    def once(path: Path, data: bytes, mode: int = 0o600) -> None:
        real(path, data, mode)
        raise test_filing.Killed

    monkeypatch.setattr(safeio, "write_synced", once)
    with pytest.raises(test_filing.Killed):
        start(rooms)
    monkeypatch.setattr(safeio, "write_synced", real)
    assert start(rooms) == ""


def test_a_mark_that_cannot_be_read_counts_as_another_archive(rooms: HubRooms) -> None:
    start(rooms)
    (rooms.archive.directory / ".generation.json").write_bytes(b"{")
    assert start(rooms) and start(rooms) == ""
