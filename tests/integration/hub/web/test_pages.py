"""The pages on which people look: who sees which, what is on them, and that nothing a site sends is a script there."""

from __future__ import annotations

import csv
import io
import re
import warnings
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from fidac_node.hub.index.held import HeldObject, list_held, note_held
from fidac_node.hub.index.models import LabelHistory
from fidac_node.operations.uses import Who
from fidac_node.spool.entry import Entry
from fidac_node.system.database import utc_now
from tests.hub_objects import data_set, put, uid
from tests.integration.hub.web.conftest import WebHub

STUDY = f"/studies/{uid(1, 1)}"
OTHERS = f"/studies/{uid(2, 1)}"
SERIES = f"{STUDY}/series/{uid(1, 1, 1)}"


class Page(HTMLParser):
    """A page's text, links and what could run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.links, self.runs = "", [], list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "script" and not (said.get("src") or "").startswith(("/static/", "/portal/")):
            self.runs.append(tag)
        self.runs += [name for name, value in attrs if name.startswith("on") or (value or "").startswith("javascript:")]
        if tag == "a":
            self.links.append(said.get("href"))

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(client: httpx.Client, path: str, status: int = 200, **query: Any) -> Page:
    answer = client.get(path, params=query or None, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    page = Page(answer.text)
    assert page.runs == []
    return page


def rows(client: httpx.Client, path: str, **query: Any) -> list[dict[str, str]]:
    answer = client.get(path, params=query or None)
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def hold(hub: WebHub, number: int, code: str, message: str = "it differs", site: str = "LILLE") -> str:
    """Let the hub hold an object, as filing does."""
    spool = hub.rooms.intake.spool
    entry = put(spool, data_set(9, 1, 1, number))
    spool.claim("test", 100)
    spool.hold(entry, code, message)
    note_held(hub.db, HeldObject(str(entry), code, message, site, uid(9, 1, 1, number), utc_now()))
    return str(entry)


@pytest.mark.parametrize(
    ("role", "site", "programme", "forbidden"),
    [
        ("administrator", "", "", set()),
        ("auditor", "", "", {"/search", STUDY, "/held"}),
        ("researcher", "", "FIDAC", {"/sites", "/held", "/audit"}),
        ("contributor", "LILLE", "", {"/sites", "/held", "/audit"}),
    ],
)
def test_each_role_is_shown_its_pages(web: WebHub, role: str, site: str, programme: str, forbidden: set[str]) -> None:
    with web.person(role, site, programme) as client:
        for path in ("/", "/search", STUDY, "/sites", "/held", "/audit"):
            seen(client, path, 403 if path in forbidden else 200)
        for path in ("/journal", "/withdraw"):
            seen(client, STUDY + path, 200 if role == "administrator" else 403)


def test_who_sees_one_site_or_programme_finds_nothing_of_another(web: WebHub) -> None:
    with web.person("contributor", "LILLE") as lille, web.person("researcher", "", "OTHER") as reader:
        assert {row["site"] for row in rows(lille, "/search.csv")} == {"LILLE"}
        assert rows(lille, "/search.csv", site="PARIS") == []
        seen(lille, OTHERS, 404)
        assert lille.get(f"{OTHERS}/series/{uid(2, 1, 1)}/stack").json()["paths"] == []
        assert [row["PatientID"] for row in rows(reader, "/search.csv")] == ["PSEUDO0003"]
        seen(reader, STUDY, 404)
        assert "1 study" in " ".join(seen(reader, "/").text.split())
        assert "2 studies" in " ".join(seen(lille, "/").text.split())


def test_days_of_arrival_are_for_administrators_and_a_site_of_its_own(web: WebHub) -> None:
    with web.person("researcher") as reader, web.person("administrator") as client, web.person("auditor") as auditor:
        assert re.fullmatch(r"\d{4}-W\d\d", rows(reader, "/arrivals.csv")[0]["week"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", rows(client, "/arrivals.csv")[0]["day"])
        assert "T" in rows(client, "/sites.csv")[0]["last_received"]
        assert "-W" in rows(auditor, "/sites.csv")[0]["last_received"]


def test_a_search_is_an_address_and_its_table_is_what_the_command_lists(web: WebHub) -> None:
    with web.person("administrator") as client:
        empty = client.get("/search?level=studies&site=&modality=CT&kernel=")
        assert (empty.status_code, empty.headers["location"]) == (303, "/search?level=studies&modality=CT")
        page = seen(client, "/search", modality="sr")
        assert "PSEUDO0001" in page.text and "PSEUDO0002" not in page.text
        assert f"{STUDY.rpartition('.')[0]}.2?site=LILLE" in page.links
        assert len(rows(client, "/search.csv", level="instances", max_slice_thickness="1.5")) == 8
        series = rows(client, "/search.csv", level="series")
        assert len(series) == 5 and series[0]["PixelSpacing"] == "0.7\\0.8"
        assert "YYYY-MM-DD" in seen(client, "/search", 400, since="yesterday").text
        assert client.get("/search.csv?since=yesterday").status_code == 400


def test_results_come_in_pages_and_in_the_order_that_is_wished(web: WebHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fidac_node.hub.web.pages.search.PAGE", 3)
    with web.person("administrator") as client:
        first = seen(client, "/search", level="studies", sort="-StudyDate")
        assert "2010" in first.text and "and more" in first.text
        (after,) = {link for link in first.links if link and "page=2" in link}
        second = seen(client, after)
        assert "and more" not in second.text and any("page=1" in (link or "") for link in second.links)
        assert "no such page" in seen(client, "/search", page="9").text
        assert seen(client, "/search", sort="bytes; DROP").text == seen(client, "/search").text


def test_a_study_shows_its_patients_others_with_the_days_between_and_opens_its_stacks(web: WebHub) -> None:
    with web.person("administrator") as client:
        page = seen(client, STUDY)
        assert "524 days later" in page.text and "PSEUDO0001" in page.text
        stack = client.get(f"{SERIES}/stack").json()
        assert stack["base"] == f"/dicom-web{SERIES}/instances/" and len(stack["paths"]) == 5
        assert stack["paths"][0] == f"{uid(1, 1, 1, 1)}/frames/1/rendered"
        header = seen(client, f"{SERIES}/header")
        assert "ManufacturerModelName" in header.text and "Sensation 16" in header.text
        seen(client, "/studies/2.25.404", 404)
        seen(client, "/studies/..%2f..", 404)
        client.get(f"/dicom-web{STUDY}/thumbnail")
        client.get(f"/dicom-web{STUDY}/thumbnail")
        journal = " ".join(seen(client, f"{STUDY}/journal").text.split())
        assert "5 images" in journal and "retrieve, 3 times" in journal


def test_a_held_object_is_looked_at_and_then_released_or_dropped_by_name(own: WebHub) -> None:
    kept, gone, unproven = hold(own, 1, "conflict"), hold(own, 2, "conflict"), hold(own, 3, "not-deidentified")
    with own.person("administrator") as client:
        page = seen(client, "/held")
        assert "3 objects" in page.text and "other content" in page.text
        stack = client.get(f"/held/{kept}/stack").json()
        picture = client.get(stack["base"] + stack["paths"][0], headers={"Accept": "image/png"})
        assert picture.headers["content-type"] == "image/png" and picture.content.startswith(b"\x89PNG")
        assert "?picture=1" in " ".join(map(str, seen(client, f"/held/{unproven}").links))
        assert "Drop 1 object" in seen(client, "/held/decide", act="drop", entry=gone).text
        seen(client, "/held/decide", 400, act="drop")
        seen(client, "/held/decide", 404, act="drop", entry="nothing")
        token = client.headers["X-CSRF-Token"]
        done = client.post("/held", data={"act": "drop", "entry": gone, "csrf_token": token})
        assert (done.status_code, done.headers["location"]) == (303, "/held?done=drop-1")
        assert "1 object was dropped" in seen(client, done.headers["location"]).text
        client.post("/held", data={"act": "release", "code": "conflict", "csrf_token": token})
        spool = own.rooms.intake.spool
        assert not spool.holds(Entry.parse(gone), "held")
        assert [str(entry) for entry in spool.entries("new")] == [kept]
        assert [one.entry for one in list_held(own.db)] == [unproven]
        acts = [(act.act, act.who[:13]) for act in own.rooms.trail.acts() if act.act.startswith("held ")]
        assert acts == [
            *[("held look", "administrator")] * 2,
            ("held drop", "administrator"),
            ("held release", "administrator"),
        ]
    with own.person("researcher") as reader:
        assert reader.get(f"/held/{unproven}/frames/1/rendered").status_code == 403


def test_a_study_is_withdrawn_in_two_steps_and_by_whom_stands_in_the_record(own: WebHub) -> None:
    with own.person("administrator") as client:
        assert "PSEUDO0001" in seen(client, f"{STUDY}/withdraw").text
        seen(client, f"{STUDY}/withdraw", 422, reason="two\nlines")
        asked = seen(client, f"{STUDY}/withdraw", what="patient", reason="asked for by the site")
        assert "for good?" in asked.text and uid(1, 2) in asked.text
        said = {"what": "study", "reason": "asked for by the site", "csrf_token": client.headers["X-CSRF-Token"]}
        done = client.post(f"{STUDY}/withdraw", data=said)
        assert done.status_code == 303
        page = seen(client, done.headers["location"])
        assert uid(1, 1) in page.text and "7 images" in page.text
        seen(client, STUDY, 404)
        (act,) = [act for act in own.rooms.trail.acts() if act.act == "hub withdraw"]
        assert act.who.startswith("administrator") and act.reason == "asked for by the site"


def test_the_record_of_acts_is_shown_from_its_end_and_its_pictures_in_one_line(
    own: WebHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fidac_node.hub.web.pages.audit._PAGE", 5)
    for number in range(8):
        own.rooms.trail.note(Who("VIEWER"), "query", f"number {number}")
    with own.person("auditor") as client:
        first = seen(client, "/audit")
        assert "number 7" in first.text and "number 2" not in first.text
        (older,) = {link for link in first.links if link and "before=" in link}
        assert "number 2" in seen(client, older).text
        assert "8 lines" in seen(client, "/audit", verify="1").text
        assert len(rows(client, "/audit.csv", who="VIEWER", act="query")) == 8
        assert "No act" in seen(client, "/audit", who="NOBODY").text
    with own.person("administrator") as client:
        for _ in range(3):
            client.get(f"/dicom-web{STUDY}/thumbnail")
        assert "and 2 more like it" in seen(client, "/audit").text


EVIL = "<script>alert(1)</script>"
QUOTED = "\"'><img src=x onerror=alert(1)>"


def test_no_text_that_a_site_can_send_is_markup_on_any_page(own: WebHub) -> None:
    """Each attribute that a page shows is tried; the header's table shows every other one."""
    texts = {
        **dict.fromkeys(("ManufacturerModelName", "BodyPartExamined", "ContrastBolusAgent", "StudyDescription"), EVIL),
        **dict.fromkeys(("Manufacturer", "SeriesDescription", "ProtocolName", "PatientComments"), QUOTED),
        "ConvolutionKernel": [EVIL, QUOTED],
        "PatientID": EVIL,
        "PatientName": QUOTED,
        "PatientAge": QUOTED,
        "PatientSex": QUOTED,
        "Modality": QUOTED,
        "StudyTime": QUOTED,
        "ClinicalTrialProtocolID": EVIL,
        "DeidentificationMethod": [f"FIDAC {EVIL} abababab"],
    }
    with warnings.catch_warnings(action="ignore"):  # they are no values of these VRs
        odd = [data_set(5, number, 1, 1, label=QUOTED, **texts) for number in (1, 2)]
        block = odd[0].private_block(0x0F1D, "FIDAC NODE 1")
        for element in (0x02, 0x03, 0x04):
            block[element].value = EVIL
        own.keep(*own.file(*odd))
    held = hold(own, 1, EVIL, QUOTED)
    own.rooms.trail.note(Who(EVIL, QUOTED), QUOTED, EVIL, reason=QUOTED)
    study = f"/studies/{uid(5, 1)}"
    with own.person("administrator") as client:
        shown = [
            seen(client, path).text
            for path in (
                *("/", "/search", "/search?level=patients", "/search?level=series", "/search?level=instances", study),
                *(f"{study}/journal", f"{study}/series/{uid(5, 1, 1)}/header", f"{study}/withdraw", "/sites", "/held"),
                *(f"/held/{held}", f"/held/decide?act=drop&entry={held}", "/audit"),
            )
        ]
        shown += [
            seen(client, path, status).text
            for path, status in (
                (f"/search?patient={EVIL}&kernel={QUOTED}&since={QUOTED}&sort={EVIL}&level={QUOTED}", 400),
                (f"/held?code={EVIL}&site={QUOTED}&done={EVIL}", 200),
                (f"/audit?who={EVIL}&act={QUOTED}&since={QUOTED}&before={EVIL}", 200),
                (f"{study}/withdraw?reason={QUOTED}&what=study&site=LILLE", 200),
                (f"{study}?site={EVIL}", 404),
                (f"/studies/{EVIL}", 404),
            )
        ]
    assert sum(EVIL in text or QUOTED in text for text in shown) >= 12


def test_what_was_said_of_a_study_besides_is_on_its_page_and_by_whom_to_administrators(own: WebHub) -> None:
    said = {"label": "other", "label_source": "portal", "digest": "d", "who": "marie", "at": utc_now()}
    named = {"site": "LILLE", "study": uid(1, 1), "sop_instance_uid": uid(1, 1, 1, 1), "replaced": "certain"}
    LabelHistory.insert(**named, **said).execute(own.db)
    with own.person("administrator") as client, own.person("contributor", "LILLE") as contributor:
        page = " ".join(seen(client, STUDY).text.split())
        assert "other (portal, marie) in place of certain" in page
        assert "in place of certain" in " ".join(seen(client, f"{STUDY}/journal").text.split())
        page = " ".join(seen(contributor, STUDY).text.split())
        assert "other (portal) in place of certain" in page and "marie" not in page
