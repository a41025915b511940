"""Compressed frames as words, where a codec for them is installed.

To look whether bits are used that the header leaves out.
"""

from __future__ import annotations

from typing import Any

from fidac_node.deidentify.pixels import codestream
from fidac_node.errors import Permanent

_WHAT_TO_DO = "install fidac-node[htj2k], which has the codec, or decompress the study at the PACS and send it again"


def words(frame: bytes | bytearray, family: str) -> bytes:
    """The pixels of one frame as 16-bit words in little endian.

    Raises :class:`Permanent` ``pixel-risk`` if it cannot be decoded here.
    """
    try:
        import imagecodecs
    except ImportError:
        raise Permanent(
            "pixel-risk",
            "the compressed pixels have more bits than BitsStored says, "
            f"and nothing here can look into them: {_WHAT_TO_DO}",
        ) from None
    decode: Any = {
        codestream.JPEG: imagecodecs.jpeg_decode,
        codestream.JPEG_LS: imagecodecs.jpegls_decode,
        codestream.JPEG_2000: imagecodecs.jpeg2k_decode,
    }[family]
    try:
        decoded = decode(bytes(frame))
    except Exception as error:  # whatever a codec raises; its text may quote the data
        raise Permanent("pixel-risk", f"the compressed pixels cannot be decoded ({type(error).__name__})") from None
    return bytes(decoded.astype("<i2" if decoded.dtype.kind == "i" else "<u2").tobytes())
