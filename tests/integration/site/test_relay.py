"""The upload page at a site: scripts, engine and plan are the node's, the rest is the hub's, no script is relayed."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fidac_node.deidentify.plan import dump
from fidac_node.hub.web.headers import policy
from fidac_node.portal import assets
from fidac_node.site.portal import STAGE, Settings, listen
from fidac_node.site.relay import POLICY, serve
from tests.integration.hub.web.conftest import WebHub
from tests.integration.hub.web.uploading import CHECK, PLAN, made, sha256, uploading
from tests.integration.peers import make_certificates
from tests.support import free_port

BUILT = pytest.mark.skipif(not (assets.BUILT / assets.MANIFEST).is_file(), reason="not built: make portal")


@contextmanager
def relaying(hub_url: str, directory: Path | None = None) -> Iterator[str]:
    """A relay to a hub, by TLS on both legs with the certificates in ``directory``; its origin."""
    certificate, key, ca = (directory and directory / name for name in ("hub.pem", "hub.key", "ca.pem"))
    settings = Settings("127.0.0.1", 0, hub_url, "", ca, certificate, key)
    sock = listen(settings)[STAGE]
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=serve, args=(settings, dump(PLAN), sock, stop, ready.set))
    thread.start()
    assert ready.wait(30)
    try:
        yield f"http{'s' if directory else ''}://localhost:{sock.getsockname()[1]}"
    finally:
        stop.set()
        thread.join(30)
        sock.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebHub, str, ssl.SSLContext]]:
    directory = tmp_path_factory.mktemp("relay")
    make_certificates(directory)
    files = {"tls_certificate": directory / "hub.pem", "tls_key": directory / "hub.key"}
    with uploading(directory, **files) as hub:
        hub.url = hub.url.replace("127.0.0.1", "localhost")
        with relaying(hub.url.removesuffix("/dicom-web"), directory) as origin:
            yield hub, origin, ssl.create_default_context(cafile=str(directory / "ca.pem"))


def signed_in(hub: WebHub, origin: str, trust: ssl.SSLContext) -> httpx.Client:
    """A contributor's browser at the site."""
    with hub.person("contributor", "LILLE", scheme="https") as person:
        headers = {name: person.headers[name] for name in ("Cookie", "X-CSRF-Token")}
    return httpx.Client(base_url=origin, headers={**headers, "Origin": origin}, verify=trust, timeout=30)


def test_a_study_is_uploaded_by_the_node_as_at_the_hub(
    both: tuple[WebHub, str, ssl.SSLContext], tmp_path: Path
) -> None:
    contents = [made(tmp_path, number) for number in (1, 2)]
    with signed_in(*both) as client:
        said = {"site": "LILLE", "programme": "FIDAC", "check_value": CHECK, "user_agent": "", "assets": ""}
        session = client.post("/upload/sessions", json=said).json()["session"]
        for content in contents:
            path = f"/upload/sessions/{session}/objects/{sha256(content)}"
            pieces = (content[at : at + 500] for at in range(0, len(content), 500))
            answer = client.put(path, content=pieces, headers={"Content-Type": "application/dicom"})
            assert answer.status_code == 201, answer.text
        done = client.post(f"/upload/sessions/{session}/complete", json={"objects": [*map(sha256, contents)]})
        assert done.json()["committed"] == 2
        assert client.post("/upload/sessions", json=said, headers={"Origin": "https://evil.example"}).status_code == 403
        assert client.post("/upload/sessions", json=said, headers={"X-CSRF-Token": "forged"}).status_code == 403
        page = client.get("/upload")
        assert page.status_code == 200 and 'data-site="LILLE"' in page.text
        assert client.get("/upload/plan").text == dump(PLAN)
        assert client.get("/").headers["location"] == "/upload"


def test_of_the_hub_only_the_upload_page_is_there_and_every_page_has_the_nodes_own_policy(
    both: tuple[WebHub, str, ssl.SSLContext],
) -> None:
    hub, origin, trust = both
    with httpx.Client(base_url=origin, verify=trust, timeout=30) as client:
        for path in ("/dicom-web/studies", "/search", "/users", "/upload/%2e%2e/search", "/upload//x", "/static"):
            assert client.get(path).status_code == 404, path
        assert client.request("DELETE", "/upload/sessions").status_code == 405
        search = client.get("/search", headers={"Accept": "text/html"})
        assert (search.status_code, search.headers["location"]) == (303, f"{hub.origin}/search"), "it is at the hub"
        outside = client.get("/upload", headers={"Accept": "text/html"})
        assert (outside.status_code, outside.headers["location"]) == (303, "/login?next=/upload")
        login = client.get("/login")
        assert login.status_code == 200 and login.headers["set-cookie"].startswith("__Host-fidac=")
        for answer in (outside, login, client.get("/static/portal.css")):
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "strict-transport-security" not in answer.headers, (
                "whether the hospital wants that is its own affair"
            )
    wanted, given = (set(text.split("; ")) for text in (policy("/upload"), POLICY))
    assert {part for part in wanted if "worker-src" not in part and part} <= given | {""}


@BUILT
def test_the_hubs_signed_list_is_passed_on_only_if_it_is_of_what_the_node_gives(
    both: tuple[WebHub, str, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    with signed_in(*both) as client:
        answer = client.get("/upload/manifest")
        assert answer.status_code == 200 and answer.json()["signed"]
        name, file = next((name, file) for name, file in answer.json()["files"].items() if file["boot"])
        assert sha256(client.get(file["path"]).content) == file["sha256"], name
        monkeypatch.setattr("fidac_node.site.relay.assets.digests", dict)
        answer = client.get("/upload/manifest")
        assert (answer.status_code, answer.json()["reason"]) == (409, "version")
        del client.headers["Cookie"]
        assert client.get("/upload/manifest").status_code in (303, 401)


def test_a_script_of_the_hub_is_not_passed_on_and_a_hub_that_is_away_is_told() -> None:
    with forging() as hub, relaying(hub) as origin, httpx.Client(base_url=origin, timeout=30) as client:
        answer = client.get("/static/evil.js")
        assert (answer.status_code, answer.json()["reason"]) == (502, "script")
        assert client.get("/static/portal.css").text == "steal()"  # a browser runs no script of that type (nosniff)
        assert client.get("/portal/upload/page.js").text != "steal()", "the node's own"
        assert client.get("/login").headers["location"] == "/upload"
    with relaying(f"http://127.0.0.1:{free_port()}") as origin, httpx.Client(base_url=origin, timeout=30) as client:
        answer = client.get("/upload")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@contextmanager
def forging() -> Iterator[str]:
    """A hub in other hands, that answers with scripts."""
    port = free_port()

    async def script(request: Request) -> Response:
        if request.url.path == "/login":
            return Response(status_code=303, headers={"Location": f"http://127.0.0.1:{port}/upload"})
        return Response("steal()", media_type="text/javascript" if request.url.path.endswith(".js") else "text/css")

    config = uvicorn.Config(Starlette(routes=[Route("/{path:path}", script)]), port=port, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
