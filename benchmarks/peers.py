"""Other vendors' programs, each started as its maker ships it, but for PDUs of 131072 bytes and TCP_NODELAY."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.node import free_port, wait_until
from benchmarks.setting import empty, hollow

# DCMTK reads it; Orthanc is built on DCMTK. Without, each message waits 40 ms for a delayed acknowledgement.
ENVIRONMENT: Final = {**os.environ, "TCP_NODELAY": "1"}
_PDU: Final = ("--max-pdu", "131072")
_SECONDS: Final = 300.0


def have(*programs: str) -> bool:
    """Say whether all of them are installed."""
    return all(map(program, programs))


def program(name: str) -> str | None:
    """Where it is. Debian has Orthanc among the programs of the administrator."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


class Storescp:
    """DCMTK ``storescp``, which does not sync, and keeps each object in a file of its own in ``directory``."""

    ae_title = "STORESCP"

    def __init__(self, directory: Path, *flags: str, preload: Path | None = None) -> None:
        self.directory = directory
        self.port = free_port()
        self._flags = flags
        self._environment = {**ENVIRONMENT, "LD_PRELOAD": str(preload)} if preload else ENVIRONMENT
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Storescp:
        self.directory.mkdir(parents=True)
        argv = [
            "storescp",
            *_PDU,
            *self._flags,
            "--aetitle",
            self.ae_title,
            "--output-directory",
            str(self.directory),
            str(self.port),
        ]
        self._process = subprocess.Popen(argv, stderr=subprocess.DEVNULL, env=self._environment)
        wait_until(lambda: _echoes(self.port, self.ae_title), "storescp answers", 20)
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._process)

    def stored(self) -> int:
        """How many objects are there."""
        return sum(1 for _ in os.scandir(self.directory))

    def rate(self) -> float:
        """Objects a second between the first that was written and the last."""
        times = sorted(entry.stat().st_mtime_ns for entry in os.scandir(self.directory))
        return (len(times) - 1) / (times[-1] - times[0]) * 1e9

    def clear(self) -> None:
        """Forget what it stored."""
        empty(self.directory)


def syncing(directory: Path) -> Path | None:
    """What makes a program sync what it writes (``syncing.c``), compiled; ``None`` without a C compiler."""
    if not have("cc"):
        return None
    directory.mkdir(parents=True, exist_ok=True)
    library = directory / "syncing.so"
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-o", library, Path(__file__).with_name("syncing.c"), "-ldl"], check=True
    )
    return library


