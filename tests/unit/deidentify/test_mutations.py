"""Each protection switched off, one at a time: the corpus notices, with the leak gate and without it."""

from __future__ import annotations

import io
import itertools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest
from pydicom.datadict import keyword_for_tag

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify import engine as applied
from fidac_node.deidentify.actions import Change
from fidac_node.deidentify.gate import needles, scripts
from fidac_node.deidentify.gate.gate import Gate
from fidac_node.deidentify.gate.haystack import NOBODY
from fidac_node.deidentify.gate.search import Search
from fidac_node.deidentify.marking import Marker, Marks
from fidac_node.deidentify.pixels import codestream, copy
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.rewrite import codes, dates, devices, iod, pseudonym, rewrite, shapes, text
from fidac_node.deidentify.rewrite.dates import Clock
from fidac_node.deidentify.rewrite.rewrite import Rewriter
from fidac_node.deidentify.triage import triage
from fidac_node.dicom import elements, part10
from fidac_node.dicom.dictionary import vrs_of
from fidac_node.errors import Permanent
from tests.deid_corpus import Corpus, Score, corpus
from tests.deid_kinds import KINDS
from tests.deid_slices import tag_of
from tests.unit.deidentify.build import KEY, LIMIT

pytestmark = pytest.mark.thorough

PLAN = load_plan("fidac-chest-ct")
CORPUS = corpus(7, patients=3)
Patch: TypeAlias = pytest.MonkeyPatch


@dataclass(frozen=True)
class Mutation:
    """A protection, how it is switched off, and the carriers that must notice; ``plan`` changes the plan instead."""

    name: str
    kinds: tuple[str, ...]
    off: Callable[[Patch], None] = lambda _: None
    plan: Callable[[Plan], Plan] = lambda plan: plan
    keys: type[Pseudonymiser] = Pseudonymiser


def forget() -> None:
    """Clear what modules remember, so that nothing of the sound engine answers for the broken one."""
    for name, module in list(sys.modules.items()):
        if name.startswith("fidac_node.deidentify"):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def score_of(made: Corpus, plan: Plan = PLAN, keys: type[Pseudonymiser] = Pseudonymiser) -> Score:
    engine = Deidentifier(plan, keys(KEY, "FIDAC", "S1"), "S1", "FIDAC")
    results: dict[str, bytes | str] = {}
    for one in made.objects:
        target = io.BytesIO()
        try:
            engine.deidentify(
                engine.sources.read(one.encoded, LIMIT), target, label="unknown", label_source="default", limit=LIMIT
            )
            results[one.name] = target.getvalue()
        except Permanent as error:
            results[one.name] = f"{error.code}: {error}"
    return made.score(results)


def notices(made: Corpus, plan: Plan = PLAN, keys: type[Pseudonymiser] = Pseudonymiser) -> bool:
    score = score_of(made, plan, keys)
    return score.correct < score.total or score.leaks != []


def no_gate(patch: Patch) -> None:
    patch.setattr(Gate, "check", lambda *_, **__: None)


def copied(which: Callable[[int, bytes, bool], bool]) -> Callable[[Patch], None]:
    """Copy the elements that ``which`` says (by tag, encoded, whether explicit) as they are."""

    def off(patch: Patch) -> None:
        sound = Rewriter._change

        def change(
            self: Rewriter, tag: int, encoded: bytes, declared: tuple[str, ...], depth: int, framed: bool
        ) -> Change:
            if which(tag, encoded, self._syntax.explicit):
                return Change("keep", encoded)
            return sound(self, tag, encoded, declared, depth, framed)

        patch.setattr(Rewriter, "_change", change)

    return off


def instead(place: Any, name: str, value: Any) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(place, name, value)


def by_vr(vr: str) -> Callable[[Plan], Plan]:
    action = {"DA": "shift", "DT": "shift", "TM": "time"}.get(vr, "keep")
    return lambda plan: replace(plan, vrs={**plan.vrs, vr: action})


def by_name(action: str, *keywords: str) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, tags={**plan.tags, **{tag_of(keyword): action for keyword in keywords}})


def high_bit_ignored(patch: Patch) -> None:
    sound = copy._shape
    patch.setattr(copy, "_shape", lambda *args: sound(*args)._replace(aligned=True))


