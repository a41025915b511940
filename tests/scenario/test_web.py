"""The hub's web server as 'hub run' starts it, asked over its port."""

from __future__ import annotations

from pathlib import Path

import httpx

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Site, fidac
from tests.support import free_port, wait_until


def _token(page: httpx.Response) -> str:
    return page.text.partition('name="csrf-token" content="')[2].partition('"')[0]


def test_what_a_site_sent_is_found_by_dicomweb_with_a_token_or_signed_in_and_the_server_stops_with_the_hub(
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
    invitation = fidac("hub", "user", "add", "marie", "--role", "researcher", "--config", hub.config).stdout.strip()
    assert invitation.startswith(f"http://127.0.0.1:{port}/invitation/")
    with httpx.Client() as browser:
        chosen = {"password": "correct horse", "again": "correct horse", "csrf_token": _token(browser.get(invitation))}
        assert browser.post(invitation, data=chosen).status_code == 303
        assert len(browser.get(url).json()) == 3
        fidac("hub", "user", "role", "marie", "--role", "auditor", "--config", hub.config)
        assert browser.get(url).status_code == 401
    secret = hub.config.parent / "spool" / "web.secret"
    assert secret.stat().st_mode & 0o777 == 0o600 and len(secret.read_bytes()) == 32
    fidac("hub", "token", "revoke", "test", "--config", hub.config)
    wait_until(lambda: httpx.get(url, headers=headers).status_code == 401)
    assert hub.stop() == 0
    assert "Traceback" not in hub.log_text()
