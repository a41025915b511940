"""Whether the hub answers for a file of the archive: read whole only where it may have changed since it last was."""

from __future__ import annotations

import logging
from typing import Final

from fidac_node.errors import Temporary
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.index.record import DOUBTED, Kept

log = logging.getLogger(__name__)

# Files that one process remembers to have read.
_MOST_RIGHT: Final = 100_000


class Answerable:
    """Compares files of ``archive`` that are asked for with what the index says of them (all: :mod:`.fixity`)."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._right: dict[Place, int] = {}  # the fingerprints of files that were read and found to be what was filed

    def is_right(self, place: Place, known: Kept) -> bool:
        """Whether the archive has what was filed as ``place``. Raises :class:`~fidac_node.errors.Temporary`."""
        try:
            now = self._archive.fingerprint(place)
            if known.seen != DOUBTED and now and now in (known.seen, self._right.get(place)):
                return True
            wrong = self._archive.fault(place, known.filed)
        except OSError as error:
            raise Temporary(f"the archive cannot be read: {error.strerror}") from error
        if wrong:
            log.error("archive: %s is not what was filed (%s); its site is asked to send it again", place.sop, wrong)
            return False
        if len(self._right) >= _MOST_RIGHT:
            self._right.clear()
        self._right[place] = now
        return True
