"""What a browser sends: objects that the engine made, and the calls by which they are brought."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.proof import Prover
from fidac_node.deidentify.rewrite.pseudonym import check_value
from fidac_node.deidentify.source import Sources
from fidac_node.dicom import part10
from fidac_node.dicom.uids import EXPLICIT_VR_LE
from fidac_node.hub.filing import Filer
from fidac_node.hub.index import Registry
from fidac_node.hub.recipes import difference_by
from fidac_node.system.database import connect
from tests.hub_objects import put_bytes
from tests.integration.hub.web.conftest import WebHub, bare, serving
from tests.unit.deidentify import build

PLAN = load_plan("fidac-chest-ct")
CHECK = check_value(build.KEY)
DICOM = "application/dicom"


@cache
def _engine(key: bytes, site: str, programme: str) -> Deidentifier:
    return Deidentifier(PLAN, Pseudonymiser(key, programme, site), site, programme)


def made(
    directory: Path,
    number: int = 1,
    *,
    label: str = "certain",
    source: str = "portal",
    site: str = "LILLE",
    programme: str = "FIDAC",
    key: bytes = build.KEY,
    syntax: str = EXPLICIT_VR_LE,
    **values: Any,
) -> bytes:
    """What the engine makes of the image ``number`` of a study, as a browser would send it."""
    path = build.write(
        directory / "original.dcm", build.ct(SOPInstanceUID=f"{build.ROOT}.3.{number}", **values), syntax
    )
    target = io.BytesIO()
    _engine(key, site, programme).deidentify(path, target, label=label, label_source=source, limit=build.LIMIT)
    return target.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def stored(hub: WebHub, content: bytes) -> None:
    """Let the hub's receiver have taken what a node sent."""
    meta, offset = part10.meta_in(content)
    named = meta._replace(source_ae="LILLE_NODE", receiving_ae="FIDACHUB")
    put_bytes(hub.rooms.intake.spool, part10.encode_meta(named) + content[offset:])


class Browser:
    """A person's browser that uploads for a site."""

    def __init__(self, hub: WebHub, site: str = "LILLE", programme: str = "FIDAC", check: str = CHECK) -> None:
        self.client = hub.person("contributor", site)
        self.client.base_url = f"{hub.origin}/upload"  # type: ignore[assignment]
        self.site, self.programme, self.check = site, programme, check
        self.session = ""

    def __enter__(self) -> Browser:
        answer = self.begin()
        assert answer.status_code == 201, answer.text
        self.session = answer.json()["session"]
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def begin(self, **changes: Any) -> httpx.Response:
        said = {"site": self.site, "programme": self.programme, "check_value": self.check, "user_agent": "a test"}
        return self.client.post("/sessions", json={**said, "assets": "ab" * 32, **changes})

    def put(self, content: bytes, name: str = "", **headers: str) -> httpx.Response:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        said = {"Content-Type": DICOM, "Content-Digest": f"sha-256=:{digest}:", **headers}
        path = f"/sessions/{self.session}/objects/{name or sha256(content)}"
        return self.client.put(path, content=content, headers={key: value for key, value in said.items() if value})

    def missing(self, *digests: str) -> Any:
        return self.client.post(f"/sessions/{self.session}/missing", json=list(digests)).json()

    def complete(self, *contents: bytes, **more: Any) -> httpx.Response:
        said = {"objects": [sha256(one) for one in contents], **more}
        return self.client.post(f"/sessions/{self.session}/complete", json=said)


def proof() -> Callable[[Path, str, str], None]:
    """As a hub proves that objects went through the profile, with the one plan that it knows."""
    prover, sources = Prover(lambda digest, _profile: PLAN if digest == PLAN.digest else None), Sources()

    def prove(path: Path, site: str, code: str) -> None:
        with sources.open(path, build.LIMIT, agreed=True) as source:
            prover.prove(source, site, code)

    return prove


@contextmanager
def uploading(directory: Path, *, files: bool = True, **changes: Any) -> Iterator[WebHub]:
    """A hub whose web server runs and, if it ``files``, its filer."""
    db, again = connect("sqlite:///index.db", directory), connect("sqlite:///index.db", directory)
    stop = threading.Event()
    with serving(bare(db, directory, proof), **changes) as hub:
        if not files:
            yield hub
            db.close()
            return
        spool = hub.rooms.intake.spool
        difference = difference_by(build.LIMIT)
        filer = Filer(spool, hub.archive, again, Registry(again), prove=proof(), difference=difference)
        thread = threading.Thread(target=filer.run, args=(stop,))
        thread.start()
        try:
            yield hub
        finally:
            stop.set()
            spool.notify()
            thread.join(10)
            db.close()
