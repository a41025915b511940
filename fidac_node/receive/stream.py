"""C-STORE data sets from the association straight into a file, hashed on the way, never whole in memory.

pynetdicom decodes the P-DATA PDUs and everything that is not a C-STORE data set; this takes the
fragments (PS3.8 E.2) in between. It replaces ``assoc.dimse`` and rests on these names of pynetdicom
3.0: ``DIMSEServiceProvider.receive_primitive``, ``.message``, ``.msg_queue`` and ``C_STORE_RQ``;
``tests/integration/test_receive.py`` notices when they change.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.pdu_primitives import P_DATA

from fidac_node import part10
from fidac_node.part10 import FileMeta

log = logging.getLogger(__name__)

_LAST: Final = 0x02
_COMMAND: Final = 0x01
# What is not a C-STORE data set is kept in memory: a storage commitment report of 100,000 objects fits.
_LONGEST_MESSAGE: Final = 16 << 20


class Incoming:
    """One object while it arrives: a file in ``tmp/`` that starts with its File Meta Information.

    Trouble with the disk is remembered in ``failure`` and the rest of the object is read and
    dropped, so that the sender gets a status and not an abort. ``limit`` is in bytes.
    """

    def __init__(self, create: Callable[[], tuple[Path, BinaryIO]], meta: FileMeta, limit: int) -> None:
        self.meta = meta
        self.path: Path | None = None
        self.failure: str = ""
        self.too_large = False
        self.size = 0
        self._limit = limit
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        head = part10.encode_meta(meta)
        try:
            self.path, self._file = create()
            self._file.write(head)
        except OSError as error:
            self._fail(error)

    def write(self, fragment: memoryview) -> None:
        """Append one fragment of the data set."""
        self.size += len(fragment)
        if self.size > self._limit:
            self.too_large = True
        if self._file is None or self.too_large:
            return
        try:
            self._file.write(fragment)
        except OSError as error:
            self._fail(error)
            return
        self._hash.update(fragment)

    def finish(self) -> bytes:
        """Hand all bytes to the kernel and return the SHA-256 of the data set; see ``failure`` after."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._fail(error)
        return self._hash.digest()

    def take(self) -> Path | None:
        """Give the file away: from now on it is not this object's to remove. Once only."""
        with self._lock:
            path, self.path = self.path, None
            return path

    def discard(self) -> None:
        """Remove the file, unless it was taken."""
        path = self.take()
        if path is not None:
            if self._file is not None:
                self._abandon(self._file)
            path.unlink(missing_ok=True)

    def _fail(self, error: OSError) -> None:
        self.failure = error.strerror or str(error)
        file, self._file = self._file, None
        if file is not None:
            self._abandon(file)
        self.discard()

    def _abandon(self, file: BinaryIO) -> None:
        try:
            file.close()
        except OSError as error:  # the last buffer does not fit on the full disk: it is not wanted any more
            log.debug("dropped the rest of an unwanted file: %s", error.strerror)


class StreamingProvider(DIMSEServiceProvider):
    """The DIMSE provider of one association; C-STORE requests carry an :class:`Incoming` as ``incoming``."""

    def __init__(self, assoc: Association, create: Callable[[], tuple[Path, BinaryIO]], limit: int) -> None:
        super().__init__(assoc)
        self._create = create
        self._limit = limit
        self._incoming: Incoming | None = None
        self._waiting: list[Incoming] = []
        self._in_memory = 0

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take one P-DATA indication, which may hold several fragments of command and data.

        A message that cannot be understood aborts the association. Nothing is raised: pynetdicom's
        reactor would die of it without closing anything.
        """
        try:
            for context_id, fragment in primitive.presentation_data_value_list:
                self._take(context_id, fragment)
        except Exception as error:  # whatever decoding a command of a stranger leads to
            log.warning("aborting the association of %s: its message is not valid: %s", self.assoc.requestor.ae_title, type(error).__name__)
            self.discard()
            self.dul.event_queue.put("Evt19")  # invalid PDU (PS3.8 Table 9-10)

    def _take(self, context_id: int, fragment: bytes) -> None:
        if self._incoming is not None:
            if fragment[0] & _COMMAND:
                raise ValueError("a command in the middle of a data set")
            self._incoming.write(memoryview(fragment)[1:])
            if fragment[0] & _LAST:
                self._complete(self._incoming)
            return
        self._in_memory = self._in_memory + len(fragment) if self.message else len(fragment)
        if self._in_memory > _LONGEST_MESSAGE:
            raise ValueError("a message too long to be a service of ours")
        single = P_DATA()
        single.presentation_data_value_list.append((context_id, fragment))
        super().receive_primitive(single)
        if isinstance(self.message, C_STORE_RQ):
            self._incoming = Incoming(self._create, self._meta(self.message), self._limit)

    @property
    def busy(self) -> bool:
        """Whether an object is arriving, or waits for its answer."""
        return self._incoming is not None or any(incoming.path is not None for incoming in self._waiting)

    def discard(self) -> None:
        """The connection is gone: nothing that was not answered is kept."""
        if self._incoming is not None:
            self._incoming.discard()
        for incoming in self._waiting:
            incoming.discard()

    def _meta(self, message: C_STORE_RQ) -> FileMeta:
        command = message.command_set
        context = self.assoc._accepted_cx.get(cast(int, message.context_id))
        called = cast(Any, self.assoc.requestor.primitive).called_ae_title
        return FileMeta(
            sop_class_uid=str(command.get("AffectedSOPClassUID", "")),
            sop_instance_uid=str(command.get("AffectedSOPInstanceUID", "")),
            transfer_syntax_uid=str(context.transfer_syntax[0]) if context else "",
            source_ae=self.assoc.requestor.ae_title.strip(),
            receiving_ae=str(called).strip(),
        )

    def _complete(self, incoming: Incoming) -> None:
        message = cast(C_STORE_RQ, self.message)
        evt.trigger(self.assoc, evt.EVT_DIMSE_RECV, {"message": message})
        request = cast(Any, message.message_to_primitive())
        if not request.is_valid_request:
            raise ValueError("a C-STORE request lacks a mandatory parameter (PS3.7 Table 9.3-1)")
        request.incoming = incoming
        self._waiting = [other for other in self._waiting if other.path is not None] + [incoming]
        self._incoming, self.message = None, None
        self.msg_queue.put((cast(int, message.context_id), request))
