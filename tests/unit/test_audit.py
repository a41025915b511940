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
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.audit import FILE, UseLog, check_reason, user
from fidac_node.errors import ConfigError
from tests.support import SystemCalls

ROOT = Path(__file__).parents[2]


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
        "import sys; from pathlib import Path; from fidac_node.audit import UseLog\n"
        "for number in range(40): UseLog(Path(sys.argv[1])).write('pseudonym find', f'{sys.argv[2]}{number}', 'why')"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=ROOT) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    uses, broken = UseLog(tmp_path).read()
    assert (len({use.subject for use in uses}), len(uses), broken) == (120, 120, [])
    assert all(json.loads(line) for line in (tmp_path / FILE).read_bytes().splitlines())


# --- reasons


@pytest.mark.parametrize("reason", ["", "   ", "why", "yearly  \n   ", "x" * 201, "the bell\x07 rings"])
def test_a_use_needs_a_reason_that_can_be_read(reason: str) -> None:
    with pytest.raises(ConfigError, match="10 to 200 characters"):
        check_reason(reason)


def test_a_reason_is_put_on_one_line() -> None:
    assert check_reason(" follow-up\n of the  study ") == "follow-up of the study"


@pytest.mark.parametrize(
    "reason",
    [
        "incident of Mme LEFEVRE",
        "lefèvre called",
        "patient 8003412765",
        "asked for hélène",
        "id 8003412765: query",
        "née Le  Bras-Lefèvre",
    ],
)
def test_a_reason_that_names_the_patient_is_refused_and_not_repeated(reason: str) -> None:
    with pytest.raises(ConfigError, match="the reason names the patient") as raised:
        check_reason(reason, ["8003412765", "Lefèvre^Hélène^^Mme", "19470301", ""])
    assert "efevre" not in str(raised.value) and "8003" not in str(raised.value)


@pytest.mark.parametrize(
    "reason",
    [
        "seen on 01.03.1947",
        "patient of 1947 03 01",
        "born 1/3/47 or so",
        "born on 1 mars 47",
        "born March 1st, 47",
        "id 80 03 41 27 65 asked",
        "80-0341-2765 was called",
    ],
)
def test_a_reason_that_writes_a_number_or_a_birth_date_otherwise_is_refused(reason: str) -> None:
    with pytest.raises(ConfigError, match="the reason names the patient"):
        check_reason(reason, ["8003412765", "19470301"])


@pytest.mark.parametrize(
    "reason",
    [
        "protocol of 12/03/1950",
        "about the id 4711 again",
        "call 03 20 44 59 62 back",
        "asked for Durand^Paul",
        "incident of Mme Durand",
        "the patient Durand called",
        "asked by M. Durand today",
        "DURAND Paul has a finding",
        "finding of Paul DURAND",
    ],
)
def test_a_reason_in_the_shape_of_a_number_a_date_or_a_name_is_refused_whoever_is_meant(reason: str) -> None:
    with pytest.raises(ConfigError, match=r"four digits or more|looks as if it named somebody") as raised:
        check_reason(reason)
    assert not any(word in str(raised.value) for word in reason.split() if len(word) > 3 and word not in ("about", "names", "named"))


@pytest.mark.parametrize(
    "reason",
    [
        "Incidental finding, asked by the clinician",
        "Asked by the Ethics Board",
        "Patient withdrew his consent",
        "COVID Study, arm 2 of 3: follow-up after 12 months",
        "demande du médecin traitant du CHU Lille",
    ],
)
def test_ordinary_sentences_are_reasons(reason: str) -> None:
    assert check_reason(reason, ["8003412765", "19470301", "Lefèvre^Hélène"]) == reason


def test_a_reason_without_an_identity_passes_beside_short_and_empty_ones() -> None:
    assert check_reason("asked by the ethics board", ["42", "A^B", "", "19470301"]) == "asked by the ethics board"


@given(st.text(alphabet="abcdéÉ123", min_size=3, max_size=12), st.text(max_size=20), st.text(max_size=20))
def test_no_reason_repeats_an_id_whatever_stands_around_it(patient_id: str, before: str, after: str) -> None:
    with pytest.raises(ConfigError):
        check_reason(f"x{before}{patient_id.swapcase()}{after}", [patient_id])
