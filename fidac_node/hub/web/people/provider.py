"""Signing in with an identity provider: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636).

What the browser has to bring back (state, nonce, verifier) is in a cookie of ten minutes that the hub signed. Of the
answer the subject alone is used: whose account it is, and what that may do, an administrator says.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fidac_node.hub.web.access import who
from fidac_node.hub.web.listening import Provider
from fidac_node.hub.web.pages.render import render
from fidac_node.hub.web.people.doors import in_reader, signed_in
from fidac_node.hub.web.people.forms import local
from fidac_node.operations import signing_in

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

_COOKIE: Final = "fidac-provider"
_PATH: Final = "/login/provider"
_MINUTES: Final = 10
_TIMEOUT_SECONDS: Final = 10.0
_FRESH_SECONDS: Final = 3600.0
_LEEWAY_SECONDS: Final = 60
# Signatures alone, of a key that the hub does not have (RFC 8725 3.1, 3.2).
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")


class Errand(NamedTuple):
    """What the browser was sent away with."""

    state: str
    nonce: str
    verifier: str
    back: str


class ProviderError(Exception):
    """The identity provider does not answer, or not as it must; the message says what for the log."""


class IdentityProvider:
    """The identity provider of the settings; ``url`` is how browsers reach this hub, empty: as they do now."""

    def __init__(self, settings: Provider, url: str) -> None:
        self.issuer, self.name = settings.issuer, settings.name
        self._settings = settings
        self._url = url.rstrip("/")
        self._known: dict[str, Any] = {}
        self._asked = 0.0

    async def address(self, request: Request, errand: Errand) -> str:
        """Return where to send a browser. Raises :class:`ProviderError`."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        settings = self._settings
        return str(
            prepare_grant_uri(
                (await self._discovered())["authorization_endpoint"],
                settings.client_id,
                "code",
                redirect_uri=self._answer_to(request),
                scope=settings.scope,
                state=errand.state,
                nonce=errand.nonce,
                code_challenge=create_s256_code_challenge(errand.verifier),
                code_challenge_method="S256",
                acr_values=settings.acr_values or None,
            )
        )

    async def subject(self, request: Request, errand: Errand) -> str:
        """Return who came back. Raises :class:`ProviderError`."""
        given = request.query_params
        if not secrets.compare_digest(given.get("state", "").encode(), errand.state.encode()):
            raise ProviderError("the state is another")
        if given.get("iss", self.issuer) != self.issuer:  # RFC 9207
            raise ProviderError("another issuer answers")
        if "error" in given or "code" not in given:
            raise ProviderError(f"it says {given.get('error', 'nothing')[:60]!r}")
        known = await self._discovered()
        token = await self._token(known, given["code"], errand, self._answer_to(request))
        claims = self._claims(token, await self._fetch(known["jwks_uri"]), errand.nonce)
        return str(claims["sub"])

    def _answer_to(self, request: Request) -> str:
        here = self._url or f"{request.url.scheme}://{request.url.netloc}"
        return f"{here}{_PATH}/answer"

    async def _discovered(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0, 4), an hour old at most."""
        if not self._known or time.monotonic() - self._asked > _FRESH_SECONDS:
            known = await self._fetch(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if known.get("issuer") != self.issuer:
                raise ProviderError(f"its metadata is of the issuer {str(known.get('issuer'))[:100]!r}")
            if missing := {"authorization_endpoint", "token_endpoint", "jwks_uri"} - known.keys():
                raise ProviderError(f"its metadata lacks {', '.join(sorted(missing))}")
            self._known, self._asked = known, time.monotonic()
        return self._known

    async def _fetch(self, url: str) -> dict[str, Any]:
        async with _client() as client:
            return await _json(client.get(url))

    async def _token(self, known: dict[str, Any], code: str, errand: Errand, answer_to: str) -> dict[str, Any]:
        """Exchange the code (RFC 6749 4.1.3)."""
        settings = self._settings
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": answer_to}
        form |= {"code_verifier": errand.verifier, "client_id": settings.client_id}
        methods = known.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        async with _client() as client:
            if settings.client_secret and "client_secret_basic" in methods:
                pair = _quoted(settings.client_id), _quoted(settings.client_secret)
                return await _json(client.post(known["token_endpoint"], data=form, auth=pair))
            if settings.client_secret:
                form["client_secret"] = settings.client_secret
            return await _json(client.post(known["token_endpoint"], data=form))

    def _claims(self, token: dict[str, Any], keys: Any, nonce: str) -> dict[str, Any]:
        """Check the ID token (OpenID Connect Core 1.0, 3.1.3.7)."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        options = {"iss": {"essential": True, "value": self.issuer}, "aud": {"value": self._settings.client_id}}
        parameters = {"nonce": nonce, "client_id": self._settings.client_id, "access_token": token.get("access_token")}
        try:
            read = jwt.decode(token["id_token"], KeySet.import_key_set(keys), algorithms=list(_ALGORITHMS))
            claims = CodeIDToken(read.claims, read.header, options, parameters)
            claims.validate(leeway=_LEEWAY_SECONDS)
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise ProviderError(f"its ID token is not right: {type(error).__name__}") from error
        if not isinstance(claims["sub"], str) or not claims["sub"] or not claims["sub"].isprintable():
            raise ProviderError("its ID token is of nobody")
        return dict(claims)


