"""The digest that names an object by its encoded data set, so that the same object is known when it comes again.

XXH3, of 128 bits: 0.02 ms for a slice of 0.53 MB, against 0.12 ms for BLAKE3 and 0.30 ms for SHA-256. No secret and no
proof rests on it. Only objects of one SOPInstanceUID are ever compared by it, and who could make two of them with
one digest is the PACS that they come from, or the site whose pseudonym that UID is.
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
