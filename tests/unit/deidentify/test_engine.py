"""One object through the engine: nothing of its identity comes out, everything research needs does."""

from __future__ import annotations

import datetime
import hashlib
import io
import itertools
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import config as pydicom_config

from fidac_node.deidentify import Pseudonymiser, load_plan
from fidac_node.deidentify.rewrite.dates import Clock
from fidac_node.deidentify.rewrite.rewrite import Rewriter, Subject
from fidac_node.dicom import marks, part10
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.uids import (
    DEFLATED_EXPLICIT_VR_LE,
    EXPLICIT_VR_BE,
    EXPLICIT_VR_LE,
    IMPLEMENTATION_CLASS_UID,
    IMPLICIT_VR_LE,
)
from fidac_node.errors import Permanent
from fidac_node.receive.check import identify
from tests.strategies import Elem, elem, encode
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

CLOCK = Clock(-1, None, None)
PSEUDONYMS = Pseudonymiser(KEY, "FIDAC", "S1")
SUBJECT = PSEUDONYMS.patient("", build.IDENTITY["PatientID"])


@pytest.mark.parametrize("syntax", build.SYNTAXES)
def test_no_trace_of_identity_is_left_in_any_transfer_syntax(tmp_path: Path, syntax: str) -> None:
    encoded, outcome = run(write(tmp_path / "a.dcm", ct(), syntax))
    if syntax == DEFLATED_EXPLICIT_VR_LE:
        _, offset = part10.read_meta(io.BytesIO(encoded))
        encoded = encoded[:offset] + part10.inflate(encoded[offset:], LIMIT)
    assert traces(encoded) == []
    assert outcome.transfer_syntax_uid == syntax


@pytest.mark.parametrize("syntax", build.SYNTAXES)
def test_what_research_needs_is_kept_in_any_transfer_syntax(tmp_path: Path, syntax: str) -> None:
    before = ct()
    encoded, outcome = run(write(tmp_path / "a.dcm", before, syntax))
    after = read(encoded)
    for keyword in (
        *(
            "ImageType",
            "Modality",
            "Manufacturer",
            "ManufacturerModelName",
            "BodyPartExamined",
            "KVP",
            "SliceThickness",
            "ConvolutionKernel",
        ),
        *(
            "PixelSpacing",
            "ImagePositionPatient",
            "ImageOrientationPatient",
            "Rows",
            "Columns",
            "PatientSex",
            "InstanceNumber",
            "StudyTime",
        ),
    ):
        assert after[keyword].value == before[keyword].value, keyword
    assert after.file_meta.TransferSyntaxUID == syntax
    assert after.PixelData == build.PIXELS
    assert outcome.size == len(encoded)


def test_the_marks_of_a_deidentified_object_are_written(tmp_path: Path) -> None:
    encoded, outcome = run(write(tmp_path / "a.dcm", ct()), label="possible", source="rule:covid")
    after, plan = read(encoded), load_plan("fidac-chest-ct")
    assert after.PatientIdentityRemoved == "YES"
    assert after.DeidentificationMethod == f"FIDAC fidac-chest-ct {plan.digest[:8]}"
    assert [item.CodeValue for item in after.DeidentificationMethodCodeSequence] == [
        "113100",
        "113105",
        "113107",
        "113108",
    ]
    assert after.LongitudinalTemporalInformationModified == "MODIFIED"
    assert (after.ClinicalTrialSponsorName, after.ClinicalTrialProtocolID, after.ClinicalTrialSiteID) == (
        "FIDAC",
        "FIDAC",
        "S1",
    )
    assert after.PatientName == after.PatientID == after.ClinicalTrialSubjectID == outcome.pseudonym == SUBJECT
    block = after.private_block(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR)
    assert [block[element].value for element in (1, 2, 3, 4)] == [
        "POSSIBLE",
        "rule:covid",
        "fidac-chest-ct",
        plan.digest,
    ]
    assert [block[element].VR for element in (1, 2, 3, 4)] == ["CS", "LO", "LO", "LO"]
    assert after.SpecificCharacterSet == "ISO_IR 192"


def test_file_meta_is_new_and_the_preamble_empty(tmp_path: Path) -> None:
    encoded, outcome = run(write(tmp_path / "a.dcm", ct()))
    after = read(encoded)
    assert encoded[:128] == bytes(128)
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID == outcome.sop_instance_uid
    assert after.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert {element.tag.element for element in after.file_meta} == {0, 1, 2, 3, 0x10, 0x12, 0x13}


