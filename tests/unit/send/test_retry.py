from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.send.retry import Backoff, next_delay


@pytest.mark.parametrize(
    ("attempts", "rand", "delay"),
    [
        (0, 0.0, 5),
        (1, 0.0, 5),
        (2, 0.0, 10),
        (3, 0.0, 20),
        (7, 0.0, 320),
        (8, 0.0, 600),
        (50, 0.0, 600),
        (100_000, 0.0, 600),
        (1, 1.0, 2.5),
        (2, 0.5, 7.5),
        (100_000, 1.0, 300),
    ],
)
def test_a_delay_doubles_up_to_the_maximum_and_is_spread_over_its_second_half(
    attempts: int, rand: float, delay: float
) -> None:
    assert next_delay(attempts, 5, 600, rand) == pytest.approx(delay)


@given(
    st.integers(1, 10**9),
    st.floats(0.001, 1e4),
    st.floats(0.001, 1e6),
    st.floats(0, 1),
)
def test_a_delay_is_never_zero_never_beyond_the_maximum_and_never_shorter_after_more_attempts(
    attempts: int, first: float, maximum: float, rand: float
) -> None:
    delay = next_delay(attempts, first, maximum, rand)
    assert min(first, maximum) / 2 * 0.999 <= delay <= maximum
    assert next_delay(attempts + 1, first, maximum, rand) >= delay


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_failures_in_a_row_wait_longer_and_a_success_forgets_them() -> None:
    clock = Clock()
    backoff = Backoff(5, 600, rand=lambda: 0.0, clock=clock)
    assert backoff.remaining() == 0
    for delay in (5, 10, 20):
        assert backoff.failed() == delay
        assert backoff.remaining() == delay
        clock.now += delay
    assert backoff.remaining() == 0
    backoff.succeeded()
    assert backoff.failed() == 5


def test_threads_that_fail_over_one_cause_count_once() -> None:
    backoff = Backoff(5, 600, rand=lambda: 0.0, clock=Clock())
    assert backoff.failed() == 5
    assert backoff.failed() is None
    assert backoff.remaining() == 5
