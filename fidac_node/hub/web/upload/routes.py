"""The addresses of uploads, each with its view."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from fidac_node.hub.web.upload import objects, sessions


def routes() -> list[BaseRoute]:
    """Return them, below ``/upload``."""
    return [
        Route("/sessions", sessions.begin, methods=["POST"]),
        Route("/sessions/{session}/missing", sessions.missing, methods=["POST"]),
        Route("/sessions/{session}/complete", sessions.complete, methods=["POST"]),
        Route("/sessions/{session}/objects/{sha256}", objects.put, methods=["PUT"]),
        Route("/receipts/{receipt}", sessions.receipt),
        Route("/candidates", sessions.candidates),
    ]
