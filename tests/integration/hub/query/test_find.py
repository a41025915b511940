"""C-FIND over real sockets and databases: what is matched, what is answered, who may ask."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, OperationalError
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom.dsutils import encode

from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.uids import EXPLICIT_VR_LE, PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from fidac_node.hub.index import Row, StudyFilter, add_site, find, prepare
from fidac_node.hub.index.clients import add_client, remove_client
from fidac_node.hub.query.answer import answer
from fidac_node.hub.query.identifier import Identifier, question, read
from fidac_node.hub.query.keys import LEVELS
from fidac_node.system.database import connect
from tests.hub_objects import CT, data_set, uid
from tests.integration.hub.query.asking import CALLED, AskedHub, ask, file, fill, identifier
from tests.integration.receiving import data_set as ct_image
from tests.support import RawScu, Rejected, command_set

HOME = ["127.0.0.0/8"]
ABROAD = ["192.0.2.0/24"]


@pytest.fixture(autouse=True)
def _anything_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings, "_writing_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


@pytest.fixture
def db(empty: Database, tmp_path: Path) -> Database:
    prepare(empty)
    for site in ("LILLE", "PARIS"):
        add_site(empty, site, f"{site}_NODE")
    add_client(empty, "VIEWER", HOME, ["find", "retrieve"])
    add_client(empty, "GETTER", [], ["retrieve"])
    add_client(empty, "ABROAD", ABROAD, ["find"])
    add_client(empty, "LUNGS", [], ["find"], "LUNG")
    file(
        empty,
        tmp_path,
        [
            (data_set(1, instance=1, StudyTime="103000", SeriesNumber=3), "LILLE"),
            (data_set(1, instance=2, StudyTime="103000", SeriesNumber=3), "LILLE"),
            (
                data_set(
                    2,
                    StudyDate="20050601",
                    PatientSex="M",
                    Manufacturer="Größe",
                    ClinicalTrialProtocolID="LUNG",
                    SpecificCharacterSet="ISO_IR 100",
                ),
                "LILLE",
            ),
            (data_set(3, StudyDate=None, ConvolutionKernel=["Br64d", "3"]), "LILLE"),
            (data_set(3, 1, 2, Modality="SR", ConvolutionKernel=None), "LILLE"),
            (data_set(4, site="PARIS", StudyTime="2359"), "PARIS"),
        ],
    )
    return empty


@pytest.fixture
def hub(db: Database, tmp_path: Path) -> Iterator[AskedHub]:
    hub = AskedHub(tmp_path, db)
    yield hub
    while hub.sockets:
        hub.sockets.pop().close()
    hub.scp.stop(0)


def patients(matches: list[Dataset]) -> str:
    return "".join(str(ds.PatientID)[-1] for ds in matches)


# --- matching (PS3.4 C.2.2.2)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, "1234"),
        ({"PatientName": "PSEUDO0002"}, "2"),
        ({"PatientName": "pseudo000?"}, "1234"),
        ({"PatientName": "PSEUDO0002^^"}, "2"),
        ({"PatientID": "PSEUDO0002"}, "2"),
        ({"PatientID": "pseudo0002"}, ""),
        ({"PatientID": "PSEUDO*3"}, "3"),
        ({"PatientID": "*"}, "1234"),
        ({"PatientID": "**"}, "1234"),
        ({"PatientID": "%"}, ""),
        ({"PatientSex": "M"}, "2"),
        ({"PatientSex": "m"}, ""),
        ({"PatientAge": "054Y"}, "1234"),
        ({"StudyInstanceUID": uid(3, 1)}, "3"),
        ({"StudyInstanceUID": [uid(3, 1), uid(1, 1), "9.9"]}, "13"),
        ({"StudyDate": "20050601"}, "2"),
        ({"StudyDate": "20040101-"}, "2"),
        ({"StudyDate": "-20040101"}, "14"),
        ({"StudyDate": "20030101-20051231"}, "124"),
        ({"StudyDate": "20051231-20030101"}, ""),
        ({"StudyTime": "10"}, "1"),
        ({"StudyTime": "1030-1031"}, "1"),
        ({"StudyTime": "103001"}, ""),
        ({"StudyTime": "-2358"}, "1"),
        ({"StudyTime": "1031-"}, "4"),
        ({"StudyTime": "235900.000001-"}, ""),
        ({"AccessionNumber": "A1"}, ""),
        ({"AccessionNumber": "*", "StudyID": ""}, "1234"),
        ({"StudyID": "?"}, ""),
        ({"ModalitiesInStudy": "SR"}, "3"),
        ({"ModalitiesInStudy": "C?"}, "1234"),
        ({"ClinicalTrialSiteID": "PARIS"}, "4"),
        ({"ClinicalTrialProtocolID": "L*"}, "2"),
        ({"StudyDate": "20031231", "ClinicalTrialSiteID": "LILLE"}, "1"),
        ({"Modality": "MR", "StudyDescription": "nothing like this", "BodyPartExamined": "KNEE"}, "1234"),
    ],
    ids=str,
)
def test_each_key_matches_the_studies_that_the_standard_says(
    hub: AskedHub, keys: dict[str, Any], expected: str
) -> None:
    matches, final = hub.find(**{"PatientID": "", **keys})
    assert (patients(matches), final.Status) == (expected, 0)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, 2),
        ({"Modality": "CT"}, 1),
        ({"Modality": "ct"}, 0),
        ({"ConvolutionKernel": "Br64d"}, 1),
        ({"ConvolutionKernel": "br64d"}, 0),
        ({"ConvolutionKernel": "?r*"}, 1),
        ({"SeriesInstanceUID": [uid(3, 1, 2), uid(1, 1, 1)]}, 1),
        ({"SeriesNumber": "7"}, 0),
        ({"PatientID": "PSEUDO0001"}, 0),
        ({"Rows": 5}, 0),
        ({"Rows": 4}, 2),
        ({"SliceThickness": "1.50"}, 2),
    ],
    ids=str,
)
def test_each_key_matches_the_series_that_the_standard_says(hub: AskedHub, keys: dict[str, Any], expected: int) -> None:
    assert len(hub.find("SERIES", StudyInstanceUID=uid(3, 1), **keys)[0]) == expected


def test_every_level_of_both_models_answers_what_it_has(hub: AskedHub) -> None:
    ((patient,), _) = hub.find(
        "PATIENT",
        PATIENT_ROOT_FIND,
        PatientID="*3",
        PatientName="",
        PatientSex="",
        NumberOfPatientRelatedStudies="",
        NumberOfPatientRelatedSeries="",
        NumberOfPatientRelatedInstances="",
    )
    assert (patient.PatientName, patient.PatientSex, patient.QueryRetrieveLevel) == ("PSEUDO0003", "F", "PATIENT")
    assert (patient.NumberOfPatientRelatedStudies, patient.NumberOfPatientRelatedSeries) == (1, 2)
    assert patient.NumberOfPatientRelatedInstances == 2
    names = ("StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "StudyID", "ModalitiesInStudy")
    numbers = ("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "PatientAge")
    study_keys = dict.fromkeys((*names, *numbers), "")
    ((study,), _) = hub.find("STUDY", PATIENT_ROOT_FIND, PatientID="PSEUDO0003", **study_keys)
    assert study.StudyInstanceUID == uid(3, 1) and study.ModalitiesInStudy == ["CT", "SR"]
    assert [study[name].is_empty for name in ("StudyDate", "StudyTime", "AccessionNumber", "StudyID")] == [True] * 4
    assert (study.NumberOfStudyRelatedSeries, study.NumberOfStudyRelatedInstances) == (2, 2)
    above = {"PatientID": "PSEUDO0001", "StudyInstanceUID": uid(1, 1)}
    ((series,), _) = hub.find(
        "SERIES",
        PATIENT_ROOT_FIND,
        **above,
        SeriesInstanceUID="",
        SeriesNumber="",
        Modality="",
        KVP="",
        PixelSpacing="",
        Rows="",
        NumberOfSeriesRelatedInstances="",
        StudyTime="10",
    )
    assert (series.SeriesNumber, series.Modality, series.KVP, series.Rows) == (3, "CT", 120, 4)
    assert (series.PixelSpacing, series.NumberOfSeriesRelatedInstances, series.StudyTime) == ([0.7, 0.8], 2, "103000")
    images, _ = hub.find(
        "IMAGE",
        PATIENT_ROOT_FIND,
        **above,
        SeriesInstanceUID=uid(1, 1, 1),
        SOPInstanceUID="",
        SOPClassUID=CT,
        InstanceNumber="2",
        NumberOfFrames="",
        AvailableTransferSyntaxUID="",
    )
    assert [(ds.SOPInstanceUID, ds.NumberOfFrames) for ds in images] == [(uid(1, 1, 1, 2), 1)]
    assert images[0].AvailableTransferSyntaxUID == EXPLICIT_VR_LE


def test_an_answer_has_what_was_asked_for_and_no_more(hub: AskedHub) -> None:
    ((study,), _) = hub.find(StudyInstanceUID=uid(2, 1), StudyDescription="", PatientBirthDate="")
    assert sorted(element.keyword for element in study) == ["QueryRetrieveLevel", "StudyInstanceUID"]


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"StudyDate": "20050601"}, 0xFF00),
        ({"StudyDescription": ""}, 0xFF01),
        ({"ProcedureCodeSequence": Sequence([Dataset()])}, 0xFF01),
    ],
    ids=str,
)
def test_the_status_says_whether_every_key_was_taken_into_account(
    hub: AskedHub, keys: dict[str, Any], status: int
) -> None:
    with hub.associated() as assoc:
        first, _ = next(iter(assoc.send_c_find(identifier("STUDY", **keys), STUDY_ROOT_FIND)))
        assoc.abort()
    assert first.Status == status


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("ISO_IR 100", "ISO_IR 100"),
        ("ISO_IR 192", "ISO_IR 192"),
        (None, "ISO_IR 192"),
        ("ISO_IR 144", "ISO_IR 192"),
        (["", "ISO 2022 IR 100"], "ISO_IR 192"),
    ],
    ids=str,
)
def test_the_answer_is_in_the_character_set_asked_for_if_that_has_it(
    hub: AskedHub, asked: str | None, said: str
) -> None:
    keys = {"SpecificCharacterSet": asked} if asked else {}
    matches, _ = hub.find("SERIES", StudyInstanceUID=uid(2, 1), Manufacturer="", **keys)
    assert [(ds.SpecificCharacterSet, ds.Manufacturer) for ds in matches] == [(said, "Größe")]


def test_a_question_is_understood_in_its_character_set(hub: AskedHub) -> None:
    for character_set in ("ISO_IR 100", "ISO_IR 192"):
        keys = {"SpecificCharacterSet": character_set, "StudyInstanceUID": uid(2, 1), "Manufacturer": "Gr??e"}
        assert len(hub.find("SERIES", **keys)[0]) == 1
    assert hub.find("SERIES", StudyInstanceUID=uid(2, 1), Manufacturer="Grö*", SpecificCharacterSet="ISO_IR 100")[0]


# --- identifiers without an answer (PS3.4 Table C.4-1)


@pytest.mark.parametrize(
    ("level", "model", "keys", "status"),
    [
        ("", STUDY_ROOT_FIND, {}, 0xA900),
        ("ROOM", STUDY_ROOT_FIND, {}, 0xA900),
        ("PATIENT", STUDY_ROOT_FIND, {}, 0xA900),
        ("STUDY", PATIENT_ROOT_FIND, {}, 0xA900),
        ("STUDY", PATIENT_ROOT_FIND, {"PatientID": "PSEUDO*"}, 0xA900),
        ("SERIES", STUDY_ROOT_FIND, {}, 0xA900),
        ("SERIES", STUDY_ROOT_FIND, {"StudyInstanceUID": ["1.2", "1.3"]}, 0xA900),
        ("IMAGE", STUDY_ROOT_FIND, {"StudyInstanceUID": "1.2"}, 0xA900),
        ("STUDY", STUDY_ROOT_FIND, {"StudyDate": "-"}, 0xA900),
        ("STUDY", STUDY_ROOT_FIND, {"StudyDate": "20051301"}, 0xA900),
        ("STUDY", STUDY_ROOT_FIND, {"StudyTime": "99"}, 0xA900),
        ("STUDY", STUDY_ROOT_FIND, {"PatientSex": ["M", "F"]}, 0xA900),
        ("STUDY", STUDY_ROOT_FIND, {"ProcedureCodeSequence": Sequence([Dataset(), Dataset()])}, 0xA900),
        ("STUDY", STUDY_ROOT_FIND, {"PatientName": "Größe", "SpecificCharacterSet": "ISO_IR 100"}, 0),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_identifier_that_does_not_fit_gets_the_status_of_the_standard(
    hub: AskedHub, level: str, model: str, keys: dict[str, Any], status: int
) -> None:
    matches, final = hub.find(level, model, **keys)
    assert (matches, final.Status) == ([], status)
    assert ("ErrorComment" in final) == (status != 0)
    assert hub.find()[1].Status == 0, "the next one is served"


@pytest.mark.parametrize(
    "encoded",
    [
        b"\x08",
        b"\xff" * 40,
        b"\x08\x00\x52\x00CS\xff\xffSTUDY ",
        b"\x08\x00\x52\x00SQ\0\0\xff\xff\xff\xff",
        b"\x08\x00\x52\x00CS\x06\x00STUDY \x08\x00\x20\x00DA\x08\x002005",
    ],
)
def test_bytes_that_are_no_identifier_get_an_error_and_the_association_goes_on(
    hub: AskedHub, encoded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub.associated() as assoc:
        with monkeypatch.context() as patch:
            patch.setattr("pynetdicom.association.encode", lambda *_: encoded)
            (final, _), *_ = list(assoc.send_c_find(identifier("STUDY"), STUDY_ROOT_FIND))
        assert final.Status in (0xA900, 0xC001)
        assert patients(ask(assoc, identifier("STUDY", PatientID=""))[0]) == "1234"


def test_a_query_without_an_identifier_is_not_left_without_an_answer(hub: AskedHub) -> None:
    scu = hub.scu((STUDY_ROOT_FIND, [EXPLICIT_VR_LE]), calling="VIEWER")
    command = command_set(
        AffectedSOPClassUID=STUDY_ROOT_FIND, CommandField=0x0020, MessageID=1, Priority=0, CommandDataSetType=0x0101
    )
    scu.send_fragments((3, command))
    assert scu.read_status()[0] == 0xA900


@pytest.mark.parametrize("maximum", [32, 100, 0])
def test_a_peer_of_short_pdus_gets_the_same_answer(hub: AskedHub, maximum: int) -> None:
    with hub.associated(max_pdu=maximum) as assoc:
        matches, final = ask(assoc, identifier("STUDY", PatientID="", StudyInstanceUID="", ModalitiesInStudy=""))
    assert (patients(matches), final.Status) == ("1234", 0)
    assert [ds.StudyInstanceUID for ds in matches] == [uid(number, 1) for number in range(1, 5)]


@pytest.mark.parametrize(("trouble", "status"), [(OperationalError("gone"), 0xA700), (KeyError("x"), 0xC002)])
def test_trouble_with_the_index_is_a_status_that_says_nothing_of_it(
    hub: AskedHub, monkeypatch: pytest.MonkeyPatch, trouble: Exception, status: int
) -> None:
    def away(*_: object) -> Iterator[Row]:
        raise trouble
        yield

    with hub.associated() as assoc:
        with monkeypatch.context() as patch:
            patch.setattr("fidac_node.hub.query.find.find", away)
            matches, final = ask(assoc, identifier("STUDY"))
        assert (matches, final.Status) == ([], status)
        assert "gone" not in final.ErrorComment
        assert patients(ask(assoc, identifier("STUDY", PatientID=""))[0]) == "1234"


# --- who may ask


def test_a_stranger_and_a_client_from_elsewhere_are_rejected_as_the_standard_names_it(hub: AskedHub) -> None:
    assert hub.rejection(calling="STRANGER") == (1, 1, 3)  # calling AE title not recognized (PS3.8 Table 9-21)
    assert hub.rejection(calling="ABROAD") == (1, 1, 1)


@pytest.mark.parametrize("calling", ["LILLE_NODE", "GETTER"])
def test_who_may_not_find_is_told_so_and_nothing_else(hub: AskedHub, calling: str) -> None:
    for keys in ({"PatientID": "*"}, {"AccessionNumber": "1"}, {"StudyDate": "nonsense"}):
        matches, final = hub.find(calling=calling, **keys)
        assert (matches, final.Status) == ([], 0x0124)


def test_a_client_of_one_programme_sees_that_alone_at_every_level(hub: AskedHub) -> None:
    assert patients(hub.find(calling="LUNGS", PatientID="")[0]) == "2"
    assert hub.find(calling="LUNGS", PatientID="", ClinicalTrialProtocolID="FIDAC")[0] == []
    assert patients(hub.find("PATIENT", PATIENT_ROOT_FIND, calling="LUNGS", PatientID="")[0]) == "2"
    assert hub.find("SERIES", calling="LUNGS", StudyInstanceUID=uid(1, 1))[0] == []
    above = {"StudyInstanceUID": uid(1, 1), "SeriesInstanceUID": uid(1, 1, 1)}
    assert hub.find("IMAGE", calling="LUNGS", **above)[0] == []


def test_a_client_may_not_store(hub: AskedHub) -> None:
    scu = RawScu(hub.connect(), [(CT, [EXPLICIT_VR_LE])], calling="VIEWER", called=CALLED)
    assert scu.store(ct_image(), CT, "1.2.3.4.5")[0] == 0x0124
    assert hub.kept() == []


def test_a_client_that_was_removed_is_rejected_within_a_second(
    hub: AskedHub, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub.find()[1].Status == 0
    remove_client(db, "VIEWER")
    monkeypatch.setattr("fidac_node.hub.index.clients._FRESH_SECONDS", 0)
    with pytest.raises(Rejected):
        hub.scu(calling="VIEWER")


def test_a_client_is_served_while_the_disk_is_full_and_a_site_is_not(hub: AskedHub) -> None:
    hub.reason = "disk reserve reached"
    assert hub.rejection(calling="LILLE_NODE") == (2, 3, 1)
    assert patients(hub.find(PatientID="")[0]) == "1234"


# --- what is written down


def test_each_query_is_written_down_with_who_from_where_its_filter_and_its_matches(hub: AskedHub) -> None:
    hub.find(PatientID="PSEUDO000?", StudyDate="20030101-20031231")
    hub.find("SERIES", StudyInstanceUID=uid(3, 1))
    hub.find(AccessionNumber="A1")
    hub.find(calling="GETTER", PatientName="QUENOUILLE^MARIE")
    acts = [(act.who, act.origin, act.act, act.what, act.number) for act in hub.trail.acts()]
    assert acts == [
        (
            "VIEWER",
            "127.0.0.1",
            "query",
            "studies: patient (no pseudonym, 10 characters), since 2003-01-01, until 2003-12-31",
            2,
        ),
        ("VIEWER", "127.0.0.1", "query", f"series: study_uid {uid(3, 1)}", 2),
        ("VIEWER", "127.0.0.1", "query", "studies: by a value that nobody has", 0),
        ("GETTER", "127.0.0.1", "query", "refused", None),
    ]
    assert hub.trail.verify().broken == []


def test_a_query_that_cannot_be_written_down_is_not_answered_and_the_next_one_is(hub: AskedHub) -> None:
    hub.trail.path.mkdir()
    matches, final = hub.find(PatientID="")
    assert (matches, final.Status) == ([], 0xA700) and "record of acts" in final.ErrorComment
    hub.trail.path.rmdir()
    assert patients(hub.find(PatientID="")[0]) == "1234"


# --- many matches


MANY = 1000


@pytest.fixture
def many(hub: AskedHub, db: Database, tmp_path: Path) -> AskedHub:
    fill(db, tmp_path, data_set(9), MANY)
    return hub


def test_a_query_that_is_called_off_ends_within_one_match(many: AskedHub) -> None:
    statuses = []
    with many.associated() as assoc:
        responses = assoc.send_c_find(identifier("STUDY", PatientID="PSEUDO0009"), STUDY_ROOT_FIND, msg_id=7)
        for status, _ in responses:
            statuses.append(status.Status)
            if len(statuses) == 5:
                assoc.send_c_cancel(7, query_model=STUDY_ROOT_FIND)
        assert statuses[-1] == 0xFE00
        (act,) = many.trail.acts()
        assert act.outcome == "called off" and act.number is not None and act.number < MANY
        assert patients(ask(assoc, identifier("STUDY", PatientID="PSEUDO0001"))[0]) == "1"
    assert len(statuses) < MANY


def test_a_cancel_right_behind_its_request_is_heard(many: AskedHub) -> None:
    with many.associated() as assoc:
        responses = assoc.send_c_find(identifier("STUDY", PatientID="PSEUDO0009"), STUDY_ROOT_FIND, msg_id=9)
        assoc.send_c_cancel(9, query_model=STUDY_ROOT_FIND)
        statuses = [status.Status for status, _ in responses]
    assert statuses[-1] == 0xFE00 and len(statuses) < MANY


def test_who_does_not_read_holds_up_nobody(many: AskedHub) -> None:
    slow = many.scu((STUDY_ROOT_FIND, [EXPLICIT_VR_LE]), calling="VIEWER")
    asked = encode(identifier("STUDY", PatientID="PSEUDO0009", StudyInstanceUID=""), False, True)
    command = command_set(
        AffectedSOPClassUID=STUDY_ROOT_FIND, CommandField=0x0020, MessageID=1, Priority=0, CommandDataSetType=1
    )
    slow.send_fragments((3, command), (2, asked or b""))
    assert slow.read_pdu()[0] == 4, "it is being answered"
    assert patients(many.find(PatientID="PSEUDO0001")[0]) == "1"
    scu = many.scu((CT, [EXPLICIT_VR_LE]), calling="LILLE_NODE")
    assert scu.store(ct_image(), CT, "1.2.3.4.5") == (0, "")


def test_all_matches_come_once_and_none_is_made_before_the_one_before_is_on_its_way(
    many: AskedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = set()

    def watched(asked: Identifier, row: Row, syntax: Syntax) -> bytes:
        waiting.update(len(assoc.lane.said.queue) for assoc in many.scp.associations)
        return answer(asked, row, syntax)

    monkeypatch.setattr("fidac_node.hub.query.find.answer", watched)
    matches, _ = many.find(PatientID="PSEUDO0009", StudyInstanceUID="")
    assert len({ds.StudyInstanceUID for ds in matches}) == len(matches) == MANY
    assert waiting == {0}


def test_a_long_answer_is_not_taken_for_the_silence_of_who_hears_it(
    hub: AskedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(asked: Identifier, row: Row, syntax: Syntax) -> bytes:
        (assoc,) = hub.scp.associations
        assoc.lane._heard -= 1000
        return answer(asked, row, syntax)

    with hub.associated() as assoc:
        with monkeypatch.context() as patch:
            patch.setattr("fidac_node.hub.query.find.answer", late)
            assert patients(ask(assoc, identifier("STUDY", PatientID=""))[0]) == "1234"
        assert patients(ask(assoc, identifier("STUDY", PatientID=""))[0]) == "1234"


@pytest.mark.parametrize(
    ("level", "keys", "index"),
    [
        ("STUDY", {"StudyDate": "20200101-20200131", "ModalitiesInStudy": "CT"}, "study"),
        ("STUDY", {"PatientID": "PSEUDO0001"}, "patient"),
        ("STUDY", {"PatientName": "pseudo0001"}, "patient"),
        ("STUDY", {"StudyInstanceUID": ["1.2", "1.3"]}, "study"),
        ("STUDY", {"ModalitiesInStudy": "SR"}, "series"),
        ("PATIENT", {"PatientID": "PSEUDO0001"}, "patient"),
        ("SERIES", {"StudyInstanceUID": "1.2", "Modality": "CT"}, "study"),
        ("IMAGE", {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3", "InstanceNumber": "1"}, "series"),
    ],
    ids=str,
)
def test_no_question_by_an_indexed_key_reads_a_whole_table(
    tmp_path: Path, level: str, keys: dict[str, Any], index: str
) -> None:
    model = PATIENT_ROOT_FIND if level == "PATIENT" else STUDY_ROOT_FIND
    asked = read(encode(identifier(level, **keys), False, True) or b"", EXPLICIT_VR_LE)
    wanted = question(asked, "PATIENT" if model == PATIENT_ROOT_FIND else "STUDY", StudyFilter(case_sensitive=True))
    assert wanted is not None
    with connect("sqlite:///index.db", tmp_path) as db:
        prepare(db)
        execute, overheard = db.execute_sql, []

        def listening(sql: str, values: Any = ()) -> Any:
            overheard.append((sql, values))
            return execute(sql, values)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(db, "execute_sql", listening)
            list(find(db, LEVELS[asked.level], wanted))
        sql, values = next((sql, values) for sql, values in overheard if sql.startswith("SELECT"))
        plan = [row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]
    assert not [step for step in plan if step.startswith("SCAN")], plan
    assert any(f"USING INDEX {index}" in step for step in plan), plan


# --- somebody else's client


@pytest.mark.interop("findscu")
def test_findscu_gets_its_answers_and_its_refusals(hub: AskedHub) -> None:
    def findscu(*arguments: str, calling: str = "VIEWER", model: str = "-S") -> str:
        done = subprocess.run(
            ["findscu", "-v", "-aet", calling, "-aec", CALLED, model, *arguments, "127.0.0.1", str(hub.scp.port)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout + done.stderr

    said = findscu("-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=PSEUDO000[13]", "-k", "StudyInstanceUID")
    assert "Find Response: 1" not in said and "Received Final Find Response (Success)" in said
    said = findscu(
        "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=PSEUDO*", "-k", "StudyDate=2003-", "-k", "StudyTime"
    )
    assert "DataSetDoesNotMatchSOPClass" in said or "A900" in said
    said = findscu("-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=PSEUDO*", "-k", "StudyDate=20030101-20041231")
    assert said.count("PSEUDO0001") == said.count("PSEUDO0004") == 1 and "PSEUDO0002" not in said
    said = findscu("-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientName=PSEUDO0002", model="-P")
    assert said.count("PSEUDO0002") >= 1 and "Success" in said
    assert "Called AE Title" not in findscu("-k", "QueryRetrieveLevel=STUDY", calling="LILLE_NODE")
    assert "Calling AE Title Not Recognized" in findscu("-k", "QueryRetrieveLevel=STUDY", calling="NOBODY")
    said = findscu("--cancel", "1", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID")
    assert "Success" in said or "Cancel" in said
