"""Retrieve (WADO-RS, PS3.18 10.4): the objects of a study or a series, or one, as stored or in an encoding for all."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.dicom.uids import EXPLICIT_VR_LE
from fidac_node.hub.web.dicomweb.fetching import Told, found, not_acceptable, question, url_of
from fidac_node.hub.web.dicomweb.media import MULTIPART, MediaType, accepted, wishes_of
from fidac_node.hub.web.dicomweb.parts import Part, alone, etag, of_file, together
from fidac_node.operations.retrieval import UNCOMPRESSED, Stored

DICOM: Final = "application/dicom"
ANY: Final = "*"
_AS_STORED: Final = f'{MULTIPART}; type="{DICOM}"; transfer-syntax=*, which gives it so'


async def retrieve(request: Request) -> Response:
    """Answer with all objects of what the path names, as ``multipart/related``, or with the one as it is."""
    wanted, wishes = await question(request), wishes_of(accepted(request), DICOM)
    if not wishes:
        raise HTTPException(406, f'objects are given as {MULTIPART}; type="{DICOM}", or one as {DICOM}')
    objects = await found(request, lambda shelf: shelf.take(wanted))
    wish = next((wish for wish in wishes if _is_given(objects, wish)), None)
    if wish is None:
        raise not_acceptable(objects, _AS_STORED)
    parts = [_part(request, one, _syntax_for(one, wish)) for one in objects]
    tag = etag(*(one.version for one in objects), *(part.media_type for part in parts))
    told = Told.of(wanted, objects)
    return await (together(request, parts, DICOM, tag, told) if wish.in_parts else alone(request, parts[0], tag, told))


def _is_given(objects: list[Stored], wish: MediaType) -> bool:
    return all(_syntax_for(one, wish) for one in objects) and (wish.in_parts or len(objects) == 1)


def _syntax_for(one: Stored, wish: MediaType) -> str:
    """The transfer syntax to give an object in; nothing when it cannot be given as wished.

    Explicit VR Little Endian is asked for where none is (PS3.18 8.7.3.5.2).
    """
    wished = wish.parameters.get("transfer-syntax", EXPLICIT_VR_LE)
    if wished in (ANY, one.transfer_syntax_uid):
        return one.transfer_syntax_uid
    return wished if wished in UNCOMPRESSED else ""


def _part(request: Request, one: Stored, syntax: str) -> Part:
    opened = partial(request.app.state.shelf.opened, one, syntax)
    size = one.size if syntax == one.transfer_syntax_uid else None
    return Part(f"{DICOM}; transfer-syntax={syntax}", url_of(request, one.place), of_file(opened), size)
