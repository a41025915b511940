"""The demo is the main job: it must work on real studies, say what happened, and leave nothing running."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fidac_node.demo.demo import ROLES, fidac
from fidac_node.phantom import IDENTITIES, secondary_capture, write_series
from tests.support import wait_until

SMALL = {"rows": 64, "columns": 64}


class Demo:
    """One run of ``fidac-node demo`` as a child; its output goes to files."""

    def __init__(self, directory: Path, *arguments: object) -> None:
        self.out, self.err = directory / "demo.out", directory / "demo.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            argv = [sys.executable, "-m", "fidac_node", "demo", *map(str, arguments)]
            self.process = subprocess.Popen(argv, stdout=out, stderr=err)

    def finish(self, timeout: float = 120) -> int:
        return self.process.wait(timeout)

    def daemons(self) -> list[psutil.Process]:
        """Every process that runs below it now."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def says(self, words: str) -> bool:
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.err.read_text()}"
        return words in self.out.read_text()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def start(*arguments: object) -> Demo:
        started.append(Demo(tmp_path, *arguments))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            for process in [*demo.daemons(), psutil.Process(demo.process.pid)]:
                process.kill()
            demo.process.wait()


def summary(start: Callable[..., Demo], *arguments: object) -> tuple[int, dict[str, Any]]:
    demo = start(*arguments, "--once", "--json")
    code = demo.finish()
    assert code in (0, 3), demo.err.read_text()
    return code, json.loads(demo.out.read_text())


def test_without_a_folder_a_made_up_study_is_committed_and_indexed(start: Callable[..., Demo]) -> None:
    code, result = summary(start)
    assert code == 0
    assert {name: result[name] for name in ("sent", "refused", "received", "held", "outgoing", "committed")} == {
        "sent": 40,
        "refused": 0,
        "received": 40,
        "held": 0,
        "outgoing": 0,
        "committed": 40,
    }
    assert (result["hub"]["instances"], result["hub"]["studies"], result["hub"]["patients"]) == (40, 1, 1)
    (study,) = result["studies"]
    assert study["instances"] == 40
    assert study["Modality"] == "CT"
    assert study["PatientID"] != IDENTITIES[0].patient_id


@pytest.mark.parametrize(
    ("name", "committed", "held", "reasons"),
    [
        ("philips_chest_5mm", 64, 0, set()),
        ("siemens_chest_b70f", 30, 0, set()),
        ("ge_lidc0003_small", 11, 0, set()),
        ("covid_nysbu_slices", 8, 0, set()),
        ("philips_burned_in_sc", 0, 2, {"pixel-risk", "out-of-scope"}),
        ("philips_phantom_raw_header", 0, 28, {"out-of-scope"}),
    ],
)
def test_a_real_study_goes_through_whole_or_is_held_with_its_reason(
    start: Callable[..., Demo],
    shared_data: Callable[[str], Path],
    name: str,
    committed: int,
    held: int,
    reasons: set[str],
) -> None:
    code, result = summary(start, shared_data(name))
    assert (result["committed"], result["held"], result["refused"]) == (committed, held, 0)
    assert result["hub"]["instances"] == committed
    assert code == (3 if held else 0)
    assert {row["reason"] for row in result["reasons"]} <= reasons
    assert sum(row["objects"] for row in result["reasons"]) == held


def test_of_one_image_in_fifteen_syntaxes_every_file_is_committed_or_held_or_refused(
    start: Callable[..., Demo], shared_data: Callable[[str], Path]
) -> None:
    code, result = summary(start, shared_data("ge_chest_15_syntaxes"))
    assert code == 3
    assert result["sent"] == 16
    # A file that came twice byte for byte is one object.
    settled = result["committed"] + result["held"] + result["discarded"]  # the same image again in another syntax
    assert result["sent"] - result["refused"] >= result["received"] == settled
    assert result["hub"]["instances"] == result["committed"] > 0


def test_bad_files_are_reported_and_do_not_stop_the_others(tmp_path: Path, start: Callable[..., Demo]) -> None:
    study = tmp_path / "study"
    files = write_series(study, slices=4, **SMALL)
    files[0].write_bytes(files[0].read_bytes()[:-100])
    secondary_capture().save_as(study / "screen.dcm", enforce_file_format=True)
    (study / "README.txt").write_text("hello")
    (study / "empty.dcm").touch()
    code, result = summary(start, study)
    assert code == 3
    assert (result["sent"], result["refused"], result["committed"], result["held"]) == (5, 0, 3, 2)
    assert {row["file"] for row in result["skipped"]} == {"README.txt", "empty.dcm"}
    assert any(row["reason"] == "malformed" and "cut short" in row["message"] for row in result["reasons"])


