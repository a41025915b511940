"""Signing in and looking after accounts, as a person does: by keyboard, on a telephone, without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from fidac_node.hub.index.users import find_account, invite
from fidac_node.operations import users
from fidac_node.system.database import connect
from tests.browser.looking import signed_in, too_wide, violations
from tests.hub_objects import uid
from tests.integration.hub.web.conftest import WebHub, filled, serving
from tests.integration.hub.web.test_doors import PASSWORD, nothing

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

LONG = "bob.with.a.name-that-is-as-long-as-a-name-may-be@hospital.exampl"
pytestmark = pytest.mark.interop("chromium")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHub]:
    directory = tmp_path_factory.mktemp("people")
    db = connect("sqlite:///index.db", directory)
    with serving(filled(db, directory)) as running:
        users.add(db, nothing, "alice", "administrator", password=PASSWORD)
        users.add(db, nothing, LONG, "contributor", site="LILLE")
        yield running
    db.close()


def test_a_person_signs_in_by_keyboard_and_is_where_they_wanted_to_be(
    hub: WebHub, profile: Callable[..., BrowserContext]
) -> None:
    page = profile(base_url=hub.origin, locale="fr-FR").new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.goto("/users")
    assert page.title() == "Se connecter · FIDAC"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for text in ("", "", "alice", PASSWORD):  # past the name of the portal
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/users")
    assert page.locator("h1").inner_text() == "Comptes"
    page.get_by_role("button", name="English").click()
    page.wait_for_url("**/users")
    assert page.locator("h1").inner_text() == "People"
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    assert said == []


def test_without_scripts_an_account_is_made_and_its_invitation_followed(
    hub: WebHub, profile: Callable[..., BrowserContext]
) -> None:
    context = profile(base_url=hub.origin, locale="en-GB", java_script_enabled=False)
    signed_in(context, hub, "administrator")
    page = context.new_page()
    page.goto("/users")
    page.get_by_label("Name").fill("carol")
    page.get_by_label("Site").select_option("PARIS")
    page.get_by_role("button", name="Make the account").click()
    link = page.locator(".uid").inner_text()
    other = profile(locale="en-GB", java_script_enabled=False).new_page()
    other.goto(link)
    for label in ("New password", "The same again"):
        other.get_by_label(label).fill(PASSWORD)
    other.get_by_role("button").first.click()
    other.goto(f"{hub.origin}/account")
    assert "PARIS" in other.locator("main").inner_text()
    assert other.locator("nav.places").get_by_role("link").all_inner_texts() == ["Overview", "Search", "Upload"]


def test_a_page_of_another_site_shows_and_does_nothing_of_the_hubs(
    hub: WebHub, profile: Callable[..., BrowserContext]
) -> None:
    context = profile(base_url=hub.origin)
    signed_in(context, hub, "administrator")
    page = context.new_page()
    picture = f"{hub.origin}/dicom-web/studies/{uid(1, 1)}/thumbnail"
    fields = '<input name="name" value="mallory"><input name="role" value="administrator">'
    evil = (
        f'<!doctype html><img src="{picture}"><iframe src="{hub.origin}/users"></iframe>'
        f'<form method="post" action="{hub.origin}/users">{fields}<button>Win a prize</button></form>'
    )
    page.route("http://evil.test/", lambda route: route.fulfill(body=evil, content_type="text/html"))
    page.goto("http://evil.test/", wait_until="load")
    assert page.evaluate("document.images[0].naturalWidth") == 0
    assert context.request.get(picture).status == 200
    assert page.frames[1].evaluate("document.querySelector('nav')") is None
    with page.expect_navigation() as answer:
        page.get_by_role("button").click()
    assert answer.value.status in (303, 403) or answer.value.url.startswith(f"{hub.origin}/login")
    assert find_account(hub.db, name="mallory") is None
    page.goto("/users")  # who goes there by a link is signed in still
    assert page.locator("h1").inner_text() == "People"


@pytest.mark.parametrize(("locale", "scheme"), [("fr-FR", "dark"), ("en-GB", "light")])
def test_every_page_of_accounts_fits_and_is_accessible(
    hub: WebHub, profile: Callable[..., BrowserContext], locale: str, scheme: str
) -> None:
    context = profile(base_url=hub.origin, locale=locale, color_scheme=scheme)
    page, found = context.new_page(), []
    invitation = f"/invitation/{invite(hub.db, 'alice', 1)}"
    for path in ("/login", invitation):
        page.goto(path)
        found += too_wide(page) + violations(page)
    signed_in(context, hub, "administrator")

    for path in ("/users", f"/users/{LONG}", "/nothing"):
        page.goto(path)
        found += too_wide(page) + violations(page)
    context.clear_cookies()
    page.goto("/login?next=/account")
    page.locator("#name").fill("alice")
    page.locator("#password").fill("not " + PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    found += too_wide(page) + violations(page)
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    for path in ("/account", "/account/second-factor"):
        page.goto(path)
        found += too_wide(page) + violations(page)
    assert found == []