def test_uids_and_references_stay_consistent(tmp_path: Path) -> None:
    reference = dataset(ReferencedSOPClassUID=build.CT, ReferencedSOPInstanceUID=f"{ROOT}.77")
    encoded, outcome = run(
        write(
            tmp_path / "a.dcm",
            ct(ReferencedImageSequence=[reference], FailedSOPInstanceUIDList=[f"{ROOT}.77", f"{ROOT}.3"]),
        )
    )
    after = read(encoded)
    assert after.StudyInstanceUID == outcome.study_instance_uid == PSEUDONYMS.uid(f"{ROOT}.1")
    assert after.ReferencedImageSequence[0].ReferencedSOPInstanceUID == PSEUDONYMS.uid(f"{ROOT}.77")
    assert after.ReferencedImageSequence[0].ReferencedSOPClassUID == build.CT
    assert list(after.FailedSOPInstanceUIDList) == [PSEUDONYMS.uid(f"{ROOT}.77"), PSEUDONYMS.uid(f"{ROOT}.3")]


def test_standard_uids_stay_unless_they_name_this_very_object(tmp_path: Path) -> None:
    talairach = "1.2.840.10008.1.4.1.1"
    vendor_class = "1.3.12.2.1107.5.9.1"
    encoded, _ = run(
        write(
            tmp_path / "a.dcm",
            ct(
                FrameOfReferenceUID=talairach,
                SOPInstanceUID="1.2.840.10008.1.5.1",
                SourceImageSequence=[
                    dataset(
                        ReferencedSOPClassUID=vendor_class, ReferencedSOPInstanceUID="1.2.840.10008.5.1.20240317102413"
                    )
                ],
            ),
        )
    )
    after = read(encoded)
    assert after.FrameOfReferenceUID == talairach
    assert after.SOPInstanceUID == PSEUDONYMS.uid("1.2.840.10008.1.5.1")
    (item,) = after.SourceImageSequence
    assert item.ReferencedSOPClassUID == PSEUDONYMS.uid(vendor_class)
    assert item.ReferencedSOPInstanceUID.startswith("2.25.")


def test_all_dates_of_a_patient_move_by_the_same_days(tmp_path: Path) -> None:
    days = PSEUDONYMS.shift_days("", build.IDENTITY["PatientID"])
    moved = (datetime.date(2024, 3, 17) + datetime.timedelta(days)).strftime("%Y%m%d")
    encoded, _ = run(
        write(
            tmp_path / "a.dcm",
            ct(AcquisitionDateTime="20240317102413", AcquisitionDate="20240317", ContentDate="20240318"),
        )
    )
    after = read(encoded)
    assert after.StudyDate == after.SeriesDate == after.AcquisitionDate == moved
    assert after.AcquisitionDateTime[:8] == moved
    assert datetime.date.fromisoformat(after.ContentDate) - datetime.date.fromisoformat(moved) == datetime.timedelta(1)
    assert after.PatientBirthDate == ""


def test_a_time_is_told_to_the_second_and_a_fraction_only_as_a_difference(tmp_path: Path) -> None:
    secret = PSEUDONYMS.fraction(f"{ROOT}.1", 1) // 100_000  # tenths of a second
    before = ct(
        StudyTime="102413.9",
        AcquisitionDateTime="20240317102413.5+0100",
        AcquisitionTime="102413.5",
        ContentTime="102414.7",
    )
    after = read(run(write(tmp_path / "a.dcm", before))[0])
    assert after.StudyTime == "102413"
    seconds = [float(one) - 102400 for one in (after.AcquisitionDateTime[8:], after.AcquisitionTime, after.ContentTime)]
    assert seconds == pytest.approx([13.5 + secret / 10, 13.5 + secret / 10, 14.7 + secret / 10])
    assert "+" not in after.AcquisitionDateTime


@pytest.mark.parametrize("keyword", ["SeriesDate", "AcquisitionDate", "ContentDate"])
@pytest.mark.parametrize(("date", "stays"), [
    ("20220317", True), ("20220316", False), ("20240318", True), ("20240319", False), ("19700101", False),
    ("99991231", False),
])  # fmt: skip
def test_a_date_that_is_not_near_the_study_goes(tmp_path: Path, keyword: str, date: str, stays: bool) -> None:
    assert (keyword in read(run(write(tmp_path / "a.dcm", ct(**{keyword: date})))[0])) is stays


def test_dates_and_times_of_the_device_go(tmp_path: Path) -> None:
    days = ["20240317", "20240318"]
    encoded, _ = run(
        write(tmp_path / "a.dcm", ct(DateOfLastCalibration=days, TimeOfLastCalibration=["070000", "080000"]))
    )
    assert not {"DateOfLastCalibration", "TimeOfLastCalibration"} & {element.keyword for element in read(encoded)}


