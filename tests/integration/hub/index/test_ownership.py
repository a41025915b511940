"""An index has one hub, and a broken one is replaced by one made of the archive."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from peewee import Database

from fidac_node.errors import ConfigError
from fidac_node.hub.index import StudyFilter, find, prepare, site_titles
from fidac_node.hub.index.ownership import Ownership
from fidac_node.hub.index.rebuild import replace_broken
from fidac_node.system import broken, locks
from fidac_node.system.database import connect
from tests.faults import damage
from tests.hub_objects import data_set, put
from tests.integration.hub.test_filing import HubRooms, rooms

__all__ = ["rooms"]  # the fixture


def test_a_second_hub_on_one_index_is_told_who_has_it(
    empty: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.1)
    prepare(empty)
    first = Ownership(empty)
    other = connect(database_url, tmp_path)
    with pytest.raises(ConfigError, match=rf"in use by .*process {os.getpid()}"):
        Ownership(other)
    first.keep()
    first.release()
    second = Ownership(other)
    second.keep()
    second.release()


def test_a_session_that_is_lost_takes_the_lock_again(empty: Database, database_url: str, tmp_path: Path) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("a file's lock cannot be lost")
    first = Ownership(empty)
    empty.execute_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hub, process%%'"
    )
    first.keep()
    with pytest.raises(ConfigError, match="in use by"):
        Ownership(connect(database_url, tmp_path))
    first.release()


def test_reindex_replaces_a_broken_index_keeps_the_sites_and_refuses_while_a_hub_has_it(
    rooms: HubRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.1)
    for number in range(3):
        put(rooms.spool, data_set(instance=number + 1))
    rooms.file_all()
    titles = site_titles(rooms.db)
    rooms.db.close()
    path = rooms.directory / "index.db"
    damage(path, "instance", "instance_uid", "study")

    def replace() -> Path | None:
        open_at = lambda file: connect(f"sqlite:///{file}", file.parent)  # noqa: E731
        return replace_broken(rooms.archive, path, open_at).set_aside

    hub = Ownership(rooms.db)
    with pytest.raises(ConfigError, match="stop it first"):
        replace()
    hub.release()
    aside = replace()
    assert aside is not None and broken.set_aside(path) == [aside.name] and broken.look(path) == ""
    assert site_titles(rooms.db) == titles
    assert len(list(find(rooms.db, "instances", StudyFilter()))) == 3
    assert not list(rooms.directory.glob("*.new*"))
