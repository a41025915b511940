"""A supervisor and its children as real processes: started, killed, stopped in order."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from fidac_node.system import service, standing
from tests.support import free_port, wait_until

ROOT = Path(__file__).parents[3]

# Writes what happens to it as lines "name event pid", and behaves as its arguments say.
CHILD = """
import os, subprocess, sys, threading
from fidac_node.system.service import Lifeline
journal, name, *how = sys.argv[1:]
def tell(event):
    with open(journal, "a") as lines:
        lines.write(f"{name} {event} {os.getpid()}\\n")
tell("began-after-crash" if "--after-crash" in how else "began")
if "config-error" in how:
    sys.exit(2)
stop = threading.Event()
lifeline = Lifeline(stop)
if "deaf" in how:
    while True:
        threading.Event().wait(60)
beat = lifeline.loop("work")
lifeline.ready()
def work():
    while not ("stands-still" in how and "--after-crash" not in how) and not stop.wait(0.1):
        beat()
        while "computes" in how and not stop.is_set() and "--after-crash" not in how:
            pass
threading.Thread(target=work, daemon=True).start()
if "leaves-heir" in how and "--after-crash" not in how:
    heir = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], close_fds=False)
    tell(f"heir:{heir.pid}")
    os._exit(1)
if "lets-go" in how and "--after-crash" not in how:
    lifeline._socket.shutdown(2)
    lifeline._socket.close()
    while True:
        threading.Event().wait(60)
if "config-error-later" in how and "--after-crash" not in how:
    sys.exit(2)
if lifeline.listener is not None:
    def answer():
        while True:
            peer, _ = lifeline.listener.accept()
            peer.sendall(f"{name} {os.getpid()}".encode())
            peer.close()
    threading.Thread(target=answer, daemon=True).start()
stop.wait()
tell("stopping")
if "slow" in how:
    threading.Event().wait(0.4)
tell("stopped")
"""

SUPERVISOR = """
import logging, os, pathlib, sys, threading
from fidac_node.receive.listener import listen
from fidac_node.system.service import Chore, Supervisor
logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
child, journal, *children = sys.argv[1:]
def chore():
    with open(journal, "a") as lines:
        lines.write("chore done 0\\n")
def failing():
    raise RuntimeError("chore failed")
def bury(process):
    with open(journal, "a") as lines:
        lines.write(f"supervisor buries {process}\\n")
    raise OSError("no room")
