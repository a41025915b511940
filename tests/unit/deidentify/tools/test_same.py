"""Two de-identified versions of an instance are one object when values and pixels are equal, however encoded."""

from __future__ import annotations

import builtins
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from fidac_node.deidentify.tools.same import difference
from fidac_node.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    HTJ2K_LOSSLESS,
    IMPLICIT_VR_LE,
    JPEG_LS_LOSSLESS,
    RLE_LOSSLESS,
)
from tests.unit.deidentify import build

NATIVE = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE)
JPEG_2000, JPEG_LOSSLESS = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.70"
COMPRESSED = (RLE_LOSSLESS, JPEG_LS_LOSSLESS, JPEG_2000, JPEG_LOSSLESS, HTJ2K_LOSSLESS)
SIZE = 16
ENGINE = build.deidentifier()


def slice_of(*, signed: bool = False, stored: int = 12, add: int = 0, **values: Any) -> Dataset:
    """A CT image of 16 x 16 pixels that use all bits that are stored; ``add`` changes the last one."""
    low = -(1 << stored - 1) if signed else 0
    pixels = [low + number * 2654435761 % (1 << stored) for number in range(SIZE * SIZE)]
    pixels[-1] ^= add
    ds = build.ct(
        Rows=SIZE, Columns=SIZE, BitsStored=stored, HighBit=stored - 1, PixelRepresentation=int(signed), **values
    )
    ds["PixelData"].value = struct.pack(f"<{len(pixels)}{'h' if signed else 'H'}", *pixels)
    return ds


def coded(ds: Dataset, syntax: str) -> bytes:
    """The one frame of an image, without loss."""
    values = np.frombuffer(ds.PixelData, "<i2" if ds.PixelRepresentation else "<u2").reshape(ds.Rows, ds.Columns)
    if syntax == JPEG_LS_LOSSLESS:
        return bytes(imagecodecs.jpegls_encode(values.view("<u2")))
    if syntax == JPEG_2000:
        return bytes(imagecodecs.jpeg2k_encode(values, codecformat="j2k", reversible=True, level=0))
    if syntax == JPEG_LOSSLESS:
        return bytes(imagecodecs.jpeg_encode(values.view("<u2"), lossless=True, bitspersample=16))
    return bytes(imagecodecs.htj2k_encode(values, reversible=True))


def written(path: Path, ds: Dataset, syntax: str) -> Path:
    """The object in a transfer syntax, as a file."""
    changed = build.dcm_copy(ds)
    if syntax == RLE_LOSSLESS:
        rle = dcmread(build.write(path, ds))
        rle.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        rle.save_as(path)
        return path
    if syntax == EXPLICIT_VR_BE:
        changed.add_new("PixelData", "OW", np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes())
    elif syntax in COMPRESSED:
        changed.add_new("PixelData", "OB", encapsulate([coded(ds, syntax)], has_bot=False))
        changed["PixelData"].is_undefined_length = True
    return build.write(path, changed, syntax)


def left(path: Path) -> Path:
    """What would leave of an object."""
    path.write_bytes(build.run(path, ENGINE)[0])
    return path


def told(directory: Path, one: Dataset, other: Dataset, *syntaxes: str, marks: bool = True) -> str:
    """In what the copies of two objects differ, the first in the first syntax, the other in the last."""
    first = left(written(directory / "one.dcm", one, syntaxes[0] if syntaxes else EXPLICIT_VR_LE))
    second = left(written(directory / "other.dcm", other, syntaxes[-1] if syntaxes else EXPLICIT_VR_LE))
    there, back = (difference(*pair, limit=build.LIMIT, marks=marks) for pair in ((first, second), (second, first)))
    assert there == back
    return there


@pytest.mark.parametrize("other", [*NATIVE, *COMPRESSED])
@pytest.mark.parametrize("one", [EXPLICIT_VR_LE, EXPLICIT_VR_BE, RLE_LOSSLESS, JPEG_2000])
@pytest.mark.parametrize(("signed", "stored"), [(False, 12), (True, 12), (False, 16), (True, 16)])
def test_an_object_is_the_same_in_every_transfer_syntax_and_one_pixel_more_is_another(
    tmp_path: Path, one: str, other: str, signed: bool, stored: int
) -> None:
    ds, changed = (slice_of(signed=signed, stored=stored, add=add) for add in (0, 1))
    assert told(tmp_path, ds, ds, one, other) == ""
    assert told(tmp_path, ds, changed, one, other) == "their pixels differ"


