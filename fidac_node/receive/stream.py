"""One object on its way from the association to a file, hashed as it passes, never whole in memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Final

from fidac_node.dicom import part10
from fidac_node.dicom.ae import Context
from fidac_node.dicom.part10 import FileMeta
from fidac_node.receive.command import StoreRequest
from fidac_node.receive.digest import Digest
from fidac_node.spool.draft import Draft
from fidac_node.system import safeio

log = logging.getLogger(__name__)

_MOST_PIECES: Final = 512  # of one writev(2), which takes 1024
_SYNCED_AT_ONCE: Final = 1 << 20  # bytes
_FIRST_PAGE: Final = 4096  # bytes; it is written once more, see anchor.Stamp
_BEGINNING: Final = 64 << 10  # bytes: all but the pixels of most objects


class Incoming:
    """One object while it arrives: a file in ``tmp/`` that starts with its File Meta Information.

    Trouble with the disk is remembered in ``failure`` and the rest of the object is read and
    dropped, so that the sender gets a status and not an abort. ``limit`` is in bytes. The pieces
    that are written must stay as they are until :meth:`hash`: the disk can begin before.
    """

    def __init__(
        self, create: Callable[[], Draft], request: StoreRequest, context: Context, meta: FileMeta, limit: int
    ) -> None:
        self.request = request
        self.context = context
        self.meta = meta
        self.draft: Draft | None = None
        self.failure = ""
        self.size = 0
        self.beginning = b""
        self._limit = limit
        self._hash = Digest()
        self._unhashed: list[memoryview] = []
        self._unsynced = 0
        self._head = part10.encode_meta(meta)
        self.offset = len(self._head)
        try:
            self.draft = create()
        except OSError as error:
            self._fail(error)

    @property
    def too_large(self) -> bool:
        """Whether more than ``limit`` bytes came."""
        return self.size > self._limit

    def write(self, pieces: Sequence[memoryview]) -> None:
        """Append pieces of the data set, one at least."""
        if not self.size:
            self.beginning = bytes(pieces[0][:_BEGINNING])
        size = sum(map(len, pieces))
        self.size += size
        if self.draft is None:
            return
        if self.too_large:
            self.discard()
            return
        try:
            for start in range(0, len(pieces), _MOST_PIECES):
                self._append(self.draft, pieces[start : start + _MOST_PIECES])
        except OSError as error:
            self._fail(error)
            return
        self._unhashed += pieces
        self._unsynced += size
        if self._unsynced >= _SYNCED_AT_ONCE:
            self.start_sync()

    def start_sync(self) -> None:
        """Let the disk begin with what was written."""
        self._unsynced = 0
        if self.draft is not None:
            safeio.start_sync(self.draft.fileno(), _FIRST_PAGE)

    def hash(self) -> None:
        """Hash what was written."""
        for piece in self._unhashed:
            self._hash.update(piece)
        self._unhashed.clear()

    def digest(self) -> bytes:
        """The digest of the data set."""
        self.hash()
        return self._hash.digest()

    def discard(self) -> None:
        """Remove the file, unless it was put; harmless twice."""
        self._unhashed.clear()
        draft, self.draft = self.draft, None
        if draft is not None:
            draft.discard()

    def _append(self, draft: Draft, pieces: Sequence[memoryview]) -> None:
        """Write with one system call; what it leaves, piece by piece: the reason is told by the next."""
        head, self._head = self._head, b""
        written = os.writev(draft.fileno(), (head, *pieces) if head else pieces)
        for piece in (memoryview(head), *pieces):
            if written < len(piece):
                draft.file.write(piece[written:])
            written = max(written - len(piece), 0)

    def _fail(self, error: OSError) -> None:
        self.failure = error.strerror or str(error)
        self.discard()
