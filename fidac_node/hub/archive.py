"""The hub's archive: one Part 10 file per object, ``site/study/series/instance.dcm``, written once.

Nothing is ever overwritten or deleted here, but what is not what was filed any more, by what was. A file enters under
its final name by a hard link to the synced file in the spool, so that no half-written file can be seen, and no litter
stays after a crash. What was filed stands beside it, too (:mod:`.digests`), and what it says (:mod:`.metadata`).
Files and folders tell the week in which they came and no day: a copy of the archive must not tell the day of an exam.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from fidac_node.dicom import part10
from fidac_node.dicom.lossless import same_image
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.errors import Permanent
from fidac_node.hub import digests, metadata
from fidac_node.hub.digests import Digests, Fault, Filed
from fidac_node.hub.metadata import Said
from fidac_node.hub.weeks import coarsen
from fidac_node.system import safeio

log = logging.getLogger(__name__)

Outcome: TypeAlias = Literal["new", "same", "conflict"]

_SUFFIX: Final = ".dcm"
_TEMPORARY: Final = ".tmp"
_SITE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHUNK: Final = 1 << 20
_DEPTH: Final = 3  # folders above an object: site, study, series


class Place(NamedTuple):
    """Where an object belongs: its site, and its UIDs from study to instance."""

    site: str
    study: str
    series: str
    sop: str


class Archive:
    """The archive in ``directory``; one process files into it, any number read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._root = str(directory)
        self._digests = Digests()
        self._writer = metadata.Writer()
        safeio.make_directories(directory)

    def path(self, place: Place) -> Path:
        """Return where the object of ``place`` is kept, if it is.

        Raises ``Permanent`` for a name that is no UID or site.
        """
        return Path(self._name(place))

    def find(self, place: Place) -> Path | None:
        """Return the file of an object, or ``None``."""
        path = self.path(place)
        return path if path.is_file() else None

    def filed(self, place: Place) -> Filed | None:
        """What was filed as ``place``, as far as that stands beside the file. Raises ``OSError``."""
        folder = self._name(place).rpartition("/")[0]
        return self._digests.of(folder, place.sop)

    def note(self, filed: Mapping[Place, Filed]) -> None:
        """Write down what was filed, but what stands there; safe from a power cut after :meth:`sync`."""
        series: dict[str, dict[str, Filed]] = {}
        for place, one in filed.items():
            if self.filed(place) != one:
                series.setdefault(self._name(place).rpartition("/")[0], {})[place.sop] = one
        for folder, lines in series.items():
            self._digests.add(folder, lines)
            _coarsen(f"{folder}/{digests.FILE}")

    def describe(self, digests_of: Mapping[Place, str], *, limit: int, anew: bool = False) -> None:
        """Keep what these objects say, of the data sets with these digests; ``anew``: in the place of what is kept.

        ``limit`` (bytes) bounds what a deflated one may inflate to. What cannot be read is left out, with a warning.
        Raises ``OSError``.
        """
        series: dict[str, dict[str, Said]] = {}
        for place, digest in digests_of.items():
            name = self._name(place)
            try:
                said = Said(digest, self._writer.made(name, limit))
            except part10.Malformed as error:
                log.warning("archive: what %s says cannot be kept: %s", place.sop, error)
                continue
            series.setdefault(name.rpartition("/")[0], {})[place.sop] = said
        for folder, lines in series.items():
            if anew:
                metadata.forget(folder, lines)
            metadata.add(folder, lines)
            _coarsen(f"{folder}/{metadata.FILE}")

    def said(self, places: Sequence[Place], *, limit: int) -> Iterator[bytes]:
        """Yield what each of these objects of one series says, in JSON; what is not kept is made, and kept.

        ``limit`` as for :meth:`describe`. Raises ``OSError``, :class:`.Malformed`.
        """
        folder = self._name(places[0]).rpartition("/")[0]
        kept, digests_of = metadata.read(folder), self._digests.all(folder)
        missing: dict[str, Said] = {}
        for place in places:
            filed, said = digests_of.get(place.sop), kept.get(place.sop)
            if said is None or filed is None or said.digest != filed.digest:
                said = Said(filed.digest if filed else "", self._writer.made(self._name(place), limit))
                if filed:
                    missing[place.sop] = said
            yield said.text
        if missing:
            metadata.add(folder, missing)
            _coarsen(f"{folder}/{metadata.FILE}")

    def fault(self, place: Place, filed: Filed, rest: Callable[[int], object] | None = None) -> Fault:
        """What is wrong with the file of ``place``, all of which is read; empty: nothing. Raises ``OSError``.

        ``rest`` is called with the size of each piece that was read.
        """
        return digests.fault(self._name(place), place.sop, filed, rest)

    def measured(self, place: Place) -> Filed:
        """Digest and size of the file of ``place`` as it is. Raises ``OSError``, :class:`.Malformed`."""
        return digests.measured(self._name(place))

    def fingerprint(self, place: Place) -> int:
        """What tells whether the file of ``place`` may have changed; 0 if there is none."""
        try:
            found = os.lstat(self._name(place))
        except FileNotFoundError:
            return 0
        return digests.fingerprint(found) if stat.S_ISREG(found.st_mode) else 0

    def _name(self, place: Place) -> str:
        if not _SITE.fullmatch(place.site):
            raise Permanent("malformed", f"{place.site!r} cannot name a site in the archive")
        if not all(map(is_valid_uid, place[1:])):
            raise Permanent("malformed", "a UID that should name it in the archive is not valid")
        return f"{self._root}/{place.site}/{place.study}/{place.series}/{place.sop}{_SUFFIX}"

    def put_if_absent(self, source: Path, place: Place, *, sync: bool = True) -> Outcome:
        """Take the finished and synced file ``source`` into the archive; it stays where it is, too.

        ``same``: the archive holds the same data set already, or the same image in another lossless encoding.
        ``conflict``: it holds another one under this SOPInstanceUID. What is there is kept. Safe from a power cut
        when this returns; with ``sync=False`` only after :meth:`sync`. Raises ``OSError``; the archive then is as it
        was. With hard links ``source`` is the same file, and its times are those of the week from now on, too.
        """
        target = self._name(place)
        try:
            outcome = self._link(source, target)
        except FileNotFoundError:
            safeio.make_directories(Path(target).parent)  # the first of its series
            outcome = self._link(source, target)
        if outcome != "conflict":
            _coarsen(target)
        if sync:
            self.sync([place])
        return outcome

    def replace(self, source: Path, place: Place) -> None:
        """Put the finished and synced file ``source`` in the place of one that is not what was filed any more.

        At every moment one of the two is there. Safe from a power cut after :meth:`sync`. Raises ``OSError``.
        """
        target = Path(self._name(place))
        with self._temporary_for(target) as temporary:
            try:
                os.link(source, temporary)
            except OSError as error:
                if error.errno not in safeio.CANNOT_LINK:
                    raise
                _copy_synced(source, temporary)
            temporary.replace(target)
        _coarsen(str(target))

    def discard(self, place: Place) -> None:
        """Keep nothing of an object that must not be here. Raises ``OSError``."""
        self.path(place).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            metadata.forget(self._name(place).rpartition("/")[0], [place.sop])

    def sync(self, places: Iterable[Place]) -> None:
        """Make the names of these objects safe from a power cut, each directory once."""
        for directory in {self._name(place).rpartition("/")[0] for place in places}:
            _coarsen_folders(directory)
            safeio.sync_directory(Path(directory))

    def coarsen(self, places: Iterable[Place]) -> None:
        """Set the times of these objects' files and folders to their weeks: in an archive of before they are exact."""
        names = [self._name(place) for place in places]
        for name in names:
            _coarsen(name)
        for directory in {name.rpartition("/")[0] for name in names}:
            _coarsen_folders(directory)

    def walk(self) -> Iterator[tuple[Place, Path]]:
        """Yield every object, in the order of its names.

        Files that are not the archive's are left out, with a warning.
        """
        for site in _folders(self.directory):
            for study in _folders(site):
                for series in _folders(study):
                    for path in sorted(series.iterdir()):
                        place = Place(site.name, study.name, series.name, path.stem)
                        if path.name in (digests.FILE, metadata.FILE):
                            continue
                        if path.suffix == _SUFFIX and all(map(is_valid_uid, place[1:])):
                            yield place, path
                        else:
                            log.warning("not an object of the archive, left alone: %s", path)

    def names(self, *above: str) -> list[str]:
        """What stands below a site, a study or a series, ascending; the sites without one, the objects of a series.

        Nothing where there is no such folder. Raises ``OSError``.
        """
        try:
            with os.scandir("/".join((self._root, *above))) as listing:
                found = [item.name for item in listing if len(above) == _DEPTH or item.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        if len(above) < _DEPTH:
            return sorted(name for name in found if not name.startswith("."))
        return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))

    def sweep(self) -> None:
        """Remove what a copy left half-done in a crash. For a start, when nobody files."""
        for leftover in self._temporary().glob("*"):
            leftover.unlink(missing_ok=True)

    def _link(self, source: Path, target: str) -> Outcome:
        try:
            os.link(source, target)
        except FileExistsError:
            return _compared(source, Path(target))
        except OSError as error:
            if error.errno not in safeio.CANNOT_LINK:
                raise
            return self._copy(source, Path(target))
        return "new"

    def _copy(self, source: Path, target: Path) -> Outcome:
        """Put a synced copy under its final name, for a spool on another file system or one without hard links."""
        if target.exists():
            return _compared(source, target)
        safeio.make_directories(target.parent)
        with self._temporary_for(target) as temporary:
            _copy_synced(source, temporary)
            temporary.rename(target)
        return "new"

    @contextmanager
    def _temporary_for(self, target: Path) -> Iterator[Path]:
        """A name on the archive's file system, where nobody looks; nothing has it in the end."""
        safeio.make_directories(self._temporary())
        temporary = self._temporary() / f"{os.getpid()}-{target.name}"
        temporary.unlink(missing_ok=True)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _temporary(self) -> Path:
        return self.directory / _TEMPORARY


