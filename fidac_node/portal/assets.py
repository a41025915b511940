"""What is given under ``/portal/``: which file a path names, as what, and how long it may be kept.

Knows no web framework: whoever serves asks :func:`find`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from fidac_node.errors import NotFound

STATIC: Final = Path(__file__).with_name("static")
BUILT: Final = Path(__file__).with_name("assets")
ENGINE: Final = "engine.zip"
MANIFEST: Final = "manifest.json"
# What is fetched for the tests: neither given to a browser nor in the wheel.
TESTS: Final = "tests/"
# The script of the worker that holds the key and what names patients.
WORKER: Final = "upload/worker.js"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".zip": "application/zip",
}
_UNKNOWN: Final = "application/octet-stream"
# What the worker may do: run WebAssembly and the modules that it was handed, and speak to nobody. Not even a module
# can be loaded by address, for an address could carry something away.
SEALED: Final = (
    "default-src 'none'; script-src blob: 'wasm-unsafe-eval'; connect-src 'none'; "
    "sandbox allow-scripts allow-same-origin"
)


# Beside a large file stands the same, compressed once and for all.
GZIPPED: Final = ".gz"


class Served(NamedTuple):
    """A file to give as it is, its media type, and further headers."""

    path: Path
    media_type: str
    headers: dict[str, str]


def find(name: str, *, gzip: bool = False) -> Served:
    """What ``/portal/NAME`` is; compressed, if whoever asks takes ``gzip`` and that makes it shorter.

    Raises :class:`NotFound` for what is not given.
    """
    path = _files().get(name)
    if path is None or not path.is_file():
        raise NotFound(f"/portal/{name}: there is no such file; is it built? 'make portal' makes what is missing")
    # No address has a digest in it: an ETag says whether what was kept is still right.
    headers = {"Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "same-origin", "Vary": "Accept-Encoding"}
    if name == WORKER:
        headers["Content-Security-Policy"] = SEALED
        headers["Cross-Origin-Embedder-Policy"] = "require-corp"
        headers["Cache-Control"] = "no-store"  # no cache may ever give it without its policy
    media_type = _TYPES.get(path.suffix, _UNKNOWN)
    compressed = path.with_name(path.name + GZIPPED)
    if gzip and compressed.is_file():
        headers["Content-Encoding"] = "gzip"
        path = compressed
    return Served(path, media_type, headers)


def digests() -> dict[str, str]:
    """SHA-256 of each file that is given, by name. Raises :class:`NotFound` when nothing was built yet."""
    try:
        found: dict[str, str] = json.loads((BUILT / MANIFEST).read_bytes())["files"]
    except FileNotFoundError:
        raise NotFound(f"{BUILT / MANIFEST} is not there: 'make portal' makes it") from None
    return found


def given(root: Path) -> Iterator[tuple[str, Path]]:
    """Every file of a folder that a browser may be given, by name."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and path.suffix != GZIPPED and not name.startswith(TESTS):
            yield name, path


@cache
def _files() -> dict[str, Path]:
    """Every file that is given, by name: a path is looked up, never put together."""
    return {name: path for root in (STATIC, BUILT) for name, path in given(root)}
