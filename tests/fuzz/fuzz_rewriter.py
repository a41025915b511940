"""Damage files until something happens that must not: run by hand, for as long as wanted.

    python -m tests.fuzz.fuzz_rewriter --minutes 10 [--files DIR] [--plain] [--paths] [--findings DIR]

Guided by coverage where ``atheris`` is installed (``pip install atheris``), at random with ``--plain``.
Begins with generated objects and, if given, with the headers of real files in a folder. What breaks a rule
of :mod:`tests.fuzz.harness` is written to the folder of findings, one file for each kind; the numbers at the
end say how many files ran and what became of them.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

# One file in so many is watched for memory: that makes it ten times slower.
_WATCHED = 200
# Of a real file the header and a little of the pixels: its size is what fuzzing is slow by.
_LONGEST_SEED = 1 << 16
# Interpreter and caches, besides ten times the file (bytes).
_CONSTANT = 2 << 20
_SLOWEST = 2.0


class Fuzzer:
    """Runs files, counts, and keeps what must not happen."""

    def __init__(self, findings: Path, minutes: float, *, paths: bool) -> None:
        from tests.fuzz.harness import Harness

        self._harness = Harness(paths=paths)
        self._findings = findings
        self._end = time.monotonic() + 60 * minutes
        self._found: dict[str, int] = {}
        self.runs = 0
        self._slowest = 0.0
        self._most = 0.0

    def run(self, file: bytes) -> None:
        """Run one file; end the programme when time is up."""
        self.runs += 1
        start = time.process_time()
        watched = self.runs % _WATCHED == 0
        if watched:
            tracemalloc.start()
        try:
            self._harness.run(file)
        except Exception as error:  # every kind is a finding, none may end the run
            self._keep(file, f"{type(error).__name__}: {error}"[:120])
        if watched:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self._most = max(self._most, peak / (10 * len(file) + _CONSTANT))
            if peak > 10 * len(file) + _CONSTANT:
                self._keep(file, "memory")
        else:
            taken = time.process_time() - start
            self._slowest = max(self._slowest, taken)
            if taken > _SLOWEST:
                self._keep(file, "time")
        if self.runs % 256 == 0 and time.monotonic() > self._end:
            self.report()
            sys.stdout.flush()
            os._exit(1 if self._found else 0)  # libFuzzer catches everything milder

    def _keep(self, file: bytes, kind: str) -> None:
        first = kind not in self._found
        self._found[kind] = self._found.get(kind, 0) + 1
        if first:
            self._findings.mkdir(parents=True, exist_ok=True)
            path = self._findings / f"{len(self._found):03d}.dcm"
            path.write_bytes(file)
            print(f"{path}: {kind}", flush=True)

    def report(self) -> None:
        """Print what happened."""
        print(f"{self.runs} files; slowest {self._slowest:.2f} s; most memory {self._most:.0%} of what is allowed")
        for code, count in self._harness.codes.most_common():
            print(f"{count:10d} {code}")
        for kind, count in self._found.items():
            print(f"{count:10d} FOUND {kind}")


def seeds_of(folder: Path | None) -> list[bytes]:
    """Generated objects, and the files of ``folder`` with their pixels cut down."""
    from tests.fuzz.harness import seeds

    found = seeds()
    for path in sorted(folder.rglob("*"))[:400] if folder else ():
        if path.is_file():
            data = _shortened(path.read_bytes())
            if data is not None and len(data) <= _LONGEST_SEED:
                found.append(data)
    return found


def _shortened(data: bytes) -> bytes | None:
    """A real file as an image of 4 x 4 pixels; ``None`` if it is none that this is possible with."""
    import io
    import struct

    from fidac_node.dicom import part10
    from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
    from fidac_node.errors import Permanent

    try:
        meta, offset = part10.read_meta(io.BytesIO(data))
        if meta.transfer_syntax_uid not in (EXPLICIT_VR_LE, IMPLICIT_VR_LE):
            return None
        elements = list(part10.walk(data, offset, len(data), meta.transfer_syntax_uid))
    except Permanent:
        return None
    parts = {one.tag: data[one.start : one.after] for one in elements}
    for tag in (0x00280010, 0x00280011):
        if tag in parts:
            parts[tag] = parts[tag][:8] + struct.pack("<H", 4)
    if part10.PIXEL_DATA in parts:
        start = next(one for one in elements if one.tag == part10.PIXEL_DATA)
        parts[part10.PIXEL_DATA] = (
            data[start.start : start.value - 4] + struct.pack("<L", 32) + data[start.value : start.value + 32]
        )
    return data[:offset] + b"".join(parts[tag] for tag in sorted(parts))


def plain(fuzzer: Fuzzer, seeds: list[bytes], seed: int) -> None:
    """Damage at random: needs nothing but Python."""
    from tests.fuzz.harness import damaged, random_harm

    rng = random.Random(seed)
    while True:
        fuzzer.run(damaged(rng.choice(seeds), random_harm(rng)))


def guided(fuzzer: Fuzzer, seeds: list[bytes], corpus: Path, atheris: Any) -> None:
    """Let libFuzzer choose what to damage further, by the lines of our code that a file reaches."""
    from tests.fuzz.harness import damaged, random_harm

    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed{number:04d}").write_bytes(seed)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        mutated = damaged(data, random_harm(rng)) if rng.random() < 0.7 else atheris.Mutate(data, most)
        return bytes(mutated[:most])

    run: Callable[[bytes], None] = fuzzer.run
    atheris.Setup(
        [sys.argv[0], str(corpus), f"-max_len={2 * _LONGEST_SEED}", "-rss_limit_mb=4096", "-verbosity=0"],
        run,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def main() -> None:
    """Run the fuzzer as told on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--files", type=Path, help="a folder of real files to begin with")
    parser.add_argument("--plain", action="store_true", help="at random, without atheris")
    parser.add_argument("--paths", action="store_true", help="by the slow path too, and compare")
    parser.add_argument("--seed", type=int, default=1, help="of --plain")
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"))
    arguments = parser.parse_args()
    atheris: Any = None if arguments.plain else import_module("atheris")
    with (
        atheris.instrument_imports(include=["fidac_node.deidentify", "fidac_node.dicom.part10"])
        if atheris
        else nullcontext()
    ):
        fuzzer = Fuzzer(arguments.findings, arguments.minutes, paths=arguments.paths)
    seeds = seeds_of(arguments.files)
    for seed in seeds:
        fuzzer.run(seed)
    print(f"{len(seeds)} files to begin with", flush=True)
    if atheris:
        guided(fuzzer, seeds, arguments.findings / "corpus", atheris)
    else:
        plain(fuzzer, seeds, arguments.seed)


if __name__ == "__main__":
    main()
