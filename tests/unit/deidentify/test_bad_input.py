"""What is malformed, incomplete or doubtful is held with a reason; nothing crashes, nothing leaks."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from pydicom import config as pydicom_config

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan, open_source
from fidac_node.deidentify.pixels.copy import Pixels
from fidac_node.dicom import part10
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE
from fidac_node.errors import ConfigError, Permanent
from tests.unit.deidentify import build
from tests.unit.deidentify.build import (
    KEY,
    LIMIT,
    ROOT,
    ct,
    dataset,
    deidentifier,
    raw_element,
    read,
    run,
    traces,
    write,
)

PSEUDONYMS = Pseudonymiser(KEY, "FIDAC", "S1")


@pytest.mark.parametrize("patient_id", ["", "  ", None])
def test_a_patient_without_an_id_is_held(tmp_path: Path, patient_id: str | None) -> None:
    with pytest.raises(Permanent) as caught:
        run(write(tmp_path / "a.dcm", ct(PatientID=patient_id)))
    assert caught.value.code == "no-patient-id"


@pytest.mark.parametrize(
    ("charset", "held"), [("ISO_IR 100", False), (None, True), ("ISO_IR 999", True), ("ISO_IR 192", True), ("", True)]
)
def test_a_patient_id_that_cannot_be_read_is_held(tmp_path: Path, charset: str | None, held: bool) -> None:
    path = write(tmp_path / "a.dcm", ct(PatientID="IPPéé8003412765"))
    data = path.read_bytes()
    if charset is None:
        data = data.replace(raw_element(0x00080005, "CS", b"ISO_IR 100"), b"")
    else:
        data = data.replace(b"ISO_IR 100", charset.encode().ljust(10))
    path.write_bytes(data)
    if held:
        with pytest.raises(Permanent) as caught:
            run(path)
        assert caught.value.code == "undecodable"
    else:
        assert traces(run(path)[0]) == []


@pytest.mark.parametrize(
    "charset", [b"ISO_IR 999", b"\\\\\\\\\\\\\\\\\\\\", b"ISO_IR 192", b"ISO_IR 144", b"GB18030   ", b"          "]
)
def test_accents_under_a_wrong_or_unknown_character_set_neither_crash_nor_leak(tmp_path: Path, charset: bytes) -> None:
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", charset))
    encoded, _ = run(path)
    assert traces(encoded) == [] and read(encoded).SpecificCharacterSet == "ISO_IR 192"


def test_accents_without_a_character_set_neither_crash_nor_leak(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct(IssuerOfPatientID="Hôpital"))
    declared = raw_element(0x00080005, "CS", b"ISO_IR 100")
    path.write_bytes(path.read_bytes().replace(declared, b""))
    encoded, outcome = run(path)
    assert traces(encoded) == []
    assert outcome.pseudonym == PSEUDONYMS.patient("Hôpital", build.IDENTITY["PatientID"])


@pytest.mark.parametrize(("keyword", "value", "code"), [
    ("StudyInstanceUID", None, "incomplete"), ("SeriesInstanceUID", "", "incomplete"),
    ("SOPInstanceUID", None, "incomplete"), ("StudyInstanceUID", "1.2\\1.3", "malformed"),
    ("SeriesInstanceUID", "1." + "2" * 130, "malformed"),
])  # fmt: skip
def test_a_uid_that_is_missing_or_names_nothing_is_held(
    tmp_path: Path, keyword: str, value: str | None, code: str
) -> None:
    with pydicom_config.disable_value_validation(), pytest.raises(Permanent) as caught:
        run(write(tmp_path / "a.dcm", ct(**{keyword: value})))
    assert caught.value.code == code


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("value", ["1.2.QUENOUILLE", "1." + "2" * 70, "1.02.3", "DCCC9599-0871-3174-2838-CC1162A630FE"])
def test_a_uid_that_breaks_the_rules_is_a_name_and_replaced_like_any_other(
    tmp_path: Path, keyword: str, value: str
) -> None:
    with pydicom_config.disable_value_validation():
        encoded, _ = run(write(tmp_path / "a.dcm", ct(**{keyword: value})))
    assert read(encoded)[keyword].value == PSEUDONYMS.uid(value)
    assert traces(encoded) == []


def test_an_invalid_uid_elsewhere_is_replaced_like_any_other(tmp_path: Path) -> None:
    with pydicom_config.disable_value_validation():
        encoded, _ = run(write(tmp_path / "a.dcm", ct(FrameOfReferenceUID="QUENOUILLE.1")))
    assert read(encoded).FrameOfReferenceUID == PSEUDONYMS.uid("QUENOUILLE.1")


def test_bytes_after_the_image_are_cut_off(tmp_path: Path) -> None:
    ds = ct()
    ds["PixelData"].value = build.PIXELS + b"QUENOUILLE^Zephyrine"
    path = write(tmp_path / "a.dcm", ds)
    with path.open("ab") as fp:
        fp.write(raw_element(0x7FE10010, "LO", b"QUENOUILLE") + raw_element(0xFFFCFFFC, "OB", b"QUENOUILLE"))
    encoded, _ = run(path)
    assert encoded.endswith(raw_element(0x7FE00010, "OW", build.PIXELS)) and traces(encoded) == []


def test_an_image_of_an_odd_number_of_bytes_is_padded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct(Rows=1, Columns=3, BitsAllocated=12, BitsStored=12))
    with open_source(path, LIMIT) as source:
        pixels = Pixels(source)
        assert pixels.header(source.syntax) + b"".join(pixels.chunks()) == raw_element(
            0x7FE00010, "OW", bytes([0, 1, 2, 3, 4, 0])
        )


@pytest.mark.parametrize("values", [{"Rows": 5}, {"Rows": 0}, {"Columns": 9}])
def test_an_image_that_is_shorter_than_it_says_is_held(tmp_path: Path, values: dict[str, object]) -> None:
    with pytest.raises(Permanent) as caught:
        run(write(tmp_path / "a.dcm", ct(**values)))
    assert caught.value.code == "malformed"


@pytest.mark.parametrize("frames", ["4", "0", "-1", "x"])
def test_frames_that_are_not_there_hold_the_object(tmp_path: Path, frames: str) -> None:
    ds = build.enhanced(3)
    ds["NumberOfFrames"].value = None
    ds.NumberOfFrames = None
    path = write(tmp_path / "a.dcm", ds)
    path.write_bytes(
        build.insert(
            path.read_bytes().replace(b"\x28\x00\x08\x00IS\x00\x00", b""),
            raw_element(0x00280008, "IS", frames.ljust(2).encode()),
        )
    )
    with pytest.raises(Permanent) as caught:
        run(path)
    assert caught.value.code in ("malformed", "incomplete")


def test_a_file_that_is_cut_short_anywhere_is_held_or_no_file(tmp_path: Path) -> None:
    whole = write(
        tmp_path / "a.dcm", ct(ReferencedImageSequence=[dataset(ReferencedSOPInstanceUID=f"{ROOT}.77")])
    ).read_bytes()
    path = tmp_path / "cut.dcm"
    for length in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(Permanent):
            run(path)


def test_an_element_that_comes_twice_is_held(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(build.insert(path.read_bytes(), raw_element(0x00100020, "LO", b"OTHER ")))
    with pytest.raises(Permanent, match=r"\(0010,0020\) comes twice"):
        run(path)


@pytest.mark.parametrize("lie", [b"\xff\xff\xff\x7f", b"\x03\x00\x00\x00", b"\x00\x00\x01\x00"])
def test_a_sequence_with_a_length_inside_that_lies_is_gone_and_told_as_lost(tmp_path: Path, lie: bytes) -> None:
    inside = raw_element(0x00081155, "UI", b"1.2.3\0")
    item = struct.pack("<HH", 0xFFFE, 0xE000) + lie + inside
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(build.insert(path.read_bytes(), raw_element(0x00081140, "SQ", item)))
    encoded, outcome = run(path)
    assert outcome.lost == ((0x00081140,),) and outcome.normalised == ((0x00081140,),)
    assert not read(encoded)[0x00081140].value and inside not in encoded


def test_nesting_without_end_is_held(tmp_path: Path) -> None:
    inside = raw_element(0x00081155, "UI", b"1.2.3\0")
    for _ in range(100):
        inside = raw_element(0x00081140, "SQ", struct.pack("<HHL", 0xFFFE, 0xE000, len(inside)) + inside)
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(build.insert(path.read_bytes(), inside))
    with pytest.raises(Permanent, match="nested more than"):
        run(path)


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (3 << 20) + 1])
def test_a_deflated_image_of_any_size_is_inflated_to_its_end(tmp_path: Path, size: int) -> None:
    ds = ct(Rows=1024, Columns=size // 2048 + 1)
    ds["PixelData"].value = bytes(2048 * (size // 2048 + 1))
    encoded, _ = run(write(tmp_path / "a.dcm", ds, DEFLATED_EXPLICIT_VR_LE))
    assert read(encoded).PixelData == ds.PixelData


def test_a_deflated_bomb_is_held(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct(), DEFLATED_EXPLICIT_VR_LE)
    data = path.read_bytes()
    _, offset = part10.read_meta(io.BytesIO(data))
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    path.write_bytes(data[:offset] + deflater.compress(bytes(LIMIT + 1)) + deflater.flush())
    with pytest.raises(Permanent, match="inflates to more than"):
        run(path)


def test_a_header_of_enormous_elements_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fidac_node.dicom.elements.LARGEST_HEADER", 1 << 16)
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(build.insert(path.read_bytes(), raw_element(0x00182042, "OB", bytes(1 << 16))))
    with pytest.raises(Permanent, match="the header is larger than"):
        run(path)


def test_an_exception_that_nobody_foresaw_holds_and_names_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("QUENOUILLE^Zephyrine")

    monkeypatch.setattr("fidac_node.deidentify.rewrite.rewrite.Rewriter.data_set", broken)
    with pytest.raises(Permanent) as caught:
        run(write(tmp_path / "a.dcm", ct()))
    assert caught.value.code == "error" and "QUENOUILLE" not in str(caught.value)


def test_trouble_of_the_disk_is_not_blamed_on_the_object(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        deidentifier().deidentify(
            write(tmp_path / "a.dcm", ct()), Full(), label="unknown", label_source="default", limit=LIMIT
        )


def test_nothing_is_written_before_the_gate_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fidac_node.deidentify.rewrite.rewrite.Rewriter.value", lambda _self, _tag, _vr, raw, *_: raw)
    target = io.BytesIO()
    with pytest.raises(Permanent) as caught:
        deidentifier().deidentify(
            write(tmp_path / "a.dcm", ct()), target, label="unknown", label_source="default", limit=LIMIT
        )
    assert caught.value.code == "leak" and target.getvalue() == b""


def test_an_opened_source_is_taken_as_well_as_a_path(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct())
    engine, target = deidentifier(), io.BytesIO()
    with open_source(path, LIMIT) as source:
        engine.triage(source)
        assert source.get("StudyDescription") == build.IDENTITY["StudyDescription"]
        assert source.get("NoSuchKeyword", "x") == source.get("AdditionalPatientHistory", "x") == "x"
        engine.deidentify(source, target, label="certain", label_source="called-ae", limit=LIMIT)
    assert target.getvalue() == run(path)[0]


@pytest.mark.parametrize(
    ("site", "programme"), [("", "FIDAC"), ("é", "FIDAC"), ("a\\b", "FIDAC"), ("S1", "x" * 65), ("S1", "a\nb")]
)
def test_a_site_or_programme_that_cannot_travel_stops_the_start(site: str, programme: str) -> None:
    with pytest.raises(ConfigError, match="it travels in every object"):
        Deidentifier(load_plan("fidac-chest-ct"), PSEUDONYMS, site, programme)


def test_an_unknown_label_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="the label is none of"):
        run(write(tmp_path / "a.dcm", ct()), label="sure")


def test_big_endian_numbers_are_read_as_such(tmp_path: Path) -> None:
    with open_source(write(tmp_path / "a.dcm", ct(), EXPLICIT_VR_BE), LIMIT) as source:
        assert source.number("Rows") == 4 and source.number("NumberOfFrames", 1) == 1
        with pytest.raises(Permanent, match=r"NumberOfFrames .* is missing"):
            source.number("NumberOfFrames")


def test_an_attribute_that_comes_again_after_the_pixels_holds_the_object(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(path.read_bytes() + raw_element(0x00280010, "US", b"\7\0"))
    with pytest.raises(Permanent, match=r"\(0028,0010\) comes twice"):
        run(path)
