"""The gate finds whatever of the input's identity is left in an output, and lets honest outputs pass."""

from __future__ import annotations

import io
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node import part10
from fidac_node.deidentify import gate, load_plan, open_source
from fidac_node.deidentify.gate import Gate
from fidac_node.deidentify.reading import Source
from fidac_node.errors import Permanent
from fidac_node.part10 import FileMeta, encode_meta
from fidac_node.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from tests.unit.deidentify import build
from tests.unit.deidentify.build import IDENTITY, ROOT, ct, raw_element, run, write

PLAN = load_plan("fidac-chest-ct")
GATE = Gate(PLAN.vocabulary | PLAN.common)


@dataclass
class Passing:
    """An honest output that the gate was asked about."""

    source: Source
    head: bytes
    body: bytes
    written: frozenset[str]

    def check(self, body: bytes | None = None, head: bytes | None = None) -> None:
        GATE.check(self.source, head or self.head, self.body if body is None else body, written=self.written)


def passing(directory: Path, syntax: str = EXPLICIT_VR_LE, **values: object) -> Iterator[Passing]:
    caught: list[Passing] = []
    original = Gate.check

    def spy(self: Gate, source: Source, head: bytes, body: bytes, *, written: frozenset[str]) -> None:
        caught.append(Passing(source, head, body, written))
        original(self, source, head, body, written=written)

    path = write(directory / "a.dcm", ct(**values), syntax)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate.Gate, "check", spy)
        run(path)
    with open_source(path, build.LIMIT) as source:
        yield Passing(source, caught[0].head, caught[0].body, caught[0].written)


@pytest.fixture(scope="module", params=[EXPLICIT_VR_LE, IMPLICIT_VR_LE])
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passing]:
    yield from passing(tmp_path_factory.mktemp("gate"), request.param)


# A value of the input and the words of it that must be found.
SECRETS = [
    "QUENOUILLE^Zéphyrine", "QUENOUILLE", "Zéphyrine", IDENTITY["PatientID"], "RX24088731", "ETU4417", "NIR261079912345643",
    "06 39 98 12 47", "DÉSIRÉ", "Thérèse", "GÉRAUD-DELAÎTRE^Benoît", "HÉBRARD", "Bretonneau", "37044", "TOURS", "SCANURG2", "SN-64012-77",
    "NDA240317552", "RP-77120", "Châtaigniers", "14/07/1961", "1961-07-14", "14 juillet 1961", "July 14, 1961", "14.07.61", f"{ROOT}.1",
    f"{ROOT}.3",
]  # fmt: skip
# Where it is hidden: attribute, VR; text that no rule of form would refuse.
CARRIERS = [
    (0x00081090, "LO"), (0x00080070, "LO"), (0x00181210, "SH"), (0x00181020, "LO"), (0x0008103E, "LO"), (0x00181030, "LO"),
    (0x00204000, "LT"), (0x00180022, "CS"), (0x00080008, "CS"), (0x00324000, "LT"), (0x00400275, "UT"), (0x00081080, "UC"),
]  # fmt: skip
SPELLINGS = {
    "as it is": lambda text: text,
    "capitals": str.upper,
    "small letters": str.lower,
    "without accents": lambda text: "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "within a sentence": lambda text: f"Mme {text}, vue ce jour",
    "glued": lambda text: f"x_{text}_1",
}
CHARSETS = {"latin-1": "latin-1", "utf-8": "utf-8", "utf-16": "utf-16-le"}


def hidden(honest: Passing, tag: int, vr: str, value: bytes, depth: int) -> bytes:
    """The honest body with one more element, ``depth`` sequences deep."""
    explicit = honest.source.syntax.explicit
    element = raw_element(tag, vr, value + b" " * (len(value) % 2), explicit=explicit)
    for _ in range(depth):
        item = struct.pack("<HHL", 0xFFFE, 0xE000, len(element)) + element
        element = raw_element(0x00189321, "SQ", item, explicit=explicit)
    return without(honest, tag if depth == 0 else 0x00189321) + element


def without(honest: Passing, tag: int) -> bytes:
    syntax = honest.source.meta.transfer_syntax_uid
    elements = part10.walk(honest.body, 0, len(honest.body), syntax)
    return b"".join(honest.body[one.start : one.after] for one in elements if one.tag != tag)


def test_an_honest_output_passes(honest: Passing) -> None:
    honest.check()


@settings(max_examples=400, deadline=None)
@given(
    secret=st.sampled_from(SECRETS),
    carrier=st.sampled_from(CARRIERS),
    spelling=st.sampled_from(sorted(SPELLINGS)),
    charset=st.sampled_from(sorted(CHARSETS)),
    depth=st.integers(0, 4),
)
def test_a_value_left_anywhere_in_any_spelling_is_found(
    honest: Passing, secret: str, carrier: tuple[int, str], spelling: str, charset: str, depth: int
) -> None:
    value = SPELLINGS[spelling](secret).encode(CHARSETS[charset], "ignore")
    with pytest.raises(Permanent) as caught:
        honest.check(hidden(honest, *carrier, value, depth))
    assert caught.value.code == "leak"
    assert not [word for word in build.traces(str(caught.value).encode()) if word not in b"tours"]


