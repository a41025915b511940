"""Compression of pixels.

What comes out decodes to the last bit, everywhere, and what cannot be proven stays as it is.
"""

from __future__ import annotations

import io
import logging
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import jpeg_ls
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import generate_fragments, generate_frames, parse_basic_offsets
from pydicom.pixels import iter_pixels, pixel_array

from fidac_node.config.config import load_site
from fidac_node.config.sections import COMPRESSIONS
from fidac_node.dicom import lossless, part10
from fidac_node.dicom.lossless import METHODS, Image, Unsuitable, same_image
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, TRANSFER_SYNTAXES
from fidac_node.errors import ConfigError
from fidac_node.site.compress import Compressor
from tests.unit.deidentify import build

SIZE = 24
NAMES = sorted(METHODS)
SEED = 20240317


def pixels(
    rows: int = SIZE, columns: int = SIZE, *, dtype: str = "<u2", low: int = 0, high: int = 4096, frames: int = 1
) -> bytes:
    """A slope with some noise, as a scanner's: it gets smaller, though not to nothing."""
    slope = np.linspace(low + 3, high - 4, rows * columns * frames)
    noise = np.random.default_rng(SEED).integers(-3, 4, slope.size)
    return (slope + noise).astype(dtype).tobytes()


def image(path: Path, *, transfer_syntax: str = EXPLICIT_VR_LE, **values: Any) -> Path:
    """A CT image of :data:`SIZE` squared as the de-identifier writes it: pixel data last, nothing in the preamble."""
    ds = build.ct(**{"Rows": SIZE, "Columns": SIZE, "PixelData": pixels(), **values})
    build.write(path, ds, transfer_syntax)
    content = path.read_bytes()
    meta, offset = part10.read_meta(io.BytesIO(content))
    path.write_bytes(part10.encode_meta(meta) + content[offset:])
    return path


def signed(stored: int, **values: Any) -> dict[str, Any]:
    """The attributes of signed pixels over the whole range of ``stored`` bits."""
    data = pixels(dtype="<i2", low=-1 << stored - 1, high=1 << stored - 1)
    return {"PixelRepresentation": 1, "BitsStored": stored, "HighBit": stored - 1, "PixelData": data, **values}


def squeeze(name: str, path: Path) -> Path | None:
    """The compressed object beside ``path``, or nothing."""
    target = path.with_name(f"{path.stem}.{name}.dcm")
    with target.open("w+b") as fp:
        return target if Compressor(name).compress(path, fp) else None


def squeezed(name: str, path: Path) -> Path:
    target = squeeze(name, path)
    assert target is not None
    return target


