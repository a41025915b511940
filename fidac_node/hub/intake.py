"""Objects that programs bring otherwise than by C-STORE: through the same checks into the same spool.

An upload is written to a draft as it comes, under File Meta Information of ours: what the program wrote there, and in
the preamble, stays out. What has become of it is known when the filer has had it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from fidac_node.dicom import part10
from fidac_node.dicom.part10 import FileMeta
from fidac_node.dicom.series import cutters
from fidac_node.dicom.statuses import HELD_FOR_A_PERSON
from fidac_node.errors import Permanent, Temporary
from fidac_node.hub.filing import FILED
from fidac_node.receive.check import Identity, PlainHandles, entry_for, identify_draft
from fidac_node.receive.digest import Digest
from fidac_node.receive.scp import (
    CLASS_NOT_SUPPORTED,
    NOT_AUTHORISED,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    STATUS_OF_CODE,
    TOO_LARGE,
)
from fidac_node.spool.bell import Bell
from fidac_node.spool.draft import Draft
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

log = logging.getLogger(__name__)

# Referenced Transfer Syntax not supported (PS3.18 Table I.2-2).
SYNTAX_NOT_SUPPORTED: Final = 0xC122
_LONGEST_META: Final = 64 << 10
_PATIENCE_SECONDS: Final = 30.0


class Taken(NamedTuple):
    """An object that is safe in the spool; ``again``: it was there."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    entry: Entry
    again: bool = False


class Refused(NamedTuple):
    """One that was not taken or is held: its UIDs as far as they are known, the Failure Reason, and why in words.

    ``code`` is why it is held, or would be if it were kept; empty: for none of these reasons.
    """

    sop_class_uid: str
    sop_instance_uid: str
    reason: int
    why: str
    code: str = ""


Accept: TypeAlias = Callable[[Draft, Identity, bytes], None]
# Looks at the whole file of an object of a site before it is kept, and raises ``Permanent``.
Examine: TypeAlias = Callable[[Path, str], None]


class Intake:
    """Takes objects into ``spool`` for sites that are known by their AE titles.

    ``accept`` makes a finished draft safe in the spool; ``ready(share)`` says why nothing can be taken, or nothing;
    ``title_of`` a site is the AE title that it stores with, if it may; ``called`` is the hub's own; objects are of
    ``sop_classes``, in ``transfer_syntaxes``, and have at most ``limit`` bytes.
    """

    def __init__(
        self,
        spool: Spool,
        accept: Accept,
        ready: Callable[[float], str],
        title_of: Callable[[str], str | None],
        *,
        called: str,
        sop_classes: Collection[str],
        transfer_syntaxes: Collection[str],
        limit: int,
    ) -> None:
        self.spool, self.accept, self.ready, self.title_of = spool, accept, ready, title_of
        self.called, self.limit = called, limit
        self.sop_classes, self.transfer_syntaxes = sop_classes, transfer_syntaxes
        self.learned = cutters()
        self._filed = Bell(spool.directory / FILED)

    def upload(self, site: str, study: str = "", examine: Examine | None = None) -> Upload:
        """Begin to take an object of a site; of this ``study`` alone, if it is said, and if ``examine`` lets it in."""
        return Upload(self, site, study, examine)

    def settled(self, taken: Sequence[Taken], patience: float = _PATIENCE_SECONDS) -> tuple[list[Refused], int]:
        """Wait until the filer has had these, and return which it holds, and how many it has not had in time.

        Raises ``OSError``.
        """
        deadline = time.monotonic() + patience
        waiting = list(taken)
        with self._filed.listening() as heard:
            while (waiting := [one for one in waiting if self._state(one) in ("new", "work")]) and (
                left := deadline - time.monotonic()
            ) > 0:
                heard(left)
        held = [self._held(one) for one in taken if self._state(one) == "held"]
        return held, len(waiting)

    def _state(self, one: Taken) -> str:
        try:
            return self.spool.state(one.entry)
        except FileNotFoundError:
            return ""  # it is filed, or was before

    def _held(self, one: Taken) -> Refused:
        reason = self.spool.reason(one.entry) or {}
        code = str(reason.get("code", "error"))
        why = f"held for a person at the hub, {code}: {reason.get('message', '')}"
        return Refused(one.sop_class_uid, one.sop_instance_uid, HELD_FOR_A_PERSON, why, code)


