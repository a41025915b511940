"""An act as a DICOM audit message (PS3.15 A.5): XML in the schema of A.5.1."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from fidac_node.audit.trail import Act
from fidac_node.dicom.uids import STUDY_ROOT_FIND

_SUCCESS: Final = "0"
_MINOR_FAILURE: Final = "4"
_IP_ADDRESS: Final = "2"
_PERSON: Final = "1"
_SYSTEM_OBJECT: Final = "2"
_PATIENT: Final = "1"
_REPORT: Final = "3"
_APPLICATION_SERVER: Final = "4"
_SECURITY_RESOURCE: Final = "13"


class _Code(NamedTuple):
    """A concept of PS3.16 Annex D, or of RFC 3881."""

    value: str
    meaning: str
    system: str = "DCM"


class _Event(NamedTuple):
    """What an act is to the standard: its EventID, EventActionCode and EventTypeCode."""

    code: _Code
    action: str
    kind: _Code | None = None


_SOURCE: Final = _Code("110153", "Source Role ID")
_DESTINATION: Final = _Code("110152", "Destination Role ID")
_DESTINATION_MEDIA: Final = _Code("110154", "Destination Media")
_STUDY_UID: Final = _Code("110180", "Study Instance UID")
_SOP_CLASS_UID: Final = _Code("110181", "SOP Class UID")
_NODE_ID: Final = _Code("110182", "Node ID")
_PATIENT_NUMBER: Final = _Code("2", "Patient Number", "RFC-3881")

_QUERY: Final = _Event(_Code("110112", "Query"), "E")
_TRANSFERRED: Final = _Event(_Code("110104", "DICOM Instances Transferred"), "R")
_EXPORT: Final = _Event(_Code("110106", "Export"), "R")
_DELETED: Final = _Event(_Code("110105", "DICOM Study Deleted"), "D")
_ALERT: Final = _Code("110113", "Security Alert")
_OTHER: Final = _Event(_ALERT, "E", _Code("110132", "Use of Restricted Function"))
# By a word of the act, the last that is here; what has none of them is the use of a function that not everybody has.
_EVENTS: Final = {
    "query": _QUERY,
    "retrieve": _TRANSFERRED,
    "export": _EXPORT,
    "withdraw": _DELETED,
    "--undo": _OTHER,
    "client": _Event(_ALERT, "E", _Code("110137", "User Security Attributes Changed")),
    "token": _Event(_ALERT, "E", _Code("110137", "User Security Attributes Changed")),
    "user": _Event(_ALERT, "E", _Code("110137", "User Security Attributes Changed")),
    "login": _Event(_Code("110114", "User Authentication"), "E", _Code("110122", "Login")),
    "logout": _Event(_Code("110114", "User Authentication"), "E", _Code("110123", "Logout")),
    "recipe": _Event(_ALERT, "E", _Code("110131", "Software Configuration")),
}


def messages(act: Act, source: str) -> Iterator[bytes]:
    """The messages of an act at the hub ``source``: one for each patient, whom alone each may be about (A.5.3)."""
    patients: dict[str, list[str]] = {}
    for study, pseudonym in act.studies.items():
        patients.setdefault(pseudonym, []).append(study)
    for pseudonym, studies in patients.items() or [("", [])]:
        yield tostring(_message(act, source, pseudonym, studies), "utf-8")


def _message(act: Act, source: str, pseudonym: str, studies: Sequence[str]) -> Element:
    event = next((_EVENTS[word] for word in reversed(act.act.split()) if word in _EVENTS), _OTHER)
    message = Element("AuditMessage")
    moment = datetime.datetime.fromtimestamp(act.at, datetime.UTC).isoformat(timespec="milliseconds")
    failure = act.outcome or (act.reason if act.what == "refused" else "")
    outcome = _MINOR_FAILURE if failure else _SUCCESS
    attributes = {"EventActionCode": event.action, "EventDateTime": moment, "EventOutcomeIndicator": outcome}
    identification = SubElement(message, "EventIdentification", attributes)
    _coded(identification, "EventID", event.code)
    if event.kind:
        _coded(identification, "EventTypeCode", event.kind)
    if failure:
        SubElement(identification, "EventOutcomeDescription").text = failure
    _participants(message, act, source, event)
    audit_source = SubElement(message, "AuditSourceIdentification", AuditSourceID=source)
    SubElement(audit_source, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})
    _subject(message, act, source, event)
    for study in studies:
        found = _object(message, study, _SYSTEM_OBJECT, _REPORT, _STUDY_UID)
        SubElement(found, "ParticipantObjectName").text = act.act
    if pseudonym:
        patient = _object(message, pseudonym, _PERSON, _PATIENT, _PATIENT_NUMBER)
        SubElement(patient, "ParticipantObjectName").text = pseudonym
    return message


def _participants(message: Element, act: Act, source: str, event: _Event) -> None:
    """Who acts, and the hub, in the roles that the tables of PS3.15 A.5.3 give them."""
    roles: dict[_Event, tuple[_Code | None, str, _Code | None]] = {
        _QUERY: (_SOURCE, source, _DESTINATION),
        _TRANSFERRED: (_DESTINATION, source, _SOURCE),
        _EXPORT: (_SOURCE, act.what, _DESTINATION_MEDIA),
    }
    own, other, role = roles.get(event, (None, source, None))
    at = {"NetworkAccessPointTypeCode": _IP_ADDRESS, "NetworkAccessPointID": act.origin} if act.origin else {}
    who = SubElement(message, "ActiveParticipant", {"UserID": act.who, "UserIsRequestor": "true", **at})
    hub = SubElement(message, "ActiveParticipant", {"UserID": other, "UserIsRequestor": "false"})
    for participant, code in ((who, own), (hub, role)):
        if code:
            _coded(participant, "RoleIDCode", code)


def _subject(message: Element, act: Act, source: str, event: _Event) -> None:
    """What was asked, or what was changed."""
    if event is _QUERY:
        asked = _object(message, STUDY_ROOT_FIND, _SYSTEM_OBJECT, _REPORT, _SOP_CLASS_UID)
        SubElement(asked, "ParticipantObjectQuery").text = _base64(act.what)
    elif event.code is _ALERT:
        changed = _object(message, source, _SYSTEM_OBJECT, _SECURITY_RESOURCE, _NODE_ID)
        SubElement(changed, "ParticipantObjectName").text = act.act
        said = "; ".join(filter(None, (act.what, act.reason)))
        SubElement(changed, "ParticipantObjectDetail", type="Alert Description", value=_base64(said))


def _object(message: Element, name: str, kind: str, role: str, code: _Code) -> Element:
    attributes = {
        "ParticipantObjectID": name,
        "ParticipantObjectTypeCode": kind,
        "ParticipantObjectTypeCodeRole": role,
    }
    found = SubElement(message, "ParticipantObjectIdentification", attributes)
    _coded(found, "ParticipantObjectIDTypeCode", code)
    return found


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _coded(parent: Element, name: str, code: _Code) -> None:
    SubElement(parent, name, {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning})
