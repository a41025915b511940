"""The command line answers at once: what only reads must not load what is heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenario.network import Hub, Site

HEAVY = ("pydicom", "pynetdicom", "deid", "matplotlib", "numpy", "apscheduler", "PIL", "cryptography")


def loaded(arguments: list[str]) -> set[str]:
    """Which of the heavy packages a command imports."""
    script = (
        "import sys\n"
        "from fidac_node.cli import main\n"
        f"sys.argv = ['fidac-node', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["site", "--help"],
        ["site", "pseudonym", "--help"],
        ["hub", "--help"],
        ["hub", "find", "--help"],
        ["profile", "--help"],
    ],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(arguments) == set()


def test_profiles_are_listed_from_the_cache_after_the_first_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    loaded(["profile", "list"])
    assert loaded(["profile", "list"]) == set()
    assert "deid" not in loaded(["profile", "explain", "fidac-chest-ct"])


def test_read_only_commands_load_nothing_heavy(tmp_path: Path, hub: Hub, site: Site) -> None:
    site.start()
    site.stop()
    for arguments in (["status"], ["status", "--json"], ["studies"], ["queue", "list"]):
        assert loaded(["site", *arguments, "--config", str(site.config)]) == set(), arguments
    for arguments in (["status"], ["find", "studies"], ["find", "instances", "--format", "json"], ["site", "list"]):
        assert loaded(["hub", *arguments, "--config", str(hub.config)]) == set(), arguments
