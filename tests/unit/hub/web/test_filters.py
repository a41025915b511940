"""The form of a search: it asks what ``hub find`` asks, under the same names, and says what it cannot read."""

from __future__ import annotations

import datetime

import pytest

pytest.importorskip("starlette")
from starlette.datastructures import QueryParams

from fidac_node.cli import filters as options
from fidac_node.hub.web.pages.csvs import pieces
from fidac_node.hub.web.pages.filters import FIELDS, read
from fidac_node.operations.index import StudyFilter


def test_every_filter_of_hub_find_is_a_field_of_the_form_under_its_name() -> None:
    import click

    asked = options.filter_options(click.command()(lambda: None)).params
    expected = {option.opts[0].removeprefix("--"): option.name for option in asked}
    assert {one.name: one.attribute for one in FIELDS} == expected


def test_a_form_becomes_the_question_that_the_command_would_ask() -> None:
    asked = read(
        QueryParams(
            "level=series&site=LILLE&since=2020-01-02&max-slice-thickness=1,5&contrast=no&complete=yes&label=CERTAIN&sex=f"
            "&pixel-spacing=0.7+0.8&time_since=08:30&time-until=09:15&min_instances=100&study-uid=2.25.1%0A2.25.2&kernel="
        )
    )
    assert (asked.level, asked.problems) == ("series", {})
    expected = StudyFilter(
        confined_to="FIDAC",
        site="LILLE",
        since=datetime.date(2020, 1, 2),
        max_slice_thickness=1.5,
        contrast=False,
        complete=True,
        label="certain",
        sex="F",
        pixel_spacing=(0.7, 0.8),
        time_since="083000",
        time_until="091559.999999",
        min_instances=100,
        study_uid="2.25.1\\2.25.2",
    )
    assert asked.filter(StudyFilter(case_sensitive=True, confined_to="FIDAC")) == expected
    assert asked.uses_more and "kernel" not in asked.typed


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "since=2020-13-01",
            "since=20200101",
            "rows=-1",
            "rows=99999999999",
            "kvp=much",
            "pixel-spacing=1",
            "label=ill",
        ),
        *("study-uid=2.25.x", "sex=woman", "contrast=maybe", "time-since=25:00", "site=%00", f"patient={'x' * 2000}"),
        *("since=2020-02-01&until=2020-01-01", "min-age=9&max-age=8"),
    ],
)
def test_what_cannot_be_read_is_said_beside_its_field(wrong: str) -> None:
    asked = read(QueryParams(wrong))
    assert len(asked.problems) == 1 and set(asked.problems) <= set(asked.typed)


def test_a_spreadsheet_takes_no_text_for_a_formula() -> None:
    rows = [("=HYPERLINK(1)", "-1+2", "@x", "plain, with comma", None, True, (0.7, 0.8), 1.5, -3)]
    assert b"".join(pieces(["a"], rows)).decode().splitlines()[1] == (
        "'=HYPERLINK(1),'-1+2,'@x,\"plain, with comma\",,yes,0.7\\0.8,1.5,-3"
    )
