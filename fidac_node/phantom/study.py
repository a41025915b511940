"""The made-up objects, whole: headers and pixels together, in memory or as files."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.filewriter import dcmwrite

from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE
from fidac_node.phantom import header
from fidac_node.phantom.anatomy import LENGTH, Chest
from fidac_node.phantom.enhanced import enhanced_header
from fidac_node.phantom.scan import Scan

# Slices beyond this many share their pixels: a series of thousands costs the drawing of these.
_MOST_PLANES: Final = 48


def series(seed: int = 1, **options: Any) -> Iterator[FileDataset]:
    """Yield the CT images of one series, from the apex down; ``options`` are the fields of :class:`Scan`."""
    scan = Scan(seed=seed, **options)
    pixels = _pixels(scan, _MOST_PLANES)
    for index in range(scan.slices):
        ds = header.ct_image(scan, index)
        ds.add_new("PixelData", "OW", pixels(index))
        yield ds


def write_series(directory: Path, seed: int = 1, **options: Any) -> list[Path]:
    """Write a series as Part 10 files ``IM0001.dcm``... in ``directory`` and return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, ds in enumerate(series(seed, **options), start=1):
        paths.append(directory / f"IM{number:04d}.dcm")
        dcmwrite(paths[-1], ds, enforce_file_format=True)
    return paths


def secondary_capture(seed: int = 1, **options: Any) -> FileDataset:
    """Return a dose sheet of the same study: a colour screenshot with lines of writing burned in."""
    scan = Scan(seed=seed, **options)
    ds = header.secondary_capture(scan)
    rng = np.random.default_rng(scan.seed)
    screen = np.zeros((480, 640, 3), np.uint8)
    for top in range(40, 440, 22):
        line = np.kron(rng.random((7, int(rng.integers(20, 90)))) > 0.5, np.ones((2, 2))) > 0
        screen[top : top + 14, 30 : 30 + line.shape[1]][line] = (230, 230, 210)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.Rows, ds.Columns = 480, 640
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.add_new("PixelData", "OB", screen.tobytes())
    return ds


def write_enhanced(path: Path, seed: int = 1, *, frames: int = 2048, **options: Any) -> Path:
    """Write one Enhanced CT image of ``frames`` frames, frame after frame, in little memory.

    2048 frames of 512 x 512 make 1 GiB. ``options`` are the fields of :class:`Scan`; the transfer
    syntax is always Explicit VR Little Endian.
    """
    scan = Scan(seed=seed, **(options | {"slices": frames, "transfer_syntax": EXPLICIT_VR_LE}))
    encoded = BytesIO()
    dcmwrite(encoded, enhanced_header(scan), enforce_file_format=True)
    pixels = _pixels(scan, 8)
    with path.open("wb") as fp:
        fp.write(encoded.getvalue())
        fp.write(struct.pack("<HH2s2xL", 0x7FE0, 0x0010, b"OW", frames * scan.rows * scan.columns * 2))
        for index in range(frames):
            fp.write(pixels(index))
    return path


def _pixels(scan: Scan, most: int) -> Callable[[int], bytes]:
    """Return a function from a slice's index to its stored values; at most ``most`` planes are drawn and kept."""
    planes = min(scan.slices, most)
    chest = Chest(
        scan.seed,
        rows=scan.rows,
        columns=scan.columns,
        thickness=LENGTH / planes,
        ground_glass=scan.ground_glass,
        contrast=scan.contrast,
    )
    order = ">u2" if scan.transfer_syntax == EXPLICIT_VR_BE else "<u2"
    drawn: dict[int, bytes] = {}

    def pixels(index: int) -> bytes:
        plane = index * planes // scan.slices
        if plane not in drawn:
            drawn[plane] = (chest.slice((plane + 0.5) / planes) + 1024).astype(order).tobytes()
        return drawn[plane]

    return pixels
