"""Files without a network: a folder in, a folder of de-identified objects out, by the same engine.

Nothing of the input's names goes into the output: folders and files are named by keyed handles, and all have one time,
so that they cannot be put into the order of the input. Any number
of processes may work; what comes out, file by file and word by word, is the same whatever their number.
"""

from __future__ import annotations

import errno
import filecmp
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO, Final

from fidac_node.deidentify.engine import Deidentifier, doubt_holds
from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.tools import conformance
from fidac_node.deidentify.tools.pool import Crashed, in_processes
from fidac_node.deidentify.tools.report import described, recipe_of
from fidac_node.deidentify.tools.same import difference
from fidac_node.deidentify.triage.placeholders import STANDS_FOR_NOBODY, is_placeholder
from fidac_node.deidentify.triage.triage import Verdict
from fidac_node.errors import ConfigError, Permanent, Temporary
from fidac_node.system import locks
from fidac_node.system.safeio import make_directories, sync_directory

DEIDENTIFIED: Final = "deidentified"
DUPLICATE: Final = "duplicate"
HELD: Final = "held"
STATES: Final = (DEIDENTIFIED, DUPLICATE, HELD)

_TEMPORARY: Final = ".part-"
_ONE_TIME: Final = (315_532_800, 315_532_800)  # 1 January 1980, the first day that a ZIP archive can write
# Files that go to one process together: a folder is mostly a series, and what its slices share is worked out once.
_CHUNK: Final = 32
_MOST_RECIPES: Final = 64

_Taken = tuple[tuple[tuple[int, ...], str], ...]


@dataclass(frozen=True)
class Result:
    """What became of the ``number``-th file (from 1, in order of path).

    ``state`` is ``deidentified``, ``duplicate`` (its output was there, be it in another encoding) or ``held``;
    ``output`` is relative to the output folder; ``code`` and ``message`` say why it is held. ``actions``
    counts what was done, ``recipe`` says it attribute by attribute (:func:`.report.recipe_of`), ``errors``
    are those that dciodvfy finds in the output and not in the input. ``normalised`` are the attributes that were
    written right, ``lost`` those that could not be understood, by their paths as people read them.
    """

    number: int
    state: str
    output: str = ""
    code: str = ""
    message: str = ""
    actions: dict[str, int] | None = None
    recipe: str = ""
    errors: tuple[str, ...] = ()
    normalised: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One file to de-identify, the ``number``-th (from 1)."""

    number: int
    path: Path


@dataclass
class Job:
    """How each file is de-identified into the folder ``target``.

    ``limit`` (bytes) bounds the size of one object, inflated. ``details`` asks for the action at each
    tag path, ``check`` for the conformance check. ``look`` raises :class:`Permanent` for a file
    whose pixels have what its verdict fears, as burned-in text; without it, what triage wants looked at is held.
    """

    deidentifier: Deidentifier
    handles: Pseudonymiser
    target: Path
    label: str
    limit: int
    details: bool = False
    check: bool = False
    look: Callable[[BinaryIO, Verdict], object] | None = None
    _recipes: OrderedDict[_Taken, str] = field(default_factory=OrderedDict)

    def __call__(self, task: Task) -> Result:
        """De-identify one file into a temporary one beside its place. Raises ``OSError`` if that cannot be written."""
        temporary = self.temporary(task)
        try:
            with doubt_holds():
                return self._deidentified(task, temporary)
        except Permanent as error:
            temporary.unlink(missing_ok=True)
            return held(task, error)
        except MemoryError:
            temporary.unlink(missing_ok=True)
            return held(task, Permanent("error", "there is not enough memory for this object"))

    def temporary(self, task: Task) -> Path:
        """Where the output of a task is until it has its place."""
        return self.target / f"{_TEMPORARY}{task.number}"

    def _deidentified(self, task: Task, temporary: Path) -> Result:
        with ExitStack() as stack:
            try:
                source = stack.enter_context(self.deidentifier.sources.open(task.path, self.limit))
            except OSError as error:
                raise Permanent("unreadable", f"the file cannot be read: {error.strerror}") from error
            if is_placeholder(source.get("PatientID")):
                raise Permanent("placeholder-id", STANDS_FOR_NOBODY)
            looked = self.look is not None and self._look(self.look, source)
            output = f"{self.handles.study_handle(source.get('StudyInstanceUID'))}/"
            output += f"{self.handles.instance_handle(source.get('SOPInstanceUID'))}.dcm"
            with temporary.open("wb") as fp:
                outcome = self.deidentifier.deidentify(
                    source, fp, label=self.label, label_source="default", limit=self.limit, looked=looked
                )
                fp.flush()
                os.utime(fp.fileno(), _ONE_TIME)
                os.fdatasync(fp.fileno())
        errors = tuple(conformance.new_errors(task.path, temporary)) if self.check else ()
        result = Result(
            task.number,
            DEIDENTIFIED,
            output,
            errors=errors,
            normalised=described(outcome.normalised),
            lost=described(outcome.lost),
        )
        if not self.details:
            return result
        taken = tuple(outcome.taken())
        actions = dict(Counter(action for _, action in taken))
        return replace(result, actions=actions, recipe=self._recipe(taken))

    def _look(self, look: Callable[[BinaryIO, Verdict], object], source: Source) -> bool:
        """Look for burned-in text where triage wants it."""
        verdict = self.deidentifier.triage(source)
        if not verdict.look:
            return False
        try:
            with source.picture() as file:
                look(file, verdict)
        except Temporary as error:
            raise Permanent("pixel-risk", f"nothing could look for text in its pixels: {error}; try again") from error
        return True

    def _recipe(self, taken: _Taken) -> str:
        if taken not in self._recipes:
            self._recipes[taken] = recipe_of(taken)
            if len(self._recipes) > _MOST_RECIPES:
                self._recipes.popitem(last=False)
        return self._recipes[taken]


def files_of(source: Path) -> list[Path]:
    """The files below ``source`` (or the file itself), in an order that does not change."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise ConfigError(f"{source}: no such file or folder")
    return sorted(path for path in source.rglob("*") if path.is_file())


