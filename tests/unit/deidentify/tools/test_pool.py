"""Processes that share work: order, exceptions, and death of any of them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fidac_node.deidentify.tools.pool import Crashed, in_processes
from tests.support import wait_until


def square(task: int) -> int:
    if task < 0:
        os.kill(os.getpid(), -task)
    if task == 1000:
        raise FileNotFoundError(2, "gone", "somewhere")
    return task * task


def expected(task: int) -> int | Crashed:
    return task * task if task >= 0 else Crashed(task)


CHUNKS = st.lists(
    st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, -signal.SIGKILL, -signal.SIGUSR1]), max_size=4), max_size=6
)


@settings(max_examples=15, deadline=None)
@given(chunks=CHUNKS, processes=st.integers(1, 3))
def test_answers_come_in_order_and_a_death_costs_one_task(chunks: list[list[int]], processes: int) -> None:
    assert list(in_processes(square, chunks, processes)) == [expected(task) for chunk in chunks for task in chunk]


def test_more_tasks_than_may_be_ahead_come_in_order_too() -> None:
    def slow_first(task: int) -> int:
        if task == 0:
            wait_until(lambda: len(list(done.iterdir())) > 100)
        (done / str(task)).touch()
        return task

    import tempfile

    with tempfile.TemporaryDirectory() as name:
        done = Path(name)
        chunks = [list(range(start, start + 8)) for start in range(0, 4000, 8)]
        answers = in_processes(slow_first, chunks, 2)
        assert next(answers) == 0
        assert len(list(done.iterdir())) < 4000  # what waits for the first is bounded
        assert list(answers) == list(range(1, 4000))


def test_an_exception_is_raised_where_the_answers_are_read() -> None:
    answers = in_processes(square, [[1, 2], [1000]], 2)
    with pytest.raises(FileNotFoundError, match="somewhere"):
        list(answers)


def test_no_process_is_left_when_nobody_reads_on() -> None:
    def endless(task: int) -> int:
        signal.pause()
        return task

    answers = in_processes(lambda task: endless(task) if task else task, [[0], [1], [2]], 2)
    assert next(answers) == 0
    assert psutil.Process().children()
    answers.close()
    assert psutil.Process().children() == []


def test_processes_end_when_the_one_who_reads_is_killed(tmp_path: Path) -> None:
    reader = os.fork()
    if reader == 0:

        def work(task: int) -> int:
            (tmp_path / str(os.getpid())).touch()
            return task

        answers = in_processes(work, [[0], [1]], 2)
        next(answers)
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(reader, 0)
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 10, "a worker outlives the one it works for")


def test_a_crash_says_how_the_process_ended() -> None:
    assert str(Crashed(-9)) == "the process that worked on it ended unexpectedly (signal 9)"
    assert str(Crashed(3)) == "the process that worked on it ended unexpectedly (exit code 3)"
