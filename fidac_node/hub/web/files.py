"""The files that pages are made of: styles, scripts. They come from the package, and from nowhere else."""

from __future__ import annotations

import mimetypes
import os
from os import PathLike
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

# Whatever this machine says: a script of another type is refused.
for _suffix in (".js", ".mjs"):
    mimetypes.add_type("text/javascript", _suffix)


class Files(StaticFiles):
    """The files of a folder; a browser asks each time whether one is new."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response


def pages() -> Files:
    """The styles and scripts of the hub's pages."""
    return Files(directory=Path(__file__).parent / "static")
