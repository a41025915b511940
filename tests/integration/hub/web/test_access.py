"""Who is answered by HTTP, and what who is not is told: nothing."""

from __future__ import annotations

import datetime
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from peewee import Database

from fidac_node.errors import ConfigError
from fidac_node.hub.index.models import Token
from fidac_node.hub.index.tokens import add_token, list_tokens, revoke_token
from fidac_node.hub.web import listening, server, streaming
from fidac_node.hub.web.streaming import Readers
from fidac_node.system.database import connect, utc_now
from tests.hub_objects import data_set, uid
from tests.integration.hub.web.conftest import WebHub, filled, serving
from tests.support import wait_until

ADDRESSES = ["/studies", f"/studies/{uid(1, 1)}/series", "/studies/1.2.3/series", "/nothing", "/"]


def age(web: WebHub, name: str) -> None:
    Token.update(expires_at=utc_now() - datetime.timedelta(seconds=1)).where(Token.name == name).execute(web.db)


def test_without_a_valid_token_every_address_gives_the_same_answer(web: WebHub) -> None:
    expired = add_token(web.db, "expired", ["read:index"], "", 1)
    age(web, "expired")
    revoked = add_token(web.db, "revoked", ["read:index"], "", 1)
    assert revoke_token(web.db, "revoked")
    assert not revoke_token(web.db, "revoked")
    given = ["Bearer nonsense", "Bearer", "Basic YTpi", "Bearer \xff", f"Bearer {expired}", f"Bearer {revoked}"]
    with web.client("") as client:
        answers = {
            (answer.status_code, answer.text)
            for path in ADDRESSES
            for token in given
            if (answer := client.get(path, headers=[(b"Authorization", token.encode("latin-1"))])) is not None
        }
        bare = [client.get(path) for path in ADDRESSES] + [client.options("/")]
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401
    assert {one.status_code for one in bare} == {401}
    assert len({one.content for one in bare}) == 1
    assert {one.headers["www-authenticate"] for one in bare} == {'Bearer realm="fidac-node"'}
    states = {row.name: row.state for row in list_tokens(web.db)}
    assert (states["expired"], states["revoked"]) == ("expired", "revoked")


def test_a_token_without_the_scope_is_told_403_whether_the_thing_is_there_or_not(web: WebHub) -> None:
    token = web.token("read:images")
    answers = [web.get(path, token) for path in (ADDRESSES[1], ADDRESSES[2], "/studies")]
    assert {one.status_code for one in answers} == {403}
    assert len({one.content for one in answers}) == 1
    assert 'error="insufficient_scope"' in answers[0].headers["www-authenticate"]


def test_for_a_token_of_one_programme_the_others_are_as_if_they_were_not_there(web: WebHub) -> None:
    token = web.token("read:index", programme="OTHER")
    (study,) = web.get("/studies", token, includefield="ClinicalTrialProtocolID").json()
    assert study["00120020"]["Value"] == ["OTHER"]
    assert len(web.get("/series", token).json()) == len(web.get("/instances", token).json()) == 1
    for path in (f"/studies/{uid(1, 1)}/series", "/studies/1.2.3/series", "/studies?ClinicalTrialProtocolID=FIDAC"):
        assert web.get(path, token).status_code == 204
    pattern = web.token("read:index", programme="*")
    assert web.get("/studies", pattern).status_code == 204


def test_the_index_keeps_no_token(web: WebHub) -> None:
    token = web.token()
    assert len(token) >= 43
    assert all(token not in str(row) for row in Token.select().tuples().execute(web.db))


@pytest.mark.parametrize(
    ("name", "scopes", "message"),
    [
        ("../x", ["read:index"], "cannot name a token"),
        ("x", [], "without a scope"),
        ("x", ["read:everything"], "'read:everything' is not a scope"),
        ("x", ["store:NOWHERE"], "no such site"),
        ("twice", ["read:index"], "there is a valid token twice"),
    ],
)
def test_a_token_that_cannot_be_made_is_refused_with_the_remedy(
    web: WebHub, name: str, scopes: list[str], message: str
) -> None:
    if name == "twice":
        add_token(web.db, name, ["store:LILLE"], "", 1)
    with pytest.raises(ConfigError, match=message):
        add_token(web.db, name, scopes, "", 1)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[WebHub]:
    db = connect("sqlite:///index.db", tmp_path)
    with serving(filled(db, tmp_path), open_on_loopback=True) as hub:
        yield hub
    db.close()


def test_a_hub_that_is_open_on_loopback_answers_programs_of_this_machine_and_no_proxy_and_no_web_page(
    local: WebHub,
) -> None:
    assert local.get("/studies", "").status_code == 200
    assert local.get("/studies", "", headers={"Host": "localhost"}).status_code == 200
    assert local.get("/studies", "wrong").status_code == 401
    for header, value in (
        ("X-Forwarded-For", "10.0.0.1"),
        ("Forwarded", "for=10.0.0.1"),
        ("Host", "evil.example"),
        ("Host", "127.0.0.1.evil.example:80"),
        ("Host", ""),
    ):
        assert local.get("/studies", "", headers={header: value}).status_code == 401, header