@pytest.mark.parametrize("vr", ["OB", "OW", "UN", "FD"])
@pytest.mark.parametrize("value", ["QUENOUILLE", "Zéphyrine", "Bretonneau", "SCANURG2"])
@pytest.mark.parametrize("charset", ["latin-1", "utf-8", "utf-16-le"])
def test_a_value_hidden_in_bytes_is_found(honest: Passing, vr: str, value: str, charset: str) -> None:
    padded = (b"\1\2\3\4" + value.encode(charset)).ljust(64, b"\7")
    with pytest.raises(Permanent, match=r"left in the output|in the bytes"):
        honest.check(hidden(honest, 0x00283006, vr, padded, 1))


@pytest.mark.parametrize(
    ("tag", "vr", "value", "what"),
    [
        (0x00200010, "SH", b"1", "identifying attribute"),
        (0x00080080, "LO", b"CHEST", "identifying attribute"),
        (0x00081010, "SH", b"CT", "identifying attribute"),
        (0x00100030, "DA", b"20010101", "date of birth"),
        (0x00080090, "PN", b"Somebody^Else", "identifying attribute"),
        (0x00080055, "AE", b"ANY", "identifying attribute"),
        (0x00291010, "LO", b"x", "private attribute"),
        (0x0F1D1005, "LO", b"x", "private attribute"),
        (0x0F1D1101, "LO", b"x", "private attribute"),
        (0x00080000, "UL", b"\4\0\0\0", "no data set has"),
        (0x00020016, "AE", b"x", "no data set has"),
        (0x50000010, "US", b"\0\0", "curve"),
        (0x60003000, "OW", b"\0\0", "overlay"),
        (0xFFFCFFFC, "OB", b"\0\0", "padding"),
        (0x00080021, "DA", b"20240317", "an original date"),
        (0x00200052, "UI", f"{ROOT}.4".encode(), "an original UID"),
        (0x00200052, "UI", b"1.2.3.4", "an original UID"),
        (0x00081155, "UI", b"1.2.840.10008.5.1.20240317102413", "an original UID"),
        (0x00201208, "IS", b"2408873100", None),
    ],
)
def test_what_no_output_may_hold_is_found_whatever_its_value(honest: Passing, tag: int, vr: str, value: bytes, what: str | None) -> None:
    body = hidden(honest, tag, vr, value, 0)
    if what is None:
        honest.check(body)
        return
    with pytest.raises(Permanent, match=what):
        honest.check(body)


def test_the_pseudonym_does_not_excuse_another_value_beside_it(honest: Passing) -> None:
    (pseudonym,) = (one for one in honest.written if one.startswith("S1-"))
    with pytest.raises(Permanent, match="identifying attribute"):
        honest.check(hidden(honest, 0x00100020, "LO", f"{pseudonym}\\42".encode(), 0))


@pytest.mark.parametrize("meta", [{"source_ae": "SCANURG2"}, {"receiving_ae": "FIDACNODE"}, {"note": "{}"}])
def test_file_meta_information_holds_nothing_but_what_it_must(honest: Passing, meta: dict[str, str]) -> None:
    plain = part10.read_meta(io.BytesIO(honest.head))[0]
    with pytest.raises(Permanent, match="File Meta Information"):
        honest.check(head=encode_meta(FileMeta(plain.sop_class_uid, plain.sop_instance_uid, plain.transfer_syntax_uid, **meta)))
    with pytest.raises(Permanent, match="File Meta Information"):
        honest.check(head=b"QUENOUILLE".ljust(128, b"\0") + honest.head[128:])
    with pytest.raises(Permanent, match="an original UID"):
        honest.check(head=encode_meta(FileMeta(plain.sop_class_uid, f"{ROOT}.3", plain.transfer_syntax_uid)))


@pytest.mark.parametrize("damage", [lambda body: body[:-3], lambda body: body + b"\x08\x00\x20\x00\xff\xff\xff\xff", lambda body: body * 2])
def test_an_output_that_cannot_be_read_does_not_pass(honest: Passing, damage) -> None:
    with pytest.raises(Permanent) as caught:
        honest.check(damage(honest.body))
    assert caught.value.code == "leak"