async def begin(request: Request) -> Response:
    """Send the browser to the identity provider."""
    provider = _provider(request)
    token = secrets.token_urlsafe
    errand = Errand(token(32), token(32), token(48), local(request.query_params.get("next", "/")))
    try:
        response = RedirectResponse(await provider.address(request, errand), 303, {"Cache-Control": "no-store"})
    except ProviderError as error:
        return _failed(request, error)
    secure = request.url.scheme == "https"
    response.set_cookie(
        *(_COOKIE, _serializer(request).dumps(errand), _MINUTES * 60),
        path=_PATH,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def end(request: Request) -> Response:
    """Sign in who comes back from the identity provider, if an account is linked."""
    provider, state, origin = _provider(request), request.app.state, who(request).origin
    try:
        errand = Errand(*_serializer(request).loads(request.cookies.get(_COOKIE, ""), max_age=_MINUTES * 60))
        subject = await provider.subject(request, errand)
    except BadData:
        return _failed(request, ProviderError("the browser brings nothing back, or too late"))
    except ProviderError as error:
        return _failed(request, error)
    token = await in_reader(
        request, lambda: signing_in.sign_in_as(state.db, state.trail, provider.issuer, subject, origin)
    )
    if token:
        response = await signed_in(request, token, errand.back)
    else:
        response = render(request, "unlinked.html", subject=subject, provider=provider.name, status_code=403)
    response.delete_cookie(_COOKIE, path=_PATH)
    return response


def _provider(request: Request) -> IdentityProvider:
    provider: IdentityProvider | None = request.app.state.provider
    if provider is None:
        raise HTTPException(404, "this hub has no identity provider")
    return provider


def _failed(request: Request, error: ProviderError) -> Response:
    log.warning("signing in with the identity provider failed: %s", error)
    return render(
        *(request, "login.html"),
        back="/",
        name="",
        problem="provider",
        wait=0,
        provider=request.app.state.provider,
        status_code=502,
    )


def _serializer(request: Request) -> URLSafeTimedSerializer:
    return request.state.visits.serializer("fidac.provider")  # type: ignore[no-any-return]


def _client() -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, follow_redirects=False)


async def _json(asked: Any) -> dict[str, Any]:
    import httpx

    try:
        answer = await asked
        answer.raise_for_status()
        said = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ProviderError(f"it does not answer as it must: {type(error).__name__}") from error
    if not isinstance(said, dict):
        raise ProviderError("it does not answer as it must: no JSON object")
    return said


def _quoted(text: str) -> str:
    """As RFC 6749 2.3.1 wants user and password."""
    from urllib.parse import quote_plus

    return quote_plus(text)
