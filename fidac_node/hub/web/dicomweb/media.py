"""Which of the media types that can be given the client takes (PS3.18 8.7; RFC 9110 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

DICOM_JSON: Final = "application/dicom+json"
JSON: Final = "application/json"
MULTIPART: Final = "multipart/related"
_LONGEST: Final = 4096


@dataclass(frozen=True)
class MediaType:
    """One range of an Accept header: its type in small letters, its parameters and how much it is wished, 0 to 1.

    ``in_parts``: it is what each part of a ``multipart/related`` is to be; ``is_anything``: that was not said.
    """

    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    quality: float = 1.0
    in_parts: bool = False
    is_anything: bool = False

    def covers(self, name: str) -> bool:
        """Say whether ``name`` is within this range."""
        return self.name in ("*/*", name) or (self.name.endswith("/*") and name.startswith(self.name[:-1]))


def accepted(request: Request) -> list[MediaType]:
    """Return what the client takes, most wished first; the query parameter goes before the header (PS3.18 8.3.3.1).

    Raises 406 for what cannot be read.
    """
    given = request.query_params.getlist("accept") or request.headers.getlist("accept") or ["*/*"]
    text = ",".join(given)
    if len(text) > _LONGEST:
        raise HTTPException(406, f"more than {_LONGEST} characters of media types")
    ranges = [parsed(part) for part in _split(text, ",") if part.strip()]
    return sorted((one for one in ranges if one.quality > 0), key=lambda one: -one.quality)


def chosen(request: Request, offered: Sequence[str]) -> str:
    """Return the media type to answer with. Raises 406 when the client takes none that is offered."""
    for wish in accepted(request):
        for name in offered:
            if wish.covers(name):
                return name
    raise HTTPException(406, f"this is given as {' or '.join(offered)}")


def wishes_of(ranges: Sequence[MediaType], name: str) -> list[MediaType]:
    """Return which of ``ranges`` something of the media type ``name`` fulfils: in parts, or alone.

    Everything is in parts for who takes anything (PS3.18 Table 8.7.3-1).
    """
    wishes = []
    for one in ranges:
        in_parts = one.name in (MULTIPART, "multipart/*", "*/*")
        kind = one.parameters.get("type", "*/*").lower() if in_parts else one.name
        if MediaType(kind).covers(name):
            wishes.append(replace(one, name=name, in_parts=in_parts, is_anything=one.name == "*/*"))
    return wishes


def parsed(text: str) -> MediaType:
    """Read one media type with its parameters."""
    name, *rest = _split(text, ";")
    parameters = {}
    for one in rest:
        key, _, value = one.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        quality = 0.0
    return MediaType(name.strip().lower(), parameters, quality)


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator is not within quotes."""
    parts, quoted = [""], False
    for character in text:
        quoted ^= character == '"'
        if character == separator and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts
