"""De-identification of one object: triage, rewrite, mark, check, and only then write.

The header is rewritten element by element, as bytes; what is encoded in an unusual way is made plain
first (:mod:`.slow`), with the same result. The encoded output passes the leak gate before a byte
of it goes anywhere. Any doubt raises :class:`Permanent`; the caller holds the object for a person.
"""

from __future__ import annotations

import datetime
import io
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from fidac_node.deidentify.actions import LOST, NORMALISED, Changes
from fidac_node.deidentify.gate.gate import Gate
from fidac_node.deidentify.marking import Done, Marker, Marks
from fidac_node.deidentify.pixels.copy import Pixels, open_target
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.rewrite import dates, iod, structured
from fidac_node.deidentify.rewrite.dates import Clock, Moments
from fidac_node.deidentify.rewrite.pseudonym import Pseudonymiser
from fidac_node.deidentify.rewrite.rewrite import ElementRule, Rewriter, RewrittenHeader, Subject, taken, told
from fidac_node.deidentify.rewrite.text import words
from fidac_node.deidentify.source import Source, Sources
from fidac_node.deidentify.triage import triage
from fidac_node.deidentify.triage.triage import IMAGE, Rules, Verdict
from fidac_node.dicom import charset, elements, forms, tags
from fidac_node.dicom.elements import Elements, Unusual
from fidac_node.dicom.encode import Syntax
from fidac_node.dicom.part10 import PIXEL_DATA, FileMeta, Malformed, encode_meta
from fidac_node.dicom.series import Cut, pieces, whole
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_LE, is_name
from fidac_node.errors import FidacError, Permanent, Temporary

_T = TypeVar("_T")
ElementPath: TypeAlias = "tuple[int, ...]"

_REQUIRED_UIDS: Final = {
    tags.SOP_INSTANCE_UID: "SOPInstanceUID",
    tags.STUDY_INSTANCE_UID: "StudyInstanceUID",
    tags.SERIES_INSTANCE_UID: "SeriesInstanceUID",
}
_LONGEST_DATE: Final = 10  # YYYY-MM-DD
# Where the day of a study is said, the most telling first.
_DATES: Final = (
    tags.STUDY_DATE,
    tags.SERIES_DATE,
    tags.ACQUISITION_DATE,
    tags.ACQUISITION_DATE_TIME,
    tags.CONTENT_DATE,
)
_SHORT_HEADER: Final = 8  # bytes
# Studies whose elements are remembered at once: a PACS sends a few side by side.
_MOST_STUDIES: Final = 8
_MOST_LAYOUTS: Final = 8


class Keys(Protocol):
    """Whose key makes a patient's pseudonyms: a :class:`Pseudonymiser`, or a ring of them."""

    def of(self, issuer: str, patient_id: str) -> Pseudonymiser:
        """The pseudonymiser of one patient."""


