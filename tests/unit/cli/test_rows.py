"""A table in so many columns of a terminal."""

from __future__ import annotations

import pytest

from fidac_node.cli.rows import cut, fitted
from fidac_node.cli.words import counted, mebibytes, when


@pytest.mark.parametrize(
    ("widths", "room", "shown"),
    [
        ([8, 20, 10], 80, [8, 20, 10]),
        ([8, 64, 10], 60, [8, 38, 10]),
        ([8, 64, 64], 60, [8, 24, 24]),
        ([12, 64, 64, 12], 40, [12, 12, 12]),
        ([64], 10, [10]),
    ],
)
def test_the_widest_columns_give_way_and_what_has_no_room_is_left_out(
    widths: list[int], room: int, shown: list[int]
) -> None:
    assert fitted(widths, room) == shown
    assert sum(shown) + 2 * (len(shown) - 1) <= room


def test_of_a_long_value_begin_and_end_are_shown() -> None:
    assert cut("2.25.1234567890123456789", 11) == "2.25.…56789"
    assert cut("short", 5) == "short"


def test_one_is_one_and_several_are_several() -> None:
    assert [counted(number, "object") for number in (0, 1, 2)] == ["0 objects", "1 object", "2 objects"]
    assert (counted(1, "study"), counted(3, "study"), counted(2, "series")) == ("1 study", "3 studies", "2 series")
    assert mebibytes(3 << 19) == "1.5 MiB"
    assert when(0).startswith("1970-01-01T") or when(0).startswith("1969-12-31T")
    assert when(0)[-6] in "+-"
