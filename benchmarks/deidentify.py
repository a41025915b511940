"""How fast de-identification is, beside deid with the same recipe, and how much memory it takes.

    python -m benchmarks.deidentify [--data DIR] [--json FILE] [--profile] [--grow N] [--files N]

Everything is measured in memory on one core, as CPU time of this process, each figure the median of runs that
take turns with the others, so that a busy machine slows all alike. The leak gate is part of every figure of
ours. ``--grow`` sends N objects of many patients through one engine; ``--files`` writes N files of 0.5 MB and
de-identifies them with the command, by one worker and by two.
"""

from __future__ import annotations

import cProfile
import gc
import io
import json
import pstats
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import psutil
from pydicom import dcmread

from benchmarks.machine import described, machine
from benchmarks.objects import ELEMENTS, encoded, enhanced, pixels, series, slice_header, strangers
from benchmarks.theirs import Deid
from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.profile.programmes import find
from fidac_node.errors import Permanent
from fidac_node.identity.keyfile import create_key
from fidac_node.phantom.scan import IDENTITIES, Scan

PROFILE: Final = "fidac-chest-ct"
PROGRAMME: Final = "BENCHMARK"
KEY: Final = bytes(range(1, 33))
LIMIT: Final = 1 << 32
SLICES: Final = 300
FRAMES: Final = 300
# What the project demands of these figures: milliseconds of CPU, and times as fast as deid.
BOUNDS: Final = {
    "fast path, next slice of a series": 0.25,
    "slow path, next slice of a series": 3.0,
    "Enhanced CT header, 300 frames": 20.0,
}
LEAST_RATIO: Final = 80

Results = dict[str, Any]


class Bench:
    """Engines and objects that the figures share."""

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.plan, self.pseudonyms = load_plan(PROFILE), Pseudonymiser(KEY, PROGRAMME, "SITE")
        self.slices = series(SLICES)
        self.strangers = list(strangers(100))
        self.deid = Deid(find(PROFILE, None, ()).layers, self.plan, self.pseudonyms)

    def engine(self, **options: Any) -> Deidentifier:
        """A fresh engine, nothing in its caches."""
        return Deidentifier(self.plan, self.pseudonyms, "SITE", PROGRAMME, **options)


def ours(engine: Deidentifier, encoded_object: bytes) -> None:
    """From a file in memory to the pieces of the output, as they would be handed to one write."""
    output = engine.apply(engine.sources.read(encoded_object, LIMIT), label="unknown", label_source="default")
    for _ in output.chunks():
        pass


def whole(engine: Deidentifier, encoded_object: bytes) -> None:
    """From a file in memory to a file in memory: the pixels copied once."""
    target = io.BytesIO()
    engine.apply(engine.sources.read(encoded_object, LIMIT), label="unknown", label_source="default").write(target)


def milliseconds(work: Callable[[], object], count: int) -> float:
    """CPU time of this process for one of ``count`` pieces of work."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / count * 1000


NEXT_SLICE: Final = "fast path, next slice of a series"
DEID: Final = "deid, apply alone (the data set is read before)"


def speed(bench: Bench) -> Results:
    """Milliseconds of CPU for one object, ours and deid's in turns, and the ratio of both in each run."""
    warm, slow, frames = bench.engine(), bench.engine(path="slow"), bench.engine()
    large = enhanced(FRAMES, bench.runs + 1)
    gc.collect()
    gc.freeze()  # what the benchmark itself holds is no work of those who are measured
    _each(ours, warm, bench.slices)
    ours(slow, bench.slices[0])
    ours(frames, large[0])
    figures: dict[str, list[float]] = {}
    for run in range(bench.runs):
        some = bench.slices[run * 20 : run * 20 + 20]
        read = [dcmread(io.BytesIO(one)) for one in some[:3]]
        for name, work, count in (
            (NEXT_SLICE, partial(_each, ours, bench.engine(), bench.slices), SLICES),
            ("fast path, the same slices again", partial(_each, ours, warm, bench.slices), SLICES),
            ("fast path, with one copy to a file in memory", partial(_each, whole, warm, bench.slices), SLICES),
            (
                "fast path, each slice of another patient",
                partial(_each, ours, bench.engine(), bench.strangers),
                len(bench.strangers),
            ),
            ("slow path, next slice of a series", partial(_each, ours, slow, some), len(some)),
            ("Enhanced CT header, 300 frames", partial(ours, frames, large[run + 1]), 1),
            (DEID, partial(bench.deid.each, read), len(read)),
            ("deid, read, apply and write", partial(bench.deid.whole, some[3]), 1),
        ):
            figures.setdefault(name, []).append(milliseconds(work, count))
    ratios = [theirs / mine for theirs, mine in zip(figures[DEID], figures[NEXT_SLICE], strict=True)]
    return {
        "milliseconds": {
            name: {"median": statistics.median(values), "runs": values} for name, values in figures.items()
        },
        "times as fast as deid": {"median": statistics.median(ratios), "runs": ratios},
    }


