"""A server of a page without a hub: what is given under ``/portal/``, and a page that boots workers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fidac_node.hub.web.headers import SecurityHeaders
from fidac_node.portal import serving as portal_files

_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>worker</title><link rel=icon href=data:,>"
    '<main data-state="loading"><input type=file id=files multiple></main>'
    "<script type=module src=/upload/harness.js></script></html>"
)


@dataclass
class Served:
    """Where it is, and what was asked for so far."""

    origin: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Served]:
    """Serve on a free port, in a thread, until it is left."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        served = Served(f"http://127.0.0.1:{listening.getsockname()[1]}")
        app = SecurityHeaders(_noted(Starlette(routes=[*portal_files.routes(), *_ROUTES]), served.asked))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join()


async def _page(_request: Request) -> Response:
    return HTMLResponse(_PAGE)


async def _harness(_request: Request) -> Response:
    return FileResponse(Path(__file__).with_name("harness.js"), media_type="text/javascript")


_ROUTES = [Route("/upload", _page), Route("/upload/harness.js", _harness)]


def _noted(app: ASGIApp, asked: list[str]) -> ASGIApp:
    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await app(scope, receive, send)

    return note
