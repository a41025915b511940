"""The cookie of a browser, and the token that its forms carry.

Each browser has 256 random bits in a cookie, signed by the hub's secret: those of a session, or of nobody yet. Signing
in, and out, gives others (no session fixation). A form carries their HMAC, which nobody makes who cannot read a page of
this hub (OWASP: signed double submit).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final, NamedTuple

from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

FIELD: Final = "csrf_token"
HEADER: Final = "x-csrf-token"
_BYTES: Final = 32


class Visit(NamedTuple):
    """What the cookie of a browser holds; ``is_new``: it has none yet."""

    token: str
    is_new: bool


class Visits:
    """Reads and writes the cookie with ``secret``; empty: another one at each start."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret or secrets.token_bytes(_BYTES)
        self._signer = Signer(self._secret, salt=b"fidac.visit", key_derivation="hmac", digest_method=hashlib.sha256)

    def of(self, scope: Scope) -> Visit:
        """Return the visit that a request belongs to; a new one without a cookie, or with one that is not signed."""
        cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
        try:
            return Visit(self._signer.unsign(cookies.get(_cookie_name(scope), "")).decode("ascii"), is_new=False)
        except (BadSignature, ValueError):
            return Visit(secrets.token_urlsafe(_BYTES), is_new=True)

    def keep(self, scope: Scope, response: Response, token: str) -> None:
        """Have the browser keep ``token``, until it is closed."""
        value = self._signer.sign(token.encode("ascii")).decode("ascii")
        response.set_cookie(_cookie_name(scope), value, secure=_is_secure(scope), httponly=True, samesite="lax")

    def forget(self, scope: Scope, response: Response) -> None:
        """Have the browser forget it, and the pages that it was shown; what the person keeps there itself stays."""
        response.delete_cookie(_cookie_name(scope), secure=_is_secure(scope), httponly=True, samesite="lax")
        response.headers["Clear-Site-Data"] = '"cache"'

    def serializer(self, purpose: str) -> URLSafeTimedSerializer:
        """Return what signs other things that a browser brings back, and says how old they are."""
        return URLSafeTimedSerializer(self._secret, purpose, signer_kwargs={"digest_method": hashlib.sha256})

    def form_token(self, visit: Visit) -> str:
        """Return what the forms of a visit carry."""
        return hmac.new(self._secret, b"fidac.form:" + visit.token.encode("ascii"), hashlib.sha256).hexdigest()

    def is_from(self, visit: Visit, form_token: str) -> bool:
        """Say whether a form is of this visit."""
        given = form_token.encode("utf-8", "surrogateescape")
        return not visit.is_new and hmac.compare_digest(self.form_token(visit).encode("ascii"), given)


def _cookie_name(scope: Scope) -> str:
    """With TLS no other host can set it (RFC 6265bis 4.1.3.2)."""
    return "__Host-fidac" if _is_secure(scope) else "fidac"


def _is_secure(scope: Scope) -> bool:
    return bool(scope["scheme"] == "https")