def test_junk_dates_leave_type_2_attributes_empty_and_others_out(tmp_path: Path) -> None:
    with pydicom_config.disable_value_validation():
        encoded, _ = run(write(tmp_path / "a.dcm", ct(StudyDate="NA", SeriesDate="20200000", ContentDate="hier")))
        enhanced = build.enhanced()
        enhanced.ContentDate = "hier"
        encoded_enhanced, _ = run(write(tmp_path / "b.dcm", enhanced))
    after = read(encoded)
    assert after.StudyDate == "" and "SeriesDate" not in after and "ContentDate" not in after
    assert read(encoded_enhanced).ContentDate == "19000101", "Type 1 in Enhanced CT: a dummy"


@pytest.mark.parametrize(
    ("age", "birth", "expected"),
    [("045Y", "", "045Y"), ("093Y", "", "090Y"), (None, "19610714", "062Y"), (None, "", None)],
)
def test_the_age_is_kept_capped_or_computed_before_the_birth_date_goes(
    tmp_path: Path, age: str | None, birth: str, expected: str | None
) -> None:
    ds = ct(PatientBirthDate=birth)
    if age is not None:
        ds.PatientAge = age
    encoded, _ = run(write(tmp_path / "a.dcm", ds))
    assert read(encoded).get("PatientAge") == expected


def test_every_private_attribute_is_removed_at_every_depth(tmp_path: Path) -> None:
    ds = ct(ReferencedImageSequence=[dataset(ReferencedSOPClassUID=build.CT, ReferencedSOPInstanceUID=f"{ROOT}.77")])
    for place in (ds, ds.ReferencedImageSequence[0]):
        block = place.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", b"QUENOUILLE")
        block.add_new(0x11, "SQ", [dataset(PatientName="QUENOUILLE")])
    encoded, _ = run(write(tmp_path / "a.dcm", ds))
    private = [element.tag for element in read(encoded).iterall() if element.tag.is_private]
    assert {tag.group for tag in private} == {marks.PRIVATE_GROUP} and len(private) == 5
    assert traces(encoded) == []


def test_a_foreign_block_that_claims_to_be_ours_does_not_survive(tmp_path: Path) -> None:
    ds = ct()
    ds.private_block(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR, create=True).add_new(2, "LO", "Quenouille")
    encoded, _ = run(write(tmp_path / "a.dcm", ds), source="default")
    assert read(encoded).private_block(marks.PRIVATE_GROUP, marks.PRIVATE_CREATOR)[2].value == "default"


def test_curves_overlays_icons_and_trailing_elements_are_removed(tmp_path: Path) -> None:
    ds = ct(IconImageSequence=[dataset(Rows=1, Columns=1)])
    for tag, vr, value in (
        (0x50000005, "US", 1), (0x50103000, "OW", b"QUENOUIL"), (0x60000010, "US", 4), (0x60000022, "LO", "Quenouille"),
        (0x60003000, "OW", b"\0\1"), (0x601E3000, "OW", b"\0\1"), (0x601E0010, "US", 4),
        (0xFFFCFFFC, "OB", b"Quenouille"),
    ):  # fmt: skip
        ds.add_new(tag, vr, value)
    encoded, _ = run(write(tmp_path / "a.dcm", ds))
    after = read(encoded)
    assert not [
        element.tag for element in after if 0x5000 <= element.tag.group <= 0x60FF or element.tag.group >= 0xFFFA
    ]
    assert "IconImageSequence" not in after
    assert encoded.endswith(build.PIXELS)


def test_group_lengths_and_groups_that_no_data_set_has_are_removed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(build.insert(path.read_bytes(), raw_element(0x00080000, "UL", struct.pack("<L", 400))))
    encoded, _ = run(path)
    meta, offset = part10.read_meta(io.BytesIO(encoded))
    assert all(element.tag & 0xFFFF for element in part10.walk(encoded, offset, len(encoded), meta.transfer_syntax_uid))


def test_what_the_profile_does_not_name_goes_by_its_vr_at_every_depth(tmp_path: Path) -> None:
    inside = dataset(
        RetrieveURL="http://pacs/Quenouille",
        CodingSchemeName="Quenouille",
        DimensionDescriptionLabel="Quenouille",
        AcquisitionType="SPIRAL",
        RevolutionTime=0.5,
        PatientName="QUENOUILLE^Zéphyrine",
    )
    encoded, _ = run(
        write(tmp_path / "a.dcm", ct(CTExposureSequence=[inside], WindowCenterWidthExplanation="Quenouille"))
    )
    after = read(encoded)
    assert traces(encoded) == [] and "WindowCenterWidthExplanation" not in after
    (item,) = after.CTExposureSequence
    assert item.AcquisitionType == "SPIRAL" and item.RevolutionTime == 0.5 and item.PatientName == SUBJECT
    assert len(item) == 3


