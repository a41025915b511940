"""By how many days a patient's dates are moved, and by which fraction his times, cannot be told from what is delivered.

A solver gets the outputs and what an outsider may know: the constants that everybody writes, the days on which the
scanner was made, installed and calibrated, the versions of published context groups. It must find nothing; in the
output of engines that are broken on purpose it finds what they let through.
"""

from __future__ import annotations

import datetime
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.plan import Plan
from fidac_node.deidentify.rewrite import dates
from fidac_node.deidentify.rewrite.dates import Clock, Moments
from tests import strategies as made
from tests.deid_encoding import Path, Read, read
from tests.deid_kinds.values import MOMENTS
from tests.strategies import Elem, elem, part10, sequence
from tests.unit.deidentify.build import KEY, LIMIT

PLAN: Final = load_plan("fidac-chest-ct")
DAY: Final = datetime.timedelta(days=1)
SECOND: Final = 1_000_000
STUDY_DATE: Final = 0x00080020
BIRTH_DATE: Final = 0x00100030  # which the gate holds whatever a profile says
KEPT_SEQUENCE: Final = 0x00189321  # CTExposureSequence
# All that can hold a date or a time, but the study's own date. (SeriesDate and StudyTime are kept apart by
# tests.strategies.)
TIMED: Final = {
    tag: vr for tag, vr in (*made.KNOWN.items(), (0x00080021, "DA"), (0x00080030, "TM")) if vr in ("DA", "DT", "TM")
}
# What everybody knows, or can learn of a scanner; at last, when it was calibrated.
PUBLIC: Final = tuple(
    datetime.date(*day)
    for day in ((1970, 1, 1), (9999, 12, 31), (1900, 1, 1), (2002, 11, 7), (2018, 9, 3), (2024, 3, 11))
)
CALIBRATED: Final = PUBLIC[-1]
OFFSET: Final = "+0545"


class Patient(NamedTuple):
    """Who is examined, and when."""

    patient_id: str
    study: datetime.date
    birth: datetime.date


PATIENTS: Final = (
    Patient("IPP8003412765", datetime.date(2024, 3, 14), datetime.date(1961, 7, 14)),
    Patient("IPP8003412999", datetime.date(2024, 3, 15), datetime.date(1944, 2, 29)),
)
# What an attribute of the examination, and any other, says of a patient.
Filling = Callable[[Patient, int], datetime.date]
FILLINGS: Final[dict[str, tuple[Filling, Filling]]] = {
    "equal instants": (lambda who, _: who.study, lambda who, _: CALIBRATED),
    "constants": (lambda who, n: (*PUBLIC[:4], who.birth)[n % 5], lambda who, n: PUBLIC[n % len(PUBLIC)]),
    "its own days": (lambda who, _: who.study, lambda who, _: who.study),
}


def filled(who: Patient, filling: tuple[Filling, Filling], number: int = 0) -> bytes:
    """A slice with every attribute that can hold a date or a time, at the top and in a sequence that is kept."""
    own, other = filling

    def value(tag: int, vr: str) -> str:
        day = (own if tag in MOMENTS else other)(who, tag)
        # The moment of a slice, the same wherever it is written; of other things, a time of theirs.
        clock = f"1024{number % 60:02d}.{(number * 618_033 + 4321) % SECOND:06d}" if tag in MOMENTS else "071500.25"
        return {"DA": f"{day:%Y%m%d}", "DT": f"{day:%Y%m%d}{clock}{OFFSET}", "TM": clock}[vr]

    def every() -> list[Elem]:
        return [elem(tag, vr, value(tag, vr)) for tag, vr in TIMED.items()] + [elem(0x00080201, "SH", OFFSET)]

    root = f"1.2.826.0.1.{who.patient_id[3:]}"
    found = made.image(root, who.patient_id.encode() + b" " * (len(who.patient_id) % 2))
    found[0x00080018] = elem(0x00080018, "UI", f"{root}.1.{number}")
    found |= {one.tag: one for one in every()}
    found[STUDY_DATE] = elem(STUDY_DATE, "DA", f"{who.study:%Y%m%d}")
    found[KEPT_SEQUENCE] = sequence(KEPT_SEQUENCE, [[*every(), Elem(0x00189305, "FD", bytes(6) + b"\xe0\x3f")]])
    return part10(list(found.values()), made.EXPLICIT_VR_LE)


def engine(plan: Plan = PLAN, moments: Moments | None = None) -> Deidentifier:
    return Deidentifier(plan, Pseudonymiser(KEY, "FIDAC", "S1"), "S1", "FIDAC", moments=moments)


def output(deidentifier: Deidentifier, file: bytes) -> Read:
    target = io.BytesIO()
    deidentifier.deidentify(
        deidentifier.sources.read(file, LIMIT), target, label="unknown", label_source="default", limit=LIMIT
    )
    return read(target.getvalue())


# --- The solver


