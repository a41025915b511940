"""DICOM audit messages (PS3.15 A.5): what the tables of the standard ask for, and how a collector gets them."""

from __future__ import annotations

import base64
import logging
import socket
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest

from fidac_node.audit.message import messages
from fidac_node.audit.syslog import Syslog
from fidac_node.audit.trail import Act

CODE = "csd-code"


def act(name: str, **more: object) -> Act:
    return Act(1_790_000_000.25, "VIEWER", "10.0.0.5", name, "studies: since 2020-01-01", **more)  # type: ignore[arg-type]


def said(one: Act) -> list[Element]:
    return [fromstring(message) for message in messages(one, "FIDACHUB")]


def code(message: Element, path: str) -> str:
    return message.find(path).attrib[CODE]  # type: ignore[union-attr]


def objects(message: Element) -> list[tuple[str, str]]:
    return [
        (code(one, "ParticipantObjectIDTypeCode"), one.attrib["ParticipantObjectID"])
        for one in message.iter("ParticipantObjectIdentification")
    ]


def test_a_query_is_one_of_a10_with_its_question_and_both_ends() -> None:
    (message,) = said(act("query", number=7))
    event = message.find("EventIdentification")
    assert event is not None and event.attrib == {
        "EventActionCode": "E",
        "EventDateTime": "2026-09-21T14:13:20.250+00:00",
        "EventOutcomeIndicator": "0",
    }
    assert code(message, "EventIdentification/EventID") == "110112"
    asks, answers = message.iter("ActiveParticipant")
    assert (asks.attrib["UserID"], asks.attrib["UserIsRequestor"], code(asks, "RoleIDCode")) == (
        *("VIEWER", "true", "110153"),
    )
    assert (asks.attrib["NetworkAccessPointID"], asks.attrib["NetworkAccessPointTypeCode"]) == ("10.0.0.5", "2")
    assert (answers.attrib["UserID"], code(answers, "RoleIDCode")) == ("FIDACHUB", "110152")
    assert objects(message) == [("110181", "1.2.840.10008.5.1.4.1.2.2.1")]
    assert base64.b64decode(message.findtext(".//ParticipantObjectQuery") or "") == b"studies: since 2020-01-01"
    assert message.find("AuditSourceIdentification").attrib == {"AuditSourceID": "FIDACHUB"}  # type: ignore[union-attr]


def test_what_is_handed_out_has_a_message_for_each_patient() -> None:
    for name, event in (("retrieve", "110104"), ("export", "110106"), ("hub withdraw", "110105")):
        first, second = said(act(name, studies={"2.25.1": "CHU-A", "2.25.2": "CHU-B", "2.25.3": "CHU-A"}))
        assert code(first, "EventIdentification/EventID") == event
        assert objects(first) == [("110180", "2.25.1"), ("110180", "2.25.3"), ("2", "CHU-A")]
        assert objects(second) == [("110180", "2.25.2"), ("2", "CHU-B")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("hub client add", "110137"),
        ("token revoke", "110137"),
        ("hub user role", "110137"),
        ("recipe add", "110131"),
        ("held drop", "110132"),
    ],
)
def test_a_change_of_rights_or_of_what_is_held_is_a_security_alert(name: str, kind: str) -> None:
    (message,) = said(act(name, reason="because"))
    assert (code(message, "EventIdentification/EventID"), code(message, "EventIdentification/EventTypeCode")) == (
        *("110113", kind),
    )
    detail = message.find(".//ParticipantObjectDetail")
    assert detail is not None and base64.b64decode(detail.attrib["value"]) == b"studies: since 2020-01-01; because"


def test_what_ended_otherwise_is_a_minor_failure_that_says_why() -> None:
    (message,) = said(act("query", outcome="called off"))
    assert message.find("EventIdentification").attrib["EventOutcomeIndicator"] == "4"  # type: ignore[union-attr]
    assert message.findtext(".//EventOutcomeDescription") == "called off"


@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_a_collector_gets_the_header_that_the_standard_says_and_the_message(tmp_path: Path, kind: str) -> None:
    family = socket.AF_INET if kind == "udp" else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_DGRAM) as collector:
        collector.settimeout(10)
        collector.bind(("127.0.0.1", 0) if kind == "udp" else str(tmp_path / "log"))
        url = f"udp://127.0.0.1:{collector.getsockname()[1]}" if kind == "udp" else f"unix://{tmp_path}/log"
        Syslog(url, "FIDACHUB").tell(act("query"))
        header, mark, message = collector.recv(65536).partition(b"\xef\xbb\xbf")
    priority, moment, _, program, _, kind_of_message, data, end = header.decode("ascii").split(" ")
    assert (priority, moment, program, kind_of_message, data, end) == (
        *("<85>1", "2026-09-21T14:13:20Z", "fidac-node", "DICOM+RFC3881", "-", ""),
    )
    assert mark and fromstring(message).tag == "AuditMessage"


def test_a_collector_that_is_away_is_logged_and_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Syslog(f"unix://{tmp_path}/nobody", "FIDACHUB").tell(act("query"))
        Syslog("udp://no.such.host.invalid", "FIDACHUB").tell(act("query"))
    assert [record.getMessage()[:38] for record in caplog.records] == ["an audit message could not be sent to "] * 2


@pytest.mark.parametrize(("name", "kind"), [("login", "110122"), ("logout", "110123")])
def test_signing_in_and_out_is_the_authentication_of_a_user_also_in_vain(name: str, kind: str) -> None:
    (message,) = said(act(name))
    assert (code(message, "EventIdentification/EventID"), code(message, "EventIdentification/EventTypeCode")) == (
        *("110114", kind),
    )
    assert message.find("ParticipantObjectIdentification") is None
    (message,) = said(replace(act(name, reason="because"), what="refused"))
    assert message.find("EventIdentification").attrib["EventOutcomeIndicator"] == "4"  # type: ignore[union-attr]
    assert message.findtext(".//EventOutcomeDescription") == "because"