@dataclass(frozen=True)
class Outcome:
    """What became of an object: its new identity, and the action taken on each element.

    ``size`` is in bytes, as written; ``copied`` are the bytes of the source's buffer that were written as they are:
    pixels that passed. ``normalised`` are the paths of attributes that were written right, ``lost`` of those that would
    have stayed and could not be understood. Nothing here is an original identifier.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    pseudonym: str
    size: int
    changes: Changes = field(repr=False)
    copied: range = range(0)
    normalised: tuple[ElementPath, ...] = ()
    lost: tuple[ElementPath, ...] = ()

    def taken(self) -> list[tuple[tuple[int, ...], str]]:
        """Tag path and action of every element of the input, at every depth."""
        return list(taken(self.changes))

    @property
    def actions(self) -> dict[str, int]:
        """How often each action was taken."""
        return dict(Counter(action for _, action in taken(self.changes)))


class Parts(NamedTuple):
    """An object without a copy of its pixels: ``head``, then the bytes ``copied`` of the file that it was made from.

    Where the pixels are not in the file as they are written (coded anew, cut, deflated), all is in ``head``.
    """

    head: bytes
    copied: range


@dataclass(frozen=True, repr=False)
class Output:
    """A de-identified object that has passed the gate: File Meta Information, header, pixel data."""

    head: bytes
    body: bytes
    pixels: Pixels | None
    outcome: Outcome

    def header(self) -> bytes:
        """The object without its pixel data, never deflated."""
        uid = self.outcome.transfer_syntax_uid
        plain = EXPLICIT_VR_LE if uid == DEFLATED_EXPLICIT_VR_LE else uid
        meta = encode_meta(FileMeta(self.outcome.sop_class_uid, self.outcome.sop_instance_uid, plain))
        pixels = b"" if self.pixels is None else self.pixels.header(Syntax.of(uid))
        return meta + self.body.removesuffix(pixels)

    def chunks(self) -> Iterator[bytes | memoryview]:
        """Yield the object as a Part 10 file, in pieces (not deflated: that is done on writing)."""
        yield self.head
        yield self.body
        if self.pixels is not None:
            yield from self.pixels.chunks()

    @property
    def is_patch(self) -> bool:
        """Whether all that follows the header is a range of the file that the source was read from."""
        return bool(self.outcome.copied) and self.outcome.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LE

    def parts(self) -> Parts:
        """The object as what is new of it and where the rest lies; what is no patch is written into memory."""
        if self.is_patch:
            return Parts(self.head + self.body, self.outcome.copied)
        whole = io.BytesIO()
        with doubt_holds():
            self.write(whole)
        return Parts(whole.getvalue(), range(0))

    def write(self, target: BinaryIO) -> int:
        """Write the object to ``target``, a fresh file; return its size in bytes."""
        target.write(self.head)
        sink, deflater = open_target(target, self.outcome.transfer_syntax_uid)
        sink.write(self.body)
        if self.pixels is not None:
            self.pixels.copy(sink)
        if deflater is not None:
            deflater.finish()
        return target.tell()


@dataclass(frozen=True, repr=False)
class _Study:
    """What the objects of one study share, in one encoding."""

    subject: Subject
    rewriter: Rewriter
    marks: dict[tuple[object, ...], Marks] = field(default_factory=dict)
    layouts: dict[tuple[object, ...], list[tuple[int, bytes]]] = field(default_factory=dict)


@contextmanager
def doubt_holds() -> Iterator[None]:
    """Turn whatever nobody foresaw into :class:`Permanent` ``error``: the object waits for a person.

    A module that is missing is not the object's fault: :class:`Temporary`.
    """
    try:
        yield
    except FidacError:
        raise
    except (OSError, MemoryError):
        raise  # the disk or the machine, not the object: the caller tries again
    except ImportError as error:
        raise Temporary(f"{error.name or 'a module'} is missing here: install fidac-node again") from error
    except Exception as error:
        # Only the kind of the error: its text may quote a value.
        raise Permanent("error", f"de-identification failed unexpectedly ({type(error).__name__})") from error


class Deidentifier:
    """De-identifies the objects of one site for one programme.

    ``rules`` say what a site lets through triage, ``moments`` what is told of dates and times; ``own`` are words that
    the site has named itself: no text keeps them, and the gate looks for them. ``path`` is for tests:
    ``fast`` raises :class:`.Unusual` where the fast path does not do, ``slow`` takes everything through :mod:`.slow`.
    """

    def __init__(
        self,
        plan: Plan,
        keys: Keys,
        site_id: str,
        programme: str,
        *,
        rules: Rules | None = None,
        moments: Moments | None = None,
        own: Sequence[str] = (),
        path: Literal["auto", "fast", "slow"] = "auto",
    ) -> None:
        self.plan = plan
        self.sources = Sources()
        self._keys = keys
        self._marker = Marker(plan, programme, site_id)
        self._rules = rules or Rules()
        self._passed: triage.Passed = {}
        self._moments = moments or Moments()
        self._path = path
        self._kept = plan.kept
        self._words = frozenset(word for entry in plan.vocabulary | plan.devices for word in entry.split())
        self._gate = Gate(plan.vocabulary | plan.common | plan.devices, plan.devices, own)
        self._own = self._words.intersection(word for one in own for word in words(one))
        self._studies: OrderedDict[tuple[object, ...], _Study] = OrderedDict()
        self._memory: dict[tuple[Syntax, str], dict[bytes, ElementRule]] = {}

    def demand_uids(self, source: Source) -> None:
        """Raise :class:`Permanent` if an object does not say which instance it is, of which series and study."""
        with doubt_holds():
            _demand_uids(source)

    def triage(self, source: Source) -> Verdict:
        """What kind of object ``source`` is (see :func:`.triage.triage`).

        Raises :class:`Permanent` if none that may pass.
        """
        with doubt_holds():
            return _read(source, lambda source: triage.triage(source, self._rules, self._passed))

    def deidentify(
        self,
        source: Path | Source,
        target: BinaryIO,
        *,
        label: str,
        label_source: str,
        limit: int,
        looked: bool = False,
        verdict: Verdict | None = None,
        version: int = 1,
    ) -> Outcome:
        """Write the de-identified object to ``target``, a fresh file open for writing.

        ``label`` is one of :data:`fidac_node.dicom.marks.LABELS`; ``label_source`` says where it comes from;
        ``limit`` (bytes) bounds what a deflated object may inflate to; ``looked`` says that the pixels
        were searched for text, for objects of which triage demands it; ``verdict`` is what :meth:`triage` said
        of this source, if it was asked; ``version`` counts what replaces an earlier version of the instance. Raises
        :class:`Permanent` with a reason code on any doubt; what was
        written by then is to be thrown away.
        """
        if isinstance(source, Path):
            with doubt_holds(), self.sources.open(source, limit) as opened:
                return self.deidentify(
                    opened,
                    target,
                    label=label,
                    label_source=label_source,
                    limit=limit,
                    looked=looked,
                    version=version,
                )
        output = self.apply(
            source, label=label, label_source=label_source, looked=looked, verdict=verdict, version=version
        )
        with doubt_holds():
            size = output.write(target)
        return replace(output.outcome, size=size)

    def apply(
        self,
        source: Source,
        *,
        label: str,
        label_source: str,
        looked: bool = False,
        verdict: Verdict | None = None,
        version: int = 1,
    ) -> Output:
        """De-identify an object in memory; its pixel data stays where it is. As :meth:`deidentify`."""
        if verdict is None:
            verdict = self.triage(source)
        with doubt_holds():
            if verdict.look and not looked:
                raise Permanent(
                    "pixel-risk",
                    "text may be burned into its pixels and nothing here looked for it; look at it, then drop it",
                )
            return _read(source, lambda source: self._apply(source, verdict, label, label_source, version))

    def _apply(self, source: Source, verdict: Verdict, label: str, label_source: str, version: int) -> Output:
        _demand_uids(source)
        said = self._gate.read((*source.cut.pieces, *source.tail), source.meta.transfer_syntax_uid, self._kept)
        study = self._study(source, verdict.kind, (said.names & self._words) | self._own)
        pixels = Pixels(source, verdict.mask) if verdict.kind == IMAGE else None
        header = self._header(source, study.rewriter, verdict.kind)
        completed = self._completed(source, header, pixels, study.subject.clock)
        own = {**header.own, **completed}
        lost = _told(header, LOST, completed) if header.told else ()
        ours = self._marks(source, study, label, label_source, Done(verdict.kind, bool(header.private), lost, version))
        new = {tag: _new_uid(own.get(tag) or header.left.get(tag, b""), tag, source.syntax) for tag in _REQUIRED_UIDS}
        meta = FileMeta(source.get("SOPClassUID"), new[tags.SOP_INSTANCE_UID], source.meta.transfer_syntax_uid)
        head = encode_meta(meta)
        after = self._in_order(study, header, own, ours.elements)
        self._gate.check(
            said,
            after,
            head=head,
            sender=source.meta.source_ae,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            written=ours.texts,
            private=header.private,
            pixels=() if pixels is None else pixels.margins(),
        )
        if pixels is not None:
            after.append(pixels.header(source.syntax))
        outcome = Outcome(
            meta.sop_class_uid,
            meta.sop_instance_uid,
            new[tags.STUDY_INSTANCE_UID],
            new[tags.SERIES_INSTANCE_UID],
            meta.transfer_syntax_uid,
            study.subject.pseudonym,
            0,
            header.changes,
            range(0) if pixels is None else pixels.copied,
            _normalised(source, header, completed, pixels),
            lost,
        )
        return Output(head, b"".join(after), pixels, outcome)

    def _header(self, source: Source, rewriter: Rewriter, kind: str) -> RewrittenHeader:
        """What becomes of the header, by the fast path wherever it does."""
        if source.syntax.little and self._path != "slow":
            try:
                return self._rewritten(source, source.cut, rewriter, kind)
            except Unusual:
                if self._path == "fast":
                    raise
        elif self._path == "fast":
            raise Unusual("big endian")
        return self._rewritten(source, whole(source.canonical()), rewriter, kind)

    def _rewritten(self, source: Source, cut: Cut, rewriter: Rewriter, kind: str) -> RewrittenHeader:
        if kind == IMAGE:
            return rewriter.header(cut)
        explicit = source.syntax.explicit
        rebuilt = structured.rebuilt(elements.nodes(cut.elements, explicit=explicit), kind)
        return rewriter.header(whole(elements.encoded(rebuilt, explicit=explicit)))

    def _study(self, source: Source, kind: str, names: frozenset[str]) -> _Study:
        """What objects of a study share; ``names`` are those that are also words, and the site's own.

        Raises :class:`Permanent` if it is not certain whose.
        """
        said = (
            tags.PATIENT_ID,
            tags.ISSUER_OF_PATIENT_ID,
            tags.SPECIFIC_CHARACTER_SET,
            tags.SOP_CLASS_UID,
            tags.STUDY_INSTANCE_UID,
        )
        day = _day_of(source)
        key = (*map(source.elements.get, said), source.syntax, kind, names, day)
        study = self._studies.get(key)
        if study is None:
            study = self._new_study(source, kind, names, day)
            if len(self._studies) >= _MOST_STUDIES:
                self._studies.popitem(last=False)
            self._studies[key] = study
        else:
            self._studies.move_to_end(key)
        return study

    def _new_study(self, source: Source, kind: str, names: frozenset[str], day: datetime.date | None) -> _Study:
        try:
            patient_id = charset.decode(source.value(tags.PATIENT_ID), source.charset)
        except charset.Undecodable:
            message = (
                "PatientID (0010,0020) cannot be read in the declared SpecificCharacterSet: "
                "one patient could become two"
            )
            raise Permanent("undecodable", message) from None
        issuer = charset.likely(source.value(tags.ISSUER_OF_PATIENT_ID), source.charset)
        pseudonymiser = self._keys.of(issuer, patient_id)
        fraction = pseudonymiser.fraction(source.get("StudyInstanceUID"), self._moments.time_resolution)
        clock = dates.clock(pseudonymiser.shift_days(issuer, patient_id), day, self._moments, fraction)
        subject = Subject(pseudonymiser.patient(issuer, patient_id), clock, names)
        demands = iod.demands_of(source.get("SOPClassUID"))
        overrides = structured.actions_of(self.plan.action(tags.STUDY_DATE, "DA")) if kind != IMAGE else {}
        rules = self._memory.setdefault((source.syntax, kind), {})
        rewriter = Rewriter(self.plan, pseudonymiser, subject, source.syntax, overrides, demands=demands, rules=rules)
        return _Study(subject, rewriter)

    def _completed(self, source: Source, header: RewrittenHeader, pixels: Pixels | None, clock: Clock) -> Elements:
        """Attributes that must be there whatever the input had; ``b""`` for those that must not."""
        completed: Elements = {}
        if not _has_value(header, tags.PATIENT_AGE) and self.plan.action(tags.PATIENT_AGE, "AS") == "age89":
            age = dates.age_at(source.get("PatientBirthDate"), _day_of(source))
            if age:
                completed[tags.PATIENT_AGE] = source.syntax.element(tags.PATIENT_AGE, "AS", age.encode("ascii"))
        shifts = not _has_value(header, tags.STUDY_DATE) and self.plan.action(tags.STUDY_DATE, "DA") == "shift"
        if shifts and (day := _other_day(source, clock)):
            completed[tags.STUDY_DATE] = source.syntax.element(tags.STUDY_DATE, "DA", day.encode("ascii"))
        tables = any(header.own.get(tag) or header.left.get(tag) for tag in tags.OFFSET_TABLES)
        if tables and (pixels is None or not pixels.are_offsets(*map(source.value, tags.OFFSET_TABLES))):
            completed |= dict.fromkeys(tags.OFFSET_TABLES, b"")
        if pixels is not None and pixels.high_bit is not None:
            value = pixels.high_bit.to_bytes(2, "little" if source.syntax.little else "big")
            completed[tags.HIGH_BIT] = source.syntax.element(tags.HIGH_BIT, "US", value)
        return completed

    def _marks(self, source: Source, study: _Study, label: str, label_source: str, done: Done) -> Marks:
        """What every de-identified object says; mostly the same for all slices of a series."""
        key = (
            label,
            label_source,
            done,
            source.elements.get(tags.DEIDENTIFICATION_METHOD),
            source.elements.get(tags.DEIDENTIFICATION_METHOD_CODE_SEQUENCE),
        )
        ours = study.marks.get(key)
        if ours is None:
            ours = self._marker.marks(source, study.subject.pseudonym, label, label_source, done)
            study.marks.clear()
            study.layouts.clear()
            study.marks[key] = ours
        return ours

    def _in_order(self, study: _Study, header: RewrittenHeader, own: Elements, ours: Elements) -> list[bytes]:
        """An output's elements by ascending tag.

        Those that a series has in common are in pieces that come again with every slice.
        """
        key = (header.common, *own)
        layout = study.layouts.get(key)
        if layout is None:
            found = {**header.left, **own, **ours}
            layout = list(pieces({tag: found[tag] for tag in sorted(found)}, own.keys() - ours.keys()))
            if header.common is None:
                return [encoded for _, encoded in layout if encoded]
            if len(study.layouts) >= _MOST_LAYOUTS:
                study.layouts.clear()
            study.layouts[key] = layout
        after = [own.get(tag, encoded) for tag, encoded in layout]
        return [encoded for encoded in after if encoded]


def _day_of(source: Source) -> datetime.date | None:
    """The day of the object's study."""
    return _day(
        tuple(source.value(tag)[:_LONGEST_DATE] for tag in _DATES),
        source.value(tags.LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED),
    )


