"""The record of acts: whole lines in one chain, however many write, and what was changed or taken out shows."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from fidac_node.audit.trail import FILE, Trail, Wanted, Who
from tests.support import SystemCalls

ROOT = Path(__file__).parents[3]
WHO = Who("VIEWER", "10.0.0.5")


def filled(directory: Path) -> Trail:
    trail = Trail(directory / FILE)
    for number in range(4):
        trail.note(WHO, "pseudonym find", f"CHU-{number}", reason="incidental finding, asked by the clinician")
    return trail


def subjects(trail: Trail, wanted: Wanted = Wanted()) -> list[str]:  # noqa: B008 - it is immutable
    return [act.what for act in trail.acts(wanted)]


def test_an_act_says_who_from_where_when_what_why_and_how_many(tmp_path: Path) -> None:
    trail = Trail(tmp_path / FILE)
    trail.note(WHO, "hub client add", "READER", number=1, reason="asked for by the board")
    (act,) = trail.acts()
    assert (act.who, act.origin, act.act, act.what, act.number, act.reason) == (
        *("VIEWER", "10.0.0.5", "hub client add", "READER", 1, "asked for by the board"),
    )
    assert abs(act.at - time.time()) < 60 and act.as_dict()["from"] == "10.0.0.5"
    assert trail.verify()[:2] == (1, [])


def test_nothing_done_is_an_empty_record(tmp_path: Path) -> None:
    trail = Trail(tmp_path / FILE)
    assert (list(trail.acts()), trail.verify()[:2]) == ([], (0, []))


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    Trail(tmp_path / "vault" / FILE).note(WHO, "key rotate", "FIDAC")
    assert stat.S_IMODE((tmp_path / "vault" / FILE).stat().st_mode) == 0o600


def test_an_act_that_goes_on_is_on_the_disk_before_it_is_done_and_says_at_its_end_what_it_came_to(
    tmp_path: Path,
) -> None:
    told = []
    trail = Trail(tmp_path / FILE, told.append)
    with trail.doing(WHO, "retrieve", "one study") as doing:
        (begun,) = Trail(tmp_path / FILE).acts()
        assert (begun.what, begun.number) == ("one study", None)
        trail.note(WHO, "query", "meanwhile", number=5)
        doing.number += 2
        doing.studies["2.25.1"] = "CHU-A"
    first, second = trail.acts()
    assert (first.what, first.number, first.studies) == ("one study", 2, {"2.25.1": "CHU-A"})
    assert (second.what, second.number) == ("meanwhile", 5)
    assert [act.what for act in told] == ["meanwhile", "one study"] and told[1].number == 2
    assert trail.verify().broken == []


def test_an_act_that_breaks_off_says_so_and_of_one_that_was_killed_the_beginning_stands(tmp_path: Path) -> None:
    trail = Trail(tmp_path / FILE)
    with suppress(KeyError), trail.doing(WHO, "query", "broken") as doing:
        doing.number = 3
        raise KeyError("x")
    code = (
        "import os, sys; from pathlib import Path; from fidac_node.audit.trail import Trail, Who\n"
        "with Trail(Path(sys.argv[1])).doing(Who('A'), 'query', 'killed'): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(trail.path)], cwd=ROOT, check=False).returncode == -9
    broken, killed = trail.acts()
    assert (broken.number, broken.outcome) == (3, "broken off (KeyError)")
    assert (killed.what, killed.number, killed.outcome) == ("killed", None, "")


def test_of_thousands_of_studies_each_is_kept_and_no_line_grows_with_them(tmp_path: Path) -> None:
    trail = Trail(tmp_path / FILE)
    with trail.doing(WHO, "export", "all") as doing:
        doing.studies |= {f"2.25.{number}": f"CHU-{number}" for number in range(1201)}
    (act,) = trail.acts()
    assert len(act.studies) == 1201 and act.studies["2.25.1200"] == "CHU-1200"
    assert max(map(len, trail.path.read_bytes().splitlines())) < 20_000


@pytest.mark.parametrize("line", range(3))
def test_a_line_that_was_changed_or_taken_out_shows(tmp_path: Path, line: int) -> None:
    trail = filled(tmp_path)
    lines = trail.path.read_bytes().splitlines(keepends=True)
    changed = lines[line].replace(b"clinician", b"physician")
    trail.path.write_bytes(b"".join([*lines[:line], changed, *lines[line + 1 :]]))
    assert trail.verify().broken == [line + 2]
    trail.path.write_bytes(b"".join(lines[:line] + lines[line + 1 :]))
    assert trail.verify().broken == [line + 1]


def test_lines_taken_from_the_end_show_by_the_last_hash(tmp_path: Path) -> None:
    trail = filled(tmp_path)
    before = trail.verify()
    trail.path.write_bytes(b"".join(trail.path.read_bytes().splitlines(keepends=True)[:-1]))
    assert trail.verify().head != before.head and trail.verify().lines == before.lines - 1


def test_a_line_cut_by_a_power_failure_breaks_no_other(tmp_path: Path) -> None:
    trail = filled(tmp_path)
    with trail.path.open("ab") as fp:
        fp.write(b'{"at": 17')
    trail.note(WHO, "pseudonym find", "CHU-4")
    assert (subjects(trail)[-1], trail.verify().broken) == ("CHU-4", [])


def test_a_full_disk_is_an_error_so_that_nobody_gets_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = filled(tmp_path)
    with SystemCalls(2, error=errno.ENOSPC), pytest.raises(OSError, match="No space left"):
        trail.note(WHO, "pseudonym find", "CHU-4")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:9]))
    with pytest.raises(OSError, match="No space left"), trail.doing(WHO, "query", "CHU-4"):
        raise AssertionError("it was done")
    monkeypatch.undo()
    trail.note(WHO, "pseudonym find", "CHU-5")
    assert (subjects(trail)[-1], trail.verify().broken) == ("CHU-5", [])


def test_processes_that_write_at_once_write_one_chain(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fidac_node.audit.trail import Trail, Who\n"
        "for number in range(40): Trail(Path(sys.argv[1])).note(Who(sys.argv[2]), 'query', f'{sys.argv[2]}{number}')"
    )
    path = tmp_path / FILE
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=ROOT) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (len(set(subjects(Trail(path)))), Trail(path).verify()[:2]) == (120, (120, []))


@pytest.mark.parametrize("length", [0, 100, 4094, 4095, 4096, 4097, 9000])
def test_a_line_costs_the_same_however_long_the_record_is(
    tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = filled(tmp_path)
    with trail.path.open("ab") as fp:
        fp.write(b"x" * length + b"\n")
    trail.note(WHO, "query", "after it")
    assert trail.verify().broken == []
    with trail.path.open("ab") as fp:
        fp.writelines([trail.path.read_bytes()] * 200)
    read, real = [], os.pread
    monkeypatch.setattr(os, "pread", lambda *to: read.append(to[1]) or real(*to))
    trail.note(WHO, "query", "the last")
    assert sum(read) <= 2 * 4096 and subjects(trail)[-1] == "the last"


def test_acts_are_chosen_by_time_by_what_was_done_and_by_whom_in_any_case(tmp_path: Path) -> None:
    trail = Trail(tmp_path / FILE)
    trail.note(Who("VIEWER"), "query", "1")
    trail.note(Who("marie (root)"), "hub client add", "2")
    trail.note(Who("x"), "token create", "3")
    assert subjects(trail, Wanted(act="QUERY")) == ["1"]
    assert subjects(trail, Wanted(act="client")) == subjects(trail, Wanted(act="hub client*")) == ["2"]
    assert subjects(trail, Wanted(who="view*")) == ["1"]
    assert subjects(trail, Wanted(who="marie")) == ["2"]
    assert subjects(trail, Wanted(since=time.time() - 60)) == ["1", "2", "3"]
    assert subjects(trail, Wanted(since=time.time() + 60)) == []


def test_lines_of_the_first_form_are_read_and_stay_in_the_chain(tmp_path: Path) -> None:
    old = {"at": 1.7e9, "user": "marie", "command": "key rotate", "subject": "FIDAC", "reason": "yearly"}
    first = json.dumps({**old, "previous": "e3b0c44298fc1c149afbf4c8996fb924"}).encode()
    (tmp_path / FILE).write_bytes(first + b"\n")
    trail = Trail(tmp_path / FILE)
    trail.note(WHO, "query", "CHU-1")
    assert [(act.who, act.act, act.what, act.reason) for act in trail.acts()] == [
        ("marie", "key rotate", "FIDAC", "yearly"),
        ("VIEWER", "query", "CHU-1", ""),
    ]
    assert trail.verify()[:2] == (2, [])


@pytest.mark.parametrize(
    "line",
    [b"[]", b"{}", b'"x"', b'{"at": "x", "who": 1}', b"\xff\xfe", b'{"of": 3}', b'{"of": "x", "at": "y"}', b"null"],
)
def test_what_nobody_understands_is_left_out_and_breaks_nothing_else(tmp_path: Path, line: bytes) -> None:
    trail = filled(tmp_path)
    with trail.path.open("ab") as fp:
        fp.write(line + b"\n")
    trail.note(WHO, "query", "after")
    assert subjects(trail)[4:] == ["after"]


def test_a_text_without_end_is_cut_and_says_how_long_it_was(tmp_path: Path) -> None:
    trail = Trail(tmp_path / FILE)
    trail.note(WHO, "query", "9" * 300_000)
    assert subjects(trail)[0].endswith("9... (300000 characters)") and trail.path.stat().st_size < 3000


# --- read from its end


@pytest.mark.parametrize("block", [1 << 20, 300])
def test_the_record_is_read_from_its_end_a_page_at_a_time_with_what_each_act_came_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("fidac_node.audit.trail._ENDS", block)
    trail = Trail(tmp_path / FILE)
    assert trail.page() == ([], 0)
    for number in range(7):
        with trail.doing(WHO, "query" if number % 2 else "retrieve", f"number {number}") as doing:
            doing.number, doing.studies = number, {f"2.25.{number}": "CHU-A"}
    expected = list(trail.acts())[::-1]
    found, before, pages = [], None, 0
    while before != 0:
        acts, before = trail.page(most=2, before=before)
        found += acts
        pages += 1
    assert (found, pages) == (expected, 4) or (found, pages, acts) == (expected, 5, [])
    assert [act.what for act in trail.page(Wanted(act="query"), most=2).acts] == ["number 5", "number 3"]
    assert trail.page(Wanted(since=time.time() + 2 * 86400)) == ([], 0)


def test_of_a_long_record_little_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fidac_node.audit.trail._MOST_BACK", 1000)
    trail = Trail(tmp_path / FILE)
    for number in range(20):
        trail.note(WHO, "query" if number else "export", f"number {number}")
    wanted, before, found, pages = Wanted(act="export"), None, [], 0
    while before != 0:
        acts, before = trail.page(wanted, before=before)
        found, pages = [*found, *acts], pages + 1
    assert [act.what for act in found] == ["number 0"] and pages > 2
