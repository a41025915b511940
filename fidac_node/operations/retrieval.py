"""The objects of a study, a series or one instance, given out as the archive has them, or in another encoding.

What is given was compared with what was filed; what is promised whole is not given in part.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, cast

from pydicom import dcmread

from fidac_node.dicom import part10
from fidac_node.dicom.part10 import PIXEL_DATA
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, UNCOMPRESSED
from fidac_node.errors import NotFound
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.query import find
from fidac_node.hub.index.record import Kept, kept
from fidac_node.hub.index.rows import InstanceRow
from fidac_node.hub.keeping.answerable import Answerable

if TYPE_CHECKING:
    from peewee import Database
    from pydicom.dataset import Dataset

__all__ = ["NATIVE", "UNCOMPRESSED", "Place", "Shelf", "Stored", "Value"]

_BATCH: Final = 500
# In which pixels are not compressed (PS3.5 Annex A).
NATIVE: Final = frozenset({*UNCOMPRESSED, DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE})


class Stored(NamedTuple):
    """One object of the archive: where it belongs and to whom, its file, its size (bytes), transfer syntax and frames.

    ``version`` tells it from every other content that the same UID might have had.
    """

    place: Place
    patient: str
    path: Path
    size: int
    transfer_syntax_uid: str
    frames: int
    version: str


class Value(NamedTuple):
    """Where a value is: an open file, and from where to before where in it (bytes)."""

    file: BinaryIO
    start: int
    end: int


class Shelf:
    """What ``archive`` gives out, as the index ``db`` says what is there.

    Another encoding of an object is a file of the folder ``scratch`` while it is read; ``limit`` (bytes) bounds what a
    deflated one may inflate to.
    """

    def __init__(self, db: Database, archive: Archive, scratch: Path, limit: int) -> None:
        self.db = db
        self._archive = archive
        self._answerable = Answerable(archive)
        self._scratch = scratch
        self._limit = limit

    def take(self, wanted: StudyFilter, most: int | None = None) -> list[Stored]:
        """Return all objects that match (at most ``most``), in the order of the index; none when nothing does.

        Raises :class:`NotFound` when the archive does not have one as it was filed, and
        :class:`~fidac_node.errors.Temporary` when it cannot be read.
        """
        return [self._whole(row, known) for row, known in self._rows(wanted, most)]

    def said(self, objects: Iterable[Stored]) -> Iterator[tuple[Place, bytes]]:
        """Yield what each of these objects says of itself, in DICOM JSON. Raises ``OSError``, ``Malformed``."""
        for _, of_series in groupby((one.place for one in objects), lambda place: place[:3]):
            places = list(of_series)
            yield from zip(places, self._archive.said(places, limit=self._limit), strict=True)

    def known(self, wanted: StudyFilter) -> list[Stored]:
        """Return all objects that match, as the index has them, whatever became of their files."""
        return [self._stored(row, known) for row, known in self._rows(wanted, None)]

    def opened(self, one: Stored, transfer_syntax_uid: str) -> BinaryIO:
        """Open an object in a transfer syntax: its own, or one of :data:`UNCOMPRESSED`.

        Raises ``OSError``, and :class:`~fidac_node.errors.Permanent` for what cannot be given so.
        """
        if transfer_syntax_uid == one.transfer_syntax_uid:
            return one.path.open("rb", buffering=0)
        from fidac_node.hub.transcode import transcode  # the pixels' readers, of which few have need

        file = tempfile.TemporaryFile(dir=self._scratch, buffering=0)  # noqa: SIM115 - who reads it closes it
        try:
            transcode(one.path, transfer_syntax_uid, cast("BinaryIO", file))
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return cast("BinaryIO", file)

    def value(self, one: Stored, path: Sequence[int]) -> Value | None:
        """Open the value of an element, which ``path`` leads to: its tag, before that of each sequence and its item.

        Pixels are native, numbers in little endian. ``None``: there is no such element. Raises as :meth:`opened`.
        """
        as_stored = one.transfer_syntax_uid not in (DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE)
        if tuple(path) == (PIXEL_DATA,):
            as_stored = one.transfer_syntax_uid in UNCOMPRESSED
        file = self.opened(one, one.transfer_syntax_uid if as_stored else EXPLICIT_VR_LE)
        try:
            meta, offset = part10.read_meta(file)
            size = os.fstat(file.fileno()).st_size
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
                span = part10.locate(buffer, offset, size, meta.transfer_syntax_uid, path)
        except BaseException:
            file.close()
            raise
        if span is None:
            file.close()
            return None
        return Value(file, *span)

    def header(self, one: Stored) -> Dataset:
        """Read an object without its pixels. Raises ``OSError``."""
        return dcmread(one.path, stop_before_pixels=True)

    def native_frames(self, one: Stored, numbers: Sequence[int]) -> Iterator[bytes]:
        """Yield these frames, ascending numbers from 1, as native PixelData has them in little endian.

        Raises as :meth:`opened`.
        """
        if one.transfer_syntax_uid not in UNCOMPRESSED:
            from fidac_node.hub.transcode import frames

            yield from frames(one.path, frozenset(numbers))
        elif pixels := self.value(one, (PIXEL_DATA,)):
            with pixels.file as file:
                size = (pixels.end - pixels.start) // one.frames
                for number in numbers:
                    yield os.pread(file.fileno(), size, pixels.start + (number - 1) * size)

    def coded_frames(self, one: Stored, numbers: Sequence[int]) -> Iterator[bytes]:
        """As :meth:`native_frames`, as they are stored."""
        if one.transfer_syntax_uid in NATIVE:
            yield from self.native_frames(one, numbers)
            return
        from fidac_node.hub.transcode import coded_frames

        yield from coded_frames(one.path, frozenset(numbers))

    def _rows(self, wanted: StudyFilter, most: int | None) -> Iterator[tuple[InstanceRow, Kept]]:
        with closing(find(self.db, "instances", wanted, most)) as rows:
            found = [cast("InstanceRow", row) for row in rows]
        for start in range(0, len(found), _BATCH):
            batch = found[start : start + _BATCH]
            known = kept(self.db, ((row.site, row.SOPInstanceUID) for row in batch))
            for row in batch:
                if one := known.get((row.site, row.SOPInstanceUID)):  # else it is gone since
                    yield row, one

    def _whole(self, row: InstanceRow, known: Kept) -> Stored:
        one = self._stored(row, known)
        if not self._answerable.is_right(one.place, known):
            raise NotFound(f"{one.path} is not there as it was filed; its site sends it again")
        return one

    def _stored(self, row: InstanceRow, known: Kept) -> Stored:
        place = _place(row)
        version = known.filed.digest or str(self._archive.fingerprint(place))
        size, syntax, frames = known.filed.size, row.TransferSyntaxUID, row.NumberOfFrames
        return Stored(place, row.PatientID, self._archive.path(place), size, syntax, frames, version)


def _place(row: InstanceRow) -> Place:
    return Place(row.site, row.StudyInstanceUID, row.SeriesInstanceUID, row.SOPInstanceUID)
