"""The DICOM JSON Model: what pydicom writes of the same data set is what we write, but for what only we can say."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from fidac_node.dicom import elements
from fidac_node.dicom.json_model import Writer
from fidac_node.dicom.part10 import Malformed


def written(encoded: bytes, *, explicit: bool = True, writer: Writer | None = None) -> dict[str, Any]:
    found, _ = elements.split(encoded, 0, len(encoded), explicit=explicit)
    return dict(json.loads("{" + (writer or Writer()).write(found, explicit=explicit) + "}"))


def encoded(ds: Dataset, *, implicit: bool = False) -> bytes:
    fp = DicomBytesIO()
    fp.is_little_endian, fp.is_implicit_VR = True, implicit
    write_dataset(fp, ds)
    return fp.getvalue()


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    long = vr in (b"OB", b"OW", b"UN", b"UT", b"SV", b"UV", b"OV")
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    return head + (struct.pack("<2xL", len(value)) if long else struct.pack("<H", len(value))) + value


def example() -> Dataset:
    ds, item = Dataset(), Dataset()
    item.CodeValue, item.CodeMeaning = "X", "Größe"
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "", "AXIAL"]
    ds.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    ds.StudyDate, ds.PatientComments = "20200229", "one\\two  "
    ds.PixelSpacing, ds.InstanceNumber, ds.KVP = ["0.70", "1e-1"], "7", ""
    ds.Rows, ds.FrameIncrementPointer = 512, [0x00181063, 0x00181065]
    ds.ReferencedImageSequence = Sequence([item, Dataset()])
    ds.AnatomicRegionSequence = Sequence([])
    ds.add_new(0x00189073, "FD", [1.5, -2e300])
    ds.add_new(0x00091001, "OB", b"\x00\x01\x02\x03")
    ds.add_new(0x00091002, "UN", b"ab")
    ds.add_new(0x00091003, "OB", b"")
    ds.add_new(0x00091004, "SV", -(2**40))
    return ds


@pytest.mark.parametrize("implicit", [False, True])
def test_a_data_set_is_written_as_pydicom_writes_it(implicit: bool) -> None:
    ds = example()
    if implicit:
        for tag in [element.tag for element in ds if element.tag.is_private]:
            del ds[tag]
    expected = ds.to_json_dict()
    # An empty value is null (F.2.5), an empty sequence has none, and padding is no text.
    expected["00080008"]["Value"][1] = None
    del expected["00082218"]["Value"]
    expected["00104000"]["Value"] = ["one\\two"]
    writer = Writer()
    for _ in range(2):  # and again from memory
        assert written(encoded(ds, implicit=implicit), explicit=not implicit, writer=writer) == expected


def test_what_is_long_and_binary_is_told_by_where_it_is() -> None:
    ds = Dataset()
    item = Dataset()
    item.add_new(0x00091010, "OW", bytes(300))
    ds.add_new(0x00091001, "OB", bytes(258))
    ds.ReferencedImageSequence = Sequence([Dataset(), item])
    found = written(encoded(ds))
    assert found["00091001"] == {"vr": "OB", "BulkDataURI": "bulkdata/00091001"}
    inner = found["00081140"]["Value"][1]["00091010"]
    assert inner == {"vr": "OW", "BulkDataURI": "bulkdata/00081140/2/00091010"}


def test_text_is_told_in_utf_8_whatever_its_character_set() -> None:
    found = written(element(0x00080005, b"CS", b"ISO_IR 100") + element(0x00080070, b"LO", "Größe ".encode("latin-1")))
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    assert found["00080070"]["Value"] == ["Größe"]


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        (b"DS", b"1.50", [1.5]),
        (b"DS", b"+.5\\007\\ 1. ", [0.5, 7, 1.0]),
        (b"DS", b"nan\\tall", ["NaN", "tall"]),
        (b"IS", b"12.0", [12.0]),
        (b"FL", struct.pack("<3f", float("nan"), float("inf"), float("-inf")), ["NaN", "inf", "-inf"]),
        (b"US", b"\x01\x00\x02", [1]),
        (b"PN", b"^^ ", None),
        (b"LO", b'"BulkDataURI":"bulkdata/x"', ['"BulkDataURI":"bulkdata/x"']),
    ],
)
def test_values_that_json_or_the_standard_has_none_for_are_still_json(vr: bytes, value: bytes, expected: Any) -> None:
    assert written(element(0x00091001, vr, value))["00091001"].get("Value") == expected


def test_a_value_cannot_be_taken_for_an_address() -> None:
    text = written(element(0x00091001, b"LO", b'"BulkDataURI":"bulkdata/x"'))
    assert '"BulkDataURI":"' not in json.dumps(text, separators=(",", ":")).replace('\\"', "")


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_json_or_malformed(content: bytes, explicit: bool) -> None:
    with suppress(Malformed):
        assert isinstance(written(content, explicit=explicit), dict)
