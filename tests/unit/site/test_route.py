"""Which objects are in scope and how they are labelled, from header fields alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from fidac_node.deidentify import open_source
from fidac_node.errors import ConfigError
from fidac_node.site.route import Rules, in_scope


def header(**values: object) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def rules(*tables: Mapping[str, Any], labels: Mapping[str, str] | None = None, default: str = "unknown") -> Rules:
    return Rules(tables, labels or {}, default)


CHEST = header(BodyPartExamined="CHEST")
BRAIN = header(BodyPartExamined="BRAIN", StudyDescription="TRAUMA/PLAIN HEAD", ProtocolName="Head")


@pytest.mark.parametrize(
    "values",
    [
        {"BodyPartExamined": "CHEST"},
        {"BodyPartExamined": "LUNG"},
        {"BodyPartExamined": "ABDOMEN", "StudyDescription": "Scanner thoraco-abdomino-pelvien"},
        {"StudyDescription": "TDM thoracique"},
        {"StudyDescription": "SCANNER DU THORAX SANS INJECTION"},
        {"StudyDescription": "Angio-TDM des artères pulmonaires"},
        {"StudyDescription": "Parenchyme pulmonaire"},
        {"StudyDescription": "TDM poumons"},
        {"StudyDescription": "CT CHEST WO IV CONT"},
        {"StudyDescription": "TAP"},
        {"StudyDescription": "Scanner T.A.P. injecté"},
        {"StudyDescription": "CT C.A.P"},
        {"ProtocolName": "lung_lowdose"},
        {"ProtocolName": "2 Chest C-/Thorax"},
        {"ProtocolName": "TAP1"},
        {"ProtocolName": "HRCT"},
        {"BodyPartExamined": "BRAIN", "ProtocolName": "AThoraxRoutine"},
        {},
        {"BodyPartExamined": "", "StudyDescription": " ", "ProtocolName": None},
        {"SeriesDescription": "BRAIN"},
    ],
)
def test_a_chest_ct_or_one_that_says_nothing_is_in_scope(values: dict[str, object]) -> None:
    decision = rules().decide(header(**values))
    assert (decision.action, decision.code, decision.rule) == ("accept", "", "chest-ct")


@pytest.mark.parametrize(
    "values",
    [
        {"BodyPartExamined": "BRAIN"},
        {"BodyPartExamined": "HEAD", "StudyDescription": "1A TRAUMA/PLAIN HEAD DM"},
        {"StudyDescription": "Scanner cérébral"},
        {"StudyDescription": "TDM abdomino-pelvienne"},
        {"ProtocolName": "Sinus"},
        {"StudyDescription": "TAPIS"},
        {"StudyDescription": "CAPSULE"},
        {"BodyPartExamined": "LSPINE"},
    ],
)
def test_what_says_another_part_of_the_body_is_held(values: dict[str, object]) -> None:
    decision = rules().decide(header(**values))
    assert (decision.action, decision.code) == ("hold", "out-of-scope")
    assert "widen" in decision.reason
    assert not in_scope(header(**values))


def test_accents_and_case_do_not_count_on_either_side() -> None:
    table = {"name": "r", "when": {"StudyDescription": "Fièvre|ÉTÉ"}, "decision": "accept"}
    for text in ("FIEVRE", "fièvre", "Fie\u0300vre", "été 2024", "ETE"):
        assert rules(table).decide(header(StudyDescription=text)).action == "accept"
    assert rules(table).decide(header(StudyDescription="autre")).action == "hold"


def test_an_escape_in_a_pattern_keeps_its_case() -> None:
    table = {"name": "r", "when": {"ProtocolName": r"^\S+\D$"}, "decision": "accept"}
    assert rules(table).decide(header(ProtocolName="Thorax")).action == "accept"
    assert rules(table).decide(header(ProtocolName="Thorax 2")).action == "hold"


def test_the_first_rule_that_matches_decides() -> None:
    both = rules(
        {"name": "scouts", "when": {"ImageType": "localizer"}, "decision": "discard"},
        {
            "name": "thorax",
            "when": {"BodyPartExamined": "^chest$"},
            "unless": {"SeriesDescription": "topo|scout"},
            "decision": "accept",
            "label": "possible",
        },
        {"name": "rest", "when": {}, "decision": "hold"},
    )
    scout = header(BodyPartExamined="CHEST", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert [
        (decision.action, decision.rule, decision.label)
        for decision in map(
            both.decide, (scout, CHEST, header(BodyPartExamined="CHEST", SeriesDescription="Topogram"), BRAIN)
        )
    ] == [
        ("discard", "scouts", "unknown"),
        ("accept", "thorax", "possible"),
        ("hold", "rest", "unknown"),
        ("hold", "rest", "unknown"),
    ]


def test_written_rules_stand_in_place_of_the_built_in_one() -> None:
    brain = rules({"name": "brain", "when": {"BodyPartExamined": "brain"}, "decision": "accept"})
    assert brain.decide(BRAIN).action == "accept"
    decision = brain.decide(CHEST)
    assert (decision.action, decision.code, decision.rule) == ("hold", "out-of-scope", "")


def test_nothing_is_discarded_without_a_rule_that_says_so() -> None:
    assert {rules().decide(header(**values)).action for values in ({}, {"BodyPartExamined": "FOOT"})} == {
        "accept",
        "hold",
    }


@pytest.mark.parametrize(
    ("called", "note", "expected"),
    [
        ("FIDAC_NEGATIVE", {"label": "certain", "source": "import"}, ("certain", "import")),
        ("FIDAC_NEGATIVE", {}, ("negative", "called-ae")),
        (" FIDAC_NEGATIVE ", None, ("negative", "called-ae")),
        ("FIDACNODE", {"label": ""}, ("possible", "rule:covid")),
        ("FIDACNODE", {"label": "nonsense"}, ("possible", "rule:covid")),
    ],
)
def test_import_goes_before_called_ae_before_rule(
    called: str, note: dict[str, str] | None, expected: tuple[str, str]
) -> None:
    made = rules(
        {"name": "covid", "when": {"StudyDescription": "covid"}, "decision": "accept", "label": "possible"},
        labels={"FIDAC_NEGATIVE": "negative"},
        default="other",
    )
    decision = made.decide(header(StudyDescription="Thorax COVID"), called_ae=called, note=note)
    assert (decision.label, decision.label_source) == expected


def test_the_default_label_is_the_last_resort() -> None:
    decision = rules(default="other").decide(CHEST, called_ae="FIDACNODE")
    assert (decision.label, decision.label_source) == ("other", "default")
    assert rules().decide(CHEST, note_label="certain").label_source == "import"


def test_a_value_that_cannot_be_read_matches_no_rule() -> None:
    class Broken:
        def get(self, key: str, default: Any = None, /) -> Any:
            raise ValueError(key)

    assert rules({"name": "r", "when": {"KVP": "1"}, "decision": "accept"}).decide(Broken()).action == "hold"


def test_several_values_are_matched_as_one_text() -> None:
    made = rules({"name": "r", "when": {"ImageType": r"primary\\axial"}, "decision": "accept"})
    assert made.decide(header(ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])).action == "accept"
    assert (
        rules({"name": "r", "when": {"PatientName": "lefevre"}, "decision": "accept"})
        .decide(header(PatientName="LEFÈVRE^A"))
        .action
        == "accept"
    )


@dataclass
class Section:
    """As the configuration has it."""

    default_label: str = "possible"
    labels: dict[str, str] = field(default_factory=lambda: {"FIDAC_OK": "certain"})
    rules: tuple[dict[str, Any], ...] = ({"name": "r", "when": {}, "unless": {}, "decision": "accept", "label": ""},)


def test_rules_come_from_the_configuration() -> None:
    made = Rules.from_config(Section())
    assert made.decide(BRAIN).label == "possible"
    assert made.decide(BRAIN, called_ae="FIDAC_OK").label == "certain"


@pytest.mark.parametrize(
    ("tables", "labels", "default", "message"),
    [
        ([{"name": "", "decision": "accept"}], {}, "unknown", "has no name"),
        ([{"name": "r", "decision": "keep"}], {}, "unknown", "'keep' is not a decision"),
        ([{"name": "r", "decision": "accept", "label": "sure"}], {}, "unknown", "'sure' is not a label"),
        ([{"name": "r", "decision": "accept", "when": {"KVP": "("}}], {}, "unknown", "is not a regular expression"),
        ([], {"X": "sure"}, "unknown", "'sure' is not a label"),
        ([], {}, "sure", "'sure' is not a label"),
    ],
)
def test_a_rule_that_cannot_work_stops_the_start(
    tables: list[dict[str, Any]], labels: dict[str, str], default: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Rules(tables, labels, default)


@pytest.mark.parametrize(
    ("study", "action"),
    [
        ("siemens_chest_b70f", "accept"),
        ("philips_chest_5mm", "accept"),
        ("ge_lidc0003_small", "accept"),
        ("covid_nysbu_slices", "accept"),
        ("ge_chest_15_syntaxes", "accept"),
        ("philips_phantom_raw_header", "hold"),
        ("philips_burned_in_sc", "hold"),
    ],
)
def test_real_studies_are_told_apart(shared_data: Callable[[str], Path], study: str, action: str) -> None:
    for path in sorted(shared_data(study).iterdir()):
        with open_source(path, 1 << 28) as source:
            assert (
                rules().decide(source).action == action == rules().decide(dcmread(path, stop_before_pixels=True)).action
            )