def _other_day(source: Source, clock: Clock) -> str:
    """The day of the study, moved, where its StudyDate is a day that all other dates contradict; else ``""``."""
    said, day = source.right(tags.STUDY_DATE).strip(b"\x00 "), _day_of(source)
    if not said or day is None or not forms.is_understood(tags.STUDY_DATE, "DA", said):
        return ""
    return clock.da(f"{day:%Y%m%d}")


# Of the slices of a series the same.
@lru_cache(maxsize=64)
def _day(values: tuple[bytes, ...], modified: bytes) -> datetime.date | None:
    written = (forms.right(tags.STUDY_DATE, "DA", value) for value in values)
    texts = tuple(value.decode("ascii", "replace") for value in written)
    return dates.study_date(texts, modified=modified.strip(b"\x00 ") == b"MODIFIED")


def _read(source: Source, act: Callable[[Source], _T]) -> _T:
    """Act on an object as it is written; if that is not well-formed somewhere inside, as it was meant."""
    try:
        return act(source)
    except Permanent as error:
        if error.code != "malformed" or source.again is None:
            raise
        try:
            again = source.again()
        except Malformed:
            again = None
        if again is None or not again.mended:
            raise
        return act(replace(again, mended=(*source.mended, *again.mended)))


def _told(header: RewrittenHeader, what: str, completed: Elements | None = None) -> tuple[ElementPath, ...]:
    """Paths of what is to be told, but for attributes that were ``completed``."""
    return tuple(path for path in told(header.changes, header.told, what) if not (completed or {}).get(path[0]))


