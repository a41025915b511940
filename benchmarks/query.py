"""Asking and retrieving in DICOM: C-FIND of a large index, C-GET and C-MOVE of a series beside Orthanc, and memory."""

from __future__ import annotations

import datetime
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from peewee import Database
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from benchmarks import peers
from benchmarks.node import HUB_AE, SITE_AE, Hub, Site, fidac, wait_until
from benchmarks.rows import fill
from benchmarks.send import staged
from benchmarks.setting import Setting, count, empty, settled
from benchmarks.table import Row, against, in_turns
from fidac_node.dicom.uids import EXPLICIT_VR_LE, STUDY_ROOT_FIND
from fidac_node.hub.index import prepare
from fidac_node.hub.index.models import Patient, Series, Study
from fidac_node.phantom import write_enhanced
from fidac_node.send.upper_layer import Association, Destination, encode_command
from fidac_node.system.database import connect

_SIZE: Final = 1_000_000
_QUICK: Final = 10_000
_MATCHES: Final = 1000
_CLIENT: Final = "VIEWER"
_OURS: Final = "ours"
_PEER: Final = "Orthanc"
_FIRST_MS, _ALL_MS, _P95_MS, _MOST_MIB = 50.0, 1000.0, 100.0, 200.0
_PENDING: Final = (0xFF00, 0xFF01)
_FRAMES: Final = 2048
_MANY: Final = 100_000
_NOTE: Final = (
    "study level by date range and modality over the wire, from the request to the first and to the thousandth match, "
    "the record of acts written and synced before"
)
_GET_NOTE: Final = "slices a second from the start of DCMTK's program to its end, the same files from both"


class Times(NamedTuple):
    """Milliseconds from a request to its first match and to its end, and how many matches came."""

    first: float
    last: float
    matches: int


class Asker:
    """A client that asks by C-FIND; what it does itself costs next to nothing."""

    def __init__(self, hub: Hub) -> None:
        destination = Destination(HUB_AE, "127.0.0.1", hub.port, _CLIENT)
        self._association = Association.request(destination, [(STUDY_ROOT_FIND, [EXPLICIT_VR_LE])])

    def ask(self, level: str, most: int = 0, **keys: Any) -> Times:
        """Ask; after ``most`` matches (0: never) call it off."""
        context = self._association.context(STUDY_ROOT_FIND)
        assert context is not None
        command = encode_command([(0x0002, STUDY_ROOT_FIND), (0x0100, 0x0020), (0x0110, 1), (0x0700, 0), (0x0800, 1)])
        identifier = _identifier(level, keys)
        began, first, matches = time.perf_counter(), 0.0, 0
        self._association.send(context, command, BytesIO(identifier), len(identifier))
        while (answer := self._association.receive(120)) and answer.number(0x0900) in _PENDING:
            first = first or time.perf_counter() - began
            matches += 1
            if matches == most:
                cancel = encode_command([(0x0100, 0x0FFF), (0x0120, 1), (0x0800, 0x0101)])
                self._association.send(context, cancel)
                break
        ended = time.perf_counter() - began
        while answer and answer.number(0x0900) in _PENDING:
            answer = self._association.receive(120)
        return Times((first or ended) * 1000, ended * 1000, matches)

    def close(self) -> None:
        """Release."""
        self._association.release()


def _identifier(level: str, keys: dict[str, Any]) -> bytes:
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in {"StudyInstanceUID": "", "PatientID": "", **keys}.items():
        setattr(ds, keyword, value)
    return encode(ds, is_implicit_vr=False, is_little_endian=True) or b""


def measure(setting: Setting) -> list[Row]:
    """C-FIND on both databases, C-GET and C-MOVE, memory."""
    if not peers.have("storescu", "storescp", "getscu", "movescu"):
        raise LookupError("DCMTK is not installed, nobody can ask; on Debian: apt-get install dcmtk")
    work = setting.work / "query"
    rows = _find_rows(work / "sqlite", setting, "SQLite", "sqlite:///index.db")
    if peers.have_postgresql() and find_spec("psycopg2"):
        with peers.postgresql() as url:
            with closing(connect(url, work)) as db:
                prepare(db)
            rows += _find_rows(work / "postgresql", setting, "PostgreSQL", url)
    return [*rows, *_retrieve_rows(work, setting), *_memory_rows(work / "memory", setting)]


