"""Of a structured report only what a template knows is written again; whoever and whatever else it named is gone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileDataset
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.actions import FUNCTIONS, KEEP
from fidac_node.deidentify.rewrite import templates
from fidac_node.deidentify.rewrite.structured import actions_of, rebuilt
from fidac_node.deidentify.source import open_source
from fidac_node.deidentify.triage.triage import Rules
from fidac_node.dicom.elements import DataSet, Node
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE
from fidac_node.errors import Permanent
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ROOT, code, dataset

DOSE_REPORT_CLASS = "1.2.840.10008.5.1.4.1.1.88.67"
KEY_OBJECT_CLASS = "1.2.840.10008.5.1.4.1.1.88.59"
CT = "1.2.840.10008.5.1.4.1.1.2"
PNG = "Quenouille"
# Every meaning that may be written.
MEANINGS = frozenset(
    {
        templates.DOSE_REPORT_MEANING,
        templates.TITLE_MODIFIER_MEANING,
        *(item.meaning for item in templates.DOSE_ITEMS.values()),
    }
    | {meaning for codes in templates.VALUES.values() for meaning in codes.values()}
)


# --- Made-up documents, with the patient's name wherever a text can be


def content(relationship: str, value_type: str, concept: tuple[str, str], *below: Dataset, **values: Any) -> Dataset:
    """A content item whose concept is named by a text of somebody's own."""
    ds = dataset(
        RelationshipType=relationship,
        ValueType=value_type,
        ConceptNameCodeSequence=code(concept[1], concept[0], PNG),
        **values,
    )
    if below:
        ds.ContentSequence = list(below)
    if value_type == "CONTAINER":
        ds.ContinuityOfContent = "SEPARATE"
    ds.ObservationDateTime = "20240317102413"
    return ds


def number(concept: str, value: str, unit: str, *below: Dataset, relationship: str = "CONTAINS") -> Dataset:
    measured = dataset(
        NumericValue=value, MeasurementUnitsCodeSequence=code(unit, "UCUM", PNG), FloatingPointValue=19610714.0
    )
    return content(relationship, "NUM", ("DCM", concept), *below, MeasuredValueSequence=[measured])


def coded(concept: tuple[str, str], value: tuple[str, str], *below: Dataset, relationship: str = "CONTAINS") -> Dataset:
    return content(relationship, "CODE", concept, *below, ConceptCodeSequence=code(value[1], value[0], PNG))


def text(concept: str, relationship: str = "CONTAINS") -> Dataset:
    return content(relationship, "TEXT", ("DCM", concept), TextValue="Mme Quenouille, née le 14/07/1961")


def container(concept: str, *below: Dataset) -> Dataset:
    return content("CONTAINS", "CONTAINER", ("DCM", concept), *below)


OBSERVERS = (
    coded(("DCM", "121005"), ("DCM", "121006"), relationship="HAS OBS CONTEXT"),
    content("HAS OBS CONTEXT", "PNAME", ("DCM", "121008"), PersonName="HÉBRARD^Zoé"),
    content("HAS OBS CONTEXT", "UIDREF", ("DCM", "121012"), UID=f"{ROOT}.77"),
    text("121013", "HAS OBS CONTEXT"),
)


def procedure(value: tuple[str, str] = ("SRT", "P5-08000")) -> Dataset:
    intent = coded(("SRT", "G-C0E8"), ("SRT", "R-408C3"), relationship="HAS CONCEPT MOD")
    return coded(("DCM", "121058"), value, intent, relationship="HAS CONCEPT MOD")


def acquisition() -> Dataset:
    source = container(
        "113831",
        text("113832"),
        number("113733", "120", "kV"),
        number("113734", "182.5", "mA"),
        number("113834", "0.5", "s"),
    )
    parameters = container(
        "113822",
        number("113824", "6.2", "s"),
        number("113825", "331.0", "mm"),
        number("113828", "1.2", "{ratio}"),
        source,
    )
    phantom = coded(("DCM", "113835"), ("DCM", "113691"))
    dose = container(
        "113829", number("113830", "7.41", "mGy"), phantom, number("113838", "245.27", "mGy.cm"), text("113842")
    )
    return container(
        "113819",
        text("125203"),
        coded(("DCM", "123014"), ("SCT", "51185008")),
        coded(("DCM", "113820"), ("SRT", "P5-08001")),
        content("CONTAINS", "UIDREF", ("DCM", "113769"), UID=f"{ROOT}.500"),
        content("CONTAINS", "DATETIME", ("DCM", "111526"), DateTime="20240317102413.5"),
        parameters,
        dose,
        text("121106"),
    )