def _normalised(
    source: Source, header: RewrittenHeader, completed: Elements, pixels: Pixels | None
) -> tuple[ElementPath, ...]:
    """Paths of all that was written right."""
    if not (source.mended or header.told or completed or (pixels is not None and pixels.without_table)):
        return ()
    found = [*source.mended, *_told(header, NORMALISED)]
    found += [(tag,) for tag in (tags.STUDY_DATE, tags.HIGH_BIT) if completed.get(tag)]
    found += [(PIXEL_DATA,)] if pixels is not None and pixels.without_table else []
    return tuple(dict.fromkeys(found))


def _has_value(header: RewrittenHeader, tag: int) -> bool:
    """Say whether an attribute with a short header has a value in the output."""
    return len(header.own.get(tag) or header.left.get(tag) or b"") > _SHORT_HEADER


def _demand_uids(source: Source) -> None:
    for keyword in _REQUIRED_UIDS.values():
        uid = source.get(keyword)
        if not uid:
            raise Permanent("incomplete", f"{keyword} is missing")
        if not is_name(uid):
            raise Malformed(f"{keyword} is neither a UID nor a name in place of one")


def _new_uid(encoded: bytes, tag: int, syntax: Syntax) -> str:
    value = encoded[elements.head_of(encoded, syntax.explicit)[1] :].decode("ascii").rstrip("\x00")
    if not value:
        raise Malformed(f"{_REQUIRED_UIDS[tag]} has no value representation that could hold it")
    return value