def test_an_attribute_that_ps36_does_not_know_is_removed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(build.insert(path.read_bytes(), raw_element(0x001800F8, "CS", b"QUENOUIL")))
    encoded, _ = run(path)
    assert 0x001800F8 not in read(encoded) and traces(encoded) == []


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00180050, "LO", b"QUENOUILLE"),
        (0x00081090, "OB", b"QUENOUILLE"),
        (0x00180015, "PN", b"QUENOUILLE"),
        (0x00180060, "UN", b"QUENOUILLE"),
        (0x00180022, "LT", b"QUENOUILLE"),
        (0x00280030, "ST", b"QUENOUILLE"),
    ],
)
def test_a_value_under_another_vr_than_its_attributes_is_not_kept(
    tmp_path: Path, tag: int, vr: str, value: bytes
) -> None:
    ds = ct()
    if tag in ds and tag != 0x00280030:
        del ds[tag]
    elif tag == 0x00280030:
        ds.PixelSpacing = ["0.7", "0.7"]
        tag = 0x00181110
    path = write(tmp_path / "a.dcm", ds)
    path.write_bytes(build.insert(path.read_bytes(), raw_element(tag, vr, value)))
    encoded, _ = run(path)
    assert traces(encoded) == []


def test_a_known_attribute_that_an_implicit_hop_made_un_is_kept_by_its_own_vr(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct(KVP=None))
    path.write_bytes(build.insert(path.read_bytes(), raw_element(0x00180060, "UN", b"120 ")))
    encoded, _ = run(path)
    after = read(encoded)
    assert after["KVP"].VR == "DS" and after.KVP == 120


@pytest.mark.parametrize("undefined", [False, True])
def test_a_sequence_hidden_in_un_is_entered(tmp_path: Path, undefined: bool) -> None:
    inside = raw_element(0x00081155, "", f"{ROOT}.77\0".encode(), explicit=False) + raw_element(
        0x00100010, "", b"QUENOUILLE", explicit=False
    )
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inside)) + inside
    element = raw_element(0x00081140, "UN", item)
    if undefined:
        element = element[:8] + b"\xff\xff\xff\xff" + item + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    path = write(tmp_path / "a.dcm", ct())
    path.write_bytes(build.insert(path.read_bytes(), element))
    encoded, _ = run(path)
    (after,) = read(encoded).ReferencedImageSequence
    assert after.ReferencedSOPInstanceUID == PSEUDONYMS.uid(f"{ROOT}.77") and after.PatientName == SUBJECT
    assert traces(encoded) == []


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("BodyPartExamined", "Quenouille"), ("ScanOptions", "QUENOUILLE 2024!"),
        ("StudyTime", "0639981247"), ("Manufacturer", "Quenouille@chu-tours.fr"), ("SoftwareVersions", "19610714"),
        ("ConvolutionKernel", "06 39 98 12 47"), ("ManufacturerModelName", "x" * 70), ("RescaleType", "Quenouille"),
        ("PositionReferenceIndicator", "Quenouille"), ("ContrastBolusRoute", "par Hébrard"),
        ("PatientSex", "Quenouille"),
    ],
)  # fmt: skip
def test_a_kept_attribute_keeps_only_what_has_its_form(tmp_path: Path, keyword: str, value: str) -> None:
    with pydicom_config.disable_value_validation():
        path = write(tmp_path / "a.dcm", ct(**{keyword: value}))
    encoded, _ = run(path)
    assert traces(encoded) == []
    assert value.encode() not in encoded


@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00180060, "DS"), (0x00200011, "IS"), (0x00181030, "LO"), (0x00180087, "DS"), (0x00101010, "AS")]
)
def test_letters_in_a_number_or_age_are_not_kept(tmp_path: Path, tag: int, vr: str) -> None:
    ds = ct()
    if tag in ds:
        del ds[tag]
    path = write(tmp_path / "a.dcm", ds)
    path.write_bytes(build.insert(path.read_bytes(), raw_element(tag, vr, b"QUENOUILLE")))
    encoded, _ = run(path)
    assert traces(encoded) == []
    left = read(encoded).get(tag)  # of Type 2 it stays, empty; an age is computed
    assert (left is None) is (tag in (0x00181030, 0x00180087))
    assert left is None or not left.value or (tag == 0x00101010 and left.value == "062Y")


