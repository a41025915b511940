"""Dates move by whole days and are never guessed; ages stop at 89."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify.rewrite import dates

DAYS = st.integers(-3650, -1)
DATES = st.dates(datetime.date(1972, 1, 1), datetime.date(2036, 12, 31))
NORMAL = dates.Moments()
WIDE = dates.Moments(dates_before=3650, dates_after=366)


def clock(study: datetime.date, days: int = -1, moments: dates.Moments = NORMAL, fraction: int = 0) -> dates.Clock:
    return dates.clock(days, study, moments, fraction)


SPRING = clock(datetime.date(2024, 3, 1))


def day_of(value: str) -> datetime.date:
    return datetime.datetime.strptime(value, "%Y%m%d").date()


@given(DATES, DAYS)
def test_a_date_moves_by_exactly_its_days(date: datetime.date, days: int) -> None:
    assert day_of(clock(date, days).da(f"{date:%Y%m%d}")) - date == datetime.timedelta(days)


@given(DATES, st.integers(-731, 1), DAYS)
def test_the_interval_between_two_dates_stays_over_leap_years(study: datetime.date, between: int, days: int) -> None:
    other = study + datetime.timedelta(between)
    moved = [day_of(clock(study, days).da(f"{date:%Y%m%d}")) for date in (study, other)]
    assert moved[1] - moved[0] == datetime.timedelta(between)


@given(DATES, st.dates(), DAYS)
def test_a_date_that_is_not_near_the_study_goes(study: datetime.date, date: datetime.date, days: int) -> None:
    near = -731 <= (date - study).days <= 1
    for moved in (clock(study, days).da(f"{date:%Y%m%d}"), clock(study, days).dt(f"{date:%Y%m%d}1024")):
        assert bool(moved) == near


@pytest.mark.parametrize("value", ["19700101", "99991231", "19000101", "00010101", "20220101", "20240303"])
def test_an_epoch_and_the_life_of_a_device_go(value: str) -> None:
    assert SPRING.da(value) == SPRING.dt(value) == SPRING.moment_dt(value + "102413") == ""


def test_no_date_stays_of_a_study_whose_day_nobody_knows() -> None:
    unknown = dates.clock(-1, None, WIDE)
    assert unknown.da("20240301") == unknown.dt("20240301") == ""
    assert unknown.tm("102413") == "102413"


@pytest.mark.parametrize(
    ("values", "modified", "day"),
    [
        (("20240301", "20240302"), False, datetime.date(2024, 3, 1)),
        (("", "2024.03.02"), False, datetime.date(2024, 3, 2)),
        (("NA", "20240302102413.5+0100"), False, datetime.date(2024, 3, 2)),
        (("19700101", "20240302"), False, datetime.date(2024, 3, 2)),
        (("19700101",), False, None),
        (("99991231",), True, None),
        (("19010112",), False, None),
        (("19010112",), True, datetime.date(1901, 1, 12)),
        (("",), False, None),
        (("20991231",), True, None),
        (("20000101", "20240302", "20240302", "", "20240302"), False, datetime.date(2024, 3, 2)),
        (("20000101", "20240302"), False, datetime.date(2000, 1, 1)),
        (("20240302", "20000101", "20120101"), False, datetime.date(2024, 3, 2)),
    ],
)
def test_the_day_of_a_study_is_none_on_which_no_ct_was_made(
    values: tuple[str, ...], modified: bool, day: datetime.date | None
) -> None:
    assert dates.study_date(values, modified=modified) == day


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        ("20240301", "20240229"),
        ("2024.03.01", "2024.02.29"),
        ("20240301 ", "20240229"),
        ("20240301\\20230301", "20240229\\20230228"),
        ("", ""),
        ("NA", ""),
        ("20200000", ""),
        ("20230229", ""),
        ("202403", ""),
        ("2024-03-01", ""),
        ("2024.0301", ""),
        ("20240101-20240301", ""),
        ("20240301\\NA", ""),
        ("17 mars 2024", ""),
        ("\uff12\uff10240301", ""),
    ],
)
def test_what_is_no_date_is_emptied_not_guessed(value: str, moved: str) -> None:
    assert SPRING.da(value) == moved


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        ("20240301102413.123456+0100", "20240229102413"),
        ("20240301", "20240229"),
        ("2024030123", "2024022923"),
        ("20240301+0100", "20240229"),
        ("202403", ""),
        ("2024", ""),
        ("2024-0500", ""),
        ("202403011024\\202403021024", "202402291024\\202403011024"),
        ("20240301256199", ""),
        ("20241301", ""),
        ("20240301 102413", ""),
        ("20240301102413.", ""),
        ("DUPONT", ""),
    ],
)
def test_a_date_time_loses_its_offset_and_fractions(value: str, moved: str) -> None:
    assert SPRING.dt(value) == moved


@given(st.text(max_size=30), DAYS)
def test_no_text_breaks_a_clock(text: str, days: int) -> None:
    one = clock(datetime.date(2024, 3, 1), days, fraction=123456)
    for told in (one.da, one.dt, one.tm, one.moment_dt, one.moment_tm):
        assert told(text) == "" or text.strip(" \0")[:2].isdigit()


@pytest.mark.parametrize(
    ("value", "seconds", "told"),
    [
        ("102413.999", 1, "102413"),
        ("10:24:13.5", 1, "10:24:13"),
        ("1024", 1, "1024"),
        ("10", 1, "10"),
        ("102413.999", 0, "102413.999"),
        ("102413.999", 60, "102400"),
        ("102413", 900, "101500"),
        ("1024", 900, "1015"),
        ("10:24", 3600, "10:00"),
        ("235960", 1, "235960"),
        ("2413", 1, ""),
        ("10h24", 1, ""),
        ("DUPONT", 1, ""),
        ("0639981247", 1, ""),
    ],
)
def test_a_time_of_day_is_cut_down_to_the_resolution(value: str, seconds: int, told: str) -> None:
    assert clock(datetime.date(2024, 3, 1), moments=dates.Moments(time_resolution=seconds)).tm(value) == told


@given(st.lists(st.integers(0, 86_399_999), min_size=2, max_size=6), st.integers(0, 999_999))
def test_moments_keep_their_order_and_differences_and_lose_the_fraction_that_they_share(
    moments: list[int], fraction: int
) -> None:
    one = clock(datetime.date(2024, 3, 1), fraction=fraction)
    values = [f"{ms // 3_600_000:02d}{ms // 60_000 % 60:02d}{ms // 1000 % 60:02d}.{ms % 1000:03d}" for ms in moments]
    told = [one.moment_tm(value) for value in values]
    assert [one.moment_dt(f"20240301{value}") for value in values] == [f"20240229{value}" for value in told]
    found = [int(v[:2]) * 3_600_000 + int(v[2:4]) * 60_000 + int(v[4:6]) * 1000 + int(v[7:]) for v in told]
    on = fraction // 1000
    assert [moved for moved, ms in zip(found, moments, strict=True) if ms < 86_398_000] == [
        ms + on for ms in moments if ms < 86_398_000
    ]
    assert all(ms <= moved < 86_400_000 for moved, ms in zip(found, moments, strict=True)), "before midnight ever less"
    assert all(one.tm(value) <= moment for value, moment in zip(values, told, strict=True))
    assert sorted(found) == [found[index] for index in sorted(range(len(moments)), key=moments.__getitem__)]


@pytest.mark.parametrize("value", ["102413", "1024", "10"])
def test_a_moment_without_fraction_stays_to_the_second(value: str) -> None:
    assert clock(datetime.date(2024, 3, 1), fraction=999_999).moment_tm(value) == value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("089Y", "089Y"), ("090Y", "090Y"), ("091Y", "090Y"), ("112Y", "090Y"), ("000D", "000D"), ("999M", "999M"),
        ("018M", "018M"), ("045Y ", "045Y"), ("45", ""), ("45Y", ""), ("DUPONT", ""), ("", ""),
    ],
)  # fmt: skip
def test_ages_above_89_become_090y(value: str, kept: str) -> None:
    assert dates.age89(value) == kept


@pytest.mark.parametrize(
    ("birth", "study", "age"),
    [
        ("19610714", "20240713", "062Y"),
        ("19610714", "20240714", "063Y"),
        ("19300101", "20240101", "090Y"),
        ("20240101", "20240317", "002M"),
        ("20220401", "20240317", "023M"),
        ("20240318", "20240317", ""),
        ("", "20240317", ""),
        ("19610714", "", ""),
        ("1961", "20240317", ""),
    ],
)
def test_an_age_is_computed_from_two_original_dates(birth: str, study: str, age: str) -> None:
    assert dates.age_at(birth, dates.study_date((study,), modified=False)) == age
