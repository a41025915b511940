"""Objects of the archive as files in a folder or a zip, for whoever may have them; written down before and after."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from fidac_node.errors import ConfigError, NotFound, Temporary
from fidac_node.hub.archive import Archive
from fidac_node.hub.export import nifti
from fidac_node.hub.export.export import Export, Progress, Result
from fidac_node.hub.export.plan import by_number, by_uid
from fidac_node.hub.export.tables import MANIFEST
from fidac_node.hub.export.target import EMPTY_ZIP, Folder, Target, Zip
from fidac_node.hub.index.matching import StudyFilter
from fidac_node.hub.index.query import find
from fidac_node.hub.index.words import words
from fidac_node.operations.uses import hub_uses
from fidac_node.system import locks, safeio

if TYPE_CHECKING:
    from peewee import Database

    from fidac_node.config.config import HubConfig
    from fidac_node.hub.index.rows import InstanceRow

__all__ = ["Progress", "Result", "export"]

_WORK: Final = ".fidac-export"
_QUESTION: Final = "question.json"
_LOCK: Final = "lock"


def export(
    config: HubConfig,
    db: Database,
    wanted: StudyFilter,
    to: Path,
    tell: Callable[[Progress], None],
    *,
    dicomdir: bool = False,
    with_nifti: bool = False,
) -> Result:
    """Export the instances that match into the folder ``to``, or the zip if it is called so, and verify every one.

    Said again after it was broken off, it goes on; said again later, it brings what is new and takes away what is not
    in the answer any more. The manifest is there only when all was verified. Raises :class:`ConfigError` for a place
    that is somebody else's, :class:`NotFound` when nothing matches, :class:`Temporary` without room, ``OSError``.
    """
    to = to.absolute()
    is_zip = to.suffix.lower() == ".zip"
    if with_nifti and is_zip:
        raise ConfigError("NIfTI is made of a folder: leave --nifti out, or name a folder")
    if with_nifti and dicomdir:
        raise ConfigError("a DICOMDIR speaks of DICOM files alone: leave --nifti or --dicomdir out")
    program = nifti.require() if with_nifti else ""
    question = words("instances", wanted)
    if problem := _place_problem(config, to):
        raise ConfigError(problem)
    with (
        _claimed(to, is_zip, question, repr((wanted, dicomdir))) as work,
        hub_uses(config).during("export", f"{question}; to {to.name}") as act,
        closing(cast(Target, Zip(to) if is_zip else Folder(to))) as target,
        _trouble_named(to),
    ):
        job = Export(Archive(config.archive.directory), target, work, tell)
        with closing(find(db, "instances", wanted)) as rows:
            total = job.plan(db, cast("Iterator[InstanceRow]", rows), by_number() if dicomdir else by_uid())
        if not total.objects:
            raise NotFound("no instance matches: nothing was exported; 'fidac-node hub find' shows what there is")
        job.check_disk(total.bytes if with_nifti else 0)
        job.copy()
        job.verify()
        job.leave_out_withdrawn(db)
        act.number, act.studies = job.result.objects, job.result.studies
        if job.result.failed:
            act.outcome = f"{len(job.result.failed)} not verified"
            return job.result
        made = _converted(job, to, program) if with_nifti else {}
        job.describe(dicomdir=dicomdir, made=made)
        job.finish()
    if is_zip:
        shutil.rmtree(work)
    return job.result


def _converted(job: Export, root: Path, program: str) -> dict[str, str]:
    """The NIfTI file of each series by its folder, or why there is none."""
    made = {}
    for items in job.series_folders():
        folder = items[0].folder
        try:
            made[folder] = nifti.convert(program, root, items)
        except nifti.Uneven as error:
            made[folder] = job.result.refused[folder] = f"none: {error}"
    return made


def _place_problem(config: HubConfig, to: Path) -> str:
    """Why nothing may be exported there; nothing: it may."""
    for what, own in (("archive", config.archive.directory), ("spool", config.spool.directory)):
        if to.resolve().is_relative_to(own.resolve()):
            return f"{to} is in the hub's own {what}: name a place outside of it"
    return ""


@contextmanager
def _trouble_named(to: Path) -> Iterator[None]:
    """Say of a disk's trouble where it is and what to do: :class:`Temporary`."""
    try:
        yield
    except OSError as error:
        raise Temporary(
            f"{error.filename or to}: {error.strerror or error}; see to it, then run the same again, which goes on"
        ) from error


def _leave_nothing(to: Path, work: Path, *, is_zip: bool) -> None:
    """Where nothing was exported, take away what was made for it."""
    if is_zip:
        part = Zip.part_of(to)
        if part.exists() and part.stat().st_size <= EMPTY_ZIP:
            part.unlink()
            shutil.rmtree(work)
    elif list(to.iterdir()) == [work]:
        shutil.rmtree(work)
        to.rmdir()


@contextmanager
def _claimed(to: Path, is_zip: bool, question: str, exactly: str) -> Iterator[Path]:
    """The folder where an export remembers what it must, for this process alone.

    Raises :class:`ConfigError` when the place is somebody else's, or of another question.
    """
    work = to.with_name(f".{to.name}{_WORK}") if is_zip else to / _WORK
    mark = work / _QUESTION
    asked = {"question": question, "mark": hashlib.sha256(exactly.encode()).hexdigest()}
    if is_zip and to.exists():
        raise ConfigError(f"{to} is there already: name another zip, or take it away")
    if not is_zip and to.exists() and not to.is_dir():
        raise ConfigError(f"{to} is no folder: name one, or a file that ends with .zip")
    if not is_zip and to.exists() and not mark.exists() and any(to.iterdir()):
        raise ConfigError(f"{to} has files that no export put there: name an empty folder, or a new one")
    safeio.make_directories(work)
    lock = locks.take(work / _LOCK, f"another export into {to} is running: wait for it, or stop it")
    try:
        if mark.exists() and (before := mark.read_text("utf-8")) != json.dumps(asked):
            said = re.findall(r'"question": "([^"]*)"', before)
            raise ConfigError(
                f"{to} was begun for another question ({' '.join(said)}): name another place for this one"
            )
        if not mark.exists():
            safeio.write_synced(mark, json.dumps(asked).encode("utf-8"))
        if not is_zip:
            (to / MANIFEST).unlink(missing_ok=True)
        yield work
    except (NotFound, Temporary):
        _leave_nothing(to, work, is_zip=is_zip)
        raise
    finally:
        locks.release(lock)
