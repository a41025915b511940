"""A folder in, a folder out: the same files and the same words from one process or several."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread

from fidac_node.cli import cli
from fidac_node.deidentify import Deidentifier, Pseudonymiser, load_plan
from fidac_node.deidentify.tools import folder
from fidac_node.deidentify.tools.folder import Job, Task, deidentify_files, files_of
from fidac_node.deidentify.triage.triage import Rules
from fidac_node.dicom.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE
from fidac_node.errors import ConfigError, Permanent, Temporary
from fidac_node.identity.keyfile import create_key
from fidac_node.system import locks
from tests.unit.deidentify import build
from tests.unit.deidentify.build import KEY, ct, deidentifier, traces, write


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def job(target: Path, engine: Deidentifier | None = None, **options: bool) -> Job:
    return Job(engine or deidentifier(), Pseudonymiser(KEY, "FIDAC", "S1"), target, "unknown", build.LIMIT, **options)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four folders of a patient: slices, doubles, other versions in another folder, a screen and no object at all."""
    top = tmp_path_factory.mktemp("QUENOUILLE")
    for number in range(4):
        folder = top / f"Zephyrine {number}"
        folder.mkdir()
        for index in range(3):
            write(folder / f"{index}.dcm", ct(SOPInstanceUID=f"{build.ROOT}.7.{number}.{index}"))
        write(folder / "same.dcm", ct())
        write(folder / "version.dcm", ct(SOPInstanceUID=f"{build.ROOT}.8", KVP=str(80 + number)))
    write(top / "Zephyrine 1" / "screen.dcm", ct(ImageType=["DERIVED", "SECONDARY", "SCREEN"]))
    (top / "Zephyrine 2" / "lettre.txt").write_text("Mme Quenouille")
    return top


def content(target: Path) -> dict[str, bytes]:
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def test_results_and_files_do_not_depend_on_the_number_of_processes(tmp_path: Path, folders: Path) -> None:
    files = files_of(folders)
    runs = {}
    for workers in (1, 2, 5):
        target = tmp_path / str(workers)
        runs[workers] = list(deidentify_files(files, job(target, details=True), workers=workers)), content(target)
    results, outputs = runs[1]
    assert runs[2] == runs[5] == runs[1]
    assert [result.number for result in results] == list(range(1, len(files) + 1))
    states = [result.state for result in results]
    assert (states.count("deidentified"), states.count("duplicate"), states.count("held")) == (14, 3, 5)
    assert sorted(result.code for result in results if result.state == "held") == ["conflict"] * 3 + [
        "malformed",
        "pixel-risk",
    ]
    assert len(outputs) == 14
    assert all(traces(encoded) == [] for encoded in outputs.values())


def test_of_two_versions_the_first_in_order_of_path_is_kept(tmp_path: Path, folders: Path) -> None:
    files = [path for path in files_of(folders) if path.name == "version.dcm"]
    results = list(deidentify_files(files, job(tmp_path / "out"), workers=4))
    assert [result.state for result in results] == ["deidentified", "held", "held", "held"]
    came = f"another version of this instance came first, as {results[0].output}"
    assert results[1].message == f"{came}: they differ in KVP"
    assert build.read((tmp_path / "out" / results[0].output).read_bytes()).KVP == 80


def test_the_same_object_in_another_encoding_is_a_duplicate_unless_it_is_for_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    build.write(tmp_path / "in" / "1.dcm", build.ct())
    build.write(tmp_path / "in" / "2.dcm", build.ct(), IMPLICIT_VR_LE)
    (tmp_path / "in" / "3.dcm").write_bytes((tmp_path / "in" / "1.dcm").read_bytes() + bytes(512))
    build.write(tmp_path / "in" / "4.dcm", build.ct(PixelData=bytes(32)))
    plain = job(tmp_path / "out")
    results = list(deidentify_files(files_of(tmp_path / "in"), plain))
    assert [result.state for result in results] == ["deidentified", "duplicate", "duplicate", "held"]
    assert results[3].message.endswith(": their pixels differ")
    assert build.read((tmp_path / "out" / results[0].output).read_bytes()).file_meta.TransferSyntaxUID == EXPLICIT_VR_LE
    plain.label = "negative"
    (result, *_) = deidentify_files(files_of(tmp_path / "in"), plain)
    assert (result.state, result.code) == ("held", "conflict"), "who asks for another label is told"


