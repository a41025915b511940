"""The gate finds whatever of the input's identity is left in an output, and lets honest outputs pass."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify import load_plan
from fidac_node.deidentify.gate import gate
from fidac_node.deidentify.gate.gate import Gate, Said
from fidac_node.deidentify.gate.reader import reader_of
from fidac_node.dicom import part10
from fidac_node.dicom.part10 import FileMeta, encode_meta
from fidac_node.dicom.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests.unit.deidentify import build
from tests.unit.deidentify.build import IDENTITY, ROOT, ct, raw_element, run, write
from tests.unit.deidentify.gate_objects import element

PLAN = load_plan("fidac-chest-ct")
GATE = Gate(PLAN.vocabulary | PLAN.devices | PLAN.common, PLAN.devices)


@dataclass
class Passing:
    """An honest output that the gate was asked about."""

    before: tuple[bytes, ...]
    kept: frozenset[int]
    after: tuple[bytes, ...]
    said: dict[str, Any]

    @property
    def syntax(self) -> str:
        return str(self.said["transfer_syntax_uid"])

    def check(self, after: Sequence[bytes] | None = None, **said: Any) -> None:
        GATE.check(
            GATE.read(self.before, self.syntax, self.kept),
            self.after if after is None else after,
            **{**self.said, **said},
        )


def passing(directory: Path, syntax: str = EXPLICIT_VR_LE, **values: object) -> Passing:
    told: list[tuple[Sequence[bytes], frozenset[int]]] = []
    caught: list[Passing] = []
    read, check = Gate.read, Gate.check

    def reading(
        self: Gate, before: Sequence[bytes], transfer_syntax_uid: str, kept: frozenset[int] = frozenset()
    ) -> Said:
        told.append((before, kept))
        return read(self, before, transfer_syntax_uid, kept)

    def checking(self: Gate, input_: Said, after: Sequence[bytes], **said: Any) -> None:
        before, kept = told[-1]
        caught.append(Passing(tuple(before), kept, tuple(after), said))
        check(self, input_, after, **said)

    path = write(directory / "a.dcm", ct(**values), syntax)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate.Gate, "read", reading)
        patch.setattr(gate.Gate, "check", checking)
        run(path)
    return caught[0]


@pytest.fixture(scope="module", params=[EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Passing:
    return passing(tmp_path_factory.mktemp("gate"), request.param)


# A value of the input and the words of it that must be found.
SECRETS = [
    "QUENOUILLE^Zéphyrine", "QUENOUILLE", "Zéphyrine", IDENTITY["PatientID"], "RX24088731", "ETU4417",
    "NIR261079912345643", "06 39 98 12 47", "DÉSIRÉ", "Thérèse", "GÉRAUD-DELAÎTRE^Benoît", "HÉBRARD", "Bretonneau",
    "37044", "TOURS", "SCANURG2", "SN-64012-77", "NDA240317552", "RP-77120", "Châtaigniers", "14/07/1961", "1961-07-14",
    "14 juillet 1961", "July 14, 1961", "14.07.61", f"{ROOT}.1", f"{ROOT}.3",
]  # fmt: skip
# Where it is hidden: attribute, VR; text that no rule of form would refuse.
CARRIERS = [
    (0x00081090, "LO"), (0x00080070, "LO"), (0x00181210, "SH"), (0x00181020, "LO"), (0x0008103E, "LO"),
    (0x00181030, "LO"), (0x00204000, "LT"), (0x00180022, "CS"), (0x00080008, "CS"), (0x00324000, "LT"),
    (0x0040A160, "UT"), (0x00081080, "LO"),
]  # fmt: skip
SPELLINGS = {
    "as it is": lambda text: text,
    "capitals": str.upper,
    "small letters": str.lower,
    "without accents": lambda text: "".join(
        c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
    ),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "within a sentence": lambda text: f"Mme {text}, vue ce jour",
    "glued": lambda text: f"x_{text}_1",
}
CHARSETS = {"latin-1": "latin-1", "utf-8": "utf-8", "utf-16": "utf-16-le"}


def hidden(honest: Passing, tag: int, vr: str, value: bytes, depth: int) -> list[bytes]:
    """The honest output with one more element, ``depth`` sequences deep."""
    new = element(tag, vr, value, honest.syntax, depth)
    # A header whose form was met before, by whatever test, comes in pieces of several elements.
    elements = [one for piece in honest.after for one in reader_of(honest.syntax, strict=False).elements(piece)]
    return [*(one for one in elements if one[:4] != new[:4]), new]


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
    with pytest.raises(Permanent, match="left in the output"):
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
        (0x0F1D1007, "LO", b"x", "private attribute"),
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
def test_what_no_output_may_hold_is_found_whatever_its_value(
    honest: Passing, tag: int, vr: str, value: bytes, what: str | None
) -> None:
    body = hidden(honest, tag, vr, value, 0)
    if what is None:
        honest.check(body)
        return
    with pytest.raises(Permanent, match=what):
        honest.check(body)


def test_the_pseudonym_does_not_excuse_another_value_beside_it(honest: Passing) -> None:
    (pseudonym,) = (one for one in honest.said["written"] if one.startswith("S1-"))
    with pytest.raises(Permanent, match="identifying attribute"):
        honest.check(hidden(honest, 0x00100020, "LO", f"{pseudonym}\\42".encode(), 0))


@pytest.mark.parametrize("meta", [{"source_ae": "SCANURG2"}, {"receiving_ae": "FIDACNODE"}, {"note": "{}"}])
def test_file_meta_information_holds_nothing_but_what_it_must(honest: Passing, meta: dict[str, str]) -> None:
    head = honest.said["head"]
    plain = part10.read_meta(io.BytesIO(head))[0]
    uids = (plain.sop_class_uid, plain.sop_instance_uid, plain.transfer_syntax_uid)
    for _ in range(2):  # what was right once does not excuse what comes after it
        honest.check(head=head)
        for wrong in (
            encode_meta(FileMeta(*uids, **meta)),
            b"QUENOUILLE".ljust(128, b"\0") + head[128:],
            head[:-1] + b"\1",
            head[:-4],
            head + b"\0\0",
            encode_meta(FileMeta(*uids[:2], "1.2.840.10008.1.2.4.70")),
        ):
            with pytest.raises(Permanent, match=r"File Meta Information|cannot be checked") as caught:
                honest.check(head=wrong)
            assert caught.value.code == "leak"
    for uid in (f"{ROOT}.3", "2.25.8003412765", plain.sop_instance_uid[:-1] + "x"):
        with pytest.raises(Permanent, match=r"an original UID|no valid"):
            honest.check(head=encode_meta(FileMeta(uids[0], uid, uids[2])))
    with pytest.raises(Permanent, match="a class that is not the standard's"):
        honest.check(head=encode_meta(FileMeta("1.2.3.4.5", *uids[1:])))


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: one[:-1],
        lambda one: one + b"\0\0",
        lambda one: one[:3],
        lambda one: one * 2,
        lambda one: one[:4] + b"\xff" * 8 + one[12:],
        lambda one: one[:4] + b"\0\0" + one[6:],
    ],
)
def test_an_output_that_cannot_be_read_does_not_pass(honest: Passing, damage: Any) -> None:
    for place, one in enumerate(honest.after):
        if damage(one) == one:
            continue
        with pytest.raises(Permanent) as caught:
            honest.check([*honest.after[:place], damage(one), *honest.after[place + 1 :]])
        assert caught.value.code == "leak"


def test_an_element_that_comes_twice_does_not_pass(honest: Passing) -> None:
    with pytest.raises(Permanent, match="comes twice"):
        honest.check([*honest.after, honest.after[3]])


def test_an_unforeseen_error_does_not_let_an_output_pass_and_names_the_attribute(
    honest: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fidac_node.deidentify.gate.search.Search._text", lambda *_: 1 / 0)
    with pytest.raises(
        Permanent, match=r"\(0008,1030\) StudyDescription of the output cannot be checked \(ZeroDivisionError\)"
    ) as caught:
        honest.check([element(0x00081030, "LO", b"CHEST", honest.syntax)], written=frozenset())
    assert caught.value.code == "leak"
    monkeypatch.setattr(gate, "_compare", lambda *_: 1 / 0)
    with pytest.raises(Permanent, match="cannot be checked \\(ZeroDivisionError\\)"):
        honest.check()


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
def test_identity_that_looks_like_an_ordinary_header_does_not_hold_honest_objects(
    tmp_path: Path, values: dict[str, str]
) -> None:
    encoded, outcome = run(write(tmp_path / "a.dcm", ct(StudyDescription="x", ImageComments="x", **values)))
    assert encoded and outcome.pseudonym.startswith("S1-")


@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, 10**10), digits=st.integers(1, 12))
def test_an_id_of_digits_does_not_hold_an_honest_object(
    tmp_path_factory: pytest.TempPathFactory, number: int, digits: int
) -> None:
    patient_id = f"{number:0{digits}d}"
    path = tmp_path_factory.mktemp("id") / "a.dcm"
    run(write(path, ct(PatientID=patient_id, TableHeight="151.5", Exposure="73", ExposureTime="500")))


def test_a_site_named_like_its_town_is_no_leak(tmp_path: Path) -> None:
    from fidac_node.deidentify import Deidentifier, Pseudonymiser

    engine = Deidentifier(
        PLAN, Pseudonymiser(build.KEY, "MARSEILLE-ILD", "CHU-MARSEILLE"), "CHU-MARSEILLE", "MARSEILLE-ILD"
    )
    path = write(tmp_path / "a.dcm", ct(InstitutionName="CHU de Marseille", InstitutionAddress="Marseille"))
    encoded, outcome = run(path, engine)
    assert outcome.pseudonym.startswith("CHU-MARSEILLE-") and build.traces(encoded) == []


def test_a_short_name_is_found_as_a_word_and_not_within_one(tmp_path: Path) -> None:
    honest = passing(tmp_path, PatientName="LEE^A")
    for model, leaks in (("Force LEE", True), ("Sleeve", False), ("XLEEX", False), ("force-lee-2", True)):
        body = hidden(honest, 0x00081090, "LO", model.encode(), 0)
        if leaks:
            with pytest.raises(Permanent, match="PatientName is left"):
                honest.check(body)
        else:
            honest.check(body)


def test_two_short_names_are_found_together_in_either_order(tmp_path: Path) -> None:
    honest = passing(tmp_path, PatientName="LI^NA")
    for model in ("LI NA", "na^li", "Na, Li"):
        with pytest.raises(Permanent, match="PatientName is left"):
            honest.check(hidden(honest, 0x00081090, "LO", model.encode(), 0))


@pytest.mark.parametrize(
    "spelling", ["tel 0639-98-1247", "+33 6 39 98 12 47", "0639 981247", "0033639981247", "(0)6.39.98.12.47"]
)
def test_a_telephone_number_counts_however_it_is_grouped(honest: Passing, spelling: str) -> None:
    with pytest.raises(Permanent, match="PatientTelephoneNumbers is left"):
        honest.check(hidden(honest, 0x00081090, "LO", spelling.encode(), 0))
