"""Whether a loop moves is heard, and what a silence is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fidac_node.system.pulse import Listener, Pulse


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    pulse = Pulse()
    yield pulse
    pulse.close()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the monotonic clock (seconds)."""
    return lambda seconds: monkeypatch.setattr("time.monotonic", lambda: 1000.0 + seconds)


def test_a_loop_that_beats_is_never_silent_and_one_that_does_not_is_named(
    pulse: Pulse, at: Callable[[float], None]
) -> None:
    at(0)
    moving, _ = pulse.loop("moving"), pulse.loop("standing")
    listener = Listener(pulse, patience=5)
    for second in range(1, 8):
        at(second)
        moving()
        listener.look()
    assert (listener.worst.loop, listener.worst.seconds, listener.worst.is_too_long) == ("standing", 7, True)


def test_a_loop_that_may_be_silent_for_longer_is_waited_for(pulse: Pulse, at: Callable[[float], None]) -> None:
    at(0)
    pulse.loop("answers of the hub", longer=100)
    listener = Listener(pulse, patience=5)
    for second in range(1, 60):
        at(second)
        assert not listener.look().is_too_long


def test_a_machine_that_slept_is_no_stage_that_hangs(pulse: Pulse, at: Callable[[float], None]) -> None:
    at(0)
    pulse.loop("work")
    listener = Listener(pulse, patience=5)
    at(1)
    listener.look()
    at(3600)
    assert listener.look().seconds == 1 + 2, "between two looks the supervisor itself was stopped"


def test_a_loop_that_has_ended_is_not_waited_for(pulse: Pulse, at: Callable[[float], None]) -> None:
    at(0)
    pulse.loop("the start").end()
    listener = Listener(pulse, patience=1)
    for second in range(1, 9):
        at(second)
        assert not listener.look().is_too_long


def test_two_processes_see_one_page(pulse: Pulse) -> None:
    other = Pulse(pulse.fd)
    other.loop("work")
    assert list(pulse.read()) == ["work"]