def test_of_a_model_stays_what_makers_write(tmp_path: Path) -> None:
    encoded, _ = run(
        write(tmp_path / "a.dcm", ct(ManufacturerModelName="Force de Quenouille", Manufacturer="Quenouille"))
    )
    after = read(encoded)
    assert (after.ManufacturerModelName, after.Manufacturer) == ("Force", ""), "Type 2 attributes stay, empty"


@pytest.mark.parametrize(
    ("person", "keyword", "value", "after"),
    [
        ("SMART^BIG", "ScanOptions", "BIG SMART", None),
        ("SMART^BIG", "ScanOptions", ["BIG", "SMART"], None),
        ("Philips^Marie", "Manufacturer", "Philips Medical Systems", "Philips Medical Systems"),
        ("A^B", "ConvolutionKernel", ["b19a", "b61a", "b07a", "b14a"], None),
        ("A^B", "SoftwareVersions", "VA19 VB61 VC07 VD14", None),
        ("A^B", "ScanOptions", "X_ACQ", "X_ACQ"),
        ("A^B", "ExposureModulationType", "SMART MA", "SMART MA"),
        ("A^B", "BodyPartExamined", "THORAX_1HR", "THORAX_1HR"),
        ("A^B", "BodyPartExamined", "CHEST_TO_PELVIS", "CHEST_TO_PELVIS"),
        ("A^B", "BodyPartExamined", "PECHO", "PECHO"),
        ("A^B", "FilterMaterial", "TITANIUM", "TITANIUM"),
    ],
)
def test_what_a_scanner_writes_stays_unless_it_may_be_a_person_or_a_date(
    tmp_path: Path, person: str, keyword: str, value: str | list[str], after: str | None
) -> None:
    encoded, _ = run(write(tmp_path / "a.dcm", ct(PatientName=person, **{keyword: value})))
    assert (read(encoded).get(keyword) or None) == after


def test_a_name_in_a_kept_text_holds_the_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fidac_node.deidentify.rewrite.devices.known", lambda text, _: text)
    with pytest.raises(Permanent) as caught:
        run(write(tmp_path / "a.dcm", ct(ManufacturerModelName="Force de Quenouille")))
    assert caught.value.code == "leak"
    assert "(0008,1090) ManufacturerModelName" in str(caught.value) and "PatientName" in str(caught.value)
    assert "quenouille" not in str(caught.value).lower()


@pytest.mark.parametrize(
    ("agent", "after"),
    [
        ("IOMERON 400", "IOMERON 400"),
        ("iode par Mme Hébrard", "iode par"),
        ("Hébrard 12345", "CONTRAST"),
        ("sans injection", "sans injection"),
        ("", ""),
        ("-", ""),
    ],
)
def test_contrast_is_told_without_who_gave_it(tmp_path: Path, agent: str, after: str) -> None:
    encoded, _ = run(write(tmp_path / "a.dcm", ct(ContrastBolusAgent=agent)))
    assert read(encoded).ContrastBolusAgent == after


def test_codes_stay_only_from_published_schemes(tmp_path: Path) -> None:
    ds = ct(
        AnatomicRegionSequence=[
            *build.code("51185008", "SCT", "Chest"),
            *build.code("TX1", "CHUTOURS", "Thorax de Mme Quenouille"),
            *build.code("TX2", "", "sans"),
            *build.code("a b", "DCM", "no code"),
        ],
        ProcedureCodeSequence=build.code("TDM01", "99LOCAL", "TDM thorax"),
        CodingSchemeIdentificationSequence=[
            dataset(CodingSchemeDesignator="99LOCAL", CodingSchemeResponsibleOrganization="CHU")
        ],
    )
    encoded, _ = run(write(tmp_path / "a.dcm", ds))
    after = read(encoded)
    assert [
        (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning) for item in after.AnatomicRegionSequence
    ] == [("51185008", "SCT", "Chest")]
    assert "ProcedureCodeSequence" not in after and "CodingSchemeIdentificationSequence" not in after


def test_a_word_that_is_no_term_of_its_attribute_goes_from_every_object_and_not_only_from_the_first(
    tmp_path: Path,
) -> None:
    engine = deidentifier()
    for _ in range(3):
        for word, stays in (("AXIAL", ["ORIGINAL", "PRIMARY", "AXIAL"]), ("DUPONTEL", ["ORIGINAL", "PRIMARY"])):
            encoded, _ = run(write(tmp_path / "a.dcm", ct(ImageType=["ORIGINAL", "PRIMARY", word])), engine)
            assert read(encoded).ImageType == stays


