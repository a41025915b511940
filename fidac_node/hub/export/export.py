"""An export from its plan to its last verified file; killed at any moment, the same again goes on where it was."""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import FileIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, cast

from fidac_node.dicom import part10
from fidac_node.errors import Temporary
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.digests import Filed
from fidac_node.hub.export import nifti, plan, tables
from fidac_node.hub.export.dicomdir import write_dicomdir
from fidac_node.hub.export.plan import Item, Totals
from fidac_node.hub.export.target import Target
from fidac_node.hub.index import parquet
from fidac_node.hub.index.record import kept
from fidac_node.receive.digest import Digest, spelled
from fidac_node.system import disk, safeio

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.hub.index.rows import InstanceRow

_PIECE: Final = 1 << 20
_PAGE: Final = 500
_META: Final = 1 << 16
_PLAN: Final = "plan.jsonl"
_NEW_PLAN: Final = "plan.new.jsonl"
_SERIES: Final = "series.jsonl"
_MANIFEST: Final = "manifest.csv"
_DICOMDIR: Final = "DICOMDIR"
# What an export may still fill of a disk that others use, too.
_RESERVE: Final = 64 << 20


class Progress(NamedTuple):
    """How far a step is: ``done`` of ``total`` bytes and objects, since ``seconds``."""

    step: str
    done: Totals
    total: Totals
    seconds: float


@dataclass
class Result:
    """What became of an export: what was verified, by study and its pseudonym, and what was not, by path and reason."""

    objects: int = 0
    bytes: int = 0
    series: int = 0
    copied: int = 0
    removed: int = 0
    studies: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


