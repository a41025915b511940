"""Which address is open to whom: every one of the application, for every role, by cookie, by token, and for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from starlette.routing import Route

from fidac_node.hub.web.pages import routes as pages
from fidac_node.hub.web.people import routes as people
from fidac_node.hub.web.upload import routes as upload
from fidac_node.portal.serving import routes as portal_files
from tests.hub_objects import uid
from tests.integration.hub.web.conftest import WebHub

ROLES = ("administrator", "contributor", "researcher", "auditor")
SEES = {"administrator", "contributor", "researcher"}
STORES = {"administrator", "contributor"}
CHIEF = {"administrator"}
OVERSEES = {"administrator", "auditor"}
ALL = set(ROLES)
NOBODY = {"nobody", "token", *ROLES}
PROGRAM = {"token"}
# Who may ask for each address; "token" is a program with read:index and read:images, which is no person.
GET = {
    "/": ALL | PROGRAM,
    "/arrivals.csv": ALL | PROGRAM,
    "/search": SEES | PROGRAM,
    "/search.csv": SEES | PROGRAM,
    "/studies/{study}": SEES | PROGRAM,
    "/studies/{study}/journal": CHIEF,
    "/studies/{study}/withdraw": CHIEF,
    "/studies/{study}/series/{series}/stack": SEES | PROGRAM,
    "/studies/{study}/series/{series}/header": SEES | PROGRAM,
    "/withdrawn/{withdrawal}": CHIEF,
    "/sites": OVERSEES,
    "/sites.csv": OVERSEES,
    "/held": CHIEF,
    "/held/decide": CHIEF,
    "/held/{entry}": CHIEF,
    "/held/{entry}/stack": CHIEF,
    "/held/{entry}/frames/{frame:int}/rendered": CHIEF,
    "/audit": OVERSEES,
    "/audit.csv": OVERSEES,
    "/ohif": SEES | PROGRAM,
    "/ohif/{path:path}": SEES | PROGRAM,
    "/upload": STORES,
    "/upload/plan": STORES,
    "/upload/manifest": STORES,
    "/upload/receipts/{receipt}": STORES,
    "/upload/candidates": STORES,
    "/login": NOBODY,
    "/login/provider": NOBODY,
    "/login/provider/answer": NOBODY,
    "/invitation/{token}": NOBODY,
    "/account": ALL,
    "/account/second-factor": ALL,
    "/users": CHIEF,
    "/users/{name}": CHIEF,
    "/portal/{name:path}": NOBODY,
}
OTHERS = {
    "POST /studies/{study}/withdraw": CHIEF,
    "POST /held": CHIEF,
    "POST /upload/sessions": STORES,
    "POST /upload/sessions/{session}/missing": STORES,
    "POST /upload/sessions/{session}/complete": STORES,
    "PUT /upload/sessions/{session}/objects/{sha256}": STORES,
    "POST /login": NOBODY,
    "POST /logout": ALL,
    "POST /language": NOBODY,
    "POST /invitation/{token}": NOBODY,
    "POST /account/password": ALL,
    "POST /account/second-factor": ALL,
    "POST /account/second-factor/off": ALL,
    "POST /users": CHIEF,
    "POST /users/{name}/role": CHIEF,
    "POST /users/{name}/link": CHIEF,
    "POST /users/{name}/reset": CHIEF,
    "POST /users/{name}/remove": CHIEF,
}


@pytest.fixture(scope="module")
def clients(web: WebHub) -> Iterator[dict[str, httpx.Client]]:
    with ExitStack() as open_:
        found = {role: open_.enter_context(web.person(role, site="LILLE")) for role in ROLES}
        bearer = {"Authorization": f"Bearer {web.token()}"}
        found["token"] = open_.enter_context(httpx.Client(base_url=web.origin, headers=bearer, verify=False))
        found["nobody"] = open_.enter_context(httpx.Client(base_url=web.origin, verify=False))
        yield found


def address(path: str) -> str:
    """An address with what is there, or nowhere."""
    given = {
        "study": uid(1, 1),
        "series": uid(1, 1, 1),
        "frame:int": "1",
        "name:path": "upload/worker.js",
        "path:path": "x.js",
    }
    for name, value in given.items():
        path = path.replace(f"{{{name}}}", value)
    return path.replace("{", "").replace("}", "")


def test_every_address_of_the_application_is_in_this_table() -> None:
    found = {
        f"{method} {route.path}"
        for rooms in (people, pages, upload)
        for route in rooms.routes()
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    } | {f"GET {route.path}" for route in portal_files()}
    assert found == {f"GET {path}" for path in GET} | set(OTHERS)


@pytest.mark.parametrize("path", GET)
def test_a_page_is_shown_to_whom_it_is_for_and_nobody_else(clients: dict[str, httpx.Client], path: str) -> None:
    for name, client in clients.items():
        answer = client.get(address(path))
        if name in GET[path]:
            assert answer.status_code not in (401, 403), (name, answer.text)
            assert not answer.headers.get("location", "").startswith("/login?next="), name
        elif name == "nobody":
            assert answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
        else:
            assert answer.status_code == 403, (name, answer.text)


@pytest.mark.parametrize("what", OTHERS)
def test_who_may_not_act_is_refused_and_a_cookie_alone_acts_nowhere(
    clients: dict[str, httpx.Client], what: str
) -> None:
    method, _, path = what.partition(" ")
    for name, client in clients.items():
        if name not in OTHERS[what] and name != "token":
            answer = client.request(method, address(path), data={"csrf_token": ""})
            assert answer.status_code in ((401, 303) if name == "nobody" else (403,)), (name, answer.text)
    cookie = {"Cookie": clients["administrator"].headers["cookie"]}
    forged = httpx.request(method, str(clients["nobody"].base_url) + address(path), headers=cookie, verify=False)
    assert forged.status_code == 403, forged.text
    bearer = clients["token"].request(method, address(path), data={})
    is_for_anybody = OTHERS[what] == NOBODY or path == "/logout"
    assert bearer.status_code in ((303, 400, 401, 404) if is_for_anybody else (403,)), bearer.text


@pytest.mark.parametrize(
    "path",
    [
        "/studies/{study}",
        "/studies/{study}/series/{series}/stack",
        "/studies/{study}/series/{series}/header",
        "/dicom-web/studies/{study}",
        "/dicom-web/studies/{study}/metadata",
        "/dicom-web/studies/{study}/thumbnail",
        "/dicom-web/studies/{study}/series",
    ],
)
def test_a_study_of_another_site_is_as_if_it_was_not_there(clients: dict[str, httpx.Client], path: str) -> None:
    there = path.replace("{study}", uid(2, 1)).replace("{series}", uid(2, 1, 1))
    nowhere = path.replace("{study}", "1.2.3").replace("{series}", "1.2.3.4")
    seen, unseen = (clients["contributor"].get(one) for one in (there, nowhere))
    assert seen.status_code == unseen.status_code
    assert seen.status_code in (204, 404) or seen.json()["paths"] == []
    said = seen.text.replace(uid(2, 1, 1), "1.2.3.4").replace(uid(2, 1), "1.2.3")
    assert said == unseen.text
    chief = clients["administrator"].get(there)
    assert chief.status_code == 200 and chief.text != said