def report(*items: Dataset, **values: Any) -> Dataset:
    """A CT Radiation Dose Report (TID 10011); ``items`` are its content in place of all that is usual."""
    scope = coded(
        ("DCM", "113705"),
        ("DCM", "113014"),
        content("HAS PROPERTIES", "UIDREF", ("DCM", "110180"), UID=f"{ROOT}.1"),
        relationship="HAS OBS CONTEXT",
    )
    usual = (
        procedure(),
        *OBSERVERS,
        content("HAS OBS CONTEXT", "DATETIME", ("DCM", "113809"), DateTime="20240317102400"),
        scope,
        container("113811", number("113812", "1", "{events}"), number("113813", "245.27", "mGy.cm")),
        acquisition(),
        text("121106"),
        coded(("DCM", "113854"), ("DCM", "113856")),
    )
    root = dataset(
        ValueType="CONTAINER",
        ContinuityOfContent="SEPARATE",
        ConceptNameCodeSequence=code("113701", "DCM", PNG),
        ContentTemplateSequence=[dataset(MappingResource="DCMR", TemplateIdentifier="10011")],
        ContentSequence=list(items or usual),
        CompletionFlag="COMPLETE",
        VerificationFlag="VERIFIED",
        VerifyingObserverSequence=[dataset(VerifyingObserverName="GÉRAUD^Benoît", VerifyingOrganization="Bretonneau")],
        PredecessorDocumentsSequence=[dataset(StudyInstanceUID=f"{ROOT}.8")],
        ReferencedRequestSequence=[dataset(AccessionNumber="RX24088731", RequestedProcedureID="RP-77120")],
        PerformedProcedureCodeSequence=code("TDM", "99HOP", PNG),
        ReferencedPerformedProcedureStepSequence=[dataset(ReferencedSOPInstanceUID=f"{ROOT}.9")],
        ContentDate="20240317",
        ContentTime="102413",
    )
    return document(root, DOSE_REPORT_CLASS, "SR", **values)


def document(root: Dataset, sop_class: str, modality: str, **values: Any) -> Dataset:
    """The rest of a document: patient, study, evidence."""
    ds = build.ct(SOPClassUID=sop_class, Modality=modality, PixelData=None, **values)
    for tag in [
        tag
        for tag in ds.keys()  # noqa: SIM118
        if tag.group in (0x0028, 0x0018) or tag in (0x00080008, 0x00200032, 0x00200037)
    ]:
        del ds[tag]
    ds.update(root)
    instance = dataset(
        ReferencedSOPClassUID=CT,
        ReferencedSOPInstanceUID=f"{ROOT}.3",
        PurposeOfReferenceCodeSequence=code("X", "99HOP", PNG),
    )
    series = dataset(SeriesInstanceUID=f"{ROOT}.2", RetrieveAETitle="SCANURG2", ReferencedSOPSequence=[instance])
    ds.CurrentRequestedProcedureEvidenceSequence = [
        dataset(StudyInstanceUID=f"{ROOT}.1", ReferencedSeriesSequence=[series])
    ]
    return ds


def reference(instance: str, sop_class: str = CT, value_type: str = "IMAGE", **values: Any) -> Dataset:
    one = dataset(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=f"{ROOT}.{instance}", **values)
    return dataset(RelationshipType="CONTAINS", ValueType=value_type, ReferencedSOPSequence=[one])


def selection(*items: Dataset, title: tuple[str, str] = ("DCM", "113000")) -> Dataset:
    """A Key Object Selection (TID 2010)."""
    usual = (
        coded(("DCM", "113011"), ("DCM", "113014"), relationship="HAS CONCEPT MOD"),
        *OBSERVERS,
        text("113012"),
        reference("3", ReferencedFrameNumber="2"),
        reference("4", value_type="COMPOSITE"),
    )
    root = dataset(
        ValueType="CONTAINER",
        ContinuityOfContent="SEPARATE",
        ConceptNameCodeSequence=code(title[1], title[0], PNG),
        ContentTemplateSequence=[dataset(MappingResource="DCMR", TemplateIdentifier="2010")],
        ContentSequence=list(items or usual),
        ContentDate="20240317",
        ContentTime="102413",
    )
    return document(root, KEY_OBJECT_CLASS, "KO")


