"""Files without a network: a folder in, a folder of de-identified objects out, by the same engine.

Nothing of the input's names goes into the output: folders and files are named by keyed handles.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fidac_node.deidentify.apply import Deidentifier, Outcome
from fidac_node.deidentify.pseudonym import Pseudonymiser
from fidac_node.deidentify.reading import open_source
from fidac_node.errors import ConfigError, Permanent
from fidac_node.safeio import make_directories, sync_directory


@dataclass(frozen=True)
class Result:
    """What became of the ``number``-th file (from 1, in order of path).

    ``state`` is ``deidentified``, ``duplicate`` (its output was there, byte for byte) or ``held``;
    ``output`` is relative to the output folder; ``code`` and ``message`` say why it is held.
    """

    number: int
    state: str
    output: str = ""
    code: str = ""
    message: str = ""
    actions: dict[str, int] | None = None


def files_of(source: Path) -> list[Path]:
    """The files below ``source`` (or the file itself), in an order that does not change."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise ConfigError(f"{source}: no such file or folder")
    return sorted(path for path in source.rglob("*") if path.is_file())


def deidentify_files(
    files: list[Path], target: Path, deidentifier: Deidentifier, handles: Pseudonymiser, *, label: str, limit: int
) -> Iterator[Result]:
    """De-identify ``files`` into the folder ``target``, one after the other, and tell what became of each.

    ``limit`` (bytes) bounds the size of one object, inflated. Raises :class:`OSError` if the folder
    cannot be written.
    """
    make_directories(target)
    for number, path in enumerate(files, start=1):
        temporary = target / f".{os.getpid()}.tmp"
        try:
            yield _one(number, path, temporary, target, deidentifier, handles, label, limit)
        except Permanent as error:
            yield Result(number, "held", code=error.code, message=str(error))
        finally:
            temporary.unlink(missing_ok=True)


def _one(
    number: int,
    path: Path,
    temporary: Path,
    target: Path,
    deidentifier: Deidentifier,
    handles: Pseudonymiser,
    label: str,
    limit: int,
) -> Result:
    with open_source(path, limit) as source:
        folder = handles.study_handle(source.get("StudyInstanceUID"))
        name = f"{handles.instance_handle(source.get('SOPInstanceUID'))}.dcm"
        with temporary.open("w+b") as fp:
            outcome = deidentifier.deidentify(source, fp, label=label, label_source="default", limit=limit)
            fp.flush()
            os.fsync(fp.fileno())
    return _put(number, temporary, target, f"{folder}/{name}", outcome)


def _put(number: int, temporary: Path, target: Path, output: str, outcome: Outcome) -> Result:
    path = target / output
    make_directories(path.parent)
    if path.exists():
        if filecmp.cmp(temporary, path, shallow=False):
            return Result(number, "duplicate", output, actions=outcome.actions)
        raise Permanent("conflict", f"another version of this instance came first, as {output}")
    temporary.rename(path)
    sync_directory(path.parent)
    return Result(number, "deidentified", output, actions=outcome.actions)
