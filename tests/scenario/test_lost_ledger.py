"""The file is the promise, the row is the index.

What a start makes of a lost ledger, and of files that a power cut brought back.
"""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import pytest

from fidac_node.dicom import part10
from fidac_node.dicom.uids import CT_CLASSES, EXPLICIT_VR_LE
from fidac_node.phantom import write_series
from fidac_node.site import daemon
from fidac_node.site.node import open_site
from fidac_node.spool.entry import Entry
from fidac_node.system.base32 import base32
from tests.faults import damage
from tests.scenario.network import Hub, Site, fidac
from tests.support import wait_until


def test_a_lost_ledger_is_rebuilt_with_states_reasons_and_what_the_files_say(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    files = write_series(tmp_path / "pacs", slices=3, rows=64, columns=64)
    strange = write_series(
        tmp_path / "brain", seed=2, slices=2, rows=64, columns=64, body_part="BRAIN", study_description="TDM cérébrale"
    )
    fidac("site", "import", *files, *strange, "--config", site.config)
    site.start()
    before = site.wait_for(outgoing=3, held=2)
    assert site.stop() == 0
    for file in (site.directory / "spool").glob("ledger.db*"):
        file.unlink()
    site.start()
    after = site.wait_for(outgoing=3, held=2)
    assert after["received"] == before["received"] == 5
    assert after["reasons"] == before["reasons"] == {"out-of-scope": 2}
    hub.start()
    site.wait_for(committed=3, held=2)
    assert len(hub.find()) == 3


def test_an_original_that_a_power_cut_brings_back_after_its_copy_was_made_is_removed_and_not_held(
    tmp_path: Path, site: Site
) -> None:
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=3, rows=64, columns=64), "--config", site.config)
    site.start()
    site.wait_for(outgoing=3)
    assert site.stop() == 0
    spool = site.directory / "spool"
    copies = sorted(path.name for place in ("new", "work/send-0") for path in (spool / "outbox" / place).glob("*.dcm"))
    assert len(copies) == 3
    (spool / "inbox/new" / copies[0]).write_bytes(bytes(9000))  # wiped, and its new name was lost
    (spool / "inbox/new" / copies[1]).write_bytes(b"as it was")
    site.start()
    assert site.wait_for(outgoing=3)["held"] == 0
    assert list((spool / "inbox/new").iterdir()) == []


WAITING = 20_000
START_SECONDS = 5.0  # of the processor: 100,000 may take 5


@pytest.mark.parametrize("rows", ["lost", "there"])
def test_a_site_with_many_waiting_objects_is_put_right_in_a_second_for_each_twenty_thousand(
    tmp_path: Path, rows: str
) -> None:
    config = Site(tmp_path / "site", 1).config
    meta = part10.encode_meta(part10.FileMeta(next(iter(CT_CLASSES)), "1.2.3", EXPLICIT_VR_LE, "PACS", "FIDACNODE"))
    site = open_site(config)
    entries = [_entry(number) for number in range(WAITING)]
    for entry in entries:
        (site.inbox.directory / "new" / f"{entry}.dcm").write_bytes(meta + bytes(100))
    if rows == "there":
        site.ledger.rebuild((entry, "ready") for entry in entries)
    began = time.process_time()
    daemon._recover(site, daemon.STAGES)
    assert time.process_time() - began < START_SECONDS
    assert site.ledger.counts()["ready"] == WAITING
    site.describe(threading.Event())
    assert site.ledger.nameless() == []
    assert site.ledger.rows(limit=1)[0]["calling_ae"] == "PACS"
    site.ledger.close()


def test_what_is_described_later_leaves_a_state_alone_that_has_moved_on(tmp_path: Path) -> None:
    site = open_site(Site(tmp_path / "site", 1).config)
    meta = part10.encode_meta(part10.FileMeta(next(iter(CT_CLASSES)), "1.2.3", EXPLICIT_VR_LE, "PACS", "FIDACNODE"))
    waits, gone, held = (_entry(number) for number in range(3))
    for entry in (waits, gone, held):
        (site.inbox.directory / "new" / f"{entry}.dcm").write_bytes(meta)
    site.inbox.hold(held, "leak", "a name is left", patient="handle")
    site.reconcile()
    assert [row["patient"] for row in site.ledger.rows(reason="leak")] == ["handle"]  # at once: it decides what leaves
    (site.inbox.directory / "new" / f"{gone}.dcm").unlink()
    site.ledger.note(gone, "outgoing")
    site.ledger.flush()
    site.describe(threading.Event())
    rows = {row["entry"]: row for row in site.ledger.rows()}
    assert rows[str(waits)]["calling_ae"] == "PACS" and rows[str(waits)]["state"] == "ready"
    assert rows[str(gone)]["state"] == "outgoing" and rows[str(held)]["message"] == "a name is left"
    site.ledger.close()


def _entry(number: int) -> Entry:
    def handle(text: str, length: int) -> str:
        return base32(hashlib.sha256(text.encode()).digest(), length)

    return Entry(handle(f"study {number // 300}", 12), handle(f"instance {number}", 16), handle(f"bytes {number}", 16))


def test_a_broken_ledger_is_set_aside_at_the_start_and_said_so(tmp_path: Path, hub: Hub, site: Site) -> None:
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=3, rows=64, columns=64), "--config", site.config)
    site.start()
    site.wait_for(outgoing=3)
    assert site.stop() == 0
    damage(site.directory / "spool" / "ledger.db", "object", "first")
    site.start()
    status = site.wait_for(outgoing=3)
    (aside,) = status["ledgers_set_aside"]
    assert (site.directory / "spool" / aside).exists()
    assert "the ledger was broken" in site.log_text()
    text = fidac("site", "status", "--config", site.config, check=False).stdout
    assert f"a broken ledger was set aside as {aside}" in text
    hub.start()
    site.wait_for(committed=3)
    assert len(hub.find()) == 3


def test_a_ledger_that_breaks_while_the_node_runs_is_made_anew_without_anybody(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    files = write_series(tmp_path / "pacs", slices=6, rows=64, columns=64)
    site.start()
    hub.start()
    fidac("site", "import", *files[:3], "--config", site.config)
    site.wait_for(committed=3)
    damage(site.directory / "spool" / "ledger.db", "object", "first", "whose")
    fidac("site", "import", *files[3:], "--config", site.config, check=False)
    wait_until(lambda: list((site.directory / "spool").glob("ledger.db.broken-*")), 60)
    wait_until(lambda: fidac("site", "import", *files[3:], "--config", site.config, check=False).returncode == 0, 60)
    wait_until(lambda: len(hub.find()) == 6, 60)
    wait_until(site.serves, 30)
    status = site.status()
    assert status["held"] == status["refused"] == 0
