"""A file that is not quite one of PS3.10 is told by its first elements, where they can be read in one way."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.dicom import part10
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import FileMeta, Malformed
from fidac_node.dicom.recognise import is_data_set, of_data_set, real_syntax, recognised
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE

ENCODINGS = [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE]
CT, UID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
FIRST = {
    0x00080005: ("CS", b"ISO_IR 100"),
    0x00080008: ("CS", b"ORIGINAL\\PRIMARY\\AXIAL"),
    0x00080016: ("UI", CT.encode() + b"\0"),
    0x00080018: ("UI", UID.encode() + b"\0"),
    0x00080020: ("DA", b"20200314"),
    0x00080060: ("CS", b"CT"),
    0x00100020: ("LO", b"X1"),
}


def data_set(syntax: str = EXPLICIT_VR_LE) -> bytes:
    return b"".join(Syntax.of(syntax).element(tag, vr, value) for tag, (vr, value) in FIRST.items())


def meta_of(syntax: str = EXPLICIT_VR_LE, instance: str = UID) -> bytes:
    return part10.encode_meta(FileMeta(CT, instance, syntax, "PACS"))


FILES = {
    "no preamble": meta_of()[128:] + data_set(),
    "neither preamble nor prefix": meta_of()[132:] + data_set(),
    "the data set alone": data_set(),
    "the data set alone, implicit": data_set(IMPLICIT_VR_LE),
    "two File Metas": meta_of(instance="9.9") + meta_of() + data_set(),
    "another instance in the File Meta": meta_of(instance="9.9")[128:] + data_set(),
    "no transfer syntax": bytes(128)
    + b"DICM"
    + struct.pack("<HH2sH", 2, 2, b"UI", 26)
    + CT.encode()
    + b"\0"
    + data_set(),
    "File Meta in Implicit VR": bytes(128)
    + b"DICM"
    + struct.pack("<HHL", 2, 0x10, 20)
    + b"1.2.840.10008.1.2.1\0"
    + data_set(),
}


@pytest.mark.parametrize("case", FILES)
def test_the_data_set_is_found_and_says_what_it_is(case: str) -> None:
    meta, offset = recognised(FILES[case])
    syntax = IMPLICIT_VR_LE if case.endswith("implicit") else EXPLICIT_VR_LE
    assert (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) == (CT, UID, syntax)
    assert FILES[case][offset:] == data_set(syntax)


@pytest.mark.parametrize("real", ENCODINGS)
@pytest.mark.parametrize("stated", [*ENCODINGS, "", "1.2.840.10008.1.2.4.70"])
def test_what_the_first_elements_belie_is_not_believed(real: str, stated: str) -> None:
    said = real_syntax(data_set(real), 0, stated)
    # What is compressed has the header of Explicit VR Little Endian (PS3.5 A.4).
    assert said == (stated if stated and Syntax.of(stated) == Syntax.of(real) else real)


def test_a_data_set_that_is_not_deflated_is_not_inflated() -> None:
    assert real_syntax(data_set(), 0, DEFLATED_EXPLICIT_VR_LE) == EXPLICIT_VR_LE
    assert real_syntax(b"\x78\x9c" + bytes(40), 0, DEFLATED_EXPLICIT_VR_LE) == DEFLATED_EXPLICIT_VR_LE


def test_file_meta_is_made_to_say_what_the_data_set_is() -> None:
    meta = of_data_set(data_set(IMPLICIT_VR_LE), 0, FileMeta("1.2", "1.2", EXPLICIT_VR_LE, "PACS"))
    assert meta == FileMeta(CT, UID, IMPLICIT_VR_LE, "PACS")


@pytest.mark.parametrize(
    "data",
    [b"", b"%PDF-1.7 " * 50, b"\xff\xd8\xff" + b"x" * 500, b"PK\3\4" * 60, bytes(400), b"GET / HTTP/1.1\r\n\r\n"],
)
def test_what_is_no_dicom_is_not_taken_for_it(data: bytes) -> None:
    assert not is_data_set(data, 0)
    with pytest.raises(Malformed, match="not a DICOM file"):
        recognised(data)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(st.sampled_from([*FILES.values()]), st.integers(0, 300), st.binary(max_size=6)).map(
            lambda c: c[0][: c[1]] + c[2] + c[0][c[1] :]
        ),
    )
)
def test_whatever_comes_is_malformed_or_has_an_offset_within_it(data: bytes) -> None:
    try:
        meta, offset = recognised(data)
    except Malformed:
        return
    assert 0 <= offset <= len(data) and meta.transfer_syntax_uid
    io.BytesIO(part10.encode_meta(meta)).read()
