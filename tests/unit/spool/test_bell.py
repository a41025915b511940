"""The bell between processes: everyone who listens hears it, nobody stays behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from queue import Queue

import pytest

from fidac_node.spool.bell import Bell

LONG = 60.0


@pytest.fixture
def bell(tmp_path: Path) -> Bell:
    return Bell(tmp_path / "bell")


def listeners(tmp_path: Path) -> int:
    return len(list((tmp_path / "bell").iterdir()))


def test_all_who_listen_hear_it(bell: Bell, tmp_path: Path) -> None:
    listening = threading.Barrier(4)
    heard: Queue[bool] = Queue()

    def listen() -> None:
        with Bell(tmp_path / "bell").listening() as rings:
            listening.wait(LONG)
            heard.put(rings(LONG))

    for _ in range(3):
        threading.Thread(target=listen, daemon=True).start()
    listening.wait(LONG)
    bell.ring()
    assert [heard.get(timeout=LONG) for _ in range(3)] == [True, True, True]


def test_only_a_ring_since_one_listens_is_heard_and_once(bell: Bell) -> None:
    bell.ring()
    with bell.listening() as rings:
        assert not rings(0.01)
        bell.ring()
        bell.ring()
        assert rings(LONG)
        assert not rings(0.01)


def test_who_left_leaves_nothing_and_who_was_killed_is_cleared_away(bell: Bell, tmp_path: Path) -> None:
    with bell.listening():
        assert listeners(tmp_path) == 1
    assert listeners(tmp_path) == 0
    code = (
        "import sys, time; from pathlib import Path; from fidac_node.spool.bell import Bell\n"
        "with Bell(Path(sys.argv[1])).listening():\n    print('listening', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "bell")], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"listening\n"
        child.kill()
    assert listeners(tmp_path) == 1
    bell.ring()
    assert listeners(tmp_path) == 0


def test_another_process_is_heard(bell: Bell, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fidac_node.spool.bell import Bell; Bell(Path(sys.argv[1])).ring()"
    )
    with bell.listening() as rings:
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "bell")], check=True)
        assert rings(LONG)


def test_a_listener_that_never_waits_does_not_stop_who_rings(bell: Bell) -> None:
    with bell.listening() as rings:
        for _ in range(70_000):  # more than a pipe takes
            bell.ring()
        assert rings(LONG)