def moments_of(one: Read) -> dict[Path, str]:
    """The values of a delivered object that are dates or times, by path."""
    values = (
        (path, value.decode().strip(" \0")) for path, (vr, value) in one.elements.items() if vr in ("DA", "DT", "TM")
    )
    return {path: value for path, value in values if value}


def day_in(value: str) -> datetime.date | None:
    match = re.match(r"(\d{4})(\d{2})(\d{2})", value)
    try:
        return datetime.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def microseconds(value: str) -> int | None:
    match = re.fullmatch(r"(?:\d{8})?(\d{2})(\d{2})(\d{2})(?:\.(\d{1,6}))?", value)
    if match is None or len(value) == 8:
        return None
    hours, minutes, seconds = (int(match[number]) for number in (1, 2, 3))
    return ((hours * 60 + minutes) * 60 + seconds) * SECOND + int((match[4] or "").ljust(6, "0"))


def telling_days(one: Read) -> dict[Path, datetime.date]:
    """Days in an object that are none of its examination's: where something else is said, or far from its study."""
    values = moments_of(one)
    study = day_in(values[STUDY_DATE,])
    found = {path: day for path, value in values.items() if len(value) != 6 and (day := day_in(value)) is not None}
    return {
        path: day for path, day in found.items() if path[-1] not in MOMENTS or study is None or abs(day - study) > DAY
    }


@dataclass(frozen=True)
class Solved:
    """What a solver believes to know: shifts in days of each study, differences between them, fractions, and hints."""

    shifts: tuple[frozenset[int], ...]
    differences: frozenset[int]
    fractions: tuple[int | None, ...]
    hints: frozenset[str]


def solve(studies: Sequence[Sequence[Read]]) -> Solved:
    """Try everything on two or more studies of a scanner.

    Constants, equal instants, offsets, times of other things, fractions.
    """
    firsts = [study[0] for study in studies]
    told = [telling_days(first) for first in firsts]
    shifts = tuple(frozenset((day - public).days for day in days.values() for public in PUBLIC) for days in told)
    pairs = (
        (days[path], others[path]) for days, others in itertools.pairwise(told) for path in days.keys() & others.keys()
    )
    differences = frozenset((other - day).days for day, other in pairs)
    hints = {hint for first in firsts for hint in hints_of(first)}
    return Solved(shifts, differences, tuple(map(fraction_of, studies)), frozenset(hints))


def hints_of(one: Read) -> Iterable[str]:
    for path, value in moments_of(one).items():
        if re.search(r"[+-]\d{4}$", value):
            yield "an offset from UTC"
        if path[-1] not in MOMENTS and microseconds(value) is not None:
            yield "the time of something else"
    if any(path[-1] == 0x00080201 for path in one.elements):
        yield "an offset from UTC"


def fraction_of(study: Sequence[Read]) -> int | None:
    """By how much the moments of a study went on, in microseconds.

    From pairs of times of one instant, of which one is cut down. What is cut down from the instant itself is less than
    a second earlier: the smallest difference over many slices is the fraction.
    ``None`` where the pairs say nothing: where what is left after the cut is all between nothing and a second.
    """
    found = []
    for one in study:
        values = moments_of(one)
        rough, fine = (microseconds(values.get((tag,), "")) for tag in (0x00080013, 0x00080033))
        if rough is not None and fine is not None:
            found.append(fine - rough)
    smallest = min(found, default=0)
    return smallest if len(found) > 20 and max(found) >= SECOND else None


def true_shift(who: Patient) -> int:
    return Pseudonymiser(KEY, "FIDAC", "S1").shift_days("", who.patient_id)


def solved(filling: str, deidentifier: Deidentifier, slices: int = 1) -> Solved:
    outputs = [
        [output(deidentifier, filled(who, FILLINGS[filling], number)) for number in range(slices)] for who in PATIENTS
    ]
    return solve(outputs)


NOTHING: Final = Solved((frozenset(), frozenset()), frozenset(), (None, None), frozenset())


# --- The sound engine


@pytest.mark.parametrize("filling", FILLINGS)
def test_neither_a_shift_nor_a_difference_of_shifts_can_be_derived(filling: str) -> None:
    assert len(TIMED) > 170
    assert solved(filling, engine()) == NOTHING


def test_the_moments_of_an_examination_are_delivered_and_nothing_else() -> None:
    paths = moments_of(output(engine(), filled(PATIENTS[0], FILLINGS["its own days"])))
    assert {path[-1] for path in paths} == set(MOMENTS) and len(paths) == 2 * len(MOMENTS) - 1


def test_the_fraction_of_a_study_cannot_be_derived_from_times_that_are_cut_down() -> None:
    assert solved("its own days", engine(), slices=40).fractions == (None, None)


def test_no_moment_is_told_to_the_fraction_that_a_log_of_the_scanner_knows() -> None:
    for who in PATIENTS:
        exact = {f"1024{number:02d}.{(number * 618_033 + 4321) % SECOND:06d}" for number in range(40)}
        outputs = [moments_of(output(engine(), filled(who, FILLINGS["its own days"], number))) for number in range(40)]
        assert not exact & {value[-len("102400.000000") :] for values in outputs for value in values.values()}


