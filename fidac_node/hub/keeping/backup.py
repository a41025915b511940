"""A copy of the archive elsewhere, and back: each file is compared with what was filed while it is copied.

An object of the archive never changes, so that a second copy copies what is new. What was withdrawn leaves the copy,
too. A file that is not what was filed is not copied: it would take the place of one that may be right.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from fidac_node.dicom import part10
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.digests import Filed
from fidac_node.hub.keeping.tombstones import FOLDER, Withdrawal
from fidac_node.receive.digest import Digest, spelled
from fidac_node.system import safeio

Outcome: TypeAlias = Literal["copied", "there", "wrong", "alone"]

_PIECE: Final = 1 << 20
_TEMPORARY: Final = ".tmp"


class Copied(NamedTuple):
    """What became of an object of ``size`` bytes: ``wrong`` is not what was filed, ``alone`` is in the target alone."""

    place: Place
    size: int
    outcome: Outcome


def copy_archive(
    source: Archive, target: Archive, *, mirror: bool, suspect: Collection[Place] = ()
) -> Iterator[Copied]:
    """Copy what ``target`` has not, in the order of names, a series at a time; each is safe when the next begins.

    What is there and ``suspect`` is copied over, or has another size than in ``source``; without ``mirror`` not if that
    is what ``target`` filed. What ``source`` has not, stays. Raises ``OSError``; what was copied then is whole.
    """
    temporary = target.directory / _TEMPORARY
    shutil.rmtree(temporary, ignore_errors=True)
    safeio.make_directories(temporary)
    for series in _series(source, target):
        yield from _copy_series(source, target, series, mirror, suspect)
    shutil.rmtree(temporary, ignore_errors=True)


def mirror_withdrawals(source: Archive, target: Archive, withdrawals: Iterable[Withdrawal]) -> None:
    """Let a copy of the archive have what was withdrawn as the archive has it: set aside, or no more.

    For the records, see :func:`copy_records`. Raises ``OSError``.
    """
    beside, there = source.directory / FOLDER, target.directory / FOLDER
    for withdrawal in withdrawals:
        if not withdrawal.holds:
            continue
        for study in target.names(withdrawal.site) if withdrawal.whole else withdrawal.studies:
            shutil.rmtree(target.directory / withdrawal.site / study, ignore_errors=True)
        shutil.rmtree(there / withdrawal.id, ignore_errors=True)
        if (beside / withdrawal.id).is_dir():
            shutil.copytree(beside / withdrawal.id, there / withdrawal.id)


def put_back_withdrawn(source: Archive, target: Archive) -> None:
    """Bring back what a copy has of files that were set aside, where there are none. Raises ``OSError``."""
    for folder in sorted((source.directory / FOLDER).glob("*/")):
        there = target.directory / FOLDER / folder.name
        if not there.exists():
            shutil.copytree(folder, there)


def copy_records(source: Path, target: Path, *, over: bool) -> None:
    """Copy the records of withdrawals in a folder; ``over`` what is there. Raises ``OSError``."""
    for path in sorted((*source.glob("*.json"), *source.glob("*.instances"))):
        if over or not (target / path.name).exists():
            safeio.make_directories(target)
            safeio.write_synced(target / path.name, path.read_bytes())


def _series(source: Archive, target: Archive) -> Iterator[tuple[str, str, str]]:
    for site in _both(source, target):
        for study in _both(source, target, site):
            for series in _both(source, target, site, study):
                yield site, study, series


def _both(source: Archive, target: Archive, *above: str) -> list[str]:
    return sorted({*source.names(*above), *target.names(*above)})


def _copy_series(
    source: Archive, target: Archive, series: tuple[str, str, str], mirror: bool, suspect: Collection[Place]
) -> list[Copied]:
    here = set(source.names(*series))
    found: list[Copied] = []
    fresh: dict[Place, Filed | None] = {}
    for place in (Place(*series, sop) for sop in sorted(here.union(target.names(*series)))):
        if place.sop not in here:
            found.append(Copied(place, 0, "alone"))
            continue
        filed = source.filed(place)
        size = filed.size if filed else source.path(place).stat().st_size
        if place not in suspect and _is_there(target, place, size, mirror):
            found.append(Copied(place, size, "there"))
        elif _copy(source.path(place), target.directory / _TEMPORARY / place.sop, place.sop, filed):
            fresh[place] = filed
            found.append(Copied(place, size, "copied"))
        else:
            found.append(Copied(place, size, "wrong"))
    _enter(target, fresh)
    return found


def _is_there(target: Archive, place: Place, size: int, mirror: bool) -> bool:
    there = target.find(place)
    if there is None:
        return False
    filed = None if mirror else target.filed(place)
    return there.stat().st_size in (size, filed and filed.size)


def _copy(source: Path, temporary: Path, sop: str, filed: Filed | None) -> bool:
    """Copy a file, with its times; ``False`` if it is not what was filed."""
    try:
        with FileIO(source) as reading, temporary.open("wb") as writing:
            meta, offset = part10.read_meta(reading)
            reading.seek(0)
            writing.write(reading.read(offset))
            found, size = Digest(), offset
            while piece := reading.read(_PIECE):
                found.update(piece)
                writing.write(piece)
                size += len(piece)
            writing.flush()
            safeio.start_sync(writing.fileno())
    except (part10.Malformed, FileNotFoundError):
        return False
    shutil.copystat(source, temporary)
    right = filed is None or (size == filed.size and filed.digest in ("", spelled(found.digest())))
    return right and meta.sop_instance_uid == sop


def _enter(target: Archive, fresh: Mapping[Place, Filed | None]) -> None:
    """Give copied files their names, and write down what they are; they are safe then."""
    for place in fresh:
        path, temporary = target.path(place), target.directory / _TEMPORARY / place.sop
        safeio.make_directories(path.parent)
        safeio.sync_file(temporary)
        temporary.replace(path)
    target.note({place: filed for place, filed in fresh.items() if filed})
    target.sync(fresh)