# --- Reading what came of them


def nodes(ds: Dataset) -> DataSet:
    """The tree of a data set, as the engine has it."""
    tree: DataSet = {}
    for element in ds:
        if element.VR == "SQ":
            tree[int(element.tag)] = Node(int(element.tag), "SQ", b"", tuple(nodes(item) for item in element.value))
        else:
            values = element.value if element.VM > 1 else [element.value]
            raw = (
                element.value
                if isinstance(element.value, bytes)
                else "\\".join(str(one) for one in values).encode("latin-1")
            )
            tree[int(element.tag)] = Node(int(element.tag), str(element.VR), raw, None)
    return tree


def every(tree: DataSet) -> Iterator[Node]:
    for node in tree.values():
        yield node
        for item in node.items or ():
            yield from every(item)


def items(tree: DataSet) -> Iterator[DataSet]:
    for item in tree[0x0040A730].items or () if 0x0040A730 in tree else ():
        yield item
        yield from items(item)


def value(tree: DataSet, *path: int) -> str:
    """The text at a path through first items; ``""`` if there is none."""
    for tag in path[:-1]:
        below = tree[tag].items if tag in tree else ()
        if not below:
            return ""
        tree = below[0]
    return tree[path[-1]].value.decode().strip(" \0") if path[-1] in tree else ""


def facts(tree: DataSet) -> list[tuple[str, str]]:
    """Concept and value of every content item, containers left out."""
    places = {
        "NUM": (0x0040A300, 0x0040A30A),
        "CODE": (0x0040A168, 0x00080100),
        "UIDREF": (0x0040A124,),
        "DATETIME": (0x0040A120,),
        "TEXT": (0x0040A160,),
        "PNAME": (0x0040A123,),
    }
    return [
        (value(item, 0x0040A043, 0x00080100), value(item, *places[value(item, 0x0040A040)]))
        for item in items(tree)
        if value(item, 0x0040A040) in places
    ]


def traces(tree: DataSet) -> list[bytes]:
    """What of the patient is in a tree, apart from the attributes that the plan takes care of."""
    planned = {
        0x00100010,
        0x00100020,
        0x00100030,
        0x00080050,
        0x00080090,
        0x00081030,
        0x0008103E,
        0x00181000,
        0x00200010,
    }
    rest = {tag: node for tag, node in tree.items() if tag not in planned}
    return [trace for trace in build.traces(b"\n".join(node.value for node in every(rest))) if trace != ROOT.encode()]


def held(ds: Dataset, kind: str = "dose-report") -> str:
    try:
        rebuilt(nodes(ds), kind)
    except Permanent as error:
        return f"{error.code}{build.traces(str(error).encode()) or ''}"
    return ""


# --- Dose reports


def test_a_dose_report_keeps_its_doses_and_what_they_were_measured_with() -> None:
    assert facts(rebuilt(nodes(report()), "dose-report")) == [
        ("121058", "P5-08000"),
        ("G-C0E8", "R-408C3"),
        ("113809", "20240317102400"),
        ("113705", "113014"),
        ("110180", f"{ROOT}.1"),
        ("113812", "1"),
        ("113813", "245.27"),
        ("123014", "51185008"),
        ("113820", "P5-08001"),
        ("113769", f"{ROOT}.500"),
        ("111526", "20240317102413.5"),
        ("113824", "6.2"),
        ("113825", "331.0"),
        ("113828", "1.2"),
        ("113733", "120"),
        ("113734", "182.5"),
        ("113834", "0.5"),
        ("113830", "7.41"),
        ("113835", "113691"),
        ("113838", "245.27"),
        ("113854", "113856"),
    ]


def test_nobody_is_named_in_a_rebuilt_document() -> None:
    for ds, kind in ((report(), "dose-report"), (selection(), "key-object")):
        assert traces(nodes(ds))
        assert traces(rebuilt(nodes(ds), kind)) == []


