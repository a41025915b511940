"""A value that is written slightly wrong has one meaning, and is written so; of two meanings none is chosen."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.dicom import forms
from fidac_node.dicom.dictionary import tag_of, vrs_of

# Attribute, what is written, how it is written right; ``None``: it stays as it is.
VALUES = [
    ("InstanceNumber", b"5.0 ", b"5"),
    ("InstanceNumber", b"5,0", b"5"),
    ("InstanceNumber", b"5.5", None),
    ("InstanceNumber", b"007", None),
    ("NumberOfFrames", b"1.0 ", b"1"),
    ("Exposure", b"12.5", b"13"),
    ("Exposure", b"12.4", b"12"),
    ("Exposure", b"150mAs", b"150"),
    ("Exposure", b"150 ms", None),
    ("KVP", b"120kV ", b"120"),
    ("KVP", b"120 kVp", b"120"),
    ("KVP", b"120mm", None),
    ("SliceThickness", b"1,5 ", b"1.5"),
    ("SliceThickness", b"0,625", b"0.625"),
    ("SliceThickness", b"1.5 mm", b"1.5"),
    ("SliceThickness", b"1.5 cm", None),
    ("RescaleIntercept", b"-1,024", None),
    ("ImagePositionPatient", b"-160,5\\-160,125\\-100,5 ", b"-160.5\\-160.125\\-100.5"),
    ("ImagePositionPatient", b"-160\\-160\\-100.5\\ ", b"-160\\-160\\-100.5"),
    ("ImagePositionPatient", b"1\\2\\3\\4", None),
    ("ImageOrientationPatient", b"1\\0\\0\\0\\1\\0\n ", b"1\\0\\0\\0\\1\\0"),
    ("ImageOrientationPatient", b"1\\0\\0\\0\\nan\\0", None),
    ("WindowCenter", b"-600\\", b"-600"),
    ("PixelSpacing", b"0.7;0.7 ", b"0.7\\0.7"),
    ("PixelSpacing", b"0,7 / 0,7", b"0.7\\0.7"),
    ("PixelSpacing", b"0.7 0.7 ", b"0.7\\0.7"),
    ("PixelSpacing", b"0.7,0.7 ", b"0.7\\0.7"),
    ("PixelSpacing", b"0,7 ", b"0.7"),
    ("ImagePositionPatient", b"1.0 2.0", None),
    ("Modality", b"CT\\ct ", b"CT"),
    ("PatientAge", b"45", b"045Y"),
    ("PatientAge", b"45Y ", b"045Y"),
    ("PatientAge", b" 70Y", b"070Y"),
    ("PatientAge", b"070y", b"070Y"),
    ("PatientAge", b"70 ans", b"070Y"),
    ("PatientAge", b"3W", b"003W"),
    ("PatientAge", b"18 mois", b"018M"),
    ("PatientAge", "70 ann\xe9es".encode(), b"070Y"),
    ("PatientAge", b"070Y\\070Y ", b"070Y"),
    ("PatientAge", b"070Y\\071Y ", None),
    ("PatientAge", b"NX DE_ABCDEFGHIJ", None),
    ("PatientAge", b"999Y", None),
    ("BodyPartExamined", b"Thorax", b"THORAX"),
    ("BodyPartExamined", b"thorax/abdomen", b"THORAX ABDOMEN"),
    ("Modality", b"ct", b"CT"),
    ("Modality", b"CT\\CT ", b"CT"),
    ("ImageType", b"original\\primary\\axial", b"ORIGINAL\\PRIMARY\\AXIAL"),
    ("ImageType", b"ORIGINAL\\PRIMARY\\", b"ORIGINAL\\PRIMARY"),
    ("ImageType", b"ORIGINAL \\PRIMARY\\AXIAL ", None),
    ("PatientSex", b"Male", b"M"),
    ("PatientSex", b"Femme ", b"F"),
    ("PatientSex", b"H ", None),
    ("StudyDate", b"2020-03-01", b"20200301"),
    ("StudyDate", b"2020.03.01", b"20200301"),
    ("StudyDate", b"2020/3/1", b"20200301"),
    ("StudyDate", b"20200314101112 ", b"20200314"),
    ("StudyDate", b"00000000", b""),
    ("StudyDate", b"20200230", None),
    ("StudyDate", b"03/04/2020", None),
    ("StudyTime", b"10:11:12", b"101112"),
    ("StudyTime", b"9:05", b"0905"),
    ("StudyTime", b"101112.1234567", b"101112.123456"),
    ("StudyTime", b"101112,5", b"101112.5"),
    ("StudyTime", b"25:11:12", None),
    ("StudyTime", b"10h11 ", None),
    ("AcquisitionDateTime", b"2020-03-14T10:11:12 ", b"20200314101112"),
    ("AcquisitionDateTime", b"2020-03-14T10:11:12.5Z", b"20200314101112.5+0000"),
    ("AcquisitionDateTime", b"20200314101112.1234567+0100", b"20200314101112.123456+0100"),
    ("AcquisitionDateTime", b"20200314034522-05:00", b"20200314034522-0500"),
    ("AcquisitionDateTime", b"202003", None),
]
UNDER_OTHERS = [
    ("KVP", "SH", b"120 ", ("DS", b"120")),
    ("KVP", "FD", struct.pack("<d", 120), ("DS", b"120")),
    ("SliceThickness", "FL", struct.pack("<f", 0.7), ("DS", b"0.7")),
    ("StudyDate", "LO", b"2020-03-01", ("DA", b"20200301")),
    ("StudyDate", "LO", b"March 2020", None),
    ("Rows", "UL", struct.pack("<L", 512), ("US", b"\0\2")),
    ("Rows", "UL", struct.pack("<L", 1 << 20), None),
    ("Rows", "SS", struct.pack("<h", -1), None),
    ("Rows", "IS", b"512 ", ("US", b"\0\2")),
    ("ProtocolName", "UN", b"Thorax", ("LO", b"Thorax")),
    ("PixelPaddingValue", "UN", struct.pack("<H", 48), ("US", b"\x30\0")),
    ("PixelPaddingValue", "UN", struct.pack("<h", -2000), None),
    ("PixelPaddingValue", "SL", struct.pack("<l", -2000), ("SS", struct.pack("<h", -2000))),
    ("ReferencedImageSequence", "OB", b"abcd", None),
    ("ProtocolName", "OB", b"Thorax", None),
]


def vr_of(keyword: str) -> tuple[int, str]:
    tag = tag_of(keyword) or 0
    return tag, vrs_of(tag)[0]


@pytest.mark.parametrize(("keyword", "raw", "right"), VALUES)
def test_what_has_one_meaning_is_written_so(keyword: str, raw: bytes, right: bytes | None) -> None:
    tag, vr = vr_of(keyword)
    assert forms.written(tag, vr, raw) == right
    assert forms.right(tag, vr, raw) == (raw if right is None else right)
    assert right is None or forms.written(tag, vr, right) is None, "what is right stays"


@pytest.mark.parametrize(("keyword", "declared", "raw", "found"), UNDER_OTHERS)
def test_a_value_under_another_vr_is_taken_for_what_it_says(
    keyword: str, declared: str, raw: bytes, found: tuple[str, bytes] | None
) -> None:
    assert forms.converted(vr_of(keyword)[0], declared, raw) == found


def test_one_number_in_32_bits_is_the_16_that_it_should_be() -> None:
    tag, vr = vr_of("Rows")
    assert forms.written(tag, vr, struct.pack("<L", 512)) == b"\0\2"
    assert forms.written(tag, vr, struct.pack(">L", 512), little=False) == b"\2\0"
    assert forms.written(tag, vr, struct.pack("<HH", 64, 64)) == b"\x40\0"
    assert forms.written(tag, vr, struct.pack("<HH", 64, 65)) is None


@pytest.mark.parametrize(
    ("keyword", "raw", "known"),
    [
        ("KVP", b"120,5", True),
        ("KVP", b"much", False),
        ("StudyDate", b"14/03/2020", False),
        ("PatientName", b"anything", True),
        ("BodyPartExamined", b"THORAX", False),
        ("KVP", b"", True),
    ],
)
def test_what_is_understood_is_told_from_what_is_not(keyword: str, raw: bytes, known: bool) -> None:
    assert forms.is_understood(*vr_of(keyword), raw) is known


@given(
    st.sampled_from(sorted({keyword for keyword, _, _ in VALUES})),
    st.one_of(
        st.binary(max_size=40),
        st.text("0123456789.,-+:/ \\eTZYMWDkVmAnsCROIGL", max_size=30).map(str.encode),
        st.sampled_from([raw for _, raw, _ in VALUES]).flatmap(
            lambda raw: st.tuples(st.just(raw), st.binary(max_size=4)).map(b"".join)
        ),
    ),
)
def test_whatever_is_written_is_right_once_it_was_written_right(keyword: str, raw: bytes) -> None:
    tag, vr = vr_of(keyword)
    new = forms.written(tag, vr, raw)
    assert new is None or forms.written(tag, vr, new) is None
    assert new is None or forms.is_understood(tag, vr, new) or vr == "CS"


@given(
    st.sampled_from(sorted({keyword for keyword, *_ in UNDER_OTHERS})),
    st.sampled_from(["UN", "LO", "DS", "US", "UL", "SS", "FD", "OB", "SQ", "AT"]),
    st.binary(max_size=24),
)
def test_a_conversion_gives_what_its_vr_can_hold(keyword: str, declared: str, raw: bytes) -> None:
    tag, _ = vr_of(keyword)
    found = forms.converted(tag, declared, raw)
    if found is not None:
        vr, value = found
        assert vr in vrs_of(tag)
        assert vr not in ("US", "SS") or not value or len(value) % 2 == 0


def test_what_is_longer_than_a_few_values_is_not_looked_into() -> None:
    tag, vr = vr_of("WindowCenter")
    assert forms.written(tag, vr, b"1,5\\" * 4000) is None
    assert not forms.is_understood(tag, vr, b"1,5\\" * 4000)