def offsets_kept(patch: Patch) -> None:
    sound = Clock.moment_dt
    patch.setattr(Clock, "moment_dt", lambda self, value: (new := sound(self, value)) and new + value[-5:])


def names_are_words(patch: Patch) -> None:
    sound = Deidentifier._study
    patch.setattr(Deidentifier, "_study", lambda self, source, kind, _: sound(self, source, kind, frozenset()))


def first_uid_only(patch: Patch) -> None:
    sound = Rewriter._text

    def mapped(self: Rewriter, tag: int, vr: str, value: str, action: str) -> bytes | None:
        head, mark, rest = value.partition("\\")
        new = sound(self, tag, vr, head if action == "uid" else value, action)
        return new + (mark + rest).encode() if new and action == "uid" else new

    patch.setattr(Rewriter, "_text", mapped)


def surplus_kept(patch: Patch) -> None:
    sound = copy.Pixels._check_native

    def check(self: copy.Pixels, source: Any) -> None:
        sound(self, source)
        self._length = source.pixel_data.length

    patch.setattr(copy.Pixels, "_check_native", check)


def tail_kept(patch: Patch) -> None:
    sound = applied.Output.write

    def write(self: applied.Output, target: Any) -> int:
        sound(self, target)
        assert self.pixels is not None
        target.write(b"".join(self.pixels._source.tail))
        return int(target.tell())

    patch.setattr(applied.Output, "write", write)


def plain_codes(patch: Patch) -> None:
    """Let codes through by their form, once a rule for their attribute has been made."""
    form, sound = re.compile(rb"[A-Z0-9 _]{1,16}"), shapes.plain
    patch.setattr(shapes, "plain", lambda tag, vr: form if vr == "CS" else sound(tag, vr))


class AnyCreator(dict[tuple[int, str, int], str]):
    """The safe list, whoever the creator is."""

    def get(self, key: tuple[int, str, int], default: Any = None) -> Any:
        return next((vr for (group, _, number), vr in self.items() if (group, number) == (key[0], key[2])), default)


class AnyElement(dict[tuple[int, str, int], str]):
    """The safe list, whichever element of a listed creator it is."""

    def get(self, key: tuple[int, str, int], default: Any = None) -> Any:
        return "LO" if any(group == key[0] and creator == key[1] for group, creator, _ in self) else default


class RandomUids(Pseudonymiser):
    counter = itertools.count(1 << 100)

    def uid(self, old: str) -> str:
        return f"2.25.{next(self.counter)}"


class OneUid(Pseudonymiser):
    def uid(self, old: str) -> str:
        return "2.25.200000000000000000000000000000000001"


class OnePatient(Pseudonymiser):
    def patient(self, issuer: str, patient_id: str) -> str:
        return "S1-AAAAAAAAAAAAAAAA"


class OneShift(Pseudonymiser):
    def shift_days(self, issuer: str, patient_id: str) -> int:
        return -100


class OneFraction(Pseudonymiser):
    def fraction(self, study_uid: str, resolution: int) -> int:
        return 250_000


class NoShift(Pseudonymiser):
    def shift_days(self, issuer: str, patient_id: str) -> int:
        return 0


class ForwardShift(Pseudonymiser):
    def shift_days(self, issuer: str, patient_id: str) -> int:
        return -super().shift_days(issuer, patient_id)


class ShiftByObject(Pseudonymiser):
    counter = itertools.count(1)

    def shift_days(self, issuer: str, patient_id: str) -> int:
        return -next(self.counter)


def no_marks(patch: Patch) -> None:
    sound = Marker.marks

    def without(*args: Any) -> Marks:
        whole = sound(*args)
        return Marks({tag: one for tag, one in whole.elements.items() if tag != 0x00120062}, whole.texts)

    patch.setattr(Marker, "marks", without)


def is_sequence(tag: int, encoded: bytes, explicit: bool) -> bool:
    return elements.is_sequence(tag, encoded, explicit)


