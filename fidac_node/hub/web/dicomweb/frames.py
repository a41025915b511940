"""Frames (PS3.18 10.4.1.1.3): pixels alone, decoded, or in the codestream that they are stored in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.dicom.uids import EXPLICIT_VR_LE
from fidac_node.hub.web.dicomweb.fetching import Told, found, missing, not_acceptable, question, url_of
from fidac_node.hub.web.dicomweb.media import MULTIPART, MediaType, accepted, wishes_of
from fidac_node.hub.web.dicomweb.parameters import bad
from fidac_node.hub.web.dicomweb.parts import OCTETS, Part, alone, etag, together
from fidac_node.hub.web.dicomweb.wado import ANY
from fidac_node.operations.retrieval import NATIVE, Shelf, Stored

_NUMBERS: Final = re.compile(r"[1-9]\d{0,8}(,[1-9]\d{0,8}){0,9999}", re.ASCII)
# The media type of what is stored in each transfer syntax (PS3.18 Table 8.7.3-5).
_MEDIA_TYPES: Final = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}


class _Kind(NamedTuple):
    """How frames are given: as what, as codestreams or decoded, in parts or alone."""

    media_type: str
    coded: bool
    in_parts: bool = True


_HOW: Final = f'{MULTIPART}; type="{OCTETS}" (decoded), or any type with transfer-syntax=* (as stored)'


async def frames(request: Request) -> Response:
    """Answer with the frames whose numbers the path has, in that order."""
    wanted, numbers = await question(request), numbers_in(request)
    wishes = accepted(request)
    one = (await found(request, lambda shelf: shelf.take(wanted)))[0]
    if max(numbers) > one.frames:
        raise HTTPException(404, f"there are {one.frames} frames")
    kind = next(filter(None, (_kind(one, wish) for wish in wishes)), None)
    if kind is None or (len(numbers) > 1 and not kind.in_parts):
        raise not_acceptable([one], _HOW)
    parts = _parts(request.app.state.shelf, one, numbers, kind, url_of(request, one.place))
    tag = etag(one.version, kind.media_type, *map(str, numbers))
    told = Told.of(wanted, [one], f"frames {request.path_params['frames']}")
    if kind.in_parts:
        return await together(request, parts, kind.media_type, tag, told)
    return await alone(request, parts[0], tag, told)


def numbers_in(request: Request) -> list[int]:
    """The numbers of frames in the path. Raises 400."""
    text = request.path_params["frames"]
    if not _NUMBERS.fullmatch(text):
        raise bad("frames are numbered from 1, and separated by commas")
    return list(map(int, text.split(",")))


def _kind(one: Stored, wish: MediaType) -> _Kind | None:
    """How a wish is fulfilled; ``None``: it cannot be. Decoded pixels are Explicit VR Little Endian (8.7.3.5.2)."""
    own = one.transfer_syntax_uid
    as_stored = _Kind(OCTETS, coded=False) if own in NATIVE else _Kind(_MEDIA_TYPES.get(own, OCTETS), coded=True)
    wished = wish.parameters.get("transfer-syntax")
    offers = (
        (OCTETS, (None, EXPLICIT_VR_LE), _Kind(OCTETS, coded=False)),
        (as_stored.media_type, (None, ANY, own), as_stored),
        (OCTETS, (ANY, own), as_stored),  # whoever asks so reads the part's own media type
    )
    for asked, syntaxes, kind in offers:
        if wished in syntaxes and (fulfilled := wishes_of([wish], asked)):
            return kind._replace(in_parts=fulfilled[0].in_parts)
    return None


def _parts(shelf: Shelf, one: Stored, numbers: Sequence[int], kind: _Kind, url: str) -> list[Part]:
    """A part for each frame; those in ascending order are read in one pass."""
    syntax = one.transfer_syntax_uid if kind.coded else EXPLICIT_VR_LE
    read = shelf.coded_frames if kind.coded else shelf.native_frames
    parts: list[Part] = []
    for run in _ascending(numbers):
        reading = read(one, run)
        of_frame = (f"{url}/frames/{number}" for number in run)
        parts += [Part(f"{kind.media_type}; transfer-syntax={syntax}", at, partial(_next, reading)) for at in of_frame]
    return parts


def _next(reading: Iterator[bytes], _first: int, _end: int | None) -> Iterator[bytes]:
    frame = next(reading, None)
    if frame is None:
        raise missing()
    yield frame


def _ascending(numbers: Sequence[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for number in numbers:
        if run and number <= run[-1]:
            yield run
            run = []
        run.append(number)
    yield run
