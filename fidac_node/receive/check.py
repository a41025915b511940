"""What every object must show before it is taken: whole, and saying which instance of which study it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from fidac_node.dicom import part10
from fidac_node.dicom.elements import Unusual, value_of
from fidac_node.dicom.part10 import FileMeta
from fidac_node.dicom.series import Cutters
from fidac_node.dicom.tags import SERIES_INSTANCE_UID, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, IMPLICIT_VR_LE, is_valid_uid
from fidac_node.errors import Permanent
from fidac_node.receive.digest import digest_of
from fidac_node.spool.draft import Draft
from fidac_node.spool.entry import Entry
from fidac_node.system.base32 import base32

_DIGEST: Final = 16  # characters
_UIDS: Final = {
    SOP_CLASS_UID: "SOPClassUID",
    SOP_INSTANCE_UID: "SOPInstanceUID",
    STUDY_INSTANCE_UID: "StudyInstanceUID",
    SERIES_INSTANCE_UID: "SeriesInstanceUID",
}


class Identity(NamedTuple):
    """Who sent an object, and its UIDs as the data set says them."""

    meta: FileMeta
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str


def identify(path: Path, *, limit: int) -> Identity:
    """Check the whole structure of a Part 10 file and return its identity.

    ``limit`` (bytes) bounds what a deflated data set may inflate to. Raises
    :class:`~fidac_node.errors.Permanent` with code ``malformed`` (not readable to its end),
    ``incomplete`` (a UID is missing or no UID) or ``mismatch`` (data set and command disagree,
    PS3.4 B.2.3 status A9xx).
    """
    return _identity(*part10.find(path, _UIDS.keys(), limit=limit))


def identify_draft(
    draft: Draft, meta: FileMeta, offset: int, size: int, *, beginning: bytes, limit: int, learned: Cutters
) -> Identity:
    """The same for a file that is still open and whose meta is known.

    Its data set has ``size`` bytes from ``offset`` on, of which ``beginning`` is at hand. Headers of a series are alike
    but for a few elements: with what is ``learned`` 10 us, while a pass over all elements takes 40 to 100.
    """
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
        draft.end()
        return identify(draft.path, limit=limit)
    part10.check_meta(meta)
    syntax, fd = meta.transfer_syntax_uid, draft.fileno()
    values, start = _recognised(beginning, size, syntax, learned)
    rest = part10.find_in(
        fd, offset, size, syntax, frozenset() if values else _UIDS.keys(), beginning=beginning, start=start
    )
    return _identity(meta, values or rest)


def _recognised(
    beginning: bytes, size: int, transfer_syntax_uid: str, learned: Cutters
) -> tuple[dict[int, bytes], int]:
    """The UIDs of a header that is like those before, and where its pixels begin; nothing of another."""
    cutter = learned.get(transfer_syntax_uid != IMPLICIT_VR_LE) if transfer_syntax_uid != EXPLICIT_VR_BE else None
    if cutter is not None:
        with suppress(Permanent, Unusual):  # cut off by what is at hand, or not in order: that is for others to say
            cut, start = cutter.split(beginning, 0, len(beginning))
            if start < len(beginning) or start == size:
                return {tag: value_of(cut.elements, tag, cutter.explicit) for tag in _UIDS}, start
    return {}, 0


def _identity(meta: FileMeta, values: Mapping[int, bytes]) -> Identity:
    uids: dict[int, str] = {}
    for tag, keyword in _UIDS.items():
        uids[tag] = values.get(tag, b"").rstrip(b"\x00 ").decode("ascii", "replace")
        if not uids[tag]:
            raise Permanent("incomplete", f"{keyword} {part10.format_tag(tag)} is missing")
        if not is_valid_uid(uids[tag]):
            raise Permanent("incomplete", f"{keyword} {part10.format_tag(tag)} is not a valid UID")
    for tag, announced in ((SOP_CLASS_UID, meta.sop_class_uid), (SOP_INSTANCE_UID, meta.sop_instance_uid)):
        if uids[tag] != announced:
            raise Permanent("mismatch", f"{_UIDS[tag]} differs between command and data set")
    return Identity(
        meta, uids[SOP_CLASS_UID], uids[SOP_INSTANCE_UID], uids[STUDY_INSTANCE_UID], uids[SERIES_INSTANCE_UID]
    )


class Handles(Protocol):
    """Makes the names of objects: keyed at a site, plain at the hub."""

    def study_handle(self, uid: str) -> str:
        """12 base32 characters for a StudyInstanceUID."""

    def instance_handle(self, uid: str) -> str:
        """16 base32 characters for a SOPInstanceUID."""


class PlainHandles:
    """Handles for UIDs that are pseudonyms already: at the hub."""

    def study_handle(self, uid: str) -> str:
        """12 base32 characters for a StudyInstanceUID."""
        return base32(hashlib.sha256(b"study:" + uid.encode()).digest(), 12)

    def instance_handle(self, uid: str) -> str:
        """16 base32 characters for a SOPInstanceUID."""
        return base32(hashlib.sha256(b"instance:" + uid.encode()).digest(), 16)


def entry_for(identity: Identity, digest: bytes, handles: Handles) -> Entry:
    """Name an object by its UIDs and the digest of its encoded data set."""
    return Entry(
        handles.study_handle(identity.study_instance_uid),
        handles.instance_handle(identity.sop_instance_uid),
        base32(digest, _DIGEST),
    )


def is_whole(path: Path, entry: Entry) -> bool:
    """Whether a file holds the whole encoded data set that ``entry`` names. Raises ``OSError``."""
    try:
        with path.open("rb") as fp:
            _, offset = part10.read_meta(fp)
    except part10.Malformed:
        return False
    return base32(digest_of(path, offset), _DIGEST) == entry.digest
