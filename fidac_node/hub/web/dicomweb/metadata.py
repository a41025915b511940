"""Metadata (PS3.18 10.4.1.1.2): what each object says of itself, in DICOM JSON, its bulk data by address."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from fidac_node.audit.trail import Doing
from fidac_node.dicom.json_model import URI
from fidac_node.hub.web.dicomweb.fetching import Told, found, given, question, url_of
from fidac_node.hub.web.dicomweb.media import DICOM_JSON, JSON, chosen
from fidac_node.hub.web.dicomweb.parts import etag, guarded_by, unchanged
from fidac_node.hub.web.dicomweb.qido import base_url, in_pieces
from fidac_node.hub.web.streaming import Head, streamed
from fidac_node.operations.retrieval import Shelf, Stored


async def metadata(request: Request) -> Response:
    """Answer with the metadata of all objects of what the path names."""
    wanted = await question(request)
    media_type = chosen(request, (DICOM_JSON, JSON))
    objects = await found(request, lambda shelf: shelf.known(wanted))
    tag = etag(base_url(request), media_type, *(one.version for one in objects))
    if answer := unchanged(request, tag):
        return answer
    written = given(
        request,
        Told.of(wanted, objects, "metadata"),
        lambda retrieval: in_pieces(_written(request, objects, retrieval)),
    )
    return await streamed(request.app.state.readers, written, Head(media_type, headers=guarded_by(f"W/{tag}")))


def _written(request: Request, objects: list[Stored], retrieval: Doing) -> Iterator[bytes]:
    """Each object's JSON, with the addresses of bulk data as the client reaches them (PS3.18 F.2.6)."""
    shelf: Shelf = request.app.state.shelf
    for place, text in shelf.said(objects):
        yield text.replace(URI, URI + f"{url_of(request, place)}/".encode("ascii"))
        retrieval.number += 1
