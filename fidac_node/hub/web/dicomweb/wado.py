"""Retrieve (WADO-RS, PS3.18 10.4): the objects of a study or a series, or one, as they are stored or in Explicit VR."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import secrets
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Final

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import NotFound
from fidac_node.hub.web.access import allowed
from fidac_node.hub.web.dicomweb.media import MediaType, accepted
from fidac_node.hub.web.dicomweb.parameters import of_path
from fidac_node.hub.web.dicomweb.qido import base_url
from fidac_node.hub.web.streaming import streamed
from fidac_node.operations.retrieval import Stored, stored

log = logging.getLogger(__name__)

DICOM: Final = "application/dicom"
MULTIPART: Final = "multipart/related"
_CHUNK: Final = 1 << 20
# What is written anew in Explicit VR Little Endian when the client does not take it as it is; pixels stay as they are.
_PLAIN: Final = frozenset({IMPLICIT_VR_LE, DEFLATED_EXPLICIT_VR_LE})
_LARGEST_REWRITTEN: Final = 64 << 20
_ANY: Final = "*"


async def retrieve(request: Request) -> Response:
    """Answer with all objects of what the path names, as ``multipart/related``, or with the one as it is."""
    may_ask = allowed(request, "retrieve")
    wishes = _wishes(request)
    try:
        wanted = replace(may_ask, **of_path(request.path_params))
    except ValueError:
        raise _missing() from None
    state = request.app.state
    async with state.readers.one() as reader:
        objects = await reader.call(lambda: _found(lambda: stored(state.db, state.archive, wanted)))
    wish = next((wish for wish in wishes if all(_is_given(one, wish) for one in objects)), None)
    if wish is None or (wish.name == DICOM and len(objects) != 1):
        raise _not_acceptable(objects)
    if wish.name == DICOM and not _is_rewritten(objects[0], wish):
        return _one(request, objects[0])
    boundary = secrets.token_hex(16)
    if wish.name == DICOM:
        return await streamed(state.readers, _alone(objects[0]), media_type=_type_of(EXPLICIT_VR_LE))
    parts = _parts(objects, wish, boundary, base_url(request))
    return await streamed(state.readers, parts, media_type=f'{MULTIPART}; type="{DICOM}"; boundary={boundary}')


def _wishes(request: Request) -> list[MediaType]:
    """What the client takes of what can be given: ``application/dicom`` in parts, or alone (PS3.18 Table 8.7.3-1)."""
    wishes = []
    for one in accepted(request):
        if one.name in ("*/*", MULTIPART, "multipart/*") and one.parameters.get("type", DICOM).lower() in (DICOM, _ANY):
            wishes.append(MediaType(MULTIPART, one.parameters))
        elif one.name in (DICOM, "application/*"):
            wishes.append(MediaType(DICOM, one.parameters))
    if not wishes:
        raise HTTPException(406, f'objects are given as {MULTIPART}; type="{DICOM}", or one as {DICOM}')
    return wishes


def _found(look: Callable[[], list[Stored]]) -> list[Stored]:
    try:
        objects = look()
    except NotFound as error:
        log.error("%s; 'hub reindex' makes the index say what is there", error)
        raise HTTPException(500, "the archive lacks an object that the index has; the hub's log says which") from None
    if not objects:
        raise _missing()
    return objects


def _missing() -> HTTPException:
    return HTTPException(404, "there is no such study, series or instance")


def _not_acceptable(objects: list[Stored]) -> HTTPException:
    syntaxes = ", ".join(sorted({one.transfer_syntax_uid for one in objects}))
    return HTTPException(
        406, f'stored as {syntaxes}: ask for {MULTIPART}; type="{DICOM}"; transfer-syntax=*, which gives it so'
    )


def _syntax(wish: MediaType) -> str:
    """The transfer syntax that is asked for; Explicit VR Little Endian when none is (PS3.18 8.7.3.5.2)."""
    return wish.parameters.get("transfer-syntax", EXPLICIT_VR_LE)


def _is_given(one: Stored, wish: MediaType) -> bool:
    return _syntax(wish) in (_ANY, one.transfer_syntax_uid) or _is_rewritten(one, wish)


def _is_rewritten(one: Stored, wish: MediaType) -> bool:
    """Whether it must be written anew: asked for in Explicit VR, stored in another encoding without compression."""
    plain = one.transfer_syntax_uid in _PLAIN and one.size <= _LARGEST_REWRITTEN
    return _syntax(wish) == EXPLICIT_VR_LE and plain


def _one(request: Request, one: Stored) -> Response:
    """The file as it is, with ranges (RFC 9110 14.2) and a validator of which no time can be read."""
    status = one.path.stat()
    name = f"{one.path}:{status.st_ino}:{status.st_size}"
    headers = {"ETag": f'"{hashlib.sha256(name.encode()).hexdigest()[:32]}"', "Cache-Control": "private, no-cache"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {headers["ETag"], _ANY}:
        return Response(status_code=304, headers=headers)
    return FileResponse(one.path, headers=headers, media_type=_type_of(one.transfer_syntax_uid))


def _type_of(transfer_syntax_uid: str) -> str:
    return f"{DICOM}; transfer-syntax={transfer_syntax_uid}"


def _alone(one: Stored) -> Generator[bytes]:
    yield _rewritten(one)


def _parts(objects: list[Stored], wish: MediaType, boundary: str, base: str) -> Generator[bytes]:
    """Yield the body: each object a part with its address (PS3.18 8.6.1.2), a megabyte at a time."""
    yield b""
    for one in objects:
        anew = _is_rewritten(one, wish)
        content: Iterator[bytes] = iter([_rewritten(one)]) if anew else _pieces(one)
        place, syntax = one.place, EXPLICIT_VR_LE if anew else one.transfer_syntax_uid
        url = f"{base}/studies/{place.study}/series/{place.series}/instances/{place.sop}"
        head = f"\r\n--{boundary}\r\nContent-Type: {_type_of(syntax)}\r\nContent-Location: {url}\r\n\r\n"
        yield head.encode("ascii")
        yield from content
    yield f"\r\n--{boundary}--\r\n".encode("ascii")


def _pieces(one: Stored) -> Iterator[bytes]:
    with one.path.open("rb", buffering=0) as fp:
        os.posix_fadvise(fp.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while piece := fp.read(_CHUNK):
            yield piece


def _rewritten(one: Stored) -> bytes:
    """The same data set in Explicit VR Little Endian. Raises 500 for one that pydicom cannot write so."""
    fp = io.BytesIO()
    try:
        ds = dcmread(one.path)
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.save_as(fp, implicit_vr=False, little_endian=True)
    except Exception as error:  # what it may be is not ours to list; its text may quote a value
        log.error("%s cannot be written in Explicit VR: %s", one.path, type(error).__name__)
        raise HTTPException(500, "an object cannot be written anew: ask for it as it is stored") from None
    return fp.getvalue()