def _each(work: Callable[[Deidentifier, bytes], None], engine: Deidentifier, objects: Sequence[bytes]) -> None:
    for one in objects:
        work(engine, one)


def real(bench: Bench, directory: Path) -> Results:
    """Milliseconds of CPU for a slice of each folder of real studies, next to deid's on some of them."""
    found: Results = {}
    for folder in sorted(path for path in directory.iterdir() if path.is_dir()):
        objects = [path.read_bytes() for path in sorted(folder.iterdir())[:64]]
        passed = [one for one in objects if _passes(bench.engine(), one)]
        if not passed:
            continue
        mine = [milliseconds(partial(_each, ours, bench.engine(), passed), len(passed)) for _ in range(bench.runs)]
        read = [dcmread(io.BytesIO(one)) for one in passed[: bench.runs]]
        theirs = [_deid(bench.deid, ds) for ds in read]
        known = [one for one in theirs if one is not None]
        found[folder.name] = {
            "objects": len(passed),
            "milliseconds": statistics.median(mine),
            "deid": statistics.median(known) if known else None,
        }
    return found


def _passes(engine: Deidentifier, one: bytes) -> bool:
    try:
        ours(engine, one)
    except Permanent:
        return False
    return True


def _deid(deid: Deid, ds: Any) -> float | None:
    """The time that deid takes for a data set; ``None`` where it fails."""
    try:
        return milliseconds(partial(deid.apply, ds), 1)
    except Exception as error:  # whatever it is: the figure is missing, and that is said
        click.echo(f"deid fails: {type(error).__name__}: {error}", err=True)
        return None


