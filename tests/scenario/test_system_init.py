"""What "init --system" puts into /etc and /var/lib passes doctor as the user of the service, who alone reads it."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults import mounts
from tests.scenario.network import FIDAC

PLACES = [Path("/etc/fidac-node"), Path("/var/lib/fidac-node")]
# In a mount namespace of its own: what is made goes with it.
SCRIPT = """
set -e
for place in {places}; do mount -t tmpfs tmpfs $place; done
{init} >&2
cd /
{doctor} --json || true
find {places} -not -uid $(id -u nobody) -o -type d -not -perm 700 -o -type f -not -perm 600 >&2
"""


@pytest.fixture
def places() -> Iterator[None]:
    """Where the units look; on a machine without them, for as long as the test takes."""
    made = [place for place in PLACES if not place.exists()]
    for place in made:
        place.mkdir()
    yield
    for place in made:
        with suppress(OSError):  # somebody uses it by now
            place.rmdir()


def _as_nobody() -> str:
    """How an account that owns nothing runs this environment: its own interpreter may be in somebody's home."""
    dropped = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "HOME=/nonexistent"]
    packages = ":".join([str(Path(__file__).parents[2]), sysconfig.get_paths()["purelib"]])
    for interpreter in (sys.executable, "/usr/bin/python3"):
        command = [*dropped, f"PYTHONPATH={packages}", interpreter]
        version = "import sys, blake3; print(sys.version_info[:2])"
        done = subprocess.run([*command, "-c", version], capture_output=True, text=True, check=False)
        if done.stdout.strip() == str(sys.version_info[:2]):
            return " ".join(command)
    pytest.skip("no interpreter with these packages that anybody may run")


@mounts
@pytest.mark.usefixtures("places")
def test_what_is_set_up_for_the_service_passes_doctor_as_its_user() -> None:
    kind, options, missing = "site", ["--site-id", "CHU", "--hub", "HUB@127.0.0.1:1"], {"hub"}
    command = " ".join(FIDAC)
    theirs = _as_nobody()
    script = SCRIPT.format(
        places=" ".join(map(str, PLACES)),
        init=" ".join([command, kind, "init", "--system", "--user", "nobody", *options]),
        doctor=f"{theirs} -m fidac_node doctor -c /etc/fidac-node/{kind}.toml",
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    findings = json.loads(done.stdout)
    assert {finding["check"] for finding in findings if not finding["ok"]} <= missing | {"clock"}, findings
    said = done.stderr.splitlines()
    assert said[0] == f"wrote /etc/fidac-node/{kind}.toml"
    assert f"sudo -u nobody fidac-node doctor -c /etc/fidac-node/{kind}.toml" in done.stderr
    assert not [line for line in said if line.startswith(("/etc", "/var"))], "somebody else's, or to be read by others"
