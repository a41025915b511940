"""Profiles are layers: what each holds, how they lie upon each other, and what the table permits."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fidac_node.config.config import load_site
from fidac_node.deidentify import actions, load_plan, plan, profiles_directory
from fidac_node.deidentify.profile import compiler, programmes, recipe
from fidac_node.deidentify.profile.explain import composition_of, explain, merged
from fidac_node.deidentify.profile.ps315 import OPTIONS, Row, read_table
from fidac_node.deidentify.rewrite.terms import terms_of
from fidac_node.deidentify.tools.compare import differences
from fidac_node.dicom.dictionary import keyword_of, tag_of, vrs_of
from fidac_node.dicom.marks import SAFE_PRIVATE_CREATORS
from fidac_node.errors import ConfigError
from fidac_node.site.node import Site

ROOT = Path(__file__).resolve().parents[4]
PROFILES = ("fidac-chest-ct", "fidac-chest-ct-device", "basic-only")
LAYERS = (
    "basic",
    "chest-ct",
    "clean-descriptors",
    "device-identity",
    "modified-dates",
    "patient-characteristics",
    "safe-private",
)
TABLE = read_table(profiles_directory())
HEAD = "FORMAT dicom\n%header\n"


def script(name: str) -> ModuleType:
    """A script of profiles/, loaded."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "profiles" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def own(tmp_path: Path):
    """Write layers (name to lines) and compositions (name to layers) of a site's own; return the folder."""

    def write(layers: dict[str, str], compositions: dict[str, list[str]] | None = None) -> Path:
        for name, lines in layers.items():
            (tmp_path / f"{name}.deid").write_text(HEAD + lines, encoding="ascii")
        text = "".join(f"[{name}]\nlayers = {json.dumps(parts)}\n" for name, parts in (compositions or {}).items())
        (tmp_path / "programmes.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_the_layers_are_what_their_script_writes() -> None:
    generate = script("generate")
    for path, text in generate.outputs().items():
        assert path.read_text(encoding="ascii") == text
    assert generate.main(["--check"]) == 0
    assert {path.stem for path in generate.outputs()} < set(LAYERS)
    assert {file.stem for file in profiles_directory().glob("*.deid")} == set(LAYERS) == set(programmes.layers())
    assert set(programmes.programmes()) == set(PROFILES)


def test_the_document_is_what_its_script_writes() -> None:
    document = script("document")
    assert document.DOCUMENT.read_text(encoding="utf-8") == document.document()
    assert document.main(["--check"]) == 0


@pytest.mark.parametrize("name", PROFILES)
def test_what_no_line_names_goes(name: str) -> None:
    """But for UIDs, which get new ones, and ages."""
    made = load_plan(name)
    assert {vr for vr, action in made.vrs.items() if action != actions.REMOVE} <= {"UI", "AS"}
    for keyword in (
        "ExposuresOnDetectorSinceManufactured",
        "TotalNumberOfExposures",
        "ContributingEquipmentSequence",
        "TextString",
    ):
        tag = tag_of(keyword)
        assert tag is not None and made.action(tag, vrs_of(tag)[0]) == actions.REMOVE


def test_every_attribute_that_a_ct_image_needs_stays() -> None:
    made = load_plan("fidac-chest-ct")
    needed = (
        "ImageType Rows Columns PixelSpacing SliceThickness SpacingBetweenSlices ImagePositionPatient "
        "ImageOrientationPatient SliceLocation BitsStored PixelRepresentation RescaleSlope RescaleIntercept "
        "WindowCenter WindowWidth PixelPaddingValue KVP Exposure CTDIvol XRayTubeCurrent SpiralPitchFactor "
        "ReconstructionDiameter BodyPartExamined PatientPosition PerFrameFunctionalGroupsSequence "
        "SharedFunctionalGroupsSequence CTReconstructionSequence FrameType DimensionIndexValues NumberOfFrames "
        "AnatomicRegionSequence ContrastBolusAgentSequence ContrastBolusVolume CardiacSynchronizationSequence "
        "DerivationImageSequence "
    )
    for keyword in needed.split():
        tag = tag_of(keyword)
        assert tag is not None and made.action(tag, vrs_of(tag)[0]) == actions.KEEP, keyword


@pytest.mark.parametrize("name", PROFILES)
def test_every_code_attribute_that_stays_has_terms_to_be_judged_by(name: str) -> None:
    kept = [tag for tag, action in load_plan(name).tags.items() if action == actions.KEEP and vrs_of(tag) == ("CS",)]
    assert 50 < len(kept) < 70 and not [keyword_of(tag) for tag in kept if not terms_of(tag)]


@pytest.mark.parametrize("name", PROFILES)
def test_of_dates_and_times_only_moments_of_the_examination_stay(name: str) -> None:
    made = load_plan(name)
    moments = {tag: action for tag, action in made.tags.items() if {"DA", "DT", "TM"} & set(vrs_of(tag))}
    kept = {keyword_of(tag) for tag, action in moments.items() if action in ("shift", "time", "moment")}
    expected = {
        "InstanceCreationDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate",
        "PerformedProcedureStepStartDate", "PerformedProcedureStepEndDate", "PerformedProcedureStepStartDateTime",
        "PerformedProcedureStepEndDateTime", "InstanceCreationTime", "StudyTime", "SeriesTime",
        "PerformedProcedureStepStartTime", "PerformedProcedureStepEndTime", "ContrastBolusStartTime",
        "ContrastBolusStopTime", "AcquisitionTime", "ContentTime", "AcquisitionDateTime", "FrameAcquisitionDateTime",
        "FrameReferenceDateTime", "StartAcquisitionDateTime", "EndAcquisitionDateTime",
    }  # fmt: skip
    assert kept == (expected if name != "basic-only" else set())
    assert set(moments.values()) <= {"remove", "blank", "dummy", "shift", "time", "moment"}


def test_every_technique_of_the_document_is_told_at_length() -> None:
    document = script("document")
    told = re.findall(r"^\| \*\*(.+?)\*\* \|", document.TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(told) == set(document.RISKS)
    for action in (*actions.MEANINGS, f"{actions.LITERAL}X"):
        for vr in actions.ALL_VRS:
            assert document.technique_of(action, vr) in document.RISKS


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_is_a_recipe_that_deid_reads_line_by_line(name: str) -> None:
    one = recipe.read(profiles_directory() / f"{name}.deid")
    recipe.compare_with_deid(one)
    assert one.title and not compiler.check_layer(one).messages()


@pytest.mark.parametrize("name", LAYERS)
def test_every_line_stands_under_a_reason(name: str) -> None:
    assert all(line.reason for line in recipe.read(profiles_directory() / f"{name}.deid").lines)


def test_the_table_is_the_whole_table() -> None:
    assert len(TABLE) == 621 and sum(row.tag is None for row in TABLE) == 4
    assert {row.basic for row in TABLE} == {"X", "D", "U", "Z", "X/D", "X/Z", "X/Z/D", "Z/D", "X/Z/U*"}
    letters = {code: sum(code in row.options for row in TABLE) for code in OPTIONS}
    assert letters == {
        "113103": 4, "113104": 3, "113105": 125, "113106": 165, "113107": 165, "113108": 13, "113109": 57, "113110": 59,
        "113111": 1, "113112": 10,
    }  # fmt: skip


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_covers_every_row_of_the_table(name: str) -> None:
    """E.1-1 is the floor: what the Basic Profile would treat more strictly is let through by an option alone."""
    made = load_plan(name)
    for row in TABLE:
        if row.tag is None:
            continue
        action = made.tags[row.tag]
        needs = row.needs(action, compiler.vr_of(row))
        assert needs is None or needs & set(made.options), (row, action)
        if row.basic == "U" and row.tag not in made.kept:
            assert action == "uid", row
        if row.basic == "X" and not set(row.options) & set(made.options):
            assert action == "remove", row


def test_the_default_profile_takes_the_options_of_its_layers() -> None:
    made = load_plan("fidac-chest-ct")
    expected = {
        "PatientSex": "keep", "PatientAge": "age89", "PatientSize": "keep", "PatientWeight": "keep",
        "EthnicGroup": "remove", "StudyDate": "shift", "StudyTime": "time", "AcquisitionDateTime": "moment",
        "PatientBirthDate": "blank", "TimezoneOffsetFromUTC": "remove", "SeriesDescription": "clean",
        "PatientComments": "clean", "InstitutionName": "remove", "RequestAttributesSequence": "keep",
        "ContrastBolusAgent": "agent", "DeviceSerialNumber": "dummy", "StationName": "remove",
        "ConvolutionKernel": "device", "ClinicalTrialSeriesDescription": "remove", "ReferencedImageSequence": "keep",
        "SmokingStatus": "keep", "ContextGroupVersion": "remove",
    }  # fmt: skip
    assert {keyword: made.tags[tag] for tag in made.tags if (keyword := keyword_of(tag)) in expected} == expected
    assert made.options == ("113105", "113107", "113108", "113111") and made.dates == "MODIFIED" and not made.kept
    assert made.private[0x0019, "GEMS_ACQU_01", 0x23] == "DS" and made.private[0x0043, "GEMS_PARM_01", 0x27] == "SH"
    assert len(made.private) == 11


def test_the_device_profile_keeps_what_identifies_the_device_and_says_which() -> None:
    made, default = load_plan("fidac-chest-ct-device"), load_plan("fidac-chest-ct")
    assert made.options == ("113105", "113107", "113108", "113109", "113111")
    kept = {keyword_of(tag) for tag in made.kept}
    assert {"DeviceSerialNumber", "StationName", "DeviceUID", "GantryID", "UniqueDeviceIdentifier"} <= kept
    assert not kept & {"StationAETitle", "DateOfLastCalibration", "InstitutionName", "UDISequence", "DeviceDescription"}
    assert not any("Location" in keyword for keyword in kept)
    assert {tag for tag in made.tags if made.tags[tag] != default.tags[tag]} >= made.kept
    assert made.action(0x00181200, "DA") == "remove", "a date of calibration would tell the shift"


def test_the_basic_profile_retains_no_moment_no_text_and_nothing_of_the_patient() -> None:
    made = load_plan("basic-only")
    assert made.options == () and made.dates == "REMOVED" and not made.private and not made.kept
    assert made.tags[0x00080020] == "blank" and made.tags[0x00101010] == "remove" and made.tags[0x00100040] == "blank"
    assert not {"shift", "age89", "clean"} & {*made.tags.values(), *made.vrs.values()}


@pytest.mark.parametrize("name", PROFILES)
def test_the_merged_recipe_is_the_same_profile(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.deid"
    path.write_text(merged(name, composition_of(programmes.find(name))), encoding="ascii")
    assert load_plan(str(path)) == load_plan(name)


# --- layers upon layers --------------------------------------------------------------------------------


def test_a_later_layer_goes_before_an_earlier_one(own) -> None:
    directory = own(
        {"site": "REMOVE PatientSize\nKEEP Laterality\n"}, {"ours": ["basic", "patient-characteristics", "site"]}
    )
    made = load_plan("ours", directory)
    assert made.tags[0x00101020] == "remove" and made.tags[0x00101030] == "keep" and made.tags[0x00200060] == "keep"
    (shadow,) = (
        pair for pair in composition_of(programmes.find("ours", directory)).shadows if pair[0].layer.stem == "site"
    )
    assert [entry.line.field for entry in shadow] == ["PatientSize", "PatientSize"]
    assert [entry.layer.stem for entry in shadow] == ["site", "patient-characteristics"]


def test_a_site_composes_its_own_in_its_settings() -> None:
    made = load_plan("ours", layers=("basic", "modified-dates"))
    assert made.profile == "ours" and made.options == ("113107",)
    assert load_plan(
        "fidac-chest-ct", layers=tuple(layer.stem for layer in programmes.find("fidac-chest-ct").layers)
    ).profile
    with pytest.raises(ConfigError, match="'fidac-chest-ct' is the name of another composition"):
        load_plan("fidac-chest-ct", layers=("basic", "modified-dates"))
    with pytest.raises(ConfigError, match="layers: there is no layer 'none'; there are: basic, chest-ct"):
        load_plan("ours", layers=("basic", "none"))


def test_the_layers_of_the_settings_are_the_profile_of_the_site(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        '[site]\nid = "A"\n[deidentify]\nprofile = "ours"\nlayers = ["basic", "modified-dates"]\n', encoding="utf-8"
    )
    made = Site(load_site(path, {}), path).plan
    assert (made.profile, made.options) == ("ours", ("113107",))


def test_an_option_counts_only_if_something_is_done_by_it(own) -> None:
    lines = "# option: 113108\n# option: 113109\nKEEP PatientSex\n"
    directory = own(
        {"site": lines, "back": "REMOVE PatientSex\n"}, {"ours": ["basic", "site"], "none": ["basic", "site", "back"]}
    )
    assert load_plan("ours", directory).options == ("113108",)
    assert load_plan("none", directory).options == ()


# What a layer may not say, over basic: the lines, and the message.
FORBIDDEN = [
    (
        "KEEP PatientSex\n",
        (
            "PatientSex may not be kept (PS3.15 Table E.1-1: Z, Patient Characteristics (E.3.7) K): "
            "with the option Patient"
        ),
    ),
    ("# option: 113107\nKEEP PatientSex\n", "declare '# option: 113108'"),
    ("REPLACE StudyDate func:shift\n", "StudyDate may not be let through by func:shift"),
    ("REPLACE PatientAge func:age89\n", "PatientAge may not be let through by func:age89"),
    ("REPLACE SeriesDescription func:clean\n", "with the option Clean Descriptors it may, declare '# option: 113105'"),
    ("# option: 113105\nREPLACE PatientAddress func:clean\n", "no option permits it"),
    ("# option: 113105\nREPLACE InstitutionName func:listed\n", "which this node does not offer"),
    (
        "# option: 113109\nKEEP InstitutionName\n",
        "with the option Institution Identity it might, which this node does not offer",
    ),
    ("# option: 113109\nKEEP AccessionNumber\n", "no option permits it"),
    ("# option: 113107\nKEEP StudyDate\n", "KEEP would let a name, date or hidden text through in DA"),
    ("KEEP SOPInstanceUID\n", "with the option UIDs it might, which this node does not offer"),
    ("KEEP ContentSequence\n", "with the option Clean Structured Content it might, which this node does not offer"),
    ("# option: 113107\nKEEP GraphicAnnotationSequence\n", "with the option Clean Graphics it might"),
    ("KEEP DeviceSerialNumber\n", "with the option Device Identity it may, declare '# option: 113109'"),
    ('KEEP (0019,"GEMS_ACQU_01",23)\n', "with the option Safe Private it may, declare '# option: 113111'"),
    ("# option: 113110\nKEEP SOPInstanceUID\n", "this node does not offer the option UIDs (113110)"),
    ("# option: 113106\nKEEP Rows\n", "this node does not offer the option Full Dates (113106)"),
    ("# option: dates\nKEEP Rows\n", "'dates' is no code of CID 7050 that a layer may take (allowed: 113105, 113107"),
    ("KEEP Rows\n# option: 113107\n", "an option is declared before the first action"),
    ("KEEP (6004,0010)\n", "an attribute and its whole group have other actions; drop one of the two"),
    ("REMOVE select:GROUP:0028\n", "select:GROUP:0028 contradicts"),
    (
        '# option: 113111\nKEEP (0019,"GEMS_ACQU_01",FE)\n',
        "is in no dictionary of private attributes: its VR is not known",
    ),
    ('# option: 113111\nKEEP (0019,"gems_acqu_01",23)\n', "is in no dictionary of private attributes"),
    (
        '# option: 113111\nKEEP (0029,"SIEMENS CSA HEADER",10)\n',
        "is OB: only numbers, codes and short text may be safe",
    ),
    ('# option: 113111\nKEEP (0018,"GEMS_ACQU_01",23)\n', "a private attribute is (gggg"),
    ('# option: 113111\nKEEP (0019,"GEMS_ACQU_01",1023)\n', "a private attribute is (gggg"),
    ('# option: 113111\nKEEP (0019,"",23)\n', "a private attribute is (gggg"),
    ('# option: 113111\nKEEP (0019,"A\\\\B",23)\n', "a private attribute is (gggg"),
    ('# option: 113111\nBLANK (0019,"GEMS_ACQU_01",23)\n', "a private attribute can only be kept or removed"),
    (
        '# option: 113111\nREPLACE (0019,"GEMS_ACQU_01",23) func:uid\n',
        "a private attribute can only be kept or removed",
    ),
    ('# option: 113111\nKEEP (0F1D,"FIDAC NODE 1",01)\n', "group 0F1D is this node's own"),
    (
        '# option: 113111\nKEEP (0019,"GEMS_ACQU_01",23)\nREMOVE (0019,"GEMS_ACQU_01",23)\n',
        "has its action on line 4 already",
    ),
]


@pytest.mark.parametrize(("lines", "message"), FORBIDDEN)
def test_what_the_table_or_the_node_does_not_permit_does_not_load(own, lines: str, message: str) -> None:
    directory = own({"site": lines}, {"ours": ["basic", "site"]})
    with pytest.raises(ConfigError) as caught:
        load_plan("ours", directory)
    text = str(caught.value)
    assert message in text
    number = next(
        number
        for number, line in enumerate((HEAD + lines).splitlines(), start=1)
        if line in (HEAD + lines).splitlines()[2:]
    )
    assert re.search(rf"site\.deid:({'|'.join(str(number + n) for n in range(lines.count(chr(10))))}): ", text)


def test_a_private_attribute_with_blanks_in_its_creator_is_one_field(own) -> None:
    line = 'KEEP (0019,"SIEMENS CT VA0  COAD",B0)'
    directory = own({"site": f"# option: 113111\n{line}\n"}, {})
    one = recipe.read(directory / "site.deid")
    recipe.compare_with_deid(one)
    assert str(one.lines[0]) == line


def test_a_private_attribute_is_taken_back_by_a_later_layer(own) -> None:
    directory = own({"back": 'REMOVE (0019,"GEMS_ACQU_01",23)\n'}, {"ours": ["basic", "safe-private", "back"]})
    made = load_plan("ours", directory)
    assert len(made.private) == 10 and (0x0019, "GEMS_ACQU_01", 0x23) not in made.private


_KEYWORDS = sorted(keyword_of(row.tag) for row in TABLE if row.tag is not None and keyword_of(row.tag))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keyword=st.sampled_from(_KEYWORDS),
    verb=st.sampled_from(
        ["KEEP {}", "REMOVE {}", "BLANK {}", *(f"REPLACE {{}} func:{name}" for name in sorted(actions.FUNCTIONS))]
    ),
    options=st.sets(st.sampled_from(sorted(code for code, option in OPTIONS.items() if option.offered))),
)
def test_no_line_lets_more_through_than_its_options(own, keyword: str, verb: str, options: set[str]) -> None:
    """Whatever a site writes about a row loads only if the Basic Profile or an option that is taken says as much."""
    row = next(row for row in TABLE if row.tag is not None and keyword_of(row.tag) == keyword)
    declared = "".join(f"# option: {code}\n" for code in sorted(options))
    directory = own({"site": f"{declared}{verb.format(keyword)}\n"})
    composition = compiler.compose(
        [recipe.read(layer) for layer in (profiles_directory() / "basic.deid", directory / "site.deid")]
    )
    if composition.problems.messages():
        return
    action = composition.actions("tag")[row.tag]
    taken = [(code, letter) for code, letter in row.options.items() if code in options]
    assert _at_least_basic(row, action) or any(_permits(code, letter, action, row) for code, letter in taken)


def _at_least_basic(row: Row, action: str) -> bool:
    return action in ("remove", "blank", "dummy", "uid", "pid", "contrast", "utf8") or (
        row.basic.endswith("U*") and action == "keep"
    )


def _permits(code: str, letter: str, action: str, row: Row) -> bool:
    """The columns of Table E.1-1 in words of our own.

    K keeps, C cleans, a date is cleaned by moving it and a time by cutting it down.
    """
    cleaned = {"agent", "clean", "listed"} | ({"keep"} if vrs_of(row.tag or 0) == ("SQ",) else set())
    if code == "113107":
        return action in ("shift", "time", "moment", *cleaned) or (action == "keep" and row.vr in ("TM", "SH"))
    return action in ({"keep", "shift", "time", "moment", "device", "age89", *cleaned} if letter == "K" else cleaned)


# --- compositions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[ours]\nlayers = []\n", "needs layers"),
        ("[ours]\ntitle = 'x'\n", "needs layers"),
        ("[ours]\nlayers = 'basic'\n", "needs layers"),
        ("[ours]\nlayers = [1]\n", "needs layers"),
        ("[ours]\nlayers = ['basic']\ntitle = 3\n", "needs layers"),
        ("[ours]\nlayers = ['basic', 'basic']\n", "a layer is named twice"),
        ("[ours]\nlayer = ['basic']\n", "'layer' is not known; a programme has title and layers"),
        ("[ours]\nlayers = ['basik']\n", "there is no layer 'basik'"),
        ("[Ours]\nlayers = ['basic']\n", "a profile is named by lower-case letters"),
        ("ours = ['basic']\n", "'ours' stands in no table"),
        ("[ours\n", "cannot be read"),
        ("[basic]\nlayers = ['basic']\n", "'basic' is the name of a profile and of a layer"),
    ],
)
def test_a_composition_that_is_not_understood_stops_the_start(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "programmes.toml").write_text(text, encoding="utf-8")
    name = "basic" if text.startswith("[basic]") else "ours"
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_plan(name, tmp_path)


