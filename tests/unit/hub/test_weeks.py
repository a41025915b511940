"""Weeks of ISO 8601: what the hub tells of a time."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fidac_node.hub.weeks import coarsen, iso_week, monday


def test_the_first_days_of_a_year_may_be_of_the_last_week_of_the_year_before() -> None:
    days = (datetime.date(2026, 12, 5), datetime.date(2027, 1, 3), datetime.date(2027, 1, 4))
    assert [iso_week(day) for day in days] == ["2026-W49", "2026-W53", "2027-W01"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    moment=st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2200, 1, 1), timezones=st.just(datetime.UTC))
)
def test_a_file_has_the_monday_of_its_week_however_often_it_is_asked(tmp_path: Path, moment: datetime.datetime) -> None:
    path = tmp_path / "file"
    path.touch()
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    for _ in range(2):
        coarsen(path)
        found = path.stat()
        assert (
            datetime.datetime.fromtimestamp(found.st_mtime, datetime.UTC).isoformat()
            == f"{monday(moment.date())}T00:00:00+00:00"
        )
        assert found.st_atime == found.st_mtime