class Deadly(Job):
    """Dies on certain files, as a fault in a C library or a lack of memory would have it."""

    def __call__(self, task: Task) -> folder.Result:
        if task.path.name == "1.dcm":
            self.temporary(task).write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(task)


def test_a_file_that_kills_its_process_is_held_and_the_others_go_on(tmp_path: Path, folders: Path) -> None:
    plain = job(tmp_path / "out")
    deadly = Deadly(plain.deidentifier, plain.handles, plain.target, plain.label, plain.limit)
    results = list(deidentify_files(files_of(folders), deadly, workers=2))
    crashed = [result for result in results if result.code == "crashed"]
    assert len(crashed) == 4
    assert crashed[0].message == "the process that worked on it ended unexpectedly (signal 9)"
    assert sum(result.state == "deidentified" for result in results) == 10
    assert not list((tmp_path / "out").glob(".*"))


def test_a_file_that_cannot_be_read_is_held(tmp_path: Path, folders: Path) -> None:
    loop = tmp_path / "loop.dcm"
    loop.symlink_to(loop)
    first = folders / "Zephyrine 0" / "0.dcm"
    results = list(deidentify_files([loop, first], job(tmp_path / "out")))
    assert (results[0].state, results[0].code) == ("held", "unreadable")
    assert results[0].message == f"the file cannot be read: {os.strerror(errno.ELOOP)}"
    assert results[1].state == "deidentified"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_that_cannot_be_written_ends_the_run(tmp_path: Path, folders: Path, workers: int) -> None:
    class Full(Job):
        def temporary(self, task: Task) -> Path:
            return full  # a link: whoever removes it removes no device

    plain, full = job(tmp_path / "out"), tmp_path / "full"
    full.symlink_to("/dev/full")
    unwritable = Full(plain.deidentifier, plain.handles, plain.target, plain.label, plain.limit)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        list(deidentify_files(files_of(folders)[:8], unwritable, workers=workers))


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.0)
    files = files_of(folders)[:2]
    first = deidentify_files(files, job(tmp_path))
    next(first)
    with pytest.raises(ConfigError, match="another 'fidac-node deidentify' writes there now"):
        next(deidentify_files(files, job(tmp_path)))
    list(first)
    assert [result.state for result in deidentify_files(files, job(tmp_path))] == ["duplicate", "duplicate"]


def test_a_share_that_knows_no_locks_can_be_written_to(
    tmp_path: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, taken: str) -> int:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(locks, "take", refuse)
    assert [result.state for result in deidentify_files(files_of(folders)[:2], job(tmp_path))] == ["deidentified"] * 2


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path, folders: Path) -> None:
    (tmp_path / ".part-7").write_bytes(b"half an object")
    list(deidentify_files(files_of(folders)[:1], job(tmp_path)))
    assert not (tmp_path / ".part-7").exists()


def test_a_broken_off_run_leaves_nothing_half_written(tmp_path: Path, folders: Path) -> None:
    results = deidentify_files(files_of(folders), job(tmp_path), workers=2)
    assert next(results).state == "deidentified"
    results.close()  # type: ignore[attr-defined]  # a generator, as every caller that stops early treats it
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_what_must_be_looked_at_is_held_where_nothing_looks(tmp_path: Path, folders: Path) -> None:
    engine = Deidentifier(
        load_plan("fidac-chest-ct"), Pseudonymiser(KEY, "FIDAC", "S1"), "S1", "FIDAC", rules=Rules(ocr_sample=1)
    )
    files = files_of(folders)[:2]
    plain = job(tmp_path, engine)
    assert [result.code for result in deidentify_files(files, plain)] == ["pixel-risk", "pixel-risk"]
    seen: list[str] = []
    plain.look = lambda file, _: seen.append(str(dcmread(file).SOPInstanceUID))
    assert [result.state for result in deidentify_files(files, plain)] == ["deidentified", "deidentified"]
    assert seen == [str(dcmread(file).SOPInstanceUID) for file in files]

    def text_found(file: BinaryIO, frames: int) -> None:
        raise Permanent("pixel-risk", "text is burned in")

    plain.look = text_found
    assert [result.message for result in deidentify_files(files, plain)] == ["text is burned in"] * 2

    def busy(file: BinaryIO, frames: int) -> None:
        raise Temporary("no process could be started")

    plain.look = busy
    (result, _) = deidentify_files(files, plain)
    assert (result.code, result.message) == (
        "pixel-risk",
        "nothing could look for text in its pixels: no process could be started; try again",
    )


