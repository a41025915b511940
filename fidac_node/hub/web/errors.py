"""What whoever asks is told when something is wrong: a status and one sentence, as a page or in JSON, never more."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from fidac_node.hub.web.pages.render import render

_FOR_PROGRAMS: Final = ("/dicom-web", "/upload/", "/static/", "/portal/", "/ohif")
_UNEXPECTED: Final = "something went wrong at the hub; its log says what"


def answer(request: Request, error: Exception) -> Response:
    """Return the answer for an error that a view raised on purpose."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 303:
        return RedirectResponse(headers["Location"], 303, {"Cache-Control": "no-store"})
    return _told(request, error.status_code, error.detail, headers)


def unexpected(request: Request, _error: Exception) -> Response:
    """Return the answer for an error that nobody foresaw; the log has it."""
    return _told(request, 500, _UNEXPECTED, {})


def _told(request: Request, status: int, message: str, headers: dict[str, str]) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "")
    if wants_page and not request.scope["path"].startswith(_FOR_PROGRAMS):
        return render(request, "error.html", status=status, message=message, status_code=status, headers=headers)
    return JSONResponse({"status": status, "message": message}, status, headers=headers)
