"""Charts as SVG: what is drawn where, and that nothing that is said in one can be a script."""

from __future__ import annotations

import datetime
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("markupsafe")
from fidac_node.hub.web.pages.charts import Bar, Exam, Words, bars, scale, spark, timeline

WORDS = Words("Arrivals", "Studies a day")
EVIL = "</title><script>alert(1)</script>\"'&"


def drawn(svg: str, name: str, kind: str = "") -> list[Any]:
    found = ElementTree.fromstring(svg).iter(name)
    return [one for one in found if not kind or kind in one.attrib.get("class", "").split()]


def day(number: int) -> datetime.date:
    return datetime.date(2020, 1, 1) + datetime.timedelta(days=number)


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0, (1, 1)), (1, (1, 1)), (3, (1, 3)), (5, (2, 6)), (17, (5, 20)), (40, (10, 40)), (999, (500, 1000))],
)
def test_a_scale_has_at_most_four_steps_of_one_two_or_five(most: float, expected: tuple[float, float]) -> None:
    assert scale(most) == expected


def test_bars_are_as_high_as_their_values_and_stand_on_the_base() -> None:
    svg = bars([Bar(0, "none"), Bar(5, "five", "Mon"), Bar(10, "ten")], WORDS, "a")
    heights = [float(one.attrib["height"]) for one in drawn(svg, "rect", "bar")]
    feet = {round(float(one.attrib["y"]) + float(one.attrib["height"]), 1) for one in drawn(svg, "rect", "bar")}
    base = float(drawn(svg, "line", "base")[0].attrib["y1"])
    assert heights[0] == 0 and heights[2] == pytest.approx(2 * heights[1], abs=0.2) and feet == {base}
    assert [one.text for one in drawn(svg, "text")][-1:] == ["Mon"] and "Arrivals" in svg


def test_a_chart_of_nothing_is_one_all_the_same() -> None:
    assert drawn(bars([], WORDS, "a"), "line") and not drawn(spark([], "none"), "rect")
    assert drawn(timeline([], "d", WORDS, "a"), "circle") == []


def test_studies_are_as_far_apart_as_their_days_and_never_on_one_place() -> None:
    exams = [Exam(day(number), f"exam {number}", number == 100) for number in (0, 0, 0, 100, 200)]
    places = [float(one.attrib["cx"]) for one in drawn(timeline(exams, "days", WORDS, "a"), "circle")]
    assert places == sorted(set(places)) and places[3] == pytest.approx(460, abs=1)
    assert [one.text for one in drawn(timeline(exams, "days", WORDS, "a"), "text", "interval")] == [
        "100 days",
        "100 days",
    ]
    crowd = [Exam(day(number // 60), "") for number in range(120)]
    places = [float(one.attrib["cx"]) for one in drawn(timeline(crowd, "days", WORDS, "a"), "circle")]
    assert places == sorted(places) and places[0] > 0 and places[-1] < 920


def test_no_word_in_a_chart_is_markup() -> None:
    words = Words(EVIL, EVIL)
    for svg in (
        bars([Bar(1, EVIL, EVIL)], words, EVIL),
        timeline([Exam(day(0), EVIL)], EVIL, words, EVIL),
        spark([1], EVIL),
    ):
        assert "<script" not in svg
        root = ElementTree.fromstring(svg)
        assert EVIL in "".join(root.itertext()) + root.attrib.get("aria-label", "")