def test_what_belongs_to_a_code_or_a_table_does_not_stay_outside_of_one(tmp_path: Path) -> None:
    lone = dataset(CodingSchemeVersion="DUPONTEL", TableHeight="151")
    ds = ct(
        CodingSchemeVersion="DUPONTEL",
        CTTableDynamicsSequence=[lone],
        AnatomicRegionSequence=build.code("51185008", "SCT", "Chest"),
    )
    ds.AnatomicRegionSequence[0].CodingSchemeVersion = "DUPONTEL"
    ds.add_new(0x00283006, "US", [0x5544, 0x4F50])
    encoded, _ = run(write(tmp_path / "a.dcm", ds))
    assert b"DUPONTEL" not in encoded and "LUTData" not in read(encoded)
    ds = ct(AnatomicRegionSequence=build.code("113014", "DCM", "Study"))
    ds.AnatomicRegionSequence[0].CodingSchemeVersion = "01"
    encoded, _ = run(write(tmp_path / "a.dcm", ds))
    assert read(encoded).AnatomicRegionSequence[0].get("CodingSchemeVersion") == "01"


def test_the_meaning_of_a_code_is_what_its_scheme_says(tmp_path: Path) -> None:
    encoded, _ = run(
        write(tmp_path / "a.dcm", ct(AnatomicRegionSequence=build.code("51185008", "SCT", "Région thoracique")))
    )
    assert read(encoded).AnatomicRegionSequence[0].CodeMeaning == "Chest"
    assert "Région".encode() not in encoded


def test_an_accent_in_a_kept_text_is_written_in_utf_8(tmp_path: Path) -> None:
    encoded, _ = run(write(tmp_path / "a.dcm", ct(SeriesDescription="Médiastin sans injection")))
    assert read(encoded).SeriesDescription == "Médiastin sans injection"
    assert "Médiastin".encode() in encoded


def test_a_sequence_without_items_left_is_removed_and_a_type_2_one_empty(tmp_path: Path) -> None:
    only_identity = [dataset(InstitutionName="Bretonneau")]
    encoded, _ = run(
        write(
            tmp_path / "a.dcm",
            ct(ContributingEquipmentSequence=only_identity, AcquisitionContextSequence=only_identity),
        )
    )
    after = read(encoded)
    assert "ContributingEquipmentSequence" not in after
    assert len(after.AcquisitionContextSequence) == 0


def test_what_an_earlier_deidentification_left_is_kept_only_as_codes_and_as_our_own_method(tmp_path: Path) -> None:
    ours = "FIDAC basic-only 0123abcd"
    ds = ct(
        ClinicalTrialProtocolName="Essai Quenouille",
        ClinicalTrialTimePointDescription="Quenouille",
        DeidentificationMethod=["CTP by Quenouille", ours],
        DeidentificationMethodCodeSequence=[
            *build.code("113101", "DCM", "Quenouille"),
            *build.code("113100", "DCM", "x"),
            *build.code("999", "DCM", "y"),
        ],
    )
    encoded, _ = run(write(tmp_path / "a.dcm", ds))
    after = read(encoded)
    assert list(after.DeidentificationMethod) == [
        ours,
        f"FIDAC fidac-chest-ct {load_plan('fidac-chest-ct').digest[:8]}",
    ]
    codes = [(item.CodeValue, item.CodeMeaning) for item in after.DeidentificationMethodCodeSequence]
    assert [value for value, _ in codes] == ["113101", "113100", "113105", "113107", "113108"]
    assert codes[0][1] == "Clean Pixel Data Option"
    assert after.ClinicalTrialProtocolName == "" and "ClinicalTrialTimePointDescription" not in after


def test_our_own_output_can_go_through_another_site_and_comes_out_marked_by_both(tmp_path: Path) -> None:
    first, _ = run(write(tmp_path / "a.dcm", ct()))
    (tmp_path / "b.dcm").write_bytes(first)
    second, outcome = run(tmp_path / "b.dcm", deidentifier(key=bytes(32)))
    assert outcome.pseudonym.encode() in second and SUBJECT.encode() not in second
    assert read(second).DeidentificationMethod == read(first).DeidentificationMethod


def test_the_basic_profile_drops_dates_age_and_sex(tmp_path: Path) -> None:
    encoded, _ = run(
        write(tmp_path / "a.dcm", ct(PatientAge="062Y", AcquisitionDateTime="20240317102413")),
        deidentifier("basic-only"),
    )
    after = read(encoded)
    assert after.StudyDate == after.StudyTime == after.PatientSex == ""
    assert not {"SeriesDate", "PatientAge"} & {element.keyword for element in after}
    assert after.AcquisitionDateTime == "", "a CT Image need not say it"
    assert after.LongitudinalTemporalInformationModified == "REMOVED"
    assert [item.CodeValue for item in after.DeidentificationMethodCodeSequence] == ["113100"]
    assert traces(encoded) == []


