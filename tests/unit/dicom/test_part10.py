"""The walk over encoded elements, fed with what pydicom writes, with cuts, with noise and with bombs."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID

from fidac_node.dicom import part10
from fidac_node.dicom.part10 import FileMeta, Malformed
from fidac_node.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    IMPLEMENTATION_CLASS_UID,
    IMPLICIT_VR_LE,
)

LIMIT = 1 << 20
JPEG_2000 = "1.2.840.10008.1.2.4.90"
CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY = 0x0020000D
SYNTAXES = [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE]
META = FileMeta(CT, "1.2.3", EXPLICIT_VR_LE)

uids = st.builds(".".join, st.lists(st.integers(0, 9999).map(str), min_size=1, max_size=12))
ae_titles = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\"), max_size=16).map(
    str.strip
)
notes = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)
few = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def encoded(ds: Dataset, syntax: str = EXPLICIT_VR_LE) -> bytes:
    """The whole Part 10 file of ``ds``, written by pydicom."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = UID(CT)
    ds.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    fp = io.BytesIO()
    dcmwrite(fp, ds, enforce_file_format=True)
    return fp.getvalue()


def small_dataset() -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = CT
    ds.SOPInstanceUID = "1.2.3"
    ds.PatientName = "Né^Élise"
    ds.SpecificCharacterSet = "ISO_IR 100"
    code = Dataset()
    code.CodeValue = "1234"
    nested = Dataset()
    nested.CodeMeaning = "chest"
    code.ConceptNameCodeSequence = Sequence([nested])
    ds.ProcedureCodeSequence = Sequence([code, Dataset()])
    ds["ProcedureCodeSequence"].is_undefined_length = True
    code.is_undefined_length_sequence_item = True
    ds.StudyInstanceUID = "1.2.4"
    ds.SeriesInstanceUID = "1.2.5"
    ds.Rows = 2
    ds.Columns = 2
    ds.BitsAllocated = 16
    ds.add_new(0x00091001, "UN", b"abc\0")
    ds.add_new(part10.PIXEL_DATA, "OW", b"\1\2\3\4\5\6\7\x08")
    return ds


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """One element in Explicit VR Little Endian, its length field as told."""
    length = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    return (
        head
        + (struct.pack("<2xL", length) if vr in (b"SQ", b"UN", b"OB", b"OW") else struct.pack("<H", length))
        + value
    )


def item(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content) if length is None else length) + content


ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def walked(data: bytes, syntax: str = EXPLICIT_VR_LE) -> list[part10.Element]:
    return list(part10.walk(data, 0, len(data), syntax))


# --- File Meta Information


@given(uids, uids, uids, ae_titles, ae_titles, notes)
def test_file_meta_comes_back_as_it_was_written(
    sop_class: str, instance: str, syntax: str, source: str, called: str, note: str
) -> None:
    meta = FileMeta(sop_class, instance, syntax, source, called, note)
    raw = part10.encode_meta(meta)
    assert part10.read_meta(io.BytesIO(raw + b"\x08\x00\x05\x00")) == (meta, len(raw))


def test_pydicom_reads_the_file_meta_that_we_write() -> None:
    meta = FileMeta(CT, "1.2.34", EXPLICIT_VR_LE, "PACS ONE", "FIDAC_SUSPECT", '{"label": "négatif"}')
    ds = dcmread(io.BytesIO(part10.encode_meta(meta)))
    assert ds.file_meta.MediaStorageSOPInstanceUID == "1.2.34"
    assert ds.file_meta.SourceApplicationEntityTitle == "PACS ONE"
    assert ds.file_meta.ReceivingApplicationEntityTitle == "FIDAC_SUSPECT"
    assert ds.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert len(str(ds.file_meta.ImplementationVersionName)) <= 16
    assert ds.file_meta.PrivateInformation.rstrip(b"\0").decode() == '{"label": "négatif"}'
    assert ds.file_meta.FileMetaInformationGroupLength == len(part10.encode_meta(meta)) - 144


def test_a_note_of_another_maker_is_not_taken_for_ours() -> None:
    raw = part10.encode_meta(FileMeta(CT, "1.2", EXPLICIT_VR_LE, note="x"))
    assert (
        part10.read_meta(
            io.BytesIO(
                raw.replace(
                    b"\x02\x00\x00\x01UI\x2c\x00" + IMPLEMENTATION_CLASS_UID.encode(),
                    b"\x02\x00\x00\x01UI\x2c\x00" + b"1.2.3".ljust(44, b"\0"),
                )
            )
        )[0].note
        == ""
    )