HELD_CLASSES = tuple(name for name in KINDS if name.startswith("held_class"))
BY_DEFAULT = (
    *(
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "OB",
        "OF",
        "OL",
        "OW",
        "PN",
        "SH",
        "SQ",
        "ST",
        "TM",
        "UC",
        "UL",
        "UR",
        "US",
        "UT",
    ),
)
MARGINS = tuple(name for name in KINDS if name.startswith("margin"))
STUBBORN = tuple(name for name in KINDS if name.startswith("stubborn"))
MUTATIONS = [
    Mutation("private attributes", ("private",), copied(lambda tag, *_: bool(tag >> 16 & 1))),
    Mutation("entering sequences", ("depth", "enhanced", "provenance"), copied(is_sequence)),
    Mutation("entering UN", ("hidden",), copied(lambda tag, encoded, explicit: explicit and encoded[4:6] == b"UN")),
    Mutation("what PS3.6 does not know", ("retired",), copied(lambda tag, *_: not vrs_of(tag) and not tag >> 16 & 1)),
    Mutation("group lengths", ("retired",), copied(lambda tag, *_: not tag & 0xFFFF)),
    Mutation(
        "VR of the attribute",
        ("wrong_vr",),
        instead(Rewriter, "_vr", lambda self, tag, declared: declared or vrs_of(tag)[0]),
    ),
    *(
        Mutation(f"default of {vr}", ("dictionary", "defaults", "texts"), plan=by_vr(vr))
        for vr in BY_DEFAULT
    ),
    Mutation(
        "groups of graphics", ("graphics",), plan=lambda plan: replace(plan, groups=dict.fromkeys(plan.groups, "keep"))
    ),
    Mutation("UIDs after the first", ("references",), first_uid_only),
    Mutation("UIDs the same everywhere", ("references", "plain"), keys=RandomUids),
    Mutation("UIDs apart", ("references", "plain"), keys=OneUid),
    Mutation("standard UIDs stay", ("plain",), instead(rewrite, "STANDARD_UID", rewrite._WELL_KNOWN_UID)),
    Mutation("dates move", ("plain",), keys=NoShift),
    Mutation("dates move backwards", ("plain",), keys=ForwardShift),
    Mutation("dates move by patient", ("plain",), keys=OneShift),
    Mutation("dates of a patient move together", ("plain", "spelling", "head"), keys=ShiftByObject),
    Mutation("DA", ("plain",), instead(Clock, "da", lambda _, value: value)),
    Mutation("DT", ("plain",), instead(Clock, "moment_dt", lambda _, value: value)),
    Mutation("ages above 89", ("old_age", "depth"), instead(dates, "age89", lambda value: value)),
    Mutation("ages computed", ("no_age",), instead(dates, "age_at", lambda *_: "")),
    Mutation("one pseudonym each", ("plain",), keys=OnePatient),
    Mutation(
        "spelling of a patient", ("plain", "spelling"), instead(pseudonym, "identity", lambda *said: "|".join(said))
    ),
    Mutation("text is cleaned", ("plain", "texts"), instead(rewrite, "clean", lambda value, _: value)),
    Mutation("what is listed stays", ("plain", "texts"), instead(rewrite, "clean", lambda *_: "")),
    Mutation("words are compared folded", ("plain", "texts"), instead(text, "fold", lambda value: value)),
    Mutation(
        "the vocabulary",
        ("plain", "texts"),
        plan=lambda plan: replace(plan, vocabulary=plan.vocabulary | CORPUS.needles.words),
    ),
    Mutation(
        "codes that nobody published", ("codes", "unknown_codes"), instead(shapes, "meaning_of", lambda *_: "Chest")
    ),
    Mutation(
        "safe private: VR",
        ("unsafe_private",),
        instead(Rewriter, "_safe_value", lambda self, tag, vr, encoded: encoded),
    ),
    Mutation(
        "safe private: creator",
        ("private", "safe_private"),
        plan=lambda plan: replace(plan, private=AnyCreator(plan.private)),
    ),
    Mutation(
        "safe private: element", ("safe_private",), plan=lambda plan: replace(plan, private=AnyElement(plan.private))
    ),
    Mutation("safe private stays", ("safe_private",), plan=lambda plan: replace(plan, private={})),
    Mutation("Type 1 stays", ("words_in_frames",), instead(iod, "ENHANCED", iod.Demands(frozenset(), frozenset()))),
    Mutation("comments of codecs", ("codestreams",), instead(codestream, "blank_comments", lambda *_: None)),
    Mutation("bytes after the image", ("tails",), surplus_kept),
    Mutation("elements after the pixels", ("tails",), tail_kept),
    Mutation("unused bits", ("high_bits",), instead(copy.Pixels, "_masked", lambda self, chunk: chunk)),
    Mutation(
        "unused bits are looked for",
        ("stray_bits_signed", "stray_bits_unsigned"),
        instead(copy.Pixels, "_strays", lambda *_: 0),
    ),
    Mutation("a HighBit of two meanings", ("high_bit_15_and_stray_bits",), high_bit_ignored),
    Mutation(
        "unused bits of compressed pixels", ("stray_bits_rle",), instead(copy.Pixels, "_check_bits", lambda *_: None)
    ),
    Mutation(
        "dates near the study alone",
        ("far_dates",),
        instead(Clock, "_moved", lambda self, *day: dates._date(*day, self.days)),
    ),
    Mutation(
        "dates of the scanner",
        ("device_life",),
        plan=by_name("shift", "DateOfLastCalibration", "DateTimeOfLastCalibration"),
    ),
    Mutation("times of the scanner", ("device_life",), plan=by_name("time", "TimeOfLastCalibration")),
    Mutation("versions of context groups", ("published_dates",), plan=by_name("shift", "ContextGroupLocalVersion")),
    Mutation("versions of coding schemes", ("published_dates",), instead(codes, "published_version", lambda *_: True)),
    Mutation("offsets within moments", ("offsets",), offsets_kept),
    Mutation("the offset of all times", ("offsets",), plan=by_name("keep", "TimezoneOffsetFromUTC")),
    Mutation("times are cut down", ("plain", "offsets"), instead(Clock, "tm", lambda _, value: value)),
    Mutation("moments go back", ("plain", "offsets"), instead(Clock, "moment_tm", lambda _, value: value)),
    Mutation("moments go back by study", ("plain",), keys=OneFraction),
    Mutation(
        "codes are terms",
        ("words_in_codes",),
        instead(Rewriter, "_is_term", lambda self, tag, value: shapes.is_valid("CS", value)),
    ),
    Mutation("codes are asked for each time", ("words_in_codes",), plain_codes),
    Mutation(
        "words of makers", ("words_of_makers", "words_in_frames"), instead(devices, "known", lambda value, _: value)
    ),
    Mutation(
        "the scanner's own places",
        ("words_of_makers",),
        instead(rewrite, "FUNCTIONAL_GROUPS", frozenset({0x00189321})),
    ),
    Mutation("no invented value", ("words_of_makers",), instead(iod, "demands_of", lambda _: iod.ENHANCED)),
    Mutation("codes that must be there", ("unknown_code_demanded",), instead(rewrite, "_DEMANDED", frozenset())),
    Mutation("names that are words", ("name_of_a_word",), names_are_words),
    Mutation("months in Roman numerals", ("written_dates",), instead(text, "_is_month", lambda *_: False)),
    Mutation("large numbers", ("large_numbers",), instead(shapes, "LARGEST", 1 << 62)),
    Mutation("numbers in binary", ("identifier_as_number",), instead(Search, "_wide", lambda *_: None)),
    Mutation("numbers in text", ("identifier_as_number",), instead(Search, "_number", lambda *_: None)),
    *(Mutation(f"{kind} is searched", (kind,), instead(copy.Pixels, "margins", lambda _: [])) for kind in MARGINS),
    Mutation("other scripts", ("margin_latin",), instead(scripts, "latin", lambda value, **_: value)),
    Mutation(
        "offset tables",
        ("offsets_of_others", "offsets_without_fragments"),
        instead(copy.Pixels, "are_offsets", lambda *_: True),
    ),
    Mutation("LUT data", ("long_luts",), instead(shapes, "lut_fits", lambda *_: True)),
    Mutation(
        "the preamble",
        ("head",),
        instead(applied, "encode_meta", lambda meta: b"II*\0".ljust(128, b"\0") + part10.encode_meta(meta)[128:]),
    ),
    Mutation(
        "the File Meta Information",
        ("head",),
        instead(applied, "encode_meta", lambda meta: part10.encode_meta(replace(meta, source_ae="CT1"))),
    ),
    Mutation("the marks", ("plain",), no_marks),
    Mutation("triage: class", HELD_CLASSES, instead(triage, "triage", lambda *_: triage.Verdict(triage.IMAGE))),
    Mutation("triage: modality", ("held_other_modality",), instead(triage, "_is_ct", lambda _: None)),
    Mutation(
        "triage: words",
        ("held_burned_in", "held_dose_sheet", "held_patient_protocol"),
        instead(triage, "_words", lambda _, **__: None),
    ),
    Mutation("triage: 3D and dose", ("held_derived_3d",), instead(triage, "_is_acquired", lambda *_: True)),
    Mutation("triage: derived", ("held_reformatted", "held_derived"), instead(triage, "_derived", lambda *_: None)),
    Mutation(
        "triage: ImageType", ("held_secondary", "held_screen_save"), instead(triage, "_image_type", lambda *_: None)
    ),
    Mutation("triage: conversion", ("held_converted",), instead(triage, "_capture", lambda _: None)),
    Mutation("triage: pixels", ("held_palette",), instead(triage, "_pixels", lambda _: None)),
    Mutation("triage: geometry", ("held_no_geometry",), instead(triage, "_geometry", lambda _: None)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _sound_again() -> Any:
    forget()
    yield
    forget()


def test_the_sound_engine_has_nothing_to_notice() -> None:
    made = Corpus(
        tuple(
            one for one in CORPUS.objects if one.name.split("/")[0] in {kind for one in MUTATIONS for kind in one.kinds}
        ),
        CORPUS.needles,
    )
    score = score_of(made)
    assert (score.leaks, score.wrong[:20]) == ([], [])


@pytest.mark.parametrize("gate", [True, False], ids=["gate on", "gate off"])
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_a_protection_that_is_off_is_noticed(monkeypatch: pytest.MonkeyPatch, mutation: Mutation, gate: bool) -> None:
    with monkeypatch.context() as patch:
        if not gate:
            no_gate(patch)
        mutation.off(patch)
        forget()
        assert notices(CORPUS.only(*mutation.kinds), mutation.plan(PLAN), mutation.keys)


def test_a_gate_that_is_off_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in the pixels, and numbers that may be measurements, are what the gate alone can see."""
    made = CORPUS.only(*MARGINS, "identifier_as_number")
    assert not notices(made)
    no_gate(monkeypatch)
    forget()
    assert all(notices(CORPUS.only(kind)) for kind in (*MARGINS, "identifier_as_number"))


def test_a_gate_that_does_not_fold_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = CORPUS.only("margin_plain")
    monkeypatch.setattr(needles, "fold", lambda value: value)
    forget()
    assert notices(made)


def test_a_gate_that_holds_a_scanner_for_its_own_words_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Search, "_spared", lambda *_: NOBODY)
    forget()
    assert notices(CORPUS.only("own_words"))


# What the engine writes itself, whatever stands there.
OURS = {0x00080005, 0x00100010, 0x00100020, 0x00280303, 0x00120062, 0x00120063, 0x00120064}
CARRIED = corpus(7, patients=1, kinds=["plain", "table"])
SAID = {
    path[-1]: want.kind
    for one in CARRIED.objects
    for path, (vr, _, want) in one.key.items()
    if len(path) == 1 and vr != "SQ" and path[-1] not in OURS and path[-1] >> 16 != 0x0012
}


def carrying(tag: int) -> Corpus:
    """One object that carries an attribute."""
    return Corpus(tuple(one for one in CARRIED.objects if (tag,) in one.key)[:1], CARRIED.needles)


def test_an_attribute_that_slips_through_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attribute of Table E.1-1 that may not stay as it is, copied: one test for each line of the profile."""
    changed = [tag for tag, kind in SAID.items() if kind not in ("kept", "trait", "is", "age", "time", "any")]
    assert len(changed) > 400
    missed = []
    for tag in changed:
        with monkeypatch.context() as patch:
            no_gate(patch)
            copied(lambda one, *_, tag=tag: one == tag)(patch)
            if not notices(carrying(tag)):
                missed.append(keyword_for_tag(tag))
    assert missed == []


def test_what_research_needs_and_is_removed_is_noticed() -> None:
    needed = [tag for tag, kind in SAID.items() if kind in ("kept", "trait", "age", "time", "date")]
    assert len(needed) > 60
    missed = [tag for tag in needed if not notices(carrying(tag), replace(PLAN, tags={**PLAN.tags, tag: "remove"}))]
    assert [keyword_for_tag(tag) for tag in missed] == []
