"""What status and doctor say while something that they ask is frozen: within five seconds."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fidac_node.config.config import HubConfig, render
from fidac_node.hub.index import prepare
from fidac_node.system.database import connect
from tests.faults import frozen, locked
from tests.integration.conftest import POSTGRES


def limit() -> float:
    """Five seconds; more where what all commands load takes long, because others want the processors, too."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import fidac_node.doctor"], check=True, timeout=60)
    return max(5.0, 3.0 + 2 * (time.monotonic() - began))


def fidac(*arguments: object) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a command; return what it said and the seconds that it took."""
    began = time.monotonic()
    argv = [sys.executable, "-m", "fidac_node", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done, time.monotonic() - began


@pytest.fixture
def hub(tmp_path: Path, database_url: str) -> Path:
    """The settings of a hub that has an index."""
    directory = tmp_path / "hub"
    for name in ("spool/inbox", "archive"):
        (directory / name).mkdir(parents=True)
    path = directory / "hub.toml"
    path.write_text(render(HubConfig, {"index": {"database": database_url}}), "utf-8")
    prepare(connect(database_url, directory))
    return path


@pytest.fixture
def frozen_hub(hub: Path, request: pytest.FixtureRequest, database_url: str) -> Iterator[Path]:
    if POSTGRES or database_url.startswith("sqlite"):
        pytest.skip("only a server of our own is frozen")
    with frozen(request.getfixturevalue("postgresql_server")):
        yield hub


@pytest.mark.interop("initdb", "pg_ctl")
def test_hub_status_tells_of_its_disks_and_spool_while_postgresql_is_frozen(frozen_hub: Path) -> None:
    done, seconds = fidac("hub", "status", "--json", "-c", frozen_hub)
    assert done.returncode == 3, done.stderr
    said = json.loads(done.stdout)
    assert "instances" not in said
    assert "frozen" in said["index_error"]
    assert (said["queued"], said["running"], said["index_disk"]) == (0, False, None)
    assert said["disk"]["free_bytes"] and said["archive_disk"]["free_bytes"]
    text, more = fidac("hub", "status", "-c", frozen_hub)
    assert "NO INDEX: " in text.stdout and "disk of the archive: " in text.stdout
    assert max(seconds, more) < limit()


@pytest.mark.interop("initdb", "pg_ctl")
def test_doctor_names_a_frozen_postgresql_and_checks_the_rest(frozen_hub: Path) -> None:
    done, seconds = fidac("doctor", "--json", "-c", frozen_hub)
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert not found["index"]["ok"]
    assert found["archive"]["ok"] and found["spool"]["ok"] and found["port"]["ok"]
    assert seconds < limit()


def test_hub_status_and_doctor_answer_while_another_has_the_index_for_itself(hub: Path, database_url: str) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("a lock of SQLite")
    with locked(hub.parent / "index.db"):
        status, seconds = fidac("hub", "status", "--json", "-c", hub)
        doctor, more = fidac("doctor", "--json", "-c", hub)
    assert json.loads(status.stdout)["instances"] == 0
    assert {finding["check"] for finding in json.loads(doctor.stdout)} >= {"index", "disk", "port"}
    assert json.loads(status.stdout)["index_disk"]["free_bytes"]
    assert max(seconds, more) < limit()


def test_doctor_does_not_wait_for_a_peer_that_says_nothing_longer_than_for_others(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done, _ = fidac("site", "init", tmp_path / "site", "--site-id", "S1", "--hub", f"HUB@127.0.0.1:{port}")
        assert done.returncode == 0, done.stderr
        done, seconds = fidac("doctor", "--json", "-c", tmp_path / "site" / "site.toml")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert not found["hub"]["ok"] and found["key"]["ok"] and found["recipe"]["ok"]
    assert seconds < limit() + 3, "the recipe is compiled meanwhile"