@pytest.mark.interop("dciodvfy")
def test_the_conformance_check_reports_what_an_output_breaks(
    tmp_path: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = deidentifier()
    clean = engine.deidentify
    checked = job(tmp_path / "out", engine, check=True)
    assert [result.errors for result in deidentify_files(files_of(folders)[:1], checked)] == [()]

    def spoiling(source: object, target: object, **options: object) -> object:
        outcome = clean(source, target, **options)  # type: ignore[arg-type]
        path = Path(target.name)  # type: ignore[attr-defined]
        target.flush()  # type: ignore[attr-defined]
        path.write_bytes(path.read_bytes().replace(b"MONOCHROME2 ", b"MONOCHROME3 "))
        return outcome

    monkeypatch.setattr(engine, "deidentify", spoiling)
    (result,) = deidentify_files(files_of(folders)[:1], job(tmp_path / "spoilt", engine, check=True))
    assert "(0028,0004) PhotometricInterpretation: Unrecognized enumerated value" in " ".join(result.errors)
    assert traces(" ".join(result.errors).encode()) == []


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    create_key(path)
    return path


@pytest.mark.parametrize("workers", [1, 3])
def test_the_command_takes_any_number_of_workers(tmp_path: Path, folders: Path, key: Path, workers: int) -> None:
    report = tmp_path / "report.json"
    result = call("deidentify", folders, tmp_path / "out", "--key-file", key, "--workers", workers, "--report", report)
    assert result.exit_code == 3, result.output
    assert "14 deidentified, 3 duplicate, 5 held" in result.stderr
    written = json.loads(report.read_text())
    assert (written["deidentified"], written["duplicate"], written["held"], written["complete"]) == (14, 3, 5, True)


@pytest.mark.interop("dciodvfy")
def test_the_command_checks_conformance_when_asked(tmp_path: Path, folders: Path, key: Path) -> None:
    arguments = ("deidentify", folders / "Zephyrine 0", tmp_path / "out", "--key-file", key, "--check-conformance")
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    assert "nonconforming" not in result.stderr


def test_the_command_says_how_to_get_what_looks_for_text(
    tmp_path: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    assert call("site", "init", site, "--site-id", "S1", "--hub", "HUB@127.0.0.1:11113").exit_code == 0
    monkeypatch.setenv("FIDAC_NODE_DEIDENTIFY_OCR_SAMPLE", "1")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = call("deidentify", folders, tmp_path / "out", "-c", site / "site.toml")
    assert result.exit_code == 2 and "tesseract" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_command_says_how_to_get_the_conformance_check(
    tmp_path: Path, folders: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = call("deidentify", folders, tmp_path / "out", "--key-file", key, "--check-conformance")
    assert result.exit_code == 2 and "apt-get install dicom3tools" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_real_study_from_two_processes_is_that_from_one(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    source = tmp_path / "in"
    for number in range(2):
        shutil.copytree(shared_data("ge_lidc0003_small"), source / str(number))
    outputs = []
    for workers in (1, 2):
        target = tmp_path / f"out{workers}"
        results = list(deidentify_files(files_of(source), job(target), workers=workers))
        assert [result.state for result in results] == ["deidentified"] * 11 + ["duplicate"] * 11
        outputs.append(content(target))
    assert outputs[0] == outputs[1]
