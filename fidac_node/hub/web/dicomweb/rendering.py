"""A frame as a picture for people: rescaled, windowed, cut, scaled and encoded (PS3.18 8.3.5; PS3.3 C.11.2)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from starlette.exceptions import HTTPException

from fidac_node.hub.web.dicomweb.parameters import bad

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"

_NUMBER: Final = r"[+-]?\d{1,9}(?:\.\d{1,9})?"
_WINDOW: Final = re.compile(rf"({_NUMBER}),({_NUMBER}),(linear|linear-exact|sigmoid)", re.ASCII | re.IGNORECASE)
_PART: Final = f"({_NUMBER})?"
_VIEWPORT: Final = re.compile(rf"(\d{{1,5}}),(\d{{1,5}})(?:,{_PART},{_PART},{_PART},{_PART})?", re.ASCII)
_LARGEST: Final = 4096  # pixels of a side
_USUAL_QUALITY: Final = 90
_TYPES: Final = {(8, 0): "u1", (8, 1): "i1", (16, 0): "<u2", (16, 1): "<i2", (32, 0): "<u4", (32, 1): "<i4"}


class Viewport(NamedTuple):
    """How large the picture may be (pixels), and which part of the frame it shows; negative extents are mirrored."""

    width: int
    height: int
    left: float = 0.0
    top: float = 0.0
    across: float | None = None
    down: float | None = None


class Looks(NamedTuple):
    """How a picture is to look: ``window`` is centre, width and function; without one it is that of the header."""

    window: tuple[float, float, str] | None = None
    viewport: Viewport | None = None
    quality: int = _USUAL_QUALITY

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Looks:
        """Read the parameters of an address. Raises 400."""
        return cls(_window(query.get("window")), _viewport(query.get("viewport")), _quality(query.get("quality")))


def picture(frame: bytes, header: Dataset, number: int, looks: Looks, media_type: str) -> bytes:
    """Return the native frame ``number`` (from 1) of an object as a picture.

    Raises 406 for pixels that nobody here shows.
    """
    image = _grey(frame, header, number, looks) if header.get("SamplesPerPixel", 1) == 1 else _coloured(frame, header)
    image = _seen(image, looks.viewport) if looks.viewport else image
    output = io.BytesIO()
    if media_type == PNG:
        image.save(output, "PNG", compress_level=1)
    else:
        image.save(output, "JPEG", quality=looks.quality)
    return output.getvalue()


def _grey(frame: bytes, header: Dataset, number: int, looks: Looks) -> Image.Image:
    kind = _TYPES.get((header.BitsAllocated, header.get("PixelRepresentation", 0)))
    size = header.Rows * header.Columns
    if kind is None or len(frame) < size * header.BitsAllocated // 8:
        raise _not_shown()
    values: NDArray[np.float32] = np.frombuffer(frame, kind, size).astype(np.float32)
    values *= float(_first(header, number, "RescaleSlope", 1))
    values += float(_first(header, number, "RescaleIntercept", 0))
    shown = _windowed(values, looks.window or _own_window(header, number, values))
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        shown = 1 - shown
    pixels = np.clip(shown * 255 + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels.reshape(header.Rows, header.Columns), "L")


def _windowed(values: NDArray[np.float32], window: tuple[float, float, str]) -> NDArray[np.float32]:
    """Values from 0, black, to 1, white (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    centre, width, function = window
    if function == "sigmoid":
        shown = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80)))
    elif function == "linear-exact":
        shown = (values - centre) / width + 0.5
    else:
        shown = (values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5
    clipped: NDArray[np.float32] = np.clip(shown, 0, 1).astype(np.float32)
    return clipped


def own_window(header: Dataset) -> tuple[float, float] | None:
    """Return centre and width of the first window of a header; ``None``: there is no usable one."""
    centre, width = (_first(header, 1, keyword, None) for keyword in ("WindowCenter", "WindowWidth"))
    return None if centre is None or width is None or float(width) < 1 else (float(centre), float(width))


def _own_window(header: Dataset, number: int, values: NDArray[np.float32]) -> tuple[float, float, str]:
    """The first window of the header; without a usable one, all values."""
    centre, width = (_first(header, number, keyword, None) for keyword in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or float(width) < 1:
        least, most = float(values.min()), float(values.max())
        return (least + most) / 2, max(most - least, 1.0), "linear-exact"
    function = str(_first(header, number, "VOILUTFunction", "LINEAR")).lower().replace("_", "-")
    return float(centre), float(width), function


def _first(header: Dataset, number: int, keyword: str, otherwise: Any) -> Any:
    """The first value of an attribute, where it stands for this frame: at the top, or in functional groups."""
    for ds in _places(header, number):
        value = ds.get(keyword)
        if value not in (None, ""):
            return value if isinstance(value, str) or not hasattr(value, "__getitem__") else value[0]
    return otherwise


def _places(header: Dataset, number: int) -> Iterator[Dataset]:
    """The data set, then the frame's macros and those that all frames share (PS3.3 C.7.6.16)."""
    yield header
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or []
    for group in [*per_frame[number - 1 : number], *(header.get("SharedFunctionalGroupsSequence") or [])]:
        for macro in group:
            if macro.VR == "SQ":
                yield from macro.value[:1]


def _coloured(frame: bytes, header: Dataset) -> Image.Image:
    size = (header.Columns, header.Rows)
    interpretation = header.get("PhotometricInterpretation", "")
    if header.get("BitsAllocated") != 8 or interpretation not in ("RGB", "YBR_FULL") or header.SamplesPerPixel != 3:
        raise _not_shown()
    if header.get("PlanarConfiguration", 0) == 1:
        planes = np.frombuffer(frame, np.uint8, 3 * size[0] * size[1]).reshape(3, -1)
        frame = planes.T.tobytes()
    mode = "RGB" if interpretation == "RGB" else "YCbCr"
    return Image.frombytes(mode, size, frame[: 3 * size[0] * size[1]]).convert("RGB")


def _seen(image: Image.Image, viewport: Viewport) -> Image.Image:
    """The part of the image that is asked for, as large as fits, in its own proportions (PS3.18 8.3.5.1.3)."""
    across = viewport.across if viewport.across is not None else image.width - viewport.left
    down = viewport.down if viewport.down is not None else image.height - viewport.top
    box = (viewport.left, viewport.top, viewport.left + abs(across), viewport.top + abs(down))
    if not (0 <= box[0] < box[2] <= image.width and 0 <= box[1] < box[3] <= image.height):
        raise bad(f"viewport: the image has {image.width} columns and {image.height} rows")
    scale = min(viewport.width / abs(across), viewport.height / abs(down))
    size = max(1, round(abs(across) * scale)), max(1, round(abs(down) * scale))
    shown = image.resize(size, Image.Resampling.BILINEAR, box=box)
    if across < 0:
        shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return shown.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if down < 0 else shown


def _window(text: str | None) -> tuple[float, float, str] | None:
    if text is None:
        return None
    found = _WINDOW.fullmatch(text)
    if not found or float(found[2]) <= 0 or (found[3].lower() == "linear" and float(found[2]) < 1):
        raise bad("window: write centre,width,function: linear (1 wide at least), linear-exact or sigmoid")
    return float(found[1]), float(found[2]), found[3].lower()


def _viewport(text: str | None) -> Viewport | None:
    if text is None:
        return None
    found = _VIEWPORT.fullmatch(text)
    if not found or not all(0 < int(side) <= _LARGEST for side in found.group(1, 2)):
        raise bad(f"viewport: write width,height or width,height,x,y,columns,rows; {_LARGEST} pixels a side at most")
    left, top = (float(one) if one else 0.0 for one in found.group(3, 4))
    across, down = (float(one) if one else None for one in found.group(5, 6))
    if across == 0 or down == 0:
        raise bad("viewport: nothing is shown of no columns or no rows")
    return Viewport(int(found[1]), int(found[2]), left, top, across, down)


def _quality(text: str | None) -> int:
    if text is None:
        return _USUAL_QUALITY
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 100):
        raise bad("quality: write a whole number from 1 to 100")
    return int(text)


def _not_shown() -> HTTPException:
    return HTTPException(406, "nobody here makes a picture of such pixels: fetch its frames")
