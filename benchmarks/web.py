"""Asking and fetching by DICOMweb: QIDO-RS of a large index, WADO-RS of a series beside Orthanc, metadata, memory."""

from __future__ import annotations

import http.client
import random
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from peewee import Database
from pydicom import dcmread

from benchmarks import peers
from benchmarks.node import HUB_AE, SITE_AE, Hub, Site, fidac, free_port, wait_until
from benchmarks.query import days, peak, rate, storing, timed
from benchmarks.rows import fill
from benchmarks.send import staged
from benchmarks.setting import Setting, count, settled
from benchmarks.table import Row, against, in_turns
from fidac_node.hub.index import prepare
from fidac_node.hub.index.models import Patient, Series, Study
from fidac_node.phantom import write_enhanced, write_series
from fidac_node.system.database import connect

PLUGIN: Final = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_SIZE: Final = 1_000_000
_QUICK: Final = 10_000
_MATCHES: Final = 1000
_OURS: Final = "ours"
_PEER: Final = "Orthanc"
_FIRST_MS, _ALL_MS, _P95_MS, _METADATA_MS, _MOST_MIB = 50.0, 1000.0, 100.0, 100.0, 200.0
_LEAST: Final = 3.0
_FRAMES: Final = 2048
_SLICES: Final = 500
_OBJECTS: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_JSON: Final = "application/dicom+json"
_PIECE: Final = 1 << 20
_NOTE: Final = (
    "studies by date range and modality, from the request to the first byte of the answer and to the last of a "
    "thousand matches, the record of acts written and synced before"
)


class Times(NamedTuple):
    """Milliseconds from a request to the first byte of its answer and to the last, and the bytes between."""

    first: float
    last: float
    size: int


