"""A hospital takes a patient back, and the hub a study: nothing answers with either, and nothing brings them back."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Site, fidac
from tests.support import wait_until

SMALL = {"slices": 3, "rows": 64, "columns": 64}


def test_what_is_withdrawn_at_the_site_by_a_signed_file_and_at_the_hub_by_hand_is_gone_and_stays_so(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    first, second = (write_series(tmp_path / str(seed), seed=seed, **SMALL) for seed in (1, 2))
    for path in second:
        other = pydicom.dcmread(path)
        other.PatientID = "ANOTHER-1"
        other.save_as(path)
    fidac("site", "import", *first, *second, "--config", site.config)
    site.wait_for(committed=6)
    patient = str(pydicom.dcmread(first[0]).PatientID)
    file, key = tmp_path / "for-the-hub.json", tmp_path / "site.key"
    why = ("--reason", "consent was withdrawn")
    fidac("site", "withdraw", "--patient-id", patient, *why, "--confirm", "--to", file, "--config", site.config)
    take = ("hub", "withdraw", "--from", file, "--config", hub.config)
    assert "no key of site" in fidac(*take, check=False).stderr
    key.write_text(fidac("site", "key", "show", "--config", site.config).stdout)
    fidac("hub", "site", "key", site.site_id, key, "--config", hub.config)
    statement = json.loads(file.read_text())
    altered = tmp_path / "altered.json"
    altered.write_text(json.dumps({**statement, "statement": statement["statement"].replace("consent", "contempt")}))
    refused = fidac("hub", "withdraw", "--from", altered, "--confirm", "--config", hub.config, check=False)
    assert refused.returncode == 2 and "signature is not that of this site" in refused.stderr
    assert "nothing was changed" in fidac(*take).stdout and len(hub.find()) == 6
    fidac(*take, "--confirm")
    assert len(hub.find()) == len(hub.files()) == 3
    # The PACS sends all of it again, and a slice that was not there before.
    more = write_series(tmp_path / "more", seed=1, **{**SMALL, "slices": 4})
    fidac("site", "import", *more, "--config", site.config)
    wait_until(lambda: not site.waiting_files(), 60)
    assert len(hub.find()) == 3 and site.status()["discarded"] >= 1
    # The hub withdraws the other study by itself; the site, which still keeps it, sends it again.
    (study,) = hub.find("studies")
    by_hand = ("hub", "withdraw", "--study", study["StudyInstanceUID"], "--config", hub.config)
    assert len(json.loads(fidac(*by_hand, "--json").stdout)["studies"]) == 1 and len(hub.find()) == 3
    fidac(*by_hand, "--confirm", *why)
    assert hub.find() == []
    asked = json.loads(fidac("site", "verify", "--json", "--config", site.config).stdout)
    assert {one["why"] for one in asked["missing"]} == {"it was withdrawn at the hub, which takes it no more"}
    fidac("site", "queue", "retry", "--committed", "--all", "--config", site.config)
    site.wait_for(refused=3, outgoing=0, sent=0)
    assert site.status()["reasons"] == {"withdrawn": 3}
    assert (hub.find(), hub.files(), hub.status()["held"]) == ([], {}, 0)
    fidac("site", "queue", "drop", "--reason", "withdrawn", "--yes", "--config", site.config)
    assert site.status()["refused"] == 0
