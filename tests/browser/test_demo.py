"""The demo that stays up: its portal has people, and pages that show something."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from fidac_node.demo.demo import ROLES, fidac
from fidac_node.demo.past import SITES, STUDIES
from fidac_node.phantom import write_series
from tests.browser.looking import shown
from tests.scenario.test_demo import Demo, start
from tests.support import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.interop("chromium")
__all__ = ["start"]  # a fixture


def test_it_stays_up_with_its_portal_until_ctrl_c_and_then_leaves_nothing_running(
    tmp_path: Path, start: Callable[..., Demo], profile: Callable[..., BrowserContext]
) -> None:
    write_series(tmp_path / "study", slices=2, rows=64, columns=64)
    demo = start(tmp_path / "study", "--workdir", tmp_path / "work")
    wait_until(lambda: demo.says("until Ctrl-C"), 120)
    daemons = demo.daemons()
    assert len(daemons) > 4
    status = json.loads(fidac("hub", "status", "--json", "--config", tmp_path / "work" / "hub" / "hub.toml"))
    assert (status["studies"], status["sites"], status["held"]) == (STUDIES + 1, len(SITES) + 1, 0)
    said = demo.out.read_text()
    passwords = dict(re.findall(rf"^  ({'|'.join(ROLES)}) +(\S+)$", said, re.MULTILINE))
    assert set(passwords) == set(ROLES)
    address = re.search(r"The portal: (http://127\.0\.0\.1:\d+/)", said)
    assert address
    page = profile(base_url=address[1], locale="en-GB").new_page()
    _sign_in(page, "administrator", passwords["administrator"])
    _look_around(page)
    demo.process.send_signal(signal.SIGINT)
    assert demo.finish(60) == 0
    assert psutil.wait_procs(daemons, timeout=10)[1] == []
    again = start(tmp_path / "study", "--once", "--workdir", tmp_path / "work")
    assert again.finish() == 1
    assert "holds an earlier demo" in again.err.read_text()


def _sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Overview").wait_for()


def _look_around(page: Page) -> None:
    """Every page has what it is for."""
    assert f"{STUDIES + 1}\nstudies" in page.inner_text("main")
    shown(page, "overview", 960)
    page.goto("/search?sort=-received_week")
    assert page.locator("tbody tr").count() == STUDIES + 1
    page.wait_for_load_state("networkidle")
    shown(page, "search")
    page.locator("tbody a[href^='/studies/']").first.click()
    page.locator("[data-viewer][data-state=shown]").wait_for()
    page.get_by_role("button", name="Lung").click()
    page.locator("[data-viewer][data-shown*='window=-600']").wait_for()
    shown(page, "study", 1100)
    page.goto("/sites")
    assert all(site in page.inner_text("main") for site in (*SITES, "DEMO"))
    shown(page, "sites")
