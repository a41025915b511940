"""The pages on which people look, as a browser shows them: they fit, nobody is shut out, nothing of a site runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from fidac_node.operations.uses import Who
from fidac_node.system.database import connect
from tests.browser.looking import signed_in, too_wide, violations
from tests.hub_objects import data_set, uid
from tests.integration.hub.web.conftest import WebHub, filled, serving
from tests.integration.hub.web.test_pages import EVIL, QUOTED, hold

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.interop("chromium")
STUDY = f"/studies/{uid(1, 1)}"
LONG = "W" * 64
# Each page once, in the state in which most is on it.
PAGES = (
    *(
        "/",
        "/search?manufacturer=*&profile=*",
        "/search?level=patients",
        "/search?level=series",
        "/search?level=instances",
    ),
    *("/search?since=yesterday", "/search?patient=nobody", STUDY, f"{STUDY}/journal", f"{STUDY}/withdraw"),
    *(f"{STUDY}/withdraw?reason=asked+for", f"{STUDY}/series/{uid(1, 1, 1)}/header", "/sites", "/held", "/audit"),
    "/audit?verify=1",
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHub]:
    directory = tmp_path_factory.mktemp("pages")
    db = connect("sqlite:///index.db", directory)
    with serving(filled(db, directory)) as running:
        # Words as long as they may be, in every field that has no blank to break it at.
        running.file(
            data_set(8, PatientID=LONG, ManufacturerModelName=LONG, Manufacturer=LONG, ConvolutionKernel=LONG[:16])
        )
        yield running
    db.close()


@pytest.mark.parametrize(("locale", "scheme"), [("en-GB", "light"), ("fr-FR", "dark")])
def test_every_page_fits_at_three_widths_and_shuts_nobody_out(
    hub: WebHub, profile: Callable[..., BrowserContext], locale: str, scheme: str
) -> None:
    held = [hold(hub, number, code) for number, code in enumerate(("conflict", "unknown-site"), len(locale + scheme))]
    context = profile(base_url=hub.origin, locale=locale, color_scheme=scheme, reduced_motion="reduce")
    signed_in(context, hub, "administrator")
    page, said, asked = context.new_page(), list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    found = []
    for path in (*PAGES, f"/held/{held[1]}", f"/held/decide?act=drop&entry={held[0]}"):
        page.goto(path, wait_until="domcontentloaded")
        found += [*too_wide(page), *violations(page)]
    assert found == []
    # What was asked for in vain on purpose, and the picture of a structured report.
    assert [text for text in said if "400" not in text and "406" not in text] == []
    assert {url for url in asked if not url.startswith((f"{hub.origin}/", "blob:"))} == set()


def test_all_is_reached_by_keyboard_and_done_without_scripts(
    hub: WebHub, profile: Callable[..., BrowserContext]
) -> None:
    entry = hold(hub, 30, "conflict")
    context = profile(base_url=hub.origin, locale="en-GB", java_script_enabled=False)
    signed_in(context, hub, "administrator")
    page = context.new_page()
    page.goto("/search")
    page.get_by_label("Label", exact=True).select_option("certain")
    page.get_by_label("Patient (pseudonym)").fill("PSEUDO0001")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?level=*")
    assert page.url == f"{hub.origin}/search?level=studies&patient=PSEUDO0001&label=certain"
    page.locator("tbody").get_by_role("link", name="PSEUDO0001").click()
    page.get_by_role("link", name="How it came").click()
    assert "5 images" in page.locator("main").inner_text()
    page.goto(f"/held/{entry}")
    page.get_by_role("button", name="Drop").click()
    page.get_by_role("button", name="Drop for good").click()
    assert "1 object was dropped" in page.locator("main").inner_text()


def test_what_the_page_takes_in_is_there_and_the_viewer_goes_by_keyboard(
    hub: WebHub, profile: Callable[..., BrowserContext]
) -> None:
    context = profile(base_url=hub.origin, locale="en-GB")
    signed_in(context, hub, "administrator")
    page = context.new_page()
    page.goto(STUDY)
    page.get_by_role("link", name="header").first.focus()
    page.keyboard.press("Enter")
    page.locator("#header table").wait_for()
    assert page.url == hub.origin + STUDY
    page.locator("[data-viewer][data-state=shown]").wait_for()
    page.locator("canvas").focus()
    page.keyboard.press("End")
    page.locator(f"[data-viewer][data-shown*='{uid(1, 1, 1, 5)}/frames/1/rendered']").wait_for()
    assert page.locator("[data-place]").inner_text() == "5 / 5"
    page.keyboard.press("2")
    page.locator("[data-viewer][data-shown$='?window=-600,1500,linear']").wait_for()
    assert page.get_by_role("button", name="Lung").get_attribute("aria-pressed") == "true"


def test_no_script_that_a_site_sends_runs(hub: WebHub, profile: Callable[..., BrowserContext]) -> None:
    with warnings.catch_warnings(action="ignore"):  # they are no values of these VRs
        hub.file(data_set(5, ManufacturerModelName=EVIL, BodyPartExamined=QUOTED[:16], PatientID=QUOTED))
    hub.rooms.trail.note(Who(EVIL, QUOTED), QUOTED, EVIL)
    context = profile(base_url=hub.origin)
    signed_in(context, hub, "administrator")
    page, alerts = context.new_page(), list[str]()
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    for path in ("/search", "/search?level=series", f"/studies/{uid(5, 1)}", "/audit"):
        page.goto(path)
        assert "alert(1)" in page.locator("main").inner_text()
    assert alerts == []