@pytest.mark.parametrize("data", [b"", b"DICM", b"\0" * 128, b"\0" * 128 + b"DICN" + b"\0" * 64, b"%PDF-1.7" * 40])
def test_what_is_not_a_dicom_file_is_malformed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(data)
    with pytest.raises(Malformed, match="not a DICOM file"):
        part10.find(path, frozenset(), limit=LIMIT)


@pytest.mark.parametrize(
    "meta",
    [FileMeta("", "1.2", "1.2"), FileMeta("1.2", "", "1.2"), FileMeta("1.2", "1.2", ""), FileMeta("a.b", "1.2", "1.2")],
)
def test_file_meta_without_a_valid_mandatory_uid_is_malformed(meta: FileMeta) -> None:
    with pytest.raises(Malformed, match="has no valid"):
        part10.read_meta(io.BytesIO(part10.encode_meta(meta)))


# --- walking what pydicom writes

texts = st.text("abcdefXYZ 0123", max_size=20)
SIMPLE: dict[int, tuple[str, st.SearchStrategy[Any]]] = {
    0x00080060: ("CS", st.sampled_from(["CT", ""])),
    0x00081030: ("LO", texts),
    0x00100010: ("PN", texts),
    0x00101010: ("AS", st.just("012Y")),
    0x00180050: ("DS", st.floats(0.1, 99).map(lambda value: f"{value:.3f}")),
    0x00189073: ("FD", st.floats(allow_nan=False)),
    0x0020000D: ("UI", uids.map(lambda uid: uid[:64].rstrip("."))),
    0x00204000: ("LT", texts),
    0x00280010: ("US", st.integers(0, 65535)),
    0x00289110: ("SQ", st.none()),
    0x00400275: ("SQ", st.none()),
    0x00091001: ("UN", st.binary(max_size=40).map(lambda value: value + b"\0" * (len(value) % 2))),
    0x00091002: ("OB", st.binary(max_size=40).map(lambda value: value + b"\0" * (len(value) % 2))),
    0x00091003: ("UT", texts),
    0x00091004: ("AT", st.integers(0, 0xFFFFFFFF)),
}


@st.composite
def datasets(draw: Callable[[st.SearchStrategy[Any]], Any], depth: int = 0) -> Dataset:
    ds = Dataset()
    for tag in sorted(draw(st.sets(st.sampled_from(sorted(SIMPLE)), max_size=6 if depth else 12))):
        vr, values = SIMPLE[tag]
        if vr != "SQ":
            ds.add_new(tag, vr, draw(values))
        elif depth < 3:
            ds.add_new(tag, vr, Sequence(draw(st.lists(datasets(depth + 1), max_size=3))))
            ds[tag].is_undefined_length = draw(st.booleans())
            for child in ds[tag].value:
                child.is_undefined_length_sequence_item = draw(st.booleans())
    return ds


def assert_same(buffer: bytes, start: int, end: int, ds: Dataset, syntax: str) -> None:
    """Our walk and pydicom's reading see the same tags, the same raw values and the same items."""
    ours = list(part10.walk(buffer, start, end, syntax))
    assert [found.tag for found in ours] == sorted(int(tag) for tag in ds.keys())  # noqa: SIM118 (a Dataset iterates over elements)
    for found in ours:
        theirs = ds.get_item(found.tag)
        if theirs.VR == "SQ" or found.vr == b"SQ":
            children = list(part10.items(buffer, found, syntax))
            assert len(children) == len(ds[found.tag].value)
            for (child_start, child_end), child in zip(children, ds[found.tag].value, strict=True):
                assert_same(buffer, child_start, child_end, child, syntax)
        else:
            assert buffer[found.value : found.end] == (theirs.value or b"")


@pytest.mark.parametrize("syntax", SYNTAXES)
@few
@given(datasets())
def test_the_walk_sees_every_element_that_pydicom_wrote(syntax: str, ds: Dataset) -> None:
    raw = encoded(ds, syntax)
    meta, offset = part10.read_meta(io.BytesIO(raw))
    assert meta.transfer_syntax_uid == syntax
    data, start = (part10.inflate(raw[offset:], LIMIT), 0) if syntax == DEFLATED_EXPLICIT_VR_LE else (raw, offset)
    assert_same(data, start, len(data), dcmread(io.BytesIO(raw)), syntax)


