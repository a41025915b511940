"""Rendered resources and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4): frames as JPEG or PNG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.hub.web.dicomweb.fetching import Told, found, missing, not_acceptable, question, url_of
from fidac_node.hub.web.dicomweb.frames import numbers_in
from fidac_node.hub.web.dicomweb.media import MULTIPART, accepted, chosen, wishes_of
from fidac_node.hub.web.dicomweb.parts import Part, alone, etag, together
from fidac_node.hub.web.dicomweb.rendering import JPEG, PNG, Looks, Viewport, picture
from fidac_node.operations.retrieval import Shelf, Stored

_KEPT: Final = "private, max-age=600"
_THUMBNAIL: Final = Viewport(128, 128)


async def rendered(request: Request) -> Response:
    """Answer with a picture of each frame that the path names: one alone, several in parts."""
    wanted, looks = await question(request), Looks.read(request.query_params)
    wishes = [wish for one in accepted(request) for kind in (JPEG, PNG) for wish in wishes_of([one], kind)]
    objects = await found(request, lambda shelf: shelf.take(wanted))
    frames = _frames(request, objects)
    wish = next((wish for wish in wishes if wish.is_anything or wish.in_parts or len(frames) == 1), None)
    if wish is None:
        raise not_acceptable(objects, f'{JPEG} or {PNG}; several as {MULTIPART}; type="{JPEG}"')
    parts = [_picture(request, one, number, looks, wish.name) for one, number in frames]
    tag = etag(wish.name, repr(looks), *(f"{one.version} {number}" for one, number in frames))
    told = Told.of(wanted, objects, "pictures")
    if len(parts) == 1 and (wish.is_anything or not wish.in_parts):
        return await alone(request, parts[0], tag, told)
    return await together(request, parts, wish.name, tag, told)


async def thumbnail(request: Request) -> Response:
    """Answer with a small picture that stands for what the path names: of the middle of its longest series."""
    wanted, looks = await question(request), Looks.read(request.query_params)
    media_type = chosen(request, (JPEG, PNG))
    middle = _middle(await found(request, lambda shelf: shelf.known(wanted)))
    place = middle.place
    this = replace(wanted, study_uid=place.study, series_uid=place.series, sop_uid=place.sop)
    one = (await found(request, lambda shelf: shelf.take(this)))[0]
    number = _numbers(request, one)[0] if "frames" in request.path_params else (one.frames + 1) // 2
    looks = looks._replace(viewport=looks.viewport or _THUMBNAIL)
    part, tag = (
        _picture(request, one, number, looks, media_type),
        etag(one.version, media_type, str(number), repr(looks)),
    )
    answer = await alone(request, part, tag, Told.of(wanted, [one], "a thumbnail"))
    # A page of fifty that is looked at again is not drawn again.
    answer.headers["Cache-Control"] = _KEPT
    return answer


def _picture(request: Request, one: Stored, number: int, looks: Looks, media_type: str) -> Part:
    draw = partial(_drawn, request.app.state.shelf, one, number, looks, media_type)
    return Part(media_type, f"{url_of(request, one.place)}/frames/{number}/rendered", draw)


def _drawn(
    shelf: Shelf, one: Stored, number: int, looks: Looks, media_type: str, _first: int, _end: int | None
) -> Iterator[bytes]:
    frame = next(shelf.native_frames(one, [number]), b"")
    if not frame:
        raise missing()
    yield picture(frame, shelf.header(one), number, looks, media_type)


def _frames(request: Request, objects: Sequence[Stored]) -> list[tuple[Stored, int]]:
    """The frames that are asked for: those that the path names, else all of all objects."""
    if "frames" in request.path_params:
        return [(objects[0], number) for number in _numbers(request, objects[0])]
    return [(one, number) for one in objects for number in range(1, one.frames + 1)]


def _numbers(request: Request, one: Stored) -> list[int]:
    numbers = numbers_in(request)
    if max(numbers) > one.frames:
        raise HTTPException(404, f"there are {one.frames} frames")
    return numbers


def _middle(objects: Sequence[Stored]) -> Stored:
    lengths = Counter(one.place[:3] for one in objects)
    series = max(lengths, key=lambda place: lengths[place])
    longest = [one for one in objects if one.place[:3] == series]
    return longest[len(longest) // 2]
