"""Applies each fault for real and writes docs/faults.md: the fault, what the node did, what was seen.

``python -m tests.fault_table [WORD]``, as root, takes a quarter of an hour; with WORD only faults whose names have it,
and their rows are printed. A row is written only when its fault was applied, what it says was looked at, and the words
were read from what a command or the log said.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from fidac_node.phantom import write_series
from tests.faults import damage, read_only
from tests.integration.peers import make_certificates
from tests.scenario.network import Daemon, Hub, Modality, Site, fidac
from tests.support import wait_until

DOCUMENT: Final = Path(__file__).parents[1] / "docs/faults.md"
SLICES: Final = 3
SIZE: Final = {"slices": SLICES, "rows": 64, "columns": 64}
HEAD: Final = """# Faults, and what the node did

<!-- Written by `python -m tests.fault_table`, which applies each fault for real: do not edit. -->

Each fault was applied to a hub and a site on one machine, made of the real commands, while a study was sent or before
a start. Nothing that was acknowledged to the PACS was lost, and nothing was filed twice: where a study "arrived", its
objects were counted at the hub. The words are those that a command or the log said then, without times and paths.

| fault | what the node did | what was seen |
| --- | --- | --- |
"""


class Net:
    """A hub and a site of one fault, not yet started, and a study to send."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hub = Hub(directory / "hub")
        self.hub.add_site("CHU-TEST", "FIDACNODE")
        self.site = Site(directory / "site", self.hub.port)
        for daemon in (self.hub, self.site):
            daemon.set("spool", stage_patience=8.0)
        self.files = write_series(directory / "pacs", **SIZE)
        self.sent = 0

    def start(self) -> None:
        self.hub.start()
        self.site.start()

    def send(self, seed: int = 1) -> None:
        """As a PACS does that tries again until it got Success for each object."""
        files = self.files if seed == 1 else write_series(self.directory / f"pacs-{seed}", seed=seed, **SIZE)
        modality = Modality(self.site.port, files)
        modality.start()
        modality.join(120)
        assert modality.acknowledged == set(files), "the PACS did not get rid of its study"
        self.sent += SLICES

    def arrived(self, timeout: float = 90) -> None:
        """All that was sent is committed, and is at the hub once."""
        self.site.wait_for(timeout=timeout, committed=self.sent)
        assert len(self.hub.find()) == self.sent

    def close(self) -> None:
        for daemon in (self.site, self.hub):
            if daemon.process is not None and daemon.process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(daemon.process.pid, signal.SIGCONT)
                daemon.kill()

    # --- what is seen

    def status(self, pattern: str, daemon: Daemon | None = None, timeout: float = 60) -> str:
        """The line of a status that has the pattern, as soon as one has."""
        asked = daemon or self.site
        return self._said([asked.kind, "status", "--config", asked.config], pattern, timeout)

    def doctor(self, pattern: str, daemon: Daemon | None = None) -> str:
        """The finding of doctor that has the pattern, with its remedy."""
        text = _run("doctor", "--config", (daemon or self.site).config).stdout
        return self._line(text, pattern, remedy=True)

    def logged(self, pattern: str, daemon: Daemon | None = None, timeout: float = 60) -> str:
        asked = daemon or self.site
        wait_until(lambda: re.search(pattern, asked.log_text()), timeout, f"no {pattern}:\n{asked.log_text()[-1500:]}")
        return self._line(asked.log_text(), pattern)

    def refuses_to_start(self, pattern: str, daemon: Daemon | None = None) -> str:
        """A start fails, at once and with the exit code of settings that a person must correct; return what it says."""
        asked = daemon or self.site
        done = _run(asked.kind, "run", "--config", asked.config, timeout=90)
        assert done.returncode == 2, (done.returncode, done.stderr)
        return self._line(done.stderr, pattern)

    def _said(self, command: list[object], pattern: str, timeout: float) -> str:
        seen: list[str] = []

        def there() -> bool:
            done = _run(*command)
            seen[:] = [done.stdout + done.stderr]
            return re.search(pattern, seen[0]) is not None

        wait_until(there, timeout, f"no {pattern}:\n{''.join(seen)}")
        return self._line(seen[0], pattern)

    def _line(self, text: str, pattern: str, *, remedy: bool = False) -> str:
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if re.search(pattern, line):
                said = " ".join(
                    lines[number : number + 2] if remedy and "->" in "".join(lines[number + 1 : number + 2]) else [line]
                )
                return self._anonymous(said)
        raise AssertionError(f"nobody said {pattern}:\n{text[-2500:]}")

    def _anonymous(self, line: str) -> str:
        """Without what differs from one run to the next."""
        line = re.sub(r"^\d{4}-\d\d-\d\dT\S+ ", "", line.strip())
        line = line.replace(str(self.directory) + "/", "").replace(str(self.directory), ".")
        line = re.sub(r"process \d+(: \S*python\S* -m fidac_node)?", "process N", line)
        line = re.sub(r"\d{4}-\d\d-\d\dT\d\d:?\d\d:?\d\d(Z|[+-]\d\d:\d\d)?", "TIME", line)
        line = re.sub(r"127\.0\.0\.1:\d+|localhost:\d+", "HUB:PORT", line)
        line = re.sub(r"port \d+", "port N", line)
        return " ".join(line.split())


