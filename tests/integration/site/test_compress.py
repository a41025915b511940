"""Compression on the way from the worker to the hub's archive.

Smaller, the same pixels, filed once in whatever encoding it comes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels import pixel_array
from pynetdicom import AE

from fidac_node.dicom.lossless import METHODS
from fidac_node.dicom.uids import CT_CLASSES, EXPLICIT_VR_LE, TRANSFER_SYNTAXES, VERIFICATION
from fidac_node.doctor import Finding, examine
from fidac_node.hub.archive import Archive, Place
from fidac_node.phantom import write_series
from fidac_node.site.compress import Compressor
from fidac_node.site.ledger import Ledger
from fidac_node.spool.entry import Entry
from tests.integration.site.test_worker import Bench
from tests.scenario.network import Hub, Site, fidac
from tests.support import wait_until
from tests.unit.site.test_compress import decoded, image, pixels, squeezed

NAMES = sorted(METHODS)
SLICE = {"Rows": 24, "Columns": 24, "PixelData": pixels()}


def outgoing(bench: Bench, entry: Entry) -> Path:
    assert bench.state(entry) == "outbox"
    return bench.outbox.path(entry)


def test_what_leaves_is_compressed_and_the_ledger_knows_both_sizes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.worker._compressor = Compressor("jpeg-ls")
    entry = bench.take(**SLICE)
    received = bench.inbox.path(entry).stat().st_size
    bench.ledger.note(entry, "ready", bytes=received)
    bench.work()
    path = outgoing(bench, entry)
    assert dcmread(path).file_meta.TransferSyntaxUID == METHODS["jpeg-ls"].transfer_syntax_uid
    assert decoded(path) == pixels()
    assert list((bench.outbox.directory / "tmp").iterdir()) == []
    bench.ledger.note(entry, "sent")
    bench.ledger.flush()
    (row,) = bench.ledger.sent()
    assert row == {
        "transfer_syntax_uid": METHODS["jpeg-ls"].transfer_syntax_uid,
        "objects": 1,
        "bytes_received": received,
        "bytes_sent": path.stat().st_size,
    }


def test_what_cannot_be_compressed_leaves_as_it_is_and_is_never_held(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.worker._compressor = Compressor("htj2k")
    entry = bench.take(**{**SLICE, "PixelData": pixels() + bytes(8), "BitsStored": 16, "HighBit": 15})
    noise = bench.take(
        **{
            **SLICE,
            "SOPInstanceUID": "1.2.3.9",
            "PixelData": np.random.default_rng(1).bytes(1152),
            "BitsStored": 16,
            "HighBit": 15,
        }
    )
    bench.work()
    syntaxes = [str(dcmread(outgoing(bench, one)).file_meta.TransferSyntaxUID) for one in (entry, noise)]
    assert syntaxes == [METHODS["htj2k"].transfer_syntax_uid, EXPLICIT_VR_LE], (
        "the engine cuts what is too long, noise would grow"
    )


def test_a_repeat_after_a_crash_sends_one_encoding_also_when_the_option_was_changed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    entry = bench.take(**SLICE)
    content = bench.inbox.path(entry).read_bytes()
    bench.work()
    first = outgoing(bench, entry).read_bytes()
    with bench.inbox.create() as draft:  # the original was not removed before the crash
        draft.file.write(content)
        bench.inbox.put(draft, entry)
    bench.worker._compressor = Compressor("jpeg-ls")
    bench.work()
    assert (
        outgoing(bench, entry).read_bytes() == first and bench.inbox.entries("new") == bench.inbox.entries("held") == []
    )


def test_the_archive_files_one_object_once_in_whatever_lossless_encoding_it_comes(tmp_path: Path) -> None:
    archive, place = Archive(tmp_path / "archive"), Place("S1", "1.2", "1.3", "1.4")
    native = image(tmp_path / "native.dcm")
    encodings = [native, *(squeezed(name, native) for name in NAMES)]
    assert [archive.put_if_absent(path, place) for path in encodings] == ["new", "same", "same"]
    assert archive.path(place).read_bytes() == native.read_bytes()
    other = squeezed("jpeg-ls", image(tmp_path / "other.dcm", InstanceNumber="8"))
    assert archive.put_if_absent(other, place) == "conflict"


def test_a_ledger_of_an_earlier_version_gets_the_columns_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        for name in ("sent_bytes", "sent_syntax", "normalised", "lost"):
            db.execute(f"ALTER TABLE object DROP COLUMN {name}")
    db.close()
    reader = Ledger(path, read_only=True)
    assert (reader.sent(), reader.told()) == ([], {"normalised": 0, "lost": 0})
    reader.close()
    entry = Entry("a" * 12, "b" * 16, "c" * 16)
    for number in range(2):
        ledger = Ledger(path)
        ledger.note(entry, "sent", bytes=100, sent_bytes=40, sent_syntax="1.2")
        ledger.close()
        assert number or Ledger(path, read_only=True).sent()[0]["bytes_sent"] == 40


# --- doctor


@pytest.fixture
def findings(tmp_path: Path) -> Iterator[Callable[[list[str]], list[Finding]]]:
    """Return a function that says what doctor finds where the hub takes CT in these transfer syntaxes."""
    ae = AE("FIDACHUB")

    def find(syntaxes: list[str]) -> list[Finding]:
        for sop_class in CT_CLASSES:
            ae.add_supported_context(sop_class, syntaxes)
        ae.add_supported_context(VERIFICATION)
        server = ae.start_server(("127.0.0.1", 0), block=False)
        assert server is not None
        site = Site(tmp_path / "site", server.server_address[1])
        site.set("send", compression="jpeg-ls")
        return [finding for finding in examine(site.config) if finding.check == "compression"]

    yield find
    ae.shutdown()


def test_doctor_says_that_compression_can_be_used(findings: Callable[[list[str]], list[Finding]]) -> None:
    assert [finding.ok for finding in findings(list(TRANSFER_SYNTAXES))] == [True]


def test_doctor_says_what_to_do_when_the_hub_does_not_take_it(findings: Callable[[list[str]], list[Finding]]) -> None:
    able, *faults = findings([EXPLICIT_VR_LE])
    assert able.ok and len(faults) == len(CT_CLASSES)
    assert (
        "does not accept CT Image Storage in JPEG-LS Lossless" in faults[0].message
        and 'compression = "none"' in faults[0].remedy
    )


# --- the whole way


@pytest.fixture
def network(tmp_path: Path) -> Iterator[tuple[Hub, Site]]:
    hub = Hub(tmp_path / "hub")
    hub.add_site("CHU-TEST", "FIDACNODE")
    site = Site(tmp_path / "site", hub.port)
    yield hub, site
    for daemon in (site, hub):
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


def by_number(paths: list[Path]) -> dict[int, Path]:
    return {int(dcmread(path, stop_before_pixels=True).InstanceNumber): path for path in paths}


def test_a_series_arrives_smaller_with_every_pixel_and_again_in_another_encoding_is_filed_once(
    tmp_path: Path, network: tuple[Hub, Site]
) -> None:
    hub, site = network
    originals = write_series(tmp_path / "pacs", slices=4, rows=128, columns=128)
    site.set("send", compression="jpeg-ls")
    hub.start()
    site.start()
    fidac("site", "import", *originals, "--config", site.config)
    site.wait_for(committed=4)
    archived = by_number(sorted((hub.directory / "archive").rglob("*.dcm")))
    for number, path in by_number(originals).items():
        assert np.array_equal(pixel_array(archived[number]), pixel_array(path))
        assert archived[number].stat().st_size < path.stat().st_size
    assert {row["TransferSyntaxUID"] for row in hub.find()} == {METHODS["jpeg-ls"].transfer_syntax_uid}
    copies = list((site.directory / "spool" / "outbox" / "committed").glob("*.dcm"))
    size = sum(copy.stat().st_size for copy in copies)
    wait_until(lambda: site.status()["wire"]["bytes_sent"] == size)  # rows may lag
    wire: dict[str, Any] = site.status()["wire"]
    assert size < wire["bytes_received"]
    assert wire["ratio"] == round(wire["bytes_received"] / wire["bytes_sent"], 3) > 1
    assert "as JPEG-LS Lossless: 4 objects" in fidac("site", "status", "--config", site.config).stdout
    before = hub.files()
    site.stop()
    for copy in copies:
        copy.unlink()  # as the purge does
    site.set("send", compression="none")
    site.start()
    fidac("site", "import", *originals, "--config", site.config)
    site.wait_for(committed=4, ready=0, outgoing=0, sent=0)
    assert [str(dcmread(copy).file_meta.TransferSyntaxUID) for copy in copies] == [EXPLICIT_VR_LE] * 4, (
        "they were sent again, as they are"
    )
    assert site.waiting_files() == [] and hub.files() == before
    assert (hub.status()["conflicts"], hub.status()["held"]) == (0, 0)
