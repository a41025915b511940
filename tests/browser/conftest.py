"""Fixtures of the browser tests: Debian's Chromium, one for each worker, and a fresh profile for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

CHROMIUM: Final = "/usr/bin/chromium"
# A test asks its own server alone: no updates, no experiments, no safe browsing.
_QUIET: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A running Chromium; mark the test or its module ``interop("chromium")``."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
        yield browser
        browser.close()


@pytest.fixture
def profile(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Open a fresh profile with Playwright's settings (``base_url``, ``locale``, ``viewport``, ``color_scheme``)."""
    opened: list[BrowserContext] = []

    def open_profile(**settings: Any) -> BrowserContext:
        opened.append(chromium.new_context(**settings))
        opened[-1].set_default_timeout(20_000)
        return opened[-1]

    yield open_profile
    for context in opened:
        context.close()
