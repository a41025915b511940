"""What every object must show before it is taken: whole, and saying which instance of which study it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from fidac_node.dicom import mend, part10
from fidac_node.dicom.dictionary import tag_of
from fidac_node.dicom.elements import Elements, Unusual, value_of
from fidac_node.dicom.part10 import FileMeta, Malformed
from fidac_node.dicom.recognise import is_data_set, real_syntax
from fidac_node.dicom.series import Cutters
from fidac_node.dicom.skim import skim
from fidac_node.dicom.tags import SERIES_INSTANCE_UID, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, IMPLICIT_VR_LE, is_name
from fidac_node.errors import Permanent
from fidac_node.receive.digest import Digest, digest_of, spelled
from fidac_node.spool.draft import Draft
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import CORRUPT
from fidac_node.system.base32 import base32

_IN_ONE_PIECE: Final = 4 << 20  # bytes
_BEGINNING: Final = 1 << 20  # bytes of a damaged deflated data set that are looked at
_UIDS: Final = {
    SOP_CLASS_UID: "SOPClassUID",
    SOP_INSTANCE_UID: "SOPInstanceUID",
    STUDY_INSTANCE_UID: "StudyInstanceUID",
    SERIES_INSTANCE_UID: "SeriesInstanceUID",
}


class Identity(NamedTuple):
    """Who sent an object, and its UIDs as the data set says them; ``""`` for what it does not say."""

    meta: FileMeta
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str


def identify(path: Path, *, limit: int) -> Identity:
    """Check the whole structure of a Part 10 file and return its identity.

    ``limit`` (bytes) bounds what a deflated data set may inflate to. Raises
    :class:`~fidac_node.errors.Permanent` with code ``malformed`` (not readable to its end),
    ``incomplete`` (a UID is missing or no name) or ``mismatch`` (data set and command disagree).
    """
    try:
        meta, values = part10.find(path, _UIDS.keys(), limit=limit)
    except Malformed as error:
        meta, values = _meant(path, error)
    identity = _identity(meta, values)
    for uid, keyword in zip(identity[1:], _UIDS.values(), strict=True):
        if not uid:
            raise Permanent("incomplete", f"{keyword} {part10.format_tag(tag_of(keyword) or 0)} is missing")
    return identity


def _meant(path: Path, error: Malformed) -> tuple[FileMeta, dict[int, bytes]]:
    """What a second reading makes of a file that is not well-formed. Raises ``error`` if that is not certain."""
    try:
        with part10.mapped(path) as buffer:
            meta, offset = part10.meta_in(buffer)
            return meta, _values(mend.mended(buffer, offset, len(buffer), meta.transfer_syntax_uid).elements, meta)
    except Malformed:
        raise error from None


def identify_draft(
    draft: Draft, meta: FileMeta, offset: int, size: int, *, beginning: bytes, limit: int, learned: Cutters
) -> Identity:
    """The same for a file that is still open and whose meta is known.

    Its data set has ``size`` bytes from ``offset`` on, of which ``beginning`` is at hand. Headers of a series are alike
    but for a few elements: with what is ``learned`` 10 us, while a pass over all elements takes 40 to 100. What is not
    well-formed is named by what can be read of it, else by its command: it is for a person, and the sender has no
    better. Raises :class:`.Malformed` only for what is no data set.
    """
    part10.check_meta(meta)
    try:
        values = _uids_of(draft, meta, offset, size, beginning, limit, learned)
        if not any(values.values()):
            raise Malformed("the data set does not say what it is")
        return _identity(meta, values)
    except Malformed as error:
        draft.end()
        return _identity(meta, _readable(draft.path, meta, offset, size, error))


def _uids_of(
    draft: Draft, meta: FileMeta, offset: int, size: int, beginning: bytes, limit: int, learned: Cutters
) -> dict[int, bytes]:
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE:
        draft.end()
        return part10.find(draft.path, _UIDS.keys(), limit=limit)[1]
    syntax, fd = meta.transfer_syntax_uid, draft.fileno()
    values, start = _recognised(beginning, size, syntax, learned)
    rest = part10.find_in(
        fd, offset, size, syntax, frozenset() if values else _UIDS.keys(), beginning=beginning, start=start
    )
    return values or rest


def _readable(path: Path, meta: FileMeta, offset: int, size: int, error: Malformed) -> dict[int, bytes]:
    """The UIDs of a data set that is not well-formed, as far as it can be read; ``error`` says what is wrong with it.

    Raises :class:`.Malformed` if not even its first elements can be read.
    """
    with part10.mapped(path) as whole:
        start, buffer = offset, whole
        if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LE and not is_data_set(whole, offset):
            start, buffer = 0, part10.inflated_beginning(whole[offset : offset + size], _BEGINNING)
        if start == 0 and (len(buffer) == _BEGINNING or not buffer):
            raise error  # an inflater's trouble, or more than anybody wants
        if not is_data_set(buffer, start):
            raise Malformed("not a DICOM data set: its first elements cannot be read in any encoding (PS3.5 7.1)")
        meta = meta._replace(transfer_syntax_uid=real_syntax(buffer, start, meta.transfer_syntax_uid))
        end = start + size if start else len(buffer)
        with suppress(Malformed):
            return _values(mend.mended(buffer, start, end, meta.transfer_syntax_uid).elements, meta)
        return skim(buffer, start, end, meta.transfer_syntax_uid, _UIDS.keys())[0]


def _values(found: Elements, meta: FileMeta) -> dict[int, bytes]:
    return {tag: value_of(found, tag, meta.transfer_syntax_uid != IMPLICIT_VR_LE) for tag in _UIDS}


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
    """Raises :class:`Permanent` ``mismatch`` if the command named another object (PS3.4 B.2.3, A9xx)."""
    uids: dict[int, str] = {}
    for tag in _UIDS:
        uid = values.get(tag, b"").strip(b"\x00 ").decode("ascii", "replace")
        uids[tag] = uid if is_name(uid) else ""
    for tag, announced in ((SOP_CLASS_UID, meta.sop_class_uid), (SOP_INSTANCE_UID, meta.sop_instance_uid)):
        if not uids[tag]:
            uids[tag] = announced
        elif uids[tag] != announced:
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
        spelled(digest),
    )


def demand_whole(path: Path, entry: Entry, buffer: part10.Buffer) -> None:
    """Raise :class:`Permanent` ``corrupt`` unless a file, mapped as ``buffer``, holds the data set of ``entry``.

    A CT slice takes 0.09 ms; what is large is read piece by piece, for a map in use counts as memory. Raises
    ``OSError``.
    """
    try:
        offset = part10.meta_in(buffer)[1]
        if len(buffer) > _IN_ONE_PIECE:
            found = digest_of(path, offset)
        else:
            with memoryview(buffer) as whole, whole[offset:] as data_set:
                found = Digest(data_set).digest()
    except Malformed:
        found = b""
    if spelled(found) != entry.digest:
        raise Permanent(
            CORRUPT,
            "its file is not as it was received: look at the disk; have the PACS send the instance again, or drop it",
        )


def is_whole(path: Path, entry: Entry) -> bool:
    """Whether a file holds the whole encoded data set that ``entry`` names. Raises ``OSError``."""
    try:
        with path.open("rb") as fp:
            _, offset = part10.read_meta(fp)
    except part10.Malformed:
        return False
    return spelled(digest_of(path, offset)) == entry.digest
