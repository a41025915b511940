"""Dates move by whole days and are never guessed; ages stop at 89."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.deidentify import dates

DAYS = st.integers(-3650, -1)
DATES = st.dates(datetime.date(1800, 1, 1), datetime.date(2999, 12, 31))


@given(DATES, DAYS)
def test_a_date_moves_by_exactly_its_days(date: datetime.date, days: int) -> None:
    moved = dates.shift_da(f"{date:%Y%m%d}", days)
    assert datetime.datetime.strptime(moved, "%Y%m%d").date() - date == datetime.timedelta(days)


@given(DATES, DATES, DAYS)
def test_the_interval_between_two_dates_stays(first: datetime.date, second: datetime.date, days: int) -> None:
    moved = [datetime.datetime.strptime(dates.shift_da(f"{date:%Y%m%d}", days), "%Y%m%d") for date in (first, second)]
    assert moved[1] - moved[0] == datetime.timedelta((second - first).days)


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
        ("00010101", ""),
    ],
)
def test_what_is_no_date_is_emptied_not_guessed(value: str, moved: str) -> None:
    assert dates.shift_da(value, -1) == moved


@pytest.mark.parametrize(
    ("value", "days", "moved"),
    [
        ("20240301102413.123456+0100", -1, "20240229102413.123456+0100"),
        ("20240301", -1, "20240229"),
        ("2024030123", -1, "2024022923"),
        ("202403", -31, "202402"),
        ("202403", -10, "202403"),
        ("2024", -400, "2023"),
        ("2024", -100, "2024"),
        ("2024-0500", -400, "2023-0500"),
        ("202403011024\\202403021024", -1, "202402291024\\202403011024"),
        ("20240301256199", -1, ""),
        ("20241301", -1, ""),
        ("20240301 102413", -1, ""),
        ("20240301102413.", -1, ""),
        ("DUPONT", -1, ""),
    ],
)
def test_a_date_time_keeps_precision_time_and_offset(value: str, days: int, moved: str) -> None:
    assert dates.shift_dt(value, days) == moved


@given(DATES, DAYS, st.sampled_from(["", "10", "1024", "102413", "102413.5", "102413.123456"]), st.sampled_from(["", "+0100", "-0930"]))
def test_the_time_of_a_date_time_never_changes(date: datetime.date, days: int, time: str, offset: str) -> None:
    moved = dates.shift_dt(f"{date:%Y%m%d}{time}{offset}", days)
    assert moved == dates.shift_da(f"{date:%Y%m%d}", days) + time + offset


@given(st.text(max_size=30), DAYS)
def test_no_text_breaks_the_shift(text: str, days: int) -> None:
    for shift in (dates.shift_da, dates.shift_dt):
        assert shift(text, days) == "" or text.strip(" \0")[:4].isdigit()


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
    assert dates.age_at(birth, study) == age


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("102413", True),
        ("10:24:13.5", True),
        ("10", True),
        ("102413.123456", True),
        ("2413", False),
        ("10h24", False),
        ("DUPONT", False),
        ("0639981247", False),
    ],
)
def test_a_time_of_day_is_told_from_other_text(value: str, valid: bool) -> None:
    assert dates.is_time(value) is valid