def deidentify_files(files: Sequence[Path], job: Job, *, workers: int = 1) -> Iterator[Result]:
    """De-identify ``files`` in so many processes, and tell what became of each, in their order.

    Of two versions of an instance the first in that order is kept. Raises :class:`ConfigError` while
    another run writes to the same folder, ``OSError`` if it cannot be written.
    """
    make_directories(job.target)
    lock = _lock(job.target)
    try:
        _sweep(job.target)
        yield from _results([Task(number, path) for number, path in enumerate(files, start=1)], job, workers)
    finally:
        _sweep(job.target)
        if lock is not None:
            locks.release(lock)


def _lock(target: Path) -> int | None:
    """Keep other runs out of ``target``; ``None`` on a file system that locks no folders, as some network shares."""
    try:
        return locks.take(
            target, f"{target}: another 'fidac-node deidentify' writes there now; wait for it, or choose another folder"
        )
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP):
            raise
        return None


def _results(tasks: list[Task], job: Job, workers: int) -> Iterator[Result]:
    chunks = list(_chunks(tasks))
    answers: Iterator[Result | Crashed]
    answers = (
        map(job, tasks) if min(workers, len(chunks)) <= 1 else in_processes(job, chunks, min(workers, len(chunks)))
    )
    unsynced: set[Path] = set()
    for task, answer in zip(tasks, answers, strict=True):
        if isinstance(answer, Crashed):
            yield held(task, Permanent("crashed", str(answer)))
        elif answer.state == HELD:
            yield answer
        else:
            folder = (job.target / answer.output).parent
            if folder not in unsynced:
                _sync(unsynced)
                unsynced.add(folder)
            yield _placed(answer, job.temporary(task), job)
    _sync(unsynced)


def held(task: Task, error: Permanent) -> Result:
    """The result for a file that is not de-identified."""
    return Result(task.number, HELD, code=error.code, message=str(error))


def _placed(result: Result, temporary: Path, job: Job) -> Result:
    """Give an output its name, if that is free."""
    path = job.target / result.output
    make_directories(path.parent)
    if not path.exists():
        temporary.rename(path)
        return result
    why = "" if filecmp.cmp(temporary, path, shallow=False) else difference(path, temporary, limit=job.limit)
    temporary.unlink()
    if not why:
        return replace(result, state=DUPLICATE)
    message = f"another version of this instance came first, as {result.output}: {why}"
    return Result(result.number, HELD, code="conflict", message=message)


def _chunks(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    for _, group in groupby(tasks, key=lambda task: task.path.parent):
        while chunk := list(islice(group, _CHUNK)):
            yield chunk


def _sync(folders: set[Path]) -> None:
    for folder in folders:
        os.utime(folder, _ONE_TIME)
        sync_directory(folder)
    folders.clear()


def _sweep(target: Path) -> None:
    """Remove what a run that was killed left half written."""
    for path in target.glob(f"{_TEMPORARY}*"):
        path.unlink(missing_ok=True)