def test_a_site_may_replace_a_layer_by_its_own(own) -> None:
    shutil.copy(profiles_directory() / "chest-ct.deid", own({}) / "chest-ct.deid")
    directory = own({})
    (directory / "chest-ct.deid").write_text(HEAD + "KEEP Manufacturer\n", encoding="ascii")
    made = load_plan("fidac-chest-ct", directory)
    assert made.action(0x00181210, "SH") == "clean" and made.digest != load_plan("fidac-chest-ct").digest


def test_a_cached_plan_follows_every_layer_and_the_composition(own, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    directory = own({"site": "KEEP Laterality\n"}, {"ours": ["basic", "site"]})
    first = load_plan("ours", directory, cache=cache)
    own({"site": "REMOVE Laterality\n"}, {"ours": ["basic", "site"]})
    second = load_plan("ours", directory, cache=cache)
    own({"site": "REMOVE Laterality\n"}, {"ours": ["basic", "modified-dates", "site"]})
    third = load_plan("ours", directory, cache=cache)
    assert len({first.digest, second.digest, third.digest}) == 3 and len(list(cache.iterdir())) == 3


def test_private_attributes_options_and_devices_are_in_the_digest() -> None:
    made = load_plan("fidac-chest-ct-device")
    arguments = (made.profile, made.tags, made.groups, made.vrs, made.vocabulary, made.common)
    given_all = {"devices": made.devices, "private": made.private, "options": made.options, "kept": made.kept}
    assert plan.make(*arguments, **given_all) == made
    for name in given_all:
        assert (
            plan.make(*arguments, **{key: value for key, value in given_all.items() if key != name}).digest
            != made.digest
        )
    assert plan.parse(plan.dump(made)) == made


# --- explain and compare -------------------------------------------------------------------------------


def test_explain_says_what_happens_to_each_attribute_and_why() -> None:
    composition = composition_of(programmes.find("fidac-chest-ct"))
    explained = [row for row in explain(composition) if row.tag]
    rows = {row.attribute: row for row in explained}
    assert rows["PatientID"].meaning == "replaced by the patient's pseudonym"
    assert rows["StudyDate"].clause == "PS3.15 Table E.1-1: Z, Modified Dates (E.3.6) C"
    assert rows["PatientSex"].clause == "PS3.15 Table E.1-1: Z, Patient Characteristics (E.3.7) K"
    assert rows["ConvolutionKernel"].clause == "PS3.15 E.1.1: not in Table E.1-1"
    assert rows["ConvolutionKernel"].reason.startswith("The beam filter, and the kernel that decides how sharp")
    assert re.fullmatch(r"chest-ct\.deid:\d+", rows["ConvolutionKernel"].line)
    assert rows["other private attributes"].action == "remove" and rows["StudyDate"].reason.startswith("One shift")
    assert len(explained) == len(composition.entries["tag"]) + 2 + 11 + 1
    device = {row.attribute: row for row in explain(composition_of(programmes.find("fidac-chest-ct-device")))}
    assert device["DeviceSerialNumber"].meaning == "kept as it is: it identifies the device"


def test_two_profiles_differ_in_what_their_layers_say(own) -> None:
    directory = own(
        {"site": "REMOVE PatientSize\nREMOVE select:VR:LO\n"}, {"ours": ["basic", "patient-characteristics", "site"]}
    )
    (directory / "vocabulary").mkdir()
    (directory / "vocabulary" / "own.txt").write_text("xenonium\n", encoding="utf-8")
    one = load_plan("p", layers=("basic", "patient-characteristics", "safe-private"))
    found = {(row.attribute, row.vr): (row.first, row.second) for row in differences(one, load_plan("ours", directory))}
    private = {key: found.pop(key) for key in list(found) if key[0].startswith('"')}
    assert found == {
        ("PatientSize", "DS"): ("keep", "remove"),
        ("vocabulary", ""): ("-", "xenonium"),
        ("options (CID 7050)", ""): ("113108, 113111", "113108"),
    }
    assert set(private.values()) == {("keep", "remove")} and not list(differences(one, one))


def test_the_words_of_makers_are_a_set_of_their_own(own) -> None:
    made = load_plan("fidac-chest-ct")
    assert {"siemens", "somatom", "standard"} <= made.devices and not {"siemens", "somatom"} & (
        made.vocabulary | made.common
    )
    directory = own({}, {"ours": ["basic"]})
    (directory / "vocabulary").mkdir()
    (directory / "vocabulary" / "devices-of-ours.txt").write_text("scanomatic\n", encoding="utf-8")
    assert "scanomatic" in load_plan("ours", directory).devices


def test_the_hub_lets_the_private_creators_of_the_profile_pass() -> None:
    assert {creator for _, creator, _ in load_plan("fidac-chest-ct").private} == set(SAFE_PRIVATE_CREATORS)
