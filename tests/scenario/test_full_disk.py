"""A disk that fills: new associations are rejected as transient, nothing is lost, space brings it back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Modality, Site, fidac
from tests.support import wait_until

pytestmark = [
    pytest.mark.interop("storescu"),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root"),
]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(ballast: Path) -> None:
    """Let this file have the disk to the last block."""
    with (
        Path("/dev/zero").open("rb") as zeros,
        ballast.open("ab", buffering=0) as fp,
        pytest.raises(OSError, match="No space left"),
    ):
        shutil.copyfileobj(zeros, fp)


@pytest.mark.timeout(400)
def test_a_full_disk_rejects_as_transient_keeps_what_it_took_and_recovers_by_itself(
    tmp_path: Path, small_disk: Path, hub: Hub, site: Site
) -> None:
    site.set("spool", directory=str(small_disk / "spool"), reserve_mb=6)
    site.start()
    files = write_series(tmp_path / "pacs", slices=60, rows=512, columns=512)
    sent = site.storescu(files)
    assert "Refused: OutOfResources" in sent.stdout + sent.stderr
    taken = (sent.stdout + sent.stderr).count("Store Response (Success)")
    assert 10 < taken < 60
    again = site.storescu(files[:1])
    assert again.returncode != 0 and "Rejected Transient" in again.stdout + again.stderr
    hub.start()
    site.wait_for(committed=taken, received=taken)
    assert len(hub.find()) == taken
    # What was rejected found no room; now there are copies that the hub answers for, and the oldest go for what comes,
    # long before their time. A PACS that tries again until it succeeds gets all through.
    modality = Modality(site.port, files)
    modality.start()
    modality.join(240)
    assert modality.acknowledged == set(files)
    wait_until(lambda: len(hub.find()) == 60, 60)
    assert site.wait_for(committed=60)["purged_early"] > 0
    shown = fidac("site", "status", "--config", site.config).stdout
    assert "made room for what arrives: " in shown and " committed copies went before their time, the last 20" in shown
    site.stop()  # which frees more of what goes on growing
    kept = fidac("site", "purge", "--config", site.config).stdout
    examined = fidac("doctor", "--config", site.config, check=False).stdout
    assert (
        f"{kept.split()[0]} copies that the hub answers for are kept for 168 hours ([spool] retention_hours)"
        in examined
    )
    assert f"{kept.split()[0]} copies deleted" in fidac("site", "purge", "--all", "--config", site.config).stdout
    assert fidac("site", "purge", "--config", site.config).stdout.startswith("0 copies that the hub answers for")


def test_a_disk_without_a_byte_left_loses_nothing_that_was_acknowledged(
    tmp_path: Path, small_disk: Path, hub: Hub, site: Site
) -> None:
    site.set("spool", directory=str(small_disk / "spool"), reserve_mb=1)
    site.start()
    site.storescu(write_series(tmp_path / "pacs", slices=15, rows=512, columns=512))
    site.wait_for(outgoing=15)
    ballast = small_disk / "ballast"
    fill(ballast)
    spares = small_disk / "spool" / "inbox" / "spare"
    wait_until(lambda: not list(spares.iterdir()))  # their space is given back, in which an object would have had room
    fill(ballast)
    refused = site.storescu(write_series(tmp_path / "more", seed=2, slices=2, rows=512, columns=512))
    assert refused.returncode != 0 or "Refused: OutOfResources" in refused.stdout + refused.stderr
    ballast.unlink()
    hub.start()
    site.wait_for(committed=15, timeout=120)
    assert len(hub.find()) == 15