def _find_rows(directory: Path, setting: Setting, kind: str, url: str) -> list[Row]:
    size = _QUICK if setting.quick else _SIZE
    hub = _hub(directory / "hub", {"index.database": url})
    with closing(connect(url, hub.directory)) as db:
        fill(db, size)
        questions = _mixed(db)
    folders = list(staged(Site(directory / "site", hub.address), setting, 2))
    with hub, closing(Asker(hub)) as asker:
        asker.ask("STUDY", 1)  # what is loaded with the first question is not what a question costs
        ranges = [days(random.Random(run)) for run in range(setting.runs)]
        found = [asker.ask("STUDY", _MATCHES, StudyDate=days, ModalitiesInStudy="CT") for days in ranges]
        with storing(hub, folders):
            mixed = [asker.ask(level, 100, **keys) for level, keys in questions]
    lasts = sorted(times.last for times in mixed)
    title = f"{size:,}, {kind}"
    bounds = (None,) * 3 if setting.quick else (_FIRST_MS, _ALL_MS, _P95_MS)
    return [
        milliseconds(f"C-FIND, first match, {title}", [times.first for times in found], bounds[0], _NOTE),
        milliseconds(f"C-FIND, {found[0].matches:,} matches, {title}", [times.last for times in found], bounds[1]),
        Row(
            f"C-FIND, p95 while two store, {title}",
            "ms",
            lasts[int(len(lasts) * 0.95) - 1],
            most=bounds[2],
            higher=False,
            note=f"{len(lasts)} questions of all levels, to the 100th match or the last",
            runs={"ours": lasts},
        ),
    ]


def days(chance: random.Random) -> str:
    """A range of two years."""
    first = datetime.date(2015, 10, 16) + datetime.timedelta(days=chance.randrange(60))
    return f"{first:%Y%m%d}-{first + datetime.timedelta(days=730):%Y%m%d}"


