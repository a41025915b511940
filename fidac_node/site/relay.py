"""The upload page served at a site: scripts, engine and plan of this node; all that is said and sent goes to the hub.

So neither key nor code comes from the hub: whatever it answers, a browser runs no script of it here. What is relayed is
never a script, and the page may load scripts of this node alone.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from fidac_node.errors import NotFound
from fidac_node.portal import assets, serving
from fidac_node.site.portal import Settings
from fidac_node.system import tls

log = logging.getLogger(__name__)

# What is relayed: the upload page and its calls, and what a person needs to sign in. Nothing else of the hub.
_PATHS: Final = re.compile(r"/(upload|login|logout|language|account)(/.*)?|/(invitation|static)/.+", re.DOTALL)
_PAGES: Final = re.compile(r"/[a-z]+")
_NO_WAY_OUT: Final = frozenset({"", ".", ".."})  # segments that another server might take for another address
_METHODS: Final = ("GET", "HEAD", "POST", "PUT")
# Of one connection alone (RFC 9110 7.6.1), or made anew here.
_OF_A_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host", "via"}
    | {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "referer", "server", "date"}
)
_VIA: Final = "1.1 fidac-node"
_CODE: Final = re.compile("script|wasm|ecma", re.IGNORECASE)
# Of what the hub says of its pages nothing holds here: this is the policy of a page that uploads, and of all others.
POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types fidac-worker"
)
_ALWAYS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 90.0  # the hub waits for its filer, and a minute for a body
_CONNECTIONS: Final = 64
_GRACE_SECONDS: Final = 10
_SIGN_SECONDS: Final = 5


class Relay:
    """Relays requests to the hub; ``plan`` is this node's, as text."""

    def __init__(self, settings: Settings, plan: str) -> None:
        self._plan = plan
        self._hub = httpx.URL(settings.hub_url.rstrip("/"))
        self._client = httpx.AsyncClient(
            base_url=self._hub,
            verify=tls.client_context(None, None, settings.hub_ca) or True,
            proxy=settings.hub_proxy or None,
            trust_env=False,
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=_CONNECTIONS),
        )

    async def plan(self, _request: Request) -> Response:
        """The plan by which this node de-identifies, too."""
        return PlainTextResponse(self._plan, headers={"Cache-Control": "no-store"})

    async def manifest(self, request: Request) -> Response:
        """The hub's signed list of what the page runs, if that is what this node gives.

        409 when the two are not of one version: the page is the hub's, its scripts are this node's.
        """
        answer = await self._asked(request, {"accept-encoding": "identity"})
        if isinstance(answer, Response):
            return answer
        try:
            content = await answer.aread()
        except httpx.HTTPError as error:
            return _away(error)
        if answer.status_code != httpx.codes.OK:
            return self._answer(answer, content)
        theirs, ours = _digests(content), _built()
        if any(ours.get(name) != digest for name, digest in theirs.items()) or not theirs:
            why = "this node and the hub are not of one version: upload at the hub's own address until they are"
            log.error("%s", why)
            return _refusal(409, "version", why)
        return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})

    async def relay(self, request: Request) -> Response:
        """What the hub answers; 404 for what is not relayed, 502 for a script, 503 when the hub cannot be reached."""
        answer = await self._asked(request, {})
        if isinstance(answer, Response):
            return answer
        if _CODE.search(answer.headers.get("content-type", "")):
            await answer.aclose()
            return _refusal(502, "script", "the hub answered with a script, which this node does not pass on")
        return self._answer(answer, answer.aiter_raw())

    async def _asked(self, request: Request, headers: Mapping[str, str]) -> httpx.Response | Response:
        """The hub's answer to a request with these headers besides; or why there is none."""
        path = request.url.path
        if not _PATHS.fullmatch(path) or not _NO_WAY_OUT.isdisjoint(path[1:].split("/")):
            if _PAGES.fullmatch(path) and "text/html" in request.headers.get("accept", ""):
                return RedirectResponse(f"{self._hub}{path}", 303)  # what the navigation leads to is at the hub
            return _refusal(404, "not-here", "there is nothing but the upload page here")
        target = self._hub.copy_with(raw_path=_raw_path(request))
        body = _body(request) if request.method in ("POST", "PUT") else None
        sent = self._client.build_request(request.method, target, headers=self._outward(request), content=body)
        sent.headers.update(headers)
        try:
            return await self._client.send(sent, stream=True)
        except ClientDisconnect:
            return Response(status_code=400)  # to nobody
        except httpx.HTTPError as error:
            return _away(error)

    def _answer(self, answer: httpx.Response, content: bytes | AsyncIterator[bytes]) -> Response:
        """The hub's answer, as this node gives it."""
        done = BackgroundTask(answer.aclose)
        given = (
            Response(content, answer.status_code, background=done)
            if isinstance(content, bytes)
            else StreamingResponse(content, answer.status_code, background=done)
        )
        given.raw_headers = [*self._inward(answer), *_raw(_ALWAYS)]
        return given

    async def close(self) -> None:
        """Let go of the connections to the hub."""
        await self._client.aclose()

    def _outward(self, request: Request) -> list[tuple[str, str]]:
        """The headers of a request as the hub is to see it: as if it came from a page of its own."""
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        kept = [(name, value) for name, value in request.headers.items() if name not in _OF_A_HOP]
        hub = str(self._hub)
        return [*((name, hub if name == "origin" and value == own else value) for name, value in kept), ("via", _VIA)]

    def _inward(self, answer: httpx.Response) -> list[tuple[bytes, bytes]]:
        """The headers of an answer as a browser is to see it: of this node."""
        ours = {name.lower() for name in _ALWAYS} | {"strict-transport-security"}
        kept = [
            (name, value)
            for name, value in answer.headers.raw
            if name.decode("latin-1").lower() not in _OF_A_HOP | ours
        ]
        hub = str(self._hub).encode("ascii")
        return [
            (name.lower(), value.removeprefix(hub) or b"/" if name.lower() == b"location" else value)
            for name, value in kept
        ]


