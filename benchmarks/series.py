"""The studies that are sent: patterns in memory.

Written with UIDs of their own for every run, so that nothing comes twice.
"""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.filewriter import dcmwrite

from benchmarks.objects import lengthened
from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from fidac_node.phantom import series as phantom_series

_RENEWED: Final = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_LIMIT: Final = 1 << 32
# What storescu proposes without being told, and what is not deflated, so that UIDs can be found in it.
_SENT: Final = (EXPLICIT_VR_LE, IMPLICIT_VR_LE)


@dataclass(frozen=True)
class Pattern:
    """A Part 10 file in two pieces: up to its Pixel Data, and the rest; and the UIDs that every copy has of its own."""

    header: bytes
    pixels: bytes
    uids: tuple[str, ...]

    @staticmethod
    def of(encoded: bytes) -> Pattern:
        """Take a file apart. Its data set must not be deflated."""
        source = io.BytesIO(encoded)
        ds = dcmread(source, stop_before_pixels=True)
        uids = sorted({str(ds[keyword].value) for keyword in _RENEWED}, key=len, reverse=True)
        return Pattern(encoded[: source.tell()], encoded[source.tell() :], tuple(uids))

    def header_of(self, copy: str) -> bytes:
        """The header of a copy: other UIDs of the same length."""
        header = self.header
        for uid in self.uids:
            header = header.replace(uid.encode(), another(uid, copy).encode())
        return header


def another(uid: str, copy: str) -> str:
    """A UID as long as ``uid`` that no other copy has."""
    digits = str(int.from_bytes(hashlib.sha512(f"{uid} {copy}".encode()).digest()))
    return f"1.2.1{digits}"[: len(uid)]


class Series:
    """Patterns of one study or several, and how many copies of all make a run (to be at least ``slices`` objects)."""

    def __init__(self, title: str, files: Iterable[bytes], slices: int) -> None:
        self.title = title
        self._patterns = [Pattern.of(encoded) for encoded in files]
        if not self._patterns:
            raise ValueError(f"{title}: no CT image there that passes de-identification")
        self._copies = -(-slices // len(self._patterns))
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return self._copies * len(self._patterns)

    @property
    def size(self) -> int:
        """Bytes of all objects of a run."""
        return self._copies * sum(len(pattern.header) + len(pattern.pixels) for pattern in self._patterns)

    def write(self, directory: Path) -> Path:
        """Write objects that no earlier call wrote into a new folder of ``directory``; return it."""
        run = next(self._numbers)
        folder = directory / f"study-{run:04d}"
        folder.mkdir(parents=True)
        for copy in range(self._copies):
            for number, pattern in enumerate(self._patterns, 1):
                with (folder / f"{copy:02d}-{number:05d}.dcm").open("wb") as fp:
                    fp.write(pattern.header_of(f"{run} {copy}"))
                    fp.write(pattern.pixels)
        return folder


def generated(slices: int = 300, size: int = 512) -> Series:
    """A made-up chest CT of ``size`` x ``size`` pixels a slice, with as many attributes as scanners write."""
    return Series(f"a generated series of {slices} slices", _encoded(slices, size), slices)


def _encoded(slices: int, size: int) -> Iterator[bytes]:
    for ds in phantom_series(seed=4, slices=slices, rows=size, columns=size):
        target = io.BytesIO()
        dcmwrite(target, lengthened(ds), enforce_file_format=True)
        yield target.getvalue()


def real(directory: Path, slices: int = 300) -> Series:
    """The uncompressed CT images under ``directory`` that a site would send on, repeated until there are ``slices``."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return Series(f"real studies of {directory.name}", _passed(paths), slices)


def _passed(paths: Sequence[Path]) -> Iterator[bytes]:
    pseudonyms = Pseudonymiser(bytes(range(1, 33)), "BENCHMARK", "SITE")
    engine = Deidentifier(load_plan("fidac-chest-ct"), pseudonyms, "SITE", "BENCHMARK")
    seen: set[str] = set()
    for path in paths:
        encoded = path.read_bytes()
        try:
            meta = dcmread(io.BytesIO(encoded), specific_tags=["Modality"], stop_before_pixels=True).file_meta
            uid = str(meta.MediaStorageSOPInstanceUID)
            if meta.TransferSyntaxUID not in _SENT or uid in seen:
                continue
            engine.apply(engine.sources.read(encoded, _LIMIT), label="unknown", label_source="default")
        except (Permanent, InvalidDicomError):
            continue  # a site would hold it
        seen.add(uid)
        yield encoded
