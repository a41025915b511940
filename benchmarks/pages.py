"""The portal's pages over a large index: to the first byte of a search and of a study, and fifty people who browse."""

from __future__ import annotations

import http.client
import random
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from peewee import Database
from starlette.responses import Response

from benchmarks import peers
from benchmarks.node import Hub, Site, free_port
from benchmarks.query import storing
from benchmarks.rows import fill
from benchmarks.send import staged
from benchmarks.setting import Setting
from benchmarks.table import Row
from fidac_node.hub.index.models import Series, Study
from fidac_node.hub.index.users import add_account, begin_session, named
from fidac_node.hub.web.listening import secret_in
from fidac_node.hub.web.people.visits import Visits
from fidac_node.system.database import connect

_SIZE: Final = 1_000_000
_QUICK: Final = 10_000
_SERIES: Final = 20
_PEOPLE: Final = 50
_SECONDS: Final = 20.0
_THINKS: Final = 3.0  # seconds from a page to the next
_SEARCH_MS, _STUDY_MS, _BROWSE_MS = 200.0, 300.0, 1000.0
_SEARCHES: Final = (
    *("/search", "/search?modality=CT", "/search?level=series&kernel=b*&max-slice-thickness=1", "/search?page=20"),
    *("/search?level=instances", "/search?level=patients", "/search?manufacturer=sie*&label=certain&sort=-StudyDate"),
)


class Visit(NamedTuple):
    """Milliseconds from a request for a page to the first byte of it, and its status."""

    first: float
    status: int


class Browser:
    """Somebody who is signed in, with one connection; pictures are not fetched."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Cookie": cookie, "Accept": "text/html"}

    def open(self, path: str) -> Visit:
        """Ask for a page, and read it."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read(1)
        first = time.perf_counter() - began
        answer.read()
        return Visit(first * 1000, answer.status)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def measure(setting: Setting) -> list[Row]:
    """Search, a study of many series, and many people, over an index of a million instances."""
    if not peers.have("storescu"):
        raise LookupError("DCMTK is not installed, nobody can store; on Debian: apt-get install dcmtk")
    work, port, size = setting.work / "pages", free_port(), _QUICK if setting.quick else _SIZE
    hub = Hub(work / "hub", {"web.port": port})
    with closing(connect("sqlite:///index.db", hub.directory)) as db:
        fill(db, size)
        study, cookie = _large_study(db), _signed_in(db, hub.directory / "spool")
    folders = list(staged(Site(work / "site", hub.address), setting, 2))
    with hub, closing(Browser(port, cookie)) as browser:
        for path in (*_SEARCHES, study):  # what is loaded with the first page is not what a page costs
            browser.open(path)
        searches = [_seen(browser, path) for _ in range(setting.runs) for path in _SEARCHES]
        studies = [_seen(browser, study) for _ in range(5 * setting.runs)]
        with storing(hub, folders):
            browsed = _browse(port, cookie, (*_SEARCHES, study, "/", "/sites"))
    bounds = (None,) * 3 if setting.quick else (_SEARCH_MS, _STUDY_MS, _BROWSE_MS)
    note = f"{len(browsed)} pages, {_THINKS:g} s from one to the next on the average, each by its first byte"
    return [
        _row(
            f"Search page, p95 of the first byte, {size:,}",
            searches,
            bounds[0],
            f"{len(_SEARCHES)} searches of all levels, in turn",
        ),
        _row(f"page of a study of {_SERIES} series, p95 of the first byte, {size:,}", studies, bounds[1]),
        Row(
            f"pages, p95 of {_PEOPLE} people while two store, {size:,}",
            "ms",
            _p95(browsed),
            most=bounds[2],
            higher=False,
            note=note,
            runs={"ours": browsed},
        ),
    ]


def _row(name: str, figures: list[float], most: float | None, note: str = "") -> Row:
    """Of twenty pages the slowest does not count."""
    return Row(name, "ms", _p95(figures), most=most, higher=False, note=note, runs={"ours": figures})


def _p95(figures: list[float]) -> float:
    return sorted(figures)[max(int(len(figures) * 0.95) - 1, 0)]


def _seen(browser: Browser, path: str) -> float:
    visit = browser.open(path)
    if visit.status != 200:
        raise RuntimeError(f"{path}: {visit.status}")
    return visit.first


def _large_study(db: Database) -> str:
    """Give one study the series of some others; return the address of its page."""
    some = [number for (number,) in Series.select(Series.id).order_by(Series.id).limit(_SERIES).tuples().execute(db)]
    of, uid = Study.select(Study.id, Study.study_instance_uid).order_by(Study.id).limit(1).tuples().execute(db)[0]
    Series.update(study=of).where(Series.id.in_(some)).execute(db)
    return f"/studies/{uid}"


def _signed_in(db: Database, spool: Path) -> str:
    """The cookie of an administrator."""
    add_account(db, "bench", "administrator", "", "")
    response = Response()
    Visits(secret_in(spool)).keep({"scheme": "http"}, response, begin_session(db, named(db, "bench").id))
    return response.headers["set-cookie"].partition(";")[0]


def _browse(port: int, cookie: str, paths: tuple[str, ...]) -> list[float]:
    """What each page took of people who look at one after another for :data:`_SECONDS`. Raises for one that failed."""
    taken: list[float] = []
    failed: list[str] = []
    end = time.monotonic() + _SECONDS

    def person(number: int) -> None:
        chance = random.Random(number)
        with closing(Browser(port, cookie)) as browser:
            time.sleep(chance.uniform(0, _THINKS))
            while time.monotonic() < end:
                path = chance.choice(paths)
                visit = browser.open(path)
                taken.append(visit.first)
                failed.extend([f"{path}: {visit.status}"] if visit.status != 200 else [])
                time.sleep(chance.expovariate(1 / _THINKS))

    people = [threading.Thread(target=person, args=(number,)) for number in range(_PEOPLE)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    if failed:
        raise RuntimeError(f"{len(failed)} pages failed, the first {failed[0]}")
    return taken