def test_the_basic_profile_invents_a_moment_only_where_the_class_demands_one(tmp_path: Path) -> None:
    ds = build.enhanced()
    ds.AcquisitionDateTime = "20240317102413"
    assert (
        read(run(write(tmp_path / "a.dcm", ds), deidentifier("basic-only"))[0]).AcquisitionDateTime == "19000101000000"
    )


def test_an_enhanced_ct_is_cleaned_frame_by_frame(tmp_path: Path) -> None:
    before = build.enhanced(5)
    encoded, _ = run(write(tmp_path / "a.dcm", before))
    after = read(encoded)
    assert traces(encoded) == []
    assert [
        float(item.PlanePositionSequence[0].ImagePositionPatient[2]) for item in after.PerFrameFunctionalGroupsSequence
    ] == [
        0,
        1,
        2,
        3,
        4,
    ]
    contents = [item.FrameContentSequence[0] for item in after.PerFrameFunctionalGroupsSequence]
    assert all("FrameComments" not in item and item.StackID == "1" for item in contents)
    assert {item.FrameReferenceDateTime[:8] for item in contents} == {after.StudyDate}
    assert after.PixelRepresentation == 0 and after.PixelData == before.PixelData


def test_a_frame_whose_group_holds_nothing_but_identity_keeps_its_place(tmp_path: Path) -> None:
    ds = build.enhanced(3)
    ds.SharedFunctionalGroupsSequence[0].PlanePositionSequence = ds.PerFrameFunctionalGroupsSequence[
        0
    ].PlanePositionSequence
    for item in ds.PerFrameFunctionalGroupsSequence:
        del item.PlanePositionSequence
    ds.PerFrameFunctionalGroupsSequence[1] = dataset(PatientComments="Quenouille")
    encoded, _ = run(write(tmp_path / "a.dcm", ds))
    assert [len(item) for item in read(encoded).PerFrameFunctionalGroupsSequence] == [1, 0, 1]


@pytest.mark.parametrize("syntax", build.SYNTAXES)
def test_the_same_input_gives_the_same_bytes_in_every_process(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "a.dcm", ct(), syntax)
    code = (
        "import sys, hashlib; from pathlib import Path; from tests.unit.deidentify import build\n"
        f"print(hashlib.sha256(build.run(Path({str(path)!r}))[0]).hexdigest())"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, env={"PYTHONHASHSEED": "11"}
    )
    assert done.stdout.strip() == hashlib.sha256(run(path)[0]).hexdigest()


def test_explicit_and_implicit_vr_say_the_same(tmp_path: Path) -> None:
    explicit, implicit = (
        read(run(write(tmp_path / "a.dcm", ct(), syntax))[0]) for syntax in (EXPLICIT_VR_LE, IMPLICIT_VR_LE)
    )
    assert [element for element in explicit if not element.tag.is_private] == [
        element for element in implicit if not element.tag.is_private
    ]


def test_two_studies_of_a_patient_stay_together_whatever_spells_the_name(tmp_path: Path) -> None:
    first = run(write(tmp_path / "a.dcm", ct()))[1]
    second = run(
        write(
            tmp_path / "b.dcm",
            ct(PatientName="QUENOUILLE Z.", PatientID="IPP8003412765  ", StudyInstanceUID=f"{ROOT}.8"),
        )
    )[1]
    other = run(write(tmp_path / "c.dcm", ct(PatientID="IPP8003412766")))[1]
    assert first.pseudonym == second.pseudonym != other.pseudonym


def test_letters_in_pairs_are_no_numbers_of_paths(tmp_path: Path) -> None:
    """ReferencedPathIndex (US, any number of values): what looks like text goes, numbers of paths stay."""
    for value, stays in (([1, 2, 3], True), (list(struct.unpack("<4H", b"BRETONNE")), False)):
        ds = ct()
        ds.add_new("ReferencedPathIndex", "US", value)
        assert ("ReferencedPathIndex" in read(run(write(tmp_path / "a.dcm", ds))[0])) is stays


def test_more_numbers_than_an_attribute_may_have_go(tmp_path: Path) -> None:
    ds = ct()
    ds.add_new("KVP", "DS", ["6", "39", "98", "12", "47"])
    assert not read(run(write(tmp_path / "a.dcm", ds))[0]).KVP


