"""Damaged files: held with a reason or delivered through the gate, in bounded time and memory; nothing else happens."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify.source import read_source
from tests import strategies as made
from tests.fuzz import harness
from tests.fuzz.harness import Harness, Violation, damaged, heavy, seeds

pytestmark = pytest.mark.thorough

SEEDS = seeds()
HARM = st.lists(
    st.tuples(st.integers(0, len(harness.DAMAGE) - 1), st.integers(0, 1 << 14), st.integers(0, 1 << 10)),
    min_size=1,
    max_size=4,
)
HARNESS = Harness()
HEAVY = heavy(1 << 20)
DENSE = heavy(1 << 17)
# Caches, whatever the input (bytes).
CONSTANT = 2 << 20


def test_the_files_that_are_damaged_pass_as_long_as_they_are_whole() -> None:
    delivered = [file for file in SEEDS if HARNESS.run(file) is not None]
    assert len(delivered) >= len(SEEDS) - 3


@settings(max_examples=1200, deadline=None)
@given(file=st.sampled_from(SEEDS), harm=HARM)
def test_a_damaged_file_is_held_or_passes_the_gate_with_every_byte(
    file: bytes, harm: list[tuple[int, int, int]]
) -> None:
    HARNESS.run(damaged(file, harm))


@settings(max_examples=80, deadline=None)
@given(one=made.objects(), harm=HARM)
def test_any_object_damaged_is_held_or_passes_the_gate_with_every_byte(
    one: made.Object, harm: list[tuple[int, int, int]]
) -> None:
    HARNESS.run(one.file())
    HARNESS.run(damaged(one.file(), harm))


def test_bytes_that_are_no_file_are_held() -> None:
    rng = random.Random(1)
    for length in (0, 1, 131, 132, 133, 140, 400, 5000):
        assert HARNESS.run(rng.randbytes(length)) is None
        assert HARNESS.run(bytes(128) + b"DICM" + rng.randbytes(length)) is None


@pytest.mark.parametrize("name", HEAVY)
def test_a_megabyte_of_rubbish_takes_no_more_than_two_seconds(name: str) -> None:
    start = time.process_time()
    HARNESS.run(HEAVY[name])
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", DENSE)
def test_memory_stays_within_ten_times_the_file(name: str) -> None:
    file = DENSE[name]
    unpacked = len(file) if name != "a deflated bomb" else 1 << 20
    fresh = Harness()
    fresh.run(SEEDS[0])
    tracemalloc.start()
    try:
        fresh.run(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * unpacked + CONSTANT, f"{peak / unpacked:.1f} times the file"


def test_an_output_that_the_gate_did_not_see_would_be_noticed() -> None:
    """The harness itself: every way around the gate that it must find."""
    target = Harness()
    output = target.run(SEEDS[0])
    assert output is not None
    source = read_source(SEEDS[0], harness.LIMIT)
    seen = list(target._spy.seen)
    harness.check_output(source, output, seen)
    for bad, saw in (
        (output, []),
        (output, seen * 2),
        (output + b"\0" * 8, seen),
        (output, [seen[0][:-2] + b"XX"]),
        (output[:-2] + b"XX", seen),
    ):
        with pytest.raises(Violation):
            harness.check_output(source, bad, saw)
