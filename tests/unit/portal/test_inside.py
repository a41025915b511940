"""What the browser's worker calls gives the bytes that a site would send, and never says more than it knows."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tracemalloc
from pathlib import Path

import pytest
from pydicom import dcmread

from fidac_node.deidentify import Deidentifier, Pseudonymiser
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, RLE_LOSSLESS
from fidac_node.errors import Permanent
from fidac_node.portal import inside
from tests.deid_corpus import corpus
from tests.unit.deidentify.build import ct, write
from tests.unit.portal.given import KEY, PLAN, JsBytes, JsFile, bench, whole

LIMIT = 1 << 26


SITE = Deidentifier(inside.planned(PLAN), Pseudonymiser(KEY, "FIDAC", "CHU-X"), "CHU-X", "FIDAC")
BENCH = bench()


def native(content: bytes) -> bytes | str:
    """What a site makes of an object, or why it holds it."""
    target = io.BytesIO()
    try:
        source = SITE.sources.read(content, LIMIT)
        SITE.deidentify(source, target, label="certain", label_source="portal", limit=LIMIT)
    except Permanent as error:
        return str(error)
    return target.getvalue()


def uploaded(content: bytes) -> tuple[bytes | str, inside.Done, JsFile]:
    """What becomes of an object in a browser."""
    file, put = JsFile(content), list[bytes]()
    done = BENCH.deidentify(file, "certain", "portal", put.append)
    return (done.said if done.held else whole(done, file, put)), done, file


@pytest.mark.thorough
def test_two_hundred_objects_come_out_as_at_a_site_in_one_piece_and_in_many_and_are_held_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects = corpus(seed=17, patients=2).objects
    assert len(objects) >= 200
    for one in objects:
        wanted = native(one.encoded)
        for in_memory in (32 << 20, 0):
            monkeypatch.setattr(inside, "IN_MEMORY", in_memory)
            got, done, _ = uploaded(one.encoded)
            assert got == wanted, one.name
            if isinstance(got, bytes) and (digest := json.loads(done.said).get("sha256")):
                assert digest == hashlib.sha256(got).hexdigest()


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE])
def test_pixels_that_stay_as_they_are_are_a_range_of_the_file_and_all_else_is_written(
    syntax: str, tmp_path: Path
) -> None:
    content = write(tmp_path / "a.dcm", ct(), syntax).read_bytes()
    got, done, _ = uploaded(content)
    assert got == native(content)
    assert (done.stop > done.start) == (syntax != DEFLATED_EXPLICIT_VR_LE)
    assert bool(done.head) == (syntax != DEFLATED_EXPLICIT_VR_LE)


def test_of_a_large_file_the_header_is_read_and_pixels_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "IN_MEMORY", 1 << 20)
    side = 4096
    large = ct(Rows=side, Columns=side, PixelData=bytes(2 * side * side))
    content = write(tmp_path / "a.dcm", large).read_bytes()
    file = JsFile(content)
    tracemalloc.start()
    done = BENCH.deidentify(file, "certain", "portal", None)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not done.held and most < 8 << 20 < len(content)
    got, done, file = uploaded(content)
    assert got == native(content)
    assert max(file.read_at_once) <= 4 << 20
    assert json.loads(done.said)["sha256"] == hashlib.sha256(got).hexdigest()  # type: ignore[arg-type]


def test_what_is_held_says_so_when_it_is_checked_and_what_is_no_dicom_is_told_apart(tmp_path: Path) -> None:
    good, screen = (
        JsFile(write(tmp_path / name, ct(**values)).read_bytes())
        for name, values in (("a", {}), ("b", {"Modality": "OT"}))
    )
    facts = json.loads(BENCH.check(good).said)
    assert facts["facts"]["rows"] == 4 and facts["pseudonym"].startswith("CHU-X-")
    held = BENCH.check(screen)
    assert held.held and held.study == facts["study"]
    for size in (0, 4000, 40 << 20):
        assert BENCH.check(JsFile(b"MZ"[:size] + bytes(size))).held == "not-dicom"
    assert BENCH.check(JsFile(good.content[:900])).held == "malformed"


def test_a_missing_module_is_not_told_as_the_fault_of_an_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write(tmp_path / "a.dcm", ct(), EXPLICIT_VR_BE).read_bytes()
    import fidac_node.deidentify as room

    monkeypatch.delattr(room, "slow", raising=False)
    monkeypatch.setitem(sys.modules, "fidac_node.deidentify.slow", None)  # type: ignore[arg-type]
    done = BENCH.check(JsFile(content))
    assert (done.held, done.said) == (
        inside.FAILED,
        "fidac_node.deidentify.slow is missing here: install fidac-node again",
    )


def test_a_file_that_the_browser_cannot_read_any_more_is_told_so_and_is_no_fault_of_the_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "IN_MEMORY", 0)
    content = write(tmp_path / "a.dcm", ct(PixelData=bytes(32))).read_bytes()

    class Ejected(JsFile):
        def read(self, start: int, length: int) -> JsBytes:
            if self.read_at_once:
                raise RuntimeError("NotReadableError")
            return super().read(start, length)

    for act in (BENCH.check, BENCH.picture, lambda file: BENCH.header(file, "certain", "portal")):
        done = act(Ejected(content))
        assert done.held == inside.UNREADABLE and "taken out" in done.said


@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, DEFLATED_EXPLICIT_VR_LE])
def test_a_header_is_shown_before_and_after_and_no_pixel_is_read_for_it(syntax: str, tmp_path: Path) -> None:
    file = JsFile(write(tmp_path / "a.dcm", ct(), syntax).read_bytes())
    rows = {row[0]: row[1:] for row in json.loads(BENCH.header(file, "certain", "portal").said)}
    keyword, before, after, action = rows["(0010,0010)"]
    assert (keyword, action) == ("PatientName", "replaced") and before.startswith("QUENOUILLE")
    assert after.startswith("CHU-X-") and rows["(0028,0010)"] == ["Rows", "4", "4", "kept"]
    assert not any(path.startswith("(7FE0") for path in rows)
    assert BENCH.header(JsFile(b"no"), "certain", "portal").held == "malformed"


def test_the_neutral_code_of_a_site_begins_its_pseudonyms(tmp_path: Path) -> None:
    file = JsFile(write(tmp_path / "a.dcm", ct()).read_bytes())
    assert json.loads(bench(code="07").check(file).said)["pseudonym"].startswith("07-")


# --- pictures


def test_a_picture_is_windowed_to_the_lung(tmp_path: Path) -> None:
    hounsfield = (-1350, -600, 149, 3000)
    made = {"Rows": 2, "Columns": 2, "RescaleSlope": "2", "RescaleIntercept": "-1400", "BitsStored": 16, "HighBit": 15}
    pixels = b"".join(((one + 1400) // 2).to_bytes(2, "little") for one in hounsfield)
    file = JsFile(write(tmp_path / "a.dcm", ct(**made, PixelData=pixels)).read_bytes())
    done = BENCH.picture(file)
    assert json.loads(done.said) == {"width": 2, "height": 2}
    assert [abs(got - wanted) <= 1 for got, wanted in zip(done.head, (0, 128, 255, 255), strict=True)] == [True] * 4


def test_what_is_inverse_is_shown_right_and_what_is_signed_too(tmp_path: Path) -> None:
    made = {"Rows": 1, "Columns": 2, "RescaleSlope": "1", "RescaleIntercept": "0", "PixelRepresentation": 1}
    pixels = (-2000 & 0x0FFF).to_bytes(2, "little") + (1000).to_bytes(2, "little")
    for inverse, shown in {"MONOCHROME1": b"\xff\x00", "MONOCHROME2": b"\x00\xff"}.items():
        path = write(tmp_path / "a.dcm", ct(**made, PhotometricInterpretation=inverse, PixelData=pixels))
        assert BENCH.picture(JsFile(path.read_bytes())).head == shown


def test_compressed_pixels_have_no_picture_but_those_of_rle(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct())
    compressed = dcmread(path)
    compressed.compress(RLE_LOSSLESS)
    compressed.save_as(path)
    assert len(BENCH.picture(JsFile(path.read_bytes())).head) == 16
    compressed.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.90"
    compressed.save_as(path)
    done = BENCH.picture(JsFile(path.read_bytes()))
    assert done == ("no-picture", "its pixels are compressed: nothing here decodes them", b"", 0, 0, "")


# --- keys


def test_a_key_that_is_made_is_read_again_from_its_file_and_from_its_sheet() -> None:
    made = json.loads(inside.written(JsBytes(KEY)))
    assert made["content"] == KEY.hex() + "\n" and len(made["sheet"]) == 4
    for text in (made["content"], "\n".join(made["sheet"]), "\r\n".join(made["sheet"]) + "\n\n"):
        assert inside.read_secret(JsBytes(text.encode())).head == KEY
    assert made["check_value"] == inside.check(JsBytes(KEY))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes(range(256)) * 2, "no key file"),
        (b"", "no key file"),
        (b"ab" * 32, "not random"),
        (KEY.hex()[:40].encode(), "at least 32"),
        (b"1 0000 0000 0000 0000 0000", "line 1 of the sheet"),
    ],
    ids=["a picture", "nothing", "by hand", "cut", "mistyped"],
)
def test_a_wrong_key_file_is_refused_in_words(content: bytes, words: str) -> None:
    done = inside.read_secret(JsBytes(content))
    assert done.held == "key" and words in done.said and not done.head
