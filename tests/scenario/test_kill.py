"""kill -9 of a whole daemon, or of one of its receivers, at random moments.

What was acknowledged is at the hub once, byte for byte.
"""

from __future__ import annotations

import random
import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from fidac_node.dicom.uids import EXPLICIT_VR_LE
from fidac_node.phantom import write_series
from tests.integration.receiving import CT
from tests.scenario.network import Daemon, Hub, Modality, Site
from tests.support import RawScu, wait_until

OBJECTS = 400
KILLS = 20


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """400 objects of 8 studies."""
    directory = tmp_path_factory.mktemp("pacs")
    return [
        file
        for seed in range(8)
        for file in write_series(directory / str(seed), seed=seed + 1, slices=OBJECTS // 8, rows=64, columns=64)
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", ["site", "hub"])
def test_every_acknowledged_object_survives_twenty_kills(
    tmp_path: Path, pacs: list[Path], victim: str, hub: Hub, site: Site
) -> None:
    expected = undisturbed(tmp_path / "reference", pacs, site)
    hub.start()
    site.start()
    modality = Modality(site.port, pacs)
    modality.start()
    rng = random.Random(20201122)
    daemon: Daemon = site if victim == "site" else hub
    pause = threading.Event()
    for _ in range(KILLS):
        pause.wait(rng.uniform(0.05, 1.2))
        daemon.kill()
        daemon.start()
    modality.join(120)
    assert modality.acknowledged == set(pacs)
    site.wait_for(committed=OBJECTS, timeout=120)
    wait_until(lambda: len(hub.find()) == OBJECTS, 10)
    assert hub.files() == expected
    assert hub.status()["conflicts"] == 0 and hub.status()["held"] == 0


@pytest.mark.timeout(300)
def test_receivers_that_are_killed_one_by_one_lose_nothing_and_turn_nobody_away(
    tmp_path: Path, pacs: list[Path], hub: Hub, site: Site
) -> None:
    expected = undisturbed(tmp_path / "reference", pacs, site)
    for daemon in (hub, site):
        daemon.set("receive", processes=3)
        daemon.start()
    modalities = [Modality(site.port, pacs[number::4]) for number in range(4)]
    for modality in modalities:
        modality.start()
    rng = random.Random(20201122)
    for kill in range(KILLS):
        wait_until(
            lambda: (
                sum(len(modality.acknowledged) for modality in modalities) * (KILLS + 1) >= OBJECTS * kill  # noqa: B023
            ),
            60,
        )
        daemon = rng.choice([hub, site])
        rng.choice(wait_until(lambda: receivers(daemon), 60)).kill()  # noqa: B023
        socket.create_connection(("127.0.0.1", daemon.port), timeout=30).close()
    for modality in modalities:
        modality.join(120)
    assert set().union(*(modality.acknowledged for modality in modalities)) == set(pacs)
    site.wait_for(committed=OBJECTS, timeout=120)
    wait_until(lambda: len(hub.find()) == OBJECTS, 10)
    assert hub.files() == expected
    assert hub.status()["conflicts"] == 0 and hub.status()["held"] == 0
    for daemon in (site, hub):
        assert daemon.log_text().count("(exit code -9)") >= 3
        assert daemon.stop() == 0


def receivers(daemon: Daemon) -> list[psutil.Process]:
    """The receiver processes that run now."""
    assert daemon.process is not None
    running = []
    for child in psutil.Process(daemon.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # killed just now
            if any(word.startswith("receive-") for word in child.cmdline()):
                running.append(child)
    return running


def undisturbed(directory: Path, pacs: list[Path], site: Site) -> dict[str, bytes]:
    """The hub's archive after a run without kills, under the same key."""
    hub = Hub(directory / "hub")
    hub.add_site("CHU-TEST", "FIDACNODE")
    other = Site(directory / "site", hub.port)
    shutil.copy(site.directory / "secret.key", other.directory / "secret.key")
    hub.start()
    other.start()
    try:
        modality = Modality(other.port, pacs)
        modality.start()
        modality.join(120)
        other.wait_for(committed=len(pacs))
        return hub.files()
    finally:
        other.stop()
        hub.stop()


def test_half_an_object_of_a_killed_receiver_is_gone_before_the_next_start(site: Site) -> None:
    site.start()
    with socket.create_connection(("127.0.0.1", site.port), 30) as sock:
        scu = RawScu(sock, ((CT, [EXPLICIT_VR_LE]),))
        scu.send_fragments((3, scu.store_command(CT, "1.2.3")), (0, b"DUPONT^MARIE" * 5000))
        tmp = site.directory / "spool" / "inbox" / "tmp"
        wait_until(lambda: any(b"DUPONT" in file.read_bytes() for file in tmp.iterdir()), 30, "it did not arrive")
        assert site.process is not None
        for child in psutil.Process(site.process.pid).children():
            if child.cmdline()[-1].startswith("receive-"):
                child.kill()
        wait_until(lambda: site.log_text().count("starting it again") >= 1, 30)
    wait_until(lambda: not any(b"DUPONT" in _bytes(file) for file in tmp.iterdir()), 5, "it is there")
    assert site.process.poll() is None


def _bytes(file: Path) -> bytes:
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return b""
