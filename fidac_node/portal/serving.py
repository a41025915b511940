"""``/portal/``: what a browser is given of :mod:`.assets`, as it lies on the disk, by a hub or a site.

Needs what the extras ``web`` and ``portal`` bring.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.staticfiles import NotModifiedResponse

from fidac_node.errors import NotFound
from fidac_node.portal import assets


def routes() -> list[Route]:
    """The address of every such file."""
    return [Route("/portal/{name:path}", _give)]


async def _give(request: Request) -> Response:
    gzip = "gzip" in request.headers.get("accept-encoding", "")
    try:
        served = assets.find(request.path_params["name"], gzip=gzip)
    except NotFound as error:
        raise HTTPException(404, str(error)) from None
    answer = FileResponse(
        served.path, headers=served.headers, media_type=served.media_type, stat_result=served.path.stat()
    )
    known = request.headers.get("if-none-match", "").split(",")
    return NotModifiedResponse(answer.headers) if answer.headers["etag"] in map(str.strip, known) else answer
