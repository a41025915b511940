"""The files around the code: locked versions, licences, units, what a release says of itself."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fidac_node import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
UNITS = sorted((ROOT / "systemd").glob("*.service"))
LOCKED = dict(
    line.split("==")
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
)


def required() -> list[Requirement]:
    project = PROJECT["project"]
    return [Requirement(text) for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]


def test_every_requirement_is_locked_to_a_version_that_it_allows() -> None:
    for requirement in required():
        version = LOCKED.get(canonicalize_name(requirement.name))
        assert version and requirement.specifier.contains(version), f"{requirement} is not locked: make lock"


def test_what_the_requirements_need_is_locked_too() -> None:
    for name in LOCKED:
        for text in metadata(name).get_all("Requires-Dist") or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert canonicalize_name(need.name) in LOCKED, f"{name} needs {need}: make lock"


def test_the_tests_run_with_the_locked_versions() -> None:
    assert {name: metadata(name)["Version"] for name in LOCKED} == LOCKED


@pytest.mark.parametrize("name", sorted(LOCKED))
def test_nothing_that_is_installed_is_under_the_gpl_only(name: str) -> None:
    try:
        package = metadata(name)
    except PackageNotFoundError:
        pytest.fail(f"{name} is locked but not installed: make test")
    words = [package.get("License-Expression") or "", (package.get("License") or "").partition("\n")[0]]
    words += [text for text in package.get_all("Classifier") or [] if text.startswith("License")]
    strong = [text for text in words if re.search(r"(?<!L)\bA?GPL|(?<!Lesser )General Public License", text)]
    assert not strong


def test_the_licence_is_apache_2_and_said_so_everywhere() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    assert headings[0] == __version__


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
@pytest.mark.interop("systemd-analyze")
def test_systemd_understands_the_unit(unit: Path, tmp_path: Path) -> None:
    # The program is not installed where the unit will find it, which verify would rightly say.
    text = unit.read_text("utf-8").replace("/opt/fidac-node/bin/fidac-node", "/bin/true")
    copy = tmp_path / unit.name
    copy.write_text(text, "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
@pytest.mark.interop("systemd-analyze")
def test_the_unit_is_hardened(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout  # the threshold is ten times the exposure level: 1.5


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_the_unit_lets_a_stage_give_way_to_others(unit: Path) -> None:
    filters = re.findall(r"^SystemCallFilter=(.*)$", unit.read_text("utf-8"), flags=re.MULTILINE)
    allowed: set[str] = (
        set()
    )  # of what nice(3) and sched_setscheduler(2) call; both groups that are taken away have them
    for line in filters:
        calls = {"setpriority", "sched_setscheduler"} if "@" in line else set(line.split())
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    assert allowed >= {"setpriority", "sched_setscheduler"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_the_unit_leaves_no_core_dump(unit: Path) -> None:
    assert re.search(r"^LimitCORE=0$", unit.read_text("utf-8"), re.MULTILINE)


def test_there_is_a_unit_for_each_end_and_it_runs_that_end() -> None:
    commands = {
        unit.stem: re.search(r"^ExecStart=\S+/fidac-node (.*)$", unit.read_text("utf-8"), re.MULTILINE)
        for unit in UNITS
    }
    assert {stem: match and match[1] for stem, match in commands.items()} == {
        "fidac-node-hub": "hub run --config /etc/fidac-node/hub.toml",
        "fidac-node-site": "site run --config /etc/fidac-node/site.toml",
    }


def test_continuous_integration_runs_make_test_and_lets_no_interoperability_test_be_skipped() -> None:
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "FIDAC_REQUIRE_INTEROP=1" in text and "make test" in text


def test_make_knows_its_targets(tmp_path: Path) -> None:
    for target in ("demo", "test", "lint"):
        command = ["make", "--dry-run", target, f"VENV={tmp_path}/venv", "DICOM=a folder", "ARGS=--once"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        if target == "demo":
            assert 'fidac-node demo "a folder" --once' in done.stdout
            assert ".[dev]" not in done.stdout


def test_ignored_rules_are_explained() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = (
        text[text.index("\nignore = [") : text.index("[tool.ruff.lint.mccabe]")]
        + text[text.index("[tool.ruff.lint.per-file-ignores]") :]
    )
    for line in re.findall(r'^ +"[A-Z]+[0-9]*",.*$', block, flags=re.MULTILINE):
        assert " # " in line, line
