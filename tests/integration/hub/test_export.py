"""``fidac-node hub export``: what comes out is what was filed, all of it, however often it is broken off."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from fidac_node.cli import cli
from fidac_node.config.config import load_hub
from fidac_node.hub.archive import Archive
from fidac_node.hub.export import plan
from fidac_node.hub.filing import Filer
from fidac_node.hub.index import Registry
from fidac_node.hub.index.models import OBJECTS
from fidac_node.operations.export import Progress, export
from fidac_node.operations.index import StudyFilter, opened
from fidac_node.spool.queue import Spool
from fidac_node.system import disk
from fidac_node.system.database import connect
from tests.hub_objects import data_set, put, uid

ROOT = Path(__file__).parents[3]
COLUMNS = "path,sha256,bytes,site,PatientID,StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID,label"
Hub = Callable[..., Result]


def slices(patient: int, series: int, *, gap_after: int = 99, tilt: float = 0.0) -> list[Dataset]:
    """Twelve slices, 1.25 mm apart."""
    return [
        data_set(
            *(patient, 1, series, number),
            SliceThickness="1.25",
            SeriesNumber=series,
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, tilt * number, 1.25 * (number + (number > gap_after))],
            BitsStored=16,
            HighBit=15,
            PixelRepresentation=1,
            SamplesPerPixel=1,
            PhotometricInterpretation="MONOCHROME2",
            RescaleSlope="1",
            RescaleIntercept="0",
        )
        for number in range(1, 13)
    ]


def filed(directory: Path, objects: list[Dataset]) -> None:
    spool = Spool(directory / "spool/inbox")
    db = connect("sqlite:///index.db", directory)
    filer = Filer(spool, Archive(directory / "archive"), db, Registry(db))
    filer.recover()
    for ds in objects:
        put(spool, ds)
    filer.file(spool.claim("file", 1000))
    filer.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub with two patients of two series each; copied for each test, for it takes a while."""
    directory = tmp_path_factory.mktemp("made") / "hub"
    CliRunner().invoke(cli, ["hub", "init", str(directory)], catch_exceptions=False)
    where = ["-c", str(directory / "hub.toml")]
    CliRunner().invoke(cli, ["hub", "site", "add", "LILLE", "--ae-title", "LILLE_NODE", *where], catch_exceptions=False)
    shapes = [slices(1, 1), slices(1, 2), slices(2, 1, gap_after=7), slices(2, 2, tilt=0.5)]
    filed(directory, [ds for series in shapes for ds in series])
    return directory


@pytest.fixture
def directory(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "hub", ignore=shutil.ignore_patterns("inbox"))  # it has pipes
    return tmp_path / "hub"


