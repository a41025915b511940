"""The register of identities: whole lines, readable by the node's user only."""

from __future__ import annotations

import errno
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fidac_node.audit import FIELDS, Register
from tests.support import SystemCalls

ROOT = Path(__file__).parents[2]
IDENTITY = {"PatientID": "4711", "PatientName": "Lefèvre^Hélène", "StudyInstanceUID": "1.2.3"}


def test_a_study_is_looked_up_by_its_handle_and_the_latest_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "register.jsonl"
    Register(path).study("aaaaaaaaaaaa", IDENTITY, "P1")
    Register(path).study("bbbbbbbbbbbb", IDENTITY, "P2")
    Register(path).study("aaaaaaaaaaaa", {**IDENTITY, "PatientID": "4712"}, "P1")
    found = Register(path).look_up("aaaaaaaaaaaa")
    assert found is not None
    assert (found["PatientID"], found["PatientName"], found["pseudonym"]) == ("4712", "Lefèvre^Hélène", "P1")
    other = Register(path).look_up("bbbbbbbbbbbb")
    assert other is not None and other["pseudonym"] == "P2"


def test_an_unknown_study_and_a_register_that_does_not_exist_answer_nothing(tmp_path: Path) -> None:
    register = Register(tmp_path / "register.jsonl")
    assert register.look_up("aaaaaaaaaaaa") is None
    register.study("aaaaaaaaaaaa", IDENTITY, "P1")
    assert register.look_up("aaaaaaaaaaab") is None


def test_a_process_writes_a_study_once(tmp_path: Path) -> None:
    register = Register(tmp_path / "register.jsonl")
    for _ in range(3):
        register.study("aaaaaaaaaaaa", IDENTITY, "P1")
    assert len((tmp_path / "register.jsonl").read_text().strip().splitlines()) == 1


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    Register(tmp_path / "register.jsonl").study("aaaaaaaaaaaa", IDENTITY, "P1")
    assert stat.S_IMODE((tmp_path / "register.jsonl").stat().st_mode) == 0o600


def test_values_with_line_breaks_and_quotes_stay_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "register.jsonl"
    nasty = dict.fromkeys(FIELDS, 'a"b\n\r\u2028\\c\udce9')
    Register(path).study("aaaaaaaaaaaa", nasty, "P1")
    assert len(path.read_bytes().strip().split(b"\n")) == 1
    found = Register(path).look_up("aaaaaaaaaaaa")
    assert found is not None and found["PatientName"] == 'a"b\n\r\u2028\\c\udce9'


def test_a_value_that_looks_like_a_handle_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "register.jsonl"
    Register(path).study("aaaaaaaaaaaa", IDENTITY, "P1")
    Register(path).study("bbbbbbbbbbbb", {"PatientID": "aaaaaaaaaaaa"}, "P2")
    found = Register(path).look_up("aaaaaaaaaaaa")
    assert found is not None and found["pseudonym"] == "P1"


def test_a_full_disk_is_an_error_and_the_study_is_written_when_space_returns(tmp_path: Path) -> None:
    path = tmp_path / "register.jsonl"
    register = Register(path)
    register.study("aaaaaaaaaaaa", IDENTITY, "P1")
    with SystemCalls(2, error=errno.ENOSPC), pytest.raises(OSError, match="No space left"):
        register.study("bbbbbbbbbbbb", IDENTITY, "P2")
    with path.open("ab") as fp:
        fp.write(b'{"half": ')
    register.study("bbbbbbbbbbbb", IDENTITY, "P2")
    found = register.look_up("bbbbbbbbbbbb")
    assert found is not None and found["pseudonym"] == "P2"


def test_a_line_cut_by_a_power_failure_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "register.jsonl"
    Register(path).study("aaaaaaaaaaaa", IDENTITY, "P1")
    with path.open("ab") as fp:
        fp.write(b'{"at": 1, "study": "aaaaaaaaaaaa", "pseud\xc3')
    found = Register(path).look_up("aaaaaaaaaaaa")
    assert found is not None and found["pseudonym"] == "P1"
    Register(path).study("aaaaaaaaaaaa", IDENTITY, "P3")
    found = Register(path).look_up("aaaaaaaaaaaa")
    assert found is not None and found["pseudonym"] == "P3"


def test_processes_that_write_at_once_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "register.jsonl"
    code = (
        "import sys; from pathlib import Path; from fidac_node.audit import Register; register = Register(Path(sys.argv[1]))\n"
        "for number in range(200): register.study(f'{sys.argv[2]}{number}', {'PatientName': 'x' * 3000}, 'P')"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=ROOT) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    studies = [json.loads(line)["study"] for line in path.read_text().splitlines() if line]
    assert len(studies) == 600 == len(set(studies))