class Upload:
    """One object on its way into the spool: a Part 10 file, written as it comes. :meth:`finish` or :meth:`discard`."""

    def __init__(self, intake: Intake, site: str, study: str, examine: Examine | None) -> None:
        self._intake, self._site, self._study, self._examine = intake, site, study, examine
        self._head = b""
        self._meta: FileMeta | None = None
        self._draft: Draft | None = None
        self._digest = Digest()
        self._offset = self._size = 0
        self._refusal: Refused | None = None

    def write(self, data: bytes) -> None:
        """Take the next bytes. Nothing is raised: what is wrong is said at the end."""
        if self._refusal is not None:
            return
        if self._meta is None:
            self._head += data
            if len(self._head) >= _LONGEST_META:
                self._guarded(self._begin)
        else:
            self._guarded(lambda: self._append(data))

    def finish(self) -> Taken | Refused:
        """Judge what is there whole, and keep it; return what came of it."""
        if self._refusal is None and self._meta is None:
            self._guarded(self._begin)
        taken = None if self._refusal is not None else self._guarded(self._keep)
        self.discard()
        return taken or self._refusal or self._refused(PROCESSING_FAILURE, "unexpected trouble")

    def discard(self) -> None:
        """Leave nothing of it, unless it was kept; harmless twice."""
        if self._draft is not None:
            self._draft.discard()

    def _begin(self) -> None:
        """Read the File Meta Information, and begin the file with ours."""
        theirs, offset = part10.meta_in(self._head)
        intake = self._intake
        title = intake.title_of(self._site)
        self._meta = theirs._replace(source_ae=title or "", receiving_ae=intake.called, note="")
        if title is None:
            self._refuse(NOT_AUTHORISED, f"site {self._site} is not registered to store")
        elif theirs.sop_class_uid not in intake.sop_classes:
            self._refuse(CLASS_NOT_SUPPORTED, "this hub takes no objects of its SOP class")
        elif theirs.transfer_syntax_uid not in intake.transfer_syntaxes:
            self._refuse(SYNTAX_NOT_SUPPORTED, "this hub takes no objects in its transfer syntax")
        else:
            self._draft = intake.spool.create()
            head = part10.encode_meta(self._meta)
            self._draft.file.write(head)
            self._offset = len(head)
            self._append(self._head[offset:])
        self._head = b""

    def _append(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._intake.limit:
            self._refuse(TOO_LARGE, f"it is larger than {self._intake.limit} bytes")
            self.discard()
        elif self._draft is not None:
            self._draft.file.write(data)
            self._digest.update(data)

    def _keep(self) -> Taken | None:
        if self._draft is None or self._meta is None:
            return None
        if reason := self._intake.ready(0.5):
            raise Temporary(reason)
        identity = identify_draft(
            self._draft,
            self._meta,
            self._offset,
            self._size,
            beginning=b"",
            limit=self._intake.limit,
            learned=self._intake.learned,
        )
        if self._study and identity.study_instance_uid != self._study:
            raise Permanent("mismatch", "it belongs to another study than the address names")
        if self._examine is not None:
            self._draft.end()
            self._look(self._draft, self._examine)
        digest = self._digest.digest()
        entry = entry_for(identity, digest, PlainHandles())
        again = self._intake.spool.knows(entry)
        self._intake.accept(self._draft, identity, digest)
        return Taken(*identity[1:], entry, again)

    def _look(self, draft: Draft, examine: Examine) -> None:
        """Examine what is there whole. What is not let in may name somebody: nothing of it stays on the disk."""
        try:
            examine(draft.path, self._site)
        except Permanent:
            draft.wipe(0, self._offset + self._size)
            raise

    def _guarded(self, step: Callable[[], Taken | None]) -> Taken | None:
        """Take a step; what is wrong becomes a refusal, as reception answers it."""
        try:
            return step()
        except Permanent as error:
            self._refuse(STATUS_OF_CODE.get(error.code, PROCESSING_FAILURE), str(error), error.code)
        except Temporary as error:
            self._refuse(OUT_OF_RESOURCES, str(error))
        except OSError as error:
            self._refuse(OUT_OF_RESOURCES, f"disk: {error.strerror}")
        return None

    def _refuse(self, reason: int, why: str, code: str = "") -> None:
        self._refusal = self._refused(reason, why, code)
        log.warning("an upload for site %s is refused with %04X: %s", self._site, reason, why)

    def _refused(self, reason: int, why: str, code: str = "") -> Refused:
        known = self._meta
        uids = (known.sop_class_uid, known.sop_instance_uid) if known else ("", "")
        return Refused(*uids, reason, why, code)
