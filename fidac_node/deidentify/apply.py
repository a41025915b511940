"""De-identification of one object: read, triage, rewrite, mark, check, and only then write.

The slow and thorough path: pydicom parses, every attribute at every depth is rewritten by the plan, and
the encoded result passes the leak gate before a byte of it goes anywhere. Any doubt raises
:class:`Permanent`; the caller holds the object for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from fidac_node import marks
from fidac_node.deidentify import charset, dates, triage
from fidac_node.deidentify.encode import Syntax, join
from fidac_node.deidentify.gate import Gate
from fidac_node.deidentify.pixels import Pixels, open_target
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.pseudonym import Pseudonymiser
from fidac_node.deidentify.reading import Source, items_of, open_source, value_of
from fidac_node.deidentify.rewrite import Rewriter, Subject
from fidac_node.errors import ConfigError, FidacError, Permanent
from fidac_node.part10 import PIXEL_DATA, FileMeta, Malformed, encode_meta
from fidac_node.uids import is_valid_uid

_PATIENT_AGE: Final = 0x00101010
_CHARACTER_SET: Final = 0x00080005
_METHOD_CODES: Final = 0x00120064
_OFFSET_TABLES: Final = (0x7FE00001, 0x7FE00002)
_REQUIRED_UIDS: Final = {0x00080018: "SOPInstanceUID", 0x0020000D: "StudyInstanceUID", 0x0020000E: "SeriesInstanceUID"}


@dataclass(frozen=True)
class Outcome:
    """What became of an object: its new identity, and how often each action was taken.

    ``size`` is in bytes, as written. Nothing here is an original identifier.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    pseudonym: str
    size: int
    actions: dict[str, int]


@contextmanager
def doubt_holds() -> Iterator[None]:
    """Turn whatever nobody foresaw into :class:`Permanent` ``error``: the object waits for a person."""
    try:
        yield
    except FidacError:
        raise
    except (OSError, MemoryError):
        raise  # the disk or the machine, not the object: the caller tries again
    except Exception as error:
        # Only the kind of the error: its text may quote a value.
        raise Permanent("error", f"de-identification failed unexpectedly ({type(error).__name__})") from error


