"""Both ends under TLS: the whole way through, and nobody else gets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from fidac_node.phantom import write_series
from tests.integration.peers import make_certificates
from tests.scenario.network import Hub, Site, fidac
from tests.support import wait_until


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A folder with a CA, and a certificate and key that it signed for each end."""
    directory = tmp_path / "tls"
    directory.mkdir()
    make_certificates(directory)
    return directory


def options(authority: Path, name: str) -> dict[str, object]:
    return {
        "tls_certificate": str(authority / f"{name}.pem"),
        "tls_key": str(authority / f"{name}.key"),
        "tls_ca": str(authority / "ca.pem"),
    }


def test_a_study_goes_the_whole_way_under_tls_with_certificates_on_both_sides(
    tmp_path: Path, authority: Path, hub: Hub, site: Site
) -> None:
    hub.set("receive", **options(authority, "hub"))
    site.set("send", **options(authority, "site"))
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=5, rows=64, columns=64), "--config", site.config)
    hub.start()
    site.start()
    site.wait_for(committed=5)
    assert len(hub.find()) == 5


def test_a_site_without_a_certificate_gets_nothing_into_a_hub_that_asks_for_one(
    tmp_path: Path, authority: Path, hub: Hub, site: Site
) -> None:
    hub.set("receive", **options(authority, "hub"))
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=2, rows=64, columns=64), "--config", site.config)
    hub.start()
    site.start()
    wait_until(lambda: site.status()["hub"]["error"], 60)
    site.wait_for(outgoing=2)
    assert hub.status()["instances"] == 0
    site.stop()
    site.set("send", tls_ca=str(authority / "ca.pem"))
    site.start()
    wait_until(lambda: site.log_text().count("everything waits") >= 2, 60)
    assert site.status()["outgoing"] == 2 and hub.status()["instances"] == 0
