"""What the upload page is made of: the page, the plan in force, the list of what it runs, and a receipt to print."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from fidac_node.errors import ConfigError, NotFound
from fidac_node.hub.web.access import demand_role, may_store
from fidac_node.hub.web.pages.render import render
from fidac_node.hub.web.upload.sessions import in_reader, uploads_of
from fidac_node.hub.web.upload.telling import NO_STORE, of, told
from fidac_node.operations import uploads
from fidac_node.portal import assets

# Of an account that is for every programme.
_PROGRAMME: Final = "FIDAC"
# What a worker starts with; the other files are the page's own.
_BOOT: Final = ("pyodide/", assets.ENGINE)


async def page(request: Request) -> Response:
    """The upload page."""
    await demand_role(request, "contributor", "administrator")
    site, programme = request.state.bearer.site, request.state.bearer.programme or _PROGRAMME
    standing = await in_reader(request, lambda: uploads_of(request).standing(site, programme))
    return render(request, "upload.html", site=site, programme=programme, **standing._asdict())


async def plan(request: Request) -> Response:
    """The plan by which the page de-identifies; its digest is in the manifest, and in each object."""
    await may_store(request)
    try:
        text = await in_reader(request, uploads.plan)
    except ConfigError as error:
        raise HTTPException(503, str(error), headers={"Retry-After": "60"}) from None
    return PlainTextResponse(text, headers=NO_STORE)


async def manifest(request: Request) -> Response:
    """Every file that the page loads, with its SHA-256, one digest of them all, and the hub's signature."""
    await may_store(request)
    try:
        files = _files()
        digests = {name: file["sha256"] for name, file in files.items()}
        signed = await in_reader(request, lambda: uploads_of(request).assets(digests))
    except NotFound as error:
        raise HTTPException(503, str(error), headers={"Retry-After": "60"}) from None
    digest = hashlib.sha256(json.dumps(digests, sort_keys=True).encode("ascii")).hexdigest()
    return told({"files": files, "digest": digest, "signed": signed})


async def receipt(request: Request) -> Response:
    """A receipt: as it was signed, or as a page to print for who asks with a browser."""
    site, name = await may_store(request), request.path_params["receipt"]
    try:
        found = await in_reader(request, lambda: uploads_of(request).receipt(name, site))
        results = await in_reader(request, lambda: uploads_of(request).results(found))
    except NotFound as error:
        return of(error)
    if "text/html" not in request.headers.get("accept", ""):
        return Response(found.content, media_type="application/json", headers=NO_STORE)
    signed = json.loads(found.content)
    statement, signature = json.loads(signed["statement"]), signed["signature"]
    return render(request, "receipt.html", receipt=statement, results=results, signature=signature, at=found.at)


@cache
def _files() -> dict[str, dict[str, Any]]:
    """What is given under ``/portal/``. Raises :class:`NotFound` when nothing was built yet."""
    return {
        name: {
            "path": f"/portal/{name}",
            "sha256": digest,
            "bytes": assets.find(name).path.stat().st_size,
            "boot": name.startswith(_BOOT),
        }
        for name, digest in assets.digests().items()
    }
