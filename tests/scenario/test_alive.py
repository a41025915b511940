"""Alive is measured: what an operator reads of a node that runs, is stopped, or hangs, stage by stage."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from tests.scenario.network import Hub, Site, fidac
from tests.support import wait_until


def stage(daemon: Hub | Site, name: str) -> psutil.Process:
    """The process of one stage."""
    assert daemon.process is not None
    family = psutil.Process(daemon.process.pid).children()
    return next(one for one in family if one.cmdline()[-1] == name or name in one.cmdline())


def status(daemon: Hub | Site) -> tuple[int, list[str]]:
    """Exit code and lines of the status."""
    done = fidac(daemon.kind, "status", "--config", daemon.config, check=False)
    return done.returncode, done.stdout.splitlines()


def test_a_node_is_running_stopped_or_hung_and_a_stage_that_stands_still_is_named_and_started_again(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    assert (status(site)[0], status(site)[1][0]) == (3, "site CHU-TEST: stopped, profile fidac-chest-ct")
    assert (status(hub)[0], status(hub)[1][0]) == (3, "hub FIDACHUB: stopped")
    hub.start(wait=False)
    site.start(FIDAC_NODE_SPOOL_STAGE_PATIENCE="3")
    wait_until(lambda: status(hub)[0] == 0, 60, hub.log_text())
    assert status(hub)[1][0] == "hub FIDACHUB: running"
    wait_until(lambda: site.status()["hub"]["reachable"], 15, "an idle site does not ask its hub")
    assert (status(site)[0], status(site)[1][0]) == (0, "site CHU-TEST: running, profile fidac-chest-ct")

    stopped = stage(site, "deidentify-0").pid
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: "deidentify-0 does not move: de-identifying is silent for" in site.log_text(), 60)
    wait_until(lambda: not psutil.pid_exists(stopped), 10, "a stage that stands still was not ended")
    wait_until(lambda: status(site)[0] == 0, 30, "it does not run again")

    assert site.process is not None
    site.process.send_signal(signal.SIGSTOP)
    code, lines = status(site)
    assert (code, lines[:2]) == (
        1,
        ["site CHU-TEST: hung, profile fidac-chest-ct", "    receive: hung, its supervisor does not answer"],
    )
    doctor = fidac("doctor", "--config", site.config, check=False).stdout
    assert f"FAIL  alive: the supervisor does not answer (process {site.process.pid}: " in doctor
    assert "'kill -9' its process; systemd starts it again, and nothing is lost" in doctor
    site.process.send_signal(signal.SIGCONT)
    site.stop()
    assert status(site)[1][0].startswith("site CHU-TEST: stopped")
