"""How a family of processes stands, told by its supervisor to whoever asks on a socket beside the lock of a stage.

The supervisor answers from the loop in which it does all its work: who gets an answer knows that it moves.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fidac_node.system import locks
from fidac_node.system.asking import Asked

RUNNING: Final = "running"
STARTING: Final = "starting"
BETWEEN: Final = "starting or stopping"
RESTARTING: Final = "restarting"
HUNG: Final = "hung"
STOPPED: Final = "stopped"
# Seconds that a supervisor is waited for: it answers within one of its turns, a second at most.
_PATIENCE: Final = 2.5
_BACKLOG: Final = 16
_LONGEST: Final = 1 << 16


@dataclass(frozen=True)
class Standing:
    """How one process of a stage stands; of one that is hung, which ``loop`` of it, and for how long (seconds).

    Without a ``loop`` it is its supervisor that does not move.
    """

    name: str
    state: str
    loop: str = ""
    seconds: int = 0

    @property
    def stage(self) -> str:
        """``deidentify`` of ``deidentify-1``."""
        return self.name.partition("-")[0]

    def __str__(self) -> str:
        if self.state != HUNG:
            return f"{self.name}: {self.state}"
        if not self.loop:
            return f"{self.name}: {HUNG}, its supervisor does not answer"
        return f"{self.name}: {HUNG}, {self.loop} has not moved for {self.seconds} s"


@dataclass(frozen=True)
class Alive:
    """Whether a node runs: ``state`` is running, stopped or hung, ``stages`` are its processes."""

    state: str
    stages: tuple[Standing, ...]

    @property
    def trouble(self) -> tuple[Standing, ...]:
        """The processes that do not run as they should."""
        return tuple(one for one in self.stages if one.state != RUNNING)


def door(directory: Path, stage: str) -> Path:
    """The socket on which the supervisor of a stage is asked."""
    return directory / f"{stage}.socket"


def open_door(path: Path) -> socket.socket:
    """Let the supervisor be asked; whoever was asked there before is gone, or has no lock. Raises ``OSError``."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _reachable(path) as name:
            listener.bind(name)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def answer(listener: socket.socket, standings: Sequence[Standing]) -> None:
    """Tell the next who asks how all stands; who has gone already is nobody's trouble."""
    with suppress(OSError):
        peer, _ = listener.accept()
        with peer:
            peer.setblocking(False)
            peer.send(json.dumps([asdict(one) for one in standings]).encode())


def ask(directory: Path, stages: Sequence[str]) -> Alive:
    """How the processes of ``stages`` stand, as their supervisors say; who does not answer hangs himself."""
    asked = {stage: Asked(lambda stage=stage: _ask(directory, stage)) for stage in stages}  # type: ignore[misc]
    found: dict[str, Standing] = {}
    for one in asked.values():
        found |= {standing.name: standing for standing in one.within(2 * _PATIENCE)}
    states = {standing.state for standing in found.values()}
    whole = next((state for state in (HUNG, STOPPED) if state in states), RUNNING)
    return Alive(whole, tuple(found.values()))


def _ask(directory: Path, stage: str) -> list[Standing]:
    path = door(directory, stage)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_PATIENCE)
        try:
            with _reachable(path) as name:
                sock.connect(name)
            said = b""
            while part := sock.recv(_LONGEST):
                said += part
            return [Standing(**one) for one in json.loads(said)]
        except (TimeoutError, BlockingIOError):  # it has not come to listen to so many
            return [Standing(stage, HUNG)]
        except (OSError, ValueError):
            return [Standing(stage, BETWEEN if locks.lives(directory / f"{stage}.lock") else STOPPED)]


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name for a socket that is short enough for bind(2) and connect(2), however deep its folder is."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
