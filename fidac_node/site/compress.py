"""Lossless compression of native pixel data for a slow line: JPEG-LS or HTJ2K, each frame proven by decoding it again.

An object becomes smaller or stays as it is: it is never held and never changed for the sake of compression. The
data set's bytes before PixelData stay what they are; the same object, method and version of its package give the
same bytes again.
"""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

from fidac_node.dicom import part10
from fidac_node.dicom.lossless import METHODS, Encoded, Frame, Image, Unsuitable, codec, opened
from fidac_node.dicom.uids import EXPLICIT_VR_LE

log = logging.getLogger(__name__)

_ITEM: Final = b"\xfe\xff\x00\xe0"
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
# Encapsulated PixelData is OB and of undefined length (PS3.5 A.4).
_ENCAPSULATED: Final = struct.pack("<HH2sxxL", 0x7FE0, 0x0010, b"OB", part10.UNDEFINED_LENGTH)


class Compressor:
    """Compresses one object after another by the method ``name`` of :data:`METHODS`.

    Raises :class:`ConfigError` when its package cannot be loaded.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.transfer_syntax_uid = METHODS[name].transfer_syntax_uid
        self._codec = codec(name)
        self._kinds: set[str] = set()

    def compress(self, source: Path, target: BinaryIO) -> bool:
        """Write the object in the Part 10 file ``source``, compressed, to ``target``, a fresh file.

        ``False``: it is to stay as it is, and what ``target`` holds is to be thrown away. Each kind of reason is
        logged once. Raises ``OSError``.
        """
        try:
            with opened(source, {EXPLICIT_VR_LE}) as found:
                self._write(found, target)
        except OSError:
            raise
        except Unsuitable as reason:
            self._log_once(str(reason))
            return False
        except Exception as error:  # any doubt leaves it as it is; a codec's words may quote what it read
            self._log_once(f"unexpected {type(error).__name__} with {METHODS[self.name].package}")
            return False
        return True

    def _write(self, found: Encoded, target: BinaryIO) -> None:
        meta = found.meta._replace(transfer_syntax_uid=self.transfer_syntax_uid)
        table = 4 * found.image.frames
        head = b"".join((part10.encode_meta(meta), found.header(), _ENCAPSULATED, _ITEM, struct.pack("<L", table)))
        target.write(head + bytes(table))
        offsets: list[int] = []
        position = 0
        for frame in found.frames():
            offsets.append(position)
            fragment = self._fragment(frame, found.image)
            target.write(fragment)
            position += len(fragment)
            if len(head) + table + position + len(_SEQUENCE_END) >= found.size:
                raise Unsuitable("they would not become smaller")
        target.write(_SEQUENCE_END)
        target.seek(len(head))
        target.write(struct.pack(f"<{len(offsets)}L", *offsets))
        target.seek(0, os.SEEK_END)

    def _fragment(self, frame: Frame, image: Image) -> bytes:
        """One frame as one Item of even length (PS3.5 A.4), decoded again and found equal to the last bit."""
        codestream = self._codec.encode(frame, image)
        codestream += bytes(len(codestream) % 2)
        if self._codec.decode(codestream, image) != frame:
            raise Unsuitable("a decoded frame is not what was encoded; report it with the node's version")
        return _ITEM + struct.pack("<L", len(codestream)) + codestream

    def _log_once(self, kind: str) -> None:
        if kind and kind not in self._kinds:
            self._kinds.add(kind)
            log.warning("some objects are sent as they are in spite of [send] compression = %r: %s", self.name, kind)
