"""What the benchmarks say of what they measured: bounds, tables, the plot. Nothing is measured here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.chart import svg
from benchmarks.run import GROUPS, measured
from benchmarks.series import Pattern, another, generated
from benchmarks.setting import Setting
from benchmarks.table import Row, against, as_markdown, as_text, in_turns
from fidac_node.dicom.uids import is_valid_uid
from fidac_node.errors import Permanent

ROOT = Path(__file__).resolve().parents[2]
FASTER = Row("receive", "slices/s", 900.0, "DCMTK <storescp>", 1000.0, 0.9, least=0.8, note="one note")
SLOWER = Row("send", "slices/s", 500.0, "DCMTK dcmsend", 1000.0, 0.5, least=0.9)
ALONE = Row("whole way", "slices/s", 400.0, "Orthanc pair", least=5.0)
MEMORY = Row("memory", "MiB", 151.0, most=150.0, higher=False)
PLAIN = Row("CPU", "ms", 0.25, higher=False)
GROWTH = [Row(f"ingest at {size:,} indexed", "slices/s", rate) for size, rate in ((10_000, 300.0), (1_000_000, 290.0))]


def run(*arguments: str) -> str:
    argv = [sys.executable, "-m", "benchmarks.run", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(
    ("row", "verdict", "bound"),
    [
        (FASTER, "pass", "at least 0.8x"),
        (SLOWER, "FAIL", "at least 0.9x"),
        (ALONE, "not installed", "at least 5x"),
        (MEMORY, "FAIL", "at most 150 MiB"),
        (PLAIN, "", ""),
    ],
)
def test_a_row_says_whether_it_reached_its_bound(row: Row, verdict: str, bound: str) -> None:
    assert (row.verdict, row.bound) == (verdict, bound)


def test_a_row_is_the_same_after_json() -> None:
    assert Row.load(json.loads(json.dumps(SLOWER.dump()))) == SLOWER


def test_the_ratio_is_the_median_of_each_runs_own_ratio() -> None:
    row = against("receive", "slices/s", {"ours": [100.0, 300.0, 80.0], "peer": [100.0, 150.0, 100.0]}, "ours", "peer")
    assert (row.ours, row.theirs, row.ratio) == (100.0, 100.0, 1.0)


def test_a_peer_that_is_not_installed_leaves_a_row_that_says_so() -> None:
    row = against("receive", "slices/s", {"ours": [100.0]}, "ours", "Orthanc", least=2.5)
    assert (
        row.verdict == "not installed"
        and "not installed" in as_text([row])
        and "Orthanc: not installed" in as_markdown([row])
    )


def test_runs_take_turns_and_the_first_is_not_counted() -> None:
    order: list[tuple[str, int]] = []

    def work(name: str, run: int) -> float:
        order.append((name, run))
        return float(run)

    figures = in_turns(2, {name: lambda run, name=name: work(name, run) for name in ("a", "b")})  # type: ignore[misc]
    assert figures == {"a": [1.0, 2.0], "b": [1.0, 2.0]}
    assert order == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]


def test_the_readme_has_every_row_with_a_bound_and_says_which_was_missed() -> None:
    text = as_markdown([FASTER, SLOWER, PLAIN])
    assert "| receive | 900 slices/s | DCMTK <storescp>: 1,000 | 0.90x | at least 0.8x |" in text
    assert "at least 0.9x (missed)" in text and "CPU" not in text


def test_the_plot_is_well_formed_and_shows_pairs_and_growth() -> None:
    root = ElementTree.fromstring(svg([FASTER, ALONE, PLAIN, *GROWTH], "a & b"))
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a & b" in said and "DCMTK <storescp>" in said and "900 slices/s, 0.90x" in said and "1,000,000" in said
    assert "whole way" not in said


def test_the_plot_of_nothing_is_still_a_plot() -> None:
    ElementTree.fromstring(svg([], "nothing"))


def test_each_copy_of_a_series_has_uids_of_its_own_and_is_as_long(tmp_path: Path) -> None:
    series = generated(3, 16)
    first, second = (sorted(series.write(tmp_path).iterdir()) for _ in range(2))
    patterns = [Pattern.of(path.read_bytes()) for path in (*first, *second)]
    assert len({pattern.uids for pattern in patterns}) == 6
    assert [path.stat().st_size for path in first] == [path.stat().st_size for path in second]
    assert series.size == sum(path.stat().st_size for path in first)
    for pattern in patterns:
        assert len(pattern.uids) == 3 and all(map(is_valid_uid, pattern.uids))


@pytest.mark.parametrize(
    "uid", ["2.25.311429632352634422396917839745708991437", "1.2.840.1", "1.3.6.1.4.1.14519." + "1" * 40]
)
def test_another_uid_is_valid_and_as_long(uid: str) -> None:
    assert (
        len(another(uid, "1")) == len(uid)
        and is_valid_uid(another(uid, "1"))
        and another(uid, "1") != another(uid, "2")
    )


def test_the_command_explains_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "--quick" in done.stdout and "--svg" in done.stdout


def test_an_earlier_run_is_shown_again_without_measuring(tmp_path: Path) -> None:
    names = ("processor", "system", "file_system", "python", "pydicom", "pynetdicom", "deid", "DCMTK", "Orthanc")
    facts = {**dict.fromkeys(names, "x"), "cores": 2, "memory_bytes": 1 << 30, "load": [0.0, 0.0, 0.0]}
    earlier, plot = tmp_path / "bench.json", tmp_path / "plot.svg"
    group = {"at": "2026-01-02 03:04 UTC", "series": "a series", "runs": 5, "load": [0.0, 0.0, 0.0]}
    group |= {"problem": "", "failed": False, "rows": [FASTER.dump()]}
    earlier.write_text(json.dumps({"machine": facts, "groups": {"receive": group}}))
    said = run("--from", str(earlier), "--readme", "--svg", str(plot))
    assert "| receive | 900 slices/s" in said and "5 or more alternating runs (2026-01-02)" in said
    assert plot.read_text().startswith("<svg")
    assert "2026-01-02 03:04 UTC, a series, 5 runs" in run("--from", str(earlier))


def test_a_group_that_fails_has_no_figures_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(setting: Setting) -> list[Row]:
        raise Permanent("malformed", "an object is held")

    monkeypatch.setitem(GROUPS, "receive", broken)
    found = measured("receive", Setting(tmp_path, 5, generated(1, 16)))
    assert found["failed"] and not found["rows"] and "an object is held" in found["problem"]