def _mixed(db: Database) -> list[tuple[str, dict[str, Any]]]:
    """Questions of all levels, by what is rare and by what is common."""
    chance = random.Random(50)
    rows = Series.select(Patient.pseudonym, Study.study_instance_uid, Series.series_instance_uid).join(Study)
    wanted = chance.sample(range(1, Series.select().count(db)), 10)
    known = list(rows.join(Patient).where(Series.id.in_(wanted)).tuples().execute(db))
    questions: list[tuple[str, dict[str, Any]]] = []
    for patient, study, series in known:
        questions += [
            ("STUDY", {"PatientID": patient}),
            ("SERIES", {"StudyInstanceUID": study, "SeriesInstanceUID": "", "Modality": ""}),
            ("IMAGE", {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": ""}),
            ("STUDY", {"StudyDate": days(chance), "ModalitiesInStudy": "CT", "NumberOfStudyRelatedInstances": ""}),
            ("STUDY", {"PatientName": f"{patient[:6]}*", "PatientSex": chance.choice("FM")}),
        ]
    return questions


@contextmanager
def storing(hub: Hub, folders: Sequence[Path]) -> Iterator[None]:
    """Two associations of a site store meanwhile."""
    threads = [threading.Thread(target=peers.storescu, args=([one], hub.port, HUB_AE, SITE_AE)) for one in folders]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def milliseconds(name: str, figures: list[float], most: float | None, note: str = "") -> Row:
    """A row of the median of our figures."""
    return Row(name, "ms", statistics.median(figures), most=most, higher=False, note=note, runs={"ours": figures})


def _hub(directory: Path, options: dict[str, object]) -> Hub:
    hub = Hub(directory, options)
    fidac("hub", "client", "add", _CLIENT, "--config", hub.config)
    return hub


def _retrieve_rows(work: Path, setting: Setting) -> list[Row]:
    """One study of one series, from the hub and from Orthanc: each over the asking association, and to storescp."""
    with ExitStack() as stack:
        storescp = stack.enter_context(peers.Storescp(work / "storescp"))
        to = f"{storescp.ae_title}@127.0.0.1:{storescp.port}"
        hub = _hub(work / "giver", {"query.destinations": [to]})
        (folder,) = staged(Site(work / "site", hub.address), setting, 1)
        study, objects = str(dcmread(next(folder.iterdir())).StudyInstanceUID), count(folder)
        stack.enter_context(hub)
        peers.storescu([folder], hub.port, HUB_AE, SITE_AE)
        wait_until(lambda: hub.indexed() >= objects, "all is indexed")
        givers = {_OURS: (hub.port, HUB_AE)}
        if peers.have("Orthanc"):
            known = {storescp.ae_title: [storescp.ae_title, "127.0.0.1", storescp.port]}
            orthanc = stack.enter_context(peers.Orthanc(work / "orthanc", modalities=known))
            peers.storescu([folder], orthanc.port, orthanc.ae_title)
            givers[_PEER] = (orthanc.port, orthanc.ae_title)

        def get(giver: tuple[int, str], run: int) -> float:
            target = work / "got" / f"{giver[0]}-{run}"
            seconds = settled(partial(timed, partial(peers.getscu, *giver, study, target, _CLIENT)))
            return rate(objects, count(target), seconds, partial(empty, target))

        def move(giver: tuple[int, str], _run: int) -> float:
            seconds = settled(partial(timed, partial(peers.movescu, *giver, study, storescp.ae_title, _CLIENT)))
            return rate(objects, storescp.stored(), seconds, storescp.clear)

        figures = {
            name: in_turns(setting.runs, {who: partial(work, giver) for who, giver in givers.items()})
            for name, work in (("C-GET", get), ("C-MOVE", move))
        }
    return [
        against(f"{name} of {objects} slices", "slices/s", found, _OURS, _PEER, least=1.0, note=_GET_NOTE)
        for name, found in figures.items()
    ]


def timed(work: Callable[[], None]) -> float:
    """The seconds that ``work`` takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def rate(objects: int, came: int, seconds: float, forget: Callable[[], None]) -> float:
    """Objects a second, which are forgotten then. Raises :class:`RuntimeError` when not all came."""
    if came != objects:
        raise RuntimeError(f"{came} of {objects} objects came")
    forget()
    return objects / seconds


def _memory_rows(work: Path, setting: Setting) -> list[Row]:
    """The largest process of a hub that gives one large object out both ways, and one that streams matches."""
    frames, many = (64, 1000) if setting.quick else (_FRAMES, _MANY)
    bound = None if setting.quick else _MOST_MIB
    with ExitStack() as stack:
        storescp = stack.enter_context(peers.Storescp(work / "storescp"))
        hub = _hub(work / "hub", {"query.destinations": [f"{storescp.ae_title}@127.0.0.1:{storescp.port}"]})
        with closing(connect("sqlite:///index.db", hub.directory)) as db:
            fill(db, 1000)
            _multiply(db, many)
        source = work / "large"
        source.mkdir()
        size = write_enhanced(source / "large.dcm", frames=frames).stat().st_size
        site = Site(work / "site", hub.address)
        stack.enter_context(hub)
        with site:
            peers.storescu([source], site.port, SITE_AE)
            site.wait_for("committed", 1)
        large = next(hub.directory.glob("archive/*/*/*/*.dcm"))
        study = large.parents[1].name
        peers.getscu(hub.port, HUB_AE, study, work / "got", _CLIENT)
        peers.movescu(hub.port, HUB_AE, study, storescp.ae_title, _CLIENT)
        rate(2, count(work / "got") + storescp.stored(), 1.0, storescp.clear)
        retrieved = hub.peaks()
        with closing(Asker(hub)) as asker:
            found = asker.ask("STUDY", NumberOfStudyRelatedInstances="", ModalitiesInStudy="").matches
        streamed = hub.peaks()
    return [
        peak(f"peak memory, {size / 2**30:.2g} GiB by C-GET and C-MOVE", retrieved, bound),
        peak(f"peak memory, {found:,} matches", streamed, bound),
    ]


def _multiply(db: Database, studies: int) -> None:
    """Let the index have so many studies more, without series."""
    columns = "site_id, patient_id, date, time, patient_age, age_years, programme, profile_id, label, label_source"
    columns += ", read_from, series, instances, bytes, received_at"
    db.execute_sql(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {studies}) "
        f"INSERT INTO study (study_instance_uid, {columns}) "
        f"SELECT study_instance_uid || '.' || i, {columns} FROM n, study WHERE id = (SELECT MAX(id) FROM study)"
    )


def peak(name: str, peaks: dict[str, int], most: float | None) -> Row:
    """A row of the largest process, with all of them in its note."""
    note = ", ".join(f"{process} {peak / 2**20:.0f}" for process, peak in sorted(peaks.items()))
    return Row(name, "MiB", max(peaks.values()) / 2**20, most=most, higher=False, note=note)
