"""A site node and a hub as they ship: the real commands with their defaults, and what their processes take."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import psutil

SITE: Final = "BENCH"
SITE_AE: Final = "BENCHSITE"
HUB_AE: Final = "BENCHHUB"
_FIDAC: Final = (sys.executable, "-m", "fidac_node")
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 60.0
_LAST_WORDS: Final = 8
# A benchmark must run where little disk is left; all else is what ships.
_SETTINGS: Final = {"FIDAC_NODE_SPOOL_RESERVE_MB": "64", "FIDAC_NODE_RECEIVE_HOST": "127.0.0.1"}


def wait_until(reached: Callable[[], bool], what: str, seconds: float = 120.0, pause: float = 0.02) -> float:
    """Ask again and again; return the time it was so. Raises :class:`TimeoutError`."""
    tick, deadline = threading.Event(), time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        tick.wait(pause)
    return time.monotonic()


def free_port() -> int:
    """A TCP port of loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def fidac(*arguments: object) -> str:
    """Run one ``fidac-node`` command; return what it printed. Raises :class:`RuntimeError`."""
    done = subprocess.run([*_FIDAC, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        said = done.stderr.strip() or done.stdout.strip()
        raise RuntimeError(f"'fidac-node {' '.join(map(str, arguments))}' exited {done.returncode}: {said}")
    return done.stdout


class Daemon:
    """One ``run`` command with its children, in a session of its own. A context manager that starts and stops it."""

    kind = ""

    def __init__(self, directory: Path, port: int, **settings: object) -> None:
        self.directory = directory
        self.port = port
        self.config = directory / f"{self.kind}.toml"
        self.log = directory / "daemon.log"
        self.only: tuple[str, ...] = ()
        self._settings = {**_SETTINGS, **{f"FIDAC_NODE_{name.upper()}": str(value) for name, value in settings.items()}}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Daemon:
        said = self.log.stat().st_size if self.log.exists() else 0
        stages = [word for stage in self.only for word in ("--only", stage)]
        with self.log.open("ab") as output:
            argv = [*_FIDAC, self.kind, "run", "--config", str(self.config), *stages]
            environment = {**os.environ, **self._settings}
            self._process = subprocess.Popen(
                argv, stdout=output, stderr=output, start_new_session=True, env=environment
            )

        def ready() -> bool:
            words = self.log.read_bytes()[said:].decode(errors="replace")
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"the {self.kind} stopped with {self._process.returncode}:\n{words[-2000:]}")
            return " is ready" in words

        wait_until(ready, f"the {self.kind} is ready", _READY_SECONDS)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        assert self._process is not None
        if error is not None:
            error.add_note(
                f"the {self.kind} said last:\n"
                + "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_WORDS:])
            )
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def running(self, *only: str) -> Daemon:
        """This daemon, with just these stages at its next start."""
        self.only = only
        return self

    def processes(self) -> list[tuple[str, psutil.Process]]:
        """Its processes, each with the name of its stage (``deidentify`` of ``deidentify-1``)."""
        assert self._process is not None
        supervisor = psutil.Process(self._process.pid)
        return [("supervisor", supervisor), *((_stage(child), child) for child in supervisor.children(recursive=True))]

    def processor_seconds(self) -> dict[str, float]:
        """CPU time so far by stage, in steps of 10 ms a process."""
        used: dict[str, float] = {}
        for stage, process in self.processes():
            times = process.cpu_times()
            used[stage] = used.get(stage, 0.0) + times.user + times.system
        return used

    def running_seconds(self) -> float:
        """Time that all threads alive have run so far, to the nanosecond (Documentation/scheduler/sched-stats.rst)."""
        tasks = [task for _, process in self.processes() for task in Path(f"/proc/{process.pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def peaks(self) -> dict[str, int]:
        """The most memory (bytes) that was resident in each kind of process since it started: VmHWM, proc(5)."""
        peaks: dict[str, int] = {}
        for stage, process in self.processes():
            line = next(
                line
                for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                if line.startswith("VmHWM")
            )
            name = f"{self.kind} {stage}"
            peaks[name] = max(peaks.get(name, 0), int(line.split()[1]) * 1024)
        return peaks

    def status(self) -> dict[str, Any]:
        """The answer of ``status --json``."""
        return dict(json.loads(fidac(self.kind, "status", "--json", "--config", self.config)))


class Hub(Daemon):
    """A hub that knows our site."""

    kind = "hub"

    def __init__(self, directory: Path, options: Mapping[str, object] = MappingProxyType({})) -> None:
        """``options`` go into the settings: ``{"index.database": "sqlite:///index.db"}``."""
        super().__init__(directory, free_port())
        fidac("hub", "init", directory, "--ae-title", HUB_AE, "--host", "127.0.0.1", "--port", self.port)
        text = self.config.read_text()
        for name, value in options.items():
            section, option = name.split(".")
            text = text.replace(f"[{section}]\n", f"[{section}]\n{option} = {json.dumps(value)}\n")
        self.config.write_text(text)
        fidac("hub", "site", "add", SITE, "--ae-title", SITE_AE, "--config", self.config)

    @property
    def address(self) -> str:
        """AET@HOST:PORT."""
        return f"{HUB_AE}@127.0.0.1:{self.port}"

    def indexed(self) -> int:
        """The number of the last row of the index: it costs the same however many there are."""
        with closing(sqlite3.connect(f"file:{self.directory / 'index.db'}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT COALESCE(MAX(id), 0) FROM instance").fetchone()[0])


class Site(Daemon):
    """A site node that takes from anybody.

    ``settings`` are options as the environment names them (``send_associations=1``).
    """

    kind = "site"

    def __init__(self, directory: Path, hub: str, **settings: object) -> None:
        # Looking for burned-in text is tesseract's time, whatever the node does.
        super().__init__(directory, free_port(), **{"deidentify_ocr_sample": 0, **settings})
        fidac("site", "init", directory, "--site-id", SITE, "--hub", hub, "--ae-title", SITE_AE, "--port", self.port)

    def wait_for(self, state: str, count: int, seconds: float = 180.0) -> None:
        """Wait until so many objects are in a state of ``site status``.

        Raises :class:`TimeoutError`, :class:`RuntimeError`.
        """

        def reached() -> bool:
            status = self.status()
            if status["held"] or status["refused"]:
                raise RuntimeError(f"objects are held or refused at the site: {status['reasons']}")
            return bool(status[state] >= count)

        wait_until(reached, f"{count} objects {state} at the site", seconds, pause=0.2)


def _stage(process: psutil.Process) -> str:
    """What follows ``--child`` in its arguments, without its number."""
    argv = process.cmdline()
    return argv[argv.index("--child") + 1].partition("-")[0] if "--child" in argv else "other"
