"""One patient stays one patient: doubles, follow-up after a restart, another key."""

from __future__ import annotations

import secrets
from datetime import date
from pathlib import Path

import pydicom
import pytest

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Site, fidac
from tests.support import wait_until

SMALL = {"rows": 64, "columns": 64}

pytestmark = pytest.mark.interop("storescu")


def test_the_same_study_sent_twice_is_indexed_once(tmp_path: Path, hub: Hub, site: Site) -> None:
    files = write_series(tmp_path / "pacs", slices=10, **SMALL)
    hub.start()
    site.start()
    assert site.storescu(files).returncode == 0
    site.wait_for(committed=10)
    assert site.storescu(files).returncode == 0
    wait_until(lambda: not site.waiting_files(), 60)
    assert site.stop() == 0
    assert len(hub.find()) == 10
    assert hub.status()["conflicts"] == 0
    status = site.status()
    assert (status["received"], status["committed"]) == (10, 10)


def test_a_follow_up_after_a_restart_keeps_the_pseudonym_and_the_interval_in_days(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    assert site.storescu(write_series(tmp_path / "first", slices=3, **SMALL)).returncode == 0
    site.wait_for(committed=3)
    assert site.stop() == 0
    site.start()
    assert site.storescu(write_series(tmp_path / "second", slices=3, days_later=21, **SMALL)).returncode == 0
    site.wait_for(committed=6)
    studies = hub.find("studies")
    assert len(studies) == 2
    assert len({study["PatientID"] for study in studies}) == 1
    days = sorted(date.fromisoformat(study["StudyDate"]) for study in studies)
    assert (days[1] - days[0]).days == 21
    assert hub.status()["patients"] == 1


def test_a_second_patient_in_a_study_stops_it_and_the_reason_tells_what_the_hub_is_to_withdraw(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    site.config.write_text(site.config.read_text("utf-8").replace('#code = ""', 'code = "K7QWXA"'), "utf-8")
    files = write_series(tmp_path / "pacs", slices=6, **SMALL)
    for path in files[3:]:
        ds = pydicom.dcmread(path)
        ds.PatientID = "8003419999"
        ds.save_as(path)
    hub.start()
    site.start()
    assert site.storescu(files[:3]).returncode == 0
    site.wait_for(committed=3)
    assert site.storescu(files[3:]).returncode == 0
    assert site.wait_for(held=3)["reasons"] == {"two-patients": 3}
    (study,) = hub.find("studies")
    assert study["PatientID"].startswith("K7QWXA-")
    listed = fidac("site", "queue", "list", "--held", "--config", site.config).stdout
    assert (
        listed.count(
            f"3 of them have left: have the operator of the hub withdraw that study {study['StudyInstanceUID']}"
        )
        == 3
    )
    site.stop()
    site.config.write_text(site.config.read_text("utf-8").replace("K7QWXA", "OTHER7"), "utf-8")
    assert "begun with [site] code K7QWXA" in fidac("site", "run", "--config", site.config, check=False).stderr


def test_a_node_whose_key_was_replaced_refuses_to_start_and_says_why(hub: Hub, site: Site) -> None:
    site.start()
    assert site.stop() == 0
    key = site.directory / "secret.key"
    key.write_text(secrets.token_hex(32) + "\n")
    key.chmod(0o600)
    started = fidac("site", "run", "--config", site.config, check=False)
    assert started.returncode == 2
    assert "is not the key this node has used so far" in started.stderr


def test_a_node_whose_key_is_missing_or_readable_by_others_refuses_to_start(hub: Hub, site: Site) -> None:
    key = site.directory / "secret.key"
    key.chmod(0o644)
    started = fidac("site", "run", "--config", site.config, check=False)
    assert started.returncode == 2 and "chmod 600" in started.stderr
    key.unlink()
    started = fidac("site", "run", "--config", site.config, check=False)
    assert started.returncode == 2 and "secret.key" in started.stderr
