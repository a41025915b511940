"""Bulk data (PS3.18 10.4.1.1.4): the value of one element, to which metadata gives the address; ranges of it, too."""

from __future__ import annotations

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fidac_node.hub.web.dicomweb.fetching import Told, found, missing, question
from fidac_node.hub.web.dicomweb.media import MULTIPART, accepted, wishes_of
from fidac_node.hub.web.dicomweb.parts import OCTETS, Part, alone, etag, of_file, together, unchanged

_PATH: Final = re.compile(r"[0-9A-Fa-f]{8}(/[1-9]\d{0,5}/[0-9A-Fa-f]{8}){0,31}", re.ASCII)


async def bulk_data(request: Request) -> Response:
    """Answer with the value, in one part or alone; pixels are native there, numbers in little endian."""
    wanted, path = await question(request), request.path_params["path"]
    if not _PATH.fullmatch(path):
        raise missing()
    steps = [int(step, 16 if number % 2 == 0 else 10) for number, step in enumerate(path.split("/"))]
    wishes = wishes_of(accepted(request), OCTETS)
    if not wishes:
        raise HTTPException(406, f'bulk data is given as {MULTIPART}; type="{OCTETS}", or as {OCTETS}')
    one = (await found(request, lambda shelf: shelf.take(wanted)))[0]
    tag = etag(one.version, path.upper())
    if answer := unchanged(request, tag):
        return answer
    value = await found(request, lambda shelf: shelf.value(one, steps))
    part = Part(OCTETS, str(request.url), of_file(lambda: value.file, value.start), value.end - value.start)
    told = Told.of(wanted, [one], f"bulk data {path}")
    return await (
        together(request, [part], OCTETS, tag, told) if wishes[0].in_parts else alone(request, part, tag, told)
    )