class Deidentifier:
    """De-identifies the objects of one site for one programme."""

    def __init__(self, plan: Plan, pseudonymiser: Pseudonymiser, site_id: str, programme: str) -> None:
        for name, value in (("site id", site_id), ("programme", programme)):
            if not value.isascii() or not value.isprintable() or not 0 < len(value) <= 64 or "\\" in value:
                raise ConfigError(f"the {name} must be 1 to 64 ASCII characters without backslash: it travels in every object")
        self.plan = plan
        self._pseudonymiser = pseudonymiser
        self._site_id = site_id
        self._programme = programme
        self._gate = Gate(plan.vocabulary | plan.common)

    def triage(self, source: Source) -> None:
        """Let plain CT images pass; else raise :class:`Permanent` (see :func:`.triage.triage`)."""
        with doubt_holds():
            triage.triage(source)

    def deidentify(self, source: Path | Source, target: BinaryIO, *, label: str, label_source: str, limit: int) -> Outcome:
        """Write the de-identified object to ``target``, a fresh file open for writing.

        ``label`` is one of :data:`fidac_node.marks.LABELS`; ``label_source`` says where it comes from;
        ``limit`` (bytes) bounds what a deflated object may inflate to. Raises :class:`Permanent` with a
        reason code on any doubt; what was written by then is to be thrown away.
        """
        with doubt_holds():
            if isinstance(source, Source):
                return self._deidentify(source, target, label, label_source)
            with open_source(source, limit) as opened:
                return self._deidentify(opened, target, label, label_source)

    def _deidentify(self, source: Source, target: BinaryIO, label: str, label_source: str) -> Outcome:
        triage.triage(source)
        uids = {tag: _required_uid(source, tag) for tag in _REQUIRED_UIDS}
        subject = self._subject(source)
        pixels = Pixels(source)
        rewriter = Rewriter(self.plan, self._pseudonymiser, subject, source.syntax)
        elements = rewriter.data_set(source.data_set)
        self._complete(source, elements, rewriter)
        marked = self._marks(source, subject, label, label_source)
        for tag, vr, text in marked:
            elements[tag] = source.syntax.element(tag, vr, text.encode("utf-8"))
        elements[_METHOD_CODES] = self._method_codes(source)
        new = {tag: self._pseudonymiser.uid(uid) for tag, uid in uids.items()}
        meta = FileMeta(source.get("SOPClassUID"), new[0x00080018], source.meta.transfer_syntax_uid)
        head = encode_meta(meta)
        body = join({tag: encoded for tag, encoded in elements.items() if tag < PIXEL_DATA})
        self._gate.check(source, head, body, written=frozenset({text for _, _, text in marked} | {subject.pseudonym}))
        size = _write(source, target, head, body, pixels)
        return Outcome(
            meta.sop_class_uid,
            meta.sop_instance_uid,
            new[0x0020000D],
            new[0x0020000E],
            meta.transfer_syntax_uid,
            subject.pseudonym,
            size,
            dict(rewriter.counts),
        )

    def _subject(self, source: Source) -> Subject:
        """Who the patient is, by issuer and PatientID. Raises :class:`Permanent` if that is not certain."""
        try:
            patient_id = charset.decode(source.raw("PatientID"), source.charset)
        except charset.Undecodable:
            message = "PatientID cannot be read in the declared SpecificCharacterSet: one patient could become two"
            raise Permanent("undecodable", message) from None
        issuer = charset.likely(source.raw("IssuerOfPatientID"), source.charset)
        if not patient_id.strip(" \x00\t\r\n"):
            raise Permanent("no-patient-id", "PatientID (0010,0020) is empty: the patient's studies could not be kept together")
        return Subject(self._pseudonymiser.patient(issuer, patient_id), self._pseudonymiser.shift_days(issuer, patient_id))

    def _complete(self, source: Source, elements: dict[int, bytes], rewriter: Rewriter) -> None:
        """Attributes that must be there whatever the input had."""
        syntax, pseudonym = source.syntax, rewriter.subject.pseudonym.encode("ascii")
        elements[_CHARACTER_SET] = syntax.element(_CHARACTER_SET, "CS", b"ISO_IR 192")
        for tag, vr in ((0x00100010, "PN"), (0x00100020, "LO")):
            elements[tag] = syntax.element(tag, vr, pseudonym)
        if not source.raw("PatientAge").strip(b"\x00 ") and self.plan.action(_PATIENT_AGE, "AS") == "age89":
            age = dates.age_at(source.get("PatientBirthDate"), source.get("StudyDate"))
            if age:
                elements[_PATIENT_AGE] = syntax.element(_PATIENT_AGE, "AS", age.encode("ascii"))
        frames = source.number("NumberOfFrames", 1)
        encapsulated = source.pixel_data is not None and source.pixel_data.encapsulated
        for tag in _OFFSET_TABLES:
            if tag in elements and (not encapsulated or len(value_of(source.data_set, tag)) != 8 * frames):
                del elements[tag]

    def _marks(self, source: Source, subject: Subject, label: str, label_source: str) -> list[tuple[int, str, str]]:
        """The marks of a de-identified object: tag, VR, value. What the input had in group 0012 is gone."""
        if label not in marks.LABELS:
            raise Permanent("error", "the label is none of " + ", ".join(marks.LABELS))
        ours = marks.method(self.plan.profile, self.plan.digest)
        earlier = [one.strip() for one in source.get("DeidentificationMethod").split("\\") if marks.is_method(one)]
        return [
            (0x00120010, "LO", marks.SPONSOR),
            (0x00120020, "LO", self._programme),
            (0x00120021, "LO", ""),
            (0x00120030, "LO", self._site_id),
            (0x00120031, "LO", ""),
            (0x00120040, "LO", subject.pseudonym),
            (0x00120062, "CS", "YES"),
            (0x00120063, "LO", "\\".join([*(one for one in earlier if one != ours), ours])),
            (0x00280303, "CS", self.plan.dates),
            (marks.PRIVATE_CREATOR_TAG, "LO", marks.PRIVATE_CREATOR),
            (marks.private_tag(marks.LABEL), "CS", label.upper()),
            (marks.private_tag(marks.LABEL_SOURCE), "LO", label_source.replace("\\", "/")[:64]),
            (marks.private_tag(marks.PROFILE), "LO", self.plan.profile),
            (marks.private_tag(marks.PROFILE_DIGEST), "LO", self.plan.digest),
        ]

    def _method_codes(self, source: Source) -> bytes:
        """DeidentificationMethodCodeSequence: what was done before, then what was done here (CID 7050)."""
        codes = [marks.CODE_BASIC]
        if self.plan.dates == "MODIFIED":
            codes.append(marks.CODE_MODIFIED_DATES)
        if self.plan.keeps_patient_characteristics:
            codes.append(marks.CODE_PATIENT_CHARACTERISTICS)
        earlier = _earlier_codes(source)
        return source.syntax.sequence(_METHOD_CODES, [_code_item(source.syntax, code) for code in dict.fromkeys([*earlier, *codes])])


def _required_uid(source: Source, tag: int) -> str:
    keyword = _REQUIRED_UIDS[tag]
    uid = source.get(keyword)
    if not uid:
        raise Permanent("incomplete", f"{keyword} is missing")
    if not is_valid_uid(uid):
        raise Malformed(f"{keyword} is not a valid UID")
    return uid


def _earlier_codes(source: Source) -> list[str]:
    """The codes of CID 7050 that earlier de-identification left."""
    items = items_of(source.data_set, _METHOD_CODES, source.syntax)
    values = [value_of(item, 0x00080100).decode("ascii", "replace").strip(" \x00") for item in items]
    return [value for value in values if value in marks.METHOD_CODES]


def _code_item(syntax: Syntax, code: str) -> bytes:
    values = ((0x00080100, "SH", code), (0x00080102, "SH", "DCM"), (0x00080104, "LO", marks.METHOD_CODES[code]))
    return b"".join(syntax.element(tag, vr, value.encode("ascii")) for tag, vr, value in values)


def _write(source: Source, target: BinaryIO, head: bytes, body: bytes, pixels: Pixels) -> int:
    target.write(head)
    sink, deflater = open_target(target, source.meta.transfer_syntax_uid)
    sink.write(body + pixels.header(source.syntax))
    pixels.copy(sink)
    if deflater is not None:
        deflater.finish()
    return target.tell()
