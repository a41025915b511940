"""Whatever umask the node was started with, nobody but its user reads what it writes, nor writes what it reads."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Site, fidac

SLICES = 3


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def others_may(root: Path) -> dict[str, str]:
    """What others may read or write below ``root``, with its mode."""
    return {
        str(path.relative_to(root)): oct(stat.S_IMODE(mode))
        for path in [root, *root.rglob("*")]
        if not stat.S_ISLNK(mode := path.lstat().st_mode) and mode & 0o077
    }


@pytest.mark.usefixtures("open_umask")
def test_every_file_is_its_users_alone_under_umask_0(tmp_path: Path) -> None:
    hub = Hub(tmp_path / "hub")
    site = Site(tmp_path / "site", hub.port)
    hub.add_site(site.site_id, site.ae_title)
    slices = write_series(tmp_path / "pacs", slices=SLICES, rows=64, columns=64)
    (tmp_path / "pacs" / "no-object.dcm").write_bytes(b"no DICOM")
    hub.start()
    site.start()
    try:
        fidac("site", "import", *slices, "--config", site.config)
        site.wait_for(committed=SLICES)
        hub.find("studies")
        handle = next((site.directory / "spool" / "outbox" / "committed").glob("*.dcm")).name.partition("-")[0]
        fidac("site", "show", handle, "--diff", "--reason", "a test of modes", "--config", site.config, check=False)
        fidac("site", "queue", "list", "--config", site.config)
        fidac("hub", "held", "list", "--config", hub.config)
        fidac("deidentify", tmp_path / "pacs", tmp_path / "out", "--report", tmp_path / "report.json",
              "--key-file", site.directory / "secret.key", check=False)  # fmt: skip
        assert (tmp_path / "out").is_dir() and not others_may(tmp_path / "report.json")
        for daemon in (hub, site):
            daemon.log.chmod(0o600)  # the test made it, as a shell would
        assert not {name: found for name in ("hub", "site", "out") if (found := others_may(tmp_path / name))}
    finally:
        site.stop()
        hub.stop()
    fidac("hub", "reindex", "--config", hub.config)
    assert not others_may(hub.directory) and not others_may(site.directory)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_settings_that_others_may_write_stop_the_start_and_doctor_says_what_to_do(
    tmp_path: Path, hub: Hub, site: Site, mode: int
) -> None:
    for daemon in (hub, site):
        daemon.config.chmod(mode)
        run = fidac(daemon.kind, "run", "--config", daemon.config, check=False)
        assert run.returncode == 2 and f"run: chmod go-w {daemon.config}" in run.stderr
        doctor = fidac("doctor", "--config", daemon.config, check=False)
        assert doctor.returncode == 1 and f"chmod go-w {daemon.config}" in doctor.stdout