def _run(*arguments: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return fidac(*arguments, check=False, timeout=timeout)


Fault = Callable[[Net], tuple[str, str]]
FAULTS: Final[dict[str, Fault]] = {}


def fault(name: str) -> Callable[[Fault], Fault]:
    def register(function: Fault) -> Fault:
        FAULTS[name] = function
        return function

    return register


# --- the network and the hub


@fault("the hub is down")
def hub_down(net: Net) -> tuple[str, str]:
    net.site.start()
    net.send()
    net.site.wait_for(outgoing=SLICES)
    seen = net.status("nothing listens")
    net.hub.start()
    net.arrived()
    return "took the study, kept it, and sent it when the hub was back", seen


@fault("the hub's name is not known (DNS)")
def no_such_name(net: Net) -> tuple[str, str]:
    net.site.set("send", hub="FIDACHUB@hub.invalid:11113")
    net.site.start()
    net.send()
    seen = net.status("is not known")
    net.site.stop()
    net.site.set("send", hub=f"FIDACHUB@127.0.0.1:{net.hub.port}")
    net.start()
    net.arrived()
    return "took the study, kept it, and sent it when the name was corrected", seen


@contextmanager
def _tls(
    net: Net, listens: str = "hub", days: int = 2, name: str = "localhost", authority: str = "ca.pem"
) -> Iterator[None]:
    """The hub listens with a certificate that is valid for so many days; the site trusts an authority."""
    folder = net.directory / "tls"
    folder.mkdir()
    make_certificates(folder)

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    (folder / "san").write_text(f"subjectAltName=DNS:{name}\n")
    if days < 0:
        # 'openssl x509' of Debian 12 cannot date back: 'openssl ca' can.
        (folder / "index").write_text("")
        (folder / "serial").write_text("01\n")
        (folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
            "copy_extensions=copy\nunique_subject=no\n[p]\ncommonName=supplied\n"
        )
        signer = ("-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-extfile", "san", "-notext")
        past = ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
        openssl("ca", "-batch", *signer, *past, "-in", "hub.csr", "-out", "hub.pem")
    else:
        openssl("x509", "-req", "-in", "hub.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                "hub.pem", "-days", days, "-extfile", "san")  # fmt: skip
    if authority != "ca.pem":
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "other.key")
        openssl("req", "-x509", *new_key, "-out", authority, "-subj", "/CN=other CA", "-days", 2)
    net.hub.set("receive", tls_certificate=str(folder / "hub.pem"), tls_key=str(folder / f"{listens}.key"))
    net.site.set("send", hub=f"FIDACHUB@localhost:{net.hub.port}", tls_ca=str(folder / authority))
    yield


def _not_trusted(net: Net, pattern: str) -> tuple[str, str]:
    net.start()
    net.send()
    net.site.wait_for(outgoing=SLICES)
    seen = net.status(pattern)
    assert net.hub.find() == []
    return "took the study and kept it: nothing went to that hub", seen


@fault("the hub's certificate has expired")
def expired(net: Net) -> tuple[str, str]:
    with _tls(net, days=-1):
        return _not_trusted(net, "has expired")


@fault("the hub's certificate is for another name")
def other_name(net: Net) -> tuple[str, str]:
    with _tls(net, name="other.example.org"):
        return _not_trusted(net, "another name")


@fault("nobody whom the site trusts has signed the hub's certificate")
def other_authority(net: Net) -> tuple[str, str]:
    with _tls(net, authority="other.pem"):
        return _not_trusted(net, "has signed it")


@fault("the hub's key is not the one of its certificate")
def other_key(net: Net) -> tuple[str, str]:
    with _tls(net, listens="site"):
        return "did not start", net.refuses_to_start("Error", net.hub)


# --- disks


@contextmanager
def _small_disk(net: Net, size: str = "24m") -> Iterator[Path]:
    disk = net.directory / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=True)
    try:
        shutil.copytree(net.site.directory / "spool", disk / "spool")
        net.site.set("spool", directory=str(disk / "spool"))
        yield disk
    finally:
        net.close()
        subprocess.run(["umount", "-l", str(disk)], check=False)


