"""Committed is watched: a hub of yesterday, and an archive that rots, get from the sites what they lack."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Site, fidac
from tests.support import wait_until


def bring(site: Site, directory: Path, seed: int) -> list[Path]:
    """Have a study of three slices imported."""
    files = write_series(directory, seed=seed, slices=3, rows=64, columns=64)
    fidac("site", "import", *files, "--config", site.config)
    return files


def test_an_index_of_yesterday_gets_all_that_its_sites_still_keep_by_itself(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    bring(site, tmp_path / "first", 1)
    site.wait_for(committed=3)
    hub.stop()
    hub.start()  # which writes down how far the index is; or a minute does
    hub.stop()
    shutil.copytree(hub.directory, tmp_path / "yesterday", ignore=shutil.ignore_patterns("spool"))
    hub.start()
    bring(site, tmp_path / "second", 2)
    site.wait_for(committed=6)
    hub.stop()
    hub.start()
    hub.stop()
    before, files = hub.status()["generation"], hub.files()
    for file in hub.directory.glob("index.db*"):
        file.unlink()
    for file in (tmp_path / "yesterday").glob("index.db*"):
        shutil.copy(file, hub.directory)
    hub.start()
    assert hub.status()["generation"] != before
    bring(site, tmp_path / "third", 3)
    wait_until(lambda: len(hub.find()) == len(hub.files()) == 9, 60)
    site.wait_for(committed=9, sent=0, outgoing=0)
    assert files.items() <= hub.files().items()
    assert (hub.status()["held"], site.status()["refused"]) == (0, 0)


def test_a_hub_that_is_put_back_from_yesterdays_backup_learns_what_it_lost_and_gets_it_again(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    bring(site, tmp_path / "first", 1)
    site.wait_for(committed=3)
    fidac("hub", "backup", tmp_path / "backup", "--config", hub.config)
    bring(site, tmp_path / "second", 2)
    site.wait_for(committed=6)
    files = hub.files()
    hub.stop()
    for part in ("archive", "spool"):
        shutil.rmtree(hub.directory / part)
    for file in hub.directory.glob("index.db*"):
        file.unlink()
    assert "3 objects put back" in fidac("hub", "restore", tmp_path / "backup", "--config", hub.config).stdout
    fidac("site", "committed", "--list", tmp_path / "list", "--config", site.config)
    asked = ("hub", "reconcile", site.site_id, "--list", tmp_path / "list", "--json", "--config", hub.config)
    found = json.loads(fidac(*asked).stdout)
    assert (len(found["missing_at_hub"]), len(found["asked_again"]), found["missing_at_site"]) == (3, 3, [])
    hub.start()
    bring(site, tmp_path / "third", 3)  # or an hour later, by itself
    wait_until(lambda: len(hub.find()) == len(hub.files()) == 9, 60)
    site.wait_for(committed=9, sent=0, outgoing=0)
    assert files.items() <= hub.files().items()
    assert (hub.status()["held"], site.status()["refused"]) == (0, 0)


def test_what_rots_in_the_archive_is_named_by_verify_and_healed_by_retry_or_when_the_pacs_sends_again(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    originals = bring(site, tmp_path / "pacs", 1)
    site.wait_for(committed=3)
    assert fidac("site", "verify", "--config", site.config).returncode == 0
    whole = hub.files()
    archived = sorted((hub.directory / "archive").rglob("*.dcm"))
    archived[0].write_bytes(archived[0].read_bytes()[:3000])
    archived[1].write_bytes(archived[1].read_bytes()[:-9] + b"\xff" * 9)
    asked = fidac("site", "verify", "--json", "--config", site.config)
    found = json.loads(asked.stdout)
    assert (asked.returncode, found["committed"], len(found["missing"])) == (3, 1, 2)
    again = found["missing"][0]["entry"]
    fidac("site", "queue", "retry", "--committed", again, "--config", site.config)
    wait_until(lambda: len(set(hub.files().items()) & set(whole.items())) == 2, 60)
    fidac("site", "import", *originals, "--config", site.config)  # as the PACS would send them again
    wait_until(lambda: hub.files() == whole, 60)
    site.wait_for(committed=3, sent=0, outgoing=0)
    assert fidac("site", "verify", "--config", site.config).returncode == 0
    assert hub.status()["held"] == 0


def test_what_rotted_unnoticed_is_named_by_the_hubs_verify_and_sent_again_by_the_site_that_repair_has_ask(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    bring(site, tmp_path / "first", 1)
    site.wait_for(committed=3)
    whole = hub.files()
    assert fidac("hub", "verify", "--config", hub.config).returncode == 0
    archived = sorted((hub.directory / "archive").rglob("*.dcm"))
    before = archived[0].stat()
    archived[0].write_bytes(archived[0].read_bytes()[:-9] + b"\xff" * 9)
    os.utime(archived[0], ns=(before.st_atime_ns, before.st_mtime_ns))  # as a disk does it
    archived[1].unlink()
    asked = fidac("hub", "verify", "--json", "--repair", "--config", hub.config)
    found = json.loads(asked.stdout)
    assert asked.returncode == 3 and found["files"] == 3 and found["asked_again"] == [site.site_id]
    assert {(one["path"], one["fault"]) for one in found["wrong"]} == {
        (str(archived[0]), "digest"),
        (str(archived[1]), "missing"),
    }
    assert hub.status()["wrong_files"] == 2
    bring(site, tmp_path / "second", 2)  # the site hears of it when it asks for these
    wait_until(lambda: whole.items() <= hub.files().items(), 60)
    site.wait_for(committed=6, sent=0, outgoing=0)
    assert fidac("hub", "verify", "--config", hub.config).returncode == 0
    assert (hub.status()["wrong_files"], hub.status()["held"]) == (0, 0)