class Client:
    """A program with one connection, which reads and forgets."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._buffer = bytearray(_PIECE)

    def get(self, path: str, accept: str = _JSON, **query: object) -> Times:
        """Ask, and read the answer to its end. Raises :class:`RuntimeError` for another status than 200."""
        address = f"/dicom-web{path}" + (f"?{urlencode(query)}" if query else "")
        began = time.perf_counter()
        self._connection.request("GET", address, headers={**self._headers, "Accept": accept})
        answer = self._connection.getresponse()
        size = len(answer.read(1))
        first = time.perf_counter() - began
        while came := answer.readinto(self._buffer):
            size += came
        if answer.status not in (200, 204):
            raise RuntimeError(f"{path}: {answer.status} {answer.reason}")
        return Times(first * 1000, (time.perf_counter() - began) * 1000, size)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def measure(setting: Setting) -> list[Row]:
    """QIDO-RS on both databases, WADO-RS, metadata, memory."""
    if not peers.have("storescu"):
        raise LookupError("DCMTK is not installed, nobody can store; on Debian: apt-get install dcmtk")
    work = setting.work / "web"
    rows = _search_rows(work / "sqlite", setting, "SQLite", "sqlite:///index.db")
    if peers.have_postgresql() and find_spec("psycopg2"):
        with peers.postgresql() as url:
            with closing(connect(url, work)) as db:
                prepare(db)
            rows += _search_rows(work / "postgresql", setting, "PostgreSQL", url)
    return [*rows, _series_row(work / "series", setting), *_other_rows(work / "other", setting)]


def _hub(directory: Path, options: dict[str, object]) -> tuple[Hub, int, str]:
    """A hub that answers by HTTP, its port there, and a token."""
    port = free_port()
    hub = Hub(directory, {**options, "web.port": port})
    scopes = ("--scope", "read:index", "--scope", "read:images")
    return hub, port, fidac("hub", "token", "create", "bench", *scopes, "--config", hub.config).strip()


def _search_rows(directory: Path, setting: Setting, kind: str, url: str) -> list[Row]:
    size = _QUICK if setting.quick else _SIZE
    hub, port, token = _hub(directory / "hub", {"index.database": url})
    with closing(connect(url, hub.directory)) as db:
        fill(db, size)
        questions = _mixed(db)
    folders = list(staged(Site(directory / "site", hub.address), setting, 2))
    with hub, closing(Client(port, token)) as client:
        client.get("/studies", limit=1)  # what is loaded with the first question is not what a question costs
        ranges = [days(random.Random(run)) for run in range(setting.runs)]
        found = [client.get("/studies", StudyDate=one, ModalitiesInStudy="CT", limit=_MATCHES) for one in ranges]
        with storing(hub, folders):
            mixed = sorted(client.get(path, **query).last for path, query in questions)
    title = f"{size:,}, {kind}"
    bounds = (None,) * 3 if setting.quick else (_FIRST_MS, _ALL_MS, _P95_MS)
    return [
        _ms(f"QIDO-RS, first byte, {title}", [times.first for times in found], bounds[0], _NOTE),
        _ms(f"QIDO-RS, {_MATCHES:,} matches, {title}", [times.last for times in found], bounds[1]),
        Row(
            f"QIDO-RS, p95 while two store, {title}",
            "ms",
            mixed[int(len(mixed) * 0.95) - 1],
            most=bounds[2],
            higher=False,
            note=f"{len(mixed)} questions of all levels, at most 100 matches",
            runs={_OURS: mixed},
        ),
    ]


def _mixed(db: Database) -> list[tuple[str, dict[str, object]]]:
    """Questions of all levels, by what is rare and by what is common."""
    chance = random.Random(50)
    rows = Series.select(Patient.pseudonym, Study.study_instance_uid, Series.series_instance_uid).join(Study)
    wanted = chance.sample(range(1, Series.select().count(db)), 10)
    questions: list[tuple[str, dict[str, object]]] = []
    for patient, study, series in rows.join(Patient).where(Series.id.in_(wanted)).tuples().execute(db):
        questions += [
            ("/studies", {"PatientID": patient, "limit": 100}),
            (f"/studies/{study}/series", {"limit": 100}),
            (f"/studies/{study}/series/{series}/instances", {"limit": 100}),
            ("/studies", {"StudyDate": days(chance), "ModalitiesInStudy": "CT", "limit": 100}),
            ("/studies", {"PatientName": f"{patient[:6]}*", "PatientSex": chance.choice("FM"), "limit": 100}),
        ]
    return questions


def _ms(name: str, figures: Sequence[float], most: float | None, note: str = "") -> Row:
    return Row(name, "ms", statistics.median(figures), most=most, higher=False, note=note, runs={_OURS: list(figures)})


def _series_row(work: Path, setting: Setting) -> Row:
    """One series as it is stored, from the hub and from Orthanc with its plugin: both answer the same request."""
    with ExitStack() as stack:
        hub, port, token = _hub(work / "hub", {})
        (folder,) = staged(Site(work / "site", hub.address), setting, 1)
        ds, objects = dcmread(next(folder.iterdir()), stop_before_pixels=True), count(folder)
        stack.enter_context(hub)
        peers.storescu([folder], hub.port, HUB_AE, SITE_AE)
        wait_until(lambda: hub.indexed() >= objects, "all is indexed")
        clients = {_OURS: stack.enter_context(closing(Client(port, token)))}
        if peers.have("Orthanc") and PLUGIN.is_file():
            orthanc = stack.enter_context(peers.Orthanc(work / "orthanc", plugins=[PLUGIN]))
            peers.storescu([folder], orthanc.port, orthanc.ae_title)
            clients[_PEER] = stack.enter_context(closing(Client(orthanc.http)))
        path = f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
        least = sum(file.stat().st_size for file in folder.iterdir()) * 0.9

        def fetch(client: Client, _run: int) -> float:
            sizes: list[int] = []
            seconds = settled(partial(timed, lambda: sizes.append(client.get(path, _OBJECTS).size)))
            return rate(objects, objects if sizes[0] > least else 0, seconds, lambda: None)

        works: dict[str, Any] = {name: partial(fetch, client) for name, client in clients.items()}
        figures = in_turns(setting.runs, works)
    note = "slices a second of one series as multipart/related, as stored, by one connection; the same files from both"
    return against(f"WADO-RS of {objects} slices", "slices/s", figures, _OURS, _PEER, least=_LEAST, note=note)


def _other_rows(work: Path, setting: Setting) -> list[Row]:
    """Metadata of a long series, and the memory that one large object takes."""
    slices, frames = (50, 64) if setting.quick else (_SLICES, _FRAMES)
    bounds = (None, None) if setting.quick else (_METADATA_MS, _MOST_MIB)
    series, source = work / "slices", work / "large"
    write_series(series, slices=slices, rows=64, columns=64)
    source.mkdir(parents=True)
    size = write_enhanced(source / "large.dcm", frames=frames).stat().st_size
    hub, port, token = _hub(work / "hub", {})
    site = Site(work / "site", hub.address)
    with hub, closing(Client(port, token)) as client:
        with site:
            for folder in (series, source):
                peers.storescu([folder], site.port, SITE_AE)
            site.wait_for("committed", slices + 1)
        by_size = sorted(hub.directory.glob("archive/*/*/*/*.dcm"), key=lambda path: path.stat().st_size)
        path = f"/studies/{by_size[0].parents[1].name}/series/{by_size[0].parent.name}/metadata"
        client.get(path)
        warm = [client.get(path) for _ in range(setting.runs)]
        large = by_size[-1]
        client.get(f"/studies/{large.parents[1].name}/series/{large.parent.name}/instances/{large.stem}", _OBJECTS)
        peaks = {name: found for name, found in hub.peaks().items() if name.endswith(" web")}
    note = f"{warm[0].size / 2**20:.1f} MiB of JSON by one connection, to the last byte"
    return [
        _ms(f"metadata of {slices} slices", [times.last for times in warm], bounds[0], note),
        peak(f"peak memory, {size / 2**30:.2g} GiB by WADO-RS", peaks, bounds[1]),
    ]