@fault("less than the reserve is free on the site's disk")
def reserve(net: Net) -> tuple[str, str]:
    net.site.set("spool", reserve_mb=1 << 29)
    net.start()
    done = net.site.storescu(net.files)
    assert "Rejected Transient" in done.stdout + done.stderr
    seen = net.status("FULL")
    net.site.stop()
    net.site.set("spool", reserve_mb=1)
    net.site.start()
    net.send()
    net.arrived()
    return "rejected associations as transient, which a PACS tries again, and took the study when there was room", seen


@fault("the site's disk is full to the last block")
def full(net: Net) -> tuple[str, str]:
    with _small_disk(net) as disk:
        net.start()
        ballast = disk / "ballast"
        with suppress(OSError), Path("/dev/zero").open("rb") as zeros, ballast.open("ab", buffering=0) as fp:
            shutil.copyfileobj(zeros, fp)
        assert net.site.storescu(net.files).returncode != 0
        seen = net.status("FULL")
        ballast.unlink()
        net.send()
        net.arrived()
    return "refused what came, lost nothing, and went on by itself when there was room", seen


@fault("the site's file system turns read-only while it runs")
def turns_read_only(net: Net) -> tuple[str, str]:
    net.start()
    with read_only(net.site.directory):
        seen = net.doctor("FAIL  spool")
        net.site.storescu(net.files)
    net.site.stop()
    net.site.start()
    net.send()
    net.arrived(150)
    return "went on or waited, and took the study after it was mounted for writing again", seen


@fault("the site's file system is read-only at a start")
def starts_read_only(net: Net) -> tuple[str, str]:
    with read_only(net.site.directory):
        done = _run("site", "run", "--config", net.site.config)
        assert done.returncode in (1, 2)
        return "did not start", net._line(done.stderr, "Error")


@fault("the disk of the spool is not mounted")
def unmounted(net: Net) -> tuple[str, str]:
    with _small_disk(net) as disk:
        net.site.start()
        net.site.wait_for(received=0)
        net.site.stop()
        subprocess.run(["umount", str(disk)], check=True)
        done = _run("site", "run", "--config", net.site.config)
        assert done.returncode in (1, 2), done
        return "did not start", net._line(done.stderr, "Error")


@fault("the site's user may not write the spool")
def permission(net: Net) -> tuple[str, str]:
    from tests.scenario.test_system_init import _as_nobody

    for path in (net.directory, *net.site.directory.rglob("*"), net.site.directory):
        os.chown(path, 65534, 65534)
    for path in net.directory.parents:
        if path != Path("/") and path.stat().st_mode & 0o5 != 0o5:
            path.chmod(path.stat().st_mode | 0o5)
    os.chown(net.site.directory / "spool", 0, 0)
    command = [*_as_nobody().split(), "-m", "fidac_node", "site", "run", "--config", str(net.site.config)]
    started = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert started.returncode == 2, started
    return "did not start", net._line(started.stderr, "Error")


# --- keys and the vault


@fault("the site's secret key is gone")
def key_lost(net: Net) -> tuple[str, str]:
    (net.site.directory / "secret.key").unlink()
    return "did not start: no patient gets a second pseudonym", net.refuses_to_start("Error")


@fault("the site's secret key is another one")
def key_wrong(net: Net) -> tuple[str, str]:
    net.site.start()
    net.site.stop()
    other = Site(net.directory / "other", net.hub.port)
    shutil.copy(other.directory / "secret.key", net.site.directory / "secret.key")
    return "did not start: no patient gets a second pseudonym", net.refuses_to_start("Error")


@fault("the site's secret key can be read by others")
def key_readable(net: Net) -> tuple[str, str]:
    (net.site.directory / "secret.key").chmod(0o644)
    return "did not start", net.refuses_to_start("Error")


@fault("the site's vault is damaged")
def vault(net: Net) -> tuple[str, str]:
    net.start()
    net.send()
    net.arrived()
    net.site.stop()
    path = net.site.directory / "vault/vault"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return "did not start: what the vault knows is put back from its backup", net.refuses_to_start("Error")


