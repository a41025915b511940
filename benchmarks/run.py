"""One table: how fast the node is, beside other vendors' programs on this machine in the same minute.

    python -m benchmarks.run [--only GROUP]... [--quick] [--runs N] [--data DIR] [--json FILE] [--svg FILE] [--readme]

``--from FILE`` measures nothing and shows what an earlier run wrote. With ``--only`` the other groups of the
JSON file stay as they were.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from benchmarks import browser, growth, memory, pages, query, receive, send, way, web
from benchmarks.chart import svg
from benchmarks.machine import described, machine
from benchmarks.series import generated, real
from benchmarks.setting import Setting
from benchmarks.table import Row, as_markdown, as_text

Results = dict[str, Any]
_LEAST_RUNS: Final = 5
_DEIDENTIFY_NOTE: Final = (
    "CPU milliseconds of one core for a slice, in memory, the leak gate included; "
    "deid applies the same recipe to a data set already read"
)
_TITLE: Final = "Slices of 0.53 MB a second, this node (synced before Success) and its peers"


def deidentify(setting: Setting) -> list[Row]:
    """The engine beside deid with the same recipe; CPU time, no files."""
    from benchmarks.deidentify import LEAST_RATIO, NEXT_SLICE, Bench, speed  # loads deid and matplotlib

    found = speed(Bench(setting.runs))
    milliseconds = found["milliseconds"]
    ours, theirs = (milliseconds[name] for name in (NEXT_SLICE, "deid, apply alone (the data set is read before)"))
    ratio = found["times as fast as deid"]["median"]
    figures = {"ours": ours["runs"], "theirs": theirs["runs"]}
    options: dict[str, Any] = {"least": LEAST_RATIO, "higher": False, "note": _DEIDENTIFY_NOTE, "runs": figures}
    return [Row("de-identification", "ms", ours["median"], "deid", theirs["median"], ratio, **options)]


GROUPS: Final[dict[str, Callable[[Setting], list[Row]]]] = {
    "receive": receive.measure,
    "send": send.measure,
    "deidentify": deidentify,
    "way": way.measure,
    "growth": growth.measure,
    "query": query.measure,
    "web": web.measure,
    "pages": pages.measure,
    "browser": browser.measure,
    "memory": memory.measure,
}


def measured(name: str, setting: Setting) -> Results:
    """Measure a group; where that fails, its ``problem`` says why, and the others go on."""
    click.echo(f"measuring {name} ...", err=True)
    began, rows, problem, failed = time.time(), [], "", False
    try:
        rows = GROUPS[name](setting)
    except LookupError as missing:
        problem = str(missing)
    except Exception as error:  # whatever it is: this group has no figures, that is said, and the exit code is 1
        problem, failed = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]), True
    finally:
        shutil.rmtree(setting.source(), ignore_errors=True)
    seconds = time.time() - began
    click.echo(f"{name} took {seconds:.0f} s", err=True)
    at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began))
    facts = {
        "at": at,
        "seconds": seconds,
        "series": setting.series.title,
        "runs": setting.runs,
        "load": os.getloadavg(),
    }
    return {**facts, "problem": problem, "failed": failed, "rows": [row.dump() for row in rows]}


def rows_of(results: Results) -> list[Row]:
    """All rows, in the order of the groups."""
    groups = results["groups"]
    return [Row.load(row) for name in GROUPS if name in groups for row in groups[name]["rows"]]


def measured_when(results: Results) -> str:
    """When each group was measured, with what, and how busy the machine was; or why it was not."""
    return "\n".join(
        f"{name}: {group['at']}, {group['series']}, {group['runs']} runs, load {group['load'][0]:.1f} at the end"
        + (f"; NOT MEASURED: {group['problem']}" if group["problem"] else "")
        for name, group in results["groups"].items()
    )


def markdown(results: Results) -> str:
    """What stands between the markers of the README: the table, where the figures come from, and the plot."""
    facts = described(results["machine"]).replace("\n", ". ")
    runs = min((group["runs"] for group in results["groups"].values()), default=0)
    days = ", ".join(sorted({group["at"][:10] for group in results["groups"].values()}))
    plot = "![Slices a second, this node and its peers](docs/performance.svg)"
    return (
        f"{as_markdown(rows_of(results))}\n\nMedians of {runs} or more alternating runs ({days}) on {facts}.\n\n{plot}"
    )


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(GROUPS)), help="Measure just this group (repeatable).")
@click.option("--quick", is_flag=True, help="A few minutes: two runs, small indexes and objects.")
@click.option(
    "--runs",
    default=_LEAST_RUNS,
    show_default=True,
    type=click.IntRange(_LEAST_RUNS),
    help="Runs of which the median is taken.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Send these real CT images, not made-up ones.",
)
@click.option(
    "--json",
    "target",
    default="build/bench.json",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Write all figures there.",
)
@click.option(
    "--from", "earlier", type=click.Path(path_type=Path, exists=True), help="Measure nothing: show what --json wrote."
)
@click.option("--svg", "plot", type=click.Path(path_type=Path), help="Draw the plot there.")
@click.option("--readme", is_flag=True, help="Print Markdown for the README.")
@click.option(
    "--work", type=click.Path(path_type=Path, file_okay=False), help="Folder on the disk to measure; default build/."
)
def main(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    only: tuple[str, ...],
    quick: bool,
    runs: int,
    data: Path | None,
    target: Path,
    earlier: Path | None,
    plot: Path | None,
    readme: bool,
    work: Path | None,
) -> None:
    """Measure, print one table, and write JSON."""
    if earlier is not None:
        results = json.loads(earlier.read_text())
    else:
        results = _measure(list(only), quick=quick, runs=runs, data=data, target=target, work=work)
    rows = rows_of(results)
    table = f"{described(results['machine'])}\n\n{as_text(rows)}\n\n{measured_when(results)}"
    click.echo(markdown(results) if readme else table)
    if plot is not None:
        plot.write_text(svg(rows, _TITLE))
    sys.exit(any(group["failed"] for group in results["groups"].values()))


def _measure(only: list[str], *, quick: bool, runs: int, data: Path | None, target: Path, work: Path | None) -> Results:
    """Measure, writing down each group when it is done; a group that failed keeps no figures of an earlier run."""
    base = work or Path("build")
    for directory in (base, target.parent):
        directory.mkdir(parents=True, exist_ok=True)
    groups = json.loads(target.read_text())["groups"] if only and target.exists() else {}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=base) as name:
        setting = Setting(Path(name).resolve(), 2 if quick else runs, real(data) if data else generated(), quick)
        results: Results = {"machine": machine(setting.work), "groups": groups}
        for group in only or GROUPS:
            groups[group] = measured(group, setting)
            target.write_text(json.dumps(results, indent=1) + "\n")
    return results


if __name__ == "__main__":
    main()