@pytest.fixture
def hub(directory: Path) -> Hub:
    def run(*arguments: object, code: int = 0) -> Result:
        where = ["-c", str(directory / "hub.toml")]
        result = CliRunner().invoke(cli, ["hub", *map(str, arguments), *where], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return run


def manifest(root: Path) -> list[dict[str, str]]:
    with (root / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def archived(directory: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in (directory / "archive").rglob("*.dcm")}


def check_whole(root: Path, directory: Path, number: int = 48) -> None:
    """Every file is the archive's, the manifest says what each is, and there is nothing else."""
    rows, originals = manifest(root), archived(directory)
    assert len(rows) == number == len(list(root.rglob("*.dcm")))
    for row in rows:
        content = (root / row["path"]).read_bytes()
        assert content == originals[row["SOPInstanceUID"]]
        assert (row["sha256"], row["bytes"]) == (hashlib.sha256(content).hexdigest(), str(len(content)))
        assert row["path"].split("/")[:3] == [row["PatientID"], row["StudyInstanceUID"], row["SeriesInstanceUID"]]
    assert not list(root.rglob("*.part"))


def test_an_export_is_a_tree_with_a_manifest_of_verified_files_and_its_series_as_tables(
    hub: Hub, directory: Path, tmp_path: Path
) -> None:
    result = hub("export", "--to", tmp_path / "out")
    assert "48 objects in 4 series of 2 studies" in result.stdout
    assert "copying 48 of 48 objects" in result.stderr and "MiB/s, 0 s left" in result.stderr
    check_whole(tmp_path / "out", directory)
    assert (tmp_path / "out/manifest.csv").read_text().startswith(COLUMNS)
    with (tmp_path / "out/series.csv").open(newline="") as file:
        series = list(csv.DictReader(file))
    assert [row["instances"] for row in series] == ["12"] * 4
    assert {row["path"] for row in series} == {row["path"].rpartition("/")[0] for row in manifest(tmp_path / "out")}
    from pyarrow.parquet import read_table

    table = read_table(tmp_path / "out/series.parquet").to_pylist()
    assert [row["SeriesInstanceUID"] for row in table] == [row["SeriesInstanceUID"] for row in series]
    assert (table[0]["PixelSpacing"], table[0]["StudyDate"].isoformat(), table[0]["contrast"]) == (
        *([0.7, 0.8], "2003-12-31", False),
    )
    with (tmp_path / "out/data-dictionary.csv").open(newline="") as file:
        explained = {(row["table"], row["column"]) for row in csv.DictReader(file)}
    assert {("series.csv, series.parquet", name) for name in table[0]} <= explained
    assert {("manifest.csv", name) for name in manifest(tmp_path / "out")[0]} <= explained


def test_filters_choose_and_the_record_of_acts_says_so(hub: Hub, directory: Path, tmp_path: Path) -> None:
    hub("export", "--study-uid", uid(1, 1), "--series-number", 2, "--to", tmp_path / "out")
    check_whole(tmp_path / "out", directory, 12)
    (act,) = json.loads(hub("audit", "--act", "export", "--json").stdout)
    assert act["what"] == f"instances: study_uid {uid(1, 1)}, series_number 2; to out"
    assert (act["number"], act["studies"]) == (12, {uid(1, 1): "PSEUDO0001"})
    assert "no instance matches" in hub("export", "--modality", "MR", "--to", tmp_path / "none", code=1).output
    assert not (tmp_path / "none").exists()


@contextmanager
def broken_off(directory: Path, to: Path, when: str) -> Any:
    """The export, killed with kill -9 when ``when`` holds of its progress."""
    code = (
        "import os, sys; from pathlib import Path; from fidac_node.config.config import load_hub\n"
        "from fidac_node.operations.export import export; from fidac_node.operations.index import opened, StudyFilter\n"
        "def tell(progress):\n"
        f"    if {when}: os.kill(os.getpid(), 9)\n"
        "config = load_hub(Path(sys.argv[1]))\n"
        "with opened(config) as db: export(config, db, StudyFilter(), Path(sys.argv[2]), tell)"
    )
    command = [sys.executable, "-c", code, str(directory / "hub.toml"), str(to)]
    yield subprocess.run(command, cwd=ROOT, check=False, capture_output=True)


@pytest.mark.parametrize("name", ["out", "out.zip"])
@pytest.mark.parametrize("step", ["copying", "verifying"])
def test_killed_at_any_step_the_same_again_goes_on_and_all_is_verified(
    hub: Hub, directory: Path, tmp_path: Path, name: str, step: str
) -> None:
    with broken_off(directory, tmp_path / name, f"progress.step == '{step}' and progress.done.objects == 20") as done:
        assert done.returncode == -9, done.stderr
    assert not (tmp_path / "out.zip").exists() and not (tmp_path / "out/manifest.csv").exists()
    result = hub("export", "--to", tmp_path / name)
    assert f"{28 if step == 'copying' else 0} copied now" in result.stdout
    if name == "out.zip":
        with zipfile.ZipFile(tmp_path / name) as file:
            assert file.testzip() is None and len(set(file.namelist())) == len(file.namelist()) == 52
            file.extractall(tmp_path / "out")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["hub", "out", "out.zip"]
    check_whole(tmp_path / "out", directory)


def test_a_zip_that_lost_its_end_in_the_middle_of_an_object_goes_on_behind_the_last_whole_one(
    hub: Hub, directory: Path, tmp_path: Path
) -> None:
    with broken_off(directory, tmp_path / "out.zip", "progress.done.objects == 20"):
        pass
    part = tmp_path / "out.zip.part"
    os.truncate(part, part.stat().st_size - 100)
    assert "29 copied now" in hub("export", "--to", tmp_path / "out.zip").stdout
    with zipfile.ZipFile(tmp_path / "out.zip") as file:
        assert file.testzip() is None
        file.extractall(tmp_path / "out")
    check_whole(tmp_path / "out", directory)


def test_said_again_it_mends_what_was_changed_brings_what_is_new_and_takes_away_what_is_no_more(
    hub: Hub, directory: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    hub("export", "--to", out)
    files = sorted(out.rglob("*.dcm"))
    files[0].write_bytes(files[0].read_bytes()[:-1] + b"X")
    files[1].unlink()
    (out / "notes.txt").write_text("mine")
    filed(directory, [data_set(3)])
    with connect("sqlite:///index.db", directory) as db:  # as a withdrawal does it
        *_, study, series, instance = OBJECTS
        gone = [row.id for row in series.select().join(study).where(study.study_instance_uid == uid(2, 1)).execute(db)]
        instance.delete().where(instance.series.in_(gone)).execute(db)
    result = hub("export", "--to", out)
    assert "24 files taken away" in result.stderr and "25 objects" in result.stdout
    check_whole(out, directory, 25)
    assert not (out / "PSEUDO0002").exists() and (out / "notes.txt").read_text() == "mine"


def test_what_the_archive_has_changed_or_lost_is_named_and_there_is_no_manifest(
    hub: Hub, directory: Path, tmp_path: Path
) -> None:
    first, second, third, *_ = sorted((directory / "archive").rglob("*.dcm"))
    first.write_bytes(first.read_bytes()[:-2] + b"XX")
    second.unlink()
    third.write_bytes(third.read_bytes() + b"more")
    for name in ("out", "out.zip"):
        result = hub("export", "--to", tmp_path / name, code=1)
        assert result.stderr.count("NOT EXPORTED") == 3
        assert all(path.stem in result.stderr for path in (first, second, third))
        assert "3 objects are not verified, 45 are; no manifest was written" in result.stderr
    assert not (tmp_path / "out/manifest.csv").exists() and not (tmp_path / "out.zip").exists()


def test_what_is_withdrawn_while_it_is_exported_is_not_in_it(hub: Hub, directory: Path, tmp_path: Path) -> None:
    def withdraw(progress: Progress) -> None:
        if progress.step == "verifying" and progress.done.objects == 40:
            with connect("sqlite:///index.db", directory) as other:
                *_, instance = OBJECTS
                instance.delete().where(instance.sop_instance_uid == uid(1, 1, 1, 1)).execute(other)

    config = load_hub(directory / "hub.toml")
    with opened(config) as db:
        result = export(config, db, StudyFilter(), tmp_path / "out", withdraw)
    assert list(result.failed.values()) == ["it was withdrawn meanwhile; run the same again"]
    assert not (tmp_path / "out/manifest.csv").exists() and not list((tmp_path / "out").rglob(f"{uid(1, 1, 1, 1)}.dcm"))
    hub("export", "--to", tmp_path / "out")
    check_whole(tmp_path / "out", directory, 47)


def test_no_pseudonym_leads_out_of_the_folder(tmp_path: Path) -> None:
    names = ["../../etc", "/etc/passwd", "..", ".", "", "a/b", "CON\0", "x" * 64, "PSEUDO-1", "-rf", "~", "é" * 30]
    found = [plan.folder_name(name) for name in names]
    assert len(set(found)) == len(names)
    for name in found:
        assert (tmp_path / name).resolve().parent == tmp_path and not name.startswith((".", "-", "~"))
    assert plan.folder_name("PSEUDO-1") == "PSEUDO-1"


def test_an_object_whose_pseudonym_is_a_path_is_exported_inside(hub: Hub, directory: Path, tmp_path: Path) -> None:
    filed(directory, [data_set(7, PatientID="../../../evil")])
    hub("export", "--study-uid", uid(7, 1), "--to", tmp_path / "out")
    (row,) = manifest(tmp_path / "out")
    assert (tmp_path / "out" / row["path"]).resolve().is_relative_to(tmp_path / "out")
    assert row["PatientID"] == "../../../evil" and not list(tmp_path.rglob("evil"))


def test_what_somebody_else_put_there_is_left_alone(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/a").write_text("a")
    (tmp_path / "file").write_text("b")
    (tmp_path / "there.zip").write_text("c")
    for name, said in (("foreign", "no export put there"), ("file", "is no folder"), ("there.zip", "is there already")):
        assert said in hub("export", "--to", tmp_path / name, code=2).output
    assert [(tmp_path / name).read_text() for name in ("foreign/a", "file", "there.zip")] == ["a", "b", "c"]
    hub("export", "--to", tmp_path / "out", "--series-number", 1)
    assert "was begun for another question" in hub("export", "--to", tmp_path / "out", code=2).output


def test_the_hubs_own_folders_are_no_place_for_an_export(hub: Hub, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(directory / "archive")
    for place in (directory / "archive/out", directory / "spool/out.zip", tmp_path / "way/out"):
        assert "is in the hub's own" in hub("export", "--to", place, code=2).output
        assert not place.exists()


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_a_disk_that_fills_is_named_and_afterwards_the_same_goes_on(
    hub: Hub, directory: Path, tmp_path: Path, name: str
) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = data_set(9)
    large[0x7FE00010].value = bytes(300_000)
    filed(directory, [large])
    with ignored(signal.SIGXFSZ):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
        try:
            said = hub("export", "--patient", "PSEUDO0009", "--to", tmp_path / name, code=1).output
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert f"{tmp_path / name}: File too large; see to it, then run the same again" in said
    assert "1 object in" in hub("export", "--patient", "PSEUDO0009", "--to", tmp_path / name).stdout


@contextmanager
def ignored(number: signal.Signals) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_IGN)
    yield
    signal.signal(number, before)


def test_a_link_in_the_folder_is_not_followed(hub: Hub, tmp_path: Path) -> None:
    hub("export", "--to", tmp_path / "out")
    shutil.rmtree(tmp_path / "out/PSEUDO0001")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/PSEUDO0001").symlink_to(tmp_path / "elsewhere")
    assert "an export writes into its own folders" in hub("export", "--to", tmp_path / "out", code=2).output
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_room_nothing_is_begun(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "room", lambda _: disk.Room(10_000, 1_000_000))
    for name in ("out", "out.zip"):
        assert "nothing was copied; make room" in hub("export", "--to", tmp_path / name, code=1).output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hub"]


def test_two_exports_into_one_folder_do_not_meet(hub: Hub, tmp_path: Path) -> None:
    from fidac_node.system import locks

    hub("export", "--to", tmp_path / "out")
    lock = locks.take(tmp_path / "out/.fidac-export/lock", "")
    assert "another export" in hub("export", "--to", tmp_path / "out", code=2).output
    locks.release(lock)


def test_a_dicomdir_names_every_file_as_the_standard_has_it(hub: Hub, directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    hub("export", "--dicomdir", "--to", out)
    assert len(manifest(out)) == 48
    with warnings.catch_warnings(action="ignore"):  # pydicom leaves a temporary folder to the garbage collector
        found = FileSet(dcmread(out / "DICOMDIR"))
    assert {instance.SOPInstanceUID for instance in found} == set(archived(directory))
    assert len(found.find_values("SeriesInstanceUID")) == 4
    for instance in found:
        assert dcmread(instance.path).SOPInstanceUID == instance.SOPInstanceUID
        assert all(len(part) <= 8 for part in Path(instance.path).relative_to(out).parts)
    found._stage["t"].cleanup()


@pytest.mark.interop("dcm2niix")
def test_nifti_is_made_of_even_stacks_and_refused_aloud_of_others(hub: Hub, directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = hub("export", "--nifti", "--to", out, code=3)
    made = sorted(path.name for path in (out / "NIFTI").rglob("*.nii.gz"))
    assert made == [f"{uid(1, 1, number)}.nii.gz" for number in (1, 2)]
    assert (
        f"NO NIFTI of PSEUDO0002/{uid(2, 1)}/{uid(2, 1, 1)}: its slices are 1.25 mm apart, but 2.50 mm" in result.stderr
    )
    assert "the gantry was tilted" in result.stderr
    with (out / "series.csv").open(newline="") as file:
        said = [row["nifti"] for row in csv.DictReader(file)]
    assert [(out / path).exists() for path in said[:2]] == [True, True]
    assert [text.startswith("none: ") for text in said[2:]] == [True, True]
    assert len(manifest(out)) == 48
    with connect("sqlite:///index.db", directory) as db:  # as a withdrawal does it
        *_, instance = OBJECTS
        instance.delete().where(instance.sop_instance_uid == uid(1, 1, 1, 1)).execute(db)
    hub("export", "--to", out)
    assert not list((out / "NIFTI").rglob("*.nii.gz")), "no volume still has what was withdrawn"