# --- the clock


@contextmanager
def _clock(net: Net, seconds: int) -> Iterator[dict[str, str]]:
    library = net.directory / "clock.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_name("clock.c"), "-ldl"], check=True
    )
    yield {"LD_PRELOAD": str(library), "CLOCK_WRONG_BY": str(seconds)}


def _with_wrong_clock(net: Net, seconds: int) -> None:
    with _clock(net, seconds) as wrong:
        net.hub.start()
        net.site.start(**wrong)
        net.send()
        net.arrived()
        net.site.stop()
    net.site.start()
    net.send(2)
    net.arrived()


@fault("the site's clock is ten years slow, and is set right later")
def ten_years_slow(net: Net) -> tuple[str, str]:
    _with_wrong_clock(net, -10 * 365 * 86400)
    net.site.stop()
    library = net.directory / "clock.so"
    os.environ.update(LD_PRELOAD=str(library), CLOCK_WRONG_BY=str(-10 * 365 * 86400))
    try:
        seen = net.doctor("FAIL  clock")
    finally:
        del os.environ["LD_PRELOAD"], os.environ["CLOCK_WRONG_BY"]
    return "took and sent both studies: states are ordered by what is counted, not by the clock", seen


@fault("the site's clock is ten years fast, and is set right later")
def ten_years_fast(net: Net) -> tuple[str, str]:
    _with_wrong_clock(net, 10 * 365 * 86400)
    return "took and sent both studies", net.status("hub FIDACHUB")


@fault("the site's clock is a day fast, and is set right later")
def a_day_fast(net: Net) -> tuple[str, str]:
    _with_wrong_clock(net, 86400)
    return "took and sent both studies", net.status("hub FIDACHUB")


# --- processes


@fault("a second node is started on one spool")
def second_node(net: Net) -> tuple[str, str]:
    net.start()
    seen = net.refuses_to_start("Error: ")
    net.send()
    net.arrived()
    return "the second did not start, the first went on", seen


def _stage(daemon: Daemon, name: str) -> psutil.Process:
    assert daemon.process is not None
    return next(one for one in psutil.Process(daemon.process.pid).children() if one.cmdline()[-1] == name)


def _stages() -> None:
    """A row for each stage that is killed, and for each that is stopped."""
    for kind, name in (
        ("site", "receive-0"),
        ("site", "deidentify-0"),
        ("site", "send"),
        ("hub", "receive-0"),
        ("hub", "file"),
    ):
        for word, number, pattern in (
            ("killed (SIGKILL)", signal.SIGKILL, f"{name} died"),
            ("stopped (SIGSTOP)", signal.SIGSTOP, f"{name} does not move"),
        ):

            def apply(
                net: Net, kind: str = kind, name: str = name, number: int = number, pattern: str = pattern
            ) -> tuple[str, str]:
                net.start()
                daemon = net.hub if kind == "hub" else net.site
                _stage(daemon, name).send_signal(number)
                net.send()
                seen = net.logged(pattern, daemon, 400)
                net.arrived(120)
                return "the supervisor started it again; the study arrived", seen

            fault(f"stage {name} of the {kind} is {word}")(apply)


_stages()


@fault("the site's supervisor is killed (SIGKILL)")
def supervisor_killed(net: Net) -> tuple[str, str]:
    net.start()
    assert net.site.process is not None
    children = psutil.Process(net.site.process.pid).children()
    net.site.process.kill()
    net.site.process.wait()
    seen = net.status("^site CHU-TEST: stopped")
    _, left = psutil.wait_procs(children, 70)
    assert not left, "a stage outlives its supervisor"
    net.site.start()
    net.send()
    net.arrived()
    return "its stages ended by themselves, and a start went on", seen


@fault("the site's supervisor is stopped (SIGSTOP)")
def supervisor_stopped(net: Net) -> tuple[str, str]:
    net.start()
    assert net.site.process is not None
    net.site.process.send_signal(signal.SIGSTOP)
    net.send()
    seen = net.doctor("supervisor does not answer")
    wait_until(lambda: len(net.hub.find()) == net.sent, 90)
    net.site.process.send_signal(signal.SIGCONT)
    net.arrived()
    return (
        "its stages went on; systemd, which hears nothing any more, ends and starts it after 180 s (WatchdogSec)",
        seen,
    )


# --- the ledger and the index