def test_a_proxy_that_is_trusted_says_how_the_client_came_and_no_other_does(web: WebHub, tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.1.2.3", "Host": "hub.example"}
    assert web.get("/studies", headers=forwarded).json()[0]["00081190"]["Value"][0].startswith("http://hub.example/")
    db = connect("sqlite:///index.db", tmp_path)
    with serving(filled(db, tmp_path), proxies=("127.0.0.0/8",)) as hub:
        shown = hub.get("/studies", headers=forwarded).json()[0]["00081190"]["Value"][0]
    db.close()
    assert shown.startswith("https://hub.example/dicom-web/studies/")


def test_the_hub_speaks_tls_with_its_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "hub.pem", tmp_path / "hub.key"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(argv, check=True, capture_output=True)
    db = connect("sqlite:///index.db", tmp_path)
    with serving(filled(db, tmp_path), tls_certificate=certificate, tls_key=key) as hub:
        trusting = ssl.create_default_context(cafile=str(certificate))
        headers = {"Authorization": f"Bearer {hub.token()}"}
        answer = httpx.get(f"{hub.url}/studies", headers=headers, verify=trusting)
        page = httpx.get(f"{hub.origin}/login", verify=trusting)
        with pytest.raises(httpx.TransportError):
            httpx.get(hub.url.replace("https", "http") + "/studies", headers=headers)
    db.close()
    assert answer.json()[0]["00081190"]["Value"][0].startswith("https://127.0.0.1")
    assert (
        answer.headers["strict-transport-security"] == page.headers["strict-transport-security"] == "max-age=63072000"
    )
    cookie = page.headers["set-cookie"]
    assert cookie.startswith("__Host-fidac=") and "Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie


def test_without_the_extra_the_hub_does_not_start_to_listen_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "find_spec", lambda name: None)
    settings = listening.Settings("127.0.0.1", 0, False, (), None, None, None)
    with pytest.raises(ConfigError, match=r"pip install 'fidac-node\[web\]'"):
        listening.listen(settings)


def test_an_index_that_does_not_answer_is_503_and_the_next_question_is_answered(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = web.token()
    web.db.execute_sql("ALTER TABLE series RENAME TO elsewhere")
    try:
        answer = web.get("/studies", token)
    finally:
        web.db.execute_sql("ALTER TABLE elsewhere RENAME TO series")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "series" not in answer.text
    assert web.get("/studies", token).status_code == 200


def raw(web: WebHub, request: bytes) -> socket.socket:
    host, port = web.url.removeprefix("http://").partition("/")[0].split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(30)
    sock.connect((host, int(port)))
    sock.sendall(request)
    return sock


def test_clients_that_stop_reading_or_leave_keep_no_reader(
    tmp_path: Path, empty_index: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reader for all: it must come back each time, or nobody is answered."""
    monkeypatch.setattr(server, "Readers", lambda db: Readers(db, most=1, patience=20))
    initial = streaming.Streamed.__init__.__kwdefaults__
    monkeypatch.setitem(initial, "stalled", 0.5)
    hub = filled(empty_index, tmp_path)
    hub.file(*(data_set(9, 1, 1, number, TextValue="x" * (8 << 20)) for number in (1, 2)))
    with serving(hub) as web:
        token = web.token()
        line = f"GET /dicom-web/studies/{uid(9, 1)}/metadata HTTP/1.1"
        request = f"{line}\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        stalled = raw(web, request.encode())
        assert stalled.recv(15) == b"HTTP/1.1 200 OK"
        assert web.get("/studies", token, limit=2).status_code == 200
        leaving = raw(web, request.encode())
        assert leaving.recv(15) == b"HTTP/1.1 200 OK"
        leaving.close()
        assert web.get("/studies", token, limit=2).status_code == 200
        stalled.close()


@pytest.fixture
def empty_index(tmp_path: Path) -> Iterator[Database]:
    db = connect("sqlite:///index.db", tmp_path)
    yield db
    db.close()


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /dicom-web/studies\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET " + b"/" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"A" * 200_000,
    ],
)
def test_what_is_no_http_is_refused_and_the_next_client_served(web: WebHub, request_line: bytes) -> None:
    sock = raw(web, b"")
    with suppress(ConnectionError):  # closed while we still wrote
        sock.sendall(request_line)
        assert sock.recv(12) == b"HTTP/1.1 400"
    sock.close()
    wait_until(lambda: web.get("/studies").status_code == 200)


def test_each_question_and_retrieval_is_in_the_record_of_acts_before_it_is_answered(own: WebHub) -> None:
    token = own.token("read:index", "read:images")
    own.get("/studies", token, PatientID="DUPONT", StudyDate="20030101-")
    own.get("/studies", token, PatientID="DUPONT", Modality="CT")
    own.get("/studies", token, AccessionNumber="1")
    one = f"/studies/{uid(1, 1)}/series/{uid(1, 1, 1)}/instances/{uid(1, 1, 1, 1)}"
    for path in (f"/studies/{uid(1, 1)}", f"{one}/metadata", f"{one}/frames/1", f"{one}/bulkdata/7FE00010"):
        assert own.get(path, token).status_code == 200
    own.get(one, own.token("read:index"))
    acts = [(act.who, act.act, act.number, act.reason) for act in own.rooms.trail.acts()]
    assert acts == [
        *[("test0", "query", 0, "")] * 3,
        *(("test0", "retrieve", number, "") for number in (7, 1, 1, 1)),
        ("test1", "retrieve", None, "it may find, not retrieve"),
    ]
    record = own.rooms.trail.path.read_text()
    assert "DUPONT" not in record and uid(1, 1, 1, 1) in record
    asked = [act for act in own.rooms.trail.acts() if act.act == "retrieve"]
    assert asked[0].studies == {uid(1, 1): "PSEUDO0001"} and asked[0].origin == "127.0.0.1"
    own.rooms.trail.path.unlink()
    own.rooms.trail.path.mkdir()
    for path in ("/studies", f"/studies/{uid(1, 1)}", f"{one}/metadata"):
        assert own.get(path, token).status_code == 503
