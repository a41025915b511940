"""The addresses of uploads, each with its view."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from fidac_node.hub.web.upload import objects, page, sessions


def routes() -> list[BaseRoute]:
    """Return them."""
    return [
        Route("/upload", page.page),
        Route("/upload/plan", page.plan),
        Route("/upload/manifest", page.manifest),
        Route("/upload/sessions", sessions.begin, methods=["POST"]),
        Route("/upload/sessions/{session}/missing", sessions.missing, methods=["POST"]),
        Route("/upload/sessions/{session}/complete", sessions.complete, methods=["POST"]),
        Route("/upload/sessions/{session}/objects/{sha256}", objects.put, methods=["PUT"]),
        Route("/upload/receipts/{receipt}", page.receipt),
        Route("/upload/candidates", sessions.candidates),
    ]
