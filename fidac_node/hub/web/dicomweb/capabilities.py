"""Retrieve Capabilities (PS3.18 8.9): what is answered where, in OpenAPI 3.1, made from the code's tables."""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fidac_node import __version__
from fidac_node.hub.index.keys import PRIVATE
from fidac_node.hub.web.dicomweb.media import DICOM_JSON, JSON, chosen
from fidac_node.hub.web.dicomweb.rows import QUERY_KEYS
from fidac_node.operations.tokens import READ_IMAGES, READ_INDEX

OPENAPI: Final = "application/vnd.oai.openapi+json"
# The addresses of searches, and what each lists (PS3.18 Table 10.6.1-1).
SEARCHES: Final = {
    "/studies": "studies",
    "/studies/{study}/series": "series",
    "/studies/{study}/instances": "instances",
    "/studies/{study}/series/{series}/instances": "instances",
    "/series": "series",
    "/instances": "instances",
}
# The addresses of objects (PS3.18 Table 10.4.1-1).
RETRIEVALS: Final = (
    "/studies/{study}",
    "/studies/{study}/series/{series}",
    "/studies/{study}/series/{series}/instances/{instance}",
)
STORES: Final = ("/studies", "/studies/{study}")
BULK_DATA: Final = f"{RETRIEVALS[-1]}/bulkdata/{{path}}"
FRAMES: Final = f"{RETRIEVALS[-1]}/frames/{{frames}}"
_UID: Final = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*$", "maxLength": 64}
_ERRORS: Final = {
    "400": "The query cannot be read",
    "401": "No valid token",
    "403": "The token does not open this",
    "404": "There is no such thing",
    "406": "None of the media types can be given",
    "413": "The request has a body that is too large",
    "503": "Too busy; try again",
}


async def capabilities(request: Request) -> Response:
    """Answer with the document."""
    media_type = chosen(request, (OPENAPI, JSON))
    methods = {"Allow": "GET, HEAD, OPTIONS"}
    return JSONResponse(document(), headers=methods, media_type=media_type)


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "DICOMweb of a FIDAC hub", "version": __version__},
        "servers": [{"url": "/dicom-web"}],
        "security": [{"token": []}],
        "paths": {
            **{path: {"get": _search(path, level)} for path, level in SEARCHES.items()},
            **{path: {"get": _retrieval(path)} for path in RETRIEVALS},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"problem": _PROBLEM, "matches": {"type": "array", "items": {"type": "object"}}},
        },
    }


_PROBLEM: Final = {
    "type": "object",
    "required": ["status", "message"],
    "properties": {"status": {"type": "integer"}, "message": {"type": "string"}},
}


def _search(path: str, level: str) -> dict[str, Any]:
    matches = {"schema": {"$ref": "#/components/schemas/matches"}}
    return {
        "summary": f"Search for {level} (QIDO-RS, PS3.18 10.6); needs {READ_INDEX}",
        "parameters": [*_path_parameters(path), *_QUERY],
        "responses": {
            "200": {"description": "What matches", "content": {DICOM_JSON: matches, JSON: matches}},
            "204": {"description": "Nothing matches"},
            **_problems(),
        },
    }


def _retrieval(path: str) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = {"multipart/related": binary, "application/dicom": binary}
    return {
        "summary": f"Retrieve objects (WADO-RS, PS3.18 10.4); needs {READ_IMAGES}",
        "parameters": _path_parameters(path),
        "responses": {
            "200": {"description": "The objects", "content": content},
            **_problems(),
        },
    }


def _problems() -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/problem"}}}
    return {status: {"description": text, "content": content} for status, text in _ERRORS.items()}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": _UID} for name in names]


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


_QUERY: Final = [
    _query("limit", {"type": "integer", "minimum": 0}),
    _query("offset", {"type": "integer", "minimum": 0}),
    _query("fuzzymatching", {"type": "string", "enum": ["true", "false"]}),
    _query("includefield", {"type": "string"}),
    *(_query(name, {"type": "string"}) for name in QUERY_KEYS if name not in PRIVATE),
    *(_query(f"{key.tag:08X}", {"type": "string", "description": name}) for name, key in PRIVATE.items()),
]