def growth(objects: int) -> Results:
    """Resident memory of one engine over many small objects, ten in a row of one patient, and the time for one."""
    engine = Deidentifier(load_plan(PROFILE), Pseudonymiser(KEY, PROGRAMME, "SITE"), "SITE", PROGRAMME)
    process = psutil.Process()
    scan = Scan(slices=300, vendor="GE", rows=4, columns=4)
    patterns = [encoded(slice_header(scan, index), pixels(4, 4)) for index in range(10)]
    resident: dict[int, int] = {}
    began = time.process_time()
    for number in range(objects):
        ours(engine, _of_another(scan, patterns[number % 10], number % 10, number))
        if number + 1 in (objects // 100, objects // 4, objects // 2, objects * 3 // 4, objects):
            resident[number + 1] = process.memory_info().rss
    used = time.process_time() - began
    _, full, *_, last = resident.values()  # by a quarter of the way the bounded caches are full
    return {
        "objects": objects,
        "rss_bytes": resident,
        "growth_bytes": last - full,
        "milliseconds": used / objects * 1000,
    }


def _of_another(scan: Scan, pattern: bytes, index: int, number: int) -> bytes:
    """An object with the instance UID and the patient of another: ten in a row have one patient."""
    identity, patient = scan.identity, number // 10
    uid = scan.uid("image", scan.series_number, index)
    for old, new in (
        (identity.patient_id, f"{patient:0{len(identity.patient_id)}d}"),
        (identity.name, _name(patient, len(identity.name))),
        (identity.accession, f"RX{patient:0{len(identity.accession) - 2}d}"),
        (uid, f"1.2.{number:0{len(uid) - 4}d}"),
    ):
        pattern = pattern.replace(old.encode("latin-1"), new.encode("latin-1"))
    return pattern


def _name(number: int, length: int) -> str:
    """A name of ``length`` letters that no other number has."""
    letters = "".join(chr(ord("a") + number // 26**place % 26) for place in range(5))
    return f"NOM^{letters}".ljust(length, "x")[:length]


def throughput(files: int, work: Path) -> Results:
    """Files a second of wall time through ``fidac-node deidentify``, by one worker and by two, and peak memory."""
    source, key = work / "in", work / "secret.key"
    create_key(key)
    size = _write_files(source, files)
    found: Results = {"files": files, "bytes": size}
    for workers in (1, 2):
        command = [
            sys.executable,
            "-m",
            "fidac_node",
            "deidentify",
            str(source),
            str(work / "out"),
            "--key-file",
            str(key),
        ]
        command += ["--workers", str(workers), "--report", str(work / "report.json")]
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            peak, processor = _watch(process)
            _, last = process.communicate()
        took = time.monotonic() - began
        report = (work / "report.json").stat().st_size
        found[f"{workers} workers"] = {
            "files_per_second": files / took,
            "seconds": took,
            "cpu_seconds": processor,
            "peak_pss_bytes": peak,
            "report_bytes": report,
            "said": last.strip().rpartition("\n")[2],
        }
        shutil.rmtree(work / "out")
    return found


def _write_files(source: Path, files: int) -> int:
    """Series of 250 slices, each of another study."""
    plane, size = pixels(), 0
    for number in range(0, files, 250):
        scan = Scan(seed=number, slices=250, vendor=("GE", "SIEMENS", "PHILIPS", "TOSHIBA")[number // 250 % 4],
                    identity=IDENTITIES[number // 250 % len(IDENTITIES)])  # fmt: skip
        folder = source / f"{number:06d}"
        folder.mkdir(parents=True)
        for index in range(min(250, files - number)):
            size += (folder / f"{index:04d}.dcm").write_bytes(encoded(slice_header(scan, index), plane))
    return size


def _watch(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Peak of the proportional memory of a process and its children, and the CPU seconds of all."""
    peak, used = 0, 0.0
    top = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [top, *top.children(recursive=True)]
            peak = max(peak, sum(map(_proportional, family)))
            used = max(used, sum(sum(one.cpu_times()[:2]) for one in family))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it ended between two looks
        time.sleep(0.2)
    return peak, used


def _proportional(process: psutil.Process) -> int:
    """Memory, of shared pages a share.

    That only root may see of who holds keys; for others they count with each process.
    """
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


def show(results: Results) -> None:
    """Print a table."""
    click.echo(described(results["machine"]))
    click.echo(
        f"\n{results['slices']} slices of 512 x 512, {ELEMENTS} top-level elements; "
        f"CPU time, median of {results['runs']} runs"
    )
    for name, figure in results["speed"]["milliseconds"].items():
        bound = f"   at most {BOUNDS[name]:g} ms" if name in BOUNDS else ""
        click.echo(f"  {name:<50} {figure['median']:>9.3f} ms{bound}")
    ratio = results["speed"]["times as fast as deid"]["median"]
    click.echo(f"  {'times as fast as deid (apply alone)':<50} {ratio:>9.0f}      at least {LEAST_RATIO}")
    for name, row in results.get("real", {}).items():
        theirs = (
            f"deid {row['deid']:.1f} ms, {row['deid'] / row['milliseconds']:.0f} times" if row["deid"] else "deid fails"
        )
        click.echo(f"  {name:<50} {row['milliseconds']:>9.3f} ms   ({row['objects']} objects; {theirs})")
    if grown := results.get("growth"):
        steps = ", ".join(f"{number}: {rss / 1e6:.1f}" for number, rss in grown["rss_bytes"].items())
        click.echo(
            f"\n{grown['objects']} objects through one engine: {grown['milliseconds']:.3f} ms each; "
            f"resident MB after {steps}"
        )
    if through := results.get("throughput"):
        click.echo(f"\n'fidac-node deidentify' on {through['files']} files, {through['bytes'] / 1e9:.1f} GB")
        for workers in (1, 2):
            row = through[f"{workers} workers"]
            click.echo(
                f"  W={workers}: {row['files_per_second']:.0f} files/s, {row['seconds']:.0f} s, "
                f"CPU {row['cpu_seconds']:.0f} s, peak memory {row['peak_pss_bytes'] / 1e6:.0f} MB, "
                f"report {row['report_bytes'] / 1e6:.1f} MB; {row['said']}"
            )


def profile(bench: Bench) -> None:
    """Print where the time of the fast path goes."""
    engine, profiler = bench.engine(), cProfile.Profile()
    profiler.runcall(_each, ours, engine, bench.slices)
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(15)
    click.echo(text.getvalue())


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of real studies, one folder each.",
)
@click.option("--json", "target", type=click.Path(path_type=Path), help="Also write the figures there.")
@click.option("--runs", default=7, show_default=True, type=click.IntRange(5), help="Runs of which the median is taken.")
@click.option("--profile", "profiled", is_flag=True, help="Print where the time of the fast path goes.")
@click.option("--grow", default=0, help="Send so many objects through one engine, and watch its memory.")
@click.option("--files", default=0, help="De-identify so many files with the command.")
@click.option("--work", type=click.Path(path_type=Path), help="Where these files go; 1 MB for each.")
def main(
    data: Path | None, target: Path | None, runs: int, profiled: bool, grow: int, files: int, work: Path | None
) -> None:
    """Measure de-identification, print a table and write JSON."""
    results: Results = {"machine": machine(), "runs": runs, "slices": SLICES, "elements": ELEMENTS}
    if grow:  # first, while this process is small: what is free in a large one would hide the growth
        results["growth"] = growth(grow)
    bench = Bench(runs)
    results["deid_actions"] = bench.deid.lines
    results["speed"] = speed(bench)
    if data is not None:
        results["real"] = real(bench, data)
    if profiled:
        profile(bench)
    if files:
        with tempfile.TemporaryDirectory(dir=work) as directory:
            results["throughput"] = throughput(files, Path(directory))
    show(results)
    if target is not None:
        target.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
