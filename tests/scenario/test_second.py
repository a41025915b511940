"""A second family of processes on what another one has."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fidac_node.phantom import write_series
from fidac_node.system import locks
from tests.faults import damage
from tests.scenario.network import FIDAC, Hub, Site, fidac
from tests.support import free_port, wait_until


def test_a_second_node_on_one_spool_stops_and_says_who_has_it(tmp_path: Path, site: Site) -> None:
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=3, rows=64, columns=64), "--config", site.config)
    site.start()
    site.wait_for(outgoing=3)
    second = site.config.with_name("second.toml")
    second.write_text(
        site.config.read_text("utf-8").replace(f"port = {site.port}", f"port = {free_port()}", 1), "utf-8"
    )
    for only in ([], ["--only", "send"]):
        done = fidac("site", "run", "--config", second, *only, check=False)
        assert done.returncode == 2
        assert "is in use by process" in done.stderr and "site run" in done.stderr
    assert site.status()["outgoing"] == 3
    assert site.stop() == 0


def test_a_second_hub_on_one_index_or_archive_stops_and_says_who_has_it(hub: Hub) -> None:
    hub.start()
    text = hub.config.read_text("utf-8").replace(f"port = {hub.port}", f"port = {free_port()}", 1)
    second = hub.config.with_name("second.toml")
    second.write_text(text, "utf-8")
    done = fidac("hub", "run", "--config", second, check=False)
    assert done.returncode == 2
    assert "is in use by process" in done.stderr and "hub run" in done.stderr
    assert hub.stop() == 0


def test_stages_under_supervisors_of_their_own_share_a_spool_and_each_is_there_once(site: Site) -> None:
    site.start()
    assert site.stop() == 0
    argv = [*FIDAC, "site", "run", "--config", str(site.config), "--only"]
    spool = site.directory / "spool"
    stages = ("deidentify", "send")
    logs = [site.directory / f"{stage}.log" for stage in stages]
    started = []
    for stage, file in zip(stages, logs, strict=True):
        with file.open("wb") as log:
            started.append(subprocess.Popen([*argv, stage], stderr=log))
    wait_until(lambda: all("is ready" in file.read_text() for file in logs))
    for stage, process in zip(stages, started, strict=True):
        assert locks.holder(spool / f"{stage}.lock").startswith(f"process {process.pid}: ")
    assert locks.holder(spool / "receive.lock") == ""
    for process in started:
        process.terminate()
    assert [process.wait(30) for process in started] == [0, 0]


def test_a_broken_index_makes_objects_wait_until_reindex_and_none_is_refused_or_held(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    files = write_series(tmp_path / "pacs", slices=4, rows=64, columns=64)
    hub.start()
    site.start()
    fidac("site", "import", *files[:2], "--config", site.config)
    site.wait_for(committed=2)
    assert hub.stop() == 0
    damage(hub.directory / "index.db", "instance", "instance_uid")
    hub.start()
    fidac("site", "import", *files[2:], "--config", site.config)
    status = site.wait_for(committed=2, sent=2)
    assert status["held"] == status["refused"] == 0
    assert hub.stop() == 0
    done = fidac("hub", "reindex", "--config", hub.config)
    assert "the index was broken: it is set aside" in done.stdout
    hub.start()
    site.wait_for(committed=4)
    assert len(hub.find()) == 4
