"""The files of a spool that are no objects yet: drafts, and wiped files of removed objects, kept for new ones."""

# Names are strings here, as in queue.py: a Path costs more than the system call that it is made for.
# ruff: noqa: PTH104, PTH108, PTH116, PTH119, PTH208

from __future__ import annotations

import itertools
import os
import secrets
import time
from contextlib import suppress
from typing import Final

from fidac_node.spool.anchor import remove_anchor
from fidac_node.spool.draft import SMALL, Draft
from fidac_node.spool.entry import SUFFIX

_SPARES_SECONDS: Final = 0.01


class Stock:
    """Makes the drafts of the spool ``root`` in ``tmp/``, and keeps about ``most_spares`` files in ``spare/``.

    To write over a file takes half the time of making one and deleting another (its pages are in memory, its blocks are
    allocated, no metadata has to reach the disk).
    """

    def __init__(self, root: str, most_spares: int) -> None:
        self._root = root
        self._most_spares = most_spares
        self._spares: list[str] = []  # names in spare/ at the last look
        self._spares_until = 0.0  # when to look again (monotonic)
        self._unique = secrets.token_hex(4)  # names what this makes in tmp/, together with the process and a number
        self._numbers = itertools.count()

    def draft(self) -> Draft:
        """Open a file in ``tmp/`` for reading and writing. Raises ``OSError``."""
        path = self._draft_path()
        if self._most_spares and not self._spares:
            self._look_for_spares()
        while self._spares:
            try:
                os.rename(f"{self._root}/spare/{self._spares.pop()}", path)
            except (FileNotFoundError, IndexError):
                continue  # another process or thread was faster
            return Draft(path, spare=True)
        return Draft(path)

    def keep(self, path: str, harmless: range) -> bool:
        """Make a spare of the file of a removed object; ``False``: there are enough, or it is not worth it.

        Raises ``OSError``.
        """
        if not self._most_spares:
            return False
        self._look_for_spares()
        found = os.stat(path)
        if (
            found.st_size > SMALL
            or (found.st_nlink > 1 and not remove_anchor(self._root, path, found))
            or len(self._spares) >= self._most_spares
        ):
            return False
        draft = self._draft_path()
        os.rename(path, draft)  # first: nobody must find the object wiped
        try:
            with Draft(draft, spare=True) as spare:
                spare.wipe(0, harmless.start)
                spare.wipe(harmless.stop, found.st_size)
                name = os.path.basename(draft)
                spare.move(f"{self._root}/spare/{name}")
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(draft)
        else:
            self._spares.append(name)
        return True

    def drop_spares(self) -> None:
        """Give their space back."""
        for name in os.listdir(f"{self._root}/spare"):
            with suppress(FileNotFoundError):  # another process took it
                os.unlink(f"{self._root}/spare/{name}")

    def _look_for_spares(self) -> None:
        """Read the names in ``spare/``, though not each time."""
        now = time.monotonic()
        if now >= self._spares_until:
            self._spares, self._spares_until = os.listdir(f"{self._root}/spare"), now + _SPARES_SECONDS

    def _draft_path(self) -> str:
        return f"{self._root}/tmp/{os.getpid()}-{self._unique}-{next(self._numbers)}{SUFFIX}"
