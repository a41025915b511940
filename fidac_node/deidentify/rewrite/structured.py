"""Structured documents rebuilt from what may stay in them (PS3.15 E.3.4, Clean Structured Content).

Nothing is taken out of a document: a new one is made from the content items that a template knows, by
relationship, value type and concept name, with codes of its value sets, numbers and UIDs. An item that is
not known goes with everything below it. What is made here still goes through the plan, which maps UIDs
and moves dates, with :func:`actions_of` before the plan's own lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fidac_node.deidentify import actions
from fidac_node.deidentify.rewrite import templates
from fidac_node.deidentify.rewrite.templates import Code
from fidac_node.dicom.elements import DataSet, Node
from fidac_node.dicom.tags import (
    CODE_MEANING,
    CODE_VALUE,
    CODING_SCHEME_DESIGNATOR,
    REFERENCED_SOP_CLASS_UID,
    REFERENCED_SOP_INSTANCE_UID,
    REFERENCED_SOP_SEQUENCE,
    SERIES_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.errors import Permanent

_PERFORMED_PROCEDURE_STEP: Final = 0x00081111
_REFERENCED_SERIES: Final = 0x00081115
_FRAME_NUMBER: Final = 0x00081160
_UNITS: Final = 0x004008EA
_RELATIONSHIP: Final = 0x0040A010
_VALUE_TYPE: Final = 0x0040A040
_CONCEPT_NAME: Final = 0x0040A043
_CONTINUITY: Final = 0x0040A050
_DATE_TIME: Final = 0x0040A120
_UID: Final = 0x0040A124
_CONCEPT_CODE: Final = 0x0040A168
_MEASURED_VALUE: Final = 0x0040A300
_QUALIFIER: Final = 0x0040A301
_NUMERIC_VALUE: Final = 0x0040A30A
_PROCEDURE_CODE: Final = 0x0040A372
_EVIDENCE: Final = 0x0040A375
_OTHER_EVIDENCE: Final = 0x0040A385
_COMPLETION: Final = 0x0040A491
_VERIFICATION: Final = 0x0040A493
_TEMPLATE: Final = 0x0040A504
_CONTENT: Final = 0x0040A730
_TEMPLATE_IDENTIFIER: Final = 0x0040DB00
_MAPPING_RESOURCE: Final = 0x00080105
_BY_REFERENCE: Final = 0x0040DB73

# What of the header may stay, for the plan to decide on: Patient, Patient Study, General Study, SR Document
# Series, Equipment, SR Document General, SOP Common (PS3.3 A.35.8, A.35.4).
_HEADER: Final = frozenset(
    {
        0x00080005,
        0x00080012,
        0x00080013,
        0x00080016,
        0x00080018,
        0x00080020,
        0x00080021,
        0x00080023,
        0x00080030,
        0x00080031,
        0x00080033,
    }
    | {0x00080050, 0x00080060, 0x00080070, 0x00080090, 0x00081030, 0x0008103E, 0x00081090}
    | {0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00101010, 0x00101020, 0x00101030}
    | {0x00181000, 0x00181020, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, 0x00200010, 0x00200011, 0x00200013}
)

_STRUCTURE: Final = (
    *(
        _CONTENT,
        _CONCEPT_NAME,
        _CONCEPT_CODE,
        _MEASURED_VALUE,
        _QUALIFIER,
        _UNITS,
        _TEMPLATE,
        _EVIDENCE,
        _OTHER_EVIDENCE,
    ),
    *(_REFERENCED_SERIES, REFERENCED_SOP_SEQUENCE, _PERFORMED_PROCEDURE_STEP, _PROCEDURE_CODE),
    *(_NUMERIC_VALUE, _VALUE_TYPE, _RELATIONSHIP, _CONTINUITY, _FRAME_NUMBER, _COMPLETION, _VERIFICATION),
    *(
        _TEMPLATE_IDENTIFIER,
        _MAPPING_RESOURCE,
        CODE_VALUE,
        CODING_SCHEME_DESIGNATOR,
        CODE_MEANING,
        REFERENCED_SOP_CLASS_UID,
    ),
)
# Actions for the attributes of content items, whatever the plan says of them elsewhere.
_KEPT: Final = {
    **dict.fromkeys(_STRUCTURE, actions.KEEP),
    **dict.fromkeys((_UID, REFERENCED_SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID), "uid"),
}

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_LARGEST: Final = 1_000_000.0  # no dose, current, time or length of CT is that large: it would be an identifier
_DATE_TIME_SHAPE: Final = re.compile(r"\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?", re.ASCII)
_FRAMES: Final = re.compile(r"\d{1,6}(?:\\\d{1,6})*", re.ASCII)
_STANDARD_CLASS: Final = re.compile(r"1\.2\.840\.10008(?:\.\d{1,4}){1,9}", re.ASCII)
_TEMPLATES: Final = {"dose-report": "10011", "key-object": "2010"}
_REFERENCES: Final = frozenset({"COMPOSITE", "IMAGE"})


def actions_of(dates: str) -> dict[int, str]:
    """The actions for the attributes of content items; ``dates`` is what the plan does with dates of the examination.

    In an image the date of a content item may be anybody's: when the device was calibrated, say. In a document that is
    rebuilt it is when an irradiation began.
    """
    return {**_KEPT, _DATE_TIME: dates}


def rebuilt(nodes: DataSet, kind: str) -> DataSet:
    """A new document of ``kind`` (``dose-report`` or ``key-object``) from what may stay of ``nodes``.

    Raises :class:`Permanent` (``not-allowed-class``) for a document that is not made by the template of
    its kind, or of which nothing that is worth sending is left.
    """
    if kind not in _TEMPLATES:
        raise Permanent(
            "not-allowed-class", "a structured document of a kind that cannot be rebuilt: look at it, then drop it"
        )
    _check_template(nodes, _TEMPLATES[kind])
    document = {tag: node for tag, node in nodes.items() if tag in _HEADER and node.items is None}
    document.update(_dose_report(nodes) if kind == "dose-report" else _key_object(nodes))
    document.update(_evidence(nodes))
    for node in (
        _text(_VALUE_TYPE, "CS", "CONTAINER"),
        _text(_CONTINUITY, "CS", "CONTINUOUS" if _string(nodes, _CONTINUITY, "CS") == "CONTINUOUS" else "SEPARATE"),
        _sequence(
            _TEMPLATE,
            {
                n.tag: n
                for n in (_text(_MAPPING_RESOURCE, "CS", "DCMR"), _text(_TEMPLATE_IDENTIFIER, "CS", _TEMPLATES[kind]))
            },
        ),
        _sequence(_PERFORMED_PROCEDURE_STEP),
    ):
        document[node.tag] = node
    return dict(sorted(document.items()))


def _check_template(nodes: DataSet, identifier: str) -> None:
    if _string(nodes, _VALUE_TYPE, "CS") != "CONTAINER":
        raise Permanent(
            "not-allowed-class", "the content of the document does not begin with a CONTAINER: it is no report"
        )
    for item in _items(nodes, _TEMPLATE):
        if _string(item, _TEMPLATE_IDENTIFIER, "CS") != identifier:
            message = (
                f"the document is made by another template than TID {identifier} of PS3.16: look at it, then drop it"
            )
            raise Permanent("not-allowed-class", message)


# --- CT Radiation Dose


def _dose_report(nodes: DataSet) -> DataSet:
    if _code(nodes, _CONCEPT_NAME) != templates.DOSE_REPORT:
        raise Permanent(
            "not-allowed-class",
            "the report is not an X-Ray Radiation Dose Report (113701, DCM): look at it, then drop it",
        )
    content = tuple(_dose_items(nodes))
    if not any(_code(item, _CONCEPT_NAME) == templates.PROCEDURE_REPORTED for item in content):
        raise Permanent(
            "not-allowed-class", "the dose report does not say that Computed Tomography is reported: only CT is rebuilt"
        )
    if not any(_has_number(item) for item in content):
        raise Permanent(
            "not-allowed-class",
            "no number of the dose report is on the list of what may stay: look at it, then drop it",
        )
    return {
        _CONCEPT_NAME: _coded(_CONCEPT_NAME, templates.DOSE_REPORT, templates.DOSE_REPORT_MEANING),
        _CONTENT: Node(_CONTENT, "SQ", b"", content),
        _COMPLETION: _text(
            _COMPLETION, "CS", "COMPLETE" if _string(nodes, _COMPLETION, "CS") == "COMPLETE" else "PARTIAL"
        ),
        # Who verified it is not said any more, so it does not count as verified (PS3.3 C.17.2).
        _VERIFICATION: _text(_VERIFICATION, "CS", "UNVERIFIED"),
        _PROCEDURE_CODE: _sequence(_PROCEDURE_CODE),
    }


def _dose_items(parent: DataSet) -> Iterator[DataSet]:
    for item in _items(parent, _CONTENT):
        new = _dose_item(item)
        if new is not None:
            yield new


def _dose_item(item: DataSet) -> DataSet | None:
    """A content item made new; ``None`` if it is not on the list, or nothing is left of it."""
    if _BY_REFERENCE in item:
        return None  # it counts on positions of items that may be gone
    concept, relationship, value_type = (
        _code(item, _CONCEPT_NAME),
        _string(item, _RELATIONSHIP, "CS"),
        _string(item, _VALUE_TYPE, "CS"),
    )
    known = templates.DOSE_ITEMS.get((value_type, *concept)) if concept else None
    if concept is None or known is None or relationship not in known.relationships:
        return None
    value = _value(item, value_type, known.values)
    children = tuple(_dose_items(item))
    if value is None or (value_type == "CONTAINER" and not children):
        return None
    new = {
        _RELATIONSHIP: _text(_RELATIONSHIP, "CS", relationship),
        _VALUE_TYPE: _text(_VALUE_TYPE, "CS", value_type),
        _CONCEPT_NAME: _coded(_CONCEPT_NAME, concept, known.meaning),
        **value,
    }
    if children:
        new[_CONTENT] = Node(_CONTENT, "SQ", b"", children)
    return dict(sorted(new.items()))


def _value(item: DataSet, value_type: str, values: str) -> DataSet | None:
    """The value of a content item, made new; ``None`` if it is none that may stay."""
    match value_type:
        case "CONTAINER":
            continuous = _string(item, _CONTINUITY, "CS") == "CONTINUOUS"
            return {_CONTINUITY: _text(_CONTINUITY, "CS", "CONTINUOUS" if continuous else "SEPARATE")}
        case "CODE":
            return _listed(item, _CONCEPT_CODE, values)
        case "NUM":
            return _measured(item)
        case "UIDREF":
            uid = _string(item, _UID, "UI")
            return {_UID: _text(_UID, "UI", uid)} if is_valid_uid(uid) else None
        case "DATETIME":
            when = _string(item, _DATE_TIME, "DT")
            return {_DATE_TIME: _text(_DATE_TIME, "DT", when)} if _DATE_TIME_SHAPE.fullmatch(when) else None
    return None


def _measured(item: DataSet) -> DataSet | None:
    qualifier = _listed(item, _QUALIFIER, "qualifiers")
    measured = _items(item, _MEASURED_VALUE)
    if not measured:  # Type 2: why it is empty is said beside it
        return {_MEASURED_VALUE: _sequence(_MEASURED_VALUE), **qualifier} if qualifier else None
    number, units = _string(measured[0], _NUMERIC_VALUE, "DS"), _listed(measured[0], _UNITS, "units")
    if (
        len(measured) > 1
        or units is None
        or len(number) > 16
        or not _NUMBER.fullmatch(number)
        or abs(float(number)) >= _LARGEST
    ):
        return None
    value = {**units, _NUMERIC_VALUE: _text(_NUMERIC_VALUE, "DS", number)}
    return {_MEASURED_VALUE: _sequence(_MEASURED_VALUE, value), **(qualifier or {})}


def _has_number(item: DataSet) -> bool:
    return any(_MEASURED_VALUE in one and _items(one, _MEASURED_VALUE) for one in (item, *_below(item)))


def _below(item: DataSet) -> Iterator[DataSet]:
    for child in _items(item, _CONTENT):
        yield child
        yield from _below(child)


# --- Key Object Selection


def _key_object(nodes: DataSet) -> DataSet:
    title = _listed(nodes, _CONCEPT_NAME, "title")
    if title is None:
        raise Permanent(
            "not-allowed-class",
            "the title of the Key Object Selection is none of CID 7010 of PS3.16: look at it, then drop it",
        )
    content = tuple(new for item in _items(nodes, _CONTENT) if (new := _key_item(item)) is not None)
    if not any(REFERENCED_SOP_SEQUENCE in item for item in content):
        raise Permanent("not-allowed-class", "the Key Object Selection refers to nothing: look at it, then drop it")
    return {**title, _CONTENT: Node(_CONTENT, "SQ", b"", content)}


def _key_item(item: DataSet) -> DataSet | None:
    if _BY_REFERENCE in item:
        return None
    relationship, value_type = _string(item, _RELATIONSHIP, "CS"), _string(item, _VALUE_TYPE, "CS")
    new = {_RELATIONSHIP: _text(_RELATIONSHIP, "CS", relationship), _VALUE_TYPE: _text(_VALUE_TYPE, "CS", value_type)}
    if relationship == "CONTAINS" and value_type in _REFERENCES:
        references = [one for one in map(_reference, _items(item, REFERENCED_SOP_SEQUENCE)) if one is not None]
        return (
            dict(sorted({**new, REFERENCED_SOP_SEQUENCE: _sequence(REFERENCED_SOP_SEQUENCE, *references)}.items()))
            if len(references) == 1
            else None
        )
    if (relationship, value_type, _code(item, _CONCEPT_NAME)) == ("HAS CONCEPT MOD", "CODE", templates.TITLE_MODIFIER):
        value = _listed(item, _CONCEPT_CODE, "modifier")
        name = _coded(_CONCEPT_NAME, templates.TITLE_MODIFIER, templates.TITLE_MODIFIER_MEANING)
        return dict(sorted({**new, _CONCEPT_NAME: name, **value}.items())) if value else None
    return None


# --- References


def _reference(item: DataSet) -> DataSet | None:
    """A SOP Instance Reference: class, instance, frames, and the presentation state that goes with them."""
    new = _instance(item)
    states = [one for one in map(_instance, _items(item, REFERENCED_SOP_SEQUENCE)) if one is not None]
    if new is not None and len(states) == 1:
        new[REFERENCED_SOP_SEQUENCE] = _sequence(REFERENCED_SOP_SEQUENCE, *states)
    return new


def _instance(item: DataSet) -> DataSet | None:
    sop_class, instance = (
        _string(item, REFERENCED_SOP_CLASS_UID, "UI"),
        _string(item, REFERENCED_SOP_INSTANCE_UID, "UI"),
    )
    if not _STANDARD_CLASS.fullmatch(sop_class) or not is_valid_uid(instance):
        return None
    new = {
        REFERENCED_SOP_CLASS_UID: _text(REFERENCED_SOP_CLASS_UID, "UI", sop_class),
        REFERENCED_SOP_INSTANCE_UID: _text(REFERENCED_SOP_INSTANCE_UID, "UI", instance),
    }
    frames = _string(item, _FRAME_NUMBER, "IS")
    if _FRAMES.fullmatch(frames):
        new[_FRAME_NUMBER] = _text(_FRAME_NUMBER, "IS", frames)
    return new


def _evidence(nodes: DataSet) -> DataSet:
    """The studies, series and instances that the document names as its evidence (PS3.3 C.17.2.1)."""
    found = {}
    for tag in (_EVIDENCE, _OTHER_EVIDENCE):
        studies = [new for item in _items(nodes, tag) if (new := _branch(item, STUDY_INSTANCE_UID, _REFERENCED_SERIES))]
        if studies:
            found[tag] = _sequence(tag, *studies)
    return found


def _branch(item: DataSet, tag: int, below: int) -> DataSet | None:
    uid = _string(item, tag, "UI")
    children = map(_reference if below == REFERENCED_SOP_SEQUENCE else _series, _items(item, below))
    kept = [child for child in children if child is not None]
    if not is_valid_uid(uid) or not kept:
        return None
    return dict(sorted({tag: _text(tag, "UI", uid), below: _sequence(below, *kept)}.items()))


def _series(item: DataSet) -> DataSet | None:
    return _branch(item, SERIES_INSTANCE_UID, REFERENCED_SOP_SEQUENCE)


# --- Reading and making nodes


def _items(item: DataSet, tag: int) -> tuple[DataSet, ...]:
    node = item.get(tag)
    return node.items or () if node is not None else ()


def _string(item: DataSet, tag: int, vr: str) -> str:
    """The value of an ASCII attribute; ``""`` if it is absent, a sequence, of another VR, or no ASCII."""
    node = item.get(tag)
    if node is None or node.items is not None or node.vr not in ("", "UN", vr):
        return ""
    try:
        return node.value.decode("ascii").strip(" \x00")
    except UnicodeDecodeError:
        return ""


def _code(item: DataSet, tag: int) -> Code | None:
    """The one code of a code sequence; ``None`` if there is none or another number."""
    items = _items(item, tag)
    if len(items) != 1:
        return None
    return _string(items[0], CODING_SCHEME_DESIGNATOR, "SH"), _string(items[0], CODE_VALUE, "SH")


def _listed(item: DataSet, tag: int, name: str) -> DataSet | None:
    """A code sequence made new if its code is one of the value set ``name``."""
    code = _code(item, tag)
    meaning = templates.VALUES[name].get(code) if code else None
    return {tag: _coded(tag, code, meaning)} if code and meaning else None


def _coded(tag: int, code: Code, meaning: str) -> Node:
    parts = (
        _text(CODE_VALUE, "SH", code[1]),
        _text(CODING_SCHEME_DESIGNATOR, "SH", code[0]),
        _text(CODE_MEANING, "LO", meaning),
    )
    return _sequence(tag, {part.tag: part for part in parts})


def _sequence(tag: int, *items: DataSet) -> Node:
    return Node(tag, "SQ", b"", items)


def _text(tag: int, vr: str, text: str) -> Node:
    value = text.encode("ascii")
    return Node(tag, vr, value + (b"\x00" if vr == "UI" else b" ") * (len(value) % 2), None)
