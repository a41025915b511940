"""Fixtures of the integration tests: databases.

With FIDAC_TEST_POSTGRES=postgresql://... what is about the index runs on PostgreSQL too, in a schema of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import Database

from fidac_node.database import connect

POSTGRES = os.environ.get("FIDAC_TEST_POSTGRES", "")
SCHEMA = "fidac_test"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return "sqlite:///index.db"
    if not POSTGRES:
        pytest.skip("FIDAC_TEST_POSTGRES is not set: the index is not tested on PostgreSQL")
    with connect(POSTGRES, tmp_path) as db:
        db.execute_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        db.execute_sql(f"CREATE SCHEMA {SCHEMA}")
    return f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}options=-csearch_path%3D{SCHEMA}"


@pytest.fixture
def empty(database_url: str, tmp_path: Path) -> Iterator[Database]:
    db = connect(database_url, tmp_path)
    yield db
    db.close()
