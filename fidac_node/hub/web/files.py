"""The files that pages are made of: styles, scripts, the engine. They come from the package, and from nowhere else."""

from __future__ import annotations

import mimetypes
from os import PathLike
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_PORTAL: Final = Path(__file__).parents[2] / "portal"
# As the machine says or does not: modules and WebAssembly are refused under another type.
for _suffix, _type in ((".js", "text/javascript"), (".mjs", "text/javascript"), (".wasm", "application/wasm")):
    mimetypes.add_type(_type, _suffix)


class Files(StaticFiles):
    """The files of some folders: the first that has one gives it. A browser asks each time whether it is new."""

    def __init__(self, *directories: Path) -> None:
        super().__init__(directory=directories[0], check_dir=False)
        self.all_directories = list(directories)
        self.config_checked = True  # a folder may be missing: then nothing is in it

    def file_response(
        self, full_path: str | PathLike[str], stat_result: object, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)  # type: ignore[arg-type]
        response.headers.setdefault("Cache-Control", "no-cache")
        return response


def pages() -> Files:
    """The styles and scripts of the hub's pages."""
    return Files(Path(__file__).parent / "static")


def portal() -> Files:
    """What a browser is given to upload with."""
    return Files(_PORTAL / "static", _PORTAL / "assets")