class Export:
    """One export out of ``archive`` into ``target``; ``work`` is a folder for what it must remember.

    ``tell`` hears how far it is, once for each object.
    """

    def __init__(self, archive: Archive, target: Target, work: Path, tell: Callable[[Progress], None]) -> None:
        self._archive = archive
        self._target = target
        self._work = work
        self._tell = tell
        self.result = Result()
        self.total = Totals(0, 0)

    def plan(self, db: Database, rows: Iterable[InstanceRow], paths: plan.Paths) -> Totals:
        """Work out what is to be exported, and take away what was and may not be any more. Raises ``OSError``."""
        with (self._work / _SERIES).open("w", encoding="ascii") as series:
            known = tables.series_of(rows, series)
            self.total = plan.write(self._work / _NEW_PLAN, known, db, self._filed, paths)
        if (self._work / _PLAN).exists():
            wanted = {hash(item.path) for item in plan.read(self._work / _NEW_PLAN)}
            for item in plan.read(self._work / _PLAN):
                if hash(item.path) not in wanted and self._target.size_of(item.path) is not None:
                    self._target.remove(item.path)
                    self.result.removed += 1
                if self._target.size_of(nifti.path_of(item)) is not None:  # it is made anew of what is there now
                    self._target.remove(nifti.path_of(item))
        (self._work / _NEW_PLAN).replace(self._work / _PLAN)
        return self.total

    def check_disk(self, more: int = 0) -> None:
        """Raise :class:`Temporary` when what is still to be copied, and ``more`` bytes, have no room."""
        objects = size = 0
        for item in self._items():
            if self._target.size_of(item.path) != item.size:
                objects, size = objects + 1, size + item.size
        needed, room = self._target.needs(objects, size) + more, disk.room(self._work)
        if needed + _RESERVE > room.bytes or (room.inodes is not None and objects > room.inodes):
            raise Temporary(
                f"the export needs {_mebibytes(needed)} MiB and {objects} files; the disk of {self._work.parent} has "
                f"{_mebibytes(room.bytes)} MiB and {room.inodes} files free: nothing was copied; make room, ask for "
                "less, or name another place"
            )

    def copy(self) -> None:
        """Copy what is not there yet. Raises ``OSError`` of the target; what the archive lacks is in the result."""
        for item in self._followed("copying"):
            if self._target.size_of(item.path) != item.size:
                self._copy(item)

    def verify(self) -> None:
        """Read everything back, compare it with what was filed, and write the manifest of what is right.

        What is not right is copied once more. Raises ``OSError``.
        """
        self._target.settle()
        with (self._work / _MANIFEST).open("w", encoding="utf-8", newline="") as manifest:
            manifest.write(tables.csv_line(tables.MANIFEST_COLUMNS))
            for item in self._followed("verifying"):
                if item.path in self.result.failed:
                    continue
                sha256, wrong = self._look(item)
                if wrong and self._target.can_replace:
                    self._copy(item)
                    sha256, wrong = self._look(item)
                if wrong:
                    self.result.failed.setdefault(item.path, wrong)
                    continue
                manifest.write(tables.manifest_line(item, sha256))
                self.result.objects += 1
                self.result.bytes += item.size
                self.result.studies[item.study] = item.patient

    def leave_out_withdrawn(self, db: Database) -> None:
        """Take away what has gone out of the index since the plan was made: it was withdrawn meanwhile."""
        items = self._items()
        while page := list(islice(items, _PAGE)):
            known = kept(db, ((item.site, item.sop) for item in page))
            for item in page:
                if (item.site, item.sop) not in known and item.path not in self.result.failed:
                    self._target.remove(item.path)
                    self.result.failed[item.path] = "it was withdrawn meanwhile; run the same again"
                    self.result.objects -= 1
                    self.result.bytes -= item.size

    def describe(self, *, dicomdir: bool, made: dict[str, str]) -> None:
        """All was verified: write tables, a DICOMDIR if wanted, and last the manifest. Raises ``OSError``."""
        self._put(tables.DICTIONARY, io.BytesIO(tables.dictionary().encode("utf-8")))
        with TemporaryFile(dir=self._work) as table:
            self.result.series = tables.write_csv(table, self._series(made))
            self._put(tables.SERIES_CSV, table)
        if parquet.is_installed():
            with TemporaryFile(dir=self._work) as table:
                parquet.write_parquet(table, self._series(made), tables.SERIES_TYPES)
                self._put(tables.SERIES_PARQUET, table)
        if dicomdir:
            with TemporaryFile(dir=self._work) as directory:
                write_dicomdir(directory, self._items())
                self._put(_DICOMDIR, directory)
        with (self._work / _MANIFEST).open("rb") as manifest:
            self._put(tables.MANIFEST, manifest)

    def series_folders(self) -> Iterator[list[Item]]:
        """What was exported, series by series."""
        group: list[Item] = []
        for item in self._followed("converting"):
            if group and group[0].folder != item.folder:
                yield group
                group = []
            group.append(item)
        if group:
            yield group

    def finish(self) -> None:
        """Give the export its name. Raises ``OSError``."""
        self._target.finish()

    def _series(self, made: dict[str, str]) -> Iterator[dict[str, Any]]:
        return tables.series_rows(self._work / _SERIES, self._items(), made)

    def _items(self) -> Iterator[Item]:
        return plan.read(self._work / _PLAN)

    def _followed(self, step: str) -> Iterator[Item]:
        """Each object; when the next is asked for, the one before is done, and that is told."""
        objects, size, since = 0, 0, time.monotonic()
        for item in self._items():
            yield item
            objects, size = objects + 1, size + item.size
            self._tell(Progress(step, Totals(objects, size), self.total, time.monotonic() - since))

    def _filed(self, place: Place) -> Filed:
        """What a file must be that an older version filed: as it stands beside it, else as it is."""
        try:
            return self._archive.filed(place) or self._archive.measured(place)
        except (OSError, part10.Malformed):
            return Filed("", 0)  # what is not there cannot be copied, and is said then

    def _copy(self, item: Item) -> None:
        path = self._archive.path(item.place)
        try:
            source = FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            self.result.failed[item.path] = f"the archive does not have it ({error.strerror})"
            return
        with source:
            if os.fstat(source.fileno()).st_size != item.size:
                self.result.failed[item.path] = "the archive's file is not what was filed"
                return
            self._target.put(item.path, cast(BinaryIO, source), item.size)
            safeio.forget(source.fileno())
        self.result.copied += 1

    def _look(self, item: Item) -> tuple[str, str]:
        """The SHA-256 of an exported file, and what is wrong with it, or nothing."""
        try:
            with self._target.opened(item.path) as file:
                sha256, found, sop = _read(file)
        except (FileNotFoundError, KeyError):
            return "", "it is not there"
        except (zipfile.BadZipFile, part10.Malformed, OSError) as error:
            return "", f"it cannot be read ({type(error).__name__})"
        if found == Filed(item.digest, item.size) and sop == item.sop:
            return sha256, ""
        return "", "it is not what was filed: is the archive's own file?"

    def _put(self, name: str, file: IO[bytes]) -> None:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._target.put(name, cast(BinaryIO, file), size)


def _read(file: BinaryIO) -> tuple[str, Filed, str]:
    """SHA-256 of a Part 10 file, digest of its data set and size, and its SOP Instance UID, in one reading."""
    head = _filled(file, _META)
    meta, offset = part10.meta_in(head)
    sha256, digest, size = hashlib.sha256(head), Digest(memoryview(head)[offset:]), len(head)
    while piece := file.read(_PIECE):
        sha256.update(piece)
        digest.update(piece)
        size += len(piece)
    return sha256.hexdigest(), Filed(spelled(digest.digest()), size), meta.sop_instance_uid


def _filled(file: BinaryIO, size: int) -> bytes:
    head = b""
    while len(head) < size and (piece := file.read(size - len(head))):
        head += piece
    return head


def _mebibytes(size: int) -> int:
    return -(-size >> 20)
