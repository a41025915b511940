"""A hub is copied while it lives and put back after its death: index, archive, and what was withdrawn from both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from peewee import Database

from fidac_node.cli import cli
from fidac_node.config.config import HubConfig, load_hub, render
from fidac_node.hub.archive import Archive
from fidac_node.hub.filing import Filer
from fidac_node.hub.index import Registry, StudyFilter, add_site, find, generation, prepare
from fidac_node.spool.queue import Spool
from fidac_node.system import locks
from fidac_node.system.database import connect
from tests.hub_objects import data_set, put, uid
from tests.integration.hub.test_digests import LARGE, flip


class Live:
    """A hub by its settings, as the commands find it."""

    def __init__(self, directory: Path, url: str = "sqlite:///index.db") -> None:
        self.path = directory / "hub.toml"
        directory.mkdir(exist_ok=True)
        self.path.write_text(render(HubConfig, {"index": {"database": url}}), "utf-8")
        self.config = load_hub(self.path)
        self.archive = Archive(self.config.archive.directory)
        self.spool = Spool(self.config.spool.directory / "inbox")

    @property
    def db(self) -> Database:
        return connect(self.config.index.database, self.path.parent)

    def register(self) -> None:
        with self.db as db:
            prepare(db)
            add_site(db, "LILLE", "LILLE_NODE")

    def file(self, *numbers: tuple[int, ...]) -> None:
        for one in numbers:
            put(self.spool, data_set(*one, **LARGE))
        db = self.db
        filer = Filer(self.spool, self.archive, db, Registry(db))
        filer.recover()
        while batch := self.spool.claim("file", 100):
            filer.file(batch)
        filer.close()

    def rows(self) -> list[Any]:
        with self.db as db:
            return [row._replace(received_at=None) for row in find(db, "instances", StudyFilter())]

    def files(self) -> dict[str, bytes]:
        return {place.sop: path.read_bytes() for place, path in self.archive.walk()}

    def path_of(self, *numbers: int) -> Path:
        return next(path for place, path in self.archive.walk() if place.sop == uid(*numbers))

    def call(self, *arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["hub", *map(str, arguments), "-c", str(self.path)], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    live = Live(tmp_path / "hub")
    live.register()
    live.file((1, 1, 1, 1), (1, 1, 1, 2), (2, 1, 1, 1))
    return live


def lost(live: Live, *parts: str) -> Live:
    """The hub after a disk of it died: what is left is its settings."""
    for part in parts:
        for path in live.path.parent.glob(f"{part}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return Live(live.path.parent)


def test_a_hub_that_lost_all_is_put_back_whole_and_its_sites_are_told_to_ask_again(live: Live, tmp_path: Path) -> None:
    before, rows, files = generation(live.db), live.rows(), live.files()
    assert "3 objects copied" in live.call("backup", tmp_path / "copy").stdout
    live.file((3, 1, 1, 1))  # after the backup
    again = lost(live, "index.db", "archive", "spool")
    told = again.call("restore", tmp_path / "copy")
    assert "the index was put back; 3 objects put back" in told.stdout
    assert (again.rows(), again.files()) == (rows, files)
    assert generation(again.db) != before
    again.file((4, 1, 1, 1))
    again.call("verify")
    assert "hub backup" in again.call("audit").stdout


def test_a_second_backup_copies_what_is_new_and_lets_go_of_what_was_withdrawn(live: Live, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    live.call("backup", copy)
    live.file((3, 1, 1, 1))
    live.call("withdraw", "--patient", "PSEUDO0001", "--confirm", "--reason", "consent withdrawn")
    assert "1 object copied, 1 were there" in live.call("backup", copy).stdout
    there = {place.sop for place, _ in Archive(copy / "archive").walk()}
    assert there == {uid(2, 1, 1, 1), uid(3, 1, 1, 1)}
    again = lost(live, "index.db", "archive", "spool")
    again.call("restore", copy)
    assert len(again.rows()) == 2
    (withdrawal,) = json.loads(again.call("withdraw", "--list", "--json").stdout)
    again.call("withdraw", "--undo", withdrawal["id"], "--reason", "a mistake")
    assert len(again.rows()) == len(again.files()) == 4


def test_what_was_withdrawn_after_the_backup_does_not_come_back_with_it(live: Live, tmp_path: Path) -> None:
    live.call("backup", tmp_path / "copy")
    live.call("withdraw", "--patient", "PSEUDO0001", "--confirm", "--reason", "consent withdrawn")
    again = lost(live, "index.db", "archive")
    again.call("restore", tmp_path / "copy")
    assert [row.SOPInstanceUID for row in again.rows()] == list(again.files()) == [uid(2, 1, 1, 1)]


def test_what_rotted_is_not_copied_and_is_put_back_from_the_copy_of_before(live: Live, tmp_path: Path) -> None:
    copy, whole = tmp_path / "copy", live.files()
    live.call("backup", copy)
    flip(live.path_of(1, 1, 1, 1))
    live.path_of(1, 1, 1, 2).unlink()
    live.file((3, 1, 1, 1))
    flip(live.path_of(3, 1, 1, 1))
    said = live.call("backup", copy, code=3).stderr
    assert said.count("not as filed, not copied") == 1 and said.count("no more in the archive") == 1
    live.call("verify", code=3)
    told = live.call("restore", copy, "--archive-only", code=3)  # of the last there is no copy
    assert "2 objects put back" in told.stdout and told.stdout.count("other bytes than when it was filed") == 1
    assert {sop: content for sop, content in live.files().items() if sop in whole} == whole


def test_a_backup_that_was_cut_short_is_none_and_goes_on_when_it_is_called_again(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    with monkeypatch.context() as patch:
        patch.setattr(
            "fidac_node.hub.keeping.backup._enter", lambda *_: (_ for _ in ()).throw(OSError(28, "disk full", "x"))
        )
        assert "disk full" in live.call("backup", copy, code=1).stderr
    again = lost(live, "index.db")
    assert "did not come to its end" in again.call("restore", copy, code=2).stderr
    live.register()
    live.call("reindex", code=0)
    assert "3 objects copied" in live.call("backup", copy).stdout


def test_what_would_be_overwritten_or_is_no_backup_is_refused(live: Live, tmp_path: Path) -> None:
    copy, foreign = tmp_path / "copy", tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.odt").write_bytes(b"x")
    assert "has other files in it" in live.call("backup", foreign, code=2).stderr
    assert "lie in each other" in live.call("backup", live.config.archive.directory / "copy", code=2).stderr
    assert "is no backup" in live.call("restore", foreign, code=2).stderr
    live.call("backup", copy)
    assert "has 3 objects already" in live.call("restore", copy, code=2).stderr
    lock = locks.claim(live.config.spool.directory / "hub.lock", "the spool", "")
    try:
        assert "stop the hub first" in live.call("restore", copy, code=2).stderr
    finally:
        locks.release(lock)


@pytest.mark.interop("initdb", "pg_ctl")
def test_an_index_in_postgresql_is_dumped_and_put_back(tmp_path: Path, postgresql_server: str) -> None:
    with connect(postgresql_server, tmp_path) as server:
        server.execute_sql("COMMIT")
        for name in ("one", "other"):
            server.connection().autocommit = True
            server.execute_sql(f"DROP DATABASE IF EXISTS backup_{name}")
            server.execute_sql(f"CREATE DATABASE backup_{name}")
    one, other = (postgresql_server.replace("/postgres?", f"/backup_{name}?") for name in ("one", "other"))
    live = Live(tmp_path / "hub", one)
    live.register()
    live.file((1, 1, 1, 1), (2, 1, 1, 1))
    rows, files = live.rows(), live.files()
    live.call("backup", tmp_path / "copy")
    assert "has 2 objects already" in live.call("restore", tmp_path / "copy", code=2).stderr
    again = Live(tmp_path / "again", other)
    again.call("restore", tmp_path / "copy")
    assert (again.rows(), again.files()) == (rows, files)
    lite = Live(tmp_path / "lite")
    assert "its index is of PostgreSQL" in lite.call("restore", tmp_path / "copy", code=2).stderr


def test_a_file_that_came_again_in_another_length_is_not_overwritten_by_the_older_copy(
    live: Live, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    live.call("backup", copy)
    live.path_of(1, 1, 1, 1).unlink()
    with live.db as db:
        db.execute_sql("UPDATE site SET ae_title = 'LILLE_NODE_2ND'")
    put(live.spool, data_set(1, 1, 1, 1, **LARGE), source_ae="LILLE_NODE_2ND")  # a longer File Meta Information
    live.file()
    healed = live.files()
    assert "0 objects put back" in live.call("restore", copy, "--archive-only").stdout
    assert live.files() == healed
    assert "1 object copied, 2 were there" in live.call("backup", copy).stdout