VALUES = {
    "KVP": st.sampled_from(["100", "120", "80.5"]),
    "SliceThickness": st.sampled_from(["1.25", "0.625", "1"]),
    "ConvolutionKernel": st.sampled_from(["Br40d", "B70f", ["Br64d", "3"]]),
    "BodyPartExamined": st.sampled_from(["CHEST", "ABDOMEN", "LUNG"]),
    "PatientSex": st.sampled_from(["F", "M", "O"]),
    "SeriesNumber": st.sampled_from(["1", "2", "12"]),
    "RescaleIntercept": st.sampled_from(["-1024", "0"]),
    "SmallestImagePixelValue": st.sampled_from([0, 513]),
    "ContrastBolusAgent": st.sampled_from(["yes", "IODINE"]),
    "ReconstructionTargetCenterPatient": st.sampled_from([[0.5, -1.25, 3.0], [0.0, 0.0, 1.0]]),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    one=st.fixed_dictionaries({}, optional=VALUES),
    changes=st.fixed_dictionaries({}, optional=VALUES),
    syntaxes=st.lists(st.sampled_from(NATIVE), min_size=2, max_size=2),
)
def test_what_differs_is_named_and_nothing_else_whatever_the_encodings(
    tmp_path: Path, one: dict[str, Any], changes: dict[str, Any], syntaxes: list[str]
) -> None:
    other = {**one, **changes}
    found = told(tmp_path, build.ct(**one), build.ct(**other), *syntaxes)
    outputs = [build.read((tmp_path / name).read_bytes()) for name in ("one.dcm", "other.dcm")]
    differing = [name for name in other if outputs[0].get(name) != outputs[1].get(name)]
    named = set(found.removeprefix("they differ in ").partition(" and ")[0].split(", ")) if found else set()
    assert named <= set(differing) and len(named) == min(5, len(differing))


def sequences(ds: Dataset, *, undefined: bool) -> Dataset:
    """An object whose sequences are delimited, or have their length."""
    item = build.dataset(CodeValue="113800", CodingSchemeDesignator="DCM", CodeMeaning="CT Acquisition")
    item.is_undefined_length_sequence_item = undefined
    ds.ProcedureCodeSequence = [item]
    ds["ProcedureCodeSequence"].is_undefined_length = undefined
    return ds


def test_how_long_a_sequence_says_it_is_makes_no_other_version(tmp_path: Path) -> None:
    objects = (sequences(slice_of(), undefined=undefined) for undefined in (False, True))
    assert told(tmp_path, *objects, EXPLICIT_VR_LE, IMPLICIT_VR_LE) == ""


def test_values_that_moved_from_one_item_to_the_next_are_others(tmp_path: Path) -> None:
    ends = [{"PixelSpacing": ["0.7", "0.7"]}, {}], [{}, {"PixelSpacing": ["0.7", "0.7"]}]
    objects = []
    for frames in ends:
        ds = build.enhanced(2)
        for group, values in zip(ds.PerFrameFunctionalGroupsSequence, frames, strict=True):
            group.PixelMeasuresSequence = [build.dataset(SliceThickness="1", **values)]
        objects.append(ds)
    assert told(tmp_path, *objects) == "they differ in PerFrameFunctionalGroupsSequence"


@pytest.mark.parametrize(
    "element",
    [
        build.raw_element(0x00080000, "UL", struct.pack("<L", 400)),
        build.raw_element(0x00180000, "UL", struct.pack("<L", 4)),
    ],
    ids=["group 0008", "group 0018"],
)
def test_group_lengths_are_no_values(tmp_path: Path, element: bytes) -> None:
    one, other = written(tmp_path / "a.dcm", slice_of(), EXPLICIT_VR_LE), tmp_path / "b.dcm"
    other.write_bytes(build.insert(one.read_bytes(), element))
    assert difference(left(one), left(other), limit=build.LIMIT) == ""


@pytest.mark.parametrize("zeros", [1, 2, 8, 511, 4096])
def test_zeros_behind_the_data_set_are_no_value(tmp_path: Path, zeros: int) -> None:
    one, other = written(tmp_path / "a.dcm", slice_of(), EXPLICIT_VR_LE), tmp_path / "b.dcm"
    other.write_bytes(one.read_bytes() + bytes(zeros))
    assert difference(left(one), left(other), limit=build.LIMIT) == ""


@pytest.mark.parametrize(("one", "other"), [(b"120 ", b" 120"), (b"120 ", b"120\0"), (b"1\\2 ", b"1 \\2")])
def test_padding_of_a_value_says_nothing(tmp_path: Path, one: bytes, other: bytes) -> None:
    paths = []
    for number, value in enumerate((one, other)):
        paths.append(build.write(tmp_path / f"{number}.dcm", build.ct(KVP=None, PixelSpacing=None)))
        tag = 0x00280030 if b"\\" in value else 0x00180060
        paths[-1].write_bytes(build.insert(paths[-1].read_bytes(), build.raw_element(tag, "DS", value)))
    assert difference(*paths, limit=build.LIMIT) == ""


