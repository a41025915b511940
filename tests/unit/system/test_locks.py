"""One process family at a time: who has a lock is said, and what a dead one left is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fidac_node.errors import ConfigError, Temporary
from fidac_node.system import locks
from tests.faults import mounts, read_only
from tests.support import wait_until

_HOLD = """
import os, signal, subprocess, sys
from pathlib import Path
from fidac_node.system import locks
fd = locks.claim(Path(sys.argv[1]), "the spool", "stop it")
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], pass_fds=[fd])
print(child.pid, flush=True)
signal.pause()
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.1)


def test_the_second_is_told_who_has_it_and_the_next_may(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert locks.holder(path) == ""
    lock = locks.claim(path, "the spool /s", "stop it first")
    assert locks.holder(path).startswith(f"process {os.getpid()}: ")
    with pytest.raises(ConfigError) as caught:
        locks.claim(path, "the spool /s", "stop it first")
    message = str(caught.value)
    assert message.startswith(f"the spool /s is in use by process {os.getpid()}: ")
    assert "pytest" in message and message.endswith(f"(lock {path}): stop it first")
    locks.release(lock)
    assert locks.holder(path) == ""
    locks.release(locks.claim(path, "the spool /s", "stop it first"))


def test_what_a_killed_one_started_keeps_the_lock_and_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.lock"
    argv = [sys.executable, "-c", _HOLD, str(path)]
    family = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert family.stdout is not None
    child = int(family.stdout.readline())
    family.stdout.close()
    taken: list[int] = []
    try:
        with pytest.raises(ConfigError, match=rf"in use by process {family.pid}: "):
            locks.claim(path, "the spool", "stop it")
        family.kill()
        family.wait()
        claiming = threading.Thread(target=lambda: taken.append(locks.claim(path, "the spool", "stop it")))
        claiming.start()
        wait_until(lambda: "is gone, the last of what it started is waited for" in caplog.text)
        assert taken == []
    finally:
        family.kill()
        os.kill(child, signal.SIGKILL)
    claiming.join(20)
    assert locks.holder(path).startswith(f"process {os.getpid()}: ")
    locks.release(taken[0])


@mounts
def test_where_nothing_can_be_written_the_machine_is_unwell_and_not_the_settings_wrong(tmp_path: Path) -> None:
    with read_only(tmp_path), pytest.raises(Temporary, match="Read-only file system"):
        locks.claim(tmp_path / "a.lock", "the spool", "stop it")
