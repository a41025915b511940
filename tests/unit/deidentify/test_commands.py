"""``fidac-node profile`` and ``fidac-node deidentify``, as people and scripts use them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fidac_node.cli import cli
from fidac_node.deidentify import create_key, load_plan, profiles_directory
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, read, traces, write


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    create_key(path)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder named like a patient: two slices, a double, a screen, an empty file and a letter."""
    folder = tmp_path / "QUENOUILLE Zephyrine" / "ct"
    folder.mkdir(parents=True)
    write(folder / "1.dcm", ct())
    write(folder / "2.dcm", ct(SOPInstanceUID=f"{build.ROOT}.33"))
    shutil.copy(folder / "1.dcm", folder / "3.dcm")
    write(folder / "4.dcm", ct(ImageType=["DERIVED", "SECONDARY", "SCREEN"], SOPInstanceUID=f"{build.ROOT}.34"))
    (folder / "5.dcm").touch()
    (folder / "lettre.txt").write_text("Mme Quenouille")
    write(folder / "z.dcm", ct(KVP="100"))
    return folder.parent


def test_profiles_are_listed_with_digest_and_title() -> None:
    result = call("profile", "list")
    assert result.exit_code == 0
    for name in ("fidac-chest-ct", "basic-only"):
        (line,) = (line for line in result.stdout.splitlines() if line.startswith(name))
        assert load_plan(name).digest[:8] in line and "PS3.15 Basic Profile" in line


def test_a_profile_is_shown_as_it_is_written() -> None:
    assert call("profile", "show", "basic-only").stdout == (profiles_directory() / "basic-only.deid").read_text(encoding="ascii")
    result = call("profile", "show", "none")
    assert result.exit_code == 2 and "there is no profile 'none'" in result.stderr


@pytest.mark.parametrize("name", ["fidac-chest-ct", "basic-only"])
def test_the_profiles_that_come_with_the_program_are_understood(name: str) -> None:
    result = call("profile", "check", name)
    assert result.exit_code == 0 and load_plan(name).digest in result.stdout


def test_check_tells_every_problem_of_a_file_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "own.deid"
    path.write_text("FORMAT dicom\n%header\nREMOV PatientName\nREMOVE PatientNam\n")
    result = call("profile", "check", path)
    assert result.exit_code == 1
    assert f"{path}:3: 'REMOV' is no action; did you mean REMOVE?" in result.stderr
    path.write_text("FORMAT dicom\n%header\nREMOVE PatientNam\n")
    assert f"{path}:3: 'PatientNam' is no keyword of PS3.6; did you mean PatientName?" in call("profile", "check", path).stderr
    assert call("profile", "check", path.rename(tmp_path / "own.txt")).exit_code == 2


def test_own_recipes_are_found_in_their_folder(tmp_path: Path) -> None:
    shutil.copy(profiles_directory() / "basic-only.deid", tmp_path / "ours.deid")
    (tmp_path / "bad.deid").write_text("nothing")
    listed = call("profile", "list", "-d", tmp_path).stdout
    assert any(line.startswith("ours ") for line in listed.splitlines())
    assert any(line.startswith("bad ") and "broken" in line for line in listed.splitlines())
    assert call("profile", "check", "ours", "-d", tmp_path).exit_code == 0


def test_explain_says_attribute_by_attribute_what_happens_and_why() -> None:
    result = call("profile", "explain", "fidac-chest-ct", "PatientID", "(0008,0020)", "--format", "json")
    rows = {row["attribute"]: row for row in json.loads(result.stdout)}
    assert rows["PatientID"]["meaning"] == "replaced by the patient's pseudonym"
    assert rows["StudyDate"]["clause"] == "PS3.15 Table E.1-1: Z, Modified Dates (E.3.6) C"
    assert len(call("profile", "explain", "basic-only").stdout.splitlines()) > 650
    assert call("profile", "explain", "basic-only", "Nonsense").exit_code == 1


def test_a_tree_goes_in_and_a_tree_without_names_comes_out(tmp_path: Path, tree: Path, key: Path) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    result = call("deidentify", tree, out, "--profile", "fidac-chest-ct", "--key-file", key, "--report", report, "--label", "certain")
    assert result.exit_code == 3, result.output
    content = json.loads(report.read_text())
    assert {name: content[name] for name in ("deidentified", "duplicate", "held")} == {"deidentified": 2, "duplicate": 1, "held": 4}
    assert [entry.get("code") for entry in content["objects"]] == [None, None, None, "pixel-risk", "malformed", "malformed", "conflict"]
    assert content["profile_digest"] == load_plan("fidac-chest-ct").digest
    files = sorted(path for path in out.rglob("*") if path.is_file())
    assert {entry["output"] for entry in content["objects"] if "output" in entry} == {str(path.relative_to(out)) for path in files}
    assert len(files) == 2 and all(traces(path.read_bytes()) == [] for path in files)
    assert traces((report.read_text() + result.output + " ".join(map(str, files)).replace(str(tmp_path), "")).encode()) == []
    assert read(files[0].read_bytes()).private_block(0x0F1D, "FIDAC NODE 1")[1].value == "CERTAIN"
    assert "2 deidentified, 1 duplicate, 4 held" in result.stderr
    assert "file 4 held (pixel-risk)" in result.stdout


def test_a_second_run_changes_nothing(tmp_path: Path, tree: Path, key: Path) -> None:
    out = tmp_path / "out"
    arguments = ("deidentify", tree / "ct" / "1.dcm", out, "--key-file", key)
    assert call(*arguments).exit_code == 0
    (first,) = out.rglob("*.dcm")
    before = first.stat()
    result = call(*arguments)
    assert result.exit_code == 0 and "0 deidentified, 1 duplicate" in result.stderr
    assert list(out.rglob("*.dcm")) == [first] and first.stat() == before


def test_input_names_are_reported_only_when_asked_for(tmp_path: Path, tree: Path, key: Path) -> None:
    result = call("deidentify", tree, tmp_path / "out", "--key-file", key, "--report", "-", "--names")
    start = result.stdout.index("{\n")
    assert json.loads(result.stdout[start:])["objects"][0]["source"] == str(tree / "ct" / "1.dcm")


def test_the_settings_of_a_site_are_taken(tmp_path: Path, tree: Path) -> None:
    site = tmp_path / "site"
    assert call("site", "init", site, "--site-id", "CHU-X", "--hub", "HUB@127.0.0.1:11113").exit_code == 0
    out = tmp_path / "out"
    assert call("deidentify", tree / "ct" / "1.dcm", out, "-c", site / "site.toml").exit_code == 0
    (path,) = out.rglob("*.dcm")
    assert read(path.read_bytes()).ClinicalTrialSiteID == "CHU-X"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("IN", "OUT", "--profile", "fidac-chest-ct"), "--key-file is needed"),
        (("IN", "OUT", "--profile", "none", "--key-file", "KEY"), "there is no profile 'none'"),
        (("IN", "IN/out", "--key-file", "KEY"), "lies within"),
        (("IN", "IN", "--key-file", "KEY"), "lies within"),
        (("none", "OUT", "--key-file", "KEY"), "does not exist"),
        (("IN", "OUT", "--key-file", "none"), "no key file"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(
    tmp_path: Path, tree: Path, key: Path, arguments: tuple[str, ...], message: str
) -> None:
    named = {"IN": tree, "IN/out": tree / "out", "OUT": tmp_path / "out", "KEY": key}
    result = call("deidentify", *(named.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2 and message in result.output
    assert not (tmp_path / "out").exists()
