"""Files, folders, zip archives and DICOMDIR media into the inbox, checked as reception checks what arrives.

What cannot be taken is listed with a plain reason and the rest goes on. Nothing on a medium is
trusted: names are never used to write, archives are inflated in a stream under limits that count the
bytes that really come out, and no file is ever whole in memory.
"""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, TypeAlias

from pydicom.uid import UID

from fidac_node.dicom import part10
from fidac_node.dicom.part10 import FileMeta, Malformed
from fidac_node.dicom.recognise import holds_a_file, of_data_set, recognised
from fidac_node.dicom.uids import CT_CLASSES, HELD_CLASSES, MEDIA_STORAGE_DIRECTORY, TRANSFER_SYNTAXES
from fidac_node.errors import Permanent, Temporary
from fidac_node.receive.check import Handles, Identity, entry_for, identify
from fidac_node.receive.digest import Digest
from fidac_node.site import media
from fidac_node.site.media import Parts

if TYPE_CHECKING:
    from fidac_node.site.ledger import Ledger
    from fidac_node.spool.queue import Spool

Progress: TypeAlias = Callable[[int, int], None]

_CHUNK: Final = 1 << 20
# Preamble, prefix and File Meta Information fit in here, or the file is none of ours.
_HEAD: Final = 132 + (1 << 20)
# DEFLATE reaches 1032:1; an honest CT slice rarely passes 10:1, and a blank one stays below the floor.
_MOST_RATIO: Final = 100
_MEMBER_FLOOR: Final = 64 << 20
_ARCHIVE_FLOOR: Final = 1 << 30
_SHORTEST: Final = 256  # bytes: less than a File Meta Information and one element
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ARCHIVES: Final = {
    **dict.fromkeys(_ZIP, "zip"),
    b"Rar!": "rar",
    b"7z\xbc\xaf": "7z",
    b"\x1f\x8b\x08\x00": "gzip",
    b"\x1f\x8b\x08\x08": "gzip",
}
# Whatever zipfile and zlib raise on a damaged or strange archive, and the disk on a damaged one.
_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError)


@dataclass
class ImportResult:
    """How an import went: objects taken, objects that were here already, and ``(file, why)`` for what was not taken.

    ``otherwise``: what was taken, and not as the file says of itself.
    """

    accepted: int = 0
    duplicates: int = 0
    bad: list[tuple[str, str]] = field(default_factory=list)
    otherwise: list[tuple[str, str]] = field(default_factory=list)


def import_paths(
    paths: Sequence[Path],
    inbox: Spool,
    ledger: Ledger,
    *,
    label: str,
    handles: Handles,
    max_object: int,
    progress: Progress = lambda _done, _total: None,
) -> ImportResult:
    """Take every DICOM object that ``paths`` hold, in the order of names, and say what happened.

    A path is a file, a folder (with all below it), a zip archive or a DICOMDIR (with all beside and
    below it). ``label`` goes with each object, ``max_object`` (bytes) bounds each one; ``progress`` is
    called with the number of files looked at and the number known so far. Raises
    :class:`~fidac_node.errors.Temporary` when the disk has no room: what was taken until then stays,
    and the same import takes the rest later.
    """
    run = _Import(inbox, ledger, label, handles, max_object, progress)
    try:
        for path in paths:
            run.path(path)
    finally:
        ledger.flush()
    return run.result


class _Source(Protocol):
    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""


@dataclass(frozen=True)
class _File:
    """One file of a folder or member of an archive: where it lies in it, what to call it, how to open it."""

    parts: Parts
    name: str
    open: Callable[[], AbstractContextManager[_Source]]


class _NotAnObject(Exception):
    """No object and no fault either: a DICOMDIR, or a file of the viewer that a medium carries."""


