"""Seats are counted over processes, and a dead process has none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fidac_node.errors import Temporary
from fidac_node.receive.seats import Seat, Seats

ROOT = Path(__file__).parents[3]

# Takes a seat for each line that it reads and says what became of it.
PROCESS = """
import sys
from pathlib import Path
from fidac_node.errors import Temporary
from fidac_node.receive.seats import Seats
seats, taken = Seats(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])), []
for line in sys.stdin:
    try:
        taken.append(seats.take(line.strip()))
        print("taken", flush=True)
    except Temporary as error:
        print(error, flush=True)
"""


class Receiver:
    """Another process with seats in the same file."""

    def __init__(self, path: Path, most: int, most_per_caller: int) -> None:
        argv = [sys.executable, "-c", PROCESS, str(path), str(most), str(most_per_caller)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def take(self, caller: str) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{caller}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[Callable[[int, int], Receiver]]:
    started: list[Receiver] = []

    def start(most: int, most_per_caller: int) -> Receiver:
        started.append(Receiver(tmp_path / "seats", most, most_per_caller))
        return started[-1]

    yield start
    for receiver in started:
        with receiver.process as process:
            process.kill()


def test_there_are_as_many_seats_as_the_limit_says_and_no_more(tmp_path: Path) -> None:
    seats = Seats(tmp_path / "seats", 3, 3)
    taken = [seats.take(f"PACS{number}") for number in range(3)]
    with pytest.raises(Temporary, match="there are 3 associations already"):
        seats.take("PACS")
    taken[1].leave()
    seats.take("PACS")


def test_one_caller_has_no_more_than_its_share_and_others_still_find_a_seat(tmp_path: Path) -> None:
    seats = Seats(tmp_path / "seats", 4, 2)
    first, _second = seats.take("PACS"), seats.take("PACS")
    with pytest.raises(Temporary, match="it has 2 associations already"):
        seats.take("PACS")
    seats.take("ROUTER")
    first.leave()
    seats.take("PACS")


def test_who_was_turned_away_took_nothing(tmp_path: Path) -> None:
    seats = Seats(tmp_path / "seats", 2, 1)
    seats.take("A")
    for _ in range(3):
        with pytest.raises(Temporary, match="it has 1"):
            seats.take("A")
    seats.take("B")
    for _ in range(3):
        with pytest.raises(Temporary, match="there are 2"):
            seats.take("C")


def test_leaving_twice_frees_one_seat(tmp_path: Path) -> None:
    seats = Seats(tmp_path / "seats", 2, 2)
    first, _second = seats.take("A"), seats.take("A")
    first.leave()
    again = seats.take("A")  # it may have the descriptor that the first one had
    first.leave()
    with pytest.raises(Temporary):
        seats.take("A")
    again.leave()


def test_processes_share_the_seats(receivers: Callable[[int, int], Receiver], tmp_path: Path) -> None:
    one, two = receivers(3, 2), receivers(3, 2)
    assert [one.take("PACS"), two.take("PACS"), one.take("PACS")] == ["taken", "taken", "it has 2 associations already"]
    assert two.take("ROUTER") == "taken"
    with pytest.raises(Temporary, match="there are 3"):
        Seats(tmp_path / "seats", 3, 2).take("OTHER")


def test_the_seats_of_a_killed_process_are_free_at_once(
    receivers: Callable[[int, int], Receiver], tmp_path: Path
) -> None:
    doomed, other = receivers(3, 2), receivers(3, 2)
    assert [doomed.take("PACS"), doomed.take("PACS"), other.take("ROUTER")] == ["taken"] * 3
    os.kill(doomed.process.pid, signal.SIGKILL)
    doomed.process.wait()
    seats = Seats(tmp_path / "seats", 3, 2)
    seats.take("PACS"), seats.take("PACS")
    with pytest.raises(Temporary, match="there are 3"):
        seats.take("OTHER")


def test_a_program_that_is_started_meanwhile_does_not_keep_the_seats(tmp_path: Path) -> None:
    seats = Seats(tmp_path / "seats", 1, 1)
    seat = seats.take("PACS")
    with subprocess.Popen(["sleep", "60"], close_fds=False) as heir:
        seat.leave()
        try:
            seats.take("PACS").leave()
        finally:
            heir.kill()


def test_threads_that_come_at_once_never_get_more_seats_than_there_are(tmp_path: Path) -> None:
    seats = Seats(tmp_path / "seats", 5, 3)
    begin = threading.Barrier(16)

    def try_one(number: int) -> Seat | None:
        begin.wait(10)
        try:
            return seats.take("AB"[number % 2])
        except Temporary:
            return None

    with ThreadPoolExecutor(16) as threads:
        taken = [seat for seat in threads.map(try_one, range(16)) if seat is not None]
    assert len(taken) == 5
    for seat in taken:
        seat.leave()
        seat.leave()
    assert len([seats.take(caller) for caller in "AABBC"]) == 5


def test_a_file_that_cannot_be_opened_is_a_reason_to_come_again(tmp_path: Path) -> None:
    with pytest.raises(Temporary, match="associations cannot be counted in seats: No such file"):
        Seats(tmp_path / "missing" / "seats", 1, 1).take("PACS")


def test_counting_leaves_the_file_empty(tmp_path: Path) -> None:
    seats = Seats(tmp_path / "seats", 1000, 1000)
    taken = [seats.take("ÉCHO") for _ in range(50)]
    assert (tmp_path / "seats").stat().st_size == 0, "a full disk is no hindrance"
    assert (tmp_path / "seats").stat().st_mode & 0o777 == 0o600
    for seat in taken:
        seat.leave()
