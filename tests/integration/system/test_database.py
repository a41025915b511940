"""Databases and their migrations, on SQLite and, when there is one, on PostgreSQL."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import pytest
from peewee import Database, OperationalError, PostgresqlDatabase

from fidac_node.errors import ConfigError
from fidac_node.system.database import Step, connect, exclusive, migrate, statements
from tests.faults import frozen
from tests.integration.conftest import POSTGRES

# --- connecting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://x/y", "must begin with sqlite:/// or postgresql://"),
        ("index.db", "must begin with sqlite:/// or postgresql://"),
        ("sqlite://index.db", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///nowhere/index.db", "does not exist; create it"),
        ("postgresql://hub@db.example", "must end with the name of the database"),
        ("postgresql://hub@db.example:abc/fidac", "cannot be read"),
        ("postgresql://hub:hunter2@db.example/fidac", "no password in the URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_explained_without_its_password(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url, tmp_path)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_driver_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fidac_node.system.database.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'fidac-node\[postgres\]'"):
        connect("postgresql://hub@db.example/fidac", tmp_path)


def test_a_postgresql_url_gives_its_parts_to_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fidac_node.system.database.find_spec", lambda _: object())
    db = connect("postgres://the%20hub@db.example:5433/fi%2Ddac?passfile=/run/pass&sslmode=verify-full", tmp_path)
    assert isinstance(db, PostgresqlDatabase)
    assert db.database == "fi-dac"
    expected = {
        "user": "the hub",
        "host": "db.example",
        "port": 5433,
        "passfile": "/run/pass",
        "sslmode": "verify-full",
    }
    assert {name: db.connect_params[name] for name in expected} == expected


def test_postgresql_is_told_how_long_to_wait_and_a_url_may_say_otherwise(tmp_path: Path) -> None:
    db = connect("postgresql:///fidac?connect_timeout=3&options=-csearch_path%3Dx", tmp_path)
    told = db.connect_params
    assert (told["connect_timeout"], told["keepalives"], told["tcp_user_timeout"]) == ("3", 1, 60_000)
    assert told["options"] == "-c statement_timeout=60000 -csearch_path=x"
    assert connect("postgresql:///fidac", tmp_path, patience=3).connect_params["connect_timeout"] == 3


@pytest.mark.interop("initdb", "pg_ctl")
def test_a_statement_that_takes_too_long_ends_and_a_long_transaction_may(
    postgresql_server: str, tmp_path: Path
) -> None:
    db = connect(postgresql_server, tmp_path, patience=0.3)
    with db.connection_context():
        with pytest.raises(OperationalError, match="statement timeout"):
            db.execute_sql("SELECT pg_sleep(20)")
        with exclusive(db, long=True):
            db.execute_sql("SELECT pg_sleep(0.6)")
        with pytest.raises(OperationalError, match="statement timeout"):
            db.execute_sql("SELECT pg_sleep(20)")


@pytest.mark.interop("initdb", "pg_ctl")
def test_a_frozen_server_is_given_up_whether_it_was_connected_or_not(postgresql_server: str, tmp_path: Path) -> None:
    if POSTGRES:
        pytest.skip("a server of others is not frozen")
    before, after = (connect(postgresql_server, tmp_path, patience=0.3) for _ in range(2))
    before.connect()
    with frozen(postgresql_server):
        began = time.monotonic()
        for db in (before, after):
            with pytest.raises(OperationalError, match="says nothing for"):
                db.execute_sql("SELECT 1")
            db.close()
        assert time.monotonic() - began < 5
    assert before.execute_sql("SELECT 1").fetchone() == (1,)
    before.close()


def test_sqlite_is_opened_so_that_a_commit_survives_a_power_cut(tmp_path: Path) -> None:
    db = connect("sqlite:///index.db", tmp_path)
    with db.connection_context():
        pragmas = {
            name: db.execute_sql(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


def test_an_absolute_sqlite_url_is_not_relative_to_the_settings(tmp_path: Path) -> None:
    db = connect(f"sqlite:///{tmp_path}/index.db", Path("/elsewhere"))
    assert db.database == str(tmp_path / "index.db")


# --- migrations --------------------------------------------------------------------------------------------

TOY = [
    Step("1-make", statements("CREATE TABLE toy (id {serial}, word TEXT NOT NULL)")),
    Step("2-fill", statements("INSERT INTO toy (word) VALUES ('one')", "INSERT INTO toy (word) VALUES ('two')")),
    Step("3-grow", statements("ALTER TABLE toy ADD COLUMN size {double}")),
]


def words(db: Database) -> list[str]:
    return [word for (word,) in db.execute_sql("SELECT word FROM toy ORDER BY id").fetchall()]


def test_steps_are_taken_once_and_in_order(empty: Database) -> None:
    assert migrate(empty, TOY[:2]) == ["1-make", "2-fill"]
    assert migrate(empty, TOY) == ["3-grow"]
    assert migrate(empty, TOY) == []
    assert words(empty) == ["one", "two"]


def test_a_step_that_fails_leaves_nothing_of_itself_and_can_be_taken_again(empty: Database) -> None:
    broken = Step("2-fill", statements("INSERT INTO toy (word) VALUES ('half')", "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(Exception, match="nowhere"):
        migrate(empty, [TOY[0], broken])
    assert words(empty) == []
    assert migrate(empty, TOY) == ["2-fill", "3-grow"]
    assert words(empty) == ["one", "two"]


def test_many_that_start_at_once_take_each_step_once(database_url: str, tmp_path: Path) -> None:
    taken: list[list[str]] = []
    barrier = threading.Barrier(6)

    def start() -> None:
        db = connect(database_url, tmp_path)
        barrier.wait()
        taken.append(migrate(db, TOY))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(itertools.chain.from_iterable(taken)) == ["1-make", "2-fill", "3-grow"]
    with connect(database_url, tmp_path) as db:
        assert words(db) == ["one", "two"]


def test_a_new_sqlite_file_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    failed: list[Exception] = []
    for turn in range(40):  # one in fifty openings failed
        barrier = threading.Barrier(8)

        def start(turn: int = turn, barrier: threading.Barrier = barrier) -> None:
            db = connect(f"sqlite:///{turn}.db", tmp_path)
            barrier.wait()
            try:
                db.connect()
            except OperationalError as error:
                failed.append(error)
            db.close()

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []


def test_a_database_of_a_newer_version_is_refused_and_not_touched(empty: Database) -> None:
    migrate(empty, TOY)
    with pytest.raises(ConfigError, match=r"newer version of FIDAC node .*3-grow"):
        migrate(empty, TOY[:2])
