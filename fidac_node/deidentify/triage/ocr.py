"""Looking for text that is burned into the pixels (PS3.15 E.3.1): a detector, never a reader.

It is for what rules alone would let pass: a screen or a derived series that a site chose to check, one CT slice of a
series or in so many. Of derived slices the values are looked at too: what is no CT is a picture of one.
Tesseract, a program of the operating system, does the looking; what it reads is counted and forgotten,
so that no name goes into a message or a log. Nothing found is no proof, text found is a reason to hold.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

from fidac_node.deidentify.triage.triage import EVERY_FRAME, SERIES, Rules, Verdict
from fidac_node.errors import ConfigError, FidacError, Permanent, Temporary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Image: TypeAlias = NDArray[np.uint8]
    Values: TypeAlias = NDArray[np.floating[Any]]

PROGRAM: Final = "tesseract"
# Of one picture; a slice takes a quarter of a second.
TIMEOUT_SECONDS: Final = 60.0
# Length and confidence (percent) of a word. Anatomy looks like short words of little confidence: in 332
# pictures of 141 chest and head slices no word of four letters got more than 68, none of three more than
# 76, and no picture had two of three letters above 60.
_SURE: Final = ((4, 75.0), (3, 85.0))
_DOUBTFUL: Final = (3, 60.0)
_COLUMNS: Final = 12
_TABLE: Final = "level\tpage_num\t"
_WORD_LEVEL: Final = "5"
# Letters of a scanner's annotation are 8 to 12 pixels high; tesseract wants 20.
_LARGE_ENOUGH: Final = 1024
_BODY_WINDOW: Final = (-1350.0, 250.0)  # HU: from air to soft tissue
# How often a single value occurs that writes words: more rarely it writes none, more often it is background.
_FEWEST: Final = 40
_LARGEST_PART: Final = 0.05
_SPIKES: Final = 2
_LOOK: Final = "look at it, then release or drop it"
# HU of a slice: the extended scale of CT down to what pads it, up to 15 bits for metal; and in every slice there is
# something as light as fat, be it the air around. A picture in shades of grey begins at 0.
_PLAUSIBLE: Final = (-10240.0, 31743.0)
_LIGHT: Final = -100.0


@dataclass(frozen=True)
class Box:
    """Where a word was found: pixels from the left and top; confidence in percent; length in characters."""

    left: int
    top: int
    width: int
    height: int
    confidence: float
    length: int


def available() -> bool:
    """Say whether tesseract is installed."""
    return shutil.which(PROGRAM) is not None


def feasible(rules: Rules) -> Rules:
    """``rules`` as they can be kept here: one image of each series is looked at if tesseract is installed, else none.

    What a site has asked for by number stays, and the start fails without tesseract (:func:`require`).
    """
    return replace(rules, ocr_sample=0) if rules.ocr_sample == SERIES and not available() else rules


def require() -> str:
    """The version of tesseract; raises :class:`ConfigError` if it is not installed or cannot read English."""
    install = (
        "install it (sudo apt-get install tesseract-ocr), "
        'or set ocr_sample = 0, secondary_captures = "hold" and derived = "hold"'
    )
    if not available():
        raise ConfigError(f"[deidentify] looking for burned-in text needs the program {PROGRAM}: {install}")
    try:
        version = _run(["--version"], b"", 10.0).decode("utf-8", "replace").split("\n", 1)[0].strip()
        languages = _run(["--list-langs"], b"", 10.0).decode("utf-8", "replace").split()
    except (Temporary, Permanent) as error:
        raise ConfigError(f"[deidentify] {PROGRAM} does not run: {error}; {install}") from error
    if "eng" not in languages:
        raise ConfigError(f"[deidentify] {PROGRAM} has no data for English: sudo apt-get install tesseract-ocr-eng")
    return version


def find_text(
    frame: bytes | bytearray | memoryview, width: int, height: int, timeout: float = TIMEOUT_SECONDS
) -> list[Box]:
    """The words in a grey image of ``width`` times ``height`` bytes, without saying which.

    Raises :class:`Temporary` if tesseract cannot be started, :class:`Permanent` if it fails or takes
    longer than ``timeout`` seconds.
    """
    if width < 1 or height < 1 or len(frame) != width * height:
        raise ValueError(f"{len(frame)} bytes are no image of {width} x {height}")
    picture = b"P5\n%d %d\n255\n" % (width, height) + bytes(frame)
    # 11: words anywhere, in no order. The resolution is only what the size of letters is guessed from.
    found = _run(["-", "-", "-l", "eng", "--psm", "11", "--dpi", "150", "tsv"], picture, timeout)
    head, *lines = found.decode("utf-8", "replace").split("\n")
    if not head.startswith(_TABLE):
        raise Permanent(
            "pixel-risk", f"{PROGRAM} made no table of words (is its file tessdata/configs/tsv missing?); {_LOOK}"
        )
    return [box for line in lines if (box := _box(line)) is not None]


def examine(file: BinaryIO, verdict: Verdict) -> None:
    """Do with the pixels of a Part 10 file what triage demands: look for text in them, and at their values.

    Raises as :func:`inspect` does.
    """
    inspect(file, verdict.look, hounsfield=verdict.hounsfield)


def inspect(file: BinaryIO, frames: int = EVERY_FRAME, *, hounsfield: bool = False) -> None:
    """Look at so many frames of a Part 10 file that is open for reading, from the first on.

    ``hounsfield``: their values must be those of a CT.

    Raises :class:`Permanent` ``pixel-risk`` if there is text, or if the pixels cannot be looked at;
    :class:`Temporary` if tesseract cannot be started.
    """
    number = 0
    for number, values in enumerate(islice(grey_frames(file, hounsfield), frames), start=1):
        if hounsfield and not is_plausible(values):
            raise Permanent(
                "pixel-risk", f"the pixel values of frame {number} are not those of a CT: a picture of slices? {_LOOK}"
            )
        boxes = look(values)
        if boxes:
            first = min(boxes, key=lambda box: (box.top, box.left))
            count = f"{len(boxes)} word{'s' if len(boxes) > 1 else ''}"
            where = f"frame {number}, {count}, the first at x {first.left}, y {first.top}"
            raise Permanent("pixel-risk", f"text was found burned into the pixels ({where}); {_LOOK}")
    if not number:
        raise Permanent("pixel-risk", f"there is no frame to look for text in; {_LOOK}")


def is_plausible(values: Values) -> bool:
    """Say whether the values of a frame can be Hounsfield units of a body or of the air around it."""
    low, high = float(values.min()), float(values.max())
    return _PLAUSIBLE[0] <= low <= _LIGHT and high <= _PLAUSIBLE[1]


def look(values: Values) -> list[Box]:
    """The words in one frame: rows and columns of Hounsfield units, or of any other grey values.

    The frame is looked at in full range, in a window of the body, and as the values that stick out of
    its histogram: whoever writes into pixels writes with one value.
    """
    scale = 2 if max(values.shape) < _LARGE_ENOUGH else 1
    for image in _views(values):
        picture = _doubled(image) if scale == 2 else image
        height, width = picture.shape
        found = _words(find_text(picture.tobytes(), width, height))
        if found:
            return [
                replace(
                    box,
                    left=box.left // scale,
                    top=box.top // scale,
                    width=box.width // scale,
                    height=box.height // scale,
                )
                for box in found
            ]
    return []


def _words(boxes: list[Box]) -> list[Box]:
    """What is a word and no rib: one that tesseract is sure of, or two of which it is less so."""
    found = [box for box in boxes if box.length >= _DOUBTFUL[0] and box.confidence >= _DOUBTFUL[1]]
    sure = any(box.length >= length and box.confidence >= confidence for box in found for length, confidence in _SURE)
    return found if sure or len(found) > 1 else []


def _views(values: Values) -> Iterator[Image]:
    """Dark on light, as tesseract likes it."""
    import numpy as np

    low, high = float(values.min()), float(values.max())
    if low == high:
        return
    yield _window(values, low, high)
    if low < _BODY_WINDOW[0] / 2 and high > _BODY_WINDOW[1]:
        yield _window(values, *_BODY_WINDOW)
    for value in _spikes(values, high):
        yield np.where(values == value, 0, 255).astype(np.uint8)


def _window(values: Values, low: float, high: float) -> Image:
    import numpy as np

    shown: Image = (255 - np.clip((values - low) * (255 / (high - low)), 0, 255)).astype(np.uint8)
    return shown


def _spikes(values: Values, high: float) -> list[float]:
    """The values that occur far more often than those beside them, the highest value among them."""
    import numpy as np

    found, counts = np.unique(values, return_counts=True)
    beside = np.maximum(np.roll(counts, 1), np.roll(counts, -1))
    alone = (found == high) | (counts > 4 * beside)
    chosen = np.flatnonzero(alone & (counts >= _FEWEST) & (counts <= values.size * _LARGEST_PART))
    return [float(found[index]) for index in sorted(chosen, key=lambda index: -int(counts[index]))[:_SPIKES]]


def _doubled(image: Image) -> Image:
    """Twice as wide and high, smoothed: tesseract reads no staircase."""
    import numpy as np

    large = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1).astype(np.uint16)
    large[1:-1] = (large[:-2] + 2 * large[1:-1] + large[2:]) // 4
    large[:, 1:-1] = (large[:, :-2] + 2 * large[:, 1:-1] + large[:, 2:]) // 4
    return large.astype(np.uint8)


def grey_frames(file: BinaryIO, stored: bool = False) -> Iterator[Values]:
    """The frames of a file one by one, as grey values; ``stored``: without bits that are no part of the image.

    Raises :class:`Permanent` if they cannot be decoded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's remarks quote values
        try:
            yield from _decoded(file, stored)
        except (FidacError, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's, and not what pydicom says of a file that it cannot read
            kind = type(error).__name__
            raise Permanent(
                "pixel-risk", f"the pixels cannot be decoded here, so nothing looked for text in them ({kind}); {_LOOK}"
            ) from None


def _decoded(file: BinaryIO, stored: bool) -> Iterator[Values]:
    import numpy as np
    from pydicom import dcmread
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import iter_pixels

    ds = dcmread(file, stop_before_pixels=True)
    file.seek(0)
    slope, intercept = float(ds.get("RescaleSlope") or 1), float(ds.get("RescaleIntercept") or 0)
    if not math.isfinite(slope * intercept):
        slope, intercept = 1.0, 0.0
    palette = ds.get("PhotometricInterpretation") == "PALETTE COLOR"
    for frame in iter_pixels(file):
        shown = apply_color_lut(frame, ds) if palette else frame
        values = np.asarray(_of_stored_bits(shown, int(ds.BitsStored)) if stored else shown, dtype=np.float32)
        # Of colours their brightest, which white and coloured letters share.
        yield values.max(axis=2) if values.ndim == 3 else values * np.float32(slope) + np.float32(intercept)


def _of_stored_bits(frame: NDArray[Any], bits: int) -> NDArray[Any]:
    """The pixels without what is above BitsStored (PS3.5 8.1.1); the sign of a signed one goes up through it."""
    above = frame.dtype.itemsize * 8 - bits
    shifted: NDArray[Any] = (frame << above) >> above
    return shifted


def _box(line: str) -> Box | None:
    """One line of tesseract's table of words, if it is a word."""
    columns = line.rstrip("\r").split("\t")
    if len(columns) < _COLUMNS or columns[0] != _WORD_LEVEL:
        return None
    left, top, width, height = (int(column) for column in columns[6:10])
    length = sum(map(str.isalnum, columns[11]))
    return Box(left, top, width, height, float(columns[10]), length) if length else None


def _run(arguments: list[str], given: bytes, timeout: float) -> bytes:
    """What tesseract says; one thread, because there is a worker per core."""
    passed = {name: os.environ[name] for name in ("PATH", "TESSDATA_PREFIX") if name in os.environ}
    try:
        done = subprocess.run(
            [shutil.which(PROGRAM) or PROGRAM, *arguments],
            input=given,
            capture_output=True,
            timeout=timeout,
            env={**passed, "OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Permanent(
            "pixel-risk", f"the search for burned-in text took longer than {timeout:g} seconds; {_LOOK}"
        ) from None
    except OSError as error:
        raise Temporary(f"{PROGRAM} cannot be started: {error.strerror}; sudo apt-get install tesseract-ocr") from None
    if done.returncode < 0:
        raise Temporary(f"{PROGRAM} was killed by signal {-done.returncode}; it is tried again")
    if done.returncode:
        raise Permanent(
            "pixel-risk", f"the search for burned-in text failed ({PROGRAM} ended with {done.returncode}); {_LOOK}"
        )
    return done.stdout