def test_an_unforeseen_error_does_not_let_an_output_pass(honest: Passing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_structure", lambda _: 1 / 0)
    with pytest.raises(Permanent, match="cannot be checked \\(ZeroDivisionError\\)") as caught:
        honest.check()
    assert caught.value.code == "leak"


def test_a_header_of_endless_names_is_held(tmp_path: Path) -> None:
    names = "\\".join(f"nom{number}x^prenom{number}y" for number in range(6000))
    path = write(tmp_path / "a.dcm", ct())
    for start in range(0, len(names), 60000):
        tag = 0x00291100 + start // 60000
        path.write_bytes(build.insert(path.read_bytes(), raw_element(tag, "PN", names[start : start + 60000].encode())))
    with pytest.raises(Permanent, match="more than 5000 identifying values"):
        run(path)


# Honest objects whose identity happens to look like what every header holds.
@pytest.mark.parametrize(
    "values",
    [
        {"PatientName": "CHEST"},
        {"PatientName": "HEAD^PLASTIC"},
        {"PatientName": "PHILIPS^Jean"},
        {"PatientName": "LONG^Modi"},
        {"PatientName": "LI^NA"},
        {"PatientName": "Anonymous"},
        {"PatientName": ""},
        {"PatientName": "TEST^PATIENT"},
        {"PatientName": "^^^"},
        {"PatientID": "1"},
        {"PatientID": "12"},
        {"PatientID": "120"},
        {"PatientID": "1234"},
        {"PatientID": "10008"},
        {"PatientID": "CT"},
        {"StudyID": "2157"},
        {"StudyID": "1"},
        {"StudyID": "CHEST", "AccessionNumber": "THORAX"},
        {"StationName": "CT", "InstitutionName": "CHU"},
        {"StationName": "SOMATOM"},
        {"InstitutionName": "Centre d'imagerie médicale", "InstitutionAddress": "France"},
        {"InstitutionName": "S1", "PatientID": "S1"},
        {"InstitutionName": "FIDAC"},
        {"DeviceSerialNumber": "120"},
        {"PatientBirthDate": "20140317"},
        {"PatientBirthDate": "20240317"},
        {"ReferringPhysicianName": "Dr X"},
        {"AccessionNumber": "000000"},
    ],
)
def test_identity_that_looks_like_an_ordinary_header_does_not_hold_honest_objects(tmp_path: Path, values: dict[str, str]) -> None:
    encoded, outcome = run(write(tmp_path / "a.dcm", ct(StudyDescription="x", ImageComments="x", **values)))
    assert encoded and outcome.pseudonym.startswith("S1-")


@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, 10**10), digits=st.integers(1, 12))
def test_an_id_of_digits_does_not_hold_an_honest_object(tmp_path_factory: pytest.TempPathFactory, number: int, digits: int) -> None:
    patient_id = f"{number:0{digits}d}"
    path = tmp_path_factory.mktemp("id") / "a.dcm"
    run(write(path, ct(PatientID=patient_id, TableHeight="151.5", Exposure="73", ExposureTime="500")))


def test_a_site_named_like_its_town_is_no_leak(tmp_path: Path) -> None:
    from fidac_node.deidentify import Deidentifier, Pseudonymiser

    engine = Deidentifier(PLAN, Pseudonymiser(build.KEY, "MARSEILLE-ILD", "CHU-MARSEILLE"), "CHU-MARSEILLE", "MARSEILLE-ILD")
    path = write(tmp_path / "a.dcm", ct(InstitutionName="CHU de Marseille", InstitutionAddress="Marseille"))
    encoded, outcome = run(path, engine)
    assert outcome.pseudonym.startswith("CHU-MARSEILLE-") and build.traces(encoded) == []


def test_a_short_name_is_found_as_a_word_and_not_within_one(tmp_path: Path) -> None:
    for model, leaks in (("Force LEE", True), ("Sleeve", False), ("XLEEX", False), ("force-lee-2", True)):
        path = write(tmp_path / "a.dcm", ct(PatientName="LEE^A", ManufacturerModelName=model))
        if leaks:
            with pytest.raises(Permanent, match="PatientName is left"):
                run(path)
        else:
            run(path)


def test_two_short_names_are_found_together_in_either_order(tmp_path: Path) -> None:
    for model in ("LI NA", "na^li", "Na, Li"):
        path = write(tmp_path / "a.dcm", ct(PatientName="LI^NA", ManufacturerModelName=model))
        with pytest.raises(Permanent, match="PatientName is left"):
            run(path)


def test_a_name_in_another_script_is_found(tmp_path: Path) -> None:
    ds = ct(
        SpecificCharacterSet="ISO_IR 192", PatientName="Wang^XiaoDong=王^小东", AnatomicRegionSequence=build.code("1", "SCT", "区域 小东")
    )
    with pytest.raises(Permanent, match="PatientName is left"):
        run(write(tmp_path / "a.dcm", ds))


@pytest.mark.parametrize("spelling", ["tel 0639-98-1247", "+33 6 39 98 12 47", "0639 981247", "0033639981247", "(0)6.39.98.12.47"])
def test_a_telephone_number_counts_however_it_is_grouped(honest: Passing, spelling: str) -> None:
    with pytest.raises(Permanent, match="PatientTelephoneNumbers is left"):
        honest.check(hidden(honest, 0x00081090, "LO", spelling.encode(), 0))
