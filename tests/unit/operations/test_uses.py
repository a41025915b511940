"""The record of uses: whole lines, no patient, and a line that was changed or taken out shows."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fidac_node.operations.uses import FILE, UseLog, user
from tests.support import SystemCalls

ROOT = Path(__file__).parents[3]


def filled(directory: Path) -> UseLog:
    log = UseLog(directory)
    for number in range(4):
        log.write("pseudonym find", f"CHU-{number}", "incidental finding, asked by the clinician")
    return log


def test_a_use_says_who_when_what_and_why(tmp_path: Path) -> None:
    filled(tmp_path)
    uses, broken = UseLog(tmp_path).read()
    assert broken == []
    assert [use.subject for use in uses] == ["CHU-0", "CHU-1", "CHU-2", "CHU-3"]
    assert {(use.user, use.command, use.reason) for use in uses} == {
        (user(), "pseudonym find", "incidental finding, asked by the clinician")
    }
    assert all(1.7e9 < use.at < 1e10 for use in uses)


def test_the_account_behind_sudo_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    own = user()
    monkeypatch.setenv("SUDO_USER", "marie")
    assert user() == f"{own} (marie)"


def test_nothing_used_is_an_empty_record(tmp_path: Path) -> None:
    assert UseLog(tmp_path).read() == ([], [])


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    UseLog(tmp_path / "vault").write("key rotate", "FIDAC", "yearly")
    assert stat.S_IMODE((tmp_path / "vault" / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("line", range(3))
def test_a_line_that_was_changed_or_taken_out_shows(tmp_path: Path, line: int) -> None:
    log, path = filled(tmp_path), tmp_path / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:line], lines[line].replace(b"clinician", b"physician"), *lines[line + 1 :]]))
    assert log.read()[1] == [line + 2]
    path.write_bytes(b"".join(lines[:line] + lines[line + 1 :]))
    assert log.read()[1] == [line + 1]


def test_a_line_cut_by_a_power_failure_breaks_no_other(tmp_path: Path) -> None:
    log, path = filled(tmp_path), tmp_path / FILE
    with path.open("ab") as fp:
        fp.write(b'{"at": 17')
    log.write("pseudonym find", "CHU-4", "again")
    uses, broken = log.read()
    assert ([use.subject for use in uses][-1], broken) == ("CHU-4", [])


def test_a_full_disk_is_an_error_so_that_nobody_gets_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = filled(tmp_path)
    with SystemCalls(2, error=errno.ENOSPC), pytest.raises(OSError, match="No space left"):
        log.write("pseudonym find", "CHU-4", "again")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:9]))
    with pytest.raises(OSError, match="No space left"):
        log.write("pseudonym find", "CHU-4", "again")
    monkeypatch.undo()
    log.write("pseudonym find", "CHU-5", "again")
    uses, broken = log.read()
    assert (uses[-1].subject, broken) == ("CHU-5", [])


def test_processes_that_write_at_once_write_one_chain(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fidac_node.operations.uses import UseLog\n"
        "for number in range(40): UseLog(Path(sys.argv[1])).write('pseudonym find', f'{sys.argv[2]}{number}', 'why')"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=ROOT) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    uses, broken = UseLog(tmp_path).read()
    assert (len({use.subject for use in uses}), len(uses), broken) == (120, 120, [])
    assert all(json.loads(line) for line in (tmp_path / FILE).read_bytes().splitlines())
