"""The marks of a de-identified object: written, and told from what somebody else wrote.

Which attributes they are stands in :mod:`fidac_node.dicom.marks` and in ``docs/private-block.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.source import Source
from fidac_node.deidentify.triage.triage import IMAGE
from fidac_node.dicom import marks, tags
from fidac_node.dicom.dictionary import keyword_of, tag_of
from fidac_node.dicom.elements import Elements
from fidac_node.dicom.encode import Syntax
from fidac_node.errors import ConfigError, Permanent

# Beside these the input's own are gone, and PatientName and PatientID are the pseudonym.
TAGS: Final = frozenset(
    {
        tags.CLINICAL_TRIAL_SPONSOR_NAME,
        tags.CLINICAL_TRIAL_PROTOCOL_ID,
        tags.CLINICAL_TRIAL_PROTOCOL_NAME,
        tags.CLINICAL_TRIAL_SITE_ID,
        tags.CLINICAL_TRIAL_SITE_NAME,
        tags.CLINICAL_TRIAL_SUBJECT_ID,
        tags.PATIENT_IDENTITY_REMOVED,
        tags.DEIDENTIFICATION_METHOD,
        tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
        tags.LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
        *marks.PRIVATE_TAGS,
    }
)
_MOST_LOST: Final = 64  # attributes that an object names as lost
_LONGEST: Final = 64  # LO (PS3.5 6.2), which they travel as
_LABEL_SOURCE: Final = re.compile(r"called-ae|import|portal|default|rule:[ -~]{1,59}")
_CODE: Final = (tags.CODE_VALUE, tags.CODING_SCHEME_DESIGNATOR, tags.CODE_MEANING)


class Done(NamedTuple):
    """What was done to an object, as far as it says so itself; which ``version`` of its instance it is, from 1."""

    kind: str
    private: bool
    lost: tuple[tuple[int, ...], ...]
    version: int = 1


class Marks(NamedTuple):
    """What every de-identified object of a series says, encoded, and as the ``texts`` that are ours."""

    elements: Elements
    texts: frozenset[str]


class Marker:
    """Writes the marks of one site under one plan. Raises :class:`ConfigError` for names that cannot travel."""

    def __init__(self, plan: Plan, programme: str, site_id: str) -> None:
        for name, value in (("site id", site_id), ("programme", programme)):
            if not value.isascii() or not value.isprintable() or not 0 < len(value) <= _LONGEST or "\\" in value:
                raise ConfigError(
                    f"the {name} must be 1 to 64 ASCII characters without backslash: it travels in every object"
                )
        self._plan = plan
        self._programme = programme
        self._site_id = site_id
        own = (marks.SPONSOR, programme, site_id, "YES", plan.dates, plan.profile, plan.digest, marks.PRIVATE_CREATOR)
        labels = (label.upper() for label in marks.LABELS)
        self._written = frozenset({*own, marks.method(plan.profile, plan.digest), *labels})

    def marks(self, source: Source, pseudonym: str, label: str, label_source: str, done: Done) -> Marks:
        """The marks for an object like ``source``."""
        if label not in marks.LABELS:
            raise Permanent("error", "the label is none of " + ", ".join(marks.LABELS))
        syntax, told = source.syntax, label_source.replace("\\", "/")[:_LONGEST]
        version = str(done.version) if done.version > 1 else ""
        lost = "\\".join(sorted({keyword_of(path[-1]) for path in done.lost})[:_MOST_LOST])
        texts = [
            (tags.SPECIFIC_CHARACTER_SET, "CS", "ISO_IR 192"),
            (tags.PATIENT_NAME, "PN", pseudonym),
            (tags.PATIENT_ID, "LO", pseudonym),
            (tags.CLINICAL_TRIAL_SPONSOR_NAME, "LO", marks.SPONSOR),
            (tags.CLINICAL_TRIAL_PROTOCOL_ID, "LO", self._programme),
            (tags.CLINICAL_TRIAL_PROTOCOL_NAME, "LO", ""),
            (tags.CLINICAL_TRIAL_SITE_ID, "LO", self._site_id),
            (tags.CLINICAL_TRIAL_SITE_NAME, "LO", ""),
            (tags.CLINICAL_TRIAL_SUBJECT_ID, "LO", pseudonym),
            (tags.PATIENT_IDENTITY_REMOVED, "CS", "YES"),
            (tags.DEIDENTIFICATION_METHOD, "LO", self._methods(source)),
            (tags.LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, "CS", self._plan.dates),
            (marks.PRIVATE_CREATOR_TAG, "LO", marks.PRIVATE_CREATOR),
            (marks.private_tag(marks.LABEL), "CS", label.upper()),
            (marks.private_tag(marks.LABEL_SOURCE), "LO", told),
            (marks.private_tag(marks.PROFILE), "LO", self._plan.profile),
            (marks.private_tag(marks.PROFILE_DIGEST), "LO", self._plan.digest),
            *([(marks.private_tag(marks.LOST), "LO", lost)] if lost else []),
            *([(marks.private_tag(marks.VERSION), "IS", version)] if version else []),
        ]
        encoded = {tag: syntax.element(tag, vr, value.encode("utf-8")) for tag, vr, value in texts}
        encoded[tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE] = self._codes(source, done)
        return Marks(encoded, self._written | {pseudonym, told, lost, version})

    def _methods(self, source: Source) -> str:
        """DeidentificationMethod: one value for each node that the object went through."""
        ours = marks.method(self._plan.profile, self._plan.digest)
        earlier = [one.strip() for one in source.get("DeidentificationMethod").split("\\") if marks.is_method(one)]
        return "\\".join([*(one for one in earlier if one != ours), ours])

    def _codes(self, source: Source, done: Done) -> bytes:
        """DeidentificationMethodCodeSequence: what was done before, then what was done here (CID 7050)."""
        options = [code for code in self._plan.options if done.private or code != marks.CODE_SAFE_PRIVATE]
        if done.kind != IMAGE:
            options.append(marks.CODE_STRUCTURED_CONTENT)
        codes = dict.fromkeys([*_earlier_codes(source), marks.CODE_BASIC, *sorted(options)])
        return source.syntax.sequence(
            tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE, [_code_item(source.syntax, code) for code in codes]
        )


def differing(source: Source, plan: Plan, site_id: str, pseudonym: str) -> Iterator[int]:
    """The marks in an object that a :class:`Marker` of this plan and site does not write, by tag."""
    wanted = {
        tags.PATIENT_NAME: pseudonym,
        tags.CLINICAL_TRIAL_SPONSOR_NAME: marks.SPONSOR,
        tags.CLINICAL_TRIAL_PROTOCOL_NAME: "",
        tags.CLINICAL_TRIAL_SITE_ID: site_id,
        tags.CLINICAL_TRIAL_SITE_NAME: "",
        tags.CLINICAL_TRIAL_SUBJECT_ID: pseudonym,
        tags.PATIENT_IDENTITY_REMOVED: "YES",
        tags.LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED: plan.dates,
        marks.PRIVATE_CREATOR_TAG: marks.PRIVATE_CREATOR,
        marks.private_tag(marks.PROFILE): plan.profile,
        marks.private_tag(marks.PROFILE_DIGEST): plan.digest,
    }
    yield from (tag for tag, value in wanted.items() if text(source, tag) != value)
    methods = text(source, tags.DEIDENTIFICATION_METHOD).split("\\")
    protocol = text(source, tags.CLINICAL_TRIAL_PROTOCOL_ID)
    lost = text(source, marks.private_tag(marks.LOST))
    right = {
        tags.DEIDENTIFICATION_METHOD: all(map(marks.is_method, methods))
        and methods[-1].strip() == marks.method(plan.profile, plan.digest),
        tags.CLINICAL_TRIAL_PROTOCOL_ID: 0 < len(protocol) <= _LONGEST and protocol.isprintable(),
        marks.private_tag(marks.LABEL): text(source, marks.private_tag(marks.LABEL)).lower() in marks.LABELS,
        marks.private_tag(marks.LABEL_SOURCE): _LABEL_SOURCE.fullmatch(
            text(source, marks.private_tag(marks.LABEL_SOURCE))
        ),
        marks.private_tag(marks.LOST): not lost or all(map(tag_of, lost.split("\\"))),
        marks.private_tag(marks.VERSION): _is_version(text(source, marks.private_tag(marks.VERSION))),
        tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE: _are_codes(source),
    }
    yield from (tag for tag, is_right in right.items() if not is_right)


def _is_version(text: str) -> bool:
    try:
        return marks.version_of(text) > 0
    except ValueError:
        return False


def _are_codes(source: Source) -> bool:
    """Say whether the items of DeidentificationMethodCodeSequence are codes of CID 7050, and nothing besides."""
    items = source.items(tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE)
    for item in items:
        value, scheme, meaning = (
            item[tag].value.decode("ascii", "replace").strip(" \x00") if tag in item else "" for tag in _CODE
        )
        if item.keys() != set(_CODE) or (scheme, meaning) != ("DCM", marks.METHOD_CODES.get(value)):
            return False
    return bool(items)


def text(source: Source, tag: int) -> str:
    """What a mark says; empty if it is not there."""
    return source.value(tag).strip(b"\x00 ").decode("ascii", "replace")


def _earlier_codes(source: Source) -> list[str]:
    """The codes of CID 7050 that earlier de-identification left."""
    nodes = (item.get(tags.CODE_VALUE) for item in source.items(tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE))
    values = [node.value.decode("ascii", "replace").strip(" \x00") for node in nodes if node]
    return [value for value in values if value in marks.METHOD_CODES]


def _code_item(syntax: Syntax, code: str) -> bytes:
    values = zip(_CODE, ("SH", "SH", "LO"), (code, "DCM", marks.METHOD_CODES[code]), strict=True)
    return b"".join(syntax.element(tag, vr, value.encode("ascii")) for tag, vr, value in values)
