"""Older versions of instances, kept aside when a newer one took their place, and deleted after a time.

They lie in ``<archive>/.superseded/``, as they lay in the archive, with their digest in the name. How long they have
lain there is told by the time at which their inode changed last, when the archive let go of them: their other times
are those of the week in which they came.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from fidac_node.hub.archive import Archive, Place
from fidac_node.system import safeio

log = logging.getLogger(__name__)

FOLDER: Final = ".superseded"  # of an archive
INTERVAL: Final = 3600.0  # seconds between two looks at what may go
_DAY: Final = 86400.0


class OlderVersions:
    """The older versions that ``archive`` has let go of, each for so many ``days``."""

    def __init__(self, archive: Archive, days: float) -> None:
        self._archive, self.days = archive, days

    def keep(self, place: Place, digest: str) -> None:
        """Keep the file of ``place`` aside, which is still where it was, too. Durable; raises ``OSError``."""
        aside = self._path(place, digest)
        safeio.make_directories(aside.parent)
        with suppress(FileExistsError):
            try:
                os.link(self._archive.path(place), aside)
            except OSError as error:
                if error.errno not in safeio.CANNOT_LINK:
                    raise
                shutil.copy2(self._archive.path(place), aside)
                safeio.sync_file(aside)
        safeio.sync_directory(aside.parent)

    def has(self, place: Place, digest: str) -> bool:
        """Say whether this version of ``place`` is kept aside."""
        return self._path(place, digest).exists()

    def purge(self) -> int:
        """Delete what was kept for long enough; return how many files that were."""
        gone, before = 0, time.time() - self.days * _DAY
        for path in (self._archive.directory / FOLDER).rglob("*.dcm"):
            with suppress(FileNotFoundError):
                if path.stat().st_ctime <= before:
                    path.unlink()
                    gone += 1
        if gone:
            log.warning("%d older versions of corrected instances were deleted for good", gone)
        return gone

    def _path(self, place: Place, digest: str) -> Path:
        series = self._archive.path(place).parent.relative_to(self._archive.directory)
        return self._archive.directory / FOLDER / series / f"{place.sop}.{digest}.dcm"
