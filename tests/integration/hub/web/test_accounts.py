"""The pages of the own account and of all accounts, and that nobody does with them what the role does not allow."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pyotp
import pytest

from fidac_node.errors import Declined
from fidac_node.hub.index.models import Account, Attempt
from fidac_node.hub.index.users import accept, find_account, invite, list_accounts
from fidac_node.operations import users
from tests.integration.hub.web.conftest import WebHub
from tests.integration.hub.web.test_doors import PASSWORD, browser, form_token, nothing, post

OTHER = "another horse, another battery"


def test_an_administrator_invites_somebody_who_chooses_a_password_once(web: WebHub) -> None:
    with web.person("administrator") as chief:
        page = chief.post("/users", data={"name": "bob", "role": "contributor", "site": "LILLE"})
    link = re.search(r"http://[^<\s]+/invitation/[\w-]+", page.text)
    assert link
    way = urlsplit(link[0]).path
    with browser(web) as bob:
        assert bob.get(way).status_code == bob.get(way).status_code == 200  # looking does not use it up
        assert post(bob, way, password="short", again="short").status_code == 422
        wrong = bob.post(way, data={"csrf_token": form_token(bob.get(way))}, headers={"Referer": link[0]})
        assert f'name="next" value="{way}"' in wrong.text  # from where the language is changed
        assert "differ" in post(bob, way, password=OTHER, again=PASSWORD).text
        assert post(bob, way, password=PASSWORD, again=PASSWORD).status_code == 303
        assert "LILLE" in bob.get("/account").text
    with browser(web) as other:
        assert other.get(way).status_code == 404
    token = way.rpartition("/")[2]
    assert accept(web.db, token, "hash") is None
    assert {row.name: row.state for row in list_accounts(web.db)}["bob"] == "active"


def test_a_second_factor_is_asked_for_and_each_code_opens_once(own: WebHub, monkeypatch: pytest.MonkeyPatch) -> None:
    users.add(own.db, nothing, "carol", "researcher", password=PASSWORD)
    with browser(own) as carol:
        post(carol, "/login", name="carol", password=PASSWORD)
        secret = re.search(r'name="secret" value="([A-Z2-7]+)"', carol.get("/account/second-factor").text)
        assert secret
        totp = pyotp.TOTP(secret[1])
        fields = {"secret": secret[1], "old": PASSWORD}
        assert post(carol, "/account/second-factor", code="000000", **fields).status_code == 422
        assert post(carol, "/account/second-factor", code=totp.now(), secret=secret[1], old="wrong").status_code == 422
        code = totp.now()
        page = post(carol, "/account/second-factor", code=code, **fields)
        codes = re.findall(r"<code>([0-9a-f-]+)</code>", page.text)
        assert len(codes) == 10

    def sign_in(code: str) -> int:
        with browser(own) as client:
            return post(client, "/login", name="carol", password=PASSWORD, code=code).status_code

    assert [sign_in(""), sign_in("123456"), sign_in(code)] == [401] * 3  # the code was used to switch it on
    assert [sign_in(codes[0]), sign_in(codes[0])] == [303, 401]
    kept = own.db.execute_sql("SELECT recovery FROM account").fetchone()[0]
    assert codes[1] not in kept and codes[1].replace("-", "") not in kept


def test_a_new_password_a_new_role_and_a_reset_end_the_sessions_elsewhere(own: WebHub) -> None:
    users.add(own.db, nothing, "dora", "administrator", password=PASSWORD)
    users.add(own.db, nothing, "emil", "administrator", password=PASSWORD)
    acts: list[Callable[[], object]] = [
        lambda: users.change(own.db, nothing, "dora", "researcher"),
        lambda: users.reset(own.db, nothing, "dora", password=OTHER),
        lambda: users.remove(own.db, nothing, "dora"),
    ]
    with browser(own) as here, browser(own) as there:
        for client in (here, there):
            post(client, "/login", name="dora", password=PASSWORD)
        changed = {"old": PASSWORD, "password": OTHER, "again": OTHER}
        assert post(here, "/account", "/account/password", **{**changed, "old": "wrong"}).status_code == 422
        assert post(here, "/account", "/account/password", **changed).status_code == 200
        assert here.get("/account").status_code == 200
        assert there.get("/account").status_code == 303
        for act in acts:
            if here.get("/account").status_code != 200:
                assert post(here, "/login", name="dora", password=OTHER).status_code == 303
            act()
            assert here.get("/account").status_code == 303


ADDRESSES = ("/users", "/users/NAME/role", "/users/NAME/reset", "/users/NAME/link", "/users/NAME/remove")


@pytest.mark.parametrize("role", ["contributor", "researcher", "auditor"])
def test_who_is_no_administrator_reaches_no_account_but_the_own(web: WebHub, role: str) -> None:
    with web.person("administrator") as chief, web.person(role, site="LILLE") as client:
        chief_name = re.search(r'href="/account"[^>]*>([\w]+)<', chief.get("/account").text)
        assert chief_name
        given = {"name": "mallory", "role": "administrator", "site": "", "programme": ""}
        for address in ADDRESSES:
            there = address.replace("NAME", chief_name[1])
            assert client.post(there, data=given).status_code == 403, address
        assert client.get("/users").status_code == client.get(f"/users/{chief_name[1]}").status_code == 403
        assert chief.get("/account").status_code == 200
    assert find_account(web.db, name="mallory") is None
    refused = [act for act in web.rooms.trail.acts() if act.who.startswith(role) and act.act == "page"]
    assert len(refused) >= len(ADDRESSES)


def test_a_name_with_a_script_is_refused_and_shown_as_text_where_it_is_there_all_the_same(own: WebHub) -> None:
    script = '<script>alert("x")</script>'
    with pytest.raises(Declined, match="cannot name a person"):
        users.add(own.db, nothing, script, "auditor")
    with own.person("administrator") as chief:
        page = chief.post("/users", data={"name": script, "role": "auditor", "site": script, "programme": script})
        assert page.status_code == 422
        Account.update(name=script, programme=script, site=script).execute(own.db)
        shown = [page, chief.get("/account"), chief.get("/users"), chief.get("/users/" + script.replace("/", "%2F"))]
    with browser(own) as client:
        shown.append(post(client, "/login", name=script, password="x"))
        shown.append(client.get("/login?next=/%22%3E%3Cscript%3E"))
    assert all("<script>" not in one.text for one in shown)
    assert sum("&lt;script&gt;" in one.text for one in shown) >= 4


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/%0d\n",
        "///x",
    ],
)
def test_signing_in_leads_nowhere_else(web: WebHub, there: str) -> None:
    with web.person("auditor") as client:
        assert client.get("/login", params={"next": there}).headers["location"] == "/"
        chosen = client.post("/language", data={"language": "fr", "next": there})
        assert chosen.headers["location"] == "/"


def test_an_expired_session_opens_nothing(own: WebHub) -> None:
    with own.person("auditor") as client:
        assert client.get("/account").status_code == 200
        own.db.execute_sql("UPDATE session SET seen_at = '2020-01-01 00:00:00'")
        del client.headers["X-CSRF-Token"]
        assert client.get("/account").status_code == 303
        assert own.db.execute_sql("SELECT COUNT(*) FROM session").fetchone() == (0,)
    with own.person("auditor") as client:
        own.db.execute_sql("UPDATE session SET began_at = '2020-01-01 00:00:00'")
        assert client.get("/account").status_code == 401  # to a script, which shows the token of its page


def test_a_cookie_that_was_signed_by_another_hub_is_nobodys(web: WebHub) -> None:
    with web.person("administrator") as client:
        name, _, value = client.headers["cookie"].partition("=")
        for forged in (value[:-2] + "AA", value.partition(".")[0], f"{value}x", ""):
            assert httpx.get(web.origin + "/account", headers={"Cookie": f"{name}={forged}"}).status_code == 303


def test_the_last_administrator_stays_one(own: WebHub) -> None:
    users.add(own.db, nothing, "only", "administrator", password=PASSWORD)
    for act in (
        lambda: users.remove(own.db, nothing, "only"),
        lambda: users.change(own.db, nothing, "only", "auditor"),
    ):
        with pytest.raises(Declined, match="last administrator"):
            act()


def test_an_invitation_opens_no_more_when_there_is_a_newer_one_or_it_is_over(own: WebHub) -> None:
    users.add(own.db, nothing, "frida", "auditor")
    first, second = invite(own.db, "frida", 1), invite(own.db, "frida", -1)
    with browser(own) as client:
        assert client.get(f"/invitation/{first}").status_code == client.get(f"/invitation/{second}").status_code == 404
    assert {row.name: row.state for row in list_accounts(own.db)} == {"frida": "closed"}
    assert Attempt.select().count(own.db) == 0
