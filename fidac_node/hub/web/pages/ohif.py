"""OHIF under ``/ohif``, if it was installed (``hub web ohif``): its files, and its page for all other addresses."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from fidac_node.hub.web.pages.acting import sees_images, settings
from fidac_node.operations.ohif import folder

# Names have a digest of what is in them.
_FOR_GOOD: Final = "private, max-age=31536000, immutable"


async def viewer(request: Request) -> Response:
    """Give a file of it, or its page. Raises 403, and 404 where it is not installed."""
    if not sees_images(request):
        raise HTTPException(403, "pictures are not for you")
    root, name = folder(settings(request)), request.path_params.get("path", "")
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise HTTPException(404, "there is no such file")
    if not path.is_file():
        if "." in name.rpartition("/")[2]:
            raise HTTPException(404, "there is no such file")
        path = root / "index.html"  # its page has addresses of its own
    if not path.is_file():
        raise HTTPException(404, "OHIF is not installed here")
    cached = _FOR_GOOD if ".bundle." in path.name or path.suffix in (".wasm", ".woff2") else "no-cache"
    return FileResponse(path, headers={"Cache-Control": cached})
