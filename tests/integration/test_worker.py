"""A worker between real spools: what it enters into the vault before anything leaves, and when it looks at pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from fidac_node.config import Route, SiteConfig, load_site, render
from fidac_node.deidentify import Deidentifier, load_plan
from fidac_node.deidentify.triage import Rules as PixelRules
from fidac_node.keys import begin, create_keys, open_keys
from fidac_node.ledger import Ledger
from fidac_node.receive.check import base32
from fidac_node.route import Rules
from fidac_node.spool import Entry, Spool
from fidac_node.vault import Vault
from fidac_node.worker import Worker
from tests.unit.deidentify import build

SIZE = 256


class Bench:
    """One worker and all it works with."""

    def __init__(self, directory: Path, mode: str = "pseudonymised", rules: tuple[Any, ...] = (), **pixels: Any) -> None:
        self.directory = directory
        path = directory / "site.toml"
        path.write_text(render(SiteConfig, {"site": {"id": "S1"}, "deidentify": {"mode": mode}}), "utf-8")
        (directory / "spool").mkdir()
        self.config = load_site(path)
        create_keys(self.config)
        self.keys = open_keys(self.config)
        begin(self.config, self.keys)
        self.inbox, self.outbox = (Spool(directory / "spool" / name) for name in ("inbox", "outbox"))
        self.ledger = Ledger(directory / "spool" / "ledger.db")
        engine = Deidentifier(load_plan("fidac-chest-ct"), self.keys.patients, "S1", "FIDAC", rules=PixelRules(**pixels))
        self.worker = Worker(
            "w", self.inbox, self.outbox, self.ledger, Rules.from_config(Route(rules=rules)), engine, self.keys, limit=build.LIMIT
        )

    def take(self, **values: Any) -> Entry:
        """Put a CT image into the inbox."""
        path = build.write(self.directory / "in.dcm", build.ct(**values))
        ds = build.ct(**values)
        entry = Entry(
            self.keys.handles.study_handle(ds.StudyInstanceUID),
            self.keys.handles.instance_handle(ds.SOPInstanceUID),
            base32(hashlib.sha256(path.read_bytes()).digest(), 16),
        )
        tmp, fp = self.inbox.create()
        with fp:
            fp.write(path.read_bytes())
        self.inbox.put(tmp, entry)
        return entry

    def work(self) -> None:
        """Process what waits."""
        for entry in self.inbox.claim("w", 10):
            self.worker.process(entry)

    def state(self, entry: Entry) -> str:
        """Where the object is: ``new`` or the reason for which it is held, or ``outbox``."""
        if entry in self.outbox.entries("new"):
            return "outbox"
        return str((self.inbox.reason(entry) or {}).get("code")) if entry in self.inbox.entries("held") else self.inbox.state(entry)

    def studies(self) -> list[str]:
        """The patients in the vault."""
        assert self.keys.vault is not None
        return [study.patient_id for study in self.keys.vault.studies()]


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    return lambda mode="pseudonymised", **options: Bench(tmp_path, mode, **options)


def burned_in(text: str) -> dict[str, Any]:
    """Pixels of a CT image that shows ``text``, as a scanner's annotation: the brightest value, on a grey body."""
    picture = Image.new("L", (SIZE, SIZE))
    font = ImageFont.load_default(size=24)
    if text:
        ImageDraw.Draw(picture).text((12, 20), text, fill=255, font=font)
    body = np.full((SIZE, SIZE), 1000, "<u2")
    body[np.asarray(picture) > 127] = 4000
    return {"Rows": SIZE, "Columns": SIZE, "PixelData": body.tobytes()}


def test_a_study_is_in_the_vault_once_when_its_objects_leave(bench: Callable[..., Bench]) -> None:
    one = bench()
    entries = [one.take(SOPInstanceUID=f"{build.ROOT}.3.{number}") for number in range(3)]
    one.work()
    assert [one.state(entry) for entry in entries] == ["outbox"] * 3
    assert one.studies() == [build.IDENTITY["PatientID"]]


def test_nothing_leaves_as_long_as_the_vault_cannot_be_written(bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    one = bench()
    entry = one.take()
    with monkeypatch.context() as patch:
        patch.setattr(Vault, "_append", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            one.work()
    assert one.outbox.entries("new") == [] and list((one.outbox.directory / "tmp").iterdir()) == []
    one.inbox.unclaim(entry)
    one.work()
    assert (one.state(entry), one.studies()) == ("outbox", [build.IDENTITY["PatientID"]])


def test_in_an_anonymised_programme_nothing_at_the_site_names_the_patient_of_what_left(bench: Callable[..., Bench]) -> None:
    one = bench("anonymised")
    assert one.state(one.take()) == "new"
    (one.directory / "in.dcm").unlink()
    one.work()
    one.ledger.close()
    for file in one.directory.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(value in content for value in (b"IPP8003412765", b"QUENOUILLE", build.ROOT.encode())), file


def test_a_patient_without_an_id_is_held(bench: Callable[..., Bench]) -> None:
    one = bench()
    entries = [one.take(PatientID=patient_id, SOPInstanceUID=f"{build.ROOT}.3.{n}") for n, patient_id in enumerate(["", "  "])]
    one.work()
    assert [one.state(entry) for entry in entries] == ["no-patient-id"] * 2 and one.studies() == []


needs_tesseract = pytest.mark.interop("tesseract")


@needs_tesseract
def test_a_sampled_image_with_text_is_held_and_passes_when_a_person_has_looked(bench: Callable[..., Bench]) -> None:
    one = bench(ocr_sample=1)
    text, plain = one.take(**burned_in("LEFEVRE HELENE")), one.take(SOPInstanceUID=f"{build.ROOT}.3.9", **burned_in(""))
    one.work()
    assert (one.state(text), one.state(plain)) == ("pixel-risk", "outbox")
    assert "text was found" in str((one.inbox.reason(text) or {})["message"])
    one.inbox.release(text)
    one.work()
    assert one.state(text) == "pixel-risk", "tried again, nobody has looked"
    one.inbox.release(text, released=True)
    one.work()
    assert one.state(text) == "outbox"


@needs_tesseract
def test_who_releases_what_was_out_of_scope_has_not_looked_at_the_pixels(bench: Callable[..., Bench]) -> None:
    rule = {"name": "ask", "when": {"Modality": "^CT$"}, "unless": {}, "decision": "hold", "label": ""}
    one = bench(rules=(rule,), ocr_sample=1)
    entry = one.take(**burned_in("LEFEVRE HELENE"))
    one.work()
    assert one.state(entry) == "out-of-scope"
    one.inbox.release(entry, released=True)
    one.work()
    assert one.state(entry) == "pixel-risk"