def test_the_meaning_of_a_code_is_the_standards_and_never_the_one_that_came() -> None:
    meanings = [value(item, 0x0040A043, 0x00080104) for item in items(rebuilt(nodes(report()), "dose-report"))]
    assert meanings[:3] == ["Procedure reported", "Has Intent", "Start of X-Ray Irradiation"]
    for tree in (rebuilt(nodes(report()), "dose-report"), rebuilt(nodes(selection()), "key-object")):
        found = {node.value.decode().strip() for node in every(tree) if node.tag == 0x00080104}
        assert found
        assert found <= MEANINGS


def test_of_the_header_only_what_the_document_needs_is_left_to_the_plan() -> None:
    tree = rebuilt(nodes(report(InstitutionName="Bretonneau", PatientSex="F")), "dose-report")
    gone = {
        0x00080080: "institution",
        0x00081070: "operators",
        0x00101040: "address",
        0x0040A073: "verifier",
        0x0040A370: "requests",
    }
    assert [name for tag, name in gone.items() if tag in tree] == []
    assert value(tree, 0x0040A493) == "UNVERIFIED"
    assert value(tree, 0x0040A491) == "COMPLETE"
    assert value(tree, 0x00100040) == "F"
    assert tree[0x00081111].items == tree[0x0040A372].items == (), "Type 2"
    assert value(tree, 0x0040A504, 0x0040DB00) == "10011"
    assert list(tree) == sorted(tree)


def test_evidence_keeps_its_uids_and_nothing_else() -> None:
    (node,) = [node for node in rebuilt(nodes(report()), "dose-report").values() if node.tag == 0x0040A375]
    assert [(one.tag, one.value.strip(b"\0").decode()) for one in every({0: node}) if one.items is None] == [
        (0x00081150, CT),
        (0x00081155, f"{ROOT}.3"),
        (0x0020000E, f"{ROOT}.2"),
        (0x0020000D, f"{ROOT}.1"),
    ]
    broken = report()
    broken.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[
        0
    ].ReferencedSOPClassUID = "1.2.3"
    assert 0x0040A375 not in rebuilt(nodes(broken), "dose-report")


GOOD = number("113813", "245.27", "mGy.cm")


def numbered(**values: Any) -> Dataset:
    ds = number("113830", "7.41", "mGy")
    for keyword, one in values.items():
        setattr(ds, keyword, one)
    return ds


@pytest.mark.parametrize(
    "item",
    [
        number("113830", "7.41", "impasse"),
        number("121106", "7.41", "mGy"),
        number("113830", "7.41", "mGy", relationship="HAS OBS CONTEXT"),
        numbered(MeasuredValueSequence=[number("113830", "7.41", "mGy").MeasuredValueSequence[0]] * 2),
        numbered(MeasuredValueSequence=[]),
        numbered(ConceptNameCodeSequence=code("113830", "99HOP", PNG)),
        numbered(ConceptNameCodeSequence=[*code("113830", "DCM", PNG), *code("113838", "DCM", PNG)]),
        numbered(ConceptNameCodeSequence=[]),
        numbered(ValueType="TEXT"),
        numbered(ReferencedContentItemIdentifier=[1, 2]),
        coded(("DCM", "123014"), ("99HOP", "51185008")),
        coded(("DCM", "123014"), ("SCT", "373066001")),
        coded(("DCM", "113705"), ("DCM", "113014")),
        coded(("SCT", "408730004"), ("SCT", "8003412765")),
        content("CONTAINS", "UIDREF", ("DCM", "121012"), UID=f"{ROOT}.5"),
        content("CONTAINS", "DATETIME", ("DCM", "113809"), DateTime="20240317"),
        content("CONTAINS", "PNAME", ("DCM", "113870"), PersonName="HÉBRARD^Zoé"),
        content("CONTAINS", "IMAGE", ("DCM", "113795")),
        text("113832"),
        text("125203"),
        container("113829", text("121106")),
        container("122073", GOOD),
        content("CONTAINS", "CONTAINER", ("99HOP", "113829"), GOOD),
    ],
)
def test_an_item_that_is_not_on_the_list_goes(item: Dataset) -> None:
    expected = facts(rebuilt(nodes(report(procedure(), GOOD)), "dose-report"))
    assert facts(rebuilt(nodes(report(procedure(), item, GOOD)), "dose-report")) == expected


NUMERIC_VALUE, UID, DATE_TIME = (0x0040A300, 0x0040A30A), (0x0040A124,), (0x0040A120,)


