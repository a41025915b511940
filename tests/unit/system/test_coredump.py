"""Keys do not get onto a disk in a core dump."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fidac_node.identity.keyfile import create_key

# PR_GET_DUMPABLE of <linux/prctl.h>: before and after, and in a process that is forked then, as those of 'deidentify'
# are.
CHILD = """
import ctypes, os, sys
from pathlib import Path
from fidac_node.identity import keyfile
dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(dumpable())
{act}
print(dumpable())
if not os.fork():
    os._exit(dumpable())
print(os.waitstatus_to_exitcode(os.wait()[1]))
print(len(os.listdir("/proc/self/fd")) > 0)
"""


def dumpable(act: str, path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(act=act), str(path)], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_who_has_read_or_made_a_key_and_what_it_forks_leaves_no_core_dump(tmp_path: Path) -> None:
    create_key(tmp_path / "secret.key")
    assert dumpable("keyfile.read_key(Path(sys.argv[1]))", tmp_path / "secret.key") == ["1", "0", "0", "True"]
    assert dumpable("keyfile.create_key(Path(sys.argv[1]))", tmp_path / "other.key") == ["1", "0", "0", "True"]


def test_who_has_no_key_may_be_debugged(tmp_path: Path) -> None:
    assert dumpable("", tmp_path) == ["1", "1", "1", "True"]
