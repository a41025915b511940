"""Keys, vault and modes: what does not fit together stops the start with its remedy; rotation keeps old links."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from fidac_node.config.config import SiteConfig, load_site, render
from fidac_node.deidentify import Deidentifier, load_plan, open_source
from fidac_node.deidentify.rewrite.pseudonym import check_value
from fidac_node.errors import ConfigError, Permanent
from fidac_node.identity.keyfile import create_key, read_key
from fidac_node.identity.keys import (
    ANONYMISED,
    SiteKeys,
    begin,
    close_programme,
    closed,
    create_keys,
    key_files,
    open_keys,
    rotate,
    take_alone,
    vault_file,
)
from fidac_node.identity.vault import Vault
from fidac_node.system import locks
from tests.unit.deidentify import build
from tests.unit.identity.test_vault import LEFEVRE

Make = Callable[..., SiteConfig]


@pytest.fixture
def site(tmp_path: Path) -> Make:
    """Return a function that writes settings and makes what they need."""

    def make(*, made: bool = True, **deidentify: object) -> SiteConfig:
        path = tmp_path / "site.toml"
        path.write_text(render(SiteConfig, {"site": {"id": "CHU-LILLE"}, "deidentify": deidentify}), "utf-8")
        (tmp_path / "spool").mkdir(exist_ok=True)
        config = load_site(path)
        if made:
            create_keys(config.programme)
        return config

    return make


def opened(config: SiteConfig) -> SiteKeys:
    """The keys as a started node has them; commands may change them."""
    keys = open_keys(config.programme)
    begin(config.programme, keys)
    keys.close()
    return keys


def enter(keys: SiteKeys, patient_id: str) -> str:
    """What a worker does with a patient's study; returns the pseudonym."""
    pseudonym = keys.patients.of("CHU", patient_id).patient("CHU", patient_id)
    assert keys.vault is not None
    keys.vault.enter(replace(LEFEVRE, handle=f"s{patient_id}", patient_id=patient_id, pseudonym=pseudonym))
    return pseudonym


def cut(*_: object) -> None:
    """Stands in for a step that is not reached."""
    raise OSError(5, "power failure")


def nothing() -> None:
    """What 'before' does when nothing is recorded."""


