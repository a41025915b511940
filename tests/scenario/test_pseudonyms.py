"""Who is who: the vault's commands, the rotation of the secret, and the end of an anonymised programme."""

from __future__ import annotations

import json
import subprocess
from datetime import date
from pathlib import Path

import pytest

from fidac_node.phantom import series, write_series
from tests.scenario.network import FIDAC, Hub, Site, fidac

SMALL = {"rows": 64, "columns": 64}
WHY = ("--reason", "asked by the ethics board")
ORIGINAL = next(iter(series(slices=1, **SMALL)))

pytestmark = pytest.mark.interop("storescu")


def send(site: Site, tmp_path: Path, name: str, committed: int, **how: int) -> None:
    """Send one study of two slices, and stop the node when the hub has it."""
    if site.process is None or site.process.poll() is not None:
        site.start()
    assert site.storescu(write_series(tmp_path / name, slices=2, **SMALL, **how)).returncode == 0
    site.wait_for(committed=committed)
    assert site.stop() == 0


def run(site: Site, *arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [*FIDAC, "site", *map(str, arguments), "--config", str(site.config)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_a_pseudonym_leads_to_the_patient_and_back_and_each_look_is_recorded(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    send(site, tmp_path, "first", 2)
    at_hub = hub.find("studies")[0]
    found = run(site, "pseudonym", "find", "-", *WHY, stdin=f" {ORIGINAL.PatientID}\n")
    assert (found.returncode, found.stdout.split()[0], found.stderr) == (0, at_hub["PatientID"], "")
    warned = run(site, "pseudonym", "find", ORIGINAL.PatientID, "--json", *WHY)
    assert "shell's history" in warned.stderr and json.loads(warned.stdout)[0]["pseudonym"] == at_hub["PatientID"]
    for query in (at_hub["PatientID"], at_hub["StudyInstanceUID"]):
        shown = json.loads(run(site, "pseudonym", "reidentify", query, "--json", *WHY).stdout)
        assert [(one["patient_id"], one["study_uid"]) for one in shown] == [
            (ORIGINAL.PatientID, ORIGINAL.StudyInstanceUID)
        ]
        moved = date.fromisoformat(at_hub["StudyDate"]) - date.fromisoformat(ORIGINAL.StudyDate)
        assert shown[0]["shift_days"] == moved.days
    assert run(site, "pseudonym", "find", "-", *WHY, stdin="0\n").returncode == 1
    assert run(site, "pseudonym", "reidentify", "CHU-NOBODY", *WHY).returncode == 1
    study = json.loads(run(site, "studies", "--json").stdout)[0]["study"]
    assert ORIGINAL.PatientID in run(site, "show", study, "--identify", *WHY).stdout

    listed = run(site, "pseudonym", "audit")
    uses = [line.split("  ")[2:4] for line in listed.stdout.splitlines()]
    pseudonym = at_hub["PatientID"]
    assert uses == [
        ["pseudonym find", pseudonym],
        ["pseudonym find", pseudonym],
        ["pseudonym reidentify", pseudonym],
        ["pseudonym reidentify", pseudonym],
        ["pseudonym find", "-"],
        ["pseudonym reidentify", "-"],
        ["show --identify", study],
    ]
    record = (site.directory / "vault" / "uses.jsonl").read_text()
    for value in (ORIGINAL.PatientID, str(ORIGINAL.PatientName).split("^")[0], ORIGINAL.StudyInstanceUID):
        assert value not in record and value not in listed.stdout


def test_without_a_reason_or_with_one_that_names_the_patient_there_is_no_answer(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    send(site, tmp_path, "first", 2)
    pseudonym = hub.find("studies")[0]["PatientID"]
    study = json.loads(run(site, "studies", "--json").stdout)[0]["study"]
    name = str(ORIGINAL.PatientName).split("^")[0].lower()
    for arguments in (
        ("pseudonym", "reidentify", pseudonym),
        ("show", study, "--identify"),
        ("pseudonym", "reidentify", pseudonym, "--reason", f"incident of Mme {name}"),
        ("show", study, "--identify", "--reason", ORIGINAL.PatientID),
    ):
        refused = run(site, *arguments)
        assert refused.returncode == 2 and "reason" in refused.stderr
        assert ORIGINAL.PatientID not in refused.stdout + refused.stderr
    assert run(site, "pseudonym", "audit").stdout == ""


def test_after_a_rotation_a_follow_up_stays_with_its_patient_and_the_spool_recognises_doubles(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    send(site, tmp_path, "first", 2)
    old = (site.directory / "secret.key").read_text()
    site.start()
    busy = run(site, "key", "rotate", *WHY)
    assert busy.returncode == 2 and "the node is running" in busy.stderr
    assert site.stop() == 0
    rotated = run(site, "key", "rotate", *WHY)
    assert rotated.returncode == 0 and "generation 2" in rotated.stdout, rotated.stderr
    assert (site.directory / "secret.key").read_text() != old
    send(site, tmp_path, "second", 4, days_later=21)
    studies = hub.find("studies")
    assert len(studies) == 2 and len({study["PatientID"] for study in studies}) == 1
    days = sorted(date.fromisoformat(study["StudyDate"]) for study in studies)
    assert (days[1] - days[0]).days == 21
    send(site, tmp_path, "again", 4)
    assert hub.status()["conflicts"] == 0 and len(hub.find()) == 4
    assert "generation 2" in run(site, "programme", "show").stdout
    (site.directory / "secret.key").write_text(old)
    started = run(site, "run")
    assert started.returncode == 2 and "is not the key this node has used so far" in started.stderr


def test_a_vault_that_was_cut_or_replaced_by_an_older_copy_stops_the_start(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    hub.start()
    send(site, tmp_path, "first", 2)
    vault = site.directory / "vault" / "vault"
    newest = vault.read_bytes()
    vault.write_bytes(b"".join(newest.splitlines(keepends=True)[:-1]))
    started = run(site, "run")
    assert started.returncode == 2 and "an older copy, or its end was cut" in started.stderr
    vault.unlink()
    started = run(site, "run")
    assert started.returncode == 2 and "no vault; put it back from your backup" in started.stderr
    vault.write_bytes(newest)
    vault.chmod(0o600)
    send(site, tmp_path, "second", 4, days_later=3)


def test_an_anonymised_programme_is_closed_for_good(tmp_path: Path, hub: Hub) -> None:
    site = Site(tmp_path / "site", hub.port, mode="anonymised")
    hub.start()
    try:
        send(site, tmp_path, "first", 2)
        send(site, tmp_path, "second", 4, days_later=21)
        assert len({study["PatientID"] for study in hub.find("studies")}) == 1
        assert not (site.directory / "vault" / "vault").exists() and not (site.directory / "secret.key").exists()
        study = json.loads(run(site, "studies", "--json").stdout)[0]["study"]
        for arguments in (
            ("pseudonym", "find", "1", *WHY),
            ("pseudonym", "reidentify", "1", *WHY),
            ("show", study, "--identify", *WHY),
        ):
            refused = run(site, *arguments)
            assert refused.returncode == 2 and "there is no vault" in refused.stderr
        assert "there is no vault" in run(site, "programme", "show").stdout

        other = run(site, "programme", "close", "OTHER", "--yes", *WHY)
        assert other.returncode == 2 and "is about programme FIDAC, not OTHER" in other.stderr
        mistyped = run(site, "programme", "close", "FIDAC", *WHY, stdin="FIDAK\n")
        assert mistyped.returncode != 0 and (site.directory / "programme.key").exists()
        done = run(site, "programme", "close", "FIDAC", *WHY, stdin="FIDAC\n")
        assert done.returncode == 0 and "what no program can reach" in done.stdout, done.stderr

        assert not (site.directory / "programme.key").exists()
        assert run(site, "studies", "--json").stdout.strip() == "[]"
        assert [
            file for file in (site.directory / "spool").rglob("*") if study in file.name or file.suffix == ".dcm"
        ] == []
        assert study.encode() not in b"".join(file.read_bytes() for file in (site.directory / "spool").glob("ledger*"))
        started = run(site, "run")
        assert started.returncode == 2 and "its key is destroyed, nobody can link" in started.stderr
        assert "closed on" in run(site, "programme", "show").stdout
        assert "programme close  FIDAC" in run(site, "pseudonym", "audit").stdout

        site.set("deidentify", programme="NEXT")
        assert "programme.key" in run(site, "programme", "open").stdout
        send(site, tmp_path, "third", 2)
        assert len({study["PatientID"] for study in hub.find("studies")}) == 2
    finally:
        if site.process is not None and site.process.poll() is None:
            site.kill()


def test_a_programme_with_objects_underway_is_not_closed_nor_a_pseudonymised_one(
    tmp_path: Path, hub: Hub, site: Site
) -> None:
    refused = run(site, "programme", "close", "FIDAC", "--yes", *WHY)
    assert refused.returncode == 2 and "is pseudonymised" in refused.stderr
    waiting = Site(tmp_path / "waiting", hub.port, mode="anonymised")
    fidac("site", "import", *write_series(tmp_path / "pacs", slices=2, **SMALL), "--config", waiting.config)
    refused = run(waiting, "programme", "close", "FIDAC", "--yes", *WHY)
    assert refused.returncode == 2 and "2 objects are still at this site" in refused.stderr
    assert (waiting.directory / "programme.key").exists()
