"""A daemon as a family of processes: one supervisor, one child per stage, stopped in the order of the flow.

A child is the same command started again with ``--child NAME``. It holds one end of a socket pair: it
says ``ready`` on it, and when the other end closes, its supervisor is dead and it stops too. A socket that
a stage listens on is the supervisor's: its processes share it, and while one is started again none is missed.
Whether the loops of a child move is heard by :mod:`.pulse`; who is silent for too long is killed and started again, and
whoever asks how all stands is answered by :mod:`.standing`.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from apscheduler.schedulers.background import BackgroundScheduler

from fidac_node.system import standing
from fidac_node.system.pulse import Beat, Listener, Pulse
from fidac_node.system.standing import Standing

log = logging.getLogger(__name__)

_LIFELINE: Final = "FIDAC_LIFELINE"
_PULSE: Final = "FIDAC_PULSE"
_LISTENER: Final = "FIDAC_LISTENER"
_ORPHAN_SECONDS: Final = 60.0
_STABLE_SECONDS: Final = 60.0
_LONGEST_PAUSE: Final = 30.0
_LAST_SECONDS: Final = 2.0
# Seconds that the loops of a stage may be silent, how much longer a process may take to begin, and how many times as
# long one that computes or waits for a disk: a single object may have gigabytes.
PATIENCE: Final = 60.0
_TO_BEGIN: Final = 300.0
_COMPUTING: Final = 10
_GLANCE_SECONDS: Final = 1.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_ASK_SECONDS: Final = 5.0
_MORE_SECONDS: Final = 60
# Added to the nice value of who gives way: a third of the processors is left to it against one that wants all.
_YIELDING: Final = 5
EXIT_CONFIG: Final = 2


@dataclass
class Chore:
    """Something the supervisor does every ``seconds``."""

    name: str
    seconds: float
    run: Callable[[], object]


@dataclass
class _Child:
    name: str
    argv: list[str]
    process: subprocess.Popen[bytes] | None = None
    lifeline: socket.socket | None = None
    ready: bool = False
    started: float = 0.0
    crashes: int = 0
    restart_at: float = 0.0
    dead: bool = False
    pulse: Pulse | None = None
    listener: Listener | None = None
    used: float = 0.0
    asked: float = 0.0
    hung: bool = False

    @property
    def stage(self) -> str:
        """``deidentify`` of ``deidentify-1``."""
        return self.name.partition("-")[0]

    @property
    def standing(self) -> Standing:
        """How it stands: it moves, it is about to, or it is silent for too long."""
        if self.dead:
            return Standing(self.name, standing.RESTARTING)
        if self.hung and self.listener is not None:
            worst = self.listener.worst
            return Standing(self.name, standing.HUNG, worst.loop, round(worst.seconds))
        return Standing(self.name, standing.RUNNING if self.ready else standing.STARTING)


class Supervisor:
    """Starts the children, restarts one that dies, does the chores, and stops all in order.

    ``children`` are names and arguments to ``command``. ``listeners`` are the sockets that the children of a
    stage share; ``locks`` are all children's, too, so that they end with the last process of the family. ``grace`` is
    how long (seconds) one child may take to stop before it is killed. ``bury`` is called with the number of each
    process that died before its time, to clear away what it left. ``pauses`` are the longest before one of a stage is
    started again (seconds, 30 where none is named). ``doors`` are sockets to be asked on, see :mod:`.standing`; a
    process whose loops are silent for ``patience`` (seconds) is killed.
    """

    def __init__(  # noqa: PLR0913  # one place that says how a family of processes lives
        self,
        title: str,
        children: Sequence[tuple[str, list[str]]],
        chores: Sequence[Chore],
        *,
        listeners: Mapping[str, socket.socket] | None = None,
        locks: Sequence[int] = (),
        grace: float = 60,
        command: Sequence[str] = (sys.executable, "-m", "fidac_node"),
        bury: Callable[[int], object] = lambda _process: None,
        pauses: Mapping[str, float] | None = None,
        doors: Sequence[Path] = (),
        patience: float = PATIENCE,
    ) -> None:
        self._title = title
        self._command = command
        self._children = [_Child(name, argv) for name, argv in children]
        self._chores = chores
        self._listeners = dict(listeners or {})
        self._locks = locks
        self._grace = grace
        self._bury = bury
        self._pauses = dict(pauses or {})
        self._doors = doors
        self._patience = patience
        self._stopping = False
        self.renewing = False
        self._selector = selectors.DefaultSelector()
        self._exit_code = 0

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return the exit code."""
        wake, waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, _on_hangup)
        self._selector.register(wake, selectors.EVENT_READ, None)
        scheduler = BackgroundScheduler(job_defaults={"coalesce": True, "max_instances": 1})
        for chore in self._chores:
            scheduler.add_job(_careful(chore), "interval", seconds=chore.seconds, name=chore.name)
        scheduler.start()
        doors = [standing.open_door(door) for door in self._doors]
        try:
            for door in doors:
                self._selector.register(door, selectors.EVENT_READ, door)
            for child in self._children:
                self._start(child)
            while not self._stopping:
                self._watch()
        finally:
            if not self.renewing:
                notify("STOPPING=1")
            scheduler.shutdown(wait=False)
            for path, door in zip(self._doors, doors, strict=True):
                self._selector.unregister(door)
                door.close()
                path.unlink(missing_ok=True)
            for stage in dict.fromkeys(child.stage for child in self._children):
                if listener := self._listeners.pop(stage, None):
                    listener.close()  # who comes after the last process of the stage is turned away, not left waiting
                self._end([child for child in self._children if child.stage == stage])
            signal.set_wakeup_fd(-1)
        log.info("%s stopped", self._title)
        return self._exit_code

    def renew(self) -> None:
        """Stop in order, as for a signal, so that the whole can be started again: :func:`start_again`."""
        self.renewing = self._stopping = True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping and number == signal.SIGINT:
            raise KeyboardInterrupt  # the second Ctrl-C means now
        self._stopping = True

    def _watch(self) -> None:
        """Wait for a child to speak or die, a signal, or the next restart."""
        due = [child.restart_at for child in self._children if child.dead]
        for key, _ in self._selector.select(timeout=max(0.0, min([1.0, *(at - time.monotonic() for at in due)]))):
            child = key.data
            if child is None:
                key.fileobj.recv(64)  # type: ignore[union-attr]
            elif isinstance(child, socket.socket):
                standing.answer(child, [one.standing for one in self._children])
            elif child.lifeline.recv(64):
                self._on_ready(child)
            else:
                self._on_death(child)
        for child in self._children:
            # Who inherited a child's end of the lifeline may keep it open after the child's death.
            if not child.dead and child.process is not None and child.process.poll() is not None:
                self._on_death(child)
            if child.dead and time.monotonic() >= child.restart_at and not self._stopping:
                self._start(child)
        if not [child for child in self._children if self._is_hung(child)]:
            notify("WATCHDOG=1")

    def _is_hung(self, child: _Child) -> bool:
        """Whether a process does not move any more: then it is killed, and started again when it has died."""
        if child.dead or child.hung or child.process is None or child.listener is None:
            return child.hung
        silence = child.listener.look()
        if not silence.is_too_long:
            return False
        now = time.monotonic()
        if now - child.asked < _GLANCE_SECONDS:  # too short a time to tell whether it computes
            return False
        # At the first such look it had used nothing: so there are two.
        before, child.used, child.asked = child.used, _processor_seconds(child.process.pid), now
        is_busy = child.used > before or _waits_for_a_disk(child.process.pid)
        if is_busy and silence.seconds < _COMPUTING * silence.allowed:
            return False
        log.error("%s does not move: %s is silent for %.0f s; it is killed", child.name, silence.loop, silence.seconds)
        child.hung = True
        child.process.kill()  # what waits for a frozen disk dies when the disk is back
        return True

    def _start(self, child: _Child) -> None:
        ours, theirs = socket.socketpair()
        argv = [*child.argv, "--after-crash"] if child.crashes else child.argv
        child.pulse = Pulse()
        child.pulse.loop("the start", _TO_BEGIN)
        child.listener = Listener(child.pulse, self._patience)
        passed = {_LIFELINE: theirs.fileno(), _PULSE: child.pulse.fd}
        if listener := self._listeners.get(child.stage):
            passed[_LISTENER] = listener.fileno()
        child.process = subprocess.Popen(
            [*self._command, *argv],
            stdin=subprocess.DEVNULL,
            pass_fds=[*passed.values(), *self._locks],
            env={**os.environ, **{name: str(fd) for name, fd in passed.items()}},
        )
        theirs.close()
        child.lifeline, child.ready, child.dead, child.started = ours, False, False, time.monotonic()
        child.used, child.asked, child.hung = 0.0, 0.0, False
        self._selector.register(ours, selectors.EVENT_READ, child)

    def _on_ready(self, child: _Child) -> None:
        child.ready = True
        if all(other.ready for other in self._children):
            log.info("%s is ready", self._title)
            notify(f"READY=1\nSTATUS={self._title} is ready")

    def _on_death(self, child: _Child) -> None:
        assert child.process is not None and child.lifeline is not None
        try:
            code = child.process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:  # it let go of the lifeline and lives: nobody could stop it in order
            child.process.kill()
            code = child.process.wait()
        self._selector.unregister(child.lifeline)
        child.lifeline.close()
        if child.pulse is not None:
            child.pulse.close()
        child.pulse = child.listener = None
        was_ready, child.ready, child.dead = child.ready, False, True
        self._clear_away(child.process.pid)
        if self._stopping:
            return
        if code == EXIT_CONFIG and not was_ready:
            log.error("%s cannot start: %s said what is wrong above", self._title, child.name)
            self._exit_code = EXIT_CONFIG
            self._stopping = True
            return
        lived = time.monotonic() - child.started
        child.crashes = 1 if lived > _STABLE_SECONDS else child.crashes + 1
        pause = min(self._pauses.get(child.stage, _LONGEST_PAUSE), 0.5 * 2.0 ** (child.crashes - 1))
        child.restart_at = time.monotonic() + pause
        log.error("%s died (exit code %s); starting it again in %.1f s", child.name, code, pause)

    def _end(self, children: list[_Child]) -> None:
        """Stop the processes of one stage, all at the same time."""
        running = [child.process for child in children if child.process is not None and child.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + self._grace
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning(
                    "killing a process of stage %s: it did not stop within %.0f s", children[0].stage, self._grace
                )
                process.kill()
                process.wait()
                self._clear_away(process.pid)

    def _clear_away(self, process: int) -> None:
        """See to it that a dead process leaves nothing behind, at once: the next start may be far."""
        try:
            self._bury(process)
        except Exception:  # the others go on; the next start does it
            log.exception("what process %d left cannot be cleared away", process)


class Lifeline:
    """The child's end: sets ``stop`` on SIGTERM or when the supervisor is gone.

    ``listener`` is the socket that the processes of this stage share, if the supervisor holds one. A stage that answers
    people is no ``batch`` job.
    """

    def __init__(self, stop: threading.Event, *, batch: bool = True) -> None:
        self._stop = stop
        with suppress(OSError):  # a sandbox may forbid it
            # Who wakes need not run at once: switched less often, all stages together take 5 % less of the processors.
            os.sched_setscheduler(0, os.SCHED_BATCH if batch else os.SCHED_OTHER, os.sched_param(0))
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        # A signal that comes just before the main thread goes to sleep would wake it only with the next one, so
        # a thread waits for the byte that the interpreter's own handler writes; it must know where from the first on.
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        # Ctrl-C reaches the whole family at once: the supervisor stops the children in order, and answers for SIGHUP.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._socket = _inherited(_LIFELINE)
        number = os.environ.pop(_PULSE, "")
        self._pulse = Pulse(int(number) if number else None)
        self._beginning = self._pulse.loop("the start", _TO_BEGIN)
        self.listener = _inherited(_LISTENER)
        threading.Thread(target=self._listen, name="lifeline", daemon=True).start()

    def loop(self, name: str) -> Beat:
        """What the loop ``name`` of this stage calls when it comes round; a long silence has this process killed."""
        return self._pulse.loop(name)

    def ready(self) -> None:
        """Tell the supervisor that this stage serves.

        What is loaded by now stays: the collector need not look at it again.
        """
        gc.freeze()
        # Objects come and go with their reference counts; looking for cycles every 700 allocations costs more than it
        # finds.
        gc.set_threshold(50_000, 20, 50)
        self._beginning.end()
        if self._socket is not None:
            self._socket.send(b"ready\n")

    def lower_priority(self) -> None:
        """Let the other stages have the processors first, from now on."""
        with suppress(OSError):  # a sandbox may forbid it
            os.nice(_YIELDING)

    def end(self) -> NoReturn:
        """End this process now that all is closed.

        Threads of pynetdicom may wait for a peer for ever, and nothing needs them.
        """
        logging.shutdown()
        os._exit(0)

    def _listen(self) -> None:
        sources = [self._wake] if self._socket is None else [self._wake, self._socket]
        while True:
            for source in select.select(sources, [], [])[0]:
                try:
                    said = source.recv(64)
                except OSError:
                    said = b""
                if source is self._wake:
                    self._stop.set()
                elif not said:
                    self._stop.set()
                    # Nobody is left to kill a stage that hangs; what it was doing, the next start repairs.
                    time.sleep(_ORPHAN_SECONDS)
                    os._exit(1)


def _on_hangup(_number: int, _frame: FrameType | None) -> None:
    """Who sends SIGHUP wants settings read again; a terminal that closes must stop nothing either."""
    log.warning("SIGHUP: settings are not read again while it runs; 'systemctl restart' does, and loses nothing")


def start_again() -> NoReturn:
    """Put a new run of this command in the place of this process: systemd sees the same one, which is not ready yet."""
    logging.shutdown()
    os.execv(sys.executable, [sys.executable, "-m", "fidac_node", *sys.argv[1:]])


def _inherited(variable: str) -> socket.socket | None:
    number = os.environ.pop(variable, "")
    return socket.socket(fileno=int(number)) if number else None


def _processor_seconds(process: int) -> float:
    """What a process has used of the processors (proc_pid_stat(5)); 0: it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _waits_for_a_disk(process: int) -> bool:
    """Whether a thread of a process is in uninterruptible sleep (proc_pid_stat(5), state D)."""
    states = []
    for path in Path(f"/proc/{process}/task").glob("*/stat"):
        with suppress(OSError):  # it has ended
            states.append(path.read_text().rpartition(")")[2].split()[0])
    return "D" in states


def notify(message: str) -> None:
    """Tell systemd, when it listens (sd_notify(3), Type=notify)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(message.encode(), address)
        except OSError as error:
            log.warning("systemd does not hear: %s", error)


@contextmanager
def taking_time() -> Iterator[None]:
    """While the block puts right what a crash left, systemd is asked to wait on (EXTEND_TIMEOUT_USEC of sd_notify(3)).

    How long that takes depends on how much waits, and a start that is cut short would begin anew.
    """
    done = threading.Event()

    def ask() -> None:
        while not done.wait(_ASK_SECONDS):
            # The second is for a node that starts again by itself, which is watched all the while.
            notify(f"EXTEND_TIMEOUT_USEC={_MORE_SECONDS * 1_000_000}\nWATCHDOG=1")

    asking = threading.Thread(target=ask, name="start", daemon=True)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()


def _careful(chore: Chore) -> Callable[[], None]:
    def run() -> None:
        try:
            chore.run()
        except Exception:  # a chore that fails is tried again at its next turn
            log.exception("%s failed, next try in %.0f s", chore.name, chore.seconds)

    return run