def test_days_of_the_week_say_nothing() -> None:
    """What is delivered of many patients is as often on any day of the week.

    The scanner works from Monday to Friday.
    """
    monday = datetime.date(2024, 3, 4)
    seen = Counter(day_in(moved(f"P{n}", monday + n % 5 * DAY)).weekday() for n in range(1400))  # type: ignore[union-attr]
    assert len(seen) == 7 and all(140 < count < 260 for count in seen.values()), seen


def moved(patient_id: str, day: datetime.date, days: Callable[[int], int] = lambda shift: shift) -> str:
    shift = days(Pseudonymiser(KEY, "FIDAC", "S1").shift_days("", patient_id))
    return dates.clock(shift, day, Moments()).da(f"{day:%Y%m%d}")


# --- Engines that are broken on purpose


def test_a_shift_without_a_window_is_found() -> None:
    found = solved("constants", engine(moments=Moments(dates_before=100_000, dates_after=100_000)))
    assert all(true_shift(who) in shifts for who, shifts in zip(PATIENTS, found.shifts, strict=True))
    assert true_shift(PATIENTS[1]) - true_shift(PATIENTS[0]) in found.differences


def test_dates_of_the_scanner_that_are_moved_are_found() -> None:
    """Every date that the standard has moved, as the profile did before."""
    everywhere = {tag: "shift" for tag, vr in TIMED.items() if vr in ("DA", "DT") and tag not in {*MOMENTS, BIRTH_DATE}}
    found = solved("equal instants", engine(replace(PLAN, tags=PLAN.tags | everywhere)))
    assert all(true_shift(who) in shifts for who, shifts in zip(PATIENTS, found.shifts, strict=True))
    assert found.differences == {true_shift(PATIENTS[1]) - true_shift(PATIENTS[0])}


def test_times_of_other_things_that_are_kept_are_found() -> None:
    kept = {tag: "time" for tag, vr in TIMED.items() if vr == "TM" and tag not in MOMENTS}
    assert solved("equal instants", engine(replace(PLAN, tags=PLAN.tags | kept))).hints == {
        "the time of something else"
    }


def test_an_offset_from_utc_that_is_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Clock.moment_dt
    monkeypatch.setattr(Clock, "moment_dt", lambda self, value: (new := sound(self, value)) and new + value[-5:])
    assert solved("its own days", engine()).hints == {"an offset from UTC"}


def test_times_that_are_cut_down_where_moments_go_on_tell_the_fraction() -> None:
    made = {0x00080013: "time"}  # InstanceCreationTime
    found = solved("its own days", engine(replace(PLAN, tags=PLAN.tags | made)), slices=40)
    for who, fraction in zip(PATIENTS, found.fractions, strict=True):
        true = Pseudonymiser(KEY, "FIDAC", "S1").fraction(f"1.2.826.0.1.{who.patient_id[3:]}.2", 1)
        assert fraction is not None and abs(fraction - true) < SECOND // 20


def test_shifts_of_whole_weeks_are_found() -> None:
    monday = datetime.date(2024, 3, 4)
    seen = Counter(
        day_in(moved(f"P{n}", monday + n % 5 * DAY, lambda shift: shift - shift % 7)).weekday() for n in range(70)
    )  # type: ignore[union-attr]
    assert len(seen) == 5


# --- Intervals

DAYS: Final = st.dates(datetime.date(1995, 1, 1), datetime.date(2036, 12, 31))


@settings(max_examples=25, deadline=None)
@given(
    studies=st.lists(DAYS, min_size=2, max_size=4, unique=True),
    ids=st.sampled_from(["IPP1", "IPP22", "7001234"]),
    order=st.randoms(),
)
def test_intervals_between_studies_of_a_patient_stay_exact_in_every_order_of_arrival(
    studies: list[datetime.date], ids: str, order: Any
) -> None:
    def delivered(arrival: Sequence[datetime.date]) -> dict[datetime.date, datetime.date | None]:
        deidentifier = engine()
        return {day: day_in(moments_of(output(deidentifier, plain(ids, day)))[STUDY_DATE,]) for day in arrival}

    shuffled = studies.copy()
    order.shuffle(shuffled)
    found = delivered(studies)
    assert found == delivered(shuffled)
    assert {(new - day).days for day, new in found.items() if new is not None} == {
        true_shift(Patient(ids, studies[0], studies[0]))
    }
    assert None not in found.values()


def plain(patient_id: str, day: datetime.date) -> bytes:
    found = made.image(f"1.2.826.0.1.{day:%Y%m%d}", patient_id.encode() + b" " * (len(patient_id) % 2))
    found[STUDY_DATE] = elem(STUDY_DATE, "DA", f"{day:%Y%m%d}")
    return part10(list(found.values()), made.EXPLICIT_VR_LE)
