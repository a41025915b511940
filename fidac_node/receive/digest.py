"""The digest that names an object by its encoded data set, so that the same object is known when it comes again.

XXH3, of 128 bits: 0.02 ms for a slice of 0.53 MB, against 0.12 ms for BLAKE3 and 0.30 ms for SHA-256. Only objects of
one SOPInstanceUID are ever compared by it. It is no proof against intent: a sender that is let in, and knows an object's
bytes before it comes, could send another one of the same digest first, and the object would count as come again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xxhash import xxh3_128

if TYPE_CHECKING:
    from pathlib import Path

Digest = xxh3_128
_PIECE: Final = 1 << 20


def digest_of(path: Path, offset: int = 0) -> bytes:
    """The digest of a file's bytes from ``offset`` on. Raises ``OSError``."""
    with path.open("rb") as fp:
        fp.seek(offset)
        found = Digest()
        while piece := fp.read(_PIECE):
            found.update(piece)
    return found.digest()