chores = [Chore("failing", 0.2, failing), Chore("chore", 0.2, chore)]
family = [(words.split()[0], [journal, *words.split()]) for words in children]
listeners = {"receive": listen("127.0.0.1", int(os.environ["PORT"]))} if "PORT" in os.environ else {}
sys.exit(Supervisor("family", family, chores, listeners=listeners, grace=1, \
bury=bury, pauses={"hub": 0.6}, patience=float(os.environ.get("PATIENCE", 60)), \
doors=[pathlib.Path(journal).with_name("family.socket")], command=[sys.executable, "-c", child]).run())
"""


class Family:
    """A supervisor process and the journal of its children."""

    def __init__(self, directory: Path) -> None:
        self.journal = directory / "journal"
        self.journal.touch()
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(directory / "notify"))
        self.notices.settimeout(10)
        self.directory = directory
        self.process: subprocess.Popen[str]

    def start(self, *children: str, **variables: str) -> Family:
        arguments = [sys.executable, "-c", SUPERVISOR, CHILD, str(self.journal), *children]
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(self.directory / "notify"),
            "PYTHONPATH": str(ROOT),
            **variables,
        }
        log = (self.directory / "log").open("w")
        with log:
            self.process = subprocess.Popen(arguments, env=environment, stderr=log, text=True, start_new_session=True)
        return self

    def events(self, event: str) -> dict[str, int]:
        """The latest pid of each child that said ``event``."""
        lines = (line.split() for line in self.journal.read_text().splitlines())
        return {name: int(pid) for name, said, pid in lines if said == event}

    def wait_for(self, event: str, *names: str) -> dict[str, int]:
        wait_until(lambda: set(names) <= self.events(event).keys(), 15, f"no {event} of {names}: {self.log()}")
        return self.events(event)

    def wait_ready(self) -> None:
        while b"READY=1" not in self.notices.recv(1000):
            continue

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def order(self) -> list[str]:
        """What the children said from the moment when the first one was told to stop."""
        said = [
            " ".join(line.split()[:2]) for line in self.journal.read_text().splitlines() if not line.startswith("chore")
        ]
        return said[next(number for number, line in enumerate(said) if "stopping" in line) :]


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    family = Family(tmp_path)
    yield family
    family.notices.close()
    if hasattr(family, "process"):
        pids = {int(line.split()[-1]) for line in family.journal.read_text().splitlines()} - {0}
        family.process.kill()
        family.process.wait()
        wait_until(lambda: not any(alive(pid) for pid in pids), 10, "a child outlives its test")


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_when_all_children_are_ready_systemd_is_told_and_not_before(family: Family) -> None:
    family.start("receive", "deidentify-0", "deaf-1 deaf")
    pids = family.wait_for("began", "receive", "deidentify-0", "deaf-1")
    assert len(set(pids.values())) == 3
    family.notices.settimeout(0.5)
    with pytest.raises(TimeoutError):
        family.wait_ready()
    assert "family is ready" not in family.log()
    os.kill(pids["deaf-1"], signal.SIGKILL)


def test_sigterm_stops_the_stages_in_the_order_of_the_flow(family: Family) -> None:
    family.start("receive slow", "deidentify-0 slow", "deidentify-1 slow", "send slow").wait_ready()
    family.process.terminate()
    assert family.process.wait(20) == 0
    order = family.order()
    assert order[:2] == ["receive stopping", "receive stopped"]
    assert sorted(order[2:4]) == ["deidentify-0 stopping", "deidentify-1 stopping"], (
        "one stage at a time, its processes together"
    )
    assert sorted(order[4:6]) == ["deidentify-0 stopped", "deidentify-1 stopped"]
    assert order[6:] == ["send stopping", "send stopped"]
    assert family.log().endswith("family stopped\n")
    notices = [family.notices.recv(1000)]
    while notices[-1] != b"STOPPING=1":
        notices.append(family.notices.recv(1000))
    assert set(notices[:-1]) <= {b"WATCHDOG=1"}


def test_sighup_is_answered_in_the_log_and_stops_nothing(family: Family) -> None:
    family.start("receive", "send").wait_ready()
    os.killpg(family.process.pid, signal.SIGHUP)
    wait_until(lambda: "SIGHUP: settings are not read again while it runs" in family.log(), 5)
    assert family.process.poll() is None and all(map(alive, family.events("began").values()))


def test_ctrl_c_that_reaches_the_whole_family_stops_it_in_order_too(family: Family) -> None:
    family.start("receive slow", "send slow").wait_ready()
    os.killpg(family.process.pid, signal.SIGINT)
    assert family.process.wait(20) == 0
    assert family.order() == ["receive stopping", "receive stopped", "send stopping", "send stopped"]
    assert "KeyboardInterrupt" not in family.log()


def test_a_child_that_is_killed_is_started_again_and_told_so_and_the_others_stay(family: Family) -> None:
    family.start("receive", "send").wait_ready()
    pids = family.events("began")
    os.kill(pids["receive"], signal.SIGKILL)
    again = family.wait_for("began-after-crash", "receive")
    family.wait_ready()
    assert again["receive"] != pids["receive"] and alive(pids["send"]) and "send" not in again
    os.kill(again["receive"], signal.SIGKILL)
    wait_until(lambda: family.events("began-after-crash")["receive"] != again["receive"], 10)
    assert "receive died (exit code -9); starting it again in 0.5 s" in family.log()
    assert "starting it again in 1.0 s" in family.log()


def test_what_a_dead_child_left_is_cleared_away_before_the_next_one_begins_and_trouble_with_it_stops_nobody(
    family: Family,
) -> None:
    family.start("receive", "send").wait_ready()
    pid = family.events("began")["receive"]
    os.kill(pid, signal.SIGKILL)
    again = family.wait_for("began-after-crash", "receive")
    said = [line.split() for line in family.journal.read_text().splitlines()]
    assert said.index(["supervisor", "buries", str(pid)]) < said.index(
        ["receive", "began-after-crash", str(again["receive"])]
    )
    assert f"what process {pid} left cannot be cleared away" in family.log()


def test_the_longest_pause_of_a_stage_is_as_it_is_told(family: Family) -> None:
    family.start("hub", "send").wait_ready()
    pid = family.events("began")["hub"]
    for pause in ("0.5 s", "0.6 s"):
        os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda pid=pid: family.events("began-after-crash").get("hub", pid) != pid, 15, "it was not started again"
        )
        pid = family.events("began-after-crash")["hub"]
        assert f"hub died (exit code -9); starting it again in {pause}" in family.log()


def test_a_child_whose_loop_stands_still_is_killed_and_started_again_and_one_that_computes_is_not(
    family: Family,
) -> None:
    family.start("receive", "deidentify computes", "send stands-still", PATIENCE="1.5").wait_ready()
    pids = family.events("began")
    family.wait_for("began-after-crash", "send")
    assert re.search(r"send does not move: work is silent for \d s; it is killed", family.log())
    assert alive(pids["receive"]) and alive(pids["deidentify"])


def test_who_asks_is_told_which_child_stands_still_and_systemd_nothing_meanwhile(family: Family) -> None:
    family.start("receive", "send", PATIENCE="1.5").wait_ready()
    ask = partial(standing.ask, family.directory, ["family"])
    assert (ask().state, ask().trouble) == ("running", ())
    family.process.send_signal(signal.SIGSTOP)
    assert [str(one) for one in ask().stages] == ["family: hung, its supervisor does not answer"]
    family.notices.settimeout(1.2)
    with suppress(TimeoutError):
        while family.notices.recv(1000):
            continue
    family.process.send_signal(signal.SIGCONT)
    family.process.terminate()
    family.process.wait(10)
    assert ask().state == "stopped"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_when_the_supervisor_dies_its_children_stop_by_themselves(family: Family, number: int) -> None:
    family.start("receive", "deidentify-0", "send").wait_ready()
    pids = family.events("began")
    family.process.send_signal(number)
    assert family.process.wait(5) == -number
    family.wait_for("stopped", "receive", "deidentify-0", "send")
    wait_until(lambda: not any(alive(pid) for pid in pids.values()), 5)


def test_a_child_whose_settings_are_wrong_stops_all_with_exit_code_2(family: Family) -> None:
    family.start("receive", "send config-error")
    assert family.process.wait(15) == 2
    assert "send said what is wrong above" in family.log()
    assert not any(alive(pid) for pid in family.events("began").values())


def test_exit_code_2_of_a_child_that_served_already_is_a_crash_like_others(family: Family) -> None:
    family.start("receive", "send config-error-later")
    family.wait_for("began-after-crash", "send")
    assert "send died (exit code 2)" in family.log() and family.process.poll() is None


def test_a_child_that_does_not_stop_is_killed_after_its_grace(family: Family) -> None:
    family.start("receive deaf", "send")
    pids = family.wait_for("began", "receive", "send")
    wait_until(
        lambda: len(psutil.Process(pids["receive"]).threads()) > 1, 10
    )  # it has its lifeline: from now on it is deaf
    family.process.terminate()
    assert family.process.wait(20) == 0
    assert "killing a process of stage receive: it did not stop within 1 s" in family.log()
    assert family.order() == ["send stopping", "send stopped"]


def test_the_death_of_a_child_is_noticed_although_its_own_child_holds_the_lifeline(family: Family) -> None:
    family.start("receive leaves-heir", "send")
    family.wait_for("began-after-crash", "receive")
    heirs = [line.split()[1] for line in family.journal.read_text().splitlines() if "heir:" in line]
    os.kill(int(heirs[0].partition(":")[2]), signal.SIGKILL)


def test_a_child_that_lets_go_of_its_lifeline_is_replaced(family: Family) -> None:
    family.start("receive lets-go", "send")
    before = family.wait_for("began", "receive")
    family.wait_for("began-after-crash", "receive")
    assert not alive(before["receive"])


def test_chores_are_done_again_and_again_although_another_one_fails(family: Family) -> None:
    family.start("receive").wait_ready()
    wait_until(lambda: family.journal.read_text().count("chore done") >= 3, 10)
    assert family.log().count("failing failed, next try in 0 s") >= 2
    assert family.process.poll() is None


def ask(port: int) -> tuple[str, int]:
    """Who answers on a port: name and pid."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as sock:
        name, pid = sock.recv(100).decode().split()
        return name, int(pid)


