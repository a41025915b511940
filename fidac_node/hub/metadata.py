"""What each object of a series says of itself, in DICOM JSON (PS3.18 10.4.1.1.2), kept beside the files of the series.

``METADATA`` in the folder of a series has a line for each object, ``SOPInstanceUID digest checksum JSON``; of two lines
for one object the later holds. The digest is that of the data set which the line was made of: one that is not what was
filed (:mod:`.digests`), or that the disk has changed, counts for nothing. So nothing here has to be synced or is ever
wrong: what is missing is made anew.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import re
import zlib
from collections.abc import Collection, Mapping
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple

from fidac_node.dicom import elements, json_model, part10, series
from fidac_node.dicom.part10 import PIXEL_DATA, Buffer
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, IMPLICIT_VR_LE

log = logging.getLogger(__name__)

FILE: Final = "METADATA"

_LINE: Final = re.compile(rb"([0-9.]{1,64}) ([a-z2-7]{16}) ([0-9a-f]{8}) (\{.*\})")


class Said(NamedTuple):
    """What an object says, in JSON: of the data set with this digest."""

    digest: str
    text: bytes


class Writer:
    """Makes the JSON of objects of the archive; what slices have in common is made once."""

    def __init__(self) -> None:
        self._cutters = series.cutters()
        self._json = json_model.Writer()

    def made(self, path: Path | str, limit: int) -> bytes:
        """Return the JSON of a Part 10 file; ``limit`` (bytes) bounds what a deflated one may inflate to.

        Raises ``OSError``, :class:`~fidac_node.dicom.part10.Malformed`.
        """
        with FileIO(path) as fp:
            meta, offset = part10.read_meta(fp)
            syntax, size = meta.transfer_syntax_uid, os.fstat(fp.fileno()).st_size
            if syntax == EXPLICIT_VR_BE:
                from fidac_node.hub.transcode import header  # none comes from a scanner of this century

                encoded, pixels = header(Path(path))
                return self._written(encoded, 0, len(encoded), explicit=True, pixels=pixels)
            with mmap.mmap(fp.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
                if syntax == DEFLATED_EXPLICIT_VR_LE:
                    encoded = part10.inflate(buffer[offset:], limit)
                    return self._written(encoded, 0, len(encoded), explicit=True)
                return self._written(buffer, offset, size, explicit=syntax != IMPLICIT_VR_LE)

    def _written(self, buffer: Buffer, start: int, end: int, *, explicit: bool, pixels: bool = False) -> bytes:
        """The JSON of ``buffer[start:end]``; with ``pixels`` PixelData follows, which is left out there."""
        cut, position = self._cutters[explicit].split(buffer, start, end)
        members = [self._json.write(cut.elements, explicit=explicit)]
        if position < end:
            pixel_data = part10.element_at(buffer, position, end, explicit=explicit)
            members.append(json_model.bulk(pixel_data.tag, pixel_data.vr.decode("ascii") or "OW"))
            if pixel_data.after < end:
                behind, _ = elements.split(buffer, pixel_data.after, end, explicit=explicit)
                members.append(self._json.write(behind, explicit=explicit))
        elif pixels:
            members.append(json_model.bulk(PIXEL_DATA, "OW"))
        return ("{" + ",".join(filter(None, members)) + "}").encode("utf-8", "replace")


def read(folder: Path | str) -> dict[str, Said]:
    """Return what is kept of a series, by SOP Instance UID. Raises ``OSError``."""
    try:
        with FileIO(f"{folder}/{FILE}") as file:
            content = file.readall()
    except FileNotFoundError:
        return {}
    return {
        line[1].decode("ascii"): Said(line[2].decode("ascii"), line[4])
        for line in filter(None, map(_LINE.fullmatch, content.split(b"\n")))
        if zlib.crc32(line[4]) == int(line[3], 16)
    }


def add(folder: Path | str, said: Mapping[str, Said]) -> None:
    """Keep more of a series, whoever else does at the time. Raises ``OSError``."""
    lines = b"".join(_line(sop, one) for sop, one in said.items())
    with FileIO(os.open(f"{folder}/{FILE}", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "r+") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        size = os.fstat(file.fileno()).st_size
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            lines = b"\n" + lines  # a crash has cut the last line
        file.write(lines)


def forget(folder: Path | str, sops: Collection[str]) -> None:
    """Keep nothing of these objects: what is withdrawn says nothing any more. Raises ``OSError``."""
    kept = {sop: one for sop, one in read(folder).items() if sop not in sops}
    path = Path(folder, FILE)
    if not kept:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(b"".join(_line(sop, one) for sop, one in kept.items()))
    temporary.replace(path)


def _line(sop_instance_uid: str, said: Said) -> bytes:
    head = f"{sop_instance_uid} {said.digest} {zlib.crc32(said.text):08x} "
    return b"".join((head.encode("ascii"), said.text, b"\n"))