def test_a_value_of_an_attribute_is_never_told(tmp_path: Path) -> None:
    found = told(tmp_path, build.ct(SeriesDescription="THORAX"), build.ct(SeriesDescription="ABDOMEN"))
    assert found == "they differ in SeriesDescription"


def test_who_made_a_copy_and_as_what_counts_only_when_it_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "in.dcm", slice_of(), EXPLICIT_VR_LE)
    copies = tmp_path / "a.dcm", tmp_path / "b.dcm"
    for copy, label, source in zip(copies, ("certain", "negative"), ("called-ae", "default"), strict=True):
        copy.write_bytes(build.run(path, ENGINE, label, source)[0])
    assert difference(*copies, limit=build.LIMIT) == "they differ in (0F1D,1001), (0F1D,1002)"
    assert difference(*copies, limit=build.LIMIT, marks=False) == ""


def test_who_compressed_may_say_how_and_nobody_else(tmp_path: Path) -> None:
    plain, said = slice_of(), slice_of(DerivationDescription="Lossless JPEG compression")
    assert told(tmp_path, plain, said, EXPLICIT_VR_LE, JPEG_LOSSLESS) == ""
    assert told(tmp_path, plain, said, JPEG_2000, JPEG_LOSSLESS) == ""
    differ = "they differ in DerivationDescription"
    assert told(tmp_path, plain, said, EXPLICIT_VR_LE, IMPLICIT_VR_LE) == differ
    said.DerivationCodeSequence = build.code("121327", "DCM", "Full fidelity image")
    assert told(tmp_path, plain, said, JPEG_LOSSLESS, JPEG_LOSSLESS) == ""
    changed = slice_of(add=1, DerivationDescription="Lossless JPEG compression")
    assert told(tmp_path, plain, changed, EXPLICIT_VR_LE, JPEG_LOSSLESS) == "their pixels differ"


def test_pixels_that_lost_something_are_others(tmp_path: Path) -> None:
    ds = slice_of(stored=16)
    lossy = build.dcm_copy(ds)
    values = np.frombuffer(ds.PixelData, "<u2").reshape(SIZE, SIZE)
    near = bytes(imagecodecs.jpegls_encode(values, level=3))
    lossy.add_new("PixelData", "OB", encapsulate([near], has_bot=False))
    lossy["PixelData"].is_undefined_length = True
    one = left(written(tmp_path / "one.dcm", ds, EXPLICIT_VR_LE))
    other = left(build.write(tmp_path / "other.dcm", lossy, "1.2.840.10008.1.2.4.81"))
    assert difference(one, other, limit=build.LIMIT) == "their pixels differ"


def test_without_a_codec_nothing_is_the_same_and_what_to_do_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ds = slice_of(stored=16)
    one = left(written(tmp_path / "one.dcm", ds, EXPLICIT_VR_LE))
    syntaxes = RLE_LOSSLESS, JPEG_LS_LOSSLESS, JPEG_2000
    *decoded, other = (left(written(tmp_path / f"{uid}.dcm", ds, uid)) for uid in syntaxes)
    load = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "imagecodecs":
            raise ImportError(name)
        return load(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    told = difference(one, other, limit=build.LIMIT)
    assert told.startswith("they cannot be compared: nothing here decodes JPEG 2000: install fidac-node[htj2k]")
    assert [difference(one, copy, limit=build.LIMIT) for copy in decoded] == ["", ""], "JPEG-LS has a codec of its own"


def test_a_scanners_slice_is_one_object_in_every_lossless_syntax_that_a_pacs_writes(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    copies = []
    for number, path in enumerate(sorted(shared_data("ge_chest_15_syntaxes").glob("*.dcm"))):
        if not any(syntax in path.name for syntax in (".50.", ".51.", ".53.", ".55.", ".81.", ".91.")):  # lossy
            copies.append(tmp_path / f"{number}.dcm")
            copies[-1].write_bytes(build.run(path, ENGINE)[0])
    assert len(copies) == 10
    assert [difference(copies[0], copy, limit=build.LIMIT) for copy in copies] == [""] * 10


def test_what_cannot_be_read_is_not_the_same(tmp_path: Path) -> None:
    one = left(written(tmp_path / "one.dcm", slice_of(), EXPLICIT_VR_LE))
    other = tmp_path / "other.dcm"
    other.write_bytes(one.read_bytes()[:-100])
    assert difference(one, other, limit=build.LIMIT).startswith("they cannot be compared: ")
    other.write_bytes(b"")
    assert difference(one, other, limit=build.LIMIT).startswith("they cannot be compared: ")