def refused(config: SiteConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        open_keys(config.programme)
    assert re.search(
        r"restore|put .*back|chmod|set mode|choose|correct|site init|close|run |back up|needs one of its own",
        str(raised.value),
        re.IGNORECASE,
    )


# --- what each mode has


def test_a_pseudonymised_site_has_two_keys_and_a_vault(site: Make) -> None:
    config = site()
    assert [path.name for path in key_files(config.programme)] == ["secret.key", "vault.key"]
    assert vault_file(config.programme).is_file() and not config.deidentify.programme_key_file.exists()
    keys = opened(config)
    assert keys.patients is keys.handles and keys.generation == 1 and keys.vault is not None


def test_an_anonymised_site_has_one_key_and_neither_secret_nor_vault(site: Make) -> None:
    config = site(mode=ANONYMISED)
    assert [path.name for path in key_files(config.programme)] == ["programme.key"]
    assert not config.deidentify.key_file.exists() and not vault_file(config.programme).exists()
    keys = opened(config)
    assert keys.vault is None
    assert keys.patients is keys.handles, "spool names must not be linkable by a key that outlives the programme"


def test_the_secret_of_the_site_makes_neither_pseudonym_nor_handle_of_an_anonymised_programme(site: Make) -> None:
    config = site()
    under_secret = opened(config)
    shutil.rmtree(config.deidentify.vault_directory)
    anonymised = opened(site(mode=ANONYMISED))
    assert config.deidentify.key_file.exists()
    for make in ("study_handle", "instance_handle", "uid"):
        assert getattr(under_secret.handles, make)("1.2.3") != getattr(anonymised.handles, make)("1.2.3")


def test_two_studies_of_a_patient_stay_together_as_long_as_the_programme_is_open(site: Make) -> None:
    first, second = opened(site(mode=ANONYMISED)), opened(site(mode=ANONYMISED))
    assert first.patients.of("", "42").patient("", "42") == second.patients.of("", "42").patient("", "42")


def test_making_keys_again_makes_nothing_and_a_lost_one_is_not_made_anew(site: Make) -> None:
    config = site()
    before = {path: path.read_bytes() for path in key_files(config.programme)}
    assert create_keys(config.programme) == []
    assert {path: path.read_bytes() for path in key_files(config.programme)} == before
    config.deidentify.vault_key_file.unlink()
    with pytest.raises(ConfigError, match=r"vault\.key: this key is missing.*backup"):
        create_keys(config.programme)


def test_what_an_interrupted_init_left_is_finished(site: Make) -> None:
    config = site(made=False)
    create_key(config.deidentify.key_file)
    assert [path.name for path in create_keys(config.programme)] == ["vault.key", "vault"]


# --- what stops the start


@pytest.mark.parametrize("name", ["secret.key", "vault.key"])
def test_each_key_that_others_may_read_or_that_is_missing_short_or_not_random_stops_the_start(
    site: Make, name: str
) -> None:
    config = site()
    path = config.path.parent / name
    path.chmod(0o640)
    refused(config, f"{name}: others may read the key")
    path.chmod(0o600)
    path.write_text("ab" * 31)
    refused(config, f"{name}: the key has 31 bytes")
    path.write_text("00" * 32)
    refused(config, f"{name}: the key is not random")
    path.unlink()
    refused(config, f"{name}: no key file")


def test_the_key_of_an_anonymised_programme_is_checked_as_well(site: Make) -> None:
    config = site(mode=ANONYMISED)
    config.deidentify.programme_key_file.chmod(0o644)
    refused(config, "programme.key: others may read the key")
    config.deidentify.programme_key_file.unlink()
    refused(config, "programme.key: no key file")


def test_another_secret_than_the_vaults_stops_the_start(site: Make) -> None:
    config = site()
    opened(config)
    config.deidentify.key_file.write_text(secrets.token_hex(32))
    refused(config, r"secret\.key is not the key this node has used so far, says its vault")


def test_another_vault_key_stops_the_start(site: Make) -> None:
    config = site()
    config.deidentify.vault_key_file.write_text(secrets.token_hex(32))
    refused(config, "the vault cannot be decrypted with this key")


def test_one_key_for_both_uses_stops_the_start(site: Make) -> None:
    config = site()
    shutil.copy(config.deidentify.key_file, config.deidentify.vault_key_file)
    refused(config, "holds the same key as .*secret.key")


def test_a_missing_or_damaged_vault_stops_the_start(site: Make) -> None:
    config = site()
    enter(opened(config), "42")
    lines = vault_file(config.programme).read_bytes().splitlines(keepends=True)
    vault_file(config.programme).write_bytes(b"".join(lines[:2] + lines[3:]))
    refused(config, "the vault is damaged at record 1")
    vault_file(config.programme).unlink()
    refused(config, "no vault")


@pytest.mark.parametrize("change", [{"programme": "OTHER"}, {"vault_directory": "vault", "programme": "OTHER"}])
def test_the_vault_of_another_programme_stops_the_start(site: Make, change: dict[str, object]) -> None:
    opened(site())
    refused(site(made=False, **change), "belongs to site CHU-LILLE, programme FIDAC, and not to CHU-LILLE, OTHER")


def test_a_vault_in_anonymised_mode_stops_the_start_and_the_reverse(site: Make) -> None:
    site()
    refused(site(made=False, mode=ANONYMISED), "mode is anonymised, but .*vault says who is behind")
    shutil.rmtree(site().deidentify.vault_directory)
    site(mode=ANONYMISED)
    refused(site(made=False), "mode is pseudonymised, but .*programme.key belongs to an anonymised programme")


def test_a_node_without_its_spool_is_told_how_to_make_it(site: Make) -> None:
    config = site()
    config.spool.directory.rmdir()
    refused(config, "no spool")


# --- rotation


def test_after_rotations_known_patients_keep_all_and_new_ones_get_the_newest_secret(site: Make) -> None:
    config = site()
    first = opened(config)
    pseudonyms = {"1": enter(first, "1")}
    assert rotate(config.programme, nothing) == 2
    second = opened(config)
    pseudonyms["2"] = enter(second, "2")
    assert rotate(config.programme, nothing) == 3
    third = opened(config)
    pseudonyms["3"] = enter(third, "3")
    assert third.generation == 3
    for keys in (third, opened(config)):
        for number, origin in (("1", first), ("2", second), ("3", third)):
            mine, old = keys.patients.of("chu", f" {number} "), origin.patients.of("CHU", number)
            assert mine.patient("CHU", number) == pseudonyms[number] == old.patient("CHU", number)
            assert (mine.uid("1.2.3"), mine.shift_days("CHU", number)) == (
                old.uid("1.2.3"),
                old.shift_days("CHU", number),
            )
    assert len({keys.patients.of("CHU", "9").uid("1.2.3") for keys in (first, second, third)}) == 3


def test_names_in_the_spool_and_the_ledgers_fingerprint_outlive_a_rotation(site: Make) -> None:
    config = site()
    before = opened(config)
    rotate(config.programme, nothing)
    after = opened(config)
    assert after.handles.study_handle("1.2.3") == before.handles.study_handle("1.2.3")
    assert after.fingerprint == before.fingerprint


def test_the_old_secret_is_nowhere_in_the_clear_and_no_more_accepted(site: Make) -> None:
    config = site()
    opened(config)
    old, text = read_key(config.deidentify.key_file), config.deidentify.key_file.read_text()
    rotate(config.programme, nothing)
    for file in config.path.parent.rglob("*"):
        assert not file.is_file() or (text.strip().encode() not in file.read_bytes() and old not in file.read_bytes())
    vault = Vault(vault_file(config.programme), read_key(config.deidentify.vault_key_file))
    assert [generation.secret for generation in vault.generations] == [old]
    config.deidentify.key_file.write_text(text)
    refused(config, "is not the key this node has used so far")


def test_a_rotation_cut_short_after_the_key_was_replaced_goes_on_with_the_new_secret(
    site: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = site()
    pseudonym, text = enter(opened(config), "1"), config.deidentify.key_file.read_text()
    with monkeypatch.context() as patch:
        patch.setattr(Vault, "turn", cut)
        with pytest.raises(OSError, match="power failure"):
            rotate(config.programme, nothing)
    keys = opened(config)
    assert keys.generation == 2 and keys.patients.of("CHU", "1").patient("CHU", "1") == pseudonym
    config.deidentify.key_file.write_text(text)
    refused(config, "is not the key this node has used so far")


@pytest.mark.parametrize("step", ["retire", "replace_key"])
def test_a_rotation_cut_short_leaves_the_old_secret_in_use_and_can_be_done_again(
    site: Make, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    config = site()
    keys = opened(config)
    pseudonym, old = enter(keys, "1"), read_key(config.deidentify.key_file)
    with monkeypatch.context() as patch:
        patch.setattr(f"fidac_node.identity.{'vault.Vault' if step == 'retire' else 'keys'}.{step}", cut)
        with pytest.raises(OSError, match="power failure"):
            rotate(config.programme, nothing)
    again = opened(config)
    assert read_key(config.deidentify.key_file) == old and again.generation == 1
    assert enter(again, "2") == keys.patients.of("CHU", "2").patient("CHU", "2")
    assert rotate(config.programme, nothing) == 2
    assert opened(config).patients.of("CHU", "1").patient("CHU", "1") == pseudonym


def test_a_wrong_secret_after_a_rotation_stops_the_start(site: Make) -> None:
    config = site()
    opened(config)
    rotate(config.programme, nothing)
    config.deidentify.key_file.write_text(secrets.token_hex(32))
    refused(config, "is not the key this node has used so far")


def test_keys_are_not_changed_while_a_node_uses_them_nor_used_while_they_change(
    site: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fidac_node.system.locks._PATIENCE", 0.0)
    config = site()
    with closing(open_keys(config.programme)), closing(open_keys(config.programme)):
        with pytest.raises(ConfigError, match=r"the node is running.*stop it first"):
            rotate(config.programme, nothing)
        with pytest.raises(ConfigError, match="the node is running"):
            take_alone(config.programme)
    lock = take_alone(config.programme)
    with pytest.raises(ConfigError, match="try again when it is done"):
        open_keys(config.programme)
    locks.release(lock)
    opened(config)


def test_an_anonymised_programme_is_not_rotated_and_says_why(site: Make) -> None:
    with pytest.raises(ConfigError, match=r"every patient would become a new one.*Close the programme"):
        rotate(site(mode=ANONYMISED).programme, nothing)


def test_the_use_is_recorded_before_anything_changes_and_only_when_all_is_well(site: Make) -> None:
    config = site()
    opened(config)
    seen: list[bytes] = []
    rotate(config.programme, lambda: seen.append(read_key(config.deidentify.key_file)))
    assert len(seen) == 1 and check_value(seen[0]) != check_value(read_key(config.deidentify.key_file))
    config.deidentify.vault_key_file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod"):
        rotate(config.programme, lambda: seen.append(b""))
    assert len(seen) == 1


# --- closing


def test_a_closed_programme_has_no_key_and_never_starts_again(site: Make) -> None:
    config = site(mode=ANONYMISED)
    assert closed(config.programme) is None
    close_programme(config.programme)
    assert not config.deidentify.programme_key_file.exists() and closed(config.programme) is not None
    refused(config, r"programme FIDAC was closed on \d{4}-\d\d-\d\d: its key is destroyed, nobody can link")
    with pytest.raises(ConfigError, match="was closed on"):
        create_keys(config.programme)


def test_after_closing_another_programme_can_be_opened_with_another_key(site: Make) -> None:
    config = site(mode=ANONYMISED)
    before = opened(config).handles.uid("1.2.3")
    close_programme(config.programme)
    other = site(mode=ANONYMISED, programme="NEXT")
    assert opened(other).handles.uid("1.2.3") != before
    close_programme(other.programme)
    refused(other, "programme NEXT was closed")
    refused(site(made=False, mode=ANONYMISED), "programme FIDAC was closed")


def test_closing_that_was_interrupted_stops_the_start_and_can_be_finished(
    site: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = site(mode=ANONYMISED)
    with monkeypatch.context() as patch:
        patch.setattr("fidac_node.identity.keys.destroy_key", cut)
        with pytest.raises(OSError, match="power failure"):
            close_programme(config.programme)
    refused(config, "closing was interrupted; run 'fidac-node site programme close' again")
    close_programme(config.programme)
    assert not config.deidentify.programme_key_file.exists()


# --- what a worker enters


def engine(config: SiteConfig, keys: SiteKeys) -> Deidentifier:
    return Deidentifier(load_plan("fidac-chest-ct"), keys.patients, config.site.id, config.deidentify.programme)


@pytest.mark.parametrize("rotated", [False, True], ids=["first secret", "after a rotation"])
@pytest.mark.parametrize("issuer", ["", "Hôpital Bretonneau "])
def test_the_vault_names_the_patient_whom_the_object_is_about(
    site: Make, tmp_path: Path, issuer: str, *, rotated: bool
) -> None:
    config = site()
    keys = opened(config)
    if rotated:
        rotate(config.programme, nothing)
        keys = opened(config)
    ds = build.ct(IssuerOfPatientID=issuer)
    path = build.write(tmp_path / "in.dcm", ds)
    deidentifier = engine(config, keys)
    encoded, outcome = build.run(path, deidentifier)
    with open_source(path, build.LIMIT) as source:
        for _ in range(2):
            keys.enter("aaaaaaaaaaaa", source, deidentifier.plan.digest, outcome.pseudonym)
    assert keys.vault is not None
    (study,) = keys.vault.studies()
    written = build.read(encoded)
    assert (study.patient_id, study.patient_name, study.birth_date, study.accession_number, study.study_uid) == (
        ds.PatientID,
        str(ds.PatientName),
        ds.PatientBirthDate,
        ds.AccessionNumber,
        ds.StudyInstanceUID,
    )
    assert (study.pseudonym, study.new_study_uid) == (written.PatientID, written.StudyInstanceUID)
    assert date.fromisoformat(written.StudyDate) - date.fromisoformat(ds.StudyDate) == timedelta(study.shift_days)
    assert study.profile == deidentifier.plan.digest


def test_an_object_under_another_key_than_the_vaults_is_not_entered(site: Make, tmp_path: Path) -> None:
    keys = opened(site())
    path = build.write(tmp_path / "in.dcm", build.ct())
    _, outcome = build.run(path)
    with (
        open_source(path, build.LIMIT) as source,
        pytest.raises(Permanent, match="the vault would name another patient"),
    ):
        keys.enter("aaaaaaaaaaaa", source, "", outcome.pseudonym)
    assert keys.vault is not None and list(keys.vault.studies()) == []


def test_in_an_anonymised_programme_nothing_is_entered_anywhere(site: Make, tmp_path: Path) -> None:
    config = site(mode=ANONYMISED)
    keys = opened(config)
    path = build.write(tmp_path / "in.dcm", build.ct())
    _, outcome = build.run(path, engine(config, keys))
    before = set(config.path.parent.rglob("*"))
    with open_source(path, build.LIMIT) as source:
        keys.enter("aaaaaaaaaaaa", source, "", outcome.pseudonym)
    assert set(config.path.parent.rglob("*")) == before
