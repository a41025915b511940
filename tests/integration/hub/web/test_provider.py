"""Signing in with an identity provider, which is another program that is spoken to by HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from fidac_node.hub.index.models import Session
from fidac_node.hub.web.listening import Provider
from fidac_node.operations import users
from fidac_node.system.database import connect
from tests.integration.hub.web.conftest import WebHub, filled, serving
from tests.integration.hub.web.issuer import CLIENT, SECRET, Issuer, issuing, shared_secret
from tests.integration.hub.web.test_doors import browser, nothing


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing(Issuer()) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_it_was(issuer: Issuer) -> Iterator[None]:
    yield
    issuer.claims, issuer.header, issuer.signs_with = {}, {}, None


@pytest.fixture(scope="module")
def hub(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHub]:
    directory = tmp_path_factory.mktemp("provider")
    db = connect("sqlite:///index.db", directory)
    there = filled(db, directory)
    provider = Provider(issuer.url, CLIENT, SECRET, "openid scope_all", "eidas1", "Pro Santé Connect")
    there.rooms = there.rooms._replace(provider=provider)
    with serving(there) as running:
        users.add(db, nothing, "dr.who", "contributor", site="LILLE")
        users.link(db, nothing, "dr.who", issuer.url, issuer.subject)
        yield running
    db.close()


def come_back(client: httpx.Client, back: str = "/search") -> tuple[str, httpx.Response]:
    """Go to the provider as a browser does; return the address that it leads to, and what answers there."""
    there = client.get("/login/provider", params={"next": back})
    assert there.status_code == 303, there.text
    address = httpx.get(there.headers["location"]).headers["location"]
    return address, client.get(address)


def test_who_is_linked_signs_in_by_the_provider_and_an_answer_serves_once(hub: WebHub, issuer: Issuer) -> None:
    with browser(hub) as client:
        assert "Pro Santé Connect" in client.get("/login").text
        address, answer = come_back(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/search")
        assert "dr.who" in client.get("/account").text
        sent = httpx.URL(client.get("/login/provider").headers["location"]).params
        assert (sent["scope"], sent["acr_values"], sent["client_id"]) == ("openid scope_all", "eidas1", CLIENT)
        assert len(sent["nonce"]) >= 43
        assert client.get(address).status_code == 502
    with browser(hub) as thief:
        assert thief.get(address).status_code == 502  # without the cookie of who was sent
        assert thief.get("/account").status_code == 303
    with browser(hub) as victim:  # led to the answer that an attacker's browser got (login CSRF)
        victim.get("/login/provider")
        assert victim.get(address).status_code == 502


def test_a_subject_that_no_account_is_linked_to_is_refused_until_an_administrator_links_it(
    hub: WebHub, issuer: Issuer
) -> None:
    issuer.claims = {"sub": "somebody <b>else</b>"}
    with browser(hub) as client:
        _, answer = come_back(client)
        assert answer.status_code == 403
        assert "somebody &lt;b&gt;else" in answer.text
        assert client.get("/account").status_code == 303
        users.add(hub.db, nothing, "new", "auditor")
        users.link(hub.db, nothing, "new", "https://other.example", "somebody <b>else</b>")
        assert come_back(client)[1].status_code == 403  # another issuer's subject of the same name is somebody else
        with hub.person("administrator") as chief:
            assert chief.post("/users/new/link", data={"subject": "somebody <b>else</b>"}).status_code == 303
        assert come_back(client)[1].status_code == 303
    reasons = [act.reason for act in hub.rooms.trail.acts() if act.act == "login" and act.what == "refused"]
    assert any("somebody <b>else</b>" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({"nonce": "another"}, {}),
        ({"nonce": None}, {}),
        ({"iss": "https://evil.example"}, {}),
        ({"aud": "another client"}, {}),
        ({"aud": [CLIENT, "another"], "azp": "another"}, {}),
        ({"exp": 1}, {}),
        ({"exp": None}, {}),
        ({"iat": time.time() + 9999}, {}),
        ({"sub": None}, {}),
        ({"sub": ["f:1234"]}, {}),
        ({"sub": "f:1234\0"}, {}),
        ({"at_hash": "AAAA"}, {}),
        ({}, {"kid": "other"}),
        ({}, {"alg": "HS256"}),
    ],
)
def test_an_id_token_that_is_not_right_opens_nothing(
    hub: WebHub, issuer: Issuer, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    issuer.claims, issuer.header = claims, header
    if header == {"alg": "HS256"}:
        issuer.signs_with = shared_secret()
    before = Session.select().count(hub.db)
    with browser(hub) as client:
        assert come_back(client)[1].status_code == 502
    assert Session.select().count(hub.db) == before


def test_an_id_token_that_another_key_signed_opens_nothing(hub: WebHub, issuer: Issuer) -> None:
    issuer.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    with browser(hub) as client:
        assert come_back(client)[1].status_code == 502
        assert client.get("/account").status_code == 303


def test_a_provider_that_is_away_or_calls_itself_something_else_is_told_and_passwords_go_on(tmp_path: Path) -> None:
    db = connect("sqlite:///index.db", tmp_path)
    there = filled(db, tmp_path)
    with issuing(Issuer(metadata={"issuer": "https://evil.example"})) as issuer:
        there.rooms = there.rooms._replace(provider=Provider(issuer.url, CLIENT, SECRET, "openid", "", "PSC"))
        with serving(there) as running, browser(running) as client:
            assert client.get("/login/provider").status_code == 502
            issuer.metadata = {"token_endpoint": "http://127.0.0.1:1/"}
            assert come_back(client)[1].status_code == 502
            assert "did not work" in client.get("/login/provider/answer?code=x&state=y").text
            assert client.get("/login").status_code == 200
    db.close()


def test_a_hub_without_a_provider_has_no_such_address(web: WebHub) -> None:
    with browser(web) as client:
        assert client.get("/login/provider").status_code == 404
        assert client.get("/login/provider/answer").status_code == 404