@pytest.mark.parametrize("frames", [[b"\1\2\3\4"], [b"\xff\xd8" * 300, b"\xfe\xff\xdd\xe0\0\0\0\0"]])
def test_encapsulated_pixel_data_is_one_element_whatever_its_fragments_hold(frames: list[bytes]) -> None:
    ds = small_dataset()
    ds.PixelData = encapsulate(frames, has_bot=True)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.DataSetTrailingPadding = b"\0" * 12
    raw = encoded(ds, JPEG_2000)
    _, offset = part10.read_meta(io.BytesIO(raw))
    last = list(part10.walk(raw, offset, len(raw), JPEG_2000))[-2:]
    assert [found.tag for found in last] == [part10.PIXEL_DATA, 0xFFFCFFFC]
    assert raw[last[0].end : last[0].after] == SEQUENCE_END


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, EXPLICIT_VR_BE])
def test_un_of_undefined_length_holds_items_in_implicit_little_endian(syntax: str) -> None:
    order = "<" if syntax == EXPLICIT_VR_LE else ">"
    content = (
        struct.pack("<HHL", 0x0010, 0x0010, 4)
        + b"DOE "
        + struct.pack("<HHL", 0x0010, 0x0020, 0xFFFFFFFF)
        + item(b"")
        + SEQUENCE_END
    )
    for items in (item(content) + item(b""), item(content + ITEM_END, 0xFFFFFFFF) + item(ITEM_END, 0xFFFFFFFF)):
        head = struct.pack(order + "HH2s2xL", 0x0009, 0x1010, b"UN", 0xFFFFFFFF)
        data = head + items + SEQUENCE_END + struct.pack(order + "HH2sHH", 0x0028, 0x0010, b"US", 2, 512)
        first, second = walked(data, syntax)
        assert (first.tag, second.tag) == (0x00091010, 0x00280010)
        (start, end), (empty, empty_end) = part10.items(data, first, syntax)
        assert data[start:end] == content and empty == empty_end
        assert [found.tag for found in part10.walk(data, start, end, IMPLICIT_VR_LE)] == [0x00100010, 0x00100020]


def test_un_of_known_length_can_be_read_as_items_too() -> None:
    data = struct.pack(">HH2s2xL", 0x0009, 0x1010, b"UN", 20) + item(struct.pack("<HHL", 0x0010, 0x0010, 4) + b"DOE ")
    (only,) = walked(data, EXPLICIT_VR_BE)
    assert list(part10.items(data, only, EXPLICIT_VR_BE)) == [(20, 32)]


def test_every_real_file_shows_the_uids_that_pydicom_reads(real_files: list[Path]) -> None:
    tags = {STUDY: "StudyInstanceUID", 0x00080018: "SOPInstanceUID", 0x0020000E: "SeriesInstanceUID"}
    for path in real_files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the files' values are not what is tested
            ds = dcmread(path, stop_before_pixels=True)
        meta, values = part10.find(path, frozenset(tags), limit=64 << 20)
        assert meta.transfer_syntax_uid == ds.file_meta.TransferSyntaxUID
        assert {keyword: values[tag].rstrip(b"\0 ").decode() for tag, keyword in tags.items()} == {
            keyword: ds[keyword].value for keyword in tags.values()
        }


@pytest.fixture
def real_files() -> list[Path]:
    directory = Path(__file__).parents[4] / "shared" / "data"
    files = sorted(directory.glob("*/*"))
    if not files:
        pytest.skip(f"the sample studies are not in {directory}")
    return files[::7]


# --- cuts


