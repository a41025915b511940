"""The hub's web server as 'hub run' starts it, asked over its port."""

from __future__ import annotations

from pathlib import Path

import httpx

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Site, fidac
from tests.support import free_port, wait_until


def test_what_a_site_sent_is_found_by_dicomweb_with_a_token_and_the_server_stops_with_the_hub(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    port = free_port()
    hub.set("web", port=port)
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=3, rows=64, columns=64), "--config", site.config)
    hub.start()
    site.start()
    site.wait_for(committed=3)
    token = fidac("hub", "token", "create", "test", "--scope", "read:index", "--config", hub.config).stdout.strip()
    url, headers = f"http://127.0.0.1:{port}/dicom-web/instances", {"Authorization": f"Bearer {token}"}
    assert httpx.get(url).status_code == 401
    assert len(httpx.get(url, headers=headers).json()) == 3
    fidac("hub", "token", "revoke", "test", "--config", hub.config)
    wait_until(lambda: httpx.get(url, headers=headers).status_code == 401)
    assert hub.stop() == 0
    assert "Traceback" not in hub.log_text()