class _Import:
    """One run: where objects go, and what happened so far."""

    def __init__(
        self, inbox: Spool, ledger: Ledger, label: str, handles: Handles, max_object: int, progress: Progress
    ) -> None:
        self.result = ImportResult()
        self._inbox = inbox
        self._ledger = ledger
        self._label = label
        self._note = json.dumps({"label": label, "source": "import"})
        self._handles = handles
        self._max_object = max_object
        self._progress = progress
        self._done = self._total = 0

    def path(self, path: Path) -> None:
        """Take what is under one path."""
        if media.is_dicomdir(path.name) and path.is_file():
            path = path.parent
        if path.is_dir():
            self._medium(self._folder(path), str(path) + os.sep)
        else:
            self._medium([_File((path.name,), str(path), partial(_open_file, path))], "")

    def _folder(self, root: Path) -> list[_File]:
        """All files below a folder, in the order of names; folders that cannot be entered are listed."""
        files = []

        def unreadable(error: OSError) -> None:
            if not media.is_left_over(Path(error.filename).relative_to(root).parts or ("",)):
                self._refuse(str(error.filename), f"the folder cannot be read: {error.strerror}")

        for directory, folders, names in os.walk(root, onerror=unreadable):
            folders.sort()
            here = Path(directory)
            for link in (here / folder for folder in folders if (here / folder).is_symlink()):
                self._refuse(str(link), "a link to another folder is not followed: name that folder itself")
            files += [here / name for name in names]
        return [_File(path.relative_to(root).parts, str(path), partial(_open_file, path)) for path in sorted(files)]

    def _medium(self, files: list[_File], prefix: str) -> None:
        """Take the files of one folder or archive. ``prefix`` begins what its files are called."""
        self._total += len(files)
        roots, named = self._directories(files, prefix)
        for file in files:
            beside = any(file.parts[: len(root)] == root for root in roots)
            optional = beside and file.parts not in named
            self._take(file, optional=optional or media.is_left_over(file.parts))

    def _directories(self, files: list[_File], prefix: str) -> tuple[list[Parts], set[Parts]]:
        """Read each DICOMDIR: the folder it stands in, and what it names. Named files that are not there are listed."""
        roots: list[Parts] = []
        named: set[Parts] = set()
        present = media.Present(file.parts for file in files)
        for file in files:
            if not media.is_dicomdir(file.parts[-1]):
                continue
            try:
                references = dict.fromkeys(_references(file))
            except Permanent as error:
                self._refuse(
                    file.name, f"this DICOMDIR cannot be used, all files beside it were looked at instead: {error}"
                )
                continue
            root = file.parts[:-1]
            roots.append(root)
            for reference in references:
                name = prefix + "/".join(root + reference)
                if media.UP in reference:
                    self._refuse(name, "the DICOMDIR leads out of the medium by '..': this file was not looked for")
                elif found := present.of(root + reference):
                    named.update(found)
                else:
                    self._refuse(name, "the DICOMDIR names this file, but it is not there")
        return roots, named

    def _take(self, file: _File, *, optional: bool) -> None:
        """Take one file, or list why not. Raises :class:`Temporary` when the spool has no room."""
        try:
            self._store(file, optional=optional)
        except _NotAnObject:
            pass  # nobody misses it
        except Permanent as error:
            self._refuse(file.name, str(error))
        self._done += 1
        self._progress(self._done, self._total)

    def _refuse(self, name: str, why: str) -> None:
        self.result.bad.append((_printable(name), why))

    def _store(self, file: _File, *, optional: bool) -> None:
        with _opened(file) as source:
            head = _read(source, _HEAD)
            if head[:4] in _ZIP and head[128:132] != b"DICM" and isinstance(source, io.BufferedReader):
                self._archive(file.name, source)
                return
            meta, offset, otherwise = _recognise(head, optional=optional)
            try:
                self._keep(source, head[offset:], meta._replace(source_ae="", receiving_ae="", note=self._note))
            except OSError as error:  # of the spool's: what goes wrong with the source is Permanent
                raise self._stopped(error.strerror or type(error).__name__) from error
            if otherwise:
                self.result.otherwise.append((_printable(file.name), otherwise))

    def _archive(self, name: str, source: io.BufferedReader) -> None:
        """Take the members of a zip archive one after the other, each in a stream."""
        size = os.fstat(source.fileno()).st_size
        budget = _Budget(max(_ARCHIVE_FLOOR, _MOST_RATIO * size))
        try:
            archive = zipfile.ZipFile(source)
            members = sorted((info for info in archive.infolist() if not info.is_dir()), key=lambda info: info.filename)
        except _UNREADABLE as error:
            raise Permanent("malformed", f"the zip archive cannot be read: {_words(error)}") from error
        files = [
            _File(_parts(info.filename), f"{name}: {info.filename}", partial(_Member, archive, info, size, budget))
            for info in members
        ]
        try:
            self._medium(files, f"{name}: ")
        except _Bomb as error:
            raise Permanent("bomb", str(error)) from error
        finally:
            archive.close()

    def _keep(self, source: _Source, begin: bytes, meta: FileMeta) -> None:
        """Copy an object to the spool under File Meta Information of ours, check it there, and let it in."""
        self._room()
        with self._inbox.create() as draft:
            draft.file.write(part10.encode_meta(meta))
            digest = self._copy(source, begin, draft.file)
            draft.end()
            entry = entry_for(_identify(draft.path, self._max_object), digest, self._handles)
            size = draft.file.tell()
            now = self._ledger.now()  # a worker may be done with the object before put returns
            new = self._inbox.put(draft, entry)
        if not new:
            self.result.duplicates += 1
            return
        self.result.accepted += 1
        facts = {"label": self._label, "label_source": "import"} if self._label else {}
        self._ledger.note(entry, "ready", at=now, received_at=now.at, bytes=size, **facts)

    def _copy(self, source: _Source, chunk: bytes, fp: io.FileIO) -> bytes:
        """Copy the data set, ``chunk`` being its begin, and return its digest."""
        digest, size = Digest(), 0
        while chunk:
            size += len(chunk)
            if size > self._max_object:
                raise Malformed(
                    f"larger than {self._max_object >> 20} MiB, the most that [receive] max_object_mb allows"
                )
            digest.update(chunk)
            fp.write(chunk)
            chunk = _read(source, _CHUNK)
            self._room()
        return digest.digest()

    def _room(self) -> None:
        if not self._inbox.has_room():
            raise self._stopped("no room above the reserve on the spool's disk")

    def _stopped(self, why: str) -> Temporary:
        return Temporary(
            f"the import stopped: {why}. The {self.result.accepted} objects taken so far stay; see to it, then run the "
            "same import again: it takes the rest"
        )