@pytest.mark.parametrize("syntax", [*SYNTAXES, JPEG_2000])
def test_a_file_cut_anywhere_but_between_two_elements_is_malformed(tmp_path: Path, syntax: str) -> None:
    ds = small_dataset()
    if syntax == JPEG_2000:
        ds.PixelData = encapsulate([b"\xff\x4f\xff\x51" * 4])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    raw = encoded(ds, syntax)
    path = tmp_path / "cut.dcm"
    _, offset = part10.read_meta(io.BytesIO(raw))
    # A data set may end after any element; a deflated one only where its stream says so (a pad byte may follow).
    deflated = syntax == DEFLATED_EXPLICIT_VR_LE
    whole = {len(raw) - 1} if deflated else {found.start for found in part10.walk(raw, offset, len(raw), syntax)}
    for cut in range(len(raw)):
        path.write_bytes(raw[:cut])
        try:
            _, values = part10.find(path, frozenset([STUDY]), limit=LIMIT)
        except Malformed:
            assert cut not in whole
        else:
            # Between two elements of the File Meta Information the data set is empty, which `identify` refuses;
            # a byte of the next tag may be zero, which is a pad.
            assert cut in whole or (cut < offset and not values) or (cut - 1 in whole and raw[cut - 1] == 0)
    path.write_bytes(raw)
    assert part10.find(path, frozenset([STUDY]), limit=LIMIT)[1] == {STUDY: b"1.2.4\0"}


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
def test_a_few_zero_bytes_after_the_last_element_are_harmless(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "padded.dcm"
    for pad in range(1, 8):
        path.write_bytes(encoded(small_dataset(), syntax) + b"\0" * pad)
        assert STUDY in part10.find(path, frozenset([STUDY]), limit=LIMIT)[1]
        path.write_bytes(encoded(small_dataset(), syntax) + b"\0" * (pad - 1) + b"\1")
        with pytest.raises(Malformed, match="stray bytes"):
            part10.find(path, frozenset([STUDY]), limit=LIMIT)


@pytest.mark.parametrize(
    "data",
    [
        element(0x00100010, b"PN", b"DOE ", length=6),
        element(0x00081111, b"SQ", item(b"", length=100)[:8], length=0xFFFFFFFF),
        element(0x00081111, b"SQ", item(b"") + ITEM_END, length=0xFFFFFFFF),
        element(0x00081111, b"SQ", item(b""), length=0xFFFFFFFF),
        element(0x00081111, b"SQ", item(element(0x00100010, b"PN", b"DOE "), length=0xFFFFFFFF), length=0xFFFFFFFF),
        element(0x00081111, b"SQ", element(0x00100010, b"PN", b"DOE "), length=0xFFFFFFFF),
        element(part10.PIXEL_DATA, b"OB", item(b"", length=0xFFFFFFFF) + SEQUENCE_END, length=0xFFFFFFFF),
        element(part10.PIXEL_DATA, b"OB", item(b"\1\2", length=200) + SEQUENCE_END, length=0xFFFFFFFF),
        b"\x10\x00\x10\x00\x04\x00\x00\x00DOE ",
        b"\x10\x00\x10\x00pn\x04\x00DOE ",
        item(element(0x00100010, b"PN", b"DOE ")),
        ITEM_END,
        SEQUENCE_END + element(0x00100010, b"PN", b"DOE "),
        element(0x00081111, b"SQ", item(SEQUENCE_END, length=0xFFFFFFFF) + ITEM_END + SEQUENCE_END, length=0xFFFFFFFF),
        element(0x00081111, b"SQ", item(item(b"") + ITEM_END, length=0xFFFFFFFF) + SEQUENCE_END, length=0xFFFFFFFF),
    ],
    ids=[
        "value longer than the file",
        "item longer than the file",
        "item end without an item",
        "sequence without its end",
        "item without its end",
        "element where an item should be",
        "fragment of undefined length",
        "fragment longer than the file",
        "Implicit VR under Explicit VR",
        "VR in lower case",
        "item outside a sequence",
        "item end outside a sequence",
        "sequence end outside a sequence",
        "sequence end inside an item",
        "item directly inside an item",
    ],
)
def test_lengths_and_delimiters_that_lie_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        walked(data)


def test_items_that_do_not_fit_their_sequence_are_malformed() -> None:
    for content in (item(b"", length=4), element(0x00100010, b"PN", b"DOE "), b"\xfe\xff\x00"):
        data = element(0x00081111, b"SQ", content)
        (sequence,) = walked(data)
        with pytest.raises(Malformed):
            list(part10.items(data, sequence, EXPLICIT_VR_LE))


def test_sixty_sequences_in_each_other_are_read_and_hundreds_are_malformed() -> None:
    def nested(depth: int) -> bytes:
        head = element(0x00081111, b"SQ", b"", 0xFFFFFFFF) + item(b"", 0xFFFFFFFF)
        return head * depth + (ITEM_END + SEQUENCE_END) * depth

    assert len(walked(nested(60))) == 1
    for depth in (100, 20_000):
        with pytest.raises(Malformed, match="nested"):
            walked(nested(depth))


# --- noise


@pytest.mark.parametrize("syntax", [*SYNTAXES, JPEG_2000])
@few
@given(data=st.data())
def test_noise_in_a_file_is_read_or_malformed_and_never_costs_memory(
    tmp_path: Path, syntax: str, data: st.DataObject
) -> None:
    ds = small_dataset()
    if syntax == JPEG_2000:
        ds.PixelData = encapsulate([b"\xff\x4f\xff\x51" * 4])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    raw = bytearray(encoded(ds, syntax))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(128, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
    path = tmp_path / "noise.dcm"
    path.write_bytes(raw)
    tracemalloc.start()
    try:
        part10.find(path, frozenset([STUDY]), limit=LIMIT)
    except Malformed:
        event("malformed")
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4 << 20


@given(st.binary(max_size=400), st.sampled_from(SYNTAXES))
def test_random_bytes_are_read_or_malformed(data: bytes, syntax: str) -> None:
    try:
        for found in walked(data, syntax):
            assert found.start < found.value <= found.end <= found.after <= len(data)
            list(part10.items(data, found, syntax))
    except Malformed:
        event("malformed")


# --- bombs


def test_a_deflate_bomb_is_malformed_and_costs_no_more_than_its_limit(tmp_path: Path) -> None:
    squeezer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = b"".join(squeezer.compress(b"\0" * (1 << 20)) for _ in range(256)) + squeezer.flush()
    path = tmp_path / "bomb.dcm"
    path.write_bytes(part10.encode_meta(FileMeta(CT, "1.2", DEFLATED_EXPLICIT_VR_LE)) + bomb)
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    with pytest.raises(Malformed, match="more than"):
        part10.find(path, frozenset([STUDY]), limit=LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_large_deflated_file_is_checked_beside_it_on_the_disk_and_not_in_memory(tmp_path: Path) -> None:
    ds = small_dataset()
    ds.add_new(part10.PIXEL_DATA, "OW", bytes(40 << 20))
    path = tmp_path / "large.dcm"
    path.write_bytes(encoded(ds, DEFLATED_EXPLICIT_VR_LE))
    tracemalloc.start()
    _, values = part10.find(path, frozenset([STUDY]), limit=64 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert values == {STUDY: b"1.2.4\0"} and peak < 8 << 20
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20])
def test_whatever_its_size_a_data_set_comes_out_of_inflating_as_it_went_in(size: int) -> None:
    for data in (bytes(size), random.Random(size).randbytes(size)):
        squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        assert part10.inflate(squeezer.compress(data) + squeezer.flush() + b"\0", size) == data


def test_a_deflated_data_set_of_exactly_the_limit_is_taken() -> None:
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = squeezer.compress(bytes(range(256)) * 16) + squeezer.flush()
    assert part10.inflate(deflated, 4096) == bytes(range(256)) * 16
    with pytest.raises(Malformed, match="more than 4095 bytes"):
        part10.inflate(deflated, 4095)


def test_an_identifier_that_fills_gigabytes_is_malformed_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.dcm"
    with path.open("wb") as fp:
        fp.write(part10.encode_meta(META) + element(STUDY, b"UN", b"", length=(1 << 31)))
        fp.truncate(fp.tell() + (1 << 31))
    tracemalloc.start()
    with pytest.raises(Malformed, match=r"\(0020,000D\)"):
        part10.find(path, frozenset([STUDY]), limit=LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@few
@given(
    st.sampled_from([EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE]),
    st.integers(0, 400),
    st.integers(0, 400),
    st.binary(max_size=6),
)
def test_what_is_found_does_not_depend_on_how_much_was_at_hand(
    tmp_path: Path, syntax: str, have: int, where: int, noise: bytes
) -> None:
    raw = bytearray(encoded(small_dataset(), syntax))
    _, offset = part10.read_meta(io.BytesIO(raw))
    raw[offset + where : offset + where + len(noise)] = noise
    path = tmp_path / "x.dcm"
    path.write_bytes(raw)
    tags = frozenset({0x00080018, STUDY, 0x00091001})

    def outcome(beginning: bytes) -> object:
        with path.open("rb") as fp:
            try:
                return part10.find_in(fp.fileno(), offset, len(raw) - offset, syntax, tags, beginning=beginning)
            except Malformed as malformed:
                return str(malformed)

    def walked() -> object:
        try:
            elements = list(part10.walk(bytes(raw), offset, len(raw), syntax))
        except Malformed as malformed:
            return str(malformed)
        return {element.tag: bytes(raw[element.value : element.end]) for element in elements if element.tag in tags}

    assert outcome(bytes(raw[offset : offset + have])) == outcome(b"") == walked()
