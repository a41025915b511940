"""Fixtures of the scenarios: a hub and a site of their own for every test, stopped whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenario.network import Daemon, Hub, Site


@pytest.fixture
def daemons() -> Iterator[list[Daemon]]:
    """Daemons that a test started and that must not outlive it."""
    started: list[Daemon] = []
    yield started
    for daemon in started:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


@pytest.fixture
def hub(tmp_path: Path, daemons: list[Daemon]) -> Hub:
    """A hub that knows the site CHU-TEST, not yet started."""
    hub = Hub(tmp_path / "hub")
    hub.add_site("CHU-TEST", "FIDACNODE")
    daemons.append(hub)
    return hub


@pytest.fixture
def site(tmp_path: Path, hub: Hub, daemons: list[Daemon]) -> Site:
    """A site that sends to ``hub``, not yet started."""
    site = Site(tmp_path / "site", hub.port)
    daemons.append(site)
    return site
