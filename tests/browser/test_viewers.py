"""A study that came the whole way, from a scanner's file through a site and the hub, as both viewers show it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from fidac_node.errors import ConfigError
from fidac_node.phantom import write_series
from fidac_node.portal import npm
from fidac_node.portal.build import CACHE
from fidac_node.portal.ohif import LOCK
from tests.browser.conftest import CHROMIUM
from tests.scenario.network import Hub, Site, fidac
from tests.support import free_port, not_here

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.interop("chromium")
PASSWORD = "correct horse battery"
ADMINISTRATOR = ("admin", "--role", "administrator", "--password-stdin")
# OHIF draws by WebGL, here without a graphics card.
_DRAWS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run")

# A tenth of the canvas is brighter than dark grey.
_IS_BRIGHT = """() => {
  const canvas = document.querySelector('canvas.cornerstone-canvas');
  const seen = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return seen.filter((value, place) => place % 4 === 0 && value > 40).length > canvas.width * canvas.height / 10;
}"""


class Portal(NamedTuple):
    """A hub that has one study of a site, and its address for browsers."""

    url: str
    hub: Hub


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One study of four slices, imported at a site and sent."""
    directory, port = tmp_path_factory.mktemp("viewers"), free_port()
    hub = Hub(directory / "hub")
    hub.add_site("CHU-TEST", "FIDACNODE")
    hub.set("web", port=port)
    site = Site(directory / "site", hub.port)
    try:
        files = write_series(directory / "pacs", slices=4, rows=128, columns=128)
        fidac("site", "import", *files, "--config", site.config)
        fidac("hub", "user", "add", *ADMINISTRATOR, "--config", hub.config, given=PASSWORD)
        hub.start()
        site.start()
        site.wait_for(committed=4)
        assert site.stop() == 0
        yield Portal(f"http://127.0.0.1:{port}", hub)
    finally:
        for daemon in (site, hub):
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.kill()


def opened(context: BrowserContext) -> Page:
    """The page of the only study, found as a person finds it."""
    page = context.new_page()
    page.goto("/login?next=/search")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    page.locator("tbody").get_by_role("link").first.click()
    return page


def drawn(page: Page) -> np.ndarray[Any, Any]:
    """The pixels of the viewer's canvas, as it has them."""
    url = page.evaluate("document.querySelector('[data-viewer] canvas').toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("L"))


def windowed(ds: Dataset, centre: float, width: float) -> np.ndarray[Any, Any]:
    """A slice in a window (PS3.3 C.11.2.1.2.1), by nothing of this package."""
    values = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    shown = ((values - (centre - 0.5)) / (width - 1) + 0.5) * 255
    return np.asarray(np.floor(np.clip(shown, 0, 255) + 0.5), dtype=np.uint8)


def test_a_study_that_came_the_whole_way_is_seen_as_it_is(
    portal: Portal, profile: Callable[..., BrowserContext]
) -> None:
    archived = (portal.hub.directory / "archive").rglob("*.dcm")
    slices = sorted(map(dcmread, archived), key=lambda ds: int(ds.InstanceNumber))
    first = slices[0]
    own = [first[keyword].value for keyword in ("WindowCenter", "WindowWidth")]
    own = [float(value if isinstance(value, (str, float)) else value[0]) for value in own]
    page = opened(profile(base_url=portal.url, locale="en-GB"))
    canvas, viewer = page.locator("[data-viewer] canvas"), page.locator("[data-viewer]")

    def shows(number: int, centre: float, width: float) -> None:
        page.wait_for_function(
            """([place, query]) => { const viewer = document.querySelector('[data-viewer]');
               return viewer?.dataset.state === 'shown' && viewer.dataset.shown.endsWith(query)
               && viewer.querySelector('[data-place]').textContent === place; }""",
            arg=[f"{number} / 4", "rendered" if [centre, width] == own else f"window={centre:g},{width:g},linear"],
        )
        expected = windowed(slices[number - 1], centre, width)
        difference = np.abs(drawn(page).astype(int) - expected.astype(int))
        # To a step of 256 where the hub counts with 32 bits and this with 64.
        assert difference.max() <= 1 and (difference == 0).mean() > 0.999 and expected.std() > 20

    shows(2, *own)
    canvas.hover()
    page.mouse.wheel(0, 40)
    shows(3, *own)
    page.get_by_role("button", name="Lung").click()
    shows(3, -600, 1500)
    page.get_by_role("button", name="Bone").click()
    canvas.press("Home")
    shows(1, 400, 1800)
    page.get_by_role("button", name="Mediastinum").click()
    canvas.hover(position={"x": 100, "y": 100})
    page.mouse.down()
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + 150, box["y"] + 90, steps=3)
    page.mouse.up()
    shows(1, 40 - 20, 400 + 100)
    canvas.dblclick()
    shows(1, *own)
    assert viewer.get_by_role("slider").get_attribute("aria-valuetext") == "1 / 4"


@pytest.mark.thorough
def test_ohif_shows_it_too_and_asks_nobody_else(portal: Portal, chromium: Browser) -> None:
    (package,) = npm.locked(LOCK)
    try:
        npm.fetch(package, CACHE)
    except ConfigError as error:
        not_here(error)
    (portal.hub.directory / "spool" / "npm").symlink_to(CACHE)
    assert "studies have a link" in fidac("hub", "web", "ohif", "--config", portal.hub.config).stdout
    asked: list[str] = []
    browser = chromium.browser_type.launch(executable_path=CHROMIUM, args=[*_DRAWS])
    try:
        page = opened(browser.new_context(base_url=portal.url, locale="en-GB", viewport={"width": 1000, "height": 700}))
        page.on("request", lambda request: asked.append(request.url))
        page.get_by_role("link", name="Open in OHIF").click()
        canvas = page.locator("canvas.cornerstone-canvas").first
        canvas.wait_for(timeout=120_000)
        page.wait_for_function(_IS_BRIGHT, timeout=120_000)
        size = canvas.bounding_box()
        assert size and size["width"] > 400 and size["height"] > 400
        assert page.get_by_text("1/11").count() == 0  # no tour of it
    finally:
        browser.close()
    assert {url for url in asked if not url.startswith((f"{portal.url}/", "blob:", "data:"))} == set()
