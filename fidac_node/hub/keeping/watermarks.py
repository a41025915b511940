"""Whether index and archive are those of before, or one of them is a copy of yesterday that was put back.

The index's generation and its latest number are written down in two places outside of it, a minute after they changed:
first in the archive, then in the spool. So of three that belong together the index is the newest, and then the archive;
whichever is older than what is written behind it was put back. Then another generation begins, by which every site
learns that it must ask again for what it still keeps.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Final, NamedTuple

from peewee import Database

from fidac_node.hub.index.generation import begin, generation, newest
from fidac_node.system import safeio
from fidac_node.system.database import borrowed, exclusive

log = logging.getLogger(__name__)

_FILE: Final = ".generation.json"


class Watermark(NamedTuple):
    """The generation of the index, and the number of its latest instance."""

    generation: str
    newest: int


class Watermarks:
    """The watermarks of the index ``db`` in the directories ``archive`` and ``spool``."""

    def __init__(self, db: Database, archive: Path, spool: Path) -> None:
        self._db = db
        self._archive, self._spool = archive / _FILE, spool / _FILE

    def look(self) -> str:
        """Begin another generation if something was put back; say what, and bring the watermarks up to date.

        At the start before anything is filed or committed, and then every minute. Raises ``OSError``,
        ``peewee.PeeweeException``.
        """
        with borrowed(self._db):
            now = Watermark(generation(self._db), newest(self._db))
            archive, spool = _read(self._archive), _read(self._spool)
            why = _put_back(now, archive, spool)
            if why:
                with exclusive(self._db):
                    now = now._replace(generation=begin(self._db))
                log.warning("%s: the sites are told to ask again for all that they keep", why)
        for path, mark in ((self._archive, archive), (self._spool, spool)):
            if mark != now:
                safeio.write_synced(path, json.dumps(now._asdict()).encode())
        return why


def _put_back(now: Watermark, archive: Watermark | None, spool: Watermark | None) -> str:
    """What is not of today; empty: nothing."""
    if archive is None and spool is None:
        return ""  # the first start
    if archive is None or spool is None:
        return f"the {'archive' if archive is None else 'spool'} is not the one of before"
    if archive.generation != spool.generation or archive.newest < spool.newest:
        return "the archive is an older copy, or not the one of before"
    if now.generation != archive.generation:
        return "the index is another than before"
    if now.newest < archive.newest:
        return "the index is an older copy"
    return ""


def _read(path: Path) -> Watermark | None:
    """What was written; ``None`` where nothing was, or nothing that can be read."""
    try:
        found = json.loads(path.read_bytes())
        return Watermark(str(found["generation"]), int(found["newest"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        log.warning("%s cannot be read, it counts as missing", path)
        return None
