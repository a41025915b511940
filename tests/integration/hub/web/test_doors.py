"""Signing in and out with a browser, and what an attacker who knows the addresses may try."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from fidac_node.errors import ConfigError
from fidac_node.hub.index.models import Attempt, Session
from fidac_node.hub.web.listening import SECRET, secret_in
from fidac_node.operations import users
from tests.hub_objects import uid
from tests.integration.hub.web.conftest import WebHub

FORM = b"application/x-www-form-urlencoded"
PASSWORD = "correct horse battery"


def nothing(*_said: str) -> None:
    """An act that nobody writes down."""


@contextmanager
def browser(web: WebHub, **headers: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.origin, headers={"Accept": "text/html", **headers}, verify=False) as client:
        yield client


def form_token(page: httpx.Response) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)
    assert found
    return found[1]


def post(client: httpx.Client, page: str, to: str | None = None, **fields: str) -> httpx.Response:
    """Fill in a form as a browser does."""
    return client.post(to or page, data={"csrf_token": form_token(client.get(page)), **fields})


@pytest.fixture(scope="module")
def alice(web: WebHub) -> WebHub:
    users.add(web.db, nothing, "alice", "administrator", password=PASSWORD)
    return web


def test_who_signs_in_goes_where_they_wanted_and_out_again_for_good(alice: WebHub) -> None:
    with browser(alice) as client:
        there = client.get("/search?label=certain")
        assert (there.status_code, there.headers["location"]) == (303, "/login?next=/search%3Flabel%3Dcertain")
        before = client.get("/login").headers["set-cookie"]
        answer = post(client, "/login?next=/search%3Flabel%3Dcertain", "/login", name="ALICE", password=PASSWORD)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert answer.headers["set-cookie"] != before
        with browser(alice, Cookie=before.partition(";")[0]) as fixed:  # whoever planted the cookie of before
            assert fixed.get("/held").status_code == 303
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert client.get("/login?next=/held").headers["location"] == "/held"
        stolen = dict(client.cookies)
        token = form_token(client.get("/nothing"))
        assert client.post("/logout", data={"csrf_token": token}).headers["location"] == "/login"
        assert client.get("/held").status_code == 303
    with browser(alice) as thief:
        thief.cookies.update(stolen)
        assert thief.get("/held").headers["location"] == "/login?next=/held"


def test_a_form_without_the_token_of_its_own_visitor_does_nothing(alice: WebHub) -> None:
    with browser(alice) as other, browser(alice) as client:
        theirs = form_token(other.get("/login"))
        mine = form_token(client.get("/login"))
        for token in ("", theirs, mine[:-1] + "0" * (mine[-1] != "0") + "1" * (mine[-1] == "0")):
            given = {"csrf_token": token, "name": "alice", "password": PASSWORD}
            assert client.post("/login", data=given).status_code == 403
        given = {"csrf_token": mine, "name": "alice", "password": PASSWORD}
        assert client.post("/login", data=given, headers={"Origin": "https://evil.example"}).status_code == 403
        assert client.post("/login", data=given, headers={"Origin": "null"}).status_code == 403
        assert client.post("/login", data=given, headers={"Origin": alice.origin}).status_code == 303


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Host", "[", 400),
        ("Host", "hub.example/../x", 400),
        ("Host", "a b", 400),
        ("Origin", "http://[", 403),
        ("Origin", "", 403),
        ("Referer", "http://[", 401),
        ("Cookie", "fidac=\xff.\xff; lang=../../x", 403),
        ("Accept-Language", "fr;q=x, \xff, ;;;, *;q=0.1", 401),
    ],
)
def test_what_no_browser_sends_is_answered_as_what_is_wrong_with_it(
    alice: WebHub, header: str, value: str, status: int
) -> None:
    with browser(alice) as client:
        given = {"csrf_token": form_token(client.get("/login")), "name": "\udcff", "password": "\x00", "code": "é" * 99}
        odd = [(header.encode("ascii"), value.encode("latin-1")), (b"Content-Type", FORM)]
        body = urlencode(given, errors="surrogateescape")
        assert client.post("/login", content=body, headers=odd).status_code == status


def test_a_secret_that_others_may_read_or_that_is_not_whole_signs_nothing(tmp_path: Path) -> None:
    secret = secret_in(tmp_path)
    assert len(secret) == 32 and secret_in(tmp_path) == secret
    path = tmp_path / SECRET
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 0600"):
        secret_in(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="delete it"):
        secret_in(tmp_path)


def test_a_viewer_of_who_is_signed_in_fetches_and_stores_nothing(web: WebHub) -> None:
    with web.person("contributor", site="LILLE") as client:
        sites = {row["00120030"]["Value"][0] for row in client.get("/dicom-web/studies?includefield=00120030").json()}
        assert sites == {"LILLE"}
        assert client.post("/dicom-web/studies", content=b"").status_code == 401
        picture = f"/dicom-web/studies/{uid(1, 1)}/thumbnail"
        shown = client.get(picture)
        assert (shown.status_code, shown.headers["cache-control"]) == (200, "private, max-age=600")
        again = {"If-None-Match": shown.headers["etag"]}
        assert client.get(picture, headers=again).status_code == 304
        client.post("/logout")
        assert client.get(picture, headers=again).status_code == 401
    with web.person("auditor") as client:
        assert client.get("/dicom-web/studies").status_code == 403


def test_passwords_that_are_guessed_are_slowed_down_whether_there_is_such_an_account_or_not(own: WebHub) -> None:
    users.add(own.db, nothing, "alice", "administrator", password=PASSWORD)
    for name in ("alice", "nobody"):
        with browser(own) as client:
            answers = [post(client, "/login", name=name, password=f"guess {number}") for number in range(5)]
            answers.append(post(client, "/login", name=name, password=PASSWORD))
        assert [one.status_code for one in answers] == [401] * 5 + [429]
        assert answers[-1].headers["retry-after"] in ("1", "2")
        said = answers[0].text.replace(name, "").replace(form_token(answers[0]), "")
        assert "Name, password or code is not right." in said
    Attempt.delete().execute(own.db)
    with browser(own) as client:
        assert post(client, "/login", name="alice", password=PASSWORD).status_code == 303
    acts = [(act.who, act.act, act.what) for act in own.rooms.trail.acts()]
    assert acts.count(("alice", "login", "refused")) == acts.count(("nobody known", "login", "refused")) == 5
    assert Session.select().count(own.db) == 1