def test_bare_numbers_of_several_codes_or_labels_go(tmp_path: Path) -> None:
    after = read(
        run(
            write(
                tmp_path / "a.dcm",
                ct(ImageType="ORIGINAL\\PRIMARY\\AXIAL\\19\\61\\07", WindowCenterWidthExplanation="19\\61\\07"),
            )
        )[0]
    )
    assert list(after.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert "WindowCenterWidthExplanation" not in after


@pytest.mark.parametrize("explicit", [True, False])
def test_what_is_removed_is_held_if_it_is_malformed_and_again(explicit: bool) -> None:
    engine = deidentifier()
    rewriter = Rewriter(engine.plan, engine._keys.of("", "P1"), Subject("S1-A", CLOCK), Syntax(explicit, little=True))
    tags = (0x00081110, 0x00091110) if explicit else (0x00081110,)
    for tag, form in itertools.product(tags, ("", "s", "i")):
        for number in range(3):
            good = encode(
                [Elem(tag, "SQ", b"", ((elem(0x00081155, "UI", f"1.2.{number}"),),), form)], explicit=explicit
            )
            assert rewriter.data_set({tag: good})[tag].encoded == b""
            with pytest.raises(Permanent, match=r"cut short|should be|does not have|longer"):
                rewriter.data_set({tag: good.replace(b"\x08\x00\x55\x11", b"\x08\x00\x55\x11" * 2)})


def test_what_is_remembered_of_patients_and_elements_has_a_bound(tmp_path: Path) -> None:
    engine = deidentifier()
    for number in range(40):
        buffer = write(tmp_path / "a.dcm", ct(PatientID=f"P{number}")).read_bytes()
        engine.apply(engine.sources.read(buffer, LIMIT), label="unknown", label_source="default")
    assert len(engine._studies) <= 8
    rewriter = Rewriter(engine.plan, engine._keys.of("", "P1"), Subject("S1-A", CLOCK), Syntax.of(EXPLICIT_VR_LE))
    syntax = Syntax.of(EXPLICIT_VR_LE)
    for number in range(9000):
        rewriter.data_set({0x00080050: syntax.element(0x00080050, "SH", b"%d" % number)}, (f"ISO_IR {number % 20}",))
    assert sum(map(len, rewriter._known.values())) <= 4096
    for number in range(300):
        rewriter.data_set({0x00104000: syntax.element(0x00104000, "LT", b"%d" % number * 2000)})
    assert sum(len(encoded) for memory in rewriter._known.values() for encoded in memory) <= 1 << 20


def test_the_pixels_go_from_file_to_file_and_to_memory_alike(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct(Rows=4, Columns=4))
    engine, copied, held = deidentifier(), tmp_path / "b.dcm", io.BytesIO()
    with copied.open("w+b") as target:
        outcome = engine.deidentify(path, target, label="unknown", label_source="default", limit=LIMIT)
        assert target.tell() == outcome.size
    engine.deidentify(path, held, label="unknown", label_source="default", limit=LIMIT)
    output = engine.apply(engine.sources.read(path.read_bytes(), LIMIT), label="unknown", label_source="default")
    assert copied.read_bytes() == held.getvalue() == b"".join(output.chunks())
    assert copied.stat().st_size == outcome.size


@pytest.mark.parametrize("zeros", [2, 6, 8, 12, 16, 512, 4096, 100_000])
@pytest.mark.parametrize("syntax", [EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE])
@pytest.mark.parametrize("pixels", [True, False], ids=["pixels", "header"])
def test_zeros_behind_a_data_set_are_taken_and_dropped(tmp_path: Path, syntax: str, zeros: int, pixels: bool) -> None:
    plain = write(tmp_path / "plain.dcm", ct(), syntax)
    if not pixels:
        data = plain.read_bytes()
        end = data.index(b"\xe0\x7f\x10\0" if syntax != EXPLICIT_VR_BE else b"\x7f\xe0\0\x10")
        plain.write_bytes(data[:end])
    padded = tmp_path / "padded.dcm"
    padded.write_bytes(plain.read_bytes() + bytes(zeros))
    assert identify(padded, limit=LIMIT) == identify(plain, limit=LIMIT)
    outcomes = []
    for path in (plain, padded):
        try:
            outcomes.append(run(path)[0])
        except Permanent as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1] and (not pixels or isinstance(outcomes[0], bytes))


def test_zeros_with_something_behind_them_are_no_padding(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", ct(), EXPLICIT_VR_LE)
    path.write_bytes(path.read_bytes() + bytes(64) + b"QUENOUILLE")
    with pytest.raises(Permanent) as raised:
        run(path)
    assert raised.value.code == "malformed"