def test_the_processes_of_a_stage_share_a_socket_and_the_others_do_not_have_it(family: Family) -> None:
    port = free_port()
    family.start("receive-0", "receive-1", "send", PORT=str(port)).wait_ready()
    pids = family.events("began")
    seen: set[tuple[str, int]] = set()
    wait_until(lambda: seen.add(ask(port)) or len(seen) == 2, 15)  # type: ignore[func-returns-value]
    assert seen == {(name, pids[name]) for name in ("receive-0", "receive-1")}
    sharing = {
        name
        for name, pid in pids.items()
        if any(at.laddr.port == port for at in psutil.Process(pid).net_connections("tcp"))
    }
    assert sharing == {"receive-0", "receive-1"}


def test_while_every_process_of_a_stage_is_started_again_no_connection_is_refused(family: Family) -> None:
    port = free_port()
    family.start("receive-0", "receive-1", PORT=str(port)).wait_ready()
    before = family.events("began")
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: family.log().count("died (exit code -9)") == 2, 10)
    name, pid = ask(port)
    assert pid == family.wait_for("began-after-crash", name)[name]


def test_who_comes_when_the_stage_has_stopped_is_turned_away_while_later_stages_still_work(family: Family) -> None:
    port = free_port()
    family.start("receive-0", "send slow", PORT=str(port)).wait_ready()
    family.process.terminate()
    family.wait_for("stopped", "receive-0")
    wait_until(lambda: "send" in family.events("stopping"), 5)
    with pytest.raises(ConnectionRefusedError):
        ask(port)
    assert family.process.wait(20) == 0


