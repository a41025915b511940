"""What the PACS corrects: what differs is said, and a corrected version takes the place of the older at both ends."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom

from fidac_node.phantom import write_series
from tests.scenario.network import Hub, Modality, Site, fidac

SLICES = 3


def send(site: Site, files: list[Path]) -> None:
    modality = Modality(site.port, files)
    modality.start()
    modality.join(60)
    assert modality.acknowledged == set(files)


def changed(files: list[Path], folder: Path, **values: object) -> list[Path]:
    folder.mkdir()
    for path in files:
        ds = pydicom.dcmread(path)
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        ds.save_as(folder / path.name)
    return [folder / path.name for path in files]


def test_what_comes_again_is_a_repeat_or_says_what_differs_and_a_correction_is_no_dead_end(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    files = write_series(tmp_path / "pacs", slices=SLICES, rows=64, columns=64)
    send(site, files)
    site.wait_for(committed=SLICES)

    # The same again: with what is blanked anyway, and imported.
    send(site, changed(files, tmp_path / "blanked", InstitutionName="CHU NOUVEAU", OperatorsName="MARTIN"))
    assert "known already" in fidac("site", "import", tmp_path / "pacs", "--config", site.config).stdout
    fidac("site", "import", changed(files, tmp_path / "imported", AccessionNumber="4711")[0].parent, "-c", site.config)
    assert site.wait_for(discarded=2 * SLICES, committed=SLICES)["repeats"] == 2 * SLICES

    # A correction of the PACS: held, and what differs is said by attribute alone.
    send(site, changed(files, tmp_path / "corrected", SliceThickness="4.4", ConvolutionKernel="B31f"))
    site.wait_for(held=SLICES)
    listed = fidac("site", "queue", "list", "--held", "--config", site.config).stdout
    assert listed.count("they differ in SliceThickness, ConvolutionKernel; 'site queue supersede' puts this") == SLICES
    assert "4.4" not in listed and "B31f" not in listed
    entry = listed.split()[0]
    shown = fidac("site", "queue", "show", entry, "--config", site.config).stdout
    assert "they differ in SliceThickness, ConvolutionKernel" in shown

    # What the hub has cannot be dropped here, and what can be done is said.
    study = entry[:12]
    (first, *_) = [
        row["entry"]
        for row in json.loads(fidac("site", "show", study, "--json", "-c", site.config).stdout)["objects"]
        if row["state"] == "committed"
    ]
    refused = fidac("site", "queue", "drop", first, "--yes", "--config", site.config)
    assert refused.returncode == 3 and refused.stdout == "0 objects dropped\n"
    assert f"left alone: {first}: committed, the hub has it" in refused.stderr
    assert f"'site withdraw --study {study}'" in refused.stderr and "'site queue supersede'" in refused.stderr

    # A person decides.
    said = fidac("site", "queue", "supersede", "--study", study, "--config", site.config).stdout
    assert said == "3 objects are to take the place of the versions that came first\n"
    site.wait_for(committed=SLICES, dropped=SLICES, held=0)
    assert {row["SliceThickness"] for row in hub.find("series")} == {4.4}
    assert len(hub.find()) == SLICES and hub.status()["held"] == 0
    journal = fidac("site", "show", study, "--objects", "--config", site.config).stdout
    assert journal.count("stands in its place") == SLICES
    (uid,) = {row["StudyInstanceUID"] for row in hub.find("studies")}
    told = fidac("hub", "show", uid, "--config", hub.config).stdout
    assert "version 2 of 3 instances took the place of the one before, which is kept aside until 20" in told
    older = list((hub.directory / "archive/.superseded").rglob("*.dcm"))
    assert len(older) == SLICES
    assert {str(pydicom.dcmread(path).SliceThickness) for path in older} != {"4.4"}
