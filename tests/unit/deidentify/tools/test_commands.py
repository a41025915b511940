"""``fidac-node profile`` and ``fidac-node deidentify``, as people and scripts use them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fidac_node.cli import cli
from fidac_node.deidentify import load_plan, profiles_directory
from fidac_node.identity.keyfile import create_key
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, raw_element, read, traces, write


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


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of a site's own: a layer, a profile that it is part of, a layer that is no recipe."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    lines = [
        "# ours: for the tests",
        "# option: 113108",
        "",
        "# Smoking bears on the lung.",
        "KEEP SmokingStatus",
        "REMOVE PatientSize",
    ]
    (folder / "ours.deid").write_text("\n".join(["FORMAT dicom", "%header", *lines, ""]), encoding="ascii")
    (folder / "bad.deid").write_text("nothing")
    parts = '"basic", "patient-characteristics", "ours"'
    (folder / "programmes.toml").write_text(f'[lung]\ntitle = "a lung"\nlayers = [{parts}]\n', encoding="utf-8")
    return folder


def test_profiles_and_layers_are_listed(own: Path) -> None:
    result = call("profile", "list")
    assert result.exit_code == 0
    for name in ("fidac-chest-ct", "fidac-chest-ct-device", "basic-only"):
        (line,) = (line for line in result.stdout.splitlines() if line.startswith(f"{name} "))
        assert load_plan(name).digest[:8] in line and "basic " in line
    assert re.search(r"^modified-dates +23 +113107 +PS3\.15 E\.3\.6", result.stdout, re.MULTILINE)
    listed = call("profile", "list", "-d", own).stdout
    assert re.search(r"^lung +[0-9a-f]{8} +basic patient-characteristics ours +a lung$", listed, re.MULTILINE)
    assert re.search(r"^ours +2 +113108 +for the tests$", listed, re.MULTILINE) and re.search(
        r"^bad +broken ", listed, re.MULTILINE
    )


def test_a_layer_is_shown_as_it_is_written_and_a_profile_with_the_origin_of_each_line() -> None:
    text = (profiles_directory() / "basic.deid").read_text(encoding="ascii")
    assert call("profile", "show", "basic").stdout == text
    shown = call("profile", "show", "fidac-chest-ct").stdout.splitlines()
    assert shown[: text.count("\n")] == [
        f"basic.deid:{number}: {line}".rstrip() for number, line in enumerate(text.splitlines(), start=1)
    ]
    number = (profiles_directory() / "chest-ct.deid").read_text(encoding="ascii").splitlines().index("KEEP Rows") + 1
    assert f"chest-ct.deid:{number}: KEEP Rows" in shown
    result = call("profile", "show", "none")
    assert result.exit_code == 2 and "there is no profile 'none'" in result.stderr


def test_the_lines_that_hold_are_shown_as_one_recipe(tmp_path: Path) -> None:
    path = tmp_path / "fidac-chest-ct.deid"
    path.write_text(call("profile", "show", "fidac-chest-ct", "--merged").stdout, encoding="ascii")
    assert load_plan(str(path)) == load_plan("fidac-chest-ct")


@pytest.mark.parametrize("name", ["fidac-chest-ct", "fidac-chest-ct-device", "basic-only"])
def test_the_profiles_that_come_with_the_program_are_understood(name: str) -> None:
    result = call("profile", "check", name)
    assert result.exit_code == 0 and load_plan(name).digest in result.stdout
    assert str(profiles_directory()) not in result.stdout, (
        "what is meant to lie upon another layer is counted, not listed"
    )


def test_check_tells_every_problem_of_a_file_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "own.deid"
    path.write_text("FORMAT dicom\n%header\nREMOV PatientName\nREMOVE PatientNam\n")
    result = call("profile", "check", path)
    assert result.exit_code == 1
    assert f"{path}:3: 'REMOV' is no action; did you mean REMOVE?" in result.stderr
    path.write_text("FORMAT dicom\n%header\nREMOVE PatientNam\n")
    assert (
        f"{path}:3: 'PatientNam' is no keyword of PS3.6; did you mean PatientName?"
        in call("profile", "check", path).stderr
    )
    assert call("profile", "check", path.rename(tmp_path / "own.txt")).exit_code == 2


def test_check_tells_what_is_hidden_and_what_is_weakened_with_file_and_line(own: Path) -> None:
    result = call("profile", "check", "lung", "-d", own)
    assert result.exit_code == 0, result.output
    layer, below = own / "ours.deid", profiles_directory() / "patient-characteristics.deid"
    number = below.read_text().splitlines().index("KEEP PatientSize") + 1
    hidden = (
        f"{layer}:8: 'REMOVE PatientSize' goes before 'KEEP PatientSize' ({below}:{number}); "
        "if that is not meant, drop it"
    )
    assert hidden in result.stdout.splitlines()
    assert "patient-characteristics.deid goes before basic.deid in 6 lines" in result.stdout
    assert "less strict than the Basic Profile by the option Patient Characteristics: 4 attributes" in result.stdout
    everything = call("profile", "check", "lung", "-d", own, "--all").stdout
    permitted = "'KEEP SmokingStatus': Table E.1-1 has X, the option Patient Characteristics permits it"
    assert f"{layer}:7: {permitted}" in everything and f"{below}:{number}: 'KEEP PatientSize' goes before" in everything


def test_check_refuses_what_no_option_permits_and_tells_the_remedy(own: Path) -> None:
    layer = own / "ours.deid"
    layer.write_text(
        layer.read_text().replace("# option: 113108\n", "").replace("REMOVE PatientSize", "KEEP AccessionNumber")
    )
    result = call("profile", "check", "lung", "-d", own)
    assert result.exit_code == 1 and "may not be kept" in result.stderr
    assert (
        f"{layer}:7: AccessionNumber may not be kept (PS3.15 Table E.1-1: Z): no option permits it; or write 'REMOVE"
        in result.stderr
    )
    layer.write_text("FORMAT dicom\n%header\nKEEP Rows\nKEEP Rows\nKEEP Colums\n")
    result = call("profile", "check", "lung", "-d", own)
    assert (
        f"{layer}:4: Rows has its action on line 3 already" in result.stderr
        and f"{layer}:5: 'Colums' is no keyword" in result.stderr
    )


def test_a_layer_is_checked_by_itself(own: Path) -> None:
    for name in ("ours", str(own / "ours.deid")):
        result = call("profile", "check", name, "-d", own)
        assert result.exit_code == 0 and "ours: a layer of 2 lines: every line is understood" in result.stdout
    assert call("profile", "check", "basic").stdout.startswith("basic: one layer, ")
    assert call("profile", "check", "bad", "-d", own).exit_code == 1


def test_explain_says_attribute_by_attribute_what_happens_and_why(own: Path) -> None:
    result = call("profile", "explain", "fidac-chest-ct", "PatientID", "(0008,0020)", "--format", "json")
    rows = {row["attribute"]: row for row in json.loads(result.stdout)}
    assert rows["PatientID"]["meaning"] == "replaced by the patient's pseudonym"
    assert rows["StudyDate"]["clause"] == "PS3.15 Table E.1-1: Z, Modified Dates (E.3.6) C"
    (smoking,) = json.loads(call("profile", "explain", "lung", "SmokingStatus", "-d", own, "--format", "json").stdout)
    assert smoking["reason"] == "Smoking bears on the lung." and smoking["line"] == "ours.deid:7"
    assert smoking["clause"] == "PS3.15 Table E.1-1: X, Patient Characteristics (E.3.7) K"
    assert len(call("profile", "explain", "basic-only").stdout.splitlines()) > 650
    assert call("profile", "explain", "basic-only", "Nonsense").exit_code == 1


def test_diff_says_what_two_profiles_do_differently(own: Path) -> None:
    result = call("profile", "diff", "fidac-chest-ct", "fidac-chest-ct-device", "--format", "json")
    rows = {row["attribute"]: row for row in json.loads(result.stdout)}
    assert rows["DeviceSerialNumber"] == {
        "tag": "(0018,1000)", "attribute": "DeviceSerialNumber", "vr": "LO", "fidac-chest-ct": "dummy",
        "fidac-chest-ct-device": "keep",
    }  # fmt: skip
    assert "StudyDate" not in rows and rows["options (CID 7050)"]["fidac-chest-ct-device"].endswith("113109, 113111")
    assert call("profile", "diff", "basic-only", "basic-only").stdout.splitlines() == [
        "tag  attribute  vr  basic-only (1)  basic-only (2)"
    ]
    assert call("profile", "diff", "basic-only", "lung", "-d", own, "--values").exit_code == 2


def test_diff_on_files_tells_each_element_that_becomes_another_and_no_value(tmp_path: Path, tree: Path) -> None:
    folder = tree / "ct"
    item = build.dataset(SeriesDescription="Thorax QUENOUILLE", PatientName="QUENOUILLE^Z")
    write(
        folder / "6.dcm",
        ct(RequestAttributesSequence=[item], SeriesDescription="THORAX", Allergies=""),
        build.SYNTAXES[1],
    )
    files = (folder / "1.dcm", folder / "2.dcm", folder / "6.dcm")
    result = call("profile", "diff", "fidac-chest-ct", "basic-only", *files, "--format", "json")
    assert result.exit_code == 0, result.output
    rows = {row["tag"]: row for row in json.loads(result.stdout)}
    assert rows["(0008,0020)"] == {
        "tag": "(0008,0020)", "attribute": "StudyDate", "fidac-chest-ct": "shift: replaced", "basic-only": "blank",
        "elements": 3,
    }  # fmt: skip
    assert rows["(0008,103E)"]["fidac-chest-ct"] == "clean: unchanged" and rows["(0008,103E)"]["basic-only"] == "remove"
    assert rows["(0040,0275)"]["fidac-chest-ct"] == "keep" and rows["(0040,0275)"]["basic-only"] == "remove"
    assert rows["(0040,0275).(0008,103E)"]["fidac-chest-ct"] == "clean: replaced"
    assert rows["(0040,0275).(0010,0010)"]["basic-only"] == "remove"
    assert "(0010,0020)" not in rows and traces(result.output.encode()) == []


def test_diff_prints_values_only_when_asked_and_says_so(tree: Path) -> None:
    result = call(
        "profile", "diff", "fidac-chest-ct", "basic-only", tree / "ct" / "1.dcm", "--values", "--format", "json"
    )
    rows = {row["tag"]: row for row in json.loads(result.stdout)}
    assert rows["(0008,1030)"]["before"] == "Thorax de QUENOUILLE" and rows["(0008,1030)"]["basic-only: after"] == "-"
    assert "QUENOUILLE" not in rows["(0008,1030)"]["fidac-chest-ct: after"]
    assert "These values identify people" in result.stderr


@pytest.mark.parametrize("syntax", build.SYNTAXES)
def test_diff_reads_every_encoding_and_goes_on_after_what_it_cannot_read(tree: Path, syntax: str) -> None:
    made = write(tree / "ct" / "7.dcm", ct(SeriesDescription="THORAX"), syntax)
    result = call("profile", "diff", "fidac-chest-ct", "basic-only", tree / "ct" / "5.dcm", made, "--format", "csv")
    assert (
        result.exit_code == 1 and "file 1: " in result.stderr and "1 of 2 files could not be compared" in result.stderr
    )
    assert '"(0008,103E)",SeriesDescription,clean: unchanged,remove,1' in result.stdout.splitlines()
    assert '"(0008,0020)",StudyDate,shift: replaced,blank,1' in result.stdout.splitlines()


def test_a_tree_goes_in_and_a_tree_without_names_comes_out(tmp_path: Path, tree: Path, key: Path) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    result = call(
        "deidentify",
        tree,
        out,
        "--profile",
        "fidac-chest-ct",
        "--key-file",
        key,
        "--report",
        report,
        "--label",
        "certain",
    )
    assert result.exit_code == 3, result.output
    content = json.loads(report.read_text())
    assert {name: content[name] for name in ("deidentified", "duplicate", "held")} == {
        "deidentified": 2,
        "duplicate": 1,
        "held": 4,
    }
    assert [entry.get("code") for entry in content["objects"]] == [
        None,
        None,
        None,
        "pixel-risk",
        "malformed",
        "malformed",
        "conflict",
    ]
    assert content["profile_digest"] == load_plan("fidac-chest-ct").digest
    files = sorted(path for path in out.rglob("*") if path.is_file())
    assert {entry["output"] for entry in content["objects"] if "output" in entry} == {
        str(path.relative_to(out)) for path in files
    }
    assert len(files) == 2 and all(traces(path.read_bytes()) == [] for path in files)
    told = result.output.replace(str(tree), "")  # to who named it
    assert traces((report.read_text() + told + " ".join(map(str, files)).replace(str(tmp_path), "")).encode()) == []
    assert read(files[0].read_bytes()).private_block(0x0F1D, "FIDAC NODE 1")[1].value == "CERTAIN"
    assert "2 deidentified, 1 duplicate, 4 held" in result.stderr
    assert "file 4 held (pixel-risk)" in result.stdout


def told(path: Path, number: int) -> None:
    """A CT slice of which one value is to be written right, and one that nobody can understand."""
    write(path, ct(SliceThickness=None, KVP=None, SOPInstanceUID=f"{build.ROOT}.{number}"))
    encoded = build.insert(path.read_bytes(), raw_element(0x00180050, "DS", b"1,25"))
    path.write_bytes(build.insert(encoded, raw_element(0x00180060, "DS", b"about 120 ")))


def test_every_loss_is_told_in_the_report_and_counted_at_the_end(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "0.dcm", ct())
    for number in (41, 42):
        told(folder / f"{number}.dcm", number)
    report = tmp_path / "report.json"
    result = call("deidentify", folder, tmp_path / "out", "--key-file", key, "--report", report)
    content = json.loads(report.read_text())
    assert (content["normalised"], content["lost"]) == (2, 2)
    assert sorted((one.get("normalised", []), one.get("lost", [])) for one in content["objects"]) == [
        ([], []),
        (["(0018,0050) SliceThickness"], ["(0018,0060) KVP"]),
        (["(0018,0050) SliceThickness"], ["(0018,0060) KVP"]),
    ]
    assert "about 120" not in report.read_text()
    ending = "3 deidentified, 0 duplicate, 0 held, 2 with values written right, 2 with values lost (not understood)"
    assert result.stderr.splitlines()[-1] == ending


def test_a_run_in_which_nothing_is_lost_says_nothing_of_it(tmp_path: Path, tree: Path, key: Path) -> None:
    result = call("deidentify", tree / "ct" / "1.dcm", tmp_path / "out", "--key-file", key)
    assert result.stderr.splitlines()[-1] == "1 deidentified, 0 duplicate, 0 held"


def test_who_runs_it_is_told_the_path_of_what_is_held_and_nobody_else(
    tmp_path: Path, tree: Path, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    (tree / "ct" / "lettre.txt").rename(tree / "ct" / "lettre\x1b[2J\n.txt")
    report = tmp_path / "report.json"
    result = call("deidentify", tree, tmp_path / "out", "--key-file", key, "--report", report)
    held = [line for line in result.stdout.splitlines() if " held (" in line]
    names = [f"{tree}/ct/{name}" for name in ("4.dcm", "5.dcm", r"lettre\x1b[2J\n.txt", "z.dcm")]
    assert [line.partition(": ")[0] for line in held] == names
    assert held[0].startswith(f"{names[0]}: file 4 held (pixel-risk): ")
    assert "QUENOUILLE" not in report.read_text() + caplog.text
    result = call("deidentify", tree, tmp_path / "out", "--key-file", key, "--report", "-")
    assert "QUENOUILLE" not in result.stdout and all(name in result.stderr for name in names)


def test_a_second_run_changes_nothing(tmp_path: Path, tree: Path, key: Path) -> None:
    out = tmp_path / "out"
    arguments = ("deidentify", tree / "ct" / "1.dcm", out, "--key-file", key)
    assert call(*arguments).exit_code == 0
    (first,) = out.rglob("*.dcm")
    before = first.stat()[:7], first.stat().st_mtime_ns, first.stat().st_ctime_ns  # it may be read
    result = call(*arguments)
    assert result.exit_code == 0 and "0 deidentified, 1 duplicate" in result.stderr
    assert list(out.rglob("*.dcm")) == [first]
    assert (first.stat()[:7], first.stat().st_mtime_ns, first.stat().st_ctime_ns) == before


def test_input_names_are_reported_only_when_asked_for(tmp_path: Path, tree: Path, key: Path) -> None:
    result = call("deidentify", tree, tmp_path / "out", "--key-file", key, "--report", "-", "--names")
    start = result.stdout.index("{\n")
    sources = {entry["number"]: entry["source"] for entry in json.loads(result.stdout[start:])["objects"]}
    assert sources[1] == str(tree / "ct" / "1.dcm") and sorted(sources) == list(range(1, len(sources) + 1))


def test_neither_times_nor_the_report_tell_the_order_of_the_input(tmp_path: Path, key: Path) -> None:
    source, out, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.json"
    source.mkdir()
    for number in range(12):
        build.write(
            source / f"{number:02d}.dcm",
            build.ct(StudyInstanceUID=f"1.2.{number % 4}", SOPInstanceUID=f"1.2.3.{number}"),
        )
    build.write(source / "99.dcm", build.ct(PatientID=""))
    assert call("deidentify", source, out, "--key-file", key, "--report", report).exit_code == 3
    *objects, held = json.loads(report.read_text())["objects"]
    outputs = [entry["output"] for entry in objects]
    assert len(outputs) == 12 and outputs == sorted(outputs) and not any("number" in entry for entry in objects)
    assert (held["state"], held["number"]) == ("held", 13)
    assert {path.stat().st_mtime for path in out.rglob("*")} == {315_532_800}


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
