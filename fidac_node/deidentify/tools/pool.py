"""Work spread over processes: answers in the order of the tasks, and a process that dies costs one task.

:class:`concurrent.futures.ProcessPoolExecutor` gives up every task when one process dies, and does not say
on which. Here each process has a pipe of its own and answers task by task, so it is known.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE: Final = 10.0  # seconds that a process has to end
# Tasks that may be answered before an earlier one, for each process.
_AHEAD: Final = 256


@dataclass(frozen=True)
class Crashed:
    """The process that worked on a task died; ``exit_code`` is minus the signal that ended it, if one did."""

    exit_code: int | None

    def __str__(self) -> str:
        how = f"signal {-self.exit_code}" if self.exit_code and self.exit_code < 0 else f"exit code {self.exit_code}"
        return f"the process that worked on it ended unexpectedly ({how})"


class _Process(Generic[T, R]):
    """One process that works on a chunk at a time."""

    def __init__(self, work: Callable[[T], R], others: Sequence[_Process[T, R]]) -> None:
        context = multiprocessing.get_context("fork")  # the engine is built once; its caches are empty still
        self.connection, theirs = context.Pipe()
        self.tasks: deque[tuple[int, T]] = deque()
        # A process must not hold the ends of others open: their death would go unnoticed.
        foreign = [self.connection, *(other.connection for other in others)]
        self._process = context.Process(target=_serve, args=(work, theirs, foreign), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, chunk: Sequence[tuple[int, T]]) -> None:
        """Hand over tasks, each with its number. The process must be idle. Raises ``OSError`` when it has died."""
        self.tasks.extend(chunk)
        self.connection.send(chunk)

    def end(self) -> int | None:
        """Wait until the process has ended, and end it if it does not; return its exit code."""
        self.connection.close()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        code = self._process.exitcode
        self._process.close()
        return code

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self.tasks:
            self._process.terminate()
        self.end()


def in_processes(work: Callable[[T], R], chunks: Iterable[Sequence[T]], processes: int) -> Iterator[R | Crashed]:
    """Yield ``work(task)`` for each task of ``chunks``, in their order, worked out by so many processes.

    A chunk goes to one process, in order. An exception of ``work`` is raised here. A task whose process
    dies yields :class:`Crashed`, and another process takes up the rest of its chunk.
    """
    pool: list[_Process[T, R]] = []
    try:
        for _ in range(processes):
            pool.append(_Process(work, pool))
        yield from _Answers(work, pool, _numbered(chunks))
    finally:
        for process in pool:
            process.stop()


class _Answers(Generic[T, R]):
    """The answers of a pool, in order."""

    def __init__(
        self, work: Callable[[T], R], pool: list[_Process[T, R]], chunks: Iterator[list[tuple[int, T]]]
    ) -> None:
        self._work = work
        self._pool = pool
        self._chunks = chunks
        self._waiting: deque[list[tuple[int, T]]] = deque()
        self._ready: dict[int, R | Crashed] = {}

    def __iter__(self) -> Iterator[R | Crashed]:
        number = 0  # of the next answer
        self._give_out(number)
        while self._ready or any(process.tasks for process in self._pool):
            if number not in self._ready:
                self._listen()
            while number in self._ready:
                yield self._ready.pop(number)
                number += 1
            self._give_out(number)

    def _give_out(self, number: int) -> None:
        """Give every idle process something to do, but not too far ahead of the answer that is waited for."""
        for position, process in enumerate(self._pool):
            if process.tasks:
                continue
            if not self._waiting:
                self._waiting.extend(islice(self._chunks, 1))
            if self._waiting and self._waiting[0][0][0] < number + _AHEAD * len(self._pool):
                try:
                    process.give(self._waiting.popleft())
                except OSError:
                    self._bury(position)

    def _listen(self) -> None:
        """Take the answers that are there; wait for one."""
        busy = [(position, process) for position, process in enumerate(self._pool) if process.tasks]
        ready = wait([process.connection for _, process in busy])
        for position, process in busy:
            if process.connection not in ready:
                continue
            try:
                failure, answer = process.connection.recv()
            except (EOFError, OSError):
                self._bury(position)
                continue
            if failure is not None:
                raise failure
            self._ready[process.tasks.popleft()[0]] = answer

    def _bury(self, position: int) -> None:
        """The process is dead: its current task is answered so, another process takes its place, somebody the rest."""
        dead = self._pool[position]
        (number, _), *rest = dead.tasks
        dead.tasks.clear()
        self._ready[number] = Crashed(dead.end())
        if rest:
            self._waiting.appendleft(rest)
        self._pool[position] = _Process(self._work, [process for process in self._pool if process is not dead])


def _numbered(chunks: Iterable[Sequence[T]]) -> Iterator[list[tuple[int, T]]]:
    number = 0
    for chunk in chunks:
        if chunk:
            yield list(enumerate(chunk, number))
            number += len(chunk)


def _serve(work: Callable[[T], R], connection: Connection, foreign: Sequence[Connection]) -> None:
    """What a process does: work on chunks until nobody has any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who reads the answers decides
    for other in foreign:
        other.close()
    try:
        while True:
            for _, task in connection.recv():
                try:
                    answer: tuple[Exception | None, R | None] = None, work(task)
                except Exception as error:
                    answer = error, None
                connection.send(answer)
    except (EOFError, OSError):
        return  # nobody listens any more
