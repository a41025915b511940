"""The addresses where people sign in, out, and look after their accounts."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from fidac_node.hub.web.people import doors


def routes() -> list[BaseRoute]:
    """The addresses, each with its view."""
    return [
        Route("/login", doors.login_page, methods=["GET"]),
        Route("/login", doors.login, methods=["POST"]),
        Route("/logout", doors.logout, methods=["POST"]),
        Route("/language", doors.language, methods=["POST"]),
        Route("/invitation/{token}", doors.invitation_page, methods=["GET"]),
        Route("/invitation/{token}", doors.invitation, methods=["POST"]),
    ]