def test_a_reader_sees_every_stage_a_header_before_and_after_and_the_index(
    tmp_path: Path, start: Callable[..., Demo]
) -> None:
    write_series(tmp_path / "study", slices=5, **SMALL)
    demo = start(tmp_path / "study", "--once")
    assert demo.finish() == 0, demo.err.read_text()
    shown, progress = demo.out.read_text(), demo.err.read_text()
    for stage in ("received 5", "de-identified 5", "sent 5", "committed 5", "held 0"):
        assert stage in progress
    before, _, after = next(line for line in shown.splitlines() if "Patient's Name" in line).partition(
        "LEFÈVRE^Aurélie"
    )
    assert before.strip() == "Patient's Name"
    assert after.strip() and "LEFÈVRE" not in after
    private = next(line for line in shown.splitlines() if "Private elements" in line).split()
    assert int(private[-2]) > 5 and int(private[-1]) == 0
    assert "the same bytes" in shown
    assert "fidac-node hub find studies" in shown
    assert "findscu -S -aet VIEWER" in shown and "/dicom-web/studies" in shown
    assert "All 5 objects are at the hub, committed" in shown


def test_it_stays_up_until_ctrl_c_and_then_leaves_nothing_running(tmp_path: Path, start: Callable[..., Demo]) -> None:
    write_series(tmp_path / "study", slices=2, **SMALL)
    demo = start(tmp_path / "study", "--workdir", tmp_path / "work")
    wait_until(lambda: demo.says("until Ctrl-C"), 120)
    assert all(demo.says(role) for role in ("The portal: http://127.0.0.1:", *ROLES))
    daemons = demo.daemons()
    assert len(daemons) > 4
    config = tmp_path / "work" / "hub" / "hub.toml"
    status = json.loads(fidac("hub", "status", "--json", "--config", config))
    assert (status["studies"], status["sites"], status["held"]) == (31, 6, 0)
    demo.process.send_signal(signal.SIGINT)
    assert demo.finish(60) == 0
    assert psutil.wait_procs(daemons, timeout=10)[1] == []
    assert (tmp_path / "work" / "hub" / "hub.toml").exists()
    again = start(tmp_path / "study", "--once", "--workdir", tmp_path / "work")
    assert again.finish() == 1
    assert "holds an earlier demo" in again.err.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_the_middle_it_leaves_nothing_running(
    tmp_path: Path, start: Callable[..., Demo], number: signal.Signals
) -> None:
    write_series(tmp_path / "study", slices=2, **SMALL)
    demo = start(tmp_path / "study", "--once", "--workdir", tmp_path / "work")
    wait_until((tmp_path / "work" / "site" / "site.log").exists, 60)
    daemons = demo.daemons()
    demo.process.send_signal(number)
    assert demo.finish(60) == 130
    assert psutil.wait_procs(daemons, timeout=10)[1] == []


# Ctrl-C comes when the daemon's process is there and the demo does not know it yet.
INTERRUPTED = """
import os, signal, subprocess, sys
from pathlib import Path
from fidac_node.demo.demo import Network
fork, pids = subprocess._fork_exec, []
def fork_and_interrupt(*arguments):
    pids.append(fork(*arguments))
    os.kill(os.getpid(), signal.SIGINT)
    return pids[-1]
with Network(Path(sys.argv[1])) as network:
    network.set_up()
    subprocess._fork_exec = fork_and_interrupt
    try:
        network.start()
    except KeyboardInterrupt:
        print(*pids)
"""


def test_interrupted_while_a_daemon_is_started_it_stops_that_daemon_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, tmp_path], capture_output=True, text=True, timeout=120, check=False
    )
    (pid,) = done.stdout.split()
    if psutil.pid_exists(int(pid)):
        psutil.Process(int(pid)).kill()
        pytest.fail(f"the daemon was left alone: {done.stderr}")


def test_when_a_daemon_dies_it_says_so_and_stops_the_other(tmp_path: Path, start: Callable[..., Demo]) -> None:
    write_series(tmp_path / "study", slices=2, **SMALL)
    demo = start(tmp_path / "study", "--once", "--workdir", tmp_path / "work")
    wait_until((tmp_path / "work" / "site" / "site.log").exists, 60)
    daemons = demo.daemons()
    hub = next(process for process in daemons if process.ppid() == demo.process.pid and "hub" in process.cmdline())
    hub.kill()
    assert demo.finish(60) == 1
    message = demo.err.read_text()
    assert "the hub stopped by itself" in message
    assert "hub.log" in message
    assert psutil.wait_procs(daemons, timeout=10)[1] == []


def test_a_folder_without_dicom_is_an_error_that_names_it(tmp_path: Path, start: Callable[..., Demo]) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "letter.txt").write_text("hello")
    demo = start(tmp_path / "study", "--once", "--workdir", tmp_path / "work")
    assert demo.finish() == 1
    assert f"no DICOM object in {tmp_path / 'study'}" in demo.err.read_text()
