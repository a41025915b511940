"""A corpus of made-up chest CT studies with identities in every carrier, and an answer for every element.

    corpus(seed, patients=3)        the same seed gives the same bytes; another seed, patients nobody has seen
    Corpus.score(results, programme)  counts right answers as the MIDI-B benchmark does, and searches for leaks

Each patient has two studies. Whatever happens to an object is an answer, right or wrong: every element at
every depth, the pixels, the File Meta Information; and of an object that must be held, that it is. An object
held that should have come out counts each of its answers as wrong.
"""

from __future__ import annotations

import datetime
import random
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fidac_node.dicom import marks
from tests.deid_encoding import Path, Read, Want, flat, read, syntax_of
from tests.deid_identities import Needles, Person, person, words
from tests.deid_kinds import KINDS
from tests.deid_slices import slice_of

PROGRAMMES = ("fidac-chest-ct", "fidac-chest-ct-device", "basic-only")
# What a word of the answer key means in each of the three programmes.
MEANS: dict[str, tuple[str, str, str]] = {
    "gone": ("gone", "gone", "gone"),  # absent
    "empty": ("empty", "empty", "empty"),  # present, without a value
    "lost": ("lost", "lost", "lost"),  # absent, empty, a constant, or the patient's pseudonym
    "dummy": ("dummy", "dummy", "dummy"),  # a constant, and there
    "kept": ("kept", "kept", "kept"),  # the very bytes
    "present": ("present", "present", "present"),  # a sequence that is entered
    "uid": ("uid", "uid", "uid"),
    "date": ("date", "date", "lost"),
    "time": ("time", "time", "lost"),  # cut down to whole seconds
    "moment": ("moment", "moment", "lost"),  # a TM or DT that goes on by the fraction of a second of its study
    "trait": ("kept", "kept", "any"),
    "age": ("is", "is", "any"),
    "device": ("lost", "kept", "lost"),
    "text": ("text", "text", "lost"),
    "device text": ("text", "kept", "lost"),
    "contrast": ("contrast", "contrast", "contrast"),
    "meaning": ("text", "text", "text"),  # of a published code: its own words alone
    "safe": ("kept", "kept", "gone"),
    "pseudonym": ("pseudonym", "pseudonym", "pseudonym"),
    "is": ("is", "is", "is"),
    "marked": ("marked", "marked", "marked"),  # replaced by a mark of ours
    "any": ("any", "any", "any"),  # nothing is asked but that no identity is left
}
_NEW_UID = re.compile(r"2\.25\.(?:0|[1-9]\d{0,38})", re.ASCII)
_MOMENT = re.compile(
    r"(?P<date>(?:\d{8})?)(?P<hour>\d\d)(?:(?P<minute>\d\d)(?P<second>\d\d)?)?\.?(?P<fraction>\d*)", re.ASCII
)
_SECOND = 1_000_000  # in microseconds
_META = {0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013}
_METHODS = 0x00120064


@dataclass(frozen=True)
class Made:
    """One object of the corpus and the answers to it."""

    name: str
    patient: int
    study: int
    encoded: bytes
    syntax: str
    want: str  # delivered, held, or either
    key: Mapping[Path, tuple[str, bytes, Want]]
    pixels: bytes
    safe_private: bool


@dataclass(frozen=True)
class Score:
    """Right answers, all answers, and what was left of identities; ``wrong`` says which and how."""

    correct: int
    total: int
    leaks: list[str]
    wrong: list[str]

    @property
    def percent(self) -> float:
        return 100 * self.correct / self.total


@dataclass(frozen=True)
class Corpus:
    """Objects, and what must not be found in any output."""

    objects: tuple[Made, ...]
    needles: Needles

    def only(self, *kinds: str) -> Corpus:
        """The objects of some kinds."""
        return Corpus(tuple(one for one in self.objects if one.name.split("/")[0] in kinds), self.needles)

    def score(self, results: Mapping[str, bytes | str], programme: str = "fidac-chest-ct") -> Score:
        """Judge what became of each object by name: the bytes of the output, or the message it was held with."""
        judge = _Judge(PROGRAMMES.index(programme), self.needles)
        for one in self.objects:
            judge.object(one, results[one.name])
        if len(judge.shifts) > 2 and len(set(judge.shifts.values())) == 1:
            judge.wrong.append("all patients are moved by the same days")
            judge.total += 1
        if len(judge.fractions) > 2 and len({one[min(one)] for one in judge.fractions.values()}) == 1:
            judge.wrong.append("the moments of all studies go on by the same fraction")
            judge.total += 1
        return Score(judge.correct, judge.total, judge.leaks, judge.wrong)


