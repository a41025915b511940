"""What a node delivers is proven to have gone through its profile; what only says so is not, whatever it hides."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from fidac_node.deidentify import Deidentifier, Plan, Pseudonymiser, load_plan
from fidac_node.deidentify.proof import NOT_DEIDENTIFIED, UNKNOWN_RECIPE, Prover
from fidac_node.deidentify.source import Sources, read_source
from fidac_node.deidentify.triage.triage import Rules
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import Permanent
from fidac_node.phantom import series
from tests.unit.deidentify import build
from tests.unit.deidentify.test_field import put

PLANS = {name: load_plan(name) for name in ("fidac-chest-ct", "fidac-chest-ct-device", "basic-only")}
KNOWN = {plan.digest: plan for plan in PLANS.values()}


def engine(plan: Plan, site: str = "S1") -> Deidentifier:
    rules = Rules(dose_reports="rebuild", key_objects="rebuild")
    return Deidentifier(plan, Pseudonymiser(build.KEY, "FIDAC", site), site, "FIDAC", rules=rules)


def delivered(path: Path, plan: Plan = PLANS["fidac-chest-ct"], **how: Any) -> bytes:
    target = io.BytesIO()
    engine(plan, **how).deidentify(
        path, target, label="certain", label_source="rule:thorax", limit=build.LIMIT, looked=True
    )
    return target.getvalue()


def prove(data: bytes, site: str = "S1", code: str = "") -> None:
    Prover(known).prove(read_source(data, build.LIMIT), site, code)


def known(digest: str, _profile: str) -> Plan | None:
    return KNOWN.get(digest)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return delivered(build.write(tmp_path_factory.mktemp("proof") / "a.dcm", build.ct()))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("syntax", build.SYNTAXES)
def test_what_a_node_delivers_is_proven(tmp_path: Path, plan: Plan, syntax: str) -> None:
    for ds in (build.ct(), build.enhanced(), *_slices()):
        prove(delivered(build.write(tmp_path / "a.dcm", ds, syntax), plan))


def _slices() -> list[Dataset]:
    return [
        next(iter(series(slices=1, rows=16, columns=16, vendor=vendor)))
        for vendor in ("SIEMENS", "GE", "PHILIPS", "TOSHIBA")
    ]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    ["siemens_chest_b70f", "ge_lidc0003_small", "philips_chest_5mm", "covid_nysbu_slices", "ge_chest_15_syntaxes"],
)
def test_what_a_node_delivers_of_real_slices_is_proven(shared_data: Any, name: str) -> None:
    prover, one = Prover(known), engine(PLANS["fidac-chest-ct"])
    for path in sorted(shared_data(name).iterdir())[:20]:
        target = io.BytesIO()
        try:
            one.deidentify(path, target, label="certain", label_source="default", limit=build.LIMIT, looked=True)
        except Permanent:
            continue
        prover.prove(read_source(target.getvalue(), build.LIMIT), "S1")


LIES: dict[str, tuple[str, str, bytes]] = {
    "a name": ("PatientName", "PN", b"DUPONT^JEAN "),
    "an id": ("PatientID", "LO", b"261079912345643 "),
    "a name for a site": ("PatientID", "LO", b"QUENOUILLE-AAAAAAAAAAAAAAAA"),
    "a birth date": ("PatientBirthDate", "DA", b"19610714"),
    "an address": ("PatientAddress", "LO", b"12 impasse des Chataigniers "),
    "a telephone number": ("PatientTelephoneNumbers", "SH", b"0639981247"),
    "a hospital": ("InstitutionName", "LO", b"CHU Lille "),
    "a name in a description": ("SeriesDescription", "LO", b"Thorax DUPONT "),
    "a name in a code": ("BodyPartExamined", "CS", b"QUENOUILLE"),
    "a physician": ("ReferringPhysicianName", "PN", b"MARTIN^PAUL "),
    "an original UID": ("FrameOfReferenceUID", "UI", b"1.3.6.1.4.1.99999.4"),
    "an original instance": ("SOPInstanceUID", "UI", b"1.3.6.1.4.1.99999.3"),
    "an age above 89": ("PatientAge", "AS", b"093Y"),
    "another VR": ("KVP", "LO", b"120 "),
    "a number that is an id": ("SliceThickness", "DS", b"8003412765"),
    "a model beside a town": ("ManufacturerModelName", "LO", b"SOMATOM LILLE "),
    "an identity that is not removed": ("PatientIdentityRemoved", "CS", b"NO"),
    "another site": ("ClinicalTrialSiteID", "LO", b"S2"),
    "another subject": ("ClinicalTrialSubjectID", "LO", b"S1-AAAAAAAAAAAAAAAA "),
    "a name of the site": ("ClinicalTrialSiteName", "LO", b"CHU Lille "),
    "a method of nobody's": ("DeidentificationMethod", "LO", b"DUPONT JEAN "),
    "dates that did not move": ("LongitudinalTemporalInformationModified", "CS", b"UNMODIFIED"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE])
def test_what_only_says_that_it_is_deidentified_is_told_from_what_is(output: bytes, lie: str, syntax: str) -> None:
    keyword, vr, value = LIES[lie]
    data = put(keyword, vr, value)(output)
    with pytest.raises(Permanent) as caught:
        prove(data)
    assert caught.value.code == NOT_DEIDENTIFIED
    assert not any(word in str(caught.value) for word in ("DUPONT", "Lille", "8003412765", "19610714"))


@pytest.mark.parametrize(
    "element",
    [
        (0x00091010, "LO", b"ACME"),
        (0x00091001, "LO", b"X "),
        (0x60003000, "OW", bytes(8)),
        (0x00080000, "UL", bytes(4)),
    ],
)
def test_what_no_object_of_ours_has_is_not_proven(output: bytes, element: tuple[int, str, bytes]) -> None:
    with pytest.raises(Permanent) as caught:
        prove(build.insert(output, build.raw_element(*element)))
    assert caught.value.code in (NOT_DEIDENTIFIED, "malformed")


def test_a_slice_is_proven_although_those_before_it_were(output: bytes) -> None:
    """What a series has in common is looked at once, what a slice has for itself each time."""
    prover = Prover(known)
    sources = Sources()
    for number in range(4):
        prover.prove(sources.read(put("InstanceNumber", "IS", b"%d " % number)(output), build.LIMIT), "S1")
    for keyword, vr, value in (("InstanceNumber", "IS", b"8003412765"), ("SeriesDescription", "LO", b"DUPONT")):
        with pytest.raises(Permanent):
            prover.prove(sources.read(put(keyword, vr, value)(output), build.LIMIT), "S1")


def test_a_recipe_that_nobody_knows_is_said_and_how_it_becomes_known(output: bytes) -> None:
    with pytest.raises(Permanent, match="hub recipe add") as caught:
        Prover(lambda _digest, _profile: None).prove(read_source(output, build.LIMIT), "S1")
    assert caught.value.code == UNKNOWN_RECIPE


def test_a_pseudonym_begins_with_the_sites_id_or_its_neutral_code(tmp_path: Path) -> None:
    data = delivered(build.write(tmp_path / "a.dcm", build.ct()), site="STRASBOURG")
    prove(data, "STRASBOURG")
    with pytest.raises(Permanent):
        prove(data, "BESANCON")