@pytest.mark.parametrize(
    ("path", "raw", "stays"),
    [
        (NUMERIC_VALUE, b"7.41", True),
        (NUMERIC_VALUE, b" -7.4E-1 ", True),
        (NUMERIC_VALUE, b"999999.5", True),
        (NUMERIC_VALUE, b"1000000", False),
        (NUMERIC_VALUE, b"19610714", False),
        (NUMERIC_VALUE, b"-8003412765", False),
        (NUMERIC_VALUE, b"1E7", False),
        (NUMERIC_VALUE, b"7.41\\8", False),
        (NUMERIC_VALUE, b"0.00000000000000001", False),
        (NUMERIC_VALUE, b"Quenouille", False),
        (NUMERIC_VALUE, b"", False),
        (NUMERIC_VALUE, b"7.41\xe9", False),
        (UID, b"1.2.3\0", True),
        (UID, b"1.2.Quenouille", False),
        (UID, b"1.2\\1.3", False),
        (UID, b"", False),
        (DATE_TIME, b"2024", True),
        (DATE_TIME, b"20240317102413.5+0100", True),
        (DATE_TIME, b"20240317-20240318", False),
        (DATE_TIME, b"Quenouille", False),
        (DATE_TIME, b"", False),
    ],
)
def test_a_value_that_is_none_of_its_type_goes_with_its_item(path: tuple[int, ...], raw: bytes, stays: bool) -> None:
    uid = content("CONTAINS", "UIDREF", ("DCM", "113769"), UID=f"{ROOT}.500")
    started = content("CONTAINS", "DATETIME", ("DCM", "111526"), DateTime="20240317102413.5")
    tree = nodes(report(procedure(), GOOD, {NUMERIC_VALUE: numbered(), UID: uid, DATE_TIME: started}[path]))
    item = (tree[0x0040A730].items or ())[2]
    for tag in path[:-1]:
        item = (item[tag].items or ())[0]
    item[path[-1]] = item[path[-1]]._replace(value=raw)
    assert len(facts(rebuilt(tree, "dose-report"))) == 3 + stays


def test_what_is_below_an_item_goes_with_it() -> None:
    below = number("113838", "99", "mGy.cm")
    kept = facts(rebuilt(nodes(report(procedure(), container("113829", below), GOOD)), "dose-report"))
    assert ("113838", "99") in kept
    for parent in (container("122073", below), content("CONTAINS", "TEXT", ("DCM", "121106"), below, TextValue=PNG)):
        assert ("113838", "99") not in facts(rebuilt(nodes(report(procedure(), parent, GOOD)), "dose-report"))


def test_a_container_of_which_nothing_is_left_goes() -> None:
    full, empty = container("113829", numbered()), container("113829", text("121106"))
    for item, expected in ((full, 5), (empty, 3)):
        assert len(list(items(rebuilt(nodes(report(procedure(), item, GOOD)), "dose-report")))) == expected


def test_a_number_that_is_missing_says_why() -> None:
    missing = numbered(MeasuredValueSequence=[], NumericValueQualifierCodeSequence=code("114010", "DCM", PNG))
    tree = rebuilt(nodes(report(procedure(), missing, GOOD)), "dose-report")
    assert [value(item, 0x0040A301, 0x00080104) for item in items(tree)] == ["", "", "Value unknown", ""]


@pytest.mark.parametrize(
    "ds",
    [
        report(procedure()),
        report(GOOD),
        report(procedure(("SRT", "P5-06000")), GOOD),
        report(procedure(), text("113813")),
        report(
            procedure(),
            numbered(MeasuredValueSequence=[], NumericValueQualifierCodeSequence=code("114010", "DCM", PNG)),
        ),
        selection(),
    ],
)
def test_a_report_of_which_nothing_is_left_or_that_is_not_of_ct_is_held(ds: Dataset) -> None:
    assert held(report(procedure(), GOOD)) == ""
    assert held(ds) == "not-allowed-class"


@pytest.mark.parametrize(
    ("keyword", "wrong"),
    [
        ("ValueType", "TEXT"),
        ("ConceptNameCodeSequence", code("113702", "DCM", PNG)),
        ("ConceptNameCodeSequence", code("113701", "99HOP", PNG)),
        ("ConceptNameCodeSequence", []),
        ("ContentTemplateSequence", [dataset(MappingResource="DCMR", TemplateIdentifier="10001")]),
        ("ContentTemplateSequence", [dataset(MappingResource="DCMR")]),
        ("ContentSequence", []),
    ],
)
def test_a_document_made_by_another_template_is_held(keyword: str, wrong: Any) -> None:
    ds = report()
    setattr(ds, keyword, wrong)
    assert held(ds) == "not-allowed-class"


