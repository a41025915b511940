"""QIDO-RS: which studies, series and instances a query finds, and how the answer is written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from dicomweb_client import DICOMwebClient
from pydicom.dataset import Dataset
from requests import Session

from fidac_node.hub.index import StudyFilter, query
from fidac_node.hub.index.keys import KEYS, PRIVATE
from fidac_node.hub.web.dicomweb.rows import FIELDS, QUERY_KEYS
from tests.hub_objects import uid
from tests.integration.hub.web.conftest import WebHub

STUDY = uid(1, 1)


def found(web: WebHub, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = web.get(path, **query)
    if answer.status_code == 204:
        return []
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/dicom+json"
    return list(answer.json())


def values(matches: list[dict[str, Any]], tag: str) -> list[Any]:
    return [value for match in matches for value in match[tag].get("Value", [None])]


QUERIES: list[tuple[str, dict[str, str], int]] = [
    ("/studies", {}, 4),
    ("/studies", {"PatientID": "pseudo0001"}, 0),
    ("/studies", {"PatientName": "pseudo0001"}, 2),
    ("/studies", {"00100020": "PSEUDO0001"}, 2),
    ("/studies", {"PatientID": "PSEUDO000?"}, 4),
    ("/studies", {"PatientID": "*3"}, 1),
    ("/studies", {"PatientID": "*"}, 4),
    ("/studies", {"PatientID": ""}, 4),
    ("/studies", {"PatientID": "100%"}, 0),
    ("/studies", {"PatientName": "PSEUDO"}, 0),
    ("/studies", {"PatientName": "PSEUDO", "fuzzymatching": "true"}, 4),
    ("/studies", {"PatientName": "PSEUDO", "fuzzymatching": "false"}, 0),
    ("/studies", {"StudyDate": "20031231"}, 1),
    ("/studies", {"StudyDate": "20040101-20101112"}, 2),
    ("/studies", {"StudyDate": "-20041231"}, 1),
    ("/studies", {"StudyDate": "20050607-"}, 2),
    ("/studies", {"StudyDate": "20101112-20031231"}, 0),
    ("/studies", {"StudyInstanceUID": f"{uid(1, 1)},{uid(1, 2)}"}, 2),
    ("/studies", {"StudyInstanceUID": f"{uid(1, 1)}\\{uid(2, 1)}"}, 2),
    ("/studies", {"StudyInstanceUID": "1.2.3"}, 0),
    ("/studies", {"StudyTime": "10-1030"}, 1),
    ("/series", {"SeriesNumber": "2"}, 1),
    ("/studies", {"ModalitiesInStudy": "SR"}, 1),
    ("/studies", {"Modality": "CT", "ConvolutionKernel": "B70f"}, 2),
    ("/studies", {"Modality": "SR", "SliceThickness": "5"}, 0),
    ("/studies", {"ConvolutionKernel": "Br64d"}, 1),
    ("/studies", {"ConvolutionKernel": "br64d"}, 0),
    ("/studies", {"AccessionNumber": "X"}, 0),
    ("/studies", {"AccessionNumber": "*"}, 4),
    ("/studies", {"ClinicalTrialSiteID": "PARIS"}, 2),
    ("/studies", {"ClinicalTrialProtocolID": "OTHER"}, 1),
    ("/studies", {"NumberOfStudyRelatedInstances": "7"}, 1),
    ("/studies", {"SOPInstanceUID": uid(2, 1, 1, 1)}, 1),
    ("/studies", {"InstanceNumber": "5"}, 1),
    ("/studies", {"0F1D1001": "possible"}, 1),
    ("/studies", {"0F1D0010": "FIDAC NODE 1", "0F1D1005": "KVP"}, 1),
    ("/studies", {"0F1D1003": "fidac-*"}, 4),
    ("/studies", {"PatientSex": "M", "PatientAge": "054Y"}, 1),
    ("/series", {}, 5),
    ("/series", {"Manufacturer": "MÉDICAL"}, 0),
    ("/series", {"Manufacturer": "Médical"}, 1),
    ("/series", {"Manufacturer": "M*dical"}, 1),
    ("/series", {"SeriesInstanceUID": uid(1, 1, 2)}, 1),
    ("/series", {"PixelSpacing": "0.7\\0.8"}, 5),
    ("/series", {"PixelSpacing": "0.7\\0.9"}, 0),
    ("/series", {"Rows": "4", "KVP": "120"}, 5),
    ("/series", {"ModalitiesInStudy": "SR"}, 1),
    ("/series", {"ModalitiesInStudy": "CT", "StudyDate": "20030101-20041231"}, 2),
    ("/series", {"NumberOfSeriesRelatedInstances": "5"}, 1),
    (f"/studies/{STUDY}/series", {}, 2),
    (f"/studies/{STUDY}/series", {"SliceThickness": "5.0"}, 1),
    (f"/studies/{STUDY}/instances", {}, 7),
    (f"/studies/{STUDY}/series/{uid(1, 1, 1)}/instances", {"InstanceNumber": "3"}, 1),
    (f"/studies/{STUDY}/series/{uid(2, 1, 1)}/instances", {}, 0),
    (f"/studies/{STUDY}/series", {"StudyInstanceUID": f"{STUDY},1.2"}, 2),
    (f"/studies/{STUDY}/series", {"StudyInstanceUID": "1.2"}, 0),
    ("/instances", {}, 10),
    ("/instances", {"SOPInstanceUID": uid(1, 1, 2, 2)}, 1),
    ("/instances", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "SliceThickness": "1.5"}, 8),
    ("/instances", {"AvailableTransferSyntaxUID": "1.2.840.10008.1.2.1", "StudyDate": "20031231"}, 7),
    ("/instances", {"0F1D1001": "POSSIBLE"}, 1),
    ("/studies/1.2.3/series", {}, 0),
]


def test_a_query_finds_what_matches_all_its_keys(either: WebHub) -> None:
    with either.client() as client:
        answers = [client.get(path, params=query) for path, query, _ in QUERIES]
    assert [(one.status_code, one.text) for one in answers if one.status_code not in (200, 204)] == []
    counted = [
        (path, query, len(one.json()) if one.content else 0)
        for (path, query, _), one in zip(QUERIES, answers, strict=True)
    ]
    assert [one for one, expected in zip(counted, QUERIES, strict=True) if one != expected] == []


@pytest.mark.parametrize("name", [name for name, key in QUERY_KEYS.items() if name in KEYS and key.column])
@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_every_attribute_of_the_index_finds_what_has_the_value_that_the_answer_shows(
    web: WebHub, level: str, name: str
) -> None:
    lowest = ("studies", "series", "instances").index(FIELDS[name].level)
    source = ("studies", "series", "instances")[max(lowest, ("studies", "series", "instances").index(level))]
    if name == "NumberOfSeriesRelatedInstances":
        source = "series"
    shown = found(web, f"/{source}", includefield=name)[0][f"{KEYS[name].tag:08X}"]["Value"]
    value = "\\".join(str(one["Alphabetic"] if isinstance(one, dict) else one) for one in shown)
    for key in (name, f"{KEYS[name].tag:08X}", f"{KEYS[name].tag:08x}"):
        assert found(web, f"/{level}", **{key: value.split("\\")[0] if name.startswith("Modalities") else value})
    assert len(found(web, f"/{level}", **{name: ""})) == len(found(web, f"/{level}"))


def test_a_study_is_written_with_what_the_standard_requires_and_nothing_of_another_level(web: WebHub) -> None:
    (match,) = found(web, "/studies", StudyInstanceUID=STUDY, includefield="SOPInstanceUID,Modality,00180050")
    assert match == {
        "00080020": {"vr": "DA", "Value": ["20031231"]},
        "00080030": {"vr": "TM", "Value": ["103000"]},
        "00080050": {"vr": "SH"},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080061": {"vr": "CS", "Value": ["CT"]},
        "00080090": {"vr": "PN"},
        "00081190": {"vr": "UR", "Value": [f"{web.url}/studies/{STUDY}"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "PSEUDO0001"}]},
        "00100020": {"vr": "LO", "Value": ["PSEUDO0001"]},
        "00100030": {"vr": "DA"},
        "00100040": {"vr": "CS", "Value": ["F"]},
        "0020000D": {"vr": "UI", "Value": [STUDY]},
        "00200010": {"vr": "SH"},
        "00201206": {"vr": "IS", "Value": [2]},
        "00201208": {"vr": "IS", "Value": [7]},
    }
    assert list(match) == sorted(match)


def test_series_and_instances_have_what_the_levels_above_have_where_the_path_names_none(web: WebHub) -> None:
    series = found(web, "/series", SeriesInstanceUID=uid(1, 1, 2))[0]
    assert series["00201206"]["Value"] == [2]
    assert series["00100020"]["Value"] == ["PSEUDO0001"]
    assert series["00081190"]["Value"] == [f"{web.url}/studies/{STUDY}/series/{uid(1, 1, 2)}"]
    below = found(web, f"/studies/{STUDY}/series")[0]
    assert "00100020" not in below
    assert below["00201209"]["Value"] == [5]
    instance = found(web, "/instances", SOPInstanceUID=uid(2, 1, 1, 1))[0]
    assert (instance["00080061"]["Value"], instance["00080060"]["Value"]) == (["CT"], ["CT"])
    assert instance["00280010"] == {"vr": "US", "Value": [4]}


def test_what_is_asked_to_be_included_is_there_by_keyword_by_tag_and_all_at_once(web: WebHub) -> None:
    asked = ["PatientAge,00120020", "0F1D1001"]
    match = found(web, "/studies", StudyInstanceUID=STUDY, includefield=asked)[0]
    assert match["00101010"]["Value"] == ["054Y"]
    assert match["00120020"]["Value"] == ["FIDAC"]
    assert match["0F1D1001"] == {"vr": "CS", "Value": ["certain"]}
    assert match["0F1D0010"] == {"vr": "LO", "Value": ["FIDAC NODE 1"]}
    everything = found(web, "/series", SeriesInstanceUID=uid(1, 1, 2), includefield="all")[0]
    assert {f"{one.tag:08X}" for one in FIELDS.values() if one.level == "series"} <= everything.keys()
    assert {f"{key.tag:08X}" for key in PRIVATE.values()} <= everything.keys()
    assert everything["00181210"]["Value"] == ["Br64d", "3"]
    assert everything["00280030"]["Value"] == [0.7, 0.8]


def test_text_that_is_not_ascii_comes_in_utf_8_and_says_so(web: WebHub) -> None:
    match = found(web, "/series", ClinicalTrialSiteID="PARIS", includefield="Manufacturer", PatientSex="M")[0]
    assert match["00080070"]["Value"] == ["Médical"]
    assert match["00080005"]["Value"] == ["ISO_IR 192"]


def test_pages_of_instances_are_the_whole_however_many_series_are_looked_into_at_a_time(
    web: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found(web, "/instances")
    for portion in (1, 6):
        monkeypatch.setattr(query, "_PORTION", portion)
        assert [one for offset in range(11) for one in found(web, "/instances", offset=offset, limit=1)] == whole
        assert found(web, "/instances", offset=6) == whole[6:]
        assert (
            found(web, "/instances", offset=1, InstanceNumber="1") == found(web, "/instances", InstanceNumber="1")[1:]
        )


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances"])
def test_pages_put_together_are_the_whole_and_each_that_is_cut_says_so(either: WebHub, path: str) -> None:
    whole = found(either, path)
    pages, offset = [], 0
    while True:
        answer = either.get(path, limit=3, offset=offset)
        if answer.status_code == 204:
            break
        pages += answer.json()
        offset += 3
        more = offset < len(whole)
        assert (answer.headers.get("warning", "") != "") == more
        assert ("There are additional results that can be requested" in answer.headers.get("warning", "")) == more
    assert pages == whole
    assert found(either, path, offset=4, InstanceNumber="1") == found(either, path, InstanceNumber="1")[4:]
    assert found(either, path, limit=0) == []
    assert found(either, path, limit=10**29) == whole
    assert found(either, path, offset=10**29) == []


def test_keys_that_the_index_does_not_hold_are_named_in_a_warning_and_not_matched(web: WebHub) -> None:
    answer = web.get("/studies", StudyDescription="X", **{"RequestAttributesSequence.00401001": "Y", "PatientID": "*1"})
    assert len(answer.json()) == 2
    assert "StudyDescription" in answer.headers["warning"]
    assert "RequestAttributesSequence.00401001" in answer.headers["warning"]
    assert answer.headers["warning"].startswith(f"299 {web.url}: ")
    assert "warning" not in web.get("/studies", StudyDescription="").headers
    assert "emptyvaluematching" in web.get("/studies", emptyvaluematching="true").headers["warning"]


UNREADABLE = [
    "limit=-1",
    "limit=1e3",
    "limit=",
    "offset=-5",
    "offset=many",
    "fuzzymatching=perhaps",
    "NoSuchKeyword=1",
    "99989999=1",
    "includefield=NoSuchKeyword",
    "includefield=0010002",
    "includefield=",
    "StudyDate=2003-12-31",
    "StudyDate=20031301",
    "StudyDate=-",
    "StudyDate=today",
    "StudyInstanceUID=1..2",
    "StudyInstanceUID=1.2,",
    "StudyInstanceUID=" + "1." * 40 + "1",
    "KVP=high",
    "Rows=nan",
    "Rows=1e99",
    "PatientID=a%00b",
    "PatientID=" + "x" * 2000,
    "PatientID=a&PatientID=b",
    "0F1D0010=SOMEBODY",
    "%3Cscript%3E=1",
    "&".join(f"00{number:06X}=" for number in range(0x100020, 0x100020 + 250)),
]


def test_a_query_that_cannot_be_read_is_answered_400_with_a_sentence(either: WebHub) -> None:
    with either.client() as client:
        answers = {query: client.get(f"/studies?{query}") for query in UNREADABLE}
    assert {query: one.text for query, one in answers.items() if one.status_code != 400} == {}
    for answer in answers.values():
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()) == {"status", "message"}
        assert "<" not in answer.text


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/dicom+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("application/*;q=0.2, text/html", 200),
        ("application/dicom+xml", 406),
        ('multipart/related; type="application/dicom+xml"', 406),
        ("text/html", 406),
        ("*/*;q=0", 406),
        ("application/dicom+json;q=none", 406),
        (";;;,,,", 406),
        ("x" * 5000, 406),
    ],
)
def test_the_media_type_is_one_that_the_client_takes_or_none(web: WebHub, accept: str, status: int) -> None:
    assert web.get("/studies", headers={"Accept": accept}).status_code == status
    assert web.get("/studies", accept=accept, headers={"Accept": "text/html"}).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/patients",
        "/studies/..%2f..%2fetc/series",
        "/studies/%2e%2e/series",
        "/../../etc/passwd",
        "/studies/x/series",
        "/studies/*/series",
        "/studies/1.2,1.3/series",
        "/studies/%20",
        f"/studies/{STUDY}/series/'; DROP TABLE study/instances",
        "/studies/" + "9" * 65 + "/series",
    ],
)
def test_an_address_that_is_none_is_not_found(web: WebHub, path: str) -> None:
    answer = web.get(path)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404


def test_what_is_no_question_is_refused_by_its_method_or_its_size(web: WebHub) -> None:
    with web.client() as client:
        assert client.put("/studies").status_code == 405
        assert client.request("GET", "/studies", content=b"x" * 100_000).status_code == 413
        assert client.request("GET", "/studies", content=b"x").status_code == 200
        head = client.head("/studies")
        assert (head.status_code, head.content) == (200, b"")


def test_the_capabilities_name_every_address_and_attribute(web: WebHub) -> None:
    with web.client() as client:
        for path in ("/", "/studies", f"/studies/{STUDY}/series"):
            answer = client.options(path)
            assert answer.status_code == 200
        document = answer.json()
        assert client.options("/", headers={"Accept": "application/vnd.sun.wadl+xml"}).status_code == 406
    names = {one["name"] for one in document["paths"]["/studies"]["get"]["parameters"]}
    assert {name for name in QUERY_KEYS if name in KEYS} <= names
    assert set(document["paths"]) >= {"/studies", "/studies/{study}/series/{series}/instances", "/instances"}


def test_dicomweb_client_finds_the_same(web: WebHub) -> None:
    session = Session()
    session.headers["Authorization"] = f"Bearer {web.token()}"
    client = DICOMwebClient(web.url, session=session)
    studies = [Dataset.from_json(one) for one in client.search_for_studies(search_filters={"PatientID": "*1"})]
    assert [one.StudyInstanceUID for one in studies] == [uid(1, 1), uid(1, 2)]
    assert str(studies[0].PatientName) == "PSEUDO0001"
    assert len(client.search_for_series(STUDY, fields=["SliceThickness"])) == 2
    assert len(client.search_for_instances(STUDY, uid(1, 1, 1), limit=2, offset=1)) == 2
    assert client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": "PSEUDO0002"})
    assert client.search_for_studies(search_filters={"PatientID": "NOBODY"}) == []
    assert len(client.search_for_instances(get_remaining=True, limit=3)) == 10
    session.close()


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_a_uid_is_found_by_an_index_at_every_level(web: WebHub, level: str, name: str) -> None:
    """No table of objects is read from its beginning to its end (sites and recipes are few)."""
    number = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID").index(name) + 2
    asked_for: dict[str, Any] = {KEYS[name].filter: uid(*[1] * number)}
    wanted = StudyFilter(**asked_for)
    asked: list[str] = []
    connection = web.db.connection()
    connection.set_trace_callback(asked.append)
    assert list(query.find(web.db, level, wanted))
    connection.set_trace_callback(None)
    plans = [
        str(step[3])
        for sql in asked
        if sql.startswith("SELECT")
        for step in web.db.execute_sql(f"EXPLAIN QUERY PLAN {sql}").fetchall()
    ]
    assert plans
    assert [step for step in plans if re.match(r'SCAN "?(t\d+|study|series|instance)', step)] == []