def _without(net: Net, path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@fault("the site's ledger is corrupt")
def ledger_corrupt(net: Net) -> tuple[str, str]:
    net.start()
    net.send()
    net.arrived()
    net.site.stop()
    damage(net.site.directory / "spool/ledger.db", "object")
    net.site.start()
    net.send(2)
    net.arrived()
    return "set it aside and made another of the spool's directories", net.logged("set aside")


@fault("the site's ledger is deleted")
def ledger_deleted(net: Net) -> tuple[str, str]:
    net.start()
    net.send()
    net.arrived()
    net.site.stop()
    _without(net, net.site.directory / "spool/ledger.db")
    net.site.start()
    net.send(2)
    net.arrived()
    return "made another of the spool's directories", net.status("received")


@fault("the hub's index is corrupt")
def index_corrupt(net: Net) -> tuple[str, str]:
    net.start()
    net.send()
    net.arrived()
    net.hub.stop()
    damage(net.hub.directory / "index.db", "study", "series", "instance")
    seen = net.status("NO INDEX", net.hub)
    done = _run("hub", "reindex", "--config", net.hub.config)
    assert done.returncode in (0, 3), done
    net.hub.start()
    net.send(2)
    net.arrived()
    return "said so; 'hub reindex' made it anew from the archive, and it went on", seen


@fault("the hub's index is deleted")
def index_deleted(net: Net) -> tuple[str, str]:
    net.start()
    net.send()
    net.arrived()
    net.hub.stop()
    _without(net, net.hub.directory / "index.db")
    done = _run("hub", "status", "--config", net.hub.config)
    seen = net._line(done.stdout + done.stderr, "index")
    assert _run("hub", "reindex", "--config", net.hub.config).returncode in (0, 3)
    net.hub.add_site("CHU-TEST", "FIDACNODE")
    net.hub.start()
    net.send(2)
    net.arrived()
    return "said so; 'hub reindex' made it anew from the archive", seen


# --- ten slips of the pen

TYPOS: Final = {
    "[receve]": ("[receive]", "[receve]"),
    "ae_titel": ("ae_title =", "ae_titel ="),
    "port = 111122": (r"\nport = \d+", "\nport = 111122"),
    'port = "11112"': (r"\nport = \d+", '\nport = "11112"'),
    "an AE title of 17 characters": (r"\nae_title = .*", '\nae_title = "A_TITLE_TOO_LONG_"'),
    "a hub without a port": (r"\nhub = .*", '\nhub = "FIDACHUB@hub.example.org"'),
    "a quotation mark is missing": (r"\nhub = (.*)\"", r"\nhub = \1"),
    "a profile that is not there": (r"\nprofile = .*", '\nprofile = "fidac-chest-tc"'),
    'mode = "pseudonymized"': (r"\nmode = .*", '\nmode = "pseudonymized"'),
    "no site id": (r"\nid = .*", "\n"),
}


def _typos() -> None:
    for number, (what, (pattern, typed)) in enumerate(TYPOS.items(), 1):

        def apply(net: Net, pattern: str = pattern, typed: str = typed) -> tuple[str, str]:
            text = net.site.config.read_text()
            changed = text.replace(pattern, typed, 1) if pattern in text else re.sub(pattern, typed, text, count=1)
            assert changed != text, "the slip was not made"
            net.site.config.write_text(changed)
            return "did not start", net.refuses_to_start("Error")

        fault(f"site.toml, slip {number}: {what}")(apply)


_typos()


def main() -> int:
    """Apply the faults that are wanted, and put their rows into the document as soon as each was."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = 0
    for name, apply in FAULTS.items():
        if wanted not in name:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            net = Net(Path(folder))
            try:
                did, seen = apply(net)
                _write(name, f"| {name} | {did} | {seen.replace('|', chr(92) + '|')} |")
                print(f"{time.monotonic() - began:5.0f} s  {name}: {seen}", flush=True)
            except Exception as error:
                failed += 1
                print(f"{time.monotonic() - began:5.0f} s  FAILED {name}: {type(error).__name__} {error}", flush=True)
            finally:
                net.close()
    return 1 if failed else 0


def _write(name: str, row: str) -> None:
    """Give a fault its row in the document, in the order of the faults; others may be written at the same time."""
    with (Path(tempfile.gettempdir()) / "fault_table.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lines = DOCUMENT.read_text("utf-8").splitlines() if DOCUMENT.exists() else []
        rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")} | {name: row}
        DOCUMENT.write_text(HEAD + "\n".join(rows[one] for one in FAULTS if one in rows) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
