"""An identity provider for tests, over HTTP: discovery, authorization with PKCE, tokens, keys."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT, SECRET = "fidac hub", "not + so % secret"


@dataclass
class Issuer:
    """Whoever comes is ``subject``; ``claims`` and ``header`` change what the ID token says, ``key`` who signs it."""

    subject: str = "f:1234:899700000001"
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signs_with: Any = None
    url: str = ""
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def get(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        if path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
            return 200, {}, {"issuer": self.url, **{n: self.url + p for n, p in names.items()}, **self.metadata}
        if path == "/keys":
            return 200, {}, KeySet([self.key]).as_dict(private=False)
        assert path == "/authorize" and query["response_type"] == "code" and query["code_challenge_method"] == "S256"
        code = f"code-{len(self.asked)}"
        self.asked[code] = query
        back = query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"], "iss": self.url})
        return 302, {"Location": back}, {}

    def post(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, str], Any]:
        asked = self.asked.pop(form["code"], None)
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().strip("=")
        )
        is_right = asked is not None and given == "fidac+hub:not+%2B+so+%25+secret"
        is_right = is_right and form["redirect_uri"] == asked["redirect_uri"]  # type: ignore[index]
        if asked is None or not is_right or asked["code_challenge"] != challenge:
            self.refused.append(form["code"])
            return 400, {}, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.url, "sub": self.subject, "aud": CLIENT, "iat": now, "exp": now + 60}
        claims |= {"nonce": asked["nonce"], **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": "one", **self.header}
        token = jwt.encode(header, claims, self.signs_with or self.key, algorithms=[header["alg"]])
        return 200, {}, {"access_token": "opaque", "token_type": "Bearer", "id_token": token}


def shared_secret() -> Any:
    """A key of which both ends know all."""
    return OctKey.import_key(SECRET + "x" * 32, {"kid": "one"})


@contextmanager
def issuing(issuer: Issuer) -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer(*issuer.get(parts.path, {name: value[0] for name, value in parse_qs(parts.query).items()}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: value[0] for name, value in parse_qs(body).items()}
            self._answer(*issuer.post(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, headers: dict[str, str], said: Any) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
