"""What goes out of the archive: each object compared with what was filed, and sent as the peer takes it."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, cast

from peewee import Database

from fidac_node.dicom import part10
from fidac_node.dicom.uids import UNCOMPRESSED
from fidac_node.errors import Permanent, Temporary
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.query import find
from fidac_node.hub.index.record import kept
from fidac_node.hub.index.rows import InstanceRow
from fidac_node.hub.keeping.answerable import Answerable
from fidac_node.send.associate import Courier, Pair, Parcel
from fidac_node.send.upper_layer import MAX_CONTEXTS
from fidac_node.send.wire import Unavailable

if TYPE_CHECKING:
    from fidac_node.hub.index.record import Kept

log = logging.getLogger(__name__)

# How it went with an object.
Outcome: TypeAlias = Literal["completed", "failed", "warning"]

_BATCH: Final = 500
_STORED: Final = 0x0000


class Stored(NamedTuple):
    """An object of the archive: where it is, whose it is, and what it needs to be sent as it is."""

    place: Place
    patient: str
    sop_class_uid: str
    transfer_syntax_uid: str


def stored(db: Database, wanted: StudyFilter, most: int) -> list[Stored]:
    """Return the objects that match, ``most`` at most, in the order of the index."""
    with closing(find(db, "instances", wanted, most)) as rows:
        return [_stored(cast(InstanceRow, row)) for row in rows]


def _stored(row: InstanceRow) -> Stored:
    """What is the same for many objects is in memory once: there may be 65,535."""
    said = (
        row.site,
        row.StudyInstanceUID,
        row.SeriesInstanceUID,
        row.PatientID,
        row.SOPClassUID,
        row.TransferSyntaxUID,
    )
    site, study, series, patient, sop_class, syntax = map(sys.intern, said)
    return Stored(Place(site, study, series, row.SOPInstanceUID), patient, sop_class, syntax)


def pairs(objects: Sequence[Stored]) -> list[Pair]:
    """What to propose to a destination of these objects: each as it is stored, and as everybody takes it."""
    as_stored = dict.fromkeys((one.sop_class_uid, one.transfer_syntax_uid) for one in objects)
    otherwise = dict.fromkeys((sop_class, syntax) for sop_class, _ in as_stored for syntax in UNCOMPRESSED)
    return list(otherwise | as_stored)[:MAX_CONTEXTS]


class Outgoing:
    """Sends objects of ``archive``; another encoding of one is in a file of the folder ``scratch`` while it is sent."""

    def __init__(self, db: Database, archive: Archive, scratch: Path) -> None:
        self._db = db
        self._archive = archive
        self._answerable = Answerable(archive)
        self._scratch = scratch

    def send(
        self, courier: Courier, objects: Sequence[Stored], goes_on: Callable[[], bool]
    ) -> Iterator[tuple[Stored, Outcome]]:
        """Send one after another while it ``goes_on``; yield how each went. Raises :class:`.Unavailable`."""
        for start in range(0, len(objects), _BATCH):
            batch = objects[start : start + _BATCH]
            known = kept(self._db, ((one.place.site, one.place.sop) for one in batch))
            ahead = _Ahead(batch, partial(self._parcel, courier, known))
            with closing(ahead):
                for one in batch:
                    if not goes_on():
                        return
                    yield one, self._send(courier, one, ahead)

    def _send(self, courier: Courier, one: Stored, ahead: _Ahead) -> Outcome:
        try:
            with closing(ahead.next()) as parcel:
                return "completed" if courier.store(parcel, ahead.look) == _STORED else "warning"
        except Unavailable:
            raise
        except (Temporary, Permanent, OSError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            log.warning("%s was not sent to %s: %s", one.place.sop, courier.destination, said)
            return "failed"

    def _parcel(self, courier: Courier, known: Mapping[tuple[str, str], Kept], one: Stored) -> Parcel:
        """The object as it is stored, or in the first other syntax that the peer takes."""
        filed = known.get((one.place.site, one.place.sop))
        if filed is None or not self._answerable.is_right(one.place, filed):
            raise Permanent("corrupt", "the archive does not have it as it was filed; its site sends it again")
        path = self._archive.path(one.place)
        if not courier.accepts((one.sop_class_uid, one.transfer_syntax_uid)):
            for syntax in UNCOMPRESSED:
                if courier.accepts((one.sop_class_uid, syntax)):
                    return self._transcoded(path, syntax)
        return Parcel.kept(str(path))  # sending says what is not accepted

    def _transcoded(self, path: Path, transfer_syntax_uid: str) -> Parcel:
        from fidac_node.hub.transcode import transcode  # the pixels' readers, which reception has no use for

        file = tempfile.TemporaryFile(dir=self._scratch, buffering=0)  # noqa: SIM115 - sending closes it
        try:
            transcode(path, transfer_syntax_uid, file)
            file.seek(0)
            return Parcel(str(path), *part10.read_meta(file), file)
        except BaseException:
            file.close()
            raise


class _Ahead:
    """The objects of a batch as parcels, in turn; the next one is opened while the answer about one is awaited."""

    def __init__(self, batch: Sequence[Stored], parcel: Callable[[Stored], Parcel]) -> None:
        self._left = iter(batch)
        self._parcel = parcel
        self._found: Parcel | Exception | None = None

    def look(self) -> None:
        """Open the next one, if there is one; what goes wrong is said when its turn comes."""
        one = next(self._left, None)
        if one is not None:
            try:
                self._found = self._parcel(one)
            except (Temporary, Permanent, OSError) as error:
                self._found = error

    def next(self) -> Parcel:
        """Return the next one. Raises what went wrong with it."""
        if self._found is None:
            self.look()
        found, self._found = self._found, None
        assert found is not None
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """Close what was opened and is not sent."""
        if isinstance(self._found, Parcel):
            self._found.close()
