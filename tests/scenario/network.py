"""A whole network on loopback, made of the real commands: hub and site started, killed, restarted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fidac_node.errors import Temporary
from fidac_node.send.associate import Courier, Destination, Parcel
from tests.support import free_port, wait_until

FIDAC = [sys.executable, "-m", "fidac_node"]


def fidac(
    *arguments: object, check: bool = True, timeout: float = 60, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one ``fidac-node`` command to its end; ``given`` is what it reads."""
    argv = [*FIDAC, *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, input=given)
    if check and done.returncode not in (0, 3):
        raise AssertionError(f"{arguments} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


class Daemon:
    """One daemon in a process group of its own; its log is in ``<directory>/daemon.log``."""

    kind = ""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.config = directory / f"{self.kind}.toml"
        self.log = directory / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.said_before = 0

    def start(self, *, wait: bool = True, **environment: str) -> None:
        with self.log.open("ab") as log:
            self.said_before = log.tell()
            self.process = subprocess.Popen(
                [*FIDAC, self.kind, "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **environment},
            )
        if wait:
            wait_until(self.serves, 90, f"{self.kind} is not ready:\n{self.log_text()[-2000:]}")

    def serves(self) -> bool:
        """Whether all its processes are ready; its port is open before."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"{self.kind} stopped with {self.process.returncode}:\n{self.log_text()[-3000:]}")
        return b"is ready" in self.log.read_bytes()[self.said_before :]

    def kill(self) -> None:
        """kill -9, the whole family at once: as a power cut would."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM to the supervisor, as systemd does; returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.kind} did not stop:\n{self.log_text()[-3000:]}") from None

    def status(self) -> dict[str, Any]:
        return dict(json.loads(fidac(self.kind, "status", "--json", "--config", self.config).stdout))

    def log_text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def set(self, section: str, **options: object) -> None:
        """Set options in the configuration file (read at the next start)."""
        text = self.config.read_text()
        for key, value in options.items():
            lines, inside = [], False
            for line in text.splitlines():
                if line.startswith("["):
                    inside = line == f"[{section}]"
                if not (inside and line.startswith(f"{key} =")):
                    lines.append(line)
                if line == f"[{section}]":
                    lines.append(f"{key} = {json.dumps(value)}")
            text = "\n".join(lines) + "\n"
        self.config.write_text(text)


class Hub(Daemon):
    kind = "hub"

    def __init__(self, directory: Path, port: int | None = None) -> None:
        super().__init__(directory, port or free_port())
        fidac("hub", "init", directory, "--port", self.port, "--host", "127.0.0.1")
        self.set("spool", reserve_mb=1)

    def add_site(self, site_id: str, ae_title: str) -> None:
        fidac("hub", "site", "add", site_id, "--ae-title", ae_title, "--config", self.config)

    def find(self, level: str = "instances", *filters: object) -> list[dict[str, Any]]:
        return list(
            json.loads(
                fidac(
                    "hub", "find", level, "--format", "json", "--limit", 1000000, "--config", self.config, *filters
                ).stdout
            )
        )

    def files(self) -> dict[str, bytes]:
        """Every archived object: path inside the archive -> bytes.

        Without the preamble, which may say which object it is.
        """
        archive = self.directory / "archive"
        found = (path for site in archive.glob("[!.]*") for path in site.rglob("*.dcm"))
        return {str(path.relative_to(archive)): path.read_bytes()[128:] for path in sorted(found)}


class Site(Daemon):
    kind = "site"

    def __init__(
        self,
        directory: Path,
        hub_port: int,
        *,
        site_id: str = "CHU-TEST",
        ae_title: str = "FIDACNODE",
        mode: str = "pseudonymised",
    ) -> None:
        super().__init__(directory, free_port())
        self.site_id, self.ae_title = site_id, ae_title
        fidac(
            "site",
            "init",
            directory,
            "--site-id",
            site_id,
            "--hub",
            f"FIDACHUB@127.0.0.1:{hub_port}",
            "--ae-title",
            ae_title,
            "--port",
            self.port,
            "--mode",
            mode,
        )
        self.set("receive", host="127.0.0.1")
        self.set("spool", reserve_mb=1)
        self.set("deidentify", ocr_sample=0)  # a quarter of a second for each series
        self.set("send", retry_first=0.2, retry_max=2.0, commitment_interval=0.2)

    def wait_for(self, timeout: float = 90, **counts: int) -> dict[str, Any]:
        """Wait until the site's status shows these counts."""
        seen: dict[str, Any] = {}

        def reached() -> bool:
            seen.update(self.status())
            return all(seen[name] == number for name, number in counts.items())

        try:
            wait_until(reached, timeout)
        except AssertionError:
            shown = {
                name: seen.get(name)
                for name in (
                    "received",
                    "ready",
                    "held",
                    "outgoing",
                    "refused",
                    "sent",
                    "committed",
                    "reasons",
                    "last_error",
                )
            }
            raise AssertionError(f"expected {counts}, the site shows {shown}\n{self.log_text()[-3000:]}") from None
        return seen

    def waiting_files(self) -> list[Path]:
        """What lies in the spool and is neither held nor done: files, not rows, which may lag."""
        spool = self.directory / "spool"
        places = [spool / box / state for box in ("inbox", "outbox") for state in ("new", "work")]
        return [file for place in [*places, spool / "outbox" / "sent"] for file in place.rglob("*.dcm")]

    def storescu(self, files: Sequence[Path], *, aet: str = "PACS", aec: str = "") -> subprocess.CompletedProcess[str]:
        """Send with DCMTK, every transfer syntax as stored."""
        return subprocess.run(
            [
                "storescu",
                "-v",
                "--no-halt",
                "-aet",
                aet,
                "-aec",
                aec or self.ae_title,
                "-pdu",
                "131072",
                "127.0.0.1",
                str(self.port),
                *map(str, files),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


class Modality(threading.Thread):
    """A PACS that sends its objects, and sends each again until it got Success for it."""

    def __init__(self, port: int, files: Sequence[Path], called: str = "FIDACNODE") -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[Path] = set()
        self._files = files
        self._node = Destination(called, "127.0.0.1", port, "PACS", connect_timeout=2, acse_timeout=5, dimse_timeout=10)

    def run(self) -> None:
        pause = threading.Event()
        waiting = list(self._files)
        while waiting:
            try:
                courier = Courier.to(self._node, {Parcel.read(waiting[0]).pair})
            except Temporary:
                pause.wait(0.05)
                continue
            try:
                while waiting:
                    courier.store(Parcel.read(waiting[0]))
                    self.acknowledged.add(waiting.pop(0))
                courier.release()
            except Temporary:
                courier.abort()
                pause.wait(0.05)
