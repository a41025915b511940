"""Identity in every attribute that PS3.6 has, one by one and nested: it is taken out, or the object is held."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary

from fidac_node.deidentify import Pseudonymiser, load_plan
from fidac_node.deidentify.engine import Deidentifier
from fidac_node.errors import Permanent
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, raw_element, run, traces, write

pytestmark = pytest.mark.thorough

NAME = b"QUENOUILLE"
VALUES = {
    "DA": b"19610714", "DT": b"19610714102413", "TM": b"QUENOUILLE", "UI": b"1.3.6.1.4.1.99999.77", "AS": b"QUEN",
    "DS": b"QUENOUILLE", "IS": b"QUENOUILLE", "FL": b"QUENOUIL", "FD": b"QUENOUILLEQUENOU", "SQ": b"",
}  # fmt: skip
PLAN = load_plan("fidac-chest-ct")
# Carried by every test object already, or what it could not be read without.
OWN = (
    {int(element.tag) for element in ct()}
    | set(range(0x00281101, 0x00281225))  # palettes
    | {0x00080005, 0x00280008, 0x00287FE0, 0x7FE00008, 0x7FE00009, 0x00080064}
)
TAGS = {
    tag: vr.split(" or ")[0]
    for tag, (vr, *_) in DicomDictionary.items()
    if tag >> 16 >= 0x0008
    and tag < 0x7FE00000
    and tag & 0xFFFF
    and vr != "NONE"
    and tag not in OWN
    and tag >> 16 not in (0x5000, 0x6000)
}
# Kept where they say what the attribute may say.
GATED = {
    tag
    for tag, vr in TAGS.items()
    if PLAN.action(tag, vr) == "keep" and vr in ("CS", "LO", "SH", "UC", "LT", "ST", "UT")
}
BINARY = {"US", "SS", "UL", "SL", "SV", "UV", "AT", "FL", "FD"}


def element(tag: int, vr: str, value: bytes | None = None) -> bytes:
    value = VALUES.get(vr, NAME) if value is None else value
    if vr in BINARY:
        value = value.ljust(-(-len(value) // 8) * 8, b"E")
    value += b" " * (len(value) % 2)
    long = vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    return start + (b"\0\0" + struct.pack("<L", len(value)) if long else struct.pack("<H", len(value))) + value


def with_elements(path: Path, elements: dict[int, bytes]) -> Path:
    """A CT image with more elements, each in its place."""
    from fidac_node.dicom import part10

    data = write(path, ct()).read_bytes()
    meta, offset = part10.read_meta(io.BytesIO(data))
    parts = {
        one.tag: data[one.start : one.after] for one in part10.walk(data, offset, len(data), meta.transfer_syntax_uid)
    } | elements
    path.write_bytes(data[:offset] + b"".join(parts[tag] for tag in sorted(parts)))
    return path


def nested(elements: dict[int, bytes], depth: int) -> dict[int, bytes]:
    content = b"".join(elements[tag] for tag in sorted(elements))
    for _ in range(depth):
        content = element(0x00189321, "SQ", struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content)
    return {0x00189321: content}


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_name_in_every_attribute_that_is_not_kept_is_taken_out(tmp_path: Path, depth: int) -> None:
    planted = {
        tag: element(tag, vr) for tag, vr in TAGS.items() if tag not in GATED and vr not in BINARY and vr != "SQ"
    }
    assert len(planted) > 1700
    encoded, _ = run(with_elements(tmp_path / "a.dcm", nested(planted, depth) if depth else planted))
    assert traces(encoded) == []


@pytest.mark.parametrize("depth", [0, 1])
def test_a_word_in_every_attribute_that_is_kept_is_taken_out_whosever_it_is(tmp_path: Path, depth: int) -> None:
    """Kept is what the attribute may say; the gate need not know the word, and holds nothing for it."""
    assert 50 < len(GATED) < 100
    for word in (NAME, b"DUPONTEL"):
        planted = {tag: element(tag, TAGS[tag], word) for tag in GATED}
        encoded, _ = run(with_elements(tmp_path / "a.dcm", nested(planted, depth) if depth else planted))
        assert traces(encoded) == [] and word not in encoded


def test_a_name_in_the_bytes_of_numbers_is_taken_out_and_holds_nothing(tmp_path: Path) -> None:
    binary = sorted(tag for tag, vr in TAGS.items() if vr in BINARY and PLAN.action(tag, vr) == "keep")
    assert len(binary) > 20
    for tag in binary:
        encoded, _ = run(with_elements(tmp_path / "a.dcm", {tag: element(tag, TAGS[tag], NAME)}))
        assert traces(encoded) == [], hex(tag)


@settings(max_examples=150, deadline=None)
@given(
    tags=st.lists(st.sampled_from(sorted(TAGS)), min_size=1, max_size=30, unique=True),
    vrs=st.lists(
        st.sampled_from(["PN", "LO", "UN", "OB", "CS", "DA", "UI", "SH", "UT", "DS", "AE"]), min_size=30, max_size=30
    ),
    value=st.sampled_from(
        [NAME, b"Z\xe9phyrine", b"IPP8003412765", b"19610714", b"06 39 98 12 47", b"14/07/1961", b"1.3.6.1.4.1.99999.1"]
    ),
    depth=st.integers(0, 5),
)
def test_any_value_under_any_vr_at_any_depth_never_comes_out(
    tmp_path_factory: pytest.TempPathFactory, tags: list[int], vrs: list[str], value: bytes, depth: int
) -> None:
    planted = {tag: element(tag, vr, value) for tag, vr in zip(tags, vrs, strict=False)}
    path = with_elements(tmp_path_factory.mktemp("any") / "a.dcm", nested(planted, depth) if depth else planted)
    try:
        encoded, _ = run(path)
    except Permanent as error:
        encoded = str(error).encode()
    assert traces(encoded) == []


class Blind(Pseudonymiser):
    """Gives everybody the same pseudonyms, so that only what leaks can differ."""

    def __init__(self) -> None:
        super().__init__(build.KEY, "FIDAC", "S1")

    def patient(self, issuer: str, patient_id: str) -> str:
        return "S1-AAAAAAAAAAAAAAAA"

    def shift_days(self, issuer: str, patient_id: str) -> int:
        return -100


OTHER = {
    "PatientName": "王^小东", "PatientID": "7", "PatientBirthDate": "19880229", "PatientAddress": "",
    "PatientTelephoneNumbers": "1", "PatientMotherBirthName": "X", "OtherPatientIDs": ["a", "b", "c"],
    "AccessionNumber": "", "StudyID": "1", "ReferringPhysicianName": "", "OperatorsName": ["A^B", "C^D"],
    "InstitutionName": "Klinik", "InstitutionAddress": "Berlin", "StationName": "X1", "DeviceSerialNumber": "9",
    "AdmissionID": "55", "StudyDescription": "Thorax de X1", "ImageComments": "ok " * 50, "RequestedProcedureID": "",
    "SpecificCharacterSet": "GB18030",
}  # fmt: skip


def test_two_objects_that_differ_in_identity_alone_come_out_the_same(tmp_path: Path) -> None:
    """Non-interference: whatever differs would be a leak by definition, also one that nobody listed."""
    engine = Deidentifier(PLAN, Blind(), "S1", "FIDAC")
    first = run(write(tmp_path / "a.dcm", ct(PatientAge="062Y")), engine)[0]
    second = run(write(tmp_path / "b.dcm", ct(PatientAge="062Y", **OTHER)), engine)[0]
    assert first == second


def test_private_elements_and_comments_leave_no_imprint(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.dcm", ct()).read_bytes()
    more = build.insert(plain, raw_element(0x00290010, "LO", b"ACME"))
    more = build.insert(more, raw_element(0x00291001, "LT", NAME * 7))
    more = build.insert(more, raw_element(0x00104000, "LT", NAME * 3))
    (tmp_path / "b.dcm").write_bytes(more)
    assert run(tmp_path / "a.dcm")[0] == run(tmp_path / "b.dcm")[0]
