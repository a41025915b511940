"""The report: one JSON document, small whatever the number of objects, without a word of theirs."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from fidac_node.cli import cli
from fidac_node.deidentify.tools.report import FORMAT, Report, recipe_of, tag_path
from fidac_node.identity.keyfile import create_key
from tests.unit.deidentify import build
from tests.unit.deidentify.build import ct, dataset, enhanced, traces, write

PATIENT_NAME, REQUESTS, PRIVATE = 0x00100010, 0x00400275, 0x00291010


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    create_key(path)
    return path


def reported(source: Path, key: Path, *more: object) -> dict[str, object]:
    path = source.parent / "report.json"
    result = call("deidentify", source, source.parent / "out", "--key-file", key, "--report", path, *more)
    assert result.exit_code in (0, 3), result.output
    content: dict[str, object] = json.loads(path.read_text("ascii"))
    return content


def test_a_recipe_names_each_tag_path_once_with_every_action() -> None:
    taken = [
        ((PATIENT_NAME,), "pid"),
        ((REQUESTS, 0x00400007), "remove"),
        ((REQUESTS, 0x00400007), "clean"),
        ((PRIVATE,), "remove"),
    ]
    assert json.loads(recipe_of([*taken, *taken])) == {
        "(0010,0010) PatientName": "pid",
        "(0040,0275).(0040,0007) ScheduledProcedureStepDescription": "remove, clean",
        "(0029,1010)": "remove",
    }


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("PatientID (0010,0020) is empty", "(0010,0020)"),
        ("a name of the input is in (0040,0275).(0010,0010) PatientName", "(0040,0275).(0010,0010)"),
        ("not a DICOM file", ""),
    ],
)
def test_the_tag_path_of_a_reason_is_told_apart(message: str, path: str) -> None:
    assert tag_path(message) == path


@given(st.lists(st.tuples(st.text(max_size=20), st.sampled_from(["", "a", "b", "c"])), max_size=12), st.booleans())
def test_a_report_is_one_document_that_holds_every_entry(entries: list[tuple[str, str]], finished: bool) -> None:
    target = io.StringIO()
    with Report(target, {"site": "é\n"}) as report:
        for text, letter in entries:
            report.add({"message": text}, recipe_of([((PATIENT_NAME,), letter)]) if letter else "")
        if finished:
            report.finish({"held": 3})
    content = json.loads(target.getvalue())
    assert (content["format"], content["site"], content["complete"]) == (FORMAT, "é\n", finished)
    assert [entry["message"] for entry in content["objects"]] == [text for text, _ in entries]
    for entry, (_, letter) in zip(content["objects"], entries, strict=True):
        assert ("recipe" in entry) is bool(letter)
        if letter:
            assert content["recipes"][entry["recipe"]] == {"(0010,0010) PatientName": letter}
    assert len(content["recipes"]) == len({letter for _, letter in entries if letter})
    assert content.get("held") == (3 if finished else None)


def test_a_run_that_is_broken_off_leaves_a_whole_document_that_says_so() -> None:
    target = io.StringIO()

    def interrupted() -> None:
        with Report(target, {}) as report:
            report.add({"number": 1})
            report.finish({})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    content = json.loads(target.getvalue())
    assert content["complete"] is False and content["objects"] == [{"number": 1}]


def test_a_report_on_many_different_objects_is_not_held_in_memory() -> None:
    class Nowhere(io.StringIO):
        def write(self, text: str, /) -> int:
            return len(text)

    tracemalloc.start()
    try:
        with Report(Nowhere(), {}) as report:
            for number in range(2000):
                report.add({"number": number}, json.dumps({f"({number:04X},0010)": "x" * 5000}))
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20  # the tables have 10 MB


def test_each_object_tells_the_action_at_every_tag_path(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    ds = ct(RequestAttributesSequence=[dataset(ScheduledProcedureStepID="SPS1", RequestedProcedureID="QUENOUILLE")])
    write(folder / "1.dcm", ds)
    write(
        folder / "2.dcm", ct(SOPInstanceUID=f"{build.ROOT}.5", RequestAttributesSequence=ds.RequestAttributesSequence)
    )
    content = reported(folder, key)
    one, two = content["objects"]  # type: ignore[misc]
    assert one["recipe"] == two["recipe"] == 0
    (recipe,) = content["recipes"]  # type: ignore[misc]
    assert recipe["(0010,0010) PatientName"] == "pid"
    assert recipe["(0010,0030) PatientBirthDate"] in ("blank", "remove")
    assert recipe["(0008,0020) StudyDate"] == "shift"
    assert recipe["(0018,0060) KVP"] == "keep"
    assert recipe["(0020,000D) StudyInstanceUID"] == "uid"
    assert "(0040,0275).(0040,1001) RequestedProcedureID" in recipe
    assert sum(one["actions"].values()) == len(recipe)


def test_a_series_of_many_frames_has_a_recipe_of_a_page(tmp_path: Path, key: Path) -> None:
    content = reported(write(tmp_path / "many.dcm", enhanced(40)), key)
    (recipe,) = content["recipes"]  # type: ignore[misc]
    assert recipe["(5200,9230).(0020,9113).(0020,0032) ImagePositionPatient"] == "keep"
    assert len(recipe) < 100
    assert content["objects"][0]["actions"]["moment"] >= 40  # type: ignore[index]


def test_a_held_object_tells_number_rule_and_tag(tmp_path: Path, key: Path) -> None:
    content = reported(write(tmp_path / "QUENOUILLE.dcm", ct(PatientID="")), key)
    (entry,) = content["objects"]  # type: ignore[misc]
    assert (entry["number"], entry["state"], entry["code"], entry["tag"]) == (1, "held", "no-patient-id", "(0010,0020)")
    assert "recipe" not in entry and content["recipes"] == []


def test_no_identity_is_in_a_report(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "QUENOUILLE^Zephyrine"
    folder.mkdir()
    write(folder / "8003412765.dcm", ct())
    write(folder / "b.dcm", ct(KVP="100"))
    write(folder / "c.dcm", ct(PatientID=""))
    write(folder / "d.dcm", ct(StudyInstanceUID=""))
    (folder / "Mme Quenouille").write_bytes(b"QUENOUILLE" * 40)
    reported(folder, key)
    assert traces((tmp_path / "report.json").read_bytes()) == []
    content = reported(folder, key, "--names")
    assert [entry["source"] for entry in content["objects"]] == [str(path) for path in sorted(folder.iterdir())]  # type: ignore[attr-defined]


def test_a_report_on_standard_output_stands_there_alone(tmp_path: Path, key: Path) -> None:
    result = call(
        "deidentify", write(tmp_path / "a.dcm", ct(PatientID="")), tmp_path / "out", "--key-file", key, "--report", "-"
    )
    assert json.loads(result.stdout)["held"] == 1
    assert "file 1 held (no-patient-id)" in result.stderr
