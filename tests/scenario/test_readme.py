"""The README is true: its commands are run as it shows them, in its order."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fidac_node.phantom import write_series
from tests.scenario.network import FIDAC, Daemon, Modality
from tests.support import free_port, wait_until

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Every command of the README's shell blocks, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines() if line.strip()]


def test_the_readme_names_files_that_are_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_make_knows_the_readmes_targets() -> None:
    for command in commands():
        if command[0] == "make":
            done = subprocess.run(
                ["make", "--dry-run", *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


@pytest.mark.timeout(180)
def test_the_demo_of_the_readme_runs_to_its_end() -> None:
    assert ["make", "demo", "ARGS=--once"] in commands()
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "VIRTUAL_ENV")
    }
    done = subprocess.run(
        ["make", "demo", "ARGS=--once"], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 40 objects are at the hub, committed" in done.stdout + done.stderr


def test_a_site_is_set_up_in_the_readmes_steps_and_the_index_answers_its_questions(
    tmp_path: Path, daemons: list[Daemon]
) -> None:
    ports = {"hub": free_port(), "site": free_port()}
    ran = []
    study = ""
    for command in commands():
        if command[0] in ("findscu", "getscu") and shutil.which(command[0]):
            where = {"hub.example.org": "127.0.0.1", "11113": str(ports["hub"]), "StudyInstanceUID=$STUDY": study}
            done = subprocess.run(
                [command[0], "-v", *(where.get(part, part) for part in command[1:])],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
                cwd=tmp_path,
            )
            if command[0] == "findscu":
                assert "Find Response: 1 (Pending)" in done.stderr and "ISO_IR" not in done.stderr, done.stderr
                study = "StudyInstanceUID=" + re.findall(r"UI \[([0-9.]+)", done.stderr)[-1]
            else:
                assert len(list(tmp_path.glob("CT.2.25.*"))) == 5, done.stderr
        if command[0] != "fidac-node":
            continue
        here = [
            part.replace("/srv", str(tmp_path)).replace("hub.example.org:11113", f"127.0.0.1:{ports['hub']}")
            for part in command[1:]
        ]
        kind = "hub" if here[0] == "hub" else "site"
        environment = {
            **os.environ,
            "FIDAC_NODE_RECEIVE_PORT": str(ports[kind]),
            "FIDAC_NODE_RECEIVE_HOST": "127.0.0.1",
        }
        if here[:2] == [kind, "run"]:
            daemon = Running(kind, Path(here[-1]), ports[kind])
            daemons.append(daemon)
            daemon.start(**{name: environment[name] for name in ("FIDAC_NODE_RECEIVE_PORT", "FIDAC_NODE_RECEIVE_HOST")})
            if kind == "site":
                send_a_study(tmp_path, daemon)
        else:
            done = subprocess.run(
                [*FIDAC, *here], capture_output=True, text=True, timeout=60, check=False, env=environment
            )
            assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
            if here[:2] == ["hub", "find"]:
                assert len(done.stdout.splitlines()) > 1, f"{command} finds nothing"
        ran.append(here[:2])
    assert ["site", "init"] in ran and ["site", "status"] in ran and ["hub", "find"] in ran


class Running(Daemon):
    """A daemon of the README's."""

    def __init__(self, kind: str, config: Path, port: int) -> None:
        self.kind = kind
        super().__init__(config.parent, port)


def send_a_study(tmp_path: Path, site: Daemon) -> None:
    modality = Modality(site.port, write_series(tmp_path / "pacs", slices=5, rows=64, columns=64), called="FIDAC_LILLE")
    modality.start()
    modality.join(30)
    wait_until(lambda: site.status()["committed"] == 5, 60)