SIGNALLED_AT_ONCE = """
import os, signal, threading
from fidac_node.system.service import Lifeline
install = signal.signal
def install_and_signal(number, handler):
    old = install(number, handler)
    if number == signal.SIGTERM:
        os.kill(os.getpid(), number)
    return old
signal.signal = install_and_signal
stop = threading.Event()
Lifeline(stop)
assert stop.wait(10)
"""


def test_a_signal_that_comes_as_soon_as_it_can_be_heard_is_heard() -> None:
    result = subprocess.run(
        [sys.executable, "-c", SIGNALLED_AT_ONCE], cwd=ROOT, check=False, timeout=30, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


SIGNALLED = """
import os, signal, threading
from fidac_node.system.service import Lifeline
stop = threading.Event()
Lifeline(stop)
with stop._cond:  # where stop.wait() is for an instant at its begin and at its end
    os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait(10)
"""


def test_a_signal_that_comes_while_the_stop_event_is_locked_still_sets_it() -> None:
    try:
        result = subprocess.run([sys.executable, "-c", SIGNALLED], cwd=ROOT, check=False, timeout=10)
    except subprocess.TimeoutExpired:
        pytest.fail("the handler waits for a lock that its own thread holds")
    assert result.returncode == 0


GIVING_WAY = """
import os, threading
from fidac_node.system.service import Lifeline
before = os.getpriority(os.PRIO_PROCESS, 0)
def forbidden(*_):
    raise PermissionError(1, "Operation not permitted")
if {forbidden}:
    os.nice = os.sched_setscheduler = forbidden
Lifeline(threading.Event()).lower_priority()
print(os.sched_getscheduler(0) == os.SCHED_BATCH, os.getpriority(os.PRIO_PROCESS, 0) - before)
"""


@pytest.mark.parametrize(("forbidden", "said"), [(False, "True 5"), (True, "False 0")])
def test_a_stage_leaves_the_processors_to_others_where_that_is_allowed(forbidden: bool, said: str) -> None:
    code = GIVING_WAY.format(forbidden=forbidden)
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, timeout=30, capture_output=True, text=True
    )
    assert (result.stdout.strip(), result.stderr) == (said, "")


def test_without_a_supervisor_a_stage_runs_until_sigterm(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "journal"), "receive"], cwd=ROOT) as process:
        wait_until(lambda: len(psutil.Process(process.pid).threads()) > 0 and (tmp_path / "journal").exists(), 10)
        wait_until(lambda: _handles(process.pid, signal.SIGTERM), 10)
        process.send_signal(signal.SIGINT)
        process.terminate()
        assert process.wait(10) == 0
    assert "receive stopped" in (tmp_path / "journal").read_text()


def _handles(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal (SigCgt of proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


def test_systemd_is_asked_to_wait_as_long_as_a_start_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(tmp_path / "notify"))
        notices.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setattr(service, "_ASK_SECONDS", 0.05)
        with service.taking_time():
            assert [notices.recv(100) for _ in range(3)] == [b"EXTEND_TIMEOUT_USEC=60000000\nWATCHDOG=1"] * 3
        assert not [thread for thread in threading.enumerate() if thread.name == "start"]
