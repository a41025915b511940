"""The file is the promise, the row is the index.

What a start makes of a lost ledger, and of files that a power cut brought back.
"""

from __future__ import annotations

from pathlib import Path

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Site, fidac


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