def test_a_report_that_does_not_name_its_template_is_rebuilt_by_its_title() -> None:
    ds = report()
    del ds.ContentTemplateSequence
    assert value(rebuilt(nodes(ds), "dose-report"), 0x0040A504, 0x0040DB00) == "10011"


def test_an_unknown_kind_is_held() -> None:
    assert held(report(), "image") == "not-allowed-class"


def test_an_attribute_of_another_vr_than_its_own_is_not_read() -> None:
    tree = nodes(report(procedure(), GOOD, numbered()))
    (measured,) = tree[0x0040A730].items[2][0x0040A300].items or ()  # type: ignore[index]
    for vr, expected in (("DS", 3), ("UN", 3), ("", 3), ("LO", 2), ("FD", 2)):
        measured[0x0040A30A] = measured[0x0040A30A]._replace(vr=vr)
        assert len(facts(rebuilt(tree, "dose-report"))) == expected + 1, vr  # the intent below the procedure


# --- Key objects


def test_a_key_object_selection_keeps_its_title_and_its_references() -> None:
    tree = rebuilt(nodes(selection()), "key-object")
    assert (value(tree, 0x0040A043, 0x00080100), value(tree, 0x0040A043, 0x00080104)) == ("113000", "Of Interest")
    found = list(items(tree))
    assert [value(item, 0x0040A040) for item in found] == ["CODE", "IMAGE", "COMPOSITE"]
    assert [value(item, 0x00081199, 0x00081155) for item in found] == ["", f"{ROOT}.3", f"{ROOT}.4"]
    assert value(found[1], 0x00081199, 0x00081160) == "2"
    assert 0x0040A375 in tree


