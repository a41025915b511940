"""An object in another transfer syntax: other vendors' encoders wrote it, pydicom reads what we make of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from fidac_node.dicom.uids import (
    EXPLICIT_VR_LE,
    IMPLICIT_VR_LE,
)
from fidac_node.hub.transcode import Unsuitable, frames, transcode
from tests.hub_objects import data_set, encoded

pytestmark = pytest.mark.interop("dcmconv", "dcmcjpls", "dcmcjpeg", "dcmcrle", "gdcmconv")

ROWS, COLUMNS = 33, 64
ENCODERS = {
    "RLE": ["dcmcrle"],
    "JPEG-LS": ["dcmcjpls"],
    "JPEG Lossless SV1": ["dcmcjpeg", "+e1"],
    "JPEG Lossless": ["dcmcjpeg", "+el"],
    "JPEG 2000": ["gdcmconv", "--j2k"],
    "Implicit": ["dcmconv", "+ti"],
    "Big Endian": ["dcmconv", "+tb"],
    "Deflated": ["dcmconv", "+td"],
}


def image(*, signed: bool, stored: int, number_of_frames: int = 1) -> Dataset:
    """Noise in all stored bits, the sign in those above; with a sequence and attributes of VRs that depend on it."""
    low, high = (-1 << stored - 1, 1 << stored - 1) if signed else (0, 1 << stored)
    shape = (number_of_frames, ROWS, COLUMNS)
    pixels = np.random.default_rng(stored).integers(low, high, shape).astype("<i2" if signed else "<u2")
    return data_set(
        Rows=ROWS,
        Columns=COLUMNS,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=stored,
        HighBit=stored - 1,
        PixelRepresentation=int(signed),
        PixelPaddingValue=low,
        SmallestImagePixelValue=low,
        RescaleIntercept="-1024",
        RescaleSlope="1",
        SpecificCharacterSet="ISO_IR 100",
        StudyDescription="Thorax sans injection, contrôle",
        ReferencedImageSequence=Sequence([_reference(number) for number in range(3)]),
        PixelData=pixels.tobytes(),
        **({"NumberOfFrames": number_of_frames} if number_of_frames > 1 else {}),
    )


def _reference(number: int) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"2.25.{number}"
    ds.PurposeOfReferenceCodeSequence = Sequence([Dataset()])
    return ds


def file(ds: Dataset, directory: Path) -> Path:
    path = directory / "plain.dcm"
    path.write_bytes(encoded(ds))
    return path


@pytest.mark.parametrize("encoder", list(ENCODERS))
@pytest.mark.parametrize(("signed", "stored"), [(False, 12), (True, 16), (True, 12)])
def test_what_others_encoded_comes_back_to_the_last_bit(
    tmp_path: Path, encoder: str, signed: bool, stored: int
) -> None:
    plain = file(ds := image(signed=signed, stored=stored), tmp_path)
    subprocess.run([*ENCODERS[encoder], plain, other := tmp_path / "other.dcm"], check=True, timeout=60)
    with (tmp_path / "again.dcm").open("w+b") as target:
        transcode(other, EXPLICIT_VR_LE, target)
    again = dcmread(tmp_path / "again.dcm")
    assert again.file_meta.TransferSyntaxUID == EXPLICIT_VR_LE
    assert again.PixelData == ds.PixelData and again["PixelData"].VR == "OW"
    assert [bytes(frame) for frame in frames(other)] == [ds.PixelData]
    written = dcmread(other)
    for element in written:
        if element.keyword != "PixelData":
            assert again[element.tag] == element, element.keyword


@pytest.mark.parametrize("signed", [False, True])
def test_explicit_to_implicit_and_back_changes_nothing(tmp_path: Path, signed: bool) -> None:
    """Also of what Implicit VR does not say: US or SS, OB or OW, what is private."""
    plain = file(image(signed=signed, stored=12, number_of_frames=3), tmp_path)
    implicit, explicit = tmp_path / "implicit.dcm", tmp_path / "explicit.dcm"
    for source, syntax, target in ((plain, IMPLICIT_VR_LE, implicit), (implicit, EXPLICIT_VR_LE, explicit)):
        with target.open("wb") as output:
            transcode(source, syntax, output)
    before, after = dcmread(plain), dcmread(explicit)
    for element in before:
        assert after[element.tag].VR == element.VR or element.tag.is_private
        assert after[element.tag].value == element.value or element.tag.is_private
    assert dcmread(implicit).PixelData == before.PixelData
    assert len(list(frames(implicit))) == 3


def test_what_has_no_codec_here_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = file(image(signed=True, stored=16), tmp_path)
    subprocess.run(["gdcmconv", "--j2k", plain, other := tmp_path / "other.dcm"], check=True, timeout=60)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(Unsuitable, match="htj2k"):
        transcode(other, EXPLICIT_VR_LE, BytesIO())


@pytest.mark.parametrize("damage", [lambda content: content[:-40], lambda content: content[:200]])
def test_what_is_damaged_is_not_given(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    plain = file(image(signed=True, stored=16), tmp_path)
    plain.write_bytes(damage(plain.read_bytes()))
    with pytest.raises(Unsuitable):
        transcode(plain, IMPLICIT_VR_LE, BytesIO())
