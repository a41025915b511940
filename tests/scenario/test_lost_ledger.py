"""The file is the promise, the row is the index: a ledger that is lost is rebuilt from the spool."""

from __future__ import annotations

from pathlib import Path

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Site, fidac


def test_a_lost_ledger_is_rebuilt_with_states_reasons_and_what_the_files_say(tmp_path: Path, hub: Hub, site: Site) -> None:
    files = write_series(tmp_path / "pacs", slices=3, rows=64, columns=64)
    strange = write_series(tmp_path / "brain", seed=2, slices=2, rows=64, columns=64, body_part="BRAIN", study_description="TDM cérébrale")
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
