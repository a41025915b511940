"""Metadata (PS3.18 10.4.1.1.2): what each object says of itself, in DICOM JSON, its bulk data by address."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from starlette.requests import Request
from starlette.responses import Response

from fidac_node.dicom.json_model import URI
from fidac_node.hub.web.dicomweb.fetching import found, guarded, question, url_of
from fidac_node.hub.web.dicomweb.media import DICOM_JSON, JSON, chosen
from fidac_node.hub.web.dicomweb.parts import etag, guarded_by, unchanged
from fidac_node.hub.web.dicomweb.qido import base_url, in_pieces
from fidac_node.hub.web.streaming import Head, streamed
from fidac_node.operations.index import StudyFilter


async def metadata(request: Request) -> Response:
    """Answer with the metadata of all objects of what the path names."""
    wanted = question(request)
    media_type = chosen(request, (DICOM_JSON, JSON))
    versions = await found(request, lambda shelf: shelf.versions(wanted))
    tag = etag(base_url(request), media_type, *versions)
    return unchanged(request, tag) or await streamed(
        request.app.state.readers, _written(request, wanted), Head(media_type, headers=guarded_by(f"W/{tag}"))
    )


def _written(request: Request, wanted: StudyFilter) -> Generator[bytes]:
    yield from guarded(in_pieces(_objects(request, wanted)))


def _objects(request: Request, wanted: StudyFilter) -> Iterator[bytes]:
    """Each object's JSON, with the addresses of bulk data as the client reaches them (PS3.18 F.2.6)."""
    for place, text in request.app.state.shelf.said(wanted):
        yield text.replace(URI, URI + f"{url_of(request, place)}/".encode("ascii"))
