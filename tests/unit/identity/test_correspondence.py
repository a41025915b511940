"""The list of who is who that an upload page saves: opened with the site's key alone, and never believed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.cli import cli
from fidac_node.config.config import SiteConfig, load_site, render
from fidac_node.deidentify import load_plan
from fidac_node.deidentify.plan import dump
from fidac_node.errors import ConfigError
from fidac_node.identity.correspondence import opened, sealed
from fidac_node.identity.keyfile import read_key
from fidac_node.identity.keys import create_keys, open_keys, rotate
from fidac_node.portal.inside import Bench
from tests.unit.deidentify import build

NONCE = bytes(range(12))
REASON = "studies that were uploaded"


class Bytes(bytes):
    """As JavaScript hands bytes over."""

    def to_bytes(self) -> bytes:
        return bytes(self)


class File:
    """A file as a browser reads it."""

    def __init__(self, path: Path) -> None:
        self._content = path.read_bytes()
        self.size = len(self._content)

    def read(self, start: int, length: int) -> Bytes:
        return Bytes(self._content[start : start + length])


def told(directory: Path, secret: bytes, programme: str = "FIDAC", **values: Any) -> dict[str, Any]:
    """What the browser's worker tells of an image."""
    path = build.write(directory / "original.dcm", build.ct(**values))
    bench = Bench(dump(load_plan("fidac-chest-ct")), Bytes(secret), "LILLE", programme, "ABC234")
    done = bench.correspondent(File(path))
    assert not done.held
    found: dict[str, Any] = json.loads(done.said)
    return found


@pytest.fixture
def site(tmp_path: Path) -> SiteConfig:
    path = tmp_path / "site.toml"
    path.write_text(render(SiteConfig, {"site": {"id": "LILLE", "code": "ABC234"}}), "utf-8")
    (tmp_path / "spool").mkdir()
    config = load_site(path)
    create_keys(config.programme)
    return config


def run(config: SiteConfig, *words: str) -> Result:
    return CliRunner().invoke(cli, ["site", "pseudonym", *words, "--config", str(config.path)])


def save(config: SiteConfig, *studies: dict[str, Any], secret: bytes = b"", programme: str = "FIDAC") -> str:
    path = config.path.parent / "of.correspondence"
    path.write_bytes(sealed(studies, secret or read_key(config.programme.key_file), programme, NONCE))
    return str(path)


def test_what_was_uploaded_can_be_reidentified_at_the_site_that_has_the_key(site: SiteConfig, tmp_path: Path) -> None:
    secret = read_key(site.programme.key_file)
    first = told(tmp_path, secret)
    second = told(tmp_path, secret, StudyInstanceUID=f"{build.ROOT}.7", PatientID="IPP5", PatientName="MARTIN^Léa")
    file = save(site, first, second)
    done = run(site, "import", file, "--reason", REASON)
    assert (done.exit_code, done.stdout) == (0, "2 studies entered into the vault, 0 were known\n"), done.output
    assert run(site, "import", file, "--reason", REASON).stdout == "0 studies entered into the vault, 2 were known\n"
    answer = run(site, "reidentify", second["new_study_uid"], "--reason", "incidental finding").stdout
    assert "PatientName: MARTIN^Léa" in answer and "PatientID: IPP5" in answer
    acts = run(site, "audit").stdout
    assert "pseudonym import" in acts and "MARTIN" not in acts
    with closing(open_keys(site.programme)) as keys:
        assert keys.vault is not None
        assert keys.vault.identities(keys.handles.study_handle(first["study_uid"]))[0].pseudonym == first["pseudonym"]


def test_a_list_of_before_a_rotation_is_read_with_the_key_of_then(site: SiteConfig, tmp_path: Path) -> None:
    old = read_key(site.programme.key_file)
    study = told(tmp_path, old)
    rotate(site.programme, lambda: None)
    done = run(site, "import", save(site, study, secret=old), "--reason", REASON)
    assert done.exit_code == 0 and "start the node again" in done.stderr
    with closing(open_keys(site.programme)) as keys:
        assert keys.patients.of(study["issuer"], study["patient_id"]).uid(study["study_uid"]) == study["new_study_uid"]


def test_another_person_under_the_same_number_is_not_entered(site: SiteConfig, tmp_path: Path) -> None:
    secret = read_key(site.programme.key_file)
    other = told(tmp_path, secret, StudyInstanceUID=f"{build.ROOT}.7", PatientBirthDate="19990101")
    done = run(site, "import", save(site, told(tmp_path, secret), other), "--reason", REASON)
    assert (done.exit_code, done.stdout) == (3, "1 studies entered into the vault, 0 were known\n")
    assert "PatientBirthDate" in done.stderr and "19990101" not in done.output


@pytest.mark.parametrize(
    ("change", "programme", "said"),
    [
        ({"pseudonym": "ABC234-AAAAAAAAAAAAAAAA"}, "FIDAC", "compare [site] id and code"),
        ({"new_study_uid": "2.25.1"}, "FIDAC", "compare [site] id and code"),
        ({"shift_days": True}, "FIDAC", "does not understand"),
        ({"patient_id": None}, "FIDAC", "does not understand"),
        ({}, "OTHER", "of another programme"),
    ],
)
def test_what_the_key_would_not_make_is_refused(
    site: SiteConfig, tmp_path: Path, change: dict[str, Any], programme: str, said: str
) -> None:
    study = told(tmp_path, read_key(site.programme.key_file)) | change
    done = run(site, "import", save(site, study, programme=programme), "--reason", REASON)
    assert done.exit_code == 2 and said in done.stderr, done.output
    assert "QUENOUILLE" not in done.output and "Traceback" not in done.output


def test_another_key_and_what_is_no_list_are_named(site: SiteConfig, tmp_path: Path) -> None:
    done = run(site, "import", save(site, told(tmp_path, build.KEY), secret=build.KEY), "--reason", REASON)
    assert done.exit_code == 2 and "made with another key" in done.stderr
    assert "this is no list" in run(site, "import", str(site.path), "--reason", REASON).stderr


@given(st.integers(0, 400), st.binary(max_size=3))
def test_whatever_is_changed_in_a_list_nothing_of_it_is_believed(at: int, put: bytes) -> None:
    whole = sealed([{"handle": "x"}], build.KEY, "FIDAC", NONCE)
    changed = whole[: at % len(whole)] + put + whole[at % len(whole) + len(put) + 1 :]
    with pytest.raises(ConfigError):
        opened(changed, [build.KEY], "FIDAC", "LILLE")
