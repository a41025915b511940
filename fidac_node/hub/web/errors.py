"""What a client is told when something is wrong: a status and one sentence in JSON, never more."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def answer(_request: Request, error: Exception) -> Response:
    """Return the answer for an error that a view raised on purpose."""
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"status": error.status_code, "message": error.detail}, error.status_code, headers=error.headers
    )


def unexpected(_request: Request, _error: Exception) -> Response:
    """Return the answer for an error that nobody foresaw; the log has it."""
    return JSONResponse({"status": 500, "message": "something went wrong at the hub; its log says what"}, 500)