def _copy_synced(source: Path, temporary: Path) -> None:
    # With its times: the file's time is when the object was received, of which the week stays.
    shutil.copy2(source, temporary)
    safeio.sync_file(temporary)


def same_data_set(one: Path, other: Path) -> bool:
    """Say whether two Part 10 files hold the same bytes after their File Meta Information, in the same transfer syntax.

    The meta itself says who sent the file and when it was called what: that may differ.
    """
    if one.samefile(other):
        return True
    try:
        with one.open("rb") as first, other.open("rb") as second:
            (meta, start), (other_meta, other_start) = part10.read_meta(first), part10.read_meta(second)
            if (
                meta.transfer_syntax_uid != other_meta.transfer_syntax_uid
                or one.stat().st_size - start != other.stat().st_size - other_start
            ):
                return False
            first.seek(start)
            second.seek(other_start)
            while chunk := first.read(_CHUNK):
                if chunk != second.read(_CHUNK):
                    return False
    except part10.Malformed:
        return False
    return True


def _compared(source: Path, target: Path) -> Outcome:
    if target.is_symlink():
        return "conflict"  # whatever it leads to, it is no file of the archive
    # Another encoding is what a site sends after it changed [send] compression, or the package that compresses.
    return "same" if same_data_set(source, target) or same_image(source, target) else "conflict"


def _coarsen(path: str) -> None:
    try:
        coarsen(Path(path))
    except PermissionError:
        # As in an archive that another user restored: that must not keep objects from being filed.
        log.warning("%s still tells when it was filed: it belongs to another user; give it to the hub's (chown)", path)


def _coarsen_folders(series: str) -> None:
    """The folders of a series, its study and its site: each changes when something new is put into it."""
    study = series.rpartition("/")[0]
    for directory in (series, study, study.rpartition("/")[0]):
        _coarsen(directory)


def _folders(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))
