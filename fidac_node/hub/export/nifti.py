"""NIfTI of a series by dcm2niix, and of no series whose slices are not one even stack: a volume would lie about it."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from fidac_node.dicom import part10, tags
from fidac_node.errors import ConfigError
from fidac_node.hub.export.plan import Item

PROGRAM: Final = "dcm2niix"
FOLDER: Final = "NIFTI"
_SUFFIX: Final = ".nii.gz"

_SHAPE: Final = (tags.ROWS, tags.COLUMNS, tags.PIXEL_SPACING)
_WANTED: Final = frozenset({tags.IMAGE_POSITION_PATIENT, tags.IMAGE_ORIENTATION_PATIENT, *_SHAPE})
_LIMIT: Final = 1 << 32
_SECONDS: Final = 1800
# How far a gap may differ from the others: what positions are rounded to, and a hundredth of the gap.
_ROUNDING_MM: Final = 0.01
_SHARE: Final = 0.01
_ALIKE: Final = 1e-3  # direction cosines
_STRAIGHT: Final = math.cos(math.radians(0.5))

_Vector = tuple[float, ...]


class Uneven(Exception):
    """A series is no even stack, and why."""


class _Slice(NamedTuple):
    position: _Vector
    orientation: _Vector
    shape: tuple[bytes, ...]


def require() -> str:
    """Where dcm2niix is. Raises :class:`ConfigError`."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise ConfigError(f"{PROGRAM} is not installed, which makes NIfTI: on Debian, apt-get install {PROGRAM}")
    return found


def convert(program: str, root: Path, items: Sequence[Item]) -> str:
    """Make one NIfTI file of the series of these exported files, and return its path below ``root``.

    Raises :class:`Uneven`, ``OSError``.
    """
    check(root, items)
    first = items[0]
    path = root / path_of(first)
    into, name = path.parent, path.name.removesuffix(_SUFFIX)
    into.mkdir(0o700, parents=True, exist_ok=True)
    for old in _made(into, name):
        old.unlink()
    command = [program, "-z", "y", "-b", "n", "-f", name, "-o", str(into), str(root / first.folder)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Uneven(f"{PROGRAM} took more than {_SECONDS} s") from error
    made = _made(into, name)
    if done.returncode or len(made) != 1 or made[0] != path:
        for one in made:
            one.unlink()
        raise Uneven(f"{PROGRAM} made {len(made)} files of it, and ended with {done.returncode}")
    return path_of(first)


def path_of(item: Item) -> str:
    """Where the NIfTI file of an object's series is."""
    return f"{FOLDER}/{item.folder}{_SUFFIX}"


def check(root: Path, items: Sequence[Item]) -> None:
    """Raise :class:`Uneven` for what is no stack of parallel slices, each as far from the next."""
    if len(items) < 2:
        raise Uneven("one file is no stack of slices")
    slices = [_slice(root / item.path) for item in items]
    first = slices[0]
    if any(one.shape != first.shape for one in slices):
        raise Uneven("its slices differ in rows, columns or pixel spacing")
    if any(math.dist(one.orientation, first.orientation) > _ALIKE for one in slices):
        raise Uneven("its slices are not parallel")
    normal = _cross(first.orientation[:3], first.orientation[3:])
    slices.sort(key=lambda one: _dot(one.position, normal))
    gaps = [_dot(after.position, normal) - _dot(before.position, normal) for before, after in pairwise(slices)]
    usual = median(gaps)
    if min(gaps) < _ROUNDING_MM:
        raise Uneven("two of its slices are at the same place")
    for number, gap in enumerate(gaps, 1):
        if abs(gap - usual) > max(_ROUNDING_MM, _SHARE * usual):
            raise Uneven(f"its slices are {usual:.2f} mm apart, but {gap:.2f} mm after the {number}th: one is missing")
    way = tuple(b - a for a, b in zip(slices[0].position, slices[-1].position, strict=True))
    if _dot(way, normal) < _STRAIGHT * math.hypot(*way):
        raise Uneven("its slices are shifted against each other: the gantry was tilted")


def _slice(path: Path) -> _Slice:
    _, found = part10.find(path, _WANTED, limit=_LIMIT)
    try:
        position, orientation = (
            _numbers(found[tags.IMAGE_POSITION_PATIENT], 3),
            _numbers(found[tags.IMAGE_ORIENTATION_PATIENT], 6),
        )
        return _Slice(position, orientation, tuple(found[tag].strip() for tag in _SHAPE))
    except (KeyError, ValueError):
        raise Uneven("a slice does not say where it is (ImagePositionPatient, ImageOrientationPatient)") from None


def _numbers(raw: bytes, count: int) -> _Vector:
    values = tuple(float(value) for value in raw.decode("ascii").strip(" \x00").split("\\"))
    if len(values) != count or not all(map(math.isfinite, values)):
        raise ValueError(raw)
    return values


def _made(folder: Path, name: str) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(name)]


def _cross(a: _Vector, b: _Vector) -> _Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _dot(a: _Vector, b: _Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