def test_a_reference_keeps_the_presentation_state_that_goes_with_it() -> None:
    state = dataset(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.11.1", ReferencedSOPInstanceUID=f"{ROOT}.6")
    tree = rebuilt(nodes(selection(reference("3", ReferencedSOPSequence=[state]))), "key-object")
    assert value(next(items(tree)), 0x00081199, 0x00081199, 0x00081155) == f"{ROOT}.6"


@pytest.mark.parametrize(
    "ds",
    [
        selection(title=("DCM", "113701")),
        selection(title=("99HOP", "113000")),
        selection(text("113012")),
        selection(reference("3", sop_class="1.2.3")),
        selection(reference("3", value_type="WAVEFORM")),
    ],
)
def test_a_key_object_selection_without_title_or_reference_is_held(ds: Dataset) -> None:
    assert held(ds, "key-object") == "not-allowed-class"


def test_a_reference_to_what_is_no_uid_goes() -> None:
    tree = nodes(selection(reference("3"), reference("4")))
    first = ((tree[0x0040A730].items or ())[0][0x00081199].items or ())[0]
    first[0x00081155] = first[0x00081155]._replace(value=b"QUENOUILLE")
    assert [value(item, 0x00081199, 0x00081155) for item in items(rebuilt(tree, "key-object"))] == [f"{ROOT}.4"]


# --- Whatever comes

CONCEPTS = sorted({(scheme, one) for _, scheme, one in templates.DOSE_ITEMS})
SECRET = "QUENOUILLE 8003412765"
WORDS = st.sampled_from(
    [SECRET, "7.41", "1.2.3", "20240317", "CONTAINS", "", "113830", "DCM", "SCT", "mGy", "\0", "Ünï"]
)
RELATIONSHIPS = ["CONTAINS", "HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS PROPERTIES", "INFERRED FROM", SECRET]
VALUE_TYPES = [
    "CONTAINER",
    "NUM",
    "CODE",
    "TEXT",
    "PNAME",
    "UIDREF",
    "DATETIME",
    "DATE",
    "TIME",
    "IMAGE",
    "COMPOSITE",
    "SCOORD",
    SECRET,
]


def leaf(tag: int, text: str) -> Node:
    return Node(tag, "", text.encode("utf-8"), None)


def sequence(tag: int, *below: DataSet) -> Node:
    return Node(tag, "", b"", below)


def gathered(*parts: Node) -> DataSet:
    return {part.tag: part for part in parts}


@st.composite
def code_items(draw: st.DrawFn, known: list[Any]) -> DataSet:
    scheme, one = draw(st.sampled_from(known) | st.tuples(WORDS, WORDS))
    return gathered(leaf(0x00080100, one), leaf(0x00080102, scheme), leaf(0x00080104, draw(WORDS)))


ALL_CODES = sorted({one for codes in templates.VALUES.values() for one in codes})


@st.composite
def content_items(draw: st.DrawFn, below: st.SearchStrategy[list[DataSet]]) -> DataSet:
    units = draw(code_items([("UCUM", "mGy"), ("UCUM", "s")]))
    measured = gathered(leaf(0x0040A30A, draw(WORDS)), leaf(0x0040A161, draw(WORDS)), sequence(0x004008EA, units))
    parts = [
        leaf(0x0040A010, draw(st.sampled_from(RELATIONSHIPS))),
        leaf(0x0040A040, draw(st.sampled_from(VALUE_TYPES))),
        sequence(0x0040A043, draw(code_items(CONCEPTS))),
        sequence(0x0040A168, draw(code_items(ALL_CODES))),
        sequence(0x0040A300, measured),
        sequence(0x0040A730, *draw(below)),
        *(leaf(tag, draw(WORDS)) for tag in (0x0040A124, 0x0040A120, 0x0040A160, 0x0040A123, 0x0040A050, 0x00081030)),
    ]
    return gathered(*draw(st.permutations(parts)))


CONTENT = st.recursive(
    st.lists(content_items(st.just([])), max_size=3),
    lambda below: st.lists(content_items(below), max_size=3),
    max_leaves=12,
)
PLAIN = nodes(report(procedure(), GOOD))


@settings(max_examples=60, deadline=None)
@given(CONTENT)
def test_no_tree_whatever_brings_an_item_that_is_not_on_the_list(drawn: list[DataSet]) -> None:
    made = PLAIN | {0x0040A730: sequence(0x0040A730, *(PLAIN[0x0040A730].items or ()), *drawn)}
    tree = rebuilt(made, "dose-report")
    for item in items(tree):
        concept = (value(item, 0x0040A043, 0x00080102), value(item, 0x0040A043, 0x00080100))
        known = templates.DOSE_ITEMS[value(item, 0x0040A040), *concept]
        assert value(item, 0x0040A010) in known.relationships
        assert item.keys() <= {
            0x0040A010,
            0x0040A040,
            0x0040A043,
            0x0040A050,
            0x0040A120,
            0x0040A124,
            0x0040A168,
            0x0040A300,
            0x0040A730,
        }
        if 0x0040A168 in item:
            chosen = (value(item, 0x0040A168, 0x00080102), value(item, 0x0040A168, 0x00080100))
            assert templates.VALUES[known.values][chosen] == value(item, 0x0040A168, 0x00080104)
    below = {0: sequence(0, *items(tree))}
    assert not any(SECRET.encode() in node.value for node in every(below))
    assert rebuilt(tree, "dose-report") == tree, "what was rebuilt is its own rebuild"


# --- The tables

STANDARD: dict[str, Any] = concepts


def published(scheme: str, one: str) -> set[str]:
    """The meanings that PS3.16 gives a code, folded."""
    scheme = "SCT" if scheme in ("SRT", "SNM3") else scheme
    one = mapping["SRT"].get(one, one)
    return {
        meaning.lower() for codes in STANDARD[scheme].values() for other, (meaning, _) in codes.items() if other == one
    }


def test_every_code_of_the_tables_has_the_meaning_that_the_standard_gives_it() -> None:
    different = {
        # PS3.16 names the concept by the plain word, SNOMED by its hierarchy.
        ("SCT", "77477000"), ("SCT", "363703001"), ("SCT", "408730004"), ("SCT", "51185008"), ("SCT", "113345001"),
        ("SCT", "12921003"),
    }  # fmt: skip
    retired = {("SRT", mapping["SCT"][one]) for _, one in different} | {
        ("SNM3", mapping["SCT"][one]) for _, one in different
    }
    rows = [((scheme, one), item.meaning) for (_, scheme, one), item in templates.DOSE_ITEMS.items()]
    rows += [
        (pair, meaning)
        for name, codes in templates.VALUES.items()
        if name != "units"
        for pair, meaning in codes.items()
    ]
    rows += [
        (templates.DOSE_REPORT, templates.DOSE_REPORT_MEANING),
        (templates.TITLE_MODIFIER, templates.TITLE_MODIFIER_MEANING),
    ]
    wrong = [row for row in rows if row[1].lower() not in published(*row[0]) and row[0] not in different | retired]
    assert wrong == []


def test_the_value_sets_are_the_context_groups_of_the_standard() -> None:
    groups = {
        "yes-no": [230], "intent": [3629], "scope": [10000], "source": [10021], "acquisition": [10013],
        "algorithm": [10033], "contrast": [10014], "repeat": [10034], "phantom": [4052], "authority": [10015],
        "method": [10011, 10023, 10024], "modifier": [7011, 7012], "qualifiers": [42],
    }  # fmt: skip
    for name, identifiers in groups.items():
        expected = {
            (scheme, one)
            for cid in identifiers
            for scheme, keywords in cid_concepts[cid].items()
            for keyword in keywords
            for one, (_, within) in STANDARD[scheme][keyword].items()
            if cid in within
        }
        assert {pair for pair in templates.VALUES[name] if pair[0] not in ("SRT", "SNM3")} == expected, name


def test_no_free_text_and_no_person_is_on_the_list() -> None:
    assert {value_type for value_type, _, _ in templates.DOSE_ITEMS} == {
        "CONTAINER",
        "CODE",
        "NUM",
        "UIDREF",
        "DATETIME",
    }
    assert {item.values for item in templates.DOSE_ITEMS.values()} - {"-"} <= templates.VALUES.keys()
    assert all(meaning.isascii() and len(meaning) <= 64 for meaning in MEANINGS)


def test_what_is_kept_for_documents_is_an_action_of_the_plan_and_never_a_date() -> None:
    assert set(actions_of("shift").values()) <= {KEEP, *FUNCTIONS}
    assert not actions_of("shift").keys() & {
        0x0040A121,
        0x0040A122,
        0x00080023,
        0x00100010,
        0x00100020,
        0x0040A160,
        0x0040A123,
    }


# --- Through the engine


@pytest.mark.parametrize(("syntax", "kind"), list(product(build.SYNTAXES, ("dose-report", "key-object"))))
def test_a_rebuilt_document_leaves_without_its_patient(tmp_path: Path, syntax: str, kind: str) -> None:
    ds = report() if kind == "dose-report" else selection()
    path = build.write(tmp_path / "a.dcm", ds, syntax)
    engine = Deidentifier(
        load_plan("fidac-chest-ct"),
        Pseudonymiser(build.KEY, "FIDAC", "S1"),
        "S1",
        "FIDAC",
        rules=Rules(dose_reports="rebuild", key_objects="rebuild"),
    )
    encoded, outcome = build.run(path, engine)
    if syntax != DEFLATED_EXPLICIT_VR_LE:
        assert build.traces(encoded) == []
    out: FileDataset = build.read(encoded)
    assert out.SOPInstanceUID == outcome.sop_instance_uid != ds.SOPInstanceUID
    evidence = out.CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.StudyInstanceUID == out.StudyInstanceUID
    instance = evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert instance.startswith("2.25.")
    if kind == "key-object":
        assert out.ContentSequence[1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == instance
        return
    written = facts(nodes(out))
    before = dict(facts(rebuilt(nodes(ds), kind)))
    after = dict(written)
    assert len(written) == len(facts(rebuilt(nodes(ds), kind)))
    changed = {concept for concept in after if after[concept] != before[concept]}
    assert changed == {"113809", "111526", "110180", "113769"}, "dates and UIDs, and nothing else"
    assert after["110180"] == out.StudyInstanceUID
    assert after["111526"][:4] < "2024"
    assert after["111526"][8:] == "102413", "to the second"


def test_a_document_reads_the_same_from_every_encoding(tmp_path: Path) -> None:
    trees = []
    for syntax in build.SYNTAXES:
        with open_source(build.write(tmp_path / "a.dcm", report(), syntax), build.LIMIT) as source:
            tree = rebuilt(source.nodes(), "dose-report")
        trees.append({tag: tree[tag] for tag in (0x0040A730, 0x0040A043, 0x0040A375)})
    assert trees[1:] == trees[:1] * 3
