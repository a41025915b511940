"""What the upload page is told: JSON, with a word for what is wrong (``reason``) beside the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from fidac_node.errors import NotFound, Permanent
from fidac_node.hub.web.upload.parsing import Bad
from fidac_node.operations.uploads import CONFLICT, EXPIRED, OTHER_KEY, TOO_MANY

# Statuses by the word; everything else that is wrong with an object is 422, unprocessable content (RFC 9110 15.5.21).
_STATUS: Final = {
    OTHER_KEY: 409,
    CONFLICT: 409,
    "held": 409,
    "withdrawn": 409,
    "site": 403,
    EXPIRED: 410,
    TOO_MANY: 429,
}
_AGAIN_TOMORROW: Final = {"Retry-After": "3600"}
NO_STORE: Final = {"Cache-Control": "no-store"}


def told(content: Mapping[str, Any] | list[Any], status: int = 200) -> JSONResponse:
    """An answer, which nobody keeps."""
    return JSONResponse(content, status, headers=NO_STORE)


def refusal(reason: str, message: str, status: int, headers: Mapping[str, str] = NO_STORE) -> JSONResponse:
    """What is wrong, by a word and in a sentence."""
    return JSONResponse({"status": status, "reason": reason, "message": message}, status, headers=dict(headers))


def of(error: Bad | Permanent | NotFound) -> JSONResponse:
    """The answer for an error of an operation."""
    if isinstance(error, Bad):
        return refusal("bad", str(error), 400)
    if isinstance(error, NotFound):
        return refusal("no-session", str(error), 404)
    status = _STATUS.get(error.code, 422)
    return refusal(error.code, str(error), status, _AGAIN_TOMORROW if status == 429 else NO_STORE)


def later(status: int, message: str, seconds: int) -> HTTPException:
    """Come again after so many seconds."""
    return HTTPException(status, message, headers={"Retry-After": str(seconds)})
