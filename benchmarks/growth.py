"""The hub as its index grows: how fast it files what comes, and how fast it answers ``hub find``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from peewee import Database

from benchmarks import peers
from benchmarks.node import HUB_AE, SITE_AE, Hub, Site, fidac, wait_until
from benchmarks.rows import fill
from benchmarks.send import staged
from benchmarks.setting import Setting, count, settled
from benchmarks.table import Row
from fidac_node.hub.index import LEVELS, StudyFilter, find, prepare
from fidac_node.hub.index.models import Patient, Study
from fidac_node.system.database import connect

SIZES: Final = (10_000, 100_000, 1_000_000)
_MOST_FIND: Final = 50.0
_LIMIT: Final = 100
_TIMES: Final = 3
_NOTE: Final = (
    "objects a second from the start of storescu to the hub's index; the index was filled with made-up rows before. "
    "The sizes come one after the other, not in turns: on a busy machine look at the CPU of filing"
)
# Each filter alone: some that match much, some that match little, and the last nothing.
_FILTERS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"site": "SITE07"},
    {"since": date(2016, 1, 1)},
    {"until": date(2016, 1, 1)},
    {"received_since": date(2025, 10, 1)},
    {"label": "certain"},
    {"sex": "F"},
    {"min_age": 80},
    {"max_age": 20},
    {"modality": "CT"},
    {"body_part": "THORAX"},
    {"manufacturer": "siemens"},
    {"model": "*64*"},
    {"kernel": "b7*"},
    {"max_slice_thickness": 0.6},
    {"contrast": True},
    {"min_instances": 500},
    {"kernel": "no such kernel"},
)


def measure(setting: Setting) -> list[Row]:
    """A row of ingest and one of ``hub find`` for each size, the last of ``hub find`` on PostgreSQL."""
    if not peers.have("storescu"):
        raise LookupError("DCMTK is not installed, nobody can send; on Debian: apt-get install dcmtk")
    work, sizes = setting.work / "growth", SIZES[:2] if setting.quick else SIZES
    hub = Hub(work / "hub")
    studies = list(staged(Site(work / "site", hub.address), setting, len(sizes) * (_TIMES + 1)))
    rates: list[float] = []
    rows: list[Row] = []
    for size in sizes:
        _fill("sqlite:///index.db", hub.directory, size - (hub.indexed() if rates else 0))
        figures, used = _ingest(hub, [studies.pop() for _ in range(_TIMES + 1)])
        rates.append(statistics.median(figures))
        note = _NOTE if len(rates) == 1 else ""
        rows.append(Row(f"ingest at {size:,} indexed", "slices/s", rates[-1], note=note, runs={"ours": figures}))
        rows.append(Row(f"  CPU of filing at {size:,}", "ms", used, higher=False))
        rows.append(_answers("SQLite", size, _find("sqlite:///index.db", hub.directory)))
    rows.append(Row("ingest, largest index to smallest", "x", rates[-1] / rates[0], note="flat is 1"))
    rows.append(
        Row(
            "the whole command 'hub find'",
            "ms",
            _command(hub),
            higher=False,
            note="its start included, studies of one label",
        )
    )
    rows += [] if setting.quick else [_answers("PostgreSQL", sizes[-1], _on_postgresql(work, sizes[-1]))]
    return rows


def _answers(kind: str, size: int, slowest: tuple[float | None, str]) -> Row:
    """The row of ``hub find``; the bound is one of the largest index."""
    note = f"first {_LIMIT} rows, database and Python, the slowest of all filters and levels: {slowest[1]}"
    return Row(
        f"hub find at {size:,}, {kind}",
        "ms",
        slowest[0],
        most=_MOST_FIND if size == SIZES[-1] else None,
        higher=False,
        note=note,
    )


def _fill(url: str, base: Path, rows: int) -> None:
    with closing(connect(url, base)) as db:
        fill(db, rows, seed=rows)  # the same seed would make the same studies again


def _ingest(hub: Hub, folders: Sequence[Path]) -> tuple[list[float], float]:
    """Objects a second from the wire to the index, for each folder but the first; CPU milliseconds of filing one.

    The first folder warms up.
    """
    with hub:
        _filed(hub, folders[0])
        before, known = hub.processor_seconds()["file"], hub.indexed()
        rates = [settled(partial(_filed, hub, folder)) for folder in folders[1:]]
        return rates, (hub.processor_seconds()["file"] - before) / (hub.indexed() - known) * 1000


def _filed(hub: Hub, folder: Path) -> float:
    objects = count(folder)
    wanted = hub.indexed() + objects
    began = time.monotonic()
    peers.storescu([folder], hub.port, HUB_AE, SITE_AE)
    ended = wait_until(lambda: hub.indexed() >= wanted, "all is indexed", pause=0.01)
    return objects / (ended - began)


def _find(url: str, base: Path) -> tuple[float, str]:
    """Milliseconds of the slowest question, median of several, and which it is."""
    found: list[tuple[float, str]] = []
    with closing(connect(url, base)) as db:
        for level in LEVELS:
            for values in (*_FILTERS, *_somebody(db)):
                times = [_asked(db, level, StudyFilter(**values)) for _ in range(_TIMES)]
                found.append(
                    (
                        statistics.median(times),
                        f"{level} by {next(iter(values), 'nothing')} {next(iter(values.values()), '')}",
                    )
                )
    return max(found)


def _somebody(db: Database) -> list[dict[str, Any]]:
    """Filters by one patient and by one study."""
    newest = Study.select(Patient.pseudonym, Study.study_instance_uid).join(Patient).order_by(Study.id.desc()).limit(1)
    pseudonym, uid = newest.tuples().execute(db)[0]
    return [{"patient": pseudonym}, {"study_uid": uid}]


def _asked(db: Database, level: str, wanted: StudyFilter) -> float:
    began = time.perf_counter()
    list(find(db, level, wanted, _LIMIT))
    return (time.perf_counter() - began) * 1000


def _command(hub: Hub) -> float:
    argv = (
        "hub",
        "find",
        "studies",
        "--label",
        "certain",
        "--limit",
        _LIMIT,
        "--format",
        "csv",
        "--config",
        hub.config,
    )
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        fidac(*argv)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _on_postgresql(base: Path, size: int) -> tuple[float | None, str]:
    if not (peers.have_postgresql() and find_spec("psycopg2")):
        return None, "the server or psycopg2 is not installed"
    with peers.postgresql() as url:
        with closing(connect(url, base)) as db:
            prepare(db)
        _fill(url, base, size)
        return _find(url, base)
