"""The addresses where people sign in, out, and look after their accounts."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from fidac_node.hub.web.people import account, administration, doors, provider


def routes() -> list[BaseRoute]:
    """The addresses, each with its view."""
    return [
        Route("/login", doors.login_page, methods=["GET"]),
        Route("/login", doors.login, methods=["POST"]),
        Route("/login/provider", provider.begin, methods=["GET"]),
        Route("/login/provider/answer", provider.end, methods=["GET"]),
        Route("/logout", doors.logout, methods=["POST"]),
        Route("/language", doors.language, methods=["POST"]),
        Route("/invitation/{token}", doors.invitation_page, methods=["GET"]),
        Route("/invitation/{token}", doors.invitation, methods=["POST"]),
        Route("/account", account.page, methods=["GET"]),
        Route("/account/password", account.password, methods=["POST"]),
        Route("/account/second-factor", account.enrolment, methods=["GET"]),
        Route("/account/second-factor", account.switch_on, methods=["POST"]),
        Route("/account/second-factor/off", account.switch_off, methods=["POST"]),
        Route("/users", administration.page, methods=["GET"]),
        Route("/users", administration.add, methods=["POST"]),
        Route("/users/{name}", administration.one, methods=["GET"]),
        Route("/users/{name}/role", administration.role, methods=["POST"]),
        Route("/users/{name}/link", administration.link, methods=["POST"]),
        Route("/users/{name}/reset", administration.reset, methods=["POST"]),
        Route("/users/{name}/remove", administration.remove, methods=["POST"]),
    ]
