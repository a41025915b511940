"""A held object as a picture, for the person who must look at it; who looks is written down."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fidac_node.errors import NotFound
from fidac_node.operations.uses import UseLog
from fidac_node.spool.entry import Entry
from fidac_node.spool.queue import Spool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fidac_node.config.config import SiteConfig

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# 8 bits a sample, grey (PNG, 11.2.2).
_GREY: Final = struct.pack(">5B", 8, 0, 0, 0, 0)
# Of values that are Hounsfield units: from the air to the bone, so that letters show beside both.
_AIR, _BONE = -1000.0, 1000.0


@dataclass(frozen=True)
class Look:
    """One frame of an object: its picture, of so many frames."""

    png: bytes
    frame: int
    frames: int


def file_of(config: SiteConfig, entry: str) -> Path | None:
    """Where the file of an object is now; ``None``: it is not here any more. Raises :class:`NotFound`."""
    try:
        wanted = Entry.parse(entry)
    except ValueError:
        raise NotFound(f"{entry} is no object's name: 'fidac-node site queue list' shows them") from None
    for name in ("inbox", "outbox"):
        spool = Spool(config.spool.directory / name)
        if spool.knows(wanted):
            return spool.path(wanted)
    return None


def look(config: SiteConfig, entry: str, frame: int = 0) -> Look:
    """A frame (from 1; 0: the middle one) of an object that is here, once it is written down who looks.

    Raises :class:`NotFound`, :class:`Permanent` when its pixels cannot be decoded, ``OSError``.
    """
    from fidac_node.deidentify import open_source
    from fidac_node.deidentify.triage import ocr

    path = file_of(config, entry)
    if path is None:
        raise NotFound(f"the file of object {entry} is not here any more")
    UseLog(config.deidentify.vault_directory).write("queue view", entry)
    with open_source(path, config.receive.max_object) as source, source.picture() as file:
        frames = max(1, source.number("NumberOfFrames", 1))
        number = frame or (frames + 1) // 2
        if number > frames:
            raise NotFound(f"object {entry} has {frames} frames, and no frame {number}")
        values = next(islice(ocr.grey_frames(file), number - 1, None), None)
        if values is None:
            raise NotFound(f"object {entry} has no pixels")
        return Look(_png(values), number, frames)


def _png(values: NDArray[Any]) -> bytes:
    """Grey values as a PNG (ISO/IEC 15948), dark to light."""
    import numpy as np

    low, high = float(values.min()), float(values.max())
    if low <= _AIR and high > 0:
        low, high = _AIR, max(_BONE, float(np.percentile(values, 99.9)))
    shown = np.clip((values - low) * (255 / (high - low or 1)), 0, 255).astype(np.uint8)
    height, width = shown.shape
    lines = np.pad(shown, ((0, 0), (1, 0))).tobytes()  # each line begins with its filter: none
    chunks = (b"IHDR", struct.pack(">2I", width, height) + _GREY), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    return _SIGNATURE + b"".join(map(_chunk, *zip(*chunks, strict=True)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