def corpus(seed: int = 0, patients: int = 3, kinds: Iterable[str] | None = None) -> Corpus:
    """Make a corpus. The second patient is a homonym of the first, born on the same day."""
    rng = random.Random(seed)
    needles = Needles()
    objects = []
    people = [person(rng, number) for number in range(patients)]
    if patients > 1:
        people[1] = _homonym(people[0], people[1])
    for one in people:
        needles.person(one)
    wanted = set(KINDS if kinds is None else kinds)
    for number, one in enumerate(people):
        for place, (name, (_, syntaxes)) in enumerate(KINDS.items()):
            if name not in wanted:
                continue
            study = (place + number + seed) % 2 if name != "plain" else 0
            for copy in range(2 if name in ("plain", "spelling") else 1):
                syntax = syntaxes[(number + seed + copy) % len(syntaxes)]
                objects.append(
                    _made(f"{name}/{number}/{copy}", one, (study + copy) % 2, rng, 10 + 2 * place + copy, syntax)
                )
                needles.merge(objects[-1][1])
    return Corpus(tuple(made for made, _ in objects), needles)


def _homonym(first: Person, second: Person) -> Person:
    return replace(second, family=first.family, given=first.given, birth=first.birth)


def _made(name: str, who: Person, study: int, rng: random.Random, number: int, syntax: str) -> tuple[Made, Needles]:
    kind, _ = KINDS[name.partition("/")[0]]
    one = slice_of(name, who, study, rng, number, syntax)
    kind(one)
    key = {path: (vr, value, want) for path, vr, value, want in flat(one.elements, syntax_of(syntax), one.codec)}
    pixels = one.pixels_after if one.pixels_after is not None else one.pixels
    safe = any(want.kind == "safe" for _, _, want in key.values())
    return Made(name, who.number, study, one.encoded(), syntax, one.want, key, pixels or b"", safe), one.needles


