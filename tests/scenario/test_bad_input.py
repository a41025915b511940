"""Bad input: a clear answer, nothing lost, and the node goes on."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from fidac_node.phantom import secondary_capture, series, write_series
from tests.scenario.network import Hub, Site, fidac

SMALL = {"rows": 64, "columns": 64}


@pytest.mark.interop("storescu")
def test_what_is_not_a_ct_image_is_held_with_its_reason_and_never_reaches_the_hub(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    site.start()
    capture = tmp_path / "screen.dcm"
    secondary_capture().save_as(capture, enforce_file_format=True)
    assert site.storescu([capture]).returncode == 0
    status = site.wait_for(held=1)
    assert sum(status["reasons"].values()) == 1
    listed = fidac("site", "queue", "list", "--held", "--config", site.config)
    assert listed.stdout.count("held") >= 1
    assert hub.status()["instances"] == 0


@pytest.mark.interop("storescu")
def test_an_object_out_of_scope_waits_until_the_rule_is_widened(tmp_path: Path, hub: Hub, site: Site) -> None:
    hub.start()
    site.start()
    files = write_series(tmp_path / "pacs", slices=4, body_part="BRAIN", study_description="TDM cérébrale", **SMALL)
    assert site.storescu(files).returncode == 0
    assert site.wait_for(held=4)["reasons"] == {"out-of-scope": 4}
    assert site.stop() == 0
    with site.config.open("a") as config:
        config.write(
            '\n[[route.rules]]\nname = "everything"\nwhen = { Modality = "CT" }\ndecision = "accept"\nlabel = "other"\n'
        )
    site.start()
    done = fidac("site", "queue", "retry", "--reason", "out-of-scope", "--config", site.config)
    assert "4 objects" in done.stdout
    site.wait_for(committed=4)
    assert {row["label"] for row in hub.find("instances")} == {"other"}


@pytest.mark.interop("storescu")
def test_the_called_ae_title_labels_a_study(tmp_path: Path, hub: Hub, site: Site) -> None:
    site.config.write_text(site.config.read_text() + '\n[route.labels]\nFIDAC_CERTAIN = "certain"\n')
    hub.start()
    site.start()
    assert site.storescu(write_series(tmp_path / "pacs", slices=3, **SMALL), aec="FIDAC_CERTAIN").returncode == 0
    site.wait_for(committed=3)
    assert [study["label"] for study in hub.find("studies", "--label", "certain")] == ["certain"]


def test_an_object_without_patient_id_is_held_because_nobody_knows_whose_it_is(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    def anonymous(ds: Dataset) -> None:
        ds.PatientID = ""

    _import(tmp_path, site, anonymous)
    site.start()
    assert site.wait_for(held=1)["reasons"] == {"no-patient-id": 1}


@pytest.mark.parametrize("charset", [None, "ISO_IR 999"], ids=["missing", "unknown"])
def test_accents_under_a_missing_or_unknown_character_set_never_leak(
    tmp_path: Path, hub: Hub, site: Site, charset: str | None
) -> None:
    files = write_series(tmp_path / "pacs", slices=1, **SMALL)
    raw = files[0].read_bytes()
    name = "LEFÈVRE^Aurélie".encode("latin-1")
    assert name in raw
    declared = b"ISO_IR 100"
    assert raw.count(declared) >= 1
    files[0].write_bytes(raw.replace(declared, b"          " if charset is None else charset.encode()))
    fidac("site", "import", files[0], "--config", site.config)
    hub.start()
    site.start()
    settled = site.wait_for(ready=0, outgoing=0, sent=0)
    assert settled["held"] + settled["committed"] == 1
    for content in hub.files().values():
        assert b"LEF\xc8VRE" not in content and "LEFÈVRE".encode() not in content and b"8003412765" not in content


def test_an_import_takes_the_good_lists_the_bad_and_survives_a_bomb(tmp_path: Path, hub: Hub, site: Site) -> None:
    media = tmp_path / "media"
    good = write_series(media, slices=5, **SMALL)
    (media / "empty.dcm").touch()
    (media / "letter.txt").write_text("Cher confrère, ...")
    (media / "cut.dcm").write_bytes(good[0].read_bytes()[:3000])
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IM0001.dcm", bytes(256 << 20))
    done = fidac("site", "import", media, bomb, "--config", site.config)
    assert done.returncode == 3
    assert "5 taken" in done.stdout and "4 not taken" in done.stdout
    for name in ("empty.dcm", "letter.txt", "cut.dcm", "bomb.zip"):
        assert name in done.stderr
    hub.start()
    site.start()
    site.wait_for(committed=5)


def test_an_import_of_a_labelled_zip_reaches_the_index_with_its_label(tmp_path: Path, hub: Hub, site: Site) -> None:
    files = write_series(tmp_path / "pacs", slices=3, **SMALL)
    with zipfile.ZipFile(tmp_path / "cd.zip", "w") as archive:
        for file in files:
            archive.write(file, file.name)
    fidac("site", "import", tmp_path / "cd.zip", "--label", "negative", "--config", site.config)
    hub.start()
    site.start()
    site.wait_for(committed=3)
    assert [study["label"] for study in hub.find("studies")] == ["negative"]


def test_a_port_in_use_stops_the_start_with_the_remedy(hub: Hub, site: Site) -> None:
    with socket.create_server(("127.0.0.1", site.port)):
        started = fidac("site", "run", "--config", site.config, check=False)
    assert started.returncode == 2
    assert f"cannot listen on 127.0.0.1:{site.port}" in started.stderr and "set [receive] port" in started.stderr


@pytest.mark.interop("storescu")
def test_a_calling_ae_title_that_the_hub_does_not_know_is_named_in_the_status(
    tmp_path: Path, site: Site, hub: Hub
) -> None:
    site.set("send", ae_title="STRANGER")
    hub.start()
    site.start()
    assert site.storescu(write_series(tmp_path / "pacs", slices=2, **SMALL)).returncode == 0
    site.wait_for(outgoing=2)
    hub.add_site("OTHER", "NOBODY")
    assert "STRANGER" in _hub_error(site)
    assert hub.status()["instances"] == 0


def test_nothing_that_people_read_names_the_patient(tmp_path: Path, hub: Hub, site: Site) -> None:
    original = next(iter(series(slices=1, **SMALL)))
    _import(tmp_path, site, lambda ds: None)
    _import(tmp_path, site, lambda ds: ds.__setattr__("PatientID", ""), name="held.dcm", seed=2)
    hub.start()
    site.start()
    site.wait_for(committed=1, held=1)
    study = site_studies(site)[0]
    shown = [
        site.log_text(),
        hub.log_text(),
        *(
            fidac("site", *command, "--config", site.config).stdout
            for command in (
                ["status"],
                ["status", "--json"],
                ["studies"],
                ["show", study],
                ["queue", "list"],
                ["queue", "list", "--held", "--json"],
            )
        ),
        fidac("hub", "find", "instances", "--config", hub.config).stdout,
    ]
    needles = [
        "LEF", "Aurélie", original.PatientID, original.PatientBirthDate, original.AccessionNumber,
        original.StudyInstanceUID, original.SOPInstanceUID, original.StudyDate,
    ]  # fmt: skip
    for text in shown:
        for needle in needles:
            assert str(needle) not in text
    identified = fidac(
        "site", "show", study, "--identify", "--reason", "asked by a test", "--config", site.config
    ).stdout
    assert original.PatientID in identified or "not in the vault" in identified


def site_studies(site: Site) -> list[str]:
    lines = fidac("site", "studies", "--config", site.config).stdout.splitlines()[1:]
    return [line.split()[0] for line in lines]


def _hub_error(site: Site) -> str:
    from tests.support import wait_until

    return str(wait_until(lambda: site.status()["hub"]["error"], 30))


def _import(tmp_path: Path, site: Site, change: object, name: str = "object.dcm", seed: int = 1) -> None:
    path = write_series(tmp_path / f"made-{name}", seed=seed, slices=1, **SMALL)[0]
    ds = dcmread(path)
    assert callable(change)
    change(ds)
    ds.save_as(tmp_path / name, enforce_file_format=True)
    fidac("site", "import", tmp_path / name, "--config", site.config)
