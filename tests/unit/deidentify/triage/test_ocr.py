"""Text that is burned into pixels is found and never repeated; what cannot be looked at is held."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import JPEGLSLossless

from fidac_node.deidentify.source import open_source
from fidac_node.deidentify.triage import ocr
from fidac_node.deidentify.triage.triage import EVERY_FRAME, SERIES, Rules, Verdict
from fidac_node.errors import ConfigError, Permanent, Temporary
from fidac_node.phantom import series
from tests.unit.deidentify import build

pytestmark = pytest.mark.thorough

needs_tesseract = pytest.mark.interop("tesseract")
NAME = "QUENOUILLE Zephyrine"
LINES = f"{NAME}\n14/07/1961 IPP 8003412"


def letters(shape: tuple[int, int], place: tuple[int, int], size: int = 12) -> Any:
    """Where the ink is, as scanners write: pixels that are set or not."""
    mask = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(mask).text(place, LINES, font=ImageFont.load_default(size), fill=1)
    return np.asarray(mask)


@pytest.fixture(scope="module")
def slices() -> list[Dataset]:
    return list(series(slices=20))


def written(path: Path, ds: Dataset, pixels: Any = None) -> Path:
    if pixels is not None:
        ds.PixelData = np.ascontiguousarray(pixels).tobytes()
    dcmwrite(path, ds, enforce_file_format=True)
    return path


def copy_of(ds: Dataset, tmp_path: Path) -> Any:
    return dcmread(written(tmp_path / "copy.dcm", ds))


def inspect(path: Path, frames: int = EVERY_FRAME) -> None:
    """As worker and command do: the pixels as the engine has read them."""
    with open_source(path, 1 << 30) as source, source.picture() as file:
        ocr.inspect(file, frames)


def examine(path: Path, verdict: Verdict) -> None:
    with open_source(path, 1 << 30) as source, source.picture() as file:
        ocr.examine(file, verdict)


def reason(path: Path) -> str:
    with pytest.raises(Permanent) as caught:
        inspect(path)
    assert caught.value.code == "pixel-risk"
    return str(caught.value)


def program(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = directory / ocr.PROGRAM
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


@needs_tesseract
@pytest.mark.parametrize("size", [9, 14])
@pytest.mark.parametrize(("place", "value"), [((8, 8), "brightest"), ((160, 230), "brightest"), ((160, 230), "bone")])
def test_a_name_burned_into_a_slice_is_found_and_not_repeated(
    tmp_path: Path, slices: list[Dataset], place: tuple[int, int], value: str, size: int
) -> None:
    ds = copy_of(slices[9], tmp_path)
    pixels = ds.pixel_array.copy()
    pixels[letters(pixels.shape, place, size)] = (
        pixels.max() if value == "brightest" else 1000 - int(ds.RescaleIntercept)
    )
    said = reason(written(tmp_path / "burned.dcm", ds, pixels))
    assert "text was found burned into the pixels (frame 1, " in said and "look at it, then release or drop it" in said
    assert not any(word.lower() in said.lower() for word in (*LINES.split(), "1961"))


@needs_tesseract
def test_in_clean_slices_nothing_is_found(tmp_path: Path, slices: list[Dataset]) -> None:
    for ds in slices:
        inspect(written(tmp_path / "clean.dcm", ds))


@needs_tesseract
@pytest.mark.parametrize(
    "study", ["siemens_chest_b70f", "philips_chest_5mm", "covid_nysbu_slices", "ge_lidc0003_small"]
)
def test_in_real_slices_nothing_is_found(shared_data: Callable[[str], Path], study: str) -> None:
    for path in sorted(path for path in shared_data(study).rglob("*.dcm"))[::16]:
        inspect(path)


@needs_tesseract
def test_in_the_screens_of_a_scanner_text_is_found(shared_data: Callable[[str], Path]) -> None:
    paths = sorted(shared_data("philips_burned_in_sc").rglob("*.dcm"))
    assert paths
    for path in paths:
        said = reason(path)
        assert "PLASTIC" not in said and "words" in said


@needs_tesseract
def test_a_colour_screen_is_looked_at(tmp_path: Path, slices: list[Dataset]) -> None:
    ds = copy_of(slices[0], tmp_path)
    screen = np.full((256, 512, 3), (0, 0, 90), np.uint8)
    screen[letters((256, 512), (20, 60), 14)] = (230, 210, 60)
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = (
        256,
        512,
        3,
        "RGB",
        0,
    )
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds["PixelData"].VR = "OB"
    assert "text was found" in reason(written(tmp_path / "screen.dcm", ds, screen))


@needs_tesseract
def test_every_frame_is_looked_at_or_so_many_as_are_asked_for(tmp_path: Path, slices: list[Dataset]) -> None:
    ds = copy_of(slices[9], tmp_path)
    clean = ds.pixel_array
    burned = clean.copy()
    burned[letters(clean.shape, (8, 8))] = clean.max()
    ds.NumberOfFrames = 3
    path = written(tmp_path / "frames.dcm", ds, np.stack([clean, clean, burned]))
    assert "(frame 3, " in reason(path)
    inspect(path, 2)


DERIVED = Verdict("image", 0, EVERY_FRAME, hounsfield=True)


@needs_tesseract
def test_slices_whose_values_are_those_of_a_ct_pass_when_they_hold_no_text(
    tmp_path: Path, slices: list[Dataset]
) -> None:
    ds = copy_of(slices[9], tmp_path)
    examine(written(tmp_path / "clean.dcm", ds), DERIVED)
    pixels = ds.pixel_array.copy()
    pixels[letters(pixels.shape, (8, 8))] = pixels.max()
    with pytest.raises(Permanent, match="text was found burned into the pixels"):
        examine(written(tmp_path / "burned.dcm", ds, pixels), DERIVED)


@pytest.mark.parametrize(
    ("values", "intercept", "plausible"),
    [
        ([0, 1024, 4095], -1024, True),
        ([24, 24], -1024, True),
        ([0, 255], 0, False),
        ([0, 4095], 0, False),
        ([1000, 1300], -1024, False),
        ([0, 0xFFFF], -1024, False),
        ([0, 2000], -32768, False),
    ],
)
def test_a_picture_in_shades_of_grey_is_no_ct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[int], intercept: int, plausible: bool
) -> None:
    monkeypatch.setattr(ocr, "look", lambda values: [])
    ds = build.ct(RescaleIntercept=str(intercept), RescaleSlope="1", BitsStored=16, HighBit=15)
    ds.PixelData = np.array([values[number % len(values)] for number in range(16)], "<u2").tobytes()
    path = build.write(tmp_path / "a.dcm", ds)
    inspect(path)
    if plausible:
        examine(path, DERIVED)
        return
    with pytest.raises(Permanent, match="are not those of a CT") as caught:
        examine(path, DERIVED)
    assert caught.value.code == "pixel-risk"


@pytest.mark.parametrize("signed", [False, True])
def test_what_is_above_the_stored_bits_makes_no_value_implausible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed: bool
) -> None:
    monkeypatch.setattr(ocr, "look", lambda values: [])
    ds = build.ct(RescaleIntercept="0" if signed else "-1024", RescaleSlope="1", PixelRepresentation=int(signed))
    stored = [-1000, 40] if signed else [24, 1064]
    ds.PixelData = np.array([(value & 0xFFF) | 0x6000 for value in stored] * 8, "<u2").tobytes()
    examine(build.write(tmp_path / "a.dcm", ds), DERIVED)


@needs_tesseract
def test_where_a_word_is_is_said_and_not_which() -> None:
    picture = np.where(letters((200, 700), (300, 100), 24), 0, 255).astype(np.uint8)
    boxes = ocr.find_text(picture.tobytes(), 700, 200)
    assert {field.name for field in dataclasses.fields(ocr.Box)} == {
        "left",
        "top",
        "width",
        "height",
        "confidence",
        "length",
    }
    first = next(box for box in boxes if box.length == len("QUENOUILLE"))
    assert 290 <= first.left <= 310 and 100 <= first.top <= 115 and 100 < first.width < 200 and first.confidence > 60


@needs_tesseract
def test_an_image_of_one_value_has_no_text() -> None:
    assert ocr.look(np.zeros((64, 64), np.float32)) == []
    assert ocr.find_text(bytes([255]) * 64 * 64, 64, 64) == []


@needs_tesseract
def test_the_version_is_told_at_the_start() -> None:
    assert ocr.available() and ocr.require().startswith("tesseract ")


@needs_tesseract
def test_what_takes_too_long_is_held() -> None:
    with pytest.raises(Permanent, match=r"took longer than 0\.001 seconds; look at it"):
        ocr.find_text(bytes(1 << 20), 1 << 10, 1 << 10, timeout=0.001)


def test_pixels_that_cannot_be_decoded_are_held(tmp_path: Path, slices: list[Dataset]) -> None:
    ds = copy_of(slices[0], tmp_path)
    ds.file_meta.TransferSyntaxUID = JPEGLSLossless
    ds["PixelData"].VR = "OB"
    ds.PixelData = encapsulate([b"\xff\xd8QUENOUILLE\xff\xd9"])
    said = reason(written(tmp_path / "jpegls.dcm", ds))
    assert "cannot be decoded here, so nothing looked for text" in said and "QUENOUILLE" not in said


def test_an_object_without_pixels_is_held(tmp_path: Path, slices: list[Dataset]) -> None:
    ds = copy_of(slices[0], tmp_path)
    del ds.PixelData
    assert "cannot be decoded here" in reason(written(tmp_path / "none.dcm", ds))


def test_without_the_program_the_start_fails_and_the_object_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not ocr.available()
    with pytest.raises(ConfigError, match="sudo apt-get install tesseract-ocr"):
        ocr.require()
    with pytest.raises(Temporary, match="cannot be started"):
        ocr.find_text(bytes(4), 2, 2)


def test_where_it_is_not_installed_only_what_a_site_asked_for_by_number_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "exit 0")
    assert ocr.feasible(Rules(ocr_sample=SERIES)) == Rules(ocr_sample=SERIES)
    monkeypatch.setenv("PATH", "")
    assert ocr.feasible(Rules(ocr_sample=SERIES)) == Rules(ocr_sample=0)
    assert ocr.feasible(Rules(ocr_sample=20)) == Rules(ocr_sample=20)


def test_a_program_that_fails_holds_the_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "cat >/dev/null; echo QUENOUILLE >&2; exit 3")
    with pytest.raises(Permanent, match=r"failed \(tesseract ended with 3\)") as caught:
        ocr.find_text(bytes(4), 2, 2)
    assert caught.value.code == "pixel-risk" and "QUENOUILLE" not in str(caught.value)
    with pytest.raises(ConfigError, match="does not run"):
        ocr.require()


def test_a_program_that_answers_something_else_holds_the_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "cat >/dev/null; echo QUENOUILLE")
    with pytest.raises(Permanent, match="made no table of words"):
        ocr.find_text(bytes(4), 2, 2)


def test_a_program_that_is_killed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "cat >/dev/null; kill -9 $$")
    with pytest.raises(Temporary, match="killed by signal 9"):
        ocr.find_text(bytes(4), 2, 2)


def test_a_program_without_english_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "echo tesseract 5.3.0; echo fra")
    with pytest.raises(ConfigError, match="tesseract-ocr-eng"):
        ocr.require()


@pytest.mark.parametrize(("width", "height"), [(3, 3), (0, 4), (-2, -2)])
def test_bytes_that_are_no_such_image_are_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="are no image of"):
        ocr.find_text(bytes(4), width, height)
