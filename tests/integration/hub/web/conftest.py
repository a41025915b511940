"""A hub's web server on a real socket, over an index and an archive with a few objects of two sites."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from peewee import Database
from pydicom.dataset import Dataset
from starlette.responses import Response

from fidac_node.dicom.part10 import meta_in
from fidac_node.dicom.uids import CT_CLASSES, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.dicom.uids import DEFLATED_EXPLICIT_VR_LE as DEFLATED
from fidac_node.hub.archive import Archive, Place
from fidac_node.hub.examination import Examination, Prove
from fidac_node.hub.filing import CommitmentCheck, Filer
from fidac_node.hub.index import Registry, add_site, prepare
from fidac_node.hub.index.record import describe, record
from fidac_node.hub.index.tokens import add_token
from fidac_node.hub.index.users import add_account, begin_session, named
from fidac_node.hub.intake import Intake
from fidac_node.hub.web.listening import STAGE, Rooms, Settings, listen
from fidac_node.hub.web.people.visits import Visit, Visits
from fidac_node.hub.web.server import serve
from fidac_node.operations.setup import init_hub
from fidac_node.operations.uses import hub_uses
from fidac_node.receive.check import Identity, PlainHandles, entry_for
from fidac_node.spool.draft import Draft
from fidac_node.spool.queue import Spool
from fidac_node.system import passwords
from fidac_node.system.database import connect
from tests.hub_objects import data_set, encoded


@dataclass
class WebHub:
    db: Database
    archive: Archive
    rooms: Rooms
    url: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def file(self, *objects: Dataset, site: str = "LILLE", syntax: str = EXPLICIT_VR_LE) -> list[Path]:
        """Put objects into the archive and the index, as filing does."""
        paths = []
        for ds in objects:
            place = Place(site, ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID)
            path = self.archive.path(place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_deflated(encoded(ds, syntax)) if syntax == DEFLATED else encoded(ds, syntax))
            paths.append(path)
        record(self.db, [describe(path, site) for path in paths])
        return paths

    def keep(self, *paths: Path) -> None:
        """Keep beside these files what filing keeps: what they are, and what they say."""
        places = [Place(*path.with_suffix("").parts[-4:]) for path in paths]
        filed = {place: self.archive.measured(place) for place in places}
        self.archive.note(filed)
        self.archive.describe({place: one.digest for place, one in filed.items()}, limit=1 << 30)

    def token(self, *scopes: str, programme: str = "") -> str:
        return add_token(self.db, f"test{next(self._numbers)}", scopes or ("read:index", "read:images"), programme, 1)

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/dicom-web")

    def person(self, role: str, site: str = "", programme: str = "", scheme: str = "http") -> httpx.Client:
        """A browser of which somebody in this role is signed in; ``client.headers`` have the token of its forms."""
        name = f"{role}{next(self._numbers)}"
        add_account(self.db, name, role, site, programme)
        token = begin_session(self.db, named(self.db, name).id)
        visits, scope = Visits(self.rooms.secret), {"scheme": scheme}
        kept = Response()
        visits.keep(scope, kept, token)
        headers = {"Cookie": kept.headers["set-cookie"].partition(";")[0]}
        headers |= {"X-CSRF-Token": visits.form_token(Visit(token, is_new=False))}
        return httpx.Client(base_url=self.origin, headers=headers, timeout=30, verify=False)  # nor reads certificates

    def client(self, token: str | None = None, **headers: str) -> httpx.Client:
        if token != "":
            headers["Authorization"] = f"Bearer {token or self.token()}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def get(self, path: str, token: str | None = None, headers: dict[str, str] | None = None, **query: Any) -> Any:
        with self.client(token, **(headers or {})) as client:
            return client.get(path, params=query or None)


def _deflated(content: bytes) -> bytes:
    offset = meta_in(content)[1]
    return content[:offset] + zlib.compress(content[offset:], wbits=-zlib.MAX_WBITS)


@contextmanager
def serving(hub: WebHub, **changes: Any) -> Iterator[WebHub]:
    settings = Settings(**{**_DEFAULTS, **changes})
    sock = listen(settings)[STAGE]
    host, port = sock.getsockname()[:2]
    stop, ready = hub.stop, threading.Event()
    thread = threading.Thread(target=serve, args=(settings, hub.rooms, sock, stop, ready.set))
    thread.start()
    assert ready.wait(30)
    scheme = "https" if settings.tls_certificate else "http"
    hub.url = f"{scheme}://{host}:{port}/dicom-web"
    try:
        yield hub
    finally:
        stop.set()
        thread.join(30)
        sock.close()


_DEFAULTS: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 0,
    "open_on_loopback": False,
    "proxies": (),
    "tls_certificate": None,
    "tls_key": None,
    "tls_ca": None,
}


def _unproven(_path: Path, _site: str, _code: str) -> None:
    """Where nothing is uploaded."""
    raise AssertionError


def _accept(spool: Spool, draft: Draft, identity: Identity, digest: bytes) -> None:
    entry = entry_for(identity, digest, PlainHandles())
    draft.finish(str(entry))
    spool.put(draft, entry)


def bare(db: Database, tmp_path: Path, proof: Callable[[], Prove] = lambda: _unproven) -> WebHub:
    """A hub of two sites, and nothing in it; ``proof`` makes what proves what is uploaded."""
    prepare(db)
    add_site(db, "LILLE", "LILLE_NODE")
    add_site(db, "PARIS", "PARIS_NODE")
    archive = Archive(tmp_path / "archive")
    spool = Spool(tmp_path / "inbox")
    intake = Intake(
        spool,
        partial(_accept, spool),
        lambda _share: "",
        Registry(db).title_of,
        called="FIDACHUB",
        sop_classes=CT_CLASSES,
        transfer_syntaxes=[EXPLICIT_VR_LE, IMPLICIT_VR_LE],
        limit=1 << 30,
    )
    registry, handle = Registry(db), PlainHandles().instance_handle
    examine = Examination(registry, (), 1 << 30, proof)
    commit = CommitmentCheck(spool, archive, db, registry, handle, patience=5.0)
    # Pages run operations, which find the same rooms by settings.
    config = init_hub(tmp_path, {"spool": {"directory": str(tmp_path)}})
    trail, secret = hub_uses(config), b"x" * 32
    rooms = Rooms(db, archive, trail, intake, tmp_path, 1 << 30, examine, commit, secret, config=config)
    return WebHub(db, archive, rooms)


def filled(db: Database, tmp_path: Path) -> WebHub:
    hub = bare(db, tmp_path)
    hub.file(
        *(
            data_set(1, 1, 1, number, ContrastBolusAgent="IODINE", StudyTime="103000", SeriesNumber=2)
            for number in range(1, 6)
        ),
        *(data_set(1, 1, 2, number, ConvolutionKernel=["Br64d", "3"], SliceThickness="5") for number in (1, 2)),
        data_set(1, 2, 1, 1, StudyDate="20050607", Modality="SR", label="POSSIBLE"),
    )
    hub.file(
        data_set(2, site="PARIS", PatientSex="M", StudyDate="20101112", Manufacturer="Médical", lost=["KVP"]),
        data_set(3, site="PARIS", ClinicalTrialProtocolID="OTHER", StudyDate=None, ConvolutionKernel=None),
        site="PARIS",
    )
    return hub


_CHEAP: dict[str, Any] = {"time_cost": 1, "memory_cost": 64, "parallelism": 1}
_OF_NONE = PasswordHasher(**_CHEAP).hash("what nobody knows")


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real argon2, of a memory that leaves the other tests their time."""
    monkeypatch.setattr(passwords, "COST", _CHEAP)
    monkeypatch.setattr(passwords, "_OF_NONE", _OF_NONE)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebHub]:
    """On SQLite, for tests that change nothing but tokens."""
    directory = tmp_path_factory.mktemp("web")
    db = connect("sqlite:///index.db", directory)
    with serving(filled(db, directory)) as hub:
        yield hub
    db.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[WebHub]:
    """On SQLite, for a test that changes what is there."""
    db = connect("sqlite:///index.db", tmp_path)
    with serving(filled(db, tmp_path)) as hub:
        yield hub
    db.close()


@pytest.fixture
def either(empty: Database, tmp_path: Path) -> Iterator[WebHub]:
    """On each database."""
    with serving(filled(empty, tmp_path)) as hub:
        yield hub


@pytest.fixture
def filing(tmp_path: Path) -> Iterator[WebHub]:
    """A hub whose filer runs."""
    db, again = connect("sqlite:///index.db", tmp_path), connect("sqlite:///index.db", tmp_path)
    stop = threading.Event()
    with serving(filled(db, tmp_path)) as hub:
        spool = hub.rooms.intake.spool
        filer = Filer(spool, hub.archive, again, Registry(again))
        thread = threading.Thread(target=filer.run, args=(stop,))
        thread.start()
        yield hub
        stop.set()
        spool.notify()
        thread.join(10)
    db.close()
