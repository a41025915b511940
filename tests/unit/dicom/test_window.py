"""A file that is not in memory reads as one that is."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.dicom.window import Window

CONTENT = bytes(range(256)) * 100
BOUNDS = st.integers(-30_000, 30_000)


def window(content: bytes = CONTENT) -> Window:
    return Window(len(content), lambda start, length: content[start : start + length])


@given(st.lists(st.tuples(BOUNDS, BOUNDS), min_size=1, max_size=6))
def test_slices_are_those_of_the_bytes_one_after_the_other(slices: list[tuple[int, int]]) -> None:
    seen = window()
    assert len(seen) == len(CONTENT)
    for start, stop in slices:
        assert seen[start:stop] == CONTENT[start:stop]
    assert seen[:] == CONTENT


@given(st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 30_000)), min_size=1, max_size=6))
def test_as_a_file_it_seeks_and_reads_as_one(reads: list[tuple[int, int]]) -> None:
    with window().open() as seen, io.BytesIO(CONTENT) as wanted:
        for start, length in reads:
            assert seen.seek(start) == wanted.seek(start)
            assert seen.read(length) == wanted.read(length)


def test_steps_are_an_error_and_so_is_a_file_that_was_cut_meanwhile() -> None:
    with pytest.raises(ValueError, match="steps of one"):
        window()[::2]
    with pytest.raises(OSError, match="cut short while it was read"):
        Window(100, lambda start, length: b"")[:10]


def test_small_pieces_that_follow_each_other_are_read_together() -> None:
    asked: list[int] = []

    def read(start: int, length: int) -> bytes:
        asked.append(length)
        return CONTENT[start : start + length]

    seen = Window(len(CONTENT), read)
    assert b"".join(seen[start : start + 8] for start in range(0, 4096, 8)) == CONTENT[:4096]
    assert len(asked) == 1