class _Budget:
    """How many bytes an archive may still give."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


class _Bomb(Exception):
    """An archive gives more than any honest one would: the rest of it is not read."""


class _Member:
    """A member of a zip archive as a stream that counts what comes out, whatever the archive says of itself."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, archive_size: int, budget: _Budget) -> None:
        if info.flag_bits & 1:
            raise Permanent("malformed", "encrypted: unpack the archive with its password and import the folder")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # zipfile inflates the other methods without a bound on memory.
            raise Permanent(
                "malformed", "compressed by a method other than deflate: unpack the archive and import the folder"
            )
        self._stream = archive.open(info)
        self._most = max(_MEMBER_FLOOR, _MOST_RATIO * min(info.compress_size, archive_size))
        self._size = 0
        self._budget = budget

    def __enter__(self) -> _Member:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes. Raises :class:`Permanent` when more comes out than an honest archive holds."""
        chunk = self._stream.read(size)
        self._size += len(chunk)
        self._budget.used += len(chunk)
        if self._budget.used > self._budget.limit:
            raise _Bomb(
                f"inflates to more than {self._budget.limit >> 20} MiB, like a zip bomb: the rest of it was not read"
            )
        if self._size > self._most:
            raise Permanent("bomb", f"inflates to more than {self._most >> 20} MiB, like a zip bomb")
        return chunk


def _open_file(path: Path) -> BinaryIO:
    if not stat.S_ISREG(path.stat().st_mode):
        raise Permanent("malformed", "neither a file nor a folder")
    return path.open("rb")


def _opened(file: _File) -> AbstractContextManager[_Source]:
    try:
        return file.open()
    except _UNREADABLE as error:
        raise Permanent("malformed", f"cannot be read: {_words(error)}") from error


def _read(source: _Source, size: int) -> bytes:
    try:
        return source.read(size)
    except _UNREADABLE as error:
        raise Permanent("malformed", f"cannot be read: {_words(error)}") from error


def _recognise(head: bytes, *, optional: bool) -> tuple[FileMeta, int, str]:
    """Read the File Meta Information, and say where the data set begins and what was not as PS3.10 wants it.

    Raises :class:`Permanent` that says in plain words what the file is instead.
    """
    if head[128:132] != b"DICM":
        if optional:
            raise _NotAnObject
        if not head:
            raise Malformed("empty file (0 bytes)")
        if kind := _ARCHIVES.get(head[:4]):
            raise Malformed(f"a {kind} archive that is not opened here: unpack it and import the folder")
    meta, offset, otherwise = _meta_of(head)
    if meta.sop_class_uid == MEDIA_STORAGE_DIRECTORY:
        raise _NotAnObject
    if meta.sop_class_uid not in CT_CLASSES and meta.sop_class_uid not in HELD_CLASSES:
        raise Permanent("not-allowed-class", f"{UID(meta.sop_class_uid).name}: this node does not take such objects")
    if meta.transfer_syntax_uid not in TRANSFER_SYNTAXES:
        raise Permanent(
            "not-accepted", f"transfer syntax {UID(meta.transfer_syntax_uid).name}: this node does not take it"
        )
    return meta, offset, otherwise


def _meta_of(head: bytes) -> tuple[FileMeta, int, str]:
    """File Meta Information as the data set wants it, where that begins, and what of the file's own was not so."""
    try:
        said, offset = part10.read_meta(io.BytesIO(head))
        if holds_a_file(head, offset):
            raise Malformed("it holds another file, with File Meta Information of its own")
    except Malformed as error:
        if head[128:132] == b"DICM" and len(head) <= _SHORTEST:
            raise
        meta, offset = recognised(head)
        return meta, offset, str(error)
    meta = of_data_set(head, offset, said)
    if meta.transfer_syntax_uid != said.transfer_syntax_uid:
        stated, real = (TRANSFER_SYNTAXES.get(uid, uid) for uid in (said.transfer_syntax_uid, meta.transfer_syntax_uid))
        return meta, offset, f"TransferSyntaxUID (0002,0010) says {stated}, it was read as {real}"
    return meta, offset, "" if meta == said else "File Meta Information and data set name different objects"


def _identify(path: Path, limit: int) -> Identity:
    try:
        return identify(path, limit=limit)
    except Permanent as error:
        if error.code == "mismatch":
            raise Permanent(error.code, "File Meta Information and data set name different objects") from error
        raise


def _references(file: _File) -> Iterator[Parts]:
    with _opened(file) as source:
        yield from media.references(_read(source, media.MOST_DICOMDIR))


def _parts(name: str) -> Parts:
    return PurePosixPath(name.replace("\\", "/")).parts or ("?",)


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _printable(text: str) -> str:
    """File names can hold anything: show what is not printable as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