def decoded(path: Path) -> bytes:
    """Every frame as others decode it.

    JPEG-LS by pydicom, HTJ2K (which it cannot without a plugin) by OpenJPEG and OpenJPH.
    """
    ds = dcmread(path)
    if ds.file_meta.TransferSyntaxUID != METHODS["htj2k"].transfer_syntax_uid:
        return b"".join(array.tobytes() for array in iter_pixels(path, raw=True))
    frames = list(generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames", 1))))
    arrays = [[decode(frame) for frame in frames] for decode in (imagecodecs.jpeg2k_decode, imagecodecs.htj2k_decode)]
    assert all(np.array_equal(one, other) and one.dtype == other.dtype for one, other in zip(*arrays, strict=True))
    return b"".join(array.tobytes() for array in arrays[0])


CASES: dict[str, dict[str, Any]] = {
    "12 of 16 bits": {},
    "16 bits": {"BitsStored": 16, "HighBit": 15, "PixelData": pixels(high=65536)},
    "signed, 16 bits": signed(16),
    "signed, 12 of 16 bits": signed(12),
    "8 of 16 bits": {"BitsStored": 8, "HighBit": 7, "PixelData": pixels(high=256)},
    "8 bits": {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": pixels(dtype="u1", high=256)},
    "odd length": {
        "Rows": 25,
        "Columns": 23,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelData": pixels(25, 23, dtype="u1", high=256) + b"\0",
    },
    "two frames": {"NumberOfFrames": "2", "PixelData": pixels(frames=2)},
    "black on white": {"PhotometricInterpretation": "MONOCHROME1"},
    "all the same": {"PixelData": bytes(2 * SIZE * SIZE)},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", CASES)
def test_every_pixel_comes_back_and_the_header_stays_as_it_is(name: str, case: str, tmp_path: Path) -> None:
    before = image(tmp_path / "in.dcm", **CASES[case])
    after = squeezed(name, before)
    old, new = dcmread(before), dcmread(after)
    assert decoded(after) == old.PixelData[: len(decoded(after))] and len(old.PixelData) - len(decoded(after)) < 2
    assert (
        new.file_meta.TransferSyntaxUID == METHODS[name].transfer_syntax_uid
        and after.stat().st_size < before.stat().st_size
    )
    assert new["PixelData"].VR == "OB" and new["PixelData"].is_undefined_length
    del old.PixelData, new.PixelData
    assert old == new


@pytest.mark.parametrize("case", CASES)
def test_pydicom_shows_the_same_image(case: str, tmp_path: Path) -> None:
    before = image(tmp_path / "in.dcm", **CASES[case])
    assert np.array_equal(pixel_array(before), pixel_array(squeezed("jpeg-ls", before)))


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_before_the_pixel_data_and_the_rest_of_the_meta_are_the_same(name: str, tmp_path: Path) -> None:
    before = image(tmp_path / "in.dcm")
    after = squeezed(name, before)
    heads = []
    for path in (before, after):
        content = path.read_bytes()
        meta, offset = part10.read_meta(io.BytesIO(content))
        elements = list(part10.walk(content, offset, len(content), meta.transfer_syntax_uid))
        assert elements[-1].after == len(content)
        heads.append((content[offset : elements[-1].start], meta))
    (header, meta), (new_header, new_meta) = heads
    assert header == new_header
    assert meta._replace(transfer_syntax_uid=new_meta.transfer_syntax_uid) == new_meta
    assert meta.transfer_syntax_uid == EXPLICIT_VR_LE != new_meta.transfer_syntax_uid


@pytest.mark.parametrize("name", NAMES)
def test_each_frame_is_one_fragment_of_even_length_and_the_offset_table_points_at_it(name: str, tmp_path: Path) -> None:
    after = squeezed(name, image(tmp_path / "in.dcm", NumberOfFrames="5", PixelData=pixels(frames=5)))
    encapsulated = dcmread(after).PixelData
    offsets = parse_basic_offsets(encapsulated)
    fragments = list(generate_fragments(encapsulated))[1:]
    assert len(offsets) == len(fragments) == 5
    assert offsets == [sum(8 + len(fragment) for fragment in fragments[:number]) for number in range(5)]
    assert all(len(fragment) % 2 == 0 for fragment in fragments)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_object_gives_the_same_bytes_again(name: str, tmp_path: Path) -> None:
    before = image(tmp_path / "in.dcm", **signed(16))
    first = squeezed(name, before).read_bytes()
    assert squeezed(name, before).read_bytes() == first


WORDS = st.integers(2, 16).flatmap(
    lambda stored: st.tuples(
        st.just(stored),
        st.booleans(),
        st.integers(1, 9),
        st.integers(1, 9),
        st.binary(min_size=162, max_size=162),
        st.booleans(),
    )
)


@settings(max_examples=150, deadline=None)
@given(WORDS, st.sampled_from(NAMES))
def test_a_codec_gives_back_exactly_what_it_took_or_does_not_take_it(
    words: tuple[int, bool, int, int, bytes, bool], name: str
) -> None:
    stored, is_signed, rows, columns, noise, stray = words
    shape = Image(rows, columns, 1, 16, stored, is_signed)
    array = np.frombuffer(noise, shape.dtype)[: rows * columns]
    if not stray:
        array = array >> (16 - stored)
    codec = METHODS[name].codec()
    try:
        codestream = codec.encode(array.tobytes(), shape)
    except RuntimeError:
        assert name == "jpeg-ls"  # CharLS makes no room for noise in a tiny image
        return
    except Unsuitable:
        assert stray and stored < 16
        return
    assert codec.decode(codestream + bytes(len(codestream) % 2), shape) == array.tobytes()


UNSUITABLE: dict[str, tuple[dict[str, Any], str]] = {
    "overlay in the high bits": ({"PixelData": pixels()[:-2] + b"\x00\x10"}, "bits above HighBit"),
    "no sign in the high bits": (
        {"PixelRepresentation": 1, "PixelData": pixels(dtype="<u2", high=4096)},
        "bits above HighBit",
    ),
    "bits below the pixel": ({"HighBit": 15}, "not the lowest 2 to 16 bits"),
    "32 bits": (
        {"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31, "PixelData": bytes(4 * SIZE * SIZE)},
        "not the lowest 2 to 16",
    ),
    "one bit": (
        {"BitsAllocated": 8, "BitsStored": 1, "HighBit": 0, "PixelData": bytes(SIZE * SIZE)},
        "not the lowest 2 to 16 bits",
    ),
    "colour": ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}, "not grayscale"),
    "palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "not grayscale"),
    "no pixels": ({"PixelData": None}, "no pixel data"),
    "no rows": ({"Rows": 0}, "no frames"),
    "more than the frame": ({"PixelData": pixels() + bytes(2)}, "not as long as their frames"),
    "less than the frames": ({"NumberOfFrames": "2"}, "not as long as their frames"),
    "something after the pixels": ({"DataSetTrailingPadding": bytes(8)}, "something follows"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", UNSUITABLE)
def test_what_cannot_be_given_back_exactly_stays_as_it_is(
    name: str, case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values, reason = UNSUITABLE[case]
    path = image(tmp_path / "in.dcm", **values)
    content = path.read_bytes()
    assert squeeze(name, path) is None
    assert reason in caplog.text and path.read_bytes() == content


@pytest.mark.parametrize("name", NAMES)
def test_noise_that_would_grow_stays_as_it_is(name: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(SEED).bytes(2 * 256 * 256)
    assert (
        squeeze(name, image(tmp_path / "in.dcm", Rows=256, Columns=256, BitsStored=16, HighBit=15, PixelData=noise))
        is None
    )


@pytest.mark.parametrize("name", NAMES)
def test_another_transfer_syntax_passes_and_only_implicit_vr_is_worth_a_word(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compressed = squeezed(name, image(tmp_path / "in.dcm"))
    assert squeeze(name, compressed) is None and not caplog.records
    assert squeeze(name, image(tmp_path / "implicit.dcm", transfer_syntax=IMPLICIT_VR_LE)) is None
    assert "[receive] transfer_syntaxes" in caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_that_comes_back_different_leaves_the_object_as_it_is(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(METHODS[name].codec):  # type: ignore[misc,name-defined]
        def decode(self, codestream: bytes, image: Image) -> bytes:
            pixels = bytearray(super().decode(codestream, image))
            pixels[-1] ^= 1
            return bytes(pixels)

    monkeypatch.setitem(METHODS, name, METHODS[name]._replace(codec=Wrong))
    assert squeeze(name, image(tmp_path / "in.dcm")) is None
    assert "not what was encoded" in caplog.text


def test_each_kind_of_reason_is_logged_once_and_quotes_nothing_of_the_object(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> bytes:
        raise RuntimeError("QUENOUILLE^Zéphyrine")

    compressor = Compressor("jpeg-ls")
    good, colour = image(tmp_path / "1.dcm"), image(tmp_path / "2.dcm", PhotometricInterpretation="RGB")
    monkeypatch.setattr(compressor._codec, "encode", fails)
    for path in (good, colour, good, colour):
        assert not compressor.compress(path, io.BytesIO())
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "unexpected RuntimeError with pyjpegls" in caplog.text and "QUENOUILLE" not in caplog.text


def test_trouble_of_the_disk_is_no_reason_to_send_more_bytes(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Compressor("htj2k").compress(image(tmp_path / "in.dcm"), Full())


def test_many_frames_are_never_in_memory_together(tmp_path: Path) -> None:
    class Counting(io.BytesIO):
        largest = 0

        def write(self, data: Any, /) -> int:
            self.largest = max(self.largest, len(data))
            return super().write(data)

    path = image(tmp_path / "in.dcm", NumberOfFrames="200", PixelData=bytes(2 * SIZE * SIZE * 200))
    target = Counting()
    assert Compressor("jpeg-ls").compress(path, target) and target.largest < 5000 < len(target.getvalue())


# --- the same object in two encodings


@pytest.mark.parametrize("case", CASES)
def test_an_object_is_the_same_in_every_lossless_encoding(case: str, tmp_path: Path) -> None:
    native = image(tmp_path / "in.dcm", **CASES[case])
    encodings = [native, *(squeezed(name, native) for name in NAMES)]
    assert all(same_image(one, other) for one in encodings for other in encodings)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "values", [{"PatientAge": "054Y"}, {"PixelData": pixels()[:-2] + b"\1\0"}, {"Rows": 12, "Columns": 48}]
)
def test_another_header_or_another_pixel_is_another_object(name: str, values: dict[str, Any], tmp_path: Path) -> None:
    native, other = image(tmp_path / "in.dcm"), image(tmp_path / "other.dcm", **values)
    assert not any(same_image(native, one) or same_image(one, native) for one in (other, squeezed(name, other)))


def test_another_transfer_syntax_or_no_image_is_not_compared(tmp_path: Path) -> None:
    native, implicit = image(tmp_path / "in.dcm"), image(tmp_path / "implicit.dcm", transfer_syntax=IMPLICIT_VR_LE)
    report = image(tmp_path / "report.dcm", PixelData=None)
    (tmp_path / "text.dcm").write_text("no DICOM at all")
    assert not any(same_image(native, other) for other in (implicit, report, tmp_path / "text.dcm"))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_codestreams_are_another_object_and_harm_nothing(
    name: str, tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    directory = tmp_path_factory.mktemp("damaged")
    native = image(directory / "in.dcm")
    path = squeezed(name, native)
    content = bytearray(path.read_bytes())
    start = len(content) - len(dcmread(path).PixelData)
    position = data.draw(st.integers(start, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), position]))])
    assert same_image(native, path) in (False, True)  # a bit may mean nothing: it is the pixels that count
    shutil.rmtree(directory)


@pytest.mark.parametrize("name", NAMES)
def test_a_codestream_that_says_it_is_huge_is_not_decoded(name: str) -> None:
    small, large = (Image(side, side, 1, 16, 16, False) for side in (24, 4096))
    codec = METHODS[name].codec()
    codestream = codec.encode(bytes(large.frame_length), large)
    with pytest.raises(Unsuitable):
        codec.decode(codestream, small)


def test_without_the_package_two_encodings_count_as_two_objects_and_the_remedy_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = image(tmp_path / "in.dcm")
    path = squeezed("jpeg-ls", native)
    monkeypatch.setattr(lossless, "find_spec", lambda _: None)
    assert not same_image(native, path)
    assert "pip install 'fidac-node[jpeg-ls]'" in caplog.text


# --- settings


def test_the_settings_know_every_method_and_the_transfer_syntaxes_are_ones_that_we_take() -> None:
    assert set(COMPRESSIONS) == {"none", *METHODS}
    assert [TRANSFER_SYNTAXES[METHODS[name].transfer_syntax_uid] for name in ("jpeg-ls", "htj2k")] == [
        "JPEG-LS Lossless",
        "HTJ2K Lossless",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_package_stops_the_start_with_the_line_and_the_remedy(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(f'[site]\nid = "S1"\n[send]\ncompression = "{name}"\n', "utf-8")
    assert load_site(path).send.compression == name
    monkeypatch.setattr(lossless, "find_spec", lambda _: None)
    remedy = (
        rf"site.toml:4: \[send\] compression: {name} needs the package .*; "
        rf"install it: pip install 'fidac-node\[{name}\]'"
    )
    with pytest.raises(ConfigError, match=remedy):
        load_site(path)
    with pytest.raises(ConfigError, match="pip install"):
        Compressor(name)


def test_a_package_that_cannot_be_loaded_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ImportError("libcharls.so.2: cannot open shared object file")

    monkeypatch.setitem(METHODS, "jpeg-ls", METHODS["jpeg-ls"]._replace(codec=broken))
    with pytest.raises(ConfigError, match=r"pyjpegls cannot be loaded .*; install it anew"):
        Compressor("jpeg-ls")


# --- others


@pytest.mark.interop("dcmdjpls", "dcmdump")
@pytest.mark.parametrize("case", CASES)
def test_dcmtk_decodes_jpeg_ls_to_the_same_bytes(case: str, tmp_path: Path) -> None:
    before = image(tmp_path / "in.dcm", **CASES[case])
    out = tmp_path / "out.dcm"
    done = subprocess.run(["dcmdjpls", squeezed("jpeg-ls", before), out], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert dcmread(out).PixelData == dcmread(before).PixelData


@pytest.mark.interop("gdcmconv")
@pytest.mark.parametrize("case", ["12 of 16 bits", "signed, 16 bits", "signed, 12 of 16 bits", "two frames"])
def test_gdcm_decodes_jpeg_ls_to_the_same_bytes(case: str, tmp_path: Path) -> None:
    before = image(tmp_path / "in.dcm", **CASES[case])
    out = tmp_path / "out.dcm"
    done = subprocess.run(
        ["gdcmconv", "--raw", squeezed("jpeg-ls", before), out], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert dcmread(out).PixelData == dcmread(before).PixelData


@pytest.mark.parametrize(
    "study", ["siemens_chest_b70f", "ge_lidc0003_small", "covid_nysbu_slices", "philips_phantom_raw_header"]
)
@pytest.mark.parametrize("name", NAMES)
def test_real_scanners_images_come_back_to_the_last_bit_at_less_than_half_the_size(
    study: str, name: str, tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    engine = build.deidentifier()
    sizes = [0, 0]
    for number, path in enumerate(sorted(path for path in shared_data(study).rglob("*") if path.is_file())[:4]):
        native = tmp_path / f"{number}.dcm"
        native.write_bytes(build.run(path, engine)[0])
        after = squeezed(name, native)
        assert decoded(after) == dcmread(path).PixelData
        sizes = [sizes[0] + native.stat().st_size, sizes[1] + after.stat().st_size]
    assert sizes[0] > 2 * sizes[1]


def test_jpeg_ls_is_coded_with_the_precision_that_the_header_says_and_signed_pixels_with_all_bits(
    tmp_path: Path,
) -> None:
    precision = {}
    for case in ("12 of 16 bits", "signed, 12 of 16 bits", "8 of 16 bits", "8 bits"):
        ds = dcmread(squeezed("jpeg-ls", image(tmp_path / f"{case}.dcm", **CASES[case])))
        (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
        precision[case] = jpeg_ls.decode_pixel_data(frame)[1]["bits_per_sample"]
    assert precision == {"12 of 16 bits": 12, "signed, 12 of 16 bits": 16, "8 of 16 bits": 16, "8 bits": 8}
