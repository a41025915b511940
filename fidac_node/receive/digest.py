"""The digest that names an object by its encoded data set, so that the same object is known when it comes again.

BLAKE3: as safe as SHA-256, and 3 times as fast where the processor has instructions for SHA (0.09 ms for a slice
of 0.53 MB, against 0.30 ms), more where it has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from blake3 import blake3

from fidac_node.system.base32 import base32

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import RawIOBase
    from pathlib import Path
    from typing import BinaryIO

Digest = blake3
_CHARACTERS: Final = 16
_PIECE: Final = 1 << 20


def digest_of(path: Path, offset: int = 0) -> bytes:
    """The digest of a file's bytes from ``offset`` on. Raises ``OSError``."""
    with path.open("rb") as fp:
        return digest_from(fp, offset)


def digest_from(file: BinaryIO | RawIOBase, offset: int, rest: Callable[[int], object] | None = None) -> bytes:
    """As :func:`digest_of`, of an open file; ``rest`` is called with the size of each piece. Raises ``OSError``."""
    file.seek(offset)
    found = Digest()
    while piece := file.read(_PIECE):
        found.update(piece)
        if rest is not None:
            rest(len(piece))
    return found.digest()


def spelled(digest: bytes) -> str:
    """As an object's name spells a digest: its first 80 bits in base32."""
    return base32(digest, _CHARACTERS)