@dataclass
class _Judge:
    programme: int
    needles: Needles
    correct: int = 0
    total: int = 0
    leaks: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    uids: dict[bytes, bytes] = field(default_factory=dict)
    pseudonyms: dict[int, bytes] = field(default_factory=dict)
    shifts: dict[int, datetime.timedelta] = field(default_factory=dict)
    # By how much the moments of each study went on: microseconds, by the unit that was written.
    fractions: dict[tuple[int, int], dict[int, int]] = field(default_factory=dict)
    constants: dict[int, bytes] = field(default_factory=dict)

    def object(self, one: Made, result: bytes | str) -> None:
        if isinstance(result, str):
            self.leaks += [f"{one.name}: {hit} in the reason" for hit in self.needles.found(result.encode())]
            answers = 1 if one.want != "delivered" else len(one.key) + 3
            self._count(one.want != "delivered", f"{one.name}: held: {result}", answers)
            return
        if one.want == "held":
            self._count(right=False, what=f"{one.name}: delivered, it must be held")
        try:
            output = read(result)
        except (ValueError, IndexError, OSError, struct.error) as error:
            self.leaks += [f"{one.name}: {hit}" for hit in self.needles.found(result, devices=self.programme != 1)]
            self._count(right=False, what=f"{one.name}: cannot be read: {error!r}", answers=len(one.key) + 3)
            return
        self.leaks += [f"{one.name}: {hit}" for hit in self.needles.found(output.plain, devices=self.programme != 1)]
        if one.want == "held":
            return
        self._count(output.pixels == one.pixels and not output.after_pixels, f"{one.name}: pixels")
        self._count(_head(output) == "", f"{one.name}: {_head(output)}")
        self._pseudonym(one, output.elements.get((0x00100020,), ("", b""))[1].strip(b" "))
        marked = self._marks(one, output)
        self._count(marked == "", f"{one.name}: {marked}")
        # The moments first: by how much they go back is what times are judged by.
        for path, (vr, value, want) in sorted(one.key.items(), key=lambda item: item[1][2].kind != "moment"):
            kind = MEANS[want.kind][self.programme]
            if kind != "any":
                said = self.element(one, path, vr, value, want._replace(kind=kind), output)
                self._count(said == "", f"{one.name}: {describe(path)} {vr} {want.kind}: {said}")

    def _count(self, right: bool, what: str, answers: int = 1) -> None:
        self.total += answers
        if right:
            self.correct += answers
        else:
            self.wrong.append(what)

    def _marks(self, one: Made, output: Read) -> str:
        """What says that the object is de-identified, and that nothing came in besides."""

        def value(*path: int) -> str:
            return output.elements.get(path, ("", b""))[1].decode("utf-8", "replace").strip("\0 ")

        codes = {value(_METHODS, number, 0x00080100) for number in range(20)} - {""}
        needed = [
            {"113100", "113105", "113107", "113108"},
            {"113100", "113105", "113107", "113108", "113109"},
            {"113100"},
        ][self.programme]
        needed |= {"113111"} if one.safe_private and self.programme < 2 else set()
        earlier = {"113103"} if one.name.startswith("trial/") else set()
        if codes - earlier != needed:
            return f"the methods are {sorted(codes)}, not {sorted(needed)}"
        if value(0x00120062) != "YES" or not value(0x00120063).rpartition("\\")[2].startswith("FIDAC "):
            return "the marks are not there"
        if value(0x00280303) != ("REMOVED" if self.programme == 2 else "MODIFIED"):
            return "LongitudinalTemporalInformationModified"
        ours = {0x00080005, 0x00100010, 0x00100020, 0x00101010, 0x00280303, *marks.PRIVATE_TAGS}
        more = [
            path for path in output.elements if path not in one.key and path[0] not in ours and path[0] >> 16 != 0x0012
        ]
        return f"{describe(more[0])} was not in the input" if more else ""

    def element(self, one: Made, path: Path, vr: str, before: bytes, want: Want, output: Read) -> str:
        """What is wrong with an element of the output; "" if nothing is."""
        found = output.elements.get(path)
        after = b"" if found is None else found[1].strip(b"\0 ")
        before = before.strip(b"\0 ")
        match want.kind:  # what may be absent
            case "gone":
                return "" if found is None else "is still there"
            case "lost":
                return self._lost(one, path, before, after)
            case "text":
                return _text(want, after)
            case "marked":
                return "is as it was" if vr != "SQ" and after == before else ""
        return "is missing" if found is None else self._there(one, path, want, (before, after))

    def _there(self, one: Made, path: Path, want: Want, values: tuple[bytes, bytes]) -> str:
        before, after = values
        match want.kind:
            case "present":
                wrong = ""
            case "empty":
                wrong = "has a value" if after else ""
            case "is":
                wrong = "" if after == want.must.encode() else f"is {after!r}, not {want.must}"
            case "contrast":
                wrong = "" if after == b"CONTRAST" else _text(want, after)
            case "kept":
                wrong = "" if after == before else f"is {after!r}, was {before!r}"
            case "uid":
                wrong = self._uids(before, after)
            case "date":
                wrong = self._date(one, before.decode("ascii"), after.decode("ascii"))
            case "time":
                wrong = self._time(one, before.decode("ascii"), after.decode("ascii"))
            case "moment":
                wrong = self._moment(one, before.decode("ascii"), after.decode("ascii"))
            case "pseudonym":
                wrong = self._pseudonym(one, after)
            case _:
                wrong = self._constant(path, after) if after else "has no value"
        return wrong

    def _lost(self, one: Made, path: Path, before: bytes, after: bytes) -> str:
        if not after or self._pseudonym(one, after) == "":
            return ""
        return "is as it was" if after == before else self._constant(path, after)

    def _constant(self, path: Path, after: bytes) -> str:
        """The same for all patients: it says nothing of one."""
        return (
            ""
            if self.constants.setdefault(path[-1], after) == after
            else f"is {after!r}, elsewhere {self.constants[path[-1]]!r}"
        )

    def _pseudonym(self, one: Made, after: bytes) -> str:
        known = self.pseudonyms.get(one.patient)
        if known is None:
            if after in self.pseudonyms.values() or re.fullmatch(rb"[A-Z0-9-]{10,64}", after) is None:
                return f"is {after!r}, no pseudonym of his own"
            if after in self.constants.values() or after == b"ANONYMOUS":
                return "is the same for all"
            self.pseudonyms[one.patient] = after
        return "" if self.pseudonyms[one.patient] == after else f"is {after!r}, elsewhere {known!r}"

    def _uids(self, before: bytes, after: bytes) -> str:
        old, new = before.split(b"\\"), after.split(b"\\")
        if len(old) != len(new):
            return f"has {len(new)} values, had {len(old)}"
        for was, now in zip(old, new, strict=True):
            if not _NEW_UID.fullmatch(now.decode("ascii")):
                return f"is {now!r}"
            if self.uids.setdefault(was.strip(b"\0 "), now) != now:
                return "is another UID than elsewhere"
        return "" if len(set(self.uids.values())) == len(self.uids) else "two UIDs became one"

    def _moment(self, one: Made, before: str, after: str) -> str:
        """A time of day, perhaps with a date before it, and an offset from UTC behind it that may not come out."""
        was, now = _MOMENT.fullmatch(re.sub(r"[+-]\d{4}$", "", before)), _MOMENT.fullmatch(after)
        if was is None or now is None or len(was["fraction"]) != len(now["fraction"]):
            return f"is {after!r}, was {before!r}"
        wrong = self._date(one, was["date"], now["date"]) if was["date"] else ""
        on, unit = _microseconds(now) - _microseconds(was), 10 ** (6 - len(was["fraction"]))
        known = self.fractions.setdefault((one.patient, one.study), {})
        known.setdefault(unit, on)
        agree = all(other // max(unit, finer) == on // max(unit, finer) for finer, other in known.items())
        return wrong or (
            "" if 0 <= on < _SECOND and agree else f"is {after!r}, was {before!r}: not moved like the others"
        )

    def _time(self, one: Made, before: str, after: str) -> str:
        """A time of day in whole seconds."""
        return "" if after == before.partition(".")[0] else f"is {after!r}, was {before!r}"

    def _date(self, one: Made, before: str, after: str) -> str:
        old, new = before.split("\\"), after.split("\\")
        if len(old) != len(new):
            return f"is {after!r}, was {before!r}"
        for was, now in zip(old, new, strict=True):
            if one.patient not in self.shifts and re.fullmatch(r"\d{8}", was):
                self.shifts[one.patient] = _day(now) - _day(was)
                if not -3650 <= self.shifts[one.patient].days <= -1:
                    return "is not moved back by 1 to 3650 days"
            if now != _moved(was, self.shifts[one.patient]):
                return f"is {now!r}, was {was!r}: not moved like the others"
        return ""


def _head(output: Read) -> str:
    if any(output.preamble):
        return "the preamble is not empty"
    if set(output.meta) != _META:
        return "the File Meta Information has other elements"
    if output.meta[0x00020003].strip(b"\0") != output.elements.get((0x00080018,), ("", b""))[1].strip(b"\0"):
        return "(0002,0003) is not (0008,0018)"
    return "" if output.meta[0x00020012].strip(b"\0") != b"1.2.40.0.13.1.1" else "the implementation is not ours"


def _text(want: Want, after: bytes) -> str:
    left = words(after.decode("utf-8", "replace"))
    missing = set(words(want.must)) - set(left)
    if missing:
        return f"lost {sorted(missing)}"
    more = set(left) - want.allowed
    return f"keeps {sorted(more)}" if more else ""


def _day(value: str) -> datetime.date:
    return datetime.date(int(value[:4]), int(value[4:6]), int(value[6:8]))


def _moved(value: str, shift: datetime.timedelta) -> str:
    """A date moved and written as DA, with what stands behind it but for an offset from UTC."""
    value = re.sub(r"[+-]\d{4}$", "", value.strip(" "))
    if "." in value[:8]:
        return f"{_day(value.replace('.', '')) + shift:%Y%m%d}"
    return f"{_day(value[:8]) + shift:%Y%m%d}{value[8:]}"


def _microseconds(moment: re.Match[str]) -> int:
    hour, minute, second = (int(moment[part] or 0) for part in ("hour", "minute", "second"))
    return ((hour * 60 + minute) * 60 + second) * _SECOND + int(moment["fraction"].ljust(6, "0"))


def describe(path: Path) -> str:
    """``(0040,0275)[0].(0010,0010)``."""
    return "".join(
        f"[{part}]." if place % 2 else f"({part >> 16:04X},{part & 0xFFFF:04X})" for place, part in enumerate(path)
    )
