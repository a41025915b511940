"""What browsers are told they may do with an answer: by default nothing but show it, and ask this hub for more.

Content-Security-Policy (W3C CSP3) with Trusted Types, Cross-Origin-*-Policy (HTML), and what goes with them.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGE: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; "
)
# The engine is WebAssembly in a worker, which has a policy of its own (``portal.assets``).
_UPLOAD: Final = _PAGE.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'")
# Another's program, at its own address alone: it makes styles, workers and WebAssembly as it likes.
_OHIF: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# What programs are given is shown by no browser as a page.
_DATA: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"
# By address, or by how one begins; the first that fits.
_POLICIES: Final = (
    ("/upload", _UPLOAD + "trusted-types fidac-worker"),
    ("/dicom-web/", _DATA),
    ("/ohif/", _OHIF),
    ("/", _PAGE + "trusted-types 'none'"),
)
_ALWAYS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Not "no-referrer": with it a form's Origin is null, and says no more where it comes from.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_TWO_YEARS: Final = "max-age=63072000"


class SecurityHeaders:
    """Adds them to whatever ``app`` answers; what it says itself stands."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", policy(scope["path"]))
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                # A browser keeps what it was given, and asks each time whether it may still have it.
                headers.setdefault("Cache-Control", "private, no-cache")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", _TWO_YEARS)
            await send(message)

        await self._app(scope, receive, with_headers)


def policy(path: str) -> str:
    """Return the Content-Security-Policy of an address."""
    return next(one for place, one in _POLICIES if path == place or (place[-1] == "/" and path.startswith(place)))
