"""Rendered resources and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4): one frame as JPEG or PNG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.hub.web.dicomweb.fetching import Told, found, missing, question, url_of
from fidac_node.hub.web.dicomweb.frames import numbers_in
from fidac_node.hub.web.dicomweb.media import chosen
from fidac_node.hub.web.dicomweb.parameters import bad
from fidac_node.hub.web.dicomweb.parts import Part, alone, etag
from fidac_node.hub.web.dicomweb.rendering import JPEG, PNG, Looks, Viewport, picture
from fidac_node.operations.index import StudyFilter
from fidac_node.operations.retrieval import Shelf, Stored

_THUMBNAIL: Final = Viewport(128, 128)


async def rendered(request: Request) -> Response:
    """Answer with a picture of the one frame of an instance, or of the frame that the path names."""
    wanted, looks = await question(request), Looks.read(request.query_params)
    media_type = chosen(request, (JPEG, PNG))
    one = (await found(request, lambda shelf: shelf.take(wanted)))[0]
    return await _shown(request, wanted, one, _number(request, one), looks, media_type)


async def thumbnail(request: Request) -> Response:
    """Answer with a small picture that stands for what the path names: of the middle of its longest series."""
    wanted, looks = await question(request), Looks.read(request.query_params)
    media_type = chosen(request, (JPEG, PNG))
    middle = _middle(await found(request, lambda shelf: shelf.known(wanted)))
    place = middle.place
    this = replace(wanted, study_uid=place.study, series_uid=place.series, sop_uid=place.sop)
    one = (await found(request, lambda shelf: shelf.take(this)))[0]
    number = _number(request, one) if "frames" in request.path_params else (one.frames + 1) // 2
    looks = looks._replace(viewport=looks.viewport or _THUMBNAIL)
    return await _shown(request, wanted, one, number, looks, media_type)


async def _shown(
    request: Request, wanted: StudyFilter, one: Stored, number: int, looks: Looks, media_type: str
) -> Response:
    draw = partial(_drawn, request.app.state.shelf, one, number, looks, media_type)
    part = Part(media_type, f"{url_of(request, one.place)}/frames/{number}/rendered", draw)
    tag = etag(one.version, media_type, str(number), repr(looks))
    return await alone(request, part, tag, Told.of(wanted, [one], f"frame {number} as a picture"))


def _drawn(
    shelf: Shelf, one: Stored, number: int, looks: Looks, media_type: str, _first: int, _end: int | None
) -> Iterator[bytes]:
    frame = next(shelf.native_frames(one, [number]), b"")
    if not frame:
        raise missing()
    yield picture(frame, shelf.header(one), number, looks, media_type)


def _number(request: Request, one: Stored) -> int:
    """The one frame that is asked for. Raises 400, 404 and 406."""
    numbers = numbers_in(request) if "frames" in request.path_params else [1]
    if len(numbers) > 1:
        raise bad("one frame is one picture")
    if numbers[0] > one.frames:
        raise HTTPException(404, f"there are {one.frames} frames")
    if one.frames > 1 and "frames" not in request.path_params:
        raise HTTPException(406, f"there are {one.frames} frames: ask for frames/1/rendered and so on")
    return numbers[0]


def _middle(objects: Sequence[Stored]) -> Stored:
    lengths = Counter(one.place[:3] for one in objects)
    series = max(lengths, key=lambda place: lengths[place])
    longest = [one for one in objects if one.place[:3] == series]
    return longest[len(longest) // 2]
