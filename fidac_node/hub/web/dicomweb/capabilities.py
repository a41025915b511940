"""Retrieve Capabilities (PS3.18 8.9): what is answered where, in OpenAPI 3.1, made from the code's tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fidac_node import __version__
from fidac_node.hub.index.keys import PRIVATE
from fidac_node.hub.web.dicomweb.media import DICOM_JSON, JSON, MULTIPART, chosen
from fidac_node.hub.web.dicomweb.rows import ALL, FIELDS, QUERY_KEYS
from fidac_node.operations.tokens import READ_IMAGES, READ_INDEX, STORE

OPENAPI: Final = "application/vnd.oai.openapi+json"
DESCRIPTION: Final = "/openapi.json"
# The addresses of searches, and what each lists (PS3.18 Table 10.6.1-1).
SEARCHES: Final = {
    "/studies": "studies",
    "/studies/{study}/series": "series",
    "/studies/{study}/instances": "instances",
    "/studies/{study}/series/{series}/instances": "instances",
    "/series": "series",
    "/instances": "instances",
}
STORES: Final = ("/studies", "/studies/{study}")
# The addresses of objects, and of what is made of them (PS3.18 Tables 10.4.1-1 to 10.4.1-6).
INSTANCE: Final = "/studies/{study}/series/{series}/instances/{instance}"
RETRIEVALS: Final = ("/studies/{study}", "/studies/{study}/series/{series}", INSTANCE)
FRAMES: Final = f"{INSTANCE}/frames/{{frames}}"
METADATA: Final = tuple(f"{path}/metadata" for path in RETRIEVALS)
BULK_DATA: Final = (f"{INSTANCE}/bulkdata/{{path}}",)
RENDERED: Final = tuple(f"{path}/rendered" for path in (*RETRIEVALS, FRAMES))
THUMBNAILS: Final = tuple(f"{path}/thumbnail" for path in (*RETRIEVALS, FRAMES))
EVERYTHING: Final = tuple(
    dict.fromkeys(
        (*SEARCHES, *STORES, *RETRIEVALS, *METADATA, *BULK_DATA, FRAMES, *RENDERED, *THUMBNAILS, DESCRIPTION, "/")
    )
)

_A_UID: Final = r"(0|[1-9][0-9]{0,15})(\.(0|[1-9][0-9]{0,15})){0,2}"
_UID: Final = {"type": "string", "pattern": r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*$", "maxLength": 64}
_PATHS: Final[dict[str, dict[str, Any]]] = {
    **dict.fromkeys(("study", "series", "instance"), _UID),
    "frames": {"type": "string", "pattern": "^[1-9][0-9]{0,8}(,[1-9][0-9]{0,8})*$", "maxLength": 1000},
    "path": {"type": "string", "pattern": "^[0-9A-Fa-f]{8}(/[1-9][0-9]{0,5}/[0-9A-Fa-f]{8})*$", "maxLength": 400},
}
_PROBLEMS: Final = {
    "400": "It cannot be read",
    "401": "No valid token",
    "403": "The token does not open this",
    "404": "There is no such thing",
    "406": "None of the media types can be given",
    "413": "A question with a body",
    "500": "Something is not as it was filed, or went wrong; the hub's log says what",
    "503": "Too busy, or something does not answer; try again",
}
_OCTETS: Final = {"schema": {"type": "string", "format": "binary"}}
_PROBLEM: Final = {
    "type": "object",
    "required": ["status", "message"],
    "properties": {"status": {"type": "integer"}, "message": {"type": "string"}},
}
_OBJECT: Final = {
    "type": "object",
    "patternProperties": {
        "^[0-9A-F]{8}$": {
            "type": "object",
            "required": ["vr"],
            "properties": {"vr": {"type": "string", "pattern": "^[A-Z]{2}$"}, "Value": {"type": "array"}},
        }
    },
    "additionalProperties": False,
}


async def capabilities(request: Request) -> Response:
    """Answer with the document."""
    media_type = chosen(request, (OPENAPI, JSON))
    path = request.scope["route"].path
    questions = ("GET", "HEAD") if path != "/" else ()
    methods = (*questions, *(("POST",) if path in STORES else ()), "OPTIONS")
    return JSONResponse(document(), headers={"Allow": ", ".join(methods)}, media_type=media_type)


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {path: {} for path in EVERYTHING if path != "/"}
    for path, level in SEARCHES.items():
        paths[path]["get"] = _search(level)
    for path in STORES:
        paths[path]["post"] = _store()
    dicom = {MULTIPART: _OCTETS, "application/dicom": _OCTETS}
    octets = {MULTIPART: _OCTETS, "application/octet-stream": _OCTETS}
    pictures = {"image/jpeg": _OCTETS, "image/png": _OCTETS}
    for addresses, what, content, query in (
        (RETRIEVALS, "objects", dicom, ()),
        (METADATA, "metadata", _of_objects(), ()),
        (BULK_DATA, "bulk data", octets, ()),
        ((FRAMES,), "frames", octets, ()),
        (RENDERED, "frames as pictures", {**pictures, MULTIPART: _OCTETS}, _LOOKS),
        (THUMBNAILS, "a small picture", pictures, _LOOKS),
    ):
        for path in addresses:
            paths[path]["get"] = _retrieval(what, content, query)
    paths[DESCRIPTION]["get"] = {
        "summary": "This description (PS3.18 8.9); needs any token",
        "responses": {"200": {"description": "It", "content": {OPENAPI: {}, JSON: {}}}, **_problems("401", "406")},
    }
    for path, operations in paths.items():
        operations["parameters"] = _path_parameters(path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "DICOMweb of a FIDAC hub", "version": __version__},
        "servers": [{"url": "/dicom-web"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"problem": _PROBLEM, "object": _OBJECT},
        },
    }


def _search(level: str) -> dict[str, Any]:
    return {
        "summary": f"Search for {level} (QIDO-RS, PS3.18 10.6); needs {READ_INDEX}",
        "parameters": list(_QUERY),
        "responses": {
            "200": {"description": "What matches", "content": _of_objects()},
            "204": {"description": "Nothing matches"},
            **_problems(),
        },
    }


def _retrieval(what: str, content: dict[str, Any], query: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        "summary": f"Retrieve {what} (WADO-RS, PS3.18 10.4); needs {READ_IMAGES}",
        "parameters": list(query),
        "responses": {
            "200": {"description": what, "content": content},
            "206": {"description": "The range that was asked for", "content": content},
            "304": {"description": "It has not changed"},
            "416": {"description": "There is no such range", "content": _PROBLEM_CONTENT},
            **_problems(),
        },
    }


def _store() -> dict[str, Any]:
    response = {"schema": {"$ref": "#/components/schemas/object"}}
    content = {DICOM_JSON: response, JSON: response}
    outcomes = {"200": "All are stored", "202": "Some are stored", "409": "None is stored"}
    return {
        "summary": f"Store objects (STOW-RS, PS3.18 10.5); needs {STORE}SITE",
        "requestBody": {
            "required": True,
            "content": {'multipart/related; type="application/dicom"': _OCTETS, "application/dicom": _OCTETS},
        },
        "responses": {
            **_problems(),
            **_problems("405", "408", "415"),
            **{status: {"description": text, "content": content} for status, text in outcomes.items()},
        },
    }


def _of_objects() -> dict[str, Any]:
    objects = {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/object"}}}
    return {DICOM_JSON: objects, JSON: objects}


_PROBLEM_CONTENT: Final = {JSON: {"schema": {"$ref": "#/components/schemas/problem"}}}


def _problems(*statuses: str) -> dict[str, Any]:
    return {
        status: {"description": _PROBLEMS.get(status, "It cannot be taken"), "content": _PROBLEM_CONTENT}
        for status in statuses or _PROBLEMS
    }


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": _PATHS[name]} for name in names]


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


_COUNT: Final = {"type": "integer", "minimum": 0}
_TEXT: Final = {"type": "string", "pattern": r"^[^\x00-\x1f\x7f\\]*$", "maxLength": 1024}
_DAY: Final = "[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
_HOURS: Final = "([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9])?)?"
# What a key's value may be, by VR (PS3.5 6.2, PS3.4 C.2.2.2); empty and * match everything.
_VALUES: Final = {
    "UI": {"type": "string", "pattern": f"^({_A_UID}(,{_A_UID})*)?$"},
    "DA": {"type": "string", "pattern": f"^({_DAY}(-({_DAY})?)?|-{_DAY})?$"},
    "TM": {"type": "string", "pattern": f"^({_HOURS}(-({_HOURS})?)?|-{_HOURS})?$"},
    "IS": {"type": "string", "pattern": "^([0-9]{1,9})?$"},
    "US": {"type": "string", "pattern": "^([0-9]{1,5})?$"},
    "DS": {"type": "string", "pattern": r"^([0-9]{1,6}(\.[0-9]{1,6})?)?$"},
}
_QUERY: Final = (
    _query("limit", _COUNT),
    _query("offset", _COUNT),
    _query("fuzzymatching", {"type": "string", "enum": ["true", "false"]}),
    _query("includefield", {"type": "string", "enum": [ALL, *FIELDS]}),
    *(_query(name, _VALUES.get(key.vr, _TEXT)) for name, key in QUERY_KEYS.items() if name not in PRIVATE),
    *(_query(f"{key.tag:08X}", {**_TEXT, "description": name}) for name, key in PRIVATE.items()),
)
_LOOKS: Final = (
    _query(
        "window",
        {
            "type": "string",
            "description": "centre,width,function (PS3.18 8.3.5.1.2)",
            "pattern": "^-?[0-9]{1,5},[1-9][0-9]{0,4},(linear|linear-exact|sigmoid)$",
        },
    ),
    _query(
        "viewport",
        {
            "type": "string",
            "description": "width,height (PS3.18 8.3.5.1.3), or width,height,x,y,columns,rows",
            "pattern": "^[1-9][0-9]{0,2},[1-9][0-9]{0,2}$",
        },
    ),
    _query("quality", {"type": "integer", "minimum": 1, "maximum": 100}),
)
