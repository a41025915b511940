"""How a page is looked at: does it fit, and what does axe-core (WCAG 2.2 AA) say of it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fidac_node.portal.assets import BUILT
from tests.integration.hub.web.conftest import WebHub

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

AXE: Final = BUILT / "tests" / "axe.min.js"  # 'make portal' brings it
WIDTHS: Final = (360, 1024, 1920)
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def signed_in(context: BrowserContext, hub: WebHub, role: str, **of: str) -> None:
    """Give a profile the cookie of somebody in this role."""
    with hub.person(role, **of) as client:
        name, _, value = client.headers["cookie"].partition("=")
    context.add_cookies([{"name": name, "value": value, "url": hub.origin}])


def too_wide(page: Page) -> list[str]:
    """What goes beyond the window at each of :data:`WIDTHS`."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        needs = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{page.url} needs {needs} pixels at {width}"] if needs > width else []
    return found


def violations(page: Page) -> list[str]:
    """What axe-core finds, each with the first element that it is about."""
    page.evaluate(Path(AXE).read_text("utf-8"))
    said: Any = page.evaluate("rules => axe.run({runOnly: rules, resultTypes: ['violations']})", _RULES)
    return [f"{page.url}: {one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in said["violations"]]