class Orthanc:
    """Orthanc with its defaults, so that it syncs each object (SyncStorageArea), with no plugins but those named."""

    def __init__(
        self,
        directory: Path,
        ae_title: str = "ORTHANC",
        modalities: Mapping[str, Sequence[Any]] | None = None,
        plugins: Sequence[Path] = (),
    ) -> None:
        self.directory, self.ae_title = directory, ae_title
        self.port, self.http = free_port(), free_port()
        self._plugins = list(map(str, plugins))
        self._modalities = dict(modalities or {})
        self._known_instances = 0
        self._known_studies: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Orthanc:
        self.directory.mkdir(parents=True)
        storage, settings = str(self.directory / "storage"), self.directory / "orthanc.json"
        settings.write_text(
            json.dumps(
                {
                    "Name": self.ae_title,
                    "StorageDirectory": storage,
                    "IndexDirectory": storage,
                    "DicomAet": self.ae_title,
                    "DicomPort": self.port,
                    "HttpPort": self.http,
                    "RemoteAccessAllowed": False,
                    "DicomModalities": self._modalities,
                    "MaximumPduLength": 131072,
                    "DicomAlwaysAllowGet": True,
                    "DicomAlwaysAllowMove": True,
                    "Plugins": self._plugins,
                }
            )
        )
        with (self.directory / "orthanc.log").open("wb") as log:
            self._process = subprocess.Popen(
                [program("Orthanc") or "Orthanc", str(settings)], stdout=log, stderr=log, env=ENVIRONMENT
            )
        wait_until(self._answers, f"Orthanc answers (its log: {self.directory / 'orthanc.log'})", 30)
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._process)

    def call(self, path: str, body: object = None) -> Any:
        """Ask its REST API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data)
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.loads(answer.read())

    def instances(self) -> int:
        """How many objects it has that are new."""
        return int(self.call("/statistics")["CountInstances"]) - self._known_instances

    def studies(self) -> list[str]:
        """Its names of the studies that are new."""
        return sorted(set(self.call("/studies")) - self._known_studies)

    def clear(self) -> None:
        """Take what it stored for known; nobody asks for it again."""
        self._known_studies.update(self.studies())
        self._known_instances += self.instances()
        for folder in (self.directory / "storage").glob("[0-9a-f][0-9a-f]"):
            hollow(folder)

    def _answers(self) -> bool:
        try:
            self.call("/statistics")
        except OSError:
            return False
        return True


def storescu(folders: Sequence[Path], port: int, called: str, calling: str = "STORESCU") -> float:
    """Send each folder over an association of its own, all at once; return the seconds until the last was through."""
    began = time.monotonic()
    argv = ["storescu", *_PDU, "--aetitle", calling, "--call", called, "+sd", "localhost", str(port)]
    _all([[*argv, str(folder)] for folder in folders])
    return time.monotonic() - began


def getscu(port: int, called: str, study: str, directory: Path, calling: str) -> None:
    """Get a study with DCMTK, each object into a file of its own."""
    directory.mkdir(parents=True)
    _all([["getscu", *_retrieving(port, called, study, calling), "--output-directory", str(directory)]])


def movescu(port: int, called: str, study: str, destination: str, calling: str) -> None:
    """Have a study sent to a destination with DCMTK."""
    _all([["movescu", *_retrieving(port, called, study, calling), "--move", destination]])


def _retrieving(port: int, called: str, study: str, calling: str) -> list[str]:
    keys = ["--key", "QueryRetrieveLevel=STUDY", "--key", f"StudyInstanceUID={study}"]
    return ["--study", *_PDU, "--aetitle", calling, "--call", called, *keys, "localhost", str(port)]


def dcmsend(folder: Path, port: int, called: str) -> None:
    """Send a folder with DCMTK's ``dcmsend``."""
    _all([["dcmsend", *_PDU, "--call", called, "+sd", "localhost", str(port), str(folder)]])


def _all(commands: Sequence[Sequence[str]]) -> None:
    """Run commands at the same time; raises :class:`RuntimeError` when one fails."""
    running = [
        subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        for argv in commands
    ]
    for argv, process in zip(commands, running, strict=True):
        _, said = process.communicate(timeout=_SECONDS)
        if process.returncode:
            raise RuntimeError(f"'{' '.join(argv)}' exited {process.returncode}: {said.strip()[-500:]}")


def _echoes(port: int, called: str) -> bool:
    argv = ["echoscu", "--call", called, "localhost", str(port)]
    return subprocess.run(argv, capture_output=True, check=False, env=ENVIRONMENT).returncode == 0


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL server of our own, on a Unix socket alone; yield the URL of its database."""
    with tempfile.TemporaryDirectory(prefix="fidac-bench-") as name:
        yield from _postgresql(Path(name))


def _postgresql(directory: Path) -> Iterator[str]:
    home = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    if user:
        shutil.chown(directory, user)
    cluster = directory / "cluster"
    options = f"-c listen_addresses='' -c unix_socket_directories='{directory}'"

    def run(name: str, *arguments: object) -> None:
        argv = [str(home / name), "-D", str(cluster), *map(str, arguments)]
        subprocess.run(argv, user=user, cwd=directory, check=True, stdout=subprocess.DEVNULL)

    run("initdb", "-U", "postgres", "-A", "trust")
    run("pg_ctl", "-w", "-l", directory / "log", "-o", options, "start")
    try:
        yield f"postgresql:///postgres?host={directory}&user=postgres"
    finally:
        run("pg_ctl", "-w", "-m", "fast", "stop")


def have_postgresql() -> bool:
    """Say whether its server programs are installed."""
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
