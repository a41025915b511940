"""Fixtures of the integration tests: databases.

What is about the index runs on SQLite and on PostgreSQL: on a server of its own that the tests start, or, with
FIDAC_TEST_POSTGRES=postgresql://..., on that one, in a schema of its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import Database

from fidac_node.system.database import connect

POSTGRES = os.environ.get("FIDAC_TEST_POSTGRES", "")
SCHEMA = f"fidac_test_{os.getpid()}"  # several may test on one server

_PARAMS = ["sqlite", pytest.param("postgresql", marks=[] if POSTGRES else [pytest.mark.interop("initdb", "pg_ctl")])]


@pytest.fixture(params=_PARAMS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return "sqlite:///index.db"
    url: str = request.getfixturevalue("postgresql_server")
    with connect(url, tmp_path) as db:
        db.execute_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        db.execute_sql(f"CREATE SCHEMA {SCHEMA}")
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{SCHEMA}"


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> Iterator[Database]:
    db = connect(database_url, tmp_path)
    yield db
    db.close()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL database.

    Without one from outside, of a server that is there as long as the tests run.
    """
    if not POSTGRES:
        with tempfile.TemporaryDirectory(prefix="fidac-") as directory:  # a socket's path is 107 characters at most
            yield from _server(Path(directory))
        return
    yield POSTGRES
    with connect(POSTGRES, Path()) as db:
        db.execute_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def _server(directory: Path) -> Iterator[str]:
    """Run a cluster in ``directory``, on a Unix socket alone."""
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
        shutil.chown(directory, user)
    cluster = ["-D", str(directory / "cluster")]
    # Not synced: nothing of it has to survive the tests.
    options = f"-c listen_addresses= -c unix_socket_directories={directory} -c fsync=off"

    def call(program: str, *arguments: str) -> None:
        argv = [shutil.which(program) or program, *cluster, *arguments]
        subprocess.run(argv, user=user, cwd=directory, check=True, stdout=subprocess.DEVNULL)

    call("initdb", "-U", "fidac", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    call("pg_ctl", "start", "-w", "-l", str(directory / "log"), "-o", options)
    try:
        yield f"postgresql:///postgres?user=fidac&host={directory}"
    finally:
        call("pg_ctl", "stop", "-w", "-m", "immediate")