def application(relay: Relay) -> ASGIApp:
    """The application that answers browsers."""
    return Starlette(
        routes=[
            Route("/", lambda _request: RedirectResponse("/upload", 303)),
            *serving.routes(),
            Route("/upload/plan", relay.plan),
            Route("/upload/manifest", relay.manifest),
            Route("/{path:path}", relay.relay, methods=list(_METHODS)),
        ]
    )


def serve(
    settings: Settings,
    plan: str,
    listener: socket.socket,
    stop: threading.Event,
    ready: Callable[[], None],
    beat: Callable[[], object] = lambda: None,
) -> None:
    """Answer on ``listener`` until ``stop``; ``beat`` is called every few seconds by the loop that answers.

    Raises :class:`ConfigError` for files of TLS that cannot be used.
    """

    async def moving() -> None:
        beat()

    relay = Relay(settings, plan)
    config = uvicorn.Config(
        application(relay),
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=4 * _CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        callback_notify=moving,
        timeout_notify=_SIGN_SECONDS,
    )
    config.load()
    config.ssl = tls.server_context(settings.tls_certificate, settings.tls_key, None)
    server = _Server(config, relay)
    thread = threading.Thread(target=_run, args=(server, listener, stop), name="uvicorn")
    thread.start()
    ready()
    stop.wait()
    server.should_exit = True
    thread.join()


class _Server(uvicorn.Server):
    """Closes what the relay holds in the loop that opened it."""

    def __init__(self, config: uvicorn.Config, relay: Relay) -> None:
        super().__init__(config)
        self._relay = relay

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await self._relay.close()


def _run(server: uvicorn.Server, listener: socket.socket, stop: threading.Event) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece


def _digests(content: bytes) -> dict[str, str]:
    """The SHA-256 of each file in the hub's list; none for what is no list."""
    try:
        return {str(name): str(file["sha256"]) for name, file in json.loads(content)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _built() -> dict[str, str]:
    try:
        return assets.digests()
    except NotFound as error:
        log.error("%s", error)
        return {}


def _away(error: httpx.HTTPError) -> Response:
    log.warning("the hub cannot be reached for an upload: %s", type(error).__name__)
    why = "the hub cannot be reached from this node; its administrator finds the reason in its log"
    return _refusal(503, "hub-away", why, {"Retry-After": "5"})


def _raw_path(request: Request) -> bytes:
    """Path and query as they came: nothing is decoded on the way."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode("ascii", "ignore")
    query: bytes = request.scope["query_string"]
    return path + (b"?" + query if query else b"")


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _refusal(status: int, reason: str, why: str, headers: Mapping[str, str] | None = None) -> Response:
    content = {"status": status, "reason": reason, "message": why}
    return JSONResponse(content, status, headers={"Cache-Control": "no-store", **(headers or {})})
